package listform

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// What an event asks of the list. A form can register; the rest is a person's.
const (
	register = channel.Register
	change   = "change"
	remove   = "remove"
)

// acts are the events that bear on the list.
var acts = map[string]string{
	"member.provisional":    register,
	"application.completed": register,
	"member.updated":        change,
	"member.deleted":        remove,
	"contract.terminated":   remove,
	"contract.cancelled":    remove,
	"payment.refunded":      remove,
	"mail.complained":       remove,
}

// eventsOf are the events that ask for an act, in order.
func eventsOf(act string) []string {
	var out []string
	for event, a := range acts {
		if a == act {
			out = append(out, event)
		}
	}
	slices.Sort(out)
	return out
}

// said is what a message tells the channel: what happened, with which products and
// for which plans, to somebody of which name.
type said struct {
	event, name, kana string
	products, plans   []string
}

// words puts an event into lines that reading takes apart again. A template may
// write them too. There is no address in them: it comes from the contact point.
func words(ev engawa.Event) engawa.Content {
	var d struct {
		M struct {
			Name string `json:"name"`
			Kana string `json:"name_kana"`
		} `json:"m"`
		C       product   `json:"c"`
		Product string    `json:"product"`
		Items   []product `json:"items"`
		Plans   planIDs   `json:"plan_ids"`
	}
	_ = json.Unmarshal(ev.Data, &d) // what is in another shape names nothing; the rest is read
	out := []string{"event: " + ev.Type}
	add := func(key, value string) {
		line := key + ": " + strings.Join(strings.Fields(value), " ")
		if strings.TrimSpace(value) != "" && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	add("name", d.M.Name)
	add("kana", d.M.Kana)
	add("product", d.Product)
	for _, p := range append([]product{d.C}, d.Items...) {
		add("product", p.Product)
		add("product", p.Type)
		add("product", p.Name)
	}
	for _, id := range d.Plans {
		add("plan", id)
	}
	return engawa.Content{Text: strings.Join(out, "\n")}
}

// product is what a contract or an item may be known by.
type product struct {
	Product string `json:"product"`
	Type    string `json:"type"`
	Name    string `json:"name"`
}

// planIDs are a list, or the one word that a pattern takes out of a mail; of
// another shape they are none.
type planIDs []string

func (ids *planIDs) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*ids = planIDs{one}
		return nil
	}
	_ = json.Unmarshal(b, (*[]string)(ids)) // an error would end the reading of all else
	return nil
}

// reading reads what words wrote. Lines that it does not know are labels and
// footers that a law asks for in words to people.
func reading(c engawa.Content) said {
	var s said
	for l := range strings.SplitSeq(c.Text, "\n") {
		key, value, ok := strings.Cut(l, ":")
		if value = strings.TrimSpace(value); !ok || value == "" {
			continue
		}
		switch strings.TrimSpace(key) {
		case "event":
			s.event = value
		case "name":
			s.name = value
		case "kana":
			s.kana = value
		case "product":
			s.products = append(s.products, value)
		case "plan":
			s.plans = append(s.plans, value)
		}
	}
	return s
}

// plans are the plan ids that an event is about: the one of all customers, or
// those that it names itself, being the business's own word, and then those of the products.
func plans(set channel.Settings, s said) []string {
	if s.event == "member.provisional" {
		return lines(set["plan_id"])
	}
	out := slices.Clone(s.plans)
	for _, p := range pairs(set["products"]) {
		if p[1] != "" && slices.Contains(s.products, p[0]) && !slices.Contains(out, p[1]) {
			out = append(out, p[1])
		}
	}
	return out
}

// planned are the plan ids that a message is about; none: every one.
func planned(set channel.Settings, c engawa.Content) []string { return plans(set, reading(c)) }

// lists are the plan ids of every list that somebody may be on.
func lists(set channel.Settings, s said) []string {
	if of := plans(set, s); len(of) > 0 {
		return of
	}
	out := lines(set["plan_id"])
	for _, p := range pairs(set["products"]) {
		if p[1] != "" && !slices.Contains(out, p[1]) {
			out = append(out, p[1])
		}
	}
	return out
}

// Reasons why a person has to register somebody. Their words are "note.…".
const (
	nameMissing   = "name_missing"
	nameNotSplit  = "name_not_split"
	kanaMissing   = "kana_missing"
	notEncodable  = "not_encodable"
	notAChoice    = "not_a_choice"
	refusedByForm = "form_refused"
	morePlans     = "more_plans"
)

// values are what goes into which input, or the reason why a person must decide.
// A name is split at its space or not at all, and never rewritten.
func values(set channel.Settings, s said, to engawa.Address, name, plan string) (out [][2]string, why string) {
	if s.name != "" {
		name = s.name
	}
	put := func(key, value, missing string) {
		if set[key] == "" || why != "" {
			return
		}
		if value == "" {
			why = missing
		}
		out = append(out, [2]string{set[key], value})
	}
	family, given := split(name)
	kanaFamily, kanaGiven := split(s.kana)
	put("mail", to.Reveal(), nameMissing)
	put("name", name, nameMissing)
	put("family", family, nameNotSplit)
	put("given", given, nameNotSplit)
	put("kana", s.kana, kanaMissing)
	put("kana_family", kanaFamily, kanaMissing)
	put("kana_given", kanaGiven, kanaMissing)
	put("plan", plan, nameMissing)
	return append(out, pairs(set["constants"])...), why
}

// split takes a name apart at its one space, ASCII or ideographic.
func split(name string) (family, given string) {
	if parts := strings.Fields(name); len(parts) == 2 {
		return parts[0], parts[1]
	}
	return "", ""
}

// typed is what a person types into the list's own screens instead of us.
func typed(set channel.Settings, c engawa.Content, name string, to engawa.Address) (act string, out []channel.Typed) {
	s := reading(c)
	if s.name != "" {
		name = s.name
	}
	ids := plans(set, s)
	if act = acts[s.event]; act != register {
		ids = lists(set, s)
	}
	if act == "" {
		return "", nil
	}
	put := func(key, value string) {
		if value != "" && (act != register || takes(set, key)) {
			out = append(out, channel.Typed{Key: key, Value: engawa.Address(value)})
		}
	}
	put("mail", to.Reveal())
	put("name", name)
	put("kana", s.kana)
	put("plan", strings.Join(ids, ", "))
	return act, out
}

// takes reports whether the list takes what is typed under a key: where the form's
// inputs are chosen, what none of them is for.
func takes(set channel.Settings, key string) bool {
	switch {
	case set["mail"] == "", key == "mail", key == "plan":
		return true
	case key == "name":
		return set["name"]+set["family"]+set["given"] != ""
	}
	return set["kana"]+set["kana_family"]+set["kana_given"] != ""
}
