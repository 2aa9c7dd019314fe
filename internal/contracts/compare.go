package contracts

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/source/smaregi"
)

// Finding is what the list says of a contract.
type Finding struct {
	Contract, Name string
	Words          int    // how many words had been said when the list was asked
	Action         string // what no notice said; empty: the list agrees
	Plan           string
	Day            string
	Mail           engawa.Address // empty: its sharing is not agreed to
	AbsentAt       time.Time      // when the list first lacked it; not zero: it is looked at again before it ends
}

// Format names the contract alone, whatever the verb.
func (f Finding) Format(s fmt.State, _ rune) { fmt.Fprint(s, "finding about contract "+f.Contract) }

func (f Finding) word() smaregi.Word { return smaregi.Found(f.Contract, f.Action, f.Plan, f.Day) }

// settled is how the contract stands by the list, which leaves no doubt but of what is
// to come.
func (f Finding) settled(s smaregi.Standing) smaregi.Standing {
	if s.AbsentAt = f.AbsentAt; !s.AbsentAt.IsZero() {
		return s
	}
	if f.Action != "" {
		s, _ = s.Hear(f.word(), f.Day)
	}
	if s.Day <= f.Day {
		s.Doubt = ""
	}
	return s
}

// Compare says what a list that was read from began to ended has of each contract,
// beside how it stands by the notices. A contract that is in neither of two lists, the
// second of them asked for a while after the first, does not use the app: a list may
// have been cut short, or have shifted while it was read.
func Compare(known map[string]smaregi.Standing, items []smaregi.Item, began, ended time.Time) (all []Finding) {
	today := smaregi.Today(ended)
	listed := map[string]bool{}
	for _, i := range items {
		listed[i.Contract] = true
		s := known[i.Contract]
		f := Finding{Contract: i.Contract, Name: i.Name, Words: s.Words, Plan: i.Plan, Day: today, Mail: mailbox(i.Mail)}
		all = append(all, f.each(missing(s, i, today))...)
	}
	for _, contract := range slices.Sorted(maps.Keys(known)) {
		if listed[contract] {
			continue
		}
		s := known[contract]
		f := Finding{Contract: contract, Words: s.Words, Day: today}
		actions := missing(s, smaregi.Item{State: engawa.SubscriptionExpired}, today)
		switch {
		case len(actions) == 0:
		case s.AbsentAt.IsZero():
			f.AbsentAt, actions = ended, nil
		case began.Sub(s.AbsentAt) < soon:
			f.AbsentAt, actions = s.AbsentAt, nil
		}
		all = append(all, f.each(actions)...)
	}
	return all
}

// each is the finding for each action; one without where nothing was missed. Of a
// contract that nobody knows and that does not run there is none.
func (f Finding) each(actions []string) (all []Finding) {
	if len(actions) == 0 && f.Words == 0 {
		return nil
	}
	if len(actions) == 0 {
		actions = []string{""}
	}
	for n, action := range actions {
		g := f
		g.Action, g.Words = action, f.Words+n
		all = append(all, g)
	}
	return all
}

// missing are the actions that lead from how a contract stands to what the list says on
// a day. The list cannot have yet what was told for a day to come; but what ran before
// that has ended if it has ended there.
func missing(s smaregi.Standing, i smaregi.Item, today string) []string {
	runs := s.State == engawa.SubscriptionActive || s.State == engawa.SubscriptionSuspended
	var actions []string
	switch {
	case i.State == engawa.SubscriptionExpired && runs && s.Since <= today:
		return []string{"end"}
	case i.State == engawa.SubscriptionExpired, s.Day > today:
		return nil
	case !runs:
		actions = append(actions, "start")
	case i.Plan != "" && i.Plan != s.Plan:
		actions = append(actions, "change-plan")
	}
	switch {
	case i.State == engawa.SubscriptionSuspended && s.State != engawa.SubscriptionSuspended:
		actions = append(actions, "force-stop")
	case i.State == engawa.SubscriptionActive && s.State == engawa.SubscriptionSuspended:
		actions = append(actions, "cancel-force-stop")
	}
	return actions
}

// mailbox is the list's address, checked; what is none is not kept.
func mailbox(s string) engawa.Address {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsAny(s, " \r\n") {
		return ""
	}
	return engawa.Address(s)
}
