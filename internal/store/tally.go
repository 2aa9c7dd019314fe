package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Tally is what happened in a workspace since an instant.
type Tally struct {
	Events, EventsBefore int // received since, and in the time of the same length before
	Hours                []HourTally
	Gates                map[engawa.Gate]int // refused messages by the gate that decided
}

// HourTally counts the messages made in one hour, by their state now.
type HourTally struct {
	At     time.Time
	States map[engawa.MessageState]int
}

// Tally counts what happened since an instant. Hours in which nothing was made are left out.
func (s *Store) Tally(ctx context.Context, workspace string, since time.Time) (out Tally, err error) {
	out.Gates = map[engawa.Gate]int{}
	before := since.Add(-time.Since(since))
	err = s.view(ctx, workspace, func(t *tx) error {
		if err := t.tallyEvents(&out, workspace, before, since); err != nil {
			return fmt.Errorf("tally events: %w", err)
		}
		if err := t.tallyMessages(&out, workspace, since); err != nil {
			return fmt.Errorf("tally messages: %w", err)
		}
		return nil
	})
	return out, err
}

// tallyEvents reads the ids from before on, which are in the order of time:
// eight milliseconds more than needed, and received_at decides.
func (t *tx) tallyEvents(out *Tally, workspace string, before, since time.Time) error {
	from := engawa.NewOrderedID(engawa.PrefixEvent, before)[:len(engawa.PrefixEvent)+1+9]
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		return struct{}{}, scan(&out.Events, &out.EventsBefore)
	}, `SELECT count(CASE WHEN received_at >= $4 THEN 1 END), count(CASE WHEN received_at >= $3 AND received_at < $4 THEN 1 END)
		FROM event WHERE workspace = $1 AND id >= $2`, workspace, from, us(before), us(since))
	return err
}

func (t *tx) tallyMessages(out *Tally, workspace string, since time.Time) error {
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var hour int64
		var state engawa.MessageState
		var gate engawa.Gate
		var n int
		if err := scan(&hour, &state, &gate, &n); err != nil {
			return struct{}{}, err
		}
		start := time.Unix(hour*3600, 0).UTC()
		if k := len(out.Hours); k == 0 || !out.Hours[k-1].At.Equal(start) {
			out.Hours = append(out.Hours, HourTally{At: start, States: map[engawa.MessageState]int{}})
		}
		out.Hours[len(out.Hours)-1].States[state] += n
		if state == engawa.MessageRefused {
			out.Gates[gate] += n
		}
		return struct{}{}, nil
	}, `SELECT created_at / 3600000000, `+messageState+`, gate, count(*) FROM message
		WHERE workspace = $1 AND created_at >= $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, workspace, us(since))
	return err
}
