package channeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Callback is what a provider posts to a channel that is a Receiver.
type Callback struct {
	Body []byte // one that the channel understands
	Type string // of the event it becomes
	// Sign returns the headers with which the provider would post body at the
	// instant at.
	Sign func(body []byte, at time.Time) http.Header
	// MaxAge is the age from which a signed callback is refused; 0 where the
	// protocol signs no time and only the event's key stops a repetition.
	MaxAge time.Duration
}

func (c Case) callback(t *testing.T) {
	c.with(t, Accepts, func(b *bench) {
		r, ok := b.ch.(channel.Receiver)
		if ok != (c.Callback != nil) {
			t.Fatalf("the channel has Receive: %t, the case has a Callback: %t", ok, c.Callback != nil)
		}
		if ok {
			Receive(t, r, *c.Callback)
		}
	})
}

// Receive asks of a Receiver that it takes the genuine callback, gives it the
// same key each time, and refuses what is unsigned, altered or stale. Run calls
// it; a source without Send calls it itself.
func Receive(t *testing.T, r channel.Receiver, cb Callback) {
	t.Helper()
	now := time.Now()
	sign := func() http.Header { return cb.Sign(cb.Body, now) }
	genuine(t, r, cb, sign())

	refuse(t, r, "unsigned", http.Header{}, cb.Body)
	refuse(t, r, "empty", http.Header{}, nil)
	refuse(t, r, "one space more", sign(), append(bytes.Clone(cb.Body), ' '))
	refuse(t, r, "body of another", sign(), []byte(`{}`))
	for i := 0; i < len(cb.Body); i += 1 + len(cb.Body)/16 {
		altered := bytes.Clone(cb.Body)
		altered[i] ^= 1
		refuse(t, r, "one bit altered", sign(), altered)
	}
	for name := range sign() {
		h := sign()
		h.Del(name)
		refuse(t, r, "without "+name, h, cb.Body)
		h.Set(name, "x")
		refuse(t, r, "with a wrong "+name, h, cb.Body)
	}
	if cb.MaxAge > 0 {
		refuse(t, r, "stale", cb.Sign(cb.Body, now.Add(-cb.MaxAge-time.Second)), cb.Body)
		refuse(t, r, "from the future", cb.Sign(cb.Body, now.Add(cb.MaxAge+time.Second)), cb.Body)
	}
}

func genuine(t *testing.T, r channel.Receiver, cb Callback, h http.Header) {
	t.Helper()
	var keys []string
	for range 2 {
		events, err := r.Receive(h.Clone(), bytes.Clone(cb.Body))
		if err != nil {
			t.Fatalf("the genuine callback is refused: %v", err)
		}
		if len(events) == 0 {
			t.Fatal("the genuine callback becomes no event")
		}
		e := events[0]
		if e.Type != cb.Type || e.DedupKey == "" || !e.Known || !json.Valid(e.Data) {
			t.Fatalf("event of type %q, key %q, known %t, data %s; want type %q, a key, known, JSON", e.Type, e.DedupKey, e.Known, e.Data, cb.Type)
		}
		keys = append(keys, e.DedupKey)
	}
	if keys[0] != keys[1] {
		t.Errorf("one callback has two keys: %q and %q", keys[0], keys[1])
	}
}

// refuse insists on an *engawa.Error that the intake can classify.
func refuse(t *testing.T, r channel.Receiver, name string, h http.Header, body []byte) {
	t.Helper()
	events, err := r.Receive(h, body)
	var e *engawa.Error
	if !errors.As(err, &e) || e.Code != engawa.CodeUnverified && e.Code != engawa.CodeInvalid {
		t.Errorf("%s: %d events, error %v; want a refusal with a code", name, len(events), err)
	}
}

// Fuzz feeds a Receiver with bodies, signed as the provider would sign them, so
// that the bytes get past the proof to the reading. Receive must not panic, and
// what it takes must be events that can be stored.
func Fuzz(f *testing.F, open func() channel.Receiver, cb Callback) {
	f.Add(cb.Body)
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[]`))
	f.Add(bytes.Repeat([]byte{'['}, 20_000))
	f.Add([]byte("{\"a\":\"\\ud800\x00\"}"))
	r := open()
	f.Fuzz(func(t *testing.T, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			events, err := r.Receive(cb.Sign(body, time.Now()), body)
			var e *engawa.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("a refusal without a code: %v", err)
			}
			for _, ev := range events {
				if ev.Type == "" || ev.DedupKey == "" || !json.Valid(ev.Data) {
					t.Errorf("an event that cannot be stored: %+v", ev)
				}
			}
		})
	})
}
