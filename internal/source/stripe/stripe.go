// Package stripe takes the events of a Stripe account and tells them in the
// catalogue's words: a failed charge, a booked cancellation, a contract that is
// suspended. It reads what Stripe has called differently over the years, whatever
// API version the endpoint has (docs.stripe.com/changelog: acacia, basil).
package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// Kind describes the source.
var Kind = channel.Kind{
	Name: "stripe",
	Fields: []channel.Field{
		{Key: "secret", Type: channel.SecretField, Required: true},
		{Key: "old_secret", Type: channel.SecretField}, // while a secret is rolled, Stripe signs with both for 24 hours at most
		{Key: "mode", Type: channel.Choice, Default: "live", Choices: []string{"live", "test"}},
		{Key: "suspended", Type: channel.Choice, Default: "past_due", Choices: []string{"past_due", "unpaid"}},
		{Key: "zone", Type: channel.Text, Default: "Asia/Tokyo"},
		{Key: "member_key", Type: channel.Text},
	},
	Source: open,
}

// HeaderSignature carries t= and one v1= for each secret
// (docs.stripe.com/webhooks/signature).
const HeaderSignature = "Stripe-Signature"

// Tolerance is how far the time of a signed post may lie from ours, both ways:
// what Stripe's own libraries allow.
const Tolerance = 300 * time.Second

// maxSignatures bounds the work that an unsigned header can cause.
const maxSignatures = 16

// receiver is one endpoint of one Stripe account.
type receiver struct {
	secrets   []engawa.Secret
	live      bool
	suspended string // the first status that the business treats as a suspension
	zone      *time.Location
	memberKey string // the metadata key under which the member number stands
}

// Format keeps the secrets out of logs whatever the verb.
func (r *receiver) Format(f fmt.State, _ rune) { fmt.Fprint(f, "stripe receiver") }

func open(s channel.Settings, _ channel.Env) (channel.Receiver, error) {
	r := &receiver{live: s["mode"] == "live", suspended: s["suspended"], memberKey: s["member_key"]}
	for _, name := range []string{"secret", "old_secret"} {
		if s[name] == "" {
			continue
		}
		if !strings.HasPrefix(s[name], "whsec_") || len(s[name]) < 16 {
			return nil, engawa.Invalid("/settings/"+name, "copy the endpoint's signing secret from Stripe", "stripe: %s does not begin with whsec_, or is too short", name)
		}
		r.secrets = append(r.secrets, engawa.Secret(s[name]))
	}
	if len(r.secrets) == 0 || s["secret"] == "" {
		return nil, engawa.Invalid("/settings/secret", "fill it in", "stripe: secret is required")
	}
	var err error
	if r.zone, err = engawa.Zone(s["zone"]); err != nil || s["zone"] == "Local" || s["zone"] == "" {
		return nil, engawa.Invalid("/settings/zone", "write a zone such as Asia/Tokyo or Asia/Seoul", "stripe: there is no zone of that name")
	}
	return r, nil
}

// Receive verifies a post and tells what it says. One post may tell two things;
// one that says nothing new of a known kind is kept under Stripe's own name.
func (r *receiver) Receive(h http.Header, body []byte) ([]engawa.Event, error) {
	if err := r.verify(h.Get(HeaderSignature), body); err != nil {
		return nil, err
	}
	p, err := read(body)
	if err != nil {
		return nil, err
	}
	if p.live != r.live {
		return nil, engawa.Invalid("/livemode", "let this endpoint receive events of the other mode, or change the account's mode", "the event's livemode is %t, and this account is for the other mode", p.live)
	}
	return r.events(p, body)
}

// verify compares each v1 signature with each secret in constant time. v0 and
// schemes to come are passed over.
func (r *receiver) verify(header string, body []byte) error {
	seconds, signatures := parts(header)
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || strconv.FormatInt(at, 10) != seconds {
		return unverified("the signature carries no time")
	}
	if d := time.Now().Unix() - at; d > int64(Tolerance/time.Second) || d < -int64(Tolerance/time.Second) {
		return unverified("the signature's time is more than 5 minutes from the time here")
	}
	for _, secret := range r.secrets {
		want := mac(secret, seconds, body)
		for _, s := range signatures {
			if got, err := hex.DecodeString(s); err == nil && hmac.Equal(got, want) {
				return nil
			}
		}
	}
	return unverified("no signature was made with this endpoint's secret over this body")
}

// parts reads t=…,v1=…,v1=…. A second time would leave open which was signed: none counts.
func parts(header string) (seconds string, signatures []string) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "t" && seconds == "":
			seconds = value
		case name == "t":
			return "", nil
		case name == "v1" && len(signatures) < maxSignatures:
			signatures = append(signatures, value)
		}
	}
	return seconds, signatures
}

func mac(secret engawa.Secret, seconds string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret.Reveal())) // the whole text is the key, whsec_ included
	m.Write([]byte(seconds + "."))
	m.Write(body)
	return m.Sum(nil)
}

func unverified(what string) *engawa.Error {
	return &engawa.Error{
		Code: engawa.CodeUnverified, Message: what,
		Remedy: "copy the endpoint's signing secret from Stripe into the account, hand the body on as it came, and check the clock",
	}
}
