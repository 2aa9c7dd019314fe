package corpus

import (
	"fmt"
	"strings"
)

// client is how a mail program writes.
type client struct {
	name    string
	mailer  []string // fields that tell it
	first   []string // of the header, the order of its first fields
	html    bool     // writes HTML beside the text
	only    bool     // writes HTML alone
	base64  bool     // its texts in base64, where they are not ASCII
	q       bool     // its encoded words in Q
	cut     bool     // cuts characters in two between encoded words
	flowed  bool
	bare    bool   // raw octets in a file's name
	rfc2231 bool   // a file's name by RFC 2231; else in encoded words
	bound   string // how its boundaries look
	quote   func(p Persona, text string) string
	page    func(p Persona, text, original string) string // its HTML
}

var clients = []client{
	{name: "gmail", first: []string{"MIME-Version", "References", "In-Reply-To", "From", "Date", "Message-ID", "Subject", "To"}, html: true, base64: true, bound: "000000000000%s", quote: gmailQuote, page: gmailPage},
	{name: "outlook-desktop", mailer: []string{"X-Mailer: Microsoft Outlook 16.0", "Thread-Index: AQH%s", "Content-Language: ja", "x-originating-ip: [203.0.113.7]"}, first: []string{"From", "To", "References", "Subject", "Date", "Message-ID", "MIME-Version"}, html: true, base64: true, cut: true, bound: "----=_NextPart_000_%s", quote: outlookQuote, page: outlookPage},
	{name: "outlook-web", mailer: []string{"Accept-Language: ja-JP, en-US", "X-MS-Exchange-CrossTenant-id: %s", "X-MS-Has-Attach:"}, first: []string{"From", "To", "Subject", "Thread-Topic", "Date", "Message-ID"}, html: true, q: true, bound: "_000_%s_", quote: outlookQuote, page: outlookPage},
	{name: "apple-mail", mailer: []string{"X-Mailer: Apple Mail (2.3774.300.61.1.2)"}, first: []string{"From", "Message-Id", "Content-Type", "Mime-Version", "Subject", "Date", "In-Reply-To", "To"}, html: true, q: true, rfc2231: true, bound: "Apple-Mail=_%s", quote: appleQuote, page: applePage},
	{name: "ios-mail", mailer: []string{"X-Mailer: iPhone Mail (22F76)"}, first: []string{"Content-Type", "From", "Mime-Version", "Date", "Subject", "Message-Id", "To"}, html: true, base64: true, rfc2231: true, bound: "Apple-Mail-%s", quote: appleQuote, page: applePage},
	{name: "yahoo-japan", mailer: []string{"X-Mailer: YahooMailWebService/0.8", "X-YMail-OSG: %s"}, first: []string{"Date", "From", "Reply-To", "To", "Message-ID", "In-Reply-To", "Subject", "MIME-Version"}, html: true, base64: true, bound: "----=_Part_%s", quote: lineQuote, page: plainPage},
	{name: "docomo", mailer: []string{"X-Mailer: DoCoMo/2.0"}, first: []string{"From", "To", "Subject", "Date", "Message-ID"}, base64: false, cut: false, bare: true, bound: "--%s", quote: none},
	{name: "au", mailer: []string{"X-Mailer: KDDI EZweb", "X-Authenticated-Sender: %m"}, first: []string{"To", "From", "Subject", "Date"}, html: true, bound: "_au_%s", quote: lineQuote, page: plainPage},
	{name: "softbank", mailer: []string{"X-Mailer: SoftBank MMS"}, first: []string{"Date", "From", "To", "Subject"}, base64: true, cut: true, bound: "sb-%s", quote: none},
	{name: "naver", mailer: []string{"X-Mailer: Naver Mail", "X-Naver-From: %m", "X-Originating-IP: 203.0.113.9"}, first: []string{"Return-Path", "Date", "From", "To", "Message-ID", "Subject", "MIME-Version"}, only: true, base64: true, bound: "---Boundary_%s", quote: naverQuote, page: naverPage},
	{name: "daum", mailer: []string{"X-Mailer: Daum Web Mailer 2.0", "X-HM-UT: %s", "X-Kakao-From: %m"}, first: []string{"From", "To", "Subject", "Message-Id", "Date"}, html: true, base64: true, cut: true, bound: "Daum_Part_%s", quote: naverQuote, page: naverPage},
	{name: "thunderbird", mailer: []string{"User-Agent: Mozilla Thunderbird", "Autocrypt: addr=%m; prefer-encrypt=mutual; keydata=xsBNBF", "X-Mozilla-Draft-Info: internal/draft"}, first: []string{"Message-ID", "Date", "MIME-Version", "User-Agent", "Subject", "To", "References", "From"}, flowed: true, rfc2231: true, bound: "------------%s", quote: birdQuote},
	{name: "becky", mailer: []string{"X-Mailer: Becky! ver. 2.81.05 [ja]"}, first: []string{"Date", "From", "To", "Subject", "Message-Id", "MIME-Version"}, cut: true, bound: "------_%s_MULTIPART_MIXED_", quote: beckyQuote},
	{name: "sylpheed", mailer: []string{"X-Mailer: Sylpheed 3.7.0 (GTK+ 2.24.33; x86_64-pc-linux-gnu)"}, first: []string{"Date", "From", "To", "Subject", "Message-Id", "In-Reply-To", "References", "X-Mailer"}, rfc2231: true, bound: "Multipart=_%s", quote: birdQuote},
	{name: "shuriken", mailer: []string{"X-Mailer: JsvMail 11"}, first: []string{"From", "To", "Date", "Subject"}, base64: true, bare: true, bound: "-----JsvMail-%s", quote: beckyQuote},
	{name: "k9", mailer: []string{"User-Agent: K-9 Mail for Android"}, first: []string{"Date", "From", "To", "Subject", "User-Agent"}, html: true, q: true, bound: "----%s", quote: birdQuote, page: gmailPage},
}

