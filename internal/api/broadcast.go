package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/broadcast"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/segment"
)

// BroadcastBody is what a broadcast says, and to whom.
type BroadcastBody struct {
	Name      string                 `json:"name" minLength:"1" maxLength:"100" doc:"For yourselves"`
	Segment   string                 `json:"segment,omitempty" maxLength:"64" pattern:"^seg_" doc:"Or where"`
	Where     *ConditionBody         `json:"where,omitempty" doc:"Or segment"`
	App       string                 `json:"app,omitempty" maxLength:"64"`
	Purpose   engawa.Purpose         `json:"purpose" enum:"service,service.security,service.legal_notice,service.consent_admin,notice,marketing"`
	Topic     string                 `json:"topic,omitempty" maxLength:"64"`
	Template  string                 `json:"template,omitempty" maxLength:"64" doc:"Its words as they are now; or words"`
	Words     map[string]contentBody `json:"words,omitempty" maxProperties:"3" doc:"By language: ja, ko, en. Or template"`
	Variables map[string]any         `json:"variables,omitempty" doc:"The same for all customers"`
	Channels  []string               `json:"channels,omitempty" maxItems:"16" maxLength:"64" doc:"Kinds or account ids, in order: the first that may, then its fallbacks; all that fit if empty"`
	NotBefore *time.Time             `json:"not_before,omitempty"`
	ExpiresAt *time.Time             `json:"expires_at,omitempty" doc:"What has not gone by then does not go"`
}

type broadcastIn struct{ Body BroadcastBody }

// broadcast turns what was posted into a broadcast, or says what is wrong with it.
func (a *API) broadcast(ctx context.Context, c *call, in BroadcastBody) (engawa.Broadcast, error) {
	b := engawa.Broadcast{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixBroadcast), Name: in.Name, State: engawa.BroadcastRunning, Segment: in.Segment, CreatedBy: c.actor(), CreatedAt: time.Now().UTC(),
		Body: engawa.BroadcastBody{App: in.App, Purpose: in.Purpose, Topic: in.Topic, Template: in.Template, Variables: in.Variables},
	}
	var err error
	if b.Body.Where, err = a.whose(ctx, c, in); err != nil {
		return b, err
	}
	if b.Body.Words, err = a.words(ctx, c, in); err != nil {
		return b, err
	}
	if b.Body.NotBefore, err = sendTime("/not_before", in.NotBefore); err != nil {
		return b, err
	}
	if b.Body.ExpiresAt, err = sendTime("/expires_at", in.ExpiresAt); err != nil {
		return b, err
	}
	accounts, err := a.Store.Accounts(ctx, c.workspace)
	if err == nil {
		b.Body.Chain, err = message.Chain(accounts, a.Kinds, in.Channels, true)
	}
	if err == nil && len(b.Body.Chain) == 0 {
		err = engawa.Invalid("/channels", "connect an account that reaches customers", "no account could send this")
	}
	if err == nil {
		err = broadcast.Check(b, time.Now())
	}
	return b, err
}

func (a *API) whose(ctx context.Context, c *call, in BroadcastBody) (engawa.Condition, error) {
	switch {
	case (in.Segment == "") == (in.Where == nil):
		return engawa.Condition{}, engawa.Invalid("/segment", "name a segment, or write where; {} is everybody", "a broadcast goes to one selection of customers")
	case in.Where != nil:
		return segment.Check("/where", in.Where.condition())
	}
	g, err := a.Store.Segment(ctx, c.workspace, in.Segment)
	if notFound(err) {
		err = engawa.Invalid("/segment", "choose one of GET /v1/segments", "there is no segment %q", clip(in.Segment, 80))
	}
	return g.Where, err
}

func (a *API) words(ctx context.Context, c *call, in BroadcastBody) (map[engawa.Locale]engawa.Content, error) {
	if (in.Template == "") == (len(in.Words) == 0) {
		return nil, engawa.Invalid("/words", "write words, or choose a template", "the message has no words, or two kinds of them")
	}
	if in.Template != "" {
		t, err := a.template(ctx, c.workspace, in.Template)
		if notFound(err) {
			err = engawa.Invalid("/template", "choose a template of this workspace", "there is no template %q", clip(in.Template, 80))
		}
		return t.Words, err
	}
	words := map[engawa.Locale]engawa.Content{}
	for l, w := range in.Words {
		words[engawa.Locale(l)] = engawa.Content(w)
	}
	return words, nil
}

type broadcastOut struct {
	ID        string                 `json:"id"`
	Name      string                 `json:"name"`
	State     engawa.BroadcastState  `json:"state" enum:"running,paused,stopped,done"`
	Segment   string                 `json:"segment,omitempty"`
	Where     ConditionBody          `json:"where" doc:"As it was when it began"`
	Purpose   engawa.Purpose         `json:"purpose"`
	Topic     string                 `json:"topic,omitempty"`
	App       string                 `json:"app,omitempty"`
	Words     map[string]contentBody `json:"words"`
	Accounts  []string               `json:"accounts" doc:"In the order in which they are tried"`
	NotBefore *time.Time             `json:"not_before"`
	ExpiresAt *time.Time             `json:"expires_at"`
	Members   int                    `json:"members" doc:"Customers of the segment when it began"`
	Made      int                    `json:"made" doc:"Messages so far, refused ones too"`
	Unmade    int                    `json:"unmade" doc:"Customers for whom none could be made"`
	Walked    bool                   `json:"walked" doc:"Every customer was looked at"`
	Messages  map[string]int         `json:"messages,omitempty" doc:"How many stand in each state; of one broadcast that is read"`
	CreatedBy string                 `json:"created_by"`
	CreatedAt time.Time              `json:"created_at"`
	EndedAt   *time.Time             `json:"ended_at"`
}

