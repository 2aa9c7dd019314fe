package console_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
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

// past journals n failed payments of amounts 0 … n-1, whose data names an address.
func (d *desk) past(n int) {
	d.t.Helper()
	evs := make([]engawa.Event, n)
	for i := range evs {
		now := time.Now()
		evs[i] = engawa.Event{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "payment.recurring.failed", DedupKey: fmt.Sprint("past", i), OccurredAt: now, ReceivedAt: now,
			Known: true, Data: fmt.Appendf(nil, `{"amount":%d,"m":{"name":"=山田","email":"hana@hinata.example"}}`, i),
		}
	}
	_, err := d.st.Journal(context.Background(), evs)
	d.must(err)
}

// kept saves a route of payments to the staff, and returns the form that changes it.
func (d *desk) kept(condition string) (path string, form url.Values) {
	d.t.Helper()
	r := engawa.Route{
		Workspace: ws, ID: "rte_pay", Name: "お支払い", Enabled: true, Events: []string{"payment.recurring.failed"}, Condition: condition, UpdatedAt: time.Now(),
		Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}},
	}
	d.must(d.st.SaveRoute(context.Background(), r))
	return "/routes/rte_pay", url.Values{
		"name": {r.Name}, "version": {"1"}, "enabled": {"true"}, "events": {"payment.recurring.failed"}, "condition": {condition}, "steps": {"1"},
		"s0.to": {"dst_staff"}, "s0.purpose": {"service"}, "s0.v0.account": {"acc_mail"}, "do": {"try"},
	}
}

// TestWholeTrial: the page of a trial says how many events differ and which are
// shown, sums them by what differs, leads to each, and on to the rest; the files
// hold all of them and no address. Nothing is stored.
func TestWholeTrial(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	path, form := d.kept("")
	d.past(70)
	form.Set("condition", "event.data.amount < 3")
	var shown []string
	for _, want := range []string{"68件のうち1～30件目", "68件のうち31～60件目", "68件のうち61～68件目"} {
		res := d.post(path, form)
		body := res.Body.String()
		for _, say := range []string{want, "違いがある出来事：68件", "当てはまらなくなる：条件に合わない", "何も送りません"} {
			if !strings.Contains(body, say) {
				t.Errorf("the page does not say %q: %d", say, res.Code)
			}
		}
		for _, m := range regexp.MustCompile(`href="/events/(evt_[^"]+)"`).FindAllStringSubmatch(body, -1) {
			shown = append(shown, m[1])
		}
		next := regexp.MustCompile(`value="(try\.evt_[^"]+)"`).FindStringSubmatch(body)
		if (next == nil) != strings.Contains(want, "61") {
			t.Fatalf("after %s the next page is %v", want, next)
		}
		if next != nil {
			form.Set("do", next[1])
		}
	}
	form.Set("do", "csv")
	res := d.post(path, form)
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(res.Body.String(), "\ufeff"))).ReadAll()
	d.must(err)
	if len(lines) != 69 || res.Header().Get("Content-Disposition") != `attachment; filename="trial.csv"` {
		t.Fatalf("%d lines, %v", len(lines), res.Header())
	}
	form.Set("do", "json")
	whole := d.post(path, form).Body.Bytes()
	var file struct {
		Looked, Removed int
		Differences     []struct{ Event, Differs, Before, After string }
	}
	d.must(json.Unmarshal(whole, &file))
	if len(file.Differences) != 68 || file.Removed != 68 || file.Looked < 70 || len(shown) != 68 {
		t.Fatalf("%d differences of %d, %d shown", len(file.Differences), file.Removed, len(shown))
	}
	for i, diff := range file.Differences {
		if diff.Event != shown[i] || lines[i+1][0] != shown[i] || diff.Before == diff.After || lines[i+1][7] != "何も送りません" || lines[i+1][5] != diff.Differs {
			t.Fatalf("line %d: %+v, %v, shown %s", i, diff, lines[i+1], shown[i])
		}
	}
	for _, secret := range []string{"hana@hinata.example", "山田"} {
		if strings.Contains(string(whole)+fmt.Sprint(lines), secret) {
			t.Error("a file holds what an event says")
		}
	}
	form.Set("condition", "")
	form.Set("do", "json")
	if got := d.post(path, form).Body.String(); !json.Valid([]byte(got)) || !strings.Contains(got, `"differences":[]`) {
		t.Errorf("nothing differs: %s", got)
	}
	stored, err := d.st.Routes(context.Background(), ws)
	d.must(err)
	ms, err := d.st.Messages(context.Background(), ws, store.MessageFilter{}, store.Page{})
	if err != nil || len(ms) != 0 || stored[0].Version != 1 || stored[0].Condition != "" {
		t.Errorf("a trial stored %d messages, %+v: %v", len(ms), stored, err)
	}
}

