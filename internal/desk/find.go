package desk

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/purchase"
	"github.com/engawa/engawa/internal/store"
)

// Form is what a text that somebody typed may be.
type Form string

// The forms. A text may have several.
const (
	FormID          Form = "id"          // of a customer here
	FormHandle      Form = "handle"      // a partner's
	FormMail        Form = "mail"        // a whole address
	FormToken       Form = "token"       // an appAccountToken
	FormTransaction Form = "transaction" // an id of the App Store
	FormOrder       Form = "order"       // from a receipt mail
	FormNumber      Form = "number"      // a member number, or another identity
	FormName        Form = "name"        // its first letters
)

// ByOrder is what a customer was found by whom the App Store named for an order.
const ByOrder store.FoundBy = "order"

// MaxTyped is the longest text that is looked for, in characters.
const MaxTyped = 200

// The App Store's ids have 8 digits at the least; its order ids are letters and
// digits in one word.
var (
	uuid        = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	transaction = regexp.MustCompile(`^[0-9]{8,24}$`)
	order       = regexp.MustCompile(`^[A-Za-z0-9./-]{6,64}$`)
	capitals    = regexp.MustCompile(`^[A-Z]{8,20}$`) // an order id that happens to have no digit
)

// Clean is a text as it is looked for: full-width letters and digits as plain
// ones, without spaces around it.
func Clean(text string) string { return strings.TrimSpace(norm.NFKC.String(text)) }

// Forms tells what a clean text may be.
func Forms(text string) []Form {
	letters := strings.ContainsFunc(text, unicode.IsLetter)
	digits := strings.ContainsFunc(text, unicode.IsDigit)
	switch {
	case text == "":
		return nil
	case engawa.HasPrefix(text, engawa.PrefixCustomer):
		return []Form{FormID}
	case engawa.HasPrefix(text, engawa.PrefixHandle):
		return []Form{FormHandle}
	case strings.Contains(text, "@"):
		return []Form{FormMail, FormNumber}
	case uuid.MatchString(text):
		return []Form{FormToken, FormNumber}
	case transaction.MatchString(text):
		return []Form{FormTransaction, FormNumber}
	case letters && digits && order.MatchString(text) || capitals.MatchString(text):
		return []Form{FormOrder, FormNumber, FormName}
	case !letters:
		return []Form{FormNumber}
	}
	return []Form{FormNumber, FormName}
}

func sought(text string, forms []Form) store.Sought {
	q := store.Sought{}
	for _, f := range forms {
		switch f {
		case FormID:
			q.Customer = text
		case FormHandle:
			q.Handle = text
		case FormMail:
			q.Mail = engawa.Address(text)
		case FormToken, FormNumber:
			q.Identity = []string{text}
			if lower := strings.ToLower(text); lower != text { // as a token is kept
				q.Identity = append(q.Identity, lower)
			}
		case FormTransaction:
			q.Transaction = text
		case FormName:
			q.Name = text
		case FormOrder: // only the App Store knows orders
		}
	}
	return q
}

// Finding is what came of looking for a text.
type Finding struct {
	Forms []Form // what it was looked for as
	Hits  []store.Hit
	More  bool // there are others; a longer text finds fewer
	Asked []Asked
}

// Asked is an account of the App Store that was asked, or could have been.
type Asked struct {
	Account engawa.Account
	As      Form
	Sandbox bool  // it was not: the sandbox has no orders
	Err     error // an *engawa.Error: why there is no answer; nil: it knows nothing of it, or it is among the hits
}

// patience is how long one account of the App Store may take.
const patience = 10 * time.Second

