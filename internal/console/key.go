package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// keyUses are what a key is mostly made for, with the scopes that it takes. Who
// needs others chooses them one by one.
var keyUses = []struct {
	name   string
	scopes []access.Scope
}{
	{"events", []access.Scope{access.EventsWrite}},
	{"site", []access.Scope{access.EventsWrite, access.CustomersRead, access.CustomersWrite, access.ConsentsWrite, access.MessagesSend, access.MessagesRead}},
	{"read", []access.Scope{
		access.EventsRead, access.MessagesRead, access.CustomersRead, access.AppsRead, access.AccountsRead, access.RoutesRead, access.WebhooksRead, access.SuppressionsRead, access.TasksRead, access.WorkspaceRead,
	}},
	{"all", []access.Scope{access.All}},
}

// useOwn is the use of who chooses the scopes one by one.
const useOwn = "own"

// useApp is the use of a key that an app carries to its customers' devices.
const useApp = "app"

// keyDays are how many days a key may live, as the form offers them.
var keyDays = []string{"30", "90", "365"}

// expiresSoon is how long before its end a key is marked.
const expiresSoon = 14 * 24 * time.Hour

func (c *console) keys(v *visit) error {
	all, err := c.Store.Keys(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	owners, err := c.keyOwners(v)
	if err != nil {
		return err
	}
	view := Keys{Page: v.titled("settings", v.T("keys.title"))}
	for _, k := range all {
		if k.Partner != "" {
			continue // a client secret: it stands on the partner's page
		}
		row := KeyRow{
			ID: k.ID, Begins: begins(k), Name: k.Name, What: v.allows(k.Scopes), Whose: owners[cmp.Or(k.App, k.Member+k.Partner)], CreatedAt: k.CreatedAt, EndsAt: k.EndsAt, RevokedAt: k.RevokedAt, UsedAt: k.UsedAt,
		}
		if row.ended(v.Now) {
			view.Ended = append(view.Ended, row)
		} else {
			view.Rows = append(view.Rows, row)
		}
	}
	return v.show(KeysPage(view))
}

// begins is how a key's text begins, by which it is found where it is in use.
func begins(k store.APIKey) string {
	if k.App != "" {
		return "eng_app_" + k.ID + "_…"
	}
	return "eng_live_" + k.ID + "_…"
}

// keyOwners are the names of members, partners and apps, by id.
func (c *console) keyOwners(v *visit) (map[string]string, error) {
	names := map[string]string{}
	members, err := c.Store.Members(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		names[m.ID] = m.Name
	}
	partners, err := c.Store.Partners(v.ctx(), v.ws())
	for _, p := range partners {
		names[p.ID] = p.Name
	}
	if err != nil {
		return nil, err
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	for _, a := range apps {
		names[a.ID] = a.Name
	}
	return names, err
}

func (k KeyRow) ended(now time.Time) bool { return !k.RevokedAt.IsZero() || !now.Before(k.EndsAt) }

// allows says what scopes allow.
func (p Page) allows(scopes []string) string {
	if slices.Equal(scopes, []string{access.All}) {
		return p.T("key.use.all")
	}
	return listOf(p, scopes, p.scopeLine)
}

func (p Page) scopeLine(scope string) string {
	if p.Words.Has("scope." + scope) {
		return p.T("scope." + scope)
	}
	return scope // a newer node's
}

func (c *console) newKey(v *visit) error {
	form, err := c.keyForm(v)
	if err != nil {
		return err
	}
	return v.show(KeyFormPage(form))
}

// keyForm is the form with what the member may give: nothing that their own
// role would not allow.
func (c *console) keyForm(v *visit) (KeyForm, error) {
	view := KeyForm{Page: v.titled("settings", v.T("key.title")), Use: keyUses[0].name, Days: keyDays[2], Ask: c.asks(v)}
	view.Path = "/settings/keys/new"
	for _, n := range access.Scopes {
		if v.member.Role.Allows(n.Role) {
			view.Scopes = append(view.Scopes, string(n.Scope))
		}
	}
	for _, u := range keyUses {
		if mayGive(v.member.Role, u.scopes) {
			view.Uses = append(view.Uses, u.name)
		}
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	for _, a := range apps {
		view.Apps = append(view.Apps, Choice{a.ID, a.Name})
	}
	if len(apps) > 0 {
		view.Uses = append(view.Uses, useApp)
	}
	view.Uses = append(view.Uses, useOwn)
	return view, err
}

// mayGive reports whether a role allows all of these itself; everything is an
// owner's to give.
func mayGive(role engawa.Role, scopes []access.Scope) bool {
	return !slices.ContainsFunc(scopes, func(s access.Scope) bool {
		i := slices.IndexFunc(access.Scopes[:], func(n access.Need) bool { return n.Scope == s })
		return i >= 0 && !role.Allows(access.Scopes[i].Role) || i < 0 && !(s == access.All && role.Allows(engawa.Owner))
	})
}

func (c *console) makeKey(v *visit) error {
	view, err := c.keyForm(v)
	if err != nil {
		return err
	}
	_ = v.r.ParseForm() // what does not parse is missing below
	view.Name, view.Use, view.Days, view.Mine, view.Chosen = v.typed("name"), v.typed("use"), v.typed("days"), v.typed("mine") != "", v.r.PostForm["scope"]
	view.App = v.typed("app")
	again := func(wrong string) error {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, KeyFormPage(view))
	}
	scopes := view.asked()
	switch {
	case view.Name == "" || len(view.Name) > 200:
		return again(v.T("key.name.wrong"))
	case view.Use == useApp && !slices.ContainsFunc(view.Apps, func(a Choice) bool { return a.Value == view.App }):
		return again(v.T("key.app.wrong"))
	case len(scopes) == 0 || view.Use != useApp && !mayGive(v.member.Role, scopes):
		return again(v.T("key.scopes.wrong"))
	case !slices.Contains(keyDays, view.Days):
		return again(v.T("key.days.wrong"))
	}
	if unsure, err := c.unsure(v, again); unsure {
		return err
	}
	env := "live"
	if view.Use == useApp {
		env = useApp
	}
	k, text := access.NewKey(env)
	k.ExpiresAt = k.CreatedAt.Add(daysOf(view.Days))
	for _, s := range scopes {
		k.Scopes = append(k.Scopes, string(s))
	}
	row := k.Row(v.ws(), view.Name)
	switch {
	case view.Use == useApp:
		row.App = view.App
	case view.Mine:
		row.Member = v.member.ID
	}
	if err := v.by.AddKey(v.ctx(), row); err != nil {
		return err
	}
	return c.showKey(v, row, text)
}

// asked are the scopes of the use that was chosen.
func (v KeyForm) asked() []access.Scope {
	if v.Use == useApp {
		return []access.Scope{access.AppUse}
	}
	for _, u := range keyUses {
		if u.name == v.Use {
			return u.scopes
		}
	}
	var scopes []access.Scope
	for _, s := range v.Chosen {
		if s != access.All { // that is a use of its own
			scopes = append(scopes, access.Scope(s))
		}
	}
	return scopes
}

func daysOf(days string) time.Duration {
	n, _ := strconv.Atoi(days) // one of keyDays
	return time.Duration(n) * 24 * time.Hour
}

// showKey shows a key that was made. It stands in this answer alone.
func (c *console) showKey(v *visit, row store.APIKey, text engawa.Secret) error {
	view := KeyMade{Page: v.titled("settings", v.T("key.made")), Name: row.Name, Key: text.Reveal(), What: v.allows(row.Scopes), EndsAt: row.EndsAt}
	view.Path = "/settings/keys"
	view.Example = c.PublicURL + "/v1/…\nAuthorization: Bearer " + begins(row)
	if row.App != "" {
		view.Example = c.PublicURL + "/v1/app/…\nAuthorization: Bearer " + begins(row)
	}
	return v.show(KeyMadePage(view))
}

// revokeKey ends a key.
func (c *console) revokeKey(v *visit) error {
	if err := v.by.RevokeKey(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/settings/keys", "key_ended")
}

func (v KeyForm) days() []Choice {
	var all []Choice
	for _, d := range keyDays {
		all = append(all, Choice{d, v.Duration(daysOf(d))})
	}
	return all
}

// used says when a key was used last.
func (p Page) used(k KeyRow) string {
	if k.UsedAt.IsZero() {
		return p.T("keys.unused")
	}
	return p.T("keys.used", "date", p.Date(k.UsedAt))
}

// ended says when a key ended.
func (p Page) ended(k KeyRow) string {
	if !k.RevokedAt.IsZero() {
		return p.T("keys.revoked_at", "date", p.Date(k.RevokedAt))
	}
	return p.T("keys.over_at", "date", p.Date(k.EndsAt))
}
