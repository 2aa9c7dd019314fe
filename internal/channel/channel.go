// Package channel says what a kind of channel is: a value with a name, fields,
// limits and a constructor. Console forms, the API, secrets, metrics, the docs
// page and the demo follow from it.
package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/refusal"
	"github.com/engawa/engawa/internal/verdict"
)

// Channel hands messages over on one account.
//
// Send returns a Receipt when the provider has accepted the message, and
// otherwise a *SendError, nothing else. It ends by the deadline of m.
type Channel interface {
	Send(ctx context.Context, m verdict.Cleared) (Receipt, error)
}

// Receiver is an account that takes the provider's callbacks. Receive verifies
// and translates and does no I/O. Its errors are *engawa.Error: CodeUnverified
// or CodeInvalid for what can never be accepted, CodeUnavailable for what may
// be accepted later.
type Receiver interface {
	Receive(h http.Header, body []byte) ([]engawa.Event, error)
}

// Poller is an account that is asked for news. The cursor is opaque and is
// stored with the events it came with.
type Poller interface {
	Poll(ctx context.Context, cursor string) ([]engawa.Event, string, error)
}

// Prober is an account that can say whether its settings work, without sending
// anything. The error is an *engawa.Error in words for the operator.
type Prober interface {
	Probe(ctx context.Context) error
}

// Closer is a channel that keeps connections.
type Closer interface {
	Close() error
}

// Kind describes a kind of channel or source. It is a plain value.
type Kind struct {
	Name         string // "mail": also the contact points' kind and the key of its words
	Fields       []Field
	Limits       func(Settings) []Limit // what the provider allows; nil: nothing known
	Conns        func(Settings) int     // hand-overs under way at once; nil: 4
	Relationship string                 // required state of the relationship: "friend"; empty: none
	Disclosure   bool                   // forbids unannounced automatic messages
	Tells        bool                   // a notice goes with whom and what it tells of (engawa.About)
	Home         string                 // the address where it goes that names no place; empty: a place must be named
	Retry        Retry
	ToCustomers  bool // may reach customers' contact points
	ToStaff      bool // may reach destinations
	// Answers says what a hand-over's refusal means that the provider numbers so
	// (HTTP, SMTP), where its words do not say more; nil: it numbers none. The
	// docs page prints it.
	Answers func(code int) Class
	// Form is set for a kind that fills in a public form; nil: it has a program
	// to speak to.
	Form *FormKind
	// Address checks and normalises a recipient address of this kind.
	Address func(string) (engawa.Address, error)
	// Between names the two domains of a mail that an account sends to an address,
	// which a receiver may refuse for the first; nil: it sends no mail.
	Between func(Settings, engawa.Address) breaker.Pair
	// ComesBack reports whether what a receiver refuses after the hand-over comes
	// back to the hub; nil: it does not.
	ComesBack func(Settings) bool
	// Sound says what is wrong with settings whose fields are right one by one;
	// nil: nothing can be. The error is an *engawa.Error that names the field.
	Sound func(Settings) error
	// Places lists where the account may post, for a picker; nil: it has no
	// list. The error is an *engawa.Error in words for the operator.
	Places func(ctx context.Context, s Settings, env Env) ([]Place, error)
	// Options lists, by the key of a field of type Pick, what the provider has for
	// it; nil: no field is one. The error is as that of Places.
	Options func(ctx context.Context, s Settings, env Env) (map[string][]Option, error)
	// Who asks in whose name the account speaks; nil: it cannot be asked. The
	// error is as that of Places.
	Who func(ctx context.Context, s Settings, env Env) (Who, error)
	// Fill asks the provider for settings that nobody need look up, by the keys of
	// their fields; nil: there are none. The error is as that of Places.
	Fill func(ctx context.Context, s Settings, env Env) (map[string]string, error)
	// First is what the provider answers first, addresses masked, for an operator to
	// find in it what settings ask for; empty where there is nothing to ask. nil: the
	// provider's answers are known.
	First func(ctx context.Context, s Settings, env Env) string
	// People lists who can be given a task at a place; nil: this kind has no
	// tasks. The error is as that of Places.
	People func(ctx context.Context, s Settings, env Env, place engawa.Address) ([]Person, error)
	// New opens an account for sending; nil for a source.
	New func(Settings, Env) (Channel, error)
	// Source opens an account that only receives; nil for a channel, whose
	// Channel may be a Receiver itself.
	Source func(Settings, Env) (Receiver, error)
	// SignIn says how customers sign in at the provider to their own page; nil, also
	// of what it returns: they cannot.
	SignIn func(Settings) *SignIn
	// Posts says that what comes in is the business's own word, held against the
	// catalogue like what is posted to /v1/events, and not a provider's.
	Posts bool
	// Mailbox says that the account takes mail at an address of the relay's.
	Mailbox bool
	// File says that the account takes files that members upload.
	File bool
}

