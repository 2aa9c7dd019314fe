package console_test

import (
	"context"
	"hash/fnv"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// chatDesk is a desk with a Chatwork account that has two rooms to choose from.
type chatDesk struct {
	*desk
	room *chatworksim.Server
	keys map[string]string // of the rooms, by name
}

func newChatDesk(t *testing.T) chatDesk {
	t.Helper()
	d := chatDesk{newDesk(t, storetest.SQLite(t)), &chatworksim.Server{Token: "t0ken"}, map[string]string{}}
	d.room.AddRoom(7001, "お金の部屋", "group")
	d.room.AddRoom(7002, "全体の部屋", "admin")
	d.room.AddRoom(7003, "田中", "direct")
	d.room.AddRoom(7004, "ひとりごと", "my")
	s := httptest.NewServer(d.room)
	t.Cleanup(s.Close)
	d.must(d.st.AddAccount(context.Background(), engawa.Account{
		Workspace: ws, ID: "acc_chat", Kind: "chatwork", Name: "通知用Chatwork", Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"token": "t0ken", "base_url": s.URL + "/v2"},
	}))
	for _, m := range regexp.MustCompile(`<option value="(\w+)">([^<]+の部屋)</option>`).FindAllStringSubmatch(d.page(), -1) {
		d.keys[m[2]] = m[1]
	}
	return d
}

const noticesPath = "/accounts/acc_chat/notices"

func (d chatDesk) page() string {
	d.t.Helper()
	code, body := d.get(noticesPath)
	if code != http.StatusOK {
		d.t.Fatalf("%d %s", code, body)
	}
	return body
}

// form is the page's form as the seed's screen would be filled in: every group
// has a room, copies are off.
func (d chatDesk) form(change ...string) url.Values {
	d.t.Helper()
	hidden := func(name string) string {
		return regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(d.page())[1]
	}
	form := url.Values{
		"enabled": {"true"}, "version": {hidden("version")}, "seen": {hidden("seen")}, "tasks": {"1"}, "mailbox": {"dst_staff"}, "within": {"10"}, "unit": {"minutes"},
		"general.room": {d.keys["全体の部屋"]}, "application.room": {d.keys["全体の部屋"]}, "payment.room": {d.keys["お金の部屋"]}, "contract.room": {d.keys["全体の部屋"]},
	}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return form
}

func (d chatDesk) save(form url.Values) {
	d.t.Helper()
	if res := d.post(noticesPath, form); res.Code != http.StatusSeeOther {
		d.t.Fatalf("%d %s", res.Code, res.Body)
	}
}

// byEvent are the routes that are on, by their first pattern.
func (d chatDesk) byEvent() map[string]engawa.Route {
	d.t.Helper()
	all, err := d.st.Routes(context.Background(), ws)
	d.must(err)
	out := map[string]engawa.Route{}
	for _, r := range all {
		if r.UpdatedBy == d.member.ID && r.Enabled {
			out[r.Events[0]] = r
		}
	}
	return out
}

func (d chatDesk) trail() []store.Audit {
	d.t.Helper()
	all, err := d.st.Audits(context.Background(), ws, store.AuditFilter{}, store.Page{Limit: 100})
	d.must(err)
	return all
}

