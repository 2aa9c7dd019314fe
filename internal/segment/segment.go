// Package segment knows what a condition on customers may say and what it means:
// it reads conditions, says what is wrong with them, and holds them against what is
// known of a customer. The store asks the same of all customers at once.
package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/store"
)

// Limits of a condition.
const (
	MaxTraits = 50   // in all
	MaxDepth  = 4    // of groups in groups
	MaxDays   = 3650 // that are looked back
	MaxText   = 200  // letters of a value
)

// Traits are what may be asked, in the order in which they are offered.
var Traits = []engawa.Trait{
	engawa.TraitTag, engawa.TraitSubscription, engawa.TraitConsent, engawa.TraitContact, engawa.TraitRelationship, engawa.TraitActive,
	engawa.TraitLocale, engawa.TraitCountry, engawa.TraitKind, engawa.TraitMinor, engawa.TraitCreatedAfter, engawa.TraitCreatedBefore,
}

// Of is the selection of those of whom a condition holds now.
func Of(workspace string, c engawa.Condition) store.Selection {
	return store.Selection{Workspace: workspace, Where: c, Now: time.Now(), Idle: catalogue.Idle()}
}

// Parse reads a condition as it is written in JSON, and checks it.
func Parse(field string, text []byte) (c engawa.Condition, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err = d.Decode(&c); err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind it")
		}
	}
	if err != nil {
		return c, engawa.Invalid(field, `write {"all": […]}, {"any": […]} or one trait, such as {"is": "tag", "value": "vip"}`, "this is no condition: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return Check(field, c)
}

// Check says what is wrong with a condition, and returns it as it is kept: tags are
// tidied. field is where it stands.
func Check(field string, c engawa.Condition) (engawa.Condition, error) {
	k := check{}
	c, err := k.condition(field, c, 1)
	if err == nil && k.traits > MaxTraits {
		err = engawa.Invalid(field, fmt.Sprintf("ask %d at most", MaxTraits), "the condition asks %d things", k.traits)
	}
	return c, err
}

type check struct{ traits int }

func (k *check) condition(field string, c engawa.Condition, depth int) (engawa.Condition, error) {
	group := len(c.All) > 0 || len(c.Any) > 0
	switch {
	case depth > MaxDepth:
		return c, engawa.Invalid(field, fmt.Sprintf("put groups %d deep at most", MaxDepth), "groups stand %d deep in one another", depth)
	case len(c.All) > 0 && len(c.Any) > 0:
		return c, engawa.Invalid(field, "put one of them into the other", "a group says both all and any")
	case group && c.Is != "":
		return c, engawa.Invalid(field, "put the trait into the group", "a group says all or any, and also is")
	}
	if c.Is != "" {
		k.traits++
		return checkTrait(field, c)
	}
	if said := sayings(c); len(said) > 0 {
		return c, engawa.Invalid(field+"/"+said[0], "say with is what it belongs to: "+list(Traits), "%s stands by itself", said[0])
	}
	for name, part := range map[string][]engawa.Condition{"all": c.All, "any": c.Any} {
		for i := range part {
			checked, err := k.condition(fmt.Sprintf("%s/%s/%d", field, name, i), part[i], depth+1)
			if err != nil {
				return c, err
			}
			part[i] = checked
		}
	}
	return c, nil
}

// says are the members that a trait may have; with a mark, must.
var says = map[engawa.Trait][]string{
	engawa.TraitTag: {"value!"}, engawa.TraitKind: {"value!"}, engawa.TraitLocale: {"value!"}, engawa.TraitCountry: {"value"}, engawa.TraitMinor: {},
	engawa.TraitSubscription: {"app", "product", "subscription"}, engawa.TraitConsent: {"purpose!", "channel", "app", "topic"},
	engawa.TraitContact: {"channel!"}, engawa.TraitRelationship: {"value!", "account"}, engawa.TraitActive: {"days!"},
	engawa.TraitCreatedAfter: {"at!"}, engawa.TraitCreatedBefore: {"at!"},
}

// members are what a condition says, by the names in JSON.
func members(c engawa.Condition) map[string]string {
	m := map[string]string{
		"value": c.Value, "app": c.App, "product": c.Product, "subscription": string(c.Subscription), "purpose": string(c.Purpose),
		"channel": c.Channel, "topic": c.Topic, "account": c.Account,
	}
	if c.Days != 0 {
		m["days"] = fmt.Sprint(c.Days)
	}
	if c.At != nil {
		m["at"] = c.At.Format(time.RFC3339)
	}
	return m
}

func sayings(c engawa.Condition) (names []string) {
	for name, value := range members(c) {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

func checkTrait(field string, c engawa.Condition) (engawa.Condition, error) {
	may, known := says[c.Is]
	if !known {
		return c, engawa.Invalid(field+"/is", "choose "+list(Traits), "%q is nothing to ask of a customer", clip(string(c.Is)))
	}
	said := members(c)
	for _, name := range sayings(c) {
		if !slices.Contains(may, name) && !slices.Contains(may, name+"!") {
			return c, engawa.Invalid(field+"/"+name, "leave it out; "+string(c.Is)+" takes "+takes(may), "%s has no %s", c.Is, name)
		}
		if n := len([]rune(said[name])); n > MaxText {
			return c, engawa.Invalid(field+"/"+name, fmt.Sprintf("%d letters at most", MaxText), "it has %d letters", n)
		}
	}
	for _, name := range may {
		if name, must := strings.CutSuffix(name, "!"); must && said[name] == "" {
			return c, engawa.Invalid(field+"/"+name, allowed(c.Is), "%s has no %s", c.Is, name)
		}
	}
	if c.Is == engawa.TraitTag {
		tidy, err := store.TidyTag(c.Value)
		c.Value = tidy
		if err != nil {
			err = engawa.Within(field+"/value", err)
		}
		return c, err
	}
	if name, value := wrong(c); name != "" {
		return c, engawa.Invalid(field+"/"+name, allowed(c.Is), "%q is not possible here", clip(value))
	}
	return c, nil
}

// wrong is the member whose value no customer can have.
func wrong(c engawa.Condition) (name, value string) {
	switch c.Is {
	case engawa.TraitKind:
		if c.Value != "person" && c.Value != "contract" {
			return "value", c.Value
		}
	case engawa.TraitLocale:
		if !slices.Contains(engawa.Locales[:], engawa.Locale(c.Value)) {
			return "value", c.Value
		}
	case engawa.TraitCountry:
		if c.Value != "" && !country.MatchString(c.Value) {
			return "value", c.Value
		}
	case engawa.TraitSubscription:
		if c.Subscription != "" && !slices.Contains(States, c.Subscription) {
			return "subscription", string(c.Subscription)
		}
	case engawa.TraitConsent:
		if c.Purpose != engawa.Notice && c.Purpose != engawa.Marketing {
			return "purpose", string(c.Purpose)
		}
	case engawa.TraitActive:
		if c.Days < 1 || c.Days > MaxDays {
			return "days", fmt.Sprint(c.Days)
		}
	case engawa.TraitTag, engawa.TraitMinor, engawa.TraitContact, engawa.TraitRelationship, engawa.TraitCreatedAfter, engawa.TraitCreatedBefore:
	}
	return "", ""
}

// States are those of a subscription.
var States = []engawa.SubscriptionState{
	engawa.SubscriptionActive, engawa.SubscriptionGrace, engawa.SubscriptionRetry, engawa.SubscriptionExpired, engawa.SubscriptionRevoked, engawa.SubscriptionSuspended,
}

func allowed(t engawa.Trait) string {
	switch t {
	case engawa.TraitTag:
		return "write the tag as value"
	case engawa.TraitKind:
		return "choose person or contract"
	case engawa.TraitLocale:
		return "choose " + list(engawa.Locales[:])
	case engawa.TraitCountry:
		return "write two capital letters, such as JP, or leave value out for those whose country is not known"
	case engawa.TraitSubscription:
		return "choose " + list(States) + ", or leave it out for any"
	case engawa.TraitConsent:
		return "choose notice or marketing as purpose; service needs no consent"
	case engawa.TraitContact:
		return "write a kind of contact points as channel, such as mail"
	case engawa.TraitRelationship:
		return "write the channel's own word as value, such as friend or blocked"
	case engawa.TraitActive:
		return fmt.Sprintf("write 1 to %d as days", MaxDays)
	case engawa.TraitCreatedAfter, engawa.TraitCreatedBefore:
		return "write a time as at, such as 2026-04-01T00:00:00+09:00"
	case engawa.TraitMinor:
	}
	return "say nothing more"
}

func takes(may []string) string {
	if len(may) == 0 {
		return "nothing more"
	}
	return strings.ReplaceAll(strings.Join(may, ", "), "!", "")
}

func list[S ~string](all []S) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
