package csv

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Separators are what may stand between cells.
var Separators = []string{",", "\t", ";"}

// Read reads a file. An empty encoding or separator is guessed. With a
// Fault nothing of the file can be taken. A line that cannot be read is a Row
// with its own Fault, and the others go on.
func Read(file []byte, enc, separator string) (Table, *Fault) {
	if len(file) > MaxBytes {
		return Table{}, &Fault{Code: "size", Seen: megabytes(len(file)), Allowed: megabytes(MaxBytes)}
	}
	if enc == "" {
		enc = GuessEncoding(file)
	}
	t := Table{Encoding: enc, Separator: separator}
	text, fault := decode(file, enc)
	if fault != nil {
		return t, fault
	}
	if t.Separator == "" {
		t.Separator = GuessSeparator(text)
	}
	if !slices.Contains(Separators, t.Separator) {
		return t, &Fault{Code: "separator", Seen: short(t.Separator)}
	}
	return t, t.fill(text)
}

func megabytes(n int) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MB" }

// GuessSeparator returns what stands most often in the first line, outside quotes.
func GuessSeparator(text string) string {
	var bare strings.Builder
	quoted := false
	for _, r := range strings.TrimLeft(text, "\r\n") {
		if !quoted && (r == '\n' || r == '\r') {
			break
		}
		if r == '"' {
			quoted = !quoted
		}
		if !quoted {
			bare.WriteRune(r)
		}
	}
	best, most := Separators[0], 0
	for _, s := range Separators {
		if n := strings.Count(bare.String(), s); n > most {
			best, most = s, n
		}
	}
	return best
}

// fill reads header and rows.
func (t *Table) fill(text string) *Fault {
	s := scanner{text: text, separator: t.Separator[0], line: 1}
	head, fault := s.filled()
	switch {
	case fault != nil:
		return fault
	case head == nil:
		return &Fault{Code: "empty"}
	}
	t.Header = trimmed(head.Cells)
	if fault := checkHeader(*head, t.Header); fault != nil {
		return fault
	}
	for {
		row, fault := s.filled()
		if fault != nil {
			return fault
		}
		if row == nil {
			break
		}
		if len(t.Rows) == MaxRows {
			return &Fault{Code: "rows", Line: row.Line, Allowed: strconv.Itoa(MaxRows)}
		}
		t.check(row)
		t.Rows = append(t.Rows, *row)
	}
	return t.headless(head.Line)
}

// trimmed are headings without space around them, and without those at the end
// that are empty: spreadsheets write columns that nobody uses.
func trimmed(cells []string) []string {
	out := make([]string, len(cells))
	n := 0
	for i, c := range cells {
		if out[i] = strings.TrimSpace(c); out[i] != "" {
			n = i + 1
		}
	}
	return out[:n]
}

// checkHeader refuses headings by which columns cannot be told apart.
func checkHeader(head Row, names []string) *Fault {
	if head.Fault != nil {
		return head.Fault
	}
	if len(names) > MaxColumns {
		return &Fault{Code: "columns", Line: head.Line, Seen: strconv.Itoa(len(names)), Allowed: strconv.Itoa(MaxColumns)}
	}
	seen := map[string]int{}
	for i, name := range names {
		first := seen[name]
		switch fault := checkCell(name, MaxHeading); {
		case fault != "":
			return &Fault{Code: "header_" + fault, Line: head.Line, Seen: strconv.Itoa(i + 1), Allowed: strconv.Itoa(MaxHeading)}
		case name != "" && first > 0:
			return &Fault{Code: "header_twice", Line: head.Line, Column: name, Seen: strconv.Itoa(first) + ", " + strconv.Itoa(i+1)}
		}
		seen[name] = i + 1
	}
	return nil
}

// headless refuses a column that has values and no heading, and a file without rows.
func (t *Table) headless(line int) *Fault {
	if len(t.Rows) == 0 {
		return &Fault{Code: "no_rows", Line: line}
	}
	for i, name := range t.Header {
		if name != "" {
			continue
		}
		for _, r := range t.Rows {
			if r.Fault == nil && strings.TrimSpace(r.Cells[i]) != "" {
				return &Fault{Code: "header_empty", Line: line, Seen: strconv.Itoa(i + 1)}
			}
		}
	}
	return nil
}

