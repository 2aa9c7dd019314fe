package serve

import (
	"context"
	"time"
)

// How long the watch over due times sleeps: until the next of them, which may be
// moved or be another node's, so a minute at most; and a second at least, since
// another node may hold what is due.
const (
	remindMost  = time.Minute
	remindLeast = time.Second
)

// remind has tasks told of when they are due soon and when they are overdue,
// until ctx ends. On several nodes each does: the journal keeps one of each.
func (h *Hub) remind(ctx context.Context) {
	for {
		next, err := h.Store.Remind(ctx)
		if err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "tasks not told of yet", "error", err)
		}
		select {
		case <-time.After(untilNext(next, time.Now())):
		case <-ctx.Done():
			return
		}
	}
}

// untilNext is how long to sleep before next; zero: nothing is due.
func untilNext(next, now time.Time) time.Duration {
	if next.IsZero() {
		return remindMost
	}
	return min(max(next.Sub(now), remindLeast), remindMost)
}
