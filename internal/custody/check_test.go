package custody_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chatwork"
	"github.com/engawa/engawa/internal/channel/chatwork/sim"
	"github.com/engawa/engawa/internal/custody"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
	"github.com/engawa/engawa/internal/verdict"
)

const ws = "ws_one"

// provider is one that tells who is at an account, and its account in one.
type provider struct {
	facts  channel.Facts
	closed bool // it takes the credentials no more
	down   bool
}

func (p *provider) Custody(context.Context) (channel.Facts, error) {
	switch {
	case p.down:
		return nil, &engawa.Error{Code: engawa.CodeUnavailable, Message: "nobody answers"}
	case p.closed:
		return nil, engawa.Invalid("/settings/secret", "issue a new one", "the secret is not taken")
	}
	return maps.Clone(p.facts), nil
}

func (p *provider) Send(context.Context, verdict.Cleared) (channel.Receipt, error) {
	return channel.Receipt{}, &channel.SendError{Class: channel.Again, Code: "none"}
}

// hub is a checker over a real store, with an account at Chatwork and one at a
// provider that tells more.
type hub struct {
	*testing.T
	*custody.Checker

	db       *sql.DB
	chatwork *sim.Server
	told     *provider
}

func (h *hub) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.told.down {
		return nil, errors.New("no network")
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h.chatwork.ServeHTTP(w, in)
	return w.Result(), nil
}

func each(t *testing.T, test func(h *hub)) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		h := &hub{T: t, db: storetest.Open(t, dsn), chatwork: &sim.Server{Token: "t0ken"}, told: &provider{facts: channel.Facts{}}}
		h.Checker = &custody.Checker{Store: st, Env: channel.Env{HTTP: &http.Client{Transport: h}}, Kinds: []channel.Kind{
			chatwork.Kind, {Name: "line", New: func(channel.Settings, channel.Env) (channel.Channel, error) { return h.told, nil }},
		}}
		h.must(st.AddWorkspace(t.Context(), engawa.Workspace{ID: ws, Name: "ひなた珈琲", Zone: "Asia/Tokyo", CreatedAt: time.Now()}))
		for kind, s := range map[string]map[string]string{"chatwork": {"token": "t0ken"}, "line": {}} {
			h.must(st.AddAccount(t.Context(), engawa.Account{Workspace: ws, ID: "acc_" + kind, Kind: kind, Name: kind, Enabled: true, Settings: s, CreatedAt: time.Now()}))
		}
		test(h)
	})
}

func (h *hub) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// look is the next day's check of an account.
func (h *hub) look(account string) engawa.Custody {
	h.Helper()
	_, err := h.db.ExecContext(h.Context(), `UPDATE custody SET next_at = 1 WHERE account = $1`, account)
	h.must(err)
	h.must(h.Step(h.Context()))
	c, err := h.Store.Custody(h.Context(), ws, "cst_"+account)
	h.must(err)
	return c
}

// open are the open tasks, by kind and what they are about.
func (h *hub) open() string {
	h.Helper()
	all, err := h.Store.Tasks(h.Context(), ws, 100)
	h.must(err)
	var open []string
	for _, k := range all {
		if k.State == "open" {
			open = append(open, k.Kind+" "+k.Ref)
		}
	}
	return strings.Join(open, ", ")
}

func (h *hub) events(typ string) int {
	h.Helper()
	evs, err := h.Store.Events(h.Context(), ws, store.EventFilter{Type: typ}, store.Page{})
	h.must(err)
	return len(evs)
}

// TestChecks: what a provider says otherwise than the day before is told once, and a
// person is asked; what cannot be reached says nothing.
func TestChecks(t *testing.T) {
	each(t, func(h *hub) {
		if c := h.look("acc_chatwork"); c.LookedAt.IsZero() || len(c.Facts) != 0 || h.open() != "" {
			h.Errorf("Chatwork answers: %+v, %s", c, h.open())
		}
		h.chatwork.Token = "another"
		h.look("acc_chatwork")
		if h.open() != "custody.credentials_failing cst_acc_chatwork" || h.events("custody.credentials_failing") != 1 {
			h.Errorf("a token that is not taken: %s", h.open())
		}
		h.told.down = true
		if c := h.look("acc_chatwork"); c.Silent != 1 || len(c.Open(custody.CredentialsFailing)) != 1 {
			h.Errorf("when nobody answers: %+v", c)
		}
		h.told.down, h.chatwork.Token = false, "t0ken"
		if c := h.look("acc_chatwork"); h.open() != "" || len(c.Open(custody.CredentialsFailing)) != 0 || c.Silent != 0 {
			h.Errorf("when it is taken again: %s", h.open())
		}
		first := channel.Facts{"webhook": "a", "quota_used": "900", "menu": "m", "identity": "U1", "plan": "free"}
		h.told.facts = first
		if c := h.look("acc_line"); !maps.Equal(c.Facts, first) || h.open() != "" {
			h.Errorf("the first day: %v, %s", c.Facts, h.open())
		}
		for typ, changed := range map[string]channel.Facts{
			"custody.webhook_changed": {"webhook": "b"}, "custody.quota_used_by_others": {"quota_used": "901"}, "custody.menu_changed": {"menu": "n"},
			"custody.identity_changed": {"identity": "U2"}, "custody.setting_changed": {"plan": "paid"},
		} {
			before := h.open()
			h.told.facts = changed // and nothing of the others, which stay as they were
			c := h.look("acc_line")
			for _, day := range []string{"that day", "the day after"} {
				if !strings.Contains(h.open(), typ+" cst_acc_line") || strings.Contains(before, typ) || h.events(typ) != 1 {
					h.Errorf("%s, %s: %s, %d events", typ, day, h.open(), h.events(typ))
				}
				c = h.look("acc_line")
			}
			if len(c.Facts) != len(first) {
				h.Errorf("%s: what it told before is lost: %v", typ, c.Facts)
			}
		}
	})
}

// TestCheckedByOne: each account is asked once a day, by one of two nodes; one that is
// switched off is not, nor one that nobody answers for all the time.
func TestCheckedByOne(t *testing.T) {
	each(t, func(h *hub) {
		_, err := h.db.ExecContext(h.Context(), `UPDATE custody SET next_at = 1`)
		h.must(err)
		other := *h.Checker
		fail := make(chan error, 2)
		for _, node := range []*custody.Checker{h.Checker, &other} {
			go func() { fail <- node.Step(h.Context()) }()
		}
		h.must(errors.Join(<-fail, <-fail))
		h.must(h.Step(h.Context()))
		if n := len(h.chatwork.Log()); n != 1 {
			h.Errorf("Chatwork was asked %d times", n)
		}
		a, err := h.Store.Account(h.Context(), ws, "acc_chatwork")
		h.must(err)
		a.Enabled = false
		h.must(h.Store.ChangeAccount(h.Context(), a))
		h.look("acc_chatwork")
		if n := len(h.chatwork.Log()); n != 1 {
			h.Errorf("switched off, and asked %d times", n)
		}
	})
}
