package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// webForm is the page of an account that fills in a public form: what goes into
// which of its fields.
func (c *console) webForm(v *visit) error {
	view, _, _, err := c.webFormView(v)
	if err != nil {
		return err
	}
	return v.show(WebFormPage(view))
}

// warning is what nobody promises of a kind that fills in a form, point by point;
// nil: there is nothing to warn of.
func (p Page) warning(k channel.Kind) (points []string) {
	if k.Form == nil {
		return nil
	}
	for _, point := range k.Form.Warns {
		points = append(points, p.T("kind."+k.Name+".warning."+point))
	}
	return points
}

// webFormView reads the form anew. One that cannot be read is told on the page.
func (c *console) webFormView(v *visit) (WebForm, engawa.Account, channel.Kind, error) {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.Form == nil {
		err = engawa.NotFound("form of this account")
	}
	if err != nil {
		return WebForm{}, a, kind, err
	}
	view := WebForm{
		Page: v.titled("accounts", v.T("webform.title", "account", a.Name)), Account: a.ID, AccountName: a.Name, Warning: v.warning(kind),
		URL: a.Settings["url"], Version: a.Version, Off: !a.Enabled, NoPlan: a.Settings["plan_id"] == "" && a.Settings["products"] == "",
		Ready: a.Settings[channel.ShapeField] != "",
	}
	view.Path = "/accounts/" + a.ID + "/form"
	if view.Registered, err = c.Store.Registered(v.ctx(), v.ws(), a.ID); err != nil {
		return view, a, kind, err
	}
	if view.Routed, err = c.routed(v, a.ID); err != nil {
		return view, a, kind, err
	}
	settings, err := kind.Check(a.Settings)
	if err != nil {
		return view, a, kind, err
	}
	read, err := kind.Form.Read(v.ctx(), settings, c.Env)
	var told *engawa.Error
	switch {
	case errors.As(err, &told):
		view.Unread, view.Remedy = v.T("webform.unread"), v.unreadWords(told)
	case err != nil:
		return view, a, kind, err
	default:
		view.fill(kind, read, a.Settings)
	}
	return view, a, kind, nil
}

// unreadWords says what to do about a form that cannot be read.
func (p Page) unreadWords(e *engawa.Error) string {
	switch e.Field {
	case "/settings/action_host":
		return p.T("webform.unread.host")
	case "/settings/charset":
		return p.T("webform.unread.charset")
	}
	return p.T("webform.unread.url")
}

// fill puts what was read beside what is chosen.
func (w *WebForm) fill(kind channel.Kind, read channel.WebForm, chosen map[string]string) {
	w.Forms, w.Charset, w.Disagree, w.Changed, w.Shape, w.Inputs = read.Forms, read.Charset, read.Disagree, read.Changed, read.Shape, read.Inputs
	options := []Choice{{"", w.T("webform.unused")}}
	covered := map[string]bool{}
	for _, in := range read.Inputs {
		options = append(options, Choice{in.Name, joinDot(in.Label, in.Name)})
	}
	for line := range strings.SplitSeq(chosen["constants"], "\n") {
		name, _, _ := strings.Cut(line, "=")
		covered[strings.TrimSpace(name)] = true
	}
	for _, f := range kind.Fields {
		if !onForm(kind, f.Key) || f.Key == channel.ShapeField {
			continue
		}
		field := w.formField(kind.Name, f, chosen)
		field.Required = slices.Contains(kind.Form.Needs, f.Key)
		if f.Type != channel.Input {
			w.Phrases = append(w.Phrases, field)
			continue
		}
		field.Type, field.Choices = string(channel.Choice), options
		covered[field.Value] = true
		if field.Value != "" && !slices.ContainsFunc(options, func(o Choice) bool { return o.Value == field.Value }) {
			field.Bad = w.T("webform.changed")
		}
		w.Map = append(w.Map, field)
	}
	var bare []string
	for _, in := range read.Inputs {
		if in.Required && !covered[in.Name] {
			bare = append(bare, in.Name)
		}
	}
	if w.Ready {
		w.Uncovered = strings.Join(bare, ", ")
	}
}

