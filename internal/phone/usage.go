package phone

import (
	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/purchase"
)

// Owns refuses a transaction, or a product, of which the customer bought nothing:
// a device may tell of its customer's own purchases alone. Exactly one is named.
func Owns(all []purchase.State, transaction, product string) error {
	if (transaction == "") == (product == "") {
		return engawa.Invalid("/transaction_id", "name the transaction, or the product of which all purchases are meant", "usage is told of one transaction or of one product")
	}
	if transaction != "" {
		_, err := own(all, transaction)
		return err
	}
	for _, s := range all {
		for _, said := range s.Periods {
			if said.What.ProductID == product {
				return nil
			}
		}
	}
	return engawa.Invalid("/product", "name a product that this customer bought", "this customer bought nothing of this product")
}
