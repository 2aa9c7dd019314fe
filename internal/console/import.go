package console

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/source/csv"
)

// What pages of an uploaded file show of it.
const (
	shownCells   = 3  // of a column
	shownCell    = 60 // characters of one
	shownLines   = 50 // that change something
	shownRefused = 20
)

// maxUpload is a file with the form around it.
const maxUpload = csv.MaxBytes + 64<<10

func (c *console) reader() *intake.Imports {
	return &intake.Imports{Store: c.Store, Kinds: c.Kinds}
}

// imports is the page of uploaded files.
func (c *console) imports(v *visit) error {
	view, err := c.importsView(v)
	if err != nil {
		return err
	}
	return v.show(ImportsPage(view))
}

func (c *console) importsView(v *visit) (Imports, error) {
	view := Imports{Page: v.titled("customers", v.T("imports.title")), Source: v.r.URL.Query().Get("source")}
	view.Path = "/imports"
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	names := map[string]string{}
	for _, a := range accounts {
		if names[a.ID] = a.Name; a.Kind == csv.Kind.Name && a.Enabled {
			view.Sources = append(view.Sources, Choice{a.ID, a.Name})
		}
	}
	view.Sources = append(view.Sources, Choice{"", v.T("imports.source.new")})
	if view.Source == "" {
		view.Source = view.Sources[0].Value
	}
	people, err := c.people(v)
	if err != nil {
		return view, err
	}
	p := cursor(v.r)
	p.Limit = listed
	all, err := c.Store.Imports(v.ctx(), v.ws(), p)
	for _, i := range all {
		view.Rows = append(view.Rows, ImportRow{ID: i.ID, Source: names[i.Account], By: people.name(i.CreatedBy), At: i.CreatedAt, State: i.State, Counts: i.Counts})
	}
	if len(all) == listed {
		last := all[listed-1]
		view.Next = query("/imports", "after", after(last.CreatedAt, last.ID))
	}
	return view, err
}

// upload keeps a file that a member uploaded. It stays in memory on the way:
// nothing of it is written to the disk in words.
func (c *console) upload(v *visit) error {
	if err := v.r.ParseMultipartForm(maxUpload); err != nil {
		return c.uploadAgain(v, &csv.Fault{Code: "size", Seen: v.T("imports.more"), Allowed: "10 MB"})
	}
	file, err := uploaded(v.r)
	if err != nil {
		return err
	}
	switch {
	case len(file) == 0:
		return c.uploadAgain(v, &csv.Fault{Code: "empty"})
	case len(file) > csv.MaxBytes:
		return c.uploadAgain(v, &csv.Fault{Code: "size", Seen: v.T("imports.more"), Allowed: "10 MB"})
	}
	account, err := c.sourceOf(v)
	if err != nil {
		return err
	}
	if account == "" {
		return c.uploadAgain(v, nil)
	}
	i := engawa.Import{Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixImport), Account: account, CreatedBy: "member:" + v.member.ID, CreatedAt: v.Now}
	if err := v.by.AddImport(v.ctx(), i, file); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, importPath(i.ID, ""), http.StatusSeeOther)
	return nil
}

func uploaded(r *http.Request) ([]byte, error) {
	f, _, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return nil, nil
	}
	if err != nil {
		return nil, engawa.Invalid("/file", "upload the file again", "the file did not arrive whole")
	}
	defer f.Close()
	return io.ReadAll(f)
}

// sourceOf is the source of an upload: the one of the name that was typed, made
// if there is none, or else the chosen one; empty where neither was given.
func (c *console) sourceOf(v *visit) (string, error) {
	name := v.typed("name")
	all, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil || len([]rune(name)) > 80 {
		return "", err
	}
	for _, a := range all {
		if a.Kind == csv.Kind.Name && (name == a.Name || name == "" && a.ID == v.typed("source")) {
			return a.ID, nil
		}
	}
	if name == "" {
		return "", nil
	}
	a := engawa.Account{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixAccount), Kind: csv.Kind.Name, Name: name, Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: v.Now,
	}
	return a.ID, v.by.AddAccount(v.ctx(), a)
}

