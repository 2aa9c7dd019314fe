// Package message turns what is asked for, by a request or by a route's plan,
// into messages: rendered in the recipient's language, judged early on every
// account they may use, with what the law obliges added, ready to be stored.
package message

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/verdict"
)

// Request asks for one message. Exactly one of Customer, Destination and Nobody is set.
type Request struct {
	Workspace   string
	ID          string          // the message's, where what asks for it gives it one, so that it is made once; empty: a new one
	Event       *engawa.Event   // what caused it; nil for a request and for
	Digest      []engawa.Event  // the events that it tells of together; or
	Cause       []engawa.Event  // Event and the others of its cause, which it names in their own words
	Mute        []engawa.Window // in these it waits
	While       engawa.Standing // what must hold of Purchase, or else of the one that Event is about; empty: nothing
	Purchase    engawa.Purchase
	Offered     string // of engawa.WhileLower: the plan that it offers
	Route       string
	Partner     string // the sender; empty: the workspace itself
	Member      string // who clicked; empty: a system
	Reason      engawa.Because
	App         string
	Customer    string
	Destination string
	Nobody      bool   // a route writes to the customer of Event, which has none
	About       string // the customer whom a notice to a destination tells of; empty: the event's
	Point       string // the contact point of Customer that it is to reach; empty: whichever serves best
	Broadcast   string
	Purpose     engawa.Purpose
	Trigger     engawa.Trigger
	Topic       string
	Template    string                           // an id; or
	Content     engawa.Content                   // the words themselves; or
	Words       map[engawa.Locale]engawa.Content // as a template's are
	Variables   map[string]any
	Chain       []engawa.Via
	Urgent      bool
	Sample      bool
	At          time.Time // for samples with past times; zero: now
	NotBefore   time.Time
	ExpiresAt   time.Time
	Late        bool // of an event that was recovered, to a customer: where its time is over nobody is told
	Trace       string
}

// Composer makes messages. Its fields are set once.
type Composer struct {
	Store *store.Store
	Rules *rule.Set
	Words *text.Words
	Kinds []channel.Kind
	// Unsubscribe makes the one-click URL for a message; nil: none can be made.
	Unsubscribe func(m engawa.Message) string
	// OwnPage makes the link to the customer's own page for a message that leaves;
	// empty: none may stand in it; nil: there are no such pages.
	OwnPage func(m engawa.Message) string
	// Past says what became of a sample message's deliveries, where sample data
	// tells of trouble too; nil: what may go has gone.
	Past func(n *store.NewMessage)
}

// lifetime is how long a message may wait at most when nobody says.
const (
	lifetime     = 72 * time.Hour
	mailLifetime = 5 * 24 * time.Hour
)

// Accept composes and stores messages. The answer has the early verdicts; a
// refusal is a kept fact, not an error.
func (c *Composer) Accept(ctx context.Context, workspace string, rs []Request) ([]store.NewMessage, error) {
	ms, err := c.Compose(ctx, workspace, rs)
	if err != nil {
		return nil, err
	}
	return ms, c.Store.Enqueue(ctx, ms)
}

// Compose makes messages of one workspace without storing them: what Accept
// does before, what messages:check and engawa try show.
func (c *Composer) Compose(ctx context.Context, workspace string, rs []Request) ([]store.NewMessage, error) {
	if len(rs) == 0 {
		return nil, nil
	}
	w, err := c.world(ctx, workspace)
	rs = w.apart(rs)
	if err == nil {
		err = w.loadOwn(ctx, rs)
	}
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	ms := make([]engawa.Message, len(rs))
	var asks []store.Ask
	for i, r := range rs {
		if ms[i], err = w.begin(r); err == nil {
			ms[i].While, err = w.while(ctx, r)
		}
		if err == nil {
			ms[i].Offer, err = w.offer(ms[i], r)
		}
		if err != nil {
			return nil, err
		}
		for _, v := range ms[i].Chain {
			asks = append(asks, store.Ask{Message: ms[i], Account: v.Account, Destination: v.Destination})
		}
	}
	known, err := c.Store.Facts(ctx, workspace, asks)
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	out := make([]store.NewMessage, len(rs))
	for i := range rs {
		n := len(ms[i].Chain)
		if out[i], err = w.finish(ms[i], rs[i], known[:n]); err != nil {
			return nil, err
		}
		known = known[n:]
	}
	return out, nil
}

