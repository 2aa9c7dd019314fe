package vault

import (
	"bytes"
	"testing"
	"time"
)

// TestSignShort: a short signature holds for its data, purpose and key alone,
// and no other length of the same signature does.
func TestSignShort(t *testing.T) {
	v := New(Generate(time.Now()))
	sum, key := v.SignShort("a", []byte("x"))
	long, _ := v.Sign("a", []byte("x"))
	if len(sum) != 10 || !bytes.HasPrefix(long, sum) {
		t.Fatalf("%d octets", len(sum))
	}
	if !v.VerifyShort("a", []byte("x"), sum, key) {
		t.Error("a true signature was refused")
	}
	flipped := bytes.Clone(sum)
	flipped[9] ^= 1
	for name, ok := range map[string]bool{
		"other data":     v.VerifyShort("a", []byte("y"), sum, key),
		"other purpose":  v.VerifyShort("b", []byte("x"), sum, key),
		"no key":         v.VerifyShort("a", []byte("x"), sum, ""),
		"unknown key":    v.VerifyShort("a", []byte("x"), sum, "s260101aaaaaaaa"),
		"altered":        v.VerifyShort("a", []byte("x"), flipped, key),
		"cut":            v.VerifyShort("a", []byte("x"), sum[:9], key),
		"nothing":        v.VerifyShort("a", []byte("x"), nil, key),
		"long":           v.VerifyShort("a", []byte("x"), long, key),
		"of a neighbour": New(Generate(time.Now())).VerifyShort("a", []byte("x"), sum, key),
	} {
		if ok {
			t.Errorf("%s was accepted", name)
		}
	}
}
