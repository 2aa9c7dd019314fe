package console

import (
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/breaker"
)

// ReceiverRow is a receiver that refuses mail of one of our domains.
type ReceiverRow struct {
	ID, Domain, Own string
	State           string // a key "receivers.state.<this>"
	Code            string // the last answer's
	At              time.Time
	Waiting, Tries  int
	Since           time.Time // when it opened; zero: it is not open
	Next            time.Time // of open: the next try; zero: nothing is planned
}

// receivers loads them; of those whose mail still goes, too.
func (c *console) receivers(v *visit) (rows []ReceiverRow, err error) {
	found, err := c.Store.Receivers(v.ctx(), v.ws())
	for _, r := range found {
		row := ReceiverRow{ID: r.ID, Domain: r.Domain, Own: r.Own, State: string(r.State), Code: r.Code, At: r.At, Waiting: r.Waiting, Tries: r.Probes}
		switch r.State {
		case breaker.Closed:
			row.State = "doubted"
		case breaker.Open:
			row.Since, row.Next = r.OpenedAt, r.Next
		case breaker.Probing:
			row.Since = r.OpenedAt
		}
		rows = append(rows, row)
	}
	return rows, err
}

// refusing reports whether one of rows refuses mail of an account's domain.
func refusing(rows []ReceiverRow, a engawa.Account) bool {
	own := breaker.Between(a.Settings["from_address"], "x@any").Own
	for _, r := range rows {
		if r.Own == own && r.State != "doubted" {
			return true
		}
	}
	return false
}

// canTry reports whether the reader may have a receiver tried now.
func (p Page) canTry(r ReceiverRow) bool {
	return r.State == string(breaker.Open) && p.Role.Allows(engawa.Support)
}

// postmaster is where a receiver shows how it sees a domain; empty: nowhere.
func (r ReceiverRow) postmaster() string {
	switch r.Domain {
	case "gmail.com":
		return "https://postmaster.google.com/"
	case "outlook.com":
		return "https://sendersupport.olc.protection.outlook.com/snds/"
	}
	return ""
}

const blocklists = "https://check.spamhaus.org/"

func (c *console) tryReceiver(v *visit) error {
	if err := v.by.TryReceiver(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/lanes#receivers", "receiver_tried")
}
