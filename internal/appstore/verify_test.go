package appstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
)

// TestRefusals holds every way to be refused that a stranger, another app or
// another environment can try.
func TestRefusals(t *testing.T) {
	good := newTestChain(t, testChain{})
	other := newTestChain(t, testChain{})
	now := time.Now()
	full := func(c *testChain) object { return c.notification(t, now, nil) }
	signed := func(c *testChain, extra object) string { return c.sign(t, full(c), extra) }
	short, long := good.x5c()[:2], append(good.x5c(), good.x5c()[2])

	for name, c := range map[string]struct {
		trusts  *testChain
		payload string
		want    Class
	}{
		"alg none":                       {good, unsigned(t, full(good)), ClassVerification},
		"alg none with a signature":      {good, signed(good, object{"alg": "none"}), ClassVerification},
		"alg missing":                    {good, signed(good, object{"alg": nil}), ClassVerification},
		"HS256 with the public key":      {good, hs256(t, good, full(good)), ClassVerification},
		"x5c of none":                    {good, signed(good, object{"x5c": nil}), ClassVerification},
		"x5c empty":                      {good, signed(good, object{"x5c": []string{}}), ClassChainLength},
		"x5c of 2":                       {good, signed(good, object{"x5c": short}), ClassChainLength},
		"x5c of 4":                       {good, signed(good, object{"x5c": long}), ClassChainLength},
		"x5c of text":                    {good, signed(good, object{"x5c": []string{"a", "b", "c"}}), ClassVerification},
		"x5c out of order":               {good, signed(good, object{"x5c": []string{good.x5c()[1], good.x5c()[0], good.x5c()[2]}}), ClassVerification},
		"other root":                     {other, signed(good, nil), ClassVerification},
		"another chain's certificates":   {good, signed(other, object{"x5c": good.x5c()}), ClassVerification},
		"own leaf, genuine intermediate": {good, signed(other, object{"x5c": []string{other.x5c()[0], good.x5c()[1], good.x5c()[2]}}), ClassVerification},
		"jku":                            {good, signed(good, object{"jku": "https://example.com/keys"}), ClassVerification},
		"jwk":                            {good, signed(good, object{"jwk": object{"kty": "EC"}}), ClassVerification},
		"x5u":                            {good, signed(good, object{"x5u": "https://example.com/chain"}), ClassVerification},
		"crit":                           {good, signed(good, object{"crit": []string{"b64"}, "b64": false}), ClassVerification},
		"payload changed":                {good, tamper(signed(good, nil), 1), ClassVerification},
		"signature changed":              {good, tamper(signed(good, nil), 2), ClassVerification},
		"signature cut":                  {good, strings.TrimRight(signed(good, nil)[:100], "."), ClassVerification},
		"line break inside":              {good, signed(good, nil) + "\n", ClassVerification},
		"nothing":                        {good, "a.b.c", ClassVerification},
		"four parts":                     {good, "a.b.c.d", ClassVerification},
		"too long":                       {good, strings.Repeat("a", maxJWS) + ".b.c", ClassVerification},
		"header too long":                {good, signed(good, object{"pad": strings.Repeat("a", maxHeader)}), ClassVerification},
		"signed 6 minutes ahead":         {good, good.sign(t, good.notification(t, now.Add(6*time.Minute), nil), nil), ClassVerification},
		"signed before the leaf":         {good, good.sign(t, good.notification(t, now.Add(-2*365*24*time.Hour), nil), nil), ClassVerification},
		"other bundle":                   {good, good.sign(t, good.notification(t, now, object{"bundleId": "com.example2"}), nil), ClassApp},
		"bundle in other case":           {good, good.sign(t, good.notification(t, now, object{"bundleId": "com.Example"}), nil), ClassApp},
		"production to sandbox":          {good, good.sign(t, good.notification(t, now, object{"environment": "Production"}), nil), ClassEnvironment},
		"Xcode":                          {good, good.sign(t, good.notification(t, now, object{"environment": "Xcode"}), nil), ClassEnvironment},
		"LocalTesting":                   {good, good.sign(t, good.notification(t, now, object{"environment": "LocalTesting"}), nil), ClassEnvironment},
		"no app named":                   {good, good.sign(t, object{"notificationType": "TEST", "notificationUUID": "1", "signedDate": now.UnixMilli()}, nil), ClassApp},
		"transaction instead":            {good, good.sign(t, transaction(now), nil), ClassVerification},
		"date that is none":              {good, good.sign(t, object{"notificationType": "TEST", "notificationUUID": "1", "signedDate": "now"}, nil), ClassVerification},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.trusts.verifier(t).Notification(c.payload)
			wantClass(t, err, c.want)
		})
	}
}

