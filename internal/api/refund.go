package api

import (
	"context"
	"math"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/refund"
	"github.com/engawa/engawa/internal/store"
)

// RefundOut is a refund case as it is shown.
type RefundOut struct {
	ID          string              `json:"id"`
	Account     string              `json:"account"`
	App         string              `json:"app" doc:"May be empty"`
	Customer    string              `json:"customer"`
	Purchase    string              `json:"purchase"`
	Environment string              `json:"environment" enum:"production,sandbox"`
	Kind        string              `json:"kind" enum:"auto_renewable_subscription,non_renewing_subscription,consumable,non_consumable"`
	Product     string              `json:"product" doc:"The store's id of it"`
	Storefront  string              `json:"storefront" doc:"ISO 3166-1 alpha-3"`
	Price       int64               `json:"price" doc:"What was paid, in thousandths of the currency"`
	Currency    string              `json:"currency" doc:"Empty: the price is not known"`
	BoughtAt    *time.Time          `json:"bought_at"`
	Reason      string              `json:"reason" doc:"Of the latest request, in Apple's words: UNINTENDED_PURCHASE …"`
	Requests    int                 `json:"requests" doc:"How often the store asked since it decided last"`
	AskedAt     time.Time           `json:"asked_at" doc:"The first of these requests"`
	DueAt       time.Time           `json:"due_at" doc:"An answer counts until then: 12 hours"`
	State       engawa.RefundState  `json:"state" enum:"open,granted,declined,reversed" doc:"By the store's word"`
	ClosedAt    *time.Time          `json:"closed_at"`
	Returned    int64               `json:"returned" doc:"What is given back, in thousandths of the currency"`
	Answer      engawa.RefundAnswer `json:"answer" doc:"Where yours stands: proposed (waits for a person), no_consent, sending, retrying, sent, refused, ignored, late; empty: nobody has looked yet"`
	Why         string              `json:"why" doc:"A code for what stands in the way; empty: nothing"`
	Explained   string              `json:"explained" doc:"It in words, in the language that was asked for"`
	Remedy      string              `json:"remedy" doc:"What to do about it"`
}

func (a *API) showRefund(l engawa.Locale, c engawa.RefundCase) RefundOut {
	out := RefundOut{
		c.ID, c.Account, c.App, c.Customer, c.Purchase, c.Environment, c.Kind, c.Product, c.Storefront, c.Price, c.Currency, utc(c.BoughtAt), c.Reason, c.Requests,
		c.AskedAt.UTC(), c.DueAt.UTC(), c.State, utc(c.ClosedAt), c.Returned, c.Answer, c.Why, "", "",
	}
	if c.Why != "" {
		out.Explained, out.Remedy = a.Words.T(l, "value.why."+c.Why), a.Words.T(l, "refunds.remedy."+c.Why)
	}
	return out
}

type refundsIn struct {
	Paging
	State    string `query:"state" enum:"open,waiting,closed,granted,declined,reversed" default:"open" doc:"open: an answer counts, the soonest due first; waiting: it counts no more, and the store has not decided; closed: the store decided, the latest first"`
	Answer   string `query:"answer" enum:"proposed,no_consent,sending,retrying,sent,refused,ignored,late"`
	Account  string `query:"account" maxLength:"64"`
	Product  string `query:"product" maxLength:"255"`
	Customer string `query:"customer" maxLength:"64"`
}

type refundList struct {
	Refunds []RefundOut `json:"refunds"`
	Next    string      `json:"next"`
}

func (a *API) listRefunds(ctx context.Context, c *call, in *refundsIn) (refundList, error) {
	p, err := in.page(engawa.PrefixRefund)
	if err != nil {
		return refundList{}, err
	}
	f := store.RefundFilter{Closed: in.State != "open" && in.State != "waiting", Over: in.State == "waiting", Answer: engawa.RefundAnswer(in.Answer), Account: in.Account, Product: in.Product, Customer: in.Customer}
	if f.Closed && in.State != "closed" {
		f.State = engawa.RefundState(in.State)
	}
	all, err := a.Store.Refunds(ctx, c.workspace, f, p)
	out := refundList{Refunds: shown(all, func(r engawa.RefundCase) RefundOut { return a.showRefund(c.locale, r) })}
	if len(all) > 0 {
		last := all[len(all)-1]
		at := last.DueAt
		if f.Closed {
			at = last.ClosedAt
		}
		out.Next = in.next(len(all), at, last.ID)
	}
	return out, err
}

type refundAnswer struct {
	Delivery   appstore.Delivery         `json:"delivery" doc:"Empty: not known"`
	Sample     bool                      `json:"sample_provided"`
	Percentage *float64                  `json:"percentage" doc:"Used up, 0 to 100; null: not told"`
	Preference appstore.RefundPreference `json:"preference" doc:"DECLINE, GRANT_FULL or GRANT_PRORATED; empty: none"`
}

