package verdict

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// fresh is f as if it was made a minute before at and never expires.
func fresh(f engawa.Facts, at time.Time) engawa.Facts {
	f.CreatedAt, f.ExpiresAt = at.Add(-time.Minute), time.Time{}
	return f
}

func wall(t *testing.T, loc *time.Location, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05.000", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// asked is a Korean SMS under the rules; there is no such channel yet, the law
// knows it.
func asked(channel, country, zone string) engawa.Facts {
	f := japan()
	f.Channel, f.Country, f.Zones = channel, []string{country}, []string{zone}
	return f
}

// TestKoreanNight is the first group of golden vectors: a text message to
// Korea with a consent for the day, and a mail at night.
func TestKoreanNight(t *testing.T) {
	set := load(t)
	eight := "2026-11-25 08:00:00.000"
	for _, tc := range []struct{ channel, at, until string }{
		{"sms", "2026-11-24 20:59:59.999", ""},
		{"sms", "2026-11-24 21:00:00.000", eight},
		{"sms", "2026-11-25 07:59:59.999", eight},
		{"sms", eight, ""},
		{"mail", "2026-11-24 23:00:00.000", ""},
	} {
		at := wall(t, seoul, tc.at)
		v := Judge(fresh(korea(tc.channel), at), set, at)
		if tc.until == "" {
			if v.Outcome != engawa.Send {
				t.Errorf("%s at %s: %s at %s", tc.channel, tc.at, v.Outcome, v.Decided)
			}
			continue
		}
		if v.Outcome != engawa.Hold || v.Decided != engawa.GateRules || !v.Until.Equal(wall(t, seoul, tc.until)) {
			t.Errorf("%s at %s: %s at %s until %s", tc.channel, tc.at, v.Outcome, v.Decided, v.Until)
		}
	}
}

// TestObligations: what a message must carry, by country and channel.
func TestObligations(t *testing.T) {
	set := load(t)
	label := engawa.Obligation{Kind: "subject_prefix", Rule: "KR-07", Text: "(광고)"}
	body := engawa.Obligation{Kind: "body_prefix", Rule: "KR-08", Text: "(광고)"}
	click := engawa.Obligation{Kind: "one_click", Rule: "M-04"}
	foot := func(rule string) engawa.Obligation { return engawa.Obligation{Kind: "footer", Rule: rule} }
	for _, tc := range []struct {
		channel string
		country []string
		want    []engawa.Obligation
	}{
		{"mail", []string{"JP"}, []engawa.Obligation{foot("JP-04"), click}},
		{"mail", []string{"KR"}, []engawa.Obligation{label, foot("KR-09"), click}},
		{"mail", []string{"KR", "JP"}, []engawa.Obligation{foot("JP-04"), label, foot("KR-09"), click}},
		{"mail", []string{"US"}, []engawa.Obligation{foot("US-01"), click}},
		{"mail", []string{"FR"}, []engawa.Obligation{foot("EU-03"), click}},
		{"line", []string{"KR"}, []engawa.Obligation{body, foot("KR-09.chat")}},
		{"line", []string{"JP"}, []engawa.Obligation{foot("H-04")}},
	} {
		f := japan()
		f.Channel, f.Country, f.Zones = tc.channel, tc.country, nil
		v := Judge(f, set, noon)
		if v.Outcome != engawa.Send || !slices.Equal(v.Obligations, tc.want) {
			t.Errorf("%s to %v: %s, obliges %v, want %v", tc.channel, tc.country, v.Outcome, v.Obligations, tc.want)
		}
	}
}

// TestMixed: a refund notice with a coupon is marketing (golden vector 6), a
// sub-kind of service too, and words alone never loosen.
func TestMixed(t *testing.T) {
	set := load(t)
	for _, p := range []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Security} {
		f := korea("line")
		f.Purpose, f.Content.Promotional = p, true
		at := wall(t, seoul, "2026-11-24 22:00:00.000")
		if v := Judge(fresh(f, at), set, at); v.Outcome != engawa.Hold || len(v.Obligations) != 2 {
			t.Errorf("%s with a coupon at night: %s, obliges %v", p, v.Outcome, v.Obligations)
		}
		f.Content.Promotional = false
		if v := Judge(fresh(f, at), set, at); v.Outcome == engawa.Hold || len(v.Obligations) != 0 {
			t.Errorf("%s at night: %s, obliges %v", p, v.Outcome, v.Obligations)
		}
	}
}

