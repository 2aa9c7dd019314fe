package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/engawa/engawa"
)

type eventList struct {
	Events []eventView `json:"events"`
	Next   string      `json:"next"`
}

type eventView struct {
	ID, Type, Account, Customer, Text string
	Sample                            bool
	ReceivedAt                        time.Time `json:"received_at"`
}

type messageList struct {
	Messages []messageRow `json:"messages"`
	Next     string       `json:"next"`
}

type messageRow struct {
	ID, State, Outcome, Gate string
}

type messageView struct {
	ID, State string
	Content   struct{ Subject string }
	Verdicts  []struct {
		Outcome, Decided string
		At               time.Time
		Until            time.Time
		Reasons          []struct{ Gate, Code, Rule, Text, Remedy string }
	}
	Deliveries []struct {
		ID, Account, State string
		DueAt              time.Time `json:"due_at"`
		UpdatedAt          time.Time `json:"updated_at"`
	}
}

type taskList struct {
	Tasks []struct{ Kind, Ref string } `json:"tasks"`
}

// until asks path until enough holds, or ctx ends.
func (w *world) until(ctx context.Context, path string, v any, enough func() bool) error {
	return w.wait(ctx, func() (bool, error) {
		if err := w.get(ctx, path, v); err != nil {
			return false, err
		}
		return enough(), nil
	})
}

func (w *world) wait(ctx context.Context, enough func() (bool, error)) error {
	for {
		ok, err := enough()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (w *world) get(ctx context.Context, path string, v any) error {
	return w.ask(ctx, http.MethodGet, path, nil, v)
}

func (w *world) post(ctx context.Context, path string, in, out any) error {
	return w.ask(ctx, http.MethodPost, path, in, out)
}

// ask calls the hub and keeps when it answered.
func (w *world) ask(ctx context.Context, method, path string, in, out any) error {
	at, err := caller{w.hubURL, w.key, w.locale}.ask(ctx, method, path, in, out)
	if err == nil {
		w.asked = at
	}
	return err
}

// caller calls a hub's API as any client would.
type caller struct {
	url    string
	key    engawa.Secret
	locale engawa.Locale
}

func (c caller) post(ctx context.Context, path string, in, out any) error {
	_, err := c.ask(ctx, http.MethodPost, path, in, out)
	return err
}

// ask returns when the hub answered, by its own clock.
func (c caller) ask(ctx context.Context, method, path string, in, out any) (at time.Time, err error) {
	u, err := url.Parse(c.url + path)
	if err != nil {
		return at, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return at, err
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return at, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	req.Header.Set("Accept-Language", string(c.locale))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", engawa.NewID("idem"))
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // the demo asks as any client would
	if err != nil {
		return at, err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		var p struct{ Detail string }
		_ = json.NewDecoder(res.Body).Decode(&p) // the status says enough
		return at, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, p.Detail)
	}
	if at, err = http.ParseTime(res.Header.Get("Date")); err != nil {
		return at, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return at, json.NewDecoder(res.Body).Decode(out)
}
