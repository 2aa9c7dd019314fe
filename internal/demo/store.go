package demo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/serve"
)

// The store's products that the story names.
const (
	monthly = "hinata.monthly"
	light   = "hinata.light"
	premium = "hinata.premium"
	beans   = "hinata.beans"
	recipes = "hinata.recipes"
)

const (
	renewalOff = "store.did_change_renewal_status.auto_renew_disabled"
	storeDays  = 75   // before today the store opened
	graceDays  = 16   // that the app grants
	lifeSpeed  = 8640 // of the lively ones: a month passes in five minutes
)

// doing is something that a shopper does in the store.
type doing func(s *appstoresim.Store, who string) error

func buys(product string) doing {
	return func(s *appstoresim.Store, who string) error {
		_, err := s.Buy(appstoresim.Purchase{Customer: who, Product: product})
		return err
	}
}

func renews(on bool) doing {
	return func(s *appstoresim.Store, who string) error { return s.Renew(who, monthly, on) }
}

func card(works bool) doing {
	return func(s *appstoresim.Store, who string) error { return s.Card(who, works) }
}

// asksBack asks for the money of the last purchase.
func asksBack(s *appstoresim.Store, who string) error {
	last, err := s.Last(who)
	if err != nil {
		return err
	}
	return s.AskRefund(last, "UNSATISFIED_WITH_PURCHASE")
}

// getsBack has the store pay the last purchase back.
func getsBack(s *appstoresim.Store, who string) error {
	last, err := s.Last(who)
	if err != nil {
		return err
	}
	return s.Decide(last, 100)
}

// turn is one doing in the story of a shopper, days before today.
type turn struct {
	day int
	do  doing
}

// turns are the stories that the subscribers of the app take in rotation.
var turns = [][]turn{
	{{27, buys(monthly)}, {20, buys(beans)}, {3, buys(beans)}},
	{{49, buys(monthly)}, {15, buys(recipes)}},
	{{36, buys(monthly)}, {14, renews(false)}},
	{{54, buys(monthly)}, {12, asksBack}, {11, getsBack}},
	{{39, buys(monthly)}, {10, card(false)}, {7, card(true)}},
	{{52, buys(monthly)}, {23, card(false)}},
	{{70, buys(monthly)}, {60, renews(false)}, {5, buys(monthly)}},
	{{29, buys(monthly)}, {2, renews(false)}},
	{{44, buys(light)}, {18, buys(premium)}},
	{{33, buys(premium)}, {9, buys(light)}},
}

// subscribes reports whether customer i bought in the App Store.
func subscribes(i int) bool { return i%4 == 1 }

// isLively reports whether customer i's months pass in minutes.
func isLively(i int) bool { return i%4 == 3 && i < 20 }

// appAccountToken is the UUID that the app gives the store for a customer.
func appAccountToken(customer string) engawa.Identity {
	b := sha256.Sum256([]byte("token of " + customer))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:16])
	return engawa.Identity{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]}
}

// scene is a turn of one shopper at its instant.
type scene struct {
	at  time.Time
	who string
	do  doing
}

// shop lets the store's past go by, as it goes by in every run of the demo.
func (w *world) shop(h *history) error {
	s, now := w.store, h.now.AddDate(0, 0, -storeDays)
	s.URL, s.Client = w.hubURL+"/in/"+appAccount, &http.Client{Timeout: 10 * time.Second}
	s.Grace, s.Undecided = graceDays, true
	if err := s.Begin(now); err != nil {
		return err
	}
	s.Sample()
	scenes := w.shoppersOf(h)
	slices.SortStableFunc(scenes, func(a, b scene) int { return a.at.Compare(b.at) })
	for _, x := range scenes {
		s.Pass(x.at.Sub(now))
		now = x.at
		if err := x.do(s, x.who); err != nil {
			return err
		}
	}
	s.Pass(h.now.Sub(now))
	return nil
}

// shoppersOf has the customers install the app and tells what each will do.
func (w *world) shoppersOf(h *history) (scenes []scene) {
	w.shoppers = map[string]string{}
	install := func(id, country string) string {
		storefront := "JPN"
		if country == "KR" {
			storefront = "KOR"
		}
		w.shoppers[id], _ = w.store.AddCustomer(id, storefront, appAccountToken(id).Value)
		return w.shoppers[id]
	}
	for _, id := range []string{yes, no} {
		country := map[string]string{yes: "JP", no: "KR"}[id]
		scenes = append(scenes, scene{h.morning(40).Add(time.Hour), install(id, country), buys(monthly)})
	}
	story := 0
	for i, p := range h.people {
		switch {
		case subscribes(i):
			who := install(p.Customer.ID, p.Customer.Country)
			for _, t := range turns[story%len(turns)] {
				scenes = append(scenes, scene{h.morning(t.day).Add(time.Duration(i*7) * time.Minute), who, t.do})
			}
			story++
		case isLively(i):
			w.lively = append(w.lively, install(p.Customer.ID, p.Customer.Country))
		}
	}
	return scenes
}

