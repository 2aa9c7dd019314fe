// Package chattest is what the tests of the channels to chat services share.
package chattest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// Answered answers every call alike; after is its Retry-After, if not empty.
func Answered(code int, body, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body) // the reader may have gone
	}
}

// Handover reports whether a request posts: its key is the reference in it.
func Handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	if r.Method != http.MethodPost {
		return channeltest.Taken{}, false
	}
	_, after, _ := strings.Cut(string(body), "ref: ")
	key, _, _ := strings.Cut(after, `"`)
	return channeltest.Taken{Key: key, Body: body}, true
}

// Send hands one parcel of the suite to h and returns what the channel made of
// the answer.
func Send(t *testing.T, k channel.Kind, settings map[string]string, to engawa.Address, h http.HandlerFunc) (channel.Receipt, *channel.SendError) {
	t.Helper()
	return SendParcel(t, k, settings, channeltest.Parcel(to), channel.Env{HTTP: channeltest.Client(h)})
}

// SendParcel hands p over in a world.
func SendParcel(t *testing.T, k channel.Kind, settings map[string]string, p engawa.Parcel, env channel.Env) (channel.Receipt, *channel.SendError) {
	t.Helper()
	r, err := Open(t, k, settings, env).Send(t.Context(), channeltest.Cleared(t, p))
	if err == nil {
		return r, nil
	}
	return r, err.(*channel.SendError) //nolint:forcetypeassert,errorlint // Send returns nothing else
}

// Open opens an account in a world.
func Open(t *testing.T, k channel.Kind, settings map[string]string, env channel.Env) channel.Channel {
	t.Helper()
	s, err := k.Check(settings)
	if err != nil {
		t.Fatal(err)
	}
	env.Account = channeltest.Account
	ch, err := k.New(s, env)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}
