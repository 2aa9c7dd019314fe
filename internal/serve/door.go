package serve

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

const (
	passwordsAtOnce = 2                // each takes 64 MiB while it is checked
	passwordWait    = 10 * time.Second // for one's turn
	refuseAfter     = time.Second      // from the question: work done for a known member does not show
)

// door lets members in and out: what internal/access decides, kept in the store.
type door struct {
	store     *store.Store
	base      string
	vault     *vault.Vault
	cookies   access.Cookies
	passwords *access.Passwords
	oidc      *access.OIDC // nil: none
	proxies   []netip.Prefix
	log       *slog.Logger

	accounts *attempts
	networks *attempts
}

// newDoor makes the door of a hub that is reached at base.
func newDoor(h *Hub, base string, client *http.Client) (*door, error) {
	d := &door{
		store: h.Store, base: base, vault: h.Vault, cookies: access.Cookies{Secure: strings.HasPrefix(base, "https:")}, proxies: h.Config.TrustedProxy, log: h.log,
		passwords: access.NewPasswords(access.DefaultCost(), passwordsAtOnce),
		accounts:  newAttempts(access.AccountPace()), networks: newAttempts(access.NetworkPace()),
	}
	o := h.Config.OIDC
	if o.Issuer == "" {
		return d, nil
	}
	var err error
	d.oidc, err = access.NewOIDC(access.Provider{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURL: base + "/signin/oidc/callback",
	}, client, h.Vault, d.cookies)
	return d, err
}

// try counts a customer's sign-in by network, unless it is told that they came.
func (d *door) try(r *http.Request) (came func(), err error) {
	from := d.network(r)
	return func() { d.networks.uncount(from) }, d.networks.try(from)
}

// functions are the door as the console knows it.
func (d *door) functions(o config.OIDC) console.Door {
	f := console.Door{Who: d.who, Password: d.password, Link: d.link, Leave: d.leave, Speak: d.speak, SetPassword: d.setPassword, Sure: d.sure, Invite: d.invite}
	if d.oidc == nil {
		return f
	}
	f.Provider = providerName(o.Issuer)
	f.Begin = func(w http.ResponseWriter, r *http.Request, _ string) error { return d.oidc.Start(w, r) } // it reads next itself
	f.Return = d.returned
	return f
}

// providerName is the host of an issuer, the name by which people know it.
func providerName(issuer string) string {
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		return u.Host
	}
	return issuer
}

// who returns the member of the request's session.
func (d *door) who(_ http.ResponseWriter, r *http.Request) (engawa.Member, error) {
	s, err := d.session(r)
	if err != nil {
		return engawa.Member{}, err
	}
	m, err := d.store.Member(r.Context(), s.Workspace, s.Member)
	if missing(err) {
		return m, access.Session{}.Admit(time.Now())
	}
	return m, err
}

// session returns the browser's living session and notes that it was used.
func (d *door) session(r *http.Request) (access.Session, error) {
	now := time.Now()
	hash, ok := d.cookies.Session(r)
	if !ok {
		return access.Session{}, access.Session{}.Admit(now)
	}
	kept, err := d.store.Session(r.Context(), hex.EncodeToString(hash[:]))
	if err != nil && !missing(err) {
		return access.Session{}, err
	}
	s := access.Session{Hash: hash, Workspace: kept.Workspace, Member: kept.Member, CreatedAt: kept.CreatedAt, SeenAt: kept.SeenAt}
	if err := s.Admit(now); err != nil {
		return access.Session{}, err
	}
	if seen, worth := s.Touch(now); worth {
		if err := d.store.TouchSession(r.Context(), kept.Hash, seen.SeenAt); err != nil && !missing(err) {
			return s, err
		}
	}
	return s, nil
}

// password signs a member in. Whether the mail address is a member's shows
// neither in the answer nor in the time it takes. Where it is one in several
// workspaces, the first that the password fits is entered.
func (d *door) password(w http.ResponseWriter, r *http.Request, mail engawa.Address, password engawa.Secret) error {
	asked := time.NewTimer(refuseAfter)
	defer asked.Stop()
	in, err := d.check(r, mail, password, "")
	if err == nil {
		return d.enter(w, r, in, "sign-in", "password")
	}
	select {
	case <-asked.C:
	case <-r.Context().Done():
	}
	return err
}