// TestTwoYears: golden vector 8, dates are counted in Seoul. 2026-01-10 23:30
// UTC is the 11th there, so the notice is due before 2028-01-11 in Seoul.
func TestTwoYears(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		given, reminded, at string // in UTC
		ok                  bool
	}{
		{"2026-01-10 23:30:00.000", "", "2028-01-10 14:59:59.999", true},
		{"2026-01-10 23:30:00.000", "", "2028-01-10 15:00:00.000", false},
		{"2026-01-10 14:59:59.999", "", "2028-01-09 15:00:00.000", false}, // still the 10th in Seoul
		{"2026-01-10 23:30:00.000", "2027-12-20 03:00:00.000", "2028-01-10 15:00:00.000", true},
		{"2026-01-10 23:30:00.000", "2027-12-20 03:00:00.000", "2029-12-19 14:59:59.999", true},
		{"2026-01-10 23:30:00.000", "2027-12-20 03:00:00.000", "2029-12-19 15:00:00.000", false},
		{"2028-02-29 03:00:00.000", "", "2030-02-27 14:59:59.999", true}, // no 29th: the last day
		{"2028-02-29 03:00:00.000", "", "2030-02-27 15:00:00.000", false},
	} {
		at := wall(t, time.UTC, tc.at)
		f := fresh(korea("mail"), at)
		f.Consents = []engawa.ConsentFacts{given(wall(t, time.UTC, tc.given))}
		if tc.reminded != "" {
			f.Consents[0].RemindedAt = wall(t, time.UTC, tc.reminded)
		}
		v := Judge(f, set, at)
		if ok := v.Outcome == engawa.Send; ok != tc.ok || !ok && !slices.Contains(reasonsOf(v), rulesReminder) {
			t.Errorf("given %s, reminded %q, at %s: %s %v", tc.given, tc.reminded, tc.at, v.Outcome, reasonsOf(v))
		}
	}
}

// TestNewestConsent: of two that stand the younger counts, in either order.
func TestNewestConsent(t *testing.T) {
	set := load(t)
	old, young := given(noon.AddDate(-3, 0, 0)), given(noon.AddDate(-1, 0, 0))
	young.Wording = "v4"
	for _, consents := range [][]engawa.ConsentFacts{{old, young}, {young, old}} {
		f := korea("mail")
		f.Consents = consents
		v := Judge(f, set, noon)
		if r := v.Gates[3].Reasons[0]; v.Outcome != engawa.Send || r.Args["wording"] != "v4" {
			t.Errorf("%s on %v", v.Outcome, r.Args)
		}
	}
}

// TestBothLaws: golden vector 10, a customer of two countries is under both laws.
func TestBothLaws(t *testing.T) {
	at := wall(t, seoul, "2026-11-24 22:00:00.000")
	f := fresh(japan(), at)
	f.Channel, f.Country, f.Zones = "sms", []string{"KR", "JP"}, []string{"Asia/Seoul", "Asia/Tokyo"}
	if v := Judge(f, load(t), at); v.Outcome != engawa.Hold {
		t.Errorf("to a Korean telephone of a Japanese customer at night: %s", v.Outcome)
	}
	f.Country = []string{"JP"}
	if v := Judge(f, load(t), at); v.Outcome != engawa.Send {
		t.Errorf("to Japan at night, where no law forbids it: %s at %s", v.Outcome, v.Decided)
	}
}

// TestMovedClocks: golden vector 12, the American days on which clocks move.
func TestMovedClocks(t *testing.T) {
	set, york := load(t), zone("America/New_York")
	utc := func(s string) time.Time { return wall(t, time.UTC, s) }
	for _, tc := range []struct{ at, until time.Time }{
		{utc("2027-03-14 06:30:00.000"), wall(t, york, "2027-03-14 08:00:00.000")}, // half past one; there is no half past two
		{utc("2027-03-14 07:30:00.000"), wall(t, york, "2027-03-14 08:00:00.000")}, // half past three
		{utc("2027-03-14 11:59:59.999"), wall(t, york, "2027-03-14 08:00:00.000")},
		{utc("2027-03-14 12:00:00.000"), time.Time{}},                              // eight o'clock, in summer time
		{utc("2026-11-01 05:30:00.000"), wall(t, york, "2026-11-01 08:00:00.000")}, // half past one
		{utc("2026-11-01 06:30:00.000"), wall(t, york, "2026-11-01 08:00:00.000")}, // half past one again
		{utc("2026-11-01 12:59:59.999"), wall(t, york, "2026-11-01 08:00:00.000")},
		{utc("2026-11-01 13:00:00.000"), time.Time{}},
	} {
		f := fresh(asked("sms", "US", "America/New_York"), tc.at)
		f.Consents[0].At = tc.at.Add(-time.Hour)
		v := Judge(f, set, tc.at)
		want := engawa.Hold
		if tc.until.IsZero() {
			want = engawa.Send
		}
		if v.Outcome != want || !v.Until.Equal(tc.until) {
			t.Errorf("at %s: %s until %s, want %s until %s", tc.at.In(york), v.Outcome, v.Until.In(york), want, tc.until)
		}
	}
}

