package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// entryOf is what an entry of a list was registered for.
type entryOf struct {
	purpose    engawa.Purpose
	app, topic string
}

// lets reports whether the verdict lets a registration pass its gate of consent, at a time.
func lets(rules *rule.Set, of entryOf, all []engawa.Consent, at time.Time) bool {
	f := engawa.Facts{Controller: engawa.ControllerWorkspace, Purpose: of.purpose, App: of.app, Topic: of.topic, Channel: "listform", CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
	for _, c := range all {
		if c.Channel == engawa.ContactKind(f.Channel) { // as the facts of a message have it
			c.Channel = f.Channel
		}
		f.Consents = append(f.Consents, engawa.ConsentFacts{
			Controller: c.Controller, App: c.App, Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic, Given: c.Given, Pending: c.Pending, At: c.At,
		})
	}
	for _, g := range verdict.Judge(f, rules, at).Gates {
		if g.Gate == engawa.GateConsent {
			return g.Outcome == engawa.Send
		}
	}
	return false
}

// TestWithdrawnAsJudged: whoever is in a list is to be taken off it by the rule by which the
// verdict would refuse to register them. Of each history the verdict is asked whether
// something was withdrawn too: by a consent to everything that is older than it all.
func TestWithdrawnAsJudged(t *testing.T) {
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	decided := func(given bool, n int, channel, topic string) engawa.Consent {
		return engawa.Consent{Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Channel: channel, Topic: topic, Given: given, At: hour(n)}
	}
	with := func(c engawa.Consent, change func(*engawa.Consent)) engawa.Consent {
		change(&c)
		return c
	}
	check := func(name string, of entryOf, all []engawa.Consent) (withdrawn bool) {
		t.Helper()
		ever := decided(true, -1, "", "")
		ever.Purpose = of.purpose
		withdrawn = store.Withdrawn(of.purpose, of.app, of.topic, all)
		if judged := !lets(rules, of, append([]engawa.Consent{ever}, all...), hour(24)); withdrawn != judged {
			t.Fatalf("%s: the list says withdrawn %t, the verdict %t\n%+v\n%+v", name, withdrawn, judged, of, all)
		}
		if withdrawn && lets(rules, of, all, hour(24)) {
			t.Fatalf("%s: it would be registered again at once\n%+v\n%+v", name, of, all)
		}
		return withdrawn
	}
	const yes, no = true, false
	for name, c := range map[string]struct {
		all  []engawa.Consent
		want bool
	}{
		"nothing":                            {nil, no},
		"given":                              {[]engawa.Consent{decided(yes, 1, "mail", "")}, no},
		"withdrawn later":                    {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 2, "mail", "")}, yes},
		"withdrawn at once":                  {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 1, "mail", "")}, yes},
		"given again":                        {[]engawa.Consent{decided(no, 1, "mail", ""), decided(yes, 2, "mail", "")}, no},
		"withdrawn for all channels":         {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 2, "", "")}, yes},
		"withdrawn for the list by its kind": {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 2, "listform", "")}, yes},
		"withdrawn of another channel":       {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 2, "sms", "")}, no},
		"withdrawn of another topic":         {[]engawa.Consent{decided(yes, 1, "mail", ""), decided(no, 2, "mail", "u")}, no},
		"narrow withdrawal, broad consent":   {[]engawa.Consent{decided(no, 1, "", "t"), decided(yes, 2, "", "")}, yes},
		"crossed scopes":                     {[]engawa.Consent{decided(no, 1, "", "t"), decided(yes, 2, "mail", "")}, yes},
		"crossed scopes, both named":         {[]engawa.Consent{decided(no, 1, "", "t"), decided(yes, 2, "mail", "t")}, no},
		"given again, not confirmed":         {[]engawa.Consent{decided(no, 1, "mail", ""), with(decided(yes, 2, "mail", ""), func(c *engawa.Consent) { c.Pending = true })}, yes},
		"by a partner's":                     {[]engawa.Consent{decided(no, 2, "mail", ""), with(decided(yes, 3, "mail", ""), func(c *engawa.Consent) { c.Controller = "ptn_1" })}, yes},
		"of an address":                      {[]engawa.Consent{with(decided(no, 2, "mail", ""), func(c *engawa.Consent) { c.Act = engawa.ActShareAddress })}, no},
		"of notices":                         {[]engawa.Consent{with(decided(no, 2, "mail", ""), func(c *engawa.Consent) { c.Purpose = engawa.Notice })}, no},
		"of what nobody knows":               {[]engawa.Consent{with(decided(no, 2, "mail", ""), func(c *engawa.Consent) { c.Purpose = "x" })}, yes},
		"a withdrawal that waits":            {[]engawa.Consent{with(decided(no, 2, "mail", ""), func(c *engawa.Consent) { c.Pending = true })}, yes},
		"given for what nobody knows":        {[]engawa.Consent{decided(no, 1, "mail", ""), with(decided(yes, 2, "mail", ""), func(c *engawa.Consent) { c.Purpose = "x" })}, yes},
	} {
		if got := check(name, entryOf{engawa.Marketing, "", "t"}, c.all); got != c.want {
			t.Errorf("%s: withdrawn %t", name, got)
		}
	}
	r := rand.New(rand.NewPCG(3, 6))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	seen := map[bool]int{}
	for range 20_000 {
		var all []engawa.Consent
		for range r.IntN(8) {
			all = append(all, engawa.Consent{
				Controller: one(engawa.ControllerWorkspace, engawa.ControllerWorkspace, "ptn_1"), App: one("", "", "a", "b"), Act: engawa.ActContact,
				Purpose: engawa.Purpose(one("marketing", "marketing", "notice", "service", "x")), Channel: engawa.ContactKind(one("", "mail", "listform", "sms")), Topic: one("", "t", "u"),
				Given: r.IntN(2) == 0, Pending: r.IntN(6) == 0, At: hour(r.IntN(6)),
			})
		}
		seen[check("drawn", entryOf{engawa.Purpose(one("marketing", "notice", "service")), one("", "a"), one("", "t")}, all)]++
	}
	if seen[yes] < 1000 || seen[no] < 1000 {
		t.Errorf("drawn %v", seen)
	}
}
