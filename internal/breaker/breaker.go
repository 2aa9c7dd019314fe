// Package breaker decides whether mail of one of our own domains goes to a
// receiver that refuses it because of us.
//
// What a receiver says of the sender (RFC 3463: 5.7.x, 5.4.6) costs no recipient
// the address; it is counted for the pair of own domain and receiver. After so
// many such answers without a success between them the pair opens: mail waits.
// After a pause one mail goes as a probe. Is it taken, the pair closes; is it
// refused, the next pause is longer. The functions are pure: times and chance
// are given to them.
package breaker

import "time"

// Rules are when a pair opens, and how long it pauses.
type Rules struct {
	After  int           // so many refusals open a pair
	Within time.Duration // of each other, without a success between them
	Pause  time.Duration // before the first probe; each refused probe doubles it
	Most   time.Duration // the longest pause
}

// Default are the rules where nobody set others.
var Default = Rules{After: 5, Within: 15 * time.Minute, Pause: 10 * time.Minute, Most: 6 * time.Hour}

const (
	// Settle is how long a probe that a submission server took must not come back
	// before the pair closes, where returns come to the hub: the server answers
	// before the receiver does. Where refusals came back later, it is waited for half
	// as long again.
	Settle = 2 * time.Minute
	// ProbeFor is after how long a probe of which nothing is heard counts as lost:
	// its node may be dead. It is longer than any hand-over.
	ProbeFor = 5 * time.Minute
	// callAgain is after how long another mail is called where the one before did
	// not go.
	callAgain = time.Minute
	// relapse is how soon after it closed a pair that opens again goes on with
	// longer pauses, and a probe that comes back opens it.
	relapse = 24 * time.Hour
)

// A refusal of the sender weighs four times one of the mail alone (its size,
// 5.3.4; its content, 5.6.x): those speak of one mail, and only where nothing
// at all is taken of us.
const (
	weightSender = 4
	weightMail   = 1
)

// State is where a pair stands.
type State string

// The states.
const (
	Closed  State = ""        // mail flows
	Open    State = "open"    // mail waits
	Probing State = "probing" // one mail is under way
)

// Said is what an answer means for the pair.
type Said string

// What an answer can mean.
const (
	Refused  Said = "refused"  // the sender is not trusted
	Unfit    Said = "unfit"    // this mail is not taken
	Accepted Said = "accepted" // it was taken
	Unclear  Said = "unclear"  // nothing that speaks of the sender: try later, no such mailbox, no answer
)

// Heard is one answer.
type Heard struct {
	Said     Said
	Delivery string
	Proved   bool   // of Accepted: no return will come after it
	Code     string // of a refusal: "550 5.7.26"
	At       time.Time
	Sent     time.Time // of a refusal that came back by mail: when the mail was handed over; else zero
}

// took is how long a refusal was on its way back.
func (h Heard) took() time.Duration {
	if h.Sent.IsZero() {
		return 0
	}
	return h.At.Sub(h.Sent)
}

// Refusal is one that counts.
type Refusal struct {
	Delivery string    `json:"delivery"`
	At       time.Time `json:"at"`
	Weight   int       `json:"weight"`
}

// Breaker is what is known of a pair. The zero value lets mail through.
type Breaker struct {
	State    State         `json:"state,omitempty"`
	Refusals []Refusal     `json:"refusals,omitempty"` // since the last success; of Open and Probing: what led to it
	Taken    string        `json:"taken,omitempty"`    // a delivery that was accepted and may still come back
	TakenAt  time.Time     `json:"taken_at,omitzero"`
	Proof    string        `json:"proof,omitempty"` // of Closed: the probe on which it closed, unless that comes back after all
	Late     time.Duration `json:"late,omitempty"`  // after which a refusal came back, at the longest
	Probe    string        `json:"probe,omitempty"` // the delivery that is under way, of Probing
	ProbeAt  time.Time     `json:"probe_at,omitzero"`
	Pause    time.Duration `json:"pause,omitempty"`
	Next     time.Time     `json:"next,omitzero"`   // of Open: no probe before
	Called   time.Time     `json:"called,omitzero"` // of Open: when a waiting mail was called to be the probe
	OpenedAt time.Time     `json:"opened_at,omitzero"`
	ClosedAt time.Time     `json:"closed_at,omitzero"`
	Openings int           `json:"openings,omitempty"`
	Probes   int           `json:"probes,omitempty"` // since it opened
	Code     string        `json:"code,omitempty"`   // of the last refusal
	At       time.Time     `json:"at,omitzero"`      // when that was
}

