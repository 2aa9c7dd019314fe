package console_test

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
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

// vendor is a path below the page of the newest partner; {key} and {grant} stand
// for its secret and its grant.
func (d *desk) vendor(path string) func() string {
	return func() string {
		d.t.Helper()
		ctx := context.Background()
		all, err := d.st.Partners(ctx, ws)
		d.must(err)
		if len(all) == 0 {
			d.t.Fatal("there is no partner")
		}
		p := all[len(all)-1]
		keys, err := d.st.Keys(ctx, ws)
		d.must(err)
		for _, k := range keys {
			if k.Partner == p.ID {
				path = strings.ReplaceAll(path, "{key}", k.ID)
			}
		}
		grants, err := d.st.Grants(ctx, ws)
		d.must(err)
		for _, g := range grants {
			if g.Partner == p.ID {
				path = strings.ReplaceAll(path, "{grant}", g.ID)
			}
		}
		return "/partners/" + p.ID + path
	}
}

// TestPartners: added, granted something, given a secret that is shown once, and
// ended in one; nothing of it without the right words, and nothing by a supporter.
func TestPartners(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) { partners(newDesk(t, dsn)) })
}

func partners(d *desk) {
	d.t.Helper()
	ctx := context.Background()
	d.must(d.st.AddMember(ctx, store.SignIn{Member: d.member}))
	if res := d.post("/partners/new", url.Values{"name": {""}}); res.Code != http.StatusUnprocessableEntity {
		d.t.Errorf("without a name: %d", res.Code)
	}
	if res := d.post("/partners/new", url.Values{"name": {"在庫 <くん>"}, "postal": {"金沢市"}}); res.Code != http.StatusSeeOther {
		d.t.Fatal(res.Code)
	}
	page := d.vendor("")()
	grant := url.Values{"scope": {"messages:send", "subscribers:read"}, "every_app": {"1"}, "channel": {"mail"}, "purpose": {"service"}, "day": {"3"}, "ends": {"2099-12-31"}}
	for _, wrong := range []struct{ key, value string }{
		{"scope", "customers:read"}, {"scope", ""}, {"every_app", ""}, {"channel", "pigeon"}, {"purpose", "service.security"}, {"day", "-1"}, {"day", "many"}, {"ends", "2001-01-01"}, {"ends", "x"}, {"starts", "2100-01-01"},
	} {
		if res := d.post(page+"/grants/new", with(grant, wrong.key, wrong.value)); res.Code != http.StatusUnprocessableEntity {
			d.t.Errorf("%s %q: %d", wrong.key, wrong.value, res.Code)
		}
	}
	if res := d.post(page+"/grants/new", grant); res.Code != http.StatusSeeOther {
		d.t.Fatal(res.Code)
	}
	d.stale = true
	if res := d.post(page+"/secrets", nil); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `name="again"`) {
		d.t.Errorf("a secret without the password: %d", res.Code)
	}
	d.stale = false
	var texts []string
	for range 2 {
		res := d.post(page+"/secrets", nil)
		text := regexp.MustCompile(`eng_secret_[a-z0-9]{12}_\w{38}`).FindString(res.Body.String())
		if res.Code != http.StatusOK || text == "" {
			d.t.Fatalf("%d", res.Code)
		}
		texts = append(texts, text)
		id, hash, err := access.ParseKey(engawa.Secret(text))
		d.must(err)
		c, err := d.st.Client(ctx, id)
		d.must(err)
		if hex.EncodeToString(hash[:]) != c.Key.Hash || c.Partner.Name != "在庫 <くん>" {
			d.t.Error("the secret does not stand for the partner")
		}
	}
	if res := d.post(page+"/secrets", nil); res.Code != http.StatusUnprocessableEntity {
		d.t.Errorf("a third secret: %d", res.Code)
	}
	status, body := d.get(page)
	for _, want := range []string{"在庫 &lt;くん&gt;", "今日0/3件", "2099年12月31日", "契約のご連絡", "すべてのアプリ", "購読者"} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			d.t.Errorf("the page lacks %s: %d", want, status)
		}
	}
	if strings.Contains(body, texts[0]) || strings.Contains(body, texts[1]) {
		d.t.Error("a secret stands on the page")
	}
	if _, body := d.get("/settings/keys"); strings.Contains(body, "client secret") {
		d.t.Error("client secrets stand among the keys")
	}
	d.post("/partners/new", url.Values{"name": {"楓"}})
	other := d.vendor("")()
	grants, err := d.st.Grants(ctx, ws)
	d.must(err)
	keys, err := d.st.Keys(ctx, ws)
	d.must(err)
	for _, path := range []string{other + "/grants/" + grants[0].ID + "/end", other + "/secrets/" + keys[0].ID + "/revoke"} {
		if res := d.post(path, nil); res.Code != http.StatusNotFound {
			d.t.Errorf("%s, which is another's: %d", path, res.Code)
		}
	}
	for _, x := range []struct{ act, chip string }{{"stop", "停止中"}, {"lift", "良好"}} {
		if res := d.post(page+"/"+x.act, nil); res.Code != http.StatusUnprocessableEntity {
			d.t.Errorf("%s without a reason: %d", x.act, res.Code)
		}
		if res := d.post(page+"/"+x.act, url.Values{"why": {"理由 <x>"}}); res.Code != http.StatusSeeOther {
			d.t.Errorf("%s: %d", x.act, res.Code)
		}
		if _, body := d.get(page); !strings.Contains(body, x.chip) || !strings.Contains(body, "理由 &lt;x&gt;") {
			d.t.Errorf("the page after %s", x.act)
		}
	}
	if res := d.post(page+"/end", nil); res.Code != http.StatusUnprocessableEntity {
		d.t.Errorf("an end that nobody meant: %d", res.Code)
	}
	if res := d.post(page+"/end", url.Values{"sure": {"1"}}); res.Code != http.StatusSeeOther {
		d.t.Fatal(res.Code)
	}
	if gs, err := d.st.Grants(ctx, ws); err != nil || gs[0].InForce(time.Now()) {
		d.t.Errorf("a grant is in force after the end: %v", err)
	}
	status, body = d.get(page)
	if status != http.StatusOK || strings.Contains(body, "/secrets") || strings.Contains(body, "/end\"") || !strings.Contains(body, "に終了") {
		d.t.Errorf("the page of a partner that ended: %d", status)
	}
	for _, want := range []string{"この契約だけに必要だったものを", page + "/certificate"} {
		if !strings.Contains(body, want) {
			d.t.Errorf("the page lacks %s", want)
		}
	}
	if res := d.do(httptest.NewRequestWithContext(ctx, "GET", page+"/certificate", nil)); res.Code != http.StatusOK || !strings.Contains(res.Header().Get("Content-Disposition"), "attachment") || res.Body.String() != "certificate of "+strings.TrimPrefix(page, "/partners/")+"\n" {
		d.t.Errorf("the certificate: %d", res.Code)
	}
	if _, list := d.get("/partners"); !strings.Contains(list, "終了したパートナー1件") {
		d.t.Error("the list does not tell of the end")
	}
	d.member.Role = engawa.Support
	for _, path := range []string{"/partners", page, page + "/certificate"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			d.t.Errorf("%s for a supporter: %d", path, status)
		}
	}
}

