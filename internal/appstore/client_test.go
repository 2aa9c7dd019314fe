package appstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
)

// asked is a request as it arrived.
type asked struct {
	*http.Request
	body []byte
	at   time.Time
}

// wire is the App Store's side of a test: it keeps what is asked and answers by
// the n-th request, counted from 0.
type wire struct {
	asked  []asked
	answer func(n int, r asked) (*http.Response, error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	a := asked{Request: r, at: time.Now()}
	if r.Body != nil {
		a.body, _ = io.ReadAll(r.Body)
	}
	w.asked = append(w.asked, a)
	return w.answer(len(w.asked)-1, a)
}

// says makes an answer; header are names and values in turn.
func says(status int, body any, header ...string) *http.Response {
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	res := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))}
	for i := 0; i+1 < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

func always(status int, body any) func(int, asked) (*http.Response, error) {
	return func(int, asked) (*http.Response, error) { return says(status, body), nil }
}

var testKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

func keyPEM(t testing.TB, key any) engawa.Secret {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return engawa.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (c *testChain) production(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(Settings{BundleID: "com.example", AppAppleID: 1234, Environment: engawa.Production, Roots: c.rootPEM()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// client asks w about the app of v.
func client(t testing.TB, v *Verifier, w *wire) *Client {
	t.Helper()
	c, err := NewClient(v, Access{Key: Key{"issuerId", "keyId", keyPEM(t, testKey)}, HTTP: &http.Client{Transport: w}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// apiError returns err as an *APIError.
func apiError(t testing.TB, err error) *APIError {
	t.Helper()
	var e *APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *APIError", err)
	}
	return e
}

func TestTokenIsApples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(200, object{"testNotificationToken": "x"})}
		c := client(t, newTestChain(t, testChain{}).verifier(t), w)
		c.pace = NewPace(Rates{EndpointTest: {PerHour: 360, Burst: 1}})
		for range 2 {
			if _, err := c.RequestTest(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range w.asked {
			text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			parts := strings.Split(text, ".")
			if !ok || len(parts) != 3 {
				t.Fatalf("authorization %q", text)
			}
			var head, claims map[string]any
			for i, into := range []*map[string]any{&head, &claims} {
				b, err := base64.RawURLEncoding.DecodeString(parts[i])
				if err != nil || json.Unmarshal(b, into) != nil {
					t.Fatalf("part %d: %s", i, parts[i])
				}
			}
			now := float64(r.at.Unix())
			want := fmt.Sprint(map[string]any{"iss": "issuerId", "aud": "appstoreconnect-v1", "bid": "com.example", "iat": now, "exp": now + 300})
			if fmt.Sprint(head) != "map[alg:ES256 kid:keyId typ:JWT]" || fmt.Sprint(claims) != want {
				t.Errorf("header %v claims %v, want %s", head, claims, want)
			}
			j, err := split(text)
			if err != nil || !j.signedBy(&testKey.PublicKey) {
				t.Errorf("the token is not signed by the key: %v", err)
			}
		}
		// The second waited for the rate of 360 an hour; its token was made after the wait.
		if wait := w.asked[1].at.Sub(w.asked[0].at); wait < 10*time.Second {
			t.Errorf("the second came after %s", wait)
		}
	})
}

func TestKeySettings(t *testing.T) {
	v := newTestChain(t, testChain{}).verifier(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := keyPEM(t, testKey)
	for name, c := range map[string]struct {
		key   Key
		field string
	}{
		"no issuer":      {Key{"", "k", good}, "/settings/issuer_id"},
		"no key id":      {Key{"i", "", good}, "/settings/key_id"},
		"no key":         {Key{"i", "k", ""}, "/settings/private_key"},
		"no PEM":         {Key{"i", "k", "secret-secret"}, "/settings/private_key"},
		"a lost line":    {Key{"i", "k", engawa.Secret(strings.Replace(string(good), string(good[40:60]), "", 1))}, "/settings/private_key"},
		"another curve":  {Key{"i", "k", keyPEM(t, p384)}, "/settings/private_key"},
		"a certificate":  {Key{"i", "k", engawa.Secret(newTestChain(t, testChain{}).rootPEM())}, "/settings/private_key"},
		"words about it": {Key{"i", "k", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXNlY3JldA==\n-----END PRIVATE KEY-----\n"}, "/settings/private_key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewClient(v, Access{Key: c.key})
			var e *engawa.Error
			if !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Field != c.field || e.Remedy == "" {
				t.Fatalf("error %v, want field %s", err, c.field)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2Vj") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

// TestNothingIsShown: neither settings nor errors show a key, a token or an id,
// even if a server on the way writes back what it was asked.
func TestNothingIsShown(t *testing.T) {
	const id = "MVB5K7/9Q2"
	var token string
	w := &wire{answer: func(n int, r asked) (*http.Response, error) {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if n%2 == 1 {
			return nil, errors.New("reset")
		}
		return says(400, object{"errorCode": 4000999, "errorMessage": "what is " + id + " by " + token}), nil
	}}
	c := client(t, newTestChain(t, testChain{}).production(t), w)
	a := Access{Key: Key{"issuerId", "keyId", keyPEM(t, testKey)}}
	key := a.Key.PrivateKey.Reveal()[40:80]
	raw, err := testKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	scalar := new(big.Int).SetBytes(raw).String()
	for range 2 {
		_, err := c.Order(t.Context(), id)
		for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v", apiError(t, err), *apiError(t, err)), fmt.Sprintf("%v %+v %#v", c, *c, c.signer), fmt.Sprintf("%v %+v", a, a)} {
			if strings.Contains(text, id) || strings.Contains(text, "MVB5K7%2F") || strings.Contains(text, token) || strings.Contains(text, key) || strings.Contains(text, scalar) {
				t.Errorf("shown: %s", text)
			}
		}
	}
}

// TestIDsAreEscaped: an id stays one part of the path, whatever a customer typed.
func TestIDsAreEscaped(t *testing.T) {
	w := &wire{answer: always(200, object{"status": 1})}
	c := client(t, newTestChain(t, testChain{}).production(t), w)
	for _, id := range []string{"MVB5K7", "MV/../B5", "a?b=c", "a#b", "a b", "100%", "注文", "a;b", "../../v1/notifications/test", "a%2Fb", "..."} {
		w.asked = nil
		if _, err := c.Order(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		u := w.asked[0].URL
		if strings.Count(u.EscapedPath(), "/") != 4 || u.Path != "/inApps/v1/lookup/"+id || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q became %s", id, u)
		}
	}
	for _, id := range []string{"", ".", "..", "a\nb", "a\x00", "\xff", strings.Repeat("a", maxID+1)} {
		w.asked = nil
		_, err := c.Order(t.Context(), id)
		var e *engawa.Error
		if !errors.As(err, &e) || e.Remedy == "" || len(w.asked) != 0 {
			t.Errorf("%q: error %v, %d requests", id, err, len(w.asked))
		}
	}
}

func TestHosts(t *testing.T) {
	chain := newTestChain(t, testChain{})
	for want, v := range map[string]*Verifier{"https://api.storekit.apple.com": chain.production(t), "https://api.storekit-sandbox.apple.com": chain.verifier(t)} {
		w := &wire{answer: always(202, "")}
		if err := client(t, v, w).Finish(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		if got := w.asked[0].URL.String(); got != want+"/inApps/v1/transactions/1/finish" {
			t.Errorf("asked %s", got)
		}
	}
}

// TestErrors: what Apple calls retryable, what its status says, and what is not
// known here.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		body      any
		code      int64
		retryable bool
		ambiguous bool // of an extension
	}{
		"account, for now":       {404, object{"errorCode": 4040002, "errorMessage": "x"}, 4040002, true, false},
		"app, for now":           {404, object{"errorCode": 4040004, "errorMessage": "x"}, 4040004, true, false},
		"original id, for now":   {404, object{"errorCode": 4040006, "errorMessage": "x"}, 4040006, true, false},
		"internal, for now":      {500, object{"errorCode": 5000001, "errorMessage": "x"}, 5000001, true, true},
		"internal":               {500, object{"errorCode": 5000000, "errorMessage": "x"}, 5000000, false, true},
		"rate":                   {429, object{"errorCode": 4290000, "errorMessage": "x"}, 4290000, true, false},
		"rate without a body":    {429, "", 0, true, false},
		"not eligible":           {403, object{"errorCode": 4030004, "errorMessage": "x"}, 4030004, false, false},
		"twice already":          {403, object{"errorCode": 4030005, "errorMessage": "x"}, 4030005, false, false},
		"no such transaction":    {404, object{"errorCode": 4040010, "errorMessage": "x"}, 4040010, false, false},
		"token":                  {401, "Unauthenticated", 0, false, false},
		"a page of a proxy":      {502, "<html>Bad Gateway</html>", 0, true, true},
		"unavailable":            {503, "", 0, true, true},
		"a page of a proxy, 404": {404, "<html>", 0, false, false},
		"moved":                  {301, "", 0, false, false},
		"a new code":             {400, object{"errorCode": 4000999, "errorMessage": "Something new."}, 4000999, false, false},
		"a new code, internal":   {500, object{"errorCode": 5000099, "errorMessage": "Something new."}, 5000099, true, true},
		"a code as text":         {400, object{"errorCode": "4000006"}, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: always(c.status, c.body)}
				api := client(t, newTestChain(t, testChain{}).verifier(t), w)
				_, err := api.Transaction(t.Context(), "1234")
				e := apiError(t, err)
				if e.Status != c.status || e.Code != c.code || e.Retryable != c.retryable || e.Ambiguous {
					t.Errorf("%+v", e)
				}
				_, err = api.Extend(t.Context(), "1234", Extend{Days: 1, RequestID: "r"})
				e = apiError(t, err)
				if e.Ambiguous != c.ambiguous || e.Retryable != (c.retryable && !c.ambiguous) {
					t.Errorf("extension: %+v", e)
				}
				for _, l := range []engawa.Locale{engawa.Japanese, engawa.Korean, engawa.English} {
					if e.Meaning(l) == "" {
						t.Errorf("no words in %s", l)
					}
				}
				if len(w.asked) != 2 {
					t.Errorf("%d requests: a client repeats nothing by itself", len(w.asked))
				}
			})
		})
	}
}

func TestUnknownCodeKeepsNumberAndText(t *testing.T) {
	w := &wire{answer: always(400, object{"errorCode": 4000999, "errorMessage": "Something new." + strings.Repeat("長", 400)})}
	_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Transaction(t.Context(), "1")
	e := apiError(t, err)
	if e.Name() != "" || !strings.HasPrefix(e.Text, "Something new.") || len(e.Text) > maxText {
		t.Errorf("%+v", e)
	}
	for _, l := range []engawa.Locale{engawa.Japanese, engawa.Korean, engawa.English} {
		if m := e.Meaning(l); !strings.Contains(m, "4000999") || !strings.Contains(m, "Something new.") {
			t.Errorf("%s: %s", l, m)
		}
	}
}

// TestCodes holds the table: a name and words in three languages for each.
func TestCodes(t *testing.T) {
	names := map[string]bool{}
	for n, c := range codes {
		e := &APIError{Code: n, Status: int(n / 10000)}
		ja, ko, en := e.Meaning(engawa.Japanese), e.Meaning(engawa.Korean), e.Meaning(engawa.English)
		if n < 4000000 || n > 5009999 || c.name == "" || names[c.name] || ja == "" || ko == "" || en == "" || ja == ko || ko == en || ja == en {
			t.Errorf("%d: %+v", n, c)
		}
		if c.again != strings.HasSuffix(c.name, "_RETRYABLE") && n != 4290000 {
			t.Errorf("%d %s is retryable: %t", n, c.name, c.again)
		}
		names[c.name] = true
	}
}

// TestClockSkew: a refused token is explained by the clock where that is why.
func TestClockSkew(t *testing.T) {
	for name, c := range map[string]struct {
		theirs time.Duration // the App Store's clock against ours
		words  map[engawa.Locale]string
	}{
		"seven minutes ahead": {-7 * time.Minute, map[engawa.Locale]string{engawa.English: "7 min ahead", engawa.Japanese: "約7分進んで", engawa.Korean: "약 7분 빠릅니다"}},
		"six minutes behind":  {6 * time.Minute, map[engawa.Locale]string{engawa.English: "6 min behind", engawa.Japanese: "約6分遅れて", engawa.Korean: "약 6분 느립니다"}},
		"the same":            {2 * time.Second, map[engawa.Locale]string{engawa.English: ".p8", engawa.Japanese: ".p8", engawa.Korean: ".p8"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: func(int, asked) (*http.Response, error) {
					return says(401, "Unauthenticated\n\n\n", "Date", time.Now().Add(c.theirs).UTC().Format(http.TimeFormat)), nil
				}}
				_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Transaction(t.Context(), "1")
				e := apiError(t, err)
				if e.Retryable || e.Skew != -c.theirs {
					t.Errorf("%+v", e)
				}
				for l, want := range c.words {
					if got := e.Meaning(l); !strings.Contains(got, want) {
						t.Errorf("%s: %s", l, got)
					}
				}
			})
		})
	}
}

// TestRetryAfter: milliseconds since 1970, and whatever else is written there.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01 00:00:00 UTC
		now := time.Now()
		ms := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).UnixMilli(), 10) }
		for given, want := range map[string]time.Duration{
			ms(90 * time.Second): 90 * time.Second, ms(1500 * time.Millisecond): 1500 * time.Millisecond, ms(-time.Second): time.Minute, ms(0): time.Minute,
			ms(50 * time.Hour): time.Hour, "": time.Minute, "soon": time.Minute, "0": time.Minute, "-5": time.Minute, "-946684800000": time.Minute, "120": 2 * time.Minute,
			" 7 ": 7 * time.Second, "999999999": time.Hour, "9223372036854775807": time.Hour, "99999999999999999999": time.Minute, "1e12": time.Minute, "1.5": time.Minute,
			"Sat, 01 Jan 2000 00:05:00 GMT": 5 * time.Minute, "Fri, 31 Dec 1999 00:00:00 GMT": time.Minute, "Sat, 01 Jan 2050 00:00:00 GMT": time.Hour,
			"1700000000": time.Hour, // seconds since 1970, of 2023
		} {
			res := says(429, "", "Retry-After", given)
			if got := retryAt(res, now).Sub(now); got != want {
				t.Errorf("%q: %s, want %s", given, got, want)
			}
			res.StatusCode = 503
			if got := retryAt(res, now); !got.IsZero() && got.Sub(now) != want {
				t.Errorf("503, %q: %s, want %s or nothing", given, got.Sub(now), want)
			}
		}
		if got := retryAt(says(503, ""), now); !got.IsZero() {
			t.Errorf("503 that says nothing: %s", got)
		}
	})
}

