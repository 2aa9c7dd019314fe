package smaregi

import (
	"cmp"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Standing is how a contract stands after all that was said of it. It names nobody.
type Standing struct {
	State engawa.SubscriptionState `json:"state,omitempty"` // empty: nothing was said
	Plan  string                   `json:"plan,omitempty"`
	Day   string                   `json:"day,omitempty"`   // of the word by which it stands so
	Since string                   `json:"since,omitempty"` // the day on which it started
	Until string                   `json:"until,omitempty"` // the day on which it ended
	Last  string                   `json:"last,omitempty"`  // digest of the last word
	Words int                      `json:"words,omitempty"` // how many were said
	Doubt Doubt                    `json:"doubt,omitempty"` // what does not go together; the list settles it
	// AbsentAt is when the list first lacked it since the last word; zero: it did not.
	AbsentAt time.Time `json:"absent_at,omitzero"`
}

// Doubt is why the words about a contract do not go together.
type Doubt string

// The doubts.
const (
	EndedFirst   Doubt = "ended_first"   // it started on the day on which its end had been told: which came first?
	StartedTwice Doubt = "started_twice" // it started while it ran
	EndedTwice   Doubt = "ended_twice"   // another end of what had ended
	Unheard      Doubt = "unheard"       // something changed of what was never said to have started
	OfEnded      Doubt = "of_ended"      // something changed of what had ended
	NotStopped   Doubt = "not_stopped"   // a stop was taken back that was never told
)

// Hear is how the contract stands after a word that came today. Of two days the later
// one counts, but a day to come does not make what is said of today a late word.
// Inside a day nothing tells the order, so the word that arrives later counts, and
// what does not go together is doubted. again: it is the last word once more, which
// changes nothing.
func (s Standing) Hear(w Word, today string) (next Standing, again bool) {
	if w.Digest == s.Last {
		return s, true
	}
	next = s
	next.Last, next.Words, next.AbsentAt = w.Digest, s.Words+1, time.Time{}
	on := cmp.Or(w.Day, today)
	if on < min(s.Day, today) {
		return next, false // a word of an earlier day that came late
	}
	if doubt := s.doubts(w, on); doubt != "" {
		next.Doubt = doubt
	}
	if s.State == engawa.SubscriptionExpired && w.Action != "start" {
		return next, false // only a start begins anew what has ended
	}
	next.Day, next.Plan = on, cmp.Or(w.Plan, s.Plan)
	if s.Since == "" {
		next.Since = on
	}
	next.turn(w.Action, on)
	return next, false
}

// turn changes the state by an action.
func (s *Standing) turn(action, on string) {
	switch {
	case action == "start":
		if s.State != engawa.SubscriptionActive {
			s.Since = on
		}
		s.State, s.Until = engawa.SubscriptionActive, ""
	case action == "end":
		s.State, s.Until = engawa.SubscriptionExpired, on
	case action == "force-stop":
		s.State = engawa.SubscriptionSuspended
	case action == "cancel-force-stop" || s.State == "":
		s.State = engawa.SubscriptionActive
	}
}

func (s Standing) doubts(w Word, on string) Doubt {
	switch {
	case w.Recovered:
		return ""
	case w.Action == "start" && s.State == engawa.SubscriptionExpired && on == s.Day:
		return EndedFirst
	case w.Action == "start" && (s.State == engawa.SubscriptionActive || s.State == engawa.SubscriptionSuspended):
		return StartedTwice
	case w.Action == "start":
		return ""
	case s.State == "":
		return Unheard
	case w.Action == "end" && s.State == engawa.SubscriptionExpired:
		return EndedTwice
	case s.State == engawa.SubscriptionExpired:
		return OfEnded
	case w.Action == "cancel-force-stop" && s.State != engawa.SubscriptionSuspended:
		return NotStopped
	}
	return ""
}

// Key is the key of the event of a word after which the contract stands so: the same
// words said again on another occasion are another event.
func (s Standing) Key() string { return fmt.Sprintf("%s/%d", s.Last, s.Words) }

// noPlan is the product of a contract of which no plan was said.
const noPlan = "smaregi"

// Subscription is what the subscriber list has of the contract. It ends with its last day.
func (s Standing) Subscription(environment string) engawa.Subscription {
	b := engawa.Subscription{Product: cmp.Or(s.Plan, noPlan), State: s.State, StartsAt: dayBegins(s.Since), Environment: environment}
	if s.Until != "" {
		b.EndsAt = dayBegins(s.Until).Add(24*time.Hour - time.Second)
	}
	return b
}
