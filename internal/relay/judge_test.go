package relay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/refusal"
	"github.com/engawa/engawa/internal/store"
)

const toTaro = "taro@customer.example"

// handedOver is the delivery that the mails here are about.
var handedOver = store.Handed{
	Workspace: "ws_1", Delivery: "dlv_1", Message: "msg_1", Account: "acc_1", Customer: "cus_1", ProviderID: "abc@hinata.example", State: engawa.Accepted, Address: toTaro,
	HandedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
}

func read(t *testing.T, lines ...string) *letter.Letter {
	t.Helper()
	l, err := letter.Read([]byte(strings.Join(lines, "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// notification is a multipart/report of a type with a machine's part.
func notification(t *testing.T, kind string, part ...string) *letter.Letter {
	t.Helper()
	return read(t, append(append([]string{
		"From: MAILER-DAEMON@mx.example", "To: b-x@relay.hinata.example", "Subject: Undelivered", "MIME-Version: 1.0",
		`Content-Type: multipart/report; report-type=x; boundary="b"`, "", "--b", "Content-Type: text/plain", "", "It did not arrive.",
		"--b", "Content-Type: " + kind, "",
	}, part...), "--b", "Content-Type: message/rfc822", "", "Return-Path: <b-y@relay.hinata.example>", "Message-ID: <abc@hinata.example>", "Subject: x", "", "text", "--b--", "")...)
}

func TestReports(t *testing.T) {
	status := "message/delivery-status"
	head := []string{"Reporting-MTA: dns; mx.example", "Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0900", ""}
	fate := func(to, action, code, said string) []string {
		return []string{"Final-Recipient: rfc822; " + to, "Action: " + action, "Status: " + code, "Diagnostic-Code: smtp; " + said, ""}
	}
	join := func(parts ...[]string) (out []string) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for _, c := range []struct {
		name string
		l    *letter.Letter
		want Finding
	}{
		{"hard", notification(t, status, join(head, fate(toTaro, "failed", "5.1.1", "550 no such user"))...), Finding{Kind: Returned, Reason: refusal.NoMailbox, Status: "5.1.1", Code: "550"}},
		{"full", notification(t, status, join(head, fate(toTaro, "Failed", "4.2.2 (full)", "452 over quota"))...), Finding{Kind: Returned, Reason: refusal.Full, Status: "4.2.2", Code: "452"}},
		{"in another language's type", notification(t, "message/global-delivery-status", join(head, fate(toTaro, "failed", "5.7.26", "x"))...), Finding{Kind: Returned, Reason: refusal.Distrust, Status: "5.7.26"}},
		{"delayed", notification(t, status, join(head, fate(toTaro, "delayed", "4.4.1", "x"))...), Finding{Kind: Delayed, Status: "4.4.1"}},
		{"delivered", notification(t, status, join(head, fate(toTaro, "delivered", "2.0.0", "250"))...), Finding{Kind: Arrived, Status: "2.0.0"}},
		{"relayed", notification(t, status, join(head, fate(toTaro, "relayed", "2.0.0", "250"))...), Finding{Kind: Noise, Why: "relayed"}},
		{"expanded", notification(t, status, join(head, fate(toTaro, "expanded", "2.0.0", "250"))...), Finding{Kind: Noise, Why: "expanded"}},
		{"failed, says 2.0.0", notification(t, status, join(head, fate(toTaro, "failed", "2.0.0", "550 5.1.1 nobody"))...), Finding{Kind: Returned, Reason: refusal.NoMailbox, Status: "5.1.1", Code: "550"}},
		{"ours among seven", notification(t, status, join(head, fate("a@x.example", "failed", "5.1.1", "x"), fate("b@x.example", "failed", "5.1.1", "x"), fate("c@x.example", "failed", "5.1.1", "x"),
			fate("TARO@customer.example", "delayed", "4.4.1", "x"), fate("e@x.example", "failed", "5.1.1", "x"), fate("f@x.example", "failed", "5.1.1", "x"), fate("g@x.example", "failed", "5.1.1", "x"))...), Finding{Kind: Delayed, Status: "4.4.1"}},
		{"where the mailbox forwards to", notification(t, status, join(head, fate("third@elsewhere.example", "failed", "5.1.1", "x"))...), Finding{Kind: Returned, Reason: refusal.Elsewhere, Status: "5.1.1"}},
		{"named as the original recipient", notification(t, status, join(head, []string{"Original-Recipient: rfc822;" + toTaro}, fate("third@elsewhere.example", "failed", "5.1.1", "x"))...), Finding{Kind: Returned, Reason: refusal.NoMailbox, Status: "5.1.1"}},
		{"lines that are no fields", notification(t, status, join(head, []string{"some words"}, fate(toTaro, "failed", "5.1.1", "x"))...), Finding{Kind: Returned, Reason: refusal.NoMailbox, Status: "5.1.1"}},

		{"complaint", notification(t, "message/feedback-report", "Feedback-Type: abuse", "Version: 1", "User-Agent: x/1"), Finding{Kind: Complaint, Why: "abuse"}},
		{"complaint without recipient", notification(t, "message/feedback-report", "Feedback-Type: Fraud"), Finding{Kind: Complaint, Why: "fraud"}},
		{"not spam", notification(t, "message/feedback-report", "Feedback-Type: not-spam"), Finding{Kind: Aside, Why: "not-spam"}},
		{"not proved", notification(t, "message/feedback-report", "Feedback-Type: auth-failure"), Finding{Kind: Aside, Why: "auth-failure"}},
		{"receipt", notification(t, "message/disposition-notification", "Final-Recipient: rfc822; "+toTaro, "Disposition: manual-action/MDN-sent-manually; displayed"), Finding{Kind: Auto, Why: "receipt"}},
	} {
		got := Judge(c.l, "", Named{Bounce, "dlv_1"}, handedOver)
		if (got.Dedup == "") != (got.Kind == Noise || got.Kind == Aside || got.Kind == Returned) {
			t.Errorf("%s: its key is %q", c.name, got.Dedup)
		}
		got.Dedup = ""
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestWordedBounces: servers that know no RFC 3464.
func TestWordedBounces(t *testing.T) {
	for _, c := range []struct {
		from, sender, subject, text string
		want                        Kind
		reason                      refusal.Reason
	}{
		{"", "MAILER-DAEMON@carrier.example", "Mail System Error - Returned Mail", "550 Unknown user " + toTaro, Returned, refusal.NoMailbox},
		{"", "postmaster@carrier.example", "配信不能通知", "宛先不明のため配信できませんでした。", Returned, refusal.NoMailbox},
		{"", "postmaster@portal.example", "[반송] 메일이 전달되지 않았습니다", "메일함 용량이 초과되었습니다.", Returned, refusal.Full},
		{"postmaster@x.example", "Postmaster@x.example", "Undeliverable: お知らせ", "5.7.1 blocked using zen.example\r\n\r\n--- original ---\r\n550 unknown user", Returned, refusal.Distrust},
		{"", "MAILER-DAEMON@x.example", "failure notice", "Hi. This is the program.\r\n\r\n<" + toTaro + ">:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n", Returned, refusal.NoMailbox},
		{"verify@x.example", "verify@x.example", "Please wait", "To deliver, confirm that you are a human: https://x.example", Returned, refusal.Asked},
		{"", "taro@customer.example", "お返事", "会議中です", Auto, ""}, // nobody's return path, no failure
	} {
		l := read(t, "From: "+c.sender, "Subject: "+c.subject, "Content-Type: text/plain; charset=utf-8", "", c.text)
		if got := Judge(l, c.from, Named{Bounce, "dlv_1"}, handedOver); got.Kind != c.want || got.Reason != c.reason {
			t.Errorf("%q from %q is %+v", c.subject, c.from, got)
		}
	}
	l := read(t, "From: MAILER-DAEMON@x.example", "Subject: failure notice", "", "550 unknown user")
	if got := Judge(l, "", Named{Reply, "dlv_1"}, handedOver); got.Kind != Auto {
		t.Errorf("a bounce to where answers go is %+v: whoever can answer could forge it", got)
	}
}

// TestAutomatic: what no person wrote is never an answer (RFC 3834).
func TestAutomatic(t *testing.T) {
	person := []string{"From: 太郎 <" + toTaro + ">", "Subject: Re: お知らせ", "Message-ID: <1@customer.example>", "In-Reply-To: <abc@hinata.example>", "Content-Type: text/plain; charset=utf-8"}
	judge := func(from string, more ...string) Finding {
		return Judge(read(t, append(append(append([]string{}, more...), person...), "", "質問があります。")...), from, Named{Reply, "dlv_1"}, handedOver)
	}
	if got := judge(toTaro); got.Kind != Answer || !got.Theirs {
		t.Fatalf("a person's answer is %+v", got)
	}
	for field, why := range map[string]string{
		"Auto-Submitted: auto-replied (vacation)": "auto_submitted", "Auto-Submitted: Auto-Generated": "auto_submitted", "Auto-Submitted: auto-notified; owner-email=\"a@x.example\"": "auto_submitted",
		"Precedence: Bulk": "precedence", "Precedence: list": "precedence", "Precedence: junk": "precedence", "Precedence: auto_reply": "precedence",
		"List-Id: <x.example>": "list", "List-Unsubscribe: <https://x.example/u>": "list", "List-Post: NO": "list", "Mailing-List: contact owner@x.example": "list",
		"X-Auto-Response-Suppress: All": "auto_response", "X-Autoreply: yes": "auto_response", "X-Autorespond: お知らせ": "auto_response", "X-Autoresponder: x/1": "auto_response",
	} {
		if got := judge(toTaro, field); got.Kind != Auto || got.Why != why {
			t.Errorf("%s is %+v, want %s", field, got, why)
		}
	}
	for _, field := range []string{"Auto-Submitted: no", "Auto-Submitted: No; x=y", "Precedence: first-class", "Precedence: normal", "List: x", "X-Mailer: auto_reply"} {
		if got := judge(toTaro, field); got.Kind != Answer {
			t.Errorf("%s is %+v", field, got)
		}
	}
	if got := judge(""); got.Why != "null_sender" {
		t.Errorf("without a return path it is %+v", got)
	}
	for _, c := range []struct{ why, from, subject, id string }{
		{"loop", toTaro, "お知らせ", "abc@hinata.example"},
		{"vacation", toTaro, "【自動返信】お問い合わせ", "2@x"},
		{"vacation", toTaro, "부재중입니다", "2@x"},
		{"vacation", toTaro, "Out of Office: x", "2@x"},
		{"mailer", "no-reply@x.example", "x", "2@x"},
		{"no_sender", "a@x.example, b@x.example", "x", "2@x"},
	} {
		l := read(t, "From: "+c.from, "Subject: "+c.subject, "Message-ID: <"+c.id+">", "Content-Type: text/plain; charset=utf-8", "", "x")
		if got := Judge(l, toTaro, Named{Reply, "dlv_1"}, handedOver); got.Kind != Auto || got.Why != c.why {
			t.Errorf("%s is %+v", c.why, got)
		}
	}
	l := read(t, "From: other@customer.example", "Subject: x", "", "x")
	if got := Judge(l, "other@customer.example", Named{Reply, "dlv_1"}, handedOver); got.Kind != Answer || got.Theirs {
		t.Errorf("another's answer is %+v", got)
	}
}

// TestFollow: what follows from a finding, and that neither addresses nor the
// words of other servers are kept.
func TestFollow(t *testing.T) {
	now := time.Now()
	l := read(t, "From: "+toTaro, "Subject: Re: x", "Content-Type: text/plain; charset=utf-8", "", "はい、お願いします。", "", "2026年11月23日 ひなた <shop@hinata.example>:", "> お知らせ", ">")
	for _, c := range []struct {
		f     Finding
		typ   string
		state engawa.DeliveryState
		stop  string
		after int
		task  bool // asked for at once
		off   bool
		said  breaker.Said // of the sender
	}{
		{Finding{Kind: Returned, Reason: refusal.NoMailbox}, "mail.bounced", engawa.Failed, "bounced", 1, false, false, ""},
		{Finding{Kind: Returned, Reason: refusal.Full}, "mail.bounced", engawa.Failed, "bounced", 5, false, false, ""},
		{Finding{Kind: Returned, Reason: refusal.Disabled}, "mail.bounced", engawa.Failed, "bounced", 2, false, false, ""},
		{Finding{Kind: Returned, Reason: refusal.Unreached}, "mail.bounced", engawa.Failed, "", 0, false, false, ""},
		{Finding{Kind: Returned, Reason: refusal.Distrust, Status: "5.7.26"}, "mail.blocked", engawa.Failed, "", 0, true, false, breaker.Refused},
		{Finding{Kind: Returned, Reason: refusal.Rule}, "mail.blocked", engawa.Failed, "", 0, false, false, ""},
		{Finding{Kind: Returned, Reason: refusal.Rule, Status: "5.7.1"}, "mail.blocked", engawa.Failed, "", 0, false, false, breaker.Refused},
		{Finding{Kind: Returned, Reason: refusal.Loop, Status: "5.4.6"}, "mail.blocked", engawa.Failed, "", 0, false, false, breaker.Refused},
		{Finding{Kind: Returned, Reason: refusal.TooLarge, Status: "5.3.4"}, "mail.blocked", engawa.Failed, "", 0, false, false, breaker.Unfit},
		{Finding{Kind: Returned, Reason: refusal.Content, Status: "5.6.0"}, "mail.blocked", engawa.Failed, "", 0, false, false, breaker.Unfit},
		{Finding{Kind: Returned, Reason: refusal.Asked}, "mail.blocked", "", "", 0, false, false, ""},
		{Finding{Kind: Delayed}, "mail.delayed", "", "", 0, false, false, ""},
		{Finding{Kind: Arrived}, "mail.delivered", engawa.Delivered, "", 0, false, false, breaker.Accepted},
		{Finding{Kind: Complaint, Why: "abuse"}, "mail.complained", "", "complained", 0, false, true, ""},
		{Finding{Kind: Auto, Why: "list"}, "mail.auto_replied", "", "", 0, false, false, ""},
		{Finding{Kind: Answer, Theirs: true}, "mail.replied", "", "", 0, false, false, ""},
	} {
		got, keep := follow(c.f, l, handedOver, now)
		if !keep || got.Event.Type != c.typ || got.State != c.state || got.Suppress != c.stop || got.After != c.after || (got.Heard != nil && got.Heard.Asks) != c.task || got.Withdraw != c.off {
			t.Errorf("%+v: %+v, %v", c.f, got, keep)
		}
		if said := (got.Heard != nil) == (c.said != ""); !said || got.Heard != nil && got.Heard.Said != c.said {
			t.Errorf("%+v says of the sender %+v", c.f, got.Heard)
		}
		if c.said == breaker.Refused && !got.Heard.Sent.Equal(handedOver.HandedAt) {
			t.Errorf("%+v took since %s", c.f, got.Heard.Sent)
		}
		var err error
		if got.Event.Data, err = json.Marshal(got.Data); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got.Event.Data), "@") || got.Event.Raw != nil {
			t.Errorf("%+v keeps %s", c.f, got.Event.Data)
		}
		if err := catalogue.Check(got.Event); err != nil {
			t.Error(err)
		}
		var data map[string]any
		if err := json.Unmarshal(got.Event.Data, &data); err != nil || data["delivery"] != "dlv_1" {
			t.Errorf("%+v: data is %s, %v", c.f, got.Event.Data, err)
		}
		if text, there := data["text"]; there != (c.f.Kind == Answer) || there && text != "はい、お願いします。" {
			t.Errorf("%+v: text is %v", c.f, text)
		}
	}
	if _, keep := follow(Finding{Kind: Noise}, l, handedOver, now); keep {
		t.Error("noise is kept")
	}
}
