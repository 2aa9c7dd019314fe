package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
)

// verification proves notifications on one core for a time. Warm, one receiver
// proves them all and knows the chain after the first; cold, each gets a
// receiver that has seen none.
func verification(lasting time.Duration) (warm, cold float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const different = 200
	settings, bodies, err := signed(different)
	if err != nil {
		return 0, 0, err
	}
	known, err := appstore.New(settings)
	if err == nil {
		_, err = known.Receive(nil, bodies[0])
	}
	if err != nil {
		return 0, 0, err
	}
	if warm, err = prove(lasting, bodies, func() (*appstore.Receiver, error) { return known, nil }); err != nil {
		return 0, 0, err
	}
	cold, err = prove(lasting, bodies, func() (*appstore.Receiver, error) { return appstore.New(settings) })
	return warm, cold, err
}

// signed are n notifications, and what proves them. The simulator's chain has the
// shape of Apple's: root and intermediate of P-384, the leaf of P-256.
func signed(n int) (appstore.Settings, [][]byte, error) {
	s, err := sim.New("jp.hinata.coffee", 1, "Sandbox")
	if err != nil {
		return appstore.Settings{}, nil, err
	}
	bodies := make([][]byte, n)
	for i := range bodies {
		sub := sim.Subscription{
			OriginalTransactionID: strconv.Itoa(2_000_000_000_000_000 + i), ProductID: "monthly", ExpiresAt: time.Now().Add(24 * time.Hour),
			AutoRenew: true, Price: 1_980_000, Currency: "JPY", Storefront: "JPN",
		}
		if _, bodies[i], err = s.Notification("DID_RENEW", "", sub, time.Now()); err != nil {
			return appstore.Settings{}, nil, err
		}
	}
	return appstore.Settings{BundleID: "jp.hinata.coffee", Environment: engawa.Sandbox, Roots: s.RootPEM()}, bodies, nil
}

// starts is how many processes prove their first notification.
const starts = 30

// firsts is how long each of some fresh processes takes for its first notification,
// the shortest first: opening the account, the chain and all that Go sets up but once,
// and nothing of this process, which has signed.
func firsts(ctx context.Context) (took []time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	settings, bodies, err := signed(1)
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(first{settings.Roots, bodies[0]})
	if err != nil {
		return nil, err
	}
	for range starts {
		c := exec.CommandContext(ctx, self, "prove-first")
		c.Stdin = bytes.NewReader(in)
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("prove in a fresh process: %w", err)
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Duration(ns))
	}
	slices.Sort(took)
	return took, nil
}

// first is what a fresh process is given.
type first struct {
	Roots string
	Body  []byte
}

// proveFirst is a fresh process: it proves one notification and prints how many
// nanoseconds that took.
func proveFirst(in io.Reader, out io.Writer) error {
	var f first
	if err := json.NewDecoder(in).Decode(&f); err != nil {
		return err
	}
	start := time.Now()
	r, err := appstore.New(appstore.Settings{BundleID: "jp.hinata.coffee", Environment: engawa.Sandbox, Roots: f.Roots})
	if err == nil {
		_, err = r.Receive(nil, f.Body)
	}
	took := time.Since(start)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, took.Nanoseconds())
	return err
}

func prove(lasting time.Duration, bodies [][]byte, by func() (*appstore.Receiver, error)) (perSecond float64, err error) {
	start, n := time.Now(), 0
	for ; time.Since(start) < lasting; n++ {
		r, err := by()
		if err != nil {
			return 0, err
		}
		es, err := r.Receive(nil, bodies[n%len(bodies)])
		if err != nil {
			return 0, err
		}
		if len(es) != 1 || !es[0].Known {
			return 0, fmt.Errorf("a notification became %d events", len(es))
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
