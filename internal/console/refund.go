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
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/store"
)

// refundFilter reads the filter of the page's address.
func (v *visit) refundFilter() (store.RefundFilter, Refunds) {
	q := v.r.URL.Query()
	view := Refunds{
		Page: v.titled("refunds", v.T("refunds.title")), Show: q.Get("show"), State: q.Get("state"), Answer: q.Get("answer"), Account: q.Get("account"),
		Product: strings.TrimSpace(q.Get("product")),
	}
	if view.Show != "closed" && view.Show != "over" {
		view.Show = ""
	}
	view.Closed = view.Show == "closed"
	if !view.Closed || !slices.Contains(engawa.RefundStates[1:], engawa.RefundState(view.State)) {
		view.State = ""
	}
	return store.RefundFilter{
		Closed: view.Closed, Over: view.Show == "over", State: engawa.RefundState(view.State), Answer: engawa.RefundAnswer(view.Answer), Account: view.Account, Product: view.Product,
	}, view
}

// refunds lists cases: open ones by their clock, the others by when they ended.
func (c *console) refunds(v *visit) error {
	f, view := v.refundFilter()
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view.Accounts = []Choice{{"", v.T("list.any")}}
	for _, a := range n.accounts {
		if a.Kind == follow.Kind {
			view.Accounts = append(view.Accounts, Choice{a.ID, a.Name})
		}
	}
	slices.SortFunc(view.Accounts[1:], func(a, b Choice) int { return strings.Compare(a.Label+a.Value, b.Label+b.Value) })
	p := cursor(v.r)
	p.Limit = listed
	list, err := c.Store.Refunds(v.ctx(), v.ws(), f, p)
	if err != nil {
		return err
	}
	view.Rows, view.CSV = n.refundRows(list), view.link("/refunds.csv")
	if len(list) == listed {
		last := list[listed-1]
		view.Next = view.link("/refunds", "after", after(refundPlace(f, last), last.ID))
	}
	return v.show(RefundsPage(view))
}

// refundPlace is the time by which a list is sorted.
func refundPlace(f store.RefundFilter, c engawa.RefundCase) time.Time {
	if f.Closed {
		return c.ClosedAt
	}
	return c.DueAt
}

func (n *names) refundRows(list []engawa.RefundCase) []RefundRow {
	rows := make([]RefundRow, len(list))
	for i, c := range list {
		rows[i] = n.refundRow(c)
	}
	return rows
}

func (n *names) refundRow(c engawa.RefundCase) RefundRow {
	p := n.v.Page
	r := RefundRow{
		ID: c.ID, Product: c.Product, Kind: c.Kind, Customer: c.Customer, CustomerName: n.customer(c.Customer), Reason: p.coded("refunds.reason.", c.Reason),
		State: c.State, Answer: c.Answer, Requests: c.Requests, DueAt: c.DueAt, ClosedAt: c.ClosedAt, Price: p.milli(c.Price, c.Currency),
		Sandbox: c.Environment == engawa.Sandbox,
	}
	if c.Returned != 0 {
		r.Returned = p.milli(c.Returned, c.Currency)
	}
	if c.Why != "" {
		r.Why = p.T("value.why." + c.Why)
	}
	return r
}

// refundsOf are the cases of one customer, for the card refundCard on the
// customer's page.
func (c *console) refundsOf(n *names, customer string) ([]RefundRow, error) {
	list, err := c.Store.RefundsOf(n.v.ctx(), n.v.ws(), customer)
	return n.refundRows(list), err
}

