package sim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	narrowcastTakes = 30 * time.Second
	narrowcastLife  = 14 * 24 * time.Hour
	fewestReached   = 100 // for a filter by attributes
	fewestSent      = 50
)

// narrowcast is one that was accepted.
type narrowcast struct {
	accepted, ends time.Time
	to             []*friendship
	target         int
	code           int // of an error; 0: none
	why            string
}

var narrowcastRoutes = []route{
	{"POST", "/v2/bot/message/narrowcast", perHour60, (*call).narrow, false, false, true},
	{"GET", "/v2/bot/message/progress/narrowcast", perSecond2k, (*call).narrowProgress, false, false, false},
}

// recipient chooses people: an audience, who got an earlier one, or a
// combination.
type recipient struct {
	Type     string
	Audience int64  `json:"audienceGroupId"`
	Request  string `json:"requestId"`
	And, Or  []recipient
	Not      *recipient
}

// chosen says who fits a recipient; few is set where an audience that is not
// uploaded has too few.
func (c *call) chosen(r recipient, few *bool) (func(*friendship) bool, *reply) {
	wrong := invalid(detail{"must be specified", "recipient.type"})
	switch r.Type {
	case "audience":
		g := c.of.audience(strconv.FormatInt(r.Audience, 10))
		if g == nil || g.status(c.now()) != "READY" {
			out := refuse(http.StatusBadRequest, "The audience is not found or not ready", detail{"invalid audience", "recipient.audienceGroupId"})
			return nil, &out
		}
		*few = *few || g.kind != "UPLOAD" && len(g.users) < fewestSent
		return func(f *friendship) bool { return g.users[userID(c.of.provider, f.person)] }, nil
	case "redelivery":
		was := c.of.narrowcast[r.Request]
		if was == nil {
			out := refuse(http.StatusBadRequest, "The request is not found", detail{"invalid request", "recipient.requestId"})
			return nil, &out
		}
		got := map[*friendship]bool{}
		for _, f := range was.to {
			got[f] = true
		}
		return func(f *friendship) bool { return got[f] }, nil
	case "operator":
		return c.combined(r, few)
	}
	return nil, &wrong
}

func (c *call) combined(r recipient, few *bool) (func(*friendship) bool, *reply) {
	all := append(append([]recipient{}, r.And...), r.Or...)
	if r.Not != nil {
		all = append(all, *r.Not)
	}
	var fit []func(*friendship) bool
	for _, one := range all {
		does, refused := c.chosen(one, few)
		if refused != nil {
			return nil, refused
		}
		fit = append(fit, does)
	}
	count := func(f *friendship) (n int) {
		for _, does := range fit {
			if does(f) {
				n++
			}
		}
		return n
	}
	switch {
	case r.Not != nil && len(all) == 1:
		return func(f *friendship) bool { return count(f) == 0 }, nil
	case len(r.And) > 0 && len(all) == len(r.And):
		return func(f *friendship) bool { return count(f) == len(fit) }, nil
	case len(r.Or) > 0 && len(all) == len(r.Or):
		return func(f *friendship) bool { return count(f) > 0 }, nil
	}
	out := invalid(detail{"must have one of and, or and not", "recipient"})
	return nil, &out
}

// narrow sends to chosen friends by and by. A filter by attributes fits
// everybody here, but wants as many friends as LINE's.
func (c *call) narrow() reply {
	var in struct {
		Recipient *recipient      `json:"recipient"`
		Filter    json.RawMessage `json:"filter"`
		Limit     struct {
			Max    int
			UpTo   bool `json:"upToRemainingQuota"`
			Forbid bool `json:"forbidPartialDelivery"`
		} `json:"limit"`
		outgoing
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	var before []detail
	if in.Limit.Forbid && !in.Limit.UpTo {
		before = append(before, detail{"can be true only with upToRemainingQuota", "limit.forbidPartialDelivery"})
	}
	if refused := c.checkMessages(in.outgoing, before...); refused != nil {
		return *refused
	}
	few, fits := false, func(*friendship) bool { return true }
	if in.Recipient != nil {
		var refused *reply
		if fits, refused = c.chosen(*in.Recipient, &few); refused != nil {
			return *refused
		}
	}
	if known := c.again(); known != nil {
		return *known
	}
	filtered := len(in.Filter) > 0 && string(in.Filter) != "null"
	if filtered && len(c.of.reach()) < fewestReached {
		return refuse(http.StatusForbidden, "Your account does not have enough friends")
	}
	job := &narrowcast{accepted: c.now(), ends: c.now().Add(c.takes())}
	for _, f := range c.of.reach() {
		if fits(f) && (in.Limit.Max == 0 || len(job.to) < in.Limit.Max) {
			job.to = append(job.to, f)
		}
	}
	job.target = len(job.to)
	left := c.of.Plan - c.of.usage[month(c.now())] - c.of.reserved
	switch {
	case c.exceeds(job.target) && !in.Limit.UpTo:
		return refuse(http.StatusTooManyRequests, overPlan)
	case few:
		job.code, job.why = 4, "An audience of less than 50 recipients is included"
	case filtered && job.target < fewestSent || job.target == 0:
		job.code, job.why = 2, "Not enough recipients"
	case c.exceeds(job.target) && in.Limit.Forbid:
		job.code, job.why = 5, "Partial delivery is forbidden"
	case c.exceeds(job.target):
		job.to = job.to[:max(0, left)]
	}
	c.of.narrowcast[c.id] = job
	c.keep(nil)
	if job.code == 0 {
		c.start(job, in.outgoing)
	}
	return answer(http.StatusAccepted, struct{}{})
}

func (s *Server) takes() time.Duration {
	if s.Sending > 0 {
		return s.Sending
	}
	return narrowcastTakes
}

// start reserves what a narrowcast may use and sends when its time has come.
func (c *call) start(job *narrowcast, o outgoing) {
	c.of.reserved += len(job.to)
	sent := c.number(o.Messages)
	c.plan(job.ends, func() {
		c.of.reserved -= len(job.to)
		reached := job.to[:0:0]
		for _, f := range job.to {
			if f.reachable(c.now()) {
				reached = append(reached, f)
			}
		}
		c.deliver("narrowcast", reached, o, sent)
		c.charge("narrowcast", len(reached), "")
		job.to = reached
	})
}

func (c *call) narrowProgress() reply {
	job := c.of.narrowcast[c.r.URL.Query().Get("requestId")]
	if job == nil || c.now().Sub(job.accepted) >= narrowcastLife {
		return notFound()
	}
	out := map[string]any{"phase": "waiting", "acceptedTime": stamp(job.accepted)}
	switch now := c.now(); {
	case now.Before(job.ends) && now.Sub(job.accepted) >= c.takes()/2 && job.code == 0:
		out["phase"] = "sending"
	case now.Before(job.ends):
	case job.code != 0:
		out["phase"], out["errorCode"], out["failedDescription"], out["completedTime"] = "failed", job.code, job.why, stamp(job.ends)
	default:
		out["phase"], out["completedTime"] = "succeeded", stamp(job.ends)
		out["targetCount"], out["successCount"], out["failureCount"] = job.target, len(job.to), job.target-len(job.to)
	}
	return answer(http.StatusOK, out)
}
