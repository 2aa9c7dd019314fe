package api

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

type messageIn struct {
	To struct {
		Customer    string      `json:"customer"`
		Identity    *identityIn `json:"identity"`
		Destination string      `json:"destination"`
	} `json:"to"`
	App       string         `json:"app"`
	Purpose   engawa.Purpose `json:"purpose"`
	Trigger   engawa.Trigger `json:"trigger"`
	Topic     string         `json:"topic"`
	Template  string         `json:"template"`
	Variables map[string]any `json:"variables"`
	Content   engawa.Content `json:"content"`
	Channels  []string       `json:"channels"`
	NotBefore *time.Time     `json:"not_before"`
	ExpiresAt *time.Time     `json:"expires_at"`
	Urgent    bool           `json:"urgent"`
}

// request turns what was posted into a request, or says what is wrong with it.
func (a *API) request(c *call) (message.Request, error) {
	var in messageIn
	if err := decode(c.r, &in); err != nil {
		return message.Request{}, err
	}
	r := message.Request{
		Workspace: c.workspace, App: in.App, Purpose: in.Purpose, Trigger: in.Trigger, Topic: in.Topic, Template: in.Template,
		Variables: in.Variables, Content: in.Content, Urgent: in.Urgent, Customer: in.To.Customer, Destination: in.To.Destination,
		Trace: c.r.Header.Get("Traceparent"),
	}
	switch in.Purpose {
	case engawa.Service, engawa.Security, engawa.LegalNotice, engawa.ConsentAdmin, engawa.Notice, engawa.Marketing:
	default:
		return r, engawa.Invalid("/purpose", "choose service, notice or marketing", "%q is not a purpose", in.Purpose)
	}
	if in.Trigger != engawa.ByUser && in.Trigger != engawa.ByAutomatic {
		return r, engawa.Invalid("/trigger", "choose user or automatic", "%q is not a trigger", in.Trigger)
	}
	if id := in.To.Identity; id != nil {
		customer, err := a.Store.CustomerBy(c.ctx, c.workspace, engawa.Identity{Issuer: id.Issuer, Kind: id.Kind, Value: id.Value})
		if err != nil {
			return r, err
		}
		if customer == "" {
			return r, engawa.Invalid("/to/identity", "register the customer with this identity first", "nobody has this identity")
		}
		r.Customer = customer
	}
	return r, a.complete(c, &r, in)
}

func (a *API) complete(c *call, r *message.Request, in messageIn) error {
	if r.Customer != "" {
		if _, err := a.Store.Customer(c.ctx, c.workspace, r.Customer); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		from *time.Time
		to   *time.Time
		name string
	}{{in.NotBefore, &r.NotBefore, "/not_before"}, {in.ExpiresAt, &r.ExpiresAt, "/expires_at"}} {
		if t.from == nil {
			continue
		}
		if y := t.from.Year(); y < 2000 || y > time.Now().Year()+2 {
			return engawa.Invalid(t.name, "choose a time within the next two years", "%s is not a time to send at", t.from.Format(time.RFC3339))
		}
		*t.to = t.from.UTC()
	}
	accounts, err := a.Store.Accounts(c.ctx, c.workspace)
	if err != nil {
		return err
	}
	r.Chain, err = message.Chain(accounts, a.Kinds, in.Channels, r.Customer != "")
	if err != nil || r.Destination == "" || len(in.Channels) > 0 {
		return err
	}
	ds, err := a.Store.Destinations(c.ctx, c.workspace)
	for _, d := range ds {
		if d.ID == r.Destination {
			r.Chain = []engawa.Via{{Account: d.Account}}
			return nil
		}
	}
	if err != nil {
		return err
	}
	return engawa.Invalid("/to/destination", "choose a destination of this workspace", "there is no destination %q", r.Destination)
}

func (a *API) postMessage(c *call) (int, any, error) {
	r, err := a.request(c)
	if err != nil {
		return 0, nil, err
	}
	ms, err := a.Compose.Accept(c.ctx, c.workspace, []message.Request{r})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, a.showNew(c, ms[0], true), nil
}

