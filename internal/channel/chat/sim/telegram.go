package sim

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// telegram answers /telegram/bot{token}/{method}.
func (c call) telegram() {
	bot, method, _ := strings.Cut(c.path, "/")
	token, _ := strings.CutPrefix(bot, "bot")
	switch {
	case !c.known(token):
		c.telegramSays(http.StatusUnauthorized, "Unauthorized", 0)
	case method == "getMe":
		c.answer(http.StatusOK, map[string]any{"ok": true, "result": map[string]any{"id": 1, "is_bot": true, "first_name": "Engawa"}})
	case method == "sendMessage":
		c.telegramPost()
	default:
		c.telegramSays(http.StatusNotFound, "Not Found", 0)
	}
}

func (c call) telegramSays(status int, description string, wait time.Duration) {
	out := map[string]any{"ok": false, "error_code": status, "description": description}
	if wait > 0 {
		seconds, err := strconv.Atoi(after(wait))
		if err == nil {
			out["parameters"] = map[string]int{"retry_after": seconds}
			out["description"] = fmt.Sprintf("Too Many Requests: retry after %d", seconds)
		}
	}
	c.answer(status, out)
}

func (c call) telegramPost() {
	chat := c.str("chat_id")
	to := c.s.room("telegram", chat)
	if to == nil {
		c.telegramSays(http.StatusBadRequest, "Bad Request: chat not found", 0)
		return
	}
	spans, err := readTelegram(c.str("text"), c.str("parse_mode"))
	text := Post{Spans: spans}.Text()
	switch {
	case err != nil:
		c.telegramSays(http.StatusBadRequest, "Bad Request: can't parse entities: "+err.Error(), 0)
		return
	case strings.TrimSpace(text) == "":
		c.telegramSays(http.StatusBadRequest, "Bad Request: message text is empty", 0)
		return
	case length(text) > 4096:
		c.telegramSays(http.StatusBadRequest, "Bad Request: message is too long", 0)
		return
	}
	wait := max(c.s.take("telegram", 30, time.Second), c.s.take("telegram "+chat, 1, time.Second))
	if strings.HasPrefix(chat, "-") {
		wait = max(wait, c.s.take("telegram group "+chat, 20, time.Minute))
	}
	if wait > 0 {
		c.telegramSays(http.StatusTooManyRequests, "", wait)
		return
	}
	c.s.add(to, "", c.str("text"), spans)
	c.answer(http.StatusOK, map[string]any{"ok": true, "result": map[string]any{"message_id": len(to.list), "date": time.Now().Unix()}})
}

var (
	telegramTag  = regexp.MustCompile(`<(/?)([a-z-]+)(?: href="([^"]*)")?>`)
	telegramName = regexp.MustCompile(`(?:^|\W)(@[A-Za-z][A-Za-z0-9_]{3,31})`)
)

// readTelegram reads the HTML of the Bot API: known tags, properly closed, and
// no other angle bracket.
func readTelegram(s, mode string) ([]Span, error) {
	if mode != "HTML" {
		return named(s), nil
	}
	var out []Span
	open, href := "", ""
	for s != "" {
		at := telegramTag.FindStringSubmatchIndex(s)
		text := s
		if at != nil {
			text = s[:at[0]]
		}
		if strings.ContainsAny(text, "<>") {
			return nil, fmt.Errorf("unsupported start tag at byte offset %d", strings.IndexAny(text, "<>"))
		}
		out = append(out, spanIn(open, href, html.UnescapeString(text))...)
		if at == nil {
			break
		}
		m := telegramTag.FindStringSubmatch(s)
		switch {
		case m[1] == "/" && m[2] == open:
			open, href = "", ""
		case m[1] == "" && open == "" && (m[2] == "b" || m[2] == "a"):
			open, href = m[2], m[3]
		default:
			return nil, fmt.Errorf("unexpected tag %q", m[2])
		}
		s = s[at[1]:]
	}
	if open != "" {
		return nil, fmt.Errorf("can't find end tag corresponding to start tag %q", open)
	}
	return out, nil
}

func spanIn(open, href, text string) []Span {
	switch {
	case text == "":
		return nil
	case open == "b":
		return []Span{{Kind: "bold", Text: text}}
	case open == "a":
		return []Span{{Kind: "link", Text: text, URL: href}}
	}
	return named(text)
}

// named finds @names, which Telegram makes mentions by itself, and links.
func named(s string) []Span {
	return pieces(s, bare, func(m []string) Span { return Span{Kind: "link", Text: m[0], URL: m[0]} }, func(s string) []Span {
		var out []Span
		for s != "" {
			at := telegramName.FindStringSubmatchIndex(s)
			if at == nil {
				break
			}
			out = append(out, Span{Kind: "text", Text: s[:at[2]]}, Span{Kind: "mention", Text: s[at[2]:at[3]]})
			s = s[at[3]:]
		}
		return append(out, Span{Kind: "text", Text: s})
	})
}
