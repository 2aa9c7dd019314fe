package api

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

// TaskOut is a task as it is shown.
type TaskOut struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Title     string            `json:"title" doc:"What is to be done, in the language that was asked for"`
	Help      string            `json:"help" doc:"How; may be empty"`
	Ref       string            `json:"ref" doc:"The id it is about"`
	Source    string            `json:"source" doc:"What raised it: an id, or who"`
	Args      map[string]string `json:"args"`
	Count     int               `json:"count" doc:"How often it was raised"`
	Assignee  string            `json:"assignee" doc:"A member; empty: nobody has taken it"`
	State     string            `json:"state" enum:"open,done"`
	Overdue   bool              `json:"overdue"`
	DueAt     *time.Time        `json:"due_at"`
	CreatedAt time.Time         `json:"created_at"`
	RaisedAt  time.Time         `json:"raised_at" doc:"The last time"`
	DoneAt    *time.Time        `json:"done_at"`
	DoneBy    string            `json:"done_by"`
}

func (a *API) showTask(l engawa.Locale, k engawa.Task) TaskOut {
	title, help := a.Words.For(l, nil).TaskWords(k)
	args := map[string]string{}
	for name, value := range k.Args {
		if !strings.HasPrefix(name, engawa.TypeExactly) {
			args[name] = value
		}
	}
	return TaskOut{
		k.ID, k.Kind, title, help, k.Ref, k.Source, args, k.Count, k.Assignee, k.State, k.Overdue(time.Now()), utc(k.DueAt), k.CreatedAt.UTC(), k.RaisedAt.UTC(), utc(k.DoneAt), k.DoneBy,
	}
}

type tasksIn struct {
	Paging
	State      string `query:"state" enum:"open,done"`
	Assignee   string `query:"assignee" maxLength:"64" doc:"A member"`
	Unassigned bool   `query:"unassigned" doc:"Those that nobody has taken"`
	Overdue    bool   `query:"overdue" doc:"Open ones whose time is over"`
	Kind       string `query:"kind" maxLength:"100"`
	Source     string `query:"source" maxLength:"80" doc:"What raised it: an id, or a sort: msg, evt, rte, acc, cus, member, key"`
	Sort       string `query:"sort" enum:"newest,oldest,due" default:"newest" doc:"due: the nearest first, those for some day at the end. A cursor belongs to one sort"`
}

type taskList struct {
	Tasks []TaskOut `json:"tasks"`
	Next  string    `json:"next"`
}

func (a *API) listTasks(ctx context.Context, c *call, in *tasksIn) (taskList, error) {
	p, err := in.page(engawa.PrefixTask)
	if err != nil {
		return taskList{}, err
	}
	f := store.TaskFilter{
		State: in.State, Assignee: in.Assignee, Unassigned: in.Unassigned, Overdue: in.Overdue, Kind: in.Kind, Source: in.Source,
		Order: store.TaskOrder(strings.TrimPrefix(in.Sort, "newest")),
	}
	all, err := a.Store.TaskPage(ctx, c.workspace, f, p)
	out := taskList{Tasks: shown(all, func(k engawa.Task) TaskOut { return a.showTask(c.locale, k) })}
	if len(all) > 0 {
		at, id := f.After(all[len(all)-1])
		out.Next = in.next(len(all), at, id)
	}
	return out, err
}

type taskIn struct {
	One
	Texts bool `query:"texts" doc:"Shows what is to be typed; asks for the scope addresses:read, and every such reading is recorded"`
}

type taskLine struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Act    string    `json:"act" enum:"assign,due,note,finish,reopen"`
	Detail string    `json:"detail" doc:"The new assignee or due time"`
	Text   string    `json:"text" doc:"Of a note; empty where it was erased with its customer"`
}

type taskText struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Text  string `json:"text" doc:"Empty, unless texts=true was asked and allowed"`
}

type taskStory struct {
	TaskOut

	ToType  []taskText `json:"to_type" doc:"What a person types into another system, exactly so"`
	History []taskLine `json:"history" doc:"Oldest first"`
}

