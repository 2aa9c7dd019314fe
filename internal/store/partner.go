package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// AddPartner stores a partner.
func (s *Store) AddPartner(ctx context.Context, p engawa.Partner) error {
	sender, err := json.Marshal(p.Sender)
	if err != nil {
		return fmt.Errorf("add partner %s: %w", p.ID, err)
	}
	return s.inTx(ctx, p.Workspace, func(t *tx) error {
		_, err := t.exec(`INSERT INTO partner (workspace, id, name, sender, created_at) VALUES ($1, $2, $3, $4, $5)`,
			p.Workspace, p.ID, p.Name, string(sender), us(p.CreatedAt))
		if err != nil {
			return err
		}
		return t.noted(p.Workspace, "create-partner", p.ID, "")
	})
}

// grantTerms is what a grant allows, as stored.
type grantTerms struct {
	Scopes   []string         `json:"scopes"`
	Apps     []string         `json:"apps"`
	Channels []string         `json:"channels"`
	Purposes []engawa.Purpose `json:"purposes"`
	Day      int              `json:"quota_day"`
	Month    int              `json:"quota_month"`
}

// AddGrant stores a grant.
func (s *Store) AddGrant(ctx context.Context, g engawa.Grant) error {
	terms, err := json.Marshal(grantTerms{g.Scopes, g.Apps, g.Channels, g.Purposes, g.QuotaDay, g.QuotaMonth})
	if err != nil {
		return fmt.Errorf("add grant %s: %w", g.ID, err)
	}
	return s.inTx(ctx, g.Workspace, func(t *tx) error {
		_, err := t.exec(`INSERT INTO partner_grant (workspace, id, partner, terms, starts_at, ends_at, version) VALUES ($1, $2, $3, $4, $5, $6, 1)`,
			g.Workspace, g.ID, g.Partner, string(terms), us(g.StartsAt), us(g.EndsAt))
		if err == nil {
			err = t.retellAll(g.Workspace, g.Partner)
		}
		if err != nil {
			return err
		}
		return t.noted(g.Workspace, "create-grant", g.ID, g.Partner)
	})
}

