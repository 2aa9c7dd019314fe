package hindsight

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
	"github.com/engawa/engawa/internal/verdict"
)

const ws = "ws_hinata"

// archive is a workspace with messages of the past.
type archive struct {
	t     *testing.T
	st    *store.Store
	rules *rule.Set
	end   time.Time // noon in Seoul; the messages were made before
	n     int
}

func each(t *testing.T, test func(a *archive)) {
	storetest.Each(t, func(t *testing.T, url string) {
		st, err := store.Open(t.Context(), url, vault.New(vault.Generate(time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		rules, err := rule.Load()
		if err != nil {
			t.Fatal(err)
		}
		a := &archive{t: t, st: st, rules: rules, end: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
		a.must(st.AddWorkspace(t.Context(), engawa.Workspace{ID: ws, Name: "ひなた珈琲", Zone: "Asia/Tokyo", Country: "JP", CreatedAt: a.end}))
		for _, c := range []string{"cus_kr", "cus_jp", "cus_gone"} {
			a.must(st.AddCustomer(t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: c, Kind: "person", Name: c, CreatedAt: a.end}}))
		}
		test(a)
	})
}

func (a *archive) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// facts are of an advertisement by mobile to a customer in Korea who agreed.
func (a *archive) facts(customer string, at time.Time) engawa.Facts {
	country, zone := "KR", "Asia/Seoul"
	if customer == "cus_jp" {
		country, zone = "JP", "Asia/Tokyo"
	}
	return engawa.Facts{
		Workspace: ws, Account: "acc_1", Channel: "sms", Customer: customer, Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic,
		Controller: engawa.ControllerWorkspace, Country: []string{country}, Zones: []string{zone}, OneClick: true, CreatedAt: at,
		Content: engawa.ContentFacts{Text: "입하 안내"},
		Sender:  engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example"},
		Contact: &engawa.ContactFacts{ID: "cp_1", Verified: true, Serves: true},
		Consents: []engawa.ConsentFacts{{
			Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: at.AddDate(0, -1, 0), Wording: "v1",
		}},
	}
}

// said stores a message as it was judged at, so long before the end.
func (a *archive) said(customer string, before time.Duration, change func(*engawa.Facts)) {
	a.t.Helper()
	at := a.end.Add(-before)
	f := a.facts(customer, at)
	if change != nil {
		change(&f)
	}
	a.n++
	m := engawa.Message{
		Workspace: ws, ID: fmt.Sprintf("msg_%03d", a.n), Customer: customer, Purpose: f.Purpose, State: engawa.MessageRefused,
		Content: engawa.Content{Text: "입하 안내"}, Chain: []engawa.Via{{Account: "acc_1"}}, CreatedAt: at,
	}
	a.must(a.st.Enqueue(a.t.Context(), []store.NewMessage{{Message: m, Judged: []store.Judged{{Facts: f, Verdict: verdict.Judge(f, a.rules, at)}}}}))
}

func (a *archive) try(t Trial) Report {
	a.t.Helper()
	t.Workspace, t.Until = ws, a.end
	if t.Days == 0 {
		t.Days = 7
	}
	r, err := Try(a.t.Context(), a.st, a.rules, t)
	a.must(err)
	return r
}

// rows are the rows of a report: id, what was and would be, by which rule.
func rows(r Report) (all []string) {
	for _, x := range r.Rows {
		s := fmt.Sprintf("%s %s>%s %s", x.Message.ID, x.Was.Outcome, x.Would.Outcome, x.Rule())
		if x.Resimulated {
			s += " counted"
		}
		all = append(all, s)
	}
	return all
}

// TestTry: the night, labels, another country, an erased customer, and what was
// judged while the pack was off; nothing is changed by it.
func TestTry(t *testing.T) {
	each(t, func(a *archive) {
		off := func(f *engawa.Facts) { f.House.PacksOff = []string{"kr"} }
		a.said("cus_kr", 8*24*time.Hour, nil)                                     // before the span
		a.said("cus_kr", 60*time.Hour, nil)                                       // midnight in Seoul: held
		a.said("cus_jp", 60*time.Hour, nil)                                       // not Korea's
		a.said("cus_kr", 50*time.Hour, nil)                                       // ten in the morning
		a.said("cus_kr", 13*time.Hour, off)                                       // 23:00, and sent
		a.said("cus_kr", 2*time.Hour, func(f *engawa.Facts) { f.Consents = nil }) // refused either way
		a.said("cus_gone", time.Hour, nil)
		_, err := a.st.Erase(a.t.Context(), ws, "cus_gone")
		a.must(err)

		r := a.try(Trial{Pack: "kr"})
		if want := []string{"msg_002 hold>send KR-04", "msg_004 send>send KR-08"}; !slices.Equal(rows(r), want) {
			a.t.Errorf("off: %v", rows(r))
		}
		if r.Judged != 5 || r.Erased != 1 || r.Differ != 2 || r.Resimulated != 0 || r.Cut || r.Outdated != 0 || len(r.Sums) != 2 || r.First != 1 || r.Next != "" {
			a.t.Errorf("off: %+v", r)
		}
		r = a.try(Trial{Pack: "kr", On: true})
		if want := []string{"msg_005 send>hold KR-04"}; !slices.Equal(rows(r), want) {
			a.t.Errorf("on: %v", rows(r))
		}
		if want := (Sum{Change{engawa.Send, engawa.Hold}, "KR-04", engawa.Marketing, 1, 0}); len(r.Sums) != 1 || r.Sums[0] != want {
			a.t.Errorf("sums %+v", r.Sums)
		}
		if r := a.try(Trial{Pack: "us"}); r.Differ != 0 {
			a.t.Errorf("another country's pack: %v", rows(r))
		}
		if r := a.try(Trial{Pack: "kr", Days: 30}); r.Judged != 6 {
			a.t.Errorf("30 days: %d", r.Judged)
		}
	})
}

// TestCounters: a hold moves a message into another day of the customer's: what that
// frees and uses is counted again in order, and told so.
func TestCounters(t *testing.T) {
	each(t, func(a *archive) {
		capped := func(sent int) func(*engawa.Facts) {
			return func(f *engawa.Facts) {
				f.House = engawa.House{PacksOff: []string{"kr"}, CapPerDay: 1}
				f.SentDay, f.SentSender = sent, sent
				if sent > 0 {
					f.OldestDay = a.end.Add(-37 * time.Hour)
				}
			}
		}
		a.said("cus_kr", 37*time.Hour, capped(0))            // 23:00: would have waited until 08:00
		a.said("cus_kr", 30*time.Hour, capped(1))            // 06:00: held, since one was sent; of the night it would wait as well
		a.said("cus_kr", 12*time.Hour, capped(0))            // 00:00, more than a day after the first: sent
		a.said("cus_kr", 3*time.Hour+time.Minute, capped(0)) // 08:59
		r := a.try(Trial{Pack: "kr", On: true})
		want := []string{
			"msg_001 send>hold KR-04",
			"msg_002 hold>hold X-04 counted", // the first would not have been sent before it, so it waits for the night alone
			"msg_003 send>hold KR-04",
			"msg_004 send>send KR-08",
		}
		if !slices.Equal(rows(r), want) || r.Resimulated != 1 {
			a.t.Errorf("%v, %d counted", rows(r), r.Resimulated)
		}
	})
}

// TestPages: page by page the same rows as in one, and the same span.
func TestPages(t *testing.T) {
	each(t, func(a *archive) {
		for i := range 7 {
			a.said("cus_kr", time.Duration(60-i/2)*time.Hour, nil)
		}
		all := rows(a.try(Trial{Pack: "kr", Limit: 100}))
		var paged []string
		next := ""
		for first := 1; ; first += 3 {
			r := a.try(Trial{Pack: "kr", Limit: 3, Cursor: next})
			if r.First != first || r.Differ != 7 {
				a.t.Errorf("a page begins at %d of %d", r.First, r.Differ)
			}
			paged = append(paged, rows(r)...)
			if next = r.Next; next == "" {
				break
			}
		}
		if len(all) != 7 || !slices.Equal(all, paged) {
			a.t.Errorf("all %v\npaged %v", all, paged)
		}
	})
}

// TestWrong: what is no trial is told so.
func TestWrong(t *testing.T) {
	rules, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	for field, trial := range map[string]Trial{
		"":        {Pack: "xx", Days: 7},
		"/pack":   {Pack: "house", Days: 7},
		"/days":   {Pack: "kr", Days: 8},
		"/cursor": {Pack: "kr", Days: 7, Cursor: "1.x.msg"},
	} {
		_, err := Try(t.Context(), nil, rules, trial)
		told, ok := err.(*engawa.Error)
		if !ok || told.Field != field {
			t.Errorf("%+v: %v", trial, err)
		}
	}
}

// TestAdjust: the difference counts within 24 hours, by sender, and by the same quota.
func TestAdjust(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f := engawa.Facts{
		Account: "acc_1", Customer: "cus_1", Controller: engawa.ControllerWorkspace, Purpose: engawa.Marketing, SentDay: 2, SentSender: 1, OldestDay: at.Add(-time.Hour),
		Budgets: []engawa.BudgetFacts{{Scope: "day", Remaining: 1, ResetsAt: at.Add(time.Hour)}},
		Grant:   &engawa.GrantFacts{ID: "grt_1", UsedDay: 1, UsedMonth: 4, DayEnds: at.Add(time.Hour), MonthEnds: at.AddDate(0, 0, 3)},
	}
	other := f
	other.Controller, other.Account, other.Grant = "ptn_1", "acc_2", nil
	service := f
	service.Purpose, service.Account, service.Grant = engawa.Service, "acc_3", nil
	c := newCounters()
	c.count(f, at.Add(-24*time.Hour), 1) // just out of the day; the quotas are still the same
	c.count(other, at.Add(-24*time.Hour+time.Microsecond), 1)
	c.count(service, at.Add(-time.Hour), 1)
	c.count(f, at.Add(time.Microsecond), -1) // later
	g := f
	if !c.adjust(&g, at) {
		t.Fatal("nothing differs")
	}
	said := fmt.Sprint(g.SentDay, g.SentSender, g.OldestDay.Equal(at.Add(-24*time.Hour+time.Microsecond)), g.Budgets[0].Remaining, g.Grant.UsedDay, g.Grant.UsedMonth)
	if said != "3 1 true 1 1 4" {
		t.Errorf("adjusted: %s", said)
	}
	c.count(f, at, -1)
	g = f
	c.adjust(&g, at)
	if said := fmt.Sprint(g.SentDay, g.SentSender, g.Budgets[0].Remaining, g.Grant.UsedDay, g.Grant.UsedMonth); said != "2 0 2 0 3" {
		t.Errorf("after one was freed: %s", said)
	}
	if f.Budgets[0].Remaining != 1 || f.Grant.UsedDay != 1 {
		t.Error("the kept facts were changed")
	}
	if g := (engawa.Facts{Customer: "cus_2"}); c.adjust(&g, at) {
		t.Error("another customer's counts differ")
	}
	if !strings.Contains(fmt.Sprint(c.customers), "ptn_1") {
		t.Error("the sender is not kept")
	}
}
