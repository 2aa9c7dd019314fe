package scrub

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// picture says what octets are by their beginning: a kind of picture that can be
// made bare, else nothing.
func picture(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "image/gif"
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

// bare copies a picture without what was written into it beside the points: who
// took it, where, with what. It is false for one that is not built as it should be.
func bare(kind string, b []byte) ([]byte, bool) {
	switch kind {
	case "image/jpeg":
		return bareJPEG(b)
	case "image/png":
		return barePNG(b)
	case "image/gif":
		return bareGIF(b)
	case "image/webp":
		return bareWebP(b)
	}
	return nil, false
}

// bareJPEG keeps what is needed to decode (ITU-T T.81 B.1.1.3) and Adobe's note on
// colours; of Exif only which way is up.
func bareJPEG(b []byte) ([]byte, bool) {
	out := append(make([]byte, 0, len(b)), b[:2]...)
	turned := orientation(b)
	if turned > 1 {
		out = append(out, upright(turned)...)
	}
	for i := 2; i+4 <= len(b); {
		if b[i] != 0xff {
			return nil, false
		}
		marker := b[i+1]
		switch {
		case marker == 0xff: // a fill octet
			i++
			continue
		case marker == 0xd9:
			return append(out, 0xff, 0xd9), true
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8:
			return nil, false // stand-alone markers have no place here
		}
		size := int(binary.BigEndian.Uint16(b[i+2:]))
		if size < 2 || i+2+size > len(b) {
			return nil, false
		}
		segment := b[i : i+2+size]
		i += 2 + size
		if marker == 0xfe || marker >= 0xe0 && marker <= 0xef && (marker != 0xee || size != 14) {
			continue // comments and applications' own, but Adobe's
		}
		out = append(out, segment...)
		if marker != 0xda {
			continue
		}
		end := scanEnd(b, i)
		out = append(out, b[i:end]...)
		i = end
	}
	if len(out) > 2 && bytes.Contains(out, []byte{0xff, 0xda}) {
		return append(out, 0xff, 0xd9), true // cut short: programs show what is there
	}
	return nil, false
}

// scanEnd is where the coded points end that begin at i: at a marker that is not
// one of theirs.
func scanEnd(b []byte, i int) int {
	for ; i+1 < len(b); i++ {
		if b[i] == 0xff && b[i+1] != 0 && (b[i+1] < 0xd0 || b[i+1] > 0xd7) && b[i+1] != 0xff {
			return i
		}
	}
	return len(b)
}

// orientation reads the one thing of Exif that a picture needs (Exif 2.3, tag
// 0x0112); 0: it is not said.
func orientation(b []byte) byte {
	i := bytes.Index(b[:min(len(b), 64<<10)], []byte("Exif\x00\x00"))
	if i < 0 || i+14 > len(b) {
		return 0
	}
	t := b[i+6:]
	var order binary.ByteOrder = binary.BigEndian
	if string(t[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := order.Uint32(t[4:])
	if at > 1<<10 || int(at)+2 > len(t) {
		return 0
	}
	n := int(order.Uint16(t[at:]))
	for k := range min(n, 64) {
		entry := int(at) + 2 + 12*k
		if entry+12 > len(t) {
			return 0
		}
		if order.Uint16(t[entry:]) == 0x0112 {
			if v := order.Uint16(t[entry+8:]); v >= 1 && v <= 8 {
				return byte(v)
			}
		}
	}
	return 0
}

// upright is an Exif segment that says nothing but the orientation.
func upright(o byte) []byte {
	return append([]byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), o, 0, 0, 0, 0, 0, 0)
}

// chunksPNG hold points and how to show them (PNG, 4.8 and 11; APNG).
var chunksPNG = []string{"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs", "acTL", "fcTL", "fdAT"}

func barePNG(b []byte) ([]byte, bool) {
	out := append(make([]byte, 0, len(b)), b[:8]...)
	for i := 8; i+12 <= len(b); {
		size := int64(binary.BigEndian.Uint32(b[i:]))
		end := int64(i) + 12 + size
		if end > int64(len(b)) {
			return nil, false
		}
		chunk := b[i:end]
		if crc32.ChecksumIEEE(chunk[4:len(chunk)-4]) != binary.BigEndian.Uint32(chunk[len(chunk)-4:]) {
			return nil, false
		}
		name := string(chunk[4:8])
		if slices.Contains(chunksPNG, name) {
			out = append(out, chunk...)
		}
		if name == "IEND" {
			return out, true
		}
		i = int(end)
	}
	return nil, false
}

// loopGIF is the size of the extension that says how often to play.
const loopGIF = 19

// bareGIF keeps the pictures and what times them (GIF89a 15 to 26).
func bareGIF(b []byte) ([]byte, bool) {
	if len(b) < 13 {
		return nil, false
	}
	i := 13
	if b[10]&0x80 != 0 {
		i += 3 << (b[10]&7 + 1)
	}
	if i > len(b) {
		return nil, false
	}
	out := append(make([]byte, 0, len(b)), b[:i]...)
	for i < len(b) {
		begin := i
		keep := true
		switch b[i] {
		case 0x3b:
			return append(out, 0x3b), true
		case 0x21:
			if i+2 > len(b) {
				return nil, false
			}
			keep = b[i+1] == 0xf9 || b[i+1] == 0xff && bytes.HasPrefix(b[i+2:], []byte("\x0bNETSCAPE2.0\x03\x01"))
			i += 2
		case 0x2c:
			if i+10 > len(b) {
				return nil, false
			}
			if packed := b[i+9]; packed&0x80 != 0 {
				i += 3 << (packed&7 + 1)
			}
			i += 11 // the descriptor, and the size of the first code
		default:
			return nil, false
		}
		for {
			if i >= len(b) {
				return nil, false
			}
			n := int(b[i])
			i += n + 1
			if n == 0 {
				break
			}
		}
		if i > len(b) {
			return nil, false
		}
		if keep && (b[begin+1] != 0xff || b[begin] != 0x21 || i-begin == loopGIF) {
			out = append(out, b[begin:i]...)
		}
	}
	return nil, false
}

// chunksWebP hold points and how to show them (WebP container, 2 to 2.7).
var chunksWebP = []string{"VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF"}

func bareWebP(b []byte) ([]byte, bool) {
	out := append(make([]byte, 0, len(b)), b[:12]...)
	end := min(int64(len(b)), 8+int64(binary.LittleEndian.Uint32(b[4:])))
	for i := int64(12); i+8 <= end; {
		size := int64(binary.LittleEndian.Uint32(b[i+4:]))
		next := i + 8 + size + size&1
		if i+8+size > end {
			return nil, false
		}
		chunk := slices.Clone(b[i:min(next, end)])
		if name := string(chunk[:4]); slices.Contains(chunksWebP, name) {
			if name == "VP8X" && size >= 1 {
				chunk[8] &^= 0x20 | 0x08 | 0x04 // no profile, Exif or XMP any more
			}
			out = append(out, chunk...)
		}
		i = next
	}
	if len(out) == 12 {
		return nil, false
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8)) //nolint:gosec // shorter than b
	return out, true
}
