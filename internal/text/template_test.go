package text_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

func TestRender(t *testing.T) {
	vars := map[string]any{
		"m":     map[string]any{"name": "山田 花", "tags": []any{"a", "b"}},
		"evil":  "{{m.name}}",
		"html":  `<b onclick="x">&`,
		"crlf":  "ok\r\nBcc: all@example.jp\u2028x",
		"room":  "[toall] [/info]",
		"n":     float64(12800),
		"url":   "javascript:alert(1)",
		"empty": "",
	}
	for name, c := range map[string]struct {
		in, want engawa.Content
		escape   text.Escape
	}{
		"path":                 {in: engawa.Content{Text: "{{m.name}} {{ m.tags.1 }} {{n}}"}, want: engawa.Content{Text: "山田 花 b 12800"}},
		"no recursion":         {in: engawa.Content{Text: "a {{evil}}"}, want: engawa.Content{Text: "a {{m.name}}"}},
		"html escaped":         {in: engawa.Content{Text: "t", HTML: "<p>{{html}}</p>"}, want: engawa.Content{Text: "t", HTML: "<p>&lt;b onclick=&#34;x&#34;&gt;&amp;</p>"}},
		"text not escaped":     {in: engawa.Content{Text: "{{html}}"}, want: engawa.Content{Text: `<b onclick="x">&`}},
		"subject is one line":  {in: engawa.Content{Subject: "Re {{crlf}}", Text: "t"}, want: engawa.Content{Subject: "Re ok Bcc: all@example.jp x", Text: "t"}},
		"chat brackets":        {in: engawa.Content{Text: "[info]{{room}}[/info]"}, escape: text.EscapeChat, want: engawa.Content{Text: "[info]［toall] ［/info][/info]"}},
		"optional line goes":   {in: engawa.Content{Text: "a\nname: {{m.kana?}}\nb"}, want: engawa.Content{Text: "a\nb"}},
		"empty counts as none": {in: engawa.Content{Text: "a\nx: {{empty?}}\n"}, want: engawa.Content{Text: "a\n"}},
		"half a line stays":    {in: engawa.Content{Text: "{{m.name?}} {{m.kana?}}|"}, want: engawa.Content{Text: "山田 花 |"}},
		"text from html":       {in: engawa.Content{HTML: `<h1>Hi</h1><p>See <a href="https://x.jp/a">this</a></p>`}, want: engawa.Content{HTML: `<h1>Hi</h1><p>See <a href="https://x.jp/a">this</a></p>`, Text: "Hi\n\nSee this (https://x.jp/a)"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := text.Render(c.in, vars, c.escape)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	vars := map[string]any{"url": "javascript:alert(1)", "m": map[string]any{}, "big": strings.Repeat("あ", 30000)}
	for name, c := range map[string]struct {
		in    engawa.Content
		names string
	}{
		"unknown":        {engawa.Content{Text: "{{m.name}}"}, "m.name"},
		"object":         {engawa.Content{Text: "{{m}}"}, "{{m}}"},
		"open":           {engawa.Content{Text: "a {{m.name"}, "not closed"},
		"logic":          {engawa.Content{Text: "{{range .}}x{{end}}"}, "range"},
		"too long":       {engawa.Content{Text: "{{big}}"}, "bytes"},
		"ten megabytes":  {engawa.Content{Text: strings.Repeat("{{url}}", 10<<20/7)}, "bytes"},
		"link from data": {engawa.Content{HTML: `<a href="{{url}}">x</a>`}, "javascript"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := text.Render(c.in, vars, text.EscapeNone)
			var told *engawa.Error
			if !errors.As(err, &told) || told.Code != engawa.CodeInvalid || told.Remedy == "" || !strings.Contains(told.Message, c.names) {
				t.Errorf("%v does not name %q", err, c.names)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := []engawa.Content{
		{Text: "plain"},
		{Subject: "{{m.name}} 様", HTML: `<p style="color:red">Hi <a href="https://shop.example.jp/a?b={{id}}">shop</a> <a href="mailto:a@example.jp">write</a> <a href="{{link}}">x</a></p>`},
		{HTML: `<a href="https://日本語.jp/">日本語.jp</a>`},
		{HTML: `<a href="https://example.jp/x">https://example.jp/</a>`},
	}
	for _, c := range good {
		if err := text.Check(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := map[string]engawa.Content{
		"nothing":            {},
		"two-line subject":   {Subject: "a\nBcc: x", Text: "t"},
		"open braces":        {Text: "{{m"},
		"logic":              {Text: "{{if x}}"},
		"script":             {HTML: "<script>x</script>"},
		"handler":            {HTML: `<p onclick="x">a</p>`},
		"javascript":         {HTML: `<a href="javascript:alert(1)">a</a>`},
		"javascript, hidden": {HTML: "<a href=\"java\tscript&#58;alert(1)\">a</a>"},
		"javascript, caps":   {HTML: `<A HREF=" JaVaScRiPt:alert(1)">a</A>`},
		"data link":          {HTML: `<a href="data:text/html,x">a</a>`},
		"data image":         {HTML: `<img src="data:image/svg+xml,x">`},
		"relative":           {HTML: `<a href="/admin">a</a>`},
		"homograph":          {HTML: `<a href="https://аpple.com/">a</a>`},
		"homograph, coded":   {HTML: `<a href="https://xn--pple-43d.com/">a</a>`},
		"user before host":   {HTML: `<a href="https://apple.com@evil.example/">a</a>`},
		"says another host":  {HTML: `<a href="https://evil.example/">https://bank.jp/</a>`},
		"form":               {HTML: `<form action="https://x.jp"><input></form>`},
		"too long":           {Text: strings.Repeat("a", text.MaxPart+1)},
	}
	for name, c := range bad {
		var told *engawa.Error
		if err := text.Check(c); !errors.As(err, &told) || told.Field == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFromHTML(t *testing.T) {
	for in, want := range map[string]string{
		"<p>a</p><p>b<br>c</p>":                               "a\n\nb\nc",
		"<ul><li>x</li><li>y</li></ul>":                       "- x\n\n- y",
		"<style>p{}</style>a&amp;b <img alt='花'>":             "a&b 花",
		"<table><tr><td>a</td><td>b</td></tr></table>":        "a  b",
		`<a href="https://x.jp">https://x.jp</a>`:             "https://x.jp",
		"<title>no</title><body>  spaced \n out  </body>":     "spaced out",
		"<p>unclosed <b>bold":                                 "unclosed bold",
		strings.Repeat("<div>", 5000) + "deep":                "deep",
		`<a href="mailto:a@x.jp">write</a>`:                   "write (a@x.jp)",
		"<p>a</p>\n\n\n<p></p><p></p><p></p>\n<div>b</div>\n": "a\n\nb",
	} {
		if got := text.FromHTML(in); got != want {
			t.Errorf("%.60q: %q, want %q", in, got, want)
		}
	}
}

func TestPick(t *testing.T) {
	c := func(s string) engawa.Content { return engawa.Content{Text: s} }
	words := map[engawa.Locale]engawa.Content{"ja": c("ja"), "en": c("en"), "ko": {}}
	for _, tc := range []struct{ want, fallback, got engawa.Locale }{
		{"ja", "en", "ja"}, {"ko", "ja", "ja"}, {"ko", "ko", "en"}, {"ko", "", "en"}, {"", "", "en"},
	} {
		if got, l := text.Pick(words, tc.want, tc.fallback); l != tc.got || got.Text != string(tc.got) {
			t.Errorf("%s, %s: %s", tc.want, tc.fallback, l)
		}
	}
	if _, l := text.Pick(nil, "ja", "ko"); l != "" {
		t.Errorf("no words give %q", l)
	}
}

func TestVariables(t *testing.T) {
	got := text.Variables(engawa.Content{Subject: "{{a}}", Text: "{{b.c?}} {{ a }}", HTML: "{{d}}"})
	if strings.Join(got, " ") != "a b.c d" {
		t.Errorf("%v", got)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("{{a}}", "<b>", "{{a}}")
	f.Add("{{", "}}", "{{a?}}\n")
	f.Fuzz(func(t *testing.T, tmpl, value, subject string) {
		out, err := text.Render(engawa.Content{Subject: subject, Text: tmpl, HTML: "<p>{{a}}</p>"}, map[string]any{"a": value}, text.EscapeChat)
		if err != nil {
			return
		}
		if !strings.ContainsAny(subject, "\r\n") && strings.ContainsAny(out.Subject, "\r\n") {
			t.Errorf("the subject has two lines: %q", out.Subject)
		}
		if strings.Count(out.HTML, "<") != 2 && out.HTML != "" {
			t.Errorf("a value wrote HTML: %q", out.HTML)
		}
	})
}
