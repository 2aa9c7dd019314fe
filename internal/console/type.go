package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// types is the catalogue of events: what may come, what it holds, how often it came.
func (c *console) types(v *visit) error {
	counts, counted, err := c.Store.EventCounts(v.ctx(), v.ws(), v.Now.AddDate(0, 0, -countedDays))
	if err != nil {
		return err
	}
	own, err := c.Compose.OwnTypes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view := Types{Page: v.titled("routes", v.T("types.title")), Sections: v.typeSections(append(catalogue.Types(), own...), counts), Partial: counted >= store.CountLimit}
	return v.show(TypesPage(view))
}

const countedDays = 30

// typeSections are the groups in the order in which they are read: the
// business's four, the store's, the hub's, and the workspace's own types.
func (p Page) typeSections(types []catalogue.Type, counts map[string]int) []TypeSection {
	var sections []TypeSection
	for _, key := range append(catalogue.Groups[:], "store", "system", "own") {
		s := TypeSection{Key: key}
		for _, t := range types {
			if sectionOf(t) == key {
				s.Rows = append(s.Rows, p.typeRow(t, counts[t.Name]))
			}
		}
		if key == "store" && len(s.Rows) > 0 { // all have the same
			s.Fields = s.Rows[0].Fields
			for i := range s.Rows {
				s.Rows[i].Fields = nil
			}
		}
		sections = append(sections, s)
	}
	return sections
}

func sectionOf(t catalogue.Type) string {
	switch {
	case t.Kind == catalogue.Own:
		return "own"
	case t.Group() == "custom":
		return "system"
	}
	return t.Group()
}

func (p Page) typeRow(t catalogue.Type, count int) TypeRow {
	row := TypeRow{Name: t.Name, Words: t.Names[p.Locale], Count: count, OptIn: t.OptIn && t.Kind != catalogue.Own, Own: t.Kind == catalogue.Own, Sample: indented(t.Sample)}
	if !row.Own {
		row.Words = p.Words.EventLine(p.Locale, t.Name, nil)
	}
	for _, f := range t.Schema.Fields() {
		field := FieldRow{Path: f.Path, Meaning: f.Says, Kind: p.fieldKind(f), Required: f.Required}
		if !row.Own {
			field.Meaning = p.T(p.Words.FieldKey(t.Name, f.Path))
		}
		row.Fields = append(row.Fields, field)
	}
	row.Stories = p.stories(t)
	for _, r := range t.Related {
		row.Related = append(row.Related, p.Words.EventLine(p.Locale, r.Type, nil))
	}
	return row
}

// stories are what the staff is told of a type and of its variants until a route
// has other words.
func (p Page) stories(t catalogue.Type) []Story {
	if t.Kind == catalogue.Own {
		return []Story{p.story(t.Names, p.Words.OwnTemplate(engawa.EventType{Type: t.Name, Names: t.Names}), t.Name, t.Sample)}
	}
	told := func(name string, sample []byte) Story {
		lines := map[engawa.Locale]string{}
		for _, l := range engawa.Locales {
			lines[l] = p.Words.EventLine(l, name, nil)
		}
		return p.story(lines, p.Words.DefaultTemplate(name), t.Name, sample)
	}
	all := []Story{told(t.Name, t.Sample)}
	for _, v := range t.Variants {
		all = append(all, told(t.Name+"."+v.Name, v.Sample))
	}
	return all
}

func (p Page) story(lines map[engawa.Locale]string, words engawa.Template, typ string, sample []byte) Story {
	s := Story{Words: lines[p.Locale]}
	e := engawa.Event{ID: "evt_1", Type: typ, OccurredAt: p.Now, Data: sample}
	for i, l := range engawa.Locales {
		n, err := p.Words.For(l, p.Zone).Notice(words, e, text.Person{ID: "cus_1", Name: spokenIn(l).hana}, p.Workspace)
		if err != nil {
			n = engawa.Content{Subject: p.T("form.wrong"), Text: why(err)}
		}
		s.Said[i] = Said{l, lines[l], n}
	}
	return s
}

// fieldKind says what may stand in a member.
func (p Page) fieldKind(f catalogue.Field) string {
	switch {
	case f.Enum != nil:
		return strings.Join(f.Enum, ", ")
	case f.Format != "":
		return p.T("fieldtype." + f.Format)
	}
	return p.T("fieldtype." + f.Type)
}

func indented(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

// newType is the form of a type: an empty one, or that of ?type=.
func (c *console) newType(v *visit) error {
	view := v.typeForm("")
	view.Schema, view.Sample = "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"order\": {\"type\": \"string\"}\n  },\n  \"required\": [\"order\"]\n}", "{\"order\": \"A-1\"}"
	name := v.r.URL.Query().Get("type")
	if name == "" {
		return v.show(TypePage(view))
	}
	own, err := c.Compose.OwnTypes(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(own, func(t catalogue.Type) bool { return t.Name == name })
	if i < 0 {
		return engawa.NotFound("event type")
	}
	t := own[i]
	view.Title, view.Type, view.Stored = t.Names[v.Locale], name, true
	view.Schema, view.Sample = string(t.Schema.JSON()), indented(t.Sample)
	for i, l := range engawa.Locales {
		view.Names[i] = t.Names[l]
	}
	return v.show(TypePage(view))
}

func (v *visit) typeForm(name string) TypeForm {
	f := TypeForm{Page: v.titled("routes", v.T("types.new")), Type: name}
	f.Path = "/events/types/new"
	return f
}

func (c *console) saveType(v *visit) error {
	view := v.typeForm(v.typed("type"))
	view.Schema, view.Sample = v.r.PostFormValue("schema"), v.r.PostFormValue("sample")
	e := engawa.EventType{
		Workspace: v.ws(), Type: view.Type, Names: map[engawa.Locale]string{}, Schema: []byte(view.Schema), Sample: []byte(view.Sample),
		UpdatedBy: v.member.ID, UpdatedAt: time.Now().UTC(),
	}
	for i, l := range engawa.Locales {
		view.Names[i] = v.typed("name." + string(l))
		e.Names[l] = view.Names[i]
	}
	err := strictly(e)
	if err == nil {
		_, err = catalogue.OwnType(e)
	}
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeInvalid {
		view.Problem, view.Remedy = v.typeProblem(told)
		return v.showAs(http.StatusUnprocessableEntity, TypePage(view))
	}
	if err == nil {
		err = v.by.SaveEventType(v.ctx(), e)
	}
	if err != nil {
		return err
	}
	return v.see("/events/types", "saved")
}

// strictly holds the two texts of the form to what the API takes.
func strictly(e engawa.EventType) error {
	if err := engawa.Within("/schema", intake.Strict(e.Schema)); err != nil {
		return err
	}
	return engawa.Within("/sample", intake.Strict(e.Sample))
}

// typeProblem says which part of the form is wrong, and where in it.
func (p Page) typeProblem(told *engawa.Error) (problem, remedy string) {
	part, place, _ := strings.Cut(strings.TrimPrefix(told.Field, "/"), "/")
	switch part {
	case "names":
		return p.T("form.check"), p.T("types.names.wrong")
	case "schema":
		return p.T("types.schema.wrong", "place", "/"+place), p.T("types.schema.help")
	case "sample":
		return p.T("types.sample.wrong", "place", "/"+place), p.T("types.sample.help")
	}
	return p.T("form.check"), p.T("types.name.wrong")
}

func (c *console) endType(v *visit) error {
	if err := v.by.EndEventType(v.ctx(), v.ws(), v.typed("type")); err != nil {
		return err
	}
	return v.see("/events/types", "saved")
}