// checkMessage answers the verdict and keeps nothing.
func (a *API) checkMessage(c *call) (int, any, error) {
	r, err := a.request(c)
	if err != nil {
		return 0, nil, err
	}
	ms, err := a.Compose.Compose(c.ctx, c.workspace, []message.Request{r})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.showNew(c, ms[0], false), nil
}

type reasonOut struct {
	Gate   engawa.Gate `json:"gate"`
	Rule   string      `json:"rule,omitempty"`
	Code   string      `json:"code"`
	Text   string      `json:"text"`
	Remedy string      `json:"remedy,omitempty"`
	Source string      `json:"source,omitempty"`
}

type verdictOut struct {
	Account     string              `json:"account"`
	Channel     string              `json:"channel"`
	Outcome     engawa.Outcome      `json:"outcome"`
	Until       *time.Time          `json:"until"`
	Decided     engawa.Gate         `json:"decided,omitempty"`
	Reasons     []reasonOut         `json:"reasons"`
	Gates       []gateOut           `json:"gates"`
	Obligations []engawa.Obligation `json:"obligations"`
	RuleSet     string              `json:"rule_set"`
	At          time.Time           `json:"at"`
}

type gateOut struct {
	Gate    engawa.Gate    `json:"gate"`
	Outcome engawa.Outcome `json:"outcome"`
	Until   *time.Time     `json:"until"`
	Reasons []reasonOut    `json:"reasons"`
}

// showVerdict lists as reasons what decided: of the strictest gates.
func (a *API) showVerdict(c *call, v engawa.Verdict) verdictOut {
	out := verdictOut{
		Account: v.Account, Channel: v.Channel, Outcome: v.Outcome, Until: timeOut(v.Until), Decided: v.Decided, RuleSet: v.RuleSet, At: v.At,
		Obligations: v.Obligations, Reasons: []reasonOut{},
	}
	for _, g := range v.Gates {
		shown := gateOut{Gate: g.Gate, Outcome: g.Outcome, Until: timeOut(g.Until)}
		for _, r := range g.Reasons {
			words, remedy := a.Words.Reason(c.locale, r)
			shown.Reasons = append(shown.Reasons, reasonOut{r.Gate, r.Rule, r.Code, words, remedy, r.Source})
		}
		if g.Outcome != engawa.Send {
			out.Reasons = append(out.Reasons, shown.Reasons...)
		}
		out.Gates = append(out.Gates, shown)
	}
	return out
}

