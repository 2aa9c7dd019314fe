package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// TakeIn asks to bring a takeout in.
type TakeIn struct {
	Workspace string // an empty one that takes it; "": one is made, under its own id
	Dry       bool   // do everything, and keep nothing
	// Next hands over the rows, kind by kind in the order of TakeoutKinds, as
	// Taking.Each told them; io.EOF ends them.
	Next func() (kind string, line []byte, err error)
}

// TakenIn is what came in.
type TakenIn struct {
	Workspace string
	Rows      map[string]int // by kind
	LeftOut   map[string]int // by kind: rows whose value nobody knows, of no use under another key ring
	Ended     map[string]int // what was under way, by what became of it: the names of the counts of task takeout.arrived
	Open      []string       // the accounts that are to be switched on again
}

// TaskArrived asks a person to finish what an import cannot.
const TaskArrived = "takeout.arrived"

var errDry = errors.New("nothing is kept")

// TakeIn brings a takeout in, all of it or nothing, in one transaction. Every
// customer gets a new key, everything is sealed and hashed anew under this
// hub's ring; of who was erased what is unreadable stays so. Nothing that was
// under way is sent: see endings. A task says what is left to do.
func (s *Store) TakeIn(ctx context.Context, in TakeIn) (got TakenIn, err error) {
	kind, line, err := in.Next()
	if err != nil {
		return got, err
	}
	r, err := parse(kind, line)
	if err == nil && kind != "workspace" {
		err = damaged(kind, "the first row is not the workspace")
	}
	if err == nil && in.Workspace == "" {
		in.Workspace, err = r.string("id")
	}
	if err != nil {
		return got, err
	}
	err = s.inTx(ctx, in.Workspace, func(t *tx) error {
		a := &arrival{tx: t, of: in.Workspace, got: TakenIn{Workspace: in.Workspace, Rows: map[string]int{}, LeftOut: map[string]int{}, Ended: map[string]int{}}}
		if err := a.room(); err != nil {
			return err
		}
		if err := a.add(kind, r); err != nil {
			return err
		}
		if err := a.all(ctx, in.Next); err != nil {
			return err
		}
		if err := a.finish(); err != nil {
			return err
		}
		got = a.got
		if in.Dry {
			return errDry
		}
		return t.noted(in.Workspace, "import-workspace", in.Workspace, "")
	})
	if errors.Is(err, errDry) {
		return got, nil
	}
	if err != nil {
		return TakenIn{}, fmt.Errorf("take in: %w", err)
	}
	s.wakeUp("", "")
	return got, nil
}

// arrival is a takeout that comes in.
type arrival struct {
	tx      *tx
	of      string
	got     TakenIn
	kind    string // of what waits to be inserted
	columns []column
	rows    []brought
}

// brought is a row as a takeout tells it.
type brought map[string]json.RawMessage

func parse(kind string, line []byte) (brought, error) {
	var r brought
	if err := json.Unmarshal(line, &r); err != nil || r == nil {
		return nil, damaged(kind, "a row is no JSON object")
	}
	return r, nil
}

func (r brought) string(name string) (s string, err error) {
	if r[name] == nil || json.Unmarshal(r[name], &s) != nil {
		return "", fmt.Errorf("%s is no text", name)
	}
	return s, nil
}

// room refuses a workspace in which anything is, and takes the place of an empty one.
func (a *arrival) room() error {
	there, err := all(a.tx, scanString, `SELECT id FROM workspace WHERE id = $1`, a.of)
	if err != nil || len(there) == 0 {
		return err
	}
	for _, x := range takenTables() {
		if slices.Contains([]string{"workspace", "member", "audit"}, x.table) {
			continue // whoever asks for it is a member, and that they came in is in the trail
		}
		n, err := one(a.tx, scanInt, `SELECT count(*) FROM `+x.table+` WHERE workspace = $1`, a.of)
		if err != nil {
			return err
		}
		if n > 0 {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("workspace %s is not empty: it has %d %s", a.of, n, x.kind),
				Remedy: "make an empty one with engawa workspace add, and name it with --into",
			}
		}
	}
	_, err = a.tx.exec(`DELETE FROM workspace WHERE id = $1`, a.of)
	return err
}

