package scrub

import (
	"slices"
	"strings"
)

// properties of a calendar that pass (RFC 5545 3.8). Organizer, attendees,
// contacts and ids tell who somebody is; extensions tell their program.
var properties = []string{
	"BEGIN", "END", "VERSION", "CALSCALE", "METHOD", "DTSTART", "DTEND", "DUE", "DURATION", "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
	"SEQUENCE", "TRANSP", "TRIGGER", "ACTION", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME", "PERCENT-COMPLETE", "PRIORITY", "COMMENT",
}

// times are the parameters that pass: all others name people or their programs.
var times = []string{"TZID", "VALUE", "RELATED", "RANGE"}

// calendar makes a calendar anew from the properties that pass, for attach to
// scrub: lines are unfolded, and folded by nobody.
func (r *rebuild) calendar(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\n ", ""), "\n\t", "") // RFC 5545 3.1
	out := []string{}
	for line := range strings.SplitSeq(s, "\n") {
		head, value, ok := cutValue(line)
		name, params, _ := strings.Cut(head, ";")
		name = strings.ToUpper(strings.TrimSpace(name))
		if !ok || !slices.Contains(properties, name) {
			continue
		}
		for p := range strings.SplitSeq(params, ";") {
			key, _, _ := strings.Cut(p, "=")
			if slices.Contains(times, strings.ToUpper(key)) {
				name += ";" + p
			}
		}
		out = append(out, name+":"+value)
	}
	return strings.Join(out, "\n")
}

// cutValue cuts a content line at the first colon that is not inside quotation
// marks.
func cutValue(line string) (head, value string, ok bool) {
	quoted := false
	for i, c := range []byte(line) {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			return line[:i], line[i+1:], true
		}
	}
	return "", "", false
}
