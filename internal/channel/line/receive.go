package line

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// types are the events of LINE's webhooks and what they become
// (https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects).
// A follow that ends a block is line.unblocked.
var types = map[string]string{
	"follow":       "line.followed",
	"unfollow":     "line.blocked",
	"message":      "line.message",
	"postback":     "line.postback",
	"accountLink":  "line.account_linked",
	"unsend":       "line.unsent",
	"join":         "line.joined",
	"leave":        "line.left",
	"botSuspended": "line.suspended",
	"botResumed":   "line.resumed",
}

// hook is one event of a webhook.
type hook struct {
	Type      string `json:"type"`
	Mode      string `json:"mode"` // "active", or "standby": another program answers
	Timestamp int64  `json:"timestamp"`
	ID        string `json:"webhookEventId"`
	Source    struct {
		Type  string `json:"type"` // "user", "group" or "room"
		User  string `json:"userId"`
		Group string `json:"groupId"`
		Room  string `json:"roomId"`
	} `json:"source"`
	Follow struct {
		Unblocked bool `json:"isUnblocked"`
	} `json:"follow"`
	Message struct {
		ID     string `json:"id"`
		Type   string `json:"type"`
		Text   string `json:"text"`
		File   string `json:"fileName"`
		Quoted string `json:"quotedMessageId"`
	} `json:"message"`
	Unsend struct {
		MessageID string `json:"messageId"`
	} `json:"unsend"`
	Postback struct {
		Data   string            `json:"data"`
		Params map[string]string `json:"params"`
	} `json:"postback"`
	Link struct {
		Result string `json:"result"` // "ok" or "failed"
		Nonce  string `json:"nonce"`
	} `json:"link"`
}

// Receive verifies a webhook and turns it into events, in the order in which they
// happened. It has no age: LINE signs no time, and what comes again has the keys of
// the first time.
func (a *account) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	if err := a.verify(h, body); err != nil {
		return nil, err
	}
	var in struct {
		Destination string            `json:"destination"`
		Events      []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, engawa.Invalid("", "let LINE post its webhooks here", "the webhook is signed and is none of LINE's")
	}
	if a.bot != "" && in.Destination != a.bot {
		return nil, &engawa.Error{Code: engawa.CodeUnverified, Field: "/destination", Message: "the webhook is for another account", Remedy: "enter this URL at the official account that it belongs to"}
	}
	out := make([]engawa.Event, 0, len(in.Events))
	for _, raw := range in.Events {
		e, err := a.event(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(x, y engawa.Event) int { return x.OccurredAt.Compare(y.OccurredAt) })
	return out, nil
}

// verify proves the webhook: base64 of HMAC-SHA256 over the bytes as they came,
// with the channel's secret or, during a swap, the former one
// (https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/).
func (a *account) verify(h http.Header, body []byte) error {
	sig, err := base64.StdEncoding.DecodeString(h.Get("X-Line-Signature"))
	if err == nil && (hmac.Equal(sig, sign(a.secret, body)) || a.former != "" && time.Now().Before(a.until) && hmac.Equal(sig, sign(a.former, body))) {
		return nil
	}
	return &engawa.Error{
		Code: engawa.CodeUnverified, Message: "the webhook's signature does not hold",
		Remedy: "copy the Channel secret from LINE Official Account Manager into the account",
	}
}

func sign(key engawa.Secret, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(body)
	return mac.Sum(nil)
}

// keyText is what LINE's ids of events and messages are made of.
var keyText = regexp.MustCompile(`^[0-9A-Za-z_-]{1,100}$`)

// event translates one event. What is kept of the original is this event alone:
// the others of the webhook are other people's.
func (a *account) event(raw json.RawMessage) (engawa.Event, error) {
	var in hook
	if err := json.Unmarshal(raw, &in); err != nil {
		in = hook{} // LINE may send anything new: it is kept, and nothing read off it
	}
	e := engawa.Event{Type: types[in.Type], Known: types[in.Type] != "", OccurredAt: at(in.Timestamp), Raw: raw}
	switch {
	case !e.Known:
		e.Type = "line.unknown"
	case in.Type == "follow" && in.Follow.Unblocked:
		e.Type = "line.unblocked"
	}
	a.names(&e, in)
	e.DedupKey = keyOf(in, raw)
	said(&e, in)
	data, err := json.Marshal(told(in))
	if err != nil {
		return e, fmt.Errorf("line event: %w", err)
	}
	e.Data = data
	return e, nil
}

// at is when it happened; zero where LINE says no time that can be.
func at(ms int64) time.Time {
	t := time.UnixMilli(ms).UTC()
	if t.Year() < 2000 || time.Until(t) > 24*time.Hour {
		return time.Time{}
	}
	return t
}

// keyOf is by what an event is the same when it comes again.
func keyOf(in hook, raw json.RawMessage) string {
	if keyText.MatchString(in.ID) {
		return in.ID
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// said ties what somebody wrote to its being taken back. One message has one key,
// whatever event tells of it.
func said(e *engawa.Event, in hook) {
	switch id := cmp.Or(in.Message.ID, in.Unsend.MessageID); {
	case !keyText.MatchString(id):
	case in.Type == "message":
		e.DedupKey, e.UnsaidBy = "message:"+id, "unsend:"+id
		e.Answers = in.Message.Quoted
	case in.Type == "unsend":
		e.DedupKey, e.Unsays = "unsend:"+id, "message:"+id
	case !e.Known:
		e.DedupKey, e.UnsaidBy = "message:"+id+":"+e.DedupKey, "unsend:"+id
	}
}

// names says whose the event is. Who writes to the account, or adds it, may be new to
// the hub; who is seen in a group is not met by that.
func (a *account) names(e *engawa.Event, in hook) {
	if !userID.MatchString(in.Source.User) {
		return
	}
	e.Identities = []engawa.Identity{{Issuer: a.issuer, Kind: "line_user", Value: in.Source.User}}
	if !e.Known {
		return
	}
	e.Newcomer = &engawa.Newcomer{Find: in.Source.Type != "user" || in.Type == "unfollow"}
	if in.Source.Type != "user" {
		return
	}
	e.Reached = &engawa.Reached{Kind: "line", Address: engawa.Address(in.Source.User)}
	switch in.Type {
	case "follow":
		e.Reached.State = "friend"
	case "unfollow":
		e.Reached.State = "blocked"
	}
}

// told is what routes and templates read of an event: nobody's user id.
func told(in hook) map[string]any {
	out := map[string]any{"mode": in.Mode}
	switch in.Source.Type {
	case "group":
		out["source"] = map[string]any{"type": "group", "id": in.Source.Group}
	case "room":
		out["source"] = map[string]any{"type": "room", "id": in.Source.Room}
	case "user":
		out["source"] = map[string]any{"type": "user"}
	}
	switch in.Type {
	case "message":
		out["message"] = map[string]any{"id": in.Message.ID, "type": in.Message.Type, "text": in.Message.Text, "file": in.Message.File}
	case "unsend":
		out["message"] = map[string]any{"id": in.Unsend.MessageID}
	case "postback":
		out["postback"] = map[string]any{"data": in.Postback.Data, "params": in.Postback.Params}
	case "accountLink":
		out["link"] = map[string]any{"result": in.Link.Result, "nonce": in.Link.Nonce}
	case "follow", "unfollow", "join", "leave", "botSuspended", "botResumed":
	default:
		out["type"] = in.Type
	}
	return out
}
