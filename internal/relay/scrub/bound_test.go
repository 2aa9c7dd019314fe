package scrub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/relay/scrub"
)

// TestLinear: texts that are made to be slow to look through are done with in
// seconds. What grows with the square of 128 KiB takes minutes.
func TestLinear(t *testing.T) {
	const n = 128 << 10
	customer := scrub.Known{
		Addresses: []string{"a@a.a", "dot@" + strings.Repeat("dot.", 30) + "dot", "aaaaaaaa.1@example.com"}, Names: []string{"a a", "ああ ああ"}, Phones: []string{"+81111111111", "+8211111111"}, IDs: []string{"aaaaaa", "111111"},
	}
	for name, piece := range map[string]string{
		"one letter": "a", "at signs": "@", "addresses": "a@b.cd ", "addresses in brackets": "a (at) b.cd ", "own address": "a@a.a ", "words for dots": "dot", "quotation marks": ">", "lines": "\n> ", "digits": "1", "numerals": "一", "hexadecimal": "61", "base64": "YWFh",
		"entities": "&#97;", "half entities": "&#", "percent": "%61", "equals": "=61", "words": "=?utf-8?Q?=61?=", "half words": "=?", "backslashes": "\\u0061", "braces": "\\u{", "shifts": "+AGE-", "pluses": "+", "marks": "a\u0301", "marks alone": "\u0301", "kana": "か\u3099",
		"tags": "<a>", "links": "<a href=https://a.example/>a</a>", "hidden": "<p hidden>", "quotes": "<blockquote>", "armour": "-----BEGIN PGP MESSAGE-----\n", "files": "begin 644 a\n", "data": "data:a,", "brackets": "(at)", "quoted names": `"a" <a@b.cd>`, "labels": "To: a@b.cd ", "honorifics": "ああ様",
	} {
		for _, kind := range []string{"text/plain; charset=utf-8; format=flowed; delsp=yes", "text/html; charset=utf-8"} {
			raw := "From: \"a a\" <a@a.a>\r\nTo: x@y.example\r\nSubject: x\r\nContent-Type: " + kind + "\r\n\r\n" + strings.Repeat(piece, n/len(piece))
			begin := time.Now()
			if _, _, err := scrub.New(customer, said).Mail([]byte(raw), at); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("%s as %s: %s", name, kind, took)
			}
		}
	}
}

// TestLimits: what is too deep, too many, too large is left out and said so.
func TestLimits(t *testing.T) {
	s := scrub.New(scrub.Known{}, said)
	deep := &strings.Builder{}
	deep.WriteString("From: a@b.example\r\n")
	for i := range 1000 {
		fmt.Fprintf(deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	deep.WriteString("\r\ninnermost")
	many := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 100_000) + "--b--\r\n"
	long := "From: a@b.example\r\n\r\n" + strings.Repeat("0123456789 ", 300_000)
	nested := "From: a@b.example\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\n", 1000) + "\r\ninnermost"
	for name, raw := range map[string]string{"deep": deep.String(), "many": many, "long": long, "nested": nested} {
		m, r, err := s.Mail([]byte(raw), at)
		if err != nil || r.Held[scrub.Over] == 0 || !strings.Contains(m.Text, said(string(scrub.Over))) || strings.Contains(m.Text, "innermost") || strings.Count(m.Text, "x") > scrub.MaxParts {
			t.Errorf("%s: %v, %v, %.200s", name, err, r, m.Text)
		}
	}
	photo := "\xff\xd8\xff\xda\x00\x02" + strings.Repeat("x", 11<<20) + "\xff\xd9"
	two := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n" + photo + "\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n" + photo + "\r\n--b--\r\n"
	if m, r, err := s.Mail([]byte(two), at); err != nil || len(m.Attachments) != 1 || r.Held[scrub.Over] != 1 {
		t.Errorf("22 MiB of pictures: %v, %v, %v", m, r, err)
	}
	if _, _, err := s.Mail(make([]byte, scrub.MaxSize+1), at); err == nil {
		t.Error("a mail over the limit was taken")
	}
	if _, _, err := s.Mail([]byte("From: a@b.example\r\nX: "+strings.Repeat("x", scrub.MaxHeader)+"\r\n\r\nx"), at); err == nil {
		t.Error("a header over the limit was taken")
	}
}
