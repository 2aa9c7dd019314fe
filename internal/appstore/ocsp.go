package appstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Times of the status check.
const (
	statusLife    = 15 * time.Minute // an answer counts so long, as in Apple's libraries
	statusPause   = 10 * time.Second // after a failure nobody is asked
	statusTimeout = 10 * time.Second // for leaf and intermediate together; Apple's sender waits
	statusSkew    = time.Minute      // between the responder's clock and ours
	maxStatus     = 64 << 10         // bytes of an answer
)

// errRevoked tells a certificate that its issuer has taken back, or does not know.
var errRevoked = errors.New("not in good standing")

// status is what the responders last said about a chain. One question is
// under way at a time; others wait for its answer.
type status struct {
	mu      sync.Mutex
	next    time.Time // until then err counts
	lastErr error
}

// ask returns nil if leaf and intermediate of c are in good standing,
// errRevoked if one is not, and any other error if it could not be learnt.
func (s *status) ask(client *http.Client, c *chain, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		return s.lastErr
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	s.lastErr = nil
	for _, pair := range c.certificates() {
		if s.lastErr = askOne(ctx, client, pair[0], pair[1]); s.lastErr != nil {
			break
		}
	}
	s.next = time.Now().Add(statusLife)
	if s.lastErr != nil && !errors.Is(s.lastErr, errRevoked) {
		s.next = time.Now().Add(statusPause)
	}
	return s.lastErr
}

// statusClass tells a final answer from trouble. Only an answer that the
// issuer signed is final: OCSP runs over plain HTTP, and what anybody on the way
// can write must not make a notification be lost.
func statusClass(err error) Class {
	if errors.Is(err, errRevoked) {
		return ClassVerification
	}
	return ClassRetryable
}

// askOne asks the responder that cert names (RFC 6960, POST, SHA-256 ids).
func askOne(ctx context.Context, client *http.Client, cert, issuer *x509.Certificate) error {
	if len(cert.OCSPServer) == 0 {
		return fmt.Errorf("ask status of certificate %x: it names no responder", cert.SerialNumber)
	}
	question, err := ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		return fmt.Errorf("ask status of certificate %x: %w", cert.SerialNumber, err)
	}
	answer, err := post(ctx, client, cert.OCSPServer[0], question)
	if err != nil {
		return fmt.Errorf("ask status of certificate %x: %w", cert.SerialNumber, err)
	}
	return judge(answer, cert, issuer, time.Now())
}

func post(ctx context.Context, client *http.Client, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the responder answered %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxStatus))
}

// judge checks an answer about cert. ParseResponseForCert ties it to the
// issuer by signature and to cert by serial number; it leaves open whether a
// delegate may speak and whether the answer is fresh.
func judge(answer []byte, cert, issuer *x509.Certificate, now time.Time) error {
	r, err := ocsp.ParseResponseForCert(answer, cert, issuer)
	if err != nil {
		return fmt.Errorf("read status of certificate %x: %w", cert.SerialNumber, err)
	}
	if d := r.Certificate; d != nil && !d.Equal(issuer) {
		if !slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(d.NotBefore) || now.After(d.NotAfter) {
			return fmt.Errorf("read status of certificate %x: the signer may not answer for the issuer", cert.SerialNumber)
		}
	}
	if r.ThisUpdate.After(now.Add(statusSkew)) || (!r.NextUpdate.IsZero() && r.NextUpdate.Before(now.Add(-statusSkew))) {
		return fmt.Errorf("read status of certificate %x: the answer is not of now", cert.SerialNumber)
	}
	if r.Status != ocsp.Good {
		return fmt.Errorf("certificate %x is %w", cert.SerialNumber, errRevoked)
	}
	return nil
}
