package api

import (
	"context"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/hindsight"
	"github.com/engawa/engawa/internal/rule"
)

type ruleOut struct {
	ID            string           `json:"id" example:"KR-04"`
	Kind          string           `json:"kind" example:"quiet_hours"`
	Channels      []string         `json:"channels" doc:"Kinds of channels; * is all"`
	Except        []string         `json:"except,omitempty"`
	Purposes      []engawa.Purpose `json:"purposes"`
	EffectiveFrom *time.Time       `json:"effective_from,omitempty"`
	EffectiveTo   *time.Time       `json:"effective_to,omitempty" doc:"In force until just before"`
	Source        string           `json:"source" doc:"Statute or page"`
	ReviewedOn    string           `json:"reviewed_on" example:"2026-11-24"`
	Mark          string           `json:"mark" enum:"P,S,M,?,policy" doc:"P: the primary text was read; S: a secondary page; M: from memory; ?: contested; policy: our own"`
}

type packOut struct {
	Pack       string     `json:"pack" example:"kr"`
	On         bool       `json:"on"`
	Fixed      bool       `json:"fixed" doc:"It cannot be switched off"`
	Since      *time.Time `json:"since,omitempty" doc:"When it was switched last; absent: it has been on from the first"`
	By         string     `json:"by,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Countries  []string   `json:"countries" doc:"ISO 3166-1 alpha-2"`
	Channels   []string   `json:"channels" doc:"Whose use brings the pack, whatever the country"`
	Customers  int        `json:"customers" doc:"In its countries"`
	ReviewedOn string     `json:"reviewed_on" doc:"Of the rule that was read longest ago"`
	Rules      []ruleOut  `json:"rules"`
}

type packsOut struct {
	RuleSet string    `json:"rule_set" doc:"What verdicts name from now on"`
	Version int64     `json:"version" doc:"Of the newest switch; 0: none"`
	Packs   []packOut `json:"packs"`
}

func (a *API) listPacks(ctx context.Context, c *call, _ *struct{}) (packsOut, error) {
	w, err := a.Store.Workspace(ctx, c.workspace)
	if err != nil {
		return packsOut{}, err
	}
	past, err := a.Store.PackSwitches(ctx, c.workspace)
	if err != nil {
		return packsOut{}, err
	}
	customers, err := a.Store.CustomersByCountry(ctx, c.workspace)
	if err != nil {
		return packsOut{}, err
	}
	off := w.House.PacksOff
	out := packsOut{RuleSet: a.Compose.Rules.Without(off).Version()}
	if len(past) > 0 {
		out.Version = past[0].Version
	}
	for _, p := range a.Compose.Rules.Packs() {
		shown := showPack(p, past, off)
		shown.Customers = p.Customers(customers)
		out.Packs = append(out.Packs, shown)
	}
	return out, nil
}

func showPack(p rule.Pack, past []engawa.PackSwitch, off []string) packOut {
	out := packOut{
		Pack: p.Name, On: !slices.Contains(off, p.Name), Fixed: p.Fixed(), Countries: append([]string{}, p.Countries...), Channels: append([]string{}, p.Channels...), ReviewedOn: p.ReviewedOn,
	}
	for _, s := range past {
		if s.Pack == p.Name {
			out.Since, out.By, out.Reason = utc(s.At), s.By, s.Reason
			break
		}
	}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, ruleOut{r.ID, r.Kind, r.Channels, r.Except, r.Purposes, utc(r.From), utc(r.To), r.Source, r.ReviewedOn, r.Mark})
	}
	return out
}

type packSwitchIn struct {
	Pack string `path:"pack" maxLength:"20" pattern:"^[a-z]+$" example:"kr"`
	Body struct {
		On      bool   `json:"on"`
		Reason  string `json:"reason" minLength:"1" maxLength:"200" doc:"It is kept and shown"`
		Version int64  `json:"version" minimum:"0" doc:"Of the newest switch when you decided; if there is a newer one it is a conflict"`
		Sure    bool   `json:"sure,omitempty" doc:"Needed to switch a pack off while customers are in its countries: its rules are then no longer checked for them"`
	}
}

func (a *API) switchPack(ctx context.Context, c *call, in *packSwitchIn) (packsOut, error) {
	p, err := a.Compose.Rules.Pack(in.Pack)
	if err != nil {
		return packsOut{}, err
	}
	customers, err := a.Store.CustomersByCountry(ctx, c.workspace)
	if err != nil {
		return packsOut{}, err
	}
	b := in.Body
	if err := p.MaySwitch(b.On, b.Sure, b.Reason, p.Customers(customers)); err != nil {
		return packsOut{}, err
	}
	if err := c.store.SwitchPack(ctx, engawa.PackSwitch{Workspace: c.workspace, Version: b.Version, Pack: p.Name, On: b.On, Reason: b.Reason}); err != nil {
		return packsOut{}, err
	}
	return a.listPacks(ctx, c, nil)
}

type packTrialIn struct {
	Pack   string `path:"pack" maxLength:"20" pattern:"^[a-z]+$" example:"kr"`
	On     bool   `query:"on" doc:"Whether it would have been on"`
	Days   int    `query:"days" enum:"7,30,90" minimum:"7" maximum:"90" default:"30"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next of the answer before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"30" doc:"Rows"`
}

type packTrialSum struct {
	Was         engawa.Outcome `json:"was"`
	Would       engawa.Outcome `json:"would"`
	Rule        string         `json:"rule,omitempty" doc:"That makes the difference; absent: the product itself"`
	Purpose     engawa.Purpose `json:"purpose"`
	Messages    int            `json:"messages"`
	Resimulated int            `json:"resimulated" doc:"Of these, by counts that were simulated again"`
}

type packTrialRow struct {
	Message     string         `json:"message"`
	Customer    string         `json:"customer"`
	At          time.Time      `json:"at" doc:"When it was judged"`
	Purpose     engawa.Purpose `json:"purpose"`
	Rule        string         `json:"rule,omitempty"`
	Was         engawa.Outcome `json:"was"`
	WasUntil    *time.Time     `json:"was_until,omitempty"`
	Would       engawa.Outcome `json:"would"`
	WouldUntil  *time.Time     `json:"would_until,omitempty"`
	Resimulated bool           `json:"resimulated" doc:"It differs by counts that were simulated again: a customer's day, or a quota"`
}

type packTrialOut struct {
	Since       time.Time      `json:"since"`
	Until       time.Time      `json:"until"`
	Judged      int            `json:"judged" doc:"Messages to customers that were judged again"`
	Erased      int            `json:"erased" doc:"Not judged: their facts were destroyed"`
	Cut         bool           `json:"cut" doc:"There are more: the newest 100000 of the span were looked at"`
	Outdated    int            `json:"outdated" doc:"Of which today's rules say otherwise at first than the rules of then, whatever this pack"`
	Differ      int            `json:"differ"`
	Resimulated int            `json:"resimulated" doc:"Of these, by counts that were simulated again"`
	Sums        []packTrialSum `json:"sums"`
	Rows        []packTrialRow `json:"rows" doc:"In the order in which they were judged"`
	Next        string         `json:"next,omitempty"`
}

// tryPack judges past messages again. Nothing is stored and nothing is sent.
func (a *API) tryPack(ctx context.Context, c *call, in *packTrialIn) (packTrialOut, error) {
	r, err := hindsight.Try(ctx, a.Store, a.Compose.Rules, hindsight.Trial{
		Workspace: c.workspace, Pack: in.Pack, On: in.On, Days: in.Days, Until: time.Now(), Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return packTrialOut{}, err
	}
	out := packTrialOut{
		Since: r.Since.UTC(), Until: r.Until.UTC(), Judged: r.Judged, Erased: r.Erased, Cut: r.Cut, Outdated: r.Outdated, Differ: r.Differ, Resimulated: r.Resimulated,
		Sums: []packTrialSum{}, Rows: []packTrialRow{}, Next: r.Next,
	}
	for _, s := range r.Sums {
		out.Sums = append(out.Sums, packTrialSum{s.Change.Was, s.Change.Would, s.Rule, s.Purpose, s.Messages, s.Resimulated})
	}
	for _, x := range r.Rows {
		m := x.Message
		out.Rows = append(out.Rows, packTrialRow{
			m.ID, m.Customer, x.At.UTC(), m.Purpose, x.Rule(), x.Was.Outcome, utc(x.Was.Until), x.Would.Outcome, utc(x.Would.Until), x.Resimulated,
		})
	}
	return out, nil
}
