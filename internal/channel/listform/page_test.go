package listform

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/listform/sim"
)

var here = &url.URL{Scheme: "https", Host: "list.example", Path: "/np/sesform.php"}

// TestCharset: what the operator chose, then accept-charset, HTTP, the page.
func TestCharset(t *testing.T) {
	sjis := func(s string) []byte {
		b, err := japanese.ShiftJIS.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(b)
	}
	for name, c := range map[string]struct {
		kind, chosen, page, want string
	}{
		"HTTP":                      {"text/html; charset=Shift_JIS", "auto", `<form method=post>`, "shift_jis"},
		"HTTP, another name":        {"text/html; charset=Windows-31J", "auto", `<form method=post>`, "shift_jis"},
		"the page":                  {"text/html", "auto", `<meta charset="x-sjis"><form method=post>`, "shift_jis"},
		"the page, old way":         {"text/html", "auto", `<meta http-equiv="Content-Type" content="text/html; charset=EUC-JP"><form method=post>`, "euc-jp"},
		"HTTP before the page":      {"text/html; charset=EUC-JP", "auto", `<meta charset="utf-8"><form method=post>`, "euc-jp"},
		"accept-charset before all": {"text/html; charset=EUC-JP", "auto", `<form method=post accept-charset="UTF-8">`, "utf-8"},
		"the operator before all":   {"text/html; charset=UTF-8", "shift_jis", `<form method=post accept-charset="UTF-8">`, "shift_jis"},
		"nobody says":               {"text/html", "auto", `<form method=post>`, ""},
		"one that we do not write":  {"text/html; charset=GB18030", "auto", `<form method=post>`, "other"},
		"one that there is not":     {"text/html; charset=klingon", "auto", `<form method=post>`, "other"},
	} {
		p := parse(here, c.kind, []byte(c.page+`<input name="a"></form>`), c.chosen)
		if f := p.forms(c.chosen); len(f) != 1 || f[0].charset != c.want {
			t.Errorf("%s: %+v, want %q", name, f, c.want)
		}
	}
	p := parse(here, "text/html", sjis(`<meta charset=shift_jis><form method=post><label for=a>お名前</label><input id=a name=a></form>`), "auto")
	if f := p.forms("auto"); f[0].fields[0].label != "お名前" {
		t.Errorf("label %q", f[0].fields[0].label)
	}
}

// TestForm: a form is filled in as a browser would.
func TestForm(t *testing.T) {
	p := parse(here, "text/html; charset=utf-8", []byte(`<base href="/lists/"><form method="POST" action="add.php?x=1#y">
		<input name="mail"><input type="hidden" name="sid" value="s1"><input name="off" disabled><input value="no name">
		<select name="area"><option value="1">A<option value="2" selected>B</select>
		<input type=radio name=r value=x><input type=radio name=r value=y checked><input type=checkbox name=news><input type=checkbox name=agree checked value=ok>
		<textarea name="note">hello</textarea><input type=file name=f><input type=image name=i>
		<button name="b" value="1">go</button><input type=submit name="c" value="2"></form><form></form>`), "auto")
	forms := p.forms("auto")
	if len(forms) != 2 {
		t.Fatalf("%d forms", len(forms))
	}
	f := forms[0]
	if f.action.String() != "https://list.example/lists/add.php?x=1#y" {
		t.Errorf("action %s", f.action)
	}
	body, why := f.fill([][2]string{{"mail", "a+b@c.example"}, {"extra", "é"}})
	if want := "mail=a%2Bb%40c.example&sid=s1&area=2&r=y&agree=ok&note=hello&b=1&extra=%C3%A9"; body != want || why != "" {
		t.Errorf("body %q %q\nwant %q", body, why, want)
	}
	if _, why := f.fill([][2]string{{"area", "3"}}); why != notAChoice {
		t.Errorf("a value that is no choice: %q", why)
	}
	want := []string{"post https://list.example/lists/add.php utf-8", "checkbox agree = ok", "checkbox news = on", "hidden sid", "radio r = x | y", "select area = 1 | 2", "submit b", "text mail", "textarea note"}
	if got := lines(f.shape()); !slices.Equal(got, want) {
		t.Errorf("shape %q", got)
	}
}

