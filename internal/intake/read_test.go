package intake

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

func TestStrict(t *testing.T) {
	tests := map[string]struct {
		body, field string
		ok          bool
	}{
		"object":            {body: `{"a":[1,2.5,"x",null,true]}`, ok: true},
		"list":              {body: ` [1] `, ok: true},
		"text":              {body: `"\ud83d\ude00"`, ok: true},
		"backslash u0000":   {body: `"\\u0000"`, ok: true},
		"largest whole":     {body: `9007199254740991`, ok: true},
		"deepest":           {body: strings.Repeat("[", deepest+2) + strings.Repeat("]", deepest+2), ok: true},
		"too deep":          {body: strings.Repeat("[", deepest+3) + strings.Repeat("]", deepest+3), field: strings.Repeat("/0", deepest+2)[:66]},
		"too large a whole": {body: `{"a":[9007199254740993]}`, field: "/a/0"},
		"no float64":        {body: `{"a":1e999}`, field: "/a"},
		"NUL":               {body: `{"a":"x\u0000"}`, field: "/a"},
		"NUL in a name":     {body: `{"a\u0000":1}`, field: "/a\x00"},
		"NUL byte":          {body: "\"\x00\""},
		"lone surrogate":    {body: `"\ud800"`},
		"reversed pair":     {body: `"\ude00\ud83d"`},
		"broken UTF-8":      {body: "\"\xff\""},
		"same name twice":   {body: `{"a":1,"a":1}`, field: "/a"},
		"escaped same name": {body: `{"a":1,"\u0061":1}`, field: "/a"},
		"two values":        {body: `1 2`},
		"half":              {body: `{"a":`},
		"empty":             {body: ``},
		"space":             {body: " \n"},
		"byte order mark":   {body: "\xef\xbb\xbf{}"},
		"comment":           {body: `{} // x`},
		"single quotes":     {body: `{'a':1}`},
		"NaN":               {body: `NaN`},
	}
	for name, tt := range tests {
		err := Strict([]byte(tt.body))
		if tt.ok {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var e *engawa.Error
		if !errors.As(err, &e) || e.Code != engawa.CodeInvalid || e.Message == "" || e.Remedy == "" || !strings.HasPrefix(e.Field, tt.field) {
			t.Errorf("%s: %+v, want a fault at %q", name, e, tt.field)
		}
	}
}

// FuzzStrict: what is taken can be kept by every database; what is refused is
// told in words that can be sent.
func FuzzStrict(f *testing.F) {
	for _, s := range []string{`{"a":"\u0000"}`, `{"\ud800":1}`, `[1,{"b":[]}]`, "\xef\xbb\xbf1", `{"a":1e999}`, strings.Repeat(`{"あ":`, 80)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := Strict([]byte(s))
		var e *engawa.Error
		if err == nil && (!utf8.ValidString(s) || strings.ContainsRune(s, 0)) || err != nil && !errors.As(err, &e) {
			t.Errorf("Strict(%q) = %v", s, err)
		}
		if e != nil && !utf8.ValidString(e.Field+e.Message) {
			t.Errorf("Strict(%q) answers what is not UTF-8", s)
		}
	})
}

