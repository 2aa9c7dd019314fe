package offer_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/engawa/engawa/internal/offer"
)

// TestRead: codes of every form that App Store Connect and spreadsheets make of
// them, and what is wrong with a line told by its number.
func TestRead(t *testing.T) {
	const link = "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code="
	for _, tc := range []struct {
		name, file, codes, faults string
	}{
		{"codes alone", "ABCDEF123456789012\nBBCDEF123456789012\n", "ABCDEF123456789012 BBCDEF123456789012", ""},
		{"with heading and address", "\ufeffCode,Redemption URL\r\nABCDEF1234,\"" + link + "ABCDEF1234\"\r\n", "ABCDEF1234", ""},
		{"addresses alone", link + "ABCDEF1234\n", "ABCDEF1234", ""},
		{"tabs, quotes, empty lines", "\"ABCDEF1234\"\t\t\n\n\"BBCDEF1234\"\t12.5.2026\n", "ABCDEF1234 BBCDEF1234", ""},
		{"a heading in Japanese", "オファーコード\nABCDEF1234", "ABCDEF1234", ""},
		{"a heading in Shift_JIS", "\x83R\x81[\x83h\nABCDEF1234", "ABCDEF1234", ""},
		{"a word like a heading that is no heading", "HARUCODE\n", "", ""},
		{"twice", "ABCDEF1234\nBBCDEF1234\nABCDEF1234\n", "ABCDEF1234 BBCDEF1234", "3:twice:1"},
		{"garbage", "ABCDEF1234\n--\nABC 123,!!\nhttps://evil.example/redeem?code=ABCDEF1234\n", "ABCDEF1234", "2:not_a_code:0 3:not_a_code:0 4:not_a_code:0"},
		{"another app", strings.Replace(link, "1234567890", "99", 1) + "ABCDEF1234\n", "", "1:other_app:0"},
		{"address of another code", "ABCDEF1234," + link + "BBCDEF1234\n", "", "1:two_codes:0"},
	} {
		for _, wide := range []bool{false, true} {
			file := tc.file
			if wide {
				if strings.Contains(file, "\x83") {
					continue
				}
				file = inUTF16(strings.TrimPrefix(file, "\ufeff"))
			}
			s, err := offer.Read([]byte(file), 1234567890)
			if tc.codes == "" && tc.faults == "" {
				if err == nil {
					t.Errorf("%s: %+v", tc.name, s)
				}
				continue
			}
			var codes, faults []string
			for _, c := range s.Codes {
				codes = append(codes, c.Reveal())
			}
			for _, f := range s.Faults {
				faults = append(faults, fmt.Sprint(f.Line, ":", f.Code, ":", f.First))
			}
			if got := strings.Join(codes, " "); err != nil || got != tc.codes || len(s.Lines) != len(s.Codes) {
				t.Errorf("%s (wide %v): codes %q, %v", tc.name, wide, got, err)
			}
			if got := strings.Join(faults, " "); got != tc.faults {
				t.Errorf("%s (wide %v): faults %q", tc.name, wide, got)
			}
		}
	}
	for name, file := range map[string][]byte{"empty": nil, "too large": make([]byte, offer.MaxBytes+1), "half of UTF-16": {0xff, 0xfe, 0x00, 0xd8}} {
		if _, err := offer.Read(file, 0); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func inUTF16(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// FuzzRead: no file makes it panic, or gives a code that is none.
func FuzzRead(f *testing.F) {
	f.Add([]byte("Code,URL\nABCDEF1234,https://apps.apple.com/redeem?code=ABCDEF1234"))
	f.Add([]byte("\xff\xfeA\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := offer.Read(file, 1)
		if err == nil && len(s.Codes) != len(s.Lines) {
			t.Error("lines of other codes")
		}
		for _, c := range s.Codes {
			if n := len(c.Reveal()); n < 6 || n > 64 {
				t.Errorf("a code of %d bytes", n)
			}
		}
	})
}
