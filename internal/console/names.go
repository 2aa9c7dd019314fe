package console

import (
	"cmp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// names turns ids into what a page calls things. It looks each up once for a request.
type names struct {
	c            *console
	v            *visit
	accounts     map[string]engawa.Account
	destinations map[string]engawa.Destination
	customers    map[string]engawa.Customer
	own          map[string]engawa.EventType // the workspace's own types of events
	routes       map[string]string           // nil: not asked for yet
}

func (c *console) names(v *visit) (*names, error) {
	n := &names{c: c, v: v, accounts: map[string]engawa.Account{}, destinations: map[string]engawa.Destination{}, customers: map[string]engawa.Customer{}, own: map[string]engawa.EventType{}}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		n.accounts[a.ID] = a
	}
	destinations, err := c.Store.Destinations(v.ctx(), v.ws())
	for _, d := range destinations {
		n.destinations[d.ID] = d
	}
	if err != nil {
		return nil, err
	}
	types, err := c.Store.EventTypes(v.ctx(), v.ws())
	for _, t := range types {
		n.own[t.Type] = t
	}
	return n, err
}

// account names an account, by its kind and its name.
func (n *names) account(id string) string {
	a, ok := n.accounts[id]
	if !ok {
		return id
	}
	return n.v.accountWords(a.Kind, a.Name)
}

// source says where an event came from.
func (n *names) source(account string) string {
	switch account {
	case engawa.SourceAPI:
		return n.v.T("event.source.api")
	case engawa.SourceHub:
		return n.v.T("event.source.hub")
	}
	return n.account(account)
}

// customer names a customer; one that is gone has its id.
func (n *names) customer(id string) string {
	if id == "" {
		return ""
	}
	cu, ok := n.customers[id]
	if !ok {
		var err error
		if cu, err = n.c.Store.Customer(n.v.ctx(), n.v.ws(), id); err != nil {
			cu = engawa.Customer{ID: id, Name: id}
		}
		n.customers[id] = cu
	}
	return n.v.customerName(cu)
}

func (p Page) customerName(c engawa.Customer) string {
	switch {
	case c.Erased:
		return p.T("customer.erased")
	case c.Name == "":
		return p.T("customer.no_name")
	}
	return c.Name
}

// route names a route; one that is gone has its id.
func (n *names) route(id string) (string, error) {
	if n.routes == nil {
		n.routes = map[string]string{}
		routes, err := n.c.Store.Routes(n.v.ctx(), n.v.ws())
		if err != nil {
			return "", err
		}
		for _, r := range routes {
			n.routes[r.ID] = r.Name
		}
	}
	return cmp.Or(n.routes[id], id), nil
}

// to names a message's recipient.
func (n *names) to(m engawa.Message) string {
	switch {
	case m.Customer != "":
		return n.customer(m.Customer)
	case m.Nobody():
		return n.v.T("message.nobody")
	}
	return n.destination(m.Destination)
}

// from names who speaks in a message: the business, or a partner; one that cannot be
// read has its id.
func (n *names) from(m engawa.Message) string {
	if m.Partner == "" {
		return n.v.workspace.Name
	}
	p, err := n.c.Store.Partner(n.v.ctx(), n.v.ws(), m.Partner)
	if err != nil {
		return m.Partner
	}
	return p.Name
}

func (n *names) destination(id string) string {
	if d, ok := n.destinations[id]; ok {
		return d.Name
	}
	return id
}

// via names the first account of a message's chain.
func (n *names) via(m engawa.Message) string {
	if len(m.Chain) == 0 {
		return ""
	}
	return n.account(m.Chain[0].Account)
}

// kind is the kind of an account, if it is one of ours.
func (c *console) kind(name string) (channel.Kind, bool) {
	for _, k := range c.Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return channel.Kind{}, false
}
