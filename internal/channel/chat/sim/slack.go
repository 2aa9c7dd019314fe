package sim

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slack answers /slack/services/{id}/… (a webhook) and /slack/api/{method}.
func (c call) slack() {
	if hook, ok := strings.CutPrefix(c.path, "services/"); ok {
		c.slackHook(hook)
		return
	}
	method := strings.TrimPrefix(c.path, "api/")
	token, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !c.known(token):
		c.slackSays("invalid_auth")
	case method == "auth.test":
		c.answer(http.StatusOK, map[string]any{"ok": true, "team": "Hinata", "user": "engawa"})
	case method == "conversations.list":
		c.slackList()
	case method == "conversations.history":
		c.slackHistory()
	case method == "chat.postMessage" && c.r.Method == http.MethodPost:
		c.slackPost()
	default:
		c.slackSays("unknown_method")
	}
}

// slackSays refuses in a 200, as Slack does.
func (c call) slackSays(word string) {
	c.answer(http.StatusOK, map[string]any{"ok": false, "error": word})
}

func (c call) slackList() {
	list := []map[string]any{}
	for _, r := range c.s.rooms {
		if r.service == "slack" && strings.HasPrefix(r.id, "C") {
			list = append(list, map[string]any{"id": r.id, "name": r.name, "is_channel": true, "is_archived": false, "is_member": !r.shut})
		}
	}
	c.answer(http.StatusOK, map[string]any{"ok": true, "channels": list, "response_metadata": map[string]string{"next_cursor": ""}})
}

func (c call) slackPost() {
	to := c.s.room("slack", c.str("channel"))
	switch {
	case !c.json:
		c.slackSays("invalid_json")
	case to == nil:
		c.slackSays("channel_not_found")
	case to.shut:
		c.slackSays("not_in_channel")
	case strings.TrimSpace(c.str("text")) == "":
		c.slackSays("no_text")
	case length(c.str("text")) > 40000:
		c.slackSays("msg_too_long")
	default:
		if wait := c.s.take("slack "+to.id, 1, time.Second); wait > 0 {
			c.w.Header().Set("Retry-After", after(wait))
			c.answer(http.StatusTooManyRequests, map[string]any{"ok": false, "error": "ratelimited"})
			return
		}
		c.s.add(to, "", c.str("text"), readSlack(c.body))
		c.answer(http.StatusOK, map[string]any{"ok": true, "channel": to.id, "ts": slackTS(to.list[len(to.list)-1])})
	}
}

// slackTS is a message's id: its second and a number.
func slackTS(p Post) string { return fmt.Sprintf("%d.%s", p.At.Unix(), p.ID[len(p.ID)-6:]) }

// slackHistory answers what was posted after oldest, newest first, by its
// channel's id alone and only where the app has the scope: 50 times a minute.
func (c call) slackHistory() {
	q := c.r.URL.Query()
	from := c.s.room("slack", q.Get("channel"))
	limit, err := strconv.Atoi(cmp.Or(q.Get("limit"), "100"))
	start, err2 := strconv.Atoi(cmp.Or(q.Get("cursor"), "0"))
	switch {
	case c.s.Unread:
		c.slackSays("missing_scope")
		return
	case from == nil:
		c.slackSays("channel_not_found")
		return
	case from.shut:
		c.slackSays("not_in_channel")
		return
	case err != nil || limit < 1 || limit > 999:
		c.slackSays("invalid_limit")
		return
	case err2 != nil || start < 0:
		c.slackSays("invalid_cursor")
		return
	}
	if wait := c.s.take("slack history", 50, time.Minute); wait > 0 {
		c.w.Header().Set("Retry-After", after(wait))
		c.answer(http.StatusTooManyRequests, map[string]any{"ok": false, "error": "ratelimited"})
		return
	}
	oldest, _ := strconv.ParseFloat(q.Get("oldest"), 64)
	all := []map[string]any{}
	for _, p := range slices.Backward(from.list) {
		if float64(p.At.Unix()) > oldest {
			all = append(all, map[string]any{"type": "message", "bot_id": "B1", "ts": slackTS(p), "text": p.Sent})
		}
	}
	page := all[min(start, len(all)):min(start+limit, len(all))]
	next := ""
	if start+limit < len(all) {
		next = strconv.Itoa(start + limit)
	}
	c.answer(http.StatusOK, map[string]any{"ok": true, "messages": page, "has_more": next != "", "response_metadata": map[string]string{"next_cursor": next}})
}

func (c call) slackHook(path string) {
	id, token, _ := strings.Cut(path, "/")
	to := c.s.room("slack", id)
	switch {
	case to == nil:
		c.text(http.StatusNotFound, "no_service")
	case !c.known(token):
		c.text(http.StatusForbidden, "invalid_token")
	case !c.json:
		c.text(http.StatusBadRequest, "invalid_payload")
	case strings.TrimSpace(c.str("text")) == "":
		c.text(http.StatusBadRequest, "no_text")
	default:
		if wait := c.s.take("slack "+to.id, 1, time.Second); wait > 0 {
			c.w.Header().Set("Retry-After", after(wait))
			c.text(http.StatusTooManyRequests, "rate_limited")
			return
		}
		c.s.add(to, "", c.str("text"), readSlack(c.body))
		c.text(http.StatusOK, "ok")
	}
}

var (
	slackMark = regexp.MustCompile(`<([^<>]+)>`)
	slackBold = regexp.MustCompile(`\*([^*\n]+)\*`)
	slackName = regexp.MustCompile(`\B@(channel|here|everyone)\b`)
)

// readSlack reads text as Slack does: what stands in < > is a link or a mention;
// *bold* unless mrkdwn is off; @channel alone only with link_names or parse.
func readSlack(body map[string]any) []Span {
	text, _ := body["text"].(string)
	plain := func(s string) []Span {
		guess := body["link_names"] == true || body["parse"] == "full"
		return pieces(s, slackName, func(m []string) Span {
			if guess {
				return Span{Kind: "mention", Text: m[0]}
			}
			return Span{Kind: "text", Text: m[0]}
		}, func(s string) []Span {
			if body["mrkdwn"] == false {
				return links(html.UnescapeString(s))
			}
			return pieces(s, slackBold, func(m []string) Span { return Span{Kind: "bold", Text: html.UnescapeString(m[1])} },
				func(s string) []Span { return links(html.UnescapeString(s)) })
		})
	}
	return pieces(text, slackMark, func(m []string) Span { return angle(m[1], "@#!") }, plain)
}

// angle is what stands between < and > at Slack and at Google Chat.
func angle(inside, names string) Span {
	target, label, named := strings.Cut(inside, "|")
	if strings.ContainsAny(inside[:1], names) || strings.HasPrefix(inside, "users/") {
		return Span{Kind: "mention", Text: target}
	}
	if !named {
		label = target
	}
	return Span{Kind: "link", Text: label, URL: target}
}
