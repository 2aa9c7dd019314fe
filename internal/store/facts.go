package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// Ask is a message that may go on an account, to be judged.
type Ask struct {
	Message     engawa.Message
	Account     string
	Destination string // where the account is to send it instead of Message.Destination; may be empty
}

// Known is what the store knows for a verdict, and where the message would go.
type Known struct {
	Facts       engawa.Facts
	To          engawa.Address
	ToName      string
	AboutName   string // of the customer whom a notice to staff tells of
	SenderName  string
	Locale      engawa.Locale // the recipient's
	Destination string
	Purchases   []engawa.Purchase // where Message.While asks: that purchase and the customer's subscriptions; where Message.Offer does: all
	Products    []engawa.Product  // that are described, where Message.While asks for a lower plan
	Offered     bool              // there: another message offered the customer the same for a purchase in the same environment, or is about to
	Offer       OfferKnown        // where Message.Offer is set
	Paused      bool              // its broadcast is: it waits, whatever the verdict
}

// String names who would be written to on which account, without address and name.
func (k Known) String() string {
	return "facts of " + cmp.Or(k.Destination, k.Facts.Customer, "nobody") + " on " + k.Facts.Account
}

// Format prints String whatever the verb.
func (k Known) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// MarshalText is String, in JSON and text encodings.
func (k Known) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Facts gathers what a verdict on each of asks needs, all of one workspace.
// Relationship.Required, DisclosureRequired, OneClick and Content are the
// caller's to fill in: they come from the channel's kind and from the words.
func (s *Store) Facts(ctx context.Context, workspace string, asks []Ask) (known []Known, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		w, err := t.world(workspace, asks, nil, false)
		if err == nil {
			known, err = w.knowAll(asks)
		}
		return err
	})
	return known, err
}

// world is what one batch of asks needs, loaded with one statement a table.
type world struct {
	now          time.Time
	workspace    engawa.Workspace
	ring         keyring
	accounts     map[string]accountHead
	customers    map[string]engawa.Customer
	contacts     map[string][]contactRow
	destinations map[string]destinationRow
	events       map[string]engawa.Event // that notices on telling accounts tell of
	consents     map[string][]engawa.ConsentFacts
	suppressed   map[string][]engawa.SuppressionFacts
	related      map[string]engawa.RelationshipFacts
	disclosures  []disclosureRow
	grants       map[string][]engawa.GrantFacts // by partner, oldest first
	partners     map[string]engawa.Partner
	handed       map[string]time.Time // when a partner's message was last handed over, this month
	over         map[string]bool      // partners' messages whose handle ended with a contract
	slowed       map[string]int       // by partner: how much marketing may go today
	barred       map[string]bool      // partners whose marketing is stopped
	day          time.Time            // where quotas of a day begin
	sent         map[string][]sentRow
	stopped      map[string]bool
	paused       map[string]bool              // broadcasts
	purchases    map[string][]engawa.Purchase // of customers of whose purchases a message asks something
	products     []engawa.Product             // that are described, where a message asks for a lower plan
	offered      map[string][]offeredRow      // messages that offered a plan, by customer
	offers       map[string][]offerStock      // pools, by offer
	inHands      map[string][]codeRow         // codes of these offers, by customer
	budgets      map[string][]engawa.BudgetFacts
}

type accountHead struct {
	kind    string
	name    string
	enabled bool
	tells   bool   // it may be told whom a notice tells of
	app     string // of one that shows messages in an app: whose contact points alone it reaches
}

type disclosureRow struct {
	app, account string
	facts        engawa.DisclosureFacts
}

type sentRow struct {
	partner string
	n       int
	oldest  time.Time
}

