package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Fate is what became of the writes of one request. On PostgreSQL the answer to
// a COMMIT can be lost with its connection. Writes under a Fate name their
// transactions beforehand and then ask for them on another connection
// (PostgreSQL, 9.27 System Information Functions: pg_xact_status). SQLite's
// commits have an answer always, and leave no trace here.
type Fate struct {
	committed, aborted, unknown atomic.Int64
}

// Nothing reports whether it is known that nothing was written: a commit was
// lost, and none has happened.
func (f *Fate) Nothing() bool {
	return f.aborted.Load() > 0 && f.committed.Load() == 0 && f.unknown.Load() == 0
}

type fateKey struct{}

// Certain has what is written under ctx find out what became of it. It costs a
// transaction's id for each writing transaction, used or not.
func Certain(ctx context.Context, f *Fate) context.Context {
	return context.WithValue(ctx, fateKey{}, f)
}

func fateOf(ctx context.Context) *Fate {
	f, _ := ctx.Value(fateKey{}).(*Fate)
	return f
}

// How long a lost commit is asked for, and how often. The server ends a
// transaction when it notices that the connection is gone.
const (
	fateWait = 10 * time.Second
	fateLook = 50 * time.Millisecond
)

// settle says what became of a transaction whose COMMIT ended with err: nil if it
// was committed after all.
func (f *Fate) settle(ctx context.Context, s *Store, xid string, err error) error {
	if err == nil {
		f.committed.Add(1)
		return nil
	}
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		f.aborted.Add(1)
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fateWait)
	defer cancel()
	for {
		var status string
		if look := s.write.QueryRowContext(ctx, `SELECT coalesce(pg_xact_status($1::text::xid8), '')`, xid).Scan(&status); look != nil {
			status = look.Error() // the server may be starting again
		}
		switch status {
		case "committed":
			f.committed.Add(1)
			return nil
		case "aborted":
			f.aborted.Add(1)
			return err
		}
		select {
		case <-ctx.Done():
			f.unknown.Add(1)
			return fmt.Errorf("%w; what became of it is not known: %s", err, status)
		case <-time.After(fateLook):
		}
	}
}
