package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// liveEvents and liveMessages are how much of the newest the live page shows.
const (
	liveEvents   = 40
	liveMessages = 200
)

// groups are the choices of the event group, all first.
func (v Live) groups() []Choice {
	list := []Choice{{"", v.T("list.any")}}
	for _, g := range []string{"general", "application", "payment", "contract", "store", "custom"} {
		list = append(list, Choice{g, v.T("group." + g)})
	}
	return list
}

// outcomes are the states that a filter offers.
func (v Live) outcomes() []Choice { return stateChoices(v.Page) }

func stateChoices(p Page) []Choice {
	list := []Choice{{"", p.T("list.any")}}
	for _, s := range []string{"waiting", "sent", "refused", "failed", "unknown", "canceled", "expired"} {
		list = append(list, Choice{s, p.T("message." + s)})
	}
	return list
}

func (c *console) live(v *visit) error {
	view, err := c.liveView(v)
	if err != nil {
		return err
	}
	return v.show(LivePage(view))
}

// liveRows answers the poll of the live page: nothing when nothing changed.
func (c *console) liveRows(v *visit) error {
	view, err := c.liveView(v)
	if err != nil {
		return err
	}
	return v.moved(view.Mark, LiveRows(view))
}

// How often the stream looks, and how long one connection lasts: less than the
// server lets an answer take. The browser connects again, and so shows anew who
// it is.
const (
	streamEvery = time.Second
	streamLife  = 50 * time.Second
)

// liveStream says each time that the live page has moved on from the mark that
// the browser holds, as server-sent events.
func (c *console) liveStream(v *visit) error {
	v.w.Header().Set("Content-Type", "text/event-stream")
	flow := http.NewResponseController(v.w)
	if err := say(v.w, flow, "retry: 1000\n\n"); err != nil {
		return nil // the reader went away
	}
	tick, end := time.NewTicker(streamEvery), time.NewTimer(streamLife)
	defer tick.Stop()
	defer end.Stop()
	for mark := v.r.URL.Query().Get("mark"); ; {
		select {
		case <-tick.C:
		case <-end.C:
			return nil
		case <-v.ctx().Done():
			return nil
		case <-c.Done:
			return nil
		}
		view, err := c.liveView(v)
		if err != nil {
			c.Log.WarnContext(v.ctx(), "live stream ends", "error", err)
			return nil // the answer has begun: the browser asks again
		}
		if view.Mark == mark {
			continue
		}
		mark = view.Mark
		if err := say(v.w, flow, "data: moved\n\n"); err != nil {
			return nil // the reader went away
		}
	}
}

func say(w io.Writer, flow *http.ResponseController, line string) error {
	if _, err := io.WriteString(w, line); err != nil {
		return err
	}
	return flow.Flush()
}

func (c *console) liveView(v *visit) (Live, error) {
	q := v.r.URL.Query()
	view := Live{
		Page: v.titled("live", v.T("live.title")), Group: q.Get("group"), Channel: q.Get("channel"), Outcome: q.Get("outcome"),
		Paused: q.Get("pause") != "", Channels: []Choice{{"", v.T("list.any")}},
	}
	for _, k := range c.Kinds {
		if k.New != nil {
			view.Channels = append(view.Channels, Choice{k.Name, v.kindWords(k.Name)})
		}
	}
	view.Query = strings.TrimPrefix(query("", "group", view.Group, "channel", view.Channel, "outcome", view.Outcome), "?")
	n, err := c.names(v)
	if err != nil {
		return view, err
	}
	if view.Rows, err = c.liveLatest(n, view, liveEvents); err != nil {
		return view, err
	}
	view.Mark = markOf(view.Rows)
	return view, nil
}

// markOf is a short mark of what is shown.
func markOf(shown any) string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%v", shown) // a hash takes everything
	return strconv.FormatUint(h.Sum64(), 36)
}

// liveLatest joins the newest events with their messages, and the messages that
// no event made, newest first.
func (c *console) liveLatest(n *names, f Live, limit int) ([]LiveRow, error) {
	ctx, ws := n.v.ctx(), n.v.ws()
	events, err := c.Store.Events(ctx, ws, store.EventFilter{}, store.Page{Limit: limit})
	if err != nil {
		return nil, err
	}
	messages, err := c.Store.Messages(ctx, ws, store.MessageFilter{}, store.Page{Limit: liveMessages})
	if err != nil {
		return nil, err
	}
	of := map[string][]store.MessageRow{}
	var rows []LiveRow
	for _, m := range messages {
		if m.Message.Event != "" {
			of[m.Message.Event] = append(of[m.Message.Event], m)
			continue
		}
		rows = append(rows, LiveRow{At: m.Message.CreatedAt, Line: n.v.T("message.requested"), About: m.Subject, Messages: n.liveMessages([]store.MessageRow{m}, f)})
	}
	for _, e := range events {
		caused := of[e.ID]
		if full := len(messages) == liveMessages; full && len(caused) == 0 && e.ReceivedAt.Before(messages[len(messages)-1].Message.CreatedAt) {
			if caused, err = c.Store.Messages(ctx, ws, store.MessageFilter{Event: e.ID}, store.Page{}); err != nil {
				return nil, err
			}
		}
		rows = append(rows, LiveRow{
			At: e.ReceivedAt, Event: e.ID, Line: n.line(e), About: joinDot(n.customer(e.Customer), e.Subject), Sample: e.Sample, group: e.Group(),
			Messages: n.liveMessages(caused, f),
		})
	}
	return liveFilter(rows, f, limit), nil
}

