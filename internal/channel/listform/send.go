package listform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/verdict"
)

const (
	maxPage  = 256 << 10 // bytes of a page that are read
	maxKept  = 4 << 10   // bytes of an answer that are kept for people
	maxAfter = 24 * time.Hour
	patience = 20 * time.Second // for each page
)

// Codes of what stops the whole account.
const (
	notSetUp    = "not_set_up"
	formChanged = "form_changed"
)

// Send registers the customer, once. To channel.ByHand, and for what a form
// cannot do, it asks a person.
func (a *account) Send(ctx context.Context, m verdict.Cleared) (channel.Receipt, error) {
	p, err := m.Open(a.env.Account)
	if err != nil {
		return channel.Receipt{}, channel.NotCleared(err)
	}
	ctx, cancel := m.Context(ctx)
	defer cancel()
	s := reading(p.Content)
	act := acts[s.event]
	switch {
	case act == "":
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "not_for_the_list"}
	case p.To == channel.ByHand:
		return a.byHand(ctx, p, act)
	case act != register:
		return channel.Receipt{}, a.person(ctx, p, act, "by_hand", engawa.Exchange{})
	}
	return a.register(ctx, p, s)
}

// byHand is the staff place: it has taken a message when the task stands.
func (a *account) byHand(ctx context.Context, p engawa.Parcel, act string) (channel.Receipt, error) {
	if err := a.raise(ctx, p, act, "by_hand"); err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Again, Code: "no_task", Err: err}
	}
	return channel.Receipt{Delivered: true}, nil
}

// person ends a delivery that only a person can do, when the task for it stands.
func (a *account) person(ctx context.Context, p engawa.Parcel, act, why string, x engawa.Exchange) *channel.SendError {
	if err := a.raise(ctx, p, act, why); err != nil {
		return &channel.SendError{Class: channel.Ambiguous, Code: "no_task", Err: err, Exchange: x}
	}
	return &channel.SendError{Class: channel.Rejected, Code: why, Exchange: x, Asked: true}
}

// raise asks a person. The task names the message; what to type is read from
// there by who may see it.
func (a *account) raise(ctx context.Context, p engawa.Parcel, act, why string) error {
	return a.ask(ctx, engawa.Task{
		Workspace: p.Workspace, Kind: "listform." + act, Ref: p.Message, DueAt: time.Now().Add(24 * time.Hour),
		Args: map[string]string{"account": a.env.Account, "message": p.Message, "why": why}, Listed: act != register, Plans: planned(a.set, p.Content),
	})
}

func (a *account) ask(ctx context.Context, k engawa.Task) error {
	if a.env.Raise == nil {
		return errors.New("there is nobody to ask")
	}
	if err := a.env.Raise(ctx, k); err != nil {
		return fmt.Errorf("raise %s: %w", k.Kind, err)
	}
	return nil
}

func (a *account) register(ctx context.Context, p engawa.Parcel, s said) (channel.Receipt, error) {
	if !a.ready() {
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountClosed, Code: notSetUp}
	}
	ids := plans(a.set, s)
	if len(ids) == 0 {
		return channel.Receipt{}, &channel.SendError{Class: channel.Rejected, Code: "no_plan"}
	}
	ours, why := values(a.set, s, p.To, p.ToName, ids[0])
	if why != "" {
		return channel.Receipt{}, a.person(ctx, p, register, why, engawa.Exchange{})
	}
	v := a.visit(p)
	f, se := v.form(ctx)
	if se != nil {
		return channel.Receipt{}, a.changed(ctx, p, se, nil)
	}
	if diff := compare(a.set["shape"], f.shape()); len(diff) > 0 {
		return channel.Receipt{}, a.changed(ctx, p, &channel.SendError{Class: channel.AccountClosed, Code: formChanged, Exchange: v.x}, diff)
	}
	if why := a.unsafe(f); why != "" {
		return channel.Receipt{}, a.changed(ctx, p, &channel.SendError{Class: channel.AccountClosed, Code: why, Exchange: v.x}, nil)
	}
	body, why := f.fill(ours)
	if why != "" {
		return channel.Receipt{}, a.person(ctx, p, register, why, v.x)
	}
	r, err := a.settle(ctx, p, v.submit(ctx, f, body))
	if err == nil && len(ids) > 1 { // a form takes one plan at a time
		if err := a.raise(ctx, p, register, morePlans); err != nil {
			return r, &channel.SendError{Class: channel.Ambiguous, Code: "no_task", Err: err, Exchange: r.Exchange}
		}
	}
	return r, err
}

// settle says what an answer means for the delivery.
func (a *account) settle(ctx context.Context, p engawa.Parcel, se *channel.SendError) (channel.Receipt, error) {
	if se.Class == accepted {
		return channel.Receipt{ProviderID: se.Code, Exchange: se.Exchange}, nil
	}
	if se.Class == channel.Rejected {
		return channel.Receipt{}, a.person(ctx, p, register, se.Code, se.Exchange)
	}
	return channel.Receipt{}, a.changed(ctx, p, se, nil)
}