// about is a mail as it is thought of, before a program writes it.
type about struct {
	charset  string
	subject  string
	text     string // what is typed
	original string // what is answered to; may be empty
	fields   []string
	html     string // instead of the program's own
	append   []node // after the text
	replace  *node  // instead of everything
	from     string // instead of the mailbox
	cc       string
}

// node is a part as it is written.
type node struct {
	kind   string   // the whole Content-Type
	fields []string // further fields
	cte    string
	body   []byte // before the transfer encoding
	parts  []node
	bound  string
}

func (n node) write(b *strings.Builder) {
	if n.kind != "" {
		kind := n.kind
		if n.parts != nil {
			kind += ";\r\n\tboundary=\"" + n.bound + "\""
		}
		b.WriteString("Content-Type: " + kind + "\r\n")
	}
	if n.cte != "" {
		b.WriteString("Content-Transfer-Encoding: " + n.cte + "\r\n")
	}
	for _, f := range n.fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n")
	if n.parts == nil {
		switch n.cte {
		case "base64":
			b.WriteString(inBase64(n.body) + "\r\n")
		case "quoted-printable":
			b.WriteString(quoted(n.body, false))
		case "quoted-printable ":
			b.WriteString(quoted(n.body, true))
		default:
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(string(n.body), "\r\n", "\n"), "\n", "\r\n"))
		}
		b.WriteString("\r\n")
		return
	}
	b.WriteString("This is a multi-part message in MIME format.\r\n")
	for _, p := range n.parts {
		b.WriteString("\r\n--" + n.bound + "\r\n")
		p.write(b)
	}
	b.WriteString("\r\n--" + n.bound + "--\r\n")
}

// textNode writes a text as the program does.
func (c client) textNode(kind, charset, s string) node {
	n := node{kind: kind + "; charset=" + charset, body: in(charset, s)}
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e })
	switch {
	case charset == "iso-2022-jp":
		n.cte = "7bit"
	case c.base64 && !plain:
		n.cte = "base64"
	case c.q || charset == "utf-8" && !plain:
		n.cte = "quoted-printable"
	case !plain:
		n.cte = "8bit"
	}
	if c.flowed && kind == "text/plain" && n.cte != "base64" {
		n.kind += "; format=flowed"
	}
	return n
}

// file writes an attachment whose name is in the charset.
func (c client) file(m *maker, kind, charset, name string, body []byte, fields ...string) node {
	n := node{kind: kind, cte: "base64", body: body, fields: fields}
	switch {
	case !strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e }):
		n.kind += "; name=\"" + name + "\""
		n.fields = append(n.fields, "Content-Disposition: attachment; filename=\""+name+"\"")
	case c.bare:
		n.fields = append(n.fields, "Content-Disposition: attachment; filename=\""+string(in(charset, name))+"\"")
	case c.rfc2231:
		enc := eachOctet(string(in(charset, name)), "%%%02X")
		cut := len(enc) / 6 * 3
		n.fields = append(n.fields, fmt.Sprintf("Content-Disposition: attachment;\r\n filename*0*=%s''%s;\r\n filename*1*=%s", charset, enc[:cut], enc[cut:]))
	default:
		n.kind += ";\r\n name=\"" + word(charset, name, c.q, c.cut && m.IntN(2) == 0) + "\""
		n.fields = append(n.fields, "Content-Disposition: attachment")
	}
	return n
}

