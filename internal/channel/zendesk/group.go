package zendesk

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Groups returns the queue that Zendesk's rules choose, and every group of the
// account with settings s, 100 at most. The error is an *engawa.Error in words
// for the operator.
func Groups(ctx context.Context, s channel.Settings, env channel.Env) ([]channel.Place, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	groups, err := a.list(ctx, "groups")
	if err != nil {
		return nil, err
	}
	places := []channel.Place{{Address: Default, Name: "Zendesk (default)"}}
	for _, g := range groups {
		places = append(places, channel.Place{Address: engawa.Address(g.Value), Name: g.Name})
	}
	return places, nil
}

// options returns the brands and the ticket forms in use, 100 of each at most.
// Who may not see the forms has none: not every plan has them.
func options(ctx context.Context, s channel.Settings, env channel.Env) (map[string][]channel.Option, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	brands, err := a.list(ctx, "brands")
	if err != nil {
		return nil, err
	}
	forms, err := a.list(ctx, "ticket_forms")
	return map[string][]channel.Option{"brand": brands, "form": forms}, err
}

// list reads what of a kind is in use. What the agent may not see, or the plan
// does not have, is empty.
func (a *account) list(ctx context.Context, what string) ([]channel.Option, error) {
	ans, se := a.call(ctx, request{method: http.MethodGet, path: "/" + what + "?page%5Bsize%5D=100"})
	if what != "groups" && (ans.status == http.StatusForbidden || ans.status == http.StatusNotFound) {
		return nil, nil
	}
	if se != nil {
		return nil, a.told(se)
	}
	var page map[string]json.RawMessage
	var list []struct {
		ID      json.Number `json:"id"`
		Name    string      `json:"name"`
		Active  *bool       `json:"active"` // groups have none
		Deleted bool        `json:"deleted"`
	}
	if json.Unmarshal(ans.body, &page) != nil || json.Unmarshal(page[what], &list) != nil {
		return nil, a.told(&channel.SendError{Class: channel.Again, Code: "answer"})
	}
	var out []channel.Option
	for _, o := range list {
		if number(o.ID.String()) && !o.Deleted && (o.Active == nil || *o.Active) {
			out = append(out, channel.Option{Value: o.ID.String(), Name: o.Name})
		}
	}
	return out, nil
}

// Probe asks who the token is. Zendesk answers 200 to nobody too, without an id.
func (a *account) Probe(ctx context.Context) error {
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

// told puts a failed question into words for the operator.
func (a *account) told(se *channel.SendError) *engawa.Error {
	status := strings.TrimPrefix(se.Code, "token ")[:3]
	switch {
	case se.Class == channel.AccountClosed && (status == "400" || status == "401" || status == "403"):
		return a.refused()
	case se.Class == channel.AccountClosed:
		return engawa.Invalid("/settings/subdomain", "write the part before .zendesk.com in the address with which you sign in to Zendesk", "there is no Zendesk with this subdomain")
	}
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
