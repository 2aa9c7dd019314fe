package sim

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// firstMessage lies beyond 2^53: a client that reads ids as floating numbers is
// found out.
const firstMessage = 560_000_000_000_000_000

const (
	maxMulticast = 500
	mostUnits    = 1000 // distinct names in a month
	keyLife      = 24 * time.Hour
	wroteLately  = 7 * 24 * time.Hour
	replyLife    = time.Minute
	replyLatest  = 20 * time.Minute // after its event, for a token that came again
)

var (
	anyID   = regexp.MustCompile(`^[UCR][0-9a-f]{32}$`)
	anyUser = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	unit    = regexp.MustCompile(`^[A-Za-z0-9_]{1,30}$`)
	uuid    = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

// outgoing is what all sends say.
type outgoing struct {
	Messages []json.RawMessage `json:"messages"`
	Silent   bool              `json:"notificationDisabled"`
	unit     string            // of push and multicast
}

// counted is what may be counted under the name of a unit.
type counted struct {
	outgoing
	Units []string `json:"customAggregationUnits"`
}

// accepted is a request with a retry key that was taken.
type accepted struct {
	at        time.Time
	requestID string
	endpoint  string
	body      [32]byte
	sent      []sentMessage
}

type sentMessage struct {
	ID    string `json:"id"`
	Quote string `json:"quoteToken,omitempty"`
}

// checkCounted is checkMessages with the name of the unit.
func (c *call) checkCounted(in *counted, before ...detail) *reply {
	switch {
	case len(in.Units) > 1:
		before = append(before, between("customAggregationUnits", 0, 1))
	case len(in.Units) == 1 && !unit.MatchString(in.Units[0]):
		before = append(before, detail{"must match the pattern [A-Za-z0-9_]{1,30}", "customAggregationUnits[0]"})
	case len(in.Units) == 1:
		in.unit = in.Units[0]
	}
	return c.checkMessages(in.outgoing, before...)
}

// checkMessages says what is wrong with what is to be sent, with the details
// found before it.
func (c *call) checkMessages(o outgoing, before ...detail) *reply {
	k := &checker{of: c.of, found: before}
	k.messages(o.Messages)
	if len(k.found) == 0 {
		return nil
	}
	out := invalid(k.found...)
	return &out
}

// again answers a call whose retry key was accepted already, or cannot be one.
func (c *call) again() *reply {
	switch {
	case c.key == "":
		return nil
	case !uuid.MatchString(c.key):
		out := refuse(http.StatusBadRequest, "The value for the X-Line-Retry-Key header is invalid")
		return &out
	}
	c.reused()
	was := c.of.retries[c.key]
	if was == nil || c.now().Sub(was.at) >= keyLife {
		return nil
	}
	body := map[string]any{"message": "The retry key is already accepted"}
	if was.sent != nil {
		body["sentMessages"] = was.sent
	}
	out := answer(http.StatusConflict, body)
	out.header.Set("X-Line-Accepted-Request-Id", was.requestID)
	return &out
}

// keep remembers a retry key with what it was accepted for.
func (c *call) keep(sent []sentMessage) {
	if c.key != "" {
		c.of.retries[c.key] = &accepted{c.now(), c.id, c.at.path, sha256.Sum256(c.body), sent}
	}
}

// number gives message objects their ids.
func (c *call) number(messages []json.RawMessage) []sentMessage {
	out := make([]sentMessage, len(messages))
	for i, raw := range messages {
		out[i].ID = strconv.FormatInt(firstMessage+c.next(), 10)
		var m struct{ Type string }
		_ = json.Unmarshal(raw, &m) // it was checked
		switch m.Type {
		case "text", "textV2", "sticker", "image", "video", "template":
			out[i].Quote = hexText(20)
		}
	}
	return out
}

// deliver puts messages into the chats of friends, or of those who wrote lately.
func (c *call) deliver(kind string, to []*friendship, o outgoing, sent []sentMessage) {
	for _, f := range to {
		for i, raw := range o.Messages {
			m := show(sent[i].ID, kind, raw)
			m.At, m.Key, m.request, m.unit = c.now(), c.key, c.id, o.unit
			f.chat = append(f.chat, m)
		}
	}
}

// charge counts what reached somebody, also under the name of its unit; of a
// reply nothing is charged.
func (c *call) charge(kind string, reached int, unit string) {
	today := day(c.now())
	if c.of.sent[today] == nil {
		c.of.sent[today] = map[string]int{}
	}
	c.of.sent[today][kind] += reached
	if kind == "reply" {
		return
	}
	now := month(c.now())
	c.of.usage[now] += reached
	if c.of.units[now] == nil {
		c.of.units[now] = map[string]int{}
	}
	if _, known := c.of.units[now][unit]; unit != "" && (known || len(c.of.units[now]) < mostUnits) {
		c.of.units[now][unit] += reached
	}
}

// reachable reports whether a message to them is delivered.
func (f *friendship) reachable(now time.Time) bool {
	if f == nil || f.person.gone || f.state == Blocked {
		return false
	}
	return f.state == Friend || !f.wrote.IsZero() && now.Sub(f.wrote) < wroteLately
}

// push sends to one user or group.
func (c *call) push() reply {
	var in struct {
		To string `json:"to"`
		counted
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	var before []detail
	if in.To == "" {
		before = append(before, empty("to"))
	}
	if refused := c.checkCounted(&in.counted, before...); refused != nil {
		return *refused
	}
	if !anyID.MatchString(in.To) {
		return badProperty("to")
	}
	if known := c.again(); known != nil {
		return *known
	}
	if in.To[0] == 'U' {
		c.addressed(in.To)
	}
	who, g := c.of.provider.users[in.To], c.of.group(in.To)
	to := 1
	if g != nil {
		to = len(g.members) // who are counted one by one
	}
	switch {
	case c.exceeds(to):
		return refuse(http.StatusTooManyRequests, overPlan)
	case c.crowded(in.To):
		return c.slower()
	case who == nil && g == nil:
		return refuse(http.StatusBadRequest, "Failed to send messages")
	}
	sent := c.number(in.Messages)
	reached := 0
	if g != nil {
		c.post(g, "push", in.outgoing, sent)
		reached = to
	} else if f := who.friends[c.of]; f.reachable(c.now()) {
		c.deliver("push", []*friendship{f}, in.outgoing, sent)
		reached = 1
	}
	c.charge("push", reached, in.unit)
	c.keep(sent)
	return answer(http.StatusOK, map[string]any{"sentMessages": sent})
}

// multicast sends to users by id.
func (c *call) multicast() reply {
	var in struct {
		To []string `json:"to"`
		counted
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	var before []detail
	if len(in.To) < 1 || len(in.To) > maxMulticast {
		before = append(before, between("to", 1, maxMulticast))
	}
	if refused := c.checkCounted(&in.counted, before...); refused != nil {
		return *refused
	}
	to := map[*friendship]bool{}
	var order []*friendship
	for i, id := range in.To {
		who := c.of.provider.users[id]
		if !anyUser.MatchString(id) || who == nil && c.ForeignRefused {
			return refuse(http.StatusBadRequest, "The property, to["+strconv.Itoa(i)+"], in the request body is invalid (line: -, column: -)")
		}
		if who == nil {
			continue
		}
		if f := who.friends[c.of]; f.reachable(c.now()) && !to[f] {
			to[f], order = true, append(order, f)
		}
	}
	if known := c.again(); known != nil {
		return *known
	}
	c.addressed(in.To...)
	if c.exceeds(len(in.To)) {
		return refuse(http.StatusTooManyRequests, overPlan)
	}
	c.deliver("multicast", order, in.outgoing, c.number(in.Messages))
	c.charge("multicast", len(order), in.unit)
	c.keep(nil)
	return done()
}

// broadcast sends to all friends.
func (c *call) broadcast() reply {
	var in outgoing
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if refused := c.checkMessages(in); refused != nil {
		return *refused
	}
	if known := c.again(); known != nil {
		return *known
	}
	to := c.of.reach()
	if c.exceeds(len(to)) {
		return refuse(http.StatusTooManyRequests, overPlan)
	}
	c.deliver("broadcast", to, in, c.number(in.Messages))
	c.charge("broadcast", len(to), "")
	c.keep(nil)
	return done()
}

// reply answers an event with its token: once, soon, and for nothing.
func (c *call) reply() reply {
	var in struct {
		Token string `json:"replyToken"`
		outgoing
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	var before []detail
	if in.Token == "" {
		before = append(before, empty("replyToken"))
	}
	if refused := c.checkMessages(in.outgoing, before...); refused != nil {
		return *refused
	}
	t := c.replies[in.Token]
	if t == nil || t.of != c.of || !t.works(c.now()) {
		return refuse(http.StatusBadRequest, "Invalid reply token")
	}
	t.used = true
	sent := c.number(in.Messages)
	reached := 0
	if t.group != nil {
		c.post(t.group, "reply", in.outgoing, sent)
		reached = len(t.group.members)
	} else if !t.to.person.gone && t.to.state != Blocked {
		c.deliver("reply", []*friendship{t.to}, in.outgoing, sent)
		reached = 1
	}
	c.charge("reply", reached, "")
	return answer(http.StatusOK, map[string]any{"sentMessages": sent})
}

// validate looks at message objects alone.
func (c *call) validate() reply {
	switch c.args["kind"] {
	case "reply", "push", "multicast", "narrowcast", "broadcast":
	default:
		return notFound()
	}
	var in struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	if refused := c.checkMessages(outgoing{Messages: in.Messages}); refused != nil {
		return *refused
	}
	return done()
}

func (c *call) quota() reply {
	if c.of.Plan == Unlimited {
		return answer(http.StatusOK, map[string]any{"type": "none"})
	}
	return answer(http.StatusOK, map[string]any{"type": "limited", "value": c.of.Plan})
}

func (c *call) consumption() reply {
	return answer(http.StatusOK, map[string]any{"totalUsage": c.of.usage[month(c.now())]})
}

// date reads the query's day, of Japan: not one to come.
func (c *call) date() (string, *reply) {
	text := c.r.URL.Query().Get("date")
	at, err := time.ParseInLocation("20060102", text, jst)
	if err != nil || len(text) != 8 || day(at) > day(c.now()) {
		out := refuse(http.StatusBadRequest, "The value for the 'date' parameter is invalid")
		return "", &out
	}
	return text, nil
}

// delivery is how many of a kind were sent on a day that is over.
func (c *call) delivery() reply {
	kind := c.args["kind"]
	switch kind {
	case "reply", "push", "multicast", "broadcast":
	default:
		return notFound()
	}
	date, refused := c.date()
	switch {
	case refused != nil:
		return *refused
	case date < day(c.of.made):
		return answer(http.StatusOK, map[string]any{"status": "out_of_service"})
	case date == day(c.now()):
		return answer(http.StatusOK, map[string]any{"status": "unready"})
	}
	return answer(http.StatusOK, map[string]any{"status": "ready", "success": c.of.sent[date][kind]})
}

func (c *call) unitInfo() reply {
	return answer(http.StatusOK, map[string]any{"numOfCustomAggregationUnits": len(c.of.units[month(c.now())])})
}

// unitList lists the names of the month, all on one page.
func (c *call) unitList() reply {
	names := sortedKeys(c.of.units[month(c.now())])
	return c.page(names, "customAggregationUnits", 100, 100)
}
