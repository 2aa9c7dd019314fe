package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/text"
)

// sharedFlags mean the same wherever they stand, and have words once.
var sharedFlags = map[string]bool{"config": true, "workspace": true, "help": true}

// speak gives every command, argument and flag below n its words: they stand in
// internal/text/words/help.*.toml under "help." and the path. What has none reads
// as its key, which TestHelp finds.
func speak(v text.Viewer, n *kong.Node, key string) {
	n.Help = v.T(commandKey(n, key))
	for _, p := range n.Positional {
		p.Help = v.T(valueKey(key, p.Name))
	}
	for _, f := range n.Flags {
		f.Help = v.T(valueKey(key, f.Name))
	}
	for _, c := range n.Children {
		speak(v, c, key+"."+c.Name)
	}
}

func commandKey(n *kong.Node, key string) string {
	if n.Parent == nil {
		return "help.app"
	}
	return key
}

func valueKey(command, name string) string {
	if sharedFlags[name] {
		return "help.flag." + name
	}
	return command + "." + name
}

// newParser reads command lines; what it says of itself is in v's language.
func newParser(c *cli, v text.Viewer, options ...kong.Option) *kong.Kong {
	k := kong.Must(c, append(options, kong.Name("engawa"), kong.Help(func(_ kong.HelpOptions, ctx *kong.Context) error {
		return showHelp(ctx.Stdout, v, cmp.Or(ctx.Selected(), ctx.Model.Node))
	}))...)
	speak(v, k.Model.Node, "help")
	return k
}

// showHelp prints what a command does and takes. Lines are not wrapped: Japanese
// has no spaces to do it at.
func showHelp(w io.Writer, v text.Viewer, n *kong.Node) error {
	var b strings.Builder
	usage := strings.TrimSpace("engawa " + strings.TrimSpace(n.Summary()))
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", v.T("help.usage"), usage, n.Help)
	part := func(title string, rows [][2]string) {
		if len(rows) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, row := range rows {
			fmt.Fprintf(&b, "  %s\n      %s\n", row[0], row[1])
		}
	}
	var arguments, flags, commands [][2]string
	for _, p := range n.Positional {
		arguments = append(arguments, [2]string{p.Summary(), p.Help + allowed(v, p)})
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			flags = append(flags, [2]string{f.String(), f.Help + allowed(v, f.Value)})
		}
	}
	if !n.Leaf() {
		for _, leaf := range n.Leaves(true) {
			commands = append(commands, [2]string{leaf.Summary(), leaf.Help})
		}
	}
	part(v.T("help.arguments"), arguments)
	part(v.T("help.flags"), flags)
	part(v.T("help.commands"), commands)
	if len(commands) > 0 {
		fmt.Fprintf(&b, "\n%s\n", v.T("help.more", "command", "engawa help COMMAND"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// allowed says which values there are, and which counts without one.
func allowed(v text.Viewer, x *kong.Value) (s string) {
	space := " "
	if v.Locale == engawa.Japanese {
		space = ""
	}
	if x.Enum != "" {
		s += space + v.T("help.one_of", "values", "`"+strings.ReplaceAll(x.Enum, ",", "`, `")+"`")
	}
	if x.Default != "" {
		s += space + v.T("help.default", "value", "`"+x.Default+"`")
	}
	return s
}

type helpCmd struct {
	Command []string `arg:"" optional:""`
}

// Run shows the help that --help shows.
func (h helpCmd) Run(k *kong.Kong, v text.Viewer) error {
	n := k.Model.Node
	for _, name := range h.Command {
		i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name })
		if i < 0 {
			return noCommand(v, n, name)
		}
		n = n.Children[i]
	}
	return showHelp(k.Stdout, v, n)
}

//go:generate go test . -run ^TestManual$ -update

// manual writes docs/commands.md: every command with its arguments and flags,
// in the words of --help.
func manual(w io.Writer, v text.Viewer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", v.T("help.manual.title"), v.T("help.manual.text"))
	for _, leaf := range newParser(&cli{}, v).Model.Leaves(true) {
		describe(&b, v, leaf)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func describe(b *strings.Builder, v text.Viewer, leaf *kong.Node) {
	fmt.Fprintf(b, "\n## `%s`\n\n%s\n", leaf.Summary(), leaf.Help)
	var rows []string
	for _, p := range leaf.Positional {
		rows = append(rows, fmt.Sprintf("- `%s`: %s%s", strings.ToUpper(p.Name), p.Help, allowed(v, p)))
	}
	for _, group := range leaf.AllFlags(true) {
		for _, f := range group {
			if f.Name != "help" {
				rows = append(rows, "- `--"+f.Name+"`: "+f.Help+allowed(v, f.Value))
			}
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n" + strings.Join(rows, "\n") + "\n")
	}
}
