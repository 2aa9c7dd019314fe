package slack

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
)

const token = "xoxb-0123456789-abcdefghij"

var settings = map[string]string{"how": "bot", "token": token, "base_url": "https://chat.example/slack/api"}

func newSim() *sim.Server {
	s := &sim.Server{Token: token}
	s.AddRoom("slack", "C0HINATA01", "受注")
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "C0HINATA01",
		Want: map[channeltest.Mood]channel.Class{channeltest.NoSuch: channel.Rejected}, // a channel that we may not post to is an operator's matter, no dead address
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `{"ok":false,"error":"ratelimited"}`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `{"ok":false,"error":"ratelimited"}`, "30"),
				channeltest.Down:       chattest.Answered(503, `{"ok":false,"error":"service_unavailable"}`, ""),
				channeltest.Refuses:    chattest.Answered(200, `{"ok":false,"error":"msg_too_long"}`, ""),
				channeltest.Locked:     chattest.Answered(200, `{"ok":false,"error":"invalid_auth"}`, ""),
				channeltest.NoSuch:     chattest.Answered(200, `{"ok":false,"error":"channel_not_found"}`, ""),
			}}.World(t, m)
		},
	})
}

func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return chattest.Send(t, Kind, s, "C0HINATA01", h)
}

// TestWebhook asks every question of the suite of an incoming webhook.
func TestWebhook(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: map[string]string{"how": "webhook", "webhook_url": "https://chat.example/slack/services/C0HINATA01/" + token}, To: "受注",
		NoLookup: true,                                   // a webhook's URL only takes
		Lacks:    []channeltest.Mood{channeltest.NoSuch}, // the URL leads to one place
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `rate_limited`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `rate_limited`, "30"),
				channeltest.Down:       chattest.Answered(503, `service_unavailable`, ""),
				channeltest.Refuses:    chattest.Answered(400, `invalid_payload`, ""),
				channeltest.Locked:     chattest.Answered(403, `invalid_token`, ""),
			}}.World(t, m)
		},
	})
}

// TestMeanings: "ok" decides, whatever the status says (B31).
func TestMeanings(t *testing.T) {
	for body, want := range map[string]channel.Class{
		`{"ok":true,"ts":"1503435956.000247"}`: "", `{"ok":true}`: channel.Ambiguous, `{"ok":false}`: channel.Ambiguous, ``: channel.Ambiguous,
		`<html>`: channel.Ambiguous, `null`: channel.Ambiguous, "\x82\xa0": channel.Ambiguous,
		`{"ok":false,"error":"internal_error"}`: channel.Ambiguous, `{"ok":false,"error":"token_revoked"}`: channel.AccountClosed,
		`{"ok":false,"error":"ratelimited"}`: channel.Again, `{"ok":false,"error":"is_archived"}`: channel.Rejected,
		`{"ok":false,"error":"<script> tanaka@customer.example"}`: channel.Rejected,
	} {
		synctest.Test(t, func(t *testing.T) {
			_, se := send(t, settings, chattest.Answered(200, body, ""))
			if se == nil && want != "" || se != nil && (se.Class != want || strings.Contains(se.Code, "@")) {
				t.Errorf("%s: %v, want %q", body, se, want)
			}
		})
	}
}

// TestHook: an incoming webhook answers in plain words.
func TestHook(t *testing.T) {
	hook := map[string]string{"how": "webhook", "webhook_url": "https://chat.example/slack/services/T1/s3cret"}
	for body, want := range map[string]channel.Class{"ok": "", "": channel.Ambiguous, "<html>": channel.Ambiguous, "invalid_payload": channel.Ambiguous} {
		synctest.Test(t, func(t *testing.T) {
			if _, se := send(t, hook, chattest.Answered(200, body, "")); (se == nil) != (want == "") || se != nil && se.Class != want {
				t.Errorf("%q: %v, want %q", body, se, want)
			}
		})
	}
	for code, want := range map[int]channel.Class{404: channel.AccountClosed, 410: channel.AccountClosed, 403: channel.AccountClosed, 400: channel.Rejected, 429: channel.Again, 500: channel.Ambiguous, 302: channel.AccountClosed} {
		synctest.Test(t, func(t *testing.T) {
			_, se := send(t, hook, chattest.Answered(code, "no_service", "7"))
			if se == nil || se.Class != want || code == 429 && se.After != 7*time.Second || strings.Contains(se.Exchange.Request+se.Exchange.Response, "s3cret") {
				t.Errorf("%d: %v, want %q", code, se, want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := &sim.Server{Token: "s3cret"}
		s.AddRoom("slack", "T1", "受注")
		if _, se := send(t, hook, s.ServeHTTP); se != nil || len(s.Posts("slack", "T1")) != 1 {
			t.Errorf("%v, %d posts", se, len(s.Posts("slack", "T1")))
		}
	})
}

// TestPlaces: the picker shows the channels, and why one cannot be chosen.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.ShutRoom("slack", "C0OTHER001", "経営")
		got, err := Kind.Places(t.Context(), settings, channel.Env{HTTP: channeltest.Client(s)})
		want := []channel.Place{{Address: "C0HINATA01", Name: "#受注"}, {Address: "C0OTHER001", Name: "#経営", Refused: "not_member"}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		s.Token = "another"
		if _, err := Kind.Places(t.Context(), settings, channel.Env{HTTP: channeltest.Client(s)}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("with a token that is no longer valid: %v", err)
		}
		if got, err := Kind.Places(t.Context(), channel.Settings{"how": "webhook", "webhook_url": "https://a.example/x/y"}, channel.Env{}); err != nil || len(got) != 1 {
			t.Errorf("a webhook: %+v, %v", got, err)
		}
	})
}
