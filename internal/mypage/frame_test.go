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
		fmt.Fprintf(w, `<body style="margin:0"><iframe src="%s%s" width="%d" height="%d" style="border:0"></iframe>`, pages.URL, r.URL.Path, width, height)
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
	agree := func(origin string) int {
		looktest.Do(ctx, t, chromedp.Navigate(origin+path))
		end := time.Now().Add(time.Second)
		if origin == ours {
			end = end.Add(20 * time.Second)
		}
		for n := len(s.consents()); n == 0 && time.Now().Before(end); n = len(s.consents()) {
			looktest.Do(ctx, t, chromedp.MouseClickXY(bx, by), chromedp.MouseClickXY(x, y), chromedp.Sleep(200*time.Millisecond))
		}
		return len(s.consents())
	}
	if n := agree(theirs); n != 0 {
		t.Errorf("%d decisions inside another site's page", n)
	}
	if agree(ours) == 0 {
		t.Fatal("nothing can be agreed to inside the shop's page")
	}
	if e := s.consents()[0].Evidence; e.How != "checkbox_framed" || e.Agent != "desktop" {
		t.Errorf("%+v", e)
	}
}
