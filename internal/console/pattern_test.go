package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestPatterns: a pattern is written on a mail that nobody recognised, tried,
// saved, changed and deleted; a try changes nothing.
func TestPatterns(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx, now := context.Background(), time.Now()
	d.must(d.st.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_inbox", Kind: "inbox", Name: "会員サイト", Enabled: true, CreatedAt: now}))
	kept, err := json.Marshal(map[string]string{"from": "info@luxliner.example", "subject": "契約が停止されました", "text": "■ 顧客データ\n会員番号: A-100\n金額: 1,980円\n"})
	d.must(err)
	_, err = d.st.Journal(ctx, []engawa.Event{
		{Workspace: ws, ID: "evt_unread", Account: "acc_inbox", Type: inbox.Unrecognized, DedupKey: "1", OccurredAt: now, ReceivedAt: now, Data: kept},
		{Workspace: ws, ID: "evt_other", Account: "acc_mail", Type: inbox.Unrecognized, DedupKey: "1", OccurredAt: now, ReceivedAt: now, Data: kept},
	})
	d.must(err)
	const path = "/accounts/acc_inbox/patterns"
	page := d.seen(path)
	if !strings.Contains(page, "契約が停止されました") || strings.Contains(page, "evt_other") {
		t.Error("the page does not list this inbox's mails alone")
	}
	if page = d.seen(path + "?event=evt_unread"); !strings.Contains(page, "会員番号: A-100") {
		t.Error("the mail is not the sample")
	}
	if code, _ := d.get(path + "?event=evt_other"); code != http.StatusNotFound {
		t.Errorf("another account's mail: %d", code)
	}
	if code, _ := d.get("/accounts/acc_mail/patterns"); code != http.StatusNotFound {
		t.Errorf("patterns of a mail account: %d", code)
	}
	form := url.Values{
		"version": {"1"}, "name": {"停止"}, "from": {"@luxliner.example"}, "subject": {"停止"}, "body": {`会員番号: (?P<no>\S+)`}, "type": {"contract.suspended"},
		"data": {"member = no\r\nno"}, "by": {"identity"}, "issuer": {"business"}, "kind": {"member_number"}, "group": {"no"},
		"sample": {"From: info@luxliner.example\r\nSubject: 契約が停止されました\r\n\r\n会員番号: A-100\r\n"}, "do": {"try"},
	}
	page = d.sent(path, form, http.StatusOK)
	for _, want := range []string{"合いました", "A-100", "山田 &lt;花&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the trial does not say %s", want)
		}
	}
	if a, err := d.st.Account(ctx, ws, "acc_inbox"); err != nil || a.Version != 1 {
		t.Errorf("a try changed the account: %+v, %v", a, err)
	}
	form.Set("sample", "From: other@x.example\n\nx")
	if page := d.sent(path, form, http.StatusOK); !strings.Contains(page, "合いません") {
		t.Error("another's mail fits")
	}
	for field, value := range map[string]string{"body": "(", "type": "Suspended", "data": "x = none", "group": "none", "name": "", "from": "a b", "kind": ""} {
		old := form.Get(field)
		form.Set(field, value)
		form.Set("do", "save")
		if page := d.sent(path, form, http.StatusUnprocessableEntity); !strings.Contains(page, "role=\"alert\"") {
			t.Errorf("%s = %q: nothing is said", field, value)
		}
		form.Set(field, old)
	}
	d.sent(path, form, http.StatusSeeOther)
	patterns := func() []inbox.Pattern {
		t.Helper()
		a, err := d.st.Account(ctx, ws, "acc_inbox")
		d.must(err)
		ps, err := inbox.Parse(a.Settings["patterns"])
		d.must(err)
		return ps
	}
	if ps := patterns(); len(ps) != 1 || ps[0].Data["member"] != "no" || ps[0].Data["no"] != "no" || ps[0].Customer.Kind != "member_number" {
		t.Errorf("saved are %+v", ps)
	}
	form.Set("name", "別の読み取り方")
	if d.sent(path, form, http.StatusConflict); len(patterns()) != 1 {
		t.Error("an old form saves")
	}
	d.sent("/accounts/acc_inbox", url.Values{"name": {"会員サイト"}, "version": {"2"}, "enabled": {"true"}, "s.proof": {"nothing"}}, http.StatusSeeOther)
	if len(patterns()) != 1 {
		t.Error("saving the account loses its patterns")
	}
	form.Set("version", "3")
	form.Set("old", "停止")
	form.Set("name", "契約停止")
	d.sent(path, form, http.StatusSeeOther)
	if ps := patterns(); len(ps) != 1 || ps[0].Name != "契約停止" {
		t.Errorf("changed are %+v", ps)
	}
	if page := d.seen(path + "?name=" + url.QueryEscape("契約停止")); !strings.Contains(page, "member = no") {
		t.Error("the saved one is not in the form")
	}
	form.Set("version", "4")
	form.Set("old", "契約停止")
	form.Set("do", "delete")
	d.sent(path, form, http.StatusSeeOther)
	if len(patterns()) != 0 {
		t.Error("it is not deleted")
	}
	d.member.Role = engawa.Support
	if code, _ := d.get(path); code != http.StatusForbidden {
		t.Errorf("support sees whole mails: %d", code)
	}
}

// TestAnswerInStory: what a customer answered stands in the story, cut.
func TestAnswerInStory(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	now := time.Now()
	data, err := json.Marshal(map[string]any{"text": "来週の火曜日に伺います。\n" + strings.Repeat("長", 300)})
	d.must(err)
	_, err = d.st.Journal(context.Background(), []engawa.Event{{Workspace: ws, ID: "evt_reply", Account: "acc_mail", Type: "mail.replied", DedupKey: "r", Customer: "cus_hana", OccurredAt: now, ReceivedAt: now, Known: true, Data: data}})
	d.must(err)
	page := d.seen("/customers/cus_hana")
	if !strings.Contains(page, "返信が届きました") || !strings.Contains(page, "来週の火曜日に伺います。 長") || strings.Contains(page, strings.Repeat("長", 120)) {
		t.Error("the answer is not in the story, or whole")
	}
}

// seen is a page that is there.
func (d *desk) seen(path string) string {
	d.t.Helper()
	code, page := d.get(path)
	if code != http.StatusOK {
		d.t.Fatalf("%s: %d", path, code)
	}
	return page
}

// sent posts a form and expects an answer.
func (d *desk) sent(path string, form url.Values, want int) string {
	d.t.Helper()
	r := d.post(path, form)
	if r.Code != want {
		d.t.Errorf("POST %s: %d, want %d", path, r.Code, want)
	}
	return r.Body.String()
}
