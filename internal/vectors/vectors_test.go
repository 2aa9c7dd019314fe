package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// told is a test that keeps what was said to it.
type told struct {
	testing.TB

	log, fatal string
}

func (t *told) Helper() {}

func (t *told) Logf(format string, args ...any) { t.log = fmt.Sprintf(format, args...) }

func (t *told) Fatalf(format string, args ...any) {
	t.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestPath: what is named and not there fails the test that asks; where nothing is
// named and nothing there it is said aloud, and the test goes on without.
func TestPath(t *testing.T) {
	here, alone := t.TempDir(), filepath.Join(t.TempDir(), "repository", "internal", "deep")
	for _, dir := range []string{filepath.Join(here, "vectors", "apple"), alone} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	repository := filepath.Join(alone, "..", "..")
	if err := os.WriteFile(filepath.Join(repository, "go.mod"), []byte("module github.com/engawa/engawa\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(alone)
	ask := func(named string) (path string, said *told) {
		t.Setenv(variable, named)
		said = &told{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			path = Path(said, "vectors", "apple")
		}()
		<-done
		return path, said
	}
	if path, said := ask(here); path != filepath.Join(here, "vectors", "apple") || said.log+said.fatal != "" {
		t.Errorf("named and there: %q, %+v", path, said)
	}
	for _, named := range []string{filepath.Join(here, "nowhere"), filepath.Join(here, "vectors")} {
		if path, said := ask(named); path != "" || !strings.Contains(said.fatal, variable) || !strings.Contains(said.fatal, named) {
			t.Errorf("named and not there: %q, %+v", path, said)
		}
	}
	if path, said := ask(""); path != "" || said.fatal != "" || !strings.HasPrefix(said.log, "NOT RUN: ") || !strings.Contains(said.log, variable) {
		t.Errorf("not named and not there: %q, %+v", path, said)
	}
	beside := filepath.Join(repository, "..", "shared", "vectors", "apple")
	if err := os.MkdirAll(beside, 0o700); err != nil {
		t.Fatal(err)
	}
	if path, said := ask(""); path != beside || said.log+said.fatal != "" {
		t.Errorf("not named and beside: %q, %+v", path, said)
	}
}
