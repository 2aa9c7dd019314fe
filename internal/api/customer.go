package api

import (
	"context"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/verdict"
)

type customerOut struct {
	ID         string        `json:"id"`
	Kind       string        `json:"kind" enum:"person,contract"`
	Name       string        `json:"name" doc:"Empty after an erasure"`
	Locale     engawa.Locale `json:"locale"`
	Country    string        `json:"country"`
	Zone       string        `json:"zone"`
	Minor      bool          `json:"minor"`
	Erased     bool          `json:"erased"`
	MergedInto string        `json:"merged_into,omitempty" doc:"Who this customer turned out to be, and who has all that it had"`
	CreatedAt  time.Time     `json:"created_at"`
}

func showCustomer(cu engawa.Customer) customerOut {
	return customerOut{cu.ID, cu.Kind, cu.Name, cu.Locale, cu.Country, cu.Zone, cu.Minor, cu.Erased, cu.MergedInto, cu.CreatedAt.UTC()}
}

type customerList struct {
	Customers []customerOut `json:"customers"`
	Next      string        `json:"next"`
}

func (a *API) listCustomers(ctx context.Context, c *call, in *Paging) (customerList, error) {
	p, err := in.page(engawa.PrefixCustomer)
	if err != nil {
		return customerList{}, err
	}
	all, err := a.Store.Customers(ctx, c.workspace, p)
	out := customerList{Customers: make([]customerOut, len(all))}
	for i, cu := range all {
		out.Customers[i] = showCustomer(cu)
		out.Next = in.next(len(all), cu.CreatedAt, cu.ID)
	}
	return out, err
}

func (a *API) getCustomer(ctx context.Context, c *call, in *One) (customerOut, error) {
	cu, err := a.Store.Customer(ctx, c.workspace, in.ID)
	return showCustomer(cu), err
}

// IdentityNew is an identity to be tied to a customer.
type IdentityNew struct {
	intake.Identity
	Role string `json:"role,omitempty" enum:"owner,staff" doc:"On a contract: only an owner may change where its mail goes"`
}

type contactPointNew struct {
	Kind     string           `json:"kind" maxLength:"64" example:"mail" doc:"The kind of channel that it serves"`
	Address  string           `json:"address" minLength:"1" maxLength:"512"`
	Role     string           `json:"role,omitempty" enum:"contract,billing,technical,login"`
	Purposes []engawa.Purpose `json:"purposes,omitempty" maxItems:"8" maxLength:"64" doc:"Which purposes it serves; all if empty"`
	Verified bool             `json:"verified,omitempty" doc:"You have proved that it is the customer's"`
}

type customerIn struct {
	Body struct {
		Kind          string            `json:"kind" enum:"person,contract"`
		Name          string            `json:"name,omitempty" maxLength:"200"`
		Locale        engawa.Locale     `json:"locale,omitempty" enum:"ja,ko,en" doc:"The workspace's if empty"`
		Country       string            `json:"country,omitempty" pattern:"^[A-Z]{2}$" example:"JP" doc:"ISO 3166-1 alpha-2; empty if not known"`
		Zone          string            `json:"zone,omitempty" maxLength:"64" example:"Asia/Tokyo"`
		Minor         bool              `json:"minor,omitempty"`
		Identities    []IdentityNew     `json:"identities,omitempty" maxItems:"16"`
		ContactPoints []contactPointNew `json:"contact_points,omitempty" maxItems:"16"`
	}
}

func (a *API) addCustomer(ctx context.Context, c *call, in *customerIn) (customerOut, error) {
	b := in.Body
	if err := checkZone("/zone", b.Zone); err != nil {
		return customerOut{}, err
	}
	n := store.NewCustomer{Customer: engawa.Customer{
		Workspace: c.workspace, ID: engawa.NewID(engawa.PrefixCustomer), Kind: b.Kind, Name: b.Name, Locale: b.Locale, Country: b.Country, Zone: b.Zone,
		Minor: b.Minor, CreatedAt: time.Now().UTC(),
	}}
	if b.Locale == "" {
		w, err := a.Store.Workspace(ctx, c.workspace)
		if err != nil {
			return customerOut{}, err
		}
		n.Customer.Locale = w.Locale
	}
	for _, id := range b.Identities {
		n.Identities = append(n.Identities, engawa.Identity{Issuer: id.Issuer, Kind: id.Kind, Value: id.Value, Role: id.Role})
	}
	for i, pt := range b.ContactPoints {
		point, err := a.contactPoint(n.Customer, pt)
		if err != nil {
			return customerOut{}, engawa.Within("/contact_points/"+itoa(i), err)
		}
		n.ContactPoints = append(n.ContactPoints, point)
	}
	return showCustomer(n.Customer), a.Store.AddCustomer(ctx, n)
}

