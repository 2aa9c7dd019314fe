package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// raise opens a task, or counts one more on the open task of the same kind
// about the same thing: a thousand failures are one thing to do.
func (t *tx) raise(k engawa.Task) error {
	args, err := json.Marshal(k.Args)
	if err != nil {
		return fmt.Errorf("raise task: %w", err)
	}
	_, err = t.exec(`INSERT INTO task (workspace, id, kind, ref, args, count, assignee, due_at, state, created_at, done_at, done_by)
		VALUES ($1, $2, $3, $4, $5, 1, '', $6, 'open', $7, 0, '')
		ON CONFLICT (workspace, kind, ref) WHERE state = 'open' DO UPDATE SET count = task.count + 1, args = excluded.args`,
		k.Workspace, engawa.NewID(engawa.PrefixTask), k.Kind, k.Ref, string(args), us(k.DueAt), us(time.Now()))
	if err != nil {
		return fmt.Errorf("raise task: %w", err)
	}
	return nil
}

// Raise opens a task.
func (s *Store) Raise(ctx context.Context, k engawa.Task) error {
	return s.inTx(ctx, k.Workspace, func(t *tx) error { return t.raise(k) })
}

// FinishTask marks an open task done by a member.
func (s *Store) FinishTask(ctx context.Context, workspace, id, by string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("open task", `UPDATE task SET state = 'done', done_at = $3, done_by = $4 WHERE workspace = $1 AND id = $2 AND state = 'open'`,
			workspace, id, us(time.Now()), by); err != nil {
			return err
		}
		return t.noted(workspace, "finish-task", id, "")
	})
}

// Tasks returns tasks, open ones first, the nearest due first.
func (s *Store) Tasks(ctx context.Context, workspace string, limit int) (ks []engawa.Task, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ks, err = all(t, scanTask, `SELECT workspace, id, kind, ref, args, count, assignee, due_at, state, created_at, done_at, done_by
			FROM task WHERE workspace = $1 ORDER BY state DESC, due_at, created_at DESC LIMIT $2`, workspace, limit)
		return err
	})
	return ks, err
}

// TaskPage returns a page of tasks, newest first: of one state, if it is not empty.
func (s *Store) TaskPage(ctx context.Context, workspace, state string, p Page) (ks []engawa.Task, err error) {
	var w where
	w.and(`workspace = ?`, workspace)
	w.and(`(created_at, id) < (?, ?)`, p.before(), p.ID)
	if state != "" {
		w.and(`state = ?`, state)
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		ks, err = all(t, scanTask, `SELECT workspace, id, kind, ref, args, count, assignee, due_at, state, created_at, done_at, done_by
			FROM task `+w.text+fmt.Sprintf(` ORDER BY created_at DESC, id DESC LIMIT %d`, p.limit()), w.args...)
		return err
	})
	return ks, err
}

func scanTask(scan func(...any) error) (k engawa.Task, err error) {
	var args string
	var due, created, done int64
	if err := scan(&k.Workspace, &k.ID, &k.Kind, &k.Ref, &args, &k.Count, &k.Assignee, &due, &k.State, &created, &done, &k.DoneBy); err != nil {
		return k, err
	}
	k.DueAt, k.CreatedAt, k.DoneAt = at(due), at(created), at(done)
	return k, json.Unmarshal([]byte(args), &k.Args)
}