// write makes the message file.
func (c client) write(m *maker, p Persona, a about) []byte {
	id := m.letters(6) + m.digits(10)
	bound := func() string { return fmt.Sprintf(c.bound, m.letters(4)+m.digits(8)) }
	from := a.from
	if from == "" {
		from = p.Mailbox
	}
	ascii := puny(from)
	fill := strings.NewReplacer("%s", m.letters(8)+m.digits(12), "%m", ascii)
	display := word(a.charset, p.Name, c.q, c.cut)
	values := map[string]string{
		"From": display + " <" + ascii + ">", "To": "\"Vendor via Hub\" <" + p.Alias + ">", "Subject": word(a.charset, a.subject, c.q, c.cut),
		"Date": fmt.Sprintf("Mon, %d Nov 2026 %02d:%02d:%02d +0900", 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60)), "MIME-Version": "1.0",
		"Message-ID": "<" + id + "@" + domainOf(ascii) + ">", "In-Reply-To": "<vendor.1@relay.hub.example>", "References": "<private." + id + "@" + domainOf(ascii) + "> <vendor.1@relay.hub.example>",
		"Reply-To": ascii, "Return-Path": "<" + ascii + ">", "Thread-Topic": word(a.charset, a.subject, c.q, c.cut),
	}
	var b strings.Builder
	for _, f := range []string{
		"Return-Path: <" + ascii + ">", "Delivered-To: " + p.Alias,
		"Received: from " + domainOf(ascii) + " (HELO [192.0.2.4]) by mx.hub.example with ESMTPS for <" + p.Alias + ">; Mon, 2 Nov 2026 10:00:00 +0900 (envelope-from " + ascii + ")",
		"DKIM-Signature: v=1; a=rsa-sha256; d=" + domainOf(ascii) + "; s=s1; i=" + ascii + "; h=from:to; bh=x; b=y",
	} {
		b.WriteString(f + "\r\n")
	}
	written := map[string]bool{"User-Agent": true, "X-Mailer": true, "Content-Type": true}
	for _, name := range append(append([]string{}, c.first...), "From", "To", "Subject", "Date", "MIME-Version", "Message-ID") {
		key := map[string]string{"Message-Id": "Message-ID", "Mime-Version": "MIME-Version"}[name]
		if key == "" {
			key = name
		}
		if !written[key] {
			written[key] = true
			b.WriteString(name + ": " + values[key] + "\r\n")
		}
	}
	if a.cc != "" {
		b.WriteString("Cc: " + a.cc + "\r\n")
	}
	for _, f := range append(append([]string{}, c.mailer...), a.fields...) {
		b.WriteString(fill.Replace(f) + "\r\n")
	}
	c.body(p, a, bound).write(&b)
	return []byte(b.String())
}

