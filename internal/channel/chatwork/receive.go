package chatwork

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// types are the webhooks of Chatwork and the events that they become.
var types = map[string]string{
	"message_created": "chatwork.message.created",
	"message_updated": "chatwork.message.updated",
	"mention_to_me":   "chatwork.mention.created",
}

// ours is how a post of this hub begins and ends (body), and the post by which
// Chatwork tells a room of a task that the hub made. A person who copies a notice
// and writes above it, or copies what the screen shows of it, has no box at the
// beginning.
var ours = regexp.MustCompile(`(?s)^\[info\].*\nref: [0-9a-f]{12}(\[/task\]\[/info\])?$`)

// reply begins an answer in a thread and names the room and the message.
var reply = regexp.MustCompile(`\[rp aid=\d+ to=(\d+)-(\d+)\]`)

// Receive verifies a webhook (HMAC-SHA256 of the raw body under the decoded
// token) and turns it into an event. Chatwork never sends one twice. The hub's
// own posts come back too and are no event: a route from a room to a room would
// never end.
func (a *account) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	sig, err := base64.StdEncoding.DecodeString(h.Get("X-Chatworkwebhooksignature"))
	if a.hook == nil || err != nil || !hmac.Equal(sig, sign(a.hook, body)) {
		return nil, &engawa.Error{Code: engawa.CodeUnverified, Message: "the webhook's signature does not hold", Remedy: "copy the webhook token from Chatwork into the account"}
	}
	var in struct {
		Type  string `json:"webhook_event_type"`
		Time  int64  `json:"webhook_event_time"`
		Event struct {
			MessageID     string `json:"message_id"`
			RoomID        int64  `json:"room_id"`
			AccountID     int64  `json:"account_id"`
			FromAccountID int64  `json:"from_account_id"`
			Body          string `json:"body"`
			SendTime      int64  `json:"send_time"`
			UpdateTime    int64  `json:"update_time"`
		} `json:"webhook_event"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Event.MessageID == "" {
		return nil, engawa.Invalid("", "send the webhook as Chatwork does", "the webhook is signed but is not a Chatwork event")
	}
	if ours.MatchString(in.Event.Body) {
		return nil, nil
	}
	typ, known := types[in.Type]
	if !known {
		typ = "chatwork.unknown"
	}
	from := in.Event.AccountID
	if from == 0 {
		from = in.Event.FromAccountID
	}
	said := map[string]any{"room_id": in.Event.RoomID, "message_id": in.Event.MessageID, "account_id": from, "body": in.Event.Body}
	answers := ""
	if at := reply.FindStringSubmatch(in.Event.Body); at != nil && at[1] == strconv.FormatInt(in.Event.RoomID, 10) {
		answers = at[2]
		said["answers"] = answers
	}
	data, err := json.Marshal(said)
	if err != nil {
		return nil, fmt.Errorf("chatwork event: %w", err)
	}
	return []engawa.Event{{
		Type: typ, Known: known, DedupKey: in.Type + ":" + in.Event.MessageID + ":" + strconv.FormatInt(in.Event.UpdateTime, 10),
		Subject: "room:" + strconv.FormatInt(in.Event.RoomID, 10), OccurredAt: time.Unix(in.Time, 0).UTC(), Answers: answers, Data: data, Raw: body,
	}}, nil
}

func sign(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)
}
