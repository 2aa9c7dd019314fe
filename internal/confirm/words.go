package confirm

import (
	"cmp"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/text"
)

// words are those of a notice: who sends, each fact with its date, and how to change
// it. The link to the customer's own page is added when it leaves.
func (w world) words(of part, ts []telling) engawa.Content {
	zone, err := rule.Location(ts[0].duty.zone)
	if err != nil {
		zone = time.UTC // it was checked when the rule was read
	}
	v := w.Compose.Words.For(cmp.Or(w.customer.Locale, w.workspace.Locale), zone)
	lines := make([]string, len(ts))
	for i, t := range ts {
		lines[i] = w.line(v, t.Consent)
	}
	args := []any{"business", w.workspace.Name, "sender", w.sender(v, of.controller), "lines", strings.Join(lines, "\n"), "contact", w.contact()}
	if of.what == reminder {
		return engawa.Content{Subject: v.T("confirm.reminder.subject", args...), Text: v.T("confirm.reminder.text", args...) + "\n"}
	}
	return engawa.Content{Subject: v.T("confirm.result.subject", args...), Text: v.T("confirm.result.text", args...) + "\n"}
}

// line is one fact with its date.
func (w world) line(v text.Viewer, c engawa.Consent) string {
	if c.Given {
		return v.T("confirm.given", "date", v.Date(c.At), "what", w.about(v, c))
	}
	return v.T("confirm.withdrawn", "date", v.Date(c.At), "what", w.about(v, c))
}

// about says what a decision is about, from the widest to the narrowest.
func (w world) about(v text.Viewer, c engawa.Consent) string {
	parts := []string{v.T("confirm.of." + string(c.Act)), v.T("my.any_channel")}
	if c.Channel != "" {
		parts[1] = c.Channel
		if v.Words.Has("kind." + c.Channel) {
			parts[1] = v.T("kind." + c.Channel)
		}
	}
	if c.Topic != "" {
		parts = append(parts, c.Topic)
	}
	for _, a := range w.apps {
		if a.ID == c.App {
			parts = append(parts, a.Name)
		}
	}
	return strings.Join(parts, " · ")
}

// sender is who advertises: the business, or a partner through it.
func (w world) sender(v text.Viewer, controller string) string {
	for _, p := range w.partners {
		if p.ID == controller {
			return v.T("my.via", "sender", p.Name, "business", w.workspace.Name)
		}
	}
	return w.workspace.Name
}

// contact is how the business is reached.
func (w world) contact() string {
	s := w.workspace.Sender
	var parts []string
	for _, p := range []string{cmp.Or(s.Name, w.workspace.Name), s.Phone, s.Mail, s.Postal} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " · ")
}
