package broadcast_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/broadcast"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const ws = "ws_hinata"

// bench is a shop with a mailbox and customers: every second agreed to marketing, every
// third reads Korean.
type bench struct {
	t     *testing.T
	url   string
	vault *vault.Vault
	broadcast.Runner
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func each(t *testing.T, customers int, test func(b *bench)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) {
		b := &bench{t: t, url: url, vault: vault.New(vault.Generate(time.Now()))}
		b.Runner = b.node()
		ctx, now := t.Context(), time.Now()
		b.must(b.Store.AddWorkspace(ctx, engawa.Workspace{
			ID: ws, Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", Locale: "ja", CreatedAt: now,
			Sender: engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076-000-0000", Mail: "shop@hinata.example", Contact: "https://hinata.example/contact"},
		}))
		b.must(b.Store.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_mail", Kind: "mail", Name: "メール", Environment: engawa.Sandbox, Enabled: true, CreatedAt: now}))
		for i := range customers {
			b.customer(i)
		}
		test(b)
	})
}

func (b *bench) customer(i int) {
	b.t.Helper()
	id, now := fmt.Sprintf("cus_%03d", i), time.Now()
	c := store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: id, Kind: "person", Name: "田中", Country: "JP", Locale: map[bool]engawa.Locale{true: "ko", false: "ja"}[i%3 == 0], CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@customer.example"), VerifiedAt: now, CreatedAt: now}},
	}
	if i%2 == 0 {
		c.Consents = []engawa.Consent{{
			Workspace: ws, ID: engawa.NewID("cns"), Customer: id, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: now.Add(-time.Minute),
			Evidence: engawa.Evidence{Wording: "お知らせを受け取る", Version: "1"},
		}}
	}
	b.must(b.Store.AddCustomer(b.t.Context(), c))
}

// node is another node on the same database.
func (b *bench) node() broadcast.Runner {
	b.t.Helper()
	rules, err := rule.Load()
	b.must(err)
	words, err := text.Load()
	b.must(err)
	st, err := store.Open(b.t.Context(), b.url, b.vault)
	b.must(err)
	b.t.Cleanup(func() { st.Close() })
	return broadcast.Runner{Store: st, Compose: &message.Composer{
		Store: st, Rules: rules, Words: words, Kinds: builtin.Kinds(), Unsubscribe: func(m engawa.Message) string { return "https://hub.example/u/" + m.ID },
	}}
}

// spring is a broadcast to everybody; of an empty Where.
func (b *bench) spring() engawa.Broadcast {
	x := engawa.Broadcast{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixBroadcast), Name: "春のお知らせ", CreatedAt: time.Now(),
		Body: engawa.BroadcastBody{Purpose: engawa.Marketing, Chain: []engawa.Via{{Account: "acc_mail"}}, Words: map[engawa.Locale]engawa.Content{
			"ja": {Subject: "春です", Text: "{{customer.name}}さまへ"}, "ko": {Subject: "봄입니다", Text: "{{customer.name}} 님께"},
		}},
	}
	b.must(broadcast.Check(x, time.Now()))
	return x
}

// recipients are the customers of a broadcast's messages, each as often as there is one.
func (b *bench) recipients(id string) (all []string) {
	b.t.Helper()
	for p := (store.Page{Limit: 200}); ; {
		rows, err := b.Store.Messages(b.t.Context(), ws, store.MessageFilter{Broadcast: id}, p)
		b.must(err)
		for _, r := range rows {
			all = append(all, r.Message.Customer)
			p.At, p.ID = r.Message.CreatedAt, r.Message.ID
		}
		if len(rows) < 200 {
			slices.Sort(all)
			return all
		}
	}
}

// TestBroadcast: each customer of the segment has one message, in their language, with
// the verdict that they would get; nobody who came later has one; and it is done when
// nothing waits.
func TestBroadcast(t *testing.T) {
	each(t, 9, func(b *bench) {
		ctx, x := b.t.Context(), b.spring()
		x.Body.Where = engawa.Condition{Any: []engawa.Condition{{Is: engawa.TraitLocale, Value: "ko"}, {Is: engawa.TraitConsent, Purpose: engawa.Marketing}}}
		b.must(b.Store.AddBroadcast(ctx, x))
		b.customer(10)
		b.must(b.Step(ctx))
		if got := b.recipients(x.ID); !slices.Equal(got, []string{"cus_000", "cus_002", "cus_003", "cus_004", "cus_006", "cus_008"}) {
			b.t.Error(got)
		}
		n, err := b.Store.BroadcastProgress(ctx, ws, x.ID)
		b.must(err)
		if n[engawa.MessageRefused] != 1 || n[engawa.MessageWaiting] != 5 { // cus_003 did not agree
			b.t.Error(n)
		}
		for customer, subject := range map[string]string{"cus_006": "봄입니다", "cus_008": "春です"} {
			said, err := b.Store.Message(ctx, ws, engawa.FixedID(engawa.PrefixMessage, x.ID, customer))
			b.must(err)
			if c := said.Message.Content; !strings.Contains(c.Subject, subject) || !strings.Contains(c.Text, "田中") || !said.Deliveries[0].Bulk {
				b.t.Errorf("%s: %+v", customer, c)
			}
		}
		now, err := b.Store.Broadcast(ctx, ws, x.ID)
		b.must(err)
		if now.State != engawa.BroadcastRunning || !now.Walked || now.Made != 6 {
			b.t.Errorf("while messages wait: %+v", now)
		}
		for _, customer := range b.recipients(x.ID) {
			if err := b.Store.Cancel(ctx, ws, engawa.FixedID(engawa.PrefixMessage, x.ID, customer)); (err != nil) != (customer == "cus_003") { // refused already
				b.t.Error(customer, err)
			}
		}
		b.must(b.Store.FinishBroadcast(ctx, now, time.Now()))
		if now, err = b.Store.Broadcast(ctx, ws, x.ID); now.State != engawa.BroadcastDone || now.EndedAt.IsZero() || err != nil {
			b.t.Errorf("at the end: %+v, %v", now, err)
		}
	})
}

