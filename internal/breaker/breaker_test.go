package breaker

import (
	"fmt"
	"math"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// rules are Default's, with chance in the middle: pauses are exact.
var rules = Default

const middle = 0.5

// story is a pair to which things happen, each written as "minute: what".
type story struct {
	b    Breaker
	said string
	sent map[string]time.Time // what was handed over, and when
}

// tell has one thing happen: a delivery is refused, unfit, taken (proved), handed
// (may come back) or unclear; "ask" asks, and begins a probe; "tick" is time. What
// is refused after it was handed over came back by mail.
func (s *story) tell(minute float64, what, delivery string) {
	now := noon.Add(time.Duration(minute * float64(time.Minute)))
	hear := func(said Said, proved bool) {
		var change Change
		s.b, change = s.b.Hear(Heard{Said: said, Delivery: delivery, Proved: proved, Code: "550 5.7.26", At: now, Sent: s.sent[delivery]}, rules, middle)
		s.said = string(change)
	}
	switch what {
	case "refused":
		hear(Refused, false)
	case "unfit":
		hear(Unfit, false)
	case "taken":
		hear(Accepted, true)
	case "handed":
		hear(Accepted, false)
		s.sent[delivery] = now
	case "unclear":
		hear(Unclear, false)
	case "ask":
		answer := s.b.Ask(now)
		if answer == Try {
			s.b = s.b.Begin(delivery, now)
		}
		s.said = string(answer)
	case "tick":
		var change Change
		s.b, change = s.b.Tick(now, rules, middle)
		s.said = string(change)
	case "now":
		s.b, s.said = s.b.Now(now), ""
	}
}

type step struct {
	minute   float64
	what, of string
	said     string
	state    State
}

func refusedTimes(n int, from float64) (out []step) {
	for i := range n {
		out = append(out, step{from + float64(i)/10, "refused", fmt.Sprint("r", i), "", Closed})
	}
	return out
}

// opened is five refusals within half a minute: the fifth opens.
func opened() []step {
	out := refusedTimes(5, 0)
	out[4].said, out[4].state = "opened", Open
	return out
}

// TestStories holds what a pair does, step by step. It opens at 0:24; the first
// probe may go at 10:24.
func TestStories(t *testing.T) {
	for name, steps := range map[string][]step{
		"nothing is known": {{0, "ask", "d", "go", Closed}, {1, "taken", "d", "", Closed}},
		"five refusals open": append(opened(),
			step{1, "ask", "d", "wait", Open}, step{10, "ask", "d", "wait", Open}, step{10.5, "ask", "d", "try", Probing}, step{10.5, "ask", "e", "wait", Probing}),
		"a success between them does not count on":     append(append(refusedTimes(4, 0), step{1, "taken", "d", "freed", Closed}), refusedTimes(4, 2)...),
		"what is older than the window does not count": append(refusedTimes(4, 0), refusedTimes(4, 15.4)...),
		"within the window it does":                    append(refusedTimes(4, 0), step{14.9, "refused", "d", "opened", Open}),
		"other trouble is none":                        append(refusedTimes(4, 0), step{1, "unclear", "d", "", Closed}, step{2, "unclear", "e", "", Closed}),
		"mail that is too large weighs a quarter": append(refusedTimes(4, 0),
			step{1, "unfit", "a", "", Closed}, step{1, "unfit", "b", "", Closed}, step{1, "unfit", "c", "", Closed}, step{1, "unfit", "d", "opened", Open}),
		"a probe that is taken closes": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "taken", "d", "freed", Closed}, step{10.7, "ask", "e", "go", Closed}),
		"a probe that is refused pauses twice as long": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{11, "refused", "d", "", Open},
			step{30.9, "ask", "e", "wait", Open}, step{31, "ask", "e", "try", Probing}),
		"a probe that does not fit says nothing of the sender": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{11, "unfit", "d", "", Open},
			step{20.9, "ask", "e", "wait", Open}, step{21, "ask", "e", "try", Probing}),
		"a probe without an answer is tried anew": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{11, "unclear", "d", "", Open}, step{21, "ask", "e", "try", Probing}),
		"a probe whose node died is given up": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{15.4, "tick", "", "", Probing}, step{15.4, "ask", "e", "wait", Probing},
			step{15.5, "tick", "", "", Open}, step{15.5, "ask", "e", "try", Probing}),
		"a probe that was lost and is heard of after all tells nothing": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{15.5, "tick", "", "", Open},
			step{15.6, "ask", "e", "try", Probing}, step{15.7, "taken", "d", "", Probing}, step{15.8, "refused", "e", "", Open}),
		"what was under way when it opened tells nothing": append(opened(), step{1, "refused", "x", "", Open}, step{1, "taken", "y", "", Open}, step{10.5, "ask", "d", "try", Probing}),
		"a probe that may come back closes when it has not": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing},
			step{12.5, "tick", "", "", Probing}, step{12.6, "tick", "", "freed", Closed}),
		"a probe that comes back keeps it open": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing}, step{11, "refused", "d", "", Open},
			step{30.9, "ask", "e", "wait", Open}),
		"what may come back is no success yet": append(refusedTimes(4, 0), step{0.5, "handed", "d", "", Closed}, step{1, "refused", "d", "opened", Open}),
		"what did not come back is one":        append(refusedTimes(4, 0), step{0.5, "handed", "d", "", Closed}, step{15.4, "tick", "", "", Closed}, step{15.5, "tick", "", "freed", Closed}, step{16, "ask", "e", "go", Closed}),
		"what was refused after it counts": append([]step{{0, "refused", "r", "", Closed}, {0.1, "handed", "d", "", Closed}}, append(refusedTimes(3, 14),
			step{15.1, "tick", "", "", Closed}, step{15.2, "refused", "e", "", Closed}, step{15.3, "refused", "f", "opened", Open})...),
		// a receiver that takes everything and sends it back later
		"back after three minutes, a mail a minute": {
			{0, "handed", "a", "", Closed},
			{1, "handed", "b", "", Closed},
			{2, "handed", "c", "", Closed},
			{3, "refused", "a", "", Closed},
			{3, "handed", "d", "", Closed},
			{4, "refused", "b", "", Closed},
			{4, "handed", "e", "", Closed},
			{5, "refused", "c", "", Closed},
			{5.1, "tick", "", "", Closed},
			{6, "refused", "d", "", Closed},
			{7, "refused", "e", "opened", Open},
			{17, "ask", "f", "try", Probing},
			{17, "handed", "f", "", Probing},
			{21.4, "tick", "", "", Probing},
			{21.5, "tick", "", "freed", Closed},
		},
		"back after an hour": {
			{0, "handed", "a", "", Closed},
			{1, "handed", "b", "", Closed},
			{2, "handed", "c", "", Closed},
			{3, "handed", "d", "", Closed},
			{4, "handed", "e", "", Closed},
			{60, "refused", "a", "", Closed},
			{60.5, "handed", "f", "", Closed},
			{61, "refused", "b", "", Closed},
			{62, "refused", "c", "", Closed},
			{63, "refused", "d", "", Closed},
			{64, "refused", "e", "opened", Open},
		},
		"a probe that comes back after all opens anew, and the next is waited for longer": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing},
			step{12.6, "tick", "", "freed", Closed}, step{13, "ask", "e", "go", Closed}, step{20.6, "refused", "d", "opened", Open}, step{40.5, "ask", "f", "wait", Open}, step{40.6, "ask", "f", "try", Probing},
			step{40.7, "handed", "f", "", Probing}, step{55.6, "tick", "", "", Probing}, step{55.6, "ask", "g", "wait", Probing}, step{55.7, "tick", "", "freed", Closed}),
		"one that is proved later is not waited for": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing}, step{11, "taken", "d", "freed", Closed}, step{20, "refused", "d", "", Closed}),
		"a late word of another mail is one refusal": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing},
			step{12.6, "tick", "", "freed", Closed}, step{13, "refused", "x", "", Closed}, step{20, "unfit", "d", "", Closed}),
		"a day later it opens at once too": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.5, "handed", "d", "", Probing}, step{12.5, "tick", "", "freed", Closed}, step{1452.5, "refused", "d", "opened", Open}),
		"still later it is one refusal":    append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.5, "handed", "d", "", Probing}, step{12.5, "tick", "", "freed", Closed}, step{1452.6, "refused", "d", "", Closed}),
		"how late it refuses is known before the first probe": {
			{0, "handed", "a", "", Closed},
			{0, "handed", "b", "", Closed},
			{0, "handed", "c", "", Closed},
			{0, "handed", "d", "", Closed},
			{0, "handed", "e", "", Closed},
			{60, "refused", "a", "", Closed},
			{60, "refused", "b", "", Closed},
			{60, "refused", "c", "", Closed},
			{60, "refused", "d", "", Closed},
			{60, "refused", "e", "opened", Open},
			{70, "ask", "f", "try", Probing},
			{70, "handed", "f", "", Probing},
			{159.9, "tick", "", "", Probing},
			{160, "tick", "", "freed", Closed},
		},
		"also from the first refusal alone": append([]step{{0, "handed", "a", "", Closed}, {60, "refused", "a", "", Closed}}, append(refusedTimes(3, 60.1), step{61, "refused", "e", "opened", Open},
			step{71, "ask", "f", "try", Probing}, step{71, "handed", "f", "", Probing}, step{160.9, "tick", "", "", Probing}, step{161, "tick", "", "freed", Closed})...),
		"nobody waits for a probe longer than for the next": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.5, "handed", "d", "", Probing}, step{12.5, "tick", "", "freed", Closed}, step{610.5, "refused", "d", "opened", Open},
			step{630.5, "ask", "e", "try", Probing}, step{630.5, "handed", "e", "", Probing}, step{990.4, "tick", "", "", Probing}, step{990.5, "tick", "", "freed", Closed}),
		"a day later the wait is short again": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{10.6, "handed", "d", "", Probing}, step{12.6, "tick", "", "freed", Closed}, step{20.6, "refused", "d", "opened", Open},
			step{41, "ask", "f", "try", Probing}, step{41, "taken", "f", "freed", Closed},
			step{1500, "refused", "a", "", Closed}, step{1500, "refused", "b", "", Closed}, step{1500, "refused", "c", "", Closed}, step{1500, "refused", "e", "", Closed}, step{1500, "refused", "f", "opened", Open},
			step{1511, "ask", "g", "try", Probing}, step{1511, "handed", "g", "", Probing}, step{1513, "tick", "", "freed", Closed}),
		"one waiting mail is called, then another": append(opened(), step{10, "tick", "", "", Open}, step{10.4, "tick", "", "called", Open}, step{10.5, "tick", "", "", Open}, step{11.4, "tick", "", "called", Open}),
		"a person has it tried now":                append(opened(), step{2, "now", "", "", Open}, step{2, "ask", "d", "try", Probing}),
		"who relapses pauses longer": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{11, "taken", "d", "freed", Closed},
			step{60, "refused", "a", "", Closed}, step{60, "refused", "b", "", Closed}, step{60, "refused", "c", "", Closed}, step{60, "refused", "e", "", Closed}, step{60, "refused", "f", "opened", Open},
			step{79.9, "ask", "g", "wait", Open}, step{80, "ask", "g", "try", Probing}),
		"a day later it begins anew": append(opened(), step{10.5, "ask", "d", "try", Probing}, step{11, "taken", "d", "freed", Closed},
			step{1500, "refused", "a", "", Closed}, step{1500, "refused", "b", "", Closed}, step{1500, "refused", "c", "", Closed}, step{1500, "refused", "e", "", Closed}, step{1500, "refused", "f", "opened", Open},
			step{1509.9, "ask", "g", "wait", Open}, step{1510, "ask", "g", "try", Probing}),
	} {
		t.Run(name, func(t *testing.T) { play(t, steps) })
	}
}

