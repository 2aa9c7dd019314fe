package zendesk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/zendesk/sim"
)

const (
	mail    = "agent@hinata.example"
	token   = "0123456789abcdefghijABCDEFGHIJ0123456789"
	hookKey = "dGhpcyBpcyB0aGUgc2VjcmV0IG9mIGEgaG9vaw=="
	group   = 9007199254740993 // 2^53 + 1: no float64 holds it
	plan    = 1152921504606846977
	queue   = engawa.Address("9007199254740993")
)

var settings = map[string]string{
	"subdomain": "hinata", "mail": mail, "token": token, "webhook_secret": hookKey, "tags": "engawa, application",
	"custom_fields": "1152921504606846977 = data.plan\n360001 = data.amount\n", "base_url": "https://zendesk.example",
}

func with(change map[string]string) channel.Settings {
	s := channel.Settings{}
	maps.Copy(s, settings)
	maps.Copy(s, change)
	return s
}

func answered(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func limited(after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "Number of allowed API requests per minute exceeded")
	}
}

func handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	return channeltest.Taken{Key: r.Header.Get("Idempotency-Key"), Body: body}, r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/tickets")
}

// fields are those that settings map.
var fields = []sim.Field{{ID: plan, Title: "プラン", Type: "text"}, {ID: 360001, Title: "金額", Type: "integer"}}

func newSim() *sim.Server {
	s := &sim.Server{Mail: mail, Token: token, Polite: true, Fields: fields}
	s.AddGroup(group, "申込の窓口")
	return s
}

func suite() channeltest.Case {
	return channeltest.Case{
		Kind: Kind, Settings: settings, To: queue,
		Want: map[channeltest.Mood]channel.Class{
			channeltest.Down:   channel.Ambiguous, // a ticket may have been opened; the same key settles it
			channeltest.NoSuch: channel.Rejected,  // a group that is gone is an operator's matter, no dead address
		},
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{
				Sim: newSim(), Handover: handover,
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited:    limited(""),
					channeltest.LimitedFor: limited("30"),
					channeltest.Down:       answered(503, `<html>Service Unavailable</html>`),
					channeltest.Refuses:    answered(422, `{"error":"RecordInvalid","description":"Record validation errors","details":{"requester":[{"description":"Requester: Email: is not properly formatted","error":"InvalidValue"}]}}`),
					channeltest.Locked:     answered(401, `{"error":"Couldn't authenticate you"}`),
					channeltest.NoSuch:     answered(422, `{"error":"RecordInvalid","details":{"group":[{"description":"Group is invalid"}]}}`),
				},
			}.World(t, m)
		},
		Callback: &callback,
	}
}

var callback = channeltest.Callback{
	Body: []byte(`{"account_id":22129848,"detail":{"id":"1152921504606846990","external_id":"dlv_01kb3qxyz0123456789abcdefg","status":"OPEN","subject":"お申し込み"},` +
		`"event":{"current":"OPEN","previous":"NEW"},"id":"01GDH1T6KVEGKD0V6RRPVXMAFN","subject":"zen:ticket:1152921504606846990","time":"2026-11-24T01:02:03Z",` +
		`"type":"zen:event-type:ticket.status_changed","zendesk_event_version":"2022-11-06"}`),
	Type:   "ticket.status_changed",
	Sign:   signed,
	MaxAge: MaxAge,
}

// signed is a webhook's headers; that the signature is Zendesk's is held by
// TestSignature, with openssl's.
func signed(body []byte, at time.Time) http.Header {
	stamp := at.UTC().Format(time.RFC3339)
	return http.Header{
		"X-Zendesk-Webhook-Signature":           {base64.StdEncoding.EncodeToString(sign([]byte(hookKey), stamp, body))},
		"X-Zendesk-Webhook-Signature-Timestamp": {stamp},
	}
}

func TestChannel(t *testing.T) { channeltest.Run(t, suite()) }

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver {
		ch, err := open(settings, channel.Env{Account: channeltest.Account})
		if err != nil {
			f.Fatal(err)
		}
		return ch.(channel.Receiver)
	}, callback)
}

