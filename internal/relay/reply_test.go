package relay_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/store"
)

// TestReplyToPartner: what a customer answers to a partner's message reaches the
// partner made anew, once, if it is proved to be theirs. To everybody the server
// says the same.
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
	for _, c := range []struct{ name, from, to, mail string }{
		{"unsigned", taro, to, mail},
		{"signed by another", taro, to, sign("evil.example", mail)},
		{"of another customer", "jiro@customer.example", to, sign("customer.example", strings.Replace(mail, taro, "jiro@customer.example", 1))},
		{"to the workspace's own message", taro, own, sign("customer.example", mail)},
		{"a vacation note", taro, to, sign("customer.example", "Auto-Submitted: auto-replied\n"+mail)},
	} {
		if code := p.bring(c.from, c.to, c.mail); code != 0 {
			t.Errorf("%s: %d", c.name, code)
		}
		if rs, err := p.PartnerReplies(ctx, "ws_1", "ptn_1", []string{""}, store.Page{}); err != nil || len(rs) != 0 {
			t.Errorf("%s: the partner reads %v, %v", c.name, rs, err)
		}
	}
	signed := sign("customer.example", strings.Replace(mail, "Re: ", "Re: Re: ", 1))
	for range 2 { // the second time because the first answer was lost
		p.bring(taro, to, signed)
	}
	rs, err := p.PartnerReplies(ctx, "ws_1", "ptn_1", []string{""}, store.Page{})
	p.must(err)
	want := "はい、[name]です。 [address] か shop@midori.example まで。\n> To: [address]"
	if len(rs) != 1 || rs[0].Body.Text != want && rs[0].Body.Text != strings.Replace(want, "> To: [address]", "> To: [alias]", 1) || rs[0].Message != "msg_2" || rs[0].At.Minute() != 0 {
		t.Errorf("the partner reads %v: %q", rs, rs[0].Body.Text)
	}
	if s := p.log.String(); strings.Contains(s, "taro") || strings.Contains(s, "田中") {
		t.Errorf("the log tells %s", s)
	}

	said := map[string]string{"live": p.say(to, signed)}
	_, err = p.Erase(ctx, "ws_1", "cus_1")
	p.must(err)
	said["erased"] = p.say(to, signed)
	said["never handed over"] = p.say(relay.LocalPart(p.vault, relay.Reply, engawa.NewOrderedID(engawa.PrefixDelivery, now), now.Add(time.Hour))+"@"+domain, signed)
	said["of the workspace"] = p.say(own, signed)
	for name, s := range said {
		if s != said["live"] || !strings.HasPrefix(s, "250") {
			t.Errorf("to an address that is %s it says %q, else %q", name, s, said["live"])
		}
	}
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
