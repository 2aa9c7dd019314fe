package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// Absence is for how long nobody must have been there to hear for it to count:
// more than a restart takes.
const Absence = 5 * time.Minute

// checkupLease is how long a node may take for a step of a check before another
// takes it over.
const checkupLease = time.Minute

const checkupColumns = `workspace, account, beat_at, heard_at, absent_from, known_to, night_at, peek_at, asked, trouble, trouble_at, work, last, turn`

func scanCheckup(scan func(...any) error) (c engawa.Checkup, err error) {
	var work, last string
	var beat, heard, absent, known, night, peek, trouble int64
	if err := scan(&c.Workspace, &c.Account, &beat, &heard, &absent, &known, &night, &peek, &c.Asked, &c.Trouble, &trouble, &work, &last, &c.Turn); err != nil {
		return c, err
	}
	c.BeatAt, c.HeardAt, c.AbsentFrom, c.KnownTo, c.NightAt, c.PeekAt, c.TroubleAt = at(beat), at(heard), at(absent), at(known), at(night), at(peek), at(trouble)
	if c.Now, err = readCheck(work); err == nil {
		c.Last, err = readCheck(last)
	}
	return c, err
}

func readCheck(text string) (*engawa.Check, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	c := &engawa.Check{}
	return c, json.Unmarshal([]byte(text), c)
}

func writeCheck(c *engawa.Check) (string, error) {
	if c == nil {
		return "", nil
	}
	text, err := json.Marshal(c)
	return string(text), err
}

// Attend notes that somebody is there to hear for every account of a kind that
// is switched on, and since when nobody was, if that was for longer than Absence.
// An account that is new is known from its first day on.
func (s *Store) Attend(ctx context.Context, kind string) error {
	when := time.Now()
	err := s.inTx(ctx, everywhere, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO checkup (`+checkupColumns+`, next_at)
			SELECT a.workspace, a.id, CAST($2 AS BIGINT), 0, 0, a.created_at, 0, CAST($2 AS BIGINT), FALSE, '', 0, '', '', 0, 0 FROM account a WHERE a.kind = $1 AND a.ended_at = 0
				AND NOT EXISTS (SELECT 1 FROM checkup c WHERE c.workspace = a.workspace AND c.account = a.id)
			ON CONFLICT DO NOTHING`, kind, us(when)); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE checkup SET beat_at = $2,
				absent_from = CASE WHEN beat_at < $3 AND absent_from = 0 THEN beat_at ELSE absent_from END,
				next_at = CASE WHEN beat_at < $3 AND work = '' THEN 0 ELSE next_at END
			WHERE beat_at < $4 AND EXISTS (SELECT 1 FROM account a WHERE a.workspace = checkup.workspace AND a.id = checkup.account AND a.enabled AND a.kind = $1)`,
			kind, us(when), us(when.Add(-Absence)), us(when.Add(-Absence/10)))
		return err
	})
	if err != nil {
		return fmt.Errorf("attend: %w", err)
	}
	return nil
}

