package text

import "strings"

// Cell is a value for a cell of a CSV file that no spreadsheet runs as a
// formula: what begins like one, in full width too, begins with an apostrophe.
func Cell(s string) string {
	if strings.IndexAny(s, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + s
	}
	return s
}
