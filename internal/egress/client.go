package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// MaxAnswer is the longest body of an answer that can be read, in bytes. A
// caller that needs less must stop earlier itself.
const MaxAnswer = 16 << 20

// ErrTooLong says that an answer is longer than MaxAnswer.
var ErrTooLong = errors.New("the answer is longer than 16 MB")

// Client returns an HTTP client that follows no redirect, uses no proxy of the
// environment, keeps no cookie, unpacks no compressed answer, reads at most
// 64 kB of headers and MaxAnswer of body, and ends every request within 30
// seconds. Outside of e.Allow it speaks HTTPS (TLS 1.2 or later) on port 443.
func (e Exit) Client() *http.Client {
	ports := []uint16{443}
	if e.Plain {
		ports = append(ports, 80)
	}
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     guard{usual: e.transport(ports), ocsp: e.transport([]uint16{80, 443})},
	}
}

func (e Exit) transport(ports []uint16) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return e.dial(ctx, network, address, ports)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  20 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// guard looks at requests before they leave and at answers before they are read.
type guard struct{ usual, ocsp *http.Transport }

// RoundTrip refuses a request that cannot be meant. Its refusals look like a
// dial that failed, since like one they prove that nothing was sent.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if why := odd(r); why != "" {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("%w: %s", ErrForbidden, why)}
	}
	t := g.usual
	if r.Header.Get("Content-Type") == "application/ocsp-request" {
		t = g.ocsp
	}
	res, err := t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &limited{ReadCloser: res.Body, left: MaxAnswer}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (g guard) CloseIdleConnections() {
	g.usual.CloseIdleConnections()
	g.ocsp.CloseIdleConnections()
}

// odd returns what is wrong with the form of a request's URL, or nothing.
func odd(r *http.Request) string {
	host := r.URL.Hostname()
	switch {
	case r.URL.Scheme != "https" && r.URL.Scheme != "http":
		return "the scheme is neither https nor http"
	case r.URL.User != nil:
		return "a URL with user and password"
	case host == "" || strings.ContainsAny(host, "\\/#?@% \t\r\n\x00"):
		return "the host is not a name or an address"
	}
	return ""
}

// limited ends a body at left bytes with ErrTooLong.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, ErrTooLong
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1] // one byte more tells a body of exactly left from a longer one
	}
	n, err := l.ReadCloser.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return n - 1, ErrTooLong
	}
	return n, err
}
