package discord

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/chat"
	"github.com/engawa/engawa/internal/channel/exchange"
	"github.com/engawa/engawa/internal/verdict"
)

// byBot posts under a nonce that Discord shall enforce: for a few minutes a
// second post of the bot with the same one makes no second message.
func (a *account) byBot(p engawa.Parcel) exchange.Request {
	body := a.post(p)
	body["nonce"], body["enforce_nonce"] = strings.TrimPrefix(chat.Reference(p), "ref: "), true
	q := chat.JSON(a.base+"/channels/"+url.PathEscape(p.To.Reveal())+"/messages", body, p.To, a.bot)
	q.Path = "/channels/…/messages"
	q.Header.Set("Authorization", "Bot "+a.bot)
	return q
}

// perPage is how many messages Discord gives at once, at most.
const perPage = 100

// Find looks through the channel's messages for the reference, as a bot alone:
// nothing can be read with a webhook. To a bot without the permission to read the
// history Discord shows no messages instead of refusing, so that an empty
// channel proves nothing (docs.discord.com: Get Channel Messages).
func (a *account) Find(ctx context.Context, m verdict.Cleared) (bool, channel.Receipt, error) {
	if a.bot == "" {
		return chat.NoFind(a.env, m)
	}
	first := true
	return chat.Find(ctx, a.env, m, func(p engawa.Parcel, before string) exchange.Request {
		q := url.Values{"limit": {strconv.Itoa(perPage)}}
		if before != "" {
			q.Set("before", before)
		}
		return a.get("/channels/"+url.PathEscape(p.To.Reveal())+"/messages?"+q.Encode(), "/channels/…/messages", p.To)
	}, func(p engawa.Parcel, x exchange.Answer) (chat.Page, *channel.SendError) {
		page, se := readPage(x, chat.Since(p))
		if se == nil && first && len(page.Posts) == 0 {
			se = x.Fail(channel.Rejected, "nothing to read", 0)
		}
		first = false
		return page, se
	})
}

// readPage reads a page, newest first; after one that begins before since there
// is no other to read.
func readPage(x exchange.Answer, since time.Time) (page chat.Page, se *channel.SendError) {
	if x.Status >= 300 {
		return page, x.Fail(exchange.Class(x.Status), "", exchange.RetryAfter(x.Header))
	}
	var list []struct {
		ID      string    `json:"id"`
		Content string    `json:"content"`
		At      time.Time `json:"timestamp"`
	}
	if json.Unmarshal(x.Body, &list) != nil {
		return page, x.Fail(channel.Again, "answer", 0)
	}
	for _, m := range list {
		page.Posts = append(page.Posts, chat.Posted{ID: m.ID, Text: m.Content})
	}
	if n := len(list); n == perPage && list[n-1].At.After(since) {
		page.Next = list[n-1].ID
	}
	return page, nil
}

func (a *account) get(path, shown string, to engawa.Address) exchange.Request {
	return exchange.Request{Method: http.MethodGet, URL: a.base + path, Path: shown, Header: http.Header{"Authorization": {"Bot " + a.bot}}, To: to, Hide: []string{a.bot}}
}

// ask reads an answer into v, if v is not nil.
func (a *account) ask(ctx context.Context, path string, v any) *channel.SendError {
	x, se := exchange.Do(ctx, a.env.HTTP, a.get(path, path, ""))
	switch {
	case se != nil:
		return se
	case x.Status >= 300:
		return x.Fail(exchange.Class(x.Status), "", exchange.RetryAfter(x.Header))
	case v != nil && json.Unmarshal(x.Body, v) != nil:
		return x.Fail(channel.Again, "answer", 0)
	}
	return nil
}

func told(se *channel.SendError) error {
	return chat.Told(se, "Discord", "token", "copy the bot's token again, or reset it, on the Bot page of your app at discord.com/developers")
}

// maxServers bounds of how many servers the channels are listed.
const maxServers = 20

// The types of channels that take notices.
const (
	textChannel         = 0
	announcementChannel = 5
)

// places lists the channels of the bot's servers; a webhook has one. Whether the
// bot may post to a channel is not in the list.
func places(ctx context.Context, s channel.Settings, env channel.Env) ([]channel.Place, error) {
	a, err := connect(s, env)
	if err != nil {
		return nil, err
	}
	if a.bot == "" {
		return []channel.Place{{Address: "webhook", Name: "Discord"}}, nil
	}
	var servers []struct{ ID, Name string }
	if se := a.ask(ctx, "/users/@me/guilds?limit="+strconv.Itoa(maxServers), &servers); se != nil {
		return nil, told(se)
	}
	out := []channel.Place{}
	for _, server := range servers {
		var list []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			Type int    `json:"type"`
		}
		if se := a.ask(ctx, "/guilds/"+url.PathEscape(server.ID)+"/channels", &list); se != nil {
			return nil, told(se)
		}
		for _, c := range list {
			if c.Type == textChannel || c.Type == announcementChannel {
				out = append(out, channel.Place{Address: engawa.Address(c.ID), Name: server.Name + " #" + c.Name})
			}
		}
	}
	return out, nil
}