func play(t *testing.T, steps []step) (s story) {
	t.Helper()
	s.sent = map[string]time.Time{}
	for i, x := range steps {
		s.tell(x.minute, x.what, x.of)
		if s.said != x.said || s.b.State != x.state {
			t.Fatalf("step %d (%v %s %s): %q, %q; want %q, %q", i, x.minute, x.what, x.of, s.said, s.b.State, x.said, x.state)
		}
	}
	return s
}

// shut is a pair that a probe p closed at 12:36 which came back by nothing yet.
func shut() []step {
	return append(opened(), step{10.5, "ask", "p", "try", Probing}, step{10.6, "handed", "p", "", Probing}, step{12.6, "tick", "", "freed", Closed})
}

// lateReturns are mails that are taken every step minutes and each come back after
// late minutes, as distrust. The pair opens with the fifth return.
func lateReturns(every, late float64) (out []step) {
	for i := 0; ; i++ {
		at := float64(i) * every
		out = append(out, step{at, "handed", fmt.Sprint("d", i), "", Closed}, step{at, "tick", "", "", Closed})
		back := math.Floor((at-late)/every + 1e-9)
		if back < 0 {
			continue
		}
		x := step{at + 0.01, "refused", fmt.Sprint("d", int(back)), "", Closed}
		if int(back) == 4 {
			x.said, x.state = "opened", Open
			return append(out, x)
		}
		out = append(out, x)
	}
}

