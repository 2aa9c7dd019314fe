package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Custodial begins the types of events and the kinds of tasks that a check of the
// custody ledger raises; what was found follows. A task's ref is the entry.
const Custodial = "custody."

// custodyLease is how long a node may take to ask a provider before another does.
const custodyLease = 5 * time.Minute

// custodyTaskDue is how long a person has to look at what was found.
const custodyTaskDue = 24 * time.Hour

// CustodyLook is an entry whose provider is to be asked.
type CustodyLook struct {
	engawa.Custody

	turn int64
}

// DueCustody takes an entry whose provider is to be asked now, of any workspace: the
// one that has waited longest. Nobody else gets it before it is told what came of it
// (LookedAtCustody) or the lease is over. ok: there was one.
func (s *Store) DueCustody(ctx context.Context) (l CustodyLook, ok bool, err error) {
	type ref struct {
		workspace, id string
		turn          int64
	}
	var due []ref
	err = s.view(ctx, everywhere, func(t *tx) error {
		due, err = all(t, func(scan func(...any) error) (r ref, err error) { return r, scan(&r.workspace, &r.id, &r.turn) },
			`SELECT c.workspace, c.id, c.turn FROM custody c JOIN account a ON a.workspace = c.workspace AND a.id = c.account
			WHERE c.account <> '' AND c.ended_at = 0 AND c.next_at <= $1 AND a.enabled AND a.ended_at = 0 ORDER BY c.next_at, c.id LIMIT 20`, now())
		return err
	})
	for _, d := range due { // another node may have taken the first
		n := int64(0)
		err := s.inTx(ctx, d.workspace, func(t *tx) (err error) {
			if n, err = t.exec(`UPDATE custody SET next_at = $4, turn = turn + 1 WHERE workspace = $1 AND id = $2 AND turn = $3 AND ended_at = 0`,
				d.workspace, d.id, d.turn, us(time.Now().Add(custodyLease))); err != nil || n == 0 {
				return err
			}
			row, err := t.custody(d.workspace, d.id, "")
			l = CustodyLook{row.Custody, row.turn}
			return err
		})
		if err != nil {
			return CustodyLook{}, false, fmt.Errorf("take custody %s: %w", d.id, err)
		}
		if n == 1 {
			return l, true, nil
		}
	}
	return CustodyLook{}, false, err
}

// AskCustody has the provider of an entry's account asked at once.
func (s *Store) AskCustody(ctx context.Context, workspace, id string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		n, err := t.exec(`UPDATE custody SET next_at = 0 WHERE workspace = $1 AND id = $2 AND account <> '' AND ended_at = 0`, workspace, id)
		if err == nil && n == 0 {
			err = engawa.NotFound("entry of the ledger with an account")
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "ask-custody", id, "")
	})
	if err != nil {
		return fmt.Errorf("ask about custody %s: %w", id, err)
	}
	return nil
}

// HandedOver counts what was handed over on an account since a moment. What was made
// more than 15 days before it is not counted.
func (s *Store) HandedOver(ctx context.Context, workspace, account string, since time.Time) (n int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		all, err := one(t, scanInt, `SELECT count(*) FROM delivery WHERE workspace = $1 AND account = $2 AND attempts > 0 AND created_at >= $3 AND handed_at >= $4`,
			workspace, account, us(since.Add(-15*24*time.Hour)), us(since))
		n = int(all)
		return err
	})
	return n, err
}

// CustodySeen is what came of asking a provider.
type CustodySeen struct {
	Answered bool                  // it did; otherwise nothing is known
	Works    bool                  // it takes the credentials
	Facts    map[string]string     // what it says now
	Found    []engawa.CustodyFound // what is different
	Next     time.Time             // when it is asked again
}

