package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/serve"
)

type tryCmd struct {
	inWorkspace
	File   string `arg:"" type:"existingfile"`
	Locale string `enum:"ja,ko,en" default:"en"`
}

// tried is what the file holds.
type tried struct {
	Type     string          `json:"type"`
	Customer string          `json:"customer"`
	Data     json.RawMessage `json:"data"`
}

// Run prints what the event would cause now. It keeps and sends nothing.
func (y tryCmd) Run(ctx context.Context) error {
	text, err := os.ReadFile(y.File)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	var in tried
	if err := json.Unmarshal(text, &in); err != nil || in.Type == "" {
		return &engawa.Error{
			Code: engawa.CodeInvalid, Message: y.File + " does not hold one event", Err: err,
			Remedy: `write {"type": "contract.terminated", "customer": "cus_…", "data": {}}`,
		}
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
	set, err := route.Compile(routes)
	if err != nil {
		return err
	}
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
