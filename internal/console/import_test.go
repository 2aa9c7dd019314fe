package console_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// upload posts a file as a browser does.
func (d *desk) upload(source, name string, file []byte) *httptest.ResponseRecorder {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	d.must(w.WriteField("source", source))
	d.must(w.WriteField("name", name))
	part, err := w.CreateFormFile("file", "members.csv")
	d.must(err)
	_, err = part.Write(file)
	d.must(err)
	d.must(w.Close())
	r := httptest.NewRequest(http.MethodPost, "/imports", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return d.do(r)
}

// went is where a page sends the browser, which must be there.
func (d *desk) went(res *httptest.ResponseRecorder) string {
	d.t.Helper()
	if res.Code != http.StatusSeeOther {
		d.t.Fatalf("%d: %s", res.Code, notices(res.Body.String()))
	}
	path, _, _ := strings.Cut(res.Header().Get("Location"), "?")
	return path
}

// notices are what a page says in its notices.
func notices(page string) string {
	return strings.Join(regexp.MustCompile(`(?s)class="notice.*?</div>`).FindAllString(page, -1), "\n")
}

// inputs are the form of a page as a browser would post it unchanged.
func inputs(page string) url.Values {
	form := url.Values{}
	_, page, _ = strings.Cut(page, `class="card form wide"`)
	page, _, _ = strings.Cut(page, "</form>")
	for _, tag := range regexp.MustCompile(`<input [^>]*>`).FindAllString(page, -1) {
		name, value := attribute(tag, "name"), attribute(tag, "value")
		if attribute(tag, "type") != "checkbox" || strings.Contains(tag, " checked") {
			form.Set(name, value)
		}
	}
	for _, m := range regexp.MustCompile(`(?s)<select ([^>]*)>(.*?)</select>`).FindAllStringSubmatch(page, -1) {
		if chosen := regexp.MustCompile(`<option value="([^"]*)" selected`).FindStringSubmatch(m[2]); chosen != nil {
			form.Set(attribute(m[1], "name"), chosen[1])
		}
	}
	return form
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(` ?\b` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return m[1]
}

// acts are the actions in the audit trail, oldest first: by their times, since the
// trail's own order knows no more than the millisecond.
func (d *desk) acts() (acts []string) {
	d.t.Helper()
	lines := d.trail()
	slices.SortStableFunc(lines, func(a, b store.Audit) int { return a.At.Compare(b.At) })
	for _, a := range lines {
		if a.Actor == "member:mem_1" {
			acts = append(acts, a.Action)
		}
	}
	return acts
}

const membersFile = "会員番号,氏名,メールアドレス,契約ID,プラン,契約状態,メルマガ同意\r\n" +
	"A-100,山田 花,hana2@customer.example,456,月額プラン,契約継続中,○\r\n" +
	"A-101,鈴木 三,suzuki@customer.example,457,年額プラン,保留,\r\n" +
	"A-102,=cmd|' /C calc'!A0,not an address,458,@SUM(1),契約継続中,\r\n"

// TestImportFile: a shop owner's way from a file to what it changes, every step
// of it in the audit trail; the second month needs no answers.
func TestImportFile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) { importFile(newDesk(t, url)) })
}

func importFile(d *desk) {
	d.t.Helper()
	file, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(membersFile))
	d.must(err)
	page := d.went(d.upload("", "Luxliner", file))
	columns := d.went(d.do(httptest.NewRequest(http.MethodGet, page, nil)))
	code, body := d.get(columns)
	for _, want := range []string{"会員番号", "hana2@customer.example", "同意はファイルから取り込みません", "ファイルの中身から見当", `value="shift_jis" selected`} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			d.t.Errorf("the columns, %d, without %q", code, want)
		}
	}
	form := inputs(body)
	if form.Get("field0") != "number" || form.Get("field5") != "state" || form.Get("field6") != "" || form.Get("state0") != "active" || form.Get("word1") != "保留" || form.Get("country") != "JP" {
		d.t.Errorf("guessed %v", form)
	}
	d.went(d.post(columns, form))
	code, body = d.get(page)
	for _, want := range []string{"まだ何も変わっていません", "新しい契約 456", "変更: 氏名、メールアドレス", "3行目", "状態「保留」の意味が決まっていません", "4行目", "メールアドレスの形になっていません", "はじめてのファイル"} {
		if code != http.StatusOK || !strings.Contains(body, want) && !strings.Contains(body, strings.Replace(want, "変更: 氏名、メールアドレス", "変更: 氏名", 1)) {
			d.t.Errorf("the dry run, %d, without %q", code, want)
		}
	}
	if cs, err := d.st.Customers(context.Background(), ws, store.Page{}); err != nil || len(cs) != 1 {
		d.t.Errorf("a dry run made customers: %d, %v", len(cs), err)
	}
	d.refusedFile(page)
	d.applied(page, file)
}

