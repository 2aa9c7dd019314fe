// Package exchange makes one HTTP exchange with a provider: it asks with a
// patience, reads an answer of bounded length, names the trouble on the way, and
// keeps what was said for people to read, without addresses and secrets.
//
// What the provider's answer means is the channel's to say.
package exchange

import (
	"bytes"
	"cmp"
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
	"unicode/utf8"

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
	Keep   []string       // headers of the answer that are kept, besides Retry-After
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
	patient := *client
	patient.Timeout = 0 // ctx ends sooner, and a client's own timeout takes a goroutine for each request
	res, err := patient.Do(req)
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
	var b strings.Builder
	b.Grow(len(q.Body) + len(q.Shown) + 1<<9)
	b.WriteString(q.Method + " " + u.Scheme + "://" + u.Host + path)
	for _, name := range slices.Sorted(maps.Keys(q.Header)) {
		b.WriteString("\n" + strings.ToLower(name) + ": ")
		for i, value := range q.Header[name] {
			if i > 0 {
				b.WriteString(", ")
			}
			if slices.Contains(q.Hide, value) {
				value = hidden
			}
			b.WriteString(value)
		}
	}
	b.WriteString("\n\n")
	if q.Shown != "" {
		b.WriteString(q.Shown)
	} else {
		b.Write(q.Body)
	}
	return strings.TrimRight(q.clean(b.String()), "\n")
}

// heard is the answer for people to read.
func (q Request) heard(res *http.Response, body []byte) string {
	var s strings.Builder
	s.WriteString(strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode))
	for _, name := range append([]string{"Retry-After"}, q.Keep...) {
		if v := res.Header.Get(name); v != "" {
			s.WriteString("\n" + strings.ToLower(name) + ": " + v)
		}
	}
	s.WriteString("\n\n")
	s.Write(body[:min(len(body), MaxKept)])
	return strings.TrimRight(q.clean(s.String()), "\n")
}

// clean takes secrets and the address out, in every spelling in which they could
// stand there, and makes the rest fit to be kept: text without NUL, MaxKept at most.
func (q Request) clean(s string) string {
	low := asciiLower(s) // a provider may write back an id or a host as it likes
	var cuts []cut
	for _, secret := range q.Hide {
		cuts = append(cuts, find(low, secret, hidden)...)
	}
	cuts = append(cuts, find(low, q.To.Reveal(), q.To.String())...)
	s = strings.ReplaceAll(valid(without(s, cuts)), "\x00", "�")
	if len(s) <= MaxKept {
		return s
	}
	return strings.ToValidUTF8(s[:MaxKept], "") + "…"
}

// valid spares the rewriting of what needs none.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "�")
}

// cut is a part of a text in whose place another stands.
type cut struct {
	from, to int
	by       string
}

// find finds v in low, plain and as it is written in URLs, paths and JSON. All of
// these spell its longest plain part alike: where that is not, none is.
func find(low []byte, v, by string) (cuts []cut) {
	part := longestPlain(v)
	if v == "" || !bytes.Contains(low, asciiLower(part)) {
		return nil
	}
	spellings := []string{v}
	if part != v {
		quoted, _ := json.Marshal(v) // a string always marshals
		spellings = append(spellings, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(quoted), `"`))
	}
	for _, spelling := range spellings {
		want, at := asciiLower(spelling), 0
		for i := bytes.Index(low, want); i >= 0; i = bytes.Index(low[at:], want) {
			cuts = append(cuts, cut{at + i, at + i + len(want), by})
			at += i + len(want)
		}
	}
	return cuts
}

// without replaces what is cut. Of cuts that overlap all goes.
func without(s string, cuts []cut) string {
	if len(cuts) == 0 {
		return s
	}
	slices.SortStableFunc(cuts, func(a, b cut) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	out.Grow(len(s) + len(cuts)*len(hidden))
	at := 0
	for _, c := range cuts {
		if c.from >= at {
			out.WriteString(s[at:c.from])
			out.WriteString(c.by)
		}
		at = max(at, c.to)
	}
	out.WriteString(s[at:])
	return out.String()
}

// longestPlain is the longest part of v that URLs, paths and JSON write as it is.
func longestPlain(v string) (longest string) {
	from := 0
	for i := 0; i <= len(v); i++ {
		if i < len(v) && plain[v[i]] {
			continue
		}
		if i-from > len(longest) {
			longest = v[from:i]
		}
		from = i + 1
	}
	return longest
}

// plain has the bytes that need no escape anywhere.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	return t
}()

// asciiLower keeps every byte's place, which strings.ToLower does not.
func asciiLower(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		b[i] = small[c]
	}
	return b
}

// small has the small letter of each capital in ASCII, and every other byte itself.
var small = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()
