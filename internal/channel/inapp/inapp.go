// Package inapp keeps messages until the customer's app fetches them. There is no
// provider: accepted is what is stored, delivered what the app has fetched.
package inapp

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

// Kind describes the channel.
var Kind = channel.Kind{
	Name:        "inapp",
	Fields:      []channel.Field{{Key: "app", Type: channel.Text, Required: true}},
	Retry:       channel.Retry{KeyLife: engawa.ImportFor}, // a delivery is kept once, however often it is handed over
	ToCustomers: true,
	Address:     address,
	New: func(s channel.Settings, env channel.Env) (channel.Channel, error) {
		if !engawa.HasPrefix(s["app"], engawa.PrefixApp) {
			return nil, engawa.Invalid("/settings/app", "enter the id of an app of this workspace, app_…", "%q is no id of an app", s["app"])
		}
		return &account{s["app"], env}, nil
	},
}

// Address is the contact point of a customer in an app.
func Address(app, customer string) engawa.Address { return engawa.Address(app + "/" + customer) }

var form = regexp.MustCompile(`^app_[0-9a-z_]{1,60}/cus_[0-9a-z_]{1,60}$`)

func address(s string) (engawa.Address, error) {
	if s = strings.TrimSpace(s); !form.MatchString(s) {
		return "", engawa.Invalid("/address", "leave it to the app: it is made when the app comes in", "this is no customer of an app")
	}
	return engawa.Address(s), nil
}

// account is one app.
type account struct {
	app string
	env channel.Env
}

// Format names the account, whatever the verb.
func (a *account) Format(f fmt.State, _ rune) { fmt.Fprint(f, "inapp account "+a.env.Account) }

// Send keeps the message for the app.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	app, _, _ := strings.Cut(p.To.Reveal(), "/")
	switch {
	case app != a.app:
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "other_app"}
	case a.env.Show == nil:
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountClosed, Code: "no_inbox"}
	}
	if err := a.env.Show(ctx, channel.Shown{Workspace: p.Workspace, Delivery: p.Delivery, App: app, Purpose: p.Purpose, Locale: p.Locale, Content: p.Content, Unsubscribe: p.Unsubscribe}); err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Again, Code: "store", Err: err}
	}
	return channel.Receipt{}, nil
}
