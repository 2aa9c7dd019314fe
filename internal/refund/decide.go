package refund

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

const (
	// AlarmAt is how long before its end a person is told of a case without an answer.
	AlarmAt = 3 * time.Hour
	// lease is how long a node has for sending before another does it again, which
	// harms nothing: a later answer replaces an earlier one.
	lease = 2 * time.Minute
	// wait is how long to wait after a failure, times its number.
	wait     = time.Minute
	longWait = 15 * time.Minute
)

// Decide says what becomes of a case now; nil: nothing. A case that comes back as
// engawa.RefundSending is to be sent by whoever asked, and recorded with [Record].
func Decide(f store.RefundFacts, now time.Time) (*store.RefundChange, error) {
	c := f.Case
	k, err := Read(c)
	if err != nil {
		return nil, err
	}
	change := &store.RefundChange{Case: c}
	switch {
	case c.State != engawa.RefundOpen || f.Purchase.Facts == nil:
		change.Case.NextAt = time.Time{}
		return change, nil // the rest stays as it was
	case !now.Before(c.DueAt):
		return change, k.miss(change, now)
	}
	p, err := Look(f, now)
	if err != nil {
		return nil, err
	}
	return change, k.settle(change, p, now)
}

// sending reports that a node is sending an answer right now. What comes meanwhile
// is looked at when it is recorded.
func sending(c engawa.RefundCase, k Facts, now time.Time) bool {
	return c.Answer == engawa.RefundSending && k.Try != nil && now.Before(k.Try.At.Add(lease))
}

// miss ends what no answer can reach any more.
func (k Facts) miss(change *store.RefundChange, now time.Time) error {
	c := &change.Case
	c.NextAt = time.Time{}
	if inRound(*c, k.Sent) || c.Answer == engawa.RefundIgnored {
		return nil
	}
	k.add(Line{At: now, What: DidMiss, Why: c.Why})
	c.Answer, change.Ended, k.Try = engawa.RefundLate, true, nil
	return k.write(c)
}

// settle brings a case within its time to where a plan has it.
func (k Facts) settle(change *store.RefundChange, p Plan, now time.Time) error {
	c := &change.Case
	sent := inRound(*c, k.Sent)
	switch {
	case sent && (p.Act == Ignore || p.Why != "" || k.Sent.Answer.same(p.Answer)):
		c.Answer, c.Why, c.NextAt = engawa.RefundSent, "", time.Time{} // what was sent stands
	case p.Act == Ignore:
		c.Answer, c.Why, c.NextAt, change.Ended = engawa.RefundIgnored, "", time.Time{}, true
		k.add(Line{At: now, What: DidIgnore, By: p.By, Reason: p.Reason, Rule: p.Rule, Version: p.Version})
	case p.Consent.Given == nil:
		c.Answer, c.Why = engawa.RefundNoConsent, p.Why
		k.add(Line{At: now, What: DidWithhold, Why: p.Why})
		k.watch(change, now)
	case p.Act == Propose:
		c.Answer, c.Why = engawa.RefundProposed, p.Why
		k.add(Line{At: now, What: DidPropose, Why: p.Why, Rule: p.Rule, Version: p.Version})
		k.watch(change, now)
	case inRound(*c, k.Refused) && k.Refused.Answer.same(p.Answer) && (k.Choice == nil || !k.Choice.At.After(k.Refused.At)):
		c.Answer, c.Why = engawa.RefundRefused, WhyRefused
		k.watch(change, now)
	default:
		a := p.Answer
		k.Try = &Line{At: now, What: DidSend, By: p.By, Reason: p.Reason, Answer: &a, Consent: p.Consent.Given.ID, Rule: p.Rule, Version: p.Version}
		c.Answer, c.Why, c.NextAt = engawa.RefundSending, "", now.Add(lease)
	}
	return k.write(c)
}

