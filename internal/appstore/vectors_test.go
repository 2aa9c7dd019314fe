package appstore

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vectors"
)

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type jwsCase struct {
	ID, File, Kind, Environment, BundleID string
	AppAppleID                            int64
	OK                                    bool
	Error                                 string
	Expect                                map[string]any
}

func TestAppleJWSCases(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	var file struct{ Cases []jwsCase }
	if err := json.Unmarshal(read(t, dir, "jws-cases.json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 18 {
		t.Fatalf("%d cases, want 18", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			got, err := runCase(t, dir, c)
			if !c.OK {
				wantClass(t, err, Class(c.Error))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for key, want := range c.Expect {
				checkMember(t, got, key, want)
			}
		})
	}
}

// runCase returns what was decoded. Xcode data, which nothing proves, is only
// decoded, and only by this test: no Verifier takes it.
func runCase(t *testing.T, dir string, c jwsCase) (any, error) {
	t.Helper()
	text, literal := strings.CutPrefix(c.File, "literal:")
	if !literal && c.Kind != "constructor" {
		text = string(read(t, dir, c.File))
	}
	if c.Environment == "Xcode" {
		return decodeXcode(t, c.Kind, text), nil
	}
	v, err := NewVerifier(Settings{
		BundleID: c.BundleID, AppAppleID: c.AppAppleID, Environment: strings.ToLower(c.Environment),
		Roots: string(read(t, dir, "certs", "testCA.pem")),
	})
	if err != nil {
		return nil, err
	}
	switch c.Kind {
	case "notification", "full":
		n, err := v.Notification(text)
		if err == nil && c.Kind == "full" && (n.Transaction == nil || n.Renewal == nil) {
			t.Error("transaction or renewal info not opened")
		}
		return n, err
	case "renewal":
		return v.RenewalInfo(text)
	case "transaction":
		return v.Transaction(text)
	case "appTransaction":
		return v.AppTransaction(text)
	}
	t.Fatalf("unknown kind %q", c.Kind)
	return nil, nil
}

func decodeXcode(t *testing.T, kind, text string) any {
	t.Helper()
	j, err := split(text)
	if err != nil {
		t.Fatal(err)
	}
	var it payload = &Transaction{}
	if kind == "appTransaction" {
		it = &AppTransaction{}
	}
	if err := jsonv2.Unmarshal(j.payload, it); err != nil {
		t.Fatal(err)
	}
	return it
}

func checkMember(t *testing.T, got any, key string, want any) {
	t.Helper()
	if n, ok := got.(*Notice); ok {
		got = n.Notification
	}
	text, err := jsonv2.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var at any
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(key, "_raw"), ".") {
		at = at.(map[string]any)[name]
	}
	if !reflect.DeepEqual(at, want) {
		t.Errorf("%s is %v, want %v", key, at, want)
	}
}

// wantClass checks the class of an error. Apple's libraries differ on whether
// a wrong number of certificates has a class of its own.
func wantClass(t *testing.T, err error, want Class) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want class %s", err, want)
	}
	got := e.Class
	if got == ClassChainLength && want == ClassVerification {
		return
	}
	if got != want {
		t.Errorf("class %s (%v), want %s", got, err, want)
	}
}

func TestAppleModelsLoseNothing(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	for file, it := range map[string]any{
		"signedNotification.json":                      &Notification{},
		"signedSummaryNotification.json":               &Notification{},
		"signedExternalPurchaseTokenNotification.json": &Notification{},
		"signedTransaction.json":                       &Transaction{},
		"signedRenewalInfo.json":                       &RenewalInfo{},
		"appTransaction.json":                          &AppTransaction{},
	} {
		t.Run(file, func(t *testing.T) {
			text := read(t, dir, "models", file)
			roundTrip(t, text, it)
			if other := reflect.ValueOf(it).Elem().FieldByName("Other"); other.Len() > 0 {
				t.Errorf("members without a field: %s", other.Bytes())
			}
		})
	}
}