// TestNotices: the page makes the four routes at once, with a line in the audit
// trail for each, and saving again changes nothing.
func TestNotices(t *testing.T) {
	d := newChatDesk(t)
	body := d.page()
	for _, says := range []string{"投稿は「Engawa」の名前で表示されます", "1対1のチャットは選べません", "このアカウントしか読めないマイチャットです", "外していても、メールで届きます"} {
		if !strings.Contains(body, says) {
			t.Errorf("the page does not say %s", says)
		}
	}
	if strings.Contains(body, "7001") || len(d.keys) != 2 {
		t.Errorf("rooms %v", d.keys)
	}
	d.save(d.form("payment.copy", "true"))
	routes := d.byEvent()
	if len(routes) != 4 {
		t.Fatalf("%+v", routes)
	}
	names := map[string]string{}
	all, err := d.st.Destinations(context.Background(), ws)
	d.must(err)
	for _, x := range all {
		names[x.ID] = x.Name
	}
	contract, payment := routes["contract.*"].Then[0], routes["payment.*"].Then[0]
	if names[contract.To] != "全体の部屋" || len(contract.Via) != 2 || contract.Via[0] != (engawa.Via{Account: "acc_chat", Within: 10 * time.Minute}) ||
		contract.Via[1] != (engawa.Via{Account: "acc_mail", Destination: "dst_staff"}) {
		t.Errorf("without copies: %+v", contract)
	}
	if names[payment.To] != "お金の部屋" || payment.Via[0].Within != 0 || !payment.Via[1].Copy {
		t.Errorf("with copies: %+v", payment)
	}
	trail := d.trail()
	if len(trail) != 6 || trail[0].Actor != "member:"+d.member.ID { // two rooms, four routes
		t.Errorf("%+v", trail)
	}
	d.save(d.form("payment.copy", "true"))
	if again := d.byEvent(); again["payment.*"].Version != 1 || again["contract.*"].Version != 1 || len(d.trail()) != 6 {
		t.Error("saving twice changes something")
	}
	d.save(d.form("payment.copy", "true", "within", "90", "unit", "seconds", "general.room", "", "enabled", ""))
	routes = d.byEvent()
	if _, on := routes["member.*"]; on || routes["contract.*"].Then[0].Via[0].Within != 90*time.Second || routes["payment.*"].Version != 1 {
		t.Errorf("%+v", routes)
	}
	if a, err := d.st.Account(context.Background(), ws, "acc_chat"); err != nil || a.Enabled {
		t.Errorf("%+v %v", a, err)
	}
}

