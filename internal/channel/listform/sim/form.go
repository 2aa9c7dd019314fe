package sim

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"

	"github.com/engawa/engawa/internal/rude"
)

// The words of the answers. Every refusal has Refused in it, but for a session
// that is over.
const (
	Done        = "登録が完了しました"
	Provisional = "確認メールを送信しました"
	Already     = "既に登録されています"
	Refused     = "登録できませんでした"
)

// show answers with the form.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.named(w, r)
	if f == nil {
		return
	}
	fault := s.draw(true)
	s.note(r, f, fault, nil)
	if fault == PageDown {
		s.waits = s.clock.Now().Add(toldWait)
	}
	if fault == Giant {
		s.mu.Unlock()
		giant(w)
		s.mu.Lock()
		return
	}
	if spoilt(w, fault) {
		return
	}
	session := fmt.Sprintf("%016x", s.rng.Uint64())
	s.sessions[session] = true
	http.SetCookie(w, &http.Cookie{Name: "NPSESSID", Value: session, Path: "/" + f.Name + "/", HttpOnly: true}) //nolint:gosec // the simulator speaks HTTP on loopback
	action := "sesform.php"
	if fault == Foreign {
		action = "https://elsewhere.example/collect"
	}
	body := f.html(action, session)
	if fault == Late {
		s.mu.Unlock()
		rest(r)
		s.mu.Lock()
	}
	if fault == Half {
		body = body[:strings.Index(body, "<p>")]
	}
	if fault == Captcha {
		body = strings.Replace(body, `<input type="submit"`, `<p><img src="captcha.php" alt=""><label for="c">画像の文字</label><input id="c" name="captcha" required></p><input type="submit"`, 1)
	}
	s.write(w, f, body)
}

// rest is what is late or slow.
func rest(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(pause):
	}
}

// note writes a call into the log, with what no client must do; s.mu is held.
func (s *Server) note(r *http.Request, f *Form, fault Fault, in url.Values) {
	cookie := ""
	if c, err := r.Cookie("NPSESSID"); err == nil {
		cookie = c.Value
	}
	c := rude.Heard(r, cookie, rude.Fault{})
	if c.Status, c.Form = cmp.Or(statuses[fault], http.StatusOK), in; fault != None {
		c.Fault = string(fault)
	}
	if r.Method == http.MethodPost && !strings.HasPrefix(c.ContentType, "application/x-www-form-urlencoded") {
		c.Violations = append(c.Violations, "wrong content type")
	}
	known := []string{f.Inputs.Mail, f.Inputs.Name, f.Inputs.Family, f.Inputs.Given, f.Inputs.KanaFamily, f.Inputs.KanaGiven, f.Inputs.Plan, f.Inputs.Session, "step", "go"}
	for name := range in {
		if !slices.Contains(known, name) {
			c.Violations = append(c.Violations, "unknown input "+name)
		}
	}
	if s.clock.Now().Before(s.waits) {
		c.Violations = append(c.Violations, "a call before the told wait was over")
	}
	s.calling.Add(c)
}

func (s *Server) named(w http.ResponseWriter, r *http.Request) *Form {
	i := slices.IndexFunc(s.forms, func(f *Form) bool { return f.Name == r.PathValue("form") })
	if i < 0 {
		http.NotFound(w, r)
		return nil
	}
	return s.forms[i]
}

// instead are the pages that come in place of the form's.
var instead = map[Fault]struct{ header, value, body string }{
	PageDown: {"Retry-After", strconv.Itoa(int(toldWait / time.Second)), "<p>メンテナンス中です</p>"},
	Login:    {body: `<form method="post" action="login.php"><input name="id"><input type="password" name="pw"></form>`},
	Moved:    {"Location", "https://elsewhere.example/np/sesform.php", ""},
	Refresh:  {body: `<meta http-equiv="refresh" content="0;url=http://127.0.0.1/admin"><script>location="http://127.0.0.1/admin"</script>`},
	Missing:  {body: "<p>Not Found</p>"},
}

