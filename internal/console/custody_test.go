package console_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/custody"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// written is a page of a thing that was written down.
func (d *desk) written(page string) string {
	d.t.Helper()
	c := engawa.Custody{Workspace: ws, ID: engawa.NewID(engawa.PrefixCustody), Kind: "mail", Name: "hinata.example", CreatedAt: time.Now()}
	d.must(d.st.AddCustody(context.Background(), c))
	return "/custody/" + c.ID + page
}

// pictured posts a form with a picture.
func (d *desk) pictured(path string, form url.Values, picture []byte) *httptest.ResponseRecorder {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		d.must(w.WriteField(name, values[0]))
	}
	part, err := w.CreateFormFile("picture", "rights.html")
	d.must(err)
	_, err = part.Write(picture)
	d.must(err)
	d.must(w.Close())
	r := httptest.NewRequest(http.MethodPost, path, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return d.do(r)
}

func drawn(t *testing.T, side int, encode func(*bytes.Buffer, image.Image) error) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, side, 8))
	m.Set(1, 1, color.White)
	var out bytes.Buffer
	if err := encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asPNG(w *bytes.Buffer, m image.Image) error  { return png.Encode(w, m) }
func asJPEG(w *bytes.Buffer, m image.Image) error { return jpeg.Encode(w, m, nil) }

// TestCustodyPages: an operator writes down an official account that is all in the
// vendor's hands, says who holds it with a picture, and is told what to do; does the
// first thing; and every word of it is there to be shown later.
func TestCustodyPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn)
		if _, body := d.get("/custody"); !strings.Contains(body, "/custody/cst_acc_mail") || !strings.Contains(body, "まだ記録なし") {
			t.Error("an account has no entry by itself")
		}
		if res := d.post("/custody", url.Values{"kind": {"fax"}, "name": {"x"}}); res.Code != http.StatusUnprocessableEntity {
			t.Errorf("a kind that there is not: %d", res.Code)
		}
		to := d.post("/custody", url.Values{"kind": {"line"}, "name": {"ひなた珈琲の公式"}}).Header().Get("Location")
		path, _, _ := strings.Cut(to, "?")
		form := url.Values{
			"owner": {"workspace"}, "known": {"seen"}, "on": {"2026-11-17"}, "note": {"請求書も見た"}, "h0.name": {"店長"}, "h0.side": {"own"}, "h0.oa_admin": {"true"},
			"h1.name": {"B社"}, "h1.side": {"outside"}, "h1.oa_admin": {"true"}, "h1.channel_admin": {"true"}, "h2.name": {"nobody"},
		}
		for name, c := range map[string]struct {
			form    url.Values
			picture []byte
		}{
			"no picture at all":  {form, []byte("<html><script>alert(1)</script>")},
			"a picture too wide": {form, drawn(t, 4001, asPNG)},
			"nobody named":       {url.Values{"h0.name": {"店長"}}, nil},
			"a name twice":       {with(form, "h1.name", "店長"), nil},
		} {
			res := d.pictured(path+"/state", c.form, c.picture)
			if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), `role="alert"`) {
				t.Errorf("%s: %d", name, res.Code)
			}
		}
		behind := append(drawn(t, 8, asJPEG), "<script>place of the camera"...)
		if res := d.pictured(path+"/state", form, behind); res.Code != http.StatusSeeOther {
			t.Fatalf("said: %d %s", res.Code, res.Body)
		}
		_, body := d.get(path)
		for _, want := range []string{"一部が他社の手に", "B社の公式アカウント管理者権限を今すぐ外す", "2026年11月17日", "請求書も見た", "提供元の画面で見たこと"} {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(body, "nobody") {
			t.Error("who holds nothing is shown")
		}
		d.picture(path, body)
		if res := d.pictured(path+"/state", form, nil); res.Code != http.StatusConflict {
			t.Errorf("said by one who had not seen what was said: %d", res.Code)
		}
		remove := url.Values{"key": {"remove"}, "holder": {"B社"}, "right": {"oa_admin"}, "note": {"画面で確認"}}
		if res := d.pictured(path+"/done", remove, drawn(t, 8, asPNG)); res.Code != http.StatusSeeOther {
			t.Fatalf("done: %d", res.Code)
		}
		d.post(path+"/done", remove)                                                                 // a second time: nothing
		d.post(path+"/done", url.Values{"key": {"remove"}, "holder": {"C社"}, "right": {"oa_admin"}}) // nobody asked for it
		id := strings.TrimPrefix(path, "/custody/")
		c, err := d.st.Custody(context.Background(), ws, id)
		d.must(err)
		if j := custody.Judge(c, time.Now()); len(c.Lines) != 2 || c.Lines[1].Picture != "image/png" || c.Lines[1].By != "member:mem_1" || j.First().Key != custody.StepSecond {
			t.Errorf("%+v, then %+v", c.Lines, j.First())
		}
		if _, body := d.get(path); !strings.Contains(body, "画面で確認") || !strings.Contains(body, "に済み") {
			t.Error("what was done is not shown")
		}
		d.member.Role = engawa.Viewer
		for page, want := range map[string]int{"/custody": http.StatusOK, "/custody/questions": http.StatusOK, path: http.StatusForbidden, path + "/state": http.StatusForbidden} {
			if code, _ := d.get(page); code != want {
				t.Errorf("a viewer sees %s: %d", page, code)
			}
		}
		if code, _ := d.get(path + "/pictures/" + c.Lines[0].ID); code != http.StatusForbidden {
			t.Errorf("a viewer sees the picture: %d", code)
		}
	})
}

