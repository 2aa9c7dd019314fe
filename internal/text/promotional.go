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
var promotions = regexp.MustCompile(strings.Join([]string{
	`\b(coupons?|discount(s|ed)?|promo(tion|tional)?s?|special offers?|limited[- ]time|black friday|flash sale|on sale|buy now|free gift|win-?back|bonus points?)\b`,
	`\b\d+ ?% ?off\b`, `\bsave (up to )?([$€£¥₩]|\d+ ?%)`, `\b(new arrivals?|new products?)\b`,
	`クーポン`, `割引`, `値引`, `セール(?:[^ス]|$)`, `半額`, `特価`, `お得`, `キャンペーン`, `プレゼント`, `新商品`, `新発売`, `ポイント\d+倍`, `限定販売`, `期間限定`, `無料体験`, `%オフ`, `割安`, `タイムセール`,
	`쿠폰`, `할인`, `세일`, `특가`, `이벤트`, `프로모션`, `경품`, `사은품`, `증정`, `적립금`, `신제품`, `신상품`, `무료 ?체험`, `혜택`, `한정 ?판매`, `기획전`,
}, "|"))

// percent is a rate; factual are words beside it that make it no offer.
var (
	percent = regexp.MustCompile(`\d ?%`)
	factual = regexp.MustCompile(`税|手数料|容量|使用量|利用率|進捗|完了|満足|세율|세금|부가세|수수료|용량|사용량|사용률|진행|완료|\b(tax|vat|fee|storage|disk|memory|usage|used|complete|completed|progress|battery|cpu|uptime)\b`)
)

// Promotional reports whether the words of a message make it an advertisement,
// whatever its sender calls it.
func Promotional(subject, text string) bool {
	for line := range strings.Lines(subject + "\n" + text) {
		line = fold(line)
		if promotions.MatchString(line) {
			return true
		}
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
