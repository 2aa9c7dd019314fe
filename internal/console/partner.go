package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/message"
)

func (c *console) partners(v *visit) error {
	view := Partners{Page: v.titled("settings", v.T("partners.title"))}
	all, err := c.Store.Partners(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	over, err := c.Store.EndedPartners(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	grants, err := c.Store.Grants(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	keys, err := c.Store.Keys(v.ctx(), v.ws())
	for _, p := range all {
		row := PartnerRow{ID: p.ID, Name: p.Name}
		for _, g := range grants {
			if g.Partner == p.ID && g.InForce(v.Now) {
				row.Grants++
			}
		}
		for _, k := range keys {
			if k.Partner == p.ID && k.RevokedAt.IsZero() && v.Now.Before(k.EndsAt) {
				row.Secrets++
			}
		}
		view.Rows = append(view.Rows, row)
	}
	for _, p := range over {
		view.Ended = append(view.Ended, PartnerRow{ID: p.ID, Name: p.Name, EndedAt: p.EndedAt})
	}
	if err != nil {
		return err
	}
	return v.show(PartnersPage(view))
}

func (c *console) newPartner(v *visit) error {
	view := PartnerForm{Page: v.titled("settings", v.T("partner.new"))}
	view.Path = "/partners/new"
	return v.show(PartnerFormPage(view))
}

func (c *console) addPartner(v *visit) error {
	view := PartnerForm{Page: v.titled("settings", v.T("partner.new")), Name: v.typed("name")}
	view.Path = "/partners/new"
	view.Sender = engawa.SenderProfile{Name: v.typed("sender"), Postal: v.typed("postal"), Phone: v.typed("phone"), Mail: v.typed("mail"), Contact: v.typed("contact")}
	if view.Name == "" || slices.ContainsFunc([]string{view.Name, view.Sender.Name, view.Sender.Postal, view.Sender.Phone, view.Sender.Mail, view.Sender.Contact}, func(s string) bool { return len(s) > 200 }) {
		view.Problem = v.T("partner.name.wrong")
		return v.showAs(http.StatusUnprocessableEntity, PartnerFormPage(view))
	}
	view.Sender.Name = cmp.Or(view.Sender.Name, view.Name)
	p := engawa.Partner{Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixPartner), Name: view.Name, Sender: view.Sender, CreatedAt: v.Now.UTC()}
	if err := v.by.AddPartner(v.ctx(), p); err != nil {
		return err
	}
	return v.see("/partners/"+p.ID, "partner")
}

// partnerView is all that the page of one partner shows.
func (c *console) partnerView(v *visit) (Partner, error) {
	p, err := c.Store.Partner(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return Partner{}, err
	}
	view := Partner{Page: v.titled("settings", p.Name), PartnerRow: PartnerRow{ID: p.ID, Name: p.Name, EndedAt: p.EndedAt}, Sender: p.Sender, TokenURL: c.PublicURL + "/oauth/token", Ask: c.asks(v)}
	view.Path = "/partners/" + p.ID
	keys, err := c.Store.Keys(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, k := range keys {
		row := KeyRow{ID: k.ID, Name: k.Name, CreatedAt: k.CreatedAt, EndsAt: k.EndsAt, RevokedAt: k.RevokedAt, UsedAt: k.UsedAt}
		if k.Partner == p.ID && !row.ended(v.Now) {
			view.Keys = append(view.Keys, row)
		}
	}
	view.Secrets = len(view.Keys)
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	names := map[string]string{}
	for _, a := range apps {
		if names[a.ID] = a.Name; a.Partner == p.ID {
			view.Apps = append(view.Apps, PartnerAppRow{a.ID, a.Name})
		}
	}
	grants, err := c.Store.Uses(v.ctx(), v.ws(), p.ID)
	if err != nil {
		return view, err
	}
	slices.Reverse(grants)
	for _, g := range grants {
		if row := v.grantRow(g, names); row.ended() {
			view.Over = append(view.Over, row)
		} else {
			view.Granted = append(view.Granted, row)
		}
	}
	shared, err := c.Store.SharedWith(v.ctx(), v.ws(), p.ID)
	for _, x := range shared {
		view.Shared = append(view.Shared, SharedRow{x, orDash(names[x.App])})
	}
	if err != nil {
		return view, err
	}
	if view.Repute, err = c.reputeOf(v, p); err != nil {
		return view, err
	}
	view.Ending, err = c.ending(v, p)
	return view, err
}

// grantRow says in words what a grant allows.
func (p Page) grantRow(g engawa.GrantFacts, apps map[string]string) GrantRow {
	r := GrantRow{
		ID: g.ID, QuotaDay: g.QuotaDay, QuotaMonth: g.QuotaMon, UsedDay: g.UsedDay, UsedMonth: g.UsedMonth, StartsAt: g.StartsAt, EndsAt: g.EndsAt, EndedAt: g.EndedAt, Now: p.Now,
	}
	list := func(all []string, every string, in func(string) string) string {
		if slices.Contains(all, "*") {
			return every
		}
		return orDash(listOf(p, all, in))
	}
	r.May = list(g.Scopes, p.T("grant.every"), p.scopeLine)
	r.Apps = list(g.Apps, p.T("grant.every.apps"), func(id string) string { return orDash(apps[id]) })
	r.Channels = list(g.Channels, p.T("grant.every.channels"), p.kindWords)
	var purposes []string
	for _, x := range g.Purposes {
		purposes = append(purposes, string(x))
	}
	r.Purposes = list(purposes, p.T("grant.every.purposes"), func(x string) string { return p.T("purpose." + x) })
	return r
}

func (r GrantRow) ended() bool {
	return !r.EndedAt.IsZero() || !r.EndsAt.IsZero() && !r.Now.Before(r.EndsAt)
}

// when says from when until when a grant holds.
func (p Page) when(r GrantRow) string {
	var words []string
	if r.StartsAt.After(p.Now) {
		words = append(words, p.T("grant.from", "date", p.Date(r.StartsAt)))
	}
	switch {
	case !r.EndedAt.IsZero():
		words = append(words, p.T("grant.ended_at", "date", p.Date(r.EndedAt)))
	case r.EndsAt.IsZero():
		words = append(words, p.T("grant.open"))
	default:
		words = append(words, p.T("grant.until", "date", p.Date(r.EndsAt.Add(-time.Second))))
	}
	return p.list(words)
}

// quota says how much of a grant's quotas was used.
func (p Page) quota(r GrantRow) string {
	var words []string
	if r.QuotaDay > 0 {
		words = append(words, p.T("grant.day", "used", p.Number(r.UsedDay), "quota", p.Number(r.QuotaDay)))
	}
	if r.QuotaMonth > 0 {
		words = append(words, p.T("grant.month", "used", p.Number(r.UsedMonth), "quota", p.Number(r.QuotaMonth)))
	}
	if len(words) == 0 {
		return p.T("grant.no_quota")
	}
	return p.list(words)
}

func (c *console) partner(v *visit) error {
	view, err := c.partnerView(v)
	if err != nil {
		return err
	}
	return v.show(PartnerPage(view))
}

// partnerAgain shows a partner's page with what is wrong.
func (c *console) partnerAgain(v *visit, wrong string) error {
	view, err := c.partnerView(v)
	if err != nil {
		return err
	}
	view.Problem = wrong
	return v.showAs(http.StatusUnprocessableEntity, PartnerPage(view))
}

// makeSecret makes a client secret. It stands in this answer alone.
func (c *console) makeSecret(v *visit) error {
	if unsure, err := c.unsure(v, func(wrong string) error { return c.partnerAgain(v, wrong) }); unsure {
		return err
	}
	p, err := c.Store.Partner(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	k, text := access.NewKey(access.PartnerEnv)
	row := k.Row(v.ws(), "client secret")
	row.Partner = p.ID
	err = v.by.AddSecret(v.ctx(), row)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeConflict {
		return c.partnerAgain(v, v.T("secret.two"))
	}
	if err != nil {
		return err
	}
	view := SecretMade{Page: v.titled("settings", v.T("secret.made")), Partner: p.Name, Client: p.ID, Secret: text.Reveal(), TokenURL: c.PublicURL + "/oauth/token", EndsAt: k.ExpiresAt}
	view.Path = "/partners/" + p.ID
	return v.show(SecretMadePage(view))
}

// revokeSecret ends a client secret of this partner.
func (c *console) revokeSecret(v *visit) error {
	keys, err := c.Store.Keys(v.ctx(), v.ws())
	id, key := v.r.PathValue("id"), v.r.PathValue("key")
	for _, k := range keys {
		if k.ID == key && k.Partner == id {
			if err := v.by.RevokeKey(v.ctx(), v.ws(), key); err != nil {
				return err
			}
			return v.see("/partners/"+id, "secret_ended")
		}
	}
	if err == nil {
		err = engawa.NotFound("secret")
	}
	return err
}

// addPartnerApp adds an app that the partner operates.
func (c *console) addPartnerApp(v *visit) error {
	id, name := v.r.PathValue("id"), v.typed("app")
	if name == "" || len(name) > 200 {
		return c.partnerAgain(v, v.T("partner.app.wrong"))
	}
	if p, err := c.Store.Partner(v.ctx(), v.ws(), id); err != nil || !p.EndedAt.IsZero() {
		return errors.Join(err, engawa.NotFound("partner"))
	}
	if err := v.by.AddApp(v.ctx(), engawa.App{Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixApp), Name: name, Partner: id, CreatedAt: v.Now.UTC()}); err != nil {
		return err
	}
	return v.see("/partners/"+id, "partner_app")
}

// partnerPurposes are those that a grant can name one by one.
var partnerPurposes = []string{string(engawa.Service), string(engawa.Notice), string(engawa.Marketing)}

func (c *console) grantForm(v *visit) (GrantForm, error) {
	p, err := c.Store.Partner(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err == nil && !p.EndedAt.IsZero() {
		err = engawa.NotFound("partner")
	}
	if err != nil {
		return GrantForm{}, err
	}
	view := GrantForm{Page: v.titled("settings", v.T("grant.new")), Partner: p.ID, Of: p.Name, HasPurposes: []string{string(engawa.Service)}}
	view.Path = "/partners/" + p.ID + "/grants/new"
	for _, n := range access.Scopes {
		if n.Partner {
			view.Scopes, view.HasScopes = append(view.Scopes, string(n.Scope)), append(view.HasScopes, string(n.Scope))
		}
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, a := range apps {
		if a.Partner == p.ID || a.Partner == "" {
			view.Apps = append(view.Apps, Choice{a.ID, a.Name})
		}
		if a.Partner == p.ID {
			view.HasApps = append(view.HasApps, a.ID)
		}
	}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	for _, k := range c.Kinds {
		there := slices.ContainsFunc(accounts, func(a engawa.Account) bool { return a.Kind == k.Name && a.Owner == engawa.OwnerWorkspace })
		if _, sends := message.Find(c.Kinds, k.Name); sends && there && k.ToCustomers && k.Form == nil {
			view.Channels = append(view.Channels, Choice{k.Name, v.kindWords(k.Name)})
		}
	}
	if len(view.Channels) > 0 {
		view.HasChannels = []string{view.Channels[0].Value}
	}
	return view, err
}

func (c *console) newGrant(v *visit) error {
	view, err := c.grantForm(v)
	if err != nil {
		return err
	}
	return v.show(GrantFormPage(view))
}

func (c *console) addGrant(v *visit) error {
	view, err := c.grantForm(v)
	if err != nil {
		return err
	}
	g, wrong := view.read(v)
	if wrong != "" {
		view.Problem = wrong
		return v.showAs(http.StatusUnprocessableEntity, GrantFormPage(view))
	}
	if err := v.by.AddGrant(v.ctx(), g); err != nil {
		return err
	}
	return v.see("/partners/"+view.Partner, "grant")
}

// read takes what was typed into the form, and says what is wrong with it.
func (f *GrantForm) read(v *visit) (g engawa.Grant, wrong string) {
	_ = v.r.ParseForm() // what does not parse is missing below
	f.HasScopes, f.HasApps, f.HasChannels, f.HasPurposes = v.r.PostForm["scope"], v.r.PostForm["app"], v.r.PostForm["channel"], v.r.PostForm["purpose"]
	f.EveryApp, f.EveryChannel = v.typed("every_app") != "", v.typed("every_channel") != ""
	f.StartsOn, f.EndsOn, f.QuotaDay, f.QuotaMonth = v.typed("starts"), v.typed("ends"), v.typed("day"), v.typed("month")
	among := func(chosen []string, choices []Choice) bool {
		return !slices.ContainsFunc(chosen, func(x string) bool { return !slices.ContainsFunc(choices, func(c Choice) bool { return c.Value == x }) })
	}
	switch {
	case len(f.HasScopes) == 0 || slices.ContainsFunc(f.HasScopes, func(s string) bool { return !slices.Contains(f.Scopes, s) }):
		return g, v.T("grant.scopes.wrong")
	case !f.EveryApp && (len(f.HasApps) == 0 || !among(f.HasApps, f.Apps)):
		return g, v.T("grant.apps.wrong")
	case !f.EveryChannel && (len(f.HasChannels) == 0 || !among(f.HasChannels, f.Channels)):
		return g, v.T("grant.channels.wrong")
	case len(f.HasPurposes) == 0 || slices.ContainsFunc(f.HasPurposes, func(s string) bool { return !slices.Contains(partnerPurposes, s) }):
		return g, v.T("grant.purposes.wrong")
	}
	g = engawa.Grant{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixGrant), Partner: f.Partner, Scopes: f.HasScopes, Apps: f.HasApps, Channels: f.HasChannels,
		QuotaDay: number(f.QuotaDay), QuotaMonth: number(f.QuotaMonth), StartsAt: v.Now.UTC(), Version: 1,
	}
	for _, x := range f.HasPurposes {
		g.Purposes = append(g.Purposes, engawa.Purpose(x))
	}
	if f.EveryApp {
		g.Apps = []string{"*"}
	}
	if f.EveryChannel {
		g.Channels = []string{"*"}
	}
	if g.QuotaDay < 0 || g.QuotaMonth < 0 || max(g.QuotaDay, g.QuotaMonth) > 1_000_000_000 {
		return g, v.T("grant.quota.wrong")
	}
	if f.StartsOn != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.StartsOn, v.Zone)
		if err != nil {
			return g, v.T("grant.dates.wrong")
		}
		if day.After(g.StartsAt) {
			g.StartsAt = day.UTC()
		}
	}
	if f.EndsOn != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.EndsOn, v.Zone)
		if g.EndsAt = day.AddDate(0, 0, 1).UTC(); err != nil || !g.EndsAt.After(g.StartsAt) { // the day itself counts
			return g, v.T("grant.dates.wrong")
		}
	}
	return g, ""
}

// endGrant ends a grant of this partner, now.
func (c *console) endGrant(v *visit) error {
	id, grant := v.r.PathValue("id"), v.r.PathValue("grant")
	all, err := c.Store.Grants(v.ctx(), v.ws())
	if err == nil && !slices.ContainsFunc(all, func(g engawa.Grant) bool { return g.ID == grant && g.Partner == id }) {
		err = engawa.NotFound("grant")
	}
	if err != nil {
		return err
	}
	if err := v.by.EndGrant(v.ctx(), v.ws(), grant); err != nil {
		return err
	}
	return v.see("/partners/"+id, "grant_ended")
}

// endPartner ends a partner and all that it may do.
func (c *console) endPartner(v *visit) error {
	if v.typed("sure") == "" {
		return c.partnerAgain(v, v.T("partner.end.unsure"))
	}
	if unsure, err := c.unsure(v, func(wrong string) error { return c.partnerAgain(v, wrong) }); unsure {
		return err
	}
	id := v.r.PathValue("id")
	if _, err := v.by.EndPartner(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see("/partners/"+id, "partner_ended")
}
