package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// group is a group talk that an account is in.
type group struct {
	id, name string
	members  []*person
	chat     []*Message
}

const membersOnPage = 100

var groupRoutes = []route{
	{"GET", "/v2/bot/group/{group}/summary", perSecond2k, (*call).groupSummary, false, false, false},
	{"GET", "/v2/bot/group/{group}/members/count", perSecond2k, (*call).memberCount, false, false, false},
	{"GET", "/v2/bot/group/{group}/members/ids", perSecond2k, (*call).memberIDs, false, false, false},
	{"GET", "/v2/bot/group/{group}/member/{userId}", perSecond2k, (*call).memberProfile, false, false, false},
	{"POST", "/v2/bot/group/{group}/leave", perSecond2k, (*call).leaveGroup, false, false, false},
}

// AddGroup has people take an account into a group of theirs. It returns the
// group's id.
func (s *Server) AddGroup(accountID, name string, persons ...string) (string, error) {
	s.enter()
	defer s.leave()
	a := s.account(accountID)
	if a == nil {
		return "", fmt.Errorf("there is no account %q", accountID)
	}
	g := &group{id: "C" + hexText(16), name: name}
	for _, id := range persons {
		who := s.person(id)
		if who == nil || who.gone {
			return "", fmt.Errorf("there is no person %q", id)
		}
		g.members = append(g.members, who)
	}
	a.groups = append(a.groups, g)
	s.tell(a, "join", &replyToken{of: a, group: g}, map[string]any{"source": map[string]any{"type": "group", "groupId": g.id}})
	return g.id, nil
}

// WriteInGroup is a member writing in a group.
func (s *Server) WriteInGroup(person, accountID, groupID, text string) error {
	s.enter()
	defer s.leave()
	who, a, err := s.pair(person, accountID)
	if err != nil {
		return err
	}
	g := a.group(groupID)
	if g == nil || !slices.Contains(g.members, who) {
		return fmt.Errorf("they are not in the group %q", groupID)
	}
	id := strconv.FormatInt(firstMessage+s.next(), 10)
	g.chat = append(g.chat, &Message{ID: id, Kind: "person", At: s.now(), Text: text})
	s.tell(a, "message", &replyToken{of: a, group: g}, map[string]any{
		"source":  map[string]any{"type": "group", "groupId": g.id, "userId": userID(a.provider, who)},
		"message": map[string]any{"id": id, "type": "text", "text": text, "quoteToken": hexText(20), "markAsReadToken": a.readToken()},
	})
	return nil
}

// GroupChat are the lines of a group, oldest first.
func (s *Server) GroupChat(accountID, groupID string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if a := s.account(accountID); a != nil && a.group(groupID) != nil {
		for _, m := range a.group(groupID).chat {
			out = append(out, *m)
		}
	}
	return out
}

func (a *account) group(id string) *group {
	for _, g := range a.groups {
		if g.id == id {
			return g
		}
	}
	return nil
}

// inGroup answers about a group that the account is in.
func (c *call) inGroup(do func(*group) reply) reply {
	g := c.of.group(c.args["group"])
	if g == nil {
		return notFound()
	}
	return do(g)
}

func (c *call) groupSummary() reply {
	return c.inGroup(func(g *group) reply {
		return answer(http.StatusOK, map[string]any{"groupId": g.id, "groupName": g.name})
	})
}

func (c *call) memberCount() reply {
	return c.inGroup(func(g *group) reply { return answer(http.StatusOK, map[string]any{"count": len(g.members)}) })
}

// memberIDs lists members, for verified accounts.
func (c *call) memberIDs() reply {
	if !c.of.Verified {
		return noAccess()
	}
	return c.inGroup(func(g *group) reply {
		ids := []string{}
		for _, who := range g.members {
			ids = append(ids, userID(c.of.provider, who))
		}
		return c.page(ids, "memberIds", membersOnPage, membersOnPage)
	})
}

func (c *call) memberProfile() reply {
	return c.inGroup(func(g *group) reply {
		who := c.of.provider.users[c.args["userId"]]
		if who == nil || !slices.Contains(g.members, who) {
			return notFound()
		}
		return answer(http.StatusOK, map[string]any{"userId": c.args["userId"], "displayName": who.name})
	})
}

// leaveGroup has the account leave. LINE tells it nothing of that.
func (c *call) leaveGroup() reply {
	return c.inGroup(func(g *group) reply {
		c.of.groups = slices.DeleteFunc(c.of.groups, func(o *group) bool { return o == g })
		return done()
	})
}

// post puts messages into a group.
func (c *call) post(g *group, kind string, o outgoing, sent []sentMessage) {
	for i, raw := range o.Messages {
		m := show(sent[i].ID, kind, raw)
		m.At, m.Key, m.request, m.unit = c.now(), c.key, c.id, o.unit
		g.chat = append(g.chat, m)
	}
}
