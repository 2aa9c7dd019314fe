package custody

import (
	"maps"
	"slices"
	"strconv"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
)

// What a check finds: the ends of types of events and of kinds of tasks.
const (
	WebhookChanged     = "webhook_changed"
	CredentialsFailing = engawa.CustodyFailing
	QuotaUsedByOthers  = engawa.CustodyQuota
	MenuChanged        = "menu_changed"
	IdentityChanged    = "identity_changed"
	SettingChanged     = "setting_changed" // a fact that has no words of its own
)

// Findings are all of them.
var Findings = []string{WebhookChanged, CredentialsFailing, QuotaUsedByOthers, MenuChanged, IdentityChanged, SettingChanged}

// Compare says what is different at a provider from what it said before: nothing
// where it said nothing before. ours is how many messages this hub handed over since
// then, or a little earlier: a provider may count later than it accepts.
func Compare(was, is channel.Facts, ours int) (all []engawa.CustodyFound) {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		before, known := was[name]
		if !known || before == is[name] {
			continue
		}
		f := engawa.CustodyFound{Was: before, Is: is[name]}
		switch name {
		case channel.FactUsed:
			others := used(before, is[name]) - ours
			if others <= 0 {
				continue
			}
			f = engawa.CustodyFound{What: QuotaUsedByOthers, Was: strconv.Itoa(ours), Is: strconv.Itoa(ours + others)}
		case channel.FactWebhook:
			f.What = WebhookChanged
		case channel.FactMenu:
			f.What = MenuChanged
		case channel.FactIdentity:
			f.What = IdentityChanged
		default:
			f.What, f.Was, f.Is = SettingChanged, name+": "+before, name+": "+is[name]
		}
		all = append(all, f)
	}
	return all
}

// used is how many more a provider has counted. Where the number has fallen a new
// month has begun, and all of it is new.
func used(before, now string) int {
	was, err1 := strconv.Atoi(before)
	is, err2 := strconv.Atoi(now)
	switch {
	case err1 != nil || err2 != nil:
		return 0
	case is < was:
		return is
	}
	return is - was
}
