// Package telegram posts notices to Telegram chats by a bot (Bot API). The
// bot's token stands in the path of every call and in nothing that is kept.
package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

const standardURL = "https://api.telegram.org"

// Kind describes Telegram: 30 messages a second in all, one to a chat, and 20 a
// minute to a group. The last is kept for every chat: notices go to groups.
var Kind = channel.Kind{
	Name: "telegram",
	Fields: []channel.Field{
		{Key: "token", Type: channel.SecretField, Required: true},
		{Key: "base_url", Type: channel.URL, Default: standardURL},
	},
	Limits: func(channel.Settings) []channel.Limit {
		return []channel.Limit{
			{Scope: "token", N: 30, Per: time.Second, Exact: true},
			{Scope: "chat", N: 1, Per: time.Second, Exact: true, ByTo: true},
			{Scope: "group", N: 20, Per: time.Minute, Exact: true, ByTo: true},
		}
	},
	Conns:   func(channel.Settings) int { return 4 },
	ToStaff: true,
	Address: address,
	New:     open,
}

// style: 4,096 characters once the markup is read.
var style = chat.Style{Most: 4096, Shown: true, Title: func(s string) string { return "<b>" + s + "</b>" }, Escape: func(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '"':
		return "&quot;"
	}
	return string(r)
}}

// chatID is a chat's number, negative for groups, or a channel's public name.
var chatID = regexp.MustCompile(`^(-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{4,31})$`)

func address(s string) (engawa.Address, error) {
	s = strings.TrimSpace(s)
	if !chatID.MatchString(s) {
		return "", engawa.Invalid("/address", "write the chat's number (a group's begins with -), or @ and a channel's public name", "that is no Telegram chat")
	}
	return engawa.Address(s), nil
}

type account struct {
	env   channel.Env
	base  string
	token string
}

// Format keeps the token out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "telegram account "+a.env.Account) }

var botToken = regexp.MustCompile(`^[0-9]{1,20}:[A-Za-z0-9_-]{20,100}$`)

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	if !botToken.MatchString(s["token"]) {
		return nil, engawa.Invalid("/settings/token", "copy the token that @BotFather gave: digits, a colon, letters", "telegram: the token is not one")
	}
	return &account{env, strings.TrimRight(cmp.Or(s["base_url"], standardURL), "/"), s["token"]}, nil
}

func (a *account) call(method string, body any, to engawa.Address) exchange.Request {
	q := chat.JSON(a.base+"/bot"+a.token+"/"+method, body, to, a.token)
	q.Path = "/bot…/" + method
	return q
}

// Send posts the message to the chat.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	return chat.Send(ctx, a.env, m, func(p engawa.Parcel) exchange.Request {
		return a.call("sendMessage", map[string]any{
			"chat_id": p.To.Reveal(), "text": style.Post(p, a.env.PublicURL), "parse_mode": "HTML", "link_preview_options": map[string]bool{"is_disabled": true},
		}, p.To)
	}, judge)
}

type reply struct {
	OK     bool `json:"ok"`
	Result struct {
		ID json.Number `json:"message_id"`
	} `json:"result"`
	Code       int `json:"error_code"`
	Parameters struct {
		RetryAfter float64 `json:"retry_after"` // seconds
	} `json:"parameters"`
}

func judge(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	var in reply
	unread := json.Unmarshal(x.Body, &in) != nil
	switch {
	case !unread && in.OK && in.Result.ID != "":
		return channel.Receipt{ProviderID: in.Result.ID.String()}, nil
	case x.Status < 300 && (unread || in.OK || in.Code == 0):
		return channel.Receipt{}, x.Fail(channel.Ambiguous, "answer", 0)
	}
	status := cmp.Or(in.Code, x.Status)
	after := max(exchange.Seconds(in.Parameters.RetryAfter), exchange.RetryAfter(x.Header))
	se := x.Fail(exchange.Class(status), strconv.Itoa(status), after)
	if status == http.StatusForbidden {
		se.Class = channel.Rejected // the bot was put out of this chat; others still take it
	}
	return channel.Receipt{}, se
}

// Probe asks who the bot is.
func (a *account) Probe(ctx context.Context) error {
	x, se := exchange.Do(ctx, a.env.HTTP, a.call("getMe", map[string]any{}, ""))
	if se == nil && x.Status >= 300 {
		se = x.Fail(exchange.Class(x.Status), "", 0)
	}
	return chat.Told(se, "Telegram", "token", "copy the token that @BotFather gave, or have it make a new one")
}