func timeOut(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type messageOut struct {
	ID       string              `json:"id,omitempty"`
	State    engawa.MessageState `json:"state"`
	Verdict  map[string]any      `json:"verdict"`
	Verdicts []verdictOut        `json:"verdicts"`
	Content  *engawa.Content     `json:"content,omitempty"`
}

func (a *API) showNew(c *call, m store.NewMessage, kept bool) messageOut {
	out := messageOut{State: m.Message.State, Content: &m.Message.Content}
	if kept {
		out.ID, out.Content = m.Message.ID, nil
	}
	var vs []engawa.Verdict
	for _, j := range m.Judged {
		vs = append(vs, j.Verdict)
		out.Verdicts = append(out.Verdicts, a.showVerdict(c, j.Verdict))
	}
	out.Verdict = map[string]any{"outcome": overall(vs)}
	return out
}

// overall is the outcome of the first account that may send, now or later.
func overall(vs []engawa.Verdict) engawa.Outcome {
	for _, v := range vs {
		if v.Outcome != engawa.Refuse {
			return v.Outcome
		}
	}
	return engawa.Refuse
}

func (a *API) listMessages(c *call) (int, any, error) {
	q := c.r.URL.Query()
	p, err := page(c)
	if err != nil {
		return 0, nil, err
	}
	rows, err := a.Store.Messages(c.ctx, c.workspace, store.MessageFilter{
		State: q.Get("state"), Outcome: q.Get("outcome"), Customer: q.Get("customer"), Event: q.Get("event"),
		Destination: q.Get("destination"), Purpose: q.Get("purpose"),
	}, p)
	if err != nil {
		return 0, nil, err
	}
	type row struct {
		ID          string              `json:"id"`
		State       engawa.MessageState `json:"state"`
		Outcome     engawa.Outcome      `json:"outcome"`
		Gate        engawa.Gate         `json:"gate,omitempty"`
		Customer    string              `json:"customer,omitempty"`
		Destination string              `json:"destination,omitempty"`
		Event       string              `json:"event,omitempty"`
		Purpose     engawa.Purpose      `json:"purpose"`
		Subject     string              `json:"subject"`
		CreatedAt   time.Time           `json:"created_at"`
	}
	out := make([]row, len(rows))
	next := ""
	for i, r := range rows {
		m := r.Message
		out[i] = row{m.ID, m.State, r.Outcome, r.Gate, m.Customer, m.Destination, m.Event, m.Purpose, r.Subject, m.CreatedAt}
		next = cursor(m.CreatedAt, m.ID)
	}
	if len(rows) < limitOf(p) {
		next = ""
	}
	return http.StatusOK, map[string]any{"messages": out, "next": next}, nil
}

func (a *API) getMessage(c *call) (int, any, error) {
	said, err := a.Store.Message(c.ctx, c.workspace, c.r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	m := said.Message
	type attemptOut struct {
		N         int                   `json:"n"`
		StartedAt time.Time             `json:"started_at"`
		EndedAt   *time.Time            `json:"ended_at"`
		Outcome   engawa.AttemptOutcome `json:"outcome"`
		Code      string                `json:"code,omitempty"`
		Late      bool                  `json:"late,omitempty"`
		Exchange  engawa.Exchange       `json:"exchange"`
	}
	type deliveryOut struct {
		ID          string               `json:"id"`
		Account     string               `json:"account"`
		Destination string               `json:"destination,omitempty"`
		State       engawa.DeliveryState `json:"state"`
		Note        string               `json:"note,omitempty"`
		DueAt       time.Time            `json:"due_at"`
		DeadlineAt  *time.Time           `json:"deadline_at"`
		ProviderID  string               `json:"provider_id,omitempty"`
		UpdatedAt   time.Time            `json:"updated_at"`
		Verdict     *verdictOut          `json:"verdict,omitempty"`
		Attempts    []attemptOut         `json:"attempts"`
	}
	var vs []engawa.Verdict
	verdicts := []verdictOut{}
	for _, j := range said.Judged {
		vs = append(vs, j.Verdict)
		verdicts = append(verdicts, a.showVerdict(c, j.Verdict))
	}
	deliveries := []deliveryOut{}
	for _, d := range said.Deliveries {
		out := deliveryOut{
			ID: d.ID, Account: d.Account, Destination: d.Destination, State: d.State, Note: d.Note, DueAt: d.DueAt, DeadlineAt: timeOut(d.DeadlineAt),
			ProviderID: d.ProviderID, UpdatedAt: d.UpdatedAt, Attempts: []attemptOut{},
		}
		if d.Verdict != nil {
			v := a.showVerdict(c, *d.Verdict)
			out.Verdict = &v
		}
		for _, at := range said.Attempts {
			if at.Delivery == d.ID {
				out.Attempts = append(out.Attempts, attemptOut{at.N, at.StartedAt, timeOut(at.EndedAt), at.Outcome, at.Code, at.Late, at.Exchange})
			}
		}
		deliveries = append(deliveries, out)
	}
	return http.StatusOK, map[string]any{
		"id": m.ID, "state": m.State, "customer": m.Customer, "destination": m.Destination, "event": m.Event, "route": m.Route, "app": m.App,
		"purpose": m.Purpose, "trigger": m.Trigger, "topic": m.Topic, "locale": m.Locale, "content": m.Content, "erased": said.Erased,
		"created_at": m.CreatedAt, "expires_at": timeOut(m.ExpiresAt), "verdict": map[string]any{"outcome": overall(vs)}, "verdicts": verdicts,
		"deliveries": deliveries,
	}, nil
}

// actOnMessage takes "msg_…:cancel": a path pattern cannot end in a verb.
func (a *API) actOnMessage(c *call) (int, any, error) {
	id, ok := strings.CutSuffix(c.r.PathValue("id"), ":cancel")
	if !ok {
		return 0, nil, engawa.NotFound("action")
	}
	if err := a.Store.Cancel(c.ctx, c.workspace, id); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"id": id, "state": engawa.MessageCanceled}, nil
}

func (a *API) listAccounts(c *call) (int, any, error) {
	accounts, err := a.Store.Accounts(c.ctx, c.workspace)
	out := []map[string]any{}
	for _, ac := range accounts {
		out = append(out, map[string]any{
			"id": ac.ID, "kind": ac.Kind, "name": ac.Name, "environment": ac.Environment, "owner": ac.Owner, "custodian": ac.Custodian, "enabled": ac.Enabled,
		})
	}
	return http.StatusOK, map[string]any{"accounts": out}, err
}

func (a *API) listLanes(c *call) (int, any, error) {
	lanes, err := a.Store.Lanes(c.ctx, c.workspace)
	out := []map[string]any{}
	for _, l := range lanes {
		out = append(out, map[string]any{
			"account": l.Lane.Account, "kind": l.Kind, "name": l.Name, "waiting": l.Waiting, "oldest_due_at": timeOut(l.Oldest),
			"paused_until": timeOut(l.Lane.PausedUntil), "pause_code": l.Lane.PauseCode, "held": l.Lane.Owner != "",
		})
	}
	return http.StatusOK, map[string]any{"lanes": out}, err
}

func (a *API) listTasks(c *call) (int, any, error) {
	tasks, err := a.Store.Tasks(c.ctx, c.workspace, 200)
	out := []map[string]any{}
	for _, k := range tasks {
		out = append(out, map[string]any{
			"id": k.ID, "kind": k.Kind, "ref": k.Ref, "args": k.Args, "count": k.Count, "state": k.State, "due_at": timeOut(k.DueAt), "created_at": k.CreatedAt,
		})
	}
	return http.StatusOK, map[string]any{"tasks": out}, err
}

func (a *API) postConsent(c *call) (int, any, error) {
	var in struct {
		App      string          `json:"app"`
		Act      engawa.Act      `json:"act"`
		Purpose  engawa.Purpose  `json:"purpose"`
		Channel  string          `json:"channel"`
		Topic    string          `json:"topic"`
		Given    *bool           `json:"given"`
		Evidence engawa.Evidence `json:"evidence"`
	}
	if err := decode(c.r, &in); err != nil {
		return 0, nil, err
	}
	switch {
	case in.Given == nil:
		return 0, nil, engawa.Invalid("/given", "say true or false", "it is not said whether the consent is given or withdrawn")
	case in.Act != engawa.ActContact && in.Act != engawa.ActContactNight && in.Act != engawa.ActShareAddress && in.Act != engawa.ActShareUsage:
		return 0, nil, engawa.Invalid("/act", "choose contact, contact_at_night, share_address or share_usage", "%q is not an act", in.Act)
	case *in.Given && (in.Evidence.Wording == "" || in.Evidence.Version == "" || in.Evidence.Where == "" || in.Evidence.How == ""):
		return 0, nil, engawa.Invalid("/evidence", "give wording, version, where and how", "a consent that cannot be proved does not count")
	}
	cn := engawa.Consent{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: c.r.PathValue("id"), Controller: engawa.ControllerWorkspace,
		App: in.App, Act: in.Act, Purpose: in.Purpose, Channel: in.Channel, Topic: in.Topic, Given: *in.Given, At: time.Now(), Evidence: in.Evidence,
	}
	if err := a.Store.Decide(c.ctx, cn); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"id": cn.ID, "given": cn.Given, "at": cn.At.UTC()}, nil
}

