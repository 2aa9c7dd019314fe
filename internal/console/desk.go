package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/desk"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

// find looks for what was typed, and writes down that somebody looked: as what,
// never for what.
func (c *console) find(v *visit, typed string) (desk.Finding, error) {
	f, err := c.Desk.Find(v.ctx(), v.ws(), typed, v.Role.Allows(engawa.Support))
	if err != nil {
		return f, err
	}
	line := store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "find-customer", Detail: fmt.Sprintf("as=%s found=%d", formList(f.Forms), len(f.Hits))}
	if len(f.Hits) == 1 {
		line.Object = f.Hits[0].Customer.ID
	}
	return f, c.Store.Note(v.ctx(), line)
}

func formList(forms []desk.Form) string {
	words := make([]string, len(forms))
	for i, f := range forms {
		words[i] = string(f)
	}
	return strings.Join(words, "/")
}

// findCustomers takes the box into which anything may be typed. It is posted,
// since addresses of pages are kept in logs and histories.
func (c *console) findCustomers(v *visit) error {
	typed := v.typed("q")
	for prefix, path := range map[string]string{engawa.PrefixMessage: "/messages/", engawa.PrefixEvent: "/events/", engawa.PrefixTask: "/tasks/"} {
		if engawa.HasPrefix(typed, prefix) && !strings.ContainsFunc(typed, notInID) {
			http.Redirect(v.w, v.r, path+typed, http.StatusSeeOther)
			return nil
		}
	}
	if typed == "" {
		http.Redirect(v.w, v.r, "/customers", http.StatusSeeOther)
		return nil
	}
	f, err := c.find(v, typed)
	if err != nil {
		return err
	}
	if len(f.Hits) == 1 && !f.More {
		http.Redirect(v.w, v.r, "/customers/"+f.Hits[0].Customer.ID, http.StatusSeeOther)
		return nil
	}
	view := Customers{Page: v.titled("customers", v.T("customers.title")), CSV: "/customers.csv", Rows: v.hitRows(f.Hits), Found: v.foundView(f)}
	view.Path = "/customers"
	return v.show(CustomersPage(view))
}

func notInID(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }

func (p Page) hitRows(hits []store.Hit) []CustomerRow {
	rows := make([]CustomerRow, len(hits))
	for i, h := range hits {
		rows[i] = p.customerRows([]engawa.Customer{h.Customer})[0]
		rows[i].By = p.T("find.by." + string(h.By))
		if h.By == store.ByIdentity {
			rows[i].By = p.identityWords(h.Issuer, h.Kind)
		}
	}
	return rows
}

// identityWords names a kind of identity.
func (p Page) identityWords(issuer, kind string) string {
	if key := "find.identity." + kind; p.Words.Has(key) {
		return p.T(key)
	}
	return issuer + " " + kind
}

// foundView says what was tried and, where nobody was found, what to do now.
func (p Page) foundView(f desk.Finding) *Found {
	view := &Found{More: f.More}
	for _, form := range f.Forms {
		view.As = append(view.As, p.T("find.as."+string(form)))
	}
	for _, a := range f.Asked {
		said := p.T("find.asked.none")
		switch {
		case a.Sandbox:
			said = p.T("find.asked.sandbox")
		case errors.Is(a.Err, appstore.ErrNoKey):
			said = p.T("find.asked.no_key")
		case a.Err != nil:
			said = p.storeSays(a.Err)
		case len(f.Hits) > 0:
			said = p.T("find.asked.found")
		}
		view.Asked = append(view.Asked, Choice{a.Account.Name, said})
	}
	if len(f.Hits) > 0 {
		return view
	}
	for _, form := range []desk.Form{desk.FormOrder, desk.FormTransaction, desk.FormMail, desk.FormName} {
		if slices.Contains(f.Forms, form) {
			view.Try = append(view.Try, p.T("find.try."+string(form)))
		}
	}
	view.Try = append(view.Try, p.T("find.try.any"))
	return view
}

// storeSays puts what the App Store answered into the reader's words.
func (p Page) storeSays(err error) string {
	if e, ok := errors.AsType[*appstore.APIError](err); ok {
		return e.Meaning(p.Locale)
	}
	return p.T("find.asked.failed")
}

