package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestChangesAreAudited posts to every path behind the sign-in: each that
// changes something leaves a line in the audit trail that names the member.
// A path that nobody has thought of here fails.
func TestChangesAreAudited(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) { auditAll(newDesk(t, url)) })
}

func auditAll(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	d.must(d.st.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_1", Kind: "account.closed", Ref: "acc_mail", DueAt: time.Now()}))
	d.must(d.st.AddCustomer(ctx, store.NewCustomer{
		Customer:      engawa.Customer{Workspace: ws, ID: "cus_stop", Kind: "person", Name: "山田 花", CreatedAt: time.Now()},
		ContactPoints: []engawa.ContactPoint{{Workspace: ws, ID: "cp_stop", Customer: "cus_stop", Kind: "mail", Address: "hana@customer.example", CreatedAt: time.Now()}},
	}))
	d.must(d.st.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: "mail", Address: "hana@customer.example", Customer: "cus_stop", Reason: "complained", At: time.Now()}))
	d.must(d.st.Suppress(ctx, engawa.Suppression{Workspace: ws, Channel: store.StaffPlaces, Address: "staff@hinata.example", Reason: "bounced", At: time.Now()}))
	d.atDesk()
	refunded := d.asked("cus_stop")
	d.stock()
	tasks, err := d.st.Tasks(ctx, ws, 1)
	d.must(err)
	mail, err := d.st.Account(ctx, ws, "acc_mail")
	d.must(err)
	template, err := d.st.Templates(ctx, ws)
	d.must(err)
	_ = d.post("/accounts/acc_mail/test", url.Values{"to": {"mai@hinata.example"}}) // a message to cancel
	cancel := d.only()
	refusing := d.refused("gmail.com")
	account := url.Values{"name": {"メール"}, "environment": {"production"}, "owner": {"workspace"}, "enabled": {"true"}, "s.host": {"127.0.0.1:25"}, "s.from_address": {"shop@hinata.example"}, "s.tls": {"none"}}
	changed := with(account, "version", fmt.Sprint(mail.Version))
	route := url.Values{
		"name": {"お支払い"}, "version": {"0"}, "enabled": {"true"}, "events": {"payment.*"}, "steps": {"1"},
		"s0.to": {"dst_staff"}, "s0.template": {"tpl_1"}, "s0.purpose": {"service"}, "s0.v0.account": {"acc_mail"}, "do": {"save"},
	}
	words := url.Values{"name": {"ご案内"}, "version": {"0"}, "text.ja": {"お知らせです"}, "do": {"save"}}
	posts := map[string]struct {
		path   func() string
		form   url.Values
		action string // of each line, sorted; empty: the door writes its own line, which its tests hold
	}{
		"/accounts/new":                   {at("/accounts/new?kind=mail"), account, "create-account"},
		"/accounts/{id}":                  {at("/accounts/acc_mail"), changed, "change-account"},
		"/accounts/{id}/test":             {at("/accounts/acc_mail/test"), url.Values{"to": {"yuki@hinata.example"}}, "create-destination"},
		"/accounts/{id}/places":           {at("/accounts/acc_mail/places"), url.Values{"address": {"ken@hinata.example"}, "locale": {"ja"}}, "create-destination"},
		"/routes/new":                     {at("/routes/new"), route, "save-route"},
		"/routes/{id}":                    {func() string { return "/routes/" + d.route().ID }, with(route, "version", "1"), "save-route"},
		"/routes/{id}/versions/{version}": {func() string { return "/routes/" + d.route().ID + "/versions/1" }, nil, "save-route"},
		"/events/types/new": {at("/events/types/new"), url.Values{
			"type": {"shop.shipped"}, "name.ja": {"発送しました"}, "name.ko": {"발송했습니다"}, "name.en": {"Shipped"}, "schema": {`{"type":"object"}`}, "sample": {`{}`},
		}, "save-event-type"},
		"/routes/ready/{name}":   {at("/routes/ready/save"), nil, "save-route save-template"},
		"/store/products":        {at("/store/products"), url.Values{"id": {"club.monthly"}, "entitlements": {"premium"}}, "save-product"},
		"/store/products/forget": {at("/store/products/forget"), url.Values{"id": {"club.monthly"}}, "forget-product"},
		"/store/recount":         {at("/store/recount"), nil, "recount-days"},
		"/events/types/end":      {at("/events/types/end"), url.Values{"type": {"shop.shipped"}}, "end-event-type"},
		"/accounts/{id}/enable":  {at("/accounts/acc_mail/enable"), nil, "change-account"},
		"/templates/new":         {at("/templates/new"), words, "save-template"},
		"/templates/{id}":        {at("/templates/" + template[0].ID), with(words, "version", fmt.Sprint(template[0].Version)), "save-template"},
		"/lanes/{id}/resume":     {at("/lanes/acc_mail/resume"), nil, "resume-lane"},
		"/receivers/{id}/try":    {at("/receivers/" + refusing + "/try"), nil, "try-receiver"},
		"/tasks/{id}/take":       {at("/tasks/" + tasks[0].ID + "/take"), nil, "assign-task"},
		"/tasks/{id}/assign":     {at("/tasks/" + tasks[0].ID + "/assign"), url.Values{"to": {""}}, "assign-task"},
		"/tasks/{id}/due":        {at("/tasks/" + tasks[0].ID + "/due"), url.Values{"due": {"2030-01-01T10:00"}}, "due-task"},
		"/tasks/{id}/note":       {at("/tasks/" + tasks[0].ID + "/note"), url.Values{"note": {"電話しました"}}, "note-task"},
		"/tasks/{id}/reopen":     {at("/tasks/" + tasks[0].ID + "/reopen"), url.Values{"note": {"まだでした"}}, "reopen-task"},
		"/tasks/{id}/done":       {at("/tasks/" + tasks[0].ID + "/done"), nil, "finish-task"},
		"/messages/{id}/cancel":  {at("/messages/" + cancel + "/cancel"), nil, "cancel-message"},
		"/settings/name":         {at("/settings/name"), url.Values{"name": {"佐藤 雪"}}, "change-member"},
		"/settings/signin":       {at("/settings/signin"), url.Values{"old": {"correct horse"}, "password": {"long enough"}}, ""},
		"/customers/{id}/ticket": {at("/customers/cus_stop/ticket"), url.Values{"desk": {"acc_desk"}, "subject": {"解約の相談"}, "text": {"電話を希望"}, "reason": {"leaving"}}, "create-destination open-ticket"},
		"/customers/{id}/offers": {at("/customers/cus_stop/offers"), url.Values{"pool": {"ofp_1"}, "reason": {"apology"}}, "hand-out-code"},
		"/offers/{id}/close":     {at("/offers/ofp_1/close"), nil, "close-offer-pool"},
		"/customers/{id}/stop":   {at("/customers/cus_hana/stop"), url.Values{"what": {"marketing"}, "where": {"11月24日の電話"}}, "withdraw-consent"},
		"/customers/{id}/merge":  {at("/customers/cus_hana/merge"), url.Values{"from": {d.twin()}}, "merge-customer"},
		"/customers/{id}/erase":  {at("/customers/cus_hana/erase"), url.Values{"sure": {"1"}}, "erase-customer"},
		"/settings/link":         {at("/settings/link"), nil, "make-sign-in-link"},
		"/settings/members/new": {
			at("/settings/members/new"), url.Values{"name": {"山田 花"}, "mail": {"hana@hinata.example"}, "role": {"support"}}, "add-member make-sign-in-link",
		},
		"/settings/members/{id}/role":              {d.second("/role"), url.Values{"role": {"admin"}}, "set-role"},
		"/settings/members/{id}/link":              {d.second("/link"), nil, "make-sign-in-link"},
		"/settings/members/{id}/end":               {d.second("/end"), nil, "end-member"},
		"/settings/keys/new":                       {at("/settings/keys/new"), url.Values{"name": {"会員サイト"}, "use": {"events"}, "days": {"30"}}, "create-key"},
		"/settings/keys/{id}/revoke":               {func() string { return "/settings/keys/" + d.key().ID + "/revoke" }, nil, "revoke-key"},
		"/settings/workspace":                      {at("/settings/workspace"), url.Values{"shop": {"ひなた珈琲"}, "country": {"JP"}, "zone": {"Asia/Tokyo"}}, "change-workspace"},
		"/accounts/{id}/places/{place}/lift":       {at("/accounts/acc_mail/places/dst_staff/lift"), url.Values{"reason": {"bounced"}, "why": {"届くと確かめた"}}, "lift-suppression"},
		"/customers/{id}/points/{point}/lift":      {at("/customers/cus_stop/points/cp_stop/lift"), url.Values{"reason": {"complained"}, "why": {"ご本人の希望"}}, "lift-suppression"},
		"/refunds/{id}/answer":                     {at("/refunds/" + refunded + "/answer"), url.Values{"preference": {"DECLINE"}, "delivery": {"DELIVERED"}, "sample": {"no"}, "reason": {"used"}}, "answer-refund"},
		"/refunds/{id}/ignore":                     {at("/refunds/" + refunded + "/ignore"), url.Values{"reason": {"rules"}}, "ignore-refund"},
		"/accounts/{id}/refunds":                   {at("/accounts/acc_store/refunds"), url.Values{"version": {"0"}, "rules": {"1"}, "r0.act": {"send"}, "do": {"save"}}, "save-refund-policy"},
		"/customers/find":                          {at("/customers/find"), url.Values{"q": {"cus_stop"}}, "find-customer"},
		"/customers/{id}/merge/find":               {at("/customers/cus_stop/merge/find"), url.Values{"q": {"nobody"}}, "find-customer"},
		"/customers/{id}/tags":                     {at("/customers/cus_stop/tags"), url.Values{"tag": {"VIP, 春の会"}}, "tag-customer"},
		"/customers/{id}/notes":                    {at("/customers/cus_stop/notes"), url.Values{"note": {"電話あり"}}, "note-customer"},
		"/customers/{id}/write":                    {at("/customers/cus_stop/write"), url.Values{"account": {"acc_mail"}, "purpose": {"service"}, "subject": {"ご返事"}, "text": {"承りました"}, "reason": {"complaint"}, "do": {"send"}}, "write-customer"},
		"/rules/{pack}":                            {at("/rules/us"), url.Values{"version": {"0"}, "on": {"false"}, "sure": {"true"}, "reason": {"アメリカには送らない"}}, "switch-pack-off"},
		"/partners/new":                            {at("/partners/new"), url.Values{"name": {"在庫くん"}}, "create-partner"},
		"/partners/{id}/apps":                      {d.vendor("/apps"), url.Values{"app": {"在庫くん"}}, "create-app"},
		"/partners/{id}/secrets":                   {d.vendor("/secrets"), nil, "create-key"},
		"/partners/{id}/secrets/{key}/revoke":      {d.vendor("/secrets/{key}/revoke"), nil, "revoke-key"},
		"/partners/{id}/grants/new":                {d.vendor("/grants/new"), url.Values{"scope": {"messages:send"}, "every_app": {"1"}, "channel": {"mail"}, "purpose": {"service"}}, "create-grant"},
		"/partners/{id}/grants/{grant}/end":        {d.vendor("/grants/{grant}/end"), nil, "end-grant"},
		"/customers/{id}/contracts/{contract}/end": {d.contract, nil, "end-subscription"},
		"/partners/{id}/stop":                      {d.vendor("/stop"), url.Values{"why": {"確かめる"}}, "stop-partner"},
		"/partners/{id}/lift":                      {d.vendor("/lift"), url.Values{"why": {"話して直した"}}, "lift-partner"},
		"/accounts/{id}/kept/drop": {func() string {
			d.must(d.st.KeepUnread(ctx, store.Unread{Workspace: ws, Account: "acc_mail", Why: store.OfLoop, Dedup: "1", At: time.Now(), Raw: []byte("From: a@b.example\r\n\r\nx")}))
			return "/accounts/acc_mail/kept/drop"
		}, nil, "drop-unread"},
		"/custody":            {at("/custody"), url.Values{"kind": {"line"}, "name": {"公式アカウント"}}, "add-custody"},
		"/custody/{id}/state": {at("/custody/cst_acc_mail/state"), url.Values{"owner": {"workspace"}, "h0.name": {"店長"}, "h0.side": {"own"}, "h0.registrar": {"true"}}, "state-custody"},
		"/custody/{id}/done":  {at("/custody/cst_acc_mail/done"), url.Values{"key": {"second"}}, "do-custody"},
		"/custody/{id}/ask":   {at("/custody/cst_acc_mail/ask"), nil, "ask-custody"},
		"/custody/{id}/bind": {func() string {
			d.must(d.st.AddAccount(ctx, engawa.Account{Workspace: ws, ID: "acc_later", Kind: "mail", Name: "later", CreatedAt: time.Now()}))
			return d.written("/bind")
		}, url.Values{"account": {"acc_later"}}, "bind-custody"},
		"/custody/{id}/end":   {func() string { return d.written("/end") }, nil, "end-custody"},
		"/replies/{id}/pass":  {d.unproved("/pass"), nil, "pass-reply"},
		"/replies/{id}/leave": {d.unproved("/leave"), nil, "leave-reply"},
		"/partners/{id}/end":  {d.vendor("/end"), url.Values{"sure": {"1"}}, "end-partner"},
		"/tasks/new":          {at("/tasks/new"), url.Values{"title": {"電話する"}}, "raise-task"},
	}
	source, err := os.ReadFile("console.go")
	d.must(err)
	found := regexp.MustCompile(`"POST (\S+)", c\.page`).FindAllStringSubmatch(string(source), -1)
	if len(found) != len(posts)+len(elsewhere) {
		d.t.Errorf("%d paths take posts, %d are tried and %d elsewhere", len(found), len(posts), len(elsewhere))
	}
	for _, m := range found {
		if elsewhere[m[1]] != "" {
			continue
		}
		p, known := posts[m[1]]
		if !known {
			d.t.Errorf("nobody has said which line POST %s leaves in the audit trail", m[1])
			continue
		}
		before := d.trail()
		if res := d.post(p.path(), p.form); res.Code != http.StatusSeeOther && !(res.Code == http.StatusOK && slices.Contains(shownOnce, m[1])) {
			d.t.Errorf("POST %s: %d", m[1], res.Code)
		}
		left := slices.DeleteFunc(d.trail(), func(a store.Audit) bool { return slices.Contains(before, a) })
		var done []string
		for _, a := range left {
			done = append(done, a.Action)
			if why := reasonsGiven[a.Action]; !strings.Contains(a.Detail, why) {
				d.t.Errorf("POST %s: %s was done for a reason, and the line has %q", m[1], a.Action, a.Detail)
			}
			if reasonsGiven[a.Action] == "reason="+p.form.Get("reason") { // it is asked for: none, and one that does not exist, are refused
				for _, wrong := range []string{"", "whim"} {
					if res := d.post(p.path(), with(p.form, "reason", wrong)); res.Code != http.StatusUnprocessableEntity {
						d.t.Errorf("POST %s with the reason %q: %d", m[1], wrong, res.Code)
					}
				}
			}
			if a.Actor != "member:mem_1" && p.action != "" {
				d.t.Errorf("POST %s: %s is not the member's", m[1], a.Action)
			}
		}
		slices.Sort(done) // lines of one millisecond have no order
		if got := strings.Join(done, " "); p.action != "" && got != p.action {
			d.t.Errorf("POST %s left %q, want %q", m[1], got, p.action)
		}
	}
}

