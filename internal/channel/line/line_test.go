package line

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/line/sim"
)

const (
	channelID = "1657000001"
	secret    = "8c570fa6dd201bb328f1c1eac23a96d8"
	bot       = "U8e742f61d673b39c7fff3cecb7536ef0"
	user      = "U4af4980629a4e6ebb2f4f4a2b1b4e0b1"
)

var settings = map[string]string{"channel_id": channelID, "channel_secret": secret, "bot_user_id": bot, "base_url": "https://line.example"}

func with(change map[string]string) channel.Settings {
	s := channel.Settings{}
	maps.Copy(s, settings)
	maps.Copy(s, change)
	return s
}

// newSim is LINE with the account of settings and one friend of it.
func newSim() (s *sim.Server, friend string) {
	s = &sim.Server{Polite: true}
	s.AddAccount(sim.Account{Provider: "Hinata", Name: "ひなた珈琲", ID: channelID, Secret: secret, UserID: bot, Plan: 300})
	hana := s.AddPerson("花")
	if err := s.Follow(hana, channelID); err != nil {
		panic(err)
	}
	return s, hana
}

func answered(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Line-Request-Id", "2b1ab5b4-0000-4000-8000-000000000000")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	return channeltest.Taken{Key: r.Header.Get("X-Line-Retry-Key"), Body: body}, r.URL.Path == "/v2/bot/message/push"
}

func suite() channeltest.Case {
	_, hana := newSim()
	s, _ := newSim()
	return channeltest.Case{
		Kind: Kind, Settings: settings, To: engawa.Address(s.UserID(hana, channelID)),
		Want: map[channeltest.Mood]channel.Class{
			channeltest.Down:   channel.Ambiguous, // any 5xx may have been accepted; the same key settles it
			channeltest.NoSuch: channel.Rejected,  // a user of another provider: another account of the hub may know them
		},
		Lacks: []channeltest.Mood{channeltest.LimitedFor}, // LINE never says how long
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			s, _ := newSim()
			return channeltest.HTTP{
				Sim: s, Handover: handover,
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited: answered(429, `{"message":"The API rate limit has been exceeded. Try again later."}`),
					channeltest.Down:    answered(503, `{"message":"The internal server error occurred"}`),
					channeltest.Refuses: answered(400, `{"message":"The request body has 1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}`),
					channeltest.Locked:  answered(403, `{"message":"Access to this API is not available for your account"}`), // 401 has the token replaced: TestToken
					channeltest.NoSuch:  answered(400, `{"message":"Failed to send messages"}`),
				},
			}.World(t, m)
		},
		Callback: &callback,
	}
}

var callback = channeltest.Callback{
	Body: []byte(`{"destination":"` + bot + `","events":[{"type":"message","mode":"active","timestamp":1795900000123,"source":{"type":"user","userId":"` + user + `"},` +
		`"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":false},"replyToken":"b60d432864f44d079f6d8efe86cf404b",` +
		`"message":{"id":"444573844083572737","type":"text","text":"定期便を止めたいです","quoteToken":"q3Plxr4AgKd"}}]}`),
	Type: "line.message",
	Sign: func(body []byte, _ time.Time) http.Header {
		return http.Header{"X-Line-Signature": {sim.Sign(secret, body)}}
	},
}

func TestChannel(t *testing.T) { channeltest.Run(t, suite()) }

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver {
		ch, err := open(settings, channel.Env{Account: channeltest.Account})
		if err != nil {
			f.Fatal(err)
		}
		return ch.(channel.Receiver)
	}, callback)
}

func opened(t *testing.T, s channel.Settings, h http.Handler) *account {
	t.Helper()
	a, err := connect(s, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(h)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// world is LINE in a bubble, with an account of the hub's.
type world struct {
	*testing.T
	sim  *sim.Server
	hana string
	a    *account
}

func in(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s, hana := newSim()
		defer s.Close()
		test(&world{t, s, hana, opened(t, with(nil), s)})
	})
}

