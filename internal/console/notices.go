package console

import (
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
)

// roomGroup is an event group that has a room of its own.
type roomGroup struct {
	name     string
	patterns []string // that take its events
	former   []string // that the page gave its route before; nil: always these
}

// noticeGroups are those that there are.
var noticeGroups = []roomGroup{
	{"general", []string{"member.*", "mail.*", "site.*", "task.*"}, []string{"member.*", "mail.*", "site.*"}},
	{"application", []string{"application.*"}, nil},
	{"payment", []string{"payment.*"}, nil},
	{"contract", []string{"contract.*"}, nil},
}

// onlyExpected leaves the opt-in types of a group out.
const onlyExpected = "!event.opt_in"

// defaultWithin is the deadline that a new page proposes: longer than the window
// of 5 minutes that Chatwork counts, so that a burst ends in the room.
const defaultWithin = 10 * time.Minute

// units are those of the deadline, the largest first.
var units = []unit{{"hours", time.Hour}, {"minutes", time.Minute}, {"seconds", time.Second}}

type unit struct {
	name string
	of   time.Duration
}

// maxWithin is the longest deadline: a notice is of no use after a day.
const maxWithin = 24 * time.Hour

// board is what the routes of an account's notices are made from: pure.
type board struct {
	chat   string // the account
	mail   string // the account of the mailbox
	staff  string // the mailbox: what cannot be posted in time goes there
	within time.Duration
}

// route sends events to a place, by mail to the staff where that is too late. A
// copy goes at once, and then the post may take its time. Without a place only
// the copy goes; without both the route is off.
func (b board) route(events []string, place string, copied bool) engawa.Route {
	r := engawa.Route{Events: events, Enabled: place != "" || copied}
	st := engawa.Step{To: place, Purpose: engawa.Service}
	switch {
	case place == "":
		st.To, st.Via = b.staff, []engawa.Via{{Account: b.mail}}
	case copied:
		st.Via = []engawa.Via{{Account: b.chat}, {Account: b.mail, Destination: b.staff, Copy: true}}
	default:
		st.Via = []engawa.Via{{Account: b.chat, Within: b.within}, {Account: b.mail, Destination: b.staff}}
	}
	r.Then = []engawa.Step{st}
	return r
}

// readRoute reads a route as route makes them. What it reads of another one
// makes a route that is not the same.
func readRoute(r engawa.Route, chat string) (b board, place string, copied bool) {
	b.chat = chat
	if len(r.Then) != 1 || len(r.Then[0].Via) == 0 {
		return b, "", false
	}
	st := r.Then[0]
	last := st.Via[len(st.Via)-1]
	b.mail, b.staff, b.within = last.Account, last.Destination, st.Via[0].Within
	if len(st.Via) == 1 {
		b.staff = st.To
		return b, "", r.Enabled
	}
	return b, st.To, last.Copy
}

// group sends the events of a group, those of the opt-in types only where quiet asks.
func (b board) group(events []string, place string, copied, quiet bool) engawa.Route {
	r := b.route(events, place, copied)
	if !quiet {
		r.Condition = onlyExpected
	}
	return r
}

// made reports whether the page made a group's route, by its patterns of today or
// the former ones.
func (b board) made(g roomGroup, r engawa.Route) bool {
	_, place, copied := readRoute(r, b.chat)
	now := b.group(g.patterns, place, copied, r.Condition == "")
	before := now
	before.Events = g.former
	return alike(r, now) || alike(r, before)
}

// alike reports whether two routes do the same.
func alike(a, b engawa.Route) bool {
	return a.Enabled == b.Enabled && a.Condition == b.Condition && slices.Equal(a.Events, b.Events) && reflect.DeepEqual(a.Then, b.Then)
}

// posting is all that the page of an account's notices knows.
type posting struct {
	v       *visit
	kind    channel.Kind
	account engawa.Account
	names   *names
	offered []channel.Place
	routes  map[string]engawa.Route // by id
	board   board
}

func groupRouteID(account, group string) string {
	return engawa.FixedID(engawa.PrefixRoute, account, "notices", group)
}

func taskRouteID(account, event string) string {
	return engawa.FixedID(engawa.PrefixRoute, account, "tasks", event)
}

