package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/partner"
	"github.com/engawa/engawa/internal/route"
	"github.com/engawa/engawa/internal/store"
)

// The partner's side. Nothing here names a customer, an account, a gate's rule or
// an address that was not shared; what a partner may not have, what ended and what
// never was have one answer.

// inForce are the partner's grants that hold now.
func (c *call) inForce() []engawa.Grant {
	return slices.DeleteFunc(slices.Clone(c.client.Grants), func(g engawa.Grant) bool { return !g.InForce(time.Now()) })
}

// openApps are the apps that a grant in force opens, each with the scopes for it.
func (a *API) openApps(ctx context.Context, c *call) ([]partnerApp, error) {
	all, err := a.Store.Apps(ctx, c.workspace)
	var out []partnerApp
	for _, p := range all {
		var of []engawa.Grant
		for _, g := range c.inForce() {
			if g.Opens(p) {
				of = append(of, g)
			}
		}
		if len(of) > 0 {
			out = append(out, partnerApp{p.ID, p.Name, granted(of, time.Now())})
		}
	}
	return out, err
}

// openApp is the app of an id for which a grant in force has a scope.
func (a *API) openApp(ctx context.Context, c *call, id string, scope access.Scope) error {
	all, err := a.openApps(ctx, c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p partnerApp) bool { return p.ID == id })
	if i < 0 {
		return engawa.NotFound("app")
	}
	if !slices.Contains(all[i].Scopes, string(scope)) {
		return &engawa.Error{Code: engawa.CodeForbidden, Message: "no grant in force has " + string(scope) + " for this app", Remedy: "ask the business for it"}
	}
	return nil
}

type partnerApp struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes" doc:"What your grants in force allow for it"`
}

type partnerAppList struct {
	Apps []partnerApp `json:"apps"`
	Next string       `json:"next"`
}

func (a *API) partnerApps(ctx context.Context, c *call, in *Paging) (partnerAppList, error) {
	all, err := a.openApps(ctx, c)
	apps, next, err := part(*in, engawa.PrefixApp, all, err, func(p partnerApp) string { return p.ID }, func(p partnerApp) partnerApp { return p })
	return partnerAppList{apps, next}, err
}

type partnerGrant struct {
	ID         string           `json:"id"`
	Scopes     []string         `json:"scopes"`
	Apps       []string         `json:"apps"`
	Channels   []string         `json:"channels"`
	Purposes   []engawa.Purpose `json:"purposes"`
	QuotaDay   int              `json:"quota_day" doc:"Messages in a day of the business's zone; 0: no limit"`
	QuotaMonth int              `json:"quota_month"`
	UsedDay    int              `json:"used_day" doc:"Handed over today, by all your grants; counted where there is a quota"`
	UsedMonth  int              `json:"used_month"`
	StartsAt   time.Time        `json:"starts_at"`
	EndsAt     *time.Time       `json:"ends_at"`
	EndedAt    *time.Time       `json:"ended_at" doc:"When it was ended early"`
}

type partnerGrantList struct {
	Grants []partnerGrant `json:"grants" doc:"Ended ones too, newest first"`
	Next   string         `json:"next"`
}

func showPartnerGrant(g engawa.GrantFacts) partnerGrant {
	return partnerGrant{
		g.ID, g.Scopes, g.Apps, g.Channels, g.Purposes, g.QuotaDay, g.QuotaMon, g.UsedDay, g.UsedMonth, g.StartsAt.UTC(), utc(g.EndsAt), utc(g.EndedAt),
	}
}

func (a *API) partnerGrants(ctx context.Context, c *call, in *Paging) (partnerGrantList, error) {
	all, err := a.Store.Uses(ctx, c.workspace, c.who.Partner)
	slices.Reverse(all)
	grants, next, err := part(*in, engawa.PrefixGrant, all, err, func(g engawa.GrantFacts) string { return g.ID }, showPartnerGrant)
	return partnerGrantList{grants, next}, err
}

