package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/relay/scrub"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// Receiver takes incoming mails. Its fields are set once.
type Receiver struct {
	Store   *store.Store
	Vault   *vault.Vault
	Domains []string // in lower case: those whose mail comes here
	DNS     DNS
	Front   string                          // the name under which a mail server before us signs its Authentication-Results; empty: none is believed
	Words   func(engawa.Locale) scrub.Words // what stands where something was taken out
}

// Incoming is a mail as it came.
type Incoming struct {
	*letter.Letter
	Raw  []byte
	From string     // its return path
	Hops int        // mails of the hub that led to it, the mail itself among them
	Peer netip.Addr // who brought it
}

// Knows returns what an address of the relay names.
func (r *Receiver) Knows(address string, now time.Time) (Named, bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 || !slices.Contains(r.Domains, strings.ToLower(address[i+1:])) {
		return Named{}, false
	}
	return Open(r.Vault, address[:i], now)
}

// Take takes a mail for what its recipient's address names, and returns when what
// it means is durable. What is no longer there, a deleted account or workspace,
// takes nothing and is no error: whoever holds an old address learns nothing by it.
func (r *Receiver) Take(ctx context.Context, m Incoming, to Named) error {
	var err error
	switch to.Use {
	case Bounce, Reply:
		err = r.takeReturn(ctx, m, to)
	case Inbox:
		err = r.takeNotice(ctx, m, to)
	}
	if engawa.CodeOf(err) == engawa.CodeNotFound {
		return nil
	}
	return err
}

func (r *Receiver) takeReturn(ctx context.Context, m Incoming, to Named) error {
	h, err := r.Store.Handed(ctx, to.ID)
	if err != nil {
		return err
	}
	finding := Judge(m.Letter, m.From, to, h)
	back, keep, err := follow(finding, m.Letter, h, time.Now().UTC())
	if err != nil || !keep {
		return err
	}
	back.Event.Hops = m.Hops
	if back.Heard != nil {
		if back.Heard.Pair, err = r.pair(ctx, h); err != nil {
			return err
		}
	}
	if finding.Kind == Answer && h.Customer != "" {
		if back.Reply, err = r.reply(ctx, m, h); err != nil {
			return err
		}
	}
	_, err = r.Store.TakeReturn(ctx, back)
	return err
}

// pair names the domains between which a delivery went.
func (r *Receiver) pair(ctx context.Context, h store.Handed) (breaker.Pair, error) {
	a, err := r.Store.Account(ctx, h.Workspace, h.Account)
	if engawa.CodeOf(err) == engawa.CodeNotFound {
		return breaker.Pair{}, nil // it has ended since
	}
	return breaker.Between(a.Settings["from_address"], h.Address.Reveal()), err
}

// takeNotice takes a mail for an account: notices of other systems for an inbox,
// complaints for a mail account (the address is then that of a feedback loop).
func (r *Receiver) takeNotice(ctx context.Context, m Incoming, to Named) error {
	ws, err := r.Store.WorkspaceOf(ctx, to.ID)
	if err != nil {
		return err
	}
	a, err := r.Store.Account(ctx, ws, to.ID)
	if err != nil {
		return err
	}
	if a.Kind != inbox.Kind.Name {
		return r.takeFeedback(ctx, m.Letter)
	}
	if !a.Enabled {
		return nil
	}
	arrival, err := r.notice(ctx, a, m.Letter)
	if err != nil {
		return err
	}
	arrival.Event.Hops = m.Hops
	_, err = r.Store.Arrive(ctx, arrival)
	return err
}

// takeFeedback takes a complaint whose delivery is named by the return path of
// the mail complained about. Receivers that hide that cannot be followed.
func (r *Receiver) takeFeedback(ctx context.Context, l *letter.Letter) error {
	if l.Report == nil || l.Report.Complaint == "" {
		return nil
	}
	for _, path := range l.Report.Original.ReturnPath {
		if named, ok := r.Knows(path, time.Now()); ok && named.Use == Bounce {
			return r.takeReturn(ctx, Incoming{Letter: l}, named)
		}
	}
	return nil
}

