package api

import (
	"context"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/purchase"
)

// NamedProduct names a product of the store.
type NamedProduct struct {
	ID string `path:"id" maxLength:"100" pattern:"^[A-Za-z0-9._-]+$" doc:"The product id as in App Store Connect"`
}

// ProductBody is what the business says of a product.
type ProductBody struct {
	Name         string   `json:"name,omitempty" maxLength:"80"`
	Entitlements []string `json:"entitlements" maxItems:"20" maxLength:"64" doc:"What it opens; several products may open the same. None: the product's own id" example:"[\"premium\"]"`
	Months       int      `json:"months,omitzero" minimum:"0" maximum:"120" doc:"How long a non-renewing subscription lasts, which the App Store does not know; with days. Neither: without end"`
	Days         int      `json:"days,omitzero" minimum:"0" maximum:"3660"`
	Group        string   `json:"group,omitempty" maxLength:"20" example:"21456789" doc:"Of a subscription: the number of its group in App Store Connect, with level"`
	Level        int      `json:"level,omitzero" minimum:"0" maximum:"100" doc:"Within the group, as in App Store Connect: 1 is the highest"`
}

// ProductRow is a product that the business describes.
type ProductRow struct {
	ID string `json:"id" doc:"The product id as in App Store Connect"`
	ProductBody
	UpdatedAt time.Time `json:"updated_at"`
}

type productList struct {
	Products []ProductRow `json:"products" doc:"By id. Every other product entitles to itself"`
}

func showProduct(p engawa.Product) ProductRow {
	return ProductRow{p.ID, ProductBody{p.Name, append([]string{}, p.Entitlements...), p.Months, p.Days, p.Group, p.Level}, p.UpdatedAt.UTC()}
}

func (a *API) listProducts(ctx context.Context, c *call, _ *none) (productList, error) {
	ps, err := a.Store.Products(ctx, c.workspace)
	return productList{shown(ps, showProduct)}, err
}

type productIn struct {
	NamedProduct
	Body ProductBody
}

func (a *API) saveProduct(ctx context.Context, c *call, in *productIn) (ProductRow, error) {
	b := in.Body
	p := engawa.Product{Workspace: c.workspace, ID: in.ID, Name: b.Name, Entitlements: b.Entitlements, Months: b.Months, Days: b.Days, Group: b.Group, Level: b.Level, UpdatedBy: c.actor(), UpdatedAt: time.Now()}
	if err := purchase.CheckProduct(p); err != nil {
		return ProductRow{}, err
	}
	return showProduct(p), c.store.SaveProduct(ctx, p)
}

type forgotten struct {
	ID string `json:"id"`
}

func (a *API) forgetProduct(ctx context.Context, c *call, in *NamedProduct) (forgotten, error) {
	return forgotten{in.ID}, c.store.ForgetProduct(ctx, c.workspace, in.ID)
}

// entitled is what is open to who bought all this, by what the business says of
// its products.
func (a *API) entitled(ctx context.Context, workspace string, all []purchase.State) ([]purchase.Entitlement, error) {
	ps, err := a.Store.Products(ctx, workspace)
	return purchase.Entitlements(all, purchase.Described(ps), time.Now()), err
}
