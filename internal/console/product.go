package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/insight"
	"github.com/engawa/engawa/internal/purchase"
)

// Products says what products of the store entitle to, with the form for one.
type Products struct {
	Page
	Rows            []engawa.Product
	Known           []string // ids that the store named
	Form            engawa.Product
	Entitlements    string // as they are typed, one a line
	Months, Days    string
	Level           string
	Problem, Remedy string
}

// lasts says how long a non-renewing subscription lasts.
func (p Page) lasts(r engawa.Product) string {
	var words []string
	if r.Months > 0 {
		words = append(words, p.T("products.months.n", "n", r.Months))
	}
	if r.Days > 0 {
		words = append(words, p.T("products.days.n", "n", r.Days))
	}
	return strings.Join(words, " ")
}

// stands says where a plan stands in its group.
func (p Page) stands(r engawa.Product) string {
	if r.Level == 0 {
		return ""
	}
	return p.T("products.stands", "group", r.Group, "level", r.Level)
}

func (c *console) products(v *visit) error {
	view, err := c.productsView(v)
	if err != nil {
		return err
	}
	for _, p := range view.Rows {
		if p.ID == v.r.URL.Query().Get("id") {
			view.Form, view.Entitlements, view.Months, view.Days = p, strings.Join(p.Entitlements, "\n"), blankZero(p.Months), blankZero(p.Days)
			view.Level = blankZero(p.Level)
		}
	}
	return v.show(ProductsPage(view))
}

func (c *console) productsView(v *visit) (Products, error) {
	view := Products{Page: v.titled("routes", v.T("products.title"))}
	view.Path = "/store/products"
	var err error
	if view.Rows, err = c.Store.Products(v.ctx(), v.ws()); err != nil {
		return view, err
	}
	days, err := c.Store.StoreDays(v.ctx(), v.ws(), insight.Span{To: v.Now.In(v.Zone), Days: insight.LongSpan}.From())
	view.Known = products(days)
	return view, err
}

func (c *console) saveProduct(v *visit) error {
	view, err := c.productsView(v)
	if err != nil {
		return err
	}
	view.Entitlements, view.Months, view.Days = v.typed("entitlements"), v.typed("months"), v.typed("days")
	view.Level = v.typed("level")
	p := engawa.Product{
		Workspace: v.ws(), ID: v.typed("id"), Name: v.typed("name"), Months: number(view.Months), Days: number(view.Days), Group: v.typed("group"), Level: number(view.Level), UpdatedBy: "member:" + v.member.ID, UpdatedAt: time.Now(),
	}
	for line := range strings.Lines(view.Entitlements) {
		if name := strings.TrimSpace(line); name != "" {
			p.Entitlements = append(p.Entitlements, name)
		}
	}
	view.Form = p
	var told *engawa.Error
	if err := purchase.CheckProduct(p); errors.As(err, &told) {
		view.Problem, view.Remedy = v.T("form.check"), v.T("products.wrong."+strings.TrimPrefix(told.Field, "/"))
		return v.showAs(http.StatusUnprocessableEntity, ProductsPage(view))
	}
	if err := v.by.SaveProduct(v.ctx(), p); err != nil {
		return err
	}
	return v.see("/store/products", "product_named")
}

func (c *console) forgetProduct(v *visit) error {
	if err := v.by.ForgetProduct(v.ctx(), v.ws(), v.typed("id")); err != nil {
		return err
	}
	return v.see("/store/products", "product_forgotten")
}