func (c *console) refundsCSV(v *visit) error {
	f, _ := v.refundFilter()
	out := v.csv("refunds", "id", "state", "answer", "why", "product", "kind", "storefront", "environment", "reason", "requests", "asked_at", "due_at", "closed_at", "price", "returned", "currency", "customer")
	p := store.Page{Limit: 200}
	for range csvRows / 200 {
		list, err := c.Store.Refunds(v.ctx(), v.ws(), f, p)
		if err != nil {
			return err
		}
		for _, r := range list {
			writeCSV(out, r.ID, string(r.State), string(r.Answer), r.Why, r.Product, r.Kind, r.Storefront, r.Environment, r.Reason, strconv.Itoa(r.Requests), stamp(r.AskedAt), stamp(r.DueAt),
				stamp(r.ClosedAt), amountOf(r.Price, r.Currency), amountOf(r.Returned, r.Currency), r.Currency, r.Customer)
			p.At, p.ID = refundPlace(f, r), r.ID
		}
		if len(list) < 200 {
			break
		}
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// amountOf is an amount in units of its currency.
func amountOf(milli int64, currency string) string {
	if currency == "" {
		return ""
	}
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64)
}

func (c *console) refund(v *visit) error {
	view, err := c.refundView(v)
	if err != nil {
		return err
	}
	return v.show(RefundPage(view))
}

// refundView loads a case: what the store said, what would be answered and what
// stands in the way, and what was done.
func (c *console) refundView(v *visit) (Refund, error) {
	f, err := c.Store.RefundFacts(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return Refund{}, err
	}
	n, err := c.names(v)
	if err != nil {
		return Refund{}, err
	}
	p, err := refund.Look(f, v.Now)
	if err != nil {
		return Refund{}, err
	}
	people, err := c.actors(v)
	if err != nil {
		return Refund{}, err
	}
	k := f.Case
	view := Refund{
		Page: v.titled("refunds", v.T("refund.title", "product", k.Product)), RefundRow: n.refundRow(k), Account: k.Account, AccountName: n.account(k.Account),
		Storefront: k.Storefront, Transaction: k.Transaction, BoughtAt: k.BoughtAt, AskedAt: k.AskedAt, Earlier: f.Earlier, Subscription: k.Kind == "auto_renewable_subscription",
	}
	view.Path = "/refunds/" + k.ID
	view.plan(p, f)
	if err := view.history(f, people); err != nil {
		return view, err
	}
	view.May = v.Role.Allows(engawa.Support) && k.State == engawa.RefundOpen && v.Now.Before(k.DueAt) && p.Consent.Given != nil && f.Purchase.Facts != nil
	return view, nil
}

// plan puts in words what would be done.
func (v *Refund) plan(p refund.Plan, f store.RefundFacts) {
	v.Plan = RefundPlan{Parts: v.answerParts(p.Answer, v.Kind, p.Why != refund.WhySample && p.Why != refund.WhyDelivery || p.Told.Sample != nil), Sends: p.Act == refund.Send && p.Why == ""}
	if v.State == engawa.RefundOpen && p.Why != "" {
		v.Obstacle, v.Remedy = v.T("value.why."+p.Why), v.T("refunds.remedy."+p.Why)
	}
	if v.State == engawa.RefundOpen && !v.Now.Before(v.DueAt) && v.Answer != engawa.RefundSent {
		v.Obstacle, v.Remedy = v.T("refunds.late"), v.T("refunds.late.remedy")
	}
	switch {
	case p.By != "":
		v.Rule = v.T("refund.rule.person")
	case p.Place < 0 && p.Version == 0:
		v.Rule = v.T("refund.rule.unset")
	case p.Place < 0:
		v.Rule = v.T("refund.rule.none", "version", p.Version)
	default:
		v.Rule = v.T("refund.rule.fits", "n", p.Place+1, "name", p.Rule, "version", p.Version)
	}
	shown := func(c *engawa.Consent) *Consent {
		if c == nil {
			return nil
		}
		return &Consent{Act: c.Act, Purpose: c.Purpose, App: c.App, Given: c.Given, Pending: c.Pending, At: c.At, Where: c.Evidence.Where, Means: c.Evidence.How, Version: c.Evidence.Version, Wording: c.Evidence.Wording}
	}
	v.Consent, v.Withdrawn = shown(p.Consent.Given), shown(p.Consent.Withdrawn)
	if v.Consent == nil {
		v.Consent = shown(p.Consent.Pending)
	}
	v.told(p.Told)
	v.Form = RefundForm{Preference: string(p.Answer.Preference)}
	if f.Case.Transaction == "" {
		v.Plan = RefundPlan{}
	}
}

// told puts in words what the business's systems told.
func (v *Refund) told(u refund.Usage) {
	add := func(name, value string) { v.Told = append(v.Told, [2]string{name, value}) }
	if u.Delivery != "" {
		add(v.T("refunds.delivery"), v.coded("refunds.delivery.", string(u.Delivery)))
	}
	if u.Sample != nil {
		add(v.T("refunds.sample"), v.yesNo(*u.Sample))
	}
	if u.Percent != nil {
		add(v.T("refunds.percentage"), percent(*u.Percent))
	}
	if u.Played != nil {
		add(v.T("refunds.played"), v.Duration(time.Duration(*u.Played)*time.Second))
	}
	v.ToldAt = u.At
}

// history puts in words what the store said and what was done.
func (v *Refund) history(f store.RefundFacts, people []Choice) error {
	s, err := follow.State(f.Purchase.Facts)
	if err != nil {
		return err
	}
	for _, e := range s.Ledger() {
		if e.TransactionID != f.Case.Transaction || e.Kind == purchase.ShareEnded {
			continue
		}
		line := v.T("refund.said." + string(e.Kind))
		if e.Kind == purchase.Requested {
			line = joinDot(line, v.coded("refunds.reason.", e.Reason))
		}
		if e.Amount != 0 {
			line = joinDot(line, v.milli(max(e.Amount, -e.Amount), e.Currency))
		}
		v.Said = append(v.Said, RefundSaid{e.At, line})
	}
	k, err := refund.Read(f.Case)
	for _, l := range k.Lines {
		v.Lines = append(v.Lines, v.refundLine(l, v.Kind, people))
	}
	return err
}

// refundLine says in words what was done with a case of a kind of purchase.
func (p Page) refundLine(l refund.Line, kind string, people []Choice) RefundLine {
	out := RefundLine{At: l.At, Line: p.T("refund.did." + string(l.What)), Tone: map[refund.What]string{refund.DidSend: "go", refund.DidRefuse: "no", refund.DidMiss: "no", refund.DidWithhold: "no", refund.DidIgnore: "off"}[l.What]}
	out.Tone = cmp.Or(out.Tone, "wait")
	if l.By != "" {
		out.Who = whose(people, l.By)
	} else if l.Rule != "" {
		out.Who = p.T("refund.by.rule", "name", l.Rule, "version", l.Version)
	}
	var more []string
	if l.Reason != "" {
		more = append(more, p.because(l.Reason))
	}
	if l.Why != "" && l.What != refund.DidSend {
		more = append(more, p.T("value.why."+l.Why))
	}
	if l.Status != 0 {
		code := strconv.Itoa(l.Status)
		if l.Code != 0 {
			code = strconv.FormatInt(l.Code, 10)
		}
		more = append(more, code, (&appstore.APIError{Status: l.Status, Code: l.Code, Text: l.Text}).Meaning(p.Locale))
	}
	if l.Answer != nil && l.What != refund.DidFail {
		for _, part := range p.answerParts(*l.Answer, kind, true) {
			more = append(more, part[0]+": "+part[1])
		}
	}
	out.More = joinDot(more...)
	return out
}

// answerRefund sends what a member chose.
func (c *console) answerRefund(v *visit) error {
	form := v.refundForm()
	choice, err := form.answer()
	if err != nil {
		return c.refundAgain(v, form, v.T("refund.percent.wrong"), "")
	}
	return c.choose(v, form, choice)
}

// ignoreRefund leaves a case to the store.
func (c *console) ignoreRefund(v *visit) error {
	return c.choose(v, v.refundForm(), refund.Choice{Ignore: true})
}

func (v *visit) refundForm() RefundForm {
	return RefundForm{v.typed("preference"), v.typed("delivery"), v.typed("sample"), v.typed("percent"), v.typed("reason")}
}

func (c *console) choose(v *visit, form RefundForm, choice refund.Choice) error {
	choice.By, choice.Reason = "member:"+v.member.ID, engawa.Because(form.Reason)
	if !slices.Contains(engawa.RefundReasons, choice.Reason) {
		return c.refundAgain(v, form, v.T("because.wrong"), "")
	}
	k, err := c.Refunds.Answer(v.ctx(), v.by, v.ws(), v.r.PathValue("id"), choice)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code != engawa.CodeNotFound {
		return c.refundAgain(v, form, v.refusal(told), "")
	}
	if err != nil {
		return err
	}
	done := map[engawa.RefundAnswer]string{engawa.RefundSent: "refund_sent", engawa.RefundIgnored: "refund_ignored", engawa.RefundRefused: "refund_refused"}[k.Answer]
	return v.see("/refunds/"+k.ID, cmp.Or(done, "refund_retrying"))
}

// refusal words why an answer was not sent; the page shows the rest.
func (v *visit) refusal(e *engawa.Error) string {
	switch e.Field {
	case "/delivery":
		return v.T("refunds.remedy.delivery")
	case "/sample_provided":
		return v.T("refunds.remedy.sample")
	case "/percentage":
		return v.T("refund.percent.wrong")
	case "/consent":
		return v.T("value.why.no_consent")
	}
	return v.T("refund.not_now")
}

func (c *console) refundAgain(v *visit, form RefundForm, problem, remedy string) error {
	view, err := c.refundView(v)
	if err != nil {
		return err
	}
	view.Form, view.Problem, view.ProblemRemedy = form, problem, remedy
	return v.showAs(http.StatusUnprocessableEntity, RefundPage(view))
}
