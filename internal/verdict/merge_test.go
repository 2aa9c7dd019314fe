package verdict

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// yes and no are decisions for marketing, hours after noon.
func yes(hours int, channel, topic string) engawa.Consent {
	return engawa.Consent{
		Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing,
		Channel: channel, Topic: topic, Given: true, At: noon.Add(time.Duration(hours) * time.Hour),
	}
}

func no(hours int, channel, topic string) engawa.Consent {
	c := yes(hours, channel, topic)
	c.Given = false
	return c
}

func with(c engawa.Consent, change func(*engawa.Consent)) engawa.Consent {
	change(&c)
	return c
}

// TestNarrow names what two sides keep when they become one.
func TestNarrow(t *testing.T) {
	service := func(c *engawa.Consent) { c.Purpose = engawa.Service }
	for name, c := range map[string]struct {
		ours, theirs []engawa.Consent
		stopped      []string // topics of the withdrawals
	}{
		"both said yes to the same":             {list(yes(1, "mail", "renewal")), list(yes(2, "mail", "renewal")), nil},
		"one never was asked":                   {list(yes(1, "mail", "renewal")), nil, []string{"renewal"}},
		"one said no, then the other yes":       {list(yes(2, "mail", "renewal")), list(no(1, "mail", "renewal")), []string{"renewal"}},
		"one said no, later yes, the other yes": {list(no(1, "", "a"), yes(2, "", "a")), list(yes(3, "", "a")), nil},
		"the broader of the two ends":           {list(yes(1, "", "")), list(yes(1, "", "a")), []string{""}},
		"a broad no on the other side":          {list(yes(5, "mail", "a")), list(yes(1, "mail", "a"), no(2, "", "")), []string{"a"}},
		"a no elsewhere does not matter":        {list(yes(1, "mail", "a")), list(yes(1, "mail", "a"), no(2, "line", "a")), nil},
		"a no within the scope does":            {list(yes(1, "", "a")), list(yes(1, "", "a"), no(2, "line", "a")), []string{"a"}},
		"not confirmed on the other side":       {list(yes(1, "", "a")), list(with(yes(1, "", "a"), func(c *engawa.Consent) { c.Pending = true })), []string{"a"}},
		"of another controller":                 {list(yes(1, "", "a")), list(with(yes(1, "", "a"), func(c *engawa.Consent) { c.Controller = "ptn_1" })), []string{"a", "a"}},
		"taken back before":                     {list(yes(1, "", "a"), no(2, "", "a")), nil, nil},
		"service needs no yes":                  {list(with(yes(1, "", "a"), service)), nil, nil},
		"service refused there":                 {list(with(yes(1, "", "a"), service)), list(with(no(1, "", "a"), service)), []string{"a"}},
		"dated ahead":                           {list(yes(9, "", "a")), nil, []string{"a"}},
		"dated ahead on the other side":         {list(yes(1, "", "a")), list(yes(9, "", "a")), []string{"a"}},
		"dated as they become one":              {list(yes(1, "", "a")), list(yes(8, "", "a")), nil},
		"one said yes twice":                    {list(yes(1, "", "a"), yes(2, "", "a")), nil, []string{"a"}},
		"for another act":                       {list(yes(1, "", "a")), list(with(yes(1, "", "a"), func(c *engawa.Consent) { c.Act = engawa.ActShareAddress })), []string{"a", "a"}},
		"for another of the same class":         {list(with(yes(1, "", "a"), service)), list(with(no(2, "", "a"), func(c *engawa.Consent) { c.Purpose = engawa.Security })), []string{"a"}},
	} {
		at := noon.Add(8 * time.Hour)
		var topics []string
		for _, w := range Narrow(c.ours, c.theirs, at) {
			topics = append(topics, w.Topic)
			if w.Given || w.At.Before(at) {
				t.Errorf("%s: %+v", name, w)
			}
		}
		if !slices.Equal(topics, c.stopped) {
			t.Errorf("%s: stopped %q, want %q", name, topics, c.stopped)
		}
	}
}

