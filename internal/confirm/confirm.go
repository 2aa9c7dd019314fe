// Package confirm confirms to customers what they decided, where a law asks for it:
// what came of a consent, a refusal or a withdrawal of advertising, and every two
// years that a consent stands (KR Network Act 50(7), 50(8); rules KR-11, KR-12).
//
// The notices are messages like any, of the purpose service.consent_admin: through
// verdict and lane, to whatever reaches the customer. Where none does, a person is
// asked in time.
package confirm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// Runner tells customers what is due. Its field is set once.
type Runner struct{ Compose *message.Composer }

// batch is how many customers one step looks at.
const batch = 100

// Step looks at the customers whose decisions are due. Several nodes may do so: one
// of them tells. What fails for one customer does not hold up the others.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Compose.Store.DueDecided(ctx, batch)
	if err != nil {
		return err
	}
	var failed []error
	for _, c := range due {
		if err := r.see(ctx, c); err != nil && engawa.CodeOf(err) != engawa.CodeConflict {
			failed = append(failed, fmt.Errorf("decisions of %s: %w", c.ID, err))
		}
	}
	return errors.Join(failed...)
}

// see looks at one customer's decisions and tells what is due.
func (r *Runner) see(ctx context.Context, ref store.CustomerRef) error {
	d, err := r.Compose.Store.Decided(ctx, ref.Workspace, ref.ID)
	if err != nil {
		return err
	}
	w, err := r.world(ctx, d)
	if err != nil {
		return err
	}
	now := time.Now()
	y := store.Sayings{Workspace: ref.Workspace, Customer: ref.ID}
	parts := map[part][]telling{}
	for _, c := range d.Consents {
		if c.LookAt.IsZero() || c.LookAt.After(now) {
			continue
		}
		var k duty // of nobody any more there is nothing to tell
		if !d.Customer.Erased {
			k = look(c, w.law(c.Consent, now), w.stands[c.ID], now)
		}
		if k.tell != nothing {
			of := part{k.tell, c.Controller}
			parts[of] = append(parts[of], telling{c, k})
			continue
		}
		y.Of = append(y.Of, store.Saying{Consent: c.ID, Seen: c.LookAt, Said: k.said, Next: k.next})
		y.Close = append(y.Close, closed(ref.ID, c.Said, k.said)...)
	}
	for of, ts := range parts {
		if err := w.tell(ctx, &y, of, ts); err != nil {
			return err
		}
	}
	return r.Compose.Store.Say(ctx, y)
}

// part is what one message tells of: all of one kind that one sender is to tell.
type part struct {
	what       what
	controller string
}

// telling is a decision of which the customer is to be told.
type telling struct {
	store.ToTell

	duty duty
}

// closed are the tasks that are done once the customer was told.
func closed(customer string, before, after engawa.Said) (done []store.Closing) {
	if !before.ResultAt.Equal(after.ResultAt) {
		done = append(done, store.Closing{Kind: store.ResultTask, Ref: customer})
	}
	if !before.ReminderAt.Equal(after.ReminderAt) {
		done = append(done, store.Closing{Kind: store.ReminderTask, Ref: customer})
	}
	return done
}

// world is what is needed to tell one customer.
type world struct {
	*Runner
	workspace engawa.Workspace
	customer  engawa.Customer
	stands    map[string]bool // the decisions that still allow something
	apps      []engawa.App
	partners  []engawa.Partner
}

func (r *Runner) world(ctx context.Context, d store.Decided) (w world, err error) {
	w = world{Runner: r, customer: d.Customer, stands: standing(d.Consents)}
	ws := d.Customer.Workspace
	if w.workspace, err = r.Compose.Store.Workspace(ctx, ws); err != nil {
		return w, err
	}
	if w.apps, err = r.Compose.Store.Apps(ctx, ws); err != nil {
		return w, err
	}
	w.partners, err = r.Compose.Store.Partners(ctx, ws)
	return w, err
}

// standing are the consents that still allow something: the newest of each scope, if
// no withdrawal stops it.
func standing(cs []store.ToTell) map[string]bool {
	all := make([]engawa.Consent, len(cs))
	for i, c := range cs {
		all[i] = c.Consent
	}
	newest := map[engawa.Consent]string{}
	for _, c := range verdict.Standing(all) { // oldest first
		newest[c.Scope()] = c.ID
	}
	out := map[string]bool{}
	for _, id := range newest {
		out[id] = true
	}
	return out
}