// EndGrant ends a grant now: also for what is queued, since every claim asks.
func (s *Store) EndGrant(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("grant that is still open", `UPDATE partner_grant SET ended_at = $3, version = version + 1
			WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, id, now()); err != nil {
			return err
		}
		partner, err := one(t, scanString, `SELECT partner FROM partner_grant WHERE workspace = $1 AND id = $2`, workspace, id)
		if err == nil {
			err = t.retellAll(workspace, partner)
		}
		if err != nil {
			return err
		}
		return t.noted(workspace, "end-grant", id, "")
	})
}

// Partners returns a workspace's partners, oldest first, without those that ended.
func (s *Store) Partners(ctx context.Context, workspace string) (ps []engawa.Partner, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err = t.partners(workspace)
		return err
	})
	return ps, err
}

const partnerColumns = `workspace, id, name, sender, created_at, ended_at`

func scanPartner(scan func(...any) error) (p engawa.Partner, err error) {
	var sender string
	var created, ended int64
	if err := scan(&p.Workspace, &p.ID, &p.Name, &sender, &created, &ended); err != nil {
		return p, err
	}
	p.CreatedAt, p.EndedAt = at(created), at(ended)
	return p, json.Unmarshal([]byte(sender), &p.Sender)
}

func (t *tx) partners(workspace string) ([]engawa.Partner, error) {
	return all(t, scanPartner, `SELECT `+partnerColumns+` FROM partner WHERE workspace = $1 AND ended_at = 0 ORDER BY created_at, id`, workspace)
}

// EndedPartners returns the partners that ended, the last one first.
func (s *Store) EndedPartners(ctx context.Context, workspace string) (ps []engawa.Partner, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err = all(t, scanPartner, `SELECT `+partnerColumns+` FROM partner WHERE workspace = $1 AND ended_at > 0 ORDER BY ended_at DESC, id`, workspace)
		return err
	})
	return ps, err
}

// Partner returns one partner, also one that ended.
func (s *Store) Partner(ctx context.Context, workspace, id string) (p engawa.Partner, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		p, err = one(t, scanPartner, `SELECT `+partnerColumns+` FROM partner WHERE workspace = $1 AND id = $2`, workspace, id)
		return found("partner", err)
	})
	return p, err
}

// PartnersOf returns the workspaces that have partners, for work on their lists.
func (s *Store) PartnersOf(ctx context.Context) (workspaces []string, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		workspaces, err = all(t, scanString, `SELECT workspace FROM partner GROUP BY workspace ORDER BY workspace`)
		return err
	})
	return workspaces, err
}

// Grants returns a workspace's grants, ended ones too, the newest first.
func (s *Store) Grants(ctx context.Context, workspace string) (gs []engawa.Grant, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		gs, err = t.allGrants(workspace)
		return err
	})
	return gs, err
}

func (t *tx) allGrants(workspace string) ([]engawa.Grant, error) {
	return all(t, scanGrant, `SELECT `+grantColumns+` FROM partner_grant WHERE workspace = $1 ORDER BY starts_at DESC, id DESC`, workspace)
}

const grantColumns = `workspace, id, partner, terms, starts_at, ends_at, ended_at, version`

func scanGrant(scan func(...any) error) (g engawa.Grant, err error) {
	var text string
	var starts, ends, ended int64
	if err := scan(&g.Workspace, &g.ID, &g.Partner, &text, &starts, &ends, &ended, &g.Version); err != nil {
		return g, err
	}
	var terms grantTerms
	err = json.Unmarshal([]byte(text), &terms)
	g.Scopes, g.Apps, g.Channels, g.Purposes, g.QuotaDay, g.QuotaMonth = terms.Scopes, terms.Apps, terms.Channels, terms.Purposes, terms.Day, terms.Month
	g.StartsAt, g.EndsAt, g.EndedAt = at(starts), at(ends), at(ended)
	return g, err
}

// MostSecrets is how many secrets of a partner work at once: the one in use, and
// the one that it changes over to.
const MostSecrets = 2

// AddSecret stores a partner's client secret. It is refused beside MostSecrets
// that work, and for a partner that ended.
func (s *Store) AddSecret(ctx context.Context, k APIKey) error {
	err := s.inTx(ctx, k.Workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM partner WHERE workspace = $1 AND id = $2 AND ended_at = 0 {lock}`, k.Workspace, k.Partner); err != nil {
			return found("partner", err)
		}
		n, err := one(t, scanInt, `SELECT count(*) FROM api_key WHERE workspace = $1 AND partner <> '' AND partner = $2 AND revoked_at = 0 AND ends_at > $3`, k.Workspace, k.Partner, now())
		if err == nil && n >= MostSecrets {
			err = &engawa.Error{
				Code: engawa.CodeConflict, Message: fmt.Sprintf("%d secrets of this partner work; more cannot", n),
				Remedy: "revoke the one that is no longer used first",
			}
		}
		if err != nil {
			return err
		}
		return t.addKey(k)
	})
	if err != nil {
		return fmt.Errorf("add secret %s: %w", k.ID, err)
	}
	return nil
}

// Client is a partner as its credentials stand for it.
type Client struct {
	Key     APIKey // the secret, by whose id it was found
	Partner engawa.Partner
	Grants  []engawa.Grant // ended ones too, the newest first
}

