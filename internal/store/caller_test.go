package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestCallerGone: nothing is written for who went away before the writing began, also
// where it would be their turn.
func TestCallerGone(t *testing.T) {
	each(t, func(s *shop) {
		gone, leave := context.WithCancel(s.t.Context())
		leave()
		for n := range 20 {
			err := s.AddCustomer(gone, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: fmt.Sprint("cus_", n), Kind: "person", CreatedAt: time.Now()}})
			if !errors.Is(err, context.Canceled) {
				s.t.Fatalf("customer %d: %v", n, err)
			}
		}
	})
}
