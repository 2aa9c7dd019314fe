package mail

import (
	"bytes"
	"net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/mail/sim"
)

// relayed opens an account whose hub has a relay.
func relayed(t *testing.T, b *sim.Inbox, changes ...string) *account {
	t.Helper()
	name := func(use string) func(string, time.Time) string {
		return func(delivery string, at time.Time) string {
			if delivery == "dlv_odd" {
				return ""
			}
			return use + "-" + delivery + "-" + at.UTC().Format("20060102")
		}
	}
	ch, err := open(settings(changes...), channel.Env{Account: channeltest.Account, Dial: b.Dial, BounceTo: name("b"), ReplyTo: name("r")})
	if err != nil {
		t.Fatal(err)
	}
	a := ch.(*account)
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func parcel(delivery string) engawa.Parcel {
	return engawa.Parcel{
		Workspace: "ws_1", Message: "msg_1", Delivery: delivery, Account: channeltest.Account, Attempt: 1, To: taro, Purpose: engawa.Service,
		Content: engawa.Content{Subject: "お知らせ", Text: "本文"}, CreatedAt: time.Date(2026, 12, 24, 9, 0, 0, 0, time.UTC),
	}
}

// TestHop: a hub with a relay marks its mails by what led to them.
func TestHop(t *testing.T) {
	b := &sim.Inbox{}
	defer b.Close()
	for _, hop := range []func(int) string{nil, strconv.Itoa} {
		ch, err := open(settings(), channel.Env{Account: channeltest.Account, Dial: b.Dial, Hop: hop})
		if err != nil {
			t.Fatal(err)
		}
		p := parcel("dlv_1")
		p.Hops = 2
		l, err := ch.(*account).compose(p)
		if err != nil {
			t.Fatal(err)
		}
		if marked := strings.Contains(string(l.octets), "\r\nX-Engawa-Hop: 3\r\n"); marked != (hop != nil) {
			t.Errorf("%s", l.octets)
		}
	}
}

// TestOwnDomain: mail to an address that comes back to the hub does not leave.
func TestOwnDomain(t *testing.T) {
	b := &sim.Inbox{}
	defer b.Close()
	for to, goes := range map[engawa.Address]bool{"r-1@Relay.hinata.example": false, "r-1@hinata.example": true} {
		ch, err := open(settings(), channel.Env{Account: channeltest.Account, Dial: b.Dial, Relays: []string{"relay.hinata.example"}})
		if err != nil {
			t.Fatal(err)
		}
		p := parcel("dlv_1")
		p.To = to
		if _, err = ch.(*account).compose(p); (err == nil) != goes {
			t.Errorf("%t: %v", goes, err)
		}
	}
}

// TestReturnPath: with a relay domain the envelope's sender names the delivery,
// and what is signed of the mail does not change by it.
func TestReturnPath(t *testing.T) {
	b := &sim.Inbox{}
	defer b.Close()
	now := time.Now().UTC().Format("20060102")
	for _, c := range []struct {
		name, delivery string
		changes        []string
		from, replyTo  string
	}{
		{"no relay domain", "dlv_1", nil, "shop@hinata.example", ""},
		{"return path alone", "dlv_1", []string{"relay_domain", "relay.hinata.example"}, "b-dlv_1-" + now + "@relay.hinata.example", ""},
		{"beside the answers' own address", "dlv_1", []string{"relay_domain", "relay.hinata.example", "reply_to", "staff@hinata.example"}, "b-dlv_1-" + now + "@relay.hinata.example", "staff@hinata.example"},
		{"answers too", "dlv_1", []string{"relay_domain", "Relay.Hinata.Example", "relay_replies", "true", "reply_to", "staff@hinata.example"}, "b-dlv_1-" + now + "@relay.hinata.example", "r-dlv_1-20261224@relay.hinata.example"},
		{"a delivery without a name", "dlv_odd", []string{"relay_domain", "relay.hinata.example", "relay_replies", "true", "return_path", "back@hinata.example"}, "back@hinata.example", ""},
	} {
		b.Clear()
		if _, err := send(t, relayed(t, b, c.changes...), parcel(c.delivery)); err != nil {
			t.Fatal(c.name, err)
		}
		m := b.Mails()[0]
		got, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		if m.EnvelopeFrom != c.from || got.Header.Get("Reply-To") != c.replyTo {
			t.Errorf("%s: MAIL FROM %q, Reply-To %q", c.name, m.EnvelopeFrom, got.Header.Get("Reply-To"))
		}
		if strings.Contains(string(m.Raw), "b-dlv") {
			t.Errorf("%s: the return path is in the mail itself", c.name)
		}
	}
}

func TestRelaySettings(t *testing.T) {
	for _, changes := range [][]string{
		{"relay_domain", "relay"}, {"relay_domain", "192.0.2.1"}, {"relay_domain", strings.Repeat("a.", 100) + "example"}, {"relay_replies", "true"},
	} {
		if _, err := open(settings(changes...), channel.Env{}); err == nil {
			t.Errorf("%v was accepted", changes)
		}
	}
	ch, err := open(settings("relay_domain", "relay.hinata.example", "relay_replies", "true"), channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if from, replyTo := ch.(*account).addresses(parcel("dlv_1")); from != "shop@hinata.example" || replyTo != "" {
		t.Errorf("in a hub without a relay: %q, %q", from, replyTo)
	}
}

// TestAlias: a partner's mail is from an address of its own for each class of
// purpose, the same for good, in its name; answers go where they went before, or to
// the account's address, never to the alias. The business's own mail, and mail whose
// signature would not align, is from the account's address.
func TestAlias(t *testing.T) {
	b := &sim.Inbox{}
	defer b.Close()
	from := func(partner string, purpose engawa.Purpose, changes ...string) (address, replyTo string) {
		t.Helper()
		b.Clear()
		p := parcel("dlv_1")
		p.Partner, p.Purpose, p.SenderName = partner, purpose, "在庫くん via ひなた珈琲"
		l, err := relayed(t, b, changes...).compose(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mail.ReadMessage(bytes.NewReader(l.octets))
		if err != nil {
			t.Fatal(err)
		}
		author, err := mail.ParseAddress(got.Header.Get("From"))
		if err != nil || author.Name != p.SenderName {
			t.Fatalf("%v %v", author, err)
		}
		if n := strings.Count(string(l.octets[:l.head]), "\r\nReply-To:"); n > 1 {
			t.Fatalf("%d Reply-To", n)
		}
		return author.Address, got.Header.Get("Reply-To")
	}
	relay := []string{"relay_domain", "relay.hinata.example"}
	alias, replyTo := from("ptn_1", engawa.Service, relay...)
	if !strings.HasPrefix(alias, "v-") || !strings.HasSuffix(alias, "@relay.hinata.example") || replyTo != "shop@hinata.example" {
		t.Errorf("%s, answers to %s", alias, replyTo)
	}
	if again, _ := from("ptn_1", engawa.Security, relay...); again != alias {
		t.Errorf("the same class of the same partner is from %s", again)
	}
	seen := map[string]bool{alias: true}
	for _, x := range []struct {
		partner string
		purpose engawa.Purpose
	}{{"ptn_1", engawa.Marketing}, {"ptn_1", engawa.Notice}, {"ptn_2", engawa.Service}} {
		got, _ := from(x.partner, x.purpose, relay...)
		if seen[got] {
			t.Errorf("%v shares %s", x, got)
		}
		seen[got] = true
	}
	if _, replyTo := from("ptn_1", engawa.Service, "relay_domain", "relay.hinata.example", "relay_replies", "true"); replyTo != "r-dlv_1-20261224@relay.hinata.example" {
		t.Errorf("answers go to %s", replyTo)
	}
	for name, changes := range map[string][]string{"no relay domain": nil, "another's domain": {"relay_domain", "relay.elsewhere.example"}} {
		if got, _ := from("ptn_1", engawa.Service, changes...); got != "shop@hinata.example" {
			t.Errorf("%s: from %s", name, got)
		}
	}
	if got, replyTo := from("", engawa.Service, relay...); got != "shop@hinata.example" || replyTo != "" {
		t.Errorf("the business's own: %s, %s", got, replyTo)
	}
}
