package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// The tasks that ask a person to tell a customer of decisions, since no message
// could. Whoever finishes one says by it that the customer was told.
const (
	ResultTask   = "consent.result"
	ReminderTask = "consent.reminder"
)

// ArgConsents is the argument of these tasks that names the decisions, by their ids
// with a space between.
const ArgConsents = "consents"

// Unasked stands for the message that told of a decision, where no law that the hub
// knew asked for one in time; so it is of what was recorded before the hub told of any.
const Unasked = "unasked"

// settles is how long decisions gather before the first of them is looked at: who
// answers a page decides several things at once, or thinks better of one.
const settles = time.Minute

// ToTell is a decision with how far its customer was told of it.
type ToTell struct {
	engawa.Consent

	LookAt   time.Time // when it is looked at next; zero: never
	Result   Notice    // the message Said.ResultBy
	Reminder Notice    // the message Said.ReminderBy
}

// Notice is what became of a message that tells of a decision.
type Notice struct {
	State    engawa.MessageState // empty: there is no message
	MadeAt   time.Time
	HandedAt time.Time // zero: not yet
	Asked    bool      // a person is asked to tell it
}

// Decided is what one customer decided, oldest first.
type Decided struct {
	Customer engawa.Customer
	Version  int64 // it grows with each decision, merger and erasure, and with what a person told
	Consents []ToTell
}

// CustomerRef names a customer.
type CustomerRef struct{ Workspace, ID string }

// DueDecided returns customers who may have to be told of a decision by now, of
// every workspace: those of the most decisions that wait longest.
func (s *Store) DueDecided(ctx context.Context, most int) (due []CustomerRef, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (r CustomerRef, err error) {
			return r, scan(&r.Workspace, &r.ID)
		}, `SELECT DISTINCT workspace, customer FROM (SELECT workspace, customer FROM consent WHERE look_at > 0 AND look_at <= $1 ORDER BY look_at LIMIT `+strconv.Itoa(most)+`) due`, now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for decisions to tell of: %w", err)
	}
	return due, nil
}

// Decided returns what a customer decided.
func (s *Store) Decided(ctx context.Context, workspace, customer string) (d Decided, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		// First: what comes after it and changes something changes it too.
		if d.Version, err = one(t, scanInt, `SELECT consent_version FROM customer WHERE workspace = $1 AND id = $2`, workspace, customer); err != nil {
			return found("customer", err)
		}
		row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2`, workspace, customer)
		if err != nil {
			return found("customer", err)
		}
		opened, err := t.openCustomers(workspace, []customerRow{row})
		if err != nil {
			return err
		}
		d.Customer = opened[0]
		if d.Consents, err = t.toTell(workspace, customer); err != nil {
			return err
		}
		if err := t.knowSayings(workspace, d.Consents); err != nil {
			return err
		}
		return t.knowAsked(workspace, customer, d.Consents)
	})
	if err != nil {
		return d, fmt.Errorf("decisions of %s: %w", customer, err)
	}
	return d, nil
}

func (t *tx) toTell(workspace, customer string) ([]ToTell, error) {
	return all(t, func(scan func(...any) error) (c ToTell, err error) {
		var look int64
		c.Consent, err = scanConsent(func(into ...any) error { return scan(append(into, &look)...) })
		c.LookAt = at(look)
		return c, err
	}, `SELECT `+consentColumns+`, look_at FROM consent WHERE workspace = $1 AND customer = $2 ORDER BY at, id`, workspace, customer)
}

// firstHanded is when a row's message was handed over, by whichever channel took it
// first; NULL: it was not.
func firstHanded(table, message string) string {
	return `(SELECT min(d.handed_at) FROM delivery d WHERE d.state IN ('accepted', 'delivered') AND d.workspace = ` + table + `.workspace AND d.message = ` + table + `.` + message + `)`
}

// knowSayings fills in what became of the messages that told of decisions.
func (t *tx) knowSayings(workspace string, cs []ToTell) error {
	var ids []string
	for _, c := range cs {
		ids = append(ids, c.Said.ResultBy, c.Said.ReminderBy)
	}
	said := map[string]Notice{}
	_, err := all(t, func(scan func(...any) error) (id string, err error) {
		var n Notice
		var made, handed int64
		err = scan(&id, &n.State, &made, &handed)
		n.MadeAt, n.HandedAt = at(made), at(handed)
		said[id] = n
		return id, err
	}, `SELECT id, `+messageState+`, created_at, coalesce(`+firstHanded("message", "id")+`, 0)
		FROM message WHERE workspace = $1 AND id {in $2}`, workspace, t.list(distinct(ids)))
	for i, c := range cs {
		cs[i].Result, cs[i].Reminder = said[c.Said.ResultBy], said[c.Said.ReminderBy]
	}
	return err
}

// knowAsked fills in of which decisions a person is asked to tell.
func (t *tx) knowAsked(workspace, customer string, cs []ToTell) error {
	asked, err := all(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND kind IN ('`+ResultTask+`', '`+ReminderTask+`') AND ref = $2 AND state = 'open'`, workspace, customer)
	for _, k := range asked {
		for i, c := range cs {
			if !slices.Contains(strings.Fields(k.Args[ArgConsents]), c.ID) {
				continue
			}
			if k.Kind == ResultTask {
				cs[i].Result.Asked = true
			} else {
				cs[i].Reminder.Asked = true
			}
		}
	}
	return err
}

