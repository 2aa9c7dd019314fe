package appstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/engawa/engawa"
)

// responder answers for the certificates of a chain, as the test says.
type responder struct {
	t     testing.TB
	chain *testChain
	asked []int64 // serial numbers

	change func(*ocsp.Response)                                  // of the answer about the leaf; nil: good
	by     func(serial int64) (*x509.Certificate, crypto.Signer) // who signs; nil: the issuer
	way    func(*http.Request) (*http.Response, error)           // instead of an answer
}

// RoundTrip holds a question to RFC 6960 and answers it.
func (r *responder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	q, err := ocsp.ParseRequest(body)
	if err != nil {
		r.t.Errorf("no question: %v", err)
		return nil, err
	}
	if req.Method != http.MethodPost || req.URL.String() != "http://ocsp.example/ask" || req.Header.Get("Content-Type") != "application/ocsp-request" || q.HashAlgorithm != crypto.SHA256 {
		r.t.Errorf("%s %s by %v", req.Method, req.URL, q.HashAlgorithm)
	}
	serial := q.SerialNumber.Int64()
	r.asked = append(r.asked, serial)
	if r.way != nil {
		return r.way(req)
	}
	return said(http.StatusOK, r.answer(serial)), nil
}

func (r *responder) answer(serial int64) []byte {
	issuer, key := r.chain.between, crypto.Signer(r.chain.betweenKey)
	if serial == r.chain.between.SerialNumber.Int64() {
		issuer, key = r.chain.root, r.chain.rootKey
	}
	now := time.Now()
	a := ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(serial), IssuerHash: crypto.SHA256, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	if r.change != nil && serial == r.chain.leaf.SerialNumber.Int64() {
		r.change(&a)
	}
	from := issuer
	if r.by != nil {
		if from, key = r.by(serial); !from.IsCA {
			a.Certificate = from // a delegate shows its own
		}
	}
	der, err := ocsp.CreateResponse(issuer, from, a, key)
	if err != nil {
		r.t.Fatal(err)
	}
	return der
}

func said(status int, body []byte) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}}
}

// checked is a receiver of the sandbox that asks a responder.
func (r *responder) checked() *Receiver {
	r.t.Helper()
	in, err := New(Settings{BundleID: "com.example", Environment: engawa.Sandbox, Roots: r.chain.rootPEM(), OCSP: true, HTTP: &http.Client{Transport: r}})
	if err != nil {
		r.t.Fatal(err)
	}
	return in
}

// told is what the receiver says to a genuine notification of now.
func (r *responder) told(in *Receiver) (engawa.Code, error) {
	r.t.Helper()
	body := posted(r.t, r.chain)
	evs, err := in.Receive(nil, body)
	if err == nil {
		if len(evs) != 1 {
			r.t.Fatalf("%d events", len(evs))
		}
		return "", nil
	}
	e, ok := errors.AsType[*engawa.Error](err)
	if !ok || len(evs) != 0 || e.Remedy == "" {
		r.t.Fatalf("%v with %d events", err, len(evs))
	}
	return e.Code, err
}

// posted is a genuine notification of now, as the store posts it.
func posted(t testing.TB, c *testChain) []byte {
	t.Helper()
	return []byte(`{"signedPayload":"` + c.sign(t, c.notification(t, time.Now(), nil), nil) + `"}`)
}

// inBubble runs a test on a fake clock before a responder.
func inBubble(t *testing.T, do func(t *testing.T, r *responder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		do(t, &responder{t: t, chain: newTestChain(t, testChain{responder: "http://ocsp.example/ask"})})
	})
}

// TestStatusGood: both certificates are asked about, once in 15 minutes for all that
// they vouch for.
func TestStatusGood(t *testing.T) {
	inBubble(t, func(t *testing.T, r *responder) {
		in := r.checked()
		for i, want := range []int{2, 2, 2, 4} {
			if code, err := r.told(in); code != "" {
				t.Fatal(err)
			}
			if len(r.asked) != want {
				t.Fatalf("look %d: asked about %v", i, r.asked)
			}
			time.Sleep(5*time.Minute + time.Duration(i)*time.Second)
		}
		if !slices.Equal(r.asked[:2], []int64{3, 2}) {
			t.Errorf("asked about %v, not leaf and intermediate", r.asked)
		}
	})
}

