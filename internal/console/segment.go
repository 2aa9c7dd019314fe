package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/broadcast"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/segment"
	"github.com/engawa/engawa/internal/store"
)

// Segments is the list of saved selections.
type Segments struct {
	Page
	Rows []SegmentRow
}

// SegmentRow is one segment.
type SegmentRow struct {
	ID, Name, Says string
	N              int // customers of whom it holds now
}

// SegmentForm is a segment and whom it holds of.
type SegmentForm struct {
	Page
	ID, Name string
	Version  int64
	Match    string // all, any
	Rows     []TraitRow
	Foreign  string // what it asks, where that does not fit into the form
	N        int
	Some     []Choice // some of the customers: their pages and names
	Problem  string
	Remedy   string
	Tags     []string
	Apps     []Choice // with any
	Accounts []Choice // with any
	Channels []string // kinds of contact points
}

// TraitRow is one condition of the form. Without Is nothing is asked.
type TraitRow struct {
	engawa.Condition
	Date string // of At, in the workspace's zone
}

// someCustomers is how many customers of a segment its page names.
const someCustomers = 5

const localDay = "2006-01-02"

func (c *console) segments(v *visit) error {
	view := Segments{Page: v.titled("customers", v.T("segments.title"))}
	all, err := c.Store.Segments(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	says, err := c.traitWords(v)
	if err != nil {
		return err
	}
	for _, g := range all {
		row := SegmentRow{ID: g.ID, Name: g.Name, Says: says.condition(g.Where)}
		if row.N, err = c.Store.CountSelected(v.ctx(), segment.Of(v.ws(), g.Where)); err != nil {
			return err
		}
		view.Rows = append(view.Rows, row)
	}
	return v.show(SegmentsPage(view))
}

func (c *console) newSegment(v *visit) error {
	view, err := c.segmentView(v, engawa.Segment{})
	if err != nil {
		return err
	}
	return v.show(SegmentPage(view))
}

func (c *console) segment(v *visit) error {
	g, err := c.Store.Segment(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	view, err := c.segmentView(v, g)
	if err != nil {
		return err
	}
	return v.show(SegmentPage(view))
}

// segmentView is the page of a segment and of whom it holds.
func (c *console) segmentView(v *visit, g engawa.Segment) (SegmentForm, error) {
	view, err := c.segmentForm(v, g)
	if err == nil {
		err = c.whom(v, &view, g.Where)
	}
	return view, err
}

// segmentForm is the page of a segment as it is stored, or of a form that is not.
func (c *console) segmentForm(v *visit, g engawa.Segment) (SegmentForm, error) {
	title := v.T("segments.new")
	if g.Version > 0 {
		title = g.Name
	}
	view := SegmentForm{Page: v.titled("customers", title), ID: g.ID, Name: g.Name, Version: g.Version}
	says, err := c.traitWords(v)
	if err != nil {
		return view, err
	}
	view.Apps, view.Accounts, view.Channels = says.choices()
	used, err := c.Store.UsedTags(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, u := range used {
		view.Tags = append(view.Tags, u.Tag)
	}
	zone, err := engawa.Zone(v.workspace.Zone)
	if err != nil {
		return view, err
	}
	match, traits, fits := inRows(g.Where)
	if view.Match = match; !fits {
		view.Foreign = says.condition(g.Where)
	}
	for _, t := range traits {
		row := TraitRow{Condition: t}
		if t.At != nil {
			row.Date = t.At.In(zone).Format(localDay)
		}
		view.Rows = append(view.Rows, row)
	}
	view.Rows = append(view.Rows, TraitRow{}) // room for one more
	return view, nil
}

// whom counts the customers of whom a condition holds, and names some.
func (c *console) whom(v *visit, view *SegmentForm, where engawa.Condition) (err error) {
	of := segment.Of(v.ws(), where)
	if view.N, err = c.Store.CountSelected(v.ctx(), of); err != nil {
		return err
	}
	ids, err := c.Store.Selected(v.ctx(), of, "", someCustomers)
	for _, id := range ids {
		if err == nil {
			var cu engawa.Customer
			cu, err = c.Store.Customer(v.ctx(), v.ws(), id)
			view.Some = append(view.Some, Choice{"/customers/" + id, v.customerName(cu)})
		}
	}
	return err
}

// inRows are the traits of a condition that fits into the form: one group, without
// groups in it.
func inRows(c engawa.Condition) (match string, traits []engawa.Condition, fits bool) {
	match, traits = "all", c.All
	switch {
	case c.Is != "":
		return match, []engawa.Condition{c}, plain(c)
	case len(c.Any) > 0:
		match, traits = "any", c.Any
	}
	if c.Not {
		return match, nil, false
	}
	for _, t := range traits {
		if t.Is == "" || !plain(t) {
			return match, nil, false
		}
	}
	return match, traits, true
}

// plain reports whether the form has a field for all that a trait says.
func plain(c engawa.Condition) bool {
	return c.Is != engawa.TraitConsent || c.App == "" && c.Topic == ""
}

// maxRows is how many conditions the form takes.
const maxRows = segment.MaxTraits

// typedSegment is what the form says.
func (v *visit) typedSegment(g engawa.Segment) (engawa.Segment, error) {
	g.Name = v.typed("name")
	g.Version, _ = strconv.ParseInt(v.typed("version"), 10, 64) // none: a new one
	if v.typed("foreign") != "" {
		return g, nil // it stays as it is
	}
	zone, err := engawa.Zone(v.workspace.Zone)
	if err != nil {
		return g, err
	}
	var traits []engawa.Condition
	for i := range maxRows {
		field := func(name string) string { return v.typed("r" + strconv.Itoa(i) + "." + name) }
		c := engawa.Condition{Is: engawa.Trait(field("is")), Not: field("not") != ""}
		if c.Is == "" {
			continue
		}
		if field("was") == string(c.Is) { // else its fields are those of another trait
			c.Value, c.App, c.Product, c.Subscription = field("value"), field("app"), field("product"), engawa.SubscriptionState(field("subscription"))
			c.Purpose, c.Channel, c.Account = engawa.Purpose(field("purpose")), field("channel"), field("account")
			c.Days, _ = strconv.Atoi(field("days")) // what is no number is none
			if day, err := time.ParseInLocation(localDay, field("date"), zone); err == nil {
				c.At = &day
			}
		} else {
			c = beginning(c, time.Now().In(zone))
		}
		traits = append(traits, c)
	}
	g.Where = engawa.Condition{All: traits}
	if v.typed("match") == "any" {
		g.Where = engawa.Condition{Any: traits}
	}
	return g, nil
}

// beginning gives a trait that was just chosen what it asks at first.
func beginning(c engawa.Condition, now time.Time) engawa.Condition {
	switch c.Is {
	case engawa.TraitKind:
		c.Value = "person"
	case engawa.TraitLocale:
		c.Value = string(engawa.Japanese)
	case engawa.TraitSubscription:
		c.Subscription = engawa.SubscriptionActive
	case engawa.TraitConsent:
		c.Purpose = engawa.Marketing
	case engawa.TraitContact:
		c.Channel = "mail"
	case engawa.TraitRelationship:
		c.Value = "friend"
	case engawa.TraitActive:
		c.Days = 30
	case engawa.TraitCreatedAfter, engawa.TraitCreatedBefore:
		day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		c.At = &day
	case engawa.TraitTag, engawa.TraitCountry, engawa.TraitMinor:
	}
	return c
}

// saveSegment saves the form or, without do=save, shows of whom it would hold.
func (c *console) saveSegment(v *visit) error {
	var g engawa.Segment
	if id := v.r.PathValue("id"); id != "" {
		var err error
		if g, err = c.Store.Segment(v.ctx(), v.ws(), id); err != nil {
			return err
		}
	}
	typed, err := v.typedSegment(g)
	if err != nil {
		return err
	}
	checked, wrong := segment.Check("/where", typed.Where)
	if wrong == nil {
		typed.Where = checked
	}
	if v.typed("do") != "save" {
		return c.segmentAgain(v, typed, wrong, http.StatusOK)
	}
	if n := utf8.RuneCountInString(typed.Name); wrong == nil && (n == 0 || n > broadcast.MaxName) {
		wrong = engawa.Invalid("/name", v.T("segments.name.wrong"), "the name has %d letters", n)
	}
	if wrong != nil {
		return c.segmentAgain(v, typed, wrong, http.StatusUnprocessableEntity)
	}
	if typed.ID == "" {
		typed.Workspace, typed.ID, typed.CreatedBy = v.ws(), engawa.NewID(engawa.PrefixSegment), "member:"+v.member.ID
	}
	saved, err := v.by.SaveSegment(v.ctx(), typed)
	if err != nil {
		return err
	}
	return v.see("/segments/"+saved.ID, "saved")
}

// segmentAgain shows the form as it was typed: of whom it holds, or what is wrong.
func (c *console) segmentAgain(v *visit, g engawa.Segment, wrong error, status int) error {
	view, err := c.segmentForm(v, g)
	if err == nil && wrong == nil {
		err = c.whom(v, &view, g.Where)
	}
	if err != nil {
		return err
	}
	if told, ok := errors.AsType[*engawa.Error](wrong); ok {
		view.Problem, view.Remedy = v.T("segments.check"), v.wrongTrait(told, g.Where)
	}
	return v.showAs(status, SegmentPage(view))
}

// wrongTrait says what to do about the condition that is wrong.
func (p Page) wrongTrait(told *engawa.Error, where engawa.Condition) string {
	parts := strings.Split(strings.Trim(told.Field, "/"), "/") // where all 0 value
	if len(parts) < 3 {
		return told.Remedy
	}
	_, traits, _ := inRows(where)
	if i, err := strconv.Atoi(parts[2]); err == nil && i < len(traits) {
		return p.T("segments.wrong."+string(traits[i].Is), "n", i+1)
	}
	return told.Remedy
}

func (c *console) endSegment(v *visit) error {
	if err := v.by.EndSegment(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/segments", "segment_ended")
}

// traitNames says conditions in words.
type traitNames struct {
	v        *visit
	c        *console
	apps     []engawa.App
	accounts []engawa.Account
}

func (c *console) traitWords(v *visit) (n traitNames, err error) {
	n.v, n.c = v, c
	if n.apps, err = c.Store.Apps(v.ctx(), v.ws()); err != nil {
		return n, err
	}
	n.accounts, err = c.Store.Accounts(v.ctx(), v.ws())
	return n, err
}

// choices are the apps and accounts that a condition may name, and the kinds of
// contact points that the connected accounts reach.
func (n traitNames) choices() (apps, accounts []Choice, channels []string) {
	apps, accounts = []Choice{{"", n.v.T("segments.any")}}, []Choice{{"", n.v.T("segments.any")}}
	for _, a := range n.apps {
		apps = append(apps, Choice{a.ID, a.Name})
	}
	for _, a := range n.accounts {
		accounts = append(accounts, Choice{a.ID, n.v.accountWords(a.Kind, a.Name)})
	}
	for _, k := range n.c.Kinds {
		if k.ToCustomers && k.Address != nil && engawa.ContactKind(k.Name) == k.Name {
			channels = append(channels, k.Name)
		}
	}
	return apps, accounts, channels
}

// condition says a condition in one sentence.
func (n traitNames) condition(c engawa.Condition) string {
	group, by := c.All, "segments.and"
	if len(c.Any) > 0 {
		group, by = c.Any, "segments.or"
	}
	text := ""
	switch {
	case c.Is != "":
		text = n.trait(c)
	case len(group) == 0:
		text = n.v.T("segments.everybody")
	default:
		texts := make([]string, len(group))
		for i, part := range group {
			if texts[i] = n.condition(part); part.Is == "" && len(group) > 1 {
				texts[i] = "(" + texts[i] + ")"
			}
		}
		text = strings.Join(texts, n.v.T(by))
	}
	if c.Not {
		return n.v.T("segments.not", "what", text)
	}
	return text
}

func (n traitNames) trait(c engawa.Condition) string {
	p := n.v.Page
	switch c.Is {
	case engawa.TraitKind:
		return p.customerKind(c.Value)
	case engawa.TraitLocale:
		return p.T("segments.says.locale", "value", p.T("locale."+c.Value))
	case engawa.TraitCountry:
		if c.Value == "" {
			return p.T("segments.says.country.none")
		}
	case engawa.TraitSubscription:
		return p.T("segments.says.subscription", "what", joinDot(n.app(c.App), c.Product, p.stateChoice(c.Subscription)))
	case engawa.TraitConsent:
		return p.T("segments.says.consent", "what", joinDot(p.T("purpose."+string(c.Purpose)), c.Channel, n.app(c.App), c.Topic))
	case engawa.TraitRelationship:
		return p.T("segments.says.relationship", "what", joinDot(p.standWords(c.Value), n.account(c.Account)))
	case engawa.TraitActive:
		return p.T("segments.says.active", "n", c.Days)
	case engawa.TraitCreatedAfter, engawa.TraitCreatedBefore:
		return p.T("segments.says."+string(c.Is), "day", p.Date(*c.At))
	case engawa.TraitTag, engawa.TraitMinor, engawa.TraitContact:
	}
	return p.T("segments.says."+string(c.Is), "value", c.Value+c.Channel)
}

func (n traitNames) app(id string) string {
	for _, a := range n.apps {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

func (n traitNames) account(id string) string {
	for _, a := range n.accounts {
		if a.ID == id {
			return n.v.accountWords(a.Kind, a.Name)
		}
	}
	return id
}

// stateChoice is a subscription's state; empty: any.
func (p Page) stateChoice(s engawa.SubscriptionState) string {
	if s == "" {
		return p.T("segments.any_state")
	}
	return p.T("contract.state." + string(s))
}

func (p Page) standWords(state string) string {
	if state == "friend" || state == "blocked" {
		return p.T("segments.stands." + state)
	}
	return state
}

func (p Page) traitChoices() []Choice {
	all := []Choice{{"", p.T("segments.trait.none")}}
	for _, t := range segment.Traits {
		all = append(all, Choice{string(t), p.T("segments.trait." + string(t))})
	}
	return all
}

func (p Page) stateChoices() []Choice {
	all := []Choice{{"", p.stateChoice("")}}
	for _, s := range segment.States {
		all = append(all, Choice{string(s), p.stateChoice(s)})
	}
	return all
}

// tagCustomer sets a tag that was typed, or takes one away.
func (c *console) tagCustomer(v *visit) error {
	var set, remove []string
	if tag := v.typed("tag"); tag != "" {
		set = strings.Split(tag, ",")
	}
	if tag := v.typed("remove"); tag != "" {
		remove = []string{tag}
	}
	for _, tag := range set {
		if _, err := store.TidyTag(tag); err != nil {
			return engawa.Invalid("/tag", v.T("tags.wrong"), "it is no tag")
		}
	}
	id := v.r.PathValue("id")
	if err := v.by.TagCustomer(v.ctx(), v.ws(), id, set, remove); err != nil {
		return err
	}
	return v.see("/customers/"+id+"#tags", "tagged")
}

func (p Page) localeChoices() (all []Choice) {
	for _, l := range engawa.Locales {
		all = append(all, Choice{string(l), p.T("locale." + string(l))})
	}
	return all
}

// channelChoices are the kinds of contact points, and the one that is chosen already.
func (v SegmentForm) channelChoices(chosen string, any bool) (all []Choice) {
	if any {
		all = append(all, Choice{"", v.T("segments.any_channel")})
	}
	kinds := v.Channels
	if chosen != "" && !slices.Contains(kinds, chosen) {
		kinds = append(slices.Clone(kinds), chosen)
	}
	for _, k := range kinds {
		all = append(all, Choice{k, v.kindWords(k)})
	}
	return all
}

func (v SegmentForm) standChoices(chosen string) []Choice {
	all := []Choice{{"friend", v.standWords("friend")}, {"blocked", v.standWords("blocked")}}
	if chosen != "friend" && chosen != "blocked" {
		all = append(all, Choice{chosen, chosen})
	}
	return all
}

// tagsOf loads a customer's tags, and the segments that hold of the customer now.
func (c *console) tagsOf(v *visit, view *Customer) error {
	of, err := c.Store.Tags(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	view.Tags = of[view.ID]
	ps, err := c.Store.Profiles(v.ctx(), v.ws(), []string{view.ID}, catalogue.Idle())
	if err != nil || len(ps) == 0 {
		return err
	}
	all, err := c.Store.Segments(v.ctx(), v.ws())
	for _, g := range all {
		if segment.Matches(g.Where, ps[0], time.Now()) {
			view.Segments = append(view.Segments, Choice{"/segments/" + g.ID, g.Name})
		}
	}
	return err
}
