package appstore

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/engawa/engawa/internal/vectors"
)

// requestCase is one of Apple's requests with its answer.
type requestCase struct {
	ID, Method, Path string
	Query            url.Values
	Body             any
	ResponseFile     string `json:"response_file"`
	ResponseStatus   int    `json:"response_status"`
	Expect           map[string]any
}

// requestCall makes a case's request by the Client, with the values that the
// case shows, and holds what the answer decodes into (nil: nothing).
type requestCall struct {
	ask    func(ctx context.Context, c *Client) error
	answer any
}

// firstOf asks for one page.
func firstOf[P any](pages iter.Seq2[P, error]) error {
	for _, err := range pages {
		return err
	}
	return errors.New("no page")
}

func requestCalls() map[string]requestCall {
	extend := Extend{Days: 45, Reason: ExtendSatisfaction, RequestID: "fdf964a4-233b-486c-aac1-97d8d52688ac"}
	history := HistoryQuery{
		Revision: "revision_input", From: time.UnixMilli(123455), Until: time.UnixMilli(123456), ProductIDs: []string{"com.example.1", "com.example.2"},
		ProductTypes: []string{"CONSUMABLE", "AUTO_RENEWABLE"}, Sort: "ASCENDING", Groups: []string{"sub_group_id", "sub_group_id_2"}, Ownership: "FAMILY_SHARED", Revoked: new(false),
	}
	notifications := NotificationQuery{
		From: time.UnixMilli(1698148900000), Until: time.UnixMilli(1698148950000), Type: "SUBSCRIBED", Subtype: "INITIAL_BUY", TransactionID: "999733843", OnlyFailures: true,
		Token: "a036bc0e-52b8-4bee-82fc-8c24cb6715d6",
	}
	second := func(_ any, err error) error { return err }
	readHistory := func(ctx context.Context, c *Client) error { return firstOf(c.History(ctx, "1234", history)) }
	test := func(ctx context.Context, c *Client) error { return second(c.RequestTest(ctx)) }
	appTransaction := func(id string) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error { return second(c.AppTransaction(ctx, id)) }
	}
	accountToken := func(token string) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error { return c.SetAppAccountToken(ctx, "49571273", token) }
	}
	return map[string]requestCall{
		"extend-mass": {func(ctx context.Context, c *Client) error {
			return second(c.ExtendAll(ctx, "com.example.productId", []string{"USA", "MEX"}, extend))
		}, &extendAllAnswer{}},
		"extend-one": {func(ctx context.Context, c *Client) error { return second(c.Extend(ctx, "4124214", extend)) }, &Extended{}},
		"all-statuses": {func(ctx context.Context, c *Client) error {
			return second(c.Statuses(ctx, "4321", StatusExpired, StatusActive))
		}, &statusesAnswer{}},
		"test-notification-status": {func(ctx context.Context, c *Client) error {
			return second(c.TestStatus(ctx, "8cd2974c-f905-492a-bf9a-b2f47c791d19"))
		}, &sentAnswer{}},
		"notification-history":                 {func(ctx context.Context, c *Client) error { return firstOf(c.Notifications(ctx, notifications)) }, &notificationsAnswer{}},
		"transaction-history-v2":               {readHistory, &historyAnswer{}},
		"transaction-history-malformed-app-id": {readHistory, &historyAnswer{}},
		"transaction-info":                     {func(ctx context.Context, c *Client) error { return second(c.Transaction(ctx, "1234")) }, &transactionAnswer{}},
		"look-up-order-id":                     {func(ctx context.Context, c *Client) error { return second(c.Order(ctx, "W002182")) }, &orderAnswer{}},
		"request-test-notification":            {test, &testAnswer{}},
		"consumption-v2": {func(ctx context.Context, c *Client) error {
			return c.SendConsumption(ctx, &Transaction{TransactionID: "49571273", Type: "Consumable"}, OnFile("con_1"), Consumption{
				Delivery: Delivered, Percentage: new(int64(50000)), Preference: PreferFull,
			})
		}, nil},
		"set-app-account-token":        {accountToken("7389a31a-fb6d-4569-a2a6-db7d85d84813"), nil},
		"app-transaction-info":         {appTransaction("1234"), &appTransactionAnswer{}},
		"error-general":                {test, nil},
		"error-rate-limit":             {test, nil},
		"error-app-account-token":      {accountToken("abc"), nil},
		"error-invalid-transaction-id": {appTransaction("invalid_id"), nil},
		"error-transaction-not-found":  {appTransaction("not_found_id"), nil},
		"messaging-image-list":         {func(ctx context.Context, c *Client) error { return second(c.RetentionImages(ctx)) }, &imagesAnswer{}},
		"messaging-message-list":       {func(ctx context.Context, c *Client) error { return second(c.RetentionMessages(ctx)) }, &messagesAnswer{}},
		"messaging-default-get": {func(ctx context.Context, c *Client) error {
			return second(c.DefaultRetentionMessage(ctx, "com.example.product", "en-US"))
		}, &defaultAnswer{}},
		"messaging-performance-test": {func(ctx context.Context, c *Client) error {
			return second(c.StartPerformanceTest(ctx, "70000500092808"))
		}, &PerformanceTest{}},
	}
}

