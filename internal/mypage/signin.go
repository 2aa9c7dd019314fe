package mypage

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/store"
)

// Door is the page on which customers come in by a sign-in: the business's own, or
// that of a provider at which the business has an account.
type Door struct {
	Page
	At     string
	SignIn bool
	Ways   []WayView
}

// WayView is a sign-in at a provider, for the contracts of an app.
type WayView struct{ Account, Kind, App string }

// way is an account at whose provider customers sign in.
type way struct {
	account engawa.Account
	signIn  *channel.SignIn
}

// opened is the sign-in of an account as it was at a version of its settings.
type opened struct {
	version int64
	*access.OIDC
}

func (s *Site) door(v *visit) error {
	w, err := s.Store.Workspace(v.ctx(), v.r.PathValue("workspace"))
	if err != nil {
		return gone()
	}
	v.Business, v.Sender = w.Name, w.Sender
	v.speak(v.r, v.Locale)
	v.Title = v.T("my.title")
	door := Door{v.Page, doorOf(w.ID), s.SignIn != nil, nil}
	if door.Ways, err = s.wayViews(v.ctx(), w); err != nil {
		return err
	}
	if door.SignIn || len(door.Ways) > 0 {
		v.w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'; ", "", 1)+"'none'") // form-action would stop the redirect to the provider
	}
	return v.show(http.StatusOK, DoorPage(door))
}

func doorOf(workspace string) string { return "/mypage/at/" + workspace }

// returnPath is where a provider sends the browser back to, of an account.
func returnPath(workspace, account string) string { return doorOf(workspace) + "/" + account }

func (s *Site) wayViews(ctx context.Context, w engawa.Workspace) (views []WayView, err error) {
	all, err := s.Store.Accounts(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	h, err := s.house(ctx, w)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if way, ok := s.wayOf(a); ok {
			views = append(views, WayView{a.ID, a.Kind, h.app(way.account.Settings["app"])})
		}
	}
	return views, nil
}

// wayOf is an account as a way in; an account that is switched off is none.
func (s *Site) wayOf(a engawa.Account) (way, bool) {
	i := slices.IndexFunc(s.Kinds, func(k channel.Kind) bool { return k.Name == a.Kind && k.SignIn != nil })
	if i < 0 || !a.Enabled {
		return way{}, false
	}
	settings, err := s.Kinds[i].Check(a.Settings)
	if err != nil {
		return way{}, false // what is wrong with settings was said when they were saved
	}
	in := s.Kinds[i].SignIn(settings)
	return way{a, in}, in != nil
}

// way finds a way in; what is none is gone like a link that opens nothing.
func (s *Site) way(ctx context.Context, workspace, account string) (way, error) {
	a, err := s.Store.Account(ctx, workspace, account)
	if err != nil {
		return way{}, unavailable(err)
	}
	if w, ok := s.wayOf(a); ok {
		return w, nil
	}
	return way{}, gone()
}

// at opens the sign-in of a way. It is kept until the settings change, since it
// remembers which answers have come back.
func (s *Site) at(w way) (*access.OIDC, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.ways[w.account.ID]; ok && o.version == w.account.Version {
		return o.OIDC, nil
	}
	in := w.signIn
	o, err := s.Open(access.Provider{
		Issuer: in.Issuer, ClientID: in.ClientID, ClientSecret: in.ClientSecret, RedirectURL: s.Base + returnPath(w.account.Workspace, w.account.ID),
		Endpoints: &access.Endpoints{Authorize: in.Authorize, Token: in.Token, UserInfo: in.UserInfo, Scopes: in.Scopes},
	})
	if err != nil {
		return nil, &engawa.Error{
			Code: engawa.CodeUnavailable, Message: "nobody can sign in by the account " + w.account.ID, Remedy: "check the account's settings, and public_url", Err: err,
		}
	}
	if s.ways == nil {
		s.ways = map[string]opened{}
	}
	s.ways[w.account.ID] = opened{w.account.Version, o}
	return o, nil
}

