package verdict

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// rules asks what law and house say: whether the message may go at all, at
// this hour, with these words, and what must be added to it. The rules protect
// customers; of them a message to a staff place meets only those of its age.
func rules(j *judgement) *answer {
	var a answer
	j.judgeState(&a)
	j.judgeAge(&a)
	j.judgeWhile(&a)
	if !j.ToDestination {
		for _, r := range j.rules {
			j.judgeRule(&a, r)
		}
		j.judgeQuiet(&a)
		j.judgeApplied(&a)
		j.nameStrictest(&a)
	}
	if a.silent() {
		a.pass(rulesMet, nil)
	}
	return &a
}

// nameStrictest says why rules of other countries bear on the message: where
// the customer is, nobody knows.
func (j *judgement) nameStrictest(a *answer) {
	if j.anywhere && slices.ContainsFunc(j.rules, func(r *rule.Rule) bool { return r.Jurisdiction != rule.House }) {
		a.pass(rulesCountry, nil)
	}
}

// judgeState refuses what was stopped, is over, or may not be sent at all.
func (j *judgement) judgeState(a *answer) {
	if j.set == nil {
		a.refuse(rulesNone, nil)
	}
	if j.Stopped {
		a.refuse(rulesStopped, nil)
	}
	if j.Content.Unsafe != "" {
		a.refuse(rulesUnsafe+j.Content.Unsafe, nil)
	}
	if !j.ExpiresAt.IsZero() && !j.at.Before(j.ExpiresAt) {
		a.refuse(rulesExpired, nil, "at", stamp(j.ExpiresAt))
	}
}

// judgeWhile refuses what lost its reason: the customer switched renewal on
// again, say, before the offer to stay went out.
func (j *judgement) judgeWhile(a *answer) {
	switch w := j.While; {
	case w == nil:
	case w.Gone != "":
		a.refuse(rulesGone+string(w.Gone), nil)
	case !w.Until.IsZero() && !j.at.Before(w.Until):
		a.refuse(rulesGone+string(engawa.GoneEnded), nil)
	default:
		a.pass(rulesWhile+string(w.Holds), nil)
	}
}

// judgeAge looks at when the message was made: it must not be too old, nor
// from a time that the clock has not reached. Where that is not known there is
// nothing to look at.
func (j *judgement) judgeAge(a *answer) {
	if j.CreatedAt.IsZero() {
		return
	}
	if r, limit, ok := rule.Find[rule.MaxAge](j.rules); ok && j.at.Sub(j.CreatedAt) > time.Duration(limit.Hours)*time.Hour {
		a.refuse(rulesTooOld, r, "hours", number(limit.Hours))
	}
	if r, limit, ok := rule.Find[rule.ClockStep](j.rules); ok && j.CreatedAt.Sub(j.at) > time.Duration(limit.ToleranceSeconds)*time.Second {
		a.hold(j.CreatedAt, rulesClock, r)
	}
}

// judgeRule applies one rule that bears on a message to a customer. Kinds that
// other gates apply or cite are not named.
func (j *judgement) judgeRule(a *answer, r *rule.Rule) {
	switch b := r.Body.(type) {
	case rule.InformationalOnly:
		a.refuse(rulesInformational, r)
	case rule.MinorGuardian:
		j.judgeMinor(a, r, b)
	case rule.SubjectLabel:
		j.judgeLabel(a, r, "subject_prefix", j.Content.Subject, label(b), "")
	case rule.BodyLabel:
		j.judgeLabel(a, r, "body_prefix", j.Content.Text, label(b), j.Sender.Name)
	case rule.SenderDetails:
		j.judgeSender(a, r, b)
	case rule.OneClick:
		j.owe(engawa.Obligation{Kind: "one_click", Rule: r.ID})
		if !j.OneClick {
			a.refuse(rulesOneClick, r)
		}
	case rule.Reminder:
		j.judgeReminder(a, r, b)
	}
}

func (j *judgement) judgeMinor(a *answer, r *rule.Rule, m rule.MinorGuardian) {
	if !j.Minor {
		return
	}
	age := m.Age
	if j.House.MinAge > 0 {
		age = j.House.MinAge
	}
	a.refuse(rulesMinor, r, "age", number(age))
}

// judgeLabel owes a label to the words, followed by the sender's name where
// one is given, and refuses what imitates it or stands there a second time.
// Final words must begin with it.
func (j *judgement) judgeLabel(a *answer, r *rule.Rule, kind, words string, l label, name string) {
	j.owe(engawa.Obligation{Kind: kind, Rule: r.ID, Text: l.Text})
	rest, labelled := strings.CutPrefix(words, l.Text)
	if labelled {
		rest, labelled = strings.CutPrefix(strings.TrimSpace(rest), strings.TrimSpace(name))
	}
	switch {
	case l.imitated(rest):
		a.refuse(rulesLabelVariant, r, "label", l.Text)
	case j.final() && !labelled:
		a.refuse(rulesLabelMissing, r, "label", l.Text)
	default:
		a.pass(rulesLabel, r, "label", l.Text)
	}
}

// judgeSender refuses once for each detail that the profile lacks, so that the
// words can name it.
func (j *judgement) judgeSender(a *answer, r *rule.Rule, d rule.SenderDetails) {
	j.owe(engawa.Obligation{Kind: "footer", Rule: r.ID})
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
func (j *judgement) judgeReminder(a *answer, r *rule.Rule, m rule.Reminder) {
	given := j.standing(engawa.ActContact).given
	if given == nil { // the consent gate refuses
		return
	}
	if due := m.Due(confirmed(given)); !j.at.Before(due) {
		a.refuse(rulesReminder, r, "since", stamp(confirmed(given).In(due.Location())), "due", stamp(due))
	}
}

// judgeApplied refuses final words that lack something that is owed, for
// example because the rules changed after they were rendered.
func (j *judgement) judgeApplied(a *answer) {
	if !j.final() {
		return
	}
	for _, o := range j.owed {
		if !slices.Contains(j.Applied, o) {
			a.refuse(rulesRerender, &rule.Rule{ID: o.Rule}, "rule", o.Rule)
		}
	}
}