// TestLateReturns: a submission server takes every mail, and the receiver's refusal
// comes back later. What was only taken lifts no doubt before the window is over,
// and a probe that comes back after it closed the pair opens it at once.
func TestLateReturns(t *testing.T) {
	for name, steps := range map[string][]step{
		"returns after 2 minutes open":         lateReturns(1, 2),
		"returns after 3 minutes of slow mail": lateReturns(3, 3),
		"returns after 10 minutes open":        lateReturns(2, 10),
		"returns after an hour open":           lateReturns(3, 60),
		"returns after two hours open":         lateReturns(3, 120),
		"the probe's return after 2 minutes opens at once": append(shut(), step{12.7, "refused", "p", "opened", Open},
			step{32.6, "ask", "e", "wait", Open}, step{32.7, "ask", "e", "try", Probing}),
		"after 10 minutes": append(shut(), step{20.5, "refused", "p", "opened", Open}, step{40.4, "ask", "e", "wait", Open}, step{40.5, "ask", "e", "try", Probing}),
		"after an hour":    append(shut(), step{70.5, "refused", "p", "opened", Open}, step{90.4, "ask", "e", "wait", Open}, step{90.5, "ask", "e", "try", Probing}),
		"the next probe is waited for half as long again": append(shut(), step{70.6, "refused", "p", "opened", Open}, step{90.6, "ask", "q", "try", Probing},
			step{90.6, "handed", "q", "", Probing}, step{180.5, "tick", "", "", Probing}, step{180.6, "tick", "", "freed", Closed}),
		"and comes back in that time": append(shut(), step{70.5, "refused", "p", "opened", Open}, step{90.5, "ask", "q", "try", Probing},
			step{90.6, "handed", "q", "", Probing}, step{150.6, "refused", "q", "", Open}, step{190.5, "ask", "e", "wait", Open}, step{190.6, "ask", "e", "try", Probing}),
		"the probe is proved: a return after it is one of five": append(shut(), step{13, "taken", "p", "", Closed}, step{14, "refused", "p", "", Closed}),
		"another is proved":     append(shut(), step{13, "taken", "d", "", Closed}, step{14, "refused", "p", "", Closed}),
		"another is only taken": append(shut(), step{13, "handed", "d", "", Closed}, step{14, "refused", "p", "opened", Open}),
		"another is refused first": append(shut(), step{13, "refused", "d", "", Closed}, step{13, "handed", "e", "", Closed}, step{28, "tick", "", "freed", Closed},
			step{29, "refused", "p", "opened", Open}),
		"the probe's content is one of twenty": append(shut(), step{13, "unfit", "p", "", Closed}),
		"released mails come back before the probe": append(shut(), step{13, "refused", "a", "", Closed}, step{13, "refused", "b", "", Closed}, step{13, "refused", "c", "", Closed},
			step{13, "refused", "d", "", Closed}, step{13, "refused", "e", "opened", Open}, step{14, "refused", "p", "", Open}, step{32.9, "ask", "f", "wait", Open}, step{33, "ask", "f", "try", Probing}),
		"released mails come back after the probe": append(shut(), step{13, "refused", "p", "opened", Open}, step{13, "refused", "a", "", Open}, step{13, "refused", "b", "", Open},
			step{32.9, "ask", "f", "wait", Open}, step{33, "ask", "f", "try", Probing}, step{33, "refused", "c", "", Probing}, step{33.1, "refused", "p", "", Probing}),
		"what was taken comes back, and the next taken counts from its own time": append(refusedTimes(3, 0), step{1, "handed", "d", "", Closed}, step{5, "refused", "d", "", Closed},
			step{6, "handed", "e", "", Closed}, step{16, "tick", "", "", Closed}, step{20.9, "tick", "", "", Closed}, step{21, "tick", "", "freed", Closed}),
	} {
		t.Run(name, func(t *testing.T) { play(t, steps) })
	}
}

