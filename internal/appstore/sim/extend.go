package sim

import (
	"slices"
	"strings"
	"time"
)

// Limits of renewal extensions.
const (
	maxDays       = 90
	maxPerYear    = 2
	extensionYear = 365 * day
	maxRequestID  = 128
	massTakes     = 2 * time.Hour // hours to days, the manual says
)

// extension is the body of both endpoints.
type extension struct {
	Days       *int     `json:"extendByDays"`
	Reason     *int     `json:"extendReasonCode"`
	Request    string   `json:"requestIdentifier"`
	Storefront []string `json:"storefrontCountryCodes"`
	Product    string   `json:"productId"`
}

func (x extension) check() error {
	switch {
	case x.Days == nil || *x.Days < 1 || *x.Days > maxDays:
		return errBadDays
	case x.Reason == nil || *x.Reason < 0 || *x.Reason > 3:
		return errBadReasonCode
	case x.Request == "" || len(x.Request) > maxRequestID:
		return errBadRequestID
	}
	return nil
}

// extendOne moves the renewal date of one subscription. The same request again
// is another extension: the manual promises nothing else.
func (s *Store) extendOne(c call) (any, error) {
	var in extension
	t, err := s.named(c.args[0], errBadOriginalID, errOriginalUnknown)
	if err != nil {
		return nil, err
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if t.sub == nil || t.original != t {
		return nil, errOriginalUnknown
	}
	if err := s.extendable(t.sub); err != nil {
		return nil, err
	}
	s.extend(t.sub, *in.Days)
	return map[string]any{
		"originalTransactionId": t.id, "webOrderLineItemId": t.sub.last.line, "success": true, "effectiveDate": millis(t.sub.last.expires),
	}, nil
}

// extendable says why a subscription cannot be extended: only one that is active
// and paid can, twice in 365 days.
func (s *Store) extendable(sub *subscription) error {
	switch {
	case sub.sharedBy != nil:
		return errFamilyExtension
	case sub.status != statusActive || sub.offer != nil && sub.offer.Pays == FreeTrial:
		return errNotExtendable
	case s.extensions(sub.owner) >= maxPerYear:
		return errMaxExtensions
	}
	return nil
}

func (s *Store) extend(sub *subscription, days int) {
	sub.last.expires = sub.last.expires.Add(s.pace(sub.owner, time.Duration(days)*day))
	sub.owner.extended = append(sub.owner.extended, s.now())
	s.touch(sub.last)
	s.untilEnd(sub)
	s.tellAll(sub, "RENEWAL_EXTENDED", "")
}

// massExtension is one request for all active subscribers of a product.
type massExtension struct {
	extension
	done              bool
	at                time.Time
	succeeded, failed int64
}

func (s *Store) extendAll(c call) (any, error) {
	var in extension
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	request := strings.ToLower(in.Request)
	p, err := s.product(in.Product)
	switch {
	case !uuid.MatchString(request) || s.mass[request] != nil:
		return nil, errBadRequestID
	case err != nil || p.Type != AutoRenewable:
		return nil, errBadProductID
	case in.Storefront != nil && len(in.Storefront) == 0:
		return nil, errNoStorefronts
	case slices.ContainsFunc(in.Storefront, func(code string) bool { return !slices.Contains(storefronts, code) }):
		return nil, errBadStorefront
	}
	m := &massExtension{extension: in}
	s.mass[request] = m
	s.plan(s.now().Add(s.pace(nil, massTakes)), func() { s.runMass(m, p) })
	return map[string]any{"requestIdentifier": in.Request}, nil
}

// runMass extends whom it can, tells of each whom it cannot, and sums up.
func (s *Store) runMass(m *massExtension, p *product) {
	for _, c := range s.customers {
		sub := c.sub(p.Group, false)
		if sub == nil || sub.product != p || sub.status != statusActive && sub.status != statusGrace && sub.status != statusRetry {
			continue
		}
		if m.Storefront != nil && !slices.Contains(m.Storefront, sub.last.storefront) {
			continue
		}
		if s.extendable(sub) != nil {
			m.failed++
			s.tell(c, "RENEWAL_EXTENSION", "FAILURE", data{transaction: sub.last})
			continue
		}
		m.succeeded++
		s.extend(sub, *m.Days)
	}
	m.done, m.at = true, s.now()
	s.tell(nil, "RENEWAL_EXTENSION", "SUMMARY", data{summary: &summary{
		RequestIdentifier: m.Request, Environment: s.Environment, AppAppleID: s.AppAppleID, BundleID: s.BundleID, ProductID: p.ID,
		StorefrontCountryCodes: m.Storefront, FailedCount: m.failed, SucceededCount: m.succeeded,
	}})
}

func (s *Store) extendStatus(c call) (any, error) {
	if !uuid.MatchString(c.args[1]) {
		return nil, errBadRequestID
	}
	m := s.mass[strings.ToLower(c.args[1])]
	if m == nil || m.Product != c.args[0] {
		return nil, errExtensionUnknown
	}
	out := map[string]any{"requestIdentifier": m.Request, "complete": m.done}
	if m.done {
		out["completeDate"], out["succeededCount"], out["failedCount"] = millis(m.at), m.succeeded, m.failed
	}
	return out, nil
}

// Extensions tells how many of a customer's extensions the store counts now.
func (s *Store) Extensions(customer string) (n int, err error) {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return 0, err
	}
	return s.extensions(c), nil
}

func (s *Store) extensions(c *customer) (n int) {
	for _, at := range c.extended {
		if at.After(s.now().Add(-s.pace(c, extensionYear))) {
			n++
		}
	}
	return n
}

// storefronts are the codes of the store's countries and regions.
var storefronts = strings.Fields(`
AFG AGO AIA ALB ARE ARG ARM ATG AUS AUT AZE BEL BEN BFA BGR BHR BHS BIH BLR BLZ BMU BOL BRA BRB BRN BTN BWA CAN CHE CHL CHN CIV CMR COD COG COL CPV
CRI CYM CYP CZE DEU DMA DNK DOM DZA ECU EGY ESP EST FIN FJI FRA FSM GAB GBR GEO GHA GMB GNB GRC GRD GTM GUY HKG HND HRV HUN IDN IND IRL IRQ ISL ISR
ITA JAM JOR JPN KAZ KEN KGZ KHM KNA KOR KWT LAO LBN LBR LBY LCA LKA LTU LUX LVA MAC MAR MDA MDG MDV MEX MKD MLI MLT MMR MNE MNG MOZ MRT MSR MUS MWI
MYS NAM NER NGA NIC NLD NOR NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRT PRY QAT ROU RUS RWA SAU SEN SGP SLB SLE SLV SRB STP SUR SVK SVN SWE SWZ
SYC TCA TCD THA TJK TKM TON TTO TUN TUR TWN TZA UGA UKR URY USA UZB VCT VEN VGB VNM VUT XKS YEM ZAF ZMB ZWE`)
