package insight_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/text"
)

// TestRoutesHaveWords: each ready-made route makes one that may be saved, of
// events that there are, and has words in every language that may be sent: those
// of a service message advertise nothing, and those that advertise say so. What the
// store tells is taken in production, and what customers are written of in their app.
func TestRoutesHaveWords(t *testing.T) {
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range insight.Routes() {
		made := r.Route(insight.Choice{Name: "x", App: "app_1", Bundles: []string{"jp.hinata.coffee"}, Destination: "dst_1", Product: `a"b`, Via: []engawa.Via{{Account: "acc_1"}}})
		if doubts, err := route.Check(made, nil, nil); err != nil || len(doubts) > 0 || made.Enabled {
			t.Errorf("%s: enabled %t, %v, in doubt: %v", r.Name, made.Enabled, err, doubts)
		}
		takes := map[string]bool{`event.data.environment == "production"`: strings.HasPrefix(r.Events[0], "store."), `event.data.bundle_id in ["jp.hinata.coffee"]`: !r.Staff}
		for asks, want := range takes {
			if strings.Contains(made.Condition, asks) != want {
				t.Errorf("%s takes: %s", r.Name, made.Condition)
			}
		}
		for _, e := range r.Events {
			if _, ok := catalogue.Find(e); !ok {
				t.Errorf("%s: there is no event %s", r.Name, e)
			}
		}
		for _, offer := range []string{"", "thanks"} {
			checkWords(t, w, r, offer)
		}
	}
}

// checkWords holds the words of a route against what they are for.
func checkWords(t *testing.T, w *text.Words, r insight.Ready, offer string) {
	t.Helper()
	words := w.Outreach(r.Name, offer)
	for _, l := range engawa.Locales {
		if !w.Has("outreach."+r.Name) || !w.Has("outreach."+r.Name+".why") {
			t.Errorf("%s is not explained", r.Name)
		}
		if r.Staff {
			continue
		}
		c := words[l]
		if err := text.Check(c); err != nil || c.Subject == "" {
			t.Errorf("%s in %s: %v", r.Name, l, err)
		}
		if ad := text.Promotional(c.Subject, c.Text); ad != (r.Purpose == engawa.Marketing) {
			t.Errorf("%s in %s: advertises %t, and is of %s", r.Name, l, ad, r.Purpose)
		}
		named, err := text.Offer(c)
		if want := offer != "" && r.Purpose == engawa.Marketing; err != nil || (named == "thanks") != want || w.OutreachOffers(r.Name) != (r.Purpose == engawa.Marketing) {
			t.Errorf("%s in %s: holds the link of %q: %v", r.Name, l, named, err)
		}
		if mends := strings.Contains(c.Text, "https://apps.apple.com/account/billing"); mends != (r.Name == "payment" || r.Name == "winback_billing") {
			t.Errorf("%s in %s: links to where a payment is mended: %t", r.Name, l, mends)
		}
		for _, data := range []map[string]any{{}, {"expires_at": "x", "renewal_price": "1", "renewal_currency": "JPY"}} {
			data["app"], data["workspace"] = map[string]any{"name": "コーヒー"}, map[string]any{"name": "ひなた珈琲"}
			for _, app := range []string{"app_1", ""} {
				got, err := text.Render(insight.Words(words, app)[l], data, text.EscapeNone)
				left := strings.ReplaceAll(got.Subject+got.Text, engawa.OfferPlace("thanks"), "")
				if err != nil || strings.ContainsAny(left, "{}") || app == "" && !strings.Contains(got.Subject, "ひなた") {
					t.Errorf("%s in %s: %v %v", r.Name, l, got, err)
				}
			}
		}
	}
}

// TestFamiliesHaveWords: every type of the App Store's notifications that the
// catalogue has is in one phase.
func TestFamiliesHaveWords(t *testing.T) {
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	var families []string
	for _, f := range insight.Families() {
		families = append(families, f.Type)
		if !w.Has("adoption." + f.Type) {
			t.Errorf("%s has no words", f.Type)
		}
	}
	for _, typ := range catalogue.Types() {
		if typ.Kind != catalogue.Store {
			continue
		}
		parts := strings.SplitN(typ.Name, ".", 3)
		if family := parts[0] + "." + parts[1]; !slices.Contains(families, family) {
			t.Errorf("%s is in no phase", family)
		}
	}
}