func (a *API) getTask(ctx context.Context, c *call, in *taskIn) (taskStory, error) {
	story, err := a.Store.Task(ctx, c.workspace, in.ID)
	if err == nil && in.Texts {
		if err = c.who.Require(access.AddressesRead); err == nil {
			err = a.Store.Note(ctx, store.Audit{Workspace: c.workspace, Actor: c.actor(), Action: "read-task-texts", Object: in.ID})
		}
	}
	if err != nil {
		return taskStory{}, err
	}
	out := taskStory{
		TaskOut: a.showTask(c.locale, story.Task), ToType: []taskText{},
		History: shown(story.Lines, func(l store.TaskLine) taskLine { return taskLine{l.At.UTC(), l.Actor, l.Act, l.Detail, l.Text} }),
	}
	for _, name := range story.ToType() {
		row := taskText{Name: name, Label: a.Words.For(c.locale, nil).TypeLabel(name)}
		if in.Texts {
			row.Text = story.Args[engawa.TypeExactly+name]
		}
		out.ToType = append(out.ToType, row)
	}
	return out, nil
}

type typedIn struct {
	Name string `json:"name" minLength:"1" maxLength:"60" doc:"mail, name, kana, phone, company, id, text, or any other"`
	Text string `json:"text" minLength:"1" maxLength:"2000"`
}

type taskNew struct {
	Body struct {
		Title    string     `json:"title" minLength:"1" maxLength:"200" doc:"What is to be done"`
		Text     string     `json:"text,omitempty" maxLength:"4000" doc:"How"`
		Source   string     `json:"source,omitempty" pattern:"^(msg|evt|rte|acc|cus)_[0-9a-z_]{1,60}$" doc:"What it is about, for the link; without it, who raised it"`
		Customer string     `json:"customer,omitempty" maxLength:"64" doc:"Whose personal data is to be typed; it is erased with the customer"`
		ToType   []typedIn  `json:"to_type,omitempty" maxItems:"20" doc:"What a person types into another system, exactly so"`
		Assignee string     `json:"assignee,omitempty" maxLength:"64"`
		DueAt    *time.Time `json:"due_at,omitempty"`
	}
}

func (a *API) addTask(ctx context.Context, c *call, in *taskNew) (taskStory, error) {
	b := in.Body
	id := engawa.NewID(engawa.PrefixTask)
	k := engawa.Task{
		Workspace: c.workspace, ID: id, Kind: engawa.TaskByHand, Ref: id, Source: cmp.Or(b.Source, c.actor()), Customer: b.Customer, Assignee: b.Assignee,
		Args: map[string]string{"title": b.Title, "text": b.Text},
	}
	if b.DueAt != nil {
		k.DueAt = b.DueAt.UTC()
	}
	for _, t := range b.ToType {
		k.Args[engawa.TypeExactly+t.Name] = t.Text
	}
	if err := c.store.Raise(ctx, k); err != nil {
		return taskStory{}, err
	}
	return a.getTask(ctx, c, &taskIn{One: One{id}})
}

type taskAssign struct {
	One
	Body struct {
		Assignee string `json:"assignee" maxLength:"64" doc:"A member with the role support or above; empty: nobody"`
	}
}

func (a *API) assignTask(ctx context.Context, c *call, in *taskAssign) (taskStory, error) {
	return a.changedTask(ctx, c, in.ID, c.store.AssignTask(ctx, c.workspace, in.ID, in.Body.Assignee))
}

type taskMove struct {
	One
	Body struct {
		DueAt *time.Time `json:"due_at" required:"true" nullable:"true" doc:"null: some day"`
	}
}

func (a *API) changeTask(ctx context.Context, c *call, in *taskMove) (taskStory, error) {
	due := time.Time{}
	if in.Body.DueAt != nil {
		due = in.Body.DueAt.UTC()
	}
	return a.changedTask(ctx, c, in.ID, c.store.MoveTask(ctx, c.workspace, in.ID, due))
}

type taskNote struct {
	One
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"4000"`
	}
}

func (a *API) noteTask(ctx context.Context, c *call, in *taskNote) (taskStory, error) {
	return a.changedTask(ctx, c, in.ID, c.store.NoteTask(ctx, c.workspace, in.ID, in.Body.Text))
}

type taskWord struct {
	One
	Body *taskWordBody
}

type taskWordBody struct {
	Note string `json:"note,omitempty" maxLength:"4000" doc:"What was done, or why it is open again"`
}

func (in taskWord) note() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Note
}

func (a *API) finishTask(ctx context.Context, c *call, in *taskWord) (taskStory, error) {
	return a.changedTask(ctx, c, in.ID, c.store.FinishTask(ctx, c.workspace, in.ID, in.note()))
}

func (a *API) reopenTask(ctx context.Context, c *call, in *taskWord) (taskStory, error) {
	return a.changedTask(ctx, c, in.ID, c.store.ReopenTask(ctx, c.workspace, in.ID, in.note()))
}

// changedTask is the task after what was done to it, if it could be done.
func (a *API) changedTask(ctx context.Context, c *call, id string, err error) (taskStory, error) {
	if err != nil {
		return taskStory{}, err
	}
	return a.getTask(ctx, c, &taskIn{One: One{id}})
}

type keyOut struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	Member    string     `json:"member,omitempty" doc:"Whose role narrows it"`
	App       string     `json:"app,omitempty" doc:"Whose devices carry it"`
	Partner   string     `json:"partner,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	EndsAt    time.Time  `json:"ends_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	UsedAt    *time.Time `json:"used_at" doc:"The beginning of the day of its last use, by UTC; null: never"`
}

