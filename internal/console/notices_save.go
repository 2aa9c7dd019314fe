package console

import (
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// noticeChange gathers what a form changes. Its steps return what is wrong, in
// words for the member; "" where nothing is.
type noticeChange struct {
	*posting
	to  board
	out store.Notices
}

// mailbox is where what cannot be posted in time goes: one that there is, or a
// new one.
func (n *noticeChange) mailbox(view Notices) string {
	if d, ok := n.names.destinations[view.Mailbox]; ok && n.names.accounts[d.Account].Kind == "mail" {
		n.to.mail, n.to.staff = d.Account, d.ID
		return ""
	}
	i := slices.IndexFunc(view.MailAccounts, func(c Choice) bool { return c.Value == view.MailAccount })
	if i < 0 {
		return n.v.T("notices.mailbox.none")
	}
	kind, _ := n.names.c.kind("mail")
	to, err := kind.Address(view.MailAddress)
	if err != nil {
		return n.v.T("notices.mailbox") + ": " + n.v.T("form.wrong.mail")
	}
	n.to.mail, n.to.staff = view.MailAccount, n.destination(view.MailAccount, to, n.v.T("notices.mailbox"))
	return ""
}

// destination is the id of a place of an account, made if there is none.
func (n *noticeChange) destination(account string, to engawa.Address, name string) string {
	for _, d := range n.names.destinations {
		if d.Account == account && d.Address == to {
			return d.ID
		}
	}
	for _, d := range n.out.Places {
		if d.Account == account && d.Address == to {
			return d.ID
		}
	}
	d := engawa.Destination{
		Workspace: n.v.ws(), ID: engawa.NewID(engawa.PrefixDestination), Name: name, Account: account, Address: to, Locale: n.v.workspace.Locale, CreatedAt: n.v.Now,
	}
	n.out.Places = append(n.out.Places, d)
	return d.ID
}

func (n *noticeChange) deadline(view Notices) string {
	count, err := strconv.Atoi(view.Within)
	i := slices.IndexFunc(units, func(u unit) bool { return u.name == view.Unit })
	if err != nil || i < 0 || count < 1 || time.Duration(count) > maxWithin/units[i].of {
		return n.v.T("notices.within") + ": " + n.v.T("notices.within.wrong")
	}
	n.to.within = time.Duration(count) * units[i].of
	return ""
}

func (n *noticeChange) groups(view Notices) string {
	for i, g := range view.Groups {
		if g.Edited && !g.Replace {
			continue
		}
		place := ""
		if g.Room != "" {
			var ok bool
			if place, ok = n.room(g.Room); !ok {
				return n.v.T("group."+g.Group) + ": " + n.v.T("places.choose")
			}
		}
		name := n.v.T("notices.route", "group", n.v.T("group."+g.Group), "account", n.account.Name)
		n.keep(g.Route, name, n.to.group(noticeGroups[i].patterns, place, g.Copy, g.Quiet || view.eventsOf(g.Group, true) == ""))
	}
	return ""
}

// room is the destination of an offered room. One that is no longer offered, or
// not now, stays where it was chosen before.
func (n *noticeChange) room(key string) (destination string, ok bool) {
	if place, ok := n.place(key); ok {
		return n.destination(n.account.ID, place.Address, place.Name), true
	}
	for _, d := range n.names.destinations {
		if d.Account == n.account.ID && placeKey(d.Address) == key && n.offered == nil {
			return d.ID, true
		}
	}
	return "", false
}

// keep notes a route if it is new or does something else than the stored one.
// One that was never made and would be off is not made.
func (n *noticeChange) keep(id, name string, r engawa.Route) {
	stored, ok := n.routes[id]
	if !ok && !r.Enabled || ok && alike(stored, r) || ok && !stored.Enabled && !r.Enabled {
		return
	}
	r.Workspace, r.ID, r.Name, r.Version, r.UpdatedBy, r.UpdatedAt = n.v.ws(), id, name, stored.Version, n.v.member.ID, n.v.Now
	if ok {
		r.Name = stored.Name
	}
	if _, err := route.Check(r, nil, nil); err == nil { // what board.route makes always passes
		n.out.Routes = append(n.out.Routes, r)
	}
}

// tasksOf is the step that makes the routes of tasks, and takes away those that
// the form no longer has.
func (c *console) tasksOf(n *noticeChange) func(Notices) string {
	return func(view Notices) string {
		if !view.CanTask {
			return ""
		}
		asked := map[string]bool{}
		for _, row := range view.Tasks {
			if row.Event == "" {
				continue
			}
			if asked[row.Event] {
				return n.v.T("notices.task.twice")
			}
			asked[row.Event] = true
			if remedy := c.taskRoute(n, view, row); remedy != "" {
				return n.v.T("notices.tasks") + ": " + remedy
			}
		}
		for _, e := range view.Events {
			id := taskRouteID(n.account.ID, e.Value)
			if r, ok := n.routes[id]; ok && r.Enabled && !asked[e.Value] {
				r.Enabled = false
				n.keep(id, r.Name, r)
			}
		}
		return ""
	}
}

// taskRoute makes the route of one task: in the room of its event's group, for
// people who are in it.
func (c *console) taskRoute(n *noticeChange, view Notices, row NoticeTask) string {
	if row.Edited && !row.Replace {
		return ""
	}
	if !slices.ContainsFunc(view.Events, func(e Choice) bool { return e.Value == row.Event }) {
		return n.v.T("form.wrong")
	}
	line := n.v.Words.EventLine(n.v.Locale, row.Event, nil)
	days, err := strconv.Atoi(row.Days)
	if row.Days == "" {
		days, err = 0, nil
	}
	if err != nil || days < 0 || days > channel.MaxDays {
		return n.v.T("notices.task.days.wrong", "event", line, "most", channel.MaxDays)
	}
	i := slices.IndexFunc(view.Groups, func(g NoticeGroup) bool { return g.Group == engawa.GroupOf(row.Event) })
	place, ok := n.place(view.Groups[i].Room)
	if !ok {
		return n.v.T("notices.task.room", "event", line)
	}
	members := c.assignees(n.posting, place.Address)
	for _, id := range row.To {
		if !slices.ContainsFunc(members, func(p channel.Person) bool { return p.ID == id }) {
			return n.v.T("notices.task.stranger", "event", line, "room", place.Name)
		}
	}
	if len(row.To) == 0 {
		return n.v.T("notices.task.nobody", "event", line)
	}
	to := channel.Assignment{Place: place.Address, To: row.To, Days: days}.Address()
	dst := n.destination(n.account.ID, to, n.v.T("notices.task.place", "room", place.Name))
	n.keep(taskRouteID(n.account.ID, row.Event), n.v.T("notices.task.route", "event", line), n.to.route([]string{row.Event}, dst, false))
	return ""
}

// enable switches the account. While it is off, what would be posted goes by
// mail: the verdict refuses the account, and the chain goes on.
func (n *noticeChange) enable(view Notices) string {
	if view.Enabled != n.account.Enabled {
		a := n.account
		a.Enabled, a.Version = view.Enabled, view.Version
		n.out.Account = &a
	}
	return ""
}
