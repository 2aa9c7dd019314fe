package access

import (
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

// Lives of what lets a member in.
const (
	SessionIdle = 30 * time.Minute     // after the last request
	SessionLife = 12 * time.Hour       // after signing in
	FreshFor    = 10 * time.Minute     // a sign-in is fresh enough for what is sensitive
	LinkLife    = 10 * time.Minute     // of a link for whoever asks for it
	InviteLife  = 72 * time.Hour       // of a link that one person hands to another
	KnownFor    = 180 * 24 * time.Hour // a browser is known after a success
	touchEvery  = time.Minute
)

// Session is a signed-in browser as it is kept: without its token.
type Session struct {
	Hash      Hash
	Workspace string
	Member    string
	CreatedAt time.Time // the sign-in
	SeenAt    time.Time
}

// NewSession opens a session and returns its token for the cookie. Every sign-in
// gets a new one, whatever cookie the browser brought.
func NewSession(workspace, member string, now time.Time) (Session, engawa.Secret) {
	token := newToken()
	return Session{Hash: HashToken(token), Workspace: workspace, Member: member, CreatedAt: now, SeenAt: now}, token
}

// Admit answers nil while s lives: neither idle nor old. A session that was not
// found is the zero Session.
func (s Session) Admit(now time.Time) error {
	if s.Member == "" || now.Sub(s.SeenAt) >= SessionIdle || now.Sub(s.CreatedAt) >= SessionLife {
		return refuse(SessionEnded, nil)
	}
	return nil
}

// Touch returns s as seen at now, and whether that is worth keeping: once a minute.
func (s Session) Touch(now time.Time) (Session, bool) {
	if now.Sub(s.SeenAt) < touchEvery {
		return s, false
	}
	s.SeenAt = now
	return s, true
}

// Fresh reports whether the sign-in is recent enough for what asks for it again:
// export, an address, a key, an erasure.
func (s Session) Fresh(now time.Time) bool { return now.Sub(s.CreatedAt) < FreshFor }

// Link is a sign-in link as it is kept: without its token.
//
// Opening the link must only show a button: mail scanners follow links. The
// button posts the token, and the store marks it used where it was not.
type Link struct {
	Hash      Hash
	Workspace string
	Member    string
	EndsAt    time.Time
	UsedAt    time.Time // zero: not used
}

// NewLink returns a link for one sign-in until end, and its token.
func NewLink(workspace, member string, end time.Time) (Link, engawa.Secret) {
	token := newToken()
	return Link{Hash: HashToken(token), Workspace: workspace, Member: member, EndsAt: end}, token
}

// Admit answers nil while l may be used. A link that was not found is the zero Link.
func (l Link) Admit(now time.Time) error {
	if l.Member == "" || !l.UsedAt.IsZero() || !now.Before(l.EndsAt) {
		return refuse(LinkInvalid, nil)
	}
	return nil
}

// Cookies sets and reads this product's cookies. Over TLS their names carry
// __Host-, which a sub-domain or a plain-text page cannot set (RFC 6265bis
// §4.1.3.2); over http, for loopback only, they do not.
type Cookies struct{ Secure bool }

// knownPurpose is what tokens of known browsers are sealed for.
const knownPurpose = "access.known"

// The cookies' names, without their prefix.
const (
	sessionCookie = "engawa_session"
	knownCookie   = "engawa_known"
	oidcCookie    = "engawa_oidc"
)

// SetSession gives the browser its session's token. It ends with the browser, or
// with the session.
func (c Cookies) SetSession(w http.ResponseWriter, token engawa.Secret) {
	c.set(w, sessionCookie, token.Reveal(), 0)
}

// Session returns the hash of the browser's session token. ok is false where
// there is none, and where there are two: one of them came from elsewhere.
func (c Cookies) Session(r *http.Request) (hash Hash, ok bool) {
	token, ok := c.get(r, sessionCookie)
	return HashToken(engawa.Secret(token)), ok
}

// ClearSession takes the token from the browser.
func (c Cookies) ClearSession(w http.ResponseWriter) { c.clear(w, sessionCookie) }

// SetKnown marks the browser as one in which member has signed in.
func (c Cookies) SetKnown(w http.ResponseWriter, v *vault.Vault, member string, now time.Time) {
	id := newToken().Reveal()
	token := v.Token(knownPurpose, []byte(member+" "+id), now.Add(KnownFor))
	c.set(w, knownCookie, token, KnownFor)
}

// Known returns the name under which the attempts of member in this browser are
// kept apart from those of strangers; ok is false for a stranger.
func (c Cookies) Known(r *http.Request, v *vault.Vault, member string, now time.Time) (name string, ok bool) {
	token, ok := c.get(r, knownCookie)
	if !ok {
		return "", false
	}
	payload, err := v.OpenToken(knownPurpose, token, now)
	if err != nil {
		return "", false
	}
	owner, _, _ := strings.Cut(string(payload), " ")
	return string(payload), owner == member && member != ""
}

func (c Cookies) name(base string) string {
	if c.Secure {
		return "__Host-" + base
	}
	return base
}

// set sets a cookie that no script reads. Lax, not Strict: a member follows a
// link from a chat room, and comes back from the OpenID provider.
func (c Cookies) set(w http.ResponseWriter, base, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure over http on loopback only
		Name: c.name(base), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (c Cookies) get(r *http.Request, base string) (string, bool) {
	found := r.CookiesNamed(c.name(base))
	if len(found) != 1 || found[0].Value == "" {
		return "", false
	}
	return found[0].Value, true
}

func (c Cookies) clear(w http.ResponseWriter, base string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // as set
		Name: c.name(base), Path: "/", MaxAge: -1,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