func opened(t *testing.T, h http.Handler) *account {
	t.Helper()
	a, err := connect(settings, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(h)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func about() *engawa.About {
	return &engawa.About{
		Customer: "cus_1", Name: "田中 美咲", Mail: "Misaki.Tanaka@customer.example", Event: "evt_1", Type: "application.completed",
		Data: []byte(`{"plan":"yearly","amount":9007199254740993,"m":{"name":"別名","email":"typed@customer.example"}}`),
	}
}

// told is a parcel that tells of a customer. A verdict hands About over; here
// the body is asked for directly.
func told(to engawa.Address) engawa.Parcel {
	p := channeltest.Parcel(to)
	p.About = about()
	return p
}

// TestTicket: what arrives, to the digit: the requester, the internal note, the
// group, the fields and the id by which it is found again.
func TestTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		a := opened(t, s)
		r, se := a.create(t.Context(), told(queue))
		if se != nil {
			t.Fatal(se)
		}
		tickets := s.Tickets()
		if len(tickets) != 1 {
			t.Fatalf("%d tickets", len(tickets))
		}
		got := tickets[0]
		who := s.Requester(got)
		if who.Name != "田中 美咲" || who.Mail != "misaki.tanaka@customer.example" {
			t.Errorf("requester %+v", who)
		}
		if got.IsPublic || got.Comments[0].Public || got.Comments[0].Body != "契約: 456\n금액: ¥1,980\nPlan: yearly" || got.Subject != "定期決済に失敗しました" {
			t.Errorf("%+v", got)
		}
		if *got.External != "dlv_0123456789abcdefghjkmnpqrs" || *got.Group != group || !slices.Equal(got.Tags, []string{"engawa", "application"}) {
			t.Errorf("external %s, group %d, tags %q", *got.External, *got.Group, got.Tags)
		}
		if got.Fields[0].Value != "yearly" || got.Fields[1].Value != json.Number("9007199254740993") {
			t.Errorf("fields %+v", got.Fields)
		}
		if want := json.Number(r.ProviderID); want == "" || !strings.HasSuffix(got.URL, "/"+r.ProviderID+".json") {
			t.Errorf("the receipt says %q, the ticket is %s", r.ProviderID, got.URL)
		}
		if flags := s.Flags(); len(flags) > 0 {
			t.Errorf("the provider had to put right: %q", flags)
		}
		for _, leak := range []string{"tanaka", "customer.example", queue.Reveal(), token} {
			if strings.Contains(strings.ToLower(r.Exchange.Request+r.Exchange.Response), strings.ToLower(leak)) {
				t.Errorf("%q is kept: %+v", leak, r.Exchange)
			}
		}
	})
}

