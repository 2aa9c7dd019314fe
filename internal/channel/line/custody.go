package line

import (
	"context"
	"net/http"
	"strconv"

	"github.com/engawa/engawa/internal/channel"
)

// Custody asks what somebody else with a right to the account could have changed:
// where its webhooks go, which menu its friends see, whose account the secret opens,
// and how many messages LINE has counted this month, whoever sent them.
func (a *account) Custody(ctx context.Context) (channel.Facts, error) {
	me, se := a.info(ctx)
	if se != nil {
		return nil, inWords(se)
	}
	used, se := a.used(ctx)
	if se != nil {
		return nil, inWords(se)
	}
	var hook struct {
		URL string `json:"endpoint"`
	}
	if se := a.getIfSet(ctx, "/v2/bot/channel/webhook/endpoint", &hook); se != nil {
		return nil, inWords(se)
	}
	var menu struct {
		ID string `json:"richMenuId"`
	}
	if se := a.getIfSet(ctx, "/v2/bot/user/all/richmenu", &menu); se != nil {
		return nil, inWords(se)
	}
	return channel.Facts{
		channel.FactIdentity: me.UserID, channel.FactUsed: strconv.Itoa(used), channel.FactWebhook: hook.URL, channel.FactMenu: menu.ID,
	}, nil
}

// getIfSet is get of what LINE answers 404 of while it is not set.
func (a *account) getIfSet(ctx context.Context, path string, into any) *channel.SendError {
	se := a.get(ctx, path, into)
	if se != nil && se.Code == strconv.Itoa(http.StatusNotFound) {
		return nil
	}
	return se
}
