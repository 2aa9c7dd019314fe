package verdict

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// recipient asks for a verified contact point that the customer chose for this
// purpose. Security and consent administration may use one that is not
// verified yet: the message that verifies it is one of them. A legal notice
// may not, since it must reach the right person.
func recipient(j *judgement) *answer {
	var a answer
	c := j.Contact
	switch {
	case j.ToDestination:
		return a.pass(recipientDestination, noRule)
	case j.Erased:
		a.refuse(recipientErased, noRule)
	case c == nil:
		a.refuse(recipientNone, noRule)
	case !c.Serves:
		a.refuse(recipientPurpose, noRule)
	case c.Verified:
		a.pass(recipientVerified, noRule)
	case j.purpose == engawa.Security || j.purpose == engawa.ConsentAdmin:
		a.pass(recipientUnproven, noRule)
	default:
		a.refuse(recipientUnverified, noRule)
	}
	return &a
}

// relationship asks for the channel's own precondition. A customer who blocked
// the account is never written to on it.
func relationship(j *judgement) *answer {
	var a answer
	r := j.Relationship
	switch {
	case j.ToDestination:
		a.pass(relationshipDestination, noRule)
	case r.State == "blocked":
		a.refuse(relationshipBlocked, noRule)
	case r.Required == "":
		a.pass(relationshipNotNeeded, noRule)
	case r.State == r.Required:
		a.pass(relationshipHolds, noRule)
	default:
		a.refuse(relationshipMissing, noRule)
	}
	return &a
}

// disclosure asks that customers were told of automatic messages, where the
// channel's kind or a rule wants it. What was not set off by a person is
// automatic.
func disclosure(j *judgement) *answer {
	var a answer
	r, _, asked := rule.Find[rule.AutomationDisclosure](j.rules)
	d := j.Disclosure
	switch {
	case j.ToDestination:
		a.pass(disclosureDestination, noRule)
	case !asked && !j.DisclosureRequired:
		a.pass(disclosureNotNeeded, noRule)
	case j.Trigger == engawa.ByUser:
		a.pass(disclosureByUser, r)
	case d == nil:
		a.refuse(disclosureMissing, r)
	case d.Since.After(j.at):
		a.refuse(disclosureNotYet, r, "since", stamp(d.Since))
	default:
		a.pass(disclosureOnFile, r, "version", d.Version, "since", stamp(d.Since))
	}
	return &a
}
