package insight_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/mail"
	mailsim "github.com/engawa/engawa/internal/channel/mail/sim"
	"github.com/engawa/engawa/internal/dispatch"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	token   = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"
	another = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c02"
	group   = "20500001"
	mailbox = "acc_mail"
	monthly = "monthly"
)

// shop is a business that writes by mail to who bought in its app.
type shop struct {
	*followtest.Shop

	t       *testing.T
	inbox   *mailsim.Inbox
	http    *http.Client // of endpoints; nil: there are none
	compose *message.Composer
	rules   *rule.Set
}

func open(t *testing.T, url string) *shop {
	t.Helper()
	s := &shop{Shop: followtest.Open(t, url, sim.Production), t: t, inbox: &mailsim.Inbox{}}
	words, err := text.Load()
	s.Must(err)
	s.rules, err = rule.Load()
	s.Must(err)
	s.compose = &message.Composer{
		Store: s.Hub, Rules: s.rules, Words: words, Kinds: []channel.Kind{mail.Kind},
		Unsubscribe: func(m engawa.Message) string { return "https://hinata.example/u/" + m.ID },
	}
	ctx, now := t.Context(), time.Now()
	w, err := s.Hub.Workspace(ctx, followtest.Workspace)
	s.Must(err)
	w.Sender = engawa.SenderProfile{Name: "ひなた珈琲", Postal: "石川県金沢市1-1", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"}
	s.Must(s.Hub.ChangeWorkspace(ctx, w))
	s.Must(s.Hub.AddAccount(ctx, engawa.Account{
		Workspace: followtest.Workspace, ID: mailbox, Kind: "mail", Name: "mail", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example", "per_second": "50"},
	}))
	for level, plan := range []string{"premium", monthly, "light"} {
		s.Must(s.Hub.SaveProduct(ctx, engawa.Product{Workspace: followtest.Workspace, ID: plan, Group: group, Level: level + 1}))
	}
	for _, r := range insight.Routes() {
		if r.Staff {
			continue
		}
		s.make(r, "rte_"+r.Name, s.Account)
	}
	for _, t := range []string{token, another} {
		s.knows(t)
	}
	return s
}

// make makes a ready-made route of the app of an App Store account, and switches it on.
func (s *shop) make(r insight.Ready, id string, of engawa.Account) {
	s.t.Helper()
	s.Must(s.Hub.SaveTemplate(s.t.Context(), engawa.Template{Workspace: followtest.Workspace, ID: "tpl_" + id, Name: r.Name, Words: s.compose.Words.Outreach(r.Name, "")}))
	made := r.Route(insight.Choice{
		Name: r.Name, App: of.Settings["app"], Bundles: []string{of.Settings["bundle_id"]}, Template: "tpl_" + id, Product: "premium", Via: []engawa.Via{{Account: mailbox}},
	})
	made.Workspace, made.ID, made.Enabled, made.UpdatedAt = followtest.Workspace, id, true, time.Now()
	_, err := route.Check(made, nil, nil)
	s.Must(err)
	s.Must(s.Hub.SaveRoute(s.t.Context(), made))
}

// tested is the app's sandbox.
func (s *shop) tested() *shop {
	there := *s
	there.Shop = s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
	return &there
}

// beans is another app of the business.
func (s *shop) beans() *shop {
	s.t.Helper()
	s.Must(s.Hub.AddApp(s.t.Context(), engawa.App{Workspace: followtest.Workspace, ID: "app_beans", Name: "豆のアプリ", CreatedAt: time.Now()}))
	there := *s
	there.Shop = s.Beside(sim.Production, "acc_beans", "app_beans", "jp.hinata.beans")
	return &there
}

// knows adds a customer whom the business knows by the app's token, and who
// agreed to advertising by mail.
func (s *shop) knows(token string) {
	s.t.Helper()
	id, now := "cus_"+token, time.Now()
	s.Must(s.Hub.AddCustomer(s.t.Context(), store.NewCustomer{
		Customer:      engawa.Customer{Workspace: followtest.Workspace, ID: id, Kind: "person", Name: "田中", Locale: engawa.Japanese, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
		Identities:    []engawa.Identity{{Issuer: appstore.Issuer, Kind: appstore.KindAppAccountToken, Value: token}},
		ContactPoints: []engawa.ContactPoint{{Workspace: followtest.Workspace, ID: "cp_" + token, Customer: id, Kind: "mail", Address: engawa.Address(token + "@customer.example"), VerifiedAt: now, CreatedAt: now}},
		Consents: []engawa.Consent{{
			Workspace: followtest.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: id, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact,
			Purpose: engawa.Marketing, Channel: "mail", Given: true, At: now, Evidence: engawa.Evidence{Wording: "お得な情報をメールで受け取る", Version: "v1"},
		}},
	}))
}

// route changes a ready-made route.
func (s *shop) route(name string, change func(r *engawa.Route)) {
	s.t.Helper()
	routes, err := s.Hub.Routes(s.t.Context(), followtest.Workspace)
	s.Must(err)
	r := routes[slices.IndexFunc(routes, func(r engawa.Route) bool { return r.ID == "rte_"+name })]
	change(&r)
	s.Must(s.Hub.SaveRoute(s.t.Context(), r))
}

// run starts the hub's dispatcher until it is stopped: a lane looks around every few
// seconds, and no test waits while months go by so.
func (s *shop) run() (stop func()) {
	lanes := s.lanes()
	stop = func() { lanes(); s.inbox.Close() }
	s.t.Cleanup(stop)
	return stop
}

// lanes runs them alone; the inbox stays open for the next to run.
func (s *shop) lanes() (stop func()) {
	d := &dispatch.Dispatcher{
		Store: s.Hub, Compose: s.compose, Rules: s.rules, Kinds: s.compose.Kinds, Owner: "one", Log: slog.New(slog.DiscardHandler),
		Env: channel.Env{HTTP: s.http, Dial: s.inbox.Dial, Log: slog.New(slog.DiscardHandler)},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { d.Run(ctx); close(ended) }()
	return sync.OnceFunc(func() {
		cancel()
		<-ended
	})
}

// last is the newest message of a route.
func (s *shop) last(name string) store.Said {
	s.t.Helper()
	ms, err := s.Hub.Messages(s.t.Context(), followtest.Workspace, store.MessageFilter{}, store.Page{})
	s.Must(err)
	for _, m := range ms {
		said, err := s.Hub.Message(s.t.Context(), followtest.Workspace, m.Message.ID)
		s.Must(err)
		if said.Message.Route == "rte_"+name {
			return said
		}
	}
	s.t.Fatalf("no message by the route %s among %d", name, len(ms))
	return store.Said{}
}

// made are the messages of the routes whose names begin so.
func (s *shop) made(name string) (of []engawa.Message) {
	s.t.Helper()
	ms, err := s.Hub.Messages(s.t.Context(), followtest.Workspace, store.MessageFilter{}, store.Page{Limit: 200})
	s.Must(err)
	for _, m := range ms {
		if strings.HasPrefix(m.Message.Route, "rte_"+name) {
			of = append(of, m.Message)
		}
	}
	return of
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// outreach is one ready-made route: what sets it off, and by what its reason
// disappears.
type outreach struct {
	name string
	act  func(s *shop, who string)
	undo func(s *shop, who string)
	gone engawa.Gone
}

func outreaches() []outreach {
	month := 31 * 24 * time.Hour
	var beans string
	off := func(s *shop, who string) { s.Must(s.Renew(who, group, false)) }
	fails := func(s *shop, who string) { s.Must(s.Card(who, false)); wait(month) }
	buys := func(s *shop, who string) { s.Bought(who, monthly) }
	return []outreach{
		{"save", off, func(s *shop, who string) { s.Must(s.Renew(who, group, true)) }, engawa.GoneRenews},
		{"payment", fails, func(s *shop, who string) { s.Must(s.Card(who, true)) }, engawa.GonePaid},
		{
			"price", func(s *shop, _ string) { s.Must(s.RaisePrice(monthly, map[string]int64{"JPN": 1_980_000}, true)) },
			func(s *shop, who string) { s.Must(s.Consent(who, group)) }, engawa.GoneAgreed,
		},
		{"winback_canceled", func(s *shop, who string) { off(s, who); wait(month) }, buys, engawa.GoneBack},
		{"winback_billing", func(s *shop, who string) { fails(s, who); wait(61 * 24 * time.Hour) }, func(s *shop, who string) { s.Must(s.Card(who, true)); buys(s, who) }, engawa.GoneBack},
		{"winback_price", func(s *shop, _ string) {
			s.Must(s.RaisePrice(monthly, map[string]int64{"JPN": 1_980_000}, true))
			wait(month)
		}, buys, engawa.GoneBack},
		{"winback_unsold", func(s *shop, _ string) {
			s.Must(s.ForSale(monthly, false))
			wait(month)
		}, func(s *shop, who string) { s.Bought(who, "light") }, engawa.GoneBack},
		{"winback_other", func(s *shop, who string) { s.Must(s.End(who, group)); wait(month) }, buys, engawa.GoneBack},
		{"upgrade", func(*shop, string) { wait(month) }, func(s *shop, who string) { s.Bought(who, "premium") }, engawa.GoneChanged},
		{"upgrade", func(*shop, string) { wait(month) }, off, engawa.GoneCanceled},
		{"share_ended", func(s *shop, who string) {
			off(s, who)
			wait(month)
			head := s.Person("JPN", another)
			s.Bought(head, monthly)
			s.Must(s.Family(head, who))
			wait(time.Second)
			s.Must(s.Leave(head, who))
		}, buys, engawa.GoneBack},
		{"sorry", func(s *shop, who string) {
			beans = s.Bought(who, "beans")
			wait(time.Second)
			s.Must(s.AskRefund(beans, "FULFILLMENT_ISSUE"))
			s.Must(s.Decide(beans, 100))
		}, func(s *shop, _ string) { s.Must(s.Reverse(beans)) }, engawa.GoneKept},
	}
}

// TestOutreach: each ready-made route to customers writes to the right one, and
// does not when its reason has disappeared before the message could go; the
// message says why.
func TestOutreach(t *testing.T) {
	for _, c := range outreaches() {
		for _, undone := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := open(t, storetest.SQLite(t))
					who := s.Person("JPN", token)
					s.Bought(who, monthly)
					wait(time.Second)
					s.held(c, who, undone)
				})
			})
		}
	}
}

