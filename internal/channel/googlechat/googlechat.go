// Package googlechat posts notices to a Google Chat space by its webhook
// (developers.google.com: spaces.messages.create). Key and token stand in the
// URL's query: the whole URL is a secret.
package googlechat

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind describes Google Chat: one message a second to a space. A request that
// comes again under the same requestId makes no second message; for how long is
// not documented, so only soon.
var Kind = channel.Kind{
	Name: "googlechat",
	Fields: []channel.Field{
		{Key: "webhook_url", Type: channel.SecretField, Required: true},
		{Key: "thread_key", Type: channel.Text},
	},
	Limits: func(channel.Settings) []channel.Limit {
		return []channel.Limit{{Scope: "space", N: 1, Per: time.Second, Exact: true}}
	},
	Conns:   func(channel.Settings) int { return 2 },
	Retry:   channel.Retry{KeyLife: 10 * time.Minute},
	ToStaff: true,
	Address: chat.Place,
	New:     open,
}

// style: <users/all> would mention everybody and <url|text> hide a link, and
// there is no escape. What nobody sees behind the bracket takes the force out.
var style = chat.Style{Most: 4096, Escape: func(r rune) string {
	if r == '<' {
		return "<\u2060"
	}
	return string(r)
}}

type account struct {
	chat.Hook
	thread string
}

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	hook, err := chat.OpenHook(s, env, "Google Chat")
	if err != nil {
		return nil, err
	}
	return &account{hook, s["thread_key"]}, nil
}

// Send posts the message to the space, under the thread where one is set.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	return chat.Send(ctx, a.Env, m, a.request, judge)
}

func (a *account) request(p engawa.Parcel) exchange.Request {
	body := map[string]any{"text": style.Post(p, a.Env.PublicURL)}
	query := url.Values{"requestId": {p.Key}}
	if a.thread != "" {
		body["thread"] = map[string]string{"threadKey": a.thread}
		query.Set("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
	}
	to, err := url.Parse(a.URL)
	if err != nil {
		return exchange.Request{} // open has read it
	}
	secrets := []string{a.URL}
	for _, values := range to.Query() { // key and token
		secrets = append(secrets, values...)
	}
	to.RawQuery += "&" + query.Encode()
	return chat.JSON(to.String(), body, "", secrets...)
}

func judge(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	var in struct {
		Name  string `json:"name"` // "spaces/…/messages/…"
		Error struct {
			Code   int    `json:"code"`
			Status string `json:"status"`
		} `json:"error"`
	}
	unread := json.Unmarshal(x.Body, &in)
	if x.Status < 300 && in.Error.Code == 0 {
		if unread != nil || in.Name == "" {
			return channel.Receipt{}, x.Fail(channel.Ambiguous, "answer", 0)
		}
		return channel.Receipt{ProviderID: in.Name}, nil
	}
	status := cmp.Or(in.Error.Code, x.Status)
	return channel.Receipt{}, x.Fail(exchange.Class(status), strconv.Itoa(status), exchange.RetryAfter(x.Header))
}
