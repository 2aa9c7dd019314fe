package console

import (
	"errors"
	"net/http"
	"net/mail"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// roles are what a member may be, from the least.
var roles = []engawa.Role{engawa.Viewer, engawa.Support, engawa.Admin, engawa.Owner}

// asks reports whether the member's password must be asked for before something
// that hands out rights or cannot be undone.
func (c *console) asks(v *visit) bool { return c.Door.Sure(v.r, v.member, "") != nil }

// unsure reports whether a form came without the password that it asks for; it
// then has been answered, by again with what is wrong.
func (c *console) unsure(v *visit, again func(wrong string) error) (bool, error) {
	err := c.Door.Sure(v.r, v.member, engawa.Secret(v.r.PostFormValue("again")))
	why, refused := errors.AsType[access.Refusal](err)
	switch {
	case err == nil:
		return false, nil
	case !refused:
		return true, err
	case why == access.SignInInvalid:
		return true, again(v.T("again.wrong"))
	}
	return true, again(v.T("access." + string(why)))
}

func (c *console) members(v *visit) error {
	all, err := c.Store.Staff(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view := Members{Page: v.titled("settings", v.T("members.title"))}
	for _, x := range all {
		view.Rows = append(view.Rows, v.memberRow(x))
	}
	return v.show(MembersPage(view))
}

func (v *visit) memberRow(x store.Staff) MemberRow {
	return MemberRow{ID: x.ID, Name: x.Name, Mail: x.Mail.String(), Has: x.Role, You: x.ID == v.member.ID, SignedInAt: x.SignedInAt, LinkUntil: x.LinkUntil}
}

func (c *console) newMember(v *visit) error {
	return v.show(InvitationPage(Invitation{Page: v.titled("settings", v.T("invite.title")), For: engawa.Support, Ask: c.asks(v)}))
}

// inviteMember adds a member and shows the link by which they come in. The
// address that was typed is not shown again: pages hold none in full.
func (c *console) inviteMember(v *visit) error {
	view := Invitation{Page: v.titled("settings", v.T("invite.title")), Name: v.typed("name"), For: engawa.Role(v.typed("role")), Ask: c.asks(v)}
	view.Path = "/settings/members/new"
	again := func(wrong string) error {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, InvitationPage(view))
	}
	address, err := mail.ParseAddress(v.typed("mail"))
	switch {
	case view.Name == "" || len(view.Name) > 200:
		return again(v.T("settings.name.wrong"))
	case err != nil || address.Address != v.typed("mail"):
		return again(v.T("settings.mail.wrong"))
	case !slices.Contains(roles, view.For):
		return again(v.T("members.role.wrong"))
	}
	if unsure, err := c.unsure(v, again); unsure {
		return err
	}
	m := engawa.Member{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixMember), Name: view.Name, Mail: engawa.Address(address.Address), Role: view.For,
		Locale: v.workspace.Locale, CreatedAt: v.Now,
	}
	err = v.by.AddMember(v.ctx(), store.SignIn{Member: m})
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Field == "/mail" {
		return again(v.T("settings.mail.taken"))
	}
	if err != nil {
		return err
	}
	return c.makeLink(v, m, access.InviteLife)
}

// makeLink shows a new link of a member. It stands in this answer alone: no page
// shows it again, and no address that is written into a log has it.
func (c *console) makeLink(v *visit, m engawa.Member, life time.Duration) error {
	link, err := c.Door.Invite(v.ctx(), v.by, m.Workspace, m.ID, life)
	if err != nil {
		return err
	}
	view := LinkMade{Page: v.titled("settings", v.T("link.title")), Name: m.Name, Own: m.ID == v.member.ID, Link: link, Until: v.Now.Add(life)}
	view.Path = "/settings"
	return v.show(LinkMadePage(view))
}

// ownLink makes a link for another device of the member.
func (c *console) ownLink(v *visit) error {
	if unsure, err := c.unsure(v, func(wrong string) error { return c.settingsAgain(v, c.settingsView(v), wrong) }); unsure {
		return err
	}
	return c.makeLink(v, v.member, access.LinkLife)
}

