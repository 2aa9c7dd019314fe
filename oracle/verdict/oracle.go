package oracle

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

const (
	marketing = "marketing"
	notice    = "notice"
	service   = "service"
	must      = "must" // security, legal notices, the administration of consents
)

// judge is one message at an instant.
type judge struct {
	engawa.Facts
	at        time.Time
	purpose   string
	countries []string
	law       law
	refused   bool
	until     time.Time // it waits at least until then
	owed      []engawa.Obligation
}

// Judge says what must come of a message: whether it goes, when it is looked at
// again if it waits, and what it must carry.
func Judge(f engawa.Facts, at time.Time) (engawa.Outcome, time.Time, []engawa.Obligation) {
	j := &judge{Facts: f, at: at, purpose: purposeOf(f), countries: f.Country}
	if len(j.countries) == 0 {
		j.countries = f.House.Markets
	}
	j.law = lawFor(j.countries, f.Channel)
	if len(f.Country) > 0 {
		j.law.leaveOut(f.House.PacksOff)
	}
	j.complete()
	j.sender()
	j.state()
	j.stops()
	j.budgets()
	if !f.ToDestination {
		j.customer()
	}
	switch {
	case j.refused:
		return engawa.Refuse, time.Time{}, j.owed
	case j.until.After(at):
		return engawa.Hold, j.until, j.owed
	}
	return engawa.Send, time.Time{}, j.owed
}

func purposeOf(f engawa.Facts) string {
	switch p := string(f.Purpose); {
	case f.Content.Promotional && !f.ToDestination:
		return marketing
	case p == service, p == notice:
		return p
	case strings.HasPrefix(p, "service."):
		return must
	}
	return marketing
}

func (j *judge) refuseIf(bad bool) { j.refused = j.refused || bad }

func (j *judge) wait(t time.Time) {
	if t.After(j.until) {
		j.until = t
	}
}

// waitOr waits until t, or a little where t does not lie ahead.
func (j *judge) waitOr(t time.Time) {
	if !t.After(j.at) {
		t = j.at.Add(5 * time.Minute)
	}
	j.wait(t)
}

// complete: there is nothing to judge where it is not said who writes to whom.
func (j *judge) complete() {
	j.refuseIf(j.Workspace == "" || j.Account == "" || j.Channel == "")
	j.refuseIf(j.ToDestination == (j.Customer != ""))
	j.refuseIf(j.Controller == "" && !j.ToDestination)
}

// sender: a partner writes by its grant alone.
func (j *judge) sender() {
	g := j.Grant
	if g == nil {
		j.refuseIf(j.Controller != "workspace" && (j.Controller != "" || !j.ToDestination))
		return
	}
	p := j.purpose
	if p == must {
		p = string(j.Purpose)
	}
	lists := func(list []string, one string) bool { return slices.Contains(list, "*") || slices.Contains(list, one) }
	var purposes []string
	for _, q := range g.Purposes {
		purposes = append(purposes, string(q))
	}
	j.refuseIf(!g.EndedAt.IsZero() || !g.EndsAt.IsZero() && !g.EndsAt.After(j.at) || g.StartsAt.After(j.at))
	j.refuseIf(!lists(g.Scopes, "messages:send") || !lists(g.Apps, j.App) || !lists(g.Channels, j.Channel) || !lists(purposes, p))
	if g.QuotaDay > 0 && g.UsedDay >= g.QuotaDay {
		j.waitOr(g.DayEnds)
	}
	if g.QuotaMon > 0 && g.UsedMonth >= g.QuotaMon {
		j.waitOr(g.MonthEnds)
	}
}

// state: what was stopped, is over, too old or from a time that the clock has not
// reached, does not go; nor does what lost its reason.
func (j *judge) state() {
	j.refuseIf(j.Stopped || j.Content.Unsafe != "")
	j.refuseIf(!j.ExpiresAt.IsZero() && !j.ExpiresAt.After(j.at))
	if w := j.While; w != nil {
		j.refuseIf(w.Gone != "" || !w.Until.IsZero() && !w.Until.After(j.at))
	}
	if j.purpose == marketing && !j.CreatedAt.IsZero() {
		age := j.at.Sub(j.CreatedAt)
		j.refuseIf(age > 7*24*time.Hour)
		if age < -2*time.Second {
			j.wait(j.CreatedAt)
		}
	}
}

