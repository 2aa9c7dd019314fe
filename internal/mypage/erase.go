package mypage

import (
	"net/http"
	"slices"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// answerWithin is how long an answer to a request may take: the shortest of the
// laws here (KR PIPA Decree 43, 44: ten days; EU GDPR 12(3): a month; JP APPI 35:
// without delay).
const answerWithin = 10 * 24 * time.Hour

// Erase is the page that says what goes and what stays.
type Erase struct {
	Page
	Waits  []string // what has to end first; empty: it happens at once
	Listed bool     // lists of other systems have the customer, whom a person takes off them
	Unsure bool     // the box was not ticked
	State  string   // "", "erased", "waits"
	DueAt  time.Time
}

// waits names what has to end before a customer can be erased: a contract that
// runs needs its data (EU GDPR 17(3), KR PIPA 21(1), JP APPI 22), and so does a
// refund under way.
func (s *Site) waits(v *visit) (why []string, err error) {
	h, err := s.house(v.ctx(), v.workspace)
	if err != nil {
		return nil, err
	}
	subs, err := s.Store.Subscriptions(v.ctx(), v.workspace.ID, v.customer.ID, store.Page{Limit: 200})
	if err != nil {
		return nil, err
	}
	for _, x := range subs {
		if runs(x, time.Now()) {
			why = append(why, v.T("erasure.waits.subscription", "app", h.app(x.App), "product", x.Product))
		}
	}
	cases, err := s.Store.RefundsOf(v.ctx(), v.workspace.ID, v.customer.ID)
	for _, c := range cases {
		if c.State == engawa.RefundOpen {
			why = append(why, v.T("erasure.waits.refund", "product", c.Product))
		}
	}
	return why, err
}

func runs(x engawa.Subscription, now time.Time) bool {
	over := x.State == engawa.SubscriptionExpired || x.State == engawa.SubscriptionRevoked
	return !over && (x.EndsAt.IsZero() || x.EndsAt.After(now))
}

// erasing is the task of an erasure that waits already.
func (s *Site) erasing(v *visit) (*engawa.Task, error) {
	open, err := s.Store.TaskPage(v.ctx(), v.workspace.ID, store.TaskFilter{Kind: store.ErasureTask, Customer: v.customer.ID, State: "open"}, store.Page{Limit: 1})
	if err != nil || len(open) == 0 {
		return nil, err
	}
	return &open[0], nil
}

func (s *Site) eraseView(v *visit) (Erase, error) {
	v.Title = v.T("erasure.title")
	view := Erase{Page: v.Page}
	err := v.sureOnly()
	if err == nil {
		view.Waits, err = s.waits(v)
	}
	if err != nil {
		return view, err
	}
	lists, err := s.Store.Registrations(v.ctx(), v.workspace.ID, v.customer.ID)
	view.Listed = slices.ContainsFunc(lists, func(r store.Registration) bool { return r.EndedAt.IsZero() })
	return view, err
}

func (s *Site) erasure(v *visit) error {
	view, err := s.eraseView(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, ErasePage(view))
}

// erase erases at once, or where something has to end first stops everything
// that can be stopped and asks a person, who has ten days.
func (s *Site) erase(v *visit) error {
	view, err := s.eraseView(v)
	if err != nil {
		return err
	}
	if v.r.PostFormValue("sure") == "" {
		view.Unsure = true
		return v.show(http.StatusUnprocessableEntity, ErasePage(view))
	}
	if len(view.Waits) > 0 {
		return s.askToErase(v, view)
	}
	_, err = s.by(v).Erase(v.ctx(), v.workspace.ID, v.customer.ID)
	if engawa.CodeOf(err) == engawa.CodeUnavailable { // erased, but somebody reads the log in which traces stand
		_, err = s.by(v).Erase(v.ctx(), v.workspace.ID, v.customer.ID)
	}
	if err != nil {
		return err
	}
	view.State = "erased"
	return v.show(http.StatusOK, ErasePage(view))
}

func (s *Site) askToErase(v *visit, view Erase) error {
	if err := s.withdrawAll(v); err != nil {
		return err
	}
	now := time.Now().UTC()
	view.State, view.DueAt = "waits", now.Add(answerWithin)
	err := s.by(v).Raise(v.ctx(), engawa.Task{
		Workspace: v.workspace.ID, ID: engawa.NewID(engawa.PrefixTask), Kind: store.ErasureTask, Ref: v.customer.ID, Customer: v.customer.ID,
		Args: map[string]string{"customer": v.customer.ID}, DueAt: view.DueAt, CreatedAt: now,
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, ErasePage(view))
}
