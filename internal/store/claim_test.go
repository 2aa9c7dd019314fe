package store_test

import (
	"database/sql"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestVerdictOfClaim: a claim that finds what the early verdict found refers to
// it; one that finds anything else keeps a verdict of its own.
func TestVerdictOfClaim(t *testing.T) {
	passed := func(code string) engawa.Verdict {
		return engawa.Verdict{Outcome: engawa.Send, At: time.Now(), Gates: []engawa.GateResult{
			{Gate: engawa.GateConsent, Outcome: engawa.Send, Reasons: []engawa.Reason{{Gate: engawa.GateConsent, Code: code}}},
		}}
	}
	early := store.Judged{Facts: engawa.Facts{Account: mailbox, SentDay: 1, Content: engawa.ContentFacts{Subject: "お知らせ"}}, Verdict: passed("consent.given")}
	for _, c := range []struct {
		name   string
		claim  func(*store.Judged)
		sealed bool
	}{
		{"the same, later", func(*store.Judged) {}, false},
		{"the words are final now", func(j *store.Judged) { j.Facts.Final, j.Facts.Content.Text = true, "本文です" }, false},
		{"another fact", func(j *store.Judged) { j.Facts.SentDay = 2 }, true},
		{"another reason", func(j *store.Judged) { j.Verdict = passed("consent.service") }, true},
		{"promotional", func(j *store.Judged) { j.Facts.Content.Promotional = true }, true},
		{"an obligation", func(j *store.Judged) { j.Facts.Applied = []engawa.Obligation{{Kind: "footer"}} }, true},
		{"refused", func(j *store.Judged) { j.Verdict.Outcome = engawa.Refuse }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *shop) {
				s.customer("cus_a")
				m := s.message("cus_a")
				m.Chain = m.Chain[:1]
				n := news(m)
				n[0].Judged[0] = early
				s.must(s.Enqueue(s.t.Context(), n))
				if v := s.said(m.ID).Deliveries[0].Verdict; v == nil || !v.At.Equal(early.Verdict.At) || v.Gates[0].Reasons[0].Code != "consent.given" {
					s.t.Errorf("before the claim the delivery shows %+v", v)
				}
				found := early
				c.claim(&found)
				found.Verdict.At = time.Now()
				s.claim(s.hold("n", mailbox), 10, func(*store.Claimed) store.Decision {
					return store.Decision{Facts: found.Facts, Verdict: found.Verdict, Key: "k"}
				})
				db := storetest.Open(s.t, s.url)
				defer db.Close()
				if n := query(s.t, db, `SELECT count(*) FROM delivery WHERE sealed IS NOT NULL`)[0][0]; n == "1" != c.sealed {
					s.t.Errorf("%s verdicts are sealed", n)
				}
				d := s.said(m.ID).Deliveries[0]
				if d.Verdict == nil || d.Verdict.Outcome != found.Verdict.Outcome || d.Verdict.Gates[0].Reasons[0].Code != found.Verdict.Gates[0].Reasons[0].Code {
					s.t.Fatalf("the delivery shows %+v", d.Verdict)
				}
				if off := d.Verdict.At.Sub(found.Verdict.At).Abs(); off > time.Second || !d.HandedAt.IsZero() && d.Verdict.At.Equal(early.Verdict.At) {
					s.t.Errorf("judged at %s, shown as %s", found.Verdict.At, d.Verdict.At)
				}
			})
		})
	}
}

// TestOpenAttempt: what is under way shows as an open attempt, and as one that
// ended when it has.
func TestOpenAttempt(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_a")
		m := s.message("cus_a")
		s.send(m)
		l := s.hold("n", mailbox)
		going := s.claim(l, 10, sendAll)
		as := s.said(m.ID).Attempts
		if len(as) != 1 || as[0].Outcome != engawa.OutcomeOpen || as[0].N != 1 || as[0].Fence != l.Fence || as[0].StartedAt.IsZero() || !as[0].EndedAt.IsZero() || as[0].Key == "" {
			s.t.Fatalf("under way: %+v", as)
		}
		open := as[0]
		_, err := s.Record(s.t.Context(), l, []store.Result{accepted(going[0])})
		s.must(err)
		as = s.said(m.ID).Attempts
		if len(as) != 1 || as[0].Outcome != engawa.OutcomeAccepted || as[0].EndedAt.IsZero() || as[0].Exchange.Response != "250" {
			s.t.Fatalf("ended: %+v", as)
		}
		if !as[0].StartedAt.Equal(open.StartedAt) || as[0].Key != open.Key || as[0].Fence != open.Fence {
			s.t.Errorf("it began as %+v and ended as %+v", open, as[0])
		}
	})
}

