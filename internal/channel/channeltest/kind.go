package channeltest

import (
	"errors"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// kind asks whether the description of the channel holds together.
func (c Case) kind(t *testing.T) {
	k := c.Kind
	if k.Name == "" || k.New == nil {
		t.Fatal("a channel needs a name and New")
	}
	s, err := k.Check(c.Settings)
	if err != nil {
		t.Fatalf("the case's own settings: %v", err)
	}
	if n := k.Connections(s); n < 1 || n > 1000 {
		t.Errorf("%d connections at once", n)
	}
	if k.Limits != nil {
		c.limits(t, k.Limits(s))
	}
	c.addresses(t)
}

func (c Case) limits(t *testing.T, limits []channel.Limit) {
	seen := map[string]bool{}
	for _, l := range limits {
		if l.Scope == "" || l.N <= 0 || l.Per <= 0 || seen[l.Scope] {
			t.Errorf("limit %+v: it needs a scope of its own, a number and a length", l)
		}
		seen[l.Scope] = true
	}
}

func (c Case) addresses(t *testing.T) {
	if !c.Kind.ToCustomers && !c.Kind.ToStaff {
		t.Error("the channel reaches neither customers nor staff")
	}
	if c.Kind.Address == nil {
		t.Fatal("the kind has no Address")
	}
	a, err := c.Kind.Address(c.To.Reveal())
	if err != nil || a != c.To {
		t.Errorf("Address changes or refuses the case's own address: %v", err)
	}
	for _, bad := range []string{"", " ", "\r\n", "a\x00b", "\xff"} {
		var e *engawa.Error
		if _, err := c.Kind.Address(bad); !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Remedy == "" {
			t.Errorf("Address(%q): %v, want an *engawa.Error that says what to do", bad, err)
		}
	}
}

func (c Case) emptySettings(t *testing.T) {
	if _, err := c.Kind.Check(map[string]string{}); err == nil {
		t.Error("Check accepts empty settings")
	}
	if ch, err := c.Kind.New(channel.Settings{}, channel.Env{Account: Account}); err == nil {
		t.Errorf("New makes a %T of empty settings", ch)
	}
	if _, err := c.Kind.Check(map[string]string{"no_such_setting": "x"}); err == nil {
		t.Error("Check accepts a setting that does not exist")
	}
	for _, f := range c.Kind.Fields {
		if !f.Required || f.Default != "" {
			continue
		}
		s := map[string]string{}
		for k, v := range c.Settings {
			if k != f.Key {
				s[k] = v
			}
		}
		if _, err := c.Kind.Check(s); err == nil {
			t.Errorf("Check accepts settings without %s", f.Key)
		}
	}
}
