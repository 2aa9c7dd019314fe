// Package sim is the sending side of Stripe's webhooks: it makes the events of a
// subscription's life, signs and posts them as Stripe does, some of them twice
// and not in their order, and again while they are not answered with 2xx.
// (docs.stripe.com/webhooks: "Best practices", "Retry behavior".)
package sim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Attempts is how often a post is tried. Stripe goes on for up to three days;
// here the pauses are seconds: 1, 2, 4, 8.
const Attempts = 5

// patience is how long the receiver may take for an answer.
const patience = 20 * time.Second

// Old and New are API versions between which members moved: the period's end
// from the subscription to its items, an invoice's subscription under parent.
const (
	Old = "2024-06-20"
	New = "2025-03-31.basil"
)

// Server is the simulated side of Stripe. Its exported fields are set before
// use. It is an http.Handler: a page at /, POST /play plays a scenario, GET
// /_sim/log what was sent.
type Server struct {
	URL     string   // the endpoint
	Secrets []string // whsec_…; while one is rolled, both sign
	Version string   // Old or New; empty: New
	Live    bool
	Polite  bool         // neither twice nor out of order
	Seed    uint64       // of the rudeness
	Client  *http.Client // through which it posts

	mu   sync.Mutex
	n    int
	rng  *rand.Rand
	sent []Post
}

// Post is one event and how it was received.
type Post struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Statuses []int  `json:"statuses"` // of each try; 0: no answer
}

// Event is a Stripe event, ready to be sent.
type Event struct {
	ID, Type string
	Body     []byte
}

// Make makes an event about an object, with what changed as it was.
func (s *Server) Make(typ string, object, before map[string]any) Event {
	s.mu.Lock()
	s.n++
	id := fmt.Sprintf("evt_1Sim%06d", s.n)
	s.mu.Unlock()
	data := map[string]any{"object": object}
	if before != nil {
		data["previous_attributes"] = before
	}
	body, err := json.MarshalIndent(map[string]any{
		"id": id, "object": "event", "api_version": s.version(), "created": time.Now().Unix(), "type": typ, "livemode": s.Live,
		"pending_webhooks": 1, "request": map[string]any{"id": nil, "idempotency_key": nil}, "data": data,
	}, "", "  ") // Stripe's bodies have spaces: who signs a body read anew is found out
	if err != nil {
		panic(err) // the maps are our own
	}
	return Event{id, typ, body}
}

func (s *Server) version() string {
	if s.Version == "" {
		return New
	}
	return s.Version
}

// Sign is the value of Stripe-Signature for a body at an instant.
func Sign(body []byte, at time.Time, secrets ...string) string {
	parts := []string{fmt.Sprintf("t=%d", at.Unix())}
	for _, secret := range secrets {
		m := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(m, "%d.%s", at.Unix(), body)
		parts = append(parts, "v1="+hex.EncodeToString(m.Sum(nil)))
	}
	return strings.Join(append(parts, "v0="+strings.Repeat("0", 64)), ",")
}

// Send posts events: unless polite, some twice and all in any order.
func (s *Server) Send(ctx context.Context, events ...Event) error {
	var failed []error
	for _, e := range s.order(events) {
		failed = append(failed, s.deliver(ctx, e))
	}
	return errors.Join(failed...)
}

func (s *Server) order(events []Event) []Event {
	if s.Polite {
		return events
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(s.Seed, 3)) //nolint:gosec // rudeness is no secret
	}
	out := append([]Event(nil), events...)
	for _, e := range events {
		if s.rng.IntN(3) == 0 {
			out = append(out, e)
		}
	}
	s.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// deliver posts one event until it is taken, Attempts times at most.
func (s *Server) deliver(ctx context.Context, e Event) error {
	p := Post{ID: e.ID, Type: e.Type}
	defer func() {
		s.mu.Lock()
		s.sent = append(s.sent, p)
		s.mu.Unlock()
	}()
	for n := range Attempts {
		if n > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second << (n - 1)):
			}
		}
		status := s.post(ctx, e)
		p.Statuses = append(p.Statuses, status)
		if status/100 == 2 {
			return nil
		}
	}
	return fmt.Errorf("%s %s was not taken: %v", e.ID, e.Type, p.Statuses)
}

func (s *Server) post(ctx context.Context, e Event) (status int) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(e.Body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	req.Header.Set("Stripe-Signature", Sign(e.Body, time.Now(), s.Secrets...))
	res, err := s.Client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode
}

// Sent returns what was sent, oldest first.
func (s *Server) Sent() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Post(nil), s.sent...)
}
