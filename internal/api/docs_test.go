package api_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/partner"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/text"
)

// TestPage runs every curl of docs/api.md, in order.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, storetest.SQLite(t))
	calls := regexp.MustCompile(`(?s)\ncurl -sS \$HUB(\S+)(.*?)-d '(.*?)'\n`).FindAllStringSubmatch(string(page), -1)
	if len(calls) != strings.Count(string(page), "\ncurl ") || len(calls) == 0 {
		t.Fatalf("%d of the page's calls can be read", len(calls))
	}
	for _, c := range calls {
		var headers []string
		for _, h := range regexp.MustCompile(`-H '(.*?): (.*?)'`).FindAllStringSubmatch(c[2], -1) {
			headers = append(headers, h[1], h[2])
		}
		if status, _, text := s.do("POST", c[1], s.key, c[3], headers...); status/100 != 2 {
			t.Errorf("%s: %d %s", c[1], status, text)
		}
	}
}

// call is a curl of docs/partners.md: what it is kept in, its arguments, and what
// of the answer is kept.
var call = regexp.MustCompile(`(?m)^(?:([A-Z]+)=\$\()?curl -sS ((?:.*\\\n)*.*?)(?: \| jq -r (\S+)\))?$`)

// argument is one of a shell's: quoted parts and bare ones in a row.
var argument = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"\\])+`)

// TestPartnersPage runs every curl of docs/partners.md, in order, as the shell would.
func TestPartnersPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "partners.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, storetest.SQLite(t))
	v := s.vendor("v", "")
	v.subscribe("cus_one")
	known := map[string]string{"HUB": s.url, "CLIENT_ID": v.id, "CLIENT_SECRET": v.secret}
	expand := func(text string) string {
		return regexp.MustCompile(`\$([A-Z_]+)`).ReplaceAllStringFunc(text, func(name string) string { return known[name[1:]] })
	}
	calls := call.FindAllStringSubmatch(string(page), -1)
	if len(calls) != strings.Count(string(page), "curl ") || len(calls) < 10 {
		t.Fatalf("%d of the page's %d calls can be read", len(calls), strings.Count(string(page), "curl "))
	}
	for _, c := range calls {
		var args []string
		for _, a := range argument.FindAllString(c[2], -1) {
			args = append(args, unquote(a, expand))
		}
		status, text := s.curl(args)
		if status/100 != 2 {
			t.Fatalf("%s: %d %s", c[0], status, text)
		}
		if c[1] == "" {
			continue
		}
		if known[c[1]] = pick(t, text, c[3]); known[c[1]] == "" {
			t.Fatalf("%s: %s is not in %s", c[0], c[3], text)
		}
	}
}

// unquote takes the quotes of one argument away; variables stand outside of single ones.
func unquote(arg string, expand func(string) string) (plain string) {
	for _, part := range regexp.MustCompile(`'[^']*'|"[^"]*"|[^'"]+`).FindAllString(arg, -1) {
		switch part[0] {
		case '\'':
			plain += part[1 : len(part)-1]
		case '"':
			plain += expand(part[1 : len(part)-1])
		default:
			plain += expand(part)
		}
	}
	return plain
}

// curl makes the call that arguments of curl ask for.
func (s *site) curl(args []string) (int, string) {
	s.t.Helper()
	method, path, body, headers := "GET", "", "", []string{"Content-Type", "application/x-www-form-urlencoded"}
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-X":
			i++
			method = args[i]
		case "-d":
			i++
			method, body = "POST", args[i]
		case "-u":
			i++
			headers = append(headers, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(args[i])))
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			headers = append(headers, name, value)
		default:
			path = strings.TrimPrefix(args[i], s.url)
		}
	}
	status, _, text := s.do(method, path, "", body, headers...)
	return status, text
}

// pick is what jq -r prints of an answer for a path such as .apps[0].id.
func pick(t *testing.T, text, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	for _, step := range regexp.MustCompile(`\.([a-z_]+)|\[(\d+)\]`).FindAllStringSubmatch(path, -1) {
		switch at := v.(type) {
		case map[string]any:
			v = at[step[1]]
		case []any:
			n, err := strconv.Atoi(step[2])
			if err != nil || n >= len(at) {
				return ""
			}
			v = at[n]
		}
	}
	got, _ := v.(string)
	return got
}

// TestClassesHaveWords: every class that a partner may be told is in docs/partners.md
// and has words in each language.
func TestClassesHaveWords(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "partners.md"))
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range partner.Classes {
		if !strings.Contains(string(page), "`"+string(c)+"`") {
			t.Errorf("the page does not speak of %s", c)
		}
		for _, key := range []string{"partner.why." + string(c), "partner.why." + string(c) + ".remedy"} {
			if !words.Has(key) {
				t.Errorf("no words for %s", key)
			}
		}
	}
}
