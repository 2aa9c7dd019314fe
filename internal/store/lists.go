package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// whose names a customer of a workspace.
type whose struct{ workspace, customer string }

// seeToLists asks people for what changed in this transaction of customers whom
// lists of somebody else's hold: no form can do it. It is the last that a
// transaction does, so that it sees all that changed, and sees it once.
func (t *tx) seeToLists() error {
	by := map[string][]string{}
	for _, c := range t.touched {
		by[c.workspace] = append(by[c.workspace], c.customer)
	}
	t.touched = nil
	for workspace, customers := range by {
		some, err := all(t, scanString, `SELECT DISTINCT customer FROM registration WHERE workspace = $1 AND customer {in $2} AND ended_at = 0 ORDER BY customer`,
			workspace, t.list(distinct(customers)))
		if err != nil {
			return fmt.Errorf("see to lists: %w", err)
		}
		for _, c := range some {
			if err := t.seeToListsOf(workspace, c); err != nil {
				return fmt.Errorf("see to lists of %s: %w", c, err)
			}
		}
	}
	return nil
}

// wish is what the hub would have a list hold of a customer now.
type wish struct {
	why  string // of asked
	mail string // the new address; empty: as it is
	name string
}

func (t *tx) seeToListsOf(workspace, customer string) error {
	row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2 {share}`, workspace, customer)
	if err != nil || row.Erased || row.MergedInto != "" {
		return err // erase has asked by itself
	}
	rows, ring, err := t.registrations(workspace, `r.customer = $2 AND r.ended_at = 0`, customer)
	if err != nil {
		return err
	}
	now, err := t.reach(workspace, row)
	if err != nil {
		return err
	}
	for _, account := range byList(rows) {
		if err := t.seeToList(ring, workspace, now, account); err != nil {
			return err
		}
	}
	return nil
}

func byList(rows []registrationRow) (out [][]*registrationRow) {
	of := map[string]int{}
	for i := range rows {
		n, ok := of[rows[i].Account]
		if !ok {
			n = len(out)
			of[rows[i].Account], out = n, append(out, nil)
		}
		out[n] = append(out[n], &rows[i])
	}
	return out
}

// seeToList compares the entries of a customer in one list with what is so now.
func (t *tx) seeToList(ring keyring, workspace string, now reach, rows []*registrationRow) error {
	asks := map[string]string{} // what is newly asked, and why
	for _, r := range rows {
		act, w, err := t.wanted(ring, workspace, now, r, rows)
		if err != nil {
			return err
		}
		fresh, err := t.seeToEntry(ring, workspace, now.customer.Name, r, rows, act, w)
		if err != nil {
			return err
		}
		if fresh && act != "" {
			asks[act] = w.why
		}
	}
	for _, act := range []string{askChange, askRemove} {
		if why, ok := asks[act]; ok {
			if err := t.askInList(ring, workspace, rows, engawa.Task{Workspace: workspace, Args: map[string]string{"why": why}}, act); err != nil {
				return err
			}
		}
	}
	return nil
}

// seeToEntry marks r as act and w say; name is the customer's. fresh: that was not
// asked before.
func (t *tx) seeToEntry(ring keyring, workspace, name string, r *registrationRow, rows []*registrationRow, act string, w wish) (fresh bool, err error) {
	pending, err := t.notTyped(workspace, r)
	if err != nil {
		return false, err
	}
	if act != askRemove && r.has.ToldMail+r.has.ToldName != "" {
		act, w.mail, w.name = askChange, cmp.Or(w.mail, r.has.ToldMail), cmp.Or(w.name, r.has.ToldName)
	}
	switch {
	case r.told != "" && r.Asked == askRemove: // an event asked for it
		return false, nil
	case act == askChange && pending: // it will be typed as it is now
		r.has.Mail, r.has.Name, r.has.Known = cmp.Or(w.mail, r.has.Mail), cmp.Or(w.name, r.has.Name), name
		return false, t.saveRegistration(ring, workspace, *r)
	case act == r.Asked && w.mail == r.has.NewMail && w.name == r.has.NewName:
		return false, nil
	case act == askRemove && pending:
		err = t.closeTask(workspace, Closing{Kind: r.kind + ".register", Ref: r.Message})
	}
	if err == nil && act != r.Asked {
		r.told, r.has.ToldMail, r.has.ToldName = "", "", ""
		err = t.unask(workspace, r, rows)
	}
	if err != nil {
		return false, err
	}
	r.Asked, r.has.NewMail, r.has.NewName = act, w.mail, w.name
	return true, t.saveRegistration(ring, workspace, *r)
}

// reach is what counts for a customer's entries in lists.
type reach struct {
	customer engawa.Customer
	points   []contactRow
	stopped  []string // ids of those of points at which nothing may be said any more
	consents []engawa.Consent
}

// Format names the customer alone, whatever the verb.
func (s reach) Format(f fmt.State, _ rune) { fmt.Fprint(f, "reach of "+s.customer.ID) }

func (t *tx) reach(workspace string, row customerRow) (s reach, err error) {
	opened, err := t.openCustomers(workspace, []customerRow{row})
	if err != nil {
		return s, err
	}
	s.customer = opened[0]
	if s.points, err = t.contactPoints(workspace, []string{row.ID}); err != nil {
		return s, err
	}
	if s.stopped, err = t.stoppedPoints(workspace, s.points); err != nil {
		return s, err
	}
	s.consents, err = t.consents(workspace, row.ID)
	return s, err
}

// stoppedPoints are the ids of points whose address is stopped for good.
func (t *tx) stoppedPoints(workspace string, points []contactRow) (ids []string, err error) {
	for _, p := range points {
		n, err := one(t, scanInt, `SELECT count(*) FROM suppression WHERE workspace = $1 AND channel = $2 AND address_index = $3 AND until_at = 0`, workspace, p.Kind, p.index)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// wanted is what a person is to do about an entry so that it is as the hub has the
// customer now; act is empty where it is so.
func (t *tx) wanted(ring keyring, workspace string, now reach, r *registrationRow, rows []*registrationRow) (act string, w wish, err error) {
	if r.withdrawn(now.consents) {
		return askRemove, wish{why: "withdrawn"}, nil
	}
	index, stopped, err := t.stoppedIn(workspace, r)
	if err != nil {
		return "", w, err
	}
	if slices.Contains(stopped, "complained") {
		return askRemove, wish{why: "complained"}, nil
	}
	instead := now.instead(r, index, len(stopped) > 0)
	switch {
	case instead == nil && len(stopped) > 0:
		return askRemove, wish{why: "stopped"}, nil
	case instead == nil && !now.has(index):
		return askRemove, wish{why: "ended"}, nil
	case instead != nil:
		plain, err := ring.open(workspace, instead.by, "contact_point", instead.ID, instead.sealed)
		if err != nil {
			return "", w, err
		}
		w.mail = string(plain)
	}
	if w.mail != "" && slices.ContainsFunc(rows, func(o *registrationRow) bool { return o != r && o.Plan == r.Plan && sameMail(o.has.Mail, w.mail) }) {
		return askRemove, wish{why: "ended"}, nil // the new one stands there beside it
	}
	if r.has.Name != "" && now.customer.Name != r.has.Known && now.customer.Name != r.has.Name {
		w.name = now.customer.Name
	}
	if w.mail == "" && w.name == "" {
		return "", w, nil
	}
	w.why = "changed"
	return askChange, w, nil
}

// stoppedIn is how the entry's address is looked up, and why it is stopped for good.
func (t *tx) stoppedIn(workspace string, r *registrationRow) (index string, why []string, err error) {
	x := engawa.Suppression{Workspace: workspace, Channel: engawa.ContactKind(r.kind), Address: engawa.Address(r.has.Mail)}
	index, _ = t.addressIndex(x)
	why, err = all(t, scanString, `SELECT reason FROM suppression WHERE workspace = $1 AND channel = $2 AND address_index = $3 AND until_at = 0`, workspace, x.Channel, index)
	return index, why, err
}

func (s reach) has(index string) bool {
	return slices.ContainsFunc(s.points, func(p contactRow) bool { return p.index == index })
}

// instead is the contact point that an entry is to name in place of its own; nil:
// none is. It is one that is proved and serves what the list is for; where the entry's own
// is gone any of the kind is better than none.
func (s reach) instead(r *registrationRow, index string, stopped bool) *contactRow {
	kind, gone := engawa.ContactKind(r.kind), true
	var good, others []contactRow
	for _, p := range s.points {
		switch {
		case p.Kind != kind:
		case p.index == index:
			gone = false
			if !stopped && p.Serves(r.purpose) {
				return nil
			}
		case slices.Contains(s.stopped, p.ID):
		case !p.VerifiedAt.IsZero() && p.Serves(r.purpose):
			good, others = append(good, p), append(others, p)
		default:
			others = append(others, p)
		}
	}
	if best := choose(good, kind, r.purpose); best != nil || !gone {
		return best
	}
	return choose(others, kind, r.purpose)
}

// withdrawn reports whether the customer took back what the entry rests on: a
// withdrawal that bears on it, against which no consent stands that was given later
// and names all that the withdrawal names (verdict's own rule: TestWithdrawnAsJudged
// holds them together).
func (r *registrationRow) withdrawn(all []engawa.Consent) bool {
	var bears []engawa.Consent
	for _, c := range all {
		if c.Channel == engawa.ContactKind(r.kind) {
			c.Channel = r.kind
		}
		purpose := c.Purpose
		if !c.Given { // a withdrawal of something unknown counts as one of marketing
			purpose = c.Purpose.Class()
		}
		if c.Controller == engawa.ControllerWorkspace && c.Act == engawa.ActContact && !(c.Given && c.Pending) && purpose == r.purpose.Class() &&
			isOf(c.App, r.app) && isOf(c.Channel, r.kind) && isOf(c.Topic, r.topic) {
			bears = append(bears, c)
		}
	}
	stands := func(c engawa.Consent) bool {
		return !slices.ContainsFunc(bears, func(w engawa.Consent) bool {
			return !w.Given && (!c.At.After(w.At) || !isOf(w.App, c.App) || !isOf(w.Channel, c.Channel) || !isOf(w.Topic, c.Topic))
		})
	}
	taken := slices.ContainsFunc(bears, func(c engawa.Consent) bool { return !c.Given })
	return taken && !slices.ContainsFunc(bears, func(c engawa.Consent) bool { return c.Given && stands(c) })
}

// isOf reports whether a scope, empty for all, holds a value.
func isOf(scope, value string) bool { return scope == "" || scope == value }

// notTyped reports whether an entry still waits for a person to type it: that
// person reads what it is then.
func (t *tx) notTyped(workspace string, r *registrationRow) (bool, error) {
	if r.How != ListedByHand {
		return false, nil
	}
	n, err := one(t, scanInt, `SELECT count(*) FROM task WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open'`, workspace, r.kind+".register", r.Message)
	return n > 0, err
}

