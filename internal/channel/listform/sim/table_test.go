package sim

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/text/encoding/japanese"

	"github.com/engawa/engawa/internal/rude/rudetest"
)

var update = flag.Bool("update", false, "print docs/listform-sim.md anew")

// TestTable prints the cases in docs/listform-sim.md and runs those that have no
// test of their own.
func TestTable(t *testing.T) {
	rudetest.Table(t, "../../../../docs/listform-sim.md", *update, []rudetest.Part{
		{Title: "Forms", Cases: []rudetest.Case{
			{Says: "three forms, in Shift_JIS, EUC-JP and UTF-8: direct, with a page that asks to confirm, with a mail that asks to confirm", Test: profiles},
			{Says: "names of inputs are other ones on every run", Test: names},
			{Says: "a hidden session and a cookie, new on every look; the plan hidden or chosen from a list", Test: hidden},
			{Says: "`accept-charset`, where the form has one", Test: accepts},
			{Says: "nothing can be changed or removed", Test: TestNoWayToChange},
		}},
		{Title: "Answers: 200, whatever happened", Cases: []rudetest.Case{
			{Says: "no cookie, another session, one that was used: words about the session; plan, address or name missing: refused; twice: already there; one that has to be confirmed by mail: provisional", Test: TestAnswers},
			{Says: "registered", Test: submits("sjis", Plan, "山田 花", Done)},
			{Says: "a plan that there is not", Test: submits("sjis", "99", "山田 花", Refused, "プラン")},
			{Says: "a name in latin letters", Test: submits("sjis", Plan, "Hana", Refused, "英字")},
			{Says: "a name all in katakana", Test: submits("sjis", Plan, "ヤマダ", Refused, "カタカナ")},
			{Says: "such names are taken where the form likes them (`Latin`)", Test: submits("utf8", Plan, "Hana", Provisional)},
			{Says: "the same address under another plan is another entry", Test: otherPlan},
			{Says: "a second form carries everything to the page that counts, and readings must be katakana", Test: confirms},
			{Says: "a refusal leaves no entry", Test: noEntry},
		}},
		{Title: "Charsets", Cases: []rudetest.Case{
			{Says: "bytes in another charset than the page's are entered as they are: mojibake, which the page and the log show", Test: TestMojibake},
			{Says: "bytes in the page's charset are entered right, in each of the three", Test: fits},
			{Says: "what the form's charset has no bytes for, sent as `&#…;`, is entered so", Test: references},
			{Says: "header and page disagree about the charset", Test: charset("UTF-8", "Shift_JIS")},
			{Says: "the page alone names the charset", Test: charset("", "Shift_JIS")},
			{Says: "nobody names the charset", Test: charset("", "")},
			{Says: "the answer is in another charset than the form (`post-charset`)", Test: otherAnswer},
		}},
		{Title: "Drift", Cases: []rudetest.Case{
			{Says: "the page: 503 with `Retry-After`, a sign-in form, a redirect to another host, a redirect in the page, 64 MB, 404, another host to send to, a captcha, half of it, 5 s late", Test: pages},
			{Says: "an input has another name", Test: renamed},
			{Says: "the words of success are other ones (`post-reworded`)", Test: reworded},
			{Says: "faults are scripted (`POST /_sim/faults`); the page has the entries in ja, ko and en", Test: TestScript},
		}},
		{Title: "Trouble", Cases: []rudetest.Case{
			{Says: "dropped before it was accepted: no entry (`post-dropped`)", Test: trouble(Dropped, 0, false)},
			{Says: "not taken: 503 (`post-503`)", Test: trouble(Down, 0, true)},
			{Says: "dropped after it was accepted: an entry, and a second try finds it there (`post-lost`)", Test: trouble(Lost, 1, false)},
			{Says: "accepted and answered with 500 (`post-done-500`)", Test: trouble(DoneBut, 1, true)},
			{Says: "accepted and never answered (`post-hang`)", Test: hangs},
			{Says: "accepted and half answered, or half of it 5 s later (`post-cut`, `post-slow`)", Test: halves},
			{Says: "2 pages and 5 submissions in 100 fail unless it is `Polite`", Test: rudeness},
			{Says: "the log has each call with its inputs, type, fault and a hash of its session", Test: logged},
			{Says: "what no client must do: another path, an input that the form has not, another type, a call in a wait that was told", Test: violations},
			{Says: "the clock goes ahead (`POST /_sim/clock`); a reset empties the lists", Test: clock},
		}},
	})
}

