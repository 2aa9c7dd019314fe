// Package verdict judges whether a message may be said.
package verdict

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// Judge answers the eight gates.
func Judge(f engawa.Facts, rules *rule.Set, at time.Time) engawa.Verdict {
	return engawa.Verdict{Outcome: engawa.Refuse}
}