// routed reports whether a route uses an account.
func (c *console) routed(v *visit, account string) (bool, error) {
	routes, err := c.Store.Routes(v.ctx(), v.ws())
	return slices.ContainsFunc(routes, func(r engawa.Route) bool {
		return slices.ContainsFunc(r.Then, func(s engawa.Step) bool {
			return slices.ContainsFunc(s.Via, func(via engawa.Via) bool { return via.Account == account })
		})
	}), err
}

// saveWebForm keeps the choices together with the shape that they were made on.
func (c *console) saveWebForm(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.Form == nil {
		err = engawa.NotFound("form of this account")
	}
	if err != nil {
		return err
	}
	if a.Version, err = v.version(); err != nil {
		return err
	}
	for _, f := range kind.Fields {
		if !onForm(kind, f.Key) {
			continue
		}
		if value := v.setting(f); value != "" {
			a.Settings[f.Key] = value
		} else {
			delete(a.Settings, f.Key)
		}
	}
	if _, err := kind.Check(a.Settings); err != nil {
		return err
	}
	if err := v.by.ChangeAccount(v.ctx(), a); err != nil {
		return err
	}
	return v.see("/accounts/"+a.ID+"/form", "saved")
}

// tryWebForm registers one address of the member's, through verdict and lane
// like any customer's.
func (c *console) tryWebForm(v *visit) error {
	view, a, kind, err := c.webFormView(v)
	if err != nil {
		return err
	}
	view.Try = WebFormTry{Mail: v.typed("mail"), Name: v.typed("name"), Kana: v.typed("kana")}
	to, err := kind.Address(view.Try.Mail)
	if err != nil || to == channel.ByHand {
		view.TryProblem = v.T("webform.try.bad")
		return v.showAs(http.StatusUnprocessableEntity, WebFormPage(view))
	}
	destination, err := c.testPlace(v, a, to)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"m": map[string]string{"name": view.Try.Name, "name_kana": view.Try.Kana}})
	if err != nil {
		return err
	}
	ms, err := c.Compose.Accept(v.ctx(), v.ws(), []message.Request{{
		Workspace: v.ws(), Member: v.member.ID, Destination: destination, Purpose: engawa.Service, Trigger: engawa.ByUser,
		Chain: []engawa.Via{{Account: a.ID}}, Urgent: true, Content: kind.Form.Words(engawa.Event{Type: kind.Form.Try, Data: data}),
	}})
	if err != nil {
		return err
	}
	return v.see("/messages/"+ms[0].Message.ID+"#deliveries", "queued")
}

// waitsByHand is how long a registration or a task waits for a form that stands still.
const waitsByHand = 30 * 24 * time.Hour

// routeWebForm makes the two routes of a form: registrations to customers, who
// must have agreed, and everything else to the staff, whatever the customer has
// withdrawn: who leaves must be taken off the list.
func (c *console) routeWebForm(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.Form == nil {
		err = engawa.NotFound("form of this account")
	}
	if err != nil {
		return err
	}
	back := "/accounts/" + a.ID + "/form"
	if there, err := c.routed(v, a.ID); there || err != nil {
		return errors.Join(err, v.see(back, "saved"))
	}
	place := engawa.Destination{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixDestination), Name: v.T("webform.place", "account", a.Name), Account: a.ID, Address: channel.ByHand,
		Locale: v.workspace.Locale, CreatedAt: v.Now,
	}
	if err := v.by.AddDestination(v.ctx(), place); err != nil {
		return err
	}
	via := []engawa.Via{{Account: a.ID}}
	for _, r := range []engawa.Route{
		{Name: v.T("webform.routes.registers", "account", a.Name), Events: kind.Form.Registers, Then: []engawa.Step{
			{To: route.ToCustomer, Purpose: engawa.Marketing, Via: via, ExpiresIn: waitsByHand},
		}},
		{Name: v.T("webform.routes.asks", "account", a.Name), Events: kind.Form.Asks, Then: []engawa.Step{
			{To: place.ID, Purpose: engawa.Service, Via: via, ExpiresIn: waitsByHand},
		}},
	} {
		r.Workspace, r.ID, r.Enabled, r.UpdatedBy, r.UpdatedAt = v.ws(), engawa.NewID(engawa.PrefixRoute), true, v.member.ID, v.Now
		if err := v.by.SaveRoute(v.ctx(), r); err != nil {
			return err
		}
	}
	return v.see(back, "saved")
}

