package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

func (v TemplateForm) action() string {
	if v.ID == "" {
		return "/templates/new"
	}
	return "/templates/" + v.ID
}

func (c *console) templates(v *visit) error {
	all, err := c.Store.Templates(v.ctx(), v.ws())
	if err != nil {
		return err
	}
	view := Templates{Page: v.titled("templates", v.T("templates.title"))}
	for _, t := range all {
		words, _ := text.Pick(t.Words, v.Locale, v.workspace.Locale)
		row := TemplateRow{ID: t.ID, Name: t.Name, Subject: words.Subject, Changed: t.UpdatedAt}
		for _, l := range engawa.Locales {
			if t.Words[l] != (engawa.Content{}) {
				row.Locales = append(row.Locales, l)
			}
		}
		view.Rows = append(view.Rows, row)
	}
	return v.show(TemplatesPage(view))
}

func (c *console) newTemplate(v *visit) error {
	return v.show(TemplatePage(v.templateView(engawa.Template{})))
}

func (c *console) template(v *visit) error {
	t, err := c.storedTemplate(v)
	if err != nil {
		return err
	}
	return v.show(TemplatePage(v.templateView(t)))
}

func (c *console) storedTemplate(v *visit) (engawa.Template, error) {
	all, err := c.Store.Templates(v.ctx(), v.ws())
	if err != nil {
		return engawa.Template{}, err
	}
	for _, t := range all {
		if t.ID == v.r.PathValue("id") {
			return t, nil
		}
	}
	return engawa.Template{}, engawa.NotFound("template")
}

// templateView makes the form with a preview of every language.
func (v *visit) templateView(t engawa.Template) TemplateForm {
	title := t.Name
	if t.ID == "" {
		title = v.T("template.new")
	}
	view := TemplateForm{Page: v.titled("templates", title), ID: t.ID, Name: t.Name, Version: t.Version}
	view.Path = view.action()
	seen := map[string]bool{}
	for i, l := range engawa.Locales {
		c := t.Words[l]
		names := text.Variables(c)
		for _, name := range names {
			if !seen[name] {
				seen[name] = true
				view.Variables = append(view.Variables, name)
			}
		}
		w := TemplateWords{Locale: l, Content: c, Ad: text.Advertises(c)}
		if c != (engawa.Content{}) {
			var err error
			if w.Preview, err = text.Render(c, examples(l, names), text.EscapeNone); err != nil {
				w.Bad = v.T("form.wrong") + " " + why(err)
			}
		}
		view.Words[i] = w
	}
	return view
}

// why is what an error says to a person; it is in English, and names the place.
func why(err error) string {
	if told, ok := errors.AsType[*engawa.Error](err); ok {
		return told.Message
	}
	return ""
}

// examples are values for a preview: a person's name where a name is asked
// for, else the variable's own name in marks.
func examples(l engawa.Locale, variables []string) map[string]any {
	vars := map[string]any{}
	for _, path := range variables {
		parts := strings.Split(path, ".")
		at := vars
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		last := parts[len(parts)-1]
		if _, taken := at[last]; taken {
			continue
		}
		at[last] = "‹" + path + "›"
		if path == "m.name" || path == "customer.name" {
			at[last] = spokenIn(l).hana
		}
	}
	return vars
}

// saveTemplate saves the form, or shows its preview.
func (c *console) saveTemplate(v *visit) error {
	t := engawa.Template{}
	if v.r.PathValue("id") != "" {
		stored, err := c.storedTemplate(v)
		if err != nil {
			return err
		}
		t = stored
	}
	t.Name, t.Words = strings.TrimSpace(v.r.PostFormValue("name")), map[engawa.Locale]engawa.Content{}
	for _, l := range engawa.Locales {
		part := func(name string) string {
			return strings.ReplaceAll(v.r.PostFormValue(name+"."+string(l)), "\r\n", "\n")
		}
		if words := (engawa.Content{Subject: part("subject"), Text: part("text"), HTML: part("html")}); words != (engawa.Content{}) {
			t.Words[l] = words
		}
	}
	if v.r.PostFormValue("do") == "preview" {
		return v.show(TemplatePage(v.templateView(t)))
	}
	view := v.templateView(t)
	if t.Name == "" || len(t.Words) == 0 {
		view.Problem, view.Remedy = v.T("form.check"), joinDot(v.T("templates.name"), v.T("template.text"))
		return v.showAs(http.StatusUnprocessableEntity, TemplatePage(view))
	}
	for l, words := range t.Words {
		if err := text.Check(words); err != nil {
			view.Problem, view.Remedy = v.T("form.check"), joinDot(v.T("locale."+string(l)), why(err))
			return v.showAs(http.StatusUnprocessableEntity, TemplatePage(view))
		}
	}
	return c.keepTemplate(v, t)
}

func (c *console) keepTemplate(v *visit, t engawa.Template) error {
	seen, err := v.version()
	if err != nil {
		return err
	}
	if t.ID == "" {
		t.ID, seen = engawa.NewID(engawa.PrefixTemplate), 0
	}
	t.Workspace, t.Version, t.UpdatedAt = v.ws(), seen, v.Now
	if err := v.by.SaveTemplate(v.ctx(), t); err != nil {
		return err
	}
	return v.see("/templates", "saved")
}