// line says what happened in a few words.
func (n *names) line(e engawa.Event) string {
	if own, ok := n.own[e.Type]; ok {
		return own.Names[n.v.Locale]
	}
	return n.v.Words.EventLine(n.v.Locale, e.Type, message.Data(e))
}

func (n *names) liveMessages(ms []store.MessageRow, f Live) []LiveMessage {
	var out []LiveMessage
	for _, m := range ms {
		if f.Outcome != "" && string(m.Message.State) != f.Outcome {
			continue
		}
		if f.Channel != "" && (len(m.Message.Chain) == 0 || n.accounts[m.Message.Chain[0].Account].Kind != f.Channel) {
			continue
		}
		out = append(out, LiveMessage{ID: m.Message.ID, To: n.to(m.Message), Via: n.via(m.Message), State: m.Message.State, Why: n.v.gateWords(m)})
	}
	return out
}

// gateWords names the gate that decided, where one did.
func (p Page) gateWords(m store.MessageRow) string {
	if m.Gate == "" || m.Outcome == engawa.Send {
		return ""
	}
	return p.T("gate." + string(m.Gate))
}

// liveFilter keeps what the filter asks for, newest first.
func liveFilter(rows []LiveRow, f Live, limit int) []LiveRow {
	kept := rows[:0]
	for _, r := range rows {
		switch {
		case (f.Channel != "" || f.Outcome != "") && len(r.Messages) == 0:
		case f.Group != "" && (r.Event == "" || r.group != f.Group):
		default:
			kept = append(kept, r)
		}
	}
	slices.SortStableFunc(kept, func(a, b LiveRow) int { return b.At.Compare(a.At) })
	return kept[:min(limit, len(kept))]
}

// event is one event's page.
func (c *console) event(v *visit) error {
	e, err := c.Store.Event(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Event{
		Page: v.titled("live", n.line(e)), ID: e.ID, Type: e.Type, Line: n.line(e), Group: e.Group(), Source: n.source(e.Account), Subject: e.Subject,
		Customer: e.Customer, CustomerName: n.customer(e.Customer), OccurredAt: e.OccurredAt, ReceivedAt: e.ReceivedAt,
		Known: e.Known, Sample: e.Sample, Signed: len(e.Raw) > 0, Data: maskData(e.Data),
	}
	view.Actor, view.ActorID, view.Links = e.Actor.Type, e.Actor.ID, linksOf(e)
	view.Recovered, view.Superseded = recovered(e)
	caused, err := c.Store.Messages(v.ctx(), v.ws(), store.MessageFilter{Event: e.ID}, store.Page{Limit: 200})
	if err != nil {
		return err
	}
	if view.Unmade, err = n.unmade(caused); err != nil {
		return err
	}
	view.Messages = n.messageRows(slices.DeleteFunc(caused, func(m store.MessageRow) bool { return m.Message.Unaddressed() }))
	waiting, err := c.Store.Waiting(v.ctx(), v.ws(), e.ID)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		name, err := n.route(id)
		if err != nil {
			return err
		}
		view.Waiting = append(view.Waiting, Choice{id, name})
	}
	related, err := c.Compose.OneCause(v.ctx(), e)
	if err != nil {
		return err
	}
	view.Related = n.eventRows(related)
	return v.show(EventPage(view))
}

// unmade says of each route that would write to the event's customer why it
// cannot, and what to do.
func (n *names) unmade(caused []store.MessageRow) (out []Unmade, err error) {
	for _, m := range caused {
		if !m.Message.Unaddressed() {
			continue
		}
		u := Unmade{Route: m.Message.Route, Message: m.Message.ID, At: m.Message.CreatedAt}
		if u.RouteName, err = n.route(u.Route); err != nil {
			return nil, err
		}
		u.Why, u.Remedy = n.v.Words.Reason(n.v.Locale, engawa.Reason{Code: verdict.Unknown})
		out = append(out, u)
	}
	return out, nil
}

// linksOf are the source's pages about an event, by name.
func linksOf(e engawa.Event) (links []Choice) {
	for _, name := range slices.Sorted(maps.Keys(e.Links)) {
		links = append(links, Choice{e.Links[name], name})
	}
	return links
}

// recovered reports whether an event of a store did not arrive when it was told,
// and whether more was known when it was entered.
func recovered(e engawa.Event) (late, superseded bool) {
	var told struct{ Recovered, Superseded bool }
	if e.Group() != "store" || json.Unmarshal(e.Data, &told) != nil {
		return false, false
	}
	return told.Recovered, told.Superseded
}

func (n *names) eventRows(evs []engawa.Event) []EventRow {
	rows := make([]EventRow, len(evs))
	for i, e := range evs {
		rows[i] = EventRow{ID: e.ID, Line: n.line(e), At: e.OccurredAt}
	}
	return rows
}

var mailAddress = regexp.MustCompile(`[^\s"'<>@,;:]+@[^\s"'<>@,;:]+\.[^\s"'<>@,;:]+`)

// maskData indents an event's JSON and masks the mail addresses in it.
func maskData(data []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, data, "", "  ") != nil {
		return ""
	}
	return mailAddress.ReplaceAllStringFunc(out.String(), engawa.MaskAddress)
}
