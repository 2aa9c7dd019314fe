package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// The kinds of what a source tells of.
const (
	ToldMember   = "member"
	ToldContract = "contract"
)

// ToldKey names a member or contract by its number in the source's system.
type ToldKey struct{ Kind, Value string }

// Format names the kind alone, whatever the verb: a number is a person's.
func (k ToldKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "a "+k.Kind) }

// Told is what is known under a number.
type Told struct {
	Customer string // whose it is; empty: nobody's yet
	Body     []byte // what the source told of it last; nil: nothing
	Runs     bool   // it is a contract that would be missed
}

// Format says whether there is something, whatever the verb.
func (t Told) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "told of %s: %t", t.Customer, t.Body != nil)
}

// ToldFrom is a source with the issuer of its member numbers.
type ToldFrom struct{ Workspace, Account, Issuer string }

// Told returns what a source told last of members and contracts, and whose they
// are. A member whom the source has not told of may be known by the number.
func (s *Store) Told(ctx context.Context, from ToldFrom, keys []ToldKey) (told map[ToldKey]Told, err error) {
	err = s.view(ctx, from.Workspace, func(t *tx) error {
		rows, err := t.toldOf(from, keys)
		told = answers(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look what was told: %w", err)
	}
	return told, nil
}

func answers(rows map[ToldKey]toldRow) map[ToldKey]Told {
	out := map[ToldKey]Told{}
	for k, r := range rows {
		out[k] = Told{r.customer, r.body, r.runs}
	}
	return out
}

// missed are the rows of contracts that would be missed if a file had them not.
const missed = `kind = 'contract' AND running = TRUE AND gone = ''`

// RunningContracts counts the contracts that would be missed if a source's file
// had them not.
func (s *Store) RunningContracts(ctx context.Context, workspace, account string) (n int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		count, err := one(t, scanInt, `SELECT count(*) FROM import_row WHERE workspace = $1 AND account = $2 AND `+missed, workspace, account)
		n = int(count)
		return err
	})
	return n, err
}

const toldColumns = `workspace, id, kind, value_hash, customer, running = TRUE AND gone = '', sealed_by, sealed`

type toldRow struct {
	workspace, id, kind, hash, customer, by string
	runs                                    bool
	sealed, body                            []byte
}

func scanToldRow(scan func(...any) error) (r *toldRow, err error) {
	r = &toldRow{}
	return r, scan(&r.workspace, &r.id, &r.kind, &r.hash, &r.customer, &r.runs, &r.by, &r.sealed)
}

func (t *tx) toldHash(from ToldFrom, k ToldKey) (hash, key string) {
	return t.s.vault.Index(from.Workspace, "import:"+from.Account+"/"+k.Kind, k.Value)
}

// toldOf finds rows by their keys, opened, and members by their numbers.
func (t *tx) toldOf(from ToldFrom, keys []ToldKey) (map[ToldKey]toldRow, error) {
	named := map[[2]string]ToldKey{}
	var hashes []string
	for _, k := range keys {
		hash, _ := t.toldHash(from, k)
		named[[2]string{k.Kind, hash}] = k
		hashes = append(hashes, hash)
	}
	rows, err := all(t, scanToldRow, `SELECT `+toldColumns+` FROM import_row WHERE workspace = $1 AND account = $2 AND kind IN ('member', 'contract') AND value_hash {in $3}`,
		from.Workspace, from.Account, t.list(hashes))
	if err != nil {
		return nil, err
	}
	if err := t.openTold(from.Workspace, rows); err != nil {
		return nil, err
	}
	out := map[ToldKey]toldRow{}
	for _, r := range rows {
		out[named[[2]string{r.kind, r.hash}]] = *r
	}
	return out, t.membersOf(from, keys, out)
}

