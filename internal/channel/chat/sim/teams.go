package sim

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// teamsMost is the largest message, in bytes.
const teamsMost = 28 << 10

// teams answers /teams/workflows/{id}?sig=…: it accepts first and posts later,
// so what is refused is the request alone.
func (c call) teams() {
	to := c.s.room("teams", strings.TrimPrefix(c.path, "workflows/"))
	switch {
	case to == nil:
		c.teamsSays(http.StatusNotFound, "WorkflowNotFound", "The workflow could not be found.")
	case !c.known(c.r.URL.Query().Get("sig")):
		c.teamsSays(http.StatusUnauthorized, "DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access scheme.")
	case c.size > teamsMost:
		c.teamsSays(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The message is larger than 28 KB.")
	case !c.json || c.card() == nil:
		c.teamsSays(http.StatusBadRequest, "TriggerInputSchemaMismatch", "The input body for trigger does not match its schema definition.")
	default:
		if wait := c.s.take("teams "+to.id, 60, time.Minute); wait > 0 {
			c.w.Header().Set("Retry-After", after(wait))
			c.teamsSays(http.StatusTooManyRequests, "WorkflowTriggerThrottled", "The trigger's rate limit was exceeded.")
			return
		}
		spans := readCard(c.card())
		c.s.add(to, "", Post{Spans: spans}.Text(), spans)
		c.w.WriteHeader(http.StatusAccepted)
	}
}

func (c call) teamsSays(status int, code, message string) {
	c.answer(status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// card is the body of the first Adaptive Card.
func (c call) card() []any {
	list, _ := c.body["attachments"].([]any)
	if len(list) == 0 {
		return nil
	}
	first, _ := list[0].(map[string]any)
	content, _ := first["content"].(map[string]any)
	if first["contentType"] != "application/vnd.microsoft.card.adaptive" || content["type"] != "AdaptiveCard" {
		return nil
	}
	body, _ := content["body"].([]any)
	return body
}

var (
	maskedLink = regexp.MustCompile(`\[([^\]\n]+)\]\((https?://[^\s)]+)\)`)
	strong     = regexp.MustCompile(`\*\*([^*\n]+)\*\*`)
)

// readCard shows rich text blocks as they are and text blocks with their
// Markdown.
func readCard(blocks []any) (out []Span) {
	for i, b := range blocks {
		if i > 0 {
			out = append(out, Span{Kind: "text", Text: "\n"})
		}
		block, _ := b.(map[string]any)
		if text, ok := block["text"].(string); ok && block["type"] == "TextBlock" {
			out = append(out, markdown(text)...)
		}
		inlines, _ := block["inlines"].([]any)
		for _, in := range inlines {
			run, _ := in.(map[string]any)
			text, _ := run["text"].(string)
			kind := "text"
			if run["weight"] == "Bolder" {
				kind = "bold"
			}
			out = append(out, Span{Kind: kind, Text: text})
		}
	}
	return out
}

func markdown(s string) []Span {
	return pieces(s, maskedLink, func(m []string) Span { return Span{Kind: "link", Text: m[1], URL: m[2]} }, func(s string) []Span {
		return pieces(s, strong, func(m []string) Span { return Span{Kind: "bold", Text: m[1]} }, links)
	})
}