// TestTooMany: after a 429 nothing goes to that endpoint before Retry-After, and
// others are not held.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(n int, _ asked) (*http.Response, error) {
			if n == 0 {
				return says(429, object{"errorCode": 4290000}, "Retry-After", strconv.FormatInt(time.Now().Add(40*time.Second).UnixMilli(), 10)), nil
			}
			return says(200, object{}), nil
		}}
		c := client(t, newTestChain(t, testChain{}).production(t), w)
		start := time.Now()
		if e := apiError(t, c.Finish(t.Context(), "1")); !e.Retryable || e.RetryAt.Sub(start) != 40*time.Second {
			t.Fatalf("%+v", e)
		}
		if err := c.SetAppAccountToken(t.Context(), "1", "u"); err != nil || time.Since(start) != 0 {
			t.Errorf("another endpoint: %v after %s", err, time.Since(start))
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e := apiError(t, c.Finish(short, "1"))
		if time.Since(start) != 0 || !e.Retryable || e.RetryAt.Sub(start) != 40*time.Second || e.Status != 0 {
			t.Errorf("who cannot wait is told at once: %+v after %s", e, time.Since(start))
		}
		if err := c.Finish(t.Context(), "1"); err != nil || time.Since(start) != 40*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// TestStoppedWhileWaiting: a 429 also holds those who already wait for their turn.
func TestStoppedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(Rates{EndpointTest: {PerHour: 360, Burst: 1}})
		start := time.Now()
		done := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				if err := p.wait(context.Background(), EndpointTest); err != nil {
					t.Error(err)
				}
				done <- time.Since(start)
			}()
		}
		synctest.Wait()
		time.Sleep(5 * time.Second)
		p.stop(EndpointTest, start.Add(10*time.Minute))
		if first, second := <-done, <-done; first != 0 || second != 10*time.Minute {
			t.Errorf("after %s and %s", first, second)
		}
	})
}

