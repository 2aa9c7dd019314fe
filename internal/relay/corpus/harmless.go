package corpus

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// sentences are what customers write when they give nothing away.
var sentences = map[string][]string{
	"ja": {
		"お世話になっております。", "先日ご案内いただいた件、承知いたしました。", "アプリを起動すると「エラー %d」と表示されます。", "請求書の宛名を変更したいのですが、どうすればよいでしょうか。", "次回の更新日は2026年12月%d日で間違いないですか。", "金額は税込 %d円（10％）でお願いします。",
		"①ログイン ②設定 ③解約 の順に進めましたが、③のボタンが見当たりません。", "スクリーンショットは後ほどお送りします。", "返信が遅くなり申し訳ございません🙇‍♂️", "カタカナのｱｲｳｴｵや全角ＡＢＣも文字化けしませんか？", "株式会社サンプルの担当者にもお伝えください。", "東京都千代田区丸の内1-1-1 サンプルビル5階", "住所：〒100-0005", "受付番号：%d-%d", "注文番号 A%d の件です。",
		"※本メールに心当たりがない場合は破棄してください。", "どうぞよろしくお願いいたします。", "メールアドレスの変更方法を教えてください。", "アットマークの入力ができません。", "ドットの数が合いません。", "電話番号は登録していません。", "代表番号 03-1234-%04d に掛けてもつながりません。",
	},
	"ko": {
		"안녕하세요.", "지난번 안내해 주신 내용 잘 확인했습니다.", "앱을 실행하면 오류 %d이(가) 표시됩니다.", "청구서 받는 이름을 바꾸고 싶습니다.", "다음 갱신일이 12월 %d일이 맞나요?", "금액은 %d원으로 부탁드립니다.", "골뱅이 기호가 입력되지 않습니다.", "점 하나가 빠진 것 같습니다.", "주문번호 %d-%d 건입니다.", "스크린샷은 나중에 보내겠습니다. 감사합니다 😊", "서울특별시 중구 세종대로 %d", "고객센터 1588-%04d로 전화했습니다.", "메일 주소는 어떻게 바꾸나요?", "김씨 성을 가진 담당자와 통화했습니다.",
	},
	"en": {
		"Hello,", "thank you for your quick answer.", "The app shows error %d when I open it.", "Could you change the name on my invoice?", "Is the renewal on %d December?", "I paid $%d.99 twice.", "Please meet at the shop @ noon.", "My order is #%d-%d.", "The screenshot follows later.", "I am at canary wharf, dot com is fine.", "Please look at the canary release notes.", "Call the front desk on +1 (212) 555-0%d.", "To: the moon and back!", "From: Tokyo To: Osaka, 2 adults", "Rose gold, size 12, dear me.", "Is there a mail archive?", "Best regards", "naïve café résumé – “quoted” … done",
	},
}