// byHand reports whether a person may have to do what a message says: not while
// it waits, and never what a verdict refused.
func (n *names) byHand(said store.Said) bool {
	_, _, ok := n.form(said.Message)
	switch said.Message.State {
	case engawa.MessageSent, engawa.MessageFailed, engawa.MessageUnknown, engawa.MessageExpired:
		return ok
	case engawa.MessageWaiting, engawa.MessageRefused, engawa.MessageCanceled:
	}
	return false
}

// form is the account of a message that fills in a form.
func (n *names) form(m engawa.Message) (engawa.Account, channel.Kind, bool) {
	for _, via := range m.Chain {
		a := n.accounts[via.Account]
		if kind, _ := n.c.kind(a.Kind); kind.Form != nil {
			return a, kind, true
		}
	}
	return engawa.Account{}, channel.Kind{}, false
}

// byHand shows what to type, with whole addresses: that is recorded.
func (c *console) byHand(v *visit) error {
	said, err := c.Store.Message(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	m := said.Message
	a, kind, ok := n.form(m)
	if !ok || !n.byHand(said) {
		return engawa.NotFound("work by hand for this message")
	}
	view := ByHand{Page: v.titled("tasks", v.T("byhand.title")), Back: v.T("byhand.back"), Admin: a.Settings["admin_url"], Gone: said.Erased}
	view.Path = "/messages/" + m.ID
	if view.Gone {
		return v.show(ByHandPage(view))
	}
	if err := c.Store.Note(v.ctx(), store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "read-addresses", Object: m.ID}); err != nil {
		return err
	}
	known, name, err := c.knownAddresses(v, n, m, engawa.ContactKind(kind.Name))
	if err != nil {
		return err
	}
	there, err := c.registeredAt(v, m, a.ID)
	if err != nil {
		return err
	}
	for _, r := range there {
		known = addAddress(known, r.Mail)
		view.Listed = append(view.Listed, n.listed(r))
	}
	act, typed := kind.Form.Typed(a.Settings, m.Content, name, addressOf(m, there, known))
	view.Act = act
	for _, t := range typed {
		view.Rows = append(view.Rows, Choice{Label: v.T("kind." + kind.Name + "." + t.Key), Value: t.Value.Reveal()})
	}
	for _, k := range known {
		view.Known = append(view.Known, k.Reveal())
	}
	return v.show(ByHandPage(view))
}

// taskByHand shows what to type for a task about entries in a list, with whole
// addresses: that is recorded.
func (c *console) taskByHand(v *visit) error {
	story, err := c.Store.Task(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	people, err := c.people(v)
	if err != nil {
		return err
	}
	task := people.task(story)
	if !task.Listed {
		return engawa.NotFound("work by hand for this task")
	}
	act := story.Kind[strings.LastIndexByte(story.Kind, '.')+1:]
	view := ByHand{Page: v.titled("tasks", task.TaskRow.Title), Back: v.T("byhand.back.task"), Admin: task.Admin, Act: act, Gone: task.Gone}
	view.Path = "/tasks/" + story.ID
	if view.Gone {
		return v.show(ByHandPage(view))
	}
	if err := c.Store.Note(v.ctx(), store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "read-addresses", Object: story.ID}); err != nil {
		return err
	}
	for _, name := range story.ToType() {
		view.Rows = append(view.Rows, Choice{Label: v.TypeLabel(name), Value: story.Args[engawa.TypeExactly+name]})
	}
	return v.show(ByHandPage(view))
}

// registeredAt is what the list of an account has of a message's customer.
func (c *console) registeredAt(v *visit, m engawa.Message, account string) ([]store.Registration, error) {
	if m.Owner() == "" {
		return nil, nil
	}
	all, err := c.Store.Registrations(v.ctx(), v.ws(), m.Owner())
	return slices.DeleteFunc(all, func(r store.Registration) bool { return r.Account != account || !r.EndedAt.IsZero() || r.Gone }), err
}

