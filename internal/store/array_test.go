package store

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/engawa/engawa"
)

// TestArray holds what an array looks like on the wire to pgx's own codec.
func TestArray(t *testing.T) {
	rows := [][]any{
		{"ws_1", engawa.Sending, int64(-1), 0, true, []byte("sealed")},
		{"", engawa.Accepted, int64(1) << 62, -7, false, []byte(nil)},
		{"花子 ☕", engawa.DeliveryState(""), int64(0), 7, true, []byte{}},
	}
	pgx := pgtype.NewMap()
	for n, want := range []struct {
		oid    uint32
		values any
	}{
		{pgtype.TextArrayOID, []string{"ws_1", "", "花子 ☕"}},
		{pgtype.TextArrayOID, []string{"sending", "accepted", ""}},
		{pgtype.Int8ArrayOID, []int64{-1, 1 << 62, 0}},
		{pgtype.Int8ArrayOID, []int64{0, -7, 7}},
		{pgtype.BoolArrayOID, []bool{true, false, true}},
		{pgtype.ByteaArrayOID, [][]byte{[]byte("sealed"), nil, {}}},
	} {
		a, err := arrayOf(rows, n)
		if err != nil || a.of.array != want.oid {
			t.Errorf("argument %d is an array of %s: %v", n, a.of.name, err)
			continue
		}
		before := []byte("before")
		got, err := arrayPlan{}.Encode(a, bytes.Clone(before))
		theirs, err2 := pgx.Encode(want.oid, pgtype.BinaryFormatCode, want.values, bytes.Clone(before))
		if err != nil || err2 != nil || !bytes.Equal(got, theirs) {
			t.Errorf("argument %d:\n% x\npgx sends\n% x\n%v %v", n, got, theirs, err, err2)
		}
	}
	if a, err := arrayOf([][]any{{1.5}}, 0); err == nil {
		t.Errorf("a float is an array of %s", a.of.name)
	}
	for _, bad := range []string{"\x00", "\xff"} {
		if _, err := arrayOf([][]any{{"good"}, {bad}}, 0); engawa.CodeOf(err) != engawa.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
