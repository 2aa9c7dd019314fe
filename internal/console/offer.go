package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/offer"
	"github.com/engawa/engawa/internal/store"
)

// maxCodes is a file of codes with the form around it.
const maxCodes = offer.MaxBytes + 64<<10

func (c *console) offerDesk() *offer.Desk { return &offer.Desk{Store: c.Store, HTTP: c.Env.HTTP} }

// storeAccounts are the accounts of the App Store, as choices.
func (c *console) storeAccounts(v *visit) (choices []Choice, byID map[string]engawa.Account, err error) {
	all, err := c.Store.Accounts(v.ctx(), v.ws())
	byID = map[string]engawa.Account{}
	for _, a := range all {
		if a.Kind == appStoreKind {
			choices, byID[a.ID] = append(choices, Choice{a.ID, a.Name}), a
		}
	}
	return choices, byID, err
}

const appStoreKind = "appstore"

func (p Page) poolRow(c store.PoolCounts, account string) PoolRow {
	return PoolRow{
		ID: c.ID, Name: c.Name, Offer: c.Offer, Account: account, Word: c.Word, Low: c.Open(p.Now) && c.Free >= 0 && c.Free <= int64(c.LowAt),
		Free: c.Free, Handed: c.Handed, Redeemed: c.Redeemed, Lapsed: c.Lapsed, EndsAt: lastDay(c.EndsAt), ClosedAt: c.ClosedAt,
	}
}

// left says how many codes of a pool are left.
func (p Page) left(r PoolRow) string {
	if r.Free < 0 {
		return p.T("offers.unlimited")
	}
	return p.Number(int(r.Free))
}

func (c *console) offers(v *visit) error {
	view := Offers{Page: v.titled("accounts", v.T("offers.title"))}
	pools, err := c.Store.OfferPools(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	_, accounts, err := c.storeAccounts(v)
	for _, p := range pools {
		view.Rows = append(view.Rows, v.poolRow(p, accounts[p.Account].Name))
	}
	if err != nil {
		return err
	}
	return v.show(OffersPage(view))
}

func (c *console) offerForm(v *visit) (OfferForm, map[string]engawa.Account, error) {
	view := OfferForm{Page: v.titled("accounts", v.T("offer.new")), Kind: "codes", LowAt: "50"}
	view.Path = "/offers/new"
	var accounts map[string]engawa.Account
	var err error
	view.Accounts, accounts, err = c.storeAccounts(v)
	return view, accounts, err
}

func (c *console) newOffer(v *visit) error {
	view, _, err := c.offerForm(v)
	if err != nil {
		return err
	}
	return v.show(OfferFormPage(view))
}

// saveOffer makes a pool, and takes its codes in where a file came with it. Asked
// to look only, it changes nothing.
func (c *console) saveOffer(v *visit) error {
	view, accounts, err := c.offerForm(v)
	if err != nil {
		return err
	}
	file, err := fileOf(v.r)
	if err != nil {
		return err
	}
	p, word, problem := view.read(v, accounts)
	var sheet offer.Sheet
	if problem == nil && !p.Word && len(file) > 0 {
		sheet, problem = c.offerDesk().Look(v.ctx(), p, file)
	}
	switch {
	case problem != nil:
		view.Problem = v.toldWords(problem)
		return v.showAs(http.StatusUnprocessableEntity, OfferFormPage(view))
	case v.typed("do") == "look":
		view.Read = v.sheet(sheet)
		return v.show(OfferFormPage(view))
	}
	if err := v.by.AddOfferPool(v.ctx(), p, word); err != nil {
		return err
	}
	if _, err := v.by.AddOfferCodes(context.WithoutCancel(v.ctx()), p, sheet.Codes); err != nil {
		return err
	}
	return v.see("/offers/"+p.ID, "pool")
}

// read takes what was typed into the form.
func (f *OfferForm) read(v *visit, accounts map[string]engawa.Account) (p engawa.OfferPool, word engawa.Secret, err error) {
	f.Name, f.Account, f.Offer, f.Product, f.EndsOn, f.LowAt = v.typed("name"), v.typed("account"), v.typed("offer"), v.typed("product"), v.typed("ends"), v.typed("low")
	f.Kind, f.Word, f.Most, f.Connect = v.typed("kind"), v.typed("word"), v.typed("most"), v.typed("connect")
	a, ok := accounts[f.Account]
	if !ok {
		return p, "", engawa.Invalid("/account", "choose an App Store account", "there is no such account")
	}
	p = engawa.OfferPool{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixOfferPool), Account: a.ID, App: a.Settings["app"], Name: f.Name, Offer: f.Offer, Product: f.Product,
		Word: f.Kind == "word", Connect: f.Connect, CreatedAt: v.Now,
	}
	day, err := time.ParseInLocation(time.DateOnly, f.EndsOn, v.Zone)
	if err == nil {
		p.EndsAt = day.AddDate(0, 0, 1) // the day itself counts
	}
	p.LowAt, p.Most = number(f.LowAt), number(f.Most)
	return p, engawa.Secret(f.Word), offer.Check(p, engawa.Secret(f.Word), v.Now)
}

