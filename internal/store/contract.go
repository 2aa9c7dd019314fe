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
// /v1/subscriptions would, all of it or nothing. raise and done are tasks that come
// and go with it. It returns how many events were fresh. Trouble of the database is
// CodeUnavailable.
func (s *Store) HearContracts(ctx context.Context, workspace, account string, cs []Contracted, raise []engawa.Task, done []Closing) (fresh int, err error) {
	err = untangled(func() error {
		return s.sealTx(ctx, []string{workspace}, func(t *tx) error {
			fresh = 0
			// Of two who hear of an account one waits: both would make a customer of
			// one whom nobody knew.
			if _, err := one(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 {lock}`, workspace, account); err != nil {
				return found("account", err)
			}
			for _, c := range cs {
				told, err := t.hearContract(workspace, account, c)
				if err != nil {
					return err
				}
				if told {
					fresh++
				}
			}
			for _, k := range raise {
				if err := t.raise(k); err != nil {
					return err
				}
			}
			for _, x := range done {
				if err := t.closeTask(workspace, x); err != nil {
					return err
				}
			}
			return t.notify("", "")
		})
	})
	if err != nil {
		return 0, unavailable(fmt.Errorf("hear of contracts: %w", err))
	}
	s.announce()
	s.wakeUp("", "")
	return fresh, nil
}

func (t *tx) hearContract(workspace, account string, c Contracted) (told bool, err error) {
	hash, _ := t.identityHash(workspace, c.Whose)
	customers, err := all(t, scanString, `SELECT customer FROM identity WHERE workspace = $1 AND issuer = $2 AND kind = $3 AND value_hash = $4`,
		workspace, c.Whose.Issuer, c.Whose.Kind, hash)
	if err != nil {
		return false, err
	}
	var kept contractRow
	if len(customers) > 0 {
		if kept, err = t.contract(workspace, account, c.App, customers[0]); err != nil {
			return false, err
		}
	}
	st, err := c.Hear(kept.Standing)
	if err != nil || st.Skip {
		return false, err
	}
	customer, err := t.party(workspace, c, customers)
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
		if err := t.keepContract(account, kept, b, st, point); err != nil {
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
	err := t.journal([]slot{{e, &out}})
	return out.Fresh, err
}

// party is the customer that the contract is, made if nobody knew it.
func (t *tx) party(workspace string, c Contracted, known []string) (string, error) {
	if len(known) > 0 {
		return known[0], t.living(workspace, known[0])
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
	id, customer, app string
	contractDetail
}

func scanContract(scan func(...any) error) (r contractRow, err error) {
	var detail string
	if err := scan(&r.id, &r.customer, &r.app, &detail); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(detail), &r.contractDetail)
}

const contractColumns = `id, customer, app, detail`

// contract is what is kept of a customer's contract; its standing is nil where nothing is.
func (t *tx) contract(workspace, account, app, customer string) (contractRow, error) {
	rows, err := all(t, scanContract, `SELECT `+contractColumns+` FROM subscription WHERE workspace = $1 AND source = $2 AND app = $3 AND customer = $4 ORDER BY id`,
		workspace, account, app, customer)
	if err != nil || len(rows) == 0 {
		return contractRow{}, err
	}
	return rows[0], nil
}

// keepContract keeps the subscription under its plan, and asks a person of what does
// not go together. One of another plan has ended.
func (t *tx) keepContract(account string, kept contractRow, b engawa.Subscription, st ContractStanding, point string) error {
	text, err := json.Marshal(contractDetail{st.Facts, point})
	if err != nil {
		return err
	}
	id := subscriptionID(b)
	if kept.id != "" && kept.id != id {
		if _, err := t.exec(`UPDATE subscription SET source = '', detail = '{}', state = $3, ends_at = CASE WHEN ends_at = 0 OR ends_at > $4 THEN $4 ELSE ends_at END WHERE workspace = $1 AND id = $2`,
			b.Workspace, kept.id, string(engawa.SubscriptionExpired), now()); err != nil {
			return err
		}
		if err := t.closeTask(b.Workspace, Closing{Kind: ContractTask, Ref: kept.id}); err != nil {
			return err
		}
	}
	if _, err := t.saveSubscription(id, b); err != nil {
		return err
	}
	// What was told is known also of a contract that was ended here and does not begin anew.
	if err := t.must("keep contract "+id, `UPDATE subscription SET source = $3, detail = $4 WHERE workspace = $1 AND id = $2`, b.Workspace, id, account, string(text)); err != nil {
		return err
	}
	if st.Doubt == "" {
		return t.closeTask(b.Workspace, Closing{Kind: ContractTask, Ref: id})
	}
	return t.raise(engawa.Task{Workspace: b.Workspace, Kind: ContractTask, Ref: id, Customer: b.Customer, Args: map[string]string{"account": account, "why": st.Doubt}})
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
	Customer string
	App      string
	Subject  string // "contract:…": of the last event about it
	Facts    []byte
}

// Contracts are those of which an account tells.
func (s *Store) Contracts(ctx context.Context, workspace, account string) (cs []Contract, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanContract, `SELECT `+contractColumns+` FROM subscription WHERE workspace = $1 AND source = $2 ORDER BY id`, workspace, account)
		if err != nil {
			return err
		}
		for _, r := range rows {
			subject, err := all(t, scanString, `SELECT subject FROM event WHERE workspace = $1 AND customer = $2 AND customer <> '' AND account = $3 AND subject <> '' ORDER BY id DESC LIMIT 1`,
				workspace, r.customer, account)
			if err != nil {
				return err
			}
			if len(subject) > 0 {
				cs = append(cs, Contract{r.customer, r.app, subject[0], r.Standing})
			}
		}
		return nil
	})
	return cs, err
}
