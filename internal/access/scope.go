package access

import (
	"slices"

	"github.com/engawa/engawa"
)

// Scope is one thing that a key or a grant allows: a noun and a verb. Write does
// not contain read. Its words are internal/text's, under "scope." and the scope.
type Scope string

// The scopes.
const (
	EventsRead        Scope = "events:read"
	EventsWrite       Scope = "events:write"
	MessagesRead      Scope = "messages:read"
	MessagesSend      Scope = "messages:send"
	BroadcastsRead    Scope = "broadcasts:read"
	BroadcastsSend    Scope = "broadcasts:send" // begin, pause and stop them
	CustomersRead     Scope = "customers:read"  // without addresses
	CustomersWrite    Scope = "customers:write"
	CustomersErase    Scope = "customers:erase"
	AddressesRead     Scope = "addresses:read" // each reading is recorded
	ConsentsWrite     Scope = "consents:write"
	SuppressionsRead  Scope = "suppressions:read"
	SuppressionsWrite Scope = "suppressions:write" // lift one; a staff place's needs routes:write too
	SubscribersRead   Scope = "subscribers:read"   // the handles of a partner's own apps
	AppsRead          Scope = "apps:read"
	AppsWrite         Scope = "apps:write"
	AccountsRead      Scope = "accounts:read"
	AccountsWrite     Scope = "accounts:write"
	RoutesRead        Scope = "routes:read" // routes, templates and destinations
	RoutesWrite       Scope = "routes:write"
	WebhooksRead      Scope = "webhooks:read"
	WebhooksWrite     Scope = "webhooks:write" // subscribe a URL to events, replay
	TasksRead         Scope = "tasks:read"
	TasksWrite        Scope = "tasks:write"
	StoreAct          Scope = "store:act" // extend a renewal, answer a consumption request
	PartnersRead      Scope = "partners:read"
	PartnersWrite     Scope = "partners:write"
	KeysWrite         Scope = "keys:write"
	MembersWrite      Scope = "members:write"
	ExportRead        Scope = "export:read"
	WorkspaceRead     Scope = "workspace:read"
	WorkspaceWrite    Scope = "workspace:write" // sender, languages, house rules
	// AppUse is the one scope of a key that an app carries to its customers'
	// devices. No other key can be given it, and such a key no other.
	AppUse Scope = "app:use"
	// PartnerSelf is what every partner may do about itself. No grant has it and no
	// key can be given it.
	PartnerSelf Scope = "partner:self"
)

// All is the entry that stands for every scope in a list of one.
const All = "*"

// Need is what a scope asks for beside itself.
type Need struct {
	Scope   Scope
	Role    engawa.Role // the least role of a member
	Partner bool        // a partner may have it at all
}

// Scopes is the table of all scopes, in the order in which forms show them.
var Scopes = [...]Need{
	{EventsRead, engawa.Viewer, false},
	{EventsWrite, engawa.Admin, false},
	{MessagesRead, engawa.Viewer, true},
	{MessagesSend, engawa.Support, true},
	{BroadcastsRead, engawa.Viewer, false},
	{BroadcastsSend, engawa.Admin, false},
	{CustomersRead, engawa.Viewer, false},
	{CustomersWrite, engawa.Support, false},
	{CustomersErase, engawa.Admin, false},
	{AddressesRead, engawa.Admin, false},
	{ConsentsWrite, engawa.Support, false},
	{SuppressionsRead, engawa.Viewer, false},
	{SuppressionsWrite, engawa.Support, false},
	{SubscribersRead, engawa.Viewer, true},
	{AppsRead, engawa.Viewer, true},
	{AppsWrite, engawa.Admin, false},
	{AccountsRead, engawa.Viewer, false},
	{AccountsWrite, engawa.Admin, false},
	{RoutesRead, engawa.Viewer, false},
	{RoutesWrite, engawa.Admin, false},
	{WebhooksRead, engawa.Viewer, false},
	{WebhooksWrite, engawa.Admin, false},
	{TasksRead, engawa.Viewer, false},
	{TasksWrite, engawa.Support, false},
	{StoreAct, engawa.Support, false},
	{PartnersRead, engawa.Viewer, false},
	{PartnersWrite, engawa.Admin, false},
	{KeysWrite, engawa.Admin, false},
	{MembersWrite, engawa.Owner, false},
	{ExportRead, engawa.Owner, false},
	{WorkspaceRead, engawa.Viewer, false},
	{WorkspaceWrite, engawa.Owner, false},
}

// Principal is who asks. Each part that is set narrows what they may do; a
// principal with neither a role nor a key may do nothing.
type Principal struct {
	Workspace string
	Member    string
	Role      engawa.Role // of a member, also behind the member's key
	Key       string      // id of the API key or of the partner's client
	Scopes    []string    // of that key
	App       string      // the app of the key; empty: it is no app's
	Partner   string
	Grant     []string // the scopes of the partner's live grant
}

// Require answers nil if p may do what scope names, and otherwise an
// *engawa.Error with CodeForbidden. A scope that is not in the table is refused.
func (p Principal) Require(scope Scope) error {
	i := slices.IndexFunc(Scopes[:], func(n Need) bool { return n.Scope == scope })
	switch {
	case p.App != "" || scope == AppUse:
		if p.Workspace == "" || p.Key == "" || p.App == "" || scope != AppUse {
			return refuse(ScopeMissing, nil)
		}
		return nil
	case scope == PartnerSelf:
		if p.Workspace == "" || p.Key == "" || p.Partner == "" {
			return refuse(ScopeMissing, nil)
		}
		return nil
	case i < 0 || p.Workspace == "" || p.Role == "" && p.Key == "":
		return refuse(ScopeMissing, nil)
	case p.Role != "" && !p.Role.Allows(Scopes[i].Role):
		return refuse(RoleTooLow, nil)
	case p.Key != "" && !listed(p.Scopes, scope):
		return refuse(ScopeMissing, nil)
	case p.Partner != "" && !(Scopes[i].Partner && listed(p.Grant, scope)):
		return refuse(ScopeMissing, nil)
	}
	return nil
}

// CheckScopes refuses a list that a key or, if partner is set, a grant may not
// carry. The error is an *engawa.Error with the field.
func CheckScopes(scopes []string, partner bool) error {
	if len(scopes) == 1 && scopes[0] == All {
		return nil
	}
	for _, s := range scopes {
		if !slices.ContainsFunc(Scopes[:], func(n Need) bool { return string(n.Scope) == s && (n.Partner || !partner) }) {
			return engawa.Invalid("/scopes", "choose from the list of scopes, or give * alone for all", "%q is no scope that can be given here", s)
		}
	}
	return nil
}

func listed(list []string, scope Scope) bool {
	return len(list) == 1 && list[0] == All || slices.Contains(list, string(scope))
}
