package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Receive takes an event that the business's own system posts, signed with
// in_secret: {"type", "timestamp", "data"}. The webhook-id makes it once.
func (a *account) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	id, err := verify(h, body, a.in)
	if err != nil {
		return nil, err
	}
	var in struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, engawa.Invalid("", "post {\"type\", \"timestamp\", \"data\"} as JSON", "the body is not a webhook: %s", err)
	}
	if !typeName(in.Type) {
		return nil, engawa.Invalid("/type", "use lower-case words joined by dots, such as contract.terminated", "%.64q is not a type of event", in.Type)
	}
	if strings.HasPrefix(in.Type, "store.") {
		return nil, engawa.Invalid("/type", "choose another name; events of the store come signed by the store", "types that begin with store. are the store's own")
	}
	e := engawa.Event{
		Type: in.Type, DedupKey: id, OccurredAt: in.Timestamp, Data: in.Data, Raw: body, Known: true,
	}
	if len(e.Data) == 0 {
		e.Data = []byte("{}")
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = time.Now().UTC()
	}
	return []engawa.Event{e}, nil
}

// typeName reports whether s is words of a-z, 0-9 and _ joined by dots, at most
// 128 characters.
func typeName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return true
}
