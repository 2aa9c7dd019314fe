package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/broadcast"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/segment"
)

// Broadcasts is the list of what was said to many.
type Broadcasts struct {
	Page
	Rows []BroadcastRow
	Next string
}

// BroadcastRow is one broadcast.
type BroadcastRow struct {
	ID, Name string
	State    engawa.BroadcastState
	Members  int
	Made     int
	At       time.Time
}

// BroadcastForm is a broadcast before it begins, and what would become of it.
type BroadcastForm struct {
	Page
	Name, Segment, Template, Purpose string
	Words                            map[engawa.Locale]engawa.Content
	First, Then                      string // accounts
	NotBefore, ExpiresAt             string
	Segments, Templates, Accounts    []Choice // of Templates the first is none
	Forecast                         *ForecastView
	Problem, Remedy                  string
}

// ForecastView is what would become of a broadcast.
type ForecastView struct {
	Members, Asked             int
	Send, Hold, Refuse, Unmade int
	Why                        []WhyRow
	Use                        []UseRow
	Shown                      []TrialMessage
	Subject, Text              string // as one customer would read it
}

// WhyRow is for how many customers one reason holds or refuses.
type WhyRow struct {
	Outcome     engawa.Outcome
	N           int
	Why, Remedy string
}

// UseRow is how much of an account's quota is used up.
type UseRow struct {
	Account string
	N       int
	Left    []string
}

// Broadcast is one, and how far it has come.
type Broadcast struct {
	Page
	ID, Says, Purpose    string
	State                engawa.BroadcastState
	Members, Made        int
	Unmade               int
	Walked               bool
	Counts               []BroadcastCount
	Words                []SaidIn
	Accounts             []string
	At, From, Until, End time.Time
}

// BroadcastCount is how many messages stand in one state.
type BroadcastCount struct {
	State engawa.MessageState
	N     int
}

// SaidIn are the words in one language.
type SaidIn struct {
	Language, Subject, Text string
}

// Looked is how many customers have their message, or can have none.
func (v Broadcast) Looked() int { return v.Made + v.Unmade }

func (c *console) broadcasts(v *visit) error {
	view := Broadcasts{Page: v.titled("messages", v.T("broadcasts.title"))}
	p := cursor(v.r)
	p.Limit = listed
	all, err := c.Store.Broadcasts(v.ctx(), v.ws(), p)
	for _, b := range all {
		view.Rows = append(view.Rows, BroadcastRow{b.ID, b.Name, b.State, b.Members, b.Made, b.CreatedAt})
	}
	if len(all) == listed {
		view.Next = query("/broadcasts", "after", after(all[listed-1].CreatedAt, all[listed-1].ID))
	}
	if err != nil {
		return err
	}
	return v.show(BroadcastsPage(view))
}