func TestRead(t *testing.T) {
	type header map[string]string
	at := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
	cloud := header{"Content-Type": "application/cloudevents+json; charset=utf-8"}
	tests := map[string]struct {
		h    header
		body string
		want engawa.Event // of the first
		n    int
		list bool
		bad  string // the place of the error; "-" for the whole
		code engawa.Code
	}{
		"own":  {body: `{"id":"1","type":"a.b","occurred_at":"2026-11-20T10:00:00+09:00","data":{"x":1}}`, n: 1, want: engawa.Event{Type: "a.b", DedupKey: "1", OccurredAt: at, Data: []byte(`{"x":1}`)}},
		"list": {body: ` [{"id":"1","type":"a.b"},{"id":"2","type":"a.c"}]`, n: 2, list: true, want: engawa.Event{Type: "a.b", DedupKey: "1", Data: []byte(`{}`)}},
		"structured": {
			h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2026-11-20T01:00:00Z","datacontenttype":"application/json","data":{}}`, n: 1,
			want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", OccurredAt: at, Data: []byte(`{}`)},
		},
		"structured, said nowhere": {body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}`, n: 1, want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", Data: []byte(`{}`)}},
		"extension":                {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","shard":"7"}`, n: 1, want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", Data: []byte(`{}`)}},
		"batch":                    {h: header{"Content-Type": "application/cloudevents-batch+json"}, body: `[{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}]`, n: 1, list: true, want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", Data: []byte(`{}`)}},
		"binary": {
			h: header{"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "a.b", "Ce-Time": "2026-11-20T01:00:00Z", "Ce-Subject": "%E7%8F%88%E7%90%B2"}, body: `{"x":1}`, n: 1,
			want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", Subject: "珈琲", OccurredAt: at, Data: []byte(`{"x":1}`)},
		},
		"binary without data": {h: header{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "a.b"}, n: 1, want: engawa.Event{Type: "a.b", DedupKey: "/s\n1", Data: []byte(`{}`)}},

		"unknown name":          {body: `{"id":"1","type":"a.b","specverison":"1.0"}`, bad: "/specverison"},
		"half a CloudEvent":     {body: `{"id":"1","type":"a.b","source":"/s"}`, bad: "/specversion"},
		"no specversion":        {h: cloud, body: `{"id":"1","type":"a.b"}`, bad: "/specversion"},
		"specversion 0.3":       {h: cloud, body: `{"specversion":"0.3","id":"1","source":"/s","type":"a.b"}`, bad: "/specversion"},
		"no source":             {h: cloud, body: `{"specversion":"1.0","id":"1","type":"a.b"}`, bad: "/source"},
		"no id":                 {h: cloud, body: `{"specversion":"1.0","source":"/s","type":"a.b"}`, bad: "/id"},
		"binary data":           {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data_base64":"AA=="}`, bad: "/data_base64"},
		"no attribute":          {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","no_name":1}`, bad: "/no_name"},
		"two times":             {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","occurred_at":"2026-11-20T01:00:00Z"}`, bad: "/occurred_at"},
		"data of another kind":  {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","datacontenttype":"text/xml","data":"<a/>"}`, bad: "/datacontenttype"},
		"second of a list":      {body: `[{"id":"1","type":"a.b"},{"id":"2","type":"A"}]`, bad: "/1/type"},
		"list of nothing":       {body: `[]`, bad: "-"},
		"list in a list":        {body: `[[]]`, bad: "/0"},
		"header not encoded":    {h: header{"Ce-Specversion": "1.0", "Ce-Id": "%zz", "Ce-Source": "/s", "Ce-Type": "a.b"}, body: `{}`, bad: "/id"},
		"NUL in a header":       {h: header{"Ce-Specversion": "1.0", "Ce-Id": "a%00", "Ce-Source": "/s", "Ce-Type": "a.b"}, body: `{}`, bad: "/id"},
		"bytes in a header":     {h: header{"Ce-Specversion": "1.0", "Ce-Id": "a%ff", "Ce-Source": "/s", "Ce-Type": "a.b"}, body: `{}`, bad: "/id"},
		"time without zone":     {h: header{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "a.b", "Ce-Time": "2026-11-20T01:00:00"}, body: `{}`, bad: "/time"},
		"line feed in the id":   {body: `{"id":"a\nb","type":"a.b"}`, bad: "/id"},
		"incomplete identity":   {body: `{"id":"1","type":"a.b","identities":[{"issuer":"x","kind":"","value":"y"}]}`, bad: "/identities/0/kind"},
		"seventeen identities":  {body: `{"id":"1","type":"a.b","identities":[` + strings.Repeat(`{"issuer":"x","kind":"y","value":"z"},`, 16) + `{"issuer":"x","kind":"y","value":"z"}]}`, bad: "/identities"},
		"long identity":         {body: `{"id":"1","type":"a.b","identities":[{"issuer":"x","kind":"y","value":"` + strings.Repeat("顧", 513) + `"}]}`, bad: "/identities/0/value"},
		"a time to come":        {h: cloud, body: `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2999-01-01T00:00:00Z"}`, bad: "/time"},
		"long customer":         {body: `{"id":"1","type":"a.b","customer":"` + strings.Repeat("z", 65) + `"}`, bad: "/customer"},
		"a form":                {h: header{"Content-Type": "application/x-www-form-urlencoded"}, body: `{"id":"1","type":"a.b"}`, bad: "-", code: engawa.CodeMediaType},
		"binary, no JSON":       {h: header{"Content-Type": "text/xml", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "a.b"}, body: `<a/>`, bad: "-", code: engawa.CodeMediaType},
		"a thousand and one":    {body: "[" + strings.Repeat(`{"id":"1","type":"a.b"},`, 1000) + `{"id":"1","type":"a.b"}]`, bad: "-"},
		"what happens tomorrow": {body: `{"id":"1","type":"a.b","occurred_at":"2999-01-01T00:00:00Z"}`, bad: "/occurred_at"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tt.h {
				h.Set(k, v)
			}
			evs, list, err := read(h, []byte(tt.body))
			if tt.bad != "" {
				checkRefused(t, err, tt.bad, tt.code)
				return
			}
			if err != nil || len(evs) != tt.n || list != tt.list {
				t.Fatalf("%d events, list %t: %v", len(evs), list, err)
			}
			got := evs[0]
			if got.Type != tt.want.Type || got.DedupKey != tt.want.DedupKey || got.Subject != tt.want.Subject || !got.OccurredAt.Equal(tt.want.OccurredAt) || string(got.Data) != string(tt.want.Data) {
				t.Errorf("read %+v", got)
			}
			if kept := len(got.Raw) > 0; kept != (name == "extension") {
				t.Errorf("original kept: %t", kept)
			}
		})
	}
}

func checkRefused(t *testing.T, err error, field string, code engawa.Code) {
	t.Helper()
	if code == "" {
		code = engawa.CodeInvalid
	}
	if field == "-" {
		field = ""
	}
	var e *engawa.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field || e.Message == "" || e.Remedy == "" {
		t.Errorf("%+v, want %s at %q", err, code, field)
	}
}
