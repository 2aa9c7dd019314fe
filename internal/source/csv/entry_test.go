package csv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
)

// anyAddress takes whatever has one @.
func anyAddress(s string) (engawa.Address, error) {
	if strings.Count(s, "@") != 1 {
		return "", errors.New("no address")
	}
	return engawa.Address(strings.ToLower(s)), nil
}

func table(t *testing.T, text string) Table {
	t.Helper()
	out, fault := Read([]byte(text), "", "")
	if fault != nil {
		t.Fatal(fault)
	}
	return out
}

// TestGuess: headings and states of such systems in three languages.
func TestGuess(t *testing.T) {
	for heading, want := range map[string]Field{
		"会員番号": Number, "会員ID": Number, "会員ＩＤ": Number, "회원번호": Number, "회원 번호": Number, "Member ID": Number, "customer_number": Number,
		"メールアドレス": Mail, "E-mail": Mail, "이메일": Mail, "電話番号": Phone, "휴대폰 번호": Phone, "氏名": Name, "お名前(漢字)": "", "이름": Name,
		"姓": Family, "名": Given, "言語": Language, "국가": Country, "契約ID": ID, "계약번호": ID, "プラン": Plan, "対象契約": Plan, "契約状態": Standing,
		"계약 상태": Standing, "Status": Standing, "契約開始日": Starts, "해지예정일": Ends, "End Date": Ends, "メルマガ同意": "", "수신동의": "", "備考": "", "": "",
	} {
		if got := GuessField(heading); got != want {
			t.Errorf("%q is taken for %q, want %q", heading, got, want)
		}
	}
	for word, want := range map[string]State{
		"契約継続中": Active, "決済待ち": Pending, "契約開始前": Pending, "契約成立": Active, "特別期間": Active, "決済未確認": Suspended, "解約予約": Reserved, "解約": Terminated,
		"キャンセル": Canceled, "해지예정": Reserved, "이용정지": Suspended, "정상": Active, "취소": Canceled, "Past due": Suspended, "謎": "",
	} {
		if got := GuessState(word); got != want {
			t.Errorf("%q is taken for %q, want %q", word, got, want)
		}
	}
	for f := range headings {
		for word := range strings.FieldsSeq(headings[f]) {
			if got := GuessField(word); got != f {
				t.Errorf("%q stands under %s and %s", word, f, got)
			}
		}
	}
	for s := range stateWords {
		for word := range strings.FieldsSeq(stateWords[s]) {
			if got := GuessState(word); got != s {
				t.Errorf("%q stands under %s and %s", word, s, got)
			}
		}
	}
	m := Guess(table(t, luxliner))
	if len(m.Columns) != 6 || m.States["解約予約"] != Reserved || m.Fits(table(t, luxliner)) != nil {
		t.Errorf("guessed %v", m)
	}
	if len(Guess(table(t, "メール,Email\na@b.example,c@d.example\n")).Columns) != 1 {
		t.Error("two columns mean one thing")
	}
}

func TestEntries(t *testing.T) {
	file := table(t, "会員番号,姓,名,メールアドレス,電話番号,言語,国,契約ID,プラン,契約状態,契約開始日,終了日\n"+
		"007,山田,花,HANA@Customer.example,０９０-1234-5678,日本語,日本,456,月額プラン,解約予約,2026年1月5日,2026/12/31 23:59\n"+
		"8,Kim,Minsu,,010 1234 5678,ko-KR,kr,,,,,\n")
	es, refused := Guess(file).Entries(file, anyAddress)
	if len(refused) > 0 || len(es) != 2 {
		t.Fatalf("%d entries, refused %+v", len(es), refused)
	}
	if got, want := es[0].Member, (Member{"007", "山田 花", "ja", "JP", "hana@customer.example", "+819012345678"}); got != want {
		t.Errorf("%+v", keptMember{got, got.Mail.Reveal(), got.Phone.Reveal()})
	}
	if got, want := *es[0].Contract, (Contract{"456", "月額プラン", Reserved, "2026-01-05", "2026-12-31"}); got != want {
		t.Errorf("%+v", got)
	}
	if got := es[1].Member; got.Name != "Minsu Kim" || got.Phone != "+821012345678" || got.Locale != engawa.Korean || es[1].Contract != nil {
		t.Errorf("%q %s", got.Name, got.Locale)
	}
	if s := fmt.Sprintf("%v %+v %#v %d", es[0].Member, es[0], es[0].Member, es[0].Member); strings.Contains(s, "山田") || strings.Contains(s, "hana@") {
		t.Errorf("it prints %s", s)
	}
	kept, err := es[0].Member.Keep()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Remembered(kept); err != nil || es[0].Member.Changed(back) != nil || strings.Contains(string(kept), "007") {
		t.Errorf("%s, %v", kept, err)
	}
}

