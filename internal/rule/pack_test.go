package rule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// TestPacks: every file is a pack, with what it is known by, and the house's alone
// is fixed.
func TestPacks(t *testing.T) {
	s := load(t)
	var names []string
	rules := 0
	for _, p := range s.Packs() {
		names, rules = append(names, p.Name), rules+len(p.Rules)
		if p.Fixed() != (p.Name == House) || (len(p.Countries) == 0) != p.Fixed() || p.ReviewedOn == "" {
			t.Errorf("%s: fixed %t, %d countries, reviewed on %q", p.Name, p.Fixed(), len(p.Countries), p.ReviewedOn)
		}
		for _, r := range p.Rules {
			if r.ReviewedOn < p.ReviewedOn || r.Jurisdiction != p.Name {
				t.Errorf("%s of %s was reviewed on %s, before %s", r.ID, r.Jurisdiction, r.ReviewedOn, p.ReviewedOn)
			}
		}
	}
	if n := s.Packs()[0].Customers(map[string]int{"DE": 2, "FR": 1, "JP": 4, "": 8}); n != 3 {
		t.Errorf("%d customers are in %s", n, s.Packs()[0].Name)
	}
	if want := []string{"eu", "jp", "kr", "us", House}; !slices.Equal(names, want) || rules != len(s.All()) {
		t.Errorf("packs %v with %d rules of %d", names, rules, len(s.All()))
	}
	kr, err := s.Pack("kr")
	if err != nil || !slices.Equal(kr.Countries, []string{"KR"}) || !slices.Equal(kr.Channels, []string{"kakao", "alimtalk"}) {
		t.Errorf("kr: %v %v %v", kr.Countries, kr.Channels, err)
	}
	if _, err := s.Pack("xx"); err == nil {
		t.Error("a pack that is none was found")
	}
}

// TestOldestReview: a pack is as fresh as the rule that was read longest ago.
func TestOldestReview(t *testing.T) {
	rules := []Rule{{ReviewedOn: "2026-03-01"}, {ReviewedOn: "2026-01-02"}, {ReviewedOn: "2026-02-01"}}
	for i := range rules {
		j := jurisdiction{name: "jp", rules: slices.Concat(rules[i:], rules[:i])}
		s := &Set{jurisdictions: []jurisdiction{j}}
		if got := s.Packs()[0].ReviewedOn; got != "2026-01-02" {
			t.Errorf("reviewed on %s", got)
		}
	}
}

// TestWithout: what is left out bears on nobody whose country is known, and the
// version says so; the house stays, the set itself does not change.
func TestWithout(t *testing.T) {
	s := load(t)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	ids := func(s *Set, channel string, countries ...string) string {
		var ids []string
		for _, r := range s.At(at, channel, engawa.Marketing, countries) {
			ids = append(ids, r.ID)
		}
		return strings.Join(ids, " ")
	}
	less := s.Without([]string{"us", "kr", House, "xx"})
	if want := s.Version() + "-without-kr-us"; less.Version() != want {
		t.Errorf("version %s, want %s", less.Version(), want)
	}
	if again := less.Without([]string{"jp"}); again.Version() != s.Version()+"-without-jp" {
		t.Errorf("without another: %s", again.Version())
	}
	for _, tc := range []struct {
		channel, country string
		same             bool
	}{{"mail", "JP", true}, {"mail", "KR", false}, {"mail", "US", false}, {"mail", "FR", true}, {"kakao", "JP", false}} {
		whole, left := ids(s, tc.channel, tc.country), ids(less, tc.channel, tc.country)
		if (whole == left) != tc.same || strings.Contains(left, "KR-01") || strings.Contains(left, "KR-05") != (tc.channel == "kakao") || strings.Contains(left, "US-") || !strings.Contains(left, "X-01") {
			t.Errorf("%s %s: %s; without: %s", tc.channel, tc.country, whole, left)
		}
	}
	if got := ids(less, "mail", "KR"); !strings.Contains(got, "H-01") {
		t.Errorf("where a law is left out the house's rules of its kinds hold again: %s", got)
	}
	if s.Without(nil) != s || (*Set)(nil).Without([]string{"kr"}) != nil {
		t.Error("without nothing it is another set")
	}
	if s.Version() == less.Version() || !strings.Contains(ids(s, "mail", "KR"), "KR-01") {
		t.Error("the set itself has changed")
	}
}

// TestMaySwitch: on both sides of what a switch asks for.
func TestMaySwitch(t *testing.T) {
	s := load(t)
	kr, err1 := s.Pack("kr")
	house, err2 := s.Pack(House)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	long := strings.Repeat("あ", 200)
	for _, tc := range []struct {
		pack      Pack
		on, sure  bool
		reason    string
		customers int
		field     string
	}{
		{kr, false, false, "r", 0, ""},
		{kr, false, false, "r", 1, "/sure"},
		{kr, false, true, "r", 1, ""},
		{kr, true, false, "r", 1, ""},
		{kr, false, true, "", 0, "/reason"},
		{kr, true, true, "  ", 0, "/reason"},
		{kr, false, true, long, 0, ""},
		{kr, false, true, long + "あ", 0, "/reason"},
		{house, false, true, "r", 0, "/pack"},
		{house, true, true, "r", 0, ""},
	} {
		err := tc.pack.MaySwitch(tc.on, tc.sure, tc.reason, tc.customers)
		told, _ := err.(*engawa.Error)
		if (err == nil) != (tc.field == "") || told != nil && told.Field != tc.field {
			t.Errorf("%s on %t sure %t, %d in the reason, %d customers: %v", tc.pack.Name, tc.on, tc.sure, len(tc.reason), tc.customers, err)
		}
	}
}
