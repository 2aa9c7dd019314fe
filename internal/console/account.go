package console

import (
	"strconv"

	"github.com/engawa/engawa"
)

func (v AccountForm) action() string {
	if v.ID == "" {
		return "/accounts/new?kind=" + v.Kind
	}
	return "/accounts/" + v.ID
}

func (v AccountForm) environments() []Choice {
	return []Choice{
		{engawa.Production, v.T("account.production")},
		{engawa.Sandbox, v.T("accounts.sandbox")},
	}
}

func (v AccountForm) owners() []Choice {
	return []Choice{
		{engawa.OwnerWorkspace, v.T("account.owner.workspace")},
		{engawa.OwnerOther, v.T("account.owner.other")},
	}
}

func (f FormField) inputType() string {
	switch {
	case f.Secret:
		return "password"
	case f.Type == "mail":
		return "email"
	case f.Type == "url":
		return "url"
	}
	return "text"
}

func (f FormField) inputMode() string {
	if f.Type == "number" {
		return "numeric"
	}
	return ""
}

// autocomplete keeps password managers from filling a provider's secret with
// the member's own.
func (f FormField) autocomplete() string {
	if f.Secret {
		return "new-password"
	}
	return "off"
}

// kept says that a secret is on file and stays when the input is left empty.
func kept(p Page, f FormField) string {
	if f.Kept {
		return p.T("form.kept")
	}
	return ""
}

func itoa64(n int64) string { return strconv.FormatInt(n, 10) }