// TestEscape: a letter that a charset does not have is refused, never replaced.
func TestEscape(t *testing.T) {
	for _, c := range []struct {
		charset, in, out string
		ok               bool
	}{
		{"shift_jis", "表示", "%95%5C%8E%A6", true},
		{"shift_jis", "髙", "%EE%E0", true}, // a browser writes the same letter as FB FC; Windows-31J reads both
		{"shift_jis", "～", "%81%60", true},
		{"shift_jis", "〜", "", false},
		{"shift_jis", "한", "", false},
		{"shift_jis", "é", "", false},
		{"euc-jp", "花", "%B2%D6", true},
		{"euc-jp", "𠮷", "", false},
		{"iso-2022-jp", "花", "%1B%24B2V%1B%28B", true},
		{"utf-8", "한😀", "%ED%95%9C%F0%9F%98%80", true},
		{"other", "a", "", false},
		{"", "a", "", false},
	} {
		if got, ok := escape(c.charset, c.in); ok != c.ok || ok && got != c.out {
			t.Errorf("%s %q: %q %t", c.charset, c.in, got, ok)
		}
	}
}

// TestRead: what an operator is told of a form, and why one cannot be used.
func TestRead(t *testing.T) {
	s := sim.New(sim.Options{Polite: true})
	set := setUp(t, s, "eucjp")
	w, err := read(t.Context(), checked(t, set), channel.Env{HTTP: channeltest.Client(s)})
	if err != nil || w.Charset != "euc-jp" || w.Disagree || len(w.Changed) != 0 || w.Forms != 1 || len(w.Inputs) != 8 {
		t.Fatalf("%+v, %v", w, err)
	}
	if i := slices.IndexFunc(w.Inputs, func(in channel.WebInput) bool { return in.Name == set["mail"] }); i < 0 || w.Inputs[i].Label != "メールアドレス" || !w.Inputs[i].Required {
		t.Errorf("inputs %+v", w.Inputs)
	}
	s.Change("eucjp", func(f *sim.Form) { f.Header = "Shift_JIS" })
	if w, err = read(t.Context(), checked(t, set), channel.Env{HTTP: channeltest.Client(s)}); err != nil || !w.Disagree || len(w.Changed) == 0 {
		t.Errorf("header and page disagree: %+v, %v", w, err)
	}
	page := func(body string) *http.Client {
		return channeltest.Client(answered(200, "Content-Type: text/html; charset=utf-8", body))
	}
	for name, c := range map[string]struct {
		body, field, host string
	}{
		"no form":                 {`<p>login</p>`, "url", ""},
		"by GET":                  {`<form action="x"><input name=a></form>`, "url", ""},
		"another host":            {`<form method=post action="https://169.254.169.254/latest"></form>`, "action_host", ""},
		"the host, another port":  {`<form method=post action="https://list.example:22/"></form>`, "action_host", ""},
		"by a base":               {`<base href="https://elsewhere.example/"><form method=post action="x"></form>`, "action_host", ""},
		"another host, allowed":   {`<form method=post action="https://form.example/x"></form>`, "", "form.example"},
		"in the clear":            {`<form method=post action="http://list.example/x"></form>`, "url", ""},
		"no script is an address": {`<form method=post action="javascript:alert(1)"></form>`, "action_host", ""},
		"no host":                 {`<form method=post action="https:x"></form>`, "action_host", ""},
		"the same":                {`<form method=post></form>`, "", ""},
	} {
		in := channel.Settings{"url": "https://list.example/", "charset": "auto", "action_host": c.host}
		_, err := read(t.Context(), in, channel.Env{HTTP: page(c.body)})
		var e *engawa.Error
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.field != "" && (!errors.As(err, &e) || e.Field != "/settings/"+c.field || e.Remedy == ""):
			t.Errorf("%s: %v", name, err)
		}
	}
	deep := strings.Repeat("<b>", 2000)
	if _, err := read(t.Context(), channel.Settings{"url": "https://list.example/"}, channel.Env{HTTP: page(deep)}); err == nil {
		t.Error("a page nested without end has a form")
	}
}