// membersOf says of members whose they are by their numbers: an identity that
// was moved to another customer counts, not whose the row was.
func (t *tx) membersOf(from ToldFrom, keys []ToldKey, out map[ToldKey]toldRow) error {
	named := map[string]ToldKey{}
	var hashes []string
	for _, k := range keys {
		if k.Kind != ToldMember {
			continue
		}
		hash, _ := t.identityHash(from.Workspace, memberNumber(from, k))
		named[hash] = k
		hashes = append(hashes, hash)
	}
	_, err := all(t, func(scan func(...any) error) (struct{}, error) {
		var hash, customer string
		err := scan(&hash, &customer)
		r := out[named[hash]]
		if r.customer != customer { // what was told of another is not told of this one
			r.body = nil
		}
		r.customer = customer
		out[named[hash]] = r
		return struct{}{}, err
	}, `SELECT value_hash, customer FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = 'member_number' AND value_hash {in $3}`,
		from.Workspace, from.Issuer, t.list(hashes))
	return err
}

func memberNumber(from ToldFrom, k ToldKey) engawa.Identity {
	return engawa.Identity{Issuer: from.Issuer, Kind: "member_number", Value: k.Value}
}

func (t *tx) openTold(workspace string, rows []*toldRow) error {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return err
	}
	return parallel(len(rows), func(i int) (err error) {
		rows[i].body, err = ring.open(workspace, rows[i].by, "import_row", rows[i].id, rows[i].sealed)
		return err
	})
}

// ImportStep is one part of an import: so many of its lines, applied in one
// transaction or not at all.
type ImportStep struct {
	Import engawa.Import // as the step before left it
	Issuer string        // of its member numbers
	To     int           // lines that are applied then
	Keys   []ToldKey     // what the lines tell of
	// Decide says what is done, by what was told before. It is pure.
	Decide func(map[ToldKey]Told) (ImportWork, error)
}

// ImportWork is what is done in a step.
type ImportWork struct {
	New      []NewCustomer
	Changes  []CustomerChange
	Remember []Remembered
	Events   []engawa.Event
	Counts   engawa.ImportCounts
}

// CustomerChange is what a source tells anew of a customer.
type CustomerChange struct {
	Customer string
	Set      func(*engawa.Customer)
	Add, End []engawa.ContactPoint // to be there, and not any more: by kind and address
}

// Remembered is what is to be known the next time.
type Remembered struct {
	Key      ToldKey
	Customer string
	Running  bool // a contract that is missed when it is gone
	Body     []byte
}

// Format names whose it is, whatever the verb.
func (r Remembered) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "remembered of %s: %v", r.Customer, r.Key)
}

// StepImport applies a part of an import. An import that was stopped, or that
// another node has taken over, is Moved.
func (s *Store) StepImport(ctx context.Context, p ImportStep) (engawa.Import, error) {
	i := p.Import
	err := s.sealTx(ctx, []string{i.Workspace}, func(t *tx) error {
		n, err := t.exec(`UPDATE import SET done = $4, next_at = $5 WHERE workspace = $1 AND id = $2 AND state = 'applying' AND done = $3`,
			i.Workspace, i.ID, i.Done, p.To, us(time.Now().Add(importLease)))
		if err == nil && n == 0 {
			err = errMoved
		}
		if err != nil {
			return err
		}
		from := ToldFrom{i.Workspace, i.Account, p.Issuer}
		rows, err := t.toldOf(from, p.Keys)
		if err != nil {
			return err
		}
		work, err := p.Decide(answers(rows))
		if err != nil {
			return err
		}
		if err := t.apply(from, i, rows, &work); err != nil {
			return err
		}
		i.Counts = i.Counts.Add(work.Counts)
		counts, err := json.Marshal(i.Counts)
		if err != nil {
			return err
		}
		return t.must("count", `UPDATE import SET counts = $3 WHERE workspace = $1 AND id = $2`, i.Workspace, i.ID, string(counts))
	})
	if err != nil {
		return p.Import, fmt.Errorf("apply a part of %s: %w", i.ID, err)
	}
	i.Done = p.To
	s.wakeUp("", "")
	return i, nil
}

// apply does the work of a step. It takes the rows of customers who were there
// before in one order, as a claim does.
func (t *tx) apply(from ToldFrom, i engawa.Import, rows map[ToldKey]toldRow, w *ImportWork) error {
	slices.SortStableFunc(w.Changes, func(a, b CustomerChange) int { return strings.Compare(a.Customer, b.Customer) })
	for _, c := range w.Changes {
		if err := t.changeTold(from.Workspace, c, &w.Counts); err != nil {
			return err
		}
	}
	for _, n := range w.New {
		if err := t.addCustomer(n); err != nil {
			return err
		}
	}
	if err := t.remember(from, i.ID, rows, w.Remember); err != nil {
		return err
	}
	if err := t.seen(from.Workspace, i.ID, rows); err != nil {
		return err
	}
	return t.journalTold(w.Events)
}

