package console

import (
	"cmp"

	incoming "github.com/engawa/engawa/internal/letter"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// keptShown is how many of the kept mails the page shows, the oldest first.
const keptShown = 50

// kept is the page of the mails of an account of which nothing could be made. Their
// words are shown with addresses veiled: a link of a feedback loop has to be followed.
func (c *console) kept(v *visit) error {
	a, _, err := c.openAccount(v)
	if err != nil {
		return err
	}
	mails, err := c.Store.UnreadOf(v.ctx(), v.ws(), a.ID, keptShown)
	if err != nil {
		return err
	}
	view := Kept{Page: v.titled("accounts", v.T("kept.of", "account", a.Name)), Account: a.ID}
	view.Path = "/accounts/" + a.ID + "/kept"
	for _, u := range mails {
		view.Off = view.Off || u.Why == store.InboxOff
		row := KeptRow{At: u.At, EndsAt: u.EndsAt, Why: string(u.Why), Subject: v.T("patterns.no_subject")}
		if u.Unopened != nil {
			row.Text = v.T("kept.unopened")
		} else if l, err := incoming.Read(u.Raw); err == nil {
			row.From, row.Text = text.VeilText(l.From), text.VeilText(l.Text)
			row.Subject = cmp.Or(text.VeilText(l.Subject), row.Subject)
		}
		view.Rows = append(view.Rows, row)
	}
	return v.show(KeptPage(view))
}

// dropKept deletes them: a person has looked.
func (c *console) dropKept(v *visit) error {
	if err := v.by.DropUnread(v.ctx(), v.ws(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.see("/accounts/"+v.r.PathValue("id"), "kept_dropped")
}
