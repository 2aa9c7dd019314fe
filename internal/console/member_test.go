package console_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestMembers: an owner invites, changes a role and takes away; the last owner
// stays; a sign-in that is not fresh is asked for the password first.
func TestMembers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) { members(newDesk(t, dsn)) })
}

func members(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	invite := url.Values{"name": {"山田 <花>"}, "mail": {"hana@hinata.example"}, "role": {"support"}}
	for _, wrong := range []struct{ key, value string }{{"name", ""}, {"mail", "hana"}, {"mail", d.member.Mail.Reveal()}, {"role", "king"}, {"role", ""}} {
		if res := d.post("/settings/members/new", with(invite, wrong.key, wrong.value)); res.Code != http.StatusUnprocessableEntity {
			d.t.Errorf("%s %q: %d", wrong.key, wrong.value, res.Code)
		}
	}
	d.stale = true
	if res := d.post("/settings/members/new", invite); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `name="again"`) {
		d.t.Errorf("without the password: %d", res.Code)
	}
	if all, err := d.st.Members(ctx, ws); err != nil || len(all) != 1 {
		d.t.Fatalf("%d members before there is an invitation: %v", len(all), err)
	}
	res := d.post("/settings/members/new", with(invite, "again", "correct horse"))
	link := regexp.MustCompile(`https://hub\.example/signin/link\?token=[\w-]{43}`).FindString(res.Body.String())
	if res.Code != http.StatusOK || link == "" {
		d.t.Fatalf("the invitation: %d without a link", res.Code)
	}
	d.stale = false
	status, list := d.get("/settings/members")
	if status != http.StatusOK || !strings.Contains(list, "山田 &lt;花&gt;") || !strings.Contains(list, "招待中") || strings.Contains(list, link) || strings.Contains(list, "hana@hinata.example") {
		d.t.Errorf("the list: %d", status)
	}
	page := d.second("")()
	if status, body := d.get(page); status != http.StatusOK || strings.Contains(body, link) || !strings.Contains(body, "h…@h….example") {
		d.t.Errorf("the member: %d", status)
	}
	d.lastOwner()
	d.notOwner(page)
	d.stale = true
	for path, form := range map[string]url.Values{"/role": {"role": {"owner"}}, "/link": {}, "/end": {}} {
		if res := d.post(page+path, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "パスワードが合いません") {
			d.t.Errorf("%s without the password: %d", path, res.Code)
		}
	}
	d.stale = false
	if res := d.post(page+"/role", url.Values{"role": {"owner"}}); res.Code != http.StatusSeeOther {
		d.t.Errorf("a second owner: %d", res.Code)
	}
	if res := d.post("/settings/members/mem_1/role", url.Values{"role": {"viewer"}}); res.Code != http.StatusSeeOther || !strings.HasPrefix(res.Header().Get("Location"), "/settings?") {
		d.t.Errorf("an owner who steps back: %d to %s", res.Code, res.Header().Get("Location"))
	}
	d.must(d.st.SetRole(ctx, ws, "mem_1", engawa.Owner))
	if res := d.post(page+"/end", nil); res.Code != http.StatusSeeOther {
		d.t.Errorf("taking away: %d", res.Code)
	}
	if status, _ := d.get(page); status != http.StatusNotFound {
		d.t.Errorf("who was taken away: %d", status)
	}
	if _, err := d.st.UseLink(ctx, hashOf(link)); !isMissing(err) {
		d.t.Errorf("the link of who was taken away: %v", err)
	}
}

// lastOwner: the page offers neither, and the form does neither.
func (d *desk) lastOwner() {
	d.t.Helper()
	if _, body := d.get("/settings/members/mem_1"); strings.Contains(body, "/mem_1/end") || strings.Contains(body, "/mem_1/role") || !strings.Contains(body, "ただひとりの所有者") {
		d.t.Error("the page of the last owner offers what cannot be")
	}
	for path, form := range map[string]url.Values{"/end": {}, "/role": {"role": {"admin"}}} {
		if res := d.post("/settings/members/mem_1"+path, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), "ただひとりの所有者") {
			d.t.Errorf("%s of the last owner: %d", path, res.Code)
		}
	}
}