// spoilt answers with something that is not the form.
func spoilt(w http.ResponseWriter, f Fault) bool {
	page, is := instead[f]
	if !is {
		return false
	}
	if page.header != "" {
		w.Header().Set(page.header, page.value)
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(cmp.Or(statuses[f], http.StatusOK))
	_, _ = w.Write([]byte(page.body))
	return true
}

func giant(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	for range 1024 {
		if _, err := w.Write([]byte(strings.Repeat("<div>", 64<<10/5))); err != nil {
			return
		}
	}
}

// html is the form's page.
func (f *Form) html(action, session string) string {
	var b strings.Builder
	accept := ""
	if f.Accept != "" {
		accept = ` accept-charset="` + f.Accept + `"`
	}
	fmt.Fprintf(&b, `<h1>メールマガジン登録</h1><form method="post" action="%s"%s><input type="hidden" name="%s" value="%s">`, action, accept, f.Inputs.Session, session)
	if f.Select {
		fmt.Fprintf(&b, `<label for="p">コース</label><select id="p" name="%s">`, f.Inputs.Plan)
		for _, p := range f.Plans {
			fmt.Fprintf(&b, `<option value="%s">コース%s</option>`, p, p)
		}
		b.WriteString(`</select>`)
	} else {
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, f.Inputs.Plan, f.Plans[0])
	}
	for i, in := range []struct{ name, label string }{
		{f.Inputs.Mail, "メールアドレス"},
		{f.Inputs.Name, "お名前"},
		{f.Inputs.Family, "姓"},
		{f.Inputs.Given, "名"},
		{f.Inputs.KanaFamily, "セイ"},
		{f.Inputs.KanaGiven, "メイ"},
	} {
		if in.name != "" {
			fmt.Fprintf(&b, `<p><label for="i%d">%s</label><input id="i%d" name="%s" required></p>`, i, in.label, i, in.name)
		}
	}
	b.WriteString(`<input type="submit" name="go" value="登録する"></form>`)
	return b.String()
}

// write answers with a page in the form's charset, and 200 whatever it says.
func (s *Server) write(w http.ResponseWriter, f *Form, body string) {
	_, _ = w.Write(s.paper(w, f, body))
}

// paper is a page in the form's charset; its head says what the form says of it.
func (s *Server) paper(w http.ResponseWriter, f *Form, body string) []byte {
	meta := ""
	if f.Meta != "" {
		meta = `<meta http-equiv="Content-Type" content="text/html; charset=` + f.Meta + `">`
	}
	kind := "text/html"
	if f.Header != "" {
		kind += "; charset=" + f.Header
	}
	w.Header().Set("Content-Type", kind)
	page, err := encoding.HTMLEscapeUnsupported(coding(f.Charset).NewEncoder()).String("<html><head>" + meta + "<title>メルマガ</title></head><body>" + body + "</body></html>")
	if err != nil {
		page = "error"
	}
	return []byte(page)
}

