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

// Entry is what a message has to do with a list of somebody else's.
type Entry struct {
	Registers  bool     // it puts its customer there, as follows
	Plans      []string // of the list; none: every one
	Mail       engawa.Address
	Name, Kana string // empty where the list does not take it
}

// Format names the plans alone, whatever the verb.
func (e Entry) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "entry of %v", e.Plans) }

// How an entry came to a list.
const (
	ListedByForm  = "form"    // its form said yes
	ListedUnclear = "unclear" // the form was submitted, and nobody knows what it did
	ListedByHand  = "by_hand" // a person was asked to type it
)

// What a person is asked to do about an entry: the ends of tasks' kinds.
const (
	askChange = "change"
	askRemove = "remove"
)

// Registration is an entry of a customer in a list of somebody else's, as far as
// this hub knows.
type Registration struct {
	ID, Account, Customer, Message, Plan, How string

	Asked      string // what a person is asked to do about it, "change" or "remove"; empty: nothing
	Task       string // by which open task
	At         time.Time
	EndedAt    time.Time      // zero: it stands there
	Mail       engawa.Address // as it was submitted or typed
	Name, Kana string
	NewMail    engawa.Address // while a change is asked: what it is to become
	NewName    string
	Gone       bool // what stands there was erased with the customer
}

// Format names the registration alone, whatever the verb.
func (r Registration) Format(f fmt.State, _ rune) { fmt.Fprint(f, "registration "+r.ID) }

// registrationRow is a row with what is needed to judge it.
type registrationRow struct {
	Registration

	has                 listed
	kind, told, ref, by string
	sealed              []byte
	purpose             engawa.Purpose // of the message that registered
	app, topic          string
}

// Format names the registration alone, whatever the verb.
func (r registrationRow) Format(f fmt.State, verb rune) { r.Registration.Format(f, verb) }

// listed is what is sealed of a registration.
type listed struct {
	Mail string `json:"mail"`
	Name string `json:"name,omitempty"`
	Kana string `json:"kana,omitempty"`
	// Known is what the customer was called here at that time: an event may have
	// written the name in another way, and only what changes since is a change.
	Known   string `json:"known,omitempty"`
	NewMail string `json:"new_mail,omitempty"`
	NewName string `json:"new_name,omitempty"`
	// ToldMail and ToldName are what an event says that it is to become: the hub may
	// know nothing of that.
	ToldMail string `json:"told_mail,omitempty"`
	ToldName string `json:"told_name,omitempty"`
}

// Format shows nothing, whatever the verb.
func (listed) Format(f fmt.State, _ rune) { fmt.Fprint(f, "what is listed") }

const selectRegistrations = `SELECT r.workspace, r.id, r.account, r.customer, r.message, r.plan, r.how, r.asked, r.told, r.ref, r.at, r.ended_at, r.sealed_by, r.sealed,
	coalesce(a.kind, ''), coalesce(m.purpose, ''), coalesce(m.app, ''), coalesce(m.topic, ''),
	coalesce((SELECT k.id FROM task k WHERE k.workspace = r.workspace AND k.kind = a.kind || '.' || r.asked AND k.ref = r.ref AND k.state = 'open'), '')
	FROM registration r LEFT JOIN account a ON a.workspace = r.workspace AND a.id = r.account LEFT JOIN message m ON m.workspace = r.workspace AND m.id = r.message
	WHERE r.workspace = $1 AND `

func scanRegistration(scan func(...any) error) (r registrationRow, err error) {
	var workspace string
	var when, ended int64
	err = scan(&workspace, &r.ID, &r.Account, &r.Customer, &r.Message, &r.Plan, &r.How, &r.Asked, &r.told, &r.ref, &when, &ended, &r.by, &r.sealed,
		&r.kind, &r.purpose, &r.app, &r.topic, &r.Task)
	r.At, r.EndedAt = at(when), at(ended)
	return r, err
}

// registrations reads and opens rows, oldest first.
func (t *tx) registrations(workspace, which string, args ...any) (rows []registrationRow, ring keyring, err error) {
	rows, err = all(t, scanRegistration, selectRegistrations+which+` ORDER BY r.at, r.plan, r.id`, append([]any{workspace}, args...)...)
	if err != nil || len(rows) == 0 {
		return nil, ring, err
	}
	var by []string
	for _, r := range rows {
		by = append(by, r.by)
	}
	if ring, err = t.keys(workspace, openers(by)); err != nil {
		return nil, ring, err
	}
	for i := range rows {
		r := &rows[i]
		if r.Gone = !ring.opens(r.by); r.Gone {
			continue
		}
		plain, err := ring.open(workspace, r.by, "registration", r.ID, r.sealed)
		if err == nil {
			err = json.Unmarshal(plain, &r.has)
		}
		if err != nil {
			return nil, ring, fmt.Errorf("registration %s: %w", r.ID, err)
		}
	}
	return rows, ring, nil
}

