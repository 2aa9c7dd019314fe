package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa/internal/rude/rudetest"
)

var update = flag.Bool("update", false, "print docs/zendesk-sim.md anew")

// TestTable prints the cases in docs/zendesk-sim.md and runs those that have no
// test of their own.
func TestTable(t *testing.T) {
	rudetest.Table(t, "../../../../docs/zendesk-sim.md", *update, []rudetest.Part{
		{Title: "Credentials", Cases: []rudetest.Case{
			{Says: "Basic, parted at the last `/token:`, or a bearer token; else 401 `Couldn't authenticate you`", Test: TestCredentials},
			{Says: "client credentials get tokens that end, for what the client may and asks for; errors as OAuth words them", Test: TestGrants},
			{Says: "who is no agent: `users/me` says so, all else is 403 with an object for `error`", Test: endUser},
		}},
		{Title: "Tickets", Cases: []rudetest.Case{
			{Says: "a new ticket: 201, `Location`, the whole ticket, status `new`", Test: created},
			{Says: "paths end with `.json` too", Test: answers("GET", "/api/v2/users/me.json", "", 200, `"role":"agent"`)},
			{Says: "a form in place of JSON: 415", Test: form},
			{Says: "no JSON: 400", Test: answers("POST", "/api/v2/tickets", `{`, 400, "parse")},
			{Says: "no ticket: 400", Test: answers("POST", "/api/v2/tickets", `{}`, 400, "ticket is required")},
			{Says: "no comment: 422 `RecordInvalid`, with the field in `details`", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"subject":"s"}}`, 422, `"error":"RecordInvalid"`, `"details":{"base":[{"description":"Description: cannot be blank","error":`)},
			{Says: "`body` and `html_body`: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b","html_body":"h"}}}`, 422, "exclude")},
			{Says: "`html_body` alone is taken; the first comment becomes the description", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"html_body":"<b>a &amp; b</b>"}}}`, 201, `"description":"a \u0026 b"`)},
			{Says: "a comment beyond 64 kB: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"`+strings.Repeat("x", 65537)+`"}}}`, 422, "too long")},
			{Says: "a known address is that user, an unknown one a new end user", Test: requesters},
			{Says: "an unknown address without a name: 422 under `requester`", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"requester":{"email":"x@y.example"}}}`, 422, `"requester":[`, "Name")},
			{Says: "what is no address: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"requester":{"name":"n","email":"090"}}}`, 422, "not properly formatted")},
			{Says: "a suspended requester: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"requester":{"name":"n","email":"gone@customer.example"}}}`, 422, "suspended")},
			{Says: "`requester` and `requester_id`: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"requester":{"name":"n","email":"x@y.example"},"requester_id":5}}`, 422, "not both")},
			{Says: "an unknown `requester_id`: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"requester_id":5}}`, 422, "Requester is invalid")},
			{Says: "a group that there is not: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"group_id":8}}`, 422, "Group")},
			{Says: "a custom field that there is not: 422; ids are beyond 2^53", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"custom_fields":[{"id":9007199254740992,"value":1}]}}`, 422, "9007199254740992")},
			{Says: "another type than problem, incident, question and task: 422", Test: answers("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"type":"wish"}}`, 422, "Type")},
			{Says: "brand, form and priority that are in use, or 422; no forms by the plan: 403", Test: TestOptions},
			{Says: "tags get `_` for a space, and a public comment would be mailed: both in silence, flagged here", Test: TestFlags},
			{Says: "`external_id` is not unique: the list has both", Test: external},
			{Says: "changes: status, comments, and tags in place of all that were there", Test: changes},
			{Says: "a ticket that there is not: 404 `RecordNotFound`", Test: answers("GET", "/api/v2/tickets/5", "", 404, `"error":"RecordNotFound"`)},
			{Says: "a path that there is not: 404; requests by end users (`POST /requests`) too", Test: answers("POST", "/api/v2/requests", `{"request":{}}`, 404, "InvalidEndpoint")},
		}},
		{Title: "Idempotency", Cases: []rudetest.Case{
			{Says: "for 2 hours a key gives the first answer again (`x-idempotency-lookup: hit`); another body is 400 `IdempotentRequestError`; 255 characters; a refusal is not kept", Test: TestKeys},
			{Says: "a key on anything but a new ticket does nothing", Test: noKeys},
			{Says: "the first of two is still at it: 409, by a script", Test: busy},
			{Says: "dropped before it was accepted: no ticket; the same key opens it", Test: dropped(false, 0)},
			{Says: "dropped after it was accepted: a ticket; the same key answers with it", Test: dropped(true, 1)},
		}},
		{Title: "Lists, users and jobs", Cases: []rudetest.Case{
			{Says: "`GET users/me`", Test: answers("GET", "/api/v2/users/me", "", 200, `"role":"agent"`)},
			{Says: "`GET groups`", Test: answers("GET", "/api/v2/groups", "", 200, `"窓口"`)},
			{Says: "`GET ticket_fields`, with numbers for ids", Test: answers("GET", "/api/v2/ticket_fields", "", 200, `"id":9007199254740993`)},
			{Says: "`GET tickets/count`", Test: answers("GET", "/api/v2/tickets/count", "", 200, `"value":0`)},
			{Says: "pages by cursor (at most 100, `meta.has_more`, `links.next`) and by offset, which ends at page 100", Test: pagination},
			{Says: "a page by cursor of fewer records than were asked for (`Page`), of 2 unless it is `Polite`; fields that are switched off are listed", Test: shortPages},
			{Says: "the list has what is new at once; search and users after a lag (`Lag`)", Test: TestLag},
			{Says: "`create_or_update` by address or `external_id`: 201 new, 200 known, 422 without a name", Test: TestUsers},
			{Says: "a new user is written to unless `skip_verify_email`: flagged", Test: verifies},
			{Says: "`create_many`: 200 and a job", Test: answers("POST", "/api/v2/tickets/create_many", `{"tickets":[{"comment":{"body":"b"}},{}]}`, 200, `"status":"queued"`)},
			{Says: "`create_many` of none: 400", Test: answers("POST", "/api/v2/tickets/create_many", `{"tickets":[]}`, 400, "1 to 100")},
			{Says: "`create_many` of 101: 400", Test: answers("POST", "/api/v2/tickets/create_many", `{"tickets":[`+strings.TrimSuffix(strings.Repeat("{},", 101), ",")+`]}`, 400, "1 to 100")},
			{Says: "a job moves on when it is asked for, and completes with rows that failed; 30 at a time", Test: TestJob},
			{Says: "a job that fails or is killed (`JobEnds`)", Test: jobEnds},
		}},
		{Title: "Limits", Cases: []rudetest.Case{
			{Says: "calls a minute by plan (`Plan`); a 429 with `Retry-After` and JSON, with it and a text, or with a text alone (`Told`)", Test: TestLimit},
			{Says: "both families of headers on every answer to a call that counts, and on a 429 that tells the wait; none on a fault, on `/oauth/tokens` and on a 429 that is `Untold`; the reset is in seconds that are left", Test: headers},
			{Says: "30 updates of a ticket in 10 minutes", Test: TestUpdates},
			{Says: "100 updates of any tickets in a minute", Test: manyUpdates},
			{Says: "5 updates of a user in a minute", Test: userChanges},
			{Says: "the list of tickets has a limit and a header of its own", Test: ticketsIndex},
		}},
		{Title: "Webhooks", Cases: []rudetest.Case{
			{Says: "what an agent does at the page is sent: a status, a comment", Test: TestBoard},
			{Says: "signed: base64 of HMAC-SHA256 over timestamp and body, with nothing between", Test: signature},
		}},
		{Title: "Trouble", Cases: []rudetest.Case{
			{Says: "a status, before or after the work was done, by a script (`POST /_sim/faults`)", Test: TestFaults},
			{Says: "500 is a text, 502 to 504 a page of HTML", Test: trouble},
			{Says: "latency, half an answer, a slow half, a page of HTML: done all the same", Test: badAnswers},
			{Says: "7 calls in 100 fail unless it is `Polite`", Test: TestRude},
			{Says: "the log has each call with its JSON, fault and a hash of its credentials", Test: logged},
			{Says: "what no client must do: unknown path, parameter or member of a ticket, wrong type, no credentials, a call in a wait that was told", Test: violations},
			{Says: "the clock goes ahead (`POST /_sim/clock`); a reset leaves what the account is set up with", Test: clock},
		}},
	})
}