// reasonsGiven are the actions for a customer that a member gives a reason for, and
// what the trail then has; TestExtendPage holds the extensions'.
var reasonsGiven = map[string]string{
	"answer-refund": "reason=used", "ignore-refund": "reason=rules", "open-ticket": "reason=leaving", "write-customer": "reason=complaint", "hand-out-code": "reason=apology",
	"lift-suppression": ": ",
}

// shownOnce are the paths that answer with what no page shows again.
var shownOnce = []string{"/customers/{id}/merge/find", "/settings/link", "/settings/members/new", "/settings/members/{id}/link", "/settings/keys/new", "/partners/{id}/secrets"}

// twin adds a customer who turns out to be somebody else.
func (d *desk) twin() string {
	d.t.Helper()
	d.must(d.st.AddCustomer(context.Background(), store.NewCustomer{Customer: engawa.Customer{Workspace: ws, ID: "cus_twin", Kind: "person", Name: "山田 花", CreatedAt: time.Now()}}))
	return "cus_twin"
}

// second is a page of the member who was invited.
func (d *desk) second(page string) func() string {
	return func() string {
		d.t.Helper()
		all, err := d.st.Members(context.Background(), ws)
		d.must(err)
		if len(all) != 2 {
			d.t.Fatalf("%d members", len(all))
		}
		return "/settings/members/" + all[1].ID + page
	}
}

