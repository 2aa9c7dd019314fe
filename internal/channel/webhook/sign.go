package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far the time of a signed post may lie from ours, both ways.
const Tolerance = 5 * time.Minute

// MaxBody is the largest signed post that Verify takes, in bytes. The standard
// asks senders to stay below 20 kB.
const MaxBody = 256 << 10

// maxSignatures bounds the work that an unsigned header can cause.
const maxSignatures = 16

// key is the HMAC key of a secret. It never prints.
type key struct{ bytes []byte }

func (key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "••••••") }

// parseKey reads whsec_ and base64 of 24 to 64 bytes.
func parseKey(s engawa.Secret) (key, error) {
	text, ok := strings.CutPrefix(s.Reveal(), "whsec_")
	if !ok {
		return key{}, errors.New("it does not begin with whsec_")
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return key{}, errors.New("what follows whsec_ is not base64")
	}
	if len(b) < 24 || len(b) > 64 {
		return key{}, fmt.Errorf("it holds %d bytes, 24 to 64 are allowed", len(b))
	}
	return key{b}, nil
}

// mac is the HMAC-SHA256 of id.timestamp.body.
func (k key) mac(id string, seconds int64, body []byte) []byte {
	h := hmac.New(sha256.New, k.bytes)
	h.Write(append(strconv.AppendInt(append([]byte(id), '.'), seconds, 10), '.'))
	h.Write(body)
	return h.Sum(nil)
}

// sign sets the three headers, with one v1 signature for each key.
func sign(h http.Header, id string, at time.Time, body []byte, keys []key) {
	var signatures []string
	for _, k := range keys {
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(k.mac(id, at.Unix(), body)))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify returns the webhook-id of a signed post when one of its v1 signatures
// was made with one of secrets, over exactly body, at most Tolerance ago or
// ahead. Its errors are *engawa.Error. A caller that acts on the post must
// still take each id once.
func Verify(h http.Header, body []byte, secrets ...engawa.Secret) (id string, err error) {
	keys := make([]key, len(secrets))
	for i, s := range secrets {
		if keys[i], err = parseKey(s); err != nil {
			return "", engawa.Invalid("", "use whsec_ and the base64 text of 24 to 64 random bytes", "webhook secret %d: %s", i+1, err)
		}
	}
	return verify(h, body, keys)
}

func verify(h http.Header, body []byte, keys []key) (string, error) {
	if len(body) > MaxBody {
		return "", &engawa.Error{
			Code: engawa.CodeTooLarge, Message: fmt.Sprintf("the body has %d bytes, at most %d are taken", len(body), MaxBody),
			Remedy: "send less in one post, and a reference to the rest",
		}
	}
	id := h.Get(HeaderID)
	if id == "" || len(id) > 256 || strings.Contains(id, ".") {
		return "", unverified("webhook-id is missing, longer than 256 characters, or holds a dot")
	}
	seconds, err := strconv.ParseInt(h.Get(HeaderTimestamp), 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != h.Get(HeaderTimestamp) {
		return "", unverified("webhook-timestamp is not a number of seconds")
	}
	if d := time.Now().Unix() - seconds; d > int64(Tolerance/time.Second) || d < -int64(Tolerance/time.Second) {
		return "", unverified("webhook-timestamp is more than 5 minutes from the time here")
	}
	if !anySigned(h.Get(HeaderSignature), id, seconds, body, keys) {
		return "", unverified("no signature in webhook-signature was made with this secret over this body")
	}
	return id, nil
}

// anySigned compares each v1 signature with each key in constant time. Other
// versions (v1a: ed25519) are passed over, as the standard says.
func anySigned(list, id string, seconds int64, body []byte, keys []key) bool {
	signatures := strings.Fields(list)
	if len(signatures) > maxSignatures {
		signatures = signatures[:maxSignatures]
	}
	for _, k := range keys {
		want := k.mac(id, seconds, body)
		for _, s := range signatures {
			text, v1 := strings.CutPrefix(s, "v1,")
			got, err := base64.StdEncoding.DecodeString(text)
			if v1 && err == nil && hmac.Equal(got, want) {
				return true
			}
		}
	}
	return false
}

func unverified(what string) *engawa.Error {
	return &engawa.Error{
		Code: engawa.CodeUnverified, Message: what,
		Remedy: "sign id, timestamp and the raw body with the current secret (Standard Webhooks 1.0), and check the clock",
	}
}
