package zendesk

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

var subdomainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// subdomain takes "hinata", "hinata.zendesk.com" or an address of a page below
// it, as it is copied from a browser.
func subdomain(s string) (string, error) {
	const remedy = "write the part before .zendesk.com in the address with which you sign in to Zendesk"
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return "", engawa.Invalid("/settings/subdomain", remedy, "zendesk: subdomain is required")
	}
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil {
			return "", engawa.Invalid("/settings/subdomain", remedy, "zendesk: the subdomain is neither a name nor an address")
		}
		s = u.Hostname()
	} else {
		s, _, _ = strings.Cut(s, "/")
	}
	name := strings.TrimSuffix(s, ".zendesk.com")
	if !subdomainName.MatchString(name) || len(name) > 63 {
		return "", engawa.Invalid("/settings/subdomain", remedy, "zendesk: %q is not a subdomain of zendesk.com", s)
	}
	return name, nil
}

// tags reads words set apart by commas or spaces: a tag holds no space.
func tags(s string) ([]string, error) {
	list := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '、' || r == ' ' || r == '　' })
	for _, t := range list {
		if len(t) > 255 || strings.ContainsAny(t, `"'#&<>`) {
			return nil, engawa.Invalid("/settings/tags", "use letters, digits, - and _, with commas between the tags", "zendesk: %q cannot be a tag", t)
		}
	}
	return list, nil
}

// mapping fills one custom field of the tickets.
type mapping struct {
	id   string   // of the field, exactly as written: it may be beyond 2^53
	from string   // "data", "event" or "customer"
	path []string // below it
}

// mappings reads lines such as "360001234567 = data.plan". An empty line and
// one that begins with # say nothing.
func mappings(s string) ([]mapping, error) {
	var out []mapping
	seen := map[string]bool{}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, source, ok := strings.Cut(line, "=")
		id = strings.TrimSpace(id)
		parts := strings.Split(strings.TrimSpace(source), ".")
		if !ok || !number(id) || len(id) > 19 || seen[id] || !mappable(parts) {
			return nil, engawa.Invalid("/settings/custom_fields", "write lines such as 360001234567 = data.plan: the field's id in Zendesk, then data.…, event.id, event.type or customer.id",
				"zendesk: %.80q maps no field, or one that is mapped already", line)
		}
		seen[id] = true
		out = append(out, mapping{id, parts[0], parts[1:]})
	}
	return out, nil
}

func mappable(parts []string) bool {
	if slices.Contains(parts, "") {
		return false
	}
	switch strings.Join(parts, ".") {
	case "event.id", "event.type", "customer.id":
		return true
	}
	return parts[0] == "data" && len(parts) > 1
}

// value is what m takes from a notice: a text, a number exactly as it was
// written, true or false; nil where there is none.
func (m mapping) value(about *engawa.About, data map[string]any) any {
	switch {
	case m.from == "customer":
		return orNone(about.Customer)
	case m.from == "event" && m.path[0] == "id":
		return orNone(about.Event)
	case m.from == "event":
		return orNone(about.Type)
	}
	var at any = data
	for _, name := range m.path {
		inside, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = inside[name]
	}
	switch at.(type) {
	case string, json.Number, bool:
		return at
	}
	return nil
}

func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}
