package webhook

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
)

// The example that the standard's libraries publish.
func TestPublishedVector(t *testing.T) {
	k, err := parseKey(secretA)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), []key{k})
	if got := h.Get(HeaderSignature); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
}

// B26 of the catalogue of bad input.
func TestVerify(t *testing.T) {
	key1, _ := parseKey(secretA)
	key2, _ := parseKey(secretB)
	body := []byte(`{"type":"a.b"}`)
	both := []engawa.Secret{secretB, secretA}
	for _, tc := range []struct {
		name    string
		id      string
		age     time.Duration
		keys    []key
		body    []byte
		secrets []engawa.Secret
		edit    func(http.Header)
		want    engawa.Code
	}{
		{name: "now"},
		{name: "299 s ago", age: 299 * time.Second},
		{name: "300 s ago", age: 300 * time.Second},
		{name: "301 s ago", age: 301 * time.Second, want: engawa.CodeUnverified},
		{name: "300 s ahead", age: -300 * time.Second},
		{name: "301 s ahead", age: -301 * time.Second, want: engawa.CodeUnverified},
		{name: "two signatures, the second valid", keys: []key{key2, key1}},
		{name: "two signatures, the first valid", keys: []key{key1, key2}},
		{name: "only another's signature", keys: []key{key2}, want: engawa.CodeUnverified},
		{name: "old secret while both are known", secrets: both},
		{name: "old secret after the rotation", secrets: []engawa.Secret{secretB}, want: engawa.CodeUnverified},
		{name: "no secret is known", secrets: []engawa.Secret{}, want: engawa.CodeUnverified},
		{name: "id with a dot", id: "msg.1", want: engawa.CodeUnverified},
		{name: "id of 300 characters", id: strings.Repeat("a", 300), want: engawa.CodeUnverified},
		{name: "5 MB", body: bytes.Repeat([]byte{' '}, 5<<20), want: engawa.CodeTooLarge},
		{name: "v1a and v2 are passed over", edit: func(h http.Header) {
			h.Set(HeaderSignature, "v1a,AAAA v2,BBBB "+h.Get(HeaderSignature))
		}},
		{name: "v2 with our bytes", edit: func(h http.Header) {
			h.Set(HeaderSignature, strings.Replace(h.Get(HeaderSignature), "v1,", "v2,", 1))
		}, want: engawa.CodeUnverified},
		{name: "17 signatures, the last valid", edit: func(h http.Header) {
			h.Set(HeaderSignature, strings.Repeat("v1,AAAA ", 16)+h.Get(HeaderSignature))
		}, want: engawa.CodeUnverified},
		{name: "time with a sign", edit: func(h http.Header) { h.Set(HeaderTimestamp, "+"+h.Get(HeaderTimestamp)) }, want: engawa.CodeUnverified},
		{name: "time beyond int64", edit: func(h http.Header) { h.Set(HeaderTimestamp, "99999999999999999999") }, want: engawa.CodeUnverified},
		{name: "smallest time", edit: func(h http.Header) { h.Set(HeaderTimestamp, strconv.FormatInt(-1<<63, 10)) }, want: engawa.CodeUnverified},
		{name: "dot moved from id to body", id: "msg_1", edit: func(h http.Header) { h.Set(HeaderID, "msg_") }, want: engawa.CodeUnverified},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tc.id == "" {
					tc.id = "msg_1"
				}
				if tc.keys == nil {
					tc.keys = []key{key1}
				}
				if tc.secrets == nil {
					tc.secrets = []engawa.Secret{secretA}
				}
				if tc.body == nil {
					tc.body = body
				}
				h := http.Header{}
				sign(h, tc.id, time.Now().Add(-tc.age), tc.body, tc.keys)
				if tc.edit != nil {
					tc.edit(h)
				}
				id, err := Verify(h, tc.body, tc.secrets...)
				var got engawa.Code
				if e, ok := err.(*engawa.Error); ok {
					got = e.Code
				}
				if got != tc.want || err == nil && id != tc.id {
					t.Errorf("id %q, error %v; want code %q", id, err, tc.want)
				}
			})
		})
	}
}