// picture is what the page links to: the picture alone, drawn anew, and nothing that
// could run.
func (d *desk) picture(path, body string) {
	d.t.Helper()
	link := regexp.MustCompile(path + `/pictures/\w+`).FindString(body)
	res := d.do(httptest.NewRequest(http.MethodGet, link, nil))
	h := res.Header()
	if res.Code != http.StatusOK || h.Get("Content-Type") != "image/jpeg" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		d.t.Errorf("%q: %d, %v", link, res.Code, h)
	}
	if _, err := jpeg.Decode(bytes.NewReader(res.Body.Bytes())); err != nil || bytes.Contains(res.Body.Bytes(), []byte("script")) {
		d.t.Errorf("the picture is not drawn anew: %v", err)
	}
	other := d.written("")
	d.post(other+"/state", url.Values{"h0.name": {"店長"}, "h0.registrar": {"true"}})
	if code, _ := d.get(other + "/pictures/" + link[strings.LastIndex(link, "/")+1:]); code != http.StatusNotFound {
		d.t.Errorf("the picture of another entry: %d", code)
	}
}

// TestCustodyFindings: what a check found stands first, and the task leads there.
func TestCustodyFindings(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	ctx := context.Background()
	if res := d.post("/custody/cst_acc_mail/ask", nil); res.Code != http.StatusSeeOther {
		t.Fatalf("asked: %d", res.Code)
	}
	l, due, err := d.st.DueCustody(ctx)
	if d.must(err); !due || l.Account != "acc_mail" {
		t.Fatalf("to be asked is %v, %t", l, due)
	}
	found := engawa.CustodyFound{What: custody.WebhookChanged, Was: "https://a.example/in", Is: "https://b.example/in"}
	d.must(d.st.LookedAtCustody(ctx, l, store.CustodySeen{Answered: true, Facts: map[string]string{"webhook": found.Is}, Found: []engawa.CustodyFound{found}, Next: time.Now().Add(time.Hour)}))
	_, body := d.get("/custody/cst_acc_mail")
	if !strings.Contains(body, "前: https://a.example/in") || !strings.Contains(body, "メッセージの届き先が変わりました") {
		t.Error("the page does not tell of it")
	}
	tasks, err := d.st.Tasks(ctx, ws, 10)
	d.must(err)
	if _, body := d.get("/tasks/" + tasks[0].ID); !strings.Contains(body, `href="/custody/cst_acc_mail"`) {
		t.Error("the task does not lead there")
	}
	c, err := d.st.Custody(ctx, ws, "cst_acc_mail")
	d.must(err)
	d.post("/custody/cst_acc_mail/done", url.Values{"key": {"found"}, "found": {c.Lines[0].ID}})
	if k, err := d.st.Task(ctx, ws, tasks[0].ID); err != nil || k.State != "done" {
		t.Errorf("looked into, and the task is %s, %v", k.State, err)
	}
}

// TestCustodyWords: every right, risk, step, side and question has words in each
// language.
func TestCustodyWords(t *testing.T) {
	w := words(t)
	var want []string
	for _, kind := range append(custody.Kinds(), "other") {
		for _, r := range custody.KindOf(kind).Rights {
			want = append(want, "custody.right."+kind+"."+r.Name)
		}
		if !w.Has("custody.kind."+kind) && !w.Has("kind."+kind) {
			t.Errorf("%s has no name", kind)
		}
	}
	for _, r := range custody.Risks {
		want = append(want, "custody.risk."+string(r), "custody.risk."+string(r)+".means")
	}
	for _, s := range custody.Steps {
		want = append(want, "custody.step."+s, "custody.step."+s+".why")
	}
	for _, f := range custody.Findings {
		want = append(want, "custody.step.found."+f, "custody.step.found."+f+".why", "task.custody."+f, "task.custody."+f+".help")
	}
	for i := range console.Questions {
		want = append(want, "custody.q."+strconv.Itoa(i+1), "custody.q."+strconv.Itoa(i+1)+".good")
	}
	for _, key := range want {
		if !w.Has(key) {
			t.Errorf("%s has no words", key)
		}
	}
	for _, l := range engawa.Locales {
		d := newDesk(t, storetest.SQLite(t))
		_, body := d.get("/custody/questions?in=" + string(l))
		if !strings.Contains(body, w.T(l, "custody.q.16")) || strings.Count(body, `class="blank"`) != console.Questions {
			t.Errorf("the questions are not asked in %s", l)
		}
	}
}
