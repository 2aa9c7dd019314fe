package follow

import (
	"context"
	"net/http"
	"sync"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

// Clients opens accounts of the App Store to ask the store with. One that is
// open is kept while its settings stand, with the pace of what it has asked. It
// is safe for several goroutines.
type Clients struct {
	Store *store.Store
	HTTP  *http.Client

	mu   sync.Mutex
	open map[string]opened // by account
}

type opened struct {
	version int64
	app     *App
}

// App is an account that is open: whose it is, and what to ask with.
type App struct {
	*appstore.Client

	Account engawa.Account
	AppleID int64 // the app's number, for links into the store; 0: not entered
}

// Open opens an account. The error is an *engawa.Error: CodeNotFound for one
// that is none of the App Store, CodeConflict for one that is switched off or has
// no key (appstore.ErrNoKey).
func (c *Clients) Open(ctx context.Context, workspace, account string) (*App, error) {
	a, err := c.Store.Account(ctx, workspace, account)
	if err != nil {
		return nil, err
	}
	switch {
	case a.Kind != Kind:
		return nil, engawa.NotFound("App Store account")
	case !a.Enabled:
		return nil, &engawa.Error{Code: engawa.CodeConflict, Message: "this App Store account is switched off", Remedy: "switch it on, on the account's page"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.open[a.ID]; ok && o.version == a.Version {
		return o.app, nil
	}
	of, err := appstore.OpenAccount(a.Settings, c.HTTP)
	if err != nil {
		return nil, err
	}
	client, err := of.Client()
	if err != nil {
		return nil, err
	}
	if c.open == nil {
		c.open = map[string]opened{}
	}
	c.open[a.ID] = opened{a.Version, &App{Client: client, Account: a, AppleID: of.AppleID()}}
	return c.open[a.ID].app, nil
}

// Kind is the kind of accounts that are followed.
const Kind = "appstore"
