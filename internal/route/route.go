// Package route decides which messages an event calls for. It is pure: routes
// are compiled once, and Plan reads the event and the customer.
package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/interpreter"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// Set is compiled routes, ready to plan.
type Set struct {
	routes []compiled
}

type compiled struct {
	engawa.Route
	when   cel.Program   // nil: always
	unread *engawa.Error // why the condition cannot be read
}

// Broken is a route whose condition cannot be read, or could not be judged on an
// event, and why. Nobody knows what it would have sent: a person has to look.
type Broken struct {
	Route engawa.Route
	Err   *engawa.Error
}

// Plan is one message that a route asks for.
type Plan struct {
	Route engawa.Route
	At    int // the step's place in the route
	Step  engawa.Step
}

// What bounds one condition: costLimit what judging it on an event may cost, about
// a millisecond; the others what reading it may take.
const (
	costLimit   = 10_000
	maxLetters  = 4_000
	maxNestings = 32
)

// Compile readies the routes that are switched on. One whose condition cannot be read
// (no such one is saved; a newer program may read more strictly) is broken on each of
// its events, and holds up no other.
func Compile(routes []engawa.Route) *Set {
	s := &Set{}
	for _, r := range routes {
		if !r.Enabled {
			continue
		}
		c := compiled{Route: r}
		if r.Condition != "" {
			var err error
			if _, c.when, err = condition(r.Condition); err != nil {
				c.unread = unread(err).Told()
			}
		}
		s.routes = append(s.routes, c)
	}
	return s
}

// Unread returns the first route whose condition cannot be read; nil: there is none.
func (s *Set) Unread() *Broken {
	for _, r := range s.routes {
		if r.unread != nil {
			return &Broken{r.Route, r.unread}
		}
	}
	return nil
}

// Check reports what is wrong with a route before it is saved in place of stored,
// which is nil for a new one, and what of its condition is doubtful by the schemas
// of the types that it selects; own are the workspace's. A condition that asks for
// what never is, is refused, unless the stored route asks just so: that one goes on
// as it is, and its doubts are only told. One that cannot be read is always refused.
// The error is an *engawa.Error.
func Check(r engawa.Route, stored *engawa.Route, own []catalogue.Type) ([]Doubt, error) {
	if err := form(r); err != nil {
		return nil, err
	}
	doubts := Doubts(r, own)
	asked := stored != nil && stored.Condition == r.Condition && slices.Equal(stored.Events, r.Events)
	for _, d := range doubts {
		if d.What == Unread || d.Refused && !asked {
			return doubts, d.Told()
		}
	}
	return doubts, nil
}

func form(r engawa.Route) error {
	if strings.TrimSpace(r.Name) == "" {
		return engawa.Invalid("/name", "give it a name that says what it does", "the route has no name")
	}
	if len(r.Events) == 0 {
		return engawa.Invalid("/events", `name event types, such as "contract.terminated" or "payment.*"`, "the route listens to no event")
	}
	for i, p := range r.Events {
		if p == "" || strings.Contains(strings.TrimSuffix(p, ".*"), "*") && p != "*" {
			return engawa.Invalid(fmt.Sprintf("/events/%d", i), `write a type, "group.*" or "*"`, "%q is not an event pattern", p)
		}
	}
	if len(r.Then) == 0 {
		return engawa.Invalid("/then", "add at least one recipient", "the route sends nothing")
	}
	for i, st := range r.Then {
		if len(st.Via) == 0 {
			return engawa.Invalid(fmt.Sprintf("/then/%d/via", i), "choose an account", "step %d has no account to send over", i+1)
		}
		if st.Via[0].Copy {
			return engawa.Invalid(fmt.Sprintf("/then/%d/via/0/copy", i), "make another account the first", "the first account of step %d cannot be a copy", i+1)
		}
		if err := checkWhile(fmt.Sprintf("/then/%d/while", i), st); err != nil {
			return err
		}
		if err := checkDelay(fmt.Sprintf("/then/%d/delay_hours", i), st); err != nil {
			return err
		}
		if err := checkMute(fmt.Sprintf("/then/%d/mute", i), st.Mute); err != nil {
			return err
		}
		if err := checkDigest(fmt.Sprintf("/then/%d/digest", i), st); err != nil {
			return err
		}
	}
	return nil
}

