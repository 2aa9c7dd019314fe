package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// raise opens a task, or counts one more on the open task of the same kind
// about the same thing: a thousand failures are one thing to do. The newest
// arguments are kept; the due time stays, as somebody may have moved it. A new
// task enters the journal. Who names a customer runs in sealTx.
func (t *tx) raise(k engawa.Task) error {
	when := time.Now()
	if k.Listed {
		if done, err := t.raiseListed(k); done || err != nil {
			return err
		}
	}
	k.ID, k.Source, k.State, k.Count, k.CreatedAt = cmp.Or(k.ID, engawa.NewID(engawa.PrefixTask)), k.RaisedFrom(), "open", 1, when
	about, err := t.aboutTasks(k)
	if err == nil {
		k.Customer, err = t.livesOnAs(k.Workspace, k.Customer)
	}
	if err != nil {
		return fmt.Errorf("raise task: %w", err)
	}
	id, err := t.openTask(k, about)
	if err != nil {
		return fmt.Errorf("raise task: %w", err)
	}
	if id != k.ID || about {
		return nil
	}
	if err := t.tell(k, typeRaised, "raised:"+k.ID); err != nil {
		return err
	}
	return t.reportTask(k, "manual_task.opened", "opened:"+k.ID)
}

// openTask stores k, or what is new of it, and returns the id under which it is open.
func (t *tx) openTask(k engawa.Task, quiet bool) (string, error) {
	plain, typed := partArgs(k.Args)
	args, err := json.Marshal(plain)
	if err != nil {
		return "", err
	}
	remind := int64(0)
	if !quiet {
		remind = us(remindAt(k.CreatedAt, k.DueAt))
	}
	id, err := one(t, scanString, `INSERT INTO task (workspace, id, kind, ref, source, customer, args, count, assignee, due_at, remind_at, state, created_at, raised_at, done_at, done_by, sealed_by, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, 'open', $11, $11, 0, '', '', NULL)
		ON CONFLICT (workspace, kind, ref) WHERE state = 'open' DO UPDATE SET count = task.count + 1, raised_at = excluded.raised_at,
			source = excluded.source, customer = excluded.customer, args = excluded.args, sealed_by = '', sealed = NULL
		RETURNING id`,
		k.Workspace, k.ID, k.Kind, k.Ref, k.Source, k.Customer, string(args), k.Assignee, us(k.DueAt), remind, us(k.CreatedAt))
	if err != nil || len(typed) == 0 {
		return id, err
	}
	return id, t.sealTyped(k.Workspace, id, k.Customer, typed)
}

// livesOnAs is the customer into whom this one was merged, or this one.
func (t *tx) livesOnAs(workspace, customer string) (string, error) {
	if customer == "" {
		return "", nil
	}
	into, err := one(t, scanString, `SELECT merged_into FROM customer WHERE workspace = $1 AND id = $2`, workspace, customer)
	if err != nil {
		return "", found("customer", err)
	}
	return cmp.Or(into, customer), nil
}

// partArgs parts a task's arguments into those that may stand in the database
// and those that are to be typed.
func partArgs(args map[string]string) (plain, typed map[string]string) {
	plain, typed = map[string]string{}, map[string]string{}
	for name, value := range args {
		if strings.HasPrefix(name, engawa.TypeExactly) {
			typed[name] = value
		} else {
			plain[name] = value
		}
	}
	return plain, typed
}

// sealTyped keeps what is to be typed; nothing of a customer who was erased.
func (t *tx) sealTyped(workspace, id, customer string, typed map[string]string) error {
	ring, err := t.keys(workspace, openers([]string{customer}))
	if err != nil || customer != "" && !ring.opens(customer) {
		return err
	}
	body, err := json.Marshal(typed)
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(workspace, customer, "task", id, body)
	if err != nil {
		return err
	}
	_, err = t.exec(`UPDATE task SET sealed_by = $3, sealed = $4 WHERE workspace = $1 AND id = $2`, workspace, id, by, sealed)
	return err
}

