package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// page is how many entries an answer has.
const page = 20

// maxRefundsV1 is how many the old refund look-up answers.
const maxRefundsV1 = 50

// statuses answers the last transaction of each of a customer's subscriptions.
func (s *Store) statuses(c call) (any, error) {
	who, err := s.whose(c.args[0])
	if err != nil {
		return nil, err
	}
	var only []int
	for _, text := range c.query["status"] {
		n, err := strconv.Atoi(text)
		if err != nil || n < statusActive || n > statusRevoked {
			return nil, errBadStatus
		}
		only = append(only, n)
	}
	type item struct {
		Status      int    `json:"status"`
		OriginalID  string `json:"originalTransactionId"`
		Transaction string `json:"signedTransactionInfo"`
		Renewal     string `json:"signedRenewalInfo"`
	}
	type group struct {
		ID   string `json:"subscriptionGroupIdentifier"`
		Last []item `json:"lastTransactions"`
	}
	groups := []group{}
	for _, sub := range who.subs {
		if len(only) > 0 && !slices.Contains(only, sub.status) {
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.ID == sub.group })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{ID: sub.group})
		}
		groups[i].Last = append(groups[i].Last, item{sub.status, sub.last.original.id, s.must(s.info(sub.last)), s.must(s.renewal(sub))})
	}
	return map[string]any{"environment": s.Environment, "bundleId": s.BundleID, "appAppleId": s.AppAppleID, "data": groups}, nil
}

// filter is what a history is asked for.
type filter struct {
	from, to       time.Time
	products, kind []string
	groups         []string
	ownership      string
	revoked        string
	descending     bool
}

// kinds of products as the history's filter names them.
var kinds = map[string]string{
	"AUTO_RENEWABLE": AutoRenewable, "NON_RENEWABLE": NonRenewing, "CONSUMABLE": Consumable, "NON_CONSUMABLE": NonConsumable,
}

func (s *Store) readFilter(q url.Values) (f filter, err error) {
	if f.from, err = instant(q.Get("startDate"), errBadStart); err != nil {
		return f, err
	}
	if f.to, err = instant(q.Get("endDate"), errBadEnd); err != nil {
		return f, err
	}
	if !f.from.IsZero() && !f.to.IsZero() && !f.from.Before(f.to) {
		return f, errStartAfterEnd
	}
	for _, k := range q["productType"] {
		if kinds[k] == "" {
			return f, errBadProductType
		}
		f.kind = append(f.kind, kinds[k])
	}
	f.products, f.groups = q["productId"], q["subscriptionGroupIdentifier"]
	switch {
	case slices.Contains(f.products, ""):
		return f, errBadProductID
	case slices.Contains(f.groups, ""):
		return f, errBadGroup
	case !slices.Contains([]string{"", "ASCENDING", "DESCENDING"}, q.Get("sort")):
		return f, errBadSort
	case !slices.Contains([]string{"", "PURCHASED", "FAMILY_SHARED"}, q.Get("inAppOwnershipType")):
		return f, errBadOwnership
	case !slices.Contains([]string{"", "true", "false"}, q.Get("revoked")):
		return f, errBadRevoked
	}
	f.ownership, f.revoked, f.descending = q.Get("inAppOwnershipType"), q.Get("revoked"), q.Get("sort") == "DESCENDING"
	return f, nil
}

// instant reads milliseconds since the epoch; empty: none.
func instant(text string, wrong apiError) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, wrong
	}
	return time.UnixMilli(n), nil
}

func (f filter) takes(t *transaction) bool {
	within := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return !t.purchased.Before(f.from) && (f.to.IsZero() || t.purchased.Before(f.to)) &&
		within(f.products, t.product.ID) && within(f.kind, t.product.Type) && within(f.groups, t.product.Group) &&
		(f.ownership == "" || f.ownership == ownership(t.shared)) && (f.revoked == "" || f.revoked == strconv.FormatBool(!t.revoked.IsZero()))
}

// history answers a customer's transactions, 20 at a time, by when they last
// changed: who keeps the last revision finds what changed since.
func (s *Store) history(c call) (any, error) {
	who, err := s.whose(c.args[0])
	if err != nil {
		return nil, err
	}
	return s.listed(c, who, func(*transaction) bool { return true })
}

// historyV1 leaves out finished consumables, and takes no id of the app's.
func (s *Store) historyV1(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	return s.listed(c, t.owner, func(t *transaction) bool { return t.product.Type != Consumable || !t.finished })
}

