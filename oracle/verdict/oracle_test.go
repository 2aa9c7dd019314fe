package oracle_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/verdict"
	oracle "github.com/engawa/engawa/oracle/verdict"
)

const cases = 1_000_000

// TestVerdict compares a million random verdicts with the second implementation:
// the outcome, the instant and what the message must carry. The seeds are fixed, so
// that a difference can be seen again.
func TestVerdict(t *testing.T) {
	set, err := rule.Load()
	if err != nil {
		t.Fatal(err)
	}
	const parts = 20
	var mu sync.Mutex
	seen := map[engawa.Outcome]int{}
	decided := map[engawa.Gate]int{}
	var all sync.WaitGroup
	slots := make(chan struct{}, 4)
	for part := range parts {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := &random{rand.New(rand.NewPCG(20, uint64(part)))}
			for n := range cases / parts {
				f, at := r.facts()
				v := verdict.Judge(f, set, at)
				want, until, owed := oracle.Judge(f, at)
				if v.Outcome != want || !v.Until.Equal(until) || !same(v.Obligations, owed) {
					t.Errorf("part %d, case %d at %s: %s until %s by %s, owing %v; the oracle says %s until %s, owing %v\n%v\n%+v", part, n, at, v.Outcome, v.Until, v.Decided, v.Obligations, want, until, owed, reasons(v), f)
					return
				}
				mu.Lock()
				seen[v.Outcome]++
				decided[v.Decided]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, o := range []engawa.Outcome{engawa.Send, engawa.Hold, engawa.Refuse} {
		if seen[o] < cases/20 {
			t.Errorf("only %d of the cases end in %s: they say little", seen[o], o)
		}
	}
	for _, g := range engawa.Gates {
		if decided[g] < cases/500 {
			t.Errorf("only %d of the cases are decided by the gate %s: they say little of it", decided[g], g)
		}
	}
	t.Log(seen, decided)
}

func reasons(v engawa.Verdict) (out []string) {
	for _, g := range v.Gates {
		for _, r := range g.Reasons {
			if g.Outcome != engawa.Send {
				out = append(out, r.Code)
			}
		}
	}
	return out
}

func same(a, b []engawa.Obligation) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(o engawa.Obligation) bool { return !slices.Contains(b, o) })
}

type random struct{ *rand.Rand }

func pick[T any](r *random, from ...T) T { return from[r.IntN(len(from))] }

// once is true once in n times.
func (r *random) once(n int) bool { return r.IntN(n) == 0 }

// near is an instant around at, at times at itself, and often at the edges of a second.
func (r *random) near(at time.Time, reach time.Duration) time.Time {
	return at.Add(pick(r, 0, -1, 1, time.Duration(r.Int64N(int64(2*reach)))-reach, time.Duration(r.Int64N(int64(2*reach)))-reach))
}

// when is any minute of four years, and often the edge of one, of quiet hours or of
// a February without its 29th.
func (r *random) when() time.Time {
	t := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(4*365*24*60)) * time.Minute)
	if r.once(4) {
		edge := pick(r, 8*60, 20*60+49, 20*60+50, 21*60) // in Seoul
		t = t.Truncate(24 * time.Hour).Add(time.Duration(edge-9*60) * time.Minute)
	}
	if r.once(40) {
		t = r.near(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), 36*time.Hour)
	}
	return t.Add(pick(r, 0, 0, -1, time.Millisecond, time.Duration(r.IntN(60))*time.Second))
}

// facts are such as meet every rule; most are well, or nothing would ever go.
func (r *random) facts() (engawa.Facts, time.Time) {
	at := r.when()
	f := engawa.Facts{
		Workspace: "ws_1", Account: "acc_1", Customer: "cus_1", Controller: engawa.ControllerWorkspace,
		Channel: pick(r, "mail", "mail", "line", "kakao", "alimtalk", "sms", "inapp"),
		Purpose: pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service, engawa.Security, engawa.LegalNotice, engawa.ConsentAdmin, "unheard of"),
		Trigger: pick(r, engawa.ByUser, engawa.ByAutomatic, ""), App: pick(r, "", "app_1"), Topic: pick(r, "", "renewal"),
		Country: pick(r, []string{"JP"}, []string{"JP"}, []string{"KR"}, []string{"KR", "JP"}, []string{"US"}, []string{"FR"}, []string{"PT", "US"}, []string{"BR"}, nil),
		Zones:   pick(r, nil, nil, []string{"Asia/Tokyo"}, []string{"Asia/Seoul", "Australia/Sydney"}, []string{"Asia/Kathmandu"}, []string{"America/New_York"}),
		Sender:  engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example"},
		Contact: &engawa.ContactFacts{ID: "cp_1", Verified: !r.once(20), Serves: !r.once(40)}, OneClick: !r.once(20), CreatedAt: at.Add(-time.Minute),
	}
	r.mishap(&f, at)
	r.words(&f)
	r.consents(&f, at)
	r.conditions(&f, at)
	r.limits(&f, at)
	r.whom(&f, at)
	r.apply(&f)
	return f, at
}

