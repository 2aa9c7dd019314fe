package message

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Leaving is the words of a message as they leave on a kind of channel: with the
// link to the customer's own page at their end. It stands in no stored words, so
// that nobody but who gets the message has it. An address that is not proved, or
// that the message names, does not get it: whoever reads there may be somebody
// else. A form has no words, and an app has pages of its own.
func (c *Composer) Leaving(m engawa.Message, kind channel.Kind, to *engawa.ContactFacts) engawa.Content {
	if m.Customer == "" || c.OwnPage == nil || kind.Form != nil || kind.Name == "inapp" || to == nil || !to.Verified {
		return m.Content
	}
	link := c.OwnPage(m)
	if link == "" {
		return m.Content
	}
	return c.Words.WithOwnPage(m.Content, m.Locale, link)
}
