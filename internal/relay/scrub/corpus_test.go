package scrub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/relay/corpus"
	"github.com/engawa/engawa/internal/relay/scrub"
)

// seed is that of every corpus here; any other holds as well.
const seed = 20261130

func said(what string) string { return "hidden: " + what }

func known(p corpus.Persona) scrub.Known {
	return scrub.Known{
		Addresses: []string{p.Mailbox}, Names: []string{p.Name, p.Roman}, Phones: []string{p.Phone}, IDs: []string{p.Line, p.Member},
		Aliases: []string{p.Alias}, Relay: []string{"relay.hub.example"}, Spare: []string{"vendor.example"},
	}
}

var at = time.Date(2026, 11, 2, 10, 34, 56, 0, time.UTC)

// fields are all that a partner is given.
func fields(m scrub.Message) map[string][]byte {
	out := map[string][]byte{"time": []byte(m.At.Format(time.RFC3339Nano)), "subject": []byte(m.Subject), "text": []byte(m.Text)}
	for i, a := range m.Attachments {
		out[fmt.Sprintf("name %d", i)], out[fmt.Sprintf("type %d", i)], out[fmt.Sprintf("data %d", i)] = []byte(a.Name), []byte(a.Type), a.Data
	}
	return out
}

func search(p corpus.Persona, m scrub.Message) (hits []string) {
	look := p.Search()
	for where, given := range fields(m) {
		for _, how := range look(given) {
			hits = append(hits, where+": "+how)
		}
	}
	slices.Sort(hits)
	return hits
}

// TestLeaks: of the checklist's cases, in every charset and by many programs, and
// of the address in every disguise, nothing is left.
func TestLeaks(t *testing.T) {
	mails := append(corpus.Leaks(seed, 3), corpus.Disguised(seed)...)
	if len(mails) < 400 {
		t.Fatalf("%d mails", len(mails))
	}
	leaking, empty, hidden := 0, 0, map[scrub.Class]int{}
	for _, m := range mails {
		got, report, err := scrub.New(known(m.Who), said).Mail(m.Raw, at)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if hits := search(m.Who, got); len(hits) > 0 {
			leaking++
			t.Errorf("%s: %v\nsubject %q\ntext %q\n", m.Name, hits, got.Subject, got.Text)
		}
		if got.Text == "" && len(got.Attachments) == 0 {
			empty++
			t.Errorf("%s: nothing is left of it", m.Name)
		}
		for c, n := range report.Hidden {
			hidden[c] += n
		}
		if leaking > 20 {
			t.Fatal("and so on")
		}
	}
	for _, c := range scrub.Classes() {
		if hidden[c] == 0 {
			t.Errorf("nothing of class %s was hidden in the whole corpus", c)
		}
	}
	t.Logf("%d mails, %d leak; hidden %v", len(mails), leaking, hidden)
}

// TestPlanted: the search finds what it is to find. In a message that a scrubber
// was not asked about it finds every disguise in every field; and it finds that
// the corpus leaks through a reader that hides nothing.
func TestPlanted(t *testing.T) {
	mails := corpus.Disguised(seed)
	for i, d := range corpus.Disguises() {
		m := mails[i*5]
		clean, _, err := scrub.New(known(m.Who), said).Mail(m.Raw, at)
		if err != nil {
			t.Fatal(err)
		}
		secret := "x " + d.Write(m.Who.Mailbox) + " y"
		for where, plant := range map[string]func(*scrub.Message){
			"subject": func(s *scrub.Message) { s.Subject += secret }, "text": func(s *scrub.Message) { s.Text += secret },
			"name": func(s *scrub.Message) { s.Attachments = append(s.Attachments, scrub.Attachment{Name: secret}) },
			"type": func(s *scrub.Message) { s.Attachments = append(s.Attachments, scrub.Attachment{Type: secret}) },
			"data": func(s *scrub.Message) {
				s.Attachments = append(s.Attachments, scrub.Attachment{Data: []byte("\xff\xd8" + secret)})
			},
		} {
			planted := clean
			planted.Attachments = slices.Clone(clean.Attachments)
			plant(&planted)
			if len(search(m.Who, planted)) == 0 {
				t.Errorf("%s in the %s is not found", d.Name, where)
			}
		}
	}
	found, all := 0, corpus.Leaks(seed, 1)
	for _, m := range all {
		l, err := letter.Read(m.Raw)
		if err == nil && len(m.Who.Search()([]byte(l.Subject+l.Text))) > 0 {
			found++
		}
	}
	t.Logf("of a reader that hides nothing, %d of %d mails leak by their text", found, len(all))
	if found < len(all)/2 {
		t.Error("the search finds too little")
	}
}

// TestHarmless: at most one in two hundred harmless mails comes out other than
// it was typed.
func TestHarmless(t *testing.T) {
	const n = 2000
	changed := 0
	for _, m := range corpus.Harmless(seed, n) {
		got, report, err := scrub.New(known(m.Who), said).Mail(m.Raw, at)
		if err != nil || got.Subject != m.Subject || !strings.Contains(one(got.Text), one(m.Text)) {
			if changed++; changed < 20 {
				t.Logf("%s: %v %v\n%q %q\n%q\n%q", m.Name, err, report, m.Subject, got.Subject, one(m.Text), one(got.Text))
			}
		}
	}
	t.Logf("%d of %d harmless mails changed", changed, n)
	if changed*200 > n {
		t.Errorf("%d of %d harmless mails were changed: more than 0.5 %%", changed, n)
	}
}

// one leaves blanks out of account: programs wrap lines.
func one(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), " ")
}
