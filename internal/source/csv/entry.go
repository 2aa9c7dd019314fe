package csv

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

// Member is what a line says of a customer. Empty says nothing.
type Member struct {
	Number  string         `json:"-"` // kept as a keyed hash alone
	Name    string         `json:"name,omitempty"`
	Locale  engawa.Locale  `json:"locale,omitempty"`
	Country string         `json:"country,omitempty"`
	Mail    engawa.Address `json:"-"` // kept.Mail
	Phone   engawa.Address `json:"-"` // kept.Phone
}

// Format names no member, whatever the verb.
func (m Member) Format(f fmt.State, _ rune) { fmt.Fprint(f, "a member of a file") }

// Contract is what a line says of a contract.
type Contract struct {
	ID     string `json:"id"`
	Plan   string `json:"plan,omitempty"`
	State  State  `json:"state"`
	Starts string `json:"starts,omitempty"` // 2006-01-02
	Ends   string `json:"ends,omitempty"`
}

// Entry is a line that can be taken.
type Entry struct {
	Line     int
	Member   Member
	Contract *Contract // nil: the line tells of no contract
}

// Refusal is a line that cannot be taken, and why.
type Refusal struct {
	Fault

	Cells    []string
	Contract string // the id of the contract that it told of: it is not gone; empty: none that could be read
}