// encode writes v in a charset.
func encode(t *testing.T, charset, v string) string {
	t.Helper()
	out, err := coding(charset).NewEncoder().String(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fill is a form filled in for a name, in the form's charset.
func fill(t *testing.T, f Form, session, plan, mail, name string) url.Values {
	v := url.Values{f.Inputs.Session: {session}, f.Inputs.Plan: {plan}, f.Inputs.Mail: {mail}}
	for in, text := range map[string]string{f.Inputs.Name: name, f.Inputs.Family: name, f.Inputs.Given: "花", f.Inputs.KanaFamily: "ヤマダ", f.Inputs.KanaGiven: "ハナ"} {
		if in != "" {
			v.Set(in, encode(t, f.Charset, text))
		}
	}
	return v
}

// submit looks at the form and sends it, and returns the answer's text.
func submit(t *testing.T, s *Server, form, plan, mail, name string) (int, string) {
	t.Helper()
	f, session := s.Form(form), open(s, form)
	w := ask(s, "POST", "/"+form+"/sesform.php", fill(t, f, session, plan, mail, name).Encode(), session)
	text, err := coding(f.Charset).NewDecoder().String(w.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, text
}

func submits(form, plan, name string, want ...string) func(*testing.T) {
	return func(t *testing.T) {
		code, text := submit(t, New(Options{Polite: true}), form, plan, "a@b.example", name)
		for _, w := range want {
			if code != http.StatusOK || !strings.Contains(text, w) {
				t.Errorf("%d %s lacks %s", code, text, w)
			}
		}
	}
}

func profiles(t *testing.T) {
	s := New(Options{Polite: true})
	for form, want := range map[string]struct {
		charset        string
		confirm, optin bool
	}{"sjis": {"Shift_JIS", false, false}, "eucjp": {"EUC-JP", true, false}, "utf8": {"UTF-8", false, true}} {
		f := s.Form(form)
		w := ask(s, "GET", "/"+form+"/sesform.php", "", "")
		text, err := coding(want.charset).NewDecoder().String(w.Body.String())
		if err != nil || w.Code != 200 || f.Charset != want.charset || f.Confirm != want.confirm || f.OptIn != want.optin || !strings.Contains(text, "メールアドレス") {
			t.Errorf("%s: %+v %d %s", form, f, w.Code, text)
		}
	}
}

func names(t *testing.T) {
	a, b, again := New(Options{Seed: 1}), New(Options{Seed: 2}), New(Options{Seed: 1})
	for _, form := range []string{"sjis", "eucjp", "utf8"} {
		if a.Form(form).Inputs == b.Form(form).Inputs || a.Form(form).Inputs != again.Form(form).Inputs {
			t.Errorf("%+v %+v", a.Form(form).Inputs, b.Form(form).Inputs)
		}
	}
}

func hidden(t *testing.T) {
	s := New(Options{Polite: true})
	for form, plan := range map[string]string{"sjis": `<input type="hidden" name="` + s.Form("sjis").Inputs.Plan + `" value="12">`, "eucjp": `<select id="p" name="` + s.Form("eucjp").Inputs.Plan + `"><option value="12">`} {
		w, again := ask(s, "GET", "/"+form+"/sesform.php", "", ""), open(s, form)
		session := w.Result().Cookies()[0].Value
		if body := w.Body.String(); session == again || !strings.Contains(body, `<input type="hidden" name="`+s.Form(form).Inputs.Session+`" value="`+session+`">`) || !strings.Contains(body, plan) {
			t.Errorf("%s: %s", form, body)
		}
	}
}

func accepts(t *testing.T) {
	s := New(Options{Polite: true})
	for _, charset := range []string{"", "EUC-JP"} {
		s.Change("sjis", func(f *Form) { f.Accept = charset })
		if body := ask(s, "GET", "/sjis/sesform.php", "", "").Body.String(); strings.Contains(body, `accept-charset="EUC-JP"`) != (charset != "") {
			t.Errorf("%q: %s", charset, body)
		}
	}
}

func otherPlan(t *testing.T) {
	s := New(Options{Polite: true})
	for _, want := range []struct{ plan, says string }{{Plan, Done}, {"34", Done}, {Plan, Already}} {
		if _, text := submit(t, s, "sjis", want.plan, "a@b.example", "山田"); !strings.Contains(text, want.says) {
			t.Errorf("%+v: %s", want, text)
		}
	}
	if e := s.Entries(); len(e) != 2 {
		t.Errorf("%+v", e)
	}
}

func confirms(t *testing.T) {
	s := New(Options{Polite: true})
	f, session := s.Form("eucjp"), open(s, "eucjp")
	v := fill(t, f, session, Plan, "a@b.example", "山田")
	post := func() string {
		text, err := japanese.EUCJP.NewDecoder().String(ask(s, "POST", "/eucjp/sesform.php", v.Encode(), session).Body.String())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if text := post(); !strings.Contains(text, `name="step" value="2"`) || !strings.Contains(text, `name="`+f.Inputs.KanaGiven+`" value="ハナ"`) || len(s.Entries()) != 0 {
		t.Errorf("the first step: %s", text)
	}
	v.Set("step", "2")
	if text := post(); !strings.Contains(text, Done) || len(s.Entries()) != 1 || s.Posts() != 1 {
		t.Errorf("the second step: %s, %d submissions", text, s.Posts())
	}
	session = open(s, "eucjp")
	v = fill(t, f, session, Plan, "c@b.example", "山田")
	v.Set(f.Inputs.KanaGiven, encode(t, "EUC-JP", "はな"))
	if text := post(); !strings.Contains(text, Refused) {
		t.Errorf("a reading in hiragana: %s", text)
	}
}

func noEntry(t *testing.T) {
	s := New(Options{Polite: true})
	for _, c := range []struct{ plan, mail, name string }{{"99", "a@b.example", "花"}, {Plan, "a", "花"}, {Plan, "a@b.example", ""}, {Plan, "a@b.example", "Hana"}} {
		if code, text := submit(t, s, "sjis", c.plan, c.mail, c.name); code != 200 || !strings.Contains(text, Refused) || len(s.Entries()) > 0 {
			t.Errorf("%+v: %d %s, %d entries", c, code, text, len(s.Entries()))
		}
	}
}

func fits(t *testing.T) {
	for form, want := range map[string]int{"sjis": 1, "eucjp": 0, "utf8": 1} { // eucjp waits for the second step
		s := New(Options{Polite: true})
		code, _ := submit(t, s, form, Plan, "a@b.example", "髙橋")
		if e := s.Entries(); code != 200 || len(e) != want || want == 1 && (e[0].Mojibake || e[0].Who() != "髙橋") {
			t.Errorf("%s: %d %+v", form, code, e)
		}
	}
	s := New(Options{Polite: true})
	f, session := s.Form("eucjp"), open(s, "eucjp")
	v := fill(t, f, session, Plan, "a@b.example", "山田")
	v.Set("step", "2")
	ask(s, "POST", "/eucjp/sesform.php", v.Encode(), session)
	if e := s.Entries(); len(e) != 1 || e[0].Mojibake || e[0].Who() != "山田 花" {
		t.Errorf("%+v", e)
	}
}

func references(t *testing.T) {
	s := New(Options{Polite: true})
	f, session := s.Form("sjis"), open(s, "sjis")
	v := fill(t, f, session, Plan, "a@b.example", "山田")
	v.Set(f.Inputs.Name, "&#44608;")
	ask(s, "POST", "/sjis/sesform.php", v.Encode(), session)
	if e := s.Entries(); len(e) != 1 || e[0].Name != "&#44608;" {
		t.Errorf("%+v", e)
	}
}

// charset is a form in Shift_JIS whose head says header and whose page says meta.
func charset(header, meta string) func(*testing.T) {
	return func(t *testing.T) {
		s := New(Options{Polite: true})
		s.Change("sjis", func(f *Form) { f.Header, f.Meta = header, meta })
		w := ask(s, "GET", "/sjis/sesform.php", "", "")
		_, told, _ := strings.Cut(w.Header().Get("Content-Type"), "charset=")
		text, err := japanese.ShiftJIS.NewDecoder().String(w.Body.String())
		if err != nil || told != header || strings.Contains(text, "charset="+meta+`">`) != (meta != "") || strings.Contains(text, "<meta") != (meta != "") || !strings.Contains(text, "お名前") {
			t.Errorf("%q %s %v", told, text, err)
		}
	}
}

func otherAnswer(t *testing.T) {
	s := New(Options{Polite: true})
	s.Next(Other)
	session := open(s, "sjis")
	w := ask(s, "POST", "/sjis/sesform.php", fill(t, s.Form("sjis"), session, Plan, "a@b.example", "山田").Encode(), session)
	if w.Header().Get("Content-Type") != "text/html; charset=UTF-8" || !strings.Contains(w.Body.String(), Done) || len(s.Entries()) != 1 {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func pages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fault, want := range map[Fault]struct {
			code int
			says string
			head string
		}{
			PageDown: {503, "メンテナンス", "30"}, Login: {200, `type="password"`, ""}, Moved: {302, "", ""}, Refresh: {200, `http-equiv="refresh"`, ""}, Giant: {200, "<div><div>", ""},
			Missing: {404, "Not Found", ""}, Foreign: {200, `action="https://elsewhere.example/collect"`, ""}, Captcha: {200, `name="captcha"`, ""}, Half: {200, `method="post"`, ""}, Late: {200, "</form>", ""},
		} {
			s := New(Options{Polite: true})
			s.Next(fault)
			at := time.Now()
			w := ask(s, "GET", "/utf8/sesform.php", "", "")
			if body := w.Body.String(); w.Code != want.code || w.Header().Get("Retry-After") != want.head || !strings.Contains(body, want.says) || strings.Contains(body, "</form>") && fault == Half {
				t.Errorf("%s: %d %v", fault, w.Code, w.Header())
			}
			if took := time.Since(at); took > 0 != (fault == Late) || w.Body.Len() > 60<<20 != (fault == Giant) {
				t.Errorf("%s: %s, %d bytes", fault, took, w.Body.Len())
			}
			if fault == Moved && !strings.HasPrefix(w.Header().Get("Location"), "https://elsewhere.example/") {
				t.Errorf("moved to %s", w.Header().Get("Location"))
			}
			if !slices.Contains(onPage, fault) {
				t.Errorf("%s is no fault of the page", fault)
			}
		}
	})
}

func renamed(t *testing.T) {
	s := New(Options{Polite: true})
	before := s.Form("sjis")
	s.Change("sjis", func(f *Form) { f.Inputs.Mail = "renamed" })
	session := open(s, "sjis")
	body := ask(s, "GET", "/sjis/sesform.php", "", "").Body.String()
	text, _ := japanese.ShiftJIS.NewDecoder().String(ask(s, "POST", "/sjis/sesform.php", fill(t, before, session, Plan, "a@b.example", "山田").Encode(), session).Body.String())
	if !strings.Contains(body, `name="renamed"`) || !strings.Contains(text, Refused) {
		t.Errorf("%s %s", body, text)
	}
}

func reworded(t *testing.T) {
	s := New(Options{Polite: true})
	s.Next(Reworded)
	if code, text := submit(t, s, "sjis", Plan, "a@b.example", "山田"); code != 200 || strings.Contains(text, Done) || strings.Contains(text, Refused) || len(s.Entries()) != 1 {
		t.Errorf("%d %s", code, text)
	}
}

// trouble sends a form under a fault, and then again without one.
func trouble(fault Fault, entries int, answered bool) func(*testing.T) {
	return func(t *testing.T) {
		s := New(Options{Polite: true})
		s.Next(fault)
		srv := httptest.NewServer(s)
		defer srv.Close()
		session := open(s, "sjis")
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/sjis/sesform.php", strings.NewReader(fill(t, s.Form("sjis"), session, Plan, "a@b.example", "山田").Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(&http.Cookie{Name: "NPSESSID", Value: session})
		res, err := srv.Client().Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		if (err == nil) != answered || answered && res.StatusCode < 500 || len(s.Entries()) != entries {
			t.Errorf("%v, %d entries", err, len(s.Entries()))
		}
		want := map[int]string{0: Done, 1: Already}[entries]
		if _, text := submit(t, s, "sjis", Plan, "a@b.example", "山田"); !strings.Contains(text, want) || len(s.Entries()) != 1 {
			t.Errorf("again: %s, %d entries", text, len(s.Entries()))
		}
	}
}

func hangs(t *testing.T) {
	s := New(Options{Polite: true})
	s.Next(Hang)
	srv := httptest.NewServer(s)
	defer srv.Close()
	session := open(s, "sjis")
	req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/sjis/sesform.php", strings.NewReader(fill(t, s.Form("sjis"), session, Plan, "a@b.example", "山田").Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.AddCookie(&http.Cookie{Name: "NPSESSID", Value: session})
	client := *srv.Client()
	client.Timeout = 50 * time.Millisecond
	if res, err := client.Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("answered %d", res.StatusCode)
	}
	if len(s.Entries()) != 1 {
		t.Errorf("%d entries", len(s.Entries()))
	}
}

func halves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fault, want := range map[Fault]struct {
			takes time.Duration
			whole bool
		}{Cut: {0, false}, Slow: {pause, true}} {
			s := New(Options{Polite: true})
			s.Next(fault)
			at := time.Now()
			f, session := s.Form("utf8"), open(s, "utf8")
			w := ask(s, "POST", "/utf8/sesform.php", fill(t, f, session, Plan, "a@b.example", "山田").Encode(), session)
			if w.Code != 200 || time.Since(at) != want.takes || strings.Contains(w.Body.String(), "</html>") != want.whole || len(s.Entries()) != 1 {
				t.Errorf("%s: after %s %d %s", fault, time.Since(at), w.Code, w.Body)
			}
		}
	})
}

