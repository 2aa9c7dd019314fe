package corpus

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// says are texts that a customer may write, by language.
var says = map[string][]string{
	"ja": {"お世話になっております。\nご連絡ありがとうございます。来週の更新についてお願いします。", "解約の手続きを教えてください。\nよろしくお願いいたします。"},
	"ko": {"안녕하세요.\n다음 주 갱신 건으로 문의드립니다. 감사합니다.", "해지 절차를 알려 주세요."},
	"zh": {"您好，\n关于下周的更新，请告知具体步骤。谢谢。", "請問如何取消訂閱？"},
	"en": {"Hello,\nthank you for writing. I would like to renew next week.", "How do I cancel? Regards"},
}

var subjects = map[string]string{"ja": "Re: ご契約更新のお知らせ（重要）", "ko": "Re: 계약 갱신 안내", "zh": "回复：关于合同更新的通知", "en": "Re: Your renewal"}

var originals = map[string]string{
	"ja": "%n 様\n\nいつもご利用ありがとうございます。次回の更新日は12月1日です。\nこのメールは %m 宛にお送りしています。\nhttps://vendor.example/u?email=%m", "ko": "%n 님\n\n이용해 주셔서 감사합니다. 다음 갱신일은 12월 1일입니다.\n이 메일은 %m 으로 발송되었습니다.",
	"zh": "%n 您好\n\n感谢您的使用。下次更新日期为12月1日。\n本邮件发送至 %m", "en": "Dear %r,\n\nyour renewal is due on 1 December.\nThis mail was sent to %m",
}

// scripts are the charsets that are tried, each with its language.
var scripts = [][2]string{{"utf-8", "ja"}, {"iso-2022-jp", "ja"}, {"shift_jis", "ja"}, {"euc-jp", "ja"}, {"euc-kr", "ko"}, {"utf-8", "ko"}, {"gb18030", "zh"}, {"utf-8", "en"}}

// leak is one line of the checklist: how the address gets into a mail.
type leak struct {
	id   string
	make func(m *maker, c client, p Persona, a *about)
}

// Leaks makes the mails of the checklist: every line of it, in every charset, by
// so many programs each, beginning with another one every time.
func Leaks(seed uint64, programs int) (mails []Mail) {
	n := 0
	for i, l := range leaks {
		for j, script := range scripts {
			for k := range programs {
				n++
				c := clients[(i*5+j*3+k*7)%len(clients)]
				m := newMaker(seed, uint64(n))
				p := m.persona(script[1], n%5 == 0)
				a := about{charset: script[0], subject: subjects[script[1]], text: m.pick(says[script[1]]), original: p.fill(originals[script[1]])}
				l.make(m, c, p, &a)
				from := a.from
				if from == "" {
					from = p.Mailbox
				}
				mails = append(mails, Mail{fmt.Sprintf("%s %s %s %d", l.id, c.name, script[0], n), c.write(m, p, a), from, p})
			}
		}
	}
	return mails
}

// Disguised makes the mails in which the address is typed in every disguise, in
// the text, the HTML, the subject, a file and a file's name.
func Disguised(seed uint64) (mails []Mail) {
	n := 0
	for i, d := range Disguises() {
		for where := range 5 {
			n++
			m := newMaker(seed, uint64(n)<<32)
			c := clients[(i+where*3)%len(clients)]
			language := []string{"ja", "ko", "en"}[n%3]
			p := m.persona(language, d.Name == "punycode" || n%11 == 0)
			a := about{charset: "utf-8", subject: subjects[language], text: m.pick(says[language])}
			secret := d.Write(p.Mailbox)
			switch where {
			case 0:
				a.text += "\n" + secret + "\n" + m.pick(says[language])
			case 1:
				a.html = "<html><body><p>" + escaped(a.text) + "</p><p>" + escaped(secret) + "</p></body></html>"
			case 2:
				a.subject = "Re: " + strings.ReplaceAll(secret, "\n", " ")
			case 3:
				a.append = []node{c.file(m, "text/plain; charset=utf-8", "utf-8", "notes.txt", []byte("a\n"+secret+"\nb\n"))}
			case 4:
				a.append = []node{c.file(m, "text/plain; charset=utf-8", "utf-8", strings.NewReplacer("\n", "", `"`, "", "\\", "_", "/", "_").Replace(secret)+".txt", []byte("x"))}
			}
			mails = append(mails, Mail{fmt.Sprintf("disguise %s in %d by %s", d.Name, where, c.name), c.write(m, p, a), p.Mailbox, p})
		}
	}
	return mails
}

