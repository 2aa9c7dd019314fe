package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// did are the acts of the audit trail, oldest first.
func (d *desk) did() (all []string) {
	for _, a := range d.trail() {
		all = append(all, a.Action)
	}
	slices.Reverse(all)
	return all
}

// TestSegments: conditions are chosen, counted without being kept, saved, changed and
// deleted; what is wrong is said; one of the API's keeps what the form has no room for.
func TestSegments(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx := context.Background()
	d.must(d.st.TagCustomer(ctx, ws, "cus_hana", []string{"vip"}, nil))
	form := url.Values{"name": {"常連"}, "match": {"all"}, "r0.is": {"tag"}, "r0.was": {"tag"}, "r0.value": {"VIP"}, "r1.is": {"locale"}, "do": {"look"}}
	page := d.sent("/segments/new", form, http.StatusOK)
	for _, want := range []string{"1名", "山田 &lt;花&gt;", `value="ja" selected`} { // who it is, and what a new condition begins with
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page, "hana.yamada") {
		t.Error("the page shows an address")
	}
	form.Set("r1.was", "locale")
	form.Set("r1.value", "ko")
	if page := d.sent("/segments/new", form, http.StatusOK); !strings.Contains(page, "0名") {
		t.Error("both conditions must hold")
	}
	form.Set("match", "any")
	if page := d.sent("/segments/new", form, http.StatusOK); !strings.Contains(page, "1名") {
		t.Error("one condition is enough")
	}
	if all, err := d.st.Segments(ctx, ws); len(all) != 0 || err != nil {
		t.Errorf("a look was kept: %v, %v", all, err)
	}
	for field, value := range map[string]string{"name": "", "r0.value": ""} {
		old := form.Get(field)
		form.Set(field, value)
		form.Set("do", "save")
		if page := d.sent("/segments/new", form, http.StatusUnprocessableEntity); !strings.Contains(page, `role="alert"`) {
			t.Errorf("%s = %q: nothing is said", field, value)
		}
		form.Set(field, old)
	}
	d.sent("/segments/new", form, http.StatusSeeOther)
	all, err := d.st.Segments(ctx, ws)
	d.must(err)
	if len(all) != 1 || len(all[0].Where.Any) != 2 || all[0].Where.Any[0].Value != "vip" {
		t.Fatalf("%+v", all)
	}
	path := "/segments/" + all[0].ID
	if page := d.seen(path); !strings.Contains(page, `value="vip"`) {
		t.Error("the form does not show what was saved")
	}
	if page := d.seen("/segments"); !strings.Contains(page, "タグ「vip」") {
		t.Error("the list does not say who is in it")
	}
	if page := d.seen("/customers/cus_hana"); !strings.Contains(page, path) {
		t.Error("the customer's page does not name the segment")
	}
	form.Set("version", "1")
	form.Set("name", "大切な方")
	d.sent(path, form, http.StatusSeeOther)
	form.Set("version", "1")
	d.sent(path, form, http.StatusConflict)
	deep := engawa.Segment{Workspace: ws, ID: "seg_api", Name: "API", Where: engawa.Condition{All: []engawa.Condition{{Any: []engawa.Condition{{Is: engawa.TraitMinor}}}}}}
	_, err = d.st.SaveSegment(ctx, deep)
	d.must(err)
	if page := d.seen("/segments/seg_api"); !strings.Contains(page, "未成年") || !strings.Contains(page, `name="foreign"`) {
		t.Error("what the API made is not said in words")
	}
	d.sent("/segments/seg_api", url.Values{"name": {"改名"}, "version": {"1"}, "foreign": {"1"}, "do": {"save"}}, http.StatusSeeOther)
	if g, err := d.st.Segment(ctx, ws, "seg_api"); g.Name != "改名" || len(g.Where.All) != 1 || err != nil {
		t.Errorf("the form changed what it has no room for: %+v, %v", g, err)
	}
	d.sent(path+"/end", nil, http.StatusSeeOther)
	if did := d.did(); !slices.Equal(did, []string{"create-segment", "change-segment", "change-segment", "end-segment"}) {
		t.Error(did)
	}
}

// TestBroadcasts: a broadcast is written, looked at, begun, paused, let on and stopped;
// a look sends nothing.
func TestBroadcasts(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx := context.Background()
	form := url.Values{
		"name": {"春"}, "segment": {""}, "purpose": {"service"}, "template": {""}, "subject.ja": {"休業のお知らせ"}, "text.ja": {"{{customer.name}}さま、明日は休みます"},
		"first": {"acc_mail"}, "do": {"look"},
	}
	page := d.sent("/broadcasts/new", form, http.StatusOK)
	for _, want := range []string{"明日は休みます", `value="start"`, "山田 &lt;花&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the forecast does not say %s", want)
		}
	}
	for field, value := range map[string]string{"name": "", "purpose": "odd", "text.ja": "{{", "first": "acc_gone", "expires_at": "2020-01-01T00:00"} {
		old := form.Get(field)
		form.Set(field, value)
		form.Set("do", "start")
		if page := d.sent("/broadcasts/new", form, http.StatusUnprocessableEntity); !strings.Contains(page, `role="alert"`) {
			t.Errorf("%s = %q: nothing is said", field, value)
		}
		form.Set(field, old)
	}
	if all, err := d.st.Broadcasts(ctx, ws, store.Page{}); len(all) != 0 || err != nil {
		t.Fatalf("begun without a word: %v, %v", all, err)
	}
	d.sent("/broadcasts/new", form, http.StatusSeeOther)
	all, err := d.st.Broadcasts(ctx, ws, store.Page{})
	d.must(err)
	path := "/broadcasts/" + all[0].ID
	for _, turn := range []struct{ do, says string }{{"pause", "一時停止中"}, {"resume", "配信中"}, {"stop", "停止"}} {
		d.sent(path+"/"+turn.do, nil, http.StatusSeeOther)
		if page := d.seen(path); !strings.Contains(page, turn.says) {
			t.Errorf("after %s the page does not say %s", turn.do, turn.says)
		}
	}
	if page := d.seen("/broadcasts"); !strings.Contains(page, path) {
		t.Error("the list does not show it")
	}
	if did := d.did(); !slices.Equal(did, []string{"start-broadcast", "pause-broadcast", "resume-broadcast", "stop-broadcast"}) {
		t.Error(did)
	}
}
