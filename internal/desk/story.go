package desk

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/store"
)

// RowKind is what a row of a story is.
type RowKind string

// The kinds of rows.
const (
	RowEvent     RowKind = "event"
	RowMessage   RowKind = "message"
	RowTicket    RowKind = "ticket" // a member wrote to staff about the customer
	RowConsent   RowKind = "consent"
	RowRefund    RowKind = "refund" // what the store said
	RowAnswer    RowKind = "answer" // what the store was told in a refund case, or was not
	RowCode      RowKind = "code"   // an offer code that was handed out
	RowExtension RowKind = "extension"
	RowNote      RowKind = "note"
	RowTask      RowKind = "task"
)

// RowKinds are all of them, as a filter offers them.
var RowKinds = [...]RowKind{RowEvent, RowMessage, RowTicket, RowConsent, RowRefund, RowAnswer, RowExtension, RowCode, RowNote, RowTask}

// Row is one line of a customer's story. Of what it is, one field is set.
type Row struct {
	At   time.Time // of an event, to the millisecond
	ID   string
	Kind RowKind

	Event       engawa.Event
	Message     store.MessageRow // of a ticket too
	Refused     []engawa.Reason  // of a message that the verdict refused: why
	Consent     engawa.Consent
	Refund      purchase.Entry
	Product     string            // of Refund and Answer
	Environment string            // of Refund and Answer: where it was bought
	Case        engawa.RefundCase // of Answer; without Transaction and Facts
	Answer      refund.Line
	Extension   engawa.Extension
	Code        engawa.OfferCode // without the code itself
	Note        engawa.Note
	Task        engawa.Task
}

// below reports whether a row comes after the place p.
func (r Row) below(p store.Page) bool {
	return r.At.Before(p.At) || r.At.Equal(p.At) && r.ID < p.ID
}

// reading is one sort of rows that a story has.
type reading struct {
	kind RowKind
	read func(ctx context.Context, workspace, customer string, p store.Page) ([]Row, error)
}

// Story returns a page of a customer's story, newest first: events, messages,
// tickets, decisions, refunds and answers about them, extensions, codes, notes and tasks, or those of one kind. A page
// with fewer rows than its limit is the last.
func (d *Desk) Story(ctx context.Context, workspace, customer string, kind RowKind, p store.Page) ([]Row, error) {
	if p.Limit <= 0 {
		p.Limit = 50
	}
	if p.At.IsZero() {
		p.At = time.Now().Add(time.Hour)
	}
	var rows []Row
	for _, r := range [...]reading{
		{RowEvent, d.events},
		{RowMessage, d.messages},
		{RowTicket, d.tickets},
		{RowConsent, d.consents},
		{RowRefund, d.refunds},
		{RowAnswer, d.answers},
		{RowCode, d.codes},
		{RowExtension, d.extensions},
		{RowNote, d.notes},
		{RowTask, d.tasks},
	} {
		if kind != "" && kind != r.kind {
			continue
		}
		some, err := r.read(ctx, workspace, customer, p)
		if err != nil {
			return nil, err
		}
		for i := range some {
			some[i].Kind = r.kind
		}
		rows = append(rows, some...)
	}
	rows = slices.DeleteFunc(rows, func(r Row) bool { return !r.below(p) })
	slices.SortFunc(rows, func(x, y Row) int { return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.ID, x.ID)) })
	return rows[:min(len(rows), p.Limit)], nil
}

// events reads events below p. Their ids sort by the millisecond, so that is
// their time here, and reading begins a little above p.
func (d *Desk) events(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	from := store.Page{Limit: p.Limit}
	if p.ID != "" {
		from.ID = engawa.NewOrderedID(engawa.PrefixEvent, p.At.Add(time.Millisecond))
	}
	for {
		evs, err := d.Store.Events(ctx, workspace, store.EventFilter{Customer: customer}, from)
		if err != nil {
			return nil, err
		}
		for _, e := range evs {
			row := Row{At: e.ReceivedAt.UTC().Truncate(time.Millisecond), ID: e.ID, Event: e}
			if row.below(p) {
				rows = append(rows, row)
			}
			from.ID = e.ID
		}
		if len(evs) < p.Limit || len(rows) >= p.Limit {
			return rows, nil
		}
	}
}

func (d *Desk) messages(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	return d.said(ctx, workspace, store.MessageFilter{Customer: customer}, p)
}

func (d *Desk) tickets(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	return d.said(ctx, workspace, store.MessageFilter{Ticket: customer}, p)
}

