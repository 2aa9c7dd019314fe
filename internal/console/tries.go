package console

import (
	"net/http"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/replay"
	"github.com/engawa/engawa/internal/store"
)

// tries is the page of an account's attempts.
func (c *console) tries(v *visit) error {
	view, err := c.triesView(v)
	if err != nil {
		return err
	}
	return v.show(TriesPage(view))
}

func (c *console) triesView(v *visit) (Tries, error) {
	a, kind, err := c.openAccount(v)
	if err == nil && kind.New == nil {
		err = engawa.NotFound("attempt on this account")
	}
	if err != nil {
		return Tries{}, err
	}
	view := Tries{
		Page: v.titled("accounts", v.T("tries.title", "account", a.Name)), Account: a.ID, Off: !a.Enabled, Outcome: v.r.URL.Query().Get("outcome"), Replays: a.Kind == "webhook",
	}
	view.Path = "/accounts/" + a.ID + "/tries"
	p := cursor(v.r)
	p.Limit = listed
	rows, err := c.Store.Tries(v.ctx(), v.ws(), a.ID, store.TriedFilter{Outcome: engawa.AttemptOutcome(view.Outcome)}, p)
	if err != nil {
		return view, err
	}
	for _, r := range rows {
		view.Rows = append(view.Rows, v.tryRow(r))
	}
	if len(rows) == listed {
		last := rows[listed-1]
		view.Next = query(view.Path, "outcome", view.Outcome, "after", after(last.OpenedAt, last.Attempt.Delivery))
	}
	return view, c.replays(v, &view)
}

func (v *visit) tryRow(r store.Tried) TryRow {
	a := r.Attempt
	row := TryRow{
		Message: r.Message, Event: r.Event, Line: v.T("messages.no_subject"),
		Attempt: Attempt{N: a.N, At: a.StartedAt, Outcome: a.Outcome, Code: a.Code, Late: a.Late, Request: a.Exchange.Request, Response: a.Exchange.Response},
	}
	if !a.EndedAt.IsZero() {
		row.Attempt.Took = a.EndedAt.Sub(a.StartedAt)
	}
	if r.EventType != "" {
		row.Line = v.Words.EventLine(v.Locale, r.EventType, nil)
	}
	if r.State.Waiting() {
		row.DueAt = r.DueAt
	}
	return row
}

// replays fills in the replay that runs, or the last that ended.
func (c *console) replays(v *visit, view *Tries) error {
	if !view.Replays {
		return nil
	}
	view.From, view.To = v.local(v.Now.Add(-24*time.Hour)), v.local(v.Now)
	rs, err := c.Store.Replays(v.ctx(), v.ws(), view.Account, 1)
	for i := range rs {
		if rs[i].State == engawa.ReplayRunning {
			view.Running = &rs[i]
		} else {
			view.Last = &rs[i]
		}
	}
	return err
}

const localTime = "2006-01-02T15:04"

// local is an instant as an input of the browser shows it, in the workspace's zone.
func (v *visit) local(at time.Time) string { return at.In(v.zone()).Format(localTime) }

func (v *visit) zone() *time.Location {
	if v.Zone == nil {
		return time.UTC
	}
	return v.Zone
}

// again sends an event to the account once more, under the same key.
func (c *console) again(v *visit) error {
	a, _, err := c.openAccount(v)
	if err != nil {
		return err
	}
	ev, err := c.Store.Event(v.ctx(), v.ws(), v.r.PostFormValue("event"))
	if err != nil {
		return err
	}
	n, err := c.runner(v).Again(v.ctx(), v.ws(), a.ID, []engawa.Event{ev})
	if err != nil {
		return err
	}
	if n > 0 {
		return v.see("/accounts/"+a.ID+"/tries", "again")
	}
	view, err := c.triesView(v)
	if err != nil {
		return err
	}
	view.Problem, view.Remedy = v.T("problem.again"), v.T("problem.again.remedy")
	return v.showAs(http.StatusUnprocessableEntity, TriesPage(view))
}

// runner makes messages in the name of the member.
func (c *console) runner(v *visit) *replay.Runner {
	return &replay.Runner{Store: v.by, Compose: c.Compose}
}

// enable switches an account on again.
func (c *console) enable(v *visit) error {
	a, _, err := c.openAccount(v)
	if err != nil {
		return err
	}
	a.Enabled = true
	if err := v.by.ChangeAccount(v.ctx(), a); err != nil {
		return err
	}
	return v.see("/accounts/"+a.ID+"/tries", "enabled")
}

// replay counts first, and begins when the member has seen the number.
func (c *console) replay(v *visit) error {
	view, err := c.triesView(v)
	if err != nil {
		return err
	}
	view.From, view.To = v.r.PostFormValue("from"), v.r.PostFormValue("to")
	from, err1 := time.ParseInLocation(localTime, view.From, v.zone())
	to, err2 := time.ParseInLocation(localTime, view.To, v.zone())
	r := engawa.Replay{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixReplay), Account: view.Account, From: from, To: to, PerSecond: replay.Usual,
		CreatedBy: "member:" + v.member.ID, CreatedAt: v.Now,
	}
	if !view.Replays {
		return engawa.NotFound("replay")
	}
	if err1 != nil || err2 != nil || replay.Check(r) != nil {
		view.Problem = v.T("tries.period")
		return v.showAs(http.StatusUnprocessableEntity, TriesPage(view))
	}
	if v.r.PostFormValue("do") == "start" {
		if _, err := v.by.AddReplay(v.ctx(), r); err != nil {
			return err
		}
		return v.see(view.Path, "replay")
	}
	events, messages, err := c.runner(v).Count(v.ctx(), v.ws(), view.Account, from, to)
	if err != nil {
		return err
	}
	view.Counted = v.T("tries.counted", "events", v.Number(events), "messages", v.Number(messages))
	return v.show(TriesPage(view))
}

func (c *console) stopReplay(v *visit) error {
	if err := v.by.StopReplay(v.ctx(), v.ws(), v.r.PostFormValue("replay")); err != nil {
		return err
	}
	return v.see("/accounts/"+v.r.PathValue("id")+"/tries", "stopped")
}
