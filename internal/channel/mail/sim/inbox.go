// Package sim is a mail server in memory: it takes mail as a submission server
// does and shows it as its recipients would see it.
package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"time"

	"encoding/base64"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	keep    = 1000
	maxMail = 25 << 20
)

// Inbox is the simulated server. The zero value accepts everything.
type Inbox struct {
	Username, Password string // both empty: no sign-in is asked for
	// Answer, if set, is asked at the end of each mail's data: a code other than
	// 0 is answered instead of 250; with done the mail is kept all the same, and
	// code -1 cuts the connection without an answer.
	Answer func(from, to string) (code int, done bool)

	mu     sync.Mutex
	mails  []Mail
	total  int
	server *smtp.Server
}

// Mail is one that arrived.
type Mail struct {
	ID          int               `json:"id"`
	At          time.Time         `json:"at"`
	Envelope    string            `json:"envelope_from"`
	To          string            `json:"to"`
	From        string            `json:"from"`
	Subject     string            `json:"subject"`
	MessageID   string            `json:"message_id"`
	Text        string            `json:"text"`
	HTML        string            `json:"html,omitempty"`
	Unsubscribe string            `json:"unsubscribe,omitempty"`
	Header      map[string]string `json:"header"`
	Raw         []byte            `json:"-"`
}

// Serve takes mail on l until Close.
func (b *Inbox) Serve(l net.Listener) error {
	s := b.start()
	if err := s.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (b *Inbox) start() *smtp.Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		b.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{b: b, c: c}, nil }))
		b.server.Domain = "inbox.localhost"
		b.server.AllowInsecureAuth = true
		b.server.MaxMessageBytes = maxMail
		b.server.ReadTimeout, b.server.WriteTimeout = time.Minute, time.Minute
	}
	return b.server
}

// Close stops taking mail.
func (b *Inbox) Close() error { return b.start().Close() }

// Mails returns what arrived, oldest first, at most the last thousand.
func (b *Inbox) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Mail(nil), b.mails...)
}

type session struct {
	b        *Inbox
	c        *smtp.Conn
	from, to string
	signed   bool
}

func (s *session) AuthMechanisms() []string {
	if s.b.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != s.b.Username || pass != s.b.Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Authentication credentials invalid"}
		}
		s.signed = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.b.Username != "" && !s.signed {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	code, done := 0, false
	if s.b.Answer != nil {
		code, done = s.b.Answer(s.from, s.to)
	}
	if code == 0 || done {
		s.b.keep(s.from, s.to, raw)
	}
	if code < 0 {
		s.c.Conn().Close() //nolint:errcheck // that is the point
		return io.ErrClosedPipe
	}
	if code != 0 {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 3, 0}, Message: "The simulator was told to answer so"}
	}
	return nil
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (b *Inbox) keep(from, to string, raw []byte) {
	m := read(raw)
	m.At, m.Envelope, m.To = time.Now(), from, to
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total++
	m.ID = b.total
	b.mails = append(b.mails, m)
	b.mails = b.mails[max(0, len(b.mails)-keep):]
}

// read decodes a mail as a mail program would.
func read(raw []byte) Mail {
	m := Mail{Raw: raw, Header: map[string]string{}}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Text = string(raw)
		return m
	}
	words := new(mime.WordDecoder)
	for k := range msg.Header {
		m.Header[k], _ = words.DecodeHeader(msg.Header.Get(k)) //nolint:errcheck // shown as it is then
	}
	m.Subject, m.From, m.MessageID = m.Header["Subject"], m.Header["From"], msg.Header.Get("Message-Id")
	m.Unsubscribe = strings.Trim(msg.Header.Get("List-Unsubscribe"), "<>")
	readPart(&m, msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Body)
	return m
}

func readPart(m *Mail, contentType, encoding string, body io.Reader) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return
			}
			readPart(m, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(io.LimitReader(body, maxMail))
	if err != nil {
		return
	}
	if kind == "text/html" {
		m.HTML = string(b)
	} else if m.Text == "" {
		m.Text = string(b)
	}
}

// ServeHTTP shows the inbox; /api/mails gives it as JSON.
func (b *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mails := b.Mails()
	if r.URL.Path == "/api/mails" {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(mails) //nolint:errcheck // the client went away
		return
	}
	for i, j := 0, len(mails)-1; i < j; i, j = i+1, j-1 {
		mails[i], mails[j] = mails[j], mails[i]
	}
	one, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/mail/"))
	var open *Mail
	for i := range mails {
		if err == nil && mails[i].ID == one {
			open = &mails[i]
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action http: https:")
	page.Execute(w, map[string]any{"Mails": mails, "Open": open}) //nolint:errcheck // the client went away
}

var page = template.Must(template.New("inbox").Parse(`<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>受信箱 · 받은편지함 · Inbox</title>
<style>:root{color-scheme:light dark}body{margin:0;font:16px/1.6 system-ui,"Noto Sans JP","Noto Sans KR",sans-serif;background:light-dark(#fbf9f4,#17140f);color:light-dark(#26211a,#ede7db)}
main{max-width:760px;margin:0 auto;padding:24px 16px}h1{font-size:1.3rem}h2{font-size:1.1rem;margin:0}a{color:inherit;text-decoration:none}
.mail{display:block;background:light-dark(#fff,#1f1b15);border:1px solid light-dark(#e4ddcf,#352f26);border-radius:10px;padding:12px 16px;margin:8px 0}
.sub{color:light-dark(#6a6154,#a89e8d);font-size:.85rem;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}iframe{width:100%;height:420px;border:0;background:#fff;border-radius:8px}
button{font:inherit;border:1px solid light-dark(#e4ddcf,#352f26);background:none;color:inherit;border-radius:8px;padding:8px 14px}</style>
<main><h1>受信箱 · 받은편지함 · Inbox</h1>
{{with .Open}}<div class="mail"><h2>{{.Subject}}</h2><p class="sub">{{.From}} → {{.To}} · {{.At.Format "15:04:05"}}</p>
{{if .HTML}}<iframe sandbox="" srcdoc="{{.HTML}}"></iframe>{{else}}<pre>{{.Text}}</pre>{{end}}
{{if .Unsubscribe}}<form method="post" action="{{.Unsubscribe}}"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>配信停止 · 수신거부 · Unsubscribe</button></form>{{end}}
<details><summary class="sub">headers</summary><pre class="sub">{{range $k, $v := .Header}}{{$k}}: {{$v}}
{{end}}</pre></details></div>{{end}}
{{range .Mails}}<a class="mail" href="/mail/{{.ID}}"><h2>{{.Subject}}</h2><span class="sub">{{.At.Format "15:04:05"}} · {{.From}} → {{.To}}</span></a>{{else}}<p class="sub">まだ届いていません。 · 아직 없습니다. · Nothing yet.</p>{{end}}</main></html>`))
