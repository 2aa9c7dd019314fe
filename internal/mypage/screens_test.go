package mypage

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/look/looktest"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store/storetest"
)

var screens = flag.Bool("screens", false, "write the screenshots of docs/screens anew")

// gallery are the pages as a customer may find them, by name.
func (s *site) gallery() map[string]string {
	s.t.Helper()
	_, err := s.Store.SaveSubscription(s.t.Context(), engawa.Subscription{Workspace: ws, Customer: hana, App: "app_beans", Product: "月2回", State: engawa.SubscriptionActive, StartsAt: time.Now()})
	s.must(err)
	s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Marketing)
	s.give(hana, engawa.ControllerWorkspace, "app_own", engawa.Notice)
	gone := s.give(hana, "ptn_beans", "app_beans", engawa.Marketing)
	s.must(s.Store.Decide(s.t.Context(), engawa.Consent{
		Workspace: ws, ID: "cns_share", Customer: hana, Controller: "ptn_beans", App: "app_beans", Act: engawa.ActShareAddress, Purpose: engawa.Service, Given: true, At: time.Now(),
		Evidence: engawa.Evidence{Wording: "x", Version: builtin, Where: "shop", How: "checkbox"},
	}))
	s.says(message.Request{Customer: hana, App: "app_own", Purpose: engawa.Marketing})
	s.says(message.Request{Customer: hana, App: "app_beans", Partner: "ptn_beans", Purpose: engawa.Notice, Content: engawa.Content{Subject: "収穫のお知らせ", Text: "x"}})
	s.says(message.Request{Customer: hana, App: "app_beans", Partner: "ptn_beans", Purpose: engawa.Service, Content: engawa.Content{Subject: "次のお届け日", Text: "x"}})
	s.post(s.opened(hana)+"/stop", http.StatusSeeOther, url.Values{"id": {gone}})
	s.must(s.Store.AddContactPoint(s.t.Context(), engawa.ContactPoint{Workspace: ws, ID: "cp_group", Customer: hana, Kind: "mail", Address: "all@group.example", Shared: true, Purposes: []engawa.Purpose{engawa.Notice}, CreatedAt: time.Now()}))
	ask := Ask{
		Workspace: ws, Customer: hana, Controller: "ptn_beans", App: "app_beans", Purposes: []engawa.Purpose{engawa.Notice, engawa.Marketing}, Channels: []string{"mail"},
		Night: true, Address: true, Where: "shop", Back: "https://shop.hinata.example/done",
	}
	s.must(s.Store.AddAccount(s.t.Context(), engawa.Account{
		Workspace: ws, ID: "acc_smaregi", Kind: "smaregi", Name: "スマレジ", Environment: engawa.Production, Owner: "ptn_beans", Enabled: true, CreatedAt: time.Now(),
		Settings: map[string]string{"app": "app_beans", "client_id": "beans", "secret": "a-secret-of-the-hub", "client_secret": "x"},
	}))
	page, frame := s.AskLink(ask, AskLife)
	path := func(link string) string { return link[len(s.Base):] }
	return map[string]string{
		"my":          s.opened(hana),
		"my-sure":     s.sure(hana),
		"my-contract": s.opened(firm),
		"my-erase":    s.sure(hana) + "/erase",
		"ask":         path(page),
		"ask-frame":   path(frame),
		"ask-given":   path(page) + "?done=2",
		"prove":       "/prove/" + s.token(proveToken, pass{Workspace: ws, Customer: hana, Point: "cp_group"}, proveLife),
		"my-gone":     "/my/nothing",
		"my-door":     "/mypage/at/" + ws,
	}
}

// shots are the screenshots: page, language, width in px, theme.
var shots = []struct {
	page, lang string
	width      int64
	theme      string
}{
	{"my", "ja", 390, "light"},
	{"my", "ko", 1280, "light"},
	{"my", "en", 390, "dark"},
	{"my-sure", "ja", 1280, "light"},
	{"my-sure", "ko", 390, "light"},
	{"my-erase", "ja", 390, "light"},
	{"ask", "ja", 390, "light"},
	{"ask", "en", 1280, "light"},
	{"ask-frame", "ko", 390, "dark"},
	{"prove", "ja", 390, "light"},
	{"my-door", "ja", 390, "light"},
}

// unreadable are texts whose contrast with their ground is below WCAG's AA (4.5:1).
const unreadable = `(() => {
	const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = c => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = c; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
	const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const ground = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return rgba("Canvas"); };
	return [...document.querySelectorAll("body *")].filter(e => e.getClientRects().length && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).filter(e => {
		const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		return (a + .05) / (b + .05) < 4.5;
	}).map(e => e.outerHTML.slice(0, 90));
})()`

// small are what is to be pressed and is smaller than a thumb (WCAG 2.2, 2.5.8).
const tooSmall = `[...document.querySelectorAll("button, .btn, summary, nav a, input:not([type=hidden])")].filter(e => e.getClientRects().length && !e.closest("label") && e.getBoundingClientRect().height < 24).map(e => e.outerHTML.slice(0, 90))`

// TestScreens opens every page at each width, in each language and both themes:
// none is wider than the screen, nothing is too small to press or too pale to
// read. With -screens it writes the screenshots.
func TestScreens(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	pages := s.gallery()
	server := httptest.NewServer(s.handler)
	defer server.Close()
	ctx := looktest.Chromium(t)
	look := func(page, lang string, width int64, theme string) {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		path := pages[page] + "?lang=" + lang
		if page == "ask-given" {
			path = pages[page] + "&lang=" + lang
		}
		looktest.Do(ctx, t, chromedp.EmulateViewport(width, 844), chromedp.Navigate(server.URL+path))
	}
	for page := range pages {
		for _, lang := range []string{"ja", "ko", "en"} {
			for width, theme := range map[int64]string{1280: "light", 390: "dark", 360: "light"} {
				look(page, lang, width, theme)
				looktest.Eval[int](ctx, t, `document.querySelectorAll("details").forEach(d => d.open = true) || 0`)
				if over := looktest.Eval[int](ctx, t, looktest.TooWide); over > 0 {
					t.Errorf("%s in %s is %d px wider than %d px", page, lang, over, width)
				}
				for _, e := range append(looktest.Eval[[]string](ctx, t, unreadable), looktest.Eval[[]string](ctx, t, tooSmall)...) {
					t.Errorf("%s in %s at %d, %s: %s", page, lang, width, theme, e)
				}
			}
		}
	}
	if !*screens {
		return
	}
	for _, x := range shots {
		look(x.page, x.lang, x.width, x.theme)
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s.%s.%d.%s.png", x.page, x.lang, x.width, x.theme)
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "screens", name), looktest.Small(t, shot, 256), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
