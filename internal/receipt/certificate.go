package receipt

import (
	"context"
	"time"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// CertificateType is the typ of a certificate's header.
const CertificateType = "erasure-certificate+jwt"

// Certificate is what a certificate of erasure says of the end of a contract, in
// numbers.
type Certificate struct {
	Issuer       string         `json:"iss"` // the hub's public URL
	ID           string         `json:"jti"` // the end
	IssuedAt     int64          `json:"iat"` // when the certificate was made, seconds
	Workspace    string         `json:"workspace"`
	Partner      string         `json:"partner"`
	PartnerName  string         `json:"partner_name"`
	Subscription string         `json:"subscription,omitempty"` // the contract; empty: the whole partner's
	App          string         `json:"app,omitempty"`          // of the subscription
	StartedAt    time.Time      `json:"started_at"`
	EndedAt      time.Time      `json:"ended_at"`
	Shared       []store.Shared `json:"shared"` // what partners were given, by app
	// Complete says that all was destroyed that the contract alone needed; until
	// then Left is to be, from DestroyAt on.
	Complete    bool       `json:"complete"`
	DestroyAt   time.Time  `json:"destroy_at"`
	DestroyedAt *time.Time `json:"destroyed_at,omitempty"` // the last of it
	Destroyed   Erased     `json:"destroyed"`
	Left        *Erased    `json:"left,omitempty"`
	Kept        Kept       `json:"kept"`
}

// Erased counts what is destroyed, by kind.
type Erased struct {
	Texts     int64 `json:"texts"`     // messages whose words, verdicts and hand-overs nobody can read
	Replies   int64 `json:"replies"`   // answers of customers
	Handles   int64 `json:"handles"`   // names by which a partner knew a customer
	Customers int64 `json:"customers"` // whose keys are destroyed
}

// Kept is what stays, and whose it is: decisions prove what was allowed, customers
// have something else with the business. Addresses that want no mail stay as keyed
// hashes, tied to nobody.
type Kept struct {
	Customers int64 `json:"customers"`
	Decisions int64 `json:"decisions"`
}

// NewCertificate is what a certificate of an end says; name is the partner's.
func NewCertificate(issuer, name string, e store.Ending, at time.Time) Certificate {
	c := Certificate{
		Issuer: issuer, ID: e.ID, IssuedAt: at.Unix(), Workspace: e.Workspace, Partner: e.Partner, PartnerName: name, Subscription: e.Subscription, App: e.App,
		StartedAt: e.StartedAt.UTC(), EndedAt: e.EndedAt.UTC(), Shared: append([]store.Shared{}, e.Shared...), DestroyAt: e.PurgeAt.UTC(),
		Destroyed: erased(e.Destroyed), Kept: Kept{e.Destroyed.Kept, e.Decisions},
	}
	if c.Complete = !e.PurgedAt.IsZero(); c.Complete {
		when := e.PurgedAt.UTC()
		c.DestroyedAt = &when
		return c
	}
	left := erased(e.Left)
	c.Left = &left
	return c
}

func erased(d store.Destroyed) Erased { return Erased{d.Texts, d.Replies, d.Handles, d.Customers} }

// SignCertificate returns the certificate as text.
func SignCertificate(v *vault.Vault, c Certificate) (string, error) {
	return sign(v, CertificateType, c.ID, c)
}

// CheckCertificate returns what a certificate says, as Check does of a receipt.
func CheckCertificate(certificate string, keys Keys) (c Certificate, err error) {
	err = check(certificate, CertificateType, keys, &c)
	return c, err
}

// Certify signs the certificate of the end of a partner or of a subscription, as it
// stands now.
func Certify(ctx context.Context, st *store.Store, v *vault.Vault, issuer, workspace, id string) (string, error) {
	e, err := st.EndOf(ctx, workspace, id)
	if err != nil {
		return "", err
	}
	name := ""
	if e.Partner != "" {
		p, err := st.Partner(ctx, workspace, e.Partner)
		if err != nil {
			return "", err
		}
		name = p.Name
	}
	return SignCertificate(v, NewCertificate(issuer, name, e, time.Now()))
}
