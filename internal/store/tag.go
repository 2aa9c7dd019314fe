package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

// MaxTag is how many letters a tag has at most. A customer has MaxOfCustomer tags at most.
const MaxTag = 60

// TidyTag is a tag as it is kept and compared: without space around it, in small
// letters, and as wide as letters are (NFKC).
func TidyTag(tag string) (string, error) {
	tidy := strings.ToLower(norm.NFKC.String(strings.TrimSpace(tag)))
	switch n := utf8.RuneCountInString(tidy); {
	case n == 0:
		return "", engawa.Invalid("", "write a word", "a tag without letters")
	case n > MaxTag:
		return "", engawa.Invalid("", fmt.Sprintf("%d letters at most", MaxTag), "a tag of %d letters", n)
	case strings.ContainsFunc(tidy, func(r rune) bool { return unicode.IsControl(r) || r == ',' }):
		return "", engawa.Invalid("", "leave them out", "a tag with a comma, a line end or another control character")
	}
	return tidy, nil
}

// TidyTags are tags as they are kept, each once; field is where they stand.
func TidyTags(field string, tags []string) ([]string, error) {
	var tidy []string
	for i, tag := range tags {
		t, err := TidyTag(tag)
		if err != nil {
			return nil, engawa.Within(fmt.Sprintf("%s/%d", field, i), err)
		}
		tidy = append(tidy, t)
	}
	return distinct(tidy), nil
}

func (s *Store) tagHash(workspace, tag string) (hash, key string) {
	return s.vault.Index(workspace, "tag", tag)
}

// TagCustomer gives a customer tags and takes others away. What the customer has,
// or has not, already is no fault.
func (s *Store) TagCustomer(ctx context.Context, workspace, customer string, set, remove []string) error {
	set, err := TidyTags("/set", set)
	if err != nil {
		return err
	}
	if remove, err = TidyTags("/remove", remove); err != nil {
		return err
	}
	err = s.inTx(ctx, workspace, func(t *tx) error {
		n, err := t.tag(workspace, customer, set, remove)
		if err != nil || n == 0 {
			return err
		}
		return t.noted(workspace, "tag-customer", customer, fmt.Sprintf("+%d -%d", len(set), len(remove)))
	})
	if err != nil {
		return fmt.Errorf("tag customer %s: %w", customer, err)
	}
	return nil
}

// tag says how many tags were set or removed.
func (t *tx) tag(workspace, customer string, set, remove []string) (changed int64, err error) {
	if _, err := t.own(workspace, customer); err != nil {
		return 0, err
	}
	ring, err := t.keys(workspace, []string{customer})
	if err != nil {
		return 0, err
	}
	for _, tag := range remove {
		hash, _ := t.s.tagHash(workspace, tag)
		n, err := t.exec(`DELETE FROM customer_tag WHERE workspace = $1 AND customer = $2 AND tag_hash = $3`, workspace, customer, hash)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	err = t.roomFor("tags", `SELECT count(*) FROM customer_tag WHERE workspace = $1 AND customer = $2`, workspace, customer, func() error {
		for _, tag := range set {
			id := engawa.NewID(engawa.PrefixTag)
			sealed, by, err := ring.seal(workspace, customer, "customer_tag", id, []byte(tag))
			if err != nil {
				return err
			}
			hash, key := t.s.tagHash(workspace, tag)
			n, err := t.exec(`INSERT INTO customer_tag (workspace, id, customer, tag_hash, key_id, sealed, sealed_by, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace, customer, tag_hash) DO NOTHING`, workspace, id, customer, hash, key, sealed, by, now())
			if err != nil {
				return err
			}
			changed += n
		}
		return nil
	})
	return changed, err
}

type tagRow struct {
	id, customer, by string
	sealed           []byte
	n                int
}

func (t *tx) openTags(workspace string, rows []tagRow) (tags []string, err error) {
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	tags = make([]string, len(rows))
	for i, r := range rows {
		if !ring.opens(r.by) {
			continue // erased this moment
		}
		text, err := ring.open(workspace, r.by, "customer_tag", r.id, r.sealed)
		if err != nil {
			return nil, err
		}
		tags[i] = string(text)
	}
	return tags, nil
}

// Tags returns the tags of customers, in order.
func (s *Store) Tags(ctx context.Context, workspace string, customers ...string) (of map[string][]string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		of, err = t.tagsOf(workspace, customers)
		return err
	})
	return of, err
}

func (t *tx) tagsOf(workspace string, customers []string) (map[string][]string, error) {
	rows, err := all(t, func(scan func(...any) error) (r tagRow, err error) {
		return r, scan(&r.id, &r.customer, &r.by, &r.sealed)
	}, `SELECT id, customer, sealed_by, sealed FROM customer_tag WHERE workspace = $1 AND customer {in $2}`, workspace, t.list(customers))
	if err != nil {
		return nil, err
	}
	tags, err := t.openTags(workspace, rows)
	of := map[string][]string{}
	for i, tag := range tags {
		if tag != "" {
			of[rows[i].customer] = append(of[rows[i].customer], tag)
		}
	}
	for _, tags := range of {
		slices.Sort(tags)
	}
	return of, err
}

// TagCount is a tag and how many customers have it.
type TagCount struct {
	Tag string
	N   int
}

// MaxTagsListed is how many tags UsedTags returns at most.
const MaxTagsListed = 1000

// UsedTags returns the tags that customers of a workspace have, in order.
func (s *Store) UsedTags(ctx context.Context, workspace string) (used []TagCount, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, func(scan func(...any) error) (r tagRow, err error) {
			return r, scan(&r.id, &r.by, &r.sealed, &r.n)
		}, `SELECT g.id, g.sealed_by, g.sealed, u.n FROM (SELECT max(id) AS id, count(*) AS n FROM customer_tag WHERE workspace = $1 GROUP BY tag_hash LIMIT $2) u
			JOIN customer_tag g ON g.workspace = $1 AND g.id = u.id`, workspace, MaxTagsListed)
		if err != nil {
			return err
		}
		tags, err := t.openTags(workspace, rows)
		for i, tag := range tags {
			if tag != "" {
				used = append(used, TagCount{tag, rows[i].n})
			}
		}
		return err
	})
	slices.SortFunc(used, func(a, b TagCount) int { return strings.Compare(a.Tag, b.Tag) })
	return used, err
}

// SeePage keeps that a customer's own page is open now, to the hour.
func (s *Store) SeePage(ctx context.Context, workspace, customer string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		hour := time.Now().Truncate(time.Hour)
		_, err := t.exec(`UPDATE customer SET seen_at = $3 WHERE workspace = $1 AND id = $2 AND seen_at < $3 AND erased_at = 0 AND merged_into = ''`, workspace, customer, us(hour))
		return err
	})
}