// number is a number that was typed: 0 where nothing was, -1 for what is none.
func number(typed string) int {
	if typed == "" {
		return 0
	}
	n, err := strconv.Atoi(typed)
	if err != nil {
		return -1
	}
	return n
}

// fileOf is the file of a form; empty if none was chosen.
func fileOf(r *http.Request) ([]byte, error) {
	if err := r.ParseMultipartForm(maxCodes); err != nil {
		return nil, &engawa.Error{Code: engawa.CodeTooLarge, Message: "the file is too large", Remedy: "split it", Err: err}
	}
	return uploaded(r)
}

// toldWords says what is wrong with a form, by the field that is.
func (p Page) toldWords(err error) string {
	told, ok := errors.AsType[*engawa.Error](err)
	if !ok {
		return p.T("offer.wrong")
	}
	key := "offer.wrong." + strings.TrimPrefix(told.Field, "/")
	if told.Field == "" || !p.Words.Has(key) {
		key = "offer.wrong." + string(told.Code)
	}
	if !p.Words.Has(key) {
		key = "offer.wrong"
	}
	return p.T(key)
}

// shownFaults are the lines of a file that a page tells of.
const shownFaults = 50

func (p Page) sheet(s offer.Sheet) *OfferSheet {
	out := &OfferSheet{New: len(s.Codes)}
	for _, f := range s.Faults {
		if f.Code == "known" {
			out.Known++
		}
		if len(out.Faults) == shownFaults {
			out.More++
			continue
		}
		out.Faults = append(out.Faults, RefusedLine{f.Line, p.T("offer.line."+f.Code, "first", p.Number(f.First)), ""})
	}
	return out
}

func (c *console) poolView(v *visit) (Pool, store.PoolCounts, error) {
	counts, err := c.Store.OfferPool(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return Pool{}, counts, err
	}
	_, accounts, err := c.storeAccounts(v)
	if err != nil {
		return Pool{}, counts, err
	}
	a := accounts[counts.Account]
	view := Pool{Page: v.titled("accounts", counts.Name), PoolRow: v.poolRow(counts, a.Name), Product: counts.Product, CreatedAt: counts.CreatedAt, Connect: counts.Connect != "" && a.Settings["connect_key"] != ""}
	view.Path = "/offers/" + counts.ID
	givers, err := c.givers(v)
	if err != nil {
		return view, counts, err
	}
	p := cursor(v.r)
	p.Limit = listed
	all, err := c.Store.OfferCodes(v.ctx(), v.ws(), counts.ID, p)
	if err != nil {
		return view, counts, err
	}
	n, err := c.names(v)
	if err != nil {
		return view, counts, err
	}
	for _, code := range all {
		row := codeRow(code, "", v.gave(givers, code.By))
		row.CustomerName = n.customer(code.Customer)
		view.Codes = append(view.Codes, row)
	}
	if len(all) == listed {
		last := all[listed-1]
		view.Next = query("/offers/"+counts.ID, "after", after(last.HandedAt, last.ID))
	}
	return view, counts, nil
}

// givers are those who may have handed a code out, with their names.
func (c *console) givers(v *visit) ([]Choice, error) {
	all, err := c.actors(v)
	if err != nil {
		return nil, err
	}
	routes, err := c.Store.Routes(v.ctx(), v.ws())
	for _, r := range routes {
		all = append(all, Choice{"route:" + r.ID, v.T("offer.by.route", "name", r.Name)})
	}
	return all, err
}

// gave names who handed a code out: a person, a key, a route, a message or the app.
func (p Page) gave(givers []Choice, by string) string {
	switch {
	case strings.HasPrefix(by, "message:"):
		return p.T("offer.by.message")
	case by == "app":
		return p.T("offer.by.app")
	}
	return whose(givers, by)
}

// codeWords says where a code stands.
func (p Page) codeWords(s engawa.OfferState) string { return p.T("offers." + string(s)) }

// codeRow is a code that was handed out; one that ended unused is shown so.
func codeRow(c engawa.OfferCode, link, by string) OfferCodeRow {
	if c.State == engawa.OfferHanded && !time.Now().Before(c.EndsAt) {
		c.State = engawa.OfferLapsed
	}
	if c.State != engawa.OfferHanded {
		link = ""
	}
	return OfferCodeRow{Offer: c.Offer, Customer: c.Customer, By: by, State: c.State, Reason: c.Reason, At: c.HandedAt, RedeemedAt: c.RedeemedAt, EndsAt: lastDay(c.EndsAt), Link: link}
}

// lastDay is a moment of the last day on which codes work, for an end that is the
// first moment of the next.
func lastDay(end time.Time) time.Time { return end.Add(-time.Second) }

func (c *console) pool(v *visit) error {
	view, _, err := c.poolView(v)
	if err != nil {
		return err
	}
	return v.show(PoolPage(view))
}

