package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// Notices are changes to what an account tells the staff that belong together.
type Notices struct {
	Account *engawa.Account      // changed as ChangeAccount does; nil: as it is
	Places  []engawa.Destination // new ones
	Routes  []engawa.Route       // as SaveRoute takes them; they may send to the new places
}

// Empty reports whether nothing would change.
func (n Notices) Empty() bool { return n.Account == nil && len(n.Places) == 0 && len(n.Routes) == 0 }

// SaveNotices makes all the changes or none of them.
func (s *Store) SaveNotices(ctx context.Context, workspace string, n Notices) error {
	err := s.inTx(ctx, workspace, func(t *tx) error {
		if n.Account != nil {
			if err := t.changeAccount(*n.Account); err != nil {
				return err
			}
		}
		for _, d := range n.Places {
			if err := t.addDestination(d); err != nil {
				return err
			}
		}
		for _, r := range n.Routes {
			if err := t.saveRoute(r); err != nil {
				return fmt.Errorf("route %s: %w", r.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save notices: %w", err)
	}
	if n.Account != nil {
		s.wakeUp(workspace, n.Account.ID)
	}
	return nil
}

// Answered returns the message that the provider knows by an id of its own: the
// one that a reply in a staff place answers. It is empty where there is none.
func (s *Store) Answered(ctx context.Context, workspace, account, providerID string) (message string, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		ids, err := all(t, scanString, `SELECT message FROM delivery
			WHERE workspace = $1 AND account = $2 AND provider_id = $3 AND destination <> '' AND provider_id <> '' LIMIT 1`, workspace, account, providerID)
		if len(ids) > 0 {
			message = ids[0]
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("find what is answered: %w", err)
	}
	return message, nil
}

// AboutMessage is the subject of an event that answers a message.
func AboutMessage(id string) string { return aboutMessage + id }

const aboutMessage = "message:"

// Replies returns the newest events that answer a message, oldest first, at most 100.
func (s *Store) Replies(ctx context.Context, workspace, message string) (evs []engawa.Event, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		rows, err := all(t, scanEvent, `SELECT * FROM (SELECT `+eventColumns+` FROM event
			WHERE workspace = $1 AND subject = $2 AND subject >= 'message:' AND subject < 'message;' AND account <> $3 ORDER BY id DESC LIMIT 100) AS latest ORDER BY id`,
			workspace, AboutMessage(message), engawa.SourceAPI)
		if err != nil {
			return err
		}
		evs, err = t.openEvents(workspace, rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("replies to %s: %w", message, err)
	}
	return evs, nil
}

// Sent is a delivery of one account, with what came after it.
type Sent struct {
	engawa.Delivery
	At     time.Time            // when it was made
	Next   string               // the account that the message's chain goes on with; empty: none did
	NextIs engawa.DeliveryState // where that delivery stands
}

// SentState is what became of a delivery on its account.
type SentState string

// What a delivery of an account can have become.
const (
	SentHere    SentState = "sent"    // the provider took it
	SentWaiting SentState = "waiting" // it may still be taken
	SentOn      SentState = "on"      // the next account of the chain got it instead
	SentNot     SentState = "not"     // nobody got it: failed, refused, canceled, or not known
)

// SentStates are all of them, in the order in which a page shows them.
var SentStates = []SentState{SentHere, SentWaiting, SentOn, SentNot}

// sentCase is SentState in SQL: d is the delivery, n the next of its chain.
const sentCase = `CASE WHEN d.state IN ('accepted', 'delivered') THEN 'sent'
	WHEN d.waits OR d.state = 'sending' THEN 'waiting'
	WHEN n.id IS NOT NULL THEN 'on' ELSE 'not' END`

// sentFrom are the deliveries of an account since an instant. Ids are in the
// order of time: eight milliseconds more than needed, and created_at decides.
const sentFrom = ` FROM delivery d LEFT JOIN delivery n ON n.workspace = d.workspace AND n.message = d.message AND n.position = d.position + 1
	WHERE d.workspace = $1 AND d.account = $2 AND d.id >= $3 AND d.created_at >= $4`

func sentArgs(workspace, account string, since time.Time) []any {
	return []any{workspace, account, engawa.NewOrderedID(engawa.PrefixDelivery, since)[:len(engawa.PrefixDelivery)+1+9], us(since)}
}

// SentTally counts the deliveries of an account since an instant, by what became of them.
func (s *Store) SentTally(ctx context.Context, workspace, account string, since time.Time) (out map[SentState]int, err error) {
	err = s.view(ctx, workspace, func(t *tx) error {
		out, err = tally[SentState](t, `SELECT `+sentCase+`, count(*)`+sentFrom+` GROUP BY 1`, sentArgs(workspace, account, since)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tally of %s: %w", account, err)
	}
	return out, nil
}

// Sent returns a page of the deliveries of an account since an instant, newest
// first; state empty: all. The id alone is the cursor.
func (s *Store) Sent(ctx context.Context, workspace, account string, since time.Time, state SentState, p Page) (ds []Sent, err error) {
	before := p.ID
	if before == "" {
		before = engawa.PrefixDelivery + "_~" // after every id
	}
	args := append(sentArgs(workspace, account, since), before, string(state))
	err = s.view(ctx, workspace, func(t *tx) error {
		ds, err = all(t, func(scan func(...any) error) (d Sent, err error) {
			var due, deadline, handed, created int64
			err = scan(&d.ID, &d.Message, &d.Destination, &d.State, &d.Note, &d.Attempts, &d.ProviderID, &due, &deadline, &handed, &created, &d.Next, &d.NextIs)
			d.Workspace, d.Account, d.DueAt, d.DeadlineAt, d.HandedAt, d.At = workspace, account, at(due), at(deadline), at(handed), at(created)
			return d, err
		}, `SELECT d.id, d.message, d.destination, d.state, d.note, d.attempts, d.provider_id, d.due_at, d.deadline_at, d.handed_at, d.created_at,
			COALESCE(n.account, ''), COALESCE(n.state, '')`+sentFrom+` AND d.id < $5 AND ($6 = '' OR `+sentCase+` = $6)
			ORDER BY d.id DESC LIMIT `+strconv.Itoa(p.limit()), args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sent by %s: %w", account, err)
	}
	return ds, nil
}
