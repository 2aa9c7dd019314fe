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
	"regexp"
	"slices"
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
// any 5 minutes, and post 10 times in 10 seconds to one room, tasks included.
var Kind = Within(5*time.Minute, 10*time.Second)

// Within returns the kind for a Chatwork whose windows have these lengths; the
// provider's own are those of Kind.
func Within(token, room time.Duration) channel.Kind {
	return channel.Kind{
		Name: "chatwork",
		Fields: []channel.Field{
			{Key: "token", Type: channel.SecretField, Required: true},
			{Key: "webhook_token", Type: channel.SecretField},
			{Key: "base_url", Type: channel.URL, Default: "https://api.chatwork.com/v2"},
		},
		Limits: func(channel.Settings) []channel.Limit {
			return []channel.Limit{
				{Scope: scopeToken, N: tokenCalls, Per: token, Exact: true},
				{Scope: scopeRoom, N: roomPosts, Per: room, Exact: true, ByTo: true},
			}
		},
		Conns:   func(channel.Settings) int { return 2 },
		Retry:   channel.Retry{Lookup: true},
		ToStaff: true,
		Answers: func(code int) channel.Class { return classify(http.MethodPost, code, answer{}).Class },
		Address: address,
		Places:  Rooms,
		Who:     who,
		People:  people,
		New: func(s channel.Settings, env channel.Env) (channel.Channel, error) {
			a, err := connect(s, env)
			if err != nil {
				return nil, err
			}
			a.wire = wire{tokenPer: token, roomPer: room}
			return a, nil
		},
	}
}

const (
	scopeToken = "token"
	scopeRoom  = "room"
	tokenCalls = 300   // calls of one token in its window
	roomPosts  = 10    // messages and tasks of one room in its window
	maxBody    = 65535 // characters
	maxTitle   = 500   // characters of a subject that are shown as the title
)

// address takes a room's id, or an assignment of tasks in it (channel.Assignment).
func address(s string) (engawa.Address, error) {
	task, isTask := channel.ReadAssignment(engawa.Address(strings.TrimSpace(s)))
	if isTask {
		s = task.Place.Reveal()
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	if err != nil || n == 0 {
		return "", engawa.Invalid("/address", "write the number at the end of the room's URL, after #!rid", "a Chatwork room id is a whole number from 1")
	}
	room := engawa.Address(strconv.FormatUint(n, 10))
	if !isTask {
		return room, nil
	}
	if len(task.To) == 0 || slices.ContainsFunc(task.To, func(id string) bool { return !isID(id) }) {
		return "", engawa.Invalid("/address", "name the people by their account ids: 7001/tasks?days=3&to=11,12", "a Chatwork task is for at least one account, by its number")
	}
	task.Place = room
	return task.Address(), nil
}

// isID reports whether s is an id as Chatwork writes it.
func isID(s string) bool {
	n, err := strconv.ParseUint(s, 10, 63)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

type account struct {
	env   channel.Env
	base  string
	token string
	hook  []byte // nil: no webhooks
	wire  wire
}

// Format keeps the token out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "chatwork account "+a.env.Account) }

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

// Send posts the message to the room, or makes a task of it there.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	room, what, form := post(p)
	if se := a.wire.enter(ctx, room); se != nil {
		return channel.Receipt{}, se
	}
	ans, se := a.call(ctx, http.MethodPost, "/rooms/"+url.PathEscape(room)+what, form)
	a.wire.leave(room, ans.seen)
	if se != nil {
		return channel.Receipt{}, a.timed(se)
	}
	id := postID(ans.body)
	if id == "" {
		return channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: "answer", Err: errors.New("the answer names no message"), Exchange: ans.exchange, Seen: ans.seen}
	}
	return channel.Receipt{ProviderID: id, Exchange: ans.exchange, Seen: ans.seen}, nil
}

// post says what to post where: a message, or where the address is an
// assignment, a task, due by the end of a day.
func post(p engawa.Parcel) (room, what string, form url.Values) {
	task, ok := channel.ReadAssignment(p.To)
	if !ok {
		return p.To.Reveal(), "/messages", url.Values{"body": {body(p)}, "self_unread": {"1"}}
	}
	form = url.Values{"body": {taskBody(p)}, "to_ids": {strings.Join(task.To, ",")}, "limit_type": {"none"}}
	if task.Days > 0 {
		due := p.CreatedAt.AddDate(0, 0, task.Days) // the same on every attempt
		form.Set("limit", strconv.FormatInt(due.Unix(), 10))
		form.Set("limit_type", "date")
	}
	return task.Place.Reveal(), "/tasks", form
}

// postID is the id of what an answer says was made, or "".
func postID(b []byte) string {
	var out struct {
		MessageID string        `json:"message_id"`
		TaskIDs   []json.Number `json:"task_ids"`
	}
	if json.Unmarshal(b, &out) != nil {
		return ""
	}
	ids := make([]string, len(out.TaskIDs))
	for i, id := range out.TaskIDs {
		ids[i] = id.String()
	}
	return cmp.Or(out.MessageID, strings.Join(ids, ","))
}

