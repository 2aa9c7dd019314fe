package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/alecthomas/kong"

	appstore "github.com/engawa/engawa/internal/appstore/sim"
	chat "github.com/engawa/engawa/internal/channel/chat/sim"
	chatwork "github.com/engawa/engawa/internal/channel/chatwork/sim"
	line "github.com/engawa/engawa/internal/channel/line/sim"
	listform "github.com/engawa/engawa/internal/channel/listform/sim"
	inbox "github.com/engawa/engawa/internal/channel/mail/sim"
	webhook "github.com/engawa/engawa/internal/channel/webhook/sim"
	zendesk "github.com/engawa/engawa/internal/channel/zendesk/sim"
	smaregi "github.com/engawa/engawa/internal/source/smaregi/sim"
	stripe "github.com/engawa/engawa/internal/source/stripe/sim"
	"github.com/engawa/engawa/internal/text"
)

type simCmd struct {
	Name string `arg:"" enum:"appstore,chat,chatwork,inbox,line,listform,smaregi,stripe,webhook,zendesk"`
	Addr string `default:"127.0.0.1:8030"`
	Hook string
	SMTP string `default:"127.0.0.1:2525"`
	To   string

	Bundle     string `default:"jp.hinata.coffee"`
	AppleID    int64  `name:"apple-id" default:"1234567890"`
	Production bool
	Speed      int `default:"8640"`
}

// simSecret signs what the stripe simulator posts. It is no secret: it is in the help.
const simSecret = "whsec_engawa_simulator"

// Run runs the simulator until it is interrupted. It listens on loopback only:
// simulators show what they received to everybody who asks.
func (s simCmd) Run(ctx context.Context, v text.Viewer, k *kong.Context) error {
	if err := cmp.Or(checkLoopback(v, k.Selected(), "--addr", s.Addr), checkLoopback(v, k.Selected(), "--smtp", s.SMTP)); err != nil {
		return err
	}
	switch s.Name {
	case "appstore":
		return s.appStore(ctx)
	case "chatwork":
		room := &chatwork.Server{}
		room.AddRoom(1, "Engawa", "group")
		return serveSim(ctx, s.Addr, room)
	case "chat":
		return serveSim(ctx, s.Addr, chatRooms("http://"+s.Addr))
	case "line":
		return s.line(ctx)
	case "listform":
		return serveSim(ctx, s.Addr, listform.New(listform.Options{}))
	case "zendesk":
		desk := &zendesk.Server{Hook: zendesk.Hook{URL: s.Hook, Secret: simSecret, Client: &http.Client{Timeout: 10 * time.Second}}}
		desk.AddGroup(360000000000007, "Engawa")
		desk.AddBrand(360000000000011, "Engawa", true)
		desk.AddForm(360000000000021, "Engawa", true)
		return serveSim(ctx, s.Addr, desk)
	case "webhook":
		return serveSim(ctx, s.Addr, webhook.New(webhook.Options{Polite: true}))
	case "smaregi":
		return serveSim(ctx, s.Addr, s.smaregi())
	case "stripe":
		return serveSim(ctx, s.Addr, &stripe.Server{URL: s.To, Secrets: []string{simSecret}, Client: &http.Client{Timeout: 30 * time.Second}})
	}
	box := &inbox.Inbox{}
	l, err := listen(ctx, s.SMTP)
	if err != nil {
		return err
	}
	fmt.Println("smtp " + l.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- box.Serve(l) }()
	err = serveSim(ctx, s.Addr, box)
	err = errors.Join(err, box.Close())
	<-ended //nolint:errcheck // it says only that it was closed
	return err
}

