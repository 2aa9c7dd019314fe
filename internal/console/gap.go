package console

import (
	"errors"
	"net/http"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/follow"
	"github.com/engawa/engawa/internal/store"
)

// Hearing is how an account of the App Store is connected: what arrives, what
// was missed, and how that is known.
type Hearing struct {
	Account string
	Off     bool // the account is switched off
	Key     string
	Trouble string // what keeps it from being checked, in words
	Heard   time.Time
	Last    *engawa.Check
	Next    time.Time
	Now     *engawa.Check // under way
	Waiting bool          // one was asked for
	Asks    bool          // it has a key
	Gaps    []engawa.Gap
	Test    *TestResult
}

// TestResult is what became of a test notification.
type TestResult struct {
	Token string // to look again; empty: it is over
	Tone  string // "go", "no" or "wait"
	Words string
}

// class is how a trial looks.
func (t TestResult) class() string {
	switch t.Tone {
	case "no":
		return "bad"
	case "wait":
		return "warn"
	}
	return ""
}

// gapsShown is how many gaps the page of an account shows.
const gapsShown = 10

// hearing loads how an account is connected; nil: it is none of the App Store.
func (c *console) hearing(v *visit, a engawa.Account) (*Hearing, error) {
	if a.Kind != follow.Kind || a.ID == "" {
		return nil, nil //nolint:nilnil // other kinds have no such card
	}
	h := &Hearing{Account: a.ID, Off: !a.Enabled, Asks: a.Settings["private_key"] != ""}
	cu, err := c.Store.Checkup(v.ctx(), v.ws(), a.ID)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeNotFound {
		err = nil // the hub has not looked at it yet
	}
	if err != nil {
		return nil, err
	}
	h.Heard, h.Last, h.Next, h.Now, h.Waiting = cu.HeardAt, cu.Last, cu.NightAt, cu.Now, cu.Asked
	switch {
	case !h.Asks:
		h.Key = v.T("gap.key.none")
	case cu.Trouble == engawa.TroubleKey:
		h.Trouble = v.T("gap.trouble.key", "time", v.near(cu.TroubleAt))
	case cu.Trouble == engawa.TroubleHistory || cu.Trouble == engawa.TroubleBusy:
		h.Key, h.Trouble = v.T("gap.key.works"), v.T("gap.trouble."+string(cu.Trouble), "time", v.near(cu.TroubleAt))
	case cu.Last == nil:
		h.Key = v.T("gap.key.new")
	default:
		h.Key = v.T("gap.key.works")
	}
	h.Gaps, err = c.Store.Gaps(v.ctx(), v.ws(), a.ID, gapsShown)
	return h, err
}

// setUp says step by step how an app is connected, from nothing to the first
// purchase. What stands on our pages is called what it is called there.
func (p Page) setUp() []string {
	sandbox := p.T("choice.sandbox")
	return []string{
		p.T("gap.setup.key"),
		p.T("gap.setup.production", "environment", p.T("kind.appstore.environment"), "production", p.T("choice.production"), "roots", p.T("kind.appstore.roots"), "save", p.T("form.save")),
		p.T("gap.setup.sandbox", "sandbox", sandbox),
		p.T("gap.setup.url"),
		p.T("gap.setup.sandbox_url"),
		p.T("gap.setup.test", "test", p.T("gap.test")),
		p.T("gap.setup.buy", "live", p.T("nav.live")),
	}
}

// checkDid says in short what a check did.
func (p Page) checkDid(k engawa.Check) string {
	said := []string{p.T("gap.cause." + string(k.Cause)), p.T("gap.last.did", "told", p.Number(k.Told), "missed", p.Number(k.Missed), "checked", p.Number(k.Checked))}
	if k.Unproved > 0 {
		said = append(said, p.T("gap.last.unproved", "n", p.Number(k.Unproved)))
	}
	if k.Unanswered > 0 {
		said = append(said, p.T("gap.last.unanswered", "n", p.Number(k.Unanswered)))
	}
	return joinDot(said...)
}

// gapSaid says what was missed in a gap, and when that was found and filled.
func (p Page) gapSaid(g engawa.Gap) string {
	if g.FilledAt.IsZero() {
		return p.T("gap.gaps.said.open", "n", p.Number(g.Missed), "found", p.near(g.FoundAt))
	}
	return p.T("gap.gaps.said", "n", p.Number(g.Missed), "found", p.near(g.FoundAt), "filled", p.near(g.FilledAt))
}

