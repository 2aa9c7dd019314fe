// Package look is what people see alike on every page: the colours and sizes,
// and for the pages of the simulators also the ground, the top with the choice
// of the language, and the script that shows what is new. It knows no provider
// and imports nothing of ours.
package look

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed tokens.css
var tokens []byte

//go:embed page.css
var ground []byte

//go:embed live.js
var live []byte

//go:embed page.html
var parts string

// Tokens serves the style sheet of colours, sizes and steps.
func Tokens(w http.ResponseWriter, _ *http.Request) { send(w, "text/css", tokens) }

// Live serves the script that keeps the element with the id "live" fresh.
func Live(w http.ResponseWriter, _ *http.Request) { send(w, "text/javascript", live) }

// Style serves a simulator's style sheet: the tokens, the ground of every page,
// and what this one has of its own.
func Style(w http.ResponseWriter, own []byte) {
	send(w, "text/css", slices.Concat(tokens, ground, own))
}

func send(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	_, _ = w.Write(b)
}

// Template is a page with what all have: {{template "top" .}} begins it, up to
// its header, of a Page that has the words "title" and perhaps "lead";
// {{template "languages" .}} is the choice of the language alone. It panics on a
// text that is no template.
func Template(text string, funcs template.FuncMap) *template.Template {
	t := template.Must(template.New("page").Funcs(funcs).Parse(parts))
	return template.Must(t.Parse(text))
}

// Page is what every page says of its reader.
type Page struct {
	Lang string
	W    map[string]string // the words of the page in Lang
}

// For is the page of a request in its language, of the words by language.
func For(r *http.Request, words map[string]map[string]string) Page {
	l := Language(r)
	return Page{l, words[l]}
}

// Langs are the languages that a reader may choose.
func (Page) Langs() []string { return []string{"ja", "ko", "en"} }

// Language takes lang= of the request, else the first of ja, ko and en that the
// browser names, else Japanese.
func Language(r *http.Request) string {
	for want := range strings.SplitSeq(r.FormValue("lang")+","+r.Header.Get("Accept-Language"), ",") {
		want, _, _ = strings.Cut(strings.TrimSpace(want), ";")
		want, _, _ = strings.Cut(strings.ToLower(want), "-")
		if slices.Contains(Page{}.Langs(), want) {
			return want
		}
	}
	return "ja"
}

// Show answers with a page that loads nothing from elsewhere.
func Show(w http.ResponseWriter, t *template.Template, view any) {
	Answer(w, http.StatusOK, t, view)
}

// Answer shows a page under another status.
func Answer(w http.ResponseWriter, status int, t *template.Template, view any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'")
	w.WriteHeader(status)
	_ = t.Execute(w, view)
}
