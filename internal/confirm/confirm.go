// Package confirm confirms to customers what they decided, where a law asks for it:
// what came of a consent, a refusal or a withdrawal of advertising, and every two
// years that a consent stands (KR Network Act 50(7), 50(8); rules KR-11, KR-12).
//
// The notices are messages like any, of the purpose service.consent_admin: through
// verdict and lane, to whatever reaches the customer. Where none does, a person is
// asked in time.
package confirm

import (
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
// of them tells. What fails for one customer waits, and holds up no other.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Compose.Store.DueDecided(ctx, batch)
	if err != nil {
		return err
	}
	var failed []error
	for _, c := range due {
		err := r.see(ctx, c)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case engawa.CodeOf(err) == engawa.CodeConflict: // somebody else was at it just now
			failed = append(failed, r.Compose.Store.PutOff(ctx, c, time.Now().Add(moment)))
		default:
			failed = append(failed, fmt.Errorf("decisions of %s: %w", c.ID, err), r.Compose.Store.PutOff(ctx, c, time.Now().Add(soon)))
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
	y := store.Sayings{Workspace: ref.Workspace, Customer: ref.ID, Version: d.Version}
	parts := map[part][]telling{}
	for _, c := range d.Consents {
		t := telling{c, duty{said: c.Said}} // to nobody any more there is nothing to tell
		if !d.Customer.Erased && store.Tells(c.Consent) {
			t.duty = look(c, w.law(c.Consent, now), w.stands[c.ID], now)
		}
		if t.duty.stop {
			y.Cancel = append(y.Cancel, c.Said.ReminderBy)
		}
		of := part{t.duty.tell, c.Controller}
		if c.LookAt.IsZero() || c.LookAt.After(now) {
			of.what = nothing // it is not its turn
		}
		parts[of] = append(parts[of], t)
	}
	asked := map[what][]telling{}
	for of, ts := range parts {
		told, err := w.tell(ctx, &y, of, ts, now)
		if err != nil {
			return err
		}
		for _, t := range ts {
			late := t.duty.late
			if late == nothing && !told {
				late = t.duty.must
			}
			asked[late] = append(asked[late], t)
		}
	}
	for _, of := range []what{result, reminder} {
		y.Tasks = append(y.Tasks, w.task(of, asked[of]))
	}
	return r.Compose.Store.Say(ctx, y)
}

// part is what one message tells of: all of one kind that one sender is to tell.
type part struct {
	what       what
	controller string
}

// telling is a decision of which the customer may have to be told.
type telling struct {
	store.ToTell

	duty duty
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

// tell makes the message of one part, and says when its decisions are looked at
// next. It reports whether a message could be made.
func (w world) tell(ctx context.Context, y *store.Sayings, of part, ts []telling, now time.Time) (bool, error) {
	var m *store.NewMessage
	if of.what != nothing {
		var err error
		if m, err = w.compose(ctx, of, ts); err != nil {
			return false, err
		}
	}
	if m != nil {
		y.Messages = append(y.Messages, *m)
	}
	for _, t := range ts {
		if t.LookAt.IsZero() || t.LookAt.After(now) {
			continue
		}
		s := store.Saying{Consent: t.ID, Seen: t.LookAt, Said: t.duty.said, Next: t.duty.next}
		switch {
		case of.what == nothing:
		case m == nil:
			s.Next = t.duty.retry
		case of.what == result:
			s.Said.ResultBy = m.Message.ID
		default:
			s.Said.ReminderBy = m.Message.ID
		}
		y.Of = append(y.Of, s)
	}
	return m != nil, nil
}

// task asks a person to tell what no message has told in time; of nothing it closes
// what was asked before.
func (w world) task(of what, ts []telling) engawa.Task {
	k := engawa.Task{Workspace: w.workspace.ID, Kind: store.ResultTask, Ref: w.customer.ID, Customer: w.customer.ID}
	if of == reminder {
		k.Kind = store.ReminderTask
	}
	var ids []string
	for _, t := range ts {
		ids = append(ids, t.ID)
		if k.DueAt.IsZero() || t.duty.until.Before(k.DueAt) {
			k.DueAt = t.duty.until
		}
	}
	slices.Sort(ids)
	k.Args = map[string]string{store.ArgConsents: strings.Join(ids, " ")}
	return k
}

// compose makes the message; nil: no account may or can carry it.
func (w world) compose(ctx context.Context, of part, ts []telling) (*store.NewMessage, error) {
	accounts, err := w.Compose.Store.Accounts(ctx, w.workspace.ID)
	if err != nil {
		return nil, err
	}
	chain, err := message.Chain(accounts, w.Compose.Kinds, nil, true)
	if err != nil || len(chain) == 0 {
		return nil, err
	}
	ms, err := w.Compose.Compose(ctx, w.workspace.ID, []message.Request{{
		Workspace: w.workspace.ID, Customer: w.customer.ID, App: app(ts), Purpose: engawa.ConsentAdmin, Trigger: engawa.ByAutomatic,
		Topic: "consent." + string(of.what), Chain: chain, Content: w.words(of, ts),
	}})
	if err != nil || len(ms) == 0 || ms[0].Message.State == engawa.MessageRefused {
		return nil, err
	}
	return &ms[0], nil
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
