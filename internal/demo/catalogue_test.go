package demo

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// TestDataFitsTheCatalogue: what the living demo posts is taken by the hub.
func TestDataFitsTheCatalogue(t *testing.T) {
	for _, name := range happenings {
		typ, ok := catalogue.Find(name)
		if !ok {
			t.Errorf("%s is not in the catalogue", name)
			continue
		}
		if err := typ.Schema.Check(data(engawa.Customer{Name: "n"}, 1, time.Now())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