// unask takes r out of the task that asks about it, and closes that where nothing
// else is asked by it.
func (t *tx) unask(workspace string, r *registrationRow, rows []*registrationRow) error {
	asked, ref := r.Asked, r.ref
	r.Asked, r.ref = "", ""
	if asked == "" || slices.ContainsFunc(rows, func(o *registrationRow) bool { return o.Asked == asked && o.ref == ref }) {
		return nil
	}
	if _, err := t.exec(`UPDATE registration SET asked = '', ref = '' WHERE workspace = $1 AND id = $2`, workspace, r.ID); err != nil {
		return err
	}
	return t.closeTask(workspace, Closing{Kind: r.kind + "." + asked, Ref: ref})
}

// askInList raises the one task about the entries of rows for which act is asked,
// with all that is to be typed.
func (t *tx) askInList(ring keyring, workspace string, rows []*registrationRow, k engawa.Task, act string) error {
	var of []*registrationRow
	ref := ""
	for _, r := range rows {
		if r.Asked == act {
			of, ref = append(of, r), cmp.Or(ref, r.ref)
		}
	}
	ref = cmp.Or(ref, of[0].ID)
	for _, r := range of {
		r.ref = ref
		if err := t.saveRegistration(ring, workspace, *r); err != nil {
			return err
		}
	}
	k.Kind, k.Ref, k.Customer, k.Source = of[0].kind+"."+act, ref, of[0].Customer, of[0].Customer
	k.DueAt, k.Listed = time.Now().Add(askedWithin), false
	toType(&k, of)
	return t.raise(k)
}

