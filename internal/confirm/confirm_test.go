package confirm

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vault"
)

const (
	ws   = "ws_one"
	mina = "cus_mina" // in Korea, with a mail address
	hana = "cus_hana" // in Japan
	mute = "cus_mute" // in Korea, with no way to be reached
)

// desk is a runner over a real store.
type desk struct {
	*Runner
	*testing.T
	st *store.Store
	db *sql.DB
}

func each(t *testing.T, test func(d *desk)) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		rules, err1 := rule.Load()
		words, err2 := text.Load()
		d := &desk{&Runner{&message.Composer{Store: st, Rules: rules, Words: words, Kinds: []channel.Kind{mail.Kind}}}, t, st, storetest.Open(t, dsn)}
		d.must(err1, err2)
		ctx, now := t.Context(), time.Now()
		d.must(
			st.AddWorkspace(ctx, engawa.Workspace{
				ID: ws, Name: "히나타 커피", Locale: engawa.Japanese, Zone: "Asia/Tokyo", CreatedAt: now, Sender: engawa.SenderProfile{Name: "히나타 커피", Phone: "02-000-0000"},
			}),
			st.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_beans", Name: "미도리 농원", CreatedAt: now}),
			st.AddApp(ctx, engawa.App{Workspace: ws, ID: "app_beans", Name: "원두 정기배송", Partner: "ptn_beans", CreatedAt: now}),
			st.AddAccount(ctx, engawa.Account{
				Workspace: ws, ID: "acc_mail", Kind: "mail", Name: "mail", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
				Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example"},
			}))
		for id, country := range map[string]string{mina: "KR", hana: "JP", mute: "KR"} {
			n := store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: id, Kind: "person", Locale: engawa.Korean, Country: country, CreatedAt: now}}
			if id != mute {
				n.ContactPoints = []engawa.ContactPoint{{Workspace: ws, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@customer.example"), VerifiedAt: now, CreatedAt: now}}
			}
			d.must(st.AddCustomer(ctx, n))
		}
		test(d)
	})
}

func (d *desk) must(errs ...error) {
	d.Helper()
	for _, err := range errs {
		if err != nil {
			d.Fatal(err)
		}
	}
}

// decide has a customer decide on advertising; change may alter the decision.
func (d *desk) decide(customer string, given bool, ago time.Duration, change ...func(*engawa.Consent)) string {
	d.Helper()
	c := engawa.Consent{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact,
		Purpose: engawa.Marketing, Channel: "mail", Given: given, At: time.Now().Add(-ago),
	}
	for _, f := range change {
		f(&c)
	}
	d.must(d.st.Decide(d.Context(), c))
	return c.ID
}

// toldThen has what was decided so far told when it was decided.
func (d *desk) toldThen() { d.exec(`UPDATE consent SET told_at = at`) }

func (d *desk) step() {
	d.Helper()
	d.must(d.Step(d.Context()))
}

// again has every decision looked at that is looked at some day.
func (d *desk) again() {
	d.Helper()
	d.exec(`UPDATE consent SET look_at = 1 WHERE look_at > 0`)
	d.step()
}

func (d *desk) exec(q string) {
	d.Helper()
	_, err := d.db.ExecContext(d.Context(), q)
	d.must(err)
}

// told are the messages to a customer, the oldest first.
func (d *desk) told(customer string) (out []engawa.Message) {
	d.Helper()
	ms, err := d.st.Messages(d.Context(), ws, store.MessageFilter{Customer: customer}, store.Page{Limit: 100})
	d.must(err)
	for _, m := range ms {
		full, err := d.st.Message(d.Context(), ws, m.Message.ID)
		d.must(err)
		out = append([]engawa.Message{full.Message}, out...)
	}
	return out
}

func (d *desk) decision(id string) engawa.Consent {
	d.Helper()
	c, err := d.st.Consent(d.Context(), ws, id)
	d.must(err)
	return c
}

func (d *desk) said(id string) engawa.Said { return d.decision(id).Said }

// tasks are the open ones.
func (d *desk) tasks() []engawa.Task {
	d.Helper()
	ts, err := d.st.Tasks(d.Context(), ws, 100)
	d.must(err)
	return slices.DeleteFunc(ts, func(k engawa.Task) bool { return k.State != "open" })
}

