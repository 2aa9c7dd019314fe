package builtin

import (
	"errors"
	"regexp"
	"slices"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// A kind is a channel or a source, has a name that can stand in a URL, and
// fields whose defaults it accepts itself.
func TestKinds(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if !word.MatchString(k.Name) || seen[k.Name] {
			t.Errorf("the name %q is odd or taken", k.Name)
		}
		seen[k.Name] = true
		ways := 0
		for _, has := range []bool{k.New != nil, k.Source != nil, k.Mailbox, k.File} {
			if has {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%s must have one of New, Source, Mailbox and File", k.Name)
		}
		if (k.New != nil) != (k.ToCustomers || k.ToStaff) || (k.New != nil) != (k.Address != nil) {
			t.Errorf("%s: a channel reaches somebody at an address, a source does not", k.Name)
		}
		fields(t, k)
	}
}

func fields(t *testing.T, k channel.Kind) {
	t.Helper()
	seen, needed := map[string]bool{}, false
	for _, f := range k.Fields {
		if seen[f.Key] || f.Key == "" || f.Type == "" {
			t.Errorf("%s: field %q is unnamed, without a type or twice there", k.Name, f.Key)
		}
		seen[f.Key] = true
		needed = needed || f.Required && f.Default == ""
		if (f.Type == channel.Choice) != (len(f.Choices) > 0) {
			t.Errorf("%s: field %s: choices belong to a choice", k.Name, f.Key)
		}
		one := channel.Kind{Name: k.Name, Fields: []channel.Field{{Key: f.Key, Type: f.Type, Choices: f.Choices}}}
		if _, err := one.Check(map[string]string{f.Key: f.Default}); err != nil {
			t.Errorf("%s: the default of %s: %v", k.Name, f.Key, err)
		}
	}
	var e *engawa.Error
	if _, err := k.Check(nil); needed && !errors.As(err, &e) {
		t.Errorf("%s takes no settings at all: %v", k.Name, err)
	}
}

func TestAppStore(t *testing.T) {
	k := appStore
	for name, tc := range map[string]struct {
		in map[string]string
		ok bool
	}{
		"sandbox":               {map[string]string{"bundle_id": "com.example.hinata", "environment": "sandbox"}, true},
		"production":            {map[string]string{"bundle_id": "com.example.hinata", "app_apple_id": "1234567890"}, true},
		"production without id": {map[string]string{"bundle_id": "com.example.hinata"}, false},
		"roots that are no PEM": {map[string]string{"bundle_id": "com.example.hinata", "environment": "sandbox", "roots": "x"}, false},
	} {
		s, err := k.Check(tc.in)
		if err == nil {
			_, err = k.Source(s, channel.Env{})
		}
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestContactKinds: a channel that has no contact points of its own reaches
// customers at those of a channel that has, and takes the same addresses.
func TestContactKinds(t *testing.T) {
	for _, k := range Kinds() {
		of := engawa.ContactKind(k.Name)
		if (k.Form != nil) != (of != k.Name) {
			t.Errorf("%s reaches customers at contact points of the kind %s", k.Name, of)
		}
		i := slices.IndexFunc(Kinds(), func(o channel.Kind) bool { return o.Name == of })
		if i < 0 || of != k.Name && (!k.ToCustomers || !Kinds()[i].ToCustomers || engawa.ContactKind(of) != of) {
			t.Errorf("%s: there are no contact points of the kind %s", k.Name, of)
		}
		if k.Form == nil {
			continue
		}
		a, err := Kinds()[i].Address("hana@customer.example")
		if b, err2 := k.Address(a.Reveal()); err != nil || err2 != nil || a != b {
			t.Errorf("%s takes %s addresses: %v %v", k.Name, of, err, err2)
		}
	}
}
