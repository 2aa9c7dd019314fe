package dispatch

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/refusal"
	"github.com/engawa/engawa/internal/store"
)

// TestKeyOutlivesTheWait: what may have arrived is tried again with the same key
// only if the provider will still know the key then.
func TestKeyOutlivesTheWait(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	key := channel.Kind{Name: "k", Retry: channel.Retry{KeyLife: 2 * time.Hour}}
	both := key
	both.Retry.Lookup = true
	for _, c := range []struct {
		name     string
		kind     channel.Kind
		used     time.Duration // since the key's first use
		attempts int           // made: the next wait follows from it
		state    engawa.DeliveryState
		note     string
	}{
		{"a fresh key", key, time.Second, 1, engawa.Retrying, "timeout"},
		{"it would be forgotten while we wait", key, 90 * time.Minute, 5, engawa.Unknown, "timeout"},
		{"it is forgotten", key, 3 * time.Hour, 1, engawa.Unknown, "timeout"},
		{"it would be forgotten, and can be looked for", both, 90 * time.Minute, 5, engawa.Retrying, lookUp},
		{"no key and no look-up", channel.Kind{Name: "k"}, time.Second, 1, engawa.Unknown, "timeout"},
	} {
		claimed := &store.Claimed{Delivery: engawa.Delivery{ID: "dlv_1", Attempts: c.attempts, KeyAt: now.Add(-c.used)}}
		got := settle(c.kind, claimed, channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: "timeout"}, now, 0.5)
		if got.State != c.state || got.Note != c.note || got.Outcome != engawa.OutcomeUnknown || (got.Task != nil) != (c.state == engawa.Unknown) {
			t.Errorf("%s: %s %q with task %v", c.name, got.State, got.Note, got.Task)
		}
		if last := claimed.Delivery.KeyAt.Add(c.kind.Retry.KeyLife); got.State == engawa.Retrying && got.Note != lookUp && !got.DueAt.Before(last) {
			t.Errorf("%s: tried again at %s, the key lives until %s", c.name, got.DueAt, last)
		}
	}
}

// TestNoLookUp: where only a person can look, a person is asked at once, and
// where the provider has no answer now, it is asked again.
func TestNoLookUp(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	kind := channel.Kind{Name: "k", Retry: channel.Retry{Lookup: true}}
	for code, want := range map[string]engawa.DeliveryState{lookUp: engawa.Retrying, noLookUp: engawa.Unknown} {
		claimed := &store.Claimed{Delivery: engawa.Delivery{ID: "dlv_1", Attempts: 2, KeyAt: now}}
		got := settle(kind, claimed, channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: code}, now, 0.5)
		if got.State != want || (got.Task != nil) != (want == engawa.Unknown) {
			t.Errorf("%s: %s with task %v", code, got.State, got.Task)
		}
	}
}

// TestLook: whose outcome nobody knows is a person's: for a form's registration by
// itself, and what no form does once more as itself; elsewhere for the account.
func TestLook(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	form := channel.Kind{Name: "k", Form: &channel.FormKind{Typed: func(_ channel.Settings, c engawa.Content, _ string, _ engawa.Address) (string, []channel.Typed) {
		return c.Text, nil
	}}}
	for _, c := range []struct {
		kind            channel.Kind
		text, task, ref string
	}{
		{form, channel.Register, "k.unknown", "msg_1"},
		{form, "remove", "k.remove", "msg_1"},
		{form, "", "delivery.unknown", "acc_1"},
		{channel.Kind{Name: "k"}, channel.Register, "delivery.unknown", "acc_1"},
	} {
		claimed := &store.Claimed{
			Delivery: engawa.Delivery{ID: "dlv_1", Message: "msg_1", Account: "acc_1", Workspace: "ws_1"},
			Message:  engawa.Message{ID: "msg_1", Content: engawa.Content{Text: c.text}},
		}
		got := settle(c.kind, claimed, channel.Receipt{}, &channel.SendError{Class: channel.Ambiguous, Code: "timeout"}, now, 0.5)
		if k := got.Task; k == nil || k.Kind != c.task || k.Ref != c.ref || k.Workspace != "ws_1" || k.Args["account"] != "acc_1" || k.Args["message"] != "msg_1" || !k.DueAt.Equal(now.Add(24*time.Hour)) {
			t.Errorf("%q of %v: %+v", c.text, c.kind.Form != nil, k)
		}
	}
}

// TestDoubted: whatever a delivery in doubt waited for, when it goes the provider
// still knows its key, or it is looked for, or a person looks.
func TestDoubted(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	keyed, looked := channel.Retry{KeyLife: 2 * time.Hour}, channel.Retry{Lookup: true}
	for name, c := range map[string]struct {
		retry        channel.Retry
		doubt        bool
		used         time.Duration // since the key's first use
		lookUp, lost bool
	}{
		"nothing is in doubt":                 {looked, false, time.Hour, false, false},
		"the key is known":                    {keyed, true, time.Hour, false, false},
		"the key was forgotten":               {keyed, true, 3 * time.Hour, false, true},
		"it can be looked for":                {looked, true, 3 * time.Hour, true, false},
		"the key is known, no need to look":   {channel.Retry{KeyLife: 2 * time.Hour, Lookup: true}, true, time.Hour, false, false},
		"the key was forgotten, one can look": {channel.Retry{KeyLife: 2 * time.Hour, Lookup: true}, true, 3 * time.Hour, true, false},
	} {
		l := &lane{kind: channel.Kind{Name: "k", Retry: c.retry}}
		d := engawa.Delivery{ID: "dlv_1", Attempts: 1, KeyAt: now.Add(-c.used), Doubt: c.doubt, Note: "pace"}
		if j := l.doubted(job{}, d, now); j.lookUp != c.lookUp || j.lost != c.lost {
			t.Errorf("%s: look-up %t, lost %t", name, j.lookUp, j.lost)
		}
	}
}

// TestRefusedMeans: what a refusal of mail means while it is tried again, and once it
// is given up.
func TestRefusedMeans(t *testing.T) {
	for _, c := range []struct {
		status string
		state  engawa.DeliveryState
		typ    string // of the event; empty: it means nothing
		counts string
	}{
		{"5.1.1", engawa.Failed, "mail.bounced", "no_mailbox"},
		{"5.7.1", engawa.Failed, "mail.blocked", ""},
		{"4.2.2", engawa.Retrying, "mail.bounced", "full"},
		{"4.2.2", engawa.Failed, "mail.bounced", "full"},
		{"4.2.1", engawa.Retrying, "", ""},
		{"4.1.1", engawa.Retrying, "", ""},
		{"4.7.1", engawa.Retrying, "", ""},
		{"4.7.1", engawa.Failed, "mail.blocked", ""},
		{"4.1.1", engawa.Failed, "mail.bounced", ""},
	} {
		why := refusal.Read(c.status, "")
		got := refused(channel.Kind{Name: "mail"}, store.Result{Claimed: &store.Claimed{}, State: c.state}, &why, time.Now())
		if r := got.Return; (r != nil) != (c.typ != "") || r != nil && (r.Event.Type != c.typ || r.Reason != c.counts) || (got.Suppress != nil) != (c.counts != "") {
			t.Errorf("%s, then %s: %+v", c.status, c.state, r)
		}
	}
}