func rudeness(t *testing.T) {
	s := New(Options{Seed: 3})
	s.mu.Lock()
	defer s.mu.Unlock()
	for page, want := range map[bool]int{true: 2, false: 5} {
		failed := 0
		for range 10_000 {
			if s.draw(page) != None {
				failed++
			}
		}
		if failed < want*80 || failed > want*120 {
			t.Errorf("page %t: %d of 10000", page, failed)
		}
	}
}

func logged(t *testing.T) {
	s := New(Options{Polite: true})
	s.Next(Missing, DoneBut)
	ask(s, "GET", "/sjis/sesform.php", "", "")
	submit(t, s, "sjis", Plan, "a@b.example", "山田")
	calls := s.Log()
	if len(calls) != 3 || calls[0].Status != 404 || calls[0].Fault != "page-404" || calls[1].Fault != "" || calls[2].Status != 500 || calls[2].Fault != "post-done-500" || len(calls[2].Token) != 8 || calls[2].Form.Get(s.Form("sjis").Inputs.Name) != "山田" {
		t.Errorf("%+v", calls)
	}
	var out struct{ Entries, Calls []json.RawMessage }
	if err := json.Unmarshal(ask(s, "GET", "/_sim/log", "", "").Body.Bytes(), &out); err != nil || len(out.Entries) != 1 || len(out.Calls) != 3 {
		t.Errorf("%v %d entries, %d calls", err, len(out.Entries), len(out.Calls))
	}
}

