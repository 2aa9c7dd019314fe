package sim_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/vectors"
)

// vector reads a file of Apple's vectors, if they are there.
func vector(t *testing.T, name string, into any) bool {
	t.Helper()
	path := vectors.Path(t, "vectors", "apple", name)
	if path == "" {
		return false
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestVectorRequests: every request that Apple's libraries make is one of this
// store's, and what is wrong with it is told in the API's words: mostly that
// there is no such transaction.
func TestVectorRequests(t *testing.T) {
	var file struct {
		Cases []struct {
			ID, Method, Path string
			Query            map[string][]string
			Body             map[string]any
		}
	}
	if !vector(t, "api-requests.json", &file) {
		return
	}
	if len(file.Cases) != 22 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	want := map[string]int{
		"extend-mass": 4000023, "extend-one": 4040005, "all-statuses": 4040010, "test-notification-status": 4040008, "notification-history": 4000019,
		"transaction-history-v2": 4040010, "transaction-history-malformed-app-id": 4040010, "transaction-info": 4040010, "request-test-notification": 4040007,
		"consumption-v2": 4040010, "set-app-account-token": 4040010, "app-transaction-info": 4040010, "error-general": 4040007, "error-rate-limit": 4040007,
		"error-app-account-token": 4040010, "error-invalid-transaction-id": 4000006, "error-transaction-not-found": 4000006, "messaging-default-get": 4000023,
		"messaging-performance-test": 4000211, "look-up-order-id": 0, "messaging-image-list": 0, "messaging-message-list": 0,
	}
	within(t, sim.Production, func(t *testing.T, s *shop) {
		time.Sleep(time.Until(time.UnixMilli(1698148950000))) // of the vectors
		for _, c := range file.Cases {
			path := strings.TrimPrefix(c.Path, "/inApps/")
			var pairs []string
			for name, values := range c.Query {
				for _, v := range values {
					pairs = append(pairs, name, v)
				}
			}
			var body any
			if c.Body != nil {
				body = c.Body
			}
			w := s.ask(c.Method, path+query(pairs...), body)
			var out struct{ ErrorCode int }
			_ = json.Unmarshal(w.Body.Bytes(), &out)
			if code, ok := want[c.ID]; !ok || out.ErrorCode != code || code == 0 && w.Code != http.StatusOK {
				t.Errorf("%s: %d %s, want %d", c.ID, w.Code, w.Body, code)
			}
		}
	})
}

// TestVectorModels: what is signed here has no member that Apple's models lack,
// but those that are newer than the models.
func TestVectorModels(t *testing.T) {
	model := func(name string) (members []string) {
		var m map[string]any
		if !vector(t, filepath.Join("models", name+".json"), &m) {
			return nil
		}
		for name, v := range m {
			members = append(members, name)
			if inner, ok := v.(map[string]any); ok {
				for name := range inner {
					members = append(members, name)
				}
			}
		}
		return members
	}
	models := map[string][]string{
		"transaction": append(model("signedTransaction"), "revocationType", "revocationPercentage"),
		"renewal":     model("signedRenewalInfo"),
		"app":         model("appTransaction"),
		"notification": slices.Concat(model("signedNotification"), model("signedSummaryNotification"), model("signedExternalPurchaseTokenNotification"),
			[]string{"appData", "signedAppTransactionInfo", "consumptionRequestReason"}),
	}
	if models["renewal"] == nil {
		return
	}
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Grace = 16
		for _, product := range []string{"monthly", "club", "beans", "recipes"} {
			who := s.person(product)
			id := s.buy(who, product)
			s.must(s.AskRefund(id, "OTHER"))
			s.must(s.Decide(id, 50))
			s.must(s.RescindConsent(who))
		}
		fails := s.person("a")
		s.buy(fails, "club")
		wait(8 * day)
		s.must(s.Card(fails, false))
		s.must(s.RaisePrice("club", map[string]int64{"JPN": 1080_000}, false))
		s.ExternalPurchase("UNREPORTED")
		s.got("POST", "v1/subscriptions/extend/mass", map[string]any{"extendByDays": 1, "extendReasonCode": 1, "requestIdentifier": token, "productId": "monthly", "storefrontCountryCodes": []string{"JPN"}}, nil)
		wait(100 * day)
		check := func(kind string, members map[string]any) {
			t.Helper()
			for name, v := range members {
				if !slices.Contains(models[kind], name) {
					t.Errorf("%s: Apple's model has no %s", kind, name)
				}
				if inner, ok := v.(map[string]any); ok {
					for name := range inner {
						if !slices.Contains(models[kind], name) {
							t.Errorf("%s: Apple's model has no %s", kind, name)
						}
					}
				}
			}
		}
		for _, n := range s.Notices() {
			var post struct{ SignedPayload string }
			s.must(json.Unmarshal(n.Body, &post))
			var outer, app map[string]any
			unpack(t, post.SignedPayload, &outer)
			check("notification", outer)
			told := s.open(n.Body)
			check("transaction", told.Transaction)
			check("renewal", told.Renewal)
			if told.AppData != nil {
				unpack(t, told.AppData["signedAppTransactionInfo"].(string), &app)
				check("app", app)
			}
		}
	})
}
