package console

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/custody"
	"github.com/engawa/engawa/internal/store"
)

const (
	maxPictureForm = custody.MaxPicture + 256<<10 // with the form around it
	maxHolders     = 20                           // that one statement names
	emptyHolders   = 3                            // that a form offers besides
)

// Questions is how many a new vendor is asked.
const Questions = 16

func custodyPath(id string) string { return "/custody/" + id }

// custodyTone is the class of a risk's chip.
func custodyTone(r custody.Risk) string {
	switch r {
	case custody.All, custody.Vanished, custody.Part:
		return "no"
	case custody.Unstated, custody.Unclear:
		return "unk"
	case custody.Lent, custody.Alone:
		return "wait"
	case custody.Sound:
	}
	return "go"
}

// custodyKind names a kind of thing, also one that the hub cannot connect.
func (p Page) custodyKind(kind string) string {
	if key := "custody.kind." + kind; p.Words.Has(key) {
		return p.T(key)
	}
	return p.kindWords(kind)
}

// rightWords names a right at things of a kind.
func (p Page) rightWords(kind, right string) string {
	for _, of := range []string{kind, "other"} {
		if key := "custody.right." + of + "." + right; p.Words.Has(key) {
			return p.T(key)
		}
	}
	return right
}

// ofKind is the key of words that a kind may have of its own.
func (p Page) ofKind(area, kind, rest string) string {
	if key := area + "." + kind + "." + rest; p.Words.Has(key) {
		return key
	}
	return area + "." + rest
}

func (p Page) riskMeans(kind string, r custody.Risk) string {
	return p.T(p.ofKind("custody.risk", kind, string(r)+".means"))
}

// stepWords say what to do and why.
func (p Page) stepWords(c engawa.Custody, j custody.Judgement, s custody.Step) (title, why string) {
	key, main := s.Key, ""
	if s.Key == custody.StepFound {
		key += "." + s.Found.What
	}
	if rights := custody.KindOf(c.Kind).Rights; len(rights) > 0 {
		main = p.rightWords(c.Kind, rights[0].Name)
	}
	args := []any{"name", c.Name, "who", cmp.Or(s.Holder, strings.Join(j.Custodians, ", ")), "right", p.rightWords(c.Kind, s.Right), "main", main}
	return p.T(p.ofKind("custody.step", c.Kind, key), args...), p.T(p.ofKind("custody.step", c.Kind, key+".why"), args...)
}

// foundWords are the particulars of what a check found.
func (p Page) foundWords(f engawa.CustodyFound) []string {
	none := func(s string) string { return cmp.Or(s, p.T("custody.found.none")) }
	switch f.What {
	case custody.CredentialsFailing:
		return nil
	case custody.QuotaUsedByOthers:
		return []string{p.T("custody.found.counted", "was", f.Was, "is", f.Is)}
	}
	return []string{p.T("custody.found.was", "was", none(f.Was)), p.T("custody.found.is", "is", none(f.Is))}
}

// custodies is the ledger, the worst first.
func (c *console) custodies(v *visit) error {
	view, err := c.custodyList(v)
	if err != nil {
		return err
	}
	return v.show(CustodiesPage(view))
}

