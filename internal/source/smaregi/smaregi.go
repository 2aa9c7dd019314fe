// Package smaregi takes what Smaregi says of the contracts that use an app of its
// platform: the notice of each change (AppSubscription), the list of those who
// use the app, by which it is settled what the notices leave open, and who signs in
// there for a contract. Notices carry no
// signature, no id and no time of day, come once or twice or not at all, and are
// never sent again.
package smaregi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Kind describes the source. No path and no member of the list of users is public:
// they are settings, and what stands there at first was never tried.
var Kind = channel.Kind{
	Name: "smaregi",
	Fields: []channel.Field{
		{Key: "app", Type: channel.OfApp, Required: true},
		{Key: "environment", Type: channel.Choice, Default: engawa.Production, Choices: []string{engawa.Production, engawa.Sandbox}},
		{Key: "client_id", Type: channel.Text, Required: true},
		{Key: "header", Type: channel.Text, Default: "X-Engawa-Secret"},
		{Key: "secret", Type: channel.SecretField, Required: true},
		{Key: "list_url", Type: channel.URL},
		{Key: "list_path", Type: channel.Text},
		{Key: "list_client_id", Type: channel.Text},
		{Key: "list_client_secret", Type: channel.SecretField},
		{Key: "list_token_url", Type: channel.URL},
		{Key: "list_items", Type: channel.Text},
		{Key: "list_contract", Type: channel.Text, Default: "contract_id"},
		{Key: "list_name", Type: channel.Text, Default: "name"},
		{Key: "list_email", Type: channel.Text, Default: "email"},
		{Key: "list_plan", Type: channel.Text, Default: "plan"},
		{Key: "list_state", Type: channel.Text, Default: "status"},
		{Key: "list_ended", Type: channel.Text, Default: "end,ended"},
		{Key: "list_stopped", Type: channel.Text, Default: "force-stop,stopped"},
		{Key: "trust_email", Type: channel.Bool, Default: "false"},
		{Key: "client_secret", Type: channel.SecretField},
		{Key: "sign_in_email", Type: channel.Bool, Default: "false"},
		{Key: "sign_in_url", Type: channel.URL},
		{Key: "sign_in_authorize", Type: channel.Text, Default: "/authorize"},
		{Key: "sign_in_token", Type: channel.Text, Default: "/authorize/token"},
		{Key: "sign_in_userinfo", Type: channel.Text, Default: "/userinfo"},
	},
	Sound:  sound,
	First:  first,
	Source: open,
	SignIn: signIn,
}

// Issuer and ContractKind name the identity of a contract.
const (
	Issuer       = "smaregi"
	ContractKind = "contract"
)

// Headers of a notice. The secret's own header is a setting.
const (
	headerContract = "Smaregi-Contract-Id"
	subscription   = "AppSubscription"
)

// minSecret is the shortest secret that is taken: nothing else proves a notice.
const minSecret = 16

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

func sound(s channel.Settings) error {
	switch {
	case !headerName.MatchString(s["header"]) || strings.EqualFold(s["header"], headerContract):
		return engawa.Invalid("/settings/header", "write a name of its own, of letters, digits and hyphens", "smaregi: this cannot be the name of the secret's header")
	case len(s["secret"]) < minSecret:
		return engawa.Invalid("/settings/secret", fmt.Sprintf("make up one of %d characters at least, and enter it at Smaregi too", minSecret), "smaregi: the secret is too short")
	case s["sign_in_url"] != "" && !private(s["sign_in_url"]):
		return engawa.Invalid("/settings/sign_in_url", "write a URL that begins with https://", "smaregi: who signs in would be told in plain text")
	case s["list_url"] == "":
		return nil
	case s["list_client_id"] == "" || s["list_client_secret"] == "":
		return engawa.Invalid("/settings/list_client_id", "enter the client of the list of users, which is another one than the app's", "smaregi: the list of users has no client")
	case s["list_items"] != "" && !strings.HasPrefix(s["list_items"], "/"):
		return engawa.Invalid("/settings/list_items", "write a JSON Pointer such as /data, or nothing where the answer itself is the list", "smaregi: this is not a JSON Pointer")
	}
	return nil
}

