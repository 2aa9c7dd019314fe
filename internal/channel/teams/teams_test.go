package teams

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
)

const hook = "https://chat.example/teams/workflows/w1?api-version=1&sig=s3cret-signature"

var settings = map[string]string{"webhook_url": hook}

func newSim() *sim.Server {
	s := &sim.Server{Token: "s3cret-signature"}
	s.AddRoom("teams", "w1", "受注")
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "受注の部屋",
		Lacks: []channeltest.Mood{channeltest.NoSuch}, // the URL leads to one place
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `{"error":{"code":"WorkflowTriggerThrottled"}}`, ""),
				channeltest.LimitedFor: chattest.Answered(429, ``, "30"),
				channeltest.Down:       chattest.Answered(503, ``, ""),
				channeltest.Refuses:    chattest.Answered(413, `{"error":{"code":"RequestEntityTooLarge"}}`, ""),
				channeltest.Locked:     chattest.Answered(401, `{"error":{"code":"DirectApiAuthorizationRequired"}}`, ""),
			}}.World(t, m)
		},
	})
}

func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return chattest.Send(t, Kind, s, "受注の部屋", h)
}

// TestTextErrors: a 200 or 202 whose text tells of a failure is one (B31).
func TestTextErrors(t *testing.T) {
	for body, want := range map[string]channel.Class{
		"": "", "1": "", `{"run":"1"}`: "",
		"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x.": channel.Again,
		"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x.": channel.Rejected,
		"Webhook message delivery failed": channel.Rejected,
		"<html>":                          channel.Ambiguous, `{"error":{"code":"x"}}`: channel.Ambiguous,
	} {
		for _, code := range []int{200, 202} {
			synctest.Test(t, func(t *testing.T) {
				if _, se := send(t, settings, chattest.Answered(code, body, "")); (se == nil) != (want == "") || se != nil && se.Class != want {
					t.Errorf("%d %q: %v, want %q", code, body, se, want)
				}
			})
		}
	}
}

// TestSize: no text makes a message of more than 28 KB.
func TestSize(t *testing.T) {
	for name, text := range map[string]string{
		"kanji": strings.Repeat("長", 50_000), "quotes": strings.Repeat(`"\`, 50_000), "lines": strings.Repeat("\n", 50_000), "faces": strings.Repeat("😀", 50_000),
		"lines of kanji": strings.Repeat("長い\n", 50_000),
	} {
		p := channeltest.Parcel("受注")
		p.Content.Text = text
		if n := len(chat.JSON(hook, card(p, "https://hub.example"), "").Body); n > 28<<10 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}
