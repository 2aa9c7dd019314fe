package relay_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/smtp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/store"
)

// TestReplyToPartner: what a customer answers to a partner's message reaches the
// partner made anew, once, if it is proved to be theirs. If it is not, a person is
// asked, who reads what the partner would. To everybody the server says the same.
func TestReplyToPartner(t *testing.T) {
	p := posted(t, limits(), nil)
	ctx, now := t.Context(), time.Now()
	public, private, err := ed25519.GenerateKey(nil)
	p.must(err)
	p.receiver.DNS = relay.DNS{
		TXT: func(_ context.Context, name string) ([]string, error) {
			if name == "s._domainkey.customer.example" || name == "s._domainkey.evil.example" {
				return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
			}
			return nil, errors.New("there is no such name")
		},
		IP: func(context.Context, string, string) ([]netip.Addr, error) { return nil, nil },
	}
	sign := func(domain, mail string) string {
		var b strings.Builder
		p.must(dkim.Sign(&b, strings.NewReader(strings.ReplaceAll(mail, "\n", "\r\n")), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: private}))
		return strings.ReplaceAll(b.String(), "\r\n", "\n")
	}
	p.must(p.AddPartner(ctx, engawa.Partner{Workspace: "ws_1", ID: "ptn_1", Name: "みどり農園", Sender: engawa.SenderProfile{Mail: "shop@midori.example"}, CreatedAt: now}))
	p.must(p.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: "ws_1", ID: "cus_2", Kind: "person", Name: "鈴木 次郎", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: "ws_1", ID: "cp_2", Customer: "cus_2", Kind: "mail", Address: "jiro@customer.example", VerifiedAt: now, CreatedAt: now}},
	}))
	own := p.replyTo()
	p.partner = "ptn_1"
	p.delivery = p.handOver("msg_2")
	to := p.replyTo()
	const taro = "taro@customer.example"
	mail := "From: 田中 太郎 <" + taro + ">\nTo: " + to + "\nSubject: Re: ご案内\nContent-Type: text/plain; charset=utf-8\n\nはい、田中太郎です。 taro (at) customer.example か shop@midori.example まで。\n> To: 田中 <" + to + ">\n"
	want := "はい、[name]です。 [address] か shop@midori.example まで。\n> To: [address]"
	asked := map[string]bool{}
	for _, c := range []struct {
		name, from, to, mail string
		doubt                engawa.Doubt // none: nobody is asked
		sender               string
	}{
		{"unsigned", taro, to, mail, engawa.DoubtForged, "t…@c….example"},
		{"signed by another", taro, to, sign("evil.example", strings.Replace(mail, "Re: ", "RE: ", 1)), engawa.DoubtForged, "t…@c….example"},
		{"of another customer", "jiro@customer.example", to, sign("customer.example", strings.Replace(mail, taro, "jiro@customer.example", 1)), engawa.DoubtStranger, "j…@c….example"},
		{"of two, so of nobody", taro, to, sign("customer.example", strings.Replace(mail, "<"+taro+">", "<"+taro+">, x@y.example", 1)), "", ""},
		{"to the workspace's own message", taro, own, sign("customer.example", mail), "", ""},
		{"a vacation note", taro, to, sign("customer.example", "Auto-Submitted: auto-replied\n"+mail), "", ""},
	} {
		if code := p.bring(c.from, c.to, c.mail); code != 0 {
			t.Errorf("%s: %d", c.name, code)
		}
		if rs, err := p.PartnerReplies(ctx, "ws_1", "ptn_1", []string{""}, store.Page{}); err != nil || len(rs) != 0 {
			t.Errorf("%s: the partner reads %v, %v", c.name, rs, err)
		}
		p.asks(c.name, asked, map[string]string{"message": "msg_2", "partner": "みどり農園", "app": "—", "from": c.sender, "why": string(c.doubt)}, want)
	}
	signed := sign("customer.example", strings.Replace(mail, "Re: ", "Re: Re: ", 1))
	for range 2 { // the second time because the first answer was lost
		p.bring(taro, to, signed)
	}
	rs, err := p.PartnerReplies(ctx, "ws_1", "ptn_1", []string{""}, store.Page{})
	p.must(err)
	if len(rs) != 1 || !readAs(rs[0].Body.Text, want) || rs[0].Message != "msg_2" || rs[0].At.Minute() != 0 {
		t.Errorf("the partner reads %v: %q", rs, rs[0].Body.Text)
	}
	if got := p.thread("msg_2"); len(got) != 5 || got[0] != "x" || !readAs(got[4], want) || strings.Count(strings.Join(got, ""), "[forged]") != 2 {
		t.Errorf("the thread is %q", got)
	}
	if s := p.log.String(); strings.Contains(s, "taro") || strings.Contains(s, "田中") {
		t.Errorf("the log tells %s", s)
	}

	said := map[string]string{"live": p.say(to, signed)}
	_, err = p.Erase(ctx, "ws_1", "cus_1")
	p.must(err)
	if got := p.thread("msg_2"); len(slices.Compact(got)) != 1 || got[0] != "gone" {
		t.Errorf("after the erasure the thread is %q", got)
	}
	said["erased"] = p.say(to, signed)
	said["never handed over"] = p.say(relay.LocalPart(p.vault, relay.Reply, engawa.NewOrderedID(engawa.PrefixDelivery, now), now.Add(time.Hour))+"@"+domain, signed)
	said["of the workspace"] = p.say(own, signed)
	for name, s := range said {
		if s != said["live"] || !strings.HasPrefix(s, "250") {
			t.Errorf("to an address that is %s it says %q, else %q", name, s, said["live"])
		}
	}
}