// answers asks once and wants a status and words in the answer; the call has
// been counted.
func answers(method, path, body string, code int, says ...string) func(*testing.T) {
	return func(t *testing.T) {
		w := ask(desk(), method, path, body)
		if w.Code != code || w.Header().Get("Ratelimit-Remaining") != "199" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		for _, want := range says {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s lacks %q", w.Body, want)
			}
		}
	}
}

func endUser(t *testing.T) {
	s := desk()
	s.EndUser = true
	if w := ask(s, "GET", "/api/v2/users/me", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"role":"end-user"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var out struct {
		Error struct{ Title, Message string }
	}
	if w := ask(s, "POST", "/api/v2/tickets", one); w.Code != 403 || json.Unmarshal(w.Body.Bytes(), &out) != nil || out.Error.Title != "Forbidden" || out.Error.Message == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func created(t *testing.T) {
	var out struct {
		Ticket struct {
			ID                   json.Number
			URL, Status, Subject string
			Description          string
			External             string      `json:"external_id"`
			Requester            json.Number `json:"requester_id"`
			Tags                 []string
			Fields               []FieldValue `json:"custom_fields"`
			Created              time.Time    `json:"created_at"`
		}
	}
	w := ask(desk(), "POST", "/api/v2/tickets", one)
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 201 || w.Header().Get("Location") != out.Ticket.URL || !strings.HasSuffix(out.Ticket.URL, "/api/v2/tickets/"+out.Ticket.ID.String()+".json") {
		t.Errorf("%d %v %v", w.Code, err, w.Header())
	}
	if k := out.Ticket; k.Status != "new" || k.Subject != "s" || k.Description != "b" || k.External != "e1" || k.Requester == "" || len(k.Fields) != 1 || k.Created.IsZero() {
		t.Errorf("%+v", k)
	}
	if n, err := out.Ticket.ID.Int64(); err != nil || int64(float64(n)) == n {
		t.Errorf("id %s fits a float", out.Ticket.ID)
	}
}

func form(t *testing.T) {
	if w := ask(desk(), "POST", "/api/v2/tickets", "ticket=1", "Content-Type", "application/x-www-form-urlencoded"); w.Code != 415 {
		t.Errorf("%d", w.Code)
	}
}

func requesters(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", one)
	ask(s, "POST", "/api/v2/tickets", strings.Replace(strings.Replace(one, `"n"`, `"other"`, 1), "N@", "n@", 1))
	ask(s, "POST", "/api/v2/tickets", strings.Replace(one, "N@", "m@", 1))
	k := s.Tickets()
	if k[0].Requester != k[1].Requester || k[0].Requester == k[2].Requester || s.Requester(k[1]).Name != "n" || s.Requester(k[2]).Role != "end-user" {
		t.Errorf("%+v %+v %+v", s.Requester(k[0]), s.Requester(k[1]), s.Requester(k[2]))
	}
	if ask(s, "POST", "/api/v2/tickets", fmt.Sprintf(`{"ticket":{"comment":{"body":"b"},"requester_id":%d}}`, k[2].Requester)); s.Tickets()[3].Requester != k[2].Requester {
		t.Error("by its id")
	}
}

func external(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", one)
	ask(s, "POST", "/api/v2/tickets", one)
	if w := ask(s, "GET", "/api/v2/tickets?external_id=e1", ""); !strings.Contains(w.Body.String(), `"count":2`) {
		t.Errorf("%s", w.Body)
	}
}

func changes(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b","public":false},"tags":["a","b"]}}`)
	w := ask(s, "PUT", fmt.Sprintf("/api/v2/tickets/%d", s.Tickets()[0].ID), `{"ticket":{"status":"open","tags":["c"],"comment":{"body":"d","public":false}}}`)
	if k := s.Tickets()[0]; w.Code != 200 || k.Status != "open" || !slices.Equal(k.Tags, []string{"c"}) || len(k.Comments) != 2 || k.Description != "b" {
		t.Errorf("%d %+v", w.Code, k)
	}
}

func noKeys(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", one)
	ticket := fmt.Sprintf("/api/v2/tickets/%d", s.Tickets()[0].ID)
	for range 2 {
		many := ask(s, "POST", "/api/v2/tickets/create_many", `{"tickets":[{"comment":{"body":"b"}}]}`, "Idempotency-Key", "k")
		put := ask(s, "PUT", ticket, `{"ticket":{"comment":{"body":"c"}}}`, "Idempotency-Key", "k")
		if many.Header().Get("X-Idempotency-Lookup") != "" || put.Header().Get("X-Idempotency-Lookup") != "" {
			t.Errorf("%v %v", many.Header(), put.Header())
		}
	}
	if k := s.Tickets(); len(k) != 3 || len(k[0].Comments) != 3 {
		t.Errorf("%d tickets, %d comments", len(k), len(k[0].Comments))
	}
}

func busy(t *testing.T) {
	s := desk()
	ask(s, "POST", "/_sim/faults", `{"next":[{"status":409}]}`)
	for _, want := range []int{409, 201} {
		if w := ask(s, "POST", "/api/v2/tickets", one, "Idempotency-Key", "k"); w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
}

// dropped loses the connection of one post, before or after it was taken, and
// posts again under the same key.
func dropped(done bool, tickets int) func(*testing.T) {
	return func(t *testing.T) {
		s := desk()
		srv := httptest.NewServer(s)
		defer srv.Close()
		ask(s, "POST", "/_sim/faults", fmt.Sprintf(`{"next":[{"status":-2,"done":%t}]}`, done))
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/v2/tickets", strings.NewReader(one))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody = nil // the transport would send it again: a key makes that safe in its eyes
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "k")
		req.SetBasicAuth("a@b.example/token", "t")
		if res, err := srv.Client().Do(req); err == nil {
			_ = res.Body.Close()
			t.Errorf("answered %d", res.StatusCode)
		}
		if n := len(s.Tickets()); n != tickets {
			t.Errorf("%d tickets", n)
		}
		lookup := map[bool]string{false: "miss", true: "hit"}[done]
		if w := ask(s, "POST", "/api/v2/tickets", one, "Idempotency-Key", "k"); w.Code != 201 || w.Header().Get("X-Idempotency-Lookup") != lookup || len(s.Tickets()) != 1 {
			t.Errorf("%d %v, %d tickets", w.Code, w.Header(), len(s.Tickets()))
		}
	}
}

func pagination(t *testing.T) {
	s := desk()
	for n := range 249 {
		s.AddGroup(int64(100+n), fmt.Sprint(n))
	}
	type page struct {
		Groups []Group
		Count  int
		Next   string `json:"next_page"`
		Meta   struct {
			More  bool   `json:"has_more"`
			After string `json:"after_cursor"`
		}
		Links struct{ Next string }
	}
	read := func(path string, code int) (p page) {
		w := ask(s, "GET", path, "")
		if w.Code != code || json.Unmarshal(w.Body.Bytes(), &p) != nil {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		return p
	}
	n, path := 0, "https://hinata.zendesk.com/api/v2/groups?page%5Bsize%5D=100"
	for _, more := range []bool{true, true, false} {
		p := read(strings.TrimPrefix(path, "https://hinata.zendesk.com"), 200)
		if n += len(p.Groups); p.Meta.More != more || (p.Links.Next != "") != more {
			t.Errorf("%+v after %d", p.Meta, n)
		}
		path = p.Links.Next
	}
	if n != 250 {
		t.Errorf("%d groups by cursor", n)
	}
	if p := read("/api/v2/groups?page=2&per_page=100", 200); len(p.Groups) != 100 || p.Count != 250 || p.Next == "" || p.Groups[0].Name != "99" {
		t.Errorf("%d of %d, then %q", len(p.Groups), p.Count, p.Next)
	}
	for _, path := range []string{"?page[size]=101", "?page[size]=0", "?per_page=101", "?page=0", "?page=101", "?page[size]=x"} {
		read("/api/v2/groups"+path, 400)
	}
}

func shortPages(t *testing.T) {
	for _, c := range []struct {
		page   int
		polite bool
		want   int
	}{{0, true, 3}, {1, true, 1}, {0, false, 2}} {
		s := &Server{Page: c.page, Polite: c.polite, Answer: func(*http.Request) (int, bool) { return 0, false }, Fields: []Field{{ID: 1}, {ID: 2, Off: true}, {ID: 3}}}
		var got []int64
		for path := "/api/v2/ticket_fields?page[size]=100"; path != ""; {
			var p struct {
				Fields []struct {
					ID     int64
					Active bool
				} `json:"ticket_fields"`
				Links struct{ Next string }
			}
			if err := json.Unmarshal(ask(s, "GET", path, "").Body.Bytes(), &p); err != nil || len(got) == 0 && len(p.Fields) != c.want {
				t.Fatalf("%+v: %v %+v", c, err, p)
			}
			for _, f := range p.Fields {
				if got = append(got, f.ID); f.Active != (f.ID != 2) {
					t.Errorf("%+v", f)
				}
			}
			path = strings.TrimPrefix(p.Links.Next, "https://hinata.zendesk.com")
		}
		if !slices.Equal(got, []int64{1, 2, 3}) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func verifies(t *testing.T) {
	for body, flags := range map[string]int{`{"user":{"name":"n","email":"a@b.example"}}`: 1, `{"user":{"name":"n","email":"a@b.example","skip_verify_email":true}}`: 0} {
		s := desk()
		if ask(s, "POST", "/api/v2/users/create_or_update", body); len(s.Flags()) != flags {
			t.Errorf("%s: %q", body, s.Flags())
		}
	}
}

func jobEnds(t *testing.T) {
	for _, end := range []string{"failed", "killed"} {
		s := desk()
		s.JobEnds = end
		var out struct {
			Job struct{ ID, Status string } `json:"job_status"`
		}
		_ = json.Unmarshal(ask(s, "POST", "/api/v2/tickets/create_many", `{"tickets":[{}]}`).Body.Bytes(), &out)
		for _, want := range []string{"working", end} {
			if err := json.Unmarshal(ask(s, "GET", "/api/v2/job_statuses/"+out.Job.ID, "").Body.Bytes(), &out); err != nil || out.Job.Status != want {
				t.Errorf("%+v, want %s", out, want)
			}
		}
	}
}

func headers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		s.Plan = 700
		ask(s, "GET", "/api/v2/users/me", "")
		time.Sleep(20 * time.Second)
		family := map[string]string{"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "698", "Ratelimit-Limit": "700", "Ratelimit-Remaining": "698", "Ratelimit-Reset": "41"}
		h := ask(s, "GET", "/api/v2/tickets/5", "").Header()
		for name, want := range family {
			if h.Get(name) != want {
				t.Errorf("%s: %q, want %s", name, h.Get(name), want)
			}
		}
		s.Told = Untold
		s.UseElsewhere(700)
		ask(s, "POST", "/_sim/faults", `{"next":[{"status":503}]}`)
		for _, c := range []struct {
			path string
			code int
		}{{"/api/v2/users/me", 503}, {"/api/v2/users/me", 429}, {"/oauth/tokens", 401}} {
			w := ask(s, "POST", c.path, `{"grant_type":"client_credentials","client_id":"x"}`)
			for name := range family {
				if w.Code != c.code || w.Header().Get(name) != "" {
					t.Errorf("%s: %d with %s %q", c.path, w.Code, name, w.Header().Get(name))
				}
			}
		}
	})
}

func manyUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		s.Plan = 2500
		for range accountUpdates + 1 {
			ask(s, "POST", "/api/v2/tickets", one)
		}
		for i, k := range s.Tickets() {
			w := ask(s, "PUT", fmt.Sprintf("/api/v2/tickets/%d", k.ID), `{"ticket":{"status":"open"}}`)
			if over := i == accountUpdates; (w.Code == 429) != over || (w.Header().Get("Retry-After") == "61") != over {
				t.Errorf("update %d: %d %v", i+1, w.Code, w.Header())
			}
		}
	})
}

func userChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		for i, want := range []int{201, 200, 200, 200, 200, 200, 429} {
			if w := ask(s, "POST", "/api/v2/users/create_or_update", `{"user":{"name":"n","email":"a@b.example"}}`); w.Code != want {
				t.Errorf("call %d: %d", i, w.Code)
			}
		}
		time.Sleep(time.Minute)
		if w := ask(s, "POST", "/api/v2/users/create_or_update", `{"user":{"name":"n","email":"a@b.example"}}`); w.Code != 200 {
			t.Errorf("a minute later: %d", w.Code)
		}
	})
}

func ticketsIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		ask(s, "GET", "/api/v2/tickets", "")
		time.Sleep(20 * time.Second)
		if h := ask(s, "GET", "/api/v2/tickets", "").Header().Get("Zendesk-Ratelimit-Tickets-Index"); h != "total=100; remaining=98; resets=41" {
			t.Errorf("%q", h)
		}
		for range 98 {
			ask(s, "GET", "/api/v2/tickets", "")
		}
		if w := ask(s, "GET", "/api/v2/tickets", ""); w.Code != 429 || w.Header().Get("Retry-After") != "41" || w.Header().Get("Ratelimit-Remaining") != "99" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
}

func signature(t *testing.T) {
	var head http.Header
	var body []byte
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		head = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer hub.Close()
	s := desk()
	s.Hook = Hook{URL: hub.URL, Secret: "key", Client: hub.Client()}
	ask(s, "POST", "/api/v2/tickets", one)
	if err := s.SetStatus(s.Tickets()[0].ID, "open"); err != nil {
		t.Fatal(err)
	}
	stamp := head.Get("X-Zendesk-Webhook-Signature-Timestamp")
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write(append([]byte(stamp), body...))
	if _, err := time.Parse(time.RFC3339, stamp); err != nil || head.Get("X-Zendesk-Webhook-Signature") != b64(string(mac.Sum(nil))) {
		t.Errorf("%v", head)
	}
	if err := json.Unmarshal(body, &struct {
		Detail struct{ ID, Status string }
		Type   string
	}{}); err != nil || !strings.Contains(string(body), `"type":"zen:event-type:ticket.status_changed"`) {
		t.Errorf("%v %s", err, body)
	}
}

