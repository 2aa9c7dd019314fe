package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/takeout"
)

// phrase writes a passphrase to a file.
func (s *shell) phrase(name, words string) string {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(words+"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// files unpacks a takeout that is not sealed.
func (s *shell) files(path string) map[string]string {
	s.Helper()
	f, err := os.Open(path)
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		s.Fatal(err)
	}
	out := map[string]string{}
	for in := tar.NewReader(zip); ; {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			s.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			s.Fatal(err)
		}
		out[head.Name] = string(text)
	}
}

// TestExport: a takeout is written beside a running hub, sealed unless somebody
// says otherwise aloud, without secrets unless they are asked for; what is wrong
// says so and leaves nothing.
func TestExport(t *testing.T) {
	s := newShell(t, storetest.SQLite(t))
	ws := fill(t, s)
	s.serve()
	phrase := s.phrase("phrase", "correct horse battery staple")
	sealed, plain, whole := filepath.Join(s.dir, "out.age"), filepath.Join(s.dir, "out.tar.gz"), filepath.Join(s.dir, "whole.age")
	s.refused(2, "--passphrase-file", "export", sealed)
	s.refused(2, "not both", "export", sealed, "--plain", "--passphrase-file", phrase)
	s.refused(2, "only under a passphrase", "export", sealed, "--plain", "--secrets")
	s.refused(1, "has 5 characters", "export", sealed, "--passphrase-file", s.phrase("short", "short"))
	open := s.phrase("open", "correct horse battery staple")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	s.refused(1, "chmod 600", "export", sealed, "--passphrase-file", open)

	said := strings.Join(s.must("export", sealed, "--passphrase-file", phrase), "\n")
	for _, want := range []string{"1 customers", "1 accounts", "the secrets of acc_mail (password)"} {
		if !strings.Contains(said, want) {
			t.Errorf("export says %q, not %q", said, want)
		}
	}
	s.refused(1, "already", "export", sealed, "--plain")
	if _, errs, code := s.run("export", plain, "--plain"); code != 0 || !strings.Contains(errs, "WARNING") {
		t.Errorf("--plain says %q, exit %d", errs, code)
	}
	var summary struct{ Counts map[string]int }
	if err := json.Unmarshal([]byte(strings.Join(s.must("export", whole, "--passphrase-file", phrase, "--secrets", "--json"), "\n")), &summary); err != nil || summary.Counts["customers"] != 1 {
		t.Errorf("the summary: %v, %v", summary, err)
	}
	for _, path := range []string{sealed, plain, whole} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if strings.Contains(s.said.String(), canaryMail) || strings.Contains(s.said.String(), canarySecret) {
		t.Error("an address or a secret was printed")
	}
	s.tells(plain, sealed)
	s.comesIn(ws, sealed, phrase)
	s.comesWithSecrets(whole, phrase)
}

// TestExportEngines takes a workspace from each engine, beside its running hub,
// to SQLite and back.
func TestExportEngines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShell(t, url)
		ws := fill(t, s)
		s.serve()
		out, again := filepath.Join(s.dir, "out.tar.gz"), filepath.Join(s.dir, "again.tar.gz")
		s.must("export", out, "--plain")
		o := newShell(t, storetest.SQLite(t))
		o.must("import", out)
		o.must("export", again, "--plain")
		url = storetest.SQLite(t)
		if strings.HasPrefix(s.database, "postgres") {
			url = storetest.Postgres(t)
		}
		back := newShell(t, url)
		back.must("import", again)
		if said := strings.Join(back.must("verify"), "\n"); !strings.Contains(said, "\tcustomer\t1 open") {
			t.Errorf("verify says %q", said)
		}
		if said := back.must("workspace", "list")[0]; !strings.HasPrefix(said, ws+"\t") {
			t.Errorf("workspaces: %q", said)
		}
	})
}

// TestInterrupted: work that is interrupted fails, and leaves nothing.
func TestInterrupted(t *testing.T) {
	s := newShell(t, storetest.SQLite(t))
	fill(t, s)
	out, file := filepath.Join(s.dir, "out.tar.gz"), filepath.Join(s.dir, "engawa.toml")
	s.must("export", out, "--plain")
	if err := os.WriteFile(file, fmt.Appendf(nil, "database = %q\nkey_file = %q\n", s.database, s.key), 0o600); err != nil {
		t.Fatal(err)
	}
	at := configFile{Config: file}
	o := newShell(t, storetest.SQLite(t))
	there := filepath.Join(o.dir, "engawa.toml")
	if err := os.WriteFile(there, fmt.Appendf(nil, "database = %q\nkey_file = %q\n", o.database, o.key), 0o600); err != nil {
		t.Fatal(err)
	}
	o.must("workspace", "add", "空")
	for name, run := range map[string]func(context.Context) error{
		"export": exportCmd{inWorkspace: inWorkspace{configFile: at}, File: filepath.Join(s.dir, "second.tar.gz"), Plain: true}.write,
		"backup": backupCmd{configFile: at, File: filepath.Join(s.dir, "second.tar.gz")}.Run,
		"import": importCmd{configFile: configFile{Config: there}, File: out}.Run,
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := run(ctx); err == nil || errors.Is(err, context.Canceled) { // main takes that for an end that was asked for
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "second.tar.gz")); err == nil {
		t.Error("half a file is there")
	}
	if said := o.must("workspace", "list"); len(said) != 1 {
		t.Errorf("workspaces: %q", said)
	}
}

