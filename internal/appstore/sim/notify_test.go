package sim_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// TestRetries: five more attempts, 1, 12, 24, 48 and 72 hours after the one before,
// with the same body.
func TestRetries(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		box := s.listen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		start := time.Now()
		s.buy(s.person("a"), "beans")
		wait(10 * day)
		want := []time.Duration{0, time.Hour, 13 * time.Hour, 37 * time.Hour, 85 * time.Hour, 157 * time.Hour}
		if len(box.at) != len(want) {
			t.Fatalf("%d attempts", len(box.at))
		}
		for i, at := range box.at {
			if at.Sub(start) != want[i] || !bytes.Equal(box.bodies[i], box.bodies[0]) {
				t.Errorf("attempt %d after %v, want %v, with the same body", i, at.Sub(start), want[i])
			}
		}
		if n := s.Notices()[0]; !n.Over || len(n.Attempts) != 6 || n.Attempts[5].Result != "UNSUCCESSFUL_HTTP_RESPONSE_CODE" || n.Attempts[5].Status != 503 {
			t.Errorf("%+v", n.Attempts)
		}
	})
	within(t, sim.Production, func(t *testing.T, s *shop) { // scaled
		s.Speed = 3600
		box := s.listen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		s.buy(s.person("a"), "beans")
		if wait(158 * time.Second); len(box.at) != 6 {
			t.Errorf("%d attempts", len(box.at))
		}
	})
	within(t, sim.Sandbox, func(t *testing.T, s *shop) { // once
		box := s.listen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		s.buy(s.person("a"), "beans")
		if wait(10 * day); len(box.at) != 1 {
			t.Errorf("%d attempts", len(box.at))
		}
	})
	within(t, sim.Production, func(t *testing.T, s *shop) { // until it is taken
		var taken atomic.Bool
		box := s.listen(func(w http.ResponseWriter, _ *http.Request) {
			if !taken.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		s.buy(s.person("a"), "beans")
		wait(2 * time.Hour)
		taken.Store(true)
		if wait(10 * day); len(box.at) != 3 {
			t.Errorf("%d attempts", len(box.at))
		}
	})
}

// TestAnswers: which answers count as taken, which are tried again, which end it.
func TestAnswers(t *testing.T) {
	for code, want := range map[int]struct {
		result   string
		attempts int
	}{
		200: {"SUCCESS", 1}, 202: {"SUCCESS", 1}, 206: {"SUCCESS", 1}, 207: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 1}, 304: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 1},
		400: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 1}, 401: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 6}, 404: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 6}, 500: {"UNSUCCESSFUL_HTTP_RESPONSE_CODE", 6},
	} {
		within(t, sim.Production, func(t *testing.T, s *shop) {
			s.listen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
			s.buy(s.person("a"), "beans")
			wait(10 * day)
			if n := s.Notices()[0]; len(n.Attempts) != want.attempts || n.Attempts[0].Result != want.result || n.Attempts[0].Status != code {
				t.Errorf("%d: %+v, want %+v", code, n.Attempts, want)
			}
		})
	}
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.RetryBadRequest = true
		box := s.listen(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) })
		s.buy(s.person("a"), "beans")
		if wait(10 * day); len(box.at) != 6 {
			t.Errorf("%d attempts after 400", len(box.at))
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestSendResults: what goes wrong on the way has a name.
func TestSendResults(t *testing.T) {
	fails := func(err error) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	answers := func(do func(w http.ResponseWriter, r *http.Request)) http.RoundTripper {
		return channeltest.Client(http.HandlerFunc(do)).Transport
	}
	for want, way := range map[string]http.RoundTripper{
		"TIMED_OUT": answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"TLS_ISSUE": fails(&tls.CertificateVerificationError{Err: errors.New("expired")}),
		"CIRCULAR_REDIRECT": answers(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}),
		"NO_RESPONSE":      fails(io.EOF),
		"SOCKET_ISSUE":     fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}),
		"PREMATURE_CLOSE":  fails(io.ErrUnexpectedEOF),
		"INVALID_RESPONSE": fails(errors.New("malformed HTTP response")),
		"OTHER":            fails(errors.New("odd")),
		"UNSUPPORTED_CHARSET": answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=klingon")
		}),
	} {
		within(t, sim.Production, func(t *testing.T, s *shop) {
			s.listen(nil)
			s.Client = &http.Client{Transport: way}
			s.buy(s.person("a"), "beans")
			wait(time.Minute)
			if n := s.Notices()[0]; len(n.Attempts) != 1 || n.Attempts[0].Result != want {
				t.Errorf("%+v, want %s", n.Attempts, want)
			}
		})
	}
}

