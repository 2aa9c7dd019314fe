package console

import (
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/csv"
)

// Imports is the uploaded files, and the form for one more.
type Imports struct {
	Page
	Source, Name    string // chosen; the name of a new one
	Sources         []Choice
	Rows            []ImportRow
	Next            string
	Problem, Remedy string
}

// ImportRow is one uploaded file.
type ImportRow struct {
	ID, Source, By string
	At             time.Time
	State          engawa.ImportState
	Counts         engawa.ImportCounts
}

// Columns is what the columns of a file mean, on the file itself.
type Columns struct {
	Page
	ID, Source          string
	Version             int64 // of the source
	Encoding, Separator string
	Guessed             bool // nobody chose them
	Readable            bool // there are columns
	Lines               int
	Columns             []ColumnRow
	States              []StateRow
	Verified            bool
	Gone, Country       string
	Problem, Remedy     string
}

// ColumnRow is one column: its first values, and what it means.
type ColumnRow struct {
	Heading string
	First   []string
	Field   csv.Field
}

// StateRow is one word for a state.
type StateRow struct {
	Word  string
	State csv.State
}

// Import is an uploaded file: what it would change, how far it is, what it did.
type Import struct {
	Page
	File     engawa.Import
	Source   string
	Version  int64 // of the source
	By       string
	Lines    int // of the file
	First    bool
	Preview  engawa.ImportCounts
	Types    []TypeRow
	Changes  []ImportLine
	Missing  int // contracts that would be gone
	Many     bool
	AsksGone bool
	Refused  []RefusedLine
	CSV      string
	GoneNow  []GoneContract
	Until    time.Time // how long the file is kept
}

// ImportLine is one line that changes something.
type ImportLine struct {
	Line           int
	Name           string
	What, Contract string
	Tells          string
}

// RefusedLine is one that cannot be taken.
type RefusedLine struct {
	Line      int
	Why, Help string
}

// GoneContract is one that is not in the file any more.
type GoneContract struct{ ID, Plan, State, Customer string }

func (p Page) fields() []Choice {
	out := []Choice{{"", p.T("columns.not_taken")}}
	for _, f := range csv.Fields {
		out = append(out, Choice{string(f), p.T("csv.field." + string(f))})
	}
	return out
}

func (p Page) states() []Choice {
	out := []Choice{{"", p.T("columns.state.none")}}
	for _, s := range csv.States {
		out = append(out, Choice{string(s), p.T("csv.state." + string(s))})
	}
	return out
}

func (v Columns) encodings() (out []Choice) {
	for _, e := range csv.Encodings {
		out = append(out, Choice{e, v.T("csv.encoding." + e)})
	}
	return out
}

func (v Columns) separators() []Choice {
	return []Choice{{",", v.T("columns.comma")}, {"\t", v.T("columns.tab")}, {";", v.T("columns.semicolon")}}
}

func (v Columns) gones() []Choice {
	return []Choice{{csv.GoneNothing, v.T("columns.gone.nothing")}, {csv.GoneTask, v.T("columns.gone.task")}}
}

// path is a page of the file.
func importPath(id, more string) string { return "/imports/" + id + more }

func numbered(prefix string, i int) string { return prefix + strconv.Itoa(i) }

func importTone(s engawa.ImportState) string {
	switch s {
	case engawa.ImportDone:
		return "go"
	case engawa.ImportOpen, engawa.ImportApplying, engawa.ImportStopped:
		return "wait"
	case engawa.ImportDropped, engawa.ImportExpired:
	}
	return "off"
}

func sampleImports(p Page, s spoken) Imports {
	did := engawa.ImportCounts{Customers: engawa.ImportTally{New: 12, Changed: 7, Same: 1840}, Contracts: engawa.ImportTally{New: 14, Changed: 22, Same: 1902}, Events: 41}
	return Imports{
		Page: p, Source: "acc_1", Sources: []Choice{{"acc_1", "Luxliner"}, {"", p.T("imports.source.new")}},
		Rows: []ImportRow{
			{ID: "imp_2", Source: "Luxliner", By: s.member, At: ago(3 * time.Minute), State: engawa.ImportOpen},
			{ID: "imp_1", Source: "Luxliner", By: s.member, At: ago(31 * 24 * time.Hour), State: engawa.ImportDone, Counts: did},
			{ID: "imp_0", Source: "Luxliner", By: s.member, At: ago(33 * 24 * time.Hour), State: engawa.ImportExpired},
		},
	}
}

