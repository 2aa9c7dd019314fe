// Package receipt makes what the hub signs for others to keep. A consent receipt
// is its word that a customer, known by a handle alone, decided something: for
// whoever must prove a consent and has no address. A certificate of erasure is its
// word on what a contract shared and what its end destroyed. Both are compact JWS
// (RFC 7515) by Ed25519 (RFC 8037), checked with the hub's public keys and nothing
// else. They hold no address, no customer's name, no network and no words of a
// customer's.
package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/vault"
)

// Type is the typ of a receipt's header. What else the key signs has another.
const Type = "consent-receipt+jwt"

const purpose = "consent receipt"

// Claims is what a receipt says.
type Claims struct {
	Issuer    string `json:"iss"` // the hub's public URL
	Subject   string `json:"sub"` // the customer's handle in App: another app knows another
	ID        string `json:"jti"` // the decision
	IssuedAt  int64  `json:"iat"` // when the receipt was made, seconds
	Workspace string `json:"workspace"`
	// Controller is the legal sender: "workspace", or a partner's id.
	Controller string         `json:"controller"`
	App        string         `json:"app"`
	AllApps    bool           `json:"all_apps,omitempty"` // the decision is not of App alone
	Act        engawa.Act     `json:"act"`
	Purpose    engawa.Purpose `json:"purpose"`
	Channel    string         `json:"channel"` // empty: all
	Topic      string         `json:"topic"`   // empty: all
	Given      bool           `json:"given"`   // false: withdrawn
	Pending    bool           `json:"pending,omitempty"`
	At         time.Time      `json:"at"` // of the decision
	How        string         `json:"how"`
	Locale     engawa.Locale  `json:"locale,omitempty"`
	// WordingSHA256 is over the text that was shown, in UTF-8; Version names it.
	Version       string `json:"wording_version,omitempty"`
	WordingSHA256 string `json:"wording_sha256,omitempty"`
}

// New is what a receipt of a decision says to the partner of an app, who knows
// the customer by handle. veil takes addresses out of names that people gave.
func New(issuer, handle, app string, c engawa.Consent, at time.Time, veil func(string) string) Claims {
	out := Claims{
		Issuer: issuer, Subject: handle, ID: c.ID, IssuedAt: at.Unix(), Workspace: c.Workspace, Controller: c.Controller, App: app, AllApps: c.App == "",
		Act: c.Act, Purpose: c.Purpose, Channel: c.Channel, Topic: veil(c.Topic), Given: c.Given, Pending: c.Pending, At: c.At.UTC(), How: veil(c.Evidence.How),
		Locale: c.Evidence.Locale, Version: veil(c.Evidence.Version),
	}
	if c.Evidence.Wording != "" {
		out.WordingSHA256 = Hash(c.Evidence.Wording)
	}
	return out
}

// Hash is how a receipt names a wording.
func Hash(wording string) string {
	sum := sha256.Sum256([]byte(wording))
	return hex.EncodeToString(sum[:])
}

type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	Key       string `json:"kid"`
}

var text = base64.RawURLEncoding.Strict()

// Sign returns the receipt as text.
func Sign(v *vault.Vault, c Claims) (string, error) { return sign(v, Type, c.ID, c) }

func sign(v *vault.Vault, typ, id string, claims any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", id, err)
	}
	signed, sum := v.SignPublic(purpose, func(key string) []byte {
		head, _ := json.Marshal(header{"EdDSA", typ, key}) // strings always marshal
		return []byte(text.EncodeToString(head) + "." + text.EncodeToString(body))
	})
	return string(signed) + "." + text.EncodeToString(sum), nil
}

// Keys is a JSON Web Key Set (RFC 7517).
type Keys struct {
	Keys []Key `json:"keys"`
}

// Key is one public key of it (RFC 8037 §2).
type Key struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	X         string `json:"x"`
}

// KeysOf are the keys that check what a hub signed, old ones too.
func KeysOf(v *vault.Vault) (all Keys) {
	for _, k := range v.PublicKeys(purpose) {
		all.Keys = append(all.Keys, Key{"OKP", "Ed25519", k.ID, "sig", "EdDSA", text.EncodeToString(k.Key)})
	}
	return all
}

// ErrInvalid says that something is signed by none of these keys, or was altered,
// or is something else.
var ErrInvalid = errors.New("it does not hold")

// Check returns what a receipt says, if one of keys signed it. It needs nothing
// else: no connection and no clock, since what was decided stays decided.
func Check(receipt string, keys Keys) (c Claims, err error) {
	err = check(receipt, Type, keys, &c)
	return c, err
}

func check(signature, typ string, keys Keys, into any) (err error) {
	signed, sum := "", []byte(nil)
	if i := strings.LastIndexByte(signature, '.'); i > 0 {
		signed = signature[:i]
		sum, err = text.DecodeString(signature[i+1:])
	}
	head, body, ok := strings.Cut(signed, ".")
	if err != nil || !ok || strings.ContainsAny(signature, "\r\n") {
		return ErrInvalid
	}
	var h header
	if err := decode(head, &h); err != nil || h.Algorithm != "EdDSA" || h.Type != typ {
		return ErrInvalid
	}
	for _, k := range keys.Keys {
		x, err := text.DecodeString(k.X)
		if err == nil && k.ID == h.Key && k.Type == "OKP" && k.Curve == "Ed25519" && len(x) == ed25519.PublicKeySize && ed25519.Verify(x, []byte(signed), sum) {
			return decode(body, into)
		}
	}
	return ErrInvalid
}

func decode(part string, into any) error {
	b, err := text.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return ErrInvalid
	}
	return nil
}
