package store

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Page asks for a part of a list, newest first: what stands before the row
// (At, ID). The zero Page is the first one.
type Page struct {
	At    time.Time
	ID    string
	Limit int // 1 to 200; 0: 50
}

func (p Page) before() int64 {
	if p.At.IsZero() {
		return math.MaxInt64
	}
	return us(p.At)
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return 50
	}
	return min(p.Limit, 200)
}

func now() int64 { return us(time.Now()) }

// where collects the conditions that a filter asks for, so that each list is a
// statement that an index can serve. Conditions are this package's own text.
type where struct {
	text string
	args []any
}

// and adds a condition; each ? in it stands for the next of args.
func (w *where) and(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	if w.text == "" {
		w.text = "WHERE " + condition
		return
	}
	w.text += " AND " + condition
}
