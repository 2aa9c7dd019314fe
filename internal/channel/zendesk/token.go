package zendesk

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
)

const (
	scope    = "read tickets:write"
	tokenAge = 30 * time.Minute // asked for; Zendesk gives more than 5 minutes and less than 2 days
	longest  = 48 * 60 * 60     // seconds: no life that is longer is believed
	spare    = time.Minute      // a token is not used for the last of its life
)

// client is an OAuth client that gets access tokens by its own credentials
// (https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/).
// A token is kept in memory alone: every node has its own, there is no refresh
// token to be used up, and none ends another (docs/decisions/0006).
type client struct {
	id, secret string
	turn       chan struct{} // holds one: who takes it may ask for a token
	token      string
	until      time.Time
}

func newClient(id, secret string) *client {
	c := &client{id: id, secret: secret, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// authorization is the header for a call: the account's own, or that of a token
// which its client got. One that Zendesk has just refused is replaced.
func (a *account) authorization(ctx context.Context, refused string) (string, *channel.SendError) {
	if a.client == nil {
		return a.auth, nil
	}
	c := a.client
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", &channel.SendError{Class: channel.Again, Code: "token"}
	}
	if c.token == "" || "Bearer "+c.token == refused || time.Until(c.until) <= 0 {
		if se := c.renew(ctx, a.root, a.env.HTTP); se != nil {
			return "", se
		}
	}
	return "Bearer " + c.token, nil
}

// renew asks for a token. Whatever goes wrong, no ticket was opened by it.
func (c *client) renew(ctx context.Context, root string, via *http.Client) *channel.SendError {
	asked := time.Now()
	body, err := json.Marshal(map[string]any{
		"grant_type": "client_credentials", "client_id": c.id, "client_secret": c.secret, "scope": scope, "expires_in": int(tokenAge / time.Second),
	})
	if err != nil {
		return &channel.SendError{Class: channel.Rejected, Code: "token"}
	}
	x, se := exchange.Do(ctx, via, exchange.Request{
		Method: http.MethodPost, URL: root + "/oauth/tokens", Path: "/oauth/tokens", Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Body: body, Shown: "grant_type: client_credentials", Hide: []string{c.secret},
	})
	if se != nil {
		se.Class, se.Code = channel.Again, "token "+se.Code
		return se
	}
	var in struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"` // seconds; told only to who asks for a life
	}
	unread := json.Unmarshal(x.Body, &in) != nil
	x.Kept.Response = strconv.Itoa(x.Status) + " " + errorWord(x.Body) // the rest is a secret
	if x.Status >= 300 || unread || in.Token == "" || strings.ContainsAny(in.Token, "\r\n") {
		return noToken(x)
	}
	life := time.Duration(min(cmp.Or(max(in.Life, 0), int(tokenAge/time.Second)), longest)) * time.Second
	c.token, c.until = in.Token, asked.Add(life-min(spare, life/2))
	return nil
}

// noToken names an answer that holds no token: 400 and 401 refuse the client,
// its kind or its scopes (RFC 6749 §5.2), and only a person can change them.
func noToken(x exchange.Answer) *channel.SendError {
	se := x.Fail(channel.Again, "token "+code(x.Status, x.Body), wait(x.Header, 0))
	switch s := x.Status; {
	case s == http.StatusTooManyRequests:
		se.After = wait(x.Header, unsaidWait)
	case s >= 300 && s < 500 && s != http.StatusRequestTimeout && s != http.StatusTooEarly:
		se.Class = channel.AccountClosed
	}
	return se
}

// credentials reads the three ways to prove who calls: an OAuth client, an API
// token, which acts as its agent, or an OAuth token that somebody made
// (https://developer.zendesk.com/api-reference/introduction/security-and-auth/).
func (a *account) credentials(s channel.Settings) error {
	ways := 0
	for _, key := range []string{"client_id", "token", "oauth_token"} {
		if s[key] != "" {
			ways++
		}
	}
	switch {
	case ways > 1 && s["client_id"] != "":
		return engawa.Invalid("/settings/client_id", "leave the tokens empty, or the client", "zendesk: there is an OAuth client and a token besides")
	case ways > 1:
		return engawa.Invalid("/settings/oauth_token", "leave one of the two empty", "zendesk: there is an API token and an OAuth token")
	case s["client_id"] != "" && s["client_secret"] == "":
		return engawa.Invalid("/settings/client_secret", "generate a secret for the client in Zendesk's Admin Center and paste it", "zendesk: an OAuth client goes with its secret")
	case s["client_id"] != "":
		a.client = newClient(s["client_id"], s["client_secret"])
	case s["oauth_token"] != "":
		a.auth, a.oauth = "Bearer "+s["oauth_token"], true
	case s["token"] == "":
		return engawa.Invalid("/settings/client_id", "make a confidential OAuth client in Zendesk's Admin Center, under Apps and integrations, and enter its identifier and its secret", "zendesk: an OAuth client or a token is required")
	case s["mail"] == "":
		return engawa.Invalid("/settings/mail", "write the mail address with which the agent signs in to Zendesk", "zendesk: an API token goes with its agent's mail address")
	default:
		a.auth = basic(s["mail"]+"/token", s["token"])
	}
	return nil
}