// Answer is what a mail may do.
type Answer string

// The answers.
const (
	Go   Answer = "go"
	Try  Answer = "try" // go as the probe
	Wait Answer = "wait"
)

// Ask says what a mail may do now.
func (b Breaker) Ask(now time.Time) Answer {
	switch {
	case b.State == Closed:
		return Go
	case b.State == Open && !now.Before(b.Next):
		return Try
	}
	return Wait
}

// Begin is the pair when a delivery goes as its probe.
func (b Breaker) Begin(delivery string, now time.Time) Breaker {
	b.State, b.Probe, b.ProbeAt, b.Taken, b.TakenAt = Probing, delivery, now, "", time.Time{}
	b.Probes++
	return b
}

// Change is what has happened to a pair.
type Change string

// The changes.
const (
	Same    Change = ""
	Opened  Change = "opened"
	Freed   Change = "freed"  // closed after it was open, or no longer doubted
	Calling Change = "called" // a waiting mail is to be called
)

// Hear is the pair after an answer. chance, from 0 to 1, spreads the pauses.
func (b Breaker) Hear(h Heard, r Rules, chance float64) (Breaker, Change) {
	if h.Said == Refused || h.Said == Unfit {
		b.Code, b.At, b.Late = h.Code, h.At, max(b.Late, h.took())
		if b.Taken == h.Delivery {
			b.Taken, b.TakenAt = "", time.Time{}
		}
	}
	switch {
	case b.State == Closed && h.Said == Refused && b.Proof == h.Delivery && h.At.Sub(b.ClosedAt) <= relapse:
		b = b.count(h, r)
		return b.open(h.At, r, chance), Opened
	case b.State == Closed:
		return b.hearClosed(h, r, chance)
	case b.State == Probing && b.Probe == h.Delivery:
		return b.hearProbe(h, r, chance)
	}
	return b, Same // on its way when the pair opened: the probe tells
}

func (b Breaker) hearClosed(h Heard, r Rules, chance float64) (Breaker, Change) {
	b, change := b.settle(h.At, r)
	switch h.Said {
	case Accepted:
		if h.Proved {
			return b.succeed(h.At)
		}
		if b.Taken == "" && b.doubted() {
			b.Taken, b.TakenAt = h.Delivery, h.At
		}
	case Refused, Unfit:
		b = b.count(h, r)
		if b.weight() >= r.After*weightSender {
			return b.open(h.At, r, chance), Opened
		}
	case Unclear:
	}
	return b, change
}

func (b Breaker) count(h Heard, r Rules) Breaker {
	kept := make([]Refusal, 0, len(b.Refusals)+1)
	for _, x := range b.Refusals {
		if h.At.Sub(x.At) < r.Within {
			kept = append(kept, x)
		}
	}
	if len(kept) == 0 && h.At.Sub(b.ClosedAt) > relapse {
		b.Late = h.took()
	}
	w := weightMail
	if h.Said == Refused {
		w = weightSender
	}
	b.Refusals = append(kept, Refusal{h.Delivery, h.At, w})
	return b
}

func (b Breaker) weight() (n int) {
	for _, x := range b.Refusals {
		n += x.Weight
	}
	return n
}

// open leaves Refusals, which say what led to it, until it closes.
func (b Breaker) open(now time.Time, r Rules, chance float64) Breaker {
	if b.Pause == 0 || now.Sub(b.ClosedAt) > relapse {
		b.Pause = r.Pause
	} else {
		b.Pause = longer(b.Pause, r)
	}
	b.State, b.OpenedAt, b.Probes, b.Taken, b.TakenAt, b.Proof = Open, now, 0, "", time.Time{}, ""
	b.Openings++
	return b.rest(now, b.Pause, chance)
}

func longer(pause time.Duration, r Rules) time.Duration { return min(2*pause, r.Most) }

