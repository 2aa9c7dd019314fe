package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/look"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/text"
)

const (
	maxApps    = 20 // of one run of the demo
	maxAppName = 60 // letters
)

// sandbox is where a developer registers an app without asking anybody, and is
// given what a partner needs to call the API. Its customers are the sample's.
type sandbox struct {
	hub   caller // with a key of its own, so that the audit trail names it
	inbox string // the page of the customers' inbox
	words *text.Words

	mu   sync.Mutex
	made int
}

func (w *world) sandbox(ctx context.Context, h *serve.Hub) (*sandbox, error) {
	key, err := api.NewKey(ctx, h.Store, workspaceID, "sandbox", "*")
	if err != nil {
		return nil, fmt.Errorf("make the sandbox's key: %w", err)
	}
	return &sandbox{hub: caller{w.hubURL, key, w.locale}, inbox: w.inboxURL, words: h.Words}, nil
}

// registration is an app of the sandbox, with what its developer needs.
type registration struct {
	Name, App, Client, Secret, Hub string
}

// subscriber is a customer of the sample who takes every app of the sandbox.
type subscriber struct {
	customer string
	plan     string
	locale   engawa.Locale
	agreed   []engawa.Purpose // to get by mail
}

// subscribers differ in what they agreed to, so that a developer meets a refusal too.
var subscribers = []subscriber{
	{sampleID(6), "standard", engawa.Japanese, []engawa.Purpose{engawa.Notice, engawa.Marketing}},
	{sampleID(17), "light", engawa.Korean, []engawa.Purpose{engawa.Notice}},
	{sampleID(28), "standard", engawa.English, nil},
}

var errFull = errors.New("the sandbox is full")

// register makes, by the hub's API, a partner with an app, what it may do, a client
// secret, and subscribers.
func (s *sandbox) register(ctx context.Context, name string) (*registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made >= maxApps {
		return nil, errFull
	}
	s.made++
	var partner, app, grant struct{ ID string }
	var secret struct {
		Secret string `json:"client_secret"`
	}
	if err := s.hub.post(ctx, "/v1/partners", map[string]any{"name": name, "sender": map[string]string{
		"name": name, "postal": "東京都台東区谷中1-2-3", "phone": "03-0000-0000", "mail": "hello@sandbox.example", "contact": "https://sandbox.example/contact",
	}}, &partner); err != nil {
		return nil, err
	}
	if err := s.hub.post(ctx, "/v1/apps", map[string]any{"name": name, "partner": partner.ID}, &app); err != nil {
		return nil, err
	}
	if err := s.hub.post(ctx, "/v1/grants", map[string]any{
		"partner": partner.ID, "scopes": []string{"*"}, "apps": []string{app.ID}, "channels": []string{"mail"},
		"purposes": []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing}, "quota_day": 200,
	}, &grant); err != nil {
		return nil, err
	}
	for _, m := range subscribers {
		if err := s.subscribe(ctx, m, partner.ID, app.ID, name); err != nil {
			return nil, err
		}
	}
	if err := s.hub.post(ctx, "/v1/partners/"+partner.ID+"/secrets", map[string]any{}, &secret); err != nil {
		return nil, err
	}
	return &registration{name, app.ID, partner.ID, secret.Secret, s.hub.url}, nil
}

// subscribe has somebody take the app, and agree on its form to what they agree to.
func (s *sandbox) subscribe(ctx context.Context, m subscriber, partner, app, name string) error {
	var made struct{ ID string }
	if err := s.hub.post(ctx, "/v1/subscriptions", map[string]any{
		"customer": m.customer, "app": app, "product": m.plan, "state": engawa.SubscriptionActive, "starts_at": time.Now(),
	}, &made); err != nil {
		return err
	}
	for _, p := range m.agreed {
		if err := s.hub.post(ctx, "/v1/customers/"+m.customer+"/consents", map[string]any{
			"controller": partner, "app": app, "act": engawa.ActContact, "purpose": p, "channel": "mail", "given": true,
			"evidence": map[string]any{
				"wording": s.words.T(m.locale, "sandbox.wording."+string(p), "app", name), "version": "v1", "where": "sandbox", "how": "checkbox", "locale": m.locale,
			},
		}, &made); err != nil {
			return err
		}
	}
	return nil
}

//go:embed sandbox.html
var sandboxText string

