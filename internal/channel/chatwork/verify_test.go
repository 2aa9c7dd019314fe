package chatwork

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// TestVerify: a webhook is signed by the decoded token over the bytes that
// came, and no other signature holds, however near.
func TestVerify(t *testing.T) {
	a, err := connect(settings, channel.Env{Account: channeltest.Account})
	if err != nil {
		t.Fatal(err)
	}
	var ch channel.Channel = a
	key, err := base64.StdEncoding.DecodeString(hookKey)
	if err != nil {
		t.Fatal(err)
	}
	body := callback.Body
	var read map[string]any
	if err := json.Unmarshal(body, &read); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	of := func(key, body []byte) string { return base64.StdEncoding.EncodeToString(sign(key, body)) }
	good := of(key, body)
	for name, c := range map[string]struct {
		signature string
		holds     bool
	}{
		"right":                         {good, true},
		"missing":                       {"", false},
		"by the token as it is written": {of([]byte(hookKey), body), false},
		"by another token":              {of(bytes.Repeat([]byte("k"), len(key)), body), false},
		"by no key":                     {of(nil, body), false},
		"over the JSON written anew":    {of(key, written), false},
		"over a space more":             {of(key, append(bytes.Clone(body), ' ')), false},
		"over nothing":                  {of(key, nil), false},
		"in other case":                 {strings.ToUpper(good), false},
		"in hexadecimal":                {hex.EncodeToString(sign(key, body)), false},
		"in base64url":                  {base64.URLEncoding.EncodeToString(forced(t, key)), false},
		"without padding":               {strings.TrimRight(good, "="), false},
		"cut short":                     {base64.StdEncoding.EncodeToString(sign(key, body)[:16]), false},
		"twice":                         {good + "," + good, false},
	} {
		events, err := ch.(channel.Receiver).Receive(http.Header{"X-Chatworkwebhooksignature": {c.signature}}, body)
		var told *engawa.Error
		switch {
		case c.holds && (err != nil || len(events) != 1):
			t.Errorf("%s: %d events, %v", name, len(events), err)
		case !c.holds && (len(events) != 0 || !errors.As(err, &told) || told.Code != engawa.CodeUnverified):
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
	}
	events, err := ch.(channel.Receiver).Receive(http.Header{"X-Other-Signature": {good}}, body)
	if err == nil {
		t.Errorf("under another header's name: %d events", len(events))
	}
	events, err = ch.(channel.Receiver).Receive(callback.Sign([]byte(`{}`), time.Now()), []byte(`{}`))
	if err == nil {
		t.Errorf("signed, and no event of Chatwork: %d events", len(events))
	}
}

// forced is a signature that base64url writes with characters of its own.
func forced(t *testing.T, key []byte) []byte {
	t.Helper()
	sum := sign(key, callback.Body)
	if base64.URLEncoding.EncodeToString(sum) == base64.StdEncoding.EncodeToString(sum) {
		t.Fatal("this body's signature looks the same in base64url; take another body")
	}
	return sum
}
