package route

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// Kind is a kind of values as conditions compare them; empty: nobody knows.
type Kind string

// The kinds.
const (
	Text     Kind = "text"
	Number   Kind = "number" // a decimal, as every number in JSON
	Whole    Kind = "whole"
	Truth    Kind = "truth"
	List     Kind = "list"
	Object   Kind = "object"
	Instant  Kind = "time"
	Duration Kind = "duration"
	Nothing  Kind = "nothing" // null
)

var kindWords = map[Kind]string{
	Text: "a text", Number: "a number", Whole: "a whole number", Truth: "true or false", List: "a list", Object: "an object",
	Instant: "a time", Duration: "a duration", Nothing: "null",
}

// value is what an expression gives, as far as it is known without an event.
type value struct {
	kind   Kind
	path   string                          // as written; empty: it was reckoned
	values []string                        // of a text: what it may be; nil: anything
	member func(name string) (value, bool) // of an object; nil: it may hold anything
	lists  func() []string                 // its members' names
	item   *value                          // of a list
}

func (v value) names() []string {
	if v.lists == nil {
		return nil
	}
	return v.lists()
}

func (v value) fits(k Kind) bool {
	return v.kind == "" || v.kind == k || v.kind == Nothing || k == Number && v.kind == Whole || k == Whole && v.kind == Number
}

// walk reads a condition as it is for events of one type.
type walk struct {
	typ      choice
	types    []choice // that the route selects
	patterns []string
	vars     map[string]value // of exists, all, map and filter
	sure     map[string]bool  // paths that are looked for before they are used
	asks     map[spot]asked
	been     map[int64]bool
}

func (w walk) doubt(id int64, d Doubt) { w.lacks(id, d, value{}) }

// lacks notes a doubt about a member that beside does not have.
func (w walk) lacks(id int64, d Doubt, beside value) {
	if _, ok := w.asks[spot{id, d.What}]; ok {
		return
	}
	d.Path, d.Seen = repeatable(d.Path), repeatable(d.Seen)
	w.asks[spot{id, d.What}] = asked{d, w.typ, beside}
}

// repeatable is a text of a condition as an answer may repeat it: what is no name
// may be an address.
func repeatable(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.[]*") != "" || len(s) > maxRepeated {
		return "…"
	}
	return s
}

const maxRepeated = 200

// wants notes that e's value should be of a kind that it is not of.
func (w walk) wants(e celast.Expr, v value, k Kind) {
	if !v.fits(k) {
		w.doubt(e.ID(), Doubt{What: Kinds, Path: v.shown(), Is: v.kind, Takes: k})
	}
}

// shown is what is said of a value in an answer: its path, or that it was reckoned.
func (v value) shown() string { return cmp.Or(v.path, "…") }

func (w walk) value(e celast.Expr) value {
	w.been[e.ID()] = true
	switch e.Kind() {
	case celast.LiteralKind:
		return literal(e)
	case celast.IdentKind:
		return w.ident(e.AsIdent())
	case celast.SelectKind:
		s := e.AsSelect()
		return w.pick(e, w.value(s.Operand()), s.FieldName(), s.IsTestOnly())
	case celast.ListKind:
		out := value{kind: List}
		for _, x := range e.AsList().Elements() {
			one := w.value(x)
			one.path, one.values = "", nil
			if out.item == nil {
				out.item = &one
			} else if out.item.kind != one.kind {
				out.item = &value{}
			}
		}
		return out
	case celast.MapKind:
		for _, x := range e.AsMap().Entries() {
			w.value(x.AsMapEntry().Key())
			w.value(x.AsMapEntry().Value())
		}
		return value{kind: Object}
	case celast.ComprehensionKind:
		return w.comprehension(e)
	case celast.CallKind:
		return w.call(e)
	case celast.StructKind, celast.UnspecifiedExprKind: // no condition holds one
	}
	return value{}
}

func literal(e celast.Expr) value {
	switch v := e.AsLiteral().Value().(type) {
	case string:
		return value{kind: Text} // whatever it says, it may be an address
	case float64:
		return value{kind: Number, path: strconv.FormatFloat(v, 'g', -1, 64)}
	case int64:
		return value{kind: Whole, path: strconv.FormatInt(v, 10)}
	case bool:
		return value{kind: Truth, path: strconv.FormatBool(v)}
	}
	if e.AsLiteral().Type().TypeName() == "null_type" {
		return value{kind: Nothing, path: "null"}
	}
	return value{}
}