// stops: an address that bounced, complained or blocked gets nothing, one that the
// operator stopped what must be said, one that opted out no advertisements.
func (j *judge) stops() {
	for _, s := range j.Suppressions {
		if !s.Until.IsZero() && !s.Until.After(j.at) {
			continue
		}
		switch s.Reason {
		case "opted_out":
			j.refuseIf(j.purpose == marketing)
		case "operator":
			j.refuseIf(j.purpose != must)
		default:
			j.refused = true
		}
	}
}

func (j *judge) budgets() {
	for _, b := range j.Budgets {
		if b.Remaining <= 0 && (b.ResetsAt.IsZero() || b.ResetsAt.After(j.at)) {
			j.waitOr(b.ResetsAt)
		}
	}
	if o := j.Offer; o != nil && o.Missing != "" {
		j.refuseIf(o.Missing == "used")
		j.wait(j.at.Add(15 * time.Minute))
	}
	j.refuseIf(j.ToDestination && j.Contact == nil)
}

// customer is what protects people.
func (j *judge) customer() {
	j.reach()
	wants, since, withdrew := j.wants("contact")
	asks := j.purpose == notice || j.purpose == marketing
	j.refuseIf(asks && !wants || j.purpose == service && withdrew && !wants)
	j.refuseIf(asks && j.Minor)
	if j.Channel == "kakao" || j.DisclosureRequired { // automatic messages have to be made known
		j.refuseIf(j.Trigger != "user" && (j.Disclosure == nil || j.Disclosure.Since.After(j.at)))
	}
	if asks {
		j.caps()
	}
	if j.purpose == marketing {
		j.advertising(wants, since)
	}
	j.night()
}

// reach: it goes to a contact point that is the customer's own and chosen.
func (j *judge) reach() {
	c := j.Contact
	j.refuseIf(j.Erased || c == nil || !c.Serves)
	early := j.purpose == must && (j.Purpose == "service.security" || j.Purpose == "service.consent_admin")
	j.refuseIf(c != nil && !c.Verified && !early)
	r := j.Relationship
	j.refuseIf(r.State == "blocked" || r.Required != "" && r.State != r.Required)
}

// caps: no more than so many in 24 hours.
func (j *judge) caps() {
	day, sender := cmp.Or(j.House.CapPerDay, 5), cmp.Or(j.House.CapPerSender, 3)
	if j.SentDay >= day || j.SentSender >= sender {
		j.waitOr(j.OldestDay.Add(24 * time.Hour))
	}
}

func (j *judge) advertising(wants bool, since time.Time) {
	j.owed = j.law.owed(j.Channel)
	j.refuseIf(j.Channel == "alimtalk")
	j.refuseIf(j.Channel == "mail" && !j.OneClick)
	profile := map[string]string{"name": j.Sender.Name, "postal": j.Sender.Postal, "phone": j.Sender.Phone, "mail": j.Sender.Mail, "contact": j.Sender.Contact}
	for _, need := range j.law.details(j.Channel) {
		for _, field := range strings.Fields(need) {
			j.refuseIf(strings.TrimSpace(profile[field]) == "")
		}
	}
	if j.law.kr {
		j.refuseIf(wants && twoYears(since, j.at))
		j.label()
	}
	if j.Final || len(j.Applied) > 0 {
		for _, o := range j.owed {
			j.refuseIf(!slices.Contains(j.Applied, o))
		}
	}
}

// twoYears reports whether the same date has come two years after since, in Seoul.
func twoYears(since, at time.Time) bool {
	seoul := zone("Asia/Seoul")
	y, m, d := since.In(seoul).Date()
	if m == time.February && d == 29 {
		d = 28 // two years after a leap year there is none
	}
	ay, am, ad := at.In(seoul).Date()
	return slices.Compare([]int{ay, int(am), ad}, []int{y + 2, int(m), d}) >= 0
}

// label: the words begin with (광고), and with the sender's name behind it in a chat;
// nothing that only looks like it stands there.
func (j *judge) label() {
	words, name := j.Content.Subject, ""
	if j.Channel != "mail" {
		words, name = j.Content.Text, j.Sender.Name
	}
	rest, there := strings.CutPrefix(words, "(광고)")
	if there {
		rest, there = strings.CutPrefix(strings.TrimSpace(rest), strings.TrimSpace(name))
	}
	j.refuseIf(looksLike(rest))
	j.refuseIf((j.Final || len(j.Applied) > 0) && !there)
}

