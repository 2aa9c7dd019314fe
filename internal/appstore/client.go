package appstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// The App Store Server API's hosts, recommended since 2026-05-05.
const (
	hostProduction = "https://api.storekit.apple.com"
	hostSandbox    = "https://api.storekit-sandbox.apple.com"
)

// maxAnswer is the longest answer that is read, in bytes. A page of history
// with 20 notifications has about 300 kB.
const maxAnswer = 4 << 20

// errTooLong tells an answer of more than maxAnswer.
var errTooLong = fmt.Errorf("the answer is longer than the %d MB that are read", maxAnswer>>20)

// Access is how the App Store Server API is reached.
type Access struct {
	Key  Key
	HTTP *http.Client // required; it follows no redirect and ends what takes too long
	Pace *Pace        // nil: the table's rates, for the only node that asks
	Base string       // scheme and host, without a slash at the end; empty: Apple's of the environment
}

// Client asks the App Store Server API about one app in one environment. Each
// method makes one call, waiting first until the rate allows it, and proves
// whatever is signed in the answer. Its errors are *APIError (what the App Store
// said, or that it said nothing), *Error (the proof failed) and *engawa.Error
// (refused here, nothing was asked). It is safe for several goroutines.
type Client struct {
	v      *Verifier
	signer *signer
	http   *http.Client
	pace   *Pace
	base   string
}

// NewClient returns a Client for the app and the environment of v. The error is
// an *engawa.Error for the operator, which names the setting.
func NewClient(v *Verifier, a Access) (*Client, error) {
	s, err := newSigner(a.Key, v.bundleID)
	if err != nil {
		return nil, explain(err)
	}
	c := &Client{v: v, signer: s, http: a.HTTP, pace: a.Pace, base: a.Base}
	environment := strings.ToLower(v.environment)
	if c.pace == nil {
		c.pace = NewPace(RatesOf(environment, 1))
	}
	if environment == engawa.Sandbox {
		c.base = cmp.Or(c.base, hostSandbox)
	}
	c.base = cmp.Or(c.base, hostProduction)
	return c, nil
}

// question is what is asked of an endpoint.
type question struct {
	ids   []string
	query url.Values
	body  any // nil: none
}

// ask makes one call and decodes its answer, unless answer is nil.
func (c *Client) ask(ctx context.Context, name Endpoint, q question, answer any) error {
	req, err := c.request(ctx, name, q)
	if err != nil {
		return err
	}
	if err := c.pace.wait(ctx, name); err != nil {
		return err
	}
	token, err := c.signer.token(time.Now()) // after the wait, which may outlast a token
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := c.http.Do(req)
	if err != nil {
		return broken(name, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case res.StatusCode < 200 || res.StatusCode > 299:
		told := refused(name, res, body, append(q.ids, token), time.Now())
		c.pace.stop(name, told.RetryAt)
		return told
	case len(body) > maxAnswer:
		return unreadable(name, res.StatusCode, errTooLong)
	case err != nil:
		return broken(name, err)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return unreadable(name, res.StatusCode, place(err))
	}
	return nil
}

// unreadable names a success whose answer is of no use: the same call would
// bring the same again.
func unreadable(name Endpoint, status int, err error) *APIError {
	return &APIError{Endpoint: name, Status: status, Ambiguous: endpoints[name].once, Err: fmt.Errorf("read the answer: %w", err)}
}

// place keeps of a decoding error where it happened, not the value.
func place(err error) error {
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("a %s at %q", e.JSONKind, string(e.JSONPointer))
	}
	return errors.New("it is not the JSON that was expected")
}

func (c *Client) request(ctx context.Context, name Endpoint, q question) (*http.Request, error) {
	e := endpoints[name]
	path, err := fill(e.path, q.ids)
	if err != nil {
		return nil, err
	}
	if len(q.query) > 0 {
		path += "?" + q.query.Encode()
	}
	var body io.Reader = http.NoBody
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("write the request, %s: %w", name, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, e.method, c.base+path, body)
	if err != nil {
		return nil, engawa.Invalid("/settings/base_url", "enter scheme and host alone, as in https://api.storekit.apple.com", "no request can be made of this address")
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// ours checks that an answer is about the app and the environment asked for.
func (c *Client) ours(bundle string, app int64, environment string) error {
	return c.v.check("answer", claim{bundle, app, environment})
}
