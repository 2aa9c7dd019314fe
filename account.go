package engawa

import "time"

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
