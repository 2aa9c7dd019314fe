package channeltest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"syscall"
)

// Client returns an http.Client whose requests go straight to h, without
// sockets: inside a synctest bubble nothing blocks that the bubble cannot see.
//
// It behaves as a transport does where a channel could tell the difference:
// the body streams, the context ends the exchange on both sides, redirects are
// not followed, and a handler that panics with http.ErrAbortHandler looks like
// a connection reset by the peer.
func Client(h http.Handler) *http.Client {
	return &http.Client{
		Transport:     direct{h},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type direct struct{ h http.Handler }

// RoundTrip serves r in a goroutine of its own, which ends with the response
// body or with the context of r.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.Header = http.Header{}
	for name, values := range r.Header { // a server reads names in one spelling
		in.Header[http.CanonicalHeaderKey(name)] = values
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	pr, pw := io.Pipe()
	w := &answer{header: http.Header{}, ready: make(chan struct{}), body: pw}
	stop := context.AfterFunc(ctx, func() { _ = pw.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		defer in.Body.Close()
		w.serve(d.h, in)
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		cancel()
		return nil, r.Context().Err()
	}
	if w.aborted {
		cancel()
		return nil, syscall.ECONNRESET
	}
	return &http.Response{
		Status: http.StatusText(w.code), StatusCode: w.code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body{pr, cancel}, ContentLength: -1, Request: r,
	}, nil
}

// body ends the serving goroutine when the client closes it.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// answer is the server's side of one exchange.
type answer struct {
	header  http.Header
	sent    http.Header
	code    int
	aborted bool
	once    sync.Once
	ready   chan struct{}
	body    *io.PipeWriter
}

// serve calls h and turns its abort into a lost connection.
func (w *answer) serve(h http.Handler, r *http.Request) {
	defer func() {
		switch p := recover(); {
		case p == nil:
			w.WriteHeader(http.StatusOK)
			_ = w.body.Close()
		case isAbort(p):
			w.once.Do(func() {
				w.aborted = true
				close(w.ready)
			})
			_ = w.body.CloseWithError(syscall.ECONNRESET)
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
}

func isAbort(p any) bool {
	err, ok := p.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(code int) {
	w.once.Do(func() {
		w.code, w.sent = code, w.header.Clone()
		close(w.ready)
	})
}

func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush sends the header; what is written goes out at once anyway.
func (w *answer) Flush() { w.WriteHeader(http.StatusOK) }
