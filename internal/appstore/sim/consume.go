package sim

import (
	"net/http"
	"slices"
)

// consumption takes consumption information, version 2. What the store answers to
// a percentage or a preference that is wrong has names in its manual
// (InvalidRefundPreferenceError, ConsumptionPercentageOutOfRangeError,
// UndeliveredConsumptionPercentageNonZeroError), but no published number: they
// are answered as 4000000 here.
func (s *Store) consumption(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	var in map[string]any
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if _, ok := in["sampleContentProvided"].(bool); !ok {
		return nil, errBadSample
	}
	delivery, _ := in["deliveryStatus"].(string)
	preference, chosen := in["refundPreference"]
	used, told := in["consumptionPercentage"]
	percent, number := used.(float64)
	switch {
	case in["customerConsented"] != true:
		return nil, errBadConsented
	case !slices.Contains(deliveries, delivery):
		return nil, errBadDelivery
	case chosen && preference != "DECLINE" && preference != "GRANT_FULL" && preference != "GRANT_PRORATED":
		return nil, errBadRequest
	case told && (!number || percent != float64(int64(percent)) || percent < 0 || percent > 100_000):
		return nil, errBadRequest
	case told && t.product.Type == AutoRenewable:
		return nil, errBadRequest
	case delivery != "DELIVERED" && percent > 0:
		return nil, errBadRequest
	case preference == "GRANT_PRORATED" && t.product.Type != AutoRenewable && percent == 0:
		return nil, errBadRequest
	}
	s.note(t, 2, in)
	return accepted(http.StatusAccepted), nil
}

var deliveries = []string{"DELIVERED", "UNDELIVERED_QUALITY_ISSUE", "UNDELIVERED_WRONG_ITEM", "UNDELIVERED_SERVER_OUTAGE", "UNDELIVERED_OTHER"}

// consumptionV1 takes version 1, of numbers, for consumables and auto-renewable
// subscriptions.
func (s *Store) consumptionV1(c call) (any, error) {
	t, err := s.named(c.args[0], errBadTransactionID, errTransactionUnknown)
	if err != nil {
		return nil, err
	}
	if t.product.Type != Consumable && t.product.Type != AutoRenewable {
		return nil, errTypeNotSupported
	}
	var in map[string]any
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in["customerConsented"] != true {
		return nil, errBadConsented
	}
	if _, ok := in["sampleContentProvided"].(bool); !ok {
		return nil, errBadSample
	}
	if token, ok := in["appAccountToken"].(string); !ok || token != "" && !uuid.MatchString(token) {
		return nil, errBadAccountToken
	}
	for _, f := range []struct {
		name  string
		most  float64
		wrong apiError
	}{
		{"consumptionStatus", 3, errBadConsumption},
		{"platform", 2, errBadPlatform},
		{"deliveryStatus", 5, errBadDelivery},
		{"accountTenure", 7, errBadTenure},
		{"playTime", 7, errBadPlayTime},
		{"lifetimeDollarsRefunded", 7, errBadRefundedDollars},
		{"lifetimeDollarsPurchased", 7, errBadPurchasedDollars},
		{"userStatus", 4, errBadUserStatus},
	} {
		if n, ok := in[f.name].(float64); !ok || n != float64(int(n)) || n < 0 || n > f.most {
			return nil, f.wrong
		}
	}
	if p, told := in["refundPreference"]; told {
		if n, ok := p.(float64); !ok || n != float64(int(n)) || n < 0 || n > 3 {
			return nil, errBadRequest
		}
	}
	s.note(t, 1, in)
	return accepted(http.StatusAccepted), nil
}

// note keeps consumption information with the case. Without one, or too late, it
// is accepted like any other and changes nothing.
func (s *Store) note(t *transaction, version int, body map[string]any) {
	if t.refund == nil {
		return
	}
	now := s.now()
	late := !t.refund.open || now.Sub(t.refund.opened) > s.refundPace(answerFor)
	t.refund.answers = append(t.refund.answers, Answer{now, late, version, body})
}
