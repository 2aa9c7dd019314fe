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
		"/entitlements": {func(p *engawa.Product) { p.Entitlements = make([]string, 21) }, func(p *engawa.Product) { p.Entitlements = []string{""} }, func(p *engawa.Product) { p.Entitlements = []string{"a", "a"} }, func(p *engawa.Product) { p.Entitlements = []string{"<b>"} }},
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