// TestEveryZone: where the customer may be in several zones all must be open,
// and the hold ends when they are, not when the first is.
func TestEveryZone(t *testing.T) {
	set, york := load(t), zone("America/New_York")
	f := asked("sms", "US", "America/New_York")
	f.Zones = []string{"America/New_York", "America/Los_Angeles"}
	for _, tc := range []struct{ at, until string }{ // on clocks in New York
		{"2026-11-24 07:00:00.000", "2026-11-24 11:00:00.000"},
		{"2026-11-24 10:59:59.999", "2026-11-24 11:00:00.000"},
		{"2026-11-24 11:00:00.000", ""},
		{"2026-11-24 20:59:59.999", ""},
		{"2026-11-24 21:00:00.000", "2026-11-25 11:00:00.000"},
	} {
		at := wall(t, york, tc.at)
		g := fresh(f, at)
		g.Consents = []engawa.ConsentFacts{given(at.Add(-time.Hour))}
		v := Judge(g, set, at)
		if tc.until == "" && v.Outcome != engawa.Send || tc.until != "" && !v.Until.Equal(wall(t, york, tc.until)) {
			t.Errorf("at %s: %s until %s, want %q", tc.at, v.Outcome, v.Until.In(york), tc.until)
		}
	}
	at := wall(t, york, "2026-11-24 10:00:00.000")
	f = fresh(f, at)
	f.Zones, f.Consents[0].At = nil, at.Add(-time.Hour)
	if v := Judge(f, set, at); !v.Until.Equal(wall(t, york, "2026-11-24 13:00:00.000")) {
		t.Errorf("somewhere in the United States: %s until %s, when it is eight in Honolulu", v.Outcome, v.Until.In(york))
	}
}

// TestHorizon: what opens within eight days is waited for, what opens later never. Here
// a minute is open each day, which London and UTC share from the day on which summer
// time ends.
func TestHorizon(t *testing.T) {
	set, err := rule.Parse(mapFS{"house.toml": `zone = "UTC"
[[rule]]
id = "T-1"
kind = "quiet_hours"
channels = ["*"]
purposes = ["marketing"]
source = "a test"
reviewed_on = "2026-11-24"
mark = "policy"
params = { from = "12:01", to = "12:00" }
`})
	if err != nil {
		t.Fatal(err)
	}
	opens := wall(t, time.UTC, "2026-10-25 12:00:00.000")
	for before, want := range map[time.Duration]engawa.Outcome{0: engawa.Send, 8 * 24 * time.Hour: engawa.Hold, 8*24*time.Hour + 1: engawa.Refuse} {
		at := opens.Add(-before)
		f := fresh(japan(), at)
		f.Zones, f.Consents[0].At = []string{"Europe/London", "UTC"}, at.Add(-time.Hour)
		v := Judge(f, set, at)
		if v.Outcome != want || want == engawa.Hold && !v.Until.Equal(opens) {
			t.Errorf("%s before it opens: %s until %s", before, v.Outcome, v.Until)
		}
		f.Country = nil
		if slices.Contains(reasonsOf(Judge(f, set, at)), rulesCountry) {
			t.Error("the laws of other countries are named, of which there are none")
		}
	}
}

// TestUncounted: no cap holds service, nor what goes to staff, though the business set it.
func TestUncounted(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		purpose engawa.Purpose
		staff   bool
		want    engawa.Outcome
	}{
		{engawa.Service, false, engawa.Send},
		{engawa.Security, false, engawa.Send},
		{engawa.Service, true, engawa.Send},
		{engawa.Marketing, true, engawa.Send},
		{engawa.Marketing, false, engawa.Hold},
	} {
		f := japan()
		if tc.staff {
			destination(&f)
		}
		f.Purpose, f.SentDay, f.SentSender = tc.purpose, 9, 9
		f.House.CapPerDay, f.House.CapPerSender = 1, 1
		if v := Judge(f, set, noon); v.Outcome != tc.want {
			t.Errorf("%s to staff %t: %s at %s", tc.purpose, tc.staff, v.Outcome, v.Decided)
		}
	}
}

// TestOtherVendor: golden vector 14, a consent given to one sender is no other's.
func TestOtherVendor(t *testing.T) {
	f := japan()
	partner(&f)
	f.Consents[0].Controller = "ptn_2"
	if v := Judge(f, load(t), noon); v.Outcome != engawa.Refuse || v.Decided != engawa.GateConsent {
		t.Errorf("on another's consent: %s at %s", v.Outcome, v.Decided)
	}
	f.Consents[0].Controller = "ptn_1"
	if v := Judge(f, load(t), noon); v.Outcome != engawa.Send {
		t.Errorf("on its own consent: %s at %s", v.Outcome, v.Decided)
	}
}

