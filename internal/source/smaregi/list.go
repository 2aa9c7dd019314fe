package smaregi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
)

// List asks Smaregi who uses the app. Path and members are the account's settings.
type List struct {
	s    channel.Settings
	http *http.Client
}

// Format keeps the secret out of logs whatever the verb.
func (l *List) Format(f fmt.State, _ rune) { fmt.Fprint(f, "smaregi list of users") }

// OpenList opens the list of users that settings describe; nil: they describe none.
func OpenList(s channel.Settings, client *http.Client) *List {
	if s["list_url"] == "" {
		return nil
	}
	return &List{s, client}
}

// Item is a contract as the list has it.
type Item struct {
	Contract, Name, Plan string
	State                engawa.SubscriptionState
	Mail                 string // empty: its sharing was not agreed to
}

// Format names the contract alone, whatever the verb.
func (i Item) Format(f fmt.State, _ rune) { fmt.Fprint(f, "contract "+i.Contract) }

// Limits of one reading.
const (
	pageSize  = 100 // what Smaregi's lists have where nothing is said; never more than 1000
	maxPages  = 1000
	maxAnswer = 8 << 20
	patience  = 5 * time.Minute // for all of it: less than the lease of a reading; who asks for more is asked another time
	maxShown  = 4 << 10
)

// RefusedError is why the list could not be read.
type RefusedError struct {
	Status int           // of the answer; 0: none came, or it could not be read
	After  time.Duration // how long to wait, where the answer says so
	Err    *engawa.Error
}

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// unfit is a setting with which the list cannot be read.
func unfit(field, remedy, format string, args ...any) *RefusedError {
	return &RefusedError{Err: engawa.Invalid(field, remedy, format, args...)}
}

// passing is what may be otherwise in a while.
func passing(err error, format string, args ...any) *RefusedError {
	return &RefusedError{Err: &engawa.Error{Code: engawa.CodeUnavailable, Message: fmt.Sprintf(format, args...), Remedy: "it is asked again by itself", Err: err}}
}

// Items reads the whole list, to a page that has nothing: one with less than was asked
// for may be all that the list gives at once. Of it either all is known or nothing: a
// page that cannot be read must not end contracts. The error is a *RefusedError.
func (l *List) Items(ctx context.Context) ([]Item, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := l.token(ctx)
	if err != nil {
		return nil, err
	}
	var all, before []Item
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		body, err := l.patiently(ctx, token, page)
		if err != nil {
			return nil, err
		}
		items, err := l.read(body)
		switch {
		case err != nil:
			return nil, err
		case len(items) == 0:
			return all, nil
		case slices.Equal(items, before):
			return nil, unfit("/settings/list_path", "find out how this list is paged", "the list gives the same page again and again")
		}
		before = items
		for _, i := range items {
			if !seen[i.Contract] { // the list may shift between two pages
				seen[i.Contract] = true
				all = append(all, i)
			}
		}
	}
	return nil, unfit("/settings/list_path", "find out how this list is paged", "the list does not end after %d pages", maxPages)
}

// patiently is page for who has time until the context's deadline: where the list asks
// to wait no longer than that, it does.
func (l *List) patiently(ctx context.Context, token engawa.Secret, n int) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	for {
		body, err := l.page(ctx, token, n)
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || refused.After == 0 || refused.After > time.Until(deadline) {
			return body, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(refused.After):
		}
	}
}

// Probe asks for the first page, for who saves settings.
func (r *receiver) Probe(ctx context.Context) error {
	if r.list == nil {
		return nil
	}
	_, err := r.list.First(ctx)
	return err
}

// First asks for the first page and returns it as it came, addresses masked, for an
// operator to see which member is which; the error says what is wrong with the settings.
func (l *List) First(ctx context.Context) (masked string, err error) {
	token, err := l.token(ctx)
	if err != nil {
		return "", err
	}
	body, err := l.page(ctx, token, 1)
	if err != nil {
		return "", err
	}
	_, err = l.read(body)
	return Masked(body), err
}

func first(ctx context.Context, s channel.Settings, env channel.Env) string {
	l := OpenList(s, env.HTTP)
	if l == nil {
		return ""
	}
	masked, _ := l.First(ctx) // what is wrong with the settings is said when they are saved
	return masked
}

// address finds what could be a mail address in any text.
var address = regexp.MustCompile(`[^\s"<>@,;:]+@[^\s"<>@,;:]+`)

// Masked is an answer with its addresses masked, indented and cut.
func Masked(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(maskIn(v)) != nil {
		return ""
	}
	text := strings.TrimSpace(out.String())
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "\n…"
	}
	return text
}

