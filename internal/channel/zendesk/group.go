package zendesk

import (
	"context"
	"encoding/json"
	"net/http"

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
	ans, se := a.call(ctx, request{method: http.MethodGet, path: "/groups?page%5Bsize%5D=100"})
	if se != nil {
		return nil, a.told(se)
	}
	var list struct {
		Groups []struct {
			ID      json.Number `json:"id"`
			Name    string      `json:"name"`
			Deleted bool        `json:"deleted"`
		} `json:"groups"`
	}
	if err := json.Unmarshal(ans.body, &list); err != nil {
		return nil, a.told(&channel.SendError{Class: channel.Again, Code: "answer"})
	}
	places := []channel.Place{{Address: Default, Name: "Zendesk (default)"}}
	for _, g := range list.Groups {
		if number(g.ID.String()) && !g.Deleted {
			places = append(places, channel.Place{Address: engawa.Address(g.ID.String()), Name: g.Name})
		}
	}
	return places, nil
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
	switch {
	case se.Class == channel.AccountClosed && (se.Code[:3] == "401" || se.Code[:3] == "403"):
		return a.refused()
	case se.Class == channel.AccountClosed:
		return engawa.Invalid("/settings/subdomain", "write the part before .zendesk.com in the address with which you sign in to Zendesk", "there is no Zendesk with this subdomain")
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "Zendesk could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}

func (a *account) refused() *engawa.Error {
	if a.oauth {
		return engawa.Invalid("/settings/oauth_token", "issue a new OAuth token with the scopes read and tickets:write, and paste it", "Zendesk does not accept this OAuth token")
	}
	return engawa.Invalid("/settings/token", "check the mail address, that token access is switched on in the Admin Center, and paste a token that is active", "Zendesk does not accept this mail address with this API token")
}