func (d *Desk) said(ctx context.Context, workspace string, f store.MessageFilter, p store.Page) (rows []Row, err error) {
	ms, err := d.Store.Messages(ctx, workspace, f, p)
	for _, m := range ms {
		row := Row{At: m.Message.CreatedAt, ID: m.Message.ID, Message: m}
		if m.Message.State == engawa.MessageRefused {
			said, err := d.Store.Message(ctx, workspace, row.ID)
			if err != nil {
				return nil, err
			}
			row.Refused = Refused(said)
		}
		rows = append(rows, row)
	}
	return rows, err
}

// Refused tells why the verdict refused a message: the reasons of the gate that
// decided, on each account of its chain, each reason once. The verdict that counted
// is the delivery's; of a message that was refused at once it is the early one.
func Refused(said store.Said) (why []engawa.Reason) {
	var verdicts []engawa.Verdict
	for _, d := range said.Deliveries {
		if d.Verdict != nil {
			verdicts = append(verdicts, *d.Verdict)
		}
	}
	if len(verdicts) == 0 {
		verdicts = said.Message.Verdicts
	}
	for _, v := range verdicts {
		for _, g := range v.Gates {
			if v.Outcome != engawa.Refuse || g.Gate != v.Decided {
				continue
			}
			for _, r := range g.Reasons {
				if !slices.ContainsFunc(why, func(k engawa.Reason) bool { return k.Code == r.Code }) {
					why = append(why, r)
				}
			}
		}
	}
	return why
}

func (d *Desk) consents(ctx context.Context, workspace, customer string, _ store.Page) (rows []Row, err error) {
	all, err := d.Store.Consents(ctx, workspace, customer)
	for _, c := range all {
		rows = append(rows, Row{At: c.At, ID: c.ID, Consent: c})
	}
	return rows, err
}

func (d *Desk) refunds(ctx context.Context, workspace, customer string, _ store.Page) (rows []Row, err error) {
	ps, err := d.Store.PurchasesOf(ctx, workspace, customer)
	if err != nil {
		return nil, err
	}
	all, err := Own(ps)
	for _, o := range all {
		for _, e := range o.State.Ledger() {
			id := engawa.FixedID("rfd", o.ID, e.TransactionID, string(e.Kind), strconv.FormatInt(e.At.UnixMilli(), 10))
			rows = append(rows, Row{At: e.At, ID: id, Refund: e, Product: o.Product, Environment: o.Environment})
		}
	}
	return rows, err
}

// answers are what became of refund cases on our side: what was sent to the store,
// and what was not and why. Steps on the way there stand on the case's own page.
func (d *Desk) answers(ctx context.Context, workspace, customer string, _ store.Page) (rows []Row, err error) {
	cases, err := d.Store.RefundsOf(ctx, workspace, customer)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		k, err := refund.Read(c)
		if err != nil {
			return nil, err
		}
		c.Transaction, c.Original, c.Facts = "", "", nil
		for _, l := range k.Lines {
			switch l.What {
			case refund.DidSend, refund.DidRefuse, refund.DidIgnore, refund.DidWithhold, refund.DidMiss:
				at := l.At.UTC().Truncate(time.Millisecond)
				id := engawa.FixedID("rfa", c.ID, string(l.What), strconv.FormatInt(l.At.UnixNano(), 10))
				rows = append(rows, Row{At: at, ID: id, Case: c, Answer: l, Product: c.Product, Environment: c.Environment})
			case refund.DidFail, refund.DidPropose, refund.DidAlarm:
			}
		}
	}
	return rows, nil
}

func (d *Desk) codes(ctx context.Context, workspace, customer string, _ store.Page) (rows []Row, err error) {
	cs, err := d.Store.OfferCodesOf(ctx, workspace, customer)
	for _, c := range cs {
		c.Code = ""
		rows = append(rows, Row{At: c.HandedAt, ID: c.ID, Code: c})
	}
	return rows, err
}

func (d *Desk) extensions(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	xs, err := d.Store.Extensions(ctx, workspace, customer, p)
	for _, x := range xs {
		rows = append(rows, Row{At: x.CreatedAt, ID: x.ID, Extension: x})
	}
	return rows, err
}

func (d *Desk) notes(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	ns, err := d.Store.Notes(ctx, workspace, customer, p)
	for _, n := range ns {
		rows = append(rows, Row{At: n.CreatedAt, ID: n.ID, Note: n})
	}
	return rows, err
}

func (d *Desk) tasks(ctx context.Context, workspace, customer string, p store.Page) (rows []Row, err error) {
	ks, err := d.Store.TaskPage(ctx, workspace, store.TaskFilter{Customer: customer}, p)
	for _, k := range ks {
		rows = append(rows, Row{At: k.CreatedAt, ID: k.ID, Task: k})
	}
	return rows, err
}
