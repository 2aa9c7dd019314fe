package sim

import (
	"cmp"
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

// The limit of a bot in one channel.
const (
	discordBotCalls = 5
	discordBotPer   = 5 * time.Second
	discordNonce    = 5 * time.Minute // how long an enforced nonce counts: "a few minutes"
)

// discordServer is the one server that the bot is in.
const discordServer = "1152921504606840000"

// discord answers /discord/api/webhooks/{id}/{token}, and the bot's calls.
func (c call) discord() {
	if !strings.HasPrefix(c.path, "api/webhooks/") {
		c.discordBot(strings.TrimPrefix(c.path, "api/"))
		return
	}
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
		c.discordPost(to, discordCalls, discordPer)
	}
}

// discordBot answers what a bot asks.
func (c call) discordBot(path string) {
	token, isBot := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bot ")
	id, ofChannel := strings.CutSuffix(strings.TrimPrefix(path, "channels/"), "/messages")
	to := c.s.room("discord", id)
	switch {
	case !isBot || !c.known(token):
		c.discordSays(http.StatusUnauthorized, 0, "401: Unauthorized")
	case path == "users/@me":
		c.answer(http.StatusOK, map[string]any{"id": "1152921504606840001", "username": "engawa", "bot": true})
	case path == "users/@me/guilds":
		c.answer(http.StatusOK, []map[string]any{{"id": discordServer, "name": "Hinata"}})
	case path == "guilds/"+discordServer+"/channels":
		list := []map[string]any{{"id": "1152921504606840002", "name": "音声", "type": 2}}
		for _, r := range c.s.rooms {
			if r.service == "discord" {
				list = append(list, map[string]any{"id": r.id, "name": r.name, "type": 0})
			}
		}
		c.answer(http.StatusOK, list)
	case ofChannel && to == nil:
		c.discordSays(http.StatusNotFound, 10003, "Unknown Channel")
	case ofChannel && c.r.Method == http.MethodGet:
		c.discordHistory(to)
	case ofChannel && to.shut:
		c.discordSays(http.StatusForbidden, 50013, "Missing Permissions")
	case ofChannel:
		c.discordPost(to, discordBotCalls, discordBotPer)
	default:
		c.discordSays(http.StatusNotFound, 0, "404: Not Found")
	}
}

// discordHistory answers messages, newest first; none to who may not read.
func (c call) discordHistory(from *room) {
	limit, err := strconv.Atoi(cmp.Or(c.r.URL.Query().Get("limit"), "50"))
	if err != nil || limit < 1 || limit > 100 {
		c.discordSays(http.StatusBadRequest, 50035, "Invalid Form Body")
		return
	}
	before := c.r.URL.Query().Get("before")
	list := []map[string]any{}
	for _, p := range slices.Backward(from.list) {
		if len(list) == limit || c.s.Unread {
			break
		}
		if before == "" || p.ID < before { // of the same length
			list = append(list, map[string]any{"id": p.ID, "type": 0, "content": p.Sent, "timestamp": p.At.UTC().Format("2006-01-02T15:04:05.000000-07:00")})
		}
	}
	c.answer(http.StatusOK, list)
}

// discordAgain returns the message that a bot's enforced nonce has made already.
func (c call) discordAgain(to *room) *Post {
	nonce := c.str("nonce")
	if nonce == "" || c.body["enforce_nonce"] != true {
		return nil
	}
	for i, p := range to.list {
		if p.nonce == nonce && time.Since(p.At) < discordNonce {
			return &to.list[i]
		}
	}
	return nil
}

func (c call) discordSays(status, code int, message string) {
	c.answer(status, map[string]any{"message": message, "code": code})
}

func (c call) discordPost(to *room, n int, per time.Duration) {
	wait := c.s.take("discord "+to.id, n, per)
	left, reset := c.s.left("discord "+to.id, n, per)
	h := c.w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(n))
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
	case length(c.str("nonce")) > 25:
		c.discordSays(http.StatusBadRequest, 50035, "Invalid Form Body")
	case c.discordAgain(to) != nil:
		p := c.discordAgain(to)
		c.answer(http.StatusOK, map[string]any{"id": p.ID, "type": 0, "content": p.Sent, "nonce": p.nonce})
	default:
		id := c.s.add(to, c.r.URL.Query().Get("thread_id"), content, readDiscord(content, c.pings()))
		to.list[len(to.list)-1].nonce = c.str("nonce")
		if strings.HasPrefix(c.path, "api/webhooks/") && c.r.URL.Query().Get("wait") != "true" {
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