// uploadAgain shows the form again with what is wrong: with the file, or, if
// nothing is, with the name.
func (c *console) uploadAgain(v *visit, f *csv.Fault) error {
	view, err := c.importsView(v)
	if err != nil {
		return err
	}
	view.Source, view.Name = v.typed("source"), v.typed("name")
	view.Problem, view.Remedy = v.T("imports.name.wrong"), v.T("imports.name.help")
	if f != nil {
		view.Problem, view.Remedy = v.fault(*f)
	}
	return v.showAs(http.StatusUnprocessableEntity, ImportsPage(view))
}

// fault is what is wrong with a file or a line, and what to do.
func (p Page) fault(f csv.Fault) (problem, remedy string) {
	args := []any{"line", p.Number(f.Line), "column", f.Column, "seen", f.Seen, "allowed", f.Allowed}
	return p.T("csv.fault."+f.Code, args...), p.T("csv.fault."+f.Code+".remedy", args...)
}

func (p Page) refusedLine(f csv.Fault) RefusedLine {
	why, help := p.fault(f)
	return RefusedLine{f.Line, why, help}
}

// importPage is an uploaded file where it stands: what it would change, how far
// it is applied, or what it did.
func (c *console) importPage(v *visit) error {
	r, err := c.reader().Of(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err == nil && r.Import.Kept && r.Import.State != engawa.ImportApplying { // which is asked for every two seconds
		r, err = c.reader().Again(v.ctx(), r, r.Mapping)
	}
	if err != nil {
		return err
	}
	if r.Import.State == engawa.ImportOpen && r.Fault != nil {
		http.Redirect(v.w, v.r, importPath(r.Import.ID, "/columns"), http.StatusSeeOther)
		return nil
	}
	view, err := c.importView(v, r)
	if err != nil {
		return err
	}
	if view.File.State == engawa.ImportOpen {
		err = c.look(v, r, &view)
	}
	if err == nil && view.File.Gone > 0 {
		view.GoneNow, err = c.gone(v, r.Import.ID)
	}
	if err != nil {
		return err
	}
	return v.show(ImportPage(view))
}

func (c *console) importView(v *visit, r intake.Reading) (Import, error) {
	i := r.Import
	title := map[engawa.ImportState]string{
		engawa.ImportOpen: v.T("import.look"), engawa.ImportApplying: v.T("import.applying"), engawa.ImportStopped: v.T("import.stopped"), engawa.ImportDone: v.T("import.result"),
	}[i.State]
	view := Import{
		Page: v.titled("customers", cmp.Or(title, v.T("imports.state."+string(i.State)))), File: i, Source: r.Source.Name, Version: r.Source.Version, Lines: len(r.Table.Rows), CSV: importPath(i.ID, "/refused.csv"),
		Until: i.CreatedAt.Add(engawa.ImportFor), AsksGone: r.Mapping.Gone == csv.GoneTask,
	}
	view.Path = importPath(i.ID, "")
	people, err := c.people(v)
	view.By = people.name(i.CreatedBy)
	for _, x := range r.Refused[:min(len(r.Refused), shownRefused)] {
		view.Refused = append(view.Refused, v.refusedLine(x.Fault))
	}
	return view, err
}

// look is the dry run: what would change, line by line.
func (c *console) look(v *visit, r intake.Reading, view *Import) error {
	first, err := c.Store.FirstImport(v.ctx(), v.ws(), r.Source.ID)
	if err != nil {
		return err
	}
	p, err := c.reader().Look(v.ctx(), r, !first, shownLines)
	if err != nil {
		return err
	}
	view.First, view.Preview, view.Missing, view.File.Refused = first, p.Counts, p.Gone, len(r.Refused)
	view.Many = p.Gone*4 > p.Before // as when an export was narrowed by somebody
	for _, typ := range slices.Sorted(maps.Keys(p.Types)) {
		view.Types = append(view.Types, TypeRow{Name: typ, Words: v.eventWords(typ), Count: p.Types[typ]})
	}
	for _, o := range p.Lines {
		view.Changes = append(view.Changes, v.importLine(o))
	}
	return nil
}

func (p Page) eventWords(typ string) string { return p.Words.EventLine(p.Locale, typ, nil) }

// importLine says what one line does.
func (p Page) importLine(o intake.Outcome) ImportLine {
	line := ImportLine{Line: o.Entry.Line, Name: cmp.Or(o.Entry.Member.Name, o.Entry.Member.Number)}
	switch o.Customer {
	case intake.StandsNew:
		line.What = p.T("import.customer.new")
	case intake.StandsChanged:
		line.What = p.changedWords(o.Changed)
	case intake.StandsSame:
	}
	if o.Now != nil && o.Contract != intake.StandsSame {
		line.Contract = p.contractWords(o.Before, *o.Now)
	}
	var tells []string
	for _, typ := range o.Types {
		tells = append(tells, p.eventWords(typ))
	}
	line.Tells = joinDot(tells...)
	return line
}

func (p Page) changedWords(names []string) string {
	if len(names) == 0 {
		return p.T("import.customer.known")
	}
	return p.T("import.customer.changed", "what", listOf(p, names, func(n string) string { return p.T("csv.changed." + n) }))
}

// contractWords says how a contract comes from before to now.
func (p Page) contractWords(before *csv.Contract, now csv.Contract) string {
	state := p.T("csv.state." + string(now.State))
	switch {
	case before == nil:
		return joinDot(p.T("import.contract.new", "id", now.ID), now.Plan, state, now.Ends)
	case before.State != now.State:
		state = p.T("csv.state."+string(before.State)) + " → " + state
	}
	plan, ends := now.Plan, now.Ends
	if before.Plan != now.Plan {
		plan = orDash(before.Plan) + " → " + orDash(now.Plan)
	}
	if before.Ends != now.Ends {
		ends = orDash(before.Ends) + " → " + orDash(now.Ends)
	}
	return joinDot(p.T("import.contract", "id", now.ID), plan, state, ends)
}

// gone lists the contracts that are not in the file any more.
func (c *console) gone(v *visit, id string) (out []GoneContract, err error) {
	rows, err := c.Store.GoneRows(v.ctx(), v.ws(), id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		k, err := csv.RememberedContract(r.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, GoneContract{k.ID, k.Plan, v.T("csv.state." + string(k.State)), r.Customer})
	}
	return out, nil
}

// refusedCSV is every line that cannot be taken, with why, as a file.
func (c *console) refusedCSV(v *visit) error {
	r, err := c.reader().Open(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	out := v.csv("refused", append([]string{v.T("import.line"), v.T("import.why"), v.T("import.help")}, r.Table.Header...)...)
	for _, x := range r.Refused {
		line := v.refusedLine(x.Fault)
		writeCSV(out, append([]string{strconv.Itoa(line.Line), line.Why, line.Help}, x.Cells...)...)
	}
	out.Flush()
	return nil // what failed on the way shows as a file cut short
}

// applyImport has the file applied as it was looked at: by the mapping that the
// form was made with.
func (c *console) applyImport(v *visit) error {
	r, err := c.reader().Open(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if r.Fault != nil {
		http.Redirect(v.w, v.r, importPath(r.Import.ID, "/columns"), http.StatusSeeOther)
		return nil
	}
	if r.Import.State == engawa.ImportOpen && v.typed("version") != itoa64(r.Source.Version) {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "the columns were given another meaning meanwhile", Remedy: "look at the dry run again"}
	}
	first, err := c.Store.FirstImport(v.ctx(), v.ws(), r.Source.ID)
	if err != nil {
		return err
	}
	if err := c.reader().Start(v.ctx(), v.by, r, !first || v.r.PostFormValue("tell") == "true"); err != nil {
		return err
	}
	return v.see(importPath(r.Import.ID, ""), "import")
}

func (c *console) stopImport(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.by.StopImport(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see(importPath(id, ""), "stopped")
}

func (c *console) dropImport(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.by.DropImport(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see("/imports", "dropped")
}

// columns is the page on which columns get their meaning, on the file itself.
func (c *console) columns(v *visit) error {
	r, err := c.openColumns(v)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	if q.Get("encoding") != "" {
		m := r.Mapping
		m.Encoding, m.Separator = q.Get("encoding"), q.Get("separator")
		if r, err = c.reader().Again(v.ctx(), r, m); err != nil {
			return err
		}
	}
	return v.show(ColumnsPage(v.columnsView(r)))
}

// openColumns opens a file that is not applied yet.
func (c *console) openColumns(v *visit) (intake.Reading, error) {
	r, err := c.reader().Open(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err == nil && r.Import.State != engawa.ImportOpen {
		err = engawa.NotFound("file that waits")
	}
	return r, err
}

// columnsView shows the saved mapping where it knows the columns, and elsewhere
// what their headings say.
func (v *visit) columnsView(r intake.Reading) Columns {
	m := r.Mapping
	view := Columns{
		Page: v.titled("customers", v.T("columns.title")), ID: r.Import.ID, Source: r.Source.Name, Version: r.Source.Version, Encoding: r.Table.Encoding, Separator: r.Table.Separator,
		Guessed: m.Encoding == "", Readable: len(r.Table.Rows) > 0 && (r.Fault == nil || r.Fault.Code == "unmapped" || r.Fault.Code == "column_gone"), Lines: len(r.Table.Rows),
	}
	view.Path = importPath(view.ID, "/columns")
	if r.Fault != nil && r.Fault.Code != "unmapped" {
		view.Problem, view.Remedy = v.fault(*r.Fault)
	}
	if !view.Readable {
		return view
	}
	if len(m.Columns) == 0 {
		guessed := csv.Guess(r.Table)
		m.Columns, m.States, m.Country = guessed.Columns, guessed.States, v.workspace.Country
	}
	v.fillColumns(&view, r.Table, m)
	return view
}

// fillColumns fills the form with a mapping.
func (v *visit) fillColumns(view *Columns, t csv.Table, m csv.Mapping) {
	view.Verified, view.Gone, view.Country = m.Verified, m.Gone, m.Country
	view.Columns, view.States = nil, nil
	for i, heading := range t.Header {
		row := ColumnRow{Heading: heading, Field: m.Columns[heading]}
		for _, cell := range t.Column(i, shownCells) {
			row.First = append(row.First, clipped(cell))
		}
		view.Columns = append(view.Columns, row)
	}
	for _, word := range m.StateWords(t) {
		view.States = append(view.States, StateRow{word, cmp.Or(m.States[word], csv.GuessState(word))})
	}
}

func clipped(s string) string {
	if r := []rune(s); len(r) > shownCell {
		return string(r[:shownCell]) + "…"
	}
	return s
}

// saveColumns keeps what the form says of the columns, for this file and those
// to come. Words for states that the form did not ask about are asked first.
func (c *console) saveColumns(v *visit) error {
	r, err := c.openColumns(v)
	if err != nil {
		return err
	}
	m := v.typedMapping(r)
	if r, err = c.reader().Again(v.ctx(), r, m); err != nil {
		return err
	}
	if r.Fault != nil && r.Fault.Code != "unmapped" {
		return v.columnsAgain(r, m, "")
	}
	text, err := m.Text()
	if err == nil {
		_, err = csv.Parse(text)
	}
	switch told, ok := errors.AsType[*engawa.Error](err); {
	case ok:
		return v.columnsAgain(r, m, told.Field)
	case err != nil:
		return err
	case len(m.Columns) == 0:
		return v.columnsAgain(r, m, "/columns/number")
	case !v.asked(m.StateWords(r.Table)):
		return v.columnsAgain(r, m, "/states")
	}
	if err := c.keepMapping(v, r.Source, text); err != nil {
		return err
	}
	return v.see(importPath(r.Import.ID, ""), "saved")
}

func (c *console) keepMapping(v *visit, a engawa.Account, text string) error {
	var err error
	if a.Version, err = strconv.ParseInt(v.typed("version"), 10, 64); err != nil {
		return engawa.Invalid("/version", "open the form again", "the form has no version")
	}
	if a.Settings["mapping"] == text {
		return nil
	}
	if a.Settings == nil {
		a.Settings = map[string]string{}
	}
	a.Settings["mapping"] = text
	return v.by.ChangeAccount(v.ctx(), a)
}

// typedMapping is the mapping that the form says, with the words for states that
// this file has none of as they were.
func (v *visit) typedMapping(r intake.Reading) csv.Mapping {
	m := csv.Mapping{
		Columns: map[string]csv.Field{}, States: map[string]csv.State{}, Verified: v.typed("verified") == "true", Gone: v.typed("gone"), Country: strings.ToUpper(v.typed("country")),
	}
	if v.typed("guessed") != "true" {
		m.Encoding, m.Separator = v.r.PostFormValue("encoding"), v.r.PostFormValue("separator")
	}
	maps.Copy(m.States, r.Mapping.States)
	for i := range csv.MaxColumns {
		if f := v.typed(numbered("field", i)); f != "" {
			m.Columns[v.r.PostFormValue(numbered("heading", i))] = csv.Field(f)
		}
	}
	for i := range csv.MaxStates {
		word := v.r.PostFormValue(numbered("word", i))
		delete(m.States, word)
		if s := v.typed(numbered("state", i)); s != "" && word != "" {
			m.States[word] = csv.State(s)
		}
	}
	return m
}

// asked reports whether the form asked what each word means.
func (v *visit) asked(words []string) bool {
	for _, word := range words {
		if !v.has(word) {
			return false
		}
	}
	return true
}

func (v *visit) has(word string) bool {
	for i := range csv.MaxStates {
		if v.r.PostFormValue(numbered("word", i)) == word {
			return true
		}
	}
	return false
}

// columnsAgain shows the form again with what is wrong in it.
func (v *visit) columnsAgain(r intake.Reading, m csv.Mapping, place string) error {
	view := v.columnsView(r)
	view.Guessed = m.Encoding == ""
	if view.Readable {
		v.fillColumns(&view, r.Table, m)
	}
	if place != "" {
		view.Problem, view.Remedy = v.mappingProblem(place)
	}
	return v.showAs(http.StatusUnprocessableEntity, ColumnsPage(view))
}

// mappingProblem is what a check of the mapping says, in words.
func (p Page) mappingProblem(place string) (problem, remedy string) {
	switch place {
	case "/columns/number":
		return p.T("columns.wrong.number"), p.T("columns.wrong.number.remedy")
	case "/columns/contract":
		return p.T("columns.wrong.contract"), p.T("columns.wrong.contract.remedy")
	case "/states":
		return p.T("columns.wrong.states"), p.T("columns.wrong.states.remedy")
	case "/country":
		return p.T("columns.wrong.country"), p.T("columns.wrong.country.remedy")
	}
	field := strings.TrimPrefix(place, "/columns/")
	if slices.Contains(csv.Fields, csv.Field(field)) {
		return p.T("columns.wrong.twice", "field", p.T("csv.field."+field)), p.T("columns.wrong.twice.remedy")
	}
	return p.T("columns.wrong"), p.T("columns.wrong.remedy")
}
