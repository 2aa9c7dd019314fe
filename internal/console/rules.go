package console

import (
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
	Since             time.Time // of the newest switch; zero: always
	Who, Reason       string
	Customers         int // in its countries
	ReviewedOn        string
	Rules             []RuleRow
	Past              []PackPast
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
	for _, p := range set.Packs() {
		card := v.packCard(p)
		card.On = !slices.Contains(v.workspace.House.PacksOff, p.Name)
		for _, s := range past {
			if s.Pack == p.Name {
				card.Past = append(card.Past, PackPast{s.At, s.On, whose(people, s.By), s.Reason})
			}
		}
		if len(card.Past) > 0 {
			card.Since, card.Who, card.Reason = card.Past[0].At, card.Past[0].Who, card.Past[0].Reason
		}
		if card.Customers, err = c.Store.CustomersIn(v.ctx(), v.ws(), p.Countries); err != nil {
			return view, err
		}
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
		card.Where = p.T("rules.where.channels", "countries", card.Where, "channels", p.kinds(pack.Channels))
	}
	for _, r := range pack.Rules {
		card.Rules = append(card.Rules, RuleRow{
			ID: r.ID, Says: p.ruleSays(r), Covers: joinDot(p.ruleChannels(r), p.rulePurposes(r), p.ruleDates(r)), Source: r.Source, ReviewedOn: r.ReviewedOn, Mark: p.T("rule.mark." + markName(r.Mark)),
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
	key := "rule.says." + r.Kind
	switch b := r.Body.(type) {
	case rule.QuietHours:
		return p.ruleQuiet(b)
	case rule.SubjectLabel:
		return p.T("rule.says."+r.Kind, "label", b.Text)
	case rule.BodyLabel:
		return p.T("rule.says."+r.Kind, "label", b.Text)
	case rule.SenderDetails:
		var fields []string
		for _, f := range b.Require {
			fields = append(fields, p.T("rule.field."+f))
		}
		return p.T("rule.says."+r.Kind, "fields", p.list(fields))
	case rule.Reminder:
		return p.T("rule.says."+r.Kind, "years", b.Years)
	case rule.ReminderNotice:
		return p.T("rule.says."+r.Kind, "days", b.LeadDays, "years", b.Years)
	case rule.DecisionNotice:
		return p.T("rule.says."+r.Kind, "days", b.Days)
	case rule.FrequencyCap:
		return p.T("rule.says."+r.Kind, "day", b.PerDay, "sender", b.PerSender)
	case rule.MinorGuardian:
		return p.T("rule.says."+r.Kind, "age", b.Age)
	case rule.MaxAge:
		return p.T("rule.says."+r.Kind, "hours", b.Hours)
	case rule.ClockStep:
		return p.T("rule.says."+r.Kind, "seconds", b.ToleranceSeconds)
	case rule.Suppression:
		return p.T("rule.says."+r.Kind, "all", p.stops(b.All), "optional", p.stops(b.Optional), "marketing", p.stops(b.Marketing))
	}
	return p.T(key)
}

func (p Page) ruleQuiet(b rule.QuietHours) string {
	said := p.T("rule.says.quiet_hours", "from", b.From.String(), "to", b.To.String())
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

func (p Page) list(words []string) string { return strings.Join(words, p.T("list.comma")) }

func (p Page) stops(reasons []string) string {
	var words []string
	for _, r := range reasons {
		words = append(words, p.T("rule.stop."+r))
	}
	return p.list(words)
}

func (p Page) kinds(channels []string) string {
	var words []string
	for _, ch := range channels {
		words = append(words, p.kindWords(ch))
	}
	return p.list(words)
}

func (p Page) ruleChannels(r rule.Rule) string {
	switch {
	case len(r.Except) > 0:
		return p.T("rules.channels.but", "channels", p.kinds(r.Except))
	case slices.Contains(r.Channels, "*"):
		return p.T("rules.channels.all")
	}
	return p.kinds(r.Channels)
}

func (p Page) rulePurposes(r rule.Rule) string {
	var words []string
	for _, purpose := range r.Purposes {
		words = append(words, p.T("purpose."+string(purpose)))
	}
	return p.list(words)
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
	customers, err := c.Store.CustomersIn(v.ctx(), v.ws(), p.Countries)
	if err != nil {
		return err
	}
	on, reason := v.typed("on") == "true", v.typed("reason")
	version, _ := strconv.ParseInt(v.typed("version"), 10, 64) // of none it is 0, which is a conflict where there is a switch
	err = p.MaySwitch(on, v.typed("sure") == "true", reason, customers)
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
	Pack, Name   string
	On           bool
	Days         string
	Since, Until time.Time
	Judged       int
	Erased       int
	Outdated     int
	Cut          bool
	Differ       int
	Counted      int
	Sums         []PackTrialSum
	Rows         []PackTrialRow
	First, Last  int
	Next         string
	Newest       string // without a cursor; empty: this is the first page
}

// PackTrialSum is with how many messages one rule makes one difference.
type PackTrialSum struct {
	Change, Rule, Purpose string
	Messages, Counted     int
}

// PackTrialRow is one message that differs.
type PackTrialRow struct {
	ID                 string
	At                 time.Time
	To, Purpose, Rule  string
	Change, Was, Would string
	Counted            bool
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
	view := PackTrial{
		Page: v.titled("settings", v.T("tried.title", "pack", v.packName(t.Pack))), Pack: t.Pack, Name: v.packName(t.Pack), On: t.On, Days: strconv.Itoa(t.Days),
		Since: r.Since, Until: r.Until, Judged: r.Judged, Erased: r.Erased, Outdated: r.Outdated, Cut: r.Cut, Differ: r.Differ, Counted: r.Counted,
		First: r.First, Last: r.First + len(r.Rows) - 1,
	}
	path := "/rules/" + t.Pack + "/trial"
	view.Path = query(path, "on", strconv.FormatBool(t.On), "days", view.Days)
	if t.Cursor != "" {
		view.Newest = view.Path
	}
	if r.Next != "" {
		view.Next = query(path, "on", strconv.FormatBool(t.On), "days", view.Days, "cursor", r.Next)
	}
	for _, s := range r.Sums {
		view.Sums = append(view.Sums, PackTrialSum{v.changeWords(s.Change), v.ruleName(s.Rule), v.T("purpose." + string(s.Purpose)), s.Messages, s.Counted})
	}
	for _, row := range r.Rows {
		view.Rows = append(view.Rows, PackTrialRow{
			ID: row.Message.ID, At: row.At, To: to(row.Message), Purpose: v.T("purpose." + string(row.Message.Purpose)), Rule: v.ruleName(row.Rule()),
			Change: v.changeWords(hindsight.Change{Was: row.Was.Outcome, Would: row.Would.Outcome}), Was: v.triedWords(row.Was), Would: v.triedWords(row.Would), Counted: row.Counted,
		})
	}
	return view
}

func (p Page) changeWords(c hindsight.Change) string {
	return p.T("tried.change." + string(c.Was) + "." + string(c.Would))
}

// ruleName is a rule's id, or that the product itself decides.
func (p Page) ruleName(id string) string {
	if id == "" {
		return p.T("tried.product")
	}
	return id
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
