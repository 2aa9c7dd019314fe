package sim

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Login is a LINE Login channel.
type Login struct {
	Provider  string `json:"provider"`
	ID        string `json:"channel_id"`     // empty: made up
	Secret    string `json:"channel_secret"` // empty: made up
	Account   string `json:"account"`        // channel id of the official account that it offers, of the same provider; empty: none
	Callback  string `json:"callback"`       // where a sign-in may lead back to
	Published bool   `json:"published"`      // else nobody can use it
	LIFF      []LIFF `json:"liff"`
}

// LIFF is an app of a Login channel.
type LIFF struct {
	ID          string `json:"liff_id"` // empty: made up
	URL         string `json:"url"`     // its endpoint
	Description string `json:"description"`
	BotPrompt   string `json:"bot_prompt"` // "normal", "aggressive", or "none" where empty
}

// login is a Login with its state.
type login struct {
	Login
	codes map[string]*grant
}

// grant is what a person agreed to.
type grant struct {
	who       *person
	nonce     string
	redirect  string
	challenge string
	until     time.Time
	openid    bool
}

// userToken is the kind of an access token of a person.
const userToken = "user"

const (
	codeLife      = 10 * time.Minute
	userTokenLife = 30 * 24 * time.Hour
	idTokenLife   = time.Hour
	linkTokenLife = 10 * time.Minute
	issuer        = "https://access.line.me"
)

// AddLogin adds a Login channel with its apps. It returns it with what was made up.
func (s *Server) AddLogin(l Login) Login {
	s.enter()
	defer s.leave()
	l.Provider = cmp.Or(l.Provider, "Own")
	l.ID = cmp.Or(l.ID, strconv.FormatInt(1_660_000_000+s.next(), 10))
	l.Secret = cmp.Or(l.Secret, hexText(16))
	for i := range l.LIFF {
		l.LIFF[i].ID = cmp.Or(l.LIFF[i].ID, l.ID+"-"+rand.Text()[:8])
	}
	s.providerOf(l.Provider)
	kept := l
	kept.LIFF = slices.Clone(l.LIFF)
	s.logins = append(s.logins, &login{Login: kept, codes: map[string]*grant{}})
	return l
}

// Logins are the Login channels as they stand.
func (s *Server) Logins() []Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Login, len(s.logins))
	for i, l := range s.logins {
		out[i] = l.Login
		out[i].LIFF = slices.Clone(l.LIFF)
	}
	return out
}

// user is a person's id for the provider of a Login channel.
func (l *login) user(s *Server, who *person) string { return userID(s.providerOf(l.Provider), who) }

func (s *Server) loginOf(id string) *login {
	for _, l := range s.logins {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// liff finds an app and its channel.
func (s *Server) liff(id string) (*login, *LIFF) {
	for _, l := range s.logins {
		for i := range l.LIFF {
			if l.LIFF[i].ID == id {
				return l, &l.LIFF[i]
			}
		}
	}
	return nil, nil
}

// idToken is a token about a person for a Login channel: of a web sign-in it is
// signed with the channel's secret, of LIFF with LINE's key.
func (s *Server) idToken(l *login, who *person, nonce string, web bool) string {
	now := s.now()
	claims := map[string]any{"iss": issuer, "sub": l.user(s, who), "aud": l.ID, "exp": now.Add(idTokenLife).Unix(), "iat": now.Unix(), "name": who.name, "amr": []string{"linesso"}}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if web {
		text := unsigned(map[string]any{"typ": "JWT", "alg": "HS256"}, claims)
		return text + "." + base64.RawURLEncoding.EncodeToString(mac(l.Secret, text))
	}
	text := unsigned(map[string]any{"typ": "JWT", "alg": "ES256", "kid": keyName}, claims)
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key(), sum[:])
	if err != nil {
		panic(err) // the key is our own
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const keyName = "engawa-sim-1"

// key is LINE's key, of which /oauth2/v2.1/certs tells the public half.
func (s *Server) key() *ecdsa.PrivateKey {
	if s.signing == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // there is always randomness
		}
		s.signing = key
	}
	return s.signing
}

func mac(secret, text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func unsigned(head, claims map[string]any) string {
	h, _ := json.Marshal(head)   // plain values
	c, _ := json.Marshal(claims) // plain values
	return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
}

func (s *Server) certs(url.Values) reply {
	b, err := s.key().PublicKey.Bytes()
	if err != nil {
		panic(err) // the key is our own
	}
	half := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return answer(http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "alg": "ES256", "use": "sig", "crv": "P-256", "kid": keyName, "x": half(b[1:33]), "y": half(b[33:]),
	}}})
}

