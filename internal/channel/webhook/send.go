package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	// patience is how long an endpoint may take; the standard suggests 15 to 30 s.
	patience = 20 * time.Second
	// maxKept is how much of an answer is kept for people to read, in bytes.
	maxKept = 1 << 10
	// maxAfter is the longest Retry-After that is believed.
	maxAfter = 24 * time.Hour
)

// post is the body: Standard Webhooks' type, timestamp and data. Nothing in it
// depends on the attempt.
type post struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Message     string         `json:"message"`
	Delivery    string         `json:"delivery"`
	To          string         `json:"to"`
	ToName      string         `json:"to_name,omitempty"`
	Sender      string         `json:"sender,omitempty"`
	Purpose     engawa.Purpose `json:"purpose"`
	Locale      engawa.Locale  `json:"locale"`
	Subject     string         `json:"subject,omitempty"`
	Text        string         `json:"text,omitempty"`
	HTML        string         `json:"html,omitempty"`
	Unsubscribe string         `json:"unsubscribe,omitempty"`
}

func encode(p engawa.Parcel) ([]byte, error) {
	return json.Marshal(post{
		Type: "message.created", Timestamp: p.CreatedAt.UTC(),
		Data: data{
			Message: p.Message, Delivery: p.Delivery, To: p.To.Reveal(), ToName: p.ToName, Sender: p.SenderName,
			Purpose: p.Purpose, Locale: p.Locale, Subject: p.Content.Subject, Text: p.Content.Text,
			HTML: p.Content.HTML, Unsubscribe: p.Unsubscribe,
		},
	})
}

// Send posts m once. The webhook-id is the parcel's key, so an endpoint that
// keeps its ids for KeyLife takes a message once however often it is posted.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.id)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()

	req, body, err := a.request(ctx, p)
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "request", Err: err}
	}
	asked := shown(req, p, body)
	res, err := a.env.HTTP.Do(req)
	if err != nil {
		return channel.Receipt{}, broken(ctx, err, asked)
	}
	defer res.Body.Close()
	return judge(res, asked, kept(res, p))
}

func (a *account) request(ctx context.Context, p engawa.Parcel) (req *http.Request, body []byte, err error) {
	if p.Key == "" || strings.Contains(p.Key, ".") {
		return nil, nil, errors.New("the key of a webhook must not be empty or hold a dot")
	}
	if body, err = encode(p); err != nil {
		return nil, nil, fmt.Errorf("encode the body: %w", err)
	}
	if req, err = http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body)); err != nil {
		return nil, nil, errors.New("the url of the account cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Engawa (Standard Webhooks 1.0)")
	sign(req.Header, p.Key, time.Now(), body, a.out)
	return req, body, nil
}

// shown is the request for people to read. The path and the query of an
// endpoint may hold a credential, and the body holds the address: both masked.
func shown(req *http.Request, p engawa.Parcel, body []byte) string {
	if p.To != "" {
		body = bytes.ReplaceAll(body, quoted(p.To.Reveal()), quoted(p.To.String()))
	}
	return fmt.Sprintf("POST %s://%s/…\nwebhook-id: %s\nwebhook-timestamp: %s\nwebhook-signature: v1,…\n\n%s",
		req.URL.Scheme, req.URL.Host, p.Key, req.Header.Get(HeaderTimestamp), body)
}

// quoted is s as it stands in the body.
func quoted(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return []byte(s) // texts always marshal
	}
	return text[1 : len(text)-1]
}

// kept is the answer for people to read: the status and the beginning of the
// body, from which an echoed address is taken out.
func kept(res *http.Response, p engawa.Parcel) string {
	head, _ := io.ReadAll(io.LimitReader(res.Body, maxKept)) // the status has already decided; a broken body changes nothing
	text := strings.ToValidUTF8(string(head), "�")
	text = strings.ReplaceAll(text, "\x00", "�")
	text = strings.ReplaceAll(text, p.To.Reveal(), p.To.String())
	return strings.TrimRight(fmt.Sprintf("%d %s\n\n%s", res.StatusCode, http.StatusText(res.StatusCode), text), "\n")
}

// judge names the answer. Any 2xx accepts; the standard leaves the rest to the
// status, and asks to slow down on 429, 502 and 504 and to stop on 410.
func judge(res *http.Response, asked, answered string) (channel.Receipt, error) {
	x := engawa.Exchange{Request: asked, Response: answered}
	code := res.StatusCode
	if code >= 200 && code < 300 {
		return channel.Receipt{Exchange: x}, nil
	}
	return channel.Receipt{}, &channel.SendError{
		Class: class(code), Code: strconv.Itoa(code), After: retryAfter(res.Header), Exchange: x,
	}
}

func class(code int) channel.Class {
	switch code {
	case http.StatusGone, http.StatusUnauthorized, // the endpoint is closed, or our secret is no longer its own
		http.StatusMovedPermanently, http.StatusPermanentRedirect: // a person must enter the new url
		return channel.AccountClosed
	case http.StatusNotFound, // during a roll-out of the receiver
		http.StatusRequestTimeout, http.StatusConflict, // the same id is being worked on
		http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return channel.Again
	}
	if code >= 400 && code < 500 {
		return channel.Rejected
	}
	return channel.Again // 5xx, and a 3xx that may pass
}

// retryAfter reads seconds or an HTTP date (RFC 9110 §10.2.3). What is
// negative, past or unreadable says nothing; what is far off is cut to maxAfter.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return min(time.Duration(min(max(n, 0), int64(maxAfter/time.Second)))*time.Second, maxAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), maxAfter)
}

// broken names a hand-over that had no answer. Only where no connection came
// about is it certain that the endpoint did not take the message.
func broken(ctx context.Context, err error, asked string) *channel.SendError {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // outer shows the URL
	}
	se := &channel.SendError{Class: channel.Ambiguous, Code: "broken", Err: err, Exchange: engawa.Exchange{Request: asked}}
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		se.Class, se.Code = channel.Again, "unreachable"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		se.Code = "timeout"
	case ctx.Err() != nil:
		se.Code = "canceled"
	}
	return se
}