// aboutTasks reports whether a task comes of telling of a task. Such a one tells
// nothing itself: else a route that leads tasks to where tasks come from would
// go round for ever.
func (t *tx) aboutTasks(k engawa.Task) (bool, error) {
	typ, err := one(t, scanString, `SELECT type FROM event WHERE workspace = $1 AND id = $2
		UNION ALL SELECT e.type FROM message m JOIN event e ON e.workspace = m.workspace AND e.id = m.event WHERE m.workspace = $1 AND m.id = $3 AND m.event <> ''`,
		k.Workspace, k.Args["event"], k.Args["message"])
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return strings.HasPrefix(typ, "task.") || strings.HasPrefix(typ, "manual_task."), err
}

// Raise opens a task; raised again while it is open it is counted. An actor who
// raises one (By) writes the audit trail.
func (s *Store) Raise(ctx context.Context, k engawa.Task) error {
	err := s.sealTx(ctx, []string{k.Workspace}, func(t *tx) error {
		if k.Assignee != "" {
			if err := t.mayTake(k.Workspace, k.Assignee); err != nil {
				return err
			}
		}
		if err := t.raise(k); err != nil {
			return err
		}
		if err := t.notify("", ""); err != nil {
			return err
		}
		return t.noted(k.Workspace, "raise-task", k.ID, k.Kind)
	})
	if err == nil {
		s.wakeUp("", "")
	}
	return err
}

// TaskLine is one line of a task's history.
type TaskLine struct {
	ID     string
	At     time.Time
	Actor  string // "member:…", "key:…"
	Act    string // "assign", "due", "note", "finish", "reopen"
	Detail string // the new assignee, or the new due time (RFC 3339)
	Text   string // of a note; empty where its customer was erased
	Gone   bool   // the text was erased with its customer
}

// TaskStory is a task with what became of it, oldest first.
type TaskStory struct {
	engawa.Task

	Lines []TaskLine
	Gone  bool // what was to be typed was erased with its customer
}

// Task returns one task with what is to be typed, and its history.
func (s *Store) Task(ctx context.Context, workspace, id string) (story TaskStory, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		row, err := one(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return found("task", err)
		}
		lines, err := all(t, scanTaskLine, `SELECT id, at, actor, act, detail, sealed_by, sealed FROM task_line WHERE workspace = $1 AND task = $2 ORDER BY id`, workspace, id)
		if err != nil {
			return err
		}
		by := []string{row.by}
		for _, l := range lines {
			by = append(by, l.by)
		}
		ring, err := t.keys(workspace, openers(by))
		if err != nil {
			return err
		}
		story, err = openStory(ring, row, lines)
		return err
	})
	return story, err
}

func openStory(ring keyring, row taskRow, lines []taskLineRow) (TaskStory, error) {
	story := TaskStory{Task: row.Task, Gone: row.by != "" && !ring.opens(row.by)}
	if row.by != "" && !story.Gone {
		plain, err := ring.open(row.Workspace, row.by, "task", row.ID, row.sealed)
		if err != nil {
			return story, err
		}
		var typed map[string]string
		if err := json.Unmarshal(plain, &typed); err != nil {
			return story, fmt.Errorf("task %s: %w", row.ID, err)
		}
		maps.Copy(story.Args, typed)
	}
	for _, l := range lines {
		l.Gone = l.by != "" && !ring.opens(l.by)
		if l.by != "" && !l.Gone {
			plain, err := ring.open(row.Workspace, l.by, "task_line", l.ID, l.sealed)
			if err != nil {
				return story, err
			}
			l.Text = string(plain)
		}
		story.Lines = append(story.Lines, l.TaskLine)
	}
	return story, nil
}

// change is one act on a task: what it does, and its line in the history.
func (s *Store) change(ctx context.Context, workspace, id string, l TaskLine, act func(*tx) error) error {
	err := s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		if err := act(t); err != nil {
			return err
		}
		if err := t.addLine(workspace, id, l); err != nil {
			return err
		}
		return t.noted(workspace, l.Act+"-task", id, l.Detail)
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", l.Act, id, err)
	}
	return nil
}

