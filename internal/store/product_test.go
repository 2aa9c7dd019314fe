package store_test

import (
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestProductsAreBounded: one more product than there may be is refused; one that
// is there can still be changed.
func TestProductsAreBounded(t *testing.T) {
	each(t, func(s *shop) {
		_, err := storetest.Open(s.t, s.url).ExecContext(s.t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
			INSERT INTO product (workspace, id, name, entitlements, months, days, updated_by, updated_at) SELECT '`+ws+`', 'p' || i, '', '[]', 0, 0, '', 0 FROM n`)
		s.must(err)
		if err := s.SaveProduct(s.t.Context(), engawa.Product{Workspace: ws, ID: "one.more"}); code(err) != engawa.CodeConflict {
			s.t.Errorf("the 1001st: %v", err)
		}
		s.must(s.SaveProduct(s.t.Context(), engawa.Product{Workspace: ws, ID: "p7", Name: "七"}))
		if ps, err := s.Products(s.t.Context(), ws); err != nil || len(ps) != store.MaxProducts {
			s.t.Errorf("%d products: %v", len(ps), err)
		}
	})
}