func (a *API) listConsents(c *call) (int, any, error) {
	list, err := a.Store.Consents(c.ctx, c.workspace, c.r.PathValue("id"))
	out := []map[string]any{}
	for _, cn := range list {
		out = append(out, map[string]any{
			"id": cn.ID, "controller": cn.Controller, "app": cn.App, "act": cn.Act, "purpose": cn.Purpose, "channel": cn.Channel, "topic": cn.Topic,
			"given": cn.Given, "at": cn.At, "evidence": cn.Evidence,
		})
	}
	return http.StatusOK, map[string]any{"consents": out}, err
}

// Purpose of the tokens in unsubscribe links, and how long they work: longer
// than any law asks for.
const (
	UnsubscribeToken = "unsubscribe"
	UnsubscribeLife  = 180 * 24 * time.Hour
)

// Unsubscribe is what the token of a one-click link says.
type Unsubscribe struct {
	Workspace, Customer, Controller, Message string
	Purpose                                  engawa.Purpose
}

// UnsubscribeURL makes the one-click link of a message below base.
func (a *API) UnsubscribeURL(base string, m engawa.Message) string {
	controller := m.Partner
	if controller == "" {
		controller = engawa.ControllerWorkspace
	}
	b, err := json.Marshal(Unsubscribe{m.Workspace, m.Customer, controller, m.ID, m.Purpose.Class()})
	if err != nil {
		return "" // strings always marshal
	}
	return base + "/u/" + a.Vault.Token(UnsubscribeToken, b, m.CreatedAt.Add(UnsubscribeLife))
}