func (t *tx) changeTold(workspace string, c CustomerChange, counts *engawa.ImportCounts) error {
	row, err := t.own(workspace, c.Customer)
	if err != nil {
		return err
	}
	if c.Set != nil {
		opened, err := t.openCustomers(workspace, []customerRow{row})
		if err != nil {
			return err
		}
		c.Set(&opened[0])
		if err := t.saveCustomer(opened[0]); err != nil {
			return err
		}
	}
	return t.changePoints(workspace, c, counts)
}

func (t *tx) changePoints(workspace string, c CustomerChange, counts *engawa.ImportCounts) error {
	if len(c.Add)+len(c.End) == 0 {
		return nil
	}
	ring, err := t.keys(workspace, []string{c.Customer})
	if err != nil {
		return err
	}
	there, err := t.contactPoints(workspace, []string{c.Customer})
	if err != nil {
		return err
	}
	if err := t.retell(workspace, c.Customer); err != nil {
		return err
	}
	at := func(p engawa.ContactPoint) int {
		index, _ := t.s.vault.Index(workspace, "address:"+p.Kind, foldAddress(p.Address))
		return slices.IndexFunc(there, func(r contactRow) bool { return r.Kind == p.Kind && r.index == index })
	}
	for _, p := range c.End {
		n := at(p)
		if n < 0 {
			continue
		}
		if err := t.must("end contact point", `UPDATE contact_point SET ended_at = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, there[n].ID, now()); err != nil {
			return err
		}
		there = slices.Delete(there, n, n+1)
	}
	for _, p := range c.Add {
		switch {
		case at(p) >= 0:
			continue
		case len(there) >= MaxOfCustomer:
			counts.Full++
			continue
		}
		if err := t.addContactPoint(ring, p); err != nil {
			return err
		}
	}
	return nil
}

// remember stores what the source tells now, each sealed by its customer's key.
func (t *tx) remember(from ToldFrom, seen string, rows map[ToldKey]toldRow, rs []Remembered) error {
	var customers []string
	for _, r := range rs {
		customers = append(customers, r.Customer)
	}
	ring, err := t.keys(from.Workspace, openers(customers))
	if err != nil {
		return err
	}
	for _, r := range rs {
		id, known := rows[r.Key].id, rows[r.Key].id != ""
		if !known {
			id = engawa.NewID("row")
		}
		sealed, by, err := ring.seal(from.Workspace, r.Customer, "import_row", id, r.Body)
		if err != nil {
			return err
		}
		hash, key := t.toldHash(from, r.Key)
		err = t.must("remember", `INSERT INTO import_row (workspace, id, account, kind, value_hash, key_id, customer, running, seen, gone, sealed_by, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11)
			ON CONFLICT (workspace, id) DO UPDATE SET customer = excluded.customer, running = excluded.running, sealed_by = excluded.sealed_by, sealed = excluded.sealed`,
			from.Workspace, id, from.Account, r.Key.Kind, hash, key, r.Customer, r.Running, seen, by, sealed)
		if err != nil {
			return err
		}
	}
	return nil
}

// seen marks what the lines told of, changed or not.
func (t *tx) seen(workspace, id string, rows map[ToldKey]toldRow) error {
	var args [][]any
	for _, r := range rows {
		if r.id != "" {
			args = append(args, []any{workspace, r.id, id})
		}
	}
	_, err := t.update(`UPDATE import_row SET seen = $3, gone = '' WHERE workspace = $1 AND id = $2`, args)
	return err
}

func (t *tx) journalTold(evs []engawa.Event) error {
	if len(evs) == 0 {
		return nil
	}
	out, slots := make([]Journaled, len(evs)), make([]slot, len(evs))
	for i, e := range evs {
		slots[i] = slot{e, &out[i]}
	}
	if err := t.journal(slots); err != nil {
		return err
	}
	return t.notify("", "") // StepImport wakes this node
}
