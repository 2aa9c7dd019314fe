package console

import (
	"cmp"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
)

// sentFor is how far back the page of an account looks, and sentRows how many
// deliveries it shows at once.
const (
	sentFor  = 24 * time.Hour
	sentRows = 30
)

func sentTone(state string) string {
	switch store.SentState(state) {
	case store.SentHere:
		return "go"
	case store.SentWaiting:
		return "wait"
	case store.SentOn:
		return "unk"
	case store.SentNot:
	}
	return "no"
}

func (v Sent) stateChoices() []Choice {
	out := []Choice{{"", v.T("list.any")}}
	for _, s := range store.SentStates {
		out = append(out, Choice{string(s), v.T("sent.state." + string(s))})
	}
	return out
}

// sent is the page of what one account sent, what waits there, and what went
// another way and why.
func (c *console) sent(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.New == nil {
		err = engawa.NotFound("sending account")
	}
	if err != nil {
		return err
	}
	view := Sent{Page: v.titled("lanes", v.T("sent.of", "account", a.Name)), Account: a.ID, Kind: v.kindWords(kind.Name), State: v.r.URL.Query().Get("state"), Left: -1}
	since := v.Now.Add(-sentFor)
	counts, err := c.Store.SentTally(v.ctx(), v.ws(), a.ID, since)
	if err != nil {
		return err
	}
	for _, s := range store.SentStates {
		view.Counts = append(view.Counts, SentCount{string(s), counts[s]})
	}
	lanes, err := c.laneRows(v)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		if l.Account == a.ID {
			view.Lane = l
		}
	}
	c.left(v, &view, kind, a)
	if err := c.sentRows(v, &view, since); err != nil {
		return err
	}
	return v.show(SentPage(view))
}

// left asks the provider what is left of its window, and so what others than
// this hub's lane used of it: this question too.
func (c *console) left(v *visit, view *Sent, kind channel.Kind, a engawa.Account) {
	settings, err := kind.Check(a.Settings)
	if err != nil || kind.Who == nil || !a.Enabled || !v.Role.Allows(engawa.Support) {
		return
	}
	who, err := kind.Who(v.ctx(), settings, c.Env)
	if err != nil {
		return // the gauges stand without it
	}
	for _, s := range who.Seen {
		for _, g := range view.Lane.Gauges {
			if g.Scope == s.Scope {
				view.Left, view.Total = s.Remaining, g.Limit
				view.Others = max(0, g.Limit-s.Remaining-g.Used)
			}
		}
	}
}

func (c *console) sentRows(v *visit, view *Sent, since time.Time) error {
	n, err := c.names(v)
	if err != nil {
		return err
	}
	page := store.Page{Limit: sentRows, ID: v.r.URL.Query().Get("before")}
	rows, err := c.Store.Sent(v.ctx(), v.ws(), view.Account, since, store.SentState(view.State), page)
	if err != nil {
		return err
	}
	for _, d := range rows {
		said, err := c.Store.Message(v.ctx(), v.ws(), d.Message)
		if err != nil {
			return err
		}
		view.Rows = append(view.Rows, n.sentRow(d, said))
	}
	if len(rows) == sentRows {
		view.Next = query("/accounts/"+view.Account+"/sent", "state", view.State, "before", rows[len(rows)-1].ID)
	}
	return nil
}

// sentRow says where a delivery stands; of one that went another way, where to
// and why it was not posted here.
func (n *names) sentRow(d store.Sent, said store.Said) SentRow {
	row := SentRow{At: d.At, Message: d.Message, Subject: cmp.Or(said.Message.Content.Subject, n.v.T("messages.no_subject")), To: n.destination(d.Destination), Now: n.v.T("delivery." + string(d.State)), Why: n.v.noteWords(d.Note)}
	if d.Destination == "" {
		row.To = n.to(said.Message)
	}
	if d.State == engawa.Refused || d.State == engawa.Held {
		row.Why = cmp.Or(n.v.why(judged(d, said)), row.Why)
	}
	switch {
	case d.State == engawa.Accepted || d.State == engawa.Delivered:
		row.State, row.Why = string(store.SentHere), ""
	case !d.State.Final():
		row.State = string(store.SentWaiting)
	case d.Next != "":
		row.State, row.Now = string(store.SentOn), n.v.T("sent.went", "kind", n.v.kindWords(n.accounts[d.Next].Kind), "state", n.v.T("delivery."+string(d.NextIs)))
		if d.State == engawa.Expired {
			row.Why = n.v.T("sent.late", "time", n.v.Duration(d.DeadlineAt.Sub(d.At)))
		}
	default:
		row.State = string(store.SentNot)
	}
	return row
}

// judged is the verdict that counts for a delivery: its own latest, else the
// early one of its account.
func judged(d store.Sent, said store.Said) (v engawa.Verdict) {
	for _, early := range said.Message.Verdicts {
		if early.Account == d.Account {
			v = early
		}
	}
	for _, own := range said.Deliveries {
		if own.ID == d.ID && own.Verdict != nil {
			v = *own.Verdict
		}
	}
	return v
}