// TestRatesTable: what Apple states for each endpoint, a second (Server API, "Identifying
// rate limits"); what it does not state is asked for once a second.
func TestRatesTable(t *testing.T) {
	stated := map[Endpoint]int{
		EndpointStatuses: 50, EndpointHistory: 50, EndpointTransaction: 50, EndpointOrder: 10, EndpointRefunds: 10, EndpointExtend: 20, EndpointExtendAll: 1,
		EndpointExtendedAll: 1, EndpointConsumption: 50, EndpointConsumptionV1: 50, EndpointNotifications: 50, EndpointTest: 1, EndpointTestStatus: 1,
		EndpointAccountToken: 20, EndpointAppTransaction: 50, EndpointFinish: 50, EndpointImages: 1, EndpointMessages: 1, EndpointDefault: 1, EndpointPerformance: 1,
	}
	rates := RatesOf(engawa.Production, 1)
	for e, n := range stated {
		if rates[e].PerHour != n*3600 {
			t.Errorf("%s: %d an hour, want %d", e, rates[e].PerHour, n*3600)
		}
	}
	if len(rates) != len(stated) {
		t.Errorf("%d endpoints have a rate, %d are in the table", len(rates), len(stated))
	}
}

// TestRates: never more in any hour than the share of this node, however calls
// come, and a burst goes at once.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		environment string
		nodes       int
		statuses    Rate
		test        Rate
	}{
		{engawa.Production, 1, Rate{180000, 120000}, Rate{3600, 2400}},
		{engawa.Production, 3, Rate{60000, 40000}, Rate{1200, 800}},
		{engawa.Sandbox, 1, Rate{18000, 12000}, Rate{360, 240}},
		{engawa.Sandbox, 0, Rate{18000, 12000}, Rate{360, 240}},
	} {
		r := RatesOf(c.environment, c.nodes)
		if r[EndpointStatuses] != c.statuses || r[EndpointTest] != c.test || len(r) != len(endpoints) {
			t.Errorf("%s, %d nodes: %v %v", c.environment, c.nodes, r[EndpointStatuses], r[EndpointTest])
		}
	}
	for _, rate := range []Rate{{100, 1}, {100, 7}, {100, 99}, {100, 500}, {1, 1}, {2, 1}, {0, 0}} {
		p := NewPace(Rates{EndpointTest: rate})
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		allowed := rate.PerHour
		if allowed == 0 {
			allowed = 360 // of an endpoint without a rate
		}
		var went []time.Time
		gaps := []time.Duration{0, 0, time.Second, time.Minute, 0, 20 * time.Minute, 0, 2 * time.Hour, time.Millisecond}
		for i := range 5 * allowed {
			now = now.Add(gaps[i%len(gaps)])
			now = p.take(EndpointTest, now, now.Add(forever)) // whoever is told to wait waits
			went = append(went, now)
		}
		for i := allowed; i < len(went); i++ {
			if hour := went[i].Sub(went[i-allowed]); hour < time.Hour {
				t.Fatalf("%v: %d calls within %s", rate, allowed+1, hour)
			}
		}
	}
	p, now := NewPace(Rates{EndpointTest: {3600, 10}}), time.Now()
	for i := range 11 {
		if at := p.take(EndpointTest, now, now.Add(forever)); at.Equal(now) != (i < 10) {
			t.Errorf("call %d of a burst of 10 goes after %s", i+1, at.Sub(now))
		}
	}
}

