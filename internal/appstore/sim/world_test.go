package sim_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

const (
	bundle = "jp.hinata.coffee"
	appID  = 1234567890
	token  = "7f3b0e0a-4a9e-4f5f-9d9b-0d2b7f1f7c01"
	day    = 24 * time.Hour
)

// shop is a store with products, and what it is asked.
type shop struct {
	*testing.T
	*sim.Store
}

// within runs a test in a bubble with a store of one environment.
func within(t *testing.T, environment string, do func(t *testing.T, s *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, open(t, environment)) })
}

func open(t *testing.T, environment string) *shop {
	t.Helper()
	st, err := sim.New(bundle, appID, environment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	yen := func(n int64) map[string]int64 { return map[string]int64{"JPN": n * 1000, "USA": n * 10} }
	offers := []sim.Offer{
		{Type: sim.Introductory, Pays: sim.FreeTrial, Period: "P1W"},
		{ID: "stay", Type: sim.Promotional, Pays: sim.PayAsYouGo, Periods: 2, Period: "P1M", Prices: yen(700)},
		{ID: "thanks", Type: sim.OfferCode, Pays: sim.PayUpFront, Period: "P3M", Prices: yen(2000)},
		{ID: "comeback", Type: sim.WinBack, Pays: sim.PayUpFront, Period: "P2M", Prices: yen(1500)},
	}
	for _, p := range []sim.Product{
		{ID: "monthly", Name: "月額", Type: sim.AutoRenewable, Group: "20500001", Level: 2, Period: "P1M", Prices: yen(1480), Family: true},
		{ID: "monthly.other", Name: "月額(別)", Type: sim.AutoRenewable, Group: "20500001", Level: 2, Period: "P1M", Prices: yen(1500)},
		{ID: "premium", Name: "プレミアム", Type: sim.AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: yen(2480)},
		{ID: "light", Name: "ライト", Type: sim.AutoRenewable, Group: "20500001", Level: 3, Period: "P1M", Prices: yen(480)},
		{ID: "club", Name: "クラブ", Type: sim.AutoRenewable, Group: "20500002", Level: 1, Period: "P1M", Prices: yen(980), Offers: offers},
		{ID: "beans", Name: "豆", Type: sim.Consumable, Prices: yen(300)},
		{ID: "recipes", Name: "レシピ", Type: sim.NonConsumable, Prices: yen(900)},
		{ID: "season", Name: "季節券", Type: sim.NonRenewing, Prices: yen(3000)},
	} {
		st.AddProduct(p)
	}
	return &shop{t, st}
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// person adds a customer in Japan.
func (s *shop) person(name string) (id string) {
	s.Helper()
	id, _ = s.AddCustomer(name, "JPN", token)
	return id
}

func (s *shop) buy(customer, product string) (transaction string) {
	s.Helper()
	id, err := s.Buy(sim.Purchase{Customer: customer, Product: product})
	s.must(err)
	return id
}

// types are the notifications of a customer since the first skip, each as
// TYPE/SUBTYPE.
func (s *shop) types(customer string, skip int) []string {
	var out []string
	for _, n := range s.Notices() {
		if n.Customer == customer {
			out = append(out, strings.TrimSuffix(n.Type+"/"+n.Subtype, "/"))
		}
	}
	return out[min(skip, len(out)):]
}

func (s *shop) wantTypes(customer string, skip int, want ...string) {
	s.Helper()
	if got := s.types(customer, skip); !slices.Equal(got, want) {
		s.Fatalf("%s was told of %q, want %q", customer, got, want)
	}
}

// told is a notification with what was signed in it.
type told struct {
	Type                 string `json:"notificationType"`
	SignedDate           int64  `json:"signedDate"`
	Data                 map[string]any
	Summary, AppData     map[string]any
	Transaction, Renewal map[string]any
}

func (s *shop) open(body []byte) (n told) {
	s.Helper()
	var post struct{ SignedPayload string }
	s.must(json.Unmarshal(body, &post))
	unpack(s.T, post.SignedPayload, &n)
	if v, ok := n.Data["signedTransactionInfo"].(string); ok {
		unpack(s.T, v, &n.Transaction)
	}
	if v, ok := n.Data["signedRenewalInfo"].(string); ok {
		unpack(s.T, v, &n.Renewal)
	}
	return n
}

// last is the last notification of a customer.
func (s *shop) last(customer string) told {
	s.Helper()
	for _, n := range slices.Backward(s.Notices()) {
		if n.Customer == customer {
			return s.open(n.Body)
		}
	}
	s.Fatal("nothing was told of " + customer)
	return told{}
}

// unpack reads a JWS without proving it.
func unpack(t *testing.T, jws string, into any) {
	t.Helper()
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWS: %.40q", jws)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// bearer makes a token; change may spoil it.
func (s *shop) bearer(change func(head, claims map[string]any)) string {
	s.Helper()
	id, issuer, p8 := s.Key()
	block, _ := pem.Decode([]byte(p8))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	s.must(err)
	now := time.Now().Unix()
	head := map[string]any{"alg": "ES256", "kid": id, "typ": "JWT"}
	claims := map[string]any{"iss": issuer, "aud": "appstoreconnect-v1", "bid": bundle, "iat": now, "exp": now + 300}
	if change != nil {
		change(head, claims)
	}
	return jws(s.T, key.(*ecdsa.PrivateKey), head, claims)
}

func jws(t *testing.T, key *ecdsa.PrivateKey, head, claims map[string]any) string {
	t.Helper()
	enc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := enc(head) + "." + enc(claims)
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// ask calls the API. path is under /inApps/; a body may be nil.
func (s *shop) ask(method, path string, body any) *httptest.ResponseRecorder {
	s.Helper()
	var text io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		s.must(err)
		text = strings.NewReader(string(b))
	}
	r := httptest.NewRequest(method, "/inApps/"+path, text)
	r.Header.Set("Authorization", "Bearer "+s.bearer(nil))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// got asks and reads the answer.
func (s *shop) got(method, path string, body, into any) {
	s.Helper()
	w := s.ask(method, path, body)
	if w.Code/100 != 2 {
		s.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if into != nil {
		s.must(json.Unmarshal(w.Body.Bytes(), into))
	}
}

// refused asks and wants an error code; the status is its first three digits.
func (s *shop) refused(code int, method, path string, body any) {
	s.Helper()
	w := s.ask(method, path, body)
	var out struct {
		ErrorCode    int
		ErrorMessage string
	}
	_ = json.Unmarshal(w.Body.Bytes(), &out)
	if out.ErrorCode != code || w.Code != code/10000 || out.ErrorMessage == "" || w.Header().Get("Content-Type") != "application/json" {
		s.Errorf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, code)
	}
}

// status is one subscription as the API tells it.
type status struct {
	Status               int
	Transaction, Renewal map[string]any
}

func (s *shop) statuses(id, query string) (out []status) {
	s.Helper()
	var in struct {
		BundleID string
		Data     []struct {
			SubscriptionGroupIdentifier string
			LastTransactions            []struct {
				Status                                   int
				SignedTransactionInfo, SignedRenewalInfo string
			}
		}
	}
	s.got("GET", "v1/subscriptions/"+id+query, nil, &in)
	for _, g := range in.Data {
		for _, l := range g.LastTransactions {
			st := status{Status: l.Status}
			unpack(s.T, l.SignedTransactionInfo, &st.Transaction)
			unpack(s.T, l.SignedRenewalInfo, &st.Renewal)
			if st.Transaction["subscriptionGroupIdentifier"] != g.SubscriptionGroupIdentifier {
				s.Error("a subscription stands in another group")
			}
			out = append(out, st)
		}
	}
	return out
}

func (s *shop) wantStatus(id string, want int) status {
	s.Helper()
	got := s.statuses(id, "")
	if len(got) != 1 || got[0].Status != want {
		s.Fatalf("%s has %+v, want status %d", id, got, want)
	}
	return got[0]
}

// receiver notes what is posted and answers as it is told.
type receiver struct {
	bodies [][]byte
	at     []time.Time
	answer func(w http.ResponseWriter, r *http.Request)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	r.bodies, r.at = append(r.bodies, b), append(r.at, time.Now())
	if r.answer != nil {
		r.answer(w, q)
	}
}

// listen has notifications go to a receiver.
func (s *shop) listen(answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{answer: answer}
	s.URL, s.Client = "https://hub.example/in/acc_store", channeltest.Client(r)
	return r
}

// wait lets time go by.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// proved proves everything that the store told with the hub's own verifier.
func (s *shop) proved() {
	s.Helper()
	environment := engawa.Sandbox
	if s.Environment == sim.Production {
		environment = engawa.Production
	}
	r, err := appstore.New(appstore.Settings{BundleID: bundle, AppAppleID: appID, Environment: environment, Roots: s.RootPEM()})
	s.must(err)
	for _, n := range s.Notices() {
		events, err := r.Receive(nil, n.Body)
		if err != nil || len(events) != 1 || !events[0].Known && !strings.HasPrefix(n.Type, "EXTERNAL") || events[0].DedupKey != n.UUID {
			s.Fatalf("%s %s is not taken: %v %+v", n.Type, n.Subtype, err, events)
		}
		if n.At.After(time.Now()) {
			s.Fatalf("%s was signed for a time to come", n.Type)
		}
	}
}

func millis(t time.Time) float64 { return float64(t.UnixMilli()) }

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}
