package console_test

import (
	"context"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/builtin"
	listsim "github.com/engawa/engawa/internal/channel/listform/sim"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// listDesk is a desk with a list form's account, made on the page as an operator does.
func listDesk(t *testing.T) (d *desk, s *listsim.Server, id string) {
	t.Helper()
	return listDeskOn(t, storetest.SQLite(t))
}

func listDeskOn(t *testing.T, dsn string) (d *desk, s *listsim.Server, id string) {
	t.Helper()
	d, s = newDesk(t, dsn), listsim.New(listsim.Options{Polite: true})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	_, body := d.get("/accounts/new?kind=listform")
	if !strings.Contains(body, "動作は保証されません") || regexp.MustCompile(`name="enabled"[^>]*checked`).MatchString(body) || strings.Contains(body, "s.shape") {
		t.Fatalf("a new list form must begin switched off, with its warning:\n%s", body)
	}
	res := d.post("/accounts/new?kind=listform", url.Values{
		"name": {"メルマガ"}, "owner": {engawa.OwnerWorkspace}, "s.url": {server.URL + "/sjis/sesform.php"}, "s.admin_url": {"https://list.example/admin"},
		"s.plan_id": {listsim.Plan}, "s.products": {"gold = 34\r\nsilver = 12"}, "s.form": {"1"}, "s.charset": {"auto"},
	})
	at, _, _ := strings.Cut(res.Header().Get("Location"), "?")
	if res.Code != http.StatusSeeOther || !strings.HasPrefix(at, "/accounts/acc_") {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	return d, s, strings.TrimPrefix(at, "/accounts/")
}

// warned is what an operator of a list form must know, and by what it is known in
// each language again: written down here once more, lest a sentence gets lost.
var warned = map[string]map[engawa.Locale]string{
	"nobody promises that it works":             {engawa.Japanese: "動作は保証されません", engawa.Korean: "동작을 보장하지 않습니다", engawa.English: "no guarantee that this works"},
	"the list has no interface for programs":    {engawa.Japanese: "外部のプログラムとつなぐ仕組みがありません", engawa.Korean: "외부 프로그램과 연결하는 기능이 없습니다", engawa.English: "no interface for other programs"},
	"it rests on a hole in the list's security": {engawa.Japanese: "セキュリティ上の欠陥", engawa.Korean: "보안상의 결함", engawa.English: "security hole"},
	"the hole may be closed":                    {engawa.Japanese: "いつか塞がれるかもしれません", engawa.Korean: "언젠가 막힐 수 있습니다", engawa.English: "may be closed one day"},
	"then it is over":                           {engawa.Japanese: "使えなくなります", engawa.Korean: "쓸 수 없습니다", engawa.English: "cannot be used any more"},
	"there is no list to test with":             {engawa.Japanese: "試験用の環境がない", engawa.Korean: "시험 환경이 없으므로", engawa.English: "nothing to test against"},
	"nothing will be added":                     {engawa.Japanese: "機能を増やす予定はありません", engawa.Korean: "기능을 더 늘릴 계획이 없습니다", engawa.English: "no more will be built on it"},
	"it only registers":                         {engawa.Japanese: "できるのは登録だけ", engawa.Korean: "할 수 있는 것은 등록뿐", engawa.English: "It can only register"},
	"it changes and deletes nothing":            {engawa.Japanese: "変更や削除はできません", engawa.Korean: "변경과 삭제는 할 수 없습니다", engawa.English: "cannot change or delete"},
	"a cancelled product is a person's":         {engawa.Japanese: "商品のキャンセル", engawa.Korean: "상품 취소", engawa.English: "cancel a product"},
	"a contract that ended is a person's":       {engawa.Japanese: "契約の解約があったお客さまは、手作業で名簿から削除", engawa.Korean: "계약 해지가 있었던 고객은 목록에서 직접 삭제", engawa.English: "end a contract have to be removed from the list by hand"},
	"a changed name or address is a person's":   {engawa.Japanese: "氏名やメールアドレスが変わっても、名簿には反映されません", engawa.Korean: "이름이나 메일 주소가 바뀌어도 목록에는 반영되지 않습니다", engawa.English: "changed name or mail address does not reach the list"},
	"names in letters or katakana are refused":  {engawa.Japanese: "英字やカタカナ", engawa.Korean: "로마자나 가타카나", engawa.English: "Latin letters or katakana"},
	"only who agreed is registered":             {engawa.Japanese: "広告に同意した記録がこのハブにあるお客さまだけ", engawa.Korean: "메일 광고에 동의한 기록이 이 허브에 있는 고객만", engawa.English: "whose consent to advertising by mail is on record"},
	"no event brings a consent":                 {engawa.Japanese: "ファイルで同意が入ることはなく", engawa.Korean: "파일로는 동의가 들어오지 않으며", engawa.English: "No event, notice by mail or file brings a consent"},
	"a consent comes in through the API":        {engawa.Japanese: "同意はAPIからだけ入ります", engawa.Korean: "동의는 API로만 들어옵니다", engawa.English: "through the API alone"},
	"without a consent nobody is registered":    {engawa.Japanese: "「同意」の判定で「送らない」となり、誰も登録されません", engawa.Korean: "‘동의’ 판정에서 ‘보내지 않음’이 되고, 아무도 등록되지 않습니다", engawa.English: "says “not sent”, decided by the consent check, and nobody is registered"},
	"a refusal does not recover by itself":      {engawa.Japanese: "自動では回復しません", engawa.Korean: "저절로 복구되지 않으며", engawa.English: "Nothing recovers by itself"},
}

// TestWarning: whoever makes, changes or sets up a list form reads the whole
// warning, in each language, and begins with the switch off.
func TestWarning(t *testing.T) {
	d, _, id := listDesk(t)
	w, kind := words(t), builtin.Kinds()[slices.IndexFunc(builtin.Kinds(), func(k channel.Kind) bool { return k.Name == "listform" })]
	for _, l := range engawa.Locales {
		d.member.Locale = l
		for _, page := range []string{"/accounts/new?kind=listform", "/accounts/" + id, "/accounts/" + id + "/form"} {
			code, body := d.get(page)
			body = html.UnescapeString(body)
			for point, known := range warned {
				if code != http.StatusOK || !strings.Contains(body, known[l]) {
					t.Errorf("%s %s: %d, it does not say that %s", page, l, code, point)
				}
			}
			for _, point := range kind.Form.Warns {
				if !strings.Contains(body, w.T(l, "kind.listform.warning."+point)) {
					t.Errorf("%s %s: without %s", page, l, point)
				}
			}
			if on := regexp.MustCompile(`<input[^>]*name="enabled"[^>]*>`).FindString(body); on == "" != strings.HasSuffix(page, "/form") || strings.Contains(on, "checked") {
				t.Errorf("%s %s: the switch is %q", page, l, on)
			}
		}
		if _, body := d.get("/accounts/new?kind=webhook"); strings.Contains(html.UnescapeString(body), warned["nobody promises that it works"][l]) {
			t.Errorf("%s: a webhook warns of what is a list form's", l)
		}
	}
	if d.settings(id).Enabled {
		t.Error("it was made switched on")
	}
}

// TestNoPlan: where no plan id is set nobody is registered, and the pages say so: that
// of the message, with the reason, and those of the account before it comes to that.
func TestNoPlan(t *testing.T) {
	d, _, id := listDesk(t)
	a, ctx, now := d.settings(id), context.Background(), time.Now()
	delete(a.Settings, "plan_id")
	delete(a.Settings, "products")
	d.must(d.st.ChangeAccount(ctx, a))
	m := engawa.Message{
		Workspace: ws, ID: "msg_noplan", Customer: "cus_hana", Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Locale: engawa.Japanese,
		Content: engawa.Content{Text: "event: member.provisional"}, Chain: []engawa.Via{{Account: id}}, State: engawa.MessageFailed, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	delivery := store.NewDelivery(m, 0, now)
	delivery.State, delivery.Note = engawa.Failed, "no_plan" // as internal/channel/listform's TestRoad has it
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{delivery}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	for page, says := range map[string]map[engawa.Locale]string{
		"/messages/msg_noplan":        {engawa.Japanese: "プランIDが設定されていないため、登録していません。", engawa.Korean: "플랜 ID가 설정되어 있지 않아 등록하지 않았습니다.", engawa.English: "There is no plan id for it, so nobody was registered."},
		"/accounts/" + id + "/form":   {engawa.Japanese: "このままでは誰も登録されません。", engawa.Korean: "이대로는 아무도 등록되지 않습니다.", engawa.English: "There is no plan id at all, so nobody will be registered, unless"},
		"/accounts/" + id:             {engawa.Japanese: "空のままなら、仮登録のお客さまは登録されません。", engawa.Korean: "비워 두면 가등록한 고객은 등록되지 않습니다.", engawa.English: "Left empty, nobody is registered at provisional registration."},
		"/accounts/new?kind=listform": {engawa.Japanese: "ここにない商品では登録されません。", engawa.Korean: "여기에 없는 상품은 등록되지 않습니다.", engawa.English: "A product that is not here registers nobody, unless the event names a plan id."},
	} {
		for l, want := range says {
			d.member.Locale = l
			if code, body := d.get(page); code != http.StatusOK || !strings.Contains(html.UnescapeString(body), want) {
				t.Errorf("%s %s: %d, no %q", page, l, code, want)
			}
		}
	}
}

// settings reads the settings of an account.
func (d *desk) settings(id string) engawa.Account {
	d.t.Helper()
	a, err := d.st.Account(context.Background(), ws, id)
	d.must(err)
	return a
}

func TestWebForm(t *testing.T) {
	d, s, id := listDesk(t)
	if a := d.settings(id); a.Enabled || a.Settings["products"] != "gold = 34\nsilver = 12" {
		t.Fatalf("enabled %t, products %q", a.Enabled, a.Settings["products"])
	}
	in, page := s.Form("sjis").Inputs, "/accounts/"+id+"/form"
	code, body := d.get(page)
	for _, want := range []string{"動作は保証されません", "メールアドレス · " + in.Mail, "お名前 · " + in.Name, "shift_jis", "このアカウントは止まっています"} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Fatalf("%d, no %q:\n%s", code, want, body)
		}
	}
	if strings.Contains(body, "/form/try") || strings.Contains(body, "/form/routes") {
		t.Error("a form whose fields are not chosen can be tried")
	}
	shape := regexp.MustCompile(`name="s.shape" value="([^"]+)"`).FindStringSubmatch(body)[1]
	chosen := url.Values{"version": {"1"}, "s.shape": {shape}, "s.mail": {in.Mail}, "s.name": {in.Name}, "s.plan": {in.Plan}, "s.success": {listsim.Done}, "s.failure": {listsim.Refused}}
	if res := d.post(page, chosen); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if got := d.settings(id).Settings; got["mail"] != in.Mail || got["shape"] != shape || got["url"] == "" || got["confirm"] != "false" {
		t.Errorf("kept %v", got)
	}
	if res := d.post("/accounts/"+id, url.Values{"version": {"2"}, "name": {"メルマガ"}, "owner": {"workspace"}, "enabled": {"true"}, "s.url": {d.settings(id).Settings["url"]}, "s.plan_id": {listsim.Plan}}); res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if a := d.settings(id); a.Settings["mail"] != in.Mail || a.Settings["shape"] != shape || !a.Enabled || a.Settings["products"] != "" {
		t.Errorf("the account's own form lost what the form's page keeps: %v", a.Settings)
	}
	s.Change("sjis", func(f *listsim.Form) { f.Inputs.Name = "neu" })
	if _, body := d.get(page); !strings.Contains(body, "+ text neu (required)") || !strings.Contains(body, "前に選んだときからフォームが変わっています") {
		t.Error("the page does not say what changed")
	}
	s.Next(listsim.Foreign)
	if _, body := d.get(page); !strings.Contains(body, "別のホスト") || strings.Contains(body, `name="s.mail"`) {
		t.Error("a form that sends elsewhere may be chosen")
	}
	s.Next(listsim.Missing)
	if _, body := d.get(page); !strings.Contains(body, "フォームを読み取れませんでした") {
		t.Error("a page that is gone")
	}
	if res := d.post(page, url.Values{"version": {"1"}}); res.Code != http.StatusConflict {
		t.Errorf("an old version: %d", res.Code)
	}
	if code, _ := d.get("/accounts/acc_mail/form"); code != http.StatusNotFound {
		t.Errorf("an account without a form: %d", code)
	}
	if s.Posts() != 0 {
		t.Error("reading a form submitted it")
	}
}

// choose sets the account up and switches it on.
func (d *desk) choose(s *listsim.Server, id string) {
	d.t.Helper()
	in := s.Form("sjis").Inputs
	a := d.settings(id)
	a.Enabled = true
	maps.Copy(a.Settings, map[string]string{"mail": in.Mail, "name": in.Name, "plan": in.Plan, "success": listsim.Done, "shape": "post x"})
	d.must(d.st.ChangeAccount(context.Background(), a))
}

func TestWebFormTry(t *testing.T) {
	d, s, id := listDesk(t)
	d.choose(s, id)
	try := "/accounts/" + id + "/form/try"
	for _, bad := range []string{"", "no address", "by-hand"} {
		if res := d.post(try, url.Values{"mail": {bad}}); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "このメールアドレスは使えません") {
			t.Errorf("%q: %d", bad, res.Code)
		}
	}
	res := d.post(try, url.Values{"mail": {"me@hinata.example"}, "name": {"佐藤 ゆき"}, "kana": {"サトウ ユキ"}})
	at := regexp.MustCompile(`msg_\w+`).FindString(res.Header().Get("Location"))
	if at == "" {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	said, err := d.st.Message(context.Background(), ws, at)
	d.must(err)
	if want := "event: member.provisional\nname: 佐藤 ゆき\nkana: サトウ ユキ"; said.Message.Content.Text != want || said.Message.State != engawa.MessageWaiting {
		t.Errorf("%q %s", said.Message.Content.Text, said.Message.State)
	}
}

func TestWebFormRoutes(t *testing.T) {
	d, s, id := listDesk(t)
	d.choose(s, id)
	for range 2 { // a second time makes no more
		if res := d.post("/accounts/"+id+"/form/routes", nil); res.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", res.Code, res.Body)
		}
	}
	ctx := context.Background()
	routes, err := d.st.Routes(ctx, ws)
	d.must(err)
	routes = slices.DeleteFunc(routes, func(r engawa.Route) bool { return r.Then[0].Via[0].Account != id })
	if len(routes) != 2 {
		t.Fatalf("%d routes", len(routes))
	}
	for _, r := range routes {
		step := r.Then[0]
		switch registers := slices.Contains(r.Events, "application.completed"); {
		case registers && (step.To != "customer" || step.Purpose != engawa.Marketing || !slices.Contains(r.Events, "member.provisional")):
			t.Errorf("registrations %+v", r)
		case !registers && (step.Purpose != engawa.Service || !slices.Contains(r.Events, "contract.terminated") || !slices.Contains(r.Events, "member.updated")):
			t.Errorf("what a person does %+v", r)
		}
	}
	if _, body := d.get("/accounts/" + id + "/form"); !strings.Contains(body, "このアカウントを使う行き先があります") {
		t.Error("the page offers the routes again")
	}
}

