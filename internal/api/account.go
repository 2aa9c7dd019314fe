package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

type fieldOut struct {
	Key      string            `json:"key"`
	Type     channel.FieldType `json:"type" enum:"text,secret,number,bool,url,host,mail,choice,pem,lines,own,input,pick,app"`
	Name     string            `json:"name" doc:"In the language of Accept-Language"`
	Help     string            `json:"help,omitempty"`
	Required bool              `json:"required"`
	Secret   bool              `json:"secret" doc:"Write-only"`
	Default  string            `json:"default,omitempty"`
	Choices  []string          `json:"choices,omitempty"`
}

type kindOut struct {
	Name         string     `json:"name" example:"mail"`
	Sends        bool       `json:"sends"`
	ToCustomers  bool       `json:"to_customers"`
	ToStaff      bool       `json:"to_staff"`
	Relationship string     `json:"relationship,omitempty" doc:"What must hold between sender and recipient"`
	Disclosure   bool       `json:"disclosure" doc:"Forbids automatic messages that were not announced"`
	Fields       []fieldOut `json:"fields" doc:"The settings of an account of this kind"`
}

type kindList struct {
	Kinds []kindOut `json:"kinds"`
}

func (a *API) listKinds(_ context.Context, c *call, _ *struct{}) (kindList, error) {
	out := kindList{}
	for _, k := range a.Kinds {
		kind := kindOut{Name: k.Name, Sends: k.New != nil, ToCustomers: k.ToCustomers, ToStaff: k.ToStaff, Relationship: k.Relationship, Disclosure: k.Disclosure}
		for _, f := range k.Fields {
			kind.Fields = append(kind.Fields, a.showField(c, k, f))
		}
		out.Kinds = append(out.Kinds, kind)
	}
	return out, nil
}

func (a *API) showField(c *call, k channel.Kind, f channel.Field) fieldOut {
	key := "kind." + k.Name + "." + f.Key
	out := fieldOut{Key: f.Key, Type: f.Type, Name: a.Words.T(c.locale, key), Required: f.Required, Secret: f.Type.Secret(), Default: f.Default, Choices: f.Choices}
	if a.Words.Has(key + ".help") {
		out.Help = a.Words.T(c.locale, key+".help")
	}
	return out
}

type accountOut struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Name        string            `json:"name"`
	Environment string            `json:"environment" enum:"production,sandbox"`
	Owner       string            `json:"owner" doc:"workspace, other, or a partner's id"`
	Custodian   string            `json:"custodian" doc:"Who holds the provider-side admin rights"`
	Enabled     bool              `json:"enabled"`
	Settings    map[string]string `json:"settings" doc:"Without secrets"`
	Secrets     []string          `json:"secrets" doc:"Which secrets are on file"`
	Version     int64             `json:"version" doc:"Counts the changes; a change names the one it was made on"`
	CreatedAt   time.Time         `json:"created_at"`
	Doubt       channel.Doubt     `json:"doubt,omitempty" enum:"unasked,refused" doc:"Only where settings were saved that nobody said work: the provider did not answer when it was asked, or does not take them and does not say which"`
}

func (a *API) showAccount(ac engawa.Account) accountOut {
	out := accountOut{
		ID: ac.ID, Kind: ac.Kind, Name: ac.Name, Environment: ac.Environment, Owner: ac.Owner, Custodian: ac.Custodian, Enabled: ac.Enabled,
		Settings: map[string]string{}, Version: ac.Version, CreatedAt: ac.CreatedAt.UTC(),
	}
	kind, _ := a.kind(ac.Kind)
	for _, f := range kind.Fields {
		v, ok := ac.Settings[f.Key]
		switch {
		case !ok || v == "":
		case f.Type.Secret():
			out.Secrets = append(out.Secrets, f.Key)
		default:
			out.Settings[f.Key] = v
		}
	}
	return out
}

func (a *API) kind(name string) (channel.Kind, bool) {
	i := slices.IndexFunc(a.Kinds, func(k channel.Kind) bool { return k.Name == name })
	if i < 0 {
		return channel.Kind{}, false
	}
	return a.Kinds[i], true
}

type accountList struct {
	Accounts []accountOut `json:"accounts"`
	Next     string       `json:"next"`
}