// appStore is a store with three customers. It is rude, as the real one may be.
func (s simCmd) appStore(ctx context.Context) error {
	environment := appstore.Sandbox
	if s.Production {
		environment = appstore.Production
	}
	store, err := appstore.New(s.Bundle, s.AppleID, environment)
	if err != nil {
		return err
	}
	store.URL, store.Client = s.To, &http.Client{Timeout: time.Minute}
	store.Speed, store.Grace, store.Undecided = s.Speed, 16, true
	store.Answer = appstore.Rude(uint64(time.Now().UnixNano()))
	store.Sample()
	fmt.Println("appstore: roots in http://" + s.Addr + "/_sim/root.pem, API key in http://" + s.Addr + "/_sim/key")
	return errors.Join(serveSim(ctx, s.Addr, store), store.Close())
}

// line has a vendor's account with 60 friends and an account of the business's own.
func (s simCmd) line(ctx context.Context) error {
	server := &line.Server{Client: &http.Client{Timeout: 10 * time.Second}, Answer: line.Rude(uint64(time.Now().UnixNano()))}
	server.SetUpMove(line.Move{People: 60, OldHook: s.Hook, Endpoint: "https://hinata.example/move"})
	fmt.Println("line: accounts with their ids and secrets in http://" + s.Addr + "/_sim/accounts")
	return errors.Join(serveSim(ctx, s.Addr, server), server.Close())
}

// smaregi has three contracts that use an app. Its credentials are in the help.
func (s simCmd) smaregi() *smaregi.Server {
	return &smaregi.Server{
		App: smaregi.Client{ID: "engawa-app", Secret: simSecret}, ListClient: smaregi.Client{ID: "engawa-list", Secret: simSecret}, ListPath: "/sim/users", ListItems: "users",
		Members: smaregi.Members{Contract: "contract_id", Name: "name", Mail: "email", Plan: "plan", State: "status"},
		Hook:    smaregi.Hook{URL: s.To, Header: "X-Engawa-Secret", Value: simSecret, Client: &http.Client{Timeout: smaregi.Patience}},
		Contracts: []*smaregi.Contract{
			{ID: "sb_hinata", Name: "ひなた珈琲", Plan: "スタンダード", State: "active", Mail: "keiri@hinata.example", Shares: true, Users: []smaregi.User{
				{ID: "1", Name: "日向 葵", Mail: "aoi@hinata.example", Owner: true}, {ID: "2", Name: "佐藤 空", Mail: "sora@hinata.example"},
			}},
			{ID: "sb_komorebi", Name: "こもれび書店", Plan: "プロ", State: "active", Mail: "info@komorebi.example", Users: []smaregi.User{{ID: "1", Name: "木漏 日", Mail: "hi@komorebi.example", Owner: true}}},
			{ID: "sb_akari", Name: "あかり薬局", Plan: "スタンダード", State: "end", Mail: "akari@akari.example"},
		},
	}
}

// chatRooms is a room of each chat service. What an account needs to post there
// is printed: any token will do.
func chatRooms(at string) *chat.Server {
	server := &chat.Server{Answer: chat.Rude(uint64(time.Now().UnixNano()))}
	for _, r := range []struct{ service, id, name, how string }{
		{"slack", "C0ENGAWA01", "engawa", "how=webhook webhook_url=" + at + "/slack/services/C0ENGAWA01/any, or how=bot token=any base_url=" + at + "/slack/api"},
		{"teams", "engawa", "Engawa", "webhook_url=" + at + "/teams/workflows/engawa?sig=any"},
		{"discord", "1152921504606846977", "engawa", "webhook_url=" + at + "/discord/api/webhooks/1152921504606846977/any"},
		{"telegram", "-1001234567890", "Engawa", "token=1234567:any-token-of-20-letters base_url=" + at + "/telegram, to -1001234567890"},
		{"googlechat", "engawa", "Engawa", "webhook_url=" + at + "/googlechat/v1/spaces/engawa/messages?key=any&token=any"},
	} {
		server.AddRoom(r.service, r.id, r.name)
		fmt.Println(r.service + ": " + r.how)
	}
	return server
}

func serveSim(ctx context.Context, addr string, h http.Handler) error {
	l, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })() //nolint:errcheck // Serve tells
	fmt.Println("ready http://" + l.Addr().String())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}
