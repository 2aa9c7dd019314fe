package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

func (p Page) customerKind(kind string) string {
	if kind == "contract" {
		return p.T("customers.contract")
	}
	return p.T("customers.person")
}

// pointWords says what a contact point is for: "contract, marketing".
func (p Page) pointWords(pt Point) string {
	var words []string
	if pt.Role != "" {
		words = append(words, pt.Role)
	}
	for _, purpose := range pt.Purposes {
		words = append(words, p.purposeWords(purpose))
	}
	if len(pt.Purposes) == 0 {
		words = append(words, p.T("customer.every_purpose"))
	}
	return p.list(words)
}

// consentWords says what a consent is about, from the widest to the narrowest.
func (p Page) consentWords(c Consent) string {
	purpose := "" // an act that is no message may have none
	if c.Purpose != "" {
		purpose = p.purposeWords(c.Purpose)
	}
	return joinDot(p.T("act."+string(c.Act)), purpose, cmp.Or(c.Channel, p.T("customer.every_channel")), c.Topic, c.App, c.To)
}

func (c *console) customers(v *visit) error {
	view := Customers{Page: v.titled("customers", v.T("customers.title")), CSV: "/customers.csv"}
	p := cursor(v.r)
	p.Limit = listed
	list, err := c.Store.Customers(v.ctx(), v.ws(), p)
	if err != nil {
		return err
	}
	view.Rows = v.customerRows(list)
	if len(list) == listed {
		last := list[listed-1]
		view.Next = query("/customers", "after", after(last.CreatedAt, last.ID))
	}
	return v.show(CustomersPage(view))
}

func (p Page) customerRows(list []engawa.Customer) []CustomerRow {
	rows := make([]CustomerRow, len(list))
	for i, c := range list {
		rows[i] = CustomerRow{ID: c.ID, Name: p.customerName(c), Kind: c.Kind, Country: c.Country, Locale: c.Locale, Since: c.CreatedAt}
	}
	return rows
}

func isNotFound(err error) bool {
	var told *engawa.Error
	return errors.As(err, &told) && told.Code == engawa.CodeNotFound
}

func (c *console) customersCSV(v *visit) error {
	out := v.csv("customers", "id", "name", "kind", "country", "locale", "created_at")
	p := store.Page{Limit: 200}
	for range csvRows / 200 {
		list, err := c.Store.Customers(v.ctx(), v.ws(), p)
		if err != nil {
			return err
		}
		for _, cu := range list {
			writeCSV(out, cu.ID, v.customerName(cu), cu.Kind, cu.Country, string(cu.Locale), cu.CreatedAt.UTC().Format(time.RFC3339))
			p.At, p.ID = cu.CreatedAt, cu.ID
		}
		if len(list) < 200 {
			break
		}
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// customer is one customer's whole story.
func (c *console) customer(v *visit) error {
	cu, err := c.Store.Customer(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if cu.MergedInto != "" { // an old link still leads to the story
		http.Redirect(v.w, v.r, "/customers/"+cu.MergedInto, http.StatusSeeOther)
		return nil
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Customer{
		Page: v.titled("customers", v.customerName(cu)), ID: cu.ID, Name: v.customerName(cu), Kind: cu.Kind, Country: cu.Country, Zone: cu.Zone,
		Speaks: cu.Locale, Minor: cu.Minor, Erased: cu.Erased, Since: cu.CreatedAt,
	}
	if !cu.Erased {
		if err := c.customerFacts(v, &view); err != nil {
			return err
		}
		if err := c.tagsOf(v, &view); err != nil {
			return err
		}
		view.Desk = len(n.desks()) > 0
	}
	if err := c.contracts(v, &view); err != nil {
		return err
	}
	if view.Listed, err = n.listsOf(cu.ID); err != nil {
		return err
	}
	if view.Refunds, err = c.refundsOf(n, cu.ID); err != nil {
		return err
	}
	if view.Offers, err = c.offerCard(v, cu.ID); err != nil {
		return err
	}
	if err := c.possessions(v, &view); err != nil {
		return err
	}
	if err := c.story(v, n, &view); err != nil {
		return err
	}
	return v.show(CustomerPage(view))
}

// customerFacts loads contact points, masked, and consents, the newest first.
func (c *console) customerFacts(v *visit, view *Customer) error {
	points, err := c.Store.ContactPoints(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	stops, err := c.Store.Stops(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	for _, pt := range points {
		lift := ""
		if v.Role.Allows(engawa.Support) {
			lift = "/customers/" + view.ID + "/points/" + pt.ID + "/lift"
		}
		view.Points = append(view.Points, Point{ID: pt.ID, Stops: stopsOf(stops, pt.ID, lift), Kind: v.kindWords(pt.Kind), Address: pt.Address.String(), Role: pt.Role, Purposes: pt.Purposes, VerifiedAt: pt.VerifiedAt})
	}
	identities, err := c.Store.Identities(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	for _, id := range identities {
		if words := v.identityWords(id.Issuer, id.Kind); !slices.Contains(view.Handles, words) {
			view.Handles = append(view.Handles, words)
		}
	}
	consents, err := c.Store.Consents(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	for _, d := range consents {
		view.Consents = append(view.Consents, v.consentView(d))
	}
	slices.SortStableFunc(view.Consents, func(a, b Consent) int { return b.At.Compare(a.At) })
	return nil
}

func (p Page) consentView(d engawa.Consent) Consent {
	channel := ""
	if d.Channel != "" {
		channel = p.kindWords(d.Channel)
	}
	to := d.Controller
	if to == engawa.ControllerWorkspace {
		to = ""
	}
	return Consent{
		At: d.At, Act: d.Act, Purpose: d.Purpose, Channel: channel, Topic: d.Topic, App: d.App, To: to, Given: d.Given, Pending: d.Pending,
		Told: d.Said.ResultAt, Reminded: d.Said.ReminderAt, Wording: d.Evidence.Wording, Version: d.Evidence.Version, Where: d.Evidence.Where, Means: d.Evidence.How,
	}
}

// shownAnswer is how many characters of an answer stand in the story.
const shownAnswer = 120

// answered is how an answer begins that a customer wrote.
func answered(e engawa.Event) string {
	if e.Type != "mail.replied" {
		return ""
	}
	text, _ := message.Data(e)["text"].(string)
	words := []rune(strings.Join(strings.Fields(text), " "))
	if len(words) > shownAnswer {
		return string(words[:shownAnswer]) + "…"
	}
	return string(words)
}

// ticketWords says which ticket an event tells of and where that stands; empty: of none.
func (p Page) ticketWords(e engawa.Event) string {
	if !strings.HasPrefix(e.Type, "ticket.") {
		return ""
	}
	data := message.Data(e)
	status := text.Value(data, "ticket.status")
	if key := "ticket.status." + status; p.Words.Has(key) {
		status = p.T(key)
	}
	return joinDot(text.Value(data, "ticket.subject"), status)
}
