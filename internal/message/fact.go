package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// What an endpoint gets of an event, where that is no message in words.
const (
	asEvent    = "event"    // the event itself
	asOriginal = "original" // what its source sent, byte for byte
)

// takes is what every account of a chain gets of an event where they are
// endpoints that get the same; empty: words about it.
func (w *world) takes(chain []engawa.Via) string {
	what := ""
	for i, v := range chain {
		a := w.accounts[v.Account]
		takes := a.Settings["content"]
		if a.Kind != "webhook" || takes != asEvent && takes != asOriginal || i > 0 && takes != what {
			return ""
		}
		what = takes
	}
	return what
}

// original is an event as its source sent it: of the App Store, the signed
// notification. One that came without such evidence cannot be passed on.
func original(e engawa.Event) (engawa.Content, error) {
	switch {
	case len(e.Raw) == 0:
		return engawa.Content{}, engawa.Invalid("/content", "let the route take events of the App Store alone, as store.*", "the event %s came without an original that could be passed on", e.ID)
	case len(e.Raw) > text.MaxPart:
		return engawa.Content{}, engawa.Invalid("/content", "take it from the journal (GET /v1/events)", "the original has %d bytes, a webhook takes %d", len(e.Raw), text.MaxPart)
	}
	return engawa.Content{Text: string(e.Raw)}, nil
}

// fact is an event as an endpoint gets it: type, timestamp and data of Standard
// Webhooks, the same however often it is written. Addresses in it are masked as
// in every notice to staff; numbers keep every digit.
func (c *Composer) fact(e engawa.Event) (engawa.Content, error) {
	data := map[string]any{}
	if len(e.Data) > 0 {
		dec := json.NewDecoder(bytes.NewReader(e.Data))
		dec.UseNumber()
		if dec.Decode(&data) != nil {
			data = map[string]any{}
		}
	}
	at := e.OccurredAt
	if at.IsZero() {
		at = e.ReceivedAt
	}
	type about struct {
		Event    string            `json:"event"`
		Subject  string            `json:"subject,omitempty"`
		Customer string            `json:"customer,omitempty"`
		Actor    engawa.Actor      `json:"actor,omitzero"`
		URL      string            `json:"url"` // in the console
		Links    map[string]string `json:"links,omitempty"`
		Data     map[string]any    `json:"data"`
	}
	out, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      about     `json:"data"`
	}{e.Type, at.UTC(), about{e.ID, text.VeilText(e.Subject), e.Customer, e.Actor, c.EventURL(e), e.Links, text.Veil(data)}})
	if err != nil {
		return engawa.Content{}, fmt.Errorf("write event %s: %w", e.ID, err)
	}
	if len(out) > text.MaxPart {
		return engawa.Content{}, engawa.Invalid("/data", "send less in one event, and a reference to the rest", "the event has %d bytes, a webhook takes %d", len(out), text.MaxPart)
	}
	return engawa.Content{Text: string(out)}, nil
}

// EventURL is the page of an event in the console.
func (c *Composer) EventURL(e engawa.Event) string { return c.Store.URL("/events/" + e.ID) }