// broadcastForm loads what the form offers.
func (c *console) broadcastForm(v *visit) (BroadcastForm, error) {
	view := BroadcastForm{
		Page: v.titled("messages", v.T("broadcasts.write")), Segment: v.r.URL.Query().Get("segment"), Purpose: string(engawa.Marketing), Words: map[engawa.Locale]engawa.Content{},
		Segments: []Choice{{"", v.T("broadcasts.everybody")}}, Templates: []Choice{{"", v.T("broadcasts.own_words")}},
	}
	segments, err := c.Store.Segments(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, g := range segments {
		view.Segments = append(view.Segments, Choice{g.ID, g.Name})
	}
	templates, err := c.Store.Templates(v.ctx(), v.ws())
	if err != nil {
		return view, err
	}
	for _, t := range templates {
		view.Templates = append(view.Templates, Choice{t.ID, t.Name})
	}
	accounts, err := c.Store.Accounts(v.ctx(), v.ws())
	for _, a := range accounts {
		if k, ok := message.Find(c.Kinds, a.Kind); ok && k.ToCustomers && k.Form == nil && a.Enabled {
			view.Accounts = append(view.Accounts, Choice{a.ID, v.accountWords(a.Kind, a.Name)})
		}
	}
	return view, err
}

func (c *console) newBroadcast(v *visit) error {
	view, err := c.broadcastForm(v)
	if err != nil {
		return err
	}
	return v.show(BroadcastFormPage(view))
}

// startBroadcast shows what would become of the form's broadcast or, with do=start,
// begins it.
func (c *console) startBroadcast(v *visit) error {
	view, err := c.broadcastForm(v)
	if err != nil {
		return err
	}
	view.Name, view.Segment, view.Template, view.Purpose = v.typed("name"), v.typed("segment"), v.typed("template"), v.typed("purpose")
	view.First, view.Then, view.NotBefore, view.ExpiresAt = v.typed("first"), v.typed("then"), v.typed("not_before"), v.typed("expires_at")
	for _, l := range engawa.Locales {
		words := engawa.Content{Subject: v.typed("subject." + string(l)), Text: v.typed("text." + string(l))}
		if words != (engawa.Content{}) {
			view.Words[l] = words
		}
	}
	b, err := c.typedBroadcast(v, view)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeInvalid {
		view.Problem, view.Remedy = v.T("broadcasts.check"), v.wrongBroadcast(told)
		return v.showAs(http.StatusUnprocessableEntity, BroadcastFormPage(view))
	}
	if err != nil {
		return err
	}
	if v.typed("do") != "start" {
		return c.forecast(v, view, b)
	}
	if b.Members, err = c.Store.CountSelected(v.ctx(), segment.Of(v.ws(), b.Body.Where)); err != nil {
		return err
	}
	if err := v.by.AddBroadcast(v.ctx(), b); err != nil {
		return err
	}
	return v.see("/broadcasts/"+b.ID, "broadcast_started")
}

// typedBroadcast is the broadcast that the form asks for.
func (c *console) typedBroadcast(v *visit, view BroadcastForm) (b engawa.Broadcast, err error) {
	b = engawa.Broadcast{
		Workspace: v.ws(), ID: engawa.NewID(engawa.PrefixBroadcast), Name: view.Name, Segment: view.Segment, CreatedBy: "member:" + v.member.ID, CreatedAt: time.Now().UTC(),
		Body: engawa.BroadcastBody{Purpose: engawa.Purpose(view.Purpose), Words: view.Words, Template: view.Template},
	}
	if view.Segment != "" {
		g, err := c.Store.Segment(v.ctx(), v.ws(), view.Segment)
		if err != nil {
			return b, err
		}
		b.Body.Where = g.Where
	}
	if view.Template != "" {
		templates, err := c.Store.Templates(v.ctx(), v.ws())
		i := slices.IndexFunc(templates, func(t engawa.Template) bool { return t.ID == view.Template })
		if err == nil && i < 0 {
			err = engawa.NotFound("template")
		}
		if err != nil {
			return b, err
		}
		b.Body.Words = templates[i].Words
	}
	offered := func(id string) bool {
		return slices.ContainsFunc(view.Accounts, func(a Choice) bool { return a.Value == id })
	}
	if !offered(view.First) {
		return b, engawa.Invalid("/channels", "", "no account was chosen")
	}
	b.Body.Chain = []engawa.Via{{Account: view.First}}
	if view.Then != view.First && offered(view.Then) {
		b.Body.Chain = append(b.Body.Chain, engawa.Via{Account: view.Then})
	}
	if b.Body.NotBefore, err = v.localMoment("/not_before", view.NotBefore); err != nil {
		return b, err
	}
	if b.Body.ExpiresAt, err = v.localMoment("/expires_at", view.ExpiresAt); err != nil {
		return b, err
	}
	return b, broadcast.Check(b, time.Now())
}

// localMoment reads a time of the workspace's zone; empty: none.
func (v *visit) localMoment(field, typed string) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	zone, err := engawa.Zone(v.workspace.Zone)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.ParseInLocation(localMinute, typed, zone)
	if err != nil || at.Before(time.Now().AddDate(-1, 0, 0)) || at.After(time.Now().AddDate(2, 0, 0)) {
		return at, engawa.Invalid(field, "", "it is no time to send at")
	}
	return at.UTC(), nil
}

func (p Page) wrongBroadcast(told *engawa.Error) string {
	for _, field := range []string{"name", "purpose", "words", "channels", "not_before", "expires_at"} {
		if told.Field == "/"+field {
			return p.T("broadcasts.wrong." + field)
		}
	}
	return told.Remedy
}

