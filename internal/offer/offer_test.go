package offer_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/offer"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const token = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"

// within runs a test in a bubble with a shop on SQLite.
func within(t *testing.T, do func(t *testing.T, s *followtest.Shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, followtest.Open(t, storetest.SQLite(t), sim.Production)) })
}

func code(err error) engawa.Code {
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		return told.Code
	}
	return ""
}

// stocked has a pool of the offer "thanks" with codes that the simulator made.
func stocked(t *testing.T, s *followtest.Shop, n int) *offer.Desk {
	t.Helper()
	codes, err := s.Codes("club", "thanks", n)
	s.Must(err)
	d := &offer.Desk{Store: s.Hub}
	p := engawa.OfferPool{
		Workspace: followtest.Workspace, ID: "ofp_1", Account: followtest.AccountID, App: followtest.AppID, Name: "お詫び", Offer: "thanks", Product: "club",
		EndsAt: time.Now().Add(90 * 24 * time.Hour), CreatedAt: time.Now(),
	}
	s.Must(offer.Check(p, "", time.Now()))
	s.Must(s.Hub.AddOfferPool(t.Context(), p, ""))
	file := []byte("Code\n" + strings.Join(codes, "\n"))
	for round, want := range []int{n, 0} {
		sheet, err := d.Look(t.Context(), p, file)
		s.Must(err)
		if len(sheet.Codes) != want || len(sheet.Faults) != n-want {
			t.Fatalf("round %d: %d codes, %d faults", round, len(sheet.Codes), len(sheet.Faults))
		}
		_, err = s.Hub.AddOfferCodes(t.Context(), p, sheet.Codes)
		s.Must(err)
	}
	return d
}

// TestRedeemed: a code that was handed out is used in the store by its link, and
// the hub sees it; the customer is given no other one of this offer.
func TestRedeemed(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		d := stocked(t, s, 3)
		who := s.Person("JPN", token)
		s.Bought(who, "beans")
		time.Sleep(time.Second)
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{}, store.Page{})
		s.Must(err)
		customer := evs[0].Customer
		ask := store.HandOut{Workspace: followtest.Workspace, Account: followtest.AccountID, Offer: "thanks", Customer: customer, Reason: "apology", By: "member:mem_1"}
		g, err := d.HandOut(t.Context(), s.Hub.By("member:mem_1"), ask)
		s.Must(err)
		const front = "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code="
		text, ok := strings.CutPrefix(g.Link, front)
		if !ok || text != g.Code.Reveal() || !g.Fresh {
			t.Fatalf("%+v", g)
		}
		again, err := d.HandOut(t.Context(), s.Hub, ask)
		if err != nil || again.Link != g.Link || again.Fresh {
			t.Errorf("%v: another link", err)
		}
		time.Sleep(time.Hour)
		_, err = s.Redeem(who, text)
		s.Must(err)
		time.Sleep(time.Second)
		cs, err := s.Hub.OfferCodesOf(t.Context(), followtest.Workspace, customer)
		if err != nil || len(cs) != 1 || cs[0].State != engawa.OfferRedeemed || cs[0].RedeemedAt.Before(cs[0].HandedAt) {
			t.Errorf("%+v %v", cs, err)
		}
		if _, err := d.HandOut(t.Context(), s.Hub, ask); code(err) != engawa.CodeConflict {
			t.Errorf("a second code: %v", err)
		}
		audits, err := s.Hub.Audits(t.Context(), followtest.Workspace, store.AuditFilter{Action: "hand-out-code"}, store.Page{})
		if err != nil || len(audits) != 1 || audits[0].Object != customer || strings.Contains(audits[0].Detail, text) {
			t.Errorf("%+v %v", audits, err)
		}
	})
}

// TestUsedElsewhere: who used a code of the offer that was not ours is given none.
func TestUsedElsewhere(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		d := stocked(t, s, 1)
		codes, err := s.Codes("club", "thanks", 1)
		s.Must(err)
		who := s.Person("JPN", token)
		id, err := s.Redeem(who, codes[0])
		s.Must(err)
		time.Sleep(time.Second)
		h := store.HandOut{Workspace: followtest.Workspace, Account: followtest.AccountID, Offer: "thanks", Customer: s.Purchase(id).Customer, Reason: "other"}
		if _, err := d.HandOut(t.Context(), s.Hub, h); code(err) != engawa.CodeConflict {
			t.Error(err)
		}
	})
}