// TestNothingSilent: when every way was tried in vain, or none took a notice to
// staff in time, a person is asked, once for an account. What was refused or canceled was
// not to be said.
func TestNothingSilent(t *testing.T) {
	failed := func(c *store.Claimed) store.Result {
		r := accepted(c)
		r.Outcome, r.State, r.GoesOn = engawa.OutcomeFailed, engawa.Failed, true
		return r
	}
	for _, c := range []struct {
		name string
		end  func(s *shop, m engawa.Message)
		asks int // how often
	}{
		{"failed for good", func(s *shop, _ engawa.Message) {
			l := s.hold("n", mailbox)
			_, err := s.Record(s.t.Context(), l, []store.Result{failed(s.claim(l, 1, sendAll)[0])})
			s.must(err)
		}, 1},
		{"accepted", func(s *shop, _ engawa.Message) {
			l := s.hold("n", mailbox)
			_, err := s.Record(s.t.Context(), l, []store.Result{accepted(s.claim(l, 1, sendAll)[0])})
			s.must(err)
		}, 0},
		{"refused", func(s *shop, _ engawa.Message) {
			s.claim(s.hold("n", mailbox), 1, func(*store.Claimed) store.Decision {
				return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Refuse, Decided: engawa.GateConsent}}
			})
		}, 0},
		{"canceled", func(s *shop, m engawa.Message) { s.must(s.Cancel(s.t.Context(), ws, m.ID)) }, 0},
		{"its time was over", func(s *shop, _ engawa.Message) {
			s.claim(s.hold("n", mailbox), 1, sendAll)
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *shop) {
				s.must(s.AddDestination(s.t.Context(), engawa.Destination{Workspace: ws, ID: "dst_1", Name: "店長", Account: mailbox, Address: "boss@hinata.example", CreatedAt: time.Now()}))
				m := s.message("")
				m.Destination, m.Purpose, m.Chain = "dst_1", engawa.Service, m.Chain[:1]
				if c.name == "its time was over" {
					m.ExpiresAt = m.CreatedAt.Add(-time.Minute)
				}
				s.send(m)
				c.end(s, m)
				tasks, err := s.Tasks(s.t.Context(), ws, 10)
				s.must(err)
				asks := 0
				for _, k := range tasks {
					if k.Kind == "delivery.failed" && k.Ref == mailbox && k.Args["message"] == m.ID {
						asks += k.Count
					}
				}
				if asks != c.asks {
					s.t.Errorf("asked %d times: %+v", asks, tasks)
				}
			})
		})
	}
}

// TestVerdictsBeside: the early verdicts of a message are sealed beside its words. A
// claim does not open them, Verify does; and rows that have both in one, as those of
// before migration 51, say the same.
func TestVerdictsBeside(t *testing.T) {
	each(t, func(s *shop) {
		s.customer("cus_a")
		m := s.message("")
		s.send(m)
		db := storetest.Open(s.t, s.url)
		defer db.Close()
		_, err := db.ExecContext(s.t.Context(), `UPDATE message SET customer = 'cus_a' WHERE id = $1`, m.ID) // sealed by the ring, which the test can open, and walked
		s.must(err)
		before := s.said(m.ID)
		walked := func() (n int) {
			_, err := s.WalkJudged(s.t.Context(), ws, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 10, func(ms []store.JudgedMessage) error {
				for _, m := range ms {
					n += len(m.Chain)
				}
				return nil
			})
			s.must(err)
			return n
		}
		chains := walked()
		s.oneText(db, m.ID)
		if after := s.said(m.ID); len(after.Judged) == 0 || !reflect.DeepEqual(after.Judged, before.Judged) || after.Message.Content != before.Message.Content || walked() != chains {
			s.t.Errorf("in one with the words: %+v, before %+v", after, before)
		}
		next := s.message("")
		s.send(next)
		spoil(s, ws, "message", "judged")
		if got := s.claim(s.hold("n", mailbox), 10, sendAll); len(got) != 2 {
			s.t.Errorf("%d of 2 are claimed where verdicts are damaged", len(got))
		}
		if _, err := s.Message(s.t.Context(), ws, next.ID); err == nil {
			s.t.Error("damaged verdicts are shown")
		}
		for _, o := range s.verified(ws) {
			if o.Table == "message" && (o.Closed != 1 || o.First != next.ID) {
				s.t.Errorf("damaged verdicts: %+v", o)
			}
		}
	})
}

// oneText puts the early verdicts of a message of no customer behind its words.
func (s *shop) oneText(db *sql.DB, message string) {
	s.t.Helper()
	var sealed, judged []byte
	var by string
	s.must(db.QueryRowContext(s.t.Context(), `SELECT sealed, judged, sealed_by FROM message WHERE id = $1`, message).Scan(&sealed, &judged, &by))
	const wrapped = 61
	key, err := s.vault.OpenDataKey(ws, "message/"+message, vault.Wrapped{KEK: strings.TrimPrefix(by, "ring:"), Bytes: sealed[:wrapped]})
	s.must(err)
	words, err := key.Open(ws, "message", "sealed", message, sealed[wrapped:])
	s.must(err)
	verdicts, err := key.Open(ws, "message", "judged", message, judged)
	s.must(err)
	both := key.Seal(ws, "message", "sealed", message, slices.Concat(words, []byte{'\n'}, verdicts))
	_, err = db.ExecContext(s.t.Context(), `UPDATE message SET sealed = $1, judged = NULL WHERE id = $2`, slices.Concat(sealed[:wrapped], both), message)
	s.must(err)
}
