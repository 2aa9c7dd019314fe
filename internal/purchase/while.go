package purchase

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
)

// Upsell is what bears on the offer of a higher plan.
type Upsell struct {
	Products []engawa.Product // as they are described
	Made     bool             // another message offered it
}

// Known is a purchase of the customer whom a message is for.
type Known struct {
	ID          string
	App         string
	Environment string
	Group       string
	State       State
}

// While says whether what a message asks of a purchase holds at now. The known
// are that purchase and all subscriptions of the customer: one who has bought
// again is not asked back. What bears on an offer is looked at for engawa.WhileLower.
func While(w engawa.While, known []Known, up Upsell, now time.Time) engawa.WhileFacts {
	f := engawa.WhileFacts{Holds: w.Holds, Gone: engawa.GoneUnknown}
	for _, k := range known {
		if k.ID != w.Purchase || len(k.State.Periods) == 0 {
			continue
		}
		f.Gone, f.Until = k.State.gone(w, up, now)
		asksBack := w.Holds == engawa.WhileExpired || w.Holds == engawa.WhileShareEnded
		if asksBack && f.Gone == "" && again(k, known, now) {
			f.Gone = engawa.GoneBack
		}
	}
	return f
}

// again reports whether a purchase gives what this one, which is over, gave: of the
// same app, environment and group.
func again(of Known, known []Known, now time.Time) bool {
	for _, k := range known {
		if k.App == of.App && k.Environment == of.Environment && k.Group == of.Group && k.State.At(now).Entitled {
			return true
		}
	}
	return false
}

// gone is why w holds no more (empty: it does), and until when it holds where
// that is known.
func (s State) gone(w engawa.While, up Upsell, now time.Time) (why engawa.Gone, until time.Time) {
	v := s.At(now)
	switch w.Holds {
	case engawa.WhileRenewalOff:
		return v.whileRenewalOff(), v.Until
	case engawa.WhileUnpaid:
		return v.whileUnpaid(), v.RetryUntil
	case engawa.WhileExpired:
		return v.whileExpired(), time.Time{}
	case engawa.WhilePricePending:
		return v.whilePricePending(), v.Until
	case engawa.WhileSamePlan:
		return v.whileSamePlan(w.Product), time.Time{}
	case engawa.WhileLower:
		return v.whileLower(w.Product, up), time.Time{}
	case engawa.WhileShareEnded:
		return v.whileShareEnded(), time.Time{}
	case engawa.WhileRefunded:
		return s.whileRefunded(), time.Time{}
	}
	return engawa.GoneOtherwise, time.Time{}
}

// over is why a subscription is over; empty: it is not.
func (v View) over() engawa.Gone {
	switch v.Status {
	case appstore.StatusRevoked:
		return engawa.GoneRefunded
	case appstore.StatusExpired:
		return engawa.GoneEnded
	case appstore.StatusActive, appstore.StatusBillingRetry, appstore.StatusBillingGracePeriod:
		return ""
	}
	return engawa.GoneOtherwise
}

func (v View) whileRenewalOff() engawa.Gone {
	switch why := v.over(); {
	case why != "":
		return why
	case !v.Canceled:
		return engawa.GoneRenews
	}
	return ""
}

func (v View) whileUnpaid() engawa.Gone {
	if v.Status == appstore.StatusActive {
		return engawa.GonePaid
	}
	return v.over()
}

func (v View) whileExpired() engawa.Gone {
	switch why := v.over(); {
	case v.Entitled:
		return engawa.GoneBack
	case why == engawa.GoneEnded:
		return ""
	case why != "":
		return why
	}
	return engawa.GoneOtherwise
}

func (v View) whilePricePending() engawa.Gone {
	switch why := v.over(); {
	case why != "":
		return why
	case v.Canceled:
		return engawa.GoneCanceled
	case v.PriceConsent != PricePending:
		return engawa.GoneAgreed
	}
	return ""
}

func (v View) whileSamePlan(product string) engawa.Gone {
	switch why := v.over(); {
	case why != "":
		return why
	case v.Canceled:
		return engawa.GoneCanceled
	case v.ProductID != product || v.Pending != "":
		return engawa.GoneChanged
	case v.Status != appstore.StatusActive:
		return engawa.GoneOtherwise
	}
	return ""
}

// whileLower asks for who pays for a lower plan than the one offered and goes on
// with it. A plan that the family shares is the head's to change.
func (v View) whileLower(offered string, up Upsell) engawa.Gone {
	switch why := v.over(); {
	case why != "":
		return why
	case v.Canceled:
		return engawa.GoneCanceled
	case !Lower(up.Products, v.ProductID, offered) || v.Pending != "" && !Lower(up.Products, v.Pending, offered):
		return engawa.GoneChanged
	case v.Status != appstore.StatusActive || v.Shared:
		return engawa.GoneOtherwise
	case up.Made:
		return engawa.GoneOffered
	}
	return ""
}

func (v View) whileShareEnded() engawa.Gone {
	switch {
	case v.Entitled:
		return engawa.GoneBack
	case v.Reason != EndShareEnded:
		return engawa.GoneOtherwise
	}
	return ""
}

// whileRefunded asks for money that was given back and not taken again: of the
// subscription's present period or of an earlier one.
func (s State) whileRefunded() engawa.Gone {
	why := engawa.GoneOtherwise
	for _, r := range s.Refunds {
		if r.Type == familyRevoke {
			continue
		}
		if _, undone := s.reversal(r); !undone {
			return ""
		}
		why = engawa.GoneKept
	}
	return why
}
