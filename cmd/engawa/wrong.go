package main

import (
	"errors"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/text"
)

// misuse is what is wrong with a command line, in the user's language: what was
// seen, what is allowed, what to do. The program ends with code 2.
type misuse string

func (m misuse) Error() string { return string(m) }

// wrong says what is wrong at the command n, with names and texts as args in
// turns. What was typed may hold an address.
func wrong(v text.Viewer, n *kong.Node, key string, args ...string) misuse {
	veiled := make([]any, len(args))
	for i, a := range args {
		veiled[i] = text.VeilText(a)
	}
	return misuse(v.T("help.wrong."+key, veiled...) + "\n" + v.T("help.wrong.do", "command", strings.TrimSpace(n.FullPath()+" --help")))
}

// The parser's own words, which say nothing but in English. TestMisuse holds
// them to the parser.
var (
	unknownFlag  = regexp.MustCompile(`(?s)^unknown flag (-.*?)(?:, did you mean (?:one of )?(".+")\?)?$`)
	unknownWord  = regexp.MustCompile(`(?s)^unexpected argument (.*?)(?:, did you mean (?:one of )?(".+")\?)?$`)
	missingWord  = regexp.MustCompile(`^expected (?:one of )?"`)
	missingFlags = regexp.MustCompile(`^missing flags: `)
	noneOf       = regexp.MustCompile(`(?s)^(.+) must be one of .* but got (".*")$`)
	noNumber     = regexp.MustCompile(`(?s): expected a valid \d+ bit int but got (".*")$`)
	noSwitch     = regexp.MustCompile(`(?s): bool value must be .* but got (".*")$`)
	noValue      = regexp.MustCompile(`: (?:missing value|expected \S+ value but got)`)
)

// misread puts what the parser says into the user's words.
func misread(v text.Viewer, app *kong.Node, err error) misuse {
	n := app
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil && p.Context.Selected() != nil {
		n = p.Context.Selected()
	}
	said := err.Error()
	if m := unknownFlag.FindStringSubmatch(said); m != nil {
		return near(v, wrong(v, n, "flag", "seen", m[1], "allowed", flagsOf(n)), m[2])
	}
	if m := unknownWord.FindStringSubmatch(said); m != nil {
		if len(n.Children) > 0 {
			return near(v, noCommand(v, n, m[1]), m[2])
		}
		return wrong(v, n, "many", "seen", m[1], "allowed", "engawa "+n.Summary())
	}
	if missingWord.MatchString(said) {
		if len(n.Children) > 0 {
			return wrong(v, n, "no_command", "allowed", commandsOf(n))
		}
		return wrong(v, n, "argument", "missing", missing(n.Positional))
	}
	if missingFlags.MatchString(said) {
		return wrong(v, n, "required", "missing", missing(valuesOf(n)))
	}
	return badValue(v, n, err)
}

// badValue says what is wrong with the value of a flag or an argument.
func badValue(v text.Viewer, n *kong.Node, err error) misuse {
	said := err.Error()
	all := append(slices.Clone(n.Positional), valuesOf(n)...)
	i := slices.IndexFunc(all, func(x *kong.Value) bool {
		return strings.HasPrefix(said, x.ShortSummary()+":") || strings.HasPrefix(said, x.ShortSummary()+" must be ")
	})
	if i < 0 {
		return wrong(v, n, "other", "seen", said)
	}
	x := all[i]
	args := []string{"name", nameOf(x), "help", x.Help}
	if m := noneOf.FindStringSubmatch(said); m != nil {
		return wrong(v, n, "value", append(args, "seen", plainly(m[2]), "allowed", strings.ReplaceAll(x.Enum, ",", ", "))...)
	}
	if m := noNumber.FindStringSubmatch(said); m != nil {
		return wrong(v, n, "number", append(args, "seen", plainly(m[1]))...)
	}
	if m := noSwitch.FindStringSubmatch(said); m != nil {
		return wrong(v, n, "switch", append(args, "seen", plainly(m[1]))...)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return wrong(v, n, "file", append(args, "seen", e.Path)...)
	}
	if file, isFolder := strings.CutSuffix(strings.TrimPrefix(said, x.ShortSummary()+": "), " exists but is a directory"); isFolder {
		return wrong(v, n, "folder", append(args, "seen", plainly(file))...)
	}
	if noValue.MatchString(said) {
		return wrong(v, n, "no_value", args...)
	}
	return wrong(v, n, "other", "seen", said)
}

func noCommand(v text.Viewer, n *kong.Node, seen string) misuse {
	return wrong(v, n, "command", "seen", seen, "allowed", commandsOf(n))
}

// near adds what may have been meant, as the parser quotes it.
func near(v text.Viewer, m misuse, meant string) misuse {
	if meant == "" {
		return m
	}
	said, do, _ := strings.Cut(string(m), "\n")
	return misuse(said + " " + v.T("help.wrong.near", "near", strings.ReplaceAll(meant, `"`, "")) + "\n" + do)
}

func plainly(quoted string) string {
	if s, err := strconv.Unquote(quoted); err == nil {
		return s
	}
	return quoted
}

func commandsOf(n *kong.Node) string {
	var names []string
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

func flagsOf(n *kong.Node) string {
	var names []string
	for _, x := range valuesOf(n) {
		names = append(names, nameOf(x))
	}
	return strings.Join(names, ", ")
}

// valuesOf are the flags that may stand at n.
func valuesOf(n *kong.Node) (out []*kong.Value) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			out = append(out, f.Value)
		}
	}
	return out
}

func nameOf(x *kong.Value) string {
	if x.Flag != nil {
		return "--" + x.Name
	}
	return "<" + x.Name + ">"
}

// missing are those that have to be there and are not, each with what it is.
func missing(all []*kong.Value) string {
	var out []string
	for _, x := range all {
		if x.Required && !x.Set {
			out = append(out, nameOf(x)+" "+x.Help)
		}
	}
	return strings.Join(out, " ")
}

// checkZone, checkCountry, checkLoopback and checkScopes refuse values of flags of
// which the parser knows nothing.
func checkZone(v text.Viewer, n *kong.Node, flag, zone string) error {
	if _, err := engawa.Zone(zone); err != nil || zone == "" {
		return wrong(v, n, "zone", "name", flag, "seen", strconv.Quote(zone))
	}
	return nil
}

func checkCountry(v text.Viewer, n *kong.Node, flag, country string) error {
	if len(country) != 2 {
		return wrong(v, n, "country", "name", flag, "seen", strconv.Quote(country))
	}
	return nil
}

func checkLoopback(v text.Viewer, n *kong.Node, flag, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return wrong(v, n, "loopback", "name", flag, "seen", strconv.Quote(addr))
	}
	return nil
}

func checkScopes(v text.Viewer, n *kong.Node, flag string, scopes []string) error {
	if access.CheckScopes(scopes, false) == nil {
		return nil
	}
	i := slices.IndexFunc(scopes, func(s string) bool { return s == access.All || access.CheckScopes([]string{s}, false) != nil })
	allowed := []string{access.All}
	for _, need := range access.Scopes {
		allowed = append(allowed, string(need.Scope))
	}
	return wrong(v, n, "value", "name", flag, "seen", scopes[i], "allowed", strings.Join(allowed, ", "))
}
