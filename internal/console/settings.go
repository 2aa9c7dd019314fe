package console

import (
	"errors"
	"net/http"
	"net/mail"
	"regexp"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
)

func (c *console) settings(v *visit) error { return v.show(SettingsPage(c.settingsView(v))) }

func (c *console) settingsView(v *visit) Settings {
	w := v.workspace
	return Settings{
		Page: v.titled("settings", v.T("settings.title")), Name: v.member.Name, Mail: v.member.Mail.String(),
		Shop: w.Name, Zone: w.Zone, Country: w.Country, Sender: w.Sender, Version: c.Version, Ask: c.asks(v),
	}
}

// settingsAgain shows the page with what was wrong and what to enter.
func (c *console) settingsAgain(v *visit, view Settings, wrong string) error {
	view.Problem, view.Path = wrong, "/settings"
	return v.showAs(http.StatusUnprocessableEntity, SettingsPage(view))
}

// typed is a form's value without the spaces around it.
func (v *visit) typed(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

func (c *console) changeName(v *visit) error {
	view := c.settingsView(v)
	m := v.member
	if m.Name = v.typed("name"); m.Name == "" || len(m.Name) > 200 {
		return c.settingsAgain(v, view, v.T("settings.name.wrong"))
	}
	if err := v.by.ChangeMember(v.ctx(), m); err != nil {
		return err
	}
	return v.see("/settings", "saved")
}

// changeSignIn changes the mail address and the password. What was typed is not
// shown again: the page holds no address in full.
func (c *console) changeSignIn(v *visit) error {
	view := c.settingsView(v)
	address := v.typed("mail")
	if address != "" {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
			return c.settingsAgain(v, view, v.T("settings.mail.wrong"))
		}
	}
	old, password := engawa.Secret(v.r.PostFormValue("old")), engawa.Secret(v.r.PostFormValue("password"))
	err := c.Door.SetPassword(v.w, v.r, v.member, engawa.Address(address), old, password)
	var refused access.Refusal
	var told *engawa.Error
	switch {
	case err == nil:
		return v.see("/settings", "saved")
	case errors.As(err, &refused) && refused == access.SignInInvalid:
		return c.settingsAgain(v, view, v.T("settings.password.old.wrong"))
	case errors.As(err, &refused):
		return c.settingsAgain(v, view, v.T("access."+string(refused)))
	case errors.As(err, &told) && told.Field == "/password":
		return c.settingsAgain(v, view, v.T("settings.password.wrong"))
	case errors.As(err, &told) && told.Field == "/mail":
		return c.settingsAgain(v, view, v.T("settings.mail.taken"))
	}
	return err
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

func (c *console) changeWorkspace(v *visit) error {
	w := v.workspace
	w.Name, w.Zone, w.Country = v.typed("shop"), v.typed("zone"), strings.ToUpper(v.typed("country"))
	w.Sender = engawa.SenderProfile{
		Name: v.typed("sender.name"), Postal: v.typed("sender.postal"), Phone: v.typed("sender.phone"),
		Mail: v.typed("sender.mail"), Contact: v.typed("sender.contact"),
	}
	v.workspace = w
	view := c.settingsView(v)
	_, err := engawa.Zone(w.Zone)
	switch {
	case w.Name == "":
		return c.settingsAgain(v, view, v.T("settings.name.wrong"))
	case !countryCode.MatchString(w.Country):
		return c.settingsAgain(v, view, v.T("settings.country.wrong"))
	case err != nil || w.Zone == "" || w.Zone == "Local":
		return c.settingsAgain(v, view, v.T("settings.zone.wrong"))
	}
	if err := v.by.ChangeWorkspace(v.ctx(), w); err != nil {
		return err
	}
	return v.see("/settings", "saved")
}
