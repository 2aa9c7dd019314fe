package serve

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/receipt"
)

// call calls the API and returns what it answers.
func (o shop) call(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key.Reveal())
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s %v", method, path, res.Status, b, err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// offer sends an advertisement and returns the verdict's outcome, with the gate of
// the reason that decided.
func (o shop) offer(t *testing.T) (outcome, gate string) {
	t.Helper()
	said := o.call(t, "POST", "/v1/messages", `{"to":{"customer":"cus_hana"},"app":"app_1","purpose":"marketing","trigger":"user","content":{"subject":"新しい豆","text":"入荷しました。"},"channels":["mail"]}`)
	verdict := said["verdict"].(map[string]any)
	one := said["verdicts"].([]any)[0].(map[string]any)
	for _, r := range one["reasons"].([]any) {
		if r := r.(map[string]any); one["outcome"] == "refuse" && r["remedy"] != "" {
			gate, _ = r["gate"].(string)
		}
	}
	outcome, _ = verdict["outcome"].(string)
	return outcome, gate
}

// letter is the text of the first mail that comes.
func (o shop) letter(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if mails := o.inbox.Mails(); len(mails) > 0 {
			return mails[0].Text
		}
	}
	t.Fatal("no mail came")
	return ""
}

// TestCustomerDecides plays a customer in a browser without script, on a phone:
// agrees on the page that asks, gets the offer, opens the link in it, stops it
// with one press, and the next is refused. To stop takes no more presses than to
// agree took (EU GDPR 7(3), KR Network Act 50(6)).
func TestCustomerDecides(t *testing.T) {
	o := working(t)
	b := tab(looktest.Chromium(t), t, o.url, 390)
	presses := 0
	press := func(sel chromedp.CSS) { b.press(sel); presses++ }

	if outcome, gate := o.offer(t); outcome != "refuse" || gate != "consent" {
		t.Fatalf("before anything was agreed to: %s by %s", outcome, gate)
	}
	asked := o.call(t, "POST", "/v1/consent-links", `{"customer":"cus_hana","app":"app_1","purposes":["marketing"],"channels":["mail"],"where":"申し込みの画面"}`)
	b.open(strings.TrimPrefix(asked["url"].(string), o.url))
	b.sees("受け取るものだけを選んでください")
	if ticked := eval[int](b, `document.querySelectorAll(":checked").length`); ticked != 0 {
		t.Errorf("%d boxes are ticked", ticked)
	}
	b.do(chromedp.Click(chromedp.CSS(`input[name="box0"]`)))
	presses++
	press(`#ask button`)
	b.sees("同意を記録しました")
	toAgree := presses

	if outcome, _ := o.offer(t); outcome != "send" {
		t.Fatalf("after it was agreed to: %s", outcome)
	}
	letter := o.letter(t)
	link := regexp.MustCompile(regexp.QuoteMeta(o.url) + `(/my/\S+)`).FindStringSubmatch(letter)
	unsubscribe := regexp.MustCompile(regexp.QuoteMeta(o.url) + `(/u/\S+)`).FindStringSubmatch(letter)
	if link == nil || unsubscribe == nil {
		t.Fatalf("no link in\n%s", letter)
	}
	presses = 0
	b.open(link[1])
	b.sees("連絡してよい相手")
	b.sees("ひなた珈琲アプリ")
	if page := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(page, "hana.yamada@customer.example") {
		t.Error("the page of a link in a mail shows the address")
	}
	press(`form[action*="/stop?"] button`)
	b.sees("停止しました")
	if presses > toAgree || presses != 1 {
		t.Errorf("it took %d presses to stop and %d to agree", presses, toAgree)
	}
	if outcome, gate := o.offer(t); outcome != "refuse" || gate != "consent" {
		t.Errorf("after it was stopped: %s by %s", outcome, gate)
	}
	b.do(chromedp.Navigate(o.url + link[1] + "?lang=ko"))
	b.sees("받기로 선택하지 않으셨기 때문입니다") // why the next was not sent

	b.open(unsubscribe[1])
	b.press(`a[href*="/my/"]`)
	b.sees("連絡してよい相手")
	b.quiet()
}

// TestReceiptIsPublic: the receipt of a decision is checked with the keys that the hub
// publishes, and with nothing else.
func TestReceiptIsPublic(t *testing.T) {
	o := working(t)
	decided := o.call(t, "POST", "/v1/customers/cus_hana/consents", `{"app":"app_1","act":"contact","purpose":"notice","channel":"mail","given":true,"evidence":{"wording":"お知らせを受け取ります","version":"7","where":"店頭","how":"paper"}}`)
	signed := o.call(t, "GET", "/v1/consents/"+decided["id"].(string)+"/receipt", "")["receipt"].(string)
	res, err := http.Get(o.url + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	checkReceipt(t, res.Body, signed)
}

func checkReceipt(t *testing.T, published io.Reader, signed string) {
	t.Helper()
	var keys receipt.Keys
	if err := json.NewDecoder(published).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	c, err := receipt.Check(signed, keys)
	if err != nil || !strings.HasPrefix(c.Subject, "sub_") || c.Version != "7" || c.WordingSHA256 != receipt.Hash("お知らせを受け取ります") || !c.Given {
		t.Errorf("%+v %v", c, err)
	}
}
