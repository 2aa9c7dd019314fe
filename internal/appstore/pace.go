package appstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/engawa/engawa"
)

// Rate is how often an endpoint may be asked: never more than PerHour times in
// any hour, and up to Burst times at once. The rest of the hour's calls are
// spread evenly over it. Burst may be anything from 1 to below PerHour: Apple
// counts by the hour.
type Rate struct{ PerHour, Burst int }

// Rates are the rates of a whole app, or of a share of it.
type Rates map[Endpoint]Rate

// RatesOf computes the share of one of several nodes that ask for the same app
// at the same time, from the table of endpoints; the sandbox allows a tenth of
// production. Two thirds of the hour's calls may go at once, since Apple states
// rates per second and counts them per hour: nobody waits for the rate while a
// hundred thousand customers are asked about. The last third keeps whoever asks next from
// waiting for the hour to end. Entries may be changed before the rates are used:
// Apple reserves the right to change them too.
func RatesOf(environment string, nodes int) Rates {
	share := max(1, nodes)
	if environment == engawa.Sandbox {
		share *= 10
	}
	rates := make(Rates, len(endpoints))
	for name, e := range endpoints {
		hour := max(1, e.rate*3600/share)
		rates[name] = Rate{PerHour: hour, Burst: max(1, hour*2/3)}
	}
	return rates
}

// Pace holds calls to rates, and to what a 429 said. Several clients of the
// same app and environment may share one; it is safe for several goroutines.
type Pace struct {
	rates Rates

	mu   sync.Mutex
	tat  map[Endpoint]time.Time // theoretical arrival times (GCRA)
	shut map[Endpoint]time.Time // the App Store said that nothing goes before
}

// NewPace starts with every endpoint idle. An endpoint without a rate gets the
// lowest of the table, as in the sandbox.
func NewPace(rates Rates) *Pace {
	return &Pace{rates: rates, tat: map[Endpoint]time.Time{}, shut: map[Endpoint]time.Time{}}
}

// wait returns nil when a call may go. If it could not go before ctx's
// deadline, nothing is used up and the error says at once when it could.
func (p *Pace) wait(ctx context.Context, e Endpoint) error {
	for {
		now := time.Now()
		at := p.take(e, now, deadline(ctx, now))
		if end, limited := ctx.Deadline(); limited && at.After(end) {
			return &APIError{Endpoint: e, Retryable: true, RetryAt: at, Err: errPaced}
		}
		if !at.After(now) {
			return nil
		}
		select {
		case <-ctx.Done():
			return &APIError{Endpoint: e, Retryable: true, Err: ctx.Err()}
		case <-time.After(at.Sub(now)):
		}
		if !p.isShut(e, time.Now()) {
			return nil
		}
	}
}

// errPaced tells a call that was not made: the rate leaves no room before the
// caller's deadline.
var errPaced = errors.New("not asked: the rate leaves no room before the deadline")

// forever is a wait that no call has.
const forever = 1000 * time.Hour

func deadline(ctx context.Context, now time.Time) time.Time {
	if end, limited := ctx.Deadline(); limited {
		return end
	}
	return now.Add(forever)
}

// take returns the instant from which the next call may go, and uses it up if
// that is by end.
func (p *Pace) take(e Endpoint, now, end time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.rates[e]
	if !ok || r.PerHour < 1 {
		r = Rate{PerHour: 360, Burst: 1}
	}
	burst := min(max(1, r.Burst), max(1, r.PerHour-1))
	step := time.Hour / time.Duration(max(1, r.PerHour-burst))
	tat := later(p.tat[e], now)
	at := later(later(tat.Add(-time.Duration(burst-1)*step), now), p.shut[e])
	if !at.After(end) {
		p.tat[e] = later(tat, at).Add(step)
	}
	return at
}

// stop keeps every call of an endpoint until the instant at.
func (p *Pace) stop(e Endpoint, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut[e] = later(p.shut[e], at)
}

func (p *Pace) isShut(e Endpoint, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shut[e].After(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
