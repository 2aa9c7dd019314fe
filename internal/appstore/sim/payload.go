package sim

// transactionInfo is a JWSTransactionDecodedPayload.
type transactionInfo struct {
	TransactionID        string `json:"transactionId"`
	OriginalID           string `json:"originalTransactionId"`
	WebOrderLineItemID   string `json:"webOrderLineItemId,omitempty"`
	AppTransactionID     string `json:"appTransactionId,omitempty"`
	BundleID             string `json:"bundleId"`
	ProductID            string `json:"productId"`
	Group                string `json:"subscriptionGroupIdentifier,omitempty"`
	PurchaseDate         int64  `json:"purchaseDate"`
	OriginalPurchaseDate int64  `json:"originalPurchaseDate"`
	ExpiresDate          int64  `json:"expiresDate,omitempty"`
	Quantity             int    `json:"quantity"`
	Type                 string `json:"type"`
	AppAccountToken      string `json:"appAccountToken,omitempty"`
	Ownership            string `json:"inAppOwnershipType"`
	SignedDate           int64  `json:"signedDate"`
	RevocationReason     *int   `json:"revocationReason,omitempty"`
	RevocationDate       int64  `json:"revocationDate,omitempty"`
	RevocationType       string `json:"revocationType,omitempty"`
	RevocationPercentage int64  `json:"revocationPercentage,omitempty"`
	IsUpgraded           bool   `json:"isUpgraded,omitempty"`
	OfferType            int    `json:"offerType,omitempty"`
	OfferIdentifier      string `json:"offerIdentifier,omitempty"`
	OfferDiscountType    string `json:"offerDiscountType,omitempty"`
	OfferPeriod          string `json:"offerPeriod,omitempty"`
	Environment          string `json:"environment"`
	TransactionReason    string `json:"transactionReason"`
	Storefront           string `json:"storefront,omitempty"`
	StorefrontID         string `json:"storefrontId,omitempty"`
	Price                *int64 `json:"price,omitempty"`
	Currency             string `json:"currency,omitempty"`
}

// info is a transaction as it stands now.
func (s *Store) info(t *transaction) transactionInfo {
	p := t.product
	i := transactionInfo{
		TransactionID: t.id, OriginalID: t.original.id, WebOrderLineItemID: t.line, AppTransactionID: t.owner.appTx, BundleID: s.BundleID,
		ProductID: p.ID, Group: p.Group, PurchaseDate: millis(t.purchased), OriginalPurchaseDate: millis(t.original.purchased),
		ExpiresDate: millis(t.expires), Quantity: t.quantity, Type: p.Type, AppAccountToken: t.token, Ownership: ownership(t.shared),
		SignedDate: millis(s.now()), RevocationDate: millis(t.revoked), RevocationType: t.revocationType, RevocationPercentage: t.revocationPercent,
		IsUpgraded: t.upgraded, Environment: s.Environment, TransactionReason: t.reason, Storefront: t.storefront, StorefrontID: storefrontIDs[t.storefront],
	}
	if p.Type == Consumable {
		i.WebOrderLineItemID = "" // only subscriptions have one
	}
	if !t.revoked.IsZero() {
		i.RevocationReason = new(t.revocationReason)
	}
	if !t.shared {
		i.Price, i.Currency = new(t.price), t.currency
	}
	if o := t.offer; o != nil {
		i.OfferType, i.OfferIdentifier, i.OfferDiscountType, i.OfferPeriod = o.Type, o.ID, o.Pays, o.Period
	}
	return i
}

func ownership(shared bool) string {
	if shared {
		return "FAMILY_SHARED"
	}
	return "PURCHASED"
}