func showBroadcast(b engawa.Broadcast) broadcastOut {
	out := broadcastOut{
		ID: b.ID, Name: b.Name, State: b.State, Segment: b.Segment, Where: showCondition(b.Body.Where), Purpose: b.Body.Purpose, Topic: b.Body.Topic, App: b.Body.App,
		Words: map[string]contentBody{}, Accounts: shown(b.Body.Chain, func(v engawa.Via) string { return v.Account }), NotBefore: utc(b.Body.NotBefore), ExpiresAt: utc(b.Body.ExpiresAt),
		Members: b.Members, Made: b.Made, Unmade: b.Unmade, Walked: b.Walked, CreatedBy: b.CreatedBy, CreatedAt: b.CreatedAt.UTC(), EndedAt: utc(b.EndedAt),
	}
	for l, w := range b.Body.Words {
		out.Words[string(l)] = contentBody(w)
	}
	return out
}

// startBroadcast begins a broadcast. Its messages are made in the background.
func (a *API) startBroadcast(ctx context.Context, c *call, in *broadcastIn) (broadcastOut, error) {
	b, err := a.broadcast(ctx, c, in.Body)
	if err != nil {
		return broadcastOut{}, err
	}
	if b.Members, err = a.Store.CountSelected(ctx, segment.Of(c.workspace, b.Body.Where)); err != nil {
		return broadcastOut{}, err
	}
	return showBroadcast(b), c.store.AddBroadcast(ctx, b)
}

type whyOut struct {
	Outcome   engawa.Outcome `json:"outcome" enum:"hold,refuse"`
	Customers int            `json:"customers"`
	Reason    reasonOut      `json:"reason"`
}

type budgetOut struct {
	Scope     string    `json:"scope" example:"month"`
	Remaining int       `json:"remaining"`
	ResetsAt  time.Time `json:"resets_at"`
}

type useOut struct {
	Account  string      `json:"account"`
	Messages int         `json:"messages"`
	Budgets  []budgetOut `json:"budgets" doc:"What is known to be left of the account's quotas"`
}

type forecastOut struct {
	Members  int      `json:"members" doc:"Customers of the segment"`
	Asked    int      `json:"asked" doc:"Of whom the verdict was asked; if fewer, the other numbers are estimates for all"`
	Send     int      `json:"send"`
	Hold     int      `json:"hold"`
	Refuse   int      `json:"refuse"`
	Unmade   int      `json:"unmade" doc:"For whom no message can be made"`
	Why      []whyOut `json:"why" doc:"What holds and refuses, the most frequent first"`
	Accounts []useOut `json:"accounts"`
}

// checkBroadcast says what would become of a broadcast and keeps nothing.
func (a *API) checkBroadcast(ctx context.Context, c *call, in *broadcastIn) (forecastOut, error) {
	b, err := a.broadcast(ctx, c, in.Body)
	if err != nil {
		return forecastOut{}, err
	}
	f, err := (&broadcast.Runner{Store: a.Store, Compose: a.Compose}).Look(ctx, b)
	out := forecastOut{Members: f.Members, Asked: f.Asked, Send: f.Send, Hold: f.Hold, Refuse: f.Refuse, Unmade: f.Unmade}
	out.Why = shown(f.Why, func(w broadcast.Why) whyOut {
		words, remedy := a.Words.Reason(c.locale, w.Reason)
		return whyOut{w.Outcome, w.N, reasonOut{w.Reason.Gate, w.Reason.Rule, w.Reason.Code, words, remedy, w.Reason.Source}}
	})
	out.Accounts = shown(f.Use, func(u broadcast.Use) useOut {
		return useOut{u.Account, u.N, shown(u.Budgets, func(b engawa.BudgetFacts) budgetOut { return budgetOut{b.Scope, b.Remaining, b.ResetsAt.UTC()} })}
	})
	return out, err
}

type broadcastList struct {
	Broadcasts []broadcastOut `json:"broadcasts" doc:"Newest first"`
	Next       string         `json:"next"`
}

func (a *API) listBroadcasts(ctx context.Context, c *call, in *Paging) (broadcastList, error) {
	p, err := in.page(engawa.PrefixBroadcast)
	if err != nil {
		return broadcastList{}, err
	}
	all, err := a.Store.Broadcasts(ctx, c.workspace, p)
	out := broadcastList{Broadcasts: shown(all, showBroadcast)}
	if len(all) > 0 {
		last := all[len(all)-1]
		out.Next = in.next(len(all), last.CreatedAt, last.ID)
	}
	return out, err
}

func (a *API) getBroadcast(ctx context.Context, c *call, in *One) (broadcastOut, error) {
	b, err := a.Store.Broadcast(ctx, c.workspace, in.ID)
	if err != nil {
		return broadcastOut{}, err
	}
	out := showBroadcast(b)
	n, err := a.Store.BroadcastProgress(ctx, c.workspace, in.ID)
	out.Messages = map[string]int{}
	for state, count := range n {
		out.Messages[string(state)] = count
	}
	return out, err
}

// turn is what pauses, resumes and stops a broadcast.
func (a *API) turn(do func(*call) func(context.Context, string, string) error) func(context.Context, *call, *One) (broadcastOut, error) {
	return func(ctx context.Context, c *call, in *One) (broadcastOut, error) {
		if err := do(c)(ctx, c.workspace, in.ID); err != nil {
			return broadcastOut{}, err
		}
		return a.getBroadcast(ctx, c, in)
	}
}