// tells looks into a plain takeout and at a sealed one.
func (s *shell) tells(plain, sealed string) {
	s.Helper()
	files, all := s.files(plain), strings.Builder{}
	for _, text := range files {
		all.WriteString(text)
	}
	if !strings.Contains(files["takeout/contact-points-0001.jsonl"], canaryMail) || !strings.Contains(files["takeout/people/customers.csv"], "mail: "+canaryMail) {
		s.Errorf("the address is not in the takeout: %q", files["takeout/people/customers.csv"])
	}
	if !strings.HasPrefix(files["takeout/people/customers.csv"], "\ufeffid,kind,name") {
		s.Errorf("customers.csv begins with %.40q", files["takeout/people/customers.csv"])
	}
	if strings.Contains(all.String(), canarySecret) {
		s.Error("a secret is in the takeout")
	}
	text, err := os.ReadFile(sealed)
	if err != nil || !strings.HasPrefix(string(text), "age-encryption.org/v1\n-> scrypt ") {
		s.Errorf("the sealed one begins with %.40q, %v", text, err)
	}
}

// comesIn brings a takeout into another hub.
func (s *shell) comesIn(ws, sealed, phrase string) {
	o := newShell(s.T, storetest.Empty(s.T, storetest.EngineSQLite))
	o.refused(1, "is sealed with a passphrase", "import", sealed)
	o.refused(1, "does not open", "import", sealed, "--passphrase-file", o.phrase("wrong", "wrong horse battery staple"))
	o.refused(1, "no takeout", "import", phrase)
	o.refused(2, "", "import", filepath.Join(o.dir, "none"))
	text, err := os.ReadFile(sealed)
	if err != nil {
		s.Fatal(err)
	}
	cut := filepath.Join(o.dir, "cut.age")
	if err := os.WriteFile(cut, text[:len(text)-100], 0o600); err != nil {
		s.Fatal(err)
	}
	o.refused(1, "damaged or not complete", "import", cut, "--passphrase-file", phrase)
	if _, err := os.Stat(o.database); err == nil {
		s.Error("what was refused made a database")
	}
	if said := strings.Join(o.must("import", sealed, "--passphrase-file", phrase, "--dry-run"), "\n"); !strings.Contains(said, "nothing was kept") || !strings.Contains(said, "1 customers") {
		s.Errorf("the dry run says %q", said)
	}
	o.refused(1, "engawa workspace add makes one", "member", "list") // there is none
	o.must("import", sealed, "--passphrase-file", phrase)
	o.refused(1, "is not empty", "import", sealed, "--passphrase-file", phrase)
	if said := strings.Join(o.must("verify"), "\n"); !strings.Contains(said, "\tcustomer\t1 open") {
		s.Errorf("verify says %q", said)
	}
	if said := o.must("workspace", "list")[0]; !strings.HasPrefix(said, ws+"\t") {
		s.Errorf("workspaces: %q", said)
	}
	again := filepath.Join(o.dir, "again.tar.gz")
	o.must("export", again, "--plain")
	if files := o.files(again); strings.Contains(files["takeout/accounts-0001.jsonl"], canarySecret) || !strings.Contains(files["takeout/accounts-0001.jsonl"], `"enabled":false`) {
		s.Errorf("accounts came in as %s", files["takeout/accounts-0001.jsonl"])
	}
}

// comesWithSecrets brings a takeout in whose secrets were asked for.
func (s *shell) comesWithSecrets(whole, phrase string) {
	o := newShell(s.T, storetest.SQLite(s.T))
	o.must("import", whole, "--passphrase-file", phrase, "--json")
	out := filepath.Join(o.dir, "whole.age")
	o.must("export", out, "--secrets", "--passphrase-file", phrase)
	f, err := takeout.Open(out, "correct horse battery staple")
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	if m, err := f.Check(s.Context()); err != nil || !m.Secrets {
		s.Fatal(m.Secrets, err)
	}
	next, stop := f.Rows(s.Context(), nil)
	defer stop()
	for {
		kind, line, err := next()
		if err != nil {
			s.Fatalf("the secret that was asked for did not come along: %v", err)
		}
		if kind == "accounts" {
			if !strings.Contains(string(line), canarySecret) {
				s.Errorf("the secret that was asked for is not in %s", kind)
			}
			return
		}
	}
}
