package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/appstore/sim"
)

// do sends an act as the page's form does, or as a program.
func (s *shop) do(accept string, pairs ...string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequest("POST", "/_sim/act", strings.NewReader(strings.TrimPrefix(query(pairs...), "?")))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *shop) look(path string) string {
	s.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

// TestPage: a person can do on the page what customers and the store do, and sees
// what came of it.
func TestPage(t *testing.T) {
	within(t, sim.Production, func(t *testing.T, s *shop) {
		s.Undecided = true
		var slow atomic.Bool
		s.listen(func(w http.ResponseWriter, _ *http.Request) {
			if slow.Load() {
				time.Sleep(5 * time.Second)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		for lang, want := range map[string][]string{
			"ja": {"お客さまがまだいません", "通知はまだありません"}, "ko": {"아직 고객이 없습니다", "아직 알림이 없습니다"}, "en": {"There are no customers yet", "None yet."},
		} {
			page := s.look("/?lang=" + lang)
			for _, text := range append(want, `lang="`+lang+`"`, bundle) {
				if !strings.Contains(page, text) {
					t.Errorf("%s: no %q", lang, text)
				}
			}
		}
		form := func(pairs ...string) {
			t.Helper()
			if w := s.do("text/html", append(pairs, "lang", "en")...); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/?lang=en" {
				t.Fatalf("%v: %d %s", pairs, w.Code, w.Body)
			}
		}
		form("act", "customer", "name", "<b>Misaki</b>", "storefront", "JPN", "token", token)
		form("act", "buy", "customer", "c1", "product", "monthly")
		form("act", "renew_off", "customer", "c1", "product", "monthly")
		form("act", "buy", "customer", "c1", "product", "beans")
		wait(time.Minute)
		var bean string
		for _, n := range s.Notices() {
			if tr := s.open(n.Body).Transaction; tr["productId"] == "beans" {
				bean = tr["transactionId"].(string)
			}
		}
		slow.Store(true)
		form("act", "refund", "transaction", bean, "reason", "OTHER")
		if !strings.Contains(s.look("/?lang=en"), "Waiting to be sent") {
			t.Error("a notification under way is not shown as such")
		}
		wait(10 * time.Second)
		slow.Store(false)
		page := s.look("/?lang=en")
		for _, want := range []string{
			"&lt;b&gt;Misaki&lt;/b&gt;", "Turn on renewal", "does not renew", "Refund case: Other", "Consumption requests 1 sent", "Refund half",
			"CONSUMPTION_REQUEST", "UNSUCCESSFUL_HTTP_RESPONSE_CODE 503", "Will be tried again",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(page, "<b>Misaki</b>") {
			t.Error("a name is markup")
		}
		form("act", "half", "transaction", bean)
		form("act", "card_fails", "customer", "c1")
		if page := s.look("/?lang=ko"); !strings.Contains(page, "환불됨") || !strings.Contains(page, "카드 고치기") {
			t.Error("the refund or the card is not shown")
		}
		form("act", "buy", "customer", "c1", "product", "beans")
		if page := s.look("/?lang=ja"); !strings.Contains(page, "操作できませんでした。</b> <span lang=\"en\">the card was declined") {
			t.Error("what stood in the way is not told")
		}
		form("act", "card_works", "customer", "c1")
		if strings.Contains(s.look("/?lang=ja"), "操作できませんでした。") {
			t.Error("an old problem is told again")
		}
		for _, missing := range []string{"ZgotmplZ", "&lt;no value&gt;", "<no value>"} {
			if strings.Contains(page, missing) {
				t.Errorf("the page has %q", missing)
			}
		}
	})
}

// TestActs: every act can be asked for by a program, and none by GET.
func TestActs(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		s.Undecided = true
		act := func(pairs ...string) (id string) {
			t.Helper()
			w := s.do("application/json", pairs...)
			var out struct{ ID, Error string }
			if s.must(json.Unmarshal(w.Body.Bytes(), &out)); w.Code != http.StatusOK {
				t.Fatalf("%v: %d %s", pairs, w.Code, out.Error)
			}
			return out.ID
		}
		one := act("act", "customer", "name", "a", "storefront", "JPN")
		two := act("act", "customer", "name", "b", "storefront", "KOR")
		act("act", "join", "customer", one, "member", two)
		sub := act("act", "buy", "customer", one, "product", "monthly")
		act("act", "renew_off", "customer", one, "product", "monthly")
		act("act", "renew_on", "customer", one, "product", "monthly")
		act("act", "raise", "product", "monthly", "consent", "yes")
		act("act", "consent", "customer", one, "product", "monthly")
		act("act", "leave", "customer", one, "member", two)
		codes := strings.Fields(act("act", "codes", "offer", "club thanks"))
		act("act", "redeem", "customer", two, "code", codes[0])
		act("act", "move", "customer", two, "storefront", "USA")
		bean := act("act", "buy", "customer", one, "product", "beans")
		act("act", "finish", "transaction", bean)
		act("act", "refund", "transaction", bean, "reason", "LEGAL")
		act("act", "decline", "transaction", bean)
		act("act", "grant", "transaction", bean)
		act("act", "reverse", "transaction", bean)
		act("act", "refund", "transaction", sub, "reason", "OTHER")
		act("act", "half", "transaction", sub)
		act("act", "card_fails", "customer", one)
		act("act", "card_works", "customer", one)
		act("act", "off_sale", "product", "beans")
		act("act", "on_sale", "product", "beans")
		act("act", "rescind", "customer", one)
		act("act", "clear", "customer", one)
		act("act", "review")
		for _, bad := range [][]string{{"act", "fly"}, {}, {"act", "buy", "customer", "c9", "product", "beans"}, {"act", "customer", "name", " "}, {"act", "refund", "transaction", "1"}, {"act", "raise", "product", "x"}} {
			if w := s.do("application/json", bad...); w.Code != http.StatusConflict {
				t.Errorf("%v: %d %s", bad, w.Code, w.Body)
			}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/_sim/act?"+url.Values{"act": {"buy"}}.Encode(), nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("an act by GET: %d", w.Code)
		}
		s.proved()
	})
}

func TestAssets(t *testing.T) {
	within(t, sim.Sandbox, func(t *testing.T, s *shop) {
		if got := s.look("/_sim/root.pem"); got != s.RootPEM() {
			t.Error("another root")
		}
		var key map[string]any
		s.must(json.Unmarshal([]byte(s.look("/_sim/key")), &key))
		if id, _, p8 := s.Key(); key["key_id"] != id || key["private_key"] != p8 {
			t.Errorf("%v", key)
		}
		if !strings.Contains(s.look("/_sim/style.css"), "--moss") || !strings.Contains(s.look("/_sim/live.js"), "setInterval") || !strings.Contains(s.look("/_sim/log"), `"calls"`) {
			t.Error("the page's files are not there")
		}
		s.Sample()
		if page := s.look("/?lang=ja"); !strings.Contains(page, "田中 美咲") || !strings.Contains(page, "Hinata Beans") {
			t.Error("the sample is not shown")
		}
	})
}

// TestTable: every case of the document names tests that exist here or in oracle/.
func TestTable(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "app-store-sim.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", filepath.Join(root, "oracle", "appstore", "*_test.go")} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	tests := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(code.String(), -1) {
		tests[m[1]] = true
	}
	rows := 0
	named := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| case") {
			continue
		}
		found := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("no test holds: %s", line)
		}
		for _, m := range found {
			if named[m[1]] = true; !tests[m[1]] {
				t.Errorf("there is no %s", m[1])
			}
		}
		rows++
	}
	for _, e := range sim.Endpoints() {
		if !strings.Contains(string(doc), "`"+e+"`") {
			t.Errorf("the document lacks %s", e)
		}
	}
	if rows < 40 {
		t.Errorf("%d cases", rows)
	}
}
