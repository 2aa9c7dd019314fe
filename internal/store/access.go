package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// APIKey is a key as it is stored: the hash of its text, never the text.
type APIKey struct {
	Workspace string
	ID        string
	Name      string
	Hash      string // hexadecimal SHA-256
	Scopes    []string
	Member    string // whose role narrows it; empty: a system's
	Partner   string
	App       string // whose devices carry it; it opens nothing but /v1/app
	CreatedAt time.Time
	EndsAt    time.Time
	RevokedAt time.Time // zero: not revoked
	UsedAt    time.Time // the day of its last use, by UTC; zero: never
}

// AddKey stores an API key and makes it findable by its id.
func (s *Store) AddKey(ctx context.Context, k APIKey) error {
	if err := s.inTx(ctx, k.Workspace, func(t *tx) error { return t.addKey(k) }); err != nil {
		return fmt.Errorf("add key %s: %w", k.ID, err)
	}
	return nil
}

func (t *tx) addKey(k APIKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO api_key (workspace, id, name, hash, scopes, member, partner, app, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		k.Workspace, k.ID, k.Name, k.Hash, string(scopes), k.Member, k.Partner, k.App, us(k.CreatedAt), us(k.EndsAt)); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO directory (public_id, workspace, kind) VALUES ($1, $2, 'key')`, k.ID, k.Workspace); err != nil {
		return err
	}
	return t.noted(k.Workspace, "create-key", k.ID, strings.Join(k.Scopes, " "))
}

const keyColumns = `k.workspace, k.id, k.name, k.hash, k.scopes, k.member, k.partner, k.app, k.created_at, k.ends_at, k.revoked_at, k.used_day`

func scanKey(scan func(...any) error) (k APIKey, err error) {
	var scopes string
	var created, ends, revoked, used int64
	if err := scan(&k.Workspace, &k.ID, &k.Name, &k.Hash, &scopes, &k.Member, &k.Partner, &k.App, &created, &ends, &revoked, &used); err != nil {
		return k, err
	}
	k.CreatedAt, k.EndsAt, k.RevokedAt, k.UsedAt = at(created), at(ends), at(revoked), at(used)
	return k, json.Unmarshal([]byte(scopes), &k.Scopes)
}

// Key returns an API key by its id, of whichever workspace.
func (s *Store) Key(ctx context.Context, id string) (k APIKey, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		k, err = one(t, scanKey, `SELECT `+keyColumns+` FROM directory d JOIN api_key k ON k.workspace = d.workspace AND k.id = d.public_id
			WHERE d.public_id = $1 AND d.kind = 'key'`, id)
		return found("key", err)
	})
	return k, err
}

// Keys returns a workspace's API keys, the newest first, revoked ones too.
func (s *Store) Keys(ctx context.Context, workspace string) (ks []APIKey, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ks, err = all(t, scanKey, `SELECT `+keyColumns+` FROM api_key k WHERE k.workspace = $1 ORDER BY k.created_at DESC, k.id DESC`, workspace)
		return err
	})
	return ks, err
}

// RevokeKey ends a key. Nodes that remember it forget it within seconds.
func (s *Store) RevokeKey(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("key that is still valid", `UPDATE api_key SET revoked_at = $3 WHERE workspace = $1 AND id = $2 AND revoked_at = 0`, workspace, id, now()); err != nil {
			return err
		}
		return t.noted(workspace, "revoke-key", id, "")
	})
}

// UseKey notes the day on which a key was used, once a day. It has no line in
// the audit trail: what was done by the key has.
func (s *Store) UseKey(ctx context.Context, workspace, id string, when time.Time) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		_, err := t.exec(`UPDATE api_key SET used_day = $3 WHERE workspace = $1 AND id = $2 AND used_day < $3`, workspace, id, us(Day(when)))
		return err
	})
}

// Day is the beginning of a time's day by UTC, the grain in which the use of
// keys is kept.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// expect runs q; where it changes nothing, there is no such thing.
func (t *tx) expect(what, q string, args ...any) error {
	n, err := t.exec(q, args...)
	if err == nil && n == 0 {
		err = engawa.NotFound(what)
	}
	return err
}

// SignIn is a member with what lets the member in.
type SignIn struct {
	Member   engawa.Member
	Password string // a PHC string; empty: no password
	OIDC     string // issuer, a space, subject; empty: not linked
}

// AddMember stores a member, the mail address sealed.
// A mail address that another member has is a conflict.
func (s *Store) AddMember(ctx context.Context, in SignIn) error {
	if err := s.inTx(ctx, in.Member.Workspace, func(t *tx) error { return t.addMember(in) }); err != nil {
		return fmt.Errorf("add member %s: %w", in.Member.ID, err)
	}
	return nil
}

func (t *tx) addMember(in SignIn) error {
	m := in.Member
	ring, err := t.keys(m.Workspace, nil)
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(m.Workspace, "", "member", m.ID, []byte(m.Mail.Reveal()))
	if err != nil {
		return err
	}
	index, key := t.memberIndex(m.Workspace, m.Mail)
	n, err := t.exec(`INSERT INTO member (workspace, id, name, mail_index, key_id, role, locale, password, oidc_user, sealed, sealed_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (workspace, mail_index) DO NOTHING`,
		m.Workspace, m.ID, m.Name, index, key, string(m.Role), string(m.Locale), in.Password, in.OIDC, sealed, by, us(m.CreatedAt))
	if err == nil && n == 0 {
		err = &engawa.Error{Code: engawa.CodeConflict, Field: "/mail", Message: "a member with this mail address exists", Remedy: "change that member, or use another address"}
	}
	if err != nil {
		return err
	}
	return t.noted(m.Workspace, "add-member", m.ID, "role="+string(m.Role))
}

func (t *tx) memberIndex(workspace string, a engawa.Address) (index, key string) {
	return t.s.vault.Index(workspace, "address:member", foldAddress(a))
}

// signIns reads members who have not left, mail addresses opened.
func (t *tx) signIns(workspace, where string, args ...any) ([]SignIn, error) {
	ring, err := t.keys(workspace, nil)
	if err != nil {
		return nil, err
	}
	return all(t, func(scan func(...any) error) (in SignIn, err error) {
		var sealed []byte
		var by string
		var created int64
		m := &in.Member
		if err := scan(&m.Workspace, &m.ID, &m.Name, &m.Role, &m.Locale, &in.Password, &in.OIDC, &sealed, &by, &created); err != nil {
			return in, err
		}
		m.CreatedAt = at(created)
		plain, err := ring.open(workspace, by, "member", m.ID, sealed)
		m.Mail = engawa.Address(plain)
		return in, err
	}, `SELECT workspace, id, name, role, locale, password, oidc_user, sealed, sealed_by, created_at
		FROM member WHERE workspace = $1 AND ended_at = 0 `+where, append([]any{workspace}, args...)...)
}

// Member returns one member.
func (s *Store) Member(ctx context.Context, workspace, id string) (m engawa.Member, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		found, err := t.signIns(workspace, `AND id = $2`, id)
		if err == nil && len(found) == 0 {
			err = engawa.NotFound("member")
		}
		if err == nil {
			m = found[0].Member
		}
		return err
	})
	return m, err
}

// Members returns a workspace's members, oldest first.
func (s *Store) Members(ctx context.Context, workspace string) (ms []engawa.Member, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		found, err := t.signIns(workspace, `ORDER BY created_at, id`)
		for _, in := range found {
			ms = append(ms, in.Member)
		}
		return err
	})
	return ms, err
}

// Staff is a member as the page of members shows one.
type Staff struct {
	engawa.Member
	Password   bool      // there is one
	OIDC       bool      // tied to the OpenID provider
	SignedInAt time.Time // the last time; zero: never
	LinkUntil  time.Time // end of a sign-in link that was not used; zero: there is none
}

// Staff returns a workspace's members, oldest first, with how they come in.
func (s *Store) Staff(ctx context.Context, workspace string) (all []Staff, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		found, err := t.signIns(workspace, `ORDER BY created_at, id`)
		if err != nil {
			return err
		}
		times, err := t.comings(workspace)
		for _, in := range found {
			x := times[in.Member.ID]
			x.Member, x.Password, x.OIDC = in.Member, in.Password != "", in.OIDC != ""
			all = append(all, x)
		}
		return err
	})
	return all, err
}

// comings are the times of Staff, by member.
func (t *tx) comings(workspace string) (map[string]Staff, error) {
	rows, err := all(t, func(scan func(...any) error) (x Staff, err error) {
		var signed, until int64
		err = scan(&x.ID, &signed, &until)
		x.SignedInAt, x.LinkUntil = at(signed), at(until)
		return x, err
	}, `SELECT id, signed_in_at, COALESCE((SELECT MAX(ends_at) FROM session x WHERE x.workspace = member.workspace AND x.member = member.id
		AND x.kind = 'link' AND x.ends_at > $2), 0) FROM member WHERE workspace = $1 AND ended_at = 0`, workspace, now())
	byID := map[string]Staff{}
	for _, x := range rows {
		byID[x.ID] = x
	}
	return byID, err
}

// SignInsByMail returns the members with a mail address, of every workspace:
// whoever signs in has not said which.
func (s *Store) SignInsByMail(ctx context.Context, mail engawa.Address) ([]SignIn, error) {
	return s.signInsOf(ctx, func(t *tx, workspace string) ([]SignIn, error) {
		index, _ := t.memberIndex(workspace, mail)
		return t.signIns(workspace, `AND mail_index = $2`, index)
	})
}

// SignInsByOIDC returns the members linked to a user of an OpenID provider, as
// SignIn.OIDC names one, of every workspace.
func (s *Store) SignInsByOIDC(ctx context.Context, user string) ([]SignIn, error) {
	return s.signInsOf(ctx, func(t *tx, workspace string) ([]SignIn, error) {
		return t.signIns(workspace, `AND oidc_user = $2 AND oidc_user <> ''`, user)
	})
}

func (s *Store) signInsOf(ctx context.Context, find func(t *tx, workspace string) ([]SignIn, error)) (out []SignIn, err error) {
	ws, err := s.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range ws {
		err := s.view(ctx, w.ID, func(t *tx) error {
			found, err := find(t, w.ID)
			out = append(out, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ChangeMember replaces a member's name and language. The role is SetRole's: who
// changes their own name at the moment in which an owner takes a role away must
// not get it back.
func (s *Store) ChangeMember(ctx context.Context, m engawa.Member) error {
	return s.inTx(ctx, m.Workspace, func(t *tx) error {
		if err := t.expect("member", `UPDATE member SET name = $3, locale = $4 WHERE workspace = $1 AND id = $2 AND ended_at = 0`,
			m.Workspace, m.ID, m.Name, string(m.Locale)); err != nil {
			return err
		}
		return t.noted(m.Workspace, "change-member", m.ID, "")
	})
}

// SetRole replaces a member's role, from the member's next request on. The last
// owner of a workspace stays owner.
func (s *Store) SetRole(ctx context.Context, workspace, member string, role engawa.Role) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		owners, err := t.owners(workspace)
		if err != nil {
			return err
		}
		if role != engawa.Owner && slices.Equal(owners, []string{member}) {
			return errLastOwner()
		}
		if err := t.expect("member", `UPDATE member SET role = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, member, string(role)); err != nil {
			return err
		}
		return t.noted(workspace, "set-role", member, "role="+string(role))
	})
}

