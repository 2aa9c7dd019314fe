package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

const poolColumns = `workspace, id, account, app, name, offer, product, word, most, ends_at, low_at, connect, created_at, closed_at`

func scanPool(scan func(...any) error) (p engawa.OfferPool, err error) {
	var ends, created, closed int64
	err = scan(&p.Workspace, &p.ID, &p.Account, &p.App, &p.Name, &p.Offer, &p.Product, &p.Word, &p.Most, &ends, &p.LowAt, &p.Connect, &created, &closed)
	p.EndsAt, p.CreatedAt, p.ClosedAt = at(ends), at(created), at(closed)
	return p, err
}

// AddOfferPool makes a pool; word is the code of one whose code is the same for
// all, else empty.
func (s *Store) AddOfferPool(ctx context.Context, p engawa.OfferPool, word engawa.Secret) error {
	err := s.inTx(ctx, p.Workspace, func(t *tx) error {
		_, err := t.account(p.Workspace, p.Account)
		if err != nil {
			return err
		}
		var sealed []byte
		by := ""
		if p.Word {
			if sealed, by, err = (keyring{vault: s.vault}).seal(p.Workspace, "", "offer_pool", p.ID, []byte(word.Reveal())); err != nil {
				return err
			}
		}
		if _, err := t.exec(`INSERT INTO offer_pool (`+poolColumns+`, sealed_by, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14, $15)`,
			p.Workspace, p.ID, p.Account, p.App, p.Name, p.Offer, p.Product, p.Word, p.Most, us(p.EndsAt), p.LowAt, p.Connect, us(p.CreatedAt), by, sealed); err != nil {
			return err
		}
		return t.noted(p.Workspace, "add-offer-pool", p.ID, p.Offer)
	})
	if err != nil {
		return fmt.Errorf("add offer pool %s: %w", p.ID, err)
	}
	return nil
}

// CloseOfferPool lets nothing be handed out of a pool any more. What was handed
// out stays its customers'.
func (s *Store) CloseOfferPool(ctx context.Context, workspace, id string) error {
	return s.inTx(ctx, workspace, func(t *tx) error {
		if err := t.expect("open offer pool", `UPDATE offer_pool SET closed_at = $3 WHERE workspace = $1 AND id = $2 AND closed_at = 0`, workspace, id, now()); err != nil {
			return err
		}
		return t.noted(workspace, "close-offer-pool", id, "")
	})
}

// PoolCounts is a pool with how many of its codes stand where. Free is what is
// left to hand out, -1 where there is no limit; of an ended pool nothing is.
type PoolCounts struct {
	engawa.OfferPool

	Free     int64
	Handed   int64 // and neither used nor ended
	Redeemed int64
	Lapsed   int64 // ended unused: in a customer's hands, or here
}

// OfferPools returns a workspace's pools with their counts, the newest first, at
// most 200.
func (s *Store) OfferPools(ctx context.Context, workspace string) (out []PoolCounts, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		out, err = t.pools(workspace, `ORDER BY created_at DESC, id DESC LIMIT 200`)
		return err
	})
	return out, err
}

// OfferPool returns one pool.
func (s *Store) OfferPool(ctx context.Context, workspace, id string) (p PoolCounts, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ps, err := t.pools(workspace, `AND id = $2`, id)
		if err == nil && len(ps) == 0 {
			err = engawa.NotFound("offer pool")
		}
		if err == nil {
			p = ps[0]
		}
		return err
	})
	return p, err
}

func (t *tx) pools(workspace, rest string, args ...any) ([]PoolCounts, error) {
	ps, err := all(t, scanPool, `SELECT `+poolColumns+` FROM offer_pool WHERE workspace = $1 `+rest, append([]any{workspace}, args...)...)
	out := make([]PoolCounts, len(ps))
	for i, p := range ps {
		if err == nil {
			out[i], err = t.countPool(p)
		}
	}
	return out, err
}

