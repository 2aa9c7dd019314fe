package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
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

// encode writes the body of p: the event, or its original, where the endpoint
// gets these and p is one, else the message.
func (a *account) encode(p engawa.Parcel) ([]byte, error) {
	if a.raw && isEvent(p.Content.Text) || a.own && isSigned(p.Content.Text) {
		return []byte(p.Content.Text), nil
	}
	return json.Marshal(post{
		Type: "message.created", Timestamp: p.CreatedAt.UTC(),
		Data: data{
			Message: p.Message, Delivery: p.Delivery, To: p.To.Reveal(), ToName: p.ToName, Sender: p.SenderName,
			Purpose: p.Purpose, Locale: p.Locale, Subject: p.Content.Subject, Text: p.Content.Text,
			HTML: p.Content.HTML, Unsubscribe: p.Unsubscribe,
		},
	})
}

// isEvent reports whether words are an event as internal/message writes it.
func isEvent(words string) bool {
	var in struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	return json.Unmarshal([]byte(words), &in) == nil && in.Type != "" && !in.Timestamp.IsZero() && len(in.Data) > 0
}

// isSigned reports whether words are a notification as the App Store posts it.
func isSigned(words string) bool {
	var in struct {
		SignedPayload string `json:"signedPayload"`
	}
	return json.Unmarshal([]byte(words), &in) == nil && in.SignedPayload != ""
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
	q, err := a.request(p)
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "request", Err: err}
	}
	answer, se := exchange.Do(ctx, a.env.HTTP, q)
	if se != nil {
		return channel.Receipt{}, se
	}
	if answer.Status >= 200 && answer.Status < 300 {
		return channel.Receipt{Exchange: answer.Kept}, nil
	}
	return channel.Receipt{}, answer.Fail(class(answer.Status), "", exchange.RetryAfter(answer.Header))
}

// request is the signed post. The path and the query of an endpoint may hold a
// credential, and the body holds the address: people see both masked.
func (a *account) request(p engawa.Parcel) (exchange.Request, error) {
	if p.Key == "" || strings.Contains(p.Key, ".") {
		return exchange.Request{}, errors.New("the key of a webhook must not be empty or hold a dot")
	}
	body, err := a.encode(p)
	if err != nil {
		return exchange.Request{}, fmt.Errorf("encode the body: %w", err)
	}
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Engawa (Standard Webhooks 1.0)"}}
	sign(h, p.Key, time.Now(), body, a.out)
	return exchange.Request{
		Method: http.MethodPost, URL: a.url, Header: h, Body: body, To: p.To, Hide: append(strings.Fields(h.Get(HeaderSignature)), a.url),
	}, nil
}

// class names the answer. Any 2xx accepts; the standard leaves the rest to the
// status, and asks to slow down on 429, 502 and 504 and to stop on 410.
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
