package text

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// promotions are words that make a message an advertisement in Korea and
// Japan, one of which is enough: "one coupon line turns the whole message into
// an advertisement" (KISA guide to Network Act art. 50; JP Act on Regulation
// of Transmission of Specified Electronic Mail art. 2). The scan only ever
// tightens a purpose; what a sender calls marketing stays marketing.
//
// Each is looked for as a plain stem first: that is some hundred times cheaper
// than the pattern, and this runs before every hand-over.
var promotions = [...]struct {
	stem    string
	pattern *regexp.Regexp // around the stem; nil: the stem alone says it
}{
	{"coupon", word(`coupons?`)},
	{"discount", word(`discount(s|ed)?`)},
	{"promo", word(`promo(tion|tional)?s?`)},
	{"special offer", word(`special offers?`)},
	{"limited", word(`limited[- ]time`)},
	{"black friday", word(`black friday`)},
	{"flash sale", word(`flash sale`)},
	{"on sale", word(`on sale`)},
	{"buy now", word(`buy now`)},
	{"free gift", word(`free gift`)},
	{"win", word(`win-?back`)},
	{"bonus", word(`bonus points?`)},
	{"off", word(`\d+ ?% ?off`)},
	{"save", regexp.MustCompile(`\bsave (up to )?([$€£¥₩]|\d+ ?%)`)},
	{"new arrival", word(`new arrivals?`)},
	{"new product", word(`new products?`)},
	{"セール", regexp.MustCompile(`セール(?:[^ス]|$)`)},
	{"ポイント", regexp.MustCompile(`ポイント\d+倍`)},
	{"무료", regexp.MustCompile(`무료 ?체험`)},
	{"한정", regexp.MustCompile(`한정 ?판매`)},
	{"クーポン", nil},
	{"割引", nil},
	{"値引", nil},
	{"半額", nil},
	{"特価", nil},
	{"お得", nil},
	{"キャンペーン", nil},
	{"プレゼント", nil},
	{"新商品", nil},
	{"新発売", nil},
	{"限定販売", nil},
	{"期間限定", nil},
	{"無料体験", nil},
	{"%オフ", nil},
	{"割安", nil},
	{"쿠폰", nil},
	{"할인", nil},
	{"세일", nil},
	{"특가", nil},
	{"이벤트", nil},
	{"프로모션", nil},
	{"경품", nil},
	{"사은품", nil},
	{"증정", nil},
	{"적립금", nil},
	{"신제품", nil},
	{"신상품", nil},
	{"혜택", nil},
	{"기획전", nil},
}

// word matches a pattern that stands by itself.
func word(pattern string) *regexp.Regexp { return regexp.MustCompile(`\b(` + pattern + `)\b`) }

// percent is a rate; factual are words beside it that make it no offer.
var (
	percent = regexp.MustCompile(`\d ?%`)
	factual = regexp.MustCompile(`税|手数料|容量|使用量|利用率|進捗|完了|満足|세율|세금|부가세|수수료|용량|사용량|사용률|진행|완료|\b(tax|vat|fee|storage|disk|memory|usage|used|complete|completed|progress|battery|cpu|uptime)\b`)
)

// Promotional reports whether the words of a message make it an advertisement,
// whatever its sender calls it.
func Promotional(subject, text string) bool {
	all := fold(subject + "\n" + text)
	for _, p := range promotions {
		if strings.Contains(all, p.stem) && (p.pattern == nil || p.pattern.MatchString(all)) {
			return true
		}
	}
	return offersRate(all)
}

// offersRate reports whether a line names a rate without saying a rate of what.
func offersRate(all string) bool {
	if !strings.Contains(all, "%") {
		return false
	}
	for line := range strings.Lines(all) {
		if percent.MatchString(line) && !factual.MatchString(line) {
			return true
		}
	}
	return false
}

// fold brings look-alike spellings together: compatibility forms, case, and
// marks that do not show.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || r == 0xAD {
			return -1
		}
		return r
	}, s)
	return strings.ToLower(norm.NFKC.String(s))
}