// accepted is the class of an answer that says yes; it never leaves settle.
const accepted channel.Class = "accepted"

// changed tells a person what is new on a form that stops the account.
func (a *account) changed(ctx context.Context, p engawa.Parcel, se *channel.SendError, diff []string) *channel.SendError {
	if se.Class != channel.AccountClosed {
		return se
	}
	what := strings.Join(diff[:min(len(diff), 10)], "; ")
	err := a.ask(ctx, engawa.Task{
		Workspace: p.Workspace, Kind: "listform.changed", Ref: a.env.Account, DueAt: time.Now().Add(time.Hour),
		Args: map[string]string{"account": a.env.Account, "changed": first(what, se.Code)},
	})
	if err != nil {
		se.Err = err // the lane's own task says that the account stands still
	}
	return se
}

// unsafe says why a form may not be submitted: its addresses would stand in
// URLs, go to a host that nobody allowed, or go in the clear.
func (a *account) unsafe(f form) string {
	switch {
	case f.method != "post":
		return "form_get"
	case f.action.Host == "", f.action.Host != a.page.Host && f.action.Host != a.set["action_host"]:
		return "form_host"
	case f.action.Scheme != a.page.Scheme && f.action.Scheme != "https":
		return "form_scheme"
	case charsets[f.charset] == nil:
		return "form_charset"
	}
	return ""
}

// visit is one person's way through the form, with its cookies.
type visit struct {
	a    *account
	p    engawa.Parcel
	http http.Client
	x    engawa.Exchange
}

// Format names the account, whatever the verb: a visit carries an address.
func (v *visit) Format(f fmt.State, verb rune) { v.a.Format(f, verb) }

func (a *account) visit(p engawa.Parcel) *visit {
	v := &visit{a: a, p: p, http: *a.env.HTTP}
	v.http.Jar, _ = cookiejar.New(nil) // it fails for no options
	v.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return v
}

// form fetches the page and takes the operator's form off it. Nothing was
// submitted yet: trouble on the way is tried again.
func (v *visit) form(ctx context.Context) (form, *channel.SendError) {
	ans, err := v.call(ctx, http.MethodGet, v.a.page, "", nil)
	v.x = engawa.Exchange{Request: "GET " + shownURL(v.a.page), Response: v.shownAnswer(ans)}
	if err != nil {
		return form{}, &channel.SendError{Class: channel.Again, Code: trouble(ctx, err), Exchange: v.x}
	}
	se := &channel.SendError{Class: channel.AccountClosed, Code: strconv.Itoa(ans.status), Exchange: v.x}
	switch {
	case ans.status == http.StatusTooManyRequests, ans.status >= 500:
		se.Class, se.After = channel.Again, retryAfter(ans.header)
		return form{}, se
	case ans.status != http.StatusOK:
		return form{}, se
	case ans.tooLong:
		se.Code = "page_too_long"
		return form{}, se
	}
	all := ans.page.forms(v.a.set["charset"])
	if len(all) < v.a.nth {
		se.Code = "no_form"
		return form{}, se
	}
	return all[v.a.nth-1], nil
}

// submit posts the form once, and the page that asks to confirm once more, and
// reads the answer.
func (v *visit) submit(ctx context.Context, f form, body string) *channel.SendError {
	v.x = engawa.Exchange{Request: "POST " + shownURL(f.action) + " (" + f.charset + ")\n\n" + v.masked(shownBody(f.charset, body))}
	ans, err := v.call(ctx, http.MethodPost, f.action, body, v.a.page)
	v.x.Response = v.shownAnswer(ans)
	if err != nil {
		return &channel.SendError{Class: afterPost(err), Code: trouble(ctx, err), Exchange: v.x}
	}
	se := v.judge(ans)
	if se.Class == channel.Ambiguous && v.a.set["confirm"] == "true" {
		if again, ok := v.confirmation(ans.page); ok {
			return v.confirm(ctx, again)
		}
	}
	return se
}

// confirm presses the button of the page that shows the values again. Whether
// the first page registered already is not known, so nothing is clear before
// its answer.
func (v *visit) confirm(ctx context.Context, f form) *channel.SendError {
	body, why := f.fill(nil)
	if why != "" {
		return &channel.SendError{Class: channel.Ambiguous, Code: why, Exchange: v.x}
	}
	ans, err := v.call(ctx, http.MethodPost, f.action, body, v.a.page)
	v.x.Request += "\n\nPOST " + shownURL(f.action) + "\n\n" + v.masked(shownBody(f.charset, body))
	v.x.Response = v.shownAnswer(ans)
	if err != nil {
		return &channel.SendError{Class: channel.Ambiguous, Code: trouble(ctx, err), Exchange: v.x}
	}
	se := v.judge(ans)
	if se.Class == channel.AccountClosed { // both pages would be posted again when it opens
		se.Class = channel.Ambiguous
	}
	return se
}