// contract is the path that ends a subscription of the customer.
func (d *desk) contract() string {
	d.t.Helper()
	ctx := context.Background()
	b := engawa.Subscription{Workspace: ws, Customer: "cus_hana", App: "app_contract", Product: "p", State: engawa.SubscriptionActive, StartsAt: time.Now()}
	id, err := d.st.SaveSubscription(ctx, b)
	d.must(err)
	return "/customers/" + b.Customer + "/contracts/" + id + "/end"
}

// TestContracts: a customer's page lists contracts, ends one for an administrator,
// and then leads to its certificate; another customer's is not ended there.
func TestContracts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		path := d.contract()
		page := "/customers/cus_hana"
		if _, body := d.get(page); !strings.Contains(body, path) || !strings.Contains(body, "継続中") {
			t.Error("the page does not list the contract")
		}
		if res := d.post(strings.Replace(path, "cus_hana", "cus_other", 1), nil); res.Code != http.StatusNotFound {
			t.Errorf("as another's: %d", res.Code)
		}
		d.member.Role = engawa.Support
		if res := d.post(path, nil); res.Code != http.StatusForbidden {
			t.Errorf("by a supporter: %d", res.Code)
		}
		d.member.Role = engawa.Owner
		if res := d.post(path, nil); res.Code != http.StatusSeeOther {
			t.Errorf("%d", res.Code)
		}
		if _, body := d.get(page); strings.Contains(body, path) || !strings.Contains(body, "/contracts/sbs_") || !strings.Contains(body, "/certificate") {
			t.Error("the page does not show the end")
		}
	})
}
