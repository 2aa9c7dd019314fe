package appstore

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
)

// Signer signs what an app shows the store when a customer buys at a special
// price. Signatures are good for 24 hours and once each.
type Signer struct{ *signer }

// NewSigner returns the Signer of an account, by its settings: with the key for
// subscriptions (offer_key_id, offer_key) or, where none was entered, with the
// In-App Purchase key. The error is an *engawa.Error; ErrNoKey where there is
// neither.
func NewSigner(settings map[string]string) (*Signer, error) {
	k := Key{IssuerID: settings["issuer_id"], KeyID: settings["offer_key_id"], PrivateKey: engawa.Secret(settings["offer_key"])}
	if k.PrivateKey == "" {
		k.KeyID, k.PrivateKey = settings["key_id"], engawa.Secret(settings["private_key"])
	}
	if k.PrivateKey == "" {
		return nil, ErrNoKey
	}
	s, err := newSigner(k, settings["bundle_id"])
	if err != nil {
		return nil, explain(err)
	}
	return &Signer{s}, nil
}

// KeyID is the id of the key, which the app names beside a signature.
func (s *Signer) KeyID() string { return s.id }

// OfferSignature is a promotional offer as the original form signs it: for
// SKPaymentDiscount and Product.PurchaseOption.promotionalOffer.
type OfferSignature struct {
	KeyID     string
	Nonce     string // a UUID in lower case, new each time
	Timestamp int64  // milliseconds since 1970
	Signature string // base64 of an ASN.1 ECDSA signature
}

// separator stands between the signed members: U+2063, INVISIBLE SEPARATOR
// ("Generating a signature for promotional offers").
const separator = "\u2063"

// Offer signs a promotional offer for a customer, whom the app names by an account
// token in lower case, or by none. The app must buy with the same token.
func (s *Signer) Offer(product, offer, token string, now time.Time) (OfferSignature, error) {
	o := OfferSignature{KeyID: s.id, Nonce: newUUID(), Timestamp: now.UnixMilli()}
	text := strings.Join([]string{s.bundle, s.id, product, offer, strings.ToLower(token), o.Nonce, fmt.Sprint(o.Timestamp)}, separator)
	sum := sha256.Sum256([]byte(text))
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		return o, fmt.Errorf("sign an offer: %w", err)
	}
	o.Signature = base64.StdEncoding.EncodeToString(sig)
	return o, nil
}

// OfferJWS signs a promotional offer in the newer form (iOS 15 by the newer SDK),
// for the customer of any transaction id; empty: for whoever shows it.
func (s *Signer) OfferJWS(product, offer, transaction string, now time.Time) (string, error) {
	return s.jws(struct {
		offerClaims
		Product     string `json:"productId"`
		Offer       string `json:"offerIdentifier"`
		Transaction string `json:"transactionId,omitzero"`
	}{s.offerClaims("promotional-offer", now), product, offer, transaction})
}

// IntroJWS says whether the customer of a transaction id may have a product's
// introductory offer, whatever the store would say.
func (s *Signer) IntroJWS(product, transaction string, allow bool, now time.Time) (string, error) {
	return s.jws(struct {
		offerClaims
		Product     string `json:"productId"`
		Allow       bool   `json:"allowIntroductoryOffer"`
		Transaction string `json:"transactionId"`
	}{s.offerClaims("introductory-offer-eligibility", now), product, allow, transaction})
}

type offerClaims struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Audience string `json:"aud"`
	BundleID string `json:"bid"`
	Nonce    string `json:"nonce"`
}

func (s *Signer) offerClaims(audience string, now time.Time) offerClaims {
	return offerClaims{s.issuer, now.Unix(), audience, s.bundle, newUUID()}
}

func (s *Signer) jws(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign an offer: %w", err)
	}
	return s.sign(payload)
}

// newUUID is a random UUID in lower case (RFC 9562 §5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails (Go 1.24)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// OfferRule allows a promotional offer to be signed.
type OfferRule struct {
	Product, Offer string
	States         []string // of a subscription of the customer; none: any
}

// offerStates are where a subscription may stand for a rule: Status.String, and
// "canceled" for one that is active and ends.
var offerStates = []string{"active", "canceled", "billing_grace_period", "billing_retry", "expired", "revoked"}

// OfferRules reads the setting signed_offers: in each line a product's id, an
// offer's id and the states in which a customer may have it, with spaces between.
func OfferRules(text string) (rules []OfferRule, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		wrong := engawa.Invalid("/settings/signed_offers", "write in each line the product's id, the offer's id and, if it is not for every state, some of "+strings.Join(offerStates, ", "), "line %d cannot be read", n)
		if len(words) < 2 {
			return nil, wrong
		}
		for _, state := range words[2:] {
			if !slices.Contains(offerStates, state) {
				return nil, wrong
			}
		}
		rules = append(rules, OfferRule{words[0], words[1], words[2:]})
	}
	return rules, nil
}
