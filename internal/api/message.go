package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

func identityOf(in intake.Identity) engawa.Identity {
	return engawa.Identity{Issuer: in.Issuer, Kind: in.Kind, Value: in.Value}
}

type recipientIn struct {
	Customer    string           `json:"customer,omitempty" maxLength:"64"`
	Identity    *intake.Identity `json:"identity,omitempty" doc:"Names the customer by what your own system knows"`
	Destination string           `json:"destination,omitempty" maxLength:"64" doc:"A staff place"`
}

type contentBody struct {
	Subject string `json:"subject,omitempty" maxLength:"1000"`
	Text    string `json:"text,omitempty" maxLength:"65536"`
	HTML    string `json:"html,omitempty" maxLength:"65536"`
}

type messageIn struct {
	To        recipientIn    `json:"to" doc:"One customer, one identity of a customer, or one destination"`
	App       string         `json:"app,omitempty" maxLength:"64"`
	Purpose   engawa.Purpose `json:"purpose" enum:"service,service.security,service.legal_notice,service.consent_admin,notice,marketing"`
	Trigger   engawa.Trigger `json:"trigger" enum:"user,automatic" doc:"A person's act, or a machine's"`
	Topic     string         `json:"topic,omitempty" maxLength:"64"`
	Template  string         `json:"template,omitempty" maxLength:"64" doc:"Or content"`
	Variables map[string]any `json:"variables,omitempty" doc:"For the template. Of what goes to staff, addresses in them are masked"`
	Content   contentBody    `json:"content,omitzero" doc:"Or template"`
	Channels  []string       `json:"channels,omitempty" maxItems:"16" maxLength:"64" doc:"Kinds or account ids, in order; all that fit if empty"`
	NotBefore *time.Time     `json:"not_before,omitempty"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
	Urgent    bool           `json:"urgent,omitempty"`
	While     *whileIn       `json:"while,omitempty" doc:"It goes only as long as this holds of a purchase of the customer, judged again when it goes"`
}

type whileIn struct {
	Holds    string `json:"holds" enum:"renewal_off,unpaid,expired,price_pending,same_plan,share_ended,refunded" doc:"As a route's step has it"`
	Purchase string `json:"purchase" maxLength:"64" pattern:"^pur_" doc:"Of GET /v1/customers/{id}/purchases"`
}

type sendIn struct{ Body messageIn }

// request turns what was posted into a request, or says what is wrong with it.
func (a *API) request(ctx context.Context, c *call, in messageIn) (message.Request, error) {
	r := message.Request{
		Workspace: c.workspace, Member: c.who.Member, App: in.App, Purpose: in.Purpose, Trigger: in.Trigger, Topic: in.Topic, Template: in.Template,
		Variables: in.Variables, Content: engawa.Content(in.Content), Urgent: in.Urgent, Customer: in.To.Customer, Destination: in.To.Destination,
	}
	if t := c.r.Header.Get("Traceparent"); len(t) <= 100 {
		r.Trace = t
	}
	if err := a.recipient(ctx, &r, in.To); err != nil {
		return r, err
	}
	var err error
	if r.NotBefore, err = sendTime("/not_before", in.NotBefore); err != nil {
		return r, err
	}
	if r.ExpiresAt, err = sendTime("/expires_at", in.ExpiresAt); err != nil {
		return r, err
	}
	if err := a.while(ctx, &r, in.While); err != nil {
		return r, err
	}
	r.Chain, err = a.chain(ctx, r, in.Channels)
	return r, err
}

// while ties a message to a purchase of its customer.
func (a *API) while(ctx context.Context, r *message.Request, in *whileIn) error {
	if in == nil {
		return nil
	}
	if r.Customer == "" {
		return engawa.Invalid("/while", "leave it out, or write to a customer", "a message to staff depends on no purchase")
	}
	p, err := a.Store.Purchase(ctx, r.Workspace, in.Purchase)
	if notFound(err) || err == nil && p.Customer != r.Customer {
		return engawa.Invalid("/while/purchase", "name one of GET /v1/customers/{id}/purchases", "the customer has no such purchase")
	}
	r.While, r.Purchase = engawa.Standing(in.Holds), p
	return err
}

func (a *API) recipient(ctx context.Context, r *message.Request, to recipientIn) error {
	if to.Identity != nil {
		if r.Customer != "" {
			return engawa.Invalid("/to", "name the customer by id or by identity", "the customer is named twice")
		}
		customer, err := a.Store.CustomerBy(ctx, r.Workspace, identityOf(*to.Identity))
		if err != nil {
			return err
		}
		if customer == "" {
			return engawa.Invalid("/to/identity", "register the customer with this identity first", "nobody has this identity")
		}
		r.Customer = customer
	}
	if r.Customer == "" {
		return nil
	}
	cu, err := a.Store.Customer(ctx, r.Workspace, r.Customer)
	if err == nil && cu.MergedInto != "" {
		err = &engawa.Error{Code: engawa.CodeConflict, Field: "/to/customer", Message: "this customer was merged into " + cu.MergedInto, Remedy: "write to " + cu.MergedInto}
	}
	return err
}

func sendTime(field string, t *time.Time) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if y := t.Year(); y < 2000 || y > time.Now().Year()+2 {
		return time.Time{}, engawa.Invalid(field, "choose a time within the next two years", "%s is not a time to send at", t.Format(time.RFC3339))
	}
	return t.UTC(), nil
}

// chain is the accounts of a message: those that were named, else a
// destination's own, else all that reach the recipient.
func (a *API) chain(ctx context.Context, r message.Request, channels []string) ([]engawa.Via, error) {
	if r.Destination != "" {
		d, err := a.destination(ctx, r.Workspace, r.Destination)
		if notFound(err) {
			return nil, engawa.Invalid("/to/destination", "choose a destination of this workspace", "there is no destination %q", r.Destination)
		}
		if err != nil || len(channels) == 0 {
			return []engawa.Via{{Account: d.Account}}, err
		}
	}
	accounts, err := a.Store.Accounts(ctx, r.Workspace)
	if err != nil {
		return nil, err
	}
	return message.Chain(accounts, a.Kinds, channels, r.Customer != "")
}

func (a *API) sendMessage(ctx context.Context, c *call, in *sendIn) (messageAccepted, error) {
	r, err := a.request(ctx, c, in.Body)
	if err != nil {
		return messageAccepted{}, err
	}
	ms, err := a.Compose.Accept(ctx, c.workspace, []message.Request{r})
	if err != nil {
		return messageAccepted{}, err
	}
	return messageAccepted{ms[0].Message.ID, ms[0].Message.State, overall(ms[0].Judged), a.showJudged(c, ms[0].Judged)}, nil
}

// checkMessage answers the verdict and keeps nothing.
func (a *API) checkMessage(ctx context.Context, c *call, in *sendIn) (messageChecked, error) {
	r, err := a.request(ctx, c, in.Body)
	if err != nil {
		return messageChecked{}, err
	}
	ms, err := a.Compose.Compose(ctx, c.workspace, []message.Request{r})
	if err != nil {
		return messageChecked{}, err
	}
	m := ms[0]
	return messageChecked{m.Message.State, overall(m.Judged), a.showJudged(c, m.Judged), contentBody(m.Message.Content)}, nil
}

type messageAccepted struct {
	ID       string              `json:"id"`
	State    engawa.MessageState `json:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	Verdict  verdictShort        `json:"verdict"`
	Verdicts []verdictOut        `json:"verdicts" doc:"One for each account that the message may use"`
}

