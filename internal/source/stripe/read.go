package stripe

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/engawa/engawa"
)

// post is what Stripe posted.
type post struct {
	id, typ string
	at      time.Time
	live    bool
	object  object
	before  object // what changed, as it was; nil: Stripe did not say
}

// object is a Stripe object. Its members are looked up by name, since they moved
// between API versions and may be ids or whole objects.
type object map[string]any

// stripeID is what Stripe's ids are made of.
var stripeID = regexp.MustCompile(`^[A-Za-z0-9_]{1,200}$`)

// typeName is the type of a Stripe event: customer.subscription.updated, v2 types
// with brackets left out.
var typeName = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+){1,6}$`)

func read(body []byte) (post, error) {
	var in struct {
		ID       string `json:"id"`
		Object   string `json:"object"`
		Type     string `json:"type"`
		Created  int64  `json:"created"`
		Livemode bool   `json:"livemode"`
		Data     struct {
			Object   object `json:"object"`
			Previous object `json:"previous_attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return post{}, engawa.Invalid("", "let Stripe post its snapshot events here", "the post is signed and is no event of Stripe")
	}
	switch {
	case !stripeID.MatchString(in.ID):
		return post{}, engawa.Invalid("/id", "let Stripe post its snapshot events here", "the post has no id of Stripe")
	case !typeName.MatchString(in.Type) || len(in.Type) > 100:
		return post{}, engawa.Invalid("/type", "let Stripe post its snapshot events here", "the post has no type of Stripe")
	case in.Data.Object == nil:
		return post{}, engawa.Invalid("/data/object", "choose the snapshot payload for this endpoint, not the thin one", "the event does not bring its object")
	case in.Created < 1_000_000_000 || in.Created > 100_000_000_000:
		return post{}, engawa.Invalid("/created", "let Stripe post its snapshot events here", "the event has no time")
	}
	return post{in.ID, in.Type, time.Unix(in.Created, 0).UTC(), in.Livemode, in.Data.Object, in.Data.Previous}, nil
}

// get is the value at a dotted path; a list gives its first, an object that is
// only named by its id nothing.
func (o object) get(path string) any {
	var at any = map[string]any(o)
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := at.([]any); ok {
			if len(list) == 0 {
				return nil
			}
			at = list[0]
		}
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[name]
	}
	return at
}

// text is the first text at one of paths; of an object, its id.
func (o object) text(paths ...string) string {
	for _, path := range paths {
		switch v := o.get(path).(type) {
		case string:
			if v != "" {
				return v
			}
		case map[string]any:
			if id, ok := v["id"].(string); ok && id != "" {
				return id
			}
		}
	}
	return ""
}

// number is the first number at one of paths; whole ones only.
func (o object) number(paths ...string) (int64, bool) {
	for _, path := range paths {
		if f, ok := o.get(path).(float64); ok && f > -1e15 && f < 1e15 {
			return int64(f), true
		}
	}
	return 0, false
}

// at is the first time at one of paths.
func (o object) at(paths ...string) time.Time {
	if n, ok := o.number(paths...); ok && n > 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

func (o object) yes(path string) bool {
	b, ok := o.get(path).(bool)
	return ok && b
}

// has reports whether a member is there, null or not.
func (o object) has(name string) bool {
	_, ok := o[name]
	return ok
}

// was is the object as it was before the change.
func (p post) was() object {
	out := object{}
	maps.Copy(out, p.object)
	maps.Copy(out, p.before)
	return out
}
