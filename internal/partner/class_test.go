package partner

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/verdict"
)

// TestAnswerOf: every code that a verdict can carry becomes one of the classes, by
// its gate; that a mailbox bounced, that there is none and that its owner
// complained are one; and no time is told but that of the partner's own quota.
func TestAnswerOf(t *testing.T) {
	until := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for _, code := range verdict.Codes {
		gate, _, _ := strings.Cut(code, ".")
		for _, outcome := range []engawa.Outcome{engawa.Hold, engawa.Refuse} {
			v := engawa.Verdict{Outcome: outcome, Until: until, Gates: []engawa.GateResult{
				{Gate: engawa.Gate(gate), Outcome: outcome, Until: until, Reasons: []engawa.Reason{{Gate: engawa.Gate(gate), Code: code}}},
			}}
			a := AnswerOf(v)
			for _, c := range a.Classes {
				if !slices.Contains(Classes, c) {
					t.Errorf("%s is told as %s", code, c)
				}
			}
			if quota := slices.Equal(a.Classes, []Class{Quota}); !a.Until.IsZero() != quota || quota != strings.HasPrefix(code, "budget.grant_") {
				t.Errorf("%s tells %v until %s", code, a.Classes, a.Until)
			}
		}
	}
	one := func(gate engawa.Gate, code string) string {
		a := AnswerOf(engawa.Verdict{Outcome: engawa.Refuse, Gates: []engawa.GateResult{
			{Gate: gate, Outcome: engawa.Refuse, Reasons: []engawa.Reason{{Code: code}}},
			{Gate: engawa.GateRules, Outcome: engawa.Hold, Until: until, Reasons: []engawa.Reason{{Code: "rules.quiet_hours"}}}, // beside a refusal nothing is held
		}})
		if len(a.Classes) != 1 {
			t.Fatalf("%s: %v", code, a.Classes)
		}
		return string(a.Classes[0])
	}
	for _, code := range []string{"recipient.none", "recipient.unverified", "recipient.erased", "relationship.blocked", "suppression.bounced", "suppression.complained", "suppression.operator"} {
		gate, _, _ := strings.Cut(code, ".")
		if got := one(engawa.Gate(gate), code); got != string(NotReachable) {
			t.Errorf("%s is told as %s", code, got)
		}
	}
	if a, b := one(engawa.GateRules, "rules.minor"), one(engawa.GateRules, "rules.quiet_never"); a != b {
		t.Errorf("a minor is told as %s, another rule as %s", a, b)
	}
}