// world loads what asks need, and the keys of the customers in by. With lock,
// customers, staff places, grants and broadcasts cannot change before the
// transaction ends; and of two that would write to the same customer, or use up
// the same quota, the second waits and counts the first.
func (t *tx) world(workspace string, asks []Ask, by []string, lock bool) (*world, error) {
	w := &world{now: time.Now()}
	var customers, partners, destinations, accounts, broadcasts []string
	for _, a := range asks {
		customers = append(customers, a.Message.Owner())
		partners = append(partners, a.Message.Partner)
		destinations = append(destinations, a.Destination, a.Message.Destination)
		accounts = append(accounts, a.Account)
		broadcasts = append(broadcasts, a.Message.Broadcast)
	}
	customers, partners = distinct(customers), distinct(partners)
	destinations, accounts, broadcasts = distinct(destinations), distinct(accounts), distinct(broadcasts)
	for _, load := range []func() error{
		func() (err error) { w.workspace, err = t.workspace(workspace); return err },
		func() error { return t.loadAccounts(w, workspace, accounts) },
		func() error { return t.loadCustomers(w, workspace, customers, by, lock) },
		func() error { return t.loadDestinations(w, workspace, destinations, lock) },
		func() error { return t.loadEvents(w, workspace, asks, lock) },
		func() error { return t.loadConsents(w, workspace, customers) },
		func() error { return t.loadSuppressions(w, workspace) },
		func() error { return t.loadRelationships(w, workspace, accounts) },
		func() error { return t.loadDisclosures(w, workspace, customers) },
		func() error { return t.loadGrants(w, workspace, partners, lock) },
		func() error { return t.loadUse(w, workspace, asks) },
		func() error { return t.loadStandings(w, workspace, partners) },
		func() error { return t.loadSent(w, workspace, asks) },
		func() error { return t.loadStopped(w, workspace, broadcasts, lock) },
		func() error { return t.loadPurchases(w, workspace, asks) },
		func() error { return t.loadOffered(w, workspace, asks) },
		func() error { return t.loadOffers(w, workspace, asks) },
		func() error { return t.loadBudgets(w, workspace, accounts) },
	} {
		if err := load(); err != nil {
			return nil, fmt.Errorf("facts: %w", err)
		}
	}
	return w, nil
}

// knowAll reads the facts of each ask off the world that was loaded for them.
func (w *world) knowAll(asks []Ask) ([]Known, error) {
	known := make([]Known, len(asks))
	err := parallel(len(asks), func(i int) (err error) {
		if known[i], err = w.know(asks[i]); err != nil {
			err = fmt.Errorf("facts: %w", err)
		}
		return err
	})
	return known, err
}

func distinct(ids []string) []string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 0 && ids[0] == "" {
		ids = ids[1:]
	}
	return ids
}

// know reads the facts of one ask off the world.
func (w *world) know(a Ask) (Known, error) {
	m := a.Message
	head := w.accounts[a.Account]
	f := engawa.Facts{
		Workspace: w.workspace.ID, Account: a.Account, Channel: head.kind, Customer: m.Customer,
		Purpose: m.Purpose, Trigger: m.Trigger, Topic: m.Topic, App: m.App, Controller: engawa.ControllerWorkspace,
		Sender: w.workspace.Sender, Applied: m.Applied, CreatedAt: m.From(), ExpiresAt: m.ExpiresAt,
		House: w.workspace.House, Budgets: w.budgets[a.Account],
		Stopped: !head.enabled || w.stopped[m.Broadcast],
	}
	k := Known{SenderName: w.workspace.Name, Locale: w.workspace.Locale, Paused: w.paused[m.Broadcast]}
	if m.While.Holds != "" || m.Offer != "" {
		k.Purchases = w.purchases[m.Customer]
	}
	if m.While.Holds == engawa.WhileLower {
		k.Products, k.Offered = w.products, w.wasOffered(m)
	}
	if m.Offer != "" {
		k.Offer = w.offerFor(m)
	}
	if m.Partner != "" {
		f.Controller, f.Grant = m.Partner, w.grantFor(m, head.kind)
		f.Sender = w.partners[m.Partner].Sender
		k.SenderName = w.partners[m.Partner].Name + " via " + w.workspace.Name
		w.stand(m, &f)
	}
	if dst := firstSet(a.Destination, m.Destination); dst != "" {
		if w.destinations[dst].Address == engawa.ByHand { // a list whose form is switched off still has its people
			f.Stopped = w.stopped[m.Broadcast]
		}
		return w.knowDestination(k, f, dst, m)
	}
	f.Nobody = m.Nobody()
	return w.knowCustomer(k, f, head, m.ContactPoint)
}

