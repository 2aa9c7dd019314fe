// Package slack posts notices to Slack channels, by an incoming webhook (one
// URL, one channel) or by a bot token (chat.postMessage, with a list of
// channels). docs.slack.dev: messaging, rate limits.
//
// Slack answers 200 to most of what it refuses: "ok" in the body decides.
package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

const standardURL = "https://slack.com/api"

// The two ways in.
const (
	byWebhook = "webhook"
	byToken   = "bot"
)

// Kind describes Slack: one message a second to a channel, short bursts apart.
var Kind = channel.Kind{
	Name: "slack",
	Fields: []channel.Field{
		{Key: "how", Type: channel.Choice, Required: true, Choices: []string{byWebhook, byToken}},
		{Key: "webhook_url", Type: channel.SecretField},
		{Key: "token", Type: channel.SecretField},
		{Key: "base_url", Type: channel.URL, Default: standardURL},
	},
	Limits: func(channel.Settings) []channel.Limit {
		return []channel.Limit{{Scope: "channel", N: 1, Per: time.Second, ByTo: true, Exact: true}}
	},
	Conns:   func(channel.Settings) int { return 2 },
	Retry:   channel.Retry{Lookup: true},
	ToStaff: true,
	Address: chat.Place,
	Places:  places,
	New:     open,
}

// style: what Slack cuts by itself lies at 40,000 characters, what it advises at
// 4,000. Marks are switched off (mrkdwn: false); <, > and & remain special.
var style = chat.Style{Most: 4000, Escape: func(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}}

type account struct {
	env  channel.Env
	hook string // empty: token is used
	base string
	bot  string
}

// Format keeps the secrets out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "slack account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func connect(s channel.Settings, env channel.Env) (*account, error) {
	a := &account{env: env, base: strings.TrimRight(cmp.Or(s["base_url"], standardURL), "/")}
	if s["how"] == byToken {
		if a.bot = s["token"]; a.bot == "" {
			return nil, engawa.Invalid("/settings/token", "paste the app's bot token, which begins with xoxb-", "slack: token is required")
		}
		return a, nil
	}
	var err error
	a.hook, err = chat.URL(s, "webhook_url", "Slack")
	return a, err
}

// Send posts the message to the channel.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	if a.bot == "" {
		return chat.Send(ctx, a.env, m, a.byHook, hooked)
	}
	return chat.Send(ctx, a.env, m, a.byBot, posted)
}

// post is the message: no marks, no guessing of names, no look at links.
func (a *account) post(p engawa.Parcel) map[string]any {
	return map[string]any{"text": style.Post(p, a.env.PublicURL), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false}
}

func (a *account) byHook(p engawa.Parcel) exchange.Request { return chat.JSON(a.hook, a.post(p), "") }

func (a *account) byBot(p engawa.Parcel) exchange.Request {
	body := a.post(p)
	body["channel"], body["parse"], body["link_names"] = p.To.Reveal(), "none", false
	q := chat.JSON(a.base+"/chat.postMessage", body, p.To, a.bot)
	q.Path = "/…/chat.postMessage"
	q.Header.Set("Content-Type", "application/json; charset=utf-8")
	q.Header.Set("Authorization", "Bearer "+a.bot)
	return q
}

// hooked judges a webhook's answer: the text "ok", or a word for what is wrong.
func hooked(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	word := strings.TrimSpace(string(x.Body))
	switch {
	case x.Status == http.StatusOK && word == "ok":
		return channel.Receipt{}, nil
	case x.Status < 300:
		return channel.Receipt{}, x.Fail(channel.Ambiguous, "answer", 0)
	}
	return channel.Receipt{}, x.Fail(exchange.Class(x.Status), "", exchange.RetryAfter(x.Header))
}

// reply is an answer of the Web API.
type reply struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
	TS       string `json:"ts"` // a message's id: no number, it would lose digits
	Messages []struct {
		TS   string `json:"ts"`
		Text string `json:"text"`
	} `json:"messages"`
	Channels []struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		IsMember   bool   `json:"is_member"`
		IsArchived bool   `json:"is_archived"`
	} `json:"channels"`
	Meta struct {
		Next string `json:"next_cursor"`
	} `json:"response_metadata"`
}

func posted(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	r, se := read(x)
	if se == nil && r.TS == "" {
		se = x.Fail(channel.Ambiguous, "answer", 0)
	}
	return channel.Receipt{ProviderID: r.TS}, se
}