// memberView loads the page of one member.
func (c *console) memberView(v *visit) (Member, store.Staff, error) {
	all, err := c.Store.Staff(v.ctx(), v.ws())
	if err != nil {
		return Member{}, store.Staff{}, err
	}
	id, owners := v.r.PathValue("id"), 0
	i := slices.IndexFunc(all, func(x store.Staff) bool { return x.ID == id })
	if i < 0 {
		return Member{}, store.Staff{}, engawa.NotFound("member")
	}
	for _, x := range all {
		if x.Role == engawa.Owner {
			owners++
		}
	}
	x := all[i]
	view := Member{
		Page: v.titled("settings", x.Name), MemberRow: v.memberRow(x), Since: x.CreatedAt, Password: x.Password, Tied: x.OIDC,
		Last: x.Role == engawa.Owner && owners == 1, Ask: c.asks(v),
	}
	view.Path = "/settings/members/" + x.ID
	return view, x, c.memberHolds(v, &view)
}

// memberHolds counts what a member leaves behind.
func (c *console) memberHolds(v *visit, view *Member) error {
	tasks, err := c.Store.TaskPage(v.ctx(), v.ws(), store.TaskFilter{Assignee: view.ID}, store.Page{Limit: listed})
	if err != nil {
		return err
	}
	view.Tasks = len(tasks)
	keys, err := c.Store.Keys(v.ctx(), v.ws())
	for _, k := range keys {
		if k.Member == view.ID && k.RevokedAt.IsZero() && v.Now.Before(k.EndsAt) {
			view.Keys++
		}
	}
	return err
}

func (c *console) showMember(v *visit) error {
	view, _, err := c.memberView(v)
	if err != nil {
		return err
	}
	return v.show(MemberPage(view))
}

func (c *console) memberAgain(v *visit, view Member, wrong string) error {
	view.Problem = wrong
	return v.showAs(http.StatusUnprocessableEntity, MemberPage(view))
}

func (c *console) changeRole(v *visit) error {
	view, _, err := c.memberView(v)
	if err != nil {
		return err
	}
	again := func(wrong string) error { return c.memberAgain(v, view, wrong) }
	role := engawa.Role(v.typed("role"))
	if !slices.Contains(roles, role) {
		return again(v.T("members.role.wrong"))
	}
	if unsure, err := c.unsure(v, again); unsure {
		return err
	}
	err = v.by.SetRole(v.ctx(), v.ws(), view.ID, role)
	if lastOwner(err) {
		return again(v.T("member.last"))
	}
	if err != nil {
		return err
	}
	return v.see(v.membersOr(view.Path, view.You && role != engawa.Owner), "saved")
}

// membersOr is path or, for who may not open it any more, the settings.
func (v *visit) membersOr(path string, shut bool) string {
	if shut {
		return "/settings"
	}
	return path
}

func lastOwner(err error) bool {
	told, ok := errors.AsType[*engawa.Error](err)
	return ok && told.Code == engawa.CodeConflict && told.Field == "/role"
}

func (c *console) memberLink(v *visit) error {
	view, x, err := c.memberView(v)
	if err != nil {
		return err
	}
	if unsure, err := c.unsure(v, func(wrong string) error { return c.memberAgain(v, view, wrong) }); unsure {
		return err
	}
	return c.makeLink(v, x.Member, access.InviteLife)
}

// endMember takes a member away.
func (c *console) endMember(v *visit) error {
	view, _, err := c.memberView(v)
	if err != nil {
		return err
	}
	if unsure, err := c.unsure(v, func(wrong string) error { return c.memberAgain(v, view, wrong) }); unsure {
		return err
	}
	err = v.by.EndMember(v.ctx(), v.ws(), view.ID)
	if lastOwner(err) {
		return c.memberAgain(v, view, v.T("member.last"))
	}
	if err != nil {
		return err
	}
	return v.see("/settings/members", "member_ended")
}

// comes says how a member comes in: when last, or until when the link works.
func (p Page) comes(m MemberRow) string {
	last, link := "", ""
	if !m.SignedInAt.IsZero() {
		last = p.T("members.signed_in", "time", p.Time(m.SignedInAt))
	}
	if !m.LinkUntil.IsZero() {
		link = p.T("members.link_until", "time", p.Time(m.LinkUntil))
	}
	return joinDot(last, link)
}

// ways are how a member can sign in without a link.
func (v Member) ways() string {
	password, tied := "", ""
	if v.Password {
		password = v.T("signin.password")
	}
	if v.Tied {
		tied = "OpenID Connect"
	}
	return joinDot(password, tied)
}
