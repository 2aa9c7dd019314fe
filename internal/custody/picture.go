package custody

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// What a picture may be: as it is uploaded and, drawn anew, as it is kept.
const (
	MaxPicture = 2 << 20
	maxSide    = 4000
)

// Picture draws an uploaded PNG or JPEG anew, so that nothing of the file is kept but
// what can be seen: no place, no camera, no other content behind it. A photograph that
// a camera marked as turned comes out as the sensor saw it.
func Picture(file []byte) (store.Picture, error) {
	wrong := engawa.Invalid("/picture", "PNG or JPEG, 2 MiB and 4,000 pixels a side at most", "this is no picture that can be kept")
	if len(file) > MaxPicture {
		return store.Picture{}, wrong
	}
	size, form, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || size.Width < 1 || size.Height < 1 || size.Width > maxSide || size.Height > maxSide {
		return store.Picture{}, wrong
	}
	seen, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return store.Picture{}, wrong
	}
	var out bytes.Buffer
	p := store.Picture{Type: "image/" + form}
	if form == "jpeg" {
		err = jpeg.Encode(&out, seen, &jpeg.Options{Quality: 85})
	} else {
		err = png.Encode(&out, seen)
	}
	if err != nil || out.Len() > 2*MaxPicture {
		return store.Picture{}, wrong
	}
	p.Data = out.Bytes()
	return p, nil
}
