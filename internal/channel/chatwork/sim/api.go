package sim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The provider's words.
const (
	badToken     = "Invalid API token"
	badEndpoint  = "Invalid Endpoint or HTTP method"
	noPermission = "You don't have permission to send/edit message."
	tokenLimit   = "Rate limit exceeded"
	roomLimit    = "Rate limit for message posting per room exceeded."
)

// api answers one call; s.mu is held.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	if !s.admits(r) {
		s.tell(w.Header(), 0) // of no token that is known
		refuse(w, http.StatusUnauthorized, badToken)
		return
	}
	ok := s.count()
	s.tell(w.Header(), s.used(s.now()))
	if !ok {
		refuse(w, http.StatusTooManyRequests, tokenLimit)
		return
	}
	path := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/v2"), "/"), "/")
	switch {
	case method(r) == http.MethodGet && slices.Equal(path, []string{"me"}):
		answer(w, map[string]any{
			"account_id": bot.ID, "room_id": 1, "name": bot.Name, "chatwork_id": "", "organization_id": 101, "organization_name": "", "mail": "", "login_mail": "",
		})
	case method(r) == http.MethodGet && slices.Equal(path, []string{"my", "status"}):
		answer(w, map[string]int{"unread_room_num": 0, "mention_room_num": 0, "mytask_room_num": 0, "unread_num": 0, "mention_num": 0, "mytask_num": 0})
	case method(r) == http.MethodGet && slices.Equal(path, []string{"my", "tasks"}):
		s.myTasks(w, r)
	case method(r) == http.MethodGet && slices.Equal(path, []string{"rooms"}):
		s.list(w)
	case len(path) >= 2 && path[0] == "rooms":
		s.room(w, r, path[1], path[2:])
	default:
		refuse(w, http.StatusNotFound, badEndpoint)
	}
}

// admits reports whether a call has a valid token: in the header, never in the
// query, or an OAuth access token that has not ended.
func (s *Server) admits(r *http.Request) bool {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.Bearer != "" && t == s.Bearer && s.now().Before(s.BearerEnds)
	}
	token := r.Header.Get("X-Chatworktoken")
	return token != "" && (s.Token == "" || token == s.Token)
}

// list answers the rooms in which the token's account is a member.
func (s *Server) list(w http.ResponseWriter) {
	out := []map[string]any{}
	for _, id := range s.order {
		if s.rooms[id].kind != "foreign" {
			out = append(out, s.rooms[id].about())
		}
	}
	answer(w, out)
}

func (r *room) about() map[string]any {
	kind, role := r.kind, "member"
	switch kind {
	case "readonly":
		kind, role = "group", "readonly"
	case "admin":
		kind, role = "group", "admin"
	}
	return map[string]any{
		"room_id": r.id, "name": r.name, "type": kind, "role": role, "sticky": false, "message_num": len(r.list), "task_num": len(r.tasks),
		"unread_num": 0, "mention_num": 0, "mytask_num": 0, "file_num": r.files, "icon_path": "", "last_update_time": r.updated(),
	}
}

// updated is when something was last said, in Unix seconds.
func (r *room) updated() int64 {
	if len(r.list) == 0 {
		return 0
	}
	return r.list[len(r.list)-1].Sent
}

// members are the people of the room, with what they may.
func (r *room) members() []map[string]any {
	one := func(a author, role string) map[string]any {
		return map[string]any{"account_id": a.ID, "name": a.Name, "role": role, "chatwork_id": "", "organization_name": ""}
	}
	switch r.kind {
	case "my":
		return []map[string]any{one(bot, "admin")}
	case "direct":
		return []map[string]any{one(bot, "member"), one(person, "member")}
	}
	return []map[string]any{one(bot, r.about()["role"].(string)), one(person, "admin"), one(reader, "readonly")}
}

