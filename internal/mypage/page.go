package mypage

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// shown is how many of the latest messages the page lists.
const shown = 30

// My is the customer's own page.
type My struct {
	Page
	Name      string // empty unless the reader has shown who they are
	Sure      bool
	Contract  bool
	MayChange bool
	SignIn    bool // there is a sign-in, on the page At
	At        string
	Senders   []SenderView
	Any       bool // something optional may be written
	Points    []PointView
	Sendable  []PointView // to which a link can be sent
	Purposes  []engawa.Purpose
	Typed     PointForm
	Suggested bool // what is typed is the address that the sign-in's provider told
	Messages  []MessageView
	More      bool
	Erasing   *engawa.Task // an erasure that waits
}

// SenderView is one sender with an app of theirs.
type SenderView struct {
	Key     string // "controller app", for the form that stops the service messages
	Title   string
	Sub     string
	Stopped bool // what the contract needs
	Leaves  bool // it is a partner's app that the customer has not left
	Service LineView
	Lines   []LineView
}

// LineView is one line of a sender.
type LineView struct {
	ID    string
	What  string
	How   string // the channel, and the topic
	State string // "given", "pending", "stopped", "shared", "kept"
	At    time.Time
	Words wording // to be shown before it is allowed again
	Seal  string
}

// MessageView is one message that was sent, or was not, and why.
type MessageView struct {
	At      time.Time
	Sender  string
	Purpose engawa.Purpose
	How     string
	State   engawa.MessageState
	Subject string
	Why     string
}

// by is the store as the customer uses it: what changes goes into the trail.
func (s *Site) by(v *visit) *store.Store { return s.Store.By("customer:" + v.customer.ID) }

func (s *Site) my(v *visit) error {
	view, err := s.myView(v)
	if err != nil {
		return err
	}
	if err := s.Store.SeePage(v.ctx(), v.workspace.ID, v.customer.ID); err != nil {
		return err
	}
	return v.show(http.StatusOK, MyPage(view))
}

func (s *Site) myView(v *visit) (My, error) {
	v.Title = v.T("my.title")
	v.Done = v.r.URL.Query().Get("done")
	view := My{
		Page: v.Page, Sure: v.pass.sure, Contract: v.customer.Kind == "contract", MayChange: v.mayChange(), SignIn: s.SignIn != nil,
		At: doorOf(v.workspace.ID), Purposes: []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing},
	}
	if view.Sure {
		view.Name = v.customer.Name
	}
	if !view.SignIn && view.Contract {
		ways, err := s.wayViews(v.ctx(), v.workspace)
		if err != nil {
			return view, err
		}
		view.SignIn = len(ways) > 0
	}
	h, err := s.house(v.ctx(), v.workspace)
	if err != nil {
		return view, err
	}
	all, err := s.Store.Consents(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return view, err
	}
	rows, err := s.Store.Messages(v.ctx(), v.workspace.ID, store.MessageFilter{Customer: v.customer.ID}, store.Page{Limit: shown + 1})
	if err != nil {
		return view, err
	}
	if view.More = len(rows) > shown; view.More {
		rows = rows[:shown]
	}
	known, err := s.relations(v, h, rows)
	if err != nil {
		return view, err
	}
	for _, x := range senders(all, known) {
		sv := view.sender(h, x)
		view.Any = view.Any || slices.ContainsFunc(x.Lines, func(l Line) bool { return l.Stands })
		view.Senders = append(view.Senders, sv)
	}
	if err := s.points(v, &view); err != nil {
		return view, err
	}
	if view.Messages, err = s.messages(v, h, rows); err != nil {
		return view, err
	}
	view.Erasing, err = s.erasing(v)
	return view, err
}

// relations are the senders that have to do with the customer: of whose app
// there is a contract, and who wrote.
func (s *Site) relations(v *visit, h house, rows []store.MessageRow) ([]relation, error) {
	subs, err := s.Store.Subscriptions(v.ctx(), v.workspace.ID, v.customer.ID, store.Page{Limit: 200})
	if err != nil {
		return nil, err
	}
	var known []relation
	for _, x := range subs {
		known = append(known, relation{h.controller(x.App), x.App})
	}
	for _, r := range rows {
		if r.Message.Topic != sureTopic && r.Message.Topic != proveTopic {
			known = append(known, relation{cmp.Or(r.Message.Partner, engawa.ControllerWorkspace), r.Message.App})
		}
	}
	if len(known) == 0 {
		known = append(known, relation{engawa.ControllerWorkspace, ""})
	}
	return known, nil
}

