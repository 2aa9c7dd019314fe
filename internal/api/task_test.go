package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTask: a task raised by hand, once under its key, is found by each filter,
// shows what is to be typed to who may see it, and keeps what was done.
func TestTask(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.seed()
	ask := `{"title":"台帳に登録する","text":"管理画面から","source":"acc_mail","due_at":"2026-01-01T00:00:00Z","assignee":"mem_one","to_type":[{"name":"mail","text":"canary@customer.example"}]}`
	_, first, _ := s.do("POST", "/v1/tasks", s.key, ask, "Idempotency-Key", "once")
	status, again, text := s.do("POST", "/v1/tasks", s.key, ask, "Idempotency-Key", "once")
	id, _ := first["id"].(string)
	if status != 201 || id == "" || again["id"] != first["id"] || strings.Contains(text, "canary") {
		t.Fatalf("%d %s", status, text)
	}
	for query, want := range map[string]int{
		"?overdue=true": 1, "?assignee=mem_one": 1, "?assignee=mem_two": 0, "?unassigned=true": 1, "?kind=by_hand": 1, "?source=acc_mail": 2, "?source=acc": 2, "?source=msg": 0,
		"?state=open&sort=due&limit=1": 1, "?state=done": 0, "?sort=oldest": 2,
	} {
		_, out, text := s.do("GET", "/v1/tasks"+query, s.key, "")
		if rows, _ := out["tasks"].([]any); len(rows) != want {
			t.Errorf("%s: %s", query, text)
		}
	}
	if status, _, _ := s.do("GET", "/v1/tasks/"+id+"?texts=true", s.keyOf("tasks:read"), ""); status != 403 {
		t.Errorf("what is to be typed without addresses:read: %d", status)
	}
	_, out, text := s.do("GET", "/v1/tasks/"+id+"?texts=true", s.keyOf("tasks:read", "addresses:read"), "", "Accept-Language", "ja")
	if !strings.Contains(text, "canary@customer.example") || !strings.Contains(text, "メールアドレス") || out["overdue"] != true || out["title"] != "台帳に登録する" {
		t.Errorf("%s", text)
	}
	lines, err := s.st.Audits(t.Context(), "ws_one", store.AuditFilter{}, store.Page{Limit: 1})
	s.must(err)
	if lines[0].Action != "read-task-texts" || lines[0].Object != id {
		t.Errorf("the reading is not on record: %+v", lines)
	}
	if status, out, text = s.do("PATCH", "/v1/tasks/"+id, s.key, `{"due_at":null}`); status != 200 || out["due_at"] != nil || out["overdue"] != false {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text = s.do("POST", "/v1/tasks/"+id+":note", s.key, `{"text":"電話済み"}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	status, out, text = s.do("POST", "/v1/tasks/"+id+":done", s.key, `{"note":"登録しました"}`)
	if status != 200 || out["state"] != "done" || !strings.Contains(fmt.Sprint(out["history"]), "登録しました") || !strings.HasPrefix(fmt.Sprint(out["done_by"]), "key:") {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text = s.do("POST", "/v1/tasks/"+id+":done", s.key, ""); status != 404 {
		t.Errorf("done twice: %d %s", status, text)
	}
	if status, _, text = s.do("POST", "/v1/tasks/"+id+":assign", s.key, `{"assignee":""}`); status != 404 {
		t.Errorf("given away when done: %d %s", status, text)
	}
	if status, out, text = s.do("POST", "/v1/tasks/"+id+":reopen", s.key, `{"note":"まだでした"}`); status != 200 || out["state"] != "open" {
		t.Errorf("%d %s", status, text)
	}
	if status, _, text = s.do("POST", "/v1/tasks/"+id+":assign", s.key, `{"assignee":"mem_nobody"}`); status != 400 || !strings.Contains(text, "/assignee") {
		t.Errorf("to nobody: %d %s", status, text)
	}
}
