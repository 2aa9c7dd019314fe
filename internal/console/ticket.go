package console

import (
	"cmp"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

// The most that a ticket's subject and text may have, in characters.
const (
	maxTicketSubject = 150
	maxTicketText    = 5000
)

// desks lists where a ticket about a customer can go: the queues of accounts
// that tell whom a notice is about, or an account's home where it has none.
func (n *names) desks() (all []engawa.Destination) {
	for _, a := range n.accounts {
		kind, ok := n.c.kind(a.Kind)
		if !ok || !kind.Tells || !a.Enabled {
			continue
		}
		before := len(all)
		for _, d := range n.destinations {
			if d.Account == a.ID {
				all = append(all, d)
			}
		}
		if len(all) == before && kind.Home != "" {
			all = append(all, engawa.Destination{
				Workspace: n.v.ws(), Name: a.Name, Account: a.ID, Address: engawa.Address(kind.Home), Locale: n.v.Locale, CreatedAt: n.v.Now,
			})
		}
	}
	slices.SortFunc(all, func(a, b engawa.Destination) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(deskKey(a), deskKey(b)))
	})
	return all
}

// ticketView loads the page. Where there is no desk, there is no page.
func (c *console) ticketView(v *visit) (Ticket, []engawa.Destination, error) {
	cu, err := c.living(v)
	if err != nil {
		return Ticket{}, nil, err
	}
	n, err := c.names(v)
	if err != nil {
		return Ticket{}, nil, err
	}
	desks := n.desks()
	if len(desks) == 0 {
		return Ticket{}, nil, engawa.NotFound("desk that takes tickets")
	}
	view := Ticket{Page: v.titled("customers", v.T("ticket.title")), ID: cu.ID, Name: v.customerName(cu), Desk: deskKey(desks[0])}
	view.Path = "/customers/" + cu.ID + "/ticket"
	for _, d := range desks {
		view.Desks = append(view.Desks, Choice{deskKey(d), d.Name})
	}
	return view, desks, nil
}

// deskKey is a desk's value in the form: its place's id or, of a home, its account's.
func deskKey(d engawa.Destination) string { return cmp.Or(d.ID, d.Account) }

func (c *console) ticket(v *visit) error {
	view, _, err := c.ticketView(v)
	if err != nil {
		return err
	}
	return v.show(TicketPage(view))
}

// openTicket hands a ticket about the customer to a desk, through verdict and
// lane like any message.
func (c *console) openTicket(v *visit) error {
	view, desks, err := c.ticketView(v)
	if err != nil {
		return err
	}
	view.Desk, view.Reason, view.Subject, view.Text = v.typed("desk"), v.typed("reason"), v.typed("subject"), v.typed("text")
	desk, wrong := engawa.Destination{}, ""
	for _, d := range desks {
		if deskKey(d) == view.Desk {
			desk = d
		}
	}
	switch {
	case desk.Account == "":
		wrong = v.T("ticket.desk.wrong")
	case view.Subject == "" || utf8.RuneCountInString(view.Subject) > maxTicketSubject:
		wrong = v.T("ticket.subject.wrong")
	case view.Text == "" || utf8.RuneCountInString(view.Text) > maxTicketText:
		wrong = v.T("ticket.text.wrong")
	case !slices.Contains(engawa.WriteReasons, engawa.Because(view.Reason)):
		wrong = v.T("because.wrong")
	}
	if wrong != "" {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, TicketPage(view))
	}
	if desk.ID == "" {
		desk.ID = engawa.NewID(engawa.PrefixDestination)
		if err := v.by.AddDestination(v.ctx(), desk); err != nil {
			return err
		}
	}
	ms, err := c.Compose.Accept(v.ctx(), v.ws(), []message.Request{{
		Workspace: v.ws(), Member: v.member.ID, Reason: engawa.Because(view.Reason), Destination: desk.ID, About: view.ID, Purpose: engawa.Service, Trigger: engawa.ByUser,
		Chain: []engawa.Via{{Account: desk.Account}}, Urgent: true, Content: engawa.Content{Subject: view.Subject, Text: view.Text},
	}})
	if err != nil {
		return err
	}
	line := store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "open-ticket", Object: view.ID, Detail: "reason=" + view.Reason + " " + ms[0].Message.ID}
	if err := c.Store.Note(v.ctx(), line); err != nil {
		return err
	}
	return v.see("/messages/"+ms[0].Message.ID+"#deliveries", "ticket")
}