// checkWhile refuses a standing condition that nobody knows, or on a step that
// has no customer whose purchase could be looked at when it goes.
func checkWhile(at string, st engawa.Step) error {
	switch {
	case (st.While == engawa.WhileLower) != (st.Product != ""):
		return engawa.Invalid(strings.TrimSuffix(at, "while")+"product", "name the plan that is offered with the condition lower_plan, and with no other", "the condition %q and the plan %.40q do not go together", st.While, st.Product)
	case st.While == "":
		return nil
	case !slices.Contains(engawa.Standings[:], st.While):
		return engawa.Invalid(at, fmt.Sprintf("choose one of %v, or leave it out", engawa.Standings), "%q is no condition of a purchase", st.While)
	case st.To != ToCustomer:
		return engawa.Invalid(at, "leave it out, or write to the customer", "a message to staff depends on no purchase")
	case st.Digest != nil:
		return engawa.Invalid(at, "leave the digest out, or the condition", "a digest tells of several events, and the condition is about one")
	}
	return nil
}

// MaxDelay is how long a step may wait after its event.
const MaxDelay = 90 * 24 * time.Hour

func checkDelay(at string, st engawa.Step) error {
	switch {
	case st.Delay < 0 || st.Delay > MaxDelay:
		return engawa.Invalid(at, fmt.Sprintf("choose 0 to %d hours", MaxDelay/time.Hour), "a message cannot wait %d hours after its event", st.Delay/time.Hour)
	case st.Delay > 0 && st.Digest != nil:
		return engawa.Invalid(at, "leave the digest out, or the delay", "a digest waits for its events, and the delay is from one")
	}
	return nil
}

// language is what a condition is written in: CEL over event and customer.
var language = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.Variable("event", cel.DynType), cel.Variable("customer", cel.DynType),
		cel.ParserExpressionSizeLimit(maxLetters), cel.ParserRecursionLimit(maxNestings))
})

// condition compiles an expression that answers true or false at a bounded cost,
// and returns it as it was read, too.
func condition(expr string) (*cel.Ast, cel.Program, error) {
	env, err := language()
	if err != nil {
		return nil, nil, fmt.Errorf("make CEL environment: %w", err)
	}
	ast, issues := env.Compile(expr)
	if issues.Err() != nil {
		return nil, nil, fmt.Errorf("the condition cannot be read: %w", issues.Err())
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, nil, fmt.Errorf("the condition gives %s, not true or false", t)
	}
	prog, err := env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return nil, nil, fmt.Errorf("the condition cannot be used: %w", err)
	}
	return ast, prog, nil
}

// Plan returns the messages that the routes ask for on ev, in the routes'
// order, a step to the customer too where the event has none: its message says so.
// A route whose condition asks for a field that the event does not have is left out.
func (s *Set) Plan(ev engawa.Event, data map[string]any, c engawa.Customer) (out []Plan, broken []Broken) {
	for _, r := range s.routes {
		if !engawa.MatchesAny(r.Events, ev.Type) {
			continue
		}
		holds, err := r.holds(ev, data, c)
		if err != nil {
			broken = append(broken, Broken{r.Route, err})
		}
		if !holds {
			continue
		}
		for i, st := range r.Then {
			if st.To == ToCustomer && answeredElsewhere(ev, data) {
				continue
			}
			out = append(out, Plan{r.Route, i, st})
		}
	}
	return out, broken
}

// answeredElsewhere reports whether another program has the word with the customer: an
// official account on LINE is in standby then, and who answers all the same answers twice
// (https://developers.line.biz/en/reference/messaging-api/#common-properties).
func answeredElsewhere(ev engawa.Event, data map[string]any) bool {
	return strings.HasPrefix(ev.Type, "line.") && data["mode"] == "standby"
}

