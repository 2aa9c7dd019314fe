package sim

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Opened is where a link led a person.
type Opened struct {
	URL         string // in the browser; empty: the link stayed within LINE
	Account     string // basic id of the account whose chat opened
	Text        string // written beforehand into the chat's line; nobody has sent it
	IDToken     string // of a LIFF app; URL carries it as LINE's does, behind the #
	AccessToken string // likewise
}

// Open is a person opening a link: one of LINE's own that adds an account,
// writes a message beforehand, opens a LIFF app, signs in or links accounts, or any
// other, which opens the browser. addFriend says whether they take the offer to add
// an account on the way.
func (s *Server) Open(person, link string, addFriend bool) (Opened, error) {
	s.enter()
	defer s.leave()
	who := s.person(person)
	if who == nil || who.gone {
		return Opened{}, errors.New("there is no such person")
	}
	u, err := url.Parse(link)
	if err != nil {
		return Opened{}, errors.New("this is no link")
	}
	name, path := host(&http.Request{Host: u.Host, URL: u})
	if u.Hostname() == "line.me" {
		name = u.Hostname()
	}
	switch {
	case name == "line.me" && strings.HasPrefix(path, "/R/ti/p/"):
		return s.addByLink(who, strings.TrimPrefix(path, "/R/ti/p/"), u.Query().Get("segment"))
	case name == "line.me" && strings.HasPrefix(path, "/R/oaMessage/"):
		return s.prefill(strings.Trim(strings.TrimPrefix(path, "/R/oaMessage/"), "/"), u.RawQuery)
	case name == "liff.line.me":
		return s.openLIFF(who, path, u.RawQuery, addFriend)
	case name == "access.line.me" && path == "/dialog/bot/accountLink":
		return s.linkAccount(who, u.Query())
	case name == "access.line.me" && path == "/oauth2/v2.1/authorize":
		return s.authorize(who, u.Query(), addFriend)
	}
	return Opened{URL: link}, nil
}

func (s *Server) addByLink(who *person, basicID, segment string) (Opened, error) {
	a := s.account(basicID)
	if a == nil {
		return Opened{}, errors.New("there is no such account")
	}
	f := a.meet(who)
	f.segment = cmp.Or(f.segment, segment)
	return Opened{Account: a.BasicID}, s.follow(f)
}

func (s *Server) prefill(basicID, query string) (Opened, error) {
	a := s.account(basicID)
	text, err := url.QueryUnescape(query)
	if a == nil || err != nil {
		return Opened{}, errors.New("there is no such account")
	}
	return Opened{Account: a.BasicID, Text: text}, nil
}

// offer is the question whether to add the account of a Login channel.
func (s *Server) offer(l *login, who *person, prompt string, addFriend bool) (changed bool, err error) {
	a := s.account(l.Account)
	if a == nil || a.provider.name != l.Provider || prompt == "" || prompt == "none" || !addFriend {
		return false, nil
	}
	f := a.meet(who)
	before := f.state
	err = s.follow(f)
	return f.state != before, err
}

// openLIFF opens an app: its endpoint with what the link adds to it, and behind
// the # what LINE tells its script.
func (s *Server) openLIFF(who *person, path, query string, addFriend bool) (Opened, error) {
	id, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	l, app := s.liff(id)
	switch {
	case app == nil:
		return Opened{}, errors.New("404: there is no such LIFF app")
	case !l.Published:
		return Opened{}, errors.New("400: this channel is now developing status")
	}
	if _, err := s.offer(l, who, app.BotPrompt, addFriend); err != nil {
		return Opened{}, err
	}
	to, err := url.Parse(app.URL)
	if err != nil {
		return Opened{}, errors.New("the app has no good endpoint")
	}
	if rest != "" {
		to = to.JoinPath(rest)
	}
	to.RawQuery = strings.Trim(to.RawQuery+"&"+query, "&")
	out := Opened{IDToken: s.idToken(l, who, "", false), AccessToken: s.userTokens(l, who).text}
	out.URL = to.String() + "#" + url.Values{"access_token": {out.AccessToken}, "id_token": {out.IDToken}}.Encode()
	return out, nil
}

// authorize signs a person in to a website, with their consent.
func (s *Server) authorize(who *person, q url.Values, addFriend bool) (Opened, error) {
	l := s.loginOf(q.Get("client_id"))
	scope := strings.Fields(q.Get("scope"))
	switch {
	case l == nil || q.Get("response_type") != "code" || q.Get("state") == "":
		return Opened{}, errors.New("400: invalid_request")
	case l.Callback == "" || q.Get("redirect_uri") != l.Callback:
		return Opened{}, errors.New("400: invalid redirect_uri value")
	case !l.Published:
		return Opened{}, errors.New("400: this channel is now developing status")
	case q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		return Opened{}, errors.New("400: code_challenge_method must be S256")
	}
	changed, err := s.offer(l, who, q.Get("bot_prompt"), addFriend)
	if err != nil {
		return Opened{}, err
	}
	code := rand.Text()
	l.codes[code] = &grant{
		who: who, nonce: q.Get("nonce"), redirect: l.Callback, challenge: q.Get("code_challenge"), until: s.now().Add(codeLife), openid: slices.Contains(scope, "openid"),
	}
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if changed {
		back.Set("friendship_status_changed", "true")
	}
	sign := "?"
	if strings.Contains(l.Callback, "?") {
		sign = "&"
	}
	return Opened{URL: l.Callback + sign + back.Encode()}, nil
}

// linkAccount ends an account link: with its token, by the person it was made for.
// Another's fails and names nobody; of an old or used token nothing is told.
func (s *Server) linkAccount(who *person, q url.Values) (Opened, error) {
	t, nonce := s.links[q.Get("linkToken")], q.Get("nonce")
	if t == nil || t.used || !s.now().Before(t.until) || len(nonce) < 10 || len(nonce) > 255 {
		return Opened{}, errors.New("400: the link has expired or is invalid")
	}
	t.used = true
	if t.to.person != who {
		s.emit(t.to, "accountLink", false, map[string]any{"link": map[string]any{"result": "failed", "nonce": nonce}, "source": nil})
		return Opened{}, errors.New("the account could not be linked")
	}
	s.emit(t.to, "accountLink", true, map[string]any{"link": map[string]any{"result": "ok", "nonce": nonce}})
	return Opened{Account: t.to.with.BasicID}, nil
}
