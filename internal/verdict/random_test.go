package verdict

import (
	"math/rand/v2"
	"time"

	"github.com/engawa/engawa"
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// rare is true once in n times.
func rare(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func randomFacts(r *rand.Rand, at time.Time) engawa.Facts {
	f := japan()
	f.CreatedAt, f.ExpiresAt = at, time.Time{}
	f.Channel = pick(r, "mail", "mail", "line", "line", "kakao", "alimtalk")
	f.Purpose = pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service, engawa.Security, engawa.LegalNotice, "unheard of")
	f.Trigger = pick(r, engawa.ByUser, engawa.ByAutomatic, "")
	f.Country = pick(r, []string{"JP"}, []string{"KR"}, []string{"KR", "JP"}, nil)
	f.Zones = pick(r, nil, []string{"Asia/Tokyo"}, []string{"Asia/Seoul", "Australia/Sydney"}, []string{"Asia/Kathmandu"})
	f.App, f.Topic = pick(r, "", "app_1"), pick(r, "", "renewal")
	f.Content.Promotional = rare(r, 8)
	f.OneClick = !rare(r, 8)
	f.Consents = nil
	if !rare(r, 3) { // or few would pass
		c := given(at.Add(-time.Minute))
		c.Purpose = pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice)
		f.Consents = append(f.Consents, c)
	}
	for range max(0, r.IntN(9)-4) {
		f.Consents = append(f.Consents, randomConsent(r, at))
	}
	f.Erased, f.Minor, f.Stopped = rare(r, 30), rare(r, 20), rare(r, 30)
	if rare(r, 4) {
		f.While = &engawa.WhileFacts{Holds: pick(r, engawa.Standings[:]...), Gone: pick(r, "", "", engawa.GoneRenews), Until: pick(r, time.Time{}, at, at.Add(time.Hour))}
	}
	if rare(r, 8) {
		f.Offer = &engawa.OfferFacts{Offer: "thanks", Missing: pick(r, "", "", engawa.OfferEmpty, engawa.OfferUnlinked, engawa.OfferUsed)}
	}
	f.Contact.Verified, f.Contact.Serves = !rare(r, 15), !rare(r, 30)
	if rare(r, 30) {
		f.Contact = nil
	}
	f.Relationship = pick(r, engawa.RelationshipFacts{}, engawa.RelationshipFacts{}, engawa.RelationshipFacts{Required: "friend", State: "friend"},
		engawa.RelationshipFacts{Required: "friend", State: "friend"}, engawa.RelationshipFacts{Required: "friend"}, engawa.RelationshipFacts{State: "blocked"})
	f.DisclosureRequired = rare(r, 4)
	if !rare(r, 4) {
		f.Disclosure = &engawa.DisclosureFacts{ID: "dsc_1", Since: at}
	}
	if rare(r, 8) {
		f.Suppressions = stop(pick(r, "opted_out", "operator", "bounced", "complained", "blocked", "else"))
	}
	f.SentDay, f.SentSender, f.OldestDay = r.IntN(6), r.IntN(4), at.Add(-time.Duration(r.IntN(24*60-1))*time.Minute)
	if rare(r, 8) {
		f.Budgets = []engawa.BudgetFacts{{Scope: "month", Remaining: r.IntN(2), ResetsAt: at.Add(time.Duration(r.IntN(20)-5) * time.Hour)}}
	}
	switch r.IntN(10) {
	case 0:
		g := partner(&f)
		g.Apps, g.Purposes = star, []engawa.Purpose{"*"}
		g.StartsAt = at.Add(time.Duration(r.IntN(3)-1) * time.Hour)
		if rare(r, 3) {
			g.EndedAt = at
		}
	case 1:
		f.Controller = "ptn_1" // without a grant
	case 2:
		f.ToDestination, f.Customer = true, ""
		if rare(r, 4) {
			f.Contact = nil // taken away
		}
	}
	return f
}

func randomConsent(r *rand.Rand, at time.Time) engawa.ConsentFacts {
	return engawa.ConsentFacts{
		Controller: pick(r, "workspace", "workspace", "workspace", "ptn_1"),
		App:        pick(r, "", "", "app_1", "app_2"),
		Act:        pick(r, engawa.ActContact, engawa.ActContact, engawa.ActContact, engawa.ActContactNight, engawa.ActShareAddress),
		Purpose:    pick(r, engawa.Marketing, engawa.Marketing, engawa.Notice, engawa.Service),
		Channel:    pick(r, "", "", "mail", "line", "kakao"),
		Topic:      pick(r, "", "", "renewal", "news"),
		Given:      !rare(r, 3), Pending: rare(r, 10),
		At: at.Add(time.Duration(r.IntN(9)-7) * time.Second),
	}
}