func (a *API) listAccounts(ctx context.Context, c *call, in *Paging) (accountList, error) {
	all, err := a.Store.Accounts(ctx, c.workspace)
	accounts, next, err := part(*in, engawa.PrefixAccount, all, err, func(ac engawa.Account) string { return ac.ID }, a.showAccount)
	return accountList{accounts, next}, err
}

func (a *API) getAccount(ctx context.Context, c *call, in *One) (accountOut, error) {
	ac, err := a.Store.Account(ctx, c.workspace, in.ID)
	return a.showAccount(ac), err
}

// settingsIn are settings by field key.
type settingsIn map[string]string

// maxSetting is enough for a chain of certificates.
const maxSetting = 64 << 10

// TransformSchema is for huma.
func (settingsIn) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.MaxProperties = new(64)
	s.AdditionalProperties = &huma.Schema{Type: huma.TypeString, MaxLength: new(maxSetting)}
	return s
}

type accountIn struct {
	Body struct {
		Kind        string     `json:"kind" maxLength:"64"`
		Name        string     `json:"name" minLength:"1" maxLength:"200"`
		Environment string     `json:"environment,omitempty" enum:"production,sandbox" default:"production" doc:"Of a kind with a setting of this name the setting counts"`
		Owner       string     `json:"owner,omitempty" maxLength:"64" default:"workspace" doc:"workspace, other, or a partner's id"`
		Custodian   string     `json:"custodian,omitempty" maxLength:"200"`
		Enabled     *bool      `json:"enabled,omitempty" doc:"True if not said, but for a list form, which nobody promised to work"`
		Settings    settingsIn `json:"settings,omitempty" doc:"By field key; GET /v1/kinds lists the fields"`
	}
}

func (a *API) addAccount(ctx context.Context, c *call, in *accountIn) (accountOut, error) {
	b := in.Body
	ac := engawa.Account{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixAccount), Kind: b.Kind, Name: b.Name, Environment: b.Environment, Owner: b.Owner,
		Custodian: b.Custodian, Enabled: b.Enabled == nil || *b.Enabled, Version: 1, CreatedAt: time.Now().UTC(),
	}
	var err error
	var doubt channel.Doubt
	if ac.Settings, doubt, err = a.settings(ctx, c.workspace, ac.Kind, b.Settings); err != nil {
		return accountOut{}, err
	}
	kind, _ := a.kind(ac.Kind)
	ac.Environment = kind.Environment(ac.Settings, b.Environment)
	if kind.Form != nil {
		ac.Enabled = b.Enabled != nil && *b.Enabled // nobody promised that it works: off until somebody wants it
	}
	if err := a.checkOwner(ctx, ac); err != nil {
		return accountOut{}, err
	}
	if err := c.store.AddAccount(ctx, ac); err != nil {
		return accountOut{}, err
	}
	out := a.showAccount(ac)
	out.Doubt = doubt
	return out, nil
}

// settings checks what was given and asks the provider, where it can be asked.
func (a *API) settings(ctx context.Context, workspace, name string, given map[string]string) (channel.Settings, channel.Doubt, error) {
	kind, ok := a.kind(name)
	if !ok {
		return nil, channel.NoDoubt, engawa.Invalid("/kind", "choose one of GET /v1/kinds", "%q is no kind of account", clip(name, 80))
	}
	doubt, err := kind.Try(ctx, given, a.Intake.Env)
	if err != nil {
		return nil, doubt, err
	}
	if field, id := kind.App(given); id != "" {
		if _, err := a.app(ctx, workspace, id); notFound(err) {
			return nil, doubt, engawa.Invalid("/settings/"+field, "name an app of this workspace; GET /v1/apps lists them", "%q is no app of this workspace", clip(id, 80))
		} else if err != nil {
			return nil, doubt, err
		}
	}
	out, err := kind.Check(given)
	return out, doubt, err
}

func (a *API) checkOwner(ctx context.Context, ac engawa.Account) error {
	if ac.Owner == engawa.OwnerWorkspace || ac.Owner == engawa.OwnerOther {
		return nil
	}
	_, err := a.partner(ctx, ac.Workspace, ac.Owner)
	if notFound(err) {
		return engawa.Invalid("/owner", "write workspace, other, or a partner's id", "%q is no partner of this workspace", clip(ac.Owner, 80))
	}
	return err
}