// grantFor is the grant by which the sender may say m: of several, one that is in
// force before one that is not, then one that covers the message, then the
// newest. A message does not count against itself when it is tried again.
func (w *world) grantFor(m engawa.Message, channel string) *engawa.GrantFacts {
	var best engawa.GrantFacts
	score := -1
	for _, g := range w.grants[m.Partner] {
		n := 0
		if inForce(g, w.now) {
			n += 2
		}
		if covers(g.Apps, m.App) && covers(g.Channels, channel) && covers(g.Purposes, m.Purpose) {
			n++
		}
		if n >= score {
			best, score = g, n
		}
	}
	if handed, ok := w.handed[m.ID]; ok && best.QuotaDay+best.QuotaMon > 0 {
		best.UsedMonth--
		if !handed.Before(w.day) {
			best.UsedDay--
		}
	}
	if w.over[m.ID] && best.EndedAt.IsZero() {
		best.EndedAt = w.now.UTC()
	}
	return &best
}

// inForce tells a grant that holds now from one that ended or is to begin: a
// partner may have the next one already.
func inForce(g engawa.GrantFacts, now time.Time) bool {
	return g.EndedAt.IsZero() && !now.Before(g.StartsAt) && (g.EndsAt.IsZero() || now.Before(g.EndsAt))
}

// covers reports whether a list of a grant names one.
func covers[T ~string](list []T, one T) bool {
	return slices.Contains(list, one) || slices.Contains(list, "*")
}

