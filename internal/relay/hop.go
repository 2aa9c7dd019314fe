package relay

import (
	"strconv"
	"strings"

	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/vault"
)

// HopField is the field of a mail by which the hub knows its own again, however it
// was forwarded. Of others' fields, and of what was not signed, nothing is believed.
const HopField = "X-Engawa-Hop"

// hopUse is the purpose of the field's signature; no address has it.
const hopUse = "hop"

// Hop is the field's text on a mail to which n of the hub's mails led, itself included.
func Hop(v *vault.Vault, n int) string {
	count := strconv.Itoa(n)
	sum, key := v.SignShort(purpose(hopUse), []byte(count))
	return count + "." + key + "." + tokenText.EncodeToString(sum)
}

// hops is the most that a field of ours on a mail says; 0: it is none of ours.
func (r *Receiver) hops(l *letter.Letter) (most int) {
	for _, field := range l.Fields(HopField) {
		count, signed, _ := strings.Cut(strings.TrimSpace(field), ".")
		key, sum, _ := strings.Cut(signed, ".")
		raw, err := tokenText.DecodeString(sum)
		n, atoi := strconv.Atoi(count)
		if err == nil && atoi == nil && r.Vault.VerifyShort(purpose(hopUse), []byte(count), raw, key) {
			most = max(most, n)
		}
	}
	return most
}
