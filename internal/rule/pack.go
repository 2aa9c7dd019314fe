package rule

import (
	"maps"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// Pack is the rules of one file as a business sees them: what is switched on or
// off together.
type Pack struct {
	Name       string   // "jp", "kr", "eu", "us", "house"
	Countries  []string // ISO 3166-1 alpha-2, in order; of House none
	Channels   []string // whose use brings the pack, whatever the country
	ReviewedOn string   // YYYY-MM-DD, of the rule that was read longest ago
	Rules      []Rule   // of all times
}

// Packs returns every pack, the law's in order of name, then the house's.
func (s *Set) Packs() []Pack {
	var packs []Pack
	for _, j := range s.jurisdictions {
		p := Pack{Name: j.name, Countries: slices.Sorted(maps.Keys(j.countries)), Channels: j.channels, Rules: j.rules}
		for i, r := range j.rules {
			if i == 0 {
				p.ReviewedOn = r.ReviewedOn
			}
			p.ReviewedOn = min(p.ReviewedOn, r.ReviewedOn)
		}
		packs = append(packs, p)
	}
	return packs
}

// Pack returns a pack by its name. The error is for a user.
func (s *Set) Pack(name string) (Pack, error) {
	for _, p := range s.Packs() {
		if p.Name == name {
			return p, nil
		}
	}
	return Pack{}, engawa.NotFound("pack")
}

// Fixed reports whether a pack cannot be switched off: consent, withdrawal and
// stops hold everywhere, and the house's pack is where they stand.
func (p Pack) Fixed() bool { return p.Name == House }

// Customers is how many customers are in the pack's countries, by how many are in each.
func (p Pack) Customers(of map[string]int) (n int) {
	for _, c := range p.Countries {
		n += of[c]
	}
	return n
}

// MaySwitch asks of a switch what has to be said with it: why, in 1 to 200
// characters, and of a pack that is switched off although customers are in its
// countries, that this is meant. The error is an *engawa.Error.
func (p Pack) MaySwitch(on, sure bool, reason string, customers int) error {
	switch n := len([]rune(reason)); {
	case !on && p.Fixed():
		return Unswitchable()
	case strings.TrimSpace(reason) == "" || n > 200:
		return engawa.Invalid("/reason", "say why in 1 to 200 characters", "the reason has %d characters", n)
	case !on && customers > 0 && !sure:
		return engawa.Invalid("/sure", "set sure if these rules shall no longer be checked for them", "%d customers are in the pack's countries", customers)
	}
	return nil
}

// Unswitchable says that the house's pack stays on.
func Unswitchable() error {
	return engawa.Invalid("/pack", "switch off the pack of a country, or set what the house's rules count", "the house's rules cannot be switched off")
}

// Without returns the set without some packs. What a platform asks on its own
// channels, Kakao say, stays. Names that are none, and the
// house's, leave nothing out.
func (s *Set) Without(names []string) *Set {
	if s == nil || len(names) == 0 {
		return s
	}
	less := *s
	less.off = nil
	for _, j := range s.jurisdictions {
		if j.name != House && slices.Contains(names, j.name) {
			less.off = append(less.off, j.name)
		}
	}
	return &less
}