// room answers /rooms/{id} and below it. A room in which the account is no
// member looks like one that does not exist.
func (s *Server) room(w http.ResponseWriter, r *http.Request, id string, rest []string) {
	n, err := strconv.ParseInt(id, 10, 64)
	to := s.rooms[n]
	if err != nil || to == nil || to.kind == "foreign" {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	name, one := "", len(rest) >= 2
	if len(rest) > 0 {
		name = rest[0]
	}
	switch what := method(r) + " " + name; {
	case what == "GET " && !one:
		about := to.about()
		about["description"] = ""
		answer(w, about)
	case what == "GET members" && !one:
		answer(w, to.members())
	case what == "GET messages" && !one:
		s.readOut(w, r, to)
	case what == "POST messages" && !one:
		s.post(w, r, to)
	case name == "messages" && len(rest) == 2:
		s.oneMessage(w, r, to, rest[1])
	case what == "GET tasks" && !one:
		to.readTasks(w, r)
	case what == "POST tasks" && !one:
		s.assign(w, r, to)
	case name == "tasks" && one:
		to.oneTask(w, r, rest[1], rest[2:])
	case what == "POST files" && !one:
		s.upload(w, r, to)
	default:
		refuse(w, http.StatusNotFound, badEndpoint)
	}
}

// readOut answers the latest messages, and without force=1 only those that no
// earlier read of the same kind has shown. None is 204.
func (s *Server) readOut(w http.ResponseWriter, req *http.Request, r *room) {
	if s.Hides {
		w.Header().Set("Chatwork-Message-Limitation", "true")
	}
	from := max(0, len(r.list)-readBack)
	if req.URL.Query().Get("force") != "1" {
		from = max(from, r.read)
		r.read = len(r.list)
	}
	if from == len(r.list) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, r.list[from:])
}

// oneMessage shows, changes or takes away a message; only one's own can be changed.
func (s *Server) oneMessage(w http.ResponseWriter, r *http.Request, in *room, id string) {
	i := slices.IndexFunc(in.list, func(m Message) bool { return m.ID == id })
	switch verb := method(r); {
	case i < 0 || verb == http.MethodPost:
		refuse(w, http.StatusNotFound, badEndpoint)
	case verb == http.MethodGet:
		answer(w, in.list[i])
	case in.list[i].Author != bot || in.kind == "readonly":
		refuse(w, http.StatusForbidden, noPermission)
	case verb == http.MethodDelete:
		in.list = slices.Delete(in.list, i, i+1)
		answer(w, map[string]string{"message_id": id})
	default:
		if body, ok := written(w, r); ok {
			in.list[i].Body, in.list[i].Update = body, s.now().Unix()
			answer(w, map[string]string{"message_id": id})
		}
	}
}

// written is the body of a form; where there is none that can be taken, it answers.
func written(w http.ResponseWriter, r *http.Request) (string, bool) {
	if !formed(r) {
		refuse(w, http.StatusBadRequest, "Request parameters are not form-encoded")
		return "", false
	}
	body := r.PostFormValue("body")
	if strings.TrimSpace(body) == "" || !utf8.ValidString(body) || utf8.RuneCountInString(body) > maxBody {
		refuse(w, http.StatusBadRequest, "Parameter 'body' is invalid")
		return "", false
	}
	return body, true
}

// admit counts a message or a task against the room's limit, or answers that it
// is full. A call that is refused here has used one of the token's all the same.
func (s *Server) admit(w http.ResponseWriter, to *room) bool {
	now := s.now()
	for len(to.posts) > 0 && !to.posts[0].After(now.Add(-s.roomWindow())) {
		to.posts = to.posts[1:]
	}
	if len(to.posts) >= roomPosts {
		refuse(w, http.StatusTooManyRequests, roomLimit)
		return false
	}
	to.posts = append(to.posts, now)
	return true
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, to *room) {
	if to.kind == "readonly" {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	body, ok := written(w, r)
	if ok && !slices.Contains([]string{"", "0", "1"}, r.PostFormValue("self_unread")) {
		refuse(w, http.StatusBadRequest, "Parameter 'self_unread' is invalid")
		return
	}
	if ok && s.admit(w, to) {
		answer(w, map[string]string{"message_id": s.add(to, bot, body, s.now()).ID})
	}
}

// upload takes a file of at most 5 MB and keeps its message.
func (s *Server) upload(w http.ResponseWriter, r *http.Request, to *room) {
	if to.kind == "readonly" {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	f, head, err := r.FormFile("file")
	if err != nil || head.Size > maxFile {
		refuse(w, http.StatusBadRequest, "Parameter 'file' is invalid")
		return
	}
	_ = f.Close()
	s.next++
	to.files++
	s.add(to, bot, "[info]"+head.Filename+"[/info]"+r.PostFormValue("message"), s.now())
	answer(w, map[string]int64{"file_id": firstID + s.next})
}

// add puts a message into a room; s.mu is held.
func (s *Server) add(to *room, from author, body string, at time.Time) Message {
	s.next++
	m := Message{ID: strconv.FormatInt(firstID+s.next, 10), Author: from, Body: body, At: at, Sent: at.Unix()}
	to.list = append(to.list, m)
	if over := len(to.list) - keep; over > 0 {
		to.list, to.read = to.list[over:], max(0, to.read-over)
	}
	return m
}
