package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// The events that tell of tasks, each once: of a task when it is raised, and of
// each due time when it is near and when it is over.
const (
	typeRaised  = "task.raised"
	typeDue     = "task.due"
	typeOverdue = "task.overdue"
)

// soonMost is how long before its due time a task is told of at most.
const soonMost = 24 * time.Hour

// remindAt is when a task that is open from then on is told of next: when a
// quarter of its time is left, a day before it is due at the earliest; at once
// if its time is over. Zero: never, as it is for some day.
func remindAt(from, due time.Time) time.Time {
	if due.IsZero() || !due.After(from) {
		return due
	}
	return due.Add(-min(due.Sub(from)/4, soonMost))
}

// remindBatch is how many tasks one transaction of Remind tells of.
const remindBatch = 100

// Remind journals what is to be told of open tasks by now, in every workspace,
// and returns when the next is; zero: none is. Several nodes may call it: of
// each reminder one event is kept.
func (s *Store) Remind(ctx context.Context) (next time.Time, err error) {
	for n := remindBatch; n == remindBatch; {
		if n, err = s.remindSome(ctx); err != nil {
			return next, fmt.Errorf("remind of tasks: %w", err)
		}
		if n > 0 {
			s.wakeUp("", "")
		}
	}
	err = s.view(ctx, everywhere, func(t *tx) error {
		first, err := one(t, scanInt, `SELECT remind_at FROM task WHERE remind_at > 0 ORDER BY remind_at LIMIT 1`)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		next = at(first)
		return err
	})
	return next, err
}

func (s *Store) remindSome(ctx context.Context) (n int, err error) {
	err = s.inTx(ctx, everywhere, func(t *tx) error {
		when := time.Now()
		rows, err := all(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE remind_at > 0 AND remind_at <= $1 ORDER BY remind_at LIMIT `+strconv.Itoa(remindBatch)+` {skip}`, us(when))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := t.remind(r.Task, when); err != nil {
				return err
			}
		}
		if n = len(rows); n == 0 {
			return nil
		}
		return t.notify("", "")
	})
	return n, err
}

// remind tells that a task is due soon and, if its time is over, of that. What
// was told before, of the same due time, is in the journal already.
func (t *tx) remind(k engawa.Task, when time.Time) error {
	of := ":" + k.ID + ":" + strconv.FormatInt(us(k.DueAt), 36)
	if err := t.tell(k, typeDue, "due"+of); err != nil {
		return err
	}
	next := us(k.DueAt)
	if !k.DueAt.After(when) {
		next = 0
		if err := t.tell(k, typeOverdue, "overdue"+of); err != nil {
			return err
		}
	}
	_, err := t.exec(`UPDATE task SET remind_at = $3 WHERE workspace = $1 AND id = $2`, k.Workspace, k.ID, next)
	return err
}

// told is what an event says of a task: nothing that is to be typed.
type told struct {
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Ref      string            `json:"ref,omitempty"`
	Source   string            `json:"source,omitempty"`
	Args     map[string]string `json:"args"`
	Count    int               `json:"count"`
	Assignee string            `json:"assignee,omitempty"`
	DueAt    string            `json:"due_at,omitempty"`
	URL      string            `json:"url,omitempty"`
}

// tell journals an event about a task, once by its key. It has no customer.
func (t *tx) tell(k engawa.Task, typ, key string) error {
	plain, _ := partArgs(k.Args)
	open := told{ID: k.ID, Kind: k.Kind, Ref: k.Ref, Source: k.Source, Args: plain, Count: k.Count, Assignee: k.Assignee}
	if !k.DueAt.IsZero() {
		open.DueAt = k.DueAt.UTC().Format(time.RFC3339)
	}
	open.URL = t.s.URL("/tasks/" + k.ID)
	data, err := json.Marshal(map[string]any{"task": open})
	if err != nil {
		return fmt.Errorf("tell of %s: %w", k.ID, err)
	}
	return t.tellOf(engawa.Event{Workspace: k.Workspace, Type: typ, DedupKey: key, Subject: "task:" + k.ID, Data: data})
}

// Front tells where the console is, "https://hub.example.jp": what is told of events,
// tasks and refunds leads there. It is called before the store is used.
func (s *Store) Front(url string) { s.front = url }

// URL is that of a page of the console; empty: nobody has said where it is.
func (s *Store) URL(path string) string {
	if s.front == "" {
		return ""
	}
	return s.front + path
}