func (w walk) ident(name string) value {
	if v, ok := w.vars[name]; ok {
		return v
	}
	text := func(values ...string) value { return value{kind: Text, values: values} }
	switch name {
	case "event":
		return object("event", map[string]value{
			"type": text(), "group": text(engawa.GroupOf(w.typ.name)), "opt_in": {kind: Truth}, "subject": text(), "account": text(),
			"actor": object("event.actor", map[string]value{"type": text(append(slices.Clone(engawa.ActorTypes), "")...), "id": text()}),
			"data":  w.data(),
		})
	case "customer": // of an event without one the texts are empty
		return object("customer", map[string]value{
			"known": {kind: Truth}, "locale": text(string(engawa.Japanese), string(engawa.Korean), string(engawa.English), ""),
			"country": text(), "kind": text("person", "contract", ""),
		})
	}
	return value{}
}

// object is one of the hub's own, of which all members are known.
func object(path string, members map[string]value) value {
	out := value{kind: Object, path: path, lists: func() []string { return slices.Collect(maps.Keys(members)) }}
	out.member = func(name string) (value, bool) {
		m, ok := members[name]
		m.path = path + "." + name
		return m, ok
	}
	return out
}

func (w walk) data() value {
	if w.typ.data == nil {
		return value{kind: Object}
	}
	return described("event.data", w.typ.data)
}

func described(path string, s *catalogue.Schema) value {
	kinds := map[string]Kind{"string": Text, "number": Number, "integer": Number, "boolean": Truth, "array": List, "object": Object}
	out := value{kind: kinds[s.Type], path: path, values: s.Enum}
	if s.Items != nil {
		item := described(path+"[]", s.Items)
		out.item = &item
	}
	if s.Described() {
		out.lists = s.Members
		out.member = func(name string) (value, bool) {
			m, ok := s.Member(name)
			if !ok {
				return value{}, false
			}
			return described(path+"."+name, m), true
		}
	}
	return out
}

// pick is the member of an object; looks says that it is only asked whether it is there.
func (w walk) pick(e celast.Expr, of value, name string, looks bool) value {
	if of.path == "event.data" && w.typ.data == nil {
		w.doubt(e.ID(), Doubt{What: Open, Path: w.typ.name})
	}
	out := value{}
	if of.path != "" {
		out.path = of.path + "." + name
	}
	if of.member == nil {
		w.wants(e, of, Object)
	} else if m, ok := of.member(name); ok {
		out = m
	} else {
		what := Unknown
		if looks || w.sure[out.path] {
			what = Extra
		}
		w.lacks(e.ID(), Doubt{What: what, Path: out.path}, of)
	}
	if looks {
		return value{kind: Truth}
	}
	return out
}

// comprehension is what exists, all, map and filter become.
func (w walk) comprehension(e celast.Expr) value {
	c := e.AsComprehension()
	over := w.value(c.IterRange())
	item := value{}
	switch {
	case over.kind == List && over.item != nil:
		item = *over.item
	case over.kind == Object:
		item = value{kind: Text}
	default:
		w.wants(c.IterRange(), over, List)
	}
	made := w.value(c.AccuInit())
	made.path, made.item = "", nil
	inner := w
	inner.vars = maps.Clone(w.vars)
	inner.vars[c.IterVar()], inner.vars[c.AccuVar()] = item, made
	inner.value(c.LoopCondition())
	inner.value(c.LoopStep())
	return inner.value(c.Result())
}

func (w walk) call(e celast.Expr) value {
	c := e.AsCall()
	switch name, args := c.FunctionName(), c.Args(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return w.together(e, name)
	case operators.LogicalNot:
		w.wants(args[0], w.value(args[0]), Truth)
		return value{kind: Truth}
	case operators.Conditional:
		return w.either(args)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		w.compare(e, name, args)
		return value{kind: Truth}
	case operators.In:
		w.among(e, args)
		return value{kind: Truth}
	case operators.Index:
		return w.index(e, args)
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
		return w.sum(e, name, w.value(args[0]), w.value(args[1]))
	case operators.Negate:
		v := w.value(args[0])
		w.wants(args[0], v, Number)
		return value{kind: v.kind}
	}
	return w.function(c)
}

// takes is what the functions of CEL's standard library do, as far as a text, a
// list or a time can be the wrong thing for them.
var takes = map[string]struct{ of, gives Kind }{
	"startsWith": {Text, Truth}, "endsWith": {Text, Truth}, "contains": {Text, Truth}, "matches": {Text, Truth}, "size": {"", Whole}, "int": {"", Whole},
	"double": {"", Number}, "string": {"", Text}, "bool": {"", Truth}, "timestamp": {"", Instant}, "duration": {"", Duration},
	"getFullYear": {Instant, Whole}, "getMonth": {Instant, Whole}, "getDate": {Instant, Whole}, "getDayOfMonth": {Instant, Whole}, "getDayOfWeek": {Instant, Whole},
	"getDayOfYear": {Instant, Whole},
}

