package partner

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// The limits, of a hundred thousand mails: large receivers ask for less than 0.1 %
// complaints and never 0.3 % (Google, e-mail sender guidelines).
const (
	warnAt = 100
	slowAt = 200
	stopAt = 300

	// leastMails is how many mails a partner must have sent before they say something.
	leastMails = 500
)

// Stand says how a partner is to stand by what those said who got its mail. It gets
// worse at once. A stop, of whomever, stays until a person lifts it; what is less
// goes back with the numbers.
func Stand(c store.Complained) engawa.Repute {
	to := engawa.ReputeGood
	if c.Sent >= leastMails {
		switch rate := c.Complaints * 100_000; {
		case rate >= stopAt*c.Sent:
			to = engawa.ReputeStopped
		case rate >= slowAt*c.Sent:
			to = engawa.ReputeSlowed
		case rate >= warnAt*c.Sent:
			to = engawa.ReputeWarned
		}
	}
	if c.Level == engawa.ReputeStopped {
		return engawa.ReputeStopped
	}
	return to
}

// watchEvery is how often complaints are counted.
const watchEvery = time.Minute

// Watch holds partners to what those say who get their mail.
type Watch struct {
	Store *store.Store
	next  time.Time
}

// Step counts complaints once a minute.
func (w *Watch) Step(ctx context.Context) error {
	if time.Now().Before(w.next) {
		return nil
	}
	workspaces, err := w.Store.PartnersOf(ctx)
	if err != nil {
		return err
	}
	for _, id := range workspaces {
		if err := w.Store.WatchComplaints(ctx, id, Stand); err != nil {
			return err
		}
	}
	w.next = time.Now().Add(watchEvery)
	return nil
}
