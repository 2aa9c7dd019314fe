package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/hindsight"
	"github.com/engawa/engawa/internal/rule"
)

// RulePacks is the page of the packs of rules.
type RulePacks struct {
	Page
	Packs   []PackCard
	RuleSet string
	Version int64 // of the newest switch
	Problem string
	Remedy  string
}

// PackCard is one pack.
type PackCard struct {
	Name, Title, Text string
	Where             string // countries and channels
	On, Fixed         bool
	Customers         int // in its countries
	ReviewedOn        string
	Rules             []RuleRow
	Past              []PackPast // the newest switch first; none: it has been on from the first
}

// RuleRow is one rule in words.
type RuleRow struct{ ID, Says, Covers, Source, ReviewedOn, Mark string }

// PackPast is one switch.
type PackPast struct {
	At          time.Time
	On          bool
	Who, Reason string
}

func (c *console) rules(v *visit) error {
	view, err := c.rulesView(v)
	if err != nil {
		return err
	}
	return v.show(RulesPage(view))
}

func (c *console) rulesView(v *visit) (RulePacks, error) {
	set := c.Compose.Rules
	view := RulePacks{Page: v.titled("settings", v.T("rules.title")), RuleSet: set.Without(v.workspace.House.PacksOff).Version()}
	view.Path = "/rules"
	past, err := c.Store.PackSwitches(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	if len(past) > 0 {
		view.Version = past[0].Version
	}
	people, err := c.actors(v)
	if err != nil {
		return view, err
	}
	customers, err := c.Store.CustomersByCountry(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, p := range set.Packs() {
		card := v.packCard(p)
		card.On = !slices.Contains(v.workspace.House.PacksOff, p.Name)
		for _, s := range past {
			if s.Pack == p.Name {
				card.Past = append(card.Past, PackPast{s.At, s.On, whose(people, s.By), s.Reason})
			}
		}
		card.Customers = p.Customers(customers)
		view.Packs = append(view.Packs, card)
	}
	return view, nil
}

// packCard is what a pack says, whoever has it on.
func (p Page) packCard(pack rule.Pack) PackCard {
	card := PackCard{
		Name: pack.Name, Title: p.packName(pack.Name), Text: p.T("rule.pack." + pack.Name + ".text"), Fixed: pack.Fixed(), ReviewedOn: pack.ReviewedOn,
		Where: strings.Join(pack.Countries, " "),
	}
	if len(pack.Channels) > 0 {
		card.Where = p.T("rules.where.channels", "countries", card.Where, "channels", listOf(p, pack.Channels, p.kindWords))
	}
	for _, r := range pack.Rules {
		card.Rules = append(card.Rules, RuleRow{
			ID: r.ID, Says: p.ruleSays(r), Covers: joinDot(p.ruleChannels(r), listOf(p, r.Purposes, p.purposeWords), p.ruleDates(r)), Source: r.Source, ReviewedOn: r.ReviewedOn, Mark: p.T("rule.mark." + markName(r.Mark)),
		})
	}
	return card
}

func (p Page) packName(name string) string { return p.T("rule.pack." + name) }

// markName is how certain a reading is, as a word.
func markName(mark string) string {
	return map[string]string{"P": "primary", "S": "secondary", "M": "memory", "?": "contested", "policy": "policy"}[mark]
}

// ruleSays is what a rule asks for, in a sentence.
func (p Page) ruleSays(r rule.Rule) string {
	says := func(values ...any) string { return p.T("rule.says."+r.Kind, values...) }
	switch b := r.Body.(type) {
	case rule.QuietHours:
		return says("from", b.From.String(), "to", b.To.String()) + p.quietSays(b)
	case rule.SubjectLabel:
		return says("label", b.Text)
	case rule.BodyLabel:
		return says("label", b.Text)
	case rule.SenderDetails:
		return says("fields", listOf(p, b.Require, func(f string) string { return p.T("rule.field." + f) }))
	case rule.Reminder:
		return says("years", b.Years)
	case rule.ReminderNotice:
		return says("days", b.LeadDays, "years", b.Years)
	case rule.DecisionNotice:
		return says("days", b.Days)
	case rule.FrequencyCap:
		return says("day", b.PerDay, "sender", b.PerSender)
	case rule.MinorGuardian:
		return says("age", b.Age)
	case rule.MaxAge:
		return says("hours", b.Hours)
	case rule.ClockStep:
		return says("seconds", b.ToleranceSeconds)
	case rule.Suppression:
		return says("all", p.stops(b.All), "optional", p.stops(b.Optional), "marketing", p.stops(b.Marketing))
	}
	return says()
}

// quietSays is what else is to say of quiet hours.
func (p Page) quietSays(b rule.QuietHours) (said string) {
	if b.LeadMinutes > 0 {
		said += " " + p.T("rules.quiet.lead", "minutes", b.LeadMinutes)
	}
	if b.Unless != "" {
		said += " " + p.T("rules.quiet.unless")
	}
	if b.Switch != "" {
		said += " " + p.T("rules.quiet.switch")
	}
	return said
}

func (p Page) stops(reasons []string) string {
	return listOf(p, reasons, func(r string) string { return p.T("rule.stop." + r) })
}

func (p Page) ruleChannels(r rule.Rule) string {
	switch {
	case len(r.Except) > 0:
		return p.T("rules.channels.but", "channels", listOf(p, r.Except, p.kindWords))
	case slices.Contains(r.Channels, "*"):
		return p.T("rules.channels.all")
	}
	return listOf(p, r.Channels, p.kindWords)
}

func (p Page) ruleDates(r rule.Rule) string {
	var from, to string
	if !r.From.IsZero() {
		from = p.T("rules.from", "date", r.From.Format(time.DateOnly))
	}
	if !r.To.IsZero() {
		to = p.T("rules.to", "date", r.To.Format(time.DateOnly))
	}
	return joinDot(from, to)
}

// switchPack switches a pack on or off for a reason that is written down.
func (c *console) switchPack(v *visit) error {
	p, err := c.Compose.Rules.Pack(v.r.PathValue("pack"))
	if err != nil {
		return err
	}
	customers, err := c.Store.CustomersByCountry(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	on, reason := v.typed("on") == "true", v.typed("reason")
	version, _ := strconv.ParseInt(v.typed("version"), 10, 64) // of none it is 0, which is a conflict where there is a switch
	err = p.MaySwitch(on, v.typed("sure") == "true", reason, p.Customers(customers))
	if err == nil {
		err = v.by.SwitchPack(v.ctx(), engawa.PackSwitch{Workspace: v.ws(), Version: version, Pack: p.Name, On: on, Reason: reason})
	}
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		return c.rulesAgain(v, told)
	}
	switch {
	case err != nil:
		return err
	case on:
		return v.see("/rules", "pack_on")
	}
	return v.see("/rules", "pack_off")
}

func (c *console) rulesAgain(v *visit, told *engawa.Error) error {
	view, err := c.rulesView(v)
	if err != nil {
		return err
	}
	view.Problem = v.T("form.check")
	switch {
	case told.Code == engawa.CodeConflict:
		view.Remedy = v.T("rules.wrong.meanwhile")
	case told.Field == "/sure":
		view.Remedy = v.T("rules.wrong.sure")
	case told.Field == "/pack":
		view.Remedy = v.T("rules.wrong.fixed")
	default:
		view.Remedy = v.T("rules.wrong.reason")
	}
	return v.showAs(http.StatusUnprocessableEntity, RulesPage(view))
}

// PackTrial is what a pack would have done with past messages.
type PackTrial struct {
	Page
	Asked  hindsight.Trial
	Report hindsight.Report
	Sums   []PackTrialSum
	Rows   []PackTrialRow
	Next   string
	Newest string // without a cursor; empty: this is the first page
}

func (v PackTrial) days() string { return strconv.Itoa(v.Asked.Days) }

// PackTrialSum is with how many messages one rule makes one difference.
type PackTrialSum struct {
	Change, Rule, Purpose string
	Messages, Resimulated int
}

// PackTrialRow is one message that differs.
type PackTrialRow struct {
	ID                 string
	At                 time.Time
	To, Purpose, Rule  string
	Change, Was, Would string
	Resimulated        bool
}

// tryPack shows what a pack that is switched otherwise would have done. It changes
// nothing.
func (c *console) tryPack(v *visit) error {
	q := v.r.URL.Query()
	days, _ := strconv.Atoi(q.Get("days")) // what is no number is no span: 404
	t := hindsight.Trial{Workspace: v.ws(), Pack: v.r.PathValue("pack"), On: q.Get("on") == "true", Days: days, Until: v.Now, Cursor: q.Get("cursor")}
	r, err := hindsight.Try(v.ctx(), c.Store, c.Compose.Rules, t)
	if _, ok := errors.AsType[*engawa.Error](err); ok {
		return engawa.NotFound("trial")
	}
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	return v.show(PackTrialPage(v.packTrial(t, r, n.to)))
}

func (v *visit) packTrial(t hindsight.Trial, r hindsight.Report, to func(engawa.Message) string) PackTrial {
	view := PackTrial{Page: v.titled("settings", v.T("tried.title", "pack", v.packName(t.Pack))), Asked: t, Report: r}
	path := "/rules/" + t.Pack + "/trial"
	view.Path = query(path, "on", strconv.FormatBool(t.On), "days", view.days())
	if t.Cursor != "" {
		view.Newest = view.Path
	}
	if r.Next != "" {
		view.Next = query(path, "on", strconv.FormatBool(t.On), "days", view.days(), "cursor", r.Next)
	}
	for _, s := range r.Sums {
		view.Sums = append(view.Sums, PackTrialSum{v.changeWords(s.Change), v.ruleName(s.Rule), v.purposeWords(s.Purpose), s.Messages, s.Resimulated})
	}
	for _, row := range r.Rows {
		view.Rows = append(view.Rows, PackTrialRow{
			ID: row.Message.ID, At: row.At, To: to(row.Message), Purpose: v.purposeWords(row.Message.Purpose), Rule: v.ruleName(row.Rule()),
			Change: v.changeWords(hindsight.Change{Was: row.Was.Outcome, Would: row.Would.Outcome}), Was: v.triedWords(row.Was), Would: v.triedWords(row.Would), Resimulated: row.Resimulated,
		})
	}
	return view
}

func (p Page) changeWords(c hindsight.Change) string {
	return p.T("tried.change." + string(c.Was) + "." + string(c.Would))
}

// ruleName is a rule's id, or that the product itself decides.
func (p Page) ruleName(id string) string {
	return cmp.Or(id, p.T("tried.product"))
}

// triedWords is a verdict in one line: what is done, and why or with what words.
func (p Page) triedWords(v engawa.Verdict) string {
	if v.Outcome != engawa.Send {
		return joinDot(p.T("outcome."+string(v.Outcome)), p.why(v))
	}
	added := p.verdictWords(v, "").Added
	return joinDot(p.T("outcome."+string(v.Outcome)), p.list(slices.Compact(added)))
}

// spans are the choices of a trial.
func (p Page) spans() (all []Choice) {
	for _, n := range hindsight.Spans {
		all = append(all, Choice{strconv.Itoa(n), p.T("tried.days", "n", n)})
	}
	return all
}
