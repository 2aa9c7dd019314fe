package demo

import (
	"context"
	"fmt"
	"mime"
	"net/smtp"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
)

// today is what happened this morning, for real: these messages go through
// lanes to the simulators.
func (w *world) today(ctx context.Context, hub *serve.Hub) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, scene := range []func(context.Context) error{w.pushed, w.enough, w.tomorrow, w.broken, w.cameBack} {
		if err := scene(ctx); err != nil {
			return fmt.Errorf("today: %w", err)
		}
	}
	if err := w.siteMails(ctx, hub); err != nil {
		return fmt.Errorf("today: %w", err)
	}
	return w.carried(ctx, hub)
}

// send posts one message to the API and waits until it is in a state.
func (w *world) send(ctx context.Context, body map[string]any, state string) (messageView, error) {
	var made struct{ ID string }
	if err := w.post(ctx, "/v1/messages", body, &made); err != nil {
		return messageView{}, err
	}
	return w.reach(ctx, made.ID, state)
}

// reach waits until a message is in a state.
func (w *world) reach(ctx context.Context, id, state string) (messageView, error) {
	var m messageView
	err := w.until(ctx, "/v1/messages/"+id, &m, func() bool { return m.State == state })
	if err != nil {
		return m, fmt.Errorf("message %s is %s, not %s: %w", id, m.State, state, err)
	}
	return m, nil
}

func mailTo(customer string, p engawa.Purpose, subject, text string) map[string]any {
	return map[string]any{
		"to": map[string]any{"customer": customer}, "app": "app_hinata", "purpose": p, "trigger": engawa.ByUser, "channels": []string{mailAccount},
		"content": map[string]any{"subject": subject, "text": text},
	}
}

// pushed tells one customer something through the shop's own push service.
func (w *world) pushed(ctx context.Context) error {
	m, err := w.send(ctx, map[string]any{
		"to": map[string]any{"customer": "cus_sample002"}, "app": "app_hinata", "purpose": engawa.Service, "trigger": engawa.ByUser,
		"channels": []string{pushAccount}, "content": map[string]any{"subject": "発送しました", "text": "ご注文の豆を発送しました。"},
	}, "sent")
	if err != nil {
		return err
	}
	w.say(m.Deliveries[0].UpdatedAt, "demo.pushed", "subject", m.Content.Subject)
	return nil
}

// enough offers one customer more in a day than the house allows.
func (w *world) enough(ctx context.Context) error {
	var held messageView
	for i, subject := range []string{"春の新豆が入りました", "週末のカッピング会のご案内", "紙フィルターを増量しました", "本日かぎりの送料無料"} {
		state := "sent"
		if i == 3 {
			state = "waiting"
		}
		var err error
		if held, err = w.send(ctx, mailTo(fan, engawa.Marketing, subject, subject+"。\nアプリからご覧いただけます。\n"), state); err != nil {
			return err
		}
	}
	return w.heldBy(held, engawa.GateSuppression, "demo.cap")
}

// heldBy prints that a gate holds m until a time, in the API's words.
func (w *world) heldBy(m messageView, gate engawa.Gate, key string) error {
	if len(m.Verdicts) != 1 || m.Verdicts[0].Decided != string(gate) || m.Verdicts[0].Outcome != string(engawa.Hold) {
		return fmt.Errorf("message %s is not held by %s: %+v", m.ID, gate, m.Verdicts)
	}
	v := m.Verdicts[0]
	w.say(v.At, key, "subject", m.Content.Subject, "why", v.Reasons[0].Text, "until", v.Until.Local().Format("01-02 15:04"))
	return nil
}

// tomorrow asks for a message that waits until it is wanted.
func (w *world) tomorrow(ctx context.Context) error {
	body := mailTo(yes, engawa.Service, "明日のお届けについて", "ご注文の豆は、明日の午前中にお届けします。\n")
	at := time.Now().Add(18 * time.Hour).Truncate(time.Hour)
	body["not_before"] = at
	m, err := w.send(ctx, body, "waiting")
	if err != nil {
		return err
	}
	if len(m.Deliveries) != 1 {
		return fmt.Errorf("message %s has %d deliveries, not one that waits", m.ID, len(m.Deliveries))
	}
	w.say(m.Deliveries[0].UpdatedAt, "demo.waits", "subject", m.Content.Subject, "until", m.Deliveries[0].DueAt.Local().Format("01-02 15:04"))
	return nil
}