func (t *tx) countPool(p engawa.OfferPool) (c PoolCounts, err error) {
	c.OfferPool = p
	of, err := tally[engawa.OfferState](t, `SELECT state, count(*) FROM offer_code WHERE workspace = $1 AND pool = $2 GROUP BY state`, p.Workspace, p.ID)
	c.Free, c.Handed, c.Redeemed, c.Lapsed = int64(of[engawa.OfferFree]), int64(of[engawa.OfferHanded]), int64(of[engawa.OfferRedeemed]), int64(of[engawa.OfferLapsed])
	if p.Word {
		c.Free = -1
		if p.Most > 0 {
			c.Free = max(0, int64(p.Most)-c.Handed-c.Redeemed-c.Lapsed)
		}
	}
	if !time.Now().Before(p.EndsAt) {
		c.Lapsed, c.Handed, c.Free = c.Lapsed+c.Handed+max(0, c.Free), 0, 0
	}
	return c, err
}

func (t *tx) codeHash(workspace, account string, code engawa.Secret) (hash, key string) {
	return t.s.vault.Index(workspace, "offer_code:"+account, code.Reveal())
}

// KnownOfferCodes says of each code whether the account has it already, in
// whichever pool.
func (s *Store) KnownOfferCodes(ctx context.Context, workspace, account string, codes []engawa.Secret) (known []bool, err error) {
	known = make([]bool, len(codes))
	err = s.view(ctx, workspace, func(t *tx) error {
		for from := 0; from < len(codes); from += codesPart {
			part := codes[from:min(from+codesPart, len(codes))]
			at := map[string]int{}
			var hashes []string
			for i, c := range part {
				hash, _ := t.codeHash(workspace, account, c)
				at[hash] = from + i
				hashes = append(hashes, hash)
			}
			found, err := all(t, scanString, `SELECT code_hash FROM offer_code WHERE workspace = $1 AND account = $2 AND code_hash <> '' AND code_hash {in $3}`,
				workspace, account, t.list(hashes))
			if err != nil {
				return err
			}
			for _, hash := range found {
				known[at[hash]] = true
			}
		}
		return nil
	})
	return known, err
}

// codesPart is how many codes one statement takes: some 50 ms.
const codesPart = 1000

// AddOfferCodes puts codes that work once each into a pool and returns how many
// the account did not have yet. It takes a part at a time: told again after an
// interruption, it goes on.
func (s *Store) AddOfferCodes(ctx context.Context, p engawa.OfferPool, codes []engawa.Secret) (added int, err error) {
	for from := 0; from < len(codes); from += codesPart {
		err = s.inTx(ctx, p.Workspace, func(t *tx) error {
			n, err := t.addCodes(p, codes[from:min(from+codesPart, len(codes))])
			if err == nil && n > 0 {
				err = t.noted(p.Workspace, "add-offer-codes", p.ID, "n="+strconv.Itoa(n))
			}
			added += n
			return err
		})
		if err != nil {
			return added, fmt.Errorf("add codes to %s: %w", p.ID, err)
		}
	}
	return added, nil
}

// MakeOfferCodes writes down that the store's actor has n codes of a pool's offer
// made in App Store Connect. It comes first: what was made counts there, whether or
// not its codes ever come here.
func (s *Store) MakeOfferCodes(ctx context.Context, p engawa.OfferPool, n int) error {
	return s.inTx(ctx, p.Workspace, func(t *tx) error {
		return t.noted(p.Workspace, "make-offer-codes", p.ID, "n="+strconv.Itoa(n)+" offer="+p.Offer)
	})
}

func (t *tx) addCodes(p engawa.OfferPool, codes []engawa.Secret) (int, error) {
	if _, err := one(t, scanString, `SELECT id FROM offer_pool WHERE workspace = $1 AND id = $2 AND closed_at = 0 {lock}`, p.Workspace, p.ID); err != nil {
		return 0, found("open offer pool", err)
	}
	rows := make([][]any, len(codes))
	err := parallel(len(codes), func(i int) error {
		id := engawa.NewID(engawa.PrefixOfferCode)
		hash, key := t.codeHash(p.Workspace, p.Account, codes[i])
		sealed, by, err := keyring{vault: t.s.vault}.seal(p.Workspace, "", "offer_code", id, []byte(codes[i].Reveal()))
		rows[i] = []any{p.Workspace, id, p.ID, p.Account, p.Offer, hash, key, by, sealed}
		return err
	})
	if err != nil {
		return 0, err
	}
	return t.insert(`INSERT INTO offer_code (state, customer, reason, handed_by, handed_at, redeemed_at, workspace, id, pool, account, offer, code_hash, key_id, sealed_by, sealed)
		VALUES ('free', '', '', '', 0, 0, $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`, rows)
}