// apart gives an endpoint that takes events as they are each event by itself,
// whatever caused it.
func (w *world) apart(rs []Request) (out []Request) {
	for _, r := range rs {
		if len(r.Cause) == 0 || w.takes(r.Chain) == "" {
			out = append(out, r)
			continue
		}
		for i := range r.Cause {
			one := r
			one.Event, one.Cause = &r.Cause[i], nil
			out = append(out, one)
		}
	}
	return out
}

// world is what composing needs of a workspace.
type world struct {
	*Composer
	workspace engawa.Workspace
	zone      *time.Location
	accounts  map[string]engawa.Account
	templates map[string]engawa.Template
	apps      map[string]engawa.App
	own       map[string]engawa.EventType // the workspace's own types, where an event is of a type without words here
}

func (c *Composer) world(ctx context.Context, workspace string) (world, error) {
	w := world{Composer: c, accounts: map[string]engawa.Account{}, templates: map[string]engawa.Template{}, apps: map[string]engawa.App{}}
	var err error
	if w.workspace, err = c.Store.Workspace(ctx, workspace); err != nil {
		return w, err
	}
	if w.zone, err = engawa.Zone(w.workspace.Zone); err != nil {
		return w, fmt.Errorf("zone of workspace %s: %w", workspace, err)
	}
	accounts, err := c.Store.Accounts(ctx, workspace)
	if err != nil {
		return w, err
	}
	for _, a := range accounts {
		w.accounts[a.ID] = a
	}
	templates, err := c.Store.Templates(ctx, workspace)
	if err != nil {
		return w, err
	}
	for _, t := range templates {
		w.templates[t.ID] = t
	}
	apps, err := c.Store.Apps(ctx, workspace)
	for _, a := range apps {
		w.apps[a.ID] = a
	}
	return w, err
}

// loadOwn loads the workspace's own types of events where one may be needed.
func (w *world) loadOwn(ctx context.Context, rs []Request) error {
	if !slices.ContainsFunc(rs, func(r Request) bool { return r.Event != nil && !w.Words.Knows(r.Event.Type) }) {
		return nil
	}
	stored, err := w.Store.EventTypes(ctx, w.workspace.ID)
	w.own = map[string]engawa.EventType{}
	for _, e := range stored {
		w.own[e.Type] = e
	}
	return err
}

// OwnTypes are the types of events that a workspace made, as the catalogue shows them.
func (c *Composer) OwnTypes(ctx context.Context, workspace string) ([]catalogue.Type, error) {
	stored, err := c.Store.EventTypes(ctx, workspace)
	if err != nil {
		return nil, err
	}
	return catalogue.OwnTypes(stored)
}

// kind returns the kind of an account; ok is false for one that cannot send.
func (w *world) kind(account string) (channel.Kind, bool) {
	a, ok := w.accounts[account]
	if !ok {
		return channel.Kind{}, false
	}
	return Find(w.Kinds, a.Kind)
}

// Find returns the sending kind of a name.
func Find(kinds []channel.Kind, name string) (channel.Kind, bool) {
	i := slices.IndexFunc(kinds, func(k channel.Kind) bool { return k.Name == name && k.New != nil })
	if i < 0 {
		return channel.Kind{}, false
	}
	return kinds[i], true
}

