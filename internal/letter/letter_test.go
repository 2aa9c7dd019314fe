package letter

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

func encoded(t *testing.T, e encoding.Encoding, s string) string {
	t.Helper()
	out, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, raw string) *Letter {
	t.Helper()
	l, err := Read([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestCharsets: what Japanese and Korean systems still send is read.
func TestCharsets(t *testing.T) {
	for _, c := range []struct {
		name string
		enc  encoding.Encoding
		text string
	}{
		{"iso-2022-jp", japanese.ISO2022JP, "以下の契約が停止されました。"},
		{"shift_jis", japanese.ShiftJIS, "髙橋様のご契約"},
		{"euc-jp", japanese.EUCJP, "お支払い方法"},
		{"euc-kr", korean.EUCKR, "계약이 정지되었습니다."},
		{"utf-8", encoding.Nop, "縁側 툇마루 𠮷"},
	} {
		body := encoded(t, c.enc, c.text)
		subject := "=?" + c.name + "?B?" + base64.StdEncoding.EncodeToString([]byte(body)) + "?="
		for _, transfer := range []string{"8bit", "base64"} {
			sent := body
			if transfer == "base64" {
				sent = base64.StdEncoding.EncodeToString([]byte(body))
			}
			l := read(t, "From: "+subject+" <a@b.example>\r\nSubject: "+subject+"\r\nContent-Type: text/plain; charset="+c.name+"\r\nContent-Transfer-Encoding: "+transfer+"\r\n\r\n"+sent+"\r\n")
			if strings.TrimSpace(l.Text) != c.text || l.Subject != c.text || l.FromName != c.text || l.From != "a@b.example" || l.Incomplete {
				t.Errorf("%s, %s: subject %q, from %q %q, text %q", c.name, transfer, l.Subject, l.FromName, l.From, l.Text)
			}
		}
	}
	l := read(t, "From: a@b.example\r\n\r\n"+encoded(t, japanese.ISO2022JP, "宣言のない本文"))
	if l.Text != "宣言のない本文" {
		t.Errorf("undeclared ISO-2022-JP is %q", l.Text)
	}
	if l := read(t, "From: a@b.example\r\nContent-Type: text/plain; charset=x-unheard-of\r\n\r\nabc\xff"); l.Text != "abc" || !l.Incomplete {
		t.Errorf("an unknown charset: %q, incomplete %t", l.Text, l.Incomplete)
	}
}

// TestSender: a From that different programs read differently names nobody (B10).
func TestSender(t *testing.T) {
	for from, want := range map[string]string{
		"a@b.example": "a@b.example", "A@B.Example": "a@b.example", `"x@y.example" <a@b.example>`: "a@b.example",
		"": "", "a@b.example, c@d.example": "", "group: a@b.example, c@d.example;": "", "not an address": "", "<a@b.example": "",
	} {
		if l := read(t, "From: "+from+"\r\n\r\nx"); l.From != want {
			t.Errorf("%q is from %q", from, l.From)
		}
	}
	if l := read(t, "From: a@b.example\r\nFrom: c@d.example\r\n\r\nx"); l.From != "" {
		t.Errorf("two From are from %q", l.From)
	}
}

// TestParts: plain text first, HTML where there is none, the rest counted.
func TestParts(t *testing.T) {
	part := func(kind, body string, more ...string) string {
		return "--b\r\nContent-Type: " + kind + "; charset=utf-8\r\n" + strings.Join(more, "") + "\r\n" + body + "\r\n"
	}
	multi := func(parts ...string) string {
		return "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Join(parts, "") + "--b--\r\n"
	}
	html := "<html><head><title>x</title><style>p{color:red}</style></head><body><p>契約&nbsp;A&amp;B</p><!-- hidden --><table><tr><td>金額</td><td>1,980円</td></tr></table><script>alert(1)</script>"
	if l := read(t, multi(part("text/plain", "plain"), part("text/html", html))); l.Text != "plain" {
		t.Errorf("beside HTML: %q", l.Text)
	}
	l := read(t, multi(part("text/html", html), part("application/pdf", "%PDF"), part("text/plain", "notes", "Content-Disposition: attachment\r\n")))
	if l.Text != "契約 A&B\n金額 1,980円" || l.Attached != 2 {
		t.Errorf("HTML alone: %q, %d attached", l.Text, l.Attached)
	}
	if l := read(t, multi(part("message/external-body; access-type=URL; URL=\"http://127.0.0.1/\"", "x"), part("message/partial; id=x; number=1", "x"), part("application/ms-tnef", "x"))); l.Attached != 3 || l.Text != "" {
		t.Errorf("strange parts: %+v", l)
	}
}

// TestBounded: what is too deep, too many or too long is left out (B09, B11, B14).
func TestBounded(t *testing.T) {
	var deep strings.Builder
	deep.WriteString("From: a@b.example\r\n")
	for i := range 1000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	deep.WriteString("\r\ninnermost")
	l := read(t, deep.String())
	if !l.Incomplete || l.parts > MaxDepth+2 {
		t.Errorf("a thousand deep: %d parts read", l.parts)
	}
	many := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 100_000) + "--b--\r\n"
	if l := read(t, many); !l.Incomplete || l.parts > MaxParts {
		t.Errorf("a hundred thousand parts: %d read", l.parts)
	}
	if l := read(t, "From: a@b.example\r\n\r\n"+strings.Repeat("0123456789", 300_000)); !l.Incomplete || len(l.Text) != MaxText {
		t.Errorf("a long text: %d octets", len(l.Text))
	}
	if l := read(t, "From: a@b.example\r\nSubject: =?utf-8?q?"+strings.Repeat("=E3=81=82", 5000)+"?=\r\n\r\nx"); len(l.Subject) > maxLine {
		t.Errorf("a long subject: %d octets", len(l.Subject))
	}
	if _, err := Read([]byte("From: a@b.example\r\nX: " + strings.Repeat("x", MaxHeader) + "\r\n\r\nx")); err == nil {
		t.Error("a header over the limit was read")
	}
	nested := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/report; boundary=i\r\n\r\n--i\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n\r\n--i--\r\n--o--\r\n"
	if l := read(t, nested); l.Report != nil {
		t.Error("a report inside a mail counts")
	}
	flood := "From: a@b.example\r\nContent-Type: multipart/report; boundary=i\r\n\r\n--i\r\nContent-Type: message/delivery-status\r\n\r\n" + strings.Repeat("Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\n\r\n", 5000) + "--i--\r\n"
	if l := read(t, flood); len(l.Report.Fates) > maxFates {
		t.Errorf("%d fates", len(l.Report.Fates))
	}
	for _, broken := range []string{"Content-Type: multipart/mixed\r\n\r\nx", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\nx", "Content-Type: multipart/mixed; boundary=b\r\n\r\nno boundary at all"} {
		if l := read(t, "From: a@b.example\r\n"+broken); !l.Incomplete {
			t.Errorf("%q is complete", broken)
		}
	}
}

func TestMessageID(t *testing.T) {
	for in, want := range map[string]string{"<1@x>": "1@x", " (a) <1@x> b": "1@x", "1@x": "", "<1@x": "", "": ""} {
		if l := read(t, "From: a@b.example\r\nMessage-ID: "+in+"\r\n\r\nx"); l.MessageID != want {
			t.Errorf("%q is %q", in, l.MessageID)
		}
	}
}

// TestMasks: a letter prints no address and no words.
func TestMasks(t *testing.T) {
	l := read(t, "From: hana@customer.example\r\nSubject: secret\r\n\r\nsecret")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, l); strings.Contains(s, "hana") || strings.Contains(s, "secret") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"))
	f.Add([]byte("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=E3=81=82</p>\r\n--b--\r\n"))
	f.Add([]byte("From: =?iso-2022-jp?B?GyRCJFIkSiQ/GyhC?= <a@b.example>\r\nSubject: =?euc-kr?q?=b0=a1?=\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Read(raw)
		if err != nil {
			return
		}
		if l.parts > MaxParts+1 || len(l.Text) > 3*MaxText || bytes.ContainsRune([]byte(l.Text), 0) || strings.ToValidUTF8(l.Text, "") != l.Text || strings.ContainsAny(l.Subject, "\x00") {
			t.Errorf("%d parts, %d octets of text", l.parts, len(l.Text))
		}
	})
}
