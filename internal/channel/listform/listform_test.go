package listform

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/listform/sim"
)

const to engawa.Address = "hana.yamada@customer.example"

var joined = engawa.Content{Text: "event: member.provisional\nname: 山田 花\nkana: ヤマダ ハナ"}

// setUp are the settings of an operator who has read a form of the simulator.
func setUp(t *testing.T, s *sim.Server, name string) map[string]string {
	t.Helper()
	f := s.Form(name)
	set := map[string]string{
		"url": "https://list.example/" + name + "/sesform.php", "plan_id": sim.Plan, "products": "gold = 34\nsilver = 12",
		"mail": f.Inputs.Mail, "name": f.Inputs.Name, "family": f.Inputs.Family, "given": f.Inputs.Given,
		"kana_family": f.Inputs.KanaFamily, "kana_given": f.Inputs.KanaGiven, "plan": f.Inputs.Plan,
		"success": sim.Done + "\n" + sim.Provisional, "failure": sim.Refused, "duplicate": sim.Already,
	}
	if f.Confirm {
		set["confirm"] = "true"
	}
	w, err := read(t.Context(), checked(t, set), channel.Env{HTTP: channeltest.Client(s)})
	if err != nil {
		t.Fatal(err)
	}
	set["shape"] = w.Shape
	return set
}

func checked(t *testing.T, set map[string]string) channel.Settings {
	t.Helper()
	out, err := Kind.Check(set)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// desk is an open account and what it asked of people.
type desk struct {
	t     *testing.T
	sim   *sim.Server
	set   map[string]string
	http  *http.Client
	tasks []engawa.Task
}

func newDesk(t *testing.T, form string) *desk {
	s := sim.New(sim.Options{Polite: true})
	return &desk{t: t, sim: s, set: setUp(t, s, form), http: channeltest.Client(s)}
}

func (d *desk) send(p engawa.Parcel) (channel.Receipt, *channel.SendError) {
	d.t.Helper()
	ch, err := open(checked(d.t, d.set), channel.Env{
		Account: channeltest.Account, HTTP: d.http,
		Raise: func(_ context.Context, k engawa.Task) error { d.tasks = append(d.tasks, k); return nil },
	})
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := ch.Send(d.t.Context(), channeltest.Cleared(d.t, p))
	var se *channel.SendError
	if err != nil && !errors.As(err, &se) {
		d.t.Fatalf("%T: %v", err, err)
	}
	return r, se
}

func parcel(c engawa.Content) engawa.Parcel {
	p := channeltest.Parcel(to)
	p.Content = c
	return p
}

// wants fails unless the hand-over ended so, with tasks of these kinds.
func (d *desk) wants(se *channel.SendError, class channel.Class, code string, tasks ...string) {
	d.t.Helper()
	switch {
	case se == nil && class != accepted, se != nil && (se.Class != class || se.Code != code):
		d.t.Errorf("it ended as %v, want %s %s", se, class, code)
	}
	var kinds []string
	for _, k := range d.tasks {
		kinds = append(kinds, k.Kind)
	}
	if !slices.Equal(kinds, tasks) {
		d.t.Errorf("tasks %v, want %v", kinds, tasks)
	}
}

// bubble runs f in a synctest bubble for each of the simulator's forms.
func eachForm(t *testing.T, f func(*testing.T, *desk, string)) {
	for _, name := range []string{"sjis", "eucjp", "utf8"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, newDesk(t, name), name) })
		})
	}
}

