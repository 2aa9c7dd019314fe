package verdict

import (
	"cmp"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/engawa/engawa"
)

// mapFS is files by name.
type mapFS map[string]string

// Open opens a file.
func (m mapFS) Open(name string) (fs.File, error) {
	files := fstest.MapFS{}
	for n, text := range m {
		files[n] = &fstest.MapFile{Data: []byte(text)}
	}
	return files.Open(name)
}

// TestStanding is the table of which decision counts. Scopes are written as
// the dimensions they name; the message is app a, channel mail, topic t.
func TestStanding(t *testing.T) {
	type decision struct {
		given bool
		scope string
		at    int // hours
	}
	const yes, no = true, false
	for name, tc := range map[string]struct {
		history []decision
		want    bool
	}{
		"nothing":                             {nil, no},
		"given":                               {[]decision{{yes, "", 1}}, yes},
		"given for the topic":                 {[]decision{{yes, "t", 1}}, yes},
		"given for another topic":             {[]decision{{yes, "u", 1}}, no},
		"withdrawn later":                     {[]decision{{yes, "", 1}, {no, "", 2}}, no},
		"withdrawn at once":                   {[]decision{{yes, "", 1}, {no, "", 1}}, no},
		"given again":                         {[]decision{{no, "", 1}, {yes, "", 2}}, yes},
		"broad withdrawal after narrow":       {[]decision{{yes, "t", 1}, {no, "", 2}}, no},
		"broad withdrawal before narrow":      {[]decision{{no, "", 1}, {yes, "t", 2}}, yes},
		"narrow withdrawal after broad":       {[]decision{{yes, "", 1}, {no, "t", 2}}, no},
		"narrow withdrawal before broad":      {[]decision{{no, "t", 1}, {yes, "", 2}}, no},
		"narrow withdrawal, narrow again":     {[]decision{{no, "t", 1}, {yes, "", 2}, {yes, "t", 3}}, yes},
		"withdrawal of another topic":         {[]decision{{yes, "", 1}, {no, "u", 2}}, yes},
		"withdrawal of another channel":       {[]decision{{yes, "", 1}, {no, "l", 2}}, yes},
		"crossed scopes, withdrawal first":    {[]decision{{no, "t", 1}, {yes, "m", 2}}, no},
		"crossed scopes, both named":          {[]decision{{no, "t", 1}, {yes, "tm", 2}}, yes},
		"all withdrawn, all given again":      {[]decision{{yes, "t", 1}, {no, "", 2}, {yes, "", 3}}, yes},
		"withdrawn for all of one app":        {[]decision{{yes, "m", 2}, {no, "a", 1}}, no},
		"order in the list does not matter":   {[]decision{{no, "", 2}, {yes, "", 3}, {yes, "", 1}}, yes},
		"order in the list does not matter 2": {[]decision{{no, "", 3}, {yes, "", 2}, {yes, "t", 1}}, no},
	} {
		f := japan()
		f.App, f.Topic, f.Consents = "a", "t", nil
		for _, d := range tc.history {
			c := given(noon.Add(time.Duration(d.at-10) * time.Hour))
			c.Given = d.given
			for _, dim := range d.scope {
				switch dim {
				case 'a':
					c.App = "a"
				case 'm':
					c.Channel = "mail"
				case 'l':
					c.Channel = "line"
				default:
					c.Topic = string(dim)
				}
			}
			f.Consents = append(f.Consents, c)
		}
		if v := Judge(f, load(t), noon); (v.Outcome == engawa.Send) != tc.want {
			t.Errorf("%s: %s %v", name, v.Outcome, reasonsOf(v))
		}
	}
}

// oracle is a second implementation of the verdict for marketing, notice and
// service, written from the product's words without a look at the first: it
// plays the customer's decisions in the order in which they were made, and
// looks at the wall clocks quarter by quarter.
type oracle struct {
	f  engawa.Facts
	at time.Time
}

func (o oracle) purpose() string {
	switch {
	case o.f.Content.Promotional && !o.f.ToDestination:
		return "marketing"
	case o.f.Purpose == "service", o.f.Purpose == "notice":
		return string(o.f.Purpose)
	case o.f.Purpose == "service.security", o.f.Purpose == "service.legal_notice", o.f.Purpose == "service.consent_admin":
		return "must"
	}
	return "marketing"
}

