package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/engawa/engawa/internal/relay"
)

// zone is the domain name system of the demo, which asks no other: text records by name.
type zone map[string]string

// dns answers from the zone.
func (z zone) dns() relay.DNS {
	none := func(name string) error { return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true} }
	return relay.DNS{
		TXT: func(_ context.Context, name string) ([]string, error) {
			if txt := z[strings.TrimSuffix(name, ".")]; txt != "" {
				return []string{txt}, nil
			}
			return nil, none(name)
		},
		IP: func(_ context.Context, _, host string) ([]netip.Addr, error) { return nil, none(host) },
		MX: func(_ context.Context, name string) ([]*net.MX, error) { return nil, none(name) },
	}
}

// seals makes the keys with which the shop and the provider of the customers'
// mailboxes sign mail, and publishes them.
func (w *world) seals() error {
	w.zone = zone{}
	shop, err := w.zone.key(mailDomain)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(shop)
	if err != nil {
		return fmt.Errorf("make the mail's key: %w", err)
	}
	w.mailKey = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	home, err := w.zone.key(homeDomain)
	if err != nil {
		return err
	}
	w.inbox.Keys = w.zone
	w.inbox.Sign = func(mail []byte) ([]byte, error) {
		var signed bytes.Buffer
		err := dkim.Sign(&signed, bytes.NewReader(mail), &dkim.SignOptions{Domain: homeDomain, Selector: selector, Signer: home})
		return signed.Bytes(), err
	}
	return nil
}

// key makes a key for DKIM and publishes it for a domain.
func (z zone) key(domain string) (ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", domain, err)
	}
	z[selector+"._domainkey."+domain] = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	return private, nil
}