// userTokens mints what a person's consent gives.
func (s *Server) userTokens(l *login, who *person) *token {
	return s.mint(token{kind: userToken, login: l, who: who, until: s.now().Add(userTokenLife)})
}

// exchange gives tokens for the code of a sign-in, once.
func (s *Server) exchange(f url.Values) reply {
	l := s.loginOf(f.Get("client_id"))
	if l == nil || l.Secret != f.Get("client_secret") {
		return *noClient()
	}
	g := l.codes[f.Get("code")]
	delete(l.codes, f.Get("code"))
	switch {
	case g == nil || !s.now().Before(g.until):
		return denied(http.StatusBadRequest, "invalid_grant", "invalid authorization code")
	case g.redirect != f.Get("redirect_uri"):
		return denied(http.StatusBadRequest, "invalid_grant", "redirect_uri does not match")
	case g.challenge != "" && g.challenge != challenge(f.Get("code_verifier")):
		return denied(http.StatusBadRequest, "invalid_grant", "code_verifier does not match")
	}
	out := map[string]any{
		"access_token": s.userTokens(l, g.who).text, "expires_in": int(userTokenLife / time.Second), "refresh_token": rand.Text(), "scope": "profile", "token_type": "Bearer",
	}
	if g.openid {
		out["id_token"], out["scope"] = s.idToken(l, g.who, g.nonce, true), "openid profile"
	}
	return answer(http.StatusOK, out)
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// verifyIDToken tells what an id token says, if it is good for whom asks.
func (s *Server) verifyIDToken(f url.Values) reply {
	wrong := func(why string) reply { return denied(http.StatusBadRequest, "invalid_request", why) }
	parts := strings.Split(f.Get("id_token"), ".")
	var claims map[string]any
	var head struct{ Alg string }
	if len(parts) != 3 || part(parts[0], &head) != nil || part(parts[1], &claims) != nil {
		return wrong("Invalid IdToken.")
	}
	aud, _ := claims["aud"].(string)
	l := s.loginOf(aud)
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	text := parts[0] + "." + parts[1]
	good := err == nil && l != nil && head.Alg == "HS256" && hmac.Equal(mac(l.Secret, text), signature)
	if err == nil && head.Alg == "ES256" && len(signature) == 64 {
		sum := sha256.Sum256([]byte(text))
		good = ecdsa.Verify(&s.key().PublicKey, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	exp, _ := claims["exp"].(float64)
	switch {
	case !good:
		return wrong("Invalid IdToken.")
	case !s.now().Before(time.Unix(int64(exp), 0)):
		return wrong("IdToken expired.")
	case f.Get("client_id") != aud:
		return wrong("Invalid IdToken Audience.")
	case f.Has("nonce") && f.Get("nonce") != claims["nonce"]:
		return wrong("Invalid IdToken Nonce.")
	case f.Has("user_id") && f.Get("user_id") != claims["sub"]:
		return wrong("Invalid IdToken Subject Identifier.")
	}
	return answer(http.StatusOK, claims)
}

// byUser answers calls with a person's own access token.
func (s *Server) byUser(do func(*token) reply) func(*http.Request, []byte) reply {
	return func(r *http.Request, _ []byte) reply {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		t := s.tokens[text]
		if t == nil || t.kind != userToken || t.dead(s.now()) {
			return denied(http.StatusUnauthorized, "invalid_request", "The access token expired or is invalid")
		}
		return do(t)
	}
}

// friendFlag tells whether a person is a friend of the account that the Login
// channel offers.
func (s *Server) friendFlag(t *token) reply {
	a := s.account(t.login.Account)
	return answer(http.StatusOK, map[string]any{"friendFlag": a != nil && t.who.friends[a] != nil && t.who.friends[a].state == Friend})
}

func (s *Server) userInfo(t *token) reply {
	return answer(http.StatusOK, map[string]any{"sub": t.login.user(s, t.who), "name": t.who.name})
}

func (s *Server) userProfile(t *token) reply {
	return answer(http.StatusOK, map[string]any{"userId": t.login.user(s, t.who), "displayName": t.who.name})
}

// liffApps answers the LIFF server API, with the Login channel's token.
func (s *Server) liffApps(r *http.Request, body []byte) reply {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := s.tokens[text]
	if t == nil || t.login == nil || t.kind == userToken || t.dead(s.now()) {
		return refuse(http.StatusUnauthorized, "Authentication failed. Confirm that the access token in the authorization header is valid.")
	}
	l, id := t.login, strings.Trim(strings.TrimPrefix(r.URL.Path, "/liff/v1/apps"), "/")
	at := slices.IndexFunc(l.LIFF, func(a LIFF) bool { return a.ID == id })
	var in struct {
		View        struct{ Type, URL string }
		Description string
		BotPrompt   string
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if json.Unmarshal(body, &in) != nil || r.Method == http.MethodPost && !strings.HasPrefix(in.View.URL, "https://") {
			return refuse(http.StatusBadRequest, "The request body is invalid")
		}
	}
	switch {
	case r.Method == http.MethodGet && id == "":
		return l.apps()
	case r.Method == http.MethodPost && id == "":
		app := LIFF{ID: l.ID + "-" + rand.Text()[:8], URL: in.View.URL, Description: in.Description, BotPrompt: in.BotPrompt}
		l.LIFF = append(l.LIFF, app)
		return answer(http.StatusOK, map[string]any{"liffId": app.ID})
	case at < 0:
		return notFound()
	case r.Method == http.MethodPut:
		app := &l.LIFF[at]
		app.URL, app.Description, app.BotPrompt = cmp.Or(in.View.URL, app.URL), cmp.Or(in.Description, app.Description), cmp.Or(in.BotPrompt, app.BotPrompt)
	case r.Method == http.MethodDelete:
		l.LIFF = slices.Delete(l.LIFF, at, at+1)
	default:
		return refuse(http.StatusMethodNotAllowed, "Method not allowed")
	}
	return reply{status: http.StatusOK}
}

func (l *login) apps() reply {
	if len(l.LIFF) == 0 {
		return notFound()
	}
	out := []any{}
	for _, a := range l.LIFF {
		out = append(out, map[string]any{
			"liffId": a.ID, "view": map[string]any{"type": "full", "url": a.URL, "moduleMode": false}, "description": a.Description, "permanentLinkPattern": "concat",
			"features": map[string]any{"ble": false, "qrCode": false}, "scope": []string{"openid", "profile"}, "botPrompt": cmp.Or(a.BotPrompt, "none"),
		})
	}
	return answer(http.StatusOK, map[string]any{"apps": out})
}

// linkToken begins an account link.
type linkToken struct {
	to    *friendship
	until time.Time
	used  bool
}

var loginRoutes = []route{
	{"POST", "/v2/bot/user/{userId}/linkToken", perSecond2k, (*call).issueLinkToken, false, false, false},
}

func (c *call) issueLinkToken() reply {
	f := c.friend(c.args["userId"])
	if f == nil {
		return refuse(cmp.Or(c.LinkRefused, http.StatusBadRequest), "The user is not a friend")
	}
	text := rand.Text()
	c.links[text] = &linkToken{to: f, until: c.now().Add(linkTokenLife)}
	return answer(http.StatusOK, map[string]any{"linkToken": text})
}
