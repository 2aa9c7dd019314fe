package intake

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
)

// introduce reads off an event whose it is and what it tells of that customer. An
// address that cannot be written to is none. proves: its teller may say that an
// address is a customer's own.
func (in *Intake) introduce(e *engawa.Event, proves bool) {
	if !e.Known || e.Sample {
		return
	}
	e.Identities, e.Newcomer = catalogue.Whose(*e)
	if e.Newcomer == nil {
		return
	}
	address, err := mailOf(in.Kinds)(e.Newcomer.Mail.Reveal())
	if err != nil {
		address = ""
	}
	e.Newcomer.Mail, e.Newcomer.Proved = address, e.Newcomer.Proved && proves
}

// mailOf checks mail addresses as the mail channel does.
func mailOf(kinds []channel.Kind) func(string) (engawa.Address, error) {
	for _, k := range kinds {
		if k.Name == "mail" {
			return k.Address
		}
	}
	return func(string) (engawa.Address, error) {
		return "", engawa.Invalid("/address", "add the mail channel", "there is no mail channel")
	}
}
