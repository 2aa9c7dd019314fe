package text

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
)

//go:embed notices/*.toml
var noticeFiles embed.FS

// notice is the words for one event type: a line for timelines, and the notice
// that goes to staff until the business writes its own.
type notice struct {
	Line    string `toml:"line"`    // a few words
	Subject string `toml:"subject"` // empty: Line
	Text    string `toml:"text"`    // empty: Line
}

func loadNotices() (map[engawa.Locale]map[string]notice, error) {
	all := map[engawa.Locale]map[string]notice{}
	for _, l := range engawa.Locales {
		name := "notices/" + string(l) + ".toml"
		b, err := noticeFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("load notices of %s: %w", l, err)
		}
		var types map[string]notice
		if err := toml.Unmarshal(b, &types); err != nil {
			return nil, fmt.Errorf("load notices %s: %w", name, err)
		}
		all[l] = types
	}
	return all, nil
}

// EventTypes lists the event types that have words, in order.
func (w *Words) EventTypes() []string {
	return slices.Sorted(maps.Keys(w.notices[engawa.English]))
}

// EventLine says in a few words what happened, for a timeline row. data is the
// event's data, as Viewer.Show gives it. A store type that is not known falls
// back to its notification's own name, another one to its type.
func (w *Words) EventLine(l engawa.Locale, eventType string, data map[string]any) string {
	n, ok := w.notice(l, Variant(eventType, data))
	if !ok {
		return w.T(l, "event.unknown", "type", eventType)
	}
	line, err := renderPart("/line", n.Line, data, oneLine)
	if line = strings.TrimSpace(line); err != nil || line == "" {
		return eventType
	}
	if said, _ := lookup(w.For(l, nil).withTask(eventType, data), "task.title"); said != nil {
		return line + ": " + fmt.Sprint(said)
	}
	return line
}

// Variant names the words for an event more exactly than its type does, where
// its data makes another story of it: a one-time offer, a switch on or off.
// DefaultTemplate takes the result.
func Variant(eventType string, data map[string]any) string {
	switch eventType {
	case "application.completed":
		if v, _ := lookup(data, "offer.is_one_time"); v == true {
			return eventType + ".one_time_offer"
		}
	case "site.maintenance.changed":
		switch data["enabled"] {
		case true:
			return eventType + ".on"
		case false:
			return eventType + ".off"
		}
	}
	return eventType
}

// Knows reports whether a type, or the type that contains it, has words.
func (w *Words) Knows(eventType string) bool {
	_, ok := w.notice(engawa.English, eventType)
	return ok
}

// FieldKey is the key of the words for a member of an event's data: of the type,
// of the family that its first word names, or of that member wherever it is.
func (w *Words) FieldKey(eventType, path string) string {
	family, _, _ := strings.Cut(eventType, ".")
	for _, key := range []string{"field." + eventType + "." + path, "field." + family + "." + path} {
		if w.Has(key) {
			return key
		}
	}
	return "field." + path
}

// notice finds the words of a type, or of the type that contains it: a new
// subtype of a known store notification still has its words.
func (w *Words) notice(l engawa.Locale, eventType string) (notice, bool) {
	types := w.notices[l]
	if types == nil {
		types = w.notices[engawa.English]
	}
	for typ := eventType; ; {
		if n, ok := types[typ]; ok {
			return n, true
		}
		i := strings.LastIndexByte(typ, '.')
		if i < 0 {
			return notice{}, false
		}
		typ = typ[:i]
	}
}

// DefaultTemplate returns the notice to staff for an event type, in every
// locale. Its variables are the event's data (m.name, c.name, amount …) and
// event.id, customer.name and customer.id; all of them may be absent. A type without words of its own gets a
// notice that names it.
func (w *Words) DefaultTemplate(eventType string) engawa.Template {
	t := engawa.Template{Name: eventType, Words: map[engawa.Locale]engawa.Content{}}
	for _, l := range engawa.Locales {
		t.Words[l] = w.defaultContent(l, eventType)
	}
	return t
}

// OwnTemplate is the notice to staff for a type that a workspace made: its name,
// and what the event is known by.
func (w *Words) OwnTemplate(e engawa.EventType) engawa.Template {
	t := engawa.Template{Name: e.Type, Words: map[engawa.Locale]engawa.Content{}}
	for _, l := range engawa.Locales {
		t.Words[l] = engawa.Content{Subject: e.Names[l], Text: e.Names[l] + "\n" + w.T(l, "event.customer_id") + ": {{customer.id?}}\nref: {{event.id?}}\n"}
	}
	return t
}

func (w *Words) defaultContent(l engawa.Locale, eventType string) engawa.Content {
	n, ok := w.notice(l, eventType)
	if !ok {
		line := w.T(l, "event.unknown", "type", eventType)
		return engawa.Content{Subject: line, Text: line + "\n"}
	}
	c := engawa.Content{Subject: n.Subject, Text: n.Text}
	if c.Subject == "" {
		c.Subject = n.Line
	}
	if c.Text == "" {
		c.Text = n.Line + "\n"
	}
	return c
}

// Notice is what a place of the staff shows of an event by a template: addresses
// are masked.
func (v Viewer) Notice(words engawa.Template, e engawa.Event, customer Person, workspace string) (engawa.Content, error) {
	var data map[string]any
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return engawa.Content{}, fmt.Errorf("read the data of %s: %w", e.ID, err)
	}
	return Render(words.Words[v.Locale], v.EventVars(e, Veil(data), customer, workspace), EscapeChat)
}

// Person is the customer of whom words tell. The id is for staff alone.
type Person struct{ ID, Name string }

// EventVars makes the variables of a template from an event: its data at the
// root as the viewer reads it, and under "event" its id, type, subject and
// time, besides "customer" and "workspace".
func (v Viewer) EventVars(e engawa.Event, data map[string]any, customer Person, workspace string) map[string]any {
	vars := v.withTask(e.Type, v.Show(data))
	at := e.OccurredAt
	if at.IsZero() {
		at = e.ReceivedAt
	}
	if _, said := vars["actor"]; !said && e.Actor.Type != "" {
		vars["actor"] = v.T("value.actor." + e.Actor.Type)
	}
	vars["event"] = map[string]any{
		"id": e.ID, "type": e.Type, "subject": e.Subject,
		"actor": v.actor(e.Actor), "links": e.Links,
		"occurred_at": v.Time(at), "line": v.Words.EventLine(v.Locale, e.Type, vars),
	}
	vars["customer"] = map[string]any{"name": customer.Name, "id": customer.ID}
	vars["workspace"] = map[string]any{"name": workspace}
	return vars
}

// actor is who caused an event, in words; nothing where nobody said.
func (v Viewer) actor(a engawa.Actor) map[string]any {
	if a.Type == "" {
		return nil
	}
	return map[string]any{"name": v.T("value.actor." + a.Type), "type": a.Type, "id": a.ID}
}
