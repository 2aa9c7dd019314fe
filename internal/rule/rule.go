// Package rule holds the rules of contact of each country and of the house as
// dated data: one embedded TOML file for each jurisdiction, decoded strictly,
// with a version that changes when a byte of them does. It says which rules
// bear on a message and, for quiet hours, when they open and close. What they
// mean for a message is for package verdict.
//
// Laws move: every rule names its source, the day somebody last read it and
// how certain the reading is. docs/rules is printed from this data.
package rule

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // quiet hours must not depend on what the machine has installed

	"github.com/engawa/engawa"
)

// House is the jurisdiction of the rules that hold everywhere: policy of the
// product, of the large receivers and of the platforms.
const House = "house"

//go:embed data/*.toml
var shipped embed.FS

// Set is a parsed set of rules. It does not change and is safe for concurrent
// use. The nil Set has no rules, and a verdict refuses everything under it.
type Set struct {
	version       string
	jurisdictions []jurisdiction // the law in order of name, then the house
	off           []string       // the packs that Without left out, in order
}

// jurisdiction is one file.
type jurisdiction struct {
	name      string
	countries map[string][]string // country -> its zones
	channels  []string            // channels whose use brings these rules, whatever the country
	rules     []Rule
}

// Rule is one row: what holds, for which channels and purposes, from when to
// when, and who says so.
type Rule struct {
	ID           string
	Jurisdiction string // file name without its ending: "kr", "house"
	Kind         string // "quiet_hours" …: the kind of Body, as written in the file
	Channels     []string
	Except       []string         // channels left out of "*"
	Purposes     []engawa.Purpose // exact; the mandatory sub-kinds of service are bound only where named
	From, To     time.Time        // in force from From until just before To; zero: open
	Source       string
	ReviewedOn   string // YYYY-MM-DD
	Mark         string // "P" primary text read, "S" secondary, "M" from memory, "?" contested, "policy"
	Note         string
	Body         Body
}

// Rules are those that bear on one message, the law's before the house's.
type Rules []*Rule

// Load returns the rules that ship with the program.
func Load() (*Set, error) {
	data, err := fs.Sub(shipped, "data")
	if err != nil {
		return nil, fmt.Errorf("load rules: %w", err)
	}
	return Parse(data)
}

// Version names the rules exactly: the day the youngest was reviewed and a
// hash of all files, then the packs that Without left out. The version of the nil
// Set is empty.
func (s *Set) Version() string {
	if s == nil {
		return ""
	}
	if len(s.off) == 0 {
		return s.version
	}
	return s.version + "-without-" + strings.Join(s.off, "-")
}

// All returns every rule, of all times.
func (s *Set) All() []Rule {
	var all []Rule
	for _, j := range s.jurisdictions {
		all = append(all, j.rules...)
	}
	return all
}

// At returns the rules in force at an instant for a message over channel with
// purpose to somebody who may be in any of countries (ISO 3166-1 alpha-2).
//
// The law of each of the countries counts, and that of the home of a channel.
// Where no country is known to the set, the law of all of them does. A house
// rule yields to the law's rules of the same kind.
func (s *Set) At(at time.Time, channel string, purpose engawa.Purpose, countries []string) Rules {
	if s == nil {
		return nil
	}
	var law, house Rules
	anywhere := !s.covers(countries)
	for _, j := range s.jurisdictions {
		if j.name != House && !anywhere && !j.binds(channel, countries) {
			continue
		}
		off := slices.Contains(s.off, j.name)
		for i := range j.rules {
			r := &j.rules[i]
			switch {
			case !r.inForce(at) || !r.bears(channel, purpose) || off && !j.asksOnItsOwn(r):
			case j.name == House:
				house = append(house, r)
			default:
				law = append(law, r)
			}
		}
	}
	return append(law, slices.DeleteFunc(house, law.hasKind)...)
}

// Zones returns the IANA zones in which the rules of a jurisdiction may find a
// customer who may be in any of countries: the zones of those countries that
// are the jurisdiction's, or all its zones when none is. For House every
// jurisdiction counts.
func (s *Set) Zones(name string, countries []string) []string {
	var some, all []string
	for _, j := range s.jurisdictions {
		if j.name != name && name != House {
			continue
		}
		for country, zones := range j.countries {
			all = append(all, zones...)
			if slices.Contains(countries, country) {
				some = append(some, zones...)
			}
		}
	}
	if some == nil {
		some = all
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// Location returns a zone by its IANA name. The empty name and "Local" are
// errors: what they mean depends on the machine.
func Location(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("zone %q does not name a place", name)
	}
	return engawa.Zone(name)
}

// Find returns the first of the rules whose body is a B, or nil and a zero B.
func Find[B Body](rs Rules) (*Rule, B, bool) {
	for _, r := range rs {
		if b, ok := r.Body.(B); ok {
			return r, b, true
		}
	}
	var none B
	return nil, none, false
}

func (rs Rules) hasKind(r *Rule) bool {
	return slices.ContainsFunc(rs, func(o *Rule) bool { return o.Kind == r.Kind })
}

func (s *Set) covers(countries []string) bool {
	return slices.ContainsFunc(s.jurisdictions, func(j jurisdiction) bool { return j.covers(countries) })
}

func (j jurisdiction) covers(countries []string) bool {
	return slices.ContainsFunc(countries, func(c string) bool { return j.countries[c] != nil })
}

func (j jurisdiction) binds(channel string, countries []string) bool {
	return j.covers(countries) || slices.Contains(j.channels, channel)
}

// asksOnItsOwn reports whether a rule is what a platform asks on its own channels.
// It refuses what breaks it, whichever laws a business has checked.
func (j jurisdiction) asksOnItsOwn(r *Rule) bool {
	return !slices.ContainsFunc(r.Channels, func(c string) bool { return !slices.Contains(j.channels, c) })
}

func (r *Rule) inForce(at time.Time) bool {
	return !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To))
}

func (r *Rule) bears(channel string, purpose engawa.Purpose) bool {
	named := slices.Contains(r.Channels, channel) ||
		slices.Contains(r.Channels, "*") && !slices.Contains(r.Except, channel)
	return named && slices.Contains(r.Purposes, purpose)
}