// TestUnclear: of each customer of whom nobody knows whether the form took them a
// task says where to look, and leads to what to type for this one and to the link.
func TestUnclear(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d, _, id := listDeskOn(t, dsn)
		ctx, now := context.Background(), time.Now()
		d.must(d.st.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: ws, ID: "cus_sora", Kind: "person", Name: "佐藤 空", Locale: engawa.Japanese, CreatedAt: now},
			ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_sora", Customer: "cus_sora", Kind: "mail", Address: "sora@customer.example", VerifiedAt: now, CreatedAt: now}},
		}))
		theirs := map[string][]string{"cus_hana": {"hana.yamada@customer.example", "山田 花"}, "cus_sora": {"sora@customer.example", "佐藤 空"}}
		for customer, texts := range theirs {
			m := engawa.Message{
				Workspace: ws, ID: "msg_" + customer, Customer: customer, Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Locale: engawa.Japanese,
				Content: engawa.Content{Text: "event: member.provisional\nname: " + texts[1]}, Chain: []engawa.Via{{Account: id}}, State: engawa.MessageUnknown, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
			}
			d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m}}))
			d.must(d.st.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_" + customer, Kind: "listform.unknown", Ref: m.ID, DueAt: now.Add(time.Hour), Args: map[string]string{"message": m.ID, "account": id}}))
		}
		for customer, texts := range theirs {
			code, body := d.get("/tasks/tsk_" + customer)
			for _, want := range []string{"メルマガに登録されたか確かめてください", "管理画面でアドレスを探し、なければ、表示される内容をそのまま入力してください", "/messages/msg_" + customer + "#by-hand"} {
				if code != http.StatusOK || !strings.Contains(body, want) {
					t.Errorf("the task of %s: %d, no %q", customer, code, want)
				}
			}
			res := d.post("/messages/msg_"+customer+"/by-hand", nil)
			for _, want := range append([]string{"https://list.example/admin", "名簿にこのアドレスがなければ、登録してください", listsim.Plan}, texts...) {
				if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), want) {
					t.Errorf("what to type for %s: %d, no %q", customer, res.Code, want)
				}
			}
			for other, texts := range theirs {
				if other != customer && strings.Contains(res.Body.String(), texts[0]) {
					t.Errorf("what to type for %s shows the address of %s", customer, other)
				}
			}
		}
	})
}