func (s *Store) listed(c call, who *customer, shown func(*transaction) bool) (any, error) {
	f, err := s.readFilter(c.query)
	if err != nil {
		return nil, err
	}
	asked := maps.Clone(c.query)
	delete(asked, "revision")
	mark := "history " + who.id + " " + asked.Encode()
	at, err := revision(c.query.Get("revision"), mark)
	if err != nil {
		return nil, err
	}
	var found []*transaction
	for _, t := range who.bought {
		if shown(t) && f.takes(t) && (at == 0 || f.descending && t.changed < at || !f.descending && t.changed > at) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *transaction) int {
		if f.descending {
			a, b = b, a
		}
		return cmp.Compare(a.changed, b.changed)
	})
	more := len(found) > page
	found = found[:min(page, len(found))]
	if len(found) > 0 {
		at = found[len(found)-1].changed
	}
	return map[string]any{
		"revision": newRevision(at, mark), "hasMore": more, "bundleId": s.BundleID, "appAppleId": s.AppAppleID,
		"environment": s.Environment, "signedTransactions": s.signedAll(found),
	}, nil
}

func (s *Store) signedAll(list []*transaction) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = s.must(s.info(t))
	}
	return out
}

// A revision is a place in a list, good for the same question only.
type place struct {
	At   int64
	Mark [4]byte
}

func newRevision(at int64, mark string) string {
	b, err := json.Marshal(place{at, sum(mark)})
	if err != nil {
		panic(err) // two numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func sum(mark string) [4]byte {
	full := sha256.Sum256([]byte(mark))
	return [4]byte(full[:4])
}

func revision(text, mark string) (at int64, err error) {
	if text == "" {
		return 0, nil
	}
	var p place
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Mark != sum(mark) {
		return 0, errBadRevision
	}
	return p.At, nil
}

func (s *Store) oneTransaction(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	return map[string]any{"signedTransactionInfo": s.must(s.info(t))}, nil
}

func (s *Store) appInfo(c call) (any, error) {
	who, err := s.whose(c.args[0])
	if err != nil {
		return nil, err
	}
	if who.noAppTx {
		return nil, errAppUnknown
	}
	return map[string]any{"signedAppTransactionInfo": s.must(s.app(who))}, nil
}

// lookup finds what was bought under the number in a receipt mail. The sandbox
// does not have it.
func (s *Store) lookup(c call) (any, error) {
	if s.Environment == Sandbox {
		return accepted(http.StatusNotFound), nil
	}
	list := s.byOrder[c.args[0]]
	status := 0
	if len(list) == 0 {
		status = 1
	}
	return map[string]any{"status": status, "signedTransactions": s.signedAll(list)}, nil
}

// refunded are a customer's refunds, the oldest first. What the family lost is none.
func refunded(who *customer) []*transaction {
	var list []*transaction
	for _, t := range who.bought {
		if !t.revoked.IsZero() && !t.shared {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *transaction) int { return cmp.Compare(a.taken, b.taken) })
	return list
}

func (s *Store) refundHistory(c call) (any, error) {
	who, err := s.whose(c.args[0])
	if err != nil {
		return nil, err
	}
	mark := "refunds " + who.id
	at, err := revision(c.query.Get("revision"), mark)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(refunded(who), func(t *transaction) bool { return t.taken <= at })
	more := len(list) > page
	list = list[:min(page, len(list))]
	if len(list) > 0 {
		at = list[len(list)-1].taken
	}
	return map[string]any{"signedTransactions": s.signedAll(list), "revision": newRevision(at, mark), "hasMore": more}, nil
}

func (s *Store) refundHistoryV1(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	list := refunded(t.owner)
	return map[string]any{"signedTransactions": s.signedAll(list[max(0, len(list)-maxRefundsV1):])}, nil
}

// setToken says whose account a purchase outside the app belongs to.
func (s *Store) setToken(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	var in struct {
		AppAccountToken string `json:"appAccountToken"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case !uuid.MatchString(in.AppAccountToken):
		return nil, errNotUUID
	case t.original != t:
		return nil, errNotOriginal
	case t.shared:
		return nil, errFamilyTransaction
	}
	if t.token = in.AppAccountToken; t.sub != nil {
		t.sub.last.token = t.token // renewals take it on
	}
	s.touch(t)
	return accepted(http.StatusOK), nil
}

func (s *Store) finish(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	t.finished = true
	return accepted(http.StatusOK), nil
}

// Finish has the app tell the store that it delivered what was bought.
func (s *Store) Finish(transactionID string) error {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	if err != nil {
		return err
	}
	t.finished = true
	return nil
}

// Order is the number in the receipt mail of a transaction.
func (s *Store) Order(transactionID string) (string, error) {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	if err != nil {
		return "", err
	}
	return t.order, nil
}

// ForgetApp makes a customer one who got the app before there were app
// transactions.
func (s *Store) ForgetApp(customer string) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return err
	}
	c.noAppTx = true
	return nil
}

// Last is the transaction that a customer bought last.
func (s *Store) Last(customer string) (transactionID string, err error) {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return "", err
	}
	if len(c.bought) == 0 {
		return "", errors.New("this customer has bought nothing")
	}
	return c.bought[len(c.bought)-1].id, nil
}