// addLine writes a line of the history, its text under the key of the customer
// whom the task is about, if there is one who can still be forgotten.
func (t *tx) addLine(workspace, task string, l TaskLine) error {
	customer, err := one(t, scanString, `SELECT customer FROM task WHERE workspace = $1 AND id = $2`, workspace, task)
	if err != nil {
		return found("task", err)
	}
	when := time.Now()
	l.ID = t.s.lines.Next("tln", when)
	var sealed []byte
	by := ""
	if l.Text != "" {
		ring, err := t.keys(workspace, openers([]string{customer}))
		if err != nil {
			return err
		}
		if !ring.opens(customer) {
			customer = ""
		}
		if sealed, by, err = ring.seal(workspace, customer, "task_line", l.ID, []byte(l.Text)); err != nil {
			return err
		}
	}
	_, err = t.exec(`INSERT INTO task_line (workspace, id, task, at, actor, act, detail, sealed_by, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		workspace, l.ID, task, us(when), t.s.actor, l.Act, l.Detail, by, sealed)
	return err
}

// mayTake refuses whoever is no member any more, or may only look.
func (t *tx) mayTake(workspace, member string) error {
	found, err := t.signIns(workspace, `AND id = $2`, member)
	if err == nil && len(found) == 0 {
		err = engawa.Invalid("/assignee", "name a member of this workspace", "there is no such member")
	}
	if err == nil && !found[0].Member.Role.Allows(engawa.Support) {
		err = engawa.Invalid("/assignee", "name a member with the role support or above", "this member may only look")
	}
	return err
}

// AssignTask gives an open task to a member, from whoever has it; to nobody if
// member is empty.
func (s *Store) AssignTask(ctx context.Context, workspace, id, member string) error {
	return s.change(ctx, workspace, id, TaskLine{Act: "assign", Detail: member}, func(t *tx) error {
		if err := t.expect("open task", `UPDATE task SET assignee = $3 WHERE workspace = $1 AND id = $2 AND state = 'open'`, workspace, id, member); err != nil || member == "" {
			return err
		}
		return t.mayTake(workspace, member)
	})
}

// MoveTask sets when an open task is due; zero: some day. Reminders follow.
func (s *Store) MoveTask(ctx context.Context, workspace, id string, due time.Time) error {
	detail := ""
	if !due.IsZero() {
		detail = due.UTC().Format(time.RFC3339)
	}
	return s.change(ctx, workspace, id, TaskLine{Act: "due", Detail: detail}, func(t *tx) error {
		return t.expect("open task", `UPDATE task SET due_at = $3, remind_at = $4 WHERE workspace = $1 AND id = $2 AND state = 'open'`,
			workspace, id, us(due), us(remindAt(time.Now(), due)))
	})
}

// NoteTask adds a note to a task, open or done.
func (s *Store) NoteTask(ctx context.Context, workspace, id, note string) error {
	return s.change(ctx, workspace, id, TaskLine{Act: "note", Text: note}, func(*tx) error { return nil })
}

// FinishTask marks an open task done by the store's actor, with a note that may
// be empty.
func (s *Store) FinishTask(ctx context.Context, workspace, id, note string) error {
	forgets := int64(0)
	err := s.change(ctx, workspace, id, TaskLine{Act: "finish", Text: note}, func(t *tx) (err error) {
		if forgets, err = one(t, scanInt, `SELECT forget_at FROM task WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
			return found("task", err)
		}
		if err := t.lockOfTask(workspace, id); err != nil {
			return err
		}
		if err := t.finish(workspace, id); err != nil {
			return err
		}
		k, err := one(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND id = $2`, workspace, id)
		if err != nil {
			return err
		}
		return t.saidByHand(k, note)
	})
	if err == nil && forgets > 0 && s.lite {
		_ = s.writer.wipe(ctx) // where somebody reads the log, the next sweep moves it
	}
	return err
}

// lockOfTask takes the row of a task's customer before the task: in this order who
// changes the customer comes to what a list has and to the task about it.
func (t *tx) lockOfTask(workspace, id string) error {
	_, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id = (SELECT customer FROM task WHERE workspace = $1 AND id = $2) {lock}`, workspace, id)
	return err
}

