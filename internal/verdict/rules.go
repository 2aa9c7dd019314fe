package verdict

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// rules applies the rules of law and house that bear on the message, and what
// every message must meet: it is not stopped, not expired, and safe to say.
func rules(j *judgement) *answer {
	var a answer
	j.judgeState(&a)
	for _, r := range j.rules {
		j.apply(&a, r)
	}
	j.judgeQuiet(&a)
	if j.final() {
		j.judgeApplied(&a)
	}
	if a.silent() {
		a.pass(rulesMet, noRule, "version", j.set.Version())
	}
	return &a
}

func (j *judgement) judgeState(a *answer) {
	if j.set == nil {
		a.refuse(rulesNone, noRule)
	}
	if j.Stopped {
		a.refuse(rulesStopped, noRule)
	}
	if j.Content.Unsafe != "" {
		a.refuse(rulesUnsafe, noRule, "found", j.Content.Unsafe)
	}
	if !j.ExpiresAt.IsZero() && !j.at.Before(j.ExpiresAt) {
		a.refuse(rulesExpired, noRule, "at", stamp(j.ExpiresAt))
	}
}

// apply applies one rule. Kinds that other gates apply or cite are not named.
func (j *judgement) apply(a *answer, r rule.Rule) {
	switch b := r.Body.(type) {
	case rule.InformationalOnly:
		a.refuse(rulesInformational, r)
	case rule.MinorGuardian:
		j.judgeMinor(a, r, b)
	case rule.SubjectLabel:
		o := engawa.Obligation{Kind: "subject_prefix", Rule: r.ID, Text: b.Text}
		j.judgeLabel(a, r, o, j.Content.Subject, label{b.Text, b.Variants})
	case rule.BodyLabel:
		o := engawa.Obligation{Kind: "body_prefix", Rule: r.ID, Text: strings.TrimSpace(b.Text + " " + j.Sender.Name)}
		j.judgeLabel(a, r, o, j.Content.Text, label{b.Text, b.Variants})
	case rule.SenderDetails:
		j.judgeSender(a, r, b)
	case rule.OneClick:
		j.owe(engawa.Obligation{Kind: "one_click", Rule: r.ID})
		if !j.OneClick {
			a.refuse(rulesOneClick, r)
		}
	case rule.Reminder:
		j.judgeReminder(a, r, b)
	case rule.MaxAge:
		limit := time.Duration(b.Hours) * time.Hour
		if !j.CreatedAt.IsZero() && j.at.Sub(j.CreatedAt) > limit {
			a.refuse(rulesTooOld, r, "hours", number(b.Hours))
		}
	case rule.ClockStep:
		if j.CreatedAt.Sub(j.at) > time.Duration(b.ToleranceSeconds)*time.Second {
			a.hold(j.CreatedAt, rulesClock, r)
		}
	}
}

func (j *judgement) judgeMinor(a *answer, r rule.Rule, m rule.MinorGuardian) {
	if !j.Minor || j.ToDestination {
		return
	}
	age := m.Age
	if j.House.MinAge > 0 {
		age = j.House.MinAge
	}
	a.refuse(rulesMinor, r, "age", number(age))
}

// judgeLabel obliges the label, and refuses what imitates it. In final words
// it looks for the label itself.
func (j *judgement) judgeLabel(a *answer, r rule.Rule, o engawa.Obligation, text string, l label) {
	j.owe(o)
	switch {
	case j.final() && slices.Contains(j.Applied, o) && !strings.HasPrefix(text, o.Text):
		a.refuse(rulesLabelMissing, r, "label", o.Text)
	case l.imitated(text):
		a.refuse(rulesLabelVariant, r, "label", l.text)
	default:
		a.pass(rulesLabel, r, "label", o.Text)
	}
}

// judgeSender refuses once for each detail that the profile lacks, so that the
// words can name it.
func (j *judgement) judgeSender(a *answer, r rule.Rule, d rule.SenderDetails) {
	j.owe(engawa.Obligation{Kind: "footer", Rule: r.ID, Code: d.Footer})
	details := map[string]struct{ value, code string }{
		"name":    {j.Sender.Name, rulesSenderName},
		"postal":  {j.Sender.Postal, rulesSenderPostal},
		"phone":   {j.Sender.Phone, rulesSenderPhone},
		"mail":    {j.Sender.Mail, rulesSenderMail},
		"contact": {j.Sender.Contact, rulesSenderContact},
	}
	for _, field := range d.Require {
		if detail := details[field]; strings.TrimSpace(detail.value) == "" {
			a.refuse(detail.code, r)
		}
	}
}

// judgeReminder refuses what rests on a consent that was not confirmed to the
// customer before the same date some years later.
func (j *judgement) judgeReminder(a *answer, r rule.Rule, m rule.Reminder) {
	given := j.standing(engawa.ActContact).given
	loc, err := j.set.Location(m.Zone)
	if given == nil || err != nil { // the consent gate refuses; the zone was checked when the rule was read
		return
	}
	if due := anniversary(confirmed(given).In(loc), m.Years); !j.at.Before(due) {
		a.refuse(rulesReminder, r, "since", stamp(confirmed(given).In(loc)), "due", stamp(due))
	}
}

// anniversary is the beginning of the same date years later, and of the last
// day of February for the 29th in a year without one.
func anniversary(t time.Time, years int) time.Time {
	y, m, d := t.Date()
	due := time.Date(y+years, m, d, 0, 0, 0, 0, t.Location())
	if due.Month() != m {
		return time.Date(y+years, m+1, 0, 0, 0, 0, 0, t.Location())
	}
	return due
}

// judgeApplied refuses final words that lack something that is owed, for
// example because the rules changed after they were rendered.
func (j *judgement) judgeApplied(a *answer) {
	for _, o := range j.owed {
		if !slices.Contains(j.Applied, o) {
			a.refuse(rulesRerender, rule.Rule{ID: o.Rule}, "kind", o.Kind)
		}
	}
}