// notices is the page on which a group of events gets its room.
func (c *console) notices(v *visit) error {
	p, view, err := c.posting(v)
	if err != nil {
		return err
	}
	p.stored(&view)
	c.fillPeople(p, &view)
	return v.show(NoticesPage(view))
}

// posting loads what the page needs, and asks the provider for the rooms and for
// whose name the account speaks in. A provider that cannot be asked is a problem
// on the page.
func (c *console) posting(v *visit) (*posting, Notices, error) {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.Places == nil {
		err = engawa.NotFound("list of rooms")
	}
	if err != nil {
		return nil, Notices{}, err
	}
	p := &posting{v: v, kind: kind, account: a, routes: map[string]engawa.Route{}}
	if p.names, err = c.names(v); err != nil {
		return nil, Notices{}, err
	}
	all, err := c.Store.Routes(v.ctx(), v.ws())
	if err != nil {
		return nil, Notices{}, err
	}
	for _, r := range all {
		p.routes[r.ID] = r
	}
	view := Notices{Page: v.titled("accounts", v.T("notices.of", "account", a.Name)), Account: a.ID, Kind: v.kindWords(kind.Name), Version: a.Version, CanTask: kind.People != nil}
	view.Path = "/accounts/" + a.ID + "/notices"
	p.offered, err = c.offered(v, kind, a)
	if err == nil && kind.Who != nil {
		view.Who, err = c.who(v, kind, a)
	}
	if _, ok := errors.AsType[*engawa.Error](err); ok {
		view.Problem, view.Remedy = v.T("places.unlisted"), v.T("places.unlisted.remedy")
		p.offered, err = nil, nil
	}
	for _, place := range p.offered {
		room := Room{Key: placeKey(place.Address), Name: place.Name}
		if place.Refused != "" {
			room.Refused = v.T("place." + place.Refused)
		}
		view.Rooms = append(view.Rooms, room)
	}
	p.mailboxes(&view)
	view.Events = v.noticeEvents()
	return p, view, err
}

// noticeEvents are the events of the groups, without their variants.
func (p Page) noticeEvents() (out []Choice) {
	all := p.Words.EventTypes()
	for _, g := range noticeGroups {
		for _, typ := range all {
			of := typ[:strings.LastIndexByte(typ, '.')]
			if engawa.MatchesAny(g.patterns, typ) && !slices.Contains(all, of) {
				out = append(out, Choice{typ, p.Words.EventLine(p.Locale, typ, nil)})
			}
		}
	}
	return out
}

func (c *console) who(v *visit, kind channel.Kind, a engawa.Account) (string, error) {
	settings, err := kind.Check(a.Settings)
	if err != nil {
		return "", err
	}
	who, err := kind.Who(v.ctx(), settings, c.Env)
	return who.Name, err
}

// mailboxes are the staff mailboxes that there are, and the accounts over which
// another one can be reached.
func (p *posting) mailboxes(view *Notices) {
	for _, d := range sortedNames(p.names.destinations, func(d engawa.Destination) string { return d.Name }) {
		if p.names.accounts[d.Account].Kind == "mail" {
			view.Mailboxes = append(view.Mailboxes, Choice{d.ID, d.Name + " " + d.Address.String()})
		}
	}
	for _, a := range sortedNames(p.names.accounts, func(a engawa.Account) string { return a.Name }) {
		if a.Kind == "mail" {
			view.MailAccounts = append(view.MailAccounts, Choice{a.ID, a.Name})
		}
	}
	view.Mailboxes = append(view.Mailboxes, Choice{"", p.v.T("notices.mailbox.other")})
}

