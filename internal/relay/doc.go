// Package relay is mail in: an SMTP server that takes what comes back for the
// hub's own mail (bounces, complaints, answers) and what other systems write to
// an account's inbox. It knows no mailbox but those that it signed itself: it
// relays nothing, answers nothing, and says 250 only after the commit.
package relay