// TestRefusedChains holds chains of which one certificate is wrong.
func TestRefusedChains(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		spec testChain
		at   time.Time
	}{
		"leaf without OID":                      {testChain{noLeafOID: true}, now},
		"intermediate without OID":              {testChain{noBetweenOID: true}, now},
		"intermediate is no authority":          {testChain{noCA: true}, now},
		"leaf not signed by intermediate":       {testChain{otherIssuer: true}, now},
		"ended leaf, signed now":                {testChain{from: now.Add(-400 * day), until: now.Add(-day)}, now},
		"ended leaf, signedDate of long ago":    {testChain{from: now.Add(-900 * day), until: now.Add(-300 * day)}, now.Add(-301 * day)},
		"leaf not begun":                        {testChain{from: now.Add(day), until: now.Add(9 * day)}, now},
		"ended leaf, signedDate before it came": {testChain{from: now.Add(-90 * day), until: now.Add(-day)}, now.Add(-91 * day)},
	} {
		t.Run(name, func(t *testing.T) {
			chain := newTestChain(t, c.spec)
			_, err := chain.verifier(t).Notification(chain.sign(t, chain.notification(t, c.at, nil), nil))
			wantClass(t, err, ClassVerification)
		})
	}
}

// TestJudgedAtSignedDate: what a leaf signed while it was valid counts after
// its end, as long as Apple still hands it out.
func TestJudgedAtSignedDate(t *testing.T) {
	now := time.Now()
	chain := newTestChain(t, testChain{from: now.Add(-400 * 24 * time.Hour), until: now.Add(-time.Hour)})
	v := chain.verifier(t)
	for range 2 {
		if _, err := v.Notification(chain.sign(t, chain.notification(t, now.Add(-24*time.Hour), nil), nil)); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.chains.kept) != 0 {
		t.Error("an ended chain is remembered")
	}
}

// TestInsideIsProved swaps the JWS inside a notification that is itself genuine.
func TestInsideIsProved(t *testing.T) {
	good, other := newTestChain(t, testChain{}), newTestChain(t, testChain{})
	now := time.Now()
	v := good.verifier(t)
	for name, c := range map[string]struct {
		data object
		want Class
	}{
		"transaction of another signer":   {object{"signedTransactionInfo": other.sign(t, transaction(now), nil)}, ClassVerification},
		"renewal info of another signer":  {object{"signedRenewalInfo": other.sign(t, renewal(now), nil)}, ClassVerification},
		"transaction tampered":            {object{"signedTransactionInfo": tamper(good.sign(t, transaction(now), nil), 1)}, ClassVerification},
		"transaction of another notice":   {object{"signedTransactionInfo": good.sign(t, with(transaction(now), object{"originalTransactionId": "999"}), nil)}, ClassVerification},
		"renewal info of another notice":  {object{"signedRenewalInfo": good.sign(t, with(renewal(now), object{"originalTransactionId": "999"}), nil)}, ClassVerification},
		"transaction as renewal info":     {object{"signedRenewalInfo": good.sign(t, transaction(now), nil)}, ClassVerification},
		"renewal info as transaction":     {object{"signedTransactionInfo": good.sign(t, renewal(now), nil)}, ClassVerification},
		"transaction of another app":      {object{"signedTransactionInfo": good.sign(t, with(transaction(now), object{"bundleId": "com.other"}), nil)}, ClassApp},
		"transaction of production":       {object{"signedTransactionInfo": good.sign(t, with(transaction(now), object{"environment": "Production"}), nil)}, ClassEnvironment},
		"renewal info of production":      {object{"signedRenewalInfo": good.sign(t, with(renewal(now), object{"environment": "Production"}), nil)}, ClassEnvironment},
		"renewal info without originalID": {object{"signedRenewalInfo": good.sign(t, object{"environment": "Sandbox", "signedDate": now.UnixMilli()}, nil)}, ClassVerification},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Notification(good.sign(t, good.notification(t, now, c.data), nil))
			wantClass(t, err, c.want)
		})
	}
}

