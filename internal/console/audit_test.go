package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/engawa/engawa"
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
	tasks, err := d.st.Tasks(ctx, ws, 1)
	d.must(err)
	mail, err := d.st.Account(ctx, ws, "acc_mail")
	d.must(err)
	template, err := d.st.Templates(ctx, ws)
	d.must(err)
	_ = d.post("/accounts/acc_mail/test", url.Values{"to": {"mai@hinata.example"}}) // a message to cancel
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
		action string // empty: the door writes its own line, which its tests hold
	}{
		"/accounts/new":         {at("/accounts/new?kind=mail"), account, "create-account"},
		"/accounts/{id}":        {at("/accounts/acc_mail"), changed, "change-account"},
		"/accounts/{id}/test":   {at("/accounts/acc_mail/test"), url.Values{"to": {"yuki@hinata.example"}}, "create-destination"},
		"/accounts/{id}/places": {at("/accounts/acc_mail/places"), url.Values{"address": {"ken@hinata.example"}, "locale": {"ja"}}, "create-destination"},
		"/routes/new":           {at("/routes/new"), route, "save-route"},
		"/routes/{id}":          {func() string { return "/routes/" + d.route().ID }, with(route, "version", "1"), "save-route"},
		"/templates/new":        {at("/templates/new"), words, "save-template"},
		"/templates/{id}":       {at("/templates/" + template[0].ID), with(words, "version", fmt.Sprint(template[0].Version)), "save-template"},
		"/lanes/{id}/resume":    {at("/lanes/acc_mail/resume"), nil, "resume-lane"},
		"/tasks/{id}/done":      {at("/tasks/" + tasks[0].ID + "/done"), nil, "finish-task"},
		"/messages/{id}/cancel": {func() string { return "/messages/" + d.only() + "/cancel" }, nil, "cancel-message"},
		"/settings/name":        {at("/settings/name"), url.Values{"name": {"佐藤 雪"}}, "change-member"},
		"/settings/signin":      {at("/settings/signin"), url.Values{"old": {"correct horse"}, "password": {"long enough"}}, ""},
		"/settings/workspace":   {at("/settings/workspace"), url.Values{"shop": {"ひなた珈琲"}, "country": {"JP"}, "zone": {"Asia/Tokyo"}}, "change-workspace"},
	}
	source, err := os.ReadFile("console.go")
	d.must(err)
	found := regexp.MustCompile(`"POST (\S+)", c\.page`).FindAllStringSubmatch(string(source), -1)
	if len(found) != len(posts) {
		d.t.Errorf("%d paths take posts, %d are tried", len(found), len(posts))
	}
	for _, m := range found {
		p, known := posts[m[1]]
		if !known {
			d.t.Errorf("nobody has said which line POST %s leaves in the audit trail", m[1])
			continue
		}
		before := d.trail()
		if res := d.post(p.path(), p.form); res.Code != http.StatusSeeOther {
			d.t.Errorf("POST %s: %d", m[1], res.Code)
		}
		left := slices.DeleteFunc(d.trail(), func(a store.Audit) bool { return slices.Contains(before, a) })
		switch {
		case p.action == "":
		case len(left) != 1:
			d.t.Errorf("POST %s left %d lines", m[1], len(left))
		case left[0].Action != p.action || left[0].Actor != "member:mem_1":
			d.t.Errorf("POST %s left %+v, want %s", m[1], left[0], p.action)
		}
	}
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
	all, err := d.st.Audits(context.Background(), ws, store.Page{Limit: 200})
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
