package sim

import (
	"encoding/json"
	"net/http"
	"time"
)

// change is what somebody became to an account.
type change struct {
	at    time.Time
	state FriendState
}

const mostDays = 30 // of statistics of a unit, in one call

var insightRoutes = []route{
	{"GET", "/v2/bot/insight/followers", perHour60, (*call).insightFollowers, false, false, false},
	{"GET", "/v2/bot/insight/message/delivery", perHour60, (*call).insightDelivery, false, false, false},
	{"GET", "/v2/bot/insight/message/event", perHour60, (*call).insightEvent, false, false, false},
	{"GET", "/v2/bot/insight/message/event/aggregation", perHour60, (*call).insightUnit, false, false, false},
	{"GET", "/v2/bot/insight/richmenu/{menu}/daily", perHour60, (*call).menuDaily, false, false, false},
	{"GET", "/v2/bot/insight/richmenu/{menu}/summary", perHour60, (*call).menuSummary, false, false, false},
	{"GET", "/v2/bot/insight/demographic", perHour60, (*call).insightDemographic, false, false, false},
}

// over says what of a day cannot be told; "" of one that is over.
func (c *call) over(date string) string {
	switch {
	case date < day(c.of.made):
		return "out_of_service"
	case date == day(c.now()):
		return "unready"
	}
	return ""
}

func (c *call) insightFollowers() reply {
	date, refused := c.date()
	if refused != nil {
		return *refused
	}
	if state := c.over(date); state != "" {
		return answer(http.StatusOK, map[string]any{"status": state})
	}
	ever, friends, blocks := 0, 0, 0
	for _, f := range c.of.friends {
		state := Never
		for _, ch := range f.changes {
			if day(ch.at) <= date {
				state = ch.state
			}
		}
		switch state {
		case Friend:
			ever, friends = ever+1, friends+1
		case Blocked:
			ever, blocks = ever+1, blocks+1
		case Never:
		}
	}
	return answer(http.StatusOK, map[string]any{"status": "ready", "followers": ever, "targetedReaches": many20(friends), "blocks": blocks})
}

// many20 is a number that LINE tells, or 0.
func many20(n int) int {
	if n < fewest {
		return 0
	}
	return n
}

func (c *call) insightDelivery() reply {
	date, refused := c.date()
	if refused != nil {
		return *refused
	}
	if state := c.over(date); state != "" {
		return answer(http.StatusOK, map[string]any{"status": state})
	}
	sent := c.of.sent[date]
	return answer(http.StatusOK, map[string]any{
		"status": "ready", "apiBroadcast": sent["broadcast"], "apiPush": sent["push"], "apiMulticast": sent["multicast"], "apiNarrowcast": sent["narrowcast"], "apiReply": sent["reply"],
	})
}

// figures counts who saw and who opened something of some messages; null where
// too few did.
func (c *call) figures(of func(*Message) bool) (delivered int, overview map[string]any) {
	opened, clicked := 0, 0
	for _, f := range c.of.friends {
		saw, went, got := false, false, false
		for _, m := range f.chat {
			if of(m) {
				got, saw, went = true, saw || m.opened, went || m.clicked
			}
		}
		if got {
			delivered++
		}
		if saw {
			opened++
		}
		if went {
			clicked++
		}
	}
	orNull := func(n int) any {
		if n < fewest {
			return nil
		}
		return n
	}
	return delivered, map[string]any{"uniqueImpression": orNull(opened), "uniqueClick": orNull(clicked), "uniqueMediaPlayed": nil, "uniqueMediaPlayed100Percent": nil}
}

// insightEvent is of a message that went to many at once.
func (c *call) insightEvent() reply {
	id := c.r.URL.Query().Get("requestId")
	delivered, overview := c.figures(func(m *Message) bool { return m.request == id && (m.Kind == "broadcast" || m.Kind == "narrowcast") })
	if id == "" || delivered == 0 {
		return notFound()
	}
	overview["requestId"], overview["delivered"], overview["timestamp"] = id, delivered, 0
	for _, f := range c.of.friends {
		for _, m := range f.chat {
			if m.request == id {
				overview["timestamp"] = m.At.Unix()
			}
		}
	}
	return answer(http.StatusOK, map[string]any{"overview": overview, "messages": []any{}, "clicks": []any{}})
}