// storeEvents brings what the store told in the past: all of it into the
// purchases, and what it told in the sample days into the journal, each proved
// as the hub's own source account does.
func (w *world) storeEvents(ctx context.Context, hub *serve.Hub, h *history) ([]engawa.Event, error) {
	receiver, err := w.storeReceiver(hub)
	if err != nil {
		return nil, err
	}
	var out []engawa.Event
	var said []purchase.Report
	for _, n := range w.store.Notices() {
		evs, err := receiver.Receive(http.Header{}, n.Body)
		if err != nil {
			return nil, fmt.Errorf("signed notification %s %s: %w", n.Type, n.Subtype, err)
		}
		notice, err := appstore.Recall(n.Body)
		if err != nil {
			return nil, err
		}
		if r, ok := purchase.OfNotice(notice); ok {
			said = append(said, r)
		}
		if n.At.After(h.morning(days)) {
			out = append(out, sampleOf(evs, n.At)...)
		}
	}
	account := w.accountList()[0]
	account.Workspace = workspaceID
	follower := follow.Follower{Store: hub.Store}
	for _, r := range said { // one by one, as they came: what was so in between is counted too
		if _, err := follower.Save(ctx, account, follow.How{}, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// offerCodes are a pool of codes for the desk to hand out.
func (w *world) offerCodes(ctx context.Context, hub *serve.Hub, h *history) error {
	codes, err := w.store.Codes(monthly, "thanks", 20)
	if err != nil {
		return err
	}
	pool := engawa.OfferPool{
		Workspace: workspaceID, ID: engawa.NewID(engawa.PrefixOfferPool), Account: appAccount, Name: "お礼のひと月", Offer: "thanks", Product: monthly,
		EndsAt: h.now.AddDate(0, 3, 0), LowAt: 5, CreatedAt: h.now,
	}
	if err := hub.Store.AddOfferPool(ctx, pool, ""); err != nil {
		return err
	}
	secret := make([]engawa.Secret, len(codes))
	for i, c := range codes {
		secret[i] = engawa.Secret(c)
	}
	_, err = hub.Store.AddOfferCodes(ctx, pool, secret)
	return err
}

// sampleOf marks what a source proved as sample data that arrived at once.
func sampleOf(evs []engawa.Event, at time.Time) []engawa.Event {
	for i := range evs {
		e := &evs[i]
		e.Workspace, e.Account, e.Sample = workspaceID, appAccount, true
		e.ID, e.ReceivedAt = engawa.NewOrderedID(engawa.PrefixEvent, at), at.Add(600*time.Millisecond)
	}
	return evs
}

// storeReceiver opens the App Store account as the intake does.
func (w *world) storeReceiver(hub *serve.Hub) (channel.Receiver, error) {
	i := slices.IndexFunc(hub.Compose.Kinds, func(k channel.Kind) bool { return k.Name == follow.Kind })
	if i < 0 {
		return nil, fmt.Errorf("this program has no App Store source")
	}
	settings, err := hub.Compose.Kinds[i].Check(w.accountList()[0].Settings)
	if err != nil {
		return nil, err
	}
	return hub.Compose.Kinds[i].Source(settings, channel.Env{Account: appAccount})
}

// inOrder sorts events by when they happened.
func inOrder(evs []engawa.Event) []engawa.Event {
	slices.SortStableFunc(evs, func(a, b engawa.Event) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), strings.Compare(a.ID, b.ID))
	})
	return evs
}

// quicken has the lively shoppers subscribe, whose months pass in minutes.
func (w *world) quicken() error {
	for _, who := range w.lively {
		if err := w.store.Hurry(who, w.speed); err != nil {
			return err
		}
		if err := buys(monthly)(w.store, who); err != nil {
			return err
		}
	}
	return nil
}

// pastimes are what a lively shopper does of a sudden.
var pastimes = []doing{
	renews(false), renews(true), card(false), card(true), buys(beans), buys(light), buys(premium), buys(monthly), asksBack,
}

// bustle has a lively shopper do something. What makes no sense to the store,
// such as a second subscription to the same, is left and something else tried.
func (w *world) bustle(life *history) {
	who := w.lively[life.rng.IntN(len(w.lively))]
	for _, i := range life.rng.Perm(len(pastimes)) {
		if pastimes[i](w.store, who) == nil {
			return
		}
	}
}
