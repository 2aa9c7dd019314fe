package line

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
)

// tokenLife is the longest that an access token is used: LINE's end after 15 minutes.
const tokenLife = 14 * time.Minute

const agent = "Engawa"

// tokens gets stateless access tokens by the channel's id and secret
// (https://developers.line.biz/en/reference/messaging-api/#issue-stateless-channel-access-token).
// One is kept in memory alone; every node has its own, of which LINE counts none.
type tokens struct {
	id, secret string
	turn       chan struct{} // holds one: who takes it may ask for a token
	token      string
	until      time.Time
}

func newTokens(id, secret string) *tokens {
	t := &tokens{id: id, secret: secret, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// Format names nothing, whatever the verb.
func (t *tokens) Format(f fmt.State, _ rune) { fmt.Fprint(f, "tokens") }

// get returns a token; one that LINE has just refused is replaced.
func (t *tokens) get(ctx context.Context, base string, via *http.Client, refused string) (string, *channel.SendError) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", &channel.SendError{Class: channel.Again, Code: "token"}
	}
	if t.token == "" || t.token == refused || time.Until(t.until) <= 0 {
		if se := t.mint(ctx, base, via); se != nil {
			return "", se
		}
	}
	return t.token, nil
}

// mint asks for a token. Whatever goes wrong, nothing was sent by it.
func (t *tokens) mint(ctx context.Context, base string, via *http.Client) *channel.SendError {
	asked := time.Now()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.id}, "client_secret": {t.secret}}
	x, se := exchange.Do(ctx, via, exchange.Request{
		Method: http.MethodPost, URL: base + "/oauth2/v3/token", Path: "/oauth2/v3/token", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {agent}},
		Body: []byte(form.Encode()), Shown: "grant_type=client_credentials", Hide: []string{t.secret}, Keep: []string{requestID},
	})
	if se != nil {
		se.Class = channel.Again
		return se
	}
	var in struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"` // seconds
		Error string `json:"error"`
	}
	unread := json.Unmarshal(x.Body, &in) != nil
	x.Kept.Response = strings.TrimSpace(strconv.Itoa(x.Status) + " " + x.Header.Get(requestID)) // the rest is a secret
	if x.Status != http.StatusOK || unread || in.Token == "" || strings.ContainsAny(in.Token, "\r\n") {
		return noToken(x, in.Error)
	}
	life := time.Duration(min(max(in.Life, 0), int(tokenLife/time.Second))) * time.Second
	t.token, t.until = in.Token, asked.Add(life-life/15)
	return nil
}

// noToken names an answer that holds no token: 400 and 401 refuse id and secret,
// and only a person can change them.
func noToken(x exchange.Answer, word string) *channel.SendError {
	code := "token " + strconv.Itoa(x.Status)
	if word == "invalid_client" || word == "invalid_request" {
		code += " " + word
	}
	se := x.Fail(channel.Again, code, 0)
	if s := x.Status; s >= 300 && s < 500 && s != http.StatusTooManyRequests && s != http.StatusRequestTimeout {
		se.Class = channel.AccountClosed
	}
	return se
}

// call makes a call with a token. One that LINE refuses is replaced once: the call
// was not worked on.
func (a *account) call(ctx context.Context, q exchange.Request) (exchange.Answer, *channel.SendError) {
	token, se := a.tokens.get(ctx, a.base, a.env.HTTP, "")
	if se != nil {
		return exchange.Answer{}, se
	}
	x, se := a.once(ctx, q, token)
	if se != nil || x.Status != http.StatusUnauthorized {
		return x, se
	}
	if token, se = a.tokens.get(ctx, a.base, a.env.HTTP, token); se != nil {
		return exchange.Answer{}, se
	}
	return a.once(ctx, q, token)
}

func (a *account) once(ctx context.Context, q exchange.Request, token string) (exchange.Answer, *channel.SendError) {
	h := q.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Authorization", "Bearer "+token)
	h.Set("User-Agent", agent)
	if q.Body != nil {
		h.Set("Content-Type", "application/json")
	}
	q.URL, q.Header = a.base+q.Path, h
	q.Hide, q.Keep = []string{"Bearer " + token, token, a.tokens.secret}, []string{requestID, acceptedID}
	x, se := exchange.Do(ctx, a.env.HTTP, q)
	if se != nil && q.Method == http.MethodGet {
		se.Class = channel.Again
	}
	return x, se
}

// retryKey is the delivery's key as the UUID that LINE wants (RFC 9562 §5.8: of our
// own making), the same on every attempt.
func retryKey(key string) string {
	b := sha256.Sum256([]byte(key))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
