// Package catalogue knows the types of events: what each means to the hub, what
// its data holds, a sample of it, and which others one cause raises with it. It
// is pure: the types are embedded, and a workspace's own come as values.
package catalogue

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
)

//go:generate go test . -run ^TestDocs$ -update

//go:embed types/*.json
var files embed.FS

// Kind says whose fact an event is.
type Kind string

// The kinds.
const (
	Business Kind = "business" // of the business's own systems, or of a payment service
	Mail     Kind = "mail"     // what became of a mail
	Store    Kind = "store"    // signed by the App Store
	System   Kind = "system"   // of the hub and its channels
	Own      Kind = "own"      // a type that a workspace made
)

// Type is one type of events.
type Type struct {
	Name     string          `json:"type"`
	Kind     Kind            `json:"kind"`
	OptIn    bool            `json:"opt_in"` // no notice is expected unless somebody asks for it
	Schema   *Schema         `json:"schema"` // of data
	Sample   json.RawMessage `json:"sample"` // of data
	Variants []Variant       `json:"variants"`
	Related  []Relation      `json:"related"`
	// Names are of a workspace's own type; the words of the others are in internal/text.
	Names map[engawa.Locale]string `json:"-"`
}

// Variant is another story under the same type, told by its data; its words
// are under the type and its name.
type Variant struct {
	Name   string          `json:"name"`
	Sample json.RawMessage `json:"sample"`
}

// Relation names a type that one cause raises together with another: a failed
// card is a payment that failed and a contract that is suspended. Both are
// delivered; a route may merge them.
type Relation struct {
	Type   string   `json:"type"`
	By     []string `json:"by"`     // members of data, the surest first: where both events have one, it must be the same
	Within string   `json:"within"` // how far apart they may happen, as a Go duration
}

// Group is the group under which routes reach the type.
func (t Type) Group() string { return engawa.GroupOf(t.Name) }

// Groups are the groups of the business's events, in the order in which they are read.
var Groups = [...]string{"general", "application", "payment", "contract"}

// Types lists the types that the program knows, by group, in the order of the catalogue.
func Types() []Type { return slices.Clone(known().all) }

// Find returns a type that the program knows.
func Find(name string) (Type, bool) {
	t, ok := known().byName[name]
	return t, ok
}

type types struct {
	all    []Type
	byName map[string]Type
}

// known reads the embedded types once. They are part of the program: a file
// that cannot be read is a mistake of the build, which every test finds.
var known = sync.OnceValue(func() types {
	all, err := read()
	if err != nil {
		panic(err)
	}
	k := types{all, map[string]Type{}}
	for _, t := range all {
		k.byName[t.Name] = t
	}
	return k
})

func read() ([]Type, error) {
	var parts map[string]*Schema
	if err := readFile("parts", &parts); err != nil {
		return nil, err
	}
	var all []Type
	for _, group := range append(Groups[:], "store", "system") {
		var some []Type
		if err := readFile(group, &some); err != nil {
			return nil, err
		}
		for _, t := range some {
			var err error
			if t.Schema, err = t.Schema.resolve(parts, 0); err != nil {
				return nil, fmt.Errorf("event type %s: %w", t.Name, err)
			}
			all = append(all, t)
		}
	}
	return all, nil
}

func readFile(name string, into any) error {
	b, err := files.ReadFile("types/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("read the catalogue's %s: %w", name, err)
	}
	return nil
}

// OneCause reports whether two events tell of one cause: the catalogue relates
// their types, the first of the named members that both have is the same, and
// they happened no further apart than the relation allows.
func OneCause(a, b engawa.Event) bool {
	t, _ := Find(a.Type)
	i := slices.IndexFunc(t.Related, func(r Relation) bool { return r.Type == b.Type })
	if i < 0 {
		return false
	}
	r := t.Related[i]
	within, err := time.ParseDuration(r.Within)
	if err != nil || a.OccurredAt.Sub(b.OccurredAt).Abs() > within {
		return false
	}
	for _, by := range r.By {
		one, other := member(a.Data, by), member(b.Data, by)
		if one != "" && other != "" {
			return one == other
		}
	}
	return false
}

// Furthest is how far apart events of one cause may happen at most: no relation
// allows more.
const Furthest = 24 * time.Hour

// Marks are the values of an event's data by which events of one cause find one
// another, as "correlation=invoice:in_77". Two of one cause share one; whether they
// are, OneCause says. An event of a type without relations has none.
func Marks(e engawa.Event) (marks []string) {
	t, _ := Find(e.Type)
	for _, r := range t.Related {
		for _, by := range r.By {
			if value := member(e.Data, by); value != "" {
				marks = append(marks, by+"="+value)
			}
		}
	}
	slices.Sort(marks)
	return slices.Compact(marks)
}

// Kin are the types that one cause may raise together with typ, in any number of
// steps, typ the first. A type without relations has no kin but itself.
func Kin(typ string) []string {
	kin := []string{typ}
	for i := 0; i < len(kin); i++ {
		t, _ := Find(kin[i])
		for _, r := range t.Related {
			if !slices.Contains(kin, r.Type) {
				kin = append(kin, r.Type)
			}
		}
	}
	return kin
}

// member is the text at a dotted path of a JSON object, or nothing.
func member(data []byte, path string) string {
	var at any
	if json.Unmarshal(data, &at) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		o, _ := at.(map[string]any)
		at = o[name]
	}
	text, _ := at.(string)
	return text
}
