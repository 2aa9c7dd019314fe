package demo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// TestStoreLives: half an hour of the living demo. Every lively shopper subscribes
// at once, months pass in minutes, and of a sudden the shoppers do other things: a
// visitor sees subscriptions that renew, end, fail and are bought again. The hub of
// this test takes whatever it is told.
func TestStoreLives(t *testing.T) {
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"evt_1"}`)
	}))
	hub.Config.SetKeepAlivesEnabled(false) // no connection outlives the bubble
	defer hub.Close()
	synctest.Test(t, func(t *testing.T) {
		w := &world{hubURL: hub.URL}
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