// notOwner: an admin looks and changes nothing, a supporter does not even look.
func (d *desk) notOwner(page string) {
	d.t.Helper()
	defer func() { d.member.Role = engawa.Owner }()
	d.member.Role = engawa.Admin
	if status, body := d.get(page); status != http.StatusOK || strings.Contains(body, "<form class=\"form\"") {
		d.t.Errorf("an admin at %s: %d", page, status)
	}
	for _, path := range []string{"/settings/members/new", page + "/role", page + "/link", page + "/end"} {
		if res := d.post(path, url.Values{"role": {"owner"}, "name": {"x"}, "mail": {"x@hinata.example"}}); res.Code != http.StatusForbidden {
			d.t.Errorf("an admin posts %s: %d", path, res.Code)
		}
	}
	d.member.Role = engawa.Support
	for _, path := range []string{"/settings/members", page, "/settings/keys", "/settings/keys/new"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			d.t.Errorf("a supporter at %s: %d", path, status)
		}
	}
}

func hashOf(link string) string {
	_, token, _ := strings.Cut(link, "token=")
	h := access.HashToken(engawa.Secret(token))
	return hex.EncodeToString(h[:])
}

func isMissing(err error) bool {
	told, ok := errors.AsType[*engawa.Error](err)
	return ok && told.Code == engawa.CodeNotFound
}

// TestKeys: a key is made with what was chosen and no more than the member may
// give, shown once, and ends when it is revoked.
func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) { keys(newDesk(t, dsn)) })
}

func keys(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	if _, body := d.get("/settings/keys"); !strings.Contains(body, "キーはまだありません") {
		d.t.Error("no empty page")
	}
	form := url.Values{"name": {"会員サイト"}, "use": {"own"}, "scope": {"events:write", "tasks:read"}, "days": {"30"}}
	d.member.Role = engawa.Admin
	for _, wrong := range []struct{ key, value string }{
		{"name", ""}, {"scope", "members:write"}, {"scope", "*"}, {"scope", "nonsense"}, {"use", "all"}, {"use", ""}, {"days", "3650"},
	} {
		bad := with(form, wrong.key, wrong.value)
		if wrong.key == "use" {
			bad.Del("scope")
		}
		if res := d.post("/settings/keys/new", bad); res.Code != http.StatusUnprocessableEntity {
			d.t.Errorf("%s %q of an admin: %d", wrong.key, wrong.value, res.Code)
		}
	}
	if _, body := d.get("/settings/keys/new"); strings.Contains(body, "members:write") || strings.Contains(body, `value="all"`) {
		d.t.Error("an admin is offered what only an owner may give")
	}
	d.stale = true
	if res := d.post("/settings/keys/new", form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `value="tasks:read" checked`) {
		d.t.Errorf("without the password: %d", res.Code)
	}
	d.stale = false
	if all, err := d.st.Keys(ctx, ws); err != nil || len(all) != 0 {
		d.t.Fatalf("%d keys before there is one: %v", len(all), err)
	}
	res := d.post("/settings/keys/new", with(form, "mine", "1"))
	text := regexp.MustCompile(`eng_live_[a-z2-7]{12}_\w{38}`).FindString(res.Body.String())
	if res.Code != http.StatusOK || text == "" {
		d.t.Fatalf("%d without a key", res.Code)
	}
	k := d.key()
	id, hash, err := access.ParseKey(engawa.Secret(text))
	if err != nil || id != k.ID || hex.EncodeToString(hash[:]) != k.Hash || k.Member != "mem_1" || strings.Join(k.Scopes, " ") != "events:write tasks:read" {
		d.t.Errorf("%+v %v", k, err)
	}
	if life := time.Until(k.EndsAt); life < 29*24*time.Hour || life > 30*24*time.Hour {
		d.t.Errorf("it lives for %s", life)
	}
	_, list := d.get("/settings/keys")
	for _, want := range []string{"会員サイト", "出来事を送る", "やることを見る", "まだ使われていません", "佐藤 ゆき", "有効"} {
		if !strings.Contains(list, want) {
			d.t.Errorf("the list does not say %q", want)
		}
	}
	if strings.Contains(list, text) {
		d.t.Error("the key is shown again")
	}
	d.must(d.st.UseKey(ctx, ws, k.ID, time.Now()))
	if _, body := d.get("/settings/keys"); !strings.Contains(body, "最後の使用") {
		d.t.Error("its use does not show")
	}
	if res := d.post("/settings/keys/"+k.ID+"/revoke", nil); res.Code != http.StatusSeeOther {
		d.t.Errorf("revoking: %d", res.Code)
	}
	if res := d.post("/settings/keys/"+k.ID+"/revoke", nil); res.Code != http.StatusNotFound {
		d.t.Errorf("revoking twice: %d", res.Code)
	}
	if (access.Key{ID: k.ID, Hash: hash, ExpiresAt: k.EndsAt, RevokedAt: d.key().RevokedAt}).Admit(hash, netip.Addr{}, time.Now()) == nil {
		d.t.Error("a revoked key is admitted")
	}
	if _, body := d.get("/settings/keys"); !strings.Contains(body, "使えなくなったキー(1件)") {
		d.t.Error("the revoked key is not among those that ended")
	}
	d.appKeys()
}

