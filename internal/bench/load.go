package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/api"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

const (
	workspace = "ws_bench"
	account   = "acc_bench"
	place0    = "dst_bench"
	connsMail = 8
	connsHTTP = 4 // what a webhook account has
)

// words make a mail of 1.8 KB on the wire, and a webhook's event of 950 bytes: the
// workloads W1 and W3 by which the peers were measured.
func words(kind string) string {
	const line = "The beans that you like are roasted on Tuesday and sent on Wednesday.\n"
	if kind == "mail" {
		return strings.Repeat(line, 17)
	}
	return strings.Repeat(line, 7)
}

func mailSettings(addr string) map[string]string {
	return map[string]string{
		"host": addr, "tls": "none", "from_address": "shop@hinata.example", "from_name": "Hinata Coffee", "per_second": "0", "connections": strconv.Itoa(connsMail),
	}
}

func webhookSettings(addr string) map[string]string {
	return map[string]string{"url": "http://" + addr, "secret": "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))}
}

// furnish makes the workspace, one account and one destination there, and
// returns a key that may do everything.
func furnish(ctx context.Context, h *serve.Hub, kind string, settings map[string]string) (engawa.Secret, error) {
	now := time.Now()
	address := engawa.Address("bench")
	if kind == "mail" {
		address = "staff@hinata.example"
	}
	err := h.Store.AddWorkspace(ctx, engawa.Workspace{
		ID: workspace, Name: "Hinata Coffee", Locale: engawa.English, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: now,
		Sender: engawa.SenderProfile{Name: "Hinata Coffee", Postal: "1-2-3 Hirosaka, Kanazawa", Phone: "+81-76-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact"},
	})
	if err == nil {
		err = h.Store.AddAccount(ctx, engawa.Account{
			Workspace: workspace, ID: account, Kind: kind, Name: kind, Environment: engawa.Production, Settings: settings,
			Owner: engawa.OwnerWorkspace, Custodian: engawa.OwnerWorkspace, Enabled: true, CreatedAt: now,
		})
	}
	if err == nil {
		err = h.Store.AddDestination(ctx, engawa.Destination{Workspace: workspace, ID: place0, Name: "bench", Account: account, Address: address, Locale: engawa.English, CreatedAt: now})
	}
	if err != nil {
		return "", err
	}
	return api.NewKey(ctx, h.Store, workspace, "bench", "*")
}

// preload accepts n messages for the lane, each to a customer of its own by
// mail, or to the destination otherwise. Every verdict must let it go.
func preload(ctx context.Context, h *serve.Hub, kind string, n int) error {
	const batch = 100
	for at := 0; at < n; at += batch {
		rs := make([]message.Request, 0, batch)
		for i := at; i < min(at+batch, n); i++ {
			r := message.Request{
				Workspace: workspace, Destination: place0, Purpose: engawa.Service, Trigger: engawa.ByUser,
				Content: engawa.Content{Subject: "Your beans are on their way", Text: words(kind)}, Chain: []engawa.Via{{Account: account}},
			}
			if kind == "mail" {
				var err error
				if r.Customer, err = addCustomer(ctx, h, i); err != nil {
					return err
				}
				r.Destination = ""
			}
			rs = append(rs, r)
		}
		ms, err := h.Compose.Accept(ctx, workspace, rs)
		if err != nil {
			return err
		}
		for _, m := range ms {
			if m.Message.State != engawa.MessageWaiting {
				return fmt.Errorf("a message is %s at once: %+v", m.Message.State, m.Judged)
			}
		}
	}
	return nil
}

func addCustomer(ctx context.Context, h *serve.Hub, i int) (id string, err error) {
	id, now := fmt.Sprintf("cus_%06d", i), time.Now()
	return id, h.Store.AddCustomer(ctx, store.NewCustomer{
		Customer: engawa.Customer{Workspace: workspace, ID: id, Kind: "person", Name: "Member " + id, Locale: engawa.English, Country: "JP", Zone: "Asia/Tokyo", CreatedAt: now},
		ContactPoints: []engawa.ContactPoint{{
			Workspace: workspace, ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(fmt.Sprintf("member%06d@customer.example", i)),
			Role: "login", VerifiedAt: now, CreatedAt: now,
		}},
	})
}

// lane is what a lane did, and what a bare loop did with the same bytes.
type lane struct {
	perSecond, bare float64
	flight          float64       // of mail: a bare loop that sends the envelope in one flight
	peak            int           // KiB
	busy, server    time.Duration // of processors: the hub with its start, and PostgreSQL
}

// runLane sends n messages of kind through the lane of a fresh hub into s.
func runLane(ctx context.Context, binary string, e engine, kind string, s *sink, settings map[string]string, n int) (l lane, err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.hub(ctx)
	if err != nil {
		return l, err
	}
	_, err = furnish(ctx, h, kind, settings)
	if err == nil {
		err = preload(ctx, h, kind, n)
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return l, err
	}
	if err := p.analyze(ctx); err != nil {
		return l, err
	}
	before, err := p.server(ctx)
	if err != nil {
		return l, err
	}
	all := s.after(n)
	g, err := p.start(ctx, binary)
	if err != nil {
		return l, err
	}
	select {
	case <-all:
	case <-time.After(2 * time.Minute):
		err = errors.New("not everything arrived within two minutes")
	}
	if err = errors.Join(err, g.stop()); err != nil {
		return l, err
	}
	after, err := p.server(ctx)
	if err != nil {
		return l, err
	}
	got, perSecond := s.rate()
	l.perSecond, l.peak, l.busy, l.server = perSecond, g.peak, g.busy, after-before
	if l.bare, err = bareOf(ctx, kind, s, n); err != nil {
		return l, err
	}
	if kind == "mail" {
		if l.flight, err = bareOf(ctx, "flight", s, n); err != nil {
			return l, err
		}
	}
	return l, p.accounted(ctx, got)
}

// bareOf sends the first message that the sink got, n times; the better of two.
func bareOf(ctx context.Context, kind string, s *sink, n int) (best float64, err error) {
	for range 2 {
		perSecond, err := bareProcess(ctx, kind, s.addr, n, piece{s.bytes, s.heads})
		if err != nil {
			return 0, err
		}
		best = max(best, perSecond)
	}
	return best, nil
}

// accounted checks in the database that each of the n that arrived is recorded:
// its message sent, its delivery accepted, and exactly one attempt.
func (p *place) accounted(ctx context.Context, n int) error {
	for _, query := range []string{
		"SELECT count(DISTINCT message) FROM delivery WHERE state IN ('accepted', 'delivered')",
		"SELECT count(*) FROM delivery WHERE state IN ('accepted', 'delivered')",
		"SELECT count(*) FROM attempt WHERE outcome = 'accepted'",
		"SELECT count(*) FROM attempt",
	} {
		rows, err := p.count(ctx, query)
		if err != nil {
			return err
		}
		if rows != n {
			return fmt.Errorf("%d arrived, but %q answers %d", n, query, rows)
		}
	}
	return nil
}

// intake is what the API took in.
type intake struct {
	perSecond    float64
	n            int
	peak         int           // KiB
	busy, server time.Duration // of processors: the hub with its start, and PostgreSQL
}

// runEvents posts single events from callers over the API for a time, and
// counts the journal afterwards: it holds each that was acknowledged.
func runEvents(ctx context.Context, binary string, e engine, callers int, lasting time.Duration) (in intake, err error) {
	p, g, key, err := running(ctx, binary, e, "webhook", webhookSettings("127.0.0.1:9"))
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	post := func(ctx context.Context, id string) error {
		return call(ctx, client, g.url+"/v1/events", key, http.StatusAccepted, map[string]any{
			"id": id, "type": "contract.created", "subject": "contract:" + id, "data": map[string]any{"plan": "monthly", "amount": 1980, "note": strings.Repeat("x", 200)},
		})
	}
	if err := post(ctx, "warm"); err != nil {
		return in, errors.Join(err, g.stop())
	}
	before, err := p.server(ctx)
	if err != nil {
		return in, errors.Join(err, g.stop())
	}
	var work sync.WaitGroup
	counts, errs := make([]int, callers), make([]error, callers)
	start := time.Now()
	for c := range callers {
		work.Go(func() {
			for time.Since(start) < lasting && errs[c] == nil {
				errs[c] = post(ctx, fmt.Sprintf("%d-%d", c, counts[c]))
				counts[c]++
			}
		})
	}
	work.Wait()
	took := time.Since(start)
	if err := errors.Join(errors.Join(errs...), g.stop()); err != nil {
		return in, err
	}
	acknowledged := 1
	for _, n := range counts {
		acknowledged += n
	}
	after, err := p.server(ctx)
	if err != nil {
		return in, err
	}
	kept, err := p.count(ctx, "SELECT count(*) FROM event")
	if err == nil && kept != acknowledged {
		err = fmt.Errorf("%d events were acknowledged, and the journal holds %d", acknowledged, kept)
	}
	return intake{float64(acknowledged-1) / took.Seconds(), acknowledged, g.peak, g.busy, after - before}, err
}

// running is a furnished place with the program at work on it.
func running(ctx context.Context, binary string, e engine, kind string, settings map[string]string) (*place, *program, engawa.Secret, error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return nil, nil, "", err
	}
	h, err := p.hub(ctx)
	if err != nil {
		return nil, nil, "", errors.Join(err, p.close())
	}
	key, err := furnish(ctx, h, kind, settings)
	err = errors.Join(err, h.Close())
	var g *program
	if err == nil {
		g, err = p.start(ctx, binary)
	}
	if err != nil {
		return nil, nil, "", errors.Join(err, p.close())
	}
	return p, g, key, nil
}

