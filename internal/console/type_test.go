package console_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestTypesPage: the catalogue with what came in 30 days, what each type holds, a
// sample of it and its words in every language, and from each type a way to its
// route.
func TestTypesPage(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	now := time.Now()
	for i, at := range []time.Time{now, now.AddDate(0, 0, -29), now.AddDate(0, 0, -31)} {
		_, err := d.st.Journal(t.Context(), []engawa.Event{{
			Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, at), Account: "api", Type: "contract.resumed", DedupKey: string(rune('a' + i)), OccurredAt: at, ReceivedAt: at, Data: []byte(`{}`),
		}})
		d.must(err)
	}
	status, body := d.get("/events/types")
	if status != http.StatusOK || strings.Count(body, "30日間に2件") != 1 {
		t.Errorf("%d, resumed twice in 30 days: %d times on the page", status, strings.Count(body, "30日間に2件"))
	}
	for _, typ := range catalogue.Types() {
		if !strings.Contains(body, ">"+typ.Name+"<") || !strings.Contains(body, `href="/routes/new?event=`+typ.Name+`"`) {
			t.Errorf("%s has no row, or no way to its route", typ.Name)
		}
	}
	for _, l := range engawa.Locales {
		d.member.Locale = l
		_, body := d.get("/events/types")
		shown := typesOn(t, body)
		for _, typ := range catalogue.Types() {
			holds(t, l, typ, shown)
		}
	}
	d.member.Locale = ""
	if _, body := d.get("/routes/new?event=contract.suspended"); !strings.Contains(body, ">contract.suspended</textarea>") || !strings.Contains(body, `value="契約が停止されました"`) {
		t.Error("the route's form is not filled in")
	}
	d.member.Role = engawa.Viewer
	if _, body := d.get("/events/types"); strings.Contains(body, "/routes/new") || strings.Contains(body, "/events/types/new") {
		t.Error("a viewer is offered what only admins may do")
	}
	for _, path := range []string{"/events/types/new", "/events/types/new?type=shop.order.shipped"} {
		if status, _ := d.get(path); status != http.StatusForbidden {
			t.Errorf("%s for a viewer: %d", path, status)
		}
	}
}

// typeShown is what the page says of a type.
type typeShown struct {
	members map[string][3]string // by path: what it means, what may stand there, whether it must
	sample  string
	said    map[engawa.Locale]string // names and notices, of the type and of its variants
}

// typesOn reads the page of types, by their names; under "store" it has what the
// App Store's types have in common.
func typesOn(t *testing.T, page string) map[string]typeShown {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]typeShown{}
	for n := range doc.Descendants() {
		if n.Data != "details" || get(n, "class") != "kind" {
			continue
		}
		name, x := "store", typeShown{map[string][3]string{}, "", map[engawa.Locale]string{}}
		for in := range n.Descendants() {
			switch {
			case in.Data == "span" && get(in, "class") == "sub mono":
				name = textIn(in)
			case in.Data == "pre":
				x.sample = textIn(in)
			case in.Data == "div" && get(in, "lang") != "":
				x.said[engawa.Locale(get(in, "lang"))] += textIn(in)
			case in.Data == "tr" && in.Parent.Data == "tbody":
				var cells []string
				for td := range in.ChildNodes() {
					if td.Data == "td" {
						cells = append(cells, strings.TrimSpace(textIn(td)))
					}
				}
				x.members[cells[0]] = [3]string(cells[1:])
			}
		}
		all[name] = x
	}
	return all
}

func textIn(n *html.Node) string {
	var b strings.Builder
	for in := range n.Descendants() {
		if in.Type == html.TextNode {
			b.WriteString(in.Data)
		}
	}
	return b.String()
}

// holds compares what the page says of a type with the catalogue's schema as JSON,
// its sample, and the words of all three languages.
func holds(t *testing.T, l engawa.Locale, typ catalogue.Type, shown map[string]typeShown) {
	t.Helper()
	w, on := words(t), shown[typ.Name]
	members := on.members
	if typ.Kind == catalogue.Store {
		members = shown["store"].members
	}
	var schema map[string]any
	if err := json.Unmarshal(typ.Schema.JSON(), &schema); err != nil {
		t.Fatal(err)
	}
	want := membersOf(schema, "")
	for path, m := range want {
		kind := strings.Join(m.enum, ", ")
		if kind == "" {
			kind = w.T(l, "fieldtype."+cmp.Or(m.format, m.kind))
		}
		must := w.T(l, "types.required.no")
		if m.must {
			must = w.T(l, "types.required.yes")
		}
		if is := [3]string{w.T(l, w.FieldKey(typ.Name, path)), kind, must}; members[path] != is {
			t.Errorf("%s in %s: the page says of %s %q, not %q", typ.Name, l, path, members[path], is)
		}
	}
	if len(members) != len(want) {
		t.Errorf("%s in %s: the page has %d members of %d", typ.Name, l, len(members), len(want))
	}
	var sample, is bytes.Buffer
	if err := errors.Join(json.Compact(&sample, typ.Sample), json.Compact(&is, []byte(on.sample))); err != nil || sample.String() != is.String() {
		t.Errorf("%s in %s: the page's sample is %s (%v)", typ.Name, l, on.sample, err)
	}
	for _, l := range engawa.Locales {
		notice := w.DefaultTemplate(typ.Name).Words[l]
		first := regexp.MustCompile(`^[^\n{]+`).FindString(notice.Text)
		said := []string{w.EventLine(l, typ.Name, nil), notice.Subject + first, "ref: evt_1"}
		for _, v := range typ.Variants {
			said = append(said, w.EventLine(l, typ.Name+"."+v.Name, nil))
		}
		for _, part := range said {
			if !strings.Contains(on.said[l], part) {
				t.Errorf("%s: the page lacks %q of the words in %s: %s", typ.Name, part, l, on.said[l])
			}
		}
		if strings.ContainsAny(on.said[l], "{}") {
			t.Errorf("%s: the words in %s are not filled in: %s", typ.Name, l, on.said[l])
		}
	}
}