func firstSet(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (w *world) knowDestination(k Known, f engawa.Facts, id string, m engawa.Message) (Known, error) {
	f.ToDestination, f.Customer = true, ""
	k.AboutName = w.customers[m.About].Name
	if d, ok := w.destinations[id]; ok {
		k.To, k.ToName, k.Destination = d.Address, d.Name, id
		if d.Locale != "" {
			k.Locale = d.Locale
		}
		f.Contact = &engawa.ContactFacts{ID: id, Verified: true, Serves: true}
		f.Suppressions = w.suppressed[d.index]
	}
	var err error
	if w.accounts[f.Account].tells && w.events != nil && m.Partner == "" {
		f.About, err = w.about(m)
	}
	k.Facts = f
	return k, err
}

// about is the customer whom m tells of, at the mail address that serves its
// purpose best, with the event that made it.
func (w *world) about(m engawa.Message) (*engawa.About, error) {
	e := w.events[m.Event]
	c := w.customers[m.About]
	out := &engawa.About{Customer: c.ID, Name: c.Name, Event: e.ID, Type: e.Type, Data: e.Data}
	if p := choose(w.contacts[m.About], "mail", m.Purpose); p != nil && !c.Erased {
		plain, err := w.ring.open(p.Workspace, p.by, "contact_point", p.ID, p.sealed)
		if err != nil {
			return nil, err
		}
		out.Mail = engawa.Address(plain)
	}
	return out, nil
}

// loadEvents loads, for a claim, what the notices on telling accounts tell of.
func (t *tx) loadEvents(w *world, workspace string, asks []Ask, lock bool) error {
	var ids []string
	told := false
	for _, a := range asks {
		if w.accounts[a.Account].tells && firstSet(a.Destination, a.Message.Destination) != "" {
			told, ids = true, append(ids, a.Message.Event)
		}
	}
	if !told || !lock {
		return nil
	}
	w.events = map[string]engawa.Event{}
	if ids = distinct(ids); len(ids) == 0 {
		return nil
	}
	rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id {in $2}`, workspace, t.list(ids))
	if err != nil {
		return err
	}
	events, err := t.openEvents(workspace, rows)
	for _, e := range events {
		w.events[e.ID] = e
	}
	return err
}

// knowCustomer fills in whom the message reaches; point is the contact point
// that it is for, or empty.
func (w *world) knowCustomer(k Known, f engawa.Facts, head accountHead, point string) (Known, error) {
	c, ok := w.customers[f.Customer]
	if !ok {
		k.Facts = f
		return k, nil
	}
	k.ToName = c.Name
	if c.Locale != "" {
		k.Locale = c.Locale
	}
	f.Minor, f.Erased = c.Minor, c.Erased
	f.Country, f.Zones = places(c)
	contact := engawa.ContactKind(head.kind)
	f.Consents = asIfTo(w.consents[f.Customer], contact, head.kind)
	for _, r := range w.sent[f.Customer] {
		f.SentDay += r.n
		if r.partner == "" && f.Controller == engawa.ControllerWorkspace || r.partner == f.Controller {
			f.SentSender += r.n
		}
		if f.OldestDay.IsZero() || r.oldest.Before(f.OldestDay) {
			f.OldestDay = r.oldest
		}
	}
	for _, d := range w.disclosures {
		if (d.app == "" || d.app == f.App) && (d.account == "" || d.account == f.Account) {
			facts := d.facts
			f.Disclosure = &facts
		}
	}
	points := named(w.contacts[f.Customer], point)
	if head.app != "" && !c.Erased {
		var err error
		if points, err = w.inApp(points, head.app, f.App); err != nil {
			return k, err
		}
	}
	if p := choose(w.nearest(points, contact, f.Account), contact, f.Purpose); p != nil && !c.Erased {
		plain, err := w.ring.open(p.Workspace, p.by, "contact_point", p.ID, p.sealed)
		if err != nil {
			return k, err
		}
		k.To = engawa.Address(plain)
		f.Contact = &engawa.ContactFacts{ID: p.ID, Verified: !p.VerifiedAt.IsZero(), Serves: point != "" || p.Serves(f.Purpose)}
		f.Suppressions = w.suppressed[p.index]
		f.Relationship = w.related[f.Account+"\n"+p.ID]
	}
	k.Facts = f
	return k, nil
}

// nearest are the contact points of a kind that are friends of the account; where none
// is, those that it knows: of two accounts on one channel, each reaches its own.
func (w *world) nearest(points []contactRow, kind, account string) []contactRow {
	var friends, known []contactRow
	for _, p := range points {
		r, ok := w.related[account+"\n"+p.ID]
		if p.Kind != kind || !ok {
			continue
		}
		if known = append(known, p); r.State == "friend" {
			friends = append(friends, p)
		}
	}
	switch {
	case friends != nil:
		return friends
	case known != nil:
		return known
	}
	return points
}

// inApp are the contact points that an account reaches which shows messages in an
// app: the customer's there, for what is about that app or about none.
func (w *world) inApp(points []contactRow, app, about string) (out []contactRow, err error) {
	if about != "" && about != app {
		return nil, nil
	}
	for _, p := range points {
		if p.Kind != inAppKind {
			continue
		}
		plain, err := w.ring.open(p.Workspace, p.by, "contact_point", p.ID, p.sealed)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(plain), app+"/") {
			out = append(out, p)
		}
	}
	return out, nil
}

// asIfTo are consents in which a decision about the kind of contact point counts
// for the channel that writes there.
func asIfTo(cs []engawa.ConsentFacts, contact, channel string) []engawa.ConsentFacts {
	if contact == channel {
		return cs
	}
	out := slices.Clone(cs)
	for i := range out {
		if out[i].Channel == contact {
			out[i].Channel = channel
		}
	}
	return out
}

// named are the contact points among which a message chooses: all, or the one
// that it is for.
func named(ps []contactRow, point string) []contactRow {
	if point == "" {
		return ps
	}
	return slices.DeleteFunc(slices.Clone(ps), func(p contactRow) bool { return p.ID != point })
}

// choose returns the contact point of a kind that serves the purpose best: one
// chosen for it and verified, then verified, then any.
func choose(ps []contactRow, kind string, purpose engawa.Purpose) *contactRow {
	var best *contactRow
	score := -1
	for i := range ps {
		p := &ps[i]
		if p.Kind != kind {
			continue
		}
		n := 0
		if p.Serves(purpose) {
			n += 4
		}
		if len(p.Purposes) > 0 && p.Serves(purpose) {
			n++
		}
		if !p.VerifiedAt.IsZero() {
			n += 2
		}
		if n > score {
			best, score = p, n
		}
	}
	return best
}

// places are the customer's country and zone where they are known; what counts
// where they are not is for the verdict.
func places(c engawa.Customer) (countries, zones []string) {
	if c.Country != "" {
		countries = []string{c.Country}
	}
	if c.Zone != "" {
		zones = []string{c.Zone}
	}
	return countries, zones
}

func (t *tx) loadAccounts(w *world, workspace string, ids []string) error {
	w.accounts = map[string]accountHead{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var id string
		var owner string
		var h accountHead
		err := scan(&id, &h.kind, &h.name, &h.enabled, &owner)
		h.tells = owner == engawa.OwnerWorkspace && slices.Contains(t.s.Tells, h.kind)
		w.accounts[id] = h
		return struct{}{}, err
	}, `SELECT id, kind, name, enabled, owner FROM account WHERE workspace = $1 AND id {in $2} AND ended_at = 0`, workspace, t.list(ids))
	if err != nil {
		return err
	}
	return t.loadApps(w, workspace, ids)
}

// inAppKind is the kind of account that shows messages in an app, and of the
// contact points there, "app_…/cus_…" (internal/channel/inapp).
const inAppKind = "inapp"

// loadApps loads in which app each account of that kind shows messages.
func (t *tx) loadApps(w *world, workspace string, ids []string) error {
	if !slices.ContainsFunc(ids, func(id string) bool { return w.accounts[id].kind == inAppKind }) {
		return nil
	}
	accounts, err := t.accounts(workspace, `AND kind = '`+inAppKind+`' AND id {in $2}`, t.list(ids))
	for _, a := range accounts {
		h := w.accounts[a.ID]
		h.app = a.Settings["app"]
		w.accounts[a.ID] = h
	}
	return err
}

// loadCustomers reads customers, then the keys: a key that is read behind the
// customer's lock is there until the transaction ends.
func (t *tx) loadCustomers(w *world, workspace string, ids, by []string, lock bool) (err error) {
	w.customers, w.contacts = map[string]engawa.Customer{}, map[string][]contactRow{}
	var rows []customerRow
	if len(ids) > 0 {
		q := `SELECT ` + customerColumns + ` FROM customer WHERE workspace = $1 AND id {in $2} ORDER BY id`
		if lock {
			q += ` {lock}`
		}
		if rows, err = all(t, scanCustomer, q, workspace, t.list(ids)); err != nil {
			return err
		}
	}
	if w.ring, err = t.keys(workspace, distinct(slices.Concat(ids, by))); err != nil || len(ids) == 0 {
		return err
	}
	for _, r := range rows {
		if r.Name, err = openName(w.ring, r); err != nil {
			return err
		}
		w.customers[r.ID] = r.Customer
	}
	points, err := t.contactPoints(workspace, ids)
	for _, p := range points {
		w.contacts[p.Customer] = append(w.contacts[p.Customer], p)
	}
	return err
}

func openName(ring keyring, r customerRow) (string, error) {
	if r.Erased || !ring.opens(r.by) {
		return "", nil
	}
	name, err := ring.open(r.Workspace, r.by, "customer", r.ID, r.sealed)
	return string(name), err
}

func (t *tx) loadDestinations(w *world, workspace string, ids []string, lock bool) error {
	w.destinations = map[string]destinationRow{}
	if len(ids) == 0 {
		return nil
	}
	q := `AND id {in $2} ORDER BY id`
	if lock {
		q += ` {share}`
	}
	rows, err := t.destinations(workspace, q, t.list(ids))
	for _, r := range rows {
		w.destinations[r.ID] = r
	}
	return err
}

func (t *tx) loadConsents(w *world, workspace string, customers []string) error {
	w.consents = map[string][]engawa.ConsentFacts{}
	if len(customers) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var c engawa.ConsentFacts
		var customer, evidence string
		var when, reminded int64
		if err := scan(&customer, &c.Controller, &c.App, &c.Act, &c.Purpose, &c.Channel, &c.Topic, &c.Given, &c.Pending, &when, &reminded, &evidence); err != nil {
			return struct{}{}, err
		}
		var e engawa.Evidence
		if err := json.Unmarshal([]byte(evidence), &e); err != nil {
			return struct{}{}, err
		}
		c.At, c.RemindedAt, c.Wording, c.Where = at(when), at(reminded), e.Version, e.Where
		w.consents[customer] = append(w.consents[customer], c)
		return struct{}{}, nil
	}, `SELECT customer, controller, app, act, purpose, channel, topic, given, pending, at, reminded_at, evidence
		FROM consent WHERE workspace = $1 AND customer {in $2} ORDER BY customer, at, id`, workspace, t.list(customers))
	return err
}

func (t *tx) loadSuppressions(w *world, workspace string) error {
	w.suppressed = map[string][]engawa.SuppressionFacts{}
	var indexes []string
	for _, ps := range w.contacts {
		for _, p := range ps {
			indexes = append(indexes, p.index)
		}
	}
	for _, d := range w.destinations {
		indexes = append(indexes, d.index)
	}
	if len(indexes) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var index string
		var f engawa.SuppressionFacts
		var when, until int64
		err := scan(&index, &f.Reason, &when, &until)
		f.At, f.Until = at(when), at(until)
		w.suppressed[index] = append(w.suppressed[index], f)
		return struct{}{}, err
	}, `SELECT address_index, reason, at, until_at FROM suppression
		WHERE workspace = $1 AND address_index {in $2} AND (until_at = 0 OR until_at > $3) ORDER BY at`, workspace, t.list(distinct(indexes)), us(w.now))
	return err
}

func (t *tx) loadRelationships(w *world, workspace string, accounts []string) error {
	w.related = map[string]engawa.RelationshipFacts{}
	var points []string
	for _, ps := range w.contacts {
		for _, p := range ps {
			points = append(points, p.ID)
		}
	}
	if len(points) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var account, point string
		var f engawa.RelationshipFacts
		var since int64
		err := scan(&account, &point, &f.State, &since)
		f.Since = at(since)
		w.related[account+"\n"+point] = f
		return struct{}{}, err
	}, `SELECT account, contact_point, state, since FROM relationship WHERE workspace = $1 AND account {in $2} AND contact_point {in $3}`,
		workspace, t.list(accounts), t.list(points))
	return err
}

func (t *tx) loadDisclosures(w *world, workspace string, customers []string) error {
	if len(customers) == 0 {
		return nil
	}
	var err error
	w.disclosures, err = all(t, func(scan func(...any) error) (d disclosureRow, err error) {
		var since int64
		err = scan(&d.facts.ID, &d.app, &d.account, &d.facts.Version, &since)
		d.facts.Since = at(since)
		return d, err
	}, `SELECT id, app, account, version, since FROM disclosure WHERE workspace = $1 AND ended_at = 0 ORDER BY since`, workspace)
	return err
}

func (t *tx) loadGrants(w *world, workspace string, partners []string, lock bool) error {
	w.grants, w.partners = map[string][]engawa.GrantFacts{}, map[string]engawa.Partner{}
	if len(partners) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var p engawa.Partner
		var sender string
		if err := scan(&p.ID, &p.Name, &sender); err != nil {
			return struct{}{}, err
		}
		err := json.Unmarshal([]byte(sender), &p.Sender)
		w.partners[p.ID] = p
		return struct{}{}, err
	}, `SELECT id, name, sender FROM partner WHERE workspace = $1 AND id {in $2}`, workspace, t.list(partners))
	if err != nil {
		return err
	}
	q := `SELECT id, partner, terms, starts_at, ends_at, ended_at FROM partner_grant WHERE workspace = $1 AND partner {in $2} ORDER BY starts_at, id`
	if lock {
		q += ` {lock}`
	}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var f engawa.GrantFacts
		var partner, terms string
		var starts, ends, ended int64
		if err := scan(&f.ID, &partner, &terms, &starts, &ends, &ended); err != nil {
			return struct{}{}, err
		}
		var g grantTerms
		if err := json.Unmarshal([]byte(terms), &g); err != nil {
			return struct{}{}, err
		}
		f.Scopes, f.Apps, f.Channels, f.Purposes, f.QuotaDay, f.QuotaMon = g.Scopes, g.Apps, g.Channels, g.Purposes, g.Day, g.Month
		f.StartsAt, f.EndsAt, f.EndedAt = at(starts), at(ends), at(ended)
		w.grants[partner] = append(w.grants[partner], f)
		return struct{}{}, nil
	}, q, workspace, t.list(partners))
	return err
}

// loadUse counts, for grants with a quota, the messages that their partners had
// handed over on this day and in this month of the workspace's zone. What
// waits uses nothing up, and neither does what failed. Of a partner with several
// grants all of it counts against each.
func (t *tx) loadUse(w *world, workspace string, asks []Ask) error {
	w.handed = map[string]time.Time{}
	zone, err := engawa.Zone(w.workspace.Zone)
	if err != nil {
		return fmt.Errorf("zone of workspace: %w", err)
	}
	y, m, d := w.now.In(zone).Date()
	month := time.Date(y, m, 1, 0, 0, 0, 0, zone)
	w.day = time.Date(y, m, d, 0, 0, 0, 0, zone)
	for partner, grants := range w.grants {
		if !slices.ContainsFunc(grants, func(g engawa.GrantFacts) bool { return g.QuotaDay+g.QuotaMon > 0 }) {
			continue
		}
		var inDay, inMonth int
		if _, err := all(t, func(scan func(...any) error) (struct{}, error) {
			return struct{}{}, scan(&inDay, &inMonth)
		}, `SELECT count(DISTINCT CASE WHEN handed_at >= $4 THEN message END), count(DISTINCT message) FROM delivery
			WHERE workspace = $1 AND partner = $2 AND partner <> '' AND handed_at > 0 AND handed_at >= $3`, workspace, partner, us(month), us(w.day)); err != nil {
			return err
		}
		for i := range grants {
			grants[i].UsedDay, grants[i].UsedMonth = inDay, inMonth
			grants[i].DayEnds, grants[i].MonthEnds = w.day.AddDate(0, 0, 1).UTC(), month.AddDate(0, 1, 0).UTC()
		}
	}
	return t.loadHanded(w, workspace, asks, month)
}

// loadHanded finds which of a partner's messages were handed over before, and
// whose contract is over: a subscription's end leaves the grant as it is.
func (t *tx) loadHanded(w *world, workspace string, asks []Ask, month time.Time) error {
	var messages []string
	for _, a := range asks {
		if a.Message.Partner != "" {
			messages = append(messages, a.Message.ID)
		}
	}
	if messages = distinct(messages); len(messages) == 0 {
		return nil
	}
	over, err := all(t, scanString, `SELECT p.message FROM partner_message p JOIN handle h ON h.workspace = p.workspace AND h.id = p.handle
		WHERE p.workspace = $1 AND p.message {in $2} AND h.ended_by = '`+endedByContract+`'`, workspace, t.list(messages))
	if err != nil {
		return err
	}
	w.over = map[string]bool{}
	for _, id := range over {
		w.over[id] = true
	}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var message string
		var handed int64
		err := scan(&message, &handed)
		w.handed[message] = at(handed)
		return struct{}{}, err
	}, `SELECT message, max(handed_at) FROM delivery WHERE workspace = $1 AND message {in $2} AND handed_at >= $3 GROUP BY message`,
		workspace, t.list(messages), us(month))
	return err
}

// loadSent counts what was handed over in the last 24 hours, for customers who
// are to get more than service messages.
func (t *tx) loadSent(w *world, workspace string, asks []Ask) error {
	w.sent = map[string][]sentRow{}
	var customers []string
	for _, a := range asks {
		if a.Message.Purpose.Class() != engawa.Service {
			customers = append(customers, a.Message.Customer)
		}
	}
	if customers = distinct(customers); len(customers) == 0 {
		return nil
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var customer string
		var r sentRow
		var oldest int64
		err := scan(&customer, &r.partner, &r.n, &oldest)
		r.oldest = at(oldest)
		w.sent[customer] = append(w.sent[customer], r)
		return struct{}{}, err
	}, `SELECT customer, partner, count(*), min(handed_at) FROM delivery
		WHERE workspace = $1 AND customer {in $2} AND handed_at > 0 AND handed_at > $3 AND class <> 'service' GROUP BY customer, partner ORDER BY customer, partner`,
		workspace, t.list(customers), us(w.now.Add(-24*time.Hour)))
	return err
}

// loadStopped locks the broadcasts' rows for a claim, so that a stop or a pause is
// either seen or waits.
func (t *tx) loadStopped(w *world, workspace string, broadcasts []string, lock bool) error {
	w.stopped, w.paused = map[string]bool{}, map[string]bool{}
	if len(broadcasts) == 0 {
		return nil
	}
	q := `SELECT id, state FROM broadcast WHERE workspace = $1 AND id {in $2} ORDER BY id`
	if lock {
		q += ` {share}`
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var id, state string
		err := scan(&id, &state)
		w.stopped[id], w.paused[id] = state == string(engawa.BroadcastStopped), state == string(engawa.BroadcastPaused)
		return struct{}{}, err
	}, q, workspace, t.list(broadcasts))
	return err
}

// loadPurchases loads the purchases that messages ask something of. Who hears of
// a purchase shares the customer's lock (Store.Hear): for a claim they stand still.
func (t *tx) loadPurchases(w *world, workspace string, asks []Ask) error {
	var customers, ids, offered []string
	for _, a := range asks {
		if a.Message.While.Holds != "" {
			customers, ids = append(customers, a.Message.Customer), append(ids, a.Message.While.Purchase)
		}
		if a.Message.Offer != "" {
			offered = append(offered, a.Message.Customer)
		}
	}
	if customers = distinct(slices.Concat(customers, offered)); len(customers) == 0 {
		return nil
	}
	rows, err := all(t, scanPurchase, `SELECT `+purchaseColumns+` FROM purchase
		WHERE workspace = $1 AND customer {in $2} AND (kind = '`+renewing+`' OR id {in $3} OR customer {in $4}) ORDER BY bought_at, id`,
		workspace, t.list(customers), t.list(distinct(ids)), t.list(distinct(offered)))
	if err != nil {
		return err
	}
	ps, err := t.openPurchases(workspace, rows)
	w.purchases = map[string][]engawa.Purchase{}
	for _, p := range ps {
		w.purchases[p.Customer] = append(w.purchases[p.Customer], p)
	}
	return err
}

// offeredRow is a message that offered a higher plan.
type offeredRow struct {
	id, customer, product, purchase string
	state                           engawa.MessageState
	created                         int64
}

// loadOffered loads what bears on the offer of a higher plan: the plans as they are
// described, and what the customers were offered.
func (t *tx) loadOffered(w *world, workspace string, asks []Ask) (err error) {
	var customers []string
	for _, a := range asks {
		if a.Message.While.Holds == engawa.WhileLower {
			customers = append(customers, a.Message.Customer)
		}
	}
	if customers = distinct(customers); len(customers) == 0 {
		return nil
	}
	if w.products, err = t.products(workspace); err != nil {
		return err
	}
	w.offered = map[string][]offeredRow{}
	_, err = all(t, func(scan func(...any) error) (r offeredRow, err error) {
		var standing string
		var while engawa.While
		if err = scan(&r.id, &r.customer, &standing, &r.state, &r.created); err == nil {
			err = json.Unmarshal([]byte(standing), &while)
		}
		r.product, r.purchase = while.Product, while.Purchase
		w.offered[r.customer] = append(w.offered[r.customer], r)
		return r, err
	}, `SELECT id, customer, standing, `+messageState+`, created_at FROM message WHERE workspace = $1 AND customer <> '' AND customer {in $2}
		AND `+messageState+` IN ('waiting', 'sent', 'unknown') AND standing LIKE '{"holds":"`+string(engawa.WhileLower)+`"%' ORDER BY created_at, id`, workspace, t.list(customers))
	return err
}

// wasOffered reports whether another message offered m's customer the same plan, or
// waits and was made before m. What was offered for a purchase in the sandbox was
// offered to a tester.
func (w *world) wasOffered(m engawa.Message) bool {
	environment := w.environmentOf(m.Customer, m.While.Purchase)
	return slices.ContainsFunc(w.offered[m.Customer], func(r offeredRow) bool {
		before := r.created < us(m.CreatedAt) || r.created == us(m.CreatedAt) && r.id < m.ID
		return r.id != m.ID && r.product == m.While.Product && w.environmentOf(m.Customer, r.purchase) == environment && (r.state != engawa.MessageWaiting || before)
	})
}

// environmentOf is where one of a customer's purchases was made; empty: nothing is
// known of it.
func (w *world) environmentOf(customer, purchase string) string {
	all := w.purchases[customer]
	if i := slices.IndexFunc(all, func(p engawa.Purchase) bool { return p.ID == purchase }); i >= 0 {
		return all[i].Environment
	}
	return ""
}

// quotaScope is how a lane_limit row of a quota (not of pacing) begins.
const quotaScope = "quota:"

func (t *tx) loadBudgets(w *world, workspace string, accounts []string) error {
	w.budgets = map[string][]engawa.BudgetFacts{}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var account, scope, state string
		if err := scan(&account, &scope, &state); err != nil {
			return struct{}{}, err
		}
		var b engawa.BudgetFacts
		if err := json.Unmarshal([]byte(state), &b); err != nil {
			return struct{}{}, err
		}
		if b.Scope = strings.TrimPrefix(scope, quotaScope); b.ResetsAt.After(w.now) {
			w.budgets[account] = append(w.budgets[account], b)
		}
		return struct{}{}, nil
	}, `SELECT account, scope, state FROM lane_limit WHERE workspace = $1 AND account {in $2} AND scope >= 'quota:' AND scope < 'quota;' ORDER BY account, scope`,
		workspace, t.list(accounts))
	return err
}
