package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// JudgedMessage is a message to a customer with the facts it was judged by.
// Verdicts have their outcome, rule set and instant alone.
type JudgedMessage struct {
	Message engawa.Message // without content and verdicts
	Chain   []JudgedVia    // empty after an erasure
	Erased  bool
}

// JudgedVia is one account of a message's chain.
type JudgedVia struct {
	Early   Judged  // when the message was made
	Claimed *Judged // when it was claimed last; nil: never, or the same was found
}

// judgedBatch is how many messages are read and opened at once: some megabytes.
const judgedBatch = 1000

// WalkJudged hands the messages to customers that were made from some time on, until
// just before another, to f in batches, the oldest first; samples are none. Of more
// than most the newest are handed on, and since is when the first of them was made.
// It reads batch by batch, not in one transaction, and ends when f fails.
func (s *Store) WalkJudged(ctx context.Context, workspace string, from, until time.Time, most int, f func([]JudgedMessage) error) (since time.Time, err error) {
	begin, after := us(from), ""
	err = s.view(ctx, workspace, func(t *tx) error {
		left, err := one(t, scanInt, `SELECT created_at FROM message WHERE workspace = $1 AND created_at >= $2 AND created_at < $3 AND `+toCustomers+`
			ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $4`, workspace, begin, us(until), most)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		begin = left + 1
		return err
	})
	if err != nil {
		return from, fmt.Errorf("look back at verdicts: %w", err)
	}
	since = at(begin)
	for {
		var batch []JudgedMessage
		err := s.view(ctx, workspace, func(t *tx) error {
			rows, err := all(t, scanWhole, `SELECT `+storedColumns+`, judged FROM message
				WHERE workspace = $1 AND (created_at > $2 OR created_at = $2 AND id > $3) AND created_at < $4 AND `+toCustomers+`
				ORDER BY created_at, id LIMIT $5`, workspace, begin, after, us(until), judgedBatch)
			if err != nil || len(rows) == 0 {
				return err
			}
			last := rows[len(rows)-1]
			begin, after = us(last.CreatedAt), last.ID
			batch, err = t.judged(workspace, rows)
			return err
		})
		if err == nil && len(batch) > 0 {
			err = f(batch)
		}
		if err != nil {
			return since, fmt.Errorf("look back at verdicts: %w", err)
		}
		if len(batch) == 0 {
			return since, nil
		}
	}
}

const toCustomers = `customer <> '' AND sample = FALSE`

func (t *tx) judged(workspace string, rows []messageRowRead) ([]JudgedMessage, error) {
	var by, ids []string
	for _, r := range rows {
		by, ids = append(by, r.by), append(ids, r.ID)
	}
	ring, err := t.keys(workspace, openers(by))
	if err != nil {
		return nil, err
	}
	deliveries, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM delivery WHERE workspace = $1 AND message {in $2} ORDER BY position, id`, workspace, t.list(ids))
	if err != nil {
		return nil, err
	}
	of := map[string][]deliveryRow{}
	for _, d := range deliveries {
		of[d.Message] = append(of[d.Message], d)
	}
	out := make([]JudgedMessage, len(rows))
	err = parallel(len(rows), func(i int) (err error) {
		out[i], err = rows[i].openJudged(ring, of[rows[i].ID])
		return err
	})
	return out, err
}

// lastJudged is what a Judged looks like to who judges again.
type lastJudged struct {
	Facts   engawa.Facts `json:"facts"`
	Verdict struct {
		Outcome engawa.Outcome `json:"outcome"`
		RuleSet string         `json:"rule_set"`
		At      time.Time      `json:"at"`
	} `json:"verdict"`
}

func (j lastJudged) judged() Judged {
	return Judged{j.Facts, engawa.Verdict{Outcome: j.Verdict.Outcome, RuleSet: j.Verdict.RuleSet, At: j.Verdict.At}}
}

func (r messageRowRead) openJudged(ring keyring, deliveries []deliveryRow) (JudgedMessage, error) {
	said, text, err := r.openWhole(ring)
	out := JudgedMessage{Message: r.Message, Erased: said.Erased}
	if err != nil || said.Erased {
		return out, err
	}
	var early []lastJudged
	if err := jsonv2.Unmarshal(text, &early); err != nil {
		return out, fmt.Errorf("message %s: %w", r.ID, err)
	}
	for _, j := range early {
		out.Chain = append(out.Chain, JudgedVia{Early: j.judged()})
	}
	for _, d := range deliveries {
		if d.sealed == nil || d.Position >= len(out.Chain) || !ring.opens(d.by) {
			continue
		}
		if out.Chain[d.Position].Claimed, err = d.openJudged(ring); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (d deliveryRow) openJudged(ring keyring) (*Judged, error) {
	plain, err := ring.open(d.Workspace, d.by, "delivery", d.ID, d.sealed)
	if err != nil {
		return nil, err
	}
	var last lastJudged
	if err := jsonv2.Unmarshal(plain, &last); err != nil {
		return nil, fmt.Errorf("delivery %s: %w", d.ID, err)
	}
	j := last.judged()
	return &j, nil
}