// stored fills the form from the routes that there are. The deadline and the
// mailbox are those of the first route that the page made; a route that differs
// was edited by hand.
func (p *posting) stored(view *Notices) {
	view.Enabled = p.account.Enabled
	p.board = p.storedBoard()
	view.Mailbox = p.board.staff
	if view.Mailbox == "" && len(view.Mailboxes) > 1 {
		view.Mailbox = view.Mailboxes[0].Value
	}
	view.Within, view.Unit = split(p.board.within)
	view.Seen = p.seen(view.Events)
	for _, g := range noticeGroups {
		id := groupRouteID(p.account.ID, g.name)
		row := NoticeGroup{Group: g.name, Route: id, Copy: true}
		if r, ok := p.routes[id]; ok {
			_, place, copied := readRoute(r, p.account.ID)
			row.Copy, row.Quiet, row.Edited = copied, r.Condition != onlyExpected, !p.board.made(g, r)
			row.Room = p.roomKey(place)
		}
		view.Groups = append(view.Groups, row)
	}
	for _, e := range view.Events {
		r, ok := p.routes[taskRouteID(p.account.ID, e.Value)]
		if !ok || !r.Enabled {
			continue
		}
		_, place, _ := readRoute(r, p.account.ID)
		task, isTask := channel.ReadAssignment(p.names.destinations[place].Address)
		row := NoticeTask{Event: e.Value, To: task.To, Days: strconv.Itoa(task.Days), Route: r.ID}
		row.Edited = !isTask || !alike(r, p.board.route([]string{e.Value}, place, false))
		view.Tasks = append(view.Tasks, row)
	}
	view.Tasks = append(view.Tasks, NoticeTask{})
}

// seen stands for the versions of the page's routes, so that a form that was
// opened before somebody else's change is refused.
func (p *posting) seen(events []Choice) string {
	var of []int64
	for _, g := range noticeGroups {
		of = append(of, p.routes[groupRouteID(p.account.ID, g.name)].Version)
	}
	for _, e := range events {
		of = append(of, p.routes[taskRouteID(p.account.ID, e.Value)].Version)
	}
	return markOf(of)
}

func (p *posting) storedBoard() board {
	b := board{chat: p.account.ID, within: defaultWithin}
	for _, g := range noticeGroups {
		r, ok := p.routes[groupRouteID(p.account.ID, g.name)]
		if !ok {
			continue
		}
		got, _, _ := readRoute(r, p.account.ID)
		if !got.made(g, r) {
			continue
		}
		if b.staff == "" {
			b.mail, b.staff = got.mail, got.staff
		}
		if got.within > 0 {
			b.mail, b.staff, b.within = got.mail, got.staff, got.within
			break
		}
	}
	return b
}

// roomKey stands for a destination's room in the form.
func (p *posting) roomKey(destination string) string {
	d, ok := p.names.destinations[destination]
	if !ok {
		return ""
	}
	return placeKey(d.Address)
}

// split shows a deadline in the largest unit that it is whole in.
func split(d time.Duration) (n, unit string) {
	for _, u := range units {
		if d >= u.of && d%u.of == 0 {
			return strconv.Itoa(int(d / u.of)), u.name
		}
	}
	return "", "minutes"
}

// fillPeople asks who is in the rooms that were chosen, once for each room.
func (c *console) fillPeople(p *posting, view *Notices) {
	if p.kind.People == nil || view.Problem != "" {
		return
	}
	names := map[string]string{}
	for _, place := range p.chosenPlaces(view) {
		for _, who := range c.assignees(p, place) {
			names[who.ID] = who.Name
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(names), func(a, b string) int { return strings.Compare(names[a]+a, names[b]+b) }) {
		view.People = append(view.People, Choice{id, names[id]})
	}
}

// people are the members of a room; none where the provider does not say.
func (c *console) assignees(p *posting, place engawa.Address) []channel.Person {
	settings, err := p.kind.Check(p.account.Settings)
	if err != nil {
		return nil
	}
	all, err := p.kind.People(p.v.ctx(), settings, c.Env, place)
	if err != nil {
		return nil
	}
	return all
}

// chosenPlaces are the rooms that the groups of the form have, each once.
func (p *posting) chosenPlaces(view *Notices) []engawa.Address {
	var out []engawa.Address
	for _, g := range view.Groups {
		if place, ok := p.place(g.Room); ok && !slices.Contains(out, place.Address) {
			out = append(out, place.Address)
		}
	}
	return out
}

// place is the offered room behind a key, if it may be a destination.
func (p *posting) place(key string) (channel.Place, bool) {
	i := slices.IndexFunc(p.offered, func(o channel.Place) bool { return o.Refused == "" && placeKey(o.Address) == key })
	if key == "" || i < 0 {
		return channel.Place{}, false
	}
	return p.offered[i], true
}

// saveNotices makes or changes the routes of the form, all of them or none.
func (c *console) saveNotices(v *visit) error {
	p, view, err := c.posting(v)
	if err != nil {
		return err
	}
	p.stored(&view)
	v.typedNotices(&view)
	bad := func(problem, remedy string) error {
		view.Problem, view.Remedy = problem, remedy
		c.fillPeople(p, &view)
		return v.showAs(http.StatusUnprocessableEntity, NoticesPage(view))
	}
	if view.Problem != "" {
		return bad(view.Problem, view.Remedy)
	}
	if v.typed("seen") != view.Seen {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "the routes of this page changed meanwhile", Remedy: "open the page again"}
	}
	change := noticeChange{posting: p, to: p.board}
	for _, step := range []func(Notices) string{change.mailbox, change.deadline, change.groups, c.tasksOf(&change), change.enable} {
		if remedy := step(view); remedy != "" {
			return bad(v.T("form.check"), remedy)
		}
	}
	if change.out.Empty() {
		return v.see(view.Path, "saved")
	}
	if err := c.Store.By("member:"+v.member.ID).SaveNotices(v.ctx(), v.ws(), change.out); err != nil {
		return err
	}
	return v.see(view.Path, "saved")
}