var leaks = []leak{
	{"L01", func(_ *maker, _ client, p Persona, a *about) { a.text += "\n\n" + outlookQuote(p, a.original) }},
	{"L02", func(_ *maker, _ client, p Persona, a *about) {
		a.text += "\n\n" + gmailQuote(p, a.original) + p.fill("\n\nAm Mo., 2. Nov. 2026 um 10:00 Uhr schrieb %r <%m>:\n> ja\n\nLe lun. 2 nov. 2026, %r <%m> a écrit :\n> oui")
	}},
	{"L03", func(m *maker, _ client, p Persona, a *about) {
		at := 3 + m.IntN(len(p.Mailbox)-5)
		for p.Mailbox[at]&0xc0 == 0x80 {
			at++
		}
		a.replace = &node{kind: "text/plain; charset=" + a.charset + "; format=flowed; delsp=yes", cte: "8bit", body: in(a.charset, a.text+"\n"+p.Mailbox[:at]+" \n"+p.Mailbox[at:]+"\n> "+p.Mailbox[:at]+" \n> "+p.Mailbox[at:]+"\n")}
		if m.IntN(2) == 0 {
			a.replace.kind, a.replace.cte = "text/plain; charset="+a.charset, "quoted-printable"
			a.replace.body = in(a.charset, strings.Repeat("x", 60)+" "+p.Mailbox+"\n"+p.Mailbox[:at]+"\n"+p.Mailbox[at:])
		}
	}},
	{"L04", func(m *maker, _ client, p Persona, a *about) {
		label := m.pick([]string{a.charset, "us-ascii", "iso-8859-1", "utf-8", "x-unknown", "iso-2022-jp"})
		a.replace = &node{kind: "text/plain; charset=" + label, cte: m.pick([]string{"8bit", "quoted-printable", "base64", "quoted-printable "}), body: in(a.charset, a.text+"\n"+fullwidth(p.Mailbox)+"\n"+p.Mailbox+"\n"+p.Name+" "+p.Phone)}
	}},
	{"L05", func(m *maker, c client, p Persona, a *about) {
		s := a.text + "\r\n" + p.Mailbox + "\r\n" + p.Name
		a.append = []node{
			c.file(m, "text/plain; charset=utf-16", a.charset, "a.txt", wide(s, true)), c.file(m, "application/octet-stream", a.charset, "b.txt", in(a.charset, s)),
			c.file(m, "application/octet-stream", a.charset, "c.txt", wide(s, false)), c.file(m, "text/csv; charset="+a.charset, a.charset, "d.csv", in(a.charset, "name,mail\r\n"+p.Name+","+p.Mailbox+"\r\n")),
			{kind: "text/plain", cte: "x-uuencode", body: []byte("begin 644 x.txt\n" + uu(p.Mailbox) + "`\nend")},
			{kind: "text/plain; charset=utf-7", cte: "7bit", body: []byte(strings.ReplaceAll(p.Mailbox, "@", "+AEA-"))},
		}
	}},
	{"L06", func(_ *maker, _ client, p Persona, a *about) {
		half := len(p.Mailbox) / 3
		a.html = "<html><head><title>" + p.Mailbox + "</title><style>.x:after{content:'" + p.Mailbox + "'} @import url(https://t.example/" + p.Mailbox + ");</style></head><body><span style=\"display:none;font-size:0\">" + p.Mailbox + "</span>" + escaped(a.text) +
			"<!-- " + p.Mailbox + " --><p>" + eachRune(p.Mailbox, "&#%d;") + "</p><p>" + p.Mailbox[:half] + "<b></b>" + p.Mailbox[half:half] + "<span style='display:none'>zz</span>" + p.Mailbox[half:] + "</p><a href=\"mailto:" + strings.ReplaceAll(p.Mailbox, "@", "%40") + "?subject=x\" title=\"" + p.Mailbox + "\">click</a><img alt=\"" + p.Mailbox + "\" src=\"https://t.example/?u=" + p.Mailbox +
			"\"><input value=\"" + p.Mailbox + "\"><a href=\"https://v.example/u?e=" + base64.StdEncoding.EncodeToString([]byte(p.Mailbox)) + "\">x</a><table><tr><td>" + p.Mailbox[:half] + "</td><td>" + p.Mailbox[half:] + "</td></tr></table><bdo dir=\"rtl\">" + backwards(p.Mailbox) + "</bdo><template>" + p.Mailbox + "</template><script>var m='" + p.Mailbox + "'</script></body></html>"
	}},
	{"L07", func(_ *maker, c client, p Persona, a *about) {
		ics := "BEGIN:VCALENDAR\r\nPRODID:-//x//" + p.Mailbox + "\r\nVERSION:2.0\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nORGANIZER;SENT-BY=\"mailto:" + p.Mailbox + "\":mailto:" + p.Alias + "\r\nATTENDEE;CN=\"" + p.Name + "\";PARTSTAT=ACCEPTED;EMAIL=" + p.Mailbox + ":mai\r\n lto:" + p.Mailbox + "\r\nUID:" + p.Mailbox + "-1\r\nDTSTART;TZID=Asia/Tokyo:20261201T100000\r\nSUMMARY:" + a.text[:3] + " " + p.Mailbox[:5] + "\r\n " + p.Mailbox[5:] + "\r\nX-ALT-DESC;FMTTYPE=text/html:<a href=mailto:" + p.Mailbox + ">\r\nCONTACT:" + p.Name + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
		a.append = []node{c.textNode("text/calendar; method=REPLY", a.charset, ics)}
	}},
	{"L08", func(m *maker, c client, p Persona, a *about) {
		a.append = []node{
			c.file(m, "text/vcard", a.charset, "card.vcf", in(a.charset, "BEGIN:VCARD\r\nFN:"+p.Name+"\r\nEMAIL:"+p.Mailbox+"\r\nTEL:"+p.Phone+"\r\nEND:VCARD\r\n")),
			c.file(m, "application/ms-tnef", a.charset, "winmail.dat", append([]byte{0x78, 0x9f, 0x3e, 0x22}, p.Mailbox...)),
			c.file(m, "image/jpeg", a.charset, "sign.jpg", jpeg(p.Mailbox)), c.file(m, "image/png", a.charset, "sign.png", png(p.Mailbox)),
			c.file(m, "image/gif", a.charset, "sign.gif", gif(p.Mailbox)), c.file(m, "image/heic", a.charset, "IMG.HEIC", []byte("\x00\x00\x00\x18ftypheic"+p.Mailbox)),
			c.file(m, "application/octet-stream", a.charset, "photo.jpg", jpeg(p.Mailbox)), c.file(m, "image/webp", a.charset, "s.webp", webp(p.Mailbox)),
		}
	}},
	{"L09", func(m *maker, c client, p Persona, a *about) {
		a.append = []node{
			c.file(m, "application/pdf", a.charset, p.Mailbox+".pdf", []byte("%PDF-1.7\n/Author("+p.Mailbox+")")),
			c.file(m, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", a.charset, p.Name+".docx", []byte("PK\x03\x04docProps/core.xml"+p.Mailbox)),
			c.file(m, "image/png", a.charset, p.Name+" "+p.Mailbox+".png", png("x"), "Content-Description: "+p.Mailbox, "Content-ID: <"+p.Mailbox+">", "Content-Location: "+p.Mailbox),
			c.file(m, "text/plain", a.charset, fullwidth(p.Mailbox)+".txt", []byte("x")),
			{kind: "text/plain", fields: []string{"Content-Disposition: attachment;\r\n filename*0*=utf-8''" + eachOctet(p.Mailbox[:5], "%%%02x") + ";\r\n filename*1=\"" + puny(p.Mailbox)[5:] + "\";\r\n filename*2=\".txt\""}, body: []byte("x")},
		}
	}},
	{"L10", func(m *maker, c client, p Persona, a *about) {
		inner := c.write(m, p, about{charset: a.charset, subject: a.subject + " " + p.Mailbox, text: a.text + "\n" + p.Mailbox, original: a.original})
		a.append = []node{{kind: "message/rfc822; name=\"" + puny(p.Mailbox) + ".eml\"", cte: "8bit", body: inner}, c.file(m, "application/octet-stream", a.charset, "fwd.eml", inner)}
	}},
	{"L11", func(_ *maker, _ client, p Persona, a *about) {
		a.fields = []string{"X-Originating-IP: 203.0.113.5", "X-Received: by 2002:a05 for <" + p.Mailbox + ">", "X-Sender: " + p.Mailbox, "Sender: " + p.Mailbox, "X-Mailer: x", "X-Authenticated-User: " + p.Mailbox}
	}},
	{"L12", func(_ *maker, _ client, p Persona, a *about) {
		a.fields = []string{"References: <" + p.Mailbox + "> <a." + p.Mailbox + ">", "Thread-Topic: " + p.Mailbox, "In-Reply-To: <1." + p.Mailbox + "> (" + p.Name + ")"}
	}},
	{"L13", func(_ *maker, _ client, p Persona, a *about) {
		a.fields = []string{"Authentication-Results: mx.example; dkim=pass header.i=" + p.Mailbox + "; spf=pass smtp.mailfrom=" + p.Mailbox, "ARC-Authentication-Results: i=1; mx; smtp.mailfrom=" + p.Mailbox, "Received-SPF: pass (mx: " + p.Mailbox + ")", "X-Google-Original-From: " + p.Mailbox}
	}},
	{"L14", func(_ *maker, _ client, p Persona, a *about) {
		a.fields = []string{"Autocrypt: addr=" + p.Mailbox + "; keydata=" + base64.StdEncoding.EncodeToString([]byte(p.Name+" <"+p.Mailbox+">")), "BIMI-Selector: v=BIMI1; s=x"}
		a.text += "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: " + p.Mailbox + "\n\n" + inBase64([]byte("key of "+p.Name+" <"+p.Mailbox+">")) + "\n-----END PGP PUBLIC KEY BLOCK-----\n"
		a.append = []node{{kind: "application/pkcs7-signature; name=smime.p7s", cte: "base64", body: []byte("rfc822Name " + p.Mailbox)}, {kind: "application/pgp-keys; name=key.asc", cte: "7bit", body: []byte(p.Mailbox)}}
	}},
	{"L15", func(_ *maker, c client, p Persona, a *about) {
		a.fields = []string{"Reply-To: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(p.Mailbox)) + "?= <" + puny(p.Mailbox) + ">", "Sender: x (" + p.Mailbox + ")", "Cc: undisclosed: " + p.Mailbox + ";"}
		a.subject = a.subject + " (" + p.Mailbox + ")"
		a.text += "\n" + word(a.charset, p.Name+" "+p.Mailbox, c.q, false)
	}},
	{"L16", func(_ *maker, _ client, p Persona, a *about) {
		for _, f := range []string{"Bcc", "Resent-From", "Resent-To", "Delivered-To", "Envelope-To", "X-Original-To", "X-Forwarded-To", "X-Forwarded-For", "Reply-To"} {
			a.fields = append(a.fields, f+": "+p.Second, f+": "+p.Mailbox)
		}
		a.text += p.fill("\n%2\n" + strings.ReplaceAll(p.Second, "@", " (at) "))
	}},
	{"L17", func(_ *maker, _ client, p Persona, a *about) {
		a.original = p.fill("<%m>\nMAIL FROM:<%m> AUTH=<%m> ORCPT=rfc822;%m")
	}},
	{"L18", func(_ *maker, _ client, p Persona, a *about) {
		a.cc = p.fill("%n <%2>, \"%r\" <%m>")
		a.text += p.fill("\nCc: %n <%2>\n")
	}},
	{"L19", func(_ *maker, _ client, p Persona, a *about) {
		a.from = p.Second
		a.text += p.fill("\n-- \n%n\n%2 / %m")
	}},
	{"L20", func(_ *maker, _ client, p Persona, a *about) {
		a.text += p.fill("\n%m に返信してください。\nTel: %t / LINE: ") + p.Line + "\n" + p.Member + "\n" + spacedPhone(p.Phone) + "\nthird.party@elsewhere.example"
	}},
	{"L21", func(_ *maker, _ client, p Persona, a *about) {
		a.replace = dsn(p, "rfc822;"+p.Mailbox, "550 5.1.1 unknown")
	}},
	{"L22", func(_ *maker, _ client, p Persona, a *about) { a.replace = dsn(p, "rfc822;"+p.Alias, "x") }},
	{"L23", func(_ *maker, _ client, p Persona, a *about) {
		a.replace = dsn(p, "rfc822;"+p.Alias, "smtp; 550 <"+p.Mailbox+"> unknown user "+p.Name)
	}},
	{"L24", func(_ *maker, _ client, p Persona, a *about) {
		a.replace = dsn(p, "rfc822;"+p.Second, "550 <"+p.Second+"> full")
	}},
	{"L25", func(_ *maker, _ client, p Persona, a *about) {
		a.text = p.fill(map[string]string{"ja": "ただいま不在にしております。\n%n（%m）は12月1日に戻ります。お急ぎの方は %t まで。", "ko": "부재중입니다. %n(%m)은 12월 1일에 복귀합니다. 급한 용무는 %t", "zh": "%n（%m）外出，12月1日返回。电话 %t", "en": "I am out of office. %r (%m) is back on 1 December. Call %t"}[p.Language])
	}},
	{"L26", func(_ *maker, _ client, p Persona, a *about) {
		a.fields = []string{"Disposition-Notification-To: " + p.Mailbox, "Return-Receipt-To: " + p.Mailbox, "X-Confirm-Reading-To: " + p.Mailbox}
		a.replace = &node{kind: "multipart/report; report-type=disposition-notification", parts: []node{{kind: "text/plain", body: []byte("read by " + p.Mailbox)}, {kind: "message/disposition-notification", body: []byte("Final-Recipient: rfc822;" + p.Mailbox + "\nDisposition: manual-action/MDN-sent-manually; displayed\n")}}}
	}},
	{"L27", func(m *maker, _ client, p Persona, a *about) {
		links := []string{"https://vendor.example/u?email=" + strings.ReplaceAll(p.Mailbox, "@", "%40"), "https://vendor.example/u/" + base64.RawURLEncoding.EncodeToString([]byte(p.Mailbox)), "mailto:unsub-" + strings.ReplaceAll(p.Mailbox, "@", "=") + "@bounce.vendor.example", "https://t.example/c?d=" + strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte("{\"m\":\""+p.Mailbox+"\"}")), "=", "%3D")}
		a.fields = []string{"List-Unsubscribe: <" + links[m.IntN(len(links))] + ">"}
		a.original += "\n" + strings.Join(links, "\n")
	}},
	{"L28", func(_ *maker, _ client, p Persona, a *about) {
		a.text = p.fill("Your mail to %m is held. To prove that you are human, answer this mail or click https://spam.example/release?to=%m&id=1\n")
		a.fields = []string{"Auto-Submitted: auto-replied"}
	}},
	{"L29", func(_ *maker, _ client, p Persona, a *about) {
		a.html = "<html><body>" + escaped(a.text) + "<img width=1 height=1 src=\"https://t.example/o/" + p.Mailbox + "\"><a ping=\"https://t.example/" + p.Mailbox + "\" href=\"https://t.example/c?r=" + eachOctet(p.Mailbox, "%%%02X") + "\">link</a><div style=\"background:url(https://t.example/" + p.Mailbox + ")\">x</div></body></html>"
	}},
	{"L30", func(_ *maker, _ client, p Persona, a *about) {
		a.replace = &node{kind: "multipart/alternative", parts: []node{
			{kind: "text/x-amp-html", body: []byte("<html amp4email><body>" + p.Mailbox + "</body></html>")},
			{kind: "text/html; charset=utf-8", cte: "base64", body: []byte("<link rel=stylesheet href=\"https://f.example/" + p.Mailbox + "\"><svg><image href=\"https://f.example/" + p.Mailbox + "\"/><text>" + p.Mailbox + "</text></svg><p>" + escaped(a.text) + "</p><math><mtext>" + p.Mailbox + "</mtext></math>")},
		}}
	}},
	{"L31", func(_ *maker, _ client, p Persona, a *about) {
		stop, page := "https://hub.example/u/"+p.Token, "https://hub.example/my/"+p.Token
		a.fields = []string{"List-Unsubscribe: <" + stop + ">"}
		a.original += "\n" + stop + "\n" + page[:60] + "\n" + page[60:]
		a.html = "<html><body>" + escaped(a.text) + "<blockquote><a href=\"" + page + "\">" + stop + "</a></blockquote></body></html>"
	}},
}

