package store

import (
	"errors"
	"runtime"
	"sync"
)

// worthSharing is how many rows a processor is given at least: sealing or
// opening one takes some ten microseconds.
const worthSharing = 16

// parallel calls do for 0 … n-1 on all processors and returns when every call
// has: what is sealed or opened in a transaction is work that others wait for.
func parallel(n int, do func(i int) error) error {
	workers := max(1, min(runtime.GOMAXPROCS(0), n/worthSharing))
	errs := make([]error, workers)
	share := func(w int) {
		for i := n * w / workers; i < n*(w+1)/workers && errs[w] == nil; i++ {
			errs[w] = do(i)
		}
	}
	var work sync.WaitGroup
	for w := 1; w < workers; w++ {
		work.Go(func() { share(w) })
	}
	share(0)
	work.Wait()
	return errors.Join(errs...)
}
