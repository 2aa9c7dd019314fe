//go:build !linux

package takeout

import "os"

func scratch(dir string) (f *os.File, place func(string) error, drop func() error, err error) {
	return named(dir)
}