// TestReopened: one late return of the probe opens, and is what led to it.
func TestReopened(t *testing.T) {
	s := play(t, append(shut(), step{70.6, "refused", "p", "opened", Open}))
	if len(s.b.Refusals) != 1 || s.b.Refusals[0].Delivery != "p" || s.b.Openings != 2 || s.b.Pause != 2*rules.Pause || s.b.Late.Round(time.Second) != time.Hour {
		t.Errorf("opened again: %+v", s.b)
	}
	s = play(t, opened())
	if len(s.b.Refusals) != 5 || s.b.Openings != 1 || s.b.Pause != rules.Pause || s.b.Late != 0 {
		t.Errorf("opened: %+v", s.b)
	}
}

// TestLate plays two days of one mail a minute with a receiver that takes all
// and, for the first of them, sends all back after a while. Lost is what was handed
// over before the pair could open, and one mail a probe. When it takes mail again,
// what waited goes.
func TestLate(t *testing.T) {
	for _, c := range []struct {
		late   time.Duration
		probes int // at most, in a day
	}{{time.Second, 8}, {2 * time.Minute, 8}, {3 * time.Minute, 8}, {10 * time.Minute, 8}, {time.Hour, 8}, {3 * time.Hour, 6}} {
		t.Run(c.late.String(), func(t *testing.T) {
			var b Breaker
			var waiting, lost, openings int
			back := map[string]time.Time{} // what was handed over and will come back
			freed := noon
			change := func(now time.Time, of Change, by Breaker) {
				if b = by; of == Opened {
					openings++
				}
				if of == Freed {
					freed = now
				}
			}
			hand := func(id string, now time.Time) {
				if now.Before(noon.Add(24 * time.Hour)) {
					back[id] = now
					lost++
				}
				by, of := b.Hear(Heard{Said: Accepted, Delivery: id, At: now}, rules, middle)
				change(now, of, by)
			}
			for second := range 2 * 24 * 60 * 60 {
				now := noon.Add(time.Duration(second) * time.Second)
				for id, sent := range back {
					if !now.Before(sent.Add(c.late)) {
						delete(back, id)
						by, of := b.Hear(Heard{Said: Refused, Delivery: id, At: now, Sent: sent}, rules, middle)
						change(now, of, by)
					}
				}
				by, of := b.Tick(now, rules, middle)
				change(now, of, by)
				if second%60 == 0 {
					waiting++
				}
				for ; waiting > 0 && b.Ask(now) != Wait; waiting-- {
					id := fmt.Sprint(second, " ", waiting)
					if b.Ask(now) == Try {
						b = b.Begin(id, now)
					}
					hand(id, now)
				}
			}
			if first := int(c.late/time.Minute) + 6; lost > first+c.probes || openings != 1 {
				t.Errorf("%d lost, want %d and a probe each time; it opened %d times", lost, first, openings)
			}
			if latest := noon.Add(24*time.Hour + rules.Most + 2*rules.Most); waiting != 0 || b.State != Closed || freed.After(latest) || freed.Before(noon.Add(24*time.Hour)) {
				t.Errorf("afterwards %d wait, it is %q, since %s", waiting, b.State, freed.Sub(noon))
			}
		})
	}
}

