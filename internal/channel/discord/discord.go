// Package discord posts notices to a Discord channel by its webhook
// (docs.discord.com: webhooks, rate limits).
package discord

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
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

const scopeWebhook = "webhook"

// Kind describes Discord. Its limits are told in headers; the one of a channel
// is not documented and therefore a setting.
var Kind = channel.Kind{
	Name: "discord",
	Fields: []channel.Field{
		{Key: "webhook_url", Type: channel.SecretField, Required: true},
		{Key: "per_minute", Type: channel.Number, Default: "30"},
	},
	Limits: func(s channel.Settings) []channel.Limit {
		return []channel.Limit{{Scope: scopeWebhook, N: 5, Per: 2 * time.Second, Exact: true}, chat.PerMinute(s, "channel", 30)}
	},
	Conns:   func(channel.Settings) int { return 2 },
	ToStaff: true,
	Address: chat.Place,
	New:     open,
}

var style = chat.Style{Most: 2000, Escape: escape, URL: clean, Greedy: true, Title: func(s string) string { return "**" + s + "**" }}

// escape puts a backslash before what Markdown or a mention could be made of.
func escape(r rune) string {
	if strings.ContainsRune("\\*_~`|>#[]()<", r) {
		return `\` + string(r)
	}
	return string(r)
}

// clean encodes what could end a link and begin markup; the rest of it must
// stay as it is for the link to lead where it says.
func clean(link string) string {
	return strings.NewReplacer("[", "%5B", "]", "%5D", "|", "%7C", `\`, "%5C", "`", "%60", "*", "%2A").Replace(link)
}

type account struct{ chat.Hook }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	hook, err := chat.OpenHook(s, env, "Discord")
	if err != nil {
		return nil, err
	}
	return &account{hook}, nil
}

// thread is the id of a thread: larger than 2^53, so it stays text.
var thread = regexp.MustCompile(`^[0-9]{17,20}$`)

// Send posts the message; wait=true has Discord answer when it is kept.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	return chat.Send(ctx, a.Env, m, func(p engawa.Parcel) exchange.Request {
		query := url.Values{"wait": {"true"}}
		if thread.MatchString(p.To.Reveal()) {
			query.Set("thread_id", p.To.Reveal())
		}
		to := a.URL + "?" + query.Encode()
		if strings.Contains(a.URL, "?") {
			to = a.URL + "&" + query.Encode()
		}
		return chat.JSON(to, map[string]any{
			"content": style.Post(p, a.Env.PublicURL), "allowed_mentions": map[string]any{"parse": []string{}}, "flags": suppressEmbeds,
		}, "", a.URL)
	}, judge)
}

// suppressEmbeds keeps Discord from fetching the links of the words.
const suppressEmbeds = 1 << 2

func judge(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	var in struct {
		ID         string  `json:"id"`
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"` // seconds with a fraction
	}
	unread := json.Unmarshal(x.Body, &in)
	told := seen(x.Header)
	if x.Status < 300 {
		if unread != nil || in.ID == "" {
			return channel.Receipt{}, x.Fail(channel.Ambiguous, "answer", 0)
		}
		return channel.Receipt{ProviderID: in.ID, Seen: told}, nil
	}
	code := strconv.Itoa(x.Status)
	if in.Code != 0 {
		code += " " + strconv.Itoa(in.Code)
	}
	se := x.Fail(exchange.Class(x.Status), code, max(exchange.Seconds(in.RetryAfter), exchange.RetryAfter(x.Header)))
	se.Seen = told
	switch in.Code {
	case unknownChannel, archivedThread:
		se.Class = channel.Rejected // the thread is gone, not the webhook
	}
	return channel.Receipt{}, se
}

// Discord's own codes.
const (
	unknownChannel = 10003
	archivedThread = 50083
)

// seen reads the webhook's limit off an answer: how many are left, and in how
// many seconds all are free again.
func seen(h http.Header) []channel.Seen {
	left, err1 := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err2 := strconv.ParseFloat(h.Get("X-Ratelimit-Reset-After"), 64)
	if err1 != nil || err2 != nil || left < 0 || math.IsNaN(reset) || reset <= 0 || reset > 3600 {
		return nil
	}
	return []channel.Seen{{Scope: scopeWebhook, Remaining: left, ResetsAt: time.Now().Add(exchange.Seconds(reset))}}
}

// Probe asks for the webhook itself.
func (a *account) Probe(ctx context.Context) error {
	x, se := exchange.Do(ctx, a.Env.HTTP, exchange.Request{Method: http.MethodGet, URL: a.URL, Hide: []string{a.URL}})
	if se == nil && x.Status >= 300 {
		se = x.Fail(exchange.Class(x.Status), "", 0)
	}
	return chat.Told(se, "Discord", "webhook_url", "copy the webhook's URL again, or make a new webhook in the channel's settings")
}
