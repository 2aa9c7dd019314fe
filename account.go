package engawa

import (
	"fmt"
	"time"
)

// Account is one real account on a channel or a source.
type Account struct {
	Workspace   string
	ID          string
	Kind        string // "mail", "chatwork", "webhook", "appstore" …
	Name        string
	Environment string // "production" or "sandbox"
	Owner       string // "workspace", a partner's id or "other"
	Custodian   string // who holds the provider-side admin rights
	Enabled     bool
	Settings    map[string]string // sealed in the store
	Version     int64
	CreatedAt   time.Time
}

// String names the account without its settings, among which are secrets.
func (a Account) String() string { return a.Kind + " account " + a.ID }

// Format prints String whatever the verb.
func (a Account) Format(f fmt.State, verb rune) { printAs(f, verb, a.String()) }

// MarshalText is String, in JSON and text encodings.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Owner and custodian values that are not a partner's id.
const (
	OwnerWorkspace = "workspace"
	OwnerOther     = "other"
)

// Environments of an account.
const (
	Production = "production"
	Sandbox    = "sandbox"
)
