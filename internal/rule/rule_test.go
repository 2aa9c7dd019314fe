package rule

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/engawa/engawa"
)

func load(t testing.TB) *Set {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ids(rs Rules) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.ID)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestAt says which of the shipped rules bear on a message. It is written out
// so that a rule that is lost, or reaches too far, is seen.
func TestAt(t *testing.T) {
	s, now := load(t), time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		channel   string
		purpose   engawa.Purpose
		countries string
		want      string
	}{
		{"mail", engawa.Marketing, "JP", "H-06 JP-01 JP-03 JP-04 H-05 M-04 X-01 X-02 X-04 X-07"},
		{"line", engawa.Marketing, "JP", "H-02 H-03 H-04 H-05 H-06 JP-07 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "KR", "H-06 KR-01 KR-03 KR-07 KR-09 KR-11 KR-12 KR-13 KR-20 M-04 X-01 X-02 X-04 X-07"},
		{"line", engawa.Marketing, "KR", "H-06 KR-01 KR-03 KR-04 KR-08 KR-09.chat KR-11 KR-12 KR-13 KR-20 X-01 X-02 X-04 X-07"},
		{"kakao", engawa.Marketing, "JP", "H-06 JP-07 KR-01 KR-03 KR-04 KR-05 KR-08 KR-09.chat KR-11 KR-12 KR-13 KR-20 X-01 X-02 X-04 X-06 X-07"},
		{"alimtalk", engawa.Service, "KR", "H-02 H-03 X-01"},
		{"alimtalk", engawa.Marketing, "KR", "H-06 KR-01 KR-03 KR-04 KR-06 KR-08 KR-09.chat KR-11 KR-12 KR-13 KR-20 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "DE", "EU-01 EU-03 EU-05 H-05 H-06 M-04 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "US", "H-01 H-05 H-06 M-04 US-01 US-03 X-01 X-02 X-04 X-07"},
		{"sms", engawa.Marketing, "US", "H-04 H-05 H-06 US-05 US-05.hours US-06 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "KR JP", "H-06 JP-01 JP-03 JP-04 KR-01 KR-03 KR-07 KR-09 KR-11 KR-12 KR-13 KR-20 M-04 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "", "EU-01 EU-03 EU-05 H-06 JP-01 JP-03 JP-04 KR-01 KR-03 KR-07 KR-09 KR-11 KR-12 KR-13 KR-20 M-04 US-01 US-03 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "BR", "EU-01 EU-03 EU-05 H-06 JP-01 JP-03 JP-04 KR-01 KR-03 KR-07 KR-09 KR-11 KR-12 KR-13 KR-20 M-04 US-01 US-03 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Marketing, "BR JP", "H-06 JP-01 JP-03 JP-04 H-05 M-04 X-01 X-02 X-04 X-07"},
		{"mail", engawa.Notice, "KR", "H-01 H-02 KR-20 X-01 X-02 X-04"},
		{"mail", engawa.Service, "KR", "H-02 X-01"},
		{"mail", engawa.Security, "KR", "X-01"},
		{"kakao", engawa.Security, "KR", "X-01 X-06"},
		{"mail", "newsletter", "KR", ""}, // the caller says what the unknown counts as
	} {
		want := strings.Fields(tc.want)
		slices.Sort(want)
		got := s.At(now, tc.channel, tc.purpose, strings.Fields(tc.countries))
		if ids(got) != strings.Join(want, " ") {
			t.Errorf("%s %s %q:\n got %s\nwant %s", tc.channel, tc.purpose, tc.countries, ids(got), strings.Join(want, " "))
		}
		if i := slices.IndexFunc(got, func(r *Rule) bool { return r.Jurisdiction == House }); i >= 0 {
			if slices.ContainsFunc(got[i:], func(r *Rule) bool { return r.Jurisdiction != House }) {
				t.Errorf("%s %s %q: a law stands after the house", tc.channel, tc.purpose, tc.countries)
			}
		}
	}
}

func TestNilSet(t *testing.T) {
	var s *Set
	if s.Version() != "" || s.At(time.Now(), "mail", engawa.Marketing, nil) != nil {
		t.Error("the nil set knows a rule")
	}
}