func trouble(t *testing.T) {
	s := desk()
	ask(s, "POST", "/_sim/faults", `{"next":[{"status":500},{"status":502},{"status":429}]}`)
	for _, want := range []struct {
		code int
		kind string
	}{{500, "text/plain"}, {502, "text/html"}, {429, "application/json"}} {
		if w := ask(s, "GET", "/api/v2/users/me", ""); w.Code != want.code || !strings.HasPrefix(w.Header().Get("Content-Type"), want.kind) {
			t.Errorf("%d %v, want %+v", w.Code, w.Header(), want)
		}
	}
}

func badAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fault, want := range map[string]struct {
			takes time.Duration
			json  bool
		}{`{"latency":2000000000}`: {2 * time.Second, true}, `{"slow":3000000000}`: {3 * time.Second, true}, `{"truncate":true}`: {0, false}, `{"html":true}`: {0, false}} {
			s := desk()
			ask(s, "POST", "/_sim/faults", `{"next":[`+fault+`]}`)
			at := time.Now()
			w := ask(s, "POST", "/api/v2/tickets", one)
			if time.Since(at) != want.takes || w.Code != 201 || json.Valid(w.Body.Bytes()) != want.json || len(s.Tickets()) != 1 {
				t.Errorf("%s: after %s %d %s", fault, time.Since(at), w.Code, w.Body)
			}
		}
	})
}