func TestProductionChecksAppleID(t *testing.T) {
	chain := newTestChain(t, testChain{})
	v, err := NewVerifier(Settings{BundleID: "com.example", AppAppleID: 1234, Environment: engawa.Production, Roots: chain.rootPEM()})
	if err != nil {
		t.Fatal(err)
	}
	send := func(app any, environment string) error {
		_, err := v.Notification(chain.sign(t, object{
			"notificationType": "TEST", "notificationUUID": "1", "signedDate": time.Now().UnixMilli(),
			"data": object{"bundleId": "com.example", "appAppleId": app, "environment": environment},
		}, nil))
		return err
	}
	if err := send(1234, "Production"); err != nil {
		t.Error(err)
	}
	wantClass(t, send(1235, "Production"), ClassApp)
	wantClass(t, send(nil, "Production"), ClassApp)
	wantClass(t, send(1234, "Sandbox"), ClassEnvironment)
}

// TestContainers: each container is checked for whose it is, also one that
// Apple adds one day.
func TestContainers(t *testing.T) {
	chain := newTestChain(t, testChain{})
	now := time.Now()
	app := object{"receiptType": "Sandbox", "bundleId": "com.example", "appTransactionId": "71134", "receiptCreationDate": now.UnixMilli()}
	for name, c := range map[string]struct {
		container string
		value     object
		want      Class // empty: accepted
		subject   string
	}{
		"app data":                     {"appData", object{"bundleId": "com.example", "environment": "Sandbox", "signedAppTransactionInfo": chain.sign(t, app, nil)}, "", "app_transaction:71134"},
		"app data of another app":      {"appData", object{"bundleId": "com.other", "environment": "Sandbox"}, ClassApp, ""},
		"app transaction of another":   {"appData", object{"bundleId": "com.example", "environment": "Sandbox", "signedAppTransactionInfo": chain.sign(t, with(app, object{"bundleId": "x"}), nil)}, ClassApp, ""},
		"app transaction of Xcode":     {"appData", object{"bundleId": "com.example", "environment": "Sandbox", "signedAppTransactionInfo": chain.sign(t, with(app, object{"receiptType": "Xcode"}), nil)}, ClassEnvironment, ""},
		"sandbox token":                {"externalPurchaseToken", object{"bundleId": "com.example", "externalPurchaseId": "SANDBOX_1"}, "", "external_purchase:SANDBOX_1"},
		"production token":             {"externalPurchaseToken", object{"bundleId": "com.example", "externalPurchaseId": "1"}, ClassEnvironment, ""},
		"summary":                      {"summary", object{"bundleId": "com.example", "environment": "Sandbox", "requestIdentifier": "efb2"}, "", "extension:efb2"},
		"summary of production":        {"summary", object{"bundleId": "com.example", "environment": "Production"}, ClassEnvironment, ""},
		"new container":                {"newData", object{"bundleId": "com.example", "environment": "Sandbox"}, "", "app:com.example"},
		"new container of another app": {"newData", object{"bundleId": "com.other", "environment": "Sandbox"}, ClassApp, ""},
		"new container of nobody":      {"newData", object{"environment": "Sandbox"}, ClassApp, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := chain.verifier(t)
			n, err := v.Notification(chain.sign(t, object{
				"notificationType": "NEW", "notificationUUID": "1", "signedDate": now.UnixMilli(), c.container: c.value,
			}, nil))
			if c.want != "" {
				wantClass(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := v.subject(n); got != c.subject {
				t.Errorf("subject %q, want %q", got, c.subject)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	chain := newTestChain(t, testChain{})
	good := Settings{BundleID: "com.example", AppAppleID: 1, Environment: engawa.Production}
	if _, err := New(good); err != nil {
		t.Fatalf("Apple's root as default: %v", err)
	}
	leafPEM := func() string {
		c := *chain
		c.root = c.leaf
		return c.rootPEM()
	}()
	for name, c := range map[string]struct {
		change func(*Settings)
		field  string
	}{
		"no bundle id":             {func(s *Settings) { s.BundleID = "" }, "/settings/bundle_id"},
		"production without id":    {func(s *Settings) { s.AppAppleID = 0 }, "/settings/app_apple_id"},
		"no environment":           {func(s *Settings) { s.Environment = "" }, "/settings/environment"},
		"Xcode":                    {func(s *Settings) { s.Environment = "Xcode" }, "/settings/environment"},
		"LocalTesting":             {func(s *Settings) { s.Environment = "LocalTesting" }, "/settings/environment"},
		"Apple's spelling":         {func(s *Settings) { s.Environment = "Production" }, "/settings/environment"},
		"roots of text":            {func(s *Settings) { s.Roots = "my root" }, "/settings/roots"},
		"roots of garbage":         {func(s *Settings) { s.Roots = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, "/settings/roots"},
		"a key as root":            {func(s *Settings) { s.Roots = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" }, "/settings/roots"},
		"a leaf as root":           {func(s *Settings) { s.Roots = leafPEM }, "/settings/roots"},
		"status check, no network": {func(s *Settings) { s.OCSP = true }, "/settings/ocsp"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			c.change(&s)
			_, err := New(s)
			var e *engawa.Error
			if !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Field != c.field || e.Remedy == "" {
				t.Errorf("error %#v, want field %s", err, c.field)
			}
			wantClass(t, err, ClassConfiguration)
		})
	}
}

func TestAppleRootIsApples(t *testing.T) {
	r, err := parseRoots(appleRoots)
	if err != nil || len(r.names) != 1 {
		t.Fatal(err, len(r.names))
	}
	block, rest := pem.Decode(appleRoots)
	if block == nil || len(rest) != 0 {
		t.Fatal("not one PEM block")
	}
	// The fingerprint that Apple publishes beside the certificate.
	want := "63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179"
	if got := fmt.Sprintf("%x", sha256.Sum256(block.Bytes)); got != want {
		t.Errorf("SHA-256 %s, want %s", got, want)
	}
}

// TestChainMemory runs on a fake clock: a chain is remembered for an hour and
// never beyond its end, and a full memory stays within bounds.
func TestChainMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := newTestChain(t, testChain{until: time.Now().Add(90 * time.Minute), from: time.Now().Add(-time.Hour)})
		v := chain.verifier(t)
		take := func() {
			t.Helper()
			if _, err := v.Notification(chain.sign(t, chain.notification(t, time.Now(), nil), nil)); err != nil {
				t.Fatal(err)
			}
		}
		kept := func(want int) {
			t.Helper()
			for sum := range v.chains.kept {
				v.chains.get(sum, time.Now())
			}
			if got := len(v.chains.kept); got != want {
				t.Fatalf("%d chains remembered, want %d", got, want)
			}
		}
		take()
		kept(1)
		time.Sleep(59 * time.Minute)
		kept(1)
		time.Sleep(time.Minute)
		kept(0)
		take()
		time.Sleep(29 * time.Minute)
		kept(1)
		time.Sleep(time.Minute)
		kept(0) // the leaf has ended
		_, err := v.Notification(chain.sign(t, chain.notification(t, time.Now().Add(time.Second), nil), nil))
		wantClass(t, err, ClassVerification)
	})
}

func TestChainMemoryIsBounded(t *testing.T) {
	var m chains
	now := time.Now()
	c := &chain{until: now.Add(time.Hour * 9)}
	for i := range 3 * maxChains {
		m.put(sha256.Sum256([]byte{byte(i)}), c, now.Add(time.Duration(i)*time.Second))
	}
	if len(m.kept) != maxChains {
		t.Errorf("%d remembered, want %d", len(m.kept), maxChains)
	}
	last := sha256.Sum256([]byte{byte(3*maxChains - 1)})
	if m.get(last, now) == nil {
		t.Error("the newest was lost")
	}
}

// TestRememberedChainStillChecks: a warm memory accepts nothing that a cold one refuses.
func TestRememberedChainStillChecks(t *testing.T) {
	chain := newTestChain(t, testChain{})
	v := chain.verifier(t)
	text := chain.sign(t, chain.notification(t, time.Now(), nil), nil)
	if _, err := v.Notification(text); err != nil {
		t.Fatal(err)
	}
	_, err := v.Notification(tamper(text, 1))
	wantClass(t, err, ClassVerification)
	_, err = v.Notification(chain.sign(t, chain.notification(t, time.Now().Add(-3*365*24*time.Hour), nil), nil))
	wantClass(t, err, ClassVerification)
}

func unsigned(t *testing.T, payload any) string {
	return part(t, object{"alg": "none"}) + "." + part(t, payload) + "."
}

// hs256 signs with the leaf's public key as the secret: the classic confusion.
func hs256(t *testing.T, c *testChain, payload any) string {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(c.leafKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	content := part(t, object{"alg": "HS256", "x5c": c.x5c()}) + "." + part(t, payload)
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(content))
	return content + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tamper changes one character in the middle of a part.
func tamper(text string, which int) string {
	parts := strings.Split(text, ".")
	p := []byte(parts[which])
	if p[len(p)/2] == 'A' {
		p[len(p)/2] = 'B'
	} else {
		p[len(p)/2] = 'A'
	}
	parts[which] = string(p)
	return strings.Join(parts, ".")
}