// TestClockSetBack: golden vector 20. A message of 21:05 in Seoul meets a clock
// that shows 19:10: it waits until the clock has caught up, and then for the
// morning.
func TestClockSetBack(t *testing.T) {
	set, at := load(t), wall(t, seoul, "2026-11-24 19:10:00.000")
	f := fresh(korea("line"), at)
	f.CreatedAt = wall(t, seoul, "2026-11-24 21:05:00.000")
	v := Judge(f, set, at)
	if v.Outcome != engawa.Hold || !v.Until.Equal(f.CreatedAt) {
		t.Fatalf("%s until %s", v.Outcome, v.Until.In(seoul))
	}
	if v = Judge(f, set, v.Until); v.Outcome != engawa.Hold || !v.Until.Equal(wall(t, seoul, "2026-11-25 08:00:00.000")) {
		t.Errorf("then %s until %s", v.Outcome, v.Until.In(seoul))
	}
	f.CreatedAt = wall(t, seoul, "2026-11-26 12:00:00.000")
	if v = Judge(f, set, wall(t, seoul, "2026-11-24 22:00:00.000")); v.Outcome != engawa.Hold || !v.Until.Equal(f.CreatedAt) {
		t.Errorf("by night, two days behind: %s until %s", v.Outcome, v.Until.In(seoul))
	}
	f.CreatedAt = at.Add(2 * time.Second) // what two nodes may differ
	if v = Judge(f, set, at); v.Outcome != engawa.Send {
		t.Errorf("two seconds ahead: %s", v.Outcome)
	}
}

// TestRulesChange: golden vector 18, what counts are the rules at the hand-over.
func TestRulesChange(t *testing.T) {
	old := japan()
	v := Judge(old, load(t), noon)
	old.Final, old.Applied = true, v.Obligations
	if v := Judge(old, load(t), noon); v.Outcome != engawa.Send {
		t.Fatalf("with all that is owed: %s %v", v.Outcome, reasonsOf(v))
	}
	old.Final, old.Applied = false, v.Obligations[:1] // words of which something was applied are final
	if v := Judge(old, load(t), noon); len(v.Obligations) != 2 || v.Outcome != engawa.Refuse || !slices.Contains(reasonsOf(v), rulesRerender) {
		t.Errorf("with one of what is owed: %s %v", v.Outcome, reasonsOf(v))
	}
	old.Final, old.Applied = true, v.Obligations
	old.Country = []string{"JP", "KR"} // as a rule that newly bears on it would
	old.Consents[0].At = noon.Add(-time.Hour)
	v = Judge(old, load(t), noon)
	if v.Outcome != engawa.Refuse || !slices.Contains(reasonsOf(v), rulesRerender) {
		t.Errorf("under more rules: %s %v", v.Outcome, reasonsOf(v))
	}
	if v.RuleSet != load(t).Version() || v.At != noon {
		t.Errorf("the verdict names rules %q at %s", v.RuleSet, v.At)
	}
}

// TestFinalLabels: final words begin with the label; in a chat the sender's
// name follows it.
func TestFinalLabels(t *testing.T) {
	set := load(t)
	for _, tc := range []struct {
		channel, words string
		ok             bool
	}{
		{"mail", "(광고) 새 원두", true},
		{"mail", "(광고)새 원두", true},
		{"mail", "새 원두 (광고)", false},
		{"mail", " (광고) 새 원두", false},
		{"mail", "(광고) (광고) 새 원두", false},
		{"mail", "(광고) Re: [AD] 새 원두", false},
		{"line", "(광고) ひなた珈琲\n새 원두", true},
		{"line", "(광고)ひなた珈琲 새 원두", true},
		{"line", "(광고) 새 원두", false},
		{"line", "ひなた珈琲 (광고) 새 원두", false},
		{"line", "ひなた珈琲 새 원두", false},
	} {
		f := korea(tc.channel)
		f.Content.Subject, f.Content.Text = tc.words, tc.words
		f.Final, f.Applied = true, Judge(korea(tc.channel), set, noon).Obligations
		if v := Judge(f, set, noon); (v.Outcome == engawa.Send) != tc.ok {
			t.Errorf("%s %q: %s %v", tc.channel, tc.words, v.Outcome, reasonsOf(v))
		}
	}
	f := korea("line")
	f.Sender.Name = "광고 천재" // a name may begin with the word
	f.Content.Text = "(광고) 광고 천재\n안내"
	f.Final, f.Applied = true, Judge(korea("line"), set, noon).Obligations
	if v := Judge(f, set, noon); v.Outcome != engawa.Send {
		t.Errorf("a sender called so: %v", reasonsOf(v))
	}
}