// watch has a case looked at when a person is to be told and when it is over, and
// tells the person if it is time: once in a round.
func (k *Facts) watch(change *store.RefundChange, now time.Time) {
	c := &change.Case
	alarm := c.DueAt.Add(-AlarmAt)
	switch {
	case !c.AlarmedAt.IsZero():
		c.NextAt = c.DueAt
	case now.Before(alarm):
		c.NextAt = alarm
	default:
		c.AlarmedAt, c.NextAt = now, c.DueAt
		k.add(Line{At: now, What: DidAlarm, Why: c.Why})
		change.Alarm = &engawa.Task{
			Workspace: c.Workspace, Kind: store.RefundTask, Ref: c.ID, Customer: c.Customer, DueAt: c.DueAt,
			Args: map[string]string{"refund": c.ID, "customer": c.Customer, "product": c.Product, "requests": strconv.Itoa(c.Requests)},
		}
	}
}

// Record says what becomes of a case that was sent, by what the store said; nil:
// somebody else has recorded it.
func Record(f store.RefundFacts, said error, now time.Time) (*store.RefundChange, error) {
	c := f.Case
	k, err := Read(c)
	if err != nil || k.Try == nil {
		return nil, err
	}
	change := &store.RefundChange{Case: c}
	l := *k.Try
	k.Try = nil
	open := c.State == engawa.RefundOpen
	switch status, code, words, again := reading(said, now); {
	case said == nil:
		l.At = now
		k.Sent, k.Refused, k.Fails = &l, nil, 0
		change.Case.Answer, change.Case.Why, change.Case.NextAt, change.Ended = engawa.RefundSent, "", time.Time{}, true
		k.Lines = append(k.Lines, l)
	case again.IsZero():
		l.At, l.What, l.Why, l.Status, l.Code, l.Text = now, DidRefuse, WhyRefused, status, code, words
		k.Refused, k.Fails = &l, 0
		change.Case.Answer, change.Case.Why = engawa.RefundRefused, WhyRefused
		k.Lines = append(k.Lines, l)
	default:
		k.Fails++
		l.At, l.What, l.Why, l.Status, l.Code, l.Text = now, DidFail, WhyUnreachable, status, code, words
		if errors.Is(said, errNotOpen) {
			l.Why = WhyNoKey
		}
		change.Case.Answer, change.Case.Why = engawa.RefundRetrying, l.Why
		k.add(l)
	}
	return change, k.goOn(change, f, said, open, now)
}

// goOn has a case looked at again after something was said of it.
func (k Facts) goOn(change *store.RefundChange, f store.RefundFacts, said error, open bool, now time.Time) error {
	c := &change.Case
	_, _, _, again := reading(said, now)
	switch {
	case !open:
		c.NextAt = time.Time{}
	case said != nil && !again.IsZero():
		k.watch(change, now)
		again = latest(again, now.Add(min(wait*time.Duration(k.Fails), longWait)))
		if again.Before(c.NextAt) {
			c.NextAt = again
		}
	default:
		last := k.Sent
		if said != nil {
			last = k.Refused
			k.watch(change, now)
		}
		f.Case = *c
		p, err := Look(f, now)
		if err != nil {
			return err
		}
		if p.Why == "" && p.Act == Send && !p.Answer.same(*last.Answer) { // the business told more meanwhile
			c.NextAt = now
		}
	}
	return k.write(c)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reading reads what the store said. again is when the same may be tried again;
// zero: it would be refused again. A key that the store does not know is a matter
// for the operator, not for the case: it is tried again.
func reading(said error, now time.Time) (status int, code int64, words string, again time.Time) {
	e, ok := errors.AsType[*appstore.APIError](said)
	if !ok {
		if told, ok := errors.AsType[*engawa.Error](said); ok && told.Code == engawa.CodeInvalid && !errors.Is(said, errNotOpen) {
			return 0, 0, told.Message, time.Time{}
		}
		return 0, 0, "", now
	}
	if e.Passing() || e.Status == http.StatusUnauthorized {
		again = latest(now, e.RetryAt)
	}
	return e.Status, e.Code, e.Text, again
}
