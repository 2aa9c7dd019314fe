package console_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// endpoint has a webhook that takes payments, and one failed attempt on it.
func (d *desk) endpoint() (event string) {
	ctx, now := context.Background(), time.Now()
	d.must(d.st.AddEndpoint(ctx,
		engawa.Account{Workspace: ws, ID: "acc_hook", Kind: "webhook", Name: "Zapier", Enabled: true, CreatedAt: now, Settings: map[string]string{"url": "https://a.example/x", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "content": "event"}},
		engawa.Destination{Workspace: ws, ID: "dst_hook", Name: "Zapier", Account: "acc_hook", Address: "zapier", Locale: engawa.Japanese, CreatedAt: now},
		engawa.Route{
			Workspace: ws, ID: "rte_hook", Name: "Zapier", Enabled: true, Events: []string{"payment.*"}, UpdatedAt: now,
			Then: []engawa.Step{{To: "dst_hook", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_hook"}}}},
		}))
	evs, err := d.st.Events(ctx, ws, store.EventFilter{}, store.Page{})
	d.must(err)
	m := engawa.Message{Workspace: ws, ID: "msg_tried", Event: evs[0].ID, Destination: "dst_hook", Purpose: engawa.Service, State: engawa.MessageWaiting, Content: engawa.Content{Text: "{}"}, Chain: []engawa.Via{{Account: "acc_hook"}}, CreatedAt: now}
	n := store.NewMessage{Message: m, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, now)}}
	del := &n.Deliveries[0]
	del.Key, del.State, del.Attempts = "key-of-then", engawa.Failed, 1
	n.Attempts = []engawa.Attempt{{Workspace: ws, Delivery: del.ID, N: 1, Key: del.Key, StartedAt: now, EndedAt: now.Add(time.Second), Outcome: engawa.OutcomeFailed, Code: "422", Exchange: engawa.Exchange{Request: "POST https://a.example/…", Response: "422 <nope>"}}}
	d.must(d.st.Enqueue(ctx, []store.NewMessage{n}))
	return evs[0].ID
}

// TestTries: every attempt with what was said; a filter; once more under the
// same key.
func TestTries(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	event := d.endpoint()
	_, body := d.get("/accounts/acc_hook/tries")
	for _, want := range []string{"422 &lt;nope&gt;", "POST https://a.example/…", `value="` + event + `"`, "/messages/msg_tried"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "whsec_") {
		t.Error("the page shows the secret")
	}
	for outcome, want := range map[string]bool{"failed": true, "accepted": false, "x": false} {
		if _, body := d.get("/accounts/acc_hook/tries?outcome=" + outcome); strings.Contains(body, "msg_tried") != want {
			t.Errorf("outcome %s: shown %t", outcome, !want)
		}
	}
	if res := d.post("/accounts/acc_hook/again", url.Values{"event": {event}}); res.Code != http.StatusSeeOther {
		t.Fatalf("again: %d %s", res.Code, res.Body)
	}
	rows, err := d.st.Messages(context.Background(), ws, store.MessageFilter{Destination: "dst_hook"}, store.Page{})
	d.must(err)
	if len(rows) != 2 {
		t.Fatalf("%d messages", len(rows))
	}
	said, err := d.st.Message(context.Background(), ws, rows[0].Message.ID)
	d.must(err)
	if said.Deliveries[0].Key != "key-of-then" {
		t.Errorf("it goes under the key %q", said.Deliveries[0].Key)
	}
	if res := d.post("/accounts/acc_mail/again", url.Values{"event": {event}}); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "送り直せませんでした") {
		t.Errorf("where no route leads: %d", res.Code)
	}
	if res := d.post("/accounts/acc_hook/again", url.Values{"event": {"evt_none"}}); res.Code != http.StatusNotFound {
		t.Errorf("no such event: %d", res.Code)
	}
}

