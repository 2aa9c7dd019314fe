package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/serve"
)

// patience ends a scene that does not happen. It is far more than one takes, on a
// machine that does other things too; script/demo holds the whole to its 20 seconds.
const patience = time.Minute

// play is the main job: two customers switch auto-renew off. What is printed is
// read back from the API, with its time, never assumed.
func (w *world) play(ctx context.Context, _ *serve.Hub) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.room.UseElsewhere(299) // another program has used the token nearly up
	w.head("demo.job")
	for i, customer := range []string{yes, no} {
		if err := w.switchOff(customer); err != nil {
			return err
		}
		if err := w.journaled(ctx, i+1); err != nil {
			return err
		}
	}
	for _, check := range []func(context.Context) error{w.offered, w.refused, w.noticed, w.ticketed} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	w.say(w.asked, "demo.done", "seconds", fmt.Sprintf("%.1f", time.Since(w.begun).Seconds()))
	return nil
}

// say prints one step: when, by the API's clock, and what.
func (w *world) say(at time.Time, key string, args ...any) {
	fmt.Fprintf(w.out, "  %s  %s\n", at.Local().Format("15:04:05"), w.words.T(w.locale, key, args...))
}

// head prints what the steps below it are.
func (w *world) head(key string) {
	fmt.Fprintf(w.out, "\n%s\n", w.words.T(w.locale, key))
}

// switchOff has a subscriber switch auto-renew off in the store, which tells the hub.
func (w *world) switchOff(customer string) error {
	return w.store.Renew(w.shoppers[customer], "hinata.monthly", false)
}

func (w *world) journaled(ctx context.Context, want int) error {
	customer := []string{yes, no}[want-1]
	var got eventList
	if err := w.until(ctx, "/v1/events?type="+renewalOff+"&customer="+customer, &got, func() bool { return len(got.Events) == 1 }); err != nil {
		return fmt.Errorf("event not journaled: %w", err)
	}
	e := got.Events[0]
	w.events = append(w.events, e.ID)
	w.say(e.ReceivedAt, "demo.journaled", "type", e.Type, "text", e.Text, "customer", e.Customer)
	return nil
}

// messageOf waits for the message to one recipient to reach a state.
func (w *world) messageOf(ctx context.Context, query, state string) (messageView, error) {
	var list messageList
	var id string
	err := w.until(ctx, "/v1/messages?"+query, &list, func() bool {
		for _, m := range list.Messages {
			if m.State == state {
				id = m.ID
			}
		}
		return id != ""
	})
	if err != nil {
		return messageView{}, err
	}
	var v messageView
	return v, w.get(ctx, "/v1/messages/"+id, &v)
}

func (w *world) offered(ctx context.Context) error {
	m, err := w.messageOf(ctx, "event="+w.events[0]+"&customer="+yes, "sent")
	if err != nil {
		return fmt.Errorf("offer not sent: %w", err)
	}
	for _, mail := range w.inbox.Mails() {
		if strings.HasPrefix(mail.To, "misaki.tanaka@") && mail.Subject == m.Content.Subject {
			w.say(m.Deliveries[0].UpdatedAt, "demo.offered", "subject", m.Content.Subject)
			return nil
		}
	}
	return fmt.Errorf("the offer is called sent, but it is not in the inbox")
}

func (w *world) refused(ctx context.Context) error {
	m, err := w.messageOf(ctx, "event="+w.events[1]+"&customer="+no, "refused")
	if err != nil {
		return fmt.Errorf("refusal not recorded: %w", err)
	}
	for _, r := range m.Verdicts[0].Reasons {
		if r.Gate == "consent" {
			w.say(m.Verdicts[0].At, "demo.refused", "why", r.Text, "rule", r.Rule, "remedy", r.Remedy)
			return nil
		}
	}
	return fmt.Errorf("the refusal does not name the consent gate: %+v", m.Verdicts)
}

// noticed finds one notice in the room and the other, too late for the room, in
// the staff's mailbox.
func (w *world) noticed(ctx context.Context) error {
	room, mailed := false, (*messageView)(nil)
	for _, event := range w.events {
		m, err := w.messageOf(ctx, "event="+event+"&destination="+roomPlace, "sent")
		if err != nil {
			return fmt.Errorf("a notice did not arrive: %w", err)
		}
		switch {
		case m.Deliveries[0].State == "accepted" && len(w.room.Messages(roomID)) == 1:
			w.say(m.Deliveries[0].UpdatedAt, "demo.room")
			room = true
		case len(m.Deliveries) == 2 && m.Deliveries[0].State == "expired" && m.Deliveries[1].State == "accepted" && w.staffHas(m.Content.Subject):
			mailed = &m
		}
	}
	if !room || mailed == nil {
		return fmt.Errorf("one notice should be in the room (%t) and one in the staff's mailbox (%t)", room, mailed != nil)
	}
	w.say(mailed.Deliveries[1].UpdatedAt, "demo.fallback", "n", int(deadline.Seconds())) // it was the later one
	return nil
}

func (w *world) staffHas(subject string) bool {
	for _, mail := range w.inbox.Mails() {
		if strings.HasPrefix(mail.To, "staff@") && mail.Subject == subject {
			return true
		}
	}
	return false
}

// ticketed has a customer apply for something: the desk gets a ticket with the
// customer as its requester, and what the agent does with it comes back into
// the customer's story.
func (w *world) ticketed(ctx context.Context) error {
	var taken struct{ ID string }
	if err := w.post(ctx, "/v1/events", map[string]any{
		"id": "demo-application", "type": "application.completed", "subject": "contract:H-10003", "customer": fan, "occurred_at": time.Now(),
		"data": map[string]any{"m": map[string]any{"name": "森 遥"}, "c": map[string]any{"name": "Hinata Monthly"}, "amount": 1480},
	}, &taken); err != nil {
		return err
	}
	m, err := w.messageOf(ctx, "event="+taken.ID+"&destination="+deskPlace, "sent")
	if err != nil {
		return fmt.Errorf("no ticket was opened: %w", err)
	}
	tickets := w.desk.Tickets()
	if len(tickets) != 1 || tickets[0].Subject != m.Content.Subject {
		return fmt.Errorf("the ticket is called open, but the desk has %d", len(tickets))
	}
	who := w.desk.Requester(tickets[0])
	if who.Mail != "haruka.mori@customer.example" {
		return fmt.Errorf("the ticket's requester is not the customer")
	}
	w.say(m.Deliveries[0].UpdatedAt, "demo.ticket", "who", who.Name, "subject", m.Content.Subject)
	if err := w.desk.SetStatus(tickets[0].ID, "open"); err != nil {
		return err
	}
	return w.answered(ctx)
}

// answered finds the agent's doing in the customer's story.
func (w *world) answered(ctx context.Context) error {
	var got eventList
	if err := w.until(ctx, "/v1/events?type=ticket.status_changed&customer="+fan, &got, func() bool { return len(got.Events) == 1 }); err != nil {
		return fmt.Errorf("the ticket's change is not in the customer's story: %w", err)
	}
	w.say(got.Events[0].ReceivedAt, "demo.answered", "text", got.Events[0].Text)
	return nil
}
