package config

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// write puts text into a file of its own with the given mode.
func write(t *testing.T, name, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return path
}

func TestNothingSet(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node, _ = os.Hostname()
	want.PublicURL = "http://127.0.0.1:8025"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, addr := range []string{c.Listen, c.MetricsListen} {
		if !loopback(addr) {
			t.Errorf("%s is not on loopback", addr)
		}
	}
	if c.Database != "engawa.db" {
		t.Errorf("database is %s, not a file in the working directory", c.Database)
	}
}

const full = `
node = "tokyo-1"
database = "postgres://engawa:hunter2@db/engawa?sslmode=verify-full"
key_file = "/etc/engawa/keys"
key_rotation = "daily"
listen = ":443"
public_url = "https://hub.example.jp/"
metrics_listen = "10.0.0.5:9100"
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
lease = "15s"
shutdown_grace = "2m"

[log]
level = "debug"
format = "json"

[egress]
allow = ["192.168.7.0/24"]

[oidc]
issuer = "https://id.example.jp"
client_id = "engawa"
client_secret = "s3cret"
`

func TestFileThenEnvironment(t *testing.T) {
	path := write(t, File, full, 0o600)
	c, err := Load(path, []string{"PATH=/bin", "ENGAWA_LOG_LEVEL=warn", "ENGAWA_EGRESS_ALLOW=10.1.0.0/16, 10.2.0.0/16", "ENGAWA_METRICS_LISTEN="})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Node:          "tokyo-1",
		Database:      "postgres://engawa:hunter2@db/engawa?sslmode=verify-full",
		KeyFile:       "/etc/engawa/keys",
		KeyRotation:   "daily",
		Listen:        ":443",
		PublicURL:     "https://hub.example.jp",
		TrustedProxy:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		Lease:         15 * time.Second,
		ShutdownGrace: 2 * time.Minute,
		Log:           Log{Level: "warn", Format: "json"},
		Egress:        Egress{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16")}},
		OIDC:          OIDC{Issuer: "https://id.example.jp", ClientID: "engawa", ClientSecret: "s3cret"},
		Relay:         Relay{MaxSize: 10 << 20, Connections: 50, Recipients: 30, Timeout: 2 * time.Minute},
		Receivers:     Receivers{After: 5, Within: 15 * time.Minute, Pause: 10 * time.Minute, Most: 6 * time.Hour},
		Partners:      Partners{PurgeDays: 30},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestWorkingDirectory(t *testing.T) {
	t.Chdir(filepath.Dir(write(t, File, `node = "here"`, 0o644)))
	c, err := Load("", nil)
	if err != nil || c.Node != "here" {
		t.Errorf("node is %q, error %v", c.Node, err)
	}
}

func TestEveryKeyIsAVariable(t *testing.T) {
	values := map[string]string{
		"node": "x", "database": "x.db", "key_file": "x.key", "key_rotation": "off", "listen": "[::1]:1", "public_url": "https://x.jp", "metrics_listen": "localhost:2",
		"trusted_proxies": "10.0.0.0/8", "lease": "11s", "shutdown_grace": "7s", "log.level": "error", "log.format": "json", "egress.allow": "10.0.0.0/8",
		"relay.listen": "127.0.0.1:2525", "relay.domains": "relay.x.jp", "relay.tls_cert": "x.pem", "relay.tls_key": "x.pem", "relay.max_size": "5", "relay.connections": "5", "relay.recipients": "5", "relay.timeout": "5s", "relay.front": "mx.x.jp",
		"receivers.after": "6", "receivers.within": "6m", "receivers.pause": "6m", "receivers.most": "7h", "partners.purge_days": "7",
		"oidc.issuer": "https://id.x.jp", "oidc.client_id": "x", "oidc.client_secret": "x",
		"customers.frames": "https://shop.x.jp", "customers.issuer": "https://id.x.jp", "customers.client_id": "x", "customers.client_secret": "x",
	}
	c := Default()
	var environ []string
	for _, k := range keysOf(&c) {
		environ = append(environ, envOf(k.Name)+"="+values[k.Name])
	}
	got, err := Load(write(t, File, "", 0o600), environ)
	if err != nil {
		t.Fatal(err)
	}
	before, after := keysOf(&c), keysOf(&got)
	for i, k := range after {
		if reflect.DeepEqual(k.value.Interface(), before[i].value.Interface()) {
			t.Errorf("%s did not set %s", envOf(k.Name), k.Name)
		}
	}
}

func TestSecretFromFile(t *testing.T) {
	secret := write(t, "secret", "s3cret\n", 0o400)
	oidc := []string{"ENGAWA_OIDC_ISSUER=https://id.example.jp", "ENGAWA_OIDC_CLIENT_ID=engawa"}

	t.Run("named in the environment", func(t *testing.T) {
		c, err := Load(write(t, File, "", 0o644), append(oidc, "ENGAWA_OIDC_CLIENT_SECRET_FILE="+secret))
		if err != nil || c.OIDC.ClientSecret != "s3cret" {
			t.Errorf("secret is %q, error %v", c.OIDC.ClientSecret.Reveal(), err)
		}
	})
	t.Run("named in the configuration", func(t *testing.T) {
		text := fmt.Sprintf("oidc.client_secret_file = %q", secret)
		c, err := Load(write(t, File, text, 0o644), oidc)
		if err != nil || c.OIDC.ClientSecret != "s3cret" {
			t.Errorf("secret is %q, error %v", c.OIDC.ClientSecret.Reveal(), err)
		}
	})
	t.Run("the environment wins", func(t *testing.T) {
		text := fmt.Sprintf("oidc.client_secret_file = %q", secret)
		c, err := Load(write(t, File, text, 0o644), append(oidc, "ENGAWA_OIDC_CLIENT_SECRET=other"))
		if err != nil || c.OIDC.ClientSecret != "other" {
			t.Errorf("secret is %q, error %v", c.OIDC.ClientSecret.Reveal(), err)
		}
	})
}

// TestRefused holds class B39 of bad input: the program refuses to start and
// says why, and never repeats a secret.
func TestRefused(t *testing.T) {
	open := write(t, "open", "s3cret", 0o644)
	groupWritten := write(t, "group", "s3cret", 0o660)
	empty := write(t, "empty", "\n", 0o600)
	tests := []struct {
		name    string
		file    string
		mode    fs.FileMode
		environ []string
		want    string
	}{
		{"unknown key", `databse = "x"`, 0o600, nil, `unknown key "databse": did you mean "database"?`},
		{"unknown key in a table", "[log]\nlvl = \"info\"", 0o600, nil, `unknown key "log.lvl": did you mean "log.level"?`},
		{"unknown table", "[quux]\nfrobnicate = \"1\"", 0o600, nil, `unknown key "quux.frobnicate": engawa config describe`},
		{"unknown variable", "", 0o600, []string{"ENGAWA_DATABSE=x"}, `unknown environment variable "ENGAWA_DATABSE": did you mean "ENGAWA_DATABASE"?`},
		{"not TOML", "listen = ", 0o600, nil, "expected value"},
		{"number for a text", "listen = 8025", 0o600, nil, "listen: must be a text in quotes"},
		{"numbers in a list", "egress.allow = [10]", 0o600, nil, "egress.allow: must be a list of texts"},
		{"secret in a file for everybody", `oidc.client_secret = "s3cret"`, 0o644, nil, "chmod 600"},
		{"password in a file for everybody", `database = "postgres://engawa:s3cret@db/engawa"`, 0o644, nil, "chmod 600"},
		{"secret file for everybody", "", 0o600, []string{"ENGAWA_OIDC_CLIENT_SECRET_FILE=" + open}, "chmod 600"},
		{"secret file changed by the group", "", 0o600, []string{"ENGAWA_OIDC_CLIENT_SECRET_FILE=" + groupWritten}, "mode 0660"},
		{"secret file missing", "", 0o600, []string{"ENGAWA_OIDC_CLIENT_SECRET_FILE=/nowhere"}, "no such file"},
		{"secret file empty", "", 0o600, []string{"ENGAWA_OIDC_CLIENT_SECRET_FILE=" + empty}, "is empty"},
		{"secret twice", "", 0o600, []string{"ENGAWA_OIDC_CLIENT_SECRET=s3cret", "ENGAWA_OIDC_CLIENT_SECRET_FILE=" + open}, "both set"},
		{"file for what is no secret", "", 0o600, []string{"ENGAWA_LISTEN_FILE=x"}, "unknown environment variable"},
		{"key file for everybody", "", 0o600, []string{"ENGAWA_KEY_FILE=" + open}, "key_file is not safe"},
		{"no key file", `key_file = ""`, 0o600, nil, "key_file must not be empty"},
		{"no database", `database = ""`, 0o600, nil, "database must not be empty"},
		{"other database", `database = "mysql://s3cret@db/x"`, 0o600, nil, "begin with postgres://"},
		{"keyword database", `database = "host=db password=s3cret"`, 0o600, nil, "written as a URL"},
		{"server without database", `database = "postgres://engawa:s3cret@db"`, 0o600, nil, "which database"},
		{"URL that cannot be read", `database = "postgres://engawa:s3cret%@db/x"`, 0o600, nil, "escaped"},
		{"no port", `listen = "127.0.0.1"`, 0o600, nil, "must be an address and a port"},
		{"wrong port", `listen = "127.0.0.1:70000"`, 0o600, nil, "is not a port"},
		{"public without its URL", `listen = "0.0.0.0:8025"`, 0o600, nil, "public_url must be set"},
		{"plain http", `public_url = "http://hub.example.jp"`, 0o600, nil, "must begin with https://"},
		{"password in a URL", `public_url = "https://me:s3cret@hub.example.jp"`, 0o600, nil, "without user"},
		{"level", `log.level = "loud"`, 0o600, nil, `log.level is "loud"; it may be debug, info, warn, error`},
		{"duration", `shutdown_grace = "20"`, 0o600, nil, "length of time"},
		{"short lease", `lease = "9s"`, 0o600, nil, "10s or longer"},
		{"negative duration", `shutdown_grace = "-1s"`, 0o600, nil, "length of time"},
		{"address for a network", `egress.allow = ["10.0.0.1/8"]`, 0o600, nil, "the network is 10.0.0.0/8"},
		{"word for a network", `trusted_proxies = ["localhost"]`, 0o600, nil, "must be a network"},
		{"client without issuer", `oidc.client_id = "x"`, 0o600, nil, "no issuer"},
		{"issuer without client", `oidc.issuer = "https://id.example.jp"`, 0o600, nil, "no client"},
		{"relay without a domain", `relay.listen = ":25"`, 0o600, nil, "set relay.domains"},
		{"relay with a word for a domain", "relay.listen = \":25\"\nrelay.domains = \"relay.example.jp, here\"", 0o600, nil, `has "here"`},
		{"relay without a port", `relay.listen = "mail"`, 0o600, nil, "must be an address and a port"},
		{"half a certificate", "relay.listen = \":25\"\nrelay.domains = \"relay.example.jp\"\nrelay.tls_cert = \"x.pem\"", 0o600, nil, "set both, or none"},
		{"relay's key for everybody", "relay.listen = \":25\"\nrelay.domains = \"relay.example.jp\"\nrelay.tls_cert = \"x.pem\"\nrelay.tls_key = \"" + open + "\"", 0o600, nil, "tls_key is not safe"},
		{"a pause of nothing", `receivers.pause = "1s"`, 0o600, nil, "it must be 10s or longer"},
		{"a longest pause that is shorter", `receivers.most = "1m"`, 0o600, nil, "cannot be shorter than the first"},
		{"a purge that never comes", `partners.purge_days = "3661"`, 0o600, nil, "must be at most 3660"},
		{"a window of nothing", `receivers.within = "1s"`, 0o600, nil, "it must be 1m or longer"},
		{"refusals without end", `receivers.after = "101"`, 0o600, nil, "the most that are kept"},
		{"no connections", `relay.connections = "0"`, 0o600, nil, "whole number from 1"},
		{"issuer in the clear", "oidc.issuer = \"http://id.example.jp\"\noidc.client_id = \"x\"", 0o600, nil, "must begin with https://"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(write(t, File, tt.file, tt.mode), tt.environ)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the secret is in %q", err)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Load(write(t, File, "log.level = \"loud\"\nshutdown_grace = \"x\"", 0o600), nil)
	if err == nil || !strings.Contains(err.Error(), "log.level") || !strings.Contains(err.Error(), "shutdown_grace") {
		t.Errorf("got %v, want both faults", err)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil); err == nil {
		t.Error("a file that was asked for and is missing was accepted")
	}
}

func TestForeignVariables(t *testing.T) {
	_, err := Load(write(t, File, "", 0o600), []string{
		"ENGAWA_TEST_POSTGRES=x", "ENGAWA_SHARED=x", "ENGAWA_PORT=tcp://10.0.0.1:80",
		"ENGAWA_PORT_80_TCP_ADDR=10.0.0.1", "ENGAWA_SERVICE_HOST=10.0.0.1", "ENGAWA_SERVICE_PORT_HTTP=80",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCheckArgs(t *testing.T) {
	for _, arg := range []string{"--oidc.client-secret=s3cret", "--oidc-client-secret", "-database=postgres://engawa:s3cret@db/x", "--oidc_client_secret"} {
		err := CheckArgs([]string{"serve", arg})
		if err == nil {
			t.Errorf("%s was accepted", arg)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "_FILE") {
			t.Errorf("%s: %v", arg, err)
		}
	}
	if err := CheckArgs([]string{"demo", "--addr", "127.0.0.1:0", "--quick", "database"}); err != nil {
		t.Error(err)
	}
}

func TestPrintMasks(t *testing.T) {
	c, err := Load(write(t, File, full, 0o600), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, c); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "s3cret"} {
		if strings.Contains(out.String(), secret) || strings.Contains(fmt.Sprintf("%+v %#v", c, c), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	for _, line := range []string{
		`database = "postgres://engawa:••••••@db/engawa?sslmode=verify-full"`,
		`trusted_proxies = ["10.0.0.0/8", "fd00::/8"]`,
		`shutdown_grace = "2m0s"`,
		"[oidc]\nissuer = \"https://id.example.jp\"",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%s is missing in\n%s", line, &out)
		}
	}
}

func TestPrintLoads(t *testing.T) {
	want, err := Load(write(t, File, "shutdown_grace = \"90s\"\negress.allow = [\"10.0.0.0/8\", \"fd00::/8\"]", 0o600), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Print(&out, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(write(t, File, out.String(), 0o600), nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestDSNMasks(t *testing.T) {
	tests := map[DSN]string{
		"engawa.db":                           "engawa.db",
		"postgres://me@db/x":                  "postgres://me@db/x",
		"postgres://me:pw@db/x":               "postgres://me:••••••@db/x",
		"postgresql://me:pw@db/x":             "postgres://me:••••••@db/x",
		"postgres://db/x?user=me&password=pw": "postgres://db/x?••••••",
		"postgres://db/x?pass%77ord=pw":       "postgres://db/x?••••••",
		"postgres://me:pw%@db/x":              "postgres://••••••",
	}
	for d, want := range tests {
		for _, got := range []string{d.String(), fmt.Sprintf("%#v", d), d.LogValue().String()} {
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if text, err := d.MarshalText(); err != nil || string(text) != want {
			t.Errorf("marshals as %s, %v", text, err)
		}
	}
}

// TestPage keeps docs/configuration.md what Describe writes, and every key
// explained.
func TestPage(t *testing.T) {
	var page bytes.Buffer
	if err := Describe(&page); err != nil {
		t.Fatal(err)
	}
	var c Config
	for _, k := range keysOf(&c) {
		if k.Doc == "" || k.Name == "" {
			t.Errorf("a key named %q has no doc", k.Name)
		}
	}
	path := filepath.Join("..", "..", "docs", "configuration.md")
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
		t.Error("docs/configuration.md is not what Describe writes: run make generate")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(full)
	f.Add("oidc = 1")
	f.Add("[log.level]\nx = []")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Load(write(t, File, text, 0o600), nil)
		if err == nil && (c.Node == "" || c.PublicURL == "" || c.Database == "") {
			t.Errorf("%+v was accepted", c)
		}
	})
}
