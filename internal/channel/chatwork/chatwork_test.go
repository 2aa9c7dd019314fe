package chatwork

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/chatwork/sim"
)

const (
	token   = "0123456789abcdef0123456789abcdef"
	hookKey = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
	room    = "7001"
)

var settings = map[string]string{"token": token, "webhook_token": hookKey, "base_url": "https://chat.example/v2"}

func answered(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// limited answers that the token's window is full, for another wait or without
// saying how long.
func limited(wait time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if wait > 0 {
			w.Header().Set("x-ratelimit-limit", "300")
			w.Header().Set("x-ratelimit-remaining", "0")
			w.Header().Set("x-ratelimit-reset", strconv.FormatInt(time.Now().Add(wait).Unix(), 10))
		}
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"errors":["Rate limit exceeded"]}`)
	}
}

func handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	if r.Method != http.MethodPost {
		return channeltest.Taken{}, false
	}
	_, ref, _ := strings.Cut(string(body), "ref")
	return channeltest.Taken{Key: ref, Body: body}, true
}

func newSim() *sim.Server {
	s := &sim.Server{Token: token}
	s.AddRoom(7001, "契約の部屋", "group")
	return s
}

func suite() channeltest.Case {
	return channeltest.Case{
		Kind: Kind, Settings: settings, To: room,
		Want: map[channeltest.Mood]channel.Class{
			channeltest.Down:   channel.Ambiguous, // a post may have been taken; it is looked for
			channeltest.NoSuch: channel.Rejected,  // a room that we may not post to is an operator's matter, no dead address
		},
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{
				Sim: newSim(), Handover: handover,
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited:    limited(0),
					channeltest.LimitedFor: limited(channeltest.Hint), // said in the token's own headers, not in Retry-After
					channeltest.Down:       answered(503, `{"errors":["busy"]}`),
					channeltest.Refuses:    answered(400, `{"errors":["Parameter 'body' is invalid"]}`),
					channeltest.Locked:     answered(401, `{"errors":["Invalid API token"]}`),
					channeltest.NoSuch:     answered(403, `{"errors":["You don't have permission to send/edit message."]}`),
				},
			}.World(t, m)
		},
		Callback: &callback,
	}
}

var callback = channeltest.Callback{
	Body: []byte(`{"webhook_setting_id":"1","webhook_event_type":"message_created","webhook_event_time":1795449600,"webhook_event":{"message_id":"42","room_id":7001,"account_id":9,"body":"了解です","send_time":1795449600,"update_time":0}}`),
	Type: "chatwork.message.created",
	Sign: func(body []byte, _ time.Time) http.Header {
		key, err := base64.StdEncoding.DecodeString(hookKey)
		if err != nil {
			panic(err)
		}
		return http.Header{"X-Chatworkwebhooksignature": {base64.StdEncoding.EncodeToString(sign(key, body))}}
	},
}

func TestChannel(t *testing.T) { channeltest.Run(t, suite()) }

func FuzzReceive(f *testing.F) {
	channeltest.Fuzz(f, func() channel.Receiver {
		s, err := Kind.Check(settings)
		if err != nil {
			f.Fatal(err)
		}
		ch, err := Kind.New(s, channel.Env{Account: channeltest.Account})
		if err != nil {
			f.Fatal(err)
		}
		return ch.(channel.Receiver)
	}, callback)
}

// TestLimits: the provider's headers and its two kinds of 429.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.UseElsewhere(298)
		ch, err := Kind.New(channel.Settings{"token": token, "base_url": "https://chat.example/v2"}, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(s)})
		if err != nil {
			t.Fatal(err)
		}
		send := func(n int) (channel.Receipt, *channel.SendError) {
			p := channeltest.Parcel(room)
			p.Key = strings.Repeat("k", n+1)
			r, err := ch.Send(t.Context(), channeltest.Cleared(t, p))
			if err == nil {
				return r, nil
			}
			return r, err.(*channel.SendError)
		}
		r, se := send(0)
		if se != nil || len(r.Seen) != 1 || r.Seen[0].Remaining != 1 || time.Until(r.Seen[0].ResetsAt) < 4*time.Minute {
			t.Fatalf("receipt %+v, %v", r, se)
		}
		if r, _ := send(1); r.Seen[0].Remaining != 0 {
			t.Errorf("remaining %d", r.Seen[0].Remaining)
		}
		if _, se := send(2); se == nil || se.Class != channel.Again || se.After < 4*time.Minute {
			t.Errorf("the token's limit: %v", se)
		}
		time.Sleep(6 * time.Minute)
		for n := range 10 {
			if _, se := send(10 + n); se != nil {
				t.Fatalf("post %d: %v", n, se)
			}
		}
		if _, se := send(30); se == nil || se.After != 10*time.Second || len(se.Seen) != 1 || se.Seen[0].Scope != scopeRoom {
			t.Errorf("the room's limit: %+v", se)
		}
	})
}

// TestBody: the title, the reference, and what is too long.
func TestBody(t *testing.T) {
	p := channeltest.Parcel(room)
	b := body(p)
	if !strings.HasPrefix(b, "[info][title]定期決済に失敗しました[/title]") || !strings.HasSuffix(b, "\n"+chat.Reference(p)) {
		t.Errorf("body %q", b)
	}
	p.Content.Text = strings.Repeat("あ", 70_000)
	for _, l := range engawa.Locales {
		p.Locale = l
		b := body(p)
		if n := len([]rune(b)); n != maxBody || !strings.HasSuffix(b, chat.Note(l)+"[/info]\n"+chat.Reference(p)) {
			t.Errorf("%s: a long text becomes %d characters, ending in %q", l, n, b[len(b)-200:])
		}
	}
	p.Content.Subject = strings.Repeat("い", 70_000)
	if n := len([]rune(body(p))); n != maxBody {
		t.Errorf("a long subject makes %d characters", n)
	}
}

// TestAddress: room ids are numbers.
func TestAddress(t *testing.T) {
	for in, ok := range map[string]bool{"7001": true, " 7001 ": true, "0": false, "-1": false, "rid7001": false, "": false, "1e5": false} {
		if a, err := address(in); (err == nil) != ok || ok && a != engawa.Address("7001") {
			t.Errorf("%q: %s, %v", in, a.Reveal(), err)
		}
	}
}

// TestOwnPostsAreNoEvents: a route from a room into a room would never end. What a
// person makes of a notice is theirs.
func TestOwnPostsAreNoEvents(t *testing.T) {
	ch, err := Kind.New(settings, channel.Env{Account: channeltest.Account})
	if err != nil {
		t.Fatal(err)
	}
	p := channeltest.Parcel(room)
	bare := p
	bare.Content.Subject = ""
	for name, c := range map[string]struct {
		post   string
		events int
	}{
		"a notice":                  {body(p), 0},
		"a notice without a title":  {body(bare), 0},
		"a comment above a copy":    {"電話しておきます\n" + body(p), 1},
		"a comment below a copy":    {body(p) + "\n電話しておきます", 1},
		"a copy of what is shown":   {"定期決済に失敗しました\n" + p.Content.Text + "\n" + chat.Reference(p), 1},
		"a box that somebody wrote": {"[info]了解です[/info]", 1},
	} {
		post, err := json.Marshal(c.post)
		if err != nil {
			t.Fatal(err)
		}
		hook := bytes.Replace(callback.Body, []byte(`"了解です"`), post, 1)
		events, err := ch.(channel.Receiver).Receive(callback.Sign(hook, time.Now()), hook)
		if err != nil || len(events) != c.events {
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
	}
}

// TestUnknownWebhooksAreKept: a type that Chatwork adds one day is shown.
func TestUnknownWebhooksAreKept(t *testing.T) {
	ch, err := Kind.New(settings, channel.Env{Account: channeltest.Account})
	if err != nil {
		t.Fatal(err)
	}
	hook := bytes.Replace(callback.Body, []byte("message_created"), []byte("room_painted"), 1)
	events, err := ch.(channel.Receiver).Receive(callback.Sign(hook, time.Now()), hook)
	if err != nil || len(events) != 1 || events[0].Known || events[0].Type != "chatwork.unknown" {
		t.Errorf("%+v, %v", events, err)
	}
}

// TestRooms: the picker offers groups to which the account may post, and says
// why it does not offer the others.
func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.AddRoom(7002, "お知らせ", "readonly")
		s.AddRoom(7003, "田中", "direct")
		s.AddRoom(7004, "マイチャット", "my")
		got, err := Rooms(t.Context(), settings, channel.Env{HTTP: channeltest.Client(s)})
		if err != nil {
			t.Fatal(err)
		}
		want := []channel.Place{
			{Address: "7001", Name: "契約の部屋"},
			{Address: "7002", Name: "お知らせ", Refused: RoomReadOnly},
			{Address: "7003", Name: "田中", Refused: RoomDirect},
			{Address: "7004", Name: "マイチャット", Refused: RoomMyChat},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		s.Token = "another"
		if _, err := Rooms(t.Context(), settings, channel.Env{HTTP: channeltest.Client(s)}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("with a token that is no longer valid: %v", err)
		}
	})
}

// TestProbe tells a bad token from a provider that does not answer.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for status, want := range map[int]engawa.Code{200: "", 401: engawa.CodeInvalid, 503: engawa.CodeUnavailable, 429: engawa.CodeUnavailable} {
			ch, err := Kind.New(settings, channel.Env{HTTP: channeltest.Client(answered(status, `{"account_id":1}`))})
			if err != nil {
				t.Fatal(err)
			}
			var got engawa.Code
			if e, ok := ch.(channel.Prober).Probe(t.Context()).(*engawa.Error); ok {
				got = e.Code
			}
			if got != want {
				t.Errorf("%d: %q, want %q", status, got, want)
			}
		}
	})
}

// TestStrangeAnswers (B31): a 200 that names no message may have been a post.
func TestStrangeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, h := range map[string]http.HandlerFunc{
			"a page": answered(200, "<html>maintenance</html>"), "nothing": answered(204, ""), "an error in a 200": answered(200, `{"errors":["no"]}`),
			"an empty id": answered(200, `{"message_id":""}`), "another charset": answered(200, "\x82\xa0"),
		} {
			ch, err := Kind.New(settings, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(h)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = ch.Send(t.Context(), channeltest.Cleared(t, channeltest.Parcel(room)))
			if se, ok := err.(*channel.SendError); !ok || se.Class != channel.Ambiguous {
				t.Errorf("%s: %v", name, err)
			} else if !utf8.ValidString(se.Exchange.Response) {
				t.Errorf("%s: kept %q", name, se.Exchange.Response)
			}
		}
	})
}

// TestOddLimits: headers that cannot be meant are not believed.
func TestOddLimits(t *testing.T) {
	for _, reset := range []string{"", "-1", "1e9", "99999999999999", "soon"} {
		h := http.Header{"X-Ratelimit-Remaining": {"5"}, "X-Ratelimit-Reset": {reset}}
		if got := seen(h); got != nil {
			t.Errorf("reset %q: %+v", reset, got)
		}
	}
}

// TestBusyRoom: the list of a room ends after 100. Only one that goes back to
// before the notice was made proves that the notice is not there.
func TestBusyRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			before, after int // posts of others, before and after the notice was made
			task          bool
			never         bool
		}{
			"a quiet room":                     {1, 1, false, false},
			"a full list from before":          {1, 99, false, false},
			"a full list, all of it after":     {1, 100, false, true},
			"one fewer than the list may have": {0, 99, false, false},
			"a full list of tasks":             {0, 100, true, true},
		} {
			s := newSim()
			time.Sleep(time.Hour)
			to := engawa.Address(room)
			if tc.task {
				to = tasksFor
			}
			write := func(n int) {
				for range n {
					if err := s.Say(7001, "おつかれさまです"); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(tc.before)
			time.Sleep(time.Hour)
			p := channeltest.Parcel(to)
			write(tc.after)
			h := http.Handler(s)
			if tc.task {
				h = answered(200, "["+strings.Repeat(`{"task_id":1,"body":"another"},`, tc.after-1)+`{"task_id":1,"body":"another"}]`)
			}
			found, _, err := opened(t, h).(channel.Finder).Find(t.Context(), channeltest.Cleared(t, p))
			if found || errors.Is(err, channel.ErrNoLookup) != tc.never || err != nil && !tc.never {
				t.Errorf("%s: %t, %v", name, found, err)
			}
		}
	})
}