type keyList struct {
	Keys []keyOut `json:"keys" doc:"Newest first, revoked ones too"`
	Next string   `json:"next"`
}

func showKey(k store.APIKey) keyOut {
	return keyOut{k.ID, k.Name, k.Scopes, k.Member, k.App, k.Partner, k.CreatedAt.UTC(), k.EndsAt.UTC(), utc(k.RevokedAt), utc(k.UsedAt)}
}

func (a *API) listKeys(ctx context.Context, c *call, in *Paging) (keyList, error) {
	all, err := a.Store.Keys(ctx, c.workspace)
	keys, next, err := part(*in, "", all, err, func(k store.APIKey) string { return k.ID }, showKey)
	return keyList{keys, next}, err
}

type keyIn struct {
	Body struct {
		Name   string     `json:"name" minLength:"1" maxLength:"200"`
		Scopes []string   `json:"scopes" minItems:"1" maxItems:"32" maxLength:"64" doc:"None that the asking key lacks"`
		EndsAt *time.Time `json:"ends_at,omitempty" doc:"A year from now if missing, and at most"`
	}
}

type keyMade struct {
	ID     string    `json:"id"`
	Key    string    `json:"key" doc:"The key itself: shown once"`
	Name   string    `json:"name"`
	Scopes []string  `json:"scopes"`
	EndsAt time.Time `json:"ends_at"`
}

// addKey makes a key that can do no more than the one that asks for it.
func (a *API) addKey(ctx context.Context, c *call, in *keyIn) (keyMade, error) {
	b := in.Body
	if err := access.CheckScopes(b.Scopes, false); err != nil {
		return keyMade{}, err
	}
	for _, s := range b.Scopes {
		if err := a.mayGive(c, s); err != nil {
			return keyMade{}, err
		}
	}
	k, text := access.NewKey("live")
	var err error
	if k.ExpiresAt, err = endOf(k, b.EndsAt); err != nil {
		return keyMade{}, err
	}
	k.Scopes = b.Scopes
	row := k.Row(c.workspace, b.Name)
	row.Member = c.who.Member
	if err := c.store.AddKey(ctx, row); err != nil {
		return keyMade{}, err
	}
	return keyMade{k.ID, text.Reveal(), b.Name, b.Scopes, k.ExpiresAt.UTC()}, nil
}

// endOf is when a new key ends that is asked to end at some time.
func endOf(k access.Key, asked *time.Time) (time.Time, error) {
	if asked == nil {
		return k.ExpiresAt, nil
	}
	if !asked.After(k.CreatedAt) || asked.After(k.ExpiresAt) {
		return k.ExpiresAt, engawa.Invalid("/ends_at", "choose an end from now until "+k.ExpiresAt.UTC().Format(time.RFC3339)+", a year from now",
			"a key cannot end at %s", asked.UTC().Format(time.RFC3339))
	}
	return asked.UTC(), nil
}

func (a *API) mayGive(c *call, scope string) error {
	if len(c.who.Scopes) == 1 && c.who.Scopes[0] == access.All {
		return nil
	}
	if scope == access.All {
		return &engawa.Error{Code: engawa.CodeForbidden, Field: "/scopes", Message: "this key does not have every scope itself", Remedy: "name scopes that it has, or use a key with *"}
	}
	return c.who.Require(access.Scope(scope))
}

type keyRevoked struct {
	ID string `json:"id"`
}

// revokeKey ends a key; other nodes forget it within seconds.
func (a *API) revokeKey(ctx context.Context, c *call, in *One) (keyRevoked, error) {
	if err := c.store.RevokeKey(ctx, c.workspace, in.ID); err != nil {
		return keyRevoked{}, err
	}
	a.callers.drop(in.ID)
	return keyRevoked{in.ID}, nil
}
