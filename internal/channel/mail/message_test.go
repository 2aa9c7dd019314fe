package mail

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/mail/sim"
)

var update = flag.Bool("update", false, "write the golden mails anew")

// parcels are mails of every shape, by golden file.
var parcels = map[string]engawa.Parcel{
	"ja-marketing": {
		Workspace: "ws_1", Message: "msg_ja", Delivery: "dlv_1", Account: channeltest.Account, Attempt: 1,
		To: taro, ToName: "山田 太郎", SenderName: "ひなた珈琲（株式会社ひなた商会の定期便ご案内窓口です）", Purpose: engawa.Marketing, Locale: engawa.Japanese,
		Content: engawa.Content{
			Subject: "定期便の更新についてのお知らせと、今月だけの特別なご案内（石川県金沢市ひなた珈琲より）",
			Text:    "山田様\n\nいつもありがとうございます。\n.点で始まる行\nhttps://hinata.example/a?b=c\n",
			HTML:    "<p>山田様</p>\n<p>いつもありがとうございます。</p>\n",
		},
		Unsubscribe: "https://hinata.example/u/msg_ja?t=abc", CreatedAt: time.Date(2027, 3, 4, 5, 6, 7, 0, time.FixedZone("JST", 9*3600)),
	},
	"ko-marketing": {
		Workspace: "ws_1", Message: "msg_ko", Delivery: "dlv_2", Account: channeltest.Account, Attempt: 1,
		To: "kim@customer.example", ToName: "김민수", SenderName: "히나타 커피", Purpose: engawa.Marketing, Locale: engawa.Korean,
		Content:     engawa.Content{Subject: "(광고) 이번 주 원두 할인 안내 — 부산 매장에서 만나요", Text: "김민수 님\r\n안녕하세요.\r\n"},
		Unsubscribe: "https://hinata.example/u/msg_ko", CreatedAt: time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC),
	},
	"en-service": {
		Workspace: "ws_1", Message: "msg_en", Delivery: "dlv_3", Account: channeltest.Account, Attempt: 1,
		To: "o'brien+shop@customer.example", ToName: `Pat "Q" O'Brien \ Sons`, SenderName: "Vendor via Hinata Coffee", Purpose: engawa.Service, Locale: engawa.English,
		Content: engawa.Content{
			Subject: "Your yearly plan ends on 31 March: what happens to your data, and how to keep the plan if you would like to",
			Text:    "Hello,\n\n.a line that starts with a dot\n..two\n.\nFrom here on 100% = all\ttabs  \nend without a line break",
		},
		CreatedAt: time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC),
	},
	"bare": {
		Workspace: "ws_1", Message: "msg_x", Delivery: "dlv_4", Account: channeltest.Account, Attempt: 1,
		To: `"taro..x"@docomo.ne.jp`, Purpose: engawa.Security, Content: engawa.Content{HTML: "<b>only\rHTML</b>"},
		CreatedAt: time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC),
	},
}

// parsed is a mail as the standard library reads it.
type parsed struct {
	header     netmail.Header
	subject    string
	text, html string
}

// parse reads a mail with net/mail and mime alone.
func parse(t testing.TB, raw []byte) parsed {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("net/mail: %v\n%s", err, raw)
	}
	p := parsed{header: m.Header}
	if p.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatalf("subject: %v", err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("content type: %v", err)
	}
	if kind != "multipart/alternative" {
		p.read(t, kind, params, m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return p
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return p
		}
		if err != nil {
			t.Fatalf("part: %v", err)
		}
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatalf("part: %v", err)
		}
		p.read(t, kind, params, part.Header.Get("Content-Transfer-Encoding"), part)
	}
}

