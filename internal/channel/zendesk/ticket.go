package zendesk

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	netmail "net/mail"
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

const (
	maxSubject = 255       // characters
	maxComment = 60 * 1000 // bytes; Zendesk takes 64 kB
)

// ticket is what is posted. Its JSON is the same on every attempt as long as
// the customer's name and address are.
type ticket struct {
	Subject    string      `json:"subject"`
	Comment    comment     `json:"comment"`
	Requester  *requester  `json:"requester,omitempty"`
	ExternalID string      `json:"external_id"`
	Group      json.Number `json:"group_id,omitempty"`
	Brand      json.Number `json:"brand_id,omitempty"`
	Form       json.Number `json:"ticket_form_id,omitempty"`
	Priority   string      `json:"priority,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Fields     []field     `json:"custom_fields,omitempty"`
}

type comment struct {
	Body   string `json:"body"`
	Public bool   `json:"public"` // never true: Zendesk would write to the customer
}

type requester struct {
	Name string `json:"name"`
	Mail string `json:"email"`
}

type field struct {
	ID    json.Number `json:"id"`
	Value any         `json:"value"`
}

// body writes the ticket of p.
func (a *account) body(p engawa.Parcel) ([]byte, error) {
	t := ticket{
		Subject: subject(p.Content), Comment: comment{Body: words(p)}, ExternalID: p.Delivery, Tags: a.tags,
		Priority: a.priority, Brand: json.Number(a.brand), Form: json.Number(a.form),
	}
	if p.To != Default {
		t.Group = json.Number(p.To.Reveal())
	}
	if p.About != nil {
		data := readData(p.About.Data)
		t.Requester = who(p.About, data)
		for _, m := range a.fields {
			if v := m.value(p.About, data); v != nil {
				t.Fields = append(t.Fields, field{json.Number(m.id), v})
			}
		}
	}
	b, err := json.Marshal(map[string]ticket{"ticket": t})
	if err != nil {
		return nil, fmt.Errorf("write the ticket: %w", err)
	}
	return b, nil
}

// readData reads an event's data with its numbers as they were written.
func readData(b []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	data := map[string]any{}
	if d.Decode(&data) != nil {
		return map[string]any{}
	}
	return data
}

// who is the requester: the customer at the address that we know or, of one who
// has none with us yet, at the address that came with the event ("m", as the
// catalogue of events has it). Zendesk takes no requester without a name.
func who(about *engawa.About, data map[string]any) *requester {
	m, _ := data["m"].(map[string]any)
	name, _ := m["name"].(string)
	mail, _ := m["email"].(string)
	r := requester{Name: cmp.Or(about.Name, name), Mail: cmp.Or(about.Mail.Reveal(), mail)}
	if a, err := netmail.ParseAddress(r.Mail); err != nil || a.Address != r.Mail {
		return nil
	}
	local, _, _ := strings.Cut(r.Mail, "@")
	r.Name = firstRunes(cmp.Or(strings.TrimSpace(strings.ToValidUTF8(r.Name, "�")), local), maxSubject)
	return &r
}

// subject is the notice's, or the first line of its text.
func subject(c engawa.Content) string {
	line, _, _ := strings.Cut(strings.TrimLeft(c.Text, "\n "), "\n")
	s := strings.Join(strings.Fields(strings.ToValidUTF8(cmp.Or(c.Subject, line), "�")), " ")
	return firstRunes(cmp.Or(s, "Engawa"), maxSubject)
}

// words are the internal note. What is longer than a comment may be is cut, and
// says so.
func words(p engawa.Parcel) string {
	s := strings.TrimRight(strings.ToValidUTF8(p.Content.Text, "�"), "\n")
	if s == "" {
		s = subject(p.Content) // a ticket without a first comment is refused
	}
	if len(s) <= maxComment {
		return s
	}
	s = s[:maxComment]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "\n" + cmp.Or(cutNotes[p.Locale], cutNotes[engawa.English])
}

// cutNotes stand at the end of words that were too long for one comment.
var cutNotes = map[engawa.Locale]string{
	engawa.Japanese: "…(長いため、続きはEngawaの画面でご確認ください)",
	engawa.Korean:   "…(내용이 길어 이어지는 부분은 Engawa 화면에서 확인해 주십시오)",
	engawa.English:  "… (too long for one comment: read the rest in Engawa)",
}

// firstRunes returns s, or its first n characters.
func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
