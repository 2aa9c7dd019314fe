package store

import (
	"context"
	"fmt"
	"time"
)

// readingLease is how long a node may take to read a list before another does.
const readingLease = 10 * time.Minute

// Reading is that of the list of an account's contracts.
type Reading struct {
	Workspace, Account string
	ReadAt             time.Time // when it was last read to its end; zero: never
	Failures           int64     // since then
	turn               int64
}

// DueReading takes an account of a kind whose list is to be read now, of any workspace:
// the one that has waited longest. Nobody else gets it before it is told what became of
// it (Read) or the lease is over. ok: there was one.
func (s *Store) DueReading(ctx context.Context, kind string) (r Reading, ok bool, err error) {
	var due []Reading
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (r Reading, err error) {
			var read int64
			err = scan(&r.Workspace, &r.Account, &read, &r.Failures, &r.turn)
			r.ReadAt = at(read)
			return r, err
		}, `SELECT a.workspace, a.id, COALESCE(r.read_at, 0), COALESCE(r.failures, 0), COALESCE(r.turn, 0) FROM account a
			LEFT JOIN list_reading r ON r.workspace = a.workspace AND r.account = a.id
			WHERE a.kind = $1 AND a.enabled AND a.ended_at = 0 AND COALESCE(r.next_at, 0) <= $2 ORDER BY COALESCE(r.next_at, 0), a.id LIMIT 20`, kind, now())
		return err
	})
	for _, r = range due { // another node may have taken the first
		n := int64(0)
		err := s.inTx(ctx, r.Workspace, func(t *tx) (err error) {
			n, err = t.exec(`INSERT INTO list_reading (workspace, account, next_at, read_at, failures, turn) VALUES ($1, $2, $3, 0, 0, 1)
				ON CONFLICT (workspace, account) DO UPDATE SET next_at = excluded.next_at, turn = list_reading.turn + 1 WHERE list_reading.turn = $4`,
				r.Workspace, r.Account, us(time.Now().Add(readingLease)), r.turn)
			return err
		})
		if err != nil {
			return Reading{}, false, fmt.Errorf("take the list of %s: %w", r.Account, err)
		}
		if n == 1 {
			r.turn++
			return r, true, nil
		}
	}
	return Reading{}, false, err
}

// Read keeps what became of a reading and when the next one is due. Of one that
// another node took over it keeps nothing.
func (s *Store) Read(ctx context.Context, r Reading, next time.Time) error {
	return s.inTx(ctx, r.Workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE list_reading SET next_at = $4, read_at = $5, failures = $6 WHERE workspace = $1 AND account = $2 AND turn = $3`,
			r.Workspace, r.Account, r.turn, us(next), us(r.ReadAt), r.Failures)
		return err
	})
}
