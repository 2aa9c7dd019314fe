package sim

import (
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/look"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var sheet = look.Template(pageText, nil)

// What the page shows of long lists.
const (
	showBought  = 8
	showNotices = 40
)

// view is what the page shows.
type view struct {
	look.Page
	Problem     string // of the last act
	Bundle, To  string
	AppleID     int64
	Environment string
	Sandbox     bool
	KeyID       string
	Issuer      string
	Products    []productView
	CodeOffers  []choice
	Codes       []string
	Storefronts []string
	Reasons     []choice
	Customers   []customerView
	Notices     []noticeView
}

type choice struct{ ID, Name string }

type productView struct {
	ID, Name, Price string
	ForSale, Renews bool
}

type customerView struct {
	ID, Name, Storefront, AppTx, Token string
	CardFails                          bool
	Subs                               []subView
	Bought                             []boughtView
	Members, Others                    []choice
}

type subView struct {
	Product, ID, State, Tone, Original string
	Ends                               time.Time
	Renews, Shared, Asked, Switch      bool
	Next                               string // product at the next renewal, if another
	Extended                           int
}

type boughtView struct {
	ID, Order, Name, Price string
	At                     time.Time
	Refundable, Revoked    bool
	Case                   *caseView
}

type caseView struct {
	Open    bool
	Reason  string
	Asked   int
	Answers []string
}

type noticeView struct {
	Type, Who string
	At        time.Time
	Attempts  []attemptView
	Over      bool
}

type attemptView struct {
	Attempt
	Good bool
}

// view answers the page.
func (s *Store) view(w http.ResponseWriter, r *http.Request) {
	look.Show(w, sheet, s.picture(look.For(r, words)))
}

func (s *Store) picture(page look.Page) view {
	s.enter()
	defer s.leave()
	v := view{
		Page: page, Problem: s.problem, Bundle: s.BundleID, To: s.URL, AppleID: s.AppAppleID, Environment: s.Environment,
		Sandbox: s.Environment == Sandbox, KeyID: s.keyID, Issuer: s.issuer, Storefronts: slices.Sorted(maps.Keys(storefrontIDs)),
	}
	for _, r := range refundReasons {
		v.Reasons = append(v.Reasons, choice{r, page.W[r]})
	}
	for _, p := range s.products {
		amount, currency := price(p.Prices, "JPN")
		v.Products = append(v.Products, productView{p.ID, p.Name, money(amount, currency), !p.notForSale, p.Type == AutoRenewable})
		for _, o := range p.Offers {
			if o.Type == OfferCode {
				v.CodeOffers = append(v.CodeOffers, choice{p.ID + " " + o.ID, p.Name + " · " + o.ID})
			}
		}
	}
	for text, c := range s.codes {
		if !c.used && s.now().Before(c.ends) {
			v.Codes = append(v.Codes, text)
		}
	}
	slices.Sort(v.Codes)
	for _, c := range s.customers {
		v.Customers = append(v.Customers, s.portrait(c, page.W))
	}
	for _, n := range slices.Backward(s.notices[max(0, len(s.notices)-showNotices):]) {
		v.Notices = append(v.Notices, n.show())
	}
	return v
}

func (s *Store) portrait(c *customer, w map[string]string) customerView {
	v := customerView{ID: c.id, Name: c.name, Storefront: c.storefront, AppTx: c.appTx, Token: c.token, CardFails: c.cardFails}
	for _, sub := range c.subs {
		v.Subs = append(v.Subs, s.showSub(sub, w))
	}
	for _, t := range slices.Backward(c.bought[max(0, len(c.bought)-showBought):]) {
		v.Bought = append(v.Bought, t.show(w))
	}
	for _, o := range s.customers {
		switch {
		case slices.Contains(c.members, o):
			v.Members = append(v.Members, choice{o.id, o.name})
		case o != c:
			v.Others = append(v.Others, choice{o.id, o.name})
		}
	}
	return v
}

// states of a subscription: the word's key, and the colour that tells it.
var states = map[int][2]string{
	statusActive: {"active", "moss"}, statusExpired: {"expired", "slate"}, statusRetry: {"retry", "amber"}, statusGrace: {"grace", "amber"}, statusRevoked: {"revoked", "shu"},
}

func (s *Store) showSub(sub *subscription, w map[string]string) subView {
	state := states[sub.status]
	v := subView{
		Product: sub.product.Name, ID: sub.product.ID, State: w[state[0]], Tone: state[1], Original: sub.last.original.id, Ends: sub.last.expires,
		Renews: sub.renew, Shared: sub.sharedBy != nil, Extended: s.extensions(sub.owner),
	}
	v.Switch = !v.Shared && sub.status != statusExpired && sub.status != statusRevoked
	v.Asked = !v.Shared && sub.increase != nil && sub.increase.status() == 0
	if !sub.graceUntil.IsZero() {
		v.Ends = sub.graceUntil
	}
	if sub.next != sub.product {
		v.Next = sub.next.Name
	}
	return v
}

func (t *transaction) show(w map[string]string) boughtView {
	v := boughtView{ID: t.id, Order: t.order, Name: t.product.Name, Price: money(t.price, t.currency), At: t.purchased, Revoked: !t.revoked.IsZero() && !t.shared}
	if t.shared {
		v.Price = w["shared"]
	}
	v.Refundable = !t.shared && t.revoked.IsZero() && (t.refund == nil || !t.refund.open)
	if t.refund != nil {
		v.Case = &caseView{Open: t.refund.open, Reason: w[t.refund.reason], Asked: t.refund.asked}
		for _, a := range t.refund.answers {
			text := fmt.Sprintf("V%d %v", a.Version, a.Body["refundPreference"])
			if a.Late {
				text += " · " + w["late"]
			}
			v.Case.Answers = append(v.Case.Answers, text)
		}
	}
	return v
}

func (n *notice) show() noticeView {
	v := noticeView{Type: strings.TrimSuffix(n.typ+" / "+n.subtype, " / "), At: n.at, Over: n.over}
	if n.who != nil {
		v.Who = n.who.name
	}
	for _, a := range n.attempts {
		v.Attempts = append(v.Attempts, attemptView{a, a.Result == resultSuccess})
	}
	return v
}

// money writes thousandths with the currency, and no needless zeros.
func money(amount int64, currency string) string {
	text := strconv.FormatInt(amount/1000, 10)
	if cents := amount % 1000 / 10; cents != 0 {
		text += fmt.Sprintf(".%02d", cents)
	}
	return text + " " + currency
}