// TestBodiesAreBounded: a body of 10 MB is not read to its end.
func TestBodiesAreBounded(t *testing.T) {
	for _, status := range []int{200, 500} {
		body := &counted{left: 10 << 20}
		w := &wire{answer: func(int, asked) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: body}, nil
		}}
		_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Transaction(t.Context(), "1")
		e := apiError(t, err)
		if body.read > maxAnswer+1 || !body.closed || (status == 200 && (!errors.Is(err, errTooLong) || e.Retryable)) {
			t.Errorf("%d: read %d bytes, closed %t, %v", status, body.read, body.closed, err)
		}
	}
}

type counted struct {
	left, read int
	closed     bool
}

func (c *counted) Read(p []byte) (int, error) {
	n := min(len(p), c.left)
	if n == 0 {
		return 0, io.EOF
	}
	copy(p, bytes.Repeat([]byte(" "), n))
	c.left, c.read = c.left-n, c.read+n
	return n, nil
}

func (c *counted) Close() error { c.closed = true; return nil }

// TestBroken: trouble on the way can be tried again, except where a second try
// could be a second extension.
func TestBroken(t *testing.T) {
	cut := func() *http.Response {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"succ`), iotestErr{}))}
	}
	for name, c := range map[string]struct {
		res       *http.Response
		err       error
		ambiguous bool
	}{
		"no connection":     {nil, &net.OpError{Op: "dial", Err: errors.New("refused")}, false},
		"reset":             {nil, &net.OpError{Op: "read", Err: errors.New("reset")}, true},
		"time out":          {nil, context.DeadlineExceeded, true},
		"cut in the answer": {cut(), nil, true},
		"not JSON":          {says(200, "<html>"), nil, true},
		"not an object":     {says(200, "[]"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answer: func(int, asked) (*http.Response, error) { return c.res, c.err }}
			_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Extend(t.Context(), "777000111", Extend{Days: 1, RequestID: "r"})
			e := apiError(t, err)
			if e.Ambiguous != c.ambiguous || e.Retryable == c.ambiguous || strings.Contains(err.Error(), "777000111") {
				t.Errorf("%+v", e)
			}
		})
	}
	w := &wire{answer: func(int, asked) (*http.Response, error) { return nil, errors.New("reset") }}
	_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Transaction(t.Context(), "1")
	if e := apiError(t, err); !e.Retryable || e.Ambiguous {
		t.Errorf("reading: %+v", e)
	}
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &wire{answer: always(200, object{"testNotificationToken": "x"})}
	c := client(t, newTestChain(t, testChain{}).verifier(t), w)
	c.pace = NewPace(Rates{EndpointTest: {PerHour: 360, Burst: 1}}) // the second waits
	if _, err := c.RequestTest(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.RequestTest(ctx); !errors.Is(err, context.Canceled) || len(w.asked) != 1 {
		t.Errorf("%v, %d requests", err, len(w.asked))
	}
}

