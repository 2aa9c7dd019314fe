package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// metrics are what a hub counts about itself. Labels are outcomes, status codes
// and kinds of channels: their number is bounded, and none is an id of a
// customer, an account or a message. docs/metrics.md is written from here.
type metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(h *Hub) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "engawa_attempts_total", Help: "Attempts to hand a delivery over, by outcome.",
		}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "engawa_http_requests_total", Help: "Requests answered, by method and status code.",
		}, []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "engawa_http_request_duration_seconds", Help: "Time to answer a request, by method.", Buckets: prometheus.DefBuckets,
		}, []string{"method"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "engawa_build_info", Help: "1; the labels say what runs.", ConstLabels: prometheus.Labels{"version": version(), "go": goVersion(), "engine": h.Store.Engine()},
	})
	build.Set(1)
	m.registry.MustRegister(m.attempts, m.requests, m.duration, build, laneMetrics{h.Store},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return ""
}

func (m *metrics) count(_ string, outcome engawa.AttemptOutcome) {
	m.attempts.WithLabelValues(string(outcome)).Inc()
}

// watch counts what next answers. Methods that are not HTTP's own become
// "unknown" (promhttp), so that callers cannot make labels.
func (m *metrics) watch(next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(m.duration, promhttp.InstrumentHandlerCounter(m.requests, next))
}

// handler serves /metrics and pprof.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 15 * time.Second}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// laneMetrics reads the lanes when it is scraped, and sums them by channel.
type laneMetrics struct{ store *store.Store }

var (
	laneWaiting = prometheus.NewDesc("engawa_lane_waiting", "Deliveries that wait, by channel.", []string{"channel"}, nil)
	laneUnknown = prometheus.NewDesc("engawa_lane_unknown", "Deliveries of which nobody knows whether they arrived, by channel.", []string{"channel"}, nil)
	laneLate    = prometheus.NewDesc("engawa_lane_late_seconds", "How long the oldest waiting delivery is past its time, by channel.", []string{"channel"}, nil)
	lanePaused  = prometheus.NewDesc("engawa_lane_paused", "Lanes that are paused, by channel.", []string{"channel"}, nil)
)

// Describe names the metrics.
func (laneMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{laneWaiting, laneUnknown, laneLate, lanePaused} {
		to <- d
	}
}

type laneSum struct {
	waiting, unknown, paused int
	late                     time.Duration
}

// Collect reads the store. A store that does not answer fails the scrape, which
// is what an alarm looks at.
func (l laneMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	sums, err := l.sum(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(laneWaiting, err)
		return
	}
	for channel, s := range sums {
		for d, v := range map[*prometheus.Desc]float64{
			laneWaiting: float64(s.waiting), laneUnknown: float64(s.unknown), laneLate: s.late.Seconds(), lanePaused: float64(s.paused),
		} {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, channel)
		}
	}
}

func (l laneMetrics) sum(ctx context.Context) (map[string]laneSum, error) {
	sums := map[string]laneSum{}
	all, err := l.store.Workspaces(ctx)
	for _, w := range all {
		lanes, err := l.store.Lanes(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		for _, u := range lanes {
			s := sums[u.Kind]
			s.waiting, s.unknown = s.waiting+u.Waiting, s.unknown+u.Unknown
			if u.Waiting > 0 && !u.Oldest.IsZero() {
				s.late = max(s.late, time.Since(u.Oldest))
			}
			if u.Lane.PausedUntil.After(time.Now()) {
				s.paused++
			}
			sums[u.Kind] = s
		}
	}
	return sums, err
}

// ServeMetrics serves /metrics and pprof on a listener of their own until ctx
// ends. Neither asks who calls: l is to be on loopback or a private network.
func (h *Hub) ServeMetrics(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: h.metrics.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: h.httpLog()}
	defer context.AfterFunc(ctx, func() { server.Close() })() //nolint:errcheck // Serve tells
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