// rest waits for the next probe: the pause ±20 %.
func (b Breaker) rest(now time.Time, pause time.Duration, chance float64) Breaker {
	b.State, b.Probe, b.ProbeAt, b.Called = Open, "", time.Time{}, time.Time{}
	b.Taken, b.TakenAt = "", time.Time{}
	b.Next = now.Add(pause + time.Duration(float64(pause)*0.2*(2*chance-1)))
	return b
}

// hearProbe: what says nothing of the sender lengthens no pause.
func (b Breaker) hearProbe(h Heard, r Rules, chance float64) (Breaker, Change) {
	switch {
	case h.Said == Accepted && h.Proved:
		return b.succeed(h.At)
	case h.Said == Accepted:
		b.Taken, b.TakenAt = h.Delivery, h.At
		return b, Same
	case h.Said == Refused:
		b.Pause = longer(b.Pause, r)
		return b.rest(h.At, b.Pause, chance), Same
	case h.Said == Unfit:
		return b.rest(h.At, b.Pause, chance), Same
	}
	return b.rest(h.At, min(b.Pause, r.Pause), chance), Same
}

// succeed closes the pair. Pause stays, for a relapse.
func (b Breaker) succeed(now time.Time) (Breaker, Change) {
	change := Same
	if b.Watched() {
		change = Freed
	}
	if b.State != Closed {
		b.ClosedAt = now
	}
	b.State, b.Refusals, b.Taken, b.TakenAt, b.Proof = Closed, nil, "", time.Time{}, ""
	b.Probe, b.ProbeAt, b.Next, b.Called = "", time.Time{}, time.Time{}, time.Time{}
	return b, change
}

// settles is when what was accepted has not come back: a probe after a moment, for
// mail waits for it; else doubt ends no sooner than refusals are forgotten.
func (b Breaker) settles(r Rules) time.Time {
	if b.State == Closed {
		return b.TakenAt.Add(r.Within)
	}
	return b.TakenAt.Add(max(Settle, min(b.Late+b.Late/2, r.Most)))
}

// settle takes what was accepted and did not come back for a success. What was
// refused after it still counts.
func (b Breaker) settle(now time.Time, r Rules) (Breaker, Change) {
	if b.Taken == "" || now.Before(b.settles(r)) {
		return b, Same
	}
	proof := b.Proof
	if b.State == Probing {
		proof = b.Taken
	}
	var after []Refusal
	for _, x := range b.Refusals {
		if x.At.After(b.TakenAt) {
			after = append(after, x)
		}
	}
	b, change := b.succeed(now)
	if len(after) > 0 {
		b.Refusals, change = after, Same
	}
	b.Proof = proof
	return b, change
}

// Tick is the pair when nothing was heard: the time of something may be over.
func (b Breaker) Tick(now time.Time, r Rules, chance float64) (Breaker, Change) {
	switch {
	case b.Due(r).IsZero() || now.Before(b.Due(r)):
		return b, Same
	case b.State == Open:
		b.Called = now
		return b, Calling
	case b.State == Probing && b.Taken == "":
		return b.rest(now, 0, chance), Same // lost; the next goes at once
	}
	return b.settle(now, r)
}

// Due is when Tick has something to do; zero: when something is heard.
func (b Breaker) Due(r Rules) time.Time {
	switch {
	case b.State == Open && b.Called.IsZero():
		return b.Next
	case b.State == Open:
		return b.Called.Add(callAgain)
	case b.Taken != "":
		return b.settles(r)
	case b.State == Probing:
		return b.ProbeAt.Add(ProbeFor)
	}
	return time.Time{}
}

// Watched reports whether answers for the pair mean something: it is open, or a
// success would clear it of doubt. That a probe comes back after all is a refusal,
// which is always heard.
func (b Breaker) Watched() bool { return b.State != Closed || b.doubted() }

// doubted reports that it was refused since the last success.
func (b Breaker) doubted() bool { return len(b.Refusals) > 0 }

// Now has the next probe go at once, of a pair that is open.
func (b Breaker) Now(now time.Time) Breaker {
	if b.State != Open {
		return b
	}
	if now.Before(b.Next) {
		b.Next = now
	}
	b.Called = now
	return b
}