// appKeys: a key for an app opens what is the app's alone, stands in the list with
// the app's name, and ends like any other.
func (d *desk) appKeys() {
	d.t.Helper()
	form := url.Values{"name": {"iOS"}, "use": {"app"}, "days": {"365"}, "mine": {"1"}}
	d.must(d.st.AddApp(d.t.Context(), engawa.App{Workspace: ws, ID: "app_beans", Name: "豆のアプリ", CreatedAt: time.Now()}))
	for _, app := range []string{"", "app_of_nobody"} {
		if res := d.post("/settings/keys/new", with(form, "app", app)); res.Code != http.StatusUnprocessableEntity {
			d.t.Errorf("for %q: %d", app, res.Code)
		}
	}
	res := d.post("/settings/keys/new", with(form, "app", "app_beans"))
	text := regexp.MustCompile(`eng_app_[a-z2-7]{12}_\w{38}`).FindString(res.Body.String())
	k := d.key()
	if res.Code != http.StatusOK || text == "" || k.App != "app_beans" || k.Member != "" || strings.Join(k.Scopes, " ") != "app:use" {
		d.t.Fatalf("%d %+v", res.Code, k)
	}
	if _, list := d.get("/settings/keys"); !strings.Contains(list, "豆のアプリ") || !strings.Contains(list, "eng_app_"+k.ID+"_…") || strings.Contains(list, text) {
		d.t.Error("the list does not name the app's key")
	}
	if res := d.post("/settings/keys/"+k.ID+"/revoke", nil); res.Code != http.StatusSeeOther {
		d.t.Errorf("revoking: %d", res.Code)
	}
	audits, err := d.st.Audits(d.t.Context(), ws, store.AuditFilter{Object: k.ID}, store.Page{})
	if err != nil || len(audits) != 2 || audits[0].Actor != "member:mem_1" {
		d.t.Errorf("%+v %v", audits, err)
	}
}

// TestScopesHaveWords: each scope has words.
func TestScopesHaveWords(t *testing.T) {
	w := words(t)
	for _, n := range access.Scopes {
		if !w.Has("scope." + string(n.Scope)) {
			t.Errorf("no words for %s", n.Scope)
		}
	}
	if !w.Has("scope." + string(access.AppUse)) {
		t.Error("no words for what an app may do")
	}
}
