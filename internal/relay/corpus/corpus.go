// Package corpus makes mails in the shapes that real mail programs give them, by
// seed: some in which a customer's address is hidden in one of the ways of a leak
// checklist (L01 to L31), some harmless. And it searches what a partner was given
// for any form of that address. It shares no code with the scrubber that it is
// there to try: one misreading cannot sit on both sides.
package corpus

import (
	"fmt"
	"math/rand/v2"
)

// Persona is the customer that a mail is from, and what must not be told of them.
type Persona struct {
	Mailbox string // known to the hub
	Second  string // of the same person, known to nobody: it writes, or is answered at
	Name    string // in the script of the language
	Roman   string // the same in Latin letters, family name last
	Phone   string // E.164
	Line    string
	Member  string
	Token   string // what the hub's own links in a mail to them end in: it opens their page

	Alias    string // that is written to
	Partner  string // the partner's own public mailbox, which may pass
	Language string // "ja", "ko", "zh" or "en"
}

// Mail is one message file.
type Mail struct {
	Name string // "L04 outlook iso-2022-jp 17"
	Raw  []byte
	From string // the return path
	Who  Persona
}

// Typed is a harmless mail: nothing in it needs hiding.
type Typed struct {
	Mail
	Subject string
	Text    string // what the person typed, without what their program adds
}

type maker struct {
	*rand.Rand
}

func newMaker(seed, n uint64) *maker {
	return &maker{rand.New(rand.NewPCG(seed, n))} //nolint:gosec // a seed is to give the same mails again
}

func (m *maker) pick(from []string) string { return from[m.IntN(len(from))] }

func (m *maker) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + m.IntN(10)) //nolint:gosec // a digit
	}
	return string(b)
}

func (m *maker) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + m.IntN(26)) //nolint:gosec // a letter
	}
	return string(b)
}

var people = map[string][][2]string{
	"ja": {{"金成 花子", "Hanako Kanari"}, {"鷹司 蓮太郎", "Rentaro Takatsukasa"}, {"小鳥遊 美咲", "Misaki Takanashi"}, {"五百旗頭 洋", "Hiroshi Iokibe"}},
	"ko": {{"김카나리", "Canary Kim"}, {"남궁 서윤", "Seoyun Namgung"}, {"황보 지우", "Jiwoo Hwangbo"}},
	"zh": {{"歐陽 金絲", "Jinsi Ouyang"}, {"司馬 雲雀", "Yunque Sima"}},
	"en": {{"Rosalind Featherstonehaugh", "Rosalind Featherstonehaugh"}, {"Ignatius Cholmondeley", "Ignatius Cholmondeley"}},
}

var phones = map[string]string{"ja": "+8190", "ko": "+8210", "zh": "+86138", "en": "+4477"}

func (m *maker) persona(language string, idn bool) Persona {
	who := people[language][m.IntN(len(people[language]))]
	tag := m.letters(3) + m.digits(2)
	p := Persona{
		Mailbox: m.pick([]string{"kanari." + tag, tag + "_nest", "lark" + tag}) + "@" + m.pick([]string{"yellowbird.example", "mail.birdcage.co.example", "gmail.com", "docomo.ne.jp", "naver.com"}),
		Second:  "finch" + m.letters(4) + "@" + m.pick([]string{"aviary.example", "outlook.example", "ezweb.ne.jp"}),
		Name:    who[0], Roman: who[1],
		Phone:   phones[language] + m.digits(8),
		Line:    "U" + fmt.Sprintf("%016x%016x", m.Uint64(), m.Uint64()),
		Member:  "KANARI-" + m.digits(7),
		Alias:   "r-" + m.letters(20) + m.digits(12) + "@relay.hub.example",
		Partner: "support@vendor.example", Language: language,
	}
	p.Token = "s" + m.digits(6) + m.letters(8) + "." + m.letters(50) + "-" + m.letters(20) + "_" + m.digits(15)
	if idn {
		p.Mailbox = "lark" + tag + "@" + map[string]string{"ja": "黄色い鳥.example", "ko": "노란새.example", "zh": "黃鳥.example", "en": "gélbvögel.example"}[language]
	}
	return p
}
