package mypage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// wording is what stands beside a box, as it was shown.
type wording struct {
	text    string
	version string // "engawa-1" for ours, "own-3" for the workspace's third
}

// builtin is the version of the words that come with the hub (words/mypage.*).
// Whoever changes ask.of.* or ask.facts raises it.
const builtin = "engawa-1"

// house is what wordings name: who asks, for which app.
type house struct {
	workspace engawa.Workspace
	apps      []engawa.App
	partners  []engawa.Partner
	own       []engawa.Wording
}

func (s *Site) house(ctx context.Context, w engawa.Workspace) (h house, err error) {
	h.workspace = w
	if h.apps, err = s.Store.Apps(ctx, w.ID); err != nil {
		return h, err
	}
	if h.partners, err = s.Store.Partners(ctx, w.ID); err != nil {
		return h, err
	}
	h.own, err = s.Store.Wordings(ctx, w.ID)
	return h, err
}

// app is the name of an app; empty for all of them.
func (h house) app(id string) string {
	for _, a := range h.apps {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

// controller is who is the legal sender of an app.
func (h house) controller(app string) string {
	for _, a := range h.apps {
		if a.ID == app && a.Partner != "" {
			return a.Partner
		}
	}
	return engawa.ControllerWorkspace
}

// sender is the name of a controller, as customers read it.
func (h house) sender(v text.Viewer, controller string) string {
	if controller == engawa.ControllerWorkspace {
		return h.workspace.Name
	}
	for _, p := range h.partners {
		if p.ID == controller {
			return v.T("my.via", "sender", p.Name, "business", h.workspace.Name)
		}
	}
	return controller
}

// partner is the name of a controller alone.
func (h house) partner(controller string) string {
	for _, p := range h.partners {
		if p.ID == controller {
			return p.Name
		}
	}
	return h.workspace.Name
}

// words are what a customer is shown for a scope: the workspace's newest words
// for that app, or for all of its apps, or ours; and below it what the law asks to
// be said beside every box (KR PIPA 15(2), 17(2)).
func (h house) words(v text.Viewer, c engawa.Consent) wording {
	name := h.app(c.App)
	if name == "" {
		name = v.T("my.all_apps", "business", h.workspace.Name)
	}
	partner := h.partner(c.Controller)
	facts := v.T("ask.facts."+string(c.Act), "sender", partner, "app", name)
	for _, app := range []string{c.App, ""} {
		i := slices.IndexFunc(h.own, func(w engawa.Wording) bool { return w.App == app && w.Act == c.Act && w.Purpose == c.Purpose })
		if i < 0 || h.own[i].Words[v.Locale] == "" {
			continue
		}
		said, err := text.Render(engawa.Content{Text: h.own[i].Words[v.Locale]}, map[string]any{
			"business": h.workspace.Name, "sender": partner, "app": name, "channel": channelName(v, c.Channel),
		}, text.EscapeNone)
		if err == nil {
			return wording{strings.TrimSpace(said.Text) + "\n" + facts, fmt.Sprintf("own-%d", h.own[i].Version)}
		}
	}
	said := v.T("ask.of."+string(c.Act)+forPurpose(c), "sender", partner, "app", name, "channel", channelName(v, c.Channel))
	if c.Topic != "" {
		said += v.T("ask.topic", "topic", c.Topic)
	}
	return wording{said + "\n" + facts, builtin}
}

// forPurpose is the rest of the key of an act's words: of contact they differ by
// purpose.
func forPurpose(c engawa.Consent) string {
	if c.Act != engawa.ActContact {
		return ""
	}
	return "." + string(c.Purpose.Class())
}

// CheckWording refuses words that name what nobody fills in.
func CheckWording(said string) error {
	_, err := text.Render(engawa.Content{Text: said}, map[string]any{"business": "b", "sender": "s", "app": "a", "channel": "c"}, text.EscapeNone)
	return err
}

// channelName is a kind of channel as customers call it.
func channelName(v text.Viewer, kind string) string {
	if kind == "" {
		return v.T("my.any_channel")
	}
	if v.Words.Has("kind." + kind) {
		return v.T("kind." + kind)
	}
	return kind
}

// seal is the same for words that read the same: what a form brings back, so
// that nobody agrees to words that have changed under their eyes.
func seal(ws ...wording) string {
	h := sha256.New()
	for _, w := range ws {
		fmt.Fprintf(h, "%d:%s%d:%s", len(w.text), w.text, len(w.version), w.version)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
