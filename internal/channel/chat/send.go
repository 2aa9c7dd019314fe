package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// Judge says what a service's answer means: a receipt, or why there is none.
type Judge func(exchange.Answer) (channel.Receipt, *channel.SendError)

// Send hands m over by the request that ask makes of it.
func Send(ctx context.Context, env channel.Env, m verdict.Cleared, ask func(engawa.Parcel) exchange.Request, judge Judge) (channel.Receipt, error) {
	p, err := m.Open(env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	answer, se := exchange.Do(ctx, env.HTTP, ask(p))
	if se != nil {
		return channel.Receipt{}, se
	}
	r, se := judge(answer)
	if se != nil {
		return channel.Receipt{}, se
	}
	r.Exchange = answer.Kept
	return r, nil
}

// JSON is a POST of body to a URL that is a secret itself.
func JSON(at string, body any, to engawa.Address, hide ...string) exchange.Request {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // maps and strings: it cannot fail
	return exchange.Request{
		Method: http.MethodPost, URL: at, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(b.String()), To: to, Hide: append(hide, parts(at)...),
	}
}

// parts are what of a secret URL an answer may say back: all of it, or what
// stands behind the host.
func parts(secret string) []string {
	u, err := url.Parse(secret)
	if err != nil || len(u.RequestURI()) < 2 {
		return []string{secret}
	}
	return []string{secret, u.RequestURI(), u.EscapedPath()}
}

// URL checks a webhook's URL, which is a secret: the error does not repeat it.
func URL(s channel.Settings, field, service string) (string, error) {
	u, err := url.Parse(s[field])
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path == "" || u.Path == "/" {
		return "", engawa.Invalid("/settings/"+field, "copy the whole URL from "+service+" and paste it", "%s: the webhook URL is not one", service)
	}
	return s[field], nil
}

// Hook is an account that is one webhook URL.
type Hook struct {
	Env channel.Env
	URL string
}

// Format keeps the URL out of logs whatever the verb.
func (h Hook) Format(f fmt.State, _ rune) { fmt.Fprint(f, "webhook account "+h.Env.Account) }

// OpenHook reads the setting "webhook_url".
func OpenHook(s channel.Settings, env channel.Env, service string) (Hook, error) {
	u, err := URL(s, "webhook_url", service)
	return Hook{env, u}, err
}

// PerMinute is the limit of a whole account that a setting names; fallback
// stands where the setting is no number from 1.
func PerMinute(s channel.Settings, scope string, fallback int) channel.Limit {
	n, err := strconv.Atoi(s["per_minute"])
	if err != nil || n < 1 {
		n = fallback
	}
	return channel.Limit{Scope: scope, N: n, Per: time.Minute, Exact: true}
}

// Told puts a failed question into words for the operator: what is wrong with
// the setting, or that the service could not be asked.
func Told(se *channel.SendError, service, field, remedy string) error {
	if se == nil {
		return nil
	}
	if se.Class == channel.AccountClosed || se.Class == channel.Rejected {
		return engawa.Invalid("/settings/"+field, remedy, "%s does not accept this setting: %s", service, se.Code)
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: service + " could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}

// Place takes a name for the place behind a webhook URL. The service does not
// need it: the URL leads to one place.
func Place(s string) (engawa.Address, error) { return channel.Name(s, 80) }
