package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/engawa/engawa"
	chatwork "github.com/engawa/engawa/internal/channel/chatwork/sim"
	listform "github.com/engawa/engawa/internal/channel/listform/sim"
	inbox "github.com/engawa/engawa/internal/channel/mail/sim"
	webhook "github.com/engawa/engawa/internal/channel/webhook/sim"
)

type simCmd struct {
	Name string `arg:"" enum:"chatwork,inbox,listform,webhook" help:"Which provider: chatwork, inbox (an SMTP server with a page), listform or webhook."`
	Addr string `help:"Address and port on loopback; for inbox those of its page." default:"127.0.0.1:8030"`
	SMTP string `help:"For inbox: address and port of its SMTP server." default:"127.0.0.1:2525"`
}

// Run runs the simulator until it is interrupted. It listens on loopback only:
// simulators show what they received to everybody who asks.
func (s simCmd) Run(ctx context.Context) error {
	switch s.Name {
	case "chatwork":
		room := &chatwork.Server{}
		room.AddRoom(1, "Engawa", "group")
		return serveSim(ctx, s.Addr, room)
	case "listform":
		return serveSim(ctx, s.Addr, listform.New(listform.Options{}))
	case "webhook":
		return serveSim(ctx, s.Addr, webhook.New(webhook.Options{Polite: true}))
	}
	box := &inbox.Inbox{}
	l, err := listenLoopback(ctx, s.SMTP)
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

func serveSim(ctx context.Context, addr string, h http.Handler) error {
	l, err := listenLoopback(ctx, addr)
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

func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, engawa.Invalid("", "give an address such as 127.0.0.1:8030", "%q is not an address and port on loopback", addr)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}
