package console

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/text"
)

// ReadyRoutes is the list of routes that are ready to be made.
type ReadyRoutes struct {
	Page
	Rows            []ReadyRow
	Products        []string // that the store named
	Offers          []Choice // of which codes are there, with none first
	Problem, Remedy string
}

// ReadyRow is one of them.
type ReadyRow struct {
	insight.Ready
	State    insight.State // the least of its apps'
	Route    string        // that is off, if State is
	Made     []ReadyMade   // there are already
	Apps     []Choice      // for which there is none, to choose from
	Events   []string
	Content  engawa.Content // in the viewer's language
	Discount bool           // the words may hold an offer's link
}

// ReadyMade is a route that does what a ready-made one does.
type ReadyMade struct {
	App   string // whose it is; empty: there is one alone
	State insight.State
	Route string
}

// Adoption is what an app does not use yet of what the store tells.
type Adoption struct {
	Page
	Stores  []Choice
	Chooses bool     // there is something to choose
	Account string   // or an app; empty: all in production
	Meant   []string // the accounts that it means
	Rows    []insight.Adopted
	Ready   []ReadyRow
	Tested  bool // anything came at all
}

// Figures are the charts of the store.
type Figures struct {
	Page
	Stores, Products, Spans []Choice
	Account, Product        string
	Days                    int
	Charts                  []Drawing
	None                    bool // nothing came yet
}

// stores are the apps that are in the App Store and its accounts, by name, with
// all of them first, and which of them the URL chooses. Who has connected a sandbox
// alone looks at that until something else is chosen.
func (c *console) stores(v *visit, accounts map[string]engawa.Account) (list []Choice, chosen string, err error) {
	list, chosen = []Choice{{"", v.T("figures.all")}}, v.r.URL.Query().Get("store")
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	if err != nil {
		return nil, "", err
	}
	for _, a := range apps {
		if len(storesOf(accounts, a.ID)) > 0 {
			list = append(list, Choice{a.ID, v.T("figures.app", "name", a.Name)})
		}
	}
	for _, a := range sortedNames(accounts, func(a engawa.Account) string { return a.Name }) {
		if a.Kind == follow.Kind {
			list = append(list, Choice{a.ID, a.Name})
		}
	}
	if chosen == "" && len(list) > 1 && len(storesOf(accounts, "")) == 0 {
		chosen = list[1].Value
	}
	if !slices.ContainsFunc(list, func(o Choice) bool { return o.Value == chosen }) {
		return nil, "", engawa.NotFound("App Store account")
	}
	return list, chosen, nil
}