// TestAnswersAreProved: whatever is signed in an answer is proved like a
// notification, and what stands beside it must fit.
func TestAnswersAreProved(t *testing.T) {
	chain, other := newTestChain(t, testChain{}), newTestChain(t, testChain{})
	now := time.Now()
	in := func(o object) object { return with(o, object{"environment": "Production"}) }
	good, renews := chain.sign(t, in(transaction(now)), nil), chain.sign(t, in(renewal(now)), nil)
	app := chain.sign(t, object{"receiptType": "Production", "appAppleId": 1234, "bundleId": "com.example", "appTransactionId": "71134", "receiptCreationDate": now.UnixMilli()}, nil)
	bad := map[string]struct {
		signed string
		want   Class
	}{
		"of another signer":      {other.sign(t, in(transaction(now)), nil), ClassVerification},
		"tampered":               {tamper(good, 1), ClassVerification},
		"of another app":         {chain.sign(t, with(in(transaction(now)), object{"bundleId": "com.other"}), nil), ClassApp},
		"of the sandbox":         {chain.sign(t, transaction(now), nil), ClassEnvironment},
		"unsigned":               {unsigned(t, in(transaction(now))), ClassVerification},
		"missing":                {"", ClassVerification},
		"an app transaction":     {chain.sign(t, object{"receiptType": "Production", "appAppleId": 1234, "bundleId": "com.example", "receiptCreationDate": now.UnixMilli()}, nil), ClassVerification},
		"signed 6 minutes ahead": {chain.sign(t, in(transaction(now.Add(6*time.Minute))), nil), ClassVerification},
	}
	whose := object{"bundleId": "com.example", "appAppleId": 1234, "environment": "Production"}
	statuses := func(t, r, original string) object {
		item := object{"status": 1, "originalTransactionId": original, "signedTransactionInfo": t, "signedRenewalInfo": r}
		return with(whose, object{"data": []object{{"subscriptionGroupIdentifier": "g", "lastTransactions": []object{item}}}})
	}
	for name, call := range map[string]struct {
		answer func(signed string) object
		ask    func(c *Client) error
	}{
		"transaction": {func(s string) object { return object{"signedTransactionInfo": s} }, func(c *Client) error { _, err := c.Transaction(t.Context(), "1"); return err }},
		"order":       {func(s string) object { return object{"status": 0, "signedTransactions": []string{good, s}} }, func(c *Client) error { _, err := c.Order(t.Context(), "1"); return err }},
		"history":     {func(s string) object { return with(whose, object{"signedTransactions": []string{good, s}}) }, func(c *Client) error { return firstOf(c.History(t.Context(), "1", HistoryQuery{})) }},
		"refunds":     {func(s string) object { return object{"signedTransactions": []string{s}} }, func(c *Client) error { return firstOf(c.Refunds(t.Context(), "1", "")) }},
		"statuses":    {func(s string) object { return statuses(s, renews, "12345") }, func(c *Client) error { _, err := c.Statuses(t.Context(), "1"); return err }},
	} {
		ask := func(answer object) error {
			return call.ask(client(t, chain.production(t), &wire{answer: always(200, answer)}))
		}
		if err := ask(call.answer(good)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, b := range bad {
			t.Run(name+" "+what, func(t *testing.T) { wantClass(t, ask(call.answer(b.signed)), b.want) })
		}
	}
	for what, answer := range map[string]object{
		"of another original transaction": statuses(good, renews, "999"),
		"transaction of another":          statuses(chain.sign(t, with(in(transaction(now)), object{"originalTransactionId": "999"}), nil), renews, "12345"),
		"renewal info of another":         statuses(good, chain.sign(t, with(in(renewal(now)), object{"originalTransactionId": "999"}), nil), "12345"),
		"transaction as renewal info":     statuses(good, good, "12345"),
		"renewal info of another signer":  statuses(good, other.sign(t, in(renewal(now)), nil), "12345"),
	} {
		t.Run(what, func(t *testing.T) {
			_, err := client(t, chain.production(t), &wire{answer: always(200, answer)}).Statuses(t.Context(), "1")
			wantClass(t, err, ClassVerification)
		})
	}
	for what, change := range map[string]object{"app": {"bundleId": "com.other"}, "Apple id": {"appAppleId": 9}, "environment": {"environment": "Sandbox"}} {
		c := client(t, chain.production(t), &wire{answer: always(200, with(statuses(good, renews, "12345"), change))})
		var e *Error
		if _, err := c.Statuses(t.Context(), "1"); !errors.As(err, &e) {
			t.Errorf("statuses of another %s: %v", what, err)
		}
		if err := firstOf(c.History(t.Context(), "1", HistoryQuery{})); !errors.As(err, &e) {
			t.Errorf("history of another %s: %v", what, err)
		}
	}
	c := client(t, chain.production(t), &wire{answer: always(200, object{"signedAppTransactionInfo": app})})
	if a, err := c.AppTransaction(t.Context(), "1"); err != nil || a.AppTransactionID != "71134" {
		t.Errorf("app transaction: %v %v", a, err)
	}
	c = client(t, chain.production(t), &wire{answer: always(200, object{"signedAppTransactionInfo": other.sign(t, object{}, nil)})})
	_, err := c.AppTransaction(t.Context(), "1")
	wantClass(t, err, ClassVerification)
}

func TestStatuses(t *testing.T) {
	chain := newTestChain(t, testChain{})
	now := time.Now()
	item := object{"status": 4, "originalTransactionId": "12345", "signedTransactionInfo": chain.sign(t, transaction(now), nil), "signedRenewalInfo": chain.sign(t, renewal(now), nil)}
	w := &wire{answer: always(200, object{"bundleId": "com.example", "environment": "Sandbox", "new": 1, "data": []object{{"subscriptionGroupIdentifier": "g1", "lastTransactions": []object{item}}, {"subscriptionGroupIdentifier": "g2"}}})}
	got, err := client(t, chain.verifier(t), w).Statuses(t.Context(), "1", StatusActive, StatusBillingGracePeriod)
	if err != nil || len(got) != 1 || got[0].Group != "g1" || got[0].Status != StatusBillingGracePeriod || got[0].Transaction.TransactionID != "23456" || *got[0].Renewal.AutoRenewStatus != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	if q := w.asked[0].URL.RawQuery; q != "status=1&status=4" {
		t.Errorf("query %s", q)
	}
}

// TestHistory: the filters are repeated with every revision, the last revision
// is the place to go on, and nobody who has seen enough is given more.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := newTestChain(t, testChain{})
		now := time.Now()
		w := &wire{answer: func(n int, _ asked) (*http.Response, error) {
			signed := chain.sign(t, with(transaction(now), object{"transactionId": strconv.Itoa(n)}), nil)
			return says(200, object{"bundleId": "com.example", "environment": "Sandbox", "revision": "r" + strconv.Itoa(n+1), "hasMore": n < 4, "signedTransactions": []string{signed}}), nil
		}}
		c := client(t, chain.verifier(t), w)
		q := HistoryQuery{ProductIDs: []string{"a", "b"}, Ownership: "PURCHASED", Revoked: new(false)}
		var ids []string
		var last string
		for p, err := range c.History(t.Context(), "1", q) {
			if err != nil {
				t.Fatal(err)
			}
			ids, last = append(ids, p.Transactions[0].TransactionID), p.Revision
		}
		if fmt.Sprint(ids) != "[0 1 2 3 4]" || last != "r5" {
			t.Errorf("pages %v, last revision %s", ids, last)
		}
		for n, r := range w.asked {
			want := "inAppOwnershipType=PURCHASED&productId=a&productId=b"
			if n > 0 {
				want += "&revision=r" + strconv.Itoa(n)
			}
			if r.URL.RawQuery != want+"&revoked=false" {
				t.Errorf("page %d asked by %s", n, r.URL.RawQuery)
			}
		}
		w.asked = nil
		for range c.History(t.Context(), "1", HistoryQuery{Revision: "kept"}) {
			break
		}
		if len(w.asked) != 1 || w.asked[0].URL.RawQuery != "revision=kept" {
			t.Errorf("%d requests", len(w.asked))
		}
	})
}

