package console

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/refund"
)

// Refunds is the list of refund cases.
type Refunds struct {
	Page
	Show                            string // "": an answer counts; "over": it counts no more, and the store has not decided; "closed"
	Closed                          bool
	State, Answer, Account, Product string // the filter
	Accounts                        []Choice
	Rows                            []RefundRow
	Next, CSV                       string
}

// RefundRow is one case in a list.
type RefundRow struct {
	ID, Product, Kind      string
	Customer, CustomerName string
	Reason, Why            string // in words
	State                  engawa.RefundState
	Answer                 engawa.RefundAnswer
	Requests               int
	DueAt, ClosedAt        time.Time
	Price, Returned        string // money in words
	Sandbox                bool
}

// Refund is one case's page.
type Refund struct {
	RefundRow
	Page
	Account, AccountName, Storefront, Transaction string
	BoughtAt, AskedAt                             time.Time
	Earlier                                       int
	Said                                          []RefundSaid
	Lines                                         []RefundLine
	Plan                                          RefundPlan
	Obstacle, Remedy                              string // what stands in the way, in words
	Consent                                       *Consent
	Withdrawn                                     *Consent
	Told                                          [][2]string // what the systems told, with its name
	ToldAt                                        time.Time
	Rule                                          string // what decides, in words
	May                                           bool   // the member may answer it now
	Subscription                                  bool
	Form                                          RefundForm
	Problem, ProblemRemedy                        string
}

// RefundSaid is one word of the store's.
type RefundSaid struct {
	At   time.Time
	Line string
}

// RefundLine is one thing that was done on our side.
type RefundLine struct {
	At              time.Time
	Line, More, Who string
	Tone            string
}

// RefundPlan is what would be sent, in words.
type RefundPlan struct {
	Parts [][2]string // name, value
	Sends bool
}

// RefundForm is the form of an answer as it was filled in.
type RefundForm struct{ Preference, Delivery, Sample, Percent, Reason string }

// RefundRules is the page of an account's rules for refund cases.
type RefundRules struct {
	Page
	Account          string
	Version          int64
	Delivery, Sample string
	Rules            []RefundRule
	Versions         []RefundVersion
	Problem, Remedy  string
	Bad              int // the place of the rule that is wrong; -1: none
}

// RefundRule is a rule as its form has it.
type RefundRule struct {
	Name, Products, Kind, Storefronts                string
	AgeFrom, AgeTo, EarlierFrom, EarlierTo           string
	Currency, AmountFrom, AmountTo, Does, Preference string
}

// RefundVersion is one version of the rules.
type RefundVersion struct {
	Version int64
	At      time.Time
	By      string
	Rules   int
}

func refundTone(s engawa.RefundState) string {
	switch s {
	case engawa.RefundOpen:
		return "wait"
	case engawa.RefundDeclined, engawa.RefundReversed:
		return "go"
	case engawa.RefundGranted:
	}
	return "no"
}

func answerTone(a engawa.RefundAnswer) string {
	switch a {
	case engawa.RefundSent:
		return "go"
	case engawa.RefundNoConsent, engawa.RefundRefused, engawa.RefundLate:
		return "no"
	case engawa.RefundIgnored:
		return "off"
	case engawa.RefundUnseen, engawa.RefundProposed, engawa.RefundSending, engawa.RefundRetrying:
	}
	return "wait"
}

func (p Page) answerWords(a engawa.RefundAnswer) string {
	if a == engawa.RefundUnseen {
		return p.T("refunds.answer.unseen")
	}
	return p.T("refunds.answer." + string(a))
}

// coded are words for a code that a store may add to: one that has none is shown
// as it is.
func (p Page) coded(prefix, code string) string {
	if key := prefix + strings.ToLower(code); code != "" && p.Words.Has(key) {
		return p.T(key)
	}
	return code
}

// milli is money that is counted in thousandths.
func (p Page) milli(amount int64, currency string) string {
	switch currency {
	case "":
		return ""
	case "JPY", "KRW":
		return p.Money(amount/1000, currency)
	}
	return p.Money(amount/10, currency)
}

// percent is a share that is counted in thousandths of a percent.
func percent(n int64) string {
	return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64) + " %"
}

func (p Page) yesNo(b bool) string {
	if b {
		return p.T("refunds.yes")
	}
	return p.T("refunds.no")
}