// SignIn is how customers sign in at a provider, by OpenID Connect with the provider's
// user info as the proof of who it is.
type SignIn struct {
	Issuer                     string // https URL
	Authorize, Token, UserInfo string // URLs
	ClientID                   string
	ClientSecret               engawa.Secret
	Scopes                     []string // besides openid
	// Visitor reads user info. The error quotes nothing of it.
	Visitor func(userInfo []byte) (Visitor, error)
}

// Format names the provider without the secret, whatever the verb.
func (s SignIn) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sign-in at "+s.Issuer) }

// Visitor is who signed in at a provider.
type Visitor struct {
	Identity engawa.Identity // whose page it is, with the visitor's role on a contract
	Mail     engawa.Address  // where the provider has verified it; empty: it was not told
}

// Format names nobody, whatever the verb.
func (v Visitor) Format(f fmt.State, _ rune) { fmt.Fprint(f, "visitor of a "+v.Identity.Kind) }

// Place is one place that an account could post to.
type Place struct {
	Address engawa.Address
	Name    string
	Refused string // why it may not be a destination: the key of words under "place."; empty: it may
}

// Format names the place without its address, whatever the verb.
func (p Place) Format(f fmt.State, _ rune) { fmt.Fprint(f, "place "+p.Name) }

// Option is a value that a setting may have at the provider.
type Option struct{ Value, Name string }

// Who is the provider's account behind the credentials, with what its answer
// said of the limits.
type Who struct {
	Name string
	Seen []Seen
}

// Person is somebody at a place who can be given a task there.
type Person struct{ ID, Name string }

// Retry says what a kind offers against sending twice.
type Retry struct {
	// KeyLife is how long the provider remembers a retry key from its first
	// use. Within it an unknown outcome is tried again with the same key.
	KeyLife time.Duration
	// Lookup: the channel can look whether a message arrived (it is a Finder).
	Lookup bool
}

// ErrNoLookup says that this account, or this place, cannot be looked through
// for a parcel, now or later: only a person can tell whether it arrived.
var ErrNoLookup = errors.New("this place cannot be looked through")

// Finder looks whether a parcel whose outcome is unknown did arrive. An error
// that is not ErrNoLookup means that it is looked for again later.
type Finder interface {
	Find(ctx context.Context, m verdict.Cleared) (found bool, r Receipt, err error)
}

// Field is one setting of an account.
type Field struct {
	Key      string // its words are "kind.<kind>.<key>" and "kind.<kind>.<key>.help"
	Type     FieldType
	Required bool
	Default  string
	Choices  []string           // for Choice
	Check    func(string) error // for Own: says in an operator's words what is wrong; nil: anything goes
}

// FieldType says how a field is shown, checked and kept.
type FieldType string

// The field types. A SecretField is write-only.
const (
	Text        FieldType = "text"
	SecretField FieldType = "secret"
	Number      FieldType = "number"
	Bool        FieldType = "bool"
	URL         FieldType = "url"
	Host        FieldType = "host"
	Mail        FieldType = "mail"
	Choice      FieldType = "choice"
	PEM         FieldType = "pem"   // long text, secret
	Lines       FieldType = "lines" // long text
	Own         FieldType = "own"   // written on a page of its own
	Input       FieldType = "input" // the name of an input of a FormKind's form
	Pick        FieldType = "pick"  // one of what the provider has: Kind.Options
	OfApp       FieldType = "app"   // the id of an app of the workspace; whoever saves it looks whether there is one
)

// Secret reports whether values of this type are write-only.
func (t FieldType) Secret() bool { return t == SecretField || t == PEM }

// Settings are an account's values by field key, defaults filled in.
type Settings map[string]string

// Format prints the keys alone, whatever the verb: some values are secrets.
func (s Settings) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// String names the keys.
func (s Settings) String() string {
	return "settings " + strings.Join(slices.Sorted(maps.Keys(s)), " ")
}

// MarshalText is String, in JSON and text encodings.
func (s Settings) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Env is what a channel reaches the world with. Tests plug simulators in.
type Env struct {
	Account   string // id of the account being opened: what Cleared.Open is asked for
	HTTP      *http.Client
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	Log       Log
	PublicURL string // of the hub's own pages, without a slash at the end; empty: not known
	// BounceTo and ReplyTo return the local parts of the addresses at which the
	// relay knows a delivery again: its return path, and where answers go, the
	// same for one moment. Empty for a delivery that the relay cannot name; nil:
	// there is no relay.
	BounceTo, ReplyTo func(delivery string, at time.Time) string
	Relays            []string // domains whose mail comes to this hub, in lower case: nothing goes there
	// Hop marks a mail as the hub's own, by how many led to it, itself included;
	// nil: there is no relay to which it could come.
	Hop   func(n int) string
	Show  func(context.Context, Shown) error       // keeps a message for an app; nil: there is nowhere to
	Raise func(context.Context, engawa.Task) error // asks a person; what cannot be raised is not settled
}

