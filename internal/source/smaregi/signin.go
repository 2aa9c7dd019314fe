package smaregi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// idHosts are where people sign in, by environment.
var idHosts = map[string]string{engawa.Production: "https://id.smaregi.jp", engawa.Sandbox: "https://id.smaregi.dev"}

// signIn is how somebody shows at Smaregi for which contract they use the app. It has
// no discovery document and no keys that are known, so its user info is the proof.
func signIn(s channel.Settings) *channel.SignIn {
	if s["client_secret"] == "" {
		return nil
	}
	id := strings.TrimRight(s["sign_in_url"], "/")
	if id == "" {
		id = idHosts[s["environment"]]
	}
	at := func(key string) string { return id + "/" + strings.TrimLeft(s[key], "/") }
	in := &channel.SignIn{
		Issuer: id, Authorize: at("sign_in_authorize"), Token: at("sign_in_token"), UserInfo: at("sign_in_userinfo"),
		ClientID: s["client_id"], ClientSecret: engawa.Secret(s["client_secret"]), Visitor: visitor,
	}
	if s["sign_in_email"] == "true" {
		in.Scopes = []string{"email"}
	}
	return in
}

// Roles of a user of a contract.
const (
	owner = "owner"
	staff = "staff"
)

// visitor reads user info. Of what gives a right nothing is guessed: an owner is whom
// Smaregi calls so by true itself, and an address is verified the same way.
func visitor(userInfo []byte) (channel.Visitor, error) {
	var in struct {
		Contract struct {
			ID    any `json:"id"`
			Owner any `json:"is_owner"`
		} `json:"contract"`
		Mail     any `json:"email"`
		Verified any `json:"email_verified"`
	}
	d := json.NewDecoder(bytes.NewReader(userInfo))
	d.UseNumber()
	err := d.Decode(&in)
	id, ok := in.Contract.ID.(string)
	if n, number := in.Contract.ID.(json.Number); number {
		id, ok = n.String(), true
	}
	if err != nil || !ok || !contractID.MatchString(id) {
		return channel.Visitor{}, errors.New("user info names no contract")
	}
	v := channel.Visitor{Identity: Identity(id)}
	if v.Identity.Role = staff; in.Contract.Owner == true {
		v.Identity.Role = owner
	}
	address, _ := in.Mail.(string)
	if a, err := mail.ParseAddress(address); in.Verified == true && err == nil && a.Address == address {
		v.Mail = engawa.Address(address)
	}
	return v, nil
}

// private reports whether nobody on the way can read what goes to a URL.
func private(at string) bool {
	u, err := url.Parse(at)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}
