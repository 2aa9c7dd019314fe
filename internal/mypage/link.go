package mypage

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/engawa/engawa"
)

// Purposes of the tokens in the pages' addresses. A token for one opens no other.
const (
	openToken  = "mypage"       // a link in a message: shows what is masked, stops and allows
	sureToken  = "mypage.sure"  // a link that was asked for, or a sign-in: shows all, changes all
	proveToken = "mypage.prove" // proves a contact point and shows nothing else
	askToken   = "mypage.ask"   // asks for a consent
)

// How long they work. That of a message works longer than any law asks for (US
// 16 CFR 316.5: 30 days), and as long as the one-click link.
const (
	LinkLife  = 180 * 24 * time.Hour
	sureLife  = 30 * time.Minute
	proveLife = 48 * time.Hour
	AskLife   = 24 * time.Hour // unless whoever makes the link says otherwise
	MaxAsk    = 30 * 24 * time.Hour
)

// pass is who a token stands for. The names are short: it is in every message.
type pass struct {
	Workspace string `json:"w"`
	Customer  string `json:"c"`
	Point     string `json:"p,omitempty"` // of proveToken
	// Of a sign-in: who the provider vouches for. Whom it names, and the role that
	// it has here, is looked up each time, so that one who lost it can do nothing
	// more.
	Issuer  string `json:"i,omitempty"`
	Subject string `json:"s,omitempty"`
	// Of one by an account: which, and what its provider told of the visitor.
	Account string `json:"a,omitempty"`
	Kind    string `json:"k,omitempty"`
	Role    string `json:"r,omitempty"`
	Mail    string `json:"m,omitempty"` // for a form; an engawa.Address would be masked here

	sure bool
}

// subjectKind is the kind of the identities by which a sign-in finds a customer.
const subjectKind = "subject"

func (p pass) identity() engawa.Identity {
	return engawa.Identity{Issuer: p.Issuer, Kind: cmp.Or(p.Kind, subjectKind), Value: p.Subject}
}

func (s *Site) token(purpose string, payload any, life time.Duration) string {
	b, err := json.Marshal(payload)
	if err != nil {
		return "" // strings always marshal
	}
	return s.Vault.Token(purpose, b, time.Now().Add(life))
}

func (s *Site) open(purpose, token string, into any) error {
	b, err := s.Vault.OpenToken(purpose, token, time.Now())
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return gone()
	}
	return nil
}

// Link is the address of a customer's own page, as it stands in messages.
func (s *Site) Link(workspace, customer string) string {
	return s.Base + "/my/" + s.token(openToken, pass{Workspace: workspace, Customer: customer}, LinkLife)
}

// InMessage is the link for a message, or nothing where it must not stand: what
// goes to a contact point by name may reach somebody else.
func (s *Site) InMessage(m engawa.Message) string {
	if m.Customer == "" || m.ContactPoint != "" {
		return ""
	}
	return s.Link(m.Workspace, m.Customer)
}

// own opens the page's token and hands on the visit of its customer.
func (s *Site) own(do func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		token := v.r.PathValue("token")
		err := s.open(sureToken, token, &v.pass)
		v.pass.sure = err == nil
		if err != nil {
			err = s.open(openToken, token, &v.pass)
		}
		if err == nil {
			err = s.known(v, v.pass.Workspace, v.pass.Customer)
		}
		if err == nil && v.pass.Subject != "" {
			err = s.stillTheirs(v)
		}
		if err != nil {
			return err
		}
		v.Path = "/my/" + token
		return do(v)
	}
}

// stillTheirs looks whether the sign-in still names the customer.
func (s *Site) stillTheirs(v *visit) error {
	customer, role, err := s.whose(v.ctx(), v.pass)
	if err == nil && customer != v.customer.ID {
		err = gone()
	}
	v.role = role
	return err
}

// mayChange reports whether the visitor may change where the customer is
// reached, take the data out and have it erased: on a contract only an owner.
func (v *visit) mayChange() bool {
	if v.customer.Kind == "contract" || v.role != "" {
		return v.pass.sure && v.role == "owner"
	}
	return v.pass.sure
}

// sureOnly refuses who has not shown who they are.
func (v *visit) sureOnly() error {
	if v.mayChange() {
		return nil
	}
	return &engawa.Error{Code: engawa.CodeForbidden, Message: "this takes the customer's own sign-in"}
}