// TestAppleRequests: each request is Apple's to the letter, and each answer is
// read. The answers' signed members are made-up words, which no Client takes:
// there the proof must fail, after everything else was right.
func TestAppleRequests(t *testing.T) {
	dir := vectors.Path(t, "vectors", "apple")
	if dir == "" {
		return
	}
	var file struct{ Cases []requestCase }
	if err := json.Unmarshal(read(t, dir, "api-requests.json"), &file); err != nil {
		t.Fatal(err)
	}
	calls := requestCalls()
	if len(file.Cases) != 22 || len(calls) != 22 {
		t.Fatalf("%d cases, %d calls, want 22", len(file.Cases), len(calls))
	}
	chain := newTestChain(t, testChain{})
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			body := ""
			if c.ResponseFile != "" {
				body = string(read(t, dir, c.ResponseFile))
			}
			w := &wire{answer: always(c.ResponseStatus, body)}
			call := calls[c.ID]
			err := call.ask(t.Context(), client(t, chain.production(t), w))
			if len(w.asked) != 1 {
				t.Fatalf("%d requests, %v", len(w.asked), err)
			}
			checkRequest(t, c, w.asked[0])
			checkResult(t, c, err, body)
			if call.answer != nil && c.Expect["decode_error"] == nil {
				checkAnswer(t, c, call.answer, body)
			}
		})
	}
}

func checkRequest(t *testing.T, c requestCase, r asked) {
	t.Helper()
	if r.Method != c.Method || r.URL.EscapedPath() != c.Path {
		t.Errorf("asked %s %s, want %s %s", r.Method, r.URL.EscapedPath(), c.Method, c.Path)
	}
	if got := r.URL.Query(); len(got)+len(c.Query) > 0 && !reflect.DeepEqual(got, c.Query) {
		t.Errorf("query %v, want %v", got, c.Query)
	}
	var body any
	if len(r.body) > 0 {
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
	}
	// The case of a bad token does not show its body.
	if c.ID != "error-app-account-token" && !reflect.DeepEqual(body, c.Body) {
		t.Errorf("body %s, want %v", r.body, c.Body)
	}
	if r.Header.Get("Accept") != "application/json" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") || (r.Header.Get("Content-Type") == "application/json") != (body != nil) {
		t.Errorf("headers %v", r.Header)
	}
}

func checkResult(t *testing.T, c requestCase, err error, body string) {
	t.Helper()
	var proof *Error
	want, isError := c.Expect["error"].(map[string]any)
	switch {
	case isError:
		e := apiError(t, err)
		got := map[string]any{"code": float64(e.Code), "message": e.Text, "name": e.Name(), "retryable": e.Retryable}
		if !reflect.DeepEqual(got, want) || e.Status != c.ResponseStatus {
			t.Errorf("error %v, want %v", got, want)
		}
	case c.Expect["decode_error"] == true:
		if e := apiError(t, err); e.Err == nil || e.Retryable || e.Status != http.StatusOK {
			t.Errorf("error %+v, want one of reading", e)
		}
	case strings.Contains(body, "signed_") || strings.Contains(body, "LocalTesting"):
		// A history of notifications tells it beside each one.
		if (err != nil) != (c.ID != "notification-history") || (err != nil && !errors.As(err, &proof)) {
			t.Errorf("error %v, want a proof that fails", err)
		}
	case err != nil:
		t.Error(err)
	}
}

// checkAnswer compares members such as data[0].lastTransactions[1].status, and
// the lengths of lists.
func checkAnswer(t *testing.T, c requestCase, answer any, body string) {
	t.Helper()
	if err := jsonv2.Unmarshal([]byte(body), answer); err != nil {
		t.Fatal(err)
	}
	text, err := jsonv2.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range c.Expect {
		if key == "status_name" { // Valid of an Order: TestOrderIsInvalid
			continue
		}
		var at any
		if err := json.Unmarshal(text, &at); err != nil {
			t.Fatal(err)
		}
		for name := range strings.SplitSeq(strings.NewReplacer("[", ".", "]", "").Replace(key), ".") {
			at = step(at, name)
		}
		if !reflect.DeepEqual(at, want) {
			t.Errorf("%s is %v, want %v", key, at, want)
		}
	}
}

// step goes into a member, an element, or the length of a list.
func step(at any, name string) any {
	switch v := at.(type) {
	case map[string]any:
		return v[name]
	case []any:
		if name == "length" {
			return float64(len(v))
		}
		if i, err := strconv.Atoi(name); err == nil && i < len(v) {
			return v[i]
		}
	}
	return nil
}

func TestOrderIsInvalid(t *testing.T) {
	for status, valid := range map[int]bool{0: true, 1: false, 7: false} {
		c := client(t, newTestChain(t, testChain{}).production(t), &wire{answer: always(200, object{"status": status})})
		if o, err := c.Order(t.Context(), "W002182"); err != nil || o.Valid != valid {
			t.Errorf("status %d: %+v %v", status, o, err)
		}
	}
}
