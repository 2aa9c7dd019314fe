package sim

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
)

// mailTo hands a mail over with net/smtp, a client that is not ours.
func mailTo(t *testing.T, addr, to, msg string) error {
	t.Helper()
	return smtp.SendMail(addr, nil, "shop@hinata.example", []string{to}, []byte(msg))
}

func served(t *testing.T, b *Inbox) (addr string, web *httptest.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(l) }()
	web = httptest.NewServer(b)
	t.Cleanup(func() {
		web.Close()
		_ = b.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String(), web
}

const offer = "From: =?iso-2022-jp?B?GyRCJFIkSiQ/GyhC?= <shop@hinata.example>\r\nTo: taro@customer.example\r\n" +
	"Subject: =?utf-8?q?=EC=95=88=EB=85=95?=\r\nMessage-ID: <1@hinata.example>\r\n" +
	"List-Unsubscribe: <mailto:x@hinata.example>, <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nsee https://hinata.example/a?b=1 & <script>alert(1)</script>\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p onclick=\"alert(1)\">hello \"you\"</p>\r\n--b--\r\n"

func TestPage(t *testing.T) {
	var clicked []string
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		clicked = append(clicked, r.Method+" "+r.URL.Path+" "+r.PostFormValue("List-Unsubscribe"))
	}))
	defer hub.Close()
	b := &Inbox{}
	addr, web := served(t, b)
	if err := mailTo(t, addr, "taro@customer.example", fmt.Sprintf(offer, hub.URL+"/u/1")); err != nil {
		t.Fatal(err)
	}
	list := get(t, web.URL+"/", "ko-KR,ko;q=0.9")
	for _, want := range []string{`lang="ko"`, "받은편지함", "안녕", "ひなた", `http-equiv="refresh"`} {
		if !strings.Contains(list, want) {
			t.Errorf("the list has no %q", want)
		}
	}
	mail := get(t, web.URL+"/mails/1?lang=ja", "")
	for _, want := range []string{
		"受信箱", "差出人", `sandbox="allow-popups allow-popups-to-escape-sandbox"`, `&lt;p onclick=&#34;alert(1)&#34;&gt;hello &#34;you&#34;&lt;/p&gt;`,
		`<a href="https://hinata.example/a?b=1" target="_blank" rel="noreferrer">`, "&lt;script&gt;", "配信を停止する", "&lt;1@hinata.example&gt;",
	} {
		if !strings.Contains(mail, want) {
			t.Errorf("the mail has no %q", want)
		}
	}
	if strings.Contains(mail, "<script") || strings.Contains(mail, "<p onclick") {
		t.Error("the mail's own markup reaches the page")
	}
	res, err := http.PostForm(web.URL+"/mails/1?lang=en", url.Values{"do": {"unsubscribe"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if len(clicked) != 1 || clicked[0] != "POST /u/1 One-Click" {
		t.Errorf("the button asks %q", clicked)
	}
	if raw := get(t, web.URL+"/mails/1/raw", ""); !strings.Contains(raw, "boundary=b") {
		t.Error("the source is not shown")
	}
}

func TestAPI(t *testing.T) {
	b := &Inbox{}
	addr, web := served(t, b)
	for i := range 3 {
		if err := mailTo(t, addr, "taro@customer.example", fmt.Sprintf("Subject: %d\r\nFrom: a@b.jp\r\n\r\nx\r\n", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	var mails []Mail
	if err := json.Unmarshal([]byte(get(t, web.URL+"/api/mails", "")), &mails); err != nil {
		t.Fatal(err)
	}
	if len(mails) != 3 || mails[0].Subject != "3" || mails[0].To != "taro@customer.example" || mails[0].Text != "x\r\n" {
		t.Errorf("%+v", mails)
	}
	req, err := http.NewRequest(http.MethodDelete, web.URL+"/api/mails", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got := strings.TrimSpace(get(t, web.URL+"/api/mails", "")); res.StatusCode != http.StatusNoContent || got != "[]" {
		t.Errorf("%s, then %s", res.Status, got)
	}
	res, err = http.Get(web.URL + "/mails/1")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("a mail that is gone: %s", res.Status)
	}
}

// TestForeignPost: another site's page cannot empty the inbox or unsubscribe.
func TestForeignPost(t *testing.T) {
	b := &Inbox{}
	b.take("a@b.jp", []string{"c@d.jp"}, []byte("Subject: x\r\n\r\nx"))
	r := httptest.NewRequest(http.MethodPost, "/clear", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || len(b.Mails()) != 1 {
		t.Errorf("%d, %d mails left", w.Code, len(b.Mails()))
	}
}

func TestBoundedMemory(t *testing.T) {
	b := &Inbox{}
	for range maxMails + 10 {
		b.take("a@b.jp", []string{"c@d.jp"}, []byte("Subject: x\r\n\r\nx"))
	}
	if m := b.Mails(); len(m) != maxMails || m[0].ID != 11 {
		t.Errorf("%d mails, the first is %d", len(m), m[0].ID)
	}
	big := make([]byte, maxMail)
	for range 2 * maxBytes / maxMail {
		b.take("a@b.jp", []string{"c@d.jp"}, big)
	}
	if n := len(b.Mails()); n > maxBytes/maxMail || b.bytes > maxBytes {
		t.Errorf("%d mails of %d octets are kept", n, b.bytes)
	}
}

func TestManners(t *testing.T) {
	b := &Inbox{Script: []Act{{At: AtRcpt, Reply: "550 no"}, {At: AtEnd, Reply: "451 4.3.0 later"}, {At: AtEnd, Cut: true}}}
	addr, _ := served(t, b)
	for i, want := range []string{`550 "no"`, `451 "4.3.0 later`, "EOF", "", `550 "5.1.1 `} {
		to := "taro@customer.example"
		if i == 4 {
			to = "nobody@customer.example"
		}
		err := mailTo(t, addr, to, "Subject: x\r\n\r\nx")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mail %d: %v, want %q", i, err, want)
		}
	}
	if n := len(b.Mails()); n != 2 {
		t.Errorf("%d mails are kept; one was cut after it was taken, one accepted", n)
	}
}

func get(t *testing.T, url, languages string) string {
	t.Helper()
	w, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Header.Set("Accept-Language", languages)
	res, err := http.DefaultClient.Do(w)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return body
}
