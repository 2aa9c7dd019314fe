package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// flood stores n messages of a sender to one customer.
func (s *shop) flood(n int, like engawa.Message) {
	s.t.Helper()
	var ms []engawa.Message
	for range n {
		m := s.message("cus_1")
		m.Partner, m.Broadcast, m.Urgent, m.Chain = like.Partner, like.Broadcast, like.Urgent, m.Chain[:1]
		ms = append(ms, m)
	}
	s.send(ms...)
}

// senders counts who goes.
func senders(going []*store.Claimed) map[string]int {
	n := map[string]int{}
	for _, c := range going {
		n[c.Message.Partner]++
	}
	return n
}

// TestUrgentFirst: what came in last and is no bulk goes before a broadcast that
// has been waiting, and a broadcast's urgent message is no bulk.
func TestUrgentFirst(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.flood(800, engawa.Message{Broadcast: "brd_1"})
		s.flood(2, engawa.Message{})
		s.flood(1, engawa.Message{Broadcast: "brd_1", Urgent: true})
		lane := s.hold("first", mailbox)
		going := s.claim(lane, 5, sendAll)
		bulk := 0
		for _, c := range going {
			if c.Delivery.Bulk {
				bulk++
			}
		}
		if len(going) != 5 || bulk != 2 || !slices.IsSortedFunc(going, func(a, b *store.Claimed) int { return b2i(a.Delivery.Bulk) - b2i(b.Delivery.Bulk) }) {
			s.t.Errorf("%d go, %d of them bulk", len(going), bulk)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestFairShares: of a batch each sender that has work gets its share, however
// much another has; a lane that lets one go at a time serves all in the long run.
func TestFairShares(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		for _, partner := range []string{"", "ptn_a", "ptn_b"} {
			if partner != "" {
				s.must(s.AddPartner(s.t.Context(), engawa.Partner{Workspace: ws, ID: partner, CreatedAt: time.Now()}))
			}
			for _, broadcast := range []string{"", "brd_1"} {
				n := 60
				if partner == "" {
					n = 600
				}
				s.flood(n, engawa.Message{Partner: partner, Broadcast: broadcast})
			}
		}
		lane := s.hold("first", mailbox)
		for _, limit := range []int{30, 7} {
			got := senders(s.claim(lane, limit, sendAll))
			for _, partner := range []string{"", "ptn_a", "ptn_b"} {
				if n := got[partner]; n < limit/3 || n > limit/3+1 {
					s.t.Errorf("of %d, %q gets %d", limit, partner, n)
				}
			}
		}
		total := map[string]int{}
		for range 60 {
			for partner, n := range senders(s.claim(lane, 1, sendAll)) {
				total[partner] += n
			}
		}
		for _, partner := range []string{"", "ptn_a", "ptn_b"} { // each gets under 5 once in 300,000 runs
			if total[partner] < 5 {
				s.t.Errorf("of 60 that went one at a time, %q got %d", partner, total[partner])
			}
		}
	})
}

// TestHeldAside: what waits for its time is in nobody's way.
func TestHeldAside(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		s.flood(300, engawa.Message{})
		lane := s.hold("first", mailbox)
		s.claim(lane, 300, func(*store.Claimed) store.Decision {
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Hold, Decided: engawa.GateRules, Until: time.Now().Add(time.Hour)}}
		})
		if due, _, ok, err := s.Next(s.t.Context(), ws, mailbox); err != nil || !ok || time.Until(due) < 50*time.Minute {
			s.t.Errorf("next at %v, %v, %v", due, ok, err)
		}
		s.flood(1, engawa.Message{})
		if due, _, ok, err := s.Next(s.t.Context(), ws, mailbox); err != nil || !ok || due.After(time.Now()) {
			s.t.Errorf("next at %v, %v, %v", due, ok, err)
		}
		if going := s.claim(lane, 10, sendAll); len(going) != 1 {
			s.t.Errorf("%d go", len(going))
		}
	})
}

