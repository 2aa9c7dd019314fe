package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/store"
)

type taskOut struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Ref       string            `json:"ref" doc:"The id it is about"`
	Args      map[string]string `json:"args"`
	Count     int               `json:"count" doc:"How often it was raised"`
	Assignee  string            `json:"assignee"`
	State     string            `json:"state" enum:"open,done"`
	DueAt     *time.Time        `json:"due_at"`
	CreatedAt time.Time         `json:"created_at"`
	DoneAt    *time.Time        `json:"done_at"`
	DoneBy    string            `json:"done_by"`
}

type tasksIn struct {
	Paging
	State string `query:"state" enum:"open,done"`
}

type taskList struct {
	Tasks []taskOut `json:"tasks" doc:"Newest first"`
	Next  string    `json:"next"`
}

func (a *API) listTasks(ctx context.Context, c *call, in *tasksIn) (taskList, error) {
	p, err := in.page(engawa.PrefixTask)
	if err != nil {
		return taskList{}, err
	}
	all, err := a.Store.TaskPage(ctx, c.workspace, store.TaskFilter{State: in.State}, p)
	out := taskList{Tasks: make([]taskOut, len(all))}
	for i, k := range all {
		out.Tasks[i] = taskOut{k.ID, k.Kind, k.Ref, k.Args, k.Count, k.Assignee, k.State, utc(k.DueAt), k.CreatedAt.UTC(), utc(k.DoneAt), k.DoneBy}
		out.Next = in.next(len(all), k.CreatedAt, k.ID)
	}
	return out, err
}

type taskFinished struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"done"`
}

func (a *API) finishTask(ctx context.Context, c *call, in *One) (taskFinished, error) {
	return taskFinished{in.ID, "done"}, c.store.FinishTask(ctx, c.workspace, in.ID, "")
}

type keyOut struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	Member    string     `json:"member,omitempty" doc:"Whose role narrows it"`
	Partner   string     `json:"partner,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	EndsAt    time.Time  `json:"ends_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

type keyList struct {
	Keys []keyOut `json:"keys" doc:"Newest first, revoked ones too"`
	Next string   `json:"next"`
}

func showKey(k store.APIKey) keyOut {
	return keyOut{k.ID, k.Name, k.Scopes, k.Member, k.Partner, k.CreatedAt.UTC(), k.EndsAt.UTC(), utc(k.RevokedAt)}
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
	if b.EndsAt != nil {
		if !b.EndsAt.After(k.CreatedAt) || b.EndsAt.After(k.ExpiresAt) {
			return keyMade{}, engawa.Invalid("/ends_at", "choose an end from now until "+k.ExpiresAt.UTC().Format(time.RFC3339)+", a year from now",
				"a key cannot end at %s", b.EndsAt.UTC().Format(time.RFC3339))
		}
		k.ExpiresAt = b.EndsAt.UTC()
	}
	row := keyRow(k, c.workspace, b.Name, b.Scopes)
	row.Member = c.who.Member
	if err := c.store.AddKey(ctx, row); err != nil {
		return keyMade{}, err
	}
	return keyMade{k.ID, text.Reveal(), b.Name, b.Scopes, k.ExpiresAt.UTC()}, nil
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