func call(ctx context.Context, client *http.Client, url string, key engawa.Secret, want int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	return exchange(client, r, want)
}

// latency is how long it takes from the planned start of a call that asks for a
// message until the receiver has it: acceptance, verdict, lane and hand-over.
type latency struct {
	p50, p95, p99 time.Duration
	n             int
	peak          int // KiB
}

// runLatency asks for perSecond messages a second, whether or not the earlier
// ones are through, and reads from each body at the sink when it was due.
func runLatency(ctx context.Context, binary string, e engine, perSecond int, lasting time.Duration) (l latency, err error) {
	s, err := newHTTPSink(ctx)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, g, key, err := running(ctx, binary, e, "webhook", webhookSettings(s.addr))
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	n := perSecond * int(lasting/time.Second)
	took := make([]time.Duration, 0, n)
	s.seen = func(body []byte) {
		if due, err := dueOf(body); err == nil {
			took = append(took, time.Since(due))
		}
	}
	all := s.after(n)
	err = openLoop(ctx, g.url, key, n, time.Second/time.Duration(perSecond))
	if err == nil {
		select {
		case <-all:
		case <-time.After(30 * time.Second):
			err = errors.New("not everything arrived within 30 seconds")
		}
	}
	if err = errors.Join(err, g.stop()); err != nil {
		return l, err
	}
	if len(took) != n {
		return l, fmt.Errorf("%d of %d arrivals could be timed", len(took), n)
	}
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[int(q*float64(n-1))] }
	return latency{at(.50), at(.95), at(.99), n, g.peak}, p.accounted(ctx, n)
}