// refusedFile holds the list of refused lines: whole, and without a formula.
func (d *desk) refusedFile(page string) {
	d.t.Helper()
	res := d.do(httptest.NewRequest(http.MethodGet, page+"/refused.csv", nil))
	body := res.Body.String()
	if !strings.HasPrefix(body, "\ufeff行,") || strings.Count(body, "\n") != 3 || !strings.Contains(body, `'=cmd`) || !strings.Contains(body, "'@SUM(1)") || strings.Contains(body, ",=cmd") {
		d.t.Errorf("refused: %s", body)
	}
}

func (d *desk) applied(page string, file []byte) {
	d.t.Helper()
	ctx := context.Background()
	reader := &intake.Imports{Store: d.st, Kinds: builtin.Kinds()}
	if res := d.post(page+"/apply", url.Values{"version": {"1"}}); res.Code != http.StatusConflict {
		d.t.Errorf("applied by other columns than were looked at: %d", res.Code)
	}
	d.went(d.post(page+"/apply", url.Values{"version": {"2"}}))
	if _, body := d.get(page); !strings.Contains(body, "3行のうち0行") || !strings.Contains(body, `hx-trigger="every 2s"`) {
		d.t.Error("it does not show how far it is")
	}
	d.went(d.post(page+"/stop", nil))
	if _, body := d.get(page); !strings.Contains(body, "続ける") {
		d.t.Error("a stopped one cannot go on")
	}
	d.went(d.post(page+"/apply", nil))
	d.must(reader.Step(ctx))
	if code, body := d.get(page); code != http.StatusOK || !strings.Contains(body, "反映済み") || strings.Contains(body, "every 2s") {
		d.t.Errorf("the result: %d", code)
	}
	points, err := d.st.ContactPoints(ctx, ws, "cus_hana")
	if err != nil || len(points) != 2 {
		d.t.Errorf("%d contact points, %v", len(points), err)
	}
	if consents, err := d.st.Consents(ctx, ws, "cus_hana"); err != nil || len(consents) != 0 {
		d.t.Errorf("a column gave %d consents, %v", len(consents), err)
	}
	accounts, err := d.st.Accounts(ctx, ws)
	d.must(err)
	source := accounts[slices.IndexFunc(accounts, func(a engawa.Account) bool { return a.Kind == "csv" })].ID
	d.went(d.post(d.went(d.upload("", "Luxliner", file))+"/drop", nil)) // a name that is there makes no second system
	again := d.went(d.upload(source, "", file))
	if code, body := d.get(again); code != http.StatusOK || !strings.Contains(body, "変わることはありません") {
		d.t.Errorf("the same file once more: %d", code)
	}
	d.went(d.post(again+"/drop", nil))
	if code, body := d.get(again); code != http.StatusOK || !strings.Contains(body, "取りやめ") {
		d.t.Errorf("given up: %d", code)
	}
	want := []string{"create-account", "add-import", "change-account", "apply-import", "stop-import", "apply-import", "add-import", "drop-import", "add-import", "drop-import"}
	if acts := d.acts(); !slices.Equal(acts, want) {
		d.t.Errorf("the trail says %v", acts)
	}
	if code, body := d.get("/imports"); code != http.StatusOK || strings.Count(body, "<tr>") != 4 || !strings.Contains(body, "Luxliner") {
		d.t.Errorf("the list: %d", code)
	}
	if code, body := d.get("/accounts/" + source); code != http.StatusOK || !strings.Contains(body, "/imports?source="+source) {
		d.t.Errorf("the account: %d", code)
	}
}

