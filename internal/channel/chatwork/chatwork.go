// Package chatwork posts notices to Chatwork rooms and takes its webhooks
// (Chatwork API v2).
//
// A post appears under the name of the token's account, which must be a member
// of the room; an account of its own is advised. Chatwork knows no retry key:
// every post ends with a short reference, and after an ambiguous failure the
// room's latest messages are read back before anything is sent again.
package chatwork

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind describes Chatwork. As the only user of a token it may make 300 calls in
// any 5 minutes, and post 10 times in 10 seconds to one room.
var Kind = channel.Kind{
	Name: "chatwork",
	Fields: []channel.Field{
		{Key: "token", Type: channel.SecretField, Required: true},
		{Key: "webhook_token", Type: channel.SecretField},
		{Key: "base_url", Type: channel.URL, Default: "https://api.chatwork.com/v2"},
	},
	Limits:  limits,
	Conns:   func(channel.Settings) int { return 2 },
	Retry:   channel.Retry{Lookup: true},
	ToStaff: true,
	Answers: func(code int) channel.Class { return classify(http.MethodPost, code, answer{}).Class },
	Address: address,
	Places:  Rooms,
	New:     open,
}

const (
	scopeToken = "token"
	scopeRoom  = "room"
	roomWait   = 10 * time.Second // the room's limit has no header that tells the wait
	maxBody    = 65535            // characters
	maxTitle   = 500              // characters of a subject that are shown as the title
)

func limits(channel.Settings) []channel.Limit {
	return []channel.Limit{
		{Scope: scopeToken, N: 300, Per: 5 * time.Minute, Exact: true},
		{Scope: scopeRoom, N: 10, Per: 10 * time.Second, Exact: true, ByTo: true},
	}
}

func address(s string) (engawa.Address, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	if err != nil || n == 0 {
		return "", engawa.Invalid("/address", "write the number at the end of the room's URL, after #!rid", "a Chatwork room id is a whole number from 1")
	}
	return engawa.Address(strconv.FormatUint(n, 10)), nil
}

type account struct {
	env   channel.Env
	base  string
	token string
	hook  []byte // nil: no webhooks
}

// Format keeps the token out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "chatwork account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func connect(s channel.Settings, env channel.Env) (*account, error) {
	if s["token"] == "" {
		return nil, engawa.Invalid("/settings/token", "issue an API token in Chatwork and paste it", "chatwork: token is required")
	}
	a := &account{env: env, base: strings.TrimRight(cmp.Or(s["base_url"], "https://api.chatwork.com/v2"), "/"), token: s["token"]}
	if t := s["webhook_token"]; t != "" {
		key, err := base64.StdEncoding.DecodeString(t)
		if err != nil || len(key) == 0 {
			return nil, engawa.Invalid("/settings/webhook_token", "copy the token from the webhook's page in Chatwork", "chatwork: the webhook token is not base64")
		}
		a.hook = key
	}
	return a, nil
}

// Send posts the message to the room.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	form := url.Values{"body": {body(p)}, "self_unread": {"1"}}
	ans, se := a.call(ctx, http.MethodPost, "/rooms/"+url.PathEscape(p.To.Reveal())+"/messages", form)
	if se != nil {
		return channel.Receipt{}, se
	}
	var out struct {
		MessageID string `json:"message_id"`
	}
	if err := json.Unmarshal(ans.body, &out); err != nil || out.MessageID == "" {
		return channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: "answer", Err: errors.New("the answer names no message"), Exchange: ans.exchange, Seen: ans.seen}
	}
	return channel.Receipt{ProviderID: out.MessageID, Exchange: ans.exchange, Seen: ans.seen}, nil
}

// body is the post: subject as the title, the words, and the reference by
// which it can be found again. What is longer than a post may be is cut, and
// says so.
func body(p engawa.Parcel) string {
	before, after := "", "\n"+chat.Reference(p)
	if s := p.Content.Subject; s != "" {
		before, after = "[info][title]"+firstRunes(s, maxTitle)+"[/title]", "[/info]"+after
	}
	words := strings.TrimRight(strings.ToValidUTF8(p.Content.Text, "�"), "\n")
	room := maxBody - utf8.RuneCountInString(before) - utf8.RuneCountInString(after)
	if utf8.RuneCountInString(words) > room {
		note := "\n" + chat.Note(p.Locale)
		words = firstRunes(words, room-utf8.RuneCountInString(note)) + note
	}
	return before + words + after
}