const dueMark = "due:"

func openLoop(ctx context.Context, url string, key engawa.Secret, n int, every time.Duration) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var work sync.WaitGroup
	errs := make([]error, n)
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(i) * every)
		time.Sleep(time.Until(due))
		work.Go(func() {
			errs[i] = call(ctx, client, url+"/v1/messages", key, http.StatusAccepted, map[string]any{
				"to": map[string]any{"destination": place0}, "purpose": "service", "trigger": "user",
				"content": map[string]any{"subject": "due", "text": dueMark + strconv.FormatInt(due.UnixNano(), 10) + ";"},
			})
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

// dueOf finds when a message was due to be asked for, in its body.
func dueOf(body []byte) (time.Time, error) {
	_, rest, _ := strings.Cut(string(body), dueMark)
	digits, _, _ := strings.Cut(rest, ";")
	n, err := strconv.ParseInt(digits, 10, 64)
	return time.Unix(0, n), err
}

// idle is the resident memory of a hub that has nothing to do, in KiB.
func idle(ctx context.Context, binary string, e engine) (kib int, err error) {
	p, g, _, err := running(ctx, binary, e, "webhook", webhookSettings("127.0.0.1:9"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	time.Sleep(5 * time.Second)
	kib, err = g.memory("VmRSS")
	return kib, errors.Join(err, g.stop())
}
