package refund

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

// What stands in the way of an answer; internal/text knows the words.
const (
	WhyRule        = "rule"       // a rule has a person asked
	WhyNoRule      = "no_rule"    // no rule fits
	WhyDelivery    = "delivery"   // nobody told whether it was delivered
	WhySample      = "sample"     // nor whether it could be tried before
	WhyPercentage  = "percentage" // nor how far it was used, which a prorated refund needs
	WhyNoConsent   = "no_consent" // the customer never agreed
	WhyWithdrawn   = "withdrawn"  // the customer agreed, and took it back
	WhyPending     = "pending"    // the customer has not confirmed the consent yet
	WhyUnreachable = "unreachable"
	WhyNoKey       = "no_key"
	WhyRefused     = "refused"
	WhyErased      = "erased"
)

// Answer is what is said to the store.
type Answer struct {
	Delivery   appstore.Delivery         `json:"delivery"`
	Sample     bool                      `json:"sample"`
	Percent    *int64                    `json:"percent,omitzero"` // thousandths of a percent
	Preference appstore.RefundPreference `json:"preference,omitzero"`
}

func (a Answer) same(b Answer) bool {
	return a.Delivery == b.Delivery && a.Sample == b.Sample && a.Preference == b.Preference && told(a.Percent) == told(b.Percent)
}

func told(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// Choice is what a person decided for one case. What it leaves empty follows what
// the business's systems tell.
type Choice struct {
	At         time.Time                 `json:"at"`
	By         string                    `json:"by,omitzero"`
	Reason     engawa.Because            `json:"reason,omitzero"` // why the person decided so
	Ignore     bool                      `json:"ignore,omitzero"`
	Preference appstore.RefundPreference `json:"preference,omitzero"`
	Delivery   appstore.Delivery         `json:"delivery,omitzero"`
	Sample     *bool                     `json:"sample,omitzero"`
	Percent    *int64                    `json:"percent,omitzero"`
}

// Line is one thing that happened to a case on our side.
type Line struct {
	At      time.Time      `json:"at"`
	What    What           `json:"what"`
	By      string         `json:"by,omitzero"`     // who; empty: the hub by its rules
	Reason  engawa.Because `json:"reason,omitzero"` // that the person gave
	Why     string         `json:"why,omitzero"`
	Answer  *Answer        `json:"answer,omitzero"`
	Consent string         `json:"consent,omitzero"` // the record that allowed it
	Rule    string         `json:"rule,omitzero"`
	Version int64          `json:"version,omitzero"` // of the policy
	Status  int            `json:"status,omitzero"`  // HTTP
	Code    int64          `json:"code,omitzero"`    // Apple's
	Text    string         `json:"text,omitzero"`    // Apple's
}

// What is what a Line tells of.
type What string

// The kinds of lines.
const (
	DidSend     What = "sent"
	DidFail     What = "failed"  // it is tried again
	DidRefuse   What = "refused" // the store did
	DidPropose  What = "proposed"
	DidWithhold What = "withheld" // for want of a consent
	DidIgnore   What = "ignored"
	DidAlarm    What = "alarmed"
	DidMiss     What = "late"
)

// Whats lists them.
var Whats = [...]What{DidSend, DidFail, DidRefuse, DidPropose, DidWithhold, DidIgnore, DidAlarm, DidMiss}

// Facts is what is kept of a case besides what the store says.
type Facts struct {
	Choice  *Choice `json:"choice,omitzero"`
	Try     *Line   `json:"try,omitzero"`     // on its way, or of an unknown outcome
	Sent    *Line   `json:"sent,omitzero"`    // what the store took last
	Refused *Line   `json:"refused,omitzero"` // what it refused last
	Fails   int     `json:"fails,omitzero"`   // in a row
	Lines   []Line  `json:"lines,omitzero"`   // oldest first
}

// maxLines bounds the history of a case.
const maxLines = 200

// Read reads what is kept of a case.
func Read(c engawa.RefundCase) (k Facts, err error) {
	if c.Facts == nil {
		return k, nil
	}
	if err := json.Unmarshal(c.Facts, &k); err != nil {
		return k, fmt.Errorf("read the facts of %s: %w", c.ID, err)
	}
	return k, nil
}

func (k Facts) write(c *engawa.RefundCase) error {
	if n := len(k.Lines) - maxLines; n > 0 {
		k.Lines = k.Lines[n:]
	}
	b, err := json.Marshal(k, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write the facts of %s: %w", c.ID, err)
	}
	c.Facts = b
	return nil
}

// add writes a line, unless the last one besides an alarm says the same.
func (k *Facts) add(l Line) {
	for _, last := range slices.Backward(k.Lines) {
		if last.What == DidAlarm {
			continue
		}
		if last.What == l.What && last.Why == l.Why && l.Answer == nil && l.Status == 0 {
			return
		}
		break
	}
	k.Lines = append(k.Lines, l)
}

// inRound reports whether something of ours belongs to the present round of a
// case: it came after the store decided last.
func inRound(c engawa.RefundCase, l *Line) bool {
	return l != nil && (c.State != engawa.RefundOpen || l.At.After(c.ClosedAt))
}

// Usage is what the business told of a purchase, each part from the word that is
// most about it: on the transaction, on its subscription, on the product, on the
// customer.
type Usage struct {
	Delivery appstore.Delivery
	Sample   *bool
	Percent  *int64
	Played   *int64 // seconds
	At       time.Time
}

// Told puts together what the business told.
func Told(c engawa.RefundCase, all []engawa.Consumption) (u Usage) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b engawa.Consumption) int { return cmp.Compare(closeness(c, b), closeness(c, a)) })
	for _, w := range all {
		u.Delivery = cmp.Or(u.Delivery, appstore.Delivery(w.Delivery))
		u.Sample, u.Percent, u.Played = cmp.Or(u.Sample, w.Sample), cmp.Or(u.Percent, w.Percent), cmp.Or(u.Played, w.Played)
		if w.At.After(u.At) {
			u.At = w.At
		}
	}
	return u
}

