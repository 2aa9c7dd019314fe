package store

import (
	"math"
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
