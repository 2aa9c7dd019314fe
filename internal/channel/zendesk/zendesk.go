// Package zendesk opens tickets in Zendesk Support and takes its webhooks
// (Ticketing API v2, https://developer.zendesk.com/api-reference/ticketing).
//
// A notice becomes a ticket: its words are an internal note, since a public
// comment would write to the customer past the verdict, and the requester is
// the customer whom it tells of. The ticket's external_id is the delivery's id:
// by it a ticket is found again, and what becomes of it finds the customer.
package zendesk

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

// KeyLife is how long Zendesk remembers an Idempotency-Key
// (https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency),
// less the time that a hand-over may take.
const KeyLife = 2*time.Hour - 5*time.Minute

// Kind describes Zendesk. Its limit counts every call of every program of the
// Zendesk account in a minute; 200 is the smallest that a suite has
// (https://developer.zendesk.com/api-reference/introduction/rate-limits/).
var Kind = channel.Kind{
	Name: "zendesk",
	Fields: []channel.Field{
		{Key: "subdomain", Type: channel.Text, Required: true},
		{Key: "client_id", Type: channel.Text},
		{Key: "client_secret", Type: channel.SecretField},
		{Key: "mail", Type: channel.Mail},
		{Key: "token", Type: channel.SecretField},
		{Key: "oauth_token", Type: channel.SecretField},
		{Key: "webhook_secret", Type: channel.SecretField},
		{Key: "tags", Type: channel.Text, Default: "engawa"},
		{Key: "priority", Type: channel.Choice, Choices: []string{anyPriority, "low", "normal", "high", "urgent"}, Default: anyPriority},
		{Key: "brand", Type: channel.Pick},
		{Key: "form", Type: channel.Pick},
		{Key: "custom_fields", Type: channel.Lines},
		{Key: "per_minute", Type: channel.Number, Default: "200"},
		{Key: "base_url", Type: channel.URL},
	},
	Limits:  limits,
	Conns:   func(channel.Settings) int { return 2 },
	Retry:   channel.Retry{KeyLife: KeyLife, Lookup: true},
	Tells:   true,
	Home:    string(Default),
	ToStaff: true,
	Answers: func(code int) channel.Class {
		return classify(http.MethodPost, &http.Response{StatusCode: code}, answer{}).Class
	},
	Address: address,
	Places:  Groups,
	Options: options,
	New:     open,
}

const (
	anyPriority  = "unset" // Zendesk decides
	scopeAccount = "account"
	perMinute    = 200
	unsaidWait   = time.Minute // for a 429 that says no wait
	maxWait      = time.Hour   // the longest wait that is believed
	maxAnswer    = 1 << 20     // bytes of an answer that are read
)

func limits(s channel.Settings) []channel.Limit {
	n, err := strconv.Atoi(s["per_minute"])
	if err != nil || n < 1 {
		n = perMinute
	}
	return []channel.Limit{{Scope: scopeAccount, N: n, Per: time.Minute, Burst: max(1, n/10)}}
}

// Default is the address of the queue that Zendesk's own rules choose.
const Default engawa.Address = "default"

// address takes Default, or the id of a group: a whole number from 1.
func address(s string) (engawa.Address, error) {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, Default.Reveal()) {
		return Default, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return "", engawa.Invalid("/address", `write "default", or the number at the end of the group's address in Zendesk`, "a Zendesk queue is a group's id, a whole number from 1, or default")
	}
	return engawa.Address(strconv.FormatUint(n, 10)), nil
}

// account is one Zendesk account. It is a channel.Channel, Finder, Receiver and Prober.
type account struct {
	env    channel.Env
	root   string
	base   string  // root with /api/v2
	client *client // gets the tokens; nil: auth is used
	auth   string  // the whole Authorization header
	oauth  bool    // auth is an OAuth token
	hook   []byte  // signs webhooks; nil: none are taken
	tags   []string
	fields []mapping

	priority, brand, form string // of every ticket; empty: as Zendesk decides
}

