package zendesk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Groups returns the queue that Zendesk's rules choose, and every group of the
// account with settings s. The error is an *engawa.Error in words for the operator.
func Groups(ctx context.Context, s channel.Settings, env channel.Env) ([]channel.Place, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	groups, se := a.records(ctx, "groups")
	if se != nil {
		return nil, a.told(se)
	}
	places := []channel.Place{{Address: Default, Name: "Zendesk (default)"}}
	for _, g := range inUse(groups) {
		places = append(places, channel.Place{Address: engawa.Address(g.Value), Name: g.Name})
	}
	return places, nil
}

// options returns the brands and the ticket forms in use. What the agent may not
// see, or the plan does not have, is empty.
func options(ctx context.Context, s channel.Settings, env channel.Env) (map[string][]channel.Option, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	brands, err := a.offered(ctx, "brands")
	if err != nil {
		return nil, err
	}
	forms, err := a.offered(ctx, "ticket_forms")
	return map[string][]channel.Option{"brand": brands, "form": forms}, err
}

func (a *account) offered(ctx context.Context, what string) ([]channel.Option, error) {
	all, se := a.records(ctx, what)
	if se != nil && !hidden(se) {
		return nil, a.told(se)
	}
	return inUse(all), nil
}

// record is one of those that Zendesk lists.
type record struct {
	ID      json.Number `json:"id"`
	Name    string      `json:"name"`
	Active  *bool       `json:"active"` // groups have none
	Deleted bool        `json:"deleted"`
}

func (r record) used() bool { return !r.Deleted && (r.Active == nil || *r.Active) }

func inUse(all []record) []channel.Option {
	var out []channel.Option
	for _, r := range all {
		if number(r.ID.String()) && r.used() {
			out = append(out, channel.Option{Value: r.ID.String(), Name: r.Name})
		}
	}
	return out
}

const maxPages = 50 // of a list that is read

// records reads a list to its end, page by page
// (https://developer.zendesk.com/api-reference/introduction/pagination/). It goes
// on by the cursor, not by the link: the token is shown to no other host.
func (a *account) records(ctx context.Context, what string) ([]record, *channel.SendError) {
	var all []record
	q := url.Values{"page[size]": {"100"}}
	for range maxPages {
		ans, se := a.call(ctx, request{method: http.MethodGet, path: "/" + what + "?" + q.Encode()})
		if se != nil {
			return nil, se
		}
		list, next, ok := readPage(ans.body, what)
		if !ok {
			return nil, &channel.SendError{Class: channel.Again, Code: "answer"}
		}
		if all = append(all, list...); next == "" {
			return all, nil
		}
		q.Set("page[after]", next)
	}
	return nil, &channel.SendError{Class: channel.Again, Code: "pages"}
}

// readPage reads a page and the cursor of the next one; empty: it is the last.
func readPage(body []byte, what string) (list []record, next string, ok bool) {
	var page map[string]json.RawMessage
	var meta struct {
		More  bool   `json:"has_more"`
		After string `json:"after_cursor"`
	}
	if json.Unmarshal(body, &page) != nil || json.Unmarshal(page[what], &list) != nil || list == nil {
		return nil, "", false
	}
	if page["meta"] == nil { // a list that has no pages
		return list, "", true
	}
	if json.Unmarshal(page["meta"], &meta) != nil || meta.More && meta.After == "" {
		return nil, "", false
	}
	if !meta.More {
		return list, "", true
	}
	return list, meta.After, true
}

// Probe asks who the token is and, where tickets fill custom fields, whether
// there are those.
func (a *account) Probe(ctx context.Context) error {
	if err := a.proveAgent(ctx); err != nil {
		return err
	}
	return a.proveFields(ctx)
}

// proveAgent asks who the token is. Zendesk answers 200 to nobody too, without an id.
func (a *account) proveAgent(ctx context.Context) error {
	ans, se := a.call(ctx, request{method: http.MethodGet, path: "/users/me"})
	if se != nil {
		return a.told(se)
	}
	var me struct {
		User *struct {
			ID   json.Number `json:"id"`
			Role string      `json:"role"`
		} `json:"user"`
	}
	switch err := json.Unmarshal(ans.body, &me); {
	case err != nil || me.User == nil:
		return engawa.Invalid("/settings/subdomain", "write the part before .zendesk.com in the address with which you sign in to Zendesk", "what answers there is no Zendesk")
	case !number(me.User.ID.String()):
		return a.refused()
	case me.User.Role == "end-user":
		return engawa.Invalid("/settings/mail", "use the address of an agent", "the token's person is no agent of this Zendesk and cannot open tickets for customers")
	}
	return nil
}

// proveFields names the first custom field with which Zendesk would refuse every
// ticket. Who may not see the fields is told nothing of them.
func (a *account) proveFields(ctx context.Context) error {
	if len(a.fields) == 0 {
		return nil
	}
	all, se := a.records(ctx, "ticket_fields")
	switch {
	case se != nil && hidden(se):
		return nil
	case se != nil:
		return a.told(se)
	}
	for _, m := range a.fields {
		if !slices.ContainsFunc(all, func(r record) bool { return r.ID.String() == m.id && r.used() }) {
			e := engawa.Invalid("/settings/custom_fields", "copy the id from Zendesk's Admin Center, under Tickets, Fields, switch the field on there, or remove the line",
				"Zendesk was asked for its ticket fields: none that is in use has the id %s", m.id)
			e.Part = m.id
			return e
		}
	}
	return nil
}

// hidden reports whether the agent may not see what was asked for, or the plan
// does not have it.
func hidden(se *channel.SendError) bool {
	status, _, _ := strings.Cut(se.Code, " ")
	return status == "403" || status == "404"
}

// told puts a failed question into words for the operator.
func (a *account) told(se *channel.SendError) *engawa.Error {
	status, _, _ := strings.Cut(strings.TrimPrefix(se.Code, "token "), " ")
	switch {
	case se.Class == channel.AccountClosed && (status == "400" || status == "401" || status == "403"):
		return a.refused()
	case se.Class == channel.AccountClosed:
		return engawa.Invalid("/settings/subdomain", "write the part before .zendesk.com in the address with which you sign in to Zendesk", "there is no Zendesk with this subdomain")
	}
	return unasked(se)
}

func unasked(se *channel.SendError) *engawa.Error {
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "Zendesk could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}

func (a *account) refused() *engawa.Error {
	if a.client != nil {
		return engawa.Invalid("/settings/client_id", "copy the client's identifier and secret from Zendesk's Admin Center; its kind must be confidential, and its scopes must hold read and tickets:write", "Zendesk does not accept this OAuth client")
	}
	if a.oauth {
		return engawa.Invalid("/settings/oauth_token", "issue a new OAuth token with the scopes read and tickets:write, and paste it", "Zendesk does not accept this OAuth token")
	}
	return engawa.Invalid("/settings/token", "check the mail address, that token access is switched on in the Admin Center, and paste a token that is active", "Zendesk does not accept this mail address with this API token")
}