// renewalInfo is a JWSRenewalInfoDecodedPayload.
type renewalInfo struct {
	OriginalID          string   `json:"originalTransactionId"`
	AppTransactionID    string   `json:"appTransactionId,omitempty"`
	AutoRenewProductID  string   `json:"autoRenewProductId"`
	ProductID           string   `json:"productId"`
	AutoRenewStatus     int      `json:"autoRenewStatus"`
	ExpirationIntent    int      `json:"expirationIntent,omitempty"`
	BillingRetry        *bool    `json:"isInBillingRetryPeriod,omitempty"`
	GraceUntil          int64    `json:"gracePeriodExpiresDate,omitempty"`
	PriceIncreaseStatus *int     `json:"priceIncreaseStatus,omitempty"`
	OfferType           int      `json:"offerType,omitempty"`
	OfferIdentifier     string   `json:"offerIdentifier,omitempty"`
	OfferDiscountType   string   `json:"offerDiscountType,omitempty"`
	OfferPeriod         string   `json:"offerPeriod,omitempty"`
	WinBacks            []string `json:"eligibleWinBackOfferIds,omitempty"`
	SignedDate          int64    `json:"signedDate"`
	Environment         string   `json:"environment"`
	RecentStart         int64    `json:"recentSubscriptionStartDate,omitempty"`
	RenewalDate         int64    `json:"renewalDate,omitempty"`
	RenewalPrice        *int64   `json:"renewalPrice,omitempty"`
	Currency            string   `json:"currency,omitempty"`
	AppAccountToken     string   `json:"appAccountToken,omitempty"`
}

// renewal is what comes next for a subscription, as it stands now.
func (s *Store) renewal(sub *subscription) renewalInfo {
	t := sub.last
	r := renewalInfo{
		OriginalID: t.original.id, AppTransactionID: sub.owner.appTx, AutoRenewProductID: sub.next.ID, ProductID: sub.product.ID,
		ExpirationIntent: sub.intent, SignedDate: millis(s.now()), Environment: s.Environment, RecentStart: millis(sub.start), AppAccountToken: t.token,
		GraceUntil: millis(sub.graceUntil),
	}
	if sub.renew {
		r.AutoRenewStatus = 1
	}
	switch sub.status {
	case statusActive:
		r.RenewalDate = millis(t.expires)
		if sub.renew && sub.sharedBy == nil {
			amount, currency := sub.next.price(sub.coming(), sub.owner.storefront)
			r.RenewalPrice, r.Currency = &amount, currency
		}
	case statusExpired:
		r.WinBacks = sub.product.winBacks()
		r.BillingRetry = new(false)
	case statusRetry:
		r.BillingRetry = new(true)
	case statusGrace:
		r.BillingRetry = new(false) // it has been seen false here (forum thread 749813)
	}
	if sub.increase != nil {
		r.PriceIncreaseStatus = new(sub.increase.status())
	}
	if o := sub.coming(); o != nil && sub.renew {
		r.OfferType, r.OfferIdentifier, r.OfferDiscountType, r.OfferPeriod = o.Type, o.ID, o.Pays, o.Period
	}
	return r
}

// appTransaction is a JWSAppTransactionDecodedPayload.
type appTransaction struct {
	ReceiptType                string `json:"receiptType"`
	AppAppleID                 int64  `json:"appAppleId,omitempty"`
	BundleID                   string `json:"bundleId"`
	ApplicationVersion         string `json:"applicationVersion"`
	VersionExternalIdentifier  int64  `json:"versionExternalIdentifier"`
	ReceiptCreationDate        int64  `json:"receiptCreationDate"`
	OriginalPurchaseDate       int64  `json:"originalPurchaseDate"`
	OriginalApplicationVersion string `json:"originalApplicationVersion"`
	DeviceVerification         string `json:"deviceVerification"`
	DeviceVerificationNonce    string `json:"deviceVerificationNonce"`
	AppTransactionID           string `json:"appTransactionId"`
	OriginalPlatform           string `json:"originalPlatform"`
}

func (s *Store) app(c *customer) appTransaction {
	return appTransaction{
		ReceiptType: s.Environment, AppAppleID: s.AppAppleID, BundleID: s.BundleID, ApplicationVersion: version, VersionExternalIdentifier: 861234567,
		ReceiptCreationDate: millis(s.now()), OriginalPurchaseDate: millis(c.installed), OriginalApplicationVersion: "1.0.0",
		DeviceVerification: "c2ltdWxhdGVk", DeviceVerificationNonce: newUUID(), AppTransactionID: c.appTx, OriginalPlatform: "iOS",
	}
}

// version of the app that the simulated customers run.
const version = "1.4.2"
