package verdict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/engawa/engawa"
)

// staff is a parcel that is cleared now, whatever its words: it goes to a staff place.
func staff(t *testing.T, p engawa.Parcel) Cleared {
	t.Helper()
	f := japan()
	destination(&f)
	f.CreatedAt, f.ExpiresAt, f.About = time.Time{}, time.Time{}, p.About
	c, v := Clear(f, load(t), time.Now(), p, time.Now().Add(time.Hour))
	if v.Outcome != engawa.Send {
		t.Fatalf("%s %v", v.Outcome, reasonsOf(v))
	}
	return c
}

// TestClearedBinds: a Cleared is bound to who, what and where: after any of it changed,
// if only by one letter that moved from one text to the next, it does not open.
func TestClearedBinds(t *testing.T) {
	for name, change := range map[string]func(*engawa.Parcel){
		"workspace":       func(p *engawa.Parcel) { p.Workspace = "b" },
		"message":         func(p *engawa.Parcel) { p.Message = "b" },
		"delivery":        func(p *engawa.Parcel) { p.Delivery = "b" },
		"account":         func(p *engawa.Parcel) { p.Account = "acc_2" },
		"recipient":       func(p *engawa.Parcel) { p.To = "b" },
		"their name":      func(p *engawa.Parcel) { p.ToName = "b" },
		"sender's name":   func(p *engawa.Parcel) { p.SenderName = "b" },
		"partner":         func(p *engawa.Parcel) { p.Partner = "b" },
		"purpose":         func(p *engawa.Parcel) { p.Purpose = "b" },
		"language":        func(p *engawa.Parcel) { p.Locale = "b" },
		"subject":         func(p *engawa.Parcel) { p.Content.Subject = "b" },
		"text":            func(p *engawa.Parcel) { p.Content.Text = "b" },
		"HTML":            func(p *engawa.Parcel) { p.Content.HTML = "b" },
		"way out":         func(p *engawa.Parcel) { p.Unsubscribe = "b" },
		"nobody told of":  func(p *engawa.Parcel) { p.About = nil },
		"customer":        func(p *engawa.Parcel) { p.About.Customer = "b" },
		"customer's name": func(p *engawa.Parcel) { p.About.Name = "b" },
		"customer's mail": func(p *engawa.Parcel) { p.About.Mail = "b" },
		"event":           func(p *engawa.Parcel) { p.About.Event = "b" },
		"type of event":   func(p *engawa.Parcel) { p.About.Type = "b" },
		"data of event":   func(p *engawa.Parcel) { p.About.Data = []byte("b") },
		"a letter moves":  func(p *engawa.Parcel) { p.To, p.ToName = "", "aa" },
	} {
		c := staff(t, engawa.Parcel{
			Workspace: "a", Message: "a", Delivery: "a", Account: "acc_1", To: "a", ToName: "a", SenderName: "a",
			Purpose: "a", Locale: "a", Content: engawa.Content{Subject: "a", Text: "a", HTML: "a"}, Unsubscribe: "a",
			About: &engawa.About{Customer: "a", Name: "a", Mail: "a", Event: "a", Type: "a", Data: []byte("a")},
		})
		if _, err := c.Open("acc_1"); err != nil {
			t.Fatal(err)
		}
		change(&c.it.parcel)
		if _, err := c.Open("acc_1"); !errors.Is(err, ErrNotCleared) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestClearedSays: whoever prints a Cleared, or what it points to, reads which parcel it
// is and neither recipient nor words.
func TestClearedSays(t *testing.T) {
	c := staff(t, engawa.Parcel{Message: "msg_1", Delivery: "dlv_1", Account: "acc_1", Attempt: 2, To: "x@y.example", Content: engawa.Content{Text: "words"}})
	marshalled, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = "cleared attempt 2 of dlv_1 (msg_1) on acc_1"
	for _, got := range []string{c.String(), fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s", c.it)} {
		if got != want {
			t.Errorf("says %q", got)
		}
	}
	if string(marshalled) != `"`+want+`"` {
		t.Errorf("says %s in JSON", marshalled)
	}
	if got := fmt.Sprint(Cleared{}); got != "not cleared by a verdict" {
		t.Errorf("the zero Cleared says %q", got)
	}
}

// TestClearedContext: a context that ends by the deadline of a Cleared is taken as it
// is, and one that ends later, or never, ends at the deadline.
func TestClearedContext(t *testing.T) {
	c := staff(t, engawa.Parcel{Account: "acc_1"})
	for name, tc := range map[string]struct {
		after time.Duration // the deadline
		same  bool
	}{"before": {-1, true}, "at": {0, true}, "after": {1, false}} {
		ctx, cancel := context.WithDeadline(t.Context(), c.Deadline().Add(tc.after))
		defer cancel()
		got, release := c.Context(ctx)
		defer release()
		if end, ok := got.Deadline(); (got == ctx) != tc.same || !ok || end.After(c.Deadline()) {
			t.Errorf("a context that ends %s it: the same %t, ends %s", name, got == ctx, end)
		}
	}
	got, release := c.Context(t.Context())
	defer release()
	if end, ok := got.Deadline(); !ok || !end.Equal(c.Deadline()) {
		t.Errorf("a context without an end ends %s", end)
	}
}
