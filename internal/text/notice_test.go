package text_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// TestNotices renders every notice with no data at all and with all of it:
// none may fail, since a notice that fails to render falls silent.
func TestNotices(t *testing.T) {
	w := load(t)
	full := map[string]any{
		"m":      map[string]any{"name": "山田 花", "email": "hana@example.jp", "id": "123"},
		"c":      map[string]any{"name": "月額プラン", "status": "active", "payment_method": "card"},
		"amount": float64(1980), "currency": "JPY", "effective_on": "2026-12-31",
		"event": map[string]any{"id": "evt_1"},
	}
	for _, typ := range w.EventTypes() {
		seen := map[string]engawa.Locale{}
		tpl := w.DefaultTemplate(typ)
		for _, l := range engawa.Locales {
			for _, vars := range []map[string]any{nil, w.For(l, nil).Show(full)} {
				got, err := text.Render(tpl.Words[l], vars, text.EscapeChat)
				if err != nil || strings.TrimSpace(got.Text) == "" || got.Subject == "" || strings.Contains(got.Text, "{{") {
					t.Errorf("%s %s: %+v %v", typ, l, got, err)
				}
			}
			line := w.EventLine(l, typ, full)
			if other, ok := seen[line]; ok || line == typ {
				t.Errorf("%s: %s says %q as %s does", typ, l, line, other)
			}
			seen[line] = l
			if err := text.Check(tpl.Words[l]); err != nil {
				t.Errorf("%s %s: %v", typ, l, err)
			}
			if !slices.Equal(text.Variables(tpl.Words[l]), text.Variables(tpl.Words[engawa.English])) {
				t.Errorf("%s: %s uses %v", typ, l, text.Variables(tpl.Words[l]))
			}
		}
	}
}

// TestCatalogue names the events that the product promises to know.
func TestCatalogue(t *testing.T) {
	w := load(t)
	for _, typ := range []string{
		"member.provisional", "member.registered", "mail.bounced", "mail.blocked", "mail.complained",
		"site.maintenance.changed", "application.completed", "payment.application.failed",
		"payment.recurring.failed", "payment.recurring.recovered", "contract.termination.reserved",
		"contract.termination.withdrawn", "contract.terminated", "contract.cancelled",
		"contract.suspended", "contract.resumed", "store.did_change_renewal_status.auto_renew_disabled",
		"store.subscribed.initial_buy", "store.consumption_request", "store.refund", "store.test",
	} {
		if !slices.Contains(w.EventTypes(), typ) {
			t.Errorf("%s has no words", typ)
		}
	}
}

func TestEventLine(t *testing.T) {
	w := load(t)
	for _, c := range []struct {
		typ  string
		data map[string]any
		want string
	}{
		{"application.completed", map[string]any{"offer": map[string]any{"is_one_time": true}}, "A one-time offer was accepted"},
		{"application.completed", nil, "An application came in"},
		{"site.maintenance.changed", map[string]any{"enabled": false}, "Maintenance mode was turned off"},
		{"store.expired.some_new_subtype", nil, "A subscription ended"},
		{"shop.opened", nil, "An event of a type that has no words here (shop.opened)"},
	} {
		if got := w.EventLine(engawa.English, c.typ, c.data); got != c.want {
			t.Errorf("%s: %q", c.typ, got)
		}
	}
}

func TestShow(t *testing.T) {
	w := load(t)
	v := w.For(engawa.Japanese, nil)
	in := map[string]any{
		"amount": float64(12800), "paid_at": "2026-11-23T13:40:02Z", "ended_on": "2026-12-31", "count": float64(12800),
		"c": map[string]any{"price": float64(1999), "currency": "USD"}, "items": []any{map[string]any{"amount": float64(1)}},
	}
	vars := v.EventVars(engawa.Event{ID: "evt_1", Type: "contract.terminated"}, in, text.Person{Name: "山田"}, "ひなた珈琲")
	got, err := text.Render(engawa.Content{Text: "{{amount}} {{paid_at}} {{ended_on}} {{count}} {{c.price}} {{items.0.amount}} {{event.id}} {{event.line}} {{customer.name}}"}, vars, text.EscapeNone)
	want := "12,800円 11月23日(月) 13:40 2026年12月31日(木) 12800 USD 19.99 1円 evt_1 契約が解約されました 山田"
	if err != nil || got.Text != want {
		t.Errorf("%q %v\nwant %q", got.Text, err, want)
	}
	e := engawa.Event{ID: "evt_1", Type: "contract.terminated", Actor: engawa.Actor{Type: "customer", ID: "123"}, Links: map[string]string{"contract": "https://shop.example/c/456"}}
	for want, c := range map[string]struct {
		e    engawa.Event
		data map[string]any
	}{
		"お客さま お客さま(123) https://shop.example/c/456": {e, map[string]any{}},
		"管理者 お客さま(123) https://shop.example/c/456":  {e, map[string]any{"actor": "admin"}}, // the source's own word
	} {
		got, err := text.Render(engawa.Content{Text: "{{actor}} {{event.actor.name}}({{event.actor.id}}) {{event.links.contract}}"}, v.EventVars(c.e, c.data, text.Person{}, ""), text.EscapeNone)
		if err != nil || got.Text != want {
			t.Errorf("%q %v\nwant %q", got.Text, err, want)
		}
	}
	if got, err := text.Render(engawa.Content{Text: "a\n{{actor?}} {{event.actor.name?}} {{event.links.contract?}}\n"}, v.EventVars(engawa.Event{ID: "evt_1", Type: "a.b"}, map[string]any{}, text.Person{}, ""), text.EscapeNone); err != nil || strings.TrimSpace(got.Text) != "a" {
		t.Errorf("nobody said who: %q %v", got.Text, err)
	}
	if in["amount"] != float64(12800) {
		t.Error("Show changed its input")
	}
}