// TestQuietAll: a business may let quiet hours hold service too, but not what
// must arrive, not mail, and not its own staff.
func TestQuietAll(t *testing.T) {
	set, at := load(t), wall(t, seoul, "2026-11-24 22:00:00.000")
	for _, tc := range []struct {
		channel string
		purpose engawa.Purpose
		on      bool
		want    engawa.Outcome
	}{
		{"line", engawa.Service, true, engawa.Hold},
		{"line", engawa.Service, false, engawa.Send},
		{"line", engawa.Security, true, engawa.Send},
		{"mail", engawa.Service, true, engawa.Send},
		{"line", engawa.Marketing, true, engawa.Hold},
		{"line", engawa.Marketing, false, engawa.Send},
	} {
		f := fresh(japan(), at)
		f.Channel, f.Purpose, f.House.QuietAllSilent = tc.channel, tc.purpose, tc.on
		if v := Judge(f, set, at); v.Outcome != tc.want {
			t.Errorf("%s %s with quiet_all %t: %s at %s", tc.channel, tc.purpose, tc.on, v.Outcome, v.Decided)
		}
	}
	f := fresh(japan(), at)
	destination(&f)
	f.Channel, f.House.QuietAllSilent = "chatwork", true
	if v := Judge(f, set, at); v.Outcome != engawa.Send {
		t.Errorf("to staff: %s", v.Outcome)
	}
}

// TestMandatory: what must arrive passes a withdrawal, a business's own stop
// and a full day, and nothing that really ends an address.
func TestMandatory(t *testing.T) {
	set := load(t)
	for _, p := range []engawa.Purpose{engawa.Security, engawa.LegalNotice, engawa.ConsentAdmin} {
		f := japan()
		f.Purpose, f.SentDay, f.SentSender = p, 100, 100
		w := given(noon)
		w.Given, w.Purpose = false, engawa.Service
		f.Consents = []engawa.ConsentFacts{w}
		f.Suppressions = append(stop("opted_out"), stop("operator")...)
		if v := Judge(f, set, noon); v.Outcome != engawa.Send {
			t.Errorf("%s: %s at %s", p, v.Outcome, v.Decided)
		}
		for _, reason := range []string{"bounced", "complained", "blocked", ""} {
			f.Suppressions = stop(reason)
			if v := Judge(f, set, noon); v.Outcome != engawa.Refuse || v.Decided != engawa.GateSuppression {
				t.Errorf("%s to an address %q: %s", p, reason, v.Outcome)
			}
		}
		f.Suppressions = nil
		f.Contact.Verified = false
		if v := Judge(f, set, noon); (v.Outcome == engawa.Send) != (p != engawa.LegalNotice) {
			t.Errorf("%s to an address that is not verified: %s", p, v.Outcome)
		}
	}
}

