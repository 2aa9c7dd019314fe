// Command mutants changes the program text of the verdict and of the rules, one place
// at a time, and says which changes no test notices: those of the packages, and the
// second implementation beside this command.
//
// A condition is turned round, the edge of a comparison moved, a sum made a
// difference, a number one more, a statement left out, a branch taken always or
// never. What does not compile is none of them. It ends with status 1 if fewer than
// 95 of a hundred are noticed.
//
// Arguments name the places to change by parts of them: rule/quiet.go, or
// cleared.go:18:. With -quick the second implementation is not asked.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const bar = 95 // of a hundred

// root is the repository's, seen from oracle/mutants.
const root = "../.."

func main() {
	quick := flag.Bool("quick", false, "do not ask the second implementation, which takes half a minute for each that the packages' tests miss")
	flag.Parse()
	rule, verdict := suite{root, "internal/rule", 10}, suite{root, "internal/verdict", 10}
	second := []suite{{filepath.Join(root, "oracle/verdict"), ".", 90}}
	if *quick {
		second = nil
	}
	all := count{}
	for _, of := range []struct {
		dir    string
		suites []suite
	}{
		{"internal/rule", append([]suite{rule, verdict}, second...)},
		{"internal/verdict", append([]suite{verdict}, second...)},
	} {
		files, err := filepath.Glob(filepath.Join(root, of.dir, "*.go"))
		if err != nil {
			fail(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				all.add(judge(f, of.suites))
			}
		}
	}
	if all.mutants == 0 {
		fail(errors.New("there is nothing to change"))
	}
	fmt.Println("all:", all)
	if all.noticed*100 < all.mutants*bar {
		os.Exit(1)
	}
}

// count is of mutants; of those that were noticed some ran without an end.
type count struct{ mutants, noticed, endless int }

func (c *count) add(d count) {
	c.mutants, c.noticed, c.endless = c.mutants+d.mutants, c.noticed+d.noticed, c.endless+d.endless
}

// String says it in a line.
func (c count) String() string {
	return fmt.Sprintf("%d of %d noticed, %.1f %%; %d run without an end", c.noticed, c.mutants, 100*float64(c.noticed)/float64(c.mutants), c.endless)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}

// judge shows the changes of a file to the suites.
func judge(file string, suites []suite) (of count) {
	all, err := mutants(file)
	if err != nil {
		fail(err)
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return !asked(m.at) })
	for len(all) > 0 {
		n := 1 // what stands outside of functions is compiled by itself
		if all[0].inFunction() {
			n = slices.IndexFunc(append(all, mutant{}), func(m mutant) bool { return !m.inFunction() })
		}
		p, compile := assemble(file, all[:n], suites[0])
		if len(compile) > 0 && all[0].inFunction() && p.run(suites[0], mutant{}) != passes {
			fail(fmt.Errorf("%s: the tests fail as it is", file))
		}
		for _, m := range compile {
			of.mutants++
			switch p.shown(m, suites) {
			case passes:
				fmt.Printf("%s: %s: nothing notices\n", m.at, m.what)
			case endless:
				of.endless++
				of.noticed++
			case fails:
				of.noticed++
			}
		}
		p.remove()
		all = all[n:]
	}
	if of.mutants > 0 {
		fmt.Printf("%s: %s\n", strings.TrimPrefix(file, root+"/"), of)
	}
	return of
}

// asked reports whether the arguments name a place, or none.
func asked(at string) bool {
	return flag.NArg() == 0 || slices.ContainsFunc(flag.Args(), func(part string) bool { return strings.Contains(at, part) })
}