// TestNoticesTakeWhatTheyList: a group's room gets the types that stand beside it and
// no others: those of which a notice is expected, and the rest where its box is ticked.
func TestNoticesTakeWhatTheyList(t *testing.T) {
	d := newChatDesk(t)
	w, parts := words(t), strings.Split(d.page(), `<fieldset class="step">`)[1:]
	listed := func(group, list string) []string {
		for _, part := range parts {
			if m := regexp.MustCompile(`(?s)<p class="sub small"` + list + `>(.*?)</p>`).FindStringSubmatch(part); m != nil && strings.Contains(part, `"`+group+`.room"`) {
				return strings.Split(html.UnescapeString(m[1]), "\u00a0· ")
			}
		}
		return nil
	}
	taken := func() map[string][]string {
		var routes []engawa.Route
		for _, r := range d.byEvent() {
			routes = append(routes, r)
		}
		set, out := route.Compile(routes), map[string][]string{}
		for _, typ := range catalogue.Types() {
			plans, _ := set.Plan(engawa.Event{Type: typ.Name}, nil, engawa.Customer{})
			for _, p := range plans {
				group := engawa.GroupOf(p.Route.Events[0])
				out[group] = append(out[group], w.EventLine(engawa.Japanese, typ.Name, nil))
			}
		}
		return out
	}
	same := func(a, b []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	d.save(d.form())
	expected := taken()
	d.save(d.form("general.quiet", "true", "application.quiet", "true", "payment.quiet", "true", "contract.quiet", "true"))
	all := taken()
	for _, group := range catalogue.Groups {
		list, rest := listed(group, ""), listed(group, ` id="`+group+`-quiet"`)
		if len(list) == 0 || !same(expected[group], list) {
			t.Errorf("%s lists %q and takes %q", group, list, expected[group])
		}
		if both := slices.Concat(list, rest); !same(all[group], both) {
			t.Errorf("%s with all lists %q and takes %q", group, both, all[group])
		}
	}
	if vacation := w.EventLine(engawa.Japanese, "mail.auto_replied", nil); slices.Contains(expected["general"], vacation) || !slices.Contains(all["general"], vacation) {
		t.Error("answers of absence come where they were asked for, and only there")
	}
	for group, n := range map[string]int{"general": 1, "application": 0} { // which has no such types
		if got := strings.Count(d.page(), `name="`+group+`.quiet" value="true" checked`); got != n {
			t.Errorf("%s has %d ticked boxes, want %d", group, got, n)
		}
	}
}

// TestNoticesOfBefore: a route that the page made when it had no box, and the group
// fewer patterns, is its own: it keeps what it takes, and saving brings it up to date.
func TestNoticesOfBefore(t *testing.T) {
	d := newChatDesk(t)
	d.save(d.form())
	general, payment := d.byEvent()["member.*"], d.byEvent()["payment.*"]
	general.Events, general.Condition, payment.Condition = []string{"member.*", "mail.*", "site.*"}, "", ""
	d.must(d.st.SaveRoute(context.Background(), general))
	d.must(d.st.SaveRoute(context.Background(), payment))
	body := d.page()
	if strings.Contains(body, "この行き先は、別の画面で変更されています") || strings.Count(body, `.quiet" value="true" checked`) != 2 {
		t.Error("the page does not know its own routes of before")
	}
	d.save(d.form("general.quiet", "true", "payment.quiet", "true"))
	routes := d.byEvent()
	if r := routes["member.*"]; r.Version != 3 || !engawa.MatchesAny(r.Events, "task.overdue") || r.Condition != "" {
		t.Errorf("%+v", r)
	}
	if r := routes["payment.*"]; r.Version != 2 || r.Condition != "" {
		t.Errorf("%+v", r)
	}
	general = routes["member.*"]
	general.Events = []string{"member.*", "mail.*"}
	d.must(d.st.SaveRoute(context.Background(), general))
	if !strings.Contains(d.page(), "この行き先は、別の画面で変更されています") {
		t.Error("the page takes other patterns for its own")
	}
}

// TestNoticesRefuse: what cannot be is refused, and nothing of it is kept.
func TestNoticesRefuse(t *testing.T) {
	d := newChatDesk(t)
	stale := d.form()
	for name, form := range map[string]url.Values{
		"a room that is not there": d.form("payment.room", "ffffffff"),
		"a talk with one person":   d.form("payment.room", keyOf("7003")),
		"the account's own chat":   d.form("payment.room", keyOf("7004")),
		"no deadline":              d.form("within", "0"),
		"two days":                 d.form("within", "48", "unit", "hours"),
		"no mailbox":               d.form("mailbox", ""),
		"no address":               d.form("mailbox", "", "mailbox.address", "staff", "mailbox.account", "acc_mail"),
		"a task for nobody":        d.form("s0.event", "payment.recurring.failed"),
		"a task for a stranger":    d.form("s0.event", "payment.recurring.failed", "s0.to", "99"),
	} {
		if res := d.post(noticesPath, form); res.Code != http.StatusUnprocessableEntity || len(d.byEvent()) != 0 {
			t.Errorf("%s: %d", name, res.Code)
		}
	}
	d.save(d.form())
	if res := d.post(noticesPath, stale); res.Code != http.StatusConflict {
		t.Errorf("a form from before somebody else's change: %d", res.Code)
	}
	d.member.Role = engawa.Support
	if res := d.post(noticesPath, stale); res.Code != http.StatusForbidden {
		t.Errorf("a role that may not: %d", res.Code)
	}
}

// keyOf stands for a room in a form, as the page would have it.
func keyOf(room string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(room))
	return strconv.FormatUint(h.Sum64(), 36)
}

