package gap_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore/sim"
)

// page is an answer of the notification history.
type page struct {
	Token   string            `json:"paginationToken,omitempty"`
	More    bool              `json:"hasMore"`
	History []json.RawMessage `json:"notificationHistory"`
}

// altered answers as the store, but for the history of notifications, which it
// has altered. n counts its pages from 1.
func (h *hub) altered(alter func(n int, p *page)) http.Handler {
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/notifications/history") {
			h.ServeHTTP(w, r)
			return
		}
		n++
		r.URL.RawQuery = "" // always the first page of the real one
		got := httptest.NewRecorder()
		h.ServeHTTP(got, r)
		var p page
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
			h.T.Error(err)
		}
		alter(n, &p)
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(p); err != nil {
			h.T.Error(err)
		}
	})
}

// missed has a hub down while a customer subscribes.
func (h *hub) missed() (sub string) {
	h.work()
	h.Down.Store(true)
	sub = h.Bought(h.Person("JPN", token), "monthly")
	h.down(30 * time.Minute)
	return sub
}

// TestEndless: a history that has no end, in whichever way, ends; what it told is
// entered, the customers concerned are asked about, and a person is told.
func TestEndless(t *testing.T) {
	for name, alter := range map[string]func(n int, p *page){
		"the same place": func(_ int, p *page) { p.More, p.Token = true, "a" },
		"a small circle": func(n int, p *page) { p.More, p.Token = true, fmt.Sprint("c", n%7) },
		"a large circle": func(n int, p *page) { p.More, p.Token = true, fmt.Sprint("c", n%250) },
		"no place":       func(_ int, p *page) { p.More = true },
		"always new ones": func(n int, p *page) {
			p.More, p.Token, p.History = true, fmt.Sprint("t", n), p.History[:max(0, min(len(p.History), 2-n))]
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, sim.Production, func(t *testing.T, h *hub) {
				sub := h.missed()
				proper := h.check.Clients
				h.check.Clients = h.over(h.altered(alter))
				h.work()
				c, ks := h.checkup(), h.tasks("gap.history")
				if c.Now != nil || !c.Last.Broken || c.Trouble != engawa.TroubleHistory || c.Last.Missed != 1 || c.Last.Checked != 1 || c.Last.Pages > 1500 {
					t.Errorf("%+v %+v", c, c.Last)
				}
				if c.KnownTo.Equal(c.Last.To) {
					t.Error("what was not read is taken for known")
				}
				if h.Purchase(sub).State != "active" || len(ks) != 1 || ks[0].State != "open" || h.gaps()[0].Missed != 1 || !h.gaps()[0].FilledAt.IsZero() {
					t.Errorf("%+v, %+v", ks, h.gaps())
				}
				h.check.Clients = proper
				h.look(day, 20*time.Minute)
				if c := h.checkup(); c.Trouble != "" || h.tasks("gap.history")[0].State != "done" || h.gaps()[0].FilledAt.IsZero() {
					t.Errorf("afterwards: %+v, %+v", c, h.gaps())
				}
			})
		})
	}
}

// TestOddAnswers: what cannot be read is asked for again, and then given up.
func TestOddAnswers(t *testing.T) {
	for name, odd := range map[string]struct {
		body string
		most int // odd answers; 0: for ever
	}{
		"no JSON, once":  {"<html>", 1},
		"half of it":     {`{"hasMore":true,"notificationHistory":[{`, 2},
		"other types":    {`{"hasMore":"yes"}`, 0},
		"nothing at all": {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, sim.Production, func(t *testing.T, h *hub) {
				h.missed()
				n := 0
				h.check.Clients = h.over(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if n++; strings.HasSuffix(r.URL.Path, "/notifications/history") && (n <= odd.most || odd.most == 0) {
						_, _ = w.Write([]byte(odd.body))
						return
					}
					h.ServeHTTP(w, r)
				}))
				h.live(15 * time.Minute)
				if c := h.checkup(); c.Last == nil || c.Last.Broken != (odd.most == 0) || (c.Last.Missed == 1) != (odd.most > 0) || n > 6 {
					t.Errorf("%+v after %d calls", c.Last, n)
				}
			})
		})
	}
}

