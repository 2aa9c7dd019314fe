package console

import (
	"strconv"
	"time"
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
