package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	incoming "github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store"
)

// unreadMails is how many unrecognised mails the page offers, of as many looked at.
const (
	unreadMails  = 20
	unreadLooked = 200
)

// bys are the ways in which a pattern finds a customer.
func (v Patterns) bys() []Choice {
	return []Choice{{"", v.T("patterns.by.none")}, {"identity", v.T("patterns.by.identity")}, {"address", v.T("patterns.by.address")}}
}

// patterns is the page of an inbox's patterns: of a saved one with ?name=, on a
// mail that nobody recognised with ?event=.
func (c *console) patterns(v *visit) error {
	view, a, ps, err := c.patternsView(v)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	for _, p := range ps {
		if p.Name == q.Get("name") {
			view.Form = patternForm(p)
		}
	}
	if id := q.Get("event"); id != "" {
		if view.Sample, err = c.unread(v, a, id); err != nil {
			return err
		}
	}
	return v.show(PatternsPage(view))
}

// patternsView loads the page without form and sample.
func (c *console) patternsView(v *visit) (Patterns, engawa.Account, []inbox.Pattern, error) {
	a, kind, err := c.openAccount(v)
	if err == nil && !kind.Mailbox {
		err = engawa.NotFound("inbox")
	}
	if err != nil {
		return Patterns{}, a, nil, err
	}
	view := Patterns{Page: v.titled("accounts", v.T("patterns.of", "account", a.Name)), Account: a.ID, Version: a.Version}
	view.Path = "/accounts/" + a.ID + "/patterns"
	ps, err := inbox.Parse(a.Settings["patterns"])
	if err != nil {
		return view, a, nil, err
	}
	for _, p := range ps {
		view.Rows = append(view.Rows, PatternRow{Name: p.Name, Type: p.Type, URL: query(view.Path, "name", p.Name)})
	}
	evs, err := c.Store.Events(v.ctx(), v.ws(), store.EventFilter{Type: inbox.Unrecognized}, store.Page{Limit: unreadLooked})
	for _, e := range evs {
		if e.Account == a.ID && len(view.Mails) < unreadMails {
			view.Mails = append(view.Mails, UnreadRow{At: e.ReceivedAt, Subject: cmp.Or(mailOf(e).Subject, v.T("patterns.no_subject")), URL: query(view.Path, "event", e.ID)})
		}
	}
	return view, a, ps, err
}

// keptMail is what is kept of a mail that nobody recognised.
type keptMail struct{ From, Subject, Text string }

func mailOf(e engawa.Event) (m keptMail) {
	_ = json.Unmarshal(e.Data, &m) // of an event that was erased nothing is left
	return m
}

// unread is a kept mail as a sample. Its words are shown in full: who writes a
// pattern has to see what there is to take out.
func (c *console) unread(v *visit, a engawa.Account, id string) (string, error) {
	e, err := c.Store.Event(v.ctx(), v.ws(), id)
	if err == nil && (e.Account != a.ID || e.Type != inbox.Unrecognized) {
		err = engawa.NotFound("mail")
	}
	m := mailOf(e)
	return "From: " + m.From + "\nSubject: " + strings.ReplaceAll(m.Subject, "\n", " ") + "\n\n" + m.Text, err
}

// patternForm is the form of a saved pattern.
func patternForm(p inbox.Pattern) PatternForm {
	f := PatternForm{Old: p.Name, Name: p.Name, From: p.From, Subject: p.Subject, Body: p.Body, Type: p.Type}
	for _, field := range slices.Sorted(maps.Keys(p.Data)) {
		f.Data += field + " = " + p.Data[field] + "\n"
	}
	if c := p.Customer; c != nil {
		f.By, f.Issuer, f.Kind, f.Group = c.By, c.Issuer, c.Kind, c.Group
	}
	return f
}

func (v *visit) patternTyped() PatternForm {
	return PatternForm{
		Old: v.r.PostFormValue("old"), Name: v.typed("name"), From: v.typed("from"), Subject: v.typed("subject"), Body: strings.ReplaceAll(v.typed("body"), "\r\n", "\n"),
		Type: v.typed("type"), Data: strings.ReplaceAll(v.typed("data"), "\r\n", "\n"), By: v.typed("by"), Issuer: v.typed("issuer"), Kind: v.typed("kind"), Group: v.typed("group"),
	}
}

// pattern is what a form says. A line of Data without "=" takes the group of its
// own name.
func (f PatternForm) pattern() inbox.Pattern {
	p := inbox.Pattern{Name: f.Name, From: f.From, Subject: f.Subject, Body: f.Body, Type: f.Type}
	for line := range strings.SplitSeq(f.Data, "\n") {
		field, group, given := strings.Cut(line, "=")
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		if p.Data == nil {
			p.Data = map[string]string{}
		}
		if p.Data[field] = strings.TrimSpace(group); !given {
			p.Data[field] = field
		}
	}
	if f.By != "" {
		p.Customer = &inbox.Customer{By: f.By, Issuer: f.Issuer, Kind: f.Kind, Group: f.Group}
	}
	return p
}

