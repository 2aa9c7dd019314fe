package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync/atomic"
)

// handover is what one claim let go. Its row names the deliveries that may be
// under way, for whoever takes the lane over; it goes when the last of them is
// recorded.
type handover struct {
	id   string
	left atomic.Int64 // deliveries whose outcome is not recorded yet
}

// openHandover stores the claim's handover.
func (t *tx) openHandover(w *writes) error {
	if len(w.going) == 0 {
		return nil
	}
	ids := make([]string, len(w.going))
	for i, c := range w.going {
		ids[i] = c.Delivery.ID
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	// By its first attempt: a delivery may be the first of several claims at once.
	first := w.going[0].Delivery
	w.with.id = fmt.Sprintf("%s.%d", first.ID, first.Attempts)
	w.with.left.Store(int64(len(ids)))
	_, err = t.exec(`INSERT INTO handover (workspace, account, id, fence, deliveries) VALUES ($1, $2, $3, $4, $5)`,
		w.lane.Workspace, w.lane.Account, w.with.id, w.lane.Fence, string(text))
	return err
}

// closeHandovers takes away the handovers of which rs are the last, and returns
// what to do once that is committed. What came late is not ours to close: its
// delivery is under way until the lane's next holder has settled it.
func (t *tx) closeHandovers(l Lane, rs []Result, ours []bool) (done func(), err error) {
	ended := map[*handover]int64{}
	for i := range rs {
		if h := rs[i].Claimed.with; h != nil && ours[i] {
			ended[h]++
		}
	}
	var over []string
	for h, n := range ended {
		if h.left.Load() == n {
			over = append(over, h.id)
		}
	}
	done = func() {
		for h, n := range ended {
			h.left.Add(-n)
		}
	}
	return done, t.forgetHandovers(l, over)
}

func (t *tx) forgetHandovers(l Lane, handovers []string) error {
	if len(handovers) == 0 {
		return nil
	}
	_, err := t.exec(`DELETE FROM handover WHERE workspace = $1 AND account = $2 AND id {in $3}`, l.Workspace, l.Account, t.list(handovers))
	return err
}

// underWay lists the handovers of a lane by holders before fence, and the
// deliveries that they name: those in sending have no end yet.
func (t *tx) underWay(workspace, account string, fence int64) (handovers, deliveries []string, err error) {
	lists, err := all(t, func(scan func(...any) error) (text string, err error) {
		var id string
		err = scan(&id, &text)
		handovers = append(handovers, id)
		return text, err
	}, `SELECT id, deliveries FROM handover WHERE workspace = $1 AND account = $2 AND fence < $3 ORDER BY id`, workspace, account, fence)
	if err != nil {
		return nil, nil, err
	}
	for i, text := range lists {
		var ids []string
		if err := json.Unmarshal([]byte(text), &ids); err != nil {
			return nil, nil, fmt.Errorf("handover %s: %w", handovers[i], err)
		}
		deliveries = append(deliveries, ids...)
	}
	return handovers, deliveries, nil
}

// Sending counts a lane's open hand-overs.
func (s *Store) Sending(ctx context.Context, workspace, account string) (n int64, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		_, ids, err := t.underWay(workspace, account, math.MaxInt64)
		if err != nil || len(ids) == 0 {
			return err
		}
		n, err = one(t, scanInt, `SELECT count(*) FROM delivery WHERE workspace = $1 AND id {in $2} AND state = 'sending'`, workspace, t.list(ids))
		return err
	})
	return n, err
}
