// Package channeltest is the suite that every channel must pass: how it names
// the provider's answers, that a retry is the same hand-over again, that it
// sends nothing without a verdict, that no address or secret leaves it by
// another way than the wire, and that it leaves nothing behind.
//
// Each question is asked in a synctest bubble of its own, so a provider that
// never answers costs no time and a goroutine that outlives Close is found.
// HTTP channels plug their simulator in with HTTP; others bring their own Dial.
package channeltest

import (
	"context"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Mood is how the provider behaves at the first hand-over. From the second on
// it accepts.
type Mood string

// The moods.
const (
	Accepts     Mood = "accepts"
	Limited     Mood = "limited"     // too many; the provider does not say how long (429; SMTP 450)
	LimitedFor  Mood = "limited_for" // too many; wait Hint, said as the provider says it
	Down        Mood = "down"        // not taken, try later (503; SMTP 421)
	Refuses     Mood = "refuses"     // this message never (400; SMTP 554)
	Locked      Mood = "locked"      // the account may not send (401; SMTP 535)
	NoSuch      Mood = "no_such"     // unknown address (404; SMTP 550 5.1.1)
	Unreachable Mood = "unreachable" // nothing listens there
	Silent      Mood = "silent"      // takes the whole message and never answers
	Lost        Mood = "lost"        // takes the whole message, then the connection breaks
	Flood       Mood = "flood"       // accepts, with an answer that never ends
)

// Hint is how long a provider in the mood LimitedFor asks to wait.
const Hint = 30 * time.Second

// classes says what Send must make of each mood, unless Case.Want differs.
// Accepts and Flood are not in it: they have questions of their own.
var classes = map[Mood]channel.Class{
	Limited:     channel.Again,
	LimitedFor:  channel.Again,
	Down:        channel.Again,
	Refuses:     channel.Rejected,
	Locked:      channel.AccountClosed,
	NoSuch:      channel.AddressGone,
	Unreachable: channel.Again,
	Silent:      channel.Ambiguous,
	Lost:        channel.Ambiguous,
}

// Case is what a channel brings to the suite.
type Case struct {
	Kind     channel.Kind
	Settings map[string]string // complete and valid, as an operator would fill them in
	To       engawa.Address    // an address that the provider knows
	Content  engawa.Content    // instead of the suite's words, where the channel reads them
	// World makes a provider in mood m. It is called inside the bubble.
	World func(t *testing.T, m Mood) World
	// Want differs from the usual class where the provider's answers mean
	// something else. Say why beside it.
	Want map[Mood]channel.Class
	// Lacks lists moods that the protocol cannot express. Say why beside it.
	Lacks []Mood
	// NoLookup says that an account with these settings has nothing to look
	// through, though its kind has. Say why beside it.
	NoLookup bool
	// Callback is needed when the channel is a Receiver.
	Callback *Callback
}

// World is a provider made for one question.
type World struct {
	HTTP  *http.Client
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Took  func() []Taken // what it was handed, oldest first, also where it then refused
	Close func()         // may be nil
}

// Taken is one message as it arrived at the provider.
type Taken struct {
	Key  string // what the provider, or who looks it up there, knows it by
	Body []byte // what must not differ between attempts
}

// Run asks every question of the channel in c.
func Run(t *testing.T, c Case) {
	t.Run("kind", c.kind)
	t.Run("empty settings are refused", c.emptySettings)
	for m, want := range classes {
		if !slices.Contains(c.Lacks, m) {
			t.Run("answer/"+string(m), func(t *testing.T) { c.answer(t, m, want) })
		}
	}
	t.Run("answer/accepts", c.accepted)
	if !slices.Contains(c.Lacks, Flood) {
		t.Run("answer/flood", c.flood)
	}
	t.Run("a retry is the same hand-over", c.retry)
	t.Run("a cancelled context sends nothing", c.cancelled)
	t.Run("cancelling ends a hand-over", c.cancelling)
	t.Run("nothing goes without a verdict", c.uncleared)
	t.Run("find", c.find)
	t.Run("callback", c.callback)
}
