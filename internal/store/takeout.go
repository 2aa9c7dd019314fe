package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/engawa/engawa"
)

// TakeOut asks for everything of a workspace.
type TakeOut struct {
	Workspace string
	// Secret reports whether a setting of a kind of account is left out; nil: none is.
	Secret func(kind, setting string) bool
}

// Taking reads a workspace as it was at one moment.
type Taking struct {
	tx      *tx
	of      TakeOut
	ring    keyring
	known   map[string]string   // values by their keyed hashes
	wanted  map[string][]wanted // by customer: hashes whose values nobody has told yet
	Left    map[string][]string // the settings that were left out, by account
	Unknown map[string]int      // the rows, by kind, that lack a value which nobody knows
}

// wanted is a hash whose value may stand in what its customer's events tell.
type wanted struct{ domain, hash string }

// beginTaking sees one moment, however long it takes.
const beginTaking = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// TakeOut has do read everything of a workspace as it is at this moment, opened.
// It stops nobody; while it lasts SQLite's log grows, and what is erased is not
// wiped from it.
func (s *Store) TakeOut(ctx context.Context, o TakeOut, do func(*Taking) error) error {
	take := func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM workspace WHERE id = $1`, o.Workspace); err != nil {
			return found("workspace", err)
		}
		k := &Taking{
			tx: t, of: o, ring: keyring{vault: s.vault}, known: map[string]string{}, wanted: map[string][]wanted{}, Left: map[string][]string{}, Unknown: map[string]int{},
		}
		if err := k.want(); err != nil {
			return err
		}
		return do(k)
	}
	var err error
	if s.lite {
		err = s.view(ctx, o.Workspace, take)
	} else {
		err = s.postgresTx(ctx, beginTaking, o.Workspace, take)
	}
	if err != nil {
		return fmt.Errorf("take out %s: %w", o.Workspace, err)
	}
	return nil
}

// want notes whose values are to be found.
func (k *Taking) want() error {
	for _, x := range takenTables() {
		if x.hash.value != "value" {
			continue // an address, which its contact point tells
		}
		domain := `'` + x.hash.domain + `'`
		if len(x.hash.fields) > 0 {
			domain += ` || ` + strings.Join(x.hash.fields, ` || '/' || `)
		}
		_, err := all(k.tx, func(scan func(...any) error) (struct{}, error) {
			var customer string
			var w wanted
			err := scan(&customer, &w.domain, &w.hash)
			k.wanted[customer] = append(k.wanted[customer], w)
			return struct{}{}, err
		}, `SELECT customer, `+domain+`, `+x.hash.column+` FROM `+x.table+` WHERE workspace = $1 AND `+x.hash.column+` <> ''`, k.of.Workspace)
		if err != nil {
			return err
		}
	}
	return nil
}

const takePage = 500

// Each hands one row of a kind after the other, a JSON object each, without a
// line feed, in the order of their keys. Kinds come in the order of
// TakeoutKinds, since the later ones hold values that the earlier ones tell; a
// kind may be asked for again.
func (k *Taking) Each(kind string, put func(line []byte) error) error {
	n := slices.IndexFunc(takenTables(), func(x taken) bool { return x.kind == kind })
	x := takenTables()[n]
	delete(k.Unknown, kind)
	columns, err := k.tx.columns(x.table)
	if err != nil {
		return err
	}
	order := strings.Split(x.order, ", ")
	var last []any
	for page := takePage; page == takePage; {
		rows, err := k.page(x, columns, last)
		if err != nil {
			return fmt.Errorf("%s: %w", x.table, err)
		}
		for _, r := range rows {
			line, err := k.line(x, r)
			if err == nil {
				err = put(line)
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", x.table, r.name(x), err)
			}
		}
		if page = len(rows); page > 0 {
			last = rows[page-1].values(order)
		}
	}
	return nil
}

// column is a column of a table as the database has it.
type column struct{ name, kind string }

// The kinds of columns, in the names of both engines.
const (
	textual = "TEXT"
	whole   = "INT8"
	truth   = "BOOL"
	binary  = "BYTEA"
)

// columns asks the database itself, so that no column is forgotten.
func (t *tx) columns(table string) ([]column, error) {
	rows, err := t.query(`SELECT * FROM ` + table + ` LIMIT 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var out []column
	for _, c := range types {
		kind := map[string]string{"BIGINT": whole, "BOOLEAN": truth}[c.DatabaseTypeName()]
		if kind == "" {
			kind = c.DatabaseTypeName()
		}
		if !slices.Contains([]string{textual, whole, truth, binary}, kind) {
			return nil, fmt.Errorf("%s.%s is of type %s, which a takeout has no form for", table, c.Name(), kind)
		}
		out = append(out, column{c.Name(), kind})
	}
	return out, rows.Err()
}

// takenRow is a row as the database has it.
type takenRow struct {
	columns []column
	cells   []any // *string, *int64, *bool, *[]byte
}

