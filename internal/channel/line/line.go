// Package line reaches customers, and groups of the staff, over a LINE official
// account of the business's own, and takes its webhooks (Messaging API,
// https://developers.line.biz/en/reference/messaging-api/).
//
// A push carries a retry key from its first attempt on, which LINE remembers for
// a day: what may have arrived goes again with the same key, and 409 says that it
// had. Accepted is not delivered: a push to somebody who is no friend is accepted
// too, and reaches nobody. So only friends are written to, as the webhooks tell.
package line

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

const standardURL = "https://api.line.me"

// KeyLife is how long a retry key is used: LINE remembers one for 24 hours
// (https://developers.line.biz/en/docs/messaging-api/retrying-api-request/), and
// after that the same key sends a second message.
const KeyLife = 23 * time.Hour

// Kind describes LINE. 2,000 pushes a second may go; how many messages a month is
// the plan's, and people who write in LINE Official Account Manager use it up too.
var Kind = channel.Kind{
	Name: "line",
	Fields: []channel.Field{
		{Key: "channel_id", Type: channel.Text, Required: true},
		{Key: "channel_secret", Type: channel.SecretField, Required: true},
		{Key: "former_secret", Type: channel.SecretField},
		{Key: "former_until", Type: channel.Text},
		{Key: "provider", Type: channel.Text},
		{Key: "bot_user_id", Type: channel.Text},
		{Key: "monthly_quota", Type: channel.Number, Default: "200"},
		{Key: "base_url", Type: channel.URL, Default: standardURL},
	},
	Limits:       limits,
	Relationship: "friend",
	Retry:        channel.Retry{KeyLife: KeyLife},
	ToCustomers:  true,
	ToStaff:      true,
	Address:      address,
	Fill:         fill,
	Who:          who,
	New:          open,
}

const (
	scopePush  = "push"
	scopeMonth = "month"
	perSecond  = 2000
	freePlan   = 200 // messages a month, the smallest plan
	month      = 31 * 24 * time.Hour
)

func limits(s channel.Settings) []channel.Limit {
	out := []channel.Limit{{Scope: scopePush, N: perSecond, Per: time.Second, Burst: 1}}
	if n := quota(s); n > 0 {
		out = append(out, channel.Limit{Scope: scopeMonth, N: n, Per: month, Month: jst})
	}
	return out
}

// quota is how many messages a month the plan has; 0: no limit.
func quota(s channel.Settings) int {
	n, err := strconv.Atoi(s["monthly_quota"])
	if err != nil || n < 0 {
		return freePlan
	}
	return n
}

// jst is where LINE counts days and months.
var jst = time.FixedZone("JST", 9*60*60)

// monthEnds is when the month of now is over for LINE.
func monthEnds(now time.Time) time.Time {
	t := now.In(jst)
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, jst).UTC()
}

// userID is a user of one provider, or a bot; place also a group or a room.
var (
	userID = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	place  = regexp.MustCompile(`^[UCR][0-9a-f]{32}$`)
)

func address(s string) (engawa.Address, error) {
	if s = strings.TrimSpace(s); !place.MatchString(s) {
		return "", engawa.Invalid("/address", "write the id as LINE's webhooks tell it: U, or C for a group, and 32 digits and letters from a to f", "that is no id of a user, a group or a room in LINE")
	}
	return engawa.Address(s), nil
}

// account is one LINE official account. It is a channel.Channel, Receiver and Prober.
type account struct {
	env    channel.Env
	base   string
	bot    string // its user id; empty: not known yet
	issuer string // of its users' ids
	secret engawa.Secret
	former engawa.Secret // taken for webhooks until the end of a swap; empty: none
	until  time.Time
	tokens *tokens

	mu    sync.Mutex
	spent time.Time // until when nobody asks whether the month's quota is back
}

// Format keeps the secrets out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "line account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

var (
	digits    = regexp.MustCompile(`^[0-9]{5,20}$`)
	secretKey = regexp.MustCompile(`^[0-9A-Za-z]{16,128}$`)
)

func connect(s channel.Settings, env channel.Env) (*account, error) {
	const copyBoth = "copy it from LINE Official Account Manager, under Settings, Messaging API"
	switch {
	case !digits.MatchString(s["channel_id"]):
		return nil, engawa.Invalid("/settings/channel_id", copyBoth+": it is a number", "line: this is no Channel ID")
	case !secretKey.MatchString(s["channel_secret"]):
		return nil, engawa.Invalid("/settings/channel_secret", copyBoth+": 32 letters and digits", "line: this is no Channel secret")
	case s["bot_user_id"] != "" && !userID.MatchString(s["bot_user_id"]):
		return nil, engawa.Invalid("/settings/bot_user_id", "leave it empty: LINE is asked for it", "line: this is no user id of a bot")
	}
	a := &account{
		env: env, base: strings.TrimRight(cmp.Or(s["base_url"], standardURL), "/"), bot: s["bot_user_id"],
		issuer: "line:" + cmp.Or(s["provider"], s["channel_id"]), secret: engawa.Secret(s["channel_secret"]),
		tokens: newTokens(s["channel_id"], s["channel_secret"]),
	}
	return a, a.swap(s["former_secret"], s["former_until"])
}