// TestRefundLookup: each page is asked for by the revision of the one before, the
// first by the one that was kept, or by none; the last is the place to go on.
func TestRefundLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := newTestChain(t, testChain{})
		now := time.Now()
		w := &wire{answer: func(n int, _ asked) (*http.Response, error) {
			refunded := object{"transactionId": strconv.Itoa(n), "revocationDate": now.UnixMilli()}
			return says(200, object{"revision": "r" + strconv.Itoa(n+1), "hasMore": n < 2, "signedTransactions": []string{chain.sign(t, with(transaction(now), refunded), nil)}}), nil
		}}
		for kept, first := range map[string]string{"": "", "kept/1": "revision=kept%2F1"} {
			w.asked = nil
			var told []string
			for p, err := range client(t, chain.verifier(t), w).Refunds(t.Context(), "1", kept) {
				if err != nil {
					t.Fatal(err)
				}
				told = append(told, p.Transactions[0].TransactionID+" "+p.Revision)
			}
			var questions []string
			for _, r := range w.asked {
				questions = append(questions, r.URL.RawQuery)
			}
			if !slices.Equal(told, []string{"0 r1", "1 r2", "2 r3"}) || !slices.Equal(questions, []string{first, "revision=r1", "revision=r2"}) {
				t.Errorf("from %q on: asked by %q, told %q", kept, questions, told)
			}
		}
	})
}

// TestNoNewsKeepsTheRevision: a kept revision behind which nothing is new comes
// back the same; that is an end, not a circle.
func TestNoNewsKeepsTheRevision(t *testing.T) {
	w := &wire{answer: always(200, object{"revision": "kept", "hasMore": false, "signedTransactions": []string{}})}
	n := 0
	for p, err := range client(t, newTestChain(t, testChain{}).verifier(t), w).Refunds(t.Context(), "1", "kept") {
		if n++; err != nil || p.Revision != "kept" || len(p.Transactions) != 0 {
			t.Errorf("%+v %v", p, err)
		}
	}
	if n != 1 {
		t.Errorf("%d pages", n)
	}
}

// TestPages: a history that never ends ends.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		next  func(n int) string // behind the n-th page
		want  error
		least int // pages that hold
		most  int // pages until it is found
	}{
		"the same place":    {func(n int) string { return "r" + strconv.Itoa(min(n, 3)) }, errSamePlace, 2, 4},
		"the place it had":  {func(int) string { return "start" }, errSamePlace, 0, 1},
		"a circle of 5":     {func(n int) string { return "r" + strconv.Itoa(n%5) }, errSamePlace, 5, 15},
		"a circle behind 7": {func(n int) string { return "r" + strconv.Itoa(max(n-7, 0)%3+min(n, 7)) }, errSamePlace, 7, 20},
		"no place":          {func(n int) string { return strings.Repeat("r", 3-n) }, errNoPlace, 2, 3},
		"ever new places":   {strconv.Itoa, errEndless, 99, 100},
	} {
		t.Run(name, func(t *testing.T) {
			n, held := 0, 0
			var last error
			for _, err := range pages(EndpointHistory, "start", 100, func(string) (int, string, bool, error) { n++; return n, c.next(n), true, nil }) {
				if last = err; err == nil {
					held++
				}
			}
			if !errors.Is(last, c.want) || held < c.least || n > c.most || apiError(t, last).Retryable {
				t.Errorf("%v after %d pages, %d held", last, n, held)
			}
		})
	}
	trouble := errors.New("trouble")
	var seen []string
	for page, err := range pages(EndpointHistory, "", 100, func(place string) (int, string, bool, error) {
		if len(seen) == 2 {
			return 0, "", false, trouble
		}
		return len(seen), place + "x", true, nil
	}) {
		seen = append(seen, fmt.Sprint(page, err))
	}
	if !slices.Equal(seen, []string{"0 <nil>", "1 <nil>", "0 trouble"}) {
		t.Errorf("yielded %q", seen)
	}
}