func TestTestNotification(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		s.refused(4040007, "POST", "v1/notifications/test", nil)
		slow := make(chan bool)
		box := s.listen(func(http.ResponseWriter, *http.Request) { <-slow })
		var in struct {
			TestNotificationToken, SignedPayload string
			SendAttempts                         []struct {
				AttemptDate       int64
				SendAttemptResult string
			}
		}
		s.got("POST", "v1/notifications/test", nil, &in)
		path := "v1/notifications/test/" + in.TestNotificationToken
		s.refused(4040008, "GET", path, nil) // not ready
		close(slow)
		wait(time.Second)
		s.got("GET", path, nil, &in)
		if len(in.SendAttempts) != 1 || in.SendAttempts[0].SendAttemptResult != "SUCCESS" || in.SendAttempts[0].AttemptDate == 0 || !bytes.Contains(box.bodies[0], []byte(in.SignedPayload)) {
			t.Fatalf("%+v", in)
		}
		if n := s.open(box.bodies[0]); n.Type != "TEST" || n.Transaction != nil || n.Data["bundleId"] != bundle {
			t.Fatalf("%+v", n)
		}
		s.refused(4000020, "GET", "v1/notifications/test/x", nil)
		s.refused(4040008, "GET", "v1/notifications/test/"+token, nil)
		wait(181 * day)
		s.refused(4040008, "GET", path, nil)
		s.proved()
	})
}

// history reads the history of notifications and returns what each was.
func (s *shop) history(body map[string]any) (types []string, attempts [][]string) {
	s.Helper()
	for path := "v1/notifications/history"; ; {
		var in struct {
			PaginationToken     string
			HasMore             bool
			NotificationHistory []struct {
				SignedPayload string
				SendAttempts  []struct{ SendAttemptResult string }
			}
		}
		s.got("POST", path, body, &in)
		if len(in.NotificationHistory) > 20 || in.HasMore != (in.PaginationToken != "") {
			s.Fatalf("%d, %t, %q", len(in.NotificationHistory), in.HasMore, in.PaginationToken)
		}
		for _, n := range in.NotificationHistory {
			var what told
			unpack(s.T, n.SignedPayload, &what)
			types = append(types, what.Type)
			var results []string
			for _, a := range n.SendAttempts {
				results = append(results, a.SendAttemptResult)
			}
			attempts = append(attempts, results)
		}
		if !in.HasMore {
			return types, attempts
		}
		path = "v1/notifications/history" + query("paginationToken", in.PaginationToken)
	}
}

