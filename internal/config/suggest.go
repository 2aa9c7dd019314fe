package config

import (
	"fmt"
	"maps"
	"slices"
)

// unknown says that a name is not known, and which known one it may have meant.
func unknown[V any](what, name string, known map[string]V) error {
	best, distance := "", len(name)/3+2
	for _, candidate := range slices.Sorted(maps.Keys(known)) {
		if d := edits(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return fmt.Errorf("unknown %s %q: engawa config describe lists all", what, name)
	}
	return fmt.Errorf("unknown %s %q: did you mean %q?", what, name, best)
}

// edits is the Levenshtein distance of two names in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
