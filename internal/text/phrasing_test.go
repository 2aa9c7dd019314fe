package text_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/BurntSushi/toml"

	"github.com/engawa/engawa"
)

// wrong is a phrasing that no text of the product may hold. Each of its examples
// is a text in which it must be found, and how the same is said rightly; a part of
// the pattern that no example needs is a mistake (TestPhrasings).
type wrong struct {
	in       []engawa.Locale
	what     string
	pattern  *regexp.Regexp
	examples [][2]string // wrong, right
}

var (
	ja, ko, en = engawa.Japanese, engawa.Korean, engawa.English
	anywhere   = []engawa.Locale{ja, ko, en}
)

// value is the end of a value's place with the quotes that close around it. What
// follows a round bracket agrees with the word before the bracket.
const value = `\}\}["'」』]*`

var phrasings = []wrong{
	{
		[]engawa.Locale{ja},
		"an honorific twice", regexp.MustCompile(`様\s*様|さん\s*様|さま\s*様|様\s*さん|様さま|さまさま|殿\s*様|御中\s*様|様\s*御中`),
		[][2]string{
			{"田中様 様からの返信", "田中様からの返信"},
			{"田中さん様からの返信", "田中さんからの返信"},
			{"お客さま様へ", "お客さまへ"},
			{"田中様さんへ", "田中様へ"},
			{"田中様さまへ", "田中さまへ"},
			{"お客さまさまへ", "お客さま、さまざまな豆があります"},
			{"店長殿様", "店長殿"},
			{"ひなた珈琲 御中 様", "ひなた珈琲 御中"},
			{"ひなた珈琲様 御中", "ひなた珈琲様"},
		},
	},
	{
		[]engawa.Locale{ja},
		"a double honorific verb", regexp.MustCompile(`になられ|おっしゃられ|召し上がられ|なされられ|いらっしゃられ|させていただかせて`),
		[][2]string{
			{"ご覧になられる", "ご覧になる"},
			{"お客さまがおっしゃられました", "お客さまがおっしゃいました"},
			{"召し上がられましたか", "召し上がりましたか"},
			{"ご登録をなされられました", "ご登録をなさいました"},
			{"いらっしゃられますか", "いらっしゃいますか"},
			{"ご案内させていただかせてください", "ご案内させていただきます"},
		},
	},
	{
		[]engawa.Locale{ja},
		"a dropped ra", regexp.MustCompile(`(?:[見来出寝]|食べ)れ(?:る|ます|ない|ません)`),
		[][2]string{
			{"ここで見れる", "ここで見られる"}, {"すぐ来れます", "すぐ来られます"}, {"外に出れない", "外に出られない"}, {"眠くても寝れません", "眠くても寝られません"}, {"豆のまま食べれます", "豆のまま食べられます。見れば分かります"},
		},
	},
	{
		[]engawa.Locale{ja},
		"a double negative", regexp.MustCompile(`な(?:い|かった)わけでは(?:な|あ)|なくは(?:な|あ)|ないことは(?:な|あ)|ないでは(?:な|あ)|ないとは(?:言|い)え|ないとは限[らり]|ざるを得な|ませんことは(?:な|あ)`),
		[][2]string{
			{"送れないわけではない", "送れる"},
			{"送れなかったわけではありません", "送りました"},
			{"できなくはない", "できる"},
			{"できなくはありません", "できます"},
			{"届かないことはない", "届く"},
			{"届かないことはありません", "届かないことがあります"},
			{"止まらないではない", "止まる"},
			{"止まらないではありません", "止まらないで動きます"},
			{"届かないとは言えません", "届くかもしれません"},
			{"届かないとはいえません", "届かないといいます"},
			{"届かないとは限らない", "届くこともある"},
			{"届かないとは限りません", "届く場合に限ります"},
			{"止めざるを得ない", "止めるしかありません"},
			{"送れませんことはない", "送れません"},
			{"送れませんことはありません", "送れることがあります"},
		},
	},
	{
		[]engawa.Locale{ja},
		"words that say nothing", regexp.MustCompile(`エラーが(?:発生|起き)|不明なエラー|予期(?:しない|せぬ)エラー|異常が発生`),
		[][2]string{
			{"エラーが発生しました。", "相手のサーバーが答えません。"},
			{"エラーが起きました。", "相手のサーバーがエラーを返しました。"},
			{"不明なエラーです。", "原因の分からない返事です: 599"},
			{"予期しないエラーです。", "知らない形の返事でした。"},
			{"予期せぬエラーです。", "返事を読めませんでした。"},
			{"異常が発生しました。", "ディスクがいっぱいです。"},
		},
	},
	{
		[]engawa.Locale{ja},
		"a value beside two particles", regexp.MustCompile(value + `(?:を、?を|がが|はは|にに)`),
		[][2]string{
			{"{{.name}}をを送ります", "{{.name}}を送ります"},
			{"{{.name}}がが届きました", "{{.name}}が届きました"},
			{"{{.name}}はは届きません", "{{.name}}は届きません。{{.name}}、母の日"},
			{"{{.name}}にに送ります", "{{.name}}に送ります"},
			{"「{{.name}}」がが届きました", "「{{.name}}」が届きました"},
			{"『{{.name}}』がが届きました", "『{{.name}}』が届きました"},
			{`"{{.name}}"がが届きました`, `"{{.name}}"が届きました`},
			{"'{{.name}}'がが届きました", "'{{.name}}'が届きました"},
		},
	},
	{[]engawa.Locale{ja}, "a customer spelled otherwise than お客さま", regexp.MustCompile(`お客様`), [][2]string{{"お客様のページ", "お客さまのページ"}}},
	{
		[]engawa.Locale{ja},
		"a customer's name without 様", regexp.MustCompile(`\{\{(?:m|customer)\.name\??\}\}(?: ?$|[^ 様さ]|さ[^ま]| [^様])`),
		[][2]string{
			{"お客さま: {{m.name?}}", "お客さま: {{m.name?}} 様"},
			{"お客さま: {{customer.name?}}\n電話", "お客さま: {{customer.name?}} 様\n電話"},
			{"{{customer.name}}からの返信", "{{customer.name}}様からの返信"},
			{"{{customer.name}}さんからの返信", "{{customer.name}}さまからの返信"},
			{"{{customer.name}} から", "{{customer.name}} 様から。{{app.name}} から"},
			{"お客さま: {{customer.name}} ", "お客さま: {{customer.id}} "},
		},
	},
	{
		[]engawa.Locale{ko},
		"a customer's name without 님", regexp.MustCompile(`\{\{(?:m|customer)\.name\??\}\}(?: ?$|[^ 님]| [^님고]| 고[^객])`),
		[][2]string{
			{"고객: {{m.name?}}", "고객: {{m.name?}} 님"},
			{"고객: {{customer.name?}}\n전화", "고객: {{customer.name?}} 님\n전화"},
			{"{{customer.name}}의 답장", "{{customer.name}}님의 답장"},
			{"{{customer.name}} 답장", "{{customer.name}} 고객님 답장"},
			{"{{customer.name}} 고맙습니다", "{{customer.name}} 님, 고맙습니다"},
			{"고객: {{customer.name}} ", "고객: {{customer.id}} "},
		},
	},
	{
		[]engawa.Locale{ko},
		"an honorific twice", regexp.MustCompile(`님\s*님|님께\s*님|씨\s*님|귀하\s*님|님\s*귀하|시시[다겠었고면는]|으시시|하시시`),
		[][2]string{
			{"고객님 님", "고객님"},
			{"고객님께님", "고객님께"},
			{"김민수 씨님", "김민수 씨"},
			{"귀하 님", "귀하"},
			{"고객님 귀하", "고객 귀하"},
			{"보시시다", "보십시오"},
			{"오시시겠습니까", "오시겠습니까"},
			{"가시시었습니다", "가셨습니다"},
			{"오시시고 싶으면", "오시고 싶으면"},
			{"오시시면 됩니다", "오시면 됩니다"},
			{"오시시는 길", "오시는 길"},
			{"받으시시니", "받으시니 시시각각 바뀝니다"},
			{"확인하시시니", "확인하시니"},
		},
	},
	{
		[]engawa.Locale{ko},
		"an honorific for a thing", regexp.MustCompile(`되시겠습니다|(?:상품|결제|메일|금액|링크)[이가은는]? [^.]{0,12}(?:이십니다|계십니다)`),
		[][2]string{
			{"모두 5,000원 되시겠습니다", "모두 5,000원입니다"},
			{"상품은 새것이십니다", "상품은 새것입니다"},
			{"결제가 처리 중이십니다", "결제가 처리 중입니다"},
			{"메일이 와 계십니다", "메일이 와 있습니다. 고객님께서 기다리고 계십니다"},
			{"금액은 1,000원이십니다", "금액은 1,000원입니다"},
			{"링크는 아래에 계십니다", "링크는 아래에 있습니다"},
		},
	},
	{
		[]engawa.Locale{ko},
		"a particle that depends on the sound before it", regexp.MustCompile(value + `(?:을|를|이|가|은|는|와|과|으로|로|이나|나|이라|라|아|야|이며|며|이고|고)(?:[^\p{Hangul}(]|$)`),
		[][2]string{
			{"{{.name}}을 보냅니다", "{{.name}}을(를) 보냅니다"},
			{"{{.name}}를 보냅니다", "{{.name}} 항목을 보냅니다"},
			{"{{.name}}이 왔습니다", "{{.name}}이(가) 왔습니다"},
			{"{{.name}}가 왔습니다", "{{.name}} 알림이 왔습니다"},
			{"{{.name}}은 없습니다", "{{.name}}은(는) 없습니다"},
			{"{{.name}}는 없습니다", "{{.name}}에는 없습니다"},
			{"{{.name}}와 함께", "{{.name}}와(과) 함께"},
			{"{{.name}}과 함께", "{{.name}} 및 다른 것"},
			{"{{.name}}으로 보냅니다", "{{.name}}(으)로 보냅니다"},
			{"{{.name}}로 보냅니다", "{{.name}} 쪽으로 보냅니다"},
			{"{{.name}}이나 다른 것", "{{.name}} 또는 다른 것"},
			{"{{.name}}나 다른 것", "{{.name}}에서나 다른 곳에서나"},
			{"{{.name}}이라 합니다", "{{.name}}(이)라 합니다"},
			{"{{.name}}라 합니다", "{{.name}}라면집"},
			{"{{.name}}아, 보십시오", "{{.name}} 님, 보십시오"},
			{"{{.name}}야, 보십시오", "{{.name}}부터 보십시오"},
			{"{{.name}}이며 다른 것", "{{.name}}입니다"},
			{"{{.name}}며 다른 것", "{{.name}}에 며칠"},
			{"{{.name}}이고 다른 것", "{{.name}}의 고객"},
			{"{{.name}}고 다른 것", "{{.name}}고객님"},
			{"보낼 것: {{.name}}을", "보낼 것: {{.name}}"},
			{"「{{.name}}」을 보냅니다", "「{{.name}}」에 보냅니다"},
			{"『{{.name}}』을 보냅니다", "『{{.name}}』에 보냅니다"},
			{`"{{.name}}"을 보냅니다`, `"{{.name}}"에 보냅니다`},
			{"'{{.name}}'을 보냅니다", "'{{.name}}'에 보냅니다"},
		},
	},
	{
		[]engawa.Locale{ko},
		"a particle that depends on the sound before it", regexp.MustCompile(value + `(?:이라|라|이란|란|이면|면)(?:는|고)?(?:[^\p{Hangul}(]|$)`),
		[][2]string{
			{"{{.name}}이라는 이름", "{{.name}}(이)라는 이름"},
			{"{{.name}}라고 합니다", "{{.name}}(이)라고 합니다"},
			{"{{.name}}이란 이름", "{{.name}} 같은 이름"},
			{"{{.name}}란 이름", "{{.name}} 난로"},
			{"{{.name}}이면 됩니다", "{{.name}}(이)면 됩니다"},
			{"{{.name}}면 됩니다", "{{.name}}의 면"},
			{"이름은 {{.name}}라고", "이름은 {{.name}}"},
			{"「{{.name}}」라는 이름", "「{{.name}}」(이)라는 이름"},
			{"『{{.name}}』라는 이름", "『{{.name}}』(이)라는 이름"},
			{`"{{.name}}"라는 이름`, `"{{.name}}"(이)라는 이름`},
			{"'{{.name}}'라는 이름", "'{{.name}}'(이)라는 이름"},
		},
	},
	{
		[]engawa.Locale{ko},
		"a double negative", regexp.MustCompile(`없지(?:는|도)? 않|[가-힣]지(?:는)? 않[^ ]{0,2} 않|않지(?:는)? 않|못하지(?:는)? 않|아니지(?:는)? 않|모르지(?:는)? 않|(?:^| )안 [가-힣]+지 않|없는 것(?:은|이) 아[니닙]|않는 것(?:은|이) 아[니닙]`),
		[][2]string{
			{"없지는 않습니다", "있습니다"},
			{"없지도 않습니다", "없습니다"},
			{"확인하지 않으면 않됩니다", "확인하지 않으면 안 됩니다"},
			{"쉽지가 않지 않습니다", "쉽지 않습니다"},
			{"보내지 못하지 않습니다", "보내지 못합니다"},
			{"사실이 아니지 않습니까", "사실이 아닙니다"},
			{"모르지 않습니다", "모릅니다"},
			{"안 보내지 않습니다", "안 보냅니다"},
			{"메일을 안 보내지 않습니다", "메일을 보내지 않습니다"},
			{"길이 없는 것은 아니며", "길이 없는 것 같습니다"},
			{"길이 없는 것이 아닙니다", "길이 없습니다"},
			{"보내지 않는 것은 아니며", "보내지 않는 것을 확인합니다"},
			{"보내지 않는 것이 아닙니다", "보내지 않는 것입니다"},
		},
	},
	{
		[]engawa.Locale{ko},
		"words that say nothing", regexp.MustCompile(`오류가 (?:발생|일어)|에러가 (?:발생|일어)|알 수 없는 (?:오류|에러)`),
		[][2]string{
			{"오류가 발생했습니다.", "상대 서버가 답하지 않습니다."},
			{"오류가 일어났습니다.", "상대 서버가 오류를 돌려주었습니다."},
			{"에러가 발생했습니다.", "디스크가 가득 찼습니다."},
			{"에러가 일어났습니다.", "답을 읽지 못했습니다."},
			{"알 수 없는 오류입니다.", "모르는 답입니다: 599"},
			{"알 수 없는 에러입니다.", "결과를 알 수 없는 배달입니다."},
		},
	},
	{
		[]engawa.Locale{ko},
		"the casual polite style beside 합니다", regexp.MustCompile(`(?:[가-힣](?:해요|세요|어요|아요|여요|워요|려요|돼요|네요|죠|군요|예요|에요|까요|게요))(?:[.?!"」)]|$)`),
		[][2]string{
			{"확인해요.", "확인합니다."},
			{"다시 시도하세요?", "다시 시도하십시오."},
			{"보냈어요!", "보냈습니다."},
			{`"잘 받아요"`, `"잘 받습니다"`},
			{"「이것이여요」", "「이것입니다」"},
			{"(고마워요)", "(고맙습니다)"},
			{"기다려요", "기다립니다"},
			{"안돼요.", "안 됩니다."},
			{"왔네요.", "왔습니다."},
			{"그렇죠.", "그렇습니다."},
			{"왔군요.", "왔습니까?"},
			{"이것이예요.", "이것이 필요합니다."},
			{"것이에요.", "것입니다."},
			{"보낼까요?", "보내시겠습니까?"},
			{"보낼게요.", "보내겠습니다. 중요 사항"},
		},
	},
	{
		[]engawa.Locale{ko},
		"the plain style", regexp.MustCompile(`(?:한다|된다|이다|있다|없다|했다|됐다|였다|간다|온다|않는다)(?:\.|$)`),
		[][2]string{
			{"메일을 확인한다.", "메일을 확인합니다."},
			{"배달된다.", "배달됩니다."},
			{"이것이다.", "이것입니다."},
			{"길이 있다.", "길이 있습니다."},
			{"길이 없다.", "길이 없습니다."},
			{"확인했다.", "확인했습니다."},
			{"배달됐다.", "배달됐습니다."},
			{"하나였다.", "하나였습니다."},
			{"먼저 간다.", "먼저 갑니다."},
			{"메일이 온다", "메일이 옵니다. 온다고 합니다"},
			{"보내지 않는다.", "보내지 않습니다."},
		},
	},
	{
		[]engawa.Locale{en},
		"a double negative", regexp.MustCompile(`(?i)(?:\b(?:not|never|cannot)|n't) (?:be )?(?:un(?:able|available|known|read|sent|likely)|in(?:valid|complete)|im(?:possible)|dis(?:agree\w*))\b|(?:\b(?:not|never|cannot)|n't) (?:\w+ )?(?:no|none|nothing|nobody|never|without)\b`),
		[][2]string{
			{"It is not unable to send.", "It can send."},
			{"It is never unavailable.", "It is always there."},
			{"It cannot be unknown.", "It is known."},
			{"It isn't unread.", "It was read."},
			{"It was not unsent.", "It was sent."},
			{"It is not unlikely.", "It is likely."},
			{"It is not invalid.", "It is valid."},
			{"It is not incomplete.", "It is complete."},
			{"It is not impossible.", "It is possible."},
			{"We do not disagree.", "We agree."},
			{"It says not no.", "It says yes."},
			{"It cannot take none.", "It takes some. Not one is left."},
			{"It never does nothing.", "It does not do that."},
			{"It didn't reach nobody.", "It did not reach anybody."},
			{"It does not never end.", "It does not end."},
			{"It does not go without a key.", "It does not go. Without a key nothing goes."},
		},
	},
	{
		[]engawa.Locale{en},
		"words that say nothing", regexp.MustCompile(`(?i)\berror (?:has )?occurred|something went wrong|\boops\b`),
		[][2]string{{"An error has occurred", "The server answered 503"}, {"Something went wrong.", "The address is wrong."}, {"Oops!", "Loops are found."}},
	},
	{
		[]engawa.Locale{ja},
		"another name for a thing than the menu's", regexp.MustCompile(`イベント|(?:^|[^手])作業|経路(?:に合う|を[^試])`),
		[][2]string{
			{"ストアのイベント", "ストアの出来事"},
			{"作業へ", "やることへ"},
			{"残りは作業としてお知らせします", "残りは「やること」でお知らせします。手作業で登録してください"},
			{"経路に合う出来事", "行き先に合う出来事"},
			{"経路をご確認ください", "「通知の行き先」をご確認ください。すべての経路を試しました"},
		},
	},
	{
		[]engawa.Locale{ko},
		"another name for a thing than the menu's", regexp.MustCompile(`작업으로 알려|작업이 생|처리할 작업|발송 경로`),
		[][2]string{
			{"작업으로 알려 드립니다", "할 일로 알려 드립니다"},
			{"작업이 생깁니다", "할 일이 생깁니다"},
			{"처리할 작업이 끝났습니다", "처리할 일이 끝났습니다. 주요 작업이 끝나면 종료합니다"},
			{"발송 경로", "발송 상태"},
		},
	},
	{anywhere, "digits of full width", regexp.MustCompile(`[０-９]`), [][2]string{{"１２時間", "12時間"}}},
	{anywhere, "letters of full width", regexp.MustCompile(`[Ａ-Ｚａ-ｚ]`), [][2]string{{"ＡＰＩ", "API"}, {"ｕｒｌ", "url"}}},
	{anywhere, "kana of half width", regexp.MustCompile(`[\x{FF66}-\x{FF9F}]`), [][2]string{{"ﾒｰﾙ", "メール"}}},
	{
		anywhere, "a particle left without its value", regexp.MustCompile(`<no value>|%!|%[sdvq]\b`),
		[][2]string{{"<no value>を送ります", "{{.name}}を送ります"}, {"%!x(int)", "50 %"}, {"%s", "100 %です"}, {"%d", "90 %"}, {"%v", "5% off"}, {"%q", "100%"}},
	},
}

