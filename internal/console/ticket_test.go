package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// atDesk adds a Zendesk to which tickets go.
func (d *desk) atDesk() {
	d.t.Helper()
	d.must(d.st.AddAccount(d.t.Context(), engawa.Account{
		Workspace: ws, ID: "acc_desk", Kind: "zendesk", Name: "窓口", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"subdomain": "hinata", "client_id": "hub", "client_secret": "first", "base_url": "http://desk.example"},
	}))
}

// TestTicket: where there is a desk, a ticket about a customer is a message like
// any other, to the desk, about the customer; where there is none, no page offers it.
func TestTicket(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		const path = "/customers/cus_hana/ticket"
		if code, _ := d.get(path); code != http.StatusNotFound {
			t.Errorf("without a desk: %d", code)
		}
		if _, body := d.get("/customers/cus_hana"); strings.Contains(body, path) {
			t.Error("a ticket is offered where there is no desk")
		}
		d.atDesk()
		if _, body := d.get("/customers/cus_hana"); !strings.Contains(body, path) {
			t.Error("no ticket is offered")
		}
		good := url.Values{"desk": {"acc_desk"}, "subject": {"解約の相談"}, "text": {"電話での返事を希望"}, "reason": {"leaving"}}
		for field, wrong := range map[string]string{"desk": "acc_mail", "subject": "", "text": strings.Repeat("長", 5001), "reason": ""} {
			form := with(good, field, wrong)
			if res := d.post(path, form); res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), form.Get("text")) {
				t.Errorf("%s: %d, or what was written is lost", field, res.Code)
			}
		}
		if ms, err := d.st.Messages(t.Context(), ws, store.MessageFilter{}, store.Page{Limit: 10}); err != nil || len(ms) != 0 {
			t.Fatalf("%d messages of refused forms, %v", len(ms), err)
		}
		for range 2 { // the second finds the place of the first
			if res := d.post(path, good); res.Code != http.StatusSeeOther || !strings.HasPrefix(res.Header().Get("Location"), "/messages/") {
				t.Fatalf("%d: %s", res.Code, res.Body)
			}
			places, err := d.st.Destinations(t.Context(), ws)
			d.must(err)
			for _, p := range places {
				if p.Account == "acc_desk" {
					good.Set("desk", p.ID)
				}
			}
		}
		ms, err := d.st.Messages(t.Context(), ws, store.MessageFilter{}, store.Page{Limit: 10})
		d.must(err)
		if len(ms) != 2 || ms[0].Message.Destination != good.Get("desk") || ms[0].Message.Destination != ms[1].Message.Destination {
			t.Fatalf("%+v", ms)
		}
		said, err := d.st.Message(t.Context(), ws, ms[0].Message.ID)
		d.must(err)
		if m := said.Message; m.About != "cus_hana" || m.Member == "" || m.Content.Subject != "解約の相談" || m.Reason != "leaving" {
			t.Errorf("about %q, by %q for %q", m.About, m.Member, m.Reason)
		}
		d.must(d.st.AddMember(t.Context(), store.SignIn{Member: d.member}))
		if page := d.seen("/customers/cus_hana?show=ticket"); strings.Count(page, "佐藤 ゆき · 解約の件") != 2 || strings.Count(page, ">解約の相談<") != 2 {
			t.Errorf("the customer's story does not tell of both tickets: %s", mainOf(page))
		}
	})
}
