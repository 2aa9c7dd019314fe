package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/source/stripe/sim"
)

const (
	secret    = "whsec_simulated_secret_of_the_endpoint"
	oldSecret = "whsec_simulated_secret_of_yesterday"
)

// receive opens an account; settings are pairs that differ from the usual.
func receive(t testing.TB, settings ...string) channel.Receiver {
	t.Helper()
	in := map[string]string{"secret": secret, "mode": "test", "member_key": "member_number"}
	for i := 0; i+1 < len(settings); i += 2 {
		in[settings[i]] = settings[i+1]
	}
	s, err := Kind.Check(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Kind.Source(s, channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signed(body []byte, at time.Time, secrets ...string) http.Header {
	return http.Header{"Stripe-Signature": {sim.Sign(body, at, secrets...)}}
}

func callback() channeltest.Callback {
	s := &sim.Server{}
	return channeltest.Callback{
		Body: sim.Scenarios["disputed"](s)[0].Body, Type: "payment.disputed", MaxAge: Tolerance,
		Sign: func(body []byte, at time.Time) http.Header { return signed(body, at, secret) },
	}
}

func TestReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // a bubble begins before Stripe did
		channeltest.Receive(t, receive(t), callback())
	})
}

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver { return receive(f) }, callback())
}

