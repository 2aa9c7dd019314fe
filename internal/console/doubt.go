package console

import (
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/route"
)

// Doubt is something that a route's condition asks and events do not answer.
type Doubt struct {
	Says, Remedy, Of string
	Refused          bool // such a condition is saved no more
}

// shownTypes is how many types a doubt names.
const shownTypes = 5

// doubts holds the condition of a route as it is stored against the schemas.
func (c *console) doubts(v *visit, n *names, r engawa.Route) ([]Doubt, error) {
	own, err := c.Compose.OwnTypes(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	var out []Doubt
	for _, d := range route.Doubts(r, own) {
		out = append(out, n.doubt(d))
	}
	return out, nil
}

func (n *names) doubt(d route.Doubt) Doubt {
	p := n.v.Page
	words := []any{
		"path", d.Path, "seen", d.Seen, "nearest", d.Nearest, "allowed", p.list(d.Allowed),
		"is", p.kindOfValue(d.Is), "takes", p.kindOfValue(d.Takes),
	}
	out := Doubt{Says: p.T("doubt."+string(d.What), words...), Refused: d.Refused}
	switch remedy := "doubt." + string(d.What) + ".remedy"; {
	case d.Nearest != "":
		out.Remedy = p.T("doubt.meant", words...)
	case d.What == route.Value || d.What == route.Unknown:
		out.Remedy = p.T("doubt.unknown.remedy", words...)
	case p.Words.Has(remedy):
		out.Remedy = p.T(remedy, words...)
	}
	if d.What == route.Unknown && strings.HasPrefix(d.Path, "event.data.") {
		out.Remedy += " " + p.T("doubt.guard", words...)
	}
	if len(d.Of) > 0 {
		var types []string
		for _, t := range d.Of[:min(len(d.Of), shownTypes)] {
			types = append(types, n.patternWords(t))
		}
		if more := len(d.Of) - len(types); more > 0 {
			types = append(types, p.T("doubt.more", "n", more))
		}
		out.Of = p.T("doubt.of", "of", p.list(types))
	}
	return out
}

func (p Page) kindOfValue(k route.Kind) string {
	if k == "" {
		return ""
	}
	return p.T("doubt.kind." + string(k))
}

// doubtTone is how a note about doubts looks.
func doubtTone(ds []Doubt) string {
	if slices.ContainsFunc(ds, func(d Doubt) bool { return d.Refused }) {
		return "bad"
	}
	return "warn"
}
