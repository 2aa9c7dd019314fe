package zendesk

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// MaxAge is how far the time that a webhook is signed with may be from ours.
const MaxAge = 5 * time.Minute

// types are the ticket events of Zendesk's webhooks and the events that they
// become (https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/).
var types = map[string]string{
	"zen:event-type:ticket.created":                  "ticket.created",
	"zen:event-type:ticket.status_changed":           "ticket.status_changed",
	"zen:event-type:ticket.comment_added":            "ticket.commented",
	"zen:event-type:ticket.agent_assignment_changed": "ticket.assigned",
	"zen:event-type:ticket.group_assignment_changed": "ticket.group_changed",
	"zen:event-type:ticket.priority_changed":         "ticket.priority_changed",
	"zen:event-type:ticket.merged":                   "ticket.merged",
	"zen:event-type:ticket.soft_deleted":             "ticket.deleted",
}

// hook is an event subscription's body.
type hook struct {
	ID     string    `json:"id"`
	Type   string    `json:"type"`
	Time   time.Time `json:"time"`
	Detail struct {
		ID         text   `json:"id"`
		ExternalID string `json:"external_id"`
		Status     string `json:"status"`
		Subject    string `json:"subject"`
	} `json:"detail"`
	Event struct {
		Current  text `json:"current"`
		Previous text `json:"previous"`
		Comment  *struct {
			ID     text   `json:"id"`
			Body   string `json:"body"`
			Public bool   `json:"is_public"`
			Author struct {
				Name  string `json:"name"`
				Staff bool   `json:"is_staff"`
			} `json:"author"`
		} `json:"comment"`
	} `json:"event"`
}

// text is a text, or a number as it was written: ids come as either.
type text string

// UnmarshalJSON takes what is neither as an empty text.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
	} else if number(string(b)) {
		*t = text(b)
	}
	return nil
}

// Receive verifies a webhook and turns it into an event. A ticket that this hub
// opened names its delivery, so the event finds the customer. That we opened one
// is no event: a route from tickets to tickets would never end.
func (a *account) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	if err := a.verify(h, body); err != nil {
		return nil, err
	}
	var in hook
	if err := json.Unmarshal(body, &in); err != nil || in.ID == "" || in.Type == "" || in.Detail.ID == "" {
		return nil, engawa.Invalid("", "connect the webhook to Zendesk events, not to a trigger with a body of your own", "the webhook is signed but is not a ticket event")
	}
	delivery := ""
	if engawa.HasPrefix(in.Detail.ExternalID, engawa.PrefixDelivery) {
		delivery = in.Detail.ExternalID
	}
	typ, known := types[in.Type]
	if typ == "ticket.created" && delivery != "" {
		return nil, nil
	}
	if !known {
		typ = "zendesk.unknown"
	}
	data, err := json.Marshal(said(in, delivery))
	if err != nil {
		return nil, fmt.Errorf("zendesk event: %w", err)
	}
	return []engawa.Event{{
		Type: typ, Known: known, DedupKey: in.ID, Subject: "ticket:" + string(in.Detail.ID), Delivery: delivery,
		OccurredAt: in.Time.UTC(), Data: data, Raw: body,
	}}, nil
}

// said is what routes and templates read of a webhook.
func said(in hook, delivery string) map[string]any {
	ticket := map[string]any{"id": string(in.Detail.ID), "subject": in.Detail.Subject, "status": strings.ToLower(in.Detail.Status)}
	out := map[string]any{"ticket": ticket, "delivery": delivery, "current": strings.ToLower(string(in.Event.Current)), "previous": strings.ToLower(string(in.Event.Previous))}
	if in.Type == "zen:event-type:ticket.status_changed" {
		ticket["status"] = cmp.Or(strings.ToLower(string(in.Event.Current)), strings.ToLower(in.Detail.Status))
	}
	if c := in.Event.Comment; c != nil {
		out["comment"] = map[string]any{"id": string(c.ID), "body": c.Body, "public": c.Public, "author": c.Author.Name, "staff": c.Author.Staff}
	}
	return out
}

// verify proves the webhook: base64 of HMAC-SHA256 over the timestamp and the
// body, with nothing between them, and a timestamp that is not old
// (https://developer.zendesk.com/documentation/webhooks/verifying/).
func (a *account) verify(h http.Header, body []byte) error {
	const remedy = "copy the webhook's signing secret from Zendesk into the account"
	stamp := h.Get("X-Zendesk-Webhook-Signature-Timestamp")
	sig, err := base64.StdEncoding.DecodeString(h.Get("X-Zendesk-Webhook-Signature"))
	if a.hook == nil || err != nil || !hmac.Equal(sig, sign(a.hook, stamp, body)) {
		return &engawa.Error{Code: engawa.CodeUnverified, Message: "the webhook's signature does not hold", Remedy: remedy}
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil || time.Since(at).Abs() > MaxAge {
		return &engawa.Error{Code: engawa.CodeUnverified, Message: "the webhook was signed too long ago, or by another clock", Remedy: "check this machine's clock"}
	}
	return nil
}

func sign(key []byte, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stamp))
	mac.Write(body)
	return mac.Sum(nil)
}
