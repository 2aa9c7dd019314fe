package sim

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostCoupons   = 5000
	maxTitle      = 60
	mostOnPage    = 100
	defaultOnPage = 20
)

// coupon is one coupon, which nobody can change.
type coupon struct {
	id     string
	fields map[string]any
	made   time.Time
	closed bool
}

var couponRoutes = []route{
	{"GET", "/v2/bot/coupon", perSecond200, (*call).listCoupons, false, false, false},
	{"POST", "/v2/bot/coupon", perSecond200, (*call).createCoupon, false, false, false},
	{"GET", "/v2/bot/coupon/{coupon}", perSecond200, (*call).getCoupon, false, false, false},
	{"PUT", "/v2/bot/coupon/{coupon}/close", perSecond200, (*call).closeCoupon, false, false, false},
}

// coupon finds a coupon that can be sent.
func (a *account) coupon(id string) *coupon {
	if c := a.anyCoupon(id); c != nil && !c.closed {
		return c
	}
	return nil
}

func (a *account) anyCoupon(id string) *coupon {
	for _, c := range a.coupons {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (c *call) createCoupon() reply {
	var in map[string]any
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	k := &checker{of: c.of}
	k.text(in, "", "title", maxTitle)
	for _, name := range []string{"startTimestamp", "endTimestamp", "maxUseCountPerTicket"} {
		k.number(in, "", name)
	}
	for _, name := range []string{"acquisitionCondition", "visibility", "timezone"} {
		if in[name] == nil {
			k.say("must be specified", name)
		}
	}
	from, _ := in["startTimestamp"].(float64)
	until, _ := in["endTimestamp"].(float64)
	if until <= from {
		k.say("must be later than startTimestamp", "endTimestamp")
	}
	if n, ok := in["maxUseCountPerTicket"].(float64); ok && n != 1 && n != -1 {
		k.say("must be 1 or -1", "maxUseCountPerTicket")
	}
	if v, ok := in["visibility"].(string); ok && v != "UNLISTED" && v != "PUBLIC" {
		k.say("must be UNLISTED or PUBLIC", "visibility")
	}
	if condition, ok := in["acquisitionCondition"].(map[string]any); ok {
		switch condition["type"] {
		case "normal":
		case "lottery":
			if p, _ := condition["lotteryProbability"].(float64); p < 1 || p > 99 {
				k.found = append(k.found, between("acquisitionCondition.lotteryProbability", 1, 99))
			}
		default:
			k.say("must be normal or lottery", "acquisitionCondition.type")
		}
	}
	live := 0
	for _, have := range c.of.coupons {
		if !have.closed {
			live++
		}
	}
	switch {
	case len(k.found) > 0:
		return invalid(k.found...)
	case live >= mostCoupons:
		return refuse(http.StatusBadRequest, "The maximum number of coupons has been reached")
	}
	for name, v := range in { // the official SDK sends what was not said as null or nothing
		if v == nil || v == "" {
			delete(in, name)
		}
	}
	made := &coupon{id: "01" + strings.ToUpper(hexText(12)), fields: in, made: c.now()}
	c.of.coupons = append(c.of.coupons, made)
	return answer(http.StatusOK, map[string]any{"couponId": made.id})
}

func (o *coupon) status() string {
	if o.closed {
		return "CLOSED"
	}
	return "RUNNING"
}

func (c *call) getCoupon() reply {
	o := c.of.anyCoupon(c.args["coupon"])
	if o == nil {
		return notFound()
	}
	out := maps.Clone(o.fields)
	out["couponId"], out["createdTimestamp"], out["status"] = o.id, o.made.Unix(), o.status()
	return answer(http.StatusOK, out)
}

func (c *call) closeCoupon() reply {
	o := c.of.anyCoupon(c.args["coupon"])
	switch {
	case o == nil:
		return notFound()
	case o.closed:
		return refuse(http.StatusGone, "The coupon is already closed")
	}
	o.closed = true
	return done()
}

// listCoupons lists coupons by their status, newest first.
func (c *call) listCoupons() reply {
	q := c.r.URL.Query()
	n, from := defaultOnPage, 0
	if q.Has("limit") {
		n, _ = strconv.Atoi(q.Get("limit"))
	}
	if q.Has("start") {
		from, _ = strconv.Atoi(q.Get("start"))
	}
	if n < 1 || n > mostOnPage || from < 0 {
		return refuse(http.StatusBadRequest, "The value for the 'limit' parameter is invalid")
	}
	type line struct {
		ID    string          `json:"couponId"`
		Title json.RawMessage `json:"title"`
	}
	found := []line{}
	for _, o := range slices.Backward(c.of.coupons) {
		if wanted := q["status"]; len(wanted) == 0 || slices.Contains(wanted, o.status()) || slices.Contains(strings.Split(q.Get("status"), ","), o.status()) {
			title, _ := json.Marshal(o.fields["title"])
			found = append(found, line{o.id, title})
		}
	}
	from = min(from, len(found))
	to := min(from+n, len(found))
	out := map[string]any{"items": found[from:to]}
	if to < len(found) {
		out["next"] = strconv.Itoa(to)
	}
	return answer(http.StatusOK, out)
}
