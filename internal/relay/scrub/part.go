package scrub

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// part rebuilds one part and those inside it.
func (r *rebuild) part(h header, body []byte, depth int) {
	if r.parts++; depth > MaxDepth || r.parts > MaxParts {
		if !r.over {
			r.report.Held[Over]++
		}
		r.over = true
		return
	}
	e := entity{header: h, body: body, depth: depth}
	e.kind, e.params = parameters(h.get("Content-Type"))
	e.disposition, e.more = parameters(h.get("Content-Disposition"))
	if !strings.Contains(e.kind, "/") {
		e.kind = "text/plain" // RFC 2045 5.2; also what "text" alone means
	}
	if strings.HasPrefix(e.kind, "multipart/") {
		r.multipart(e)
		return
	}
	r.leaf(e)
}

// entity is a part as it came.
type entity struct {
	header      header
	body        []byte
	depth       int
	kind        string
	params      map[string]string
	disposition string
	more        map[string]string
}

// name is the file's name, by the header.
func (e entity) name() string {
	n := e.more["filename"]
	if n == "" {
		n = e.params["name"]
	}
	return decodeWords(n)
}

func (r *rebuild) multipart(e entity) {
	switch e.kind {
	case "multipart/encrypted":
		r.hold(Sealed)
		return
	case "multipart/report":
		r.hold(Machine)
		return
	}
	parts, ok := divide(e.body, e.params["boundary"])
	if !ok {
		r.hold(Undecoded)
		return
	}
	switch e.kind {
	case "multipart/alternative":
		r.alternative(parts, e.depth)
		return
	case "multipart/signed": // a signature is an identity
		r.report.Gone += len(parts) - 1
		parts = parts[:1]
	}
	for _, p := range parts {
		r.raw(p, e.depth+1)
	}
}

// raw rebuilds a part from its octets.
func (r *rebuild) raw(p []byte, depth int) {
	h, body, ok := split(p)
	if !ok {
		r.hold(Over)
		return
	}
	r.part(h, body, depth)
}

// alternative takes the plain version of a text; one that is empty, or that
// cannot be decoded, is given up for the next. Of the others only their files
// pass: some programs put those beside the page, inside its version.
func (r *rebuild) alternative(parts [][]byte, depth int) {
	slices.SortStableFunc(parts, func(a, b []byte) int { return rank(a) - rank(b) })
	var held []string
	taken := false
	for _, p := range parts {
		if taken && rank(p) < rankFiles {
			r.report.Gone++
			continue
		}
		before, files := len(r.texts), len(r.files)
		r.raw(p, depth+1)
		said := slices.Clone(r.texts[before:])
		if taken {
			r.texts = append(r.texts[:before], slices.DeleteFunc(said, func(t string) bool { return !r.isNotice(t) })...)
			continue
		}
		if taken = slices.ContainsFunc(said, func(t string) bool { return !r.isNotice(t) }) || len(r.files) > files; !taken {
			held, r.texts = append(held, said...), r.texts[:before]
		}
	}
	if !taken {
		r.texts = append(r.texts, held...)
	}
}

// rankFiles is of versions that may hold files.
const rankFiles = 3

// rank orders the versions of a text.
func rank(p []byte) int {
	h, _, _ := split(p)
	switch kind, _ := parameters(h.get("Content-Type")); {
	case kind == "text/plain" || kind == "":
		return 0
	case kind == "text/html":
		return 1
	case kind == "text/enriched" || kind == "text/richtext":
		return 2
	case strings.HasPrefix(kind, "multipart/"):
		return rankFiles
	}
	return rankFiles + 1
}

func (r *rebuild) isNotice(text string) bool {
	return slices.ContainsFunc(Whys(), func(w Why) bool { return text == r.notice(w) })
}