func (a *arrival) all(ctx context.Context, next func() (string, []byte, error)) error {
	for ctx.Err() == nil {
		kind, line, err := next()
		if errors.Is(err, io.EOF) {
			return a.flush()
		}
		if err != nil {
			return err
		}
		r, err := parse(kind, line)
		if err != nil {
			return err
		}
		if err := a.add(kind, r); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// add keeps a row until there is a batch of its kind and columns.
func (a *arrival) add(kind string, r brought) error {
	if kind != a.kind || len(a.rows) == takePage {
		if err := a.flush(); err != nil {
			return err
		}
	}
	if kind != a.kind {
		i := slices.IndexFunc(takenTables(), func(x taken) bool { return x.kind == kind })
		if i < 0 {
			return &engawa.Error{
				Code: engawa.CodeInvalid, Message: fmt.Sprintf("this engawa knows no %q, which the takeout holds", kind), Remedy: "import it with the engawa that wrote it, or a newer one",
			}
		}
		columns, err := a.tx.columns(takenTables()[i].table)
		if err != nil {
			return err
		}
		a.kind, a.columns = kind, columns
	}
	a.rows = append(a.rows, r)
	return nil
}

func (a *arrival) flush() error {
	if len(a.rows) == 0 {
		return nil
	}
	x := takenTables()[slices.IndexFunc(takenTables(), func(x taken) bool { return x.kind == a.kind })]
	ring, err := a.keys()
	if err != nil {
		return err
	}
	var batch arrivedRows
	for _, r := range a.rows {
		if x.hash.value != "" && string(r[x.hash.value]) == "null" && !x.hash.keep {
			a.got.LeftOut[x.kind]++
			continue
		}
		row, err := a.row(x, ring, r)
		if err != nil {
			return damaged(x.kind, "%v", err)
		}
		if !slices.Equal(batch.names, row.names) {
			if err := a.insert(x, batch); err != nil {
				return err
			}
			batch = arrivedRows{names: row.names}
		}
		batch.rows = append(batch.rows, row.values)
	}
	a.rows = a.rows[:0]
	return a.insert(x, batch)
}

// arrivedRows are rows of the same columns.
type arrivedRows struct {
	names []string
	rows  [][]any
}

func (a *arrival) insert(x taken, b arrivedRows) error {
	rows := b.rows
	if len(rows) == 0 {
		return nil
	}
	var places []string
	for i := range b.names {
		places = append(places, "$"+strconv.Itoa(i+1))
	}
	n, err := a.tx.insert(`INSERT INTO `+x.table+` (`+strings.Join(b.names, ", ")+`) VALUES (`+strings.Join(places, ", ")+`) ON CONFLICT DO NOTHING`, rows)
	if err != nil {
		return fmt.Errorf("insert %s: %w", x.kind, err)
	}
	if n < len(rows) {
		return &engawa.Error{
			Code: engawa.CodeConflict, Message: fmt.Sprintf("%d of the %s are there already", len(rows)-n, x.kind),
			Remedy: "import into an empty workspace whose members have other addresses than the takeout's, as one that engawa workspace add makes",
		}
	}
	a.got.Rows[x.kind] += n
	return nil
}

// keys opens the keys of the customers for whom the batch is sealed.
func (a *arrival) keys() (keyring, error) {
	var by []string
	for _, r := range a.rows {
		if whose, err := r.string("sealed_for"); err == nil && whose != sealedForWorkspace {
			by = append(by, whose)
		}
	}
	return a.tx.keys(a.of, openers(by))
}

// arrived is a row as it is inserted.
type arrived struct {
	names  []string
	values []any
}

func (r *arrived) add(name string, value any) {
	r.names, r.values = append(r.names, name), append(r.values, value)
}

// row makes a row of what was told: what is sealed is sealed and hashed anew,
// what did not leave is empty, and what the takeout did not know yet as the
// database makes it.
func (a *arrival) row(x taken, ring keyring, t brought) (r arrived, err error) {
	used := map[string]bool{}
	body, sealed, beside, by, err := a.seal(x, ring, t, used)
	if err != nil {
		return r, err
	}
	index, key, second := "", "", ""
	if x.hash.column != "" {
		index, key, err = a.index(x, x.hash, t, body, used)
	}
	if x.also.column != "" && err == nil {
		second, _, err = a.index(x, x.also, t, body, used)
	}
	for _, c := range a.columns {
		if err != nil {
			return r, err
		}
		var value any
		switch {
		case slices.Contains(x.made, c.name):
			continue
		case c.name == "workspace", x.table == "workspace" && c.name == "id":
			value, used["id"] = a.of, used["id"] || x.table == "workspace"
		case x.table == "data_key" && c.name == "kek":
			continue // with wrapped
		case x.table == "data_key" && c.name == "wrapped":
			err = a.key(&r, t)
			continue
		case c.name == "sealed" && !slices.Contains(x.stay, c.name):
			value = sealed
		case c.name == "sealed_by" && !slices.Contains(x.stay, c.name):
			value = by
		case c.name == x.with:
			value = beside
		case c.name == x.hash.column:
			value = index
		case c.name == x.also.column:
			value = second
		case c.name == "key_id" && x.hash.column != "":
			value = key
		case c.name == x.own:
			value, err = t.string("id")
		case slices.Contains(x.stay, c.name):
			value = zero(c.kind)
		case t[c.name] == nil:
			continue
		default:
			used[c.name] = true
			value, err = cellOf(c, t[c.name], slices.Contains(x.json, c.name))
		}
		r.add(c.name, value)
	}
	for name := range t {
		if err == nil && !used[name] {
			err = fmt.Errorf("this engawa knows no %s", name)
		}
	}
	return r, err
}

func zero(kind string) any {
	return map[string]any{textual: "", whole: int64(0), truth: false, binary: []byte(nil)}[kind]
}

// cellOf undoes plain and asJSON.
func cellOf(c column, raw json.RawMessage, isJSON bool) (v any, err error) {
	switch {
	case c.kind == textual && isJSON && raw[0] != '"':
		return string(raw), nil
	case c.kind == whole && isTime(c.name):
		v, err = timeOf(raw)
	case c.kind == whole:
		var n int64
		err = json.Unmarshal(raw, &n)
		v = n
	case c.kind == truth:
		var b bool
		err = json.Unmarshal(raw, &b)
		v = b
	case c.kind == binary:
		var b []byte
		err = json.Unmarshal(raw, &b)
		v = b
	default:
		var s string
		err = json.Unmarshal(raw, &s)
		v = s
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not of its type", c.name)
	}
	return v, nil
}

func timeOf(raw json.RawMessage) (int64, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return 0, err
	}
	when, err := time.Parse(time.RFC3339Nano, *s)
	return us(when), err
}

// key makes a customer's key anew; who was erased has none.
func (a *arrival) key(r *arrived, t brought) error {
	id, err := t.string("id")
	if err != nil {
		return err
	}
	kek, wrapped := "", []byte(nil)
	if string(t["state"]) == `"live"` {
		_, w, err := a.tx.s.vault.NewDataKey(a.of, id)
		if err != nil {
			return err
		}
		kek, wrapped = w.KEK, w.Bytes
	}
	r.add("kek", kek)
	r.add("wrapped", wrapped)
	return nil
}

// seal seals what was told. What was unreadable there is so here: bytes that no
// key opens, under the name of a customer who has none.
func (a *arrival) seal(x taken, ring keyring, t brought, used map[string]bool) (body, sealed, beside []byte, by string, err error) {
	if x.seal == unsealed || t["sealed_for"] == nil {
		return nil, nil, nil, "", nil
	}
	whose, err := t.string("sealed_for")
	used["sealed_for"] = true
	if err != nil {
		return nil, nil, nil, "", err
	}
	if string(t["erased"]) == "true" {
		used["erased"] = true
		if whose == sealedForWorkspace || ring.opens(whose) {
			return nil, nil, nil, "", fmt.Errorf("%s was not erased, and a row of theirs was", whose)
		}
		return nil, make([]byte, wrappedSize), nil, whose, nil
	}
	if whose == sealedForWorkspace {
		whose = ""
	}
	if body, err = x.body(t, used); err != nil {
		return nil, nil, nil, "", err
	}
	name, err := x.rowName(t)
	if err != nil {
		return nil, nil, nil, "", err
	}
	if last := bytes.LastIndexByte(body, '\n'); x.with != "" && last >= 0 {
		sealed, beside, by, err = ring.sealWith(a.of, whose, x.table, name, body[:last], x.with, body[last+1:])
	} else {
		sealed, by, err = ring.seal(a.of, whose, x.table, name, body)
	}
	return body, sealed, beside, by, err
}

// body undoes Taking.tell.
func (x taken) body(t brought, used map[string]bool) ([]byte, error) {
	var parts []string
	for _, name := range x.told {
		raw := t[name]
		if raw == nil {
			continue // the body had fewer lines
		}
		used[name] = true
		if raw[0] != '"' && x.seal != inText {
			parts = append(parts, string(raw))
			continue
		}
		s, err := t.string(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s is missing", x.told[0])
	}
	return []byte(strings.Join(parts, "\n")), nil
}

// rowName is takenRow.name of what was told.
func (x taken) rowName(t brought) (string, error) {
	if x.table != "attempt" {
		return t.string("id")
	}
	delivery, err := t.string("delivery")
	return delivery + "." + string(t["n"]), err
}

// index hashes a value under this hub's ring. What an erasure emptied stays empty.
func (a *arrival) index(x taken, h hashed, t brought, body []byte, used map[string]bool) (index, key string, err error) {
	value := string(body)
	switch {
	case h.value != "":
		used[h.value] = true
		name := h.value
		if string(t[name]) == "null" {
			name = "id" // it is found by nothing, and differs from all others
		}
		if value, err = t.string(name); err != nil || value == "" {
			return "", "", err
		}
	case h.member != "" && body == nil: // of who was erased
		if value, err = t.string("id"); err != nil {
			return "", "", err
		}
	case h.member != "":
		sealed, err := parse(x.kind, body)
		if err == nil {
			value, err = sealed.string(h.member)
		}
		if err != nil {
			return "", "", err
		}
	}
	var fields []string
	for _, field := range h.fields {
		s, missing := t.string(field)
		fields, err = append(fields, s), errors.Join(err, missing)
	}
	domain := h.domain + strings.Join(fields, "/")
	if h.fold {
		value = strings.ToLower(value)
	}
	index, key = a.tx.s.vault.Index(a.of, domain, value)
	switch {
	case h.value == "" && h.member == "" && string(t["erased"]) == "true":
		index = ""
	case x.table == "member" && strings.HasPrefix(string(t["ended_at"]), `"`):
		id, _ := t.string("id") // rowName has asked for it
		index = "ended " + id
	}
	return index, key, err
}

// endings say what becomes of what was under way: nothing of it is sent by this
// hub, since the other one may have sent it or be about to. Of each the count is
// kept under its name.
func endings() []struct{ name, q string } {
	return []struct{ name, q string }{
		{"unknown", `UPDATE delivery SET state = 'unknown', note = 'imported', doubt = FALSE WHERE workspace = $1 AND (state = 'sending' OR waits AND doubt = TRUE)`},
		{"canceled", `UPDATE delivery SET state = 'canceled', note = 'imported' WHERE workspace = $1 AND waits`},
		{"", `UPDATE message SET state = CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.workspace = message.workspace AND d.message = message.id AND d.state = 'unknown')
			THEN 'unknown' ELSE 'canceled' END WHERE workspace = $1 AND ` + messageState + ` = 'waiting'`},
		{"unrouted", `UPDATE event SET routed = TRUE WHERE workspace = $1 AND routed = FALSE`},
		{"gathered", `UPDATE digest SET state = 'done' WHERE workspace = $1 AND state = 'open'`},
		{"", `UPDATE replay SET state = 'stopped' WHERE workspace = $1 AND state = 'running'`},
		{"", `UPDATE broadcast SET state = 'stopped' WHERE workspace = $1 AND state IN ('running', 'paused')`},
		{"", `UPDATE import SET state = 'expired' WHERE workspace = $1 AND state IN ('open', 'applying', 'stopped')`},
		{"", `UPDATE refund_case SET answer = 'proposed' WHERE workspace = $1 AND answer IN ('sending', 'retrying')`},
		{"keys", `UPDATE api_key SET revoked_at = $2 WHERE workspace = $1 AND revoked_at = 0`},
	}
}

// finish ends what was under way, makes what is this hub's own, switches every
// account off and asks a person for the rest.
func (a *arrival) finish() error {
	for _, e := range endings() {
		args := []any{a.of}
		if strings.Contains(e.q, "$2") {
			args = append(args, now())
		}
		n, err := a.tx.exec(e.q, args...)
		if err != nil {
			return err
		}
		if e.name != "" {
			a.got.Ended[e.name] = int(n)
		}
	}
	if err := a.directory(); err != nil {
		return err
	}
	if err := a.tx.quartersOfBefore(a.of); err != nil {
		return err
	}
	if err := a.tx.ownCustody(a.of); err != nil {
		return err
	}
	var err error
	if a.got.Open, err = all(a.tx, scanString, `SELECT id FROM account WHERE workspace = $1 AND enabled = TRUE AND ended_at = 0 ORDER BY id`, a.of); err != nil {
		return err
	}
	for _, q := range [...]string{
		`UPDATE account SET enabled = FALSE WHERE workspace = $1 AND enabled = TRUE`,
		`INSERT INTO lane (workspace, account) SELECT workspace, id FROM account WHERE workspace = $1`,
	} {
		if _, err := a.tx.exec(q, a.of); err != nil {
			return err
		}
	}
	return a.ask()
}

// directory says whose the public ids are, once on a hub.
func (a *arrival) directory() error {
	for kind, table := range map[string]string{"account": "account", "key": "api_key"} {
		n, err := a.tx.exec(`INSERT INTO directory (public_id, workspace, kind) SELECT id, workspace, '`+kind+`' FROM `+table+` WHERE workspace = $1 ON CONFLICT DO NOTHING`, a.of)
		if err != nil {
			return err
		}
		all, err := one(a.tx, scanInt, `SELECT count(*) FROM `+table+` WHERE workspace = $1`, a.of)
		if err != nil {
			return err
		}
		if n != all {
			return &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("%d of the takeout's %ss are those of another workspace of this hub", all-n, table),
				Remedy: "it is here already: import it into another hub",
			}
		}
	}
	return nil
}

// ask raises the task that lists what only a person can do now.
func (a *arrival) ask() error {
	args := map[string]string{"accounts": strconv.Itoa(len(a.got.Open))}
	for name, n := range a.got.Ended {
		args[name] = strconv.Itoa(n)
	}
	for _, kind := range []string{"identities", "suppressions"} {
		args[kind] = strconv.Itoa(a.got.LeftOut[kind])
	}
	if err := a.tx.raise(engawa.Task{Workspace: a.of, Kind: TaskArrived, Ref: a.of, Args: args, DueAt: time.Now().Add(24 * time.Hour)}); err != nil {
		return err
	}
	return a.tx.notify("", "")
}
