package sim

import (
	"net/http"
	"time"
)

const (
	tooFast  = "The API rate limit has been exceeded. Try again later."
	overPlan = "You have reached your monthly limit."
)

// bucket holds what of a rate is left.
type bucket struct {
	left float64
	at   time.Time
}

// take takes one from an account's bucket of an endpoint; false: it is empty.
func (s *Server) take(a *account, endpoint string, l limit) bool {
	burst := s.Burst
	if burst == 0 {
		burst = 1
	}
	most := max(1, float64(l.n)*burst)
	now := s.now()
	b := a.buckets[endpoint]
	if b == nil {
		b = &bucket{most, now}
		a.buckets[endpoint] = b
	}
	b.left = min(most, b.left+float64(l.n)*float64(now.Sub(b.at))/float64(l.per))
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// slower tells a client that it is too fast.
func (c *call) slower() reply {
	c.isTooFast = true
	return refuse(http.StatusTooManyRequests, tooFast)
}

const perUser = 60 // pushes to one user in a minute

// crowded counts a push to one user, or says that it is one too many.
func (c *call) crowded(to string) bool {
	most := c.PerUser
	if most == 0 {
		most = perUser
	}
	now := c.now()
	seen := c.of.pushes[to]
	for len(seen) > 0 && !seen[0].After(now.Add(-time.Minute)) {
		seen = seen[1:]
	}
	c.of.pushes[to] = append(seen, now)
	return len(seen) >= most
}

// exceeds reports whether so many messages more are beyond the month's plan.
func (c *call) exceeds(recipients int) bool {
	return c.of.Plan != Unlimited && c.of.usage[month(c.now())]+c.of.reserved+recipients > c.of.Plan
}