// Client returns whom a client secret's id stands for, of whichever workspace; the
// zero Client where there is none. It is read anew for each request: what was
// revoked or ended is so for the next one, on every node.
func (s *Store) Client(ctx context.Context, secret string) (c Client, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		keys, err := all(t, scanKey, `SELECT `+keyColumns+` FROM directory d JOIN api_key k ON k.workspace = d.workspace AND k.id = d.public_id
			WHERE d.public_id = $1 AND d.kind = 'key' AND k.partner <> ''`, secret)
		if err != nil || len(keys) == 0 {
			return err
		}
		c.Key = keys[0]
		ps, err := all(t, scanPartner, `SELECT `+partnerColumns+` FROM partner WHERE workspace = $1 AND id = $2 AND ended_at = 0`, c.Key.Workspace, c.Key.Partner)
		if err != nil || len(ps) == 0 {
			c = Client{}
			return err
		}
		c.Partner = ps[0]
		c.Grants, err = all(t, scanGrant, `SELECT `+grantColumns+` FROM partner_grant WHERE workspace = $1 AND partner = $2 ORDER BY starts_at DESC, id DESC`, c.Key.Workspace, c.Key.Partner)
		return err
	})
	return c, err
}

// Uses returns a partner's grants with how much of their quotas was used.
func (s *Store) Uses(ctx context.Context, workspace, partner string) (gs []engawa.GrantFacts, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		w, err := t.world(workspace, []Ask{{Message: engawa.Message{Workspace: workspace, Partner: partner}}}, nil, false)
		if err == nil {
			gs = w.grants[partner]
		}
		return err
	})
	return gs, err
}

// EnqueueFor stores a partner's message to a handle. One that ended meanwhile is
// CodeNotFound, as for Subscriber.
func (s *Store) EnqueueFor(ctx context.Context, m NewMessage, handle string) error {
	var lanes laneSet
	g := m.Message
	err := s.sealTx(ctx, []string{g.Workspace}, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM handle WHERE workspace = $1 AND id = $2 AND partner = $3 AND customer = $4 AND ended_at = 0 {share}`,
			g.Workspace, handle, g.Partner, g.Customer); err != nil {
			return found("subscriber", err)
		}
		var left int
		var err error
		if lanes, left, err = t.enqueue([]NewMessage{m}); err == nil && left > 0 {
			err = engawa.NotFound("subscriber")
		}
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO partner_message (workspace, message, partner, app, handle, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			g.Workspace, g.ID, g.Partner, g.App, handle, us(g.CreatedAt))
		return err
	})
	if err != nil {
		return unavailable(fmt.Errorf("enqueue: %w", err))
	}
	lanes.wake(s)
	return nil
}

// PartnerMessage is a message as its partner knows it.
type PartnerMessage struct {
	ID        string
	App       string
	Handle    string
	Purpose   engawa.Purpose
	State     engawa.MessageState
	Outcome   engawa.Outcome // of the early verdict
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PartnerMessageFilter narrows a list of a partner's messages; empty fields do not.
type PartnerMessageFilter struct{ ID, App, Handle, State string }

// PartnerMessages returns a page of a partner's messages, newest first.
func (s *Store) PartnerMessages(ctx context.Context, workspace, partner string, f PartnerMessageFilter, p Page) (ms []PartnerMessage, err error) {
	var w where
	w.and(`p.workspace = ?`, workspace)
	w.and(`p.partner = ?`, partner)
	w.and(`(p.created_at, p.message) < (?, ?)`, p.before(), p.ID)
	for _, c := range [...]struct{ text, value string }{{`p.message = ?`, f.ID}, {`p.app = ?`, f.App}, {`p.handle = ?`, f.Handle}, {messageState + ` = ?`, f.State}} {
		if c.value != "" {
			w.and(c.text, c.value)
		}
	}
	err = s.view(ctx, workspace, func(t *tx) error {
		ms, err = all(t, func(scan func(...any) error) (m PartnerMessage, err error) {
			var created, expires int64
			err = scan(&m.ID, &m.App, &m.Handle, &m.Purpose, &m.State, &m.Outcome, &created, &expires)
			m.CreatedAt, m.ExpiresAt = at(created), at(expires)
			return m, err
		}, `SELECT p.message, p.app, p.handle, message.purpose, `+messageState+`, message.outcome, p.created_at, message.expires_at FROM partner_message p
			JOIN message ON message.workspace = p.workspace AND message.id = p.message `+w.text+fmt.Sprintf(` ORDER BY p.created_at DESC, p.message DESC LIMIT %d`, p.limit()), w.args...)
		return err
	})
	return ms, err
}
