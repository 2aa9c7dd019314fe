package console

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/a-h/templ"
)

// TestShowWhole: of a page that fails half way nothing is sent, so that a page
// which says so can be.
func TestShowWhole(t *testing.T) {
	w := httptest.NewRecorder()
	v := &visit{w: w, r: httptest.NewRequest("GET", "/", nil)}
	broken := errors.New("half way")
	err := v.show(templ.ComponentFunc(func(_ context.Context, out io.Writer) error {
		_, _ = io.WriteString(out, "<p>half")
		return broken
	}))
	if !errors.Is(err, broken) || w.Body.Len() > 0 || w.Header().Get("Content-Type") != "" {
		t.Errorf("sent %q, told %v", w.Body, err)
	}
}
