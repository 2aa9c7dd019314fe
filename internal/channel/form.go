package channel

import (
	"context"
	"fmt"

	"github.com/engawa/engawa"
)

// ByHand is the address of the staff place at which a FormKind's account asks a
// person for what no form can do.
const ByHand = engawa.ByHand

// Register is the act of a FormKind that its form can do.
const Register = "register"

// ShapeField is the setting that keeps a form's shape.
const ShapeField = "shape"

// FormKind is what a kind brings that fills in somebody's public form because
// there is no program to speak to. Nobody promised that the form stays as it is:
// such an account begins switched off, with a warning, goes only where a route
// or a request names it, and hands to a person what the form cannot do.
type FormKind struct {
	// Fields are the settings that an operator chooses on the form's page; they
	// are not on the account's. ShapeField is the last of them.
	Fields []string
	// Warns are the points of what an operator must know before switching it on, in
	// order: their words are "kind.<kind>.warning.<point>".
	Warns []string
	// Needs are those of Fields without which nothing is submitted, besides ShapeField.
	Needs []string
	// Registers and Asks are the types of the events of which customers are told
	// here, and of those that only a person can follow.
	Registers, Asks []string
	// Try is the type of the event as which an operator registers an address to try.
	Try string
	// Read fetches the form. The error is an *engawa.Error in words for the operator.
	Read func(ctx context.Context, s Settings, env Env) (WebForm, error)
	// Words are what a message about an event says on this channel, where no
	// template does.
	Words func(engawa.Event) engawa.Content
	// Plans are the parts of the list that a message with content c is about; none:
	// all of it.
	Plans func(s Settings, c engawa.Content) []string
	// Typed is what a person does and types instead, for a message with content c
	// about somebody of this name at this address. act is Register, "change" or
	// "remove"; empty: nothing need be done.
	Typed func(s Settings, c engawa.Content, name string, to engawa.Address) (act string, out []Typed)
}

// WebForm is a public form as it was read.
type WebForm struct {
	Forms    int // how many the page has
	Inputs   []WebInput
	Charset  string
	Disagree bool     // the HTTP header names another charset than the page
	Shape    string   // what must stay as it is, one thing a line
	Changed  []string // against the shape in the settings: "+ line", "- line"
}

// WebInput is one input of a WebForm.
type WebInput struct {
	Name, Type, Label string
	Required          bool
	Options           []string // of a select or of radio buttons
}

// Typed is one value that a person types into another system.
type Typed struct {
	Key   string // its words are "kind.<kind>.<key>"
	Value engawa.Address
}

// Format names the field alone, whatever the verb.
func (t Typed) Format(f fmt.State, _ rune) { fmt.Fprint(f, "value of "+t.Key) }
