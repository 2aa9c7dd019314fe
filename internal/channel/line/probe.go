package line

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
)

// info is what LINE says of the account itself.
type info struct {
	UserID string `json:"userId"`
	Name   string `json:"displayName"`
}

func (a *account) get(ctx context.Context, path string, into any) *channel.SendError {
	x, se := a.call(ctx, exchange.Request{Method: http.MethodGet, Path: path})
	switch {
	case se != nil:
		return se
	case x.Status != http.StatusOK:
		return x.Fail(exchange.Class(x.Status), "", 0)
	case json.Unmarshal(x.Body, into) != nil:
		return x.Fail(channel.Again, "answer", 0)
	}
	return nil
}

func (a *account) info(ctx context.Context) (info, *channel.SendError) {
	var in info
	se := a.get(ctx, "/v2/bot/info", &in)
	if se == nil && !userID.MatchString(in.UserID) {
		se = &channel.SendError{Class: channel.Again, Code: "answer"}
	}
	return in, se
}

// quota is how many messages a month the plan has; 0: no limit.
func (a *account) quota(ctx context.Context) (int, *channel.SendError) {
	var in struct {
		Type  string `json:"type"`
		Value int    `json:"value"`
	}
	se := a.get(ctx, "/v2/bot/message/quota", &in)
	if in.Type != "limited" {
		in.Value = 0
	}
	return max(in.Value, 0), se
}

// used is how many of them are used up, as far as LINE has counted: by whoever
// wrote, in LINE Official Account Manager too.
func (a *account) used(ctx context.Context) (int, *channel.SendError) {
	var in struct {
		Total int `json:"totalUsage"`
	}
	se := a.get(ctx, "/v2/bot/message/quota/consumption", &in)
	return max(in.Total, 0), se
}

// Probe gets a token and asks whose account it is.
func (a *account) Probe(ctx context.Context) error {
	_, se := a.info(ctx)
	return inWords(se)
}

// fill asks for the account's own user id, by which its webhooks name it, and for
// the month's quota.
func fill(ctx context.Context, s channel.Settings, env channel.Env) (map[string]string, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	me, se := a.info(ctx)
	if se != nil {
		return nil, inWords(se)
	}
	n, se := a.quota(ctx)
	if se != nil {
		return nil, inWords(se)
	}
	return map[string]string{"bot_user_id": me.UserID, "monthly_quota": strconv.Itoa(n)}, nil
}

// who is the official account, with what is left of its month.
func who(ctx context.Context, s channel.Settings, env channel.Env) (channel.Who, error) {
	a, err := connect(s, env)
	if err != nil {
		return channel.Who{}, err
	}
	me, se := a.info(ctx)
	if se != nil {
		return channel.Who{}, inWords(se)
	}
	out := channel.Who{Name: me.Name}
	most, se := a.quota(ctx)
	if se != nil || most == 0 {
		return out, inWords(se)
	}
	used, se := a.used(ctx)
	if se == nil {
		out.Seen = []channel.Seen{{Scope: scopeMonth, Remaining: max(0, most-used)}}
	}
	return out, inWords(se)
}

// inWords puts a failed question into words for the operator.
func inWords(se *channel.SendError) error {
	switch {
	case se == nil:
		return nil
	case se.Class == channel.AccountClosed && strings.HasPrefix(se.Code, "token "):
		return engawa.Invalid("/settings/channel_secret", "copy Channel ID and Channel secret anew from LINE Official Account Manager, under Settings, Messaging API", "LINE does not accept this Channel ID with this Channel secret")
	case se.Class == channel.AccountClosed:
		return engawa.Invalid("", "open LINE Official Account Manager and look whether the account may use the Messaging API", "LINE does not let this account be asked: %s", se.Code)
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "LINE could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}
