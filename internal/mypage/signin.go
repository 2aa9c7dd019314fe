package mypage

import (
	"net/http"
	"strings"

	"github.com/engawa/engawa"
)

// Door is the page on which customers come in by the business's own sign-in.
type Door struct {
	Page
	At     string
	SignIn bool
}

func (s *Site) door(v *visit) error {
	w, err := s.Store.Workspace(v.ctx(), v.r.PathValue("workspace"))
	if err != nil {
		return gone()
	}
	v.Business, v.Sender = w.Name, w.Sender
	v.speak(v.r, v.Locale)
	v.Title = v.T("my.title")
	if s.SignIn != nil {
		v.w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'; ", "", 1)+"'none'") // form-action would stop the redirect to the provider
	}
	return v.show(http.StatusOK, DoorPage(Door{v.Page, doorOf(w.ID), s.SignIn != nil}))
}

func doorOf(workspace string) string { return "/mypage/at/" + workspace }

// begin sends the browser to the provider; it comes back to the workspace that it
// left from.
func (s *Site) begin(v *visit) error {
	if s.SignIn == nil {
		return gone()
	}
	if err := v.r.ParseForm(); err != nil {
		return engawa.Invalid("", "", "the form cannot be read")
	}
	v.r.Form.Set("next", doorOf(v.r.PathValue("workspace")))
	return s.SignIn.Start(v.w, v.r)
}

// returned takes the provider's answer. Whom its user is linked to has the page,
// for half an hour; a mail address that the provider tells of links nobody.
func (s *Site) returned(v *visit) error {
	if s.SignIn == nil {
		return gone()
	}
	claims, err := s.SignIn.Finish(v.w, v.r)
	if err != nil {
		return err
	}
	workspace, ok := strings.CutPrefix(claims.Next, doorOf(""))
	p := pass{Workspace: workspace, Issuer: claims.Issuer, Subject: claims.Subject}
	if !ok {
		return gone()
	}
	if p.Customer, _, err = s.Store.RoleOf(v.ctx(), workspace, p.identity()); err != nil {
		return err
	}
	if p.Customer == "" {
		return &engawa.Error{Code: engawa.CodeForbidden, Message: "this sign-in is nobody's here"}
	}
	http.Redirect(v.w, v.r, "/my/"+s.token(sureToken, p, sureLife), http.StatusSeeOther)
	return nil
}
