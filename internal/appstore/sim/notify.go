package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Results of an attempt to deliver a notification.
const (
	resultSuccess = "SUCCESS"
	resultStatus  = "UNSUCCESSFUL_HTTP_RESPONSE_CODE"
)

// retries are the pauses after an attempt that failed: five more (App Store
// Server Notifications, "Responding to App Store Server Notifications").
var retries = [...]time.Duration{time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour}

// maxRedirects is how many the store follows.
const maxRedirects = 5

// notice is a notification with its attempts.
type notice struct {
	uuid, typ, subtype string
	at                 time.Time
	who                *customer // nil: nobody's
	payload            payload
	transaction        *transactionInfo // signed into the payload
	renewal            *renewalInfo
	app                *appTransaction
	attempts           []Attempt
	over               bool // no attempt follows
	once               sync.Once
	signed             string
}

// Attempt is one try to deliver a notification.
type Attempt struct {
	At     time.Time
	Result string // SUCCESS or what went wrong, in the API's words
	Status int    // that the receiver answered; 0: none
}

// payload is a responseBodyV2DecodedPayload.
type payload struct {
	Type       string         `json:"notificationType"`
	Subtype    string         `json:"subtype,omitempty"`
	UUID       string         `json:"notificationUUID"`
	Version    string         `json:"version"`
	SignedDate int64          `json:"signedDate"`
	Data       *noticeData    `json:"data,omitempty"`
	Summary    *summary       `json:"summary,omitempty"`
	AppData    *noticeData    `json:"appData,omitempty"`
	External   *externalToken `json:"externalPurchaseToken,omitempty"`
}

type noticeData struct {
	AppAppleID        int64  `json:"appAppleId,omitempty"`
	BundleID          string `json:"bundleId"`
	BundleVersion     string `json:"bundleVersion,omitempty"`
	Environment       string `json:"environment"`
	Transaction       string `json:"signedTransactionInfo,omitempty"`
	Renewal           string `json:"signedRenewalInfo,omitempty"`
	App               string `json:"signedAppTransactionInfo,omitempty"`
	Status            int    `json:"status,omitempty"`
	ConsumptionReason string `json:"consumptionRequestReason,omitempty"`
}

type summary struct {
	RequestIdentifier      string   `json:"requestIdentifier"`
	Environment            string   `json:"environment"`
	AppAppleID             int64    `json:"appAppleId,omitempty"`
	BundleID               string   `json:"bundleId"`
	ProductID              string   `json:"productId"`
	StorefrontCountryCodes []string `json:"storefrontCountryCodes,omitempty"`
	FailedCount            int64    `json:"failedCount"`
	SucceededCount         int64    `json:"succeededCount"`
}

type externalToken struct {
	ExternalPurchaseID string `json:"externalPurchaseId"`
	TokenCreationDate  int64  `json:"tokenCreationDate"`
	AppAppleID         int64  `json:"appAppleId,omitempty"`
	BundleID           string `json:"bundleId"`
}

// data is what a notification tells of.
type data struct {
	transaction *transaction
	reason      string // of a CONSUMPTION_REQUEST
	summary     *summary
	external    *externalToken
	app         bool // only the app itself
}

// tellSub notifies of a subscription.
func (s *Store) tellSub(sub *subscription, typ, subtype string) {
	s.tell(sub.owner, typ, subtype, data{transaction: sub.last})
}

// tell makes a notification as things stand now. It is signed when somebody
// wants to see it.
func (s *Store) tell(c *customer, typ, subtype string, d data) *notice {
	now := s.now()
	n := &notice{uuid: newUUID(), typ: typ, subtype: subtype, at: now, who: c}
	n.payload = payload{Type: typ, Subtype: subtype, UUID: n.uuid, Version: "2.0", SignedDate: millis(now), Summary: d.summary, External: d.external}
	about := &noticeData{AppAppleID: s.AppAppleID, BundleID: s.BundleID, Environment: s.Environment, ConsumptionReason: d.reason}
	switch {
	case d.summary != nil || d.external != nil:
	case d.app:
		n.app = new(s.app(c))
		n.payload.AppData = about
	default:
		n.payload.Data = about
	}
	if t := d.transaction; t != nil {
		about.BundleVersion = version
		n.transaction = new(s.info(t))
		if t.sub != nil {
			n.renewal = new(s.renewal(t.sub))
			about.Status = t.sub.status
		}
	}
	s.notices = append(s.notices, n)
	switch {
	case !s.past.IsZero():
		n.attempts, n.over = []Attempt{{now, resultSuccess, http.StatusOK}}, true
	case s.URL != "":
		s.outbox = append(s.outbox, n)
	default:
		n.over = true
	}
	return n
}

// sign returns the signedPayload, the same one at every attempt.
func (n *notice) sign(by *signer) string {
	n.once.Do(func() {
		about := n.payload.Data
		if n.transaction != nil {
			about.Transaction = by.must(n.transaction)
		}
		if n.renewal != nil {
			about.Renewal = by.must(n.renewal)
		}
		if n.app != nil {
			n.payload.AppData.App = by.must(n.app)
		}
		n.signed = by.must(n.payload)
	})
	return n.signed
}

// must signs what is our own and can always be written.
func (s *signer) must(payload any) string {
	signed, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	return signed
}

