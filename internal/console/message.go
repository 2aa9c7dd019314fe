package console

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// csvRows is the most rows that one CSV file has.
const csvRows = 100_000

// cursor reads a list's cursor: the instant in microseconds and the id of the
// last row that was shown.
func cursor(r *http.Request) store.Page {
	us, id, _ := strings.Cut(r.URL.Query().Get("after"), "-")
	n, err := strconv.ParseInt(us, 36, 64)
	if err != nil || id == "" {
		return store.Page{}
	}
	return store.Page{At: time.UnixMicro(n), ID: id}
}

// after is the cursor that cursor reads.
func after(at time.Time, id string) string {
	return strconv.FormatInt(at.UnixMicro(), 36) + "-" + id
}

const listed = 50 // rows of a list's page

func (c *console) messages(v *visit) error {
	q := v.r.URL.Query()
	view := Messages{Page: v.titled("messages", v.T("messages.title")), State: q.Get("state"), Customer: q.Get("customer"), Broadcast: q.Get("broadcast")}
	view.CSV = query("/messages.csv", "state", view.State, "customer", view.Customer, "broadcast", view.Broadcast)
	n, err := c.names(v)
	if err != nil {
		return err
	}
	p := cursor(v.r)
	p.Limit = listed
	rows, err := c.Store.Messages(v.ctx(), v.ws(), store.MessageFilter{State: view.State, Customer: view.Customer, Broadcast: view.Broadcast}, p)
	if err != nil {
		return err
	}
	view.Rows = n.messageRows(rows)
	if len(rows) == listed {
		last := rows[listed-1].Message
		view.Next = query("/messages", "state", view.State, "customer", view.Customer, "broadcast", view.Broadcast, "after", after(last.CreatedAt, last.ID))
	}
	return v.show(MessagesPage(view))
}

func (n *names) messageRows(ms []store.MessageRow) []MessageRow {
	rows := make([]MessageRow, len(ms))
	for i, m := range ms {
		rows[i] = MessageRow{
			ID: m.Message.ID, At: m.Message.CreatedAt, Subject: cmp.Or(m.Subject, n.v.T("messages.no_subject")), To: n.to(m.Message), Via: n.via(m.Message),
			Purpose: m.Message.Purpose, State: m.Message.State, Why: n.v.gateWords(m),
		}
	}
	return rows
}