// checkNow has an account checked against the store.
func (c *console) checkNow(v *visit) error {
	a, _, err := c.openAccount(v)
	if err == nil && a.Kind != follow.Kind {
		err = engawa.NotFound("App Store account")
	}
	if err == nil {
		err = v.by.AskCheckup(v.ctx(), v.ws(), a.ID)
	}
	if err != nil {
		return err
	}
	return v.see("/accounts/"+a.ID+"#hearing", "checking")
}

// How long a page waits for a test notification, and how often it looks; the
// store allows a call a second.
const (
	trialWait  = 8 * time.Second
	trialEvery = time.Second
)

// tryNotification asks for a test notification, or looks again for what became of
// one, and shows it.
func (c *console) tryNotification(v *visit) error {
	a, kind, err := c.openAccount(v)
	if err != nil {
		return err
	}
	app, err := c.Stores.Open(v.ctx(), v.ws(), a.ID)
	if err != nil {
		return err
	}
	token := v.typed("token")
	if token == "" {
		if err := c.Store.Note(v.ctx(), store.Audit{Workspace: v.ws(), Actor: "member:" + v.member.ID, Action: "ask-test-notification", Object: a.ID}); err != nil {
			return err
		}
		token, err = app.RequestTest(v.ctx())
	}
	trial := c.trial(v, app, token, err)
	view, err := c.accountView(v, kind, a)
	if err != nil {
		return err
	}
	view.Hearing.Test = &trial
	return v.showAs(http.StatusOK, AccountPage(view))
}

// noURL is the App Store's number for an app without a URL.
const noURL = 4040007

// trial waits a little for what became of a test notification.
func (c *console) trial(v *visit, app *follow.App, token string, err error) TestResult {
	var sent appstore.Sent
	for end := time.Now().Add(trialWait); err == nil; {
		sent, err = app.TestStatus(v.ctx(), token)
		if !notYet(err) {
			break
		}
		if time.Now().After(end) {
			return TestResult{Token: token, Tone: "wait", Words: v.T("gap.test.waiting")}
		}
		select {
		case <-v.ctx().Done():
			return TestResult{Token: token, Tone: "wait", Words: v.T("gap.test.waiting")}
		case <-time.After(trialEvery):
		}
		err = nil
	}
	if e, ok := errors.AsType[*appstore.APIError](err); ok {
		if e.Code == noURL {
			return TestResult{Tone: "no", Words: v.T("gap.test.nourl")}
		}
		return TestResult{Tone: "no", Words: v.T("gap.test.trouble", "why", e.Meaning(v.Locale))}
	}
	if err != nil {
		return TestResult{Tone: "no", Words: v.T("gap.test.elsewhere")} // it is not this app's: nobody can prove it
	}
	return c.tried(v, app, token, sent)
}

// notYet reports whether the store does not know yet what became of a test.
func notYet(err error) bool {
	e, ok := errors.AsType[*appstore.APIError](err)
	return ok && e.Code == 4040008
}

// tried says what the last attempt came to.
func (c *console) tried(v *visit, app *follow.App, token string, sent appstore.Sent) TestResult {
	if len(sent.Attempts) == 0 {
		return TestResult{Token: token, Tone: "wait", Words: v.T("gap.test.waiting")}
	}
	result := sent.Attempts[len(sent.Attempts)-1].Result
	if result != "SUCCESS" {
		why := "gap.result." + result
		if !v.Words.Has(why) {
			why = "gap.result.OTHER"
		}
		return TestResult{Tone: "no", Words: v.T("gap.test.failed", "why", v.T(why))}
	}
	has, err := c.Store.Journalled(v.ctx(), v.ws(), app.Account.ID, []string{sent.Notice.UUID})
	if err != nil || !has[sent.Notice.UUID] {
		return TestResult{Tone: "no", Words: v.T("gap.test.elsewhere")}
	}
	return TestResult{Tone: "go", Words: v.T("gap.test.arrived")}
}

// appChoices are the apps that an account may be of.
func (c *console) appChoices(v *visit, set string) ([]Choice, error) {
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	out := []Choice{{"", v.T("gap.app.none")}}
	known := set == ""
	for _, a := range apps {
		known = known || a.ID == set
		out = append(out, Choice{a.ID, a.Name})
	}
	if !known {
		out = append(out, Choice{set, set})
	}
	return out, err
}

// hasApp says what is wrong with the app that settings name.
func (c *console) hasApp(v *visit, field, id string) error {
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	if err != nil || id == "" {
		return err
	}
	for _, a := range apps {
		if a.ID == id {
			return nil
		}
	}
	return engawa.Invalid("/settings/"+field, "choose an app of this workspace", "there is no such app")
}
