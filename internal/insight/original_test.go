package insight_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/webhook"
	hooksim "github.com/engawa/engawa/internal/channel/webhook/sim"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestOriginals: what the App Store posted to one URL goes to each endpoint byte for
// byte, signed with the endpoint's own secret, again after a fault and under one id, and
// only of the types that its route takes; each attempt can be looked at, and a replay
// sends the same once more, to the endpoint that it is for.
func TestOriginals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, storetest.SQLite(t))
		hosts := http.NewServeMux()
		s.http, s.compose.Kinds = channeltest.Client(hosts), append(s.compose.Kinds, webhook.Kind)
		listener := func(name, secret string, events ...string) *hooksim.Server {
			endpoint := hooksim.New(hooksim.Options{Secrets: []string{secret}, Polite: true, Originals: true})
			hosts.Handle(name+".example/", endpoint)
			ac := engawa.Account{
				Workspace: followtest.Workspace, ID: "acc_" + name, Kind: "webhook", Name: name, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
				Settings: map[string]string{"url": "https://" + name + ".example/store", "secret": secret, "content": webhook.ContentOriginal},
			}
			s.Must(s.Hub.AddEndpoint(t.Context(), ac,
				engawa.Destination{Workspace: followtest.Workspace, ID: "dst_" + name, Name: name, Account: ac.ID, Address: "q", Locale: engawa.Japanese, CreatedAt: time.Now()},
				engawa.Route{
					Workspace: followtest.Workspace, ID: "rte_" + name, Name: name, Enabled: true, Events: events, UpdatedAt: time.Now(),
					Then: []engawa.Step{{To: "dst_" + name, Purpose: engawa.Service, Via: []engawa.Via{{Account: ac.ID}}}},
				}))
			return endpoint
		}
		one := listener("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "store.subscribed.*")
		two := listener("books", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "store.subscribed.*", "store.one_time_charge")
		one.Next(hooksim.Down)
		s.run()
		who := s.Person("JPN", token)
		s.Bought(who, monthly)
		s.Bought(who, "recipes")
		s.Must(s.Renew(who, group, false)) // for which neither asks
		wait(5 * time.Minute)
		posted := s.Notices()
		if len(posted) != 3 {
			t.Fatalf("the App Store posted %d", len(posted))
		}
		got := func(of *hooksim.Server, want ...sim.Notice) []hooksim.Entry {
			t.Helper()
			all := of.Ledger()
			if len(all) != len(want) {
				t.Fatalf("%d posts, want %d", len(all), len(want))
			}
			for _, n := range want {
				if !slices.ContainsFunc(all, func(e hooksim.Entry) bool { return bytes.Equal(e.Body, n.Body) && e.Count == 1 && e.Bodies == 1 }) {
					t.Errorf("not posted once as it came: %.60s", n.Body)
				}
			}
			return all
		}
		first := got(one, posted[0])
		second := got(two, posted[0], posted[1])
		for account, want := range map[string]int{"acc_hook": 2, "acc_books": 2} { // a fault and one; two
			tries, err := s.Hub.Tries(t.Context(), followtest.Workspace, account, store.TriedFilter{}, store.Page{})
			if err != nil || len(tries) != want {
				t.Errorf("%s: %d tries, %v", account, len(tries), err)
			}
		}
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: "store.subscribed.*"}, store.Page{})
		s.Must(err)
		n, err := (&replay.Runner{Store: s.Hub, Compose: s.compose}).Again(t.Context(), followtest.Workspace, "acc_hook", evs)
		wait(time.Minute)
		if again := one.Ledger(); err != nil || n != 1 || len(again) != 1 || again[0].Count != first[0].Count+1 || again[0].Bodies != 1 {
			t.Errorf("replayed %d: %v, %+v", n, err, again)
		}
		if now := two.Ledger(); len(now) != 2 || now[0].Count+now[1].Count != second[0].Count+second[1].Count {
			t.Errorf("replayed to another: %+v", now)
		}
	})
}