// Took notes that an account took something just now.
func (s *Store) Took(ctx context.Context, workspace, account string) error {
	return unavailable(s.inTx(ctx, workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE checkup SET heard_at = $3 WHERE workspace = $1 AND account = $2 AND heard_at < $3`, workspace, account, now())
		return err
	}))
}

// DueCheckups takes what is due of the accounts of every workspace that are
// switched on. Nobody else gets it before it is told what became of it
// (StepCheckup) or the lease is over.
func (s *Store) DueCheckups(ctx context.Context) (cs []engawa.Checkup, err error) {
	var due []engawa.Checkup
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, scanCheckup, `SELECT `+checkupColumns+` FROM checkup WHERE next_at <= $1
			AND EXISTS (SELECT 1 FROM account a WHERE a.workspace = checkup.workspace AND a.id = checkup.account AND a.enabled AND a.ended_at = 0)
			ORDER BY next_at LIMIT 20`, now())
		return err
	})
	for _, c := range due {
		err = s.inTx(ctx, c.Workspace, func(t *tx) error {
			n, err := t.exec(`UPDATE checkup SET next_at = $4, turn = turn + 1 WHERE workspace = $1 AND account = $2 AND turn = $3`,
				c.Workspace, c.Account, c.Turn, us(time.Now().Add(checkupLease)))
			if err == nil && n == 1 {
				c.Turn++
				cs = append(cs, c)
			}
			return err
		})
		if err != nil {
			return cs, fmt.Errorf("take the checkup of %s: %w", c.Account, err)
		}
	}
	return cs, err
}

// CheckupStep is what one step did.
type CheckupStep struct {
	Checkup engawa.Checkup // as it stands now, with the turn that the step was taken in
	Begins  bool           // it begins a check: what asked for one is answered
	Next    time.Time      // when the next step may be taken; zero: at once, by the same node
	Events  []engawa.Event // what was missing; as in Journal
	Ask     []string       // purchases about which the store is to be asked
	Looked  []string       // purchases about which it was asked
	Gap     *engawa.Gap    // of Events; what of them is fresh is counted in it
	Filled  bool           // no gap of the account is open any more
	Raise   []engawa.Task
	Close   []Closing
}

// ErrMoved says that another node went on with a check: the step did nothing.
var ErrMoved = errors.New("the check goes on elsewhere")

// StepCheckup keeps what a step of a check did, all of it or nothing, and returns
// the checkup for the next one. What of Events was there already is not missing.
// It is ErrMoved where another node took the check over.
func (s *Store) StepCheckup(ctx context.Context, st CheckupStep) (engawa.Checkup, error) {
	c := st.Checkup
	err := s.sealTx(ctx, []string{c.Workspace}, func(t *tx) error {
		n, err := t.exec(`UPDATE checkup SET turn = turn + 1, next_at = 0 WHERE workspace = $1 AND account = $2 AND turn = $3`, c.Workspace, c.Account, st.Checkup.Turn)
		if err == nil && n == 0 {
			err = ErrMoved
		}
		if err != nil {
			return err
		}
		c = st.Checkup
		c.Turn++
		if err := t.fill(&c, st); err != nil {
			return err
		}
		for _, k := range st.Raise {
			if err := t.raise(k); err != nil {
				return err
			}
		}
		for _, x := range st.Close {
			if err := t.closeTask(c.Workspace, x); err != nil {
				return err
			}
		}
		return t.keepCheckup(c, st)
	})
	if err != nil {
		return st.Checkup, fmt.Errorf("check %s: %w", c.Account, err)
	}
	if len(st.Events)+len(st.Raise) > 0 {
		s.wakeUp("", "")
	}
	return c, nil
}

// fill enters what was missing, and marks the purchases.
func (t *tx) fill(c *engawa.Checkup, st CheckupStep) error {
	out, slots := make([]Journaled, len(st.Events)), make([]slot, len(st.Events))
	for i, e := range st.Events {
		slots[i] = slot{e, &out[i]}
	}
	if len(slots) > 0 {
		if err := t.journal(slots); err != nil {
			return err
		}
		if err := t.notify("", ""); err != nil {
			return err
		}
	}
	fresh := 0
	for _, j := range out {
		if j.Fresh {
			fresh++
		}
	}
	if c.Now != nil {
		work := *c.Now // the step may be tried again
		work.Missed += fresh
		c.Now = &work
	}
	if len(st.Ask) > 0 {
		if _, err := t.exec(`UPDATE purchase SET ask_at = $3 WHERE workspace = $1 AND id {in $2} AND ask_at = 0`, c.Workspace, t.list(st.Ask), now()); err != nil {
			return err
		}
	}
	if len(st.Looked) > 0 {
		if _, err := t.exec(`UPDATE purchase SET ask_at = 0, checked_at = $3 WHERE workspace = $1 AND id {in $2}`, c.Workspace, t.list(st.Looked), now()); err != nil {
			return err
		}
	}
	if st.Filled {
		if _, err := t.exec(`UPDATE gap SET filled_at = $3 WHERE workspace = $1 AND account = $2 AND filled_at = 0`, c.Workspace, c.Account, now()); err != nil {
			return err
		}
	}
	if st.Gap == nil || fresh == 0 {
		return nil
	}
	return t.keepGap(*st.Gap, fresh)
}

func (t *tx) keepGap(g engawa.Gap, fresh int) error {
	_, err := t.exec(`INSERT INTO gap (workspace, id, account, cause, from_at, to_at, missed, found_at, filled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
		ON CONFLICT (workspace, id) DO UPDATE SET missed = gap.missed + excluded.missed,
			from_at = CASE WHEN excluded.from_at < gap.from_at THEN excluded.from_at ELSE gap.from_at END,
			to_at = CASE WHEN excluded.to_at > gap.to_at THEN excluded.to_at ELSE gap.to_at END`,
		g.Workspace, g.ID, g.Account, string(g.Cause), us(g.From), us(g.To), fresh, us(g.FoundAt))
	return err
}

// keepCheckup writes a checkup. What was asked for and noticed meanwhile by
// others stays, unless the step begins a check.
func (t *tx) keepCheckup(c engawa.Checkup, st CheckupStep) error {
	work, err := writeCheck(c.Now)
	if err != nil {
		return err
	}
	last, err := writeCheck(c.Last)
	if err != nil {
		return err
	}
	next := st.Next
	if next.IsZero() {
		next = time.Now().Add(checkupLease)
	}
	_, err = t.exec(`UPDATE checkup SET known_to = $3, night_at = $4, peek_at = $5, trouble = $6, trouble_at = $7, work = $8, last = $9,
			asked = CASE WHEN $10 THEN FALSE ELSE asked END, absent_from = CASE WHEN $10 THEN 0 ELSE absent_from END,
			next_at = CASE WHEN $8 = '' AND $6 = '' AND (asked OR absent_from > 0) THEN 0 ELSE CAST($11 AS BIGINT) END
		WHERE workspace = $1 AND account = $2`,
		c.Workspace, c.Account, us(c.KnownTo), us(c.NightAt), us(c.PeekAt), string(c.Trouble), us(c.TroubleAt), work, last, st.Begins, us(next))
	return err
}

// Checkup returns what is known of an account's hearing.
func (s *Store) Checkup(ctx context.Context, workspace, account string) (c engawa.Checkup, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		c, err = one(t, scanCheckup, `SELECT `+checkupColumns+` FROM checkup WHERE workspace = $1 AND account = $2`, workspace, account)
		return found("checkup", err)
	})
	return c, err
}

// AskCheckup has an account checked now. While a check is under way another
// follows it; one that rests for longer goes on.
func (s *Store) AskCheckup(ctx context.Context, workspace, account string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("account that is checked", `UPDATE checkup SET asked = TRUE, next_at = CASE WHEN work = '' OR next_at > $3 THEN 0 ELSE next_at END
			WHERE workspace = $1 AND account = $2`, workspace, account, us(time.Now().Add(checkupLease))); err != nil {
			return err
		}
		return t.noted(workspace, "check-account", account, "")
	})
}

// Gaps returns the latest gaps of an account.
func (s *Store) Gaps(ctx context.Context, workspace, account string, limit int) (gs []engawa.Gap, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		gs, err = all(t, scanGap, `SELECT workspace, id, account, cause, from_at, to_at, missed, found_at, filled_at FROM gap
			WHERE workspace = $1 AND account = $2 ORDER BY found_at DESC, id DESC LIMIT `+strconv.Itoa(limit), workspace, account)
		return err
	})
	return gs, err
}

func scanGap(scan func(...any) error) (g engawa.Gap, err error) {
	var from, to, found, filled int64
	err = scan(&g.Workspace, &g.ID, &g.Account, &g.Cause, &from, &to, &g.Missed, &found, &filled)
	g.From, g.To, g.FoundAt, g.FilledAt = at(from), at(to), at(found), at(filled)
	return g, err
}

// Journalled returns those of an account's dedup keys that the journal has.
func (s *Store) Journalled(ctx context.Context, workspace, account string, keys []string) (map[string]bool, error) {
	has := map[string]bool{}
	if len(keys) == 0 {
		return has, nil
	}
	err := s.view(ctx, workspace, func(t *tx) error {
		there, err := all(t, scanString, `SELECT dedup FROM event WHERE workspace = $1 AND account = $2 AND dedup {in $3}`, workspace, account, t.list(keys))
		for _, key := range there {
			has[key] = true
		}
		return err
	})
	return has, err
}

// Doubt says which purchases of an account the store is to be asked about: those
// that something missing told of, and, if Old is set, also subscriptions that were
// to renew or end by now, and living ones that were last checked before Old.
type Doubt struct {
	Workspace, Account string
	After              string    // id of the last that was asked about
	Before             time.Time // those checked since are clear
	Old                time.Time
	Limit              int
}

// Doubtful returns purchases in doubt, by id, and of which of them something was
// missing.
func (s *Store) Doubtful(ctx context.Context, d Doubt) (ps []engawa.Purchase, missed map[string]bool, err error) {
	missed = map[string]bool{}
	err = s.view(ctx, d.Workspace, func(t *tx) error {
		const own = `workspace = $1 AND account = $2 AND id > $3 AND checked_at < $4`
		const living = `kind = '` + renewing + `' AND state IN ('active', 'billing_grace_period', 'billing_retry')
			AND (checked_at < $5 OR ends_at > 0 AND ends_at < $6 AND state <> 'billing_retry')`
		which, args := `ask_at > 0`, []any{d.Workspace, d.Account, d.After, us(d.Before)}
		if !d.Old.IsZero() {
			which, args = `(ask_at > 0 OR `+living+`)`, append(args, us(d.Old), us(d.Before))
		}
		rows, err := all(t, func(scan func(...any) error) (purchaseRow, error) {
			var ask int64
			r, err := scanPurchase(func(to ...any) error { return scan(append(to, &ask)...) })
			if ask > 0 {
				missed[r.ID] = true
			}
			return r, err
		}, `SELECT `+purchaseColumns+`, ask_at FROM purchase WHERE `+own+` AND `+which+` ORDER BY id LIMIT `+strconv.Itoa(d.Limit), args...)
		if err != nil {
			return err
		}
		ps, err = t.openPurchases(d.Workspace, rows)
		return err
	})
	return ps, missed, err
}
