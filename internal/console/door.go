package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
)

// languageCookie keeps the language of a browser, signed in or not.
const languageCookie = "engawa_lang"

const languageLife = 365 * 24 * 60 * 60 // seconds

func known(l string) bool { return slices.Contains(engawa.Locales[:], engawa.Locale(l)) }

// local returns next if it is a path of this site, else "/".
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, http.StatusOK, SignIn{Next: local(r.URL.Query().Get("next"))})
}

func (c *console) showSignIn(w http.ResponseWriter, r *http.Request, status int, view SignIn) {
	v := &visit{w: w, r: r, Page: c.stranger(r, "")}
	view.Page = v.titled("", v.T("signin.title"))
	view.Path = "/signin"
	view.OIDC = c.Door.Provider
	if view.OIDC != "" {
		w.Header().Set("Content-Security-Policy", policy) // form-action would stop the redirect to the provider
	}
	_ = v.showAs(status, SignInPage(view)) // the reader went away
}

// refused shows the sign-in again with the reason.
func (c *console) refused(w http.ResponseWriter, r *http.Request, view SignIn, err error) {
	var why access.Refusal
	if !errors.As(err, &why) {
		c.tell(&visit{w: w, r: r, Page: c.stranger(r, "")}, err)
		return
	}
	view.Failed = string(why)
	c.showSignIn(w, r, http.StatusUnauthorized, view)
}

func (c *console) password(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	view := SignIn{Mail: r.PostFormValue("mail"), Next: local(r.PostFormValue("next"))}
	err := c.Door.Password(w, r, engawa.Address(strings.TrimSpace(view.Mail)), engawa.Secret(r.PostFormValue("password")))
	if err != nil {
		c.refused(w, r, view, err)
		return
	}
	http.Redirect(w, r, view.Next, http.StatusSeeOther)
}

// link only shows a button: mail scanners follow links, and would use it up.
func (c *console) link(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, http.StatusOK, SignIn{Link: r.URL.Query().Get("token")})
}

func (c *console) useLink(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	next, err := c.Door.Link(w, r, engawa.Secret(r.PostFormValue("token")))
	if err != nil {
		c.refused(w, r, SignIn{}, err)
		return
	}
	http.Redirect(w, r, local(next), http.StatusSeeOther)
}

func (c *console) beginProvider(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if c.Door.Provider == "" {
		c.tell(&visit{w: w, r: r, Page: c.stranger(r, "")}, engawa.NotFound("page"))
		return
	}
	if err := c.Door.Begin(w, r, local(r.PostFormValue("next"))); err != nil {
		c.refused(w, r, SignIn{}, err)
	}
}

func (c *console) returnFromProvider(w http.ResponseWriter, r *http.Request) {
	if c.Door.Provider == "" {
		c.tell(&visit{w: w, r: r, Page: c.stranger(r, "")}, engawa.NotFound("page"))
		return
	}
	next, err := c.Door.Return(w, r)
	if err != nil {
		c.refused(w, r, SignIn{}, err)
		return
	}
	http.Redirect(w, r, local(next), http.StatusSeeOther)
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	c.Door.Leave(w, r)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// language keeps the chosen language: in the browser, and for a member who is
// signed in also with the member.
func (c *console) language(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	l, back := r.PostFormValue("lang"), local(r.PostFormValue("back"))
	if !known(l) {
		c.tell(&visit{w: w, r: r, Page: c.stranger(r, "")}, engawa.Invalid("/lang", "choose ja, ko or en", "%q is no language of the pages", l))
		return
	}
	//nolint:gosec // Secure follows the address that the console is served at
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: l, Path: "/", MaxAge: languageLife, HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode})
	if m, err := c.Door.Who(w, r); err == nil {
		if err := c.Door.Speak(r.Context(), m, engawa.Locale(l)); err != nil {
			c.Log.WarnContext(r.Context(), "language not kept", "member", m.ID, "error", err)
		}
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