// TestTrialOfWords: what is sent otherwise is said before and after.
func TestTrialOfWords(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	path, form := d.kept("")
	d.past(1)
	form.Set("s0.digest.minutes", "60")
	form.Set("s0.urgent", "true")
	body := d.post(path, form).Body.String()
	for _, want := range []string{"まとめ方が変わる", "時間が変わる", "至急", "違いがある出来事：2件"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	form.Set("do", "try.evt_1")
	if res := d.post(path, form); res.Code != http.StatusBadRequest {
		t.Errorf("a cursor that is none: %d", res.Code)
	}
}

// TestDoubtfulCondition: a condition that no event answers is refused with what may
// have been meant, in each language; one that only some answer is saved, and the
// page says of which it is never true. Of a stored one that cannot be read the pages say so.
func TestDoubtfulCondition(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	path, form := d.kept("")
	form.Set("do", "save")
	for l, want := range map[engawa.Locale]string{
		engawa.Japanese: "もしかして：event.data.amount", engawa.Korean: "혹시 찾으시는 항목: event.data.amount", engawa.English: "Did you mean event.data.amount?",
	} {
		d.member.Locale = l
		form.Set("condition", "event.data.amont > 3")
		res := d.post(path, form)
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), want) || !strings.Contains(res.Body.String(), "has(event.data.amont) &amp;&amp;") {
			t.Errorf("%s: %d does not say %s", l, res.Code, want)
		}
	}
	d.member.Locale = engawa.English
	for condition, want := range map[string]string{
		`event.data.amount > "3"`: "event.data.amount is a number and is compared with a text", `event.data.amount`: "event.data.amount is a number. In this place only true or false fits",
		`event.data.amount + 1 > 3`: "event.data.amount is a decimal number", `customer.kind == "persn"`: "Did you mean person?", `event.data.amount >`: "cannot be read",
	} {
		form.Set("condition", condition)
		if res := d.post(path, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), want) {
			t.Errorf("%s: %d does not say %s", condition, res.Code, want)
		}
	}
	form.Set("condition", "event.data.amount > 3")
	form.Set("events", "payment.recurring.failed\ncontract.suspended")
	res := d.post(path, form)
	if res.Code != http.StatusSeeOther || !strings.HasPrefix(res.Header().Get("Location"), path+"?") {
		t.Fatalf("%d %s", res.Code, res.Header().Get("Location"))
	}
	_, body := d.get(path)
	if !strings.Contains(body, "These events do not have event.data.amount") || !strings.Contains(body, "Types: "+words(t).EventLine(engawa.English, "contract.suspended", nil)) {
		t.Error("the page does not say of which types the condition never holds")
	}
	unread := engawa.Route{Workspace: ws, ID: "rte_unread", Name: "r", Events: []string{"payment.*"}, Condition: `event.data.amount >`, UpdatedAt: time.Now()}
	d.must(d.st.SaveRoute(context.Background(), unread))
	for path, want := range map[string]string{"/routes": "condition never holds", "/routes/rte_unread": "No event can be held against this condition"} {
		if code, body := d.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d does not say %q", path, code, want)
		}
	}
}

// TestStoredDoubt: a route that was saved with what would now be refused is shown
// as it is, with a note, and can be switched off; an old version of that kind does
// not come back.
func TestStoredDoubt(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.member.Locale = engawa.English
	path, form := d.kept("event.data.amont > 3")
	if _, body := d.get("/routes"); !strings.Contains(body, "condition never holds") {
		t.Error("the list does not tell of it")
	}
	if _, body := d.get(path); !strings.Contains(body, "It stays as it is until you change it") {
		t.Error("the page does not tell of it")
	}
	form.Set("do", "save")
	form.Del("enabled")
	if res := d.post(path, form); res.Code != http.StatusSeeOther {
		t.Fatalf("it cannot be switched off: %d", res.Code)
	}
	form.Set("version", "2")
	form.Set("condition", "event.data.amount > 3")
	if res := d.post(path, form); res.Code != http.StatusSeeOther {
		t.Fatalf("it cannot be set right: %d", res.Code)
	}
	if res := d.post(path+"/versions/1", nil); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "Did you mean event.data.amount?") {
		t.Errorf("the old version comes back: %d", res.Code)
	}
	if _, body := d.get("/routes"); strings.Contains(body, "condition never holds") {
		t.Error("the list tells of what is right now")
	}
}