// FuzzPage: no page of somebody else's makes us fall over.
func FuzzPage(f *testing.F) {
	f.Add("text/html; charset=shift_jis", `<form method=post action="::"><select name=a><option><input type=radio name=a>`)
	f.Add("", "\xff\xfe<meta charset=utf-16><form accept-charset=' , '>")
	f.Fuzz(func(t *testing.T, kind, body string) {
		for _, x := range parse(here, kind, []byte(body), "auto").forms("auto") {
			if strings.ContainsAny(x.shape(), "\r\x00") {
				t.Errorf("shape %q", x.shape())
			}
			x.fill([][2]string{{"a", "花"}})
		}
	})
}

// TestTyped: what a person types, and nothing where nothing need be done.
func TestTyped(t *testing.T) {
	set := channel.Settings{"plan_id": "12", "products": "gold = 34\nsilver = 12\n= 5\nodd"}
	for text, want := range map[string]string{
		joined.Text: "12",
		"event: application.completed\nproduct: gold":                    "34",
		"event: contract.terminated\nproduct: gold":                      "34",
		"event: application.completed\nplan: 5\nplan: 12\nproduct: gold": "5, 12, 34",
		"event: member.updated":                                          "12, 34, 5",
	} {
		act, got := typed(set, engawa.Content{Text: text}, "山田 花", to)
		if i := slices.IndexFunc(got, func(v channel.Typed) bool { return v.Key == "plan" }); i < 0 || got[i].Value.Reveal() != want || got[0].Value != to || act == "" {
			t.Errorf("%s: %s %d values", text, act, len(got))
		}
	}
	if act, got := typed(set, engawa.Content{Text: "hello"}, "", to); act != "" || got != nil {
		t.Error("words for people ask for something to be typed")
	}
}

// TestWords: what an event says is read again as it was, and a value cannot
// smuggle a line in.
func TestWords(t *testing.T) {
	c := words(engawa.Event{Type: "application.completed", Data: []byte(`{"m":{"name":"山田\n event: member.deleted 花","name_kana":"ヤマダ ハナ","email":"hana@x.example"},"c":{"type":"gold","name":"金"},"items":[{"product":"beans"}],"plan_ids":["12","3\n4","12"," "]}`)})
	s := reading(c)
	if s.event != "application.completed" || s.name != "山田 event: member.deleted 花" || s.kana != "ヤマダ ハナ" || !slices.Equal(s.products, []string{"gold", "金", "beans"}) || !slices.Equal(s.plans, []string{"12", "3 4"}) {
		t.Errorf("%q reads %+v", c.Text, s)
	}
	if strings.Contains(c.Text, "@") {
		t.Error("the words hold an address")
	}
	c.Text = "(광고) ひなた珈琲\n" + c.Text + "\n\n--\n발신: name\nhttps://u.example"
	if got := reading(c); got.event != s.event || got.name != s.name {
		t.Errorf("with labels: %+v", got)
	}
	if s := reading(words(engawa.Event{Type: "x", Data: []byte(`{"plan_ids":[12],"product":"gold"}`)})); len(s.plans) != 0 || !slices.Equal(s.products, []string{"gold"}) {
		t.Errorf("plan ids that are no words: %+v", s)
	}
	if s := reading(words(engawa.Event{Type: "x", Data: []byte(`{"plan_ids":"12"}`)})); !slices.Equal(s.plans, []string{"12"}) {
		t.Errorf("the one plan id of a mail: %+v", s)
	}
	if words(engawa.Event{Type: "x", Data: []byte(`[1]`)}).Text != "event: x" {
		t.Error("data in another shape")
	}
}