func (p *parsed) read(t testing.TB, kind string, params map[string]string, encoding string, body io.Reader) {
	t.Helper()
	if params["charset"] != "utf-8" {
		t.Errorf("charset %q", params["charset"])
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	default:
		t.Errorf("encoding %q", encoding)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	if kind == "text/html" {
		p.html = string(b)
	} else {
		p.text = string(b)
	}
}

// words brings a text to the form in which it must arrive.
func words(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.TrimRight(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
}

func TestMails(t *testing.T) {
	a := opened(t, settings("reply_to", "help@hinata.example"), nil)
	for name, p := range parcels {
		t.Run(name, func(t *testing.T) {
			l, err := a.compose(p)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.WriteFile(golden, l.octets, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(l.octets, want) {
				t.Errorf("differs from %s:\n%s", golden, l.octets)
			}
			checkShape(t, l.octets)
			checkMail(t, p, parse(t, l.octets))
		})
	}
}

func checkMail(t *testing.T, p engawa.Parcel, got parsed) {
	t.Helper()
	if got.subject != p.Content.Subject || words(got.text) != words(p.Content.Text) || words(got.html) != words(p.Content.HTML) {
		t.Errorf("arrives as %q\n%q\n%q", got.subject, got.text, got.html)
	}
	for field, want := range map[string][2]string{
		"From":     {p.SenderName, "shop@hinata.example"},
		"To":       {p.ToName, strings.ReplaceAll(p.To.Reveal(), `"`, "")},
		"Reply-To": {"", "help@hinata.example"},
	} {
		l, err := got.header.AddressList(field)
		if err != nil || len(l) != 1 {
			t.Errorf("%s: %v", field, err)
			continue
		}
		if field == "From" && want[0] == "" {
			want[0] = "ひなた珈琲"
		}
		if l[0].Name != want[0] || l[0].Address != want[1] {
			t.Errorf("%s is %q <%s>, want %q <%s>", field, l[0].Name, l[0].Address, want[0], want[1])
		}
	}
	if at, err := got.header.Date(); err != nil || !at.Equal(p.CreatedAt) {
		t.Errorf("Date %s, want %s: %v", at, p.CreatedAt, err)
	}
	h := got.header
	if h.Get("Auto-Submitted") != "auto-generated" || !regexp.MustCompile(`^<[0-9a-z]{26}@hinata\.example>$`).MatchString(h.Get("Message-ID")) {
		t.Errorf("Auto-Submitted %q, Message-ID %q", h.Get("Auto-Submitted"), h.Get("Message-ID"))
	}
	if f := strings.Split(h.Get("Feedback-ID"), ":"); len(f) != 4 || f[3] != "engawa" {
		t.Errorf("Feedback-ID %q", h.Get("Feedback-ID"))
	}
	if marketing := p.Purpose == engawa.Marketing; (h.Get("List-Id") != "") != marketing {
		t.Errorf("List-Id %q for %s", h.Get("List-Id"), p.Purpose)
	}
	if p.Unsubscribe != "" && (h.Get("List-Unsubscribe") != "<"+p.Unsubscribe+">" || h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click") {
		t.Errorf("List-Unsubscribe %q, -Post %q", h.Get("List-Unsubscribe"), h.Get("List-Unsubscribe-Post"))
	}
	if p.Unsubscribe == "" && (h.Get("List-Unsubscribe") != "" || h.Get("List-Unsubscribe-Post") != "") {
		t.Error("an unsubscribe link that nobody asked for")
	}
}

// checkShape holds what RFC 5322 says of every mail, and M-08.
func checkShape(t testing.TB, raw []byte) {
	t.Helper()
	for _, row := range bytes.SplitAfter(raw, []byte("\n")) {
		bare := bytes.TrimSuffix(row, []byte("\r\n"))
		if len(row) > 0 && len(bare) == len(row) || bytes.ContainsAny(bare, "\r\n\x00") {
			t.Fatalf("a line does not end in CRLF alone: %q", row)
		}
		if len(bare) > 998 {
			t.Fatalf("a line of %d octets", len(bare))
		}
		for _, c := range bare {
			if c >= 0x80 {
				t.Fatalf("a line is not in 7 bits: %q", row)
			}
		}
	}
	head, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatal("no empty line after the header")
	}
	seen := map[string]bool{}
	for row := range strings.SplitSeq(string(head), "\r\n") {
		if strings.HasPrefix(row, " ") {
			if strings.TrimSpace(row) == "" {
				t.Error("a folded line of spaces only")
			}
			continue
		}
		name, _, _ := strings.Cut(row, ":")
		if seen[strings.ToLower(name)] {
			t.Errorf("%s stands twice", name)
		}
		seen[strings.ToLower(name)] = true
	}
	for name := range seen {
		switch name {
		case "from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted", "feedback-id", "list-id", "dkim-signature",
			"list-unsubscribe", "list-unsubscribe-post", "content-language", "mime-version", "content-type", "content-transfer-encoding":
		default:
			t.Errorf("a field that was never written: %q", name)
		}
	}
}

func TestUnfit(t *testing.T) {
	a := opened(t, settings(), nil)
	for name, change := range map[string]func(*engawa.Parcel){
		"no words":                  func(p *engawa.Parcel) { p.Content = engawa.Content{Subject: "s"} },
		"CRLF in the subject":       func(p *engawa.Parcel) { p.Content.Subject = "a\r\nBcc: x@example.jp" },
		"LF in the subject":         func(p *engawa.Parcel) { p.Content.Subject = "a\nb" },
		"NUL in the subject":        func(p *engawa.Parcel) { p.Content.Subject = "a\x00b" },
		"U+2028 in the subject":     func(p *engawa.Parcel) { p.Content.Subject = "a\u2028b" },
		"CR in the sender's name":   func(p *engawa.Parcel) { p.SenderName = "a\rb" },
		"LF in the recipient":       func(p *engawa.Parcel) { p.ToName = "a\n b" },
		"CRLF in the address":       func(p *engawa.Parcel) { p.To = "a@example.jp>\r\nRCPT TO:<b@example.jp" },
		"quoted CRLF (B03)":         func(p *engawa.Parcel) { p.To = "\"a\r\nRCPT TO:<x>\"@example.jp" },
		"control in the address":    func(p *engawa.Parcel) { p.To = "a\x0b@example.jp" },
		"angle bracket in the link": func(p *engawa.Parcel) { p.Unsubscribe = "https://x.example/a>, <mailto:b@c.jp" },
		"CRLF in the link":          func(p *engawa.Parcel) { p.Unsubscribe = "https://x.example/\r\nBcc: x" },
		"script for a link":         func(p *engawa.Parcel) { p.Unsubscribe = "javascript:alert(1)" },
		"endless link":              func(p *engawa.Parcel) { p.Unsubscribe = "https://x.example/" + strings.Repeat("a", 1000) },
		"CRLF in the locale":        func(p *engawa.Parcel) { p.Locale = "ja\r\nBcc: x" },
	} {
		t.Run(name, func(t *testing.T) {
			p := channeltest.Parcel(taro)
			change(&p)
			_, e := send(t, a, p)
			if e == nil || e.Class != channel.Rejected || e.Code != "unfit" {
				t.Errorf("got %v, want a refusal", e)
			}
		})
	}
}

// TestOnTheWire covers B02 and the receiving half of B01: whatever is in the
// words, one mail goes in and one comes out, the same to the octet.
func TestOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{}
		a := opened(t, settings(), box.Dial)
		for _, s := range []string{
			".", ".\n", "..\n.", "a\n.\nb", "a\r\n.\r\nb", "a\r.\rb", "a\n.\r\nMAIL FROM:<x@y.jp>", "a\r\n.\nRCPT TO:<x@y.jp>",
			"\r", "\n", "\r\r\n\n", "a\r\n.\r\nMAIL FROM:<evil@example.jp>\r\nRCPT TO:<b@example.jp>\r\nDATA\r\nhi\r\n.\r\n",
			strings.Repeat("あ", 5000), strings.Repeat("x", 5000), "\x00\x01\xff",
		} {
			p := channeltest.Parcel(taro)
			p.Content.Text, p.Content.HTML = s, s
			p.Delivery = engawa.NewID(engawa.PrefixDelivery)
			if _, e := send(t, a, p); e != nil {
				t.Fatalf("%q: %v", s, e)
			}
			l, err := a.compose(p)
			if err != nil {
				t.Fatal(err)
			}
			mails := box.Mails()
			last := mails[len(mails)-1]
			if !bytes.Equal(last.Raw, l.octets) {
				t.Errorf("%q arrives changed", s)
			}
			if got := parse(t, last.Raw); words(got.text) != words(s) || words(got.html) != words(s) {
				t.Errorf("%q arrives as %q", s, got.text)
			}
			box.Clear()
			if len(mails) != 1 {
				t.Errorf("%q makes %d mails", s, len(mails))
			}
		}
		_, _ = a.Close(), box.Close()
	})
}