type customerChange struct {
	One
	Body struct {
		Kind    *string        `json:"kind,omitempty" enum:"person,contract"`
		Name    *string        `json:"name,omitempty" maxLength:"200"`
		Locale  *engawa.Locale `json:"locale,omitempty" enum:"ja,ko,en"`
		Country *string        `json:"country,omitempty" pattern:"^([A-Z]{2})?$" example:"JP" doc:"ISO 3166-1 alpha-2; empty if not known"`
		Zone    *string        `json:"zone,omitempty" maxLength:"64" example:"Asia/Tokyo" doc:"Empty: every zone of the country counts"`
		Minor   *bool          `json:"minor,omitempty"`
	}
}

func (a *API) changeCustomer(ctx context.Context, c *call, in *customerChange) (customerOut, error) {
	b := in.Body
	if b.Zone != nil {
		if err := checkZone("/zone", *b.Zone); err != nil {
			return customerOut{}, err
		}
	}
	cu, err := c.store.ChangeCustomer(ctx, c.workspace, in.ID, func(cu *engawa.Customer) {
		set(&cu.Kind, b.Kind)
		set(&cu.Name, b.Name)
		set(&cu.Locale, b.Locale)
		set(&cu.Country, b.Country)
		set(&cu.Zone, b.Zone)
		set(&cu.Minor, b.Minor)
	})
	return showCustomer(cu), err
}

type mergeIn struct {
	One
	Body struct {
		From string `json:"from" maxLength:"64" doc:"The other customer, who turned out to be the same"`
	}
}

type customerMerged struct {
	Customer customerOut  `json:"customer"`
	From     string       `json:"from"`
	Stopped  []consentOut `json:"stopped" doc:"Consents of one of the two that the other had not given: withdrawn by the merger. Ask the customer again"`
}

func (a *API) mergeCustomer(ctx context.Context, c *call, in *mergeIn) (customerMerged, error) {
	stopped, err := c.store.Merge(ctx, store.Merge{Workspace: c.workspace, Into: in.ID, From: in.Body.From, Narrow: verdict.Narrow})
	if err != nil {
		return customerMerged{}, err
	}
	cu, err := a.Store.Customer(ctx, c.workspace, in.ID)
	return customerMerged{showCustomer(cu), in.Body.From, shown(stopped, showConsent)}, err
}

type customerErased struct {
	ID        string    `json:"id"`
	ErasedAt  time.Time `json:"erased_at"`
	Canceled  int64     `json:"canceled" doc:"Messages that had not been handed over, and now never will be"`
	Forgotten int64     `json:"forgotten" doc:"Identities and contact points by which the customer could be found"`
}

func (a *API) eraseCustomer(ctx context.Context, c *call, in *One) (customerErased, error) {
	e, err := c.store.Erase(ctx, c.workspace, in.ID)
	return customerErased{in.ID, e.At.UTC(), e.Canceled, e.Forgotten}, err
}

func checkZone(field, zone string) error {
	if _, err := engawa.Zone(zone); err != nil || zone == "Local" {
		return engawa.Invalid(field, "write an IANA name, such as Asia/Tokyo", "%q is no time zone", clip(zone, 80))
	}
	return nil
}

// contactPoint checks a new contact point by its kind.
func (a *API) contactPoint(cu engawa.Customer, in contactPointNew) (engawa.ContactPoint, error) {
	i := slices.IndexFunc(a.Kinds, func(k channel.Kind) bool { return k.Name == in.Kind && k.ToCustomers && k.Address != nil })
	if i < 0 {
		return engawa.ContactPoint{}, engawa.Invalid("/kind", "choose a kind that reaches customers; GET /v1/kinds lists them", "%q is no kind of contact point", clip(in.Kind, 80))
	}
	if other := engawa.ContactKind(in.Kind); other != in.Kind {
		return engawa.ContactPoint{}, engawa.Invalid("/kind", "write "+other, "a %s reaches customers at their contact points of the kind %s", in.Kind, other)
	}
	address, err := a.Kinds[i].Address(in.Address)
	if err != nil {
		return engawa.ContactPoint{}, err
	}
	p := engawa.ContactPoint{
		Workspace: cu.Workspace, ID: engawa.NewID(engawa.PrefixContactPoint), Customer: cu.ID, Kind: in.Kind, Address: address, Role: in.Role,
		Purposes: in.Purposes, CreatedAt: time.Now().UTC(),
	}
	for i, purpose := range in.Purposes {
		if !knownPurpose(purpose) {
			return p, engawa.Invalid("/purposes/"+itoa(i), "choose service, notice or marketing", "%q is not a purpose", clip(string(purpose), 80))
		}
	}
	if in.Verified {
		p.VerifiedAt = p.CreatedAt
	}
	return p, nil
}

func knownPurpose(p engawa.Purpose) bool {
	return p == engawa.Marketing || p.Class() != engawa.Marketing
}

type contactPointOut struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind"`
	Address    string           `json:"address" doc:"Masked, unless addresses=true was asked and allowed"`
	Role       string           `json:"role,omitempty"`
	Purposes   []engawa.Purpose `json:"purposes"`
	VerifiedAt *time.Time       `json:"verified_at"`
	CreatedAt  time.Time        `json:"created_at"`
}

