package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

// TestStoreLives: half an hour of the living demo. Every lively shopper subscribes
// at once, months pass in minutes, and of a sudden the shoppers do other things: a
// visitor sees subscriptions that renew, end, fail and are bought again. The hub of
// this test takes whatever it is told, since half an hour goes by in a bubble, which no
// real hub with its sockets and files lives in; TestDeskLives has a real one.
func TestStoreLives(t *testing.T) {
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"evt_1"}`)
	}))
	hub.Config.SetKeepAlivesEnabled(false) // no connection outlives the bubble
	defer hub.Close()
	synctest.Test(t, func(t *testing.T) {
		w := &world{hubURL: hub.URL, speed: lifeSpeed, beat: beat}
		var err error
		if w.store, err = appstoresim.New(bundleID, appAppleID, appstoresim.Production); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.store.Close() }()
		life := newHistory(time.Now())
		if err := w.shop(life); err != nil {
			t.Fatal(err)
		}
		w.store.Client = channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
		w.store.CatchUp()
		past := len(w.store.Notices())

		ctx, stop := context.WithTimeout(t.Context(), 30*time.Minute)
		defer stop()
		if err := w.quicken(); err != nil {
			t.Fatal(err)
		}
		if err := w.live(ctx, life); err != nil {
			t.Fatal(err)
		}
		told, types := map[string]map[string]int{}, map[string]bool{}
		for _, n := range w.store.Notices()[past:] {
			if !slices.Contains(w.lively, n.Customer) {
				continue
			}
			if told[n.Customer] == nil {
				told[n.Customer] = map[string]int{}
			}
			told[n.Customer][n.Type]++
			types[strings.TrimSuffix(n.Type+"/"+n.Subtype, "/")] = true
		}
		renewed := 0
		for _, who := range w.lively {
			if told[who]["SUBSCRIBED"] == 0 {
				t.Errorf("%s never subscribes: %v", who, told[who])
			}
			renewed += told[who]["DID_RENEW"]
		}
		if len(w.lively) != 5 || renewed < 2*len(w.lively) {
			t.Errorf("%d renewals of %d shoppers in half an hour, in which six months pass", renewed, len(w.lively))
		}
		for _, sudden := range []string{"DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED", "EXPIRED/VOLUNTARY", "ONE_TIME_CHARGE"} {
			if !types[sudden] {
				t.Errorf("nobody brings about %s: %v", sudden, types)
			}
		}
	})
}

// TestDeskLives: subscriptions whose months pass in a second live on at a real hub,
// which is told of each renewal by the store and answers; the desk finds such a
// customer by the order of a receipt mail, moves the renewal date, and its story
// tells all of it. Then the demo lives on, and the hub takes all that happens in it. In
// the demo itself a month takes five minutes, and something happens every 12 seconds.
func TestDeskLives(t *testing.T) {
	w := &world{out: io.Discard, locale: engawa.Japanese, begun: time.Now(), speed: 30 * 24 * 3600, beat: 10 * time.Millisecond}
	if err := w.simulators(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.relay.Close()
	err := w.hub(t.Context(), Options{Addr: "127.0.0.1:0", LogFile: os.Stderr}, t.TempDir(), func(ctx context.Context, h *serve.Hub) error {
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		life := newHistory(time.Now())
		if err := w.shop(life); err != nil {
			return err
		}
		for _, p := range life.people {
			if err := h.Store.AddCustomer(ctx, p); err != nil {
				return err
			}
		}
		w.store.CatchUp()
		past := len(w.store.Notices())
		if err := w.quicken(); err != nil {
			return err
		}
		if err := w.deskLives(ctx); err != nil {
			return err
		}
		return w.livesOn(ctx, h, life, past)
	})
	if err := errors.Join(err, w.close()); err != nil {
		t.Fatal(err)
	}
}

// deskLives looks at each lively shopper as an agent does, until three months are over.
func (w *world) deskLives(ctx context.Context) error {
	for _, who := range w.lively {
		last, err := w.store.Last(who)
		if err != nil {
			return err
		}
		order, err := w.store.Order(last)
		if err != nil {
			return err
		}
		var found struct{ Customers []struct{ ID string } }
		if err := w.post(ctx, "/v1/customers:find", map[string]any{"text": order, "ask": true}, &found); err != nil || len(found.Customers) != 1 {
			return fmt.Errorf("found %v by an order: %w", found, err)
		}
		at := "/v1/customers/" + found.Customers[0].ID
		var story struct {
			Rows []struct{ Kind, Text, State string }
		}
		rows := func(kind, text string) (n int) {
			for _, r := range story.Rows {
				if r.Kind == kind && strings.Contains(r.Text, text) {
					n++
				}
			}
			return n
		}
		if err := w.until(ctx, at+"/timeline", &story, func() bool { return rows("event", "更新") >= 3 }); err != nil {
			return fmt.Errorf("three renewals of %s: %w; told %v", who, err, story.Rows)
		}
		var bought struct {
			Purchases []struct {
				ID, State string
				Entitled  bool
			}
		}
		if err := w.get(ctx, at+"/purchases", &bought); err != nil || len(bought.Purchases) != 1 || !bought.Purchases[0].Entitled {
			return fmt.Errorf("%+v: %w", bought, err)
		}
		var moved struct{ State string }
		if err := w.post(ctx, "/v1/purchases/"+bought.Purchases[0].ID+":extend", map[string]any{"days": 7, "reason": "customer_satisfaction"}, &moved); err != nil || moved.State != "done" {
			return fmt.Errorf("extended: %s: %w", moved.State, err)
		}
		if err := w.until(ctx, at+"/timeline", &story, func() bool { return rows("extension", "7") == 1 }); err != nil {
			return fmt.Errorf("the extension is not in the story: %w", err)
		}
	}
	return nil
}

// livesOn lives until the shop has told of something and shoppers have switched the
// renewal off, bought once and had a card that fails, and holds that the hub took the
// shop's events, and every notification of the store since past.
func (w *world) livesOn(ctx context.Context, h *serve.Hub, life *history, past int) error {
	var told []appstoresim.Notice
	if err := w.wait(ctx, func() (bool, error) {
		brief, stop := context.WithTimeout(ctx, 300*time.Millisecond)
		defer stop()
		if err := w.live(brief, life); err != nil {
			return false, err
		}
		told = w.store.Notices()[past:]
		types := map[string]bool{}
		for _, n := range told {
			types[n.Type+"/"+n.Subtype] = true
		}
		return types["DID_CHANGE_RENEWAL_STATUS/AUTO_RENEW_DISABLED"] && types["ONE_TIME_CHARGE/"] && types["DID_FAIL_TO_RENEW/GRACE_PERIOD"], nil
	}); err != nil {
		return fmt.Errorf("shoppers do nothing of a sudden: %w", err)
	}
	var posted int
	var untold []string
	err := w.wait(ctx, func() (bool, error) {
		taken := map[string]bool{}
		posted = 0
		for page := (store.Page{Limit: 200}); ; {
			evs, err := h.Store.Events(ctx, workspaceID, store.EventFilter{}, page)
			if err != nil {
				return false, err
			}
			if len(evs) == 0 {
				break
			}
			for _, e := range evs {
				taken[e.DedupKey] = true
				if e.Account == engawa.SourceAPI && slices.Contains(happenings, e.Type) {
					posted++
				}
			}
			page.ID = evs[len(evs)-1].ID
		}
		untold = nil
		for _, n := range told {
			if !taken[n.UUID] {
				untold = append(untold, n.Type+" "+n.Subtype)
			}
		}
		return len(untold) == 0 && posted > 0, nil
	})
	if err != nil {
		return fmt.Errorf("of %d notifications the hub lacks %q, and it has %d events of the shop: %w", len(told), untold, posted, err)
	}
	return nil
}
