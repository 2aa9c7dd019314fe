// Package exchange makes one HTTP exchange with a provider: it asks with a
// patience, reads an answer of bounded length, names the trouble on the way, and
// keeps what was said for people to read, without addresses and secrets.
//
// What the provider's answer means is the channel's to say.
package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

const (
	// MaxAnswer is how much of an answer is read, in bytes.
	MaxAnswer = 1 << 20
	// MaxKept is how much of each side is kept for people to read, in bytes.
	MaxKept = 4 << 10
	// Patience is how long a provider may take.
	Patience = 20 * time.Second
	// MaxAfter is the longest wait that a provider's word is believed for.
	MaxAfter = 24 * time.Hour
)

// hidden stands where a secret stood.
const hidden = "••••••"

// Request is one request, with what may not be shown of it.
type Request struct {
	Method string
	URL    string
	Path   string // what people see of path and query; empty: "/…", for they may hold a secret
	Header http.Header
	Body   []byte
	Shown  string         // the body as people see it; empty: Body
	To     engawa.Address // shown masked wherever it stands
	Hide   []string       // secrets: shown as dots wherever they stand
}

// Format names the request without its URL, words and secrets, whatever the verb.
func (q Request) Format(f fmt.State, _ rune) { fmt.Fprint(f, q.Method+" request") }

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // at most MaxAnswer
	Kept   engawa.Exchange
}

// Do makes the exchange. Every answer of the provider is an Answer, whatever its
// status; a SendError is trouble on the way. Its error is never the transport's,
// which names hosts and paths.
func Do(ctx context.Context, client *http.Client, q Request) (Answer, *channel.SendError) {
	ctx, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, q.Method, q.URL, bytes.NewReader(q.Body))
	if err != nil {
		return Answer{}, &channel.SendError{Class: channel.Rejected, Code: "request", Err: errors.New("the request cannot be made of these settings")}
	}
	maps.Copy(req.Header, q.Header)
	a := Answer{Kept: engawa.Exchange{Request: q.shown(req.URL)}}
	res, err := client.Do(req)
	if err != nil {
		return a, Broken(ctx, err, a.Kept)
	}
	defer res.Body.Close()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	a.Kept.Response = q.heard(res, a.Body)
	if err != nil && len(a.Body) == 0 {
		return a, Broken(ctx, err, a.Kept)
	}
	return a, nil
}

// Fail is the SendError of an answer; its code is the status unless code says more.
func (a Answer) Fail(class channel.Class, code string, after time.Duration) *channel.SendError {
	if code == "" {
		code = strconv.Itoa(a.Status)
	}
	return &channel.SendError{Class: class, Code: code, After: min(max(after, 0), MaxAfter), Exchange: a.Kept}
}

// Class is what a status means where the provider says no more: 429 and 503 did
// not take the message, another 5xx may have, and only a person can repair
// credentials and a URL that is no more.
func Class(status int) channel.Class {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return channel.AccountClosed
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout, http.StatusTooEarly:
		return channel.Again
	}
	if status >= 500 {
		return channel.Ambiguous
	}
	if status >= 300 && status < 400 {
		return channel.AccountClosed // redirects are not followed: a person must enter the new URL
	}
	return channel.Rejected
}

// RetryAfter reads seconds or an HTTP date (RFC 9110 §10.2.3). What is
// negative, past or unreadable says nothing; what is far off is cut to MaxAfter.
func RetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(MaxAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), MaxAfter)
}

// Seconds is a number of seconds with a fraction as a wait, cut to MaxAfter.
// What is no number, or negative, says nothing.
func Seconds(f float64) time.Duration {
	if !(f > 0) {
		return 0
	}
	return time.Duration(min(f, MaxAfter.Seconds()) * float64(time.Second))
}