type accountChange struct {
	One
	Body struct {
		Version     int64      `json:"version" minimum:"1" doc:"The version that was read; another means that somebody else changed it meanwhile"`
		Name        *string    `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Environment *string    `json:"environment,omitempty" enum:"production,sandbox" doc:"Of a kind with a setting of this name the setting counts"`
		Owner       *string    `json:"owner,omitempty" maxLength:"64"`
		Custodian   *string    `json:"custodian,omitempty" maxLength:"200"`
		Enabled     *bool      `json:"enabled,omitempty"`
		Settings    settingsIn `json:"settings,omitempty" doc:"Only what changes; an empty text takes a setting away"`
	}
}

func (a *API) changeAccount(ctx context.Context, c *call, in *accountChange) (accountOut, error) {
	ac, err := a.Store.Account(ctx, c.workspace, in.ID)
	if err != nil {
		return accountOut{}, err
	}
	b := in.Body
	set(&ac.Name, b.Name)
	set(&ac.Environment, b.Environment)
	set(&ac.Owner, b.Owner)
	set(&ac.Custodian, b.Custodian)
	set(&ac.Enabled, b.Enabled)
	merged := map[string]string{}
	maps.Copy(merged, ac.Settings)
	maps.Copy(merged, b.Settings)
	var doubt channel.Doubt
	if ac.Settings, doubt, err = a.settings(ctx, c.workspace, ac.Kind, merged); err != nil {
		return accountOut{}, err
	}
	kind, _ := a.kind(ac.Kind)
	ac.Environment = kind.Environment(ac.Settings, ac.Environment)
	if err := a.checkOwner(ctx, ac); err != nil {
		return accountOut{}, err
	}
	ac.Version = b.Version
	if err := c.store.ChangeAccount(ctx, ac); err != nil {
		return accountOut{}, err
	}
	ac.Version++
	out := a.showAccount(ac)
	out.Doubt = doubt
	return out, nil
}

// set replaces what a change names.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

type accountTest struct {
	One
	Body struct {
		Destination string `json:"destination" maxLength:"64" doc:"A staff place that this account reaches"`
	}
}

// testAccount sends a test to a staff place, through verdict and lane like any
// message; GET /v1/messages/{id} shows the exact request and answer.
func (a *API) testAccount(ctx context.Context, c *call, in *accountTest) (messageAccepted, error) {
	ac, err := a.Store.Account(ctx, c.workspace, in.ID)
	if err != nil {
		return messageAccepted{}, err
	}
	d, err := a.destination(ctx, c.workspace, in.Body.Destination)
	if err == nil && d.Account != ac.ID {
		err = engawa.Invalid("/destination", "choose a destination of this account, or make one", "this destination is reached over another account")
	}
	if err != nil {
		return messageAccepted{}, err
	}
	ms, err := a.Compose.Accept(ctx, c.workspace, []message.Request{{
		Workspace: c.workspace, Member: c.who.Member, Destination: d.ID, Purpose: engawa.Service, Trigger: engawa.ByUser, Chain: []engawa.Via{{Account: ac.ID}}, Urgent: true,
		Content: engawa.Content{
			Subject: a.Words.T(d.Locale, "account.test.subject"),
			Text:    a.Words.T(d.Locale, "account.test.body", "account", ac.Name, "member", c.actor()),
		},
	}})
	if err != nil {
		return messageAccepted{}, err
	}
	return messageAccepted{ms[0].Message.ID, ms[0].Message.State, overall(ms[0].Judged), a.showJudged(c, ms[0].Judged)}, nil
}

type destinationOut struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Account   string        `json:"account"`
	Address   string        `json:"address" doc:"Masked"`
	Locale    engawa.Locale `json:"locale"`
	CreatedAt time.Time     `json:"created_at"`
}

func showDestination(d engawa.Destination) destinationOut {
	return destinationOut{d.ID, d.Name, d.Account, d.Address.String(), d.Locale, d.CreatedAt.UTC()}
}

type destinationList struct {
	Destinations []destinationOut `json:"destinations"`
	Next         string           `json:"next"`
}

func (a *API) listDestinations(ctx context.Context, c *call, in *Paging) (destinationList, error) {
	all, err := a.Store.Destinations(ctx, c.workspace)
	place := func(d engawa.Destination) (time.Time, string) { return d.CreatedAt, d.ID }
	destinations, next, err := partAfter(*in, engawa.PrefixDestination, all, err, place, showDestination)
	return destinationList{destinations, next}, err
}

// destination returns one staff place.
func (a *API) destination(ctx context.Context, workspace, id string) (engawa.Destination, error) {
	all, err := a.Store.Destinations(ctx, workspace)
	return pick(all, err, "destination", func(d engawa.Destination) bool { return d.ID == id })
}

// pick returns the one row of a short list, or CodeNotFound.
func pick[T any](all []T, err error, what string, is func(T) bool) (T, error) {
	i := slices.IndexFunc(all, is)
	if err == nil && i < 0 {
		err = engawa.NotFound(what)
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[i], nil
}

func (a *API) getDestination(ctx context.Context, c *call, in *One) (destinationOut, error) {
	d, err := a.destination(ctx, c.workspace, in.ID)
	return showDestination(d), err
}

type destinationIn struct {
	Body struct {
		Name    string        `json:"name" minLength:"1" maxLength:"200"`
		Account string        `json:"account" maxLength:"64" doc:"The account that reaches it"`
		Address string        `json:"address" minLength:"1" maxLength:"512" doc:"A mailbox, a room, an endpoint: what the account's kind takes"`
		Locale  engawa.Locale `json:"locale,omitempty" enum:"ja,ko,en" default:"ja"`
	}
}

func (a *API) addDestination(ctx context.Context, c *call, in *destinationIn) (destinationOut, error) {
	b := in.Body
	ac, err := a.Store.Account(ctx, c.workspace, b.Account)
	if err != nil {
		return destinationOut{}, err
	}
	kind, _ := a.kind(ac.Kind)
	if !kind.ToStaff || kind.Address == nil {
		return destinationOut{}, engawa.Invalid("/account", "choose an account that sends to staff", "an account of the kind %s reaches no staff place", ac.Kind)
	}
	address, err := kind.Address(b.Address)
	if err == nil {
		err = kind.TryPlace(ctx, ac.Settings, a.Intake.Env, address)
	}
	if err != nil {
		return destinationOut{}, err
	}
	d := engawa.Destination{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixDestination), Name: b.Name, Account: ac.ID, Address: address, Locale: b.Locale, CreatedAt: time.Now().UTC(),
	}
	return showDestination(d), c.store.AddDestination(ctx, d)
}

type ended struct {
	ID string `json:"id"`
}

func (a *API) endDestination(ctx context.Context, c *call, in *One) (ended, error) {
	return ended{in.ID}, c.store.EndDestination(ctx, c.workspace, in.ID)
}

type laneOut struct {
	Account     string     `json:"account"`
	Kind        string     `json:"kind"`
	Name        string     `json:"name"`
	Waiting     int        `json:"waiting"`
	OldestDueAt *time.Time `json:"oldest_due_at"`
	Unknown     int        `json:"unknown" doc:"Deliveries whose outcome nobody knows"`
	HandedHour  int        `json:"handed_hour" doc:"Handed over in the last hour"`
	PausedUntil *time.Time `json:"paused_until"`
	PauseCode   string     `json:"pause_code"`
	Held        bool       `json:"held" doc:"A node is at it"`
}

type laneList struct {
	Lanes []laneOut `json:"lanes"`
	Next  string    `json:"next"`
}

func showLane(l store.LaneUse) laneOut {
	return laneOut{
		l.Lane.Account, l.Kind, l.Name, l.Waiting, utc(l.Oldest), l.Unknown, l.HandedHour, utc(l.Lane.PausedUntil), l.Lane.PauseCode, l.Lane.Owner != "",
	}
}

func (a *API) listLanes(ctx context.Context, c *call, in *Paging) (laneList, error) {
	all, err := a.Store.Lanes(ctx, c.workspace)
	lanes, next, err := part(*in, engawa.PrefixAccount, all, err, func(l store.LaneUse) string { return l.Lane.Account }, showLane)
	return laneList{lanes, next}, err
}

type laneResumed struct {
	Account string `json:"account"`
}

func (a *API) resumeLane(ctx context.Context, c *call, in *One) (laneResumed, error) {
	if _, err := a.Store.Account(ctx, c.workspace, in.ID); err != nil {
		return laneResumed{}, err
	}
	if err := c.store.Pause(ctx, c.workspace, in.ID, time.Time{}, ""); err != nil {
		return laneResumed{}, err
	}
	return laneResumed{in.ID}, nil
}
