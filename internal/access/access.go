// Package access says who somebody is and what they may do: API keys, passwords,
// sign-in links, sessions, sign-in by an OpenID provider, scopes and roles.
//
// It decides and computes; it stores nothing. Each thing is a small value that
// the store keeps, with methods that take the time and answer. Of keys, links
// and sessions only SHA-256 hashes are kept: with at least 160 random bits that
// is enough (OWASP ASVS 5.0, 6.5.2). Passwords are the exception, and slow on purpose.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/engawa/engawa"
)

// Refusal says why somebody may not come in. Its words in the reader's language
// are internal/text's, under "access." and the code. It is the cause of the
// *engawa.Error that this package answers; find it with errors.As.
type Refusal string

// The refusals.
const (
	KeyInvalid      Refusal = "key_invalid"      // no such key: unknown, mistyped or revoked, it is not said which
	KeyExpired      Refusal = "key_expired"      //
	KeyNetwork      Refusal = "key_network"      // used from an address outside its networks
	ScopeMissing    Refusal = "scope_missing"    //
	RoleTooLow      Refusal = "role_too_low"     //
	SignInInvalid   Refusal = "sign_in_invalid"  // unknown member or wrong password, it is not said which
	SignInTooSoon   Refusal = "sign_in_too_soon" // after failures; the wait is short and grows
	SignInBusy      Refusal = "sign_in_busy"     // too many sign-ins at once on this node
	LinkInvalid     Refusal = "link_invalid"     // unknown, used or too old
	SessionEnded    Refusal = "session_ended"    //
	ProviderDown    Refusal = "provider_down"    // the OpenID provider cannot be asked
	ProviderRefused Refusal = "provider_refused" // it did not let the person in, or the person declined
	ProviderProof   Refusal = "provider_proof"   // its answer does not hold
	ProviderState   Refusal = "provider_state"   // the answer does not belong to a sign-in begun in this browser
	MailUnverified  Refusal = "mail_unverified"  // the provider does not vouch for the mail address
	NoMember        Refusal = "no_member"        // the provider knows the person, no workspace does
	NoCustomer      Refusal = "no_customer"      // the provider knows who it is, and it is no customer's
)

func (r Refusal) Error() string { return string(r) }

// refuse returns r as the error that the person is told, in English.
// The cause is for the log and may be nil.
func refuse(r Refusal, cause error) *engawa.Error {
	e := &engawa.Error{Code: engawa.CodeUnauthorized, Err: r}
	if cause != nil {
		e.Err = &refused{r, cause}
	}
	switch r {
	case KeyInvalid:
		e.Message, e.Remedy = "this API key is not valid here", "check that the whole key was copied, or make a new one"
	case KeyExpired:
		e.Message, e.Remedy = "this API key has reached its end date", "make a new key and put it in the old one's place"
	case KeyNetwork:
		e.Code = engawa.CodeForbidden
		e.Message, e.Remedy = "this API key may not be used from this network address", "use it from one of its networks, or change them on the key's page"
	case ScopeMissing:
		e.Code = engawa.CodeForbidden
		e.Message, e.Remedy = "this key or grant does not cover that", "ask the business for the scope, or use another key"
	case RoleTooLow:
		e.Code = engawa.CodeForbidden
		e.Message, e.Remedy = "your role does not allow that", "ask an owner or admin of the workspace"
	case SignInInvalid:
		e.Message, e.Remedy = "the mail address and the password do not match", "check both, or ask for a sign-in link"
	case SignInTooSoon:
		e.Code = engawa.CodeRateLimited
		e.Message, e.Remedy = "too many attempts failed one after another", "wait a little, then try again, or ask for a sign-in link"
	case SignInBusy:
		e.Code = engawa.CodeUnavailable
		e.Message, e.Remedy = "too many people are signing in at this moment", "try again in a few seconds"
	case LinkInvalid:
		e.Message, e.Remedy = "this sign-in link has been used or is too old", "ask for a new link; each works once, and for a limited time"
	case SessionEnded:
		e.Message, e.Remedy = "you are not signed in any more", "sign in again"
	case ProviderDown:
		e.Code = engawa.CodeUnavailable
		e.Message, e.Remedy = "your sign-in provider cannot be reached", "try again in a minute; if it lasts, an administrator should check the provider's settings"
	case ProviderRefused:
		e.Message, e.Remedy = "your sign-in provider did not let you in", "sign in there with another account, or ask an administrator"
	case ProviderProof:
		e.Message, e.Remedy = "the answer of your sign-in provider could not be verified", "sign in again; if it lasts, an administrator should check the provider's settings"
	case ProviderState:
		e.Message, e.Remedy = "this sign-in was not begun in this browser, or was begun over 10 minutes ago", "sign in again from the start"
	case MailUnverified:
		e.Message, e.Remedy = "your sign-in provider does not confirm that your mail address is yours", "confirm the address with the provider, then sign in again"
	case NoMember:
		e.Message, e.Remedy = "you are not a member here", "ask an owner to add you with the mail address that your provider knows"
	case NoCustomer:
		e.Code = engawa.CodeForbidden
		e.Message, e.Remedy = "this sign-in is nobody's here", "sign in as a user of the contract that uses the app"
	}
	return e
}

// NotMember is the answer to somebody whom the provider vouches for and whom no
// workspace knows.
func NotMember() error { return refuse(NoMember, nil) }

// NotCustomer is the answer to somebody whom the provider vouches for and who is no
// customer here.
func NotCustomer() error { return refuse(NoCustomer, nil) }

// NotProved is the answer where what the provider told of somebody does not hold.
func NotProved(cause error) error { return refuse(ProviderProof, cause) }

// refused is a refusal with its cause.
type refused struct {
	refusal Refusal
	cause   error
}

func (r *refused) Error() string   { return r.refusal.Error() + ": " + r.cause.Error() }
func (r *refused) Unwrap() []error { return []error{r.refusal, r.cause} }

// Hash is the SHA-256 of a key or token, the only form that is kept of it.
type Hash [sha256.Size]byte

// HashToken returns the hash under which a presented token is looked up.
func HashToken(token engawa.Secret) Hash { return sha256.Sum256([]byte(token)) }

// newToken returns 256 random bits as text for a URL or a cookie.
func newToken() engawa.Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails (Go 1.24)
	return engawa.Secret(base64.RawURLEncoding.EncodeToString(b[:]))
}