func TestNotificationHistory(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		var down atomic.Bool
		s.listen(func(w http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		start := time.Now()
		one, two := s.person("a"), s.person("b")
		for range 30 {
			s.buy(one, "beans")
			wait(time.Minute)
		}
		down.Store(true)
		missed := s.buy(two, "monthly")
		wait(2 * time.Hour)
		down.Store(false)
		s.buy(two, "recipes")
		wait(time.Minute)
		span := func(more ...any) map[string]any {
			b := map[string]any{"startDate": start.UnixMilli(), "endDate": time.Now().Add(time.Hour).UnixMilli()}
			for i := 0; i < len(more); i += 2 {
				b[more[i].(string)] = more[i+1]
			}
			return b
		}
		if types, _ := s.history(span()); len(types) != 32 {
			t.Fatalf("%d notifications", len(types))
		}
		types, attempts := s.history(span("onlyFailures", true))
		if !slices.Equal(types, []string{"SUBSCRIBED"}) || len(attempts[0]) != 2 {
			t.Fatalf("%v %v", types, attempts)
		}
		if types, _ := s.history(span("transactionId", missed)); !slices.Equal(types, []string{"SUBSCRIBED", "ONE_TIME_CHARGE"}) {
			t.Fatalf("of one customer: %v", types)
		}
		if types, _ := s.history(span("notificationType", "SUBSCRIBED", "notificationSubtype", "INITIAL_BUY")); len(types) != 1 {
			t.Fatalf("of one type: %v", types)
		}
		if types, _ := s.history(span("startDate", start.Add(10*time.Minute).UnixMilli(), "endDate", start.Add(12*time.Minute).UnixMilli())); len(types) != 2 {
			t.Fatalf("of two minutes: %v", types)
		}
		wait(12 * time.Hour)
		if types, _ := s.history(span("onlyFailures", true)); len(types) != 0 {
			t.Fatal("it was taken at last")
		}
		const path = "v1/notifications/history"
		for code, list := range map[int][]map[string]any{
			4000019: {span("transactionId", missed, "notificationType", "REFUND")},
			4000018: {span("notificationType", "NOTHING"), span("notificationType", "REFUND", "notificationSubtype", "PENDING"), span("notificationSubtype", "PENDING")},
			4000015: {span("startDate", nil), span("startDate", "now")},
			4000016: {span("endDate", nil)},
			4000013: {span("endDate", start.UnixMilli()), span("startDate", time.Now().Add(day).UnixMilli(), "endDate", time.Now().Add(2*day).UnixMilli())},
			4000012: {span("startDate", time.Now().Add(-181*day).UnixMilli())},
			4000006: {span("transactionId", "x")},
			4040010: {span("transactionId", "1")},
		} {
			for _, body := range list {
				s.refused(code, "POST", path, body)
			}
		}
		var in struct{ PaginationToken string }
		s.got("POST", path, span(), &in)
		s.refused(4000014, "POST", path+"?paginationToken=x", span())
		s.refused(4000014, "POST", path+query("paginationToken", in.PaginationToken), span("onlyFailures", true))
		body := span()
		wait(25 * time.Hour)
		s.got("POST", path, body, &in)
		wait(25 * time.Hour)
		s.refused(4000017, "POST", path+query("paginationToken", in.PaginationToken), body)
		s.proved()
	})
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		s.refused(4000012, "POST", "v1/notifications/history", map[string]any{"startDate": time.Now().Add(-31 * day).UnixMilli(), "endDate": time.Now().UnixMilli()})
		s.buy(s.person("a"), "beans")
		if types, _ := s.history(map[string]any{"startDate": time.Now().Add(-day).UnixMilli(), "endDate": time.Now().Add(day).UnixMilli()}); len(types) != 0 {
			t.Fatal("what was never tried is not in the history")
		}
	})
}

// TestOtherNotifications: consent taken back, and purchases outside the store.
func TestOtherNotifications(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		who := s.person("a")
		s.must(s.RescindConsent(who))
		if n := s.last(who); n.Data != nil || n.AppData["signedAppTransactionInfo"] == nil {
			t.Fatalf("%+v", n)
		}
		for _, subtype := range []string{"CREATED", "ACTIVE_TOKEN_REMINDER", "UNREPORTED"} {
			s.ExternalPurchase(subtype)
		}
		s.proved()
	})
}

// TestPost: a notification made by hand.
func TestPost(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		box := s.listen(nil)
		_, body, err := s.Notification("DID_RENEW", "", sim.Subscription{OriginalTransactionID: "1", ProductID: "p", ExpiresAt: time.Now().Add(day)}, time.Now())
		s.must(err)
		status, err := sim.Post(context.Background(), s.Client, s.URL, body)
		if err != nil || status != 200 || !bytes.Equal(box.bodies[0], body) {
			t.Fatal(status, err)
		}
		if tr := s.open(body).Transaction; fmt.Sprint(tr["transactionId"]) != "1" {
			t.Fatal(tr)
		}
	})
}
