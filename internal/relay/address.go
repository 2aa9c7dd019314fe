package relay

import (
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

// Use is what an address of the relay is for: the letters before its token.
type Use string

// The uses.
const (
	Bounce Use = "b"  // the return path of one delivery (VERP)
	Reply  Use = "r"  // where answers to one delivery go
	Inbox  Use = "in" // an account that takes mail: notices in, feedback loops
)

// How long an address works. Bounces of a mail come within days (RFC 5321
// 4.5.4.1 lets a sender try for five), complaints within weeks; people answer
// old mail. An inbox is written into other systems' settings and has no end.
const (
	BounceLife = 60 * 24 * time.Hour
	ReplyLife  = 2 * 366 * 24 * time.Hour
)

// Named is what a token names: a delivery, or for Inbox an account.
type Named struct {
	Use Use
	ID  string
}

// A token is the id of the signing key, then in base32: the 128 bits of the id,
// the day it ends (16 bits, days since 1970, 0: never), 80 bits of signature.
// With the longest use and its hyphen that is 63 octets, one less than a local
// part may have (RFC 5321 4.5.3.1.1). Case means nothing in it: servers on the
// way change it.
const (
	idSize  = 16
	daySize = 2
	macSize = 10
	size    = idSize + daySize + macSize
	text    = 45 // characters of size octets
	day     = 24 * time.Hour
)

var tokenText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// LocalPart returns the local part of the address for id until the end of the
// day of expires (zero: for good). It is empty if id is not one that
// engawa.NewID or NewOrderedID made.
func LocalPart(v *vault.Vault, use Use, id string, expires time.Time) string {
	_, random, _ := strings.Cut(id, "_")
	raw, err := tokenText.DecodeString(random)
	if err != nil || len(raw) != idSize {
		return ""
	}
	var last uint16
	if !expires.IsZero() {
		last = uint16(min(max(1, expires.Unix()/int64(day/time.Second)), 1<<16-1))
	}
	raw = binary.BigEndian.AppendUint16(raw, last)
	sum, key := v.SignShort(purpose(use), raw)
	return string(use) + "-" + key + tokenText.EncodeToString(append(raw, sum...))
}

// purpose gives each use a key of its own, so that one address is none of another use.
func purpose(use Use) string { return "relay." + string(use) }

var prefixes = map[Use]string{Bounce: engawa.PrefixDelivery, Reply: engawa.PrefixDelivery, Inbox: engawa.PrefixAccount}

// Open returns what the local part of an address names, if we signed it and its
// day is not over at now.
func Open(v *vault.Vault, local string, now time.Time) (Named, bool) {
	use, token, _ := strings.Cut(strings.ToLower(local), "-")
	prefix, known := prefixes[Use(use)]
	if !known || len(token) <= text {
		return Named{}, false
	}
	key, body := token[:len(token)-text], token[len(token)-text:]
	raw, err := tokenText.DecodeString(body)
	if err != nil || len(raw) != size || tokenText.EncodeToString(raw) != body {
		return Named{}, false
	}
	named, sum := raw[:idSize+daySize], raw[idSize+daySize:]
	if !v.VerifyShort(purpose(Use(use)), named, sum, key) {
		return Named{}, false
	}
	if last := binary.BigEndian.Uint16(named[idSize:]); last > 0 && now.Unix()/int64(day/time.Second) > int64(last) {
		return Named{}, false
	}
	return Named{Use(use), prefix + "_" + tokenText.EncodeToString(named[:idSize])}, true
}
