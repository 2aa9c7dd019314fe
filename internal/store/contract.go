package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engawa/engawa"
)

// Contracted is what a platform said of a contract that uses an app.
type Contracted struct {
	Event engawa.Event // without a type: nothing is told, and only the standing changes
	App   string
	Whose engawa.Identity // the contract
	New   engawa.Customer // what is known of one whom nobody knew
	// Hear says how the contract stands after it; facts are those of before, nil
	// where nothing is known. It is pure: it may be asked twice.
	Hear   func(facts []byte) (ContractStanding, error)
	Shared *SharedAddress // nil: nothing was said of the address
}

// ContractStanding is how a contract stands.
type ContractStanding struct {
	Skip         bool                // nothing is to be kept: it was said of another standing than this
	Same         bool                // it stands as before
	Subscription engawa.Subscription // its product, state, times and environment
	Facts        []byte              // JSON that names nobody
	Key          string              // of the event, among those of the contract
	Doubt        string              // why a person, or the platform's list, has to look; empty: all goes together
}

// SharedAddress is what a platform says of a contract's address.
type SharedAddress struct {
	Mail       engawa.Address // empty: its sharing is not agreed to
	Verified   bool           // the platform's word is taken for a proof
	Controller string         // with whom it is shared
	Evidence   engawa.Evidence
}

// Format prints nothing of it, whatever the verb.
func (a SharedAddress) Format(f fmt.State, _ rune) { fmt.Fprint(f, "a shared address") }

// Format names the app alone, whatever the verb.
func (c Contracted) Format(f fmt.State, _ rune) { fmt.Fprint(f, "contract of "+c.App) }

// ContractTask is the kind of the task about a contract of which what was told does
// not go together. Its ref is the subscription; the list closes it.
const ContractTask = "smaregi.contradicts"

