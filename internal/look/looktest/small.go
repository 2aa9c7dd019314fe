package looktest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"
	"testing"
)

// Small redraws a PNG with so many colours, 256 at most: those of its surfaces, of
// each shade the one that the page has most of, and of the shades those that it
// has most of.
func Small(t *testing.T, shot []byte, colours int) []byte {
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
		if !chosen[c] && len(palette) < colours {
			chosen[c] = true
			palette = append(palette, c)
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	for _, c := range often {
		if count[c] > area.Dx()*area.Dy()/500 { // paper and card differ by less than a shade
			add(c)
		}
	}
	for _, s := range slices.SortedFunc(maps.Keys(shades), func(a, b color.RGBA) int { return shades[b] - shades[a] }) {
		add(most[s])
	}
	for _, c := range often {
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