// endOwnGrant gives a grant back.
func (a *API) endOwnGrant(ctx context.Context, c *call, in *One) (ended, error) {
	if !slices.ContainsFunc(c.client.Grants, func(g engawa.Grant) bool { return g.ID == in.ID && g.EndedAt.IsZero() }) {
		return ended{}, engawa.NotFound("grant that is still open")
	}
	return ended{in.ID}, c.store.EndGrant(ctx, c.workspace, in.ID)
}

type subscriptionSeen struct {
	Plan        string                   `json:"plan" doc:"The seller's own name for the product"`
	State       engawa.SubscriptionState `json:"state" enum:"active,expired,billing_retry,billing_grace_period,revoked,suspended"`
	StartsOn    string                   `json:"starts_on" format:"date" doc:"A day of the business's zone"`
	EndsOn      *string                  `json:"ends_on" format:"date" doc:"null: open"`
	Environment string                   `json:"environment" enum:"production,sandbox"`
}

type contactable struct {
	Channel  string           `json:"channel" doc:"A kind of channel"`
	Purposes []engawa.Purpose `json:"purposes" doc:"For which a message of yours may go there, as it stands now"`
}

type subscriberSeen struct {
	Subscriber    string             `json:"subscriber" doc:"The handle: random, of you and this app alone"`
	Gone          bool               `json:"gone" doc:"True: the handle ended, and whatever you keep under it is to be deleted. Nothing else is told then"`
	Locale        engawa.Locale      `json:"locale,omitempty" doc:"The language that the subscriber reads"`
	Subscriptions []subscriptionSeen `json:"subscriptions,omitempty"`
	Contactable   []contactable      `json:"contactable,omitempty"`
	Address       string             `json:"address,omitempty" doc:"The mail address; only where the subscriber agreed to share it with you for this app"`
}

func showSubscriber(e partner.Entry) subscriberSeen {
	out := subscriberSeen{Subscriber: e.Handle, Gone: e.Gone, Locale: e.Locale, Address: e.Address.Reveal()}
	for _, b := range e.Subscriptions {
		seen := subscriptionSeen{Plan: b.Plan, State: b.State, StartsOn: b.StartsOn, Environment: b.Environment}
		if b.EndsOn != "" {
			seen.EndsOn = &b.EndsOn
		}
		out.Subscriptions = append(out.Subscriptions, seen)
	}
	for _, r := range e.Reach {
		out.Contactable = append(out.Contactable, contactable{r.Channel, r.Purposes})
	}
	return out
}

type subscribersIn struct {
	App string `path:"app" maxLength:"64"`
	Paging
}

type subscriberList struct {
	Subscribers []subscriberSeen `json:"subscribers"`
	Next        string           `json:"next"`
	Changes     string           `json:"changes" doc:"Of the first page: the cursor for /changes once the list was read"`
	Building    bool             `json:"building" doc:"The list is being made for the first time; what is missing comes as changes"`
}

func (a *API) list(ctx context.Context, c *call, app string) (store.List, error) {
	return store.List{Workspace: c.workspace, Partner: c.who.Partner, App: app}, a.openApp(ctx, c, app, access.SubscribersRead)
}

func (a *API) listSubscribers(ctx context.Context, c *call, in *subscribersIn) (subscriberList, error) {
	l, err := a.list(ctx, c, in.App)
	if err != nil {
		return subscriberList{}, err
	}
	p, err := in.page(engawa.PrefixHandle)
	if err != nil {
		return subscriberList{}, err
	}
	es, state, err := a.Lists.Page(ctx, l, p.ID, in.Limit)
	if err != nil {
		return subscriberList{}, err
	}
	out := subscriberList{Subscribers: shown(es, showSubscriber), Changes: changesAfter(state.Changes), Building: state.Building}
	if n := len(es); n > 0 {
		out.Next = in.next(n, time.Time{}, es[n-1].Handle)
	}
	return out, a.noteShared(ctx, c, l, es)
}

