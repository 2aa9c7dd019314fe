package console_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/engawa/engawa"
	chatworksim "github.com/engawa/engawa/internal/channel/chatwork/sim"
	listsim "github.com/engawa/engawa/internal/channel/listform/sim"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
)

// guideStep is a step of setting an account up, as a guide of docs/channels shows
// it: the part of a page that matters there.
type guideStep struct {
	kind, name string
	crop       string // a selector
	url        string // where the page is
	body       string // or what it is: the answer to a form
}

// guideSteps does what the guides tell to do, with simulators for the providers,
// and looks at the pages on the way.
func guideSteps(d *desk, room *chatworksim.Server, list *listsim.Server, zendesk *zendesksim.Server) []guideStep {
	d.t.Helper()
	mailbox, err := d.st.Account(context.Background(), ws, "acc_mail")
	d.must(err)
	mailbox.Name = "Notices mailbox"
	d.must(d.st.ChangeAccount(context.Background(), mailbox))
	all := chatworkSteps(d, room)
	all = append(all, zendeskSteps(d, zendesk)...)
	all = append(all, listSteps(d, list)...)
	return append(all, mailSteps(d)...)
}

// answered is the page that answers a form.
func (d *desk) answered(path string, form url.Values, code int) string {
	d.t.Helper()
	res := d.post(path, form)
	if res.Code != code {
		d.t.Fatalf("%s: %d %s", path, res.Code, res.Body)
	}
	return res.Body.String()
}

// saved is the id of the account that a form makes.
func (d *desk) saved(kind string, form url.Values) string {
	d.t.Helper()
	res := d.post("/accounts/new?kind="+kind, form)
	at, _, _ := strings.Cut(res.Header().Get("Location"), "?")
	if res.Code != http.StatusSeeOther {
		d.t.Fatalf("%s: %d %s", kind, res.Code, res.Body)
	}
	return strings.TrimPrefix(at, "/accounts/")
}

func (d *desk) shown(path string) string {
	d.t.Helper()
	code, body := d.get(path)
	if code != http.StatusOK {
		d.t.Fatalf("%s: %d", path, code)
	}
	return body
}

// tested is the page of a test that a member sends to a place of their own.
func (d *desk) tested(account, to string) string {
	d.t.Helper()
	res := d.post("/accounts/"+account+"/test", url.Values{"to": {to}})
	if res.Code != http.StatusSeeOther {
		d.t.Fatalf("%d %s", res.Code, res.Body)
	}
	at, _, _ := strings.Cut(res.Header().Get("Location"), "?")
	return d.shown(at)
}

func chatworkSteps(d *desk, room *chatworksim.Server) []guideStep {
	room.AddRoom(7001, "Money", "group")
	room.AddRoom(7002, "Everything else", "admin")
	room.AddRoom(7003, "Tanaka Hanako", "direct")
	room.AddRoom(7004, "My chat", "my")
	d.must(d.st.AddDestination(context.Background(), engawa.Destination{Workspace: ws, ID: "dst_guide", Name: "Staff mailbox", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.English, CreatedAt: time.Now()}))
	form := url.Values{"name": {"Shop rooms"}, "owner": {engawa.OwnerWorkspace}, "custodian": {"Yuki Sato"}, "enabled": {"true"}, "s.token": {"mistyped"}, "s.webhook_token": {"c2VjcmV0"}}
	wrong := d.answered("/accounts/new?kind=chatwork", form, http.StatusUnprocessableEntity)
	form.Set("s.token", "t0ken")
	id := d.saved("chatwork", form)
	at := "/accounts/" + id + "/notices"
	empty := d.shown(at)
	keys := map[string]string{}
	for _, m := range regexp.MustCompile(`<option value="(\w+)">(Money|Everything else)</option>`).FindAllStringSubmatch(empty, -1) {
		keys[m[2]] = m[1]
	}
	hidden := func(name string) string {
		return regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(empty)[1]
	}
	d.answered(at, url.Values{
		"enabled": {"true"}, "version": {hidden("version")}, "seen": {hidden("seen")}, "tasks": {"1"}, "mailbox": {"dst_guide"}, "within": {"10"}, "unit": {"minutes"},
		"general.room": {keys["Everything else"]}, "application.room": {keys["Everything else"]}, "payment.room": {keys["Money"]}, "contract.room": {keys["Everything else"]},
	}, http.StatusSeeOther)
	chosen := strings.Replace(d.shown(at), "<details>", "<details open>", 1)
	step := func(name, crop, body string) guideStep {
		return guideStep{kind: "chatwork", name: name, crop: crop, body: body}
	}
	return []guideStep{
		step("token", "section.c7", wrong),
		step("who", "form.wide > section:nth-of-type(1)", chosen),
		step("rooms", "form.wide > section:nth-of-type(2)", chosen),
		step("mail", "form.wide > section:nth-of-type(3)", chosen),
		step("tasks", "form.wide > section:nth-of-type(4)", chosen),
		step("test", "#test", d.shown("/accounts/"+id)),
		step("replies", "section:has(code[data-copy])", d.shown("/accounts/"+id)),
		{kind: "chatwork", name: "sent", crop: "#main .grid", url: "/_pages/sent?lang=en"},
	}
}

