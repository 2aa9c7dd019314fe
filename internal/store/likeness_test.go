package store

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// TestLikeness changes every field of a verdict and its facts, however deep, and
// wants another likeness each time but for what is left out.
func TestLikeness(t *testing.T) {
	var j Judged
	fill(reflect.ValueOf(&j).Elem(), 1)
	first := j.likeness()
	out := map[string]bool{
		".Facts.Content.Subject": true, ".Facts.Content.Text": true, ".Facts.Final": true, ".Verdict.At": true,
	}
	n := 0
	eachLeaf(reflect.ValueOf(&j).Elem(), "", func(path string, leaf reflect.Value) {
		n++
		was := reflect.New(leaf.Type()).Elem()
		was.Set(leaf)
		fill(leaf, 2)
		if changed := j.likeness() != first; changed == out[path] {
			t.Errorf("%s: another likeness: %t", path, changed)
		}
		leaf.Set(was)
	})
	if n < 100 {
		t.Errorf("only %d fields were changed", n)
	}
	if j.likeness() != first {
		t.Error("what was changed back is not like itself")
	}
}

// TestLikenessOfTimes: an instant is the same in every zone, and nothing is nothing.
func TestLikenessOfTimes(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 0, 0, 5000, time.UTC)
	here, there := Judged{}, Judged{}
	here.Facts.CreatedAt, there.Facts.CreatedAt = at, at.In(time.FixedZone("JST", 9*3600))
	there.Facts.Zones, there.Verdict.Gates = []string{}, []engawa.GateResult{}
	if here.likeness() != there.likeness() {
		t.Error("the same instant in another zone, or empty lists, are not alike")
	}
}

// fill gives v and all in it values by n: one element in each list and map.
func fill(v reflect.Value, n int) {
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Unix(int64(n), int64(n))
		return
	}
	switch v.Kind() { //nolint:exhaustive // of the others it panics
	case reflect.Bool:
		v.SetBool(n == 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Float64:
		v.SetFloat(float64(n))
	case reflect.String:
		v.SetString(fmt.Sprint(n))
	case reflect.Pointer:
		if v.Type() != reflect.TypeFor[*engawa.About]() { // no gate reads it
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": fmt.Sprint(n)}))
	default:
		panic(v.Type())
	}
}

// eachLeaf calls do with each value below v that holds no others, and with lists of
// such and maps as a whole.
func eachLeaf(v reflect.Value, path string, do func(string, reflect.Value)) {
	_, instant := reflect.TypeAssert[*time.Time](v.Addr())
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
	case v.Kind() == reflect.Struct && !instant:
		for f, field := range v.Fields() {
			eachLeaf(field, path+"."+f.Name, do)
		}
	case v.Kind() == reflect.Pointer:
		eachLeaf(v.Elem(), path, do)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		eachLeaf(v.Index(0), path+"[0]", do)
	default:
		do(path, v)
	}
}

func BenchmarkLikeness(b *testing.B) {
	var j Judged
	fill(reflect.ValueOf(&j).Elem(), 1)
	b.ReportAllocs()
	for b.Loop() {
		j.likeness()
	}
}