func closeness(c engawa.RefundCase, w engawa.Consumption) int {
	switch {
	case w.Transaction == "" && w.Product == "":
		return 0
	case w.Transaction == "":
		return 1
	case w.Transaction == c.Transaction:
		return 3
	}
	return 2
}

// Plan is what would be done with a case now.
type Plan struct {
	Act     Act
	Why     string // why it is not sent; empty: it would be
	Answer  Answer // as far as it is known
	Told    Usage
	Rule    string         // its name, or its place if it has none; empty: none fits, or a person chose
	Place   int            // of the rule; -1: none fits
	Version int64          // of the policy
	By      string         // the person who chose
	Reason  engawa.Because // the person's
	Consent verdict.Decided
}

// Look says what would be done with a case by all that is known of it.
func Look(f store.RefundFacts, now time.Time) (Plan, error) {
	policy, err := ReadPolicy(f.Policy)
	if err != nil {
		return Plan{}, err
	}
	k, err := Read(f.Case)
	if err != nil {
		return Plan{}, err
	}
	rule, place := policy.Rule(f)
	if place >= 0 && rule.Name == "" {
		rule.Name = "#" + strconv.Itoa(place+1)
	}
	p := Plan{Act: rule.Act, Rule: rule.Name, Place: place, Version: f.Policy.Version, Told: Told(f.Case, f.Told)}
	choice := Choice{Preference: rule.Preference}
	if chose(f.Case, k) {
		choice = *k.Choice
		p.Act, p.By, p.Reason, p.Rule, p.Place = Send, choice.By, choice.Reason, "", -1
		if choice.Ignore {
			p.Act = Ignore
		}
	}
	p.Consent = verdict.Sharing(f.Consents, engawa.ActShareUsage, f.Case.App, follow.Kind, now)
	missing := ""
	p.Answer, missing = compose(f.Case, choice, p.Told, policy)
	p.Why = p.obstacle(f, missing)
	if p.Act == Send && missing != "" {
		p.Act = Propose
	}
	return p, nil
}

func chose(c engawa.RefundCase, k Facts) bool {
	return k.Choice != nil && (c.State != engawa.RefundOpen || k.Choice.At.After(c.ClosedAt))
}

// obstacle names what stands in the way, the gravest first.
func (p Plan) obstacle(f store.RefundFacts, missing string) string {
	switch {
	case f.Purchase.Facts == nil:
		return WhyErased
	case p.Act == Ignore:
		return ""
	case p.Consent.Given == nil && p.Consent.Pending != nil:
		return WhyPending
	case p.Consent.Given == nil && p.Consent.Withdrawn != nil:
		return WhyWithdrawn
	case p.Consent.Given == nil:
		return WhyNoConsent
	case missing != "":
		return missing
	case p.Act == Propose && p.Place < 0:
		return WhyNoRule
	case p.Act == Propose:
		return WhyRule
	}
	return ""
}

// subscription is the kind for which the App Store computes shares itself: it
// takes no percentage.
const subscription = "auto_renewable_subscription"

// compose makes an answer by the rules of consumption information, version 2, and
// names what is missing for it.
func compose(c engawa.RefundCase, by Choice, told Usage, policy Policy) (a Answer, missing string) {
	a.Preference = by.Preference
	a.Delivery = cmp.Or(by.Delivery, told.Delivery, policy.Delivery)
	if sample := cmp.Or(by.Sample, told.Sample, policy.Sample); sample != nil {
		a.Sample = *sample
	} else {
		missing = WhySample
	}
	if c.Kind != subscription && a.Delivery == appstore.Delivered {
		a.Percent = cmp.Or(by.Percent, told.Percent)
	}
	switch {
	case a.Delivery == "":
		missing = WhyDelivery
	case a.Preference == appstore.PreferProrated && c.Kind != subscription && (a.Percent == nil || *a.Percent == 0):
		missing = WhyPercentage
	}
	return a, missing
}
