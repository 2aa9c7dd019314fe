package csv

import (
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

// plainly folds what people write in different ways: width, case, spaces and
// marks mean nothing in a heading.
func plainly(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\u3000_-・.:：()（）[]【】「」*※/", r) {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFKC.String(s)))
}

// headings are what columns are called in files of Japanese, Korean and English systems.
var headings = map[Field]string{
	Number:   "会員番号 会員id 会員no 会員コード 顧客番号 顧客id 顧客コード お客様番号 お客様id ユーザーid ユーザid 회원번호 회원id 회원코드 고객번호 고객id 고객코드 아이디 memberid membernumber memberno customerid customernumber customerno userid",
	Mail:     "メールアドレス メール eメール emailアドレス mail 電子メール 이메일 이메일주소 메일 메일주소 전자우편 email emailaddress mailaddress",
	Phone:    "電話番号 電話 tel 携帯電話 携帯電話番号 携帯番号 連絡先電話番号 전화번호 전화 휴대폰 휴대폰번호 휴대전화 휴대전화번호 연락처 phone phonenumber telephone mobile mobilephone",
	Name:     "氏名 お名前 名前 会員名 顧客名 お客様名 お客様氏名 契約者名 이름 성명 회원명 고객명 name fullname customername membername",
	Family:   "姓 苗字 名字 성 lastname familyname surname",
	Given:    "名 명 firstname givenname",
	Language: "言語 언어 language locale lang",
	Country:  "国 国籍 国コード 국가 나라 국가코드 country countrycode",
	ID:       "契約id 契約番号 契約no 契約コード 계약번호 계약id 계약코드 contractid contractnumber contractno subscriptionid",
	Plan:     "プラン プラン名 契約プラン 契約名 商品 商品名 対象契約 コース 플랜 요금제 상품 상품명 계약명 계약상품 plan planname product productname contractname",
	Standing: "契約状態 契約ステータス 契約状況 ステータス 状態 계약상태 계약현황 상태 status contractstatus contractstate state",
	Starts:   "開始日 契約開始日 契約日 利用開始日 시작일 계약시작일 계약일 이용시작일 startdate startedon contractstart start",
	Ends:     "終了日 契約終了日 満了日 解約日 解約予定日 有効期限 期限 次回更新日 종료일 계약종료일 만료일 해지일 해지예정일 유효기간 enddate endson expires expirydate contractend end periodend",
}

// GuessField says what a column of this heading means in files of such systems;
// empty: it is not known.
func GuessField(heading string) Field {
	return known().fields[plainly(heading)]
}

// stateWords are what contracts' states are called there.
var stateWords = map[State]string{
	Pending:    "決済待ち 契約開始前 申込中 申込み中 仮契約 入金待ち 開始前 결제대기 입금대기 계약전 시작전 신청중 대기 pending waiting trialpending notstarted",
	Active:     "契約継続中 契約中 契約成立 継続中 有効 利用中 特別期間 お試し期間 会員 稼働中 계약중 이용중 유효 정상 사용중 활성 특별기간 active valid running trial introductory",
	Suspended:  "決済未確認 停止 停止中 利用停止 休会 休会中 未払い 休止 休止中 정지 이용정지 일시정지 미납 휴면 결제미확인 suspended paused onhold unpaid pastdue",
	Reserved:   "解約予約 解約予定 解約申請中 退会予定 해지예약 해지예정 해지신청 terminationreserved cancelatperiodend ending",
	Terminated: "解約 解約済 解約済み 退会 退会済 退会済み 終了 契約終了 満了 해지 해지완료 해지됨 탈퇴 종료 계약종료 만료 terminated ended expired closed",
	Canceled:   "キャンセル キャンセル済 キャンセル済み 取消 取り消し 申込取消 취소 취소됨 신청취소 canceled cancelled void",
}

// GuessState says what a word for a state means; empty: it is not known.
func GuessState(word string) State {
	return known().states[plainly(word)]
}

// folded are the lists by what their words are folded to.
type folded struct {
	fields    map[string]Field
	states    map[string]State
	languages map[string]engawa.Locale
	countries map[string]string
}

var known = sync.OnceValue(func() folded {
	return folded{fold(headings), fold(stateWords), fold(languages), fold(countries)}
})

func fold[T comparable](lists map[T]string) map[string]T {
	out := map[string]T{}
	for meaning, words := range lists {
		for w := range strings.FieldsSeq(words) {
			out[plainly(w)] = meaning
		}
	}
	return out
}

// Guess is the mapping that a table asks for by itself: columns by their
// headings, each meaning once, and the words for states that are known.
func Guess(t Table) Mapping {
	m := Mapping{Columns: map[string]Field{}, States: map[string]State{}}
	taken := map[Field]bool{}
	for _, heading := range t.Header {
		if f := GuessField(heading); f != "" && !taken[f] {
			m.Columns[heading], taken[f] = f, true
		}
	}
	for _, word := range m.StateWords(t) {
		if s := GuessState(word); s != "" {
			m.States[word] = s
		}
	}
	return m
}

// StateWords lists the words for states in a table, in the order in which they
// come, at most MaxStates of them.
func (m Mapping) StateWords(t Table) (words []string) {
	i := m.places(t)[Standing]
	if i < 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, r := range t.Rows {
		if r.Fault != nil {
			continue
		}
		word := strings.TrimSpace(r.Cells[i])
		if word != "" && !seen[word] && len(words) < MaxStates {
			seen[word], words = true, append(words, word)
		}
	}
	return words
}
