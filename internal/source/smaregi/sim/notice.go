package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Patience is how long the receiver may take for an answer.
const Patience = 3 * time.Second

// Actions are all that a notice may tell.
var Actions = []string{"start", "end", "change-plan", "change-options", "force-stop", "cancel-force-stop"}

// Hook is where notices go, and what the developer entered for them.
type Hook struct {
	URL           string
	Header, Value string
	Client        *http.Client
}

// Notice is one notice and how it was received.
type Notice struct {
	Contract   string `json:"contract"`
	Action     string `json:"action"`
	Status     int    `json:"status"`               // 0: no answer in time
	Violations string `json:"violations,omitempty"` // what Smaregi asks and did not get
}

// Body is a notice about a contract as it stands, on a day.
func (s *Server) Body(contract, action, day string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]any{"contractId": contract, "event": "AppSubscription", "action": action, "date": day, "clientId": s.App.ID}
	if c := s.find(contract); c != nil && c.Plan != "" {
		m["plan"] = map[string]any{"name": c.Plan, "price": 3000, "unit_price": 1000, "quantity": 3, "trial_days": 15}
	}
	if action == "change-options" {
		m["options"] = []any{map[string]any{"name": "5店舗追加", "price": 500, "unit_price": 100, "quantity": 5}}
	}
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // the map is our own
	}
	return body
}

// Act changes a contract as an action does and tells of it.
func (s *Server) Act(ctx context.Context, contract, action, day string) error {
	s.Change(contract, func(c *Contract) {
		switch action {
		case "start", "cancel-force-stop":
			c.State = "active"
		case "end", "force-stop":
			c.State = action
		}
	})
	return s.Send(ctx, contract, action, s.Body(contract, action, day))
}

// notice is a notice to be sent.
type notice struct {
	contract, action string
	body             []byte
}

// Send posts a notice, or what is due with it. Nothing is sent again for its answer.
func (s *Server) Send(ctx context.Context, contract, action string, body []byte) error {
	var errs []error
	for _, x := range s.due(notice{contract, action, body}) {
		n := Notice{Contract: x.contract, Action: x.action}
		errs = append(errs, s.post(ctx, x.contract, x.body, &n))
		s.mu.Lock()
		s.sent = append(s.sent, n)
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// due is what goes now: of two, where it is asked to be rude, the later one first, and
// both twice. One that no other follows is lost.
func (s *Server) due(x notice) []notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := append([]notice{x}, s.held...)
	s.held = nil
	switch {
	case !s.Rude:
		return pair
	case len(pair) == 1:
		s.held = pair
		return nil
	}
	return append(pair, pair...)
}

func (s *Server) post(ctx context.Context, contract string, body []byte, n *Notice) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Hook.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header["smaregi-contract-id"] = []string{contract} // in small letters, as Smaregi writes them
	req.Header["smaregi-event"] = []string{"AppSubscription"}
	if s.Hook.Header != "" {
		req.Header.Set(s.Hook.Header, s.Hook.Value)
	}
	res, err := s.Hook.Client.Do(req)
	if err != nil {
		n.Violations = "no answer within 3 seconds"
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	n.Status = res.StatusCode
	switch {
	case err != nil:
		n.Violations = "the answer broke off"
	case res.StatusCode != http.StatusOK:
		n.Violations = "the status is not 200"
	case len(answer) > 0:
		n.Violations = "the body is not empty"
	default:
		return nil
	}
	return errors.New(n.Violations)
}

// Sent returns what was sent, oldest first.
func (s *Server) Sent() []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Notice(nil), s.sent...)
}