func (c *console) custodyList(v *visit) (CustodyList, error) {
	view := CustodyList{Page: v.titled("accounts", v.T("custody.title")), Kinds: c.custodyKinds(v)}
	view.Path = "/custody"
	all, err := c.Store.Custodies(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	owners, err := c.owners(v)
	if err != nil {
		return view, err
	}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, e := range all {
		row := v.custodyRow(e, owners)
		if i := slices.IndexFunc(accounts, func(a engawa.Account) bool { return a.ID == e.Account }); i >= 0 && row.Owner == "" {
			row.Owner, row.Custodian = whose(owners, accounts[i].Owner), accounts[i].Custodian
		}
		view.Rows = append(view.Rows, row)
	}
	slices.SortStableFunc(view.Rows, func(a, b CustodyRow) int {
		return slices.Index(custody.Risks, a.Risk) - slices.Index(custody.Risks, b.Risk)
	})
	return view, nil
}

func (p Page) custodyRow(e engawa.Custody, owners []Choice) CustodyRow {
	j := custody.Judge(e, p.Now)
	row := CustodyRow{
		ID: e.ID, Name: e.Name, Kind: p.custodyKind(e.Kind), Connected: e.Account != "", Risk: j.Risk, Checked: e.LookedAt, Custodian: strings.Join(j.Custodians, ", "),
	}
	if l, ok := e.Stated(); ok {
		row.Owner = whose(owners, l.Stated.Owner)
		if l.At.After(row.Checked) {
			row.Checked = l.At
		}
	}
	if s := j.First(); s != nil {
		row.First, _ = p.stepWords(e, j, *s)
		row.Urgent = s.Urgent
	}
	return row
}

// owners are those whose a thing may be.
func (c *console) owners(v *visit) ([]Choice, error) {
	out := []Choice{{engawa.OwnerWorkspace, v.T("account.owner.workspace")}, {engawa.OwnerOther, v.T("account.owner.other")}}
	partners, err := c.Store.Partners(v.ctx(), v.ws())
	for _, p := range partners {
		out = append(out, Choice{p.ID, p.Name})
	}
	return out, err
}

// custodyKinds are what can be written down: what the ledger knows the rights of,
// and anything else.
func (c *console) custodyKinds(v *visit) []Choice {
	var out []Choice
	for _, k := range append(custody.Kinds(), "other") {
		out = append(out, Choice{k, v.custodyKind(k)})
	}
	return out
}

// addCustody writes down a thing that is not connected here.
func (c *console) addCustody(v *visit) error {
	e := engawa.Custody{Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixCustody), Kind: v.typed("kind"), Name: v.typed("name"), CreatedAt: v.Now}
	known := slices.ContainsFunc(c.custodyKinds(v), func(k Choice) bool { return k.Value == e.Kind })
	if !known || e.Name == "" || len([]rune(e.Name)) > 80 {
		view, err := c.custodyList(v)
		if err != nil {
			return err
		}
		view.Kind, view.Name, view.Problem, view.Remedy = e.Kind, e.Name, v.T("form.check"), v.T("custody.new.name")
		return v.showAs(http.StatusUnprocessableEntity, CustodiesPage(view))
	}
	if err := v.by.AddCustody(v.ctx(), e); err != nil {
		return err
	}
	return v.see(custodyPath(e.ID), "custody_added")
}

// custody shows one entry: who holds what, how it is known, and what to do.
func (c *console) custody(v *visit) error {
	view, err := c.custodyEntry(v)
	if err != nil {
		return err
	}
	return v.show(CustodyPage(view))
}

func (c *console) custodyEntry(v *visit) (CustodyEntry, error) {
	e, err := c.Store.Custody(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return CustodyEntry{}, err
	}
	people, err := c.people(v)
	if err != nil {
		return CustodyEntry{}, err
	}
	owners, err := c.owners(v)
	if err != nil {
		return CustodyEntry{}, err
	}
	view := v.custodyView(e, people.name, owners)
	view.Path = custodyPath(e.ID)
	for _, a := range people.accounts {
		if _, said := e.Stated(); a.ID == e.Account && !said {
			view.Owner, view.Wrote = whose(owners, a.Owner), a.Custodian
		}
	}
	view.Bind, err = c.bindable(v, e, people.accounts)
	return view, err
}

// bindable are the accounts for which an entry may stand: of its kind, of whose own
// entry nothing was said.
func (c *console) bindable(v *visit, e engawa.Custody, accounts []engawa.Account) (out []Choice, err error) {
	if e.Account != "" {
		return nil, nil
	}
	all, err := c.Store.Custodies(v.ctx(), v.ws())
	for _, a := range accounts {
		free := slices.ContainsFunc(all, func(o engawa.Custody) bool { return o.Account == a.ID && len(o.Lines) == 0 })
		if a.Kind == e.Kind && free {
			out = append(out, Choice{a.ID, a.Name})
		}
	}
	return out, err
}

