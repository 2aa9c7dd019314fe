package api

import (
	"context"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// suppressionOut is a stop on an address, named by what has the address: the
// address itself is never shown.
type suppressionOut struct {
	Of       string     `json:"of" doc:"The contact point or staff place that has the address"`
	Customer string     `json:"customer,omitempty" doc:"Whose contact point it is"`
	Account  string     `json:"account,omitempty" doc:"Which account's staff place it is"`
	Channel  string     `json:"channel" doc:"The kind of the contact point; destination for a staff place"`
	Reason   string     `json:"reason" doc:"bounced, complained, blocked, operator or another"`
	At       time.Time  `json:"at"`
	Until    *time.Time `json:"until" doc:"null: for good"`
}

type suppressionsIn struct {
	Paging
	Customer string `query:"customer" maxLength:"64"`
	Account  string `query:"account" maxLength:"64" doc:"Of its staff places"`
	Of       string `query:"of" maxLength:"64" doc:"A contact point or a staff place"`
	Channel  string `query:"channel" maxLength:"64"`
	Reason   string `query:"reason" maxLength:"64"`
}

type suppressionList struct {
	Suppressions []suppressionOut `json:"suppressions"`
	Next         string           `json:"next"`
}

func (a *API) listSuppressions(ctx context.Context, c *call, in *suppressionsIn) (suppressionList, error) {
	p, err := in.page(store.PrefixSuppressed)
	if err != nil {
		return suppressionList{}, err
	}
	all, err := a.Store.Suppressed(ctx, c.workspace, store.SuppressedFilter{Customer: in.Customer, Account: in.Account, Of: in.Of, Channel: in.Channel, Reason: in.Reason}, p)
	out := suppressionList{Suppressions: shown(all, func(x store.Suppressed) suppressionOut {
		return suppressionOut{x.Of, x.Customer, x.Account, x.Channel, x.Reason, x.At.UTC(), utc(x.Until)}
	})}
	if n := len(all); n > 0 {
		out.Next = in.next(n, all[n-1].At, all[n-1].Place())
	}
	return out, err
}

type suppressionLift struct {
	Body struct {
		Of     string `json:"of" pattern:"^(cp|dst)_[0-9a-z_]{1,60}$" doc:"The contact point or staff place"`
		Reason string `json:"reason" minLength:"1" maxLength:"64" doc:"Of the suppression; another one on the same address stays"`
		Why    string `json:"why" minLength:"1" maxLength:"200" doc:"Why it is right to write there again, for the audit trail"`
	}
}

type suppressionLifted struct {
	Of     string `json:"of"`
	Reason string `json:"reason"`
}

// liftSuppression ends a stop for a reason that somebody gives. Staff places are
// settings: to lift theirs asks for the right to change them too, as on the
// console.
func (a *API) liftSuppression(ctx context.Context, c *call, in *suppressionLift) (suppressionLifted, error) {
	b := in.Body
	why := text.VeilText(strings.TrimSpace(b.Why))
	if why == "" {
		return suppressionLifted{}, engawa.Invalid("/why", "say why it is right to write there again, in up to 200 characters", "the reason is blank")
	}
	if engawa.HasPrefix(b.Of, engawa.PrefixDestination) {
		if err := c.who.Require(access.RoutesWrite); err != nil {
			return suppressionLifted{}, err
		}
	}
	return suppressionLifted{b.Of, b.Reason}, c.store.Lift(ctx, c.workspace, b.Of, b.Reason, why)
}