// noteShared records that addresses were given, and how many: the record of
// provision to a third party that is asked for (APPI 29).
func (a *API) noteShared(ctx context.Context, c *call, l store.List, es []partner.Entry) error {
	n := 0
	for _, e := range es {
		if e.Address != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return a.Store.Note(ctx, store.Audit{Workspace: c.workspace, Actor: c.actor(), Action: "receive-addresses", Object: l.App, Detail: "n=" + itoa(n)})
}

// changesAfter is the cursor behind the n-th change of a list.
func changesAfter(n int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("changes." + strconv.FormatInt(n, 36)))
}

func placeOfChange(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	text, ok := strings.CutPrefix(string(plain), "changes.")
	n, numberErr := strconv.ParseInt(text, 36, 64)
	if err != nil || !ok || numberErr != nil || n < 0 {
		return 0, engawa.Invalid("?cursor", `use the "changes" or "next" of the answer before, unchanged`, "this is no place among changes")
	}
	return n, nil
}

type changesIn struct {
	App string `path:"app" maxLength:"64"`
	Paging
}

type changeList struct {
	Subscribers []subscriberSeen `json:"subscribers" doc:"Each once, as it stands now, in the order of its last change"`
	Next        string           `json:"next" doc:"The cursor with which to go on, now or later; never empty"`
	More        bool             `json:"more" doc:"There may be more now"`
}

// listChanges tells what changed in a list.
func (a *API) listChanges(ctx context.Context, c *call, in *changesIn) (changeList, error) {
	l, err := a.list(ctx, c, in.App)
	if err != nil {
		return changeList{}, err
	}
	after, err := placeOfChange(in.Cursor)
	if err != nil {
		return changeList{}, err
	}
	es, last, err := a.Lists.Changes(ctx, l, after, in.Limit)
	if err != nil {
		return changeList{}, err
	}
	return changeList{shown(es, showSubscriber), changesAfter(last), len(es) == in.Limit}, a.noteShared(ctx, c, l, es)
}

type subscriberIn struct {
	App        string `path:"app" maxLength:"64"`
	Subscriber string `path:"subscriber" maxLength:"64"`
}

func (a *API) getSubscriber(ctx context.Context, c *call, in *subscriberIn) (subscriberSeen, error) {
	l, err := a.list(ctx, c, in.App)
	if err != nil {
		return subscriberSeen{}, err
	}
	e, app, _, err := a.Lists.Entry(ctx, c.workspace, c.who.Partner, in.Subscriber)
	if err == nil && app != in.App {
		err = engawa.NotFound("subscriber")
	}
	if err != nil {
		return subscriberSeen{}, err
	}
	return showSubscriber(e), a.noteShared(ctx, c, l, []partner.Entry{e})
}

