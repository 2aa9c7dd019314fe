package serve

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	smaregisim "github.com/engawa/engawa/internal/source/smaregi/sim"
	"github.com/engawa/engawa/internal/store/storetest"
)

// subscribed is the vendor's list of subscribers: of each its plans and their states.
func (o shop) subscribed(t *testing.T, app, token string) (all []string) {
	t.Helper()
	for _, s := range o.ask(t, "GET", "/v1/partner/apps/"+app+"/subscribers", token, "")["subscribers"].([]any) {
		var plans []string
		for _, b := range s.(map[string]any)["subscriptions"].([]any) {
			plans = append(plans, fmt.Sprint(b.(map[string]any)["plan"], " ", b.(map[string]any)["state"]))
		}
		slices.Sort(plans)
		all = append(all, strings.Join(plans, ", "))
	}
	return all
}

// TestNotices: Smaregi posts to a running hub that a contract begins, changes its plan,
// is stopped and ends. Each is answered with 200 and nothing, and
// the vendor reads it in its list of subscribers; who has not the secret is refused and
// changes nothing.
func TestNotices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		o := workingOn(t, dsn)
		vendor, app, token := o.vendor(t)
		hook := smaregisim.Hook{URL: o.url + "/in/acc_smaregi", Header: "X-Hub-Secret", Value: "a-secret-of-the-hub", Client: http.DefaultClient}
		if err := o.Store.AddAccount(t.Context(), engawa.Account{
			Workspace: "ws_1", ID: "acc_smaregi", Kind: "smaregi", Name: "スマレジ", Environment: engawa.Production, Owner: vendor, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"app": app, "client_id": "stock", "header": hook.Header, "secret": hook.Value},
		}); err != nil {
			t.Fatal(err)
		}
		smaregi := &smaregisim.Server{App: smaregisim.Client{ID: "stock"}, Hook: hook, Contracts: []*smaregisim.Contract{{ID: "c1", Plan: "std"}}}
		for _, x := range []struct {
			action, day, plan, value string
			status                   int
			want                     string
		}{
			{"start", "2026-11-01", "std", "another-secret", http.StatusUnauthorized, ""},
			{"start", "2026-11-01", "std", "", http.StatusUnauthorized, ""},
			{"start", "2026-11-01", "std", hook.Value, http.StatusOK, "std active"},
			{"change-plan", "2026-11-05", "pro", hook.Value, http.StatusOK, "pro active, std expired"},
			{"force-stop", "2026-11-06", "pro", hook.Value, http.StatusOK, "pro suspended, std expired"},
			{"end", "2026-11-07", "pro", "another-secret", http.StatusUnauthorized, "pro suspended, std expired"},
			{"end", "2026-11-07", "pro", hook.Value, http.StatusOK, "pro expired, std expired"},
		} {
			smaregi.Change("c1", func(c *smaregisim.Contract) { c.Plan = x.plan })
			smaregi.Hook.Value = x.value
			err := smaregi.Act(t.Context(), "c1", x.action, x.day)
			sent := smaregi.Sent()
			if last := sent[len(sent)-1]; (err == nil) != (x.status == http.StatusOK) || last.Status != x.status {
				t.Errorf("%s: %v %+v", x.action, err, last)
			}
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the hub works by itself beside us
				got := strings.Join(o.subscribed(t, app, token), "; ")
				if got == x.want {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s: the vendor reads %q, want %q", x.action, got, x.want)
				}
			}
		}
	})
}