// swap takes a former secret, until the end of a day in Japan.
func (a *account) swap(former, until string) error {
	if former == "" && until == "" {
		return nil
	}
	if !secretKey.MatchString(former) {
		return engawa.Invalid("/settings/former_secret", "enter the secret that was reissued, or leave the day empty too", "line: this is no Channel secret")
	}
	day, err := time.ParseInLocation(time.DateOnly, until, jst)
	if err != nil {
		return engawa.Invalid("/settings/former_until", "write the day as 2026-12-31", "line: there is no day until which the former secret is taken")
	}
	a.former, a.until = engawa.Secret(former), day.AddDate(0, 0, 1)
	return nil
}

// Send pushes the message.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	if wait := time.Until(a.spentUntil()); wait > 0 {
		return channel.Receipt{}, monthSpent(wait)
	}
	objects, se := objects(p)
	if se != nil {
		return channel.Receipt{}, se
	}
	body, err := json.Marshal(map[string]any{"to": p.To.Reveal(), "messages": objects})
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "body"}
	}
	x, se := a.call(ctx, exchange.Request{
		Method: http.MethodPost, Path: "/v2/bot/message/push", Body: body, To: p.To, Header: http.Header{"X-Line-Retry-Key": {retryKey(p.Key)}},
	})
	if se != nil {
		return channel.Receipt{}, se
	}
	if x.Status == http.StatusOK || x.Status == http.StatusConflict { // 409: an earlier attempt was accepted
		return channel.Receipt{ProviderID: accepted(x), Exchange: x.Kept}, nil
	}
	return channel.Receipt{}, a.refused(x)
}

// Headers of LINE's answers that are kept: LINE keeps no log for its customers, and
// asks for the id where something has to be looked into.
const (
	requestID  = "X-Line-Request-Id"
	acceptedID = "X-Line-Accepted-Request-Id"
)

// accepted is the id of the message that an answer says was accepted: of the first
// of its parts, which a customer's reply may quote; else of the request.
func accepted(x exchange.Answer) string {
	var in struct {
		Sent []struct {
			ID string `json:"id"`
		} `json:"sentMessages"`
	}
	if json.Unmarshal(x.Body, &in) == nil && len(in.Sent) > 0 && in.Sent[0].ID != "" {
		return in.Sent[0].ID
	}
	return cmp.Or(x.Header.Get(acceptedID), x.Header.Get(requestID))
}

// refused names an answer that took nothing. LINE's errors have no code: their
// words tell the two kinds of 429 apart.
func (a *account) refused(x exchange.Answer) *channel.SendError {
	se := x.Fail(exchange.Class(x.Status), "", 0)
	switch {
	case x.Status == http.StatusTooManyRequests && strings.Contains(message(x), "monthly limit"):
		wait := a.spend()
		se.Code, se.After = codeMonth, wait
		se.Seen = []channel.Seen{{Scope: scopeMonth, ResetsAt: time.Now().Add(wait)}}
	case x.Status == http.StatusTooManyRequests:
		se.Seen = []channel.Seen{{Scope: scopePush, ResetsAt: time.Now().Add(time.Second)}}
	case x.Status >= 500: // "Internal server error" may have been accepted: the same key tells
		se.Class = channel.Ambiguous
	case x.Status == http.StatusBadRequest && strings.Contains(message(x), "Failed to send messages"):
		se.Code = "400 not_ours" // a user of another provider: no other account of the hub need give the address up
	}
	return se
}

const codeMonth = "429 month"

// askAgain is how often LINE is asked whether a used-up quota has grown: the plan
// may have been changed.
const askAgain = time.Hour

// spend notes that the month's quota is used up, and returns how long to wait.
func (a *account) spend() time.Duration {
	now := time.Now()
	wait := min(askAgain, monthEnds(now).Sub(now))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spent = now.Add(wait)
	return wait
}

func (a *account) spentUntil() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spent
}

// monthSpent is the refusal that LINE gave a moment ago.
func monthSpent(wait time.Duration) *channel.SendError {
	return &channel.SendError{Class: channel.Again, Code: codeMonth, After: wait, Seen: []channel.Seen{{Scope: scopeMonth, ResetsAt: time.Now().Add(wait)}}}
}

// message is the message of an error.
func message(x exchange.Answer) string {
	var in struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(x.Body, &in) // what cannot be read says nothing
	return in.Message
}
