package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

// Sought is what somebody typed to find a customer, in each of the forms that it
// may have. Empty forms are not looked for.
type Sought struct {
	Customer    string         // an id
	Handle      string         // a partner's sub_…
	Mail        engawa.Address // whole
	Identity    []string       // the value of an identity of any kind, as it may be written
	Transaction string         // the App Store's id of any transaction
	Name        string         // its first letters, or those of one of its words
}

// Format names nothing of what was typed, whatever the verb.
func (Sought) Format(f fmt.State, _ rune) { fmt.Fprint(f, "what was typed") }

// Hit is a customer who was found, and by what.
type Hit struct {
	Customer engawa.Customer
	By       FoundBy
	Issuer   string // of an identity
	Kind     string
}

// FoundBy is what a customer was found by.
type FoundBy string

// What a customer is found by.
const (
	ByID          FoundBy = "id"
	ByHandle      FoundBy = "handle"
	ByMail        FoundBy = "mail"
	ByIdentity    FoundBy = "identity"
	ByTransaction FoundBy = "transaction"
	ByName        FoundBy = "name"
)

// Limits of finding.
const (
	MaxHits       = 50     // that Find returns
	maxCandidates = 20_000 // that share the letters which have a hash; of more it is said that there are more
	candidates    = 500    // that are opened at once
	maxIssued     = 64     // issuers and kinds of identities that are tried
)

// place is where a hit comes from, before the customer is loaded.
type place struct {
	customer     string
	by           FoundBy
	issuer, kind string
}

// Find returns the customers who are what is sought, each once, at most MaxHits;
// more says that there are others. Whoever was merged stands as whom they are
// now. Hits by name come last, by name.
func (s *Store) Find(ctx context.Context, workspace string, q Sought) (hits []Hit, more bool, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		places, err := t.exactly(workspace, q)
		if err != nil {
			return err
		}
		if hits, err = t.hits(workspace, places); err != nil {
			return err
		}
		named, cut, err := t.named(workspace, q.Name)
		if err != nil {
			return err
		}
		for _, h := range named {
			if !slices.ContainsFunc(hits, func(k Hit) bool { return k.Customer.ID == h.Customer.ID }) {
				hits = append(hits, h)
			}
		}
		if more = cut || len(hits) > MaxHits; len(hits) > MaxHits {
			hits = hits[:MaxHits]
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("find a customer: %w", err)
	}
	return hits, more, nil
}

// exactly looks whole values up.
func (t *tx) exactly(workspace string, q Sought) (found []place, err error) {
	look := func(by FoundBy, text string, args ...any) {
		if err != nil {
			return
		}
		var ids []string
		ids, err = all(t, scanString, text, append([]any{workspace}, args...)...)
		for _, id := range ids {
			found = append(found, place{customer: id, by: by})
		}
	}
	if q.Customer != "" {
		look(ByID, `SELECT id FROM customer WHERE workspace = $1 AND id = $2`, q.Customer)
	}
	if q.Handle != "" {
		look(ByHandle, `SELECT customer FROM handle WHERE workspace = $1 AND id = $2 AND ended_at = 0`, q.Handle)
	}
	if q.Mail != "" {
		index, _ := t.s.vault.Index(workspace, "address:mail", foldAddress(q.Mail))
		look(ByMail, `SELECT customer FROM contact_point WHERE workspace = $1 AND kind = 'mail' AND address_index = $2 AND ended_at = 0
			GROUP BY customer ORDER BY customer LIMIT $3`, index, MaxHits+1)
	}
	if q.Transaction != "" {
		hash, _ := t.transactionHash(workspace, q.Transaction)
		var ps []string // asked for apart: joined, SQLite begins at the purchases and reads all of them
		if ps, err = all(t, scanString, `SELECT purchase FROM purchase_transaction WHERE workspace = $1 AND hash = $2`, workspace, hash); len(ps) > 0 {
			look(ByTransaction, `SELECT customer FROM purchase WHERE workspace = $1 AND id {in $2} ORDER BY id`, t.list(ps))
		}
	}
	if err != nil || len(q.Identity) == 0 {
		return found, err
	}
	identified, err := t.identified(workspace, q.Identity)
	return append(found, identified...), err
}

// identified looks values up as identities of every issuer and kind that the
// workspace has: each has hashes of its own.
func (t *tx) identified(workspace string, values []string) (found []place, err error) {
	at := engawa.Identity{}
	for range maxIssued {
		next, err := t.nextIssued(workspace, at)
		if err != nil || next == nil {
			return found, err
		}
		at = *next
		var hashes []string
		for _, v := range values {
			hash, _ := t.identityHash(workspace, engawa.Identity{Issuer: at.Issuer, Kind: at.Kind, Value: v})
			hashes = append(hashes, hash)
		}
		ids, err := all(t, scanString, `SELECT customer FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = $3 AND value_hash {in $4}`,
			workspace, at.Issuer, at.Kind, t.list(hashes))
		if err != nil {
			return found, err
		}
		for _, id := range ids {
			found = append(found, place{id, ByIdentity, at.Issuer, at.Kind})
		}
	}
	return found, nil
}