// tooLong reports whether advertising is refused because nobody said for two years
// that the consent stands.
func (d *desk) tooLong(customer string) bool {
	d.Helper()
	ms, err := d.Compose.Compose(d.Context(), ws, []message.Request{{
		Workspace: ws, Customer: customer, Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_mail"}},
		Content: engawa.Content{Subject: "s", Text: "t"},
	}})
	d.must(err)
	for _, g := range ms[0].Judged[0].Verdict.Gates {
		for _, r := range g.Reasons {
			if r.Code == "rules.reminder" {
				return true
			}
		}
	}
	return false
}

// arrive has every message handed over, as it is done an hour after it was made.
func (d *desk) arrive() {
	d.exec(`UPDATE delivery SET state = 'accepted', handed_at = created_at + 3600000000`)
}

// fail has every message that waits end without having arrived.
func (d *desk) fail() {
	d.exec(`UPDATE message SET state = 'failed' WHERE state = 'waiting'`)
	d.exec(`UPDATE delivery SET state = 'failed' WHERE state = 'queued'`)
}

// age has what the hub made so far made earlier.
func (d *desk) age(by time.Duration) {
	d.Helper()
	_, err := d.db.ExecContext(d.Context(), fmt.Sprintf(`UPDATE message SET created_at = created_at - %d`, by.Microseconds()))
	d.must(err)
}

// TestResult: a customer in Korea is told once, in one message, of all that was
// decided together, with sender, facts, dates and how to reach the business; after
// that nothing more is said for two years.
func TestResult(t *testing.T) {
	each(t, func(d *desk) {
		yes := d.decide(mina, true, 2*time.Minute)
		night := d.decide(mina, true, 2*time.Minute, func(c *engawa.Consent) { c.Act, c.Channel = engawa.ActContactNight, "" })
		no := d.decide(mina, false, time.Minute, func(c *engawa.Consent) { c.Topic = "원두" })
		beans := d.decide(mina, true, time.Minute, func(c *engawa.Consent) { c.Controller, c.App = "ptn_beans", "app_beans" })
		d.decide(mina, true, time.Hour, func(c *engawa.Consent) { c.Purpose = engawa.Notice }) // no advertising
		d.decide(mina, true, time.Hour, func(c *engawa.Consent) { c.Act, c.Purpose = engawa.ActShareAddress, engawa.Service })
		d.decide(hana, true, time.Hour) // no law asks for it there
		fresh := d.decide(mina, true, 0, func(c *engawa.Consent) { c.Channel = "line" })
		d.step()
		d.step()
		ms := d.told(mina)
		if len(ms) != 2 || len(d.told(hana)) != 0 {
			t.Fatalf("%d messages, %d to Japan", len(ms), len(d.told(hana)))
		}
		if d.said(fresh).ResultBy != "" {
			t.Error("what was decided just now was told before the customer had finished")
		}
		own := ms[0]
		if strings.Contains(own.Content.Text, "미도리") {
			own, ms[1] = ms[1], own
		}
		date := d.Compose.Words.For(engawa.Korean, seoul(t)).Date(d.decision(no).At)
		for _, want := range []string{"히나타 커피에서", "02-000-0000", " 동의: 광고 · 이메일", " 동의: 야간(21시부터 8시까지) 광고 · 모든 방법", date + " 거부·철회: 광고 · 이메일 · 원두"} {
			if !strings.Contains(own.Content.Text, want) {
				t.Errorf("%q is not in\n%s", want, own.Content.Text)
			}
		}
		if own.Purpose != engawa.ConsentAdmin || own.Locale != engawa.Korean || own.Content.Subject != "히나타 커피: 광고 수신에 관한 처리 결과 안내" {
			t.Errorf("%s in %s: %q", own.Purpose, own.Locale, own.Content.Subject)
		}
		if words := ms[1].Content.Text; !strings.Contains(words, "미도리 농원 (히나타 커피 경유)") || !strings.Contains(words, "원두 정기배송") {
			t.Errorf("of the partner's:\n%s", words)
		}
		for _, id := range []string{yes, night, no, beans} {
			if s := d.said(id); s.ResultBy == "" || !s.ResultAt.IsZero() {
				t.Errorf("%s before it went: %+v", id, s)
			}
		}
		d.arrive()
		d.again()
		for _, id := range []string{yes, night, no, beans} {
			if s := d.said(id); s.ResultAt.IsZero() || !s.ReminderAt.IsZero() {
				t.Errorf("%s after it went: %+v", id, s)
			}
		}
		d.again()
		if n := len(d.told(mina)); n != 3 { // with the one of line
			t.Errorf("%d messages after that", n)
		}
	})
}