func TestAppendData(t *testing.T) {
	for in, want := range map[string]string{
		"":                      ".\r\n",
		"a":                     "a\r\n.\r\n",
		"a\r\n":                 "a\r\n.\r\n",
		"a\nb":                  "a\r\nb\r\n.\r\n",
		"a\rb":                  "a\r\nb\r\n.\r\n",
		".":                     "..\r\n.\r\n",
		"a\n.\nb":               "a\r\n..\r\nb\r\n.\r\n",
		"a\r.\rb":               "a\r\n..\r\nb\r\n.\r\n",
		"a\n.\r\nb":             "a\r\n..\r\nb\r\n.\r\n",
		"a\r\r\n.\r\n":          "a\r\n\r\n..\r\n.\r\n",
		".\r\nQUIT\r\n":         "..\r\nQUIT\r\n.\r\n",
		"..two\r\n\r\n.one\n\r": "...two\r\n\r\n..one\r\n\r\n.\r\n",
	} {
		if got := string(appendData(nil, []byte(in))); got != want {
			t.Errorf("%q goes out as %q, want %q", in, got, want)
		}
	}
}

// TestSameOctets: every attempt sends the same mail, signature and all, though
// a signature names the second it was made in.
func TestSameOctets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &sim.Inbox{Script: []sim.Act{{At: sim.AtEnd, Cut: true}, {At: sim.AtRcpt, Reply: "451 4.3.0 later"}, {At: sim.AtConnect, Cut: true}, {}}}
		a := opened(t, settings("dkim_key", rsaKey(), "dkim_selector", "s1"), box.Dial)
		p := channeltest.Parcel(taro)
		for attempt := 1; attempt <= 4; attempt++ {
			p.Attempt = attempt
			_, e := send(t, a, p)
			if (e == nil) != (attempt == 4) {
				t.Fatalf("attempt %d: %v", attempt, e)
			}
			if e != nil {
				if len(e.Carry) == 0 {
					t.Fatalf("attempt %d carries nothing", attempt)
				}
				p.Carry = e.Carry
			}
			p.CreatedAt = p.CreatedAt.In(time.FixedZone("JST", 9*3600)) // as another node may read it
			time.Sleep(time.Hour)
		}
		mails := box.Mails()
		if len(mails) != 2 || !bytes.Equal(mails[0].Raw, mails[1].Raw) || mails[0].MessageID == "" {
			t.Errorf("%d mails; the last differs from the first", len(mails))
		}
		_, _ = a.Close(), box.Close()
	})
}

