package relay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/relay/scrub"
	"github.com/engawa/engawa/internal/store"
)

// reply makes what a partner may read of an answer to one of its messages. It is
// nil where there is nothing to read: the message is the workspace's own. An answer
// that is not proved to be from a mailbox of this customer is made in the same way
// and has a doubt: the partner may read it once a person says so.
func (r *Receiver) reply(ctx context.Context, m Incoming, h store.Handed) (*engawa.Reply, error) {
	said, err := r.Store.Message(ctx, h.Workspace, h.Message)
	if err != nil || said.Message.Partner == "" {
		return nil, err
	}
	known, err := r.known(ctx, h, said.Message.Partner)
	if err != nil {
		return nil, err
	}
	doubt := r.doubt(ctx, m, known.Addresses)
	now := time.Now().UTC()
	clean, report, err := scrub.New(known, r.Words(said.Message.Locale)).Mail(m.Raw, now)
	if errors.Is(err, scrub.ErrTooLarge) || errors.Is(err, scrub.ErrNoHeader) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	reply := &engawa.Reply{
		ID: engawa.NewID(engawa.PrefixReply), Partner: said.Message.Partner, App: said.Message.App, At: clean.At, Body: body(clean, report), CreatedAt: now, Doubt: doubt,
	}
	if doubt != engawa.DoubtNone {
		reply.Sender = engawa.MaskAddress(m.Letter.From)
	}
	return reply, nil
}

// doubt says why it is not proved that a mail came from one of the customer's
// mailboxes.
func (r *Receiver) doubt(ctx context.Context, m Incoming, mailboxes []string) engawa.Doubt {
	from := m.Letter.From
	switch {
	case !slices.ContainsFunc(mailboxes, func(a string) bool { return strings.EqualFold(a, from) }):
		return engawa.DoubtStranger
	case r.DNS.Prove(ctx, m, from, r.Front) == Unproved:
		return engawa.DoubtForged
	}
	return engawa.DoubtNone
}

func body(m scrub.Message, r scrub.Report) engawa.ReplyBody {
	b := engawa.ReplyBody{Subject: m.Subject, Text: m.Text, Hidden: map[string]int{}, Held: map[string]int{}}
	for _, a := range m.Attachments {
		b.Files = append(b.Files, engawa.ReplyFile(a))
	}
	for c, n := range r.Hidden {
		b.Hidden[string(c)] = n
	}
	for w, n := range r.Held {
		b.Held[string(w)] = n
	}
	return b
}

// known gathers what is known of the customer that a delivery went to. What
// others call them stands in the store as keyed hashes only, and is not known here.
func (r *Receiver) known(ctx context.Context, h store.Handed, partner string) (scrub.Known, error) {
	k := scrub.Known{Relay: r.Domains}
	c, err := r.Store.Customer(ctx, h.Workspace, h.Customer)
	if err != nil {
		return k, err
	}
	if c.Name != "" {
		k.Names = []string{c.Name}
	}
	points, err := r.Store.ContactPoints(ctx, h.Workspace, h.Customer)
	if err != nil {
		return k, err
	}
	for _, p := range points {
		switch a := p.Address.Reveal(); {
		case p.Kind == "mail":
			k.Addresses = append(k.Addresses, a)
		case strings.HasPrefix(a, "+"):
			k.Phones = append(k.Phones, a)
		default:
			k.IDs = append(k.IDs, a)
		}
	}
	if a := h.Address.Reveal(); a != "" {
		k.Addresses = append(k.Addresses, a)
	}
	partners, err := r.Store.Partners(ctx, h.Workspace)
	for _, p := range partners {
		if p.ID == partner && p.Sender.Mail != "" {
			k.Spare = []string{p.Sender.Mail} // not its domain: it may be a provider's that the customer has too
		}
	}
	return k, err
}