type partnerMessageNew struct {
	To struct {
		Subscriber string `json:"subscriber" maxLength:"64" doc:"A handle"`
	} `json:"to"`
	Purpose engawa.Purpose `json:"purpose" enum:"service,service.security,service.legal_notice,service.consent_admin,notice,marketing"`
	Trigger engawa.Trigger `json:"trigger" enum:"user,automatic" doc:"A person's act, or a machine's"`
	Topic   string         `json:"topic,omitempty" maxLength:"64"`
	Content struct {
		Subject string `json:"subject,omitempty" maxLength:"1000"`
		Text    string `json:"text" minLength:"1" maxLength:"65536"`
	} `json:"content" doc:"Plain text: pictures and styles could tell who opened it"`
	Channels  []string   `json:"channels,omitempty" maxItems:"16" maxLength:"64" doc:"Kinds, in order; all of your grants if empty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

type partnerSendIn struct{ Body partnerMessageNew }

// compose makes a partner's message, judged early.
func (a *API) compose(ctx context.Context, c *call, in partnerMessageNew) (store.NewMessage, error) {
	_, app, customer, err := a.Lists.Entry(ctx, c.workspace, c.who.Partner, in.To.Subscriber)
	if err != nil {
		return store.NewMessage{}, err
	}
	if err := a.openApp(ctx, c, app, access.MessagesSend); notFound(err) {
		return store.NewMessage{}, engawa.NotFound("subscriber")
	} else if err != nil {
		return store.NewMessage{}, err
	}
	r := message.Request{
		Workspace: c.workspace, Partner: c.who.Partner, App: app, Customer: customer, Purpose: in.Purpose, Trigger: in.Trigger, Topic: in.Topic,
		Content: engawa.Content{Subject: in.Content.Subject, Text: in.Content.Text},
	}
	if r.NotBefore, err = sendTime("/not_before", in.NotBefore); err != nil {
		return store.NewMessage{}, err
	}
	if r.ExpiresAt, err = sendTime("/expires_at", in.ExpiresAt); err != nil {
		return store.NewMessage{}, err
	}
	if r.Chain, err = a.partnerChain(ctx, c, in.Channels); err != nil {
		return store.NewMessage{}, err
	}
	ms, err := a.Compose.Compose(ctx, c.workspace, []message.Request{r})
	if err != nil {
		return store.NewMessage{}, err
	}
	return ms[0], nil
}

// partnerChain is the accounts that a partner's message may use: of the kinds that
// its grants name. What is not granted and what is not connected is the same.
func (a *API) partnerChain(ctx context.Context, c *call, names []string) ([]engawa.Via, error) {
	all, err := a.Store.Accounts(ctx, c.workspace)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(ac engawa.Account) bool {
		return !partner.Carries(ac) || !slices.ContainsFunc(c.inForce(), func(g engawa.Grant) bool {
			return slices.Contains(g.Channels, ac.Kind) || slices.Contains(g.Channels, "*")
		})
	})
	for i, name := range names {
		k, known := message.Find(a.Kinds, name)
		if !known || !k.ToCustomers || !slices.ContainsFunc(all, func(ac engawa.Account) bool { return ac.Kind == name }) {
			return nil, engawa.Invalid(fmt.Sprintf("/channels/%d", i), "choose a kind of channel that your grants name, or leave channels away", "%q is no channel that you may use here", clip(name, 80))
		}
	}
	chain, err := message.Chain(all, a.Kinds, names, true)
	if err == nil && len(chain) == 0 {
		err = engawa.Invalid("/channels", "ask the business which channels it has connected", "there is no channel that you may use here")
	}
	return chain, err
}

type whySeen struct {
	Class  partner.Class `json:"class" doc:"Stable, for programs"`
	Text   string        `json:"text" doc:"In the language of Accept-Language"`
	Remedy string        `json:"remedy"`
}

type answerSeen struct {
	Channel string         `json:"channel"`
	Outcome engawa.Outcome `json:"outcome" enum:"send,hold,refuse"`
	Until   *time.Time     `json:"until" doc:"Where your quota alone holds it"`
	Reasons []whySeen      `json:"reasons" doc:"Of what does not let it pass"`
}

func (a *API) showAnswers(c *call, vs []engawa.Verdict) []answerSeen {
	out := []answerSeen{}
	for _, v := range vs {
		if i := slices.IndexFunc(out, func(s answerSeen) bool { return s.Channel == v.Channel }); i >= 0 {
			if out[i].Outcome != engawa.Refuse || v.Outcome == engawa.Refuse {
				continue // of several accounts of a kind the best is told
			}
			out = slices.Delete(out, i, i+1)
		}
		an := partner.AnswerOf(v)
		seen := answerSeen{Channel: an.Channel, Outcome: an.Outcome, Until: utc(an.Until), Reasons: []whySeen{}}
		for _, class := range an.Classes {
			key := "partner.why." + string(class)
			seen.Reasons = append(seen.Reasons, whySeen{class, a.Words.T(c.locale, key), a.Words.T(c.locale, key+".remedy")})
		}
		out = append(out, seen)
	}
	return out
}

func verdictsOf(js []store.Judged) (vs []engawa.Verdict) {
	for _, j := range js {
		vs = append(vs, j.Verdict)
	}
	return vs
}

type partnerAccepted struct {
	ID       string              `json:"id"`
	State    engawa.MessageState `json:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	Verdict  verdictShort        `json:"verdict"`
	Verdicts []answerSeen        `json:"verdicts" doc:"One for each channel that it may use"`
}