func logged(t *testing.T) {
	s := desk()
	ask(s, "POST", "/_sim/faults", `{"next":[{"status":503}]}`)
	ask(s, "POST", "/api/v2/tickets", one)
	ask(s, "POST", "/api/v2/tickets", one)
	calls := s.Log()
	if len(calls) != 2 || calls[0].Status != 503 || calls[0].Fault != "status 503" || calls[1].Fault != "" || string(calls[1].JSON) != one || len(calls[1].Token) != 8 {
		t.Errorf("%+v", calls)
	}
	if w := ask(s, "GET", "/_sim/log", ""); !strings.Contains(w.Body.String(), `"fault":"status 503"`) || strings.Contains(w.Body.String(), b64("a@b.example/token:t")) {
		t.Errorf("%s", w.Body)
	}
}

func violations(t *testing.T) {
	s := desk()
	ask(s, "POST", "/api/v2/tickets", one)
	ask(s, "GET", "/api/v2/tickets?external_id=e1", "")
	ask(s, "GET", "/api/v2/tickets/5", "")
	ask(s, "GET", "/api/v2/groups?page[size]=100", "")
	if v := s.Violations(); len(v) > 0 {
		t.Fatal(v)
	}
	ask(s, "GET", "/api/v2/nothing", "")
	ask(s, "GET", "/api/v2/groups?colour=red", "")
	ask(s, "POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"colour":"red"}}`)
	ask(s, "POST", "/api/v2/tickets", one, "Content-Type", "text/plain")
	ask(s, "GET", "/api/v2/users/me", "", "Authorization", "")
	s.UseElsewhere(200)
	ask(s, "GET", "/api/v2/users/me", "")
	ask(s, "GET", "/api/v2/users/me", "")
	want := []string{
		"GET /api/v2/nothing: unknown path", "GET /api/v2/groups: unknown parameter colour", `POST /api/v2/tickets: unknown field "colour"`,
		"POST /api/v2/tickets: wrong content type", "GET /api/v2/users/me: no authentication", "GET /api/v2/users/me: a call before the told wait was over",
	}
	if got := s.Violations(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := desk()
		ask(s, "POST", "/api/v2/tickets", one, "Idempotency-Key", "k")
		ask(s, "POST", "/_sim/clock", `{"advance":"2h"}`)
		if w := ask(s, "POST", "/api/v2/tickets", one, "Idempotency-Key", "k"); w.Header().Get("X-Idempotency-Lookup") != "miss" || w.Header().Get("Ratelimit-Remaining") != strconv.Itoa(199) {
			t.Errorf("%v", w.Header())
		}
		ask(s, "POST", "/_sim/reset", "")
		if len(s.Tickets()) > 0 || len(s.Log()) > 0 || ask(s, "GET", "/api/v2/users/search?query=email:n@customer.example", "").Body.String()[:12] != `{"count":0,"` {
			t.Error("a reset leaves something")
		}
		if w := ask(s, "POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"b"},"group_id":7}}`); w.Code != 201 {
			t.Errorf("the group is gone: %d", w.Code)
		}
	})
}
