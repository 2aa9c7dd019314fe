// Package listform registers customers in a mailing list through the list's
// public form, where the list system has no interface for programs (Netshonin
// Pro with Alchemy Mail, and its like).
//
// Nobody promised that this works. The form can change or close at any time, it
// can only register, and its answer is a page for people. So a form is read
// before each submission and nothing goes when it is not as it was; a
// registration is submitted once; what the answer does not say plainly is
// unknown; and whatever a form cannot do is asked of a person.
package listform

import (
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Kind describes the channel. It reaches customers at their mail address, and
// staff at channel.ByHand.
var Kind = channel.Kind{
	Name: "listform",
	Fields: []channel.Field{
		{Key: "url", Type: channel.URL, Required: true},
		{Key: "admin_url", Type: channel.URL},
		{Key: "plan_id", Type: channel.Text},
		{Key: "products", Type: channel.Lines},
		{Key: "form", Type: channel.Number, Default: "1"},
		{Key: "mail", Type: channel.Input},
		{Key: "name", Type: channel.Input},
		{Key: "family", Type: channel.Input},
		{Key: "given", Type: channel.Input},
		{Key: "kana", Type: channel.Input},
		{Key: "kana_family", Type: channel.Input},
		{Key: "kana_given", Type: channel.Input},
		{Key: "plan", Type: channel.Input},
		{Key: "constants", Type: channel.Lines},
		{Key: "success", Type: channel.Lines},
		{Key: "failure", Type: channel.Lines},
		{Key: "duplicate", Type: channel.Lines},
		{Key: "confirm", Type: channel.Bool, Default: "false"},
		{Key: "charset", Type: channel.Choice, Default: "auto", Choices: []string{"auto", "utf-8", "shift_jis", "euc-jp", "iso-2022-jp"}},
		{Key: "action_host", Type: channel.Host},
		{Key: "shape", Type: channel.Lines},
	},
	// Nobody says how much the form bears: as much as a person at a keyboard.
	Limits: func(channel.Settings) []channel.Limit {
		return []channel.Limit{{Scope: "form", N: 1, Per: 4 * time.Second, Burst: 1}}
	},
	Conns:       func(channel.Settings) int { return 1 },
	ToCustomers: true,
	ToStaff:     true,
	Form: &channel.FormKind{
		Fields:    []string{"mail", "name", "family", "given", "kana", "kana_family", "kana_given", "plan", "constants", "success", "failure", "duplicate", "confirm", "shape"},
		Needs:     []string{"mail", "success"},
		Warns:     []string{"promise", "interface", "hole", "end", "test", "only", "cancel", "change", "name", "consent"},
		Registers: eventsOf(register), Asks: append(eventsOf(change), eventsOf(remove)...), Try: "member.provisional",
		Read: read, Words: words, Typed: typed, Plans: planned,
	},
	Address: address,
	New:     open,
}

// address takes channel.ByHand, or a mail address in ASCII: what forms take.
func address(s string) (engawa.Address, error) {
	s = strings.TrimSpace(s)
	if s == channel.ByHand.Reveal() {
		return channel.ByHand, nil
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", engawa.Invalid("/address", "write an address such as name@example.jp, or by-hand for the tasks", "that is not a mail address which a form would take")
	}
	return engawa.Address(s), nil
}

// account is one form. It is a channel.Channel.
type account struct {
	env  channel.Env
	set  channel.Settings
	page *url.URL
	nth  int // of the page's forms, from 1
}

// Format keeps the settings out of logs whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "listform account "+a.env.Account) }

func open(s channel.Settings, env channel.Env) (channel.Channel, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func connect(s channel.Settings, env channel.Env) (*account, error) {
	page, err := url.Parse(s["url"])
	if err != nil || page.Host == "" {
		return nil, engawa.Invalid("/settings/url", "copy the address of the registration form", "listform: url is required")
	}
	nth, err := strconv.Atoi("0" + s["form"])
	if err != nil {
		return nil, engawa.Invalid("/settings/form", "write 1 for the page's first form", "listform: form is no number")
	}
	return &account{env: env, set: s, page: page, nth: max(1, nth)}, nil
}

// ready reports whether an operator has said all that a submission needs.
func (a *account) ready() bool {
	return a.set["mail"] != "" && a.set["success"] != "" && a.set["shape"] != ""
}

// lines are the lines of a setting, trimmed, without empty ones.
func lines(s string) []string {
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// pairs are lines of the form "key = value", in order.
func pairs(s string) [][2]string {
	var out [][2]string
	for _, l := range lines(s) {
		key, value, _ := strings.Cut(l, "=")
		out = append(out, [2]string{strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return out
}
