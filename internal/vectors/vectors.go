// Package vectors finds what tests hold our reading of others against and what is
// no part of this repository: Apple's vectors, vendors' descriptions of their APIs,
// and what was written down of them.
package vectors

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// variable names the folder that holds them.
const variable = "ENGAWA_SHARED"

// Path is where something lies in that folder: the one that ENGAWA_SHARED names, in
// which it must be, else "shared" beside this repository. A checkout that stands
// alone has none: Path then says so and is empty, and the test has nothing to do.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv(variable)
	named := dir != ""
	if !named {
		dir = filepath.Join(root(t), "..", "shared")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path
	case named:
		t.Fatalf("%s names a folder without what this test needs: %v", variable, err)
	default:
		t.Logf("NOT RUN: %s is not there (%s is not set)", path, variable)
	}
	return ""
}

// root is the repository's, also for the modules under oracle/.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/engawa/engawa\n")) {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("the test is not run in the repository")
		}
		dir = filepath.Dir(dir)
	}
}