// TestNotifications: what cannot be proved is told in its place and ends nothing.
func TestNotifications(t *testing.T) {
	chain := newTestChain(t, testChain{})
	now := time.Now().Truncate(time.Millisecond)
	good := chain.sign(t, chain.notification(t, now, nil), nil)
	entry := func(s string) object {
		return object{"signedPayload": s, "sendAttempts": []object{{"attemptDate": now.UnixMilli(), "sendAttemptResult": "NEW_RESULT"}}}
	}
	w := &wire{answer: func(n int, _ asked) (*http.Response, error) {
		return says(200, object{"paginationToken": "t" + strconv.Itoa(n+1), "hasMore": n == 0, "notificationHistory": []object{entry(good), entry(tamper(good, 1)), entry(good)}}), nil
	}}
	c := client(t, chain.verifier(t), w)
	q := NotificationQuery{From: now.Add(-time.Hour), Until: now, OnlyFailures: true}
	var all []Sent
	for p, err := range c.Notifications(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Sent...)
	}
	if len(all) != 6 || all[0].Err != nil || all[0].Notice.Transaction == nil || all[0].Attempts[0].Result != "NEW_RESULT" || !all[0].Attempts[0].At.Time().Equal(now) || all[2].Err != nil {
		t.Fatalf("%+v", all)
	}
	wantClass(t, all[1].Err, ClassVerification)
	want := fmt.Sprintf(`{"startDate":%d,"endDate":%d,"onlyFailures":true}`, now.Add(-time.Hour).UnixMilli(), now.UnixMilli())
	for n, r := range w.asked {
		if string(r.body) != want || r.URL.RawQuery != []string{"", "paginationToken=t1"}[n] || r.Method != http.MethodPost {
			t.Errorf("page %d: %s %s?%s %s", n, r.Method, r.URL.Path, r.URL.RawQuery, r.body)
		}
	}
	body, err := all[0].Body()
	if err != nil {
		t.Fatal(err)
	}
	events, err := (&Receiver{v: chain.verifier(t)}).Receive(nil, body)
	if err != nil || len(events) != 1 || events[0].DedupKey != all[0].Notice.UUID {
		t.Errorf("recovered: %+v %v", events, err)
	}
}

func TestTestStatus(t *testing.T) {
	chain := newTestChain(t, testChain{})
	payload := chain.sign(t, chain.notification(t, time.Now(), nil), nil)
	c := client(t, chain.verifier(t), &wire{answer: always(200, object{"signedPayload": payload, "sendAttempts": []object{{"sendAttemptResult": "SUCCESS"}}})})
	if s, err := c.TestStatus(t.Context(), "t"); err != nil || s.Attempts[0].Result != "SUCCESS" || s.Notice == nil {
		t.Errorf("%+v %v", s, err)
	}
}

// TestOrderNeedsProduction: the sandbox has no orders.
func TestOrderNeedsProduction(t *testing.T) {
	w := &wire{answer: always(200, object{})}
	_, err := client(t, newTestChain(t, testChain{}).verifier(t), w).Order(t.Context(), "MVB5K7")
	var e *engawa.Error
	if !errors.As(err, &e) || e.Remedy == "" || len(w.asked) != 0 {
		t.Errorf("%v, %d requests", err, len(w.asked))
	}
}

// TestExtendLimits: what the App Store would refuse is not asked.
func TestExtendLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: always(200, object{"success": true, "effectiveDate": 1698148900000})}
		c := client(t, newTestChain(t, testChain{}).production(t), w)
		for name, e := range map[string]Extend{
			"no days": {0, ExtendOther, "r"}, "91 days": {91, ExtendOther, "r"}, "a fifth reason": {1, 4, "r"}, "no reason": {1, -1, "r"}, "no id": {1, ExtendOther, ""}, "a long id": {1, ExtendOther, strings.Repeat("r", 129)},
		} {
			var told *engawa.Error
			if _, err := c.Extend(t.Context(), "1", e); !errors.As(err, &told) || told.Field == "" {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := c.ExtendAll(t.Context(), "p", nil, e); !errors.As(err, &told) {
				t.Errorf("all, %s: %v", name, err)
			}
		}
		if len(w.asked) != 0 {
			t.Fatalf("%d requests", len(w.asked))
		}
		got, err := c.Extend(t.Context(), "1", Extend{90, ExtendOutage, "r"})
		if err != nil || !got.Success || got.EffectiveDate != 1698148900000 {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := c.ExtendAll(t.Context(), "p", nil, Extend{1, ExtendUndeclared, "r"}); err != nil {
			t.Error(err)
		}
		if got := string(w.asked[1].body); got != `{"extendByDays":1,"extendReasonCode":0,"requestIdentifier":"r","productId":"p"}` {
			t.Errorf("all storefronts: %s", got)
		}
		if _, err := c.ExtendedAll(t.Context(), "com.example.p", "uuid"); err != nil || w.asked[2].URL.Path != "/inApps/v1/subscriptions/extend/mass/com.example.p/uuid" {
			t.Errorf("%s %v", w.asked[2].URL.Path, err)
		}
	})
}