// broken writes to a customer whose provider takes the mail and breaks off: a
// person must say whether it arrived.
func (w *world) broken(ctx context.Context) error {
	m, err := w.send(ctx, mailTo(lost, engawa.Service, "ご登録の確認", "ご登録ありがとうございます。\n"), "unknown")
	if err != nil {
		return err
	}
	var tasks taskList
	if err := w.get(ctx, "/v1/tasks?limit=200", &tasks); err != nil {
		return err
	}
	for _, k := range tasks.Tasks {
		if k.Kind == "delivery.unknown" && k.Ref == mailAccount { // one task for all of an account
			w.say(m.Deliveries[0].UpdatedAt, "demo.unknown", "subject", m.Content.Subject)
			return nil
		}
	}
	return fmt.Errorf("nobody is asked about the unknown outcome of %s", m.ID)
}

// cameBack writes to three customers whose mailboxes send something back: that
// they are gone, that it was spam, an answer.
func (w *world) cameBack(ctx context.Context) error {
	for _, c := range []struct {
		customer, event, key string
		purpose              engawa.Purpose
		subject              string
	}{
		{moved, "mail.bounced", "demo.bounced", engawa.Service, "会員証の更新のお知らせ"},
		{annoyed, "mail.complained", "demo.complained", engawa.Marketing, "秋の深煎りが入りました"},
		{polite, "mail.replied", "demo.replied", engawa.Service, "お預かりしたミルについて"},
	} {
		var made struct{ ID string } // it may come back before it is seen as sent
		if err := w.post(ctx, "/v1/messages", mailTo(c.customer, c.purpose, c.subject, c.subject+"。\n"), &made); err != nil {
			return err
		}
		var got eventList
		if err := w.until(ctx, "/v1/events?customer="+c.customer, &got, func() bool { return len(got.Events) == 1 }); err != nil {
			return fmt.Errorf("nothing came back from %s: %w", c.customer, err)
		}
		if e := got.Events[0]; e.Type != c.event {
			return fmt.Errorf("what came back from %s is %s, not %s", c.customer, e.Type, c.event)
		}
		w.say(got.Events[0].ReceivedAt, c.key, "subject", c.subject)
	}
	return nil
}

// siteMails has the member site mail two notices to its inbox; a pattern reads one.
func (w *world) siteMails(ctx context.Context, hub *serve.Hub) error {
	for _, n := range []struct{ subject, text, event, key string }{
		{"メンテナンスモード切り替えのお知らせ", "モード: 開始", "site.maintenance.changed", "demo.read"},
		{"今月のシステム利用料", "ご請求金額: 5,500円", "inbox.unrecognized", "demo.unread"},
	} {
		raw := "From: notice@members.example\r\nSubject: " + mime.BEncoding.Encode("utf-8", n.subject) + "\r\nDate: " + time.Now().Format(time.RFC1123Z) +
			"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + n.text + "\r\n"
		if err := smtp.SendMail(w.relay.Addr().String(), nil, "notice@members.example", []string{hub.InboxAddress(siteAccount)}, []byte(raw)); err != nil {
			return fmt.Errorf("mail a notice: %w", err)
		}
		var got eventList
		if err := w.until(ctx, "/v1/events?type="+n.event, &got, func() bool { return len(got.Events) > 0 && got.Events[0].Account == siteAccount }); err != nil {
			return fmt.Errorf("the notice did not become %s: %w", n.event, err)
		}
		w.say(got.Events[0].ReceivedAt, n.key, "subject", n.subject, "text", got.Events[0].Text)
	}
	return nil
}

// carried has the carrier write until its grant's quota of the day holds one back.
func (w *world) carried(ctx context.Context, hub *serve.Hub) error {
	for range 2 * carrierQuota {
		made, err := hub.Compose.Accept(ctx, workspaceID, []message.Request{{
			Workspace: workspaceID, Partner: carrierID, App: "app_hinata", Customer: fan, Purpose: engawa.Service, Trigger: engawa.ByUser,
			Content: engawa.Content{Subject: "お荷物を発送しました", Text: "明日の午前中にお届けします。\n"}, Chain: []engawa.Via{{Account: mailAccount}},
		}})
		if err != nil {
			return err
		}
		var m messageView
		if err := w.get(ctx, "/v1/messages/"+made[0].Message.ID, &m); err != nil {
			return err
		}
		if m.Verdicts[0].Outcome == string(engawa.Hold) {
			return w.heldBy(m, engawa.GateBudget, "demo.budget")
		}
		if _, err := w.reach(ctx, made[0].Message.ID, "sent"); err != nil { // the next counts it
			return err
		}
	}
	return fmt.Errorf("the quota of partner %s holds nothing back", carrierID)
}