// optIn reports whether nobody expects a notice of a type unless somebody asks for
// it. A type that the program does not know is one of those.
func optIn(typ string) bool {
	t, known := catalogue.Find(typ)
	return !known || t.OptIn
}

// ToCustomer is the recipient of a step that writes to the event's customer.
const ToCustomer = "customer"

func (r compiled) holds(ev engawa.Event, data map[string]any, c engawa.Customer) (bool, *engawa.Error) {
	if r.when == nil {
		return r.unread == nil, r.unread
	}
	out, _, err := r.when.Eval(map[string]any{
		"event": map[string]any{"type": ev.Type, "group": ev.Group(), "opt_in": optIn(ev.Type), "subject": ev.Subject, "actor": map[string]any{"type": ev.Actor.Type, "id": ev.Actor.ID}, "account": ev.Account, "data": data},
		"customer": map[string]any{
			"known": ev.Customer != "", "locale": string(c.Locale), "country": c.Country, "kind": c.Kind,
		},
	})
	if err != nil {
		return false, unjudged(err)
	}
	yes, ok := out.Value().(bool)
	if !ok {
		return false, engawa.Invalid("/condition", "compare what it gives, as in event.data.paid == true", "on this event the condition gives %s, not true or false", out.Type().TypeName())
	}
	return yes, nil
}

// MayHold reports whether a route's condition may hold of an event of a type from an
// account, of whose data only some members are known: it does not where it is false
// whatever the others are, and whoever the customer is. An empty type or account is
// not known either. A condition that cannot be read is broken on such an event, as on
// any, and may.
func MayHold(r engawa.Route, typ, account string, data map[string]any) bool {
	if r.Condition == "" {
		return true
	}
	read, _, err := condition(r.Condition)
	if err != nil {
		return true
	}
	event := map[string]any{"data": data}
	if typ != "" {
		event["type"], event["group"], event["opt_in"] = typ, engawa.GroupOf(typ), optIn(typ)
	}
	if account != "" {
		event["account"] = account
	}
	no, err := denied(read, event, data)
	return err != nil || !no
}

// denied reports whether a condition is false of an event whatever its members are that
// are not known.
func denied(read *cel.Ast, event, data map[string]any) (bool, error) {
	env, err := language()
	if err != nil {
		return false, err
	}
	prog, err := env.Program(read, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(costLimit))
	if err != nil {
		return false, err
	}
	open := []*cel.AttributePatternType{cel.AttributePattern("customer"), cel.AttributePattern("event").QualString("data").QualString("")}
	for _, name := range named(read) {
		if _, ok := event[name]; !ok {
			open = append(open, cel.AttributePattern("event").QualString(name))
		}
		if _, ok := data[name]; !ok {
			open = append(open, cel.AttributePattern("event").QualString("data").QualString(name))
		}
	}
	vars, err := cel.PartialVars(map[string]any{"event": event}, open...)
	if err != nil {
		return false, err
	}
	out, _, err := prog.Eval(vars)
	if err != nil {
		return false, err
	}
	yes, known := out.Value().(bool)
	return known && !yes, nil
}

// named are the names of all members that a condition may ask for: event.data.x,
// event.data["x"], "x" in event.data.
func named(read *cel.Ast) (names []string) {
	celast.PostOrderVisit(read.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if text, ok := constant(e); ok {
			names = append(names, text)
		}
		if e.Kind() == celast.SelectKind {
			names = append(names, e.AsSelect().FieldName())
		}
	}))
	return names
}

// unread is why a condition cannot be used on any event.
func unread(err error) Doubt { return Doubt{What: Unread, Seen: err.Error(), Refused: true} }

// unjudged is why a condition could not be judged; nil where the event lacks a
// field that it asks for.
func unjudged(err error) *engawa.Error {
	if _, costly := errors.AsType[interpreter.EvalCancelledError](err); !costly {
		return nil
	}
	return engawa.Invalid("/condition", "write one that walks through fewer values", "judging the condition on this event would take too long")
}