// TestCarry: a signature made of other words or by another key is not used.
func TestCarry(t *testing.T) {
	counted := &countingKey{key: ed25519Key(t)}
	a := opened(t, settings("dkim_key", pemKey(counted.key), "dkim_selector", "s1"), nil)
	a.signer.key = counted
	first := signedLetter(t, a, channeltest.Parcel(taro))
	p := channeltest.Parcel(taro)
	p.Carry = first.carry
	p.CreatedAt = channeltest.Parcel(taro).CreatedAt
	changed := p
	changed.Content.Text += "!"
	l := signedLetter(t, a, changed)
	if counted.n != 2 || bytes.Equal(l.carry, first.carry) {
		t.Errorf("%d signatures for two letters", counted.n)
	}
	changed.Carry = l.carry
	if again := signedLetter(t, a, changed); counted.n != 2 || !bytes.Equal(again.octets, l.octets) {
		t.Errorf("%d signatures; the retry was signed again", counted.n)
	}
	a.signer.mark = "another key"
	signedLetter(t, a, changed)
	if counted.n != 3 {
		t.Error("the signature of another key was used")
	}
}

type countingKey struct {
	key ed25519.PrivateKey
	n   int
}

func (k *countingKey) Public() crypto.PublicKey { return k.key.Public() }

func (k *countingKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	k.n++
	return k.key.Sign(r, digest, o)
}

func ed25519Key(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signedLetter(t testing.TB, a *account, p engawa.Parcel) *letter {
	t.Helper()
	l, err := a.compose(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.signer.sign(l, p.Carry); err != nil {
		t.Fatal(err)
	}
	return l
}

// record is the TXT record of a signer's key (RFC 6376 3.6.1, RFC 8463 4).
func record(t testing.TB, s *signer) string {
	t.Helper()
	if public, ok := s.key.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func TestSignature(t *testing.T) {
	for kind, key := range map[string]string{"RSA": rsaKey(), "Ed25519": pemKey(ed25519Key(t))} {
		a := opened(t, settings("dkim_key", key, "dkim_selector", "s2027", "reply_to", "help@hinata.example"), nil)
		verified := func(raw []byte) error {
			vs, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
				if name != "s2027._domainkey.hinata.example" {
					return nil, fmt.Errorf("asked for %s", name)
				}
				return []string{record(t, a.signer)}, nil
			}})
			if err != nil || len(vs) != 1 {
				return fmt.Errorf("%d signatures: %w", len(vs), err)
			}
			return vs[0].Err
		}
		for name, p := range parcels {
			t.Run(kind+"/"+name, func(t *testing.T) {
				l := signedLetter(t, a, p)
				checkShape(t, l.octets)
				if err := verified(l.octets); err != nil {
					t.Fatalf("does not verify: %v", err)
				}
				for _, field := range []string{"From", "To", "Subject", "Date", "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} {
					if forged := append([]byte(field+": forged@example.jp\r\n"), l.octets...); verified(forged) == nil {
						t.Errorf("another %s can be put in front", field)
					}
				}
				if verified(append(bytes.Clone(l.octets), "more\r\n"...)) == nil {
					t.Error("the body can be longer")
				}
			})
		}
	}
}

