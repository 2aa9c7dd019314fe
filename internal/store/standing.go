package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// Complained is what those who got a partner's mail said of it.
type Complained struct {
	Partner    string
	Level      engawa.Repute
	SetBy      string // who set Level; empty: the numbers
	Reason     string // of a person
	Since      time.Time
	From       time.Time // from when on it is counted
	Sent       int64     // mails handed over
	Marketing  int64     // of these, marketing
	Complaints int64
}

// ComplaintsFor is how far back complaints count.
const ComplaintsFor = 30 * 24 * time.Hour

// ComplaintDay is one day of the workspace's zone.
type ComplaintDay struct {
	Day        time.Time // its midnight
	Complaints int64
	Sent       int64
}

// StandingTask asks a person about a partner of whose mail too many complain. Its
// ref is the partner; lifting the stop closes it.
const StandingTask = "partner.complaints"

// WatchComplaints counts mails and complaints of those of a workspace's partners of
// whose mail somebody complained or who do not stand well, and stores the level that
// decide answers where it is another one. What became worse is told and asks a
// person. decide is pure.
func (s *Store) WatchComplaints(ctx context.Context, workspace string, decide func(Complained) engawa.Repute) error {
	var partners []string
	err := s.view(ctx, workspace, func(t *tx) (err error) {
		partners, err = all(t, scanString, `SELECT m.partner FROM event e JOIN message m ON m.workspace = e.workspace AND m.id = e.subject
			WHERE e.workspace = $1 AND e.type = 'mail.complained' AND e.received_at >= $2 AND m.partner <> ''
			UNION SELECT partner FROM partner_standing WHERE workspace = $1 AND level <> ''`, workspace, us(time.Now().Add(-ComplaintsFor)))
		return err
	})
	if err == nil && len(partners) > 0 {
		err = s.stand(ctx, workspace, partners, decide)
	}
	if err != nil {
		return fmt.Errorf("watch complaints of %s: %w", workspace, err)
	}
	return nil
}