func (r takenRow) cell(name string) any {
	return r.cells[slices.IndexFunc(r.columns, func(c column) bool { return c.name == name })]
}

func (r takenRow) text(name string) string { return *r.cell(name).(*string) }

func (r takenRow) has(name string) bool {
	return slices.ContainsFunc(r.columns, func(c column) bool { return c.name == name })
}

func (r takenRow) values(names []string) (out []any) {
	for _, n := range names {
		switch v := r.cell(n).(type) {
		case *string:
			out = append(out, *v)
		case *int64:
			out = append(out, *v)
		}
	}
	return out
}

// name is the row's name in keyring.seal.
func (r takenRow) name(x taken) string {
	if x.table == "attempt" {
		return fmt.Sprintf("%s.%d", r.text("delivery"), *r.cell("n").(*int64))
	}
	return r.text(strings.Split(x.order, ", ")[0])
}

// beside is what is sealed beside the rest of the row; nil: nothing.
func (r takenRow) beside(x taken) []byte {
	if x.with == "" {
		return nil
	}
	return *r.cell(x.with).(*[]byte)
}

func (k *Taking) page(x taken, columns []column, last []any) ([]takenRow, error) {
	of, args := "workspace", []any{k.of.Workspace}
	if x.table == "workspace" {
		of = "id"
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = firstSet(x.as[c.name], c.name)
	}
	q := `SELECT ` + strings.Join(names, `, `) + ` FROM ` + x.table + ` WHERE ` + of + ` = $1`
	if last != nil {
		var places []string
		for i := range last {
			places = append(places, "$"+strconv.Itoa(i+2))
		}
		q, args = q+` AND (`+x.order+`) > (`+strings.Join(places, ", ")+`)`, append(args, last...)
	}
	rows, err := all(k.tx, func(scan func(...any) error) (takenRow, error) {
		r := takenRow{columns, make([]any, len(columns))}
		for i, c := range columns {
			r.cells[i] = newCell(c.kind)
		}
		return r, scan(r.cells...)
	}, q+` ORDER BY `+x.order+` LIMIT `+strconv.Itoa(takePage), args...)
	if err != nil || x.seal == unsealed {
		return rows, err
	}
	var by []string
	for _, r := range rows {
		by = append(by, r.text("sealed_by"))
	}
	k.ring, err = k.tx.keys(k.of.Workspace, openers(by))
	return rows, err
}

func newCell(kind string) any {
	switch kind {
	case whole:
		return new(int64)
	case truth:
		return new(bool)
	case binary:
		return new([]byte)
	}
	return new(string)
}

// line writes a row as a JSON object.
func (k *Taking) line(x taken, r takenRow) ([]byte, error) {
	var o object
	for i, c := range r.columns {
		switch {
		case c.name == "workspace", c.name == x.own, slices.Contains(x.stay, c.name), slices.Contains(x.made, c.name):
		case c.name == "sealed", c.name == "sealed_by", c.name == "key_id", c.name == x.hash.column, c.name == x.also.column, c.name == x.with:
		case slices.Contains(x.json, c.name):
			o.add(c.name, asJSON(*r.cells[i].(*string)))
		default:
			o.add(c.name, plain(c.name, r.cells[i]))
		}
	}
	if err := k.unseal(&o, x, r); err != nil {
		return nil, err
	}
	if x.hash.value != "" {
		hash := r.text(x.hash.column)
		value, known := k.known[hash]
		if known || hash == "" { // of no value
			o.add(x.hash.value, quoted(value))
		} else {
			o.add(x.hash.value, []byte("null"))
			k.Unknown[x.kind]++
		}
	}
	if x.table == "event" {
		k.harvest(r.text("customer"), quoted(r.text("subject")))
	}
	return o.end(), nil
}

// unseal tells what is sealed, and whose erasure would make it unreadable.
func (k *Taking) unseal(o *object, x taken, r takenRow) error {
	if x.seal == unsealed {
		return nil
	}
	sealed, by := *r.cell("sealed").(*[]byte), r.text("sealed_by")
	if sealed == nil {
		return nil // nothing was sealed
	}
	whose := by
	if strings.HasPrefix(by, byRing) {
		whose = sealedForWorkspace
	}
	o.add("sealed_for", quoted(whose))
	if !k.ring.opens(by) {
		o.add("erased", []byte("true"))
		return nil
	}
	body, err := k.ring.open(k.of.Workspace, by, x.table, r.name(x), sealed)
	if err != nil {
		return err
	}
	if more := r.beside(x); more != nil {
		last, err := k.ring.openBeside(k.of.Workspace, by, x.table, r.name(x), sealed, x.with, more)
		if err != nil {
			return err
		}
		body = slices.Concat(body, []byte{'\n'}, last)
	}
	k.remember(x, r, body)
	return k.tell(o, x, r, body)
}