func (a *API) openUnsubscribe(r *http.Request) (Unsubscribe, error) {
	var u Unsubscribe
	b, err := a.Vault.OpenToken(UnsubscribeToken, r.PathValue("token"), time.Now())
	if err == nil {
		err = json.Unmarshal(b, &u)
	}
	if err != nil {
		return u, engawa.NotFound("link")
	}
	return u, nil
}

// unsubscribe acts on one POST, without sign-in (RFC 8058). Doing it twice does
// no harm.
func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request) {
	u, err := a.openUnsubscribe(r)
	if err == nil {
		err = a.Store.Decide(r.Context(), engawa.Consent{
			Workspace: u.Workspace, ID: engawa.NewID(engawa.PrefixConsent), Customer: u.Customer, Controller: u.Controller, Act: engawa.ActContact,
			Purpose: u.Purpose, Given: false, At: time.Now(),
			Evidence: engawa.Evidence{Wording: "one-click unsubscribe", Version: "1", Where: u.Message, How: "one_click"},
		})
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.unsubscribeAnswer(w, true)
}

// unsubscribePage shows the button; opening a link changes nothing, since mail
// scanners open links.
func (a *API) unsubscribePage(w http.ResponseWriter, r *http.Request) {
	if _, err := a.openUnsubscribe(r); err != nil {
		a.problem(w, r, err)
		return
	}
	a.unsubscribeAnswer(w, false)
}

func (a *API) unsubscribeAnswer(w http.ResponseWriter, done bool) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	unsubscribeHTML.Execute(w, done) //nolint:errcheck // the client went away
}

var unsubscribeHTML = template.Must(template.New("unsubscribe").Parse(`<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>配信停止 · 수신거부 · Unsubscribe</title>
<style>:root{color-scheme:light dark}body{margin:0;font:17px/1.7 system-ui,"Noto Sans JP","Noto Sans KR",sans-serif;background:light-dark(#fbf9f4,#17140f);color:light-dark(#26211a,#ede7db)}main{max-width:34em;margin:12vh auto;padding:0 24px}button{font:inherit;font-weight:600;border:0;border-radius:10px;padding:12px 20px;background:light-dark(#3f6b3a,#8fc087);color:light-dark(#fff,#17140f)}p{margin:.6em 0}</style>
<main>{{if .}}<p>配信を停止しました。</p><p>수신을 중지했습니다.</p><p>You will get no more of these messages.</p>{{else}}<form method="post"><p>この種類のお知らせを今後受け取らないようにします。</p><p>이런 종류의 안내를 더 이상 받지 않습니다.</p><p>Stop messages of this kind.</p><p><button>停止する · 중지하기 · Stop</button></p></form>{{end}}</main></html>`))