// Find looks for what somebody typed. An order id, and a transaction that was
// never heard of, the App Store is asked for if ask is set; what it tells is
// kept. A text that is too long is CodeInvalid.
func (d *Desk) Find(ctx context.Context, workspace, text string, ask bool) (Finding, error) {
	text = Clean(text)
	if len([]rune(text)) > MaxTyped {
		return Finding{}, engawa.Invalid("/text", "type what the customer can name: an order id, an address, a number, a name", "at most %d characters are looked for", MaxTyped)
	}
	f := Finding{Forms: Forms(text)}
	if len(f.Forms) == 0 {
		return f, nil
	}
	var err error
	if f.Hits, f.More, err = d.Store.Find(ctx, workspace, sought(text, f.Forms)); err != nil {
		return f, err
	}
	exact := slices.ContainsFunc(f.Hits, func(h store.Hit) bool { return h.By != store.ByName })
	if exact || !ask {
		return f, nil
	}
	for _, form := range []Form{FormOrder, FormTransaction} {
		if slices.Contains(f.Forms, form) {
			err = errors.Join(err, d.askAll(ctx, workspace, text, form, &f))
		}
	}
	return f, err
}

// askAll asks each account of the App Store that has a key, production first,
// until one knows.
func (d *Desk) askAll(ctx context.Context, workspace, text string, as Form, f *Finding) error {
	accounts, err := d.Store.Accounts(ctx, workspace)
	if err != nil {
		return err
	}
	slices.SortStableFunc(accounts, func(a, b engawa.Account) int { return sandboxLast(a) - sandboxLast(b) })
	for _, a := range accounts {
		if a.Kind != follow.Kind || !a.Enabled {
			continue
		}
		asked := Asked{Account: a, As: as}
		if as == FormOrder && sandboxLast(a) > 0 {
			asked.Sandbox = true
			f.Asked = append(f.Asked, asked)
			continue
		}
		var by []store.Hit
		by, asked.Err = d.askOne(ctx, a, text, as)
		f.Asked = append(f.Asked, asked)
		if f.Hits = append(by, f.Hits...); len(by) > 0 {
			return nil
		}
	}
	return nil
}

func sandboxLast(a engawa.Account) int {
	if follow.Environment(a) == engawa.Sandbox {
		return 1
	}
	return 0
}

// askOne has one account of the App Store say whose an order or a transaction is.
func (d *Desk) askOne(ctx context.Context, a engawa.Account, text string, as Form) ([]store.Hit, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	app, err := d.Clients.Open(ctx, a.Workspace, a.ID)
	if err != nil {
		return nil, err
	}
	var told []*appstore.Transaction
	by := store.ByTransaction
	if as == FormOrder {
		var o appstore.Order
		by = ByOrder
		if o, err = app.Order(ctx, strings.ToUpper(text)); o.Valid { // the store writes none with small letters
			told = o.Transactions
		}
	} else {
		var one *appstore.Transaction
		if one, err = app.Transaction(ctx, text); one != nil {
			told = append(told, one)
		}
	}
	switch {
	case unknownThere(err):
		return nil, nil
	case err != nil:
		return nil, appstore.Explain(err)
	case len(told) == 0:
		return nil, nil
	}
	return d.learn(ctx, app, told, by)
}

// unknownThere reports whether the App Store said that it has no such id, or that
// this is none.
func unknownThere(err error) bool {
	e, ok := errors.AsType[*appstore.APIError](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest) && !e.Retryable
}

// learn keeps what the store told of transactions, and of all subscriptions of
// their buyers, and returns the buyers.
func (d *Desk) learn(ctx context.Context, app *follow.App, told []*appstore.Transaction, by store.FoundBy) ([]store.Hit, error) {
	var reports []purchase.Report
	for _, t := range told {
		reports = append(reports, purchase.OfTransaction(t))
	}
	if told[0].SubscriptionGroupIdentifier != "" {
		all, err := app.Statuses(ctx, told[0].TransactionID)
		if err != nil {
			return nil, appstore.Explain(err)
		}
		for _, s := range all {
			reports = append(reports, purchase.OfSubscription(s))
		}
	}
	ps, err := d.Follow.Save(ctx, app.Account, follow.How{Asked: true}, reports...)
	if err != nil {
		return nil, err
	}
	var hits []store.Hit
	for _, p := range ps {
		if slices.ContainsFunc(hits, func(h store.Hit) bool { return h.Customer.ID == p.Customer }) {
			continue
		}
		cu, err := d.Store.Customer(ctx, p.Workspace, p.Customer)
		if err != nil {
			return nil, err
		}
		hits = append(hits, store.Hit{Customer: cu, By: by})
	}
	return hits, nil
}