// HandOut asks for a code of an offer for a customer.
type HandOut struct {
	Workspace string
	Account   string
	Offer     string
	Customer  string
	Reason    engawa.OfferReason
	By        string // as OfferCode.By
}

// HandOut gives a customer a code of an offer, from the pool that ends first, and
// says whether it did so now: who has one gets the same again. When it returns,
// the code is the customer's for ever, whatever becomes of this node. A code that
// ended unused is replaced. Where few are left a person is asked for more.
//
// It is CodeConflict where none is left, and where the customer is no more.
func (s *Store) HandOut(ctx context.Context, h HandOut) (c engawa.OfferCode, fresh bool, err error) {
	err = s.sealTx(ctx, []string{h.Workspace}, func(t *tx) error {
		fresh = false
		if _, err := t.own(h.Workspace, h.Customer); err != nil { // one at a time for a customer
			return err
		}
		c, fresh, err = t.codeFor(h)
		return err
	})
	if err == nil && c.ID == "" {
		err = s.outOf(ctx, h)
	}
	if err != nil {
		return c, false, unavailable(fmt.Errorf("hand out a code of %s: %w", h.Offer, err))
	}
	return c, fresh, nil
}

// codeFor is the code that the customer has, or is given now; the zero code if
// none is left. The customer's row is locked.
func (t *tx) codeFor(h HandOut) (c engawa.OfferCode, fresh bool, err error) {
	if c, err = t.inHand(h); err != nil || c.ID != "" {
		return c, false, err
	}
	return t.takeCode(h)
}

// outOf asks for more codes, and says that none is left.
func (s *Store) outOf(ctx context.Context, h HandOut) error {
	if err := s.Raise(ctx, lowOn(h.Workspace, h.Account, h.Offer, 0)); err != nil {
		return err
	}
	return &engawa.Error{
		Code: engawa.CodeConflict, Message: "no code of the offer " + h.Offer + " is left, or those that are have ended",
		Remedy: "put new codes into a pool of this offer, on the page of offer codes",
	}
}

// lowOn is the task of who is to bring more codes of an offer.
func lowOn(workspace, account, offer string, left int64) engawa.Task {
	return engawa.Task{
		Workspace: workspace, Kind: "offer.low", Ref: account + " " + offer, Source: account,
		Args: map[string]string{"account": account, "offer": offer, "left": strconv.FormatInt(left, 10)},
	}
}

// inHand is the code that the customer has, the zero code if none; one that ended
// unused is put away.
func (t *tx) inHand(h HandOut) (engawa.OfferCode, error) {
	cs, err := t.codes(h.Workspace, `AND c.account = $2 AND c.offer = $3 AND c.customer = $4 AND c.state IN ('handed', 'redeemed')`, h.Account, h.Offer, h.Customer)
	if err != nil || len(cs) == 0 {
		return engawa.OfferCode{}, err
	}
	if c := cs[0]; c.State == engawa.OfferRedeemed || time.Now().Before(c.EndsAt) {
		return c, nil
	}
	return engawa.OfferCode{}, t.must("put a code away", `UPDATE offer_code SET state = 'lapsed' WHERE workspace = $1 AND id = $2 AND state = 'handed'`, h.Workspace, cs[0].ID)
}

// takeCode takes the first free code; the zero code if there is none.
func (t *tx) takeCode(h HandOut) (c engawa.OfferCode, fresh bool, err error) {
	pools, err := all(t, scanPool, `SELECT `+poolColumns+` FROM offer_pool WHERE workspace = $1 AND account = $2 AND offer = $3 AND closed_at = 0 AND ends_at > $4 ORDER BY ends_at, id`,
		h.Workspace, h.Account, h.Offer, now())
	ring := keyring{}
	if err == nil {
		ring, err = t.keys(h.Workspace, []string{h.Customer})
	}
	for _, p := range pools {
		if err != nil || c.ID != "" {
			break
		}
		c = engawa.OfferCode{
			Workspace: h.Workspace, Pool: p.ID, Account: h.Account, Offer: h.Offer, Customer: h.Customer, State: engawa.OfferHanded, Reason: h.Reason, By: h.By,
			EndsAt: p.EndsAt, HandedAt: time.Now().UTC().Truncate(time.Microsecond),
		}
		if p.Word {
			err = t.giveWord(ring, p, &c)
		} else {
			err = t.giveCode(ring, &c)
		}
	}
	if err != nil || c.ID == "" {
		return c, false, err
	}
	if err := t.warnOfLast(h, pools); err != nil {
		return c, false, err
	}
	return c, true, t.noted(h.Workspace, "hand-out-code", h.Customer, "offer="+h.Offer+" code="+c.ID+" reason="+string(h.Reason))
}

