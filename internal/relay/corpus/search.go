package corpus

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Search returns how the persona's identifiers stand in what a partner was given;
// empty: they do not. It knows nothing of how a scrubber works: it writes the
// identifiers in every disguise and looks for those, and it looks for the
// identifiers in everything that the octets can be decoded to.
func (p Persona) Search(given []byte) (hits []string) {
	seen := map[string]bool{}
	hit := func(how string) {
		if !seen[how] {
			seen[how] = true
			hits = append(hits, how)
		}
	}
	lower := strings.ToLower(string(given))
	for _, box := range []string{p.Mailbox, p.Second} {
		for _, d := range Disguises() {
			form := strings.ToLower(d.Write(box))
			if strings.Contains(string(given), d.Write(box)) || d.Name[:min(4, len(d.Name))] != "base" && strings.Contains(lower, form) {
				hit(d.Name)
			}
		}
	}
	for _, text := range readings(given) {
		p.readable(text, hit)
	}
	return hits
}

// readable looks for the identifiers in a text with everything but letters and
// digits taken out.
func (p Persona) readable(text string, hit func(string)) {
	bare := skeleton(text)
	for _, box := range []string{p.Mailbox, puny(p.Mailbox), p.Second} {
		local, domain, _ := strings.Cut(box, "@")
		for _, at := range []string{"", "at", "アットマーク", "골뱅이"} {
			for _, dot := range []string{"", "dot", "ドット", "점"} {
				needle := skeleton(local) + at + strings.ReplaceAll(skeletonLabels(domain), ".", dot)
				if strings.Contains(bare, needle) {
					hit("letters of the mailbox")
				}
			}
		}
	}
	numerals := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(text))
	if strings.Contains(numerals, p.Phone[3:]) {
		hit("phone")
	}
	family, given, _ := strings.Cut(p.Roman, " ")
	for _, n := range []string{p.Name, p.Roman, given + family} {
		if strings.Contains(bare, skeleton(n)) {
			hit("name")
		}
	}
	for what, id := range map[string]string{"line": p.Line, "member": p.Member} {
		if strings.Contains(bare, skeleton(id)) {
			hit(what)
		}
	}
	if alias, _, _ := strings.Cut(p.Alias, "@"); strings.Contains(bare, skeleton(alias)) {
		hit("alias")
	}
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