// begin checks a request and makes the message without its words.
func (w *world) begin(r Request) (engawa.Message, error) {
	if named := r.Customer != "" || r.Destination != ""; named == r.Nobody || r.Customer != "" && r.Destination != "" {
		return engawa.Message{}, engawa.Invalid("/to", "name one customer, or one destination", "a message has exactly one recipient")
	}
	if len(r.Chain) == 0 {
		return engawa.Message{}, engawa.Invalid("/channels", "name a channel kind or an account id", "no account could send this")
	}
	for i, v := range r.Chain {
		if _, ok := w.kind(v.Account); !ok {
			return engawa.Message{}, engawa.Invalid(fmt.Sprintf("/channels/%d", i), "name an account of this workspace that can send", "%q is no sending account", v.Account)
		}
	}
	at := r.At
	if at.IsZero() {
		at = time.Now()
	}
	if open := route.Unmuted(r.Mute, later(at, r.NotBefore).In(w.zone)); open.After(at) {
		r.NotBefore = open
	}
	at, r.NotBefore, r.ExpiresAt = stored(at), stored(r.NotBefore), stored(r.ExpiresAt)
	m := engawa.Message{
		Workspace: r.Workspace, ID: cmp.Or(r.ID, engawa.NewID(engawa.PrefixMessage)), Route: r.Route, Partner: r.Partner, Member: r.Member, Reason: r.Reason,
		App: r.App, Customer: r.Customer, ContactPoint: r.Point, Destination: r.Destination, Broadcast: r.Broadcast, Purpose: r.Purpose, Trigger: r.Trigger,
		Topic: r.Topic, Chain: r.Chain, Urgent: r.Urgent, Sample: r.Sample, NotBefore: r.NotBefore, ExpiresAt: r.ExpiresAt,
		State: engawa.MessageWaiting, CreatedAt: at, Trace: r.Trace,
	}
	m.Hops = r.hops()
	about := r.About
	if r.Event != nil {
		m.Event, about = r.Event.ID, cmp.Or(about, r.Event.Customer)
	}
	if m.Destination != "" {
		m.About = about
	}
	if len(r.Digest) > 0 {
		m.Event = r.Digest[0].ID
	}
	if m.ExpiresAt.IsZero() {
		m.ExpiresAt = later(at, r.NotBefore).Add(w.lifetime(r.Chain))
	}
	if !m.ExpiresAt.After(later(at, r.NotBefore)) {
		return m, engawa.Invalid("/expires_at", "choose a time after not_before and after now", "the message would be over before it may go")
	}
	return m, nil
}

// stored is t as the store keeps it: the early verdict must not see more of an
// instant than a claim will.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (w *world) lifetime(chain []engawa.Via) time.Duration {
	for _, v := range chain {
		if w.accounts[v.Account].Kind == "mail" {
			return mailLifetime
		}
	}
	return lifetime
}

// finish renders, judges, adds what is obliged, and plans the deliveries.
// known has the facts of each account of the chain.
func (w *world) finish(m engawa.Message, r Request, known []store.Known) (store.NewMessage, error) {
	if m.Offer != "" && known[0].Offer.Account == "" {
		return store.NewMessage{}, noPool(m.Offer)
	}
	var content engawa.Content // there are no words to nobody
	if !m.Nobody() || toStaff(m) {
		var err error
		if content, err = w.render(&m, r, known[0]); err != nil {
			return store.NewMessage{}, err
		}
	}
	m.Content, m.Promotional = content, text.Advertises(content)
	if m.Offer != "" && !strings.Contains(content.Text+content.HTML, engawa.OfferPlace(m.Offer)) {
		m.Offer = "" // the words of another language hold it
	}
	if m.Customer != "" && m.Purpose.Class() != engawa.Service && w.Unsubscribe != nil {
		m.Unsubscribe = w.Unsubscribe(m)
	}
	judged := make([]store.Judged, len(known))
	for i, k := range known {
		judged[i] = w.judge(m, k, m.Chain[i].Account)
	}
	w.oblige(&m, judged, known)
	out := store.NewMessage{Message: m, Judged: judged}
	w.plan(&out)
	return out, nil
}

// judge gives the early verdict on one account.
func (w *world) judge(m engawa.Message, k store.Known, account string) store.Judged {
	kind, _ := w.kind(account)
	f := Complete(k, kind, m, time.Now())
	v := verdict.Judge(f, w.Rules, later(m.CreatedAt, m.NotBefore))
	return store.Judged{Facts: f, Verdict: v}
}

// Complete fills in the facts that come from the channel's kind, from the words
// and from what the customer's purchases say at now.
func Complete(k store.Known, kind channel.Kind, m engawa.Message, now time.Time) engawa.Facts {
	f := k.Facts
	f.Relationship.Required = kind.Relationship
	f.DisclosureRequired = kind.Disclosure
	if !kind.Tells {
		f.About = nil
	}
	f.OneClick = m.Unsubscribe != ""
	f.Content = engawa.ContentFacts{
		Subject: m.Content.Subject, Text: head(m.Content.Text), Promotional: m.Promotional, Unsafe: unsafe(m, kind, f.ToDestination),
	}
	if m.While.Holds != "" {
		while := standing(m.While, k, now)
		f.While = &while
	}
	if m.Offer != "" {
		f.Offer = &engawa.OfferFacts{Offer: m.Offer, Missing: missing(k.Offer, m.Offer, k.Purchases)}
	}
	return f
}

