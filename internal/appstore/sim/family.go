package sim

import (
	"errors"
	"slices"
	"time"
)

// Family makes customers members of the family that shares what the first buys.
func (s *Store) Family(organizer string, members ...string) error {
	s.enter()
	defer s.leave()
	head, err := s.customer(organizer)
	if err != nil {
		return err
	}
	for _, id := range members {
		m, err := s.customer(id)
		if err != nil {
			return err
		}
		if m == head || slices.Contains(head.members, m) {
			return errors.New("a member joins a family once")
		}
		head.members = append(head.members, m)
	}
	for _, sub := range head.subs {
		if sub.status == statusActive || sub.status == statusGrace {
			s.share(sub)
		}
	}
	return nil
}

// Leave takes a member out of the family: what was shared is revoked.
func (s *Store) Leave(organizer, member string) error {
	s.enter()
	defer s.leave()
	head, err := s.customer(organizer)
	if err != nil {
		return err
	}
	m, err := s.customer(member)
	if err != nil {
		return err
	}
	i := slices.Index(head.members, m)
	if i < 0 {
		return errors.New("the customer is no member of this family")
	}
	head.members = slices.Delete(head.members, i, i+1)
	for _, sub := range head.subs {
		for _, share := range slices.Clone(sub.shares) {
			if share.owner == m {
				s.revokeShare(share)
			}
		}
	}
	return nil
}

// share gives every member of the family who lacks it a subscription.
func (s *Store) share(sub *subscription) {
	if !sub.product.Family {
		return
	}
	for _, m := range sub.owner.members {
		if slices.ContainsFunc(sub.shares, func(x *subscription) bool { return x.owner == m }) {
			continue
		}
		share := m.sub(sub.group, true)
		subtype := "RESUBSCRIBE"
		if share == nil {
			share, subtype = &subscription{owner: m, group: sub.group}, "INITIAL_BUY"
			m.subs = append(m.subs, share)
		}
		share.sharedBy, share.start = sub, s.now()
		sub.shares = append(sub.shares, share)
		s.follow(share)
		s.tellSub(share, "SUBSCRIBED", subtype)
	}
}

// follow brings a shared subscription to the state of the purchaser's: a new
// transaction where that has one.
func (s *Store) follow(share *subscription) {
	sub := share.sharedBy
	share.product, share.next, share.renew, share.intent = sub.product, sub.next, sub.renew, sub.intent
	share.status, share.graceUntil, share.increase = sub.status, sub.graceUntil, nil
	if share.last != nil && share.last.purchased.Equal(sub.last.purchased) && share.last.revoked.IsZero() {
		if !share.last.expires.Equal(sub.last.expires) {
			share.last.expires = sub.last.expires
			s.touch(share.last)
		}
		return
	}
	t := transaction{sub: share, shared: true, token: share.owner.token, purchased: sub.last.purchased, expires: sub.last.expires, reason: sub.last.reason}
	if share.last != nil {
		t.original = share.last.original
	}
	share.last = s.charge(share.owner, sub.product, t)
}

// unshare ends what the family has of a subscription.
func (s *Store) unshare(sub *subscription) {
	for _, share := range slices.Clone(sub.shares) {
		s.revokeShare(share)
	}
}

func (s *Store) revokeShare(share *subscription) {
	sub := share.sharedBy
	sub.shares = slices.DeleteFunc(sub.shares, func(x *subscription) bool { return x == share })
	if share.status == statusExpired {
		return // there is nothing left to take
	}
	share.status, share.renew, share.graceUntil = statusRevoked, false, time.Time{}
	share.last.revoked, share.last.revocationType = s.now(), "FAMILY_REVOKE"
	s.touch(share.last)
	s.tellSub(share, "REVOKE", "")
}

// tellAll notifies of a subscription and of the family's shares in it.
func (s *Store) tellAll(sub *subscription, typ, subtype string) {
	s.tellSub(sub, typ, subtype)
	for _, share := range sub.shares {
		s.follow(share)
		s.tellSub(share, typ, subtype)
	}
}
