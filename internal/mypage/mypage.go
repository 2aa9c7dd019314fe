// Package mypage is what customers see: the page that asks for a consent, alone
// or inside a frame of the shop's, and the page of their own, on which they say
// who may write to them, for what, where, and take their data out or have it
// erased. Who opens a page is known by the sealed token in its address, which is
// good for one purpose and one customer, or by a sign-in; there are no cookies but
// for the minutes that a sign-in takes. State changes by POST only, and every page works without script.
package mypage

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/a-h/templ"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

//go:embed static/style.css
var style []byte

// Site answers the customers' pages. Its fields are set once.
type Site struct {
	Store   *store.Store
	Vault   *vault.Vault
	Words   *text.Words
	Compose *message.Composer
	Kinds   []channel.Kind
	Log     *slog.Logger
	Base    string                     // "https://hub.example.jp", without a slash at the end
	Frames  []string                   // origins whose pages may show the consent page in a frame
	From    func(*http.Request) string // the network that a request comes from
	SignIn  *access.OIDC               // the business's own sign-in of its customers; nil: none
	// Open opens a sign-in at the provider of an account.
	Open func(access.Provider) (*access.OIDC, error)
	// Try counts a sign-in that comes back, by network, unless came is called; the
	// error refuses it.
	Try func(*http.Request) (came func(), err error)

	mu   sync.Mutex
	ways map[string]opened // by account
}

// Handler returns the routes of the pages.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mypage/style.css", func(w http.ResponseWriter, _ *http.Request) { look.Style(w, style) })
	mux.HandleFunc("GET /.well-known/jwks.json", s.keys)
	mux.Handle("GET /consent/{token}", s.page(s.ask))
	mux.Handle("POST /consent/{token}", s.page(s.agree))
	mux.Handle("GET /consent/{token}/frame", s.page(s.ask))
	mux.Handle("POST /consent/{token}/frame", s.page(s.agree))
	mux.Handle("GET /prove/{token}", s.page(s.prove))
	mux.Handle("POST /prove/{token}", s.page(s.proved))
	mux.Handle("GET /mypage/at/{workspace}", s.page(s.door))
	mux.Handle("POST /mypage/at/{workspace}", s.page(s.begin))
	mux.Handle("GET /mypage/at/{workspace}/{account}", s.page(s.returnedTo))
	mux.Handle("GET /mypage/callback", s.page(s.returned))
	mux.Handle("GET /my/{token}", s.page(s.own(s.my)))
	for name, act := range map[string]func(*visit) error{
		"stop": s.stop, "stop-all": s.stopAll, "stop-service": s.stopService, "leave": s.leave, "allow": s.allow, "sure": s.ensure,
		"points": s.addPoint, "points/{point}/purposes": s.choose, "points/{point}/end": s.endPoint, "points/{point}/again": s.proveAgain,
		"data": s.data, "erase": s.erase,
	} {
		mux.Handle("POST /my/{token}/"+name, s.page(s.own(act)))
	}
	mux.Handle("GET /my/{token}/erase", s.page(s.own(s.erasure)))
	return mux
}

// keys serves the keys that check receipts. They are public and change seldom.
func (s *Site) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, receipt.KeysOf(s.Vault))
}

// visit is one request for a page.
type visit struct {
	Page
	w         http.ResponseWriter
	r         *http.Request
	workspace engawa.Workspace
	customer  engawa.Customer
	pass      pass
	role      string // on a contract, of the sign-in
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// Page is what every page says of its reader.
type Page struct {
	text.Viewer
	Title    string
	Business string
	Sender   engawa.SenderProfile
	Path     string // without the language
	Frame    bool
	Done     string // what was just done: "my.done." and this
}

// href is a path of this site in the language of the page.
func (p Page) href(path string) templ.SafeURL {
	return templ.URL(path + "?lang=" + string(p.Locale))
}

const maxForm = 16 << 10

// policy lets a page load its style and send its forms home, and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "

func (s *Site) page(do func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy+s.ancestors(r))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the address is the key
		h.Set("Cache-Control", "no-store")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v := &visit{w: w, r: r, Page: Page{Viewer: s.Words.For(text.Negotiate(r.Header.Get("Accept-Language"), engawa.Japanese), nil), Path: r.URL.Path, Frame: framed(r)}}
		v.speak(r, v.Locale)
		if r.Method == http.MethodPost && !ours(r) {
			s.tell(v, &engawa.Error{Code: engawa.CodeForbidden, Message: "another site sent this form"})
			return
		}
		if err := do(v); err != nil {
			s.tell(v, err)
		}
	})
}

// speak sets the language: the one chosen on the page, else want.
func (p *Page) speak(r *http.Request, want engawa.Locale) {
	if chosen := engawa.Locale(r.URL.Query().Get("lang")); slices.Contains(engawa.Locales[:], chosen) {
		want = chosen
	}
	if slices.Contains(engawa.Locales[:], want) {
		p.Locale = want
	}
}

