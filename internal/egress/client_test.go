package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// serve returns a server on loopback that counts what reached it.
func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var hits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s, &hits
}

func port(t *testing.T, s *httptest.Server) string {
	t.Helper()
	_, p, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, e Exit, url string) (*http.Response, error) {
	t.Helper()
	c := e.Client()
	t.Cleanup(c.CloseIdleConnections)
	res, err := c.Get(url)
	if err == nil {
		t.Cleanup(func() { res.Body.Close() })
	}
	return res, err
}

// anyPort asks without the limit on ports, which alone would refuse a test's
// server: so that it is the address that decides.
func anyPort(t *testing.T, e Exit, url string) error {
	t.Helper()
	tr := e.transport(nil)
	t.Cleanup(tr.CloseIdleConnections)
	res, err := (&http.Client{Transport: tr}).Get(url)
	if err == nil {
		res.Body.Close()
	}
	return err
}

// B27: however this machine is spelt, it is not reached.
func TestSpellingsOfThisMachine(t *testing.T) {
	s, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	e := Exit{Resolver: answering(func(string, int) []string { return []string{"127.0.0.1"} })}
	for _, host := range []string{
		"127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001::1]", "[fe80::1%25lo]", "[fec0::1]",
		"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "127.0.0.1.nip.example", "a。b.example", "0",
	} {
		if err := anyPort(t, e, "http://"+host+":"+port(t, s)+"/"); err == nil {
			t.Errorf("%s was reached", host)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// B29: the same name leads to an allowed address first and to a private one
// afterwards. Each dial is judged by itself.
func TestRebinding(t *testing.T) {
	s, hits := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	var turn atomic.Int64
	e := Exit{Allow: loopback[:1], Resolver: answering(func(string, int) []string {
		if turn.Load() == 0 {
			return []string{"127.0.0.1"}
		}
		return []string{"10.0.0.1", "169.254.169.254"}
	})}
	url := "http://rebind.example:" + port(t, s) + "/"
	if err := anyPort(t, e, url); err != nil {
		t.Fatalf("first: %v", err)
	}
	turn.Store(1)
	if _, err := get(t, e, url); !errors.Is(err, ErrForbidden) {
		t.Errorf("after the change: %v, want it forbidden", err)
	}
	if n := hits.Load(); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

// B29: a private address among allowed ones is passed over.
func TestMixedAnswers(t *testing.T) {
	s, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	e := Exit{Allow: loopback[:1], Resolver: answering(func(string, int) []string { return []string{"10.0.0.1", "127.0.0.1"} })}
	if _, err := get(t, e, "http://mixed.example:"+port(t, s)+"/"); err != nil {
		t.Errorf("the allowed address: %v", err)
	}
}

// answering returns a resolver whose name server, over a pipe, gives the
// addresses that of returns for a name, with a life of 0 seconds.
func answering(of func(name string, kind int) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			_ = nameserver(server, of)
		}()
		return client, nil
	}}
}

// nameserver answers DNS questions in their TCP form (RFC 1035 §4.2.2).
func nameserver(c net.Conn, of func(string, int) []string) error {
	for {
		var size uint16
		if err := binary.Read(c, binary.BigEndian, &size); err != nil {
			return err
		}
		q := make([]byte, size)
		if _, err := io.ReadFull(c, q); err != nil {
			return err
		}
		name, end := "", 12
		for q[end] != 0 {
			name += string(q[end+1:end+1+int(q[end])]) + "."
			end += 1 + int(q[end])
		}
		end += 5 // the root label, type and class
		kind := int(binary.BigEndian.Uint16(q[end-4:]))
		reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		for _, a := range of(name, kind) {
			ip := netip.MustParseAddr(a)
			if ip.Is4() != (kind == 1) {
				continue
			}
			reply[7]++
			reply = append(reply, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(ip.AsSlice())))
			reply = append(reply, ip.AsSlice()...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return err
		}
	}
}

// B30: no redirect is followed, to wherever it points.
func TestRedirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		s, hits := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", code) })
		res, err := get(t, Exit{Allow: loopback}, s.URL)
		if err != nil || res.StatusCode != code || hits.Load() != 1 {
			t.Errorf("%d: %v, %v, %d requests", code, res, err, hits.Load())
		}
	}
}