func showContactPoint(p engawa.ContactPoint, reveal bool) contactPointOut {
	address := p.Address.String()
	if reveal {
		address = p.Address.Reveal()
	}
	return contactPointOut{p.ID, p.Kind, address, p.Role, p.Purposes, utc(p.VerifiedAt), p.CreatedAt.UTC()}
}

type contactPointsIn struct {
	One
	Paging
	Addresses bool `query:"addresses" doc:"Shows whole addresses; asks for the scope addresses:read, and every such reading is recorded"`
}

type contactPointList struct {
	ContactPoints []contactPointOut `json:"contact_points" doc:"Oldest first"`
	Next          string            `json:"next"`
}

func (a *API) listContactPoints(ctx context.Context, c *call, in *contactPointsIn) (contactPointList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.ID); err != nil {
		return contactPointList{}, err
	}
	if in.Addresses {
		if err := c.who.Require(access.AddressesRead); err != nil {
			return contactPointList{}, err
		}
		if err := a.Store.Note(ctx, store.Audit{Workspace: c.workspace, Actor: c.actor(), Action: "read-addresses", Object: in.ID}); err != nil {
			return contactPointList{}, err
		}
	}
	all, err := a.Store.ContactPoints(ctx, c.workspace, in.ID)
	place := func(p engawa.ContactPoint) (time.Time, string) { return p.CreatedAt, p.ID }
	show := func(p engawa.ContactPoint) contactPointOut { return showContactPoint(p, in.Addresses) }
	points, next, err := partAfter(in.Paging, engawa.PrefixContactPoint, all, err, place, show)
	return contactPointList{points, next}, err
}

type contactPointIn struct {
	One
	Body contactPointNew
}

func (a *API) addContactPoint(ctx context.Context, c *call, in *contactPointIn) (contactPointOut, error) {
	p, err := a.contactPoint(engawa.Customer{Workspace: c.workspace, ID: in.ID}, in.Body)
	if err != nil {
		return contactPointOut{}, err
	}
	return showContactPoint(p, false), a.Store.AddContactPoint(ctx, p)
}

type pointOfCustomer struct {
	One
	Point string `path:"point" maxLength:"64"`
}

func (a *API) endContactPoint(ctx context.Context, c *call, in *pointOfCustomer) (ended, error) {
	return ended{in.Point}, c.store.EndContactPoint(ctx, c.workspace, in.ID, in.Point)
}

type identityLinkIn struct {
	Body struct {
		IdentityNew
		Customer string `json:"customer" maxLength:"64"`
	}
}

type identityLink struct {
	Issuer   string `json:"issuer"`
	Kind     string `json:"kind"`
	Role     string `json:"role,omitempty"`
	Customer string `json:"customer"`
}

func (a *API) addIdentity(ctx context.Context, c *call, in *identityLinkIn) (identityLink, error) {
	b := in.Body
	id := engawa.Identity{Issuer: b.Issuer, Kind: b.Kind, Value: b.Value, Role: b.Role, Customer: b.Customer}
	return showIdentity(id), a.Store.Link(ctx, c.workspace, id.Customer, id)
}

type identityEndIn struct {
	Body struct {
		Customer string `json:"customer" maxLength:"64"`
		Issuer   string `json:"issuer" minLength:"1" maxLength:"255" example:"business"`
		Kind     string `json:"kind" minLength:"1" maxLength:"64" example:"member_number"`
		Value    string `json:"value,omitempty" minLength:"1" maxLength:"512" doc:"All of the issuer and kind, if it is not given"`
	}
}

type identitiesEnded struct {
	Customer string `json:"customer"`
	Ended    int64  `json:"ended" doc:"How many there were"`
}

func (a *API) endIdentity(ctx context.Context, c *call, in *identityEndIn) (identitiesEnded, error) {
	b := in.Body
	n, err := c.store.Unlink(ctx, c.workspace, b.Customer, engawa.Identity{Issuer: b.Issuer, Kind: b.Kind, Value: b.Value})
	return identitiesEnded{b.Customer, n}, err
}

type identitiesIn struct {
	Customer string `query:"customer" required:"true" maxLength:"64"`
}

type identityList struct {
	Identities []identityLink `json:"identities" doc:"Without their values, of which only keyed hashes are kept"`
}

func (a *API) listIdentities(ctx context.Context, c *call, in *identitiesIn) (identityList, error) {
	if _, err := a.Store.Customer(ctx, c.workspace, in.Customer); err != nil {
		return identityList{}, err
	}
	all, err := a.Store.Identities(ctx, c.workspace, in.Customer)
	return identityList{shown(all, showIdentity)}, err
}

func showIdentity(id engawa.Identity) identityLink {
	return identityLink{id.Issuer, id.Kind, id.Role, id.Customer}
}