func TestZones(t *testing.T) {
	s := load(t)
	for _, tc := range []struct {
		jurisdiction, countries string
		want                    string
		n                       int
	}{
		{"kr", "KR", "Asia/Seoul", 1},
		{"kr", "", "Asia/Seoul", 1},
		{"kr", "JP", "Asia/Seoul", 1},
		{"eu", "DE", "Europe/Berlin", 1},
		{"eu", "PT DE", "Atlantic/Azores", 4},
		{"eu", "", "Europe/Berlin", 33},
		{House, "JP KR", "Asia/Tokyo", 2},
		{House, "", "Pacific/Honolulu", 43},
	} {
		zones := s.Zones(tc.jurisdiction, strings.Fields(tc.countries))
		if len(zones) != tc.n || !slices.Contains(zones, tc.want) || !slices.IsSorted(zones) {
			t.Errorf("%s %q: %d zones %v, want %d with %s", tc.jurisdiction, tc.countries, len(zones), zones, tc.n, tc.want)
		}
	}
}

func TestLocation(t *testing.T) {
	for name, ok := range map[string]bool{
		"Asia/Tokyo": true, "Africa/Nairobi": true, "UTC": true,
		"": false, "Local": false, "Mars/Olympus": false, "../etc/passwd": false,
	} {
		if _, err := Location(name); (err == nil) != ok {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}

// small is a house and one country with one rule, to be changed by tests.
const small = `zone = "Asia/Seoul"
[countries]
KR = ["Asia/Seoul"]
[[rule]]
id = "T-1"
kind = "quiet_hours"
channels = ["*"]
except = ["mail"]
purposes = ["marketing"]
effective_from = "2026-03-31"
effective_to = "2027-01-31"
source = "a statute"
reviewed_on = "2026-11-24"
mark = "P"
params = { from = "21:00", to = "08:00" }
`

func parse(files ...string) (*Set, error) {
	fsys := fstest.MapFS{}
	for i := 0; i+1 < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return Parse(fsys)
}

const emptyHouse = "zone = \"UTC\"\n"

// TestDates: a rule begins and ends with a day of its jurisdiction.
func TestDates(t *testing.T) {
	s, err := parse("kr.toml", small, "house.toml", emptyHouse)
	if err != nil {
		t.Fatal(err)
	}
	seoul, err := Location("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 3, 31, 0, 0, 0, 0, seoul)
	end := time.Date(2027, 1, 31, 0, 0, 0, 0, seoul)
	for at, want := range map[time.Time]int{
		begin.Add(-time.Nanosecond): 0, begin: 1, end.Add(-time.Nanosecond): 1, end: 0,
	} {
		if got := s.At(at, "line", engawa.Marketing, []string{"KR"}); len(got) != want {
			t.Errorf("at %s: %d rules, want %d", at, len(got), want)
		}
	}
	if len(s.All()) != 1 {
		t.Errorf("%d rules of all times", len(s.All()))
	}
}

// TestSuccession: two rows of one id may follow each other.
func TestSuccession(t *testing.T) {
	for _, end := range []string{``, `effective_to = "2028-01-31"`} {
		next := strings.NewReplacer(`effective_from = "2026-03-31"`, `effective_from = "2027-01-31"`, `effective_to = "2027-01-31"`, end,
			"21:00", "20:00").Replace(small[strings.Index(small, "[[rule]]"):])
		s, err := parse("kr.toml", small+next, "house.toml", emptyHouse)
		if err != nil {
			t.Fatal(err)
		}
		for day, want := range map[string]string{"2027-01-30": "21:00", "2027-02-01": "20:00"} {
			at, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			_, q, ok := Find[QuietHours](s.At(at, "line", engawa.Marketing, []string{"KR"}))
			if !ok || q.From.String() != want {
				t.Errorf("on %s quiet from %s, want %s", day, q.From, want)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	version := func(files ...string) string {
		s, err := parse(files...)
		if err != nil {
			t.Fatal(err)
		}
		return s.Version()
	}
	one := version("kr.toml", small, "house.toml", emptyHouse)
	if again := version("kr.toml", small, "house.toml", emptyHouse); again != one {
		t.Errorf("the same rules are %s and %s", one, again)
	}
	if other := version("kr.toml", small+"# one byte more\n", "house.toml", emptyHouse); other == one {
		t.Errorf("changed rules keep version %s", one)
	}
	if !regexp.MustCompile(`^2026-11-24-[0-9a-f]{12}$`).MatchString(one) {
		t.Errorf("version %s is not the last review and twelve digits", one)
	}
}

// TestParseRefuses changes one thing of a good file at a time.
func TestParseRefuses(t *testing.T) {
	rule := small[strings.Index(small, "[[rule]]"):]
	for name, tc := range map[string]struct {
		old, new string
		says     string
	}{
		"not TOML":            {`id = "T-1"`, `id = `, "toml"},
		"unknown key":         {`mark = "P"`, "mark = \"P\"\nmarks = 1", "marks"},
		"unknown head":        {`zone = "Asia/Seoul"`, "zone = \"Asia/Seoul\"\nzones = 1", "zones"},
		"unknown parameter":   {`to = "08:00"`, `to = "08:00", until = "09:00"`, "until"},
		"another's parameter": {`to = "08:00"`, `to = "08:00", hours = 1`, "hours"},
		"unknown kind":        {"quiet_hours", "silence", "silence"},
		"no id":               {`id = "T-1"`, `id = ""`, "filled in"},
		"no source":           {`source = "a statute"`, ``, "filled in"},
		"no channels":         {`channels = ["*"]`, `channels = []`, "filled in"},
		"no purposes":         {`purposes = ["marketing"]`, ``, "filled in"},
		"unknown purpose":     {`"marketing"`, `"ads"`, "ads"},
		"unknown mark":        {`mark = "P"`, `mark = "Q"`, "mark"},
		"bad channel":         {`["mail"]`, `["E-Mail"]`, "E-Mail"},
		"no review":           {`reviewed_on = "2026-11-24"`, ``, "parsing time"},
		"bad date":            {"2026-03-31", "2026-02-30", "out of range"},
		"bad end":             {"2027-01-31", "31 Jan 2027", "parsing time"},
		"ends as it begins":   {"2027-01-31", "2026-03-31", "not after"},
		"overlap":             {rule, rule + rule, "twice in force"},
		"open overlap":        {rule, rule + strings.Replace(rule, `effective_from = "2026-03-31"`, ``, 1), "twice in force"},
		"endless overlap":     {rule, strings.Repeat(strings.Replace(rule, `effective_to = "2027-01-31"`, ``, 1), 2), "twice in force"},
		"no zone":             {`zone = "Asia/Seoul"`, ``, "does not name a place"},
		"unknown zone":        {`KR = ["Asia/Seoul"]`, `KR = ["Asia/Soul"]`, "Asia/Soul"},
		"zone of the machine": {`KR = ["Asia/Seoul"]`, `KR = ["Local"]`, "Local"},
		"country without":     {`KR = ["Asia/Seoul"]`, `KR = []`, "KR"},
		"country spelt out":   {`KR =`, `Korea =`, "Korea"},
		"never closed":        {`from = "21:00"`, `from = "08:00"`, "leave a part"},
		"bad clock":           {`"21:00"`, `"9pm"`, "9pm"},
		"clock without zero":  {`"08:00"`, `"8:00"`, "8:00"},
		"long lead":           {`to = "08:00"`, `to = "08:00", lead_minutes = 1261`, "lead_minutes"},
		"negative lead":       {`to = "08:00"`, `to = "08:00", lead_minutes = -1`, "lead_minutes"},
		"unless what":         {`to = "08:00"`, `to = "08:00", unless = "contact"`, "unless"},
		"switch what":         {`to = "08:00"`, `to = "08:00", switch = "loud"`, "switch"},
		"zone of the rule":    {`to = "08:00"`, `to = "08:00", zones = ["UTC", "Asia/Soul"]`, "Asia/Soul"},
	} {
		if !strings.Contains(small, tc.old) {
			t.Errorf("%s: nothing to change", name)
		}
		_, err := parse("kr.toml", strings.Replace(small, tc.old, tc.new, 1), "house.toml", emptyHouse)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, tc.says)
		}
	}
}

// TestParseTakes stands on the good side of what is refused.
func TestParseTakes(t *testing.T) {
	for name, params := range map[string]string{
		"from midnight":       `{ from = "00:00", to = "06:00" }`,
		"to midnight":         `{ from = "21:00", to = "00:00" }`,
		"lead from midnight":  `{ from = "00:30", to = "06:00", lead_minutes = 30 }`,
		"all but one minute":  `{ from = "08:01", to = "08:00" }`,
		"lifted and switched": `{ from = "21:00", to = "08:00", unless = "contact_at_night", switch = "quiet_all", zones = ["UTC"] }`,
	} {
		text := strings.Replace(small, `{ from = "21:00", to = "08:00" }`, params, 1)
		if _, err := parse("kr.toml", text, "house.toml", emptyHouse); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseTakesOne: one is the least of each count.
func TestParseTakesOne(t *testing.T) {
	for kind, params := range map[string]string{
		"two_year_reminder": `{ years = 1, zone = "UTC" }`, "frequency_cap": `{ per_day = 1, per_sender = 1 }`,
		"minor_guardian": `{ age = 1 }`, "max_age": `{ hours = 1 }`, "clock_step": `{ tolerance_seconds = 1 }`,
		"reminder_notice": `{ years = 1, zone = "UTC", lead_days = 2, alarm_days = 1 }`, "decision_notice": `{ days = 2, alarm_days = 1, zone = "UTC" }`,
		"subject_label": `{ text = "x", variants = ["x"] }`, "sender_details": `{ require = ["name"] }`,
	} {
		text := strings.NewReplacer("quiet_hours", kind, `{ from = "21:00", to = "08:00" }`, params).Replace(small)
		if _, err := parse("kr.toml", text, "house.toml", emptyHouse); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestParseRefusesBodies asks each kind for its parameters.
func TestParseRefusesBodies(t *testing.T) {
	for _, tc := range []struct{ kind, params string }{
		{"opt_in", `{ x = 1 }`},
		{"opt_out", `{ x = 1 }`},
		{"double_opt_in", `{ x = 1 }`},
		{"one_click", `{ x = 1 }`},
		{"informational_only", `{ x = 1 }`},
		{"automation_disclosure", `{ x = 1 }`},
		{"subject_label", `{ variants = ["x"] }`},
		{"body_label", `{ text = "x" }`},
		{"sender_details", `{}`},
		{"sender_details", `{ require = ["fax"] }`},
		{"two_year_reminder", `{ years = 0, zone = "UTC" }`},
		{"two_year_reminder", `{ years = 2 }`},
		{"reminder_notice", `{ years = 1, zone = "UTC", lead_days = 1 }`},
		{"reminder_notice", `{ years = 1, zone = "UTC", lead_days = 2, alarm_days = 2 }`},
		{"reminder_notice", `{ years = 0, zone = "UTC", lead_days = 2, alarm_days = 1 }`},
		{"reminder_notice", `{ years = 1, lead_days = 2, alarm_days = 1 }`},
		{"decision_notice", `{ zone = "UTC", days = 1 }`},
		{"decision_notice", `{ zone = "UTC", days = 2, alarm_days = 2 }`},
		{"decision_notice", `{ days = 2, alarm_days = 1 }`},
		{"frequency_cap", `{ per_day = 1 }`},
		{"frequency_cap", `{ per_sender = 1 }`},
		{"minor_guardian", `{}`},
		{"max_age", `{ hours = -1 }`},
		{"clock_step", `{}`},
		{"suppression", `{ all = ["a"], marketing = ["a"] }`},
		{"max_age", `{ hours = "x" }`},
	} {
		text := strings.NewReplacer("quiet_hours", tc.kind, `{ from = "21:00", to = "08:00" }`, tc.params).Replace(small)
		if _, err := parse("kr.toml", text, "house.toml", emptyHouse); err == nil {
			t.Errorf("%s with %s is taken", tc.kind, tc.params)
		}
	}
}

func TestParseRefusesFiles(t *testing.T) {
	for name, files := range map[string][]string{
		"house is missing":  {"kr.toml", small},
		"no files":          {},
		"country twice":     {"kr.toml", small, "ks.toml", strings.Replace(small, "T-1", "T-2", 1), "house.toml", emptyHouse},
		"id in two files":   {"kr.toml", small, "ks.toml", strings.Replace(small, "KR =", "KS =", 1), "house.toml", emptyHouse},
		"channel of a file": {"kr.toml", "channels = [\"Kakao!\"]\n" + small, "house.toml", emptyHouse},
	} {
		if _, err := parse(files...); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	unreadable := fstest.MapFS{"house.toml": {Mode: 0o400 | 1<<31}} // a directory of that name
	path := (*fs.PathError)(nil)
	if _, err := Parse(unreadable); !errors.As(err, &path) {
		t.Errorf("a folder is read as a file: %v", err)
	}
	if _, err := Parse(unlisted{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("files that nobody may list: %v", err)
	}
	if s, err := parse("house.toml", emptyHouse); err != nil || len(s.Packs()) != 1 {
		t.Errorf("the house alone is not taken: %v", err)
	}
}

// unlisted is files that nobody may list.
type unlisted struct{ fs.FS }

// Glob refuses.
func (unlisted) Glob(string) ([]string, error) { return nil, fs.ErrPermission }
