package api

import (
	"cmp"
	"html/template"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Purpose of the tokens in unsubscribe links, and how long they work: longer
// than any law asks for.
const (
	UnsubscribeToken = "unsubscribe"
	UnsubscribeLife  = 180 * 24 * time.Hour
)

// Unsubscribe is what the token of a one-click link says.
type Unsubscribe struct {
	Workspace, Customer, Controller, Message string
	Purpose                                  engawa.Purpose
}

// UnsubscribeURL makes the one-click link of a message below base.
func (a *API) UnsubscribeURL(base string, m engawa.Message) string {
	b, err := json.Marshal(Unsubscribe{m.Workspace, m.Customer, cmp.Or(m.Partner, engawa.ControllerWorkspace), m.ID, m.Purpose.Class()})
	if err != nil {
		return "" // strings always marshal
	}
	return base + "/u/" + a.Vault.Token(UnsubscribeToken, b, m.CreatedAt.Add(UnsubscribeLife))
}

func (a *API) openUnsubscribe(r *http.Request) (Unsubscribe, error) {
	var u Unsubscribe
	b, err := a.Vault.OpenToken(UnsubscribeToken, r.PathValue("token"), time.Now())
	if err == nil {
		err = json.Unmarshal(b, &u)
	}
	if err != nil {
		return u, engawa.NotFound("link")
	}
	return u, nil
}

// unsubscribe acts on one POST, without sign-in (RFC 8058). Doing it twice does
// no harm.
func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request) {
	u, err := a.openUnsubscribe(r)
	if err == nil {
		err = a.Store.Decide(r.Context(), engawa.Consent{
			Workspace: u.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: u.Customer, Controller: u.Controller, Act: engawa.ActContact,
			Purpose: u.Purpose, Given: false, At: time.Now(),
			Evidence: engawa.Evidence{Wording: "one-click unsubscribe", Version: "1", Where: u.Message, How: "one_click"},
		})
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.unsubscribeAnswer(w, u, true)
}

// unsubscribePage shows the button; opening a link changes nothing, since mail
// scanners open links.
func (a *API) unsubscribePage(w http.ResponseWriter, r *http.Request) {
	u, err := a.openUnsubscribe(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.unsubscribeAnswer(w, u, false)
}

// unsubscribeAnswer says what was done or is to be done, in all languages: whose
// link it is decides nothing before the button is pressed. It leads on to the
// customer's own page.
func (a *API) unsubscribeAnswer(w http.ResponseWriter, u Unsubscribe, done bool) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	view := struct {
		Done  bool
		Own   string
		Words []string
	}{Done: done, Own: a.Pages.Link(u.Workspace, u.Customer)}
	for _, l := range engawa.Locales {
		view.Words = append(view.Words, a.Words.T(l, "unsubscribe.own_page"))
	}
	unsubscribeHTML.Execute(w, view) //nolint:errcheck // the client went away
}

var unsubscribeHTML = template.Must(template.New("unsubscribe").Parse(`<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>配信停止 · 수신거부 · Unsubscribe</title>
<style>:root{color-scheme:light dark}body{margin:0;font:17px/1.7 system-ui,"Noto Sans JP","Noto Sans KR",sans-serif;background:light-dark(#fbf9f4,#17140f);color:light-dark(#26211a,#ede7db)}main{max-width:34em;margin:12vh auto;padding:0 24px}button{font:inherit;font-weight:600;border:0;border-radius:10px;padding:12px 20px;background:light-dark(#3f6b3a,#8fc087);color:light-dark(#fff,#17140f)}p{margin:.6em 0}a{color:inherit}</style>
<main>{{if .Done}}<p>配信を停止しました。</p><p>수신을 중지했습니다.</p><p>You will get no more of these messages.</p>{{else}}<form method="post"><p>この種類のお知らせを今後受け取らないようにします。</p><p>이런 종류의 안내를 더 이상 받지 않습니다.</p><p>Stop messages of this kind.</p><p><button>停止する · 중지하기 · Stop</button></p></form>{{end}}<p><a href="{{.Own}}">{{range $i, $w := .Words}}{{if $i}} · {{end}}{{$w}}{{end}}</a></p></main></html>`))
