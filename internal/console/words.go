package console

import (
	"maps"
	"strings"

	"github.com/engawa/engawa"
)

// verdictWords puts a verdict into words. account is in words.
func (p Page) verdictWords(v engawa.Verdict, account string) Verdict {
	out := Verdict{
		Account: account, Outcome: v.Outcome, Until: v.Until,
		RuleSet: v.RuleSet, At: v.At,
	}
	for _, g := range v.Gates {
		gate := Gate{Gate: g.Gate, Outcome: g.Outcome, Applies: len(g.Reasons) > 0}
		gate.Decided = v.Outcome != engawa.Send && g.Gate == v.Decided
		for _, r := range g.Reasons {
			text, remedy := p.reason(r)
			gate.Reasons = append(gate.Reasons, Reason{Text: text, Remedy: remedy, Rule: r.Rule, Source: r.Source})
		}
		out.Gates = append(out.Gates, gate)
	}
	for _, o := range v.Obligations {
		switch o.Kind {
		case "subject_prefix", "body_prefix":
			out.Added = append(out.Added, o.Text)
		case "footer":
			out.Added = append(out.Added, p.T("verdict.added.footer"))
		case "one_click":
			out.Added = append(out.Added, p.T("verdict.added.one_click"))
		}
	}
	return out
}

// why is the deciding reason of a verdict, in words; empty when it sends.
func (p Page) why(v engawa.Verdict) string {
	if v.Outcome == engawa.Send {
		return ""
	}
	for _, g := range v.Gates {
		if g.Gate != v.Decided {
			continue
		}
		for _, r := range g.Reasons {
			text, _ := p.reason(r)
			return text
		}
	}
	return ""
}

// reason is a reason in words, with what a limit counts in words too.
func (p Page) reason(r engawa.Reason) (text, remedy string) {
	if scope, ok := r.Args["scope"]; ok {
		r.Args = maps.Clone(r.Args)
		r.Args["scope"] = p.scopeWords(scope)
	}
	return p.Reason(r)
}

// list puts words beside one another.
func (p Page) list(words []string) string { return strings.Join(words, p.T("list.comma")) }

// listOf is a list of things in words.
func listOf[T any](p Page, all []T, in func(T) string) string {
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = in(one)
	}
	return p.list(words)
}

func (p Page) purposeWords(x engawa.Purpose) string { return p.T("purpose." + string(x)) }

// kindWords is the name of a kind of channel.
func (p Page) kindWords(kind string) string {
	if p.Words.Has("kind." + kind) {
		return p.T("kind." + kind)
	}
	return kind
}

// accountWords names an account by its kind and its name.
func (p Page) accountWords(kind, name string) string { return joinDot(p.kindBeside(kind, name), name) }

// kindBeside is the name of a kind beside that of an account: nothing where the
// account is named so itself.
func (p Page) kindBeside(kind, name string) string {
	if words := p.kindWords(kind); words != name {
		return words
	}
	return ""
}

// scopeWords names what a limit counts.
func (p Page) scopeWords(scope string) string {
	if p.Words.Has("scope." + scope) {
		return p.T("scope." + scope)
	}
	return scope
}
