package mypage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/verdict"
)

// relation is a sender and an app of theirs that has to do with the customer.
type relation struct{ Controller, App string }

// Sender is who may write, or was stopped from it, for one app.
type Sender struct {
	relation

	Stopped bool   // also what the contract needs
	Service string // the decision that says so; empty: none
	Lines   []Line
}

// Line is one scope that the customer decided on, as it stands now.
type Line struct {
	engawa.Consent // the newest decision

	Stands bool
}

// senders says who may write, from the customer's decisions and from whom there
// is a contract or was a message. It is pure; the order is that of the names.
func senders(all []engawa.Consent, known []relation) []Sender {
	standing := map[string]bool{}
	for _, c := range verdict.Standing(all) {
		standing[c.ID] = true
	}
	rows := map[relation]*Sender{}
	at := func(r relation) *Sender {
		if rows[r] == nil {
			rows[r] = &Sender{relation: r}
		}
		return rows[r]
	}
	for _, r := range known {
		at(r)
	}
	newest := map[engawa.Consent]engawa.Consent{}
	for _, c := range all {
		k := c.Scope()
		if last, ok := newest[k]; !ok || later(c, last) {
			newest[k] = c
		}
	}
	for _, c := range newest {
		s := at(relation{c.Controller, c.App})
		if isService(c) {
			continue
		}
		s.Lines = append(s.Lines, Line{c, c.Given && standing[c.ID]})
	}
	out := make([]Sender, 0, len(rows))
	for r, s := range rows {
		s.Service, s.Stopped = serviceStop(all, r)
		slices.SortFunc(s.Lines, inOrder)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Sender) int {
		own := func(r relation) int {
			if r.Controller == engawa.ControllerWorkspace {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(own(a.relation), own(b.relation)), strings.Compare(a.Controller, b.Controller), strings.Compare(a.App, b.App))
	})
	return out
}

// later tells which of two decisions of one scope counts: at the same instant
// the withdrawal.
func later(a, b engawa.Consent) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	return !a.Given && b.Given
}

// isService reports whether a decision is on the messages that a contract needs,
// on all channels: of these there is one line, decided or not.
func isService(c engawa.Consent) bool {
	return c.Act == engawa.ActContact && c.Purpose.Class() == engawa.Service && c.Channel == "" && c.Topic == ""
}

// serviceStop is the withdrawal that stops a sender's service messages for an app.
func serviceStop(all []engawa.Consent, r relation) (id string, stopped bool) {
	bears := func(c engawa.Consent) bool {
		return isService(c) && c.Controller == r.Controller && (c.App == "" || c.App == r.App)
	}
	for _, w := range all {
		if w.Given || !bears(w) {
			continue
		}
		back := slices.ContainsFunc(all, func(g engawa.Consent) bool {
			return g.Given && bears(g) && g.At.After(w.At) && (w.App == "" || g.App == w.App)
		})
		if !back {
			return w.ID, true
		}
	}
	return "", false
}

// inOrder puts messages before what is handed on, and the asked-for before the
// advertising.
func inOrder(a, b Line) int {
	acts := []engawa.Act{engawa.ActContact, engawa.ActContactNight, engawa.ActShareAddress, engawa.ActShareUsage}
	purposes := []engawa.Purpose{engawa.Service, engawa.Notice, engawa.Marketing}
	return cmp.Or(
		cmp.Compare(slices.Index(acts, a.Act), slices.Index(acts, b.Act)), cmp.Compare(slices.Index(purposes, a.Purpose), slices.Index(purposes, b.Purpose)),
		strings.Compare(a.Channel, b.Channel), strings.Compare(a.Topic, b.Topic),
	)
}

// stopOf is what stops a line: the same scope, withdrawn.
func stopOf(c engawa.Consent) engawa.Consent {
	w := c.Scope()
	w.Workspace, w.Customer = c.Workspace, c.Customer
	return w
}
