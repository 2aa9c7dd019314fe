package phone_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/phone"
)

// TestReason: an answer is what the catalogue says, and one a day.
func TestReason(t *testing.T) {
	now := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	s := phone.Session{Workspace: "ws_1", App: "app_1", Account: "acc_1", Customer: "cus_1"}
	first, err := phone.Reason(s, engawa.Production, "too_expensive", "高い", "club", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := catalogue.Check(first); err != nil {
		t.Error(err)
	}
	for want, at := range map[bool]time.Time{true: now.Add(30 * time.Minute), false: now.Add(2 * time.Hour)} {
		if again, err := phone.Reason(s, engawa.Production, "too_expensive", "", "club", at); err != nil || (again.DedupKey == first.DedupKey) != want {
			t.Errorf("%v: %q and %q, %v", at, first.DedupKey, again.DedupKey, err)
		}
	}
}

// TestPace: a network and a key have what fills up again, and each its own.
func TestPace(t *testing.T) {
	var p phone.Pace
	now := time.Now()
	n := 0
	for p.Admit("key", "10.0.0.0/32", now) == nil {
		n++
	}
	if n != 100 || p.Admit("key", "10.0.0.1/32", now) != nil || p.Admit("key", "10.0.0.0/32", now.Add(time.Second)) != nil {
		t.Errorf("%d at once", n)
	}
}

// TestPaceOfKey: all the devices of an app have 2000 calls at once and 200 a second,
// from however many networks; another app's have theirs.
func TestPaceOfKey(t *testing.T) {
	var p phone.Pace
	now, network := time.Now(), 0
	admitted := func(key string, at time.Time) (n int) {
		for range 3000 {
			network++ // one call from each
			if err := p.Admit(key, fmt.Sprint("network ", network), at); err != nil {
				if engawa.CodeOf(err) != engawa.CodeRateLimited {
					t.Error(err)
				}
				return n
			}
			n++
		}
		return n
	}
	for _, c := range []struct {
		what, key string
		after     time.Duration
		want      int
	}{
		{"at once", "key", 0, 2000},
		{"at once by another key", "other", 0, 2000},
		{"after a second", "key", time.Second, 200},
		{"after an hour", "key", time.Hour, 2000},
	} {
		if n := admitted(c.key, now.Add(c.after)); n != c.want {
			t.Errorf("%s: %d calls, want %d", c.what, n, c.want)
		}
	}
}