func (a *API) sendAsPartner(ctx context.Context, c *call, in *partnerSendIn) (partnerAccepted, error) {
	m, err := a.compose(ctx, c, in.Body)
	if err != nil {
		return partnerAccepted{}, err
	}
	if err := a.Store.EnqueueFor(ctx, m, in.Body.To.Subscriber); err != nil {
		return partnerAccepted{}, err
	}
	return partnerAccepted{m.Message.ID, m.Message.State, overall(m.Judged), a.showAnswers(c, verdictsOf(m.Judged))}, nil
}

type partnerChecked struct {
	Verdict  verdictShort `json:"verdict"`
	Verdicts []answerSeen `json:"verdicts"`
}

func (a *API) checkAsPartner(ctx context.Context, c *call, in *partnerSendIn) (partnerChecked, error) {
	m, err := a.compose(ctx, c, in.Body)
	if err != nil {
		return partnerChecked{}, err
	}
	return partnerChecked{overall(m.Judged), a.showAnswers(c, verdictsOf(m.Judged))}, nil
}

// PartnerMessageRow is a message as its partner knows it.
type PartnerMessageRow struct {
	ID         string              `json:"id"`
	App        string              `json:"app"`
	Subscriber string              `json:"subscriber" doc:"The handle that you wrote to; it may have ended since"`
	Purpose    engawa.Purpose      `json:"purpose"`
	State      engawa.MessageState `json:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	CreatedAt  time.Time           `json:"created_at"`
	ExpiresAt  *time.Time          `json:"expires_at"`
}

func showPartnerMessage(m store.PartnerMessage) PartnerMessageRow {
	return PartnerMessageRow{m.ID, m.App, m.Handle, m.Purpose, m.State, m.CreatedAt.UTC(), utc(m.ExpiresAt)}
}

type partnerMessagesIn struct {
	Paging
	App        string `query:"app" maxLength:"64"`
	Subscriber string `query:"subscriber" maxLength:"64"`
	State      string `query:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
}

type partnerMessageList struct {
	Messages []PartnerMessageRow `json:"messages" doc:"Yours, newest first"`
	Next     string              `json:"next"`
}

func (a *API) partnerMessages(ctx context.Context, c *call, in *partnerMessagesIn) (partnerMessageList, error) {
	p, err := in.page(engawa.PrefixMessage)
	if err != nil {
		return partnerMessageList{}, err
	}
	ms, err := a.Store.PartnerMessages(ctx, c.workspace, c.who.Partner, store.PartnerMessageFilter{App: in.App, Handle: in.Subscriber, State: in.State}, p)
	out := partnerMessageList{Messages: shown(ms, showPartnerMessage)}
	if n := len(ms); n > 0 {
		out.Next = in.next(n, ms[n-1].CreatedAt, ms[n-1].ID)
	}
	return out, err
}

// partnerMessage is one of the partner's own messages.
func (a *API) partnerMessage(ctx context.Context, c *call, id string) (store.PartnerMessage, error) {
	ms, err := a.Store.PartnerMessages(ctx, c.workspace, c.who.Partner, store.PartnerMessageFilter{ID: id}, store.Page{Limit: 1})
	if err == nil && len(ms) == 0 {
		err = engawa.NotFound("message")
	}
	if err != nil {
		return store.PartnerMessage{}, err
	}
	return ms[0], nil
}

type deliverySeen struct {
	Channel string               `json:"channel"`
	State   engawa.DeliveryState `json:"state" enum:"queued,held,sending,retrying,accepted,delivered,failed,unknown,refused,canceled,expired"`
}

type partnerMessageSeen struct {
	PartnerMessageRow
	Verdict    verdictShort   `json:"verdict"`
	Verdicts   []answerSeen   `json:"verdicts" doc:"The ones that counted, where the message was looked at again"`
	Deliveries []deliverySeen `json:"deliveries" doc:"In the order of the channels"`
}