func framed(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/frame") }

// ancestors are the pages that may show this one inside them: of the consent
// page those of the setting, of all others none.
func (s *Site) ancestors(r *http.Request) string {
	if !framed(r) || len(s.Frames) == 0 {
		return "'none'"
	}
	return strings.Join(s.Frames, " ")
}

// ours reports whether a form was sent from a page of ours. The token in its
// address is what nobody else has; this keeps also the sign-in's form from being
// sent by others. A browser that says nothing of where it comes from is old.
func ours(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}

// known fills in whose page it is.
func (s *Site) known(v *visit, workspace, customer string) error {
	w, err := s.Store.Workspace(v.ctx(), workspace)
	if err != nil {
		return gone()
	}
	v.workspace, v.Business, v.Sender = w, w.Name, w.Sender
	cu, err := s.Store.Customer(v.ctx(), workspace, customer)
	for hops := 0; err == nil && cu.MergedInto != "" && hops < 8; hops++ {
		cu, err = s.Store.Customer(v.ctx(), workspace, cu.MergedInto)
	}
	if err != nil {
		return unavailable(err)
	}
	v.customer = cu
	v.speak(v.r, cu.Locale)
	zone, err := engawa.Zone(cu.Zone)
	if cu.Zone == "" || err != nil {
		zone, err = engawa.Zone(w.Zone)
	}
	if err == nil {
		v.Zone = zone
	}
	if cu.Erased {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this customer was erased"}
	}
	return nil
}

// gone answers every token that opens nothing in the same words.
func gone() error { return engawa.NotFound("link") }

func unavailable(err error) error {
	if engawa.CodeOf(err) == engawa.CodeNotFound {
		return gone()
	}
	return err
}

// show writes a page.
func (v *visit) show(status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(v.ctx(), &b); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // the reader went away
	return nil
}

// see sends the browser on after a change, so that loading again repeats nothing.
func (v *visit) see(path, done string) error {
	q := url.Values{"lang": {string(v.Locale)}}
	if done != "" {
		q.Set("done", done)
	}
	http.Redirect(v.w, v.r, path+"?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// problem is what a customer is told in place of a page.
type problem struct {
	status int
	words  string
}

// problems are the words for what a customer may be told, by code; what is not
// listed is a fault of the hub.
var problems = map[engawa.Code]problem{
	engawa.CodeNotFound:    {http.StatusNotFound, "link"},
	engawa.CodeConflict:    {http.StatusGone, "erased"},
	engawa.CodeForbidden:   {http.StatusForbidden, "forbidden"},
	engawa.CodeRateLimited: {http.StatusTooManyRequests, "often"},
	engawa.CodeInvalid:     {http.StatusUnprocessableEntity, "invalid"},
}

// refused are the words for a sign-in that did not come to a page.
func refused(why access.Refusal) problem {
	p := problem{http.StatusUnauthorized, "signin"}
	if why == access.NoCustomer {
		p = problem{http.StatusForbidden, "nobody"}
	}
	if why == access.SignInTooSoon {
		p = problem{http.StatusTooManyRequests, "soon"}
	}
	return p
}

func (s *Site) tell(v *visit, err error) {
	p, ok := problems[engawa.CodeOf(err)]
	if why := access.Refusal(""); errors.As(err, &why) {
		p, ok = refused(why), true
	}
	if !ok {
		p.status, p.words = http.StatusServiceUnavailable, "later"
		s.Log.ErrorContext(v.ctx(), "a customer's page could not be shown", "err", err)
	}
	v.Title = v.T("my.problem." + p.words)
	_ = v.show(p.status, ProblemPage(Problem{v.Page, v.T("my.problem." + p.words + ".text")})) // the reader went away
}

// evidence is what can be proved of a decision on a page.
func (s *Site) evidence(v *visit, how, where string, w wording) engawa.Evidence {
	return engawa.Evidence{
		Wording: w.text, Version: w.version, Where: where, How: how, Locale: v.Locale,
		Network: cut(s.From(v.r)), Agent: agent(v.r.UserAgent()),
	}
}

// cut names the part of a network that a browser is in, and no line of it: /24
// of IPv4, /48 of IPv6.
func cut(network string) string {
	p, err := netip.ParsePrefix(network)
	if err != nil {
		return ""
	}
	bits := 24
	if p.Addr().Is6() {
		bits = 48
	}
	wide, err := p.Addr().Prefix(min(bits, p.Bits()))
	if err != nil || !p.IsValid() {
		return ""
	}
	return wide.String()
}

// agent is the class of a browser. Its name and version would help to know a
// person again, and prove nothing.
func agent(header string) string {
	h := strings.ToLower(header)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(h, p) })
	}
	switch {
	case has("bot", "crawl", "spider", "preview"):
		return "bot"
	case has("ipad", "tablet"), has("android") && !has("mobile"):
		return "tablet"
	case has("mobile", "iphone"):
		return "phone"
	case has("mozilla"):
		return "desktop"
	}
	return "other"
}