func (c client) body(p Persona, a about, bound func() string) node {
	if a.replace != nil {
		if a.replace.parts != nil && a.replace.bound == "" {
			a.replace.bound = bound()
		}
		return *a.replace
	}
	text := a.text
	if a.original != "" {
		text += "\n\n" + c.quote(p, a.original)
	}
	n := c.textNode("text/plain", a.charset, text)
	html := a.html
	if html == "" && c.page != nil {
		html = c.page(p, a.text, a.original)
	}
	switch {
	case a.html != "" && c.page == nil, c.only:
		n = c.textNode("text/html", a.charset, html)
	case html != "" && (c.html || a.html != ""):
		n = node{kind: "multipart/alternative", bound: bound(), parts: []node{n, c.textNode("text/html", a.charset, html)}}
		if a.html != "" {
			n = n.parts[1]
		}
	}
	if a.append != nil {
		n = node{kind: "multipart/mixed", bound: bound(), parts: append([]node{n}, a.append...)}
	}
	return n
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func cited(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") }

func none(Persona, string) string { return "" }

func gmailQuote(p Persona, s string) string {
	intro := map[string]string{
		"ja": "2026年11月2日(月) 10:00 %n <%m>:", "ko": "2026년 11월 2일 (월) 오전 10:00, %n <%m>님이 작성:", "zh": "%n <%m> 于2026年11月2日周一 10:00写道：", "en": "On Mon, Nov 2, 2026 at 10:00 AM %n <%m> wrote:",
	}[p.Language]
	return p.fill(intro) + "\n\n" + cited(s)
}

func (p Persona) fill(s string) string {
	return strings.NewReplacer("%n", p.Name, "%m", p.Mailbox, "%r", p.Roman, "%2", p.Second, "%a", p.Alias, "%t", p.Phone, "%p", p.Partner).Replace(s)
}

func outlookQuote(p Persona, s string) string {
	head := map[string]string{
		"ja": "-----Original Message-----\n差出人: Vendor via Hub <%a>\n送信日時: 2026年11月2日 10:00\n宛先: %n <%m>\n件名: ご案内", "ko": "-----Original Message-----\n보낸 사람: Vendor via Hub <%a>\n보낸 날짜: 2026년 11월 2일\n받는 사람: %n <%m>\n제목: 안내",
		"zh": "-----邮件原件-----\n发件人: Vendor via Hub <%a>\n发送时间: 2026年11月2日\n收件人: %n <%m>\n主题: 通知", "en": "From: Vendor via Hub <%a>\nSent: Monday, November 2, 2026 10:00 AM\nTo: %r <%m>\nSubject: Notice",
	}[p.Language]
	return p.fill(head) + "\n\n" + s
}

func appleQuote(p Persona, s string) string {
	intro := map[string]string{"ja": "2026/11/02 10:00、%n <%m>のメール:", "ko": "2026. 11. 2. 오전 10:00, %n <%m> 작성:", "zh": "在 2026年11月2日，上午10:00，%n <%m> 写道：", "en": "On 2 Nov 2026, at 10:00, %n <%m> wrote:"}[p.Language]
	return p.fill(intro) + "\n\n" + cited(s)
}

func lineQuote(p Persona, s string) string {
	return p.fill("----- Original Message -----\nFrom: Vendor via Hub <%a>\nTo: %n <%m>\nDate: 2026/11/2, Mon 10:00\n\n") + cited(s)
}

func naverQuote(p Persona, s string) string {
	return p.fill("-----Original Message-----\nFrom: \"Vendor via Hub\" <%a>\nTo: \"%n\" <%m>;\nCc:\nSent: 2026-11-02 (월) 10:00:00 (GMT+09:00)\n\n") + s
}

func birdQuote(p Persona, s string) string {
	return p.fill("On 2026/11/02 10:00, %n wrote:\n") + cited(p.fill("To: %m\n")+s) + p.fill("\n-- \n%n\n%m\n%t")
}

func beckyQuote(p Persona, s string) string {
	return cited(s) + p.fill("\n\n-- \n%n <%m>\nTEL %t")
}

func escaped(s string) string {
	return strings.ReplaceAll(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s), "\n", "<br>\r\n")
}

func gmailPage(p Persona, text, original string) string {
	return "<div dir=\"ltr\">" + escaped(text) + "</div><br><div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">" + escaped(p.fill("2026/11/2 %n <")) + "<a href=\"mailto:" + p.Mailbox + "\">" + p.Mailbox + "</a>&gt;:<br></div><blockquote class=\"gmail_quote\" style=\"margin:0px 0px 0px 0.8ex\">" + escaped(original) + "</blockquote></div>"
}

func outlookPage(p Persona, text, original string) string {
	return "<html xmlns:o=\"urn:schemas-microsoft-com:office:office\"><head><meta http-equiv=\"Content-Type\" content=\"text/html\"><style><!-- /* " + p.Mailbox + " */ p.MsoNormal {margin:0mm;} --></style></head><body lang=\"JA\"><div class=\"WordSection1\"><p class=\"MsoNormal\">" + escaped(text) + "<o:p></o:p></p><div style=\"border:none;border-top:solid #E1E1E1 1.0pt\"><p class=\"MsoNormal\"><b>To:</b> " + escaped(p.Name) + " &lt;<a href=\"mailto:" + strings.ReplaceAll(p.Mailbox, "@", "%40") + "\">" + p.Mailbox + "</a>&gt;<br><b>Subject:</b> x</p></div><p>" + escaped(original) + "</p></div></body></html>"
}

func applePage(p Persona, text, original string) string {
	return "<html><head></head><body dir=\"auto\">" + escaped(text) + "<div><blockquote type=\"cite\">" + escaped(p.fill("%n <%m>:")) + "<br></blockquote></div><blockquote type=\"cite\"><div>" + escaped(original) + "</div></blockquote></body></html>"
}

func naverPage(p Persona, text, original string) string {
	return "<html><head><style>p{margin-top:0px}</style></head><body><div style=\"font-size:14px;\"><p>" + escaped(text) + "</p></div><div class=\"replies\"><div style=\"border-left:5px solid #000\"><p>" + escaped(outlookQuote(p, original)) + "</p></div></div><table style=\"display:none\"><tr><td><img src=\"https://mail.example/readReceipt/notify/?img=" + p.Mailbox + "\" border=\"0\"></td></tr></table></body></html>"
}

func plainPage(p Persona, text, original string) string {
	return "<html><body><div>" + escaped(text) + "</div><div>" + escaped(lineQuote(p, original)) + "</div></body></html>"
}