func (w *world) parcel() engawa.Parcel {
	return channeltest.Parcel(engawa.Address(w.sim.UserID(w.hana, channelID)))
}

func (w *world) send(p engawa.Parcel) (channel.Receipt, *channel.SendError) {
	r, err := w.a.Send(w.Context(), channeltest.Cleared(w, p))
	se, _ := err.(*channel.SendError)
	return r, se
}

// TestSignature: the vector of the reference.
func TestSignature(t *testing.T) {
	const body, want = `{"destination":"` + bot + `","events":[]}`, "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
	if got := base64.StdEncoding.EncodeToString(sign(secret, []byte(body))); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	evs, err := opened(t, with(nil), nil).Receive(http.Header{"X-Line-Signature": {want}}, []byte(body))
	if err != nil || len(evs) != 0 { // LINE's check that somebody is here
		t.Errorf("%d events, %v", len(evs), err)
	}
}

// TestToken: a token serves for 14 minutes and is replaced before it ends; one that
// LINE refuses is replaced once, and nobody notices.
func TestToken(t *testing.T) {
	in(t, func(w *world) {
		mints := func() (n int) {
			for _, c := range w.sim.Log() {
				if strings.HasSuffix(c.Path, "/oauth2/v3/token") {
					n++
				}
			}
			return n
		}
		for _, step := range []struct {
			wait  time.Duration
			mints int
		}{{0, 1}, {12 * time.Minute, 1}, {70 * time.Second, 2}, {16 * time.Minute, 3}} {
			time.Sleep(step.wait)
			p := w.parcel()
			p.Key = step.wait.String()
			if _, se := w.send(p); se != nil {
				w.Errorf("after %s: %v", step.wait, se)
			}
			if n := mints(); n != step.mints {
				w.Errorf("after %s: %d tokens, want %d", step.wait, n, step.mints)
			}
		}
		w.a.tokens.token = "refused"
		if _, se := w.send(w.parcel()); se != nil || mints() != 4 {
			w.Errorf("a refused token: %v, %d tokens", se, mints())
		}
		w.sim.ReissueSecret(channelID)
		w.a.tokens.token = "refused"
		p := w.parcel()
		p.Key = "after the secret was issued anew"
		_, se := w.send(p)
		if se == nil || se.Class != channel.AccountClosed || se.Code != "token 400 invalid_client" {
			w.Errorf("a secret that is no more: %v", se)
		}
	})
}

// TestAccepted: what was accepted before is accepted, under the request that was.
func TestAccepted(t *testing.T) {
	in(t, func(w *world) {
		first, se := w.send(w.parcel())
		if se != nil {
			w.Fatal(se)
		}
		again, se := w.send(w.parcel())
		if se != nil || again.ProviderID != first.ProviderID || !strings.HasPrefix(again.Exchange.Response, "409") {
			w.Errorf("again: %v, id %q after %q: %s", se, again.ProviderID, first.ProviderID, again.Exchange.Response)
		}
		_, id, _ := strings.Cut(first.Exchange.Response, "x-line-request-id: ")
		id, _, _ = strings.Cut(id, "\n")
		if id == "" || !strings.Contains(again.Exchange.Response, "x-line-accepted-request-id: "+id) {
			w.Errorf("%q is not the request that was accepted: %s", id, again.Exchange.Response)
		}
		bare := opened(w.T, with(nil), tokenThen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Line-Accepted-Request-Id", "the-first")
			answered(409, `{"message":"The retry key is already accepted"}`)(w, r)
		})))
		if r, err := bare.Send(w.Context(), channeltest.Cleared(w, w.parcel())); err != nil || r.ProviderID != "the-first" {
			w.Errorf("accepted before, without its messages: %q, %v", r.ProviderID, err)
		}
		if inbox := w.sim.Inbox(w.hana, channelID); len(inbox) != 1 || inbox[0].Text != "定期決済に失敗しました\n\n契約: 456\n금액: ¥1,980\nPlan: yearly" || first.Delivered {
			w.Errorf("%+v, delivered %t", inbox, first.Delivered)
		}
	})
}