// Shown is a message for an app.
type Shown struct {
	Workspace, Delivery, App string
	Purpose                  engawa.Purpose
	Locale                   engawa.Locale
	Content                  engawa.Content
	Unsubscribe              string
}

// Format names the delivery without its words, whatever the verb.
func (s Shown) Format(f fmt.State, _ rune) { fmt.Fprint(f, "shown "+s.Delivery) }

// Log is the part of *slog.Logger that a channel needs.
type Log interface {
	WarnContext(ctx context.Context, msg string, args ...any)
}

// Limit is one thing that the provider counts.
type Limit struct {
	Scope string        // "token", "room", "month": shown and stored under this name
	ByTo  bool          // counted for each recipient address
	N     int           // calls
	Per   time.Duration // in any window of this length
	Exact bool          // the provider counts a window: keep the last N instants; else a steady rate (GCRA)
	Burst int           // for a steady rate: how many may go at once
	// Month is where the provider counts calendar months, for whoever uses the account:
	// so only its word that the month's are used up holds anything back. nil: Per counts.
	Month *time.Location
}

// Receipt is the provider's acceptance.
type Receipt struct {
	ProviderID string
	Delivered  bool // the provider says it reached the recipient
	Exchange   engawa.Exchange
	Seen       []Seen
}

// Seen is what an answer said about a limit; it corrects the lane's own count.
type Seen struct {
	Scope     string
	Remaining int
	ResetsAt  time.Time
}

// SendError says how a hand-over ended that was not accepted.
type SendError struct {
	Class    Class
	Code     string        // "429", "timeout", "550 5.1.1" …: short, no address, no secret
	After    time.Duration // for Retry: not before; 0: the lane's own backoff
	Err      error         // may be nil; never holds an address or a secret
	Exchange engawa.Exchange
	Seen     []Seen
	Carry    []byte           // given back in the parcel of the next attempt
	Blame    breaker.Said     // of a refusal of mail: whether the receiver speaks of the sender or of this mail; empty: of neither
	Refusal  *refusal.Refusal // of mail: what the receiver meant; nil: it said nothing of this mail or its recipient
	Asked    bool             // the channel has asked a person for what it could not do: nobody need be asked again
}

// Class is what a SendError means for the delivery.
type Class string

// The classes.
const (
	Again         Class = "retry"          // try later
	Rejected      Class = "rejected"       // this message will never be accepted here
	AddressGone   Class = "address_gone"   // nor will any other to this address: suppress it
	AccountClosed Class = "account_closed" // the account cannot send at all: pause the lane, raise a task
	Ambiguous     Class = "unknown"        // it may have been accepted
)

func (e *SendError) Error() string {
	s := string(e.Class) + " " + e.Code
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *SendError) Unwrap() error { return e.Err }

// NotCleared wraps the error of verdict.Cleared.Open. It is a Again, since the
// next claim judges anew.
func NotCleared(err error) *SendError {
	return &SendError{Class: Again, Code: "not_cleared", Err: err}
}

