package smaregi

import (
	"testing"

	"github.com/engawa/engawa"
)

const today = "2026-11-30"

func said(action, day, plan string) Word {
	return Word{Contract: "c1", Event: subscription, Action: action, Day: day, Plan: plan, Digest: action + day + plan}
}

// TestHear: of two days the later one counts, inside a day the later arrival, and what
// does not go together is doubted.
func TestHear(t *testing.T) {
	const active, expired, suspended = engawa.SubscriptionActive, engawa.SubscriptionExpired, engawa.SubscriptionSuspended
	for name, c := range map[string]struct {
		words []Word
		want  Standing // without Last and Words
	}{
		"starts": {[]Word{said("start", "2026-11-01", "std")}, Standing{State: active, Plan: "std", Day: "2026-11-01", Since: "2026-11-01"}},
		"ends": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-20", "")},
			Standing{State: expired, Plan: "std", Day: "2026-11-20", Since: "2026-11-01", Until: "2026-11-20"},
		},
		"ends on its first day": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-01", "")},
			Standing{State: expired, Plan: "std", Day: "2026-11-01", Since: "2026-11-01", Until: "2026-11-01"},
		},
		"the end came before the start": {
			[]Word{said("end", "2026-11-01", ""), said("start", "2026-11-01", "std")},
			Standing{State: active, Plan: "std", Day: "2026-11-01", Since: "2026-11-01", Doubt: EndedFirst},
		},
		"a start of an earlier day came late": {
			[]Word{said("end", "2026-11-02", ""), said("start", "2026-11-01", "std")},
			Standing{State: expired, Day: "2026-11-02", Since: "2026-11-02", Until: "2026-11-02", Doubt: Unheard},
		},
		"starts again another day": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-02", ""), said("start", "2026-11-03", "pro")},
			Standing{State: active, Plan: "pro", Day: "2026-11-03", Since: "2026-11-03"},
		},
		"the start comes twice, the second time after the end": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-01", ""), said("start", "2026-11-01", "std")},
			Standing{State: active, Plan: "std", Day: "2026-11-01", Since: "2026-11-01", Doubt: EndedFirst},
		},
		"starts while it runs": {
			[]Word{said("start", "2026-11-01", "std"), said("start", "2026-11-02", "pro")},
			Standing{State: active, Plan: "pro", Day: "2026-11-02", Since: "2026-11-01", Doubt: StartedTwice},
		},
		"changes its plan": {
			[]Word{said("start", "2026-11-01", "std"), said("change-plan", "2026-11-05", "pro")},
			Standing{State: active, Plan: "pro", Day: "2026-11-05", Since: "2026-11-01"},
		},
		"options of one nobody knew": {[]Word{said("change-options", "2026-11-01", "")}, Standing{State: active, Day: "2026-11-01", Since: "2026-11-01", Doubt: Unheard}},
		"stops": {
			[]Word{said("start", "2026-11-01", "std"), said("force-stop", "2026-11-02", "")},
			Standing{State: suspended, Plan: "std", Day: "2026-11-02", Since: "2026-11-01"},
		},
		"stops and goes on": {
			[]Word{said("start", "2026-11-01", "std"), said("force-stop", "2026-11-02", ""), said("cancel-force-stop", "2026-11-02", "")},
			Standing{State: active, Plan: "std", Day: "2026-11-02", Since: "2026-11-01"},
		},
		"goes on and was not stopped": {
			[]Word{said("start", "2026-11-01", "std"), said("cancel-force-stop", "2026-11-02", "")},
			Standing{State: active, Plan: "std", Day: "2026-11-02", Since: "2026-11-01", Doubt: NotStopped},
		},
		"changes after its end": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-02", ""), said("change-plan", "2026-11-03", "pro")},
			Standing{State: expired, Plan: "std", Day: "2026-11-02", Since: "2026-11-01", Until: "2026-11-02", Doubt: OfEnded},
		},
		"ends before a change that was told for a day to come": {
			[]Word{said("start", "2026-11-01", "std"), said("change-plan", "2026-12-10", "pro"), said("end", today, "")},
			Standing{State: expired, Plan: "pro", Day: today, Since: "2026-11-01", Until: today},
		},
		"a word of a day that is past came late, beside a change to come": {
			[]Word{said("start", "2026-11-01", "std"), said("change-plan", "2026-12-10", "pro"), said("force-stop", "2026-11-20", "")},
			Standing{State: active, Plan: "pro", Day: "2026-12-10", Since: "2026-11-01"},
		},
		"ends on no day that is said": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "", "")},
			Standing{State: expired, Plan: "std", Day: today, Since: "2026-11-01", Until: today},
		},
		"ends twice": {
			[]Word{said("start", "2026-11-01", "std"), said("end", "2026-11-02", ""), said("end", "2026-11-03", "")},
			Standing{State: expired, Plan: "std", Day: "2026-11-02", Since: "2026-11-01", Until: "2026-11-02", Doubt: EndedTwice},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := Standing{}
			for n, w := range c.words {
				next, again := s.Hear(w, today)
				if again || next.Words != n+1 {
					t.Fatalf("word %d: again %t, %d words", n, again, next.Words)
				}
				same, again := next.Hear(w, today)
				if !again || same != next {
					t.Errorf("word %d once more: again %t, %+v", n, again, same)
				}
				s = next
			}
			s.Last, s.Words = "", 0
			if s != c.want {
				t.Errorf("stands as %+v, want %+v", s, c.want)
			}
		})
	}
}

// TestKey: the same words on another occasion are another event; the last ones once
// more are not.
func TestKey(t *testing.T) {
	var s Standing
	keys := map[string]bool{}
	for _, w := range []Word{said("start", "2026-11-01", ""), said("end", "2026-11-01", ""), said("start", "2026-11-01", "")} {
		s, _ = s.Hear(w, today)
		keys[s.Key()] = true
		again, _ := s.Hear(w, today)
		keys[again.Key()] = true
	}
	if len(keys) != 3 {
		t.Errorf("%d keys of three words, each told twice", len(keys))
	}
}

// TestSubscription: it ends with its last day, in Japan.
func TestSubscription(t *testing.T) {
	b := Standing{State: engawa.SubscriptionExpired, Since: "2026-11-01", Until: "2026-11-01"}.Subscription(engawa.Sandbox)
	if b.Product != noPlan || b.Environment != engawa.Sandbox || b.StartsAt.String() != "2026-10-31 15:00:00 +0000 UTC" || b.EndsAt.String() != "2026-11-01 14:59:59 +0000 UTC" {
		t.Errorf("%+v", b)
	}
}