// Format keeps the token out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "zendesk account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func connect(s channel.Settings, env channel.Env) (*account, error) {
	sub, err := subdomain(s["subdomain"])
	if err != nil {
		return nil, err
	}
	root := strings.TrimRight(cmp.Or(s["base_url"], "https://"+sub+".zendesk.com"), "/")
	a := &account{env: env, root: root, base: root + "/api/v2"}
	if err := a.credentials(s); err != nil {
		return nil, err
	}
	if a.tags, err = tags(s["tags"]); err != nil {
		return nil, err
	}
	if a.fields, err = mappings(s["custom_fields"]); err != nil {
		return nil, err
	}
	if a.brand, a.form = s["brand"], s["form"]; a.brand != "" && !number(a.brand) {
		return nil, engawa.Invalid("/settings/brand", "write the brand's id, a whole number", "zendesk: the brand is no id")
	}
	if a.form != "" && !number(a.form) {
		return nil, engawa.Invalid("/settings/form", "write the ticket form's id, a whole number", "zendesk: the ticket form is no id")
	}
	if p := s["priority"]; p != anyPriority {
		a.priority = p
	}
	if secret := s["webhook_secret"]; secret != "" {
		a.hook = []byte(secret)
	}
	return a, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Send opens a ticket. A first attempt, and a later one while Zendesk remembers
// the key, posts; after that the ticket is looked for before it is posted anew.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	first := keyUsed(p)
	if time.Since(first) > KeyLife {
		if found, r, err := a.find(ctx, p); err != nil || found {
			return r, orNil(err)
		}
	}
	r, se := a.create(ctx, p)
	if se != nil {
		se.Carry = []byte(first.Format(time.RFC3339))
		return channel.Receipt{}, se
	}
	return r, nil
}

// keyUsed is when p's key was first used: now, unless an earlier attempt says.
// An attempt that left nothing behind (the hub was killed) counts as too long ago.
func keyUsed(p engawa.Parcel) time.Time {
	first, err := time.Parse(time.RFC3339, string(p.Carry))
	switch {
	case err == nil:
		return first
	case p.Attempt > 1:
		return time.Time{}
	}
	return time.Now().UTC()
}

// orNil keeps a nil *SendError from becoming an error that is not nil.
func orNil(se *channel.SendError) error {
	if se == nil {
		return nil
	}
	return se
}

func (a *account) create(ctx context.Context, p engawa.Parcel) (channel.Receipt, *channel.SendError) {
	body, err := a.body(p)
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "body", Err: err}
	}
	ans, se := a.call(ctx, request{method: http.MethodPost, path: "/tickets", key: p.Key, body: body, masks: masks(p)})
	if se != nil && se.Code != keyMismatch {
		return channel.Receipt{}, se
	}
	var out struct {
		Ticket struct {
			ID json.Number `json:"id"`
		} `json:"ticket"`
		Error json.RawMessage `json:"error"`
	}
	if se == nil && json.Unmarshal(ans.body, &out) == nil && number(out.Ticket.ID.String()) && out.Error == nil {
		return channel.Receipt{ProviderID: out.Ticket.ID.String(), Exchange: ans.exchange, Seen: ans.seen}, nil
	}
	return a.settle(ctx, p, ans)
}

// settle looks for the ticket after an answer that does not say whether there
// is one: a success without an id, or a key that was used with another body.
func (a *account) settle(ctx context.Context, p engawa.Parcel, ans answer) (channel.Receipt, *channel.SendError) {
	found, r, _ := a.find(ctx, p) // what is wrong with the look-up adds nothing
	r.Exchange, r.Seen = ans.exchange, ans.seen
	if found {
		return r, nil
	}
	return channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: "answer", Exchange: ans.exchange, Seen: ans.seen}
}

// Find looks for the ticket by its external_id: in the list, since the search
// index lags behind.
func (a *account) Find(ctx context.Context, m verdict.Cleared) (bool, channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return false, channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	found, r, se := a.find(ctx, p)
	return found, r, orNil(se)
}

func (a *account) find(ctx context.Context, p engawa.Parcel) (bool, channel.Receipt, *channel.SendError) {
	ans, se := a.call(ctx, request{method: http.MethodGet, path: "/tickets?external_id=" + url.QueryEscape(p.Delivery), masks: masks(p)})
	if se != nil {
		return false, channel.Receipt{}, se
	}
	r := channel.Receipt{Exchange: ans.exchange, Seen: ans.seen}
	var list struct {
		Tickets []struct {
			ID         json.Number `json:"id"`
			ExternalID string      `json:"external_id"`
		} `json:"tickets"`
	}
	if err := json.Unmarshal(ans.body, &list); err != nil || list.Tickets == nil {
		return false, r, &channel.SendError{Class: channel.Again, Code: "answer", Exchange: ans.exchange, Seen: ans.seen}
	}
	for _, t := range list.Tickets {
		if t.ExternalID == p.Delivery && number(t.ID.String()) {
			r.ProviderID = t.ID.String()
			return true, r, nil
		}
	}
	return false, r, nil
}

// number reports whether s is a whole number from 1, of any size: ids are never
// read as floating numbers.
func number(s string) bool {
	return s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}