func showAnswer(a *refund.Answer) *refundAnswer {
	if a == nil {
		return nil
	}
	return &refundAnswer{a.Delivery, a.Sample, percentOf(a.Percent), a.Preference}
}

const thousandths = 1000

func percentOf(n *int64) *float64 {
	if n == nil {
		return nil
	}
	p := float64(*n) / thousandths
	return &p
}

// thousandthsOf reads a share of 0 to 100; what is finer than a thousandth is
// refused rather than rounded.
func thousandthsOf(p *float64) (*int64, error) {
	if p == nil {
		return nil, nil //nolint:nilnil // nothing is told
	}
	n := math.Round(*p * thousandths)
	if math.Abs(*p*thousandths-n) > 1e-6 {
		return nil, engawa.Invalid("/percentage", "give at most three decimals", "the App Store counts thousandths of a percent")
	}
	whole := int64(n)
	return &whole, nil
}

type refundWord struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind" enum:"requested,declined,refunded,reversed"`
	Reason string    `json:"reason" doc:"Of a request, in Apple's words; of a refund: other or app_issue"`
	Amount int64     `json:"amount" doc:"What was given back, in thousandths of the currency"`
}

type refundLine struct {
	At         time.Time     `json:"at"`
	What       refund.What   `json:"what" enum:"sent,failed,refused,proposed,withheld,ignored,alarmed,late"`
	By         string        `json:"by" doc:"Who; empty: the hub by its rules"`
	Reason     string        `json:"reason" doc:"That the person gave; empty: none was asked for"`
	Why        string        `json:"why"`
	Answer     *refundAnswer `json:"answer"`
	Consent    string        `json:"consent" doc:"The record that allowed it"`
	Rule       string        `json:"rule"`
	Policy     int64         `json:"policy" doc:"Version of the rules; 0: none"`
	HTTPStatus int           `json:"http_status" doc:"What the App Store answered; 0: nothing"`
	Code       int64         `json:"code" doc:"Apple's error code; 0: none"`
	Meaning    string        `json:"meaning" doc:"It in words"`
}

type refundStory struct {
	RefundOut

	Plan struct {
		Act    refund.Act    `json:"act" enum:"send,propose,ignore"`
		Why    string        `json:"why"`
		Answer *refundAnswer `json:"answer" doc:"What would be sent, as far as it is known"`
		Rule   string        `json:"rule" doc:"The name of the rule that fits; empty: none, or a person chose"`
		Policy int64         `json:"policy" doc:"Version of the rules; 0: none were saved"`
	} `json:"plan" doc:"What would be done now"`
	Consent string       `json:"consent" doc:"The record that allows an answer now; empty: none does"`
	Said    []refundWord `json:"said" doc:"By the store about this transaction, oldest first"`
	History []refundLine `json:"history" doc:"On your side, oldest first"`
}

func (a *API) getRefund(ctx context.Context, c *call, in *One) (refundStory, error) {
	f, err := a.Store.RefundFacts(ctx, c.workspace, in.ID)
	if err != nil {
		return refundStory{}, err
	}
	return a.refundStory(c.locale, f)
}

func (a *API) refundStory(l engawa.Locale, f store.RefundFacts) (refundStory, error) {
	out := refundStory{RefundOut: a.showRefund(l, f.Case), Said: []refundWord{}, History: []refundLine{}}
	p, err := refund.Look(f, time.Now())
	if err != nil {
		return out, err
	}
	out.Plan.Act, out.Plan.Why, out.Plan.Answer, out.Plan.Rule, out.Plan.Policy = p.Act, p.Why, showAnswer(&p.Answer), p.Rule, p.Version
	if p.Consent.Given != nil {
		out.Consent = p.Consent.Given.ID
	}
	k, err := refund.Read(f.Case)
	if err != nil {
		return out, err
	}
	for _, x := range k.Lines {
		line := refundLine{x.At.UTC(), x.What, x.By, string(x.Reason), x.Why, showAnswer(x.Answer), x.Consent, x.Rule, x.Version, x.Status, x.Code, ""}
		if x.Status != 0 {
			line.Meaning = (&appstore.APIError{Status: x.Status, Code: x.Code, Text: x.Text}).Meaning(l)
		}
		out.History = append(out.History, line)
	}
	s, err := follow.State(f.Purchase.Facts)
	for _, e := range s.Ledger() {
		if e.TransactionID == f.Case.Transaction && e.Kind != purchase.ShareEnded {
			out.Said = append(out.Said, refundWord{e.At.UTC(), string(e.Kind), e.Reason, e.Amount})
		}
	}
	return out, err
}

