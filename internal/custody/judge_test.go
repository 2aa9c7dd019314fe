package custody_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/custody"
)

var now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func holder(name, side string, rights ...string) engawa.CustodyHolder {
	return engawa.CustodyHolder{Name: name, Side: side, Rights: rights}
}

// said is an entry of which somebody said an hour ago who holds it.
func said(kind string, hs ...engawa.CustodyHolder) engawa.Custody {
	return engawa.Custody{Kind: kind, Name: "n", Lines: []engawa.CustodyLine{{ID: "1", At: now.Add(-time.Hour), Stated: &engawa.CustodyStatement{Holders: hs}}}}
}

func done(c engawa.Custody, at time.Time, s engawa.CustodyStep) engawa.Custody {
	c.Lines = append(slices.Clone(c.Lines), engawa.CustodyLine{ID: "d", At: at, Done: &engawa.CustodyDone{Step: s}})
	return c
}

func found(c engawa.Custody, what string) engawa.Custody {
	c.Lines = append(slices.Clone(c.Lines), engawa.CustodyLine{ID: "f_" + what, At: now.Add(-time.Minute), Found: &engawa.CustodyFound{What: what}})
	return c
}

// told are steps as a list reads: what was done stands in brackets.
func told(j custody.Judgement) string {
	var all []string
	for _, s := range j.Steps {
		words := s.Key
		if s.Key == custody.StepFound {
			words = s.Found.What
		}
		if s.Right != "" {
			words += " " + s.Holder + "/" + s.Right
		}
		if s.Done != nil {
			words = "(" + words + ")"
		}
		all = append(all, words)
	}
	return strings.Join(all, ", ")
}

// main is the first main right of a kind, and lasts whether only its holder gives it up.
func main(kind string) (string, bool) {
	for _, r := range custody.KindOf(kind).Rights {
		if r.Main {
			return r.Name, r.Lasts
		}
	}
	return "", false
}

// TestPatterns: what who holds comes to, for every kind, and what is done about it in
// which order.
func TestPatterns(t *testing.T) {
	for _, kind := range append(custody.Kinds(), "telegram") {
		k := custody.KindOf(kind)
		right, lasts := main(kind)
		weak := k.Rights[len(k.Rights)-1].Name
		move, prove, back := "nothing, keep, own, other_ways, move", "nothing, own, other_ways, move", "remove B/"
		if k.Movable {
			move, prove = "ask_over, keep", "prove, own, other_ways, move"
		}
		part := "remove B/" + right + ", keep"
		if lasts {
			part, back = "connect, keep, ask_remove B/"+right, "ask_remove B/"
		}
		ours, two := holder("A", engawa.SideOwn, right), holder("A2", engawa.SideOwn, right)
		for _, c := range []struct {
			name  string
			entry engawa.Custody
			risk  custody.Risk
			steps string
		}{
			{"nobody said", engawa.Custody{Kind: kind}, custody.Unstated, "state"},
			{"nobody holds it", said(kind, holder("B", engawa.SideOutside, weak)), custody.Unclear, "find, end B/" + weak},
			{"pattern 1", said(kind, ours, two, holder("B", engawa.SideOutside, right)), custody.Part, part},
			{"pattern 1, gone", said(kind, ours, two, holder("B", engawa.SideGone, right)), custody.Part, part},
			{"pattern 2", said(kind, holder("B", engawa.SideOutside, right)), custody.All, move},
			{"pattern 2, weak rights", said(kind, holder("A", engawa.SideOwn, weak), holder("B", engawa.SideOutside, right, weak)), custody.All, move},
			{"pattern 3", said(kind, holder("B", engawa.SideGone, right)), custody.Vanished, prove},
			{"lent", said(kind, ours, two, holder("B", engawa.SideOutside, weak)), custody.Lent, "end B/" + weak},
			{"alone", said(kind, ours), custody.Alone, "second"},
			{"sound", said(kind, ours, two), custody.Sound, ""},
			{
				"taken back", done(said(kind, ours, two, holder("B", engawa.SideOutside, right)), now, engawa.CustodyStep{Key: strings.Fields(back)[0], Holder: "B", Right: right}),
				custody.Sound, "(" + back + right + ")",
			},
			{
				"said anew after it was taken back", done(said(kind, ours, two, holder("B", engawa.SideOutside, right)), now.Add(-2*time.Hour), engawa.CustodyStep{Key: strings.Fields(back)[0], Holder: "B", Right: right}),
				custody.Part, part,
			},
		} {
			if lasts && strings.HasPrefix(c.name, "taken back") {
				c.steps = "" // what only its holder gives up is asked for while they hold it
			}
			j := custody.Judge(c.entry, now)
			if j.Risk != c.risk || told(j) != c.steps {
				t.Errorf("%s, %s: %s: %s, want %s: %s", kind, c.name, j.Risk, told(j), c.risk, c.steps)
			}
		}
	}
}