type messageChecked struct {
	State    engawa.MessageState `json:"state" enum:"waiting,refused" doc:"What it would become"`
	Verdict  verdictShort        `json:"verdict"`
	Verdicts []verdictOut        `json:"verdicts"`
	Content  contentBody         `json:"content" doc:"The words as they would go, with what must be added"`
}

type messagesIn struct {
	Paging
	State       string `query:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	Outcome     string `query:"outcome" enum:"send,hold,refuse" doc:"Of the early verdict"`
	Customer    string `query:"customer" maxLength:"64"`
	Event       string `query:"event" maxLength:"64"`
	Destination string `query:"destination" maxLength:"64"`
	Purpose     string `query:"purpose" maxLength:"64"`
}

type messageRow struct {
	ID          string              `json:"id"`
	State       engawa.MessageState `json:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	Outcome     engawa.Outcome      `json:"outcome" enum:"send,hold,refuse"`
	Gate        engawa.Gate         `json:"gate,omitempty" doc:"Which gate decided"`
	Customer    string              `json:"customer,omitempty"`
	Destination string              `json:"destination,omitempty"`
	Event       string              `json:"event,omitempty"`
	Purpose     engawa.Purpose      `json:"purpose"`
	Subject     string              `json:"subject"`
	CreatedAt   time.Time           `json:"created_at"`
	SeenAt      *time.Time          `json:"seen_at,omitempty" doc:"In an app"`
}

