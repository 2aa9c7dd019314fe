package scrub

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// patterns are what is looked for, in the folded and squeezed spelling.
type patterns struct {
	mailboxes []mailbox
	boxes     []string // mailboxes as they are written, in lower case
	locals    []string // local parts that name somebody by themselves, folded
	names     []name
	phones    []string // digits, without what stands before the national number
	ids       []id
	relay     []string // domains
	spare     []string // addresses and domains
}

// mailbox is an address: what its local part is made of between dots, hyphens and
// underscores, and the labels of its domain, all squeezed.
type mailbox struct {
	local, domain []string
	letters       int // of the local part
	class         Class
	swapped       bool // local and domain are: as SRS writes a return path, "=domain=local"
}

// id is what some system calls the customer.
type id struct {
	text  string
	class Class
}

// name is a way to write a name. A Latin one must not stand inside a word.
type name struct {
	text  string
	latin bool
}

// squeeze is the squeezed spelling of s.
func squeeze(s string) string { return shown(s).fold().squeeze().s }

func folded(s string) string { return string(shown(s).fold().b) }

// own are the fields of a mail that name the mailbox of whoever sends it, or
// mailboxes that are nobody's business either.
var own = []string{
	"from", "sender", "reply-to", "return-path", "to", "cc", "bcc", "delivered-to", "envelope-to", "x-original-to", "x-envelope-from", "x-envelope-to", "x-sender", "x-authenticated-sender",
	"x-forwarded-to", "x-forwarded-for", "resent-from", "resent-sender", "resent-to", "resent-cc", "apparently-to", "disposition-notification-to", "return-receipt-to", "x-confirm-reading-to",
	"autocrypt", "errors-to", "x-google-original-from", "x-apparently-from", "x-yahoo-profile", "x-kakao-from", "x-naver-from", "original-recipient", "x-actual-recipient", "x-failed-recipients",
}

// inText finds mailboxes in a field.
var inText = regexp.MustCompile(`[\p{L}\p{N}._%+'=~&\-]{1,64}@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+`)

const (
	maxFound = 60 // mailboxes that are taken from one mail's header
	minLocal = 8  // letters of a local part that is looked for without its domain
	minID    = 6
)

// compile makes the patterns of a customer, and of what the header of their mail
// tells besides: it names the mailbox that they really wrote from.
func compile(k Known, h header) *patterns {
	p := &patterns{}
	for _, s := range k.Spare {
		p.spare = append(p.spare, strings.ToLower(strings.TrimPrefix(s, "@")))
	}
	for _, d := range k.Relay {
		p.relay = append(p.relay, strings.ToLower(d))
	}
	for _, a := range k.Addresses {
		p.mailbox(a, Address)
		p.local(a)
	}
	for _, a := range k.Aliases {
		p.mailbox(a, Alias)
		if local, _, _ := strings.Cut(strings.ToLower(a), "@"); len(local) >= longID {
			p.ids = append(p.ids, id{squeeze(local), Alias})
		}
	}
	for _, n := range k.Names {
		p.name(n)
	}
	for _, n := range k.Phones {
		p.phone(n)
	}
	for _, n := range k.IDs {
		if s := squeeze(n); utf8.RuneCountInString(s) >= minID {
			p.ids = append(p.ids, id{s, ID})
		}
	}
	p.header(h)
	p.names = slices.Compact(slices.SortedFunc(slices.Values(p.names), func(a, b name) int { return strings.Compare(a.text, b.text) }))
	return p
}

func (p *patterns) header(h header) {
	found := 0
	for _, f := range h {
		lower := strings.ToLower(f.name)
		if !slices.Contains(own, lower) || len(f.value) > MaxHeader {
			continue
		}
		value := decodeWords(f.value)
		for _, a := range inText.FindAllString(value, maxFound) {
			if found++; found <= maxFound && !p.spared(strings.ToLower(a)) {
				p.mailbox(a, Address)
			}
			if lower == "from" {
				p.local(a)
			}
		}
		if lower == "from" || lower == "sender" || lower == "reply-to" {
			p.displayName(value)
		}
	}
}

// displayName hides the name beside the address, if it is long enough to be one.
func (p *patterns) displayName(value string) {
	n, _, ok := strings.Cut(value, "<")
	n = strings.Trim(strings.TrimSpace(n), `"' `)
	if !ok || n == "" || strings.Contains(n, "@") || utf8.RuneCountInString(n) > 60 {
		return
	}
	tokens, size := nameTokens(n), utf8.RuneCountInString(squeeze(n))
	if len(tokens) > 1 && size >= 4 || size >= 3 && !latin(squeeze(n)) {
		p.name(n)
	}
}

func (p *patterns) mailbox(address string, c Class) {
	i := strings.LastIndexByte(address, '@')
	if i <= 0 {
		if c == Address && len(address) > 0 {
			p.ids = append(p.ids, id{squeeze(address), ID}) // a LINE user id among contact points
		}
		return
	}
	local, domain := address[:i], strings.ToLower(strings.Trim(address[i+1:], "."))
	locals := [][]string{pieces(local, "._-")}
	base, _, tagged := strings.Cut(local, "+")
	p.boxes = append(p.boxes, strings.ToLower(address), strings.ToLower(base)+"@"+domain)
	if tagged {
		locals = append(locals, pieces(base, "._-"))
	}
	domains := []string{domain}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domains = append(domains, ascii)
	}
	if wide, err := idna.Display.ToUnicode(domain); err == nil {
		domains = append(domains, wide)
	}
	switch domain {
	case "gmail.com":
		domains = append(domains, "googlemail.com")
	case "googlemail.com":
		domains = append(domains, "gmail.com")
	}
	slices.Sort(domains)
	for _, d := range slices.Compact(domains) {
		labels := pieces(d, ".")
		for _, l := range locals {
			if len(l) > 0 && len(labels) > 0 && !p.has(l, labels) {
				letters := utf8.RuneCountInString(strings.Join(l, ""))
				p.mailboxes = append(p.mailboxes, mailbox{l, labels, letters, c, false}, mailbox{labels, l, letters, c, true})
			}
		}
	}
}