func (s *Store) stand(ctx context.Context, workspace string, partners []string, decide func(Complained) engawa.Repute) error {
	return s.sealTx(ctx, []string{workspace}, func(t *tx) error {
		for _, p := range partners {
			c, err := t.complained(workspace, p, "{lock}")
			if err != nil {
				return err
			}
			if to := decide(c); to != c.Level {
				if err := t.stands(workspace, c, to); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Complaints returns what those who got a partner's mail said of it.
func (s *Store) Complaints(ctx context.Context, workspace, partner string) (c Complained, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM partner WHERE workspace = $1 AND id = $2`, workspace, partner); err != nil {
			return found("partner", err)
		}
		c, err = t.complained(workspace, partner, "")
		return err
	})
	return c, err
}

func (t *tx) complained(workspace, partner, lock string) (Complained, error) {
	c := Complained{Partner: partner, From: time.Now().UTC().Add(-ComplaintsFor)}
	kept, err := all(t, func(scan func(...any) error) (k Complained, err error) {
		var since, from int64
		err = scan(&k.Level, &k.SetBy, &k.Reason, &since, &from)
		k.Since, k.From = at(since), at(from)
		return k, err
	}, `SELECT level, set_by, reason, since, counted_from FROM partner_standing WHERE workspace = $1 AND partner = $2 `+lock, workspace, partner)
	if err != nil {
		return c, err
	}
	for _, k := range kept {
		c.Level, c.SetBy, c.Reason, c.Since = k.Level, k.SetBy, k.Reason, k.Since
		if k.From.After(c.From) {
			c.From = k.From
		}
	}
	type counts struct{ sent, marketing int64 }
	n, err := one(t, func(scan func(...any) error) (n counts, err error) { return n, scan(&n.sent, &n.marketing) },
		`SELECT count(*), count(CASE WHEN d.class = 'marketing' THEN 1 END) FROM delivery d JOIN account a ON a.workspace = d.workspace AND a.id = d.account
			WHERE d.workspace = $1 AND d.partner = $2 AND d.partner <> '' AND d.handed_at > 0 AND d.handed_at >= $3 AND a.kind = 'mail'`, workspace, partner, us(c.From))
	if err != nil {
		return c, err
	}
	c.Sent, c.Marketing = n.sent, n.marketing
	c.Complaints, err = one(t, scanInt, `SELECT count(DISTINCT m.id) FROM event e JOIN message m ON m.workspace = e.workspace AND m.id = e.subject
		WHERE e.workspace = $1 AND e.type = 'mail.complained' AND e.received_at >= $3 AND m.partner = $2`, workspace, partner, us(c.From))
	return c, err
}

// ComplaintDays returns the days of the last thirty on which somebody complained,
// the last one first.
func (s *Store) ComplaintDays(ctx context.Context, workspace, partner string) (days []ComplaintDay, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		w, err := t.workspace(workspace)
		if err != nil {
			return err
		}
		zone, err := engawa.Zone(w.Zone)
		if err != nil {
			return fmt.Errorf("zone of workspace: %w", err)
		}
		came, err := all(t, scanInt, `SELECT max(e.received_at) FROM event e JOIN message m ON m.workspace = e.workspace AND m.id = e.subject
			WHERE e.workspace = $1 AND e.type = 'mail.complained' AND e.received_at >= $3 AND m.partner = $2 GROUP BY m.id ORDER BY max(e.received_at) DESC`,
			workspace, partner, us(time.Now().Add(-ComplaintsFor)))
		if err != nil {
			return err
		}
		for _, when := range came {
			y, m, d := at(when).In(zone).Date()
			day := time.Date(y, m, d, 0, 0, 0, 0, zone)
			if len(days) == 0 || !days[len(days)-1].Day.Equal(day) {
				sent, err := one(t, scanInt, `SELECT count(*) FROM delivery d JOIN account a ON a.workspace = d.workspace AND a.id = d.account
					WHERE d.workspace = $1 AND d.partner = $2 AND d.partner <> '' AND d.handed_at > 0 AND d.handed_at >= $3 AND d.handed_at < $4 AND a.kind = 'mail'`,
					workspace, partner, us(day), us(day.AddDate(0, 0, 1)))
				if err != nil {
					return err
				}
				days = append(days, ComplaintDay{Day: day.UTC(), Sent: sent})
			}
			days[len(days)-1].Complaints++
		}
		return nil
	})
	return days, err
}

// slowTo is the part of a partner's usual marketing that goes while it is slowed.
const slowTo = 4

// stands stores how a partner stands by its numbers, and asks a person where it
// became worse.
func (t *tx) stands(workspace string, c Complained, to engawa.Repute) error {
	days := max(int64(time.Since(c.From)/(24*time.Hour)), 1)
	most := max(c.Marketing/days/slowTo, 1)
	if err := t.must("save standing", `INSERT INTO partner_standing (workspace, partner, level, set_by, reason, since, counted_from, cap) VALUES ($1, $2, $3, '', '', $4, 0, $5)
		ON CONFLICT (workspace, partner) DO UPDATE SET level = excluded.level, set_by = '', reason = '', since = excluded.since, cap = excluded.cap`,
		workspace, c.Partner, string(to), now(), most); err != nil {
		return err
	}
	if !to.WorseThan(c.Level) {
		return nil
	}
	sent, complaints := strconv.FormatInt(c.Sent, 10), strconv.FormatInt(c.Complaints, 10)
	when := time.Now()
	if err := t.raise(engawa.Task{
		Workspace: workspace, Kind: StandingTask, Ref: c.Partner, DueAt: when.Add(24 * time.Hour),
		Args: map[string]string{"partner": c.Partner, "level": string(to), "sent": sent, "complaints": complaints},
	}); err != nil {
		return err
	}
	if err := t.report(engawa.Event{Workspace: workspace, Type: StandingTask, DedupKey: fmt.Sprintf("%s:%s:%d", c.Partner, to, us(when))},
		map[string]string{"partner": c.Partner, "level": string(to), "sent": sent, "complaints": complaints}); err != nil {
		return err
	}
	return t.notify("", "")
}

// StopPartner stops a partner's marketing until somebody lifts that: a claim that
// comes after it refuses what waits. reason is a person's word.
func (s *Store) StopPartner(ctx context.Context, workspace, partner, reason string) error {
	return s.setStanding(ctx, workspace, partner, engawa.ReputeStopped, reason)
}

// LiftPartner lets a partner's marketing go on, and has complaints count anew.
func (s *Store) LiftPartner(ctx context.Context, workspace, partner, reason string) error {
	return s.setStanding(ctx, workspace, partner, engawa.ReputeGood, reason)
}

func (s *Store) setStanding(ctx context.Context, workspace, partner string, to engawa.Repute, reason string) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM partner WHERE workspace = $1 AND id = $2 AND ended_at = 0 {lock}`, workspace, partner); err != nil {
			return found("partner", err)
		}
		from := int64(0)
		if to == engawa.ReputeGood {
			from = now()
			if err := t.closeTask(workspace, Closing{Kind: StandingTask, Ref: partner}); err != nil {
				return err
			}
		}
		// Claims take grants first: one that is under way is waited for, and those after it see this.
		if _, err := all(t, scanString, `SELECT id FROM partner_grant WHERE workspace = $1 AND partner = $2 ORDER BY starts_at, id {lock}`, workspace, partner); err != nil {
			return err
		}
		if err := t.must("save standing", `INSERT INTO partner_standing (workspace, partner, level, set_by, reason, since, counted_from, cap) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
			ON CONFLICT (workspace, partner) DO UPDATE SET level = excluded.level, set_by = excluded.set_by, reason = excluded.reason, since = excluded.since,
				counted_from = CASE WHEN excluded.counted_from > 0 THEN excluded.counted_from ELSE partner_standing.counted_from END, cap = 0`,
			workspace, partner, string(to), firstSet(t.s.actor, "system"), reason, now(), from); err != nil {
			return err
		}
		if to == engawa.ReputeGood {
			return t.noted(workspace, "lift-partner", partner, reason)
		}
		return t.noted(workspace, "stop-partner", partner, reason)
	})
	if err != nil {
		return fmt.Errorf("set how %s stands: %w", partner, err)
	}
	return nil
}

// loadStandings loads how partners stand, and, of those that are slowed, how much of
// their marketing of the day was handed over.
func (t *tx) loadStandings(w *world, workspace string, partners []string) error {
	w.slowed, w.barred = map[string]int{}, map[string]bool{}
	if len(partners) == 0 {
		return nil
	}
	type row struct {
		partner string
		level   engawa.Repute
		most    int64
	}
	rows, err := all(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.partner, &r.level, &r.most) },
		`SELECT partner, level, cap FROM partner_standing WHERE workspace = $1 AND partner {in $2} AND level IN ('slowed', 'stopped')`, workspace, t.list(partners))
	for _, r := range rows {
		if w.barred[r.partner] = r.level == engawa.ReputeStopped; w.barred[r.partner] {
			continue
		}
		used, err := one(t, scanInt, `SELECT count(DISTINCT message) FROM delivery WHERE workspace = $1 AND partner = $2 AND partner <> '' AND handed_at > 0 AND handed_at >= $3 AND class = 'marketing'`,
			workspace, r.partner, us(w.day))
		if err != nil {
			return err
		}
		w.slowed[r.partner] = int(r.most - used)
	}
	return err
}

// SlowScope is the budget of a partner's marketing while it is slowed.
const SlowScope = "partner_day"

// stand says what a partner's standing means for its message m.
func (w *world) stand(m engawa.Message, f *engawa.Facts) {
	if m.Purpose.Class() != engawa.Marketing {
		return
	}
	if w.barred[m.Partner] {
		f.Stopped = true
	}
	if left, ok := w.slowed[m.Partner]; ok {
		if handed, again := w.handed[m.ID]; again && !handed.Before(w.day) {
			left++
		}
		f.Budgets = append(slices.Clip(f.Budgets), engawa.BudgetFacts{Scope: SlowScope, Remaining: left, ResetsAt: w.day.AddDate(0, 0, 1).UTC()})
	}
}
