package csv

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	marked "golang.org/x/text/encoding/unicode"
)

const (
	luxliner = "会員番号,氏名,メールアドレス,契約ID,プラン,契約状態\r\n101,山田 花,hana@customer.example,456,月額プラン,契約継続中\r\n102,髙橋 ①子,taka@customer.example,457,年額プラン,解約予約\r\n"
	names    = "会員番号,氏名\n1,相沢\n2,戸塚\n"
	korea    = "회원번호,이름,이메일,계약상태\r\n101,김민수,minsu@customer.example,정상\r\n102,뷁훑,x@customer.example,해지\r\n"
)

func encoded(t *testing.T, e encoding.Encoding, text string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEncodings: what such systems write is known by itself, and read whole.
func TestEncodings(t *testing.T) {
	plain := strings.NewReplacer("髙", "高", "①", "一").Replace(luxliner)
	for name, c := range map[string]struct {
		file []byte
		enc  string
		want string
	}{
		"UTF-8":                           {[]byte(luxliner), UTF8, luxliner},
		"UTF-8 with a mark":               {[]byte("\ufeff" + luxliner), UTF8, luxliner},
		"UTF-16, little end first":        {encoded(t, marked.UTF16(marked.LittleEndian, marked.UseBOM), luxliner), UTF16, luxliner},
		"UTF-16, big end first":           {encoded(t, marked.UTF16(marked.BigEndian, marked.UseBOM), korea), UTF16, korea},
		"CP932 with its own letters":      {encoded(t, japanese.ShiftJIS, luxliner), ShiftJIS, luxliner},
		"EUC-JP":                          {encoded(t, japanese.EUCJP, plain), EUCJP, plain},
		"EUC-JP without a kana":           {encoded(t, japanese.EUCJP, names), EUCJP, names},
		"Shift_JIS without a kana":        {encoded(t, japanese.ShiftJIS, names), ShiftJIS, names},
		"CP949 with syllables of its own": {encoded(t, korean.EUCKR, korea), EUCKR, korea},
		"Korean without known headings":   {encoded(t, korean.EUCKR, "번,비고\n1,서울시 강남구 김민수\n"), EUCKR, "번,비고\n1,서울시 강남구 김민수\n"},
		"ASCII":                           {[]byte("member_id,email\n1,a@b.example\n"), UTF8, "member_id,email\n1,a@b.example\n"},
	} {
		if got := GuessEncoding(c.file); got != c.enc {
			t.Errorf("%s is taken for %s", name, got)
		}
		got, err := Read(c.file, "", "")
		want, err2 := Read([]byte(c.want), UTF8, ",")
		same := func(a, b Row) bool { return a.Line == b.Line && slices.Equal(a.Cells, b.Cells) && a.Fault == nil }
		if err != nil || err2 != nil || !slices.Equal(got.Header, want.Header) || !slices.EqualFunc(got.Rows, want.Rows, same) {
			t.Errorf("%s reads as %v, %v %v", name, got.Header, err, err2)
		}
	}
	if _, err := Read([]byte(luxliner), UTF16, ""); code(err) != "bom" {
		t.Errorf("UTF-16 without a mark: %v", err)
	}
	if _, err := Read([]byte(luxliner), "ebcdic", ""); code(err) != "encoding" {
		t.Errorf("an unheard encoding: %v", err)
	}
}

func code(f *Fault) string {
	if f == nil {
		return ""
	}
	return f.Code
}

// TestShapes: separators, line ends and quotes as they are met, with the lines
// at which rows begin.
func TestShapes(t *testing.T) {
	for name, c := range map[string]struct {
		file, separator string
		rows            [][]string
		lines           []int
	}{
		"CRLF":                       {"a,b\r\n1,2\r\n3,4", ",", [][]string{{"1", "2"}, {"3", "4"}}, []int{2, 3}},
		"LF":                         {"a,b\n1,2\n", ",", [][]string{{"1", "2"}}, []int{2}},
		"CR alone":                   {"a,b\r1,2\r3,4\r", ",", [][]string{{"1", "2"}, {"3", "4"}}, []int{2, 3}},
		"tabs":                       {"a\tb\n1,5\t2\n", "\t", [][]string{{"1,5", "2"}}, []int{2}},
		"semicolons":                 {"a;b\n1,5;2\n", ";", [][]string{{"1,5", "2"}}, []int{2}},
		"a separator inside quotes":  {"\"a;;;;\",b\n1,2\n", ",", [][]string{{"1", "2"}}, []int{2}},
		"lines inside quotes":        {"a,b\n\"x\r\ny\nz\",2\n3,4\n", ",", [][]string{{"x\r\ny\nz", "2"}, {"3", "4"}}, []int{2, 5}},
		"quotes inside quotes":       {"a,b\n\"say \"\"hi\"\"\",\"\"\n", ",", [][]string{{`say "hi"`, ""}}, []int{2}},
		"a quote inside a plain one": {"a,b\n5\" disc,2\n", ",", [][]string{{`5" disc`, "2"}}, []int{2}},
		"blank lines":                {"\n\na,b\n\n1,2\n,\n\n3,4\n", ",", [][]string{{"1", "2"}, {"3", "4"}}, []int{5, 8}},
		"columns that nobody uses":   {"a,b,,\n1,2,,\n3,4\n", ",", [][]string{{"1", "2"}, {"3", "4"}}, []int{2, 3}},
		"what looks like formulas":   {"a,b\n=1+1,@x\n+81,-2\n", ",", [][]string{{"=1+1", "@x"}, {"+81", "-2"}}, []int{2, 3}},
	} {
		got, err := Read([]byte(c.file), "", "")
		if err != nil || got.Separator != c.separator || !slices.Equal(got.Header[1:2], []string{"b"}) {
			t.Errorf("%s: %v by %q, %v", name, got.Header, got.Separator, err)
		}
		var rows [][]string
		var lines []int
		for _, r := range got.Rows {
			rows, lines = append(rows, r.Cells), append(lines, r.Line)
			if r.Fault != nil {
				t.Errorf("%s: %v", name, r.Fault)
			}
		}
		if !slices.EqualFunc(rows, c.rows, slices.Equal) || !slices.Equal(lines, c.lines) {
			t.Errorf("%s: %q at %v", name, rows, lines)
		}
	}
}

// TestBadLines: a line that cannot be read is told with its number, what was
// seen and what is allowed; the others go on.
func TestBadLines(t *testing.T) {
	sjis := append([]byte("a,b\n"), encoded(t, japanese.ShiftJIS, "日本,東京\n")...)
	for name, c := range map[string]struct {
		file string
		want Fault
	}{
		"too few":             {"a,b\n1\n3,4\n", Fault{Code: "ragged", Line: 2, Seen: "1", Allowed: "2"}},
		"too many":            {"a,b\n1,2,3\n3,4\n", Fault{Code: "ragged", Line: 2, Seen: "3", Allowed: "2"}},
		"a NUL":               {"a,b\n1,\x00\n3,4\n", Fault{Code: "nul", Line: 2, Column: "b", Seen: "1", Allowed: "4000"}},
		"a huge cell":         {"a,b\n1," + strings.Repeat("あ", MaxCell+1) + "\n3,4\n", Fault{Code: "long", Line: 2, Column: "b", Seen: "4001", Allowed: "4000"}},
		"a broken letter":     {"a,b\n1,\ufffd\n3,4\n", Fault{Code: "bytes", Line: 2, Column: "b", Seen: "1", Allowed: "4000"}},
		"text after a quote":  {"a,b\n1,\"x\"y\n3,4\n", Fault{Code: "quote", Line: 2, Seen: "2"}},
		"0x80 in Shift_JIS":   {string(sjis) + "\x80,x\n3,4\n", Fault{Code: "bytes", Line: 3, Column: "a", Seen: "1", Allowed: "4000"}},
		"half a letter there": {string(sjis) + "x,\x93\n3,4\n", Fault{Code: "bytes", Line: 3, Column: "b", Seen: "1", Allowed: "4000"}},
	} {
		got, err := Read([]byte(c.file), "", "")
		if err != nil || len(got.Rows) < 2 {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		bad := got.Rows[len(got.Rows)-2]
		if bad.Fault == nil || *bad.Fault != c.want {
			t.Errorf("%s: %v, want %v of %q and %q", name, bad.Fault, c.want, c.want.Seen, c.want.Allowed)
		}
		if last := got.Rows[len(got.Rows)-1]; last.Fault != nil || last.Cells[0] != "3" {
			t.Errorf("%s: the next line is %+v", name, last)
		}
	}
}

// TestBadFiles: of these nothing can be taken.
func TestBadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want Fault
	}{
		"nothing":              {"", Fault{Code: "empty"}},
		"a mark alone":         {"\ufeff\r\n", Fault{Code: "empty"}},
		"a header alone":       {"a,b\n", Fault{Code: "no_rows", Line: 1}},
		"a heading twice":      {"a,b, a\n1,2,3\n", Fault{Code: "header_twice", Line: 1, Column: "a", Seen: "1, 3"}},
		"a heading missing":    {"a,,b\n1,2,3\n", Fault{Code: "header_empty", Line: 1, Seen: "2"}},
		"a NUL in the header":  {"a,\x00\n1,2\n", Fault{Code: "header_nul", Line: 1, Seen: "2", Allowed: "200"}},
		"a long heading":       {"a," + strings.Repeat("b", 201) + "\n1,2\n", Fault{Code: "header_long", Line: 1, Seen: "2", Allowed: "200"}},
		"a quote without end":  {"a,b\n1,2\n3,\"4\n5,6\n", Fault{Code: "quote_open", Line: 3}},
		"many columns":         {"c" + strings.Join(strings.Split(strings.Repeat("x", 201), ""), ",c") + "\n1\n", Fault{Code: "header_twice"}},
		"too many rows":        {"a,b\n" + strings.Repeat("1,2\n", MaxRows+1), Fault{Code: "rows", Line: MaxRows + 2, Allowed: "50000"}},
		"too many bytes":       {strings.Repeat("x", MaxBytes+1), Fault{Code: "size", Seen: "10.0 MB", Allowed: "10.0 MB"}},
		"a separator unheard":  {"a,b\n1,2\n", Fault{Code: "separator", Seen: "|"}},
		"a header that breaks": {"a,\"b\"c\n1,2\n", Fault{Code: "quote", Line: 1, Seen: "2"}},
	} {
		separator := map[bool]string{true: "|"}[name == "a separator unheard"]
		_, f := Read([]byte(c.file), "", separator)
		switch {
		case f == nil:
			t.Errorf("%s was read", name)
		case name == "many columns":
			continue // below
		case *f != c.want:
			t.Errorf("%s: %v of %q and %q, want %v of %q and %q", name, f, f.Seen, f.Allowed, c.want, c.want.Seen, c.want.Allowed)
		}
	}
	var wide []string
	for i := range MaxColumns + 1 {
		wide = append(wide, fmt.Sprint("c", i))
	}
	if _, err := Read([]byte(strings.Join(wide, ",")+"\n1\n"), "", ""); code(err) != "columns" {
		t.Errorf("201 columns: %v", err)
	}
}