// TestRequester: the customer's address with us, else the one that came with the
// event, else nobody; never a name alone.
func TestRequester(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*engawa.About)
		name, mail string
	}{
		"ours":                 {func(*engawa.About) {}, "田中 美咲", "Misaki.Tanaka@customer.example"},
		"typed":                {func(a *engawa.About) { a.Mail, a.Name = "", "" }, "別名", "typed@customer.example"},
		"no name":              {func(a *engawa.About) { a.Name, a.Data = "", nil }, "Misaki.Tanaka", "Misaki.Tanaka@customer.example"},
		"no address":           {func(a *engawa.About) { a.Mail, a.Data = "", nil }, "", ""},
		"no address at all":    {func(a *engawa.About) { a.Mail, a.Data = "", []byte(`{"m":{"email":"090-1234"}}`) }, "", ""},
		"a name with a header": {func(a *engawa.About) { a.Mail, a.Data = "", []byte(`{"m":{"email":"a <b@c.example>"}}`) }, "", ""},
	} {
		a := about()
		tc.change(a)
		got := who(a, readData(a.Data))
		if tc.mail == "" && got != nil || tc.mail != "" && (got == nil || got.Name != tc.name || got.Mail != tc.mail) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestDefaultQueue: without a group, and without somebody to tell of, the
// ticket has neither key.
func TestDefaultQueue(t *testing.T) {
	a := opened(t, nil)
	b, err := a.body(channeltest.Parcel(Default))
	if err != nil || bytes.Contains(b, []byte("group_id")) || bytes.Contains(b, []byte("requester")) || !bytes.Contains(b, []byte(`"public":false`)) {
		t.Errorf("%s %v", b, err)
	}
}

// TestKey: within the key's life the same bytes go again and open no second
// ticket; after it the ticket is looked for first; and an attempt whose end
// nobody saw is looked for too.
func TestKey(t *testing.T) {
	for name, tc := range map[string]struct {
		wait  time.Duration
		carry bool // the first attempt left its time behind
		posts int
	}{
		"a minute later":     {time.Minute, true, 2},
		"before the end":     {KeyLife - time.Minute, true, 2},
		"after the end":      {KeyLife + time.Minute, true, 1},
		"a day later":        {24 * time.Hour, true, 1},
		"after a kill":       {time.Minute, false, 1},
		"a day after a kill": {24 * time.Hour, false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSim()
			posts, lose := 0, true
			a := opened(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					s.ServeHTTP(w, r)
					return
				}
				if posts++; lose {
					lose = false
					s.ServeHTTP(discard{http.Header{}}, r)
					panic(http.ErrAbortHandler)
				}
				s.ServeHTTP(w, r)
			}))
			p := channeltest.Parcel(queue)
			_, err := a.Send(t.Context(), channeltest.Cleared(t, p))
			se, ok := err.(*channel.SendError)
			if !ok || se.Class != channel.Ambiguous {
				t.Fatalf("%s: %v", name, err)
			}
			time.Sleep(tc.wait)
			p.Attempt = 2
			if tc.carry {
				p.Carry = se.Carry
			}
			r, err := a.Send(t.Context(), channeltest.Cleared(t, p))
			if err != nil || r.ProviderID == "" || len(s.Tickets()) != 1 || posts != tc.posts {
				t.Errorf("%s: %v, ticket %q, %d tickets, %d posts, want %d", name, err, r.ProviderID, len(s.Tickets()), posts, tc.posts)
			}
			if bytes.Contains(se.Carry, []byte("@")) || len(se.Carry) > 64 {
				t.Errorf("%s: what is carried is kept in the open: %q", name, se.Carry)
			}
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// TestOtherBody: the customer was renamed between two attempts. The provider
// refuses the key with another body, and the ticket that is there counts.
func TestOtherBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		a := opened(t, s)
		p := told(queue)
		first, se := a.create(t.Context(), p)
		if se != nil {
			t.Fatal(se)
		}
		p.About.Name = "鈴木 美咲"
		again, se := a.create(t.Context(), p)
		if se != nil || again.ProviderID != first.ProviderID || len(s.Tickets()) != 1 {
			t.Errorf("%v, %q and %q, %d tickets", se, first.ProviderID, again.ProviderID, len(s.Tickets()))
		}
	})
}

// TestAnswers names every answer.
func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		class  channel.Class
		code   string
	}{
		"bad JSON":          {400, `{"error":"Unprocessable Entity"}`, channel.Rejected, "400"},
		"wrong token":       {401, `{"error":"Couldn't authenticate you"}`, channel.AccountClosed, "401"},
		"no right":          {403, `{"error":{"title":"Forbidden","message":"You do not have access to this page."}}`, channel.AccountClosed, "403 Forbidden"},
		"no account":        {404, `{"error":"InvalidEndpoint","description":"Not found"}`, channel.AccountClosed, "404 InvalidEndpoint"},
		"moved":             {301, ``, channel.AccountClosed, "301"},
		"first at work":     {409, `{"error":"Conflict"}`, channel.Again, "409 Conflict"},
		"too large":         {413, ``, channel.Rejected, "413"},
		"record":            {422, `{"error":"RecordInvalid","details":{}}`, channel.Rejected, "422 RecordInvalid"},
		"a text":            {500, `Internal Server Error`, channel.Ambiguous, "500"},
		"proxy":             {502, `<html>`, channel.Ambiguous, "502"},
		"an error in a 201": {201, `{"error":"RecordInvalid","ticket":{"id":5}}`, channel.Ambiguous, "answer"},
		"no ticket":         {201, `{}`, channel.Ambiguous, "answer"},
		"no id":             {200, `{"ticket":{"id":null}}`, channel.Ambiguous, "answer"},
		"id zero":           {200, `{"ticket":{"id":0}}`, channel.Ambiguous, "answer"},
		"a float":           {200, `{"ticket":{"id":1.5e3}}`, channel.Ambiguous, "answer"},
		"a page":            {200, "<html>maintenance</html>", channel.Ambiguous, "answer"},
		"nothing":           {204, ``, channel.Ambiguous, "204"},
		"another charset":   {200, "\x82\xa0", channel.Ambiguous, "answer"},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := opened(t, answered(tc.status, tc.body))
			_, err := a.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel(queue)))
			se, ok := err.(*channel.SendError)
			if !ok || se.Class != tc.class || se.Code != tc.code || !utf8.ValidString(se.Exchange.Response) {
				t.Errorf("%s: %v; want %s %s", name, err, tc.class, tc.code)
			}
		})
	}
}

