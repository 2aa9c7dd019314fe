package console

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

func (v RouteForm) action() string {
	if v.ID == "" {
		return "/routes/new"
	}
	return "/routes/" + v.ID
}

func (v RouteForm) purposes() []Choice {
	var list []Choice
	for _, p := range []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing, engawa.Security, engawa.LegalNotice, engawa.ConsentAdmin} {
		list = append(list, Choice{string(p), v.T("purpose." + string(p))})
	}
	return list
}

// places are where an account of a step's chain may go instead: the step's own
// place first.
func (v RouteForm) places() []Choice {
	list := []Choice{{"", v.T("route.via.same")}}
	for _, c := range v.Destinations {
		if c.Value != "customer" {
			list = append(list, c)
		}
	}
	return list
}

// stepName and viaName are the names of a route form's inputs: s0.to, s0.v1.account.
func stepName(i int, field string) string { return "s" + strconv.Itoa(i) + "." + field }

func viaName(i, j int, field string) string {
	return stepName(i, "v"+strconv.Itoa(j)+"."+field)
}

func blankZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (c *console) routes(v *visit) error {
	all, err := c.Store.Routes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	templates, err := c.templateNames(v)
	if err != nil {
		return err
	}
	view := Routes{Page: v.titled("routes", v.T("routes.title"))}
	for _, r := range all {
		row := RouteRow{ID: r.ID, Name: r.Name, Enabled: r.Enabled, Changed: r.UpdatedAt, By: c.changedBy(v, r.UpdatedBy)}
		for _, e := range r.Events {
			row.Events = append(row.Events, v.patternWords(e))
		}
		for _, st := range r.Then {
			row.Steps = append(row.Steps, n.stepWords(st, templates))
		}
		view.Rows = append(view.Rows, row)
	}
	return v.show(RoutesPage(view))
}

// changedBy names who changed something: the visitor, another member's id, or the system.
func (c *console) changedBy(v *visit, by string) string {
	switch by {
	case "":
		return v.T("routes.system")
	case v.member.ID:
		return v.member.Name
	}
	return by
}

// patternWords reads an event pattern: "payment events", "every event".
func (p Page) patternWords(pattern string) string {
	if pattern == "*" {
		return p.T("routes.every")
	}
	if group, ok := strings.CutSuffix(pattern, ".*"); ok {
		if p.Words.Has("group." + group) {
			return p.T("routes.group", "group", p.T("group."+group))
		}
		return pattern
	}
	return p.Words.EventLine(p.Locale, pattern, nil)
}

func (n *names) stepWords(st engawa.Step, templates map[string]string) StepWords {
	out := StepWords{To: n.v.T("routes.to_customer"), Template: n.v.T("routes.default_words")}
	if st.To != route.ToCustomer {
		out.To = n.destination(st.To)
	}
	if name, ok := templates[st.Template]; ok {
		out.Template = name
	}
	for _, via := range st.Via {
		name, kind := n.account(via.Account)
		words := joinDot(kind, name)
		if via.Destination != "" {
			words = joinDot(words, n.destination(via.Destination))
		}
		switch {
		case via.Copy:
			words = n.v.T("routes.copy", "via", words)
		case via.Within > 0:
			words = n.v.T("routes.within", "via", words, "time", n.v.Duration(via.Within))
		}
		out.Via = append(out.Via, words)
	}
	return out
}

func (c *console) templateNames(v *visit) (map[string]string, error) {
	all, err := c.Store.Templates(v.ctx(), v.ws())
	out := map[string]string{}
	for _, t := range all {
		out[t.ID] = t.Name
	}
	return out, err
}

func (c *console) newRoute(v *visit) error {
	r := engawa.Route{Enabled: true, Then: []engawa.Step{{Purpose: engawa.Service}}}
	return c.showRoute(v, http.StatusOK, r, "", "", nil)
}

func (c *console) route(v *visit) error {
	r, err := c.storedRoute(v)
	if err != nil {
		return err
	}
	return c.showRoute(v, http.StatusOK, r, "", "", nil)
}

