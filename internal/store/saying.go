package store

import (
	"context"
	"fmt"
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

// settles is how long decisions gather before the first of them is looked at: who
// answers a page decides several things at once, or thinks better of one.
const settles = time.Minute

// ToTell is a decision with how far its customer was told of it.
type ToTell struct {
	engawa.Consent

	LookAt       time.Time           // when it is looked at next; zero: never
	Result       engawa.MessageState // of the message Said.ResultBy; empty: there is none
	Reminder     engawa.MessageState // of the message Said.ReminderBy
	ReminderMade time.Time           // when that was made
}

// Decided is what one customer decided, oldest first.
type Decided struct {
	Customer engawa.Customer
	Consents []ToTell
}

// CustomerRef names a customer.
type CustomerRef struct{ Workspace, ID string }

// DueDecided returns customers who may have to be told of a decision by now, of
// every workspace, those first whose decision waits longest; most at most.
func (s *Store) DueDecided(ctx context.Context, most int) (due []CustomerRef, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (r CustomerRef, err error) {
			return r, scan(&r.Workspace, &r.ID)
		}, `SELECT workspace, customer FROM consent WHERE look_at > 0 AND look_at <= $1 GROUP BY workspace, customer ORDER BY min(look_at), customer LIMIT `+strconv.Itoa(most), now())
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
		return t.knowSayings(workspace, d.Consents)
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

// knowSayings fills in what became of the messages that told of decisions.
func (t *tx) knowSayings(workspace string, cs []ToTell) error {
	var ids []string
	for _, c := range cs {
		ids = append(ids, c.Said.ResultBy, c.Said.ReminderBy)
	}
	type saying struct {
		state engawa.MessageState
		made  int64
	}
	said := map[string]saying{}
	_, err := all(t, func(scan func(...any) error) (id string, err error) {
		var m saying
		err = scan(&id, &m.state, &m.made)
		said[id] = m
		return id, err
	}, `SELECT id, `+messageState+`, created_at FROM message WHERE workspace = $1 AND id {in $2}`, workspace, t.list(distinct(ids)))
	for i, c := range cs {
		cs[i].Result, cs[i].Reminder = said[c.Said.ResultBy].state, said[c.Said.ReminderBy].state
		cs[i].ReminderMade = at(said[c.Said.ReminderBy].made)
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
	Of                  []Saying
	Messages            []NewMessage
	Raise               []engawa.Task
	Close               []Closing
}

// Say keeps what came of looking at decisions of one customer, and the messages that
// tell of them, in one transaction. Where another node looked meanwhile it keeps
// nothing and returns a conflict.
func (s *Store) Say(ctx context.Context, y Sayings) error {
	var lanes laneSet
	err := s.sealTx(ctx, []string{y.Workspace}, func(t *tx) (err error) {
		// Before the decisions, as who merges customers takes them.
		if _, err := one(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id = $2 {lock}`, y.Workspace, y.Customer); err != nil {
			return found("customer", err)
		}
		for _, g := range y.Of {
			if err := t.say(y, g); err != nil {
				return err
			}
		}
		left := 0
		if lanes, left, err = t.enqueue(y.Messages); err == nil && left > 0 {
			err = seenMeanwhile()
		}
		for _, k := range y.Raise {
			if err == nil {
				err = t.raise(k)
			}
		}
		for _, c := range y.Close {
			if err == nil {
				err = t.closeTask(y.Workspace, c)
			}
		}
		if err == nil && len(y.Raise)+len(y.Close) > 0 {
			err = t.notify("", "")
		}
		return err
	})
	if err != nil {
		return unavailable(fmt.Errorf("tell %s of decisions: %w", y.Customer, err))
	}
	lanes.wake(s)
	return nil
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
// whoever finished it says so.
func (t *tx) saidByHand(workspace, task string) error {
	k, err := one(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND id = $2`, workspace, task)
	if err != nil {
		return found("task", err)
	}
	set, ok := map[string]string{
		ResultTask:   `told_at = $3, told_by = $4`,
		ReminderTask: `reminded_at = $3, reminded_by = $4`,
	}[k.Kind]
	if !ok {
		return nil
	}
	_, err = t.exec(`UPDATE consent SET look_at = $3, `+set+` WHERE workspace = $1 AND id {in $2} AND customer = $5`,
		workspace, t.list(strings.Fields(k.Args[ArgConsents])), now(), task, k.Customer)
	return err
}

// firstLook is when a new decision is looked at; zero: never, as laws ask to tell of
// decisions on advertising alone.
func firstLook(c engawa.Consent) time.Time {
	contact := c.Act == engawa.ActContact || c.Act == engawa.ActContactNight
	if !contact || c.Purpose.Class() != engawa.Marketing || c.Pending {
		return time.Time{}
	}
	return c.At.Add(settles)
}
