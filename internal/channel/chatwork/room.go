package chatwork

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
	ans, se := a.call(ctx, http.MethodGet, "/rooms", nil)
	if se != nil {
		return nil, told(se)
	}
	var list []struct {
		ID   int64  `json:"room_id"`
		Name string `json:"name"`
		Type string `json:"type"`
		Role string `json:"role"`
	}
	if err := json.Unmarshal(ans.body, &list); err != nil {
		return nil, told(&channel.SendError{Class: channel.Again, Code: "answer", Err: errors.New("the list of rooms is not JSON")})
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

// Probe asks who the token is.
func (a *account) Probe(ctx context.Context) error {
	if _, se := a.call(ctx, http.MethodGet, "/me", nil); se != nil {
		return told(se)
	}
	return nil
}

// told puts a failed question into words for the operator.
func told(se *channel.SendError) *engawa.Error {
	if se.Class == channel.AccountClosed {
		return engawa.Invalid("/settings/token", "issue a new API token in Chatwork and paste it", "Chatwork does not accept this token")
	}
	return &engawa.Error{Code: engawa.CodeUnavailable, Message: "Chatwork could not be asked: " + se.Code, Remedy: "try again in a minute", Err: se}
}
