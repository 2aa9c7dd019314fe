package mypage

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
)

// PointView is one way to reach the customer.
type PointView struct {
	ID       string
	Kind     string
	Address  string // masked unless the reader has shown who they are
	Proved   bool
	Shared   bool
	Purposes []engawa.Purpose
	Last     bool // the last proved one: without it nothing could be said any more
}

// PointForm is what was typed for a new one, with what is wrong with it.
type PointForm struct {
	Mail, Wrong string
	Shared      bool
}

// Topics of the messages by which the page itself writes, and how many of each a
// customer may cause in an hour: nobody is to be flooded through it.
const (
	sureTopic  = "mypage.sure"
	proveTopic = "mypage.prove"
	anHour     = 5
)

func (s *Site) points(v *visit, view *My) error {
	points, err := s.Store.ContactPoints(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return err
	}
	proved := 0
	for _, p := range points {
		if !p.VerifiedAt.IsZero() {
			proved++
		}
	}
	for _, p := range points {
		x := PointView{
			ID: p.ID, Kind: channelName(v.Viewer, p.Kind), Address: p.Address.String(), Proved: !p.VerifiedAt.IsZero(), Shared: p.Shared, Purposes: p.Purposes,
			Last: proved == 1 && !p.VerifiedAt.IsZero(),
		}
		if v.mayChange() {
			x.Address = p.Address.Reveal()
		}
		view.Points = append(view.Points, x)
		if s.takesLink(v, p) {
			x.Address = p.Address.String()
			view.Sendable = append(view.Sendable, x)
		}
	}
	if v.mayChange() && v.pass.Mail != "" && !slices.ContainsFunc(points, has(v.pass.Mail)) {
		view.Typed.Mail, view.Suggested = v.pass.Mail, true
	}
	return nil
}

// has finds the contact point that is a mail address.
func has(mail string) func(engawa.ContactPoint) bool {
	return func(p engawa.ContactPoint) bool {
		return p.Kind == "mail" && strings.EqualFold(p.Address.Reveal(), mail)
	}
}

// takesLink reports whether the link that shows all may go to a contact point:
// one that is proved, that one person reads. On a contract none may: whoever
// reads there need not be an owner.
func (s *Site) takesLink(v *visit, p engawa.ContactPoint) bool {
	return v.customer.Kind != "contract" && !p.VerifiedAt.IsZero() && !p.Shared && p.Kind == "mail"
}

// point is one of the customer's own.
func (s *Site) point(v *visit, id string) (engawa.ContactPoint, error) {
	points, err := s.Store.ContactPoints(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return engawa.ContactPoint{}, err
	}
	i := slices.IndexFunc(points, func(p engawa.ContactPoint) bool { return p.ID == id })
	if i < 0 {
		return engawa.ContactPoint{}, gone()
	}
	return points[i], nil
}

// ensure sends the link that shows all to a contact point of the customer.
func (s *Site) ensure(v *visit) error {
	p, err := s.point(v, v.r.PostFormValue("point"))
	if err != nil {
		return err
	}
	if !s.takesLink(v, p) {
		return gone()
	}
	link := s.Base + "/my/" + s.token(sureToken, pass{Workspace: v.workspace.ID, Customer: v.customer.ID}, sureLife)
	if err := s.say(v, p.ID, engawa.Security, sureTopic, "my.mail.sure", link); err != nil {
		return err
	}
	return v.see(v.Path, "sure")
}

