package corpus

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Search makes the search for the persona's identifiers in what a partner was
// given. It returns how they stand there; nothing: they do not. It knows nothing
// of how a scrubber works: it writes the identifiers in every disguise and looks
// for those, and it looks for the identifiers in everything that the octets can
// be decoded to.
func (p Persona) Search() func(given []byte) []string {
	exact, anyCase, letters := map[string]string{}, map[string]string{}, map[string]string{}
	for _, box := range []string{p.Mailbox, p.Second} {
		for _, d := range Disguises() {
			exact[d.Write(box)] = d.Name
			if !strings.HasPrefix(d.Name, "base64") && !strings.HasSuffix(d.Name, "base64") {
				anyCase[strings.ToLower(d.Write(box))] = d.Name
			}
		}
		for _, form := range []string{box, puny(box)} {
			local, domain, _ := strings.Cut(form, "@")
			for _, at := range []string{"", "at", "アットマーク", "골뱅이"} {
				for _, dot := range []string{"", "dot", "ドット", "점"} {
					letters[skeleton(local)+at+strings.ReplaceAll(skeletonLabels(domain), ".", dot)] = "letters of the mailbox"
				}
			}
		}
	}
	family, first, _ := strings.Cut(p.Roman, " ")
	alias, _, _ := strings.Cut(p.Alias, "@")
	for id, what := range map[string]string{p.Name: "name", p.Roman: "name", first + family: "name", p.Line: "line", p.Member: "member", alias: "alias", p.Token[:50]: "link", p.Token[50:]: "link"} {
		letters[skeleton(id)] = what
	}
	return func(given []byte) (hits []string) {
		found := map[string]bool{}
		look := func(text string, needles map[string]string) {
			for needle, how := range needles {
				if strings.Contains(text, needle) {
					found[how] = true
				}
			}
		}
		look(string(given), exact)
		look(strings.ToLower(string(given)), anyCase)
		for _, text := range readings(given) {
			look(skeleton(text), letters)
			if strings.Contains(numerals(text), p.Phone[3:]) {
				found["phone"] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
}

func numerals(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(s))
}

func skeleton(s string) string {
	s = strings.NewReplacer("а", "a", "е", "e", "о", "o", "і", "i").Replace(norm.NFKC.String(s))
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func skeletonLabels(domain string) string {
	labels := strings.Split(domain, ".")
	for i := range labels {
		labels[i] = skeleton(labels[i])
	}
	return strings.Join(labels, ".")
}

// readings are what the octets can be read as.
func readings(given []byte) []string {
	s := string(given)
	out := []string{s, html.UnescapeString(s), rot13(s), backwards(s), string(bytes.ReplaceAll(given, []byte{0}, nil))}
	if u, err := url.QueryUnescape(s); err == nil {
		out = append(out, u)
	}
	for run := range strings.FieldsFuncSeq(s, func(r rune) bool {
		return r > 0x7e || !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("+/-_", r))
	}) {
		if len(run) < 12 {
			continue
		}
		std := strings.NewReplacer("-", "+", "_", "/").Replace(run)
		for k := range 4 {
			if len(std)-k < 8 {
				continue
			}
			chunk := std[k:]
			chunk = chunk[:len(chunk)/4*4]
			if b, err := base64.StdEncoding.DecodeString(chunk); err == nil {
				out = append(out, string(b), string(bytes.ReplaceAll(b, []byte{0}, nil)))
			}
		}
		for k := range 2 {
			chunk := run[k:]
			if b, err := hex.DecodeString(chunk[:len(chunk)/2*2]); err == nil {
				out = append(out, string(b))
			}
		}
	}
	return out
}
