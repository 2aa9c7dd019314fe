package rule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
)

// file is a jurisdiction as it is written.
type file struct {
	Zone      string              `toml:"zone"` // in which dates begin
	Countries map[string][]string `toml:"countries"`
	Channels  []string            `toml:"channels"`
	Rules     []row               `toml:"rule"`
}

// row is a Rule as it is written.
type row struct {
	ID            string           `toml:"id"`
	Kind          string           `toml:"kind"`
	Channels      []string         `toml:"channels"`
	Except        []string         `toml:"except"`
	Purposes      []engawa.Purpose `toml:"purposes"`
	EffectiveFrom string           `toml:"effective_from"`
	EffectiveTo   string           `toml:"effective_to"`
	Source        string           `toml:"source"`
	ReviewedOn    string           `toml:"reviewed_on"`
	Mark          string           `toml:"mark"`
	Note          string           `toml:"note"`
	Params        map[string]any   `toml:"params"`
}

// Parse reads every *.toml of fsys, one jurisdiction each, named by its file.
// It is strict: unknown keys and kinds, missing sources, unknown zones, a
// country in two files and two rows of one id in force at once are errors.
// There must be a house.toml.
func Parse(fsys fs.FS) (*Set, error) {
	names, err := fs.Glob(fsys, "*.toml")
	if err != nil {
		return nil, fmt.Errorf("parse rules: %w", err)
	}
	s, house := &Set{}, (*jurisdiction)(nil)
	hash := sha256.New()
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("parse rules: %w", err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(b), b)
		j, err := parseFile(strings.TrimSuffix(name, ".toml"), b)
		if err != nil {
			return nil, fmt.Errorf("parse rules %s: %w", name, err)
		}
		if j.name == House {
			house = &j
			continue
		}
		s.jurisdictions = append(s.jurisdictions, j)
	}
	if house == nil {
		return nil, errors.New("parse rules: house.toml is missing")
	}
	s.jurisdictions = append(s.jurisdictions, *house)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("parse rules: %w", err)
	}
	s.version = s.reviewed() + "-" + hex.EncodeToString(hash.Sum(nil))[:12]
	return s, nil
}

func parseFile(name string, b []byte) (jurisdiction, error) {
	var f file
	if err := decodeStrict(b, &f); err != nil {
		return jurisdiction{}, err
	}
	dates, err := Location(f.Zone)
	if err != nil {
		return jurisdiction{}, err
	}
	if err := errors.Join(checkZones(f.Countries), checkChannels(f.Channels)); err != nil {
		return jurisdiction{}, err
	}
	j := jurisdiction{name: name, countries: f.Countries, channels: f.Channels}
	for _, w := range f.Rules {
		r, err := w.rule(name, dates)
		if err != nil {
			return jurisdiction{}, fmt.Errorf("rule %q: %w", w.ID, err)
		}
		j.rules = append(j.rules, r)
	}
	return j, nil
}

func checkZones(countries map[string][]string) error {
	for country, zones := range countries {
		if !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(country) || len(zones) == 0 {
			return fmt.Errorf("country %q with %d zones: want two capitals and a zone", country, len(zones))
		}
		for _, z := range zones {
			if _, err := Location(z); err != nil {
				return fmt.Errorf("country %s: %w", country, err)
			}
		}
	}
	return nil
}

func (w row) rule(jurisdiction string, dates *time.Location) (Rule, error) {
	from, err1 := date(w.EffectiveFrom, dates)
	to, err2 := date(w.EffectiveTo, dates)
	_, err3 := time.Parse(time.DateOnly, w.ReviewedOn)
	if err := errors.Join(err1, err2, err3, w.check()); err != nil {
		return Rule{}, err
	}
	if !to.IsZero() && !from.Before(to) {
		return Rule{}, fmt.Errorf("effective_to %s is not after effective_from %s", w.EffectiveTo, w.EffectiveFrom)
	}
	body, err := decodeBody(w.Kind, w.Params)
	if err != nil {
		return Rule{}, err
	}
	return Rule{
		ID: w.ID, Jurisdiction: jurisdiction, Kind: w.Kind,
		Channels: w.Channels, Except: w.Except, Purposes: w.Purposes,
		From: from, To: to, Source: w.Source, ReviewedOn: w.ReviewedOn, Mark: w.Mark, Note: w.Note,
		Body: body,
	}, nil
}

func (w row) check() error {
	if w.ID == "" || w.Source == "" || len(w.Channels) == 0 || len(w.Purposes) == 0 {
		return errors.New("id, source, channels and purposes must be filled in")
	}
	if !slices.Contains([]string{"P", "S", "M", "?", "policy"}, w.Mark) {
		return fmt.Errorf("mark %q is not one of P, S, M, ?, policy", w.Mark)
	}
	for _, p := range w.Purposes {
		if p.Class() == engawa.Marketing && p != engawa.Marketing {
			return fmt.Errorf("purpose %q is not known", p)
		}
	}
	return checkChannels(slices.Concat(w.Channels, w.Except))
}

func checkChannels(channels []string) error {
	for _, c := range channels {
		if !regexp.MustCompile(`^([a-z][a-z0-9_]*|\*)$`).MatchString(c) {
			return fmt.Errorf("channel %q is not the name of a kind", c)
		}
	}
	return nil
}

// date returns when a date begins in loc, and the zero time for none.
func date(s string, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.ParseInLocation(time.DateOnly, s, loc)
}

// check asks what no file can be asked alone.
func (s *Set) check() error {
	countries, ids := map[string]string{}, map[string][]Rule{}
	for _, j := range s.jurisdictions {
		for c := range maps.Keys(j.countries) {
			if other, ok := countries[c]; ok {
				return fmt.Errorf("country %s is in %s and in %s", c, other, j.name)
			}
			countries[c] = j.name
		}
		for _, r := range j.rules {
			for _, o := range ids[r.ID] {
				if overlap(r, o) {
					return fmt.Errorf("rule %q is twice in force at once", r.ID)
				}
			}
			ids[r.ID] = append(ids[r.ID], r)
		}
	}
	return nil
}

func overlap(a, b Rule) bool {
	ends := func(x, y Rule) bool { return !x.To.IsZero() && !x.To.After(y.From) }
	return !ends(a, b) && !ends(b, a)
}

func (s *Set) reviewed() string {
	var last string
	for _, r := range s.All() {
		last = max(last, r.ReviewedOn)
	}
	return last
}

func decode[B Body](params map[string]any) (Body, error) {
	var b B
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(params); err != nil {
		return nil, err
	}
	// Each row is read by itself: in the whole file a key that another row
	// knows would count as known.
	if err := decodeStrict(text.Bytes(), &b); err != nil {
		return nil, err
	}
	return b, b.check()
}

func decodeStrict(b []byte, v any) error {
	md, err := toml.Decode(string(b), v)
	if err != nil {
		return err
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("unknown keys %v", unknown)
	}
	return nil
}
