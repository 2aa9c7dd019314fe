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
	tokenLimit   = "Rate limit exceeded."
	roomLimit    = "Rate limit for message posting per room exceeded."
)

// api answers one call; s.mu is held.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("X-Chatworktoken") // never from the query
	if token == "" || s.Token != "" && token != s.Token {
		refuse(w, http.StatusUnauthorized, badToken)
		return
	}
	if !s.count(w) {
		refuse(w, http.StatusTooManyRequests, tokenLimit)
		return
	}
	path := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/v2"), "/"), "/")
	switch {
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "me":
		answer(w, map[string]any{"account_id": bot.ID, "room_id": 1, "name": bot.Name, "mail": "", "login_mail": ""})
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "rooms":
		s.list(w)
	case len(path) >= 2 && path[0] == "rooms":
		s.room(w, r, path[1], path[2:])
	default:
		refuse(w, http.StatusNotFound, badEndpoint)
	}
}

func (s *Server) list(w http.ResponseWriter) {
	out := []map[string]any{}
	for _, id := range s.order {
		out = append(out, s.rooms[id].about())
	}
	answer(w, out)
}

func (r *room) about() map[string]any {
	kind, role := r.kind, "member"
	if kind == "readonly" {
		kind, role = "group", "readonly"
	}
	return map[string]any{
		"room_id": r.id, "name": r.name, "type": kind, "role": role, "sticky": false, "message_num": len(r.list),
	}
}

// room answers /rooms/{id} and below it. A room in which the account is no
// member looks like one that does not exist.
func (s *Server) room(w http.ResponseWriter, r *http.Request, id string, rest []string) {
	n, err := strconv.ParseInt(id, 10, 64)
	to := s.rooms[n]
	if err != nil || to == nil {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	switch r.Method + " " + strings.Join(rest, "/") {
	case "GET ":
		answer(w, to.about())
	case "GET members":
		answer(w, []author{bot, person})
	case "GET messages":
		to.readOut(w, r)
	case "POST messages":
		s.post(w, r, to)
	default:
		if r.Method == http.MethodGet && len(rest) == 2 && rest[0] == "messages" {
			to.one(w, rest[1])
			return
		}
		refuse(w, http.StatusNotFound, badEndpoint)
	}
}

// readOut answers the latest messages, and without force=1 only those that no
// earlier read of the same kind has shown. None is 204.
func (r *room) readOut(w http.ResponseWriter, req *http.Request) {
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

func (r *room) one(w http.ResponseWriter, id string) {
	i := slices.IndexFunc(r.list, func(m Message) bool { return m.ID == id })
	if i < 0 {
		refuse(w, http.StatusNotFound, badEndpoint)
		return
	}
	answer(w, r.list[i])
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, to *room) {
	if to.kind == "readonly" {
		refuse(w, http.StatusForbidden, noPermission)
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		refuse(w, http.StatusBadRequest, "Request parameters are not form-encoded")
		return
	}
	body := r.PostFormValue("body")
	if strings.TrimSpace(body) == "" || !utf8.ValidString(body) || utf8.RuneCountInString(body) > maxBody {
		refuse(w, http.StatusBadRequest, "Parameter 'body' is invalid")
		return
	}
	now := time.Now()
	for len(to.posts) > 0 && !to.posts[0].After(now.Add(-roomPer)) {
		to.posts = to.posts[1:]
	}
	if len(to.posts) >= roomPosts {
		refuse(w, http.StatusTooManyRequests, roomLimit)
		return
	}
	to.posts = append(to.posts, now)
	answer(w, map[string]string{"message_id": s.add(to, bot, body, now).ID})
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