// TestMonthAndRate tells the two kinds of 429 apart: one ends with the month in
// Japan, and LINE is asked again once an hour whether the plan was raised; the other
// is over in a moment.
func TestMonthAndRate(t *testing.T) {
	in(t, func(w *world) {
		w.sim.UseElsewhere(channelID, 300)
		_, se := w.send(w.parcel())
		if se == nil || se.Class != channel.Again || se.Code != codeMonth || se.After != time.Hour || !slices.Equal(se.Seen, []channel.Seen{{Scope: scopeMonth, ResetsAt: time.Now().Add(time.Hour)}}) {
			w.Fatalf("the month is used up: %+v", se)
		}
		calls := len(w.sim.Log())
		if _, se = w.send(w.parcel()); se == nil || se.Code != codeMonth || len(w.sim.Log()) != calls {
			w.Errorf("a moment later: %v, after %d more calls", se, len(w.sim.Log())-calls)
		}
		w.sim.SetPlan(channelID, 5000)
		time.Sleep(time.Hour)
		if _, se = w.send(w.parcel()); se != nil {
			w.Errorf("the plan was raised: %v", se)
		}
		time.Sleep(time.Until(time.Date(2000, 1, 31, 23, 50, 0, 0, jst)))
		w.sim.SetPlan(channelID, 1)
		p := w.parcel()
		p.Key = "late in the month"
		if _, se = w.send(p); se == nil || se.After != 10*time.Minute {
			w.Errorf("late in the month: %+v", se)
		}
		rate := opened(w.T, with(nil), tokenThen(answered(429, `{"message":"The API rate limit has been exceeded. Try again later."}`)))
		_, err := rate.Send(w.Context(), channeltest.Cleared(w, w.parcel()))
		if se, _ := err.(*channel.SendError); se == nil || se.Class != channel.Again || se.Code != "429" || len(se.Seen) != 1 || se.Seen[0].Scope != scopePush || time.Until(se.Seen[0].ResetsAt) > time.Second {
			w.Errorf("too fast: %+v", err)
		}
	})
}

// tokenThen gives a token and has next answer everything else.
func tokenThen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth2/v3/token" {
			answered(200, `{"token_type":"Bearer","access_token":"t0ken","expires_in":900}`)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestWords: what is long goes in as many texts as it takes, cut where it may be cut,
// and never without its end.
func TestWords(t *testing.T) {
	line := strings.Repeat("あ", 99) + "\n"
	emoji := strings.Repeat("🍵", 2600) // two units each
	url := "https://hinata.example/" + strings.Repeat("u", 100)
	for name, c := range map[string]struct {
		text  string
		texts []int // UTF-16 units
		code  string
	}{
		"short":            {"こんにちは", []int{5}, ""},
		"at its limit":     {strings.Repeat("あ", 5000), []int{5000}, ""},
		"at a line's end":  {strings.Repeat(line, 60), []int{4999, 999}, ""},
		"no half of a cup": {emoji, []int{5000, 200}, ""},
		"no half of a URL": {strings.Repeat("あ", 4950) + url, []int{4950, 123}, ""},
		"five texts":       {strings.Repeat("あ", 25000), []int{5000, 5000, 5000, 5000, 5000}, ""},
		"too long":         {strings.Repeat("あ", 25001), nil, "too_long"},
		"nothing":          {" \n", nil, "empty"},
	} {
		p := channeltest.Parcel(user)
		p.Content = engawa.Content{Text: c.text}
		got, se := objects(p)
		var texts []int
		for _, o := range got {
			texts = append(texts, len(utf16.Encode([]rune(o.Text))))
		}
		if !slices.Equal(texts, c.texts) || (se != nil) != (c.code != "") || se != nil && (se.Code != c.code || se.Class != channel.Rejected) {
			t.Errorf("%s: texts of %v, %v", name, texts, se)
		}
	}
	p := channeltest.Parcel(user)
	p.Purpose, p.Content = engawa.Marketing, engawa.Content{Subject: "新豆", Text: "(광고) ひなた珈琲\n新しい豆です"}
	if got, _ := objects(p); len(got) != 1 || got[0].Text != p.Content.Text {
		t.Errorf("the label does not stand first: %q", got)
	}
}