func violations(t *testing.T) {
	s := New(Options{Polite: true})
	submit(t, s, "sjis", Plan, "a@b.example", "山田")
	if v := s.Violations(); len(v) > 0 {
		t.Fatal(v)
	}
	ask(s, "GET", "/sjis/admin.php", "", "")
	ask(s, "POST", "/sjis/sesform.php", "remove=1", "")
	r := httptest.NewRequest("POST", "/sjis/sesform.php", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), r)
	s.Next(PageDown)
	ask(s, "GET", "/sjis/sesform.php", "", "")
	ask(s, "GET", "/sjis/sesform.php", "", "")
	want := []string{
		"GET /sjis/admin.php: unknown path", "POST /sjis/sesform.php: unknown input remove", "POST /sjis/sesform.php: wrong content type",
		"GET /sjis/sesform.php: a call before the told wait was over",
	}
	if got := s.Violations(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Polite: true})
		s.Next(PageDown)
		ask(s, "GET", "/sjis/sesform.php", "", "")
		if w := ask(s, "POST", "/_sim/clock", `{"advance":"30s"}`, ""); w.Code != http.StatusNoContent {
			t.Errorf("%d", w.Code)
		}
		submit(t, s, "sjis", Plan, "a@b.example", "山田")
		if v, e := s.Violations(), s.Entries(); len(v) > 0 || len(e) != 1 || time.Until(e[0].At) != 30*time.Second {
			t.Errorf("%q %+v", v, e)
		}
		if ask(s, "POST", "/_sim/reset", "", ""); len(s.Entries())+len(s.Log()) > 0 || !s.clock.Now().Equal(time.Now()) {
			t.Error("a reset leaves something")
		}
	})
}
