package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/receipt"
)

type receiptCmd struct {
	File string `arg:"" type:"existingfile"`
	Keys string `required:"" type:"existingfile"`
}

// Run checks a consent receipt or a certificate of erasure with a hub's public keys
// and prints what it says.
// It asks nobody and needs no hub.
func (r receiptCmd) Run() error {
	signed, err := os.ReadFile(r.File)
	if err != nil {
		return fmt.Errorf("read receipt: %w", err)
	}
	published, err := os.ReadFile(r.Keys)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	return r.check(strings.TrimSpace(string(signed)), published, os.Stdout)
}

func (r receiptCmd) check(signed string, published []byte, out io.Writer) error {
	var keys receipt.Keys
	if err := json.Unmarshal(published, &keys); err != nil || len(keys.Keys) == 0 {
		return &engawa.Error{Code: engawa.CodeInvalid, Message: r.Keys + " holds no keys", Remedy: "save what the hub answers at /.well-known/jwks.json", Err: err}
	}
	says, err := reading(signed, keys)
	if err != nil {
		return &engawa.Error{
			Code: engawa.CodeUnverified, Message: "this is neither a receipt nor a certificate that one of these keys signed as it is",
			Remedy: "take what was signed and the keys of the same hub, unaltered", Err: err,
		}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(says)
}

// reading is what a receipt or a certificate says.
func reading(signed string, keys receipt.Keys) (any, error) {
	c, err := receipt.Check(signed, keys)
	if err != nil {
		return receipt.CheckCertificate(signed, keys)
	}
	return c, nil
}