func (a *API) getPartnerMessage(ctx context.Context, c *call, in *One) (partnerMessageSeen, error) {
	m, err := a.partnerMessage(ctx, c, in.ID)
	if err != nil {
		return partnerMessageSeen{}, err
	}
	said, err := a.Store.Message(ctx, c.workspace, in.ID)
	if err != nil {
		return partnerMessageSeen{}, err
	}
	out := partnerMessageSeen{PartnerMessageRow: showPartnerMessage(m), Verdict: verdictShort{m.Outcome}, Deliveries: []deliverySeen{}}
	vs := verdictsOf(said.Judged)
	for _, d := range said.Deliveries {
		if d.Position >= len(vs) {
			continue // the subscriber's key is gone, and so are the channels
		}
		if d.Verdict != nil {
			vs[d.Position] = *d.Verdict
		}
		out.Deliveries = append(out.Deliveries, deliverySeen{vs[d.Position].Channel, d.State})
	}
	out.Verdicts = a.showAnswers(c, vs)
	return out, nil
}

func (a *API) cancelPartnerMessage(ctx context.Context, c *call, in *One) (messageCanceled, error) {
	if _, err := a.partnerMessage(ctx, c, in.ID); err != nil {
		return messageCanceled{}, err
	}
	return messageCanceled{in.ID, engawa.MessageCanceled}, c.store.Cancel(ctx, c.workspace, in.ID)
}

// PartnerReply is what a subscriber answered.
type PartnerReply struct {
	ID         string             `json:"id"`
	App        string             `json:"app"`
	Message    string             `json:"message" doc:"The message of yours that it answers"`
	Subscriber string             `json:"subscriber" doc:"The handle that you wrote to; it may have ended since"`
	At         time.Time          `json:"at" doc:"When it came, to the hour"`
	Gone       bool               `json:"gone" doc:"True: the subscriber was erased, and the words with it. Delete what you keep of it"`
	Subject    string             `json:"subject"`
	Text       string             `json:"text" doc:"Plain text. What could tell who wrote it is replaced by a word in square brackets"`
	Files      []PartnerReplyFile `json:"files"`
	Hidden     map[string]int     `json:"hidden" doc:"How much was replaced, by class"`
	Held       map[string]int     `json:"held" doc:"How many parts were held back since they could not be looked through, by reason"`
}

// PartnerReplyFile is a file that came with a reply.
type PartnerReplyFile struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"`
}

type partnerReplyList struct {
	Replies []PartnerReply `json:"replies" doc:"To your messages, newest first"`
	Next    string         `json:"next"`
}

func showPartnerReply(r engawa.Reply) PartnerReply {
	out := PartnerReply{
		ID: r.ID, App: r.App, Message: r.Message, Subscriber: r.Handle, At: r.At.UTC(), Gone: r.Body.Erased(), Subject: r.Body.Subject, Text: r.Body.Text,
		Files: []PartnerReplyFile{}, Hidden: r.Body.Hidden, Held: r.Body.Held,
	}
	for _, f := range r.Body.Files {
		out.Files = append(out.Files, PartnerReplyFile(f))
	}
	return out
}

// partnerReplies tells what subscribers of the apps that a grant opens answered.
func (a *API) partnerReplies(ctx context.Context, c *call, in *Paging) (partnerReplyList, error) {
	p, err := in.page(engawa.PrefixReply)
	if err != nil {
		return partnerReplyList{}, err
	}
	opened, err := a.openApps(ctx, c)
	if err != nil {
		return partnerReplyList{}, err
	}
	var apps []string
	for _, app := range opened {
		if slices.Contains(app.Scopes, string(access.MessagesRead)) {
			apps = append(apps, app.ID)
		}
	}
	rs, err := a.Store.PartnerReplies(ctx, c.workspace, c.who.Partner, apps, p)
	out := partnerReplyList{Replies: shown(rs, showPartnerReply)}
	if n := len(rs); n > 0 {
		out.Next = in.next(n, rs[n-1].CreatedAt, rs[n-1].ID)
	}
	return out, err
}

// mostEndpoints is how many URLs a partner may have told of changes.
const mostEndpoints = 3

type partnerWebhookIn struct {
	Body struct {
		URL string `json:"url" minLength:"8" maxLength:"2000" example:"https://app.example.jp/engawa"`
	}
}