// HearContracts keeps what a platform said of contracts through an account, in the
// order given: the journal's event, the customer, and the subscription as POST
// /v1/subscriptions would, all of it or nothing. With it comes the task that gap (nil:
// none) makes of how many events were fresh, if any was, and go the tasks done. It
// returns that number. Trouble of the database is CodeUnavailable.
func (s *Store) HearContracts(ctx context.Context, workspace, account string, cs []Contracted, gap func(fresh int) engawa.Task, done ...Closing) (fresh int, err error) {
	err = untangled(func() error {
		return s.sealTx(ctx, []string{workspace}, func(t *tx) error {
			fresh = 0
			// Of two who hear of an account one waits: both would make a customer of
			// one whom nobody knew.
			if _, err := one(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 {lock}`, workspace, account); err != nil {
				return found("account", err)
			}
			for _, c := range cs {
				hash, _ := t.identityHash(workspace, c.Whose)
				kept, err := t.contract(workspace, account, c.App, hash)
				if err != nil {
					return err
				}
				told, err := t.hearContract(workspace, account, hash, kept, c)
				if err != nil {
					return fmt.Errorf("%s: %w", kept.called(), err)
				}
				if told {
					fresh++
				}
			}
			if fresh > 0 && gap != nil {
				if err := t.raise(gap(fresh)); err != nil {
					return err
				}
			}
			for _, x := range done {
				if err := t.closeTask(workspace, x); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return 0, unavailable(fmt.Errorf("hear of contracts: %w", err))
	}
	return fresh, nil
}

func (t *tx) hearContract(workspace, account, hash string, kept contractRow, c Contracted) (told bool, err error) {
	st, err := c.Hear(kept.Standing)
	if err != nil || st.Skip {
		return false, err
	}
	customer, err := t.party(workspace, c)
	if err != nil {
		return false, err
	}
	point := kept.Point
	if c.Shared != nil {
		if point, err = t.share(customer, point, c); err != nil {
			return false, err
		}
	}
	if !st.Same || point != kept.Point {
		b := st.Subscription
		b.Workspace, b.Customer, b.App = workspace, customer, c.App
		if err := t.keepContract(contractRow{source: account, hash: hash, contractDetail: contractDetail{st.Facts, point}}, kept, b, st.Doubt, c.Event.Type != ""); err != nil {
			return false, err
		}
	}
	if c.Event.Type == "" {
		return false, nil
	}
	return t.tellContract(customer, st.Key, c)
}

// tellContract journals the event. Its key is a keyed hash, since it is made of what
// names the contract.
func (t *tx) tellContract(customer, key string, c Contracted) (bool, error) {
	e := c.Event
	e.Customer = customer
	e.DedupKey, _ = t.s.vault.Index(e.Workspace, "contract:"+e.Account, c.Whose.Value+"\n"+key)
	var out Journaled
	if err := t.journal([]slot{{e, &out}}); err != nil || !out.Fresh {
		return false, err
	}
	t.told = true
	return true, t.notify("", "")
}

// party is the customer that the contract is, made if nobody knew it.
func (t *tx) party(workspace string, c Contracted) (string, error) {
	known, err := t.customerBy(workspace, c.Whose)
	if err != nil {
		return "", err
	}
	if known != "" {
		return known, t.living(workspace, known)
	}
	n := NewCustomer{Customer: c.New, Identities: []engawa.Identity{c.Whose}}
	n.Customer.Workspace, n.Customer.ID, n.Customer.CreatedAt = workspace, engawa.NewID(engawa.PrefixCustomer), time.Now().UTC()
	return n.Customer.ID, met(t.addCustomer(n))
}

// contractDetail is what is kept of a contract beside its subscription. It names nobody.
type contractDetail struct {
	Standing json.RawMessage `json:"standing,omitempty"`
	Point    string          `json:"point,omitempty"` // the contact point that the platform's word made
}

// contractRow is a subscription of which an account tells.
type contractRow struct {
	engawa.Subscription
	source, hash string // the account, and which of its contracts: the hash of the identity
	contractDetail
}

func scanContract(scan func(...any) error) (r contractRow, err error) {
	var detail string
	r.Subscription, err = scanSubscription(func(at ...any) error { return scan(append(at, &r.source, &r.hash, &detail)...) })
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(detail), &r.contractDetail)
}

// contract is what is kept of a contract; its standing is nil where nothing is.
func (t *tx) contract(workspace, account, app, hash string) (contractRow, error) {
	rows, err := all(t, scanContract, `SELECT `+subscriptionColumns+`, source, contract, detail FROM subscription WHERE workspace = $1 AND source = $2 AND source <> '' AND contract = $3 AND app = $4`,
		workspace, account, hash, app)
	if err != nil || len(rows) == 0 {
		return contractRow{}, err
	}
	return rows[0], nil
}

// keepContract keeps a contract as the subscription of its plan, and where something
// was told asks a person of what does not go together. The one of another plan has ended.
func (t *tx) keepContract(row, kept contractRow, b engawa.Subscription, doubt string, told bool) error {
	text, err := json.Marshal(row.contractDetail)
	if err != nil {
		return err
	}
	id := kept.ID
	if kept.Product != b.Product || id == "" {
		if id, err = t.contractID(b); err != nil {
			return err
		}
	}
	if kept.ID != "" && kept.ID != id {
		if _, err := t.exec(`UPDATE subscription SET source = '', contract = '', detail = '{}', state = $3, ends_at = CASE WHEN ends_at = 0 OR ends_at > $4 THEN $4 ELSE ends_at END WHERE workspace = $1 AND id = $2`,
			b.Workspace, kept.ID, string(engawa.SubscriptionExpired), now()); err != nil {
			return err
		}
		if err := t.closeTask(b.Workspace, Closing{Kind: ContractTask, Ref: kept.ID}); err != nil {
			return err
		}
	}
	if b.ID = id; !kept.says(b) {
		if _, err := t.saveSubscription(id, b); err != nil {
			return err
		}
	}
	// What was told is known also of a contract that was ended here and does not begin anew.
	if err := t.must("keep contract "+id, `UPDATE subscription SET source = $3, contract = $4, detail = $5 WHERE workspace = $1 AND id = $2`, b.Workspace, id, row.source, row.hash, string(text)); err != nil {
		return err
	}
	if doubt == "" {
		return t.closeTask(b.Workspace, Closing{Kind: ContractTask, Ref: id})
	}
	if !told {
		return nil
	}
	return t.raise(engawa.Task{Workspace: b.Workspace, Kind: ContractTask, Ref: id, Customer: b.Customer, Args: map[string]string{"account": row.source, "why": doubt}})
}

// called is what a log calls the contract.
func (r contractRow) called() string {
	if r.ID == "" {
		return "a new contract"
	}
	return "subscription " + r.ID
}

// says reports whether a contract is kept as b already: no list need be told of it.
func (r contractRow) says(b engawa.Subscription) bool {
	return r.ID == b.ID && r.State == b.State && r.StartsAt.Equal(b.StartsAt) && r.EndsAt.Equal(b.EndsAt) && r.Environment == b.Environment
}

// contractID is the id for the subscription of a plan that the contract did not have
// yet: the usual one, unless that is another contract's of the same customer.
func (t *tx) contractID(b engawa.Subscription) (string, error) {
	id := subscriptionID(b)
	others, err := all(t, scanString, `SELECT id FROM subscription WHERE workspace = $1 AND id = $2 AND source <> ''`, b.Workspace, id)
	if len(others) > 0 {
		id = engawa.NewID(engawa.PrefixSubscription)
	}
	return id, err
}

// share brings the address, and the consent to share it, to what the platform says
// where that is another thing than it said before: point is the contact point that
// it made then, and comes back as it is now. What the customer decided here meanwhile
// stands: only a change there changes it.
func (t *tx) share(customer, point string, c Contracted) (string, error) {
	ws, mail := c.Event.Workspace, c.Shared.Mail
	if mail != "" && t.s.circles(mail) != nil {
		mail = "" // an address of the hub's own is nobody's
	}
	index, _ := t.s.vault.Index(ws, "address:mail", foldAddress(mail))
	before, err := all(t, scanString, `SELECT address_index FROM contact_point WHERE workspace = $1 AND id = $2`, ws, point)
	if err != nil || point == "" && mail == "" || mail != "" && slices.Contains(before, index) {
		return point, err
	}
	if _, err := t.own(ws, customer); err != nil {
		return "", err
	}
	ring, err := t.keys(ws, []string{customer})
	if err == nil && point != "" {
		err = t.wipePoint(ring, ws, customer, point)
	}
	if err != nil {
		return "", err
	}
	now := ""
	if mail != "" {
		when := time.Now().UTC()
		p := engawa.ContactPoint{Workspace: ws, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: customer, Kind: "mail", Address: mail, Role: "contract", CreatedAt: when}
		if c.Shared.Verified {
			p.VerifiedAt = when
		}
		now = p.ID
		err = t.addContactPoint(ring, p)
	}
	if err != nil || point != "" && mail != "" { // another address of one who shares it already
		return now, err
	}
	return now, t.decided(engawa.Consent{
		Workspace: ws, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: c.Shared.Controller, App: c.App, Act: engawa.ActShareAddress,
		Purpose: engawa.Service, Given: mail != "", At: time.Now().UTC(), Evidence: c.Shared.Evidence,
	})
}

// wipePoint ends a contact point and forgets its address: it was kept by a consent
// that is no more.
func (t *tx) wipePoint(ring keyring, workspace, customer, id string) error {
	sealed, by, err := ring.seal(workspace, customer, "contact_point", id, nil)
	if err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE contact_point SET ended_at = CASE WHEN ended_at = 0 THEN $4 ELSE ended_at END, address_index = '', sealed = $5, sealed_by = $6
		WHERE workspace = $1 AND customer = $2 AND id = $3`, workspace, customer, id, now(), sealed, by); err != nil {
		return err
	}
	return t.retell(workspace, customer)
}

// Contract is a contract as an account told of it.
type Contract struct {
	Subscription string
	Subject      string // "contract:…": of the events about it
	Facts        []byte
}

// Contracts are those of which an account tells. whose names the contract that the
// subject of an event means: its value is kept nowhere else.
func (s *Store) Contracts(ctx context.Context, workspace, account string, whose func(subject string) engawa.Identity) (cs []Contract, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		cs = nil
		var id, hash, detail, subject string
		_, err := all(t, func(scan func(...any) error) (struct{}, error) {
			if err := scan(&id, &hash, &detail, &subject); err != nil {
				return struct{}{}, err
			}
			if h, _ := t.identityHash(workspace, whose(subject)); h != hash {
				return struct{}{}, nil // of another contract of this customer
			}
			var d contractDetail
			err := json.Unmarshal([]byte(detail), &d)
			cs = append(cs, Contract{id, subject, d.Standing})
			return struct{}{}, err
		}, `SELECT DISTINCT b.id, b.contract, b.detail, e.subject FROM subscription b
			JOIN event e ON e.workspace = b.workspace AND e.customer = b.customer AND e.customer <> '' AND e.account = b.source AND e.subject <> ''
			WHERE b.workspace = $1 AND b.source = $2 AND b.source <> '' ORDER BY b.id`, workspace, account)
		return err
	})
	return cs, err
}