func answered(code int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if key, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(key, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func handover(r *http.Request, body []byte) (channeltest.Taken, bool) {
	if r.Method != http.MethodPost {
		return channeltest.Taken{}, false
	}
	in, err := url.ParseQuery(string(body))
	if err != nil {
		return channeltest.Taken{}, true
	}
	key := ""
	for k, v := range in {
		if strings.HasPrefix(k, "ses") {
			in.Del(k) // a token of the visit
		}
		if strings.Contains(v[0], "@") {
			key = v[0]
		}
	}
	return channeltest.Taken{Key: key, Body: []byte(in.Encode())}, true
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, channeltest.Case{
		Kind: Kind, Settings: setUp(t, sim.New(sim.Options{Polite: true}), "sjis"), To: to, Content: joined,
		Want: map[channeltest.Mood]channel.Class{
			channeltest.Limited:    channel.Ambiguous, // as when it is down
			channeltest.LimitedFor: channel.Ambiguous,
			channeltest.Down:       channel.Ambiguous,     // the script may have entered the address before it broke; nobody can be asked
			channeltest.NoSuch:     channel.AccountClosed, // the script is gone; the recipient's address is not
		},
		World: func(t *testing.T, m channeltest.Mood) channeltest.World {
			return channeltest.HTTP{
				Sim: sim.New(sim.Options{Polite: true}), Handover: handover,
				Answers: map[channeltest.Mood]http.HandlerFunc{
					channeltest.Limited:    answered(429, "", "too many"),
					channeltest.LimitedFor: answered(429, "Retry-After: 30", "too many"),
					channeltest.Down:       answered(503, "", "busy"),
					channeltest.Refuses:    answered(200, "Content-Type: text/html; charset=UTF-8", "<p>"+sim.Refused+"</p>"),
					channeltest.Locked:     answered(403, "", "no"),
					channeltest.NoSuch:     answered(404, "", "gone"),
				},
			}.World(t, m)
		},
	})
}

// TestRegisters: each form in its own encoding, with its token and cookie, and
// the page of confirmation where there is one.
func TestRegisters(t *testing.T) {
	eachForm(t, func(t *testing.T, d *desk, name string) {
		_, se := d.send(parcel(joined))
		d.wants(se, accepted, "")
		got := d.sim.Entries()
		if len(got) != 1 || got[0].Mail != to.Reveal() || got[0].Plan != sim.Plan || got[0].Mojibake || d.sim.Posts() != 1 {
			t.Fatalf("the list has %+v after %d submissions", got, d.sim.Posts())
		}
		e := got[0]
		if name == "eucjp" {
			if e.Family != "山田" || e.Given != "花" || e.KanaFamily != "ヤマダ" || e.KanaGiven != "ハナ" {
				t.Errorf("entry %+v", e)
			}
		} else if e.Name != "山田 花" {
			t.Errorf("name %q", e.Name)
		}
		if e.Referer != d.set["url"] || e.UserAgent == "" {
			t.Errorf("referer %q, agent %q", e.Referer, e.UserAgent)
		}
		r, se := d.send(parcel(joined)) // once more: the list knows the address
		d.wants(se, accepted, "")
		if r.ProviderID != "duplicate" || len(d.sim.Entries()) != 1 {
			t.Errorf("a second registration: %+v, %d entries", r, len(d.sim.Entries()))
		}
	})
}

// TestPlans: the plan of all at provisional registration, at application those that it
// names itself before the products'; without one nobody is registered and nothing is sent.
func TestPlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name, text, planID string
			plan, code         string
			tasks              []string
		}{
			{"provisional", joined.Text, "12", "12", "", nil},
			{"provisional without a plan", joined.Text, "", "", "no_plan", nil},
			{"a product", "event: application.completed\nname: 山田 花\nproduct: gold", "", "34", "", nil},
			{"a product without a plan", "event: application.completed\nname: 山田 花\nproduct: bronze", "12", "", "no_plan", nil},
			{"two products", "event: application.completed\nname: 山田 花\nproduct: gold\nproduct: silver", "", "34", "", []string{"listform.register"}},
			{"a plan and no product", "event: application.completed\nname: 山田 花\nplan: 34", "12", "34", "", nil},
			{"a plan and a product without one", "event: application.completed\nname: 山田 花\nproduct: bronze\nplan: 34", "", "34", "", nil},
			{"a plan before the product's", "event: application.completed\nname: 山田 花\nproduct: gold\nplan: 12", "", "12", "", []string{"listform.register"}},
			{"the product's own plan", "event: application.completed\nname: 山田 花\nproduct: gold\nplan: 34", "", "34", "", nil},
			{"two plans", "event: application.completed\nname: 山田 花\nplan: 34\nplan: 12", "", "34", "", []string{"listform.register"}},
			{"words for people", "こんにちは", "12", "", "not_for_the_list", nil},
			{"an event that is none of the list's", "event: contract.resumed", "12", "", "not_for_the_list", nil},
		} {
			d := newDesk(t, "sjis")
			d.set["plan_id"] = c.planID
			_, se := d.send(parcel(engawa.Content{Text: c.text}))
			got := d.sim.Entries()
			if c.plan == "" {
				d.wants(se, channel.Rejected, c.code, c.tasks...)
				if d.sim.Posts() != 0 {
					t.Errorf("%s: something was submitted", c.name)
				}
				continue
			}
			d.wants(se, accepted, "", c.tasks...)
			if len(got) != 1 || got[0].Plan != c.plan {
				t.Errorf("%s: entries %+v", c.name, got)
			}
		}
	})
}