// B30: forms of a URL that cannot be meant.
func TestOddURLs(t *testing.T) {
	s, hits := serve(t, func(http.ResponseWriter, *http.Request) {})
	here := s.Listener.Addr().String()
	for _, url := range []string{
		"gopher://" + here, "file:///etc/passwd", "ftp://" + here, "unix:///run/docker.sock", "http://user:pw@" + here,
		"http://user@" + here, "http:///path", "http://good.example\\@" + here, "http://good.example%2f@" + here, "//" + here,
		"http://" + here + "%00", "http://" + here + "\r\nX: y",
	} {
		if _, err := get(t, Exit{Allow: loopback}, url); err == nil {
			t.Errorf("%q was reached", url)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// A refusal proves that nothing was sent: a channel tells it by the dial error.
func TestRefusalsLookLikeADial(t *testing.T) {
	for _, url := range []string{"https://127.0.0.1/", "https://user:pw@a.example/"} {
		_, err := get(t, Exit{}, url)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// B30: endless and packed answers, and headers without end.
func TestLongAnswers(t *testing.T) {
	chunk := bytes.Repeat([]byte("long "), 13<<10)
	s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	res, err := get(t, Exit{Allow: loopback}, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); n != MaxAnswer || !errors.Is(err, ErrTooLong) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	exact := &limited{ReadCloser: io.NopCloser(strings.NewReader("12345")), left: 5}
	if b, err := io.ReadAll(exact); string(b) != "12345" || err != nil {
		t.Errorf("a body of just the limit: %q, %v", b, err)
	}

	headers, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 128<<10)) })
	if _, err := get(t, Exit{Allow: loopback}, headers.URL); err == nil {
		t.Error("128 kB of headers were read")
	}
}

func TestPackedAnswersStayPacked(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	res, err := get(t, Exit{Allow: loopback}, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); len(b) != bomb.Len() || err != nil {
		t.Errorf("read %d bytes, the packed answer has %d: %v", len(b), bomb.Len(), err)
	}
}

// B30: a flood of provisional answers ends the exchange.
func TestFloodOfProvisionalAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for {
			if _, err := fmt.Fprintf(c, "HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\n", strings.Repeat("a", 4000)); err != nil {
				return
			}
		}
	}()
	done := make(chan error, 1)
	go func() {
		_, err := get(t, Exit{Allow: loopback}, "http://"+l.Addr().String())
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("the flood became an answer")
		}
	case <-time.After(10 * time.Second):
		t.Error("the flood is still being read")
	}
}

// B30: certificates that do not hold, and TLS of another age. The same server is
// believed once its root is known, so each refusal has the reason that it names.
func TestTLS(t *testing.T) {
	for _, c := range []struct {
		name, host string
		newest     uint16
		known      bool   // the server's root is known
		refusal    string // none: it is believed
	}{
		{"as it should be", "example.com", tls.VersionTLS12, true, ""},
		{"self-signed", "example.com", tls.VersionTLS13, false, "certificate signed by unknown authority"},
		{"another's name", "example.net", tls.VersionTLS13, true, "certificate is valid for example.com"},
		{"TLS 1.1", "example.com", tls.VersionTLS11, true, "protocol version not supported"},
		{"TLS 1.0", "example.com", tls.VersionTLS10, true, "protocol version not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.TLS = &tls.Config{MaxVersion: c.newest, MinVersion: tls.VersionTLS10}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			t.Cleanup(s.Close)
			e := Exit{Allow: loopback, Resolver: answering(func(string, int) []string { return []string{"127.0.0.1"} })}
			tr := e.transport(nil)
			t.Cleanup(tr.CloseIdleConnections)
			if c.known {
				tr.TLSClientConfig.RootCAs = x509.NewCertPool()
				tr.TLSClientConfig.RootCAs.AddCert(s.Certificate())
			}
			res, err := (&http.Client{Transport: tr}).Get("https://" + c.host + ":" + port(t, s))
			if err == nil {
				res.Body.Close()
			}
			if c.refusal == "" && err != nil || c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)) {
				t.Errorf("%v, want %q", err, c.refusal)
			}
		})
	}
}

// Cookies are not kept, and the environment's proxy is not used.
func TestNoCookiesNoProxy(t *testing.T) {
	proxy, asked := serve(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	var sent string
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Cookie")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	c := Exit{Allow: loopback}.Client()
	defer c.CloseIdleConnections()
	for range 2 {
		res, err := c.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	if sent != "" || asked.Load() != 0 {
		t.Errorf("cookie %q, the proxy was asked %d times", sent, asked.Load())
	}
	tr := c.Transport.(guard)
	if tr.usual.Proxy != nil || tr.ocsp.Proxy != nil {
		t.Error("a proxy is set")
	}
}
