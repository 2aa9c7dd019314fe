package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
)

// Imports reads the files that members upload: what would change, and, a part at
// a time, has it applied. Its fields are set once.
type Imports struct {
	Store *store.Store
	Kinds []channel.Kind
}

// Reading is an uploaded file as its source's mapping reads it.
type Reading struct {
	Import  engawa.Import
	Source  engawa.Account
	Locale  engawa.Locale // of customers of whom the file says none
	Mapping csv.Mapping
	Table   csv.Table
	Entries []csv.Entry
	Refused []csv.Refusal
	Fault   *csv.Fault // why nothing can be taken; nil: lines can
}

// Open reads an import's file.
func (im *Imports) Open(ctx context.Context, workspace, id string) (Reading, error) {
	r, err := im.Of(ctx, workspace, id)
	if err != nil {
		return r, err
	}
	return im.Again(ctx, r, r.Mapping)
}

// Of is an import, its source and mapping, with nothing of the file read. The
// mapping is the import's own once it is applied, and before that the source's.
func (im *Imports) Of(ctx context.Context, workspace, id string) (r Reading, err error) {
	if r.Import, err = im.Store.Import(ctx, workspace, id); err != nil {
		return r, err
	}
	if r.Source, err = im.Store.Account(ctx, workspace, r.Import.Account); err != nil {
		return r, err
	}
	w, err := im.Store.Workspace(ctx, workspace)
	if err != nil {
		return r, err
	}
	r.Locale = w.Locale
	said := r.Import.Mapping
	if said == "" {
		said = r.Source.Settings["mapping"]
	}
	r.Mapping, err = csv.Parse(said)
	return r, err
}

func (r *Reading) read(file []byte, mail func(string) (engawa.Address, error)) {
	if r.Table, r.Fault = csv.Read(file, r.Mapping.Encoding, r.Mapping.Separator); r.Fault == nil {
		r.Fault = r.Mapping.Fits(r.Table)
	}
	if r.Fault == nil {
		r.Entries, r.Refused = r.Mapping.Entries(r.Table, mail)
	}
}

// Again reads the file by a mapping, which may be that of a form that is not
// saved yet.
func (im *Imports) Again(ctx context.Context, r Reading, m csv.Mapping) (Reading, error) {
	file, err := im.Store.ImportFile(ctx, r.Import.Workspace, r.Import.ID)
	if err != nil {
		return r, err
	}
	out := Reading{Import: r.Import, Source: r.Source, Locale: r.Locale, Mapping: m}
	out.read(file, mailOf(im.Kinds))
	return out, nil
}

// lines is how much there is to go through: entries, and contracts of lines that
// are refused, which are there all the same.
func (r Reading) lines() int { return len(r.Entries) + len(r.present()) }

func (r Reading) present() (keys []store.ToldKey) {
	taken := map[string]bool{}
	for _, e := range r.Entries {
		if e.Contract != nil {
			taken[e.Contract.ID] = true
		}
	}
	for _, x := range r.Refused {
		if x.Contract != "" && !taken[x.Contract] {
			taken[x.Contract] = true
			keys = append(keys, store.ToldKey{Kind: store.ToldContract, Value: x.Contract})
		}
	}
	return keys
}

func (r Reading) from() store.ToldFrom {
	return store.ToldFrom{Workspace: r.Import.Workspace, Account: r.Source.ID, Issuer: issuer(r.Source)}
}

func issuer(a engawa.Account) string {
	if s := a.Settings["issuer"]; s != "" {
		return s
	}
	return "business"
}

// The parts of a file: what one transaction applies, and what a look reads at once.
const (
	applied  = 100
	lookedAt = 500
)

// Preview is what a file would change.
type Preview struct {
	Counts engawa.ImportCounts
	Types  map[string]int // events that would be made
	Lines  []Outcome      // the first lines that would change something
	Gone   int            // contracts that the source told of before, and this file does not
	Before int            // that it told of before
}

