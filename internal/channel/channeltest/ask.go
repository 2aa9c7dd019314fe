package channeltest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

// MaxExchange is how many bytes of a provider's answer may be kept.
const MaxExchange = 8 << 10

// bench is one open channel facing one provider.
type bench struct {
	t     *testing.T
	c     Case
	ch    channel.Channel
	world World
	log   *bytes.Buffer
}

// with runs ask in a bubble with the channel open before a provider in mood m.
// When ask returns, everything is closed; a goroutine left over fails the test.
func (c Case) with(t *testing.T, m Mood, ask func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, c: c, world: c.World(t, m), log: &bytes.Buffer{}}
		s, err := c.Kind.Check(c.Settings)
		if err != nil {
			t.Fatalf("the case's own settings: %v", err)
		}
		b.ch, err = c.Kind.New(s, channel.Env{
			Account: Account, HTTP: b.world.HTTP, Dial: b.world.Dial,
			Raise: b.raised, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			b.noLeak("the open account under "+verb, fmt.Sprintf(verb, b.ch))
			b.noLeak("its settings under "+verb, fmt.Sprintf(verb, s))
		}
		ask(b)
		b.end()
	})
}

// end closes both sides, as a node that stops does, and looks at the log.
func (b *bench) end() {
	if closer, ok := b.ch.(channel.Closer); ok {
		if err := closer.Close(); err != nil {
			b.t.Errorf("Close: %v", err)
		}
	}
	if b.world.Close != nil {
		b.world.Close()
	}
	if b.world.HTTP != nil {
		b.world.HTTP.CloseIdleConnections()
	}
	b.noLeak("log", b.log.String())
}

// send hands p over and insists on a *channel.SendError, on masking, and on the
// deadline of the verdict.
func (b *bench) send(ctx context.Context, m verdict.Cleared) (channel.Receipt, *channel.SendError) {
	b.t.Helper()
	limit := m.Deadline()
	r, err := b.ch.Send(ctx, m)
	if !limit.IsZero() && time.Now().After(limit.Add(time.Second)) {
		b.t.Errorf("Send returned %s after the deadline of the verdict", time.Since(limit))
	}
	b.noLeak("receipt", fmt.Sprintf("%+v", r))
	b.exchange(r.Exchange)
	if err == nil {
		return r, nil
	}
	var se *channel.SendError
	if !errors.As(err, &se) {
		b.t.Fatalf("Send returned a %T, want a *channel.SendError: %v", err, err)
	}
	if se.Code == "" || len(se.Code) > 64 {
		b.t.Errorf("the code of a SendError must be short and say something: %q", se.Code)
	}
	if se.After < 0 || se.After > 7*24*time.Hour {
		b.t.Errorf("After is %s: neither negative nor longer than a week makes sense", se.After)
	}
	b.noLeak("error", fmt.Sprintf("%v|%+v", err, se))
	b.exchange(se.Exchange)
	return r, se
}

func (b *bench) exchange(x engawa.Exchange) {
	b.t.Helper()
	b.noLeak("exchange", x.Request+x.Response)
	if len(x.Response) > MaxExchange {
		b.t.Errorf("%d bytes of the answer are kept, at most %d may", len(x.Response), MaxExchange)
	}
}

// noLeak fails when a secret setting or the recipient's address is in s, in
// any form in which it could stand there.
func (b *bench) noLeak(where, s string) {
	b.t.Helper()
	hidden := map[string]string{"the address": b.c.To.Reveal()}
	for _, f := range b.c.Kind.Fields {
		if f.Type.Secret() {
			hidden["the setting "+f.Key] = b.c.Settings[f.Key]
		}
	}
	for name, v := range hidden {
		if v == "" {
			continue
		}
		for _, form := range []string{v, url.QueryEscape(v), base64.StdEncoding.EncodeToString([]byte(v))} {
			if strings.Contains(strings.ToLower(s), strings.ToLower(form)) {
				b.t.Errorf("%s shows %s", where, name)
			}
		}
	}
}

// parcel is the message that the suite sends.
func (b *bench) parcel() engawa.Parcel {
	p := Parcel(b.c.To)
	if b.c.Content != (engawa.Content{}) {
		p.Content = b.c.Content
	}
	return p
}

// raised looks at a task that the channel raises: it names what it is about and
// shows nobody's address.
func (b *bench) raised(_ context.Context, k engawa.Task) error {
	if k.Workspace == "" || k.Kind == "" || k.Ref == "" || k.DueAt.IsZero() {
		b.t.Errorf("the task %+v does not say what it is about, or by when", k)
	}
	b.noLeak("task", fmt.Sprintf("%+v", k))
	return nil
}

func (c Case) answer(t *testing.T, m Mood, want channel.Class) {
	if w, differs := c.Want[m]; differs {
		want = w
	}
	c.with(t, m, func(b *bench) {
		_, se := b.send(b.t.Context(), Cleared(t, b.parcel()))
		if se == nil {
			t.Fatalf("Send says accepted, want class %q", want)
		}
		if se.Class != want {
			t.Errorf("class %q (%v), want %q", se.Class, se, want)
		}
		if m == LimitedFor && (se.After < Hint-2*time.Second || se.After > Hint+2*time.Second) {
			t.Errorf("After is %s, the provider said %s", se.After, Hint)
		}
		if m != Unreachable && se.Exchange.Request == "" {
			t.Error("the exchange does not show what was asked")
		}
		if _, silent := noAnswer[m]; !silent && se.Exchange.Response == "" {
			t.Error("the exchange does not show what was answered")
		}
	})
}