// check says what is wrong with a row. Empty cells behind the last column are
// none: spreadsheets write them.
func (t *Table) check(r *Row) {
	for len(r.Cells) > len(t.Header) && strings.TrimSpace(r.Cells[len(r.Cells)-1]) == "" {
		r.Cells = r.Cells[:len(r.Cells)-1]
	}
	if r.Fault != nil {
		return
	}
	if len(r.Cells) != len(t.Header) {
		r.Fault = &Fault{Code: "ragged", Line: r.Line, Seen: strconv.Itoa(len(r.Cells)), Allowed: strconv.Itoa(len(t.Header))}
		return
	}
	for i, c := range r.Cells {
		if fault := checkCell(c, MaxCell); fault != "" {
			r.Fault = &Fault{Code: fault, Line: r.Line, Column: t.Header[i], Seen: strconv.Itoa(utf8.RuneCountInString(c)), Allowed: strconv.Itoa(MaxCell)}
			return
		}
	}
}

// checkCell names what is wrong with a cell: "nul", "bytes" that are no
// characters of the encoding, "long"; or nothing.
func checkCell(c string, most int) string {
	switch {
	case strings.IndexByte(c, 0) >= 0:
		return "nul"
	case strings.ContainsFunc(c, junk):
		return "bytes"
	case utf8.RuneCountInString(c) > most:
		return "long"
	}
	return ""
}

// junk are control characters and what broken bytes are read as: 0x80, which
// Shift_JIS has for nothing, is U+0080.
func junk(r rune) bool {
	return r == utf8.RuneError || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7F && r < 0xA0
}

// scanner reads rows as RFC 4180 has them, with the line ends and separators
// that are met besides.
type scanner struct {
	text      string
	separator byte
	at, line  int
}

// filled returns the next row that is not all empty; nil at the end.
func (s *scanner) filled() (*Row, *Fault) {
	for s.at < len(s.text) {
		r, fault := s.row()
		if fault != nil {
			return nil, fault
		}
		if slices.ContainsFunc(r.Cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			return &r, nil
		}
	}
	return nil, nil
}

// mostCells is how many cells of a row are kept: more than any header allows.
const mostCells = MaxColumns + 100

func (s *scanner) row() (Row, *Fault) {
	r := Row{Line: s.line}
	for {
		cell, ok, fault := s.cell()
		if fault != nil {
			return r, fault
		}
		if len(r.Cells) < mostCells {
			r.Cells = append(r.Cells, cell)
		}
		if !ok && r.Fault == nil {
			r.Fault = &Fault{Code: "quote", Line: r.Line, Seen: strconv.Itoa(len(r.Cells))}
		}
		if s.at < len(s.text) && s.text[s.at] == s.separator {
			s.at++
			continue
		}
		s.newline()
		return r, nil
	}
}

// newline steps over a line end, of whatever kind.
func (s *scanner) newline() {
	rest := s.text[s.at:]
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		s.at += 2
	case rest != "":
		s.at++
	}
	s.line++
}

// cell reads up to a separator or line end. It is not ok where text follows the
// closing quote.
func (s *scanner) cell() (cell string, ok bool, fault *Fault) {
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return s.plain(), true, nil
	}
	var b strings.Builder
	opened := s.line
	for s.at++; ; s.at++ {
		n := strings.IndexByte(s.text[s.at:], '"')
		if n < 0 {
			return "", false, &Fault{Code: "quote_open", Line: opened}
		}
		part := s.text[s.at : s.at+n]
		b.WriteString(part)
		s.line += strings.Count(part, "\n") + strings.Count(part, "\r") - strings.Count(part, "\r\n")
		s.at += n + 1
		if s.at == len(s.text) || s.text[s.at] != '"' {
			break
		}
		b.WriteByte('"')
	}
	rest := s.plain()
	return b.String() + rest, strings.TrimSpace(rest) == "", nil
}

func (s *scanner) plain() string {
	n := strings.IndexFunc(s.text[s.at:], func(r rune) bool { return r == rune(s.separator) || r == '\n' || r == '\r' })
	if n < 0 {
		n = len(s.text) - s.at
	}
	cell := s.text[s.at : s.at+n]
	s.at += n
	return cell
}