// mishap is what seldom is.
func (r *random) mishap(f *engawa.Facts, at time.Time) {
	f.Erased, f.Minor, f.Stopped = r.once(50), r.once(30), r.once(50)
	switch r.IntN(120) {
	case 0:
		f.Workspace = ""
	case 1:
		f.Account = ""
	case 2:
		f.Channel = ""
	case 3:
		f.Customer = ""
	case 4:
		f.Controller = ""
	case 5:
		f.Content.Unsafe = "pictures"
	case 6:
		f.Zones = []string{"Nowhere/City"}
	case 7:
		f.Contact = nil
	case 8:
		f.Zones = []string{"Asia/Seoul", "Europe/London", "America/Los_Angeles"} // it is night somewhere
	}
	if r.once(6) {
		f.CreatedAt = pick(r, time.Time{}, r.near(at.Add(-7*24*time.Hour), time.Minute), r.near(at, 5*time.Second), at.Add(2*time.Second), at.Add(2*time.Second+1))
	}
	if r.once(6) {
		f.ExpiresAt = r.near(at, 2*time.Hour)
	}
}

// words with and without what a label is, and what looks like one.
func (r *random) words(f *engawa.Facts) {
	f.Content.Promotional = r.once(10)
	start := pick(r, "", "", "", "(광고)", "(광고)", "(광고) ", "AD astra ", "Address ", "광고주 모임 ",
		"[광고]", "(광 고)", "(광.고)", "광고 ", "광고:", "(AD)", "[ad]", "（광고）", "("+norm.NFD.String("광고")+")", "(\u200b광고)", "\ufeff(광고)", "Re: (광고)", "답장: [광고]", "<광고>", "(광고)(광고)")
	tail := pick(r, "새 원두", "新しい豆", "hello")
	f.Content.Subject = start + tail
	f.Content.Text = start + pick(r, "", f.Sender.Name, f.Sender.Name) + tail
	for _, field := range []*string{&f.Sender.Name, &f.Sender.Postal, &f.Sender.Phone, &f.Sender.Mail, &f.Sender.Contact} {
		if r.once(60) {
			*field = pick(r, "", " ")
		}
	}
}

func (r *random) consents(f *engawa.Facts, at time.Time) {
	if !r.once(4) { // or few would pass
		f.Consents = append(f.Consents, engawa.ConsentFacts{
			Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice), Given: true, At: at.Add(-time.Minute),
		})
	}
	for range max(0, r.IntN(9)-4) {
		f.Consents = append(f.Consents, engawa.ConsentFacts{
			Controller: pick(r, "workspace", "workspace", "workspace", "ptn_1"), App: pick(r, "", "", "app_1", "app_2"),
			Act:     pick(r, engawa.ActContact, engawa.ActContact, engawa.ActContact, engawa.ActContactNight, engawa.ActShareAddress),
			Purpose: pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service, engawa.Security, "unheard of"),
			Channel: pick(r, "", "", "mail", "line", "kakao"), Topic: pick(r, "", "", "renewal", "news"),
			Given: !r.once(3), Pending: r.once(10), At: at.Add(time.Duration(r.IntN(9)-6) * time.Second),
		})
	}
	for i := range f.Consents {
		c := &f.Consents[i]
		if r.once(12) { // around the day on which the customer has to be reminded
			c.At = r.near(at.AddDate(-2, 0, 0), 48*time.Hour)
		}
		if r.once(12) {
			c.RemindedAt = pick(r, r.near(at.AddDate(-2, 0, 0), 48*time.Hour), at.Add(-time.Hour))
		}
	}
}