// wants plays the decisions of one act and tells whether the customer wants
// it, and whether anything was ever withdrawn.
func (o oracle) wants(act engawa.Act) (wants, withdrew bool) {
	class := o.purpose()
	var history []engawa.ConsentFacts
	for _, c := range o.f.Consents {
		about := c.Controller == o.f.Controller && c.Act == act && string(c.Purpose) == class
		here := (c.App == "" || c.App == o.f.App) && (c.Channel == "" || c.Channel == o.f.Channel) && (c.Topic == "" || c.Topic == o.f.Topic)
		if about && here && !(c.Given && (c.Pending || c.At.Sub(o.at) > 2*time.Second)) {
			history = append(history, c)
		}
	}
	slices.SortFunc(history, func(a, b engawa.ConsentFacts) int {
		return cmp.Or(a.At.Compare(b.At), map[bool]int{true: -1, false: 1}[a.Given]-map[bool]int{true: -1, false: 1}[b.Given])
	})
	named := func(c engawa.ConsentFacts) (dims [3]bool) {
		return [3]bool{c.App != "", c.Channel != "", c.Topic != ""}
	}
	var walls [][3]bool // what was forbidden, and what it named
	for _, c := range history {
		dims := named(c)
		if !c.Given {
			walls, wants, withdrew = append(walls, dims), false, true
			continue
		}
		through := true
		for _, w := range walls {
			for i := range w {
				through = through && (!w[i] || dims[i])
			}
		}
		wants = wants || through
	}
	return wants, withdrew
}

// asleep tells whether some wall clock shows night at t.
func (o oracle) asleep(t time.Time) bool {
	korean := slices.Contains(o.f.Country, "KR") || len(o.f.Country) == 0 || o.f.Channel == "kakao"
	if o.f.ToDestination || o.purpose() != "marketing" || o.f.Channel == "mail" || !korean {
		return false
	}
	for _, name := range append([]string{"Asia/Seoul"}, o.f.Zones...) {
		shows := t.In(zone(name)).Format("15:04:05")
		if o.f.Channel == "kakao" && (shows >= "20:49:00" || shows < "08:00:00") {
			return true
		}
		if ok, _ := o.wants("contact_at_night"); !ok && (shows >= "21:00:00" || shows < "08:00:00") {
			return true
		}
	}
	return false
}

func (o oracle) wakes() time.Time {
	t := o.at
	for o.asleep(t) {
		t = t.Truncate(15 * time.Minute).Add(15 * time.Minute)
	}
	return t
}

