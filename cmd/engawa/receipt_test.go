package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/receipt"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// TestReceiptCommand: a receipt or a certificate is checked with the keys alone; one of another
// hub, and keys that are none, are refused with what to do.
func TestReceiptCommand(t *testing.T) {
	v := vault.New(vault.Generate(time.Now()))
	same := func(s string) string { return s }
	signed, err := receipt.Sign(v, receipt.New("https://hub.example", "sub_1", "app_1", engawa.Consent{ID: "cns_1", Given: true, At: time.Now()}, time.Now(), same))
	if err != nil {
		t.Fatal(err)
	}
	keys := func(v *vault.Vault) []byte {
		b, err := json.Marshal(receipt.KeysOf(v))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var out bytes.Buffer
	if err := (receiptCmd{}).check(signed, keys(v), &out); err != nil || !strings.Contains(out.String(), `"sub": "sub_1"`) {
		t.Errorf("%v %s", err, out.String())
	}
	out.Reset()
	certificate, err := receipt.SignCertificate(v, receipt.NewCertificate("https://hub.example", "p", store.Ending{ID: "end_1", Partner: "ptn_1"}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if err := (receiptCmd{}).check(certificate, keys(v), &out); err != nil || !strings.Contains(out.String(), `"partner": "ptn_1"`) {
		t.Errorf("%v %s", err, out.String())
	}
	for code, published := range map[engawa.Code][]byte{engawa.CodeUnverified: keys(vault.New(vault.Generate(time.Now()))), engawa.CodeInvalid: []byte(`{"keys":[]}`)} {
		out.Reset()
		if err := (receiptCmd{}).check(signed, published, &out); engawa.CodeOf(err) != code || out.Len() > 0 {
			t.Errorf("%v %s", err, out.String())
		}
	}
}