// Broken names a hand-over that had no answer. Only where no connection came
// about is it certain that the message was not taken.
func Broken(ctx context.Context, err error, kept engawa.Exchange) *channel.SendError {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // outer shows the URL
	}
	se := &channel.SendError{Class: channel.Ambiguous, Code: "broken"}
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		se.Class, se.Code = channel.Again, "unreachable"
	case errors.Is(ctx.Err(), context.Canceled):
		se.Code = "canceled"
	case ctx.Err() != nil || os.IsTimeout(err):
		se.Code = "timeout"
	}
	se.Exchange = engawa.Exchange{Request: kept.Request, Response: "(" + se.Code + ")"}
	return se
}

// shown is the request for people to read.
func (q Request) shown(u *url.URL) string {
	path := q.Path
	if path == "" {
		path = "/…"
	}
	var head strings.Builder
	for _, name := range slices.Sorted(maps.Keys(q.Header)) {
		head.WriteString("\n" + strings.ToLower(name) + ": ")
		for i, value := range q.Header[name] {
			if i > 0 {
				head.WriteString(", ")
			}
			if slices.Contains(q.Hide, value) {
				value = hidden
			}
			head.WriteString(value)
		}
	}
	body := q.Shown
	if body == "" {
		body = string(q.Body)
	}
	return strings.TrimRight(q.clean(q.Method+" "+u.Scheme+"://"+u.Host+path+head.String()+"\n\n"+body), "\n")
}

// heard is the answer for people to read.
func (q Request) heard(res *http.Response, body []byte) string {
	s := strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode)
	if after := res.Header.Get("Retry-After"); after != "" {
		s += "\nretry-after: " + after
	}
	return strings.TrimRight(q.clean(s+"\n\n"+string(body[:min(len(body), MaxKept)])), "\n")
}

// clean takes secrets and the address out, in every spelling in which they could
// stand there, and makes the rest fit to be kept: text without NUL, MaxKept at most.
func (q Request) clean(s string) string {
	t := newFolded(s)
	for _, secret := range q.Hide {
		t.blank(secret, hidden)
	}
	t.blank(q.To.Reveal(), q.To.String())
	s = strings.ReplaceAll(strings.ToValidUTF8(t.text, "�"), "\x00", "�")
	if len(s) <= MaxKept {
		return s
	}
	return strings.ToValidUTF8(s[:MaxKept], "") + "…"
}

// folded is a text with its copy in small ASCII letters, in which is looked for
// what has to go: a provider may write back an id or a host as it likes.
type folded struct{ text, low string }

func newFolded(s string) folded { return folded{s, asciiLower(s)} }

// blank replaces v, plain and as it is written in URLs, paths and JSON. All of
// these spell its longest plain part alike: where that is not, none is.
func (t *folded) blank(v, by string) {
	part := longestPlain(v)
	if v == "" || !strings.Contains(t.low, asciiLower(part)) {
		return
	}
	t.replace(v, by)
	if part == v {
		return
	}
	t.replace(url.QueryEscape(v), by)
	t.replace(url.PathEscape(v), by)
	if quoted, err := json.Marshal(v); err == nil {
		t.replace(strings.Trim(string(quoted), `"`), by)
	}
}

// longestPlain is the longest part of v that URLs, paths and JSON write as it is.
func longestPlain(v string) (longest string) {
	special := func(c rune) bool {
		return ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && c != '-' && c != '_' && c != '.'
	}
	for part := range strings.FieldsFuncSeq(v, special) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// replace replaces every v whatever the case of its ASCII letters.
func (t *folded) replace(v, by string) {
	want := asciiLower(v)
	i := strings.Index(t.low, want)
	if i < 0 {
		return
	}
	var text, low strings.Builder
	byLow := asciiLower(by)
	text.Grow(len(t.text) + len(by))
	low.Grow(len(t.text) + len(by))
	for ; i >= 0; i = strings.Index(t.low, want) {
		text.WriteString(t.text[:i])
		text.WriteString(by)
		low.WriteString(t.low[:i])
		low.WriteString(byLow)
		t.text, t.low = t.text[i+len(v):], t.low[i+len(v):]
	}
	text.WriteString(t.text)
	low.WriteString(t.low)
	t.text, t.low = text.String(), low.String()
}

// asciiLower keeps every byte's place, which strings.ToLower does not.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