// key is the newest API key.
func (d *desk) key() store.APIKey {
	d.t.Helper()
	all, err := d.st.Keys(context.Background(), ws)
	d.must(err)
	if len(all) == 0 {
		d.t.Fatal("there is no key")
	}
	return all[0]
}

// elsewhere are the paths that need more around them than a form, and the test
// that holds them. They change things through visit.by as the others do.
var elsewhere = map[string]string{
	"/segments/new":               "TestSegments, which holds its lines in the trail",
	"/segments/{id}":              "TestSegments",
	"/segments/{id}/end":          "TestSegments",
	"/broadcasts/new":             "TestBroadcasts, which holds its lines in the trail",
	"/broadcasts/{id}/pause":      "TestBroadcasts",
	"/broadcasts/{id}/resume":     "TestBroadcasts",
	"/broadcasts/{id}/stop":       "TestBroadcasts",
	"/offers/new":                 "TestOffers, which holds its lines in the trail",
	"/offers/{id}/codes":          "TestOffers",
	"/offers/{id}/fetch":          "TestFetchOffers, which holds its lines in the trail",
	"/accounts/{id}/check":        "TestHearing, which holds its line in the trail",
	"/accounts/{id}/notification": "TestTestNotification, which holds its line in the trail",
	"/accounts/{id}/again":        "TestTries: a message that names the member",
	"/accounts/{id}/replay":       "TestReplayForm",
	"/accounts/{id}/replay/stop":  "TestReplayForm",
	"/accounts/{id}/patterns":     "TestPatterns",
	"/accounts/{id}/notices":      "TestNotices, which holds its lines in the trail",
	"/accounts/{id}/form":         "TestWebForm",
	"/accounts/{id}/form/try":     "TestWebForm: a message that names the member",
	"/accounts/{id}/form/routes":  "TestWebForm",
	"/imports":                    "TestImportFile, which holds the lines of all of these",
	"/imports/{id}/columns":       "TestImportFile",
	"/imports/{id}/apply":         "TestImportFile",
	"/imports/{id}/stop":          "TestImportFile",
	"/imports/{id}/drop":          "TestImportFile",
	"/tasks/{id}/by-hand":         "TestListed: it shows what to type, and writes that somebody read it",
	"/messages/{id}/by-hand":      "TestByHand: it shows what to type, and writes that somebody read it",
	"/purchases/{id}/extend":      "TestExtendPage, which holds the lines of all of these",
	"/extensions/new":             "TestOutagePages",
	"/extensions/{id}/look":       "TestExtendPage",
}

