package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/segment"
	"github.com/engawa/engawa/internal/store"
)

type tagsIn struct {
	One
	Body struct {
		Set    []string `json:"set,omitempty" maxItems:"100" maxLength:"200"`
		Remove []string `json:"remove,omitempty" maxItems:"100" maxLength:"200"`
	}
}

type tagsOut struct {
	Customer string   `json:"customer"`
	Tags     []string `json:"tags" doc:"In order, as they are kept: in small letters"`
}

func (a *API) tagCustomer(ctx context.Context, c *call, in *tagsIn) (tagsOut, error) {
	if err := c.store.TagCustomer(ctx, c.workspace, in.ID, in.Body.Set, in.Body.Remove); err != nil {
		return tagsOut{}, err
	}
	return a.tagsOf(ctx, c, in.ID)
}

func (a *API) getTags(ctx context.Context, c *call, in *One) (tagsOut, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return tagsOut{}, err
	}
	return a.tagsOf(ctx, c, in.ID)
}

func (a *API) tagsOf(ctx context.Context, c *call, customer string) (tagsOut, error) {
	of, err := a.Store.Tags(ctx, c.workspace, customer)
	return tagsOut{customer, append([]string{}, of[customer]...)}, err
}

type tagUsed struct {
	Tag       string `json:"tag"`
	Customers int    `json:"customers"`
}

type tagList struct {
	Tags []tagUsed `json:"tags" doc:"In order; 1,000 at most"`
}

func (a *API) listTags(ctx context.Context, c *call, _ *struct{}) (tagList, error) {
	used, err := a.Store.UsedTags(ctx, c.workspace)
	return tagList{shown(used, func(u store.TagCount) tagUsed { return tagUsed{u.Tag, u.N} })}, err
}

// ConditionBody is what must hold of a customer.
type ConditionBody struct {
	All          []ConditionBody          `json:"all,omitempty" maxItems:"50" doc:"A group: all of these must hold; or"`
	Any          []ConditionBody          `json:"any,omitempty" maxItems:"50" doc:"one of these must"`
	Is           engawa.Trait             `json:"is,omitempty" enum:"tag,kind,locale,country,minor,subscription,consent,contact,relationship,active,created_after,created_before" doc:"Or one thing that is asked; what it takes stands beside the members. Nothing at all: everybody"`
	Not          bool                     `json:"not,omitzero" doc:"It, or the group, must not hold"`
	Value        string                   `json:"value,omitempty" maxLength:"200" doc:"Of tag; of kind: person, contract; of locale: ja, ko, en; of country: JP, or nothing where it is not known; of relationship: the channel's own word, such as friend"`
	App          string                   `json:"app,omitempty" maxLength:"64" doc:"Of subscription and consent"`
	Product      string                   `json:"product,omitempty" maxLength:"200" doc:"Of subscription"`
	Subscription engawa.SubscriptionState `json:"subscription,omitempty" enum:"active,billing_grace_period,billing_retry,expired,revoked,suspended" doc:"Of subscription: its state; any if empty"`
	Purpose      engawa.Purpose           `json:"purpose,omitempty" enum:"notice,marketing" doc:"Of consent"`
	Channel      string                   `json:"channel,omitempty" maxLength:"64" doc:"Of consent and contact: a kind of contact points, such as mail"`
	Topic        string                   `json:"topic,omitempty" maxLength:"64" doc:"Of consent"`
	Account      string                   `json:"account,omitempty" maxLength:"64" doc:"Of relationship; any if empty"`
	Days         int                      `json:"days,omitzero" minimum:"1" maximum:"3650" doc:"Of active: did something of their own in so many days"`
	At           *time.Time               `json:"at,omitempty" doc:"Of created_after and created_before"`
}

func (b ConditionBody) condition() engawa.Condition {
	return engawa.Condition{
		All: shownOrNone(b.All, ConditionBody.condition), Any: shownOrNone(b.Any, ConditionBody.condition), Is: b.Is, Not: b.Not, Value: b.Value, App: b.App, Product: b.Product,
		Subscription: b.Subscription, Purpose: b.Purpose, Channel: b.Channel, Topic: b.Topic, Account: b.Account, Days: b.Days, At: b.At,
	}
}

func showCondition(c engawa.Condition) ConditionBody {
	return ConditionBody{
		All: shownOrNone(c.All, showCondition), Any: shownOrNone(c.Any, showCondition), Is: c.Is, Not: c.Not, Value: c.Value, App: c.App, Product: c.Product,
		Subscription: c.Subscription, Purpose: c.Purpose, Channel: c.Channel, Topic: c.Topic, Account: c.Account, Days: c.Days, At: c.At,
	}
}

func shownOrNone[T, Out any](rows []T, show func(T) Out) []Out {
	if len(rows) == 0 {
		return nil
	}
	return shown(rows, show)
}

// SegmentBody is what a segment says.
type SegmentBody struct {
	Name  string        `json:"name" minLength:"1" maxLength:"100"`
	Where ConditionBody `json:"where"`
}

