package purchase

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore"
)

// told is a subscription of which the store spoke once, on 1 March 2026, with
// changes.
func told(t *testing.T, status appstore.Status, change func(*appstore.Transaction, *appstore.RenewalInfo)) State {
	t.Helper()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	tx := &appstore.Transaction{
		TransactionID: "2", OriginalTransactionID: "1", ProductID: "monthly", Type: "Auto-Renewable Subscription", InAppOwnershipType: "PURCHASED",
		PurchaseDate: date(at.Add(-20 * day)), ExpiresDate: date(at.Add(10 * day)), SignedDate: date(at), Price: new(int64(980000)), Currency: "JPY",
	}
	r := &appstore.RenewalInfo{OriginalTransactionID: "1", ProductID: "monthly", AutoRenewProductID: "monthly", AutoRenewStatus: new(int64(1)), RenewalDate: tx.ExpiresDate, SignedDate: date(at), RenewalPrice: new(int64(980000)), Currency: "JPY"}
	if change != nil {
		change(tx, r)
	}
	return fold(t, []Report{{ID: "n", At: date(at), Status: status, Transaction: tx, Renewal: r}})
}

// TestStatuses: what each status entitles to, and what time makes of it when
// nothing more is heard.
func TestStatuses(t *testing.T) {
	march := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) } // the period ends on 11 March
	off := func(_ *appstore.Transaction, r *appstore.RenewalInfo) { r.AutoRenewStatus = new(int64(0)) }
	grace := func(_ *appstore.Transaction, r *appstore.RenewalInfo) { r.GracePeriodExpiresDate = date(march(27)) }
	for name, c := range map[string]struct {
		status  appstore.Status
		change  func(*appstore.Transaction, *appstore.RenewalInfo)
		now     time.Time
		want    appstore.Status
		access  bool
		until   time.Time
		overdue bool
		reason  EndReason
	}{
		"active":                          {1, nil, march(2), 1, true, march(11), false, ""},
		"active, a millisecond to go":     {1, nil, march(11).Add(-time.Millisecond), 1, true, march(11), false, ""},
		"renewal not heard of":            {1, nil, march(11), 1, true, march(12), true, ""},
		"renewal not heard of for a day":  {1, nil, march(12), 2, false, time.Time{}, true, EndOther},
		"canceled, still paid":            {1, off, march(10), 1, true, march(11), false, ""},
		"canceled, over":                  {1, off, march(11), 2, false, time.Time{}, false, EndCanceled},
		"grace":                           {4, grace, march(12), 4, true, march(27), false, ""},
		"grace, over":                     {4, grace, march(27), 3, false, time.Time{}, false, EndBilling},
		"grace, long over":                {4, grace, march(11).Add(60 * day), 2, false, time.Time{}, false, EndBilling},
		"grace without an end":            {4, nil, march(12), 4, true, time.Time{}, false, ""},
		"billing retry":                   {3, nil, march(12), 3, false, time.Time{}, false, EndBilling},
		"billing retry, 60 days":          {3, nil, march(11).Add(60 * day), 2, false, time.Time{}, false, EndBilling},
		"expired":                         {2, off, march(12), 2, false, time.Time{}, false, EndCanceled},
		"revoked, time left":              {5, nil, march(2), 5, false, time.Time{}, false, EndRefunded},
		"a status of tomorrow":            {9, nil, march(2), 9, false, time.Time{}, false, ""},
		"no status, in the period":        {0, nil, march(2), 1, true, march(11), false, ""},
		"no status, after it":             {0, nil, march(12), 2, false, time.Time{}, false, EndOther},
		"no status, refunded":             {0, func(tx *appstore.Transaction, _ *appstore.RenewalInfo) { tx.RevocationDate = date(march(1)) }, march(2), 5, false, time.Time{}, false, EndRefunded},
		"a family member's share is over": {5, func(tx *appstore.Transaction, _ *appstore.RenewalInfo) { tx.InAppOwnershipType = "FAMILY_SHARED" }, march(2), 5, false, time.Time{}, false, EndShareEnded},
	} {
		t.Run(name, func(t *testing.T) {
			v := told(t, c.status, c.change).At(c.now)
			if v.Status != c.want || v.Entitled != c.access || !v.Until.Equal(c.until) || v.Overdue != c.overdue || v.Reason != c.reason {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestExpirationReasons: Apple's word, whatever else is known.
func TestExpirationReasons(t *testing.T) {
	for intent, want := range map[int64]EndReason{1: EndCanceled, 2: EndBilling, 3: EndPriceIncrease, 4: EndProductUnavailable, 5: EndOther, 6: EndOther} {
		s := told(t, appstore.StatusExpired, func(_ *appstore.Transaction, r *appstore.RenewalInfo) { r.ExpirationIntent = intent })
		if v := s.At(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)); v.Reason != want {
			t.Errorf("%d: %s, want %s", intent, v.Reason, want)
		}
	}
}

// TestCountIsKept: for 60 days after the end a return goes on with the year.
func TestCountIsKept(t *testing.T) {
	end := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)
	v := told(t, appstore.StatusExpired, nil).At(end.Add(day))
	if !v.EndedAt.Equal(end) || !v.CountKeptUntil.Equal(end.Add(60*day)) || !v.RetryUntil.IsZero() {
		t.Errorf("expired: %+v", v)
	}
	v = told(t, appstore.StatusBillingRetry, nil).At(end.Add(day))
	if !v.CountKeptUntil.Equal(end.Add(60*day)) || !v.RetryUntil.Equal(end.Add(60*day)) {
		t.Errorf("billing retry: %+v", v)
	}
	if v = told(t, appstore.StatusActive, nil).At(end.Add(-day)); !v.CountKeptUntil.IsZero() {
		t.Errorf("active: %+v", v)
	}
	refunded := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	v = told(t, appstore.StatusRevoked, func(tx *appstore.Transaction, _ *appstore.RenewalInfo) { tx.RevocationDate = date(refunded) }).At(end)
	if !v.EndedAt.Equal(refunded) || !v.CountKeptUntil.Equal(refunded.Add(60*day)) {
		t.Errorf("refunded: %+v", v)
	}
}

// TestProspects: what a renewal will bring, only while there is one to come.
func TestProspects(t *testing.T) {
	change := func(_ *appstore.Transaction, r *appstore.RenewalInfo) {
		r.AutoRenewProductID, r.PriceIncreaseStatus, r.RenewalPrice = "yearly", new(int64(0)), new(int64(9800000))
		r.OfferType, r.OfferIdentifier, r.EligibleWinBackOfferIDs = appstore.OfferPromotional, "save", []string{"back1", "back2"}
	}
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	v := told(t, appstore.StatusActive, change).At(now)
	if v.Pending != "yearly" || v.PriceConsent != PricePending || v.RenewalPrice != 9800000 || v.RenewalCurrency != "JPY" || v.RenewalOffer.ID != "save" || v.RenewsAt.Day() != 11 || v.Canceled || !reflect.DeepEqual(v.WinBack, []string{"back1", "back2"}) {
		t.Errorf("%+v", v)
	}
	v = told(t, appstore.StatusActive, func(tx *appstore.Transaction, r *appstore.RenewalInfo) {
		change(tx, r)
		r.AutoRenewStatus, r.PriceIncreaseStatus = new(int64(0)), new(int64(1))
		tx.OfferType, tx.OfferIdentifier, tx.OfferDiscountType = appstore.OfferIntroductory, "try", "FREE_TRIAL"
	}).At(now)
	if v.Pending != "" || !v.RenewsAt.IsZero() || !v.Canceled || v.PriceConsent != PriceAgreed || v.Offer != (Offer{appstore.OfferIntroductory, "try", "FREE_TRIAL", ""}) {
		t.Errorf("canceled: %+v", v)
	}
	if v = told(t, appstore.StatusExpired, change).At(now); v.Pending != "" || v.PriceConsent != "" || !v.RenewsAt.IsZero() || len(v.WinBack) != 2 {
		t.Errorf("expired: %+v", v)
	}
	if v = (State{}).At(now); !reflect.DeepEqual(v, View{}) {
		t.Errorf("nothing known: %+v", v)
	}
}

// TestHistoryCorrectsTheStatus: an answer without a status, signed later, tells
// of a renewal or a refund that no notification told.
func TestHistoryCorrectsTheStatus(t *testing.T) {
	now := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	s := told(t, appstore.StatusExpired, nil)
	renewed := &appstore.Transaction{TransactionID: "3", OriginalTransactionID: "1", ProductID: "monthly", Type: "Auto-Renewable Subscription", PurchaseDate: date(now.Add(-4 * day)), ExpiresDate: date(now.Add(26 * day)), SignedDate: date(now)}
	s, err := s.Fold(OfTransaction(renewed))
	if v := s.At(now); err != nil || v.Status != appstore.StatusActive || !v.Entitled || v.TransactionID != "3" {
		t.Errorf("%+v %v", v, err)
	}
	refunded := *renewed
	refunded.RevocationDate, refunded.SignedDate = date(now), date(now.Add(time.Hour))
	s, err = s.Fold(OfTransaction(&refunded))
	if v := s.At(now.Add(time.Hour)); err != nil || v.Status != appstore.StatusRevoked || v.Entitled {
		t.Errorf("%+v %v", v, err)
	}
	back := *renewed
	back.SignedDate = date(now.Add(2 * time.Hour))
	s, err = s.Fold(OfTransaction(&back), OfTransaction(&refunded))
	if v := s.At(now.Add(2 * time.Hour)); err != nil || !v.Entitled {
		t.Errorf("the refund was reversed: %+v %v", v, err)
	}
	if l := s.Ledger(); len(l) != 2 || l[0].Kind != Refunded || l[1].Kind != Reversed {
		t.Errorf("ledger %+v", l)
	}
}

// TestLatestPeriod: the period that began last counts, and of two that began
// together not the one that was replaced.
func TestLatestPeriod(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	of := func(id string, began, ends time.Time, upgraded bool) Report {
		return OfTransaction(&appstore.Transaction{TransactionID: id, OriginalTransactionID: "1", Type: "Auto-Renewable Subscription", PurchaseDate: date(began), ExpiresDate: date(ends), SignedDate: date(at), IsUpgraded: new(upgraded)})
	}
	for name, c := range map[string][]Report{
		"a later one":          {of("new", at, at.Add(day), false), of("old", at.Add(-day), at.Add(300*day), false)},
		"replaced at once":     {of("old", at, at.Add(300*day), true), of("new", at, at.Add(30*day), false)},
		"an extension is none": {of("old", at.Add(-day), at, false), of("new", at, at, false)},
	} {
		if v := fold(t, c).At(at); v.TransactionID != "new" {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := fold(t, []Report{of("old", at, at.Add(day), true)}).At(at); v.TransactionID != "old" {
		t.Errorf("only the replaced one is known: %+v", v)
	}
}

// TestLaterWordOnThePeriod: a transaction that is signed again without news
// changes nothing; one that is no longer refunded, but over, has expired.
func TestLaterWordOnThePeriod(t *testing.T) {
	end := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)
	again := func(status appstore.Status, revoked appstore.Date) State {
		var tx appstore.Transaction
		s := told(t, status, func(at *appstore.Transaction, _ *appstore.RenewalInfo) { tx = *at; at.RevocationDate = revoked })
		tx.SignedDate = date(end.Add(time.Hour))
		s, err := s.Fold(OfTransaction(&tx))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := end.Add(2 * time.Hour)
	if v := again(appstore.StatusActive, 0).At(now); v.Status != appstore.StatusActive || !v.Overdue {
		t.Errorf("a renewal is due: %+v", v)
	}
	if v := again(appstore.StatusBillingRetry, 0).At(now); v.Status != appstore.StatusBillingRetry {
		t.Errorf("unpaid: %+v", v)
	}
	if v := again(appstore.StatusRevoked, date(end.Add(-day))).At(now); v.Status != appstore.StatusExpired {
		t.Errorf("no longer refunded: %+v", v)
	}
}

// TestLedger: amounts by share, in whole thousandths; a share of a family costs
// nothing; a refund that is told again after it was reversed counts again.
func TestLedger(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	of := func(change func(*appstore.Transaction)) *appstore.Transaction {
		tx := &appstore.Transaction{TransactionID: "1", OriginalTransactionID: "1", Type: "Consumable", Price: new(int64(10990)), Currency: "USD", SignedDate: date(at), RevocationDate: date(at)}
		change(tx)
		return tx
	}
	for name, c := range map[string]struct {
		change func(*appstore.Transaction)
		kind   EntryKind
		amount int64
		reason string
	}{
		"all of it":       {func(tx *appstore.Transaction) { tx.RevocationType = "REFUND_FULL" }, Refunded, 10990, ""},
		"of old, no type": {func(tx *appstore.Transaction) { tx.RevocationReason = new(int64(1)) }, Refunded, 10990, ReasonAppIssue},
		"a third": {func(tx *appstore.Transaction) {
			tx.RevocationType, tx.RevocationPercentage = "REFUND_PRORATED", new(int64(33333))
		}, Refunded, 3663, ""},
		"free":             {func(tx *appstore.Transaction) { tx.Price, tx.RevocationReason = nil, new(int64(0)) }, Refunded, 0, ReasonOther},
		"a fortune":        {func(tx *appstore.Transaction) { tx.Price = new(int64(9e15)) }, Refunded, 9e15, ""},
		"a family's share": {func(tx *appstore.Transaction) { tx.RevocationType = "FAMILY_REVOKE" }, ShareEnded, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := fold(t, []Report{OfTransaction(of(c.change))}).Ledger()
			if len(l) != 1 || l[0].Kind != c.kind || l[0].Amount != c.amount || l[0].Reason != c.reason || !l[0].At.Equal(at) {
				t.Errorf("%+v", l)
			}
		})
	}
	same := func(*appstore.Transaction) {}
	reversed := Report{ID: "r", Type: "REFUND_REVERSED", At: date(at.Add(day)), Transaction: of(same)} // it may still show the refund
	s := fold(t, []Report{OfTransaction(of(same)), reversed})
	if l := s.Ledger(); len(l) != 2 || l[0].Amount+l[1].Amount != 0 || !l[1].At.Equal(at.Add(day)) || !s.At(at.Add(day)).Entitled {
		t.Errorf("reversed: %+v", l)
	}
	s, err := s.Fold(OfTransaction(of(func(tx *appstore.Transaction) { tx.SignedDate = date(at.Add(2 * day)) })))
	if l := s.Ledger(); err != nil || len(l) != 1 || l[0].Kind != Refunded || s.At(at.Add(2*day)).Entitled {
		t.Errorf("told again: %+v %v", l, err)
	}
}

// TestOfNotice: what a notification is made of.
func TestOfNotice(t *testing.T) {
	tx, r := &appstore.Transaction{TransactionID: "2", OriginalTransactionID: "1"}, &appstore.RenewalInfo{OriginalTransactionID: "1"}
	n := &appstore.Notice{Transaction: tx, Renewal: r}
	n.Type, n.Subtype, n.UUID, n.SignedDate = "CONSUMPTION_REQUEST", "S", "u", 7
	n.Data = &appstore.Data{Status: appstore.StatusActive, ConsumptionRequestReason: "LEGAL"}
	got, ok := OfNotice(n)
	if !ok || got != (Report{ID: "u", Type: "CONSUMPTION_REQUEST", Subtype: "S", At: 7, Status: appstore.StatusActive, Transaction: tx, Renewal: r, Asked: "LEGAL"}) {
		t.Errorf("%+v %t", got, ok)
	}
	if _, ok := OfNotice(&appstore.Notice{}); ok {
		t.Error("a test notification is about a purchase")
	}
	if l := fold(t, []Report{got}).Ledger(); len(l) != 1 || l[0].Kind != Requested || l[0].Reason != "LEGAL" {
		t.Errorf("ledger %+v", l)
	}
}

// bought is a purchase of one thing.
func bought(t *testing.T, id, product, typ string, at time.Time, change func(*appstore.Transaction)) State {
	t.Helper()
	tx := &appstore.Transaction{TransactionID: id, OriginalTransactionID: id, ProductID: product, Type: typ, InAppOwnershipType: "PURCHASED", PurchaseDate: date(at), SignedDate: date(at), Quantity: new(int64(1))}
	if change != nil {
		change(tx)
	}
	return fold(t, []Report{{ID: "n" + id, Type: "ONE_TIME_CHARGE", At: date(at), Transaction: tx}})
}

// TestEntitlements: which doors are open by all that was bought.
func TestEntitlements(t *testing.T) {
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	taken := func(tx *appstore.Transaction) { tx.RevocationDate = date(now.Add(-time.Hour)) }
	products := map[string]Product{"monthly": {Entitlements: []string{"premium", "sync"}}, "pass": {Entitlements: []string{"premium"}, Days: 30}, "season": {Months: 1}, "forever": {}}
	n := 10
	one := func(product, typ string, at time.Time, change func(*appstore.Transaction)) State {
		n++
		return bought(t, strconv.Itoa(n), product, typ, at, change)
	}
	const consumable, lasting, season = "Consumable", "Non-Consumable", "Non-Renewing Subscription"
	for name, c := range map[string]struct {
		purchases []State
		want      []Entitlement
	}{
		"nothing":                       {nil, []Entitlement{}},
		"coins, one lot taken back":     {[]State{one("coins", consumable, ago(3), func(tx *appstore.Transaction) { tx.Quantity = new(int64(3)) }), one("coins", consumable, ago(2), nil), one("coins", consumable, ago(1), taken)}, []Entitlement{{Name: "coins", ProductID: "coins", Units: 4}}},
		"a lasting thing":               {[]State{one("brush", lasting, ago(900), nil), one("pen", lasting, ago(1), taken)}, []Entitlement{{Name: "brush", ProductID: "brush"}}},
		"a lasting thing of the family": {[]State{one("brush", lasting, ago(1), func(tx *appstore.Transaction) { tx.InAppOwnershipType = "FAMILY_SHARED" })}, []Entitlement{{Name: "brush", ProductID: "brush", Shared: true}}},
		"a pass that runs":              {[]State{one("pass", season, ago(10), nil)}, []Entitlement{{Name: "premium", ProductID: "pass", Until: ago(-20)}}},
		"a pass that is over":           {[]State{one("pass", season, ago(30), nil)}, []Entitlement{}},
		"two passes, one behind":        {[]State{one("pass", season, ago(10), nil), one("pass", season, ago(20), nil)}, []Entitlement{{Name: "premium", ProductID: "pass", Until: ago(-40)}}},
		"the running pass taken back":   {[]State{one("pass", season, ago(10), nil), one("pass", season, ago(20), taken)}, []Entitlement{{Name: "premium", ProductID: "pass", Until: ago(-20)}}},
		"a pass after a gap":            {[]State{one("pass", season, ago(100), nil), one("pass", season, ago(5), nil)}, []Entitlement{{Name: "premium", ProductID: "pass", Until: ago(-25)}}},
		"a month of the calendar":       {[]State{one("season", season, ago(5), nil)}, []Entitlement{{Name: "season", ProductID: "season", Until: ago(5).AddDate(0, 1, 0)}}},
		"a pass without an end":         {[]State{one("forever", season, ago(900), nil)}, []Entitlement{{Name: "forever", ProductID: "forever"}}},
		"the longer of two":             {[]State{told(t, appstore.StatusActive, nil), one("pass", season, ago(1), nil)}, []Entitlement{{Name: "premium", ProductID: "pass", Until: ago(-29)}, {Name: "sync", ProductID: "monthly", Until: time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)}}},
		"a subscription without access": {[]State{told(t, appstore.StatusBillingRetry, nil)}, []Entitlement{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Entitlements(c.purchases, products, now); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
}