func at(path string) func() string { return func() string { return path } }

// with is a form with one value more.
func with(form url.Values, key, value string) url.Values {
	out := url.Values{key: {value}}
	for k, v := range form {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// trail is the audit trail.
func (d *desk) trail() []store.Audit {
	d.t.Helper()
	all, err := d.st.Audits(context.Background(), ws, store.AuditFilter{}, store.Page{Limit: 200})
	d.must(err)
	return all
}

func (d *desk) route() engawa.Route {
	d.t.Helper()
	all, err := d.st.Routes(context.Background(), ws)
	d.must(err)
	if len(all) == 0 {
		d.t.Fatal("there is no route")
	}
	return all[0]
}

// TestAuditPage: who did what, by name, for those who may see it; narrowed by
// who and what, page and file alike.
func TestAuditPage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) { auditPage(newDesk(t, url)) })
}

func auditPage(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	d.must(d.st.Note(ctx, store.Audit{Workspace: ws, Actor: "stranger", Action: "sign-in-refused", Object: "mem_1", Detail: "sign_in_invalid"}))
	for range 60 {
		d.must(d.st.Note(ctx, store.Audit{Workspace: ws, Actor: "key:key_gone", Action: "read-addresses", Object: "cus_hana"}))
	}
	if res := d.post("/settings/workspace", url.Values{"shop": {"ひなた珈琲"}, "country": {"JP"}, "zone": {"Asia/Tokyo"}}); res.Code != http.StatusSeeOther {
		d.t.Fatal(res.Code)
	}
	for path, want := range map[string]struct {
		rows int
		says []string
	}{
		"/audit":                                    {50, []string{"佐藤 ゆき", "の設定を変更", "key_gone", "アドレスを全文で閲覧", `href="/customers/cus_hana"`, "after=aud_"}},
		"/audit?who=member:mem_1":                   {1, []string{"の設定を変更"}},
		"/audit?what=sign-in-refused":               {1, []string{"サインインしていない人", "sign_in_invalid", "佐藤 ゆき"}},
		"/audit?who=stranger&what=change-workspace": {0, []string{"あてはまる記録はありません"}},
		"/audit?what=nonsense":                      {50, nil}, // what the page does not offer narrows nothing
	} {
		status, body := d.get(path)
		if rows := strings.Count(body, "<tr>") - min(1, strings.Count(body, "<thead>")); status != http.StatusOK || rows != want.rows {
			d.t.Errorf("%s: %d with %d rows, want %d", path, status, rows, want.rows)
		}
		for _, words := range want.says {
			if !strings.Contains(body, words) {
				d.t.Errorf("%s does not say %q", path, words)
			}
		}
	}
	_, first := d.get("/audit")
	next := regexp.MustCompile(`href="(/audit\?after=aud_\w+)"`).FindStringSubmatch(first)
	if next == nil {
		d.t.Fatal("there is no next page")
	}
	if _, body := d.get(next[1]); strings.Count(body, "<tr>") != 1+62-50 {
		d.t.Errorf("the next page has %d rows", strings.Count(body, "<tr>")-1)
	}
	if _, file := d.get("/audit.csv?who=member:mem_1"); strings.Count(file, "\n") != 2 || !strings.Contains(file, "change-workspace") {
		d.t.Errorf("file: %q", file)
	}
	d.member.Role = engawa.Support
	for _, path := range []string{"/audit", "/audit.csv"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			d.t.Errorf("%s for a supporter: %d", path, status)
		}
	}
}

