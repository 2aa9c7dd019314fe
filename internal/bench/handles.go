package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/smtp"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
)

// What a partner and a mail server must not tell apart by the time that an answer
// takes: handles that are none of the partner's, and addresses that the relay signed.
const (
	lookups  = 10_000 // of each sort
	inARow   = 80     // of each sort in two ways: before a partner is told to slow down (api.partnerBurst)
	mails    = 200    // of each sort: each waits for its beat
	senders  = 2      // connections at once for each sort: more would wait for each other on the beat
	barApart = 2 * time.Millisecond
	relayOn  = "relay.hinata.example"
)

// apart measures sorts of a thing by turns, and how far their medians lie apart.
func (r *report) apart(name string, sorts []string, took [][]time.Duration) {
	n := len(took[0])
	var fs []figure
	var medians []time.Duration
	for i, t := range took {
		slices.Sort(t)
		medians = append(medians, t[len(t)/2])
		fs = append(fs, ms(medians[i], sorts[i]+"-p50-ms"))
	}
	apart := slices.Max(medians) - slices.Min(medians)
	r.line(name, n, append(fs, ms(apart, "apart-ms"))...)
	r.bar(apart < barApart, fmt.Sprintf("medians less than %s apart", barApart))
}

// handles measures on one engine what the time of an answer tells.
func (r *report) handles(ctx context.Context, e engine) (err error) {
	p, err := newPlace(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.hub(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	key, err := furnish(ctx, h, "mail", mailSettings("127.0.0.1:9"))
	if err != nil {
		return err
	}
	f := front{h, h.API.Handler(), key}
	if err := r.lookUp(ctx, f); err != nil {
		return err
	}
	return r.relayed(ctx, f)
}

// front is a hub with its API and a key that may do everything.
type front struct {
	*serve.Hub

	api http.Handler
	Key engawa.Secret
}

// vendor is a partner with an app.
type vendor struct {
	front

	from           string // its network
	id, app, token string
}

// ask calls the API and returns what is in a 2xx.
func (v *vendor) ask(ctx context.Context, method, path, token, body string) (map[string]any, error) {
	w := v.call(ctx, method, path, token, body)
	var out map[string]any
	err := json.Unmarshal(w.Body.Bytes(), &out)
	if err == nil && w.Code/100 != 2 {
		err = fmt.Errorf("answered %d: %.200s", w.Code, w.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return out, nil
}

func (v *vendor) call(ctx context.Context, method, path, token, body string) *httptest.ResponseRecorder {
	q := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	q.RemoteAddr = v.from
	if token == "" {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		q.Header.Set("Authorization", "Bearer "+token)
		q.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	v.api.ServeHTTP(w, q)
	return w
}

// newVendor adds a partner with a token, and returns the handle of a customer in its
// list.
func newVendor(ctx context.Context, f front, i int, customer string) (v *vendor, handle string, err error) {
	v = &vendor{front: f, from: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 1).String()}
	add := func(path, body string) (out map[string]any) {
		if err == nil {
			out, err = v.ask(ctx, http.MethodPost, path, f.Key.Reveal(), body)
		}
		return out
	}
	id := func(out map[string]any) string { s, _ := out["id"].(string); return s }
	v.id = id(add("/v1/partners", `{"name":"Stockwise","sender":{"name":"Stockwise","postal":"x","phone":"1","mail":"v@vendor.example","contact":"https://vendor.example"}}`))
	v.app = id(add("/v1/apps", fmt.Sprintf(`{"name":"Stockwise","partner":%q}`, v.id)))
	add("/v1/grants", fmt.Sprintf(`{"partner":%q,"scopes":["*"],"apps":[%q],"channels":["*"],"purposes":["*"]}`, v.id, v.app))
	secret, _ := add("/v1/partners/"+v.id+"/secrets", `{}`)["client_secret"].(string)
	add("/v1/subscriptions", fmt.Sprintf(`{"customer":%q,"app":%q,"product":"std","state":"active","starts_at":"2026-01-01T00:00:00Z"}`, customer, v.app))
	if err != nil {
		return nil, "", err
	}
	got, err := v.ask(ctx, http.MethodPost, "/oauth/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {v.id}, "client_secret": {secret}}.Encode())
	if err != nil {
		return nil, "", err
	}
	v.token, _ = got["access_token"].(string)
	if err := f.API.Lists.Step(ctx); err != nil {
		return nil, "", err
	}
	subs, err := v.ask(ctx, http.MethodGet, "/v1/partner/apps/"+v.app+"/subscribers", v.token, "")
	if err != nil {
		return nil, "", err
	}
	if all, _ := subs["subscribers"].([]any); len(all) == 1 {
		one, _ := all[0].(map[string]any)
		handle, _ = one["subscriber"].(string)
		return v, handle, nil
	}
	return nil, "", fmt.Errorf("a partner's list is %v", subs)
}

// lookUp has partners ask for handles that never were, that are another partner's, and
// that ended, by turns: to read one, and to write to one.
func (r *report) lookUp(ctx context.Context, f front) error {
	customer, err := addCustomer(ctx, f.Hub, 0)
	if err != nil {
		return err
	}
	_, foreign, err := newVendor(ctx, f, 0, customer)
	if err != nil {
		return err
	}
	sorts := []string{"unknown", "foreign", "ended"}
	read, write := make([][]time.Duration, len(sorts)), make([][]time.Duration, len(sorts))
	var v *vendor
	var handles []string
	for n := range lookups {
		if n%inARow == 0 {
			var ended string
			if v, ended, err = newVendor(ctx, f, n/inARow+1, customer); err != nil {
				return err
			}
			if err := f.Store.LeaveApp(ctx, store.List{Workspace: workspace, Partner: v.id, App: v.app}, customer, engawa.Evidence{}); err != nil {
				return err
			}
			handles = []string{engawa.NewID(engawa.PrefixHandle), foreign, ended}
		}
		for j := range handles {
			i := (n + j) % len(handles) // none always comes first
			handle := handles[i]
			body := fmt.Sprintf(`{"to":{"subscriber":%q},"purpose":"service","trigger":"user","content":{"text":"t"}}`, handle)
			begin := time.Now()
			w := v.call(ctx, http.MethodGet, "/v1/partner/apps/"+v.app+"/subscribers/"+handle, v.token, "")
			between := time.Now()
			x := v.call(ctx, http.MethodPost, "/v1/partner/messages:check", v.token, body)
			read[i], write[i] = append(read[i], between.Sub(begin)), append(write[i], time.Since(between))
			if w.Code != http.StatusNotFound || x.Code != http.StatusNotFound {
				return fmt.Errorf("a handle that is %s is answered %d and %d", sorts[i], w.Code, x.Code)
			}
		}
	}
	r.apart("HandleRead", sorts, read)
	r.apart("HandleWrite", sorts, write)
	return nil
}

// relayed brings mail to addresses of messages to a customer who is there, to one who
// was erased, of a partner that ended, and to one that names no message of this hub.
func (r *report) relayed(ctx context.Context, f front) error {
	f.Config.Relay.Domains, f.Config.Relay.Connections = relayOn, 64*senders // of which one network has a quarter
	none := errors.New("there is no such name")
	f.DNS = relay.DNS{
		TXT: func(context.Context, string) ([]string, error) { return nil, none },
		IP:  func(context.Context, string, string) ([]netip.Addr, error) { return nil, none },
		MX:  func(context.Context, string) ([]*net.MX, error) { return nil, none },
	}
	sorts := []string{"live", "erased", "disabled", "foreign"}
	to := make([]string, len(sorts))
	for i, sort := range sorts {
		delivery := engawa.NewOrderedID(engawa.PrefixDelivery, time.Now())
		if sort != "foreign" {
			var err error
			if delivery, err = answerable(ctx, f, 200+i, sort); err != nil {
				return err
			}
		}
		to[i] = relay.LocalPart(f.Vault, relay.Reply, delivery, time.Now().Add(relay.ReplyLife)) + "@" + relayOn
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.ServeRelay(serving, l) }()
	err = errors.Join(r.recipients(l.Addr().String(), sorts, to), r.letters(l.Addr().String(), sorts, to))
	stop()
	return errors.Join(err, <-ended)
}

// answerable has a partner's mail to a customer of its own accepted, and returns its
// delivery. Afterwards the customer is erased, or the partner ends, as sort says.
func answerable(ctx context.Context, f front, i int, sort string) (string, error) {
	customer, err := addCustomer(ctx, f.Hub, i)
	if err != nil {
		return "", err
	}
	v, _, err := newVendor(ctx, f, i, customer)
	if err != nil {
		return "", err
	}
	now := time.Now()
	m := engawa.Message{
		Workspace: workspace, ID: engawa.NewOrderedID(engawa.PrefixMessage, now), Customer: customer, Partner: v.id, App: v.app, Purpose: engawa.Service, State: engawa.MessageWaiting,
		Content: engawa.Content{Subject: "x", Text: "x"}, Chain: []engawa.Via{{Account: account}}, CreatedAt: now,
	}
	d := store.NewDelivery(m, 0, now)
	if err := f.Store.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{d}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}); err != nil {
		return "", err
	}
	seen, err := f.Store.Lane(ctx, workspace, account)
	if err != nil {
		return "", err
	}
	lane, _, err := f.Store.Hold(ctx, "bench "+sort, seen)
	if err != nil {
		return "", err
	}
	going, _, err := f.Store.Claim(ctx, lane, 1, store.Decide{
		Judge: func(*store.Claimed) store.Decision {
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: "k" + d.ID}
		},
		Pace: func() store.Pace { return lane.Pace },
	})
	if err != nil || len(going) != 1 {
		return "", fmt.Errorf("%d deliveries go: %w", len(going), err)
	}
	_, err = f.Store.Record(ctx, lane, []store.Result{{Claimed: going[0], EndedAt: now, Outcome: engawa.OutcomeAccepted, State: engawa.Accepted, ProviderID: d.ID + "@hinata.example"}})
	switch {
	case err != nil:
	case sort == "erased":
		_, err = f.Store.Erase(ctx, workspace, customer)
	case sort == "disabled":
		_, err = f.Store.EndPartner(ctx, workspace, v.id)
	}
	return d.ID, errors.Join(err, f.Store.Release(ctx, lane))
}

// recipients measures the answer to RCPT, of each sort by turns.
func (r *report) recipients(addr string, sorts, to []string) error {
	c, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // all that counts was answered
	took := make([][]time.Duration, len(sorts))
	for n := range lookups {
		for j := range to {
			i := (n + j) % len(to)
			if err := c.Mail("member000200@customer.example"); err != nil {
				return err
			}
			begin := time.Now()
			err := c.Rcpt(to[i])
			took[i] = append(took[i], time.Since(begin))
			if err := errors.Join(err, c.Reset()); err != nil {
				return err
			}
		}
	}
	r.apart("RelayRecipient", sorts, took)
	return nil
}

// letters measures the answer to a whole mail. Senders of each sort do it at once: an
// answer leaves on a beat of a quarter of a second.
func (r *report) letters(addr string, sorts, to []string) error {
	took, errs := make([][]time.Duration, len(sorts)), make([]error, len(sorts)*senders)
	var work sync.WaitGroup
	var mu sync.Mutex
	for n := range errs {
		i := n % len(sorts)
		work.Go(func() {
			some, err := bring(addr, to[i], n, mails/senders)
			mu.Lock()
			defer mu.Unlock()
			took[i], errs[n] = append(took[i], some...), err
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.apart("RelayMail", sorts, took)
	return nil
}

// bring brings different mails to one address, and returns how long each answer took.
func bring(addr, to string, sender, n int) (took []time.Duration, err error) {
	c, err := smtp.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // all that counts was answered
	for i := range n {
		if err := errors.Join(c.Mail("member000200@customer.example"), c.Rcpt(to)); err != nil {
			return nil, err
		}
		w, err := c.Data()
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(w, "From: member000200@customer.example\r\nTo: %s\r\nMessage-ID: <%d.%d@customer.example>\r\nSubject: Re: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s", to, sender, i, words("mail")); err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := w.Close(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}
