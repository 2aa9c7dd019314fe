package verdict

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// FuzzJudge: whatever the facts, a verdict answers all gates, explains each,
// and holds only into the future.
func FuzzJudge(f *testing.F) {
	set := load(f)
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		b, err := json.Marshal(randomFacts(r, noon))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, noon.UnixNano())
	}
	f.Add([]byte(`{}`), int64(0))
	f.Add([]byte(`{"channel":"kakao","purpose":"marketing","zones":["Local",""],"content":{"text":"(\u200b"}}`), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, nanos int64) {
		var facts engawa.Facts
		if json.Unmarshal(b, &facts) != nil {
			return
		}
		at := time.Unix(0, nanos)
		v := Judge(facts, set, at)
		if len(v.Gates) != len(engawa.Gates) {
			t.Fatalf("%d gates", len(v.Gates))
		}
		for i, g := range v.Gates {
			if g.Gate != engawa.Gates[i] || len(g.Reasons) == 0 || (g.Outcome == engawa.Hold) != g.Until.After(at) {
				t.Fatalf("gate %d: %+v", i, g)
			}
		}
		if (v.Outcome == engawa.Hold) != v.Until.After(at) || (v.Outcome == engawa.Send) != (v.Decided == "") {
			t.Fatalf("%s at %q until %s", v.Outcome, v.Decided, v.Until)
		}
		if v := Judge(facts, nil, at); v.Outcome != engawa.Refuse {
			t.Fatalf("without rules: %s", v.Outcome)
		}
	})
}

// TestReplay: facts that were stored are judged again to the same verdict.
func TestReplay(t *testing.T) {
	set := load(t)
	r := rand.New(rand.NewPCG(7, 8))
	for range 2_000 {
		f := randomFacts(r, noon)
		f.Final = rare(r, 2)
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var again engawa.Facts
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		one, two := Judge(f, set, noon), Judge(again, set, noon)
		a, err1 := json.Marshal(one)
		b, err2 := json.Marshal(two)
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Fatalf("%s\nand again\n%s\n(%v, %v)", a, b, err1, err2)
		}
		if !reflect.DeepEqual(one, Judge(f, set, noon)) {
			t.Fatal("the same facts are judged twice in two ways")
		}
	}
}
