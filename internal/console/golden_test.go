package console_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/text"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

func words(t *testing.T) *text.Words {
	t.Helper()
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestGolden renders every page with canned data in every language.
func TestGolden(t *testing.T) {
	w := words(t)
	for _, l := range engawa.Locales {
		for _, s := range console.Samples(w, l) {
			name := s.Name + "." + string(l) + ".html"
			t.Run(name, func(t *testing.T) {
				var got bytes.Buffer
				if err := s.View.Render(context.Background(), &got); err != nil {
					t.Fatal(err)
				}
				checkPage(t, got.String())
				checkWords(t, w, got.String())
				path := filepath.Join("testdata", "golden", name)
				if *update {
					if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("%s changed; look at it and run go test ./internal/console -update", name)
				}
			})
		}
	}
}

// checkWords looks for a key where its words should be.
func checkWords(t *testing.T, w *text.Words, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.TextNode || inCode(n) {
			continue
		}
		for _, key := range missing.FindAllString(n.Data, -1) {
			area, _, _ := strings.Cut(key, ".")
			if !w.Has(key) && slices.Contains(areas, area) {
				t.Errorf("the text %q looks like a key without words", key)
			}
		}
	}
}

// inCode reports whether a text is code: names of data, samples of it.
func inCode(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "pre" || p.Data == "textarea" || slices.Contains(strings.Fields(get(p, "class")), "mono") {
			return true
		}
	}
	return false
}

var areas = []string{"nav", "message", "delivery", "verdict", "gate", "purpose", "task", "kind", "list", "form", "live", "route", "customer", "access"}

var missing = regexp.MustCompile(`\b[a-z_]+(\.[a-z_]+)+\b`)

// checkPage holds what every page must be: no script or style in it, a label on
// every input, one h1, no id twice, no form that changes anything by GET.
func checkPage(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	labels, ids, h1 := map[string]bool{}, map[string]bool{}, 0
	var inputs []*html.Node
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if id := get(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %q stands twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s %s> breaks the content security policy", n.Data, a.Key)
			}
		}
		switch n.Data {
		case "h1":
			h1++
		case "style":
			t.Error("a style element breaks the content security policy")
		case "script":
			if get(n, "src") == "" || n.FirstChild != nil {
				t.Error("an inline script breaks the content security policy")
			}
		case "label":
			labels[get(n, "for")] = true
		case "input", "select", "textarea":
			inputs = append(inputs, n)
		case "form":
			if m := get(n, "method"); m != "post" && m != "get" {
				t.Errorf("a form with method %q", m)
			}
		}
	}
	if h1 != 1 {
		t.Errorf("%d h1", h1)
	}
	for _, n := range inputs {
		inLabel := n.Parent != nil && n.Parent.Data == "label"
		if get(n, "type") != "hidden" && !inLabel && get(n, "aria-label") == "" && !labels[get(n, "id")] {
			t.Errorf("the input %q has no label", get(n, "name"))
		}
	}
}

func get(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