// finish marks an open task done, and reports it.
func (t *tx) finish(workspace, id string) error {
	if err := t.expect("open task", `UPDATE task SET state = 'done', remind_at = 0, done_at = $3, done_by = $4 WHERE workspace = $1 AND id = $2 AND state = 'open'`,
		workspace, id, now(), t.s.actor); err != nil {
		return err
	}
	k, err := one(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND id = $2`, workspace, id)
	if err != nil {
		return err
	}
	if err := t.doneInList(k); err != nil {
		return err
	}
	if _, err := t.exec(forgetTyped+`workspace = $1 AND id = $2`, workspace, id); err != nil {
		return err
	}
	return t.reportTask(k.Task, "manual_task.closed", "closed:"+id+":"+strconv.FormatInt(us(k.DoneAt), 36))
}

// Closing is a task that the hub itself finds done.
type Closing struct{ Kind, Ref, Note string }

// closeTask finishes an open task in the name of the hub itself, if there is one.
func (t *tx) closeTask(workspace string, x Closing) error {
	id, err := one(t, scanString, `SELECT id FROM task WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open' {lock}`, workspace, x.Kind, x.Ref)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = t.finish(workspace, id)
	}
	if err != nil {
		return err
	}
	return t.addLine(workspace, id, TaskLine{Act: "finish", Text: x.Note})
}

// ReopenTask opens a task that is done. It is a conflict where the same was
// raised again meanwhile.
func (s *Store) ReopenTask(ctx context.Context, workspace, id, note string) error {
	return s.change(ctx, workspace, id, TaskLine{Act: "reopen", Text: note}, func(t *tx) error {
		if err := t.lockOfTask(workspace, id); err != nil {
			return err
		}
		k, err := one(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 AND id = $2 AND state = 'done' {lock}`, workspace, id)
		if err != nil {
			return found("done task", err)
		}
		twin, err := one(t, scanString, `SELECT id FROM task WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open'`, workspace, k.Kind, k.Ref)
		switch {
		case err == nil:
			return &engawa.Error{Code: engawa.CodeConflict, Message: "the same was raised again as " + twin + ", which is open", Remedy: "go on with that task"}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = t.exec(`UPDATE task SET state = 'open', done_at = 0, done_by = '', remind_at = $3 WHERE workspace = $1 AND id = $2`,
			workspace, id, us(remindAt(time.Now(), k.DueAt)))
		if err != nil {
			return err
		}
		if err := t.unsaid(k); err != nil {
			return err
		}
		return t.reopenedInList(k)
	})
}

// Tasks returns tasks, open ones first, the nearest due first.
func (s *Store) Tasks(ctx context.Context, workspace string, limit int) (ks []engawa.Task, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanTask, `SELECT `+taskColumns+` FROM task WHERE workspace = $1 ORDER BY state DESC, due_at, created_at DESC LIMIT $2`, workspace, limit)
		ks = tasksOf(rows)
		return err
	})
	return ks, err
}

// TaskOrder is in which order a list of tasks stands.
type TaskOrder string

// The orders.
const (
	TasksNewest TaskOrder = ""
	TasksOldest TaskOrder = "oldest"
	TasksDue    TaskOrder = "due" // the nearest first, those for some day at the end
)

// TaskFilter narrows a list of tasks. Empty fields match all.
type TaskFilter struct {
	State      string // "open" or "done"
	Assignee   string
	Unassigned bool
	Overdue    bool // and open
	Customer   string
	Kind       string
	Source     string // an id, or one of engawa.TaskSources: all of that sort
	Order      TaskOrder
}

// untilWhen sorts tasks for some day behind all others.
const untilWhen = `CASE due_at WHEN 0 THEN 9223372036854775807 ELSE due_at END`

