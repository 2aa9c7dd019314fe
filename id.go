package engawa

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// Prefixes of the ids that users meet.
const (
	PrefixWorkspace    = "ws"
	PrefixMember       = "mem"
	PrefixApp          = "app"
	PrefixPartner      = "ptn"
	PrefixGrant        = "grt"
	PrefixCustomer     = "cus"
	PrefixContactPoint = "cp"
	PrefixDestination  = "dst"
	PrefixAccount      = "acc"
	PrefixEvent        = "evt"
	PrefixRoute        = "rte"
	PrefixDigest       = "dig"
	PrefixTemplate     = "tpl"
	PrefixBroadcast    = "brd"
	PrefixMessage      = "msg"
	PrefixDelivery     = "dlv"
	PrefixAttempt      = "att"
	PrefixTask         = "tsk"
	PrefixConsent      = "cns"
	PrefixDisclosure   = "dsc"
	PrefixKey          = "key"
	PrefixSubscription = "sbs"
	PrefixReplay       = "rpl"
	PrefixImport       = "imp"
	PrefixPurchase     = "pur"
	PrefixGap          = "gap"
	PrefixRefund       = "rfd"
	PrefixConsumption  = "csm"
	PrefixNote         = "nte"
	PrefixReply        = "rep"
	PrefixExtension    = "ext"
	PrefixHandle       = "sub"
	PrefixEnding       = "end"
	PrefixOfferPool    = "ofp"
	PrefixOfferCode    = "ofc"
	PrefixInApp        = "iam"
	PrefixUnread       = "unr"
	PrefixRegistration = "reg"
	PrefixCustody      = "cst"
	PrefixTag          = "tag"
	PrefixSegment      = "seg"
)

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns prefix, an underscore and 128 random bits as 26 characters.
// It tells an outsider nothing, not even when it was made.
func NewID(prefix string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails (Go 1.24)
	return prefix + "_" + idText.EncodeToString(b[:])
}

// NewOrderedID returns an id that sorts by at (milliseconds) and is random
// beyond that. It is for rows that no outsider sees: events, deliveries, attempts.
func NewOrderedID(prefix string, at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	copy(b[:6], ms[2:])
	return prefix + "_" + idText.EncodeToString(b[:])
}

// Sequence makes ids that sort strictly in the order in which they are made, also
// within a millisecond and where the clock is set back. Those of several
// sequences sort by their milliseconds. The zero Sequence is ready, and safe for
// concurrent use. No outsider may see its ids: they tell when they were made.
type Sequence struct {
	mu   sync.Mutex
	last uint64 // 48 bits of milliseconds, 16 that count within one
}

// Next returns the next id, for something that happens at.
func (q *Sequence) Next(prefix string, at time.Time) string {
	q.mu.Lock()
	q.last = max(q.last+1, uint64(max(0, at.UnixMilli()))<<16)
	n := q.last
	q.mu.Unlock()
	var b [16]byte
	_, _ = rand.Read(b[8:])
	binary.BigEndian.PutUint64(b[:8], n)
	return prefix + "_" + idText.EncodeToString(b[:])
}

// FixedID returns the id that prefix and of always give: what is made from them
// is made once, whoever makes it and how often.
func FixedID(prefix string, of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	return prefix + "_" + idText.EncodeToString(sum[:16])
}

// HasPrefix reports whether id has the form that NewID gives for prefix.
func HasPrefix(id, prefix string) bool {
	rest, ok := strings.CutPrefix(id, prefix+"_")
	return ok && rest != ""
}