func spacedPhone(e164 string) string { return "0" + e164[3:5] + " - " + e164[5:9] + " - " + e164[9:] }

func dsn(p Persona, final, diagnostic string) *node {
	return &node{kind: "multipart/report; report-type=delivery-status", parts: []node{
		{kind: "text/plain; charset=us-ascii", body: []byte("This is the mail system. <" + p.Mailbox + ">: host said: " + diagnostic)},
		{kind: "message/delivery-status", body: []byte("Reporting-MTA: dns; mx." + domainOf(puny(p.Mailbox)) + "\n\nOriginal-Recipient: rfc822;" + p.Mailbox + "\nFinal-Recipient: " + final + "\nX-Actual-Recipient: " + p.Mailbox + "\nAction: failed\nDiagnostic-Code: " + diagnostic + "\n")},
		{kind: "message/rfc822", body: []byte("Delivered-To: " + p.Mailbox + "\nTo: " + p.Name + " <" + p.Mailbox + ">\nSubject: x\n\n" + p.Mailbox)},
	}}
}

func uu(s string) string {
	for len(s)%3 > 0 {
		s += "\x00"
	}
	var b strings.Builder
	b.WriteByte(byte(' ' + len(s))) //nolint:gosec // a line has at most 45
	for i := 0; i < len(s); i += 3 {
		v := uint(s[i])<<16 | uint(s[i+1])<<8 | uint(s[i+2])
		for shift := 18; shift >= 0; shift -= 6 {
			b.WriteByte(byte(' ' + v>>shift&63))
		}
	}
	return b.String() + "\n"
}

