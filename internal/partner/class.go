package partner

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Class is why a message waits or was refused, as far as a partner may know. What
// a class stands for must not be told apart by it: that a mailbox bounced, that
// there is none, and that its owner complained are one class.
type Class string

// The classes. Their words are internal/text's, under "partner.why." and the class.
const (
	NotReachable Class = "not_reachable" // there is no way to this subscriber on this channel
	NoConsent    Class = "no_consent"    // the subscriber did not agree, or no longer does
	NotDisclosed Class = "not_disclosed" // the business has not filed the page that announces automatic messages
	Rules        Class = "rules"         // a rule of law or of the house forbids it
	Sender       Class = "sender"        // the partner's own particulars are missing
	Expired      Class = "expired"       // it was over before it could go
	Later        Class = "later"         // an hour or a limit holds it back; it goes by itself
	Quota        Class = "quota"         // the grant's quota is used up until its end
	Stopped      Class = "stopped"       // the business stopped it
	GrantEnded   Class = "grant_ended"
	GrantLacks   Class = "grant_lacks" // the grant does not cover app, channel, purpose or scope
)

// Classes are all of them.
var Classes = []Class{NotReachable, NoConsent, NotDisclosed, Rules, Sender, Expired, Later, Quota, Stopped, GrantEnded, GrantLacks}

// Answer is a verdict as a partner is told it.
type Answer struct {
	Channel string
	Outcome engawa.Outcome
	Classes []Class
	Until   time.Time // of Quota alone: another time would tell where the subscriber lives
}

// AnswerOf translates a verdict.
func AnswerOf(v engawa.Verdict) Answer {
	a := Answer{Channel: v.Channel, Outcome: v.Outcome}
	for _, g := range v.Gates {
		if g.Outcome == engawa.Send || g.Outcome != v.Outcome && v.Outcome == engawa.Refuse {
			continue
		}
		for _, r := range g.Reasons {
			c, ok := classOf(g, r.Code)
			if ok && !slices.Contains(a.Classes, c) {
				a.Classes = append(a.Classes, c)
			}
		}
	}
	if slices.Equal(a.Classes, []Class{Quota}) {
		a.Until = v.Until
	}
	return a
}

// passes are codes of reasons for which a gate lets a message pass; they stand
// behind those for which it does not.
var passes = []string{
	"grant.allowed", "consent.unknown_purpose", "consent.promotional", "rules.met", "rules.night_consent", "rules.label", "rules.country_unknown", "rules.none",
	"suppression.clear", "suppression.spared", "budget.left",
}

// classOf is the class of a reason of a gate that does not let a message pass.
func classOf(g engawa.GateResult, code string) (Class, bool) {
	if slices.Contains(passes, code) {
		return "", false
	}
	switch g.Gate {
	case engawa.GateGrant:
		if code == "grant.ended" || code == "grant.none" || code == "grant.not_started" {
			return GrantEnded, true
		}
		return GrantLacks, true
	case engawa.GateRecipient, engawa.GateRelationship:
		return NotReachable, true
	case engawa.GateConsent:
		return NoConsent, true
	case engawa.GateDisclosure:
		return NotDisclosed, true
	case engawa.GateRules:
		return ruleClass(g, code), true
	case engawa.GateSuppression:
		if g.Outcome == engawa.Hold {
			return Later, true
		}
		return NotReachable, true
	case engawa.GateBudget:
		if strings.HasPrefix(code, "budget.grant_") {
			return Quota, true
		}
		return Later, true
	}
	return Rules, true
}

// ruleClass is the class of what rules say. That a rule is of one country, or for
// minors, is not told.
func ruleClass(g engawa.GateResult, code string) Class {
	switch {
	case g.Outcome == engawa.Hold:
		return Later
	case strings.HasPrefix(code, "rules.sender_"):
		return Sender
	case code == "rules.expired" || code == "rules.too_old":
		return Expired
	case code == "rules.stopped":
		return Stopped
	}
	return Rules
}
