package text

import (
	"embed"
	"fmt"
	"strings"

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

// how stands in the words for how the offer is taken up.
const how = "{{HOW}}"

// Outreach is the words of a ready-made route to customers, by its name, as a
// template begins with them; empty where there are none. With an offer they hold
// the link of a code of it, where they speak of a discount; without one they ask
// to open the app.
func (w *Words) Outreach(name, offer string) map[engawa.Locale]engawa.Content {
	out := map[engawa.Locale]engawa.Content{}
	for l, words := range w.outreach {
		c, ok := words[name]
		if !ok {
			continue
		}
		taken := w.T(l, "outreach.open")
		if offer != "" {
			taken = w.T(l, "outreach.redeem") + "\n" + engawa.OfferPlace(offer)
		}
		c.Text = strings.ReplaceAll(c.Text, how, taken)
		out[l] = c
	}
	return out
}

// OutreachOffers reports whether the words of a ready-made route speak of a
// discount, and may hold an offer's link.
func (w *Words) OutreachOffers(name string) bool {
	return strings.Contains(w.outreach[engawa.English][name].Text, how)
}