type segmentOut struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	SegmentBody
	Customers *int      `json:"customers,omitempty" doc:"Of whom it holds now; of one segment that is read or saved"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func showSegment(g engawa.Segment) segmentOut {
	return segmentOut{ID: g.ID, Version: g.Version, SegmentBody: SegmentBody{g.Name, showCondition(g.Where)}, CreatedBy: g.CreatedBy, CreatedAt: g.CreatedAt.UTC(), UpdatedAt: g.UpdatedAt.UTC()}
}

type segmentList struct {
	Segments []segmentOut `json:"segments" doc:"By name"`
	Next     string       `json:"next"`
}

func (a *API) listSegments(ctx context.Context, c *call, in *Paging) (segmentList, error) {
	all, err := a.Store.Segments(ctx, c.workspace)
	list, next, err := part(*in, engawa.PrefixSegment, all, err, func(g engawa.Segment) string { return g.ID }, showSegment)
	return segmentList{list, next}, err
}

func (a *API) counted(ctx context.Context, g engawa.Segment) (segmentOut, error) {
	out := showSegment(g)
	n, err := a.Store.CountSelected(ctx, segment.Of(g.Workspace, g.Where))
	out.Customers = &n
	return out, err
}

func (a *API) getSegment(ctx context.Context, c *call, in *One) (segmentOut, error) {
	g, err := a.Store.Segment(ctx, c.workspace, in.ID)
	if err != nil {
		return segmentOut{}, err
	}
	return a.counted(ctx, g)
}

type segmentIn struct{ Body SegmentBody }

func (a *API) addSegment(ctx context.Context, c *call, in *segmentIn) (segmentOut, error) {
	return a.saveSegment(ctx, c, engawa.Segment{Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixSegment), CreatedBy: c.actor()}, in.Body)
}

type segmentChange struct {
	One
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"The version that was read"`
		SegmentBody
	}
}

func (a *API) changeSegment(ctx context.Context, c *call, in *segmentChange) (segmentOut, error) {
	g, err := a.Store.Segment(ctx, c.workspace, in.ID)
	if err != nil {
		return segmentOut{}, err
	}
	g.Version = in.Body.Version
	return a.saveSegment(ctx, c, g, in.Body.SegmentBody)
}

func (a *API) saveSegment(ctx context.Context, c *call, g engawa.Segment, b SegmentBody) (segmentOut, error) {
	var err error
	if g.Where, err = segment.Check("/where", b.Where.condition()); err != nil {
		return segmentOut{}, err
	}
	g.Name = b.Name
	if g, err = c.store.SaveSegment(ctx, g); err != nil {
		return segmentOut{}, err
	}
	return a.counted(ctx, g)
}

func (a *API) endSegment(ctx context.Context, c *call, in *One) (ended, error) {
	return ended{in.ID}, c.store.EndSegment(ctx, c.workspace, in.ID)
}

type countIn struct {
	Body struct {
		Where ConditionBody `json:"where"`
	}
}

type countOut struct {
	Customers int `json:"customers"`
}

// countCustomers says of how many customers a condition holds, without keeping it.
func (a *API) countCustomers(ctx context.Context, c *call, in *countIn) (countOut, error) {
	where, err := segment.Check("/where", in.Body.Where.condition())
	if err != nil {
		return countOut{}, err
	}
	n, err := a.Store.CountSelected(ctx, segment.Of(c.workspace, where))
	return countOut{n}, err
}

type selectedIn struct {
	One
	Paging
}

type selectedOut struct {
	Customers []string `json:"customers" doc:"Their ids, in the order of these"`
	Next      string   `json:"next"`
}

func (a *API) listSelected(ctx context.Context, c *call, in *selectedIn) (selectedOut, error) {
	p, err := in.page(engawa.PrefixCustomer)
	if err != nil {
		return selectedOut{}, err
	}
	g, err := a.Store.Segment(ctx, c.workspace, in.ID)
	if err != nil {
		return selectedOut{}, err
	}
	ids, err := a.Store.Selected(ctx, segment.Of(c.workspace, g.Where), p.ID, in.Limit)
	out := selectedOut{Customers: append([]string{}, ids...)}
	if len(ids) > 0 {
		out.Next = in.next(len(ids), time.Time{}, ids[len(ids)-1])
	}
	return out, err
}

type segmentName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type segmentsOfOut struct {
	Segments []segmentName `json:"segments" doc:"That hold of the customer now, by name"`
}

func (a *API) segmentsOf(ctx context.Context, c *call, in *One) (segmentsOfOut, error) {
	out := segmentsOfOut{Segments: []segmentName{}}
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return out, err
	}
	ps, err := a.Store.Profiles(ctx, c.workspace, []string{in.ID}, catalogue.Idle())
	if err != nil || len(ps) == 0 {
		return out, err // erased, or merged: of whom nothing holds
	}
	all, err := a.Store.Segments(ctx, c.workspace)
	for _, g := range all {
		if segment.Matches(g.Where, ps[0], time.Now()) {
			out.Segments = append(out.Segments, segmentName{g.ID, g.Name})
		}
	}
	return out, err
}
