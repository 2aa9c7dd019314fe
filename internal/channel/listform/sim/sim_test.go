package sim

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func ask(s *Server, method, path, body, cookie string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "NPSESSID", Value: cookie})
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// open fetches the form and returns its session.
func open(s *Server, form string) string {
	return ask(s, "GET", "/"+form+"/sesform.php", "", "").Result().Cookies()[0].Value
}

func TestAnswers(t *testing.T) {
	s := New(Options{Polite: true})
	in := s.Form("utf8").Inputs
	session := open(s, "utf8")
	body := func(session, plan, mail, name string) string {
		return url.Values{in.Session: {session}, in.Plan: {plan}, in.Mail: {mail}, in.Name: {name}}.Encode()
	}
	for _, c := range []struct{ cookie, session, plan, mail, name, want string }{
		{"", session, Plan, "a@b.example", "花", "セッションが無効"},
		{session, "x", Plan, "a@b.example", "花", "セッションが無効"},
		{session, session, "99", "a@b.example", "花", Refused},
		{session, session, Plan, "a", "花", Refused},
		{session, session, Plan, "a@b.example", " ", Refused},
		{session, session, Plan, "a@b.example", "花", Provisional},
		{session, session, Plan, "c@b.example", "花", "セッションが無効"}, // it was used up
	} {
		w := ask(s, "POST", "/utf8/sesform.php", body(c.session, c.plan, c.mail, c.name), c.cookie)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
	session = open(s, "utf8")
	if w := ask(s, "POST", "/utf8/sesform.php", body(session, Plan, "a@b.example", "花"), session); !strings.Contains(w.Body.String(), Already) {
		t.Errorf("a second time: %s", w.Body)
	}
	if e := s.Entries(); len(e) != 1 || !e[0].Provisional || e[0].Mojibake {
		t.Errorf("entries %+v", e)
	}
}

// TestMojibake: bytes of another charset are entered as they are, and it shows.
func TestMojibake(t *testing.T) {
	s := New(Options{Polite: true})
	in, session := s.Form("sjis").Inputs, open(s, "sjis")
	ask(s, "POST", "/sjis/sesform.php", url.Values{in.Session: {session}, in.Plan: {Plan}, in.Mail: {"a@b.example"}, in.Name: {"山田 花"}}.Encode(), session)
	if e := s.Entries(); len(e) != 1 || !e[0].Mojibake {
		t.Fatalf("UTF-8 in a Shift_JIS form: %+v", e)
	}
	if page := ask(s, "GET", "/?lang=en", "", "").Body.String(); !strings.Contains(page, "broken letters") || !strings.Contains(page, "a@b.example") {
		t.Error("the page does not show it")
	}
}

func TestNoWayToChange(t *testing.T) {
	s := New(Options{Polite: true})
	for _, path := range []string{"DELETE /sjis/sesform.php", "POST /sjis/delete.php", "PUT /sjis/sesform.php"} {
		method, to, _ := strings.Cut(path, " ")
		if w := ask(s, method, to, "", ""); w.Code < 400 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if len(s.Violations()) != 3 {
		t.Errorf("violations %v", s.Violations())
	}
}

func TestScript(t *testing.T) {
	s := New(Options{Polite: true})
	ask(s, "POST", "/_sim/faults", `{"next":["page-404"]}`, "")
	if w := ask(s, "GET", "/sjis/sesform.php", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("a scripted page: %d", w.Code)
	}
	for lang, want := range map[string]string{"ja": "名簿", "ko": "메일 목록", "en": "Mailing list"} {
		if w := ask(s, "GET", "/?lang="+lang, "", ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s", lang, w.Body)
		}
	}
}