// TestByHand: what to type is shown to who may see it, on request, and recorded.
func TestByHand(t *testing.T) {
	d, s, id := listDesk(t)
	d.choose(s, id)
	ctx, now := context.Background(), time.Now()
	dst := engawa.Destination{Workspace: ws, ID: "dst_hand", Name: "手作業", Account: id, Address: channel.ByHand, Locale: engawa.Japanese, CreatedAt: now}
	d.must(d.st.AddDestination(ctx, dst))
	_, err := d.st.Journal(ctx, []engawa.Event{{
		Workspace: ws, ID: "evt_old", Account: engawa.SourceAPI, Type: "member.updated", DedupKey: "old", Customer: "cus_hana", OccurredAt: now, ReceivedAt: now, Known: true,
		Data: []byte(`{"m":{"email":"hana.old@customer.example"}}`),
	}})
	d.must(err)
	m := engawa.Message{
		Workspace: ws, ID: "msg_hand", Destination: "dst_hand", About: "cus_hana", Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Locale: engawa.Japanese,
		Content: engawa.Content{Text: "event: contract.terminated\nname: 山田 花\nproduct: gold"}, Chain: []engawa.Via{{Account: id}}, State: engawa.MessageWaiting, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m}}))
	if res := d.post("/messages/msg_hand/by-hand", nil); res.Code != http.StatusNotFound {
		t.Errorf("a message that still waits: %d", res.Code)
	}
	m.ID, m.State = "msg_no", engawa.MessageRefused
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m}}))
	if res := d.post("/messages/msg_no/by-hand", nil); res.Code != http.StatusNotFound {
		t.Errorf("what a verdict refused, a person may not do either: %d", res.Code)
	}
	m.ID, m.State = "msg_done", engawa.MessageSent
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m}}))
	d.must(d.st.Raise(ctx, engawa.Task{Workspace: ws, Kind: "listform.remove", Ref: m.ID, DueAt: now.Add(time.Hour), Args: map[string]string{"message": m.ID, "account": id}}))
	tasks, err := d.st.Tasks(ctx, ws, 10)
	d.must(err)
	of := slices.IndexFunc(tasks, func(k engawa.Task) bool { return k.Ref == m.ID })
	if _, body := d.get("/tasks/" + tasks[of].ID); !strings.Contains(body, "メルマガから手作業で削除してください") || !strings.Contains(body, "/messages/msg_done#by-hand") {
		t.Error("the task does not lead to what to type")
	}
	if _, body := d.get("/messages/msg_done"); !strings.Contains(body, `id="by-hand"`) || strings.Contains(body, "@customer.example") {
		t.Error("the message's page shows the address, or no way to see it")
	}
	res := d.post("/messages/msg_done/by-hand", nil)
	for _, want := range []string{"https://list.example/admin", "削除してください", "hana.yamada@customer.example", "hana.old@customer.example", "山田 花", "34"} {
		if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), want) {
			t.Errorf("%d, no %q", res.Code, want)
		}
	}
	trail, err := d.st.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
	d.must(err)
	if !slices.ContainsFunc(trail, func(a store.Audit) bool {
		return a.Action == "read-addresses" && a.Object == m.ID && a.Actor == "member:mem_1"
	}) {
		t.Error("nobody recorded who saw the address")
	}
	d.member.Role = engawa.Viewer
	if res := d.post("/messages/msg_done/by-hand", nil); res.Code != http.StatusForbidden || strings.Contains(res.Body.String(), "@customer.example") {
		t.Errorf("a viewer: %d", res.Code)
	}
}

