package relay

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel/mail"
	"github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/refusal"
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
	if finding.Kind == Aside {
		return r.keep(ctx, m, h.Workspace, h.Account, store.Aside)
	}
	back, keep := follow(finding, m.Letter, h, time.Now().UTC())
	if !keep {
		return nil
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
	switch {
	case a.Kind != inbox.Kind.Name:
		return r.takeFeedback(ctx, m, a)
	case !a.Enabled:
		return r.keep(ctx, m, ws, a.ID, store.InboxOff)
	}
	arrival, err := r.notice(a, m.Letter)
	if err != nil {
		return err
	}
	arrival.Event.Hops = m.Hops
	_, err = r.Store.Arrive(ctx, arrival)
	return err
}

// takeFeedback takes a complaint whose delivery is named by the return path of
// the mail complained about. What names none that is there is kept for a person: a
// receiver that hides the return path, or one who writes in its own words to the loop's
// address; and so is a report that nobody complains in.
func (r *Receiver) takeFeedback(ctx context.Context, m Incoming, a engawa.Account) error {
	l := m.Letter
	if l.Report == nil || l.Report.Complaint == "" {
		return r.keep(ctx, m, a.Workspace, a.ID, store.OfLoop)
	}
	if slices.Contains(asides, l.Report.Complaint) {
		return r.keep(ctx, m, a.Workspace, a.ID, store.Aside)
	}
	for _, path := range l.Report.Original.ReturnPath {
		if named, ok := r.Knows(path, time.Now()); ok && named.Use == Bounce {
			if err := r.takeReturn(ctx, Incoming{Letter: l}, named); engawa.CodeOf(err) != engawa.CodeNotFound {
				return err
			}
		}
	}
	return r.keep(ctx, m, a.Workspace, a.ID, store.OfLoop)
}

// maxKept is how much of a mail is kept of which nothing could be made, in octets.
const maxKept = 256 << 10

// keep keeps a mail of which nothing could be made, and asks a person.
func (r *Receiver) keep(ctx context.Context, m Incoming, workspace, account string, why store.Unheard) error {
	return r.Store.KeepUnread(ctx, store.Unread{
		Workspace: workspace, Account: account, Why: why, Dedup: same(m), At: time.Now().UTC(), Raw: m.Raw[:min(len(m.Raw), maxKept)],
	})
}

// same is the same for a mail that is brought again, which may have come another way.
// Reports are alike but for what they enclose, so that all below the header counts.
func same(m Incoming) string {
	_, body, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
	sum := sha256.Sum256(body)
	return digest(m.Letter) + ":" + hex.EncodeToString(sum[:16])
}

// readAtOnce is how many kept mails ReadKept has in memory.
const readAtOnce = 50

// ReadKept reads the mails that came while their inbox was switched off, as soon as it
// is on again, as if they came now. One that cannot be read stays, and keeps none of the
// others; the error names the first of these and their number.
func (r *Receiver) ReadKept(ctx context.Context) error {
	var first error
	failed := 0
	for after := ""; ; {
		kept, err := r.Store.UnreadToRead(ctx, after, readAtOnce)
		if err != nil {
			return err
		}
		for _, u := range kept {
			if err := r.readKept(ctx, u); err != nil {
				first, failed = cmp.Or(first, fmt.Errorf("read %s: %w", u.ID, err)), failed+1
			}
			after = u.ID
		}
		if len(kept) == readAtOnce {
			continue
		}
		if failed > 1 {
			return fmt.Errorf("%d kept mails, first: %w", failed, first)
		}
		return first
	}
}

func (r *Receiver) readKept(ctx context.Context, u store.Unread) error {
	if u.Unopened != nil {
		return u.Unopened
	}
	l, err := letter.Read(u.Raw)
	if err != nil {
		return fmt.Errorf("a mail that was read when it came: %w", err)
	}
	a, err := r.Store.Account(ctx, u.Workspace, u.Account)
	if err != nil {
		return err
	}
	arrival, err := r.notice(a, l)
	if err != nil {
		return err
	}
	arrival.Event.OccurredAt, arrival.Event.Hops = u.At, r.hops(l)
	if _, err := r.Store.Arrive(ctx, arrival); err != nil {
		return err
	}
	if err := r.Store.EndUnread(ctx, u); engawa.CodeOf(err) != engawa.CodeNotFound { // another node was first
		return err
	}
	return nil
}

// notice is what a mail to an inbox becomes: the event of the first pattern that
// fits, or one that nobody recognised, with a task.
func (r *Receiver) notice(a engawa.Account, l *letter.Letter) (store.Arrival, error) {
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
	e.Newcomer = newcomer(found)
	arrival := store.Arrival{Event: e}
	if found.Pattern == "" {
		arrival.Task = &engawa.Task{Workspace: a.Workspace, Kind: "inbox.unrecognized", Ref: a.ID, DueAt: now.Add(24 * time.Hour), Args: map[string]string{"account": a.Name}}
	}
	return arrival, nil
}

// newcomer is what a notice tells of its customer: the address by which a pattern finds
// the customer, else what it calls email, and what it calls name. A mail proves no
// address. Nil: the notice names nobody.
func newcomer(f inbox.Found) *engawa.Newcomer {
	if f.Identity.Value == "" && f.Address == "" {
		return nil
	}
	address, err := mail.Address(cmp.Or(f.Address.Reveal(), f.Values["email"]))
	if err != nil {
		address = ""
	}
	return &engawa.Newcomer{Name: catalogue.Name(f.Values["name"]), Mail: address, Find: !catalogue.Introduces(f.Type)}
}

// eventTypes are the events of the kinds; a refusal's depends on its class.
var eventTypes = map[Kind]string{
	Delayed: "mail.delayed", Arrived: "mail.delivered", Complaint: "mail.complained", Auto: "mail.auto_replied", Answer: "mail.replied",
}

// follow says what is kept of a finding and what follows from it. Addresses and
// the words of other servers are not part of it.
func follow(f Finding, l *letter.Letter, h store.Handed, now time.Time) (back store.Return, keep bool) {
	if f.Kind == Noise {
		return back, false
	}
	if f.Kind == Returned {
		return store.Refused(refusal.Refusal{Reason: f.Reason, Status: f.Status, Code: f.Code}, h, now), true
	}
	back = store.NewReturn(h, eventTypes[f.Kind], f.Dedup, now)
	back.Automatic = f.Kind != Answer && f.Kind != Complaint
	back.Add("status", f.Status)
	switch f.Kind {
	case Arrived:
		back.State = engawa.Delivered
		back.Heard = &store.HeardOf{Heard: breaker.Heard{Said: breaker.Accepted, Delivery: h.Delivery, Proved: true, At: now}}
	case Complaint:
		back.Suppress, back.Withdraw = "complained", true
		back.Add("kind", f.Why)
	case Answer:
		back.Add("subject", l.Subject)
		back.Add("text", answer(l.Text))
		back.Data["from_customer"] = f.Theirs
		if l.Attached > 0 {
			back.Data["attachments"] = l.Attached // they are not kept
		}
	case Auto:
		back.Add("known_by", f.Why)
	case Returned, Delayed, Aside, Noise:
	}
	return back, true
}