func TestSignature(t *testing.T) {
	s := &sim.Server{}
	body := sim.Scenarios["started"](s)[0].Body
	now := time.Now()
	good := sim.Sign(body, now, secret)
	mine := strings.Split(good, ",")[1]
	for name, c := range map[string]struct {
		header string
		old    bool // the account knows yesterday's secret too
		want   engawa.Code
	}{
		"now":                                  {good, false, ""},
		"300 s ago":                            {sim.Sign(body, now.Add(-299*time.Second), secret), false, ""},
		"302 s ago":                            {sim.Sign(body, now.Add(-302*time.Second), secret), false, engawa.CodeUnverified},
		"302 s ahead":                          {sim.Sign(body, now.Add(302*time.Second), secret), false, engawa.CodeUnverified},
		"rolled: ours is the second":           {sim.Sign(body, now, "whsec_another_one_entirely", secret), false, ""},
		"rolled: Stripe still signs the old":   {sim.Sign(body, now, oldSecret), true, ""},
		"the old one after the change":         {sim.Sign(body, now, oldSecret), false, engawa.CodeUnverified},
		"another's":                            {sim.Sign(body, now, "whsec_another_one_entirely"), false, engawa.CodeUnverified},
		"v0 alone":                             {strings.Replace(good, "v1=", "v0=", 1), false, engawa.CodeUnverified},
		"two times":                            {"t=1," + good, false, engawa.CodeUnverified},
		"no time":                              {mine, false, engawa.CodeUnverified},
		"a time with a sign":                   {strings.Replace(good, "t=", "t=+", 1), false, engawa.CodeUnverified},
		"spaces after commas":                  {strings.ReplaceAll(good, ",", ", "), false, ""},
		"17 signatures, the last of them ours": {strings.Replace(good, mine, strings.Repeat("v1=00,", 16)+mine, 1), false, engawa.CodeUnverified},
		"upper case":                           {strings.Replace(good, mine, "v1="+strings.ToUpper(mine[3:]), 1), false, ""},
	} {
		r := receive(t)
		if c.old {
			r = receive(t, "old_secret", oldSecret)
		}
		_, err := r.Receive(http.Header{"Stripe-Signature": {c.header}}, body)
		var code engawa.Code
		if e, ok := err.(*engawa.Error); ok {
			code = e.Code
		}
		if code != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	compact := []byte(strings.Join(strings.Fields(string(body)), ""))
	if _, err := receive(t).Receive(http.Header{"Stripe-Signature": {good}}, compact); err == nil {
		t.Error("a body that was read and written again is taken")
	}
	if _, err := receive(t, "mode", "live").Receive(http.Header{"Stripe-Signature": {good}}, body); err == nil {
		t.Error("a test event is taken by a live account")
	}
}

// told are the events that each scenario becomes, repetitions left out: type, and
// members that must be so.
var told = map[string][]string{
	"started":                 {`contract.started c.status=active c.price=1980 c.currency=JPY c.name=月額プラン`},
	"application failed":      {`payment.application.failed amount=1980 attempt=1 m.name=山田 花`},
	"card failed":             {`payment.recurring.failed c.id=sub_1SimMonthly amount=1980 attempt=1 correlation=stripe:in_1SimNov m.id=A-1 gateway.name=stripe`, `contract.suspended cause=card_failed correlation=stripe:in_1SimNov c.id=sub_1SimMonthly`},
	"card recovered":          {`payment.recurring.recovered c.id=sub_1SimMonthly amount=1980 correlation=stripe:in_1SimNov`, `contract.resumed actor=system correlation=stripe:in_1SimNov`},
	"paid by hand":            {`payment.recurring.failed c.id=sub_1SimMonthly attempt=1`, `contract.suspended cause=card_failed`, `stripe.invoice.paid id=in_1SimHand`, `contract.resumed actor=system correlation=stripe:in_1SimHand`, `payment.recurring.recovered c.id=sub_1SimMonthly m.id=A-1 correlation=stripe:in_1SimHand`},
	"bill failed":             {`stripe.invoice.payment_failed id=in_1SimBill`, `payment.authentication.requested amount=1980 c=<nil> m.name=山田 花 correlation=stripe:in_1SimBill`},
	"authentication":          {`payment.authentication.requested c.id=sub_1SimMonthly amount=1980`},
	"cancellation booked":     {`contract.termination.reserved effective_on=+8`},
	"cancellation called off": {`contract.termination.withdrawn c.id=sub_1SimMonthly`},
	"ended as booked":         {`contract.terminated cause=reserved ended_on=+0 c.status=terminated`},
	"ended unpaid":            {`contract.terminated cause=unpaid`},
	"never begun":             {`contract.cancelled refund=none c.status=cancelled`},
	"paused":                  {`contract.suspended cause=unconfirmed_payment`, `stripe.customer.subscription.updated id=sub_1SimMonthly`},
	"resumed":                 {`contract.resumed c.id=sub_1SimMonthly`},
	"trial ending":            {`contract.trial.ending effective_on=+3`},
	"renewed":                 {`stripe.invoice.paid id=in_1SimDec`, `stripe.customer.subscription.updated id=sub_1SimMonthly`},
	"refunded":                {`payment.refunded amount=1000 currency=JPY correlation=stripe:pi_1SimNov`},
	"disputed":                {`payment.disputed amount=1980 reason=fraudulent`},
	"a new type":              {`? stripe.customer.subscription.teleported id=sub_1SimMonthly`},
}

// toldOfUnpaid are those that differ where only unpaid counts as a suspension: a
// contract that was past due tells of its payment alone.
var toldOfUnpaid = map[string][]string{
	"card failed":    {told["card failed"][0], `stripe.customer.subscription.updated status=past_due`},
	"card recovered": told["card recovered"][:1],
	"paid by hand":   {told["paid by hand"][0], `stripe.customer.subscription.updated status=past_due`, told["paid by hand"][2], told["paid by hand"][4]},
}

// TestTold plays every scenario in both API versions, for both meanings of a
// suspension: what it becomes is in the catalogue and passes its schema.
func TestTold(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{sim.Old, sim.New} {
		for _, suspended := range []string{"past_due", "unpaid"} {
			for _, name := range sim.Names() {
				want := told[name]
				if other, ok := toldOfUnpaid[name]; ok && suspended == "unpaid" {
					want = other
				}
				about := name + " of " + version + " with " + suspended
				got := first(t, receive(t, "suspended", suspended), sim.Scenarios[name](&sim.Server{Version: version}))
				if len(got) != len(want) {
					t.Errorf("%s: %d events, want %v", about, len(got), want)
					continue
				}
				for i := range want {
					hold(t, about, got[i], want[i], tokyo)
				}
			}
		}
	}
}

// first receives posts and returns the events, each key once as the journal keeps it.
func first(t *testing.T, r channel.Receiver, posts []sim.Event) (got []engawa.Event) {
	t.Helper()
	for _, e := range posts {
		evs, err := r.Receive(signed(e.Body, time.Now(), secret), e.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range evs {
			if err := catalogue.Check(one); err != nil && !strings.HasPrefix(one.Type, "stripe.") { // those are Stripe's own
				t.Errorf("%s: %v", e.Type, err)
			}
			if !slices.ContainsFunc(got, func(g engawa.Event) bool { return g.DedupKey == one.DedupKey }) {
				got = append(got, one)
			}
		}
	}
	return got
}

func hold(t *testing.T, name string, e engawa.Event, want string, zone *time.Location) {
	t.Helper()
	rest, unknown := strings.CutPrefix(want, "? ")
	typ, rest, _ := strings.Cut(rest, " ")
	if e.Type != typ || e.Known == unknown || e.DedupKey == "" || e.OccurredAt.IsZero() {
		t.Errorf("%s: %s, known %v, key %q; want %s", name, e.Type, e.Known, e.DedupKey, want)
		return
	}
	if c, ok := catalogue.Find(e.Type); ok {
		if err := c.Schema.Check(e.Data); err != nil {
			t.Errorf("%s: %s does not pass its schema: %v in %s", name, e.Type, err, e.Data)
		}
	} else if !strings.HasPrefix(e.Type, "stripe.") {
		t.Errorf("%s: %s is not in the catalogue", name, e.Type)
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(rest, "山田 花", "山田_花"), " ") {
		path, value, _ := strings.Cut(part, "=")
		value = strings.ReplaceAll(value, "_花", " 花")
		if days, ok := strings.CutPrefix(value, "+"); ok {
			var n int
			fmt.Sscan(days, &n)
			value = time.Now().Add(time.Duration(n) * 24 * time.Hour).In(zone).Format(time.DateOnly)
		}
		var data object
		if err := json.Unmarshal(e.Data, &data); err != nil || fmt.Sprint(data.get(path)) != value {
			t.Errorf("%s: %s of %s is %v, want %s", name, path, e.Type, data.get(path), value)
		}
	}
}

// TestTable: the table in docs/channels/stripe.md names every type of Stripe's that
// is known here, and beside it all that it is told as, and no more.
func TestTable(t *testing.T) {
	want := map[string]map[string]bool{}
	for typ := range tells {
		want[typ] = map[string]bool{}
	}
	for _, version := range []string{sim.Old, sim.New} {
		s := &sim.Server{Version: version}
		posts := []sim.Event{ // what no scenario has
			s.Make("customer.subscription.updated", s.Subscription("active", nil), map[string]any{"status": "incomplete"}),
			s.Make("customer.subscription.deleted", s.Subscription("canceled", map[string]any{"ended_at": 1}), nil),
		}
		for _, scenario := range sim.Scenarios {
			posts = append(posts, scenario(s)...)
		}
		for _, p := range posts {
			for _, e := range first(t, receive(t), []sim.Event{p}) {
				if types := want[p.Type]; types != nil && e.Type != "stripe."+p.Type {
					types[e.Type] = true
				}
			}
		}
	}
	want["invoice.payment_failed"]["stripe.invoice.payment_failed"] = true // says what is not told otherwise
	doc, err := os.ReadFile("../../../docs/channels/stripe.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| Stripe | event |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	got, code := map[string]map[string]bool{}, regexp.MustCompile("`([a-z_.]+)`")
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		typ := code.FindStringSubmatch(cells[1])
		if len(cells) != 4 || typ == nil {
			t.Fatalf("%q is no row", row)
		}
		got[typ[1]] = map[string]bool{}
		for _, e := range code.FindAllStringSubmatch(cells[2], -1) {
			got[typ[1]][e[1]] = true
		}
	}
	if !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("the table has %v, want %v", got, want)
	}
}

// TestRecoveredOnce: the invoice's post and the contract's tell one recovery,
// whichever comes first.
func TestRecoveredOnce(t *testing.T) {
	posts := sim.Scenarios["card recovered"](&sim.Server{})
	for range 2 {
		slices.Reverse(posts)
		var types []string
		for _, e := range first(t, receive(t), posts) {
			types = append(types, e.Type)
		}
		slices.Sort(types)
		if !slices.Equal(types, []string{"contract.resumed", "payment.recurring.recovered"}) {
			t.Errorf("%s first: %v", posts[0].Type, types)
		}
	}
}

// TestOneCause: the two events of one failed card are of one cause by the
// catalogue's word, and so are the two of its recovery.
func TestOneCause(t *testing.T) {
	for _, name := range []string{"card failed", "card recovered"} {
		evs := first(t, receive(t), sim.Scenarios[name](&sim.Server{}))
		if len(evs) != 2 || !catalogue.OneCause(evs[0], evs[1]) {
			t.Errorf("%s: %d events, not of one cause", name, len(evs))
		}
	}
}

// change posts an update of a subscription and returns the types that it becomes.
func change(t *testing.T, r channel.Receiver, now, before map[string]any) (types []string) {
	t.Helper()
	s := &sim.Server{}
	status, _ := now["status"].(string)
	e := s.Make("customer.subscription.updated", s.Subscription(status, now), before)
	evs, err := r.Receive(signed(e.Body, time.Now(), secret), e.Body)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, ev := range evs {
		types = append(types, ev.Type)
		if keys[ev.DedupKey] {
			t.Errorf("two events have the key %s", ev.DedupKey)
		}
		keys[ev.DedupKey] = true
		if c, ok := catalogue.Find(ev.Type); ok {
			if err := c.Schema.Check(ev.Data); err != nil {
				t.Errorf("%s: %v", ev.Type, err)
			}
		}
	}
	return types
}

func TestUpdates(t *testing.T) {
	type m = map[string]any
	soon, later := time.Now().Add(time.Hour).Unix(), time.Now().Add(100*time.Hour).Unix()
	const none = "stripe.customer.subscription.updated"
	for name, c := range map[string]struct {
		suspended   string
		now, before m
		want        []string
	}{
		"a day was set":                   {"past_due", m{"status": "active", "cancel_at": soon}, m{"cancel_at": nil}, []string{"contract.termination.reserved"}},
		"another day":                     {"past_due", m{"status": "active", "cancel_at": soon}, m{"cancel_at": later}, []string{"contract.termination.reserved"}},
		"the day was taken back":          {"past_due", m{"status": "active"}, m{"cancel_at": soon}, []string{"contract.termination.withdrawn"}},
		"both fields at once":             {"past_due", m{"status": "active", "cancel_at": soon, "cancel_at_period_end": true}, m{"cancel_at": nil, "cancel_at_period_end": false}, []string{"contract.termination.reserved"}},
		"booked while unpaid":             {"past_due", m{"status": "past_due", "cancel_at_period_end": true}, m{"cancel_at_period_end": false, "status": "active"}, []string{"contract.termination.reserved", "contract.suspended"}},
		"canceled says its own event":     {"past_due", m{"status": "canceled", "cancel_at_period_end": false}, m{"cancel_at_period_end": true, "status": "active"}, []string{none}},
		"past due to unpaid":              {"past_due", m{"status": "unpaid"}, m{"status": "past_due"}, []string{none}},
		"past due is no suspension there": {"unpaid", m{"status": "past_due"}, m{"status": "active"}, []string{none}},
		"unpaid is one":                   {"unpaid", m{"status": "unpaid"}, m{"status": "past_due"}, []string{"contract.suspended"}},
		"paid, unpaid was one":            {"unpaid", m{"status": "active"}, m{"status": "unpaid"}, []string{"contract.resumed", "payment.recurring.recovered"}},
		"a trial is no payment":           {"unpaid", m{"status": "trialing"}, m{"status": "past_due"}, []string{none}},
		"the first payment":               {"past_due", m{"status": "active"}, m{"status": "incomplete"}, []string{"contract.started"}},
		"collection paused":               {"past_due", m{"status": "active", "pause_collection": m{"behavior": "void"}}, m{"pause_collection": nil}, []string{"contract.suspended"}},
		"collection goes on":              {"past_due", m{"status": "active"}, m{"pause_collection": m{"behavior": "void"}}, []string{"contract.resumed"}},
		"metadata":                        {"past_due", m{"status": "active"}, m{"metadata": m{"a": "b"}}, []string{none}},
		"nothing said":                    {"past_due", m{"status": "active"}, nil, []string{none}},
	} {
		if got := change(t, receive(t, "suspended", c.suspended), c.now, c.before); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestIdentities: the customer is found by Stripe's ids, and by the member number
// where the metadata has it.
func TestIdentities(t *testing.T) {
	e := sim.Scenarios["card failed"](&sim.Server{})[0]
	evs, err := receive(t).Receive(signed(e.Body, time.Now(), secret), e.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := []engawa.Identity{{Issuer: "stripe", Kind: "customer", Value: "cus_SimHanako"}, {Issuer: "business", Kind: "member_number", Value: "A-1"}, {Issuer: "stripe", Kind: "subscription", Value: "sub_1SimMonthly"}}
	if !slices.Equal(evs[0].Identities, want) || evs[0].Subject != "contract:sub_1SimMonthly" || string(evs[0].Raw) != string(e.Body) {
		t.Errorf("%v about %q", evs[0].Identities, evs[0].Subject)
	}
}

func TestSettings(t *testing.T) {
	for name, in := range map[string]map[string]string{
		"none": {}, "no whsec_": {"secret": "sk_live_canary_canary"}, "short": {"secret": "whsec_c"}, "old": {"secret": secret, "old_secret": "canary"},
		"zone": {"secret": secret, "zone": "Mars/Base"}, "local": {"secret": secret, "zone": "Local"}, "mode": {"secret": secret, "mode": "both"},
	} {
		s, err := Kind.Check(in)
		if err == nil {
			_, err = Kind.Source(s, channel.Env{})
		}
		if _, ok := err.(*engawa.Error); !ok || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSimulator: everything that happens arrives, once by its key, though posts
// come twice, out of order, and are refused now and then.
func TestSimulator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		r := receive(t)
		var mu sync.Mutex
		kept, posts := map[string]string{}, 0
		hub := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if posts++; posts%3 == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			body, err := io.ReadAll(q.Body)
			if err != nil {
				t.Error(err)
			}
			evs, err := r.Receive(q.Header, body)
			if err != nil {
				t.Error(err)
			}
			for _, e := range evs {
				kept[e.DedupKey] = e.Type
			}
		})
		s := &sim.Server{URL: "https://hub.example/in/acc_stripe", Secrets: []string{"whsec_another_one_entirely", secret}, Client: &http.Client{Transport: handlerTrip{hub}}}
		var all []sim.Event
		want := 0
		for _, name := range sim.Names() {
			all = append(all, sim.Scenarios[name](s)...)
			want += len(told[name])
		}
		if err := s.Send(t.Context(), all...); err != nil {
			t.Error(err)
		}
		if len(kept) != want || len(s.Sent()) <= len(all) {
			t.Errorf("%d events of %d posts, want %d of more than %d", len(kept), len(s.Sent()), want, len(all))
		}
		down := &sim.Server{URL: s.URL, Secrets: s.Secrets, Polite: true, Client: &http.Client{Transport: handlerTrip{http.NotFoundHandler()}}}
		began := time.Now()
		if err := down.Send(t.Context(), sim.Scenarios["started"](down)...); err == nil || len(down.Sent()[0].Statuses) != 5 || time.Since(began) != 15*time.Second {
			t.Errorf("%v after %s", down.Sent(), time.Since(began))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := down.Send(ended, sim.Scenarios["started"](down)...); err == nil {
			t.Error("it goes on after its end")
		}
	})
}

type handlerTrip struct{ h http.Handler }

func (t handlerTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}
