package zendesk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

type request struct {
	method, path string
	key          string // Idempotency-Key; empty: none
	body         []byte
	masks        *strings.Replacer // hides what nobody may read later; nil: nothing
}

type answer struct {
	status   int
	body     []byte
	exchange engawa.Exchange
	seen     []channel.Seen
}

// call makes one call and classifies what came back. A token that Zendesk
// refuses, because it has expired early or was revoked, is replaced once: the
// call was not worked on.
func (a *account) call(ctx context.Context, q request) (answer, *channel.SendError) {
	auth, se := a.authorization(ctx, "")
	if se != nil {
		return answer{}, se
	}
	ans, se := a.once(ctx, q, auth)
	if ans.status != http.StatusUnauthorized || a.client == nil {
		return ans, se
	}
	if auth, se = a.authorization(ctx, auth); se != nil {
		return answer{}, se
	}
	return a.once(ctx, q, auth)
}

func (a *account) once(ctx context.Context, q request, auth string) (answer, *channel.SendError) {
	ans := answer{exchange: engawa.Exchange{Request: q.shown()}}
	req, err := http.NewRequestWithContext(ctx, q.method, a.base+q.path, bytes.NewReader(q.body))
	if err != nil {
		return ans, &channel.SendError{Class: channel.Rejected, Code: "request"}
	}
	req.Header.Set("Authorization", auth)
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	res, err := a.env.HTTP.Do(req)
	if err != nil {
		return ans, broken(ctx, q.method, "network", err, ans)
	}
	defer res.Body.Close()
	ans.status, ans.seen = res.StatusCode, seen(res.Header)
	if ans.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return ans, broken(ctx, q.method, "answer", err, ans)
	}
	ans.exchange.Response = q.shownAnswer(res, ans.body)
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated {
		return ans, nil
	}
	return ans, classify(q.method, res, ans)
}

// broken is trouble on the way. A ticket may have been opened, unless no
// connection came about. The error itself is dropped: it names hosts and paths.
func broken(ctx context.Context, method, code string, err error, ans answer) *channel.SendError {
	e := &channel.SendError{Class: channel.Ambiguous, Code: code, Seen: ans.seen}
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		e.Class, e.Code = channel.Again, "unreachable"
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = "canceled"
	case ctx.Err() != nil || os.IsTimeout(err):
		e.Code = "timeout"
	}
	if method == http.MethodGet {
		e.Class = channel.Again
	}
	e.Exchange = engawa.Exchange{Request: ans.exchange.Request, Response: "(" + e.Code + ")"}
	return e
}

// keyMismatch is the code where the key was used before, with another body:
// then there is, or will be, a ticket.
const keyMismatch = "400 key"

// classify names an answer that is no success.
func classify(method string, res *http.Response, ans answer) *channel.SendError {
	e := &channel.SendError{Class: channel.Rejected, Code: code(res.StatusCode, ans.body), Exchange: ans.exchange, Seen: ans.seen}
	switch s := res.StatusCode; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden, // a person must give the agent its rights back
		s == http.StatusNotFound, s >= 300 && s < 400: // there is no such Zendesk account, or it has moved
		e.Class = channel.AccountClosed
	case s == http.StatusConflict, s == http.StatusRequestTimeout, s == http.StatusTooEarly: // the first post with the key is being worked on
		e.Class = channel.Again
	case s == http.StatusTooManyRequests:
		e.Class, e.After = channel.Again, wait(res.Header, unsaidWait)
		e.Seen = []channel.Seen{{Scope: scopeAccount, ResetsAt: time.Now().Add(e.After)}}
	case s >= 500 && method == http.MethodPost:
		e.Class, e.After = channel.Ambiguous, wait(res.Header, 0) // it may have been opened all the same
	case s >= 500:
		e.Class, e.After = channel.Again, wait(res.Header, 0)
	case s < 300: // a 202 or 204 that names no ticket
		e.Class = channel.Ambiguous
	}
	return e
}

// code is the status with Zendesk's own word for what is wrong, where there is one.
func code(status int, body []byte) string {
	s := strconv.Itoa(status)
	switch word := errorWord(body); {
	case word == "IdempotentRequestError":
		return keyMismatch
	case plain.MatchString(word):
		return s + " " + word
	}
	return s
}

var plain = regexp.MustCompile(`^[A-Za-z_]{3,40}$`)

// errorWord reads "error", which is a text or, on a 403, an object with a
// title. Some answers are no JSON at all.
func errorWord(body []byte) string {
	var in struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	var word string
	if json.Unmarshal(in.Error, &word) == nil {
		return word
	}
	var object struct {
		Title string `json:"title"`
	}
	_ = json.Unmarshal(in.Error, &object) // what is neither says nothing
	return object.Title
}

// wait reads Retry-After: seconds, or an HTTP date (RFC 9110 §10.2.3). What
// cannot be read, or is past, is unsaid.
func wait(h http.Header, unsaid time.Duration) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return min(time.Duration(min(n, int(maxWait/time.Second)))*time.Second, maxWait)
	}
	if at, err := http.ParseTime(v); err == nil && time.Until(at) > 0 {
		return min(time.Until(at), maxWait)
	}
	return unsaid
}

// seen reads the account's limit off an answer. Unlike others, ratelimit-reset
// is in seconds that are left; the older headers say no reset, and their minute
// is over in a minute at the latest.
func seen(h http.Header) []channel.Seen {
	left, err := strconv.Atoi(h.Get("Ratelimit-Remaining"))
	reset, err2 := strconv.Atoi(h.Get("Ratelimit-Reset"))
	if err != nil || err2 != nil {
		left, err = strconv.Atoi(h.Get("X-Rate-Limit-Remaining"))
		reset = 60
	}
	if err != nil || left < 0 || reset < 0 || reset > int(maxWait/time.Second) {
		return nil
	}
	return []channel.Seen{{Scope: scopeAccount, Remaining: left, ResetsAt: time.Now().Add(time.Duration(reset) * time.Second)}}
}

// masks hides the group's id; mail addresses are hidden wherever they stand.
func masks(p engawa.Parcel) *strings.Replacer {
	if p.To == Default {
		return nil
	}
	return strings.NewReplacer(p.To.Reveal(), p.To.String())
}

func (q request) shown() string {
	s := q.method + " " + q.path + "\nauthorization: ••••••"
	if q.key != "" {
		s += "\nidempotency-key: " + q.key
	}
	if q.body != nil {
		s += "\n\n" + string(q.body)
	}
	return q.fit(s)
}

func (q request) shownAnswer(res *http.Response, body []byte) string {
	var s strings.Builder
	s.WriteString(strconv.Itoa(res.StatusCode))
	for _, name := range []string{"Retry-After", "Ratelimit-Remaining", "Ratelimit-Reset", "X-Idempotency-Lookup"} {
		if v := res.Header.Get(name); v != "" {
			fmt.Fprintf(&s, "\n%s: %s", strings.ToLower(name), v)
		}
	}
	return q.fit(s.String() + "\n\n" + string(body))
}

// mailbox is what may be a mail address inside JSON.
var mailbox = regexp.MustCompile(`[^\s"'<>()@,;:\\]+@[^\s"'<>()@,;:\\]+`)

// fit makes s fit to be kept: no addresses, text without NUL, 4 kB at most.
func (q request) fit(s string) string {
	const most = 4096
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
	s = mailbox.ReplaceAllStringFunc(s, engawa.MaskAddress)
	if q.masks != nil {
		s = q.masks.Replace(s)
	}
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
