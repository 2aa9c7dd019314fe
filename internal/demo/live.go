package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
)

// beat is how often something happens in the living demo.
const beat = 12 * time.Second

// misbehave makes the providers as rude as real ones are.
func (w *world) misbehave() {
	rude := chatworksim.Rude(seed)
	w.rude.Store(&rude)
}

// live keeps events arriving until ctx ends.
func (w *world) live(ctx context.Context, life *history) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := w.happen(ctx, life); err != nil && ctx.Err() == nil {
			return fmt.Errorf("demo: live on: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// happen posts one event about one sample customer, as the shop's system would.
func (w *world) happen(ctx context.Context, life *history) error {
	now := time.Now()
	who := life.rng.IntN(len(life.people))
	c := life.people[who].Customer
	body, err := json.Marshal(map[string]any{
		"id": fmt.Sprintf("live-%d", now.UnixNano()), "type": happenings[life.rng.IntN(len(happenings))], "subject": "contract:" + memberNumber(who),
		"customer": c.ID, "occurred_at": now, "data": json.RawMessage(data(c, who, now)),
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.hubURL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.key.Reveal())
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // the demo posts as any client would
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("POST /v1/events: %s", res.Status)
	}
	return nil
}