// TestOutreachElsewhere: a ready-made route takes what happens in its own app, in
// production. What the same customer does in another app of the business, or a tester
// in the sandbox, where months are minutes, brings about no message.
func TestOutreachElsewhere(t *testing.T) {
	for _, c := range outreaches() {
		for where, elsewhere := range map[string]func(s *shop) *shop{"another app": (*shop).beans, "sandbox": (*shop).tested} {
			t.Run(c.name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := open(t, storetest.SQLite(t))
					there := elsewhere(s)
					who := there.Person("JPN", token)
					there.Bought(who, monthly)
					wait(time.Second)
					c.act(there, who)
					wait(time.Second)
					s.run()
					wait(time.Minute)
					if ms := s.made(""); len(ms) != 0 {
						t.Errorf("%d messages: %+v", len(ms), ms[0])
					}
				})
			})
		}
	}
}

// TestOutreachOfTwoApps: of two apps of a business each has its own route, and the
// message speaks of the app in which something happened. A route of one that takes
// what happens in both, as those did that were made before they had a condition,
// sends nothing in the name of the other.
func TestOutreachOfTwoApps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, storetest.SQLite(t))
		beans := s.beans()
		s.make(insight.Routes()[0], "rte_beans", beans.Account)
		for _, in := range []*shop{s, beans} {
			who := in.Person("JPN", token)
			in.Bought(who, monthly)
			wait(time.Second)
			s.Must(in.Renew(who, group, false))
		}
		wait(time.Second)
		s.run()
		wait(time.Minute)
		for name, app := range map[string]string{"save": "ひなた珈琲", "beans": "豆のアプリ"} {
			if m, n := s.last(name).Message, len(s.made(name)); n != 1 || m.State != engawa.MessageSent || !strings.Contains(m.Content.Subject, app) {
				t.Errorf("%s: %d messages, %s: %s", name, n, m.State, m.Content.Subject)
			}
		}
		s.route("save", func(r *engawa.Route) { r.Condition = "" })
		who := beans.Person("JPN", another)
		beans.Bought(who, monthly)
		wait(time.Second)
		s.Must(beans.Renew(who, group, false))
		wait(time.Minute)
		m := s.last("save")
		why := m.Deliveries[0].Verdict.Gates[5] // rules
		if m.Message.Customer != "cus_"+another || m.Message.State != engawa.MessageRefused || why.Reasons[0].Code != "rules.gone_unknown" {
			t.Errorf("of all apps: %s: %+v", m.Message.State, why)
		}
		if own := s.last("beans").Message; own.Customer != "cus_"+another || own.State != engawa.MessageSent {
			t.Errorf("its own: %+v", own)
		}
		if n := len(s.inbox.Mails()); n != 3 {
			t.Errorf("%d mails", n)
		}
	})
}