// owners takes the rows of a workspace's owners: of two owners who leave at once
// the second waits and sees that the first has gone.
func (t *tx) owners(workspace string) ([]string, error) {
	return all(t, scanString, `SELECT id FROM member WHERE workspace = $1 AND role = 'owner' AND ended_at = 0 ORDER BY id {lock}`, workspace)
}

func errLastOwner() error {
	return &engawa.Error{Code: engawa.CodeConflict, Field: "/role", Message: "the workspace would have no owner", Remedy: "make another member owner first"}
}

// SetPassword replaces a member's password, a PHC string, and ends the
// member's sessions: whoever knew the old one is out.
func (s *Store) SetPassword(ctx context.Context, workspace, member, phc string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("member", `UPDATE member SET password = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, member, phc); err != nil {
			return err
		}
		return t.endSessions(workspace, member)
	})
}

// LinkOIDC ties a member to a user of an OpenID provider, as SignIn.OIDC names one.
func (s *Store) LinkOIDC(ctx context.Context, workspace, member, user string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		return t.expect("member", `UPDATE member SET oidc_user = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, member, user)
	})
}

// EndMember lets a member leave: sessions, links and keys end with it, and open
// tasks are nobody's again. The last owner cannot leave.
func (s *Store) EndMember(ctx context.Context, workspace, member string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		owners, err := t.owners(workspace)
		if err != nil {
			return err
		}
		if slices.Equal(owners, []string{member}) {
			return errLastOwner()
		}
		if err := t.expect("member", `UPDATE member SET ended_at = $3, mail_index = 'ended ' || id, password = '', oidc_user = ''
			WHERE workspace = $1 AND id = $2 AND ended_at = 0`, workspace, member, now()); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE api_key SET revoked_at = $3 WHERE workspace = $1 AND member = $2 AND revoked_at = 0`, workspace, member, now()); err != nil {
			return err
		}
		if err := t.endSessions(workspace, member); err != nil {
			return err
		}
		if err := t.dropTasks(workspace, member); err != nil {
			return err
		}
		return t.noted(workspace, "end-member", member, "")
	})
}

// dropTasks gives back what a member had taken and not done.
func (t *tx) dropTasks(workspace, member string) error {
	ids, err := all(t, scanString, `SELECT id FROM task WHERE workspace = $1 AND state = 'open' AND assignee = $2 ORDER BY id {lock}`, workspace, member)
	for _, id := range ids {
		if _, err := t.exec(`UPDATE task SET assignee = '' WHERE workspace = $1 AND id = $2`, workspace, id); err != nil {
			return err
		}
		if err := t.addLine(workspace, id, TaskLine{Act: "assign"}); err != nil {
			return err
		}
	}
	return err
}

func (t *tx) endSessions(workspace, member string) error {
	_, err := t.exec(`DELETE FROM session WHERE workspace = $1 AND member = $2`, workspace, member)
	return err
}

// Session is a signed-in browser or a sign-in link, found by the hash of a
// token that is not stored.
type Session struct {
	Hash      string // hexadecimal SHA-256
	Workspace string
	Member    string
	CreatedAt time.Time
	SeenAt    time.Time
	EndsAt    time.Time // after it the row means nothing and may be swept
}

// The kinds of a session's row.
const (
	kindSession = "session"
	kindLink    = "link"
)

// AddSession stores a sign-in.
func (s *Store) AddSession(ctx context.Context, x Session) error {
	return s.inTx(ctx, x.Workspace, func(t *tx) error {
		if err := t.expect("member", `UPDATE member SET signed_in_at = $3 WHERE workspace = $1 AND id = $2 AND ended_at = 0`, x.Workspace, x.Member, us(x.CreatedAt)); err != nil {
			return err
		}
		return t.addSession(kindSession, x)
	})
}

// AddLink stores a sign-in link. A link of the member that was not used is void
// then: one that was sent to the wrong person is taken back by a new one.
func (s *Store) AddLink(ctx context.Context, x Session) error {
	return s.inTx(ctx, x.Workspace, func(t *tx) error {
		if _, err := one(t, scanString, `SELECT id FROM member WHERE workspace = $1 AND id = $2 AND ended_at = 0 {lock}`, x.Workspace, x.Member); err != nil {
			return found("member", err)
		}
		if _, err := t.exec(`DELETE FROM session WHERE workspace = $1 AND member = $2 AND kind = 'link'`, x.Workspace, x.Member); err != nil {
			return err
		}
		if err := t.addSession(kindLink, x); err != nil {
			return err
		}
		return t.noted(x.Workspace, "make-sign-in-link", x.Member, "")
	})
}

func (t *tx) addSession(kind string, x Session) error {
	_, err := t.exec(`INSERT INTO session (token_hash, workspace, member, kind, created_at, seen_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		x.Hash, x.Workspace, x.Member, kind, us(x.CreatedAt), us(x.SeenAt), us(x.EndsAt))
	return err
}