// TestUnreachable: whom no message reaches is told by a person, who is asked on the
// tenth day; what the person says is kept, and asked for no more.
func TestUnreachable(t *testing.T) {
	each(t, func(d *desk) {
		young, old := d.decide(mute, true, 9*daily), d.decide(mute, false, 10*daily)
		d.step()
		d.again()
		ts := d.tasks()
		if len(d.told(mute)) != 0 || len(ts) != 1 || ts[0].Kind != store.ResultTask || ts[0].Customer != mute || ts[0].Args[store.ArgConsents] != old {
			t.Fatalf("%d messages, tasks %+v", len(d.told(mute)), ts)
		}
		if left := time.Until(ts[0].DueAt); left < 4*daily-time.Minute || left > 4*daily {
			t.Errorf("it is due in %s", left)
		}
		d.must(d.st.By("member:mem_1").FinishTask(d.Context(), ws, ts[0].ID, "by telephone"))
		if s := d.said(old); s.ResultBy != ts[0].ID || s.ResultAt.IsZero() || !d.said(young).ResultAt.IsZero() {
			t.Errorf("told %+v, and the younger %+v", s, d.said(young))
		}
		d.again()
		if ts := d.tasks(); len(ts) != 0 {
			t.Errorf("asked again: %+v", ts)
		}
	})
}

// TestReminder: a month before two years are over the customer is told that the
// consent stands, and advertising goes on; where nobody can be told a person is asked,
// and the hub's own message closes what was asked.
func TestReminder(t *testing.T) {
	each(t, func(d *desk) {
		now := time.Now()
		nearly := now.Sub(now.AddDate(-2, 0, 5)) // five days are left
		id := d.decide(mina, true, nearly)
		lone := d.decide(mute, true, nearly+6*daily)
		stopped := d.decide(mina, true, nearly, func(c *engawa.Consent) { c.Topic = "t" })
		d.decide(mina, false, daily*100, func(c *engawa.Consent) { c.Topic = "t" })
		d.toldThen()
		d.step()
		ms := d.told(mina)
		if len(ms) != 1 || ms[0].Topic != "consent.reminder" || strings.Count(ms[0].Content.Text, "동의: 광고") != 1 || d.said(stopped).ReminderBy != "" {
			t.Fatalf("messages %+v", ms)
		}
		ts := d.tasks()
		if len(ts) != 1 || ts[0].Kind != store.ReminderTask || ts[0].Args[store.ArgConsents] != lone {
			t.Fatalf("tasks %+v", ts)
		}
		if !d.tooLong(mute) || d.tooLong(mina) {
			t.Error("who was not reminded in time gets advertising, or who was does not")
		}
		d.arrive()
		d.again()
		if s := d.said(id); time.Since(s.ReminderAt) > time.Minute || s.ReminderBy != ms[0].ID {
			t.Errorf("reminded: %+v", s)
		}
		d.must(d.st.AddContactPoint(d.Context(), engawa.ContactPoint{Workspace: ws, ID: "cp_new", Customer: mute, Kind: "mail", Address: "new@customer.example", VerifiedAt: now, CreatedAt: now}))
		d.again()
		if open := d.tasks(); len(open) != 1 || open[0].ID != ts[0].ID {
			t.Errorf("before it arrived: %+v", open)
		}
		d.arrive()
		d.again()
		if s := d.said(lone); s.ReminderAt.IsZero() || len(d.tasks()) != 0 || len(d.told(mute)) != 1 || len(d.told(mina)) != 1 || d.tooLong(mute) {
			t.Errorf("reminded %+v, tasks %+v, messages %d and %d", s, d.tasks(), len(d.told(mute)), len(d.told(mina)))
		}
	})
}

