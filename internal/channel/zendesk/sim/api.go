package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	netmail "net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// path is the path below /api/v2, without the .json that older clients put there.
func path(r *http.Request) string {
	return strings.TrimSuffix(strings.Trim(strings.TrimPrefix(r.URL.Path, "/api/v2"), "/"), ".json")
}

// api answers one call; s.mu is held.
func (s *Server) api(r *http.Request, body []byte) reply {
	if !strings.HasPrefix(r.URL.Path, "/api/v2/") {
		return wrong(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	parts := strings.Split(path(r), "/")
	if r.Method != http.MethodGet && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return wrong(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Please use application/json")
	}
	if s.EndUser && path(r) != "users/me" {
		return forbidden()
	}
	q := r.URL.Query()
	switch r.Method + " " + path(r) {
	case "GET users/me":
		return s.me()
	case "GET users/search":
		return s.searchUsers(q)
	case "POST users/create_or_update":
		return s.createUser(body)
	case "GET groups":
		return listed(q, s.most(), "groups", s.groups)
	case "GET brands":
		return listed(q, s.most(), "brands", s.brands)
	case "GET ticket_forms":
		if len(s.forms) == 0 {
			return forbidden()
		}
		return listed(q, s.most(), "ticket_forms", s.forms)
	case "GET ticket_fields":
		return listed(q, s.most(), "ticket_fields", s.Fields)
	case "GET tickets":
		return s.list(q)
	case "GET tickets/count":
		return answer(http.StatusOK, map[string]any{"count": map[string]any{"value": len(s.tickets), "refreshed_at": s.now().UTC()}})
	case "GET search":
		return s.search(q)
	case "POST tickets":
		return s.post(body)
	case "POST tickets/create_many":
		return s.createMany(body)
	}
	switch {
	case len(parts) == 2 && parts[0] == "tickets":
		return s.ticket(r.Method, parts[1], body)
	case len(parts) == 2 && parts[0] == "job_statuses" && r.Method == http.MethodGet:
		return s.job(parts[1])
	}
	return wrong(http.StatusNotFound, "InvalidEndpoint", "Not found")
}

// known reports whether a path can have a record, though it may have none.
func known(r *http.Request) bool {
	what, id, _ := strings.Cut(path(r), "/")
	return strings.HasPrefix(r.URL.Path, "/api/v2/") && (what == "tickets" || what == "job_statuses") && id != ""
}

const (
	maxPage  = 100 // records
	maxPages = 100 // of a list by offset
	rudePage = 2   // records
)

// most is how many records a page by cursor has at the most.
func (s *Server) most() int {
	switch {
	case s.Page > 0:
		return s.Page
	case s.Polite:
		return maxPage
	}
	return rudePage
}

// listed answers a page of a list: by cursor (page[size], page[after]), of most
// records, or, as long ago, by offset (page, per_page), which ends at its
// hundredth page.
func listed[T any](q url.Values, most int, name string, all []T) reply {
	bad := wrong(http.StatusBadRequest, "InvalidPaginationParameter", "page[size] and per_page are 1 to 100")
	number := func(key string, unless int) int {
		if !q.Has(key) {
			return unless
		}
		n, err := strconv.Atoi(q.Get(key))
		if err != nil {
			return 0
		}
		return n
	}
	at := "https://hinata.zendesk.com/api/v2/" + name + ".json?"
	if size := number("page[size]", maxPage); q.Has("page[size]") || q.Has("page[after]") {
		from := number("page[after]", 0)
		if size < 1 || size > maxPage || from < 0 || from > len(all) {
			return bad
		}
		to := min(from+min(size, most), len(all))
		var next, after any
		if to < len(all) {
			after = strconv.Itoa(to)
			next = at + url.Values{"page[size]": {strconv.Itoa(size)}, "page[after]": {strconv.Itoa(to)}}.Encode()
		}
		return answer(http.StatusOK, map[string]any{
			name: append([]T{}, all[from:to]...), "meta": map[string]any{"has_more": to < len(all), "after_cursor": after}, "links": map[string]any{"next": next},
		})
	}
	page, per := number("page", 1), number("per_page", maxPage)
	switch {
	case page < 1 || per < 1 || per > maxPage:
		return bad
	case page > maxPages:
		return wrong(http.StatusBadRequest, "InvalidPaginationDepth", "Lists by offset end at page 100")
	}
	from, to := min((page-1)*per, len(all)), min(page*per, len(all))
	var next any
	if to < len(all) {
		next = at + url.Values{"page": {strconv.Itoa(page + 1)}, "per_page": {strconv.Itoa(per)}}.Encode()
	}
	return answer(http.StatusOK, map[string]any{name: append([]T{}, all[from:to]...), "count": len(all), "next_page": next})
}

func (s *Server) me() reply {
	u := agent
	if s.Mail != "" {
		u.Mail = s.Mail
	}
	if s.EndUser {
		u.Role = "end-user"
	}
	return answer(http.StatusOK, map[string]any{"user": u})
}

func (s *Server) searchUsers(q url.Values) reply {
	found := []User{}
	for _, u := range s.users {
		mail := strings.TrimPrefix(q.Get("query"), "email:")
		if s.now().Sub(u.added) >= s.Lag && (strings.EqualFold(u.Mail, mail) || u.External != "" && u.External == q.Get("external_id")) {
			found = append(found, *u)
		}
	}
	return answer(http.StatusOK, map[string]any{"users": found, "count": len(found), "next_page": nil, "previous_page": nil})
}

// createUser finds a user by external_id or address and changes them, or makes
// one, to whom the provider writes unless told not to.
func (s *Server) createUser(body []byte) reply {
	var in struct {
		User struct {
			Name, Email string
			ExternalID  string `json:"external_id"`
			Skip        bool   `json:"skip_verify_email"`
		}
	}
	if json.Unmarshal(body, &in) != nil || in.User.Email == "" && in.User.ExternalID == "" {
		return wrong(http.StatusBadRequest, "BadRequest", "User is missing")
	}
	i := slices.IndexFunc(s.users, func(u *User) bool {
		return in.User.ExternalID != "" && u.External == in.User.ExternalID || in.User.Email != "" && strings.EqualFold(u.Mail, in.User.Email)
	})
	if i < 0 {
		if in.User.Name == "" {
			return invalid("name", "Name: cannot be blank")
		}
		if !in.User.Skip && in.User.Email != "" {
			s.flags = append(s.flags, "a user without skip_verify_email: Zendesk would write to them")
		}
		u := &User{ID: s.id(), Name: in.User.Name, Mail: strings.ToLower(in.User.Email), Role: "end-user", External: in.User.ExternalID, added: s.now()}
		s.users = append(s.users, u)
		return answer(http.StatusCreated, map[string]any{"user": *u})
	}
	u := s.users[i]
	if over := s.often(&u.changes, userUpdates, minute, "TooManyUserUpdates"); over != nil {
		return *over
	}
	u.Name, u.External = cmp.Or(in.User.Name, u.Name), cmp.Or(in.User.ExternalID, u.External)
	return answer(http.StatusOK, map[string]any{"user": *u})
}

func (s *Server) id() int64 {
	s.next++
	return firstID + 1 + s.next
}

func (s *Server) byMail(mail string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Mail, mail) {
			return u
		}
	}
	return nil
}

