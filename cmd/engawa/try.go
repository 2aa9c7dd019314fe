package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/text"
)

type tryCmd struct {
	inWorkspace
	File   string `arg:"" type:"existingfile"`
	Locale string `enum:"ja,ko,en" default:"en"`
}

// tried is what the file holds: an event, or a route as POST /v1/routes:try takes it.
type tried struct {
	Type     string          `json:"type"`
	Customer string          `json:"customer"`
	Data     json.RawMessage `json:"data"`
	api.RouteBody
	Replaces string `json:"replaces"`
}

// Run prints what the event would cause now, or what a route would have done
// otherwise with past events. It keeps and sends nothing.
func (y tryCmd) Run(ctx context.Context) error {
	body, err := os.ReadFile(y.File)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	var in tried
	if err := json.Unmarshal(body, &in); err != nil || (in.Type == "") == (len(in.Then) == 0) {
		return &engawa.Error{
			Code: engawa.CodeInvalid, Message: y.File + " does not hold one event or one route", Err: err,
			Remedy: `write {"type": "contract.terminated", "customer": "cus_…", "data": {}}, or a route as POST /v1/routes:try takes it`,
		}
	}
	if in.Type == "" {
		return y.lookIn(ctx, func(h *serve.Hub, workspace string) error { return y.differ(ctx, h, workspace, in, os.Stdout) })
	}
	return y.lookIn(ctx, func(h *serve.Hub, workspace string) error { return y.plan(ctx, h, workspace, in, os.Stdout) })
}

func (y tryCmd) plan(ctx context.Context, h *serve.Hub, workspace string, in tried, out io.Writer) error {
	now := time.Now()
	ev := engawa.Event{
		Workspace: workspace, ID: engawa.NewID(engawa.PrefixEvent), Account: engawa.SourceAPI, Type: in.Type, Customer: in.Customer,
		Data: in.Data, OccurredAt: now, ReceivedAt: now, Known: true,
	}
	ids, newcomer := catalogue.Whose(ev)
	for _, id := range ids {
		found, err := h.Store.CustomerBy(ctx, workspace, id)
		if err != nil {
			return err
		}
		ev.Customer = cmp.Or(ev.Customer, found)
	}
	if ev.Customer == "" && newcomer != nil && (len(ids) > 0 || newcomer.Mail != "") {
		fmt.Fprintln(out, "no identity is known: the event would be about who has its address, or about a new customer; it is tried as nobody's")
	}
	var customer engawa.Customer
	var err error
	if ev.Customer != "" {
		if customer, err = h.Store.Customer(ctx, workspace, ev.Customer); err != nil {
			return err
		}
	}
	routes, err := h.Store.Routes(ctx, workspace)
	if err != nil {
		return err
	}
	set := route.Compile(routes)
	plans, broken := set.Plan(ev, message.Data(ev), customer)
	for _, b := range broken {
		fmt.Fprintf(out, "route %s: %v\n", b.Route.ID, b.Err)
	}
	ms, err := h.Compose.Compose(ctx, workspace, message.FromPlans(ev, plans))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d messages; nothing was kept or sent\n", len(ms))
	for _, m := range ms {
		fmt.Fprintf(out, "\nroute %s to %s%s: %s\n", m.Message.Route, m.Message.Customer, m.Message.Destination, m.Message.State)
		showJudged(out, h.Words, engawa.Locale(y.Locale), m.Judged)
	}
	return nil
}

// differ prints, as CSV, each past event on which the route would do something else
// than the one that it would replace, the newest first; before it what they come to.
// It holds nothing of what an event says.
func (y tryCmd) differ(ctx context.Context, h *serve.Hub, workspace string, in tried, out io.Writer) error {
	after := in.Route(workspace)
	own, err := h.Compose.OwnTypes(ctx, workspace)
	if err != nil {
		return err
	}
	var before *engawa.Route
	if in.Replaces != "" {
		versions, err := h.Store.RouteVersions(ctx, workspace, in.Replaces)
		if err != nil {
			return err
		}
		before = &versions[0]
	}
	doubts, err := route.Check(after, before, own)
	if err != nil {
		return err
	}
	for _, d := range doubts {
		fmt.Fprintln(out, d.Told().Message)
	}
	l := engawa.Locale(y.Locale)
	var rows [][]string
	t, err := h.Compose.Differences(ctx, workspace, before, after, func(r message.TrialRow) error {
		var why []string
		for _, a := range r.Aspects {
			why = append(why, h.Words.T(l, "trial."+string(r.Difference)+"."+string(a)))
		}
		rows = append(rows, []string{r.Event.ID, r.Event.ReceivedAt.UTC().Format(time.RFC3339), r.Event.Type, string(r.Difference), strings.Join(why, "; "), steps(r.Was), steps(r.Would)})
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d events looked at, taken before %d, now %d; %d differ; nothing was kept or sent\n", t.Looked, t.Before, t.After, t.Differ())
	for _, s := range t.Sums {
		fmt.Fprintf(out, "%d %s\n", s.Events, h.Words.T(l, "trial."+string(s.Difference)+"."+string(s.Aspect)))
	}
	w := csv.NewWriter(out)
	if err := w.Write([]string{"event", "at", "type", "difference", "differs", "before", "after"}); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for _, r := range rows {
		for i := range r {
			r[i] = text.Cell(r[i])
		}
	}
	return w.WriteAll(rows)
}

// steps names what a route asks for: recipients, their accounts in order, templates.
func steps(all []engawa.Step) string {
	var lines []string
	for _, st := range all {
		chain := []string{st.To}
		for _, v := range st.Via {
			chain = append(chain, v.Account)
		}
		lines = append(lines, strings.TrimSpace(strings.Join(chain, " > ")+" "+st.Template))
	}
	return strings.Join(lines, "; ")
}
