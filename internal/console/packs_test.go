package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/verdict"
)

// TestPacks: a pack of a country with customers is switched off with a reason and
// knowingly, the house's never; the page says since when and by whom; what it would
// have done is shown for each message, and looking changes nothing.
func TestPacks(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_seoul", Kind: "person", Name: "김 민수", Country: "KR", Zone: "Asia/Seoul", CreatedAt: time.Now()}}))
	past := d.night("cus_seoul")

	_, body := d.get("/rules/kr/trial?on=false&days=7")
	for _, want := range []string{`href="/messages/` + past + `"`, "待たせたものを、すぐ送っていた", "KR-04", "김 민수"} {
		if !strings.Contains(body, want) {
			t.Errorf("the trial lacks %q", want)
		}
	}
	for _, path := range []string{"/rules/xx/trial?days=7", "/rules/kr/trial?days=8", "/rules/house/trial?days=7", "/rules/kr/trial?days=7&cursor=x"} {
		if code, _ := d.get(path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	switches, err := d.st.PackSwitches(ctx, ws)
	d.must(err)
	if len(switches) != 0 {
		t.Fatalf("looking switched %+v", switches)
	}

	off := url.Values{"version": {"0"}, "on": {"false"}, "sure": {"true"}, "reason": {"韓国には<送らない>"}}
	for name, tc := range map[string]struct {
		path string
		form url.Values
		says string
	}{
		"unknowingly": {"/rules/kr", with(off, "sure", ""), "この国にお客さまがいます"},
		"no reason":   {"/rules/kr", with(off, "reason", " "), "理由を200字以内で"},
		"the house":   {"/rules/house", off, "共通のルールは止められません"},
		"an old page": {"/rules/kr", with(off, "version", "7"), "ほかの人が切り替えました"},
	} {
		if res := d.post(tc.path, tc.form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), tc.says) {
			t.Errorf("%s: %d", name, res.Code)
		}
	}
	if res := d.post("/rules/kr", off); res.Code != http.StatusSeeOther {
		t.Fatalf("switched off: %d %s", res.Code, res.Body)
	}
	_, body = d.get("/rules")
	for _, want := range []string{"韓国には&lt;送らない&gt;", d.member.Name, "-without-kr", "確かめていたらどうだったか見る"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if res := d.post("/rules/kr", url.Values{"version": {"1"}, "on": {"true"}, "reason": {"始める"}}); res.Code != http.StatusSeeOther {
		t.Errorf("switched on: %d", res.Code)
	}
}

// night stores an advertisement that was held in the night of Seoul, some days ago.
func (d *desk) night(customer string) string {
	d.t.Helper()
	rules, err := rule.Load()
	d.must(err)
	at := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2).Add(14 * time.Hour) // 23:00 in Seoul
	f := engawa.Facts{
		Workspace: ws, Account: "acc_mail", Channel: "sms", Customer: customer, Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Controller: engawa.ControllerWorkspace,
		Country: []string{"KR"}, Zones: []string{"Asia/Seoul"}, OneClick: true, CreatedAt: at, Content: engawa.ContentFacts{Text: "입하 안내"},
		Sender:   engawa.SenderProfile{Name: "ひなた珈琲", Postal: "金沢市", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example"},
		Contact:  &engawa.ContactFacts{ID: "cp_1", Verified: true, Serves: true},
		Consents: []engawa.ConsentFacts{{Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: at.AddDate(0, -1, 0)}},
	}
	m := engawa.Message{
		Workspace: ws, ID: "msg_night", Customer: customer, Purpose: engawa.Marketing, State: engawa.MessageRefused,
		Content: engawa.Content{Text: "입하 안내"}, Chain: []engawa.Via{{Account: "acc_mail"}}, CreatedAt: at,
	}
	d.must(d.st.Enqueue(context.Background(), []store.NewMessage{{Message: m, Judged: []store.Judged{{Facts: f, Verdict: verdict.Judge(f, rules, at)}}}}))
	return m.ID
}