// Saying is what came of looking at a decision.
type Saying struct {
	Consent string
	Seen    time.Time // LookAt when it was looked at
	Said    engawa.Said
	Next    time.Time // when it is looked at next; zero: never
}

// Sayings are those of one customer, with what they ask for.
type Sayings struct {
	Workspace, Customer string
	Version             int64 // of Decided
	Of                  []Saying
	Messages            []NewMessage
	Cancel              []string      // messages that have nothing to tell any more
	Tasks               []engawa.Task // what a person is to tell; one that names no decision closes what was asked
}

// Say keeps what came of looking at decisions of one customer, and the messages that
// tell of them, in one transaction. Where the customer decided or another node looked
// meanwhile it keeps nothing and returns a conflict.
func (s *Store) Say(ctx context.Context, y Sayings) error {
	var lanes laneSet
	err := untangled(func() error {
		return s.sealTx(ctx, []string{y.Workspace}, func(t *tx) (err error) {
			lanes, err = t.sayAll(y)
			return err
		})
	})
	if err != nil {
		return unavailable(fmt.Errorf("tell %s of decisions: %w", y.Customer, err))
	}
	lanes.wake(s)
	return nil
}

func (t *tx) sayAll(y Sayings) (lanes laneSet, err error) {
	// Deliveries, then the customer, as a claim takes them, then the decisions.
	if _, err := all(t, scanString, `SELECT id FROM delivery WHERE workspace = $1 AND message {in $2} ORDER BY id {lock}`, y.Workspace, t.list(distinct(y.Cancel))); err != nil {
		return nil, err
	}
	version, err := one(t, scanInt, `SELECT consent_version FROM customer WHERE workspace = $1 AND id = $2 {lock}`, y.Workspace, y.Customer)
	if err != nil {
		return nil, found("customer", err)
	}
	if version != y.Version {
		return nil, seenMeanwhile()
	}
	for _, g := range y.Of {
		if err := t.say(y, g); err != nil {
			return nil, err
		}
	}
	for _, id := range distinct(y.Cancel) {
		if _, err := t.cancel(y.Workspace, id); err != nil {
			return nil, err
		}
	}
	lanes, left, err := t.enqueue(y.Messages)
	if err == nil && left > 0 {
		err = seenMeanwhile()
	}
	if err != nil {
		return nil, err
	}
	for _, k := range y.Tasks {
		if err := t.askToTell(k); err != nil {
			return nil, err
		}
	}
	return lanes, nil
}