// post sends what waits, one after the other, until nothing does.
func (s *Store) post() {
	for {
		s.mu.Lock()
		if len(s.outbox) == 0 || s.closed {
			s.posting = false
			s.mu.Unlock()
			return
		}
		n := s.outbox[0]
		s.outbox = s.outbox[1:]
		s.mu.Unlock()
		status, result := s.attempt(n)
		s.enter()
		n.attempts = append(n.attempts, Attempt{s.now(), result, status})
		s.again(n)
		s.leave()
	}
}

// again plans the next attempt, or none.
func (s *Store) again(n *notice) {
	last := n.attempts[len(n.attempts)-1]
	tried := len(n.attempts) - 1
	if last.Result == resultSuccess || s.Environment == Sandbox || tried >= len(retries) || !s.retried(last.Status) {
		n.over = true
		return
	}
	s.plan(last.At.Add(s.pace(nil, retries[tried])), func() { s.outbox = append(s.outbox, n) })
}

// retried tells which answers the store takes for trouble that passes. Where
// there was none it does.
func (s *Store) retried(status int) bool {
	if status == http.StatusBadRequest {
		return s.RetryBadRequest
	}
	return status == 0 || status >= 400 && status <= 599
}

// attempt posts a notification.
func (s *Store) attempt(n *notice) (status int, result string) {
	body, err := json.Marshal(map[string]string{"signedPayload": n.sign(s.signer)})
	if err != nil {
		panic(err) // a map of strings
	}
	patience := s.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "OTHER"
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "App%20Store/1.0 (simulator)")
	client := *s.Client
	client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errCircular
		}
		return nil
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, fault(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)); err != nil {
		return 0, fault(err)
	}
	switch {
	case !readable(res.Header.Get("Content-Type")):
		return res.StatusCode, "UNSUPPORTED_CHARSET"
	case res.StatusCode >= 200 && res.StatusCode <= 206:
		return res.StatusCode, resultSuccess
	}
	return res.StatusCode, resultStatus
}

var errCircular = errors.New("too many redirects")

// readable tells whether the answer's character set is one that everybody knows.
func readable(contentType string) bool {
	_, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	return err != nil || slices.Contains([]string{"", "utf-8", "us-ascii", "iso-8859-1", "utf-16", "shift_jis", "euc-jp", "euc-kr"}, charset)
}

// fault names what went wrong on the way.
func fault(err error) string {
	var (
		record   tls.RecordHeaderError
		unknown  *tls.CertificateVerificationError
		op       *net.OpError
		timeouts interface{ Timeout() bool }
	)
	if wrapped := new(url.Error); errors.As(err, &wrapped) && wrapped.Timeout() {
		return "TIMED_OUT"
	}
	switch {
	case errors.As(err, &timeouts) && timeouts.Timeout() || errors.Is(err, context.DeadlineExceeded):
		return "TIMED_OUT"
	case errors.Is(err, errCircular):
		return "CIRCULAR_REDIRECT"
	case errors.As(err, &record) || errors.As(err, &unknown):
		return "TLS_ISSUE"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "PREMATURE_CLOSE"
	case errors.Is(err, io.EOF):
		return "NO_RESPONSE"
	case errors.As(err, &op):
		return "SOCKET_ISSUE"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "INVALID_RESPONSE"
	}
	return "OTHER"
}

// Notice is a notification that the store made.
type Notice struct {
	UUID, Type, Subtype string
	At                  time.Time
	Customer            string // empty: nobody's
	Body                []byte // as it is posted
	Attempts            []Attempt
	Over                bool // no attempt follows
}

// Notices returns what the store has notified of, oldest first.
func (s *Store) Notices() []Notice {
	s.enter()
	list := slices.Clone(s.notices)
	s.leave()
	out := make([]Notice, len(list))
	for i, n := range list {
		body, err := json.Marshal(map[string]string{"signedPayload": n.sign(s.signer)})
		if err != nil {
			panic(err) // a map of strings
		}
		out[i] = Notice{UUID: n.uuid, Type: n.typ, Subtype: n.subtype, At: n.at, Body: body}
		if n.who != nil {
			out[i].Customer = n.who.id
		}
		s.mu.Lock()
		out[i].Attempts, out[i].Over = slices.Clone(n.attempts), n.over
		s.mu.Unlock()
	}
	return out
}

// RescindConsent has a customer's parent take back the consent to the app.
func (s *Store) RescindConsent(customer string) error {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return err
	}
	s.tell(c, "RESCIND_CONSENT", "", data{app: true})
	return nil
}

// ExternalPurchase tells of a token of a purchase outside the store; subtype is
// CREATED, ACTIVE_TOKEN_REMINDER or UNREPORTED.
func (s *Store) ExternalPurchase(subtype string) {
	s.enter()
	defer s.leave()
	id := newUUID()
	if s.Environment == Sandbox {
		id = "SANDBOX_" + id
	}
	s.tell(nil, "EXTERNAL_PURCHASE_TOKEN", subtype, data{external: &externalToken{id, millis(s.now()), s.AppAppleID, s.BundleID}})
}

// Post hands a notification to url and reports the status. The store takes
// 200 to 206 for delivered.
func Post(ctx context.Context, client *http.Client, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post notification: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post notification: %w", err)
	}
	return res.StatusCode, res.Body.Close()
}