// TestConsumptionNeedsConsent: without consent on file nothing leaves, in
// either version, whatever else is said.
func TestConsumptionNeedsConsent(t *testing.T) {
	w := &wire{answer: always(202, "")}
	c := client(t, newTestChain(t, testChain{}).verifier(t), w)
	bought := &Transaction{TransactionID: "1", Type: "Consumable", AdvancedCommerceInfo: []byte(`{}`)}
	for _, consent := range []Consent{{}, OnFile("")} {
		var e *engawa.Error
		if err := c.SendConsumption(t.Context(), bought, consent, Consumption{Delivery: Delivered}); !errors.As(err, &e) || e.Code != engawa.CodeForbidden {
			t.Errorf("version 2: %v", err)
		}
		if err := c.SendConsumptionV1(t.Context(), bought, consent, ConsumptionV1{}); !errors.As(err, &e) || e.Code != engawa.CodeForbidden {
			t.Errorf("version 1: %v", err)
		}
	}
	if len(w.asked) != 0 {
		t.Fatalf("%d requests", len(w.asked))
	}
	if err := c.SendConsumption(t.Context(), bought, OnFile("con_1"), Consumption{Delivery: Delivered}); err != nil {
		t.Fatal(err)
	}
	if got := string(w.asked[0].body); got != `{"customerConsented":true,"sampleContentProvided":false,"deliveryStatus":"DELIVERED"}` {
		t.Errorf("version 2: %s", got)
	}
	if err := c.SendConsumptionV1(t.Context(), bought, OnFile("con_1"), ConsumptionV1{ConsumptionStatus: 3}); err != nil {
		t.Fatal(err)
	}
	if r := w.asked[1]; !strings.HasPrefix(string(r.body), `{"customerConsented":true,"consumptionStatus":3,`) || r.URL.Path != "/inApps/v1/transactions/consumption/1" {
		t.Errorf("version 1: %s %s", r.URL.Path, r.body)
	}
	var e *engawa.Error
	if err := c.SendConsumptionV1(t.Context(), &Transaction{TransactionID: "1"}, OnFile("con_1"), ConsumptionV1{}); !errors.As(err, &e) {
		t.Errorf("version 1 for any purchase: %v", err)
	}
}

func TestConsumptionRules(t *testing.T) {
	for name, c := range map[string]struct {
		typ   string
		a     Consumption
		field string // empty: sent
	}{
		"delivered":                           {"Consumable", Consumption{Delivery: Delivered}, ""},
		"half used up":                        {"Consumable", Consumption{Delivery: Delivered, Percentage: new(int64(50000)), Preference: PreferDecline}, ""},
		"no delivery":                         {"Consumable", Consumption{}, "/delivery"},
		"a delivery of our own":               {"Consumable", Consumption{Delivery: "LOST"}, "/delivery"},
		"a preference of our own":             {"Consumable", Consumption{Delivery: Delivered, Preference: "PLEASE"}, "/preference"},
		"over 100 %":                          {"Consumable", Consumption{Delivery: Delivered, Percentage: new(int64(100001))}, "/percentage"},
		"below 0":                             {"Consumable", Consumption{Delivery: Delivered, Percentage: new(int64(-1))}, "/percentage"},
		"undelivered":                         {"Consumable", Consumption{Delivery: UndeliveredServerDown, Percentage: new(int64(0)), Preference: PreferFull}, ""},
		"undelivered and used up":             {"Consumable", Consumption{Delivery: UndeliveredServerDown, Percentage: new(int64(1))}, "/percentage"},
		"a share, used up unknown":            {"Consumable", Consumption{Delivery: Delivered, Preference: PreferProrated}, "/percentage"},
		"a share, nothing used up":            {"Consumable", Consumption{Delivery: Delivered, Preference: PreferProrated, Percentage: new(int64(0))}, "/percentage"},
		"a share":                             {"Consumable", Consumption{Delivery: Delivered, Preference: PreferProrated, Percentage: new(int64(1))}, ""},
		"a share of what did not arrive":      {"Consumable", Consumption{Delivery: UndeliveredOtherReason, Preference: PreferProrated}, "/percentage"},
		"a share of a subscription":           {autoRenewable, Consumption{Delivery: Delivered, Preference: PreferProrated}, ""},
		"a share of a subscription, computed": {autoRenewable, Consumption{Delivery: Delivered, Preference: PreferProrated, Percentage: new(int64(50000))}, "/percentage"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answer: always(202, "")}
			err := client(t, newTestChain(t, testChain{}).verifier(t), w).SendConsumption(t.Context(), &Transaction{TransactionID: "1", Type: c.typ}, OnFile("con_1"), c.a)
			var e *engawa.Error
			if c.field == "" && (err != nil || len(w.asked) != 1) {
				t.Errorf("%v", err)
			}
			if c.field != "" && (!errors.As(err, &e) || e.Field != c.field || e.Remedy == "" || len(w.asked) != 0) {
				t.Errorf("error %v, want field %s", err, c.field)
			}
		})
	}
}

// TestSignatureHasLeadingZeros: r and s keep their 32 bytes each.
func TestSignatureHasLeadingZeros(t *testing.T) {
	s := &signer{issuer: "i", id: "k", bundle: "b", key: testKey}
	short := new(big.Int).Lsh(big.NewInt(1), 248)
	for n := 0; ; n++ {
		text, err := s.token(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		j, err := split(text)
		if err != nil || !j.signedBy(&testKey.PublicKey) {
			t.Fatalf("token %d: %v", n, err)
		}
		if j.r.Cmp(short) < 0 || j.s.Cmp(short) < 0 {
			return
		}
	}
}