// check finds whose password it is: that of a member, or of whoever has the mail
// address where none is named.
func (d *door) check(r *http.Request, mail engawa.Address, password engawa.Secret, member string) (engawa.Member, error) {
	from := d.network(r)
	if err := d.networks.try(from); err != nil {
		return engawa.Member{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), passwordWait)
	defer cancel()
	var found []store.SignIn
	if mail != "" {
		var err error
		if found, err = d.store.SignInsByMail(ctx, mail); err != nil {
			return engawa.Member{}, fmt.Errorf("sign in: %w", err)
		}
		found = slices.DeleteFunc(found, func(in store.SignIn) bool { return member != "" && in.Member.ID != member })
	}
	name := d.attemptsOf(r, mail, found)
	if err := d.accounts.try(name); err != nil {
		return engawa.Member{}, err
	}
	m, err := d.matching(ctx, found, password)
	if err != nil {
		d.noteRefused(ctx, found, err)
		return m, err
	}
	d.accounts.forget(name)
	d.networks.uncount(from)
	return m, nil
}

// attemptsOf names what failed sign-ins are counted under: the address typed, or
// the browser in which the member has signed in before, so that who guesses
// elsewhere does not delay the owner.
func (d *door) attemptsOf(r *http.Request, mail engawa.Address, found []store.SignIn) string {
	for _, in := range found {
		if name, ok := d.cookies.Known(r, d.vault, in.Member.ID, time.Now()); ok {
			return name
		}
	}
	return strings.ToLower(mail.Reveal())
}

func (d *door) matching(ctx context.Context, found []store.SignIn, password engawa.Secret) (engawa.Member, error) {
	if len(found) == 0 {
		_, err := d.passwords.Check(ctx, "", password) // the same work as for a member
		return engawa.Member{}, err
	}
	var refused error
	for _, in := range found {
		rehash, err := d.passwords.Check(ctx, in.Password, password)
		if err == nil && rehash {
			err = d.keepPassword(ctx, in.Member, password)
		}
		if err == nil {
			return in.Member, nil
		}
		refused = err
	}
	return engawa.Member{}, refused
}

// noteRefused writes refusals of members into the audit trail; of strangers
// there is nothing to name. The pace of attempts bounds how many there are.
func (d *door) noteRefused(ctx context.Context, found []store.SignIn, why error) {
	d.log.WarnContext(ctx, "sign-in refused", "members", len(found))
	for _, in := range found {
		a := store.Audit{Workspace: in.Member.Workspace, Actor: "stranger", Action: "sign-in-refused", Object: in.Member.ID, Detail: refusal(why)}
		if err := d.store.Note(ctx, a); err != nil {
			d.log.ErrorContext(ctx, "refused sign-in not noted", "member", in.Member.ID, "error", err)
		}
	}
}

func refusal(err error) string {
	if r, ok := errors.AsType[access.Refusal](err); ok {
		return string(r)
	}
	return ""
}

// link signs in by a link and uses it up. Who has no other way in yet is sent to
// where a password is set.
func (d *door) link(w http.ResponseWriter, r *http.Request, token engawa.Secret) (next string, err error) {
	from := d.network(r)
	if err := d.networks.try(from); err != nil {
		return "", err
	}
	hash := access.HashToken(token)
	kept, err := d.store.UseLink(r.Context(), hex.EncodeToString(hash[:]))
	if err != nil && !missing(err) {
		return "", err
	}
	l := access.Link{Hash: hash, Workspace: kept.Workspace, Member: kept.Member, EndsAt: kept.EndsAt}
	if err := l.Admit(time.Now()); err != nil {
		return "", err
	}
	all, err := d.store.Staff(r.Context(), l.Workspace)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(x store.Staff) bool { return x.ID == l.Member })
	if i < 0 {
		return "", access.Link{}.Admit(time.Now())
	}
	d.networks.uncount(from)
	next = "/"
	if !all[i].Password && d.oidc == nil {
		next = "/settings?done=welcome#signin"
	}
	return next, d.enter(w, r, all[i].Member, "sign-in", "link")
}

// invite makes a link for a member, in the name of the store's actor.
func (d *door) invite(ctx context.Context, by *store.Store, workspace, member string, life time.Duration) (string, error) {
	return signInLink(ctx, by, d.base, workspace, member, life)
}

// sure answers nil where the sign-in is fresh, or the password the member's: what
// hands out rights or cannot be undone asks for it. An empty password is refused
// without looking.
func (d *door) sure(r *http.Request, m engawa.Member, password engawa.Secret) error {
	s, err := d.session(r)
	if err != nil {
		return err
	}
	if s.Fresh(time.Now()) {
		return nil
	}
	if password == "" {
		return access.SignInInvalid
	}
	ctx, cancel := context.WithTimeout(r.Context(), passwordWait)
	defer cancel()
	_, err = d.check(r.WithContext(ctx), m.Mail, password, m.ID)
	return err
}

