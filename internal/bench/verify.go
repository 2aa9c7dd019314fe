package main

import (
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/appstore/sim"
)

// verification proves notifications on one core for a time. First is the first one
// of the process, with the chain and all that Go sets up but once. Warm, one receiver
// proves them all and knows the chain after the first; cold, each gets a
// receiver that has seen none.
func verification(lasting time.Duration) (first time.Duration, warm, cold float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const different = 200
	s, err := sim.New("jp.hinata.coffee", 1, "Sandbox")
	if err != nil {
		return 0, 0, 0, err
	}
	bodies := make([][]byte, different)
	for i := range bodies {
		sub := sim.Subscription{
			OriginalTransactionID: strconv.Itoa(2_000_000_000_000_000 + i), ProductID: "monthly", ExpiresAt: time.Now().Add(24 * time.Hour),
			AutoRenew: true, Price: 1_980_000, Currency: "JPY", Storefront: "JPN",
		}
		if _, bodies[i], err = s.Notification("DID_RENEW", "", sub, time.Now()); err != nil {
			return 0, 0, 0, err
		}
	}
	settings := appstore.Settings{BundleID: "jp.hinata.coffee", Environment: engawa.Sandbox, Roots: s.RootPEM()}
	start := time.Now()
	known, err := appstore.New(settings)
	if err == nil {
		_, err = known.Receive(nil, bodies[0])
	}
	if err != nil {
		return 0, 0, 0, err
	}
	first = time.Since(start)
	if warm, err = prove(lasting, bodies, func() (*appstore.Receiver, error) { return known, nil }); err != nil {
		return 0, 0, 0, err
	}
	cold, err = prove(lasting, bodies, func() (*appstore.Receiver, error) { return appstore.New(settings) })
	return first, warm, cold, err
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
