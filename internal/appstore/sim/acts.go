package sim

import (
	"errors"
	"net/http"
	"strings"

	"github.com/engawa/engawa/internal/look"
)

// acts are what a person can have customers and the store do, on the page or by
// POST /_sim/act. Each returns the id of what it made, if anything.
var acts = map[string]func(*Store, form) (string, error){
	"buy": func(s *Store, f form) (string, error) {
		return s.Buy(Purchase{Customer: f("customer"), Product: f("product"), Offer: f("offer"), AppAccountToken: f("token")})
	},
	"redeem":     func(s *Store, f form) (string, error) { return s.Redeem(f("customer"), f("code")) },
	"renew_off":  func(s *Store, f form) (string, error) { return "", s.Renew(f("customer"), f("product"), false) },
	"renew_on":   func(s *Store, f form) (string, error) { return "", s.Renew(f("customer"), f("product"), true) },
	"card_fails": func(s *Store, f form) (string, error) { return "", s.Card(f("customer"), false) },
	"card_works": func(s *Store, f form) (string, error) { return "", s.Card(f("customer"), true) },
	"consent":    func(s *Store, f form) (string, error) { return "", s.Consent(f("customer"), f("product")) },
	"refund":     func(s *Store, f form) (string, error) { return "", s.AskRefund(f("transaction"), f("reason")) },
	"grant":      func(s *Store, f form) (string, error) { return "", s.Decide(f("transaction"), 100) },
	"half":       func(s *Store, f form) (string, error) { return "", s.Decide(f("transaction"), 50) },
	"decline":    func(s *Store, f form) (string, error) { return "", s.Decide(f("transaction"), 0) },
	"reverse":    func(s *Store, f form) (string, error) { return "", s.Reverse(f("transaction")) },
	"finish":     func(s *Store, f form) (string, error) { return "", s.Finish(f("transaction")) },
	"join":       func(s *Store, f form) (string, error) { return "", s.Family(f("customer"), f("member")) },
	"leave":      func(s *Store, f form) (string, error) { return "", s.Leave(f("customer"), f("member")) },
	"move":       func(s *Store, f form) (string, error) { return "", s.Move(f("customer"), f("storefront")) },
	"clear":      func(s *Store, f form) (string, error) { return "", s.ClearHistory(f("customer")) },
	"rescind":    func(s *Store, f form) (string, error) { return "", s.RescindConsent(f("customer")) },
	"off_sale":   func(s *Store, f form) (string, error) { return "", s.ForSale(f("product"), false) },
	"on_sale":    func(s *Store, f form) (string, error) { return "", s.ForSale(f("product"), true) },
	"raise":      func(s *Store, f form) (string, error) { return "", s.raise(f("product"), f("consent") != "") },
	"review":     func(s *Store, _ form) (string, error) { s.ReviewMessaging(true); return "", nil },
	"codes": func(s *Store, f form) (string, error) {
		product, offer, _ := strings.Cut(f("offer"), " ")
		codes, err := s.Codes(product, offer, 5)
		return strings.Join(codes, " "), err
	},
	"customer": func(s *Store, f form) (string, error) {
		if strings.TrimSpace(f("name")) == "" || f("token") != "" && !uuid.MatchString(f("token")) {
			return "", errors.New("a customer has a name, and a UUID or nothing for a token")
		}
		id, _ := s.AddCustomer(f("name"), f("storefront"), f("token"))
		return id, nil
	},
}

// form is what was filled in, by name.
type form func(name string) string

// raise puts a product's prices up by a fifth.
func (s *Store) raise(product string, consent bool) error {
	s.mu.Lock()
	p, err := s.product(product)
	prices := map[string]int64{}
	if err == nil {
		for storefront, amount := range p.Prices {
			prices[storefront] = amount / 1000 * 6 / 5 * 1000
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.RaisePrice(product, prices, consent)
}

// act does what a form or a program asks for. A program says that it accepts
// JSON, and is told the id or what stands in the way.
func (s *Store) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	made, err := "", errors.New("there is no such act")
	if do := acts[r.PostFormValue("act")]; do != nil {
		made, err = do(s, r.PostFormValue)
	}
	if r.Header.Get("Accept") == "application/json" {
		tellProgram(w, made, err)
		return
	}
	s.mu.Lock()
	if s.problem = ""; err != nil {
		s.problem = err.Error()
	}
	s.mu.Unlock()
	http.Redirect(w, r, "/?lang="+look.Language(r), http.StatusSeeOther) //nolint:gosec // ja, ko or en
}

func tellProgram(w http.ResponseWriter, made string, err error) {
	if err != nil {
		jsonReply(http.StatusConflict, map[string]string{"error": err.Error()}).write(w)
		return
	}
	jsonReply(http.StatusOK, map[string]string{"id": made}).write(w)
}

// Sample puts a coffee roaster's products on sale and has three people install
// the app.
func (s *Store) Sample() {
	prices := func(yen, won, cents int64) map[string]int64 {
		return map[string]int64{"JPN": yen * 1000, "KOR": won * 1000, "USA": cents * 10}
	}
	offers := []Offer{
		{Type: Introductory, Pays: FreeTrial, Period: "P1W"},
		{ID: "stay", Type: Promotional, Pays: PayAsYouGo, Period: "P1M", Periods: 3, Prices: prices(740, 6900, 499)},
		{ID: "thanks", Type: OfferCode, Pays: FreeTrial, Period: "P1M"},
		{ID: "comeback", Type: WinBack, Pays: PayAsYouGo, Period: "P1M", Periods: 2, Prices: prices(740, 6900, 499)},
	}
	for _, p := range []Product{
		{ID: "hinata.monthly", Name: "Hinata Monthly", Type: AutoRenewable, Group: "20500001", Level: 2, Period: "P1M", Prices: prices(1480, 13_900, 999), Family: true, Offers: offers},
		{ID: "hinata.premium", Name: "Hinata Premium", Type: AutoRenewable, Group: "20500001", Level: 1, Period: "P1M", Prices: prices(2480, 22_900, 1699), Family: true},
		{ID: "hinata.light", Name: "Hinata Light", Type: AutoRenewable, Group: "20500001", Level: 3, Period: "P1M", Prices: prices(480, 4900, 399)},
		{ID: "hinata.beans", Name: "Hinata Beans", Type: Consumable, Prices: prices(300, 2900, 199)},
		{ID: "hinata.recipes", Name: "Hinata Recipes", Type: NonConsumable, Prices: prices(900, 8900, 599)},
	} {
		s.AddProduct(p)
	}
	s.AddCustomer("田中 美咲", "JPN", newUUID())
	s.AddCustomer("김민준", "KOR", newUUID())
	s.AddCustomer("Emily Carter", "USA", "")
}