// unsafe says why the words may not go to a customer as they are; empty: they may.
// Labels and footers that were added are words too: this is for the early verdict,
// and what it refused is not judged again.
func unsafe(m engawa.Message, kind channel.Kind, staff bool) string {
	advert := m.Promotional || m.Purpose.Class() == engawa.Marketing
	switch {
	case staff:
	case text.Pictures(m.Content.HTML):
		return engawa.UnsafePictures
	case advert && (text.Blank(m.Content.Text) || kind.Between != nil && text.Blank(m.Content.Subject)):
		return engawa.UnsafeEmpty
	}
	return ""
}

// head is the beginning of a text, where a label stands.
func head(s string) string {
	const most = 200
	n := 0
	for i := range s {
		if n == most {
			return s[:i]
		}
		n++
	}
	return s
}

// render picks the words in the recipient's language and fills them in.
func (w *world) render(m *engawa.Message, r Request, k store.Known) (engawa.Content, error) {
	if len(r.Cause) > 1 {
		return w.together(m, r, k)
	}
	words, locale := r.Content, k.Locale
	if r.Template != "" {
		t, ok := w.templates[r.Template]
		if !ok {
			return words, engawa.Invalid("/template", "choose a template of this workspace", "there is no template %q", r.Template)
		}
		words, locale = text.Pick(t.Words, k.Locale, w.workspace.Locale)
	}
	if r.Words != nil {
		words, locale = text.Pick(r.Words, k.Locale, w.workspace.Locale)
	}
	if k, _ := w.kind(m.Chain[0].Account); k.Form != nil && r.Event != nil && words == (engawa.Content{}) {
		m.Locale = locale
		return k.Form.Words(*r.Event), nil
	}
	if r.Event != nil && words == (engawa.Content{}) {
		t := w.Words.DefaultTemplate(text.Variant(r.Event.Type, Data(*r.Event)))
		if own, ok := w.own[r.Event.Type]; ok {
			t = w.Words.OwnTemplate(own)
		}
		words, locale = text.Pick(t.Words, k.Locale, w.workspace.Locale)
	}
	if len(r.Digest) > 0 && r.Template == "" {
		m.Locale = k.Locale
		words, _ = digest(w.Words.For(k.Locale, w.zone), r.Digest)
		return words, nil
	}
	m.Locale = locale
	if r.Event != nil && w.takes(m.Chain) == asEvent {
		return w.fact(*r.Event)
	}
	if r.Event != nil && w.takes(m.Chain) == asOriginal {
		return original(*r.Event)
	}
	if words == (engawa.Content{}) {
		return words, engawa.Invalid("/content", "write a text, or choose a template", "the message has no words")
	}
	escape := text.EscapeNone
	for _, v := range m.Chain {
		if w.accounts[v.Account].Kind == "chatwork" {
			escape = text.EscapeChat
		}
	}
	if r.Template == "" && r.Words == nil && r.Variables == nil && r.Event == nil {
		if err := text.Check(words); err != nil {
			return words, err
		}
		words.Text = cmp.Or(words.Text, text.FromHTML(words.HTML))
		return words, nil
	}
	return text.Render(words, w.variables(*m, r, k), escape)
}

// together says what each event of one cause says by itself, one below the other
// in the order in which they came.
func (w *world) together(m *engawa.Message, r Request, k store.Known) (engawa.Content, error) {
	var subjects, texts []string
	for i := range r.Cause {
		one := r
		one.Event, one.Cause = &r.Cause[i], nil
		words, err := w.render(m, one, k)
		if err != nil {
			return words, err
		}
		if words.Subject != "" && !slices.Contains(subjects, words.Subject) {
			subjects = append(subjects, words.Subject)
		}
		texts = append(texts, strings.TrimSpace(words.Text))
	}
	return engawa.Content{
		Subject: strings.Join(subjects, " / "),
		Text:    w.Words.T(m.Locale, "cause.text", "n", len(texts)) + "\n\n" + strings.Join(texts, "\n\n----\n\n") + "\n",
	}, nil
}

