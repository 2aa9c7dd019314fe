package chatwork

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/engawa/engawa/internal/channel"
)

// wire holds the calls of one token to the provider's windows where they leave.
// The lane paces by the instants at which it claims. The provider counts those
// at which calls arrive, which come closer together now and then; messages and
// tasks of a room together; and the calls of others, of which only its answers
// tell. A call was counted at some instant between its start and its answer, so
// it is in a window from its start until the window's length after its answer.
type wire struct {
	tokenPer, roomPer time.Duration

	mu     sync.Mutex
	flying []string   // rooms of the calls under way; "" for one that posts nothing
	past   []pastCall // by the instant of their answers
	left   int        // as the last answers say
	resets time.Time  // until when they say so
}

type pastCall struct {
	room string
	at   time.Time // of the answer
}

// patience is how long a call waits in its connection for a window. What waits
// longer goes back to the lane.
const patience = 2 * time.Second

// soon is when to look again whether calls under way were answered.
const soon = 10 * time.Millisecond

// enter waits until a call may go, and counts it; leave must follow. room is ""
// for a call that posts nothing.
func (w *wire) enter(ctx context.Context, room string) *channel.SendError {
	for end := time.Now().Add(patience); ; {
		now := time.Now()
		free, scope := w.try(room, now)
		if !free.After(now) {
			return nil
		}
		if free.After(end) {
			return &channel.SendError{
				Class: channel.Again, Code: "window", After: free.Sub(now), Seen: []channel.Seen{{Scope: scope, ResetsAt: free}},
			}
		}
		select {
		case <-ctx.Done():
			return &channel.SendError{Class: channel.Again, Code: "window"}
		case <-time.After(free.Sub(now)):
		}
	}
}

// try counts a call if it may go at now, and otherwise says when to ask again
// and which limit is full.
func (w *wire) try(room string, now time.Time) (free time.Time, scope string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = slices.DeleteFunc(w.past, func(c pastCall) bool { return !c.at.Add(w.tokenPer).After(now) })
	switch known := w.resets.After(now); {
	case known && w.left <= 0:
		return w.resets, scopeToken
	case known && w.left <= len(w.flying):
		return now.Add(soon), scopeToken // an answer will tell whether those under way were the last
	}
	if n := len(w.past) + len(w.flying); n >= tokenCalls {
		return w.past[0].at.Add(w.tokenPer), scopeToken
	}
	if at := w.roomFree(room, now); at.After(now) {
		return at, scopeRoom
	}
	w.flying = append(w.flying, room)
	return now, ""
}

// roomFree is when the room may be posted to, as far as is known: now, or when
// the oldest of its counted posts leaves the window.
func (w *wire) roomFree(room string, now time.Time) time.Time {
	n, oldest := 0, now.Add(w.roomPer)
	for _, r := range w.flying {
		if r == room {
			n++
		}
	}
	for _, c := range w.past {
		if at := c.at.Add(w.roomPer); c.room == room && at.After(now) {
			n++
			if at.Before(oldest) {
				oldest = at
			}
		}
	}
	if room == "" || n < roomPosts {
		return now
	}
	return oldest
}

// leave notes that a call was answered, and what the answer said of the token.
// Answers may overtake each other, so within one window the least that was said
// holds. A call without an answer may have been counted.
func (w *wire) leave(room string, seen []channel.Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.flying, room); i >= 0 {
		w.flying = slices.Delete(w.flying, i, i+1)
	}
	w.past = append(w.past, pastCall{room, time.Now()})
	i := slices.IndexFunc(seen, func(s channel.Seen) bool { return s.Scope == scopeToken })
	switch {
	case i < 0:
		w.left--
	case seen[i].ResetsAt.After(w.resets):
		w.left, w.resets = seen[i].Remaining, seen[i].ResetsAt
	default:
		w.left = min(w.left, seen[i].Remaining)
	}
}
