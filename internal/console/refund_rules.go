package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/refund"
)

// refundVersions is how many versions of an account's rules the page lists.
const refundVersions = 10

// refundRules is the page of an account's rules for refund cases.
func (c *console) refundRules(v *visit) error {
	view, err := c.refundRulesView(v)
	if err != nil {
		return err
	}
	return v.show(RefundRulesPage(view))
}

func (c *console) refundRulesView(v *visit) (RefundRules, error) {
	a, _, err := c.openAccount(v)
	if err == nil && a.Kind != follow.Kind {
		err = engawa.NotFound("App Store account")
	}
	if err != nil {
		return RefundRules{}, err
	}
	view := RefundRules{Page: v.titled("accounts", v.T("refundrules.of", "account", a.Name)), Account: a.ID, Bad: -1}
	view.Path = "/accounts/" + a.ID + "/refunds"
	kept, err := c.Store.RefundPolicies(v.ctx(), v.ws(), a.ID, refundVersions)
	if err != nil {
		return view, err
	}
	people, err := c.actors(v)
	if err != nil {
		return view, err
	}
	var now refund.Policy
	for i, p := range kept {
		policy, err := refund.ReadPolicy(p)
		if err != nil {
			return view, err
		}
		if i == 0 {
			now, view.Version = policy, p.Version
		}
		view.Versions = append(view.Versions, RefundVersion{p.Version, p.At, whose(people, p.By), len(policy.Rules)})
	}
	view.fill(now)
	return view, nil
}

// fill shows a policy in the form.
func (v *RefundRules) fill(p refund.Policy) {
	v.Delivery = string(p.Delivery)
	if p.Sample != nil {
		v.Sample = map[bool]string{true: "yes", false: "no"}[*p.Sample]
	}
	for _, r := range p.Rules {
		v.Rules = append(v.Rules, RefundRule{
			Name: r.Name, Products: strings.Join(r.Products, ", "), Kind: strings.Join(r.Kinds, ""), Storefronts: strings.Join(r.Storefronts, ", "),
			AgeFrom: positive(r.AgeFrom), AgeTo: whole64(r.AgeTo), EarlierFrom: positive(r.EarlierFrom), EarlierTo: whole64(r.EarlierTo),
			Currency: r.Currency, AmountFrom: decimal(r.AmountFrom), AmountTo: decimal(r.AmountTo), Does: string(r.Act), Preference: string(r.Preference),
		})
	}
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func whole64(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func decimal(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*n)/1000, 'f', -1, 64)
}

// typedRules reads the form.
func (v *visit) typedRules(view *RefundRules) {
	view.Delivery, view.Sample, view.Rules = v.typed("delivery"), v.typed("sample"), nil
	n, _ := strconv.Atoi(v.typed("rules")) // 0 where it is no number: there are none
	for i := range min(n, refund.MaxRules) {
		at := func(name string) string { return v.typed("r" + strconv.Itoa(i) + "." + name) }
		view.Rules = append(view.Rules, RefundRule{
			at("name"), at("products"), at("kind"), at("storefronts"), at("age_from"), at("age_to"), at("earlier_from"), at("earlier_to"),
			strings.ToUpper(at("currency")), at("amount_from"), at("amount_to"), at("act"), at("preference"),
		})
	}
}

// policy is what the form says; the error's Field names a rule.
func (v RefundRules) policy() (p refund.Policy, err error) {
	p.Delivery, p.Sample = appstore.Delivery(v.Delivery), choiceOf(v.Sample)
	for i, r := range v.Rules {
		rule, err := r.rule()
		if err != nil {
			return p, engawa.Invalid("/rules/"+strconv.Itoa(i), "write numbers", "a number cannot be read")
		}
		p.Rules = append(p.Rules, rule)
	}
	return p, p.Check()
}

func (r RefundRule) rule() (out refund.Rule, err error) {
	out = refund.Rule{
		Name: r.Name, Products: words(r.Products), Storefronts: words(strings.ToUpper(r.Storefronts)), Kinds: words(r.Kind), Currency: r.Currency,
		Act: refund.Act(r.Does), Preference: appstore.RefundPreference(r.Preference),
	}
	whole := func(text string) *int {
		if text == "" {
			return nil
		}
		n, failed := strconv.Atoi(text)
		err = errors.Join(err, failed)
		return &n
	}
	amount := func(text string) *int64 {
		if text == "" {
			return nil
		}
		n, failed := thousandths(text)
		err = errors.Join(err, failed)
		return n
	}
	out.AgeTo, out.EarlierTo, out.AmountFrom, out.AmountTo = whole(r.AgeTo), whole(r.EarlierTo), amount(r.AmountFrom), amount(r.AmountTo)
	if n := whole(r.AgeFrom); n != nil {
		out.AgeFrom = *n
	}
	if n := whole(r.EarlierFrom); n != nil {
		out.EarlierFrom = *n
	}
	return out, err
}

// words parts a list that is written with commas.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,、，\t", r) })
}

// saveRefundRules saves the rules, or changes their order in the form alone.
func (c *console) saveRefundRules(v *visit) error {
	view, err := c.refundRulesView(v)
	if err != nil {
		return err
	}
	v.typedRules(&view)
	if view.Version, err = v.version(); err != nil {
		return err
	}
	if do, at, _ := strings.Cut(v.typed("do"), "."); do != "save" {
		i, _ := strconv.Atoi(at) // 0 where it is no number: the first
		view.arrange(do, i)
		return v.show(RefundRulesPage(view))
	}
	p, err := view.policy()
	if err != nil {
		return v.rulesAgain(view, err)
	}
	body, err := p.Write()
	if err != nil {
		return err
	}
	if err := v.by.SaveRefundPolicy(v.ctx(), engawa.RefundPolicy{Workspace: v.ws(), Account: view.Account, Version: view.Version, Body: body}); err != nil {
		return err
	}
	return v.see("/accounts/"+view.Account+"/refunds", "saved")
}

// arrange adds a rule, moves one up or takes one away.
func (v *RefundRules) arrange(do string, i int) {
	switch {
	case do == "add" && len(v.Rules) < refund.MaxRules:
		v.Rules = append(v.Rules, RefundRule{Does: string(refund.Propose)})
	case i < 0 || i >= len(v.Rules):
	case do == "up" && i > 0:
		v.Rules[i-1], v.Rules[i] = v.Rules[i], v.Rules[i-1]
	case do == "remove":
		v.Rules = slices.Delete(v.Rules, i, i+1)
	}
}

// rulesAgain shows the form again with what is wrong.
func (v *visit) rulesAgain(view RefundRules, err error) error {
	told, ok := errors.AsType[*engawa.Error](err)
	if !ok {
		return err
	}
	view.Problem, view.Remedy = v.T("form.check"), v.T("refundrules.wrong")
	if rest, ok := strings.CutPrefix(told.Field, "/rules/"); ok {
		at, part, _ := strings.Cut(rest, "/")
		view.Bad, _ = strconv.Atoi(at) // Check wrote it
		view.Problem = v.T("refundrules.wrong.rule", "n", view.Bad+1)
		if key := "refundrules.wrong." + part; v.Words.Has(key) {
			view.Remedy = v.T(key)
		}
	}
	return v.showAs(http.StatusUnprocessableEntity, RefundRulesPage(view))
}