// PartnerWebhook is a URL that is told of changes.
type PartnerWebhook struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Enabled   bool      `json:"enabled" doc:"False: switched off, by the business or after five days of failures"`
	CreatedAt time.Time `json:"created_at"`
}

type partnerWebhookMade struct {
	PartnerWebhook
	Secret string `json:"secret" doc:"Signs every post (Standard Webhooks). Shown here and never again"`
}

type partnerWebhookList struct {
	Webhooks []PartnerWebhook `json:"webhooks"`
	Next     string           `json:"next"`
}

func (a *API) endpoints(ctx context.Context, c *call) ([]engawa.Account, error) {
	all, err := a.Store.Accounts(ctx, c.workspace)
	return slices.DeleteFunc(all, func(ac engawa.Account) bool { return ac.Kind != webhookKind || ac.Owner != c.who.Partner }), err
}

func showPartnerWebhook(ac engawa.Account) PartnerWebhook {
	return PartnerWebhook{ac.ID, ac.Settings["url"], ac.Enabled, ac.CreatedAt.UTC()}
}

func (a *API) partnerWebhooks(ctx context.Context, c *call, in *Paging) (partnerWebhookList, error) {
	all, err := a.endpoints(ctx, c)
	list, next, err := part(*in, engawa.PrefixAccount, all, err, func(ac engawa.Account) string { return ac.ID }, showPartnerWebhook)
	return partnerWebhookList{list, next}, err
}

// addPartnerWebhook has a URL told that lists of the partner changed, or that a
// message of its was answered. What it is told names nobody: changes and replies
// are fetched.
func (a *API) addPartnerWebhook(ctx context.Context, c *call, in *partnerWebhookIn) (partnerWebhookMade, error) {
	there, err := a.endpoints(ctx, c)
	if err == nil && len(there) >= mostEndpoints {
		err = &engawa.Error{Code: engawa.CodeConflict, Message: fmt.Sprintf("there are %d webhooks; more are not taken", len(there)), Remedy: "take one away first"}
	}
	if err != nil {
		return partnerWebhookMade{}, err
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	secret, now := "whsec_"+base64.StdEncoding.EncodeToString(raw[:]), time.Now().UTC()
	name := c.client.Partner.Name
	ac := engawa.Account{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixAccount), Kind: webhookKind, Name: name, Environment: engawa.Production,
		Owner: c.who.Partner, Enabled: true, Version: 1, CreatedAt: now,
	}
	if ac.Settings, _, err = a.settings(ctx, c.workspace, webhookKind, map[string]string{"url": in.Body.URL, "secret": secret, "content": "event"}); err != nil {
		return partnerWebhookMade{}, err
	}
	d := engawa.Destination{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixDestination), Name: name, Account: ac.ID, Address: engawa.Address(ac.ID), Locale: engawa.English, CreatedAt: now,
	}
	r := engawa.Route{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixRoute), Name: name, Enabled: true, Events: []string{store.SubscribersChanged, store.PartnerReplied},
		Condition: fmt.Sprintf("event.data.partner == %q", c.who.Partner), UpdatedBy: c.actor(), UpdatedAt: now,
		Then: []engawa.Step{{To: d.ID, Purpose: engawa.Service, Via: []engawa.Via{{Account: ac.ID}}}},
	}
	if _, err := route.Check(r, nil, nil); err != nil {
		return partnerWebhookMade{}, err
	}
	if err := c.store.AddEndpoint(ctx, ac, d, r); err != nil {
		return partnerWebhookMade{}, err
	}
	return partnerWebhookMade{showPartnerWebhook(ac), secret}, nil
}

func (a *API) endPartnerWebhook(ctx context.Context, c *call, in *One) (ended, error) {
	all, err := a.endpoints(ctx, c)
	if err == nil && !slices.ContainsFunc(all, func(ac engawa.Account) bool { return ac.ID == in.ID }) {
		err = engawa.NotFound("webhook")
	}
	if err != nil {
		return ended{}, err
	}
	return ended{in.ID}, c.store.EndEndpoint(ctx, c.workspace, webhookKind, in.ID)
}