func zendeskSteps(d *desk, zendesk *zendesksim.Server) []guideStep {
	zendesk.Fields = []zendesksim.Field{{ID: 360001234567, Title: "Plan"}, {ID: 360001234568, Title: "Amount"}}
	zendesk.AddForm(360000000000301, "Billing", true)
	zendesk.AddGroup(360000000000401, "Contracts")
	form := url.Values{
		"name": {"Help desk"}, "owner": {engawa.OwnerWorkspace}, "custodian": {"Yuki Sato"}, "enabled": {"true"}, "s.subdomain": {"https://support.hinata.example"},
		"s.client_id": {"engawa"}, "s.client_secret": {"secret"}, "s.tags": {"engawa"}, "s.custom_fields": {"plan = data.plan"},
	}
	wrong := d.answered("/accounts/new?kind=zendesk", form, http.StatusUnprocessableEntity)
	form.Set("s.subdomain", "hinata")
	fields := d.answered("/accounts/new?kind=zendesk", form, http.StatusUnprocessableEntity)
	form.Set("s.custom_fields", "360001234567 = data.plan\n360001234568 = data.amount")
	id := d.saved("zendesk", form)
	form.Set("version", "1")
	form.Set("s.brand", "360000000000201")
	d.answered("/accounts/"+id, form, http.StatusSeeOther)
	page := d.shown("/accounts/" + id)
	step := func(name, crop, body string) guideStep {
		return guideStep{kind: "zendesk", name: name, crop: crop, body: body}
	}
	return []guideStep{
		step("subdomain", ".field:has(#s-subdomain)", wrong),
		step("brand", ".field:has(#s-brand)", page),
		step("fields", ".field:has(#s-custom_fields)", fields),
		step("places", "section.c7", d.shown("/accounts/"+id+"/places")),
		step("back", "section:has(code[data-copy])", page),
	}
}

func listSteps(d *desk, list *listsim.Server) []guideStep {
	form := url.Values{
		"name": {"Monthly letter"}, "owner": {engawa.OwnerWorkspace}, "s.url": {"https://list.example/sjis/sesform.php"}, "s.admin_url": {"https://list.example/admin"},
		"s.plan_id": {listsim.Plan}, "s.products": {"plan.yearly = 12"}, "s.form": {"1"}, "s.charset": {"auto"},
	}
	warned := d.shown("/accounts/new?kind=listform")
	id := d.saved("listform", form)
	at := "/accounts/" + id + "/form"
	read := d.shown(at)
	in := list.Form("sjis").Inputs
	shape := regexp.MustCompile(`name="s.shape" value="([^"]+)"`).FindStringSubmatch(read)[1]
	d.answered(at, url.Values{"version": {"1"}, "s.shape": {shape}, "s.mail": {in.Mail}, "s.name": {in.Name}, "s.plan": {in.Plan}, "s.success": {listsim.Done}, "s.failure": {listsim.Refused}}, http.StatusSeeOther)
	chosen := d.shown(at)
	list.Change("sjis", func(f *listsim.Form) { f.Inputs.Name = "name2" })
	changed := d.shown(at)
	step := func(name, crop, body string) guideStep {
		return guideStep{kind: "listform", name: name, crop: crop, body: body}
	}
	return []guideStep{
		step("warning", ".notice.warn", warned),
		step("read", ".c5 section.card", read),
		step("map", ".c7 section.card", chosen),
		step("try", "#try", chosen),
		step("routes", "section:has(form[action$='/form/routes'])", chosen),
		step("changed", ".c7 .notice.bad", changed),
	}
}

func mailSteps(d *desk) []guideStep {
	form := url.Values{
		"name": {"Notices mailbox"}, "owner": {engawa.OwnerWorkspace}, "custodian": {"Yuki Sato"}, "enabled": {"true"}, "s.host": {"smtp.hinata.example"}, "s.tls": {"starttls"}, "s.username": {"engawa"}, "s.password": {"secret"},
		"s.from_address": {"shop.hinata.example"}, "s.from_name": {"Hinata Coffee"},
	}
	wrong := d.answered("/accounts/new?kind=mail", form, http.StatusUnprocessableEntity)
	form.Set("s.from_address", "shop@hinata.example")
	form.Set("s.host", "smtp.hinata.example:587")
	id := d.saved("mail", form)
	tested := d.tested(id, "yuki@hinata.example")
	step := func(name, crop, body string) guideStep {
		return guideStep{kind: "mail", name: name, crop: crop, body: body}
	}
	return []guideStep{
		step("sender", ".field:has(#s-from_address)", wrong),
		step("test", "#test", d.shown("/accounts/"+id)),
		step("places", "#main .grid", d.shown("/accounts/"+id+"/places")),
		step("tested", "#main .grid", tested),
	}
}
