package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	netmail "net/mail"
	"net/url"
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
	switch r.Method + " " + path(r) {
	case "GET users/me":
		return s.me()
	case "GET users/search":
		return s.searchUsers(r.URL.Query())
	case "POST users/create_or_update":
		return s.createUser(body)
	case "GET groups":
		return answer(http.StatusOK, map[string]any{"groups": orEmpty(s.groups), "meta": map[string]any{"has_more": false}})
	case "GET brands":
		return answer(http.StatusOK, map[string]any{"brands": orEmpty(s.brands), "meta": map[string]any{"has_more": false}})
	case "GET ticket_forms":
		if len(s.forms) == 0 {
			return wrong(http.StatusForbidden, "Forbidden", "You do not have access to this page.")
		}
		return answer(http.StatusOK, map[string]any{"ticket_forms": orEmpty(s.forms), "meta": map[string]any{"has_more": false}})
	case "GET ticket_fields":
		return answer(http.StatusOK, map[string]any{"ticket_fields": orEmpty(s.Fields)})
	case "GET tickets":
		return s.list(r.URL.Query())
	case "GET tickets/count":
		return answer(http.StatusOK, map[string]any{"count": map[string]any{"value": len(s.tickets), "refreshed_at": time.Now().UTC()}})
	case "GET search":
		return s.search(r.URL.Query())
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

func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

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
		if time.Since(u.added) >= s.Lag && (strings.EqualFold(u.Mail, mail) || u.External != "" && u.External == q.Get("external_id")) {
			found = append(found, *u)
		}
	}
	return answer(http.StatusOK, map[string]any{"users": found, "count": len(found), "next_page": nil, "previous_page": nil})
}

func (s *Server) createUser(body []byte) reply {
	var in struct {
		User struct {
			Name, Email string
			ExternalID  string `json:"external_id"`
		}
	}
	if json.Unmarshal(body, &in) != nil || in.User.Email == "" {
		return wrong(http.StatusBadRequest, "BadRequest", "User is missing")
	}
	status := http.StatusOK
	if s.byMail(in.User.Email) == nil {
		if in.User.Name == "" {
			return invalid("name", "Name: cannot be blank")
		}
		status = http.StatusCreated
	}
	u := s.user(in.User.Name, in.User.Email)
	if in.User.ExternalID != "" {
		u.External = in.User.ExternalID
	}
	return answer(status, map[string]any{"user": *u})
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
	u := &User{ID: s.id(), Name: name, Mail: strings.ToLower(mail), Role: "end-user", added: time.Now()}
	s.users = append(s.users, u)
	return u
}

// list answers tickets, also the newest: the list has no lag.
func (s *Server) list(q url.Values) reply {
	found := []*Ticket{}
	for _, t := range s.tickets {
		if !q.Has("external_id") || t.External != nil && *t.External == q.Get("external_id") {
			found = append(found, t)
		}
	}
	return answer(http.StatusOK, map[string]any{"tickets": found, "count": len(found), "next_page": nil, "previous_page": nil})
}

// search finds tickets by external_id, behind by the index's lag.
func (s *Server) search(q url.Values) reply {
	found := []map[string]any{}
	for _, t := range s.tickets {
		if time.Since(t.CreatedAt) >= s.Lag && t.External != nil && strings.Contains(q.Get("query"), "external_id:"+*t.External) {
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
	Comment     *struct {
		Body   string
		HTML   string `json:"html_body"`
		Public *bool
	} `json:"comment"`
	Fields []struct {
		ID    int64 `json:"id"`
		Value any   `json:"value"`
	} `json:"custom_fields"`
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
		Tags: []string{}, Fields: []FieldValue{}, CreatedAt: time.Now().UTC(), Via: map[string]any{"channel": "api"},
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
	for _, tag := range in.Tags {
		if strings.Contains(tag, " ") {
			s.flags = append(s.flags, "a tag with a space: "+tag)
		}
		t.Tags = append(t.Tags, strings.ToLower(strings.ReplaceAll(tag, " ", "_")))
	}
	for _, f := range s.Fields { // every field is there, also the empty ones
		v := FieldValue{ID: f.ID}
		for _, given := range in.Fields {
			if given.ID == f.ID {
				v.Value = given.Value
			}
		}
		t.Fields = append(t.Fields, v)
	}
	public := in.Comment.Public == nil || *in.Comment.Public // public unless it says otherwise
	if public {
		s.flags = append(s.flags, "a public comment: Zendesk would write to the requester")
	}
	t.IsPublic, t.Description = public, in.Comment.Body
	if in.Subject != nil {
		t.Subject = *in.Subject
	}
	t.Comments = []Comment{{ID: s.id(), Author: agent.Name, Staff: true, Public: public, Body: in.Comment.Body, At: t.CreatedAt}}
	t.UpdatedAt = t.CreatedAt
	s.tickets = append(s.tickets, t)
	if over := len(s.tickets) - keep; over > 0 {
		s.tickets = s.tickets[over:]
	}
	return t, nil
}

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
	for len(t.changes) > 0 && !t.changes[0].After(time.Now().Add(-updatesPer)) {
		t.changes = t.changes[1:]
	}
	if len(t.changes) >= updates {
		a := wrong(http.StatusTooManyRequests, "TooManyUpdates", "You have updated this ticket too often")
		a.header.Set("Retry-After", strconv.Itoa(int(time.Until(t.changes[0].Add(updatesPer))/time.Second)+1))
		return a
	}
	var in struct {
		Ticket *posted `json:"ticket"`
	}
	if json.Unmarshal(body, &in) != nil || in.Ticket == nil {
		return wrong(http.StatusBadRequest, "BadRequest", "Parameter ticket is required")
	}
	t.changes = append(t.changes, time.Now())
	if st := in.Ticket.Status; st != "" {
		if !slices.Contains(statuses, st) {
			return invalid("status", "Status: "+st+" is not valid")
		}
		t.Status = st
	}
	t.UpdatedAt = time.Now().UTC()
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
	status := "completed" // also with rows that failed
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