// thread is what stands in the thread of a message: its words and those of answers,
// with the doubt about each, and "gone" where no words are left.
func (p *post) thread(message string) (lines []string) {
	p.t.Helper()
	h, err := p.Thread(p.t.Context(), "ws_1", message, 0)
	p.must(err)
	for _, l := range h.Lines {
		switch a := l.Answer; {
		case l.Said.Erased, a != nil && a.Gone:
			lines = append(lines, "gone")
		case a == nil:
			lines = append(lines, l.Said.Message.Content.Text)
		case a.Doubt != "":
			lines = append(lines, a.Body.Text+" ["+string(a.Doubt)+"]")
		default:
			lines = append(lines, a.Body.Text)
		}
	}
	return lines
}

// say brings a mail and returns what the server said to RCPT and to the mail.
func (p *post) say(to, mail string) string {
	p.t.Helper()
	c, err := smtp.Dial(p.addr)
	p.must(err)
	defer c.Close()
	p.must(c.Hello("mx.customer.example"))
	var out []string
	for _, line := range []string{"MAIL FROM:<taro@customer.example>", "RCPT TO:<" + to + ">", "DATA", strings.ReplaceAll(mail, "\n", "\r\n") + "\r\n."} {
		id, err := c.Text.Cmd("%s", line)
		p.must(err)
		c.Text.StartResponse(id)
		code, text, err := c.Text.ReadResponse(0)
		c.Text.EndResponse(id)
		p.must(err)
		out = append(out, fmt.Sprint(code, " ", text))
	}
	return strings.ReplaceAll(strings.Join(out[1:], " | "), to, "TO")
}

// asks looks for the one task that was not there before, with args, and for what the
// partner would read; where args give no reason there is to be none.
func (p *post) asks(name string, before map[string]bool, args map[string]string, text string) {
	p.t.Helper()
	tasks, err := p.TaskPage(p.t.Context(), "ws_1", store.TaskFilter{Kind: "reply.unproved"}, store.Page{})
	p.must(err)
	tasks = slices.DeleteFunc(tasks, func(k engawa.Task) bool { return before[k.ID] })
	if args["why"] == "" || len(tasks) != 1 {
		if args["why"] != "" || len(tasks) > 0 {
			p.t.Errorf("%s: it asks %v", name, tasks)
		}
		return
	}
	k := tasks[0]
	before[k.ID] = true
	if !maps.Equal(k.Args, args) || k.Customer != "cus_1" || k.DueAt.IsZero() {
		p.t.Errorf("%s: it asks %+v", name, k)
	}
	u, err := p.UnprovedReply(p.t.Context(), "ws_1", k.Ref)
	p.must(err)
	if !readAs(u.Body.Text, text) {
		p.t.Errorf("%s: a person reads %q", name, u.Body.Text)
	}
}

// readAs compares words, whichever of its two names an address of ours had.
func readAs(got, want string) bool {
	return got == want || got == strings.Replace(want, "> To: [address]", "> To: [alias]", 1)
}