// typedNotices reads the form over what is stored.
func (v *visit) typedNotices(view *Notices) {
	view.Enabled = v.r.PostFormValue("enabled") == "true"
	view.Mailbox, view.MailAddress, view.MailAccount = v.typed("mailbox"), v.typed("mailbox.address"), v.typed("mailbox.account")
	view.Within, view.Unit = v.typed("within"), v.typed("unit")
	view.Version, _ = strconv.ParseInt(v.typed("version"), 10, 64) // 0 where it is no number: a conflict
	view.Groups = slices.Clone(view.Groups)
	for i := range view.Groups {
		g := &view.Groups[i]
		ticked := func(box string) bool { return v.typed(g.Group+box) == "true" }
		g.Room, g.Copy, g.Quiet, g.Replace = v.typed(g.Group+".room"), ticked(".copy"), ticked(".quiet"), ticked(".replace")
	}
	if !view.CanTask {
		return
	}
	n, _ := strconv.Atoi(v.typed("tasks")) // none when it is no number
	edited := view.Tasks
	view.Tasks = nil
	for i := range min(n, maxSteps) {
		row := NoticeTask{Event: v.typed(stepName(i, "event")), To: v.r.PostForm[stepName(i, "to")], Days: v.typed(stepName(i, "days")), Replace: v.typed(stepName(i, "replace")) == "true"}
		for _, e := range edited {
			if e.Event == row.Event && e.Event != "" {
				row.Edited, row.Route = e.Edited, e.Route
			}
		}
		view.Tasks = append(view.Tasks, row)
	}
}

// roomChoices are the rooms that may be chosen. One that was chosen and is no
// longer offered is shown as such.
func (v Notices) roomChoices(chosen string) []Choice {
	out := []Choice{{"", v.T("notices.room.none")}}
	found := chosen == ""
	for _, r := range v.Rooms {
		if r.Refused == "" {
			out = append(out, Choice{r.Key, r.Name})
			found = found || r.Key == chosen
		}
	}
	if !found {
		out = append(out, Choice{chosen, v.T("notices.room.gone")})
	}
	return out
}

func (v Notices) unitChoices() []Choice {
	return []Choice{{"seconds", v.T("notices.unit.seconds")}, {"minutes", v.T("notices.unit.minutes")}, {"hours", v.T("notices.unit.hours")}}
}

func (v Notices) eventChoices() []Choice {
	return append([]Choice{{"", v.T("notices.task.none")}}, v.Events...)
}

// eventsOf reads the events of a group, those of the opt-in types or the others.
func (v Notices) eventsOf(group string, optIn bool) string {
	var lines []string
	for _, e := range v.Events {
		if t, _ := catalogue.Find(e.Value); t.Group() == group && t.OptIn == optIn {
			lines = append(lines, e.Label)
		}
	}
	return strings.Join(lines, "\u00a0· ") // sentences, which may hold a comma; no line begins with the dot
}
