package sim

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestBack: a marked recipient sends something back, to where it belongs, and
// comes again as long as the other side says later; nobody else does.
func TestBack(t *testing.T) {
	hub := &Inbox{Script: []Act{{At: AtRcpt, Reply: "451 4.3.0 later"}}} // stands in for the hub's own server
	hubAddr, _ := served(t, hub)
	b := &Inbox{Relay: hubAddr}
	addr, _ := served(t, b)
	marks := map[string]string{
		Gone: "Status: 5.1.1", Full: "Status: 5.2.2", Distrusts: "Status: 5.7.26", Carrier: "550 Unknown user", Complains: "Feedback-Type: abuse",
		Away: "I am away until", Answers: "来週の火曜日",
	}
	for mark := range marks {
		mail := fmt.Sprintf("From: shop@hinata.example\r\nReply-To: <r-token@relay.hinata.example>\r\nMessage-ID: <%sx@hinata.example>\r\nSubject: x\r\n\r\nx\r\n", mark)
		if err := mailTo(t, addr, mark+"taro@customer.example", mail); err != nil {
			t.Fatal(err)
		}
	}
	if err := mailTo(t, addr, "taro@customer.example", "Subject: x\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); len(hub.Mails()) < len(marks); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d came back", len(hub.Mails()), len(marks))
		}
	}
	for mark, want := range marks {
		found := 0
		for _, m := range hub.Mails() {
			if !strings.Contains(string(m.Raw), want) {
				continue
			}
			found++
			to, from := "shop@hinata.example", ""
			switch mark {
			case Answers:
				to, from = "r-token@relay.hinata.example", Answers+"taro@customer.example"
			case Complains:
				from = "fbl@inbox.test"
			}
			if m.EnvelopeTo[0] != to || m.EnvelopeFrom != from {
				t.Errorf("%s: from %q to %v", mark, m.EnvelopeFrom, m.EnvelopeTo)
			}
		}
		if found != 1 {
			t.Errorf("%s sent %d back", mark, found)
		}
	}
	if n := len(hub.Mails()); n != len(marks) {
		t.Errorf("%d came back from %d", n, len(marks))
	}
}

// TestReply: whoever reads a mail answers it on the page; the answer goes where a mail
// program sends it, signed as the provider says, with the mail quoted below. Where mail
// comes back to nowhere, there is nothing to press.
func TestReply(t *testing.T) {
	hub := &Inbox{} // stands in for the hub's own server
	hubAddr, _ := served(t, hub)
	b := &Inbox{Relay: hubAddr, Sign: func(mail []byte) ([]byte, error) { return append([]byte("X-Signed: yes\r\n"), mail...), nil }}
	addr, web := served(t, b)
	press := func(web, do, text string) (int, string) {
		t.Helper()
		res, err := http.PostForm(web+"/mails/1?lang=en", url.Values{"do": {do}, "text": {text}})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	long := strings.Repeat("縁側", 400)
	const mail = "From: =?utf-8?q?=E5=BA=97?= <shop@hinata.example>\r\nReply-To: <r-token@relay.hinata.example>\r\nMessage-ID: <1@hinata.example>\r\nSubject: =?utf-8?q?=E8=B1=86?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n一\r\n二\r\n"
	if err := mailTo(t, addr, "taro@customer.example", mail); err != nil {
		t.Fatal(err)
	}
	if _, page := press(web.URL, "reply", " \r\n"); !strings.Contains(page, `notice bad`) || len(hub.Mails()) != 0 {
		t.Errorf("nothing is sent as an answer: %s", page)
	}
	if _, page := press(web.URL, "reply", "はい。\r\n.\r\n"+long); !strings.Contains(page, "The reply was sent.") {
		t.Errorf("the page says %s", page)
	}
	got := hub.Mails()
	if len(got) != 1 {
		t.Fatalf("%d answers came", len(got))
	}
	m := got[0]
	want := "はい。\n.\n" + long + "\n\n" + b.Mails()[0].At.Format("2006-01-02 15:04") + " 店 <shop@hinata.example>:\n> 一\n> 二\n"
	if m.From != "taro@customer.example" || m.EnvelopeFrom != m.From || m.EnvelopeTo[0] != "r-token@relay.hinata.example" || m.Subject != "Re: 豆" || strings.ReplaceAll(m.Text, "\r\n", "\n") != want || m.Headers[0] != (Header{"X-Signed", "yes"}) {
		t.Errorf("%+v", m)
	}
	for line := range strings.SplitSeq(string(m.Raw), "\r\n") {
		if len(line) > 76 {
			t.Errorf("a line of %d octets", len(line))
		}
	}

	hub.Block("relay.hinata.example", "550 5.1.1 no such address")
	if _, page := press(web.URL, "reply", "はい。"); !strings.Contains(page, "not sent: 550") || !strings.Contains(page, ">はい。</textarea>") {
		t.Errorf("of an answer that is refused the page says %s", page)
	}
	deaf := &Inbox{}
	addr, web = served(t, deaf)
	if err := mailTo(t, addr, "taro@customer.example", mail); err != nil {
		t.Fatal(err)
	}
	if status, _ := press(web.URL, "reply", "はい。"); status != http.StatusNotFound || strings.Contains(get(t, web.URL+"/mails/1", ""), "textarea") {
		t.Errorf("where nothing goes back an answer is taken: %d", status)
	}
}
