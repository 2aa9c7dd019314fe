package appstore

import (
	"context"
	"iter"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// maxNoticePages bounds the history of an app: 20 million notifications.
const maxNoticePages = 1_000_000

// Attempt is one try of the App Store to deliver a notification.
type Attempt struct {
	At     Date   `json:"attemptDate,omitzero"`
	Result string `json:"sendAttemptResult,omitzero"` // SUCCESS, TIMED_OUT, NO_RESPONSE …; an unknown one stays as it came
}

// Sent is a notification as the App Store tells of it afterwards.
type Sent struct {
	SignedPayload string
	Attempts      []Attempt
	Notice        *Notice // nil if Err
	Err           error   // why it is not proved: an *Error. It spoils no other one
}

// Body is the notification as the App Store posts it, for a Receiver.
func (s Sent) Body() ([]byte, error) {
	return json.Marshal(struct {
		SignedPayload string `json:"signedPayload"`
	}{s.SignedPayload})
}

// Recovered translates a proved notification that did not arrive, as a Receiver
// does with one that did. superseded says that the store has said more of the
// same purchase since. Workspace, account, id and time of receipt are the caller's.
func (c *Client) Recovered(s Sent, superseded bool) (engawa.Event, error) {
	body, err := s.Body()
	if err != nil {
		return engawa.Event{}, err
	}
	f := c.v.facts(s.Notice)
	f.Recovered, f.Superseded = true, superseded
	return event(s.Notice, f, c.v.subject(s.Notice), body)
}

type sentAnswer struct {
	SignedPayload string    `json:"signedPayload,omitzero"`
	Attempts      []Attempt `json:"sendAttempts,omitzero"`
}

func (c *Client) sent(a sentAnswer) Sent {
	s := Sent{SignedPayload: a.SignedPayload, Attempts: a.Attempts}
	s.Notice, s.Err = c.v.Notification(a.SignedPayload)
	return s
}

// NotificationQuery says which notifications are meant. Production remembers
// 180 days, the sandbox 30. Type and TransactionID exclude each other.
type NotificationQuery struct {
	From, Until   time.Time // of the first attempt; both required
	Type          string    // in Apple's words; empty: all
	Subtype       string
	TransactionID string // of one customer; empty: all
	OnlyFailures  bool   // that never arrived
	Token         string // where to go on; the other fields must then be as before
}

type notificationBody struct {
	StartDate     int64  `json:"startDate"`
	EndDate       int64  `json:"endDate"`
	Type          string `json:"notificationType,omitzero"`
	Subtype       string `json:"notificationSubtype,omitzero"`
	TransactionID string `json:"transactionId,omitzero"`
	OnlyFailures  bool   `json:"onlyFailures,omitzero"`
}

// SentPage is a page of at most 20 notifications.
type SentPage struct {
	Sent  []Sent
	Token string // where the next page begins
	More  bool
}

type notificationsAnswer struct {
	Token   string       `json:"paginationToken,omitzero"`
	HasMore bool         `json:"hasMore,omitzero"`
	History []sentAnswer `json:"notificationHistory,omitzero"`
}

// Notifications yields the pages of what the App Store tried to send. One
// notification that cannot be proved is told in its place and ends nothing.
func (c *Client) Notifications(ctx context.Context, q NotificationQuery) iter.Seq2[SentPage, error] {
	body := notificationBody{q.From.UnixMilli(), q.Until.UnixMilli(), q.Type, q.Subtype, q.TransactionID, q.OnlyFailures}
	return pages(EndpointNotifications, q.Token, maxNoticePages, func(token string) (SentPage, string, bool, error) {
		query := url.Values{}
		if token != "" {
			query.Set("paginationToken", token)
		}
		var a notificationsAnswer
		if err := c.ask(ctx, EndpointNotifications, question{query: query, body: body}, &a); err != nil {
			return SentPage{}, "", false, err
		}
		p := SentPage{Token: a.Token, More: a.HasMore}
		for _, s := range a.History {
			p.Sent = append(p.Sent, c.sent(s))
		}
		return p, a.Token, a.HasMore, nil
	})
}

type testAnswer struct {
	Token string `json:"testNotificationToken,omitzero"`
}

// RequestTest has the App Store send a TEST notification to the URL that is
// entered in App Store Connect, and returns the token for TestStatus.
func (c *Client) RequestTest(ctx context.Context) (string, error) {
	var a testAnswer
	err := c.ask(ctx, EndpointTest, question{}, &a)
	return a.Token, err
}

// TestStatus tells what became of a test notification. Until the App Store
// knows, the error has the code 4040008.
func (c *Client) TestStatus(ctx context.Context, token string) (Sent, error) {
	var a sentAnswer
	if err := c.ask(ctx, EndpointTestStatus, question{ids: []string{token}}, &a); err != nil {
		return Sent{}, err
	}
	s := c.sent(a)
	return s, s.Err
}
