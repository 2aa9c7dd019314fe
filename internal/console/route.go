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
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/route"
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
		list = append(list, Choice{string(p), v.purposeWords(p)})
	}
	return list
}

// whiles are the standing conditions of a step.
func (p Page) whiles() []Choice {
	list := []Choice{{"", p.T("route.while.none")}}
	for _, w := range engawa.Standings {
		list = append(list, Choice{string(w), p.T("route.while." + string(w))})
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

func muteName(i, j int, field string) string {
	return stepName(i, "m"+strconv.Itoa(j)+"."+field)
}

// days are the days of the week, Monday first.
func (p Page) days() []Choice {
	var list []Choice
	for i := range route.Days {
		name := route.Days[(i+1)%len(route.Days)]
		list = append(list, Choice{name, p.T("weekday." + name)})
	}
	return list
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
	rows, err := c.routeRows(v, all)
	if err != nil {
		return err
	}
	own, err := c.Compose.OwnTypes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	for i, r := range all {
		rows[i].Never = slices.ContainsFunc(route.Doubts(r, own), func(d route.Doubt) bool { return d.Refused })
	}
	return v.show(RoutesPage(Routes{Page: v.titled("routes", v.T("routes.title")), Rows: rows}))
}

// routeRows puts routes, or versions of one, into words.
func (c *console) routeRows(v *visit, routes []engawa.Route) ([]RouteRow, error) {
	n, err := c.names(v)
	if err != nil {
		return nil, err
	}
	templates, err := c.templateNames(v)
	if err != nil {
		return nil, err
	}
	who, err := c.actors(v)
	if err != nil {
		return nil, err
	}
	rows := make([]RouteRow, len(routes))
	for i, r := range routes {
		rows[i] = RouteRow{ID: r.ID, Name: r.Name, Enabled: r.Enabled, Changed: r.UpdatedAt, By: v.changedBy(who, r.UpdatedBy)}
		for _, e := range r.Events {
			rows[i].Events = append(rows[i].Events, n.patternWords(e))
		}
		for _, st := range r.Then {
			rows[i].Steps = append(rows[i].Steps, n.stepWords(st, templates))
		}
	}
	return rows, nil
}

// routeHistory shows who changed a route, when, and what it said.
func (c *console) routeHistory(v *visit) error {
	versions, err := c.Store.RouteVersions(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	rows, err := c.routeRows(v, versions)
	if err != nil {
		return err
	}
	view := RouteHistory{Page: v.titled("routes", versions[0].Name), ID: versions[0].ID}
	for i, r := range versions {
		view.Rows = append(view.Rows, RouteVersion{RouteRow: rows[i], Version: r.Version, Current: i == 0, Condition: r.Condition})
	}
	return v.show(RouteHistoryPage(view))
}

// restoreRoute saves an old version as a new one.
func (c *console) restoreRoute(v *visit) error {
	versions, err := c.Store.RouteVersions(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(versions, func(r engawa.Route) bool { return strconv.FormatInt(r.Version, 10) == v.r.PathValue("version") })
	if i < 0 {
		return engawa.NotFound("version of the route")
	}
	old := versions[i]
	old.Version = versions[0].Version // the one that it follows
	return c.checkRoute(v, &versions[0], old, func() error { return c.storeRoute(v, old) })
}

// checkRoute does what is asked with a route that may be saved in place of the
// stored one, nil for a new one; any other is shown with what is wrong.
func (c *console) checkRoute(v *visit, stored *engawa.Route, r engawa.Route, do func() error) error {
	own, err := c.Compose.OwnTypes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	doubts, err := route.Check(r, stored, own)
	told, ok := errors.AsType[*engawa.Error](err)
	if !ok && err != nil {
		return err
	}
	if !ok {
		return do()
	}
	problem := v.routeProblem(told)
	if len(doubts) > 0 {
		problem = v.T("route.condition") + ": " + v.T("doubt.below")
	}
	return c.showRoute(v, http.StatusUnprocessableEntity, r, v.T("form.check"), problem, nil)
}

// changedBy names who changed something: a member by the id alone, whoever used the API
// by "member:…", "key:…" or "partner:…", or the system.
func (p Page) changedBy(who []Choice, by string) string {
	switch {
	case by == "":
		return p.T("routes.system")
	case engawa.HasPrefix(by, engawa.PrefixMember):
		return whose(who, "member:"+by)
	}
	return whose(who, by)
}

// patternWords reads an event pattern: "payment events", "every event".
func (n *names) patternWords(pattern string) string {
	p := n.v.Page
	if pattern == "*" {
		return p.T("routes.every")
	}
	if own, ok := n.own[pattern]; ok {
		return own.Names[p.Locale]
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
	switch d := st.Digest; {
	case d != nil && d.Cause:
		out.Notes = append(out.Notes, n.v.T("routes.cause", "time", n.v.Duration(d.Within)))
	case d != nil:
		out.Notes = append(out.Notes, n.v.T("routes.digest", "time", n.v.Duration(d.Within)))
	}
	if st.Delay > 0 {
		out.Notes = append(out.Notes, n.v.T("routes.delay", "time", n.v.Duration(st.Delay)))
	}
	if st.While != "" {
		out.Notes = append(out.Notes, joinDot(n.v.T("route.while."+string(st.While)), st.Product))
	}
	for _, w := range st.Mute {
		out.Notes = append(out.Notes, n.v.T("routes.mute", "from", w.From, "to", w.To))
	}
	for _, via := range st.Via {
		words := n.account(via.Account)
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
	if typ := v.r.URL.Query().Get("event"); typ != "" {
		n, err := c.names(v)
		if err != nil {
			return err
		}
		r.Name, r.Events = n.patternWords(typ), []string{typ}
	}
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
	for _, t := range catalogue.Types() {
		view.EventTypes = append(view.EventTypes, Choice{t.Name, n.patternWords(t.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(n.own)) {
		view.EventTypes = append(view.EventTypes, Choice{name, n.patternWords(name)})
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
			view.Vias = append(view.Vias, Choice{a.ID, v.accountWords(a.Kind, a.Name)})
		}
	}
	for _, st := range r.Then {
		view.Steps = append(view.Steps, stepForm(st))
	}
	if view.Doubts, err = c.doubts(v, n, r); err != nil {
		return err
	}
	return v.showAs(status, RoutePage(view))
}

func sortedNames[T any](of map[string]T, name func(T) string) []T {
	return slices.SortedFunc(maps.Values(of), func(a, b T) int { return cmp.Compare(name(a), name(b)) })
}

func stepForm(st engawa.Step) StepForm {
	out := StepForm{To: st.To, Template: st.Template, Topic: st.Topic, App: st.App, Purpose: st.Purpose, Urgent: st.Urgent, While: string(st.While), Product: st.Product, Delay: int(st.Delay / time.Hour)}
	for _, via := range st.Via {
		out.Via = append(out.Via, ViaForm{Account: via.Account, Destination: via.Destination, Minutes: int(via.Within / time.Minute), Copy: via.Copy})
	}
	for len(out.Via) < spareVias {
		out.Via = append(out.Via, ViaForm{})
	}
	if d := st.Digest; d != nil {
		out.Digest = DigestForm{Cause: d.Cause, Minutes: int(d.Within / time.Minute), Count: d.Count, By: d.By}
	}
	out.Mute = st.Mute
	return out
}

// saveRoute saves the form, tries it on past events, or shows it with one step or
// one quiet time more.
func (c *console) saveRoute(v *visit) error {
	var r engawa.Route
	var stored *engawa.Route // nil for a new one
	if v.r.PathValue("id") != "" {
		found, err := c.storedRoute(v)
		if err != nil {
			return err
		}
		r, stored = found, &found
	}
	r = v.routeFrom(r)
	if v.r.PostFormValue("do") == "step" {
		r.Then = append(r.Then, engawa.Step{Purpose: engawa.Service})
		return c.showRoute(v, http.StatusOK, r, "", "", nil)
	}
	if i, ok := strings.CutPrefix(v.r.PostFormValue("do"), "mute."); ok {
		if n, err := strconv.Atoi(i); err == nil && n >= 0 && n < len(r.Then) {
			r.Then[n].Mute = append(r.Then[n].Mute, engawa.Window{})
		}
		return c.showRoute(v, http.StatusOK, r, "", "", nil)
	}
	return c.checkRoute(v, stored, r, func() error {
		if cursor, ok := v.trialAsked(); ok {
			return c.showTrial(v, stored, r, cursor)
		}
		if do := v.r.PostFormValue("do"); do == doCSV || do == doJSON {
			return c.saveTrial(v, stored, r)
		}
		return c.keepRoute(v, r)
	})
}

func (c *console) keepRoute(v *visit, r engawa.Route) error {
	seen, err := v.version()
	if err != nil {
		return err
	}
	if r.ID == "" {
		r.ID, seen = engawa.NewID(engawa.PrefixRoute), 0
	}
	r.Workspace, r.Version = v.ws(), seen
	return c.storeRoute(v, r)
}

func (c *console) storeRoute(v *visit, r engawa.Route) error {
	r.UpdatedBy, r.UpdatedAt = v.member.ID, v.Now
	if err := v.by.SaveRoute(v.ctx(), r); err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	doubts, err := c.doubts(v, n, r)
	if err != nil {
		return err
	}
	if len(doubts) > 0 {
		return v.see("/routes/"+r.ID, "saved") // whose page tells of them
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
	case strings.Contains(told.Field, "/mute"):
		return p.T("route.mute") + ": " + p.T("route.mute.wrong")
	case strings.HasSuffix(told.Field, "/product"):
		return p.T("route.product") + ": " + p.T("route.product.wrong")
	case strings.HasSuffix(told.Field, "/while"):
		return p.T("route.while") + ": " + p.T("route.while.wrong")
	case strings.HasSuffix(told.Field, "/delay_hours"):
		return p.T("route.delay") + ": " + p.T("route.delay.wrong")
	case strings.HasSuffix(told.Field, "/digest/cause"):
		return p.T("route.cause") + ": " + p.T("route.cause.wrong")
	case strings.Contains(told.Field, "/digest"):
		return p.T("route.digest") + ": " + p.T("route.digest.wrong")
	case strings.HasPrefix(told.Field, "/then"):
		return p.T("route.via.account") + ": " + p.T("form.required")
	}
	return p.T("route.name") + ": " + p.T("form.required")
}

// maxHours bounds what is multiplied: more than may be chosen.
const maxHours = 1_000_000

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
			While: engawa.Standing(form(stepName(i, "while"))), Product: strings.TrimSpace(form(stepName(i, "product"))),
		}
		hours, _ := strconv.Atoi(form(stepName(i, "delay"))) // none when empty
		st.Delay = time.Duration(min(max(hours, -1), maxHours)) * time.Hour
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
		st.Digest, st.Mute = v.digestFrom(i), v.muteFrom(i)
		r.Then = append(r.Then, st)
	}
	return r
}

// kinMinutes is how long events of one cause wait for one another if nobody says.
const kinMinutes = 2

func (v *visit) digestFrom(i int) *engawa.Digest {
	cause := v.r.PostFormValue(stepName(i, "digest.cause")) == "true"
	minutes, _ := strconv.Atoi(v.r.PostFormValue(stepName(i, "digest.minutes"))) // none when empty
	if cause && minutes == 0 {
		minutes = kinMinutes
	}
	if minutes == 0 {
		return nil
	}
	count, _ := strconv.Atoi(v.r.PostFormValue(stepName(i, "digest.count"))) // none when empty
	return &engawa.Digest{Within: time.Duration(minutes) * time.Minute, Count: count, By: strings.TrimSpace(v.r.PostFormValue(stepName(i, "digest.by"))), Cause: cause}
}

func (v *visit) muteFrom(i int) (ws []engawa.Window) {
	for j := range maxSteps {
		w := engawa.Window{From: v.r.PostFormValue(muteName(i, j, "from")), To: v.r.PostFormValue(muteName(i, j, "to")), Days: v.r.PostForm[muteName(i, j, "days")]}
		if w.From != "" || w.To != "" {
			ws = append(ws, w)
		}
	}
	return ws
}
