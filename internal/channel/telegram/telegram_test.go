package telegram

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
)

const token = "7654321:AAAAbbbbCCCCddddEEEEffffGGGG"

var settings = map[string]string{"token": token, "base_url": "https://chat.example/telegram"}

func newSim() *sim.Server {
	s := &sim.Server{Token: token}
	s.AddRoom("telegram", "-1001234567890", "受注")
	return s
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: settings, To: "-1001234567890",
		Want: map[channeltest.Mood]channel.Class{channeltest.NoSuch: channel.Rejected}, // a chat that put the bot out is an operator's matter, no dead address
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{Sim: newSim(), Handover: chattest.Handover, Answers: map[channeltest.Mood]http.HandlerFunc{
				channeltest.Limited:    chattest.Answered(429, `{"ok":false,"error_code":429,"description":"Too Many Requests"}`, ""),
				channeltest.LimitedFor: chattest.Answered(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}`, ""),
				channeltest.Down:       chattest.Answered(503, ``, ""),
				channeltest.Refuses:    chattest.Answered(400, `{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}`, ""),
				channeltest.Locked:     chattest.Answered(401, `{"ok":false,"error_code":401,"description":"Unauthorized"}`, ""),
				channeltest.NoSuch:     chattest.Answered(403, `{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the supergroup chat"}`, ""),
			}}.World(t, m)
		},
	})
}

func send(t *testing.T, s map[string]string, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return chattest.Send(t, Kind, s, "-1001234567890", h)
}

// TestMeanings (B31): "ok" decides; the wait is in the parameters.
func TestMeanings(t *testing.T) {
	for body, want := range map[string]channel.Class{
		`{"ok":true,"result":{"message_id":9007199254740993}}`: "", `{"ok":true}`: channel.Ambiguous, ``: channel.Ambiguous, `<html>`: channel.Ambiguous,
		`{"ok":false}`: channel.Ambiguous, `{"ok":false,"error_code":400,"description":"no"}`: channel.Rejected, `{"ok":false,"error_code":401}`: channel.AccountClosed,
	} {
		synctest.Test(t, func(t *testing.T) {
			r, se := send(t, settings, chattest.Answered(200, body, ""))
			if (se == nil) != (want == "") || se != nil && se.Class != want || se == nil && r.ProviderID != "9007199254740993" {
				t.Errorf("%s: %+v %v, want %q", body, r, se, want)
			}
		})
	}
	for after, want := range map[string]time.Duration{"3": 3 * time.Second, "-1": 0, "1e99": 24 * time.Hour, "0": 0} {
		synctest.Test(t, func(t *testing.T) {
			_, se := send(t, settings, chattest.Answered(429, `{"ok":false,"error_code":429,"parameters":{"retry_after":`+after+`}}`, ""))
			if se == nil || se.After != want {
				t.Errorf("%s: %v, want %s", after, se, want)
			}
		})
	}
}

// TestToken: whatever happens, the token in the path is in nothing that is kept.
func TestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, h := range map[string]http.HandlerFunc{
			"echo": func(w http.ResponseWriter, r *http.Request) {
				http.Error(w, "no route for "+r.URL.Path, http.StatusNotFound)
			},
			"lost":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			"redirect": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.Path+"/elsewhere", http.StatusFound)
			},
		} {
			_, se := send(t, settings, h)
			if se == nil || strings.Contains(se.Error()+se.Exchange.Request+se.Exchange.Response, "ffffGGGG") {
				t.Errorf("%s: %v\n%+v", name, se, se.Exchange)
			}
		}
	})
}

func TestAddress(t *testing.T) {
	for in, ok := range map[string]bool{"-1001234567890": true, "42": true, "@hinata_shop": true, "0": false, "--1": false, "@ab": false, "https://t.me/x": false, "9223372036854775808999": false} {
		if _, err := address(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}