func maskIn(v any) any {
	switch v := v.(type) {
	case string:
		return address.ReplaceAllString(v, "•••@•••")
	case []any:
		for i := range v {
			v[i] = maskIn(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			out[address.ReplaceAllString(name, "•••@•••")] = maskIn(x)
		}
		return out
	}
	return v
}

// read finds the contracts in an answer.
func (l *List) read(body []byte) ([]Item, error) {
	var doc any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&doc) != nil {
		return nil, unfit("/settings/list_path", "correct the address of the list", "the list of users is no JSON")
	}
	rows, ok := at(doc, l.s["list_items"]).([]any)
	if !ok {
		return nil, unfit("/settings/list_items", "look at the first answer and say where its list is, as a JSON Pointer", "there is no list at that place of the answer")
	}
	items := make([]Item, len(rows))
	for n, row := range rows {
		i := Item{
			Contract: l.member(row, "list_contract"), Name: l.member(row, "list_name"), Plan: l.plan(row), Mail: l.member(row, "list_email"),
			State: l.state(l.member(row, "list_state")),
		}
		if !contractID.MatchString(i.Contract) {
			return nil, unfit("/settings/list_contract", "look at the first answer and say which member is the contract's id", "an entry of the list has no contract under that name")
		}
		items[n] = i
	}
	return items, nil
}

func (l *List) member(row any, key string) string { return text(at(row, pointer(l.s[key]))) }

func (l *List) plan(row any) string { return named(at(row, pointer(l.s["list_plan"]))) }

// state is what the list's word for a state means; any other runs.
func (l *List) state(said string) engawa.SubscriptionState {
	switch {
	case slices.Contains(strings.Split(l.s["list_ended"], ","), said) && said != "":
		return engawa.SubscriptionExpired
	case slices.Contains(strings.Split(l.s["list_stopped"], ","), said) && said != "":
		return engawa.SubscriptionSuspended
	}
	return engawa.SubscriptionActive
}

// pointer makes a JSON Pointer of a member's name.
func pointer(name string) string {
	if name == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// at is the value at a JSON Pointer (RFC 6901); nil: there is none.
func at(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(x) {
				return nil
			}
			v = x[n]
		default:
			return nil
		}
	}
	return v
}

// token asks for a token where the list wants one; empty: the client's own
// credentials go with each call.
func (l *List) token(ctx context.Context) (engawa.Secret, error) {
	if l.s["list_token_url"] == "" {
		return "", nil
	}
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.s["list_token_url"], form)
	if err != nil {
		return "", unfit("/settings/list_token_url", "correct it", "this is not a URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", l.basic())
	body, err := l.do(req, "/settings/list_token_url")
	if err != nil {
		return "", err
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &out) != nil || out.AccessToken == "" {
		return "", unfit("/settings/list_token_url", "correct it", "there came no token from there")
	}
	return engawa.Secret(out.AccessToken), nil
}

func (l *List) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.s["list_client_id"]+":"+l.s["list_client_secret"]))
}

func (l *List) page(ctx context.Context, token engawa.Secret, n int) ([]byte, error) {
	u, err := url.Parse(strings.TrimSuffix(l.s["list_url"], "/") + "/" + strings.TrimPrefix(l.s["list_path"], "/"))
	if err != nil {
		return nil, unfit("/settings/list_path", "correct it", "this is not the path of a URL")
	}
	q := u.Query()
	q.Set("limit", strconv.Itoa(pageSize))
	q.Set("page", strconv.Itoa(n))
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, unfit("/settings/list_url", "correct it", "this is not a URL")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", l.basic())
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	return l.do(req, "/settings/list_path")
}

// do makes one call. A status that says the settings are wrong names field.
func (l *List) do(req *http.Request, field string) ([]byte, error) {
	res, err := l.http.Do(req)
	if err != nil {
		return nil, passing(err, "the list of users does not answer")
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nil, passing(err, "the answer of the list of users broke off, or is too long")
	}
	var refused *RefusedError
	switch c := res.StatusCode; {
	case c == http.StatusOK:
		return body, nil
	case c == http.StatusUnauthorized || c == http.StatusForbidden:
		refused = unfit("/settings/list_client_secret", "enter the client of the list of users and its secret anew; it is another one than the app's", "the list of users answers %d", c)
	case c == http.StatusTooManyRequests || c >= 500:
		refused = passing(nil, "the list of users answers %d", c)
		refused.After = exchange.RetryAfter(res.Header)
	default:
		refused = unfit(field, "correct it", "the list of users answers %d", c)
	}
	refused.Status = res.StatusCode
	return nil, refused
}