// Find looks through the channel's history for the reference, with a bot token
// alone: it needs the scopes channels:history and groups:history. Nothing can be
// read with a webhook. An app that a business made for itself may ask 50 times a
// minute (docs.slack.dev/reference/methods/conversations.history).
func (a *account) Find(ctx context.Context, m verdict.Cleared) (bool, channel.Receipt, error) {
	if a.bot == "" {
		return chat.NoFind(a.env, m)
	}
	return chat.Find(ctx, a.env, m, a.history, func(_ engawa.Parcel, x exchange.Answer) (chat.Page, *channel.SendError) {
		r, se := read(x)
		page := chat.Page{Next: r.Meta.Next}
		for _, m := range r.Messages {
			page.Posts = append(page.Posts, chat.Posted{ID: m.TS, Text: m.Text})
		}
		return page, se
	})
}

func (a *account) history(p engawa.Parcel, at string) exchange.Request {
	q := url.Values{"channel": {p.To.Reveal()}, "oldest": {strconv.FormatInt(chat.Since(p).Unix(), 10)}, "limit": {"200"}}
	if at != "" {
		q.Set("cursor", at)
	}
	return a.get("/conversations.history?"+q.Encode(), p.To)
}

// read takes "ok" for the truth whatever the status.
func read(x exchange.Answer) (r reply, se *channel.SendError) {
	if x.Status >= 300 {
		return r, x.Fail(exchange.Class(x.Status), "", exchange.RetryAfter(x.Header))
	}
	if err := json.Unmarshal(x.Body, &r); err != nil || !r.OK && r.Error == "" {
		return r, x.Fail(channel.Ambiguous, "answer", 0)
	}
	if r.OK {
		return r, nil
	}
	return r, x.Fail(meaning(r.Error), word(r.Error), exchange.RetryAfter(x.Header))
}

// meaning of the words of the Web API.
func meaning(word string) channel.Class {
	switch word {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "no_permission",
		"not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied", "team_access_not_granted":
		return channel.AccountClosed
	case "ratelimited", "rate_limited", "service_unavailable", "team_added_to_org":
		return channel.Again
	case "internal_error", "fatal_error", "request_timeout":
		return channel.Ambiguous // Slack says itself that a part may have been done
	}
	return channel.Rejected
}

// word is an error of Slack's as a code: short, and a word.
func word(s string) string {
	if len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "error"
	}
	return s
}

// maxPages bounds how long the list of channels is read: 200 a page.
const maxPages = 10

// places lists the channels that the bot may post to; a webhook has one.
func places(ctx context.Context, s channel.Settings, env channel.Env) ([]channel.Place, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	if a.bot == "" {
		return []channel.Place{{Address: "webhook", Name: "Slack"}}, nil
	}
	var out []channel.Place
	cursor := ""
	for range maxPages {
		r, se := a.ask(ctx, "/conversations.list?exclude_archived=true&types=public_channel,private_channel&limit=200&cursor="+url.QueryEscape(cursor))
		if se != nil {
			return nil, told(se)
		}
		for _, c := range r.Channels {
			place := channel.Place{Address: engawa.Address(c.ID), Name: "#" + c.Name}
			if !c.IsMember {
				place.Refused = "not_member"
			}
			out = append(out, place)
		}
		if cursor = r.Meta.Next; cursor == "" {
			break
		}
	}
	return out, nil
}

func (a *account) ask(ctx context.Context, path string) (reply, *channel.SendError) {
	x, se := exchange.Do(ctx, a.env.HTTP, a.get(path, ""))
	if se != nil {
		return reply{}, se
	}
	return read(x)
}

func (a *account) get(path string, to engawa.Address) exchange.Request {
	name, _, _ := strings.Cut(path, "?")
	return exchange.Request{
		Method: http.MethodGet, URL: a.base + path, Path: "/…" + name, Header: http.Header{"Authorization": {"Bearer " + a.bot}}, To: to, Hide: []string{a.bot},
	}
}

// Probe asks who the token is. A webhook cannot be asked without a post.
func (a *account) Probe(ctx context.Context) error {
	if a.bot == "" {
		return nil
	}
	_, se := a.ask(ctx, "/auth.test")
	return told(se)
}

func told(se *channel.SendError) error {
	return chat.Told(se, "Slack", "token", "copy the bot token (xoxb-…) again, with the scopes chat:write, channels:read, groups:read, channels:history and groups:history")
}