// TestImportRefused: what cannot be uploaded or saved is told in words, and
// nothing is kept of it.
func TestImportRefused(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for name, c := range map[string]struct {
		source, system string
		file           []byte
		want           string
	}{
		"no file":        {"", "Luxliner", nil, "ファイルが空です"},
		"no system":      {"", " ", []byte(membersFile), "どのシステムのファイルか"},
		"a large one":    {"", "Luxliner", bytes.Repeat([]byte("x"), csv.MaxBytes+1), "大きすぎます"},
		"a larger one":   {"", "Luxliner", bytes.Repeat([]byte("x"), csv.MaxBytes+1<<20), "大きすぎます"},
		"a name in full": {"", strings.Repeat("名", 81), []byte(membersFile), "80文字まで"},
	} {
		res := d.upload(c.source, c.system, c.file)
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), c.want) {
			t.Errorf("%s: %d, %s", name, res.Code, notices(res.Body.String()))
		}
	}
	if res := d.upload("acc_mail", "", []byte(membersFile)); res.Code != http.StatusUnprocessableEntity {
		t.Errorf("a mailbox as a system: %d", res.Code)
	}
	if is, err := d.st.Imports(context.Background(), ws, store.Page{}); err != nil || len(is) != 0 {
		t.Errorf("%d files are kept, %v", len(is), err)
	}
	page := d.went(d.upload("", "Luxliner", []byte(membersFile)))
	_, body := d.get(page + "/columns")
	form := inputs(body)
	for name, c := range map[string]struct {
		key, value, want string
	}{
		"without a number": {"field0", "", "会員番号の列が選ばれていません"},
		"two names":        {"field6", "name", "「氏名」の列が二つ"},
		"no contract id":   {"field3", "", "契約IDの列がありません"},
		"a country":        {"country", "日本", "国が2文字ではありません"},
		"an unasked word":  {"word1", "解約", "何を表すかを選んでください"},
	} {
		res := d.post(page+"/columns", with(form, c.key, c.value))
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), c.want) || !strings.Contains(res.Body.String(), "メルマガ同意") {
			t.Errorf("%s: %d, %s", name, res.Code, notices(res.Body.String()))
		}
	}
	if res := d.do(httptest.NewRequest(http.MethodGet, page+"/columns?encoding=utf-16&separator=%3B", nil)); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "UTF-16のファイルではありません") {
		t.Errorf("read as UTF-16: %d", res.Code)
	}
	if res := d.do(httptest.NewRequest(http.MethodGet, page+"/columns?encoding=utf-8&separator=%2C", nil)); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "ご自身で選んだ設定") || inputs(res.Body.String()).Get("encoding") != "utf-8" {
		t.Errorf("read as chosen: %d", res.Code)
	}
	if acts := d.acts(); !slices.Equal(acts, []string{"create-account", "add-import"}) {
		t.Errorf("the trail says %v", acts)
	}
	d.member.Role = engawa.Support
	for _, path := range []string{"/imports", page, page + "/columns", page + "/refused.csv"} {
		if code, _ := d.get(path); code != http.StatusForbidden {
			t.Errorf("%s for a supporter: %d", path, code)
		}
	}
}

// TestImportFaults: a file that cannot be read at all waits on the page where
// its letters and separator are chosen, with what is wrong and the line.
func TestImportFaults(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	for want, file := range map[string]string{
		"1行目: 見出し「氏名」が二つあります（2, 3列目）": "会員番号,氏名,氏名\n1,a,b\n",
		"2行目: 引用符（&#34;）が開いたまま":       "会員番号,氏名\n1,\"a\n",
		"1行目: 2列目に内容があるのに":            "会員番号,,氏名\n1,x,y\n",
		"1行目の見出しの下に、何もありません":          "会員番号,氏名\n",
	} {
		page := d.went(d.upload("", "Luxliner", []byte(file)))
		columns := d.went(d.do(httptest.NewRequest(http.MethodGet, page, nil)))
		if code, body := d.get(columns); code != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "field0") {
			t.Errorf("%d, %s, want %s", code, notices(body), want)
		}
		if to := d.went(d.post(page+"/apply", nil)); to != columns {
			t.Errorf("applied, it goes to %s", to)
		}
	}
}

// TestFaultsHaveWords: every fault that the reader of files finds is told in
// words, with the line, what was seen and what is allowed where it says so.
func TestFaultsHaveWords(t *testing.T) {
	files, err := filepath.Glob("../source/csv/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?:Code: |r\.(?:wrong|said)\()"([a-z_]+)"[,}]`).FindAllStringSubmatch(string(source), -1) {
			found++
			for _, key := range []string{"csv.fault." + m[1], "csv.fault." + m[1] + ".remedy"} {
				if !words(t).Has(key) {
					t.Errorf("%s has no words: %s", file, key)
				}
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d faults were found", found)
	}
	for _, s := range csv.States {
		if !words(t).Has("csv.state." + string(s)) {
			t.Errorf("no words for %s", s)
		}
	}
	for _, f := range csv.Fields {
		if !words(t).Has("csv.field." + string(f)) {
			t.Errorf("no words for %s", f)
		}
	}
}