// Check returns settings with the defaults of k filled in, or the first thing
// that is wrong with them. Unknown keys are refused.
func (k Kind) Check(in map[string]string) (Settings, error) {
	out := Settings{}
	known := map[string]bool{}
	for _, f := range k.Fields {
		known[f.Key] = true
		v, given := in[f.Key]
		if !given || v == "" {
			v = f.Default
		}
		if v == "" {
			if f.Required {
				return nil, engawa.Invalid("/settings/"+f.Key, "fill it in", "%s: %s is required", k.Name, f.Key)
			}
			continue
		}
		if err := f.check(v); err != nil {
			return nil, engawa.Invalid("/settings/"+f.Key, "correct it", "%s: %s: %s", k.Name, f.Key, err)
		}
		out[f.Key] = v
	}
	for key := range in {
		if !known[key] {
			return nil, engawa.Invalid("/settings/"+key, "remove it", "%s has no setting called %q", k.Name, key)
		}
	}
	if k.Sound != nil {
		if err := k.Sound(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Environment is that of an account with settings s which was given one: of a kind
// with a setting of that name, such as an app in the App Store, the setting is it.
func (k Kind) Environment(s Settings, given string) string {
	if i := k.environment(); i >= 0 {
		return cmp.Or(s[k.Fields[i].Key], k.Fields[i].Default)
	}
	return given
}

// SetsEnvironment reports whether the kind has such a setting.
func (k Kind) SetsEnvironment() bool { return k.environment() >= 0 }

func (k Kind) environment() int {
	return slices.IndexFunc(k.Fields, func(f Field) bool { return f.Key == "environment" })
}

// tryTime is how long a provider is waited for when settings are saved.
const tryTime = 10 * time.Second

// Doubt is what keeps nobody from saving settings, and is told all the same.
type Doubt string

// The doubts.
const (
	NoDoubt Doubt = ""        // they work, or there is nobody to ask
	Unasked Doubt = "unasked" // the provider does not answer now
	Refused Doubt = "refused" // it does not take them, and does not say which
)

// Try checks settings as Check does, opens the account and, where it can, asks
// the provider whether they work; what the provider knows better (Fill) it writes
// into in. The error is an *engawa.Error that names the field to correct; whatever
// else the provider says, or that it says nothing, is a doubt.
func (k Kind) Try(ctx context.Context, in map[string]string, env Env) (Doubt, error) {
	s, err := k.Check(in)
	if err != nil {
		return NoDoubt, err
	}
	opened, err := k.open(s, env)
	if err != nil {
		return NoDoubt, err
	}
	if c, ok := opened.(Closer); ok {
		defer c.Close() //nolint:errcheck // it has sent nothing
	}
	p, ok := opened.(Prober)
	if !ok {
		return NoDoubt, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	err = p.Probe(ctx)
	if err == nil {
		err = k.picked(ctx, s, env)
	}
	if err == nil && k.Fill != nil {
		var filled map[string]string
		filled, err = k.Fill(ctx, s, env)
		maps.Copy(in, filled)
	}
	told, ok := errors.AsType[*engawa.Error](err)
	switch {
	case err == nil:
		return NoDoubt, nil
	case !ok || told.Code == engawa.CodeUnavailable:
		return Unasked, nil
	case told.Field == "":
		return Refused, nil
	}
	return NoDoubt, told
}

// App returns the field that names an app, and which app is named; an empty id
// where there is no such field, or nothing in it.
func (k Kind) App(s map[string]string) (field, id string) {
	for _, f := range k.Fields {
		if f.Type == OfApp {
			return f.Key, s[f.Key]
		}
	}
	return "", ""
}

// open opens the account as what the kind is; nil: it only takes mail or files.
func (k Kind) open(s Settings, env Env) (any, error) {
	switch {
	case k.New != nil:
		return k.New(s, env)
	case k.Source != nil:
		return k.Source(s, env)
	}
	return nil, nil //nolint:nilnil // there is nothing to open
}

// picked names a setting to which the provider has nothing.
func (k Kind) picked(ctx context.Context, s Settings, env Env) error {
	picks := slices.DeleteFunc(slices.Clone(k.Fields), func(f Field) bool { return f.Type != Pick || s[f.Key] == "" })
	if len(picks) == 0 || k.Options == nil {
		return nil
	}
	has, err := k.Options(ctx, s, env)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(picks, func(f Field) bool {
		return !slices.ContainsFunc(has[f.Key], func(o Option) bool { return o.Value == s[f.Key] })
	})
	if i < 0 {
		return nil
	}
	var names []string
	for _, o := range has[picks[i].Key] {
		names = append(names, o.Value+" ("+o.Name+")")
	}
	return engawa.Invalid("/settings/"+picks[i].Key, "leave it empty, or choose one of: "+strings.Join(names[:min(len(names), maxNamed)], ", "),
		"%s: there is no %s %q", k.Name, picks[i].Key, s[picks[i].Key])
}

// TryPlace says why an account may not post to an address, where the provider's
// list of places refuses it; the error is an *engawa.Error. An address that is
// not listed, and a provider that does not answer now, is none.
func (k Kind) TryPlace(ctx context.Context, in map[string]string, env Env, to engawa.Address) error {
	s, err := k.Check(in)
	if err != nil || k.Places == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	places, _ := k.Places(ctx, s, env) // a provider that does not answer refuses nothing
	if task, ok := ReadAssignment(to); ok {
		to = task.Place
	}
	for _, p := range places {
		if p.Address == to && p.Refused != "" {
			return engawa.Invalid("/address", "choose a place that all of the staff read and the account may post to", "%s refuses this place: %s", k.Name, strings.ReplaceAll(p.Refused, "_", " "))
		}
	}
	return nil
}

// maxNamed is how many options an error names.
const maxNamed = 20

// Connections returns how many hand-overs of an account may be under way at once.
func (k Kind) Connections(s Settings) int {
	if k.Conns == nil {
		return 4
	}
	return max(1, k.Conns(s))
}
