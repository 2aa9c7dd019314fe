package gap_test

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/follow/followtest"
	"github.com/engawa/engawa/internal/purchase"
)

// subscribers of TestBar: make bench asks for a hundred thousand.
var subscribers = flag.Int("subscribers", 2000, "how many subscribers TestBar reconciles")

// bar is how long a hundred thousand may take at the rate that the store allows.
const bar = 60 * time.Second

// refusals counts the calls that the store refuses for their number.
type refusals struct {
	h  http.Handler
	mu sync.Mutex
	n  int
}

func (c *refusals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.h.ServeHTTP(&watched{w, c}, r)
}

type watched struct {
	http.ResponseWriter
	c *refusals
}

func (w *watched) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		w.c.mu.Lock()
		w.c.n++
		w.c.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(status)
}

// unheard is how many of them the hub has heard nothing of, at most.
const unheard = 1000

// TestBar: after a day without a node all subscribers are reconciled: the history
// is read, what is missing entered, those concerned are asked about with their
// histories, and everybody else's state is asked for, in the share of the time
// that a hundred thousand may take; and no call is refused. The clock is the
// simulated one: what is measured is that the pace keeps nobody waiting.
func TestBar(t *testing.T) {
	n, real, took := *subscribers, time.Now(), time.Duration(0)
	within(t, sim.Production, func(t *testing.T, h *hub) {
		over := &refusals{h: h.Shop}
		h.check.Clients = h.over(over)
		h.work()
		h.down(2 * day)
		missed := min(n, unheard)
		h.known(n - missed)
		h.past(missed)
		start := time.Now()
		h.work()
		took = time.Since(start)
		c := h.checkup()
		if took > bar*time.Duration(n)/100_000 || c.Now != nil || c.Last.Missed != missed || c.Last.Checked != n || c.Last.Unanswered != 0 || over.n != 0 {
			t.Errorf("%v, %d refusals, %+v", took, over.n, c.Last)
		}
	})
	fmt.Printf("reconciled %d in %.1f s, really %.0f s\n", n, took.Seconds(), time.Since(real).Seconds())
}

// known has n customers who subscribed three days ago, long before the store's
// history is read from, and of whom the hub knows.
func (h *hub) known(n int) {
	h.T.Helper()
	h.Must(h.Begin(time.Now().Add(-3 * day)))
	var rs []purchase.Report
	for i := range n {
		id := h.Bought(h.Person("JPN", ""), "monthly")
		at := appstore.Date(time.Now().Add(-3 * day).UnixMilli())
		rs = append(rs, purchase.OfTransaction(&appstore.Transaction{
			TransactionID: id, OriginalTransactionID: id, ProductID: "monthly", Type: sim.AutoRenewable, SubscriptionGroupIdentifier: group, Storefront: "JPN",
			PurchaseDate: at, ExpiresDate: at + appstore.Date(30*day/time.Millisecond), SignedDate: at,
		}))
		if len(rs) == 500 || i == n-1 {
			_, err := h.Follow.Save(h.T.Context(), h.Account, follow.How{}, rs...)
			h.Must(err)
			rs = nil
		}
	}
}

// TestBeyondTheBurst: what the hour's burst does not hold goes at the rate that is
// left of the hour, and is not refused either.
func TestBeyondTheBurst(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, h *hub) {
		over := &refusals{h: h.Shop}
		h.check.Clients = h.over(over)
		h.work()
		h.down(2 * day)
		h.past(400)
		app, err := h.check.Clients.Open(t.Context(), followtest.Workspace, followtest.AccountID)
		h.Must(err)
		for range 11_900 { // of the 12,000 that may go at once, of 18,000 in the hour
			_, _ = app.Statuses(t.Context(), "1")
		}
		start := time.Now()
		for h.work(); h.checkup().Now != nil; h.work() {
			wait(time.Second)
		}
		if took := time.Since(start); took < 170*time.Second || took > 190*time.Second || over.n != 0 {
			t.Errorf("300 calls at 100 a minute took %v; %d were refused", took, over.n)
		}
		if c := h.checkup(); c.Last.Checked != 400 || c.Trouble != "" || c.Last.Cause != engawa.CheckNight {
			t.Errorf("%+v", c.Last)
		}
	})
}
