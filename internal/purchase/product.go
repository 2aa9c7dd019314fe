package purchase

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa"
)

// Described are products by their ids, for Entitlements.
func Described(ps []engawa.Product) map[string]Product {
	out := map[string]Product{}
	for _, p := range ps {
		out[p.ID] = Product{p.Entitlements, p.Months, p.Days}
	}
	return out
}

// Lower reports whether one plan is lower than another, by what is said of both: of
// the same group, and of a greater number, as the App Store counts levels.
func Lower(described []engawa.Product, plan, than string) bool {
	of := func(id string) engawa.Product {
		i := slices.IndexFunc(described, func(p engawa.Product) bool { return p.ID == id })
		if i < 0 {
			return engawa.Product{}
		}
		return described[i]
	}
	a, b := of(plan), of(than)
	return a.Group != "" && a.Group == b.Group && a.Level > b.Level
}

// Limits of what is said of a product.
const (
	MaxEntitlements = 20
	MaxMonths       = 120
	MaxDays         = 3660
	MaxLevel        = 100
)

var (
	productID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	groupID   = regexp.MustCompile(`^[0-9]{1,20}$`)
	doorName  = regexp.MustCompile(`^[\pL\pN][\pL\pN._ -]*$`) // a repetition that counts is costly to compile: of all letters, 12 ms at each start
)

// CheckProduct refuses what cannot be said of a product, and names the field that
// is wrong.
func CheckProduct(p engawa.Product) error {
	wrong := slices.IndexFunc(p.Entitlements, func(name string) bool { return utf8.RuneCountInString(name) > 64 || !doorName.MatchString(name) })
	sorted := slices.Sorted(slices.Values(p.Entitlements))
	switch {
	case !productID.MatchString(p.ID):
		return engawa.Invalid("/id", "copy the product id from App Store Connect: letters, digits, dots, hyphens and underscores", "%.40q is no id of a product", p.ID)
	case len([]rune(p.Name)) > 80 || strings.ContainsAny(p.Name, "\r\n"):
		return engawa.Invalid("/name", "write a name of at most 80 characters in one line", "the name has %d characters", len([]rune(p.Name)))
	case len(p.Entitlements) > MaxEntitlements:
		return engawa.Invalid("/entitlements", "name at most 20", "%d entitlements are named", len(p.Entitlements))
	case wrong >= 0:
		return engawa.Invalid("/entitlements", "name each in 1 to 64 letters and digits, such as premium; dots, hyphens and spaces may stand between", "%.40q is no name of an entitlement", p.Entitlements[wrong])
	case len(slices.Compact(sorted)) < len(p.Entitlements):
		return engawa.Invalid("/entitlements", "name each once", "an entitlement is named twice")
	case p.Group != "" && !groupID.MatchString(p.Group):
		return engawa.Invalid("/group", "copy the group's number from App Store Connect, under Subscriptions", "%.40q is no id of a subscription group", p.Group)
	case p.Level < 0 || p.Level > MaxLevel || (p.Level == 0) != (p.Group == ""):
		return engawa.Invalid("/level", "give both the group and the level, 1 (the highest) to 100, as in App Store Connect; or neither", "the level is %d", p.Level)
	case p.Months < 0 || p.Months > MaxMonths:
		return engawa.Invalid("/months", "choose 0 to 120", "%d months is no time that a purchase lasts", p.Months)
	case p.Days < 0 || p.Days > MaxDays:
		return engawa.Invalid("/days", "choose 0 to 3660", "%d days is no time that a purchase lasts", p.Days)
	}
	return nil
}