func (s *Server) byID(id int64) User {
	for _, u := range s.users {
		if u.ID == id {
			return *u
		}
	}
	return agent
}

// user returns who has the address, made if there is nobody.
func (s *Server) user(name, mail string) *User {
	if u := s.byMail(mail); u != nil {
		return u
	}
	u := &User{ID: s.id(), Name: name, Mail: strings.ToLower(mail), Role: "end-user", added: s.now()}
	s.users = append(s.users, u)
	return u
}

// list answers tickets, also the newest: the list has no lag. It has a limit of
// its own, told in a header of its own.
func (s *Server) list(q url.Values) reply {
	if over := s.often(&s.lists, indexCalls, minute, "TooManyTicketLists"); over != nil {
		return *over
	}
	found := []*Ticket{}
	for _, t := range s.tickets {
		if !q.Has("external_id") || t.External != nil && *t.External == q.Get("external_id") {
			found = append(found, t)
		}
	}
	a := listed(q, s.most(), "tickets", found)
	a.header.Set("Zendesk-Ratelimit-Tickets-Index", fmt.Sprintf("total=%d; remaining=%d; resets=%d", indexCalls, indexCalls-len(s.lists), int(s.lists[0].Add(minute).Sub(s.now())/time.Second)+1))
	return a
}

