package verdict

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
)

// MaxAge is the longest that a Cleared lives.
const MaxAge = 60 * time.Second

// LeaseMargin is how long before the end of the lane's lease a Cleared ends.
const LeaseMargin = 5 * time.Second

// ErrNotCleared is what a Cleared answers that no verdict made, that was made
// for another account, or that has expired.
var ErrNotCleared = errors.New("not cleared by a verdict")

// Cleared is a parcel that a verdict has cleared for one account for at most a
// minute. Only this package can make one, and a channel sends nothing else. It
// is bound to the bytes, the recipient and the account it was judged for; the
// zero Cleared is refused.
type Cleared struct{ it *cleared }

type cleared struct {
	parcel  engawa.Parcel
	sum     [sha256.Size]byte
	account string
	until   time.Time
}

// Format is for who prints what a Cleared points to.
func (c *cleared) Format(f fmt.State, _ rune) { fmt.Fprint(f, "cleared "+c.parcel.String()) }

// Clear judges f at the instant at and, if the outcome is send, returns p
// cleared until the earliest of MaxAge, lease less LeaseMargin, and the instant
// at which quiet hours begin, the message expires or the grant ends.
// The words are taken as final: what the verdict obliges must be in f.Applied.
// Whom a notice tells of, and whose words they are, comes from f alone.
// The verdict is returned in every case.
func Clear(f engawa.Facts, rules *rule.Set, at time.Time, p engawa.Parcel, lease time.Time) (Cleared, engawa.Verdict) {
	f.Final = true
	j := open(f, rules, at)
	v := j.verdict()
	if v.Outcome != engawa.Send || f.Account != p.Account {
		return Cleared{}, v
	}
	until := at.Add(MaxAge)
	for _, end := range append(j.ends(), lease.Add(-LeaseMargin)) {
		if end.Before(until) {
			until = end
		}
	}
	p.About, p.Partner = f.About, ""
	if f.Grant != nil {
		p.Partner = f.Controller
	}
	return Cleared{&cleared{parcel: p, sum: sum(p), account: f.Account, until: until}}, v
}

// PutCode puts the link of the customer's code of an offer where the words keep
// the place for it (engawa.OfferPlace): the one thing that is known only when the
// verdict has let the message go. Nothing else of the words can change. Without a
// code or the app's number nothing is cleared any more: no words go without the
// link that they promise. It is called before the Cleared is handed on.
func (c Cleared) PutCode(offer string, appleID int64, code engawa.Secret) {
	if c.it == nil || c.it.sum != sum(c.it.parcel) {
		return
	}
	if code == "" || appleID <= 0 {
		*c.it = cleared{}
		return
	}
	words, place, link := &c.it.parcel.Content, engawa.OfferPlace(offer), engawa.RedemptionLink(appleID, code)
	words.Text = strings.ReplaceAll(words.Text, place, link)
	words.HTML = strings.ReplaceAll(words.HTML, place, html.EscapeString(link))
	c.it.sum = sum(c.it.parcel)
}

// Open returns the parcel if it was cleared for account and still is.
func (c Cleared) Open(account string) (engawa.Parcel, error) {
	switch {
	case c.it == nil:
		return engawa.Parcel{}, ErrNotCleared
	case c.it.account != account:
		return engawa.Parcel{}, fmt.Errorf("%w: it was judged for another account", ErrNotCleared)
	case !time.Now().Before(c.it.until):
		return engawa.Parcel{}, fmt.Errorf("%w: the verdict is older than it may be", ErrNotCleared)
	case c.it.sum != sum(c.it.parcel):
		return engawa.Parcel{}, fmt.Errorf("%w: the words changed after the verdict", ErrNotCleared)
	}
	return c.it.parcel, nil
}

// String names the parcel without recipient and words.
func (c Cleared) String() string {
	if c.it == nil {
		return ErrNotCleared.Error()
	}
	return fmt.Sprint(c.it)
}

// Format prints String whatever the verb: fmt would follow the pointer.
func (c Cleared) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText is String, in JSON and text encodings.
func (c Cleared) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Deadline is when the hand-over must have ended. The zero Cleared has the
// zero time: long past.
func (c Cleared) Deadline() time.Time {
	if c.it == nil {
		return time.Time{}
	}
	return c.it.until
}

// Context returns ctx ended at the deadline.
func (c Cleared) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && !end.After(c.Deadline()) {
		return ctx, func() {} // it ends by then: another timer would say no more
	}
	return context.WithDeadline(ctx, c.Deadline())
}

// sum covers what the verdict was about: who, what and where. Each text goes in
// behind its length, so that no two parcels run together alike.
func sum(p engawa.Parcel) (out [sha256.Size]byte) {
	h := sha256.New()
	var part [512]byte
	about := engawa.About{}
	if p.About != nil {
		about = *p.About
	}
	for _, s := range [...]string{
		p.Workspace, p.Message, p.Delivery, p.Account, p.To.Reveal(), p.ToName, p.SenderName, p.Partner,
		string(p.Purpose), string(p.Locale), p.Content.Subject, p.Content.Text, p.Content.HTML, p.Unsubscribe,
		about.Customer, about.Name, about.Mail.Reveal(), about.Event, about.Type, string(about.Data),
	} {
		h.Write(binary.BigEndian.AppendUint64(part[:0], uint64(len(s))))
		for len(s) > 0 {
			n := copy(part[:], s)
			h.Write(part[:n])
			s = s[n:]
		}
	}
	h.Sum(out[:0])
	return out
}
