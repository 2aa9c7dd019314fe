package relay_test

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/vault"
)

func TestAddress(t *testing.T) {
	now := time.Date(2027, 3, 4, 23, 0, 0, 0, time.UTC)
	v := vault.New(vault.Generate(now))
	delivery, account := engawa.NewOrderedID(engawa.PrefixDelivery, now), engawa.NewID(engawa.PrefixAccount)
	for _, c := range []struct {
		use     relay.Use
		id      string
		expires time.Time
	}{{relay.Bounce, delivery, now.Add(relay.BounceLife)}, {relay.Reply, delivery, now.Add(relay.ReplyLife)}, {relay.Inbox, account, time.Time{}}} {
		local := relay.LocalPart(v, c.use, c.id, c.expires)
		if len(local) > 64 || local != strings.ToLower(local) || strings.Contains(local, c.id[4:]) && len(local) < 60 {
			t.Errorf("%s: %q is %d octets", c.use, local, len(local))
		}
		for _, written := range []string{local, strings.ToUpper(local)} {
			if got, ok := relay.Open(v, written, now); !ok || got != (relay.Named{Use: c.use, ID: c.id}) {
				t.Errorf("%s opens as %v, %t", written, got, ok)
			}
		}
		if !c.expires.IsZero() {
			if _, ok := relay.Open(v, local, c.expires); !ok {
				t.Errorf("%s ends before its day is over", c.use)
			}
			if _, ok := relay.Open(v, local, c.expires.Add(25*time.Hour)); ok {
				t.Errorf("%s works after its day", c.use)
			}
		}
	}
	if got := relay.LocalPart(v, relay.Bounce, "dlv_1", now); got != "" {
		t.Errorf("an id that nobody made has the address %q", got)
	}
}

// TestForeignAddress: what we did not sign, for this use, names nothing.
func TestForeignAddress(t *testing.T) {
	now := time.Now()
	v := vault.New(vault.Generate(now))
	good := relay.LocalPart(v, relay.Bounce, engawa.NewOrderedID(engawa.PrefixDelivery, now), now.Add(time.Hour))
	foreign := relay.LocalPart(vault.New(vault.Generate(now)), relay.Bounce, engawa.NewOrderedID(engawa.PrefixDelivery, now), now.Add(time.Hour))
	bad := []string{"", "b", "b-", "info", "in-", foreign, "r" + good[1:], "in" + good[1:], "x" + good[1:], good[:len(good)-1], good + "0", "b-" + strings.Repeat("0", 60), "b--" + good[2:], good + "+x"}
	for i := range good[2:] {
		c := byte('0')
		if good[2+i] == '0' {
			c = '1'
		}
		bad = append(bad, good[:2+i]+string(c)+good[3+i:])
	}
	for range 10000 {
		b := []byte(good)
		for range 1 + rand.IntN(3) {
			b[2+rand.IntN(len(b)-2)] = "0123456789abcdefghjkmnpqrstvwxyz"[rand.IntN(32)]
		}
		if string(b) != good {
			bad = append(bad, string(b))
		}
	}
	for _, local := range bad {
		if got, ok := relay.Open(v, local, now); ok {
			t.Fatalf("%q names %v", local, got)
		}
	}
	if _, ok := relay.Open(v, good, now); !ok {
		t.Error("the true one names nothing")
	}
}

// TestSignature: what a token holds besides the id and the day is its signature. That
// has 80 bits at least, none of which stands still, and none of which may be another.
func TestSignature(t *testing.T) {
	text := base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
	now := time.Date(2027, 3, 4, 23, 0, 0, 0, time.UTC)
	v := vault.New(vault.Generate(now))
	_, key := v.Sign("any", nil)
	for use, prefix := range map[relay.Use]string{relay.Bounce: engawa.PrefixDelivery, relay.Reply: engawa.PrefixDelivery, relay.Inbox: engawa.PrefixAccount} {
		var ones, zeros []byte
		for range 64 {
			id := engawa.NewOrderedID(prefix, now)
			raw, err := text.DecodeString(strings.TrimPrefix(relay.LocalPart(v, use, id, now), string(use)+"-"+key))
			if err != nil {
				t.Fatal(err)
			}
			named, err := text.DecodeString(strings.TrimPrefix(id, prefix+"_"))
			if err != nil {
				t.Fatal(err)
			}
			named = binary.BigEndian.AppendUint16(named, uint16(now.Unix()/86400))
			sum, ok := bytes.CutPrefix(raw, named)
			if !ok || len(sum)*8 < 80 {
				t.Fatalf("%s: %d bits of signature behind the id and the day: %v", use, len(sum)*8, ok)
			}
			if ones == nil {
				ones, zeros = make([]byte, len(sum)), make([]byte, len(sum))
			}
			for i, b := range sum {
				ones[i] |= b
				zeros[i] |= ^b
			}
			bit := rand.IntN(len(sum) * 8)
			raw[len(named)+bit/8] ^= 1 << (bit % 8)
			if _, ok := relay.Open(v, string(use)+"-"+key+text.EncodeToString(raw), now); ok {
				t.Errorf("%s: bit %d of the signature may be another", use, bit)
			}
		}
		if still := bytes.TrimLeft(slices.Concat(ones, zeros), "\xff"); len(still) > 0 {
			t.Errorf("%s: bits of the signature stand still: %x %x", use, ones, zeros)
		}
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Unix(1800000000, 0)
	v := vault.New(vault.Generate(now))
	f.Add("b-s260101aaaaaaaa" + strings.Repeat("0", 45))
	f.Add(relay.LocalPart(v, relay.Inbox, engawa.NewID(engawa.PrefixAccount), time.Time{}))
	f.Fuzz(func(t *testing.T, local string) {
		named, ok := relay.Open(v, local, now)
		if ok && relay.LocalPart(v, named.Use, named.ID, time.Time{}) == "" {
			t.Errorf("%q names %v, for which no address can be made", local, named)
		}
	})
}
