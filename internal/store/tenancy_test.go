package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// estate is one of everything that a workspace can have. Ids end with the
// workspace's.
type estate struct {
	of         string
	lane       store.Lane     // of acc_…, held, with one hand-over open
	open       *store.Claimed // that hand-over
	taken      store.Lane     // of acc2_…, where the holder before left one open
	unknown    string         // a delivery
	identity   engawa.Identity
	address    engawa.Address
	unrouted   engawa.Event
	digest     store.Digest // that is due
	unfinished store.Once
	finished   store.Once
	purchase   string
	refund     string         // a case that is open
	importing  engawa.Import  // of acc2_…, whose one line is applied
	checkup    engawa.Checkup // of acc_…, under way, taken by nobody
	extension  engawa.Extension
	receiver   string // that refuses mail
	unread     store.Unread
	reading    store.Reading     // of acc_…, taken
	look       store.CustodyLook // of acc_…, taken
}

// settle makes an estate.
func (s *shop) settle(of string) estate {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	e := estate{
		of: of, identity: engawa.Identity{Issuer: "business", Kind: "member_number", Value: "1"}, address: "tanaka@customer.example",
		unfinished: store.Once{Workspace: of, Key: "unfinished"}, finished: store.Once{Workspace: of, Key: "finished"},
	}
	s.furnish(of, "acc_"+of, "acc2_"+of)
	for _, id := range []string{"cus_", "cus2_"} {
		c := store.NewCustomer{Customer: engawa.Customer{Workspace: of, ID: id + of, Kind: "person", Name: "田中", CreatedAt: now}}
		if id == "cus_" {
			c.Identities = []engawa.Identity{e.identity}
			c.ContactPoints = []engawa.ContactPoint{{Workspace: of, ID: "cp_" + of, Customer: id + of, Kind: "mail", Address: e.address, VerifiedAt: now, CreatedAt: now}}
			cn := consent(id+of, true, now.Add(-2*time.Minute))
			cn.Workspace = of
			c.Consents = []engawa.Consent{cn}
		}
		s.must(s.AddCustomer(ctx, c))
	}
	for _, account := range []string{"acc_", "acc2_"} {
		s.must(s.KeepUnread(ctx, store.Unread{Workspace: of, Account: account + of, Why: store.InboxOff, Dedup: "1", At: now, Raw: []byte("From: a@b.example\r\n\r\nx")}))
	}
	unread, err := s.UnreadOf(ctx, of, "acc_"+of, 1)
	s.must(err)
	e.unread = unread[0]
	for _, id := range []string{"dst_", "dst2_"} {
		s.must(s.AddDestination(ctx, engawa.Destination{Workspace: of, ID: id + of, Name: "店長", Account: "acc_" + of, Address: "staff@hinata.example", CreatedAt: now}))
	}
	s.must(s.AddApp(ctx, engawa.App{Workspace: of, ID: "app_" + of, Name: "アプリ", CreatedAt: now}))
	s.must(s.AddPartner(ctx, engawa.Partner{Workspace: of, ID: "ptn_" + of, Name: "みどり農園", CreatedAt: now}))
	s.must(s.AddGrant(ctx, engawa.Grant{Workspace: of, ID: "grt_" + of, Partner: "ptn_" + of, StartsAt: now}))
	for _, id := range []string{"brd_", "brd_paused_", "brd_walked_"} {
		s.must(s.AddBroadcast(ctx, engawa.Broadcast{Workspace: of, ID: id + of, Name: "春のお知らせ", CreatedAt: now}))
	}
	s.must(s.PauseBroadcast(ctx, of, "brd_paused_"+of))
	_, err = s.StepBroadcast(ctx, engawa.Broadcast{Workspace: of, ID: "brd_walked_" + of}, store.BroadcastStep{Walked: true, Messages: []store.NewMessage{{
		Message: engawa.Message{Workspace: of, ID: "msg_brd_" + of, Customer: "cus_" + of, Broadcast: "brd_walked_" + of, State: engawa.MessageRefused, CreatedAt: now},
		Judged:  []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateConsent}}},
	}}})
	s.must(err)
	s.must(s.TagCustomer(ctx, of, "cus_"+of, []string{"vip"}, nil))
	_, err = s.SaveSegment(ctx, engawa.Segment{Workspace: of, ID: "seg_" + of, Name: "常連", Where: engawa.Condition{Is: engawa.TraitTag, Value: "vip"}})
	s.must(err)
	_, err = s.AddReplay(ctx, engawa.Replay{Workspace: of, ID: "rpl_" + of, Account: "acc_" + of, From: now.Add(-time.Hour), To: now.Add(time.Hour), PerSecond: 1, CreatedAt: now})
	s.must(err)
	s.must(s.Disclose(ctx, of, "dsc_"+of, "", "", "1", time.Now(), engawa.Evidence{Wording: "自動で送ります"}))
	_, err = s.AddWording(ctx, engawa.Wording{Workspace: of, Act: engawa.ActContact, Purpose: engawa.Notice, Words: map[engawa.Locale]string{engawa.Japanese: "受け取る"}})
	s.must(err)
	s.must(s.Suppress(ctx, engawa.Suppression{Workspace: of, Channel: "mail", Address: "gone@customer.example", Customer: "cus_" + of, Reason: "bounced", At: now}))
	s.must(s.Suppress(ctx, engawa.Suppression{Workspace: of, Channel: "mail", Address: e.address, Customer: "cus_" + of, Reason: "operator", At: now}))
	s.must(s.Suppress(ctx, engawa.Suppression{Workspace: of, Channel: store.StaffPlaces, Address: "staff@hinata.example", Reason: "bounced", At: now}))
	s.must(s.Relate(ctx, of, "acc_"+of, "cp_"+of, "friend"))
	s.must(s.SaveRoute(ctx, engawa.Route{Workspace: of, ID: "rte_" + of, Name: "r", Then: []engawa.Step{{To: "dst_" + of}}, UpdatedAt: now}))
	s.must(s.SaveTemplate(ctx, engawa.Template{Workspace: of, ID: "tpl_" + of, Name: "t"}))
	s.must(s.SaveEventType(ctx, engawa.EventType{Workspace: of, Type: "shop.ordered", Schema: []byte(`{}`), Sample: []byte(`{}`), UpdatedAt: now}))
	_, err = s.SaveSubscription(ctx, engawa.Subscription{Workspace: of, Customer: "cus_" + of, App: "app_" + of, Product: "p", State: engawa.SubscriptionActive, StartsAt: now})
	s.must(err)
	ps, err := s.Hear(ctx, of, []store.Heard{heard(of, "acc_"+of, e.identity)})
	s.must(err)
	e.purchase = ps[0].ID
	cases, err := s.RefundsOf(ctx, of, ps[0].Customer)
	s.must(err)
	e.refund = cases[0].ID
	s.must(s.SaveRefundPolicy(ctx, engawa.RefundPolicy{Workspace: of, Account: "acc_" + of, Body: []byte(`{}`)}))
	_, err = s.TellConsumption(ctx, engawa.Consumption{Workspace: of, Customer: "cus_" + of, Delivery: "DELIVERED"})
	s.must(err)
	s.must(s.AddNote(ctx, engawa.Note{Workspace: of, ID: "nte_" + of, Customer: "cus_" + of, Author: "member:1", Text: "電話あり", CreatedAt: now}))
	e.extension = engawa.Extension{
		Workspace: of, ID: "ext_" + of, Account: "acc_" + of, Customer: "cus_" + of, Purchase: e.purchase, Product: "monthly", Days: 7, RequestID: "1",
		State: engawa.ExtensionAsking, CreatedAt: now,
	}
	s.must(s.OpenExtension(ctx, e.extension))
	s.offers(of)
	s.must(s.SaveProduct(ctx, engawa.Product{Workspace: of, ID: "product_" + of, Name: "月額", Entitlements: []string{"premium"}, UpdatedBy: "member:1"}))
	s.must(s.SwitchPack(ctx, engawa.PackSwitch{Workspace: of, Pack: "kr", Reason: "r"}))
	s.must(s.Raise(ctx, engawa.Task{Workspace: of, ID: "tsk_" + of, Kind: "k", Ref: "r", DueAt: now}))
	s.must(s.Raise(ctx, engawa.Task{Workspace: of, ID: "tsk_done_" + of, Kind: "k", Ref: "r2", Args: map[string]string{engawa.TypeExactly + "mail": "x"}}))
	s.must(s.FinishTask(ctx, of, "tsk_done_"+of, "済み"))
	s.must(s.Note(ctx, store.Audit{Workspace: of, Actor: "key:1", Action: "look"}))
	s.people(of)
	for _, once := range []store.Once{e.unfinished, e.finished} {
		_, err := s.Begin(ctx, once)
		s.must(err)
	}
	s.must(s.Keep(ctx, e.finished, 201, []byte("answer")))
	s.speak(&e)
	_, err = s.TakeReturn(ctx, repliedTo("rep_"+of, e.unknown, "ptn_"+of))
	s.must(err)
	doubt := repliedTo("rep_doubt_"+of, e.unknown, "ptn_"+of)
	doubt.Reply.Doubt = engawa.DoubtForged
	_, err = s.TakeReturn(ctx, doubt)
	s.must(err)
	s.must(s.KeepInApp(ctx, of, e.unknown, "app_"+of, []byte(`{}`)))
	e.importing = s.imported(of)
	e.checkup = s.checked(of)
	s.partnered(of)
	_, err = s.HearContracts(ctx, of, "acc_"+of, []store.Contracted{told(of, "acc_"+of, "sb_1")}, nil)
	s.must(err)
	for e.reading.Account != "acc_"+of {
		due := false
		e.reading, due, err = s.DueReading(ctx, "mail")
		if s.must(err); !due {
			s.t.Fatal("no list is due")
		}
	}
	e.look = s.held(of)
	return e
}