// giveCode has a free code of c's pool be the customer's, sealed by the
// customer's key. Codes that somebody else is taking are passed over.
func (t *tx) giveCode(ring keyring, c *engawa.OfferCode) error {
	type row struct {
		id, by string
		sealed []byte
	}
	r, err := one(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.id, &r.by, &r.sealed) },
		`SELECT id, sealed_by, sealed FROM offer_code WHERE workspace = $1 AND pool = $2 AND state = 'free' ORDER BY id LIMIT 1 {skip}`, c.Workspace, c.Pool)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	plain, err := ring.open(c.Workspace, r.by, "offer_code", r.id, r.sealed)
	if err != nil {
		return err
	}
	sealed, by, err := ring.seal(c.Workspace, c.Customer, "offer_code", r.id, plain)
	if err != nil {
		return err
	}
	c.ID, c.Code = r.id, engawa.Secret(plain)
	return t.must("hand out a code", `UPDATE offer_code SET state = 'handed', customer = $3, reason = $4, handed_by = $5, handed_at = $6, sealed_by = $7, sealed = $8
		WHERE workspace = $1 AND id = $2 AND state = 'free'`, c.Workspace, c.ID, c.Customer, string(c.Reason), c.By, us(c.HandedAt), by, sealed)
}

// giveWord writes down that the customer was given the pool's word, while it may
// be given.
func (t *tx) giveWord(ring keyring, p engawa.OfferPool, c *engawa.OfferCode) error {
	type row struct {
		by     string
		sealed []byte
	}
	r, err := one(t, func(scan func(...any) error) (r row, err error) { return r, scan(&r.by, &r.sealed) },
		`SELECT sealed_by, sealed FROM offer_pool WHERE workspace = $1 AND id = $2 {lock}`, p.Workspace, p.ID)
	if err != nil {
		return err
	}
	if p.Most > 0 {
		n, err := one(t, scanInt, `SELECT count(*) FROM offer_code WHERE workspace = $1 AND pool = $2`, p.Workspace, p.ID)
		if err != nil || n >= int64(p.Most) {
			return err
		}
	}
	plain, err := ring.open(p.Workspace, r.by, "offer_pool", p.ID, r.sealed)
	if err != nil {
		return err
	}
	id := engawa.NewID(engawa.PrefixOfferCode)
	sealed, by, err := ring.seal(p.Workspace, c.Customer, "offer_code", id, plain)
	if err != nil {
		return err
	}
	c.ID, c.Code = id, engawa.Secret(plain)
	_, err = t.exec(`INSERT INTO offer_code (workspace, id, pool, account, offer, code_hash, key_id, state, customer, reason, handed_by, handed_at, redeemed_at, sealed_by, sealed)
		VALUES ($1, $2, $3, $4, $5, '', '', 'handed', $6, $7, $8, $9, 0, $10, $11)`,
		c.Workspace, id, c.Pool, c.Account, c.Offer, c.Customer, string(c.Reason), c.By, us(c.HandedAt), by, sealed)
	return err
}

// warnOfLast asks a person for more codes when the open pools of an offer have
// few left, by the most careful of them.
func (t *tx) warnOfLast(h HandOut, pools []engawa.OfferPool) error {
	low, left := 0, int64(0)
	for _, p := range pools {
		low = max(low, p.LowAt)
	}
	for _, p := range pools {
		n, err := t.leftOf(p, low)
		if err != nil || n < 0 || left+n > int64(low) {
			return err
		}
		left += n
	}
	return t.raise(lowOn(h.Workspace, h.Account, h.Offer, left))
}

