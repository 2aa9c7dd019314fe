package chatwork

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/catalogue"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/channel/chatwork/sim"
)

func opened(t *testing.T, s http.Handler) channel.Channel {
	t.Helper()
	ch, err := Kind.New(settings, channel.Env{Account: channeltest.Account, HTTP: channeltest.Client(s)})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// send hands over one message under a key of its own.
func send(t *testing.T, ch channel.Channel, to engawa.Address, key int) (channel.Receipt, *channel.SendError) {
	t.Helper()
	p := channeltest.Parcel(to)
	p.Key = "key " + strconv.Itoa(key)
	r, err := ch.Send(t.Context(), channeltest.Cleared(t, p))
	if err == nil {
		return r, nil
	}
	return r, err.(*channel.SendError)
}

const tasksFor = engawa.Address("7001/tasks?days=3&to=1001,1002")

// TestTask: a message to an assignment becomes a task for each of the people,
// due days after the message was made.
func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		ch := opened(t, s)
		r, se := send(t, ch, tasksFor, 1)
		tasks := s.Tasks(7001)
		if se != nil || len(tasks) != 2 || r.ProviderID != strconv.FormatInt(tasks[0].ID, 10)+","+strconv.FormatInt(tasks[1].ID, 10) {
			t.Fatalf("%+v %v %+v", r, se, tasks)
		}
		p := channeltest.Parcel(tasksFor)
		if k := tasks[0]; k.LimitType != "date" || k.Limit != p.CreatedAt.AddDate(0, 0, 3).Unix() || k.Account.ID != 1001 || strings.Contains(k.Body, "[info]") || !strings.Contains(k.Body, p.Content.Text) {
			t.Errorf("%+v", k)
		}
		if _, se := send(t, ch, "7001/tasks?to=1002", 2); se != nil {
			t.Fatal(se)
		} else if k := s.Tasks(7001)[2]; k.LimitType != "none" || k.Limit != 0 {
			t.Errorf("%+v", k)
		}
		if _, se := send(t, ch, "7001/tasks?to=99", 3); se == nil || se.Class != channel.Rejected {
			t.Errorf("for a stranger: %v", se)
		}
		for _, v := range s.Violations() {
			t.Error(v)
		}
	})
}

// TestTaskFound: a task whose answer was lost is found among the open ones and
// among those that somebody has done meanwhile, and only there.
func TestTaskFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		lost := true
		s.Answer = func(r *http.Request) (int, bool) {
			if r.Method == http.MethodPost && lost {
				return 500, true
			}
			return 0, false
		}
		ch := opened(t, s)
		if _, se := send(t, ch, tasksFor, 1); se == nil || se.Class != channel.Ambiguous {
			t.Fatalf("%v", se)
		}
		lost = false
		find := func(key int) bool {
			p := channeltest.Parcel(tasksFor)
			p.Key = "key " + strconv.Itoa(key)
			found, _, err := ch.(channel.Finder).Find(t.Context(), channeltest.Cleared(t, p))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		if !find(1) || find(2) {
			t.Errorf("found %t, another %t", find(1), find(2))
		}
		for _, k := range s.Tasks(7001) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://chat.example/v2/rooms/7001/tasks/"+strconv.FormatInt(k.ID, 10)+"/status?body=done", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Chatworktoken", token)
			res, err := channeltest.Client(s).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		if !find(1) {
			t.Error("a task that is done is not found")
		}
	})
}

// TestTasksAndPostsTogether: both use the room's 10 in 10 seconds, and the
// eleventh does not reach the wire.
func TestTasksAndPostsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		ch := opened(t, s)
		for n := range 10 {
			to := tasksFor
			if n%2 == 0 {
				to = room
			}
			if _, se := send(t, ch, to, n); se != nil {
				t.Fatal(n, se)
			}
		}
		if _, se := send(t, ch, tasksFor, 11); se == nil || se.Class != channel.Again || se.After != 10*time.Second {
			t.Errorf("the eleventh: %v", se)
		}
		if n := len(s.Log()); n != 10 || s.Refused() != 0 {
			t.Errorf("%d calls, %d refused", n, s.Refused())
		}
		time.Sleep(10 * time.Second)
		if _, se := send(t, ch, room, 12); se != nil {
			t.Error(se)
		}
	})
}

