package text

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/engawa/engawa"
)

// mailbox is what may be a mail address inside a text; it finds too much rather
// than too little.
var mailbox = regexp.MustCompile(`[^\s"'<>()@,;:]+@[^\s"'<>()@,;:]+\.[^\s"'<>()@,;:]+`)

// numbers are the names under which events carry telephone numbers.
var numbers = regexp.MustCompile(`(?i)(^|_)(tel|phone|mobile|fax)($|_)|phone_?number`)

// Veil returns an event's data with addresses masked, for words that staff
// read in a room: mail addresses wherever they stand, and what a name calls a
// telephone number. The input is not changed.
func Veil(data map[string]any) map[string]any {
	out := make(map[string]any, len(data))
	for name, value := range data {
		out[name] = veil(name, value)
	}
	return out
}

func veil(name string, value any) any {
	switch x := value.(type) {
	case map[string]any:
		return Veil(x)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = veil(name, x[i])
		}
		return list
	case string:
		if numbers.MatchString(name) {
			return engawa.MaskAddress(strings.TrimSpace(x))
		}
		return VeilText(x)
	case float64, int, json.Number:
		if numbers.MatchString(name) {
			return "…"
		}
	}
	return value
}

// VeilText masks the mail addresses in a text.
func VeilText(s string) string { return mailbox.ReplaceAllStringFunc(s, engawa.MaskAddress) }
