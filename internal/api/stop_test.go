package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestSuppressions: what is stopped is listed by what has the address, never by
// the address, page by page; it is lifted for a reason that the trail keeps, and
// a staff place's by who may change staff places.
func TestSuppressions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		ids := s.seed()
		at := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
		for _, x := range []engawa.Suppression{
			{Channel: "mail", Address: "twin@customer.example", Reason: "complained", At: at},
			{Channel: "mail", Address: "twin@customer.example", Reason: "operator", At: at},
			{Channel: "mail", Address: "twin@customer.example", Reason: "opted_out", At: at.Add(-time.Hour), Until: at},
			{Channel: "mail", Address: "nobody@customer.example", Reason: "bounced", At: at},
			{Channel: store.StaffPlaces, Address: "spare@hinata.example", Reason: "bounced", At: at.Add(-time.Minute), Until: at.Add(24 * time.Hour)},
		} {
			x.Workspace = "ws_one"
			s.must(s.st.Suppress(t.Context(), x))
		}
		list := func(query string) (rows []string) {
			for cursor := ""; ; {
				_, out, text := s.do("GET", "/v1/suppressions?limit=1"+query+"&cursor="+cursor, s.key, "")
				if strings.Contains(text, "customer.example") || strings.Contains(text, "hinata.example") {
					t.Errorf("an address: %s", text)
				}
				all, _ := out["suppressions"].([]any)
				for _, row := range all {
					x, _ := row.(map[string]any)
					rows = append(rows, fmt.Sprint(x["of"], " ", x["reason"], " ", x["until"] != nil, " ", x["customer"], " ", x["account"], " ", x["channel"]))
				}
				if cursor, _ = out["next"].(string); cursor == "" {
					return rows
				}
			}
		}
		point, place := ids["point"], ids["spare"]
		bounced, complained := point+" bounced false "+ids["twin"]+" <nil> mail", point+" complained false "+ids["twin"]+" <nil> mail"
		operator, spare := point+" operator false "+ids["twin"]+" <nil> mail", place+" bounced true <nil> acc_mail destination"
		same := func(query string, want ...string) {
			t.Helper()
			if got := list(query); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		same("", bounced, operator, complained, spare)
		same("&customer="+ids["twin"]+"&reason=operator", operator)
		same("&account=acc_mail", spare)
		same("&of="+place, spare)
		same("&channel=mail&reason=bounced", bounced)
		same("&customer=cus_one")

		lift := func(key, of, reason, why string, want int) string {
			t.Helper()
			status, _, text := s.do("POST", "/v1/suppressions:lift", key, fmt.Sprintf(`{"of":%q,"reason":%q,"why":%q}`, of, reason, why))
			if status != want {
				t.Errorf("%s %s: %d %s, want %d", of, reason, status, text, want)
			}
			return text
		}
		narrow := s.keyOf("suppressions:write")
		if text := lift(narrow, point, "complained", "  ", 400); !strings.Contains(text, "/why") {
			t.Errorf("a blank reason: %s", text)
		}
		lift(narrow, point, "complained", "twin@customer.example が電話で頼んだ", 200)
		lift(narrow, point, "complained", "もう一度", 404)
		lift(narrow, place, "bounced", "直した", 403)
		lift(s.keyOf("suppressions:write", "routes:write"), place, "bounced", "直した", 200)
		lift(narrow, "cus_one", "bounced", "x", 400)
		same("", bounced, operator)
		lines, err := s.st.Audits(t.Context(), "ws_one", store.AuditFilter{Action: "lift-suppression"}, store.Page{})
		s.must(err)
		if len(lines) != 2 || lines[0].Object != place || lines[1].Object != point || !strings.HasPrefix(lines[1].Detail, "complained: ") || strings.Contains(lines[1].Detail, "twin@") || !strings.HasPrefix(lines[1].Actor, "key:") {
			t.Errorf("%+v", lines)
		}
	})
}