func TestPromotional(t *testing.T) {
	for words, want := range map[string]bool{
		"ご注文ありがとうございます":             false,
		"クーポンをお送りします":               true,
		"ｸｰﾎﾟﾝ":                     true,
		"全品20%オフ":                   true,
		"冬のセールが始まります":               true,
		"セールスフォース連携の設定":             false,
		"消費税10%を含みます":               false,
		"保存容量の90%を使いました":            false,
		"年額プランが30%":                 true,
		"결제 오류":                     false,
		"11월 할인 안내":                 true,
		"쿠\u200b폰 도착":               true,
		"부가세 10% 포함":                false,
		"신제품이 나왔습니다":                true,
		"Your invoice for November": false,
		"Save 20% today":            true,
		"A coupon for you":          true,
		"Your discount ends soon":   true,
		"VAT 10 % included":         false,
		"Storage is 95 % used":      false,
		"Reset your password":       false,
		"정기결제에 실패했습니다. 카드 정보를 확인해 주십시오":     false,
		"자동 갱신이 꺼졌습니다":                      false,
		"サーバーの稼働率は99.9%でした。\n手数料 3%":        true, // a rate without a known noun: on the safe side
		"メンテナンスのお知らせ: 11月23日 22:00〜24:00です": false,
	} {
		if got := text.Promotional("", words); got != want {
			t.Errorf("%q: %v", words, got)
		}
		if got := text.Promotional(words, ""); got != want {
			t.Errorf("subject %q: %v", words, got)
		}
	}
}

func TestApplyObligations(t *testing.T) {
	w := load(t)
	profile := engawa.SenderProfile{Name: "히나타 커피", Postal: "서울시 중구 1", Phone: "02-000-0000", Mail: "help@example.kr", Contact: "https://example.kr/help"}
	kr := []engawa.Obligation{
		{Kind: "subject_prefix", Rule: "KR-07", Text: "(광고)"},
		{Kind: "footer", Rule: "KR-09", Code: "kr"},
		{Kind: "one_click", Rule: "RFC8058"},
	}
	in := engawa.Content{Subject: "새 원두", Text: "안녕하세요.\n", HTML: "<html><body><p>안녕하세요.</p></body></html>"}
	got := w.ApplyObligations(in, kr, engawa.Japanese, profile, "https://e.example/u/1?a=1&b=2")
	if got.Subject != "(광고) 새 원두" {
		t.Errorf("subject %q", got.Subject)
	}
	for _, want := range []string{"히나타 커피", "서울시 중구 1", "02-000-0000", "help@example.kr", "https://example.kr/help", "https://e.example/u/1?a=1&b=2", "希望されない", "무료수신거부", "stop them here"} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("the footer has no %q:\n%s", want, got.Text)
		}
	}
	if !strings.HasSuffix(got.HTML, "</p></body></html>") || !strings.Contains(got.HTML, `<a href="https://e.example/u/1?a=1&amp;b=2">`) {
		t.Errorf("html %s", got.HTML)
	}
	if err := text.Check(engawa.Content{HTML: got.HTML}); err != nil {
		t.Error(err)
	}
	if again := w.ApplyObligations(got, kr[:1], engawa.Japanese, profile, ""); again.Subject != got.Subject {
		t.Errorf("the label stands twice: %q", again.Subject)
	}

	jp := w.ApplyObligations(engawa.Content{Text: "本文"}, []engawa.Obligation{{Kind: "footer", Rule: "JP-04"}}, engawa.Japanese, profile, "")
	if strings.Contains(jp.Text, "stop them") || !strings.Contains(jp.Text, "https://example.kr/help") {
		t.Errorf("%s", jp.Text)
	}
	body := w.ApplyObligations(engawa.Content{Text: "본문", HTML: "<p>본문</p>"}, []engawa.Obligation{{Kind: "body_prefix", Rule: "KR-08", Text: "(광고)"}}, engawa.Korean, profile, "")
	if body.Text != "(광고) 히나타 커피\n본문" || body.HTML != "<p>(광고) 히나타 커피</p><p>본문</p>" {
		t.Errorf("%+v", body)
	}
	if same := w.ApplyObligations(in, nil, engawa.Korean, profile, ""); same != in {
		t.Errorf("%+v", same)
	}
}