// law is what is to be told of a decision, by where the customer is.
func (w world) law(c engawa.Consent, now time.Time) (l law) {
	f := engawa.Facts{Channel: c.Channel, Purpose: engawa.Marketing, House: w.workspace.House}
	if w.customer.Country != "" {
		f.Country = []string{w.customer.Country}
	}
	rules := verdict.Bearing(f, w.Compose.Rules, now)
	if _, n, ok := rule.Find[rule.DecisionNotice](rules); ok {
		l.result = &n
	}
	if _, n, ok := rule.Find[rule.ReminderNotice](rules); ok {
		l.reminder = &n
	}
	return l
}

// tell makes the message of one part, or asks a person where it could not go.
func (w world) tell(ctx context.Context, y *store.Sayings, of part, ts []telling) error {
	m, err := w.compose(ctx, of, ts)
	if err != nil {
		return err
	}
	if m != nil {
		y.Messages = append(y.Messages, *m)
	}
	for _, t := range ts {
		s := store.Saying{Consent: t.ID, Seen: t.LookAt, Said: t.duty.said, Next: t.duty.retry}
		if m != nil {
			s.Next = t.duty.next
			if of.what == result {
				s.Said.ResultBy = m.Message.ID
			} else {
				s.Said.ReminderBy = m.Message.ID
			}
		}
		y.Of = append(y.Of, s)
	}
	if m == nil {
		y.Raise = append(y.Raise, w.asks(of, ts)...)
	}
	return nil
}

// asks is the task for what no message can tell and time is running out for.
func (w world) asks(of part, ts []telling) []engawa.Task {
	k := engawa.Task{Workspace: w.workspace.ID, Kind: store.ResultTask, Ref: w.customer.ID, Customer: w.customer.ID}
	if of.what == reminder {
		k.Kind = store.ReminderTask
	}
	var ids []string
	for _, t := range ts {
		if !t.duty.ask {
			continue
		}
		ids = append(ids, t.ID)
		if k.DueAt.IsZero() || t.duty.until.Before(k.DueAt) {
			k.DueAt = t.duty.until
		}
	}
	if len(ids) == 0 {
		return nil
	}
	k.Args = map[string]string{store.ArgConsents: strings.Join(ids, " ")}
	return []engawa.Task{k}
}

// compose makes the message; nil: no account may or can carry it.
func (w world) compose(ctx context.Context, of part, ts []telling) (*store.NewMessage, error) {
	chain, err := w.chain(ctx)
	if err != nil || len(chain) == 0 {
		return nil, err
	}
	until := ts[0].duty.until
	ms, err := w.Compose.Compose(ctx, w.workspace.ID, []message.Request{{
		Workspace: w.workspace.ID, Customer: w.customer.ID, App: app(ts), Purpose: engawa.ConsentAdmin, Trigger: engawa.ByAutomatic,
		Topic: "consent." + string(of.what), Chain: chain, Content: w.words(of, ts), ExpiresAt: expires(until, time.Now()),
	}})
	if err != nil || len(ms) == 0 || ms[0].Message.State == engawa.MessageRefused {
		return nil, err
	}
	return &ms[0], nil
}

// expires is when a notice is over: it may still go late, since late is better than
// never, and another is made after it.
func expires(until, now time.Time) time.Time {
	if least := now.Add(daily); until.Before(least) {
		return least
	}
	return until
}

// chain is every way to customers, mail first: a notice is to be kept.
func (w world) chain(ctx context.Context) ([]engawa.Via, error) {
	accounts, err := w.Compose.Store.Accounts(ctx, w.workspace.ID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(accounts, func(a, b engawa.Account) int { return cmp.Compare(rank(a), rank(b)) })
	return message.Chain(accounts, w.Compose.Kinds, nil, true)
}

func rank(a engawa.Account) int {
	if a.Kind == "mail" {
		return 0
	}
	return 1
}

// app is the one that all are about, or none.
func app(ts []telling) string {
	for _, t := range ts {
		if t.App != ts[0].App {
			return ""
		}
	}
	return ts[0].App
}