// TestStatusRevoked: what the issuer has taken back, or does not know, vouches for
// nothing. That is final, and nobody is asked again for 15 minutes.
func TestStatusRevoked(t *testing.T) {
	for name, change := range map[string]func(*ocsp.Response){
		"revoked":     func(a *ocsp.Response) { a.Status, a.RevokedAt = ocsp.Revoked, time.Now().Add(-time.Minute) },
		"long ago":    func(a *ocsp.Response) { a.Status, a.RevokedAt = ocsp.Revoked, time.Now().AddDate(-1, 0, 0) },
		"not known":   func(a *ocsp.Response) { a.Status = ocsp.Unknown },
		"without end": func(a *ocsp.Response) { a.Status, a.NextUpdate = ocsp.Revoked, time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *responder) {
				r.change = change
				in := r.checked()
				code, err := r.told(in)
				if code != engawa.CodeUnverified {
					t.Fatalf("%q %v", code, err)
				}
				wantClass(t, err, ClassVerification)
				r.change = nil
				time.Sleep(14 * time.Minute)
				if code, _ := r.told(in); code != engawa.CodeUnverified || len(r.asked) != 1 {
					t.Errorf("within 15 minutes: %q, asked about %v", code, r.asked)
				}
				time.Sleep(2 * time.Minute)
				if code, err := r.told(in); code != "" {
					t.Errorf("the issuer says otherwise now: %v", err)
				}
			})
		})
	}
	t.Run("intermediate", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *responder) {
			c := r.chain
			in := r.checked()
			r.way = func(*http.Request) (*http.Response, error) {
				serial := r.asked[len(r.asked)-1]
				if serial == 3 {
					return said(http.StatusOK, r.answer(serial)), nil
				}
				der, err := ocsp.CreateResponse(c.root, c.root, ocsp.Response{
					Status: ocsp.Revoked, SerialNumber: big.NewInt(serial), RevokedAt: time.Now(), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
				}, c.rootKey)
				return said(http.StatusOK, der), err
			}
			if code, err := r.told(in); code != engawa.CodeUnverified || !slices.Equal(r.asked, []int64{3, 2}) {
				t.Errorf("%q %v, asked about %v", code, err, r.asked)
			}
		})
	})
}

// TestStatusUnreachable: while nobody answers nothing is accepted and nothing is lost:
// the store hears 503 and sends it again. Nobody is asked for 10 seconds, and no sender
// waits longer than that.
func TestStatusUnreachable(t *testing.T) {
	for name, way := range map[string]func(*http.Request) (*http.Response, error){
		"no way":    func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"500":       func(*http.Request) (*http.Response, error) { return said(500, nil), nil },
		"moved":     func(*http.Request) (*http.Response, error) { return said(404, []byte("moved")), nil },
		"no answer": func(*http.Request) (*http.Response, error) { return said(200, []byte("<html>sign in</html>")), nil },
		"empty":     func(*http.Request) (*http.Response, error) { return said(200, nil), nil },
		"without end": func(*http.Request) (*http.Response, error) {
			return said(200, bytes.Repeat([]byte{0x30}, 1<<20)), nil
		},
		"try later":    func(*http.Request) (*http.Response, error) { return said(200, ocsp.TryLaterErrorResponse), nil },
		"unauthorized": func(*http.Request) (*http.Response, error) { return said(200, ocsp.UnauthorizedErrorResponse), nil },
		"silent": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *responder) {
				r.way = way
				in, start := r.checked(), time.Now()
				code, err := r.told(in)
				if code != engawa.CodeUnavailable || time.Since(start) > 10*time.Second {
					t.Fatalf("after %v: %q %v", time.Since(start), code, err)
				}
				wantClass(t, err, ClassRetryable)
				r.way = nil
				time.Sleep(9 * time.Second)
				if code, _ := r.told(in); code != engawa.CodeUnavailable || len(r.asked) != 1 {
					t.Errorf("within 10 seconds: %q, asked about %v", code, r.asked)
				}
				time.Sleep(2 * time.Second)
				if code, err := r.told(in); code != "" {
					t.Errorf("it answers again: %v", err)
				}
			})
		})
	}
	t.Run("names no responder", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &responder{t: t, chain: newTestChain(t, testChain{})}
			if code, err := r.told(r.checked()); code != engawa.CodeUnavailable || len(r.asked) != 0 {
				t.Errorf("%q %v", code, err)
			}
		})
	})
}

// TestStatusStale: an answer counts between its dates, with a minute for the clocks.
func TestStatusStale(t *testing.T) {
	for name, c := range map[string]struct {
		this, next time.Duration // from now; next 0: not given
		want       engawa.Code
	}{
		"ended":               {-2 * time.Hour, -61 * time.Second, engawa.CodeUnavailable},
		"ended this minute":   {-2 * time.Hour, -59 * time.Second, ""},
		"of a year ago":       {-8760 * time.Hour, -8000 * time.Hour, engawa.CodeUnavailable},
		"of later":            {61 * time.Second, time.Hour, engawa.CodeUnavailable},
		"of the next minute":  {59 * time.Second, time.Hour, ""},
		"newer at any moment": {-time.Second, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *responder) {
				r.change = func(a *ocsp.Response) {
					a.ThisUpdate, a.NextUpdate = time.Now().Add(c.this), time.Now().Add(c.next)
					if c.next == 0 {
						a.NextUpdate = time.Time{}
					}
				}
				if code, err := r.told(r.checked()); code != c.want {
					t.Errorf("%q %v, want %q", code, err, c.want)
				}
			})
		})
	}
	t.Run("revoked, of a year ago", func(t *testing.T) { // somebody plays it again: it decides nothing
		inBubble(t, func(t *testing.T, r *responder) {
			r.change = func(a *ocsp.Response) {
				a.Status, a.ThisUpdate, a.NextUpdate = ocsp.Revoked, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(-1, 0, 1)
			}
			if code, err := r.told(r.checked()); code != engawa.CodeUnavailable {
				t.Errorf("%q %v", code, err)
			}
		})
	})
}