// keptMember is Member as it is sealed: an Address would be masked in JSON.
type keptMember struct {
	Member

	Mail  string `json:"mail,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Keep is a member as it is remembered. It is to be sealed.
func (m Member) Keep() ([]byte, error) {
	return json.Marshal(keptMember{m, m.Mail.Reveal(), m.Phone.Reveal()})
}

// Remembered reads what Keep wrote.
func Remembered(b []byte) (Member, error) {
	var k keptMember
	err := json.Unmarshal(b, &k)
	k.Member.Mail, k.Member.Phone = engawa.Address(k.Mail), engawa.Address(k.Phone)
	return k.Member, err
}

// Entries reads a table that the mapping fits. A line that contradicts an
// earlier one is refused. address checks and normalises a mail address.
func (m Mapping) Entries(t Table, address func(string) (engawa.Address, error)) (es []Entry, refused []Refusal) {
	r := reader{mapping: m, place: m.places(t), address: address, members: map[string]Entry{}, contracts: map[string]int{}}
	for _, row := range t.Rows {
		fault := row.Fault
		var e Entry
		if fault == nil {
			e, fault = r.entry(row)
		}
		if fault != nil {
			refused = append(refused, Refusal{*fault, row.Cells, r.id(row)})
			continue
		}
		es = append(es, e)
	}
	return es, refused
}

// places are the columns of fields in a table; -1: none.
func (m Mapping) places(t Table) map[Field]int {
	at := map[Field]int{}
	for _, f := range Fields {
		at[f] = slices.IndexFunc(t.Header, func(h string) bool { return m.Columns[h] == f })
	}
	return at
}

// reader reads the rows of one table.
type reader struct {
	mapping   Mapping
	place     map[Field]int
	address   func(string) (engawa.Address, error)
	members   map[string]Entry // the first line of each
	contracts map[string]int   // the line of each
	row       Row
}

func (r *reader) entry(row Row) (Entry, *Fault) {
	r.row = row
	e := Entry{Line: row.Line}
	var fault *Fault
	if e.Member, fault = r.member(); fault != nil {
		return e, fault
	}
	if e.Contract, fault = r.contract(); fault != nil {
		return e, fault
	}
	if first, seen := r.members[e.Member.Number]; seen && first.Member != e.Member {
		return e, &Fault{Code: "contradicts", Line: row.Line, Seen: strconv.Itoa(first.Line)}
	} else if !seen {
		r.members[e.Member.Number] = e
	}
	if e.Contract != nil {
		r.contracts[e.Contract.ID] = row.Line
	}
	return e, nil
}

// id is the contract id of a row that is refused.
func (r *reader) id(row Row) string {
	if i := r.place[ID]; row.Fault == nil && i >= 0 {
		return strings.TrimSpace(row.Cells[i])
	}
	return ""
}

// value is what the row says of a field, without space around it.
func (r *reader) value(f Field) string {
	if i := r.place[f]; i >= 0 {
		return strings.TrimSpace(r.row.Cells[i])
	}
	return ""
}

// wrong is a fault in the column of a field.
func (r *reader) wrong(code string, f Field, allowed string) *Fault {
	out := &Fault{Code: code, Line: r.row.Line, Allowed: allowed}
	for heading, field := range r.mapping.Columns {
		if field == f {
			out.Column = heading
		}
	}
	return out
}

// said is a fault that repeats the value: a state, a date, a country.
func (r *reader) said(code string, f Field, allowed string) *Fault {
	out := r.wrong(code, f, allowed)
	out.Seen = short(r.value(f))
	return out
}

// text is a value of a bounded length, on one line.
func (r *reader) text(f Field) (string, *Fault) {
	v := r.value(f)
	if utf8.RuneCountInString(v) > MaxNumber {
		return "", r.wrong("value_long", f, strconv.Itoa(MaxNumber))
	}
	if strings.ContainsAny(v, "\r\n\t") {
		return "", r.wrong("value_lines", f, "")
	}
	return v, nil
}

func (r *reader) member() (m Member, fault *Fault) {
	if m.Number, fault = r.text(Number); fault != nil {
		return m, fault
	}
	if m.Number == "" {
		return m, r.wrong("number", Number, "")
	}
	if m.Name, fault = r.name(); fault != nil {
		return m, fault
	}
	if v := r.value(Mail); v != "" {
		a, err := r.address(v)
		if err != nil {
			return m, r.wrong("mail", Mail, "")
		}
		m.Mail = a
	}
	if m.Country = r.mapping.Country; r.value(Country) != "" {
		if m.Country = countryOf(r.value(Country)); m.Country == "" {
			return m, r.said("country", Country, "")
		}
	}
	if v := r.value(Language); v != "" {
		if m.Locale = localeOf(v); m.Locale == "" {
			return m, r.said("language", Language, "")
		}
	}
	if v := r.value(Phone); v != "" {
		if m.Phone = phoneOf(v, m.Country); m.Phone == "" {
			return m, r.wrong("phone", Phone, "")
		}
	}
	return m, nil
}

// name joins family and given name where the file parts them.
func (r *reader) name() (string, *Fault) {
	whole, fault := r.text(Name)
	if fault != nil || whole != "" {
		return whole, fault
	}
	family, fault := r.text(Family)
	if fault != nil {
		return "", fault
	}
	given, fault := r.text(Given)
	if fault != nil {
		return "", fault
	}
	if family != "" && !ascii(family) {
		return strings.TrimSpace(family + " " + given), nil
	}
	return strings.TrimSpace(given + " " + family), nil
}

func (r *reader) contract() (*Contract, *Fault) {
	id, fault := r.text(ID)
	if fault != nil || id == "" {
		return nil, fault
	}
	if line, seen := r.contracts[id]; seen {
		out := r.wrong("contract_twice", ID, "")
		out.Seen = strconv.Itoa(line)
		return nil, out
	}
	c := &Contract{ID: id}
	if c.Plan, fault = r.text(Plan); fault != nil {
		return nil, fault
	}
	if c.State, fault = r.state(); fault != nil {
		return nil, fault
	}
	if c.Starts, fault = r.date(Starts); fault != nil {
		return nil, fault
	}
	if c.Ends, fault = r.date(Ends); fault != nil {
		return nil, fault
	}
	switch {
	case c.Starts != "" && c.Ends != "" && c.Ends < c.Starts:
		return nil, r.said("backwards", Ends, c.Starts)
	case c.State == Reserved && c.Ends == "":
		return nil, r.wrong("reserved", Standing, "")
	}
	return c, nil
}

// state is that of the contract; one of a file without states is active.
func (r *reader) state() (State, *Fault) {
	word := r.value(Standing)
	switch s := r.mapping.States[word]; {
	case r.place[Standing] < 0:
		return Active, nil
	case word == "":
		return "", r.wrong("state_empty", Standing, "")
	case s == "":
		return "", r.said("state", Standing, "")
	default:
		return s, nil
	}
}

// layouts are how days are written; what follows a day, such as a time, is not read.
var layouts = []string{"2006-1-2", "2006/1/2", "2006.1.2", "2006年1月2日", "2006년1월2일", "20060102"}

// date is a day as 2006-01-02, or nothing.
func (r *reader) date(f Field) (string, *Fault) {
	v := r.value(f)
	if v == "" {
		return "", nil
	}
	if d := dayOf(v); d != "" {
		return d, nil
	}
	return "", r.said("date", f, "2026-11-23, 2026/11/23, 2026年11月23日, 20261123")
}

func dayOf(v string) string {
	v = norm.NFKC.String(v)
	if day, clock, timed := strings.Cut(strings.Replace(v, "T", " ", 1), " "); timed && strings.Contains(clock, ":") {
		v = day
	}
	v = strings.TrimSuffix(strings.ReplaceAll(v, " ", ""), ".") // 2026. 11. 23.
	for _, layout := range layouts {
		if d, err := time.Parse(layout, v); err == nil && d.Year() >= 1900 && d.Year() < 2200 {
			return d.Format(time.DateOnly)
		}
	}
	return ""
}

// languages and countries are what these are called, besides their codes.
var (
	languages = map[engawa.Locale]string{
		engawa.Japanese: "ja jp jpn 日本語 일본어 japanese", engawa.Korean: "ko kr kor 韓国語 한국어 korean", engawa.English: "en eng 英語 영어 english",
	}
	countries = map[string]string{
		"JP": "日本 日本国 일본 japan jpn", "KR": "韓国 大韓民国 한국 대한민국 korea southkorea republicofkorea kor",
		"US": "アメリカ アメリカ合衆国 米国 미국 usa unitedstates", "CN": "中国 중국 china", "TW": "台湾 대만 taiwan",
	}
)

func localeOf(v string) engawa.Locale {
	head, _, _ := strings.Cut(strings.ReplaceAll(v, "_", "-"), "-")
	return known().languages[plainly(head)]
}

func countryOf(v string) string {
	if up := strings.ToUpper(norm.NFKC.String(v)); isCountry(up) {
		return up
	}
	return known().countries[plainly(v)]
}

// dialled are the country codes of numbers that begin with 0 at home (ITU-T E.164).
var dialled = map[string]string{"JP": "+81", "KR": "+82"}

// phoneOf writes a number as E.164 has it; empty: it is none, or nobody knows
// whose country it is of.
func phoneOf(v, country string) engawa.Address {
	v = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()./‐－ー", r) {
			return -1
		}
		return r
	}, norm.NFKC.String(v))
	if rest, home := strings.CutPrefix(v, "0"); home && dialled[country] != "" {
		v = dialled[country] + rest
	}
	digits, international := strings.CutPrefix(v, "+")
	if !international || len(digits) < 8 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return engawa.Address(v)
}
