package purchase_test

import (
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/purchase"
)

// TestCheckProduct: what cannot be said of a product is refused by its field.
func TestCheckProduct(t *testing.T) {
	good := engawa.Product{ID: "jp.hinata.club_1", Name: "クラブ", Entitlements: []string{"premium", "レシピ 2", "a-b.c_d"}, Months: 120, Days: 3660}
	if err := purchase.CheckProduct(good); err != nil {
		t.Error(err)
	}
	for field, changes := range map[string][]func(p *engawa.Product){
		"/id":           {func(p *engawa.Product) { p.ID = "" }, func(p *engawa.Product) { p.ID = "a/b" }, func(p *engawa.Product) { p.ID = strings.Repeat("a", 101) }},
		"/name":         {func(p *engawa.Product) { p.Name = strings.Repeat("あ", 81) }, func(p *engawa.Product) { p.Name = "a\nb" }},
		"/entitlements": {func(p *engawa.Product) { p.Entitlements = make([]string, 21) }, func(p *engawa.Product) { p.Entitlements = []string{""} }, func(p *engawa.Product) { p.Entitlements = []string{"a", "a"} }, func(p *engawa.Product) { p.Entitlements = []string{"<b>"} }, func(p *engawa.Product) { p.Entitlements = []string{strings.Repeat("あ", 65)} }},
		"/months":       {func(p *engawa.Product) { p.Months = -1 }, func(p *engawa.Product) { p.Months = 121 }},
		"/days":         {func(p *engawa.Product) { p.Days = -1 }, func(p *engawa.Product) { p.Days = 3661 }},
	} {
		for i, change := range changes {
			p := good
			change(&p)
			told, ok := purchase.CheckProduct(p).(*engawa.Error)
			if !ok || told.Field != field || told.Remedy == "" {
				t.Errorf("%s %d: %v", field, i, told)
			}
		}
	}
}

// TestLower: a plan is lower than another of the same group with a smaller number;
// what nobody described is lower than nothing.
func TestLower(t *testing.T) {
	described := []engawa.Product{{ID: "premium", Group: "1", Level: 1}, {ID: "monthly", Group: "1", Level: 2}, {ID: "yearly", Group: "1", Level: 2}, {ID: "club", Group: "2", Level: 3}, {ID: "beans"}}
	for _, c := range []struct {
		plan, than string
		want       bool
	}{
		{"monthly", "premium", true},
		{"premium", "monthly", false},
		{"monthly", "yearly", false},
		{"monthly", "monthly", false},
		{"club", "premium", false},
		{"beans", "premium", false},
		{"unheard", "premium", false},
		{"monthly", "unheard", false},
		{"beans", "unheard", false},
	} {
		if got := purchase.Lower(described, c.plan, c.than); got != c.want {
			t.Errorf("%s is lower than %s: %t", c.plan, c.than, got)
		}
	}
}