// TestStatusOfStrangers: what another than the issuer, or one whom it let answer, says
// decides nothing: neither that a certificate is good nor that it was revoked.
func TestStatusOfStrangers(t *testing.T) {
	type signer func(t *testing.T, c *testChain, serial int64) (*x509.Certificate, crypto.Signer)
	delegate := func(change func(*x509.Certificate), stranger bool) signer {
		return func(t *testing.T, c *testChain, serial int64) (*x509.Certificate, crypto.Signer) {
			issuer, key := c.between, c.betweenKey
			if serial == 2 {
				issuer, key = c.root, c.rootKey
			}
			if stranger { // of the same name
				issuer, key = issue(t, elliptic.P384(), &x509.Certificate{
					SerialNumber: issuer.SerialNumber, Subject: issuer.Subject, NotBefore: issuer.NotBefore, NotAfter: issuer.NotAfter, IsCA: true, BasicConstraintsValid: true,
				}, nil, nil)
			}
			tmpl := &x509.Certificate{
				SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "Test Responder"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
				KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, BasicConstraintsValid: true,
			}
			change(tmpl)
			return issue(t, elliptic.P256(), tmpl, issuer, key)
		}
	}
	same := func(*x509.Certificate) {}
	for name, c := range map[string]struct {
		by   signer
		good bool
	}{
		"a delegate of the issuer": {delegate(same, false), true},
		"a stranger of the issuer's name": {func(t *testing.T, c *testChain, serial int64) (*x509.Certificate, crypto.Signer) {
			return of(c, serial), newKey(t)
		}, false},
		"the leaf itself":                    {func(_ *testing.T, c *testChain, _ int64) (*x509.Certificate, crypto.Signer) { return c.leaf, c.leafKey }, false},
		"a delegate of a stranger":           {delegate(same, true), false},
		"a delegate for another purpose":     {delegate(func(d *x509.Certificate) { d.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, false), false},
		"a delegate without purpose":         {delegate(func(d *x509.Certificate) { d.ExtKeyUsage = nil }, false), false},
		"a delegate whose time is over":      {delegate(func(d *x509.Certificate) { d.NotAfter = time.Now().Add(-time.Second) }, false), false},
		"a delegate whose time has not come": {delegate(func(d *x509.Certificate) { d.NotBefore = time.Now().Add(time.Minute) }, false), false},
	} {
		for _, says := range []int{ocsp.Good, ocsp.Revoked} {
			t.Run(fmt.Sprint(name, " ", says), func(t *testing.T) {
				inBubble(t, func(t *testing.T, r *responder) {
					r.by = func(serial int64) (*x509.Certificate, crypto.Signer) { return c.by(t, r.chain, serial) }
					r.change = func(a *ocsp.Response) { a.Status, a.RevokedAt = says, time.Now() }
					want := engawa.CodeUnavailable
					if c.good && says == ocsp.Good {
						want = ""
					} else if c.good {
						want = engawa.CodeUnverified
					}
					if code, err := r.told(r.checked()); code != want {
						t.Errorf("%q %v, want %q", code, err, want)
					}
				})
			})
		}
	}
	t.Run("about another certificate", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *responder) {
			r.change = func(a *ocsp.Response) { a.SerialNumber = big.NewInt(7) }
			if code, err := r.told(r.checked()); code != engawa.CodeUnavailable {
				t.Errorf("%q %v", code, err)
			}
		})
	})
}

// of is the issuer of a certificate of the chain.
func of(c *testChain, serial int64) *x509.Certificate {
	if serial == 2 {
		return c.root
	}
	return c.between
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	_, key := issue(t, elliptic.P384(), &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}, nil, nil)
	return key
}

// TestStatusAsksForNow: an ended leaf is out, whatever it signed while it was valid, and
// a forged notification asks nobody anything.
func TestStatusAsksForNow(t *testing.T) {
	inBubble(t, func(t *testing.T, r *responder) {
		in := r.checked()
		if _, err := in.Receive(nil, []byte(`{"signedPayload":"`+tamper(r.chain.sign(t, r.chain.notification(t, time.Now(), nil), nil), 1)+`"}`)); err == nil || len(r.asked) != 0 {
			t.Errorf("%v, asked about %v", err, r.asked)
		}
		time.Sleep(364 * 24 * time.Hour)
		body := posted(t, r.chain)
		time.Sleep(2 * 24 * time.Hour)
		if _, err := in.Receive(nil, body); err == nil || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "not valid now") || len(r.asked) != 0 {
			t.Errorf("%v, asked about %v", err, r.asked)
		}
	})
}
