package serve

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	zendesksim "github.com/engawa/engawa/internal/channel/zendesk/sim"
)

// TestTicketComesBack: a member opens a ticket about a customer; what the agent makes of
// it comes by the signed webhook and stands on the customer's page; what another
// secret signed is refused and does not.
func TestTicketComesBack(t *testing.T) {
	o := working(t)
	const secret = "dGhpcyBpcyBhIHNlY3JldCBvZiB0aGUgd2ViaG9vaw=="
	desk := &zendesksim.Server{
		Client: zendesksim.Client{ID: "hub", Secret: "first"}, Polite: true,
		Hook: zendesksim.Hook{URL: o.url + "/in/acc_desk", Secret: secret, Client: &http.Client{Timeout: 10 * time.Second}},
	}
	served := httptest.NewServer(desk)
	t.Cleanup(served.Close)
	if err := o.Store.AddAccount(t.Context(), engawa.Account{
		Workspace: "ws_1", ID: "acc_desk", Kind: "zendesk", Name: "サポート窓口", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"subdomain": "hinata", "client_id": "hub", "client_secret": "first", "webhook_secret": secret, "base_url": served.URL},
	}); err != nil {
		t.Fatal(err)
	}
	v := newVisitor(t, o.url)
	if status := v.signIn("yuki@hinata.example", "縁側で一休みする"); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	page := func() string {
		res := v.do(http.MethodGet, "/customers/cus_hana", nil)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res.StatusCode, err)
		}
		return html.UnescapeString(string(body))
	}
	const changed = "Zendeskのチケットの状態が変わりました"
	form := url.Values{"desk": {"acc_desk"}, "subject": {"解約の相談"}, "text": {"電話での返事を希望"}, "reason": {"leaving"}}
	if res := v.do(http.MethodPost, "/customers/cus_hana/ticket", form); res.StatusCode != http.StatusSeeOther {
		t.Fatal(res.Status)
	}
	o.until(t, "no ticket is opened", func() bool { return len(desk.Tickets()) == 1 })
	if strings.Contains(page(), changed) {
		t.Fatal("a change is told of that nobody made")
	}
	ours := desk.Tickets()[0].ID
	for _, step := range []struct{ status, secret, says string }{
		{"pending", "another", ""}, {"open", secret, "解約の相談 · オープン"}, {"hold", "", ""}, {"solved", secret, "解約の相談 · 解決済み"},
	} {
		desk.Hook.Secret = step.secret
		before := strings.Count(page(), changed)
		err := desk.SetStatus(ours, step.status)
		if (err == nil) != (step.says != "") {
			t.Errorf("%s, signed with %q: %v", step.status, step.secret, err)
		}
		after := page()
		if n := strings.Count(after, changed) - before; n != 0 && step.says == "" || n != 1 && step.says != "" {
			t.Errorf("%s, signed with %q, is told of %d times", step.status, step.secret, n)
		}
		if !strings.Contains(after, step.says) {
			t.Errorf("the page does not say %q", step.says)
		}
	}
}
