package text

import (
	"embed"
	"fmt"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
)

//go:embed outreach/*.toml
var outreachFiles embed.FS

func loadOutreach() (map[engawa.Locale]map[string]engawa.Content, error) {
	all := map[engawa.Locale]map[string]engawa.Content{}
	for _, l := range engawa.Locales {
		name := "outreach/" + string(l) + ".toml"
		b, err := outreachFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("load the words of ready-made routes: %w", err)
		}
		var words map[string]struct{ Subject, Text string }
		if err := toml.Unmarshal(b, &words); err != nil {
			return nil, fmt.Errorf("load the words of ready-made routes, %s: %w", name, err)
		}
		all[l] = map[string]engawa.Content{}
		for key, w := range words {
			all[l][key] = engawa.Content{Subject: w.Subject, Text: w.Text}
		}
	}
	return all, nil
}

// Outreach is the words of a ready-made route to customers, by its name, as a
// template begins with them; empty where there are none.
func (w *Words) Outreach(name string) map[engawa.Locale]engawa.Content {
	out := map[engawa.Locale]engawa.Content{}
	for l, words := range w.outreach {
		if c, ok := words[name]; ok {
			out[l] = c
		}
	}
	return out
}