// TestRefused: reasons, accounts and pools that are none.
func TestRefused(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		d := stocked(t, s, 1)
		s.Must(s.Hub.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: followtest.Workspace, ID: "cus_1", Kind: "person", CreatedAt: time.Now()}}))
		good := store.HandOut{Workspace: followtest.Workspace, Account: followtest.AccountID, Offer: "thanks", Customer: "cus_1", Reason: "other"}
		for name, change := range map[string]func(h *store.HandOut){
			"reason":    func(h *store.HandOut) { h.Reason = "because" },
			"account":   func(h *store.HandOut) { h.Account = "acc_x" },
			"offer":     func(h *store.HandOut) { h.Offer = "x" },
			"customer":  func(h *store.HandOut) { h.Customer = "cus_x" },
			"workspace": func(h *store.HandOut) { h.Workspace = "ws_x" },
		} {
			h := good
			change(&h)
			if _, err := d.HandOut(context.Background(), s.Hub, h); code(err) == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if g, err := d.HandOut(t.Context(), s.Hub, good); err != nil || !g.Fresh {
			t.Errorf("what was refused took the code: %v", err)
		}
	})
}

// TestFetch: codes that App Store Connect made for the pool's day are taken in
// once, when they are ready; those of another day are not.
func TestFetch(t *testing.T) {
	within(t, func(t *testing.T, s *followtest.Shop) {
		asc, err := s.Connect()
		s.Must(err)
		asc.Slow = time.Minute
		id, issuer, p8 := asc.Key()
		d := &offer.Desk{Store: s.Hub, HTTP: channeltest.Client(asc)}
		day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 2, 0)
		p := engawa.OfferPool{
			Workspace: followtest.Workspace, ID: "ofp_1", Account: followtest.AccountID, Name: "お詫び", Offer: "thanks", Connect: "asc-thanks", EndsAt: day, CreatedAt: time.Now(),
		}
		s.Must(s.Hub.AddOfferPool(t.Context(), p, ""))
		if _, err := d.Fetch(t.Context(), s.Hub, p, 5); !errors.Is(err, appstore.ErrNoConnect) {
			t.Errorf("without a key: %v", err)
		}
		a, err := s.Hub.Account(t.Context(), followtest.Workspace, followtest.AccountID)
		s.Must(err)
		a.Settings["connect_issuer_id"], a.Settings["connect_key_id"], a.Settings["connect_key"] = issuer, id, p8
		s.Must(s.Hub.ChangeAccount(t.Context(), a))
		if n, err := d.Fetch(t.Context(), s.Hub, p, 5); n != 0 || err != nil {
			t.Errorf("%d before they are ready: %v", n, err)
		}
		other := p
		other.EndsAt = day.AddDate(0, 1, 0)
		_, err = d.Fetch(t.Context(), s.Hub, other, 7)
		s.Must(err)
		time.Sleep(time.Minute)
		for _, want := range []int{5, 0} {
			if n, err := d.Fetch(t.Context(), s.Hub, p, 0); n != want || err != nil {
				t.Errorf("%d new, want %d: %v", n, want, err)
			}
		}
		for name, change := range map[string]func(p *engawa.OfferPool, n *int){
			"too many":      func(_ *engawa.OfferPool, n *int) { *n = 25_001 },
			"another offer": func(p *engawa.OfferPool, _ *int) { p.Connect = "asc-x" },
			"no offer":      func(p *engawa.OfferPool, _ *int) { p.Connect = "" },
			"ended":         func(p *engawa.OfferPool, _ *int) { p.EndsAt = time.Now() },
		} {
			q, n := p, 1
			change(&q, &n)
			if _, err := d.Fetch(t.Context(), s.Hub, q, n); code(err) != engawa.CodeInvalid && code(err) != engawa.CodeConflict {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
