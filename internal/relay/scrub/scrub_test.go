package scrub_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/engawa/engawa/internal/relay/scrub"
)

var hanako = scrub.Known{
	Addresses: []string{"hanako.t+shop@bird.example", "花子@黄色い鳥.example", "info@bird.example", "Uaaaabbbbccccddddeeee111122223333"}, Names: []string{"髙橋 花子", "Hanako Takahashi", "森 林"}, Phones: []string{"+819012345678", "03-9876-5432"},
	IDs: []string{"M-0012345", "77"}, Aliases: []string{"r-s260101abcdefgh@relay.hub.example"}, Relay: []string{"relay.hub.example"}, Spare: []string{"vendor.example", "boss@partner.example"},
}

// token is what a link of the hub's ends in.
const token = "s2611307rifmb6i._wIBiM9r4BxZTaqT0cHuQYqHmrr-fMdF9Awc4THCjQWXjWbG4VR6K5XHRyz3c3hSls4m4u1TPKo-wDw5MhEeg9JznrfhaX8F0r7ge4boHxVmM75p5w"

func clean(t *testing.T, raw string) (scrub.Message, scrub.Report) {
	t.Helper()
	m, r, err := scrub.New(hanako, said).Mail([]byte(raw), at)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

// TestText: what is replaced in a text, and what is not.
func TestText(t *testing.T) {
	const a, n, p, i, x, l = "[hidden: address]", "[hidden: name]", "[hidden: phone]", "[hidden: id]", "[hidden: another]", "[hidden: link]"
	for text, want := range map[string]string{
		"write to hanako.t+shop@bird.example, please": "write to " + a + ", please", "HANAKO.T@BIRD.EXAMPLE": a, "hanako.t+other@bird.example.": a + ".", "<hanako.t@bird.example>": "<" + a + ">",
		"hanako . t (at) bird (dot) example": a, "hanako dot t at bird dot example": a, "ｈａｎａｋｏ．ｔ＠ｂｉｒｄ．ｅｘａｍｐｌｅ": a, "hanakoドットtアットマークbirdドットexample": a, "hanako.t☆bird.example": a, "h-a-n-a-k-o.t @ bird.example": a,
		"hanako.t\n> @bird.example": a, "花子@黄色い鳥.example": a, "mail:hanаko.t@bird.example": "mail:" + a, "aGFuYWtvLnRAYmlyZC5leGFtcGxl": a, "68616e616b6f2e7440626972642e6578616d706c65": a, "68 61 6e 61 6b 6f 2e 74 40 62 69 72 64 2e 65 78 61 6d 70 6c 65": a,
		"unanxb.g@oveq.rknzcyr": a, "elpmaxe.drib@t.okanah": a, "hanako.t&#64;bird.example": a, "hanako.t%2540bird.example": a, "hanako.t=40bird.example": a, `hanako.t\u0040bird.example`: a, "hanako.t+AEA-bird.example": a,
		"To: Somebody Else <hanako.t@bird.example>; Other\nx": "To: " + a + "\nx", "> 宛先: 別名 <hanako.t@bird.example>": "> 宛先: " + a, `"Hana T" <hanako.t@bird.example> wrote`: a + "> wrote",
		"hanako.t=bird.example@bounce.vendor.example": a + "@bounce.vendor.example", "SRS0=x=y=bird.example=hanako.t@vendor.example": "SRS0=x=y=" + a + "@vendor.example", "hanako.t%u0040bird.example": a, "I am hanako.t there": "I am " + a + " there",
		"bird.example: hanako t.": "bird.example: hanako t.", "more info: bird.example": "more info: bird.example", "info * bird.example": a, "hanako t ------------------------------ bird.example": "hanako t ------------------------------ bird.example", "stra\u0336nger@other.example": x, "stranger@other.example": x, "stranger [at] other [dot] example": x, "me@vendor.example, help@sub.vendor.example, boss@partner.example": "me@vendor.example, help@sub.vendor.example, boss@partner.example", "clerk@partner.example": x, "r-zzz@relay.hub.example": "[hidden: alias]", "r-s260101abcdefgh": "[hidden: alias]",
		"髙橋 花子です": n + "です", "高橋花子": n, "高橋　花子様": n, "花子様": n, "高橋さんへ": n + "へ", "花子": "花子", "高橋": "高橋", "Takahashi, Hanako": n, "HANAKO\nTAKAHASHI": n, "Dear Ms. Takahashi,": "Dear " + n + ",", "hanakotakahashis": "hanakotakahashis", "Hanako": "Hanako", "森林を歩く": "森林を歩く", "森様": n,
		"090-1234-5678": "0" + p, "+81 (0)90 1234 5678": "+81 (0)" + p, "０９０１２３４５６７８": "０" + p, "〇九〇の一二三四の五六七八": "〇" + p, "03(9876)5432": "0" + p, "tel9012345678": "tel" + p, "090-1234-5679": "090-1234-5679", "1,039,876,543.2": "1,0" + p, "3 apples, 98 pears": "3 apples, 98 pears",
		"M-0012345": i, "m 0012345": i, "M-00123456": "M-00123456", "77 units": "77 units", "uaaaabbbbccccddddeeee111122223333": i,
		"> stop: https://hub.example/u/" + token + "\n> page: https://hub.example/my/" + token: "> stop: https://hub.example/u/" + l + "\n> page: https://hub.example/my/" + l, "(https://hub.example/my/" + token + ")": "(https://hub.example/my/" + l + ")",
		"https://hub.example/my/" + token[:30] + "\n> > " + token[30:] + "\n> > Regards": "https://hub.example/my/" + l + "\n> > Regards", "https://hub.example/my/" + token[:10] + "\r\n> " + token[10:80] + "\n> " + token[80:] + " is it": "https://hub.example/my/" + l + " is it",
		"https:%2F%2Fhub.example%2Fmy%2F" + token: "https:%2F%2Fhub.example%2Fmy%2F" + l, "s261130ABCDEFGH": "s261130ABCDEFGH", "s261130abcdefgh.\nthe rest of it": "s261130abcdefgh.\nthe rest of it",
		"hello\x00\x1b[31m\u200b\u202eworld\ufeff": "hello[31mworld", "👨‍👩‍👧 🏳️‍🌈 می\u200cخواهم 葛󠄀": "👨‍👩‍👧 🏳️‍🌈 می\u200cخواهم 葛󠄀", "meet @ cafe.tokyo at 3": "meet @ cafe.tokyo at 3", "user@2x.png": "user@2x.png", "react@18.2.0": "react@18.2.0",
		"hana\U000e0068\U000e0061ko": "hanako",
	} {
		if got, _ := scrub.New(hanako, said).Text(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

// TestRebuilt: nothing but subject, text and hour pass.
func TestRebuilt(t *testing.T) {
	m, r := clean(t, "Received: from x (hanako.t@bird.example)\r\nFrom: =?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte("鈴木一郎太郎"))+"?= <second.box@elsewhere.example>\r\nTo: r@relay.hub.example\r\nCc: c@third.example\r\nSubject: =?iso-2022-jp?B?GyRCJDQ3QExzGyhC?= hanako.t@bird.example\r\nDate: Mon, 2 Nov 2026 19:34:56 +0900\r\nMessage-ID: <1@bird.example>\r\n\r\n鈴木一郎太郎 second.box and second (dot) box (at) elsewhere (dot) example\r\n")
	if m.Subject != "ご契約 [hidden: address]" || m.Text != "[hidden: name] [hidden: address] and [hidden: address]" || m.At.Format("15:04:05.9 MST") != "10:00:00 UTC" || len(m.Attachments) != 0 || r.Hidden[scrub.Address] != 3 {
		t.Errorf("%+v\n%q\n%q\n%v", r, m.Subject, m.Text, m.At)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", m, m, hanako, hanako); strings.Contains(s, "契約") || strings.Contains(s, "hanako") {
		t.Errorf("it prints %s", s)
	}
}

// TestCharsets: what the charsets of East Asia hold comes out as it was, with the
// label right, wrong or missing, and in each transfer encoding.
func TestCharsets(t *testing.T) {
	for _, c := range []struct {
		labels []string
		enc    encoding.Encoding
		text   string
	}{
		{[]string{"utf-8", "UTF8", "", "us-ascii", "iso-2022-jp", "x-unknown", "shift_jis"}, encoding.Nop, "ご契約の縁側 툇마루 𠮷 €"},
		{[]string{"iso-2022-jp", "ISO-2022-JP-MS", "cp50220", "", "us-ascii", "utf-8"}, japanese.ISO2022JP, "ご契約の件、①承知しました。ｶﾀｶﾅ㈱"},
		{[]string{"shift_jis", "cp932", "Windows-31J", "x-sjis", "", "us-ascii", "utf-8"}, japanese.ShiftJIS, "ご契約の件、①承知しました。ｶﾀｶﾅ㈱髙"},
		{[]string{"euc-jp", "eucJP-ms", "", "us-ascii"}, japanese.EUCJP, "ご契約の件について、お世話になっております。"},
		{[]string{"euc-kr", "ks_c_5601-1987", "cp949", "", "us-ascii"}, korean.EUCKR, "계약이 정지되었습니다. 똠방각하"},
		{[]string{"gb18030", "gb2312", "gbk"}, simplifiedchinese.GB18030, "您好，关于合同更新"},
		{[]string{"hz-gb-2312"}, simplifiedchinese.HZGB2312, "您好 ok"},
	} {
		octets, err := c.enc.NewEncoder().Bytes([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range c.labels {
			header := "From: a@b.example\r\nSubject: =?" + label + "?B?" + base64.StdEncoding.EncodeToString(octets) + "?=\r\n"
			if label != "" {
				header += "Content-Type: text/plain; charset=" + label + "\r\n"
			}
			for cte, body := range map[string]string{"8bit": string(octets), "base64": base64.StdEncoding.EncodeToString(octets), "quoted-printable": escapes(octets)} {
				m, _ := clean(t, header+"Content-Transfer-Encoding: "+cte+"\r\n\r\n"+body+"\r\n")
				if m.Text != c.text || label != "" && m.Subject != c.text {
					t.Errorf("%q, %s: %q, %q", label, cte, m.Subject, m.Text)
				}
			}
		}
	}
	if m, _ := clean(t, "From: a@b.example\r\nContent-Type: text/plain; charset=shift_jis\r\n\r\n\x97\xb9\x89\xf0\xf8\x9f\xf9\x5b"); m.Text != "了解〓〓" {
		t.Errorf("a carrier's picture characters: %q", m.Text)
	}
	if m, _ := clean(t, "From: a@b.example\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64.StdEncoding.EncodeToString([]byte("a\x00b\x00c\x00\x42\x30"))); m.Text != "abcあ" {
		t.Errorf("UTF-16 that nobody declared: %q", m.Text)
	}
	korean2022 := "\x1b$)C" + "\x0e0h>`\x0f abc"
	if m, _ := clean(t, "From: a@b.example\r\nContent-Type: text/plain; charset=iso-2022-kr\r\n\r\n"+korean2022); m.Text != "계약 abc" {
		t.Errorf("ISO-2022-KR: %q", m.Text)
	}
}

func escapes(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, "=%02X", c)
	}
	return out.String()
}

// TestHeld: what cannot be decoded or looked into is replaced by a notice, once
// for each reason.
func TestHeld(t *testing.T) {
	part := func(head, body string) string { return head + "\r\n\r\n" + body }
	for raw, want := range map[string]scrub.Why{
		part("Content-Type: text/plain; charset=utf-7", "+AGg-"):                                             scrub.Undecoded,
		part("Content-Type: text/plain; charset=x-none", "\xfd\x80\x81\xff"):                                 scrub.Undecoded,
		part("Content-Type: text/plain; charset=iso-2022-cn", "\x1b$)A\x0e@@\x0f"):                           scrub.Undecoded,
		part("Content-Transfer-Encoding: x-uuencode", "begin 644 x\r\n"):                                     scrub.Undecoded,
		part("Content-Transfer-Encoding: base64", "aGFu*YWtv"):                                               scrub.Undecoded,
		part("Content-Type: multipart/mixed", "--x\r\n\r\nsecret"):                                           scrub.Undecoded,
		part("Content-Type: multipart/mixed; boundary=b", "secret"):                                          scrub.Undecoded,
		part("Content-Type: multipart/encrypted; boundary=b", "--b\r\n\r\nsecret"):                           scrub.Sealed,
		part("Content-Type: application/pkcs7-mime; smime-type=signed-data", "secret"):                       scrub.Sealed,
		part("Content-Type: text/plain", "-----BEGIN PGP MESSAGE-----\n\nsecret\n-----END PGP MESSAGE-----"): scrub.Sealed,
		part("Content-Type: text/plain", "begin 644 secret.txt\n%secret\n`\nend\n"):                          scrub.Undecoded,
		part("Content-Type: text/plain", "data:text/plain;base64,c2VjcmV0"):                                  scrub.Undecoded,
		part("Content-Transfer-Encoding: base64\r\nContent-Type: image/jpeg", base64.StdEncoding.EncodeToString([]byte("\xff\xd8\xff\xda\x00\x02h\x00anako.t@bird.example\xff\xd9"))): scrub.Leaking,
		part("Content-Type: application/pdf", "secret"):                                                                                 scrub.Document,
		part("Content-Type: application/zip; name=x.txt.zip", "secret"):                                                                 scrub.Document,
		part("Content-Type: image/jpeg", "secret"):                                                                                      scrub.Document,
		part("Content-Type: image/svg+xml; name=secret.txt", "<svg>secret"):                                                             scrub.Document,
		part("Content-Type: application/ms-tnef", "secret"):                                                                             scrub.Document,
		part("Content-Type: text/plain; name=WINMAIL.DAT", "secret"):                                                                    scrub.Document,
		part("Content-Type: text/x-vcard", "secret"):                                                                                    scrub.Card,
		part("Content-Type: application/octet-stream; name=a.VCF", "secret"):                                                            scrub.Card,
		part("Content-Type: multipart/report; boundary=b", "--b\r\n\r\nsecret"):                                                         scrub.Machine,
		part("Content-Type: text/rfc822-headers", "X: secret"):                                                                          scrub.Machine,
		part("Content-Type: message/external-body; access-type=URL; URL=\"http://secret.example\"", "Content-Type: text/plain\r\n\r\n"): scrub.Remote,
		part("Content-Type: message/partial; id=x; number=1", "secret"):                                                                 scrub.Remote,
	} {
		m, r := clean(t, "From: a@b.example\r\n"+raw)
		if m.Text != "["+said(string(want))+"]" || r.Held[want] != 1 || len(m.Attachments) != 0 {
			t.Errorf("%q: %q, %v", raw, m.Text, r)
		}
	}
}

// TestParts: which of the parts pass, as what, under which name.
func TestParts(t *testing.T) {
	multi := func(kind string, parts ...string) string {
		return "From: a@b.example\r\nContent-Type: " + kind + "; boundary=\"=_b\"\r\n\r\npreamble\r\n--=_b\r\n" + strings.Join(parts, "\r\n--=_b \r\n") + "\r\n--=_b--\r\nepilogue"
	}
	plain, page := "Content-Type: text/plain\r\n\r\nplain", "Content-Type: text/html\r\n\r\n<p>page</p>"
	for raw, want := range map[string]string{
		multi("multipart/alternative", plain, page):                                              "plain",
		multi("multipart/alternative", page, plain):                                              "plain",
		multi("multipart/alternative", "Content-Type: text/plain\r\n\r\n \r\n", page):            "page",
		multi("multipart/alternative", "Content-Type: text/plain; charset=utf-7\r\n\r\nx", page): "page",
		multi("multipart/alternative", plain, "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"+page+"\r\n--c\r\nContent-Type: application/pdf\r\n\r\nx\r\n--c--"): "plain\n\n[hidden: document]",
		multi("multipart/signed", plain, "Content-Type: application/pgp-signature\r\n\r\nx"):                                                                                "plain",
		multi("multipart/signed", plain, page):                                         "plain",
		multi("multipart/mixed", plain, "Content-Type: application/pgp-keys\r\n\r\nx"): "plain",
		multi("multipart/mixed", plain, page):                                          "plain\n\npage",
		multi("multipart/mixed", plain, "Content-Type: message/rfc822\r\n\r\nFrom: hanako.t@bird.example\r\nSubject: inner\r\n\r\nwords"): "plain\n\n> inner\n> \n> words",
		"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ncut short":                                      "cut short",
		"From: a@b.example\n\nline feeds alone\n":          "line feeds alone",
		"From: a@b.example\r\nContent-Type: text\r\n\r\nx": "x",
		"From: a@b.example\r\nContent-Type: text/enriched\r\n\r\n<bold>a</bold>\r\nb <<c\r\n\r\nd<color><param>red</param>e</color>":                            "a b <c\nde",
		"From: a@b.example\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nwords\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n": "words",
	} {
		if m, _ := clean(t, raw); m.Text != want {
			t.Errorf("%q\nis %q, not %q", raw, m.Text, want)
		}
	}
	for head, want := range map[string]string{
		"Content-Type: text/plain; name=\"../../etc/passwd.txt\"\r\nContent-Disposition: attachment":       "passwd.txt text/plain",
		"Content-Type: text/csv\r\nContent-Disposition: attachment; filename=\"CON.csv\"":                  "attachment-1.csv text/csv",
		"Content-Disposition: attachment; filename=\"hanako.t@bird.example.txt\"":                          "attachment-1.txt text/plain",
		"Content-Disposition: attachment; filename*=utf-8''%E5%A5%91%E7%B4%84.exe.txt":                     "契約.exe.txt text/plain",
		"Content-Disposition: attachment; filename*0*=utf-8''%E5%A5; filename*1*=%91; filename*2=\".txt\"": "契.txt text/plain",
		"Content-Disposition: attachment; filename=\"=?utf-8?B?5aWR57SE?=.txt\"":                           "契約.txt text/plain",
		"Content-Disposition: attachment; filename=\"a\u202etxt.exe\"":                                     "atxt.txt text/plain",
		"Content-Disposition: attachment":                                                                  "attachment-1.txt text/plain",
	} {
		m, _ := clean(t, "From: a@b.example\r\n"+head+"\r\n\r\nx")
		if len(m.Attachments) != 1 || m.Attachments[0].Name+" "+m.Attachments[0].Type != want {
			t.Errorf("%s: %q %+v", head, m.Text, m.Attachments)
		}
	}
}

func TestHTML(t *testing.T) {
	for page, want := range map[string]string{
		"<p>a</p><p>b<br>c</p>": "a\nb\nc", "a<b>b</b> <i>c</i>&nbsp;d &lt;e&gt; &amp;lt;": "ab c d <e> &lt;", "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>": "1 2\n3", "<ul><li>x<li>y</ul>": "- x\n- y",
		"a<blockquote>b<blockquote>c</blockquote></blockquote>d": "a\n> b\n> > c\nd", "<a href=\"https://v.example/x\">here</a>": "here <https://v.example/x>", "<a href=\"https://v.example/\">https://v.example</a>": "https://v.example", "<a href=\"https://hub.example/my/" + token + "\">here</a>": "here <https://hub.example/my/[hidden: link]>", "<a href=\"mailto:x@y.example\">write</a> <a href=\"javascript:x\">run</a>": "write run",
		"<style>x</style><script>y</script><!-- z --><title>t</title>w": "w", "<head><meta x><body>w": "w", "a<span style='DISPLAY : none'>b<i>c</i></span>d<p hidden>e</p>": "ad", "<img alt='a  logo' src=x>": "a logo", "<svg><text>x</text></svg>y": "y", "<pre>a\n  b</pre>c": "a\n  b\nc",
	} {
		if m, _ := clean(t, "From: a@b.example\r\nContent-Type: text/html\r\n\r\n"+page); m.Text != want {
			t.Errorf("%q is %q, not %q", page, m.Text, want)
		}
	}
}

func TestCalendar(t *testing.T) {
	m, _ := clean(t, "From: a@b.example\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nPRODID:x\r\nBEGIN:VEVENT\r\nORGANIZER;CN=\"a:b\":mailto:x@y.example\r\nATTENDEE:mailto:x@y.example\r\nUID:1\r\nDTSTART;TZID=Asia/Tokyo;X-A=hanako:20261201T100000\r\nSUMMARY;LANGUAGE=ja:with hanako.t@bird\r\n .example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	want := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Asia/Tokyo:20261201T100000\nSUMMARY:with [hidden: address]\nEND:VEVENT\nEND:VCALENDAR"
	if len(m.Attachments) != 1 || m.Attachments[0].Type != "text/calendar" || string(m.Attachments[0].Data) != want {
		t.Errorf("%q %s", m.Text, m.Attachments)
	}
}

// TestPictures: a picture passes with its points unchanged and nothing else; one
// that is not built as its kind asks does not pass.
func TestPictures(t *testing.T) {
	points := image.NewPaletted(image.Rect(0, 0, 9, 7), palette.WebSafe)
	for i := range points.Pix {
		points.Pix[i] = byte(i * 5 % 216)
	}
	secret := "author hanako.t@bird.example"
	comment := func(b []byte, at int, more string) []byte {
		return slices.Concat(b[:at], []byte(more), b[at:], []byte(secret))
	}
	var j, p, g bytes.Buffer
	if err := errors.Join(jpeg.Encode(&j, points, nil), png.Encode(&p, points), gif.Encode(&g, points, nil)); err != nil {
		t.Fatal(err)
	}
	text := append([]byte("tEXt"), "Author\x00"+secret...)
	chunk := binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, uint32(len(text)-4)), text...), crc32.ChecksumIEEE(text))
	for kind, c := range map[string]struct{ bare, full []byte }{
		"image/jpeg": {j.Bytes(), comment(j.Bytes(), 2, "\xff\xfe\x00\x1e"+secret)},
		"image/png":  {p.Bytes(), comment(p.Bytes(), 33, string(chunk))},
		"image/gif":  {g.Bytes(), comment(g.Bytes(), 13+3*len(palette.WebSafe)+3*(256-len(palette.WebSafe)), "!\xfe\x1c"+secret+"\x00")},
	} {
		send := func(b []byte) (scrub.Message, scrub.Report) {
			return clean(t, "From: a@b.example\r\nContent-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64.StdEncoding.EncodeToString(b))
		}
		m, _ := send(c.full)
		if len(m.Attachments) != 1 || m.Attachments[0].Type != kind || !bytes.Equal(m.Attachments[0].Data, c.bare) {
			t.Errorf("%s: %v %q", kind, m, m.Text)
			continue
		}
		if got, _, err := image.Decode(bytes.NewReader(m.Attachments[0].Data)); err != nil || got.Bounds() != points.Bounds() {
			t.Errorf("%s cannot be read any more: %v", kind, err)
		}
		for n := range len(c.full) {
			if m, _ := send(c.full[:n]); len(m.Attachments) > 0 && bytes.Contains(m.Attachments[0].Data, []byte(secret[:12])) {
				t.Errorf("%s cut to %d octets tells its author", kind, n)
			}
		}
	}
	turned := slices.Concat([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"), j.Bytes()[2:])
	m, _ := clean(t, "From: a@b.example\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64.StdEncoding.EncodeToString(turned))
	if len(m.Attachments) != 1 || !bytes.Contains(m.Attachments[0].Data, []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06")) {
		t.Errorf("a photograph lies on its side: %v", m)
	}
}
