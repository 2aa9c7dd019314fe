package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/smaregi/sim"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestFirstAnswer: who sets up a list whose members are not public sees what came,
// without its addresses: when a setting does not fit it, and when they ask.
func TestFirstAnswer(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.must(d.st.AddApp(t.Context(), engawa.App{Workspace: ws, ID: "app_stock", Name: "在庫くん"}))
	server := httptest.NewServer(&sim.Server{
		ListClient: sim.Client{ID: "list", Secret: "list-secret"}, ListPath: "/some/users", ListItems: "rows",
		Members:   sim.Members{Contract: "keiyaku", Name: "kaisha", Mail: "renraku", Plan: "puran", State: "jotai"},
		Contracts: []*sim.Contract{{ID: "sb_c1", Name: "ひなた珈琲", State: "active", Mail: "keiri@hinata.example", Shares: true}},
	})
	t.Cleanup(server.Close)
	form := url.Values{
		"name": {"スマレジ"}, "owner": {engawa.OwnerWorkspace}, "enabled": {"true"}, "s.app": {"app_stock"}, "s.client_id": {"app"}, "s.header": {"X-Engawa-Secret"},
		"s.secret": {"a-secret-of-the-hub"}, "s.list_url": {server.URL}, "s.list_path": {"some/users"}, "s.list_client_id": {"list"}, "s.list_client_secret": {"list-secret"},
		"s.list_items": {"/rows"}, "s.environment": {"sandbox"},
	}
	seen := func(what, body string) {
		t.Helper()
		if !strings.Contains(body, "keiyaku") || !strings.Contains(body, "•••@•••") || strings.Contains(body, "keiri@") || strings.Contains(body, "list-secret") {
			t.Errorf("%s:\n%s", what, body)
		}
	}
	res := d.post("/accounts/new?kind=smaregi", form)
	if res.Code != http.StatusUnprocessableEntity {
		t.Fatalf("a member that is not there is saved: %d", res.Code)
	}
	seen("when it is saved", res.Body.String())
	form.Set("s.list_contract", "keiyaku")
	res = d.post("/accounts/new?kind=smaregi", form)
	at, _, _ := strings.Cut(res.Header().Get("Location"), "?")
	if res.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	if _, body := d.get(at); strings.Contains(body, "•••@•••") {
		t.Error("it is asked without anybody wanting to know")
	} else if back := "/mypage/at/" + ws + strings.TrimPrefix(at, "/accounts"); !strings.Contains(body, back+"</code>") {
		t.Errorf("it does not say that signing in comes back to %s", back)
	}
	_, body := d.get(at + "?answer=1")
	seen("when somebody asks", body)
}
