package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

//go:generate go test . -run ^TestManual$ -update

// manual writes docs/commands.md: every command with its arguments and flags,
// from the same tags as --help.
func manual(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Commands

Generated from the commands themselves; ` + "`engawa COMMAND --help`" + ` says the same. Exit codes: 0 done, 1 failed, 2 wrong use.
Answers go to standard output, logs and faults to standard error. A SQLite file belongs to one process: commands that
open it ask that the hub is stopped. With PostgreSQL they work beside a running hub.
`)
	for _, leaf := range newParser(&cli{}).Model.Leaves(true) {
		describe(&b, leaf)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func describe(b *strings.Builder, leaf *kong.Node) {
	fmt.Fprintf(b, "\n## `%s`\n\n%s\n", leaf.Summary(), leaf.Help)
	var rows []string
	for _, p := range leaf.Positional {
		rows = append(rows, fmt.Sprintf("- `%s`: %s", strings.ToUpper(p.Name), p.Help))
	}
	for _, group := range leaf.AllFlags(true) {
		for _, f := range group {
			if f.Name != "help" {
				rows = append(rows, "- `--"+f.Name+"`: "+f.Help+allowed(f))
			}
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n" + strings.Join(rows, "\n") + "\n")
	}
}

func allowed(f *kong.Flag) (s string) {
	if f.Enum != "" {
		s += " One of `" + strings.ReplaceAll(f.Enum, ",", "`, `") + "`."
	}
	if f.Default != "" {
		s += " Default: `" + f.Default + "`."
	}
	return s
}
