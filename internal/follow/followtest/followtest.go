// Package followtest puts the App Store's simulator before a real store, as a
// hub stands: what the one tells is taken in by the other, in one process and
// in the time of a testing/synctest bubble.
package followtest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// What a shop is known by.
const (
	Workspace = "ws_hinata"
	AccountID = "acc_store"
	AppID     = "app_hinata"
	Bundle    = "jp.hinata.coffee"
	AppleID   = 1234567890
)

// Shop is a business with one app in the App Store.
type Shop struct {
	*sim.Store

	T       testing.TB
	Hub     *store.Store
	Account engawa.Account
	Follow  *follow.Follower
	Clients *follow.Clients
	Intake  *intake.Intake
	Down    atomic.Bool // the hub answers 503
}

// Open opens the database at url as a hub that knows the app, with a simulated
// store of one environment (sim.Production or sim.Sandbox) that sells monthly,
// premium and light of one group, club with offers, beans, recipes and season.
func Open(t testing.TB, url, environment string) *Shop {
	t.Helper()
	hub, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Close() })
	s := &Shop{T: t, Hub: hub}
	s.Must(hub.AddWorkspace(t.Context(), engawa.Workspace{ID: Workspace, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now()}))
	s.Must(hub.AddApp(t.Context(), engawa.App{Workspace: Workspace, ID: AppID, Name: "ひなた珈琲", CreatedAt: time.Now()}))
	s.connect(environment, AccountID, AppID, Bundle)
	api := channeltest.Client(s.Store)
	s.Follow, s.Clients = &follow.Follower{Store: s.Hub}, &follow.Clients{Store: s.Hub, HTTP: api}
	s.Intake = &intake.Intake{
		Store: s.Hub, Kinds: builtin.Kinds(), Env: channel.Env{HTTP: api, Raise: s.Hub.Raise, Log: slog.New(slog.DiscardHandler)},
		Follow:    map[string]func(context.Context, engawa.Account, *engawa.Event) error{follow.Kind: s.Follow.Event},
		Elsewhere: map[string]func(context.Context, engawa.Account, error) (string, error){follow.Kind: s.Follow.Elsewhere},
	}
	return s
}

// Beside opens another store at the same hub, of another app or of the same one in
// another environment, which sells the same. The hub hears of it and does not ask it.
func (s *Shop) Beside(environment, account, app, bundle string) *Shop {
	s.T.Helper()
	b := &Shop{T: s.T, Hub: s.Hub, Follow: s.Follow, Clients: s.Clients, Intake: s.Intake}
	b.connect(environment, account, app, bundle)
	return b
}

func stock(st *sim.Store) {
	yen := func(n int64) map[string]int64 {
		return map[string]int64{"JPN": n * 1000, "KOR": n * 9500, "USA": n * 10}
	}
	offers := []sim.Offer{
		{Type: sim.Introductory, Pays: sim.FreeTrial, Period: "P1W"},
		{ID: "stay", Type: sim.Promotional, Pays: sim.PayAsYouGo, Periods: 2, Period: "P1M", Prices: yen(700)},
		{ID: "thanks", Type: sim.OfferCode, Pays: sim.PayUpFront, Period: "P3M", Prices: yen(2000)},
		{ID: "comeback", Type: sim.WinBack, Pays: sim.PayUpFront, Period: "P2M", Prices: yen(1500)},
	}
	for _, p := range []sim.Product{
		{ID: "monthly", Name: "月額", Type: sim.AutoRenewable, Group: "20500001", Level: 2, Period: "P1M", Prices: yen(1480), Family: true},
		{ID: "premium", Name: "プレミアム", Type: sim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: yen(2480)},
		{ID: "light", Name: "ライト", Type: sim.AutoRenewable, Group: "20500001", Level: 3, Period: "P1M", Prices: yen(480)},
		{ID: "club", Name: "クラブ", Type: sim.AutoRenewable, Group: "20500002", Level: 1, Period: "P1M", Prices: yen(980), Offers: offers},
		{ID: "beans", Name: "豆", Type: sim.Consumable, Prices: yen(300)},
		{ID: "recipes", Name: "レシピ", Type: sim.NonConsumable, Prices: yen(900)},
		{ID: "season", Name: "季節券", Type: sim.NonRenewing, Prices: yen(3000)},
	} {
		st.AddProduct(p)
	}
}

// connect makes the store and its account, and has the one tell the other.
func (s *Shop) connect(environment, account, app, bundle string) {
	s.T.Helper()
	st, err := sim.New(bundle, AppleID, environment)
	s.Must(err)
	s.T.Cleanup(func() { _ = st.Close() })
	stock(st)
	s.Store = st
	id, issuer, p8 := s.Key()
	s.Account = engawa.Account{
		Workspace: Workspace, ID: account, Kind: follow.Kind, Name: "App Store", Environment: strings.ToLower(s.Environment), Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{
			"bundle_id": bundle, "app_apple_id": strconv.Itoa(AppleID), "environment": strings.ToLower(s.Environment), "app": app,
			"issuer_id": issuer, "key_id": id, "private_key": p8, "roots": s.RootPEM(),
		},
	}
	s.Must(s.Hub.AddAccount(s.T.Context(), s.Account))
	s.URL, s.Client = "https://hub.example/in/"+account, channeltest.Client(http.HandlerFunc(s.take))
}

// take is the hub's way in.
func (s *Shop) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil && s.Down.Load() {
		err = errors.New("down")
	}
	if err == nil {
		err = s.Intake.Accept(context.WithoutCancel(r.Context()), s.Account.ID, r.Header, body)
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Must ends the test at an error.
func (s *Shop) Must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Person adds a customer of the store in a storefront, whom the app gave a token
// or none.
func (s *Shop) Person(storefront, token string) (id string) {
	id, _ = s.AddCustomer("customer", storefront, token)
	return id
}

// Bought has a customer of the store buy a product and returns the transaction.
func (s *Shop) Bought(customer, product string) (transaction string) {
	s.T.Helper()
	id, err := s.Buy(sim.Purchase{Customer: customer, Product: product})
	s.Must(err)
	return id
}

// Purchase is what the hub knows of a purchase by its original transaction.
func (s *Shop) Purchase(original string) engawa.Purchase {
	s.T.Helper()
	p, err := s.Hub.PurchaseBy(s.T.Context(), Workspace, s.Account.ID, original)
	s.Must(err)
	return p
}
