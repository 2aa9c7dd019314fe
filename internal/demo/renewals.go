package demo

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/serve"
)

// Apple's numbers of a subscription's state.
const (
	storeActive  = 1
	storeExpired = 2
	storeRetry   = 3
	storeGrace   = 4
	storeRevoked = 5
)

// turn is one notification in the story of a subscription.
type turn struct {
	day          int // before today
	typ, subtype string
	status       int
}

// turns are the stories that the subscribers of the app take in rotation.
var turns = [][]turn{
	{{27, "SUBSCRIBED", "INITIAL_BUY", storeActive}},
	{{19, "DID_RENEW", "", storeActive}},
	{{14, "DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_DISABLED", storeActive}, {6, "EXPIRED", "VOLUNTARY", storeExpired}},
	{{24, "DID_RENEW", "", storeActive}, {11, "REFUND", "", storeRevoked}},
	{{9, "DID_FAIL_TO_RENEW", "", storeRetry}, {7, "DID_RENEW", "BILLING_RECOVERY", storeActive}},
	{{22, "DID_FAIL_TO_RENEW", "GRACE_PERIOD", storeGrace}, {6, "GRACE_PERIOD_EXPIRED", "", storeRetry}},
	{{5, "SUBSCRIBED", "RESUBSCRIBE", storeActive}},
	{{29, "SUBSCRIBED", "INITIAL_BUY", storeActive}, {2, "DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_DISABLED", storeActive}},
}

// subscribes reports whether customer i bought in the App Store.
func subscribes(i int) bool { return i%4 == 1 }

func storeTransaction(i int) string { return fmt.Sprintf("20000002%08d", i) }

// subscription is customer i's, as it stands after t at the instant at.
func (h *history) subscription(i int, t turn, at time.Time) appstoresim.Subscription {
	s := appstoresim.Subscription{
		OriginalTransactionID: storeTransaction(i), TransactionID: fmt.Sprintf("20000003%05d%03d", i, t.day), ProductID: "hinata.monthly",
		StartedAt: at.AddDate(0, -4, 0), ExpiresAt: at.AddDate(0, 1, 0), AutoRenew: t.subtype != "AUTO_RENEW_DISABLED", Status: t.status,
		Price: 1480_000, Currency: "JPY", Storefront: "JPN",
	}
	if h.people[i].Customer.Country == "KR" {
		s.Price, s.Currency, s.Storefront = 13_900_000, "KRW", "KOR"
	}
	switch t.status {
	case storeExpired:
		s.ExpiresAt, s.AutoRenew, s.ExpirationIntent = at, false, 1
	case storeRetry:
		s.ExpiresAt, s.ExpirationIntent = at, 2
	case storeGrace:
		s.ExpiresAt, s.GraceUntil = at, at.AddDate(0, 0, 16)
	case storeRevoked:
		s.RevokedAt = at
	}
	if t.typ == "SUBSCRIBED" {
		s.StartedAt = at
	}
	return s
}

// storeEvents has the store sign every turn at its past instant, and proves
// each as the hub's own source account does.
func (w *world) storeEvents(hub *serve.Hub, h *history) ([]engawa.Event, error) {
	receiver, err := w.storeReceiver(hub)
	if err != nil {
		return nil, err
	}
	var out []engawa.Event
	story := 0
	for i := range h.people {
		if !subscribes(i) {
			continue
		}
		for _, t := range turns[story%len(turns)] {
			at := h.morning(t.day).Add(time.Duration(i*7) * time.Minute)
			_, body, err := w.store.Notification(t.typ, t.subtype, h.subscription(i, t, at), at)
			if err != nil {
				return nil, err
			}
			evs, err := receiver.Receive(http.Header{}, body)
			if err != nil {
				return nil, fmt.Errorf("signed notification %s %s: %w", t.typ, t.subtype, err)
			}
			out = append(out, sampleOf(evs, at)...)
		}
		story++
	}
	return out, nil
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
	i := slices.IndexFunc(hub.Compose.Kinds, func(k channel.Kind) bool { return k.Name == "appstore" })
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

// renew has the store post a signed notification of today about a sample
// subscriber, as the living demo goes on.
func (w *world) renew(ctx context.Context, life *history) error {
	who := 1 + 4*life.rng.IntN(len(life.people)/4)
	story := turns[life.rng.IntN(len(turns))]
	t := story[len(story)-1]
	now := time.Now()
	_, body, err := w.store.Notification(t.typ, t.subtype, life.subscription(who, t, now), now)
	if err != nil {
		return err
	}
	return w.storePosts(ctx, body)
}