func (r registrationRow) show() Registration {
	out := r.Registration
	out.Mail, out.Name, out.Kana = engawa.Address(r.has.Mail), r.has.Name, r.has.Kana
	out.NewMail, out.NewName = engawa.Address(r.has.NewMail), r.has.NewName
	return out
}

// Registrations returns what lists of somebody else's have of a customer or had,
// oldest first.
func (s *Store) Registrations(ctx context.Context, workspace, customer string) (out []Registration, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, _, err := t.registrations(workspace, `r.customer = $2`, customer)
		for _, r := range rows {
			out = append(out, r.show())
		}
		return err
	})
	return out, err
}

// Registered counts the customers who stand in the list of an account.
func (s *Store) Registered(ctx context.Context, workspace, account string) (n int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		all, err := one(t, scanInt, `SELECT count(DISTINCT customer) FROM registration WHERE workspace = $1 AND account = $2 AND ended_at = 0`, workspace, account)
		n = int(all)
		return err
	})
	return n, err
}

// enter keeps what a list has, or a person is asked to type, of the customer of a
// delivery. Of a customer who was erased meanwhile it is asked at once to take it out.
func (t *tx) enter(c *Claimed, how string) error {
	workspace := c.Delivery.Workspace
	if c.Entry == nil || !c.Entry.Registers || c.Message.Customer == "" {
		return nil
	}
	customer, err := t.livesOnAs(workspace, c.Message.Customer)
	if err != nil {
		return err
	}
	row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2 {share}`, workspace, customer)
	if err != nil {
		return found("customer", err)
	}
	opened, err := t.openCustomers(workspace, []customerRow{row})
	if err != nil {
		return err
	}
	there, _, err := t.registrations(workspace, `r.customer = $2 AND r.account = $3 AND r.ended_at = 0`, customer, c.Delivery.Account)
	if err != nil {
		return err
	}
	kind, err := one(t, scanString, `SELECT kind FROM account WHERE workspace = $1 AND id = $2`, workspace, c.Delivery.Account)
	if err != nil {
		return err
	}
	rows := c.entries(kind, how, opened[0], there)
	if row.Erased {
		return t.askForErased(workspace, rows)
	}
	return t.addRegistrations(workspace, customer, rows)
}

// entries are those that are not there already, one a plan: the first came there as
// how says; for the others a person is asked, since a form takes one.
func (c *Claimed) entries(kind, how string, of engawa.Customer, there []registrationRow) (rows []registrationRow) {
	e, plans := c.Entry, c.Entry.Plans
	if len(plans) == 0 {
		plans = []string{""}
	}
	for i, plan := range plans {
		if i > 0 {
			how = ListedByHand
		}
		if slices.ContainsFunc(there, func(r registrationRow) bool {
			return r.Plan == plan && sameMail(r.has.Mail, e.Mail.Reveal()) && r.Asked == ""
		}) {
			continue
		}
		rows = append(rows, registrationRow{
			Registration: Registration{ID: engawa.NewID(engawa.PrefixRegistration), Account: c.Delivery.Account, Customer: of.ID, Message: c.Message.ID, Plan: plan, How: how, At: time.Now()},
			kind:         kind, has: listed{Mail: e.Mail.Reveal(), Name: e.Name, Kana: e.Kana, Known: of.Name},
		})
	}
	return rows
}

func (t *tx) addRegistrations(workspace, customer string, rows []registrationRow) error {
	ring, err := t.keys(workspace, []string{customer})
	if err != nil {
		return err
	}
	for _, r := range rows {
		sealed, by, err := r.seal(ring, workspace)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO registration (workspace, id, account, customer, message, plan, how, asked, told, ref, at, ended_at, sealed_by, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', $8, 0, $9, $10)`,
			workspace, r.ID, r.Account, r.Customer, r.Message, r.Plan, r.How, us(r.At), by, sealed); err != nil {
			return fmt.Errorf("add registration %s: %w", r.ID, err)
		}
	}
	t.touched = append(t.touched, whose{workspace, customer}) // it may have changed while the form was on its way
	return nil
}

func (r registrationRow) seal(ring keyring, workspace string) (sealed []byte, by string, err error) {
	plain, err := json.Marshal(r.has)
	if err != nil {
		return nil, "", err
	}
	return ring.seal(workspace, r.Customer, "registration", r.ID, plain)
}

func (t *tx) saveRegistration(ring keyring, workspace string, r registrationRow) error {
	sealed, by, err := r.seal(ring, workspace)
	if err != nil {
		return err
	}
	return t.must("save registration "+r.ID, `UPDATE registration SET asked = $3, told = $4, ref = $5, sealed_by = $6, sealed = $7 WHERE workspace = $1 AND id = $2`,
		workspace, r.ID, r.Asked, r.told, r.ref, by, sealed)
}

func sameMail(a, b string) bool { return strings.EqualFold(a, b) }