// TestProbe: what does not fit is told beside its field, and what LINE knows better
// is filled in.
func TestProbe(t *testing.T) {
	in(t, func(w *world) {
		env := channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(w.sim)}
		given := map[string]string{"channel_id": channelID, "channel_secret": secret, "base_url": "https://line.example", "monthly_quota": "7"}
		if doubt, err := Kind.Try(w.Context(), given, env); err != nil || doubt != channel.NoDoubt || given["bot_user_id"] != bot || given["monthly_quota"] != "300" {
			w.Errorf("%s %v: %s, %s messages", doubt, err, given["bot_user_id"], given["monthly_quota"])
		}
		w.sim.UseElsewhere(channelID, 40)
		if me, err := Kind.Who(w.Context(), with(nil), env); err != nil || me.Name != "ひなた珈琲" || !slices.Equal(me.Seen, []channel.Seen{{Scope: scopeMonth, Remaining: 260}}) {
			w.Errorf("%+v, %v", me, err)
		}
		for field, value := range map[string]string{
			"channel_id": "hinata", "channel_secret": strings.Repeat("0", 32), "bot_user_id": "@hinata", "former_secret": "short", "former_until": "tomorrow",
		} {
			s := with(map[string]string{"former_secret": secret, "former_until": "2000-01-02"})
			s[field] = value
			_, err := Kind.Try(w.Context(), s, env)
			if told, _ := err.(*engawa.Error); told == nil || told.Field != "/settings/"+field || told.Remedy == "" {
				w.Errorf("%s: %v", field, err)
			}
		}
		env.HTTP = channeltest.Client(answered(500, `{}`))
		if doubt, err := Kind.Try(w.Context(), with(nil), env); err != nil || doubt != channel.Unasked {
			w.Errorf("LINE is down: %s %v", doubt, err)
		}
		env.HTTP = channeltest.Client(tokenThen(answered(403, `{"message":"Access to this API is not available for your account"}`)))
		if doubt, err := Kind.Try(w.Context(), with(nil), env); err != nil || doubt != channel.Refused {
			w.Errorf("LINE does not let the account be asked: %s %v", doubt, err)
		}
	})
}

// TestSwap: while the secret is changed over, what is signed with the former one is
// taken, until the end of the day in Japan that was entered.
func TestSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const before = "0123456789abcdef0123456789abcdef"
		a := opened(t, with(map[string]string{"former_secret": before, "former_until": "2000-01-02"}), nil)
		takes := func(key string) bool {
			_, err := a.Receive(http.Header{"X-Line-Signature": {sim.Sign(key, callback.Body)}}, callback.Body)
			return err == nil
		}
		end := time.Date(2000, 1, 3, 0, 0, 0, 0, jst)
		for _, at := range []time.Time{time.Now(), end.Add(-time.Second), end, end.AddDate(0, 1, 0)} {
			time.Sleep(time.Until(at))
			if !takes(secret) || takes(before) != at.Before(end) || takes(strings.Repeat("f", 32)) {
				t.Errorf("at %s: now %t, before %t", at, takes(secret), takes(before))
			}
		}
	})
}

// receive has the account of settings take a signed webhook with these events.
func receive(t *testing.T, events ...string) ([]engawa.Event, error) {
	t.Helper()
	body := []byte(`{"destination":"` + bot + `","events":[` + strings.Join(events, ",") + `]}`)
	return opened(t, with(nil), nil).Receive(callback.Sign(body, time.Now()), body)
}

