package serve

import (
	"context"
	"net"
	"net/smtp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay"
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

// TestOwnAddress: nobody can be reached at an address whose mail comes to the hub:
// neither a customer nor the staff, whichever way the address came in; and mail to
// one that was there before does not leave.
func TestOwnAddress(t *testing.T) {
	c := settings(t, storetest.SQLite(t))
	c.Relay.Listen, c.Relay.Domains = "127.0.0.1:0", "relay.hinata.example"
	h := open(t, c)
	member(t, h)
	ctx, now := t.Context(), time.Now()
	point := func(id, address string) engawa.ContactPoint {
		return engawa.ContactPoint{Workspace: "ws_1", ID: id, Customer: "cus_1", Kind: "mail", Address: engawa.Address(address), CreatedAt: now}
	}
	if err := h.Store.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: "ws_1", ID: "cus_1", Kind: "person", CreatedAt: now}}); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"r-1@relay.hinata.example", "in-1@Relay.Hinata.Example"} {
		for name, err := range map[string]error{
			"a contact point": h.Store.AddContactPoint(ctx, point("cp_own", own)),
			"a new customer":  h.Store.AddCustomer(ctx, store.NewCustomer{Customer: engawa.Customer{Workspace: "ws_1", ID: "cus_2", Kind: "person", CreatedAt: now}, ContactPoints: []engawa.ContactPoint{point("cp_2", own)}}),
			"a place":         h.Store.AddDestination(ctx, engawa.Destination{Workspace: "ws_1", ID: "dst_own", Name: "x", Account: "acc_1", Address: engawa.Address(own), CreatedAt: now}),
		} {
			if engawa.CodeOf(err) != engawa.CodeInvalid {
				t.Errorf("%s at %s: %v", name, own, err)
			}
		}
	}
	if err := h.Store.AddContactPoint(ctx, point("cp_1", "r-1@other.hinata.example")); err != nil {
		t.Error(err)
	}
	if !slices.Equal(h.Dispatch.Env.Relays, []string{"relay.hinata.example"}) || h.Dispatch.Env.Hop(2) != relay.Hop(h.Vault, 2) {
		t.Errorf("channels are told of %v", h.Dispatch.Env.Relays)
	}
}

// TestNoRelay: without one, no address is shown, and mail accounts keep their
// return paths.
func TestNoRelay(t *testing.T) {
	h := open(t, settings(t, storetest.SQLite(t)))
	if a := h.InboxAddress(engawa.NewID(engawa.PrefixAccount)); a != "" {
		t.Errorf("the inbox is %q", a)
	}
	if h.Dispatch.Env.BounceTo != nil || h.Dispatch.Env.ReplyTo != nil || h.Dispatch.Env.Hop != nil || h.Dispatch.Env.Relays != nil {
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