// search finds tickets by external_id, behind by the index's lag.
func (s *Server) search(q url.Values) reply {
	found := []map[string]any{}
	for _, t := range s.tickets {
		if s.now().Sub(t.CreatedAt) >= s.Lag && t.External != nil && strings.Contains(q.Get("query"), "external_id:"+*t.External) {
			found = append(found, map[string]any{"result_type": "ticket", "id": t.ID, "external_id": t.External, "subject": t.Subject})
		}
	}
	return answer(http.StatusOK, map[string]any{"results": found, "count": len(found), "next_page": nil, "previous_page": nil, "facets": nil})
}

// posted is the ticket of a request. What must be told from absent is raw.
type posted struct {
	Subject     *string `json:"subject"`
	External    *string `json:"external_id"`
	Status      string  `json:"status"`
	Priority    *string `json:"priority"`
	Type        *string `json:"type"`
	Requester   *struct{ Name, Email string }
	RequesterID *int64   `json:"requester_id"`
	Group       *int64   `json:"group_id"`
	Brand       *int64   `json:"brand_id"`
	Form        *int64   `json:"ticket_form_id"`
	Tags        []string `json:"tags"`
	Comment     *written `json:"comment"`
	Fields      []struct {
		ID    int64 `json:"id"`
		Value any   `json:"value"`
	} `json:"custom_fields"`
}

// written is the comment of a request.
type written struct {
	Body   string `json:"body"`
	HTML   string `json:"html_body"`
	Public *bool  `json:"public"`
}

var element = regexp.MustCompile(`<[^>]*>`)

// comment is what the agent wrote: public unless it says otherwise.
func (s *Server) comment(in written) Comment {
	c := Comment{ID: s.id(), Author: agent.Name, Staff: true, Public: in.Public == nil || *in.Public, Body: in.Body, At: s.now().UTC()}
	if c.Body == "" {
		c.Body = html.UnescapeString(element.ReplaceAllString(in.HTML, ""))
	}
	if c.Public {
		s.flags = append(s.flags, "a public comment: Zendesk would write to the requester")
	}
	return c
}

// tagged puts tags right: they have no spaces and no capitals.
func (s *Server) tagged(in []string) []string {
	out := []string{}
	for _, tag := range in {
		if strings.Contains(tag, " ") {
			s.flags = append(s.flags, "a tag with a space: "+tag)
		}
		out = append(out, strings.ToLower(strings.ReplaceAll(tag, " ", "_")))
	}
	return out
}

