package verdict

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// TestPacksOff: a pack that is off counts for nobody whose country is known, and for
// everybody else; the verdict names what was off where it was.
func TestPacksOff(t *testing.T) {
	set := load(t)
	night := wall(t, seoul, "2026-11-24 23:00:00.000")
	version := set.Version()
	for name, tc := range map[string]struct {
		off       []string
		countries []string
		markets   []string
		want      engawa.Outcome
		rules     string
	}{
		"on":                    {nil, []string{"KR"}, nil, engawa.Hold, version},
		"off":                   {[]string{"kr"}, []string{"KR"}, nil, engawa.Send, version + "-without-kr"},
		"another is off":        {[]string{"us"}, []string{"KR"}, nil, engawa.Hold, version + "-without-us"},
		"country unknown":       {[]string{"kr"}, nil, nil, engawa.Hold, version},
		"in an unknown market":  {[]string{"kr"}, nil, []string{"KR"}, engawa.Hold, version},
		"in a law of two":       {[]string{"jp"}, []string{"JP", "KR"}, nil, engawa.Hold, version + "-without-jp"},
		"the house is not left": {[]string{"house"}, []string{"JP"}, nil, engawa.Send, version},
	} {
		f := fresh(korea("sms"), night)
		f.Country, f.House.PacksOff, f.House.Markets = tc.countries, tc.off, tc.markets
		v := Judge(f, set, night)
		if v.Outcome != tc.want || v.RuleSet != tc.rules {
			t.Errorf("%s: %s by %s (%v)", name, v.Outcome, v.RuleSet, reasonsOf(v))
		}
	}
	f := fresh(korea("sms"), night)
	f.House.PacksOff, f.Consents = []string{"kr"}, nil
	if v := Judge(f, set, night); v.Outcome != engawa.Refuse || v.Decided != engawa.GateConsent {
		t.Errorf("without a law and without a consent: %s at %s", v.Outcome, v.Decided)
	}
	if v := Judge(f, nil, time.Now()); v.Outcome != engawa.Refuse {
		t.Errorf("without rules: %s", v.Outcome)
	}
}