// held has things in the ledger: one of acc_…, whose provider told something and is
// asked again now, and one without an account, of which something was said with a
// picture.
func (s *shop) held(of string) (l store.CustodyLook) {
	s.t.Helper()
	ctx := s.t.Context()
	s.must(s.AddCustody(ctx, engawa.Custody{Workspace: of, ID: "cst_line_" + of, Kind: "line", Name: "公式アカウント", CreatedAt: time.Now()}))
	s.must(s.AddCustody(ctx, engawa.Custody{Workspace: of, ID: "cst_bare_" + of, Kind: "mail", Name: "b", CreatedAt: time.Now()}))
	line, err := s.WriteCustody(ctx, store.CustodyEntry{Workspace: of, Custody: "cst_line_" + of, Line: stated("n"), Picture: &store.Picture{Type: "image/png", Data: []byte("x")}})
	s.must(err)
	s.must(s.AskCustody(ctx, of, "cst_acc_"+of))
	for {
		due := false
		l, due, err = s.DueCustody(ctx)
		if s.must(err); !due {
			s.t.Fatal("no provider is to be asked")
		}
		if l.Account == "acc_"+of && l.Facts != nil {
			return l
		}
		seen := store.CustodySeen{Answered: true, Facts: map[string]string{"menu": line}, Next: time.Now().Add(time.Hour)}
		if l.Account == "acc_"+of {
			seen.Next = time.Time{}
		}
		s.must(s.LookedAtCustody(ctx, l, seen))
	}
}

// pictured is the line that has a picture.
func pictured(ctx context.Context, s *store.Store, e estate) string {
	c, err := s.Custody(ctx, e.of, "cst_line_"+e.of)
	if err != nil || len(c.Lines) == 0 {
		return ""
	}
	return c.Lines[0].ID
}

// contractOf is the contract that the subject of an event means.
func contractOf(subject string) engawa.Identity {
	return engawa.Identity{Issuer: "smaregi", Kind: "contract", Value: strings.TrimPrefix(subject, "contract:")}
}

// told is a contract that an account told of.
func told(of, account, contract string) store.Contracted {
	now := time.Now()
	return store.Contracted{
		Event: engawa.Event{
			Workspace: of, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: account, Type: "app.subscription.started", Known: true, Subject: "contract:" + contract,
			OccurredAt: now, ReceivedAt: now, Data: fmt.Appendf(nil, `{"m":{"id":%q}}`, contract),
		},
		App: "app_" + of, Whose: contractOf("contract:" + contract), New: engawa.Customer{Kind: "contract", Name: contract, Locale: engawa.Japanese},
		Hear: func([]byte) (store.ContractStanding, error) {
			return store.ContractStanding{Subscription: engawa.Subscription{Product: "std", State: engawa.SubscriptionActive, StartsAt: now, Environment: engawa.Sandbox}, Facts: []byte(`{}`), Key: "1"}, nil
		},
	}
}

// lookAt looks at the entries of partners' lists by their locale alone.
var lookAt = store.Look{Show: func(s store.Subscriber) (string, bool) { return string(s.Locale), false }}

// looking is how a step that has something to do asks for l.
func looking(l store.Look) func(context.Context) (store.Look, error) {
	return func(context.Context) (store.Look, error) { return l, nil }
}

// partnered has a partner with a secret, whose list has an entry, and which wrote
// to it; another customer is marked.
func (s *shop) partnered(of string) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now().UTC()
	s.must(s.AddSecret(ctx, store.APIKey{Workspace: of, ID: "sec_" + of, Name: "s", Hash: "h", Partner: "ptn_" + of, CreatedAt: now, EndsAt: now.Add(time.Hour)}))
	s.must(s.AddGrant(ctx, engawa.Grant{Workspace: of, ID: "grt_list_" + of, Partner: "ptn_" + of, Scopes: []string{"*"}, Apps: []string{"app_" + of}, StartsAt: now}))
	s.must(s.AddPartner(ctx, engawa.Partner{Workspace: of, ID: "ptn_gone_" + of, Name: "みどり農園", CreatedAt: now}))
	_, err := s.EndPartner(ctx, of, "ptn_gone_"+of)
	s.must(err)
	for more := true; more; {
		more, err = s.StepSubscribers(ctx, of, looking(lookAt))
		s.must(err)
	}
	m := engawa.Message{
		Workspace: of, ID: "msg_partner_" + of, Partner: "ptn_" + of, App: "app_" + of, Customer: "cus_" + of, Purpose: engawa.Service, State: engawa.MessageRefused,
		Content: engawa.Content{Subject: "お知らせ"}, Chain: []engawa.Via{{Account: "acc_" + of}}, CreatedAt: now,
	}
	s.must(s.EnqueueFor(ctx, store.NewMessage{Message: m}, s.handleOf(of)))
	s.must(s.StopPartner(ctx, of, "ptn_"+of, "確かめる"))
	_, err = s.Journal(ctx, []engawa.Event{{
		Workspace: of, ID: "evt_complained_" + of, Account: "acc_" + of, Type: "mail.complained", DedupKey: "complained", Subject: m.ID, Known: true, OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`),
	}})
	s.must(err)
	_, err = s.ChangeCustomer(ctx, of, "cus2_"+of, func(*engawa.Customer) {})
	s.must(err)
}

// handleOf is the one entry of a workspace's lists.
func (s *shop) handleOf(of string) string {
	s.t.Helper()
	subs, _, err := s.Subscribers(s.t.Context(), store.List{Workspace: of, Partner: "ptn_" + of, App: "app_" + of}, lookAt, "", 10)
	s.must(err)
	if len(subs) != 1 {
		s.t.Fatalf("%d entries", len(subs))
	}
	return subs[0].Handle
}

// handles are the handles of a partner's list, whoever asks.
func handles(ctx context.Context, s *store.Store, as string, e estate) ([]string, error) {
	subs, _, err := s.Subscribers(ctx, store.List{Workspace: as, Partner: "ptn_" + e.of, App: "app_" + e.of}, lookAt, "", 10)
	var ids []string
	for _, x := range subs {
		ids = append(ids, x.Handle)
	}
	return ids, err
}

// checked has acc_… under a check that found a gap.
func (s *shop) checked(of string) engawa.Checkup {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now().UTC()
	s.must(s.Attend(ctx, "mail"))
	c, err := s.Checkup(ctx, of, "acc_"+of)
	s.must(err)
	c.Now = &engawa.Check{Cause: engawa.CheckNight, Stage: engawa.StageHistory, BegunAt: now, Gap: "gap_" + of}
	c, err = s.StepCheckup(ctx, store.CheckupStep{
		Checkup: c, Begins: true, Next: now.Add(time.Hour), Ask: []string{s.purchaseOf(of)},
		Events: []engawa.Event{{Workspace: of, ID: "evt_missed_" + of, Account: "acc_" + of, Type: "store.expired", DedupKey: "missed", OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`)}},
		Gap:    &engawa.Gap{Workspace: of, ID: "gap_" + of, Account: "acc_" + of, From: now, To: now, FoundAt: now},
	})
	s.must(err)
	return c
}

// purchaseOf is the one purchase of a workspace.
func (s *shop) purchaseOf(of string) string {
	s.t.Helper()
	ps, err := s.PurchasesOf(s.t.Context(), of, "cus_"+of)
	s.must(err)
	return ps[0].ID
}

// offers makes a pool of codes, of which one is handed out, and one of a word.
func (s *shop) offers(of string) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	p := engawa.OfferPool{Workspace: of, ID: "ofp_" + of, Account: "acc_" + of, Name: "お詫び", Offer: "thanks", EndsAt: now.Add(time.Hour), CreatedAt: now}
	s.must(s.AddOfferPool(ctx, p, ""))
	_, err := s.AddOfferCodes(ctx, p, []engawa.Secret{"CODE1", "CODE2", "CODE3"})
	s.must(err)
	word := p
	word.ID, word.Offer, word.Word = "ofp_word_"+of, "spring", true
	s.must(s.AddOfferPool(ctx, word, "HARU"))
	_, _, err = s.HandOut(ctx, store.HandOut{Workspace: of, Account: "acc_" + of, Offer: "thanks", Customer: "cus_" + of, Reason: "apology"})
	s.must(err)
}