// TestRefusedRooms: a talk with one person is no destination on any way to make
// one, and a room that is not the token's to list is not held back by a guess.
func TestRefusedRooms(t *testing.T) {
	d := newChatDesk(t)
	if keyOf("7001") != d.keys["お金の部屋"] {
		t.Fatal("the keys of rooms are made in another way: this test proves nothing")
	}
	for room, want := range map[string]int{"7003": http.StatusUnprocessableEntity, "7004": http.StatusUnprocessableEntity, "7003/tasks?to=1002": http.StatusUnprocessableEntity, "7001": http.StatusSeeOther, "7009": http.StatusSeeOther} {
		if res := d.post("/accounts/acc_chat/test", url.Values{"to": {room}}); res.Code != want {
			t.Errorf("a test to %s: %d", room, res.Code)
		}
	}
	for room, want := range map[string]int{keyOf("7003"): http.StatusUnprocessableEntity, keyOf("7002"): http.StatusSeeOther} {
		if res := d.post("/accounts/acc_chat/places", url.Values{"room": {room}}); res.Code != want {
			t.Errorf("a place: %d, want %d", res.Code, want)
		}
	}
}

// TestNoticesEdited: a route that was changed by hand is shown and left alone,
// until the member asks for it to be replaced.
func TestNoticesEdited(t *testing.T) {
	d := newChatDesk(t)
	d.save(d.form())
	r := d.byEvent()["payment.*"]
	r.Condition = `event.data.amount >= 1000`
	d.must(d.st.SaveRoute(context.Background(), r))
	if body := d.page(); strings.Count(body, "この行き先は、別の画面で変更されています") != 1 || !strings.Contains(body, `href="/routes/`+r.ID) {
		t.Error("the page does not show what was edited")
	}
	d.save(d.form("within", "20"))
	if got := d.byEvent(); got["payment.*"].Condition == "" || got["contract.*"].Version != 2 {
		t.Errorf("%+v", got)
	}
	d.save(d.form("within", "20", "payment.replace", "true"))
	if got := d.byEvent()["payment.*"]; strings.Contains(got.Condition, "amount") || got.Version != 3 || got.Then[0].Via[0].Within != 20*time.Minute {
		t.Errorf("%+v", got)
	}
}

// TestNoticeTasks: an event gets a task in its group's room, and loses it again.
func TestNoticeTasks(t *testing.T) {
	d := newChatDesk(t)
	task := []string{"s0.event", "payment.recurring.failed", "s0.to", "1002", "s0.days", "3"}
	d.save(d.form(task...))
	r := d.byEvent()["payment.recurring.failed"]
	all, err := d.st.Destinations(context.Background(), ws)
	d.must(err)
	to := ""
	for _, x := range all {
		if len(r.Then) == 1 && x.ID == r.Then[0].To {
			to = x.Address.Reveal()
		}
	}
	if to != "7001/tasks?days=3&to=1002" || len(r.Then[0].Via) != 2 {
		t.Fatalf("%q %+v", to, r)
	}
	if body := d.page(); !strings.Contains(body, `name="s0.to" value="1002" checked`) || !strings.Contains(body, `name="tasks" value="2"`) {
		t.Error("the page does not show the task")
	}
	d.save(d.form(task...))
	if again := d.byEvent()["payment.recurring.failed"]; again.Version != 1 {
		t.Error("saving twice changes the task")
	}
	d.save(d.form())
	if _, on := d.byEvent()["payment.recurring.failed"]; on {
		t.Error("the task stays")
	}
}

// TestSentSaysWhy: the page of what an account sent gives the reason of what it
// did not in the verdict's own words.
func TestSentSaysWhy(t *testing.T) {
	d := newChatDesk(t)
	d.save(d.form("enabled", ""))
	if res := d.post("/accounts/acc_chat/test", url.Values{"to": {"7001"}}); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	code, body := d.get("/accounts/acc_chat/sent")
	if code != http.StatusOK || !strings.Contains(body, "この配信、チャネル、またはパートナーの宣伝は止められています") {
		t.Errorf("%d %s", code, body)
	}
}

