package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/custody"
)

type custodyOut struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind" example:"line" doc:"Also of what cannot be connected here"`
	Name       string           `json:"name"`
	Account    string           `json:"account,omitempty" doc:"The connected account, if one is"`
	Risk       custody.Risk     `json:"risk" enum:"all,vanished,part,unstated,unclear,lent,alone,sound" doc:"All of it is in other hands; its holder is gone; a part is in other hands; nobody has said; the holder is not known; rights are lent; one person only; sound"`
	Custodians []string         `json:"custodians" doc:"Who holds a right that counts"`
	StatedAt   *time.Time       `json:"stated_at" doc:"When somebody last said who holds it"`
	LookedAt   *time.Time       `json:"looked_at" doc:"When the provider last answered a check"`
	Steps      []custodyStepOut `json:"steps" doc:"What is to be done, in this order"`
}

type custodyStepOut struct {
	Key    string `json:"key" example:"remove"`
	Holder string `json:"holder,omitempty" doc:"Whose right it is about"`
	Right  string `json:"right,omitempty" example:"oa_admin"`
	Found  string `json:"found,omitempty" example:"webhook_changed" doc:"What a check found: the end of its event's type"`
	Urgent bool   `json:"urgent" doc:"Today"`
}

type custodyList struct {
	Custody []custodyOut `json:"custody"`
	Next    string       `json:"next"`
}

func (a *API) listCustody(ctx context.Context, c *call, in *Paging) (custodyList, error) {
	all, err := a.Store.Custodies(ctx, c.workspace)
	out, next, err := part(*in, engawa.PrefixCustody, all, err, func(e engawa.Custody) string { return e.ID }, showCustody)
	return custodyList{out, next}, err
}

func showCustody(e engawa.Custody) custodyOut {
	j := custody.Judge(e, time.Now())
	said, _ := e.Stated()
	out := custodyOut{
		ID: e.ID, Kind: e.Kind, Name: e.Name, Account: e.Account, Risk: j.Risk, Custodians: append([]string{}, j.Custodians...), StatedAt: utc(said.At), LookedAt: utc(e.LookedAt),
		Steps: []custodyStepOut{},
	}
	for _, s := range j.Steps {
		if s.Done == nil {
			out.Steps = append(out.Steps, custodyStepOut{s.Key, s.Holder, s.Right, s.Found.What, s.Urgent})
		}
	}
	return out
}
