package text_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
)

// wrong is a phrasing that no text of the product may hold, with an example
// that shows that it would be found.
type wrong struct {
	in      []engawa.Locale
	what    string
	pattern *regexp.Regexp
	example string
}

var (
	ja, ko, en = engawa.Japanese, engawa.Korean, engawa.English
	anywhere   = []engawa.Locale{ja, ko, en}
)

// value is the end of a value's place with the quotes that close around it. What
// follows a round bracket agrees with the word before the bracket.
const value = `\}\}["'」』]*`

var phrasings = []wrong{
	{[]engawa.Locale{ja}, "an honorific twice", regexp.MustCompile(`様\s*様|さん\s*様|さま\s*様|様\s*さん|様さま|さまさま|殿\s*様|御中\s*様|様\s*御中`), "お客様様"},
	{[]engawa.Locale{ja}, "a double honorific verb", regexp.MustCompile(`にな(?:ら|られ)れ|になられ|おっしゃられ|お越しになられ|召し上がられ|なされられ|いらっしゃられ|させていただかせて`), "ご覧になられる"},
	{[]engawa.Locale{ja}, "a dropped ra", regexp.MustCompile(`[見食来出寝]れ(?:る|ます|ない|ません)`), "ここで見れます"},
	{[]engawa.Locale{ja}, "a double negative", regexp.MustCompile(`な(?:い|かった)わけでは(?:な|あ)|なくは(?:な|あ)|ないことは(?:な|あ)|ないでは(?:な|あ)|ないとは(?:言|い)え|ないとは限ら|ざるを得な|ませんことは(?:な|あ)`), "送れないわけではありません"},
	{[]engawa.Locale{ja}, "words that say nothing", regexp.MustCompile(`エラーが(?:発生|起き)|不明なエラー|予期(?:しない|せぬ)エラー|異常が発生`), "エラーが発生しました。"},
	{[]engawa.Locale{ja}, "a value beside two particles", regexp.MustCompile(value + `を、?を|` + value + `がが|` + value + `はは|` + value + `にに`), "{{.name}}がが"},
	{[]engawa.Locale{ja}, "a customer spelled otherwise than お客さま", regexp.MustCompile(`お客様`), "お客様のページ"},
	{[]engawa.Locale{ko}, "an honorific twice", regexp.MustCompile(`님\s*님|님께\s*님|씨\s*님|귀하\s*님|님\s*귀하|시시[다겠었고면는]|으시시|하시시`), "고객님님"},
	{[]engawa.Locale{ko}, "an honorific for a thing", regexp.MustCompile(`되시겠습니다|(?:상품|결제|메일|금액|링크)[이가은는]? [^.]{0,12}(?:이십니다|계십니다)`), "결제가 완료되시겠습니다"},
	{[]engawa.Locale{ko}, "a particle that depends on the sound before it", regexp.MustCompile(value + `(?:을|를|이|가|은|는|와|과|으로|로|이나|나|이라|라|아|야|이며|며|이고|고)(?:[^\p{Hangul}(]|$)`), "{{.name}}을 보냅니다"},
	{[]engawa.Locale{ko}, "a particle that depends on the sound before it", regexp.MustCompile(value + `(?:이라|라|이란|란|이면|면)(?:는|고)?(?:[^\p{Hangul}(]|$)`), "{{.name}}라는 이름"},
	{[]engawa.Locale{ko}, "a double negative", regexp.MustCompile(`없지(?:는|도)? 않|[가-힣]지(?:는)? 않[^ ]{0,2} 않|않지(?:는)? 않|못하지(?:는)? 않|아니지(?:는)? 않|모르지(?:는)? 않|(?:^| )안 [가-힣]+지 않|없는 것(?:은|이) 아[니닙]|않는 것(?:은|이) 아[니닙]`), "보내지 못하지 않습니다"},
	{[]engawa.Locale{ko}, "words that say nothing", regexp.MustCompile(`오류가 (?:발생|일어)|에러가 (?:발생|일어)|알 수 없는 (?:오류|에러)`), "오류가 발생했습니다."},
	{[]engawa.Locale{ko}, "the casual polite style beside 합니다", regexp.MustCompile(`(?:[가-힣](?:해요|세요|어요|아요|여요|워요|려요|돼요|네요|죠|군요|예요|에요|까요|게요))(?:[.?!"」)]|$)`), "다시 시도하세요."},
	{[]engawa.Locale{ko}, "the plain style", regexp.MustCompile(`(?:한다|된다|이다|있다|없다|했다|됐다|였다|간다|온다|않는다)(?:\.|$)`), "메일을 보내지 않는다."},
	{[]engawa.Locale{en}, "a double negative", regexp.MustCompile(`(?i)\b(?:not|never|n't|cannot) (?:be )?(?:un|in|im|ir|dis)(?:able|available|possible|known|read|sent|likely|valid|complete|agree\w*)\b|\b(?:not|n't|never|cannot) (?:\w+ )?(?:no|none|nothing|nobody|never|without)\b`), "It is not impossible."},
	{[]engawa.Locale{en}, "words that say nothing", regexp.MustCompile(`(?i)\b(?:an? )?(?:unknown |unexpected )?error (?:has )?occur+ed|something went wrong|\boops\b`), "Error occurred"},
	{anywhere, "digits of full width", regexp.MustCompile(`[０-９]`), "１２時間"},
	{anywhere, "letters of full width", regexp.MustCompile(`[Ａ-Ｚａ-ｚ]`), "ＡＰＩ"},
	{anywhere, "kana of half width", regexp.MustCompile(`[\x{FF66}-\x{FF9F}]`), "ﾒｰﾙ"},
	{anywhere, "a particle left without its value", regexp.MustCompile(`<no value>|%!|%[sdvq]\b`), "%s"},
}

