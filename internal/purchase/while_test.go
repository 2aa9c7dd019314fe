package purchase

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
)

// TestWhileBack: who has bought again is not asked back: a subscription of the same
// app and group, in the same environment. What a tester bought in the sandbox is none.
func TestWhileBack(t *testing.T) {
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	ended := told(t, appstore.StatusExpired, func(tx *appstore.Transaction, _ *appstore.RenewalInfo) { tx.ExpiresDate = date(now.Add(-2 * day)) })
	active := told(t, appstore.StatusActive, nil)
	of := Known{ID: "pur_1", App: "app_1", Environment: engawa.Production, Group: "20500001", State: ended}
	for name, c := range map[string]struct {
		change func(*Known)
		want   engawa.Gone
	}{
		"bought again":     {func(*Known) {}, engawa.GoneBack},
		"in the sandbox":   {func(k *Known) { k.Environment = engawa.Sandbox }, ""},
		"in another app":   {func(k *Known) { k.App = "app_2" }, ""},
		"of another group": {func(k *Known) { k.Group = "20500002" }, ""},
		"over as well":     {func(k *Known) { k.State = ended }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			other := of
			other.ID, other.State = "pur_2", active
			c.change(&other)
			f := While(engawa.While{Holds: engawa.WhileExpired, Purchase: "pur_1"}, []Known{of, other}, Upsell{}, now)
			if f.Gone != c.want {
				t.Errorf("%q, want %q", f.Gone, c.want)
			}
		})
	}
}
