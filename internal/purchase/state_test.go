package purchase

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa/internal/appstore"
)

// life is a made-up subscription whose truth is known at every moment.
type life struct {
	rng *rand.Rand
	now time.Time
	n   int

	period    appstore.Transaction
	renewal   appstore.RenewalInfo
	status    appstore.Status
	refunded  int64 // net, thousandths
	extended  []time.Time
	declined  int
	requested int

	reports []Report
}

const day = 24 * time.Hour

func date(t time.Time) appstore.Date { return appstore.Date(t.UnixMilli()) }

func newLife(seed uint64) *life {
	l := &life{rng: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2025, 1, 1, 9, 0, 0, 0, time.UTC)}
	l.renewal = appstore.RenewalInfo{OriginalTransactionID: "1000", AutoRenewStatus: new(int64(1)), ProductID: "monthly", AutoRenewProductID: "monthly", Currency: "JPY", RenewalPrice: new(int64(980000))}
	l.begin("monthly")
	l.tell("SUBSCRIBED", "INITIAL_BUY")
	return l
}

// begin starts a new period.
func (l *life) begin(product string) {
	l.n++
	l.period = appstore.Transaction{
		TransactionID: strconv.Itoa(1000 + l.n - 1), OriginalTransactionID: "1000", ProductID: product, SubscriptionGroupIdentifier: "g", Type: "Auto-Renewable Subscription",
		InAppOwnershipType: "PURCHASED", PurchaseDate: date(l.now), ExpiresDate: date(l.now.Add(30 * day)), Price: new(int64(980000)), Currency: "JPY", Quantity: new(int64(1)),
		AppAccountToken: "7E3FB20B-4CDB-47CC-936D-99D65F608138", IsUpgraded: new(false),
	}
	l.status = appstore.StatusActive
	l.renewal.ProductID, l.renewal.RenewalDate, l.renewal.GracePeriodExpiresDate, l.renewal.ExpirationIntent = product, l.period.ExpiresDate, 0, 0
}

