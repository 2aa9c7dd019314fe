package message

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// offer is the offer of which a message's words hold a code's link. Codes are for
// customers, and the workspace's own to give: where staff or a partner would hold
// one the message cannot be made.
func (w *world) offer(m engawa.Message, r Request) (string, error) {
	words := []engawa.Content{r.Content}
	if r.Template != "" {
		words = words[:0]
		for _, l := range engawa.Locales {
			words = append(words, w.templates[r.Template].Words[l])
		}
	} else if r.Variables == nil && r.Event == nil {
		return "", nil // words that are sent as they stand
	}
	offer, err := text.Offer(words...)
	switch {
	case err != nil || offer == "" || m.Sample || m.Nobody() && !toStaff(m):
		return "", err
	case toStaff(m):
		return "", engawa.Invalid("/template", "take {{offer.link:"+offer+"}} out of the words, or send them to the customer alone", "a code of the offer %s would go to staff", offer)
	case m.Partner != "":
		return "", engawa.Invalid("/template", "take {{offer.link:"+offer+"}} out of the words", "a partner's message cannot hold a code of the business's offers")
	}
	return offer, nil
}

// missing is why a customer can be given no code of an offer, by what the store of
// ours knows and by what was bought: the App Store takes one code of an offer from
// a customer, whoever handed it out.
func missing(k store.OfferKnown, offer string, ps []engawa.Purchase) engawa.OfferMissing {
	switch {
	case k.Used || boughtBy(k.Account, offer, ps):
		return engawa.OfferUsed
	case !k.Left:
		return engawa.OfferEmpty
	case k.AppleID == 0:
		return engawa.OfferUnlinked
	}
	return ""
}

func boughtBy(account, offer string, ps []engawa.Purchase) bool {
	for _, p := range ps {
		if s, err := follow.State(p.Facts); p.Account == account && err == nil && s.Redeemed(offer) {
			return true
		}
	}
	return false
}

func noPool(offer string) error {
	return engawa.Invalid("/template", "put codes of the offer into a pool, on the page of offer codes, or take {{offer.link:"+offer+"}} out of the words",
		"there is no pool of codes of the offer %s", offer)
}
