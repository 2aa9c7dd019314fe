package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// suite is the tests of a package in a module. Seconds of a processor's time are some
// times what they need: what takes longer has no end. What else the machine does is not
// counted.
type suite struct {
	module, pkg string
	seconds     int
}

// program is the repository's text with changes.
type program struct {
	dir   string // where its text and its tests, once they are compiled, are
	build []string
}

func (p *program) remove() { os.RemoveAll(p.dir) }

// assemble compiles the first suite with mutants of a file, and returns those that
// compile. Those in functions come together: the environment says which is meant.
func assemble(file string, all []mutant, first suite) (*program, []mutant) {
	for {
		p, err := write(file, all)
		if err != nil {
			fail(err)
		}
		said, err := p.compile(first)
		if err == nil {
			return p, all
		}
		if !all[0].inFunction() {
			return p, nil
		}
		wrong := regexp.MustCompile(`mutant(\d+)\.go:`).FindAllStringSubmatch(said, -1)
		if wrong == nil {
			fail(fmt.Errorf("compile %s: %s", file, said))
		}
		p.remove()
		all = slices.DeleteFunc(slices.Clone(all), func(m mutant) bool {
			return slices.ContainsFunc(wrong, func(w []string) bool { return w[1] == strconv.Itoa(m.number) })
		})
		if len(all) == 0 {
			return p, nil
		}
	}
}

// write puts the changed text where the compiler finds it.
func write(file string, all []mutant) (*program, error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	place, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	text := all[0].text
	if all[0].inFunction() {
		if text, err = together(file, all); err != nil {
			return nil, err
		}
	}
	pkg := filepath.Base(filepath.Dir(place))
	which := "package " + pkg + "\n\nimport (\n\"os\"\n\"strconv\"\n)\n\nvar mutant, _ = strconv.Atoi(os.Getenv(\"MUTANT\"))\n"
	changed, added, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {place: changed, filepath.Join(filepath.Dir(place), "mutant.go"): added}})
	if err != nil {
		return nil, err
	}
	p := &program{dir, []string{"test", "-c", "-vet=off", "-overlay", overlay, "-gcflags=-e", "-ldflags=-s -w"}}
	return p, errors.Join(os.WriteFile(changed, text, 0o600), os.WriteFile(added, []byte(which), 0o600), os.WriteFile(overlay, list, 0o600))
}

// together writes changes into the functions that they are of.
func together(file string, all []mutant) ([]byte, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	done := 0
	for i, m := range all {
		if i == 0 || m.begin != all[i-1].begin {
			text.Write(source[done:m.begin])
			text.WriteString("\nswitch mutant {\n")
			done = m.begin
		}
		fmt.Fprintf(&text, "case %d:\n%s", m.number, m.instead)
		if i == len(all)-1 || m.begin != all[i+1].begin {
			text.WriteString("}\n")
		}
	}
	text.Write(source[done:])
	return text.Bytes(), nil
}

// compile makes a suite's program, once, and returns what the compiler says.
func (p *program) compile(s suite) (said string, err error) {
	if _, err := os.Stat(p.binary(s)); err == nil {
		return "", nil
	}
	cmd := exec.Command("go", append(p.build, "-o", p.binary(s), "./"+s.pkg)...)
	cmd.Dir = s.module
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *program) binary(s suite) string {
	return filepath.Join(p.dir, strings.NewReplacer("/", "-", ".", "").Replace(s.module+s.pkg)+".test")
}

// outcome is how the tests end.
type outcome int

const (
	passes outcome = iota
	fails
	endless
)

// shown runs suites with a mutant until one notices.
func (p *program) shown(m mutant, suites []suite) outcome {
	for _, s := range suites {
		if said, err := p.compile(s); err != nil {
			fail(fmt.Errorf("compile %s with %s: %s", s.pkg, m.at, said))
		}
		if o := p.run(s, m); o != passes {
			return o
		}
	}
	return passes
}

func (p *program) run(s suite, m mutant) outcome {
	cmd := exec.Command("sh", "-c", `ulimit -t "$0" && exec "$@"`, strconv.Itoa(s.seconds), p.binary(s), "-test.failfast")
	cmd.Dir, cmd.Env = filepath.Join(s.module, s.pkg), append(os.Environ(), "MUTANT="+strconv.Itoa(m.number))
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return passes
	case !errors.As(err, &exit):
		fail(err)
	case exit.Sys().(syscall.WaitStatus).Signaled():
		return endless
	}
	return fails
}