// TestOthersGoOn: while a claim of one workspace's broadcast is under way, on
// PostgreSQL another workspace claims and records; on SQLite it does right after.
func TestOthersGoOn(t *testing.T) {
	each(t, func(s *shop) {
		s.furnish("ws_2", "acc_mail_2")
		s.customer("cus_1")
		s.must(s.AddCustomer(s.t.Context(), store.NewCustomer{Customer: engawa.Customer{Workspace: "ws_2", ID: "cus_2", Kind: "person", CreatedAt: time.Now()}}))
		s.flood(500, engawa.Message{Broadcast: "brd_1"})
		theirs := s.message("cus_2")
		theirs.Workspace, theirs.Chain = "ws_2", []engawa.Via{{Account: "acc_mail_2"}}
		s.send(theirs)
		seen, err := s.Lane(s.t.Context(), "ws_2", "acc_mail_2")
		s.must(err)
		theirLane, _, err := s.Hold(s.t.Context(), "first", seen)
		s.must(err)
		other := s.nodes()[1]
		goes := func() {
			going, _, err := other.Claim(s.t.Context(), theirLane, 10, store.Decide{Judge: sendAll, Pace: func() store.Pace { return theirLane.Pace }})
			if err != nil || len(going) != 1 {
				s.t.Errorf("the other workspace: %d go, %v", len(going), err)
				return
			}
			if late, err := other.Record(s.t.Context(), theirLane, []store.Result{accepted(going[0])}); late != 0 || err != nil {
				s.t.Errorf("the other workspace records: %d late, %v", late, err)
			}
		}
		first := true
		s.claim(s.hold("first", mailbox), 100, func(c *store.Claimed) store.Decision {
			if first && !s.Lite() {
				goes()
			}
			first = false
			return sendAll(c)
		})
		if s.Lite() {
			goes()
		}
	})
}

// TestDeadline: what cannot go in time ends, and the next of its chain has its
// turn; whose time is over altogether ends without it.
func TestDeadline(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_1")
		late, gone := s.message("cus_1"), s.message("cus_1")
		late.Chain[0].Within = time.Microsecond
		gone.ExpiresAt = time.Now()
		s.send(late, gone)
		lane := s.hold("first", mailbox)
		if _, deadline, _, err := s.Next(s.t.Context(), ws, mailbox); err != nil || deadline.IsZero() || deadline.After(time.Now()) {
			s.t.Errorf("the deadline is %v, %v", deadline, err)
		}
		if going := s.claim(lane, 10, sendAll); len(going) != 0 {
			s.t.Errorf("%d go", len(going))
		}
		for id, want := range map[string]string{late.ID: "[expired queued]", gone.ID: "[expired]"} {
			if got := s.states(id); got != want {
				s.t.Errorf("%s, not %s", got, want)
			}
		}
		if going := s.claim(s.hold("first", room), 10, sendAll); len(going) != 1 || going[0].Message.ID != late.ID {
			s.t.Errorf("%d fall back", len(going))
		}
	})
}

// byGrant is a judge that looks at the sender's grant alone.
func byGrant(c *store.Claimed) store.Decision {
	g, v := c.Known.Facts.Grant, engawa.Verdict{Outcome: engawa.Send, Decided: engawa.GateBudget}
	switch {
	case !g.EndedAt.IsZero() || g.StartsAt.IsZero():
		v.Outcome, v.Decided = engawa.Refuse, engawa.GateGrant
	case g.QuotaDay > 0 && g.UsedDay >= g.QuotaDay, g.QuotaMon > 0 && g.UsedMonth >= g.QuotaMon:
		v.Outcome, v.Until = engawa.Hold, time.Now()
	}
	return store.Decision{Verdict: v, Key: c.Delivery.ID}
}