// traps look like something to hide and are not.
var traps = []func(m *maker, p Persona) string{
	func(_ *maker, p Persona) string { return "I wrote to " + p.Partner + " before." },
	func(m *maker, _ Persona) string {
		return "https://vendor.example/orders/" + m.letters(12) + "?session=" + base64.RawURLEncoding.EncodeToString([]byte(m.letters(30)))
	},
	func(m *maker, _ Persona) string {
		return "commit " + hex.EncodeToString([]byte(m.letters(20))) + " breaks it"
	},
	func(m *maker, _ Persona) string {
		return fmt.Sprintf("uuid %08x-%04x-4%03x-a%03x-%012x", m.Uint32(), m.IntN(65536), m.IntN(4096), m.IntN(4096), m.Uint64()>>16)
	},
	func(*maker, Persona) string { return "icon@2x.png and icon@3x.png are missing" },
	func(*maker, Persona) string { return "npm install react@18.2.0 @types/node@20" },
	func(*maker, Persona) string { return "git clone git@github.com:vendor/app.git" },
	func(m *maker, _ Persona) string { return "@" + m.letters(8) + " さんにも聞きました" },
	func(*maker, Persona) string { return "https://www.google.com/maps/@35.6812362,139.7671248,17z" },
	func(*maker, Persona) string { return "@media (max-width: 600px) { .a { color: #a1b2c3 } }" },
	func(m *maker, _ Persona) string {
		return "割引コード " + strings.ToUpper(m.letters(4)) + "-" + m.digits(8)
	},
	func(m *maker, _ Persona) string { return "IMEI " + m.digits(15) },
	func(*maker, Persona) string { return "家族 👨‍👩‍👧‍👦 と 🏳️‍🌈 と 1️⃣" },
	func(*maker, Persona) string { return "ภาษาไทย हिन्दी می\u200cخواهم" },
	func(*maker, Persona) string { return "if (a<b && c>d) { x = y%20 + 0x1F; } // 100% \\u0041 &amp; =3D" },
	func(*maker, Persona) string { return "C:\\Users\\Public\\app.log (line 40)" },
	func(m *maker, _ Persona) string {
		return "2026-11-" + m.digits(2) + "T10:00:00+09:00 [INFO] job=" + m.digits(10)
	},
	func(*maker, Persona) string { return "1,980円×12か月＝23,760円（税込）" },
	func(*maker, Persona) string { return "メールは at least 3 通、dot は2つ" },
	func(m *maker, _ Persona) string {
		return "Tracking: " + m.digits(4) + "-" + m.digits(4) + "-" + m.digits(4)
	},
	func(m *maker, _ Persona) string {
		return "別の電話番号 0" + m.pick([]string{"3", "6"}) + "-" + m.digits(4) + "-" + m.digits(4)
	},
	func(*maker, Persona) string { return "Ｗｉ－Ｆｉ　接続、Ｎｏ．１、㈱、℡" },
	func(*maker, Persona) string { return "x = (a + b) * c / d - e; // @review" },
	func(*maker, Persona) string { return "| 列A | 列B |\n| 1 | 2 |" },
}

// Harmless makes n mails that give nothing away.
func Harmless(seed uint64, n int) (mails []Typed) {
	for i := range n {
		m := newMaker(seed, 1<<40|uint64(i))
		script := scripts[i%len(scripts)]
		if script[1] == "zh" {
			script = [2]string{"utf-8", "ja"}
		}
		c := clients[(i/len(scripts)+i)%len(clients)]
		p := m.persona(script[1], i%9 == 0)
		var lines []string
		for range 2 + m.IntN(6) {
			s := m.pick(sentences[script[1]])
			for strings.Contains(s, "%") && !strings.Contains(s, "% ") {
				d := strings.Index(s, "%")
				if d+1 < len(s) && (s[d+1] == 'd' || s[d+1] == '0') {
					s = s[:d] + m.digits(2+m.IntN(3)) + s[strings.IndexByte(s[d:], 'd')+d+1:]
					continue
				}
				break
			}
			lines = append(lines, s)
		}
		if m.IntN(2) == 0 {
			lines = append(lines, traps[m.IntN(len(traps))](m, p))
		}
		text := string(readable(script[0], strings.Join(lines, "\n")))
		subject := string(readable(script[0], m.pick(sentences[script[1]][:3])+m.digits(3)))
		a := about{charset: script[0], subject: subject, text: text}
		mails = append(mails, Typed{Mail{fmt.Sprintf("harmless %s %s %d", c.name, script[0], i), c.write(m, p, a), p.Mailbox, p}, subject, text})
	}
	return mails
}

// readable is what is left of s in a charset that lacks some of it.
func readable(charset, s string) []byte {
	e, ok := charsets[charset]
	if !ok || charset == "utf-8" {
		return []byte(s)
	}
	b, err := e.NewDecoder().Bytes(in(charset, s))
	if err != nil {
		return []byte(s)
	}
	return b
}