// TestEvents: what each of LINE's events becomes, whose it is, and how that person
// stands to the account after it.
func TestEvents(t *testing.T) {
	const common = `"mode":"active","timestamp":1795900000123,"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","source":{"type":"user","userId":"` + user + `"}`
	const room = `"mode":"standby","timestamp":1795900000123,"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","source":{"type":"group","groupId":"C4af4980629a4e6ebb2f4f4a2b1b4e0b1","userId":"` + user + `"}`
	met := &engawa.Newcomer{}
	for _, c := range []struct {
		json, typ, key, state string
		met                   *engawa.Newcomer
		reached               bool
		data                  string
	}{
		{`{"type":"follow","follow":{"isUnblocked":false},` + common + `}`, "line.followed", "01FZ74A0TDDPYRVKNK77XKC3ZR", "friend", met, true, `{"mode":"active","source":{"type":"user"}}`},
		{`{"type":"follow","follow":{"isUnblocked":true},` + common + `}`, "line.unblocked", "01FZ74A0TDDPYRVKNK77XKC3ZR", "friend", met, true, ""},
		{`{"type":"unfollow",` + common + `}`, "line.blocked", "01FZ74A0TDDPYRVKNK77XKC3ZR", "blocked", &engawa.Newcomer{Find: true}, true, ""},
		{
			`{"type":"message","message":{"id":"4445","type":"text","text":"はい","quotedMessageId":"77"},` + common + `}`, "line.message", "message:4445", "", met, true,
			`{"message":{"file":"","id":"4445","text":"はい","type":"text"},"mode":"active","source":{"type":"user"}}`,
		},
		{`{"type":"message","message":{"id":"4446","type":"image"},` + room + `}`, "line.message", "message:4446", "", &engawa.Newcomer{Find: true}, false, `{"message":{"file":"","id":"4446","text":"","type":"image"},"mode":"standby","source":{"id":"C4af4980629a4e6ebb2f4f4a2b1b4e0b1","type":"group"}}`},
		{`{"type":"unsend","unsend":{"messageId":"4445"},` + common + `}`, "line.unsent", "unsend:4445", "", met, true, `{"message":{"id":"4445"},"mode":"active","source":{"type":"user"}}`},
		{`{"type":"postback","postback":{"data":"a=1","params":{"date":"2026-11-30"}},` + common + `}`, "line.postback", "01FZ74A0TDDPYRVKNK77XKC3ZR", "", met, true, `{"mode":"active","postback":{"data":"a=1","params":{"date":"2026-11-30"}},"source":{"type":"user"}}`},
		{`{"type":"accountLink","link":{"result":"ok","nonce":"n"},` + common + `}`, "line.account_linked", "01FZ74A0TDDPYRVKNK77XKC3ZR", "", met, true, `{"link":{"nonce":"n","result":"ok"},"mode":"active","source":{"type":"user"}}`},
		{`{"type":"accountLink","mode":"active","timestamp":1795900000123,"webhookEventId":"01","link":{"result":"failed","nonce":"n"}}`, "line.account_linked", "01", "", nil, false, ""},
		{`{"type":"join",` + room + `}`, "line.joined", "01FZ74A0TDDPYRVKNK77XKC3ZR", "", &engawa.Newcomer{Find: true}, false, ""},
		{`{"type":"leave",` + room + `}`, "line.left", "01FZ74A0TDDPYRVKNK77XKC3ZR", "", &engawa.Newcomer{Find: true}, false, ""},
		{`{"type":"botSuspended","mode":"active","timestamp":1795900000123,"webhookEventId":"01"}`, "line.suspended", "01", "", nil, false, ""},
		{`{"type":"botResumed","mode":"active","timestamp":1795900000123,"webhookEventId":"01"}`, "line.resumed", "01", "", nil, false, ""},
		{`{"type":"beacon",` + common + `}`, "line.unknown", "01FZ74A0TDDPYRVKNK77XKC3ZR", "", nil, false, `{"mode":"active","source":{"type":"user"},"type":"beacon"}`},
		{`{"type":"messageEdited","message":{"id":"4445","text":"いいえ"},` + common + `}`, "line.unknown", "message:4445:01FZ74A0TDDPYRVKNK77XKC3ZR", "", nil, false, `{"mode":"active","source":{"type":"user"},"type":"messageEdited"}`},
	} {
		evs, err := receive(t, c.json)
		if err != nil || len(evs) != 1 {
			t.Errorf("%s: %d events, %v", c.typ, len(evs), err)
			continue
		}
		e := evs[0]
		if e.Type != c.typ || e.DedupKey != c.key || e.Known == (c.typ == "line.unknown") || e.OccurredAt.UnixMilli() != 1795900000123 || string(e.Raw) != c.json || strings.Contains(string(e.Data), user) {
			t.Errorf("%s: %+v", c.typ, e)
		}
		if (e.Newcomer == nil) != (c.met == nil) || e.Newcomer != nil && *e.Newcomer != *c.met || (e.Reached != nil) != c.reached || e.Reached != nil && (*e.Reached != engawa.Reached{Kind: "line", Address: user, State: c.state}) {
			t.Errorf("%s: met %v, reached %v", c.typ, e.Newcomer, e.Reached)
		}
		if strings.Contains(c.json, user) && !slices.Equal(e.Identities, []engawa.Identity{{Issuer: "line:" + channelID, Kind: "line_user", Value: user}}) {
			t.Errorf("%s: identities %v", c.typ, e.Identities)
		}
		if c.data != "" && string(e.Data) != c.data {
			t.Errorf("%s: data %s", c.typ, e.Data)
		}
		if typ, ok := catalogue.Find(e.Type); ok != e.Known || ok && typ.Schema.Check(e.Data) != nil {
			t.Errorf("%s does not fit what the catalogue says of it: %s", c.typ, e.Data)
		}
		if unsays := map[string]string{"message:4445": "unsend:4445", "message:4446": "unsend:4446", "message:4445:01FZ74A0TDDPYRVKNK77XKC3ZR": "unsend:4445"}[c.key]; e.UnsaidBy != unsays || (e.Unsays == "message:4445") != (c.key == "unsend:4445") {
			t.Errorf("%s: taken back by %q, takes %q back", c.typ, e.UnsaidBy, e.Unsays)
		}
		if (e.Answers == "77") != (c.key == "message:4445") {
			t.Errorf("%s answers %q", c.typ, e.Answers)
		}
	}
}

