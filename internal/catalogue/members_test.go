package catalogue_test

import (
	"cmp"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/text"
	"github.com/engawa/engawa/internal/vectors"
)

// What a customer and a contract are in an event's data.
const (
	m = "m:object m.id m.name m.name_kana? m.email m.stage "
	c = "c:object c.id c.type c.name c.status c.started_on:date c.period_ends_on?:date c.price:integer c.currency c.payment_method "
	// gateway is what a payment service says of a failure.
	gateway = "gateway:object gateway.name gateway.code gateway.decline_code gateway.message "
	mail    = "address_ref m?:object message:object message.id message.subject message.template "
)

// expected is what each event tells, as the reference has it (§2.2): written from
// there, not from the schemas. A member is a text if nothing else is said; after
// ? it may be missing; = lists what it may be.
var expected = map[string]string{
	"member.provisional":             m + "via:object via.page_id via.url link_expires_at:date-time",
	"member.registered":              m + "provisional_at:date-time",
	"mail.bounced":                   mail + "code reason permanent:boolean",
	"mail.blocked":                   mail + "code reason permanent:boolean",
	"mail.complained":                mail,
	"site.maintenance.changed":       "enabled:boolean by message?",
	"application.completed":          m + "page:object page.id page.title offer?:object offer.is_one_time:boolean offer.position:integer offer.parent_application_id items:array " + c + "amount_first:integer amount_monthly?:integer currency payment:object payment.method payment.status custom_fields:object plan_ids:array",
	"payment.application.failed":     "m?:object page:object page.id page.title amount:integer currency " + gateway + "attempt:integer",
	"payment.recurring.failed":       m + c + "amount:integer currency billing_date:date " + gateway + "attempt:integer next_attempt_at?:date-time",
	"payment.recurring.recovered":    m + c + "amount:integer currency failed_since:date-time paid_at:date-time",
	"contract.termination.reserved":  m + c + "actor effective_on:date reason?",
	"contract.termination.withdrawn": m + c + "actor",
	"contract.terminated":            m + c + "ended_on:date cause=reserved,admin,unpaid",
	"contract.suspended":             m + c + "cause=unconfirmed_payment,card_failed,admin",
	"contract.resumed":               m + c + "actor suspended_since:date-time",
	"contract.cancelled":             "refund=none,auto,manual",
}

// held are the members without which an event is refused; all others may be
// missing (docs/decisions/0013-members-of-events.md).
var held = map[string][]string{
	"site.maintenance.changed":      {"enabled"},
	"application.completed":         {"offer.is_one_time"},
	"contract.termination.reserved": {"effective_on"},
}

// known is a member as the reference has it.
type known struct {
	path, kind string
	may        []string // the values that it may have at least
	missing    bool     // it may be missing
}

var memberText = regexp.MustCompile(`^([a-z_.]+)(\?)?(?::([a-z-]+)|=([a-z_,]+))?$`)

func membersOf(t *testing.T, text string) (all []known) {
	t.Helper()
	for one := range strings.FieldsSeq(text) {
		p := memberText.FindStringSubmatch(one)
		if p == nil {
			t.Fatalf("%q is no member", one)
		}
		k := known{path: p[1], missing: p[2] != "", kind: cmp.Or(p[3], "string")}
		if p[4] != "" {
			k.may = strings.Split(p[4], ",")
		}
		all = append(all, k)
	}
	return all
}

// TestMembers holds the schemas and the samples against what the reference says
// of each event: every member is described, with its type; the samples show all
// that is not optional; and what is required is what was decided.
func TestMembers(t *testing.T) {
	for name, text := range expected {
		typ, ok := catalogue.Find(name)
		if !ok {
			t.Errorf("there is no %s", name)
			continue
		}
		fields, optional := typ.Schema.Fields(), map[string]bool{}
		for _, want := range membersOf(t, text) {
			optional[want.path] = want.missing || optional[parent(want.path)]
			i := slices.IndexFunc(fields, func(f catalogue.Field) bool { return f.Path == want.path })
			if i < 0 {
				t.Errorf("%s: %s is not described", name, want.path)
				continue
			}
			f := fields[i]
			if kind := cmp.Or(f.Format, f.Type); kind != want.kind {
				t.Errorf("%s: %s is a %s, the reference has %s", name, f.Path, kind, want.kind)
			}
			for _, v := range want.may {
				if !slices.Contains(f.Enum, v) {
					t.Errorf("%s: %s may not be %q", name, f.Path, v)
				}
			}
			if !optional[want.path] && !shown(typ, want.path) {
				t.Errorf("%s: no sample shows %s", name, want.path)
			}
		}
		var required []string
		for _, f := range fields {
			if f.Required {
				required = append(required, f.Path)
			}
		}
		if !slices.Equal(required, held[name]) {
			t.Errorf("%s: required are %v, decided was %v", name, required, held[name])
		}
		if err := typ.Schema.Check([]byte(`{}`)); (err == nil) != (len(held[name]) == 0 || strings.Contains(held[name][0], ".")) {
			t.Errorf("%s without anything: %v", name, err)
		}
		for _, f := range fields {
			if !strings.HasPrefix(f.Path, "m.") && slices.Contains([]string{"email", "name_kana", "phone", "postal"}, f.Path[strings.LastIndexByte(f.Path, '.')+1:]) {
				t.Errorf("%s: %s is personal data outside of m", name, f.Path)
			}
		}
	}
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)]
}