// changePatterns tries, saves or deletes the pattern of the form. A try changes
// nothing.
func (c *console) changePatterns(v *visit) error {
	view, a, ps, err := c.patternsView(v)
	if err != nil {
		return err
	}
	view.Form, view.Sample = v.patternTyped(), strings.ReplaceAll(v.r.PostFormValue("sample"), "\r\n", "\n")
	what := v.r.PostFormValue("do")
	if a.Version, err = strconv.ParseInt(v.r.PostFormValue("version"), 10, 64); err != nil && what != "try" {
		return engawa.Invalid("/version", "open the form again", "the form has no version")
	}
	if what == "try" {
		return c.tryPattern(v, view)
	}
	text, err := inbox.Text(edited(ps, view.Form, what == "delete"))
	if err == nil {
		_, err = inbox.Parse(text)
	}
	if err != nil {
		return v.patternAgain(view, err)
	}
	if a.Settings == nil {
		a.Settings = map[string]string{}
	}
	if a.Settings["patterns"] = text; text == "" {
		delete(a.Settings, "patterns")
	}
	if err := v.by.ChangeAccount(v.ctx(), a); err != nil {
		return err
	}
	return v.see(view.Path, "saved")
}

// edited are the patterns with the form's in the place of the old one, at the
// end, or without it. The first that fits counts: places stay.
func edited(ps []inbox.Pattern, f PatternForm, without bool) []inbox.Pattern {
	i := slices.IndexFunc(ps, func(p inbox.Pattern) bool { return f.Old != "" && p.Name == f.Old })
	switch {
	case without && i >= 0:
		return slices.Delete(slices.Clone(ps), i, i+1)
	case without:
		return ps
	case i < 0:
		return append(slices.Clone(ps), f.pattern())
	}
	out := slices.Clone(ps)
	out[i] = f.pattern()
	return out
}

// tryPattern shows what the form's pattern takes out of the sample.
func (c *console) tryPattern(v *visit, view Patterns) error {
	text, err := inbox.Text([]inbox.Pattern{view.Form.pattern()})
	if err != nil {
		return err
	}
	ps, err := inbox.Parse(text)
	if err != nil {
		return v.patternAgain(view, err)
	}
	l, err := incoming.Read([]byte(view.Sample))
	if err != nil {
		view.Problem, view.Remedy = v.T("patterns.sample.wrong"), v.T("patterns.sample.help")
		return v.showAs(http.StatusUnprocessableEntity, PatternsPage(view))
	}
	found := inbox.Match(ps, l)
	view.Tried = &PatternTrial{Fits: found.Pattern != ""}
	for _, field := range slices.Sorted(maps.Keys(found.Values)) {
		view.Tried.Values = append(view.Tried.Values, Choice{field, found.Values[field]})
	}
	view.Tried.Customer, err = c.named(v, found)
	if err != nil {
		return err
	}
	return v.show(PatternsPage(view))
}

// named says whom a mail names: a customer's name, or what was taken for one who
// is not known yet.
func (c *console) named(v *visit, f inbox.Found) (string, error) {
	var id string
	var err error
	switch {
	case f.Identity.Value != "":
		id, err = c.Store.CustomerBy(v.ctx(), v.ws(), f.Identity)
	case f.Address != "":
		var ids []string
		if ids, err = c.Store.CustomersAt(v.ctx(), v.ws(), f.Address); len(ids) > 1 {
			return v.T("patterns.tried.several"), err
		} else if len(ids) == 1 {
			id = ids[0]
		}
	default:
		return "", nil
	}
	if err != nil || id == "" {
		return v.T("patterns.tried.nobody"), err
	}
	cu, err := c.Store.Customer(v.ctx(), v.ws(), id)
	return v.customerName(cu), err
}

// patternAgain shows the form again with what is wrong: the field, and what the
// check of patterns says about it.
func (v *visit) patternAgain(view Patterns, err error) error {
	told, ok := errors.AsType[*engawa.Error](err)
	if !ok {
		return err
	}
	parts := strings.Split(strings.Trim(told.Field, "/"), "/")
	field := "name"
	if len(parts) > 1 {
		field = parts[1]
	}
	if field == "customer" {
		field = "by"
	}
	view.Problem = v.T("form.check") + " " + v.T("patterns."+field)
	view.Remedy = v.T("patterns.wrong." + field)
	return v.showAs(http.StatusUnprocessableEntity, PatternsPage(view))
}