// take takes a submission, or the confirmation of one.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.named(w, r)
	if f == nil {
		s.mu.Unlock()
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	in, fits := read(r, f.Charset)
	confirming := f.Confirm && in.Get("step") == "2"
	if !confirming {
		s.posts++
	}
	fault := None
	if !f.Confirm || confirming {
		fault = s.draw(false)
	}
	s.note(r, f, fault, in)
	if fault == Down || fault == Dropped {
		s.mu.Unlock()
		if fault == Dropped {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	words, again := s.enter(r, f, in, fits, confirming)
	s.mu.Unlock()
	if fault == Lost {
		panic(http.ErrAbortHandler)
	}
	if fault == Hang {
		<-r.Context().Done()
		return
	}
	if fault == DoneBut {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	if fault == Reworded {
		words = "ありがとうございました"
	}
	if fault == Other {
		f = &Form{Charset: "UTF-8", Header: "UTF-8"}
	}
	page := s.paper(w, f, "<p>"+words+"</p>"+again)
	half := len(page) / 2
	if fault != Slow && fault != Cut {
		half = len(page)
	}
	_, _ = w.Write(page[:half])
	if fault == Slow {
		if out, ok := w.(http.Flusher); ok {
			out.Flush()
		}
		rest(r)
		_, _ = w.Write(page[half:])
	}
}

// read decodes what was posted. fits is false where the bytes are not of the
// form's charset, or look like UTF-8 where that is another one: such a system
// stores them anyway.
func read(r *http.Request, charset string) (url.Values, bool) {
	fits, out := true, url.Values{}
	if r.ParseForm() != nil {
		return out, false
	}
	for k, vs := range r.PostForm {
		v, err := coding(charset).NewDecoder().String(vs[0])
		if charset != "UTF-8" && len(vs[0]) > utf8.RuneCountInString(vs[0]) && utf8.ValidString(vs[0]) {
			fits = false
		}
		if err != nil || strings.ContainsRune(v, utf8.RuneError) || !utf8.ValidString(v) {
			fits = false
		}
		out.Set(k, strings.ToValidUTF8(v, "�"))
	}
	return out, fits
}

var (
	mailForm = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	latin    = regexp.MustCompile(`[A-Za-zA-Za-z]`)
	katakana = regexp.MustCompile(`^[\p{Katakana}ー\s]+$`)
	kana     = regexp.MustCompile(`^[\p{Katakana}ー]+$`)
)

// enter puts a submission on the list, or says why not; again is the form of the
// page that asks to confirm. s.mu is held.
func (s *Server) enter(r *http.Request, f *Form, in url.Values, fits, confirming bool) (words, again string) {
	e := Entry{
		At: s.clock.Now(), Form: f.Name, Plan: in.Get(f.Inputs.Plan), Mail: in.Get(f.Inputs.Mail), Mojibake: !fits, Provisional: f.OptIn, Method: r.Method,
		UserAgent: r.UserAgent(), Referer: r.Referer(),
	}
	for _, p := range []struct {
		name string
		to   *string
	}{
		{f.Inputs.Name, &e.Name},
		{f.Inputs.Family, &e.Family},
		{f.Inputs.Given, &e.Given},
		{f.Inputs.KanaFamily, &e.KanaFamily},
		{f.Inputs.KanaGiven, &e.KanaGiven},
	} {
		if p.name != "" {
			*p.to = in.Get(p.name)
		}
	}
	session := in.Get(f.Inputs.Session)
	cookie, err := r.Cookie("NPSESSID")
	if err != nil || cookie.Value != session || !s.sessions[session] {
		return "セッションが無効です。もう一度フォームを開いてください。", ""
	}
	if why := s.wrong(f, e); why != "" {
		return Refused + "。" + why, ""
	}
	if slices.ContainsFunc(s.entries, func(o Entry) bool { return o.Form == e.Form && o.Plan == e.Plan && o.Mail == e.Mail }) {
		return "このメールアドレスは" + Already + "。", ""
	}
	if f.Confirm && !confirming {
		return "以下の内容でよろしいですか。", f.again(in)
	}
	delete(s.sessions, session)
	s.entries = append(s.entries, e)
	if f.OptIn {
		return Provisional + "。", ""
	}
	return Done + "。" + html.EscapeString(e.Mail), ""
}

// again is the form that carries everything to the second step.
func (f *Form) again(in url.Values) string {
	var b strings.Builder
	b.WriteString(`<form method="post" action="sesform.php">`)
	for k, vs := range in {
		if k != "go" {
			fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, html.EscapeString(k), html.EscapeString(vs[0]))
		}
	}
	b.WriteString(`<input type="hidden" name="step" value="2"><input type="submit" name="go" value="確定する"></form>`)
	return b.String()
}

// wrong says what the system does not like about an entry.
func (s *Server) wrong(f *Form, e Entry) string {
	name := e.Name + e.Family + e.Given
	switch {
	case !slices.Contains(f.Plans, e.Plan):
		return "指定されたプランは存在しません。"
	case !mailForm.MatchString(e.Mail):
		return "メールアドレスの形式が正しくありません。"
	case strings.TrimSpace(name) == "":
		return "お名前を入力してください。"
	case !f.Latin && latin.MatchString(name):
		return "お名前に英字は使えません。"
	case !f.Latin && katakana.MatchString(name):
		return "お名前をカタカナだけで入力することはできません。"
	case f.Inputs.KanaFamily != "" && (!kana.MatchString(e.KanaFamily) || !kana.MatchString(e.KanaGiven)):
		return "フリガナは全角カタカナで入力してください。"
	}
	return ""
}
