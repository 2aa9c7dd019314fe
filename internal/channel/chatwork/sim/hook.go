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
	return s.Deliver(id, m, "")
}

// Reply lets the person answer to a message in its thread.
func (s *Server) Reply(id int64, to Message, body string) error {
	return s.Say(id, fmt.Sprintf("[rp aid=%d to=%d-%s]%s\n%s", to.Author.ID, id, to.ID, to.Author.Name, body))
}

// Deliver sends the webhook of a message, signed with the hook's token, or with
// another one to see a bad signature refused; the same message again is a replay.
func (s *Server) Deliver(id int64, m Message, token string) error {
	s.mu.Lock()
	off := s.hooks.off
	s.mu.Unlock()
	if s.Hook.URL == "" || off {
		return nil
	}
	err := s.Hook.send(id, m, cmp.Or(token, s.Hook.Token))
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

func (h Hook) send(id int64, m Message, token string) error {
	key, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return errors.New("the webhook token is not base64")
	}
	body, err := json.Marshal(map[string]any{
		"webhook_setting_id": "12345", "webhook_event_type": "message_created", "webhook_event_time": m.Sent,
		"webhook_event": map[string]any{
			"message_id": m.ID, "room_id": id, "account_id": m.Author.ID, "body": m.Body, "send_time": m.Sent, "update_time": 0,
		},
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