// LookedAtCustody keeps what came of asking a provider: the facts, and for each
// finding a line, an event and a task. What goes on, was found already and not looked
// into only counts on its task. Credentials that work again settle by themselves what
// was found of them. Of an entry that another node took over it keeps nothing.
func (s *Store) LookedAtCustody(ctx context.Context, l CustodyLook, seen CustodySeen) error {
	err := s.inTx(ctx, l.Workspace, func(t *tx) error {
		c, err := t.custody(l.Workspace, l.ID, "{lock}")
		if err != nil || c.turn != l.turn {
			return err
		}
		if c.Silent++; seen.Answered {
			c.Silent, c.LookedAt, c.Facts = 0, time.Now(), seen.Facts
		}
		sealed, by, err := t.sealCustody(c.Custody)
		if err != nil {
			return err
		}
		if err := t.must("look at custody "+c.ID, `UPDATE custody SET next_at = $3, looked_at = $4, silent = $5, sealed = $6, sealed_by = $7 WHERE workspace = $1 AND id = $2`,
			c.Workspace, c.ID, us(seen.Next), us(c.LookedAt), int64(c.Silent), sealed, by); err != nil {
			return err
		}
		for _, f := range seen.Found {
			if err := t.findCustody(c.Custody, f); err != nil {
				return err
			}
		}
		if seen.Works {
			return t.worksAgain(c.Custody)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at custody %s: %w", l.ID, err)
	}
	return nil
}

// findCustody keeps a finding, tells of it and asks a person.
func (t *tx) findCustody(c engawa.Custody, f engawa.CustodyFound) error {
	if !f.GoesOn() || len(c.Open(f.What)) == 0 {
		id, err := t.addCustodyLine(c, engawa.CustodyLine{Found: &f}, nil)
		if err == nil {
			err = t.tellCustody(c, f, id)
		}
		if err != nil {
			return err
		}
	}
	return t.raise(engawa.Task{
		Workspace: c.Workspace, Kind: Custodial + f.What, Ref: c.ID, DueAt: time.Now().Add(custodyTaskDue), Args: map[string]string{"name": c.Name, "account": c.Account},
	})
}

// custodyTold is what an event tells of a finding.
type custodyTold struct {
	Custody struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Kind string `json:"kind"`
		URL  string `json:"url,omitempty"`
	} `json:"custody"`
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
}

func (t *tx) tellCustody(c engawa.Custody, f engawa.CustodyFound, line string) error {
	told := custodyTold{Was: f.Was, Is: f.Is}
	told.Custody.ID, told.Custody.Name, told.Custody.Kind, told.Custody.URL = c.ID, c.Name, c.Kind, t.s.URL("/custody/"+c.ID)
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	return t.tellOf(engawa.Event{Workspace: c.Workspace, Type: Custodial + f.What, DedupKey: "custody:" + line, Subject: "custody:" + c.ID, Data: data})
}

// worksAgain settles what was found of credentials.
func (t *tx) worksAgain(c engawa.Custody) error {
	for _, l := range c.Open(engawa.CustodyFailing) {
		step := engawa.CustodyStep{Key: engawa.CustodyStepFound, Found: l.ID}
		if _, err := t.addCustodyLine(c, engawa.CustodyLine{Done: &engawa.CustodyDone{Step: step}}, nil); err != nil {
			return err
		}
	}
	return t.closeTask(c.Workspace, Closing{Kind: Custodial + engawa.CustodyFailing, Ref: c.ID})
}

// settleFound closes the task of a finding that a person has looked into, if no other
// of its kind is open.
func (t *tx) settleFound(c engawa.Custody, step engawa.CustodyStep) error {
	i := slices.IndexFunc(c.Lines, func(l engawa.CustodyLine) bool { return l.Found != nil && l.ID == step.Found })
	if step.Key != engawa.CustodyStepFound || i < 0 {
		return nil
	}
	what := c.Lines[i].Found.What
	if slices.ContainsFunc(c.Open(what), func(l engawa.CustodyLine) bool { return l.ID != step.Found }) {
		return nil
	}
	return t.closeTask(c.Workspace, Closing{Kind: Custodial + what, Ref: c.ID})
}
