package console

import (
	"context"

	"github.com/engawa/engawa"
)

// reputeOf is what those who got a partner's mail said of it.
func (c *console) reputeOf(v *visit, p engawa.Partner) (Repute, error) {
	said, err := c.Store.Complaints(v.ctx(), v.ws(), p.ID)
	if err != nil {
		return Repute{}, err
	}
	days, err := c.Store.ComplaintDays(v.ctx(), v.ws(), p.ID)
	return Repute{Complained: said, Days: days}, err
}

// word names a level in keys of words.
func word(r engawa.Repute) string {
	if r == engawa.ReputeGood {
		return "good"
	}
	return string(r)
}

// tone is the chip of a level.
func (r Repute) tone() string {
	switch r.Level {
	case engawa.ReputeWarned, engawa.ReputeSlowed:
		return "chip wait"
	case engawa.ReputeStopped:
		return "chip no"
	case engawa.ReputeGood:
	}
	return "chip go"
}

func (c *console) stopPartner(v *visit) error {
	return c.setRepute(v, v.by.StopPartner, "partner_stopped")
}

func (c *console) liftPartner(v *visit) error {
	return c.setRepute(v, v.by.LiftPartner, "partner_lifted")
}

// setRepute stops a partner's marketing or lifts that, for a reason that is written down.
func (c *console) setRepute(v *visit, set func(ctx context.Context, workspace, partner, reason string) error, done string) error {
	why := v.typed("why")
	if why == "" || len([]rune(why)) > 200 {
		return c.partnerAgain(v, v.T("repute.why.wrong"))
	}
	id := v.r.PathValue("id")
	if err := set(v.ctx(), v.ws(), id, why); err != nil {
		return err
	}
	return v.see("/partners/"+id, done)
}
