package config

import (
	"fmt"
	"io"
	"strings"
)

// Describe writes the manual of every key, as Markdown: docs/configuration.md
// is its output.
func Describe(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Configuration

This page is made by ` + "`engawa config describe`" + ` from the source; do not edit it.

Nothing needs to be set to begin: the hub then keeps its data in SQLite in the working directory and answers on this
machine only. What is to differ stands in ` + "`" + File + "`" + ` (or the file named by ` + "`--config`" + `) or in the environment,
which wins. Unknown keys and variables are errors. Relative paths start at the working directory.

A secret is never given on the command line. It stands in the file or the environment, or better in a file of its
own that only the hub may read: the key with ` + "`_file`" + ` after it names that file. Files with secrets that others on the
machine may read are refused.
`)
	var c Config
	table := ""
	for _, k := range keysOf(&c) {
		head, _, nested := strings.Cut(k.Name, ".")
		if nested && head != table {
			table = head
			fmt.Fprintf(&b, "\n## [%s]\n", table)
		}
		b.WriteString(k.describe())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (k key) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n- Variable: `%s`\n", k.Name, k.Doc, envOf(k.Name))
	if k.secret() {
		fmt.Fprintf(&b, "- From a file: `%s%s`, `%s%s`\n", k.Name, fileSuffix, envOf(k.Name), strings.ToUpper(fileSuffix))
	}
	if len(k.OneOf) > 0 {
		fmt.Fprintf(&b, "- Allowed: `%s`\n", strings.Join(k.OneOf, "`, `"))
	}
	if k.Default != "" {
		fmt.Fprintf(&b, "- Default: `%s`\n", k.Default)
	}
	return b.String()
}

// Print writes c as a configuration file with its secrets masked.
func Print(w io.Writer, c Config) error {
	var b strings.Builder
	table := ""
	for _, k := range keysOf(&c) {
		name := k.Name
		if head, rest, nested := strings.Cut(k.Name, "."); nested {
			if head != table {
				table = head
				fmt.Fprintf(&b, "\n[%s]\n", table)
			}
			name = rest
		}
		fmt.Fprintf(&b, "%s = %s\n", name, k.text())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
