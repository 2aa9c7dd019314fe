package sim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	hookPatience = 2 * time.Second
	maxBatch     = 50 // events of one webhook
	maxHookURL   = 500
)

// redeliver is the option's default.
var redeliver = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// event is one event of a webhook.
type event struct {
	fields map[string]any
	token  *replyToken
	again  int // how often it came again
}

// replyToken is what an event can be answered with.
type replyToken struct {
	of      *account
	to      *friendship
	group   *group // in place of to
	event   time.Time
	arrived time.Time
	again   bool
	used    bool
}

// works reports whether a token can be used: for a minute, and if its event came
// again, not long after the event.
func (t *replyToken) works(now time.Time) bool {
	return !t.used && !t.arrived.IsZero() && now.Sub(t.arrived) <= replyLife && (!t.again || now.Sub(t.event) <= replyLatest)
}

// Delivery is one webhook that was posted.
type Delivery struct {
	At        time.Time `json:"at"`
	URL       string    `json:"url"`
	Body      []byte    `json:"body"` // as it was signed
	Signature string    `json:"signature"`
	Status    int       `json:"status"` // 0: there was no answer
	Error     string    `json:"error,omitempty"`
}

// Deliveries are the webhooks that an account posted, oldest first.
func (s *Server) Deliveries(accountID string) []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.account(accountID); a != nil {
		return slices.Clone(a.deliveries)
	}
	return nil
}

// Settle waits until every webhook that is due was posted. Those that come again
// later are not waited for.
func (s *Server) Settle() {
	s.enter()
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled == nil {
		s.settled = sync.NewCond(&s.mu)
	}
	for s.posting > 0 {
		s.settled.Wait()
	}
}

// hookURL is where an account's webhooks go now; "": nowhere.
func (s *Server) hookURL(a *account) string {
	switch {
	case a.hookOff || s.Client == nil:
		return ""
	case s.now().Before(a.hookAt):
		return a.oldHook
	}
	return a.Webhook
}

// emit queues an event of a person for an account, which can be answered or not.
func (s *Server) emit(f *friendship, kind string, answerable bool, fields map[string]any) {
	all := map[string]any{"source": map[string]any{"type": "user", "userId": userID(f.with.provider, f.person)}}
	maps.Copy(all, fields)
	var t *replyToken
	if answerable {
		t = &replyToken{of: f.with, to: f}
	}
	s.tell(f.with, kind, t, all)
}

// tell queues an event for an account, with the token that answers it unless a
// module has the say. What has nowhere to go is lost.
func (s *Server) tell(a *account, kind string, t *replyToken, fields map[string]any) {
	now := s.now()
	e := &event{fields: map[string]any{
		"type": kind, "mode": "active", "timestamp": now.UnixMilli(), "webhookEventId": ulid(now), "deliveryContext": map[string]any{"isRedelivery": false},
	}}
	for k, v := range fields {
		if v != nil {
			e.fields[k] = v
		}
	}
	switch {
	case a.standby:
		e.fields["mode"] = "standby"
	case t != nil:
		text := hexText(16)
		t.event, e.token, e.fields["replyToken"], s.replies[text] = now, t, text, t
	}
	if s.hookURL(a) != "" {
		a.queue = append(a.queue, e)
	}
}

// post posts what waits for an account, batch by batch.
func (s *Server) post(a *account) {
	for {
		s.enter()
		batch := s.batch(a)
		if len(batch) == 0 {
			a.posting = false
			s.posting--
			if s.settled != nil {
				s.settled.Broadcast()
			}
			s.leave()
			return
		}
		at, secret := s.hookURL(a), a.Secret
		body := s.envelope(a, batch)
		for _, e := range batch {
			if e.token != nil {
				e.token.arrived, e.token.again = s.now(), e.again > 0
			}
		}
		s.leave()
		d := s.send(context.Background(), at, secret, body)
		s.enter()
		a.deliveries = append(a.deliveries, d)
		if d.Status < 200 || d.Status > 299 {
			s.fall(a, batch)
		}
		s.leave()
	}
}

// batch takes what one webhook carries.
func (s *Server) batch(a *account) []*event {
	if s.hookURL(a) == "" {
		a.queue = nil
	}
	n := min(len(a.queue), maxBatch)
	if n > 1 && !s.Polite {
		n = 1 + s.rng.IntN(n)
	}
	batch := a.queue[:n:n]
	a.queue = a.queue[n:]
	return batch
}

// fall has events that were not taken come again, in another order, if the
// account has them come again at all.
func (s *Server) fall(a *account, batch []*event) {
	pauses := s.Redeliver
	if pauses == nil {
		pauses = redeliver
	}
	if !a.Redelivery || batch[0].again >= len(pauses) {
		return
	}
	pause := pauses[batch[0].again]
	slices.Reverse(batch)
	for _, e := range batch {
		e.again++
		e.fields["deliveryContext"] = map[string]any{"isRedelivery": true}
	}
	s.plan(s.now().Add(pause), func() { a.queue = append(a.queue, batch...) })
}

// envelope is a webhook's body: where it is not polite, with its names in any
// order, spaces between, and things that nobody knows yet.
func (s *Server) envelope(a *account, batch []*event) []byte {
	events := []any{}
	for _, e := range batch {
		fields := e.fields
		if !s.Polite {
			fields = maps.Clone(fields)
			fields["x-new"] = map[string]any{"since": "tomorrow"}
		}
		events = append(events, fields)
	}
	if !s.Polite && len(batch) > 0 && s.rng.IntN(20) == 0 {
		events = append(events, map[string]any{
			"type": "somethingNew", "mode": "active", "timestamp": s.now().UnixMilli(), "webhookEventId": ulid(s.now()), "deliveryContext": map[string]any{"isRedelivery": false},
		})
	}
	body := map[string]any{"destination": a.UserID, "events": events}
	if s.Polite {
		b, _ := json.Marshal(body) // plain values
		return b
	}
	var b strings.Builder
	s.scramble(&b, body)
	return []byte(b.String())
}