// notice is what a mail to an inbox becomes: the event of the first pattern that
// fits, or one that nobody recognised, with a task.
func (r *Receiver) notice(ctx context.Context, a engawa.Account, l *letter.Letter) (store.Arrival, error) {
	now := time.Now().UTC()
	found, err := inbox.Read(a.Settings, l)
	if err != nil {
		return store.Arrival{}, fmt.Errorf("read patterns of %s: %w", a.ID, err)
	}
	e := engawa.Event{
		Workspace: a.Workspace, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: a.ID, Type: found.Type, DedupKey: "mail:" + digest(l),
		Data: found.Data, Known: found.Pattern != "", OccurredAt: now, ReceivedAt: now,
	}
	if found.Identity.Value != "" {
		e.Identities = []engawa.Identity{found.Identity}
	}
	if found.Address != "" {
		ids, err := r.Store.CustomerByAddress(ctx, a.Workspace, "mail", found.Address)
		if err != nil {
			return store.Arrival{}, err
		}
		if len(ids) == 1 { // of several it is not known who is meant
			e.Customer = ids[0]
		}
	}
	arrival := store.Arrival{Event: e}
	if found.Pattern == "" {
		arrival.Task = &engawa.Task{Workspace: a.Workspace, Kind: "inbox.unrecognized", Ref: a.ID, DueAt: now.Add(24 * time.Hour), Args: map[string]string{"account": a.Name}}
	}
	return arrival, nil
}

// eventTypes are the events of the kinds; a refusal's depends on its class.
var eventTypes = map[Kind]string{
	Delayed: "mail.delayed", Arrived: "mail.delivered", Complaint: "mail.complained", Auto: "mail.auto_replied", Answer: "mail.replied",
}

// follow says what is kept of a finding and what follows from it. Addresses and
// the words of other servers are not part of it.
func follow(f Finding, l *letter.Letter, h store.Handed, now time.Time) (back store.Return, keep bool, err error) {
	if f.Kind == Noise {
		return back, false, nil
	}
	data := map[string]any{"message": map[string]any{"id": h.Message}, "delivery": h.Delivery}
	add := func(name, value string) {
		if value != "" {
			data[name] = value
		}
	}
	back = store.Return{Delivery: h.Delivery, Status: f.Status, Automatic: f.Kind != Answer && f.Kind != Complaint}
	typ := eventTypes[f.Kind]
	switch f.Kind {
	case Returned:
		typ = returnedType(f.Reason)
		f.follow(&back, h, now)
		add("class", string(f.Reason.class()))
		add("reason", string(f.Reason))
		add("code", f.Code)
	case Arrived:
		back.State = engawa.Delivered
		back.Heard = &store.HeardOf{Heard: breaker.Heard{Said: breaker.Accepted, Delivery: h.Delivery, Proved: true, At: now}}
	case Complaint:
		back.Suppress, back.Withdraw = "complained", true
		add("kind", f.Why)
	case Answer:
		add("subject", l.Subject)
		add("text", answer(l.Text))
		data["from_customer"] = f.Theirs
		if l.Attached > 0 {
			data["attachments"] = l.Attached // they are not kept
		}
	case Auto:
		add("known_by", f.Why)
	case Delayed, Noise:
	}
	add("status", f.Status)
	back.Event = engawa.Event{
		ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Type: typ, DedupKey: f.Dedup, Subject: h.Message, Known: true, OccurredAt: now, ReceivedAt: now,
	}
	back.Event.Data, err = json.Marshal(data)
	return back, err == nil, err
}

func returnedType(r Reason) string {
	switch r.class() {
	case Hard, Soft:
		return "mail.bounced"
	case Block, Policy, Challenge:
	}
	return "mail.blocked"
}

// follow fills in what a refusal means for delivery, address and account. A
// challenge is no refusal: the mail waits there for somebody. That receivers
// distrust the sender is one thing to do for a person, however many they are.
func (f Finding) follow(back *store.Return, h store.Handed, now time.Time) {
	class := f.Reason.class()
	if class != Challenge {
		back.State, back.Note = engawa.Failed, "returned."+string(class)
	}
	if after, within := f.Reason.limit(); after > 0 {
		back.Reason, back.After, back.Within, back.Suppress = string(f.Reason), after, within, "bounced"
		if within > 0 {
			back.Until = softFor
		}
	}
	if said := f.blame(); said != "" {
		back.Heard = &store.HeardOf{Heard: breaker.Heard{Said: said, Delivery: h.Delivery, Code: joined(f.Code, f.Status), At: now}, Asks: class == Block}
	}
}

// blame says of whom a refusal speaks: the sender, or the mail; empty: of the
// recipient, or of nobody.
func (f Finding) blame() breaker.Said {
	switch f.Reason {
	case Distrust, Loop:
		return breaker.Refused
	case TooLarge, Content:
		return breaker.Unfit
	case Rule:
		if breaker.Blame(f.Status) == breaker.Refused { // else the recipient's own rule, told in words
			return breaker.Refused
		}
	case NoMailbox, Disabled, Full, Elsewhere, Unreached, Asked:
	}
	return ""
}

func joined(code, status string) string { return strings.TrimSpace(code + " " + status) }

// softFor is how long an address stays suppressed whose mailbox was full or
// switched off too often: people come back to such mailboxes.
const softFor = 30 * day