type refundAnswerIn struct {
	One
	Body struct {
		Ignore     bool                      `json:"ignore,omitempty" doc:"Do not answer this case; the rest but the reason is not looked at"`
		Preference appstore.RefundPreference `json:"preference,omitempty" enum:"DECLINE,GRANT_FULL,GRANT_PRORATED" doc:"None, if it is not given: data alone"`
		Delivery   appstore.Delivery         `json:"delivery,omitempty" enum:"DELIVERED,UNDELIVERED_QUALITY_ISSUE,UNDELIVERED_WRONG_ITEM,UNDELIVERED_SERVER_OUTAGE,UNDELIVERED_OTHER" doc:"As your systems told, if it is not given"`
		Sample     *bool                     `json:"sample_provided,omitempty" doc:"As your systems told, if it is not given"`
		Percentage *float64                  `json:"percentage,omitempty" minimum:"0" maximum:"100" doc:"Used up; as your systems told, if it is not given. Not for a subscription"`
		Reason     engawa.Because            `json:"reason" enum:"rules,trouble,goodwill,used,repeated,other" doc:"Why you decide so, for the audit trail and the customer's timeline; Apple does not get it"`
	}
}

func (a *API) answerRefund(ctx context.Context, c *call, in *refundAnswerIn) (RefundOut, error) {
	b := in.Body
	percent, err := thousandthsOf(b.Percentage)
	if err != nil {
		return RefundOut{}, err
	}
	r, err := a.Refunds.Answer(ctx, c.store, c.workspace, in.ID, refund.Choice{
		By: c.actor(), Ignore: b.Ignore, Preference: b.Preference, Delivery: b.Delivery, Sample: b.Sample, Percent: percent, Reason: b.Reason,
	})
	return a.showRefund(c.locale, r), err
}

type consumptionIn struct {
	Body struct {
		Transaction string            `json:"transaction,omitempty" maxLength:"64" doc:"The store's id of the transaction, or the original one of a subscription. Give this, a customer or an identity"`
		Customer    string            `json:"customer,omitempty" maxLength:"64"`
		Identity    *IdentityNew      `json:"identity,omitempty"`
		Product     string            `json:"product,omitempty" maxLength:"255" doc:"Of the customer's purchases, those of this product; all, if it is not given"`
		Delivery    appstore.Delivery `json:"delivery,omitempty" enum:"DELIVERED,UNDELIVERED_QUALITY_ISSUE,UNDELIVERED_WRONG_ITEM,UNDELIVERED_SERVER_OUTAGE,UNDELIVERED_OTHER"`
		Sample      *bool             `json:"sample_provided,omitempty" nullable:"false" doc:"It could be tried before buying"`
		Percentage  *float64          `json:"percentage,omitempty" nullable:"false" minimum:"0" maximum:"100" doc:"How much of it is used up, with at most three decimals"`
		Played      *int64            `json:"played_seconds,omitempty" nullable:"false" minimum:"0" maximum:"316224000" doc:"How long it was used"`
	}
}

type consumptionOut struct {
	ID         string            `json:"id"`
	Customer   string            `json:"customer" doc:"Empty: of a transaction that nobody is known for yet"`
	Product    string            `json:"product"`
	Delivery   appstore.Delivery `json:"delivery" doc:"Empty: not told"`
	Sample     *bool             `json:"sample_provided"`
	Percentage *float64          `json:"percentage"`
	Played     *int64            `json:"played_seconds"`
	At         time.Time         `json:"at"`
	KeptUntil  time.Time         `json:"kept_until" doc:"At least; longer while a case is open that it bears on"`
}

func (a *API) tellConsumption(ctx context.Context, c *call, in *consumptionIn) (consumptionOut, error) {
	b := in.Body
	percent, err := thousandthsOf(b.Percentage)
	if err != nil {
		return consumptionOut{}, err
	}
	w := refund.Word{Workspace: c.workspace, Transaction: b.Transaction, Customer: b.Customer, Product: b.Product, Delivery: b.Delivery, Sample: b.Sample, Percent: percent, Played: b.Played}
	if b.Identity != nil {
		w.Identity = engawa.Identity{Issuer: b.Identity.Issuer, Kind: b.Identity.Kind, Value: b.Identity.Value}
	}
	k, err := refund.Tell(ctx, c.store, w)
	return consumptionOut{k.ID, k.Customer, k.Product, appstore.Delivery(k.Delivery), k.Sample, percentOf(k.Percent), k.Played, k.At.UTC(), k.At.UTC().Add(engawa.ConsumptionFor)}, err
}
