package console

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/message"
	"github.com/engawa/engawa/internal/store"
)

// What the form of a route asks for besides saving it: a trial, a further page of
// it, or all of it as a file.
const (
	doTry  = "try"
	doPage = "try." // and the cursor
	doCSV  = "csv"
	doJSON = "json"
)

// trialAsked is the cursor of the page of a trial that a form asks for.
func (v *visit) trialAsked() (cursor string, ok bool) {
	do := v.r.PostFormValue("do")
	if do == doTry {
		return "", true
	}
	return strings.CutPrefix(do, doPage)
}

// teller puts what a trial found into words.
type teller struct {
	*names
	templates map[string]string
	apps      map[string]string
}

func (c *console) teller(v *visit) (teller, error) {
	n, err := c.names(v)
	if err != nil {
		return teller{}, err
	}
	templates, err := c.templateNames(v)
	if err != nil {
		return teller{}, err
	}
	apps, err := c.Store.Apps(v.ctx(), v.ws())
	t := teller{n, templates, map[string]string{}}
	for _, a := range apps {
		t.apps[a.ID] = a.Name
	}
	return t, err
}

// try asks what a route would have done with past events, beside the stored one
// that it would replace. Nothing is stored.
func (c *console) try(v *visit, before *engawa.Route, r engawa.Route, cursor string) (Trial, error) {
	t, err := c.Compose.Try(v.ctx(), v.ws(), before, r, message.TrialPage{Cursor: cursor})
	if err != nil {
		return Trial{}, err
	}
	n, err := c.teller(v)
	if err != nil {
		return Trial{}, err
	}
	out := Trial{
		Looked: t.Looked, Hit: t.After, Was: t.Before, Replaces: before != nil, Differ: t.Differ(), First: t.First, Last: t.First + len(t.Rows) - 1, Later: cursor != "",
	}
	if t.Next != "" {
		out.Next = doPage + t.Next
	}
	for _, s := range t.Sums {
		out.Sums = append(out.Sums, TrialSum{v.aspect(s.Difference, s.Aspect), s.Events})
	}
	for _, row := range t.Rows {
		shown := TrialRow{ID: row.Event.ID, At: row.Event.ReceivedAt, Line: n.line(row.Event), Differs: v.differs(row), Before: n.steps(row.Was, row.Aspects), After: n.steps(row.Would, row.Aspects)}
		for _, m := range row.Messages {
			shown.Messages = append(shown.Messages, v.triedMessage(n.to(m.Message), m.Judged))
		}
		out.Rows = append(out.Rows, shown)
	}
	return out, nil
}

func (p Page) aspect(d message.Difference, a message.Aspect) string {
	return p.T("trial." + string(d) + "." + string(a))
}

func (p Page) differs(r message.TrialRow) string {
	return listOf(p, r.Aspects, func(a message.Aspect) string { return p.aspect(r.Difference, a) })
}

// steps says what a route asks for, a line for each message; what the difference
// is about is said where it is not said of every route.
func (t teller) steps(steps []engawa.Step, differs []message.Aspect) (lines []string) {
	for _, st := range steps {
		words := t.stepWords(st, t.templates)
		line := append([]string{words.To, strings.Join(words.Via, " → "), words.Template}, words.Notes...)
		if slices.Contains(differs, message.Purposes) {
			line = append(line, t.v.purposeWords(st.Purpose), st.Topic, t.apps[st.App])
		}
		if slices.Contains(differs, message.Timing) && st.Urgent {
			line = append(line, t.v.T("trial.urgent"))
		}
		if slices.Contains(differs, message.Timing) && st.ExpiresIn > 0 {
			line = append(line, t.v.T("trial.expires", "time", t.v.Duration(st.ExpiresIn)))
		}
		lines = append(lines, joinDot(line...))
	}
	if len(lines) == 0 {
		return []string{t.v.T("trial.nothing")}
	}
	return lines
}