func (s *Server) post(body []byte) reply {
	var in struct {
		Ticket *posted `json:"ticket"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return wrong(http.StatusBadRequest, "Unprocessable Entity", "Server could not parse JSON")
	}
	if in.Ticket == nil {
		return wrong(http.StatusBadRequest, "BadRequest", "Parameter ticket is required")
	}
	t, bad := s.open(*in.Ticket)
	if bad != nil {
		return *bad
	}
	a := answer(http.StatusCreated, map[string]any{"ticket": t, "audit": map[string]any{"id": s.id(), "ticket_id": t.ID}})
	a.header.Set("Location", t.URL)
	return a
}

// open checks a ticket and adds it; the reply says why not.
func (s *Server) open(in posted) (*Ticket, *reply) {
	if bad := s.check(in); bad != nil {
		return nil, bad
	}
	t := &Ticket{
		ID: s.id(), External: in.External, Status: "new", Priority: in.Priority, Type: in.Type, Group: in.Group, Brand: in.Brand, Form: in.Form, Requester: agent.ID, Submitter: agent.ID,
		Fields: []FieldValue{}, CreatedAt: s.now().UTC(), Via: map[string]any{"channel": "api"},
	}
	t.URL = fmt.Sprintf("https://hinata.zendesk.com/api/v2/tickets/%d.json", t.ID)
	if in.Requester != nil {
		u := s.user(in.Requester.Name, in.Requester.Email)
		if u.Suspended {
			bad := invalid("requester", "Requester: "+u.Name+" is suspended.")
			return nil, &bad
		}
		t.Requester = u.ID
	}
	if in.RequesterID != nil {
		t.Requester = *in.RequesterID
	}
	t.Tags = s.tagged(in.Tags)
	for _, f := range s.Fields { // every field is there, also the empty ones
		v := FieldValue{ID: f.ID}
		for _, given := range in.Fields {
			if given.ID == f.ID {
				v.Value = given.Value
			}
		}
		t.Fields = append(t.Fields, v)
	}
	c := s.comment(*in.Comment)
	t.IsPublic, t.Description = c.Public, c.Body
	if in.Subject != nil {
		t.Subject = *in.Subject
	}
	t.Comments = []Comment{c}
	t.UpdatedAt = t.CreatedAt
	s.tickets = append(s.tickets, t)
	if over := len(s.tickets) - keep; over > 0 {
		s.tickets = s.tickets[over:]
	}
	return t, nil
}

var kinds = []string{"problem", "incident", "question", "task"}

var priorities = []string{"low", "normal", "high", "urgent"}

// has reports whether there is such an option and it is in use.
func has(all []Option, id int64) bool {
	return slices.ContainsFunc(all, func(o Option) bool { return o.ID == id && o.Active })
}

// check says what is wrong with a new ticket; nil: nothing.
func (s *Server) check(in posted) *reply {
	bad := func(a reply) *reply { return &a }
	switch {
	case in.Comment == nil || in.Comment.Body == "" && in.Comment.HTML == "":
		return bad(invalid("base", "Description: cannot be blank"))
	case in.Comment.Body != "" && in.Comment.HTML != "":
		return bad(invalid("comment", "Comment: body and html_body exclude each other"))
	case len(in.Comment.Body) > maxComment:
		return bad(invalid("comment", "Comment: is too long"))
	case in.Requester != nil && in.RequesterID != nil:
		return bad(invalid("requester", "Requester: give requester or requester_id, not both"))
	case in.RequesterID != nil && !slices.ContainsFunc(s.users, func(u *User) bool { return u.ID == *in.RequesterID && !u.Suspended }):
		return bad(invalid("requester", "Requester is invalid"))
	case in.Type != nil && !slices.Contains(kinds, *in.Type):
		return bad(invalid("type", "Type: "+*in.Type+" is not valid"))
	case in.Group != nil && !slices.ContainsFunc(s.groups, func(g Group) bool { return g.ID == *in.Group }):
		return bad(invalid("group", "Group is invalid"))
	case in.Brand != nil && !has(s.brands, *in.Brand):
		return bad(invalid("brand", "Brand is invalid"))
	case in.Form != nil && !has(s.forms, *in.Form):
		return bad(invalid("ticket_form_id", "Ticket form is invalid"))
	case in.Priority != nil && !slices.Contains(priorities, *in.Priority):
		return bad(invalid("priority", "Priority: "+*in.Priority+" is not valid"))
	}
	if r := in.Requester; r != nil {
		switch _, err := netmail.ParseAddress(r.Email); {
		case err != nil:
			return bad(invalid("requester", "Requester: Email: "+r.Email+" is not properly formatted"))
		case r.Name == "" && s.byMail(r.Email) == nil:
			return bad(invalid("requester", "Requester: Name: is too short (minimum one character)"))
		}
	}
	for _, f := range in.Fields {
		if !slices.ContainsFunc(s.Fields, func(known Field) bool { return known.ID == f.ID }) {
			return bad(invalid("custom_fields", fmt.Sprintf("Custom field %d does not exist", f.ID)))
		}
	}
	return nil
}

func (s *Server) find(id string) *Ticket {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	for _, t := range s.tickets {
		if t.ID == n {
			return t
		}
	}
	return nil
}

func (s *Server) ticket(method, id string, body []byte) reply {
	t := s.find(id)
	switch {
	case t == nil:
		return wrong(http.StatusNotFound, "RecordNotFound", "Not found")
	case method == http.MethodGet:
		return answer(http.StatusOK, map[string]any{"ticket": t})
	case method != http.MethodPut:
		return wrong(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	if over := s.often(&t.changes, updates, updatesPer, "TooManyUpdates"); over != nil {
		return *over
	}
	if over := s.often(&s.changes, accountUpdates, minute, "TooManyUpdates"); over != nil {
		return *over
	}
	var in struct {
		Ticket *posted `json:"ticket"`
	}
	if json.Unmarshal(body, &in) != nil || in.Ticket == nil {
		return wrong(http.StatusBadRequest, "BadRequest", "Parameter ticket is required")
	}
	if st := in.Ticket.Status; st != "" {
		if !slices.Contains(statuses, st) {
			return invalid("status", "Status: "+st+" is not valid")
		}
		t.Status = st
	}
	if in.Ticket.Tags != nil { // all of them, whatever was there
		t.Tags = s.tagged(in.Ticket.Tags)
	}
	if c := in.Ticket.Comment; c != nil {
		t.Comments = append(t.Comments, s.comment(*c))
	}
	t.UpdatedAt = s.now().UTC()
	return answer(http.StatusOK, map[string]any{"ticket": t, "audit": map[string]any{"id": s.id(), "ticket_id": t.ID}})
}

// statuses are a ticket's, in the order of its life.
var statuses = []string{"new", "open", "pending", "hold", "solved", "closed"}

// job is a bulk order: it moves on each time it is asked for.
type job struct {
	id      string
	asked   int
	results []map[string]any
}

const (
	maxMany = 100
	maxJobs = 30 // queued or working
)

func (s *Server) createMany(body []byte) reply {
	var in struct {
		Tickets []posted `json:"tickets"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&in) != nil || len(in.Tickets) == 0 || len(in.Tickets) > maxMany {
		return wrong(http.StatusBadRequest, "BadRequest", "Give 1 to 100 tickets")
	}
	busy := 0
	for _, j := range s.jobs {
		if j.asked < 2 {
			busy++
		}
	}
	if busy >= maxJobs {
		return wrong(http.StatusTooManyRequests, "TooManyJobs", "Too many jobs are currently queued or running. Try again later.")
	}
	j := &job{id: fmt.Sprintf("%032x", s.id())}
	for i, p := range in.Tickets {
		row := map[string]any{"index": i, "action": "create", "status": "Created", "success": true}
		if t, bad := s.open(p); bad != nil {
			row["success"], row["status"], row["errors"] = false, "Failed", string(bad.body)
		} else {
			row["id"] = t.ID
		}
		j.results = append(j.results, row)
	}
	if s.jobs == nil {
		s.jobs = map[string]*job{}
	}
	s.jobs[j.id] = j
	return answer(http.StatusOK, j.show("queued"))
}

func (s *Server) job(id string) reply {
	j := s.jobs[id]
	if j == nil {
		return wrong(http.StatusNotFound, "RecordNotFound", "Not found")
	}
	j.asked++
	status := cmp.Or(s.JobEnds, "completed") // also with rows that failed
	if j.asked == 1 {
		status = "working"
	}
	return answer(http.StatusOK, j.show(status))
}

func (j *job) show(status string) map[string]any {
	out := map[string]any{"id": j.id, "status": status, "total": len(j.results), "progress": 0, "results": nil, "url": "https://hinata.zendesk.com/api/v2/job_statuses/" + j.id + ".json"}
	if status == "completed" {
		out["progress"], out["results"] = len(j.results), j.results
	}
	return map[string]any{"job_status": out}
}