// possessions loads what a customer bought and may use now.
func (c *console) possessions(v *visit, view *Customer) error {
	ps, err := c.Store.PurchasesOf(v.ctx(), v.ws(), view.ID)
	if err != nil {
		return err
	}
	all, err := desk.Own(ps)
	if err != nil {
		return err
	}
	asked, err := c.Store.Extensions(v.ctx(), v.ws(), view.ID, store.Page{Limit: 200})
	if err != nil {
		return err
	}
	products, err := c.Store.Products(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	described := purchase.Described(products)
	if view.Doors, err = v.doors(ps, engawa.Production, described); err != nil {
		return err
	}
	if view.TestDoors, err = v.doors(ps, engawa.Sandbox, described); err != nil {
		return err
	}
	for _, o := range all {
		view.Purchases = append(view.Purchases, v.purchaseView(o, desk.LimitsOf(o.ID, all, asked, v.Now)))
	}
	slices.SortStableFunc(view.Purchases, func(a, b Purchase) int { return cmp.Compare(openFirst(a), openFirst(b)) })
	return nil
}

// doors are what purchases in one environment open now.
func (p Page) doors(ps []engawa.Purchase, environment string, products map[string]purchase.Product) (doors []Entitlement, err error) {
	bought, err := follow.States(ps, environment)
	for _, e := range purchase.Entitlements(bought, products, p.Now) {
		doors = append(doors, Entitlement{Name: e.Name, Until: e.Until, By: e.ProductID, Shared: e.Shared, Units: e.Units})
	}
	return doors, err
}

// openFirst orders purchases: those that give access before the others, of a test last.
func openFirst(p Purchase) int {
	switch {
	case p.Sandbox:
		return 2
	case p.Open:
		return 0
	}
	return 1
}

// story loads a page of the customer's story.
func (c *console) story(v *visit, n *names, view *Customer) error {
	q := v.r.URL.Query()
	if slices.Contains(desk.RowKinds[:], desk.RowKind(q.Get("show"))) {
		view.Show = q.Get("show")
	}
	p := cursor(v.r)
	p.Limit = listed
	rows, err := c.Desk.Story(v.ctx(), v.ws(), view.ID, desk.RowKind(view.Show), p)
	if err != nil {
		return err
	}
	people, err := c.givers(v)
	if err != nil {
		return err
	}
	for _, r := range rows {
		view.Story = append(view.Story, n.storyRow(r, people))
	}
	if len(rows) == listed {
		last := rows[listed-1]
		view.Next = query("/customers/"+view.ID, "show", view.Show, "after", after(last.At, last.ID)) + "#story"
	}
	return nil
}

// storyRow says in words what a row is.
func (n *names) storyRow(r desk.Row, people []Choice) StoryRow {
	v := n.v
	row := StoryRow{At: r.At, Kind: string(r.Kind)}
	switch r.Kind {
	case desk.RowEvent:
		late := ""
		if yes, _ := recovered(r.Event); yes {
			late = v.T("gap.recovered")
		}
		row.Line, row.More, row.URL = n.line(r.Event), joinDot(n.source(r.Event.Account), answered(r.Event), v.ticketWords(r.Event), late), "/events/"+r.ID
	case desk.RowMessage:
		m := n.messageRows([]store.MessageRow{r.Message})[0]
		row.Line, row.More, row.URL, row.State = m.Subject, joinDot(m.Via, v.seen(r.Message.SeenAt), cmp.Or(v.refused(r.Refused), m.Why), v.wrote(r.Message.Message, people)), "/messages/"+r.ID, m.State
	case desk.RowTicket:
		m := n.messageRows([]store.MessageRow{r.Message})[0]
		row.Line, row.More, row.URL = m.Subject, joinDot(m.To, cmp.Or(v.refused(r.Refused), m.Why), v.wrote(r.Message.Message, people)), "/messages/"+r.ID
	case desk.RowConsent:
		d := v.consentView(r.Consent)
		row.Line, row.Given = v.consentWords(d), d.Given
	case desk.RowRefund:
		amount := ""
		if r.Refund.Currency != "" && r.Refund.Amount != 0 {
			amount = v.moneyOf(r.Refund.Amount, r.Refund.Currency)
		}
		row.Line, row.More = v.T("refund.entry."+string(r.Refund.Kind)), joinDot(r.Product, amount, v.tested(r.Environment))
	case desk.RowAnswer:
		l := v.refundLine(r.Answer, r.Case.Kind, people)
		row.Line, row.More, row.URL = joinDot(l.Line, r.Product, v.tested(r.Environment)), joinDot(l.Who, l.More), "/refunds/"+r.Case.ID
	case desk.RowCode:
		c := codeRow(r.Code, "", v.gave(people, r.Code.By))
		row.Line = v.T("story.code.line", "offer", c.Offer)
		row.More = joinDot(v.codeWords(c.State), v.T("offer.for."+string(c.Reason)), c.By)
		row.URL = "/customers/" + c.Customer + "/offers"
	case desk.RowExtension:
		x := v.extensionView(r.Extension, people)
		row.Line = v.T("extend.line", "product", x.Product, "days", x.Days)
		row.More = joinDot(v.T("extend.state."+string(x.State)), x.Reason, x.Who, x.Why)
		row.URL = "/purchases/" + r.Extension.Purchase + "/extend"
	case desk.RowNote:
		row.Line, row.More = cmp.Or(r.Note.Text, v.T("note.gone")), whose(people, r.Note.Author)
	case desk.RowTask:
		title, _ := v.TaskWords(r.Task)
		row.Line, row.URL = title, "/tasks/"+r.ID
		row.More = v.T("task.open")
		if r.Task.State == "done" {
			row.More = v.T("tasks.done.chip")
		}
	}
	return row
}

// seen says when a message was seen in the app; empty: nobody told.
func (p Page) seen(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return p.T("story.seen", "time", p.near(at))
}

// wrote says which member wrote a message, and why; empty: none did.
func (p Page) wrote(m engawa.Message, people []Choice) string {
	if m.Member == "" {
		return ""
	}
	return joinDot(whose(people, "member:"+m.Member), p.because(m.Reason))
}

// refused says why the verdict refused a message; empty: it did not, or it is erased.
func (p Page) refused(why []engawa.Reason) string {
	words := make([]string, len(why))
	for i, r := range why {
		words[i], _ = p.Words.Reason(p.Locale, r)
	}
	return joinDot(words...)
}

// maxNote is how long a note may be, in characters.
const maxNote = 4000

func (c *console) addNote(v *visit) error {
	cu, err := c.living(v)
	if err != nil {
		return err
	}
	text := v.typed("note")
	if text == "" || utf8.RuneCountInString(text) > maxNote {
		return engawa.Invalid("/note", "write 1 to 4,000 characters", "the note has %d characters", utf8.RuneCountInString(text))
	}
	n := engawa.Note{Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixNote), Customer: cu.ID, Author: "member:" + v.member.ID, Text: text, CreatedAt: time.Now().UTC()}
	if err := v.by.AddNote(v.ctx(), n); err != nil {
		return err
	}
	return v.see("/customers/"+cu.ID+"#story", "note")
}

