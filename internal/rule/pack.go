package rule

import (
	"maps"
	"slices"

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
			if i == 0 || r.ReviewedOn < p.ReviewedOn {
				p.ReviewedOn = r.ReviewedOn
			}
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

// Without returns the set without some packs. Names that are none, and the
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
