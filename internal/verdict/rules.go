package verdict

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// rules asks what law and house say: whether the message may go at all, at
// this hour, with these words, and what must be added to it.
func rules(j *judgement) *answer {
	var a answer
	j.judgeState(&a)
	if j.set == nil {
		a.refuse(rulesNone, noRule)
		return &a
	}
	j.judgeAge(&a)
	if !j.ToDestination {
		for _, r := range j.rules {
			j.judgeRule(r, &a)
		}
		j.judgeApplied(&a)
	}
	if a.silent() {
		a.pass(rulesMet, noRule)
	}
	return &a
}

// judgeState refuses what was stopped, is over, or may not be sent at all.
func (j *judgement) judgeState(a *answer) {
	if j.Stopped {
		a.refuse(rulesStopped, noRule)
	}
	if j.Content.Unsafe != "" {
		a.refuse(rulesUnsafe, noRule, "problem", j.Content.Unsafe)
	}
	if !j.ExpiresAt.IsZero() && !j.at.Before(j.ExpiresAt) {
		a.refuse(rulesExpired, noRule, "at", stamp(j.ExpiresAt))
	}
}

// judgeAge looks at when the message was made: it must not be too old, nor
// from a time that the clock has not reached.
func (j *judgement) judgeAge(a *answer) {
	if j.CreatedAt.IsZero() {
		return
	}
	if r, limit, ok := rule.Find[rule.MaxAge](j.rules); ok && j.at.Sub(j.CreatedAt) > time.Duration(limit.Hours)*time.Hour {
		a.refuse(rulesTooOld, r, "hours", number(limit.Hours))
	}
	r, limit, ok := rule.Find[rule.ClockStep](j.rules)
	tolerance := skew
	if ok {
		tolerance = time.Duration(limit.ToleranceSeconds) * time.Second
	}
	if j.CreatedAt.Sub(j.at) > tolerance {
		a.hold(j.CreatedAt, rulesClock, r)
	}
}

// judgeRule applies one rule that bears on a message to a customer.
func (j *judgement) judgeRule(r rule.Rule, a *answer) {
	switch b := r.Body.(type) {
	case rule.InformationalOnly:
		a.refuse(rulesInformational, r)
	case rule.MinorGuardian:
		if j.Minor {
			a.refuse(rulesMinor, r, "age", number(b.Age))
		}
	case rule.QuietHours:
		j.judgeQuiet(r, b, a)
	case rule.SubjectLabel:
		j.judgeSubjectLabel(r, b, a)
	case rule.BodyLabel:
		j.judgeBodyLabel(r, b, a)
	case rule.SenderDetails:
		j.judgeSender(r, b, a)
	case rule.OneClick:
		if !j.OneClick {
			a.refuse(rulesOneClick, r)
			return
		}
		j.owe(engawa.Obligation{Kind: "one_click", Rule: r.ID})
	case rule.Reminder:
		j.judgeReminder(r, b, a)
	}
}

// judgeQuiet holds until every clock that may be the customer's is past the
// quiet hours.
func (j *judgement) judgeQuiet(r rule.Rule, q rule.QuietHours, a *answer) {
	if q.Switch == "quiet_all" && !j.House.QuietAllSilent {
		return
	}
	if q.Unless != "" {
		if s := j.standing(q.Unless); s.given != nil {
			a.pass(rulesNight, r, "at", stamp(s.given.At), "wording", s.given.Wording)
			return
		}
	}
	names := j.clocks(r, q)
	var locations []*time.Location
	for _, name := range names {
		loc, err := j.set.Location(name)
		if err != nil {
			a.refuse(rulesZone, r, "zone", name)
			return
		}
		locations = append(locations, loc)
	}
	open, ok := openEverywhere(q, j.at, locations)
	switch {
	case !ok:
		a.refuse(rulesQuietNever, r, "zones", strings.Join(names, ", "))
	case open.After(j.at):
		a.hold(open, rulesQuiet, r, "from", q.From.String(), "to", q.To.String(), "zones", strings.Join(names, ", "))
	}
}

