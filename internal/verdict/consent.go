package verdict

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// skew is how far apart the clocks of two nodes may be.
const skew = 2 * time.Second

// consent asks whether the customer wants this.
//
// Security, legal notices and consent administration always pass. Service
// passes unless the customer withdrew it. Notice and marketing need a consent
// that stands; see standing.
func consent(j *judgement) *answer {
	var a answer
	switch {
	case j.ToDestination:
		return a.pass(consentDestination, nil)
	case j.purpose.Mandatory():
		return a.pass(consentMandatory, nil)
	case j.purpose == engawa.Service:
		j.judgeService(&a)
	default:
		j.judgeConsent(&a)
	}
	if j.purpose != j.Purpose || j.Content.Promotional {
		a.pass(j.tightened(), nil)
	}
	return &a
}

// tightened says why the message is judged as marketing.
func (j *judgement) tightened() string {
	if j.Content.Promotional {
		return consentPromotional
	}
	return consentUnknownPurpose
}

func (j *judgement) judgeService(a *answer) {
	s := j.standing(engawa.ActContact)
	if s.withdrawn != nil && s.given == nil {
		r, _, _ := rule.Find[rule.OptOut](j.rules)
		a.refuse(consentServiceWithdrawn, r, "at", stamp(s.withdrawn.At))
		return
	}
	a.pass(consentService, nil)
}

func (j *judgement) judgeConsent(a *answer) {
	optIn, _, _ := rule.Find[rule.OptIn](j.rules)
	optOut, _, _ := rule.Find[rule.OptOut](j.rules)
	double, _, _ := rule.Find[rule.DoubleOptIn](j.rules)
	s := j.standing(engawa.ActContact)
	switch {
	case s.given != nil:
		a.pass(consentGiven, optIn, "at", stamp(s.given.At), "wording", s.given.Wording)
	case s.pending != nil:
		a.refuse(consentPending, double, "at", stamp(s.pending.At))
	case s.withdrawn != nil:
		a.refuse(consentWithdrawn, optOut, "at", stamp(s.withdrawn.At))
	default:
		a.refuse(consentNone, optIn)
	}
}

// decisions are what the stored consents come to for one message.
type decisions struct {
	given     *engawa.ConsentFacts // the newest that stands, by when it was given or last confirmed
	pending   *engawa.ConsentFacts // the newest that would stand, were it confirmed
	withdrawn *engawa.ConsentFacts // the newest withdrawal
}

// standing weighs the stored decisions that match the message: same controller,
// act and purpose, and the same app, channel and topic or none named.
//
// A consent stands against a matching withdrawal only if it was given later
// and names everything that the withdrawal names. So the newest of one scope
// decides; a later withdrawal of a broader scope stops a narrower consent; a
// withdrawal of one topic outlives a later consent in general; and of two
// scopes neither of which contains the other the withdrawal wins. At the same
// instant the withdrawal wins. Order in the list does not matter.
func (j *judgement) standing(act engawa.Act) decisions {
	var d decisions
	for i := range j.Consents {
		c := &j.Consents[i]
		switch {
		case !j.matches(c, act):
		case !c.Given:
			d.withdrawn = newest(d.withdrawn, c)
		case !j.stands(c, act):
		case c.Pending:
			d.pending = newest(d.pending, c)
		default:
			d.given = newest(d.given, c)
		}
	}
	return d
}

// stands reports whether no matching withdrawal stops the given consent c. One
// that is dated after now was not given yet.
func (j *judgement) stands(c *engawa.ConsentFacts, act engawa.Act) bool {
	if c.At.After(j.at.Add(skew)) {
		return false
	}
	for i := range j.Consents {
		w := &j.Consents[i]
		if w.Given || !j.matches(w, act) {
			continue
		}
		if !c.At.After(w.At) || !within(c, w) {
			return false
		}
	}
	return true
}

// matches reports whether a decision bears on the message. A consent allows
// only the purpose it names; a withdrawal of something unknown counts as one of
// marketing.
func (j *judgement) matches(c *engawa.ConsentFacts, act engawa.Act) bool {
	purpose := c.Purpose
	if !c.Given {
		purpose = c.Purpose.Class()
	}
	return c.Controller == j.Controller && c.Act == act && purpose == j.purpose &&
		covers(c.App, j.App) && covers(c.Channel, j.Channel) && covers(c.Topic, j.Topic)
}

// within reports whether the scope of c lies in that of w; both match the same
// message, so it is enough that c names what w names.
func within(c, w *engawa.ConsentFacts) bool {
	return covers(w.App, c.App) && covers(w.Channel, c.Channel) && covers(w.Topic, c.Topic)
}

func covers(scope, value string) bool { return scope == "" || scope == value }

func newest(a, b *engawa.ConsentFacts) *engawa.ConsentFacts {
	if a == nil || confirmed(b).After(confirmed(a)) {
		return b
	}
	return a
}

// confirmed is when the customer last heard of the decision.
func confirmed(c *engawa.ConsentFacts) time.Time {
	if c.RemindedAt.After(c.At) {
		return c.RemindedAt
	}
	return c.At
}