func (w walk) function(c celast.CallExpr) value {
	known := takes[c.FunctionName()]
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]celast.Expr{c.Target()}, args...)
	}
	for i, a := range args {
		v := w.value(a)
		switch {
		case known.of != "" && (i == 0 || known.of == Text):
			w.wants(a, v, known.of)
		case c.FunctionName() == "size" && (v.kind == Number || v.kind == Whole || v.kind == Truth):
			w.wants(a, v, List)
		case strings.HasPrefix(c.FunctionName(), "get") && i == 0 && v.kind == Text:
			w.wants(a, v, Instant)
		}
	}
	return value{kind: known.gives}
}

// together reads what is joined by && or ||. What must hold besides narrows the
// types and says which members are there; so does, the other way about, what is
// an alternative.
func (w walk) together(e celast.Expr, join string) value {
	parts := joined(e, join)
	inner := w
	inner.sure = maps.Clone(w.sure)
	var settled []celast.Expr
	for _, p := range parts {
		if holds, known := w.truth(p); known && holds == (join == operators.LogicalOr) {
			settled = append(settled, p) // the others do not matter for this type
		}
		inner.look(p, join == operators.LogicalAnd)
	}
	if len(settled) > 0 {
		parts = settled
	}
	for _, p := range parts {
		inner.wants(p, inner.value(p), Truth)
	}
	return value{kind: Truth}
}

// joined flattens a && b && c.
func joined(e celast.Expr, join string) (parts []celast.Expr) {
	if e.Kind() != celast.CallKind || e.AsCall().FunctionName() != join {
		return []celast.Expr{e}
	}
	for _, a := range e.AsCall().Args() {
		parts = append(parts, joined(a, join)...)
	}
	return parts
}

// look notes the member whose presence e asks for; present says which answer
// leads on to where it is used.
func (w walk) look(e celast.Expr, present bool) {
	if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.LogicalNot {
		w.look(e.AsCall().Args()[0], !present)
		return
	}
	if !present {
		return
	}
	if e.Kind() == celast.SelectKind && e.AsSelect().IsTestOnly() {
		w.sure[w.written(e)] = true
	}
	if e.Kind() != celast.CallKind {
		return
	}
	switch c := e.AsCall(); c.FunctionName() {
	case operators.LogicalAnd:
		for _, p := range joined(e, operators.LogicalAnd) {
			w.look(p, true)
		}
	case operators.In:
		name, _ := constant(c.Args()[0])
		w.sure[w.written(c.Args()[1])+"."+name] = true
	}
}

// written is the path that an expression names; empty: it names none.
func (w walk) written(e celast.Expr) string {
	if e.Kind() == celast.IdentKind {
		if v, ok := w.vars[e.AsIdent()]; ok {
			return v.path
		}
		return e.AsIdent()
	}
	var of, name string
	if e.Kind() == celast.SelectKind {
		of, name = w.written(e.AsSelect().Operand()), e.AsSelect().FieldName()
	} else if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.Index {
		of = w.written(e.AsCall().Args()[0])
		name, _ = constant(e.AsCall().Args()[1])
	}
	if of == "" || name == "" {
		return ""
	}
	return of + "." + name
}

func (w walk) either(args []celast.Expr) value {
	w.wants(args[0], w.value(args[0]), Truth)
	yes, no := w, w
	yes.sure, no.sure = maps.Clone(w.sure), maps.Clone(w.sure)
	yes.look(args[0], true)
	no.look(args[0], false)
	holds, known := w.truth(args[0])
	switch {
	case known && holds:
		return yes.value(args[1])
	case known:
		return no.value(args[2])
	}
	one, other := yes.value(args[1]), no.value(args[2])
	if one.kind != other.kind {
		return value{}
	}
	return value{kind: one.kind}
}

// truth is what a comparison of event.type or event.group with constants gives
// for this type.
func (w walk) truth(e celast.Expr) (holds, known bool) {
	if e.Kind() == celast.LiteralKind {
		holds, known = e.AsLiteral().Value().(bool)
		return holds, known
	}
	if e.Kind() != celast.CallKind {
		return false, false
	}
	c := e.AsCall()
	switch name := c.FunctionName(); name {
	case operators.LogicalNot:
		holds, known = w.truth(c.Args()[0])
		return !holds, known
	case operators.LogicalAnd, operators.LogicalOr:
		return w.truths(joined(e, name), name == operators.LogicalOr)
	case operators.Equals, operators.NotEquals:
		mine, ok := w.known(c.Args()[0])
		other, constantly := constant(c.Args()[1])
		if !ok {
			mine, ok = w.known(c.Args()[1])
			other, constantly = constant(c.Args()[0])
		}
		return (mine == other) == (name == operators.Equals), ok && constantly
	case operators.In:
		mine, ok := w.known(c.Args()[0])
		if !ok || c.Args()[1].Kind() != celast.ListKind {
			return false, false
		}
		return slices.ContainsFunc(c.Args()[1].AsList().Elements(), func(x celast.Expr) bool { s, _ := constant(x); return s == mine }), true
	case "startsWith":
		mine, ok := w.known(c.Target())
		head, constantly := constant(c.Args()[0])
		return strings.HasPrefix(mine, head), ok && constantly
	}
	return false, false
}