// wants plays the decisions on an act in the order in which they were made: whether
// the customer wants it now, since when (or since it was last confirmed), and
// whether it was ever withdrawn.
func (j *judge) wants(act engawa.Act) (wants bool, since time.Time, withdrew bool) {
	var history []engawa.ConsentFacts
	for _, c := range j.Consents {
		of := string(c.Purpose)
		if !c.Given && of != service && of != notice { // who forbids something unknown forbids advertising
			of = marketing
			if strings.HasPrefix(string(c.Purpose), "service.") {
				of = service
			}
		}
		here := (c.App == "" || c.App == j.App) && (c.Channel == "" || c.Channel == j.Channel) && (c.Topic == "" || c.Topic == j.Topic)
		if here && c.Controller == j.Controller && c.Act == act && of == j.purpose && !(c.Given && (c.Pending || c.At.Sub(j.at) > 2*time.Second)) {
			history = append(history, c)
		}
	}
	first := map[bool]int{true: 0, false: 1} // at the same instant the withdrawal has the last word
	slices.SortFunc(history, func(a, b engawa.ConsentFacts) int {
		return cmp.Or(a.At.Compare(b.At), first[a.Given]-first[b.Given])
	})
	var walls []engawa.ConsentFacts
	for _, c := range history {
		if !c.Given {
			walls, wants, since, withdrew = append(walls, c), false, time.Time{}, true
			continue
		}
		through := !slices.ContainsFunc(walls, func(w engawa.ConsentFacts) bool {
			return w.App != "" && c.App == "" || w.Channel != "" && c.Channel == "" || w.Topic != "" && c.Topic == ""
		})
		if through {
			wants = true
			for _, t := range []time.Time{c.At, c.RemindedAt} {
				if t.After(since) {
					since = t
				}
			}
		}
	}
	return wants, since, withdrew
}

// night holds until the wall clocks show day in every zone where the customer may be.
func (j *judge) night() {
	var ws []window
	bound := false
	if j.purpose == marketing {
		night, _, _ := j.wants("contact_at_night")
		ws, bound = j.law.quiet(j.Channel, j.Zones, j.countries, night)
		if bound && night { // whose hours a consent lifts has to be known all the same
			j.refuseIf(unknown(j.Zones))
		}
	}
	if !bound && j.House.QuietAllSilent && j.purpose != must && j.Channel != "mail" && j.Channel != "inapp" {
		where := j.Zones
		if len(where) == 0 {
			where = here(j.countries, all...)
		}
		ws = append(ws, window{21 * 60, 8 * 60, where})
	}
	for _, w := range ws {
		j.refuseIf(unknown(w.zones))
	}
	if j.refused {
		return
	}
	t := j.at
	for closed(ws, t) {
		if t = t.Truncate(15 * time.Minute).Add(15 * time.Minute); t.Sub(j.at) > 8*24*time.Hour {
			j.refused = true // it is never day everywhere
			return
		}
	}
	j.wait(t)
}

// all are the countries that have zones.
var all = func() (cs []string) {
	for c := range zones {
		cs = append(cs, c)
	}
	return cs
}()

func unknown(zones []string) bool {
	return slices.ContainsFunc(zones, func(name string) bool { return zone(name) == nil })
}

func closed(ws []window, t time.Time) bool {
	for _, w := range ws {
		for _, name := range w.zones {
			h, m, _ := t.In(zone(name)).Clock()
			if shows := h*60 + m; shows >= w.from || shows < w.to {
				return true
			}
		}
	}
	return false
}

// zone is a place's clock; nil: there is no such place.
var zone = func() func(string) *time.Location {
	var known sync.Map
	return func(name string) *time.Location {
		if l, ok := known.Load(name); ok {
			return l.(*time.Location)
		}
		l, err := time.LoadLocation(name)
		if err != nil || name == "" || name == "Local" {
			l = nil
		}
		known.Store(name, l)
		return l
	}
}()

// imitations are what people write instead of the label.
var imitations = []string{
	"[광고]", "(광 고)", "(광.고)", "광고 ", "광고:", "(AD)", "[ad]", "（광고）", "(" + norm.NFD.String("광고") + ")", "(\u200b광고)", "\ufeff(광고)", "Re: (광고)", "답장: [광고]", "<광고>", "(광고)",
}

// looksLike reports whether words begin with one of them.
func looksLike(words string) bool {
	return slices.ContainsFunc(imitations, func(i string) bool {
		return strings.HasPrefix(words, i) || strings.HasPrefix(strings.TrimSpace(words), i)
	})
}