// forecast shows the form with what would become of its broadcast.
func (c *console) forecast(v *visit, view BroadcastForm, b engawa.Broadcast) error {
	f, err := (&broadcast.Runner{Store: c.Store, Compose: c.Compose}).Look(v.ctx(), b)
	if err != nil {
		return err
	}
	seen := ForecastView{Members: f.Members, Asked: f.Asked, Send: f.Send, Hold: f.Hold, Refuse: f.Refuse, Unmade: f.Unmade}
	for _, w := range f.Why {
		why, remedy := c.Compose.Words.Reason(v.Locale, w.Reason)
		seen.Why = append(seen.Why, WhyRow{w.Outcome, w.N, why, remedy})
	}
	for _, u := range f.Use {
		row := UseRow{Account: labelOf(view.Accounts, u.Account), N: u.N}
		for _, left := range u.Budgets {
			row.Left = append(row.Left, v.T("broadcasts.left", "n", v.Number(left.Remaining), "until", v.Date(left.ResetsAt)))
		}
		seen.Use = append(seen.Use, row)
	}
	for _, m := range f.Shown {
		cu, err := c.Store.Customer(v.ctx(), v.ws(), m.Message.Customer)
		if err != nil {
			return err
		}
		seen.Shown = append(seen.Shown, v.triedMessage(v.customerName(cu), m.Judged))
	}
	if len(f.Shown) > 0 {
		seen.Subject, seen.Text = f.Shown[0].Message.Content.Subject, f.Shown[0].Message.Content.Text
	}
	view.Forecast = &seen
	return v.show(BroadcastFormPage(view))
}

// progressStates are the states of messages in the order in which they are shown.
var progressStates = []engawa.MessageState{
	engawa.MessageSent, engawa.MessageWaiting, engawa.MessageRefused, engawa.MessageFailed, engawa.MessageUnknown, engawa.MessageExpired, engawa.MessageCanceled,
}

func (c *console) broadcast(v *visit) error {
	b, err := c.Store.Broadcast(v.ctx(), v.ws(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := c.Store.BroadcastProgress(v.ctx(), v.ws(), b.ID)
	if err != nil {
		return err
	}
	says, err := c.traitWords(v)
	if err != nil {
		return err
	}
	view := Broadcast{
		Page: v.titled("messages", b.Name), ID: b.ID, Says: says.condition(b.Body.Where), Purpose: v.purposeWords(b.Body.Purpose), State: b.State, Members: b.Members, Made: b.Made,
		Unmade: b.Unmade, Walked: b.Walked, At: b.CreatedAt, From: b.Body.NotBefore, Until: b.Body.ExpiresAt, End: b.EndedAt,
	}
	for _, s := range progressStates {
		if n[s] > 0 || s == engawa.MessageSent || s == engawa.MessageWaiting {
			view.Counts = append(view.Counts, BroadcastCount{s, n[s]})
		}
	}
	for _, via := range b.Body.Chain {
		view.Accounts = append(view.Accounts, says.account(via.Account))
	}
	for _, l := range engawa.Locales {
		if w, ok := b.Body.Words[l]; ok {
			view.Words = append(view.Words, SaidIn{v.T("locale." + string(l)), w.Subject, w.Text})
		}
	}
	return v.show(BroadcastPage(view))
}

func (c *console) pauseBroadcast(v *visit) error {
	return turn(v, v.by.PauseBroadcast, "broadcast_paused")
}

func (c *console) resumeBroadcast(v *visit) error {
	return turn(v, v.by.ResumeBroadcast, "broadcast_resumed")
}

func (c *console) stopBroadcast(v *visit) error {
	return turn(v, v.by.StopBroadcast, "broadcast_stopped")
}

func turn(v *visit, do func(context.Context, string, string) error, done string) error {
	id := v.r.PathValue("id")
	if err := do(v.ctx(), v.ws(), id); err != nil {
		return err
	}
	return v.see("/broadcasts/"+id, done)
}

var broadcastPurposes = []engawa.Purpose{engawa.Marketing, engawa.Notice, engawa.Service}

func broadcastTone(s engawa.BroadcastState) string {
	switch s {
	case engawa.BroadcastRunning, engawa.BroadcastDone:
		return "go"
	case engawa.BroadcastPaused:
		return "wait"
	case engawa.BroadcastStopped:
	}
	return "no"
}
