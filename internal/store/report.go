package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// asked reports whether a route of the workspace that is switched on names an event
// type or its group. What the hub reports of its own work it journals only then:
// it would else double what the messages, tasks and customers say already. "*" is
// no name.
func (t *tx) asked(workspace, typ string) (bool, error) {
	routes, read := t.asking[workspace]
	if !read { // once in a transaction: a batch may report a thousand times
		var err error
		if routes, err = t.routes(workspace); err != nil {
			return false, err
		}
		if t.asking == nil {
			t.asking = map[string][]engawa.Route{}
		}
		t.asking[workspace] = routes
	}
	return slices.ContainsFunc(routes, func(r engawa.Route) bool {
		return r.Enabled && slices.ContainsFunc(r.Events, func(p string) bool { return p != "*" && engawa.MatchesType(p, typ) })
	}), nil
}

// tellOf journals an event about the hub itself, once by its key.
func (t *tx) tellOf(e engawa.Event) error {
	when := time.Now()
	e.ID, e.Account, e.OccurredAt, e.ReceivedAt, e.Known = engawa.NewOrderedID(engawa.PrefixEvent, when), engawa.SourceHub, when.UTC(), when.UTC(), true
	e.Actor = engawa.ActorOf(t.s.actor)
	var out Journaled
	if err := t.journal([]slot{{e, &out}}); err != nil {
		return err
	}
	t.told = true
	return t.notify("", "")
}

// report is tellOf where a route asks.
func (t *tx) report(e engawa.Event, data map[string]string) error {
	yes, err := t.asked(e.Workspace, e.Type)
	if err != nil || !yes {
		return err
	}
	for name, value := range data {
		if value == "" {
			delete(data, name)
		}
	}
	if e.Data, err = json.Marshal(data); err != nil {
		return err
	}
	if err := t.tellOf(e); err != nil {
		return fmt.Errorf("report %s: %w", e.Type, err)
	}
	return nil
}

// reportTask reports that there is work for a person, or that it was finished.
func (t *tx) reportTask(k engawa.Task, typ, key string) error {
	due := ""
	if !k.DueAt.IsZero() {
		due = k.DueAt.UTC().Format(time.RFC3339)
	}
	return t.report(engawa.Event{Workspace: k.Workspace, Type: typ, DedupKey: key, Subject: "task:" + k.ID},
		map[string]string{"task": k.ID, "kind": k.Kind, "ref": k.Ref, "due_at": due, "by": k.DoneBy})
}

// reportFailed reports that every way of a message was tried in vain, with d the last.
func (t *tx) reportFailed(m engawa.Message, d engawa.Delivery) error {
	states, err := all(t, scanString, `SELECT state FROM message WHERE workspace = $1 AND id = $2 AND state IN ('failed', 'expired')`, m.Workspace, m.ID)
	if err != nil || len(states) == 0 {
		return err
	}
	return t.reportDelivery(m, d, "delivery.failed", "")
}

// reportDelivery reports that a delivery ended without reaching anybody; next is
// the account that has its turn. What tells of a delivery or a task reports
// nothing itself: it would go round for ever.
func (t *tx) reportDelivery(m engawa.Message, d engawa.Delivery, typ, next string) error {
	yes, err := t.asked(m.Workspace, typ)
	if err != nil || !yes {
		return err
	}
	about, err := one(t, scanString, `SELECT type FROM event WHERE workspace = $1 AND id = $2`, m.Workspace, m.Event)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || strings.HasPrefix(about, "delivery.") || strings.HasPrefix(about, "task.") || strings.HasPrefix(about, "manual_task.") {
		return err
	}
	note, err := one(t, scanString, `SELECT note FROM delivery WHERE workspace = $1 AND id = $2`, m.Workspace, d.ID)
	if err != nil {
		return err
	}
	kind, err := one(t, scanString, `SELECT kind FROM account WHERE workspace = $1 AND id = $2`, m.Workspace, d.Account)
	if err != nil {
		return err
	}
	return t.report(engawa.Event{Workspace: m.Workspace, Type: typ, DedupKey: typ + ":" + d.ID, Subject: "message:" + m.ID},
		map[string]string{"message": m.ID, "delivery": d.ID, "account": d.Account, "channel": kind, "reason": note, "next_account": next})
}

// reportConsent reports a decision that a customer made. What still waits to be
// confirmed is none yet.
func (t *tx) reportConsent(c engawa.Consent) error {
	typ := "consent.withdrawn"
	if c.Given {
		typ = "consent.granted"
	}
	if c.Pending {
		return nil
	}
	return t.report(engawa.Event{Workspace: c.Workspace, Type: typ, DedupKey: typ + ":" + c.ID, Subject: "consent:" + c.ID, Customer: c.Customer},
		map[string]string{
			"controller": c.Controller, "app": c.App, "act": string(c.Act), "purpose": string(c.Purpose), "channel": c.Channel, "topic": c.Topic,
			"wording": c.Evidence.Version, "where": c.Evidence.Where,
		})
}