// maxPieces is how many pieces of an address may stand apart: the rest of one that
// has more counts as one, so that no address is slow to look for.
const maxPieces = 8

// pieces cuts s and squeezes what is between.
func pieces(s, cutset string) (out []string) {
	for p := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(cutset, r) }) {
		if p = squeeze(p); p != "" {
			out = append(out, p)
		}
	}
	if len(out) > maxPieces {
		out = append(out[:maxPieces-1], strings.Join(out[maxPieces-1:], ""))
	}
	return out
}

func (p *patterns) has(local, domain []string) bool {
	return slices.ContainsFunc(p.mailboxes, func(m mailbox) bool { return slices.Equal(m.local, local) && slices.Equal(m.domain, domain) })
}

// roles are in local parts that name no person.
var roles = regexp.MustCompile(`reply|support|service|info|mail|admin|contact|office|team|desk|sales|billing|account|help|news|web|order|shop|staff|master|bounce|notif`)

// local takes a local part that is looked for by itself: long, and no word.
func (p *patterns) local(address string) {
	i := strings.LastIndexByte(address, '@')
	if i < minLocal {
		return
	}
	l, _, _ := strings.Cut(folded(address[:i]), "+")
	if len(l) >= minLocal && strings.ContainsAny(l, "0123456789._-") && strings.ContainsFunc(l, unicode.IsLetter) && !roles.MatchString(l) && !slices.Contains(p.locals, l) {
		p.locals = append(p.locals, l)
	}
}

func nameTokens(n string) []string {
	return strings.FieldsFunc(n, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",、・=＝", r) })
}

// honorifics stand behind a part of a name, greetings before it; either makes it
// a name that alone might be a word.
var (
	honorifics = []string{"様", "さま", "さん", "殿", "先生", "님", "씨", "san", "sama"}
	greetings  = []string{"mr", "mrs", "ms", "dear", "hi", "hello"}
)

func (p *patterns) name(n string) {
	tokens := nameTokens(n)
	var parts []string
	for _, t := range tokens {
		if s := squeeze(t); s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return
	}
	whole := strings.Join(parts, "")
	switch size := utf8.RuneCountInString(whole); {
	case latin(whole) && size >= 4, !latin(whole) && size >= 3:
		for _, order := range orders(parts) {
			p.names = append(p.names, name{strings.Join(order, ""), latin(whole)})
		}
	}
	for _, part := range append(parts, whole) {
		for _, h := range honorifics {
			if latin(part) == latin(h) && (!latin(part) || len(part) >= 3) {
				p.names = append(p.names, name{part + h, latin(part)})
			}
		}
		for _, g := range greetings {
			if latin(part) && len(part) >= 3 {
				p.names = append(p.names, name{g + part, true})
			}
		}
	}
}

func latin(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// orders are the orders that the parts of a name are written in.
func orders(parts []string) [][]string {
	switch len(parts) {
	case 1:
		return [][]string{parts}
	case 2:
		return [][]string{parts, {parts[1], parts[0]}}
	case 3: // with and without the middle one
		a, b, c := parts[0], parts[1], parts[2]
		return [][]string{{a, b, c}, {c, a, b}, {a, c}, {c, a}, {b, c, a}}
	}
	last := len(parts) - 1
	return [][]string{parts, append([]string{parts[last]}, parts[:last]...)}
}

// twoDigits are the country codes of two digits; 1 and 7 have one, the rest three
// (ITU-T E.164).
const twoDigits = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

const minPhone = 7 // digits of a national number

// phone takes the national number: whatever is written before it, it is found.
func (p *patterns) phone(n string) {
	digits := numerals(folded(n))
	switch {
	case !strings.HasPrefix(strings.TrimSpace(n), "+"):
		digits = strings.TrimLeft(digits, "0")
	case strings.HasPrefix(digits, "1"), strings.HasPrefix(digits, "7"):
		digits = digits[1:]
	case len(digits) > 3 && strings.Contains(twoDigits, " "+digits[:2]+" "):
		digits = digits[2:]
	case len(digits) > 3:
		digits = digits[3:]
	}
	if digits = strings.TrimLeft(digits, "0"); len(digits) >= minPhone {
		p.phones = append(p.phones, digits)
	}
}

func numerals(s string) string {
	return strings.Map(func(r rune) rune {
		if d := numeral(r); d >= 0 {
			return '0' + d
		}
		return -1
	}, s)
}

// numeral is the value of a digit, in Arabic or Chinese numerals; -1: it is none.
func numeral(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r - '0'
	case r == '零':
		return 0
	}
	for i, c := range []rune("〇一二三四五六七八九") {
		if r == c {
			return rune(i)
		}
	}
	return -1
}

// spared reports an address of the partner's own, in lower case.
func (p *patterns) spared(address string) bool { return listed(p.spare, address) }

func listed(list []string, address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return slices.ContainsFunc(list, func(s string) bool { return s == address || s == domain || strings.HasSuffix(domain, "."+s) })
}