// TestPauses: each refused probe doubles the pause up to the longest, and chance
// moves it by no more than a fifth.
func TestPauses(t *testing.T) {
	for _, chance := range []float64{0, middle, 0.999} {
		var s story
		for range 5 {
			s.tell(0, "refused", "x")
		}
		want := rules.Pause
		for range 12 {
			now := s.b.Next
			s.b = s.b.Begin("d", now)
			s.b, _ = s.b.Hear(Heard{Said: Refused, Delivery: "d", At: now}, rules, chance)
			want = min(2*want, rules.Most)
			got := s.b.Next.Sub(now)
			if s.b.Pause != want || got < want*8/10-1 || got > want*12/10+1 {
				t.Fatalf("chance %v: pause %s, next after %s; want about %s", chance, s.b.Pause, got, want)
			}
		}
	}
}

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     Pair
	}{
		{"shop@Hinata.example", "hana@Gmail.com", Pair{"hinata.example", "gmail.com"}},
		{"shop@hinata.example", "hana@googlemail.com", Pair{"hinata.example", "gmail.com"}},
		{"shop@hinata.example", "hana@hotmail.co.jp", Pair{"hinata.example", "outlook.com"}},
		{"shop@hinata.example", `"a@b"@tanaka.example.`, Pair{"hinata.example", "tanaka.example"}},
		{"", "hana@gmail.com", Pair{}},
		{"shop@hinata.example", "", Pair{}},
		{"shop@hinata.example", "no address", Pair{}},
	} {
		if got := Between(c.from, c.to); got != c.want {
			t.Errorf("%s to %s: %s and %s", c.from, c.to, got.Own, got.Receiver)
		}
	}
	if s := fmt.Sprint(Between("a@own.example", "b@tanaka.example")); s != "mail of own.example" {
		t.Errorf("a pair prints as %q", s)
	}
}

// TestBlame holds rules-and-promises 2.2: what speaks of us, what of one mail, and
// what of neither.
func TestBlame(t *testing.T) {
	for status, want := range map[string]Said{
		"5.7.1": Refused, "5.7.26": Refused, "5.7.515": Refused, "5.4.6": Refused, "5.1.8": Refused,
		"5.3.4": Unfit, "5.6.0": Unfit, "5.6.1": Unfit, "5.2.3": Unfit,
		"5.1.1": Unclear, "5.2.2": Unclear, "5.4.1": Unclear, "4.7.1": Unclear, "4.7.26": Unclear, "": Unclear, "2.7.1": Unclear, "5.3.0": Unclear,
	} {
		if got := Blame(status); got != want {
			t.Errorf("%q: %s, want %s", status, got, want)
		}
	}
}
