package serve

import (
	"net/http"

	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/mypage"
)

// newPages wires the customers' pages, and the sign-ins to them.
func (h *Hub) newPages(d *door, client *http.Client) (*mypage.Site, error) {
	s := &mypage.Site{
		Store: h.Store, Vault: h.Vault, Words: h.Words, Compose: h.Compose, Kinds: h.API.Kinds, Log: h.log, Base: h.base(),
		Frames: h.Config.Customers.FrameList(), From: d.network, Try: d.try,
		Open: func(p access.Provider) (*access.OIDC, error) { return access.NewOIDC(p, client, h.Vault, d.cookies) },
	}
	c := h.Config.Customers
	if c.Issuer == "" {
		return s, nil
	}
	var err error
	s.SignIn, err = s.Open(access.Provider{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: h.base() + "/mypage/callback", SubjectOnly: true,
	})
	return s, err
}
