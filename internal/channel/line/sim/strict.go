package sim

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/rude"
)

// attempt is the last call of one kind with one body, as its client heard of it.
type attempt struct {
	at     time.Time
	status int // Lost and Hang too
	key    string
}

// strict names what a careful client would not do. heard is the call if it was
// let in.
func (s *Server) strict(r *http.Request, body []byte, heard *call, a *rude.Answer) []string {
	var out []string
	if r.UserAgent() == "" {
		out = append(out, "no User-Agent")
	}
	if q := r.URL.Query(); q.Has("access_token") && r.URL.Path != "/oauth2/v2.1/verify" {
		out = append(out, "a token in the URL")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if t := s.tokens[text]; t != nil && t.revoked {
			out = append(out, "a call with a revoked token")
		}
	}
	if heard == nil && a.Fails() { // before the work; its client cannot know
		heard = s.unheard(r)
	}
	if heard == nil {
		return out
	}
	return append(out, heard.mistakes(body, a)...)
}

// unheard is the call that a fault came before.
func (s *Server) unheard(r *http.Request) *call {
	name, path := host(r)
	at, _, _ := match(name, r.Method, path)
	of, refused := s.caller(r)
	if at.do == nil || refused != nil {
		return nil
	}
	return &call{Server: s, r: r, of: of, key: r.Header.Get("X-Line-Retry-Key"), at: at}
}

// mistakes are those of a call that was let in, given what its client hears.
func (c *call) mistakes(body []byte, a *rude.Answer) []string {
	var out []string
	now, name := c.now(), c.at.method+" "+c.r.URL.RequestURI()
	sum := sha256.Sum256(append([]byte(name+"\x00"), body...))
	if c.of.attempts == nil {
		c.of.attempts = map[[32]byte]attempt{}
	}
	was, before := c.of.attempts[sum]
	c.of.attempts[sum] = attempt{now, a.Status, c.key}
	unknown := was.status < 0 || was.status >= http.StatusInternalServerError
	switch {
	case before && c.at.method != http.MethodGet && was.key == c.key && (was.status == http.StatusBadRequest || was.status == http.StatusForbidden):
		out = append(out, "a refused request again")
	case before && c.at.keyed && unknown && (was.key == "" || was.key != c.key):
		out = append(out, "a retry without the key of the first attempt")
	case before && strings.Contains(c.at.path, "/progress/") && now.Sub(was.at) < time.Minute:
		out = append(out, "asked after the progress more than once a minute")
	}
	if a.Status == http.StatusTooManyRequests && !a.Fails() && c.isTooFast {
		last := c.of.tooFast[c.at.path]
		if c.of.tooFast == nil {
			c.of.tooFast = map[string]time.Time{}
		}
		if !last.IsZero() && now.Sub(last) < c.at.limit.per {
			out = append(out, "no pacing: over the limit again")
		}
		c.of.tooFast[c.at.path] = now
	}
	return append(out, c.noted...)
}

// reused names what is wrong with the use of a retry key that was accepted once.
func (c *call) reused() {
	was := c.of.retries[c.key]
	switch {
	case was == nil:
	case c.now().Sub(was.at) >= keyLife:
		c.noted = append(c.noted, "a retry key after a day: the message goes out twice")
	case was.endpoint != c.at.path || was.body != sha256.Sum256(c.body):
		c.noted = append(c.noted, "a retry key with another body")
	}
}

// addressed names users who were sent to and should not have been.
func (c *call) addressed(ids ...string) {
	for _, id := range ids {
		who := c.of.provider.users[id]
		if who == nil {
			c.noted = append(c.noted, "sent to a user that is not the provider's")
			return
		}
		if f := who.friends[c.of]; f != nil && f.state == Blocked && f.told {
			c.noted = append(c.noted, "sent to who is known to block")
			return
		}
	}
}

// plainHook notes a webhook URL without TLS.
func (c *call) plainHook() {
	var in struct{ Endpoint string }
	if json.Unmarshal(c.body, &in) == nil && strings.HasPrefix(in.Endpoint, "http://") {
		c.noted = append(c.noted, "a webhook URL without TLS")
	}
}
