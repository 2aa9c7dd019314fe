package sim

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limit of a webhook.
const (
	discordCalls = 5
	discordPer   = 2 * time.Second
)

// discord answers /discord/api/webhooks/{id}/{token}.
func (c call) discord() {
	id, token, _ := strings.Cut(strings.TrimPrefix(c.path, "api/webhooks/"), "/")
	to := c.s.room("discord", id)
	switch {
	case to == nil:
		c.discordSays(http.StatusNotFound, 10015, "Unknown Webhook")
	case !c.known(token):
		c.discordSays(http.StatusUnauthorized, 50027, "Invalid Webhook Token")
	case c.r.Method == http.MethodGet:
		c.answer(http.StatusOK, map[string]any{"id": id, "type": 1, "name": to.name, "token": token})
	default:
		c.discordPost(to)
	}
}

func (c call) discordSays(status, code int, message string) {
	c.answer(status, map[string]any{"message": message, "code": code})
}

func (c call) discordPost(to *room) {
	wait := c.s.take("discord "+to.id, discordCalls, discordPer)
	left, reset := c.s.left("discord "+to.id, discordCalls, discordPer)
	h := c.w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(discordCalls))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(left))
	h.Set("X-Ratelimit-Reset-After", strconv.FormatFloat(reset.Seconds(), 'f', 3, 64))
	content := c.str("content")
	switch {
	case wait > 0:
		h.Set("Retry-After", after(wait))
		c.answer(http.StatusTooManyRequests, map[string]any{"message": "You are being rate limited.", "retry_after": wait.Seconds(), "global": false})
	case !c.json:
		c.discordSays(http.StatusBadRequest, 50109, "The request body contains invalid JSON.")
	case strings.TrimSpace(content) == "":
		c.discordSays(http.StatusBadRequest, 50006, "Cannot send an empty message")
	case length(content) > 2000:
		c.answer(http.StatusBadRequest, map[string]any{
			"message": "Invalid Form Body", "code": 50035,
			"errors": map[string]any{"content": map[string]any{"_errors": []map[string]string{{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}}}},
		})
	default:
		id := c.s.add(to, c.r.URL.Query().Get("thread_id"), content, readDiscord(content, c.pings()))
		if c.r.URL.Query().Get("wait") != "true" {
			c.w.WriteHeader(http.StatusNoContent)
			return
		}
		c.answer(http.StatusOK, map[string]any{"id": id, "type": 0, "content": content, "webhook_id": to.id})
	}
}

// pings reports whether the post may mention at all: it may unless it says
// which mentions are allowed.
func (c call) pings() bool {
	allowed, given := c.body["allowed_mentions"].(map[string]any)
	if !given {
		return true
	}
	parse, _ := allowed["parse"].([]any)
	return len(parse) > 0
}

var discordMark = regexp.MustCompile(`\\([^0-9A-Za-z\s])|(https?://[^\s<]+)|\[([^\]\n]+)\]\((https?://[^\s)]+)\)|<(@[!&]?\d+|#\d+)>|(@everyone|@here)|\*\*([^*\n]+)\*\*`)

// readDiscord reads Discord's Markdown as far as it can mislead.
func readDiscord(s string, pings bool) []Span {
	return pieces(s, discordMark, func(m []string) Span {
		switch {
		case m[1] != "":
			return Span{Kind: "text", Text: m[1]}
		case m[2] != "":
			return Span{Kind: "link", Text: m[2], URL: m[2]}
		case m[3] != "":
			return Span{Kind: "link", Text: m[3], URL: m[4]}
		case m[5] != "":
			return Span{Kind: "mention", Text: m[5]}
		case m[6] != "" && pings:
			return Span{Kind: "mention", Text: m[6]}
		case m[7] != "":
			return Span{Kind: "bold", Text: unescapeDiscord(m[7])}
		}
		return Span{Kind: "text", Text: m[0]}
	}, func(s string) []Span { return []Span{{Kind: "text", Text: s}} })
}

func unescapeDiscord(s string) string {
	out := []rune(s)
	return string(slices.DeleteFunc(out, func(r rune) bool { return r == '\\' }))
}