// receiver is one app's notices.
type receiver struct {
	app, client, header string
	secret              [sha256.Size]byte
	list                *List
}

// Format keeps the secret out of logs whatever the verb.
func (r *receiver) Format(f fmt.State, _ rune) { fmt.Fprint(f, "smaregi receiver") }

func open(s channel.Settings, env channel.Env) (channel.Receiver, error) {
	return &receiver{app: s["app"], client: s["client_id"], header: s["header"], secret: sha256.Sum256([]byte(s["secret"])), list: OpenList(s, env.HTTP)}, nil
}

// Receive takes a notice. What is known of its action becomes an event of the
// catalogue, all else one of Smaregi's own name.
func (r *receiver) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	if !r.proved(h) {
		return nil, &engawa.Error{
			Code: engawa.CodeUnverified, Message: "the notice does not carry the secret",
			Remedy: "at Smaregi, enter the header and the secret of this account beside the URL for notices",
		}
	}
	w, err := Read(body)
	switch {
	case err != nil:
		return nil, err
	case h.Get(headerContract) != w.Contract:
		return nil, &engawa.Error{Code: engawa.CodeUnverified, Message: "the notice's header names another contract than its body", Remedy: "hand headers and body on as they came"}
	case w.Client != r.client:
		return nil, engawa.Invalid("/clientId", "enter the client id of the app whose notices come here", "the notice is about another app")
	}
	e, err := Event(w, engawa.App{ID: r.app})
	e.Raw = body
	return []engawa.Event{e}, err
}

// proved compares the secret in constant time, whatever its length.
func (r *receiver) proved(h http.Header) bool {
	values := h.Values(r.header)
	if len(values) != 1 {
		return false
	}
	got := sha256.Sum256([]byte(values[0]))
	return subtle.ConstantTimeCompare(got[:], r.secret[:]) == 1
}

// types are the events of what Smaregi calls actions.
var types = map[string]string{
	"start":             "app.subscription.started",
	"end":               "app.subscription.ended",
	"change-plan":       "app.subscription.plan_changed",
	"change-options":    "app.subscription.options_changed",
	"force-stop":        "app.subscription.force_stopped",
	"cancel-force-stop": "app.subscription.force_stop_cancelled",
}

// Known reports whether the word changes how a contract stands.
func (w Word) Known() bool { return w.Event == subscription && types[w.Action] != "" }

// Event is what a word tells about an app. Its key is that of the same words.
func Event(w Word, app engawa.App) (engawa.Event, error) {
	e := engawa.Event{
		Type: types[w.Action], Known: w.Known(), DedupKey: w.Digest, Subject: ContractKind + ":" + w.Contract, OccurredAt: w.at(),
		Identities: []engawa.Identity{Identity(w.Contract)},
	}
	if !e.Known {
		e.Type = "smaregi." + word(w.Event) + "." + word(w.Action)
	}
	data, err := json.Marshal(w.data(app))
	if err != nil {
		return e, fmt.Errorf("smaregi notice: %w", err)
	}
	e.Data = data
	return e, nil
}

// Identity names a contract.
func Identity(contract string) engawa.Identity {
	return engawa.Identity{Issuer: Issuer, Kind: ContractKind, Value: contract}
}

var oddRunes = regexp.MustCompile(`[^a-z0-9]+`)

// word is a text as a part of an event's type.
func word(s string) string {
	s = strings.Trim(oddRunes.ReplaceAllString(strings.ToLower(s), "_"), "_")
	if s == "" {
		return "unnamed"
	}
	return s[:min(len(s), 40)]
}

func (w Word) data(app engawa.App) map[string]any {
	a := map[string]string{"id": app.ID}
	if app.Name != "" {
		a["name"] = app.Name
	}
	d := map[string]any{"m": map[string]string{"id": w.Contract}, "app": a}
	if w.Plan != "" {
		d["plan"] = map[string]string{"name": w.Plan}
	}
	if len(w.Options) > 0 {
		d["options"] = w.Options
	}
	if w.Day != "" {
		d["effective_on"] = w.Day
	}
	if w.Recovered {
		d["recovered"] = true
	}
	return d
}
