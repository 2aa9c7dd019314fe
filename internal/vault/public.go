package vault

import "crypto/ed25519"

// PublicKey is one of the keys with which others check what SignPublic signed.
type PublicKey struct {
	ID  string
	Key ed25519.PublicKey
}

// SignPublic signs what data makes of the id of the key that signs now, so that
// whoever has the public key can check it without us (Ed25519, RFC 8032).
func (v *Vault) SignPublic(purpose string, data func(keyID string) []byte) (signed, sum []byte) {
	s, _ := v.ring.signingKey("") // a ring always has one
	signed = data(s.ID)
	return signed, ed25519.Sign(v.public(s, purpose), signed)
}

// PublicKeys are the keys of every signing secret of the ring, oldest first: what
// an old one signed is checked for ever.
func (v *Vault) PublicKeys(purpose string) (all []PublicKey) {
	for _, s := range v.ring.signingKeys() {
		key, ok := v.public(s, purpose).Public().(ed25519.PublicKey)
		if ok {
			all = append(all, PublicKey{s.ID, key})
		}
	}
	return all
}

// public is the key pair of one purpose, derived from a signing secret: it needs
// no place of its own, and is there again on every node.
func (v *Vault) public(s secret, purpose string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(v.derive(derivation{s.ID, "public", purpose}, s.Key))
}
