package text

import (
	"html"
	"slices"
	"strings"

	"github.com/engawa/engawa"
)

// ApplyObligations returns c with what a verdict asks to be added: labels
// before subject and body, and one footer that names the sender, where to
// complain and how to refuse. The footer is in the customer's language, and
// where a Korean rule asks for it in Korean and English as well (Network Act
// 50(4), Decree Annex 6). unsubscribe is the one-step link; without one the
// footer names the contact instead. It is pure, and a label that stands there
// already is not put twice.
func (w *Words) ApplyObligations(c engawa.Content, obligations []engawa.Obligation, l engawa.Locale, profile engawa.SenderProfile, unsubscribe string) engawa.Content {
	var footers []engawa.Obligation
	for _, o := range obligations {
		switch o.Kind {
		case "subject_prefix":
			c.Subject = prefix(c.Subject, oneLine(o.Text), " ")
		case "body_prefix":
			c = prefixBody(c, o.Text, profile.Name)
		case "footer":
			footers = append(footers, o)
		}
	}
	if len(footers) == 0 {
		return c
	}
	lines := w.footer(footers, l, profile, unsubscribe)
	c.Text = strings.TrimRight(c.Text, "\n") + "\n\n--\n" + strings.Join(lines, "\n") + "\n"
	if c.HTML != "" {
		c.HTML = beforeEnd(c.HTML, footerHTML(lines, unsubscribe))
	}
	return c
}

func prefix(s, label, gap string) string {
	if label == "" || strings.HasPrefix(s, label) {
		return s
	}
	return label + gap + s
}

// prefixBody puts the label and the sender's name at the very start (KR-08).
func prefixBody(c engawa.Content, label, sender string) engawa.Content {
	if sender != "" && !strings.Contains(label, sender) {
		label += " " + sender
	}
	c.Text = prefix(c.Text, label, "\n")
	if c.HTML == "" {
		return c
	}
	if mark := "<p>" + html.EscapeString(label) + "</p>"; !strings.Contains(c.HTML, mark) {
		c.HTML = afterStart(c.HTML, mark)
	}
	return c
}

// footer is the lines of the footer, in each language once.
func (w *Words) footer(footers []engawa.Obligation, l engawa.Locale, p engawa.SenderProfile, unsubscribe string) []string {
	tongues := []engawa.Locale{l}
	if slices.ContainsFunc(footers, func(o engawa.Obligation) bool { return strings.HasPrefix(o.Rule, "KR") }) {
		tongues = append(tongues, engawa.Korean, engawa.English)
	}
	lines := w.senderLines(l, p)
	var done []engawa.Locale
	for _, tongue := range tongues {
		if slices.Contains(done, tongue) {
			continue
		}
		done = append(done, tongue)
		lines = append(lines, w.refusalLine(tongue, p, unsubscribe))
	}
	for _, o := range footers {
		if extra := w.footerWords(l, o); extra != "" && !slices.Contains(lines, extra) {
			lines = append(lines, extra)
		}
	}
	return lines
}

// footerWords is what one rule adds beyond sender and refusal: fixed text, or
// the words "footer.<code>" where there are some.
func (w *Words) footerWords(l engawa.Locale, o engawa.Obligation) string {
	if o.Text != "" {
		return oneLine(o.Text)
	}
	if key := "footer." + o.Code; o.Code != "" && w.Has(key) {
		return w.T(l, key)
	}
	return ""
}

func (w *Words) senderLines(l engawa.Locale, p engawa.SenderProfile) []string {
	var lines []string
	add := func(key, value string) {
		if value = oneLine(value); value != "" {
			lines = append(lines, w.T(l, key, "value", value))
		}
	}
	add("footer.sender", p.Name)
	add("footer.postal", p.Postal)
	add("footer.phone", p.Phone)
	add("footer.mail", p.Mail)
	add("footer.contact", p.Contact)
	return lines
}

func (w *Words) refusalLine(l engawa.Locale, p engawa.SenderProfile, unsubscribe string) string {
	if unsubscribe != "" {
		return w.T(l, "footer.refuse.link", "link", oneLine(unsubscribe))
	}
	where := p.Contact
	if where == "" {
		where = p.Mail
	}
	return w.T(l, "footer.refuse.contact", "contact", oneLine(where))
}

func footerHTML(lines []string, unsubscribe string) string {
	var b strings.Builder
	b.WriteString(`<hr><p style="font-size:12px;line-height:1.6;color:#6a6154">`)
	link := html.EscapeString(oneLine(unsubscribe))
	for i, line := range lines {
		if i > 0 {
			b.WriteString("<br>")
		}
		line = html.EscapeString(line)
		if link != "" {
			line = strings.ReplaceAll(line, link, `<a href="`+link+`">`+link+`</a>`)
		}
		b.WriteString(line)
	}
	b.WriteString("</p>")
	return b.String()
}

// afterStart puts part inside the body of an HTML text, at its start.
func afterStart(src, part string) string {
	low := strings.ToLower(src)
	if i := strings.Index(low, "<body"); i >= 0 {
		if j := strings.IndexByte(low[i:], '>'); j >= 0 {
			at := i + j + 1
			return src[:at] + part + src[at:]
		}
	}
	return part + src
}

// beforeEnd puts part inside the body of an HTML text, at its end.
func beforeEnd(src, part string) string {
	for _, end := range []string{"</body", "</html"} {
		if i := strings.LastIndex(strings.ToLower(src), end); i >= 0 && i < len(src) {
			return src[:i] + part + src[i:]
		}
	}
	return src + part
}