// TestSorryForFaultsAlone: who had another reason for a refund than a fault of the app
// gets no apology.
func TestSorryForFaultsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, storetest.SQLite(t))
		for who, reason := range map[string]string{token: "FULFILLMENT_ISSUE", another: "OTHER"} {
			beans := s.Bought(s.Person("JPN", who), "beans")
			wait(time.Second)
			s.Must(s.AskRefund(beans, reason))
			s.Must(s.Decide(beans, 100))
		}
		wait(time.Second)
		s.run()
		wait(time.Minute)
		if ms := s.made("sorry"); len(ms) != 1 || ms[0].Customer != "cus_"+token {
			t.Errorf("%d apologies: %+v", len(ms), ms)
		}
	})
}

// TestOutreachEnds: a save offer goes only before the period ends, and the link to mend
// the payment only within the 60 days in which the store tries to collect it, though the
// store says nothing of the end: a message that waits beyond it is refused, and says why.
func TestOutreachEnds(t *testing.T) {
	for name, c := range map[string]struct {
		act func(s *shop, who string)
		end func(p engawa.Purchase) time.Time
	}{
		"save": {
			func(s *shop, who string) { s.Must(s.Renew(who, group, false)) },
			func(p engawa.Purchase) time.Time { return p.EndsAt },
		},
		"payment": {
			func(s *shop, who string) { s.Must(s.Card(who, false)); wait(31 * 24 * time.Hour) },
			func(p engawa.Purchase) time.Time { return p.BoughtAt.AddDate(0, 1, 60) },
		},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " late ", late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := open(t, storetest.SQLite(t))
					who := s.Person("JPN", token)
					bought := s.Bought(who, monthly)
					wait(time.Second)
					end := c.end(s.Purchase(bought))
					c.act(s, who)
					wait(time.Second)
					s.Down.Store(true)
					s.route(name, func(r *engawa.Route) { r.Then[0].Delay = time.Until(end.Add(-2 * time.Minute)).Truncate(time.Second) })
					stop := s.run()
					wait(time.Minute)
					stop()
					if m := s.last(name).Message; m.State != engawa.MessageWaiting {
						t.Fatalf("made as %s", m.State)
					}
					wait(time.Until(end.Add(-2 * time.Minute)))
					if late {
						wait(4 * time.Minute) // no node was there when it was due
					}
					s.inbox = &mailsim.Inbox{}
					s.run()
					wait(time.Minute)
					m, mails := s.last(name), len(s.inbox.Mails())
					if !late {
						if m.Message.State != engawa.MessageSent || mails != 1 {
							t.Errorf("%s, %d mails: %+v", m.Message.State, mails, m.Deliveries[0].Verdict)
						}
						return
					}
					why := m.Deliveries[0].Verdict.Gates[5] // rules
					if m.Message.State != engawa.MessageRefused || mails != 0 || len(why.Reasons) == 0 || why.Reasons[0].Code != "rules.gone_ended" {
						t.Errorf("%s, %d mails: %+v", m.Message.State, mails, why)
					}
				})
			})
		}
	}
}