// say writes to one contact point, through verdict and lane like any message.
func (s *Site) say(v *visit, point string, purpose engawa.Purpose, topic, words, link string) error {
	n, err := s.Store.SaidOn(v.ctx(), v.workspace.ID, v.customer.ID, topic, time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	if n >= anHour {
		return &engawa.Error{Code: engawa.CodeRateLimited, Message: "too many letters for one hour"}
	}
	accounts, err := s.Store.Accounts(v.ctx(), v.workspace.ID)
	if err != nil {
		return err
	}
	chain, err := message.Chain(accounts, s.Kinds, []string{"mail"}, true)
	if err != nil {
		return err
	}
	_, err = s.Compose.Accept(v.ctx(), v.workspace.ID, []message.Request{{
		Workspace: v.workspace.ID, Customer: v.customer.ID, Point: point, Purpose: purpose, Trigger: engawa.ByUser, Topic: topic, Chain: chain[:1], Urgent: true,
		Content: engawa.Content{
			Subject: v.T(words+".subject", "business", v.Business),
			Text:    v.T(words+".text", "business", v.Business, "link", link) + "\n",
		},
		ExpiresAt: time.Now().Add(sureLife),
	}})
	return err
}

// addPoint keeps another address, which counts for nothing until whoever reads
// there has confirmed it.
func (s *Site) addPoint(v *visit) error {
	if err := v.sureOnly(); err != nil {
		return err
	}
	form := PointForm{Mail: strings.TrimSpace(v.r.PostFormValue("mail")), Shared: v.r.PostFormValue("shared") != ""}
	kind, ok := message.Find(s.Kinds, "mail")
	if !ok {
		return gone()
	}
	address, err := kind.Address(form.Mail)
	if err != nil {
		form.Wrong = v.T("my.points.mail.wrong")
		return s.again(v, form)
	}
	points, err := s.Store.ContactPoints(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(points, has(address.Reveal())) {
		form.Wrong = v.T("my.points.mail.twice")
		return s.again(v, form)
	}
	p := engawa.ContactPoint{
		Workspace: v.workspace.ID, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: v.customer.ID, Kind: "mail", Address: address, Role: "login",
		Purposes: purposesOf(v), Shared: form.Shared, Claimed: true, CreatedAt: time.Now().UTC(),
	}
	if v.customer.Kind == "contract" {
		p.Role = "contract"
	}
	if err := s.by(v).AddContactPoint(v.ctx(), p); err != nil {
		return err
	}
	if err := s.askToProve(v, p); err != nil {
		return err
	}
	return v.see(v.Path, "point")
}

// again shows the page with what is wrong in the form.
func (s *Site) again(v *visit, form PointForm) error {
	view, err := s.myView(v)
	if err != nil {
		return err
	}
	view.Typed, view.Suggested = form, false
	return v.show(http.StatusUnprocessableEntity, MyPage(view))
}

// purposesOf are the purposes that were ticked; all of them are none in
// particular.
func purposesOf(v *visit) []engawa.Purpose {
	var out []engawa.Purpose
	for _, p := range []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing} {
		if slices.Contains(v.r.PostForm["purpose"], string(p)) {
			out = append(out, p)
		}
	}
	if len(out) == 3 {
		return nil
	}
	return out
}

func (s *Site) askToProve(v *visit, p engawa.ContactPoint) error {
	link := s.Base + "/prove/" + s.token(proveToken, pass{Workspace: v.workspace.ID, Customer: v.customer.ID, Point: p.ID}, proveLife)
	words := "my.mail.prove"
	if p.Shared {
		words = "my.mail.prove_shared"
	}
	return s.say(v, p.ID, engawa.ConsentAdmin, proveTopic, words, link)
}

// proveAgain sends the letter again.
func (s *Site) proveAgain(v *visit) error {
	p, err := s.point(v, v.r.PathValue("point"))
	if err == nil {
		err = v.sureOnly()
	}
	if err != nil {
		return err
	}
	if p.VerifiedAt.IsZero() && p.Kind == "mail" {
		if err := s.askToProve(v, p); err != nil {
			return err
		}
	}
	return v.see(v.Path, "point")
}

func (s *Site) choose(v *visit) error {
	p, err := s.point(v, v.r.PathValue("point"))
	if err == nil {
		err = v.sureOnly()
	}
	if err == nil {
		err = v.r.ParseForm()
	}
	if err == nil {
		err = s.by(v).Choose(v.ctx(), v.workspace.ID, v.customer.ID, p.ID, purposesOf(v))
	}
	if err != nil {
		return err
	}
	return v.see(v.Path, "saved")
}

// endPoint takes a way away, but not the last that is proved.
func (s *Site) endPoint(v *visit) error {
	if err := v.sureOnly(); err != nil {
		return err
	}
	points, err := s.Store.ContactPoints(v.ctx(), v.workspace.ID, v.customer.ID)
	if err != nil {
		return err
	}
	id := v.r.PathValue("point")
	rest := slices.ContainsFunc(points, func(p engawa.ContactPoint) bool { return p.ID != id && !p.VerifiedAt.IsZero() })
	mine := slices.ContainsFunc(points, func(p engawa.ContactPoint) bool { return p.ID == id })
	if !mine || !rest {
		return v.see(v.Path, "last")
	}
	if err := s.by(v).EndContactPoint(v.ctx(), v.workspace.ID, v.customer.ID, id); err != nil {
		return err
	}
	return v.see(v.Path, "ended")
}

// Prove is the page on which whoever reads at an address says that it is right.
type Prove struct {
	Page
	Address string
	Shared  bool
	State   string // "", "yes", "no"
}

func (s *Site) proving(v *visit) (engawa.ContactPoint, Prove, error) {
	if err := s.open(proveToken, v.r.PathValue("token"), &v.pass); err != nil {
		return engawa.ContactPoint{}, Prove{}, err
	}
	if err := s.known(v, v.pass.Workspace, v.pass.Customer); err != nil {
		return engawa.ContactPoint{}, Prove{}, err
	}
	p, err := s.point(v, v.pass.Point)
	v.Title = v.T("prove.title")
	return p, Prove{Page: v.Page, Address: p.Address.Reveal(), Shared: p.Shared}, err
}

func (s *Site) prove(v *visit) error {
	_, view, err := s.proving(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, ProvePage(view))
}

// proved takes the answer of whoever reads there: yes, and it serves; no, and it
// is taken away.
func (s *Site) proved(v *visit) error {
	p, view, err := s.proving(v)
	if err != nil {
		return err
	}
	if view.State = "no"; v.r.PostFormValue("is") == "yes" {
		view.State = "yes"
	}
	if view.State == "yes" {
		err = s.by(v).Prove(v.ctx(), v.workspace.ID, v.customer.ID, p.ID)
	} else {
		err = s.by(v).EndContactPoint(v.ctx(), v.workspace.ID, v.customer.ID, p.ID)
	}
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, ProvePage(view))
}