// storesOf are the App Store accounts that a choice means: itself, or those of an
// app, or of all, in production, so that a sandbox is not counted with them.
func storesOf(accounts map[string]engawa.Account, chosen string) (ids []string) {
	for _, a := range accounts {
		if a.Kind == follow.Kind && (a.ID == chosen || a.Environment == engawa.Production && (chosen == "" || a.Settings["app"] == chosen)) {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// shop is an app of which ready-made routes are made, with its App Store accounts.
type shop struct {
	App      Choice
	Accounts []engawa.Account
}

// bundles are the ids by which the shop's events are known.
func (s shop) bundles() (ids []string) {
	for _, a := range s.Accounts {
		if id := a.Settings["bundle_id"]; id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// shops are the apps that are in the App Store, by name, and last what is there for
// no app. Who has connected nothing yet has one to come.
func (c *console) shops(v *visit, accounts map[string]engawa.Account) (list []shop, err error) {
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	for _, app := range append(apps, engawa.App{Name: v.T("form.unset")}) {
		if own := selling(accounts, app.ID); len(own) > 0 {
			list = append(list, shop{Choice{app.ID, app.Name}, own})
		}
	}
	if len(list) == 0 {
		list = []shop{{Accounts: []engawa.Account{{Environment: engawa.Production}}}}
	}
	return list, err
}

// selling are the App Store accounts of an app in production or, before there are
// any, the sandbox's as they will be there.
func selling(accounts map[string]engawa.Account, app string) (live []engawa.Account) {
	var tested []engawa.Account
	for _, a := range accounts {
		switch {
		case a.Kind != follow.Kind || a.Settings["app"] != app:
		case a.Environment == engawa.Production:
			live = append(live, a)
		default:
			a.Environment = engawa.Production
			tested = append(tested, a)
		}
	}
	if len(live) == 0 {
		return tested
	}
	return live
}

func (c *console) readyRoutes(v *visit) error { return c.showReady(v, http.StatusOK, "", "") }

func (c *console) showReady(v *visit, status int, problem, remedy string) error {
	n, err := c.names(v)
	if err != nil {
		return err
	}
	shops, err := c.shops(v, n.accounts)
	if err != nil {
		return err
	}
	routes, err := c.Store.Routes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view := ReadyRoutes{Page: v.titled("routes", v.T("ready.title")), Rows: readyRows(v.Page, routes, shops), Problem: problem, Remedy: remedy}
	days, err := c.Store.StoreDays(v.ctx(), v.ws(), insight.Span{To: v.Now.In(v.Zone), Days: insight.LongSpan}.From())
	if err != nil {
		return err
	}
	view.Products = products(days)
	if view.Offers, err = c.openOffers(v); err != nil {
		return err
	}
	return v.showAs(status, ReadyPage(view))
}

// openOffers are the offers of which codes may be handed out, by name, with none
// first.
func (c *console) openOffers(v *visit) ([]Choice, error) {
	pools, err := c.Store.OfferPools(v.ctx(), v.ws())
	list := []Choice{{"", v.T("ready.offer.none")}}
	for _, p := range pools {
		if p.Open(v.Now) && !slices.ContainsFunc(list, func(o Choice) bool { return o.Value == p.Offer }) {
			list = append(list, Choice{p.Offer, p.Name})
		}
	}
	return list, err
}

// products are those that something happened with, in order.
func products(days []engawa.StoreDay) (list []string) {
	seen := map[string]bool{}
	for _, d := range days {
		if d.Product != "" {
			seen[d.Product] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func readyRows(p Page, routes []engawa.Route, shops []shop) (rows []ReadyRow) {
	for _, r := range insight.Routes() {
		rows = append(rows, readyRow(p, r, routes, shops))
	}
	return rows
}

func readyRow(p Page, r insight.Ready, routes []engawa.Route, shops []shop) ReadyRow {
	row := ReadyRow{Ready: r, Discount: p.Words.OutreachOffers(r.Name)}
	name := map[string]any{"name": p.Workspace}
	if words, err := text.Render(p.Words.Outreach(r.Name, "")[p.Locale], map[string]any{"app": name, "workspace": name}, text.EscapeNone); err == nil {
		row.Content = words // as who has neither name nor dates reads them
	}
	for _, e := range r.Events {
		row.Events = append(row.Events, p.Words.EventLine(p.Locale, e, nil))
	}
	for _, s := range shops {
		state, id := r.Made(routes, s.Accounts)
		made := ReadyMade{State: state, Route: id}
		switch {
		case state == insight.Missing:
			row.Apps = append(row.Apps, s.App)
			continue
		case r.Staff && slices.Contains(row.Made, made): // one route tells of several apps
			continue
		case !r.Staff && len(shops) > 1:
			made.App = s.App.Label
		}
		row.Made = append(row.Made, made)
	}
	row.State, row.Route = row.least()
	return row
}

// least is how far the app has come that has come least far.
func (r ReadyRow) least() (s insight.State, id string) {
	if len(r.Apps) > 0 {
		return insight.Missing, ""
	}
	for _, m := range r.Made {
		if m.State == insight.Off {
			return m.State, m.Route
		}
	}
	return insight.On, ""
}

// makeReady makes a ready-made route with its template, switched off, and opens
// it for a person to read.
func (c *console) makeReady(v *visit) error {
	i := slices.IndexFunc(insight.Routes(), func(r insight.Ready) bool { return r.Name == v.r.PathValue("name") })
	if i < 0 {
		return engawa.NotFound("ready-made route")
	}
	ready := insight.Routes()[i]
	choice, problem, err := c.chooseReady(v, ready)
	if err != nil {
		return err
	}
	if problem != "" {
		return c.showReady(v, http.StatusUnprocessableEntity, v.T("ready.problem."+problem), v.T("ready.problem."+problem+".remedy"))
	}
	offer := v.r.PostFormValue("offer")
	offers, err := c.openOffers(v)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(offers, func(o Choice) bool { return o.Value == offer }) {
		return engawa.NotFound("open pool of this offer")
	}
	if !ready.Staff {
		choice.Template = engawa.NewID(engawa.PrefixTemplate)
	}
	r := ready.Route(choice)
	r.Workspace, r.ID, r.UpdatedBy, r.UpdatedAt = v.ws(), engawa.NewID(engawa.PrefixRoute), v.member.ID, v.Now
	return c.checkRoute(v, nil, r, func() error {
		if choice.Template != "" {
			words := insight.Words(v.Words.Outreach(ready.Name, offer), choice.App)
			if err := v.by.SaveTemplate(v.ctx(), engawa.Template{Workspace: v.ws(), ID: choice.Template, Name: choice.Name, Words: words, UpdatedAt: v.Now}); err != nil {
				return err
			}
		}
		if err := v.by.SaveRoute(v.ctx(), r); err != nil {
			return err
		}
		return v.see("/routes/"+r.ID, "ready")
	})
}

// chooseReady is what the form chose, with the accounts that reach whom the route
// is for; problem names what is missing.
func (c *console) chooseReady(v *visit, ready insight.Ready) (choice insight.Choice, problem string, err error) {
	choice = insight.Choice{Name: v.T("outreach." + ready.Name), Product: strings.TrimSpace(v.r.PostFormValue("product"))}
	n, err := c.names(v)
	if err != nil {
		return choice, "", err
	}
	if !ready.Staff {
		shops, err := c.shops(v, n.accounts)
		if err != nil {
			return choice, "", err
		}
		i := slices.IndexFunc(shops, func(s shop) bool { return s.App.Value == v.r.PostFormValue("app") })
		if i < 0 {
			return choice, "", engawa.NotFound("app in the App Store")
		}
		choice.App, choice.Bundles = shops[i].App.Value, shops[i].bundles()
	}
	if ready.AsksProduct() {
		described, err := c.Store.Products(v.ctx(), v.ws())
		if err != nil || choice.Product == "" {
			return choice, "product", err
		}
		if !slices.ContainsFunc(described, func(p engawa.Product) bool { return purchase.Lower(described, p.ID, choice.Product) }) {
			return choice, "level", nil // nobody would ever be offered it
		}
	}
	if ready.Staff {
		for _, d := range sortedNames(n.destinations, func(d engawa.Destination) string { return d.Name }) {
			choice.Destination, choice.Via = d.ID, []engawa.Via{{Account: d.Account}}
			return choice, "", nil
		}
		return choice, "place", nil
	}
	accounts := sortedNames(n.accounts, func(a engawa.Account) string { return a.Name })
	choice.Via, err = message.Chain(accounts, c.Kinds, nil, true)
	if err == nil && len(choice.Via) == 0 {
		problem = "channel"
	}
	return choice, problem, err
}

// adoption shows what an app does not use yet.
func (c *console) adoption(v *visit) error {
	n, err := c.names(v)
	if err != nil {
		return err
	}
	routes, err := c.Store.Routes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view := Adoption{Page: v.titled("routes", v.T("adoption.title"))}
	if view.Stores, view.Account, err = c.stores(v, n.accounts); err != nil {
		return err
	}
	live := storesOf(n.accounts, "")
	view.Chooses = len(view.Stores) > 2 || len(view.Stores) == 2 && len(live) == 0
	view.Meant = storesOf(n.accounts, view.Account)
	span := insight.Span{To: v.Now.In(v.Zone), Days: insight.LongSpan}
	days, err := c.Store.StoreDays(v.ctx(), v.ws(), span.From())
	if err != nil {
		return err
	}
	days = heardBy(days, view.Meant)
	var accounts []engawa.Account
	for _, id := range view.Meant {
		accounts = append(accounts, n.accounts[id])
	}
	view.Rows, view.Tested = insight.Adoption(days, span, routes, accounts), len(days) > 0
	shops, err := c.shops(v, n.accounts)
	if err != nil {
		return err
	}
	if view.Account != "" {
		app := view.Account
		if a, ok := n.accounts[app]; ok {
			app = a.Settings["app"]
		}
		shops = slices.DeleteFunc(shops, func(s shop) bool { return s.App.Value != app })
	}
	view.Ready = readyRows(v.Page, routes, shops)
	return v.show(AdoptionPage(view))
}

// rows are the types of a phase.
func (v Adoption) rows(p insight.Phase) []insight.Adopted {
	return slices.DeleteFunc(slices.Clone(v.Rows), func(a insight.Adopted) bool { return a.Phase != p })
}

// lacks counts what is left to do in a phase.
func (v Adoption) lacks(p insight.Phase) (n int) {
	if p == insight.Acting {
		for _, r := range v.Ready {
			if r.State != insight.On {
				n++
			}
		}
		return n
	}
	for _, a := range v.rows(p) {
		if a.Lacks() {
			n++
		}
	}
	return n
}

// setUp is the page on which a store is connected, or its settings are.
func (v Adoption) setUp() string {
	if len(v.Meant) == 1 {
		return "/accounts/" + v.Meant[0]
	}
	return "/accounts"
}

// spans are the days that the charts can show.
var spans = []int{30, 90, 180}

// figures shows the charts.
func (c *console) figures(v *visit) error {
	view, _, err := c.figuresView(v)
	if err != nil {
		return err
	}
	return v.show(FiguresPage(view))
}

func (c *console) figuresView(v *visit) (Figures, insight.Span, error) {
	n, err := c.names(v)
	if err != nil {
		return Figures{}, insight.Span{}, err
	}
	q := v.r.URL.Query()
	view := Figures{Page: v.titled("routes", v.T("figures.title")), Product: q.Get("product"), Days: spans[0]}
	if view.Stores, view.Account, err = c.stores(v, n.accounts); err != nil {
		return Figures{}, insight.Span{}, err
	}
	for _, d := range spans {
		view.Spans = append(view.Spans, Choice{strconv.Itoa(d), v.T("figures.days", "n", d)})
		if q.Get("days") == strconv.Itoa(d) {
			view.Days = d
		}
	}
	span := insight.Span{To: v.Now.In(v.Zone), Days: view.Days}
	wide := insight.Span{To: span.To, Days: span.Days + insight.Enough}
	days, err := c.Store.StoreDays(v.ctx(), v.ws(), wide.From())
	if err != nil {
		return view, span, err
	}
	days = heardBy(days, storesOf(n.accounts, view.Account))
	view.Products = []Choice{{"", v.T("figures.products")}}
	for _, p := range products(days) {
		view.Products = append(view.Products, Choice{p, p})
	}
	view.None = len(days) == 0
	for _, chart := range insight.Charts(soldAs(days, view.Product), span) {
		view.Charts = append(view.Charts, draw(v.Page, chart, span))
	}
	return view, span, nil
}

// heardBy are the days of some accounts.
func heardBy(days []engawa.StoreDay, accounts []string) []engawa.StoreDay {
	return slices.DeleteFunc(days, func(d engawa.StoreDay) bool { return !slices.Contains(accounts, d.Account) })
}

// soldAs are the days of a product, or of all.
func soldAs(days []engawa.StoreDay, product string) []engawa.StoreDay {
	return slices.DeleteFunc(days, func(d engawa.StoreDay) bool { return product != "" && d.Product != product })
}

// recount makes the days anew of the quarters of an hour that were counted, in the
// zone of now.
func (c *console) recount(v *visit) error {
	if _, err := v.by.RecountDays(v.ctx(), v.ws()); err != nil {
		return err
	}
	return v.see("/store", "recounted")
}

// figuresCSV is the numbers behind the charts, a line a day.
func (c *console) figuresCSV(v *visit) error {
	view, span, err := c.figuresView(v)
	if err != nil {
		return err
	}
	head := []string{"day"}
	for _, d := range view.Charts {
		for _, s := range d.Series {
			head = append(head, s.Name)
		}
	}
	out := v.csv("store", append(head, "refunds_expected", "refunds_surge")...)
	for i := range span.Days {
		row := []string{span.Day(i)}
		var surge insight.Surge
		for _, d := range view.Charts {
			for _, s := range d.Series {
				row = append(row, strconv.Itoa(s.Values[i]))
			}
			if len(d.Surges) > 0 {
				surge = d.Surges[i]
			}
		}
		writeCSV(out, append(row, strconv.FormatFloat(surge.Expected, 'f', 2, 64), strconv.FormatBool(surge.Is))...)
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// csvURL is the file of what the page shows.
func (v Figures) csvURL() string {
	return query("/store.csv", "store", v.Account, "product", v.Product, "days", strconv.Itoa(v.Days))
}

// Drawing is a chart as it is drawn: a box of drawWide by chartHeight units with
// room for the words below.
type Drawing struct {
	insight.Chart
	Top   int
	Bars  []DrawnBar
	Line  string     // path of a level
	Area  string     // what is below it
	Marks []string   // paths of the marks over days with a surge
	Days  []DrawnDay // words below
	Rows  []FigureRow
}

// DrawnBar is one value of one day.
type DrawnBar struct{ X, Y, W, H, Class string }

// DrawnDay is a date below the drawing.
type DrawnDay struct{ X, Anchor, Words string }

// FigureRow is a line of the table behind a chart.
type FigureRow struct {
	Day      string
	Values   []int
	Expected string
	Surge    bool
}

const drawWide = 624

// barClass is the look of a chart's series.
var barClass = map[string]string{
	"renewed": "bar-go", "canceled": "bar-no", "saved": "bar-go", "refunded": "bar-no", "declined": "bar-wait", "reversed": "bar-go", "unpaid": "bar-wait", "recovered": "bar-go", "active": "bar-go",
}

func draw(p Page, c insight.Chart, span insight.Span) Drawing {
	d := Drawing{Chart: c, Top: topOf(c)}
	wide := float64(drawWide) / float64(span.Days)
	if c.Level {
		d.Line, d.Area = line(c.Series[0].Values, d.Top, wide)
	}
	for i := range span.Days {
		ground := float64(chartHeight)
		row := FigureRow{Day: span.Day(i)}
		for _, s := range c.Series {
			row.Values = append(row.Values, s.Values[i])
			if c.Level || s.Values[i] == 0 {
				continue
			}
			height := max(2, float64(s.Values[i])*chartHeight/float64(d.Top)) // one refund among hundreds is still seen
			ground -= height
			d.Bars = append(d.Bars, DrawnBar{coord(wide * (float64(i) + .1)), coord(ground), coord(wide * .8), coord(height), barClass[s.Name]})
		}
		if len(c.Surges) > 0 {
			if row.Surge = c.Surges[i].Is; row.Surge {
				x := wide * (float64(i) + .5)
				d.Marks = append(d.Marks, "M"+coord(x-7)+" "+coord(ground-14)+"h14l-7 11z")
			}
			row.Expected = strconv.FormatFloat(c.Surges[i].Expected, 'f', 1, 64)
		}
		d.Rows = append(d.Rows, row)
	}
	slices.Reverse(d.Rows) // the newest first
	d.Days = []DrawnDay{
		{"0", "start", p.dayWords(span.Day(0))}, {coord(drawWide / 2), "middle", p.dayWords(span.Day(span.Days / 2))}, {coord(drawWide), "end", p.dayWords(span.Day(span.Days - 1))},
	}
	return d
}

// dayWords writes "2026-11-29" as month and day.
func (p Page) dayWords(day string) string {
	parts := strings.Split(strings.TrimPrefix(day[5:], "0"), "-")
	return p.T("figures.day", "month", parts[0], "day", strings.TrimPrefix(parts[1], "0"))
}

func coord(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

// line is the path of a level, and that of what is below it.
func line(values []int, top int, wide float64) (path, area string) {
	var b strings.Builder
	for i, n := range values {
		command := "L"
		if i == 0 {
			command = "M"
		}
		b.WriteString(command + coord(wide*(float64(i)+.5)) + " " + coord(chartHeight-float64(max(0, n))*chartHeight/float64(top)))
	}
	path = b.String()
	return path, path + "V" + strconv.Itoa(chartHeight) + "H" + coord(wide/2) + "z"
}

// topOf is the highest that is drawn, rounded up to a figure that is easy to read.
func topOf(c insight.Chart) int {
	most := 4
	for i := range c.Series[0].Values {
		n := 0
		for _, s := range c.Series {
			n += s.Values[i]
		}
		most = max(most, n)
	}
	step := 1
	for step*20 < most {
		step *= 10
	}
	return (most + step - 1) / step * step
}

// total is what a series comes to: the sum, or of a level the last.
func (d Drawing) total(s insight.Series) int {
	if d.Level {
		return s.Values[len(s.Values)-1]
	}
	n := 0
	for _, m := range s.Values {
		n += m
	}
	return n
}

// description says in words what a drawing shows.
func (d Drawing) description(p Page) string {
	var parts []string
	for _, s := range d.Series {
		parts = append(parts, p.T("figures.series."+s.Name)+" "+p.Number(d.total(s)))
	}
	surges := len(d.Marks)
	if surges > 0 {
		parts = append(parts, p.T("figures.surges", "n", surges))
	}
	return p.list(parts)
}

// share is how many of the unpaid were recovered, or how many of the canceled
// were saved, in a hundred; empty where there is nothing to compare.
func (d Drawing) share() string {
	if len(d.Series) != 2 {
		return ""
	}
	all := d.total(d.Series[0])
	if all == 0 {
		return ""
	}
	return strconv.Itoa(d.total(d.Series[1])*100/cmp.Or(all, 1)) + "%"
}
