package engawa

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
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