// TestRefusedLines: each line is told by its number, its column, and what is wrong.
func TestRefusedLines(t *testing.T) {
	const header = "会員番号,氏名,メールアドレス,電話番号,国,言語,契約ID,契約状態,開始日,終了日\n"
	for line, want := range map[string]Fault{
		",花,,,,,,,,":                           {Code: "number", Column: "会員番号"},
		strings.Repeat("1", 256) + ",,,,,,,,,": {Code: "value_long", Column: "会員番号", Allowed: "255"},
		"\"1\n2\",,,,,,,,,":                    {Code: "value_lines", Column: "会員番号"},
		"1,,hana,,,,,,,":                       {Code: "mail", Column: "メールアドレス"},
		"1,,,9012345678,JP,,,,,":               {Code: "phone", Column: "電話番号"},
		"1,,,090-1234-5678,,,,,,":              {Code: "phone", Column: "電話番号"},
		"1,,,,アトランティス,,,,,":                    {Code: "country", Column: "国", Seen: "アトランティス"},
		"1,,,,,タガログ語,,,,":                      {Code: "language", Column: "言語", Seen: "タガログ語"},
		"1,,,,,,456,,,":                        {Code: "state_empty", Column: "契約状態"},
		"1,,,,,,456,謎,,":                       {Code: "state", Column: "契約状態", Seen: "謎"},
		"1,,,,,,456,解約,05/06/2026,":            {Code: "date", Column: "開始日", Seen: "05/06/2026", Allowed: "2026-11-23, 2026/11/23, 2026年11月23日, 20261123"},
		"1,,,,,,456,解約,2026/02/30,":            {Code: "date", Column: "開始日", Seen: "2026/02/30", Allowed: "2026-11-23, 2026/11/23, 2026年11月23日, 20261123"},
		"1,,,,,,456,解約,2026-12-01,2026-11-30":  {Code: "backwards", Column: "終了日", Seen: "2026-11-30", Allowed: "2026-12-01"},
		"1,,,,,,456,解約予約,2026-12-01,":          {Code: "reserved", Column: "契約状態"},
		"100,花,,,,,999,解約,,":                   {Code: "contract_twice", Column: "契約ID", Seen: "2"},
		"100,別の名前,,,,,998,解約,,":                {Code: "contradicts", Seen: "2"},
	} {
		file := table(t, header+"100,花,,,,,999,契約中,,\n"+line+"\n")
		m := Mapping{Columns: Guess(file).Columns, States: map[string]State{"契約中": Active, "解約": Terminated, "解約予約": Reserved}}
		es, refused := m.Entries(file, anyAddress)
		want.Line = 3
		if len(es) != 1 || len(refused) != 1 || refused[0].Fault != want || refused[0].Contract != strings.Split(line, ",")[6] {
			t.Errorf("%s: %d taken, %+v, want %+v", line, len(es), refused, want)
		}
	}
}

func TestDays(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-23": "2026-11-23", "2026/1/5": "2026-01-05", "２０２６／１１／２３": "2026-11-23", "2026. 11. 23.": "2026-11-23", "2026년 11월 23일": "2026-11-23",
		"20261123": "2026-11-23", "2026/11/23 0:00": "2026-11-23", "2026-11-23T12:00:00+09:00": "2026-11-23", "2026年1月5日 9:00": "2026-01-05",
		"23.11.2026": "", "11/23/2026": "", "令和8年1月1日": "", "46349": "", "0001-01-01": "", "2026-11-23 x": "",
	} {
		if got := dayOf(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// TestTold: each way of a contract from one state to another, and data that the
// catalogue takes.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		before, now State
		want        string
	}{
		{"", Pending, ""},
		{"", Active, "started"},
		{"", Suspended, "started suspended"},
		{"", Reserved, "started termination.reserved"},
		{"", Terminated, ""},
		{"", Canceled, ""},
		{Pending, Pending, ""},
		{Pending, Active, "started"},
		{Pending, Terminated, "terminated"},
		{Pending, Canceled, "cancelled"},
		{Active, Active, ""},
		{Active, Pending, ""},
		{Active, Suspended, "suspended"},
		{Active, Reserved, "termination.reserved"},
		{Active, Terminated, "terminated"},
		{Active, Canceled, "cancelled"},
		{Suspended, Active, "resumed"},
		{Suspended, Suspended, ""},
		{Suspended, Reserved, "termination.reserved"},
		{Suspended, Terminated, "terminated"},
		{Reserved, Active, "termination.withdrawn"},
		{Reserved, Suspended, "suspended"},
		{Reserved, Reserved, ""},
		{Reserved, Terminated, "terminated"},
		{Terminated, Active, "started"},
		{Terminated, Canceled, ""},
		{Terminated, Terminated, ""},
		{Canceled, Active, "started"},
		{Canceled, Terminated, ""},
	} {
		var before *Contract
		if c.before != "" {
			before = &Contract{ID: "456", State: c.before, Ends: "2026-12-31"}
		}
		now := Contract{ID: "456", Plan: "月額プラン", State: c.now, Starts: "2026-01-01", Ends: "2026-12-31"}
		types := Told(before, now)
		var want []string
		for w := range strings.FieldsSeq(c.want) {
			want = append(want, "contract."+w)
		}
		if !slices.Equal(types, want) {
			t.Errorf("%q to %q tells %v, want %v", c.before, c.now, types, want)
		}
		for _, typ := range types {
			held(t, typ, before, &now, nil)
		}
	}
	later := Contract{State: Reserved, Ends: "2027-01-31"}
	if got := Told(&Contract{State: Reserved, Ends: "2026-12-31"}, later); !slices.Equal(got, []string{"contract.termination.reserved"}) {
		t.Errorf("another last day tells %v", got)
	}
	held(t, "member.registered", nil, nil, nil)
	held(t, "member.updated", nil, nil, []string{"email"})
}

