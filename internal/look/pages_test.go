package look_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	browser "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	appstore "github.com/engawa/engawa/internal/appstore/sim"
	chat "github.com/engawa/engawa/internal/channel/chat/sim"
	chatwork "github.com/engawa/engawa/internal/channel/chatwork/sim"
	line "github.com/engawa/engawa/internal/channel/line/sim"
	listform "github.com/engawa/engawa/internal/channel/listform/sim"
	mail "github.com/engawa/engawa/internal/channel/mail/sim"
	webhook "github.com/engawa/engawa/internal/channel/webhook/sim"
	zendesk "github.com/engawa/engawa/internal/channel/zendesk/sim"
	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/look/looktest"
	smaregi "github.com/engawa/engawa/internal/source/smaregi/sim"
	stripe "github.com/engawa/engawa/internal/source/stripe/sim"
)

// sims are all simulators that have a page, by their folder.
var sims = map[string]http.Handler{
	"appstore/sim":         store(),
	"channel/chat/sim":     &chat.Server{},
	"channel/chatwork/sim": &chatwork.Server{},
	"channel/line/sim":     moving(),
	"channel/listform/sim": listform.New(listform.Options{Polite: true}),
	"channel/mail/sim":     &mail.Inbox{},
	"channel/webhook/sim":  webhook.New(webhook.Options{Polite: true}),
	"channel/zendesk/sim":  &zendesk.Server{Polite: true},
	"source/smaregi/sim":   &smaregi.Server{},
	"source/stripe/sim":    &stripe.Server{},
}

// store is an App Store with customers.
func store() http.Handler {
	s, err := appstore.New("jp.hinata.coffee", 1234567890, appstore.Sandbox)
	if err != nil {
		panic(err)
	}
	s.Sample()
	return s
}

// moving is a LINE with a move in it.
func moving() http.Handler {
	s := &line.Server{Polite: true}
	v := s.SetUpMove(line.Move{People: 20, Endpoint: "https://hinata.example/move"})
	for _, m := range v.People {
		_, _ = s.Write(m.Person, v.Old.ID, "こんにちは https://hinata.example/a-rather-long-address/that-has-no-place-to-break") // some block it
	}
	return s
}

var linked = regexp.MustCompile(`(?:href|src)="([^"]+\.(?:css|js))"`)

// TestSims: the page of every simulator has the console's colours and sizes, in
// each language, and what it loads is there. No other file sets the tokens.
func TestSims(t *testing.T) {
	tokens, err := os.ReadFile("tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	pages := inSims(t, "page.html")
	var found []string
	for _, p := range pages {
		found = append(found, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(p)), "../"))
	}
	if want := slices.Sorted(maps.Keys(sims)); !slices.Equal(found, want) {
		t.Errorf("pages in %q; this test knows %q", found, want)
	}
	for name, sim := range sims {
		titles := map[string]bool{}
		for _, lang := range []string{"ja", "ko", "en"} {
			page := get(t, sim, "/?lang="+lang)
			if !strings.Contains(page, `<html lang="`+lang+`">`) || !strings.Contains(page, `lang="`+lang+`" aria-current="true"`) || strings.Contains(page, "<p></p>") {
				t.Errorf("%s in %s: %s", name, lang, page)
			}
			titles[regexp.MustCompile(`<title>(.+)</title>`).FindString(page)] = true
			for _, link := range linked.FindAllStringSubmatch(page, -1) {
				if b := get(t, sim, "/"+strings.TrimLeft(link[1], "/")); strings.HasSuffix(link[1], ".css") && !strings.HasPrefix(b, string(tokens)) {
					t.Errorf("%s: %s does not begin with the tokens", name, link[1])
				}
			}
			if !linked.MatchString(page) {
				t.Errorf("%s has no style", name)
			}
		}
		if len(titles) != 3 {
			t.Errorf("%s: titles %v", name, titles)
		}
	}
	for _, sheet := range inSims(t, "*.css") {
		b, err := os.ReadFile(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if own := regexp.MustCompile(`(?m)^\s*--[\w-]+:.*`).Find(b); own != nil {
			t.Errorf("%s sets a token: %s", sheet, own)
		}
	}
}

// inSims are the files of the simulators.
func inSims(t *testing.T, pattern string) (names []string) {
	t.Helper()
	for _, folder := range []string{"../*/sim/", "../*/*/sim/"} {
		found, err := filepath.Glob(folder + pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(folder, pattern, err)
		}
		names = append(names, found...)
	}
	return names
}

// TestNarrow: no simulator's page is wider than a small telephone.
func TestNarrow(t *testing.T) {
	ctx := looktest.Chromium(t)
	looktest.Do(ctx, t, chromedp.EmulateViewport(360, 800))
	for name, sim := range sims {
		s := httptest.NewServer(sim)
		defer s.Close()
		for _, lang := range []string{"ja", "ko", "en"} {
			looktest.Do(ctx, t, chromedp.Navigate(s.URL+"/?lang="+lang))
			if over := looktest.Eval[int](ctx, t, looktest.TooWide); over > 0 {
				t.Errorf("%s in %s is %d px too wide", name, lang, over)
			}
		}
	}
}

// TestLive: the script shows what is new, keeps open what was opened and leaves
// alone what somebody writes in.
func TestLive(t *testing.T) {
	page := look.Template(`{{template "top" .}}<div id="live">{{range .N}}<details id="d{{.}}"><summary>{{.}}</summary>more</details>{{end}}<form><input></form></div>`, nil)
	var entries atomic.Int32
	entries.Store(1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/live.js", look.Live)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		look.Show(w, page, struct {
			look.Page
			N int
		}{look.For(r, map[string]map[string]string{"ja": {"title": "題"}}), int(entries.Load())})
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	ctx := looktest.Chromium(t)
	// The timer is the test's, so that it need not wait.
	if _, err := chromedp.Call(ctx, browser.AddScriptToEvaluateOnNewDocument, browser.AddScriptToEvaluateOnNewDocumentParams{Source: "window.setInterval = work => { window.tick = work }"}); err != nil {
		t.Fatal(err)
	}
	looktest.Do(ctx, t, chromedp.Navigate(s.URL))
	tick := func(before, want string) {
		t.Helper()
		entries.Add(1)
		got := looktest.Eval[string](ctx, t, before+`; tick().then(() => document.querySelectorAll("details").length + " " + [...document.querySelectorAll("details[open]")].map(d => d.id) + " " + document.activeElement.tagName)`)
		if got != want {
			t.Errorf("after %s: %q, want %q", before, got, want)
		}
	}
	tick("0", "2  BODY")
	tick(`document.querySelector("#d1 > summary").click(); document.querySelector("#d1 > summary").focus()`, "3 d1 SUMMARY")
	tick(`document.querySelector("input").focus()`, "3 d1 INPUT")
	tick(`document.activeElement.blur()`, "5 d1 BODY")
	tick(`document.querySelector("#d2").append(document.createElement("form")); document.querySelector("#d2").open = true`, "5 d1,d2 BODY")
}

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}