// importCodes takes a file of codes into a pool, or only looks at it.
func (c *console) importCodes(v *visit) error {
	view, counts, err := c.poolView(v)
	if err != nil {
		return err
	}
	file, err := fileOf(v.r)
	if err != nil {
		return err
	}
	sheet, problem := c.offerDesk().Look(v.ctx(), counts.OfferPool, file)
	if problem != nil {
		view.Problem = v.toldWords(problem)
		return v.showAs(http.StatusUnprocessableEntity, PoolPage(view))
	}
	if v.typed("do") == "look" {
		view.Read = v.sheet(sheet)
		return v.show(PoolPage(view))
	}
	if _, err := v.by.AddOfferCodes(context.WithoutCancel(v.ctx()), counts.OfferPool, sheet.Codes); err != nil {
		return err
	}
	return v.see("/offers/"+counts.ID, "codes")
}

// fetchCodes has codes made in App Store Connect and takes in what is ready.
func (c *console) fetchCodes(v *visit) error {
	view, counts, err := c.poolView(v)
	if err != nil {
		return err
	}
	_, err = c.offerDesk().Fetch(v.ctx(), v.by, counts.OfferPool, number(v.typed("make")))
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		view.Problem = v.toldWords(told)
		return v.showAs(http.StatusUnprocessableEntity, PoolPage(view))
	}
	if err != nil {
		return err
	}
	return v.see("/offers/"+counts.ID, "codes_made")
}

func (c *console) closePool(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.by.CloseOfferPool(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see("/offers/"+id, "pool_closed")
}

// offerCard loads a customer's card of offer codes. It is empty where there are
// neither pools nor codes.
func (c *console) offerCard(v *visit, customer string) (OfferCard, error) {
	card := OfferCard{Page: v.Page, Customer: customer, May: v.member.Role.Allows(engawa.Support)}
	codes, err := c.Store.OfferCodesOf(v.ctx(), v.ws(), customer)
	if err != nil {
		return card, err
	}
	pools, err := c.Store.OfferPools(v.ctx(), v.ws())
	if err != nil {
		return card, err
	}
	_, accounts, err := c.storeAccounts(v)
	if err != nil {
		return card, err
	}
	givers, err := c.givers(v)
	for _, code := range codes {
		id, _ := strconv.ParseInt(accounts[code.Account].Settings["app_apple_id"], 10, 64)
		link := ""
		if id > 0 && code.Code != "" && card.May {
			link = engawa.RedemptionLink(id, code.Code)
		}
		card.Rows = append(card.Rows, codeRow(code, link, v.gave(givers, code.By)))
	}
	for _, p := range pools {
		if p.Open(v.Now) && p.Free != 0 && !slices.ContainsFunc(codes, func(c engawa.OfferCode) bool {
			return c.Account == p.Account && c.Offer == p.Offer && c.State != engawa.OfferLapsed && v.Now.Before(c.EndsAt)
		}) {
			card.Pools = append(card.Pools, Choice{p.ID, joinDot(p.Name, p.Offer, v.T("offers.left", "n", v.left(v.poolRow(p, ""))))})
		}
	}
	return card, err
}

func (c *console) customerOffers(v *visit) error {
	view, err := c.customerOffersView(v)
	if err != nil {
		return err
	}
	return v.show(CustomerOffersPage(view))
}

func (c *console) customerOffersView(v *visit) (CustomerOffers, error) {
	cu, err := c.living(v)
	if err != nil {
		return CustomerOffers{}, err
	}
	card, err := c.offerCard(v, cu.ID)
	card.Page = v.titled("customers", v.T("offers.title"))
	card.Path = "/customers/" + cu.ID + "/offers"
	return CustomerOffers{OfferCard: card, Name: v.customerName(cu)}, err
}

// handOut gives a customer a code. What cannot be done is said on the card's page.
func (c *console) handOut(v *visit) error {
	view, err := c.customerOffersView(v)
	if err != nil {
		return err
	}
	p, err := c.Store.OfferPool(v.ctx(), v.ws(), v.typed("pool"))
	if err == nil {
		_, err = c.offerDesk().HandOut(v.ctx(), v.by, store.HandOut{
			Workspace: v.ws(), Account: p.Account, Offer: p.Offer, Customer: view.Customer, Reason: engawa.OfferReason(v.typed("reason")), By: "member:" + v.member.ID,
		})
	}
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code != engawa.CodeUnavailable {
		view.Problem = v.toldWords(err)
		return v.showAs(http.StatusUnprocessableEntity, CustomerOffersPage(view))
	}
	if err != nil {
		return err
	}
	return v.see("/customers/"+view.Customer+"/offers", "code")
}

func (p Page) offerReasons() []Choice {
	all := make([]Choice, len(engawa.OfferReasons))
	for i, r := range engawa.OfferReasons {
		all[i] = Choice{string(r), p.T("offer.for." + string(r))}
	}
	return all
}