// TestUpgradeOnce: the higher plan of a group is offered to who renews a lower one,
// once for each customer and plan: not at the next renewal, not by two messages that
// wait at the same time, not to who has the highest plan, a plan of another group or
// one that nobody described. Renewals that are told of to nobody leave no message.
func TestUpgradeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, storetest.SQLite(t))
		month := 31 * 24 * time.Hour
		low, high := s.Person("JPN", token), s.Person("JPN", another)
		s.Bought(low, "light")
		s.Bought(low, "club")     // of another group
		s.Bought(high, "premium") // nothing is above it
		wait(time.Second)
		s.Must(s.Hub.Pause(t.Context(), followtest.Workspace, mailbox, time.Now().Add(400*24*time.Hour), "test"))
		wait(2 * month) // light renews twice while nothing can be sent
		stop := s.run()
		wait(time.Minute)
		of := s.made("upgrade")
		if len(of) != 1 || of[0].Customer != "cus_"+token || of[0].While.Product != "premium" {
			t.Fatalf("%d offers: %+v", len(of), of)
		}
		s.Must(s.Hub.Pause(t.Context(), followtest.Workspace, mailbox, time.Time{}, ""))
		wait(time.Minute)
		if m := s.last("upgrade"); m.Message.State != engawa.MessageSent {
			t.Fatalf("%s: %+v", m.Message.State, m.Deliveries[0].Verdict)
		}
		renews := func() {
			stop()
			s.inbox = &mailsim.Inbox{}
			wait(month)
			stop = s.run()
			wait(time.Minute)
		}
		renews()
		if of := s.made("upgrade"); len(of) != 1 {
			t.Errorf("%d offers after another renewal", len(of))
		}
		s.route("upgrade", func(r *engawa.Route) { r.Then[0].Product = monthly }) // another plan, which is higher than light too
		renews()
		if of := s.made("upgrade"); len(of) != 2 || s.last("upgrade").Message.While.Product != monthly {
			t.Errorf("%d offers, after the route offers another plan", len(of))
		}
	})
}

