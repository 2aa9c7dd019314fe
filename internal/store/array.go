package store

import (
	bigendian "encoding/binary"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// element is what a [array] is an array of: its type in SQL, that of an array of
// it, and how a value looks on the wire.
type element struct {
	name       string
	oid, array uint32
	size       func(reflect.Value) int // negative: NULL
	put        func([]byte, reflect.Value) []byte
}

var elements = map[reflect.Kind]element{
	reflect.String: {"text", pgtype.TextOID, pgtype.TextArrayOID, reflect.Value.Len, putText},
	reflect.Slice:  {"bytea", pgtype.ByteaOID, pgtype.ByteaArrayOID, sizeOfBytes, putBytes},
	reflect.Int:    {"bigint", pgtype.Int8OID, pgtype.Int8ArrayOID, sizeOfInt, putInt},
	reflect.Int64:  {"bigint", pgtype.Int8OID, pgtype.Int8ArrayOID, sizeOfInt, putInt},
	reflect.Bool:   {"boolean", pgtype.BoolOID, pgtype.BoolArrayOID, sizeOfBool, putBool},
}

func sizeOfInt(reflect.Value) int  { return 8 }
func sizeOfBool(reflect.Value) int { return 1 }

func sizeOfBytes(v reflect.Value) int {
	if v.IsNil() {
		return -1
	}
	return v.Len()
}

func putText(b []byte, v reflect.Value) []byte  { return append(b, v.String()...) }
func putBytes(b []byte, v reflect.Value) []byte { return append(b, v.Bytes()...) }
func putInt(b []byte, v reflect.Value) []byte {
	return bigendian.BigEndian.AppendUint64(b, uint64(v.Int())) //nolint:gosec // two's complement is what the wire has
}

func putBool(b []byte, v reflect.Value) []byte {
	if v.Bool() {
		return append(b, 1)
	}
	return append(b, 0)
}

// arrayCodec sends a [array] straight from the rows. pgx's own codec would make a
// value of each element, and let its buffer of a megabyte grow from nothing.
type arrayCodec struct{ pgtype.Codec }

func (c arrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(array); ok && format == pgtype.BinaryFormatCode {
		return arrayPlan{}
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

// takeArrays has a connection know arrays.
func takeArrays(c *pgx.Conn) {
	m := c.TypeMap()
	for _, e := range elements {
		known, _ := m.TypeForOID(e.array) // pgx has all of them
		if _, ours := known.Codec.(arrayCodec); !ours {
			m.RegisterType(&pgtype.Type{Name: known.Name, OID: e.array, Codec: arrayCodec{known.Codec}})
		}
	}
}

type arrayPlan struct{}

// Encode appends an array of one dimension that begins at 1, as array_send of
// PostgreSQL does: the number of dimensions, whether there are NULLs, the element's
// type, the length, the lower bound, and of each element its length and itself.
func (arrayPlan) Encode(value any, b []byte) ([]byte, error) {
	c := value.(array) //nolint:forcetypeassert // PlanEncode looked
	const head = 5 * 4
	size, nulls := head+4*len(c.rows), uint32(0)
	for i := range c.rows {
		if n := c.of.size(c.value(i)); n >= 0 {
			size += n
		} else {
			nulls = 1
		}
	}
	b = slices.Grow(b, size)
	for _, n := range []uint32{1, nulls, c.of.oid, uint32(len(c.rows)), 1} { //nolint:gosec // a batch has a thousand rows
		b = bigendian.BigEndian.AppendUint32(b, n)
	}
	for i := range c.rows {
		v := c.value(i)
		n := c.of.size(v)
		b = bigendian.BigEndian.AppendUint32(b, uint32(n)) //nolint:gosec // -1 is NULL, and nothing is longer than 2 GB
		if n >= 0 {
			b = c.of.put(b, v)
		}
	}
	return b, nil
}
