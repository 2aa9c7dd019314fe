package custom

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// description is an account's settings, read.
type description struct {
	method       string
	url          target
	headers      map[string]string
	secretHeader string
	secret       engawa.Secret
	keyHeader    string
	bodyType     string
	body         string
	ok, retry    statuses
	pointer      []string // nil: not asked
	equals       string
	phrase       string
}

// Format keeps the secret out of logs whatever the verb.
func (d description) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.method+" description") }

var mediaTypes = map[string]string{"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain; charset=utf-8"}

// describe reads and checks settings. Its errors are *engawa.Error and name the
// setting; they repeat no secret.
func describe(s channel.Settings) (description, error) {
	d := description{
		method: strings.ToUpper(s["method"]), bodyType: s["type"], body: s["body"], secretHeader: s["secret_header"], secret: engawa.Secret(s["secret_value"]),
		keyHeader: s["key_header"], equals: s["ok_equals"], phrase: s["ok_phrase"],
	}
	var errs [6]error
	d.url, errs[0] = readTarget(s["url"])
	d.headers, errs[1] = readHeaders(s["headers"])
	errs[2] = checkBody(d.bodyType, d.body)
	d.ok, errs[3] = readStatuses(s["ok_status"])
	d.retry, errs[4] = readStatuses(s["retry_status"])
	d.pointer, errs[5] = readPointer(s["ok_pointer"])
	for i, key := range [...]string{"url", "headers", "body", "ok_status", "retry_status", "ok_pointer"} {
		if errs[i] != nil {
			return d, wrong(key, errs[i])
		}
	}
	for key, name := range map[string]string{"secret_header": d.secretHeader, "key_header": d.keyHeader} {
		if name != "" && !headerName(name) {
			return d, wrong(key, errors.New("this header cannot be set"))
		}
	}
	switch {
	case (d.secretHeader == "") != (d.secret == ""):
		return d, wrong("secret_value", errors.New("a secret header needs a name and a value"))
	case d.equals != "" && d.pointer == nil:
		return d, wrong("ok_pointer", errors.New("say where the value of success stands"))
	}
	return d, nil
}

func wrong(key string, err error) error {
	return engawa.Invalid("/settings/"+key, "correct it; the help beside the field says what it takes", "http: %s: %s", key, err)
}

// reserved are headers that the connection or the form of the body decides.
var reserved = []string{
	"Connection", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// headerName reports whether a header may be set (RFC 9110 §5.6.2: a token).
func headerName(s string) bool {
	token := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return !token(r) }) && !slices.Contains(reserved, http.CanonicalHeaderKey(s))
}

// readHeaders reads "Name: value", one a line. Values hold no variables.
func readHeaders(s string) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok || !headerName(strings.TrimSpace(name)):
			return nil, errors.New("write each header as Name: value; Host, Content-Type and those of the connection cannot be set")
		case strings.Contains(value, "{{") || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }):
			return nil, errors.New("the value of a header is plain ASCII without variables")
		}
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return out, nil
}

// statuses are ranges of HTTP statuses, both ends among them.
type statuses [][2]int

func (s statuses) holds(status int) bool {
	return slices.ContainsFunc(s, func(r [2]int) bool { return r[0] <= status && status <= r[1] })
}

// readStatuses reads "200-299, 409".
func readStatuses(s string) (out statuses, err error) {
	for part := range strings.SplitSeq(s, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			high = low
		}
		from, err1 := strconv.Atoi(strings.TrimSpace(low))
		to, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err1 != nil || err2 != nil || from < 200 || to > 599 || from > to {
			return nil, errors.New("write statuses from 200 to 599, such as 200-299, 409")
		}
		out = append(out, [2]int{from, to})
	}
	return out, nil
}

// readPointer reads a JSON Pointer (RFC 6901) other than the whole document.
func readPointer(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New("a JSON Pointer begins with /")
	}
	parts := strings.Split(s[1:], "/")
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts, nil
}

// at returns the value at a pointer as text: a string itself, anything else as
// JSON, numbers with every digit. read is false where body is not JSON.
func at(body []byte, pointer []string) (value string, read, there bool) {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return "", false, false
	}
	for _, name := range pointer {
		switch in := v.(type) {
		case map[string]any:
			if v, there = in[name]; !there {
				return "", true, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return "", true, false
			}
			v = in[i]
		default:
			return "", true, false
		}
	}
	if s, ok := v.(string); ok {
		return s, true, true
	}
	text, err := json.Marshal(v)
	return string(text), err == nil, true
}

// target is a URL whose variables stand in the path or in values of the query.
type target struct{ path, query string } // path: all before the question mark

func readTarget(s string) (target, error) {
	path, query, _ := strings.Cut(s, "?")
	_, behind, ok := strings.Cut(path, "://")
	host, _, _ := strings.Cut(behind, "/")
	u, err := url.Parse(s)
	switch {
	case !ok || host == "" || err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return target{}, errors.New("it is not an http or https URL without user and password")
	case strings.ContainsAny(host, "{}") || strings.Contains(s, "#"):
		return target{}, errors.New("variables may stand in the path and in values of the query only")
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if strings.Contains(name, "{{") {
			return target{}, errors.New("variables may stand in the path and in values of the query only")
		}
	}
	t := target{path, query}
	if err := known(s); err != nil {
		return t, err
	}
	filled, ok := t.fill(sample)
	again, err := url.Parse(filled)
	if !ok || err != nil || again.Host != u.Host || again.Fragment != "" {
		return t, errors.New("with values in it, it is no URL of the same host")
	}
	return t, nil
}

// fill puts values in; ok is false where one would climb out of its part of the path.
func (t target) fill(values map[string]string) (string, bool) {
	out := render(t.path, values, url.PathEscape)
	for part := range strings.SplitSeq(out, "/") {
		if part == "." || part == ".." {
			return "", false
		}
	}
	if t.query != "" {
		out += "?" + render(t.query, values, url.QueryEscape)
	}
	return out, true
}