// TestLine: the hostage of seed 001, in all its parts.
func TestLine(t *testing.T) {
	vendor := holder("B社", engawa.SideOutside, "oa_admin", "provider_admin", "channel_admin", "token", "webhook")
	hostage := said("line", holder("A", engawa.SideOwn, "oa_admin"), vendor)
	connected := hostage
	connected.Account = "acc_1"
	removed := engawa.CustodyStep{Key: custody.StepRemove, Holder: "B社", Right: "oa_admin"}
	rest := ", keep, ask_remove B社/provider_admin, ask_remove B社/channel_admin, watch, own, move, end B社/token, end B社/webhook"
	for name, c := range map[string]struct {
		entry engawa.Custody
		risk  custody.Risk
		steps string
	}{
		"as it is found":       {hostage, custody.Part, "remove B社/oa_admin, second, connect" + rest},
		"connected":            {connected, custody.Part, "remove B社/oa_admin, second" + rest},
		"the admin is removed": {done(hostage, now, removed), custody.Part, "second, connect" + rest + ", (remove B社/oa_admin)"},
		"the webhook changed":  {found(hostage, custody.WebhookChanged), custody.Part, "remove B社/oa_admin, webhook_changed, second, connect" + rest},
		"that was looked into": {
			done(found(hostage, custody.WebhookChanged), now, engawa.CustodyStep{Key: custody.StepFound, Found: "f_webhook_changed"}),
			custody.Part, "remove B社/oa_admin, second, connect" + rest + ", (webhook_changed)",
		},
		"found before anything was said": {found(engawa.Custody{Kind: "line"}, custody.MenuChanged), custody.Unstated, "menu_changed, state"},
		"only the channel is theirs":     {said("line", holder("A", engawa.SideOwn, "oa_admin"), holder("A2", engawa.SideOwn, "oa_admin"), holder("B社", engawa.SideOutside, "channel_admin")), custody.Part, "connect, keep, ask_remove B社/channel_admin, watch, own, move"},
		"an operator":                    {said("line", holder("A", engawa.SideOwn, "oa_operator"), vendor), custody.All, "nothing, keep, own, other_ways, move"},
	} {
		j := custody.Judge(c.entry, now)
		if j.Risk != c.risk || told(j) != c.steps {
			t.Errorf("%s: %s: %s, want %s: %s", name, j.Risk, told(j), c.risk, c.steps)
		}
	}
	j := custody.Judge(done(hostage, now, removed), now)
	if got := j.Holders[1].Rights; slices.Contains(got, "oa_admin") || len(got) != 4 || !slices.Equal(j.Custodians, []string{"A", "B社"}) {
		t.Errorf("what is left is %v, custodians %v", got, j.Custodians)
	}
	if first := custody.Judge(hostage, now).First(); first.CustodyStep != removed || !first.Urgent {
		t.Errorf("first comes %+v", first)
	}
}

