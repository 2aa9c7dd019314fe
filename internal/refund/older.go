package refund

import (
	"slices"
	"time"

	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
)

// The numbers of version 1, which Advanced Commerce purchases take (App Store
// Server API, ConsumptionRequest). 0 is "undeclared" but for the delivery.
const (
	usedNot, usedPartly, usedUp = 1, 2, 3
	onApple                     = 1
)

// Older is an answer in the older form. What is not known is left undeclared: how
// long the customer has an account with the business, and sums of money, which are
// asked for in dollars and known in other currencies.
func Older(a Answer, f store.RefundFacts) appstore.ConsumptionV1 {
	v := appstore.ConsumptionV1{Platform: onApple, SampleProvided: a.Sample}
	v.Delivery = max(0, slices.Index([]appstore.Delivery{
		appstore.Delivered, appstore.UndeliveredQuality, appstore.UndeliveredWrongItem, appstore.UndeliveredServerDown, "", appstore.UndeliveredOtherReason,
	}, a.Delivery))
	v.RefundPreference = map[appstore.RefundPreference]int{appstore.PreferFull: 1, appstore.PreferProrated: 1, appstore.PreferDecline: 2, "": 3}[a.Preference]
	told := Told(f.Case, f.Told)
	if a.Percent != nil {
		v.ConsumptionStatus = usedPartly
		switch *a.Percent {
		case 0:
			v.ConsumptionStatus = usedNot
		case 100_000:
			v.ConsumptionStatus = usedUp
		}
	}
	if told.Played != nil {
		v.PlayTime = step(time.Duration(*told.Played)*time.Second, 5*time.Minute, time.Hour, 6*time.Hour, 24*time.Hour, 4*24*time.Hour, 16*24*time.Hour)
	}
	if s, err := follow.State(f.Purchase.Facts); err == nil {
		v.AppAccountToken = s.At(f.Case.AskedAt).AppAccountToken
	}
	return v
}

// step is the number, from 1 on, of the span that d lies in.
func step(d time.Duration, bounds ...time.Duration) int {
	for i, b := range bounds {
		if d < b {
			return i + 1
		}
	}
	return len(bounds) + 1
}
