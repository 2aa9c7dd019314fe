package serve

import (
	"context"
	"net"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestRelay: a hub with a relay takes mail for an inbox, and lets a mail under
// way finish when it stops.
func TestRelay(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := settings(t, storetest.SQLite(t))
	c.Relay.Listen, c.Relay.Domains = l.Addr().String(), "Relay.hinata.example, other.example"
	h := open(t, c)
	member(t, h)
	account := engawa.NewID(engawa.PrefixAccount)
	if err := h.Store.AddAccount(t.Context(), engawa.Account{Workspace: "ws_1", ID: account, Kind: "inbox", Name: "会員サイト", Enabled: true, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeRelay(ctx, l) }()
	to := h.InboxAddress(account)
	if !strings.HasPrefix(to, "in-") || !strings.HasSuffix(to, "@relay.hinata.example") {
		t.Fatalf("the inbox is %q", to)
	}
	client, err := smtp.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Mail("info@members.example"); err != nil {
		t.Fatal(err)
	}
	if err := client.Rcpt(to); err != nil {
		t.Fatal(err)
	}
	w, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	stop() // in the middle of a mail
	for err := error(nil); err == nil; {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
			_ = c.Close()
			time.Sleep(5 * time.Millisecond)
		}
	}
	if _, err := w.Write([]byte("From: info@members.example\r\nSubject: x\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("the mail under way is not taken: %v", err)
	}
	_ = client.Quit()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	evs, err := h.Store.Events(t.Context(), "ws_1", store.EventFilter{Type: "inbox.unrecognized"}, store.Page{})
	if err != nil || len(evs) != 1 || evs[0].Account != account {
		t.Errorf("events are %v, %v", evs, err)
	}
}

// TestNoRelay: without one, no address is shown, and mail accounts keep their
// return paths.
func TestNoRelay(t *testing.T) {
	h := open(t, settings(t, storetest.SQLite(t)))
	if a := h.InboxAddress(engawa.NewID(engawa.PrefixAccount)); a != "" {
		t.Errorf("the inbox is %q", a)
	}
	if h.Dispatch.Env.BounceTo != nil || h.Dispatch.Env.ReplyTo != nil {
		t.Error("deliveries are named in return paths that nobody serves")
	}
}

// TestRelayCertificate: a pair that cannot be read keeps the hub from starting.
func TestRelayCertificate(t *testing.T) {
	c := settings(t, storetest.SQLite(t))
	c.Relay.Listen, c.Relay.Domains, c.Relay.TLSCert, c.Relay.TLSKey = "127.0.0.1:0", "relay.hinata.example", "/nowhere.pem", "/nowhere.key"
	if _, err := Open(t.Context(), c, Logger(c.Log, nil)); err == nil || !strings.Contains(err.Error(), "relay.tls_cert") {
		t.Errorf("it starts, or says %v", err)
	}
}