// lower has a customer pay for the lowest plan on one of the shop's accounts, and asks
// for a message that offers a higher one.
func (s *shop) lower(a engawa.Account, original string) message.Request {
	s.t.Helper()
	now, on := time.Now(), int64(1)
	_, err := s.Follow.Save(s.t.Context(), a, follow.How{}, purchase.OfSubscription(appstore.Subscription{
		Status: appstore.StatusActive,
		Transaction: &appstore.Transaction{
			TransactionID: original, OriginalTransactionID: original, ProductID: "light", Type: sim.AutoRenewable, SubscriptionGroupIdentifier: group, AppAccountToken: token,
			PurchaseDate: appstore.Date(now.UnixMilli()), ExpiresDate: appstore.Date(now.Add(20 * 24 * time.Hour).UnixMilli()), SignedDate: appstore.Date(now.UnixMilli()),
		},
		Renewal: &appstore.RenewalInfo{OriginalTransactionID: original, ProductID: "light", AutoRenewProductID: "light", AutoRenewStatus: &on, SignedDate: appstore.Date(now.UnixMilli())},
	}))
	s.Must(err)
	ev := engawa.Event{Workspace: followtest.Workspace, ID: "evt_" + original, Account: a.ID, Subject: "transaction:" + original, Customer: "cus_" + token, Data: []byte(`{"product_id":"light"}`)}
	return message.Request{
		Workspace: followtest.Workspace, Event: &ev, Customer: ev.Customer, Purpose: engawa.Service, Content: engawa.Content{Text: "上のプランへ"},
		Chain: []engawa.Via{{Account: mailbox}}, While: engawa.WhileLower, Offered: "premium",
	}
}

