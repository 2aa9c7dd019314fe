package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/engawa/engawa/internal/vault"
)

// readSecret returns the content of a private file without its last line end.
func readSecret(path string) (string, error) {
	if err := vault.CheckPrivate(path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}

// checkInlineSecrets refuses a configuration file that holds a secret itself
// and that others may read.
func checkInlineSecrets(path string, settings map[string]setting) error {
	var c Config
	for _, k := range keysOf(&c) {
		s, given := settings[k.Name]
		if !given || !k.hides(s.text) {
			continue
		}
		if err := vault.CheckPrivate(path); err != nil {
			return fmt.Errorf("%s: %w; or move it to a file of its own with %s%s", s.place, err, k.Name, fileSuffix)
		}
	}
	return nil
}

// ExposedError is a secret that was given where everybody reads it: its key, and what
// may name it instead.
type ExposedError struct{ Key, Env, File string }

func (e *ExposedError) Error() string {
	return fmt.Sprintf("%s may not be given on the command line, where everybody on this machine can read it: set %s, or %s to a file with it", e.Key, e.Env, e.File)
}

// CheckArgs refuses a secret among the arguments of a command: every user of
// the machine could read it in the list of processes, and it would stay in the
// shell's history. The error is an *ExposedError and does not repeat it.
func CheckArgs(args []string) error {
	var c Config
	for _, k := range keysOf(&c) {
		if !k.secret() {
			continue
		}
		for _, arg := range args {
			flag, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			flag = strings.NewReplacer("-", "_", ".", "_").Replace(flag)
			if strings.HasPrefix(arg, "-") && flag == strings.ReplaceAll(k.Name, ".", "_") {
				return &ExposedError{k.Name, envOf(k.Name), envOf(k.Name) + strings.ToUpper(fileSuffix)}
			}
		}
	}
	return nil
}
