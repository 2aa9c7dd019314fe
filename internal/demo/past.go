package demo

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/serve"
)

// past tells, from the API, what the 30 days hold and how often each gate said
// no or not yet.
func (w *world) past(ctx context.Context, _ *serve.Hub) error {
	events, signed := 0, 0
	for cursor := ""; ; {
		var page eventList
		if err := w.get(ctx, "/v1/events?limit=200&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			events++
			if e.Account == appAccount {
				signed++
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	w.say(w.asked, "demo.events", "days", days, "events", events, "signed", signed)
	messages, gates, err := w.tally(ctx)
	if err != nil {
		return err
	}
	var parts []string
	for _, g := range engawa.Gates {
		parts = append(parts, w.words.T(w.locale, "gate."+string(g))+" "+strconv.Itoa(gates[string(g)]))
	}
	w.say(w.asked, "demo.gates", "messages", messages, "gates", strings.Join(parts, " · "))
	return nil
}

// tally counts messages, and those that each gate decided not to send, or not yet.
func (w *world) tally(ctx context.Context) (messages int, gates map[string]int, err error) {
	gates = map[string]int{}
	for cursor := ""; ; {
		var page messageList
		if err := w.get(ctx, "/v1/messages?limit=200&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return 0, nil, err
		}
		for _, m := range page.Messages {
			messages++
			if m.Outcome != string(engawa.Send) {
				gates[m.Gate]++
			}
		}
		if cursor = page.Next; cursor == "" {
			return messages, gates, nil
		}
	}
}
