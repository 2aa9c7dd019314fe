package sim

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

// How far the history of notifications reaches, and how long a page's token is
// good. The latter is not published.
const (
	reachProduction = 180 * day
	reachSandbox    = 30 * day
	pageTokenFor    = day
	testTokenFor    = 180 * day
)

// kindsOf are the subtypes that go with a type of notification; "" is none.
var kindsOf = map[string][]string{
	"SUBSCRIBED": {"INITIAL_BUY", "RESUBSCRIBE"}, "DID_CHANGE_RENEWAL_PREF": {"", "UPGRADE", "DOWNGRADE"},
	"DID_CHANGE_RENEWAL_STATUS": {"AUTO_RENEW_ENABLED", "AUTO_RENEW_DISABLED"},
	"OFFER_REDEEMED":            {"", "INITIAL_BUY", "RESUBSCRIBE", "UPGRADE", "DOWNGRADE"}, "DID_RENEW": {"", "BILLING_RECOVERY"},
	"EXPIRED": {"", "VOLUNTARY", "BILLING_RETRY", "PRICE_INCREASE", "PRODUCT_NOT_FOR_SALE"}, "DID_FAIL_TO_RENEW": {"", "GRACE_PERIOD"},
	"GRACE_PERIOD_EXPIRED": {""}, "PRICE_INCREASE": {"PENDING", "ACCEPTED"}, "REFUND": {""}, "REFUND_DECLINED": {""}, "REFUND_REVERSED": {""},
	"CONSUMPTION_REQUEST": {""}, "RENEWAL_EXTENDED": {""}, "RENEWAL_EXTENSION": {"SUMMARY", "FAILURE"}, "REVOKE": {""}, "TEST": {""}, "ONE_TIME_CHARGE": {""},
	"EXTERNAL_PURCHASE_TOKEN": {"UNREPORTED", "CREATED", "ACTIVE_TOKEN_REMINDER"}, "RESCIND_CONSENT": {""}, "METADATA_UPDATE": {""}, "MIGRATION": {""}, "PRICE_CHANGE": {""},
}

// historyRequest is a NotificationHistoryRequest.
type historyRequest struct {
	Start        any    `json:"startDate"`
	End          any    `json:"endDate"`
	Type         string `json:"notificationType"`
	Subtype      string `json:"notificationSubtype"`
	Transaction  string `json:"transactionId"`
	OnlyFailures bool   `json:"onlyFailures"`
}

// span checks the times of a request. An end in the future is now.
func (q historyRequest) span(now time.Time, reach time.Duration) (from, to time.Time, err error) {
	start, ok := q.Start.(float64)
	if !ok || start != float64(int64(start)) {
		return from, to, errBadStart
	}
	end, ok := q.End.(float64)
	if !ok || end != float64(int64(end)) {
		return from, to, errBadEnd
	}
	from, to = time.UnixMilli(int64(start)), time.UnixMilli(int64(end))
	if to.After(now) {
		to = now
	}
	switch {
	case from.Before(now.Add(-reach)):
		return from, to, errTooFarInPast
	case !from.Before(to):
		return from, to, errStartAfterEnd
	}
	return from, to, nil
}

func (q historyRequest) check() error {
	subtypes, known := kindsOf[q.Type]
	switch {
	case q.Transaction != "" && q.Type != "":
		return errTooManyFilters
	case q.Type == "" && q.Subtype != "", q.Type != "" && !known, q.Subtype != "" && !slices.Contains(subtypes, q.Subtype):
		return errBadNotificationType
	}
	return nil
}

// pageToken is where the next page begins, until it ends.
type pageToken struct {
	Next int
	Ends int64
	Mark [4]byte
}

// noticeHistory answers what the store tried to send, the oldest first: which
// order the real one has is not published.
func (s *Store) noticeHistory(c call) (any, error) {
	var q historyRequest
	if err := c.read(&q); err != nil {
		return nil, err
	}
	reach := reachProduction
	if s.Environment == Sandbox {
		reach = reachSandbox
	}
	from, to, err := q.span(s.now(), reach)
	if err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	var who *customer
	if q.Transaction != "" {
		if who, err = s.whose(q.Transaction); err != nil {
			return nil, err
		}
	}
	mark := sum("notices " + string(c.body))
	at, err := s.readPage(c.query.Get("paginationToken"), mark)
	if err != nil {
		return nil, err
	}
	list := []sentNotice{}
	out := map[string]any{"hasMore": false}
	for ; at < len(s.notices); at++ {
		n := s.notices[at]
		if !q.takes(n, who, from, to) {
			continue
		}
		if len(list) == page {
			out["hasMore"], out["paginationToken"] = true, newPageToken(pageToken{at, s.now().Add(pageTokenFor).Unix(), mark})
			break
		}
		list = append(list, s.sent(n))
	}
	out["notificationHistory"] = list
	return out, nil
}

// takes tells whether the history of q has a notification. One that was never
// attempted is not in it. Those that are on their way count as failures.
func (q historyRequest) takes(n *notice, who *customer, from, to time.Time) bool {
	switch {
	case len(n.attempts) == 0 || n.at.Before(from) || !n.at.Before(to):
		return false
	case who != nil && n.who != who, q.Type != "" && n.typ != q.Type, q.Subtype != "" && n.subtype != q.Subtype:
		return false
	}
	return !q.OnlyFailures || n.attempts[len(n.attempts)-1].Result != resultSuccess
}

func newPageToken(p pageToken) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // three numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readPage reads the place that a token tells; empty: the first.
func (s *Store) readPage(text string, mark [4]byte) (int, error) {
	if text == "" {
		return 0, nil
	}
	var p pageToken
	b, err := base64.RawURLEncoding.DecodeString(text)
	switch {
	case err != nil || json.Unmarshal(b, &p) != nil || p.Mark != mark || p.Next < 0:
		return 0, errBadPageToken
	case s.now().Unix() > p.Ends:
		return 0, errOldPageToken
	}
	return p.Next, nil
}

type sendAttempt struct {
	Date   int64  `json:"attemptDate"`
	Result string `json:"sendAttemptResult"`
}

type sentNotice struct {
	Payload  string        `json:"signedPayload"`
	Attempts []sendAttempt `json:"sendAttempts"`
}

func (s *Store) sent(n *notice) sentNotice {
	out := sentNotice{Payload: n.sign(s.signer), Attempts: []sendAttempt{}}
	for _, a := range n.attempts {
		out.Attempts = append(out.Attempts, sendAttempt{millis(a.At), a.Result})
	}
	return out
}

// askTest sends a TEST notification.
func (s *Store) askTest(call) (any, error) {
	if s.URL == "" {
		return nil, errNoURL
	}
	token := newUUID()
	s.tokens[token] = s.tell(nil, "TEST", "", data{})
	return map[string]any{"testNotificationToken": token}, nil
}

func (s *Store) testStatus(c call) (any, error) {
	if !uuid.MatchString(c.args[0]) {
		return nil, errBadTestToken
	}
	n := s.tokens[c.args[0]]
	if n == nil || len(n.attempts) == 0 || s.now().Sub(n.at) > testTokenFor {
		return nil, errTestUnknown
	}
	return s.sent(n), nil
}