// roundTrip decodes text into it and checks that encoding gives the same JSON.
func roundTrip(t *testing.T, text []byte, it any) {
	t.Helper()
	if err := jsonv2.Unmarshal(text, it); err != nil {
		t.Fatal(err)
	}
	again, err := jsonv2.Marshal(it)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(again, &got)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("encoded again:\n%s\nwant:\n%s", again, text)
	}
}

func TestAppleSummaryHasNoData(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	var n Notification
	if err := jsonv2.Unmarshal(read(t, dir, "models", "signedSummaryNotification.json"), &n); err != nil {
		t.Fatal(err)
	}
	if n.Summary == nil || n.Data != nil || *n.Summary.SucceededCount != 5 {
		t.Errorf("summary %+v, data %+v", n.Summary, n.Data)
	}
}

func TestAppleExternalTokenIsProduction(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	var n Notification
	if err := jsonv2.Unmarshal(read(t, dir, "models", "signedExternalPurchaseTokenNotification.json"), &n); err != nil {
		t.Fatal(err)
	}
	if got := claims(&n); len(got) != 1 || got[0] != (claim{"com.example", 55555, "Production"}) {
		t.Errorf("claims %+v", got)
	}
}

// TestAppleChains is the table of certificates of the vectors' ORIGIN.md.
func TestAppleChains(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	cert := func(name string) string {
		text := read(t, dir, "certs", name)
		if block, _ := pem.Decode(text); block != nil {
			text = block.Bytes
		}
		return base64.StdEncoding.EncodeToString(text)
	}
	testRoot, err := parseRoots(read(t, dir, "certs", "testCA.pem"))
	if err != nil {
		t.Fatal(err)
	}
	appleRoot, err := parseRoots(appleRoots)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1761962975, 0)
	leaf, between := cert("testLeaf.pem"), cert("testIntermediate.pem")
	for name, c := range map[string]struct {
		roots roots
		x5c   []string
		at    time.Time
		ok    bool
	}{
		"test chain":                      {testRoot, []string{leaf, between, "ignored"}, at, true},
		"Apple's real chain":              {appleRoot, []string{cert("apple-receipt-signing-leaf-2025.der"), cert("apple-wwdr-ca-g6.der"), ""}, at, true},
		"test chain under Apple's root":   {appleRoot, []string{leaf, between, cert("testCA.der")}, at, false},
		"Apple's chain under test root":   {testRoot, []string{cert("apple-receipt-signing-leaf-2025.der"), cert("apple-wwdr-ca-g6.der"), ""}, at, false},
		"intermediate with another OID":   {testRoot, []string{cert("testInvalidIntermediateLeaf.pem"), cert("testInvalidOIDIntermediate.pem"), ""}, at, false},
		"leaf in the intermediate's seat": {testRoot, []string{leaf, leaf, ""}, at, false},
		"no base64":                       {testRoot, []string{"abc", between, ""}, at, false},
		"no DER":                          {testRoot, []string{"bm90IGEgY2VydGlmaWNhdGU=", between, ""}, at, false},
		"after the end":                   {testRoot, []string{leaf, between, ""}, time.Unix(2280946846, 0), false},
		"before the beginning":            {testRoot, []string{leaf, between, ""}, time.Unix(1600000000, 0), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.roots.prove(c.x5c, c.at)
			if (err == nil) != c.ok {
				t.Errorf("error %v, want accepted %t", err, c.ok)
			}
		})
	}
}

func TestAppleNotificationBecomesEvent(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	r, err := New(Settings{BundleID: "com.example", Environment: engawa.Sandbox, Roots: string(read(t, dir, "certs", "testCA.pem"))})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"signedPayload":"` + string(read(t, dir, "generated", "full-notification.jws")) + `"}`)
	events, err := r.Receive(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	e := events[0]
	if e.Type != "store.subscribed.initial_buy" || !e.Known || e.Subject != "transaction:12345" ||
		e.DedupKey != "002e14d5-51f5-4503-b5a8-c3a1af68eb20" || e.OccurredAt.UnixMilli() != 1698148900000 || string(e.Raw) != string(body) {
		t.Errorf("event %+v", e)
	}
}