// askedWithin is until when a person is to have done by hand what a list needs.
const askedWithin = 24 * time.Hour

// toType puts into a task what a person looks for in the list, and what it is to
// become.
func toType(k *engawa.Task, rows []*registrationRow) {
	if k.Args == nil {
		k.Args = map[string]string{}
	}
	k.Args["account"] = rows[0].Account
	put := func(name, value string) {
		there := k.Args[engawa.TypeExactly+name]
		switch {
		case value == "" || slices.Contains(strings.Split(there, ", "), value):
		case there == "":
			k.Args[engawa.TypeExactly+name] = value
		default:
			k.Args[engawa.TypeExactly+name] = there + ", " + value
		}
	}
	for _, r := range rows {
		put("mail", r.has.Mail)
		put("name", r.has.Name)
		put("kana", r.has.Kana)
		put("plan", r.Plan)
		becomes := "_new"
		if strings.HasSuffix(k.Kind, askRemove) { // a person may have changed it already
			becomes = ""
		}
		put("mail"+becomes, r.has.NewMail)
		put("name"+becomes, r.has.NewName)
	}
}

// raiseListed raises a task by which a message asks for what the list of its
// account has of the message's customer. Of entries that are known it is the one
// task about them, and nothing where they have come off the list, or are already as
// they are to be. done: nothing is left to raise.
func (t *tx) raiseListed(k engawa.Task) (done bool, err error) {
	act := k.Kind[strings.LastIndexByte(k.Kind, '.')+1:]
	customer, err := t.aboutWhom(k.Workspace, k.Args["message"])
	if err != nil || customer == "" {
		return false, err
	}
	if _, err := all(t, scanString, `SELECT id FROM customer WHERE workspace = $1 AND id = $2 {lock}`, k.Workspace, customer); err != nil {
		return false, err
	}
	known, ring, err := t.registrations(k.Workspace, `r.customer = $2 AND r.account = $3`, customer, k.Args["account"])
	if err != nil || len(known) == 0 {
		return false, err
	}
	if known[0].Gone { // the erasure asked
		return !slices.ContainsFunc(known, func(r registrationRow) bool { return r.EndedAt.IsZero() && r.Asked != askRemove }), nil
	}
	var rows, of []*registrationRow
	for i := range known {
		if r := &known[i]; r.EndedAt.IsZero() {
			rows = append(rows, r)
		}
	}
	for _, r := range rows {
		if len(k.Plans) == 0 || slices.Contains(k.Plans, r.Plan) {
			of = append(of, r)
		}
	}
	if act == askChange {
		of, err = t.toldChange(ring, k, rows)
	} else {
		for _, r := range of {
			if err := t.unaskChange(k.Workspace, r, rows); err != nil {
				return true, err
			}
			r.Asked, r.told, r.has.NewMail, r.has.NewName = askRemove, k.Args["message"], "", ""
		}
	}
	if err != nil || len(of) == 0 {
		return true, err
	}
	return true, t.askInList(ring, k.Workspace, rows, k, act)
}