type messageList struct {
	Messages []messageRow `json:"messages"`
	Next     string       `json:"next"`
}

func (a *API) listMessages(ctx context.Context, c *call, in *messagesIn) (messageList, error) {
	p, err := in.page(engawa.PrefixMessage)
	if err != nil {
		return messageList{}, err
	}
	rows, err := a.Store.Messages(ctx, c.workspace, store.MessageFilter{
		State: in.State, Outcome: in.Outcome, Customer: in.Customer, Event: in.Event, Destination: in.Destination, Purpose: in.Purpose,
	}, p)
	out := messageList{Messages: make([]messageRow, len(rows))}
	for i, r := range rows {
		m := r.Message
		out.Messages[i] = messageRow{m.ID, m.State, r.Outcome, r.Gate, m.Customer, m.Destination, m.Event, m.Purpose, r.Subject, m.CreatedAt.UTC(), utc(r.SeenAt)}
		out.Next = in.next(len(rows), m.CreatedAt, m.ID)
	}
	return out, err
}

type exchangeOut struct {
	Request  string `json:"request" doc:"As it was said to the provider, secrets and addresses masked"`
	Response string `json:"response"`
}

type attemptOut struct {
	N         int                   `json:"n"`
	StartedAt time.Time             `json:"started_at"`
	EndedAt   *time.Time            `json:"ended_at"`
	Outcome   engawa.AttemptOutcome `json:"outcome" enum:"open,accepted,retry,failed,unknown"`
	Code      string                `json:"code,omitempty"`
	Late      bool                  `json:"late,omitzero" doc:"From a node that had lost the lane: evidence only"`
	Exchange  exchangeOut           `json:"exchange"`
}

type deliveryOut struct {
	ID          string               `json:"id"`
	Account     string               `json:"account"`
	Destination string               `json:"destination,omitempty"`
	State       engawa.DeliveryState `json:"state" enum:"queued,held,sending,retrying,accepted,delivered,failed,unknown,refused,canceled,expired"`
	Note        string               `json:"note,omitempty" doc:"Why it stands where it stands: a code"`
	DueAt       time.Time            `json:"due_at"`
	DeadlineAt  *time.Time           `json:"deadline_at"`
	ProviderID  string               `json:"provider_id,omitempty"`
	SeenAt      *time.Time           `json:"seen_at,omitempty" doc:"In an app: when the customer saw it first, as the app told"`
	UpdatedAt   time.Time            `json:"updated_at"`
	Verdict     *verdictOut          `json:"verdict,omitempty" doc:"The one that counted"`
	Attempts    []attemptOut         `json:"attempts"`
}

type messageOut struct {
	ID          string              `json:"id"`
	State       engawa.MessageState `json:"state" enum:"waiting,sent,refused,failed,unknown,canceled,expired"`
	Customer    string              `json:"customer"`
	Destination string              `json:"destination"`
	Event       string              `json:"event"`
	Events      []string            `json:"events,omitempty" doc:"All that it tells of together; empty: of event alone"`
	Related     []string            `json:"related,omitempty" doc:"The events of one cause with event, whether it tells of them or not"`
	Route       string              `json:"route"`
	App         string              `json:"app"`
	Purpose     engawa.Purpose      `json:"purpose"`
	Trigger     engawa.Trigger      `json:"trigger"`
	Topic       string              `json:"topic"`
	Locale      engawa.Locale       `json:"locale"`
	Content     contentBody         `json:"content"`
	Erased      bool                `json:"erased" doc:"The customer's key was destroyed: words and facts are gone"`
	CreatedAt   time.Time           `json:"created_at"`
	ExpiresAt   *time.Time          `json:"expires_at"`
	Verdict     verdictShort        `json:"verdict"`
	Verdicts    []verdictOut        `json:"verdicts"`
	Deliveries  []deliveryOut       `json:"deliveries"`
}

