package console_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
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
	{"patterns", "ja", 1280, "light"},
	{"tries", "en", 1280, "light"},
	{"account-zendesk", "ja", 1280, "light"},
	{"account-zendesk", "en", 1280, "light"},
	{"route", "ja", 1280, "light"},
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
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "screens", name), small(t, shot), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// small redraws a PNG with 256 colours: of each shade the one that the page has
// most of, and of the shades those that it has most of.
func small(t *testing.T, shot []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	count, area := map[color.RGBA]int{}, from.Bounds()
	for y := range area.Dy() {
		for x := range area.Dx() {
			count[color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)]++
		}
	}
	shade := func(c color.RGBA) color.RGBA { return color.RGBA{c.R >> 5, c.G >> 5, c.B >> 5, 0} }
	shades, most := map[color.RGBA]int{}, map[color.RGBA]color.RGBA{}
	for c, n := range count {
		shades[shade(c)] += n
		if n > count[most[shade(c)]] {
			most[shade(c)] = c
		}
	}
	chosen := map[color.RGBA]bool{}
	var palette color.Palette
	add := func(c color.RGBA) {
		if !chosen[c] && len(palette) < 256 {
			chosen[c] = true
			palette = append(palette, c)
		}
	}
	for _, s := range slices.SortedFunc(maps.Keys(shades), func(a, b color.RGBA) int { return shades[b] - shades[a] }) {
		add(most[s])
	}
	for _, c := range slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] }) {
		add(c)
	}
	to := image.NewPaletted(area, palette)
	draw.Draw(to, area, from, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