// firstRunes returns s, or its first n characters.
func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// Find looks through the room's latest 100 messages for the reference.
func (a *account) Find(ctx context.Context, m verdict.Cleared) (bool, channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return false, channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	// force=1: anything else would move the read mark of the token's person.
	ans, se := a.call(ctx, http.MethodGet, "/rooms/"+url.PathEscape(p.To.Reveal())+"/messages?force=1", nil)
	if se != nil {
		return false, channel.Receipt{}, se
	}
	if len(ans.body) == 0 { // 204: the room is empty
		return false, channel.Receipt{Exchange: ans.exchange, Seen: ans.seen}, nil
	}
	var list []struct {
		MessageID string `json:"message_id"`
		Body      string `json:"body"`
	}
	if err := json.Unmarshal(ans.body, &list); err != nil {
		return false, channel.Receipt{}, fmt.Errorf("read the room back: %w", err)
	}
	for _, msg := range list {
		if strings.Contains(msg.Body, chat.Reference(p)) {
			return true, channel.Receipt{ProviderID: msg.MessageID, Exchange: ans.exchange, Seen: ans.seen}, nil
		}
	}
	return false, channel.Receipt{Exchange: ans.exchange, Seen: ans.seen}, nil
}

type answer struct {
	body     []byte
	exchange engawa.Exchange
	seen     []channel.Seen
}

// call makes one call and classifies what came back. A question that had no
// answer is asked again; a post may have arrived.
func (a *account) call(ctx context.Context, method, path string, form url.Values) (answer, *channel.SendError) {
	q := exchange.Request{Method: method, URL: a.base + path, Path: shownPath(path), Header: http.Header{"X-Chatworktoken": {a.token}}, Hide: []string{a.token}}
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Body, q.Shown = []byte(form.Encode()), "body="+form.Get("body")
	}
	x, se := exchange.Do(ctx, a.env.HTTP, q)
	ans := answer{x.Body, x.Kept, seen(x.Header)}
	if se != nil {
		if method == http.MethodGet {
			se.Class = channel.Again
		}
		return ans, se
	}
	if method == http.MethodGet {
		ans.exchange.Response = strconv.Itoa(x.Status) // other people's words are not kept
	}
	if x.Status < 300 {
		return ans, nil
	}
	return ans, classify(method, x.Status, ans)
}

// roomLimit is how the answer to too many posts in one room begins.
const roomLimit = "Rate limit for message posting per room"

func classify(method string, status int, ans answer) *channel.SendError {
	e := &channel.SendError{Code: strconv.Itoa(status), Exchange: ans.exchange, Seen: ans.seen, Class: channel.Rejected}
	switch {
	case status == http.StatusUnauthorized:
		e.Class = channel.AccountClosed
	case status == http.StatusTooManyRequests && strings.Contains(string(ans.body), roomLimit):
		e.Class, e.After = channel.Again, roomWait
		e.Seen = []channel.Seen{{Scope: scopeRoom, ResetsAt: time.Now().Add(roomWait)}}
	case status == http.StatusTooManyRequests:
		e.Class = channel.Again
		for _, s := range ans.seen {
			e.After = max(e.After, time.Until(s.ResetsAt))
		}
	case status >= 500 && method == http.MethodPost:
		e.Class = channel.Ambiguous // it may have been posted all the same
	case status >= 500, status == http.StatusRequestTimeout:
		e.Class = channel.Again
	}
	return e
}

// seen reads the token's limit off an answer: the reset is in Unix seconds.
func seen(h http.Header) []channel.Seen {
	left, err1 := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err2 := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || reset <= 0 || time.Until(time.Unix(reset, 0)) > time.Hour {
		return nil
	}
	return []channel.Seen{{Scope: scopeToken, Remaining: left, ResetsAt: time.Unix(reset, 0)}}
}

// shownPath masks the room in a path.
func shownPath(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 2 {
		parts[2] = engawa.MaskAddress(parts[2])
	}
	return strings.Join(parts, "/")
}