// nextIssued is the issuer and kind that follow at in the index of identities;
// nil: none does. Neither is asked for with the other, (issuer, kind) > (…):
// SQLite would read every identity of at's kind to get past it.
func (t *tx) nextIssued(workspace string, at engawa.Identity) (*engawa.Identity, error) {
	scan := func(scan func(...any) error) (id engawa.Identity, err error) { return id, scan(&id.Issuer, &id.Kind) }
	next, err := all(t, scan, `SELECT issuer, kind FROM identity WHERE workspace = $1 AND issuer = $2 AND kind > $3 ORDER BY kind LIMIT 1`, workspace, at.Issuer, at.Kind)
	if err == nil && len(next) == 0 {
		next, err = all(t, scan, `SELECT issuer, kind FROM identity WHERE workspace = $1 AND issuer > $2 ORDER BY issuer, kind LIMIT 1`, workspace, at.Issuer)
	}
	if err != nil || len(next) == 0 {
		return nil, err
	}
	return &next[0], nil
}

// hits loads whom places name: of one who was merged, whom that one is now.
func (t *tx) hits(workspace string, places []place) ([]Hit, error) {
	var ids []string
	for _, p := range places {
		ids = append(ids, p.customer)
	}
	known, err := t.customersByID(workspace, distinct(ids))
	if err != nil {
		return nil, err
	}
	var into []string
	for _, c := range known {
		if c.MergedInto != "" {
			into = append(into, c.MergedInto)
		}
	}
	now, err := t.customersByID(workspace, distinct(into))
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for _, p := range places {
		c, ok := known[p.customer]
		if ok && c.MergedInto != "" {
			c, ok = now[c.MergedInto]
		}
		if ok && !slices.ContainsFunc(hits, func(h Hit) bool { return h.Customer.ID == c.ID }) {
			hits = append(hits, Hit{c, p.by, p.issuer, p.kind})
		}
	}
	return hits, nil
}

