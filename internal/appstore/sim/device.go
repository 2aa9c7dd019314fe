package sim

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
)

// deviceCheck is how signed data names the device on which it was fetched: the
// SHA-384 of a nonce and the device's id, both UUIDs in lower case
// (Transaction.deviceVerification).
func deviceCheck(nonce, device string) string {
	sum := sha512.Sum384([]byte(nonce + strings.ToLower(device)))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// OnDevice is a transaction as StoreKit hands it to the app on a device
// (VerificationResult.jwsRepresentation); without a device, as notifications and the
// Server API carry it.
func (s *Store) OnDevice(transactionID, device string) (string, error) {
	s.enter()
	defer s.leave()
	t, err := s.transaction(transactionID)
	if err != nil {
		return "", err
	}
	if device == "" {
		return s.must(s.info(t)), nil
	}
	nonce := newUUID()
	return s.must(struct {
		transactionInfo
		Verification string `json:"deviceVerification"`
		Nonce        string `json:"deviceVerificationNonce"`
	}{s.info(t), deviceCheck(nonce, device), nonce}), nil
}

// AppOnDevice is the app's own transaction as StoreKit hands it to the app on a
// device (AppTransaction.shared); without a device it names none.
func (s *Store) AppOnDevice(customer, device string) (string, error) {
	s.enter()
	defer s.leave()
	c, err := s.customer(customer)
	if err != nil {
		return "", fmt.Errorf("app transaction: %w", err)
	}
	a := s.app(c)
	if a.DeviceVerification = ""; device != "" {
		a.DeviceVerification = deviceCheck(a.DeviceVerificationNonce, device)
	}
	return s.must(a), nil
}