// TestQuick: a file that was made to take long does not.
func TestQuick(t *testing.T) {
	started := time.Now()
	for name, file := range map[string]string{
		"separators": strings.Repeat("\x93,", MaxBytes/16), "quotes": strings.Repeat(`"`, MaxBytes/8), "line ends": strings.Repeat("\r", MaxBytes/8),
		"half letters": strings.Repeat("\x93", MaxBytes/8), "rows": "a,b\n" + strings.Repeat("x,\"\"\n", MaxRows), "states": "会員番号,契約ID,状態\n" + states(MaxRows),
	} {
		table, err := Read([]byte(file), "", "")
		Guess(table)
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("%s: %s so far, %v", name, took, err)
		}
	}
}

func states(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,%d,状態%d\n", i, i, i)
	}
	return b.String()
}

// FuzzRead: no file makes it fail, a table is as wide as its header, and lines
// lie in the file, in order.
func FuzzRead(f *testing.F) {
	for _, s := range []string{luxliner, korea, "a;b\n\"1\r\n\";2\n", "a,b\n\"", "\xff\xfea\x00,\x00b\x00\n\x001\x00", "a,a\n", "\x80,\xa0\n\x93"} {
		f.Add([]byte(s), "", "")
	}
	f.Fuzz(func(t *testing.T, file []byte, enc, separator string) {
		if guessed := GuessEncoding(file); !slices.Contains(Encodings, guessed) {
			t.Errorf("guessed %q", guessed)
		}
		table, err := Read(file, enc, separator)
		if err != nil {
			return
		}
		last := 1
		for _, r := range table.Rows {
			if r.Line <= last || r.Line > len(file)+1 {
				t.Errorf("line %d after %d", r.Line, last)
			}
			last = r.Line
			if r.Fault == nil && len(r.Cells) != len(table.Header) {
				t.Errorf("%d cells under %d headings", len(r.Cells), len(table.Header))
			}
		}
		m := Guess(table)
		if _, mapped := m.Columns[""]; mapped {
			t.Error("an empty heading means something")
		}
		if m.Fits(table) != nil {
			return
		}
		es, refused := m.Entries(table, anyAddress)
		if len(es)+len(refused) != len(table.Rows) {
			t.Errorf("%d entries and %d refused of %d", len(es), len(refused), len(table.Rows))
		}
	})
}
