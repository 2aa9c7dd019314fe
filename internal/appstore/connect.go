package appstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Connect asks the App Store Connect API for offer codes. It is another API than
// the Server API, with a key of its own and a limit by the hour. It is safe for
// several goroutines.
type Connect struct {
	signer *signer
	http   *http.Client
	base   string
}

const hostConnect = "https://api.appstoreconnect.apple.com"

// MaxCodes is how many codes are made in one call.
const MaxCodes = 25_000

// NewConnect returns a Connect, or an *engawa.Error that names the setting: those
// of an account, by the names connect_issuer_id, connect_key_id and connect_key;
// ErrNoConnect where none of them was entered.
func NewConnect(settings map[string]string, client *http.Client) (*Connect, error) {
	k := Key{IssuerID: settings["connect_issuer_id"], KeyID: settings["connect_key_id"], PrivateKey: engawa.Secret(settings["connect_key"])}
	if k == (Key{}) {
		return nil, ErrNoConnect
	}
	s, err := newSigner(k, "")
	if err != nil {
		return nil, &engawa.Error{
			Code: engawa.CodeInvalid, Field: "/settings/connect_key", Message: "the key for App Store Connect: " + err.Error(),
			Remedy: "enter Issuer ID, Key ID and the whole .p8 file of an App Store Connect API key, from Users and Access, Integrations, App Store Connect API", Err: err,
		}
	}
	return &Connect{signer: s, http: client, base: cmp.Or(settings["connect_url"], hostConnect)}, nil
}

// ErrNoConnect tells that an account has no key for App Store Connect.
var ErrNoConnect error = &engawa.Error{
	Code: engawa.CodeConflict, Field: "/settings/connect_key", Message: "this App Store account has no key for App Store Connect",
	Remedy: "make an App Store Connect API key with the role App Manager and enter it on the account's page, or import the file of codes",
}

// Batch is codes that were made together.
type Batch struct {
	ID     string
	Codes  int
	EndsOn string // "2027-02-28": the last day
	Active bool
}

type connectData struct {
	Type       string `json:"type,omitzero"`
	ID         string `json:"id,omitzero"`
	Attributes struct {
		Codes  int    `json:"numberOfCodes,omitzero"`
		EndsOn string `json:"expirationDate,omitzero"`
		Active bool   `json:"active,omitzero"`
	} `json:"attributes,omitzero"`
	Relationships map[string]any `json:"relationships,omitzero"`
}

func (d connectData) batch() Batch {
	return Batch{d.ID, d.Attributes.Codes, d.Attributes.EndsOn, d.Attributes.Active}
}

// Make has n one-time codes made of an offer, which App Store Connect knows by its
// own id (the last part of the address of the offer's page there), good until the
// day endsOn. App Store Connect prepares them for some minutes; Values then has them.
func (c *Connect) Make(ctx context.Context, offer string, n int, endsOn time.Time) (Batch, error) {
	var in struct {
		Data connectData `json:"data"`
	}
	in.Data.Type = "subscriptionOfferCodeOneTimeUseCodes"
	in.Data.Attributes.Codes, in.Data.Attributes.EndsOn = n, endsOn.Format(time.DateOnly)
	in.Data.Relationships = map[string]any{"offerCode": map[string]any{"data": map[string]string{"type": "subscriptionOfferCodes", "id": offer}}}
	var out struct {
		Data connectData `json:"data"`
	}
	body, err := json.Marshal(in, json.Deterministic(true))
	if err == nil {
		err = c.ask(ctx, http.MethodPost, "/v1/subscriptionOfferCodeOneTimeUseCodes", body, &out)
	}
	return out.Data.batch(), err
}

// Batches returns what was made of an offer, at most 200.
func (c *Connect) Batches(ctx context.Context, offer string) (bs []Batch, err error) {
	var out struct {
		Data []connectData `json:"data"`
	}
	err = c.ask(ctx, http.MethodGet, "/v1/subscriptionOfferCodes/"+url.PathEscape(offer)+"/oneTimeUseCodes?limit=200", nil, &out)
	for _, d := range out.Data {
		bs = append(bs, d.batch())
	}
	return bs, err
}

// Values returns the file of a batch's codes (CSV).
func (c *Connect) Values(ctx context.Context, batch string) (file []byte, err error) {
	return file, c.ask(ctx, http.MethodGet, "/v1/subscriptionOfferCodeOneTimeUseCodes/"+url.PathEscape(batch)+"/values", nil, &file)
}

// maxConnect is the largest answer that is read: a file of MaxCodes codes with
// their addresses, in bytes.
const maxConnect = 20 << 20

// ask calls and reads the answer, JSON or, into a []byte, as it is. The error is
// an *engawa.Error: CodeUnavailable for what may succeed later.
func (c *Connect) ask(ctx context.Context, method, path string, body []byte, into any) error {
	token, err := c.signer.token(time.Now())
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask App Store Connect: %w", err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(q)
	if err != nil {
		return connectDown(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxConnect+1))
	switch {
	case err != nil:
		return connectDown(err)
	case len(got) > maxConnect:
		return connectDown(fmt.Errorf("the answer has more than %d bytes", maxConnect))
	case res.StatusCode/100 != 2:
		return connectRefused(res, got)
	}
	if file, ok := into.(*[]byte); ok {
		*file = got
		return nil
	}
	if err := json.Unmarshal(got, into); err != nil {
		return connectDown(fmt.Errorf("read the answer: %w", err))
	}
	return nil
}

func connectDown(err error) error {
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "App Store Connect does not answer now", Remedy: "try again later", Err: err}
}

// connectRefused reads an answer that is no success. Its code is Apple's own
// word and holds nothing of the request; its detail may, and is left out.
func connectRefused(res *http.Response, body []byte) error {
	var told struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	code := ""
	if json.Unmarshal(body, &told) == nil && len(told.Errors) > 0 {
		code = " " + clean(told.Errors[0].Code, nil)
	}
	e := &engawa.Error{Code: engawa.CodeConflict, Message: "App Store Connect refused: " + strconv.Itoa(res.StatusCode) + code}
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		e.Field, e.Remedy = "/settings/connect_key", "compare Issuer ID and Key ID with App Store Connect, Users and Access, Integrations, App Store Connect API; the key needs the role App Manager, and this machine's clock must be right"
	case res.StatusCode == http.StatusNotFound:
		e.Field, e.Remedy = "/connect", "compare the id of the offer with the last part of the address of its page in App Store Connect"
	case res.StatusCode == http.StatusTooManyRequests:
		e.Code, e.Remedy = engawa.CodeUnavailable, "the limit by the hour is used up"+hourLimit(res.Header.Get("X-Rate-Limit"))+"; try again in an hour"
	case res.StatusCode >= 500:
		e.Code, e.Remedy = engawa.CodeUnavailable, "try again later"
	default:
		e.Remedy = "look at the offer in App Store Connect: it must be active, with codes left this quarter, and the day at most six months away"
	}
	return e
}

// hourLimit reads "user-hour-lim:3500;user-hour-rem:0;".
func hourLimit(header string) string {
	for part := range strings.SplitSeq(header, ";") {
		if n, ok := strings.CutPrefix(strings.TrimSpace(part), "user-hour-lim:"); ok {
			if _, err := strconv.Atoi(n); err == nil {
				return " (" + n + " calls)"
			}
		}
	}
	return ""
}