// extendView loads the page on which a renewal date is moved.
func (c *console) extendView(v *visit) (Extend, error) {
	p, limits, err := c.Desk.Standing(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return Extend{}, err
	}
	cu, err := c.Store.Customer(v.ctx(), v.ws(), p.Customer)
	if err != nil {
		return Extend{}, err
	}
	view := Extend{Page: v.titled("customers", v.T("extend.title")), ID: p.ID, Customer: cu.ID, Name: v.customerName(cu), Product: p.Product, Limits: limits, Reason: "1"}
	view.Path = "/purchases/" + p.ID + "/extend"
	asked, err := c.Store.Extensions(v.ctx(), v.ws(), cu.ID, store.Page{Limit: 200})
	if err != nil {
		return view, err
	}
	people, err := c.actors(v)
	if i := slices.IndexFunc(asked, func(x engawa.Extension) bool { return x.Purchase == p.ID }); i >= 0 {
		x := v.extensionView(asked[i], people)
		view.Last = &x
	}
	return view, err
}

func (p Page) extensionView(x engawa.Extension, people []Choice) Extension {
	view := Extension{
		ID: x.ID, Product: x.Product, Customer: x.Customer, Days: x.Days, Reason: p.T("extend.reason." + strconv.Itoa(x.Reason)), Who: whose(people, x.Actor), State: x.State,
		Concerned: x.Concerned, Succeeded: x.Succeeded, Failed: x.Failed, At: x.CreatedAt, EndsAt: x.EndsAt, DoneAt: x.DoneAt, NextAt: x.NextAt,
	}
	if x.Why != "" {
		view.Why = p.T("extend.why." + x.Why)
	}
	if x.Code != 0 {
		view.Why = (&appstore.APIError{Code: x.Code}).Meaning(p.Locale)
	}
	for _, s := range x.Storefronts {
		view.Storefronts = joinDot(view.Storefronts, p.storefrontWords(s))
	}
	view.Storefronts = cmp.Or(view.Storefronts, p.T("extend.everywhere"))
	return view
}