func (t *tx) customersByID(workspace string, ids []string) (map[string]engawa.Customer, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id {in $2}`, workspace, t.list(ids))
	if err != nil {
		return nil, err
	}
	cs, err := t.openCustomers(workspace, rows)
	known := map[string]engawa.Customer{}
	for _, c := range cs {
		known[c.ID] = c
	}
	return known, err
}

// named finds by the first letters of a name. What has a hash is at most
// longestPrefix letters; names are opened and compared whole. cut says that not all
// who share the letters were looked at.
//
// Of a long name in several words only those are opened who have the hash of its
// second word's beginning too: thousands may share a family name.
func (t *tx) named(workspace, typed string) (hits []Hit, cut bool, err error) {
	words := nameWords(typed)
	want := strings.Join(words, "")
	if want == "" {
		return nil, false, nil
	}
	first := t.beginHash(workspace, want)
	second := first
	if rest := strings.Join(words[1:], ""); utf8.RuneCountInString(want) > longestPrefix && utf8.RuneCountInString(rest) >= shortestPrefix {
		second = t.beginHash(workspace, rest)
	}
	return t.beginning(workspace, want, first, second)
}

// beginHash is the hash of as many first letters as have one.
func (t *tx) beginHash(workspace, folded string) string {
	letters := []rune(folded)
	return t.nameHash(workspace, string(letters[:min(len(letters), longestPrefix)]))
}

// beginning opens those who have both hashes, the second of a later word or the
// first again, until there are enough whose name begins so.
func (t *tx) beginning(workspace, want, first, second string) (hits []Hit, cut bool, err error) {
	after := ""
	for looked := 0; len(hits) <= MaxHits; looked += candidates {
		if cut = looked >= maxCandidates; cut {
			break
		}
		ids, err := t.sharing(workspace, first, second, after)
		if err != nil || len(ids) == 0 {
			return byName(hits), false, err
		}
		if utf8.RuneCountInString(want) <= longestPrefix {
			ids = ids[:min(len(ids), MaxHits+1)] // all of them fit, but for whoever was erased
		}
		after = ids[len(ids)-1]
		known, err := t.customersByID(workspace, ids)
		if err != nil {
			return nil, false, err
		}
		for _, c := range known {
			if !c.Erased && slices.ContainsFunc(nameStarts(c.Name), func(s string) bool { return strings.HasPrefix(s, want) }) {
				hits = append(hits, Hit{Customer: c, By: ByName})
			}
		}
	}
	return byName(hits), cut, nil
}

// sharing are those after a customer who have both hashes.
func (t *tx) sharing(workspace, first, second, after string) ([]string, error) {
	const one = `SELECT customer FROM name_prefix p WHERE workspace = $1 AND hash = $2 AND customer > $3`
	if first == second {
		return all(t, scanString, one+` ORDER BY customer LIMIT $4`, workspace, first, after, candidates)
	}
	return all(t, scanString, one+` AND EXISTS (SELECT 1 FROM name_prefix q WHERE q.workspace = p.workspace AND q.hash = $5 AND q.customer = p.customer)
		ORDER BY customer LIMIT $4`, workspace, first, after, candidates, second)
}

func byName(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(FoldName(a.Customer.Name), FoldName(b.Customer.Name)), cmp.Compare(a.Customer.ID, b.Customer.ID))
	})
	return hits
}

// Lengths of the beginnings of names that have a hash, in folded letters: a
// single letter would tell the most of how often names are, and find the least.
const (
	shortestPrefix = 2
	longestPrefix  = 8
	maxNameWords   = 4
	hashLetters    = 12 // of a hash's text: 72 bits; a name is opened and compared anyway
)

// FoldName is the form in which names are compared: NFKC, so that width and
// composed letters do not matter; without case; hiragana for katakana; and
// nothing but letters and digits.
func FoldName(name string) string {
	return strings.Join(nameWords(name), "")
}

func nameWords(name string) []string {
	folded := cases.Fold().String(norm.NFKC.String(name))
	folded = strings.Map(func(r rune) rune {
		if r >= 'ァ' && r <= 'ヶ' {
			return r - ('ァ' - 'ぁ')
		}
		return r
	}, norm.NFKC.String(folded))
	return strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// nameStarts are a folded name from each of its first words on.
func nameStarts(name string) []string { return startsOf(name, maxNameWords) }

func startsOf(name string, most int) (starts []string) {
	words := nameWords(name)
	for i := range min(len(words), most) {
		starts = append(starts, strings.Join(words[i:], ""))
	}
	return starts
}

// namePrefixes are the beginnings by which a name is found, and that of the word after
// the last from which it is.
func namePrefixes(name string) (all []string) {
	for _, s := range startsOf(name, maxNameWords+1) {
		letters := []rune(s)
		for n := shortestPrefix; n <= min(len(letters), longestPrefix); n++ {
			all = append(all, string(letters[:n]))
		}
	}
	if whole := []rune(FoldName(name)); len(whole) == 1 {
		all = append(all, string(whole))
	}
	return distinct(all)
}

func (t *tx) nameHash(workspace, prefix string) string {
	hash, _ := t.s.vault.Index(workspace, "name", prefix)
	return hash[:hashLetters]
}

// findByName keeps the beginnings of a customer's name in place of those that
// were kept.
func (t *tx) findByName(c engawa.Customer) error {
	if _, err := t.exec(`DELETE FROM name_prefix WHERE workspace = $1 AND customer = $2`, c.Workspace, c.ID); err != nil {
		return err
	}
	var rows [][]any
	for _, p := range namePrefixes(c.Name) {
		rows = append(rows, []any{c.Workspace, t.nameHash(c.Workspace, p), c.ID})
	}
	if _, err := t.insert(`INSERT INTO name_prefix (workspace, hash, customer) VALUES ($1, $2, $3)`, rows); err != nil {
		return err
	}
	_, key := t.s.vault.Index(c.Workspace, "name", "")
	return t.must("find by name", `UPDATE customer SET names_by = $3 WHERE workspace = $1 AND id = $2`, c.Workspace, c.ID, key)
}

// namedBatch is how many customers one transaction of NameSome does.
const namedBatch = 200

// NameSome makes some of the customers findable by name who came before there
// was such an index, in every workspace, and returns how many it did.
func (s *Store) NameSome(ctx context.Context) (n int, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		rest, err := all(t, scanString, `SELECT id FROM customer WHERE names_by = '' LIMIT 1`)
		n = len(rest)
		return err
	})
	if err != nil || n == 0 {
		return 0, err
	}
	err = s.inTx(ctx, everywhere, func(t *tx) error {
		rows, err := all(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE names_by = '' ORDER BY workspace, id LIMIT $1 {skip}`, namedBatch)
		if err != nil {
			return err
		}
		n = len(rows)
		for _, r := range rows {
			if r.MergedInto == "" {
				opened, err := t.openCustomers(r.Workspace, []customerRow{r})
				if err != nil {
					return fmt.Errorf("customer %s: %w", r.ID, err)
				}
				r.Name = opened[0].Name
			}
			if err := t.findByName(r.Customer); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find by name: %w", err)
	}
	return n, nil
}

// findByTransactions keeps which transactions a purchase is made of.
func (t *tx) findByTransactions(p engawa.Purchase, ids []string) error {
	var rows [][]any
	for _, id := range distinct(ids) {
		hash, key := t.transactionHash(p.Workspace, id)
		rows = append(rows, []any{p.Workspace, hash, key, p.ID})
	}
	_, err := t.insert(`INSERT INTO purchase_transaction (workspace, hash, key_id, purchase) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, rows)
	return err
}