// TestStrangeSuccess: a 201 without an id is no success by itself; the ticket is
// looked for, and what is found counts.
func TestStrangeSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		a := opened(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				s.ServeHTTP(discard{http.Header{}}, r)
				answered(201, `{"ticket":{}}`)(w, r)
				return
			}
			s.ServeHTTP(w, r)
		}))
		r, err := a.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel(queue)))
		if err != nil || r.ProviderID == "" {
			t.Errorf("%v, %q", err, r.ProviderID)
		}
	})
}

// TestLimits: both families of headers, and the three ways to say 429.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, tc := range map[string]struct {
			h     http.Header
			left  int
			reset time.Duration // -1: nothing is believed
		}{
			"seconds left": {http.Header{"Ratelimit-Remaining": {"7"}, "Ratelimit-Reset": {"41"}}, 7, 41 * time.Second},
			"older":        {http.Header{"X-Rate-Limit-Remaining": {"3"}}, 3, time.Minute},
			"a clock":      {http.Header{"Ratelimit-Remaining": {"7"}, "Ratelimit-Reset": {"1795449600"}}, 0, -1},
			"words":        {http.Header{"Ratelimit-Remaining": {"few"}, "Ratelimit-Reset": {"soon"}}, 0, -1},
			"negative":     {http.Header{"X-Rate-Limit-Remaining": {"-1"}}, 0, -1},
		} {
			got := seen(tc.h)
			if tc.reset < 0 {
				if got != nil {
					t.Errorf("%s: %+v", name, got)
				}
			} else if len(got) != 1 || got[0].Remaining != tc.left || got[0].ResetsAt.Sub(now) != tc.reset || got[0].Scope != scopeAccount {
				t.Errorf("%s: %+v", name, got)
			}
		}
		for told, want := range map[sim.Told]time.Duration{sim.ToldAsJSON: 61 * time.Second, sim.ToldAsText: 61 * time.Second, sim.Untold: time.Minute} {
			s := newSim()
			s.Told = told
			s.UseElsewhere(200)
			a := opened(t, s)
			_, err := a.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel(queue)))
			se, ok := err.(*channel.SendError)
			if !ok || se.Class != channel.Again || se.After != want || len(se.Seen) != 1 || time.Until(se.Seen[0].ResetsAt) != want {
				t.Errorf("%d: %+v", told, se)
			}
		}
	})
}

