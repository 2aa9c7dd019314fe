package dispatch

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/channel/webhook"
	"github.com/engawa/engawa/internal/store"
)

// TestHeard: what the end of a hand-over says of the receiver. Taken is proved where
// nothing can come back to the hub; what blames nobody says nothing.
func TestHeard(t *testing.T) {
	c := &store.Claimed{Delivery: engawa.Delivery{ID: "dlv_1"}}
	c.Known.To = "hana@googlemail.com"
	now := time.Now()
	own, relayed := channel.Settings{"from_address": "shop@hinata.example"}, channel.Settings{"from_address": "shop@hinata.example", "relay_domain": "relay.hinata.example"}
	for name, x := range map[string]struct {
		kind     channel.Kind
		settings channel.Settings
		err      *channel.SendError
		want     breaker.Heard
	}{
		"taken, nothing comes back":    {mail.Kind, own, nil, breaker.Heard{Said: breaker.Accepted, Proved: true}},
		"taken, and may come back":     {mail.Kind, relayed, nil, breaker.Heard{Said: breaker.Accepted}},
		"the sender is refused":        {mail.Kind, relayed, &channel.SendError{Class: channel.Rejected, Blame: breaker.Refused, Code: "550 5.7.1"}, breaker.Heard{Said: breaker.Refused, Code: "550 5.7.1"}},
		"the mail is":                  {mail.Kind, own, &channel.SendError{Class: channel.Rejected, Blame: breaker.Unfit, Code: "552 5.3.4"}, breaker.Heard{Said: breaker.Unfit, Code: "552 5.3.4"}},
		"the mailbox is":               {mail.Kind, own, &channel.SendError{Class: channel.AddressGone, Blame: breaker.Unclear, Code: "550 5.1.1"}, breaker.Heard{Said: breaker.Unclear, Code: "550 5.1.1"}},
		"nobody is, or nobody answers": {mail.Kind, own, &channel.SendError{Class: channel.Again, Code: "421"}, breaker.Heard{Said: breaker.Unclear}},
	} {
		l := &lane{kind: x.kind, settings: x.settings}
		x.want.Delivery, x.want.At = "dlv_1", now
		if got := l.heard(c, x.err, now); got == nil || got.Heard != x.want || got.Pair != (breaker.Pair{Own: "hinata.example", Receiver: "gmail.com"}) || got.Asks {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
	if got := (&lane{kind: webhook.Kind}).heard(c, nil, now); got != nil {
		t.Errorf("a webhook has a receiver: %v", got)
	}
}
