package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// takesEvents reports whether every account of a chain is an endpoint that gets
// events as they are.
func (w *world) takesEvents(chain []engawa.Via) bool {
	for _, v := range chain {
		if a := w.accounts[v.Account]; a.Kind != "webhook" || a.Settings["content"] != "event" {
			return false
		}
	}
	return true
}

// fact is an event as an endpoint gets it: type, timestamp and data of Standard
// Webhooks, the same however often it is written. Addresses in it are masked as
// in every notice to staff; numbers keep every digit.
func fact(e engawa.Event) (engawa.Content, error) {
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
		Event    string         `json:"event"`
		Subject  string         `json:"subject,omitempty"`
		Customer string         `json:"customer,omitempty"`
		Data     map[string]any `json:"data"`
	}
	out, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      about     `json:"data"`
	}{e.Type, at.UTC(), about{e.ID, text.VeilText(e.Subject), e.Customer, text.Veil(data)}})
	if err != nil {
		return engawa.Content{}, fmt.Errorf("write event %s: %w", e.ID, err)
	}
	if len(out) > text.MaxPart {
		return engawa.Content{}, engawa.Invalid("/data", "send less in one event, and a reference to the rest", "the event has %d bytes, a webhook takes %d", len(out), text.MaxPart)
	}
	return engawa.Content{Text: string(out)}, nil
}