// texts are all of the product's own words in a locale, by where they stand:
// each form of a plural, and each line of a notice.
func texts(t *testing.T, l engawa.Locale) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"words/*." + string(l) + ".toml", "notices/" + string(l) + ".toml", "outreach/" + string(l) + ".toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var file map[string]any
			if err := toml.Unmarshal(b, &file); err != nil {
				t.Fatal(name, err)
			}
			flatten(all, name+": ", file)
		}
	}
	return all
}

func flatten(into map[string]string, at string, v any) {
	switch v := v.(type) {
	case string:
		into[at] = v
	case map[string]any:
		for name, inner := range v {
			flatten(into, at+" "+name, inner)
		}
	}
}

// TestPhrasing holds every word and every notice against the list.
func TestPhrasing(t *testing.T) {
	for _, w := range phrasings {
		if !w.pattern.MatchString(w.example) {
			t.Errorf("%s would not be found in %q", w.what, w.example)
		}
	}
	for _, l := range engawa.Locales {
		all := texts(t, l)
		if len(all) < 700 {
			t.Fatalf("%s: only %d texts were read", l, len(all))
		}
		for at, text := range all {
			for _, w := range phrasings {
				if slices.Contains(w.in, l) && w.pattern.MatchString(text) {
					t.Errorf("%s: %s in %q", at, w.what, text)
				}
			}
			if l == ja && mixed(text) {
				t.Errorf("%s: です・ます beside だ・である in %q", at, text)
			}
			if narrow, wide := widths(text); narrow && wide {
				t.Errorf("%s: brackets of two widths in %q", at, text)
			}
		}
	}
	for text, want := range map[string]bool{
		"送りました。届いたか確認する。": true, "これは失敗だ。もう一度お試しください。": true, "送れない。\n送りました。": true,
		"送りました。確認してください。": false, "返金(参考): なし。送りました": false, "オンにする": false,
	} {
		if mixed(text) != want {
			t.Errorf("%q mixes styles: %v", text, !want)
		}
	}
}

var (
	polite = regexp.MustCompile(`(?:です|ます|ました|でした|ません|ましょう|ください|ございます)(?:か|ね)?$`)
	plain  = regexp.MustCompile(`(?:だ|である|だった|であった|ない|なかった|する|した|いる|いた|れる|れた|きる|きた|せる|せた|なる|なった|ある|あった)$`)
)

// mixed reports whether one text ends a sentence politely and another plainly.
func mixed(text string) bool {
	var hasPolite, hasPlain bool
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("。\n?？!！", r) }) {
		s = strings.TrimSpace(s)
		switch {
		case polite.MatchString(s):
			hasPolite = true
		case plain.MatchString(s):
			hasPlain = true
		}
	}
	return hasPolite && hasPlain
}

// widths reports which brackets a text has.
func widths(text string) (narrow, wide bool) {
	return strings.ContainsAny(text, "()"), strings.ContainsAny(text, "（）")
}
