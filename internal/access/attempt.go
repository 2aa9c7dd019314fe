package access

import (
	"net/netip"
	"time"
)

// Pace says how fast guesses may follow each other. Nobody is ever locked out
// for good: after the longest wait there is another try (OWASP ASVS 5.0, 6.1.1).
type Pace struct {
	Free   int           // tries before the first wait
	First  time.Duration // the first wait; each next one is twice as long
	Most   time.Duration // the longest wait
	Forget time.Duration // without a try for so long, all is forgotten
}

// AccountPace lets 25 guesses an hour reach one account's password hash, from
// however many addresses they come.
func AccountPace() Pace {
	return Pace{Free: 3, First: time.Second, Most: 4 * time.Minute, Forget: 24 * time.Hour}
}

// NetworkPace is for one Network over all accounts. An office behind one
// address mistypes more often than one person.
func NetworkPace() Pace {
	return Pace{Free: 20, First: time.Second, Most: time.Minute, Forget: time.Hour}
}

// Attempts is the memory of one account or network: what happened so far.
//
// Keep one per account for strangers, and one for each account and known
// browser (Known): who guesses from elsewhere then never delays the owner.
type Attempts struct {
	Tries int       // since the last success
	Last  time.Time // the latest of them
}

// Try says whether an attempt may be made at now. If wait is 0, keep next before
// the password is looked at, expecting the old value to be still there: attempts
// made at once then count too. After a success keep the zero Attempts.
func (a Attempts) Try(p Pace, now time.Time) (next Attempts, wait time.Duration) {
	switch age := now.Sub(a.Last); {
	case age >= p.Forget:
		a = Attempts{}
	case age < -p.Most: // the clock was set back: that must not lock anybody out
		a.Last = now.Add(-p.Most)
	}
	if wait := a.Last.Add(p.wait(a.Tries)).Sub(now); wait > 0 {
		return a, wait
	}
	return Attempts{Tries: a.Tries + 1, Last: now}, 0
}

// TooSoon is the answer to an attempt that has to wait.
func TooSoon() error { return refuse(SignInTooSoon, nil) }

// wait is how long after the n-th try the next may follow.
func (p Pace) wait(n int) time.Duration {
	if n < p.Free {
		return 0
	}
	wait := p.First
	for range n - p.Free {
		if wait *= 2; wait >= p.Most {
			return p.Most
		}
	}
	return wait
}

// Network is the part of an address that one subscriber has: an IPv4 address,
// or the /64 of an IPv6 one.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // only for the zero Addr
	}
	return p
}
