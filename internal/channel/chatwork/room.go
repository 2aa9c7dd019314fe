package chatwork

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Reasons why a room may not be a destination.
const (
	RoomDirect   = "direct"   // a talk with one person: what the staff must see would reach one of them
	RoomMyChat   = "my_chat"  // nobody but the token's account reads it
	RoomReadOnly = "readonly" // the token's account may not post there
)

// Rooms returns every room of the account with settings s, in Chatwork's order.
// The error is an *engawa.Error in words for the operator.
func Rooms(ctx context.Context, s channel.Settings, env channel.Env) ([]channel.Place, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	var list []struct {
		ID   int64  `json:"room_id"`
		Name string `json:"name"`
		Type string `json:"type"`
		Role string `json:"role"`
	}
	if _, err := a.ask(ctx, "/rooms", &list); err != nil {
		return nil, err
	}
	rooms := make([]channel.Place, len(list))
	for i, r := range list {
		rooms[i] = channel.Place{Address: engawa.Address(strconv.FormatInt(r.ID, 10)), Name: r.Name, Refused: refusal(r.Type, r.Role)}
	}
	return rooms, nil
}

func refusal(kind, role string) string {
	switch {
	case kind == "direct":
		return RoomDirect
	case kind == "my":
		return RoomMyChat
	case role == "readonly":
		return RoomReadOnly
	}
	return ""
}

// who asks in whose name the token speaks.
func who(ctx context.Context, s channel.Settings, env channel.Env) (channel.Who, error) {
	a, err := connect(s, env)
	if err != nil {
		return channel.Who{}, err
	}
	var me struct {
		Name string `json:"name"`
	}
	seen, err := a.ask(ctx, "/me", &me)
	return channel.Who{Name: me.Name, Seen: seen}, err
}

// people lists the members of a room.
func people(ctx context.Context, s channel.Settings, env channel.Env, room engawa.Address) ([]channel.Person, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	var list []struct {
		ID   int64  `json:"account_id"`
		Name string `json:"name"`
	}
	if _, err := a.ask(ctx, "/rooms/"+url.PathEscape(room.Reveal())+"/members", &list); err != nil {
		return nil, err
	}
	out := make([]channel.Person, len(list))
	for i, m := range list {
		out[i] = channel.Person{ID: strconv.FormatInt(m.ID, 10), Name: m.Name}
	}
	return out, nil
}

// Probe asks who the token is.
func (a *account) Probe(ctx context.Context) error {
	_, err := a.ask(ctx, "/me", &struct{}{})
	return err
}

// ask reads what the operator wants to know into v; the error is in words for them.
func (a *account) ask(ctx context.Context, path string, v any) ([]channel.Seen, error) {
	ans, se := a.call(ctx, http.MethodGet, path, nil)
	if se == nil && json.Unmarshal(ans.body, v) != nil {
		se = &channel.SendError{Class: channel.Again, Code: "answer", Err: errors.New("the answer is not what the manual says")}
	}
	if se != nil {
		return ans.seen, told(se)
	}
	return ans.seen, nil
}

// told puts a failed question into words for the operator.
func told(se *channel.SendError) *engawa.Error {
	if se.Class == channel.AccountClosed {
		return engawa.Invalid("/settings/token", "issue a new API token in Chatwork and paste it", "Chatwork does not accept this token")
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "Chatwork could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}