// unaskChange takes back a change that is asked of an entry: it is to go.
func (t *tx) unaskChange(workspace string, r *registrationRow, rows []*registrationRow) error {
	if r.Asked != askChange {
		return nil
	}
	return t.unask(workspace, r, rows)
}

// toldChange are the entries that are not as an event says, marked as to be changed.
// What it does not say is as the hub knows it.
func (t *tx) toldChange(ring keyring, k engawa.Task, rows []*registrationRow) (of []*registrationRow, err error) {
	said, err := t.saidOf(k.Workspace, k.Args["message"])
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.Asked == askRemove {
			continue
		}
		pending, err := t.notTyped(k.Workspace, r)
		if err != nil {
			return nil, err
		}
		if pending { // it will be typed as it is by then
			r.has.Mail = cmp.Or(said.Mail, r.has.Mail)
			if r.has.Name != "" {
				r.has.Name = cmp.Or(said.Name, r.has.Name)
			}
			if err := t.saveRegistration(ring, k.Workspace, *r); err != nil {
				return nil, err
			}
			continue
		}
		if said.Mail != "" && !sameMail(said.Mail, r.has.Mail) {
			r.has.ToldMail, r.has.NewMail = said.Mail, said.Mail
		}
		if r.has.Name != "" && said.Name != "" && said.Name != r.has.Name && said.Name != r.has.Known {
			r.has.ToldName, r.has.NewName = said.Name, said.Name
		}
		if r.has.NewMail+r.has.NewName != "" {
			r.Asked, r.told = askChange, k.Args["message"]
			of = append(of, r)
		}
	}
	return of, nil
}

