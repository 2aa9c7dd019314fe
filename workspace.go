package engawa

import (
	"fmt"
	"slices"
	"time"
)

// Locale is a language of the product.
type Locale string

// The locales, in the order in which a missing customer choice falls back.
const (
	Japanese Locale = "ja"
	Korean   Locale = "ko"
	English  Locale = "en"
)

// Locales lists every locale.
var Locales = [...]Locale{Japanese, Korean, English}

// Workspace is one business on this installation; the hard tenant boundary.
type Workspace struct {
	ID        string
	Name      string
	Locale    Locale
	Zone      string // IANA name, for texts and for destinations
	Country   string // ISO 3166-1 alpha-2
	Sender    SenderProfile
	House     House
	CreatedAt time.Time
}

// SenderProfile identifies the legal sender in the words that the law asks for.
type SenderProfile struct {
	Name    string `json:"name"`
	Postal  string `json:"postal"`
	Phone   string `json:"phone"`
	Mail    string `json:"mail"`
	Contact string `json:"contact"` // where complaints go: a URL or an address
}

// House holds the rules that a business sets for itself, on top of the law.
// The zero value means the defaults of the rule set.
type House struct {
	CapPerDay      int  `json:"cap_per_day"`         // messages to one customer in 24 hours, all senders; 0: rule default
	CapPerSender   int  `json:"cap_per_sender"`      // of these, from one partner; 0: rule default
	MinAge         int  `json:"min_age,omitempty"`   // years; 0: rule default
	QuietAllSilent bool `json:"quiet_all,omitempty"` // quiet hours hold service messages too
	// Markets are the countries in which customers may be whose own is not
	// known. Empty: any, so that the law of all of them counts.
	Markets []string `json:"markets,omitempty"`
	// PacksOff are the packs of rules that the business switched off, in order of
	// name. They still count for customers whose country is not known. It is
	// changed by a PackSwitch alone.
	PacksOff []string `json:"packs_off,omitempty"`
}

// PackSwitch is that somebody switched a pack of rules on or off. The switches of
// a workspace are numbered from 1 and kept.
type PackSwitch struct {
	Workspace string
	Version   int64
	Pack      string
	On        bool
	Reason    string
	By        string // "key:…", "member:…"
	At        time.Time
}

// Role is what a member may do.
type Role string

// The roles, each containing the next.
const (
	Owner   Role = "owner"
	Admin   Role = "admin"
	Support Role = "support"
	Viewer  Role = "viewer"
)

// Allows reports whether a member of role r may do what needs at least need.
func (r Role) Allows(need Role) bool {
	rank := map[Role]int{Viewer: 1, Support: 2, Admin: 3, Owner: 4}
	return rank[r] >= rank[need] && rank[r] > 0
}

// Member is a person of the workspace.
type Member struct {
	Workspace string
	ID        string
	Name      string
	Mail      Address
	Role      Role
	Locale    Locale
	CreatedAt time.Time
}

// Format names the member without mailbox and name, whatever the verb.
func (m Member) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "member %s (%s)", m.ID, m.Role) }

// App is a product that customers use.
type App struct {
	Workspace string
	ID        string
	Name      string
	Partner   string // who operates it; empty: the workspace itself
	CreatedAt time.Time
}

// Partner is an outside party with its own credentials.
type Partner struct {
	Workspace string
	ID        string
	Name      string
	Sender    SenderProfile
	CreatedAt time.Time
	EndedAt   time.Time // zero: it has not ended
}

// Repute is how a partner stands with those who get its mail.
type Repute string

// The levels, from the best on.
const (
	ReputeGood    Repute = ""
	ReputeWarned  Repute = "warned"
	ReputeSlowed  Repute = "slowed"  // a quarter of its usual marketing goes
	ReputeStopped Repute = "stopped" // none of its marketing goes
)

// WorseThan reports whether r is a worse level than o.
func (r Repute) WorseThan(o Repute) bool {
	order := map[Repute]int{ReputeWarned: 1, ReputeSlowed: 2, ReputeStopped: 3}
	return order[r] > order[o]
}

// Grant is what a partner may do in a workspace. Empty lists allow nothing;
// the single entry "*" allows all.
type Grant struct {
	Workspace  string
	ID         string
	Partner    string
	Scopes     []string
	Apps       []string
	Channels   []string
	Purposes   []Purpose
	QuotaDay   int // messages; 0: none
	QuotaMonth int
	StartsAt   time.Time
	EndsAt     time.Time // zero: open
	EndedAt    time.Time // zero: not ended early
	Version    int64
}

// InForce reports whether the grant holds at a time: one that was ended is ended
// whatever the clocks say.
func (g Grant) InForce(at time.Time) bool {
	return g.EndedAt.IsZero() && !at.Before(g.StartsAt) && (g.EndsAt.IsZero() || at.Before(g.EndsAt))
}

// Opens reports whether the grant is for an app. All apps are those that no other
// partner operates: one of another's has to be named.
func (g Grant) Opens(a App) bool {
	return slices.Contains(g.Apps, a.ID) || slices.Contains(g.Apps, "*") && (a.Partner == "" || a.Partner == g.Partner)
}

// Allows reports whether the grant has a scope.
func (g Grant) Allows(scope string) bool {
	return slices.Contains(g.Scopes, scope) || slices.Contains(g.Scopes, "*")
}