// TestByHand: what a form cannot do is asked of a person, whoever it was sent
// to; and the task holds no address and no name.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for event, act := range acts {
			d := newDesk(t, "sjis")
			p := parcel(engawa.Content{Text: "event: " + event + "\nname: 山田 花"})
			p.To = channel.ByHand
			r, se := d.send(p)
			d.wants(se, accepted, "", "listform."+act)
			if !r.Delivered || d.sim.Posts() != 0 {
				t.Errorf("%s by hand: %+v, %d submissions", event, r, d.sim.Posts())
			}
			if k := d.tasks[0]; k.Ref != p.Message || k.Args["message"] != p.Message || len(k.Args) != 3 {
				t.Errorf("task %+v", k)
			}
			if act == register {
				continue
			}
			d.tasks, p.To = nil, to
			_, se = d.send(p)
			d.wants(se, channel.Rejected, "by_hand", "listform."+act)
		}
	})
}

// TestNames: what the list refuses, what cannot be encoded and what cannot be
// taken apart is never rewritten or replaced: a person decides.
func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			form, name, kana, code string
			posts                  int
		}{
			{"sjis", "Hana Yamada", "", refusedByForm, 1},
			{"sjis", "ヤマダ ハナ", "", refusedByForm, 1},
			{"sjis", "김 민수", "", notEncodable, 0},
			{"sjis", "𠮷田 花", "", notEncodable, 0},
			{"sjis", "花 😀", "", notEncodable, 0},
			{"sjis", "山田〜花", "", notEncodable, 0}, // U+301C, for which Windows-31J has another character
			{"sjis", "髙﨑 花", "", "", 1},
			{"sjis", "ﾔﾏﾀﾞ花", "", "", 1},
			{"eucjp", "山田花", "ヤマダ ハナ", nameNotSplit, 0},
			{"eucjp", "山田 花", "", kanaMissing, 0},
			{"eucjp", "山田 花", "yamada hana", refusedByForm, 1},
			{"eucjp", "山田　花", "ヤマダ　ハナ", "", 1}, // an ideographic space
			{"utf8", "김 민수", "", "", 1},
		} {
			d := newDesk(t, c.form)
			_, se := d.send(parcel(engawa.Content{Text: "event: member.provisional\nname: " + c.name + "\nkana: " + c.kana}))
			if c.code == "" {
				d.wants(se, accepted, "")
				if e := d.sim.Entries(); len(e) != 1 || e[0].Mojibake || e[0].Name+e[0].Family+e[0].Given != strings.ReplaceAll(c.name, "　", "") && e[0].Name != c.name {
					t.Errorf("%s: %+v", c.name, e)
				}
			} else {
				d.wants(se, channel.Rejected, c.code, "listform.register")
			}
			if d.sim.Posts() != c.posts {
				t.Errorf("%s: %d submissions, want %d", c.name, d.sim.Posts(), c.posts)
			}
		}
	})
}