// TestOpenDKIM asks another implementation. OpenDKIM of Debian knows RSA only.
func TestOpenDKIM(t *testing.T) {
	program, err := exec.LookPath("opendkim")
	if err != nil {
		t.Log("NOT VERIFIED by OpenDKIM: the program opendkim is not on this machine (Debian package opendkim)")
		return
	}
	a := opened(t, settings("dkim_key", rsaKey(), "dkim_selector", "s2027"), nil)
	dir := t.TempDir()
	der, err := x509.MarshalPKIXPublicKey(a.signer.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, conf := filepath.Join(dir, "keys"), filepath.Join(dir, "conf")
	write(t, keys, "s2027._domainkey.hinata.example v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(der)+"\n")
	write(t, conf, "Mode v\nTestPublicKeys "+keys+"\n")
	for name, p := range parcels {
		good := signedLetter(t, a, p).octets
		bad := bytes.Replace(good, []byte("\r\nSubject: "), []byte("\r\nSubject: x"), 1)
		for file, want := range map[string]bool{name: true, name + "-forged": false} {
			path := filepath.Join(dir, file)
			raw := good
			if !want {
				raw = bad
			}
			write(t, path, string(raw))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			out, err := exec.CommandContext(ctx, program, "-x", conf, "-t", path, "-vv").CombinedOutput()
			cancel()
			if says := strings.Contains(string(out), "dkim=pass (2048-bit key) header.d=hinata.example"); err != nil || says != want {
				t.Errorf("%s: OpenDKIM says pass: %t, want %t: %v\n%s", file, says, want, err, out)
			}
		}
	}
}

func write(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzLetter: whatever the words are, a mail that is composed at all has the
// fields that were written and no others, and says what it was given.
func FuzzLetter(f *testing.F) {
	f.Add("件名", "ひなた", "太郎", "本文\r\n.\r\n", "<p>x</p>", "https://x.example/u", "taro@example.jp")
	f.Add("a\r\nBcc: b", "\"x\" <y@z>", "=?utf-8?q?a?=", "\r", "", "", "\"a..b\"@example.jp")
	f.Add(strings.Repeat("word ", 300), strings.Repeat("名", 300), strings.Repeat("n", 300), strings.Repeat("=", 3000), "\x00", "http://x/", "a@xn--wgv71a119e.jp")
	a := opened(f, settings(), nil)
	f.Fuzz(func(t *testing.T, subject, sender, name, text, html, link, to string) {
		p := engawa.Parcel{
			Workspace: "w", Message: "m", Delivery: "d", To: engawa.Address(to), ToName: name, SenderName: sender, Purpose: engawa.Marketing,
			Content: engawa.Content{Subject: subject, Text: text, HTML: html}, Unsubscribe: link, CreatedAt: time.Unix(1e9, 0),
		}
		l, err := a.compose(p)
		if err != nil {
			return
		}
		checkShape(t, l.octets)
		got := parse(t, l.octets)
		if got.subject != strings.ToValidUTF8(subject, "\uFFFD") && strings.TrimSpace(subject) == subject {
			t.Errorf("subject %q arrives as %q", subject, got.subject)
		}
		if words(got.text) != words(text) || words(got.html) != words(html) {
			t.Errorf("text %q arrives as %q, html %q as %q", text, got.text, html, got.html)
		}
		wire := appendData(nil, l.octets)
		if i := bytes.Index(wire, []byte("\r\n.\r\n")); i != len(wire)-5 {
			t.Errorf("the end of data stands at %d of %d", i, len(wire))
		}
		if again, err := a.compose(p); err != nil || !bytes.Equal(again.octets, l.octets) {
			t.Error("the second time differs")
		}
	})
}