// heard is what an account hears of a purchase of whom an identity names.
func heard(workspace, account string, of engawa.Identity) store.Heard {
	return store.Heard{
		Workspace: workspace, Account: account, Original: "2000000001", Whose: []engawa.Identity{of}, New: engawa.Customer{Kind: "person"},
		Single: []string{"2000000002"},
		Fold: func([]byte) (engawa.Purchase, error) {
			return engawa.Purchase{App: "app_" + workspace, Kind: "auto_renewable_subscription", Product: "monthly", State: "active", Facts: []byte(`{}`)}, nil
		},
		Refunds: func([]byte) ([]engawa.RefundCase, error) {
			asked := time.Now().Truncate(time.Hour)
			return []engawa.RefundCase{{
				Transaction: "2000000001", Original: "2000000001", Kind: "auto_renewable_subscription", Product: "monthly", State: engawa.RefundOpen, Requests: 1,
				BoughtAt: asked, AskedAt: asked, DueAt: asked.Add(engawa.RefundFor), Facts: []byte(`{}`),
			}}, nil
		},
	}
}

func (s *shop) people(of string) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	for id, role := range map[string]engawa.Role{"mem_": "owner", "mem2_": "viewer"} {
		s.must(s.AddMember(ctx, store.SignIn{Member: engawa.Member{Workspace: of, ID: id + of, Name: "店長", Mail: engawa.Address(id + of + "@hinata.example"), Role: role, CreatedAt: now}}))
	}
	s.must(s.AddSession(ctx, store.Session{Hash: "session " + of, Workspace: of, Member: "mem_" + of, CreatedAt: now, SeenAt: now, EndsAt: now.Add(time.Hour)}))
	s.must(s.AddKey(ctx, store.APIKey{Workspace: of, ID: "key_" + of, Name: "k", Hash: "h", CreatedAt: now, EndsAt: now.Add(time.Hour)}))
}

// speak journals an event and has messages in each place of the road.
func (s *shop) speak(e *estate) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	e.unrouted = engawa.Event{
		Workspace: e.of, ID: "evt_" + e.of, Account: "api", Type: "a.b", DedupKey: "1", Identities: []engawa.Identity{e.identity},
		OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`),
	}
	_, err := s.Journal(ctx, []engawa.Event{e.unrouted})
	s.must(err)
	send := func(id, account string) {
		m := engawa.Message{
			Workspace: e.of, ID: id + e.of, Event: e.unrouted.ID, Customer: "cus_" + e.of, Purpose: engawa.Notice, State: engawa.MessageWaiting,
			Content: engawa.Content{Subject: "お知らせ"}, Chain: []engawa.Via{{Account: account + e.of}}, CreatedAt: now,
		}
		s.send(m)
	}
	hold := func(account string) store.Lane {
		seen, err := s.Lane(ctx, e.of, account+e.of)
		s.must(err)
		l, held, err := s.Hold(ctx, "node", seen)
		s.must(err)
		if !held {
			s.t.Fatal("not held")
		}
		return l
	}
	claim := func(l store.Lane) *store.Claimed { return s.claim(l, 1, sendAll)[0] }
	send("msg_unknown_", "acc_")
	e.lane = hold("acc_")
	r := accepted(claim(e.lane))
	r.Outcome, r.State = engawa.OutcomeUnknown, engawa.Unknown
	r.Claimed.Entry = &store.Entry{Registers: true, Mail: e.address, Plans: []string{"12"}}
	s.Breaker.After = 1
	r.Heard = refusal(r.Claimed.Delivery.ID, "tanaka.example")
	_, err = s.Record(ctx, e.lane, []store.Result{r})
	s.must(err)
	refuse, err := s.Receivers(ctx, e.of)
	s.must(err)
	e.receiver = refuse[0].ID
	e.unknown = r.Claimed.Delivery.ID
	send("msg_open_", "acc_")
	e.open = claim(e.lane)
	send("msg_left_", "acc2_")
	claim(hold("acc2_"))
	e.taken = hold("acc2_")
	send("msg_wait_", "acc_")
	e.digest = s.gathered(e.of)
	s.posted(e)
}

// gathered opens a digest that is due at once.
func (s *shop) gathered(of string) store.Digest {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	ev := engawa.Event{Workspace: of, ID: "evt_gathered_" + of, Account: "api", Type: "a.c", DedupKey: "2", OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`)}
	_, err := s.Journal(ctx, []engawa.Event{ev})
	s.must(err)
	told := ev
	told.ID, told.DedupKey = "evt_told_"+of, "3"
	_, err = s.Journal(ctx, []engawa.Event{told})
	s.must(err)
	s.must(s.Route(ctx, []store.Routed{{Workspace: of, Event: told.ID, Marks: []string{"c.id=1"}, Gathered: []store.Gathered{{Route: "rte_" + of, Version: 1, Step: 1, Count: 9}}}}))
	first, err := s.DueDigests(ctx, 10_000)
	s.must(err)
	m := s.message("")
	m.Workspace, m.ID, m.Customer, m.Destination, m.Event = of, "msg_told_"+of, "", "dst_"+of, told.ID
	for _, d := range first {
		if d.Workspace == of {
			_, err := s.Tell(ctx, d, []store.NewMessage{{Message: m}})
			s.must(err)
		}
	}
	s.must(s.Route(ctx, []store.Routed{{Workspace: of, Event: ev.ID, Marks: []string{"c.id=1"}, Gathered: []store.Gathered{{Route: "rte_" + of, Version: 1, Count: 9}}}}))
	due, err := s.DueDigests(ctx, 10_000) // of every workspace before
	s.must(err)
	for _, d := range due {
		if d.Workspace == of {
			return d
		}
	}
	s.t.Fatal("no digest is due")
	return store.Digest{}
}

