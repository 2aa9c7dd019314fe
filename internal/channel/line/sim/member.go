package sim

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Membership is a paid plan of an account.
type Membership struct {
	Title, Description string
	Benefits           []string
	Price              float64 // of a month, in yen
	Limit              int     // of members; 0: none
}

// membership is a Membership with its members, in the order in which they joined.
type membership struct {
	Membership
	id      int64
	members []*subscriber
}

type subscriber struct {
	who    *person
	joined time.Time
}

var memberRoutes = []route{
	{"GET", "/v2/bot/membership/list", perSecond200, (*call).listMemberships, false, false, false},
	{"GET", "/v2/bot/membership/subscription/{userId}", perSecond200, (*call).subscriptions, false, false, false},
	{"GET", "/v2/bot/membership/{membership}/users/ids", perSecond200, (*call).subscribers, false, false, false},
}

// AddMembership adds a paid plan to an account and returns its id.
func (s *Server) AddMembership(accountID string, m Membership) int64 {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return 0
	}
	made := &membership{Membership: m, id: 3000 + s.next()}
	a.memberships = append(a.memberships, made)
	return made.id
}

// Subscribe is a friend joining a paid plan.
func (s *Server) Subscribe(person, accountID string, id int64) error {
	return s.act(person, accountID, func(f *friendship) error {
		m := f.with.membership(id)
		if m == nil || f.state != Friend || m.Limit > 0 && len(m.members) >= m.Limit {
			return errors.New("they cannot join")
		}
		m.members = append(m.members, &subscriber{f.person, s.now()})
		s.emit(f, "membership", true, map[string]any{"membership": map[string]any{"type": "joined", "membershipId": id}})
		return nil
	})
}

func (a *account) membership(id int64) *membership {
	for _, m := range a.memberships {
		if m.id == id {
			return m
		}
	}
	return nil
}

// plan is a membership as it is told.
func (m *membership) plan() map[string]any {
	return map[string]any{"membershipId": m.id, "title": m.Title, "description": m.Description, "benefits": m.Benefits, "price": m.Price, "currency": "JPY"}
}

func (c *call) listMemberships() reply {
	out := []any{}
	for _, m := range c.of.memberships {
		p := m.plan()
		p["memberCount"], p["memberLimit"], p["isInAppPurchase"], p["isPublished"] = len(m.members), nil, false, true
		if m.Limit > 0 {
			p["memberLimit"] = m.Limit
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return notFound()
	}
	return answer(http.StatusOK, map[string]any{"memberships": out})
}

func (c *call) subscriptions() reply {
	f := c.friend(c.args["userId"])
	if f == nil {
		return notFound()
	}
	out := []any{}
	for _, m := range c.of.memberships {
		for i, one := range m.members {
			if one.who == f.person {
				out = append(out, map[string]any{"membership": m.plan(), "user": map[string]any{
					"membershipNo": i + 1, "joinedTime": one.joined.Unix(), "nextBillingDate": one.joined.In(jst).AddDate(0, 1, 0).Format("2006-01-02"), "totalSubscriptionMonths": 1,
				}})
			}
		}
	}
	return answer(http.StatusOK, map[string]any{"subscriptions": out})
}

func (c *call) subscribers() reply {
	id, _ := strconv.ParseInt(c.args["membership"], 10, 64)
	m := c.of.membership(id)
	if m == nil {
		return notFound()
	}
	ids := []string{}
	for _, one := range m.members {
		if user := userID(c.of.provider, one.who); c.friend(user) != nil && !slices.Contains(ids, user) {
			ids = append(ids, user)
		}
	}
	return c.page(ids, "userIds", 300, mostFollowers)
}
