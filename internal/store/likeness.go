package store

import (
	"crypto/sha256"
	"encoding/base64"
	bin "encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"
)

// likeness is the same for verdicts that found the same in the same: a hash of
// gates and facts but for the instant, the words and whether they are final.
// 16 bytes: it is compared with one that is sealed, against no adversary. An
// older program's is another; then a verdict is kept twice, and nothing is lost.
func (j Judged) likeness() string {
	j.Verdict.At, j.Facts.Final, j.Facts.About = time.Time{}, false, nil
	j.Facts.Content.Subject, j.Facts.Content.Text = "", ""
	sum := sha256.Sum256(appendLike(make([]byte, 0, 2<<10), reflect.ValueOf(&j).Elem()))
	return base64.RawStdEncoding.EncodeToString(sum[:16])
}

// appendLike appends v in a form in which different values differ, field by field,
// so that none is forgotten; nil and empty are one. V is addressable. It is for the
// plain data of facts and verdicts, takes a quarter of the time of JSON, and panics
// at anything else.
func appendLike(b []byte, v reflect.Value) []byte {
	switch v.Kind() { //nolint:exhaustive // of the others it panics
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int64:
		return bin.AppendVarint(b, v.Int())
	case reflect.Float64:
		return bin.BigEndian.AppendUint64(b, math.Float64bits(v.Float()))
	case reflect.String:
		return appendLikeText(b, v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendLike(append(b, 1), v.Elem())
	case reflect.Slice:
		b = bin.AppendUvarint(b, uint64(v.Len())) //nolint:gosec // no length is negative
		for i := range v.Len() {
			b = appendLike(b, v.Index(i))
		}
		return b
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
			return bin.AppendVarint(bin.AppendVarint(b, t.Unix()), int64(t.Nanosecond()))
		}
		for i := range v.NumField() { //nolint:modernize // Fields takes seven times as long
			b = appendLike(b, v.Field(i))
		}
		return b
	case reflect.Map:
		if m, ok := reflect.TypeAssert[map[string]string](v); ok {
			b = bin.AppendUvarint(b, uint64(len(m)))
			for _, k := range slices.Sorted(maps.Keys(m)) {
				b = appendLikeText(appendLikeText(b, k), m[k])
			}
			return b
		}
	}
	panic(fmt.Sprintf("store: a verdict or its facts hold a %s, for which appendLike has no form", v.Type()))
}

func appendLikeText(b []byte, s string) []byte {
	return append(bin.AppendUvarint(b, uint64(len(s))), s...)
}
