package verdict

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// recipient asks for a verified contact point that the customer chose for this
// purpose. Security and consent administration may use one that is not
// verified yet: the message that verifies it is one of them. A legal notice
// may not, since it must reach the right person. Of a staff place it asks only
// that it was not taken away.
func recipient(j *judgement) *answer {
	var a answer
	c := j.Contact
	switch {
	case j.ToDestination && c == nil:
		a.refuse(recipientGone, nil)
	case j.ToDestination:
		a.pass(recipientDestination, nil)
	case j.Nobody:
		a.refuse(recipientUnknown, nil)
	case j.Erased:
		a.refuse(recipientErased, nil)
	case c == nil:
		a.refuse(recipientNone, nil)
	case !c.Serves:
		a.refuse(recipientPurpose, nil)
	case c.Verified:
		a.pass(recipientVerified, nil)
	case j.purpose == engawa.Security || j.purpose == engawa.ConsentAdmin:
		a.pass(recipientUnproven, nil)
	default:
		a.refuse(recipientUnverified, nil)
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
		a.pass(relationshipDestination, nil)
	case r.State == "blocked":
		a.refuse(relationshipBlocked, nil)
	case r.Required == "":
		a.pass(relationshipNotNeeded, nil)
	case r.State == r.Required:
		a.pass(relationshipHolds, nil)
	default:
		a.refuse(relationshipMissing, nil)
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
		a.pass(disclosureDestination, nil)
	case !asked && !j.DisclosureRequired:
		a.pass(disclosureNotNeeded, nil)
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