func (c *console) storedRoute(v *visit) (engawa.Route, error) {
	all, err := c.Store.Routes(v.ctx(), v.ws())
	if err != nil {
		return engawa.Route{}, err
	}
	for _, r := range all {
		if r.ID == v.r.PathValue("id") {
			return r, nil
		}
	}
	return engawa.Route{}, engawa.NotFound("route")
}

// spareVias is how many empty places for a fallback a step's form offers.
const spareVias = 3

// showRoute shows the form of a route, with its choices.
func (c *console) showRoute(v *visit, status int, r engawa.Route, problem, remedy string, tried *Trial) error {
	n, err := c.names(v)
	if err != nil {
		return err
	}
	templates, err := c.Store.Templates(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	title := r.Name
	if r.ID == "" {
		title = v.T("route.new")
	}
	view := RouteForm{
		Page: v.titled("routes", title), ID: r.ID, Name: r.Name, Condition: r.Condition, Version: r.Version, Enabled: r.Enabled,
		Events: strings.Join(r.Events, "\n"), Problem: problem, Remedy: remedy, Tried: tried,
		Destinations: []Choice{{route.ToCustomer, v.T("routes.to_customer")}},
		Templates:    []Choice{{"", v.T("routes.default_words")}},
		Apps:         []Choice{{"", v.T("route.via.none")}},
		Vias:         []Choice{{"", v.T("route.via.none")}},
	}
	view.Path = view.action()
	for _, typ := range v.Words.EventTypes() {
		view.EventTypes = append(view.EventTypes, Choice{typ, v.Words.EventLine(v.Locale, typ, nil)})
	}
	for _, d := range sortedNames(n.destinations, func(d engawa.Destination) string { return d.Name }) {
		view.Destinations = append(view.Destinations, Choice{d.ID, d.Name})
	}
	for _, t := range templates {
		view.Templates = append(view.Templates, Choice{t.ID, t.Name})
	}
	for _, a := range apps {
		view.Apps = append(view.Apps, Choice{a.ID, a.Name})
	}
	for _, a := range sortedNames(n.accounts, func(a engawa.Account) string { return a.Name }) {
		if kind, _ := c.kind(a.Kind); kind.New != nil {
			view.Vias = append(view.Vias, Choice{a.ID, joinDot(v.kindWords(a.Kind), a.Name)})
		}
	}
	for _, st := range r.Then {
		view.Steps = append(view.Steps, stepForm(st))
	}
	return v.showAs(status, RoutePage(view))
}

func sortedNames[T any](of map[string]T, name func(T) string) []T {
	return slices.SortedFunc(maps.Values(of), func(a, b T) int { return cmp.Compare(name(a), name(b)) })
}

func stepForm(st engawa.Step) StepForm {
	out := StepForm{To: st.To, Template: st.Template, Topic: st.Topic, App: st.App, Purpose: st.Purpose, Urgent: st.Urgent}
	for _, via := range st.Via {
		out.Via = append(out.Via, ViaForm{Account: via.Account, Destination: via.Destination, Minutes: int(via.Within / time.Minute), Copy: via.Copy})
	}
	for len(out.Via) < spareVias {
		out.Via = append(out.Via, ViaForm{})
	}
	return out
}

// saveRoute saves the form, tries it on past events, or shows it with one step more.
func (c *console) saveRoute(v *visit) error {
	r := engawa.Route{}
	if v.r.PathValue("id") != "" {
		stored, err := c.storedRoute(v)
		if err != nil {
			return err
		}
		r = stored
	}
	r = v.routeFrom(r)
	if v.r.PostFormValue("do") == "step" {
		r.Then = append(r.Then, engawa.Step{Purpose: engawa.Service})
		return c.showRoute(v, http.StatusOK, r, "", "", nil)
	}
	if err := route.Check(r); err != nil {
		var told *engawa.Error
		if !errors.As(err, &told) {
			return err
		}
		return c.showRoute(v, http.StatusUnprocessableEntity, r, v.T("form.check"), v.routeProblem(told), nil)
	}
	if v.r.PostFormValue("do") == "try" {
		tried, err := c.try(v, r)
		if err != nil {
			return err
		}
		return c.showRoute(v, http.StatusOK, r, "", "", &tried)
	}
	return c.keepRoute(v, r)
}

func (c *console) keepRoute(v *visit, r engawa.Route) error {
	seen, err := v.version()
	if err != nil {
		return err
	}
	if r.ID == "" {
		r.ID, seen = engawa.NewID(engawa.PrefixRoute), 0
	}
	r.Workspace, r.Version, r.UpdatedBy, r.UpdatedAt = v.ws(), seen, v.member.ID, v.Now
	if err := c.Store.SaveRoute(v.ctx(), r); err != nil {
		return err
	}
	return v.see("/routes", "saved")
}

// routeProblem says which part of the form is wrong; a condition's own error is
// shown as the language's compiler says it.
func (p Page) routeProblem(told *engawa.Error) string {
	switch {
	case told.Field == "/condition":
		return p.T("route.condition") + ": " + told.Message
	case strings.HasPrefix(told.Field, "/events"):
		return p.T("route.events") + ": " + p.T("route.events.help")
	case strings.HasPrefix(told.Field, "/then"):
		return p.T("route.via.account") + ": " + p.T("form.required")
	}
	return p.T("route.name") + ": " + p.T("form.required")
}

// maxSteps bounds what one form may hold.
const maxSteps = 20

func (v *visit) routeFrom(r engawa.Route) engawa.Route {
	form := v.r.PostFormValue
	r.Name, r.Condition, r.Enabled = strings.TrimSpace(form("name")), strings.TrimSpace(form("condition")), form("enabled") == "true"
	r.Events = strings.Fields(form("events"))
	steps, _ := strconv.Atoi(form("steps")) // none when it is no number
	stored := r.Then
	r.Then = nil
	for i := range min(steps, maxSteps) {
		st := engawa.Step{
			To: form(stepName(i, "to")), Template: form(stepName(i, "template")), App: form(stepName(i, "app")), Topic: strings.TrimSpace(form(stepName(i, "topic"))),
			Purpose: engawa.Purpose(form(stepName(i, "purpose"))), Urgent: form(stepName(i, "urgent")) == "true",
		}
		if i < len(stored) {
			st.ExpiresIn = stored[i].ExpiresIn // not in the form
		}
		for j := range maxSteps {
			account := form(viaName(i, j, "account"))
			if account == "" {
				continue
			}
			minutes, _ := strconv.Atoi(form(viaName(i, j, "minutes"))) // none when empty
			st.Via = append(st.Via, engawa.Via{
				Account: account, Destination: form(viaName(i, j, "destination")), Within: time.Duration(max(0, minutes)) * time.Minute,
				Copy: form(viaName(i, j, "copy")) == "true",
			})
		}
		r.Then = append(r.Then, st)
	}
	return r
}

// triedEvents is on how many of the newest events a route is tried, and
// triedShown how many messages of the result are judged and shown.
const (
	triedEvents = 200
	triedShown  = 30
)

// try asks what a route would have done with the newest events. Nothing is stored.
func (c *console) try(v *visit, r engawa.Route) (Trial, error) {
	r.Enabled = true
	set, err := route.Compile([]engawa.Route{r})
	if err != nil {
		return Trial{}, err
	}
	events, err := c.Store.Events(v.ctx(), v.ws(), store.EventFilter{}, store.Page{Limit: triedEvents})
	if err != nil {
		return Trial{}, err
	}
	n, err := c.names(v)
	if err != nil {
		return Trial{}, err
	}
	out := Trial{Looked: len(events)}
	for _, e := range events {
		_ = n.customer(e.Customer) // loads it once
		plans := set.Plan(e, message.Data(e), n.customers[e.Customer])
		if len(plans) == 0 {
			continue
		}
		out.Hit++
		if len(out.Rows) >= triedShown {
			continue
		}
		composed, err := c.Compose.Compose(v.ctx(), v.ws(), message.FromPlans(e, plans))
		if err != nil {
			return out, err
		}
		for _, m := range composed {
			row := TrialRow{At: e.ReceivedAt, Line: n.line(e), To: n.to(m.Message), Outcome: engawa.Refuse}
			for _, j := range m.Judged {
				if row.Outcome, row.Why = j.Verdict.Outcome, v.why(j.Verdict); row.Outcome != engawa.Refuse {
					break // the first account that may send
				}
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out, nil
}