// divide cuts a multipart body at its boundary (RFC 2046 5.1.1). The end may be
// missing, as mail that was cut short has it; a boundary that never comes is a fault.
func divide(body []byte, boundary string) (parts [][]byte, ok bool) {
	boundary = strings.TrimRight(boundary, " ")
	if boundary == "" {
		return nil, false
	}
	mark := []byte("--" + boundary)
	begin := -1
	for at := 0; at < len(body); {
		end := bytes.IndexByte(body[at:], '\n')
		next := at + end + 1
		if end < 0 {
			next = len(body)
		}
		if line := body[at:next]; bytes.HasPrefix(line, mark) {
			rest := bytes.TrimRight(line[len(mark):], " \t\r\n")
			if len(rest) == 0 || string(rest) == "--" {
				if begin >= 0 {
					parts = append(parts, cutEnd(body[begin:at]))
				}
				if begin = next; len(rest) > 0 {
					return parts, len(parts) > 0
				}
				if len(parts) > MaxParts {
					return parts, true
				}
			}
		}
		at = next
	}
	if begin >= 0 {
		parts = append(parts, body[begin:])
	}
	return parts, len(parts) > 0
}

// cutEnd drops the line's end that belongs to the boundary behind it.
func cutEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

// kinds are what becomes of parts that are neither text nor picture.
var kinds = map[string]Why{
	"application/pkcs7-mime": Sealed, "application/x-pkcs7-mime": Sealed, "application/pgp-encrypted": Sealed,
	"text/vcard": Card, "text/x-vcard": Card, "text/directory": Card, "application/vcard": Card,
	"application/ms-tnef": Document, "application/vnd.ms-tnef": Document, "application/rtf": Document, "text/rtf": Document,
	"message/delivery-status": Machine, "message/global-delivery-status": Machine, "message/disposition-notification": Machine, "message/global-disposition-notification": Machine,
	"message/feedback-report": Machine, "text/rfc822-headers": Machine, "message/rfc822-headers": Machine, "message/global-headers": Machine, "message/tracking-status": Machine,
	"message/partial": Remote, "message/external-body": Remote,
}

// dropped are parts that nobody misses: signatures, keys, what one program says
// to another.
var dropped = []string{
	"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature", "application/pgp-keys", "application/applefile", "application/mac-binhex40",
	"text/x-amp-html", "text/watch-html", "text/css", "text/javascript", "application/javascript", "application/x-javascript",
}

// endings are of files that hold text, whatever their type says.
var endings = []string{".txt", ".text", ".csv", ".tsv", ".log", ".md", ".json", ".xml", ".yaml", ".yml", ".ini", ".html", ".htm", ".ics"}

func (r *rebuild) leaf(e entity) {
	if slices.Contains(dropped, e.kind) {
		r.report.Gone++
		return
	}
	ending := strings.ToLower(path.Ext(e.name()))
	why, held := kinds[e.kind]
	if ending == ".vcf" {
		why, held = Card, true
	}
	if held {
		r.hold(why)
		return
	}
	if strings.EqualFold(e.name(), "winmail.dat") {
		r.hold(Document)
		return
	}
	octets, ok := untransfer(e.header.get("Content-Transfer-Encoding"), e.body)
	switch {
	case !ok:
		r.hold(Undecoded)
	case e.kind == "message/rfc822" || e.kind == "message/global" || ending == ".eml":
		r.nested(octets, e.depth)
	case picture(octets) != "":
		r.picture(e, octets)
	case strings.HasPrefix(e.kind, "text/") || e.kind == "application/ics" || e.kind == "application/json" || e.kind == "application/xml" || e.kind == "application/csv" ||
		slices.Contains(endings, ending) && !strings.HasPrefix(e.kind, "image/"):
		r.text(e, octets, ending)
	default:
		r.hold(Document)
	}
}

// nested rebuilds a mail inside the mail: its subject and its words. Its header
// is gone like that of the mail itself.
func (r *rebuild) nested(raw []byte, depth int) {
	h, body, ok := split(bytes.TrimLeft(raw, "\r\n"))
	if !ok {
		r.hold(Undecoded)
		return
	}
	before := len(r.texts)
	if subject := r.line(decodeWords(h.get("Subject")), maxSubject); subject != "" {
		r.texts = append(r.texts, subject)
	}
	r.part(h, body, depth+1)
	inner := strings.Join(r.texts[before:], "\n\n")
	r.texts = append(r.texts[:before], strings.TrimRight("> "+strings.ReplaceAll(inner, "\n", "\n> "), "> \n"))
}

