package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// caller is an API key with what it stands for.
type caller struct {
	key   access.Key
	who   access.Principal
	used  time.Time // the day of its last use that is noted
	until time.Time
}

// callerLife is how long a key is used before its row is looked at again: a
// revocation takes effect within it on every node.
const callerLife = 5 * time.Second

type callerCache struct {
	mu  sync.Mutex
	all map[string]caller
}

func (c *callerCache) get(id string) (caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.all[id]
	return k, ok && time.Now().Before(k.until)
}

func (c *callerCache) put(id string, k caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) > 10_000 {
		c.all = map[string]caller{}
	}
	c.all[id] = k
}

func (c *callerCache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, id)
}

// principal says who asks. An unknown key costs the same work as a wrong one.
func (a *API) principal(r *http.Request) (access.Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return access.Principal{}, &engawa.Error{Code: engawa.CodeUnauthorized, Message: "there is no API key in the request", Remedy: `send the header "Authorization: Bearer eng_…"`}
	}
	id, hash, err := access.ParseKey(engawa.Secret(token))
	if err != nil {
		return access.Principal{}, err
	}
	k, err := a.caller(r.Context(), id)
	if err != nil {
		return access.Principal{}, err
	}
	if err := k.key.Admit(hash, remote(r), time.Now()); err != nil {
		return access.Principal{}, err
	}
	if k.who.Partner != "" {
		return access.Principal{}, &engawa.Error{
			Code: engawa.CodeForbidden, Message: "this is a partner's client secret, and no key",
			Remedy: "exchange it for a token at /oauth/token, and use the paths below /v1/partner",
		}
	}
	a.noteUse(r.Context(), k)
	return k.who, nil
}

// noteUse writes down once a day that a key is used. What only reads must go on
// while nothing can be written, so it never fails: the next request tries again.
func (a *API) noteUse(ctx context.Context, k caller) {
	today := store.Day(time.Now())
	if !k.used.Before(today) {
		return
	}
	if err := a.Store.UseKey(ctx, k.who.Workspace, k.key.ID, today); err == nil {
		k.used = today
		a.callers.put(k.key.ID, k)
	}
}

// caller looks a key up; the zero caller for one that does not exist, which
// admits nobody.
func (a *API) caller(ctx context.Context, id string) (caller, error) {
	if k, ok := a.callers.get(id); ok {
		return k, nil
	}
	row, err := a.Store.Key(ctx, id)
	if notFound(err) {
		return caller{}, nil
	}
	if err != nil {
		return caller{}, err
	}
	k, err := a.openKey(ctx, row)
	if err != nil {
		return k, err
	}
	a.callers.put(id, k)
	return k, nil
}

// openKey turns a stored key into a caller. A member's key does what the
// member's role allows at most, and nothing once the member has left.
func (a *API) openKey(ctx context.Context, row store.APIKey) (caller, error) {
	k := caller{key: access.Key{ID: row.ID, Scopes: row.Scopes, CreatedAt: row.CreatedAt, ExpiresAt: row.EndsAt, RevokedAt: row.RevokedAt}, used: row.UsedAt, until: time.Now().Add(callerLife)}
	if n, err := hex.Decode(k.key.Hash[:], []byte(row.Hash)); err != nil || n != len(k.key.Hash) {
		return k, errors.New("the stored hash of key " + row.ID + " is damaged")
	}
	k.who = k.key.Principal(row.Workspace)
	k.who.Partner, k.who.App = row.Partner, row.App
	if row.Member == "" {
		return k, nil
	}
	m, err := a.Store.Member(ctx, row.Workspace, row.Member)
	if notFound(err) {
		return caller{}, nil
	}
	k.who.Member, k.who.Role = m.ID, m.Role
	return k, err
}

func notFound(err error) bool {
	told, ok := errors.AsType[*engawa.Error](err)
	return ok && told.Code == engawa.CodeNotFound
}

// remoteNone is the address of nobody, for keys that work from every network.
var remoteNone netip.Addr

func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(host) // the zero address is in no network
	return ip
}

// NewKey makes an API key for a workspace, stores it and returns its text.
func NewKey(ctx context.Context, st *store.Store, workspace, name string, scopes ...string) (engawa.Secret, error) {
	k, text := access.NewKey("live")
	k.Scopes = scopes
	return text, st.AddKey(ctx, k.Row(workspace, name))
}
