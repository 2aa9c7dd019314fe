package sim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Task is a task in a room, for one person.
type Task struct {
	ID        int64  `json:"task_id"`
	Account   author `json:"account"`
	By        author `json:"assigned_by_account"`
	MessageID string `json:"message_id"`
	Body      string `json:"body"`
	Limit     int64  `json:"limit_time"` // Unix seconds; 0: none
	LimitType string `json:"limit_type"` // "none", "date" or "time"
	Status    string `json:"status"`     // "open" or "done"
}

// Tasks returns a room's tasks, oldest first.
func (s *Server) Tasks(id int64) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[id]; r != nil {
		return slices.Clone(r.tasks)
	}
	return nil
}

// assign makes a task for each person named, and tells the room so in a message
// of the token's account, as the provider does.
func (s *Server) assign(w http.ResponseWriter, r *http.Request, to *room) {
	if to.kind == "readonly" {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	body, ok := written(w, r)
	if !ok {
		return
	}
	var people []author
	for id := range strings.SplitSeq(r.PostFormValue("to_ids"), ",") {
		i := slices.IndexFunc(to.members(), func(m map[string]any) bool { return strconv.FormatInt(m["account_id"].(int64), 10) == id })
		if i < 0 {
			refuse(w, http.StatusBadRequest, "Parameter 'to_ids' is invalid")
			return
		}
		people = append(people, []author{bot, person, reader}[i])
	}
	kind, limit := r.PostFormValue("limit_type"), int64(0)
	if kind == "" {
		kind = "time"
	}
	if text := r.PostFormValue("limit"); text != "" {
		var err error
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil {
			refuse(w, http.StatusBadRequest, "Parameter 'limit' is invalid")
			return
		}
	}
	if !slices.Contains([]string{"none", "date", "time"}, kind) || kind != "none" && limit < s.now().Unix() {
		refuse(w, http.StatusBadRequest, "Parameter 'limit_type' is invalid")
		return
	}
	if !s.admit(w, to) {
		return
	}
	var ids []int64
	m := s.add(to, bot, "[info][title][dtext:task_added][/title][task]"+body+"[/task][/info]", s.now())
	for _, p := range people {
		s.next++
		t := Task{ID: firstID + s.next, Account: p, By: bot, MessageID: m.ID, Body: body, Limit: limit, LimitType: kind, Status: "open"}
		to.tasks = append(to.tasks, t)
		ids = append(ids, t.ID)
	}
	answer(w, map[string][]int64{"task_ids": ids})
}

// readTasks answers the latest tasks of one state; none is 204.
func (r *room) readTasks(w http.ResponseWriter, req *http.Request) {
	tellTasks(w, r.tasks, req, req.URL.Query().Get("account_id"))
}

func (s *Server) myTasks(w http.ResponseWriter, r *http.Request) {
	var all []Task
	for _, id := range s.order {
		all = append(all, s.rooms[id].tasks...)
	}
	tellTasks(w, all, r, strconv.FormatInt(bot.ID, 10))
}

func tellTasks(w http.ResponseWriter, all []Task, r *http.Request, account string) {
	status, by := r.URL.Query().Get("status"), r.URL.Query().Get("assigned_by_account_id")
	if status == "" {
		status = "open"
	}
	var out []Task
	for _, t := range all {
		if t.Status == status && (account == "" || strconv.FormatInt(t.Account.ID, 10) == account) && (by == "" || strconv.FormatInt(t.By.ID, 10) == by) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, out[max(0, len(out)-readBack):])
}

// oneTask shows a task, or ticks it off: the parameter is called body.
func (r *room) oneTask(w http.ResponseWriter, req *http.Request, id string, rest []string) {
	i := slices.IndexFunc(r.tasks, func(t Task) bool { return strconv.FormatInt(t.ID, 10) == id })
	switch {
	case i >= 0 && method(req) == http.MethodGet && len(rest) == 0:
		answer(w, r.tasks[i])
	case i >= 0 && method(req) == http.MethodPut && slices.Equal(rest, []string{"status"}):
		status := req.FormValue("body")
		if status != "open" && status != "done" {
			refuse(w, http.StatusBadRequest, "Parameter 'body' is invalid")
			return
		}
		r.tasks[i].Status = status
		answer(w, map[string]int64{"task_id": r.tasks[i].ID})
	default:
		refuse(w, http.StatusNotFound, badEndpoint)
	}
}
