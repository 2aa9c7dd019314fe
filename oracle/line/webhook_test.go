package line

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"github.com/engawa/engawa/internal/channel/line/sim"
	"github.com/engawa/engawa/internal/vectors"
)

// hub takes webhooks as the SDK does.
type hub struct {
	mu     sync.Mutex
	secret func() string
	faults []error
	bodies [][]byte
	events []webhook.EventInterface
	bots   []string
}

func (h *hub) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	in := httptest.NewRequest(r.Method, "/in", bytes.NewReader(b))
	for name, v := range r.Header { // as they come over the wire, whatever their case
		in.Header[http.CanonicalHeaderKey(name)] = v
	}
	status := http.StatusOK
	got, err := webhook.ParseRequest(h.secret(), in)
	if err != nil {
		status = http.StatusBadRequest
		h.faults = append(h.faults, err)
	} else {
		h.events, h.bots = append(h.events, got.Events...), append(h.bots, got.Destination)
	}
	h.bodies = append(h.bodies, b)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// listen has the account's webhooks go to a hub.
func (l *line) listen() *hub {
	secret := l.own.Secret
	h := &hub{secret: func() string { return secret }}
	l.Client = &http.Client{Transport: h}
	l.SetWebhook(l.own.ID, "https://hub.example/in")
	return h
}

// TestVector: the signature of the reference's example, by the SDK and by the simulator.
func TestVector(t *testing.T) {
	const secret, body, signature = "8c570fa6dd201bb328f1c1eac23a96d8", `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`, "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
	if !webhook.ValidateSignature(secret, signature, []byte(body)) || sim.Sign(secret, []byte(body)) != signature {
		t.Error("another signature")
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"destination":"U"}`))
	r.Header.Set("X-Line-Signature", sim.Sign(secret, []byte(`{"destination":"U"}`)))
	if got, err := webhook.ParseRequest(secret, r); err != nil || len(got.Events) != 0 {
		t.Errorf("no events: %v %v", got, err)
	}
}

// TestWebhooks: the SDK reads every event, and finds in it what a person did.
func TestWebhooks(t *testing.T) {
	l := open(t)
	h := l.listen()
	who, user := l.friend("葵")
	thief, _ := l.friend("空")
	id, err := l.Write(who, l.own.ID, "こんにちは")
	l.must(err)
	l.must(l.Unsend(who, l.own.ID, id))
	_, err = l.api.PushMessage(&messaging_api.PushMessageRequest{To: user, Messages: []messaging_api.MessageInterface{&messaging_api.TemplateMessage{
		AltText: "a", Template: &messaging_api.ButtonsTemplate{Text: "a", Actions: []messaging_api.ActionInterface{&messaging_api.PostbackAction{Label: "移る", Data: "engawa:move"}}},
	}}}, "")
	l.must(err)
	in := l.Inbox(who, l.own.ID)
	_, err = l.Tap(who, l.own.ID, in[len(in)-1].ID, 0)
	l.must(err)
	for _, person := range []string{who, thief} {
		token, err := l.api.IssueLinkToken(user)
		l.must(err)
		_, _ = l.Open(person, "https://access.line.me/dialog/bot/accountLink?"+url.Values{"linkToken": {token.LinkToken}, "nonce": {"0123456789"}}.Encode(), true) // the thief's fails
	}
	l.must(l.Block(who, l.own.ID))
	l.must(l.Follow(who, l.own.ID))
	l.Standby(l.own.ID, true)
	_, err = l.Write(who, l.own.ID, "module")
	l.must(err)
	l.Settle()
	if len(h.faults) > 0 {
		t.Fatal(h.faults)
	}
	var got []string
	reply := ""
	for _, e := range h.events {
		line := fmt.Sprintf("%T", e)
		switch e := e.(type) {
		case webhook.FollowEvent:
			line += fmt.Sprint(" ", e.Follow.IsUnblocked, e.ReplyToken != "")
		case webhook.MessageEvent:
			if m, ok := e.Message.(webhook.TextMessageContent); ok {
				line += fmt.Sprint(" ", m.Text, " ", e.Mode, " ", e.ReplyToken != "", " ", e.Source.(webhook.UserSource).UserId == user)
			}
		case webhook.UnsendEvent:
			line += fmt.Sprint(" ", e.Unsend.MessageId == id)
		case webhook.PostbackEvent:
			line += " " + e.Postback.Data
			reply = e.ReplyToken
		case webhook.AccountLinkEvent:
			line += fmt.Sprint(" ", e.Link.Result, e.Source != nil)
		}
		got = append(got, strings.TrimPrefix(line, "webhook."))
	}
	want := []string{
		"FollowEvent false true", "FollowEvent false true", "MessageEvent こんにちは active true true", "UnsendEvent true", "PostbackEvent engawa:move",
		"AccountLinkEvent oktrue", "AccountLinkEvent failedfalse", "UnfollowEvent", "FollowEvent true true", "MessageEvent module standby false true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Contains(h.bots, l.own.UserID) {
		t.Errorf("%q", h.bots)
	}
	_, err = l.api.ReplyMessage(&messaging_api.ReplyMessageRequest{ReplyToken: reply, Messages: hello})
	l.must(err)
	_, err = l.api.ReplyMessage(&messaging_api.ReplyMessageRequest{ReplyToken: reply, Messages: hello})
	l.refused(err, 400, "Invalid reply token")
	l.schema(h)
	if _, err := l.Forge(l.own.ID); err != nil || len(h.faults) != 1 || h.faults[0] != webhook.ErrInvalidSignature { //nolint:errorlint // the SDK's own
		t.Errorf("%v %v", h.faults, err)
	}
}

// schema holds the bodies against LINE's description of webhooks.
func (l *line) schema(h *hub) {
	l.Helper()
	dir := vectors.Path(l.T, "specs", "line")
	if dir == "" {
		return
	}
	s := read(l.T, dir, "webhook").doc.Components.Schemas["CallbackRequest"].Value
	for _, b := range h.bodies {
		v, err := jsonOf(b)
		if err == nil {
			err = s.VisitJSON(v, openapi3.MultiErrors())
		}
		if err != nil {
			l.Errorf("%s: %v", b, err)
		}
	}
}

// TestRudeWebhooks: names in any order, unknown fields and events: the SDK reads
// them all.
func TestRudeWebhooks(t *testing.T) {
	l := open(t)
	l.Polite = false
	l.Answer = func(*http.Request) (int, bool) { return 0, false }
	h := l.listen()
	unknown := 0
	for range 60 {
		l.friend("葵")
		l.Settle()
	}
	for _, e := range h.events {
		switch e := e.(type) {
		case webhook.FollowEvent:
			if e.WebhookEventId == "" || e.ReplyToken == "" {
				t.Errorf("%+v", e)
			}
		case webhook.UnknownEvent:
			unknown++
		default:
			t.Errorf("%T", e)
		}
	}
	if len(h.faults) > 0 || len(h.events)-unknown != 60 || unknown == 0 {
		t.Errorf("%d events, %d unknown, %v", len(h.events), unknown, h.faults)
	}
}