// jpeg is built like a photograph: Exif, XMP and a comment that hold secret, and
// octets behind the end.
func jpeg(secret string) []byte {
	segment := func(marker byte, s string) string {
		return "\xff" + string([]byte{marker}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(s)+2))) + s //nolint:gosec // short
	}
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00" + secret
	return []byte("\xff\xd8" + segment(0xe0, "JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00") + segment(0xe1, exif) + segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+secret) + segment(0xfe, secret) + segment(0xed, "Photoshop 3.0\x00"+secret) +
		segment(0xdb, strings.Repeat("\x01", 65)) + segment(0xc0, "\x08\x00\x01\x00\x01\x01\x01\x11\x00") + segment(0xda, "\x01\x01\x00\x00\x3f\x00") + "\x12\xff\x00\x34\xff\xd9" + secret)
}

func png(secret string) []byte {
	chunk := func(name, s string) string {
		b := append([]byte(name), s...)
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), b...) //nolint:gosec // short
		return string(binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(b)))
	}
	return []byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", "\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00") + chunk("tEXt", "Author\x00"+secret) + chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+secret) + chunk("eXIf", "MM\x00*"+secret) + chunk("IDAT", "x\x9cc\x00\x00\x00\x02\x00\x01") + chunk("IEND", "") + secret)
}

func gif(secret string) []byte {
	return []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xfe" + string([]byte{byte(len(secret))}) + secret + "\x00!\xff\x0bXMP DataXMP" + string([]byte{byte(len(secret))}) + secret + "\x00!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;" + secret) //nolint:gosec // short
}

func webp(secret string) []byte {
	chunk := func(name, s string) string {
		s = name + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s //nolint:gosec // short
		return s + strings.Repeat("\x00", len(s)%2)
	}
	body := "WEBP" + chunk("VP8X", "\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00") + chunk("VP8L", "\x2f\x00\x00\x00\x00\x07") + chunk("EXIF", secret) + chunk("XMP ", secret)
	return []byte("RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body) //nolint:gosec // short
}
