package discord

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
)

const hook = "https://chat.example/discord/api/webhooks/1152921504606846977/t0ken-t0ken-t0ken"

var settings = map[string]string{"webhook_url": hook}

func newSim() *sim.Server {
	s := &sim.Server{Token: "t0ken-t0ken-t0ken"}
	s.AddRoom("discord", "1152921504606846977", "受注")
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "1152921504606846999",
		NoLookup: true,                                                                     // a webhook's URL only takes
		Want:     map[channeltest.Mood]channel.Class{channeltest.NoSuch: channel.Rejected}, // a thread that is gone: the webhook still takes others
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `<html>rate limited</html>`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `{"message":"You are being rate limited.","retry_after":29.5,"global":false}`, "30"),
				channeltest.Down:       chattest.Answered(503, ``, ""),
				channeltest.Refuses:    chattest.Answered(400, `{"message":"Invalid Form Body","code":50035}`, ""),
				channeltest.Locked:     chattest.Answered(401, `{"message":"Invalid Webhook Token","code":50027}`, ""),
				channeltest.NoSuch:     chattest.Answered(404, `{"message":"Unknown Channel","code":10003}`, ""),
			}}.World(t, m)
		},
	})
}

// bot are the settings of a bot, whose channel is the one of newSim.
var bot = map[string]string{"how": "bot", "token": "t0ken-t0ken-t0ken", "base_url": "https://chat.example/discord/api"}

// TestBot asks every question of the suite of an account that is a bot. A
// channel that shows nothing proves nothing, so somebody has written before.
func TestBot(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: bot, To: "1152921504606846977",
		Want: map[channeltest.Mood]channel.Class{channeltest.NoSuch: channel.Rejected}, // a channel that is gone or shut: an operator's matter
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			s := newSim()
			s.Write("discord", "1152921504606846977", "おはようございます")
			return channeltest.HTTP{Sim: s, Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `{"message":"You are being rate limited."}`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `{"message":"You are being rate limited.","retry_after":29.5,"global":false}`, "30"),
				channeltest.Down:       chattest.Answered(503, ``, ""),
				channeltest.Refuses:    chattest.Answered(400, `{"message":"Invalid Form Body","code":50035}`, ""),
				channeltest.Locked:     chattest.Answered(401, `{"message":"401: Unauthorized","code":0}`, ""),
				channeltest.NoSuch:     chattest.Answered(403, `{"message":"Missing Permissions","code":50013}`, ""),
			}}.World(t, m)
		},
	})
}

// TestPlaces: a bot's picker shows the text channels of its servers; a webhook
// has one place.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		got, err := Kind.Places(t.Context(), bot, channel.Env{HTTP: channeltest.Client(s)})
		if want := []channel.Place{{Address: "1152921504606846977", Name: "Hinata #受注"}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		s.Token = "another"
		if _, err := Kind.Places(t.Context(), bot, channel.Env{HTTP: channeltest.Client(s)}); err == nil || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("with a token that is no longer valid: %v", err)
		}
		if got, err := Kind.Places(t.Context(), settings, channel.Env{}); err != nil || len(got) != 1 {
			t.Errorf("a webhook: %+v, %v", got, err)
		}
	})
}

// TestProbe: what is saved is asked for first.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		env := channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(s)}
		for _, in := range []map[string]string{settings, bot} {
			if doubt, err := Kind.Try(t.Context(), in, env); err != nil || doubt != channel.NoDoubt {
				t.Error(doubt, err)
			}
		}
		s.Token = "another"
		for field, in := range map[string]map[string]string{"/settings/webhook_url": settings, "/settings/token": bot} {
			_, err := Kind.Try(t.Context(), in, env)
			told, ok := err.(*engawa.Error)
			if !ok || told.Field != field || strings.Contains(told.Error(), "t0ken") {
				t.Errorf("%s: %v", field, told)
			}
		}
		_, err := Kind.Try(t.Context(), map[string]string{"how": "bot"}, env)
		if told, ok := err.(*engawa.Error); !ok || told.Field != "/settings/token" {
			t.Errorf("no token: %v", told)
		}
	})
}

func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return chattest.Send(t, Kind, s, "1152921504606846999", h)
}

// TestLimit: what Discord says of its limit is heard, and believed within reason.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, se := send(t, settings, newSim().ServeHTTP)
		if se != nil || len(r.Seen) != 1 || r.Seen[0].Remaining != 4 || time.Until(r.Seen[0].ResetsAt) != 2*time.Second {
			t.Errorf("%+v, %v", r.Seen, se)
		}
		for _, wait := range []string{"-1", "1e99", "NaN", "soon", ""} {
			if got := seen(http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset-After": {wait}}, scopeWebhook); got != nil {
				t.Errorf("%q: %+v", wait, got)
			}
		}
	})
}

// TestAnswers (B31): ids beyond 2^53 keep every digit; a 204 says nothing of a
// message; waits are seconds with a fraction.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if r, se := send(t, settings, chattest.Answered(200, `{"id":"1152921504606846999"}`, "")); se != nil || r.ProviderID != "1152921504606846999" {
			t.Errorf("%+v, %v", r, se)
		}
		for _, body := range []string{"", "<html>", `{"id":""}`, `{"code":0}`, `{"id":1152921504606846999}`} {
			if _, se := send(t, settings, chattest.Answered(200, body, "")); se == nil || se.Class != channel.Ambiguous {
				t.Errorf("%q: %v", body, se)
			}
		}
		for body, want := range map[string]time.Duration{`{"retry_after":0.25}`: 250 * time.Millisecond, `{"retry_after":-1}`: 0, `{"retry_after":1e12}`: 24 * time.Hour, `{}`: 0} {
			if _, se := send(t, settings, chattest.Answered(429, body, "")); se == nil || se.After != want || se.Class != channel.Again {
				t.Errorf("%s: %v, want %s", body, se, want)
			}
		}
	})
}

// TestThread: an address that is a thread's id leads there.
func TestThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		if _, se := send(t, settings, s.ServeHTTP); se != nil || s.Posts("discord", "1152921504606846977")[0].Thread != "1152921504606846999" {
			t.Errorf("%v", se)
		}
	})
}

// TestLinksStay: what is escaped around a link leaves the link alone.
func TestLinksStay(t *testing.T) {
	const link = "https://shop.example/a_b/(c)?d=e_f&g=~h"
	p := channeltest.Parcel("受注")
	p.Content.Text = "see " + link + " now_or_never"
	if got := style.Post(p, ""); !strings.Contains(got, link+" now\\_or") {
		t.Errorf("%q", got)
	}
}
