package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestKept: the task about unread mail leads to its page, for administrators, which shows
// the words without addresses and why they are there, and deletes them.
func TestKept(t *testing.T) {
	dsn := storetest.SQLite(t)
	d := newDesk(t, dsn)
	ctx := context.Background()
	d.must(d.st.KeepUnread(ctx, store.Unread{
		Workspace: ws, Account: "acc_mail", Why: store.OfLoop, Dedup: "1", At: time.Now(),
		Raw: []byte("From: fbl@portal.example\r\nSubject: Confirm\r\n\r\nhttps://portal.example/confirm/1 <b>hana@customer.example</b>\r\n"),
	}))
	d.must(d.st.KeepUnread(ctx, store.Unread{Workspace: ws, Account: "acc_mail", Why: store.Aside, Dedup: "2", At: time.Now(), Raw: []byte("x")}))
	_, err := storetest.Open(t, dsn).ExecContext(ctx, `UPDATE unread_mail SET sealed = x'00' WHERE why = 'aside'`)
	d.must(err)
	const path = "/accounts/acc_mail/kept"
	tasks, err := d.st.Tasks(ctx, ws, 10)
	d.must(err)
	if _, body := d.get("/tasks/" + tasks[0].ID); !strings.Contains(body, `href="`+path+`"`) {
		t.Error("the task does not lead to the page")
	}
	_, body := d.get(path)
	for _, want := range []string{"https://portal.example/confirm/1", "Confirm", "こちらのどのメールについてか", "保管の期限", "開けません。", "苦情ではない報告です。", "&lt;b&gt;"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "hana@") || strings.Contains(body, "fbl@") || strings.Contains(body, "止めている間に届いたメールがあります") {
		t.Error("the page shows an address, or speaks of an inbox")
	}
	d.sent(path+"/drop", nil, http.StatusSeeOther)
	if _, body := d.get(path); strings.Contains(body, "Confirm") {
		t.Error("it is still there")
	}
	d.member.Role = engawa.Support
	if code, _ := d.get(path); code != http.StatusForbidden {
		t.Errorf("support sees it: %d", code)
	}
}
