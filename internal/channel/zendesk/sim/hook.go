package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa/internal/look"
)

// Hook is where the account's webhooks go. The zero Hook sends none.
type Hook struct {
	URL    string
	Secret string // signs them
	Client *http.Client
}

// SetStatus is the agent changing a ticket's status, with the webhook for it.
func (s *Server) SetStatus(id int64, status string) error {
	if !slices.Contains(statuses, status) {
		return fmt.Errorf("there is no status %q", status)
	}
	s.mu.Lock()
	t := s.find(strconv.FormatInt(id, 10))
	if t == nil {
		s.mu.Unlock()
		return errors.New("there is no such ticket")
	}
	before := t.Status
	t.Status, t.UpdatedAt = status, s.now().UTC()
	now := *t
	s.mu.Unlock()
	if before == status {
		return nil
	}
	return s.Hook.send(now, "status_changed", map[string]any{"current": strings.ToUpper(status), "previous": strings.ToUpper(before)})
}

// Say is the agent writing a comment on a ticket, with the webhook for it.
func (s *Server) Say(id int64, body string, public bool) error {
	s.mu.Lock()
	t := s.find(strconv.FormatInt(id, 10))
	if t == nil {
		s.mu.Unlock()
		return errors.New("there is no such ticket")
	}
	c := Comment{ID: s.id(), Author: agent.Name, Staff: true, Public: public, Body: body, At: s.now().UTC()}
	t.Comments, t.UpdatedAt = append(t.Comments, c), c.At
	now := *t
	s.mu.Unlock()
	return s.Hook.send(now, "comment_added", map[string]any{"comment": map[string]any{
		"id": strconv.FormatInt(c.ID, 10), "body": c.Body, "is_public": c.Public,
		"author": map[string]any{"id": strconv.FormatInt(agent.ID, 10), "is_staff": true, "name": agent.Name},
	}})
}

// send posts one event of a subscription, ids as texts and the status in
// capitals, as Zendesk does.
func (h Hook) send(t Ticket, typ string, event map[string]any) error {
	if h.URL == "" {
		return nil
	}
	detail := map[string]any{
		"id": strconv.FormatInt(t.ID, 10), "external_id": t.External, "status": strings.ToUpper(t.Status), "subject": t.Subject,
		"requester_id": strconv.FormatInt(t.Requester, 10), "tags": t.Tags, "created_at": t.CreatedAt, "updated_at": t.UpdatedAt,
	}
	body, err := json.Marshal(map[string]any{
		"account_id": 22129848, "detail": detail, "event": event, "id": rand.Text(), "subject": fmt.Sprintf("zen:ticket:%d", t.ID),
		"time": t.UpdatedAt, "type": "zen:event-type:ticket." + typ, "zendesk_event_version": "2022-11-06",
	})
	if err != nil {
		return fmt.Errorf("write the webhook: %w", err)
	}
	return h.post(body, time.Now())
}

// post signs a body as sent at an instant and posts it.
func (h Hook) post(body []byte, at time.Time) error {
	req, err := http.NewRequest(http.MethodPost, h.URL, bytes.NewReader(body)) //nolint:noctx // h.Client has a time-out
	if err != nil {
		return fmt.Errorf("make the webhook: %w", err)
	}
	stamp := at.UTC().Format(time.RFC3339)
	mac := hmac.New(sha256.New, []byte(h.Secret))
	mac.Write([]byte(stamp))
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-Zendesk-Webhook-Signature-Timestamp", stamp)
	res, err := h.Client.Do(req)
	if err != nil {
		return fmt.Errorf("send the webhook: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096)) // only the status counts
	if res.StatusCode >= 300 {
		return fmt.Errorf("the webhook was answered %d", res.StatusCode)
	}
	return nil
}

// statusForm and commentForm take the forms of the board.
func (s *Server) statusForm(w http.ResponseWriter, r *http.Request) {
	s.form(w, r, func(id int64) error { return s.SetStatus(id, r.PostFormValue("status")) })
}

func (s *Server) commentForm(w http.ResponseWriter, r *http.Request) {
	s.form(w, r, func(id int64) error {
		body := r.PostFormValue("body")
		if strings.TrimSpace(body) == "" || !utf8.ValidString(body) || len(body) > maxComment {
			return errors.New("a comment has 1 to 65536 bytes")
		}
		return s.Say(id, body, r.PostFormValue("public") == "true")
	})
}

func (s *Server) form(w http.ResponseWriter, r *http.Request, do func(id int64) error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	id, err := strconv.ParseInt(r.PostFormValue("ticket"), 10, 64)
	if err == nil {
		err = do(id)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/?lang="+look.Language(r), http.StatusSeeOther)
}