// custodyView is an entry's page; name says who an actor is.
func (p Page) custodyView(e engawa.Custody, name func(string) string, owners []Choice) CustodyEntry {
	j := custody.Judge(e, p.Now)
	p.At, p.Title = "accounts", e.Name
	view := CustodyEntry{
		Page: p, ID: e.ID, Kind: p.custodyKind(e.Kind), Name: e.Name, Account: e.Account, Risk: j.Risk, Means: p.riskMeans(e.Kind, j.Risk), LookedAt: e.LookedAt, Silent: e.Silent,
	}
	for _, h := range j.Holders {
		row := CustodyHolderRow{Name: h.Name, Side: h.Side}
		for _, r := range h.Rights {
			row.Rights = append(row.Rights, p.rightWords(e.Kind, r))
		}
		view.Holders = append(view.Holders, row)
	}
	titles := map[string]string{} // of findings, by their lines
	for _, s := range j.Steps {
		row := CustodyStepRow{CustodyStep: s.CustodyStep, Urgent: s.Urgent, Say: s.Key == custody.StepState || s.Key == custody.StepFind || s.Key == custody.StepStateAgain}
		row.Title, row.Why = p.stepWords(e, j, s)
		if s.Key == custody.StepFound {
			row.Detail = p.foundWords(s.Found)
			titles[s.CustodyStep.Found] = row.Title
		}
		if s.Done != nil {
			row.Done = s.Done.At
		}
		view.Steps = append(view.Steps, row)
	}
	for _, l := range e.Lines {
		row := p.custodyLine(e, j, l, name, titles)
		if l.Stated != nil {
			said := row
			view.Said, view.Owner = &said, whose(owners, l.Stated.Owner)
		}
		view.Lines = append([]CustodyLineRow{row}, view.Lines...)
	}
	view.Facts = p.factRows(e.Facts)
	return view
}

// custodyLine says one line in words.
func (p Page) custodyLine(e engawa.Custody, j custody.Judgement, l engawa.CustodyLine, name func(string) string, titles map[string]string) CustodyLineRow {
	row := CustodyLineRow{At: l.At}
	if l.Picture != "" {
		row.Picture = custodyPath(e.ID) + "/pictures/" + l.ID
	}
	switch {
	case l.Stated != nil:
		row.Text = p.T("custody.line.stated", "who", name(l.By))
		row.Sub = append(row.Sub, p.T("custody.known."+l.Stated.Known))
		if on, err := time.ParseInLocation(time.DateOnly, l.Stated.On, p.Zone); err == nil {
			row.Sub = append(row.Sub, p.T("custody.as_of", "date", p.Date(on)))
		}
		row.Sub = append(row.Sub, noted(l.Stated.Note)...)
	case l.Done != nil:
		title := titles[l.Done.Step.Found]
		if title == "" {
			title, _ = p.stepWords(e, j, custody.Step{CustodyStep: l.Done.Step})
		}
		row.Text = p.T("custody.line.done", "who", name(l.By), "step", title)
		if l.By == "" {
			row.Text = p.T("custody.line.settled")
		}
		row.Sub = noted(l.Done.Note)
	case l.Found != nil:
		row.Text, row.Sub = p.T("custody.line.found", "what", p.Words.EventLine(p.Locale, store.Custodial+l.Found.What, nil)), p.foundWords(*l.Found)
	}
	return row
}

func noted(note string) []string {
	if note == "" {
		return nil
	}
	return []string{note}
}

// factRows are what a provider says, in the order of their names.
func (p Page) factRows(facts map[string]string) (rows []Choice) {
	for name, value := range facts {
		label := name
		if key := "custody.fact." + name; p.Words.Has(key) {
			label = p.T(key)
		}
		rows = append(rows, Choice{cmp.Or(value, p.T("custody.found.none")), label})
	}
	slices.SortFunc(rows, func(a, b Choice) int { return strings.Compare(a.Label, b.Label) })
	return rows
}