// sealedForWorkspace says that no customer's erasure reaches a row.
const sealedForWorkspace = "workspace"

func (k *Taking) tell(o *object, x taken, r takenRow, body []byte) error {
	switch x.seal {
	case inText:
		o.add(x.told[0], quoted(string(body)))
	case inLines:
		for i, part := range bytes.SplitN(body, []byte{'\n'}, len(x.told)) {
			o.add(x.told[i], asJSON(string(part)))
		}
	case settings:
		var all map[string]string
		if err := json.Unmarshal(body, &all); err != nil {
			return err
		}
		kept, err := json.Marshal(k.public(r, all))
		if err != nil {
			return err
		}
		o.add(x.told[0], kept)
	case inJSON, unsealed:
		o.add(x.told[0], asJSON(string(body)))
	}
	return nil
}

// public leaves secrets out, and notes which.
func (k *Taking) public(r takenRow, all map[string]string) map[string]string {
	if k.of.Secret == nil {
		return all
	}
	kept := map[string]string{}
	var left []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" && k.of.Secret(r.text("kind"), name) {
			left = append(left, name)
		} else {
			kept[name] = all[name]
		}
	}
	if len(left) > 0 {
		k.Left[r.text("id")] = left
	}
	return kept
}

// remember notes values by their hashes: addresses by what stands beside them,
// others where an event, a file or a contact point of their customer tells them.
func (k *Taking) remember(x taken, r takenRow, body []byte) {
	switch {
	case x.hash.fold && x.table != "member":
		k.known[r.text(x.hash.column)] = string(body)
		if r.has("customer") {
			k.harvest(r.text("customer"), quoted(string(body)))
		}
	case x.table == "event":
		var b eventBody
		if json.Unmarshal(body, &b) == nil {
			k.harvest(r.text("customer"), b.Data)
			k.harvest(r.text("customer"), b.Raw)
		}
	case x.hash.value != "" || x.hash.member != "":
		k.harvest(r.text("customer"), body)
	}
}

// valueMost is the most bytes of a value by which somebody is found.
const valueMost = 512

// harvest looks in JSON that concerns a customer for values whose hashes are wanted.
func (k *Taking) harvest(customer string, text []byte) {
	if len(k.wanted[customer]) == 0 {
		return
	}
	for d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); ; {
		token, err := d.ReadToken()
		if err != nil {
			return // it has ended, or is no JSON
		}
		if token.Kind() != '"' && token.Kind() != '0' {
			continue
		}
		value := token.String()
		k.try(customer, value)
		if low := strings.ToLower(value); low != value {
			k.try(customer, low)
		}
		if _, id, ok := strings.Cut(value, ":"); ok { // of a subject: "transaction:1000…"
			k.try(customer, id)
		}
	}
}

func (k *Taking) try(customer, value string) {
	if value == "" || len(value) > valueMost {
		return
	}
	left := k.wanted[customer][:0]
	for _, w := range k.wanted[customer] {
		if hash, _ := k.tx.s.vault.Index(k.of.Workspace, w.domain, value); hash == w.hash {
			k.known[hash] = value
		} else {
			left = append(left, w)
		}
	}
	k.wanted[customer] = left
}

// object writes a JSON object, its members in the order in which they are added.
type object struct{ b []byte }

func (o *object) add(name string, value []byte) {
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(append(o.b, quoted(name)...), ':')
	o.b = append(o.b, value...)
}

func (o *object) end() []byte { return append(o.b, '}') }

func quoted(s string) []byte {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		b, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "�")) // it is valid now
	}
	return b
}

// asJSON tells a text that is a JSON object, list or null as such, and any other
// as a text. Nothing is lost: a JSON text itself is told as a text.
func asJSON(s string) []byte {
	v := jsontext.Value(s)
	if (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") || s == "null") && v.IsValid() && !strings.Contains(s, "\n") {
		return v
	}
	return quoted(s)
}

// isTime reports whether a number is a time: microseconds, 0 for none.
func isTime(name string) bool {
	return name == "at" || name == "since" || strings.HasSuffix(name, "_at")
}

func plain(name string, cell any) []byte {
	switch v := cell.(type) {
	case *string:
		return quoted(*v)
	case *bool:
		return strconv.AppendBool(nil, *v)
	case *int64:
		switch {
		case !isTime(name):
			return strconv.AppendInt(nil, *v, 10)
		case *v == 0:
			return []byte("null")
		}
		return quoted(at(*v).Format(time.RFC3339Nano))
	case *[]byte:
		if *v == nil {
			return []byte("null")
		}
		return quoted(base64.StdEncoding.EncodeToString(*v))
	}
	return nil
}

// damaged says that a takeout's row is not as this program writes one.
func damaged(kind, format string, a ...any) error {
	return engawa.Invalid("", "import the file as engawa export wrote it, with this engawa or a newer one", kind+": "+format, a...)
}