// leftOf counts what is left of a pool, as far as one more than most; -1: no limit.
func (t *tx) leftOf(p engawa.OfferPool, most int) (int64, error) {
	if !p.Word {
		return one(t, scanInt, `SELECT count(*) FROM (SELECT 1 FROM offer_code WHERE workspace = $1 AND pool = $2 AND state = 'free' LIMIT $3) x`, p.Workspace, p.ID, most+1)
	}
	if p.Most == 0 {
		return -1, nil
	}
	n, err := one(t, scanInt, `SELECT count(*) FROM offer_code WHERE workspace = $1 AND pool = $2`, p.Workspace, p.ID)
	return max(0, int64(p.Most)-n), err
}

type codeRow struct {
	engawa.OfferCode
	sealed []byte
	by     string
}

func scanCode(scan func(...any) error) (r codeRow, err error) {
	var ends, handed, redeemed int64
	err = scan(&r.Workspace, &r.ID, &r.Pool, &r.Account, &r.Offer, &r.State, &r.Customer, &r.Reason, &r.By, &handed, &redeemed, &r.by, &r.sealed, &ends)
	r.HandedAt, r.RedeemedAt, r.EndsAt = at(handed), at(redeemed), at(ends)
	return r, err
}

// codes returns codes that were handed out, opened but for those of erased
// customers.
func (t *tx) codes(workspace, where string, args ...any) ([]engawa.OfferCode, error) {
	rows, err := t.codeRows(workspace, where, args...)
	if err != nil {
		return nil, err
	}
	by := make([]string, len(rows))
	for i, r := range rows {
		by[i] = r.by
	}
	ring, err := t.keys(workspace, openers(by))
	out := make([]engawa.OfferCode, len(rows))
	for i, r := range rows {
		out[i] = r.OfferCode
		if err == nil && ring.opens(r.by) {
			var plain []byte
			plain, err = ring.open(workspace, r.by, "offer_code", r.ID, r.sealed)
			out[i].Code = engawa.Secret(plain)
		}
	}
	return out, err
}

func (t *tx) codeRows(workspace, where string, args ...any) ([]codeRow, error) {
	return all(t, scanCode, `SELECT c.workspace, c.id, c.pool, c.account, c.offer, c.state, c.customer, c.reason, c.handed_by, c.handed_at, c.redeemed_at, c.sealed_by, c.sealed, p.ends_at
		FROM offer_code c JOIN offer_pool p ON p.workspace = c.workspace AND p.id = c.pool WHERE c.workspace = $1 `+where, append([]any{workspace}, args...)...)
}

// OfferCodesOf returns the codes that a customer was given, the latest first, at
// most 200.
func (s *Store) OfferCodesOf(ctx context.Context, workspace, customer string) (cs []engawa.OfferCode, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		cs, err = t.codes(workspace, `AND c.customer = $2 AND c.customer <> '' ORDER BY c.handed_at DESC, c.id LIMIT 200`, customer)
		return err
	})
	return cs, err
}

// OfferCodes returns a page of the codes that were handed out of a pool, the
// latest first, without their text.
func (s *Store) OfferCodes(ctx context.Context, workspace, pool string, p Page) (cs []engawa.OfferCode, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := t.codeRows(workspace, `AND c.pool = $2 AND c.state <> 'free' AND (c.handed_at, c.id) < ($3, $4) ORDER BY c.handed_at DESC, c.id DESC LIMIT `+strconv.Itoa(p.limit()),
			pool, p.before(), p.ID)
		for _, r := range rows {
			cs = append(cs, r.OfferCode)
		}
		return err
	})
	return cs, err
}

// Redemption is what the store said of a purchase by an offer code.
type Redemption struct {
	Offer string
	At    time.Time // of the purchase
}

// redeemSlack is how much earlier than it was handed out, by this machine's
// clock, a code may be used by the store's.
const redeemSlack = 5 * time.Minute

// redeem marks the codes of offers that a customer used. Told again it changes
// nothing; a purchase from before the code was handed out was not by it.
func (t *tx) redeem(p engawa.Purchase, rs []Redemption) error {
	for _, r := range rs {
		if _, err := t.exec(`UPDATE offer_code SET state = 'redeemed', redeemed_at = $5 WHERE workspace = $1 AND account = $2 AND offer = $3 AND customer = $4
			AND state = 'handed' AND handed_at <= $6`, p.Workspace, p.Account, r.Offer, p.Customer, us(r.At), us(r.At.Add(redeemSlack))); err != nil {
			return err
		}
	}
	return nil
}