// saidOf is how the event of a message calls its customer.
func (t *tx) saidOf(workspace, message string) (said listed, err error) {
	rows, err := all(t, scanEvent, `SELECT `+eventColumns+` FROM event WHERE workspace = $1 AND id = (SELECT event FROM message WHERE workspace = $1 AND id = $2)`, workspace, message)
	if err != nil || len(rows) == 0 {
		return said, err
	}
	evs, err := t.openEvents(workspace, rows)
	if err != nil {
		return said, err
	}
	var d struct {
		M struct {
			Email string `json:"email"`
			Name  string `json:"name"`
		} `json:"m"`
	}
	if json.Unmarshal(evs[0].Data, &d) != nil {
		d.M.Email = "" // data in another shape says nothing
	}
	return listed{Mail: strings.TrimSpace(d.M.Email), Name: strings.Join(strings.Fields(d.M.Name), " ")}, nil
}

// aboutWhom is the customer whom a message goes to or tells of, as living on.
func (t *tx) aboutWhom(workspace, message string) (string, error) {
	rows, err := all(t, scanMessage, `SELECT `+messageColumns+` FROM message WHERE workspace = $1 AND id = $2 AND sealed_by <> '`+destroyedBy+`'`, workspace, message)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return t.livesOnAs(workspace, rows[0].Owner())
}

// doneInList keeps what a person has done to a list: a task about entries is done.
func (t *tx) doneInList(k taskRow) error {
	i := strings.LastIndexByte(k.Kind, '.') + 1
	switch k.Kind[i:] {
	case askRemove:
		_, err := t.exec(`UPDATE registration SET ended_at = $4 WHERE workspace = $1 AND ref = $2 AND asked = $3 AND ref <> '' AND ended_at = 0`, k.Workspace, k.Ref, askRemove, us(k.DoneAt))
		return err
	case askChange:
		return t.changedInList(k)
	}
	return nil
}