// TestSubdomain: what people paste is understood, or refused with what to type.
func TestSubdomain(t *testing.T) {
	for in, want := range map[string]string{
		"hinata": "hinata", " Hinata ": "hinata", "hinata.zendesk.com": "hinata", "https://hinata.zendesk.com": "hinata",
		"https://hinata.zendesk.com/agent/dashboard?x=1": "hinata", "hinata.zendesk.com/agent": "hinata", "hinata-coffee1": "hinata-coffee1",
		"": "", "https://support.hinata.example": "", "hinata coffee": "", "hinata@example.jp": "", "-hinata": "", "https://zendesk.com.evil.example": "", "http://%zz": "",
	} {
		got, err := subdomain(in)
		e, isOurs := err.(*engawa.Error)
		if want == "" && (!isOurs || e.Field != "/settings/subdomain" || !strings.Contains(e.Remedy, "before .zendesk.com")) || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// TestSettings: each wrong setting is named.
func TestSettings(t *testing.T) {
	for name, tc := range map[string]struct {
		change map[string]string
		field  string // empty: taken
	}{
		"as it is":            {nil, ""},
		"OAuth alone":         {map[string]string{"mail": "", "token": "", "oauth_token": "x"}, ""},
		"two tokens":          {map[string]string{"oauth_token": "x"}, "/settings/oauth_token"},
		"no token":            {map[string]string{"token": ""}, "/settings/client_id"},
		"a client":            {byClient, ""},
		"a client and more":   {map[string]string{"client_id": clientID, "client_secret": clientSecret}, "/settings/client_id"},
		"half a client":       {map[string]string{"client_id": clientID, "mail": "", "token": ""}, "/settings/client_secret"},
		"a brand's name":      {map[string]string{"brand": "ひなた"}, "/settings/brand"},
		"a form's name":       {map[string]string{"form": "1.5"}, "/settings/form"},
		"a token of nobody":   {map[string]string{"mail": ""}, "/settings/mail"},
		"a tag that is none":  {map[string]string{"tags": `a"b`}, "/settings/tags"},
		"no field":            {map[string]string{"custom_fields": "plan = data.plan"}, "/settings/custom_fields"},
		"no source":           {map[string]string{"custom_fields": "360001"}, "/settings/custom_fields"},
		"a foreign source":    {map[string]string{"custom_fields": "360001 = customer.mail"}, "/settings/custom_fields"},
		"twice":               {map[string]string{"custom_fields": "1 = data.a\n1 = data.b"}, "/settings/custom_fields"},
		"comments and spaces": {map[string]string{"custom_fields": "# プラン\r\n\r\n  1=data.a \r\n2 = event.type"}, ""},
	} {
		_, err := connect(with(tc.change), channel.Env{})
		var field string
		if e, ok := err.(*engawa.Error); ok {
			field = e.Field
		}
		if field != tc.field || (err != nil) != (tc.field != "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProbe tells what is wrong: the subdomain, the token, the person, the moment.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			h     http.Handler
			code  engawa.Code
			field string
		}{
			"fine":            {newSim(), "", ""},
			"another token":   {&sim.Server{Mail: mail, Token: "another", Polite: true}, engawa.CodeInvalid, "/settings/token"},
			"a page for all":  {answered(200, `[]`), engawa.CodeInvalid, "/settings/subdomain"},
			"an end user":     {&sim.Server{EndUser: true, Polite: true}, engawa.CodeInvalid, "/settings/mail"},
			"nobody":          {answered(200, `{"user":{"id":null,"name":"Anonymous user","role":"end-user"}}`), engawa.CodeInvalid, "/settings/token"},
			"no such account": {answered(404, `{"error":"InvalidEndpoint"}`), engawa.CodeInvalid, "/settings/subdomain"},
			"moved away":      {http.RedirectHandler("https://www.zendesk.com/", http.StatusFound), engawa.CodeInvalid, "/settings/subdomain"},
			"a web page":      {answered(200, `<html>`), engawa.CodeInvalid, "/settings/subdomain"},
			"down":            {answered(503, ``), engawa.CodeUnavailable, ""},
			"limited":         {limited("5"), engawa.CodeUnavailable, ""},
			"no such field":   {&sim.Server{Polite: true, Fields: fields[:1]}, engawa.CodeInvalid, "/settings/custom_fields"},
			"a field is off":  {&sim.Server{Polite: true, Fields: []sim.Field{fields[0], {ID: 360001, Off: true}}}, engawa.CodeInvalid, "/settings/custom_fields"},
			"on another page": {&sim.Server{Polite: true, Page: 1, Fields: fields}, "", ""},
			"fields, down":    {asAgent(answered(500, ``)), engawa.CodeUnavailable, ""},
			"fields, hidden":  {asAgent(answered(403, `{"error":"Forbidden"}`)), "", ""},
			"fields, none":    {asAgent(answered(200, `{}`)), engawa.CodeUnavailable, ""},
			"fields, no end":  {asAgent(answered(200, `{"ticket_fields":[{"id":1}],"meta":{"has_more":true,"after_cursor":"1"}}`)), engawa.CodeUnavailable, ""},
			"no cursor":       {asAgent(answered(200, `{"ticket_fields":[{"id":1}],"meta":{"has_more":true}}`)), engawa.CodeUnavailable, ""},
			"no pages":        {asAgent(answered(200, `{"ticket_fields":[{"id":1152921504606846977,"active":true},{"id":360001,"active":true}]}`)), "", ""},
		} {
			err := opened(t, tc.h).Probe(t.Context())
			var got engawa.Error
			if e, ok := err.(*engawa.Error); ok {
				got = *e
			}
			if got.Code != tc.code || got.Field != tc.field || (err != nil) != (tc.code != "") || err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s: %v at %q", name, err, got.Field)
			}
		}
	})
}

