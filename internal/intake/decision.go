package intake

import (
	"cmp"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
)

// Outcome is what one line does.
type Outcome struct {
	Entry    csv.Entry
	Customer Standing
	Changed  []string // what of the customer: "name", "email" …
	Contract Standing // empty: the line tells of none
	Before   *csv.Contract
	Now      *csv.Contract
	Types    []string // of the events that tell of it
}

// Standing says what a line is beside what was told before.
type Standing string

// The standings.
const (
	StandsNew     Standing = "new"
	StandsChanged Standing = "changed"
	StandsSame    Standing = "same"
)

// changes reports whether the line does anything.
func (o Outcome) changes() bool {
	return o.Customer != StandsSame || o.Contract == StandsNew || o.Contract == StandsChanged
}

// decision decides what lines do by what was told before. It is pure but for
// the ids that it makes.
type decision struct {
	of       Reading
	id       string // of the import; empty: nothing is kept
	tell     bool
	at       time.Time
	members  map[string]string // customers of the members that had a line already
	work     store.ImportWork
	outcomes []Outcome
}

func (r Reading) decision(id string, tell bool, at time.Time) *decision {
	return &decision{of: r, id: id, tell: tell, at: at, members: map[string]string{}}
}

// take decides lines, one after the other.
func (d *decision) take(es []csv.Entry, told map[store.ToldKey]store.Told) error {
	for _, e := range es {
		o := Outcome{Entry: e}
		customer, err := d.member(e, told[memberKey(e)], &o)
		if err == nil && e.Contract != nil {
			err = d.contract(e, customer, told[contractKey(e)], &o)
		}
		if err != nil {
			return err
		}
		if o.changes() {
			d.outcomes = append(d.outcomes, o)
		}
	}
	d.inOrder()
	return nil
}

// inOrder gives events of one moment ids that sort as they were told.
func (d *decision) inOrder() {
	var ids []string
	for _, e := range d.work.Events {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	for i := range d.work.Events {
		d.work.Events[i].ID = ids[i]
	}
}

// member decides the customer of a line, once for all lines of a member.
func (d *decision) member(e csv.Entry, told store.Told, o *Outcome) (customer string, err error) {
	o.Customer = StandsSame
	if known := d.members[e.Member.Number]; known != "" {
		return known, nil
	}
	var before csv.Member
	if told.Body != nil {
		if before, err = csv.Remembered(told.Body); err != nil {
			return "", err
		}
	}
	customer, o.Changed = told.Customer, e.Member.Changed(before)
	switch {
	case customer == "":
		customer = engawa.NewID(engawa.PrefixCustomer)
		o.Customer, o.Changed = StandsNew, nil
		d.work.Counts.Customers.New++
		d.work.New = append(d.work.New, d.enrolled(customer, e.Member))
		err = d.event("member.registered", e, customer, nil, o)
	case told.Body != nil && len(o.Changed) == 0:
		d.work.Counts.Customers.Same++
	default:
		o.Customer = StandsChanged
		d.work.Counts.Customers.Changed++
		d.work.Changes = append(d.work.Changes, d.change(customer, e.Member, before, o.Changed))
		if told.Body != nil {
			err = d.event("member.updated", e, customer, nil, o)
		}
	}
	d.members[e.Member.Number] = customer
	if err != nil || o.Customer == StandsSame {
		return customer, err
	}
	body, err := e.Member.Over(before).Keep()
	d.work.Remember = append(d.work.Remember, store.Remembered{Key: memberKey(e), Customer: customer, Body: body})
	return customer, err
}

// enrolled is a customer whom nobody knew.
func (d *decision) enrolled(id string, m csv.Member) store.NewCustomer {
	ws := d.of.Import.Workspace
	n := store.NewCustomer{
		Customer:   engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: m.Name, Locale: cmp.Or(m.Locale, d.of.Locale), Country: m.Country, CreatedAt: d.at},
		Identities: []engawa.Identity{{Issuer: issuer(d.of.Source), Kind: "member_number", Value: m.Number}},
	}
	for kind, a := range map[string]engawa.Address{"mail": m.Mail, "phone": m.Phone} {
		if a != "" {
			n.ContactPoints = append(n.ContactPoints, d.point(id, kind, a))
		}
	}
	return n
}

func (d *decision) point(customer, kind string, a engawa.Address) engawa.ContactPoint {
	p := engawa.ContactPoint{Workspace: d.of.Import.Workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: customer, Kind: kind, Address: a, CreatedAt: d.at}
	if d.of.Mapping.Verified {
		p.VerifiedAt = d.at
	}
	return p
}

// change is what is told anew of a customer. What the file did not change is
// left as it is, since somebody may have corrected it here.
func (d *decision) change(customer string, now, before csv.Member, changed []string) store.CustomerChange {
	c := store.CustomerChange{Customer: customer}
	has := func(what string) bool { return slices.Contains(changed, what) }
	if has("name") || has("language") || has("country") {
		c.Set = func(cu *engawa.Customer) {
			if has("name") {
				cu.Name = now.Name
			}
			if has("language") {
				cu.Locale = now.Locale
			}
			if has("country") && cu.Country != now.Country {
				cu.Country, cu.Zone = now.Country, "" // a zone of the country before is none of this one
			}
		}
	}
	for _, x := range []struct {
		what, kind string
		now, then  engawa.Address
	}{{"email", "mail", now.Mail, before.Mail}, {"phone", "phone", now.Phone, before.Phone}} {
		if !has(x.what) {
			continue
		}
		c.Add = append(c.Add, d.point(customer, x.kind, x.now))
		if x.then != "" {
			c.End = append(c.End, engawa.ContactPoint{Kind: x.kind, Address: x.then})
		}
	}
	return c
}

// contract decides the contract of a line.
func (d *decision) contract(e csv.Entry, customer string, told store.Told, o *Outcome) error {
	now := *e.Contract
	if told.Body != nil {
		before, err := csv.RememberedContract(told.Body)
		if err != nil {
			return err
		}
		now = now.Over(before)
		o.Before = &before
	}
	o.Now = &now
	switch {
	case o.Before == nil:
		o.Contract = StandsNew
		d.work.Counts.Contracts.New++
	case *o.Before == now && told.Customer == customer:
		o.Contract = StandsSame
		d.work.Counts.Contracts.Same++
		return nil
	default:
		o.Contract = StandsChanged
		d.work.Counts.Contracts.Changed++
	}
	body, err := now.Keep()
	if err != nil {
		return err
	}
	d.work.Remember = append(d.work.Remember, store.Remembered{Key: contractKey(e), Customer: customer, Running: now.State.Running(), Body: body})
	for _, typ := range csv.Told(o.Before, now) {
		if err := d.event(typ, e, customer, &now, o); err != nil {
			return err
		}
	}
	return nil
}

// event tells of what a line changed, if it is told of.
func (d *decision) event(typ string, e csv.Entry, customer string, now *csv.Contract, o *Outcome) error {
	if !d.tell {
		return nil
	}
	data, err := csv.Data(typ, e.Member, o.Before, now, o.Changed)
	if err != nil {
		return err
	}
	about := "member:" + e.Member.Number
	if now != nil {
		about = "contract:" + now.ID
	}
	o.Types = append(o.Types, typ)
	d.work.Counts.Events++
	d.work.Events = append(d.work.Events, engawa.Event{
		Workspace: d.of.Import.Workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, d.at), Account: d.of.Source.ID, Type: typ,
		DedupKey: engawa.FixedID("told", d.id, typ, about), Subject: about, Customer: customer, OccurredAt: d.at, ReceivedAt: d.at, Data: data, Known: true,
	})
	return nil
}