// TestTwoNodes: of two that look at the same time one tells.
func TestTwoNodes(t *testing.T) {
	each(t, func(d *desk) {
		d.decide(mina, true, time.Hour)
		errs := make(chan error, 4)
		for range 4 {
			go func() { errs <- d.Step(context.WithoutCancel(t.Context())) }()
		}
		for range 4 {
			d.must(<-errs)
		}
		if n := len(d.told(mina)); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestNotArrived: a notice that did not arrive is made anew a day later, not before;
// from the tenth day on a person is asked besides, once, and no more when it arrived.
func TestNotArrived(t *testing.T) {
	each(t, func(d *desk) {
		id := d.decide(mina, true, 9*daily+12*hour)
		d.step()
		d.fail()
		for range 3 {
			d.again()
		}
		if n := len(d.told(mina)); n != 1 || len(d.tasks()) != 0 {
			t.Fatalf("%d messages, %d tasks on the same day", n, len(d.tasks()))
		}
		d.exec(fmt.Sprintf(`UPDATE consent SET at = at - %d`, daily.Microseconds()))
		d.age(daily)
		for range 3 {
			d.again()
		}
		ts := d.tasks()
		if n := len(d.told(mina)); n != 2 || len(ts) != 1 || ts[0].Count != 1 || ts[0].Args[store.ArgConsents] != id {
			t.Fatalf("%d messages, tasks %+v a day later", n, ts)
		}
		d.exec(`UPDATE delivery SET state = 'accepted', handed_at = created_at WHERE state = 'queued'`)
		d.again()
		if s := d.said(id); s.ResultAt.IsZero() || len(d.tasks()) != 0 {
			t.Errorf("told %+v, tasks %+v", s, d.tasks())
		}
	})
}

// TestAskedOfAll: one task names all that a customer was not told, of whichever sender
// and time; it says more as more is late, and stays as long as something is.
func TestAskedOfAll(t *testing.T) {
	each(t, func(d *desk) {
		own, beans := d.decide(mute, true, 11*daily), d.decide(mute, true, 12*daily, func(c *engawa.Consent) { c.Controller, c.App = "ptn_beans", "app_beans" })
		young := d.decide(mute, false, 10*daily-hour)
		d.step()
		asked := func(ids ...string) {
			t.Helper()
			slices.Sort(ids)
			if ts := d.tasks(); len(ts) != 1 || ts[0].Args[store.ArgConsents] != strings.Join(ids, " ") {
				t.Fatalf("asked %+v, not of %v", ts, ids)
			}
		}
		asked(own, beans)
		d.exec(fmt.Sprintf(`UPDATE consent SET at = at - %d`, 5*daily.Microseconds())) // the fifteenth day and later
		d.again()
		asked(own, beans, young)
		id := d.tasks()[0].ID
		if err := d.st.By("member:mem_1").FinishTask(t.Context(), ws, id, " "); engawa.CodeOf(err) != engawa.CodeInvalid {
			t.Errorf("finished without a word of how: %v", err)
		}
		d.must(d.st.By("member:mem_1").FinishTask(t.Context(), ws, id, "by letter"))
		for _, c := range []string{own, beans, young} {
			if s := d.said(c); s.ResultBy != id || s.ResultAt.IsZero() {
				t.Errorf("%s: %+v", c, s)
			}
		}
		d.must(d.st.By("member:mem_1").ReopenTask(t.Context(), ws, id, "it was somebody else"))
		d.again()
		asked(own, beans, young)
	})
}

// TestEarlier: of what was recorded before the hub told of decisions only the last
// fortnight is told.
func TestEarlier(t *testing.T) {
	each(t, func(d *desk) {
		d.decide(mina, false, 15*daily)
		d.exec(`UPDATE consent SET told_by = 'unasked'`)
		d.step()
		if len(d.told(mina)) != 0 {
			t.Error("it was told")
		}
		d.decide(mina, false, 13*daily)
		d.exec(`UPDATE consent SET told_by = 'unasked'`)
		d.step()
		if len(d.told(mina)) != 1 {
			t.Error("it was not told")
		}
	})
}

// TestStopsMeanwhile: a reminder that waits is stopped with the consent it is about,
// and so is what a person was asked.
func TestStopsMeanwhile(t *testing.T) {
	each(t, func(d *desk) {
		now := time.Now()
		nearly := now.Sub(now.AddDate(-2, 0, 5))
		d.decide(mina, true, nearly)
		d.decide(mute, true, nearly)
		d.toldThen()
		d.step()
		d.again()
		if ms := d.told(mina); len(ms) != 1 || len(d.tasks()) != 1 {
			t.Fatalf("%d messages, %d tasks", len(ms), len(d.tasks()))
		}
		d.decide(mina, false, 2*time.Minute)
		d.decide(mute, false, 2*time.Minute)
		d.step()
		d.again()
		ms := d.told(mina)
		if len(ms) != 2 || ms[0].State != engawa.MessageCanceled || ms[1].Topic != "consent.result" {
			t.Errorf("messages %v", ms)
		}
		if ts := d.tasks(); len(ts) != 0 {
			t.Errorf("tasks %+v", ts)
		}
	})
}

// TestMadeByOthers: of what a merger, a parent or a complaint decided nothing is said.
func TestMadeByOthers(t *testing.T) {
	each(t, func(d *desk) {
		for _, how := range []string{"merge", "parent", "complaint"} {
			d.decide(mina, false, time.Hour, func(c *engawa.Consent) { c.Evidence.How = how })
		}
		d.step()
		if n := len(d.told(mina)); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestNobodyAsks: of what no law asks to tell, a person is not asked either, however
// long ago it was decided.
func TestNobodyAsks(t *testing.T) {
	each(t, func(d *desk) {
		for _, change := range []func(*engawa.Consent){
			func(c *engawa.Consent) { c.Act, c.Purpose = engawa.ActShareAddress, engawa.Service },
			func(c *engawa.Consent) { c.Purpose = engawa.Notice },
			func(c *engawa.Consent) { c.Evidence.How = "merge" },
		} {
			d.decide(mute, true, 11*daily, change)
		}
		d.decide(mute, false, time.Hour)
		d.step()
		if ts := d.tasks(); len(ts) != 0 {
			t.Errorf("asked %+v", ts)
		}
	})
}

// TestLawLater: what was decided where no law asked is not told when one comes to bear
// a fortnight later; what is younger is.
func TestLawLater(t *testing.T) {
	each(t, func(d *desk) {
		old, young := d.decide(hana, true, 15*daily), d.decide(hana, true, 13*daily)
		d.step()
		d.exec(`UPDATE customer SET country = 'KR' WHERE id = '` + hana + `'`)
		d.again()
		if by := d.said(old).ResultBy; len(d.told(hana)) != 1 || by != store.Unasked || d.said(young).ResultBy == "" {
			t.Errorf("%d messages; the old one by %q, the young one %+v", len(d.told(hana)), by, d.said(young))
		}
	})
}

// TestFails: what fails for one customer is tried again later and keeps nobody waiting.
func TestFails(t *testing.T) {
	each(t, func(d *desk) {
		d.decide(mina, true, 2*time.Hour, func(c *engawa.Consent) { c.Evidence.Wording = "w" })
		d.decide(mute, true, 11*daily)
		d.exec(`UPDATE consent SET evidence = '{' WHERE customer = '` + mina + `'`)
		if err := d.Step(t.Context()); err == nil || len(d.tasks()) != 1 {
			t.Errorf("%v, %d tasks", err, len(d.tasks()))
		}
		d.step() // it is not its turn
	})
}

// TestNobodyLeft: to who was erased nothing is said, nobody looks again, nobody is
// asked, and what was told stays the proof.
func TestNobodyLeft(t *testing.T) {
	each(t, func(d *desk) {
		told, late := d.decide(mina, true, time.Hour), d.decide(mute, true, 11*daily)
		d.step()
		d.arrive() // and nobody looks before the erasure
		for _, c := range []string{mina, mute} {
			_, err := d.st.Erase(t.Context(), ws, c)
			d.must(err)
		}
		d.again()
		due, err := d.st.DueDecided(t.Context(), 10)
		if err != nil || len(due) != 0 || len(d.tasks()) != 0 {
			t.Errorf("due %v, tasks %v, %v", due, d.tasks(), err)
		}
		if s := d.said(told); s.ResultAt.IsZero() || !d.said(late).ResultAt.IsZero() {
			t.Errorf("told %+v, and %+v", s, d.said(late))
		}
	})
}

func seoul(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