// TestStandingConsents: of what was given, or waits to be confirmed, that stands which no
// withdrawal stops as a whole.
func TestStandingConsents(t *testing.T) {
	pending := with(yes(1, "", "p"), func(c *engawa.Consent) { c.Pending = true })
	for name, c := range map[string]struct {
		all    []engawa.Consent
		stands []string // topics
	}{
		"given and to be confirmed":   {list(yes(1, "", "a"), pending), []string{"a", "p"}},
		"withdrawn":                   {list(yes(1, "", "a"), no(2, "", "a")), nil},
		"withdrawn with all else":     {list(yes(1, "mail", "a"), no(2, "", "")), nil},
		"withdrawn in a part":         {list(yes(1, "", "a"), no(2, "mail", "a")), []string{"a"}},
		"withdrawn at the same time":  {list(yes(1, "", "a"), no(1, "", "a")), nil},
		"given again":                 {list(no(1, "", "a"), yes(2, "", "a")), []string{"a"}},
		"withdrawn elsewhere":         {list(yes(1, "", "a"), no(2, "", "b")), []string{"a"}},
		"withdrawn from another":      {list(yes(1, "", "a"), with(no(2, "", "a"), func(c *engawa.Consent) { c.Controller = "ptn_1" })), []string{"a"}},
		"withdrawn for another act":   {list(yes(1, "", "a"), with(no(2, "", "a"), func(c *engawa.Consent) { c.Act = engawa.ActShareUsage })), []string{"a"}},
		"withdrawn for another class": {list(yes(1, "", "a"), with(no(2, "", "a"), func(c *engawa.Consent) { c.Purpose = engawa.Service })), []string{"a"}},
		"withdrawn for what nobody knows, which counts as marketing": {list(yes(1, "", "a"), with(no(2, "", "a"), func(c *engawa.Consent) { c.Purpose = "odd" })), nil},
	} {
		var stands []string
		for _, s := range Standing(c.all) {
			stands = append(stands, s.Topic)
		}
		if !slices.Equal(stands, c.stands) {
			t.Errorf("%s: %q, want %q", name, stands, c.stands)
		}
	}
}

func list(cs ...engawa.Consent) []engawa.Consent { return cs }

// TestNarrowNeverWidens: whatever two sides decided, what may be said to the
// one they become could have been said to each, then and later.
func TestNarrowNeverWidens(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	allowed, kept := 0, 0
	for range 20_000 {
		ours, theirs := someDecisions(r), someDecisions(r)
		at := noon.Add(time.Duration(r.IntN(12)) * time.Hour)
		one := factsOf(slices.Concat(ours, theirs, Narrow(ours, theirs, at)))
		our, their := factsOf(ours), factsOf(theirs)
		for range 20 {
			f := engawa.Facts{
				Controller: pick(r, engawa.ControllerWorkspace, "ptn_1"), Purpose: pick(r, engawa.Service, engawa.Notice, engawa.Marketing),
				App: pick(r, "", "a", "b"), Channel: pick(r, "mail", "line"), Topic: pick(r, "", "x", "y"),
			}
			when := at.Add(time.Duration(r.IntN(24)) * time.Hour)
			may := says(f, one, when)
			apart := says(f, our, when) && says(f, their, when)
			if may && !apart {
				t.Fatalf("%+v at %s\nours %+v\ntheirs %+v\none %+v", f, when, ours, theirs, one)
			}
			if apart {
				allowed++
			}
			if may {
				kept++
			}
		}
	}
	t.Logf("of %d messages that both allowed, one allows %d", allowed, kept)
	if kept*2 < allowed {
		t.Errorf("of %d messages that both allowed, one allows only %d", allowed, kept)
	}
}

// says reports whether decisions let a message through the gate of consent.
func says(f engawa.Facts, cs []engawa.ConsentFacts, at time.Time) bool {
	f.Consents = cs
	j := &judgement{Facts: f, at: at, purpose: f.Purpose}
	return consent(j).result(engawa.GateConsent).Outcome == engawa.Send
}

func factsOf(cs []engawa.Consent) (out []engawa.ConsentFacts) {
	for _, c := range cs {
		out = append(out, engawa.ConsentFacts{
			Controller: c.Controller, App: c.App, Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic, Given: c.Given, Pending: c.Pending, At: c.At,
		})
	}
	return out
}

func someDecisions(r *rand.Rand) []engawa.Consent {
	var out []engawa.Consent
	for range r.IntN(6) {
		out = append(out, engawa.Consent{
			Controller: pick(r, engawa.ControllerWorkspace, engawa.ControllerWorkspace, "ptn_1"), Act: engawa.ActContact,
			Purpose: pick(r, engawa.Service, engawa.Notice, engawa.Marketing, "odd"),
			App:     pick(r, "", "", "a", "b"), Channel: pick(r, "", "mail", "line"), Topic: pick(r, "", "x", "y"),
			Given: r.IntN(3) > 0, Pending: r.IntN(8) == 0, At: noon.Add(time.Duration(r.IntN(16)) * time.Hour),
		})
	}
	return out
}
