package sim

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits of offers.
const (
	codeFor  = 182 * day // one-time codes live six months at most
	signedIn = day       // a signature of a promotional offer is good for 24 hours
)

// code is a one-time offer code.
type code struct {
	product *product
	offer   *Offer
	ends    time.Time
	used    bool
}

// OfferSignature is what the business signed for a promotional offer: JWS, or
// the older form of the other members.
type OfferSignature struct {
	JWS string

	KeyID           string
	Nonce           string // a UUID in lower case
	Timestamp       int64  // milliseconds
	AppAccountToken string // as it was signed; may be empty
	Signature       string // base64 of an ASN.1 signature
}

// Codes makes n one-time codes of an offer, good for at most six months.
func (s *Store) Codes(product, offer string, n int) ([]string, error) {
	s.enter()
	defer s.leave()
	p, err := s.product(product)
	if err != nil {
		return nil, err
	}
	o := p.offer(OfferCode, offer)
	if o == nil {
		return nil, fmt.Errorf("%s has no offer %q with codes", p.ID, offer)
	}
	out := make([]string, n)
	for i := range out {
		out[i] = rand.Text()[:18]
		s.codes[out[i]] = &code{product: p, offer: o, ends: s.now().Add(codeFor)}
	}
	return out, nil
}

// Redeem has a customer use an offer code, and returns the id of the transaction.
func (s *Store) Redeem(customer, text string) (transactionID string, err error) {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return "", err
	}
	k := s.codes[strings.ToUpper(strings.TrimSpace(text))]
	switch {
	case k == nil || k.used || !s.now().Before(k.ends):
		return "", errors.New("the code is not valid: it is unknown, used or has ended")
	case c.redeemed[k.offer.ID]:
		return "", errors.New("a customer uses one code of an offer")
	case k.product.notForSale || c.cardFails && k.offer.Pays != FreeTrial:
		return "", errors.New("it cannot be bought")
	}
	sub, err := s.subscribe(c, k.product, k.offer, "")
	if err != nil {
		return "", err
	}
	k.used, c.redeemed[k.offer.ID] = true, true
	return sub.last.id, nil
}

// proves says why what the business signed for a promotional offer is not taken.
func (s *Store) proves(c *customer, p *product, how Purchase) error {
	if how.Signed.JWS != "" {
		return s.provesJWS(c, p, how)
	}
	signed := how.Signed
	if signed.KeyID != s.keyID || signed.Nonce == "" || signed.Nonce != strings.ToLower(signed.Nonce) || !uuid.MatchString(signed.Nonce) {
		return errors.New("the offer's signature names another key, or its nonce is no UUID in lower case")
	}
	sig, err := base64.StdEncoding.DecodeString(signed.Signature)
	if err != nil {
		return errors.New("the offer's signature is not base64")
	}
	// The members are joined with an invisible separator ("Generating a signature
	// for promotional offers").
	text := strings.Join([]string{
		s.BundleID, signed.KeyID, p.ID, how.Offer, strings.ToLower(signed.AppAccountToken), signed.Nonce, fmt.Sprint(signed.Timestamp),
	}, "\u2063")
	hash := sha256.Sum256([]byte(text))
	if !ecdsa.VerifyASN1(&s.apiKey.PublicKey, hash[:], sig) {
		return errors.New("the offer's signature is wrong")
	}
	return s.fresh(signed.Nonce, time.UnixMilli(signed.Timestamp))
}

func (s *Store) provesJWS(c *customer, p *product, how Purchase) error {
	var claims struct {
		Iss, Aud, Bid, Nonce                      string
		Iat                                       int64
		ProductID, OfferIdentifier, TransactionID string
	}
	if why := s.opens(how.Signed.JWS, &claims); why != "" {
		return errors.New("the offer's signature is wrong: " + why)
	}
	switch {
	case claims.Iss != s.issuer || claims.Aud != "promotional-offer" || claims.Bid != s.BundleID:
		return errors.New("the offer was signed for another issuer, audience or bundle")
	case claims.ProductID != p.ID || claims.OfferIdentifier != how.Offer:
		return errors.New("another offer was signed")
	}
	if claims.TransactionID != "" {
		if who, err := s.whose(claims.TransactionID); err != nil || who != c {
			return errors.New("the offer was signed for another customer")
		}
	}
	return s.fresh(claims.Nonce, time.Unix(claims.Iat, 0))
}

// eligible tells whether a customer may have the introductory offer: as the
// business signed it, else if none of the group was had.
func (s *Store) eligible(c *customer, p *product, signed string) (bool, error) {
	if signed == "" {
		return !c.intro[p.Group], nil
	}
	var claims struct {
		Iss, Aud, Bid, Nonce     string
		Iat                      int64
		ProductID, TransactionID string
		AllowIntroductoryOffer   *bool
	}
	if why := s.opens(signed, &claims); why != "" {
		return false, errors.New("the eligibility's signature is wrong: " + why)
	}
	who, err := s.whose(claims.TransactionID)
	switch {
	case claims.Iss != s.issuer || claims.Aud != "introductory-offer-eligibility" || claims.Bid != s.BundleID || claims.ProductID != p.ID:
		return false, errors.New("the eligibility was signed for another issuer, audience, bundle or product")
	case err != nil || who != c || claims.AllowIntroductoryOffer == nil:
		return false, errors.New("the eligibility is another customer's, or says nothing")
	}
	return *claims.AllowIntroductoryOffer, s.fresh(claims.Nonce, time.Unix(claims.Iat, 0))
}

// fresh takes a nonce once, and only while its signature is good.
func (s *Store) fresh(nonce string, at time.Time) error {
	now := s.now()
	if at.Before(now.Add(-signedIn)) || at.After(now.Add(skew)) || nonce == "" || s.nonces[nonce] {
		return errors.New("the offer's signature is too old, or was used")
	}
	s.nonces[nonce] = true
	return nil
}
