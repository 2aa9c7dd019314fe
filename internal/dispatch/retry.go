package dispatch

import (
	"math/rand/v2"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/refusal"
	"github.com/engawa/engawa/internal/store"
)

// waits is how long to wait after each failed attempt; then daily, until the
// message expires.
var waits = [...]time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// maxAfter is the longest that a provider's Retry-After is obeyed.
const maxAfter = 24 * time.Hour

// backoff is how long to wait after attempt n (from 1): the table ±20 %, so
// that many do not come back together, but never before the provider's after.
func backoff(n int, after time.Duration, jitter float64) time.Duration {
	w := waits[min(max(n, 1), len(waits))-1]
	w += time.Duration(float64(w) * 0.2 * (2*jitter - 1))
	return max(w, min(after, maxAfter))
}

// settle says what the end of an attempt means for its delivery: pure.
func settle(k channel.Kind, c *store.Claimed, r channel.Receipt, err *channel.SendError, now time.Time, jitter float64) store.Result {
	out := store.Result{Claimed: c, EndedAt: now, DueAt: c.Delivery.DueAt}
	if err == nil {
		out.Outcome, out.State, out.ProviderID, out.Exchange = engawa.OutcomeAccepted, engawa.Accepted, r.ProviderID, r.Exchange
		if r.Delivered {
			out.State = engawa.Delivered
		}
		return out
	}
	out.Code, out.Note, out.Exchange, out.Carry = err.Code, err.Code, err.Exchange, err.Carry
	switch err.Class {
	case channel.Again:
		out = again(k, out, err.After, now, jitter)
		return refused(k, out, err.Refusal, now)
	case channel.Ambiguous:
		return ambiguous(k, out, now, jitter)
	case channel.AddressGone:
		out.Suppress = address(k, c, now)
		if c.Delivery.Destination != "" {
			task := store.GoneTask(c.Delivery, now)
			out.Task = &task
		}
	case channel.AccountClosed:
		out.Outcome, out.State, out.DueAt = engawa.OutcomeRetry, engawa.Retrying, now.Add(time.Minute)
		out.PauseUntil, out.PauseCode = now.Add(closedPause), err.Code
		out.Task = &engawa.Task{
			Workspace: c.Delivery.Workspace, Kind: "account.closed", Ref: c.Delivery.Account, DueAt: now.Add(time.Hour),
			Args: map[string]string{"account": c.Delivery.Account, "code": err.Code},
		}
		return out
	case channel.Rejected:
	}
	out.Outcome, out.State, out.GoesOn, out.Asked = engawa.OutcomeFailed, engawa.Failed, true, err.Asked
	return refused(k, out, err.Refusal, now)
}

// refused has what a receiver said of a mail that does not arrive mean the same as if
// it had come back: an event, and by rule the end of the address. While it is tried
// again only a full mailbox means something: it counts for the address.
func refused(k channel.Kind, out store.Result, why *refusal.Refusal, now time.Time) store.Result {
	if why == nil || out.State != engawa.Failed && why.Reason != refusal.Full {
		return out
	}
	c := out.Claimed
	r := store.Refused(*why, store.Handed{Delivery: c.Delivery.ID, Message: c.Message.ID}, now)
	out.Return = &r
	if out.Suppress = nil; r.Suppress != "" {
		out.Suppress = address(k, c, now)
	}
	return out
}

// closedPause is how long a lane waits whose account refused us, unless
// somebody repairs it before: the provider may also be wrong for a while.
const closedPause = time.Hour

// again tries later; a delivery whose time is over before that fails for good.
func again(k channel.Kind, out store.Result, after time.Duration, now time.Time, jitter float64) store.Result {
	out.DueAt = now.Add(backoff(out.Claimed.Delivery.Attempts, after, jitter))
	if end := out.Claimed.Message.ExpiresAt; !end.IsZero() && !out.DueAt.Before(end) {
		out.Outcome, out.State, out.GoesOn, out.Task = engawa.OutcomeFailed, engawa.Failed, true, byHand(k, out.Claimed, "expired", now)
		return out
	}
	out.Outcome, out.State = engawa.OutcomeRetry, engawa.Retrying
	return out
}

// lookUp is the note of a delivery that is looked for before it is sent again.
const lookUp = "look_up"

// noLookUp is the code where nobody but a person can look.
const noLookUp = "no_look_up"

// ambiguous: it may have arrived. The same key settles it where the provider
// remembers keys, a look-up where it can be asked; elsewhere only a person can.
func ambiguous(k channel.Kind, out store.Result, now time.Time, jitter float64) store.Result {
	out.Outcome, out.Doubt = engawa.OutcomeUnknown, true
	due := now.Add(backoff(out.Claimed.Delivery.Attempts, 0, jitter))
	state, note := afterUnknown(k, out.Claimed.Delivery, due)
	if out.Code == noLookUp {
		state = engawa.Unknown
	}
	out.State = state
	if state == engawa.Retrying {
		out.DueAt = due
		if note != "" {
			out.Note = note
		}
		return out
	}
	task := look(k, out.Claimed, now)
	out.Task = &task
	return out
}

// look asks a person what became of a hand-over whose outcome nobody knows: once for
// all of an account, but of a registration through a form each time, since each is
// looked for and may have to be typed in. What was a person's anyway is asked again.
func look(k channel.Kind, c *store.Claimed, now time.Time) engawa.Task {
	task := byHand(k, c, "unknown", now)
	if task == nil {
		return store.UnknownTask(c.Delivery, now)
	}
	if task.Kind == k.Name+"."+channel.Register {
		task.Kind = k.Name + ".unknown"
	}
	return *task
}

// afterUnknown says what becomes of a delivery that may have arrived and would be
// tried again at due: by then the provider must still know its key.
func afterUnknown(k channel.Kind, d engawa.Delivery, due time.Time) (engawa.DeliveryState, string) {
	switch {
	case k.Retry.KeyLife > 0 && due.Before(d.KeyAt.Add(k.Retry.KeyLife)):
		return engawa.Retrying, ""
	case k.Retry.Lookup:
		return engawa.Retrying, lookUp
	}
	return engawa.Unknown, "unknown"
}

// byHand asks a person to do what an account that fills in forms did not get to do
// in time, or perhaps did not do; nil: the kind is another, or nothing need be done.
func byHand(k channel.Kind, c *store.Claimed, why string, now time.Time) *engawa.Task {
	if k.Form == nil {
		return nil
	}
	act, _ := k.Form.Typed(nil, c.Message.Content, "", "")
	if act == "" {
		return nil
	}
	task := &engawa.Task{
		Workspace: c.Delivery.Workspace, Kind: k.Name + "." + act, Ref: c.Message.ID, DueAt: now.Add(24 * time.Hour),
		Args: map[string]string{"account": c.Delivery.Account, "message": c.Message.ID, "why": why}, Listed: act != channel.Register,
	}
	if c.Entry != nil {
		task.Plans = c.Entry.Plans
	}
	return task
}

// address stops where a message went: a customer's address, or a staff place's.
func address(k channel.Kind, c *store.Claimed, now time.Time) *engawa.Suppression {
	if c.Delivery.Destination != "" {
		return &engawa.Suppression{Workspace: c.Delivery.Workspace, Channel: store.StaffPlaces, Address: c.Known.To, Reason: "bounced", At: now}
	}
	return &engawa.Suppression{
		Workspace: c.Delivery.Workspace, Channel: k.Name, Address: c.Known.To, Customer: c.Message.Customer, Reason: "bounced", At: now,
	}
}

func jitter() float64 { return rand.Float64() } //nolint:gosec // spreads load, guards nothing