// body is the post: a box with the subject as the title and the words, and the
// reference by which it can be found again. By the box and the reference the hub
// knows a post as its own when it comes back (ours).
func body(p engawa.Parcel) string {
	before, after := "[info]", "[/info]\n"+chat.Reference(p)
	if s := p.Content.Subject; s != "" {
		before += "[title]" + plain(firstRunes(s, maxTitle)) + "[/title]"
	}
	return before + words(p, maxBody-utf8.RuneCountInString(before)-utf8.RuneCountInString(after)) + after
}

// taskBody is body without the box, which a list of tasks does not show.
func taskBody(p engawa.Parcel) string {
	before, after := "", "\n"+chat.Reference(p)
	if s := p.Content.Subject; s != "" {
		before = plain(firstRunes(s, maxTitle)) + "\n"
	}
	return before + words(p, maxBody-utf8.RuneCountInString(before)-utf8.RuneCountInString(after)) + after
}

// words are the text in at most room characters. What is longer is cut, and
// says so.
func words(p engawa.Parcel, room int) string {
	s := quiet(strings.TrimRight(strings.ToValidUTF8(p.Content.Text, "�"), "\n"))
	if utf8.RuneCountInString(s) > room {
		note := "\n" + chat.Note(p.Locale)
		s = firstRunes(s, room-utf8.RuneCountInString(note)) + note
	}
	return s
}

// calls are the tags that call somebody.
var calls = regexp.MustCompile(`(?i)\[(toall|to:|rp\b)`)

// quiet takes the power to call somebody from a text, whoever wrote it: the
// markup has no escape, so the bracket becomes a wide one.
func quiet(s string) string { return calls.ReplaceAllString(s, "［$1") }

// plain takes every power from a text: a subject is never markup, and may hold
// what a customer typed.
func plain(s string) string { return strings.ReplaceAll(s, "[", "［") }

// firstRunes returns s, or its first n characters.
func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// Find looks for the reference: through the room's latest 100 messages, or
// through its latest 100 tasks of each state.
func (a *account) Find(ctx context.Context, m verdict.Cleared) (bool, channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return false, channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	// force=1: anything else would move the read mark of the token's person.
	room, lists := p.To.Reveal(), []string{"/messages?force=1"}
	if task, ok := channel.ReadAssignment(p.To); ok {
		room, lists = task.Place.Reveal(), []string{"/tasks?status=open", "/tasks?status=done"}
	}
	var r channel.Receipt
	for _, list := range lists {
		if se := a.wire.enter(ctx, ""); se != nil {
			return false, r, se
		}
		ans, se := a.call(ctx, http.MethodGet, "/rooms/"+url.PathEscape(room)+list, nil)
		a.wire.leave("", ans.seen)
		if se != nil {
			return false, r, se
		}
		id, err := findReference(ans.body, p)
		r = channel.Receipt{ProviderID: id, Exchange: ans.exchange, Seen: ans.seen}
		if err != nil || id != "" {
			return id != "", r, err
		}
	}
	return false, r, nil
}

// listed is how many posts or tasks Chatwork lists, at most: the latest.
const listed = 100

// findReference returns the id of the post or task that holds p's reference, or
// "". An empty list has no body (204). A full list that does not go back to
// before p was made proves nothing: there is no way to see what is behind it.
func findReference(list []byte, p engawa.Parcel) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	var posts []struct {
		MessageID string      `json:"message_id"`
		TaskID    json.Number `json:"task_id"`
		Body      string      `json:"body"`
		Sent      int64       `json:"send_time"` // of a post; tasks have none
	}
	if err := json.Unmarshal(list, &posts); err != nil {
		return "", fmt.Errorf("read the room back: %w", err)
	}
	reaches := len(posts) < listed
	for _, post := range posts {
		if strings.Contains(post.Body, chat.Reference(p)) {
			return cmp.Or(post.TaskID.String(), post.MessageID), nil
		}
		reaches = reaches || post.Sent != 0 && time.Unix(post.Sent, 0).Before(chat.Since(p))
	}
	if !reaches {
		return "", fmt.Errorf("too much was posted since: %w", channel.ErrNoLookup)
	}
	return "", nil
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
		e.Class, e.Seen = channel.Again, []channel.Seen{{Scope: scopeRoom}} // no header tells the wait: timed does
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

// timed fills in how long the room's limit lasts: its own window.
func (a *account) timed(e *channel.SendError) *channel.SendError {
	for i, s := range e.Seen {
		if s.Scope == scopeRoom {
			e.After, e.Seen[i].ResetsAt = a.wire.roomPer, time.Now().Add(a.wire.roomPer)
		}
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
