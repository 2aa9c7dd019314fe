package sim

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa/internal/look"
)

// Hook is where the account's webhooks go. The zero Hook sends none.
type Hook struct {
	URL    string
	Token  string // base64: the key that signs, once decoded
	Client *http.Client
	// Mentions is whether the account is told of posts to it by name too:
	// mention_to_me, beside message_created and message_updated.
	Mentions bool
}

// hookHealth is how the webhook's latest deliveries went. The provider switches
// a webhook off that fails too often; its user switches it on again.
type hookHealth struct {
	went []bool
	off  bool
}

const hookLooksAt = 20 // deliveries

// Say lets the person at the page post to a room, and sends the webhook for it:
// once, as the provider does, whatever the answer.
func (s *Server) Say(id int64, body string) error {
	s.mu.Lock()
	to := s.rooms[id]
	if to == nil {
		s.mu.Unlock()
		return fmt.Errorf("there is no room %d", id)
	}
	m := s.add(to, person, body, s.now())
	s.mu.Unlock()
	err := s.Deliver(id, m, "")
	if s.Hook.Mentions && strings.Contains(body, fmt.Sprintf("[To:%d]", bot.ID)) {
		err = cmp.Or(err, s.told(func() error { return s.Hook.send("mention_to_me", id, m, s.Hook.Token) }))
	}
	return err
}

// Edit lets the person change one of their posts, which the webhook tells too.
func (s *Server) Edit(id int64, m Message, body string) error {
	s.mu.Lock()
	to := s.rooms[id]
	if to == nil {
		s.mu.Unlock()
		return fmt.Errorf("there is no room %d", id)
	}
	i := slices.IndexFunc(to.list, func(o Message) bool { return o.ID == m.ID && o.Author == person })
	if i < 0 {
		s.mu.Unlock()
		return errors.New("there is no such message of the person's")
	}
	to.list[i].Body, to.list[i].Update = body, s.now().Unix()
	m = to.list[i]
	s.mu.Unlock()
	return s.Deliver(id, m, "")
}

// Reply lets the person answer to a message in its thread.
func (s *Server) Reply(id int64, to Message, body string) error {
	return s.Say(id, fmt.Sprintf("[rp aid=%d to=%d-%s]%s\n%s", to.Author.ID, id, to.ID, to.Author.Name, body))
}

// Deliver sends the webhook of a message, signed with the hook's token, or with
// another one to see a bad signature refused; the same message again is a replay.
func (s *Server) Deliver(id int64, m Message, token string) error {
	kind := "message_created"
	if m.Update > 0 {
		kind = "message_updated"
	}
	return s.told(func() error { return s.Hook.send(kind, id, m, cmp.Or(token, s.Hook.Token)) })
}

// told sends a webhook, unless there is none or it is off, and counts how it went.
func (s *Server) told(send func() error) error {
	if s.Hook.URL == "" || s.HookOff() {
		return nil
	}
	err := send()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.went = append(s.hooks.went, err == nil)
	s.hooks.went = s.hooks.went[max(0, len(s.hooks.went)-hookLooksAt):]
	bad := 0
	for _, ok := range s.hooks.went {
		if !ok {
			bad++
		}
	}
	s.hooks.off = len(s.hooks.went) == hookLooksAt && bad*2 > hookLooksAt
	return err
}

// HookOff reports whether the webhook was switched off for its errors.
func (s *Server) HookOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooks.off
}

func (h Hook) send(kind string, id int64, m Message, token string) error {
	key, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return errors.New("the webhook token is not base64")
	}
	event := map[string]any{"message_id": m.ID, "room_id": id, "account_id": m.Author.ID, "body": m.Body, "send_time": m.Sent, "update_time": m.Update}
	if kind == "mention_to_me" {
		delete(event, "account_id")
		event["from_account_id"], event["to_account_id"] = m.Author.ID, bot.ID
	}
	body, err := json.Marshal(map[string]any{
		"webhook_setting_id": "12345", "webhook_event_type": kind, "webhook_event_time": max(m.Sent, m.Update), "webhook_event": event,
	})
	if err != nil {
		return fmt.Errorf("write the webhook: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	req, err := http.NewRequest(http.MethodPost, h.URL, bytes.NewReader(body)) //nolint:noctx // h.Client has a time-out
	if err != nil {
		return fmt.Errorf("make the webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	sum := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	req.Header.Set("X-Chatworkwebhooksignature", sum)
	req.URL.RawQuery = url.Values{"chatwork_webhook_signature": {sum}}.Encode()
	res, err := h.Client.Do(req)
	if err != nil {
		return fmt.Errorf("send the webhook: %w", err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, io.LimitReader(res.Body, 2049)); err != nil || res.StatusCode != http.StatusOK || n > 2048 {
		return fmt.Errorf("the webhook was answered %d with %d bytes; 200 and at most 2048 are expected", res.StatusCode, n)
	}
	return nil
}

// sayForm takes the form of the page.
func (s *Server) sayForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	id, err := strconv.ParseInt(r.PostFormValue("room"), 10, 64)
	body := r.PostFormValue("body")
	if err != nil || strings.TrimSpace(body) == "" || !utf8.ValidString(body) || utf8.RuneCountInString(body) > maxBody {
		http.Error(w, "a room and 1 to 65535 characters, please", http.StatusBadRequest)
		return
	}
	if err := s.Say(id, body); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/?lang="+look.Language(r), http.StatusSeeOther)
}
