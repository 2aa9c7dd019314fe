package phone

import (
	"sync"
	"time"

	"github.com/engawa/engawa"
)

// What one node takes of devices. A key is carried by all devices of an app; a
// network may be that of many (carriers share addresses), so that the second is
// there against loops, and not against crowds.
const (
	keyRate, keyBurst         = 200, 2000 // calls a second, and at once
	networkRate, networkBurst = 5, 100
	mostPaces                 = 100_000
)

// Pace counts calls by key and by network. Its zero value is ready; it is safe for
// several goroutines.
type Pace struct {
	mu  sync.Mutex
	all map[string]bucket
}

// bucket is what a caller may still do at a moment.
type bucket struct {
	left float64
	at   time.Time
}

// Limit is how often a name may call: so many calls a second, and at once.
type Limit struct {
	Name        string
	Rate, Burst float64
}

// Admit counts a call of a key from a network. The error is CodeRateLimited.
func (p *Pace) Admit(key, network string, now time.Time) error {
	if !p.Take(now, Limit{"network " + network, networkRate, networkBurst}, Limit{"key " + key, keyRate, keyBurst}) {
		return &engawa.Error{Code: engawa.CodeRateLimited, Message: "too many calls from this network, or by this app key", Remedy: "wait a second before the next call, and twice as long after each refusal"}
	}
	return nil
}

// Take counts a call by each of limits until one is reached, and reports whether
// none was.
func (p *Pace) Take(now time.Time, limits ...Limit) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil || len(p.all) > mostPaces {
		p.all = map[string]bucket{} // who is forgotten begins anew
	}
	for _, l := range limits {
		if !p.take(l.Name, l.Rate, l.Burst, now) {
			return false
		}
	}
	return true
}

// take takes one from a bucket that fills at rate a second up to burst.
func (p *Pace) take(name string, rate, burst float64, now time.Time) bool {
	b, ok := p.all[name]
	if !ok {
		b = bucket{burst, now}
	}
	b.left = min(burst, b.left+now.Sub(b.at).Seconds()*rate)
	b.at = now
	took := b.left >= 1
	if took {
		b.left--
	}
	p.all[name] = b
	return took
}
