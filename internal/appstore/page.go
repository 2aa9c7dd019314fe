package appstore

import (
	"errors"
	"iter"
)

// What makes a history unusable.
var (
	errSamePlace = errors.New("a page leads back to where the reading has been; the rest of the history is not told")
	errNoPlace   = errors.New("a page says that there is more and not where")
	errEndless   = errors.New("the history has more pages than are read")
)

// pages yields page after page from a place on. ask answers a page, the place
// behind it, and whether there is more. A place that comes again is an error
// (found at once if it is the last one, else within twice the pages of the
// circle), and so is a page after the most that are read: a history always ends.
func pages[P any](name Endpoint, from string, most int, ask func(place string) (page P, next string, more bool, err error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		place, mark := from, from
		for n := 1; ; n++ {
			page, next, more, err := ask(place)
			if err == nil && more {
				err = lost(next, place, mark, n, most)
				if err != nil {
					err = &APIError{Endpoint: name, Status: 200, Err: err}
				}
			}
			if !yield(page, err) || err != nil || !more {
				return
			}
			if n&(n-1) == 0 { // at 1, 2, 4, 8 … (Brent's way to find a circle)
				mark = next
			}
			place = next
		}
	}
}

// lost returns why there is no way on to next.
func lost(next, place, mark string, n, most int) error {
	switch {
	case next == "":
		return errNoPlace
	case next == place || next == mark:
		return errSamePlace
	case n >= most:
		return errEndless
	}
	return nil
}
