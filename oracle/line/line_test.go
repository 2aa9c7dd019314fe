package line

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/line/line-bot-sdk-go/v8/linebot/channel_access_token"
	"github.com/line/line-bot-sdk-go/v8/linebot/insight"
	"github.com/line/line-bot-sdk-go/v8/linebot/liff"
	"github.com/line/line-bot-sdk-go/v8/linebot/manage_audience"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/engawa/engawa/internal/channel/line/sim"
	"github.com/engawa/engawa/internal/vectors"
)

// exchange is one call of the SDK with the simulator's answer.
type exchange struct {
	req    *http.Request
	asked  []byte
	status int
	header http.Header
	body   []byte
}

// recorder notes every call on its way to the simulator.
type recorder struct {
	mu  sync.Mutex
	got []exchange
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	x := exchange{req: q.Clone(q.Context())}
	if q.Body != nil {
		x.asked, _ = io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(x.asked))
	}
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	x.status, x.header = res.StatusCode, res.Header
	x.body, _ = io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(x.body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, x)
	return res, nil
}

// last is the latest call.
func (r *recorder) last() exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[len(r.got)-1]
}

// line is a simulator with an account, and the SDK's clients of it.
type line struct {
	*testing.T
	*sim.Server
	*recorder
	own    sim.Account
	token  string
	url    string
	http   *http.Client
	api    *messaging_api.MessagingApiAPI
	blob   *messaging_api.MessagingApiBlobAPI
	tokens *channel_access_token.ChannelAccessTokenAPI
}

// open starts a polite simulator. What it answered is held against LINE's
// descriptions when the test ends.
func open(t *testing.T) *line {
	t.Helper()
	l := &line{T: t, Server: &sim.Server{Polite: true}, recorder: &recorder{}}
	server := httptest.NewServer(l.Server)
	l.url, l.http = server.URL, &http.Client{Transport: l.recorder}
	l.own = l.AddAccount(sim.Account{Provider: "Own", Name: "ひなた珈琲", Verified: true, Plan: 5000})
	t.Cleanup(func() {
		l.Settle()
		server.Close()
		l.Close()
		described(t, l.got)
	})
	l.token = l.LongLived(l.own.ID)
	l.use(l.token)
	var err error
	l.tokens, err = channel_access_token.NewChannelAccessTokenAPI(channel_access_token.WithEndpoint(l.url), channel_access_token.WithHTTPClient(l.http))
	l.must(err)
	return l
}

// use has the clients use a token.
func (l *line) use(token string) {
	l.Helper()
	var err error
	l.api, err = messaging_api.NewMessagingApiAPI(token, messaging_api.WithEndpoint(l.url), messaging_api.WithHTTPClient(l.http))
	l.must(err)
	l.blob, err = messaging_api.NewMessagingApiBlobAPI(token, messaging_api.WithBlobEndpoint(l.url+"/api-data"), messaging_api.WithBlobHTTPClient(l.http))
	l.must(err)
}

func (l *line) insight() *insight.InsightAPI {
	c, err := insight.NewInsightAPI(l.token, insight.WithEndpoint(l.url), insight.WithHTTPClient(l.http))
	l.must(err)
	return c
}

func (l *line) liff(token string) *liff.LiffAPI {
	c, err := liff.NewLiffAPI(token, liff.WithEndpoint(l.url), liff.WithHTTPClient(l.http))
	l.must(err)
	return c
}

func (l *line) audiences() (*manage_audience.ManageAudienceAPI, *manage_audience.ManageAudienceBlobAPI) {
	c, err := manage_audience.NewManageAudienceAPI(l.token, manage_audience.WithEndpoint(l.url), manage_audience.WithHTTPClient(l.http))
	l.must(err)
	b, err := manage_audience.NewManageAudienceBlobAPI(l.token, manage_audience.WithBlobEndpoint(l.url+"/api-data"), manage_audience.WithBlobHTTPClient(l.http))
	l.must(err)
	return c, b
}

func (l *line) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// refused holds an error of the SDK's, which is a text alone, to a status and words.
func (l *line) refused(err error, status int, text string) {
	l.Helper()
	if err == nil || !strings.Contains(err.Error(), "unexpected status code: "+strconv.Itoa(status)) || !strings.Contains(err.Error(), text) {
		l.Errorf("%v, want %d %s", err, status, text)
	}
}

// friend is a new person who added the account.
func (l *line) friend(name string) (person, user string) {
	l.Helper()
	person = l.AddPerson(name)
	l.must(l.Follow(person, l.own.ID))
	return person, l.UserID(person, l.own.ID)
}

