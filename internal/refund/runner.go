package refund

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
)

// Runner answers cases. Its fields are set once.
type Runner struct {
	Store   *store.Store
	Clients *follow.Clients
}

const (
	batch  = 64
	atOnce = 8 // a store that does not answer holds up few others
)

// Step looks at the cases that are due, of every workspace, and answers those that
// are to be answered. Several nodes may do so.
func (r *Runner) Step(ctx context.Context) error {
	due, err := r.Store.DueRefunds(ctx, batch)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	errs := make([]error, len(due))
	for i, ref := range due {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = r.look(ctx, ref)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// look decides on a case and sends, unless another node did just now or is at it.
func (r *Runner) look(ctx context.Context, ref store.RefundRef) error {
	took := false
	c, err := r.Store.ChangeRefund(ctx, ref.Workspace, ref.ID, func(f store.RefundFacts) (*store.RefundChange, error) {
		now := time.Now()
		if took = !f.Case.NextAt.IsZero() && !f.Case.NextAt.After(now); !took {
			return nil, nil //nolint:nilnil // nothing is to be changed
		}
		k, err := Read(f.Case)
		if err != nil {
			return nil, err
		}
		if took = !sending(f.Case, k, now); !took {
			f.Case.NextAt = k.Try.At.Add(lease)
			return &store.RefundChange{Case: f.Case}, nil
		}
		return Decide(f, now)
	})
	if err != nil || !took || c.Answer != engawa.RefundSending {
		return err
	}
	_, err = r.send(ctx, c)
	return err
}

// send sends what was decided and records what came of it.
func (r *Runner) send(ctx context.Context, c engawa.RefundCase) (engawa.RefundCase, error) {
	said := r.put(ctx, c)
	if ctx.Err() != nil {
		return c, ctx.Err() // whoever goes on sends it again
	}
	return r.Store.ChangeRefund(ctx, c.Workspace, c.ID, func(f store.RefundFacts) (*store.RefundChange, error) { return Record(f, said, time.Now()) })
}

// errNotOpen tells that an account cannot ask: it has no key, or is switched off.
var errNotOpen = errors.New("the account cannot ask the App Store")

// put hands the answer over.
func (r *Runner) put(ctx context.Context, c engawa.RefundCase) error {
	k, err := Read(c)
	if err != nil {
		return err
	}
	app, err := r.Clients.Open(ctx, c.Workspace, c.Account)
	if code := engawa.CodeOf(err); code != "" && code != engawa.CodeUnavailable {
		return errors.Join(errNotOpen, err)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lease/2)
	defer cancel()
	consent, a := appstore.OnFile(k.Try.Consent), *k.Try.Answer
	t := &appstore.Transaction{TransactionID: c.Transaction, Type: typeOf(c.Kind)}
	if c.Advanced {
		t.AdvancedCommerceInfo = []byte("{}")
		f, err := r.Store.RefundFacts(ctx, c.Workspace, c.ID)
		if err != nil {
			return err
		}
		return app.SendConsumptionV1(ctx, t, consent, Older(a, f))
	}
	return app.SendConsumption(ctx, t, consent, appstore.Consumption{SampleProvided: a.Sample, Delivery: a.Delivery, Percentage: a.Percent, Preference: a.Preference})
}

// typeOf is a kind in Apple's words.
func typeOf(kind string) string {
	return map[string]string{
		subscription: "Auto-Renewable Subscription", "non_renewing_subscription": "Non-Renewing Subscription", "consumable": "Consumable", "non_consumable": "Non-Consumable",
	}[kind]
}

// Answer sends what a person chose, at once, and returns the case as it is then;
// as is the store in the person's name. What stands in the way is an *engawa.Error,
// and nothing is changed.
func (r *Runner) Answer(ctx context.Context, as *store.Store, workspace, id string, choice Choice) (engawa.RefundCase, error) {
	c, err := as.ChangeRefund(ctx, workspace, id, func(f store.RefundFacts) (*store.RefundChange, error) { return choose(f, choice, time.Now()) })
	if err != nil || c.Answer != engawa.RefundSending {
		return c, err
	}
	return r.send(ctx, c)
}

// choose takes a person's choice into a case.
func choose(f store.RefundFacts, choice Choice, now time.Time) (*store.RefundChange, error) {
	k, err := Read(f.Case)
	if err != nil {
		return nil, err
	}
	if err := answerable(f, k, choice, now); err != nil {
		return nil, err
	}
	choice.At = now
	k.Choice = &choice
	if err := k.write(&f.Case); err != nil {
		return nil, err
	}
	p, err := Look(f, now)
	if err == nil {
		err = Obstacle(p)
	}
	if err == nil && !choice.Ignore {
		err = appstore.Consumption{SampleProvided: p.Answer.Sample, Delivery: p.Answer.Delivery, Percentage: chosenPercent(f.Case, choice, p.Answer), Preference: p.Answer.Preference}.
			Check(&appstore.Transaction{Type: typeOf(f.Case.Kind)})
	}
	if err != nil {
		return nil, err
	}
	change, err := Decide(f, now)
	if err == nil {
		action := "answer-refund"
		if choice.Ignore {
			action = "ignore-refund"
		}
		change.Action, change.Detail = action, detail(choice)
	}
	return change, err
}

// detail is a choice as the audit trail has it.
func detail(choice Choice) string {
	parts := []string{string(choice.Preference)}
	if choice.Reason != "" {
		parts = append(parts, "reason="+string(choice.Reason))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// chosenPercent has a percentage that a person gave where it cannot be given seen
// by the check, which says why; what the systems told is left out by itself.
func chosenPercent(c engawa.RefundCase, choice Choice, a Answer) *int64 {
	if choice.Percent != nil && c.Kind != subscription {
		return choice.Percent
	}
	return a.Percent
}

// answerable refuses an answer that is of no use, or comes in between.
func answerable(f store.RefundFacts, k Facts, choice Choice, now time.Time) error {
	c := f.Case
	switch {
	case f.Purchase.Facts == nil:
		return &engawa.Error{Code: engawa.CodeConflict, Message: "the customer was erased; nothing can be sent", Remedy: "leave the case to the App Store"}
	case c.State != engawa.RefundOpen:
		return &engawa.Error{Code: engawa.CodeConflict, Message: "the App Store has decided this case", Remedy: "there is nothing more to answer"}
	case !now.Before(c.DueAt):
		return &engawa.Error{Code: engawa.CodeConflict, Message: "it is too late: the App Store reads answers for 12 hours, and these are over", Remedy: "wait for what the App Store decides"}
	case choice.Ignore && inRound(c, k.Sent):
		return &engawa.Error{Code: engawa.CodeConflict, Message: "this case was answered; what was sent cannot be called back", Remedy: "send another answer, which replaces it"}
	case choice.Percent != nil && c.Kind == subscription:
		return engawa.Invalid("/percentage", "leave the percentage out", "for a subscription the App Store computes the share itself")
	case sending(c, k, now):
		return &engawa.Error{Code: engawa.CodeUnavailable, Message: "an answer is being sent right now", Remedy: "try again in a moment"}
	}
	return nil
}

// consentField is the Field of what is refused for want of a consent.
const consentField = "/consent"

// Obstacle words what stands in the way of sending a plan that a person chose;
// nil: nothing does.
func Obstacle(p Plan) error {
	switch p.Why {
	case WhyNoConsent:
		return &engawa.Error{
			Code: engawa.CodeConflict, Field: consentField, Message: "the customer has not agreed to usage data going to the App Store; nothing was sent",
			Remedy: "ask the customer in the app, and record the yes with its wording as the act share_usage; without it the App Store decides by itself",
		}
	case WhyWithdrawn:
		return &engawa.Error{
			Code: engawa.CodeConflict, Field: consentField, Message: "the customer has taken back the consent to usage data going to the App Store; nothing was sent",
			Remedy: "leave the case to the App Store, unless the customer agrees anew",
		}
	case WhyPending:
		return &engawa.Error{
			Code: engawa.CodeConflict, Field: consentField, Message: "the customer has not confirmed the consent to usage data going to the App Store yet; nothing was sent",
			Remedy: "wait for the confirmation, or ask the customer again",
		}
	case WhyDelivery:
		return engawa.Invalid("/delivery", "say whether it was delivered, or why not", "nobody told whether the purchase was delivered")
	case WhySample:
		return engawa.Invalid("/sample_provided", "say true or false", "nobody told whether it could be tried before buying")
	case WhyPercentage:
		return engawa.Invalid("/percentage", "give the share that was used up, above 0, for something that was delivered", "a share of the price is returned only where the share that was used up is known")
	}
	return nil
}