// begin sends the browser to a provider: that of the account that the form names, or
// the business's own. It comes back to the workspace that it left from.
func (s *Site) begin(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return engawa.Invalid("", "", "the form cannot be read")
	}
	o, workspace := s.SignIn, v.r.PathValue("workspace")
	if account := v.r.PostFormValue("with"); account != "" {
		w, err := s.way(v.ctx(), workspace, account)
		if err == nil {
			o, err = s.at(w)
		}
		if err != nil {
			return err
		}
	}
	if o == nil {
		return gone()
	}
	v.r.Form.Set("next", doorOf(workspace))
	return o.Start(v.w, v.r)
}

// finish takes a provider's answer. Answers that fail are counted by network, since
// each may be one more question to the provider.
func (s *Site) finish(v *visit, o *access.OIDC) (access.Claims, error) {
	came, err := s.Try(v.r)
	if err != nil {
		return access.Claims{}, err
	}
	claims, err := o.Finish(v.w, v.r)
	if err == nil {
		came()
	}
	return claims, err
}

// returned takes the answer of the business's own provider.
func (s *Site) returned(v *visit) error {
	if s.SignIn == nil {
		return gone()
	}
	claims, err := s.finish(v, s.SignIn)
	if err != nil {
		return err
	}
	workspace, ok := strings.CutPrefix(claims.Next, doorOf(""))
	if !ok {
		return gone()
	}
	return s.welcome(v, pass{Workspace: workspace, Issuer: claims.Issuer, Subject: claims.Subject})
}

// returnedTo takes the answer of an account's provider.
func (s *Site) returnedTo(v *visit) error {
	w, err := s.way(v.ctx(), v.r.PathValue("workspace"), v.r.PathValue("account"))
	if err != nil {
		return err
	}
	o, err := s.at(w)
	if err != nil {
		return err
	}
	claims, err := s.finish(v, o)
	if err != nil {
		return err
	}
	who, err := w.signIn.Visitor([]byte(claims.Told))
	if err != nil {
		return access.NotProved(err)
	}
	return s.welcome(v, pass{
		Workspace: w.account.Workspace, Account: w.account.ID, Issuer: who.Identity.Issuer, Kind: who.Identity.Kind, Subject: who.Identity.Value,
		Role: who.Identity.Role, Mail: who.Mail.Reveal(),
	})
}

// welcome opens the page of whom a sign-in names, for half an hour; a mail address
// that the provider tells of links nobody.
func (s *Site) welcome(v *visit, p pass) (err error) {
	if p.Customer, _, err = s.whose(v.ctx(), p); err != nil {
		return err
	}
	if p.Customer == "" {
		return access.NotCustomer()
	}
	http.Redirect(v.w, v.r, "/my/"+s.token(sureToken, p, sureLife), http.StatusSeeOther)
	return nil
}

// whose returns whom a sign-in names, and the visitor's role on a contract; empty: it
// names nobody. An account's sign-in names those alone who use its app, in its
// environment, and it ends where the account is switched off.
func (s *Site) whose(ctx context.Context, p pass) (customer, role string, err error) {
	if customer, role, err = s.Store.RoleOf(ctx, p.Workspace, p.identity()); err != nil || customer == "" || p.Account == "" {
		return customer, role, err
	}
	w, err := s.way(ctx, p.Workspace, p.Account)
	if err != nil {
		return "", "", err
	}
	subs, err := s.Store.Subscriptions(ctx, p.Workspace, customer, store.Page{Limit: 200})
	if err != nil {
		return "", "", err
	}
	if !slices.ContainsFunc(subs, func(b engawa.Subscription) bool {
		return b.App == w.account.Settings["app"] && b.Environment == w.account.Environment
	}) {
		return "", "", nil
	}
	return customer, p.Role, nil
}