// returned takes the provider's answer. The first time a member is found by the
// mail address that the provider vouches for, and tied to the provider's user.
func (d *door) returned(w http.ResponseWriter, r *http.Request) (next string, err error) {
	claims, err := d.oidc.Finish(w, r)
	if err != nil {
		return "", err
	}
	user := claims.Issuer + " " + claims.Subject
	found, err := d.store.SignInsByOIDC(r.Context(), user)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		if found, err = d.tie(r.Context(), claims.Mail, user); err != nil {
			return "", err
		}
	}
	return claims.Next, d.enter(w, r, found[0].Member, "sign-in", "oidc")
}

func (d *door) tie(ctx context.Context, mail engawa.Address, user string) ([]store.SignIn, error) {
	found, err := d.store.SignInsByMail(ctx, mail)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(in store.SignIn) bool { return in.OIDC != "" }) // another user's already
	if len(found) == 0 {
		return nil, access.NotMember()
	}
	for _, in := range found {
		if err := d.store.LinkOIDC(ctx, in.Member.Workspace, in.Member.ID, user); err != nil {
			return nil, err
		}
		if err := d.note(ctx, in.Member, "link-oidc", ""); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// enter opens a session. One that the browser brought ends: a session that was
// put there by somebody else must not become the member's.
func (d *door) enter(w http.ResponseWriter, r *http.Request, m engawa.Member, action, how string) error {
	if old, ok := d.cookies.Session(r); ok {
		if err := d.store.EndSession(r.Context(), hex.EncodeToString(old[:])); err != nil {
			return err
		}
	}
	now := time.Now()
	s, token := access.NewSession(m.Workspace, m.ID, now)
	err := d.store.AddSession(r.Context(), store.Session{
		Hash: hex.EncodeToString(s.Hash[:]), Workspace: m.Workspace, Member: m.ID, CreatedAt: now, SeenAt: now, EndsAt: now.Add(access.SessionLife),
	})
	if err != nil {
		return err
	}
	if err := d.note(r.Context(), m, action, how); err != nil {
		return err
	}
	d.cookies.SetSession(w, token)
	d.cookies.SetKnown(w, d.vault, m.ID, now)
	return nil
}

// leave signs out. The browser loses its cookie whatever the store says.
func (d *door) leave(w http.ResponseWriter, r *http.Request) {
	d.cookies.ClearSession(w)
	s, err := d.session(r)
	if err != nil {
		return
	}
	err = errors.Join(
		d.store.EndSession(r.Context(), hex.EncodeToString(s.Hash[:])),
		d.note(r.Context(), engawa.Member{Workspace: s.Workspace, ID: s.Member}, "sign-out", ""),
	)
	if err != nil {
		d.log.ErrorContext(r.Context(), "sign-out not complete", "member", s.Member, "error", err)
	}
}

func (d *door) speak(ctx context.Context, m engawa.Member, l engawa.Locale) error {
	m.Locale = l
	return d.store.ChangeMember(ctx, m)
}

// setPassword changes how a member signs in: the password, and the mail address
// unless it is empty. The old password is asked for, unless the sign-in is fresh:
// who came by a link has forgotten it. Every other session of the member ends.
func (d *door) setPassword(w http.ResponseWriter, r *http.Request, m engawa.Member, mail engawa.Address, old, password engawa.Secret) error {
	ctx, cancel := context.WithTimeout(r.Context(), passwordWait)
	defer cancel()
	if err := d.sure(r, m, old); err != nil {
		return err
	}
	phc, err := d.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	if mail != "" {
		if err := d.store.ChangeMail(ctx, m.Workspace, m.ID, mail); err != nil {
			return err
		}
		if err := d.note(ctx, m, "change-mail", ""); err != nil {
			return err
		}
	}
	if err := d.store.SetPassword(ctx, m.Workspace, m.ID, phc); err != nil {
		return err
	}
	return d.enter(w, r, m, "change-password", "")
}

func (d *door) keepPassword(ctx context.Context, m engawa.Member, password engawa.Secret) error {
	phc, err := d.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return d.store.SetPassword(ctx, m.Workspace, m.ID, phc)
}

func (d *door) note(ctx context.Context, m engawa.Member, action, detail string) error {
	return d.store.Note(ctx, store.Audit{Workspace: m.Workspace, Actor: "member:" + m.ID, Action: action, Object: m.ID, Detail: detail})
}

// network is where a request comes from, as one subscriber's part of an
// address. A trusted proxy is believed about who asked it: the last address of
// X-Forwarded-For that is not a trusted proxy's.
func (d *door) network(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "" // all unknown ones share a count
	}
	from, _ := netip.ParseAddr(host) // the zero address shares that count
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && d.trusts(from); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		from = hop
	}
	return access.Network(from).String()
}

func (d *door) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(d.proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

func missing(err error) bool {
	told, ok := errors.AsType[*engawa.Error](err)
	return ok && told.Code == engawa.CodeNotFound
}
