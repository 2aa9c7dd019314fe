package scrub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The limits. A mail over MaxSize is refused; the rest of one that goes beyond
// another limit is replaced by a notice.
const (
	MaxSize   = 25 << 20 // octets of a mail
	MaxOut    = 20 << 20 // octets of all attachments that pass
	MaxHeader = 64 << 10 // octets of one header block
	MaxDepth  = 10       // parts inside parts
	MaxParts  = 100
	MaxText   = 1 << 20 // octets of all texts, decoded
)

// ErrTooLarge says that the mail is over MaxSize.
var ErrTooLarge = errors.New("the mail is larger than 25 MiB")

// ErrNoHeader says that what came is no mail: it has no header within MaxHeader.
var ErrNoHeader = errors.New("the mail has no header that can be read within 64 KiB")

// Class is a kind of identifier that was replaced.
type Class string

// The classes.
const (
	Address Class = "address" // a mailbox of the customer, or one that the mail's own header names
	Phone   Class = "phone"
	Name    Class = "name"
	ID      Class = "id"      // a LINE user id, a member number …
	Alias   Class = "alias"   // an address of the hub's own relay
	Link    Class = "link"    // what a link of ours in the quoted mail ends in: it opens the customer's own page
	Another Class = "another" // any other mail address: whoever writes it may own it
)

// Classes lists every class.
func Classes() []Class { return []Class{Address, Phone, Name, ID, Alias, Link, Another} }

// Why says for what a part was held back.
type Why string

// The reasons.
const (
	Undecoded Why = "undecoded" // its encoding is unknown, broken or one that hides what it holds
	Sealed    Why = "sealed"    // encrypted or signed as a whole (S/MIME, OpenPGP)
	Document  Why = "document"  // a file that names its author inside: PDF, Office, archive, sound, film
	Card      Why = "card"      // a business card
	Machine   Why = "machine"   // a report of a mail server or a mail program
	Remote    Why = "remote"    // a part that is to be fetched from somewhere
	Over      Why = "over"      // beyond a limit
	Leaking   Why = "leaking"   // it still held an identifier after all was done
)

// Whys lists every reason.
func Whys() []Why {
	return []Why{Undecoded, Sealed, Document, Card, Machine, Remote, Over, Leaking}
}

// Words gives what stands in place of an identifier (a Class) or of a part (a
// Why), in the partner's language and on one line.
type Words func(what string) string

// Known is what the hub knows of the customer who wrote.
type Known struct {
	Addresses []string // mailboxes; those that the mail's header names are added
	Names     []string // that are to stay hidden
	Phones    []string // in E.164
	IDs       []string // shorter than six letters and digits are not looked for
	Aliases   []string // of the hub's relay
	Relay     []string // domains of the hub's relay: every address there is an alias
	Spare     []string // addresses and whole domains that pass: the partner's own
}

// Format tells how much is known, whatever the verb.
func (k Known) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%d addresses, %d names, %d phones, %d ids", len(k.Addresses), len(k.Names), len(k.Phones), len(k.IDs))
}

// Message is a mail made anew.
type Message struct {
	At          time.Time // when it came, to the hour, in UTC: finer, two partners could tell that they got one mail
	Subject     string
	Text        string
	Attachments []Attachment
}

// Attachment is a file that passed.
type Attachment struct {
	Name string // made anew if it held an identifier
	Type string
	Data []byte
}

// Format tells the message's size and none of its words, whatever the verb.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message of %d octets, %d attachments", len(m.Text), len(m.Attachments))
}

// Report counts what was done. It holds nothing of the mail.
type Report struct {
	Hidden map[Class]int // identifiers replaced
	Held   map[Why]int   // parts replaced by a notice
	Gone   int           // parts that were left out without one: signatures, second versions of a text
}

// Scrubber knows one customer. It may be used by several goroutines.
type Scrubber struct {
	known Known
	words Words
}

// New makes a scrubber.
func New(k Known, w Words) *Scrubber { return &Scrubber{k, w} }

// Mail rebuilds a mail that came at a time. An error says that nothing can be
// made of it.
func (s *Scrubber) Mail(raw []byte, at time.Time) (Message, Report, error) {
	if len(raw) > MaxSize {
		return Message{}, Report{}, ErrTooLarge
	}
	head, body, ok := split(raw)
	if !ok || len(head) == 0 {
		return Message{}, Report{}, ErrNoHeader
	}
	r := &rebuild{
		words: s.words, patterns: compile(s.known, head), left: MaxText, room: MaxOut,
		report: Report{Hidden: map[Class]int{}, Held: map[Why]int{}},
	}
	m := Message{At: at.UTC().Truncate(time.Hour)}
	m.Subject = r.line(decodeWords(head.get("Subject")), maxSubject)
	r.part(head, body, 0)
	m.Text = strings.Trim(strings.Join(r.texts, "\n\n"), "\n")
	if r.over {
		m.Text = strings.Trim(m.Text+"\n\n"+r.notice(Over), "\n")
	}
	m.Attachments = r.files
	return m, r.report, nil
}

// Text replaces the identifiers in a text that is no mail: a subject, a name.
func (s *Scrubber) Text(text string) (string, Report) {
	r := &rebuild{words: s.words, patterns: compile(s.known, nil), left: MaxText, report: Report{Hidden: map[Class]int{}, Held: map[Why]int{}}}
	return r.scrub(text), r.report
}

const (
	maxSubject = 400 // characters
	maxName    = 100 // characters of a file's name
)

// rebuild is the making of one message.
type rebuild struct {
	words    Words
	patterns *patterns
	texts    []string
	files    []Attachment
	parts    int
	left     int // octets of text that may still pass
	room     int // octets of attachments that may still pass
	over     bool
	report   Report
}

func (r *rebuild) notice(w Why) string { return "[" + r.words(string(w)) + "]" }

// hold puts a notice where a part stood.
func (r *rebuild) hold(w Why) {
	r.report.Held[w]++
	if note := r.notice(w); !slices.Contains(r.texts, note) {
		r.texts = append(r.texts, note)
	}
}

// rounds is how often a text is gone over: what was replaced may have stood
// between the halves of something.
const rounds = 3

// scrub replaces what is found in a text. A text in which something is still
// found in the end is replaced as a whole.
func (r *rebuild) scrub(text string) string {
	text = clean(text)
	for range rounds {
		found, ok := r.patterns.find(text)
		if !ok {
			r.report.Held[Over]++
			return r.notice(Over)
		}
		if len(found) == 0 {
			return text
		}
		text = r.replace(text, found)
	}
	if found, ok := r.patterns.find(text); !ok || len(found) > 0 {
		r.report.Held[Leaking]++
		return r.notice(Leaking)
	}
	return text
}

func (r *rebuild) replace(text string, found []span) string {
	var b strings.Builder
	last := 0
	for _, f := range found {
		b.WriteString(text[last:f.from])
		b.WriteString("[" + r.words(string(f.class)) + "]")
		last = f.to
		r.report.Hidden[f.class]++
	}
	b.WriteString(text[last:])
	return b.String()
}

// line scrubs what stands on one line.
func (r *rebuild) line(s string, most int) string {
	s = r.scrub(strings.Join(strings.Fields(s), " "))
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}