type member struct {
	kind, format string
	enum         []string
	must         bool
}

// membersOf lists the members that a JSON Schema describes, by their paths.
func membersOf(schema map[string]any, at string) map[string]member {
	all := map[string]member{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for name, p := range properties {
		of := p.(map[string]any)
		m := member{must: slices.Contains(required, any(name))}
		m.kind, _ = of["type"].(string)
		m.format, _ = of["format"].(string)
		codes, _ := of["enum"].([]any)
		for _, code := range codes {
			m.enum = append(m.enum, code.(string))
		}
		all[at+name] = m
		path := at + name + "."
		if items, ok := of["items"].(map[string]any); ok {
			of, path = items, at+name+"[]."
		}
		maps.Copy(all, membersOf(of, path))
	}
	return all
}

// TestOwnTypeForm: a type is made, shown by its name, changed and taken away;
// what is wrong with it is said with its place, and what was typed stays.
func TestOwnTypeForm(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	form := url.Values{
		"type": {"shop.order.shipped"}, "name.ja": {"発送しました"}, "name.ko": {"발송했습니다"}, "name.en": {"Shipped"},
		"schema": {`{"type":"object","properties":{"order":{"type":"string","title":"注文番号"}},"required":["order"]}`}, "sample": {`{"order":7}`},
	}
	bad := func(field, value, want string) {
		t.Helper()
		old := form.Get(field)
		form.Set(field, value)
		res := d.post("/events/types/new", form)
		if res.Code != http.StatusUnprocessableEntity || !strings.Contains(res.Body.String(), want) || !strings.Contains(res.Body.String(), `value="shop.order.shipped"`) && field != "type" {
			t.Errorf("%s %q: %d, want %q", field, value, res.Code, want)
		}
		form.Set(field, old)
	}
	bad("sample", `{"order":7}`, "場所: /order")
	form.Set("sample", `{"order":"7"}`)
	bad("sample", `{"order":"7","order":"8"}`, "データの例が形に合いません")
	bad("schema", `{"type":"object","properties":{"order":{"type":"string","pattern":"x"}}}`, "場所: /properties/order/pattern")
	bad("schema", `{`, "データの形に読めないところがあります")
	bad("name.ko", "", "3つの言語すべて")
	bad("type", "contract.terminated", "種類の名前を直してください")
	if res := d.post("/events/types/new", form); res.Code != http.StatusSeeOther {
		t.Fatalf("made: %d %s", res.Code, res.Body)
	}
	_, body := d.get("/events/types")
	for _, want := range []string{"発送しました", "発送しました\nお客さまID", "발송했습니다", "Shipped", "注文番号", "shop.order.shipped", `href="/events/types/new?type=shop.order.shipped"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if _, body := d.get("/events/types/new?type=shop.order.shipped"); !strings.Contains(body, `value="발송했습니다"`) || !strings.Contains(body, "readonly") {
		t.Error("the form does not show what is stored")
	}
	if status, _ := d.get("/events/types/new?type=shop.lost"); status != http.StatusNotFound {
		t.Errorf("a type of nobody: %d", status)
	}
	e := engawa.Event{Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: "api", Type: "shop.order.shipped", DedupKey: "own", OccurredAt: time.Now(), ReceivedAt: time.Now(), Data: []byte(`{"order":"7"}`)}
	_, err := d.st.Journal(t.Context(), []engawa.Event{e})
	d.must(err)
	if _, body := d.get("/events/" + e.ID); !strings.Contains(body, "発送しました") {
		t.Error("the event is not named")
	}
	if res := d.post("/events/types/end", url.Values{"type": {"shop.order.shipped"}}); res.Code != http.StatusSeeOther {
		t.Errorf("taken away: %d", res.Code)
	}
	trail, err := d.st.Audits(t.Context(), ws, store.AuditFilter{}, store.Page{})
	d.must(err)
	if len(trail) != 2 || trail[0].Action != "end-event-type" || trail[0].Actor != "member:mem_1" {
		t.Errorf("the trail has %+v", trail)
	}
}