func (p My) sender(h house, x Sender) SenderView {
	out := SenderView{Key: x.Controller + " " + x.App, Title: h.app(x.App), Sub: h.sender(p.Viewer, x.Controller), Stopped: x.Stopped}
	if out.Title == "" {
		out.Title, out.Sub = h.sender(p.Viewer, x.Controller), p.T("my.all_apps.sub")
	}
	service := engawa.Consent{Controller: x.Controller, App: x.App, Act: engawa.ActContact, Purpose: engawa.Service}
	out.Service = p.line(h, Line{service, !x.Stopped})
	stands := !x.Stopped
	for _, l := range x.Lines {
		out.Lines = append(out.Lines, p.line(h, l))
		stands = stands || l.Stands
	}
	out.Leaves = stands && x.Controller != engawa.ControllerWorkspace && x.App != ""
	return out
}

func (p My) line(h house, l Line) LineView {
	out := LineView{
		ID: l.ID, What: p.T("my.line." + string(l.Act) + forPurpose(l.Consent)), How: channelName(p.Viewer, l.Channel), At: l.At,
		State: "stopped", Words: h.words(p.Viewer, l.Consent),
	}
	handsOn := l.Act == engawa.ActShareAddress || l.Act == engawa.ActShareUsage
	if handsOn {
		out.How, out.State = "", "kept"
	}
	if l.Topic != "" {
		out.How += " · " + l.Topic
	}
	switch {
	case !l.Stands:
	case l.Pending:
		out.State = "pending"
	case handsOn:
		out.State = "shared"
	default:
		out.State = "given"
	}
	out.Seal = seal(out.Words)
	return out
}

// messages says of each message what became of it and why.
func (s *Site) messages(v *visit, h house, rows []store.MessageRow) (out []MessageView, err error) {
	accounts, err := s.Store.Accounts(v.ctx(), v.workspace.ID)
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	for _, a := range accounts {
		kinds[a.ID] = a.Kind
	}
	for _, r := range rows {
		said, err := s.Store.Message(v.ctx(), v.workspace.ID, r.Message.ID)
		if err != nil {
			return nil, err
		}
		m := said.Message
		x := MessageView{
			At: m.CreatedAt, Sender: h.sender(v.Viewer, cmp.Or(m.Partner, engawa.ControllerWorkspace)), Purpose: m.Purpose, State: m.State,
		}
		if v.pass.sure {
			x.Subject = m.Content.Subject
		}
		last := decided(said)
		if last != nil {
			x.How, x.Why = channelName(v.Viewer, kinds[last.Account]), why(v, *last)
		}
		out = append(out, x)
	}
	return out, nil
}

// decided is the verdict that counted: of the delivery that went, or else of the
// last that was tried.
func decided(said store.Said) (last *engawa.Verdict) {
	for _, d := range said.Deliveries {
		if d.Verdict == nil {
			continue
		}
		last = d.Verdict
		if d.State == engawa.Accepted || d.State == engawa.Delivered {
			return last
		}
	}
	if last == nil && len(said.Judged) > 0 {
		last = &said.Judged[0].Verdict
	}
	return last
}

// why says in a customer's words what a verdict came to: for what goes, what
// allowed it; for what does not, the step that kept it.
func why(v *visit, x engawa.Verdict) string {
	if x.Outcome != engawa.Send && x.Decided != "" {
		if x.Decided == engawa.GateConsent {
			return v.T("my.why.no.consent")
		}
		return v.T("my.why.no." + string(x.Decided))
	}
	for _, g := range x.Gates {
		if g.Gate != engawa.GateConsent || len(g.Reasons) == 0 {
			continue
		}
		switch r := g.Reasons[0]; r.Code {
		case "consent.given":
			at, err := time.Parse(time.RFC3339, r.Args["at"])
			if err == nil {
				return v.T("my.why.given", "at", v.Date(at))
			}
		case "consent.mandatory":
			return v.T("my.why.mandatory")
		}
	}
	return v.T("my.why.service")
}

// here is where a click on the page was.
const here = "my page"

// stop withdraws one thing at once: from the moment this answers, no claim
// passes on the old decision.
func (s *Site) stop(v *visit) error {
	all, err := s.Store.Consents(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(c engawa.Consent) bool { return c.ID == v.r.PostFormValue("id") })
	if i < 0 {
		return v.see(v.Path, "stop") // it was merged away, or is not theirs: there is nothing to stop
	}
	if err := s.withdraw(v, stopOf(all[i])); err != nil {
		return err
	}
	return v.see(v.Path, "stop")
}

func (s *Site) withdraw(v *visit, c engawa.Consent) error {
	c.Workspace, c.Customer, c.ID, c.At = v.workspace.ID, v.customer.ID, engawa.NewID(engawa.PrefixConsent), time.Now().UTC()
	c.Given, c.Evidence = false, s.evidence(v, "own_page", here, wording{v.T("my.stop.button"), builtin})
	return s.by(v).Decide(v.ctx(), c)
}

