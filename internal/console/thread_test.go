package console_test

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestThread: what customers answered a partner is on the message's page, in the list of
// the partner's conversations and on each conversation's page, for support and above: as
// the partner reads it, with marks where something was hidden, and where it stands.
// Looking changes nothing. A long conversation opens where the answer is. After an erasure the pages say so.
func TestThread(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) { thread(newDesk(t, dsn), dsn) })
}

// thread is TestThread on one database.
func thread(d *desk, dsn string) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_stop", Kind: "person", Name: "山田 花", CreatedAt: time.Now()}}))
	d.must(d.st.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: "ptn_1", Name: "在庫 <くん>", CreatedAt: time.Now()}))
	sees := func(path string, words ...string) {
		d.t.Helper()
		status, body := d.get(path)
		for _, want := range words {
			if status != http.StatusOK || !strings.Contains(body, want) {
				d.t.Errorf("%s (%d) lacks %s", path, status, want)
			}
		}
	}
	const list = "/partners/ptn_1/threads"
	sees(list, "返信はまだありません")
	page := d.unproved("")()
	cs, err := d.st.Conversations(ctx, ws, "ptn_1", store.Page{})
	d.must(err)
	message := "/messages/" + cs[0].Message
	words := []string{"はい &lt;b&gt;です&lt;/b&gt;", "<mark>[お名前は伏せています]</mark>", "お名前は伏せています（1件）", "a.txt", "1バイト"}
	waits := append(slices.Clip(words), "担当者の確認待ち", "/tasks/"+cs[0].Task, "お客さまのメールアドレスではありません")
	for range 2 { // the first look changed nothing
		sees(list, "はい &lt;b&gt;です&lt;/b&gt;", message+"/thread", "担当者の確認待ち", "在庫 &lt;くん&gt;")
		sees(message, append(waits, "在庫 &lt;くん&gt;")...)
		sees(message+"/thread", append(waits, "在庫 &lt;くん&gt;", "/customers/cus_stop")...)
	}
	d.member.Role = engawa.Viewer
	for _, path := range []string{list, message + "/thread"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			d.t.Errorf("%s for a viewer: %d", path, status)
		}
	}
	if status, body := d.get(message); status != http.StatusOK || strings.Contains(body, "です&lt;/b&gt;") {
		d.t.Errorf("a viewer reads the answer on the message's page: %d", status)
	}
	d.member.Role = engawa.Support
	d.post(page+"/pass", nil)
	sees(message+"/thread", append(words, "パートナーが読めます", "Webhookでは通知していません")...)
	left := d.unproved("")()
	d.post(left+"/leave", nil)
	sees(list, "渡さないと決めた", "渡していません", "はい &lt;b&gt;です&lt;/b&gt;")
	if _, body := d.get(list); strings.Contains(body, `href="/partners/ptn_1"`) {
		d.t.Error("a supporter is sent to a page that is not theirs")
	}
	if _, body := d.get(message + "/thread"); strings.Contains(body, "山田 花") == strings.Contains(body, "消去済み") {
		d.t.Error("the page does not name the customer")
	}
	d.longThread(dsn, list)
	_, err = d.st.Erase(ctx, ws, "cus_stop")
	d.must(err)
	for _, path := range []string{message, message + "/thread", list} {
		sees(path, "内容は残っていません")
		if _, body := d.get(path); strings.Contains(body, "です&lt;/b&gt;") || strings.Contains(body, "a.txt") {
			d.t.Errorf("%s has words after the erasure", path)
		}
	}
	for _, path := range []string{"/messages/msg_none/thread", "/partners/ptn_none/threads"} {
		if status, _ := d.get(path); status != http.StatusNotFound {
			d.t.Errorf("%s: %d", path, status)
		}
	}
}

// longThread makes one conversation of all that partners wrote, of more messages than a
// part has, and follows the list's link to its newest answer, and on. The last message
// is of a partner that is not there.
func (d *desk) longThread(dsn, list string) {
	d.t.Helper()
	var m engawa.Message
	for i := range 21 {
		now := time.Now()
		m = engawa.Message{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixMessage, now), Customer: "cus_stop", Partner: "ptn_1", Purpose: engawa.Service,
			State: engawa.MessageWaiting, Content: engawa.Content{Subject: "x", Text: "x"}, Chain: []engawa.Via{{Account: "acc_mail"}}, CreatedAt: now,
		}
		if i == 20 {
			m.Partner = "ptn_gone"
		}
		d.must(d.st.Enqueue(d.t.Context(), []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, now)}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	}
	db := storetest.Open(d.t, dsn)
	defer db.Close()
	_, err := db.ExecContext(d.t.Context(), `INSERT INTO partner_message (workspace, message, partner, app, handle, created_at) SELECT workspace, id, 'ptn_1', '', 'sub_long', created_at FROM message WHERE partner <> ''`)
	d.must(err)
	follow := func(path, link string) (to, page string) {
		d.t.Helper()
		_, page = d.get(path)
		found := regexp.MustCompile(link).FindStringSubmatch(page)
		if found == nil {
			d.t.Fatalf("%s has no link %s", path, link)
		}
		_, page = d.get(found[1])
		return found[1], page
	}
	_, from := d.get(list)
	answer := regexp.MustCompile(`/thread#(rep_[^"]+)"`).FindStringSubmatch(from)
	opened, page := follow(list, `href="(/messages/[^"#]+/thread)#rep_`)
	if answer == nil || !strings.Contains(page, `id="`+answer[1]+`"`) {
		d.t.Errorf("%s lacks the answer %v", opened, answer)
	}
	if newer, page := follow(opened, `href="([^"]+)" rel="next"`); !strings.Contains(page, `"/messages/`+m.ID+`"`) || !strings.Contains(page, `rel="prev"`) {
		d.t.Errorf("the newest message is not at %s", newer)
	}
	if _, body := d.get("/messages/" + m.ID); !strings.Contains(body, "<dd>ptn_gone</dd>") {
		d.t.Error("a partner's message names somebody else as its sender")
	}
	_, err = db.ExecContext(d.t.Context(), `DELETE FROM partner_message`)
	d.must(err)
}