// asAgent answers who the token is, and leaves the rest to h.
func asAgent(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/users/me" {
			answered(200, `{"user":{"id":1,"role":"agent"}}`)(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// TestTold: a failed question is put into words whatever its code is.
func TestTold(t *testing.T) {
	a := opened(t, nil)
	for code, field := range map[string]string{"": "/settings/subdomain", "no": "/settings/subdomain", "token": "/settings/subdomain", "token 401 invalid_client": "/settings/token", "403": "/settings/token"} {
		if e := a.told(&channel.SendError{Class: channel.AccountClosed, Code: code}); e.Field != field {
			t.Errorf("%q: %+v", code, e)
		}
	}
}

// TestGroups: the picker offers Zendesk's own rules first, then the groups of
// every page.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.Page = 1
		s.AddGroup(7, "契約の窓口")
		got, err := Groups(t.Context(), settings, channel.Env{HTTP: channeltest.Client(s)})
		want := []channel.Place{{Address: Default, Name: "Zendesk (default)"}, {Address: queue, Name: "申込の窓口"}, {Address: "7", Name: "契約の窓口"}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestReceive: every ticket event finds its name and, where we opened the
// ticket, its delivery; our own opening is no event; the rest is kept unknown.
func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := opened(t, nil)
		hook := func(typ, external string) []byte {
			return []byte(`{"id":"01","type":"` + typ + `","time":"2026-11-24T01:02:03Z","detail":{"id":35436,"external_id":"` + external + `","status":"OPEN"},` +
				`"event":{"current":"OPEN","previous":null,"comment":{"id":"7","body":"了解です","is_public":false,"author":{"name":"窓口","is_staff":true}}}}`)
		}
		const ours = "dlv_01kb3qxyz0123456789abcdefg"
		for typ, want := range types {
			body := hook(typ, ours)
			events, err := a.Receive(signed(body, time.Now()), body)
			if want == "ticket.created" {
				if err != nil || len(events) != 0 {
					t.Errorf("our own ticket became %d events, %v", len(events), err)
				}
				continue
			}
			if err != nil || len(events) != 1 || events[0].Type != want || events[0].Delivery != ours || events[0].Subject != "ticket:35436" || catalogue.Check(events[0]) != nil {
				t.Errorf("%s: %+v, %v", typ, events, err)
			}
		}
		for typ, want := range map[string]string{"zen:event-type:ticket.created": "ticket.created", "zen:event-type:ticket.painted": "zendesk.unknown"} {
			body := hook(typ, "order-9")
			events, err := a.Receive(signed(body, time.Now()), body)
			if err != nil || len(events) != 1 || events[0].Type != want || events[0].Delivery != "" || events[0].Known == (want == "zendesk.unknown") {
				t.Errorf("%s: %+v, %v", typ, events, err)
			}
		}
		body := hook("zen:event-type:ticket.comment_added", ours)
		events, err := a.Receive(signed(body, time.Now()), body)
		var data struct {
			Ticket  struct{ ID, Status string }
			Comment struct {
				Body          string
				Public, Staff bool
			}
		}
		if err == nil {
			err = json.Unmarshal(events[0].Data, &data)
		}
		if err != nil || data.Ticket.ID != "35436" || data.Ticket.Status != "open" || data.Comment.Body != "了解です" || data.Comment.Public || !data.Comment.Staff {
			t.Errorf("%+v, %v", data, err)
		}
	})
}

// TestSignature holds the signature to Zendesk's words: the timestamp and the
// body with nothing between them.
func TestSignature(t *testing.T) {
	// printf '%s' '2021-03-25T05:09:27Z{"a":1}' | openssl dgst -sha256 -hmac dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ== -binary | base64
	const want = "/mXSigLOoEkcTQbsWqgaVKrxFhN+K298pf/niM2rAnI="
	if got := base64.StdEncoding.EncodeToString(sign([]byte("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="), "2021-03-25T05:09:27Z", []byte(`{"a":1}`))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRoad: a ticket that the sim's agent changes comes back as an event, over
// the sim's own signature.
func TestRoad(t *testing.T) {
	s := newSim()
	a := opened(t, s)
	var events []engawa.Event
	s.Hook = sim.Hook{URL: "https://hub.example/in/acc", Secret: hookKey, Client: channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, err := a.Receive(r.Header, body)
		if err != nil {
			t.Error(err)
		}
		events = append(events, got...)
	}))}
	if _, se := a.create(t.Context(), told(Default)); se != nil {
		t.Fatal(se)
	}
	id := s.Tickets()[0].ID
	if err := s.SetStatus(id, "solved"); err != nil {
		t.Fatal(err)
	}
	if err := s.Say(id, "お電話しました", false); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[0].Type != "ticket.status_changed" || events[1].Type != "ticket.commented" || events[0].Delivery != told(Default).Delivery {
		t.Fatalf("%d events: %+v", len(events), events)
	}
}