// TestUpgradeOfTester: a higher plan that was offered for what a tester has in the
// sandbox is still offered to the same customer for what is paid, once. Both engines.
func TestUpgradeOfTester(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		box := s.Beside(sim.Sandbox, "acc_sandbox", followtest.AppID, followtest.Bundle)
		tested, paid := s.lower(box.Account, "1"), s.lower(s.Account, "2")
		all, err := s.compose.Compose(t.Context(), followtest.Workspace, []message.Request{tested, paid, paid})
		s.Must(err)
		once := message.Once{}
		if due := []bool{once.Due(all[0]), once.Due(all[1]), once.Due(all[2])}; !slices.Equal(due, []bool{true, true, false}) {
			t.Errorf("of three that are made together are kept: %v", due)
		}
		s.Must(s.Hub.Enqueue(t.Context(), all))
		going, _ := s.claims("one", mailbox, false)
		var of []string
		for _, c := range going {
			of = append(of, c.Message.While.Purchase)
		}
		want := []string{s.Purchase("2").ID, box.Purchase("1").ID}
		slices.Sort(of)
		slices.Sort(want)
		if !slices.Equal(of, want) {
			t.Errorf("for %v, want %v", of, want)
		}
	})
}

// TestUpgradeAtOnce: of two offers of a plan that wait for one customer, the first
// goes and the second is refused, whichever lane has them. Both engines.
func TestUpgradeAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		r := s.lower(s.Account, "1")
		both, err := s.compose.Compose(t.Context(), followtest.Workspace, []message.Request{r, r}) // neither knows of the other
		s.Must(err)
		s.Must(s.Hub.Enqueue(t.Context(), both))
		seen, err := s.Hub.Lane(t.Context(), followtest.Workspace, mailbox)
		s.Must(err)
		lane, _, err := s.Hub.Hold(t.Context(), "me", seen)
		s.Must(err)
		var codes []string
		going, _, err := s.Hub.Claim(t.Context(), lane, 10, store.Decide{Pace: func() store.Pace { return store.Pace{} }, Judge: func(c *store.Claimed) store.Decision {
			f := message.Complete(c.Known, mail.Kind, c.Message, time.Now())
			v := verdict.Judge(f, s.rules, time.Now())
			codes = append(codes, v.Gates[5].Reasons[0].Code)
			return store.Decision{Facts: f, Verdict: v}
		}})
		s.Must(err)
		slices.Sort(codes)
		if len(going) != 1 || !slices.Equal(codes, []string{"rules.gone_offered", "rules.while_lower_plan"}) {
			t.Errorf("%d go: %v", len(going), codes)
		}
	})
}

// delayOf is how long a ready-made route waits.
func delayOf(name string) time.Duration {
	i := slices.IndexFunc(insight.Routes(), func(r insight.Ready) bool { return r.Name == name })
	return insight.Routes()[i].Delay
}

// held lets the reason for a message come while nothing can be sent, lets it go
// again or not, and looks what became of the message.
func (s *shop) held(c outreach, who string, undone bool) {
	s.t.Helper()
	s.Must(s.Hub.Pause(s.t.Context(), followtest.Workspace, mailbox, time.Now().Add(400*24*time.Hour), "test"))
	c.act(s, who)
	wait(time.Second)
	wait(delayOf(c.name))
	s.run() // not before: months go by
	wait(time.Minute)
	if m := s.last(c.name); m.Message.State != engawa.MessageWaiting || m.Message.Customer != "cus_"+token || m.Message.While.Purchase == "" {
		s.t.Fatalf("before: %+v", m.Message)
	}
	if undone {
		c.undo(s, who)
		wait(time.Minute)
	}
	s.Must(s.Hub.Pause(s.t.Context(), followtest.Workspace, mailbox, time.Time{}, ""))
	wait(time.Minute)
	m, mails := s.last(c.name), 0
	for _, mail := range s.inbox.Mails() {
		if mail.Subject == m.Message.Content.Subject {
			mails++
		}
	}
	if n := len(s.made("winback_")); strings.HasPrefix(c.name, "winback_") && n != 1 { // one is asked back for one reason
		s.t.Errorf("%d win-backs", n)
	}
	if !undone {
		if m.Message.State != engawa.MessageSent || mails != 1 {
			s.t.Errorf("%s by %d mails: %+v", m.Message.State, mails, m.Deliveries[0].Verdict)
		}
		return
	}
	why := m.Deliveries[0].Verdict.Gates[5] // rules
	if m.Message.State != engawa.MessageRefused || why.Outcome != engawa.Refuse || why.Reasons[0].Code != "rules.gone_"+string(c.gone) {
		s.t.Errorf("%s: %+v, want %s", m.Message.State, why, c.gone)
	}
	if mails != 0 {
		s.t.Errorf("it was sent")
	}
}