// text rebuilds a part that is text.
func (r *rebuild) text(e entity, octets []byte, ending string) {
	if len(octets) > r.left {
		r.hold(Over)
		return
	}
	r.left -= len(octets)
	label := e.params["charset"]
	isHTML := e.kind == "text/html" || e.kind == "application/xhtml+xml" || ending == ".html" || ending == ".htm"
	if isHTML && label == "" {
		label = declared(octets)
	}
	text, ok := decode(label, octets)
	if !ok {
		r.hold(Undecoded)
		return
	}
	if len(text) > 4*MaxText {
		r.hold(Over)
		return
	}
	kind := "text/plain"
	switch {
	case e.kind == "text/calendar" || e.kind == "application/ics" || ending == ".ics":
		text, kind, ending = r.calendar(text), "text/calendar", ".ics"
		e.disposition = "attachment"
	case isHTML:
		text, ending = words(text), ".txt"
	case e.kind == "text/enriched" || e.kind == "text/richtext":
		text = enriched(text)
	case strings.EqualFold(e.params["format"], "flowed"):
		text = flowed(text, strings.EqualFold(e.params["delsp"], "yes"))
	}
	if !slices.Contains(endings, ending) {
		ending = ".txt"
	}
	text, sealed, files := opaque(text)
	text = r.scrub(text)
	if e.disposition == "attachment" || ending == ".csv" || kind == "text/calendar" {
		if ending == ".csv" {
			kind = "text/csv"
		}
		r.attach(e, []byte(text), kind, ending)
	} else if strings.TrimSpace(text) != "" {
		r.texts = append(r.texts, text)
	}
	for range sealed {
		r.hold(Sealed)
	}
	for range files {
		r.hold(Undecoded)
	}
}

func (r *rebuild) picture(e entity, octets []byte) {
	kind := picture(octets)
	bare, ok := bare(kind, octets)
	if !ok {
		r.hold(Document)
		return
	}
	r.attach(e, bare, kind, "."+strings.TrimPrefix(kind, "image/"))
}

// attach lets a file pass. Its octets are looked through once more as they are:
// what is found there now is in a place that nobody foresaw.
func (r *rebuild) attach(e entity, data []byte, kind, ending string) {
	if len(data) > r.room {
		r.hold(Over)
		return
	}
	if !strings.HasPrefix(kind, "text/") && r.patterns.inOctets(data) {
		r.hold(Leaking)
		return
	}
	r.room -= len(data)
	r.files = append(r.files, Attachment{r.fileName(e.name(), ending), kind, data})
}

// fileName is the file's own name if it is a harmless one, with the ending of
// what the file is; else a number.
func (r *rebuild) fileName(name, ending string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || strings.ContainsRune(`<>:"|?*%`, c) {
			return -1
		}
		return c
	}, clean(name))
	name = strings.Trim(strings.TrimSuffix(name, path.Ext(name)), ". ")
	found, ok := r.patterns.find(name)
	for _, f := range found {
		r.report.Hidden[f.class]++
	}
	if name == "" || !ok || len(found) > 0 || len([]rune(name)) > maxName || reserved(name) {
		name = "attachment-" + strconv.Itoa(len(r.files)+1)
	}
	return name + ending
}

// reserved reports names that are devices on Windows.
func reserved(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	if len(name) == 4 && (strings.HasPrefix(name, "com") || strings.HasPrefix(name, "lpt")) {
		return name[3] >= '0' && name[3] <= '9'
	}
	return slices.Contains([]string{"con", "prn", "aux", "nul"}, name)
}

// inOctets looks for the mailboxes of the customer in octets that are no text: in
// one octet a character, and in two.
func (p *patterns) inOctets(data []byte) bool {
	lower := bytes.ToLower(bytes.ReplaceAll(data, []byte{0}, nil))
	return slices.ContainsFunc(p.boxes, func(box string) bool { return bytes.Contains(lower, []byte(box)) })
}