// TestDrift: a form that is not as it was stops the account before anything is
// submitted, and the task says what changed.
func TestDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*sim.Form)
			fault  sim.Fault
			class  channel.Class
			code   string
			says   string
		}{
			"an input is renamed":  {change: func(f *sim.Form) { f.Inputs.Mail = "neu" }, class: channel.AccountClosed, code: formChanged, says: "+ text neu (required)"},
			"a new encoding":       {change: func(f *sim.Form) { f.Charset, f.Header, f.Meta = "UTF-8", "UTF-8", "UTF-8" }, class: channel.AccountClosed, code: formChanged, says: "sesform.php utf-8"},
			"a plan to choose":     {change: func(f *sim.Form) { f.Select = true }, class: channel.AccountClosed, code: formChanged, says: "select"},
			"it asks to sign in":   {fault: sim.Login, class: channel.AccountClosed, code: formChanged, says: "password pw"},
			"it asks for letters":  {fault: sim.Captcha, class: channel.AccountClosed, code: formChanged, says: "+ text captcha (required)"},
			"another host":         {fault: sim.Foreign, class: channel.AccountClosed, code: formChanged, says: "elsewhere.example"},
			"a redirect":           {fault: sim.Moved, class: channel.AccountClosed, code: "302", says: "302"},
			"a meta refresh":       {fault: sim.Refresh, class: channel.AccountClosed, code: "no_form", says: "no_form"},
			"a page of 64 MB":      {fault: sim.Giant, class: channel.AccountClosed, code: "page_too_long", says: "page_too_long"},
			"the script is gone":   {fault: sim.Missing, class: channel.AccountClosed, code: "404", says: "404"},
			"the list is down":     {fault: sim.PageDown, class: channel.Again, code: "503"},
			"nothing has happened": {class: accepted},
		} {
			d := newDesk(t, "sjis")
			if c.change != nil {
				d.sim.Change("sjis", c.change)
			}
			if c.fault != "" {
				d.sim.Next(c.fault)
			}
			_, se := d.send(parcel(joined))
			var tasks []string
			if c.class == channel.AccountClosed {
				tasks = []string{"listform.changed"}
			}
			d.wants(se, c.class, c.code, tasks...)
			if len(d.tasks) > 0 && (!strings.Contains(d.tasks[0].Args["changed"], c.says) || d.tasks[0].Ref != channeltest.Account) {
				t.Errorf("%s: the task says %q, want %q", name, d.tasks[0].Args["changed"], c.says)
			}
			if c.class != accepted && d.sim.Posts() != 0 {
				t.Errorf("%s: something was submitted", name)
			}
		}
	})
}

// TestUnclear: an answer that does not say plainly what happened is unknown,
// and nothing is submitted a second time.
func TestUnclear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for fault, code := range map[sim.Fault]string{sim.Reworded: "unclear", sim.DoneBut: "500", sim.Lost: "network", sim.Hang: "timeout", sim.Down: "503"} {
			for _, form := range []string{"sjis", "eucjp"} {
				d := newDesk(t, form)
				d.sim.Next(fault)
				_, se := d.send(parcel(joined))
				d.wants(se, channel.Ambiguous, code)
				if d.sim.Posts() != 1 {
					t.Errorf("%s %s: %d submissions", form, fault, d.sim.Posts())
				}
			}
		}
		d := newDesk(t, "sjis") // words that contradict each other
		d.set["failure"] = "メルマガ\n完了"
		_, se := d.send(parcel(joined))
		d.wants(se, channel.Ambiguous, "unclear")
		d = newDesk(t, "sjis") // an answer in another charset than the form
		d.sim.Next(sim.Other)
		_, se = d.send(parcel(joined))
		d.wants(se, accepted, "")
		for _, status := range []int{401, 403, 404, 405, 410} { // the first page may have registered already
			d := newDesk(t, "eucjp")
			d.http = &http.Client{Transport: &closing{list: channeltest.Client(d.sim).Transport, method: http.MethodPost, status: status, open: 1}}
			_, se := d.send(parcel(joined))
			d.wants(se, channel.Ambiguous, strconv.Itoa(status))
			if d.sim.Posts() != 1 || len(d.sim.Entries()) != 1 {
				t.Errorf("%d to the confirmation: %d entries of %d submissions", status, len(d.sim.Entries()), d.sim.Posts())
			}
		}
	})
}

// closing answers status to what it has let through to the list, but to the first few.
type closing struct {
	list         http.RoundTripper
	method       string
	status, open int
}

func (c *closing) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.list.RoundTrip(r)
	if err != nil || r.Method != c.method {
		return res, err
	}
	if c.open--; c.open < 0 {
		res.StatusCode = c.status
		res.Header.Set("Retry-After", "30")
	}
	return res, err
}

// TestLimitedTooLate: a 429 to a submission says nothing of whether it was taken. It is
// unknown like any other unclear answer, whatever words stand below it, and is not
// submitted again; before the submission a 429 is waited for.
func TestLimitedTooLate(t *testing.T) {
	d := newDesk(t, "sjis")
	d.http = &http.Client{Transport: &closing{list: channeltest.Client(d.sim).Transport, method: http.MethodPost, status: http.StatusTooManyRequests}}
	_, se := d.send(parcel(joined))
	d.wants(se, channel.Ambiguous, "429")
	if se.After != 30*time.Second || len(d.sim.Entries()) != 1 || d.sim.Posts() != 1 {
		t.Errorf("after %s, %d entries of %d submissions", se.After, len(d.sim.Entries()), d.sim.Posts())
	}
	d = newDesk(t, "sjis")
	d.http = &http.Client{Transport: &closing{list: channeltest.Client(d.sim).Transport, method: http.MethodGet, status: http.StatusTooManyRequests}}
	_, se = d.send(parcel(joined))
	d.wants(se, channel.Again, "429")
	if d.sim.Posts() != 0 {
		t.Errorf("%d submissions", d.sim.Posts())
	}
}