// TestNodes: two nodes that take steps again and again, of which one is cut off in the
// middle each time, make one message for each customer; a customer who was merged into
// another meanwhile is not written to twice.
func TestNodes(t *testing.T) {
	each(t, 450, func(b *bench) {
		ctx, x := b.t.Context(), b.spring()
		b.must(b.Store.AddBroadcast(ctx, x))
		nodes := []broadcast.Runner{b.Runner, b.Runner}
		if strings.HasPrefix(b.url, "postgres") { // a SQLite file has one node
			nodes[1] = b.node()
		}
		due, err := b.Store.DueBroadcasts(ctx)
		b.must(err)
		late := due[0] // a node that took a step, and slept until the others were done
		for made, tries := 0, 0; made < 450; tries++ {
			if tries > 200 {
				b.t.Fatalf("%d messages after %d tries", made, tries)
			}
			var all sync.WaitGroup
			for i := range nodes {
				all.Go(func() {
					cut, stop := context.WithCancel(ctx)
					if i == 0 && tries < 6 {
						time.AfterFunc(time.Duration(tries*7)*time.Millisecond, stop)
					}
					defer stop()
					if err := nodes[i].Step(cut); err != nil && cut.Err() == nil {
						b.t.Error(err)
					}
				})
			}
			all.Wait()
			b.must(b.Store.PauseBroadcast(ctx, ws, x.ID)) // and on again: the lease of the node that was cut off is over
			b.must(b.Store.ResumeBroadcast(ctx, ws, x.ID))
			n, err := b.Store.Broadcast(ctx, ws, x.ID)
			b.must(err)
			made = n.Made
		}
		if took, err := b.Store.StepBroadcast(ctx, late, store.BroadcastStep{Cursor: "cus_010", Next: time.Now()}); took || err != nil {
			b.t.Errorf("the late node took its step: %v", err)
		}
		got := b.recipients(x.ID)
		if len(slices.Compact(slices.Clone(got))) != 450 || len(got) != 450 {
			b.t.Errorf("%d messages for %d customers", len(got), len(slices.Compact(got)))
		}
	})
}

// TestLook: what would become of a broadcast, and why; nothing is kept.
func TestLook(t *testing.T) {
	each(t, 10, func(b *bench) {
		ctx, x := b.t.Context(), b.spring()
		f, err := b.Look(ctx, x)
		b.must(err)
		if f.Members != 10 || f.Asked != 10 || f.Send+f.Hold != 5 || f.Refuse != 5 || len(f.Use) != 1 || f.Use[0].N != 5 {
			b.t.Errorf("%+v", f)
		}
		if i := slices.IndexFunc(f.Why, func(w broadcast.Why) bool { return w.Reason.Code == "consent.none" }); i < 0 || f.Why[i].N != 5 {
			b.t.Errorf("why: %+v", f.Why)
		}
		if got := b.recipients(x.ID); len(got) != 0 {
			b.t.Errorf("%d messages were kept", len(got))
		}
		x.Body.Where = engawa.Condition{Is: engawa.TraitMinor}
		if f, err := b.Look(ctx, x); f.Members != 0 || err != nil {
			b.t.Errorf("of nobody: %+v, %v", f, err)
		}
	})
}

// TestCheck: what is wrong with a broadcast is said.
func TestCheck(t *testing.T) {
	now := time.Now()
	for field, change := range map[string]func(*engawa.Broadcast){
		"/name":          func(x *engawa.Broadcast) { x.Name = "" },
		"/purpose":       func(x *engawa.Broadcast) { x.Body.Purpose = "odd" },
		"/words":         func(x *engawa.Broadcast) { x.Body.Words = nil },
		"/words/ja":      func(x *engawa.Broadcast) { x.Body.Words["ja"] = engawa.Content{Text: "{{offer.link:spring}}"} },
		"/words/ja/text": func(x *engawa.Broadcast) { x.Body.Words["ja"] = engawa.Content{Text: "{{"} },
		"/expires_at": func(x *engawa.Broadcast) {
			x.Body.ExpiresAt, x.Body.NotBefore = now.Add(time.Hour), now.Add(2*time.Hour)
		},
	} {
		x := engawa.Broadcast{Name: "春", Body: engawa.BroadcastBody{Purpose: engawa.Notice, Words: map[engawa.Locale]engawa.Content{"ja": {Text: "春です"}}}}
		change(&x)
		e, _ := broadcast.Check(x, now).(*engawa.Error)
		if e == nil || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: %+v", field, e)
		}
	}
}