// digest says how many events it tells of, with a line for each. The lines name
// customers by id alone: they are of several, and none of their keys seals them.
func digest(viewer text.Viewer, events []engawa.Event) (words engawa.Content, vars map[string]any) {
	var lines []string
	for _, e := range events {
		at := e.OccurredAt
		if at.IsZero() {
			at = e.ReceivedAt
		}
		line := viewer.Time(at) + "  " + viewer.Words.EventLine(viewer.Locale, e.Type, nil)
		if e.Customer != "" {
			line += "  " + e.Customer
		}
		lines = append(lines, line)
	}
	n, list := len(events), strings.Join(lines, "\n")
	words = engawa.Content{Subject: viewer.T("digest.subject", "n", n), Text: viewer.T("digest.text", "n", n) + "\n\n" + list + "\n"}
	return words, map[string]any{"count": n, "lines": list}
}

// variables are what a template may name: the event's data or the request's
// variables at the root, and event, customer, workspace, app below it. Words
// that staff may read tell of the event's customer by name and id, and show no
// address that came with the event.
func (w *world) variables(m engawa.Message, r Request, k store.Known) map[string]any {
	viewer := w.Words.For(m.Locale, w.zone)
	ev := engawa.Event{}
	if r.Event != nil {
		ev = *r.Event
	}
	data := r.Variables
	switch {
	case len(r.Digest) > 0:
		_, data = digest(viewer, r.Digest)
	case data == nil:
		data = Data(ev)
	}
	who := text.Person{Name: k.ToName}
	if toStaff(m) {
		data, ev.Subject = text.Veil(data), text.VeilText(ev.Subject)
	}
	if m.Destination != "" {
		who = text.Person{ID: m.About, Name: k.AboutName}
	}
	vars := viewer.EventVars(ev, data, who, w.workspace.Name)
	if about, ok := vars["event"].(map[string]any); ok && ev.ID != "" {
		about["url"] = w.EventURL(ev)
	}
	if a, ok := w.apps[m.App]; ok {
		vars["app"] = map[string]any{"name": a.Name}
	}
	return vars
}

// toStaff reports whether staff may read the words: at once, or where a
// fallback goes to them.
func toStaff(m engawa.Message) bool {
	return m.Destination != "" || slices.ContainsFunc(m.Chain, func(v engawa.Via) bool { return v.Destination != "" })
}

// Data reads an event's data for templates and conditions.
func Data(e engawa.Event) map[string]any {
	data := map[string]any{}
	if len(e.Data) > 0 {
		if json.Unmarshal(e.Data, &data) != nil {
			return map[string]any{}
		}
	}
	return data
}