// clocks names every zone whose wall clock counts.
func (j *judgement) clocks(r rule.Rule, q rule.QuietHours) []string {
	names := slices.Concat(q.Zones, j.Zones)
	if len(names) == 0 {
		names = j.set.Zones(r.Jurisdiction, j.Country)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// openEverywhere returns the first instant from t on that is open on all
// clocks. It gives up after two days: then the zones leave no common hour.
func openEverywhere(q rule.QuietHours, t time.Time, locations []*time.Location) (time.Time, bool) {
	for end := t.Add(48 * time.Hour); t.Before(end); {
		next := t
		for _, loc := range locations {
			if o := q.Opens(t, loc); o.After(next) {
				next = o
			}
		}
		if next.Equal(t) {
			return t, true
		}
		t = next
	}
	return t, false
}

// judgeSubjectLabel owes a label to the subject of a mail and, once the words
// are final, asks that it stands there exactly. Channels without a subject owe
// nothing here.
func (j *judgement) judgeSubjectLabel(r rule.Rule, l rule.SubjectLabel, a *answer) {
	j.judgeLabel(r, "subject_prefix", j.Content.Subject, l.Text, l.Variants, a)
}

func (j *judgement) judgeBodyLabel(r rule.Rule, l rule.BodyLabel, a *answer) {
	j.judgeLabel(r, "body_prefix", j.Content.Text, l.Text, l.Variants, a)
}

func (j *judgement) judgeLabel(r rule.Rule, kind, words, label string, variants []string, a *answer) {
	j.owe(engawa.Obligation{Kind: kind, Rule: r.ID, Text: label})
	rest, labelled := strings.CutPrefix(words, label)
	switch {
	case imitates(rest, label, variants):
		a.refuse(rulesLabelVariant, r, "label", label)
	case labelled:
		a.pass(rulesLabel, r, "label", label)
	case j.final():
		a.refuse(rulesLabelMissing, r, "label", label)
	default:
		a.pass(rulesLabel, r, "label", label)
	}
}

// imitates reports whether words begin with something that is meant to be read
// as the label and is not it: in other brackets or none, spaced, dotted,
// decomposed, with characters of no width, after a reply mark, in another
// language, or a second time.
func imitates(words, label string, variants []string) bool {
	start := unmarked(firstRunes(norm.NFKC.String(words), 40))
	end := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(":-–—|/)]}", r) }
	if strings.IndexFunc(start, opening) == 0 {
		end = closing
		start = strings.TrimLeftFunc(start, opening)
	}
	if i := strings.IndexFunc(start, end); i >= 0 {
		start = start[:i]
	}
	said := letters(start)
	return said != "" && (said == letters(label) || slices.Contains(variants, said))
}

func opening(r rune) bool { return unicode.Is(unicode.Ps, r) || unicode.Is(unicode.Pi, r) || r == '<' }
func closing(r rune) bool { return unicode.Is(unicode.Pe, r) || unicode.Is(unicode.Pf, r) || r == '>' }

// unmarked drops spaces, characters of no width, and reply and forward marks
// from the start.
func unmarked(s string) string {
	for {
		s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
		head, rest, ok := strings.Cut(s, ":")
		if !ok || !slices.Contains([]string{"re", "fw", "fwd", "aw"}, strings.ToLower(head)) {
			return s
		}
		s = rest
	}
}

// letters keeps the letters and digits of words, folded.
func letters(words string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, norm.NFKC.String(words)))
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// senderCodes names the missing part of a sender's profile.
var senderCodes = map[string]string{
	"name": rulesSenderName, "postal": rulesSenderPostal, "phone": rulesSenderPhone, "mail": rulesSenderMail, "contact": rulesSenderContact,
}

// judgeSender asks for the parts of the profile that must be shown, and owes
// the footer that shows them.
func (j *judgement) judgeSender(r rule.Rule, d rule.SenderDetails, a *answer) {
	have := map[string]string{
		"name": j.Sender.Name, "postal": j.Sender.Postal, "phone": j.Sender.Phone, "mail": j.Sender.Mail, "contact": j.Sender.Contact,
	}
	for _, part := range d.Require {
		if strings.TrimSpace(have[part]) == "" {
			a.refuse(senderCodes[part], r)
		}
	}
	j.owe(engawa.Obligation{Kind: "footer", Rule: r.ID, Code: d.Footer})
}

// judgeReminder stops marketing on a consent that was not confirmed to the
// customer within the years that the law gives.
func (j *judgement) judgeReminder(r rule.Rule, b rule.Reminder, a *answer) {
	s := j.standing(engawa.ActContact)
	if s.given == nil {
		return // the consent gate says so
	}
	loc, err := j.set.Location(b.Zone)
	if err != nil {
		a.refuse(rulesZone, r, "zone", b.Zone)
		return
	}
	from := s.given.At
	if s.given.RemindedAt.After(from) {
		from = s.given.RemindedAt
	}
	y, m, d := from.In(loc).Date()
	if due := time.Date(y+b.Years, m, d, 0, 0, 0, 0, loc); !j.at.Before(due) {
		a.refuse(rulesReminder, r, "due", stamp(due))
	}
}

// judgeApplied asks, once the words are final, that all that is owed was added.
func (j *judgement) judgeApplied(a *answer) {
	if !j.final() {
		return
	}
	for _, o := range j.owed {
		if !slices.Contains(j.Applied, o) {
			a.refuse(rulesRerender, noRule, "rule", o.Rule)
		}
	}
}
