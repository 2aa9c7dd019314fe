package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// call is one call of the Messaging API that was let in.
type call struct {
	*Server
	r    *http.Request
	of   *account
	args map[string]string // of the path
	body []byte
	id   string // of the request
	key  string // the retry key
	at   route

	isTooFast bool     // beyond a rate
	noted     []string // mistakes of the client
}

// limit is a rate: so many calls within per.
type limit struct {
	n   int
	per time.Duration
}

// The limits, of an endpoint and method of one channel.
var (
	perHour3     = limit{3, time.Hour}
	perHour60    = limit{60, time.Hour}
	perHour100   = limit{100, time.Hour}
	perMinute60  = limit{60, time.Minute}
	perMinute1k  = limit{1000, time.Minute}
	perSecond10  = limit{10, time.Second}
	perSecond100 = limit{100, time.Second}
	perSecond200 = limit{200, time.Second}
	perSecond370 = limit{370, time.Second}
	perSecond2k  = limit{2000, time.Second}
)

// route is one endpoint.
type route struct {
	method, path string
	limit        limit
	do           func(*call) reply
	data         bool // on api-data.line.me
	raw          bool // takes no JSON
	keyed        bool // takes a retry key
}

var routes = slices.Concat([]route{
	{"POST", "/v2/bot/message/reply", perSecond2k, (*call).reply, false, false, false},
	{"POST", "/v2/bot/message/push", perSecond2k, (*call).push, false, false, true},
	{"POST", "/v2/bot/message/multicast", perSecond200, (*call).multicast, false, false, true},
	{"POST", "/v2/bot/message/broadcast", perHour60, (*call).broadcast, false, false, true},
	{"POST", "/v2/bot/message/validate/{kind}", perSecond2k, (*call).validate, false, false, false},
	{"GET", "/v2/bot/message/quota", perSecond2k, (*call).quota, false, false, false},
	{"GET", "/v2/bot/message/quota/consumption", perSecond2k, (*call).consumption, false, false, false},
	{"GET", "/v2/bot/message/delivery/{kind}", perSecond2k, (*call).delivery, false, false, false},
	{"GET", "/v2/bot/message/aggregation/info", perSecond2k, (*call).unitInfo, false, false, false},
	{"GET", "/v2/bot/message/aggregation/list", perSecond2k, (*call).unitList, false, false, false},
	{"GET", "/v2/bot/profile/{userId}", perSecond2k, (*call).profile, false, false, false},
	{"GET", "/v2/bot/followers/ids", perSecond2k, (*call).followers, false, false, false},
	{"GET", "/v2/bot/info", perSecond2k, (*call).info, false, false, false},
	{"GET", "/v2/bot/channel/webhook/endpoint", perMinute1k, (*call).getEndpoint, false, false, false},
	{"PUT", "/v2/bot/channel/webhook/endpoint", perMinute1k, (*call).setEndpoint, false, false, false},
	{"POST", "/v2/bot/channel/webhook/test", perHour60, (*call).testEndpoint, false, false, false},
	{"POST", "/v2/bot/chat/loading/start", perSecond100, (*call).loading, false, false, false},
}, narrowcastRoutes, menuRoutes, couponRoutes, audienceRoutes, insightRoutes, loginRoutes, groupRoutes, contentRoutes, memberRoutes)

// match finds the route of a call; there is none where other methods have the
// path.
func match(hostName, method, path string) (found route, args map[string]string, known bool) {
	for _, at := range routes {
		if at.data != (hostName == "api-data.line.me") {
			continue
		}
		args, ok := fits(at.path, path)
		if !ok {
			continue
		}
		if known = true; at.method == method {
			return at, args, true
		}
	}
	return route{}, nil, known
}

func fits(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	args := map[string]string{}
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "{"):
			if got[i] == "" {
				return nil, false
			}
			args[strings.Trim(part, "{}")] = got[i]
		case part != got[i]:
			return nil, false
		}
	}
	return args, true
}

const maxBody = 2 << 20 // bytes

// answer answers a call in the order in which the simulator looks at it: the
// path, who asks, the size and type, the rate, the JSON, then what is asked for.
func (s *Server) answer(r *http.Request, body []byte, requestID string) (reply, *call) {
	s.enter()
	defer s.leave()
	name, path := host(r)
	if do := s.keyless(name, r.Method, path); do != nil {
		return do(r, body), nil
	}
	at, args, known := match(name, r.Method, path)
	switch {
	case at.do == nil && known:
		return refuse(http.StatusMethodNotAllowed, "Method not allowed"), nil
	case at.do == nil:
		return notFound(), nil
	}
	of, refused := s.caller(r)
	if refused != nil {
		return *refused, nil
	}
	c := &call{Server: s, r: r, of: of, args: args, body: body, id: requestID, key: r.Header.Get("X-Line-Retry-Key"), at: at}
	return c.checked(), c
}

// checked is the answer to a call of whom we know.
func (c *call) checked() reply {
	content, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	switch {
	case len(c.body) > maxBody && !c.at.data:
		return refuse(http.StatusRequestEntityTooLarge, "Request body is too large")
	case !c.at.raw && len(c.body) > 0 && content != "application/json":
		return refuse(http.StatusBadRequest, "The content type, "+content+", is not supported")
	case !c.take(c.of, c.at.method+" "+c.at.path, c.at.limit):
		return c.slower()
	case !c.at.raw && len(c.body) > 0 && !json.Valid(c.body):
		return refuse(http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
	case c.key != "" && !c.at.keyed:
		return refuse(http.StatusBadRequest, "The retry key is not supported by this endpoint")
	}
	return c.at.do(c)
}

// into reads the body's JSON; a value of another type than is asked for is no
// request.
func (c *call) into(v any) *reply {
	if err := json.Unmarshal(c.body, v); err != nil {
		out := refuse(http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
		if e, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // Unmarshal wraps nothing
			out = badProperty(e.Field)
		}
		return &out
	}
	return nil
}