// TestSentStates: under each state the page has what stands there and nothing else, with
// what became of it and why.
func TestSentStates(t *testing.T) {
	d := newChatDesk(t)
	now := time.Now()
	chain := []engawa.Via{{Account: "acc_chat", Within: 10 * time.Minute}, {Account: "acc_mail", Destination: "dst_staff"}}
	for subject, ends := range map[string][]engawa.Delivery{
		"投稿したお知らせ":   {{State: engawa.Accepted, Note: "429"}, {State: engawa.Canceled}},
		"待っているお知らせ":  {{State: engawa.Retrying, Note: "429"}},
		"順番待ちのお知らせ":  {{State: engawa.Queued}},
		"遅れたお知らせ":    {{State: engawa.Expired, Note: "deadline"}, {State: engawa.Accepted}},
		"断られたお知らせ":   {{State: engawa.Failed, Note: "403"}, {State: engawa.Queued}},
		"どこにも届かないもの": {{State: engawa.Failed, Note: "413"}},
	} {
		m := engawa.Message{
			Workspace: ws, ID: engawa.NewID(engawa.PrefixMessage), Destination: "dst_staff", Purpose: engawa.Service, State: engawa.MessageWaiting, CreatedAt: now,
			Content: engawa.Content{Subject: subject, Text: "本文"}, Chain: chain,
		}
		var made []engawa.Delivery
		for i, end := range ends {
			made = append(made, store.NewDelivery(m, i, now))
			made[i].State, made[i].Note = end.State, end.Note
		}
		d.must(d.st.Enqueue(t.Context(), []store.NewMessage{{Message: m, Deliveries: made, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	}
	want := map[string][]string{
		"sent":    {"投稿したお知らせ: 引き渡し済み, "},
		"waiting": {"待っているお知らせ: 再試行待ち, 相手の返答は「429」でした。", "順番待ちのお知らせ: 順番待ち, "},
		"on":      {"断られたお知らせ: メールへ(順番待ち), 相手の返答は「403」でした。", "遅れたお知らせ: メールへ(引き渡し済み), 期限の10分を過ぎました。"},
		"not":     {"どこにも届かないもの: 届かず, 相手の返答は「413」でした。"},
	}
	row := regexp.MustCompile(`<a href="/messages/msg_\w+">([^<]*)</a></td>.*?<span class="chip \w+">([^<]*)</span>\s*<div class="sub small">([^<]*)</div>`)
	for _, state := range store.SentStates {
		body := d.seen("/accounts/acc_chat/sent?state=" + string(state))
		var got []string
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1]+": "+m[2]+", "+m[3])
		}
		slices.Sort(got)
		if !slices.Equal(got, want[string(state)]) {
			t.Errorf("%s has %q, want %q", state, got, want[string(state)])
		}
		figure := regexp.MustCompile(`href="/accounts/acc_chat/sent\?state=` + string(state) + `"[^>]*>\s*<span[^>]*>[^<]*</span>\s*<div class="figure">(\d+)</div>`).FindStringSubmatch(body)
		if figure == nil || figure[1] != strconv.Itoa(len(got)) {
			t.Errorf("%s is counted as %q", state, figure)
		}
	}
}

// TestTokenIsChecked: a token that Chatwork does not take is told when it is
// saved, beside its input, and nothing is kept of it.
func TestTokenIsChecked(t *testing.T) {
	d := newChatDesk(t)
	stored, err := d.st.Account(context.Background(), ws, "acc_chat")
	d.must(err)
	for token, want := range map[string]int{"another": http.StatusUnprocessableEntity, "t0ken": http.StatusSeeOther} {
		res := d.post("/accounts/new?kind=chatwork", url.Values{"name": {"予備"}, "owner": {"workspace"}, "s.token": {token}, "s.base_url": {stored.Settings["base_url"]}})
		if res.Code != want || strings.Contains(res.Body.String(), token) {
			t.Errorf("%s: %d %s", token, res.Code, res.Body)
		}
	}
	all, err := d.st.Accounts(context.Background(), ws)
	d.must(err)
	if len(all) != 3 { // mail, the chat and the one with the right token
		t.Errorf("%d accounts", len(all))
	}
}