// askToTell asks a person once for the same decisions, and closes what was asked when
// there is nothing more to tell.
func (t *tx) askToTell(k engawa.Task) error {
	if k.Args[ArgConsents] == "" {
		return t.closeTask(k.Workspace, Closing{Kind: k.Kind, Ref: k.Ref})
	}
	asked, err := all(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open'`, k.Workspace, k.Kind, k.Ref)
	if err != nil || len(asked) == 1 && asked[0].Args[ArgConsents] == k.Args[ArgConsents] {
		return err
	}
	if err := t.raise(k); err != nil {
		return err
	}
	return t.notify("", "")
}

// PutOff has the decisions of a customer that are due looked at later: what looked at
// them failed.
func (s *Store) PutOff(ctx context.Context, c CustomerRef, until time.Time) error {
	return s.inTx(ctx, c.Workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE consent SET look_at = $3 WHERE workspace = $1 AND customer = $2 AND look_at > 0 AND look_at <= $4`, c.Workspace, c.ID, us(until), now())
		return err
	})
}

func (t *tx) say(y Sayings, g Saying) error {
	n, err := t.exec(`UPDATE consent SET look_at = $4, told_at = $5, told_by = $6, reminded_at = $7, reminded_by = $8
		WHERE workspace = $1 AND id = $2 AND customer = $3 AND look_at = $9`,
		y.Workspace, g.Consent, y.Customer, us(g.Next), us(g.Said.ResultAt), g.Said.ResultBy, us(g.Said.ReminderAt), g.Said.ReminderBy, us(g.Seen))
	if err == nil && n == 0 {
		err = seenMeanwhile()
	}
	return err
}

func seenMeanwhile() error {
	return &engawa.Error{Code: engawa.CodeConflict, Message: "the decisions were looked at meanwhile", Remedy: "look at them again"}
}

// saidByHand keeps that a person told a customer of the decisions that a task names:
// whoever finishes it says so, and how.
func (t *tx) saidByHand(k taskRow, note string) error {
	set, ok := map[string]string{
		ResultTask:   `told_at = $3, told_by = $4 WHERE told_at = 0`,
		ReminderTask: `reminded_at = $3, reminded_by = $4 WHERE reminded_at < $3`,
	}[k.Kind]
	if !ok {
		return nil
	}
	if strings.TrimSpace(note) == "" {
		return engawa.Invalid("/note", "say how and when the customer was told", "the note is the proof that the customer was told")
	}
	_, err := t.exec(`UPDATE consent SET look_at = $3, `+set+` AND workspace = $1 AND id {in $2} AND customer = $5`,
		k.Workspace, t.list(strings.Fields(k.Args[ArgConsents])), now(), k.ID, k.Customer)
	if err != nil {
		return err
	}
	return t.saidAnew(k)
}

// saidAnew has who looks at the customer's decisions just now look again.
func (t *tx) saidAnew(k taskRow) error {
	_, err := t.exec(`UPDATE customer SET consent_version = consent_version + 1 WHERE workspace = $1 AND id = $2`, k.Workspace, k.Customer)
	return err
}

// unsaid takes that back, of a task that is open again. Of who was erased it stays.
func (t *tx) unsaid(k taskRow) error {
	for kind, set := range map[string]string{
		ResultTask:   `told_at = 0, told_by = '' WHERE told_by = $2`,
		ReminderTask: `reminded_at = 0, reminded_by = '' WHERE reminded_by = $2`,
	} {
		if kind != k.Kind {
			continue
		}
		if _, err := t.exec(`UPDATE consent SET look_at = $3, `+set+` AND workspace = $1
			AND customer IN (SELECT id FROM customer WHERE workspace = $1 AND erased_at = 0)`, k.Workspace, k.ID, now()); err != nil {
			return err
		}
		return t.saidAnew(k)
	}
	return nil
}

// firstLook is when a new decision is looked at; zero: never.
func firstLook(c engawa.Consent) time.Time {
	if !Tells(c) {
		return time.Time{}
	}
	return c.At.Add(settles)
}

// Tells reports whether a law may ask to tell the customer of a decision: of those on
// advertising that the customer made.
func Tells(c engawa.Consent) bool {
	contact := c.Act == engawa.ActContact || c.Act == engawa.ActContactNight
	return contact && c.Purpose.Class() == engawa.Marketing && !c.Pending && !slices.Contains(madeByOthers, c.Evidence.How)
}

// madeByOthers are the ways in which a decision comes that the customer did not tell
// the business: by a merger, by a parent, by a complaint to a mail provider.
var madeByOthers = []string{howMerge, howParent, howComplaint}

const (
	howMerge     = "merge"
	howParent    = "parent"
	howComplaint = "complaint"
)

// lastSayings keeps that a notice went which nobody has looked at since, and looks no
// more: the customer is erased.
func (t *tx) lastSayings(workspace, customer string) error {
	told, reminded := firstHanded("consent", "told_by"), firstHanded("consent", "reminded_by")
	for _, q := range [...]string{
		`UPDATE consent SET told_at = ` + told + ` WHERE workspace = $1 AND customer = $2 AND told_at = 0 AND ` + told + ` > 0`,
		`UPDATE consent SET reminded_at = ` + reminded + ` WHERE workspace = $1 AND customer = $2 AND ` + reminded + ` > reminded_at`,
		`UPDATE consent SET look_at = 0 WHERE workspace = $1 AND customer = $2`,
	} {
		if _, err := t.exec(q, workspace, customer); err != nil {
			return err
		}
	}
	return t.forgetSayings(workspace, customer)
}

// forgetSayings ends what a person was to tell a customer who is erased, or is another.
func (t *tx) forgetSayings(workspace, customer string) error {
	for _, kind := range []string{ResultTask, ReminderTask} {
		if err := t.closeTask(workspace, Closing{Kind: kind, Ref: customer}); err != nil {
			return err
		}
	}
	return nil
}
