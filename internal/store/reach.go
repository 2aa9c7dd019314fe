package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/engawa/engawa"
)

// hearReached keeps what channels tell of the ways to reach the customers of fresh events:
// the contact point, and how it stands to the event's account since the event. It
// waits for claims under way, like whoever changes a contact point, in the order of
// the customers, as a claim takes them.
func (t *tx) hearReached(workspace string, slots []slot, ring keyring) error {
	told := slices.DeleteFunc(slices.Clone(slots), func(sl slot) bool {
		return sl.event.Reached == nil || !sl.out.Fresh || !ring.opens(sl.event.Customer)
	})
	slices.SortStableFunc(told, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.event.Customer, b.event.Customer), a.event.OccurredAt.Compare(b.event.OccurredAt))
	})
	for _, sl := range told {
		if err := t.reachOne(workspace, sl.event, ring); err != nil && engawa.CodeOf(err) != engawa.CodeConflict { // a conflict: erased this moment
			return fmt.Errorf("reach %s: %w", sl.event.Customer, err)
		}
	}
	return nil
}

func (t *tx) reachOne(workspace string, e engawa.Event, ring keyring) error {
	if _, err := t.own(workspace, e.Customer); err != nil {
		return err
	}
	point, err := t.pointFor(workspace, e, ring)
	if err != nil || point == "" || e.Reached.State == "" {
		return err
	}
	return t.relate(workspace, e.Customer, e.Account, point, e.Reached.State, us(e.OccurredAt))
}

// pointFor is the customer's contact point at which an event's channel reaches them,
// made where there is none; empty: the customer took it away. Only who becomes a
// friend anew brings it back.
func (t *tx) pointFor(workspace string, e engawa.Event, ring keyring) (string, error) {
	r := e.Reached
	index, _ := t.s.vault.Index(workspace, "address:"+r.Kind, foldAddress(r.Address))
	var ended int
	points, err := all(t, func(scan func(...any) error) (id string, err error) {
		var at int64
		if err = scan(&id, &at); at > 0 {
			id, ended = "", ended+1
		}
		return id, err
	}, `SELECT id, ended_at FROM contact_point WHERE workspace = $1 AND customer = $2 AND kind = $3 AND address_index = $4 ORDER BY ended_at, created_at, id`,
		workspace, e.Customer, r.Kind, index)
	if err != nil || len(points) > 0 && points[0] != "" {
		return cmp.Or(append(points, "")...), err
	}
	if ended > 0 && r.State != "friend" || r.State == "blocked" {
		return "", nil
	}
	p := engawa.ContactPoint{
		Workspace: workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: e.Customer, Kind: r.Kind, Address: r.Address,
		VerifiedAt: e.ReceivedAt, CreatedAt: e.ReceivedAt, // the channel's word is its proof
	}
	return p.ID, t.addContactPoint(ring, p)
}

// relate records how a contact point stands to an account since an instant, unless
// something later is known.
func (t *tx) relate(workspace, customer, account, point, state string, since int64) error {
	n, err := t.exec(`INSERT INTO relationship (workspace, account, contact_point, state, since) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (workspace, account, contact_point) DO UPDATE SET state = excluded.state, since = excluded.since WHERE relationship.since <= excluded.since`,
		workspace, account, point, state, since)
	if err != nil || n == 0 {
		return err
	}
	if _, err := t.exec(`UPDATE customer SET suppression_version = suppression_version + 1 WHERE workspace = $1 AND id = $2`, workspace, customer); err != nil {
		return err
	}
	return t.retell(workspace, customer)
}

// emptyUnsaid empties events that were taken back before they came. Of a message and of
// what takes it back, one waits for the other where both come at the same moment.
func (t *tx) emptyUnsaid(workspace string, slots []slot) error {
	accounts, takes := map[string][]string{}, map[string]bool{}
	for _, sl := range slots {
		switch e := sl.event; {
		case e.Unsays != "":
			accounts[e.Account], takes[e.Account] = append(accounts[e.Account], ""), true
		case e.UnsaidBy != "":
			accounts[e.Account] = append(accounts[e.Account], e.UnsaidBy)
		}
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		lock := "{share}"
		if takes[account] {
			lock = "{lock}"
		}
		if _, err := all(t, scanString, `SELECT id FROM account WHERE workspace = $1 AND id = $2 `+lock, workspace, account); err != nil {
			return err
		}
		gone, err := all(t, scanString, `SELECT dedup FROM event WHERE workspace = $1 AND account = $2 AND dedup {in $3}`, workspace, account, t.list(distinct(accounts[account])))
		if err != nil {
			return err
		}
		for i := range slots {
			if e := &slots[i].event; e.Account == account && slices.Contains(gone, e.UnsaidBy) {
				e.Data, e.Raw = []byte("{}"), nil
			}
		}
	}
	return nil
}

// unsay destroys what fresh events take back: what the events before them said, and
// the words of the messages that these made.
func (t *tx) unsay(workspace string, slots []slot) error {
	for _, sl := range slots {
		if sl.event.Unsays == "" || !sl.out.Fresh {
			continue
		}
		if err := t.destroySaid(workspace, sl.event.Account, sl.event.Unsays); err != nil {
			return fmt.Errorf("take back what %s does: %w", sl.event.ID, err)
		}
	}
	return nil
}

func (t *tx) destroySaid(workspace, account, key string) error {
	events, err := all(t, scanString, `SELECT id FROM event WHERE workspace = $1 AND account = $2 AND (dedup = $3 OR dedup >= $4 AND dedup < $5)`,
		workspace, account, key, key+":", key+";")
	if err != nil || len(events) == 0 {
		return err
	}
	t.wipes = true
	list := t.list(events)
	if _, err := t.exec(`UPDATE event SET sealed = $3, sealed_by = '`+destroyedBy+`' WHERE workspace = $1 AND id {in $2}`, workspace, list, make([]byte, wrappedSize)); err != nil {
		return err
	}
	made, err := all(t, scanString, `SELECT id FROM message WHERE workspace = $1 AND event <> '' AND event {in $2} ORDER BY id`, workspace, list)
	if err != nil {
		return err
	}
	for _, id := range made {
		if _, err := t.cancel(workspace, id); err != nil {
			return err
		}
	}
	gathered, err := all(t, scanString, `SELECT d.message FROM digest_event x JOIN digest d ON d.workspace = x.workspace AND d.id = x.digest
		WHERE x.workspace = $1 AND x.event {in $2} AND d.message <> ''`, workspace, list)
	if err != nil {
		return err
	}
	return t.destroyMessages(workspace, distinct(append(made, gathered...)))
}
