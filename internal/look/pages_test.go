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
	"testing"

	chat "github.com/engawa/engawa/internal/channel/chat/sim"
	chatwork "github.com/engawa/engawa/internal/channel/chatwork/sim"
	listform "github.com/engawa/engawa/internal/channel/listform/sim"
	mail "github.com/engawa/engawa/internal/channel/mail/sim"
	webhook "github.com/engawa/engawa/internal/channel/webhook/sim"
	zendesk "github.com/engawa/engawa/internal/channel/zendesk/sim"
	stripe "github.com/engawa/engawa/internal/source/stripe/sim"
)

// sims are all simulators that have a page, by their folder.
var sims = map[string]http.Handler{
	"channel/chat/sim":     &chat.Server{},
	"channel/chatwork/sim": &chatwork.Server{},
	"channel/listform/sim": listform.New(listform.Options{Polite: true}),
	"channel/mail/sim":     &mail.Inbox{},
	"channel/webhook/sim":  webhook.New(webhook.Options{Polite: true}),
	"channel/zendesk/sim":  &zendesk.Server{Polite: true},
	"source/stripe/sim":    &stripe.Server{},
}

var linked = regexp.MustCompile(`(?:href|src)="([^"]+\.(?:css|js))"`)

// TestSims: the page of every simulator has the console's colours and sizes, in
// each language, and what it loads is there. No other file sets the tokens.
func TestSims(t *testing.T) {
	tokens, err := os.ReadFile("tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../*/*/sim/page.html")
	if err != nil {
		t.Fatal(err)
	}
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
	sheets, err := filepath.Glob("../*/*/sim/*.css")
	if err != nil || len(sheets) == 0 {
		t.Fatal(sheets, err)
	}
	for _, sheet := range sheets {
		b, err := os.ReadFile(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if own := regexp.MustCompile(`(?m)^\s*--[\w-]+:.*`).Find(b); own != nil {
			t.Errorf("%s sets a token: %s", sheet, own)
		}
	}
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
