package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/engawa/engawa"
	mailsim "github.com/engawa/engawa/internal/channel/mail/sim"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
)

var update = flag.Bool("update", false, "write docs/commands.md")

// builtIn is a folder that ends with the tests.
var builtIn string

func TestMain(m *testing.M) {
	var err error
	if builtIn, err = os.MkdirTemp("", "engawa-command-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(builtIn)
	os.Exit(code)
}

// build makes the real program, without the race detector: under it a process takes
// longer to start than most commands take, and what they call is watched where it is
// tested.
var build = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(builtIn, "engawa")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

// program is the path of the real program.
func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shell runs commands on one database and keeps all that they print.
type shell struct {
	*testing.T
	dir, database, key string
	said               bytes.Buffer
}

func newShell(t *testing.T, url string) *shell {
	dir := t.TempDir()
	return &shell{T: t, dir: dir, database: url, key: filepath.Join(dir, "engawa.key")}
}

func (s *shell) run(args ...string) (stdout, stderr string, code int) {
	s.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(s.Context(), program(s.T), args...)
	c.Dir, c.Stdout, c.Stderr = s.dir, &out, &errs
	c.Env = s.environment()
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	s.said.WriteString(out.String() + errs.String())
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func (s *shell) environment() []string {
	return []string{"ENGAWA_EGRESS_ALLOW=127.0.0.0/8", "ENGAWA_DATABASE=" + s.database, "ENGAWA_KEY_FILE=" + s.key, "ENGAWA_NODE=test"}
}

// must runs a command that has to succeed and returns its lines.
func (s *shell) must(args ...string) []string {
	s.Helper()
	out, errs, code := s.run(args...)
	if code != 0 {
		s.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return strings.Split(strings.TrimSpace(out), "\n")
}

// refused runs a command that has to end with code and say words.
func (s *shell) refused(want int, words string, args ...string) {
	s.Helper()
	out, errs, code := s.run(args...)
	if code != want || !strings.Contains(out+errs, words) {
		s.Errorf("%v: exit %d, %q; want %d and %q", args, code, out+errs, want, words)
	}
}

func TestPeople(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShell(t, url)
		s.refused(1, "engawa workspace add", "member", "list")
		s.refused(2, "is no time zone", "workspace", "add", "ひなた珈琲", "--zone", "Nowhere/City")
		ws := s.must("workspace", "add", "ひなた珈琲")[0]
		if got := s.must("workspace", "list")[0]; !strings.HasPrefix(got, ws+"\tja\tJP") {
			t.Errorf("workspaces: %q", got)
		}
		added := s.must("member", "add", "田中")
		if len(added) != 2 || !strings.Contains(added[1], "/signin/link?token=") {
			t.Fatalf("member add: %q", added)
		}
		s.refused(1, "", "member", "disable", added[0]) // the last owner stays
		address := filepath.Join(s.dir, "mail")
		if err := os.WriteFile(address, []byte(canaryMail+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		second := s.must("member", "add", "佐藤", "--role", "viewer", "--mail-file", address)[0]
		s.refused(1, "does not hold one mail address", "member", "add", "鈴木", "--mail-file", s.key)
		if strings.Contains(s.said.String(), canaryMail) {
			t.Error("the address was printed")
		}
		s.must("member", "disable", second)
		if got := strings.Join(s.must("member", "list"), "\n"); !strings.Contains(got, added[0]) || strings.Contains(got, second) {
			t.Errorf("members: %q", got)
		}

		s.refused(2, "--scope cannot be everything", "key", "add", "cart", "--scope", "everything")
		text := s.must("key", "add", "cart", "--scope", "events:write")[0]
		listed := s.must("key", "list")[0]
		id, _, _ := strings.Cut(listed, "\t")
		if !strings.HasPrefix(text, "eng_live_"+id+"_") || strings.Contains(listed, text) || !strings.Contains(listed, "valid") {
			t.Errorf("key %q, listed %q", id, listed)
		}
		s.must("key", "disable", id)
		if got := s.must("key", "list")[0]; !strings.Contains(got, "disabled") {
			t.Errorf("after disabling: %q", got)
		}
		s.refused(1, "key", "key", "disable", id)
		s.must("key", "rotate")

		partner := s.must("partner", "add", "アプリ工房")[0]
		if secret := s.must("partner", "secret", partner)[0]; !strings.HasPrefix(secret, "eng_secret_") {
			t.Errorf("a client secret reads %.12s…", secret)
		}
		s.must("partner", "secret", partner)
		s.refused(1, "2 secrets", "partner", "secret", partner)
		s.must("partner", "disable", partner)
		s.refused(1, "partner", "partner", "secret", partner)
		s.refused(1, "partner", "partner", "disable", "ptn_none")
		s.refused(1, "ws_none", "partner", "list", "--workspace", "ws_none")
		s.refused(2, "", "member", "add", "x", "--role", "king")
	})
}

// canaries are what must never be printed.
const (
	canaryMail   = "address-canary@customer.example"
	canarySecret = "secret-canary-7d41"
)

// fill stores a customer and an account with what must never be shown.
func fill(t *testing.T, s *shell) (workspace string) {
	t.Helper()
	workspace = s.must("workspace", "add", "ひなた珈琲")[0]
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "test", config.DSN(s.database), s.key
	h, err := serve.Open(t.Context(), c, serve.Logger(config.Log{Level: "error"}, os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	err = errors.Join(
		h.Store.AddCustomer(t.Context(), store.NewCustomer{
			Customer: engawa.Customer{Workspace: workspace, ID: "cus_one", Kind: "person", Name: "田中", Locale: engawa.Japanese, Country: "JP", CreatedAt: now},
			ContactPoints: []engawa.ContactPoint{
				{Workspace: workspace, ID: "cp_one", Customer: "cus_one", Kind: "mail", Address: canaryMail, VerifiedAt: now, CreatedAt: now},
			},
		}),
		h.Store.AddAccount(t.Context(), engawa.Account{
			Workspace: workspace, ID: "acc_mail", Kind: "mail", Name: "mail", Environment: "sandbox", Owner: "workspace", Enabled: true, CreatedAt: now,
			Settings: map[string]string{"host": "127.0.0.1:25", "tls": "none", "from_address": "shop@hinata.example", "password": canarySecret},
		}),
		h.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	return workspace
}

// TestBackup takes a backup, loses the database and gets it back.
func TestBackup(t *testing.T) {
	s := newShell(t, storetest.SQLite(t))
	fill(t, s)
	copied := filepath.Join(s.dir, "copy.db")
	s.must("backup", copied)
	s.refused(1, "already", "backup", copied)
	s.refused(1, "overwrites nothing", "restore", copied)

	s.database = filepath.Join(s.dir, "new.db")
	key := s.key
	s.key = filepath.Join(s.dir, "none.key")
	s.refused(1, "no key file", "restore", copied)
	s.key = key
	s.must("restore", copied)
	said := strings.Join(s.must("verify"), "\n")
	for _, want := range []string{"\tcustomer\t1 open", "\taccount\t1 open", "\tdata_key\t1 open", "all that is sealed opens"} {
		if !strings.Contains(said, want) {
			t.Errorf("verify says %q, not %q", said, want)
		}
	}

	if err := os.WriteFile(filepath.Join(s.dir, "broken.db"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.database = filepath.Join(s.dir, "third.db")
	s.refused(1, "", "restore", filepath.Join(s.dir, "broken.db"))
	if _, err := os.Stat(s.database); err == nil {
		t.Error("a backup that does not open was left in the database's place")
	}
}

// pointMail gives the mail account of fill another server.
func (s *shell) pointMail(host string) {
	s.Helper()
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "test", config.DSN(s.database), s.key
	h, err := serve.Open(s.Context(), c, serve.Logger(config.Log{Level: "error"}, os.Stderr))
	if err != nil {
		s.Fatal(err)
	}
	all, err := h.Store.Workspaces(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	a, err := h.Store.Account(s.Context(), all[0].ID, "acc_mail")
	if err != nil {
		s.Fatal(err)
	}
	a.Settings["host"] = host
	if err := errors.Join(h.Store.ChangeAccount(s.Context(), a), h.Close()); err != nil {
		s.Fatal(err)
	}
}

func TestBackupPostgres(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		if !strings.HasPrefix(url, "postgres") {
			return // TestBackup
		}
		s := newShell(t, url)
		fill(t, s)
		s.refused(1, "pg_dump", "backup", filepath.Join(s.dir, "copy.db"))
		if said := strings.Join(s.must("verify"), "\n"); !strings.Contains(said, "\tcustomer\t1 open") {
			t.Errorf("verify says %q", said)
		}
	})
}

func TestDoctor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShell(t, url)
		if said := strings.Join(s.must("doctor"), "\n"); !strings.Contains(said, "the first start makes it") {
			t.Errorf("before the first start: %q", said)
		}
		if _, err := os.Stat(s.key); err == nil {
			t.Error("doctor made a key file")
		}
		fill(t, s) // its mail account names a server that nothing listens on
		s.refused(1, "acc_mail (mail): ", "doctor")
		inbox := &mailsim.Inbox{}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go inbox.Serve(l)
		defer inbox.Close()
		s.pointMail(l.Addr().String())
		if said := strings.Join(s.must("doctor"), "\n"); !strings.Contains(said, "acc_mail (mail): its provider accepts it") {
			t.Errorf("doctor says %q", said)
		}
		if mails := inbox.Mails(); len(mails) != 0 {
			t.Errorf("doctor sent %d mails", len(mails))
		}
		if err := os.Chmod(s.key, 0o644); err != nil {
			t.Fatal(err)
		}
		out, _, code := s.run("doctor", "--json")
		var found []finding
		if err := json.Unmarshal([]byte(out), &found); err != nil || code != 1 {
			t.Fatalf("exit %d, %v: %s", code, err, out)
		}
		bad := map[string]bool{}
		for _, f := range found {
			if !f.OK {
				bad[f.Check] = f.Seen != "" && f.Wanted != "" && f.Repair != ""
			}
		}
		if !bad["configuration"] || !strings.Contains(out, "chmod 600") {
			t.Errorf("findings: %s", out)
		}
	})
}

// TestSilence greps all that commands print for what they must not.
func TestSilence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := newShell(t, url)
		ws := fill(t, s)
		for _, args := range [][]string{
			{"workspace", "list"},
			{"member", "list"},
			{"key", "list"},
			{"partner", "list"},
			{"doctor"},
			{"doctor", "--json"},
			{"verify"},
			{"key", "rotate"},
			{"config", "check"},
			{"why", "msg_none"},
			{"why", "msg_none", "--config", "none.toml"},
			{"member", "list", "--workspace", ws},
		} {
			s.run(args...)
		}
		for _, canary := range []string{canaryMail, canarySecret} {
			if strings.Contains(s.said.String(), canary) {
				t.Errorf("%q was printed", canary)
			}
		}
	})
}

// TestTry: a route that matches gives a verdict that refuses without consent;
// another type gives nothing; neither is kept.
func TestTry(t *testing.T) {
	s := newShell(t, storetest.SQLite(t))
	ws := fill(t, s)
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "test", config.DSN(s.database), s.key
	h, err := serve.Open(t.Context(), c, serve.Logger(config.Log{Level: "error"}, os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	_, journaled := h.Store.Journal(t.Context(), []engawa.Event{{
		Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, now), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "1", Customer: "cus_one",
		OccurredAt: now, ReceivedAt: now, Known: true, Data: []byte(`{}`),
	}})
	err = errors.Join(journaled, h.Store.SaveTemplate(t.Context(), engawa.Template{
		Workspace: ws, ID: "tpl_one", Name: "offer",
		Words: map[engawa.Locale]engawa.Content{engawa.Japanese: {Subject: "ご案内", Text: "またお越しください。"}},
	}), h.Store.SaveRoute(t.Context(), engawa.Route{
		Workspace: ws, ID: "rte_one", Name: "offer", Events: []string{"contract.terminated"}, Enabled: true,
		Then: []engawa.Step{{To: "customer", Purpose: engawa.Marketing, Template: "tpl_one", Via: []engawa.Via{{Account: "acc_mail"}}}},
	}), h.Close())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.dir, "event.json")
	for body, want := range map[string]string{
		`{"type":"contract.terminated","customer":"cus_one","data":{}}`: "acc_mail (mail): refuse",
		`{"type":"other.thing","customer":"cus_one","data":{}}`:         "0 messages",
		`{"type":"contract.terminated","data":{"m":{"id":"none"}}}`:     "or about a new customer",
		`{"type":"contract.terminated","data":{}}`:                      "Nobody knows which customer",
	} {
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(s.must("try", file), "\n"); !strings.Contains(said, want) {
			t.Errorf("%s: %q lacks %q", body, said, want)
		}
	}
	if err := os.WriteFile(file, []byte(`[]`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(1, "does not hold one event or one route", "try", file)
	route := func(condition string) string {
		return `{"replaces":"rte_one","name":"offer","events":["contract.terminated","contract.started"],"condition":"` + condition + `","then":[{"to":"customer","purpose":"marketing","template":"tpl_one","via":[{"account":"acc_mail"}]}]}`
	}
	for body, want := range map[string]string{
		route("customer.country == 'KR'"): "events looked at, taken before 1, now 0; 1 differ",
		route(""):                         "0 differ",
	} {
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(s.must("try", file), "\n"); !strings.Contains(said, want) || strings.Contains(want, "1 differ") && !strings.Contains(said, "removed,taken no longer: the condition leaves them out,customer > acc_mail tpl_one,") {
			t.Errorf("%s: %q lacks %q", body, said, want)
		}
	}
	if err := os.WriteFile(file, []byte(route("event.data.amont > 3")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(1, "no event that the route takes has event.data.amont", "try", file)
	if strings.Contains(s.said.String(), canaryMail) {
		t.Error("the address was printed")
	}
	if said := strings.Join(s.must("verify"), "\n"); !strings.Contains(said, "\tmessage\t0 open") {
		t.Errorf("something was kept: %q", said)
	}
}

// TestWhyEvent: of an event it says which routes took it and, of one that writes to a
// customer whom nobody knows, why that made nothing and what to do.
func TestWhyEvent(t *testing.T) {
	s := newShell(t, storetest.SQLite(t))
	ws := fill(t, s)
	c := config.Default()
	c.Node, c.Database, c.KeyFile = "test", config.DSN(s.database), s.key
	h, err := serve.Open(t.Context(), c, serve.Logger(config.Log{Level: "error"}, os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	e := engawa.Event{Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: "contract.terminated", DedupKey: "1", OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true}
	_, err = h.Store.Journal(t.Context(), []engawa.Event{e})
	ms, composed := h.Compose.Compose(t.Context(), ws, []message.Request{{
		Workspace: ws, Event: &e, Route: "rte_one", Nobody: true, Purpose: engawa.Service, Trigger: engawa.ByAutomatic, Chain: []engawa.Via{{Account: "acc_mail"}},
	}})
	if err := errors.Join(err, composed, h.Store.Route(t.Context(), []store.Routed{{Workspace: ws, Event: e.ID, Messages: ms}}), h.Close()); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(s.must("why", e.ID), "\n")
	for _, want := range []string{"contract.terminated: 1 messages", "rte_one msg_", "refused", "Nobody knows which customer", "Name the customer in the event"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q lacks %q", said, want)
		}
	}
	s.refused(1, "there is no such message or event", "why", "evt_none")
}

func TestManual(t *testing.T) {
	for _, l := range engawa.Locales {
		name := "commands." + string(l) + ".md"
		if l == engawa.English {
			name = "commands.md"
		}
		var page bytes.Buffer
		if err := manual(&page, spoken(t, l)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		kept, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(kept, page.Bytes()) {
			t.Errorf("docs/%s is not what manual writes: run make generate", name)
		}
	}
}

func spoken(t *testing.T, l engawa.Locale) text.Viewer {
	t.Helper()
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	return w.For(l, nil)
}

// TestHelp: every command, argument and flag has words of its own in each
// language, and no words are left of what is no more.
func TestHelp(t *testing.T) {
	used := map[string]bool{}
	var walk func(v text.Viewer, n *kong.Node, key string)
	walk = func(v text.Viewer, n *kong.Node, key string) {
		texts := map[string]string{commandKey(n, key): n.Help}
		for _, p := range n.Positional {
			texts[valueKey(key, p.Name)] = p.Help
		}
		for _, f := range n.Flags {
			texts[valueKey(key, f.Name)] = f.Help
		}
		for k, words := range texts {
			used[k] = true
			if words == "" || words == k || !v.Words.Has(k) {
				t.Errorf("%s: no words for %s", v.Locale, k)
			}
		}
		for _, c := range n.Children {
			walk(v, c, key+"."+c.Name)
		}
	}
	for _, l := range engawa.Locales {
		v := spoken(t, l)
		walk(v, newParser(&cli{}, v).Model.Node, "help")
		for _, key := range v.Words.Keys(l) {
			if strings.HasPrefix(key, "help.") && !strings.HasPrefix(key, "help.wrong.") && !used[key] && !slices.Contains(helpFrame, key) {
				t.Errorf("nothing says %s", key)
			}
		}
	}
}

// helpFrame are the words around the help of commands.
var helpFrame = []string{"help.usage", "help.arguments", "help.flags", "help.commands", "help.more", "help.one_of", "help.default", "help.manual.title", "help.manual.text"}

// TestHelpSpeaks: help is in the language of the environment, the same whether
// it is asked for by the command or by the flag.
func TestHelpSpeaks(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"LANG=ja_JP.UTF-8", "使い方: engawa member add <name> [flags]\n\nメンバーを加え、"},
		{"LC_ALL=ko_KR.UTF-8", "사용법: engawa member add <name> [flags]\n\n구성원을 추가하고"},
		{"LC_ALL=C", "Usage: engawa member add <name> [flags]\n\nAdd a member"},
		{"", "Usage: engawa member add <name> [flags]\n\nAdd a member"},
	} {
		var said []string
		for _, args := range [][]string{{"help", "member", "add"}, {"member", "add", "--help"}} {
			cmd := exec.CommandContext(t.Context(), program(t), args...)
			cmd.Env = []string{c.env}
			out, err := cmd.Output()
			if err != nil || !strings.HasPrefix(string(out), c.want) {
				t.Errorf("%s %v: %v %s", c.env, args, err, out)
			}
			said = append(said, string(out))
		}
		if said[0] != said[1] {
			t.Errorf("%s: the command says %s, the flag %s", c.env, said[0], said[1])
		}
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"help"}, 0, "verify [flags]"}, {[]string{"--help"}, 0, "verify [flags]"}, {[]string{"help", "member"}, 0, "member disable <id> [flags]"}, {[]string{"help", "fly"}, 2, "fly"}, {[]string{"help", "member", "fly"}, 2, "add, list, link, disable"},
	} {
		cmd := exec.CommandContext(t.Context(), program(t), c.args...)
		cmd.Env = []string{"LANG=C"}
		out, _ := cmd.CombinedOutput() // its code is looked at
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: exit %d: %s", c.args, code, out)
		}
	}
}