// Look says what a file would change, and shows at most n lines. tell says
// whether events would be made. Nothing is changed.
func (im *Imports) Look(ctx context.Context, r Reading, tell bool, n int) (p Preview, err error) {
	p.Types = map[string]int{}
	if p.Before, err = im.Store.RunningContracts(ctx, r.Import.Workspace, r.Source.ID); err != nil {
		return p, err
	}
	p.Gone = p.Before
	d := r.decision("", tell, time.Now().UTC())
	for part := range slices.Chunk(r.Entries, lookedAt) {
		told, err := im.Store.Told(ctx, r.from(), keys(part))
		if err != nil {
			return p, err
		}
		if err := d.take(part, told); err != nil {
			return p, err
		}
		p.Gone -= running(told)
		for _, e := range d.work.Events {
			p.Types[e.Type]++
		}
		p.Counts = p.Counts.Add(d.work.Counts)
		p.Lines = append(p.Lines, d.outcomes[:min(len(d.outcomes), n-len(p.Lines))]...)
		d.work, d.outcomes = store.ImportWork{}, nil
	}
	for part := range slices.Chunk(r.present(), lookedAt) {
		told, err := im.Store.Told(ctx, r.from(), part)
		if err != nil {
			return p, err
		}
		p.Gone -= running(told)
	}
	return p, nil
}

// running counts the contracts that are there and would be missed otherwise.
func running(told map[store.ToldKey]store.Told) (n int) {
	for k, t := range told {
		if k.Kind == store.ToldContract && t.Runs {
			n++
		}
	}
	return n
}

// Start has an import applied, as by: what it is read by is kept with it.
func (im *Imports) Start(ctx context.Context, by *store.Store, r Reading, tell bool) error {
	i := r.Import
	text, err := r.Mapping.Text()
	if err != nil {
		return err
	}
	i.Mapping, i.Tell, i.Rows, i.Refused = text, tell, r.lines(), len(r.Refused)
	return by.StartImport(ctx, i)
}

// Step applies every import that is due. A node that dies on the way leaves it
// where it stood: another goes on a minute later.
func (im *Imports) Step(ctx context.Context) error {
	due, err := im.Store.DueImports(ctx)
	for _, i := range due {
		if stepped := im.apply(ctx, i); stepped != nil && !store.Moved(stepped) {
			err = errors.Join(err, stepped)
		}
	}
	return err
}

func (im *Imports) apply(ctx context.Context, i engawa.Import) error {
	r, err := im.Open(ctx, i.Workspace, i.ID)
	if err != nil {
		return err
	}
	if r.Fault != nil {
		return fmt.Errorf("apply %s: %v", i.ID, r.Fault) // it was read when it was started
	}
	for i.Done < i.Rows {
		if i, err = im.part(ctx, r, i); err != nil {
			return err
		}
	}
	var ask *engawa.Task
	if r.Mapping.Gone == csv.GoneTask {
		ask = &engawa.Task{
			Workspace: i.Workspace, Kind: "import.gone", Ref: r.Source.ID, Args: map[string]string{"account": r.Source.Name, "import": i.ID}, DueAt: time.Now().Add(goneDue),
		}
	}
	return im.Store.FinishImport(ctx, i, ask)
}

// goneDue is how long a person has to look at contracts that are gone.
const goneDue = 7 * 24 * time.Hour

// tries is how often a part is tried whose customers somebody merged or erased
// in the same moment.
const tries = 3

// part applies the next lines in one transaction.
func (im *Imports) part(ctx context.Context, r Reading, i engawa.Import) (engawa.Import, error) {
	step := store.ImportStep{Import: i, Issuer: issuer(r.Source)}
	if i.Done < len(r.Entries) {
		part := r.Entries[i.Done:min(i.Done+applied, len(r.Entries))]
		step.To, step.Keys = i.Done+len(part), keys(part)
		step.Decide = func(told map[store.ToldKey]store.Told) (store.ImportWork, error) {
			d := r.decision(i.ID, i.Tell, time.Now().UTC())
			err := d.take(part, told)
			return d.work, err
		}
	} else {
		present := r.present()[i.Done-len(r.Entries):]
		step.Keys = present[:min(applied, len(present))]
		step.To = i.Done + len(step.Keys)
		step.Decide = func(map[store.ToldKey]store.Told) (store.ImportWork, error) { return store.ImportWork{}, nil }
	}
	for n := 1; ; n++ {
		next, err := im.Store.StepImport(ctx, step)
		told, ok := errors.AsType[*engawa.Error](err)
		if n == tries || !ok || told.Code != engawa.CodeConflict {
			return next, err
		}
	}
}

func keys(es []csv.Entry) (out []store.ToldKey) {
	for _, e := range es {
		out = append(out, memberKey(e))
		if e.Contract != nil {
			out = append(out, contractKey(e))
		}
	}
	return out
}

func memberKey(e csv.Entry) store.ToldKey {
	return store.ToldKey{Kind: store.ToldMember, Value: e.Member.Number}
}

func contractKey(e csv.Entry) store.ToldKey {
	return store.ToldKey{Kind: store.ToldContract, Value: e.Contract.ID}
}
