package console_test

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestContrast holds the colours to WCAG 2.2 AA in both themes: 4.5 to 1 for
// text (1.4.3), 3 to 1 for the borders of what is pressed or filled in and for
// the focus ring (1.4.11).
func TestContrast(t *testing.T) {
	css, err := os.ReadFile(filepath.Join("..", "look", "tokens.css"))
	if err != nil {
		t.Fatal(err)
	}
	themes := [2]map[string]string{{}, {}}
	for _, m := range regexp.MustCompile(`--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)`).FindAllStringSubmatch(string(css), -1) {
		themes[0][m[1]], themes[1][m[1]] = m[2], m[3]
	}
	for _, pair := range []struct {
		front string
		backs []string
		least float64
	}{
		{"ink", []string{"paper", "sheet", "sunk", "moss-bg", "amber-bg", "shu-bg", "slate-bg"}, 4.5},
		{"ink-2", []string{"paper", "sheet", "sunk"}, 4.5},
		{"moss", []string{"moss-bg", "sheet"}, 4.5},
		{"amber", []string{"amber-bg", "sheet"}, 4.5},
		{"shu", []string{"shu-bg", "sheet", "paper"}, 4.5},
		{"slate", []string{"slate-bg", "sheet"}, 4.5},
		{"sheet", []string{"moss", "amber", "shu"}, 4.5}, // on buttons and the deciding gate's number
		{"line-2", []string{"sheet", "paper"}, 3},
		{"focus", []string{"sheet", "paper"}, 3},
		{"wood", []string{"paper", "sheet"}, 3},
	} {
		for i, theme := range themes {
			for _, back := range pair.backs {
				if got := contrast(t, theme[pair.front], theme[back]); got < pair.least {
					t.Errorf("%s: %s on %s has %.2f, wants %.1f", [2]string{"light", "dark"}[i], pair.front, back, got, pair.least)
				}
			}
		}
	}
}

// contrast is WCAG's ratio of two colours.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("%q is no colour of the tokens", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