// TestForeign: what another app, another environment or nobody signed stands in
// the history among ours: ours is entered, the others are counted, and a person
// is told.
func TestForeign(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, h *hub) {
		h.missed()
		about := sim.Subscription{OriginalTransactionID: "9", ProductID: "monthly", ExpiresAt: time.Now().Add(day)}
		foreign := []json.RawMessage{json.RawMessage(`{"signedPayload":"a.b.c"}`), json.RawMessage(`{}`)}
		add := func(s *sim.Store) {
			_, body, err := s.Notification("DID_RENEW", "", about, time.Now())
			h.Must(err)
			foreign = append(foreign, body)
		}
		other, err := sim.New(h.BundleID, h.AppAppleID, sim.Production) // signed by another root
		h.Must(err)
		add(other)
		h.BundleID = "jp.other"
		add(h.Store)
		h.BundleID, h.Environment = "jp.hinata.coffee", sim.Sandbox
		add(h.Store)
		h.Environment = sim.Production
		h.check.Clients = h.over(h.altered(func(_ int, p *page) { p.History = append(foreign, p.History...) }))
		h.work()
		c, ks := h.checkup(), h.tasks("gap.unproved")
		if c.Last.Unproved != 5 || c.Last.Missed != 1 || c.Last.Told != 6 || c.Last.Broken || len(h.events()) != 1 {
			t.Errorf("%+v", c.Last)
		}
		if len(ks) != 1 || ks[0].State != "open" || ks[0].Args["n"] != "5" {
			t.Errorf("%+v", ks)
		}
	})
}

// TestLimited: a 429 is waited out, whatever it says of when.
// In the sandbox, where the store does not deliver again by itself meanwhile.
func TestLimited(t *testing.T) {
	for name, c := range map[string]struct {
		after string
		wait  time.Duration
	}{
		"a moment in milliseconds": {"946688520000", 22 * time.Minute}, // 2000-01-01 01:02:00
		"nothing":                  {"", time.Minute},
		"words":                    {"soon", time.Minute},
		"the past":                 {"1", time.Second},
		"negative":                 {"-5", time.Minute},
		"centuries":                {"99999999999999", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, sim.Sandbox, func(t *testing.T, h *hub) {
				h.missed()
				wait(10 * time.Minute) // it is 00:40
				start, limited := time.Now(), []time.Time{}
				h.check.Clients = h.over(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if len(limited) < 2 { // of the history, and of the statuses
						if at := strings.Contains(r.URL.Path, "/subscriptions/"); at == (len(limited) == 1) {
							limited = append(limited, time.Now())
							if c.after != "" {
								w.Header().Set("Retry-After", c.after)
							}
							w.Header().Set("Content-Type", "application/json")
							w.WriteHeader(http.StatusTooManyRequests)
							_, _ = w.Write([]byte(`{"errorCode":4290000,"errorMessage":"Rate limit exceeded."}`))
							return
						}
					}
					h.ServeHTTP(w, r)
				}))
				h.look(3*time.Hour, 30*time.Second)
				gs := h.gaps()
				if len(limited) != 2 || len(gs) != 1 || gs[0].Missed != 1 || gs[0].FilledAt.IsZero() {
					t.Fatalf("%v, %+v", limited, gs)
				}
				if first := limited[1].Sub(start); first < c.wait || first > c.wait+time.Minute {
					t.Errorf("the history was read after %v, want %v", first, c.wait)
				}
				if h.checkup().Trouble != "" {
					t.Errorf("%+v", h.checkup())
				}
			})
		})
	}
}

// TestTrouble: a store that does not answer is asked again, more seldom, and the
// account's page says so. What was in doubt stays so until it is answered.
func TestTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		of     string // the calls that fail
	}{
		"a proxy's":              {http.StatusBadGateway, "/"},
		"its own":                {5000000, "/"},
		"its own, of a purchase": {5000000, "/subscriptions/"},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, sim.Sandbox, func(t *testing.T, h *hub) {
				h.missed()
				calls := 0
				h.Answer = func(r *http.Request) (int, bool) {
					if !strings.Contains(r.URL.Path, c.of) {
						return 0, false
					}
					calls++
					return c.status, false
				}
				h.live(3 * time.Hour)
				if cu := h.checkup(); cu.Trouble != engawa.TroubleBusy || cu.Now == nil || calls > 14 {
					t.Errorf("%+v after %d calls", cu, calls)
				}
				h.Answer = nil
				healthy := time.Now()
				h.live(time.Hour)
				if cu := h.checkup(); cu.Trouble != "" || h.gaps()[0].FilledAt.IsZero() || h.calls(statuses, healthy) != 1 {
					t.Errorf("%+v, %+v, asked about %d purchases", cu, h.gaps(), h.calls(statuses, healthy))
				}
			})
		})
	}
}