// signed are copies of what is true now.
func (l *life) signed() (*appstore.Transaction, *appstore.RenewalInfo) {
	t, r := l.period, l.renewal
	t.SignedDate, r.SignedDate = date(l.now), date(l.now)
	r.AutoRenewStatus, r.PriceIncreaseStatus = clonePointer(r.AutoRenewStatus), clonePointer(r.PriceIncreaseStatus)
	return &t, &r
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

func (l *life) tell(typ, subtype string) {
	t, r := l.signed()
	l.reports = append(l.reports, Report{
		ID: fmt.Sprintf("%08d", l.rng.IntN(1e8)), Type: typ, Subtype: subtype, At: date(l.now), Status: l.status, Transaction: t, Renewal: r,
	})
}

// answer is what the API says when somebody asks.
func (l *life) answer() {
	t, r := l.signed()
	if l.rng.IntN(2) == 0 {
		l.reports = append(l.reports, OfTransaction(t))
		return
	}
	l.reports = append(l.reports, OfSubscription(appstore.Subscription{Status: l.status, Transaction: t, Renewal: r}))
}

func (l *life) pass(d time.Duration) { l.now = l.now.Add(d) }

func (l *life) expires() time.Time { return l.period.ExpiresDate.Time() }

// live lets something happen.
func (l *life) live() {
	l.pass(time.Duration(1+l.rng.IntN(3600)) * time.Second)
	if l.rng.IntN(4) == 0 {
		l.answer()
		l.pass(time.Second)
	}
	switch l.status {
	case appstore.StatusActive:
		l.active()
	case appstore.StatusBillingGracePeriod, appstore.StatusBillingRetry:
		l.unpaid()
	case appstore.StatusExpired, appstore.StatusRevoked:
		l.gone()
	}
}

func (l *life) active() {
	on := *l.renewal.AutoRenewStatus == 1
	switch l.rng.IntN(12) {
	case 0:
		l.renewal.AutoRenewStatus = new(int64(0))
		l.tell("DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_DISABLED")
	case 1:
		l.renewal.AutoRenewStatus = new(int64(1))
		l.tell("DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_ENABLED")
	case 2:
		l.renewal.AutoRenewProductID = "small"
		l.tell("DID_CHANGE_RENEWAL_PREF", "DOWNGRADE")
	case 3:
		l.renewal.AutoRenewProductID = l.period.ProductID
		l.tell("DID_CHANGE_RENEWAL_PREF", "")
	case 4:
		l.period.IsUpgraded = new(true)
		if l.rng.IntN(2) == 0 {
			l.answer() // the store tells of the replaced one too
			l.reports[len(l.reports)-1].Status, l.reports[len(l.reports)-1].Renewal = 0, nil
			l.pass(time.Second)
		}
		l.renewal.AutoRenewStatus, l.renewal.AutoRenewProductID = new(int64(1)), "big"
		l.begin("big")
		l.tell("DID_CHANGE_RENEWAL_PREF", "UPGRADE")
	case 5:
		l.period.ExpiresDate = date(l.expires().Add(10 * day))
		l.renewal.RenewalDate = l.period.ExpiresDate
		l.extended = append(l.extended, l.now)
		l.tell("RENEWAL_EXTENDED", "")
	case 6:
		l.renewal.PriceIncreaseStatus = new(int64(l.rng.IntN(2)))
		l.tell("PRICE_INCREASE", []string{"PENDING", "ACCEPTED"}[*l.renewal.PriceIncreaseStatus])
	case 7:
		l.askForRefund()
	default:
		l.now = l.expires()
		switch {
		case !on:
			l.ends(1, "VOLUNTARY")
		case l.rng.IntN(3) == 0:
			l.fails()
		default:
			l.begin(l.renewal.AutoRenewProductID)
			l.tell("DID_RENEW", "")
		}
	}
}

func (l *life) fails() {
	l.status = appstore.StatusBillingRetry
	if l.rng.IntN(2) == 0 {
		l.status = appstore.StatusBillingGracePeriod
		l.renewal.GracePeriodExpiresDate = date(l.now.Add(16 * day))
		l.tell("DID_FAIL_TO_RENEW", "GRACE_PERIOD")
		return
	}
	l.tell("DID_FAIL_TO_RENEW", "")
}

func (l *life) unpaid() {
	switch {
	case l.rng.IntN(3) == 0:
		l.begin(l.renewal.AutoRenewProductID)
		l.tell("DID_RENEW", "BILLING_RECOVERY")
	case l.status == appstore.StatusBillingGracePeriod:
		l.now = l.renewal.GracePeriodExpiresDate.Time()
		l.status = appstore.StatusBillingRetry
		l.tell("GRACE_PERIOD_EXPIRED", "")
	default:
		l.now = l.expires().Add(60 * day)
		l.renewal.AutoRenewStatus = new(int64(0))
		l.ends(2, "BILLING_RETRY")
	}
}

func (l *life) ends(intent int64, subtype string) {
	l.status, l.renewal.ExpirationIntent = appstore.StatusExpired, intent
	l.tell("EXPIRED", subtype)
}

func (l *life) askForRefund() {
	for range 1 + l.rng.IntN(3) {
		l.requested++
		l.tell("CONSUMPTION_REQUEST", "")
		l.pass(8 * time.Hour)
	}
	if !l.now.Before(l.expires()) {
		l.now = l.expires().Add(-time.Minute)
	}
	if l.rng.IntN(2) == 0 {
		l.declined++
		l.tell("REFUND_DECLINED", "")
		return
	}
	l.period.RevocationDate, l.period.RevocationReason, l.period.RevocationType = date(l.now), new(int64(1)), "REFUND_FULL"
	l.status, l.refunded = appstore.StatusRevoked, l.refunded+980000
	l.tell("REFUND", "")
}

func (l *life) gone() {
	if l.period.RevocationDate != 0 && l.rng.IntN(3) == 0 {
		l.period.RevocationDate, l.period.RevocationReason, l.period.RevocationType = 0, nil, ""
		l.refunded -= 980000
		l.status = appstore.StatusExpired
		if l.now.Before(l.expires()) {
			l.status = appstore.StatusActive
		}
		l.tell("REFUND_REVERSED", "")
		return
	}
	l.pass(time.Duration(l.rng.IntN(90)) * day)
	l.renewal.AutoRenewStatus, l.renewal.AutoRenewProductID = new(int64(1)), "monthly"
	l.begin("monthly")
	l.tell("SUBSCRIBED", "RESUBSCRIBE")
}

func fold(t testing.TB, reports []Report) State {
	t.Helper()
	s, err := State{}.Fold(reports...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFoldKnowsTheTruth: in order, the state says after each report what is true.
func TestFoldKnowsTheTruth(t *testing.T) {
	for seed := range uint64(200) {
		l := newLife(seed)
		s := fold(t, l.reports)
		for range 60 {
			told := len(l.reports)
			l.live()
			var err error
			if s, err = s.Fold(l.reports[told:]...); err != nil {
				t.Fatal(err)
			}
			l.check(t, seed, s)
			if t.Failed() {
				return
			}
		}
	}
}

// check compares a view of s with the truth.
func (l *life) check(t *testing.T, seed uint64, s State) {
	t.Helper()
	v := s.At(l.now)
	want := View{
		Kind: Renewing, TransactionID: l.period.TransactionID, ProductID: l.period.ProductID, Group: "g", AppAccountToken: "7e3fb20b-4cdb-47cc-936d-99d65f608138",
		Status: l.status, Entitled: l.status.Entitled(),
	}
	got := View{Kind: v.Kind, TransactionID: v.TransactionID, ProductID: v.ProductID, Group: v.Group, AppAccountToken: v.AppAccountToken, Status: v.Status, Entitled: v.Entitled}
	if !reflect.DeepEqual(got, want) || v.Overdue {
		t.Errorf("seed %d at %s after %s:\n%+v\nwant %+v", seed, l.now, l.reports[len(l.reports)-1].Type, v, want)
	}
	on := *l.renewal.AutoRenewStatus == 1
	alive := l.status == appstore.StatusActive || l.status == appstore.StatusBillingGracePeriod || l.status == appstore.StatusBillingRetry
	if v.Canceled != (l.status == appstore.StatusActive && !on) || (v.Pending != "") != (alive && on && l.renewal.AutoRenewProductID != l.period.ProductID) {
		t.Errorf("seed %d: canceled %t, pending %q", seed, v.Canceled, v.Pending)
	}
	if v.Entitled && !v.Until.After(l.now) || !v.Entitled && (v.EndedAt.IsZero() || v.Reason == "" || !v.CountKeptUntil.Equal(v.EndedAt.Add(60*day))) {
		t.Errorf("seed %d at %s: %+v", seed, l.now, v)
	}
	var net int64
	kinds := map[EntryKind]int{}
	for _, e := range s.Ledger() {
		net += e.Amount
		kinds[e.Kind]++
	}
	if net != l.refunded || kinds[Declined] != l.declined || kinds[Requested] != l.requested {
		t.Errorf("seed %d: ledger %v of net %d, want net %d, %d declined, %d requested", seed, kinds, net, l.refunded, l.declined, l.requested)
	}
	recent := 0
	for _, at := range l.extended {
		if at.After(l.now.Add(-365 * day)) {
			recent++
		}
	}
	if left := extensionsSince(s, l.now.Add(-365*day)); left != recent {
		t.Errorf("seed %d: %d extensions of %d made", seed, left, recent)
	}
}

// extensionsSince counts the extensions that s knows of, after a time.
func extensionsSince(s State, since time.Time) (n int) {
	for _, e := range s.Extensions {
		if e.At.Time().After(since) {
			n++
		}
	}
	return n
}

// TestOrderDoesNotMatter: shuffled, five times over, up to seven days late, and
// in batches of any size, the reports of a life end in the in-order state.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(150) {
		l := newLife(seed)
		for range 40 {
			l.live()
		}
		want := fold(t, l.reports)
		for name, reports := range map[string][]Report{"shuffled": shuffled(l.rng, slices.Repeat(l.reports, 5)), "late": late(l.rng, slices.Repeat(l.reports, 5))} {
			var got State
			for len(reports) > 0 {
				n := 1 + l.rng.IntN(len(reports))
				var err error
				if got, err = got.Fold(reports[:n]...); err != nil {
					t.Fatal(err)
				}
				reports = reports[n:]
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, %s:\n%+v\nwant\n%+v", seed, name, got, want)
			}
			if !reflect.DeepEqual(got.Ledger(), want.Ledger()) {
				t.Fatalf("seed %d, %s: ledger %v, want %v", seed, name, got.Ledger(), want.Ledger())
			}
			for after := range 5 {
				now := l.now.Add(time.Duration(after) * 20 * day)
				if !reflect.DeepEqual(got.At(now), want.At(now)) {
					t.Fatalf("seed %d, %s at %s: %+v, want %+v", seed, name, now, got.At(now), want.At(now))
				}
			}
		}
	}
}

func shuffled(rng *rand.Rand, reports []Report) []Report {
	rng.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
	return reports
}

// late orders reports by when they arrive: up to seven days after they were signed.
func late(rng *rand.Rand, reports []Report) []Report {
	arrives := map[int]time.Time{}
	order := make([]int, len(reports))
	for i, r := range reports {
		order[i], arrives[i] = i, r.At.Time().Add(time.Duration(rng.Int64N(int64(7*day))))
	}
	slices.SortFunc(order, func(a, b int) int { return arrives[a].Compare(arrives[b]) })
	out := make([]Report, len(reports))
	for i, from := range order {
		out[i] = reports[from]
	}
	return out
}

// TestContradictions: two words of the same moment that contradict each other
// end in the same state whichever comes first.
func TestContradictions(t *testing.T) {
	l := newLife(1)
	at := date(l.now)
	for _, by := range []string{"", "uuid"} {
		one, two := Report{ID: by, At: at, Status: appstore.StatusActive}, Report{ID: by, At: at, Status: appstore.StatusExpired}
		for _, r := range []*Report{&one, &two} {
			r.Transaction, r.Renewal = l.signed()
		}
		two.Transaction.ProductID, two.Renewal.AutoRenewProductID = "other", "other"
		one.Transaction.RevocationDate, two.Transaction.RevocationDate, two.Transaction.RevocationType = 5, 5, "REFUND_PRORATED"
		if a, b := fold(t, []Report{one, two}), fold(t, []Report{two, one}); !reflect.DeepEqual(a, b) {
			t.Errorf("by %q: %+v\n%+v", by, a, b)
		}
	}
}

// TestFoldIsPure: the state that was folded into is as it was, also when a
// report of another purchase is refused.
func TestFoldIsPure(t *testing.T) {
	l := newLife(3)
	for range 30 {
		l.live()
	}
	s := fold(t, l.reports[:len(l.reports)/2])
	before := kept(t, s)
	more, err := s.Fold(l.reports[len(l.reports)/2:]...)
	if err != nil || !reflect.DeepEqual(s, before) || reflect.DeepEqual(more, before) {
		t.Errorf("changed, or nothing was folded: %v", err)
	}
	other, _ := l.signed()
	other.OriginalTransactionID = "2000"
	for _, r := range []Report{OfTransaction(other), OfTransaction(&appstore.Transaction{}), {}} {
		if got, err := s.Fold(l.reports[0], r); err == nil || !reflect.DeepEqual(got, s) {
			t.Errorf("a report of another purchase: %v", err)
		}
	}
}

// TestStateIsKept: what is written down and read again is the same.
func TestStateIsKept(t *testing.T) {
	l := newLife(5)
	for range 80 {
		l.live()
	}
	s := fold(t, l.reports)
	again := kept(t, s)
	if !reflect.DeepEqual(again, s) || len(s.Refunds) == 0 || len(s.Remarks) == 0 || len(s.Extensions) == 0 {
		t.Errorf("read again:\n%+v\nwant\n%+v", again, s)
	}
}

// kept is s written down and read again.
func kept(t *testing.T, s State) (again State) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	return again
}
