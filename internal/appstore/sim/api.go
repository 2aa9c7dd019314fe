package sim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// endpoint is one of the API's. A part of the path that is {} is an argument.
type endpoint struct {
	method, path string
	rate         float64 // calls a second; per hour 3600 times that
	do           func(*Store, call) (any, error)
}

// endpoints of the App Store Server API under /inApps/, and those of Retention
// Messaging. The rates of the latter are not published, nor that of the mass
// extension's status.
var endpoints = []endpoint{
	{"POST", "v1/subscriptions/extend/mass", 1, (*Store).extendAll},
	{"GET", "v1/subscriptions/extend/mass/{}/{}", 50, (*Store).extendStatus},
	{"PUT", "v1/subscriptions/extend/{}", 20, (*Store).extendOne},
	{"GET", "v1/subscriptions/{}", 50, (*Store).statuses},
	{"GET", "v2/history/{}", 50, (*Store).history},
	{"GET", "v1/history/{}", 50, (*Store).historyV1},
	{"GET", "v1/transactions/appTransactions/{}", 50, (*Store).appInfo},
	{"GET", "v1/transactions/{}", 50, (*Store).oneTransaction},
	{"GET", "v1/lookup/{}", 10, (*Store).lookup},
	{"GET", "v2/refund/lookup/{}", 10, (*Store).refundHistory},
	{"GET", "v1/refund/lookup/{}", 10, (*Store).refundHistoryV1},
	{"PUT", "v2/transactions/consumption/{}", 50, (*Store).consumption},
	{"PUT", "v1/transactions/consumption/{}", 50, (*Store).consumptionV1},
	{"PUT", "v1/transactions/{}/appAccountToken", 20, (*Store).setToken},
	{"POST", "v1/transactions/{}/finish", 50, (*Store).finish},
	{"POST", "v1/notifications/history", 50, (*Store).noticeHistory},
	{"POST", "v1/notifications/test", 1, (*Store).askTest},
	{"GET", "v1/notifications/test/{}", 1, (*Store).testStatus},
	{"GET", "v1/messaging/image/list", 50, (*Store).images},
	{"PUT", "v1/messaging/image/{}", 50, (*Store).putImage},
	{"DELETE", "v1/messaging/image/{}", 50, (*Store).deleteImage},
	{"GET", "v1/messaging/message/list", 50, (*Store).messages},
	{"PUT", "v1/messaging/message/{}", 50, (*Store).putMessage},
	{"DELETE", "v1/messaging/message/{}", 50, (*Store).deleteMessage},
	{"PUT", "v1/messaging/default/{}/{}", 50, (*Store).putDefault},
	{"GET", "v1/messaging/default/{}/{}", 50, (*Store).getDefault},
	{"DELETE", "v1/messaging/default/{}/{}", 50, (*Store).deleteDefault},
	{"PUT", "v1/messaging/realtime/url", 50, (*Store).putRealtime},
	{"GET", "v1/messaging/realtime/url", 50, (*Store).getRealtime},
	{"DELETE", "v1/messaging/realtime/url", 50, (*Store).deleteRealtime},
	{"POST", "v1/messaging/performanceTest", 50, (*Store).startTest},
	{"GET", "v1/messaging/performanceTest/result/{}", 50, (*Store).testResult},
}

// name of an endpoint: method and path.
func (e endpoint) name() string { return e.method + " " + e.path }

// match returns the arguments in an escaped path, if it is the endpoint's.
func (e endpoint) match(method, path string) (args []string, ok bool) {
	want, got := strings.Split(e.path, "/"), strings.Split(path, "/")
	if e.method != method || len(want) != len(got) {
		return nil, false
	}
	for i := range want {
		if want[i] != "{}" {
			if want[i] != got[i] {
				return nil, false
			}
			continue
		}
		arg, err := url.PathUnescape(got[i])
		if err != nil || arg == "" {
			return nil, false
		}
		args = append(args, arg)
	}
	return args, true
}