// registers has the form of an account take cus_hana at the address that she has now.
func (d *desk) registers(account, plan string) {
	d.t.Helper()
	ctx, now := context.Background(), time.Now()
	m := engawa.Message{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixMessage), Customer: "cus_hana", Purpose: engawa.Marketing, Trigger: engawa.ByAutomatic, Locale: engawa.Japanese,
		Content: engawa.Content{Text: "event: member.provisional\nname: 山田 花"}, Chain: []engawa.Via{{Account: account}}, State: engawa.MessageWaiting, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m, Deliveries: []engawa.Delivery{store.NewDelivery(m, 0, now)}, Judged: []store.Judged{{Verdict: engawa.Verdict{Outcome: engawa.Send}}}}}))
	lane, err := d.st.Lane(ctx, ws, account)
	d.must(err)
	lane, _, err = d.st.Hold(ctx, "form", lane)
	d.must(err)
	going, _, err := d.st.Claim(ctx, lane, 1, store.Decide{Pace: func() store.Pace { return lane.Pace }, Judge: func(c *store.Claimed) store.Decision {
		c.Entry = &store.Entry{Registers: true, Plans: []string{plan}, Mail: c.Known.To, Name: "山田 花"}
		return store.Decision{Verdict: engawa.Verdict{Outcome: engawa.Send}, Key: c.Delivery.ID}
	}})
	d.must(err)
	_, err = d.st.Record(ctx, lane, []store.Result{{Claimed: going[0], EndedAt: now, Outcome: engawa.OutcomeAccepted, State: engawa.Accepted}})
	d.must(err)
}