// confirmation is the form of a page that holds the address which was sent.
func (v *visit) confirmation(p page) (form, bool) {
	for _, f := range p.forms(v.a.set["charset"]) {
		echoes := slices.ContainsFunc(f.fields, func(in field) bool { return in.value == v.p.To.Reveal() })
		if echoes && v.a.unsafe(f) == "" {
			return f, true
		}
	}
	return form{}, false
}

// judge reads the answer to a submission. The status says little: such scripts
// answer 200 whatever happened. Only words that the operator has seen decide,
// and only where they do not contradict each other.
func (v *visit) judge(ans answer) *channel.SendError {
	se := &channel.SendError{Class: channel.Ambiguous, Code: "unclear", Exchange: v.x}
	switch {
	case ans.status == http.StatusTooManyRequests, ans.status >= 500:
		// Whether the script had seen it by then is not known: a counter may stand behind
		// the entry as well as before it, and a second post would enter the address twice.
		se.Code, se.After = strconv.Itoa(ans.status), retryAfter(ans.header)
		return se
	case ans.status == http.StatusUnauthorized, ans.status == http.StatusForbidden, ans.status == http.StatusNotFound, ans.status == http.StatusMethodNotAllowed, ans.status == http.StatusGone:
		se.Class, se.Code = channel.AccountClosed, strconv.Itoa(ans.status)
		return se
	}
	words := plain(textOf(ans.page.doc) + " " + ans.header.Get("Location")) // a redirect is read, not followed
	yes, no, twice := says(words, v.a.set["success"]), says(words, v.a.set["failure"]), says(words, v.a.set["duplicate"])
	switch {
	case yes && !no && !twice:
		se.Class, se.Code = accepted, ""
	case twice && !yes && !no:
		se.Class, se.Code = accepted, "duplicate"
	case no && !yes && !twice:
		se.Class, se.Code = channel.Rejected, refusedByForm
	}
	return se
}

// says reports whether one of the operator's phrases stands in the words.
func says(words, phrases string) bool {
	return slices.ContainsFunc(lines(phrases), func(l string) bool { return plain(l) != "" && strings.Contains(words, plain(l)) })
}

// plain makes two writings of the same words the same: width and spaces do not count.
func plain(s string) string { return strings.Join(strings.Fields(norm.NFKC.String(s)), "") }

// answer is what a page answered.
type answer struct {
	status  int
	header  http.Header
	page    page
	tooLong bool
}

// call makes one call. It reads no more than a page may have.
func (v *visit) call(ctx context.Context, method string, to *url.URL, body string, from *url.URL) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "Engawa (list form)")
	if from != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Referer", from.String())
	}
	res, err := v.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxPage+1))
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: res.StatusCode, header: res.Header, tooLong: len(b) > maxPage,
		page: parse(to, res.Header.Get("Content-Type"), b[:min(len(b), maxPage)], v.a.answerCharset()),
	}, nil
}

// answerCharset is how answers are read: what they say of themselves, unless the
// operator knows better.
func (a *account) answerCharset() string { return first(a.set["charset"], "auto") }

// afterPost is the class of a submission without an answer. Only where no
// connection came about is it certain that nothing was registered.
func afterPost(err error) channel.Class {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return channel.Again
	}
	return channel.Ambiguous
}

// trouble names what happened on the way. The error itself is dropped: it shows
// hosts and paths.
func trouble(ctx context.Context, err error) string {
	op, dial := errors.AsType[*net.OpError](err)
	switch {
	case dial && op.Op == "dial":
		return "unreachable"
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled"
	case ctx.Err() != nil, os.IsTimeout(err):
		return "timeout"
	}
	return "network"
}

// retryAfter reads seconds (RFC 9110 §10.2.3); anything else says nothing.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxAfter)
}

// shownURL is an address without what may be a token.
func shownURL(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.Fragment, shown.User = "", "", nil
	return shown.String()
}

// shownBody is a submission in letters that people read.
func shownBody(charset, body string) string {
	var out []string
	for part := range strings.SplitSeq(body, "&") {
		raw, err := url.QueryUnescape(part)
		if err != nil {
			continue
		}
		if s, err := charsets[charset].NewDecoder().String(raw); err == nil {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

// shownAnswer is the text of an answer, without its markup.
func (v *visit) shownAnswer(ans answer) string {
	if ans.status == 0 {
		return ""
	}
	head := strconv.Itoa(ans.status)
	if ans.header.Get("Location") != "" {
		head += " (redirect, not followed)"
	}
	return cut(head + "\n\n" + v.masked(textOf(ans.page.doc)))
}

// masked takes the recipient's address out of a text.
func (v *visit) masked(s string) string {
	to := v.p.To.Reveal()
	if to == "" {
		return s
	}
	for _, form := range []string{to, url.QueryEscape(to)} {
		s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)).ReplaceAllLiteralString(s, v.p.To.String())
	}
	return s
}

// cut makes s fit to be kept.
func cut(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
	if len(s) <= maxKept {
		return s
	}
	return strings.ToValidUTF8(s[:maxKept], "") + "…"
}
