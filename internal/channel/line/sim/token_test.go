package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestAssertions: tokens for a JWT that a channel's key signed; thirty of them;
// they are listed and revoked.
func TestAssertions(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	within(t, func(w *world) {
		kid := w.AddAssertionKey(w.own.ID, &key.PublicKey)
		signed := func(change map[string]any) string {
			head := map[string]any{"alg": "RS256", "typ": "JWT", "kid": kid}
			claims := map[string]any{"iss": w.own.ID, "sub": w.own.ID, "aud": "https://api.line.me/", "exp": time.Now().Add(20 * time.Minute).Unix(), "token_exp": 86400}
			for k, v := range change {
				if _, ok := head[k]; ok {
					head[k] = v
				} else {
					claims[k] = v
				}
			}
			var parts []string
			for _, v := range []any{head, claims} {
				b, err := json.Marshal(v)
				w.must(err)
				parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
			}
			sum := sha256.Sum256([]byte(strings.Join(parts, ".")))
			signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
			w.must(err)
			return strings.Join(parts, ".") + "." + base64.RawURLEncoding.EncodeToString(signature)
		}
		const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		issue := func(path, jwt string) got {
			return w.form(path, "grant_type", "client_credentials", "client_assertion_type", kind, "client_assertion", jwt)
		}
		good := signed(nil)
		for name, jwt := range map[string]string{
			"another audience": signed(map[string]any{"aud": "https://other"}),
			"another channel":  signed(map[string]any{"iss": "1", "sub": "1"}),
			"another subject":  signed(map[string]any{"sub": "1"}),
			"another key":      signed(map[string]any{"kid": "other"}),
			"no algorithm":     signed(map[string]any{"alg": "none"}),
			"over":             signed(map[string]any{"exp": time.Now().Unix()}),
			"for too long":     signed(map[string]any{"exp": time.Now().Add(31 * time.Minute).Unix()}),
			"a life too long":  signed(map[string]any{"token_exp": 31 * 86400}),
			"cut":              good[:len(good)-8],
			"no JWT":           "a",
		} {
			w.holds(issue("/oauth2/v2.1/token", jwt), name, 400, `"error":"invalid_client"`)
		}
		first := issue("/oauth2/v2.1/token", good)
		w.holds(first, "issue", 200, `"expires_in":86400`, `"key_id":"`)
		token := first.field(t, "access_token")
		w.holds(w.do("GET", "/oauth2/v2.1/verify?access_token="+url.QueryEscape(token), ""), "verify", 200, `"expires_in":86400`)
		for range 29 {
			w.holds(issue("/oauth2/v2.1/token", good), "issue", 200)
		}
		w.holds(issue("/oauth2/v2.1/token", good), "the 31st", 400, "The maximum number of access tokens has already been issued")
		kids := w.do("GET", "/oauth2/v2.1/tokens/kid?"+url.Values{"client_assertion_type": {kind}, "client_assertion": {good}}.Encode(), "")
		w.holds(kids, "kids", 200, first.field(t, "key_id"))
		w.form("/oauth2/v2.1/revoke", "client_id", w.own.ID, "client_secret", w.own.Secret, "access_token", token)
		w.holds(w.do("GET", "/v2/bot/info", "", "Authorization", "Bearer "+token), "revoked", 401)
		w.holds(issue("/oauth2/v2.1/token", good), "one is free", 200)
		w.holds(issue("/oauth2/v3/token", signed(map[string]any{"token_exp": 0})), "stateless by JWT", 200, `"expires_in":900`)
	})
}
