package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/engawa/engawa"
)

// Past is an event of the journal with what a route's condition may ask of its
// customer: kind, language and country.
type Past struct {
	Event    engawa.Event
	Customer engawa.Customer
}

// pastBatch is how many events are read and opened at once: some megabytes.
const pastBatch = 2000

// WalkPast hands the newest events of a workspace to f in batches, the newest
// first, most of them at the most, and returns how many it looked at and which was
// the first. Given one, it begins there instead of at the newest that there is.
// Only those whose type is wanted are opened and handed on. It reads batch by
// batch, not in one transaction, and ends when f fails.
func (s *Store) WalkPast(ctx context.Context, workspace, from string, most int, wanted func(eventType string) bool, f func([]Past) error) (looked int, first string, err error) {
	before := cmp.Or(from, engawa.PrefixEvent+"_") + "~" // after the id, or after every one
	for looked < most {
		var n int
		var past []Past
		err := s.view(ctx, workspace, func(t *tx) error {
			rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
				workspace, before, min(pastBatch, most-looked))
			if n = len(rows); err != nil || n == 0 {
				return err
			}
			before, first = rows[n-1].ID, cmp.Or(first, rows[0].ID)
			past, err = t.past(workspace, rows, wanted)
			return err
		})
		if err == nil && len(past) > 0 {
			err = f(past)
		}
		if err != nil {
			return looked, first, fmt.Errorf("look back: %w", err)
		}
		if n == 0 {
			break
		}
		looked += n
	}
	return looked, first, nil
}

func (t *tx) past(workspace string, rows []eventRowRead, wanted func(string) bool) ([]Past, error) {
	kept := rows[:0]
	var ids []string
	for _, r := range rows {
		if wanted(r.Type) {
			kept, ids = append(kept, r), append(ids, r.Customer)
		}
	}
	evs, err := t.openEvents(workspace, kept)
	if err != nil {
		return nil, err
	}
	customers := map[string]engawa.Customer{}
	_, err = all(t, func(scan func(...any) error) (struct{}, error) {
		var c engawa.Customer
		err := scan(&c.ID, &c.Kind, &c.Locale, &c.Country)
		customers[c.ID] = c
		return struct{}{}, err
	}, `SELECT id, kind, locale, country FROM customer WHERE workspace = $1 AND id {in $2}`, workspace, t.list(distinct(ids)))
	past := make([]Past, len(evs))
	for i, e := range evs {
		past[i] = Past{e, customers[e.Customer]}
	}
	return past, err
}