// TestAuditActions: everything that is written into the audit trail can be
// asked for on its page, and has words.
func TestAuditActions(t *testing.T) {
	written := regexp.MustCompile(`(?:noted\([^,"]+, |Action: |action :?= |note\(ctx, h, [^,]+, |d\.note\([^"]+, |d\.enter\([^"]+, |a\.note\([^"]+, |turnBroadcast\([^"]+"[^"]+", )"([a-z]+(?:-[a-z]+)*)"`)
	acts := regexp.MustCompile(`TaskLine\{Act: "([a-z]+)"`)
	said := map[string]bool{}
	for _, folder := range []string{"../store", "../serve", "../api", "../console", "../refund", "../mypage", "../../cmd/engawa"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil || strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range acts.FindAllStringSubmatch(string(source), -1) {
				said[m[1]+"-task"] = true // store.change puts the two together
			}
			for _, m := range written.FindAllStringSubmatch(string(source), -1) {
				said[m[1]] = true
				if !slices.Contains(console.AuditActions, m[1]) {
					t.Errorf("%s writes %s, which console.AuditActions lacks", file, m[1])
				}
			}
		}
	}
	if len(said) < 20 {
		t.Errorf("only %d actions were found", len(said))
	}
	for _, a := range console.AuditActions {
		if !said[a] {
			t.Errorf("nothing writes %s", a)
		}
		if !words(t).Has("audit.do." + a) {
			t.Errorf("no words for %s", a)
		}
	}
}