func (c *console) messagesCSV(v *visit) error {
	n, err := c.names(v)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	f := store.MessageFilter{State: q.Get("state"), Customer: q.Get("customer"), Broadcast: q.Get("broadcast")}
	out := v.csv("messages", "id", "created_at", "state", "purpose", "recipient", "channel", "subject", "gate")
	p := store.Page{Limit: 200}
	for range csvRows / 200 {
		rows, err := c.Store.Messages(v.ctx(), v.ws(), f, p)
		if err != nil {
			return err
		}
		for _, m := range rows {
			writeCSV(out, m.Message.ID, m.Message.CreatedAt.UTC().Format(time.RFC3339), string(m.Message.State), string(m.Message.Purpose), n.to(m.Message), n.via(m.Message), m.Subject, string(m.Gate))
			p.At, p.ID = m.Message.CreatedAt, m.Message.ID
		}
		if len(rows) < 200 {
			break
		}
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// csv begins a CSV file, in UTF-8 with the mark that spreadsheets look for.
func (v *visit) csv(name string, head ...string) *csv.Writer {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	_, _ = v.w.Write([]byte("\ufeff")) // the reader went away
	out := csv.NewWriter(v.w)
	writeCSV(out, head...)
	return out
}

// writeCSV writes a row that no spreadsheet runs as a formula.
func writeCSV(out *csv.Writer, row ...string) {
	for i, cell := range row {
		row[i] = text.Cell(cell)
	}
	_ = out.Write(row) // the writer keeps its first error
}

func (c *console) message(v *visit) error {
	view, err := c.messageView(v)
	if err != nil {
		return err
	}
	if err := c.answers(v, &view); err != nil {
		return err
	}
	return v.show(MessagePage(view))
}

// messageDeliveries answers the poll of a message's page.
func (c *console) messageDeliveries(v *visit) error {
	view, err := c.messageView(v)
	if err != nil {
		return err
	}
	return v.moved(view.Mark, MessageMoved(view))
}

func (c *console) messageView(v *visit) (Message, error) {
	said, err := c.Store.Message(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return Message{}, err
	}
	n, err := c.names(v)
	if err != nil {
		return Message{}, err
	}
	m := said.Message
	first, _, _ := strings.Cut(strings.TrimSpace(m.Content.Text), "\n")
	view := Message{
		Page: v.titled("messages", cmp.Or(m.Content.Subject, first, v.T("messages.no_subject"))), ID: m.ID, Event: m.Event, Route: m.Route, Customer: m.Customer, To: n.to(m), From: n.from(m),
		App: m.App, Topic: m.Topic, Purpose: m.Purpose, Trigger: m.Trigger, State: m.State, CreatedAt: m.CreatedAt, NotBefore: m.NotBefore, ExpiresAt: m.ExpiresAt,
		Urgent: m.Urgent, Sample: m.Sample, Content: m.Content,
		CanCancel: m.State == engawa.MessageWaiting && v.Role.Allows(engawa.Support),
	}
	view.Path = "/messages/" + m.ID
	if m.Content.HTML != "" {
		view.HTML = "/messages/" + m.ID + "/html"
	}
	view.Verdicts = n.verdicts(said)
	view.Deliveries = n.deliveries(said)
	view.Mark = markOf(view.Deliveries)
	view.ByHand = n.byHand(said)
	if view.Replies, err = c.replies(v, m.ID); err != nil {
		return Message{}, err
	}
	return view, c.origin(v, n, &view)
}

// replies are what was answered to a message, with the tags of the thread taken
// off and addresses veiled.
func (c *console) replies(v *visit, id string) ([]Reply, error) {
	evs, err := c.Store.Replies(v.ctx(), v.ws(), id)
	if err != nil {
		return nil, err
	}
	out := make([]Reply, len(evs))
	for i, e := range evs {
		words, _ := message.Data(e)["body"].(string)
		out[i] = Reply{At: e.OccurredAt, Event: e.ID, Words: text.VeilText(strings.TrimSpace(thread.ReplaceAllString(words, "")))}
	}
	return out, nil
}

// thread is the tag by which a reply names what it answers.
var thread = regexp.MustCompile(`\[rp aid=\d+ to=\d+-\d+\]`)

// origin names the event and the route that made a message, and its app.
func (c *console) origin(v *visit, n *names, view *Message) error {
	if view.Event != "" {
		e, err := c.Store.Event(v.ctx(), v.ws(), view.Event)
		if err != nil {
			return err
		}
		view.EventLine = n.line(e)
		if err := c.toldOf(v, n, e, view); err != nil {
			return err
		}
	}
	if view.Route != "" {
		routes, err := c.Store.Routes(v.ctx(), v.ws())
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(routes, func(r engawa.Route) bool { return r.ID == view.Route }); i >= 0 {
			view.RouteName = routes[i].Name
		}
	}
	if view.App != "" {
		apps, err := c.Store.Apps(v.ctx(), v.ws())
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(apps, func(a engawa.App) bool { return a.ID == view.App }); i >= 0 {
			view.App = apps[i].Name
		}
	}
	return nil
}

// toldOf lists the events that a message names together, and the others of one
// cause with the event that made it.
func (c *console) toldOf(v *visit, n *names, e engawa.Event, view *Message) error {
	told, err := c.Store.Gathered(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	related, err := c.Compose.OneCause(v.ctx(), e)
	if err != nil {
		return err
	}
	view.Told = n.eventRows(told)
	view.Related = n.eventRows(slices.DeleteFunc(related, func(r engawa.Event) bool {
		return slices.ContainsFunc(told, func(t engawa.Event) bool { return t.ID == r.ID })
	}))
	return nil
}

// verdicts shows for each account the verdict that counts: the delivery's
// latest, else the early one.
func (n *names) verdicts(said store.Said) []Verdict {
	var out []Verdict
	for _, early := range said.Message.Verdicts {
		latest := early
		for _, d := range said.Deliveries {
			if d.Account == early.Account && d.Verdict != nil {
				latest = *d.Verdict
			}
		}
		out = append(out, n.v.verdictWords(latest, n.account(early.Account)))
	}
	return out
}

func (n *names) deliveries(said store.Said) []Delivery {
	out := make([]Delivery, len(said.Deliveries))
	for i, d := range said.Deliveries {
		out[i] = Delivery{
			ID: d.ID, Account: n.account(d.Account), State: d.State, Note: n.v.noteWords(d.Note), DueAt: d.DueAt, HandedAt: d.HandedAt, SeenAt: d.SeenAt, ProviderID: d.ProviderID,
		}
		if d.Destination != "" {
			out[i].Account = joinDot(out[i].Account, n.destination(d.Destination))
		}
		for _, a := range said.Attempts {
			if a.Delivery == d.ID {
				out[i].Attempts = append(out[i].Attempts, attemptView(a))
			}
		}
	}
	return out
}

func attemptView(a engawa.Attempt) Attempt {
	view := Attempt{N: a.N, At: a.StartedAt, Outcome: a.Outcome, Code: a.Code, Late: a.Late, Request: a.Exchange.Request, Response: a.Exchange.Response}
	if !a.EndedAt.IsZero() {
		view.Took = a.EndedAt.Sub(a.StartedAt)
	}
	return view
}

// noteWords says why a delivery stands where it stands: a gate, or a code.
func (p Page) noteWords(note string) string {
	switch {
	case note == "":
		return ""
	case p.Words.Has("gate." + note):
		return p.T("note.gate", "gate", p.T("gate."+note))
	case p.Words.Has("note." + note):
		return p.T("note." + note)
	case note[0] >= '0' && note[0] <= '9':
		return p.T("note.answer", "code", note)
	}
	return note
}

// messageHTML is a message's HTML part alone, for the frame on its page: no
// script, nothing loaded, no way out of the frame.
func (c *console) messageHTML(v *visit) error {
	said, err := c.Store.Message(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, err = v.w.Write([]byte(said.Message.Content.HTML))
	return err
}

func (c *console) cancel(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.by.Cancel(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see("/messages/"+id, "canceled")
}