func (r *random) conditions(f *engawa.Facts, at time.Time) {
	if r.once(6) {
		f.While = &engawa.WhileFacts{Holds: pick(r, engawa.Standings[:]...), Gone: pick(r, "", "", "", engawa.GoneRenews), Until: pick(r, time.Time{}, time.Time{}, r.near(at, time.Hour))}
	}
	if r.once(10) {
		f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: pick(r, "", "", engawa.OfferEmpty, engawa.OfferUnlinked, engawa.OfferUsed)}
	}
	if r.once(4) {
		f.Relationship = engawa.RelationshipFacts{Required: pick(r, "", "friend", "friend"), State: pick(r, "friend", "friend", "", "none", "blocked")}
	}
	f.DisclosureRequired = r.once(4)
	if !r.once(6) {
		f.Disclosure = &engawa.DisclosureFacts{ID: "dsc_1", Since: r.near(at.Add(-time.Hour), time.Hour+time.Minute)}
	}
	for range max(0, r.IntN(12)-9) {
		f.Suppressions = append(f.Suppressions, engawa.SuppressionFacts{
			Reason: pick(r, "opted_out", "opted_out", "operator", "bounced", "complained", "blocked", "else"), At: at.Add(-time.Hour), Until: pick(r, time.Time{}, r.near(at, time.Hour)),
		})
	}
}

func (r *random) limits(f *engawa.Facts, at time.Time) {
	f.SentDay, f.SentSender, f.OldestDay = r.IntN(6), r.IntN(4), r.near(at.Add(-24*time.Hour), 24*time.Hour)
	f.House = engawa.House{CapPerDay: pick(r, 0, 0, 0, 2, 20), CapPerSender: pick(r, 0, 0, 0, 1, 20), MinAge: pick(r, 0, 20), QuietAllSilent: r.once(5)}
	f.House.Markets = pick(r, nil, nil, []string{"JP"}, []string{"KR", "FR"})
	f.House.PacksOff = pick(r, nil, nil, nil, []string{"kr"}, []string{"jp", "us"}, []string{"eu", "house", "kr"})
	if r.once(8) {
		f.Budgets = []engawa.BudgetFacts{{Scope: "month", Remaining: r.IntN(3) - 1, ResetsAt: pick(r, time.Time{}, r.near(at, 5*time.Hour))}}
	}
}

// whom: a customer of the workspace's own, a partner's, or a place of the staff.
func (r *random) whom(f *engawa.Facts, at time.Time) {
	switch r.IntN(10) {
	case 0, 1:
		f.Controller = "ptn_1"
		for i := range f.Consents {
			if !r.once(6) {
				f.Consents[i].Controller = "ptn_1"
			}
		}
		if r.once(15) {
			return // without a grant
		}
		star := []string{"*"}
		f.Grant = &engawa.GrantFacts{
			ID: "grt_1", Scopes: pick(r, star, star, []string{"messages:send"}, []string{"subscribers:read"}), Apps: pick(r, star, star, []string{"app_1"}, nil),
			Channels: pick(r, star, star, []string{"mail", "line"}), Purposes: pick(r, []engawa.Purpose{"*"}, []engawa.Purpose{"*"}, []engawa.Purpose{engawa.Marketing, engawa.Service}),
			StartsAt: r.near(at.Add(-time.Hour), time.Hour+time.Minute), EndsAt: pick(r, time.Time{}, time.Time{}, r.near(at.Add(30*time.Minute), time.Hour)),
			QuotaDay: pick(r, 0, 10), UsedDay: r.IntN(12), QuotaMon: pick(r, 0, 100), UsedMonth: pick(r, 3, 99, 100, 101), DayEnds: r.near(at.Add(time.Hour), 2*time.Hour), MonthEnds: r.near(at.Add(time.Hour), 2*time.Hour),
		}
		if r.once(12) {
			f.Grant.EndedAt = at.Add(pick(r, -time.Hour, time.Hour))
		}
	case 2:
		f.ToDestination, f.Customer = true, pick(r, "", "", "", "", "", "cus_1")
		f.Controller = pick(r, f.Controller, "", "ptn_1")
		if r.once(6) {
			f.Contact = nil // taken away
		}
	case 3:
		if r.once(4) {
			f.Contact = nil
		}
	}
}

// apply has words rendered with what is owed, at times with less.
func (r *random) apply(f *engawa.Facts) {
	if r.once(2) {
		return
	}
	f.Final = r.once(2)
	_, _, owed := oracle.Judge(*f, f.CreatedAt)
	for _, o := range owed {
		if !r.once(40) {
			f.Applied = append(f.Applied, o)
		}
	}
	for _, o := range owed { // most are well rendered
		if r.once(6) {
			continue
		}
		switch {
		case o.Kind == "subject_prefix" && !strings.HasPrefix(f.Content.Subject, o.Text):
			f.Content.Subject = o.Text + " hello"
		case o.Kind == "body_prefix":
			f.Content.Text = o.Text + f.Sender.Name + " hello"
		}
	}
}
