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

// unproved is a path below the page of an answer to the newest partner that is in
// doubt. It is brought when it is asked for.
func (d *desk) unproved(act string) func() string {
	return func() string {
		d.t.Helper()
		ctx, now := context.Background(), time.Now()
		m := engawa.Message{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixMessage, now), Customer: "cus_stop", Partner: strings.TrimPrefix(d.vendor("")(), "/partners/"), Purpose: engawa.Service,
			State: engawa.MessageWaiting, Content: engawa.Content{Subject: "x", Text: "x"}, Chain: []engawa.Via{{Account: "acc_mail"}}, CreatedAt: now,
		}
		delivery := store.NewDelivery(m, 0, now)
		d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{delivery}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
		id := engawa.NewID(engawa.PrefixReply)
		_, err := d.st.TakeReturn(ctx, store.Return{
			Event:    engawa.Event{ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Type: "mail.replied", DedupKey: "answer:" + id, Known: true, OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`)},
			Delivery: delivery.ID,
			Reply: &engawa.Reply{
				ID: id, Partner: m.Partner, At: now, CreatedAt: now, Doubt: engawa.DoubtStranger, Sender: engawa.MaskAddress("jiro@elsewhere.example"),
				Body: engawa.ReplyBody{Subject: "Re: x", Text: "はい <b>です</b>\n[お名前は伏せています]", Hidden: map[string]int{"name": 1}, Files: []engawa.ReplyFile{{Name: "a.txt", Type: "text/plain", Data: []byte("x")}}},
			},
		})
		d.must(err)
		return "/replies/" + id + act
	}
}

// TestUnproved: the task about an answer in doubt leads to its page, which shows what
// the partner would read, for support and above. It is passed on by the first click
// and by no second one; another is left.
func TestUnproved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) { unproved(newDesk(t, dsn)) })
}

func unproved(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_stop", Kind: "person", Name: "山田 花", CreatedAt: time.Now()}}))
	partner := "ptn_1"
	d.must(d.st.AddPartner(ctx, engawa.Partner{Workspace: ws, ID: partner, Name: "在庫 <くん>", CreatedAt: time.Now()}))
	reads := func() int {
		rs, err := d.st.PartnerReplies(ctx, ws, partner, []string{""}, store.Page{})
		d.must(err)
		return len(rs)
	}
	page := d.unproved("")()
	ks, err := d.st.TaskPage(ctx, ws, store.TaskFilter{State: "open", Kind: store.UnprovedTask}, store.Page{})
	d.must(err)
	if len(ks) != 1 {
		d.t.Fatalf("%d tasks", len(ks))
	}
	_, body := d.get("/tasks/" + ks[0].ID)
	for _, want := range []string{`href="` + page + `"`, "在庫 &lt;くん&gt;", "j…@e….example", "お客さまのメールアドレスではありません"} {
		if !strings.Contains(body, want) {
			d.t.Errorf("the task lacks %s", want)
		}
	}
	d.member.Role = engawa.Viewer
	if status, _ := d.get(page); status != http.StatusForbidden {
		d.t.Errorf("the page for a viewer: %d", status)
	}
	d.member.Role = engawa.Support
	_, body = d.get(page)
	for _, want := range []string{"はい &lt;b&gt;です&lt;/b&gt;", "a.txt", "j…@e….example", "在庫 &lt;くん&gt;", "お客さまのメールアドレスではありません", page + "/pass", page + "/leave"} {
		if !strings.Contains(body, want) {
			d.t.Errorf("the page lacks %s", want)
		}
	}
	if reads() != 0 {
		d.t.Error("the partner reads it before anybody passed it on")
	}
	d.member.Role = engawa.Viewer
	for _, act := range []string{"/pass", "/leave"} {
		if res := d.post(page+act, nil); res.Code != http.StatusForbidden {
			d.t.Errorf("%s by a viewer: %d", act, res.Code)
		}
	}
	d.member.Role = engawa.Support
	for i, want := range []int{http.StatusSeeOther, http.StatusNotFound} {
		if res := d.post(page+"/pass", nil); res.Code != want || reads() != 1 {
			d.t.Errorf("click %d: %d, the partner reads %d", i+1, res.Code, reads())
		}
	}
	other := d.unproved("")()
	if res := d.post(other+"/leave", nil); res.Code != http.StatusSeeOther || reads() != 1 {
		d.t.Errorf("left: %d, the partner reads %d", res.Code, reads())
	}
	for _, gone := range []string{page, other} {
		if status, _ := d.get(gone); status != http.StatusNotFound {
			d.t.Errorf("the page afterwards: %d", status)
		}
	}
	if n, err := d.st.CountTasks(ctx, ws); err != nil || n.Open != 0 {
		d.t.Errorf("%d tasks are open: %v", n.Open, err)
	}
}