// TestLimits stands on both sides of each limit that is a number or an instant.
func TestLimits(t *testing.T) {
	set := load(t)
	for name, tc := range map[string]struct {
		in, out func(*engawa.Facts)
		want    engawa.Outcome // of out
		until   time.Time
	}{
		"expiry":       {func(f *engawa.Facts) { f.ExpiresAt = noon.Add(1) }, func(f *engawa.Facts) { f.ExpiresAt = noon }, engawa.Refuse, time.Time{}},
		"age":          {func(f *engawa.Facts) { f.CreatedAt = noon.Add(-168 * time.Hour) }, func(f *engawa.Facts) { f.CreatedAt = noon.Add(-168*time.Hour - 1) }, engawa.Refuse, time.Time{}},
		"age unknown":  {func(f *engawa.Facts) { f.CreatedAt = time.Time{} }, func(f *engawa.Facts) { f.CreatedAt = time.Unix(0, 0) }, engawa.Refuse, time.Time{}},
		"clock":        {func(f *engawa.Facts) { f.CreatedAt = noon.Add(2 * time.Second) }, func(f *engawa.Facts) { f.CreatedAt = noon.Add(2*time.Second + 1) }, engawa.Hold, noon.Add(2*time.Second + 1)},
		"day":          {func(f *engawa.Facts) { f.SentDay, f.OldestDay = 4, noon.Add(-time.Hour) }, func(f *engawa.Facts) { f.SentDay, f.OldestDay = 5, noon.Add(-time.Hour) }, engawa.Hold, noon.Add(23 * time.Hour)},
		"day of house": {func(f *engawa.Facts) { f.SentDay, f.House.CapPerDay = 8, 9 }, func(f *engawa.Facts) { f.SentDay, f.House.CapPerDay = 1, 1 }, engawa.Hold, noon.Add(5 * time.Minute)},
		"sender":       {func(f *engawa.Facts) { f.SentSender = 2 }, func(f *engawa.Facts) { f.SentSender, f.OldestDay = 3, noon.Add(-24*time.Hour+1) }, engawa.Hold, noon.Add(1)},
		"sender's own": {func(f *engawa.Facts) { f.SentSender, f.House.CapPerSender = 8, 9 }, func(f *engawa.Facts) { f.SentSender, f.House.CapPerSender = 1, 1 }, engawa.Hold, noon.Add(5 * time.Minute)},
		"stale count":  {func(f *engawa.Facts) {}, func(f *engawa.Facts) { f.SentDay, f.OldestDay = 5, noon.Add(-24*time.Hour) }, engawa.Hold, noon.Add(5 * time.Minute)},
		"budget":       {func(f *engawa.Facts) { f.Budgets = []engawa.BudgetFacts{{Remaining: 1, ResetsAt: noon.Add(1)}} }, func(f *engawa.Facts) { f.Budgets = []engawa.BudgetFacts{{Remaining: 0, ResetsAt: noon.Add(1)}} }, engawa.Hold, noon.Add(1)},
		"budget back":  {func(f *engawa.Facts) { f.Budgets = []engawa.BudgetFacts{{ResetsAt: noon}} }, func(f *engawa.Facts) { f.Budgets = []engawa.BudgetFacts{{Remaining: -1}} }, engawa.Hold, noon.Add(5 * time.Minute)},
		"two budgets": {
			func(f *engawa.Facts) { f.Budgets = []engawa.BudgetFacts{{Remaining: 1}, {Remaining: 1}} },
			func(f *engawa.Facts) {
				f.Budgets = []engawa.BudgetFacts{{ResetsAt: noon.Add(2)}, {ResetsAt: noon.Add(1)}}
			}, engawa.Hold, noon.Add(2),
		},
		"suppression": {func(f *engawa.Facts) { f.Suppressions = stop("bounced"); f.Suppressions[0].Until = noon }, func(f *engawa.Facts) { f.Suppressions = stop("bounced"); f.Suppressions[0].Until = noon.Add(1) }, engawa.Refuse, time.Time{}},
		"disclosure": {func(f *engawa.Facts) { f.DisclosureRequired, f.Disclosure = true, &engawa.DisclosureFacts{Since: noon} }, func(f *engawa.Facts) {
			f.DisclosureRequired, f.Disclosure = true, &engawa.DisclosureFacts{Since: noon.Add(1)}
		}, engawa.Refuse, time.Time{}},
		"consent":      {func(f *engawa.Facts) { f.Consents[0].At = noon.Add(2 * time.Second) }, func(f *engawa.Facts) { f.Consents[0].At = noon.Add(2*time.Second + 1) }, engawa.Refuse, time.Time{}},
		"grant starts": {func(f *engawa.Facts) { own(f).StartsAt = noon }, func(f *engawa.Facts) { own(f).StartsAt = noon.Add(1) }, engawa.Refuse, time.Time{}},
		"grant ends":   {func(f *engawa.Facts) { own(f).EndsAt = noon.Add(1) }, func(f *engawa.Facts) { own(f).EndsAt = noon }, engawa.Refuse, time.Time{}},
		"grant ended":  {func(f *engawa.Facts) { own(f) }, func(f *engawa.Facts) { own(f).EndedAt = noon.Add(time.Hour) }, engawa.Refuse, time.Time{}},
		"quota": {
			func(f *engawa.Facts) { g := own(f); g.QuotaDay, g.UsedDay = 5, 4 }, func(f *engawa.Facts) { g := own(f); g.QuotaDay, g.UsedDay, g.DayEnds = 5, 5, noon.Add(9*time.Hour) }, engawa.Hold,
			noon.Add(9 * time.Hour),
		},
		"month": {
			func(f *engawa.Facts) { g := own(f); g.QuotaMon, g.UsedMonth = 5, 4 }, func(f *engawa.Facts) { g := own(f); g.QuotaMon, g.UsedMonth, g.MonthEnds = 5, 5, noon.AddDate(0, 0, 8) }, engawa.Hold,
			noon.AddDate(0, 0, 8),
		},
		"a quota of one": {
			func(f *engawa.Facts) { own(f).QuotaDay = 1 }, func(f *engawa.Facts) { g := own(f); g.QuotaDay, g.UsedDay = 1, 1 }, engawa.Hold,
			noon.Add(5 * time.Minute),
		},
		"a month's quota of one": {
			func(f *engawa.Facts) { own(f).QuotaMon = 1 }, func(f *engawa.Facts) { g := own(f); g.QuotaMon, g.UsedMonth = 1, 1 }, engawa.Hold,
			noon.Add(5 * time.Minute),
		},
		"offer": {
			func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{} }, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Missing: engawa.OfferEmpty} }, engawa.Hold,
			noon.Add(15 * time.Minute),
		},
		"offer's link": {
			func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{} }, func(f *engawa.Facts) { f.Offer = &engawa.OfferFacts{Missing: engawa.OfferUnlinked} }, engawa.Hold,
			noon.Add(15 * time.Minute),
		},
		"no quota":   {func(f *engawa.Facts) { g := own(f); g.UsedDay, g.UsedMonth = 9, 9 }, func(f *engawa.Facts) { own(f).Purposes = nil }, engawa.Refuse, time.Time{}},
		"wild cards": {func(f *engawa.Facts) { g := own(f); g.Apps, g.Scopes, g.Purposes = star, star, []engawa.Purpose{"*"} }, func(f *engawa.Facts) { own(f).Apps = nil }, engawa.Refuse, time.Time{}},
		"own age":    {func(f *engawa.Facts) { f.House.MinAge = 20 }, func(f *engawa.Facts) { f.House.MinAge, f.Minor = 20, true }, engawa.Refuse, time.Time{}},
	} {
		in, out := japan(), japan()
		tc.in(&in)
		tc.out(&out)
		if v := Judge(in, set, noon); v.Outcome != engawa.Send {
			t.Errorf("%s, inside: %s %v", name, v.Outcome, reasonsOf(v))
		}
		if v := Judge(out, set, noon); v.Outcome != tc.want || !v.Until.Equal(tc.until) {
			t.Errorf("%s, outside: %s until %s, want %s until %s", name, v.Outcome, v.Until, tc.want, tc.until)
		}
	}
}

