package store

import (
	"fmt"
	"time"

	"github.com/engawa/engawa"
)

// Rescinded is the type of what the App Store tells where a parent took back the
// consent to a child's use of the app: it does not let the app start any more, and the
// business is to erase what it keeps by that consent (App Store Server Notifications
// 2.19).
const Rescinded = "store.rescind_consent"

// RescindedTask is the kind of the task that asks a person for that. Its ref is the event.
const RescindedTask = "customer.rescinded"

// rescindedWithin is how long a person has: the shortest term for a request to erase
// (KR PIPA Decree 43, 44: ten days).
const rescindedWithin = 10 * 24 * time.Hour

// hearRescinded acts on consents of parents that were taken back, among slots that
// were not here before: it stops advertising and notices to the child, and what is
// told of the child to others, at once and asks a person for the rest, since what is
// kept by which consent only the business knows.
func (t *tx) hearRescinded(slots []slot, known map[string]bool) error {
	for _, sl := range slots {
		e := sl.event
		if e.Type != Rescinded || !sl.out.Fresh || known[e.ID] || !counts(e) || e.Sample {
			continue
		}
		if err := t.stopChild(e); err != nil {
			return fmt.Errorf("stop what goes to the customer of %s: %w", e.ID, err)
		}
		if err := t.raise(engawa.Task{
			Workspace: e.Workspace, Kind: RescindedTask, Ref: e.ID, Customer: e.Customer, DueAt: e.ReceivedAt.Add(rescindedWithin), Args: map[string]string{"event": e.ID},
		}); err != nil {
			return err
		}
	}
	return nil
}

// childs is what a parent's withdrawal ends: what goes to the child beyond what a
// contract needs, and what others are told of the child. Each holds for every app and
// channel.
var childs = []engawa.Consent{
	{Act: engawa.ActContact, Purpose: engawa.Marketing},
	{Act: engawa.ActContact, Purpose: engawa.Notice},
	{Act: engawa.ActContactNight, Purpose: engawa.Marketing},
	{Act: engawa.ActShareAddress, Purpose: engawa.Service},
	{Act: engawa.ActShareUsage, Purpose: engawa.Service},
}

// stopChild withdraws that for the business, and for each partner to whom anything
// was allowed or refused.
func (t *tx) stopChild(e engawa.Event) error {
	if e.Customer == "" {
		return nil
	}
	erased, err := one(t, scanInt, `SELECT erased_at FROM customer WHERE workspace = $1 AND id = $2`, e.Workspace, e.Customer)
	if err != nil || erased > 0 {
		return err
	}
	controllers, err := all(t, scanString, `SELECT DISTINCT controller FROM consent WHERE workspace = $1 AND customer = $2 AND controller <> $3 ORDER BY controller`,
		e.Workspace, e.Customer, engawa.ControllerWorkspace)
	if err != nil {
		return err
	}
	for _, controller := range append(controllers, engawa.ControllerWorkspace) {
		for _, c := range childs {
			c.Workspace, c.ID, c.Customer, c.Controller, c.At = e.Workspace, engawa.NewID(engawa.PrefixConsent), e.Customer, controller, e.ReceivedAt
			c.Evidence = engawa.Evidence{Wording: "RESCIND_CONSENT (App Store Server Notifications 2.19)", Version: "1", Where: e.ID, How: howParent}
			if err := t.decided(c); err != nil {
				return err
			}
		}
	}
	return nil
}
