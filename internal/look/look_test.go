package look

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLanguage(t *testing.T) {
	for _, tc := range []struct{ query, browser, want string }{
		{"", "", "ja"},
		{"", "fr-FR, ko;q=0.5, en", "ko"},
		{"", "EN-gb", "en"},
		{"", "english", "ja"},
		{"?lang=ko", "en", "ko"},
		{"?lang=fr", "en", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/"+tc.query, nil)
		r.Header.Set("Accept-Language", tc.browser)
		if got := Language(r); got != tc.want {
			t.Errorf("%q with %q: %s, want %s", tc.query, tc.browser, got, tc.want)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("lang=en"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := Language(r); got != "en" {
		t.Errorf("a form's: %s", got)
	}
}

// TestPage: the top has the words, escaped, and marks the language that is shown.
func TestPage(t *testing.T) {
	words := map[string]map[string]string{"ja": {"title": "<題>"}, "ko": {"title": "제목", "lead": "설명"}, "en": {"title": "Title"}}
	page := Template(`{{template "top" .}}<main>{{.Lang}}</main>`, nil)
	show := func(lang string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		Show(w, page, For(httptest.NewRequest(http.MethodGet, "/?lang="+lang, nil), words))
		return w
	}
	for lang, want := range map[string]string{"ja": "<h1>&lt;題&gt;</h1>", "ko": "<p>설명</p>", "en": "<title>Title</title>"} {
		b := show(lang).Body.String()
		for _, want := range []string{want, `<html lang="` + lang + `">`, `lang="` + lang + `" aria-current="true"`, "<main>" + lang + "</main>"} {
			if !strings.Contains(b, want) {
				t.Errorf("%s without %q: %s", lang, want, b)
			}
		}
		if lang != "ko" && strings.Contains(b, "<p>") {
			t.Errorf("%s has a lead: %s", lang, b)
		}
	}
	if csp := show("ja").Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
}
