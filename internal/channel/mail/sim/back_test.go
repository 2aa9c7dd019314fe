package sim

import (
	"fmt"
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