func (t *tx) changedInList(k taskRow) error {
	rows, ring, err := t.registrations(k.Workspace, `r.ref = $2 AND r.asked = $3 AND r.ref <> '' AND r.ended_at = 0`, k.Ref, askChange)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Gone {
			continue
		}
		row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2 {share}`, k.Workspace, r.Customer)
		if err != nil {
			return err
		}
		opened, err := t.openCustomers(k.Workspace, []customerRow{row})
		if err != nil {
			return err
		}
		r.has = listed{Mail: cmp.Or(r.has.NewMail, r.has.Mail), Name: cmp.Or(r.has.NewName, r.has.Name), Kana: r.has.Kana, Known: opened[0].Name}
		r.Asked, r.told, r.ref = "", "", ""
		if err := t.saveRegistration(ring, k.Workspace, r); err != nil {
			return err
		}
		t.touched = append(t.touched, whose{k.Workspace, r.Customer}) // what changed once more meanwhile
	}
	return nil
}

// reopenedInList takes back that entries came off a list.
func (t *tx) reopenedInList(k taskRow) error {
	_, err := t.exec(`UPDATE registration SET ended_at = 0 WHERE workspace = $1 AND ref = $2 AND ref <> '' AND asked = $3 AND ended_at > 0`, k.Workspace, k.Ref, askRemove)
	return err
}

// ForgetAfter is how long a task keeps, at most, what is to be taken out of a list of
// a customer who was erased: as long as the business has to do what the customer asked
// (a month: Article 12(3) of Regulation (EU) 2016/679). When it is done it is gone at once.
const ForgetAfter = 30 * 24 * time.Hour

// leaveLists asks for what lists have of a customer whose key is about to be
// destroyed. What was asked about the customer before is part of it.
func (t *tx) leaveLists(workspace, customer string) error {
	rows, ring, err := t.registrations(workspace, `r.customer = $2 AND r.ended_at = 0`, customer)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if r.Asked != askChange {
			continue
		}
		asked := r.ref
		r.Asked, r.ref, r.told = "", "", ""
		if err := t.saveRegistration(ring, workspace, *r); err != nil {
			return err
		}
		if err := t.closeTask(workspace, Closing{Kind: r.kind + "." + askChange, Ref: asked}); err != nil {
			return err
		}
	}
	unlisted, err := t.askedOf(workspace, customer, rows)
	if err != nil {
		return err
	}
	return t.askForErased(workspace, append(rows, unlisted...))
}

// askedOf closes what a person is asked about lists by messages of a customer, and
// returns what to look for in those lists of which nothing else is known.
func (t *tx) askedOf(workspace, customer string, rows []registrationRow) (out []registrationRow, err error) {
	type asked struct{ account, kind, task, ref string }
	open, err := all(t, func(scan func(...any) error) (a asked, err error) {
		return a, scan(&a.account, &a.kind, &a.task, &a.ref)
	},
		`SELECT DISTINCT d.account, a.kind, k.kind, k.ref FROM task k JOIN delivery d ON d.workspace = k.workspace AND d.message = k.ref
			JOIN account a ON a.workspace = d.workspace AND a.id = d.account
			WHERE k.workspace = $1 AND k.state = 'open' AND k.kind IN (a.kind || '.register', a.kind || '.unknown', a.kind || '.change', a.kind || '.remove')
			AND k.ref IN `+concerning, workspace, customer)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	row, err := one(t, scanCustomer, `SELECT `+customerColumns+` FROM customer WHERE workspace = $1 AND id = $2`, workspace, customer)
	if err != nil {
		return nil, err
	}
	now, err := t.reach(workspace, row)
	if err != nil {
		return nil, err
	}
	ring, err := t.keys(workspace, []string{customer})
	if err != nil {
		return nil, err
	}
	for _, a := range open {
		if err := t.closeTask(workspace, Closing{Kind: a.task, Ref: a.ref}); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(append(rows, out...), func(r registrationRow) bool { return r.Account == a.account }) {
			continue
		}
		for _, p := range now.points {
			if p.Kind != engawa.ContactKind(a.kind) {
				continue
			}
			plain, err := ring.open(workspace, p.by, "contact_point", p.ID, p.sealed)
			if err != nil {
				return nil, err
			}
			out = append(out, registrationRow{
				Registration: Registration{ID: a.ref, Account: a.account, Customer: customer}, kind: a.kind, has: listed{Mail: string(plain), Name: now.customer.Name},
			})
		}
	}
	return out, nil
}

// askForErased asks for entries of a customer who is erased: one task a list, sealed
// by no customer's key, which forgets them when it is done and in any case.
func (t *tx) askForErased(workspace string, rows []registrationRow) error {
	for _, of := range byList(rows) {
		ref := of[0].ID
		for _, r := range of {
			if r.Asked == askRemove {
				ref = r.ref
			}
		}
		k := engawa.Task{
			Workspace: workspace, Kind: of[0].kind + "." + askRemove, Ref: ref, Source: of[0].Customer, DueAt: time.Now().Add(askedWithin),
			Args: map[string]string{"why": "erased"},
		}
		toType(&k, of)
		if err := t.raise(k); err != nil {
			return err
		}
		if err := t.must("have it forgotten", `UPDATE task SET forget_at = $4 WHERE workspace = $1 AND kind = $2 AND ref = $3 AND state = 'open'`,
			workspace, k.Kind, ref, us(time.Now().Add(ForgetAfter))); err != nil {
			return err
		}
		for _, r := range of {
			if _, err := t.exec(`UPDATE registration SET asked = $3, ref = $4 WHERE workspace = $1 AND id = $2`, workspace, r.ID, askRemove, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetTyped destroys what tasks were to be typed for.
const forgetTyped = `UPDATE task SET sealed = NULL, sealed_by = '` + destroyedBy + `', forget_at = 0 WHERE forget_at > 0 AND `

// forgetOverdue is what Sweep forgets whoever has not done it.
const forgetOverdue = forgetTyped + `(workspace, id) IN (SELECT workspace, id FROM task WHERE forget_at > 0 AND forget_at < $1 LIMIT 500 {skip})`