// addressOf is the address that is typed for a message: what it registered, or what
// the entry is to have, or has; where nothing is known of one, the first that is known.
func addressOf(m engawa.Message, there []store.Registration, known []engawa.Address) (a engawa.Address) {
	for _, r := range there {
		if r.Message == m.ID {
			return r.Mail
		}
	}
	for _, r := range there {
		if r.Asked != "" {
			return cmp.Or(r.NewMail, r.Mail)
		}
	}
	if len(known) > 0 {
		a = known[0]
	}
	return a
}

// listed shows an entry with its whole address.
func (n *names) listed(r store.Registration) ListedRow {
	return ListedRow{
		List: n.accounts[r.Account].Name, Plan: r.Plan, Mail: r.Mail.Reveal(), Name: r.Name, NewMail: r.NewMail.Reveal(), NewName: r.NewName,
		Since: r.At, EndedAt: r.EndedAt, How: r.How, Asked: r.Asked, Task: r.Task,
	}
}

// listsOf are the entries of a customer in lists of somebody else's, masked.
func (n *names) listsOf(customer string) (rows []ListedRow, err error) {
	all, err := n.c.Store.Registrations(n.v.ctx(), n.v.ws(), customer)
	for _, r := range all {
		row := n.listed(r)
		row.Mail, row.NewMail, row.Name, row.NewName = r.Mail.String(), r.NewMail.String(), "", ""
		rows = append(rows, row)
	}
	return rows, err
}

// knownAddresses are the addresses at which somebody was ever known, the present
// ones first, and the name: a list may still have an old one.
func (c *console) knownAddresses(v *visit, n *names, m engawa.Message, contact string) (out []engawa.Address, name string, err error) {
	id := m.Owner()
	if id == "" {
		if a := n.destinations[m.Destination].Address; a != channel.ByHand {
			out = addAddress(out, a)
		}
		if m.Event == "" {
			return out, "", nil
		}
		e, err := c.Store.Event(v.ctx(), v.ws(), m.Event) // whoever it tells of is no customer here
		return addAddress(out, mailIn(e)), "", err
	}
	cu, err := c.Store.Customer(v.ctx(), v.ws(), id)
	if err != nil {
		return nil, "", err
	}
	points, err := c.Store.ContactPoints(v.ctx(), v.ws(), id)
	if err != nil {
		return nil, "", err
	}
	for _, p := range points {
		if p.Kind == contact {
			out = addAddress(out, p.Address)
		}
	}
	events, err := c.Store.Events(v.ctx(), v.ws(), store.EventFilter{Customer: id}, store.Page{Limit: listed})
	for _, e := range events {
		out = addAddress(out, mailIn(e))
	}
	return out, cu.Name, err
}

// mailIn is the mail address that an event names; data in another shape names none.
func mailIn(e engawa.Event) engawa.Address {
	var d struct {
		M struct {
			Email engawa.Address `json:"email"`
		} `json:"m"`
	}
	if json.Unmarshal(e.Data, &d) != nil {
		return ""
	}
	return d.M.Email
}

func addAddress(all []engawa.Address, a engawa.Address) []engawa.Address {
	if a == "" || slices.ContainsFunc(all, func(o engawa.Address) bool { return strings.EqualFold(o.Reveal(), a.Reveal()) }) {
		return all
	}
	return append(all, a)
}

// stays says what goes on though the form is switched off.
func (w WebForm) stays() string {
	if w.Registered == 0 {
		return w.T("webform.off.none")
	}
	return w.T("webform.off.stays", "n", w.Registered)
}

// became is what something was and is to become.
func became(was, is string) string {
	if is == "" {
		return was
	}
	return was + " → " + is
}

func (p Page) plan(r ListedRow) string {
	if r.Plan == "" {
		return ""
	}
	return p.T("listed.plan", "plan", r.Plan)
}

// listedWords say how an entry came to the list, and when it came off.
func (p Page) listedWords(r ListedRow) string {
	how := p.T("listed.how." + r.How)
	if r.EndedAt.IsZero() {
		return how
	}
	return joinDot(how, p.T("listed.ended", "time", p.Time(r.EndedAt)))
}
