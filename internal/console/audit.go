package console

import (
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// auditFilter reads who and what of the page's address. It asks for nothing
// that the page does not offer.
func (v *visit) auditFilter() store.AuditFilter {
	q := v.r.URL.Query()
	f := store.AuditFilter{Actor: q.Get("who")}
	if slices.Contains(AuditActions, q.Get("what")) {
		f.Action = q.Get("what")
	}
	return f
}

func (c *console) audit(v *visit) error {
	f := v.auditFilter()
	people, err := c.actors(v)
	if err != nil {
		return err
	}
	lines, err := c.Store.Audits(v.ctx(), v.ws(), f, store.Page{ID: v.r.URL.Query().Get("after"), Limit: listed})
	if err != nil {
		return err
	}
	view := Audit{
		Page: v.titled("settings", v.T("audit.title")), Who: f.Actor, What: f.Action, People: people,
		CSV: query("/audit.csv", "who", f.Actor, "what", f.Action),
	}
	for _, a := range lines {
		view.Rows = append(view.Rows, AuditRow{
			At: a.At, Who: whose(people, a.Actor), What: v.auditWords(a.Action), Object: whose(people, "member:"+a.Object), Detail: a.Detail, URL: pageOf(a.Object),
		})
	}
	if len(lines) == listed {
		view.Next = query("/audit", "who", f.Actor, "what", f.Action, "after", lines[listed-1].ID)
	}
	return v.show(AuditPage(view))
}

func (c *console) auditCSV(v *visit) error {
	f := v.auditFilter()
	people, err := c.actors(v)
	if err != nil {
		return err
	}
	out := v.csv("audit", "id", "at", "actor", "who", "action", "object", "detail")
	p := store.Page{Limit: 200}
	for range csvRows / 200 {
		lines, err := c.Store.Audits(v.ctx(), v.ws(), f, p)
		if err != nil {
			return err
		}
		for _, a := range lines {
			writeCSV(out, a.ID, a.At.UTC().Format(time.RFC3339), a.Actor, whose(people, a.Actor), a.Action, a.Object, a.Detail)
			p.ID = a.ID
		}
		if len(lines) < 200 {
			break
		}
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// actors are those who may stand in the trail as actors, with their names.
func (c *console) actors(v *visit) ([]Choice, error) {
	members, err := c.Store.Members(v.ctx(), v.ws())
	if err != nil {
		return nil, err
	}
	var all []Choice
	for _, m := range members {
		all = append(all, Choice{"member:" + m.ID, m.Name})
	}
	keys, err := c.Store.Keys(v.ctx(), v.ws())
	for _, k := range keys {
		all = append(all, Choice{"key:" + k.ID, v.T("audit.key", "name", k.Name)})
	}
	if err != nil {
		return nil, err
	}
	partners, err := c.Store.Partners(v.ctx(), v.ws())
	for _, p := range partners {
		all = append(all, Choice{"partner:" + p.ID, v.T("audit.partner", "name", p.Name)})
	}
	return append(all, Choice{"system:command", v.T("audit.command")}, Choice{"stranger", v.T("audit.stranger")}), err
}

// whose is the name of an actor; who has left, and what is no actor, has the id alone.
func whose(people []Choice, actor string) string {
	for _, p := range people {
		if p.Value == actor {
			return p.Label
		}
	}
	_, id, found := strings.Cut(actor, ":")
	if !found {
		return actor
	}
	return id
}

func (p Page) auditWords(action string) string {
	if p.Words.Has("audit.do." + action) {
		return p.T("audit.do." + action)
	}
	return action // a newer node's
}

// pageOf is the page of what an id names.
func pageOf(id string) string {
	for prefix, path := range map[string]string{
		engawa.PrefixAccount: "/accounts/", engawa.PrefixRoute: "/routes/", engawa.PrefixTemplate: "/templates/",
		engawa.PrefixPartner: "/partners/", engawa.PrefixCustomer: "/customers/", engawa.PrefixMessage: "/messages/", engawa.PrefixRefund: "/refunds/", engawa.PrefixCustody: "/custody/",
	} {
		if engawa.HasPrefix(id, prefix) {
			return path + id
		}
	}
	return ""
}

func (v Audit) people() []Choice {
	return append([]Choice{{"", v.T("audit.everybody")}}, v.People...)
}

func (v Audit) actions() []Choice {
	all := []Choice{{"", v.T("list.any")}}
	for _, a := range AuditActions {
		all = append(all, Choice{a, v.auditWords(a)})
	}
	return all
}