// call is a call of an endpoint.
type call struct {
	args   []string
	query  url.Values
	header http.Header
	body   []byte
}

// read decodes the body.
func (c call) read(into any) error {
	if !strings.HasPrefix(c.header.Get("Content-Type"), "application/json") || json.Unmarshal(c.body, into) != nil {
		return errBadRequest
	}
	return nil
}

// reply is an answer before it goes out, or does not.
type reply struct {
	status int
	header http.Header
	kind   string
	body   []byte
}

func (p reply) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	if p.kind != "" {
		w.Header().Set("Content-Type", p.kind)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is answered is our own
	}
	return reply{status: status, kind: "application/json", body: body}
}

func refusal(e apiError) reply {
	return jsonReply(e.status(), map[string]any{"errorCode": int(e), "errorMessage": meanings[e]})
}

// accepted is an answer without a body and its status.
type accepted int

const maxBody = 1 << 20

// api answers one call, or treats it badly, and logs it.
func (s *Store) api(w http.ResponseWriter, r *http.Request) {
	out := s.script.Draw(r, s.Answer).Do(r, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r).write(w) })
	status := out.Status
	if e := apiError(status); e.known() {
		status = e.status()
	}
	s.mu.Lock()
	s.calls = append(s.calls, Call{time.Now(), r.Method, r.URL.EscapedPath(), named(r), status})
	s.calls = s.calls[max(0, len(s.calls)-keepCalls):]
	s.mu.Unlock()
	out.Send(w, r, fail)
}

// keepCalls is how many calls the log has.
const keepCalls = 1000

