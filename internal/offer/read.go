package offer

import (
	"bytes"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/engawa/engawa"
)

// Limits of a file of codes.
const (
	MaxBytes = 20 << 20
	MaxLines = 500_000
)

// Sheet is what a file of codes says.
type Sheet struct {
	Codes  []engawa.Secret // in the order of the file, each once
	Lines  []int           // of the codes
	Faults []Fault         // of the lines that are no code, or no new one
}

// Fault is what is wrong with a line. It quotes nothing of it: a line may hold a
// code.
type Fault struct {
	Line  int
	Code  string // "not_a_code", "other_app", "two_codes", "twice", "known"
	First int    // of "twice": the line before
}

// form is a code as App Store Connect makes them (18 letters and digits) or as a
// business may choose one (letters and digits, at most 64).
var form = regexp.MustCompile(`^[A-Za-z0-9]{6,64}$`)

// Read reads the file of codes that App Store Connect gives: a code in each line,
// or a code and the address at which it is redeemed, or that address alone; with
// a heading or without; UTF-8 or UTF-16. appleID is the app's number, which
// addresses must name; 0: it is not known. The error is an *engawa.Error for a
// file of which nothing can be taken.
func Read(file []byte, appleID int64) (Sheet, error) {
	var s Sheet
	if len(file) > MaxBytes {
		return s, engawa.Invalid("/file", "split the file, and take the parts in one after the other", "the file has %d bytes; %d are allowed", len(file), MaxBytes)
	}
	text, err := plain(file)
	if err != nil {
		return s, err
	}
	first := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if n > MaxLines {
			return s, engawa.Invalid("/file", "split the file, and take the parts in one after the other", "the file has more than %d lines", MaxLines)
		}
		cells := cellsOf(line)
		if len(cells) == 0 || len(s.Codes) == 0 && heading(cells) {
			continue
		}
		code, wrong := codeOf(cells, appleID)
		switch {
		case wrong != "":
			s.Faults = append(s.Faults, Fault{Line: n, Code: wrong})
		case first[code] > 0:
			s.Faults = append(s.Faults, Fault{Line: n, Code: "twice", First: first[code]})
		default:
			first[code] = n
			s.Codes, s.Lines = append(s.Codes, engawa.Secret(code)), append(s.Lines, n)
		}
	}
	if len(s.Codes) == 0 && len(s.Faults) == 0 {
		return s, engawa.Invalid("/file", "choose the file of codes that App Store Connect gives (CSV)", "the file holds no line")
	}
	return s, nil
}

// plain is the text of a file, by its byte order mark.
func plain(file []byte) (string, error) {
	if bytes.HasPrefix(file, []byte{0xff, 0xfe}) || bytes.HasPrefix(file, []byte{0xfe, 0xff}) {
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(file)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return "", engawa.Invalid("/file", "save the file as CSV in UTF-8", "the file is no UTF-16")
		}
		return string(text), nil
	}
	return string(bytes.TrimPrefix(file, []byte("\ufeff"))), nil
}

// cellsOf are the cells of a line that hold anything. Codes and addresses hold
// neither separators nor quotes.
func cellsOf(line string) (cells []string) {
	for cell := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ';' || r == '\t' || r == '\n' || r == '\r' }) {
		if cell = strings.Trim(strings.TrimSpace(cell), `"`); strings.TrimSpace(cell) != "" {
			cells = append(cells, strings.TrimSpace(cell))
		}
	}
	return cells
}

// heading reports whether a line names columns: words without a number, of which
// one speaks of codes or addresses.
func heading(cells []string) bool {
	text := strings.ToLower(strings.Join(cells, " "))
	if strings.ContainsAny(text, "0123456789") || strings.Contains(text, "://") {
		return false
	}
	for _, word := range []string{"code", "url", "link", "コード", "코드"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return !utf8.ValidString(strings.Join(cells, "")) // a heading in an encoding of Japan or Korea
}

// codeOf is the code of a line, or what is wrong with it.
func codeOf(cells []string, appleID int64) (code, wrong string) {
	for _, cell := range cells {
		found := cell
		if strings.Contains(cell, "://") {
			if found, wrong = codeIn(cell, appleID); wrong != "" {
				return "", wrong
			}
		} else if !form.MatchString(cell) {
			continue // a number of the line, a date
		}
		if code != "" && found != code {
			return "", "two_codes"
		}
		code = found
	}
	if code == "" {
		return "", "not_a_code"
	}
	return code, ""
}

// codeIn is the code in a redemption address.
func codeIn(address string, appleID int64) (code, wrong string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host != "apps.apple.com" || u.Path != "/redeem" || !form.MatchString(u.Query().Get("code")) {
		return "", "not_a_code"
	}
	if id := u.Query().Get("id"); appleID > 0 && id != "" && id != strconv.FormatInt(appleID, 10) {
		return "", "other_app"
	}
	return u.Query().Get("code"), ""
}