// oblige adds labels and footers that the verdicts ask for and notes them in
// the facts, so that the verdict at the claim finds them.
func (w *world) oblige(m *engawa.Message, judged []store.Judged, known []store.Known) {
	for i, j := range judged {
		if j.Verdict.Outcome == engawa.Refuse {
			continue
		}
		var fresh []engawa.Obligation
		for _, o := range j.Verdict.Obligations {
			if !slices.Contains(m.Applied, o) {
				fresh = append(fresh, o)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		m.Content = w.Words.ApplyObligations(m.Content, fresh, m.Locale, known[i].Facts.Sender, m.Unsubscribe)
		m.Applied = append(m.Applied, fresh...)
	}
}

// plan makes the first deliveries: the first account that does not refuse, the
// refused ones before it as facts, and the copies.
func (w *world) plan(n *store.NewMessage) {
	m := &n.Message
	if m.Sample {
		w.planSample(n)
		if w.Past != nil {
			w.Past(n)
		}
		return
	}
	open := false
	refused := true
	for i, via := range m.Chain {
		if open && !via.Copy {
			continue
		}
		v := n.Judged[i].Verdict
		d := store.NewDelivery(*m, i, m.CreatedAt)
		d.Verdict = &v
		switch v.Outcome {
		case engawa.Refuse:
			d.State, d.Note = engawa.Refused, string(v.Decided)
		case engawa.Hold:
			d.State, d.DueAt, d.Note = engawa.Held, v.Until, string(v.Decided)
			refused = false
		case engawa.Send:
			refused = false
		}
		if !via.Copy && d.State != engawa.Refused {
			open = true
		}
		n.Deliveries = append(n.Deliveries, d)
	}
	if refused {
		m.State = engawa.MessageRefused
	}
}

// planSample shows a message of the past as it would have gone, and sends nothing.
func (w *world) planSample(n *store.NewMessage) {
	m := &n.Message
	m.State = engawa.MessageRefused
	for i := range m.Chain {
		v := n.Judged[i].Verdict
		d := store.NewDelivery(*m, i, m.CreatedAt)
		d.Verdict = &v
		switch v.Outcome {
		case engawa.Refuse:
			d.State, d.Note = engawa.Refused, string(v.Decided)
		case engawa.Hold, engawa.Send:
			d.State, d.Note, d.HandedAt = engawa.Accepted, "sample", later(m.CreatedAt, v.Until)
			m.State = engawa.MessageSent
		}
		n.Deliveries = append(n.Deliveries, d)
		if d.State == engawa.Accepted {
			return
		}
	}
}

// nobody reports whether a step writes to the customer of an event that has none.
func nobody(ev engawa.Event, st engawa.Step) bool {
	return st.To == route.ToCustomer && ev.Customer == ""
}

// waits reports whether an event waits for a digest instead of being told of by
// itself. The past is told of as it was, without waiting. For others of its cause
// only an event waits that has marks to find them by, on a route that they take too.
func waits(ev engawa.Event, p route.Plan) bool {
	if p.Step.Digest == nil || ev.Sample || nobody(ev, p.Step) {
		return false
	}
	return !p.Step.Digest.Cause || len(kinOn(ev.Type, p.Route)) > 1 && len(catalogue.Marks(ev)) > 0
}

// kinOn are the kin of a type that a route takes.
func kinOn(typ string, r engawa.Route) []string {
	return slices.DeleteFunc(catalogue.Kin(typ), func(other string) bool {
		return !engawa.MatchesAny(r.Events, other)
	})
}

// kinOf says which events one message may name together with ev: those of one
// cause, but not of two customers.
func kinOf(ev engawa.Event) func(engawa.Event) bool {
	return func(other engawa.Event) bool {
		return catalogue.OneCause(ev, other) && (ev.Customer == "" || other.Customer == "" || ev.Customer == other.Customer)
	}
}

// OneCause returns the events of one cause with e, whoever they are told to.
func (c *Composer) OneCause(ctx context.Context, e engawa.Event) ([]engawa.Event, error) {
	if len(catalogue.Marks(e)) == 0 {
		return nil, nil
	}
	return c.Store.OneCause(ctx, e, catalogue.Furthest, func(other engawa.Event) bool { return catalogue.OneCause(e, other) })
}

// Gather returns the digests that plans for an event put it into.
func Gather(ev engawa.Event, plans []route.Plan) (out []store.Gathered) {
	for _, p := range plans {
		if !waits(ev, p) {
			continue
		}
		d := p.Step.Digest
		g := store.Gathered{Route: p.Route.ID, Version: p.Route.Version, Step: p.At, Within: d.Within}
		if d.Cause {
			g.Kin, g.Count = kinOf(ev), len(kinOn(ev.Type, p.Route))
		} else {
			g.By, g.Count = text.Value(Data(ev), d.By), cmp.Or(d.Count, route.MaxGathered)
		}
		out = append(out, g)
	}
	return out
}

// FromPlans turns a route's plans for an event into requests, but those that Gather
// has.
func FromPlans(ev engawa.Event, plans []route.Plan) []Request {
	rs := make([]Request, 0, len(plans))
	for _, p := range plans {
		if waits(ev, p) {
			continue
		}
		until, late := lateness(ev, p.Step)
		if late && !until.After(ev.ReceivedAt) {
			continue // what would have been said is past
		}
		r := ofStep(ev.Workspace, p.Route.ID, p.Step)
		r.Event, r.Sample, r.Trace = &ev, ev.Sample, ev.Trace
		if p.Step.To == route.ToCustomer {
			r.Customer, r.Destination, r.Nobody = ev.Customer, "", nobody(ev, p.Step)
		}
		if r.Nobody {
			r.While = "" // nobody's purchase
		}
		if ev.Sample {
			r.At = ev.OccurredAt
		}
		if p.Step.Delay > 0 {
			r.NotBefore = ev.OccurredAt.Add(p.Step.Delay)
		}
		if p.Step.ExpiresIn > 0 {
			r.ExpiresAt = later(later(ev.ReceivedAt, r.At), r.NotBefore).Add(p.Step.ExpiresIn)
		}
		if late {
			r.ExpiresAt, r.Late = until, true
		}
		rs = append(rs, r)
	}
	return rs
}

// lateness says until when a step may write to a customer of an event that was
// recovered: as long as if it had come in time, and not at all where more is
// known by now. Staff are told whenever it comes. late is false for any other.
func lateness(ev engawa.Event, st engawa.Step) (until time.Time, late bool) {
	if st.To != route.ToCustomer || ev.Group() != "store" {
		return until, false
	}
	var told struct{ Recovered, Superseded bool }
	if json.Unmarshal(ev.Data, &told) != nil || !told.Recovered {
		return until, false
	}
	if told.Superseded {
		return until, true
	}
	return ev.OccurredAt.Add(st.Delay + cmp.Or(st.ExpiresIn, lifetime)), true
}

// hops is the most that an event it tells of has behind it.
func (r Request) hops() (most int) {
	if r.Event != nil {
		most = r.Event.Hops
	}
	for _, e := range slices.Concat(r.Cause, r.Digest) {
		most = max(most, e.Hops)
	}
	return most
}

// ofStep is what a step asks for, of whichever event.
func ofStep(workspace, id string, st engawa.Step) Request {
	return Request{
		Workspace: workspace, Route: id, Destination: st.To, App: st.App, Purpose: st.Purpose, Trigger: engawa.ByAutomatic, Topic: st.Topic,
		Template: st.Template, Chain: st.Via, Urgent: st.Urgent, Mute: st.Mute, While: st.While, Offered: st.Product,
	}
}

// FromDigest turns a digest of a route's step into a request.
func FromDigest(d store.Digest, st engawa.Step) Request {
	r := ofStep(d.Workspace, d.Route, st)
	r.Trace = d.Events[len(d.Events)-1].Trace
	if st.Digest.Cause {
		r.tellCause(d.Events, st)
	} else {
		r.Digest = d.Events
	}
	if st.ExpiresIn > 0 {
		r.ExpiresAt = time.Now().Add(st.ExpiresIn)
	}
	return r
}

// tellCause names events of one cause. The first whose customer is known makes the
// message, so that it is that customer's; what came alone goes as ever.
func (r *Request) tellCause(evs []engawa.Event, st engawa.Step) {
	first := max(0, slices.IndexFunc(evs, func(e engawa.Event) bool { return e.Customer != "" }))
	r.Event = &evs[first]
	if len(evs) > 1 {
		r.Cause = evs
	}
	if st.To == route.ToCustomer {
		r.Customer, r.Destination = r.Event.Customer, ""
	}
}

// Chain resolves what a caller named, kinds or account ids, to accounts in
// order. Empty asks for every account that reaches the recipient.
func Chain(accounts []engawa.Account, kinds []channel.Kind, names []string, toCustomer bool) ([]engawa.Via, error) {
	var out []engawa.Via
	add := func(name string) bool {
		found := false
		for _, a := range accounts {
			k, ok := Find(kinds, a.Kind)
			if !ok || a.ID != name && a.Kind != name || toCustomer && !k.ToCustomers || !toCustomer && !k.ToStaff {
				continue
			}
			out, found = append(out, engawa.Via{Account: a.ID}), true
		}
		return found
	}
	if len(names) == 0 {
		for _, k := range kinds {
			if k.Form == nil { // what only fills in forms has to be named
				add(k.Name)
			}
		}
	}
	for i, name := range names {
		if !add(name) {
			return nil, engawa.Invalid(fmt.Sprintf("/channels/%d", i), "name a connected channel kind or an account id: "+known(accounts, kinds),
				"%q is no account that can reach this recipient", name)
		}
	}
	return out, nil
}

func known(accounts []engawa.Account, kinds []channel.Kind) string {
	var names []string
	for _, a := range accounts {
		if _, ok := Find(kinds, a.Kind); ok {
			names = append(names, a.Kind)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