func (d *desk) shows(page string, want ...string) {
	d.t.Helper()
	code, body := d.get(page)
	for _, w := range want {
		if code != http.StatusOK || !strings.Contains(html.UnescapeString(body), w) {
			d.t.Errorf("%s: %d, no %q", page, code, w)
		}
	}
}

// TestListed: a member does what a form cannot do from the task's page alone, with
// the old text, the new one and the link; the customer's page says on which list the
// customer is and what is still to be done there, the form's what stays while it is
// switched off; and nobody sees a whole address who may not.
func TestListed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d, s, id := listDeskOn(t, dsn)
		d.choose(s, id)
		ctx, now := context.Background(), time.Now()
		d.shows("/accounts/"+id, "使わないあいだは、新しく登録しません。登録済みのお客さまは名簿に残り")
		if _, body := d.get("/customers/cus_hana"); strings.Contains(body, `id="lists"`) {
			t.Error("on no list, and the page speaks of one")
		}
		d.registers(id, "34")
		d.shows("/customers/cus_hana", `id="lists"`, "メルマガ", "プランID 34", "登録済み", "フォームで登録", engawa.MaskAddress("hana.yamada@customer.example"))
		points, err := d.st.ContactPoints(ctx, ws, "cus_hana")
		d.must(err)
		d.must(d.st.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_neu", Customer: "cus_hana", Kind: "mail", Address: "hana.neu@customer.example", VerifiedAt: now, CreatedAt: now}))
		for _, p := range points {
			if p.Kind == "mail" {
				d.must(d.st.EndContactPoint(ctx, ws, "cus_hana", p.ID))
			}
		}
		task := d.openTask("listform.change")
		d.shows("/tasks/"+task, "https://list.example/admin", "このハブで変更されました", "/tasks/"+task+"/by-hand")
		d.shownByHand(task, "hana.yamada@customer.example", "新しいメールアドレス", "hana.neu@customer.example", "リストのプランID", "34", "https://list.example/admin", "内容を書き換えてください")
		d.shows("/customers/cus_hana", "変更待ち", "/tasks/"+task, engawa.MaskAddress("hana.yamada@customer.example")+" → "+engawa.MaskAddress("hana.neu@customer.example"))
		if _, body := d.get("/customers/cus_hana"); strings.Contains(body, "@customer.example") {
			t.Error("the customer's page shows a whole address")
		}
		d.member.Role = engawa.Viewer
		if res := d.post("/tasks/"+task+"/by-hand", nil); res.Code != http.StatusForbidden || strings.Contains(res.Body.String(), "@customer.example") {
			t.Errorf("a viewer: %d", res.Code)
		}
		d.member.Role = engawa.Owner
		a := d.settings(id)
		a.Enabled = false
		d.must(d.st.ChangeAccount(ctx, a))
		d.shows("/accounts/"+id+"/form", "このフォームで登録した1人のお客さまは名簿に残ります")
		d.must(d.st.FinishTask(ctx, ws, task, ""))
		d.must(d.st.EndContactPoint(ctx, ws, "cus_hana", "cp_neu"))
		task = d.openTask("listform.remove")
		d.shows("/tasks/"+task, "ほかのアドレスがありません")
		d.shownByHand(task, "hana.neu@customer.example", "https://list.example/admin", "削除してください")
		d.must(d.st.FinishTask(ctx, ws, task, ""))
		d.shows("/customers/cus_hana", "削除済み")
		d.shows("/accounts/"+id+"/form", "このフォームで登録したお客さまはいません")
		d.must(d.st.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_last", Customer: "cus_hana", Kind: "mail", Address: "hana.last@customer.example", VerifiedAt: now, CreatedAt: now}))
		a = d.settings(id)
		a.Enabled = true
		d.must(d.st.ChangeAccount(ctx, a))
		if _, body := d.get("/customers/cus_hana/erase"); strings.Contains(body, "メルマガの名簿から") {
			t.Error("on no list any more, and the erasure speaks of one")
		}
		d.registers(id, "12")
		d.shows("/customers/cus_hana/erase", "メルマガの名簿から手作業で消す内容")
		_, err = d.st.Erase(ctx, ws, "cus_hana")
		d.must(err)
		task = d.openTask("listform.remove")
		d.shows("/customers/cus_hana", "削除待ち", "/tasks/"+task)
		d.shows("/tasks/"+task, "https://list.example/admin", "消去から30日後に消えます")
		d.shownByHand(task, "hana.last@customer.example", "https://list.example/admin", "削除してください")
		d.must(d.st.FinishTask(ctx, ws, task, ""))
		d.shows("/tasks/"+task, "入力する内容は消去されました")
		trail, err := d.st.Audits(ctx, ws, store.AuditFilter{}, store.Page{})
		d.must(err)
		if !slices.ContainsFunc(trail, func(a store.Audit) bool {
			return a.Action == "read-addresses" && a.Object == task && a.Actor == "member:mem_1"
		}) {
			t.Error("nobody recorded who saw the address")
		}
	})
}

