package custody

import "slices"

// Right is one that a provider gives to somebody at a thing of a kind.
type Right struct {
	Name string // its words are "custody.right.<kind>.<name>"
	// Main: who holds it decides who else does. Of a thing of which the business
	// holds no main right it holds nothing.
	Main bool
	// Lasts: nobody but its holder can give it up, whatever other rights the business
	// holds.
	Lasts bool
}

// Kind is what is known of the rights at things of a kind.
type Kind struct {
	Name   string // of a channel or source; empty: every other
	Rights []Right
	// Movable: whoever holds a main right can hand the thing over to another.
	Movable bool
}

// kinds are in the order in which a form offers them. A LINE official account has
// three lists of rights that know nothing of one another (its own, the channel's and
// the provider's), and only the first deletes it; the channel can never be moved to
// another provider, and whoever is in the list of channel or provider stays until
// somebody in it takes them out.
var kinds = []Kind{
	{"line", []Right{
		{Name: "oa_admin", Main: true},
		{Name: "oa_operator"},
		{Name: "provider_admin", Lasts: true},
		{Name: "channel_admin", Lasts: true},
		{Name: "secret"},
		{Name: "token"},
		{Name: "webhook"},
		{Name: "module"},
	}, false},
	{"kakao", []Right{{Name: "owner", Main: true, Lasts: true}, {Name: "member"}, {Name: "admin_key"}, {Name: "rest_key"}}, true},
	{"kakao_channel", []Right{{Name: "master", Main: true, Lasts: true}, {Name: "manager"}}, true},
	{"alimtalk", []Right{{Name: "contract", Main: true, Lasts: true}, {Name: "key"}}, true},
	{"chatwork", []Right{{Name: "org_admin", Main: true}, {Name: "room_admin"}, {Name: "token"}}, true},
	{"zendesk", []Right{{Name: "owner", Main: true, Lasts: true}, {Name: "admin", Main: true}, {Name: "token"}}, true},
	{"mail", []Right{{Name: "registrar", Main: true, Lasts: true}, {Name: "dns", Main: true}, {Name: "mailbox"}, {Name: "key"}}, true},
	{"appstore", []Right{{Name: "holder", Main: true, Lasts: true}, {Name: "admin", Main: true}, {Name: "manager"}, {Name: "key"}}, true},
}

// general are the rights at things of every other kind.
var general = Kind{"", []Right{{Name: "admin", Main: true}, {Name: "user"}, {Name: "key"}}, true}

// Kinds are the names of those of which the rights are known one by one.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return names
}

// KindOf returns what is known of a kind; of any other it knows what all have.
func KindOf(name string) Kind {
	if i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name }); i >= 0 {
		return kinds[i]
	}
	return general
}

// Has returns the right of a name; one that the kind does not know gives little.
func (k Kind) Has(name string) Right {
	if i := slices.IndexFunc(k.Rights, func(r Right) bool { return r.Name == name }); i >= 0 {
		return k.Rights[i]
	}
	return Right{Name: name}
}