// answerParts are the parts of an answer in words.
func (p Page) answerParts(a refund.Answer, kind string, sample bool) [][2]string {
	parts := [][2]string{{p.T("refunds.preference"), p.T("refunds.preference." + cmp.Or(strings.ToLower(string(a.Preference)), "none"))}}
	delivery, tried := p.T("refunds.unknown"), p.T("refunds.unknown")
	if a.Delivery != "" {
		delivery = p.coded("refunds.delivery.", string(a.Delivery))
	}
	if sample {
		tried = p.yesNo(a.Sample)
	}
	parts = append(parts, [2]string{p.T("refunds.delivery"), delivery}, [2]string{p.T("refunds.sample"), tried})
	switch {
	case kind == "auto_renewable_subscription":
		parts = append(parts, [2]string{p.T("refunds.percentage"), p.T("refunds.percentage.store")})
	case a.Percent != nil:
		parts = append(parts, [2]string{p.T("refunds.percentage"), percent(*a.Percent)})
	default:
		parts = append(parts, [2]string{p.T("refunds.percentage"), p.T("refunds.untold")})
	}
	return parts
}

func (v Refunds) states() []Choice {
	all := []Choice{{"", v.T("list.any")}}
	for _, s := range engawa.RefundStates[1:] {
		all = append(all, Choice{string(s), v.T("refunds.state." + string(s))})
	}
	return all
}

func (v Refunds) answers() []Choice {
	all := []Choice{{"", v.T("list.any")}}
	for _, a := range engawa.RefundAnswers {
		all = append(all, Choice{string(a), v.answerWords(a)})
	}
	return all
}

// filtered reports whether the list shows less than all.
func (v Refunds) filtered() bool {
	return v.State != "" || v.Answer != "" || v.Account != "" || v.Product != ""
}

func (v Refunds) link(path string, more ...string) string {
	return query(path, append([]string{"show", v.Show, "state", v.State, "answer", v.Answer, "account", v.Account, "product", v.Product}, more...)...)
}

func (p Page) refundPreferences() (all []Choice) {
	for _, x := range refund.Preferences {
		all = append(all, Choice{string(x), p.T("refunds.preference." + cmp.Or(strings.ToLower(string(x)), "none"))})
	}
	return all
}

// refundDeliveries are the deliveries to choose from, with first for none of them.
func (p Page) refundDeliveries(first string) []Choice {
	all := []Choice{{"", first}}
	for _, x := range refund.Deliveries {
		all = append(all, Choice{string(x), p.coded("refunds.delivery.", string(x))})
	}
	return all
}

func (p Page) refundSamples(first string) []Choice {
	return []Choice{{"", first}, {"yes", p.T("refunds.yes")}, {"no", p.T("refunds.no")}}
}

func (p Page) refundKinds() []Choice {
	all := []Choice{{"", p.T("list.any")}}
	for _, k := range []string{"auto_renewable_subscription", "non_renewing_subscription", "consumable", "non_consumable"} {
		all = append(all, Choice{k, p.T("refunds.kind." + k)})
	}
	return all
}

func (p Page) refundActs() (all []Choice) {
	for _, a := range refund.Acts {
		all = append(all, Choice{string(a), p.T("refunds.act." + string(a))})
	}
	return all
}

// answer is what the form says; the error names an input.
func (f RefundForm) answer() (c refund.Choice, err error) {
	c.Preference, c.Delivery = appstore.RefundPreference(f.Preference), appstore.Delivery(f.Delivery)
	c.Sample = choiceOf(f.Sample)
	if f.Percent != "" {
		if c.Percent, err = thousandths(f.Percent); err == nil && (*c.Percent < 0 || *c.Percent > 100_000) {
			err = errNumber
		}
	}
	return c, err
}

func choiceOf(text string) *bool {
	if text == "" {
		return nil
	}
	yes := text == "yes"
	return &yes
}

var errNumber = engawa.Invalid("", "write a number", "this is no number that fits here")

// thousandths reads a decimal with at most three places.
func thousandths(text string) (*int64, error) {
	x, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", "."), 64)
	n := math.Round(x * 1000)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e15 || math.Abs(x*1000-n) > 1e-6 {
		return nil, errNumber
	}
	whole := int64(n)
	return &whole, nil
}