func (c *console) extension(v *visit) error {
	view, err := c.extendView(v)
	if err != nil {
		return err
	}
	return v.show(ExtendPage(view))
}

// extend has the App Store move a renewal date.
func (c *console) extend(v *visit) error {
	id, days, reason := v.r.PathValue("id"), v.typed("days"), v.typed("reason")
	n, errDays := strconv.Atoi(days)
	r, errReason := strconv.Atoi(reason)
	if errReason != nil {
		r = -1
	}
	if errDays != nil {
		n = 0
	}
	x, err := c.Desk.Extend(v.ctx(), desk.Ask{Workspace: v.ws(), Purchase: id, Days: n, Reason: appstore.ExtendReason(r), Actor: "member:" + v.member.ID})
	if err == nil {
		done := "extended"
		if x.State == engawa.ExtensionUnknown {
			done = "extend_unknown"
		}
		return v.see("/purchases/"+id+"/extend", done)
	}
	told, ok := errors.AsType[*engawa.Error](err)
	if !ok || told.Code == engawa.CodeNotFound {
		return err
	}
	view, again := c.extendView(v)
	if again != nil {
		return again
	}
	view.Days, view.Reason = days, reason
	view.Problem, view.Remedy = v.extendProblem(err, told, view.Limits)
	return v.showAs(http.StatusUnprocessableEntity, ExtendPage(view))
}

// extendProblem says why nothing was moved: what the form lacks, what the hub
// knows, or what the App Store answered.
func (p Page) extendProblem(err error, told *engawa.Error, l desk.Limits) (problem, remedy string) {
	e, said := errors.AsType[*appstore.APIError](err)
	switch {
	case told.Field == "/days":
		return p.T("extend.days.wrong"), ""
	case told.Field == "/reason":
		return p.T("extend.reason.wrong"), ""
	case errors.Is(err, appstore.ErrNoKey):
		return p.T("find.asked.no_key"), p.T("extend.no_key")
	case said:
		return p.T("extend.refused"), e.Meaning(p.Locale)
	}
	if why, instead := p.limitWords(l); why != "" {
		return why, instead
	}
	return p.T("extend.failed"), p.T("extend.failed.now")
}