// TestOld: what was said holds for half a year, from the day of which it tells.
func TestOld(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		at  time.Time
		on  string
		old bool
	}{
		"fresh":                  {now.Add(-170 * day), "", false},
		"old":                    {now.Add(-190 * day), "", true},
		"said now of long ago":   {now.Add(-time.Hour), "2026-01-10", true},
		"of a day yet to come":   {now.Add(-time.Hour), "2027-01-10", false},
		"of a day that is none":  {now.Add(-time.Hour), "gestern", false},
		"old, of a day to come":  {now.Add(-190 * day), "2027-01-10", true},
		"of the day it was said": {now.Add(-170 * day), now.Add(-170 * day).Format(time.DateOnly), false},
	} {
		e := said("chatwork", holder("A", engawa.SideOwn, "org_admin"), holder("A2", engawa.SideOwn, "org_admin"))
		e.Lines[0].At, e.Lines[0].Stated.On = c.at, c.on
		if got := strings.Contains(told(custody.Judge(e, now)), custody.StepStateAgain); got != c.old {
			t.Errorf("%s: asked anew: %t", name, got)
		}
	}
}

// TestSecond: a second person whom somebody named, or of whom it was said that they
// came, is enough.
func TestSecond(t *testing.T) {
	e := done(said("zendesk", holder("A", engawa.SideOwn, "owner")), now, engawa.CustodyStep{Key: custody.StepSecond})
	if j := custody.Judge(e, now); j.Risk != custody.Sound || told(j) != "(second)" || j.First() != nil {
		t.Errorf("%s: %s", j.Risk, told(j))
	}
}

// TestCompare: what a provider says otherwise than before.
func TestCompare(t *testing.T) {
	type facts = channel.Facts
	for name, c := range map[string]struct {
		was, is facts
		ours    int
		found   []engawa.CustodyFound
	}{
		"nothing before":      {nil, facts{"webhook": "https://b.example/x", "quota_used": "900"}, 0, nil},
		"nothing now":         {facts{"webhook": "https://b.example/x"}, nil, 0, nil},
		"the same":            {facts{"webhook": "a", "menu": "m", "quota_used": "5"}, facts{"webhook": "a", "menu": "m", "quota_used": "5"}, 0, nil},
		"another webhook":     {facts{"webhook": "a"}, facts{"webhook": "b"}, 0, []engawa.CustodyFound{{What: custody.WebhookChanged, Was: "a", Is: "b"}}},
		"no webhook any more": {facts{"webhook": "a"}, facts{"webhook": ""}, 0, []engawa.CustodyFound{{What: custody.WebhookChanged, Was: "a"}}},
		"another menu":        {facts{"menu": ""}, facts{"menu": "m"}, 0, []engawa.CustodyFound{{What: custody.MenuChanged, Is: "m"}}},
		"another account":     {facts{"identity": "U1"}, facts{"identity": "U2"}, 0, []engawa.CustodyFound{{What: custody.IdentityChanged, Was: "U1", Is: "U2"}}},
		"something else":      {facts{"plan": "free"}, facts{"plan": "paid"}, 0, []engawa.CustodyFound{{What: custody.SettingChanged, Was: "plan: free", Is: "plan: paid"}}},
		"our own messages":    {facts{"quota_used": "100"}, facts{"quota_used": "140"}, 40, nil},
		"fewer than ours":     {facts{"quota_used": "100"}, facts{"quota_used": "110"}, 40, nil},
		"others' messages":    {facts{"quota_used": "100"}, facts{"quota_used": "190"}, 40, []engawa.CustodyFound{{What: custody.QuotaUsedByOthers, Was: "40", Is: "90"}}},
		"a new month":         {facts{"quota_used": "900"}, facts{"quota_used": "30"}, 30, nil},
		"others' new month":   {facts{"quota_used": "900"}, facts{"quota_used": "31"}, 30, []engawa.CustodyFound{{What: custody.QuotaUsedByOthers, Was: "30", Is: "31"}}},
		"no number":           {facts{"quota_used": "many"}, facts{"quota_used": "more"}, 0, nil},
	} {
		if got := custody.Compare(c.was, c.is, c.ours); !slices.Equal(got, c.found) {
			t.Errorf("%s: %+v, want %+v", name, got, c.found)
		}
	}
}