// TestOutreachAtOnce: of a claim and the store's word that renewal is on again,
// whichever comes first, no offer goes by what is known to be past. Both engines.
func TestOutreachAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		now := time.Now()
		report := func(on int64, at time.Time) purchase.Report {
			tx := &appstore.Transaction{
				TransactionID: "1", OriginalTransactionID: "1", ProductID: monthly, Type: sim.AutoRenewable, SubscriptionGroupIdentifier: group, AppAccountToken: token,
				PurchaseDate: appstore.Date(now.UnixMilli()), ExpiresDate: appstore.Date(now.Add(20 * 24 * time.Hour).UnixMilli()), SignedDate: appstore.Date(at.UnixMilli()),
			}
			return purchase.OfSubscription(appstore.Subscription{Status: appstore.StatusActive, Transaction: tx, Renewal: &appstore.RenewalInfo{
				OriginalTransactionID: "1", ProductID: monthly, AutoRenewProductID: monthly, AutoRenewStatus: &on, SignedDate: appstore.Date(at.UnixMilli()),
			}})
		}
		save := func(on int64, at time.Time) {
			_, err := s.Follow.Save(t.Context(), s.Account, follow.How{}, report(on, at))
			s.Must(err)
		}
		save(0, now)
		ev := engawa.Event{Workspace: followtest.Workspace, ID: "evt_1", Account: followtest.AccountID, Subject: "transaction:1", Customer: "cus_" + token, Data: []byte(`{"product_id":"monthly"}`)}
		accept := func() {
			_, err := s.compose.Accept(t.Context(), followtest.Workspace, []message.Request{{
				Workspace: followtest.Workspace, Event: &ev, Customer: ev.Customer, Purpose: engawa.Service, Content: engawa.Content{Text: "続けませんか"},
				Chain: []engawa.Via{{Account: mailbox}}, While: engawa.WhileRenewalOff,
			}})
			s.Must(err)
		}
		claim := func() (codes []string, going int) {
			seen, err := s.Hub.Lane(t.Context(), followtest.Workspace, mailbox)
			s.Must(err)
			lane, _, err := s.Hub.Hold(t.Context(), "me", seen)
			s.Must(err)
			cs, _, err := s.Hub.Claim(t.Context(), lane, 10, store.Decide{Pace: func() store.Pace { return store.Pace{} }, Judge: func(c *store.Claimed) store.Decision {
				f := message.Complete(c.Known, mail.Kind, c.Message, time.Now())
				v := verdict.Judge(f, s.rules, time.Now())
				codes = append(codes, v.Gates[5].Reasons[0].Code)
				return store.Decision{Facts: f, Verdict: v}
			}})
			s.Must(err)
			return codes, len(cs)
		}
		accept()
		if codes, n := claim(); n != 1 || codes[0] != "rules.while_renewal_off" {
			t.Fatalf("%d go: %v", n, codes)
		}
		accept()
		save(1, now.Add(time.Second))
		if codes, n := claim(); n != 0 || len(codes) != 1 || codes[0] != "rules.gone_renews" {
			t.Errorf("%d go: %v", n, codes)
		}
	})
}