// truths joins what its parts give: one that holds is enough for any.
func (w walk) truths(parts []celast.Expr, any bool) (holds, known bool) {
	known = true
	for _, p := range parts {
		holds, ok := w.truth(p)
		if ok && holds == any {
			return any, true
		}
		known = known && ok
	}
	return !any, known
}

// known is the text that event.type or event.group is for this type.
func (w walk) known(e celast.Expr) (string, bool) {
	if strings.Contains(w.typ.name, "*") {
		return "", false
	}
	switch w.written(e) {
	case "event.type":
		return w.typ.name, true
	case "event.group":
		return engawa.GroupOf(w.typ.name), true
	}
	return "", false
}

func (w walk) compare(e celast.Expr, op string, args []celast.Expr) {
	one, other := w.value(args[0]), w.value(args[1])
	if op == operators.Equals {
		w.occurs(e, one, args[1])
		w.occurs(e, other, args[0])
	}
	if one.kind != "" && other.kind != "" && !one.fits(other.kind) && !other.fits(one.kind) {
		if args[0].Kind() == celast.LiteralKind {
			one, other = other, one
		}
		w.doubt(e.ID(), Doubt{What: Compared, Path: one.shown(), Is: one.kind, Takes: other.kind})
	}
}

// occurs notes a constant that a text never is.
func (w walk) occurs(e celast.Expr, v value, with celast.Expr) {
	s, ok := constant(with)
	switch {
	case !ok:
	case v.path == "event.type":
		w.named(e, s)
	case v.values != nil && !slices.Contains(v.values, s):
		w.doubt(e.ID(), Doubt{What: Value, Path: v.path, Seen: s, Allowed: v.values})
	}
}

// named holds the name of a type to those that the route takes.
func (w walk) named(e celast.Expr, typ string) {
	switch {
	case slices.ContainsFunc(w.types, func(c choice) bool { return c.name == typ }):
	case engawa.MatchesAny(w.patterns, typ):
		w.doubt(e.ID(), Doubt{What: Open, Path: typ})
	default:
		w.doubt(e.ID(), Doubt{What: Value, Path: "event.type", Seen: typ, Allowed: []string{w.typ.name}})
	}
}

// among is x in a list, or a name in an object.
func (w walk) among(e celast.Expr, args []celast.Expr) {
	one, of := w.value(args[0]), w.value(args[1])
	name, constantly := constant(args[0])
	switch {
	case of.kind == Object && constantly:
		w.pick(e, of, name, true)
	case of.kind == Object:
		w.wants(args[0], one, Text)
	case of.kind == List:
		if of.item != nil && of.item.kind != "" && one.kind != "" && !one.fits(of.item.kind) {
			w.doubt(e.ID(), Doubt{What: Compared, Path: one.shown(), Is: one.kind, Takes: of.item.kind})
		}
		if args[1].Kind() == celast.ListKind && args[1].AsList().Size() == 1 {
			w.occurs(e, one, args[1].AsList().Elements()[0])
		}
	default:
		w.wants(args[1], of, List)
	}
}

// index is a member by its name, or an item by its place.
func (w walk) index(e celast.Expr, args []celast.Expr) value {
	of, at := w.value(args[0]), w.value(args[1])
	if name, ok := constant(args[1]); ok && of.kind != List {
		return w.pick(e, of, name, false)
	}
	if of.kind == List {
		w.wants(args[1], at, Number)
		if of.item != nil {
			return *of.item
		}
	}
	return value{}
}

// sum is what +, -, *, / and % give. CEL has no sum of a decimal and a whole number.
func (w walk) sum(e celast.Expr, op string, one, other value) value {
	number := func(k Kind) bool { return k == Number || k == Whole }
	switch {
	case one.kind == "" || other.kind == "":
		return value{}
	case number(one.kind) && number(other.kind):
		if one.kind != other.kind || op == operators.Modulo && one.kind == Number {
			decimal := one
			if one.kind == Whole {
				decimal = other
			}
			w.doubt(e.ID(), Doubt{What: Decimal, Path: decimal.shown()})
			return value{}
		}
		return value{kind: one.kind}
	case one.kind == Instant || one.kind == Duration || other.kind == Instant:
		return value{} // the compiler holds these to one another, and events hold none
	case op == operators.Add && one.kind == other.kind && (one.kind == Text || one.kind == List):
		return value{kind: one.kind}
	}
	w.doubt(e.ID(), Doubt{What: Kinds, Path: one.shown(), Is: one.kind, Takes: other.kind})
	return value{}
}
