package scrub

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa/internal/relay/corpus"
)

func plainWords(what string) string { return "hidden: " + what }

// FuzzMIME: whatever comes, the parts are bounded, what passes is UTF-8 without
// controls, and an address that stands in it somewhere does not pass.
func FuzzMIME(f *testing.F) {
	for i, m := range corpus.Leaks(1, 1) {
		if i%7 == 0 {
			f.Add(m.Raw)
		}
	}
	f.Add([]byte("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=shift_jis\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=82=a0<p hidden>kanari@yellowbird.example\r\n--b--"))
	s := New(Known{Addresses: []string{"kanari@yellowbird.example"}}, plainWords)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, r, err := s.Mail(raw, time.Unix(1800000000, 0))
		if err != nil {
			return
		}
		for _, text := range []string{m.Subject, m.Text} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\r\u200b\u202e") {
				t.Errorf("%q", text)
			}
		}
		if len(m.Attachments) > MaxParts || r.Held[Over] > MaxParts+1 {
			t.Errorf("%d attachments, %v", len(m.Attachments), r)
		}
		given := m.Subject + m.Text
		for _, a := range m.Attachments {
			given += a.Name + string(a.Data)
			if strings.ContainsAny(a.Name, "/\\\x00\n") || a.Name == "" {
				t.Errorf("a file is called %q", a.Name)
			}
		}
		if strings.Contains(strings.ToLower(given), "kanari@yellowbird.example") {
			t.Errorf("it passes: %q", given)
		}
	})
}

// FuzzHeader: fields, parameters and encoded words of any octets come out as text.
func FuzzHeader(f *testing.F) {
	f.Add("text/plain; charset=\"utf-8\"; name*0*=utf-8''%E5%A5; name*1=x; boundary=(c)b")
	f.Add("=?iso-2022-jp?B?GyRCJDQ3QExzGyhC?= =?utf-8?q?a=5F_b?= \"=?EUC-KR?B?sOi+4A==?=\"")
	f.Fuzz(func(t *testing.T, s string) {
		if got := decodeWords(s); !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
		_, params := parameters(s)
		if len(params) > maxParams {
			t.Errorf("%d parameters", len(params))
		}
		h, body, ok := split([]byte("X: " + s + "\r\n\r\nbody"))
		if ok && !strings.ContainsAny(s, "\r\n") && (len(h) != 1 || string(body) != "body") {
			t.Errorf("%q: %v, %q", s, h, body)
		}
	})
}

// FuzzDecode: what a charset is made of comes out as UTF-8, or not at all; ASCII
// comes out as it is.
func FuzzDecode(f *testing.F) {
	for _, label := range []string{"", "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "euc-kr", "gb18030", "iso-2022-kr", "hz-gb-2312", "utf-16", "big5", "x"} {
		f.Add(label, []byte("kanari@yellowbird.example \x1b$B$\"\x1b(B \x82\xa0 \xb0\xa1 \x0eh>\x0f"))
	}
	f.Fuzz(func(t *testing.T, label string, b []byte) {
		text, ok := decode(label, b)
		if ok && !utf8.ValidString(text) {
			t.Errorf("%s: %q becomes %q", label, b, text)
		}
		plain := bytes.Map(func(r rune) rune {
			if r >= 0x7f || r < ' ' || r == '~' || r == '\\' {
				return 'x'
			}
			return r
		}, b)
		switch strings.ToLower(label) {
		case "", "utf-8", "shift_jis", "euc-kr", "iso-2022-jp":
			if text, ok := decode(label, plain); !ok || text != string(plain) {
				t.Errorf("%s: %q becomes %q", label, plain, text)
			}
		}
	})
}

// FuzzScrub: a text in which the address stands in any disguise, between anything,
// does not show it; what is found lies in order, apart and on whole characters.
func FuzzScrub(f *testing.F) {
	forms := corpus.Disguises()
	const box = "kanari.q7@yellowbird.example"
	f.Add("お世話になります ", " です", 0)
	f.Add("To: x <", ">\r\n> =?utf-8?q?", 3)
	f.Add("https://v.example/?e=%", "&a=+AGE-\\u0061;", 8)
	s := New(Known{Addresses: []string{box}, Names: []string{"金成 花子"}, Phones: []string{"+819012345678"}}, plainWords)
	p := compile(s.known, nil)
	f.Fuzz(func(t *testing.T, before, after string, n int) {
		text := clean(before + "\n" + box + "\n" + after)
		found, ok := p.find(text)
		if !ok {
			return
		}
		last := 0
		for _, span := range found {
			if span.from < last || span.to <= span.from || span.to > len(text) || !utf8.RuneStart(text[span.from]) || span.to < len(text) && !utf8.RuneStart(text[span.to]) {
				t.Fatalf("%q: %v", text, found)
			}
			last = span.to
		}
		form := forms[uint(n)%uint(len(forms))].Write(box)
		got, _ := s.Text(before + "\n" + form + "\n" + after)
		if slices.Contains(strings.Split(got, "\n"), form) || strings.Contains(strings.ToLower(got), box) {
			t.Errorf("%q between %q and %q: %q", form, before, after, got)
		}
	})
}
