// Package webhook posts messages to a business's own systems, and takes their
// events, as Standard Webhooks 1.0 says (github.com/standard-webhooks): the
// signature covers id, time and body; the id is the idempotency key.
package webhook

import (
	"fmt"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// KeyLife is how long a receiver is asked to remember a webhook-id. It is our
// published promise, not a provider's: after it an unknown outcome is a task
// for a person.
const KeyLife = 72 * time.Hour

// ContentEvent as the setting "content": an endpoint gets the events that its
// routes take as they are, and no words about them.
const ContentEvent = "event"

// ContentOriginal as the setting "content": an endpoint gets what the source of
// an event sent, byte for byte: of the App Store, its signed notifications.
const ContentOriginal = "original"

// Kind describes the channel.
var Kind = channel.Kind{
	Name: "webhook",
	Fields: []channel.Field{
		{Key: "url", Type: channel.URL, Required: true},
		{Key: "secret", Type: channel.SecretField, Required: true},
		{Key: "content", Type: channel.Choice, Default: "message", Choices: []string{"message", ContentEvent, ContentOriginal}},
		{Key: "old_secret", Type: channel.SecretField}, // signs too while the receiver changes over
		{Key: "in_secret", Type: channel.SecretField},  // proves what the receiver posts to us
		{Key: "in_old_secret", Type: channel.SecretField},
	},
	Retry:       channel.Retry{KeyLife: KeyLife},
	ToCustomers: true,
	ToStaff:     true,
	Posts:       true,
	Answers:     class,
	Address:     address,
	New:         open,
}

// address is any name by which the receiving system knows the recipient: a
// member number, a queue. It travels as data.to.
func address(s string) (engawa.Address, error) { return channel.Name(s, 200) }

// account is one endpoint. It is a channel.Channel and a channel.Receiver.
type account struct {
	id  string
	url string
	raw bool  // the words of a notice are the event itself
	own bool  // the words of a notice are what its source sent
	out []key // sign what leaves: the secret, then the old one
	in  []key // prove what comes in
	env channel.Env
}

// Format keeps the secrets out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "webhook account "+a.id) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	if s["url"] == "" {
		return nil, engawa.Invalid("/settings/url", "fill it in", "webhook: url is required")
	}
	a := &account{id: env.Account, url: s["url"], raw: s["content"] == ContentEvent, own: s["content"] == ContentOriginal, env: env}
	for _, f := range []struct {
		name string
		to   *[]key
	}{{"secret", &a.out}, {"old_secret", &a.out}, {"in_secret", &a.in}, {"in_old_secret", &a.in}} {
		if s[f.name] == "" {
			continue
		}
		k, err := parseKey(engawa.Secret(s[f.name]))
		if err != nil {
			return nil, engawa.Invalid("/settings/"+f.name, "use whsec_ and the base64 text of 24 to 64 random bytes", "webhook: %s: %s", f.name, err)
		}
		*f.to = append(*f.to, k)
	}
	if s["secret"] == "" {
		return nil, engawa.Invalid("/settings/secret", "fill it in", "webhook: secret is required")
	}
	return a, nil
}
