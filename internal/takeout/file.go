package takeout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engawa/engawa"
)

// Create has write make a new file that nobody else may read. It is on the disk
// when Create returns, and there is nothing at path before: not when write
// fails, when the disk is full, or when the program is killed.
func Create(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return &engawa.Error{Code: engawa.CodeConflict, Message: "there is a file at " + path + " already", Remedy: "name a new file", Err: err}
	}
	f, place, drop, err := scratch(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = place(path)
	}
	if err = errors.Join(err, f.Close(), drop()); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// named makes a file with a name of its own in dir. A program that is killed
// leaves it there. place gives it its name, and drop takes the other away; unlike
// a rename it replaces nothing.
func named(dir string) (f *os.File, place func(string) error, drop func() error, err error) {
	f, err = os.CreateTemp(dir, ".engawa-export-*") // mode 0600
	if err != nil {
		return nil, nil, nil, err
	}
	return f, func(path string) error { return os.Link(f.Name(), path) }, func() error { return os.Remove(f.Name()) }, nil
}