// TestQuota: a partner's quota lets exactly so many messages go, one by one or
// in a batch; trying again uses nothing more, and a failure gives its place back.
func TestQuota(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		for i, terms := range []engawa.Grant{{QuotaDay: 3}, {QuotaMonth: 3}, {QuotaDay: 3, QuotaMonth: 9}} {
			partner := fmt.Sprint("ptn_", i)
			s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: partner, CreatedAt: time.Now()}))
			terms.Workspace, terms.ID, terms.Partner, terms.StartsAt = ws, fmt.Sprint("grt_", i), partner, time.Now().Add(-time.Hour)
			s.must(s.AddGrant(ctx, terms))
			s.flood(6, engawa.Message{Partner: partner})
			lane := s.hold("first", mailbox)
			going := s.claim(lane, 1, byGrant)
			going = append(going, s.claim(lane, 10, byGrant)...)
			if len(going) != 3 {
				s.t.Fatalf("%d go of a quota of 3", len(going))
			}
			again, failed := accepted(going[0]), accepted(going[1])
			again.Outcome, again.State, again.DueAt = engawa.OutcomeRetry, engawa.Retrying, time.Now()
			failed.Outcome, failed.State = engawa.OutcomeFailed, engawa.Failed
			_, err := s.Record(ctx, lane, []store.Result{again, failed, accepted(going[2])})
			s.must(err)
			second := s.claim(lane, 10, byGrant)
			if len(second) != 2 || !slices.ContainsFunc(second, func(c *store.Claimed) bool { return c.Message.ID == going[0].Message.ID }) {
				s.t.Errorf("%d go after one failed and one is tried again", len(second))
			}
			if going := s.claim(lane, 10, byGrant); len(going) != 0 {
				s.t.Errorf("%d go over the quota", len(going))
			}
			s.must(s.EndGrant(ctx, ws, terms.ID)) // takes the rest away
			if s.claim(lane, 10, byGrant); s.waitingOf(partner) != 0 {
				s.t.Errorf("%d wait for a grant that has ended", s.waitingOf(partner))
			}
		}
	})
}

func (s *shop) waitingOf(partner string) (n int) {
	s.t.Helper()
	s.must(storetest.Open(s.t, s.url).QueryRowContext(s.t.Context(),
		`SELECT count(*) FROM delivery WHERE partner = $1 AND waits`, partner).Scan(&n))
	return n
}

// TestQuotaDays: days and months of a quota begin at midnight where the
// workspace is.
func TestQuotaDays(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_1")
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_1", CreatedAt: time.Now()}))
		s.must(s.AddGrant(ctx, engawa.Grant{Workspace: ws, ID: "grt_1", Partner: "ptn_1", QuotaDay: 9, StartsAt: time.Now()}))
		s.flood(1, engawa.Message{Partner: "ptn_1"})
		s.claim(s.hold("first", mailbox), 1, sendAll)
		ask := s.message("cus_1")
		ask.Partner = "ptn_1"
		tokyo, err := time.LoadLocation("Asia/Tokyo")
		s.must(err)
		y, m, d := time.Now().In(tokyo).Date()
		day, month := time.Date(y, m, d, 0, 0, 0, 0, tokyo), time.Date(y, m, 1, 0, 0, 0, 0, tokyo)
		db := storetest.Open(s.t, s.url)
		for _, c := range []struct {
			handed     time.Time
			day, month int
		}{
			{day, 1, 1},
			{day.Add(-time.Microsecond), 0, b2i(d > 1)},
			{month, b2i(d == 1), 1},
			{month.Add(-time.Microsecond), 0, 0},
		} {
			_, err := db.ExecContext(ctx, `UPDATE delivery SET handed_at = $1`, c.handed.UnixMicro())
			s.must(err)
			known, err := s.Facts(ctx, ws, []store.Ask{{Message: ask, Account: mailbox}})
			s.must(err)
			g := known[0].Facts.Grant
			if g.UsedDay != c.day || g.UsedMonth != c.month {
				s.t.Errorf("handed over at %v: day %d, month %d", c.handed, g.UsedDay, g.UsedMonth)
			}
			if !g.DayEnds.Equal(time.Date(y, m, d+1, 0, 0, 0, 0, tokyo)) || !g.MonthEnds.Equal(time.Date(y, m+1, 1, 0, 0, 0, 0, tokyo)) {
				s.t.Errorf("they begin anew at %v and %v", g.DayEnds, g.MonthEnds)
			}
		}
	})
}