// TestWebhook: of what is signed only what is this account's is taken, in the order in
// which it happened, however LINE writes it.
func TestWebhook(t *testing.T) {
	evs, err := receive(t, `{"type":"unfollow","timestamp":1795900002000,"webhookEventId":"02"}`, ` { "webhookEventId" : "01", "x-new":{"a":[1]}, "timestamp" : 1795900001000 , "type":"follow" } `, `"something new"`)
	if err != nil || len(evs) != 3 || evs[0].Known || evs[0].DedupKey == "" || evs[1].DedupKey != "01" || evs[2].DedupKey != "02" {
		t.Errorf("%+v, %v", evs, err)
	}
	others := []byte(strings.Replace(string(callback.Body), bot, user, 1))
	if _, err := opened(t, with(nil), nil).Receive(callback.Sign(others, time.Now()), others); engawa.CodeOf(err) != engawa.CodeUnverified {
		t.Errorf("for another account: %v", err)
	}
	if evs, err := opened(t, with(map[string]string{"bot_user_id": ""}), nil).Receive(callback.Sign(others, time.Now()), others); err != nil || len(evs) != 1 {
		t.Errorf("before the account's own id is known: %d events, %v", len(evs), err)
	}
	both := with(map[string]string{"provider": "1600000001"})
	if evs, _ := opened(t, both, nil).Receive(callback.Sign(callback.Body, time.Now()), callback.Body); evs[0].Identities[0].Issuer != "line:1600000001" {
		t.Errorf("of a provider with several accounts: %v", evs[0].Identities)
	}
	var data struct{ Message struct{ Text string } }
	if err := json.Unmarshal(evs[0].Data, &data); err != nil || bytes.Contains(evs[0].Data, []byte("replyToken")) {
		t.Errorf("%s, %v", evs[0].Data, err)
	}
}