//go:embed sandbox.css
var sandboxStyle []byte

// sandboxWords are the words of its page.
var sandboxWords = []string{
	"title", "lead", "name", "name_help", "register", "made", "once", "copy", "client", "secret", "app", "do", "needs", "token", "list", "list_help", "send", "send_help", "read", "read_help",
	"then", "inbox", "inbox_help", "docs", "docs_help", "console", "console_help", "another",
}

type sandboxPage struct {
	look.Page

	Name  string // as it was typed
	Wrong string
	Made  *registration
	Inbox string
}

// handler is the sandbox's page.
func (s *sandbox) handler() http.Handler {
	words := map[string]map[string]string{}
	for _, l := range engawa.Locales {
		words[string(l)] = map[string]string{}
		for _, key := range sandboxWords {
			words[string(l)][key] = s.words.T(l, "sandbox."+key)
		}
	}
	t := look.Template(sandboxText, template.FuncMap{"command": s.command})
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, r *http.Request, status int, p sandboxPage) {
		p.Page, p.Inbox = look.For(r, words), s.inbox
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		look.Answer(w, status, t, p)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { show(w, r, http.StatusOK, sandboxPage{}) })
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		status, p := s.asked(r)
		show(w, r, status, p)
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) { look.Style(w, sandboxStyle) })
	mux.Handle("GET /static/copy.js", console.Static())
	return http.NewCrossOriginProtection().Handler(mux)
}

// asked registers what the form asks for.
func (s *sandbox) asked(r *http.Request) (int, sandboxPage) {
	l := engawa.Locale(look.Language(r))
	p := sandboxPage{Name: strings.TrimSpace(r.PostFormValue("name"))}
	switch n := utf8.RuneCountInString(p.Name); {
	case n == 0:
		p.Wrong = s.words.T(l, "sandbox.wrong.empty")
	case n > maxAppName:
		p.Wrong = s.words.T(l, "sandbox.wrong.long", "n", n, "most", maxAppName)
	default:
		return s.answer(r.Context(), l, p)
	}
	return http.StatusUnprocessableEntity, p
}

func (s *sandbox) answer(ctx context.Context, l engawa.Locale, p sandboxPage) (int, sandboxPage) {
	var err error
	switch p.Made, err = s.register(ctx, p.Name); {
	case errors.Is(err, errFull):
		p.Wrong = s.words.T(l, "sandbox.wrong.full", "n", maxApps)
		return http.StatusConflict, p
	case err != nil:
		p.Wrong = s.words.T(l, "sandbox.wrong.hub", "why", err.Error())
		return http.StatusBadGateway, p
	}
	return http.StatusOK, p
}

// command is what the developer types into a shell for one step.
func (s *sandbox) command(step, lang string, r registration) string {
	const as = ` -H "Authorization: Bearer $TOKEN"`
	switch step {
	case "token":
		return "HUB=" + r.Hub + "\nCLIENT_ID=" + r.Client + "\nCLIENT_SECRET=" + r.Secret + "\nTOKEN=$(curl -sS $HUB/oauth/token -u \"$CLIENT_ID:$CLIENT_SECRET\" \\\n  -d grant_type=client_credentials | jq -r .access_token)"
	case "list":
		return "LIST=$(curl -sS $HUB/v1/partner/apps/" + r.App + "/subscribers \\\n " + as + ")\necho \"$LIST\" | jq\n" +
			"SUBSCRIBER=$(echo \"$LIST\" | jq -r 'first(.subscribers[]\n  | select(any(.contactable[]; .purposes | index(\"marketing\")))).subscriber')"
	case "send":
		content, _ := json.Marshal(map[string]string{ // plain strings
			"subject": s.words.T(engawa.Locale(lang), "sandbox.sample.subject"), "text": s.words.T(engawa.Locale(lang), "sandbox.sample.text"),
		})
		return "curl -sS $HUB/v1/partner/messages \\\n " + as + " \\\n  -H 'Content-Type: application/json' \\\n" +
			"  -d '{\"to\":{\"subscriber\":\"'$SUBSCRIBER'\"},\"purpose\":\"marketing\",\"trigger\":\"user\",\n       \"content\":" + string(content) + "}' | jq"
	default:
		return "curl -sS $HUB/v1/partner/replies \\\n " + as + " | jq"
	}
}