func sampleColumns(p Page, s spoken) Columns {
	p.Title = p.T("columns.title")
	v := Columns{
		Page: p, ID: "imp_2", Source: "Luxliner", Encoding: csv.ShiftJIS, Separator: ",", Guessed: true, Readable: true, Lines: 1861, Gone: csv.GoneTask, Country: "JP",
		Columns: []ColumnRow{
			{"会員番号", []string{"101", "102", "103"}, csv.Number},
			{"氏名", []string{s.hana, s.minsu, "鈴木 三"}, csv.Name},
			{"メールアドレス", []string{"hana@hinata.example", "minsu@hinata.example", ""}, csv.Mail},
			{"契約ID", []string{"456", "457", "458"}, csv.ID},
			{"プラン", []string{s.plan, s.plan, s.plan}, csv.Plan},
			{"契約状態", []string{"契約継続中", "解約予約", "決済未確認"}, csv.Standing},
			{"終了日", []string{"", "2026/12/31", ""}, csv.Ends},
			{"メルマガ同意", []string{"○", "", "○"}, ""},
		},
		States: []StateRow{{"契約継続中", csv.Active}, {"解約予約", csv.Reserved}, {"決済未確認", csv.Suspended}, {"保留", ""}},
	}
	return v
}

func sampleUnreadable(p Page) Columns {
	p.Title = p.T("columns.title")
	v := Columns{Page: p, ID: "imp_3", Source: "Luxliner", Encoding: csv.ShiftJIS, Separator: ",", Guessed: true}
	v.Problem, v.Remedy = p.fault(csv.Fault{Code: "quote_open", Line: 212})
	return v
}

func sampleDryRun(p Page, s spoken) Import {
	p.Title = p.T("import.look")
	typ := func(name string, n int) TypeRow {
		return TypeRow{Name: name, Words: p.Words.EventLine(p.Locale, name, nil), Count: n}
	}
	v := Import{
		Page: p, File: engawa.Import{ID: "imp_2", State: engawa.ImportOpen, Kept: true, CreatedAt: ago(3 * time.Minute), Refused: 2}, Source: "Luxliner", By: s.member, Lines: 1861,
		Preview: engawa.ImportCounts{Customers: engawa.ImportTally{New: 12, Changed: 7, Same: 1840}, Contracts: engawa.ImportTally{New: 14, Changed: 22, Same: 1902}, Events: 41},
		Types:   []TypeRow{typ("contract.started", 14), typ("contract.termination.reserved", 9), typ("contract.suspended", 6), typ("member.registered", 12)},
		Changes: []ImportLine{
			{2, s.hana, p.changedWords([]string{"email"}), p.contractWords(&csv.Contract{State: csv.Active, Plan: s.plan}, csv.Contract{ID: "456", State: csv.Reserved, Plan: s.plan, Ends: "2026-12-31"}), p.Words.EventLine(p.Locale, "contract.termination.reserved", nil)},
			{3, s.minsu, p.T("import.customer.new"), p.contractWords(nil, csv.Contract{ID: "457", State: csv.Active, Plan: s.plan}), p.Words.EventLine(p.Locale, "contract.started", nil)},
			{9, "鈴木 三", "", p.contractWords(&csv.Contract{State: csv.Active, Plan: s.plan}, csv.Contract{ID: "458", State: csv.Suspended, Plan: s.plan}), p.Words.EventLine(p.Locale, "contract.suspended", nil)},
		},
		Missing: 3, AsksGone: true, CSV: "/imports/imp_2/refused.csv", Until: ago(-24 * time.Hour),
	}
	for _, f := range []csv.Fault{{Code: "mail", Line: 14, Column: "メールアドレス"}, {Code: "state", Line: 77, Column: "契約状態", Seen: "保留"}} {
		v.Refused = append(v.Refused, p.refusedLine(f))
	}
	return v
}

func sampleFirst(p Page, s spoken) Import {
	v := sampleDryRun(p, s)
	p = v.Page
	v.First, v.Missing, v.Preview.Events, v.Types = true, 0, 0, nil
	v.File.Refused, v.Refused = 0, nil
	v.Preview.Customers, v.Preview.Contracts = engawa.ImportTally{New: 1859}, engawa.ImportTally{New: 1938}
	v.Changes = []ImportLine{
		{2, s.hana, p.T("import.customer.new"), p.contractWords(nil, csv.Contract{ID: "456", State: csv.Active, Plan: s.plan}), ""},
		{3, s.minsu, p.T("import.customer.new"), p.contractWords(nil, csv.Contract{ID: "457", State: csv.Reserved, Plan: s.plan, Ends: "2026-12-31"}), ""},
	}
	return v
}

func sampleApplying(p Page, s spoken) Import {
	v := sampleDryRun(p, s)
	v.Title = p.T("import.applying")
	v.File.State, v.File.Rows, v.File.Done, v.Changes = engawa.ImportApplying, 1859, 700, nil
	v.File.Counts = engawa.ImportCounts{Customers: engawa.ImportTally{New: 5, Changed: 3, Same: 690}, Contracts: engawa.ImportTally{New: 6, Changed: 8, Same: 688}, Events: 15}
	return v
}

func sampleApplied(p Page, s spoken) Import {
	v := sampleDryRun(p, s)
	v.Title = p.T("import.result")
	v.File.State, v.File.Rows, v.File.Done, v.File.Gone, v.File.EndedAt, v.File.Counts = engawa.ImportDone, 1859, 1859, 3, ago(time.Minute), v.Preview
	v.GoneNow = []GoneContract{{"440", s.plan, p.T("csv.state.active"), "cus_1"}, {"441", s.plan, p.T("csv.state.suspended"), "cus_2"}}
	return v
}