// lookUp asks the App Store what became of an extension.
func (c *console) lookUp(v *visit) error {
	x, err := c.Store.Extension(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	by := desk.Desk{Store: v.by, Clients: c.Desk.Clients, Follow: c.Desk.Follow}
	if _, err := by.Look(v.ctx(), x); err != nil {
		return err
	}
	return v.see("/purchases/"+x.Purchase+"/extend", "looked")
}

func (c *console) outages(v *visit) error {
	p := cursor(v.r)
	p.Limit = listed
	xs, err := c.Store.Extensions(v.ctx(), v.ws(), "", p)
	if err != nil {
		return err
	}
	people, err := c.actors(v)
	if err != nil {
		return err
	}
	view := Outages{Page: v.titled("customers", v.T("outages.title"))}
	for _, x := range xs {
		view.Rows = append(view.Rows, v.extensionView(x, people))
	}
	if len(xs) == listed {
		view.Next = query("/extensions", "after", after(xs[listed-1].CreatedAt, xs[listed-1].ID))
	}
	return v.show(OutagesPage(view))
}

// outageForm reads what was chosen, from the address of the preview or from the
// form that starts it.
func (c *console) outageForm(v *visit) (OutageForm, desk.Outage, error) {
	view := OutageForm{Page: v.titled("customers", v.T("outages.new")), Chosen: v.r.FormValue("of"), Days: cmp.Or(v.r.FormValue("days"), "3"), Reason: cmp.Or(v.r.FormValue("reason"), "3")}
	view.Path = "/extensions/new"
	sold, err := c.Store.SoldSubscriptions(v.ctx(), v.ws())
	if err != nil {
		return view, desk.Outage{}, err
	}
	n, err := c.names(v)
	if err != nil {
		return view, desk.Outage{}, err
	}
	o := desk.Outage{Workspace: v.ws(), Actor: "member:" + v.member.ID, Storefronts: v.r.Form["storefront"], RequestID: v.typed("request")}
	o.Account, o.Product, _ = strings.Cut(view.Chosen, " ")
	o.Days, _ = strconv.Atoi(view.Days)
	reason, err := strconv.Atoi(view.Reason)
	if err != nil {
		reason = -1
	}
	o.Reason = appstore.ExtendReason(reason)
	for _, x := range sold {
		of := x.Account + " " + x.Product
		if !slices.ContainsFunc(view.Sold, func(c Choice) bool { return c.Value == of }) {
			view.Sold = append(view.Sold, Choice{of, x.Product + " · " + n.account(x.Account)})
		}
		if of == view.Chosen {
			chosen := slices.Contains(o.Storefronts, x.Storefront)
			view.Storefronts = append(view.Storefronts, Storefront{x.Storefront, v.storefrontWords(x.Storefront), x.Living, chosen})
			if chosen {
				view.Where = joinDot(view.Where, v.storefrontWords(x.Storefront))
			}
		}
	}
	view.Where = cmp.Or(view.Where, v.T("extend.everywhere"))
	view.Account, view.Product, view.Concerned = n.account(o.Account), o.Product, o.Concerned(sold)
	return view, o, nil
}

// newOutage is the form and, when a product is chosen, whom it would concern.
// Nothing is kept or asked by looking.
func (c *console) newOutage(v *visit) error {
	view, _, err := c.outageForm(v)
	if err != nil {
		return err
	}
	if view.Chosen != "" && view.Concerned > 0 {
		view.Request = desk.NewRequest()
	}
	return v.show(OutageFormPage(view))
}

func (c *console) startOutage(v *visit) error {
	view, o, err := c.outageForm(v)
	if err != nil {
		return err
	}
	x, err := c.Desk.ExtendAll(v.ctx(), o)
	told, ok := errors.AsType[*engawa.Error](err)
	switch {
	case err == nil:
		return v.see("/extensions/"+x.ID, "outage")
	case !ok:
		return err
	}
	view.Request = desk.NewRequest()
	switch {
	case told.Field == "/days":
		view.Problem = v.T("extend.days.wrong")
	case told.Field == "/reason":
		view.Problem = v.T("extend.reason.wrong")
	case errors.Is(err, appstore.ErrNoKey):
		view.Problem, view.Remedy = v.T("find.asked.no_key"), v.T("extend.no_key")
	case told.Code == engawa.CodeConflict:
		view.Problem, view.Remedy = v.T("outages.under_way"), v.T("outages.under_way.now")
	default:
		view.Problem = v.T("outages.nobody")
	}
	return v.showAs(http.StatusUnprocessableEntity, OutageFormPage(view))
}

func (c *console) outage(v *visit) error {
	x, err := c.Store.Extension(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if x.Purchase != "" {
		http.Redirect(v.w, v.r, "/purchases/"+x.Purchase+"/extend", http.StatusSeeOther)
		return nil
	}
	people, err := c.actors(v)
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Outage{Page: v.titled("customers", v.T("outage.title", "product", x.Product)), Extension: v.extensionView(x, people)}
	view.Account = n.account(x.Account)
	failures, err := c.Desk.Failures(v.ctx(), x)
	for _, e := range failures {
		row := EventRow{ID: e.ID, Line: n.customer(e.Customer), At: e.ReceivedAt}
		if e.Customer == "" {
			row.Line = n.line(e)
		}
		view.Failures = append(view.Failures, row)
	}
	if err != nil {
		return err
	}
	return v.show(OutagePage(view))
}

// The most that a message to a customer may have, in characters.
const (
	maxLetterSubject = 150
	maxLetterText    = 5000
)

// letterView loads the page on which a member writes to a customer.
func (c *console) letterView(v *visit) (Letter, error) {
	cu, err := c.living(v)
	if err != nil {
		return Letter{}, err
	}
	view := Letter{Page: v.titled("customers", v.T("letter.title")), ID: cu.ID, Name: v.customerName(cu), Purpose: string(engawa.Service)}
	view.Path = "/customers/" + cu.ID + "/write"
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	for _, a := range accounts {
		if kind, ok := c.kind(a.Kind); ok && kind.ToCustomers && kind.New != nil && a.Enabled {
			view.Accounts = append(view.Accounts, Choice{a.ID, v.accountWords(a.Kind, a.Name)})
		}
	}
	return view, err
}

func (c *console) writeTo(v *visit) error {
	view, err := c.letterView(v)
	if err != nil {
		return err
	}
	return v.show(LetterPage(view))
}

// send writes to a customer, or shows the verdict on what would be written.
func (c *console) send(v *visit) error {
	view, err := c.letterView(v)
	if err != nil {
		return err
	}
	view.Account, view.Purpose, view.Reason, view.Subject, view.Text = v.typed("account"), v.typed("purpose"), v.typed("reason"), v.typed("subject"), v.typed("text")
	switch {
	case !slices.ContainsFunc(view.Accounts, func(a Choice) bool { return a.Value == view.Account }):
		view.Problem = v.T("letter.account.wrong")
	case !slices.Contains(letterPurposes, engawa.Purpose(view.Purpose)):
		view.Problem = v.T("letter.purpose.wrong")
	case !slices.Contains(engawa.WriteReasons, engawa.Because(view.Reason)):
		view.Problem = v.T("because.wrong")
	case view.Subject == "" || utf8.RuneCountInString(view.Subject) > maxLetterSubject:
		view.Problem = v.T("ticket.subject.wrong")
	case view.Text == "" || utf8.RuneCountInString(view.Text) > maxLetterText:
		view.Problem = v.T("ticket.text.wrong")
	}
	if view.Problem != "" {
		return v.showAs(http.StatusUnprocessableEntity, LetterPage(view))
	}
	r := []message.Request{{
		Workspace: v.ws(), Member: v.member.ID, Reason: engawa.Because(view.Reason), Customer: view.ID, Purpose: engawa.Purpose(view.Purpose), Trigger: engawa.ByUser, Chain: []engawa.Via{{Account: view.Account}},
		Content: engawa.Content{Subject: view.Subject, Text: view.Text},
	}}
	if v.typed("do") != "send" {
		ms, err := c.Compose.Compose(v.ctx(), v.ws(), r)
		if err != nil {
			return err
		}
		for _, j := range ms[0].Judged {
			view.Verdicts = append(view.Verdicts, v.verdictWords(j.Verdict, labelOf(view.Accounts, j.Verdict.Account)))
		}
		return v.show(LetterPage(view))
	}
	ms, err := c.Compose.Accept(v.ctx(), v.ws(), r)
	if err != nil {
		return err
	}
	line := store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "write-customer", Object: view.ID, Detail: "reason=" + view.Reason + " " + ms[0].Message.ID}
	if err := c.Store.Note(v.ctx(), line); err != nil {
		return err
	}
	return v.see("/messages/"+ms[0].Message.ID, "written")
}

func labelOf(choices []Choice, value string) string {
	for _, c := range choices {
		if c.Value == value {
			return c.Label
		}
	}
	return value
}