// of are the words that hold a name before an honorific, and whose name it is: a
// customer's, with 様 or さま and 님, or one of the staff. Others are not known.
var of = map[string]string{
	"my.lead.named": "customer", "erase.of": "customer", "erase.sure": "customer", "demo.ticket": "customer",
	"link.hand": "staff", "link.for": "staff", "member.end.open": "staff",
	"tasks.line.take": "staff", "tasks.line.give": "staff", "tasks.line.drop": "staff", "tasks.line.due": "staff", "tasks.line.someday": "staff", "tasks.line.note": "staff", "tasks.line.finish": "staff", "tasks.line.reopen": "staff",
}

var (
	honoured = regexp.MustCompile(`\}\} ?(?:様|さま|さん|殿|고객님|님|씨)`)
	asGuest  = map[engawa.Locale]*regexp.Regexp{ja: regexp.MustCompile(`\}\}(?:様|さま)`), ko: regexp.MustCompile(`\}\} ?(?:고객님|님)`)}
)

// TestNamesOfCustomers: in the product's own words, too, a customer's name has
// its honorific, and whose name stands before an honorific is known.
func TestNamesOfCustomers(t *testing.T) {
	w := load(t)
	for l, guest := range asGuest {
		for key, whose := range of {
			if !w.Has(key) {
				t.Errorf("%s has no words any more", key)
			}
			if said := w.T(l, key, "name", "{{x}}", "who", "{{x}}", "to", "{{x}}"); whose == "customer" && !guest.MatchString(said) {
				t.Errorf("%s: a customer is named without the honorific in %q", key, said)
			}
		}
		for at, text := range texts(t, l) {
			key := at[strings.LastIndexByte(at, ' ')+1:]
			if strings.HasPrefix(at, "words/") && honoured.MatchString(text) && of[key] == "" {
				t.Errorf("%s: say whether %s names a customer", at, key)
			}
		}
	}
	for text, want := range map[string]bool{"{{.name}}様から": true, "{{.name}}さまから": true, "{{.name}}さんから": false, "{{.name}}から": false} {
		if asGuest[ja].MatchString(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
	for text, want := range map[string]bool{"{{.name}}님의": true, "{{.name}} 님의": true, "{{.name}} 고객님,": true, "{{.name}} 씨": false, "{{.name}}의": false} {
		if asGuest[ko].MatchString(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
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

// TestPhrasings: each pattern finds its examples and lets pass what is right, in
// every pattern of the language; and each alternative, down to a letter, is needed
// for one of them: who drops one, or writes one that cannot be met, is told.
func TestPhrasings(t *testing.T) {
	for _, w := range phrasings {
		for _, e := range w.examples {
			if !w.pattern.MatchString(e[0]) {
				t.Errorf("%s would not be found in %q", w.what, e[0])
			}
			for _, other := range phrasings {
				if slices.Contains(other.in, w.in[0]) && other.pattern.MatchString(e[1]) {
					t.Errorf("%q is right and is taken for %s", e[1], other.what)
				}
			}
		}
		for _, less := range lessened(t, w.pattern.String()) {
			if !slices.ContainsFunc(w.examples, func(e [2]string) bool { return !less.MatchString(e[0]) }) {
				t.Errorf("%s: no example needs what lacks in\n%s", w.what, less)
			}
		}
	}
}

// TestStyles: how a sentence ends is known by each ending that is listed. What is
// polite is looked for first (mixed), and no plain ending is taken for it.
func TestStyles(t *testing.T) {
	for _, c := range []struct {
		style *regexp.Regexp
		ends  string
	}{
		{polite, "これで全部です 送ります 送りました 失敗でした 送れません 送りましょう お待ちください 送りますか そうですね"},
		{plain, "失敗だ 失敗だった 送れない 送れなかった 確認する 確認した 待っている 待っていた 送られる 送られた 起きる 起きた 任せる 任せた 空になる 空になった 失敗である 失敗であった"},
	} {
		ends := strings.Fields(c.ends)
		for _, s := range ends {
			if !c.style.MatchString(s) || polite.MatchString(s) != (c.style == polite) {
				t.Errorf("%q is taken for the other style, or for none", s)
			}
		}
		for _, less := range lessened(t, c.style.String()) {
			if !slices.ContainsFunc(ends, func(s string) bool { return !less.MatchString(s) }) {
				t.Errorf("no example needs what lacks in %s", less)
			}
		}
	}
}

// lessened are the patterns that lack one alternative of a pattern: a branch, or
// of a class a letter or a run of letters.
func lessened(t *testing.T, pattern string) (all []*regexp.Regexp) {
	t.Helper()
	root, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	keep := func() { all = append(all, regexp.MustCompile(root.String())) }
	var walk func(*syntax.Regexp)
	walk = func(re *syntax.Regexp) {
		switch { // of a class of Perl's (white space, parts of words) or of all but some, nothing is left out
		case re.Op == syntax.OpAlternate:
			whole := re.Sub
			for i := range whole {
				re.Sub = slices.Delete(slices.Clone(whole), i, i+1)
				keep()
			}
			re.Sub = whole
		case re.Op == syntax.OpCharClass && len(re.Rune) > 2 && re.Rune[len(re.Rune)-1] < unicode.MaxRune && !slices.Contains(re.Rune, ' ') && !slices.Contains(re.Rune, '_'):
			whole := re.Rune
			for _, one := range runs(whole) {
				re.Rune = one
				keep()
			}
			re.Rune = whole
		}
		for _, sub := range re.Sub {
			walk(sub)
		}
	}
	walk(root)
	return all
}

// runs are a class without one of its letters each, or without one run of more
// than three.
func runs(class []rune) (all [][]rune) {
	for i := 0; i < len(class); i += 2 {
		lo, hi := class[i], class[i+1]
		rest := slices.Delete(slices.Clone(class), i, i+2)
		if hi-lo > 3 {
			all = append(all, rest)
			continue
		}
		for r := lo; r <= hi; r++ {
			one := slices.Clone(rest)
			for other := lo; other <= hi; other++ {
				if other != r {
					one = append(one, other, other)
				}
			}
			slices.Sort(one)
			all = append(all, one)
		}
	}
	return all
}

// TestPhrasing holds every word and every notice against the list.
func TestPhrasing(t *testing.T) {
	for _, l := range engawa.Locales {
		all := texts(t, l)
		if len(all) < 700 {
			t.Fatalf("%s: only %d texts were read", l, len(all))
		}
		for at, text := range all {
			for _, what := range faults(l, text) {
				t.Errorf("%s: %s in %q", at, what, text)
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

// faults are what of the list is in a text.
func faults(l engawa.Locale, text string) (found []string) {
	for _, w := range phrasings {
		if slices.Contains(w.in, l) && w.pattern.MatchString(text) {
			found = append(found, w.what)
		}
	}
	if l == ja && mixed(text) {
		found = append(found, "です・ます beside だ・である")
	}
	if narrow, wide := widths(text); narrow && wide {
		found = append(found, "brackets of two widths")
	}
	return found
}

// TestPhrasingInCode holds the Japanese and Korean that stands in Go itself against the
// same list. A verb of fmt is a value like another.
func TestPhrasingInCode(t *testing.T) {
	read, spared := map[engawa.Locale]int{}, map[string]bool{}
	whose := func(at string) string {
		for prefix := range theirs {
			if strings.HasPrefix(at, prefix) {
				return prefix
			}
		}
		return ""
	}
	for at, text := range literals(t) {
		for l, letters := range map[engawa.Locale][]*unicode.RangeTable{ja: {unicode.Hiragana, unicode.Katakana}, ko: {unicode.Hangul}} {
			if !strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, letters...) }) {
				continue
			}
			read[l]++
			for _, what := range faults(l, verb.ReplaceAllString(text, "{{x}}")) {
				if spared[whose(at)] = true; whose(at) == "" {
					t.Errorf("%s: %s in %q", at, what, text)
				}
			}
		}
	}
	for prefix := range theirs {
		if !spared[prefix] {
			t.Errorf("%s has nothing to spare: take it off the list", prefix)
		}
	}
	if read[ja] < 300 || read[ko] < 300 {
		t.Errorf("only %v literals were read", read)
	}
}

// theirs are literals that are not ours to phrase.
var theirs = map[string]string{
	"internal/relay/corpus/":       "what people write in their mails",
	"internal/source/csv/guess.go": "headings in the files of other systems",
}

// verb is one of fmt's.
var verb = regexp.MustCompile(`%[+#]?[0-9.]*[sdvqn]`)

// literals are the strings in the program's Go files, by where they stand.
func literals(t *testing.T) map[string]string {
	t.Helper()
	all, root := map[string]string{}, repository(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, _ := strconv.Unquote(l.Value) // the parser has read it
				all[fmt.Sprintf("%s:%d:%d", name, set.Position(l.Pos()).Line, set.Position(l.Pos()).Column)] = text
			}
			return true
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	polite = regexp.MustCompile(`(?:です|ます|ました|でした|ません|ましょう|ください)[かね]?$`)
	plain  = regexp.MustCompile(`(?:だ|だった|ない|なかった|する|した|いる|いた|れる|れた|きる|きた|せる|せた|なる|なった|ある|あった)$`)
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
