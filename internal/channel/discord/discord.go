// Package discord posts notices to Discord: to one channel by its webhook, or to
// the channels of its servers as a bot (docs.discord.com: webhooks, messages,
// rate limits).
package discord

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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

const standardURL = "https://discord.com/api/v10"

// The two ways in.
const (
	byWebhook = "webhook"
	byToken   = "bot"
)

// What Discord counts.
const (
	scopeWebhook = "webhook"
	scopeChannel = "channel"
	scopeBot     = "bot"
)

// Kind describes Discord. Its limits are told in headers; those of a channel are
// not documented: the webhook's is a setting, the bot's is a careful guess.
var Kind = channel.Kind{
	Name: "discord",
	Fields: []channel.Field{
		{Key: "how", Type: channel.Choice, Choices: []string{byWebhook, byToken}, Default: byWebhook},
		{Key: "webhook_url", Type: channel.SecretField},
		{Key: "token", Type: channel.SecretField},
		{Key: "per_minute", Type: channel.Number, Default: "30"},
		{Key: "base_url", Type: channel.URL, Default: standardURL},
	},
	Limits:  limits,
	Conns:   func(channel.Settings) int { return 2 },
	Retry:   channel.Retry{Lookup: true},
	ToStaff: true,
	Address: chat.Place,
	Sound:   sound,
	Places:  places,
	New:     open,
}

func limits(s channel.Settings) []channel.Limit {
	if s["how"] == byToken {
		return []channel.Limit{{Scope: scopeChannel, N: 5, Per: 5 * time.Second, ByTo: true, Exact: true}, {Scope: scopeBot, N: 50, Per: time.Second, Exact: true}}
	}
	return []channel.Limit{{Scope: scopeWebhook, N: 5, Per: 2 * time.Second, Exact: true}, chat.PerMinute(s, scopeChannel, 30)}
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

type account struct {
	env  channel.Env
	hook string // empty: the bot is used
	base string
	bot  string
}

// Format keeps the secrets out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "discord account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func sound(s channel.Settings) error {
	_, err := connect(s, channel.Env{})
	return err
}

func connect(s channel.Settings, env channel.Env) (*account, error) {
	a := &account{env: env, base: strings.TrimRight(cmp.Or(s["base_url"], standardURL), "/")}
	if s["how"] == byToken {
		if a.bot = s["token"]; a.bot == "" {
			return nil, engawa.Invalid("/settings/token", "copy the token from the Bot page of your app at discord.com/developers", "discord: token is required")
		}
		return a, nil
	}
	var err error
	a.hook, err = chat.URL(s, "webhook_url", "Discord")
	return a, err
}

// thread is the id of a thread: larger than 2^53, so it stays text.
var thread = regexp.MustCompile(`^[0-9]{17,20}$`)

// Send posts the message.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	if a.bot != "" {
		return chat.Send(ctx, a.env, m, a.byBot, a.judge)
	}
	return chat.Send(ctx, a.env, m, a.byHook, a.judge)
}

// byHook posts with wait=true, which has Discord answer when it is kept.
func (a *account) byHook(p engawa.Parcel) exchange.Request {
	query := url.Values{"wait": {"true"}}
	if thread.MatchString(p.To.Reveal()) {
		query.Set("thread_id", p.To.Reveal())
	}
	to := a.hook + "?" + query.Encode()
	if strings.Contains(a.hook, "?") {
		to = a.hook + "&" + query.Encode()
	}
	return chat.JSON(to, a.post(p), "", a.hook)
}

// post is the message: it mentions nobody, and Discord fetches no link of it.
func (a *account) post(p engawa.Parcel) map[string]any {
	return map[string]any{"content": style.Post(p, a.env.PublicURL), "allowed_mentions": map[string]any{"parse": []string{}}, "flags": suppressEmbeds}
}

// suppressEmbeds keeps Discord from fetching the links of the words.
const suppressEmbeds = 1 << 2

func (a *account) judge(x exchange.Answer) (channel.Receipt, *channel.SendError) {
	var in struct {
		ID         string  `json:"id"`
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"` // seconds with a fraction
	}
	unread := json.Unmarshal(x.Body, &in)
	told := seen(x.Header, a.scope())
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
	case unknownChannel, archivedThread, noAccess, noPermission:
		se.Class = channel.Rejected // this place is gone or shut, not the account
	}
	return channel.Receipt{}, se
}

// Discord's own codes.
const (
	unknownChannel = 10003
	archivedThread = 50083
	noAccess       = 50001
	noPermission   = 50013
)

// scope is what the headers of an answer to a post speak of.
func (a *account) scope() string {
	if a.bot != "" {
		return scopeChannel
	}
	return scopeWebhook
}

// seen reads a limit off an answer: how many are left, and in how
// many seconds all are free again.
func seen(h http.Header, scope string) []channel.Seen {
	left, err1 := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err2 := strconv.ParseFloat(h.Get("X-Ratelimit-Reset-After"), 64)
	if err1 != nil || err2 != nil || left < 0 || math.IsNaN(reset) || reset <= 0 || reset > 3600 {
		return nil
	}
	return []channel.Seen{{Scope: scope, Remaining: left, ResetsAt: time.Now().Add(exchange.Seconds(reset))}}
}

// Probe asks for the webhook itself, or who the bot is.
func (a *account) Probe(ctx context.Context) error {
	if a.bot != "" {
		return told(a.ask(ctx, "/users/@me", nil))
	}
	x, se := exchange.Do(ctx, a.env.HTTP, exchange.Request{Method: http.MethodGet, URL: a.hook, Hide: []string{a.hook}})
	if se == nil && x.Status >= 300 {
		se = x.Fail(exchange.Class(x.Status), "", 0)
	}
	return chat.Told(se, "Discord", "webhook_url", "copy the webhook's URL again, or make a new webhook in the channel's settings")
}
