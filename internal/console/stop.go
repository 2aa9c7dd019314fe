package console

import (
	"strings"
	"unicode/utf8"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/text"
)

// whyMost is the most characters of why a suppression is lifted.
const whyMost = 200

// stopsOf are the suppressions of a contact point or place; lift is where they are
// lifted, empty where the member may not.
func stopsOf(all []store.Stop, id, lift string) (out []Stop) {
	for _, s := range all {
		if s.Of == id {
			out = append(out, Stop{Reason: s.Reason, At: s.At, Until: s.Until, Lift: lift})
		}
	}
	return out
}

// reasonWords says why an address is stopped.
func (p Page) reasonWords(reason string) string {
	if key := "stop.reason." + reason; p.Words.Has(key) {
		return p.T(key)
	}
	return p.T("stop.reason.other")
}

func (c *console) liftPoint(v *visit) error {
	return lift(v, v.r.PathValue("point"), "/customers/"+v.r.PathValue("id"))
}

func (c *console) liftPlace(v *visit) error {
	return lift(v, v.r.PathValue("place"), "/accounts/"+v.r.PathValue("id")+"/places")
}

// lift ends a suppression for a reason that a member writes, and shows the page anew.
func lift(v *visit, of, back string) error {
	why := text.VeilText(strings.TrimSpace(v.r.PostFormValue("why")))
	if n := utf8.RuneCountInString(why); n < 1 || n > whyMost {
		return engawa.Invalid("/why", v.T("stop.why.wrong"), "the reason has %d characters", n)
	}
	if err := v.by.Lift(v.ctx(), v.ws(), of, v.r.PostFormValue("reason"), why); err != nil {
		return err
	}
	return v.see(back, "lifted")
}
