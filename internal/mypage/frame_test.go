package mypage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestFramed: inside the page of a shop whose origin the setting names, a customer
// agrees in the frame; inside any other page there is nothing to press.
func TestFramed(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	pages := httptest.NewServer(s.handler)
	defer pages.Close()
	const width, height = 600, 900
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<body style="margin:0"><iframe src="%s%s" width="%d" height="%d" style="border:0" onload="document.title='in'"></iframe>`, pages.URL, r.URL.Path, width, height)
	}))
	defer shop.Close()
	// By another name the shop is another site than the pages at 127.0.0.1.
	ours, theirs := strings.Replace(shop.URL, "127.0.0.1", "localhost", 1), strings.Replace(shop.URL, "127.0.0.1", "other.localhost", 1)
	s.Frames = []string{ours}
	_, frame := s.AskLink(Ask{Workspace: ws, Customer: hana, Controller: engawa.ControllerWorkspace, Purposes: []engawa.Purpose{engawa.Notice}, Where: "x"}, AskLife)
	path := strings.TrimPrefix(frame, s.Base)
	ctx := looktest.Chromium(t)
	looktest.Do(ctx, t, chromedp.EmulateViewport(width, height), chromedp.Navigate(pages.URL+path))
	at := func(sel string) (x, y float64) {
		p := looktest.Eval[[]float64](ctx, t, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector("`+sel+`").getBoundingClientRect())`)
		return p[0], p[1]
	}
	bx, by := at("input[name=box0]")
	x, y := at("#ask button")
	// A frame of another site takes presses some time after it is there: a page
	// that did not take them is opened anew.
	agree := func(origin string, tries int, wait time.Duration) int {
		for range tries {
			looktest.Do(ctx, t, chromedp.Navigate(origin+path))
			for end := time.Now().Add(20 * time.Second); looktest.Eval[string](ctx, t, "document.title") != "in" && time.Now().Before(end); {
				looktest.Do(ctx, t, chromedp.Sleep(50*time.Millisecond))
			}
			looktest.Do(ctx, t, chromedp.Sleep(300*time.Millisecond), chromedp.MouseClickXY(bx, by), chromedp.Sleep(100*time.Millisecond), chromedp.MouseClickXY(x, y))
			for end := time.Now().Add(wait); len(s.consents()) == 0 && time.Now().Before(end); {
				looktest.Do(ctx, t, chromedp.Sleep(50*time.Millisecond))
			}
			if len(s.consents()) > 0 {
				break
			}
		}
		return len(s.consents())
	}
	if n := agree(theirs, 1, time.Second); n != 0 {
		t.Errorf("%d decisions inside another site's page", n)
	}
	if agree(ours, 5, 5*time.Second) == 0 {
		t.Fatal("nothing can be agreed to inside the shop's page")
	}
	if e := s.consents()[0].Evidence; e.How != "checkbox_framed" || e.Agent != "desktop" {
		t.Errorf("%+v", e)
	}
}
