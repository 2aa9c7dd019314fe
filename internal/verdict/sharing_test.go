package verdict

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// TestSharing is the table of which decision counts for an act that is no message: here
// to tell a store of how app a is used, at noon, in whatever order the decisions are
// listed.
func TestSharing(t *testing.T) {
	decision := func(given bool, hours int, change ...func(*engawa.Consent)) engawa.Consent {
		c := engawa.Consent{
			Controller: engawa.ControllerWorkspace, Act: engawa.ActShareUsage, Purpose: engawa.Service,
			Given: given, At: noon.Add(time.Duration(hours) * time.Hour),
		}
		for _, do := range change {
			do(&c)
		}
		return c
	}
	app := func(name string) func(*engawa.Consent) { return func(c *engawa.Consent) { c.App = name } }
	channel := func(name string) func(*engawa.Consent) { return func(c *engawa.Consent) { c.Channel = name } }
	topic := func(c *engawa.Consent) { c.Topic = "t" }
	contact := func(c *engawa.Consent) { c.Act = engawa.ActContact }
	partner := func(c *engawa.Consent) { c.Controller = "ptn_1" }
	pending := func(c *engawa.Consent) { c.Pending = true }
	ahead := func(d time.Duration) func(*engawa.Consent) { return func(c *engawa.Consent) { c.At = noon.Add(d) } }
	const yes, no = true, false
	for _, tc := range []struct {
		name string
		all  []engawa.Consent
		app  string
		want string // and how many hours before noon
	}{
		{"nothing", nil, "a", ""},
		{"given", list(decision(yes, -3)), "a", "given 3"},
		{"given for the app", list(decision(yes, -3, app("a"))), "a", "given 3"},
		{"given for another app", list(decision(yes, -3, app("b"))), "a", ""},
		{"given for the channel", list(decision(yes, -3, channel("apple"))), "a", "given 3"},
		{"given for another channel", list(decision(yes, -3, channel("mail"))), "a", ""},
		{"given for another act", list(decision(yes, -3, contact)), "a", ""},
		{"given to another", list(decision(yes, -3, partner)), "a", ""},
		{"given for a topic, of which it has none", list(decision(yes, -3, topic)), "a", ""},
		{"to be confirmed", list(decision(yes, -3, pending)), "a", "pending 3"},
		{"as far ahead as clocks differ", list(decision(yes, 0, ahead(2*time.Second))), "a", "given 0"},
		{"further ahead", list(decision(yes, 0, ahead(2*time.Second+1))), "a", ""},
		{"withdrawn later", list(decision(yes, -3), decision(no, -2)), "a", "withdrawn 2"},
		{"withdrawn in the same instant", list(decision(yes, -2), decision(no, -2)), "a", "withdrawn 2"},
		{"given again", list(decision(no, -3), decision(yes, -2)), "a", "given 2, withdrawn 3"},
		{"withdrawn before it was confirmed", list(decision(yes, -3, pending), decision(no, -2)), "a", "withdrawn 2"},
		{"withdrawn for all, given for the app", list(decision(no, -3), decision(yes, -2, app("a"))), "a", "given 2, withdrawn 3"},
		{"withdrawn for the app, given for all", list(decision(no, -3, app("a")), decision(yes, -2)), "a", "withdrawn 3"},
		{"withdrawn for the channel, given for all", list(decision(no, -3, channel("apple")), decision(yes, -2)), "a", "withdrawn 3"},
		{"withdrawn for a topic, given for all", list(decision(no, -3, topic), decision(yes, -2)), "a", "withdrawn 3"},
		{"withdrawn for another app", list(decision(yes, -3), decision(no, -2, app("b"))), "a", "given 3"},
		{"withdrawn for another channel", list(decision(yes, -3), decision(no, -2, channel("mail"))), "a", "given 3"},
		{"withdrawn for another act", list(decision(yes, -3), decision(no, -2, contact)), "a", "given 3"},
		{"withdrawn from another", list(decision(yes, -3), decision(no, -2, partner)), "a", "given 3"},
		{"the latest of each", list(decision(no, -6), decision(no, -5), decision(yes, -4), decision(yes, -3), decision(yes, -2, pending), decision(yes, -1, pending)), "a", "given 3, pending 1, withdrawn 5"},
		{"unknown app, given", list(decision(yes, -3)), "", "given 3"},
		{"unknown app, given for one", list(decision(yes, -3, app("b"))), "", ""},
		{"unknown app, withdrawn for one", list(decision(yes, -3), decision(no, -2, app("b"))), "", "withdrawn 2"},
	} {
		for range 2 {
			d := Sharing(tc.all, engawa.ActShareUsage, tc.app, "apple", noon)
			var got []string
			for _, of := range []struct {
				what string
				c    *engawa.Consent
			}{{"given", d.Given}, {"pending", d.Pending}, {"withdrawn", d.Withdrawn}} {
				if of.c != nil {
					got = append(got, fmt.Sprintf("%s %.0f", of.what, noon.Sub(of.c.At).Abs().Hours()))
				}
			}
			if got := strings.Join(got, ", "); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
			}
			slices.Reverse(tc.all)
		}
	}
	given := list(decision(yes, -3, partner))
	if d := SharingWith("ptn_1", given, engawa.ActShareUsage, "a", "apple", noon); d.Given == nil {
		t.Error("what was given to a partner does not stand for it")
	}
}
