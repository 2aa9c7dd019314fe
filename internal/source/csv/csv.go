// Package csv reads the files that systems without an API export: members and
// contracts, a line each. It decodes a file, says what stands in which column by
// a mapping that an operator wrote, and decides what has changed since the source
// spoke last. It is pure: internal/intake acts on what it says.
package csv

import (
	"fmt"

	"github.com/engawa/engawa/internal/channel"
)

// Kind is a system as a source of such files. It has no callback: members of the
// workspace upload them.
var Kind = channel.Kind{
	Name: "csv",
	Fields: []channel.Field{
		{Key: "issuer", Type: channel.Text, Default: "business"},
		{Key: "mapping", Type: channel.Own, Check: func(s string) error { _, err := Parse(s); return err }},
	},
	File: true,
}

// The limits of a file. What is larger is refused before anything is kept.
const (
	MaxBytes   = 10 << 20
	MaxRows    = 50_000
	MaxColumns = 200
	MaxCell    = 4_000 // characters
	MaxHeading = 200
	MaxNumber  = 255 // characters of a member number, a contract id, a name, a plan
)

// Fault is what is wrong with a file or with a line of it. Its words are
// "csv.fault.<code>" and "csv.fault.<code>.remedy". It holds no value of the
// file but what Seen may: a heading, a count, a short word.
type Fault struct {
	Code    string
	Line    int    // of the file, from 1; 0: the whole of it
	Column  string // the heading; empty: the whole line
	Seen    string // what is there
	Allowed string // what may be
}

// Format names the line and the code, whatever the verb.
func (f Fault) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "line %d of the file: %s", f.Line, f.Code) }

// Table is a file as rows of cells.
type Table struct {
	Encoding  string
	Separator string
	Header    []string
	Rows      []Row
}

// Row is one line of it, which may have line ends in it.
type Row struct {
	Line  int // where it begins
	Cells []string
	Fault *Fault // why it cannot be read; nil: it can
}

// Format names the line alone, whatever the verb: its cells are somebody's.
func (r Row) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "line %d", r.Line) }

// Column returns the values of column i, at most n of them, of rows that can be read.
func (t Table) Column(i, n int) (values []string) {
	for _, r := range t.Rows {
		if len(values) == n {
			break
		}
		if r.Fault == nil {
			values = append(values, r.Cells[i])
		}
	}
	return values
}
