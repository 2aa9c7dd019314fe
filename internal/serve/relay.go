package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/relay"
	"github.com/engawa/engawa/internal/relay/scrub"
	"github.com/engawa/engawa/internal/vault"
)

// addresses has mail accounts name their deliveries in return paths, where
// there is a relay to which they come back.
func addresses(env channel.Env, v *vault.Vault) channel.Env {
	env.BounceTo = func(delivery string, at time.Time) string {
		return relay.LocalPart(v, relay.Bounce, delivery, at.Add(relay.BounceLife))
	}
	env.ReplyTo = func(delivery string, at time.Time) string {
		return relay.LocalPart(v, relay.Reply, delivery, at.Add(relay.ReplyLife))
	}
	env.Hop = func(n int) string { return relay.Hop(v, n) }
	return env
}

// InboxAddress is where mail for an account comes in; empty without a relay.
func (h *Hub) InboxAddress(account string) string {
	domains := h.Config.Relay.DomainList()
	local := relay.LocalPart(h.Vault, relay.Inbox, account, time.Time{})
	if h.Config.Relay.Listen == "" || len(domains) == 0 || local == "" {
		return ""
	}
	return local + "@" + domains[0]
}

// pair reads the pair for STARTTLS; nil where there is none.
func pair(chain, key string) (*tls.Config, error) {
	if chain == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("read relay.tls_cert and relay.tls_key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}, nil
}

// scrubWords are what stands in an answer where something was taken out of it.
func (h *Hub) scrubWords(l engawa.Locale) scrub.Words {
	return func(what string) string { return h.Words.T(l, "scrub."+what) }
}

// ServeRelay takes mail on l until ctx ends; then it takes no more connections,
// lets mails under way finish, and returns.
func (h *Hub) ServeRelay(ctx context.Context, l net.Listener) error {
	c := h.Config.Relay
	domains := c.DomainList()
	r := &relay.Receiver{Store: h.Store, Vault: h.Vault, Domains: domains, DNS: h.DNS, Front: c.Front, Words: h.scrubWords}
	s := relay.NewServer(r, domains[0], relay.Limits{
		Size: int64(c.MaxSize), Connections: c.Connections, Recipients: c.Recipients, Timeout: c.Timeout,
	}, h.certificate, h.log)
	h.log.InfoContext(ctx, "taking mail", "address", l.Addr().String(), "domains", domains)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	reading, stop := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() { h.readKept(reading, r) })
	defer kept.Wait()
	defer stop()
	select {
	case err := <-ended:
		h.log.ErrorContext(ctx, "incoming mail is served no more", "error", err)
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Config.ShutdownGrace)
	defer cancel()
	err := s.Shutdown(grace)
	return errors.Join(err, <-ended)
}

// readEvery is how often it is looked whether an inbox was switched on for which mail is kept.
const readEvery = 30 * time.Second

// readKept reads, until ctx ends, mail that came while its inbox was switched off. On
// several nodes each does: the journal keeps one of each.
func (h *Hub) readKept(ctx context.Context, r *relay.Receiver) {
	for {
		if err := r.ReadKept(ctx); err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "kept mail not read yet", "error", err)
		}
		select {
		case <-time.After(readEvery):
		case <-ctx.Done():
			return
		}
	}
}