// shownByHand asks what to type for a task.
func (d *desk) shownByHand(task string, want ...string) {
	d.t.Helper()
	res := d.post("/tasks/"+task+"/by-hand", nil)
	for _, w := range want {
		if res.Code != http.StatusOK || !strings.Contains(html.UnescapeString(res.Body.String()), w) {
			d.t.Errorf("what to type: %d, no %q", res.Code, w)
		}
	}
}

// openTask is the one open task of a kind.
func (d *desk) openTask(kind string) (id string) {
	d.t.Helper()
	ks, err := d.st.TaskPage(context.Background(), ws, store.TaskFilter{State: "open", Kind: kind}, store.Page{Limit: 5})
	d.must(err)
	if len(ks) != 1 {
		d.t.Fatalf("%d open tasks %s", len(ks), kind)
	}
	return ks[0].ID
}

// TestByHandOfAStranger: of somebody who is no customer here the address is the
// event's; of a customer whom the form registered it is the one that the list has.
func TestByHandOfAStranger(t *testing.T) {
	d, s, id := listDesk(t)
	d.choose(s, id)
	ctx, now := context.Background(), time.Now()
	d.registers(id, "34")
	d.must(d.st.AddDestination(ctx, engawa.Destination{Workspace: ws, ID: "dst_hand", Name: "手作業", Account: id, Address: channel.ByHand, Locale: engawa.Japanese, CreatedAt: now}))
	d.must(d.st.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: "cp_neu", Customer: "cus_hana", Kind: "mail", Address: "hana.neu@customer.example", VerifiedAt: now, CreatedAt: now}))
	d.must(d.st.EndContactPoint(ctx, ws, "cus_hana", "cp_hana"))
	for message, about := range map[string]string{"msg_stranger": "", "msg_hana": "cus_hana"} {
		_, err := d.st.Journal(ctx, []engawa.Event{{
			Workspace: ws, ID: "evt_" + message, Account: engawa.SourceAPI, Type: "member.updated", DedupKey: message, Customer: about, OccurredAt: now, ReceivedAt: now, Known: true,
			Data: []byte(`{"m":{"email":"stranger@elsewhere.example","name":"誰か 様"}}`),
		}})
		d.must(err)
		m := engawa.Message{
			Workspace: ws, ID: message, Event: "evt_" + message, Destination: "dst_hand", About: about, Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Locale: engawa.Japanese,
			Content: engawa.Content{Text: "event: member.updated\nname: 誰か 様"}, Chain: []engawa.Via{{Account: id}}, State: engawa.MessageSent, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}
		d.must(d.st.Enqueue(ctx, []store.NewMessage{{Message: m}}))
	}
	res := d.post("/messages/msg_stranger/by-hand", nil)
	for _, want := range []string{"stranger@elsewhere.example", "誰か 様", "https://list.example/admin"} {
		if res.Code != http.StatusOK || !strings.Contains(res.Body.String(), want) {
			t.Errorf("of a stranger: %d, no %q", res.Code, want)
		}
	}
	res = d.post("/messages/msg_hana/by-hand", nil)
	for _, want := range []string{"hana.yamada@customer.example → hana.neu@customer.example", "名簿に登録されている内容", "プランID 34", "https://list.example/admin"} {
		if res.Code != http.StatusOK || !strings.Contains(html.UnescapeString(res.Body.String()), want) {
			t.Errorf("of a customer: %d, no %q", res.Code, want)
		}
	}
}