func (t *tx) session(kind, hash string) (Session, error) {
	return one(t, func(scan func(...any) error) (x Session, err error) {
		var created, seen, ends int64
		err = scan(&x.Hash, &x.Workspace, &x.Member, &created, &seen, &ends)
		x.CreatedAt, x.SeenAt, x.EndsAt = at(created), at(seen), at(ends)
		return x, err
	}, `SELECT token_hash, workspace, member, created_at, seen_at, ends_at FROM session WHERE token_hash = $1 AND kind = $2`, hash, kind)
}

// Session returns a sign-in by the hash of its token; CodeNotFound if there is none.
func (s *Store) Session(ctx context.Context, hash string) (x Session, err error) {
	err = s.view(ctx, everywhere, func(t *tx) error {
		x, err = t.session(kindSession, hash)
		return found("session", err)
	})
	return x, err
}

// TouchSession notes that a session was used.
func (s *Store) TouchSession(ctx context.Context, hash string, seen time.Time) error {
	return s.inTx(ctx, everywhere, func(t *tx) error {
		return t.expect("session", `UPDATE session SET seen_at = $2 WHERE token_hash = $1 AND kind = 'session'`, hash, us(seen))
	})
}

// EndSession signs out. A session that has ended already is no error.
func (s *Store) EndSession(ctx context.Context, hash string) error {
	return s.inTx(ctx, everywhere, func(t *tx) error {
		_, err := t.exec(`DELETE FROM session WHERE token_hash = $1 AND kind = 'session'`, hash)
		return err
	})
}

// UseLink returns a sign-in link and uses it up: of two who try, one gets
// CodeNotFound.
func (s *Store) UseLink(ctx context.Context, hash string) (x Session, err error) {
	err = s.inTx(ctx, everywhere, func(t *tx) error {
		if x, err = t.session(kindLink, hash); err != nil {
			return found("link", err)
		}
		return t.expect("link", `DELETE FROM session WHERE token_hash = $1 AND kind = 'link'`, hash)
	})
	return x, err
}
