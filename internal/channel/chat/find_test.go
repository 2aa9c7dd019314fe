package chat_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chat/chattest"
	"github.com/engawa/engawa/internal/channel/chat/sim"
	"github.com/engawa/engawa/internal/rude"
)

// TestFind: what a bot posted is found again however much was posted since, up
// to a bound; what is not there is told so only by who can see it; and where
// nobody can look, a person is asked.
func TestFind(t *testing.T) {
	for _, r := range services {
		if !r.kind.Retry.Lookup {
			continue
		}
		bot := r.settings["how"] == "bot"
		for _, tc := range []struct {
			name   string
			posts  int // by others, after ours
			lost   bool
			change func(s *sim.Server)
			found  bool
			never  bool // only a person can tell
			again  bool // it is asked later
		}{
			{"just arrived", 0, true, nil, bot, !bot, false},
			{"behind a page of others", 350, true, nil, bot, !bot, false},
			{"it never arrived", 3, false, nil, false, !bot, false},
			{"nobody may read", 3, true, func(s *sim.Server) { s.Unread = true }, false, true, false},
			{"the bot was shut out", 3, true, func(s *sim.Server) { s.Token = "another" }, false, true, false},
			{"the service is down", 0, true, func(s *sim.Server) { s.Answer = func(*http.Request) (int, bool) { return 503, false } }, false, !bot, bot},
			{"no answer", 0, true, func(s *sim.Server) { s.Answer = func(*http.Request) (int, bool) { return rude.Lost, false } }, false, !bot, bot},
		} {
			synctest.Test(t, func(t *testing.T) {
				s := rooms()
				ch, p := opened(t, r.kind, r.settings, r.to, s)
				if tc.lost {
					if _, err := ch.Send(t.Context(), channeltest.Cleared(t, p)); err != nil {
						t.Fatal(err)
					}
				}
				for range tc.posts {
					s.Write(r.kind.Name, r.room, "another")
				}
				if tc.change != nil {
					tc.change(s)
				}
				found, receipt, err := ch.(channel.Finder).Find(t.Context(), channeltest.Cleared(t, p))
				never := errors.Is(err, channel.ErrNoLookup)
				if found != tc.found || never != tc.never || (err != nil && !never) != tc.again || found && receipt.ProviderID == "" {
					t.Errorf("%s %s, %s: found %t %q, %v", r.kind.Name, r.settings["how"], tc.name, found, receipt.ProviderID, err)
				}
			})
		}
	}
}

// TestTooBusy: beyond the bound nobody says that it did not arrive.
func TestTooBusy(t *testing.T) {
	full := map[string]string{
		"slack":   `{"ok":true,"messages":[{"ts":"1.000001","text":"another"}],"response_metadata":{"next_cursor":"next"}}`,
		"discord": "[" + strings.Repeat(`{"id":"1152921504606846977","content":"another","timestamp":"2030-01-01T00:00:00.000000+00:00"},`, 99) + `{"id":"1152921504606846977","content":"another","timestamp":"2030-01-01T00:00:00.000000+00:00"}]`,
	}
	for _, r := range services {
		if r.settings["how"] != "bot" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			ch := chattest.Open(t, r.kind, r.settings, channel.Env{HTTP: channeltest.Client(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				calls++
				chattest.Answered(200, full[r.kind.Name], "")(w, q)
			}))})
			found, _, err := ch.(channel.Finder).Find(t.Context(), channeltest.Cleared(t, channeltest.Parcel(r.to)))
			if found || !errors.Is(err, channel.ErrNoLookup) || calls != 10 {
				t.Errorf("%s: %t, %v after %d pages", r.kind.Name, found, err, calls)
			}
		})
	}
}

// TestNonce: within minutes Discord makes one message of two posts of a bot.
func TestNonce(t *testing.T) {
	for _, r := range services {
		if r.settings["how"] != "bot" || r.kind.Name != "discord" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			s := rooms()
			ch, p := opened(t, r.kind, r.settings, r.to, s)
			ids := map[string]bool{}
			for range 2 {
				got, err := ch.Send(t.Context(), channeltest.Cleared(t, p))
				if err != nil {
					t.Fatal(err)
				}
				ids[got.ProviderID] = true
				time.Sleep(time.Minute)
			}
			if n := len(s.Posts(r.kind.Name, r.room)); n != 1 || len(ids) != 1 {
				t.Errorf("%d posts, ids %v", n, ids)
			}
		})
	}
}

func opened(t *testing.T, k channel.Kind, settings map[string]string, to engawa.Address, s *sim.Server) (channel.Channel, engawa.Parcel) {
	t.Helper()
	return chattest.Open(t, k, settings, channel.Env{HTTP: channeltest.Client(s)}), channeltest.Parcel(to)
}
