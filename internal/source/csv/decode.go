package csv

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	marked "golang.org/x/text/encoding/unicode"
)

// The encodings of a file. Shift_JIS is CP932 and EUC-KR is CP949, as the
// Encoding Standard has them: it is what such systems write.
const (
	UTF8     = "utf-8"
	UTF16    = "utf-16" // with a byte order mark
	ShiftJIS = "shift_jis"
	EUCJP    = "euc-jp"
	EUCKR    = "euc-kr"
)

// Encodings are all of them, in the order of a form.
var Encodings = []string{UTF8, ShiftJIS, EUCJP, EUCKR, UTF16}

var decoders = map[string]encoding.Encoding{
	UTF8: marked.UTF8BOM, UTF16: marked.UTF16(marked.LittleEndian, marked.ExpectBOM),
	ShiftJIS: japanese.ShiftJIS, EUCJP: japanese.EUCJP, EUCKR: korean.EUCKR,
}

// decode returns a file's text; what is no character of the encoding is U+FFFD.
func decode(file []byte, enc string) (string, *Fault) {
	d, ok := decoders[enc]
	if !ok {
		return "", &Fault{Code: "encoding", Seen: short(enc), Allowed: strings.Join(Encodings, ", ")}
	}
	text, err := d.NewDecoder().Bytes(file)
	if err != nil { // only UTF-16 has one: there is no mark
		return "", &Fault{Code: "bom", Seen: enc}
	}
	return strings.ToValidUTF8(string(text), "\ufffd"), nil
}

// looked is how much of a file is read to guess its encoding.
const looked = 64 << 10

// GuessEncoding says in which encoding a file most likely is: what a mark says;
// UTF-8 if all of it is; else the one of East Asia under which the beginning
// reads most like Japanese or Korean.
func GuessEncoding(file []byte) string {
	switch {
	case bytes.HasPrefix(file, []byte{0xFF, 0xFE}), bytes.HasPrefix(file, []byte{0xFE, 0xFF}):
		return UTF16
	case utf8.Valid(file):
		return UTF8
	}
	head := file[:min(len(file), looked)]
	if i := bytes.LastIndexAny(head, "\r\n"); len(file) > looked && i > 0 {
		head = head[:i]
	}
	best, most := UTF8, likeness(head, UTF8)
	for _, enc := range []string{ShiftJIS, EUCKR, EUCJP} {
		if n := likeness(head, enc); n > most {
			best, most = enc, n
		}
	}
	return best
}

// likeness is how much a file reads like one of members or contracts under an
// encoding. A heading that is known says more than any letter; of letters, those
// count that names and addresses are full of.
func likeness(head []byte, enc string) (n int) {
	text, _ := decode(head, enc)
	first, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	headings := strings.FieldsFunc(first, func(r rune) bool { return strings.ContainsRune(",;\t\"\r", r) })
	for _, heading := range headings[:min(len(headings), MaxColumns)] {
		if len(heading) <= MaxHeading && !ascii(heading) && GuessField(heading) != "" {
			n += 1000
		}
	}
	for _, r := range text {
		n += weight(r)
	}
	return n
}

func weight(r rune) int {
	switch {
	case r == utf8.RuneError, r >= 0x80 && r < 0xA0:
		return -40
	case r < 0x80:
		return 0
	case unicode.Is(unicode.Hiragana, r), r >= 'ァ' && r <= 'ー', strings.ContainsRune(frequent, r):
		return 3
	case unicode.Is(unicode.Hangul, r) && r >= '가', unicode.Is(unicode.Han, r):
		return 0
	}
	return -2 // half-width kana, single jamo, Greek, Cyrillic, boxes: what misreading makes
}

// frequent are letters that names, addresses and plans are full of.
const frequent = "山田中村本木井上佐藤鈴高橋伊渡辺小林加吉野松石川原岡島崎大阿部森池内金北西東南市県区町府都月年日会員番号氏名料契約解約電話住所様株式社店方法決済終了開始登録無料定期継続" +
	"이다김박최정강조윤장임한오서신권황안송류홍전고문손양배백허남심노하주구라지수민은영현진미경희성준우재도윤시군동로길번아원호회약계명상태월정기연간플랜이용자주문메일전화일시작종료해지중"

func ascii(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

// short cuts what is repeated to somebody.
func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