// TestReplayForm: first the number, then the run, then the end of it by hand.
func TestReplayForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.endpoint()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	d.must(err)
	now := time.Now().In(tokyo)
	form := url.Values{"from": {now.Add(-time.Hour).Format("2006-01-02T15:04")}, "to": {now.Add(time.Hour).Format("2006-01-02T15:04")}, "do": {"count"}}
	if res := d.post("/accounts/acc_hook/replay", form); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "出来事1件のうち、メッセージ1件") {
		t.Fatalf("count: %d %s", res.Code, res.Body)
	}
	if rs, err := d.st.Replays(context.Background(), ws, "acc_hook", 10); err != nil || len(rs) != 0 {
		t.Errorf("the count began %d replays, %v", len(rs), err)
	}
	form.Set("do", "start")
	if res := d.post("/accounts/acc_hook/replay", form); res.Code != http.StatusSeeOther {
		t.Fatalf("start: %d %s", res.Code, res.Body)
	}
	_, body := d.get("/accounts/acc_hook/tries")
	id := regexp.MustCompile(`value="(rpl_\w+)"`).FindStringSubmatch(body)
	if id == nil || !strings.Contains(body, "0 / 1件") {
		t.Fatalf("no progress: %s", body)
	}
	if res := d.post("/accounts/acc_hook/replay", form); res.Code != http.StatusConflict {
		t.Errorf("a second at once: %d", res.Code)
	}
	if res := d.post("/accounts/acc_hook/replay/stop", url.Values{"replay": {id[1]}}); res.Code != http.StatusSeeOther {
		t.Errorf("stop: %d", res.Code)
	}
	if r, err := d.st.Replay(context.Background(), ws, id[1]); err != nil || r.State != engawa.ReplayStopped {
		t.Errorf("%+v, %v", r, err)
	}
	for name, change := range map[string][2]string{"backwards": {"to", form.Get("from")}, "no time": {"from", "x"}, "too long": {"from", "2020-01-01T00:00"}} {
		bad := url.Values{"from": form["from"], "to": form["to"], "do": {"start"}}
		bad.Set(change[0], change[1])
		if res := d.post("/accounts/acc_hook/replay", bad); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, res.Code)
		}
	}
	if res := d.post("/accounts/acc_mail/replay", form); res.Code != http.StatusNotFound {
		t.Errorf("of a mail account: %d", res.Code)
	}
}

// TestEnable: an endpoint that was switched off says so and is switched on by an
// administrator alone; an account of any kind is made by one alone too.
func TestEnable(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.endpoint()
	ctx := context.Background()
	a, err := d.st.Account(ctx, ws, "acc_hook")
	d.must(err)
	a.Enabled = false
	d.must(d.st.ChangeAccount(ctx, a))
	d.member.Role = engawa.Support
	_, body := d.get("/accounts/acc_hook/tries")
	if !strings.Contains(body, "止まっています") || strings.Contains(body, "/accounts/acc_hook/enable") || strings.Contains(body, "/accounts/acc_hook/replay") {
		t.Error("support staff see another page than they may use")
	}
	for _, path := range []string{"/accounts/acc_hook/enable", "/accounts/acc_hook/replay", "/accounts/acc_hook/replay/stop", "/accounts/new?kind=http"} {
		if res := d.post(path, nil); res.Code != http.StatusForbidden {
			t.Errorf("%s by support staff: %d", path, res.Code)
		}
		if code, _ := d.get(path); code == http.StatusOK {
			t.Errorf("GET %s is answered", path)
		}
	}
	d.member.Role = engawa.Admin
	if res := d.post("/accounts/acc_hook/enable", nil); res.Code != http.StatusSeeOther {
		t.Errorf("enable: %d", res.Code)
	}
	if a, err := d.st.Account(ctx, ws, "acc_hook"); err != nil || !a.Enabled {
		t.Errorf("still off, %v", err)
	}
}

// TestHTTPAccount: what the template of a custom account could be turned to is
// refused in the form, beside its field.
func TestHTTPAccount(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{"name": {"SMS"}, "environment": {"production"}, "owner": {"workspace"}, "enabled": {"true"}, "s.url": {"https://sms.example/{{to}}"}, "s.body": {`{"text":{{text}}}`}, "s.type": {"json"}, "s.method": {"post"}}
	if res := d.post("/accounts/new?kind=http", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "欄の説明をご覧ください") {
		t.Errorf("an open template: %d", res.Code)
	}
	form.Set("s.body", "{\r\n\"text\":\"{{text}}\"\r\n}")
	if res := d.post("/accounts/new?kind=http", form); res.Code != http.StatusSeeOther {
		t.Errorf("a sound one: %d %s", res.Code, res.Body)
	}
}
