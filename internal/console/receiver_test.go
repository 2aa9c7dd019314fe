package console_test

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// refused has a receiver refuse mail of the mail account's domain until it waits,
// and returns the pair.
func (d *desk) refused(receiver string) string {
	d.t.Helper()
	ctx, now := context.Background(), time.Now()
	a, err := d.st.Account(ctx, ws, "acc_mail")
	d.must(err)
	m := engawa.Message{
		Workspace: ws, ID: "msg_refused", Destination: "dst_staff", Purpose: engawa.Service, State: engawa.MessageWaiting, CreatedAt: now,
		Content: engawa.Content{Subject: "お知らせ", Text: "本文"}, Chain: []engawa.Via{{Account: "acc_mail"}},
	}
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, now)}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	seen, err := d.st.Lane(ctx, ws, "acc_mail")
	d.must(err)
	l, _, err := d.st.Hold(ctx, "n1", seen)
	d.must(err)
	going, _, err := d.st.Claim(ctx, l, 10, store.Decide{
		Judge: func(c *store.Claimed) store.Decision {
			if c.Message.ID != m.ID {
				return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Later: now.Add(time.Hour)}
			}
			return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: "k"}
		},
		Pace: func() store.Pace { return l.Pace },
	})
	d.must(err)
	pair := breaker.Between(a.Settings["from_address"], "x@"+receiver)
	rs := make([]store.Result, 0, 1)
	for _, c := range going {
		rs = append(rs, store.Result{
			Claimed: c, EndedAt: now, Outcome: engawa.OutcomeFailed, State: engawa.Failed, Code: "550 5.7.26", Note: "550 5.7.26",
			Heard: &store.HeardOf{Pair: pair, Heard: breaker.Heard{Said: breaker.Refused, Delivery: c.Delivery.ID, Code: "550 5.7.26", At: now}},
		})
	}
	d.st.Breaker.After = 1
	_, err = d.st.Record(ctx, l, rs)
	d.must(err)
	d.must(d.st.Release(ctx, l))
	found, err := d.st.Receivers(ctx, ws)
	d.must(err)
	if len(found) != 1 || found[0].Waiting != 1 {
		d.t.Fatalf("%d receivers refuse mail: %v", len(found), found)
	}
	return found[0].ID
}

// TestReceiversPage: the page says in plain words who refuses and what to do, and
// leads there from the account and the task; whoever may only look finds no button.
func TestReceiversPage(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	if _, body := d.get("/lanes"); strings.Contains(body, `id="receivers"`) {
		t.Error("nobody refuses, and the page says so")
	}
	id := d.refused("gmail.com")
	_, body := d.get("/lanes")
	for _, want := range []string{"gmail.com", "550 5.7.26", "postmaster.google.com", "check.spamhaus.org", "/receivers/" + id + "/try", "いま試す"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if _, body := d.get("/accounts/acc_mail"); !strings.Contains(body, `href="/lanes#receivers"`) {
		t.Error("the account's page does not lead there")
	}
	tasks, err := d.st.Tasks(context.Background(), ws, 1)
	d.must(err)
	if _, body := d.get("/tasks/" + tasks[0].ID); tasks[0].Kind != store.BlockedTask || !strings.Contains(body, `href="/lanes#receivers"`) {
		t.Errorf("the task %s does not lead there", tasks[0].Kind)
	}
	before, err := d.st.Receivers(context.Background(), ws)
	d.must(err)
	role := d.member.Role
	d.member.Role = engawa.Viewer
	if _, body := d.get("/lanes"); !strings.Contains(body, "gmail.com") || strings.Contains(body, "/receivers/"+id+"/try") {
		t.Error("who may only look does not see who refuses, or sees the button")
	}
	if res := d.post("/receivers/"+id+"/try", nil); res.Code != http.StatusForbidden {
		t.Errorf("tried by a viewer: %d", res.Code)
	}
	if after, err := d.st.Receivers(context.Background(), ws); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("a viewer changed something: %v, %v", after, err)
	}
	d.member.Role = role
	if res := d.post("/receivers/"+id+"/try", nil); res.Code != http.StatusSeeOther || res.Header().Get("Location") != "/lanes?done=receiver_tried#receivers" {
		t.Errorf("try now: %d to %s", res.Code, res.Header().Get("Location"))
	}
	if res := d.post("/receivers/brk_none/try", nil); res.Code != http.StatusNotFound {
		t.Errorf("a receiver that is not: %d", res.Code)
	}
}