// scramble writes JSON with the names of objects in any order and spaces here
// and there.
func (s *Server) scramble(b *strings.Builder, v any) {
	space := func() { b.WriteString([]string{"", "", " ", "\n  "}[s.rng.IntN(4)]) }
	list := func(open, shut string, n int, item func(i int)) {
		b.WriteString(open)
		for i := range n {
			if i > 0 {
				b.WriteString(",")
			}
			space()
			item(i)
		}
		space()
		b.WriteString(shut)
	}
	switch v := v.(type) {
	case map[string]any:
		names := sortedKeys(v)
		s.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		list("{", "}", len(names), func(i int) {
			s.scramble(b, names[i])
			b.WriteString(":")
			space()
			s.scramble(b, v[names[i]])
		})
	case []any:
		list("[", "]", len(v), func(i int) { s.scramble(b, v[i]) })
	default:
		text, _ := json.Marshal(v) // plain values
		b.Write(text)
	}
}

// Sign is the signature of a webhook's body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signatures are ways to write the header's name, all the same to HTTP.
var signatures = []string{"x-line-signature", "X-Line-Signature", "X-LINE-Signature"}

// send posts a body and tells how it went.
func (s *Server) send(ctx context.Context, at, secret string, body []byte) Delivery {
	d := Delivery{At: s.now(), URL: at, Body: body, Signature: Sign(secret, body)}
	ctx, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		d.Error = err.Error()
		return d
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "LineBotWebhook/2.0")
	req.Header[signatures[len(body)%len(signatures)]] = []string{d.Signature}
	res, err := s.Client.Do(req)
	if err != nil {
		d.Error = err.Error()
		return d
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096)) // only the status counts
	d.Status = res.StatusCode
	return d
}

// Forge posts events of a webhook of an account with a wrong signature, as
// somebody could who knows the URL alone.
func (s *Server) Forge(accountID string, events ...map[string]any) (Delivery, error) {
	s.mu.Lock()
	a := s.account(accountID)
	if a == nil || s.hookURL(a) == "" {
		s.mu.Unlock()
		return Delivery{}, errors.New("there is no such account, or it has no webhook")
	}
	at := s.hookURL(a)
	body, err := json.Marshal(map[string]any{"destination": a.UserID, "events": append([]map[string]any{}, events...)})
	s.mu.Unlock()
	if err != nil {
		return Delivery{}, fmt.Errorf("write the webhook: %w", err)
	}
	return s.send(context.Background(), at, "forged", body), nil
}

func (c *call) getEndpoint() reply {
	if c.of.Webhook == "" {
		return refuse(http.StatusNotFound, "Webhook endpoint not found")
	}
	return answer(http.StatusOK, map[string]any{"endpoint": c.of.Webhook, "active": !c.of.hookOff})
}

func goodEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && len(text) <= maxHookURL
}

func (c *call) setEndpoint() reply {
	var in struct{ Endpoint string }
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if !goodEndpoint(in.Endpoint) {
		c.plainHook()
		return refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
	}
	c.of.oldHook, c.of.Webhook, c.of.hookAt = c.hookURL(c.of), in.Endpoint, c.now().Add(c.HookDelay)
	return done()
}

// testEndpoint posts a webhook without events and tells how it went. The world
// goes on meanwhile.
func (c *call) testEndpoint() reply {
	var in struct{ Endpoint string }
	if len(c.body) > 0 {
		if refused := c.into(&in); refused != nil {
			return *refused
		}
	}
	at, secret := in.Endpoint, c.of.Secret
	switch {
	case at != "" && !goodEndpoint(at):
		return refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
	case at == "" && c.of.Webhook == "":
		return refuse(http.StatusNotFound, "Webhook endpoint not found")
	case at == "":
		at = c.of.Webhook
	}
	body := c.envelope(c.of, nil)
	d := Delivery{At: c.now(), Error: "no client"}
	if c.Client != nil {
		c.mu.Unlock()
		d = c.send(c.r.Context(), at, secret, body)
		c.enter()
	}
	out := map[string]any{"success": d.Status >= 200 && d.Status < 300, "timestamp": d.At.UTC().Format("2006-01-02T15:04:05.000Z"), "statusCode": d.Status, "reason": "OK", "detail": "200"}
	switch {
	case d.Status == 0 && strings.Contains(d.Error, context.DeadlineExceeded.Error()):
		out["reason"], out["detail"] = "REQUEST_TIMEOUT", "Request timeout"
	case d.Status == 0:
		out["reason"], out["detail"] = "COULD_NOT_CONNECT", "TLS handshake failure or connection refused"
	case out["success"] == false:
		out["reason"], out["detail"] = "ERROR_STATUS_CODE", fmt.Sprint(d.Status)
	}
	return answer(http.StatusOK, out)
}

// crockford are the letters of a ULID.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func ulid(at time.Time) string {
	var clock [10]byte
	ms := at.UnixMilli()
	for i := len(clock) - 1; i >= 0; i-- {
		clock[i] = crockford[ms&31]
		ms >>= 5
	}
	var chance [16]byte
	_, _ = rand.Read(chance[:]) // never fails
	for i, b := range chance {
		chance[i] = crockford[b&31]
	}
	return string(clock[:]) + string(chance[:])
}
