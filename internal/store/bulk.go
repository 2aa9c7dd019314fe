package store

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// update runs the UPDATE q for every row of args and reports which changed
// something. No two rows may be of one row of the table. On PostgreSQL all go as
// one statement: the same text, its $n read from a table made of args.
func (t *tx) update(q string, args [][]any) ([]bool, error) {
	changed := make([]bool, len(args))
	if len(args) == 0 {
		return changed, nil
	}
	if t.s.lite {
		return changed, t.each(q, args, func(i int, n int64) { changed[i] = n > 0 })
	}
	text, columns, err := t.bulk(q, args)
	if err != nil {
		return nil, err
	}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var n int
		err := scan(&n)
		if err == nil {
			changed[n-1] = true
		}
		return struct{}{}, err
	}, text, columns...)
	return changed, err
}

// insert runs the INSERT q for every row of args and returns how many rows the
// table got. On PostgreSQL all go as one statement.
func (t *tx) insert(q string, args [][]any) (n int, err error) {
	if len(args) == 0 {
		return 0, nil
	}
	if t.s.lite {
		return n, t.each(q, args, func(_ int, rows int64) { n += int(rows) })
	}
	text, columns, err := t.bulk(q, args)
	if err != nil {
		return 0, err
	}
	rows, err := t.exec(text, columns...)
	return int(rows), err
}

// each runs q for one row after the other: SQLite has no way to anybody else,
// and running a prepared statement there is a call.
func (t *tx) each(q string, args [][]any, done func(i int, n int64)) error {
	for i, a := range args {
		n, err := t.exec(q, a...)
		if err != nil {
			return err
		}
		done(i, n)
	}
	return nil
}

var argument = regexp.MustCompile(`\$([0-9]+)`)

// bulk turns a statement for one row, with $1 … $n, into one for many: $n
// becomes column n of r, a table of the arrays that it returns.
func (t *tx) bulk(q string, args [][]any) (text string, columns []any, err error) {
	types := make([]string, len(args[0]))
	for i := range args[0] {
		c, err := arrayOf(args, i)
		if err != nil {
			return "", nil, fmt.Errorf("argument $%d of %.60q: %w", i+1, q, err)
		}
		columns, types[i] = append(columns, c), c.of.name
	}
	head, tail, insert := strings.Cut(q, "VALUES (")
	if !insert {
		set, where, ok := strings.Cut(q, "WHERE ")
		if !ok {
			return "", nil, fmt.Errorf("%.60q changes every row", q)
		}
		return inColumns(set) + table(types) + " WHERE " + inColumns(where) + " RETURNING r.ord", columns, nil
	}
	values, rest, _ := strings.Cut(tail, ")")
	return head + "SELECT " + inColumns(values) + table(types) + rest, columns, nil
}

func inColumns(q string) string { return argument.ReplaceAllString(q, "r.c$1") }

// table is the clause that makes r.
func table(types []string) string {
	var arrays, names strings.Builder
	for i, sqlType := range types {
		n := strconv.Itoa(i + 1)
		arrays.WriteString("$" + n + "::" + sqlType + "[], ")
		names.WriteString("c" + n + ", ")
	}
	return " FROM unnest(" + strings.TrimSuffix(arrays.String(), ", ") + ") WITH ORDINALITY AS r(" + names.String() + "ord)"
}

// array is argument n of every row, which goes as one array.
type array struct {
	rows [][]any
	n    int
	of   element
}

// arrayOf finds what argument n of every row is an array of.
func arrayOf(rows [][]any, n int) (array, error) {
	of, ok := elements[reflect.TypeOf(rows[0][n]).Kind()]
	if !ok {
		return array{}, fmt.Errorf("%T is no column", rows[0][n])
	}
	c := array{rows, n, of}
	if of.name == "text" {
		for i := range rows {
			if !storableText(c.value(i).String()) {
				return c, errUnstorable()
			}
		}
	}
	return c, nil
}

func (c array) value(row int) reflect.Value { return reflect.ValueOf(c.rows[row][c.n]) }