var star = []string{"*"}

// own makes the message a partner's, with its own grant and consent.
func own(f *engawa.Facts) *engawa.GrantFacts {
	g := partner(f)
	f.Consents[0].Controller = "ptn_1"
	return g
}

// TestLatestHold: a message that several gates hold waits for the last of them,
// and the first of them has decided.
func TestLatestHold(t *testing.T) {
	at := wall(t, seoul, "2026-11-24 22:00:00.000")
	f := fresh(korea("line"), at)
	f.SentDay, f.OldestDay = 5, at.Add(-10*time.Hour)
	f.Budgets = []engawa.BudgetFacts{{Scope: "month", ResetsAt: at.Add(time.Hour)}}
	v := Judge(f, load(t), at)
	if v.Outcome != engawa.Hold || v.Decided != engawa.GateRules || !v.Until.Equal(at.Add(14*time.Hour)) {
		t.Errorf("%s at %s until %s", v.Outcome, v.Decided, v.Until.In(seoul))
	}
	g := f
	g.Suppressions = stop("bounced")
	if v = Judge(g, load(t), at); v.Outcome != engawa.Refuse || v.Decided != engawa.GateSuppression {
		t.Errorf("held by one gate and refused by a later: %s at %s", v.Outcome, v.Decided)
	}
	f.Stopped = true
	if v = Judge(f, load(t), at); v.Outcome != engawa.Refuse || !v.Until.IsZero() {
		t.Errorf("stopped: %s until %s", v.Outcome, v.Until)
	}
}

// TestGates of a set without some rules: what is missing does not open a gate.
func TestSparseRules(t *testing.T) {
	set, err := rule.Parse(mapFS{"house.toml": "zone = \"UTC\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	f := japan()
	if v := Judge(f, set, noon); v.Outcome != engawa.Send {
		t.Fatalf("%s at %s", v.Outcome, v.Decided)
	}
	f.Suppressions = stop("opted_out")
	if v := Judge(f, set, noon); v.Decided != engawa.GateSuppression {
		t.Errorf("a stop without a rule that reads it: %s", v.Outcome)
	}
	f.Suppressions, f.Consents = nil, nil
	if v := Judge(f, set, noon); v.Decided != engawa.GateConsent {
		t.Errorf("no consent without a rule that asks for it: %s", v.Outcome)
	}
	f = japan()
	f.SentDay, f.House.CapPerDay = 3, 3
	if v := Judge(f, set, noon); v.Outcome != engawa.Hold {
		t.Errorf("the business's own cap without a rule: %s", v.Outcome)
	}
}

// TestClearedEnds: what is cleared a moment before the night, its expiry or
// the end of the grant does not live beyond it.
func TestClearedEnds(t *testing.T) {
	set := load(t)
	at := wall(t, seoul, "2026-11-24 20:59:59.000")
	p := engawa.Parcel{Account: "acc_1"}
	for name, tc := range map[string]struct {
		change func(*engawa.Facts)
		lease  time.Duration
		want   time.Duration
	}{
		"a minute":  {func(f *engawa.Facts) { f.Channel = "mail" }, time.Hour, time.Minute},
		"the lease": {func(f *engawa.Facts) { f.Channel = "mail" }, 30 * time.Second, 25 * time.Second},
		"the night": {func(*engawa.Facts) {}, time.Hour, time.Second},
		"a night that was consented to": {func(f *engawa.Facts) {
			night := given(noon)
			night.Act = engawa.ActContactNight
			f.Consents = append(f.Consents, night)
		}, time.Hour, MaxAge},
		"expiry":                    {func(f *engawa.Facts) { f.Channel, f.ExpiresAt = "mail", at.Add(7*time.Second) }, time.Hour, 7 * time.Second},
		"grant":                     {func(f *engawa.Facts) { f.Channel = "mail"; own(f).EndsAt = at.Add(9 * time.Second) }, time.Hour, 9 * time.Second},
		"a grant that does not end": {func(f *engawa.Facts) { f.Channel = "mail"; own(f) }, time.Hour, time.Minute},
		"reason": {func(f *engawa.Facts) {
			f.Channel, f.While = "mail", &engawa.WhileFacts{Holds: engawa.WhileUnpaid, Until: at.Add(5 * time.Second)}
		}, time.Hour, 5 * time.Second},
		"a reason that does not end": {func(f *engawa.Facts) { f.Channel, f.While = "mail", &engawa.WhileFacts{Holds: engawa.WhileUnpaid} }, time.Hour, time.Minute},
		"staff":                      {func(f *engawa.Facts) { destination(f); f.House.QuietAllSilent = true }, time.Hour, time.Minute},
	} {
		f := fresh(korea("line"), at)
		f.Content.Subject, f.Content.Text = "(광고) 원두", "(광고) ひなた珈琲 원두"
		tc.change(&f)
		f.Applied = Judge(f, set, at).Obligations
		c, v := Clear(f, set, at, p, at.Add(tc.lease))
		if got := c.Deadline().Sub(at); v.Outcome != engawa.Send || got != tc.want {
			t.Errorf("%s: %s, lives %s, want %s (%v)", name, v.Outcome, got, tc.want, reasonsOf(v))
		}
		whose := ""
		if f.Grant != nil {
			whose = f.Controller
		}
		if got := c.it.parcel.Partner; got != whose {
			t.Errorf("%s: the words are %q's, not %q's", name, got, whose)
		}
	}
	var zero Cleared
	if !zero.Deadline().IsZero() {
		t.Error("the zero Cleared has a deadline to come")
	}
}

// TestClearedFinal: words that lack what is owed are never cleared, whatever
// the facts say of themselves; nor is a parcel for another account.
func TestClearedFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, set := time.Now(), load(t)
		f := japan()
		f.CreatedAt, f.ExpiresAt, f.Consents = now, time.Time{}, []engawa.ConsentFacts{given(now.Add(-time.Hour))}
		if c, v := Clear(f, set, now, engawa.Parcel{Account: "acc_1"}, now.Add(time.Hour)); v.Outcome != engawa.Refuse || c.it != nil {
			t.Errorf("without footer: %s", v.Outcome)
		}
		f.Applied = Judge(f, set, now).Obligations
		if c, v := Clear(f, set, now, engawa.Parcel{Account: "acc_2"}, now.Add(time.Hour)); v.Outcome != engawa.Send || c.it != nil {
			t.Errorf("for another account: %s", v.Outcome)
		}
		c, _ := Clear(f, set, now, engawa.Parcel{Account: "acc_1"}, now.Add(time.Hour))
		ctx, cancel := c.Context(t.Context())
		defer cancel()
		if end, ok := ctx.Deadline(); !ok || !end.Equal(now.Add(MaxAge)) {
			t.Errorf("the context ends at %s", end)
		}
		<-ctx.Done()
		if _, err := c.Open("acc_1"); err == nil {
			t.Error("opens when its context is over")
		}
	})
}

