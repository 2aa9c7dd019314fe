package console

import (
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// summary says in one line whether anything is stuck.
func (v Today) summary() string {
	paused := 0
	for _, l := range v.Lanes {
		if l.PausedUntil.After(v.Now) {
			paused++
		}
	}
	switch {
	case paused > 0:
		return v.T("today.summary.paused", "n", paused)
	case v.Unknown > 0:
		return v.T("today.summary.unknown", "n", v.Unknown)
	case v.Failed > 0:
		return v.T("today.summary.failed", "n", v.Failed)
	}
	return v.T("today.summary.calm")
}

type bar struct {
	at   time.Time
	y, h [3]string // sent, waiting, refused, from the ground up
}

const chartHeight = 180 // units of the drawing

// top is the highest bar, rounded up to a figure that is easy to read.
func (v Today) top() int {
	most := 4
	for _, h := range v.Hours {
		most = max(most, h.Sent+h.Waiting+h.Refused)
	}
	step := 1
	for step*10 < most {
		step *= 10
	}
	return (most + step - 1) / step * step
}

func (v Today) bars() []bar {
	top := v.top()
	bars := make([]bar, len(v.Hours))
	for i, h := range v.Hours {
		b := bar{at: h.At}
		ground := float64(chartHeight)
		for j, n := range [3]int{h.Sent, h.Waiting, h.Refused} {
			height := float64(n) * chartHeight / float64(top)
			if n > 0 {
				height = max(height, 2) // one refusal among hundreds is still seen
			}
			ground -= height
			b.y[j] = strconv.FormatFloat(ground, 'f', 1, 64)
			b.h[j] = strconv.FormatFloat(height, 'f', 1, 64)
		}
		bars[i] = b
	}
	return bars
}

func (v Today) chartLabel() string {
	most, at := 0, v.Now
	for _, h := range v.Hours {
		if n := h.Sent + h.Waiting + h.Refused; n > most {
			most, at = n, h.At
		}
	}
	return v.T("today.chart.label", "n", most, "time", v.Minute(at))
}

// today loads the first page.
func (c *console) today(v *visit) error {
	since := v.Now.Truncate(time.Hour).Add(-23 * time.Hour)
	tally, err := c.Store.Tally(v.ctx(), v.ws(), since)
	if err != nil {
		return err
	}
	n, err := c.names(v)
	if err != nil {
		return err
	}
	view := Today{Page: v.titled("today", v.T("today.title")), Events: tally.Events, EventsBefore: tally.EventsBefore}
	view.count(tally, since)
	if view.Lanes, err = c.laneRows(v); err != nil {
		return err
	}
	if view.Tasks, err = c.dueSoonest(v, 5); err != nil {
		return err
	}
	if view.Live, err = c.liveLatest(n, Live{}, 8); err != nil {
		return err
	}
	return v.show(TodayPage(view))
}

// count fills the figures and the 24 bars.
func (v *Today) count(tally store.Tally, since time.Time) {
	for i := range 24 {
		v.Hours = append(v.Hours, Hour{At: since.Add(time.Duration(i) * time.Hour)})
	}
	for _, h := range tally.Hours {
		sent := h.States[engawa.MessageSent]
		waiting := h.States[engawa.MessageWaiting] + h.States[engawa.MessageUnknown]
		refused := h.States[engawa.MessageRefused] + h.States[engawa.MessageFailed] + h.States[engawa.MessageExpired]
		v.Sent += sent
		v.Held += h.States[engawa.MessageWaiting]
		v.Refused += h.States[engawa.MessageRefused]
		v.Failed += h.States[engawa.MessageFailed]
		v.Unknown += h.States[engawa.MessageUnknown]
		if i := int(h.At.Sub(since) / time.Hour); i >= 0 && i < len(v.Hours) {
			v.Hours[i].Sent, v.Hours[i].Waiting, v.Hours[i].Refused = sent, waiting, refused
		}
	}
	most := 0
	for _, gate := range engawa.Gates {
		if n := tally.Gates[gate]; n > most {
			most = n
			v.RefusedMost = v.T("today.most", "gate", v.T("gate."+string(gate)), "n", n)
		}
	}
}
