package store

import (
	"context"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// sweepBatch is how many rows one transaction of Sweep deletes; in between,
// others have their turn.
const sweepBatch = 500

// ReturnsFor is how long it is counted what came back by mail: longer than the
// longest window of a rule.
const ReturnsFor = 90 * 24 * time.Hour

// Sweep removes what has ended: sessions and sign-in links, answers kept for
// repeated requests, returns that count no more, receivers that have long taken all mail, what was told of usage, mail that nobody read, and uploaded files. On SQLite it then gives free pages back to the disk (at most
// 20 MB in a call), lets the planner learn, and moves the write-ahead log into the file; on
// PostgreSQL autovacuum does that. The journal and what was sent are kept.
func (s *Store) Sweep(ctx context.Context) error {
	old := us(time.Now().Add(-KeptFor))
	for _, q := range []struct {
		text   string
		before int64
	}{
		{`DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session WHERE ends_at < $1 LIMIT 500 {skip})`, now()},
		{`DELETE FROM idempotency WHERE (workspace, key_hash) IN (SELECT workspace, key_hash FROM idempotency WHERE created_at < $1 LIMIT 500 {skip})`, old},
		{
			`DELETE FROM mail_return WHERE (workspace, delivery, reason, status) IN (SELECT workspace, delivery, reason, status FROM mail_return WHERE at < $1 LIMIT 500 {skip})`,
			us(time.Now().Add(-ReturnsFor)),
		},
		{
			`DELETE FROM breaker WHERE (workspace, id) IN (SELECT workspace, id FROM breaker WHERE updated_at < $1 AND NOT watched LIMIT 500 {skip})`,
			us(time.Now().Add(-ReturnsFor)),
		},
		{forgetConsumption, us(time.Now().Add(-engawa.ConsumptionFor))},
		{`DELETE FROM in_app WHERE (workspace, id) IN (SELECT workspace, id FROM in_app WHERE ends_at < $1 LIMIT 500 {skip})`, us(time.Now().Add(-keptInApp))},
		{`DELETE FROM unread_mail WHERE (workspace, id) IN (SELECT workspace, id FROM unread_mail WHERE ends_at < $1 LIMIT 500 {skip})`, now()},
		{forgetOverdue, now()},
		{expireImports, us(time.Now().Add(-engawa.ImportFor))},
	} {
		if err := s.sweep(ctx, q.text, q.before); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	if !s.lite {
		return nil
	}
	if err := s.writer.tidy(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

func (s *Store) sweep(ctx context.Context, text string, before int64) error {
	for n := int64(sweepBatch); n == sweepBatch; {
		err := s.inTx(ctx, everywhere, func(t *tx) (err error) {
			n, err = t.exec(text, before)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tidy runs what may not stand in a transaction. The checkpoint is a passive one,
// which waits for nobody; what a reader keeps it from, the next one does.
func (w *writer) tidy(ctx context.Context) error {
	select {
	case <-w.turn:
		defer func() { w.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, q := range []string{`PRAGMA incremental_vacuum(5000)`, `PRAGMA optimize`, `PRAGMA wal_checkpoint(PASSIVE)`} {
		if err := w.exhaust(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// exhaust runs q to its end: each page that is given back is a row.
func (w *writer) exhaust(ctx context.Context, q string) error {
	rows, err := w.conn.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
