package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	appstoresim "github.com/engawa/engawa/internal/appstore/sim"
)

// play is the main job: two customers switch auto-renew off. What is printed is
// read back from the API and from the simulators, never assumed.
func (w *world) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	w.room.UseElsewhere(299) // another program has used the token nearly up
	w.say("Chatwork reports 299 of 300 calls already used by another user of the token")
	for i, transaction := range []string{"2000000100000001", "2000000100000002"} {
		if err := w.switchOff(ctx, transaction); err != nil {
			return err
		}
		if err := w.journaled(ctx, i+1); err != nil {
			return err
		}
	}
	for _, check := range []func(context.Context) error{w.offered, w.refused, w.noticed, w.fellBack} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	w.say("done: every step above was read back")
	return nil
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(w.out, "%6.2fs  %s\n", time.Since(w.begun).Seconds(), fmt.Sprintf(format, args...))
}

// switchOff has the store sign and post that a subscriber switched auto-renew off.
func (w *world) switchOff(ctx context.Context, transaction string) error {
	uuid, body, err := w.store.Notification("DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_DISABLED", appstoresim.Subscription{
		OriginalTransactionID: transaction, ProductID: "hinata.monthly", ExpiresAt: time.Now().Add(20 * 24 * time.Hour), Price: 1480_000, Currency: "JPY", Storefront: "JPN",
	}, time.Now())
	if err != nil {
		return err
	}
	status, err := appstoresim.Post(ctx, http.DefaultClient, w.hubURL+"/in/"+appAccount, body) //nolint:forbidigo // the store's own client
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the hub answered the store's notification with %d", status)
	}
	w.say("the App Store's signed notification %s… was verified and answered 200", uuid[:8])
	return nil
}

type eventList struct {
	Events []struct{ ID, Type, Customer, Text string } `json:"events"`
}

func (w *world) journaled(ctx context.Context, want int) error {
	customer := []string{yes, no}[want-1]
	var got eventList
	if err := w.until(ctx, "/v1/events?customer="+customer, &got, func() bool { return len(got.Events) == 1 }); err != nil {
		return fmt.Errorf("event not journaled: %w", err)
	}
	e := got.Events[0]
	w.events = append(w.events, e.ID)
	w.say("journaled %s: %s (%s)", e.Type, e.Text, e.Customer)
	return nil
}

type messageList struct {
	Messages []struct{ ID, State, Outcome, Gate, Customer, Destination, Subject string } `json:"messages"`
}

type messageView struct {
	State    string
	Verdicts []struct {
		Outcome string
		Reasons []struct{ Gate, Rule, Text, Remedy string }
	}
	Deliveries []struct {
		Account, State, Note string
		Attempts             []struct{ Outcome string }
	}
}

// messageOf waits for the message to one recipient to reach a state.
func (w *world) messageOf(ctx context.Context, query, state string, n int) ([]messageView, error) {
	var list messageList
	err := w.until(ctx, "/v1/messages?"+query, &list, func() bool {
		in := 0
		for _, m := range list.Messages {
			if m.State == state {
				in++
			}
		}
		return in == n
	})
	if err != nil {
		return nil, err
	}
	var out []messageView
	for _, m := range list.Messages {
		var v messageView
		if err := w.get(ctx, "/v1/messages/"+m.ID, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (w *world) offered(ctx context.Context) error {
	if _, err := w.messageOf(ctx, "customer="+yes, "sent", 1); err != nil {
		return fmt.Errorf("offer not sent: %w", err)
	}
	for _, m := range w.inbox.Mails() {
		if strings.HasPrefix(m.To, "misaki.tanaka@") {
			w.say("verdict send: the offer reached the customer who consented: %q", m.Subject)
			return nil
		}
	}
	return fmt.Errorf("the offer is called sent, but it is not in the inbox")
}

func (w *world) refused(ctx context.Context) error {
	ms, err := w.messageOf(ctx, "customer="+no, "refused", 1)
	if err != nil {
		return fmt.Errorf("refusal not recorded: %w", err)
	}
	for _, r := range ms[0].Verdicts[0].Reasons {
		if r.Gate == "consent" {
			w.say("verdict refuse at gate %s: %s (%s) %s", r.Gate, r.Text, r.Rule, r.Remedy)
			return nil
		}
	}
	return fmt.Errorf("the refusal does not name the consent gate: %+v", ms[0].Verdicts)
}

func (w *world) noticed(ctx context.Context) error {
	err := w.wait(ctx, func() (bool, error) { return len(w.room.Messages(roomID)) == 1, nil })
	if err != nil {
		return fmt.Errorf("no notice in the room: %w", err)
	}
	w.say("one notice is in the Chatwork room of the contract group")
	return nil
}

func (w *world) fellBack(ctx context.Context) error {
	var ms []messageView
	for _, event := range w.events {
		one, err := w.messageOf(ctx, "destination="+roomPlace+"&event="+event, "sent", 1)
		if err != nil {
			return fmt.Errorf("a notice did not arrive: %w", err)
		}
		ms = append(ms, one...)
	}
	for _, m := range ms {
		if len(m.Deliveries) == 2 && m.Deliveries[0].State == "expired" && m.Deliveries[1].State == "accepted" {
			for _, mail := range w.inbox.Mails() {
				if strings.HasPrefix(mail.To, "staff@") {
					w.say("the room's limit was used up: the second notice went by mail to the staff at its deadline of %s", deadline)
					return nil
				}
			}
		}
	}
	return fmt.Errorf("the second notice did not fall back to mail: %+v", ms)
}

// until asks path until enough holds, or ctx ends.
func (w *world) until(ctx context.Context, path string, v any, enough func() bool) error {
	return w.wait(ctx, func() (bool, error) {
		if err := w.get(ctx, path, v); err != nil {
			return false, err
		}
		return enough(), nil
	})
}

func (w *world) wait(ctx context.Context, enough func() (bool, error)) error {
	for {
		ok, err := enough()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (w *world) get(ctx context.Context, path string, v any) error {
	u, err := url.Parse(w.hubURL + path)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.key.Reveal())
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // the demo asks as any client would
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(v)
}