// Call is one call of the API.
type Call struct {
	At       time.Time `json:"at"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Endpoint string    `json:"endpoint"` // as Endpoints names it; empty: none
	Status   int       `json:"status"`
}

// Endpoints are the names of all endpoints: method and path under /inApps/, with
// {} for an argument.
func Endpoints() []string {
	out := make([]string, len(endpoints))
	for i, e := range endpoints {
		out[i] = e.name()
	}
	return out
}

func named(r *http.Request) string {
	e, _, ok := find(r)
	if !ok {
		return ""
	}
	return e.name()
}

func (s *Store) answer(w http.ResponseWriter, r *http.Request) reply {
	e, args, ok := find(r)
	if !ok {
		return reply{status: http.StatusNotFound}
	}
	if why := s.refuses(r.Header.Get("Authorization")); why != "" {
		return reply{status: http.StatusUnauthorized, kind: "text/plain", body: []byte("Unauthenticated\n\nRequest ID: " + newUUID() + "\n")}
	}
	if wait, ok := s.admit(e); !ok {
		out := refusal(errTooMany)
		// In milliseconds since the epoch, unlike everybody else's ("Identifying rate limits").
		out.header = http.Header{"Retry-After": {strconv.FormatInt(wait.UnixMilli(), 10)}}
		return out
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return refusal(errBadRequest)
	}
	s.enter()
	v, err := e.do(s, call{args, r.URL.Query(), r.Header, body})
	s.leave()
	if e := apiError(0); errors.As(err, &e) {
		return refusal(e)
	}
	if a, ok := v.(accepted); ok {
		return reply{status: int(a)}
	}
	return jsonReply(http.StatusOK, v)
}

func find(r *http.Request) (endpoint, []string, bool) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/inApps/")
	for _, e := range endpoints {
		if args, ok := e.match(r.Method, path); ok {
			return e, args, true
		}
	}
	return endpoint{}, nil, false
}

// maxLife is how long a token may be good for ("Generating JSON Web Tokens for
// API requests"); skew is how far its clock may be ahead.
const (
	maxLife = time.Hour
	skew    = time.Minute
)

// refuses says why a call's token is not taken; empty: it is. Only the log's
// reader would want to know: the real store says nothing.
func (s *Store) refuses(authorization string) string {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return "no bearer token"
	}
	if s.Unapproved && s.Environment == Production {
		return "the app was never approved"
	}
	var claims struct {
		Iss, Aud, Bid string
		Iat, Exp      *int64
	}
	if why := s.opens(token, &claims); why != "" {
		return why
	}
	now := time.Now()
	switch {
	case claims.Iss != s.issuer:
		return "another issuer"
	case claims.Aud != "appstoreconnect-v1":
		return "another audience"
	case claims.Bid != s.BundleID:
		return "another bundle"
	case claims.Exp == nil || !time.Unix(*claims.Exp, 0).After(now):
		return "it has ended"
	case claims.Iat != nil && time.Unix(*claims.Iat, 0).After(now.Add(skew)):
		return "it begins later"
	case claims.Iat != nil && *claims.Exp-*claims.Iat > int64(maxLife/time.Second), time.Unix(*claims.Exp, 0).After(now.Add(maxLife + skew)):
		return "it is good for more than an hour"
	}
	return ""
}

// opens proves that a token was signed with the API key, and reads its claims.
func (s *Store) opens(token string, claims any) (why string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "no JWS"
	}
	var head struct{ Alg, Kid, Typ string }
	if !part(parts[0], &head) || head.Alg != "ES256" || head.Typ != "JWT" || head.Kid != s.keyID {
		return "another key, or not ES256"
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return "no signature"
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(&s.apiKey.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return "a wrong signature"
	}
	if !part(parts[1], claims) {
		return "no claims"
	}
	return ""
}

func part(text string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.NewDecoder(bytes.NewReader(b)).Decode(into) == nil
}

// usage counts the calls of an endpoint: of the running hour, and of the last
// second where PerSecond is set.
type usage struct {
	since  time.Time
	calls  int
	second []time.Time
}

// admit counts a call, or says from when there is room for it.
func (s *Store) admit(e endpoint) (wait time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	u := s.usage(e.name(), now)
	rate := e.rate
	if s.Environment == Sandbox {
		rate /= 10
	}
	if u.calls >= int(rate*3600) {
		return u.since.Add(time.Hour), false
	}
	if s.PerSecond {
		// A rate of less than one a second is one in a longer time.
		per, most := time.Second, int(rate)
		if rate < 1 {
			per, most = time.Duration(float64(time.Second)/rate), 1
		}
		for len(u.second) > 0 && !u.second[0].After(now.Add(-per)) {
			u.second = u.second[1:]
		}
		if len(u.second) >= most {
			return u.second[0].Add(per), false
		}
		u.second = append(u.second, now)
	}
	u.calls++
	return time.Time{}, true
}

func (s *Store) usage(name string, now time.Time) *usage {
	u := s.used[name]
	if u == nil || !now.Before(u.since.Add(time.Hour)) {
		u = &usage{since: now}
		s.used[name] = u
	}
	return u
}

// UseElsewhere counts n calls of an endpoint, such as "GET v1/lookup/{}", as made
// now by another server of the business.
func (s *Store) UseElsewhere(endpoint string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage(endpoint, time.Now()).calls += n
}

var (
	digits = regexp.MustCompile(`^[0-9]{1,20}$`)
	uuid   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// whose finds the customer that any id belongs to: of a transaction, an original
// one, or the app's.
func (s *Store) whose(id string) (*customer, error) {
	if !digits.MatchString(id) {
		return nil, errBadTransactionID
	}
	if c := s.byApp[id]; c != nil {
		return c, nil
	}
	if t := s.byID[id]; t != nil {
		return t.owner, nil
	}
	return nil, errTransactionUnknown
}

// named finds the transaction of an id where no other kind of id will do.
func (s *Store) named(id string, invalid, unknown apiError) (*transaction, error) {
	if !digits.MatchString(id) {
		return nil, invalid
	}
	if t := s.byID[id]; t != nil {
		return t, nil
	}
	if s.byApp[id] != nil {
		return nil, errNoAppTransactionID
	}
	return nil, unknown
}