func (f TaskFilter) where(workspace string, p Page) where {
	var w where
	w.and(`workspace = ?`, workspace)
	if f.State != "" {
		w.and(`state = ?`, f.State)
	}
	if f.Assignee != "" {
		w.and(`assignee = ?`, f.Assignee)
	}
	if f.Unassigned {
		w.and(`assignee = ''`)
	}
	if f.Overdue {
		w.and(`state = 'open' AND due_at > 0 AND due_at < ?`, now())
	}
	if f.Customer != "" {
		w.and(`customer <> '' AND customer = ?`, f.Customer)
	}
	if f.Kind != "" {
		w.and(`kind = ?`, f.Kind)
	}
	switch from := f.Source; {
	case from == "":
	case from == "member" || from == "key":
		w.and(`source >= ? AND source < ?`, from+":", from+";")
	case strings.ContainsAny(from, "_:"):
		w.and(`source = ?`, from)
	default:
		w.and(`source >= ? AND source < ?`, from+"_", from+"`") // '`' follows '_'
	}
	switch {
	case f.Order == TasksNewest:
		w.and(`(created_at, id) < (?, ?)`, p.before(), p.ID)
	case p.ID == "":
	case f.Order == TasksOldest:
		w.and(`(created_at, id) > (?, ?)`, us(p.At), p.ID)
	default:
		w.and(`(`+untilWhen+`, id) > (?, ?)`, p.before(), p.ID)
	}
	return w
}

// After is where the page behind k begins, in the filter's order.
func (f TaskFilter) After(k engawa.Task) (time.Time, string) {
	if f.Order == TasksDue {
		return k.DueAt, k.ID
	}
	return k.CreatedAt, k.ID
}

// TaskPage returns a page of tasks, without what is to be typed.
func (s *Store) TaskPage(ctx context.Context, workspace string, f TaskFilter, p Page) (ks []engawa.Task, err error) {
	w := f.where(workspace, p)
	order := map[TaskOrder]string{TasksNewest: `created_at DESC, id DESC`, TasksOldest: `created_at, id`, TasksDue: untilWhen + `, id`}[f.Order]
	if order == "" {
		return nil, engawa.Invalid("?sort", "use newest, oldest or due", "there is no such order")
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanTask, `SELECT `+taskColumns+` FROM task `+w.text+fmt.Sprintf(` ORDER BY %s LIMIT %d`, order, p.limit()), w.args...)
		ks = tasksOf(rows)
		return err
	})
	return ks, err
}

// TaskCounts says how much there is to do.
type TaskCounts struct{ Open, Overdue int }

// CountTasks counts the open tasks.
func (s *Store) CountTasks(ctx context.Context, workspace string) (n TaskCounts, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		n, err = one(t, func(scan func(...any) error) (n TaskCounts, err error) { return n, scan(&n.Open, &n.Overdue) },
			`SELECT count(*), coalesce(sum(CASE WHEN due_at > 0 AND due_at < $2 THEN 1 ELSE 0 END), 0) FROM task WHERE workspace = $1 AND state = 'open'`, workspace, now())
		return err
	})
	return n, err
}

// TaskKinds lists the kinds of tasks that the workspace has had.
func (s *Store) TaskKinds(ctx context.Context, workspace string) (kinds []string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		kinds, err = all(t, scanString, `SELECT DISTINCT kind FROM task WHERE workspace = $1 ORDER BY kind`, workspace)
		return err
	})
	return kinds, err
}

const taskColumns = `workspace, id, kind, ref, source, customer, args, count, assignee, due_at, state, created_at, raised_at, done_at, done_by, sealed_by, sealed`

type taskRow struct {
	engawa.Task

	by     string
	sealed []byte
}

func scanTask(scan func(...any) error) (k taskRow, err error) {
	var args string
	var due, created, raised, done int64
	if err := scan(&k.Workspace, &k.ID, &k.Kind, &k.Ref, &k.Source, &k.Customer, &args, &k.Count, &k.Assignee, &due, &k.State, &created, &raised, &done, &k.DoneBy,
		&k.by, &k.sealed); err != nil {
		return k, err
	}
	k.DueAt, k.CreatedAt, k.RaisedAt, k.DoneAt = at(due), at(created), at(raised), at(done)
	err = json.Unmarshal([]byte(args), &k.Args)
	if k.Args == nil {
		k.Args = map[string]string{}
	}
	return k, err
}

func tasksOf(rows []taskRow) (ks []engawa.Task) {
	for _, r := range rows {
		ks = append(ks, r.Task)
	}
	return ks
}

type taskLineRow struct {
	TaskLine

	by     string
	sealed []byte
}

func scanTaskLine(scan func(...any) error) (l taskLineRow, err error) {
	var when int64
	err = scan(&l.ID, &when, &l.Actor, &l.Act, &l.Detail, &l.by, &l.sealed)
	l.At = at(when)
	return l, err
}
