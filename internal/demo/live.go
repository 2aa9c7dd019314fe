package demo

import (
	"context"
	"encoding/json"
	"fmt"
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
	tick := time.NewTicker(w.beat)
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

// happen posts one event about one sample customer, as the shop's system or the
// App Store would.
func (w *world) happen(ctx context.Context, life *history) error {
	if life.rng.IntN(4) == 0 {
		w.bustle(life)
		return nil
	}
	now := time.Now()
	who := life.rng.IntN(len(life.people))
	c := life.people[who].Customer
	event := map[string]any{
		"id": fmt.Sprintf("live-%d", now.UnixNano()), "type": happenings[life.rng.IntN(len(happenings))], "subject": "contract:" + memberNumber(who),
		"customer": c.ID, "occurred_at": now, "data": json.RawMessage(data(c, who, now)),
	}
	var taken struct{ ID string }
	return w.post(ctx, "/v1/events", event, &taken)
}
