package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTypesPage: the catalogue with what came in 30 days, and from each type a
// way to its route.
func TestTypesPage(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	now := time.Now()
	for i, at := range []time.Time{now, now.AddDate(0, 0, -29), now.AddDate(0, 0, -31)} {
		_, err := d.st.Journal(t.Context(), []engawa.Event{{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Account: "api", Type: "contract.resumed", DedupKey: string(rune('a' + i)), OccurredAt: at, ReceivedAt: at, Data: []byte(`{}`),
		}})
		d.must(err)
	}
	status, body := d.get("/events/types")
	if status != http.StatusOK || strings.Count(body, "30日間に2件") != 1 {
		t.Errorf("%d, resumed twice in 30 days: %d times on the page", status, strings.Count(body, "30日間に2件"))
	}
	for _, typ := range catalogue.Types() {
		if !strings.Contains(body, ">"+typ.Name+"<") || !strings.Contains(body, `href="/routes/new?event=`+typ.Name+`"`) {
			t.Errorf("%s has no row, or no way to its route", typ.Name)
		}
	}
	if _, body := d.get("/routes/new?event=contract.suspended"); !strings.Contains(body, ">contract.suspended</textarea>") || !strings.Contains(body, `value="契約が停止されました"`) {
		t.Error("the route's form is not filled in")
	}
	d.member.Role = engawa.Viewer
	if _, body := d.get("/events/types"); strings.Contains(body, "/routes/new") || strings.Contains(body, "/events/types/new") {
		t.Error("a viewer is offered what only admins may do")
	}
	for _, path := range []string{"/events/types/new", "/events/types/new?type=shop.order.shipped"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			t.Errorf("%s for a viewer: %d", path, status)
		}
	}
}

// TestOwnTypeForm: a type is made, shown by its name, changed and taken away;
// what is wrong with it is said with its place, and what was typed stays.
func TestOwnTypeForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{
		"type": {"shop.order.shipped"}, "name.ja": {"発送しました"}, "name.ko": {"발송했습니다"}, "name.en": {"Shipped"},
		"schema": {`{"type":"object","properties":{"order":{"type":"string","title":"注文番号"}},"required":["order"]}`}, "sample": {`{"order":7}`},
	}
	bad := func(field, value, want string) {
		t.Helper()
		old := form.Get(field)
		form.Set(field, value)
		res := d.post("/events/types/new", form)
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), want) || !strings.Contains(res.Body.String(), `value="shop.order.shipped"`) && field != "type" {
			t.Errorf("%s %q: %d, want %q", field, value, res.Code, want)
		}
		form.Set(field, old)
	}
	bad("sample", `{"order":7}`, "場所: /order")
	form.Set("sample", `{"order":"7"}`)
	bad("sample", `{"order":"7","order":"8"}`, "データの例が形に合いません")
	bad("schema", `{"type":"object","properties":{"order":{"type":"string","pattern":"x"}}}`, "場所: /properties/order/pattern")
	bad("schema", `{`, "データの形に読めないところがあります")
	bad("name.ko", "", "3つの言語すべて")
	bad("type", "contract.terminated", "種類の名前を直してください")
	if res := d.post("/events/types/new", form); res.Code != http.StatusSeeOther {
		t.Fatalf("made: %d %s", res.Code, res.Body)
	}
	_, body := d.get("/events/types")
	for _, want := range []string{"発送しました", "注文番号", "shop.order.shipped", `href="/events/types/new?type=shop.order.shipped"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if _, body := d.get("/events/types/new?type=shop.order.shipped"); !strings.Contains(body, `value="발송했습니다"`) || !strings.Contains(body, "readonly") {
		t.Error("the form does not show what is stored")
	}
	if status, _ := d.get("/events/types/new?type=shop.lost"); status != http.StatusNotFound {
		t.Errorf("a type of nobody: %d", status)
	}
	e := engawa.Event{Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "api", Type: "shop.order.shipped", DedupKey: "own", OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"order":"7"}`)}
	_, err := d.st.Journal(t.Context(), []engawa.Event{e})
	d.must(err)
	if _, body := d.get("/events/" + e.ID); !strings.Contains(body, "発送しました") {
		t.Error("the event is not named")
	}
	if res := d.post("/events/types/end", url.Values{"type": {"shop.order.shipped"}}); res.Code != http.StatusSeeOther {
		t.Errorf("taken away: %d", res.Code)
	}
	trail, err := d.st.Audits(t.Context(), ws, store.AuditFilter{}, store.Page{})
	d.must(err)
	if len(trail) != 2 || trail[0].Action != "end-event-type" || trail[0].Actor != "member:mem_1" {
		t.Errorf("the trail has %+v", trail)
	}
}