func (a *API) getMessage(ctx context.Context, c *call, in *One) (messageOut, error) {
	said, err := a.Store.Message(ctx, c.workspace, in.ID)
	if err != nil {
		return messageOut{}, err
	}
	m := said.Message
	out := messageOut{
		ID: m.ID, State: m.State, Customer: m.Customer, Destination: m.Destination, Event: m.Event, Route: m.Route, App: m.App,
		Purpose: m.Purpose, Trigger: m.Trigger, Topic: m.Topic, Locale: m.Locale, Content: contentBody(m.Content), Erased: said.Erased,
		CreatedAt: m.CreatedAt.UTC(), ExpiresAt: utc(m.ExpiresAt), Verdict: overall(said.Judged), Verdicts: a.showJudged(c, said.Judged),
	}
	for _, d := range said.Deliveries {
		out.Deliveries = append(out.Deliveries, a.showDelivery(c, d, said.Attempts))
	}
	return out, a.showEvents(ctx, c.workspace, &out)
}

// showEvents names what a message tells of, and what else came of the same cause.
func (a *API) showEvents(ctx context.Context, workspace string, m *messageOut) error {
	if m.Event == "" {
		return nil
	}
	told, err := a.Store.Gathered(ctx, workspace, m.ID)
	if err != nil {
		return err
	}
	for _, e := range told {
		m.Events = append(m.Events, e.ID)
	}
	e, err := a.Store.Event(ctx, workspace, m.Event)
	if err == nil {
		m.Related, err = a.related(ctx, e)
	}
	return err
}

func (a *API) showDelivery(c *call, d engawa.Delivery, attempts []engawa.Attempt) deliveryOut {
	out := deliveryOut{
		ID: d.ID, Account: d.Account, Destination: d.Destination, State: d.State, Note: d.Note, DueAt: d.DueAt.UTC(), DeadlineAt: utc(d.DeadlineAt),
		ProviderID: d.ProviderID, SeenAt: utc(d.SeenAt), UpdatedAt: d.UpdatedAt.UTC(),
	}
	if d.Verdict != nil {
		v := a.showVerdict(c, *d.Verdict)
		out.Verdict = &v
	}
	for _, t := range attempts {
		if t.Delivery == d.ID {
			out.Attempts = append(out.Attempts, attemptOut{t.N, t.StartedAt.UTC(), utc(t.EndedAt), t.Outcome, t.Code, t.Late, exchangeOut(t.Exchange)})
		}
	}
	return out
}

type messageCanceled struct {
	ID    string              `json:"id"`
	State engawa.MessageState `json:"state" enum:"canceled"`
}

func (a *API) cancelMessage(ctx context.Context, c *call, in *One) (messageCanceled, error) {
	return messageCanceled{in.ID, engawa.MessageCanceled}, c.store.Cancel(ctx, c.workspace, in.ID)
}

type resolveIn struct {
	One
	Body struct {
		Arrived *bool `json:"arrived" nullable:"false" doc:"True: it arrived. False: send it again"`
	}
}

type deliveryResolved struct {
	ID    string               `json:"id"`
	State engawa.DeliveryState `json:"state" enum:"accepted,retrying"`
}

// resolveDelivery settles by a person's word what no provider could say.
func (a *API) resolveDelivery(ctx context.Context, c *call, in *resolveIn) (deliveryResolved, error) {
	arrived := *in.Body.Arrived
	if err := c.store.Resolve(ctx, c.workspace, in.ID, arrived); err != nil {
		return deliveryResolved{}, err
	}
	state := engawa.Retrying
	if arrived {
		state = engawa.Accepted
	}
	return deliveryResolved{in.ID, state}, nil
}
