package listform

import (
	"bytes"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// charsets are the encodings in which forms are filled in. Shift_JIS is the
// WHATWG's, which is Windows-31J.
var charsets = map[string]encoding.Encoding{
	"utf-8": unicode.UTF8, "shift_jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP, "iso-2022-jp": japanese.ISO2022JP,
}

// page is what an address answered: a document and what it says of its encoding.
type page struct {
	at     *url.URL
	doc    *html.Node
	header string // the charset that HTTP names; empty: none
	meta   string // the charset that the document names
	used   string // by which it was decoded
}

// parse reads a document. Scripts are not run and nothing that it points to is
// loaded or followed. chosen is the operator's charset, or "auto".
func parse(at *url.URL, contentType string, body []byte, chosen string) page {
	p := page{at: at}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		p.header = known(params["charset"])
	}
	if _, name, _ := charset.DetermineEncoding(body, ""); declares(body) {
		p.meta = known(name)
	}
	p.used = first(auto(chosen), p.header, p.meta)
	if e := charsets[first(p.used, "utf-8")]; e != nil {
		if plain, err := e.NewDecoder().Bytes(body); err == nil {
			body = plain
		}
	}
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		doc = &html.Node{Type: html.DocumentNode} // deeper than can be read: no form in it
	}
	p.doc = doc
	return p
}

// declares reports whether a document names its encoding where browsers look
// for it: DetermineEncoding guesses for one that does not.
func declares(body []byte) bool {
	head := bytes.ToLower(body[:min(len(body), 1024)])
	return bytes.Contains(head, []byte("charset")) || bytes.HasPrefix(body, []byte("\xef\xbb\xbf"))
}

// known is the name under which a charset is used here, "other" for one that is not.
func known(label string) string {
	if label == "" {
		return ""
	}
	_, name := charset.Lookup(label)
	if _, ok := charsets[name]; ok {
		return name
	}
	return "other"
}

func auto(chosen string) string {
	if chosen == "auto" {
		return ""
	}
	return chosen
}

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// form is one form of a page, as a browser would fill it in.
type form struct {
	action  *url.URL
	method  string // "post" or "get"
	charset string // of what is submitted; empty: nobody says
	fields  []field
}

// field is one input, or radio buttons of one name.
type field struct {
	name, typ, label string
	value            string // what it is submitted with unless it is filled in
	set              bool   // whether it is submitted then
	required         bool
	options          []string
}

// forms reads the forms of a page. chosen is the operator's charset, or "auto".
func (p page) forms(chosen string) []form {
	var out []form
	labels := labelsOf(p.doc)
	for n := range p.doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		f := form{method: strings.ToLower(first(get(n, "method"), "get")), charset: first(auto(chosen), acceptCharset(n), p.used)}
		f.action = p.at
		if u, err := p.base().Parse(strings.TrimSpace(get(n, "action"))); err == nil && get(n, "action") != "" {
			f.action = u
		}
		for in := range n.Descendants() {
			f.add(in, labels)
		}
		out = append(out, f)
	}
	return out
}

// base is what relative addresses of the page are relative to.
func (p page) base() *url.URL {
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "base" {
			if u, err := p.at.Parse(get(n, "href")); err == nil {
				return u
			}
		}
	}
	return p.at
}

// acceptCharset is the first charset that a form asks for.
func acceptCharset(n *html.Node) string {
	for _, label := range strings.FieldsFunc(get(n, "accept-charset"), func(r rune) bool { return r == ' ' || r == ',' }) {
		return known(label)
	}
	return ""
}

// add takes an element into the form, if a browser would submit it.
func (f *form) add(n *html.Node, labels map[string]string) {
	name := get(n, "name")
	if n.Type != html.ElementNode || name == "" || has(n, "disabled") {
		return
	}
	in := field{name: name, typ: n.Data, value: get(n, "value"), set: true, required: has(n, "required"), label: first(labels[get(n, "id")], get(n, "placeholder"), get(n, "title"))}
	switch n.Data {
	case "input":
		in.typ = strings.ToLower(first(get(n, "type"), "text"))
	case "select":
		in.choose(n)
	case "textarea":
		in.value = textOf(n)
	case "button":
		in.typ = strings.ToLower(first(get(n, "type"), "submit"))
	default:
		return
	}
	switch in.typ {
	case "file", "image", "reset", "button":
		return
	case "submit": // a browser sends the button that was pressed: the first
		if slices.ContainsFunc(f.fields, func(o field) bool { return o.typ == "submit" }) {
			return
		}
	case "radio", "checkbox":
		in.options = []string{first(in.value, "on")}
		in.set, in.value = has(n, "checked"), in.options[0]
		if i := slices.IndexFunc(f.fields, func(o field) bool { return o.name == name && o.typ == in.typ }); i >= 0 {
			f.fields[i].join(in)
			return
		}
	}
	f.fields = append(f.fields, in)
}

// join adds a further button of the same name.
func (f *field) join(o field) {
	f.options = append(f.options, o.options...)
	f.required = f.required || o.required
	if o.set {
		f.set, f.value = true, o.value
	}
}

// choose reads a select's options; the first is chosen unless another is marked.
func (f *field) choose(n *html.Node) {
	marked := false
	for o := range n.Descendants() {
		if o.Type != html.ElementNode || o.Data != "option" {
			continue
		}
		v := get(o, "value")
		if !has(o, "value") {
			v = textOf(o)
		}
		f.options = append(f.options, v)
		if len(f.options) == 1 || has(o, "selected") && !marked {
			f.value, marked = v, has(o, "selected")
		}
	}
}

// shape is what must stay as it is for the operator's choices to hold: where the
// form goes, how it is encoded, and its inputs, sorted. Hidden values are not in
// it: they are tokens of one visit.
func (f form) shape() string {
	action := *f.action
	action.RawQuery, action.Fragment = "", ""
	out := make([]string, 0, len(f.fields))
	for _, in := range f.fields {
		line := in.typ + " " + in.name
		if in.required {
			line += " (required)"
		}
		if len(in.options) > 0 {
			line += " = " + strings.Join(in.options, " | ")
		}
		out = append(out, oneLine(line))
	}
	slices.Sort(out)
	head := oneLine(fmt.Sprintf("%s %s %s", f.method, action.String(), first(f.charset, "?")))
	return strings.Join(append([]string{head}, slices.Compact(out)...), "\n")
}

// compare says what is new and what is gone in a shape.
func compare(old, now string) []string {
	var out []string
	was, is := lines(old), lines(now)
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "+ "+l)
		}
	}
	return out
}

// oneLine makes text of a foreign page fit for a line of ours: 200 characters.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// labelsOf are the labels of a page by the id of their input.
func labelsOf(doc *html.Node) map[string]string {
	out := map[string]string{}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" && get(n, "for") != "" {
			out[get(n, "for")] = oneLine(textOf(n))
		}
	}
	return out
}

// textOf is the text that a reader sees below n.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" && d.Parent.Data != "noscript" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func get(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}
