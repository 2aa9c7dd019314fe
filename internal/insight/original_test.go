package insight_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/webhook"
	hooksim "github.com/engawa/engawa/internal/channel/webhook/sim"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestOriginals: what the App Store posted goes to an endpoint byte for byte,
// signed, again after a fault and under one id, only of the types that its route
// takes; each attempt can be looked at, and a replay sends the same once more.
func TestOriginals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		s := open(t, storetest.SQLite(t))
		endpoint := hooksim.New(hooksim.Options{Secrets: []string{secret}, Polite: true, Originals: true})
		endpoint.Next(hooksim.Down)
		s.http, s.compose.Kinds = channeltest.Client(http.Handler(endpoint)), append(s.compose.Kinds, webhook.Kind)
		ac := engawa.Account{
			Workspace: followtest.Workspace, ID: "acc_hook", Kind: "webhook", Name: "hook", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"url": "https://hook.example/store", "secret": secret, "content": webhook.ContentOriginal},
		}
		s.Must(s.Hub.AddEndpoint(t.Context(), ac,
			engawa.Destination{Workspace: followtest.Workspace, ID: "dst_hook", Name: "hook", Account: ac.ID, Address: "q", Locale: engawa.Japanese, CreatedAt: time.Now()},
			engawa.Route{
				Workspace: followtest.Workspace, ID: "rte_hook", Name: "hook", Enabled: true, Events: []string{"store.subscribed.*"}, UpdatedAt: time.Now(),
				Then: []engawa.Step{{To: "dst_hook", Purpose: engawa.Service, Via: []engawa.Via{{Account: ac.ID}}}},
			}))
		s.run()
		who := s.Person("JPN", token)
		s.Bought(who, monthly)
		s.Bought(who, "recipes") // of a type that is not asked for
		wait(5 * time.Minute)
		evs, err := s.Hub.Events(t.Context(), followtest.Workspace, store.EventFilter{Type: "store.subscribed.*"}, store.Page{})
		s.Must(err)
		if len(evs) != 1 {
			t.Fatalf("%d events", len(evs))
		}
		got := endpoint.Ledger()
		if len(got) != 1 || string(got[0].Body) != string(evs[0].Raw) || string(evs[0].Raw) != string(s.Notices()[0].Body) {
			t.Fatalf("%d posts, %d bytes of %d", len(got), len(got[0].Body), len(evs[0].Raw))
		}
		tries, err := s.Hub.Tries(t.Context(), followtest.Workspace, ac.ID, store.TriedFilter{}, store.Page{})
		if err != nil || len(tries) != 2 {
			t.Errorf("%d tries, %v", len(tries), err)
		}
		n, err := (&replay.Runner{Store: s.Hub, Compose: s.compose}).Again(t.Context(), followtest.Workspace, ac.ID, evs)
		wait(time.Minute)
		if again := endpoint.Ledger(); err != nil || n != 1 || len(again) != 1 || again[0].Count != got[0].Count+1 {
			t.Errorf("replayed %d: %v, %+v", n, err, again)
		}
	})
}