// description is one of LINE's files.
type description struct {
	doc    *openapi3.T
	router routers.Router
}

var descriptions = sync.OnceValue(func() map[string]*description { return map[string]*description{} })

// read reads one of LINE's files, without the hosts, which the simulator tells apart
// by the path.
func read(t *testing.T, dir, name string) *description {
	t.Helper()
	if d := descriptions()[name]; d != nil {
		return d
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, name+".yml"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
		}
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(name, err)
	}
	descriptions()[name] = &description{doc, router}
	return descriptions()[name]
}

// missing are the statuses that LINE's reference tells of and its files leave out.
// Their bodies are still held to be errors as the files have them.
var missing = []int{
	http.StatusBadRequest, // where a file knows only of success
	http.StatusUnauthorized,
	http.StatusForbidden,
	http.StatusNotFound,
	http.StatusConflict,
	http.StatusGone,
	http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType,
	http.StatusTooManyRequests,
	http.StatusInternalServerError,
}

var files = []string{"messaging-api", "channel-access-token", "insight", "liff", "manage-audience", "module"}

// called are the operations that tests called, by LINE's names.
var called = map[string]bool{}

// absent are the operations that the simulator does not have, and why.
var absent = map[string]string{
	"pushMessagesByPhone":     "notifications by telephone number: for accounts with a contract",
	"getPNPMessageStatistics": "likewise",
	"markMessagesAsRead":      "the older way, for accounts with a contract",
	"getRoomMemberProfile":    "rooms are no longer made; LINE makes groups",
	"getRoomMemberCount":      "likewise",
	"getRoomMembersIds":       "likewise",
	"leaveRoom":               "likewise",
	"acquireChatControl":      "of module channels: corporate partners alone",
	"releaseChatControl":      "likewise",
	"detachModule":            "likewise",
	"getModules":              "likewise",
}

// TestMain says, after all tests, which operations of LINE's files none called.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && len(called) > 0 {
		code = uncalled()
	}
	os.Exit(code)
}

func uncalled() (code int) {
	for name, d := range descriptions() {
		if name == "webhook" {
			continue
		}
		for path, item := range d.doc.Paths.Map() {
			for method, op := range item.Operations() {
				if called[op.OperationID] == (absent[op.OperationID] != "") {
					fmt.Printf("%s %s (%s) of %s: called %t, absent %q\n", method, path, op.OperationID, name, called[op.OperationID], absent[op.OperationID])
					code = 1
				}
			}
		}
	}
	return code
}

// described holds answers against LINE's files.
func described(t *testing.T, got []exchange) {
	t.Helper()
	dir := vectors.Path(t, "specs", "line")
	if dir == "" {
		return
	}
	for _, x := range got {
		req := x.req.Clone(x.req.Context())
		req.URL.Path = strings.TrimPrefix(req.URL.Path, "/api-data")
		what := req.Method + " " + req.URL.Path + " " + strconv.Itoa(x.status)
		d, route, params := find(t, dir, req)
		if d == nil {
			if x.status != http.StatusNotFound {
				t.Errorf("%s is in none of LINE's files", what)
			}
			continue
		}
		called[route.Operation.OperationID] = true
		if route.Operation.Responses.Status(x.status) == nil {
			if !slices.Contains(missing, x.status) {
				t.Errorf("%s: LINE's file knows no such status", what)
			}
			wrong(t, dir, what, req.URL.Path, x.body)
			continue
		}
		err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
			Status:                 x.status, Header: x.header, Body: io.NopCloser(bytes.NewReader(x.body)),
		})
		if err != nil {
			t.Errorf("%s %s: %v", what, x.body, err)
		}
	}
}

func find(t *testing.T, dir string, req *http.Request) (*description, *routers.Route, map[string]string) {
	t.Helper()
	for _, name := range files {
		d := read(t, dir, name)
		if route, params, err := d.router.FindRoute(req); err == nil {
			return d, route, params
		}
	}
	return nil, nil, nil
}

// wrong holds a body to be an error of the Messaging API, or of OAuth.
func wrong(t *testing.T, dir, what, path string, body []byte) {
	t.Helper()
	file, schema := "messaging-api", "ErrorResponse"
	if strings.Contains(path, "oauth") {
		file, schema = "channel-access-token", "ErrorResponse"
	}
	s := read(t, dir, file).doc.Components.Schemas[schema]
	v, err := jsonOf(body)
	if err == nil {
		err = s.Value.VisitJSON(v, openapi3.MultiErrors())
	}
	if err != nil {
		t.Errorf("%s %s: %v", what, body, err)
	}
}