// noAnswer holds the moods in which the provider says nothing.
var noAnswer = map[Mood]struct{}{Unreachable: {}, Silent: {}, Lost: {}}

func (c Case) accepted(t *testing.T) {
	c.with(t, Accepts, func(b *bench) {
		r, se := b.send(b.t.Context(), Cleared(t, b.parcel()))
		if se != nil {
			t.Fatalf("a provider that accepts: %v", se)
		}
		if r.Exchange.Request == "" || r.Exchange.Response == "" {
			t.Errorf("the exchange is not kept: %+v", r.Exchange)
		}
		took := b.world.Took()
		if len(took) != 1 {
			t.Fatalf("the provider was handed %d messages, want 1", len(took))
		}
		if took[0].Key == "" {
			t.Error("the message arrived without a key")
		}
	})
}

func (c Case) flood(t *testing.T) {
	c.with(t, Flood, func(b *bench) {
		b.send(b.t.Context(), Cleared(t, b.parcel())) //nolint:errcheck // what the flood did is asked of the bench
	})
}

func (c Case) retry(t *testing.T) {
	c.with(t, Lost, func(b *bench) {
		p := b.parcel()
		_, se := b.send(b.t.Context(), Cleared(t, p))
		if se == nil {
			t.Fatal("Send says accepted though the answer was lost")
		}
		time.Sleep(90 * time.Second)
		p.Attempt, p.Carry = 2, se.Carry
		if _, se := b.send(b.t.Context(), Cleared(t, p)); se != nil {
			t.Fatalf("second attempt: %v", se)
		}
		took := b.world.Took()
		if len(took) != 2 {
			t.Fatalf("the provider was handed %d messages, want 2", len(took))
		}
		if took[0].Key == "" || took[0].Key != took[1].Key {
			t.Errorf("keys %q and %q, want one and the same", took[0].Key, took[1].Key)
		}
		if !bytes.Equal(took[0].Body, took[1].Body) {
			t.Errorf("the second attempt differs:\n%s\n%s", took[0].Body, took[1].Body)
		}
	})
}

func (c Case) cancelled(t *testing.T) {
	c.with(t, Accepts, func(b *bench) {
		ctx, cancel := context.WithCancel(b.t.Context())
		cancel()
		_, se := b.send(ctx, Cleared(t, b.parcel()))
		if se == nil {
			t.Fatal("Send says accepted under a cancelled context")
		}
		if se.Class != channel.Again && se.Class != channel.Ambiguous {
			t.Errorf("class %q: nothing was learnt about the message or the address", se.Class)
		}
		if n := len(b.world.Took()); n != 0 {
			t.Errorf("the provider was handed %d messages", n)
		}
	})
}

func (c Case) cancelling(t *testing.T) {
	c.with(t, Silent, func(b *bench) {
		ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, se := b.send(ctx, Cleared(t, b.parcel()))
		if se == nil {
			t.Fatal("Send says accepted though nothing was answered")
		}
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("Send ended %s after its start, the context after 3s", d)
		}
	})
}

func (c Case) uncleared(t *testing.T) {
	c.with(t, Accepts, func(b *bench) {
		foreign := b.parcel()
		foreign.Account = "acc_another"
		old := Cleared(t, b.parcel())
		for name, m := range map[string]verdict.Cleared{
			"the zero Cleared": {},
			"a foreign one":    Cleared(t, foreign),
		} {
			b.refused(name, m)
		}
		time.Sleep(verdict.MaxAge + time.Second)
		b.refused("an expired one", old)
		if n := len(b.world.Took()); n != 0 {
			t.Errorf("the provider was handed %d messages", n)
		}
	})
}

func (b *bench) refused(name string, m verdict.Cleared) {
	b.t.Helper()
	_, err := b.ch.Send(b.t.Context(), m)
	var se *channel.SendError
	if !errors.Is(err, verdict.ErrNotCleared) || !errors.As(err, &se) || se.Class != channel.Again {
		b.t.Errorf("%s: Send answers %v, want channel.NotCleared", name, err)
	}
}

func (c Case) find(t *testing.T) {
	c.with(t, Lost, func(b *bench) {
		finder, ok := b.ch.(channel.Finder)
		if ok != c.Kind.Retry.Lookup {
			t.Fatalf("Retry.Lookup is %t, the channel has Find: %t", c.Kind.Retry.Lookup, ok)
		}
		if !ok {
			return
		}
		p := b.parcel()
		if c.NoLookup {
			if found, _, err := finder.Find(t.Context(), Cleared(t, p)); found || !errors.Is(err, channel.ErrNoLookup) {
				t.Errorf("Find says %t, %v; want ErrNoLookup", found, err)
			}
			return
		}
		b.found(finder, p, false)
		if _, se := b.send(b.t.Context(), Cleared(t, p)); se == nil || se.Class != channel.Ambiguous {
			t.Fatalf("a lost answer of a channel with Find: %v, want class %q", se, channel.Ambiguous)
		}
		time.Sleep(time.Minute)
		b.found(finder, p, true)
	})
}

func (b *bench) found(f channel.Finder, p engawa.Parcel, want bool) {
	b.t.Helper()
	got, r, err := f.Find(b.t.Context(), Cleared(b.t, p))
	if err != nil || got != want {
		b.t.Errorf("Find says %t, %v; want %t", got, err, want)
	}
	b.noLeak("receipt of Find", fmt.Sprintf("%+v", r))
	if _, _, err := f.Find(b.t.Context(), verdict.Cleared{}); !errors.Is(err, verdict.ErrNotCleared) {
		b.t.Errorf("Find with the zero Cleared: %v, want %v", err, verdict.ErrNotCleared)
	}
}