// TestOthersUseTheToken: an answer says that others have used the window; what
// is left is used to the last call, and not one more is made.
func TestOthersUseTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim()
		s.UseElsewhere(295)
		ch := opened(t, s)
		for n := range 5 {
			if _, se := send(t, ch, room, n); se != nil {
				t.Fatal(n, se)
			}
		}
		_, se := send(t, ch, room, 6)
		if se == nil || se.Class != channel.Again || se.Code != "window" || len(se.Seen) != 1 || se.Seen[0].Scope != scopeToken || s.Refused() != 0 {
			t.Fatalf("%+v, %d refused", se, s.Refused())
		}
		time.Sleep(se.After)
		if _, se := send(t, ch, room, 7); se != nil || s.Refused() != 0 {
			t.Errorf("after the window: %v", se)
		}
	})
}

// TestAssignments: addresses of tasks are checked and kept in one form.
func TestAssignments(t *testing.T) {
	for in, want := range map[string]engawa.Address{
		"7001/tasks?to=1002,1001&days=3": tasksFor, " 7001/tasks?days=3&to=1001,1002,1001": tasksFor, "7001/tasks?to=1001": "7001/tasks?days=0&to=1001",
		"7001/tasks?": "", "7001/tasks?to=": "", "7001/tasks?to=bob": "", "7001/tasks?to=01": "", "x/tasks?to=1": "", "7001/tasks?to=1&days=x": "", "7001/tasks?to=1&days=366": "",
	} {
		if a, err := address(in); a != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, a.Reveal(), err)
		}
	}
}

// TestNobodyIsCalled: whatever a customer typed, and wherever it stands in the
// message, the room sees no tag that calls somebody, and the box stays one box.
func TestNobodyIsCalled(t *testing.T) {
	for _, bad := range []string{"[toall]", "[To:1002] 店長", "[TOALL]", "[to:1002]", "[rp aid=1002 to=7001-5]", "[RP aid=1002 to=7001-5]"} {
		for _, to := range []engawa.Address{room, tasksFor} {
			p := channeltest.Parcel(to)
			p.Content.Subject, p.Content.Text = "商品 "+bad, "お客さま: "+bad+"\n"+bad
			_, _, form := post(p)
			if b := strings.ToLower(form.Get("body")); strings.Contains(b, strings.ToLower(bad[:4])) {
				t.Errorf("%q: %q", bad, b)
			}
		}
	}
	for _, bad := range []string{"[/title][/info]", "[code]", "[info][title]", "[hr]", "[qt]"} {
		p := channeltest.Parcel(room)
		p.Content.Subject = bad
		if b := body(p); strings.Count(b, "[") != 4 {
			t.Errorf("a subject is markup: %q", b)
		}
	}
}

// TestReplies: a reply in a thread names what it answers; one to another room
// does not, and a task's own notice is no event.
func TestReplies(t *testing.T) {
	r := opened(t, newSim()).(channel.Receiver)
	for text, want := range map[string]string{
		"[rp aid=1001 to=7001-1152921504606846977]Engawa\n了解です": "1152921504606846977", "了解です": "", "[rp aid=1001 to=9-5]x": "", "[rp aid=1001]": "",
	} {
		hook := hookOf(t, text)
		evs, err := r.Receive(callback.Sign(hook, time.Now()), hook)
		if err != nil || len(evs) != 1 || evs[0].Answers != want || strings.Contains(string(evs[0].Data), `"answers"`) != (want != "") || catalogue.Check(evs[0]) != nil {
			t.Errorf("%q: %+v %v", text, evs, err)
		}
	}
	hook := hookOf(t, "[info][title][dtext:task_added][/title][task aid=1002 st=open lt=0]"+taskBody(channeltest.Parcel(tasksFor))+"[/task][/info]")
	if evs, err := r.Receive(callback.Sign(hook, time.Now()), hook); err != nil || len(evs) != 0 {
		t.Errorf("the room's notice of our own task: %+v %v", evs, err)
	}
}

func hookOf(t *testing.T, body string) []byte {
	t.Helper()
	said, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.Replace(string(callback.Body), `"了解です"`, string(said), 1))
}

// TestPeople: who is in a room, and who the token is.
func TestPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := channel.Env{HTTP: channeltest.Client(newSim())}
		got, err := people(t.Context(), settings, env, room)
		if err != nil || len(got) != 3 || got[1] != (channel.Person{ID: "1002", Name: "店長"}) {
			t.Errorf("%+v %v", got, err)
		}
		w, err := who(t.Context(), settings, env)
		if err != nil || w.Name != "Engawa" || len(w.Seen) != 1 || w.Seen[0].Remaining != 298 {
			t.Errorf("%+v %v", w, err)
		}
		down := channel.Env{HTTP: channeltest.Client(&sim.Server{Token: "another"})}
		if _, err := who(t.Context(), settings, down); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("a token that is not valid: %v", err)
		}
	})
}
