// Package custom hands messages to any HTTP API that the business describes
// itself: method, URL, headers, body, and what counts as a success.
//
// The description is fixed when it is saved. Values never decide where a request
// goes, add a header or break out of the body; a template that could let them
// is refused with the account.
package custom

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind describes the channel.
var Kind = channel.Kind{
	Name: "http",
	Fields: []channel.Field{
		{Key: "method", Type: channel.Choice, Default: "post", Choices: []string{"post", "put", "patch"}},
		{Key: "url", Type: channel.URL, Required: true},
		{Key: "headers", Type: channel.Lines},
		{Key: "secret_header", Type: channel.Text},
		{Key: "secret_value", Type: channel.SecretField},
		{Key: "type", Type: channel.Choice, Default: "json", Choices: []string{"json", "form", "text"}},
		{Key: "body", Type: channel.Lines, Required: true},
		{Key: "ok_status", Type: channel.Text, Default: "200-299"},
		{Key: "ok_pointer", Type: channel.Text},
		{Key: "ok_equals", Type: channel.Text},
		{Key: "ok_phrase", Type: channel.Text},
		{Key: "retry_status", Type: channel.Text, Default: "408, 425, 429, 503"},
		{Key: "key_header", Type: channel.Text},
		{Key: "calls", Type: channel.Number, Default: "60"},
		{Key: "per_seconds", Type: channel.Number, Default: "60"},
	},
	Limits: func(s channel.Settings) []channel.Limit {
		return []channel.Limit{{Scope: "endpoint", N: number(s["calls"]), Per: time.Duration(number(s["per_seconds"])) * time.Second, Exact: true}}
	},
	ToCustomers: true,
	ToStaff:     true,
	Address:     func(s string) (engawa.Address, error) { return channel.Name(s, 200) },
	Sound:       func(s channel.Settings) error { _, err := describe(s); return err },
	New: func(s channel.Settings, env channel.Env) (channel.Channel, error) {
		d, err := describe(s)
		if err != nil {
			return nil, err
		}
		return &account{d, env}, nil
	},
}

// number is a whole number from 1 to those of a day's seconds.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1
	}
	return min(max(n, 1), 86400)
}

// account is one described API.
type account struct {
	description
	env channel.Env
}

// Format keeps the secret out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "http account "+a.env.Account) }

// Send makes the request that the description makes of m.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	q, ok := a.request(p)
	if !ok {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "path", Exchange: engawa.Exchange{Request: "(a value of . or .. cannot stand in a path)"}}
	}
	x, se := exchange.Do(ctx, a.env.HTTP, q)
	if se == nil {
		se = a.judge(x)
	}
	if se == nil {
		return channel.Receipt{Exchange: x.Kept}, nil
	}
	if se.Class == channel.Ambiguous && a.keyHeader != "" {
		se.Class = channel.Again // the other side takes a key once
	}
	return channel.Receipt{}, se
}

func (a *account) request(p engawa.Parcel) (exchange.Request, bool) {
	values := map[string]string{
		"to": p.To.Reveal(), "to_name": p.ToName, "sender": p.SenderName, "subject": p.Content.Subject, "text": p.Content.Text, "html": p.Content.HTML,
		"message": p.Message, "delivery": p.Delivery, "key": p.Key, "purpose": string(p.Purpose), "locale": string(p.Locale), "unsubscribe": p.Unsubscribe,
	}
	to, ok := a.url.fill(values)
	if !ok {
		return exchange.Request{}, false
	}
	h := http.Header{"Content-Type": {mediaTypes[a.bodyType]}, "User-Agent": {"Engawa"}}
	for name, value := range a.headers {
		h.Set(name, value)
	}
	if a.secretHeader != "" {
		h.Set(a.secretHeader, a.secret.Reveal())
	}
	if a.keyHeader != "" {
		h.Set(a.keyHeader, p.Key)
	}
	return exchange.Request{
		Method: a.method, URL: to, Header: h, Body: []byte(render(a.body, values, escapes[a.bodyType])), To: p.To, Hide: []string{a.secret.Reveal()},
	}, true
}

// judge says what an answer means by the description.
func (d description) judge(x exchange.Answer) *channel.SendError {
	after := exchange.RetryAfter(x.Header)
	switch {
	case d.ok.holds(x.Status):
		return d.confirmed(x)
	case d.retry.holds(x.Status):
		return x.Fail(channel.Again, "", after)
	case x.Status == http.StatusNotFound || x.Status == http.StatusGone:
		return x.Fail(channel.Rejected, "", after) // the path may name the recipient
	}
	return x.Fail(exchange.Class(x.Status), "", after)
}

// confirmed looks into an answer of a good status: an error may be told there.
func (d description) confirmed(x exchange.Answer) *channel.SendError {
	code := strconv.Itoa(x.Status) + " unconfirmed"
	if d.phrase != "" && !strings.Contains(string(x.Body), d.phrase) {
		return x.Fail(channel.Rejected, code, 0)
	}
	if len(d.pointer) == 0 {
		return nil
	}
	value, read, there := at(x.Body, d.pointer)
	switch {
	case !read:
		return x.Fail(channel.Ambiguous, code, 0)
	case !there, d.equals != "" && value != d.equals:
		return x.Fail(channel.Rejected, code, 0)
	}
	return nil
}