// shown reports whether a sample of the type has the member; of a customer and a
// contract each source tells what it has, and a sample at least which.
func shown(typ catalogue.Type, path string) bool {
	if of := parent(path); (of == "m" || of == "c") && path != of+".id" && path != of+".name" {
		return true
	}
	samples := [][]byte{typ.Sample}
	for _, v := range typ.Variants {
		samples = append(samples, v.Sample)
	}
	return slices.ContainsFunc(samples, func(s []byte) bool {
		var at any
		_ = json.Unmarshal(s, &at) // TestTypes has read it
		for name := range strings.SplitSeq(path, ".") {
			o, _ := at.(map[string]any)
			at = o[name]
		}
		return at != nil
	})
}

// TestReferenceIsRead: each type of the reference's tables is in the list above,
// with each word of its data.
func TestReferenceIsRead(t *testing.T) {
	path := vectors.Path(t, "reference", "chatwork-zendesk-smaregi-luxliner.md")
	if path == "" {
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "### 2.2 ")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(section, -1)
	for _, row := range rows {
		if row[2] == "as above" {
			row[2] = "address_ref, message"
		}
		data := regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(row[2], "")
		for _, word := range regexp.MustCompile(`[a-z_]+`).FindAllString(data, -1) {
			if !regexp.MustCompile(`(^|[ .=,])` + word + `($|[ .?:=,])`).MatchString(expected[row[1]]) {
				t.Errorf("%s: %s is not in the list", row[1], word)
			}
		}
	}
	if len(rows) != 15 {
		t.Errorf("%d rows were read", len(rows))
	}
}

// cards are the words by which data of a card would be called.
var cards = []string{
	"card", "cardholder", "holder", "number", "pan", "last4", "last", "brand", "bin", "iin", "track", "pin", "cvc", "cvc2", "cvv", "cvv2", "csc", "cid", "cvn", "security",
	"expiry", "expire", "expires", "expiration", "exp",
}

// others are names with a word of cards that tell of no card: the end of a
// subscription and why it ended, and of a link.
var others = []string{"expires_at", "expiration_reason", "link_expires_at"}

// hump is where a word ends in a name like cardNumber.
var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// ofCard reports whether a name, or a part of a path, is what data of a card would be called.
func ofCard(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "."), func(name string) bool {
		words := strings.Split(strings.ToLower(hump.ReplaceAllString(name, "${1}_$2")), "_")
		return !slices.Contains(others, name) && slices.ContainsFunc(words, func(word string) bool { return slices.Contains(cards, word) })
	})
}

// TestNoCardData: no event of the catalogue has a place for the data of a card, no sample
// shows any, and no notice asks for it.
func TestNoCardData(t *testing.T) {
	for name, is := range map[string]bool{"card.number": true, "gateway.cardNumber": true, "m.exp_month": true, "payment.cvc": true, "holder_name": true, "gateway.card_last4": true, "m.name": false, "link_expires_at": false, "company": false} {
		if ofCard(name) != is {
			t.Errorf("%s is taken for a card's: %v", name, !is)
		}
	}
	w, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range catalogue.Types() {
		for _, f := range typ.Schema.Fields() {
			if ofCard(f.Path) {
				t.Errorf("%s has the member %s", typ.Name, f.Path)
			}
		}
		for _, s := range stories(typ) {
			var sample any
			if err := json.Unmarshal(s.sample, &sample); err != nil {
				t.Fatal(err)
			}
			for _, name := range namesIn(sample) {
				if ofCard(name) {
					t.Errorf("the sample of %s has %s", s.name, name)
				}
			}
			for l, words := range w.DefaultTemplate(s.name).Words {
				variables := text.Variables(words)
				if !slices.Contains(variables, "event.id") {
					t.Errorf("the notice of %s in %s has the variables %q", s.name, l, variables)
				}
				for _, name := range variables {
					if ofCard(name) {
						t.Errorf("the notice of %s in %s asks for %s", s.name, l, name)
					}
				}
			}
		}
	}
}

// namesIn are the names of all members of a JSON value, of those within too.
func namesIn(v any) (names []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			names = append(append(names, name), namesIn(in)...)
		}
	case []any:
		for _, in := range v {
			names = append(names, namesIn(in)...)
		}
	}
	return names
}