// TestPutCode: the link of a code comes into its place, as the place writes it, and
// nothing else of a Cleared changes; without a code it opens no more.
func TestPutCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, set := time.Now(), load(t)
		f := japan()
		f.Purpose, f.CreatedAt, f.ExpiresAt = engawa.Service, now, time.Time{}
		p := engawa.Parcel{Account: "acc_1", Content: engawa.Content{Subject: "s {{offer.link:a}}", Text: "{{offer.link:a}} {{offer.link:b}}", HTML: `<a href="{{offer.link:a}}">x</a>`}}
		clear := func() Cleared {
			f.Applied = Judge(f, set, now).Obligations
			c, v := Clear(f, set, now, p, now.Add(time.Hour))
			if v.Outcome != engawa.Send {
				t.Fatalf("%s %v", v.Outcome, reasonsOf(v))
			}
			return c
		}
		c := clear()
		c.PutCode("a", 7, "K&1")
		got, err := c.Open("acc_1")
		want := engawa.Content{
			Subject: "s {{offer.link:a}}", Text: "https://apps.apple.com/redeem?ctx=offercodes&id=7&code=K%261 {{offer.link:b}}",
			HTML: `<a href="https://apps.apple.com/redeem?ctx=offercodes&amp;id=7&amp;code=K%261">x</a>`,
		}
		if err != nil || got.Content != want || c.Deadline() != clear().Deadline() {
			t.Errorf("%+v %v", got.Content, err)
		}
		for _, tc := range []struct {
			id   int64
			code engawa.Secret
			goes bool
		}{{1, "K1", true}, {0, "K1", false}, {7, "", false}} {
			c := clear()
			c.PutCode("a", tc.id, tc.code)
			if _, err := c.Open("acc_1"); (err == nil) != tc.goes {
				t.Errorf("of app %d with a code of %d letters: %v", tc.id, len(tc.code), err)
			}
		}
		changed := clear()
		changed.it.parcel.To = "else@customer.example"
		changed.PutCode("a", 7, "K1")
		if _, err := changed.Open("acc_1"); err == nil {
			t.Error("clears anew what was changed")
		}
		(Cleared{}).PutCode("a", 7, "K1")
	})
}