// held holds an event's data against the catalogue.
func held(t *testing.T, typ string, before, now *Contract, changed []string) {
	t.Helper()
	data, err := Data(typ, Member{Number: "1", Name: "花", Mail: "hana@customer.example"}, before, now, changed)
	if err != nil {
		t.Fatal(err)
	}
	known, ok := catalogue.Find(typ)
	if !ok {
		t.Fatalf("the catalogue does not know %s", typ)
	}
	if err := known.Schema.Check(data); err != nil || !strings.Contains(string(data), "hana@customer.example") {
		t.Errorf("%s: %v of %s", typ, err, data)
	}
}

func TestChanged(t *testing.T) {
	before := Member{Name: "花", Mail: "a@b.example", Country: "JP"}
	for name, c := range map[string]struct {
		now  Member
		want []string
	}{
		"the same":           {before, nil},
		"nothing said":       {Member{}, nil},
		"another name":       {Member{Name: "山田 花", Mail: "a@b.example"}, []string{"name"}},
		"another address":    {Member{Mail: "c@d.example", Phone: "+81901", Locale: "ja", Country: "KR"}, []string{"email", "phone", "language", "country"}},
		"a line without one": {Member{Name: "花", Mail: ""}, nil},
	} {
		if got := c.now.Changed(before); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := (Contract{ID: "1", State: Active}).Over(Contract{ID: "1", Plan: "p", State: Reserved, Ends: "2026-01-01"}); got != (Contract{ID: "1", Plan: "p", State: Active}) {
		t.Errorf("%+v", got)
	}
}

// TestMappings: what can never work is not saved.
func TestMappings(t *testing.T) {
	good := Mapping{Columns: map[string]Field{"a": Number, "b": ID, "c": Standing}, States: map[string]State{"x": Active}, Gone: GoneTask, Country: "JP", Encoding: ShiftJIS, Separator: ","}
	text, err := good.Text()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(text); err != nil || fmt.Sprint(back) != fmt.Sprint(good) {
		t.Errorf("%v, %v", back, err)
	}
	many := map[string]State{}
	for i := range MaxStates + 1 {
		many[fmt.Sprint(i)] = Active
	}
	for place, m := range map[string]Mapping{
		"/columns":          {Columns: map[string]Field{"a": "consent"}},
		"/columns/number":   {Columns: map[string]Field{"a": Mail}},
		"/columns/mail":     {Columns: map[string]Field{"a": Mail, "b": Mail, "c": Number}},
		"/columns/contract": {Columns: map[string]Field{"a": Number, "b": Plan}},
		"/states":           {Columns: map[string]Field{"a": Number}, States: many},
		"/encoding":         {Encoding: "latin-1"},
		"/separator":        {Separator: "|"},
		"/gone":             {Gone: "erase"},
		"/country":          {Country: "japan"},
	} {
		text, err := m.Text()
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(text)
		if told, ok := errors.AsType[*engawa.Error](err); !ok || told.Field != place {
			t.Errorf("%s: %v", place, err)
		}
	}
	for _, s := range []string{"x", "{} {}", `{"consents":1}`, `{"country":"` + strings.Repeat("x", maxMapping) + `"}`} {
		if _, err := Parse(s); err == nil {
			t.Errorf("%.20q was read", s)
		}
	}
	if f := (Mapping{Columns: map[string]Field{"会員番号": Number, "消えた": Mail}}).Fits(table(t, luxliner)); f == nil || f.Code != "column_gone" || f.Column != "消えた" {
		t.Errorf("%+v", f)
	}
	if f := (Mapping{}).Fits(table(t, luxliner)); f == nil || f.Code != "unmapped" {
		t.Errorf("%+v", f)
	}
}