// posted has a notice taken by a staff place, and answered there.
func (s *shop) posted(e *estate) {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	m := engawa.Message{
		Workspace: e.of, ID: "msg_posted_" + e.of, Destination: "dst_" + e.of, Purpose: engawa.Service, State: engawa.MessageWaiting, Content: engawa.Content{Subject: "お知らせ"},
		Chain: []engawa.Via{{Account: "acc2_" + e.of}}, CreatedAt: now,
	}
	s.send(m)
	r := accepted(s.claim(e.taken, 1, sendAll)[0])
	r.ProviderID = "posted"
	_, err := s.Record(ctx, e.taken, []store.Result{r})
	s.must(err)
	_, err = s.Journal(ctx, []engawa.Event{{
		Workspace: e.of, ID: "evt_reply_" + e.of, Account: "acc2_" + e.of, Type: "a.reply", DedupKey: "1", Subject: store.AboutMessage(m.ID), OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`),
	}})
	s.must(err)
}

// asked is a lane as somebody says it is who names workspace as.
func asked(l store.Lane, as string) store.Lane {
	l.Workspace = as
	return l
}

// imported has a file of acc_… that was applied and whose contract was gone in
// the next one, a third that waits, and one of acc2_… under way.
func (s *shop) imported(of string) engawa.Import {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	var last engawa.Import
	for _, f := range []struct {
		id, account string
		lines       int
	}{{"imp_first_", "acc_", 1}, {"imp_next_", "acc_", 0}, {"imp_open_", "acc_", -1}, {"imp_", "acc2_", 1}} {
		last = engawa.Import{Workspace: of, ID: f.id + of, Account: f.account + of, CreatedAt: now}
		s.must(s.AddImport(ctx, last, []byte("会員番号\n1")))
		if f.lines < 0 {
			continue
		}
		last.Mapping, last.Rows = "{}", f.lines
		s.must(s.StartImport(ctx, last))
		if f.lines > 0 {
			last = s.step(last, "C1", "cus_"+of)
		}
		if f.account == "acc_" {
			s.must(s.FinishImport(ctx, last, nil))
		}
	}
	return last
}

// step applies a line that tells of one contract.
func (s *shop) step(i engawa.Import, contract, customer string) engawa.Import {
	s.t.Helper()
	key := store.ToldKey{Kind: store.ToldContract, Value: contract}
	i, err := s.StepImport(s.t.Context(), store.ImportStep{
		Import: i, Issuer: "business", To: i.Done + 1, Keys: []store.ToldKey{key},
		Decide: func(map[store.ToldKey]store.Told) (store.ImportWork, error) {
			return store.ImportWork{Remember: []store.Remembered{{Key: key, Customer: customer, Running: true, Body: []byte("contract " + contract)}}}, nil
		},
	})
	s.must(err)
	return i
}

// walled is every method that works in a workspace: it is called as that of one
// workspace with the ids of another's estate.
var walled = map[string]func(ctx context.Context, s *store.Store, as string, e estate) (any, error){
	"Account": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Account(ctx, as, "acc_"+e.of)
	},
	"Accounts": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Accounts(ctx, as)
	},
	"AddCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddCustody(ctx, engawa.Custody{Workspace: as, ID: "cst_new_" + e.of, Kind: "line"})
	},
	"AskCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AskCustody(ctx, as, "cst_acc2_"+e.of)
	},
	"BindCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.BindCustody(ctx, as, "cst_bare_"+e.of, "acc2_"+e.of)
	},
	"Custodies": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Custodies(ctx, as)
	},
	"Custody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Custody(ctx, as, "cst_line_"+e.of)
	},
	"CustodyPicture": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.CustodyPicture(ctx, as, pictured(ctx, s, e))
	},
	"EndCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndCustody(ctx, as, "cst_line_"+e.of)
	},
	"HandedOver": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.HandedOver(ctx, as, "acc2_"+e.of, time.Now().Add(-time.Hour))
	},
	"LookedAtCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		l := e.look
		l.Workspace = as
		return nil, s.LookedAtCustody(ctx, l, store.CustodySeen{Answered: true, Facts: map[string]string{"menu": "other"}})
	},
	"WriteCustody": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.WriteCustody(ctx, store.CustodyEntry{Workspace: as, Custody: "cst_line_" + e.of, Line: engawa.CustodyLine{Done: &engawa.CustodyDone{Step: engawa.CustodyStep{Key: "keep"}}}})
		return nil, err
	},
	"AddAccount": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.AddAccount(ctx, engawa.Account{Workspace: as, ID: "acc_new_" + as, Kind: "mail"})
	},
	"AddApp": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddApp(ctx, engawa.App{Workspace: as, ID: "app_new_" + e.of})
	},
	"AddBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddBroadcast(ctx, engawa.Broadcast{Workspace: as, ID: "brd_new_" + e.of, Name: "b", CreatedAt: time.Now()})
	},
	"Broadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Broadcast(ctx, as, "brd_"+e.of)
	},
	"Broadcasts": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Broadcasts(ctx, as, store.Page{})
	},
	"BroadcastProgress": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.BroadcastProgress(ctx, as, "brd_walked_"+e.of)
	},
	"PauseBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.PauseBroadcast(ctx, as, "brd_"+e.of)
	},
	"ResumeBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ResumeBroadcast(ctx, as, "brd_paused_"+e.of)
	},
	"StepBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.StepBroadcast(ctx, engawa.Broadcast{Workspace: as, ID: "brd_" + e.of}, store.BroadcastStep{Walked: true, Next: time.Now()})
	},
	"FinishBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.FinishBroadcast(ctx, engawa.Broadcast{Workspace: as, ID: "brd_walked_" + e.of}, time.Now())
	},
	"CountSelected": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.CountSelected(ctx, store.Selection{Workspace: as, Where: engawa.Condition{Is: engawa.TraitTag, Value: "vip"}, Now: time.Now()})
	},
	"Selected": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Selected(ctx, store.Selection{Workspace: as, Where: engawa.Condition{Is: engawa.TraitTag, Value: "vip"}, Now: time.Now()}, "", 9)
	},
	"Profiles": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Profiles(ctx, as, []string{"cus_" + e.of}, nil)
	},
	"SaveSegment": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		g, err := s.SaveSegment(ctx, engawa.Segment{Workspace: as, ID: "seg_" + e.of, Name: "x", Version: 1})
		return g.Name == "", err
	},
	"EndSegment": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndSegment(ctx, as, "seg_"+e.of)
	},
	"Segment": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Segment(ctx, as, "seg_"+e.of)
	},
	"Segments": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Segments(ctx, as)
	},
	"TagCustomer": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.TagCustomer(ctx, as, "cus_"+e.of, []string{"x"}, []string{"vip"})
	},
	"Tags": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Tags(ctx, as, "cus_"+e.of)
	},
	"UsedTags": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.UsedTags(ctx, as)
	},
	"SeePage": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SeePage(ctx, as, "cus_"+e.of)
	},
	"AddContactPoint": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: as, ID: "cp_new", Customer: "cus_" + e.of, Kind: "mail", Address: "x@y.example"})
	},
	"AddCustomer": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddCustomer(ctx, store.NewCustomer{
			Customer:   engawa.Customer{Workspace: as, ID: "cus_new_" + e.of, Kind: "person"},
			Identities: []engawa.Identity{{Issuer: "business", Kind: "member_number", Value: "2"}},
		})
	},
	"Answered": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Answered(ctx, as, "acc2_"+e.of, "posted")
	},
	"Replies": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Replies(ctx, as, "msg_posted_"+e.of)
	},
	"SaveNotices": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SaveNotices(ctx, as, store.Notices{
			Account: &engawa.Account{Workspace: as, ID: "acc_" + e.of, Name: "changed", Version: 1},
			Places:  []engawa.Destination{{Workspace: as, ID: "dst_notices_" + e.of, Account: "acc_" + e.of}},
			Routes:  []engawa.Route{{Workspace: as, ID: "rte_" + e.of, Version: 1, Name: "changed"}},
		})
	},
	"Sent": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Sent(ctx, as, "acc_"+e.of, time.Now().Add(-time.Hour), "", store.Page{Limit: 10})
	},
	"SentTally": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.SentTally(ctx, as, "acc_"+e.of, time.Now().Add(-time.Hour))
	},
	"AddDestination": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddDestination(ctx, engawa.Destination{Workspace: as, ID: "dst_new_" + e.of, Account: "acc_" + e.of})
	},
	"AddEndpoint": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.AddEndpoint(ctx, engawa.Account{Workspace: as, ID: "acc_end_" + as, Kind: "webhook"},
			engawa.Destination{Workspace: as, ID: "dst_end_" + as, Account: "acc_end_" + as}, engawa.Route{Workspace: as, ID: "rte_end_" + as})
	},
	"AddGrant": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddGrant(ctx, engawa.Grant{Workspace: as, ID: "grt_new", Partner: "ptn_" + e.of})
	},
	"AddKey": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.AddKey(ctx, store.APIKey{Workspace: as, ID: "key_new_" + as})
	},
	"AddLink": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddLink(ctx, store.Session{Hash: "link " + as, Workspace: as, Member: "mem_" + e.of})
	},
	"AddMember": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddMember(ctx, store.SignIn{Member: engawa.Member{Workspace: as, ID: "mem_new_" + e.of, Mail: "n@hinata.example", Role: "viewer"}})
	},
	"AddNote": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddNote(ctx, engawa.Note{Workspace: as, ID: "nte_new", Customer: "cus_" + e.of, Text: "x", CreatedAt: time.Now()})
	},
	"PartnerReplies": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.PartnerReplies(ctx, as, "ptn_"+e.of, []string{"app_1"}, store.Page{})
	},
	"Answers": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		got, _, err := s.Answers(ctx, as, "cus_"+e.of, "msg_unknown_"+e.of)
		return got, err
	},
	"Conversations": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Conversations(ctx, as, "ptn_"+e.of, store.Page{})
	},
	"Thread": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Thread(ctx, as, "msg_partner_"+e.of, 0)
	},
	"Notes": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Notes(ctx, as, "cus_"+e.of, store.Page{})
	},
	"Find": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		hits, _, err := s.Find(ctx, as, store.Sought{
			Customer: "cus_" + e.of, Mail: e.address, Identity: []string{e.identity.Value}, Transaction: "2000000002", Name: "田中",
		})
		return hits, err
	},
	"OpenExtension": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		x := e.extension
		x.Workspace, x.ID, x.RequestID, x.Purchase, x.State = as, "ext_new", "2", "", engawa.ExtensionWaiting
		return nil, s.OpenExtension(ctx, x)
	},
	"RefuseExtension": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		x := e.extension
		x.Workspace, x.ID, x.Why = as, "ext_not", "none_left"
		return nil, s.RefuseExtension(ctx, x)
	},
	"SettleExtension": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		x := e.extension
		x.Workspace, x.State = as, engawa.ExtensionDone
		return nil, s.SettleExtension(ctx, x, engawa.ExtensionAsking)
	},
	"Extension": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Extension(ctx, as, "ext_"+e.of)
	},
	"Extensions": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Extensions(ctx, as, "cus_"+e.of, store.Page{})
	},
	"SoldSubscriptions": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.SoldSubscriptions(ctx, as)
	},
	"AddPartner": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddPartner(ctx, engawa.Partner{Workspace: as, ID: "ptn_new_" + e.of})
	},
	"AddSecret": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddSecret(ctx, store.APIKey{Workspace: as, ID: "sec_new_" + as, Partner: "ptn_" + e.of, EndsAt: time.Now().Add(time.Hour)})
	},
	"EndPartner": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.EndPartner(ctx, as, "ptn_"+e.of)
		return nil, err
	},
	"UnprovedReply": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.UnprovedReply(ctx, as, "rep_doubt_"+e.of)
	},
	"PassReply": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.PassReply(ctx, as, "rep_doubt_"+e.of)
	},
	"Waiting": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Waiting(ctx, as, e.digest.Events[0].ID)
	},
	"KeepUnread": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.KeepUnread(ctx, store.Unread{Workspace: as, Account: "acc_" + e.of, Why: store.InboxOff, Dedup: "new", At: time.Now(), Raw: []byte("x")})
	},
	"UnreadOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.UnreadOf(ctx, as, "acc_"+e.of, 10)
	},
	"EndUnread": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		u := e.unread
		u.Workspace = as
		return nil, s.EndUnread(ctx, u)
	},
	"DropUnread": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.DropUnread(ctx, as, "acc2_"+e.of)
	},
	"LeaveReply": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.LeaveReply(ctx, as, "rep_doubt_"+e.of)
	},
	"Complaints": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Complaints(ctx, as, "ptn_"+e.of)
	},
	"ComplaintDays": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.ComplaintDays(ctx, as, "ptn_"+e.of)
	},
	"WatchComplaints": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.WatchComplaints(ctx, as, func(store.Complained) engawa.Repute { return engawa.ReputeWarned })
	},
	"StopPartner": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.StopPartner(ctx, as, "ptn_"+e.of, "r")
	},
	"LiftPartner": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.LiftPartner(ctx, as, "ptn_"+e.of, "r")
	},
	"EndOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.EndOf(ctx, as, "ptn_gone_"+e.of)
	},
	"EndSubscription": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		bs, err := s.Subscriptions(ctx, e.of, "cus_"+e.of, store.Page{})
		if err != nil {
			return nil, err
		}
		_, err = s.EndSubscription(ctx, as, bs[0].ID)
		return nil, err
	},
	"EndedPartners": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.EndedPartners(ctx, as)
	},
	"EnqueueFor": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		ids, err := handles(ctx, s, e.of, e)
		if err != nil {
			return nil, err
		}
		m := engawa.Message{Workspace: as, ID: "msg_for_" + e.of, Partner: "ptn_" + e.of, App: "app_" + e.of, Customer: "cus_" + e.of, State: engawa.MessageRefused, Chain: []engawa.Via{{Account: "acc_" + e.of}}}
		return nil, s.EnqueueFor(ctx, store.NewMessage{Message: m}, ids[0])
	},
	"LeaveApp": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.LeaveApp(ctx, store.List{Workspace: as, Partner: "ptn_" + e.of, App: "app_" + e.of}, "cus_"+e.of, engawa.Evidence{})
	},
	"Partner": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Partner(ctx, as, "ptn_"+e.of)
	},
	"PartnerMessages": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.PartnerMessages(ctx, as, "ptn_"+e.of, store.PartnerMessageFilter{}, store.Page{})
	},
	"SharedWith": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.SharedWith(ctx, as, "ptn_"+e.of)
	},
	"StepSubscribers": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.StepSubscribers(ctx, as, looking(lookAt))
	},
	"Subscriber": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		ids, err := handles(ctx, s, e.of, e)
		if err != nil {
			return nil, err
		}
		sub, err := s.Subscriber(ctx, as, "ptn_"+e.of, ids[0], lookAt)
		return sub.Customer, err
	},
	"SubscriberChanges": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		subs, _, err := s.SubscriberChanges(ctx, store.List{Workspace: as, Partner: "ptn_" + e.of, App: "app_" + e.of}, lookAt, 0, 10)
		return len(subs), err
	},
	"Subscribers": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return handles(ctx, s, as, e)
	},
	"Uses": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Uses(ctx, as, "ptn_"+e.of)
	},
	"AddReplay": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.AddReplay(ctx, engawa.Replay{Workspace: as, ID: "rpl_new_" + e.of, Account: "acc2_" + e.of, From: time.Now().Add(-time.Hour), To: time.Now(), PerSecond: 1, CreatedAt: time.Now()})
		return nil, err
	},
	"AddSession": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddSession(ctx, store.Session{Hash: "new session " + as, Workspace: as, Member: "mem_" + e.of})
	},
	"Apps": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Apps(ctx, as) },
	"Arrive": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		again := e.unrouted
		again.Workspace, again.ID = as, "evt_mail_"+e.of
		j, err := s.Arrive(ctx, store.Arrival{Event: again, Task: &engawa.Task{Workspace: as, Kind: "k", Ref: "r"}})
		if err != nil || !j.Fresh {
			return j, err
		}
		ev, err := s.Event(ctx, as, again.ID)
		return ev.Customer, err
	},
	"AddImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddImport(ctx, engawa.Import{Workspace: as, ID: "imp_new_" + e.of, Account: "acc_" + e.of, CreatedAt: time.Now()}, []byte("x"))
	},
	"DropImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.DropImport(ctx, as, "imp_open_"+e.of)
	},
	"FinishImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		i := e.importing
		i.Workspace = as
		return nil, s.FinishImport(ctx, i, nil)
	},
	"FirstImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		first, err := s.FirstImport(ctx, as, "acc_"+e.of)
		return !first, err
	},
	"GoneRows": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.GoneRows(ctx, as, "imp_next_"+e.of)
	},
	"Import": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Import(ctx, as, "imp_"+e.of)
	},
	"ImportFile": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.ImportFile(ctx, as, "imp_open_"+e.of)
	},
	"Imports": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Imports(ctx, as, store.Page{})
	},
	"RunningContracts": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.RunningContracts(ctx, as, "acc2_"+e.of)
	},
	"StartImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.StartImport(ctx, engawa.Import{Workspace: as, ID: "imp_open_" + e.of, Account: "acc_" + e.of, Mapping: "{}", Rows: 1})
	},
	"StepImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		i := e.importing
		i.Workspace = as
		_, err := s.StepImport(ctx, store.ImportStep{Import: i, To: 2, Decide: func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return store.ImportWork{}, nil }})
		return nil, err
	},
	"StopImport": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.StopImport(ctx, as, "imp_"+e.of)
	},
	"AskCheckup": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AskCheckup(ctx, as, "acc_"+e.of)
	},
	"Checkup": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Checkup(ctx, as, "acc_"+e.of)
	},
	"Doubtful": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		ps, _, err := s.Doubtful(ctx, store.Doubt{Workspace: as, Account: "acc_" + e.of, Before: time.Now(), Old: time.Now(), Limit: 10})
		return ps, err
	},
	"Contracts": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Contracts(ctx, as, "acc_"+e.of, contractOf)
	},
	"HearContracts": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.HearContracts(ctx, as, "acc_"+e.of, []store.Contracted{told(as, "acc_"+e.of, "sb_2")}, nil)
		return nil, err
	},
	"Read": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		r := e.reading
		r.Workspace = as
		return nil, s.Read(ctx, r, time.Now().Add(time.Hour))
	},
	"Gaps": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Gaps(ctx, as, "acc_"+e.of, 10)
	},
	"Journalled": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Journalled(ctx, as, "acc_"+e.of, []string{"missed"})
	},
	"StepCheckup": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		c := e.checkup
		c.Workspace, c.Now = as, nil
		_, err := s.StepCheckup(ctx, store.CheckupStep{Checkup: c, Looked: []string{e.purchase}, Filled: true})
		return nil, err
	},
	"Took": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Took(ctx, as, "acc_"+e.of)
	},
	"Told": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Told(ctx, store.ToldFrom{Workspace: as, Account: "acc_" + e.of, Issuer: e.identity.Issuer}, []store.ToldKey{{Kind: store.ToldMember, Value: e.identity.Value}, {Kind: store.ToldContract, Value: "C1"}})
	},
	"Audits": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Audits(ctx, as, store.AuditFilter{}, store.Page{})
	},
	"Beat": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Beat(ctx, asked(e.lane, as))
	},
	"Begin": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		once := e.finished
		once.Workspace = as
		kept, err := s.Begin(ctx, once)
		return kept.Body, err
	},
	"Cancel": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Cancel(ctx, as, "msg_wait_"+e.of)
	},
	"ChangeAccount": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ChangeAccount(ctx, engawa.Account{Workspace: as, ID: "acc_" + e.of, Name: "changed", Version: 1})
	},
	"ChangeCustomer": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.ChangeCustomer(ctx, as, "cus_"+e.of, func(c *engawa.Customer) { c.Name = "changed" })
	},
	"ChangeMail": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ChangeMail(ctx, as, "mem_"+e.of, "changed@hinata.example")
	},
	"ChangeMember": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ChangeMember(ctx, engawa.Member{Workspace: as, ID: "mem2_" + e.of, Name: "changed"})
	},
	"SetRole": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SetRole(ctx, as, "mem2_"+e.of, engawa.Admin)
	},
	"Staff": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Staff(ctx, as) },
	"Verify": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		tables, err := s.Verify(ctx, as)
		return slices.DeleteFunc(tables, func(o store.Opened) bool { return o.Open+o.Erased+o.Closed == 0 }), err
	},
	"UseKey": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.UseKey(ctx, as, "key_"+e.of, time.Now())
	},
	"ChangeWorkspace": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.ChangeWorkspace(ctx, engawa.Workspace{ID: as, Name: "changed", Zone: "Asia/Seoul"})
	},
	"Claim": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		going, _, err := s.Claim(ctx, asked(e.lane, as), 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return e.lane.Pace }})
		return going, err
	},
	"Consents": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Consents(ctx, as, "cus_"+e.of)
	},
	"ContactPoints": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.ContactPoints(ctx, as, "cus_"+e.of)
	},
	"Customer": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Customer(ctx, as, "cus_"+e.of)
	},
	"AddWording": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.AddWording(ctx, engawa.Wording{Workspace: as, Act: engawa.ActContact, Purpose: engawa.Marketing})
		return nil, err
	},
	"Consent": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		all, err := s.Consents(ctx, e.of, "cus_"+e.of)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		c, err := s.Consent(ctx, as, all[0].ID)
		return c.ID, err
	},
	"Wordings": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Wordings(ctx, as)
	},
	"Choose": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Choose(ctx, as, "cus_"+e.of, "cp_"+e.of, []engawa.Purpose{engawa.Notice})
	},
	"Prove": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Prove(ctx, as, "cus_"+e.of, "cp_"+e.of)
	},
	"Handle": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Handle(ctx, store.List{Workspace: as, App: "app_" + e.of}, "cus_"+e.of)
	},
	"RoleOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		customer, role, err := s.RoleOf(ctx, as, e.identity)
		return customer + role, err
	},
	"SaidOn": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		n, err := s.SaidOn(ctx, as, "cus_"+e.of, "", time.Time{})
		if n == 0 {
			return nil, err
		}
		return n, err
	},
	"CustomerBy": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.CustomerBy(ctx, as, e.identity)
	},
	"CustomerByAddress": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.CustomerByAddress(ctx, as, "mail", e.address)
	},
	"Customers": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Customers(ctx, as, store.Page{})
	},
	"Decide": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		c := consent("cus_"+e.of, false, time.Now())
		c.Workspace = as
		return nil, s.Decide(ctx, c)
	},
	"Decided": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Decided(ctx, as, "cus_"+e.of)
	},
	"PutOff": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.PutOff(ctx, store.CustomerRef{Workspace: as, ID: "cus_" + e.of}, time.Now().Add(time.Hour))
	},
	"Say": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		d, err := s.Decided(ctx, e.of, "cus_"+e.of)
		if err != nil || len(d.Consents) == 0 {
			return nil, err
		}
		c := d.Consents[0]
		return nil, s.Say(ctx, store.Sayings{Workspace: as, Customer: c.Customer, Version: d.Version, Of: []store.Saying{{Consent: c.ID, Seen: c.LookAt, Said: engawa.Said{ResultBy: "tsk_1", ResultAt: time.Now()}}}})
	},
	"Destinations": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Destinations(ctx, as)
	},
	"Disclose": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Disclose(ctx, as, "dsc_new_"+e.of, "", "acc_"+e.of, "2", time.Now(), engawa.Evidence{})
	},
	"EndContactPoint": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndContactPoint(ctx, as, "cus_"+e.of, "cp_"+e.of)
	},
	"EndDestination": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndDestination(ctx, as, "dst2_"+e.of)
	},
	"EndEventType": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.EndEventType(ctx, as, "shop.ordered")
	},
	"EndEndpoint": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndEndpoint(ctx, as, "mail", "acc2_"+e.of)
	},
	"EndGrant": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndGrant(ctx, as, "grt_"+e.of)
	},
	"EndMember": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.EndMember(ctx, as, "mem2_"+e.of)
	},
	"Enqueue": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		m := engawa.Message{Workspace: as, ID: "msg_new_" + e.of, Customer: "cus_" + e.of, State: engawa.MessageWaiting, Chain: []engawa.Via{{Account: "acc_" + e.of}}}
		return nil, s.Enqueue(ctx, news(m))
	},
	"Erase": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.Erase(ctx, as, "cus_"+e.of)
		return nil, err
	},
	"Event": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Event(ctx, as, "evt_"+e.of)
	},
	"EventCounts": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		counts, _, err := s.EventCounts(ctx, as, time.Now().Add(-time.Hour))
		return counts, err
	},
	"EventTypes": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.EventTypes(ctx, as)
	},
	"Events": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Events(ctx, as, store.EventFilter{}, store.Page{})
	},
	"EventsBetween": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.EventsBetween(ctx, as, "", time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10)
	},
	"Facts": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		m := engawa.Message{Workspace: as, Customer: "cus_" + e.of, Partner: "ptn_" + e.of}
		known, err := s.Facts(ctx, as, []store.Ask{{Message: m, Account: "acc_" + e.of}, {Message: m, Account: "acc_" + e.of, Destination: "dst_" + e.of}})
		if err != nil {
			return nil, err
		}
		f := known[0].Facts
		return known[0].To.Reveal() + known[0].ToName + known[1].To.Reveal() + f.Grant.ID + f.Channel + f.Relationship.State + strings.Repeat("consent", len(f.Consents)), nil
	},
	"Failing": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		first, last, err := s.Failing(ctx, as, "acc_"+e.of, time.Now().Add(-time.Hour))
		return [2]time.Time{first, last}, err
	},
	"FinishTask": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		tasks, err := s.Tasks(ctx, e.of, 1)
		if err != nil {
			return nil, err
		}
		return nil, s.FinishTask(ctx, as, tasks[0].ID, "出ました")
	},
	"Forget": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		once := e.unfinished
		once.Workspace = as
		return nil, s.Forget(ctx, once)
	},
	"Grants": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Grants(ctx, as) },
	"Hold": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		seen, err := s.Lane(ctx, e.of, "acc_"+e.of)
		if err != nil {
			return nil, err
		}
		l, _, err := s.Hold(ctx, "another", asked(seen, as))
		return l, err
	},
	"Identities": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Identities(ctx, as, "cus_"+e.of)
	},
	"Journal": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		again := e.unrouted
		again.Workspace, again.ID = as, "evt_again_"+e.of
		js, err := s.Journal(ctx, []engawa.Event{again})
		if err != nil || !js[0].Fresh {
			return js, err
		}
		ev, err := s.Event(ctx, as, again.ID)
		return ev.Customer, err
	},
	"Keep": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		once := e.unfinished
		once.Workspace = as
		return nil, s.Keep(ctx, once, 200, []byte("another answer"))
	},
	"Keys": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Keys(ctx, as) },
	"KeysOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.KeysOf(ctx, as, "acc_"+e.of, []string{"evt_" + e.of}, nil)
	},
	"KeysOfMessages": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.KeysOfMessages(ctx, as, "acc_"+e.of, []string{"msg_unknown_" + e.of})
	},
	"TellingOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.TellingOf(ctx, as, []string{"evt_told_" + e.of}, time.Time{}, time.Now())
	},
	"Lane": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Lane(ctx, as, "acc_"+e.of)
	},
	"Lanes": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Lanes(ctx, as) },
	"Link": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Link(ctx, as, "cus_"+e.of, engawa.Identity{Issuer: "business", Kind: "member_number", Value: "3"})
	},
	"LinkOIDC": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.LinkOIDC(ctx, as, "mem_"+e.of, "https://id.example user")
	},
	"Member": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Member(ctx, as, "mem_"+e.of)
	},
	"Members": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Members(ctx, as) },
	"Merge": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		_, err := s.Merge(ctx, store.Merge{
			Workspace: as, Into: "cus_" + e.of, From: "cus2_" + e.of,
			Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil },
		})
		return nil, err
	},
	"Message": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Message(ctx, as, "msg_wait_"+e.of)
	},
	"Messages": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Messages(ctx, as, store.MessageFilter{}, store.Page{})
	},
	"Next": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		due, _, _, err := s.Next(ctx, as, "acc_"+e.of)
		return due, err
	},
	"Note": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Note(ctx, store.Audit{Workspace: as, Actor: "key:1", Action: "look", Object: "cus_" + e.of})
	},
	"Partners": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Partners(ctx, as)
	},
	"Receivers": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Receivers(ctx, as)
	},
	"TryReceiver": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.TryReceiver(ctx, as, e.receiver)
	},
	"Pause": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Pause(ctx, as, "acc_"+e.of, time.Now().Add(time.Hour), "x")
	},
	"Raise": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.Raise(ctx, engawa.Task{Workspace: as, Kind: "k", Ref: "r"}) // as one that is open
	},
	"Record": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		open := *e.open
		open.Delivery.Workspace, open.Message.Workspace = as, as
		_, err := s.Record(ctx, asked(e.lane, as), []store.Result{accepted(&open)})
		return nil, err
	},
	"Recover": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Recover(ctx, asked(e.taken, as), func(engawa.Delivery) (engawa.DeliveryState, string) { return engawa.Unknown, "x" }, nil)
	},
	"Relate": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Relate(ctx, as, "acc_"+e.of, "cp_"+e.of, "blocked")
	},
	"Release": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Release(ctx, asked(e.lane, as))
	},
	"Replay": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Replay(ctx, as, "rpl_"+e.of)
	},
	"Replays": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Replays(ctx, as, "acc_"+e.of, 10)
	},
	"Resolve": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Resolve(ctx, as, e.unknown, true)
	},
	"RevokeKey": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.RevokeKey(ctx, as, "key_"+e.of)
	},
	"Route": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Route(ctx, []store.Routed{{Workspace: as, Event: "evt_" + e.of}})
	},
	"RouteVersions": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.RouteVersions(ctx, as, "rte_"+e.of)
	},
	"Routes": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) { return s.Routes(ctx, as) },
	"SaveEventType": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.SaveEventType(ctx, engawa.EventType{Workspace: as, Type: "shop.ordered", Schema: []byte(`{"type":"object"}`), Sample: []byte(`{}`)})
	},
	"SaveRoute": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SaveRoute(ctx, engawa.Route{Workspace: as, ID: "rte_" + e.of, Version: 1, Name: "changed"})
	},
	"AddOfferCodes": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		n, err := s.AddOfferCodes(ctx, engawa.OfferPool{Workspace: as, ID: "ofp_" + e.of, Account: "acc_" + e.of}, []engawa.Secret{"CODE9"})
		return n, err
	},
	"AddOfferPool": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AddOfferPool(ctx, engawa.OfferPool{Workspace: as, ID: "ofp_new_" + e.of, Account: "acc_" + e.of}, "")
	},
	"MakeOfferCodes": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.By("key:1").MakeOfferCodes(ctx, engawa.OfferPool{Workspace: as, ID: "ofp_" + e.of, Offer: "thanks"}, 5)
	},
	"CloseOfferPool": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.CloseOfferPool(ctx, as, "ofp_"+e.of)
	},
	"HandOut": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		c, _, err := s.HandOut(ctx, store.HandOut{Workspace: as, Account: "acc_" + e.of, Offer: "spring", Customer: "cus_" + e.of})
		return c.Code.Reveal(), err
	},
	"FetchInApp": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.FetchInApp(ctx, as, "app_"+e.of, "cus_"+e.of)
	},
	"KeepInApp": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.KeepInApp(ctx, as, e.open.Delivery.ID, "app_other_"+e.of, []byte("{}"))
	},
	"SeeInApp": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SeeInApp(ctx, as, "app_"+e.of, "cus_"+e.of, engawa.FixedID(engawa.PrefixInApp, e.of, e.unknown))
	},
	"KnownOfferCodes": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		known, err := s.KnownOfferCodes(ctx, as, "acc_"+e.of, []engawa.Secret{"CODE1"})
		return known[0], err
	},
	"OfferCodes": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.OfferCodes(ctx, as, "ofp_"+e.of, store.Page{})
	},
	"OfferCodesOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.OfferCodesOf(ctx, as, "cus_"+e.of)
	},
	"OfferPool": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.OfferPool(ctx, as, "ofp_"+e.of)
	},
	"OfferPools": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.OfferPools(ctx, as)
	},
	"Hear": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Hear(ctx, as, []store.Heard{heard(as, "acc_"+e.of, e.identity)})
	},
	"StoreDays": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.StoreDays(ctx, as, "2026-01-01")
	},
	"Products": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Products(ctx, as)
	},
	"SaveProduct": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SaveProduct(ctx, engawa.Product{Workspace: as, ID: "product_" + e.of})
	},
	"PackSwitches": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.PackSwitches(ctx, as)
	},
	"SwitchPack": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return nil, s.SwitchPack(ctx, engawa.PackSwitch{Workspace: as, Version: 1, Pack: "kr", On: true, Reason: "r"})
	},
	"CustomersAt": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.CustomersAt(ctx, as, e.address)
	},
	"CustomersByCountry": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.CustomersByCountry(ctx, as)
	},
	"WalkJudged": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		var ids []string
		_, err := s.WalkJudged(ctx, as, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0), 100, func(ms []store.JudgedMessage) error {
			for _, m := range ms {
				ids = append(ids, m.Message.ID)
			}
			return nil
		})
		return ids, err
	},
	"ForgetProduct": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ForgetProduct(ctx, as, "product_"+e.of)
	},
	"RecountDays": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.RecountDays(ctx, as)
	},
	"Purchase": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Purchase(ctx, as, e.purchase)
	},
	"PurchaseBy": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.PurchaseBy(ctx, as, "acc_"+e.of, "2000000001")
	},
	"PurchasesOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.PurchasesOf(ctx, as, "cus_"+e.of)
	},
	"RefundFacts": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.RefundFacts(ctx, as, e.refund)
	},
	"ChangeRefund": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.ChangeRefund(ctx, as, e.refund, func(f store.RefundFacts) (*store.RefundChange, error) {
			f.Case.Answer = engawa.RefundIgnored
			return &store.RefundChange{Case: f.Case}, nil
		})
	},
	"Registrations": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Registrations(ctx, as, "cus_"+e.of)
	},
	"Registered": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Registered(ctx, as, "acc_"+e.of)
	},
	"Refunds": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Refunds(ctx, as, store.RefundFilter{Customer: "cus_" + e.of}, store.Page{})
	},
	"RefundsOf": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.RefundsOf(ctx, as, "cus_"+e.of)
	},
	"RefundPolicies": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.RefundPolicies(ctx, as, "acc_"+e.of, 5)
	},
	"SaveRefundPolicy": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SaveRefundPolicy(ctx, engawa.RefundPolicy{Workspace: as, Account: "acc_" + e.of, Version: 1, Body: []byte(`{"rules":[]}`)})
	},
	"TellConsumption": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		percent := int64(1)
		_, err := s.TellConsumption(ctx, engawa.Consumption{Workspace: as, Customer: "cus_" + e.of, Percent: &percent})
		return nil, err
	},
	"SaveSubscription": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.SaveSubscription(ctx, engawa.Subscription{Workspace: as, Customer: "cus_" + e.of, App: "app_" + e.of, Product: "p", State: engawa.SubscriptionExpired})
	},
	"SaveTemplate": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SaveTemplate(ctx, engawa.Template{Workspace: as, ID: "tpl_" + e.of, Version: 1, Name: "changed"})
	},
	"Sending": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Sending(ctx, as, "acc_"+e.of)
	},
	"SetPassword": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.SetPassword(ctx, as, "mem_"+e.of, "$argon2id$x")
	},
	"StepReplay": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		took, err := s.StepReplay(ctx, engawa.Replay{Workspace: as, ID: "rpl_" + e.of}, store.ReplayStep{Looked: 1})
		if !took {
			return nil, err
		}
		return took, err
	},
	"StopReplay": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.StopReplay(ctx, as, "rpl_"+e.of)
	},
	"StopBroadcast": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.StopBroadcast(ctx, as, "brd_"+e.of)
	},
	"Subscriptions": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Subscriptions(ctx, as, "cus_"+e.of, store.Page{})
	},
	"Suppress": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Suppress(ctx, engawa.Suppression{Workspace: as, Channel: "mail", Address: e.address, Customer: "cus_" + e.of, Reason: "operator", At: time.Now()})
	},
	"Tally": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		tally, err := s.Tally(ctx, as, time.Now().Add(-time.Hour))
		return tally.Hours, err
	},
	"TaskPage": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.TaskPage(ctx, as, store.TaskFilter{}, store.Page{})
	},
	"Tasks": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Tasks(ctx, as, 10)
	},
	"Tell": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		d := e.digest
		d.Workspace = as
		told, err := s.Tell(ctx, d, nil)
		if !told {
			return nil, err
		}
		return told, err
	},
	"AssignTask": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.AssignTask(ctx, as, "tsk_"+e.of, "mem_"+e.of)
	},
	"CountTasks": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.CountTasks(ctx, as)
	},
	"MoveTask": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.MoveTask(ctx, as, "tsk_"+e.of, time.Now().Add(time.Hour))
	},
	"OneCause": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.OneCause(ctx, engawa.Event{Workspace: as, ID: "evt_gathered_" + e.of, OccurredAt: time.Now()}, time.Hour, func(engawa.Event) bool { return true })
	},
	"Stops": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Stops(ctx, as, "cus_"+e.of)
	},
	"StoppedPlaces": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.StoppedPlaces(ctx, as, "acc_"+e.of)
	},
	"Suppressed": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Suppressed(ctx, as, store.SuppressedFilter{}, store.Page{})
	},
	"Lift": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.Lift(ctx, as, "dst_"+e.of, "bounced", "届くと確かめた")
	},
	"Gathered": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Gathered(ctx, as, "msg_told_"+e.of)
	},
	"NoteTask": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.NoteTask(ctx, as, "tsk_"+e.of, "電話しました")
	},
	"ReopenTask": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return nil, s.ReopenTask(ctx, as, "tsk_done_"+e.of, "まだでした")
	},
	"Task": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Task(ctx, as, "tsk_"+e.of)
	},
	"TaskKinds": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.TaskKinds(ctx, as)
	},
	"Templates": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		return s.Templates(ctx, as)
	},
	"WalkPast": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		var past []store.Past
		_, _, err := s.WalkPast(ctx, as, "", 10, func(string) bool { return true }, func(ps []store.Past) error { past = append(past, ps...); return nil })
		return past, err
	},
	"TakeOut": func(ctx context.Context, s *store.Store, as string, _ estate) (any, error) {
		var lines []string
		err := s.TakeOut(ctx, store.TakeOut{Workspace: as}, func(k *store.Taking) error {
			for _, kind := range store.TakeoutKinds()[1:] { // the first is the workspace that asks
				if err := k.Each(kind, func(line []byte) error { lines = append(lines, string(line)); return nil }); err != nil {
					return err
				}
			}
			return nil
		})
		return lines, err
	},
	"Tries": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		return s.Tries(ctx, as, "acc_"+e.of, store.TriedFilter{}, store.Page{})
	},
	"Unlink": func(ctx context.Context, s *store.Store, as string, e estate) (any, error) {
		n, err := s.Unlink(ctx, as, "cus_"+e.of, e.identity)
		return n, err
	},
}

// unwalled are the methods that are not of one workspace, and why they may be.
var unwalled = map[string]string{
	"AddWorkspace": "makes one", "Workspace": "asks for the workspace itself",
	"Backup": "the operator's", "By": "the same store", "CheckRing": "the hub's own", "Close": "the hub's own", "DueDigests": "the dispatcher's", "Engine": "says nothing of anybody", "Listen": "hands on names of lanes",
	"Lite": "says nothing of anybody", "NextDigest": "the dispatcher's", "OnWake": "the hub's own", "Ping": "says nothing of anybody", "Rewrap": "the hub's own", "Rotate": "the hub's own",
	"Attend": "the checker's, of every workspace", "DueCheckups": "the checker's, of every workspace",
	"DueCustody": "the checker's, of every workspace", "DueReading": "the keeper's, of every workspace", "DueReplays": "the runner's, of every workspace", "DueBroadcasts": "the runner's, of every workspace", "DueImports": "the runner's, of every workspace", "UnreadToRead": "the relay's, of every workspace", "DueRefunds": "the runner's, of every workspace",
	"DueDecided":    "the runner's, of every workspace",
	"DueExtensions": "the runner's, of every workspace", "StepEndings": "the hub's own, of every workspace", "NameSome": "the hub's own",
	"Front": "says nothing of anybody", "URL": "says nothing of anybody", "Relays": "the hub's own", "Remind": "the hub's own",
	"SendingAccounts": "the dispatcher's", "Skew": "says nothing of anybody", "Sweep": "the hub's own", "TendBreakers": "the hub's own", "Unrouted": "the dispatcher's", "Wrapped": "the hub's own",
	"Client": "as Key", "PartnersOf": "the hub's own, to bring lists up to date",
	"Key": "by an id that says whose it is, for whoever shows the key", "Session": "by a hash that only the browser's token makes",
	"TouchSession": "as Session", "EndSession": "as Session", "UseLink": "by a hash that only the link's token makes",
	"SignInsByMail": "who signs in has not said where", "SignInsByOIDC": "who signs in has not said where",
	"Handed": "by an id in an address that we signed", "TakeReturn": "as Handed",
	"Welcome":     "before anybody is here",
	"TakeIn":      "makes a workspace or fills an empty one (TestTakeInRefuses)",
	"UpToDate":    "says nothing of anybody",
	"WorkspaceOf": "looks up whose a public id is", "Workspaces": "the operator's and the dispatcher's",
}

// TestTenancy calls every method of the store as another workspace: it must show
// nothing and change nothing. Called as the own it must do something, or the
// test would hold nothing. On PostgreSQL row-level security is in force
// (storetest); on SQLite the statements hold alone.
func TestTenancy(t *testing.T) {
	methods := reflect.TypeFor[*store.Store]()
	for m := range methods.Methods() {
		if (walled[m.Name] == nil) == (unwalled[m.Name] == "") {
			t.Errorf("%s: say in one of the tables how it keeps workspaces apart", m.Name)
		}
	}
	if n := len(walled) + len(unwalled); n != methods.NumMethod() {
		t.Errorf("the tables list %d methods, the store has %d", n, methods.NumMethod())
	}
	each(t, func(s *shop) {
		db := storetest.Open(s.t, s.url)
		tables := tablesOf(s.t, db, s.Lite())
		n := 0
		var own estate // kept for the next method while nothing changed it
		var before string
		for name, call := range walled {
			n++
			if own.of == "" {
				own = s.settle(fmt.Sprint("ws_own_", n))
				before = dump(s.t, db, tables, own.of)
			}
			stranger := fmt.Sprint("ws_other_", n)
			s.must(s.AddWorkspace(s.t.Context(), engawa.Workspace{ID: stranger, Zone: "Asia/Tokyo", CreatedAt: time.Now()}))
			got, err := call(s.t.Context(), s.Store, stranger, own)
			if err == nil && !empty(got) {
				s.t.Errorf("%s shows another workspace %+v", name, got)
			}
			if d := dump(s.t, db, tables, own.of); d != before {
				s.t.Errorf("%s changes another workspace: %s", name, firstDifference(before, d))
			}
			got, err = call(s.t.Context(), s.Store, own.of, own)
			changed := dump(s.t, db, tables, own.of) != before
			if err != nil || empty(got) && !changed {
				s.t.Errorf("%s does nothing for its own workspace: %v, %v", name, got, err)
			}
			if got != nil {
				inUTC(s.t, name, reflect.ValueOf(got))
			}
			if changed {
				own = estate{}
			}
		}
	})
}

func empty(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Slice || r.Kind() == reflect.Map {
		return r.Len() == 0
	}
	return r.IsZero()
}

// inUTC holds that every time in v is one of UTC, or none at all.
func inUTC(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	if at, ok := reflect.TypeAssert[time.Time](v); ok {
		if at.Location() != time.UTC || at.IsZero() && at != (time.Time{}) {
			t.Errorf("%s gives a time of %v: %v", name, at.Location(), at)
		}
		return
	}
	if k := v.Kind(); (k == reflect.Interface || k == reflect.Pointer) && !v.IsNil() {
		inUTC(t, name, v.Elem())
	} else if k == reflect.Slice {
		for i := range v.Len() {
			inUTC(t, name, v.Index(i))
		}
	} else if k == reflect.Map {
		for _, key := range v.MapKeys() {
			inUTC(t, name, v.MapIndex(key))
		}
	} else if k == reflect.Struct {
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				inUTC(t, name, v.Field(i))
			}
		}
	}
}

// tablesOf are the tables that belong to workspaces, each with the column that
// names it.
func tablesOf(t *testing.T, db *sql.DB, lite bool) map[string]string {
	t.Helper()
	q := `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND (column_name = 'workspace' OR table_name = 'workspace' AND column_name = 'id')`
	if lite {
		q = `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND (c.name = 'workspace' OR m.name = 'workspace' AND c.name = 'id')`
	}
	out := map[string]string{}
	for _, row := range query(t, db, q) {
		out[row[0]] = row[1]
	}
	if len(out) < 30 {
		t.Fatalf("%d tables belong to workspaces: %v", len(out), out)
	}
	return out
}

// query returns rows as text, bytes in hexadecimal.
func query(t *testing.T, db *sql.DB, q string, args ...any) (out [][]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = fmt.Sprintf("%x", b)
			}
			row[i] = fmt.Sprint(v)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// dump is all that a workspace has, one row a line.
func dump(t *testing.T, db *sql.DB, tables map[string]string, workspace string) string {
	t.Helper()
	var lines []string
	for table, column := range tables {
		for _, row := range query(t, db, `SELECT * FROM `+table+` WHERE `+column+` = $1`, workspace) {
			lines = append(lines, table+" "+strings.Join(row, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + " is now " + bs[i]
		}
	}
	return fmt.Sprintf("%d rows are now %d", len(as), len(bs))
}

// TestWalls goes past the statements, as the role that the hub has: without the
// word whose it is it sees no row of any table, with another's only that one's;
// and it can neither change nor insert what is not its own.
func TestWalls(t *testing.T) {
	each(t, func(s *shop) {
		if s.Lite() {
			return // SQLite has no such walls
		}
		s.settle("ws_own")
		s.settle("ws_other")
		past := storetest.Open(s.t, s.url)
		tables := tablesOf(s.t, past, false)
		for _, q := range []string{
			`INSERT INTO mail_return (workspace, delivery, reason, status, address_index, key_id, at) VALUES ('ws_own', 'd', 'full', '5.2.2', 'x', 'k', 0)`,
			`INSERT INTO source_cursor (workspace, account, cursor, at) VALUES ('ws_own', 'a', 'c', 0)`,
			`INSERT INTO lane_limit (workspace, account, scope, state) VALUES ('ws_own', 'acc_ws_own', 's', '{}')`,
		} {
			_, err := past.ExecContext(s.t.Context(), q)
			s.must(err)
		}
		db, err := sql.Open("pgx", s.url)
		s.must(err)
		defer db.Close()
		for table, column := range tables {
			if n := query(s.t, past, `SELECT count(*) FROM `+table+` WHERE `+column+` = 'ws_own'`)[0][0]; n == "0" {
				s.t.Errorf("%s is empty: its wall is not tried", table)
			}
			s.tryWall(db, "", table, column)
			s.tryWall(db, "ws_other", table, column)
		}
	})
}

func (s *shop) tryWall(db *sql.DB, as, table, column string) {
	s.t.Helper()
	ctx := s.t.Context()
	tx, err := db.BeginTx(ctx, nil)
	s.must(err)
	defer tx.Rollback()
	if as != "" {
		_, err := tx.ExecContext(ctx, `SELECT set_config('engawa.workspace', $1, true)`, as)
		s.must(err)
	}
	var n int
	s.must(tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table+` WHERE `+column+` <> $1`, as).Scan(&n))
	if n != 0 {
		s.t.Errorf("as %q, %s has %d rows of others", as, table, n)
	}
	for _, q := range []string{`UPDATE ` + table + ` SET ` + column + ` = ` + column + ` WHERE ` + column + ` = 'ws_own'`, `DELETE FROM ` + table + ` WHERE ` + column + ` = 'ws_own'`} {
		r, err := tx.ExecContext(ctx, q)
		s.must(err)
		if n, err := r.RowsAffected(); n != 0 || err != nil {
			s.t.Errorf("as %q: %s reaches %d rows, %v", as, q, n, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO audit (workspace, id, at, actor, action, object, detail) VALUES ('ws_own', 'aud_x', 0, '', '', '', '')`); err == nil || !strings.Contains(err.Error(), "row-level security") {
		s.t.Errorf("as %q, a row for another: %v", as, err)
	}
}
