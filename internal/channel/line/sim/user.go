package sim

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostFollowers = 1000
	startLife     = 24 * time.Hour
	rudePage      = 2 // of a list, where no number was asked for
)

func noAccess() reply {
	return refuse(http.StatusForbidden, "Access to this API is not available for your account")
}

// profile tells of a friend.
func (c *call) profile() reply {
	if !anyUser.MatchString(c.args["userId"]) {
		return refuse(http.StatusBadRequest, "The value for the 'userId' parameter is invalid")
	}
	f := c.friend(c.args["userId"])
	if f == nil {
		if c.of.provider.users[c.args["userId"]] == nil {
			c.noted = append(c.noted, "asked for the profile of an unknown user")
		}
		return notFound()
	}
	out := map[string]any{"userId": c.args["userId"], "displayName": f.person.name}
	if f.person.language != "" { // who agreed to tell it
		out["language"] = f.person.language
	}
	return answer(http.StatusOK, out)
}

// friend finds a friend by user id.
func (c *call) friend(id string) *friendship {
	who := c.of.provider.users[id]
	if who == nil || who.gone {
		return nil
	}
	if f := who.friends[c.of]; f != nil && f.state == Friend {
		return f
	}
	return nil
}

// followers lists the friends' ids, for verified accounts.
func (c *call) followers() reply {
	if !c.of.Verified {
		return noAccess()
	}
	ids := []string{}
	for _, f := range c.of.reach() {
		ids = append(ids, userID(c.of.provider, f.person))
	}
	return c.page(ids, "userIds", 300, mostFollowers)
}

// page answers a page of a list of texts: limit of them, or as many as by
// default, with a continuation that is good for a day. Where it is rude, a page
// without a limit is short.
func (c *call) page(all []string, name string, unless, most int) reply {
	q := c.r.URL.Query()
	n := unless
	if !c.Polite {
		n = rudePage
	}
	if q.Has("limit") {
		var err error
		if n, err = strconv.Atoi(q.Get("limit")); err != nil || n < 1 || n > most {
			return refuse(http.StatusBadRequest, "The value for the 'limit' parameter is invalid")
		}
	}
	from := 0
	if start := q.Get("start"); start != "" {
		given, known := c.of.pages[start]
		at, _, _ := strings.Cut(start, ".")
		i, err := strconv.Atoi(at)
		if !known || err != nil || c.now().Sub(given) >= startLife {
			return refuse(http.StatusBadRequest, "Invalid start param")
		}
		from = min(i, len(all))
	}
	to := min(from+n, len(all))
	out := map[string]any{name: append([]string{}, all[from:to]...)}
	if to < len(all) {
		next := strconv.Itoa(to) + "." + hexText(8)
		c.of.pages[next] = c.now()
		out["next"] = next
	}
	return answer(http.StatusOK, out)
}

// info is the bot itself.
func (c *call) info() reply {
	mode, read := "bot", "auto"
	if c.of.Chat {
		mode, read = "chat", "manual"
	}
	return answer(http.StatusOK, map[string]any{"userId": c.of.UserID, "basicId": c.of.BasicID, "displayName": c.of.Name, "chatMode": mode, "markAsReadMode": read})
}

// loading shows a person that an answer is on its way.
func (c *call) loading() reply {
	var in struct {
		Chat    string `json:"chatId"`
		Seconds int    `json:"loadingSeconds"`
	}
	if refused := c.into(&in); refused != nil {
		return *refused
	}
	seconds := cmp.Or(in.Seconds, 20)
	switch {
	case !anyUser.MatchString(in.Chat):
		return badProperty("chatId")
	case seconds < 5 || seconds > 60 || seconds%5 != 0:
		return invalid(detail{"must be a multiple of 5 between 5 and 60", "loadingSeconds"})
	case c.of.provider.users[in.Chat] == nil:
		return refuse(http.StatusBadRequest, "Failed to send messages")
	}
	return answer(http.StatusAccepted, struct{}{})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
