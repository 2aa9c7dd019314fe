package sim

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// googleChat answers /googlechat/v1/spaces/{space}/messages?key=…&token=….
func (c call) googleChat() {
	space, _ := strings.CutSuffix(strings.TrimPrefix(c.path, "v1/spaces/"), "/messages")
	query := c.r.URL.Query()
	to := c.s.room("googlechat", space)
	switch {
	case query.Get("key") == "" || !c.known(query.Get("token")):
		c.googleSays(http.StatusUnauthorized, "UNAUTHENTICATED", "Request is missing required authentication credential.")
	case to == nil:
		c.googleSays(http.StatusNotFound, "NOT_FOUND", "Requested entity was not found.")
	case !c.json || strings.TrimSpace(c.str("text")) == "":
		c.googleSays(http.StatusBadRequest, "INVALID_ARGUMENT", "Message cannot be empty.")
	case length(c.str("text")) > 4096:
		c.googleSays(http.StatusBadRequest, "INVALID_ARGUMENT", "Message text is too long.")
	default:
		c.googlePost(to, query.Get("requestId"))
	}
}

func (c call) googleSays(code int, status, message string) {
	c.answer(code, map[string]any{"error": map[string]any{"code": code, "message": message, "status": status}})
}

// googlePost keeps a message once for each requestId.
func (c call) googlePost(to *room, request string) {
	if name := c.s.given[to.id+" "+request]; request != "" && name != "" {
		c.answer(http.StatusOK, map[string]any{"name": name})
		return
	}
	if wait := c.s.take("googlechat "+to.id, 1, time.Second); wait > 0 {
		c.googleSays(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
		return
	}
	thread := ""
	if t, ok := c.body["thread"].(map[string]any); ok && c.r.URL.Query().Get("messageReplyOption") != "" {
		thread, _ = t["threadKey"].(string)
	}
	name := "spaces/" + to.id + "/messages/" + c.s.add(to, thread, c.str("text"), readGoogle(c.str("text")))
	c.s.given[to.id+" "+request] = name
	c.answer(http.StatusOK, map[string]any{"name": name, "thread": map[string]string{"name": "spaces/" + to.id + "/threads/1"}})
}

var googleMark = regexp.MustCompile(`<(users/[a-z0-9]+|https?://[^<>\s|]+\|[^<>]+)>`)

// readGoogle finds mentions and links with other words.
func readGoogle(s string) []Span {
	return pieces(s, googleMark, func(m []string) Span { return angle(m[1], "@") }, links)
}