// judge returns what must come of the facts.
func (o oracle) judge() (engawa.Outcome, time.Time) {
	f, p, customer := o.f, o.purpose(), !o.f.ToDestination
	no := f.Stopped || f.Erased && customer
	if w := f.While; w != nil {
		no = no || w.Gone != "" || !w.Until.IsZero() && !w.Until.After(o.at)
	}
	if o := f.Offer; o != nil {
		no = no || o.Missing == "used"
	}
	if g := f.Grant; g != nil {
		no = no || !g.EndedAt.IsZero() || o.at.Before(g.StartsAt)
	} else {
		no = no || f.Controller != "workspace"
	}
	no = no || f.Contact == nil
	if customer {
		no = no || f.Contact != nil && !f.Contact.Serves
		no = no || f.Contact != nil && !f.Contact.Verified && f.Purpose != "service.security" && f.Purpose != "service.consent_admin"
		no = no || f.Contact != nil && !f.Contact.Verified && p == "marketing"
		no = no || f.Relationship.State == "blocked" || f.Relationship.Required != "" && f.Relationship.State != f.Relationship.Required
		wants, withdrew := o.wants("contact")
		no = no || p == "service" && withdrew && !wants || (p == "notice" || p == "marketing") && !wants
		no = no || (f.DisclosureRequired || f.Channel == "kakao") && f.Trigger != "user" && f.Disclosure == nil
		no = no || p == "marketing" && f.Channel == "alimtalk"
		no = no || f.Minor && (p == "marketing" || p == "notice")
		no = no || p == "marketing" && f.Channel == "mail" && !f.OneClick
	}
	for _, s := range f.Suppressions {
		switch s.Reason {
		case "opted_out":
			no = no || p == "marketing"
		case "operator":
			no = no || p != "must"
		default:
			no = true
		}
	}
	if no {
		return engawa.Refuse, time.Time{}
	}
	until := o.wakes()
	if customer && (p == "notice" || p == "marketing") && (f.SentDay >= 5 || f.SentSender >= 3) {
		until = later(until, f.OldestDay.Add(24*time.Hour))
	}
	for _, b := range f.Budgets {
		if b.Remaining <= 0 && b.ResetsAt.After(o.at) {
			until = later(until, b.ResetsAt)
		}
	}
	if f.Offer != nil && f.Offer.Missing != "" {
		until = later(until, o.at.Add(15*time.Minute))
	}
	if until.After(o.at) {
		return engawa.Hold, until
	}
	return engawa.Send, time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// rare is true once in n times.
func rare(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func randomFacts(r *rand.Rand, at time.Time) engawa.Facts {
	f := japan()
	f.CreatedAt, f.ExpiresAt = at, time.Time{}
	f.Channel = pick(r, "mail", "mail", "line", "line", "kakao", "alimtalk")
	f.Purpose = pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service, engawa.Security, engawa.LegalNotice, "unheard of")
	f.Trigger = pick(r, engawa.ByUser, engawa.ByAutomatic, "")
	f.Country = pick(r, []string{"JP"}, []string{"KR"}, []string{"KR", "JP"}, nil)
	f.Zones = pick(r, nil, []string{"Asia/Tokyo"}, []string{"Asia/Seoul", "Australia/Sydney"}, []string{"Asia/Kathmandu"})
	f.App, f.Topic = pick(r, "", "app_1"), pick(r, "", "renewal")
	f.Content.Promotional = rare(r, 8)
	f.OneClick = !rare(r, 8)
	f.Consents = nil
	if !rare(r, 3) { // or few would pass
		c := given(at.Add(-time.Minute))
		c.Purpose = pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice)
		f.Consents = append(f.Consents, c)
	}
	for range max(0, r.IntN(9)-4) {
		f.Consents = append(f.Consents, randomConsent(r, at))
	}
	f.Erased, f.Minor, f.Stopped = rare(r, 30), rare(r, 20), rare(r, 30)
	if rare(r, 4) {
		f.While = &engawa.WhileFacts{Holds: pick(r, engawa.Standings[:]...), Gone: pick(r, "", "", engawa.GoneRenews), Until: pick(r, time.Time{}, at, at.Add(time.Hour))}
	}
	if rare(r, 8) {
		f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: pick(r, "", "", engawa.OfferEmpty, engawa.OfferUnlinked, engawa.OfferUsed)}
	}
	f.Contact.Verified, f.Contact.Serves = !rare(r, 15), !rare(r, 30)
	if rare(r, 30) {
		f.Contact = nil
	}
	f.Relationship = pick(r, engawa.RelationshipFacts{}, engawa.RelationshipFacts{}, engawa.RelationshipFacts{Required: "friend", State: "friend"},
		engawa.RelationshipFacts{Required: "friend", State: "friend"}, engawa.RelationshipFacts{Required: "friend"}, engawa.RelationshipFacts{State: "blocked"})
	f.DisclosureRequired = rare(r, 4)
	if !rare(r, 4) {
		f.Disclosure = &engawa.DisclosureFacts{ID: "dsc_1", Since: at}
	}
	if rare(r, 8) {
		f.Suppressions = stop(pick(r, "opted_out", "operator", "bounced", "complained", "blocked", "else"))
	}
	f.SentDay, f.SentSender, f.OldestDay = r.IntN(6), r.IntN(4), at.Add(-time.Duration(r.IntN(24*60-1))*time.Minute)
	if rare(r, 8) {
		f.Budgets = []engawa.BudgetFacts{{Scope: "month", Remaining: r.IntN(2), ResetsAt: at.Add(time.Duration(r.IntN(20)-5) * time.Hour)}}
	}
	switch r.IntN(10) {
	case 0:
		g := partner(&f)
		g.Apps, g.Purposes = star, []engawa.Purpose{"*"}
		g.StartsAt = at.Add(time.Duration(r.IntN(3)-1) * time.Hour)
		if rare(r, 3) {
			g.EndedAt = at
		}
	case 1:
		f.Controller = "ptn_1" // without a grant
	case 2:
		f.ToDestination, f.Customer = true, ""
		if rare(r, 4) {
			f.Contact = nil // taken away
		}
	}
	return f
}

func randomConsent(r *rand.Rand, at time.Time) engawa.ConsentFacts {
	return engawa.ConsentFacts{
		Controller: pick(r, "workspace", "workspace", "workspace", "ptn_1"),
		App:        pick(r, "", "", "app_1", "app_2"),
		Act:        pick(r, engawa.ActContact, engawa.ActContact, engawa.ActContact, engawa.ActContactNight, engawa.ActShareAddress),
		Purpose:    pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service),
		Channel:    pick(r, "", "", "mail", "line", "kakao"),
		Topic:      pick(r, "", "", "renewal", "news"),
		Given:      !rare(r, 3), Pending: rare(r, 10),
		At: at.Add(time.Duration(r.IntN(9)-7) * time.Second),
	}
}

// TestOracle compares 120,000 random verdicts with the second implementation.
// The seed is fixed, so that a failure can be seen again.
func TestOracle(t *testing.T) {
	set := load(t)
	r := rand.New(rand.NewPCG(20, 26))
	seen := map[engawa.Outcome]int{}
	for n := range 120_000 {
		at := noon.Add(time.Duration(r.IntN(48*60)) * time.Minute)
		f := randomFacts(r, at)
		v := Judge(f, set, at)
		want, until := oracle{f, at}.judge()
		if v.Outcome != want || !v.Until.Equal(until) {
			t.Fatalf("case %d at %s: %s until %s %v, the oracle says %s until %s\n%+v", n, at, v.Outcome, v.Until, reasonsOf(v), want, until, f)
		}
		seen[v.Outcome]++
	}
	for _, o := range []engawa.Outcome{engawa.Send, engawa.Hold, engawa.Refuse} {
		if seen[o] < 3_000 {
			t.Errorf("only %d of the cases end in %s: they say little", seen[o], o)
		}
	}
	t.Log(seen)
}