// triedMessage shows the verdict on the first account that may send.
func (v *visit) triedMessage(to string, judged []store.Judged) TrialMessage {
	out := TrialMessage{To: to, Outcome: engawa.Refuse}
	for _, j := range judged {
		if out.Outcome, out.Why = j.Verdict.Outcome, v.why(j.Verdict); out.Outcome != engawa.Refuse {
			break
		}
	}
	return out
}

// trialFile is a trial to take away: each event for which it differs, with what
// was and would be asked for in words. It names customers by their ids and holds
// nothing of what an event says: who may read routes need not be one who may read
// addresses.
type trialFile interface {
	row(fields []string) error
	end(t message.Trial) error
}

var trialHead = []string{"event", "at", "type", "customer", "difference", "differs", "before", "after"}

// saveTrial answers with all differences as a file.
func (c *console) saveTrial(v *visit, before *engawa.Route, r engawa.Route) error {
	n, err := c.teller(v)
	if err != nil {
		return err
	}
	var file trialFile
	begin := func() {
		switch {
		case file != nil:
		case v.r.PostFormValue("do") == doCSV:
			file = trialCSV{v.csv("trial", trialHead...)}
		default:
			v.w.Header().Set("Content-Type", "application/json")
			v.w.Header().Set("Content-Disposition", `attachment; filename="trial.json"`)
			file = &trialJSON{w: v.w}
		}
	}
	said := map[string][]string{} // a trial repeats few sentences many times
	t, err := c.Compose.Differences(v.ctx(), v.ws(), before, r, func(row message.TrialRow) error {
		begin()
		key := fmt.Sprint(row.Difference, row.Aspects)
		if said[key] == nil {
			said[key] = []string{v.differs(row), strings.Join(n.steps(row.Was, row.Aspects), "\n"), strings.Join(n.steps(row.Would, row.Aspects), "\n")}
		}
		e := row.Event
		return file.row(append([]string{e.ID, e.ReceivedAt.UTC().Format(time.RFC3339), e.Type, e.Customer, string(row.Difference)}, said[key]...))
	})
	if file == nil && err != nil {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // the reader went away, or a later event cannot be judged: the file is cut short
	}
	begin()
	_ = file.end(t) // fails where nobody reads
	return nil
}

type trialCSV struct{ *csv.Writer }

func (f trialCSV) row(fields []string) error {
	writeCSV(f.Writer, fields...)
	return f.Error()
}

func (f trialCSV) end(message.Trial) error {
	f.Flush()
	return f.Error()
}

// trialJSON writes {"differences": [{…}, …], "looked": 1, …}.
type trialJSON struct {
	w     http.ResponseWriter
	begun bool
}

func (f *trialJSON) row(fields []string) error {
	o := map[string]string{}
	for i, name := range trialHead {
		o[name] = fields[i]
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	head := ",\n"
	if !f.begun {
		head, f.begun = "{\"differences\":[\n", true
	}
	_, err = f.w.Write(append([]byte(head), b...))
	return err
}

func (f *trialJSON) end(t message.Trial) error {
	head := "\n],"
	if !f.begun {
		head = `{"differences":[],`
	}
	_, err := f.w.Write([]byte(head + `"looked":` + strconv.Itoa(t.Looked) + `,"before":` + strconv.Itoa(t.Before) + `,"after":` + strconv.Itoa(t.After) +
		`,"added":` + strconv.Itoa(t.Added) + `,"removed":` + strconv.Itoa(t.Removed) + `,"changed":` + strconv.Itoa(t.Changed) + "}\n"))
	return err
}

// showTrial answers a form that asks for a trial.
func (c *console) showTrial(v *visit, stored *engawa.Route, r engawa.Route, cursor string) error {
	t, err := c.try(v, stored, r, cursor)
	if told, ok := errors.AsType[*engawa.Error](err); ok && told.Field == "/condition" {
		return c.showRoute(v, http.StatusUnprocessableEntity, r, v.T("form.check"), v.routeProblem(told), nil)
	}
	if err != nil {
		return err
	}
	return c.showRoute(v, http.StatusOK, r, "", "", &t)
}