// insightUnit is of the messages of a unit, for 30 days at most.
func (c *call) insightUnit() reply {
	q := c.r.URL.Query()
	from, err := time.ParseInLocation("20060102", q.Get("from"), jst)
	to, err2 := time.ParseInLocation("20060102", q.Get("to"), jst)
	name := q.Get("customAggregationUnit")
	if err != nil || err2 != nil || to.Before(from) || to.Sub(from) > mostDays*24*time.Hour || !unit.MatchString(name) {
		return refuse(http.StatusBadRequest, "The value for the 'from' parameter is invalid")
	}
	_, overview := c.figures(func(m *Message) bool {
		return m.unit == name && day(m.At) >= q.Get("from") && day(m.At) <= q.Get("to")
	})
	return answer(http.StatusOK, map[string]any{"overview": overview, "messages": []any{}, "clicks": []any{}})
}

func (c *call) insightDemographic() reply {
	return answer(http.StatusOK, map[string]any{"available": false})
}

// mostMenuDays is how long a period of a rich menu's numbers may be.
const mostMenuDays = 396

// menuDaily tells the taps of a rich menu day by day, menuSummary of all days at
// once. Who tapped saw it: others who saw it are not counted here.
func (c *call) menuDaily() reply { return c.menuFigures(true) }

func (c *call) menuSummary() reply { return c.menuFigures(false) }

func (c *call) menuFigures(daily bool) reply {
	m := c.of.menus.find(c.args["menu"])
	q := c.r.URL.Query()
	from, err := time.ParseInLocation("20060102", q.Get("from"), jst)
	to, err2 := time.ParseInLocation("20060102", q.Get("to"), jst)
	switch {
	case m == nil:
		return noMenu()
	case err != nil || err2 != nil || to.Before(from) || to.Sub(from) > mostMenuDays*24*time.Hour:
		return refuse(http.StatusBadRequest, "The value for the 'from' parameter is invalid")
	}
	var taps []tap
	for _, one := range m.taps {
		if one.day >= q.Get("from") && one.day <= q.Get("to") {
			taps = append(taps, one)
		}
	}
	out := map[string]any{"richMenuId": m.ID}
	if _, unique := counts(taps, -1); unique < fewest {
		return answer(http.StatusOK, out)
	}
	metrics := func(area int) any { return metrics(taps, area) }
	if daily {
		metrics = func(area int) any { return dailyMetrics(taps, area) }
	}
	clicks := []any{}
	var areas []struct {
		Bounds json.RawMessage `json:"bounds"`
	}
	_ = json.Unmarshal(m.Areas, &areas) // they were checked
	for i, a := range areas {
		clicks = append(clicks, map[string]any{"bounds": a.Bounds, "metrics": metrics(i)})
	}
	out["metricsFrom"], out["metricsTo"], out["impression"], out["clicks"] = q.Get("from"), q.Get("to"), map[string]any{"metrics": metrics(-1)}, clicks
	return answer(http.StatusOK, out)
}

// counts are how many taps an area had, and by how many people; -1: any area.
func counts(taps []tap, area int) (all, unique int) {
	who := map[*person]bool{}
	for _, one := range taps {
		if area < 0 || one.area == area {
			all++
			who[one.who] = true
		}
	}
	return all, len(who)
}

func metrics(taps []tap, area int) map[string]any {
	all, unique := counts(taps, area)
	return map[string]any{"count": all, "uniqueUsers": unique}
}

func dailyMetrics(taps []tap, area int) []any {
	byDay := map[string][]tap{}
	for _, one := range taps {
		byDay[one.day] = append(byDay[one.day], one)
	}
	out := []any{}
	for _, date := range sortedKeys(byDay) {
		m := metrics(byDay[date], area)
		m["date"] = date
		out = append(out, m)
	}
	return out
}
