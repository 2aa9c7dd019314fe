package verdict

import (
	"time"

	"github.com/engawa/engawa"
)

// Narrow returns the withdrawals that must be kept when two customers turn out
// to be one and their decisions come to stand together: after it nobody may say
// to the one what he might not have said to both. ours and theirs are every
// decision of each; at is the instant of the merger. The ids, the customer and
// the evidence of the withdrawals are the caller's to fill in.
//
// A consent outlives the merger if the other side allows all that it names: by
// a consent as broad that nothing there stops or, for service, by silence. If
// not, it is withdrawn in its whole scope. That may be more than had to be: where
// one side said yes to everything and the other to one topic, the topic goes too,
// since no decision can be made up that nobody took. Who was asked can be asked
// again.
func Narrow(ours, theirs []engawa.Consent, at time.Time) []engawa.Consent {
	return append(unshared(ours, theirs, at), unshared(theirs, ours, at)...)
}

// unshared withdraws what of ours theirs do not allow.
func unshared(ours, theirs []engawa.Consent, at time.Time) []engawa.Consent {
	var out []engawa.Consent
	for _, c := range ours {
		if !c.Given || dead(c, ours) || dead(c, out) || allowed(c, theirs, at) {
			continue
		}
		w := c
		w.Given, w.Pending, w.Evidence = false, false, engawa.Evidence{}
		if w.At.Before(at) {
			w.At = at
		}
		out = append(out, w)
	}
	return out
}

// dead reports whether a withdrawal stops the whole of c.
func dead(c engawa.Consent, all []engawa.Consent) bool {
	for _, w := range all {
		if !w.Given && alike(c, w) && contains(w, c) && !c.At.After(w.At) {
			return true
		}
	}
	return false
}

// allowed reports whether the decisions of all allow everything that c names
// from the instant at on.
func allowed(c engawa.Consent, all []engawa.Consent, at time.Time) bool {
	if c.Purpose.Class() == engawa.Service && unstopped(c, nil, all) {
		return true
	}
	for i, h := range all {
		if h.Given && !h.Pending && !h.At.After(at) && h.Purpose == c.Purpose && alike(h, c) && contains(h, c) && unstopped(c, &all[i], all) {
			return true
		}
	}
	return false
}

// unstopped reports whether no withdrawal of all that touches the scope of c
// stands against the consent h; nil: no consent, which every one stands against.
func unstopped(c engawa.Consent, h *engawa.Consent, all []engawa.Consent) bool {
	for _, w := range all {
		if w.Given || !alike(w, c) || !touches(w, c) {
			continue
		}
		if h == nil || !h.At.After(w.At) || !contains(w, *h) {
			return false
		}
	}
	return true
}

// alike reports whether two decisions are about the same controller, act and
// class of purpose.
func alike(a, b engawa.Consent) bool {
	return a.Controller == b.Controller && a.Act == b.Act && a.Purpose.Class() == b.Purpose.Class()
}

// contains reports whether the scope of b lies in that of a.
func contains(a, b engawa.Consent) bool {
	return covers(a.App, b.App) && covers(a.Channel, b.Channel) && covers(a.Topic, b.Topic)
}

// touches reports whether some message lies in both scopes.
func touches(a, b engawa.Consent) bool {
	meet := func(x, y string) bool { return x == "" || y == "" || x == y }
	return meet(a.App, b.App) && meet(a.Channel, b.Channel) && meet(a.Topic, b.Topic)
}

// Standing are the consents of all, given or waiting to be confirmed, that no
// withdrawal stops as a whole: those of which there is something left to withdraw.
func Standing(all []engawa.Consent) []engawa.Consent {
	var out []engawa.Consent
	for _, c := range all {
		if c.Given && !dead(c, all) {
			out = append(out, c)
		}
	}
	return out
}
