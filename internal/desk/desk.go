// Package desk is what a support agent does: find a customer by whatever the
// customer can name, read the whole story, and have the App Store move a renewal
// date, of one customer or of all after an outage.
//
// What a text may be ([Forms]), whether a renewal can be moved ([LimitsOf]) and
// what became of a move ([Became]) are pure. Whatever makes the store do something
// is written down with its request's id before the store is asked, and is never
// asked a second time while nobody knows what became of the first.
package desk

import (
	"crypto/rand"
	"fmt"

	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
)

// Desk is a support desk. It is safe for several goroutines.
type Desk struct {
	Store   *store.Store
	Clients *follow.Clients
	Follow  *follow.Follower
}

// NewRequest returns a UUID (version 4, RFC 9562) for one request to the store.
func NewRequest() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
