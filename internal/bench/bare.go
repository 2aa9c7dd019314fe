package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bare sends n times the same bytes over conns connections with nothing around
// it, and returns how many per second went: what the machine can do. Each
// connection's work is send, called for each piece.
func bare(conns, n int, open func() (send, end func() error, err error)) (float64, error) {
	var work sync.WaitGroup
	errs := make(chan error, conns)
	start := time.Now()
	for i := range conns {
		share := n / conns
		if i < n%conns {
			share++
		}
		work.Go(func() {
			send, end, err := open()
			for range share {
				if err == nil {
					err = send()
				}
			}
			if err == nil {
				err = end()
			}
			errs <- err
		})
	}
	work.Wait()
	took := time.Since(start)
	for range conns {
		if err := <-errs; err != nil {
			return 0, fmt.Errorf("bare loop: %w", err)
		}
	}
	return float64(n) / took.Seconds(), nil
}

// piece is what the bare loop sends each time: what the hub had sent first.
type piece struct {
	Body  []byte
	Heads http.Header // over HTTP
}

// bareProcess runs the bare loop as a process of its own, as the hub is one: the
// sink stands on the other side of the same wall.
func bareProcess(ctx context.Context, kind, addr string, n int, p piece) (perSecond float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "bare", kind, addr, strconv.Itoa(n))
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("bare loop: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// bareMain is the bare loop's process: kind ("mail", "flight", "webhook"), address and count are its arguments,
// the piece to send its standard input, messages per second its answer.
func bareMain(ctx context.Context, kind, addr, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	var p piece
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		return err
	}
	var open func() (func() error, func() error, error)
	conns := connsMail
	switch kind {
	case "mail":
		open = bareMail(addr, p.Body)
	case "flight":
		open = flightMail(ctx, addr, p.Body)
	default:
		open, conns = bareHTTP(ctx, "http://"+addr, p), connsHTTP
	}
	perSecond, err := bare(conns, n, open)
	fmt.Println(perSecond)
	return err
}

// bareMail sends with the standard library's client: a command, its answer, the
// next command, over connections that are kept.
func bareMail(addr string, letter []byte) func() (func() error, func() error, error) {
	return func() (func() error, func() error, error) {
		c, err := smtp.Dial(addr)
		if err != nil {
			return nil, nil, err
		}
		send := func() error {
			if err := c.Mail("shop@hinata.example"); err != nil {
				return err
			}
			if err := c.Rcpt("member000001@customer.example"); err != nil {
				return err
			}
			w, err := c.Data()
			if err != nil {
				return err
			}
			if _, err := w.Write(letter); err != nil {
				return err
			}
			return w.Close()
		}
		return send, c.Quit, c.Hello("bare.example")
	}
}

// flightMail is the least that SMTP allows: the envelope in one flight, the
// letter in the next, and answers that nobody reads but for their number.
func flightMail(ctx context.Context, addr string, letter []byte) func() (func() error, func() error, error) {
	return func() (func() error, func() error, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		in := bufio.NewReader(c)
		expect := func(lines int) error {
			for range lines {
				if _, err := in.ReadSlice('\n'); err != nil {
					return err
				}
			}
			return nil
		}
		if _, err := io.WriteString(c, "EHLO bare.example\r\n"); err != nil {
			return nil, nil, err
		}
		envelope := []byte("MAIL FROM:<shop@hinata.example>\r\nRCPT TO:<member000001@customer.example>\r\nDATA\r\n")
		data := append(bytes.Clone(letter), ".\r\n"...)
		send := func() error {
			if _, err := c.Write(envelope); err != nil {
				return err
			}
			if err := expect(3); err != nil {
				return err
			}
			if _, err := c.Write(data); err != nil {
				return err
			}
			return expect(1)
		}
		return send, c.Close, expect(3)
	}
}

// bareHTTP posts the same body with the same headers over connections that are kept.
func bareHTTP(ctx context.Context, url string, p piece) func() (func() error, func() error, error) {
	return func() (func() error, func() error, error) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
		send := func() error {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(p.Body))
			if err != nil {
				return err
			}
			r.Header = p.Heads
			return exchange(client, r, http.StatusNoContent)
		}
		return send, func() error { client.CloseIdleConnections(); return nil }, nil
	}
}

// exchange makes a request and reads the answer to its end.
func exchange(client *http.Client, r *http.Request, want int) error {
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("answered %d: %.200s", res.StatusCode, text)
	}
	return err
}
