package googlechat

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
)

const hook = "https://chat.example/googlechat/v1/spaces/AAAA/messages?key=k3y-k3y-k3y&token=t0ken-t0ken"

var settings = map[string]string{"webhook_url": hook, "thread_key": "orders"}

func newSim() *sim.Server {
	s := &sim.Server{Token: "t0ken-t0ken"}
	s.AddRoom("googlechat", "AAAA", "受注")
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "受注の部屋",
		Lacks: []channeltest.Mood{channeltest.NoSuch}, // the URL leads to one place
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`, "30"),
				channeltest.Down:       chattest.Answered(503, `{"error":{"code":503,"status":"UNAVAILABLE"}}`, ""),
				channeltest.Refuses:    chattest.Answered(400, `{"error":{"code":400,"status":"INVALID_ARGUMENT"}}`, ""),
				channeltest.Locked:     chattest.Answered(403, `{"error":{"code":403,"status":"PERMISSION_DENIED"}}`, ""),
			}}.World(t, m)
		},
	})
}

func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return chattest.Send(t, Kind, s, "受注の部屋", h)
}

// TestAnswers (B31): only a named message was kept.
func TestAnswers(t *testing.T) {
	for body, want := range map[string]channel.Class{
		`{"name":"spaces/AAAA/messages/1"}`: "", `{}`: channel.Ambiguous, ``: channel.Ambiguous, `<html>`: channel.Ambiguous,
		`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`: channel.Again, `{"error":{"code":400}}`: channel.Rejected,
	} {
		synctest.Test(t, func(t *testing.T) {
			if _, se := send(t, settings, chattest.Answered(200, body, "")); (se == nil) != (want == "") || se != nil && se.Class != want {
				t.Errorf("%s: %v, want %q", body, se, want)
			}
		})
	}
}

// TestOnce: under the same requestId a message is kept once, in its thread.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		for range 2 {
			if _, se := send(t, settings, s.ServeHTTP); se != nil {
				t.Fatal(se)
			}
		}
		if got := s.Posts("googlechat", "AAAA"); len(got) != 1 || got[0].Thread != "orders" {
			t.Errorf("%+v", got)
		}
	})
}