// TestGrantCovers: of grants that hold at the same time for different apps,
// channels or purposes, the one that covers the message counts.
func TestGrantCovers(t *testing.T) {
	each(t, func(s *shop) {
		ctx := s.t.Context()
		s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_1", CreatedAt: time.Now()}))
		every := []string{"*"}
		for i, g := range []engawa.Grant{
			{Apps: []string{"app_a"}, Channels: every, Purposes: []engawa.Purpose{engawa.Notice}},
			{Apps: []string{"app_b"}, Channels: every, Purposes: []engawa.Purpose{engawa.Notice}},
			{Apps: every, Channels: []string{"mail"}, Purposes: []engawa.Purpose{engawa.Marketing}},
			{Apps: []string{"app_a"}, Channels: []string{"line"}, Purposes: []engawa.Purpose{"*"}},
		} {
			g.Workspace, g.ID, g.Partner, g.StartsAt = ws, fmt.Sprint("grt_", i), "ptn_1", time.Now().Add(time.Duration(i-9)*time.Minute)
			s.must(s.AddGrant(ctx, g))
		}
		for _, c := range []struct {
			app     string
			purpose engawa.Purpose
			want    string
		}{{"app_a", engawa.Notice, "grt_0"}, {"app_b", engawa.Notice, "grt_1"}, {"app_c", engawa.Marketing, "grt_2"}, {"app_c", engawa.Notice, "grt_3"}} {
			m := s.message("")
			m.Partner, m.App, m.Purpose = "ptn_1", c.app, c.purpose
			known, err := s.Facts(ctx, ws, []store.Ask{{Message: m, Account: mailbox}})
			s.must(err)
			if g := known[0].Facts.Grant; g.ID != c.want {
				s.t.Errorf("%s for %s: %s, not %s", c.app, c.purpose, g.ID, c.want)
			}
		}
	})
}

// TestGrantInForce: of several grants the one that holds now counts; of those
// that do not, the last, so that the reason is of it.
func TestGrantInForce(t *testing.T) {
	each(t, func(s *shop) {
		ctx, now := s.t.Context(), time.Now()
		for i, c := range []struct {
			grants [][2]time.Duration // from, to; 0: open
			end    int                // ended by hand: which, from 1
			want   int                // 0: none
		}{
			{nil, 0, 0},
			{[][2]time.Duration{{-time.Hour, 0}}, 0, 1},
			{[][2]time.Duration{{-time.Hour, 0}, {time.Hour, 0}}, 0, 1},              // the next one is signed already
			{[][2]time.Duration{{-2 * time.Hour, 0}, {-time.Hour, 0}}, 1, 2},         // replaced
			{[][2]time.Duration{{-2 * time.Hour, 0}, {-time.Hour, 0}}, 2, 1},         // taken back
			{[][2]time.Duration{{-2 * time.Hour, -time.Hour}, {time.Hour, 0}}, 0, 2}, // between two
			{[][2]time.Duration{{-2 * time.Hour, 0}}, 1, 1},
		} {
			partner := fmt.Sprint("ptn_", i)
			s.must(s.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: partner, CreatedAt: now}))
			for n, span := range c.grants {
				g := engawa.Grant{Workspace: ws, ID: fmt.Sprintf("grt_%d_%d", i, n+1), Partner: partner, StartsAt: now.Add(span[0])}
				if span[1] != 0 {
					g.EndsAt = now.Add(span[1])
				}
				s.must(s.AddGrant(ctx, g))
			}
			if c.end > 0 {
				s.must(s.EndGrant(ctx, ws, fmt.Sprintf("grt_%d_%d", i, c.end)))
			}
			m := s.message("")
			m.Partner = partner
			known, err := s.Facts(ctx, ws, []store.Ask{{Message: m, Account: mailbox}})
			s.must(err)
			want := ""
			if c.want > 0 {
				want = fmt.Sprintf("grt_%d_%d", i, c.want)
			}
			if g := known[0].Facts.Grant; g == nil || g.ID != want {
				s.t.Errorf("%+v: %+v, not %q", c, g, want)
			}
		}
	})
}
