package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const ws = "ws_1"

// shop is a composer over a store with a customer, a mail account and a room.
type shop struct {
	*message.Composer
	t *testing.T
}

func newShop(t *testing.T, url string) *shop {
	t.Helper()
	st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	rules, err1 := rule.Load()
	words, err2 := text.Load()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	s := &shop{&message.Composer{Store: st, Rules: rules, Words: words, Kinds: builtin.Kinds()}, t}
	ctx, now := t.Context(), time.Now()
	s.must(st.AddWorkspace(ctx, engawa.Workspace{ID: ws, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now}))
	for id, a := range map[string]engawa.Account{
		"acc_mail": {Kind: "mail", Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example"}},
		"acc_room": {Kind: "chatwork", Settings: map[string]string{"token": "t"}},
	} {
		a.Workspace, a.ID, a.Name, a.Environment, a.Enabled, a.CreatedAt = ws, id, id, engawa.Sandbox, true, now
		s.must(st.AddAccount(ctx, a))
	}
	s.must(st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_room", Name: "契約チーム", Account: "acc_room", Address: "123", Locale: engawa.Japanese, CreatedAt: now}))
	s.must(st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_mail", Name: "店長", Account: "acc_mail", Address: "boss@hinata.example", Locale: engawa.Japanese, CreatedAt: now}))
	s.must(st.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: "cus_1", Kind: "person", Name: "田中 美咲", Locale: engawa.Japanese, Country: "JP", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_1", Customer: "cus_1", Kind: "mail", Address: "misaki@customer.example", VerifiedAt: now, CreatedAt: now}},
	}))
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) template(id, words string) {
	s.t.Helper()
	s.must(s.Store.SaveTemplate(s.t.Context(), engawa.Template{Workspace: ws, ID: id, Name: id, Words: map[engawa.Locale]engawa.Content{engawa.Japanese: {Subject: "件名", Text: words}}}))
}

// canceled is an event of the customer that carries an address in its data.
func canceled() engawa.Event {
	return engawa.Event{
		Workspace: ws, ID: "evt_1", Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "1", Subject: "member:misaki@customer.example", Customer: "cus_1", ReceivedAt: time.Now(),
		Data: []byte(`{"m":{"name":"田中","email":"misaki@customer.example","phone":"090-1234-5678"},"reason":"転居。連絡は misaki@customer.example へ"}`),
	}
}

// TestWordsToStaff: a notice to a room names the event's customer, by name and
// id, and shows no address; a message to the customer shows what is the
// customer's own, and no id.
func TestWordsToStaff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		const words = "{{customer.name}} ({{customer.id?}}) {{m.email}} {{m.phone}} {{reason}} {{event.subject}}"
		s.template("tpl_1", words)
		ev := canceled()
		room := message.Request{Workspace: ws, Event: &ev, Destination: "dst_room", Template: "tpl_1", Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_room"}}}
		own, viaStaff, unknown, plain := room, room, room, room
		own.Destination, own.Customer, own.Chain = "", "cus_1", []engawa.Via{{Account: "acc_mail"}}
		viaStaff.Destination, viaStaff.Customer, viaStaff.Chain = "", "cus_1", []engawa.Via{{Account: "acc_mail"}, {Account: "acc_mail", Destination: "dst_mail"}}
		nobodys := ev
		nobodys.Customer = ""
		unknown.Event = &nobodys
		plain.Template = ""
		const full = "misaki@customer.example 090-1234-5678 転居。連絡は misaki@customer.example へ member:misaki@customer.example"
		const veiled = "m…@c….example 0… 転居。連絡は m…@c….example へ member:m…@c….example"
		for name, c := range map[string]struct {
			r    message.Request
			want string
		}{
			"to a room":                           {room, "田中 美咲 (cus_1) " + veiled},
			"to the customer":                     {own, "田中 美咲 () " + full},
			"to the customer, else to staff":      {viaStaff, "田中 美咲 () " + veiled},
			"to a room, of nobody who is known":   {unknown, " () " + veiled},
			"to a room, in the event's own words": {plain, ""},
		} {
			ms, err := s.Compose(t.Context(), ws, []message.Request{c.r})
			s.must(err)
			got := ms[0].Message.Content.Text
			if c.want != "" && got != c.want {
				t.Errorf("%s: %q\nwant %q", name, got, c.want)
			}
			if c.want == "" && (!strings.Contains(got, "お客さまID: cus_1") || strings.Contains(got, "misaki") || strings.Contains(got, "契約チーム")) {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

// TestErasedNotice: what a notice to staff tells of a customer goes with the
// customer, also when it waits to be sent.
func TestErasedNotice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		ctx := t.Context()
		s.template("tpl_1", "{{customer.name}}様の解約")
		ev := canceled()
		_, err := s.Store.Journal(ctx, []engawa.Event{ev})
		s.must(err)
		request := message.Request{Workspace: ws, Event: &ev, Destination: "dst_room", Template: "tpl_1", Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_room"}}}
		ms, err := s.Accept(ctx, ws, []message.Request{request})
		s.must(err)
		id := ms[0].Message.ID
		said, err := s.Store.Message(ctx, ws, id)
		s.must(err)
		if said.Message.Content.Text != "田中 美咲様の解約" || said.Message.About != "cus_1" || said.Message.Customer != "" {
			t.Errorf("%+v", said.Message)
		}
		late, err := s.Compose(ctx, ws, []message.Request{request})
		s.must(err)
		e, err := s.Store.Erase(ctx, ws, "cus_1")
		s.must(err)
		if said, err = s.Store.Message(ctx, ws, id); err != nil || e.Canceled != 1 || !said.Erased || said.Message.Content.Text != "" || said.Deliveries[0].Note != "erased" {
			t.Errorf("%+v %+v %v", e, said, err)
		}
		if err := s.Store.Enqueue(ctx, late); err == nil {
			t.Error("a notice that was composed before the erasure was kept after it")
		}
	})
}

// TestOwnTypeToStaff: the notice of a type that the workspace made says its name
// in the language of the place, and who it tells of.
func TestOwnTypeToStaff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		ev := canceled()
		ev.Type = "shop.order.shipped"
		r := message.Request{Workspace: ws, Event: &ev, Destination: "dst_room", Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_room"}}}
		said := func() string {
			ms, err := s.Compose(t.Context(), ws, []message.Request{r})
			s.must(err)
			return ms[0].Message.Content.Subject + "\n" + ms[0].Message.Content.Text
		}
		if got := said(); !strings.Contains(got, "shop.order.shipped") {
			t.Errorf("a type without words: %q", got)
		}
		names := map[engawa.Locale]string{"ja": "発送しました", "ko": "발송했습니다", "en": "Shipped"}
		s.must(s.Store.SaveEventType(t.Context(), engawa.EventType{Workspace: ws, Type: ev.Type, Names: names, Schema: []byte(`{"type":"object"}`), Sample: []byte(`{}`)}))
		if got := said(); got != "発送しました\n発送しました\nお客さまID: cus_1\nref: "+ev.ID+"\n" {
			t.Errorf("%q", got)
		}
	})
}

// TestComplete: whom a notice tells of reaches a kind that asks for it, and no other.
func TestComplete(t *testing.T) {
	for _, k := range builtin.Kinds() {
		f := message.Complete(store.Known{Facts: engawa.Facts{About: &engawa.About{Customer: "cus_1"}}}, k, engawa.Message{}, time.Now())
		if (f.About != nil) != (k.Name == "zendesk") {
			t.Errorf("%s: %v", k.Name, f.About)
		}
	}
}
