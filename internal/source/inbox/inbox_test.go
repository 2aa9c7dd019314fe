package inbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/letter"
)

func read(t *testing.T, raw string) *letter.Letter {
	t.Helper()
	l, err := letter.Read([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func text(t *testing.T, ps ...Pattern) string {
	t.Helper()
	s, err := Text(ps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func suspended() Pattern {
	return Pattern{
		Name: "停止", From: "@luxliner.example", Subject: "停止", Type: "contract.suspended",
		Body: `■ 顧客データ\s+(?P<name>.+)\s+(?P<mail>\S+@\S+)[\s\S]*■ 契約データ\s+(?P<contract>.+)`,
		Data: map[string]string{"contract": "contract", "name": "name"}, Customer: &Customer{By: "address", Group: "mail"},
	}
}

// TestNotice: an admin notice as a Japanese system mails it becomes an event.
func TestNotice(t *testing.T) {
	body, err := japanese.ISO2022JP.NewEncoder().String("以下の契約が停止されました。\r\n\r\n■ 顧客データ\r\n山田 花\r\nHana@Customer.example\r\n\r\n■ 契約データ\r\n年額プラン\r\nクレジットカード\r\n")
	if err != nil {
		t.Fatal(err)
	}
	raw := "From: info@luxliner.example\r\nSubject: =?utf-8?b?5aWR57SE44GM5YGc5q2i44GV44KM44G+44GX44Gf?=\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + body
	f, err := Read(map[string]string{"patterns": text(t, Pattern{Name: "other", Subject: "解約", Type: "contract.terminated"}, suspended())}, read(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]string
	if err := json.Unmarshal(f.Data, &data); err != nil {
		t.Fatal(err)
	}
	if f.Pattern != "停止" || f.Type != "contract.suspended" || data["contract"] != "年額プラン" || data["name"] != "山田 花" || f.Address != "hana@customer.example" || len(data) != 3 {
		t.Errorf("%s: %v", f, data)
	}
	if s := fmt.Sprintf("%v %+v", f, f); strings.Contains(s, "hana") || strings.Contains(s, "山田") {
		t.Errorf("it prints %s", s)
	}
}

func TestOrder(t *testing.T) {
	l := read(t, "From: a@b.example\n\nx 12 y")
	ps := []Pattern{
		{Name: "1", From: "@example", Type: "a.one"},
		{Name: "2", From: "a@b.example.evil", Type: "a.two"},
		{Name: "3", Subject: "x", Type: "a.three"},
		{Name: "4", From: "A@B.example", Body: `x (?P<n>\d+)`, Type: "a.four", Customer: &Customer{By: "identity", Issuer: "business", Kind: "member_number", Group: "n"}},
		{Name: "5", Body: "x", Type: "a.five"},
	}
	ps, err := Parse(text(t, ps...))
	if err != nil {
		t.Fatal(err)
	}
	f := Match(ps, l)
	if f.Pattern != "4" || f.Identity != (engawa.Identity{Issuer: "business", Kind: "member_number", Value: "12"}) {
		t.Errorf("%s fits", f)
	}
	if f := Match(ps[:3], l); f.Type != Unrecognized || !strings.Contains(string(f.Data), "x 12 y") {
		t.Errorf("%s with %s", f, f.Data)
	}
}

// TestRefusedPatterns: what could never work, or work for ever, is not saved.
func TestRefusedPatterns(t *testing.T) {
	many := make([]Pattern, MaxPatterns+1)
	for i := range many {
		many[i] = Pattern{Name: fmt.Sprint(i), Subject: "x", Type: "a.b"}
	}
	fields := map[string]string{}
	for i := range MaxFields + 1 {
		fields[fmt.Sprint("f", i)] = "x"
	}
	with := func(change func(*Pattern)) string {
		p := suspended()
		change(&p)
		return text(t, p)
	}
	for name, s := range map[string]string{
		"no JSON": "x", "no list": "{}", "two lists": "[] []", "an unknown field": `[{"name":"x","subject":"x","type":"a.b","exec":"rm"}]`, "too long": strings.Repeat(" ", MaxSize+1),
		"too many": text(t, many...), "two of one name": text(t, suspended(), suspended()),
		"no name": with(func(p *Pattern) { p.Name = "" }), "a long name": with(func(p *Pattern) { p.Name = strings.Repeat("x", 81) }),
		"a type of ours": with(func(p *Pattern) { p.Type = Unrecognized }), "no type": with(func(p *Pattern) { p.Type = "" }), "a word for a type": with(func(p *Pattern) { p.Type = "suspended" }),
		"every mail": text(t, Pattern{Name: "x", Type: "a.b"}), "two senders": with(func(p *Pattern) { p.From = "a@b c@d" }),
		"a broken expression": with(func(p *Pattern) { p.Body = "(" }), "back references": with(func(p *Pattern) { p.Subject = `(x)\1` }), "a look ahead": with(func(p *Pattern) { p.Subject = "(?=x)" }),
		"a long expression": with(func(p *Pattern) { p.Subject = strings.Repeat("x", MaxPattern+1) }), "repetitions of repetitions": with(func(p *Pattern) { p.Subject = "((((a{1,100}){1,100}){1,100}){1,100})" }),
		"a large one": with(func(p *Pattern) { p.Subject = strings.Repeat(`\pL{900}`, 100) }), "no such group": with(func(p *Pattern) { p.Data["x"] = "none" }), "a field with a dot": with(func(p *Pattern) { p.Data["a.b"] = "name" }),
		"many fields": with(func(p *Pattern) { p.Data = fields }), "a customer by name": with(func(p *Pattern) { p.Customer.By = "name" }), "a customer by no group": with(func(p *Pattern) { p.Customer.Group = "none" }),
		"a number of nobody": with(func(p *Pattern) { p.Customer = &Customer{By: "identity", Group: "name"} }),
	} {
		if _, err := Parse(s); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if _, err := Kind.Check(map[string]string{"patterns": s}); err == nil {
			t.Errorf("%s was saved", name)
		}
	}
	if _, err := Kind.Check(map[string]string{"patterns": text(t, suspended())}); err != nil {
		t.Error(err)
	}
}

// TestBounded: a large mail and an expression that is slow elsewhere take little
// time, and what is taken out is cut.
func TestBounded(t *testing.T) {
	ps, err := Parse(text(t, Pattern{Name: "x", Body: `(?P<all>(a|aa)+)b?$`, Type: "a.b", Data: map[string]string{"all": "all"}}))
	if err != nil {
		t.Fatal(err)
	}
	l := read(t, "From: a@b.example\n\n"+strings.Repeat("a", 1<<20))
	started := time.Now()
	f := Match(ps, l)
	if time.Since(started) > 5*time.Second {
		t.Errorf("it took %s", time.Since(started))
	}
	if len(f.Data) > 2*MaxValue {
		t.Errorf("%d octets are taken out", len(f.Data))
	}
}

// TestProved: a sender is believed by the topmost word of the trusted server alone.
func TestProved(t *testing.T) {
	pass := "Authentication-Results: mx.hinata.example; dkim=pass header.d=luxliner.example"
	for _, c := range []struct {
		name, proof, head string
		want              bool
	}{
		{"nothing asked", ProofNone, "", true},
		{"not set", "", "", true},
		{"signed", ProofDKIM, pass, true},
		{"signed by the domain above", ProofDKIM, strings.ReplaceAll(pass, "header.d=luxliner.example", "header.d=example.jp"), false},
		{"no word", ProofDKIM, "", false},
		{"another server's word", ProofDKIM, strings.Replace(pass, "mx.hinata", "mx.other", 1), false},
		{"a word that came along below", ProofDKIM, "Authentication-Results: mx.hinata.example; dkim=none\r\n" + pass, false},
		{"signed by another domain", ProofDKIM, strings.Replace(pass, "luxliner.example", "evil.example", 1), false},
		{"signed by a part of a label", ProofDKIM, strings.Replace(pass, "header.d=luxliner.example", "header.d=liner.example", 1), false},
		{"a top-level domain", ProofDKIM, strings.Replace(pass, "header.d=luxliner.example", "header.d=example", 1), false},
		{"failed", ProofDKIM, strings.Replace(pass, "pass", "fail", 1), false},
		{"SPF where DKIM is asked", ProofDKIM, "Authentication-Results: mx.hinata.example; spf=pass smtp.mailfrom=x@luxliner.example", false},
		{"SPF", ProofAny, "Authentication-Results: mx.hinata.example; spf=pass smtp.mailfrom=x@luxliner.example", true},
		{"SPF of another", ProofAny, "Authentication-Results: mx.hinata.example; spf=pass smtp.mailfrom=x@evil.example", false},
		{"not a field of its kind", ProofAny, "Authentication-Results: ;;;", false},
	} {
		raw := c.head
		if raw != "" {
			raw += "\r\n"
		}
		l := read(t, raw+"From: info@luxliner.example\r\nSubject: 停止\r\n\r\nx")
		settings := map[string]string{"proof": c.proof, "authserv_id": "MX.hinata.example", "patterns": text(t, Pattern{Name: "x", Subject: "停止", Type: "a.b"})}
		f, err := Read(settings, l)
		if err != nil || (f.Pattern != "") != c.want || f.Unproved == c.want {
			t.Errorf("%s: %s, unproved %t, %v", c.name, f, f.Unproved, err)
		}
	}
	two := read(t, pass+"\r\nFrom: info@luxliner.example\r\nFrom: x@evil.example\r\n\r\nx")
	if Proved(map[string]string{"proof": ProofDKIM, "authserv_id": "mx.hinata.example"}, two) {
		t.Error("one of two senders is proved")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{"name":"x","from":"@b.example","subject":"x","body":"(?P<n>\\d+)","type":"a.b","data":{"n":"n"},"customer":{"by":"address","group":"n"}}]`, "From: a@b.example\n\n12")
	f.Fuzz(func(t *testing.T, patterns, raw string) {
		ps, err := Parse(patterns)
		if err != nil {
			return
		}
		l, err := letter.Read([]byte(raw))
		if err != nil {
			return
		}
		if found := Match(ps, l); found.Type == "" || !json.Valid(found.Data) {
			t.Errorf("%s with %q", found, found.Data)
		}
	})
}