// stateCustody is the form in which somebody says who holds what.
func (c *console) stateCustody(v *visit) error {
	e, err := c.Store.Custody(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	s := engawa.CustodyStatement{Owner: engawa.OwnerWorkspace, Known: engawa.KnownSeen, On: v.Now.In(v.Zone).Format(time.DateOnly)}
	seen := ""
	if l, ok := e.Stated(); ok {
		s.Owner, s.Holders, seen = l.Stated.Owner, custody.Judge(e, v.Now).Holders, l.ID
	}
	view, err := c.custodyForm(v, e, s)
	if err != nil {
		return err
	}
	view.Seen = seen
	return v.show(CustodyFormPage(view))
}

func (c *console) custodyForm(v *visit, e engawa.Custody, s engawa.CustodyStatement) (CustodyForm, error) {
	owners, err := c.owners(v)
	view := v.custodyStatement(e, s, owners)
	view.Path = custodyPath(e.ID) + "/state"
	return view, err
}

// custodyStatement is the form with a statement in it, and places for more holders.
func (p Page) custodyStatement(e engawa.Custody, s engawa.CustodyStatement, owners []Choice) CustodyForm {
	p.At, p.Title = "accounts", p.T("custody.form", "name", e.Name)
	view := CustodyForm{Page: p, ID: e.ID, Name: e.Name, Owner: s.Owner, Owners: owners, Known: s.Known, On: s.On, Note: s.Note}
	for i := range min(maxHolders, len(s.Holders)+emptyHolders) {
		in := CustodyHolderInput{Side: engawa.SideOwn}
		var h engawa.CustodyHolder
		if i < len(s.Holders) {
			h = s.Holders[i]
			in.Name, in.Side = h.Name, h.Side
		}
		for _, r := range custody.KindOf(e.Kind).Rights {
			in.Rights = append(in.Rights, CustodyRightInput{r.Name, p.rightWords(e.Kind, r.Name), slices.Contains(h.Rights, r.Name)})
		}
		view.Holders = append(view.Holders, in)
	}
	return view
}

func (v CustodyForm) sides() []Choice {
	return []Choice{
		{engawa.SideOwn, v.T("custody.side.own")}, {engawa.SideOutside, v.T("custody.side.outside")}, {engawa.SideGone, v.T("custody.side.gone")},
	}
}

func (v CustodyForm) ways() []Choice {
	return []Choice{{engawa.KnownSeen, v.T("custody.known.seen")}, {engawa.KnownTold, v.T("custody.known.told")}}
}

// saveCustody keeps what somebody says of who holds what.
func (c *console) saveCustody(v *visit) error {
	e, err := c.Store.Custody(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	picture, wrong := picked(v.r)
	s := v.typedStatement(custody.KindOf(e.Kind))
	problem, remedy := v.wrongStatement(s, wrong)
	if problem != "" {
		view, err := c.custodyForm(v, e, s)
		if err != nil {
			return err
		}
		view.Seen, view.Problem, view.Remedy = v.typed("seen"), problem, remedy
		return v.showAs(http.StatusUnprocessableEntity, CustodyFormPage(view))
	}
	line := engawa.CustodyLine{At: v.Now, Stated: &s}
	after := e
	after.Lines = append(slices.Clone(e.Lines), line)
	if _, err := v.by.WriteCustody(v.ctx(), store.CustodyEntry{
		Workspace: v.ws(), Custody: e.ID, Line: line, Picture: picture, Seen: v.typed("seen"), Custodian: strings.Join(custody.Judge(after, v.Now).Custodians, ", "),
	}); err != nil {
		return err
	}
	return v.see(custodyPath(e.ID), "custody_stated")
}

// typedStatement is what was typed; a holder without a name or a right is none.
func (v *visit) typedStatement(k custody.Kind) engawa.CustodyStatement {
	s := engawa.CustodyStatement{Owner: v.typed("owner"), Known: engawa.KnownTold, On: v.typed("on"), Note: atMost(v.typed("note"), 1000)}
	if v.typed("known") == engawa.KnownSeen {
		s.Known = engawa.KnownSeen
	}
	if _, err := time.Parse(time.DateOnly, s.On); err != nil {
		s.On = ""
	}
	for i := range maxHolders {
		at := func(name string) string { return v.typed(holderField(i, name)) }
		h := engawa.CustodyHolder{Name: atMost(at("name"), 80), Side: at("side")}
		for _, r := range k.Rights {
			if at(r.Name) == "true" {
				h.Rights = append(h.Rights, r.Name)
			}
		}
		if !slices.Contains([]string{engawa.SideOwn, engawa.SideGone}, h.Side) {
			h.Side = engawa.SideOutside
		}
		if h.Name != "" && len(h.Rights) > 0 {
			s.Holders = append(s.Holders, h)
		}
	}
	return s
}

// wrongStatement says why a statement cannot be kept.
func (v *visit) wrongStatement(s engawa.CustodyStatement, picture error) (problem, remedy string) {
	if picture != nil {
		return v.T("custody.picture.wrong"), v.T("custody.picture.help")
	}
	if len(s.Holders) == 0 {
		return v.T("form.check"), v.T("custody.form.none")
	}
	named := map[string]bool{}
	for _, h := range s.Holders {
		if named[h.Name] {
			return v.T("form.check"), v.T("custody.form.twice", "name", h.Name)
		}
		named[h.Name] = true
	}
	return "", ""
}

// atMost is a text of so many letters at most.
func atMost(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// picked is the picture that came with a form; nil: none did.
func picked(r *http.Request) (*store.Picture, error) {
	f, _, err := r.FormFile("picture")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil //nolint:nilnil // there is none, which is right
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, custody.MaxPicture+1))
	if err != nil || len(file) == 0 {
		return nil, err
	}
	p, err := custody.Picture(file)
	return &p, err
}

// doCustody marks a step as done.
func (c *console) doCustody(v *visit) error {
	picture, wrong := picked(v.r)
	step := engawa.CustodyStep{Key: v.typed("key"), Holder: v.typed("holder"), Right: v.typed("right"), Found: v.typed("found")}
	view, err := c.custodyEntry(v)
	if err != nil {
		return err
	}
	if wrong != nil {
		view.Problem, view.Remedy = v.T("custody.picture.wrong"), v.T("custody.picture.help")
		return v.showAs(http.StatusUnprocessableEntity, CustodyPage(view))
	}
	open := func(s CustodyStepRow) bool { return s.CustodyStep == step && !s.Say && s.Done.IsZero() }
	if !slices.ContainsFunc(view.Steps, open) {
		return v.see(custodyPath(view.ID), "") // somebody else was first, or said otherwise
	}
	if _, err := v.by.WriteCustody(v.ctx(), store.CustodyEntry{
		Workspace: v.ws(), Custody: view.ID, Picture: picture, Line: engawa.CustodyLine{Done: &engawa.CustodyDone{Step: step, Note: atMost(v.typed("note"), 1000)}},
	}); err != nil {
		return err
	}
	return v.see(custodyPath(view.ID), "custody_done")
}

// custodyPicture shows a picture by itself: nothing in it can run, whatever it is.
func (c *console) custodyPicture(v *visit) error {
	e, err := c.Store.Custody(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	line := v.r.PathValue("line")
	if !slices.ContainsFunc(e.Lines, func(l engawa.CustodyLine) bool { return l.ID == line && l.Picture != "" }) {
		return engawa.NotFound("picture")
	}
	p, err := c.Store.CustodyPicture(v.ctx(), v.ws(), line)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", p.Type)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = v.w.Write(p.Data) // fails where nobody reads
	return nil
}

func (c *console) bindCustody(v *visit) error {
	if err := v.by.BindCustody(v.ctx(), v.ws(), v.r.PathValue("id"), v.typed("account")); err != nil {
		return err
	}
	return v.see(custodyPath(v.r.PathValue("id")), "custody_bound")
}

func (c *console) endCustody(v *visit) error {
	if err := v.by.EndCustody(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/custody", "custody_ended")
}

func (c *console) askCustody(v *visit) error {
	if err := v.by.AskCustody(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see(custodyPath(v.r.PathValue("id"))+"#facts", "custody_asked")
}

// custodyQuestions are for a new vendor, in the language in which they are asked.
func (c *console) custodyQuestions(v *visit) error {
	l := engawa.Locale(v.r.URL.Query().Get("in"))
	if !known(string(l)) {
		l = v.Locale
	}
	p := v.titled("accounts", v.T("custody.q.title"))
	p.Path = "/custody/questions?in=" + string(l)
	return v.show(QuestionsPage(p.questionsIn(l)))
}

func (p Page) questionsIn(l engawa.Locale) CustodyQuestions {
	view := CustodyQuestions{Page: p, Sheet: p.Words.For(l, p.Zone)}
	for i := range Questions {
		key := "custody.q." + strconv.Itoa(i+1)
		view.Questions = append(view.Questions, CustodyQuestion{view.Sheet.T(key), view.Sheet.T(key + ".good")})
	}
	return view
}

func holderField(i int, name string) string { return "h" + strconv.Itoa(i) + "." + name }

// kindOnly is the kind of thing, where its name does not say it already.
func (v CustodyEntry) kindOnly() string {
	if v.Kind == v.Name {
		return ""
	}
	return v.Kind
}