// TestAnswerIsKept: for people, without markup and without the address.
func TestAnswerIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "sjis")
		r, se := d.send(parcel(joined))
		d.wants(se, accepted, "")
		if x := r.Exchange; !strings.Contains(x.Response, sim.Done) || !strings.Contains(x.Response, to.String()) || strings.Contains(x.Response, "<p>") || !strings.Contains(x.Request, "山田 花") {
			t.Errorf("kept: %q\n%q", x.Request, x.Response)
		}
	})
}

// TestNotSetUp: an account that was switched on without reading the form stands
// still and says so.
func TestNotSetUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, key := range []string{"mail", "success", "shape"} {
			d := newDesk(t, "sjis")
			delete(d.set, key)
			_, se := d.send(parcel(joined))
			d.wants(se, channel.AccountClosed, notSetUp)
		}
	})
}

// TestRude: whatever the list does, nobody is on it twice and every hand-over
// ends as what it was. No request asks for what the list does not have.
func TestRude(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Options{Seed: 7})
		var set map[string]string
		for set == nil {
			func() {
				w, err := read(t.Context(), channel.Settings{"url": "https://list.example/sjis/sesform.php", "charset": "auto"}, channel.Env{HTTP: channeltest.Client(s)})
				if err != nil {
					time.Sleep(30 * time.Second) // as the page says
					return
				}
				in := s.Form("sjis").Inputs
				set = map[string]string{
					"url": "https://list.example/sjis/sesform.php", "plan_id": sim.Plan, "mail": in.Mail, "name": in.Name, "plan": in.Plan,
					"success": sim.Done, "failure": sim.Refused, "duplicate": sim.Already, "shape": w.Shape,
				}
			}()
		}
		d := &desk{t: t, sim: s, set: set, http: channeltest.Client(s)}
		yes, open := 0, 0
		for n := range 300 {
			p := parcel(joined)
			p.To = engawa.Address(strings.Repeat("a", 1+n%50) + string(rune('a'+n/50)) + "@customer.example")
			for {
				_, se := d.send(p)
				if se != nil && se.Class == channel.Again {
					time.Sleep(se.After)
					continue
				}
				if se == nil {
					yes++
				} else if se.Class == channel.Ambiguous {
					open++
				} else {
					t.Fatalf("%v", se)
				}
				break
			}
			time.Sleep(4 * time.Second)
		}
		seen := map[string]bool{}
		for _, e := range s.Entries() {
			if seen[e.Mail] || e.Mojibake {
				t.Errorf("entry %+v", e)
			}
			seen[e.Mail] = true
		}
		if yes+open != 300 || open == 0 || len(seen) < yes || len(s.Violations()) > 0 {
			t.Errorf("%d accepted, %d unknown, %d on the list, violations %v", yes, open, len(seen), s.Violations())
		}
	})
}

// TestPageNamesEverything holds docs/channels/listform.md to the settings, the
// events and the words by which a person finds them.
func TestPageNamesEverything(t *testing.T) {
	b, err := os.ReadFile("../../../docs/channels/listform.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, f := range Kind.Fields {
		if !strings.Contains(page, "`"+f.Key+"`") {
			t.Errorf("the page does not speak of %s", f.Key)
		}
		for _, c := range f.Choices {
			if !strings.Contains(page, "`"+c+"`") {
				t.Errorf("the page does not speak of %s for %s", c, f.Key)
			}
		}
	}
	for event := range acts {
		if !strings.Contains(page, "`"+event+"`") {
			t.Errorf("the page does not speak of %s", event)
		}
	}
	for _, key := range Kind.Form.Fields {
		if !slices.ContainsFunc(Kind.Fields, func(f channel.Field) bool { return f.Key == key }) {
			t.Errorf("%s is chosen on the form's page and is no setting", key)
		}
	}
}