// stopAll withdraws everything that takes a consent, of every sender.
func (s *Site) stopAll(v *visit) error {
	if err := s.withdrawAll(v); err != nil {
		return err
	}
	return v.see(v.Path, "stop_all")
}

func (s *Site) withdrawAll(v *visit) error {
	all, err := s.Store.Consents(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return err
	}
	controllers := []string{engawa.ControllerWorkspace}
	for _, c := range all {
		controllers = append(controllers, c.Controller)
	}
	slices.Sort(controllers)
	var stops []engawa.Consent
	for _, who := range slices.Compact(controllers) {
		for _, p := range []engawa.Purpose{engawa.Marketing, engawa.Notice} {
			stops = append(stops, engawa.Consent{Controller: who, Act: engawa.ActContact, Purpose: p})
		}
	}
	for _, c := range verdict.Standing(all) {
		if c.Act != engawa.ActContact {
			stops = append(stops, stopOf(c))
		}
	}
	for _, c := range stops {
		if err := s.withdraw(v, c); err != nil {
			return err
		}
	}
	return nil
}

// stopService stops what a contract needs, of one sender for one app. What the
// law obliges to say still comes.
func (s *Site) stopService(v *visit) error {
	of, ok, err := s.chosen(v)
	if err != nil {
		return err
	}
	if !ok {
		return v.see(v.Path, "")
	}
	r := relationOf(of.Key)
	if err := s.withdraw(v, engawa.Consent{Controller: r.Controller, App: r.App, Act: engawa.ActContact, Purpose: engawa.Service}); err != nil {
		return err
	}
	return v.see(v.Path, "stop")
}

// chosen is the sender that a form names, of those on the customer's page.
func (s *Site) chosen(v *visit) (of SenderView, ok bool, err error) {
	view, err := s.myView(v)
	if err != nil {
		return of, false, err
	}
	i := slices.IndexFunc(view.Senders, func(x SenderView) bool { return x.Key == v.r.PostFormValue("of") })
	if i < 0 {
		return of, false, nil
	}
	return view.Senders[i], true, nil
}

// leave ends a partner for one app: nothing of it comes, and its list tells the
// customer as gone.
func (s *Site) leave(v *visit) error {
	of, ok, err := s.chosen(v)
	if err != nil {
		return err
	}
	if !ok || !of.Leaves {
		return v.see(v.Path, "")
	}
	r := relationOf(of.Key)
	list := store.List{Workspace: v.workspace.ID, Partner: r.Controller, App: r.App}
	if err := s.by(v).LeaveApp(v.ctx(), list, v.customer.ID, s.evidence(v, "own_page", here, wording{v.T("my.leave.button"), builtin})); err != nil {
		return err
	}
	return v.see(v.Path, "leave")
}

func relationOf(key string) relation {
	for i := range key {
		if key[i] == ' ' {
			return relation{key[:i], key[i+1:]}
		}
	}
	return relation{key, ""}
}

// allow gives again what was stopped, or confirms what waits, by the words that
// stood beside the button.
func (s *Site) allow(v *visit) error {
	h, err := s.house(v.ctx(), v.workspace)
	if err != nil {
		return err
	}
	c, ok, err := s.stopped(v, v.r.PostFormValue("id"), v.r.PostFormValue("of"))
	if err != nil || !ok {
		return cmp.Or(err, v.see(v.Path, ""))
	}
	w := h.words(v.Viewer, c)
	if v.r.PostFormValue("v") != seal(w) {
		return v.see(v.Path, "changed")
	}
	c.Workspace, c.Customer, c.ID, c.At = v.workspace.ID, v.customer.ID, engawa.NewID(engawa.PrefixConsent), time.Now().UTC()
	c.Given, c.Evidence = true, s.evidence(v, "own_page", here, w)
	if err := s.by(v).Decide(v.ctx(), c); err != nil {
		return err
	}
	return v.see(v.Path, "allow")
}

// stopped is the scope of a line of the page: that of a decision, or of what the
// contract with a sender needs.
func (s *Site) stopped(v *visit, id, of string) (c engawa.Consent, ok bool, err error) {
	all, err := s.Store.Consents(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return c, false, err
	}
	if of != "" {
		r := relationOf(of)
		if _, off := serviceStop(all, r); off {
			return engawa.Consent{Controller: r.Controller, App: r.App, Act: engawa.ActContact, Purpose: engawa.Service}, true, nil
		}
		return c, false, nil
	}
	i := slices.IndexFunc(all, func(c engawa.Consent) bool { return c.ID == id })
	if i < 0 {
		return c, false, nil
	}
	return all[i].Scope(), true, nil
}
