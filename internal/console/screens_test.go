package console_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/engawa/engawa/internal/console"
	"github.com/engawa/engawa/internal/look/looktest"
)

var screens = flag.Bool("screens", false, "write docs/screens anew")

// shots are the screenshots: page, language, width in px, theme.
var shots = []struct {
	page, lang string
	width      int64
	theme      string
}{
	{"today", "ja", 1280, "light"},
	{"today", "ja", 390, "dark"},
	{"today-quiet", "ko", 390, "light"},
	{"live", "ko", 1280, "light"},
	{"live", "ja", 390, "light"},
	{"message-refused", "ja", 1280, "light"},
	{"message-refused", "ko", 390, "light"},
	{"message-held", "en", 1280, "dark"},
	{"messages", "ja", 390, "light"},
	{"thread", "ja", 1280, "light"},
	{"thread", "ko", 390, "light"},
	{"customer", "ko", 1280, "light"},
	{"customer", "ja", 390, "light"},
	{"customers-none", "ja", 1280, "light"},
	{"customers-found", "ko", 390, "light"},
	{"extend", "ja", 1280, "light"},
	{"extend-none-left", "ko", 390, "dark"},
	{"outage-new", "ja", 1280, "light"},
	{"outage-done", "en", 1280, "light"},
	{"letter", "ko", 390, "light"},
	{"columns", "ja", 1280, "light"},
	{"columns", "ko", 390, "dark"},
	{"import", "ja", 1280, "light"},
	{"import", "ko", 390, "light"},
	{"stop", "ja", 1280, "light"},
	{"stop", "ko", 390, "light"},
	{"merge", "ja", 1280, "light"},
	{"merge", "en", 390, "light"},
	{"erase", "ja", 1280, "light"},
	{"erase", "ko", 390, "dark"},
	{"account", "en", 1280, "light"},
	{"account", "ko", 390, "dark"},
	{"custody", "ja", 1280, "light"},
	{"custody", "ko", 390, "light"},
	{"custody-hostage", "ja", 1280, "light"},
	{"custody-hostage", "ko", 390, "dark"},
	{"custody-connected", "en", 1280, "light"},
	{"custody-state", "ja", 1280, "light"},
	{"custody-state", "en", 390, "light"},
	{"custody-questions", "ko", 1280, "light"},
	{"custody-questions", "ja", 390, "light"},
	{"patterns", "ja", 1280, "light"},
	{"tries", "en", 1280, "light"},
	{"account-zendesk", "ja", 1280, "light"},
	{"account-zendesk", "en", 1280, "light"},
	{"route", "ja", 1280, "light"},
	{"route", "ko", 390, "light"},
	{"types", "ja", 1280, "light"},
	{"types", "ko", 390, "light"},
	{"type", "en", 1280, "light"},
	{"template", "ko", 390, "light"},
	{"lanes", "ja", 1280, "dark"},
	{"tasks", "ja", 390, "light"},
	{"tasks", "en", 1280, "light"},
	{"task", "ko", 1280, "light"},
	{"task", "ja", 390, "dark"},
	{"places", "ja", 390, "light"},
	{"webform", "ja", 1280, "light"},
	{"by-hand", "ko", 390, "light"},
	{"notices", "ja", 1280, "light"},
	{"notices", "ko", 390, "light"},
	{"sent", "en", 1280, "light"},
	{"sent", "ja", 390, "dark"},
	{"settings", "ja", 1280, "light"},
	{"members", "ja", 1280, "light"},
	{"members", "ko", 390, "light"},
	{"member", "ja", 1280, "light"},
	{"member", "en", 390, "dark"},
	{"invite", "ko", 1280, "light"},
	{"link-made", "ja", 390, "light"},
	{"keys", "ja", 1280, "light"},
	{"keys", "ko", 390, "light"},
	{"key", "ja", 390, "light"},
	{"key", "en", 1280, "light"},
	{"key-made", "ko", 1280, "light"},
	{"audit", "ja", 1280, "light"},
	{"audit", "ko", 390, "light"},
	{"signin", "ko", 390, "light"},
}

// TestScreens opens every page of the gallery at each width, where none may be
// wider than the screen and the chosen entry of the menu can be seen, and with
// -screens writes the screenshots.
func TestScreens(t *testing.T) {
	w := words(t)
	mux := http.NewServeMux()
	mux.Handle("/static/", console.Static())
	mux.Handle("/_pages/", console.Gallery(w))
	s := httptest.NewServer(mux)
	defer s.Close()
	ctx := looktest.Chromium(t)
	for _, sample := range console.Samples(w, "ja") {
		for _, lang := range []string{"ja", "ko", "en"} {
			looktest.Do(ctx, t, chromedp.Navigate(s.URL+"/_pages/"+sample.Name+"?lang="+lang))
			for _, width := range []int64{1280, 390, 360} {
				looktest.Do(ctx, t, chromedp.EmulateViewport(width, 900))
				if is := looktest.Eval[int64](ctx, t, "innerWidth"); is != width {
					t.Fatalf("the window is %d px wide, not %d", is, width)
				}
				if over := looktest.Eval[int](ctx, t, looktest.TooWide); over > 0 {
					t.Errorf("%s in %s is %d px wider than %d px", sample.Name, lang, over, width)
				}
				if looktest.Eval[bool](ctx, t, chosenHidden) {
					t.Errorf("%s in %s: the chosen entry of the menu is not in sight at %d px", sample.Name, lang, width)
				}
			}
		}
	}
	if *screens {
		shoot(ctx, t, s.URL)
	}
}

// chosenHidden is whether a page has a chosen entry in its menu whose corners
// are not what lies there on the screen.
const chosenHidden = `[...document.querySelectorAll("nav a[aria-current]")].some(a => {
	const r = a.getBoundingClientRect();
	return [r.left + 4, r.right - 4].some(x => !a.contains(document.elementFromPoint(x, r.top + r.height / 2)));
})`

func shoot(ctx context.Context, t *testing.T, base string) {
	t.Helper()
	for _, x := range shots {
		theme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: x.theme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, theme); err != nil {
			t.Fatal(err)
		}
		looktest.Do(ctx, t, chromedp.EmulateViewport(x.width, 844), chromedp.Navigate(base+"/_pages/"+x.page+"?lang="+x.lang))
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
