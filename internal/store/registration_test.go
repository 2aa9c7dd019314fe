package store_test

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

const (
	mailings = "acc_list"
	second   = "acc_list2"
)

// mailingLists runs test on a shop with two lists behind forms and a place at which a
// person is asked for what the first one's form cannot do.
func mailingLists(t *testing.T, test func(s *shop)) {
	t.Helper()
	each(t, func(s *shop) {
		for _, id := range []string{mailings, second} {
			s.must(s.AddAccount(s.t.Context(), engawa.Account{Workspace: ws, ID: id, Kind: "listform", Name: "メルマガ", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now()}))
		}
		s.must(s.AddDestination(s.t.Context(), engawa.Destination{Workspace: ws, ID: "dst_hand", Name: "手作業", Account: mailings, Address: engawa.ByHand, CreatedAt: time.Now()}))
		test(s)
	})
}

// register has a form take a customer, under each plan.
func (s *shop) register(account, customer string, plans ...string) {
	s.t.Helper()
	s.enter(account, customer, accepted, plans...)
}

func (s *shop) enter(account, customer string, end func(*store.Claimed) store.Result, plans ...string) (message string) {
	s.t.Helper()
	m := s.message(customer)
	m.Chain = []engawa.Via{{Account: account}}
	s.send(m)
	l := s.hold("node", account)
	going := s.claim(l, 1, func(c *store.Claimed) store.Decision {
		c.Entry = &store.Entry{Registers: true, Plans: plans, Mail: c.Known.To, Name: "田中　" + customer}
		return sendAll(c)
	})
	_, err := s.Record(s.t.Context(), l, []store.Result{end(going[0])})
	s.must(err)
	return m.ID
}

// notTaken ends a hand-over that a person was asked to do instead.
func notTaken(c *store.Claimed) store.Result {
	return store.Result{Claimed: c, EndedAt: time.Now(), Outcome: engawa.OutcomeFailed, State: engawa.Failed, Code: "form_refused", Asked: true}
}

// point adds a proved mail address, which comes behind those that are there.
func (s *shop) point(customer, id string, a engawa.Address) {
	s.t.Helper()
	now := time.Now()
	s.must(s.AddContactPoint(s.t.Context(), engawa.ContactPoint{Workspace: ws, ID: id, Customer: customer, Kind: "mail", Address: a, VerifiedAt: now, CreatedAt: now}))
}

// move replaces the address of a customer.
func (s *shop) move(customer, id string, a engawa.Address) {
	s.t.Helper()
	s.point(customer, id, a)
	s.must(s.EndContactPoint(s.t.Context(), ws, customer, "cp_"+customer))
}

// asked are the open tasks about lists, each as its kind, how often it was raised,
// its list, its why and what is to be typed.
func (s *shop) asked() (out []string) {
	s.t.Helper()
	for _, k := range s.openTasks() {
		var typed []string
		for _, name := range k.ToType() {
			typed = append(typed, name+"="+k.Args[engawa.TypeExactly+name])
		}
		out = append(out, fmt.Sprintf("%s ×%d %s %s %s", k.Kind, k.Count, k.Args["account"], k.Args["why"], strings.Join(typed, " ")))
	}
	slices.Sort(out)
	return out
}

func (s *shop) openTasks() (out []store.TaskStory) {
	s.t.Helper()
	ks, err := s.Tasks(s.t.Context(), ws, 100)
	s.must(err)
	for _, k := range ks {
		if k.State == "open" && strings.HasPrefix(k.Kind, "listform.") {
			story, err := s.Task(s.t.Context(), ws, k.ID)
			s.must(err)
			out = append(out, story)
		}
	}
	return out
}

func (s *shop) wantAsked(when string, want ...string) {
	s.t.Helper()
	if got := s.asked(); !slices.Equal(got, want) {
		s.t.Errorf("%s: asked\n\t%s\nwant\n\t%s", when, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// finish does every task about lists.
func (s *shop) finish() {
	s.t.Helper()
	for _, k := range s.openTasks() {
		s.must(s.FinishTask(s.t.Context(), ws, k.ID, ""))
	}
}

const (
	remove  = "listform.remove ×1 acc_list %s mail=cus_a@customer.example name=田中　cus_a plan=12"
	renamed = "listform.change ×1 acc_list changed mail=cus_a@customer.example name=田中　cus_a name_new=鈴木 葵 plan=12"
	moved   = "listform.change ×1 acc_list changed mail=cus_a@customer.example mail_new=new@customer.example name=田中　cus_a plan=12"
)

// TestListHearsOfChanges: whatever changes here of a customer whom a list holds,
// and whoever changes it, becomes a task with the text to type, and of a customer whom
// none holds nothing does.
func TestListHearsOfChanges(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		replace := func(id string) { s.move(id, "cp_new_"+id, "new@customer.example") }
		withdraw := func(id string, given bool, channel string) {
			c := consent(id, given, time.Now())
			c.Channel = channel
			s.must(s.Decide(ctx, c))
		}
		called := func(id string, change func(*engawa.Customer)) {
			_, err := s.ChangeCustomer(ctx, ws, id, change)
			s.must(err)
		}
		erase := func(id string) {
			_, err := s.Erase(ctx, ws, id)
			s.must(err)
		}
		gone := func(id string) { s.must(s.EndContactPoint(ctx, ws, id, "cp_"+id)) }
		more := func(id string) { s.point(id, "cp_more_"+id, "new@customer.example") }
		for i, c := range []struct {
			what   string
			change func(id string)
			want   string
		}{
			{"nothing", func(string) {}, ""},
			{"an address is replaced", replace, moved},
			{"the address is taken away", gone, fmt.Sprintf(remove, "ended")},
			{"one more address", more, ""},
			{"another is chosen for it", func(id string) {
				more(id)
				s.must(s.Choose(ctx, ws, id, "cp_"+id, []engawa.Purpose{engawa.Service}))
			}, moved},
			{"a new name", func(id string) { called(id, func(c *engawa.Customer) { c.Name = "鈴木 葵" }) }, renamed},
			{"a new language", func(id string) { called(id, func(c *engawa.Customer) { c.Locale = engawa.Korean }) }, ""},
			{"a withdrawal", func(id string) { withdraw(id, false, "") }, fmt.Sprintf(remove, "withdrawn")},
			{"a withdrawal for mail", func(id string) { withdraw(id, false, "mail") }, fmt.Sprintf(remove, "withdrawn")},
			{"a withdrawal of something else", func(id string) { withdraw(id, false, "line") }, ""},
			{"a withdrawal taken back", func(id string) { withdraw(id, false, ""); withdraw(id, true, "") }, ""},
			{"the address bounced for good", func(id string) { s.suppress(id, "bounced", 0) }, fmt.Sprintf(remove, "stopped")},
			{"the address bounced for a while", func(id string) { s.suppress(id, "bounced", time.Hour) }, ""},
			{"the address bounced and there is another", func(id string) { more(id); s.suppress(id, "bounced", 0) }, moved},
			{"a complaint, whatever other address there is", func(id string) { more(id); s.suppress(id, "complained", 0) }, fmt.Sprintf(remove, "complained")},
			{"taken away, then another comes", func(id string) { gone(id); more(id) }, moved},
			{"replaced, and withdrawn", func(id string) { replace(id); withdraw(id, false, "") }, fmt.Sprintf(remove, "withdrawn")},
			{"replaced twice", func(id string) {
				s.move(id, "cp_mid_"+id, "mid@customer.example")
				more(id)
				s.must(s.EndContactPoint(ctx, ws, id, "cp_mid_"+id))
			}, strings.Replace(moved, "×1", "×2", 1)},
			{"replaced while the form is switched off", func(id string) {
				s.switched(mailings, false)
				replace(id)
				s.switched(mailings, true)
			}, moved},
			{"an erasure", erase, fmt.Sprintf(remove, "erased")},
			{"replaced, and erased before that is done", func(id string) { replace(id); erase(id) }, strings.Replace(fmt.Sprintf(remove, "erased"), ".example", ".example, new@customer.example", 1)},
		} {
			never, id := fmt.Sprintf("cus_never%02d", i), fmt.Sprintf("cus_%02d", i)
			s.customer(never)
			c.change(never)
			s.wantAsked(c.what + ", on no list")
			s.customer(id)
			s.register(mailings, id, "12")
			c.change(id)
			if c.want == "" {
				s.wantAsked(c.what)
			} else {
				s.wantAsked(c.what, strings.ReplaceAll(c.want, "cus_a", id))
			}
			s.finish()
			s.wantAsked(c.what + ", done")
		}
	})
}

func (s *shop) suppress(id, reason string, d time.Duration) {
	s.t.Helper()
	x := engawa.Suppression{Workspace: ws, Channel: "mail", Address: address(id), Customer: id, Reason: reason, At: time.Now()}
	if d > 0 {
		x.Until = x.At.Add(d)
	}
	s.must(s.Suppress(s.t.Context(), x))
}

func (s *shop) switched(account string, on bool) {
	s.t.Helper()
	a, err := s.Account(s.t.Context(), ws, account)
	s.must(err)
	a.Enabled = on
	s.must(s.ChangeAccount(s.t.Context(), a))
}

// TestListAfterwards: the hub knows what a person has done: the next change tells
// the address that the list has by then, and who came off it is asked about no more.
func TestListAfterwards(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.register(mailings, "cus_a", "12", "34")
		s.register(second, "cus_a")
		s.move("cus_a", "cp_new", "new@customer.example")
		s.wantAsked("one task a list",
			"listform.change ×1 acc_list changed mail=cus_a@customer.example mail_new=new@customer.example name=田中　cus_a plan=12, 34",
			"listform.change ×1 acc_list2 changed mail=cus_a@customer.example mail_new=new@customer.example name=田中　cus_a")
		s.finish()
		s.point("cus_a", "cp_newer", "newer@customer.example")
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_new"))
		s.wantAsked("the second time",
			"listform.change ×1 acc_list changed mail=new@customer.example mail_new=newer@customer.example name=田中　cus_a plan=12, 34",
			"listform.change ×1 acc_list2 changed mail=new@customer.example mail_new=newer@customer.example name=田中　cus_a")
		s.finish()
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_newer"))
		gone := s.openTasks()
		if len(gone) != 2 || gone[0].Kind != "listform.remove" || gone[0].Customer != "cus_a" || gone[0].DueAt.IsZero() {
			s.t.Fatalf("%+v", gone)
		}
		s.finish()
		s.point("cus_a", "cp_last", "last@customer.example")
		_, err := s.Erase(ctx, ws, "cus_a")
		s.must(err)
		s.wantAsked("who came off both lists")
		rs, err := s.Registrations(ctx, ws, "cus_a")
		s.must(err)
		for _, r := range rs {
			if r.EndedAt.IsZero() || !r.Gone || r.Mail != "" {
				s.t.Errorf("%+v", r)
			}
		}
		if n, err := s.Registered(ctx, ws, mailings); err != nil || n != 0 || len(rs) != 3 {
			s.t.Errorf("%d are registered, %d were, %v", n, len(rs), err)
		}
	})
}

// TestListRegisteredByHand: what a form refused stands in the list when a person
// has typed it: until then it is typed as it is by then, and never where consent was
// taken back meanwhile.
func TestListRegisteredByHand(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		for _, id := range []string{"cus_a", "cus_b"} {
			m := s.enter(mailings, id, notTaken, "12")
			s.must(s.Raise(ctx, engawa.Task{Workspace: ws, ID: "tsk_" + id, Kind: "listform.register", Ref: m, Args: map[string]string{"account": mailings, "message": m}}))
		}
		s.move("cus_a", "cp_new", "new@customer.example")
		if got := s.asked(); len(got) != 2 || strings.Contains(got[0]+got[1], "change") {
			s.t.Errorf("asked to change what was not typed yet: %v", got)
		}
		rs, err := s.Registrations(ctx, ws, "cus_a")
		s.must(err)
		if len(rs) != 1 || rs[0].Mail != "new@customer.example" || rs[0].How != store.ListedByHand {
			s.t.Errorf("to be typed is %d, %s", len(rs), rs[0].Mail.Reveal())
		}
		k := s.byHandOf("member.updated", `{"m":{"email":"newer@customer.example"}}`)
		k.Kind = "listform.change"
		s.must(s.Raise(ctx, k))
		if rs, err = s.Registrations(ctx, ws, "cus_a"); err != nil || len(s.asked()) != 2 || rs[0].Mail != "newer@customer.example" {
			s.t.Errorf("told before it was typed: %v, to be typed is %s", s.asked(), rs[0].Mail.Reveal())
		}
		k = s.byHandOf("member.updated", `{"m":{"email":"new@customer.example"}}`)
		k.Kind = "listform.change"
		s.must(s.Raise(ctx, k))
		s.must(s.FinishTask(ctx, ws, "tsk_cus_a", ""))
		s.must(s.Decide(ctx, consent("cus_b", false, time.Now())))
		if k, err := s.Task(ctx, ws, "tsk_cus_b"); err != nil || k.State != "done" {
			s.t.Errorf("who took the consent back is still to be registered: %s %v", k.State, err)
		}
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_new"))
		s.wantAsked("typed, and gone",
			"listform.remove ×1 acc_list ended mail=new@customer.example name=田中　cus_a plan=12",
			"listform.remove ×1 acc_list withdrawn mail=cus_b@customer.example name=田中　cus_b plan=12")
	})
}

// byHandOf journals an event of cus_a and stores the message by which its route asks a person.
func (s *shop) byHandOf(typ, data string) engawa.Task {
	s.t.Helper()
	ev := event(typ + fmt.Sprint(s.made.Add(1)))
	ev.Type, ev.Customer, ev.Data = typ, "cus_a", []byte(data)
	ev.Identities = nil
	_, err := s.Journal(s.t.Context(), []engawa.Event{ev})
	s.must(err)
	m := s.message("")
	m.Event, m.About, m.Destination, m.Chain = ev.ID, "cus_a", "dst_hand", []engawa.Via{{Account: mailings}}
	s.send(m)
	return engawa.Task{Workspace: ws, Ref: m.ID, Listed: true, Args: map[string]string{"account": mailings, "message": m.ID, "why": "by_hand"}}
}

// TestListOnce: the hub's own change and the event by which the business's system
// tells of the same are one task; what is done already is none; and each plan goes alone.
func TestListOnce(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.register(mailings, "cus_a", "12", "34")
		tell := func(kind string, k engawa.Task) {
			k.Kind = kind
			s.must(s.Raise(ctx, k))
		}
		updated := func() {
			tell("listform.change", s.byHandOf("member.updated", `{"m":{"email":"new@customer.example","name":"田中　cus_a"}}`))
		}
		updated()
		change := "listform.change ×%d acc_list %s mail=cus_a@customer.example mail_new=new@customer.example name=田中　cus_a plan=12, 34"
		s.wantAsked("told by an event", fmt.Sprintf(change, 1, "by_hand"))
		s.point("cus_a", "cp_new", "new@customer.example")
		s.wantAsked("the old address still serves here", fmt.Sprintf(change, 1, "by_hand"))
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_cus_a"))
		s.wantAsked("and then not", fmt.Sprintf(change, 1, "by_hand"))
		updated()
		s.wantAsked("told once more", fmt.Sprintf(change, 2, "by_hand"))
		_, err := s.ChangeCustomer(ctx, ws, "cus_a", func(c *engawa.Customer) { c.Name = "鈴木 葵" })
		s.must(err)
		both := "listform.change ×3 acc_list changed mail=cus_a@customer.example mail_new=new@customer.example name=田中　cus_a name_new=鈴木 葵 plan=12, 34"
		s.wantAsked("and the name, here", both)
		_, err = s.ChangeCustomer(ctx, ws, "cus_a", func(c *engawa.Customer) { c.Name = "田中 cus_a" })
		s.must(err)
		s.wantAsked("and taken back", fmt.Sprintf(change, 4, "changed"))
		s.finish()
		updated()
		s.wantAsked("told of what is done")

		k := s.byHandOf("contract.terminated", `{"c":{"type":"gold"}}`)
		k.Plans = []string{"34"}
		tell("listform.remove", k)
		s.wantAsked("one plan", "listform.remove ×1 acc_list by_hand mail=new@customer.example name=田中　cus_a plan=34")
		s.point("cus_a", "cp_newer", "newer@customer.example")
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_new"))
		s.wantAsked("the other plan moves",
			"listform.change ×1 acc_list changed mail=new@customer.example mail_new=newer@customer.example name=田中　cus_a plan=12",
			"listform.remove ×1 acc_list by_hand mail=new@customer.example name=田中　cus_a plan=34")
		tell("listform.remove", s.byHandOf("member.deleted", `{}`))
		s.wantAsked("all goes", "listform.remove ×2 acc_list by_hand mail=new@customer.example name=田中　cus_a plan=12, 34")
		late := s.byHandOf("member.deleted", `{}`)
		_, err = s.Erase(ctx, ws, "cus_a")
		s.must(err)
		s.wantAsked("erased besides", "listform.remove ×3 acc_list erased mail=new@customer.example name=田中　cus_a plan=12, 34")
		tell("listform.remove", late)
		s.wantAsked("told of the erasure", "listform.remove ×3 acc_list erased mail=new@customer.example name=田中　cus_a plan=12, 34")
	})
	mailingLists(t, func(s *shop) {
		s.customer("cus_a")
		k := s.byHandOf("contract.terminated", `{}`)
		k.Kind = "listform.remove"
		s.must(s.Raise(s.t.Context(), k))
		s.wantAsked("of whom nothing is known here", "listform.remove ×1 acc_list by_hand ")
		_, err := s.Erase(s.t.Context(), ws, "cus_a")
		s.must(err)
		s.wantAsked("and who is erased then", "listform.remove ×1 acc_list erased mail=cus_a@customer.example name=田中 cus_a")
	})
}

// TestListForgets: what is to be taken out of a list of a customer who was erased is
// in no table in words, goes when the task is done, and in any case after its time.
func TestListForgets(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		erase := func(id string) store.TaskStory {
			s.customer(id)
			s.register(mailings, id, "12")
			_, err := s.Erase(ctx, ws, id)
			s.must(err)
			of := s.openTasks()
			if len(of) != 1 || of[0].Args["type.mail"] != address(id).Reveal() || of[0].Customer != "" {
				s.t.Fatalf("%+v", of)
			}
			return of[0]
		}
		forgotten := func(when, id string) {
			k, err := s.Task(ctx, ws, id)
			s.must(err)
			db := storetest.Open(s.t, s.url)
			defer db.Close()
			if len(k.ToType()) != 0 || !k.Gone || query(s.t, db, `SELECT count(*) FROM task WHERE sealed IS NOT NULL`)[0][0] != "0" {
				s.t.Errorf("%s: %v is left, gone %t", when, k.ToType(), k.Gone)
			}
		}
		done := erase("cus_a")
		db := storetest.Open(s.t, s.url)
		words := dump(s.t, db, tablesOf(s.t, db, s.Lite()), ws)
		if a := address("cus_a").Reveal(); strings.Contains(words, a) || strings.Contains(words, hex.EncodeToString([]byte(a))) {
			s.t.Error("the address stands in the database")
		}
		s.must(s.FinishTask(ctx, ws, done.ID, "消しました"))
		forgotten("done", done.ID)
		s.must(s.ReopenTask(ctx, ws, done.ID, ""))
		forgotten("opened again", done.ID)
		s.must(s.FinishTask(ctx, ws, done.ID, ""))
		s.must(s.Sweep(ctx))
		late := erase("cus_b")
		s.must(s.Sweep(ctx))
		if s.openTasks()[0].Args["type.mail"] == "" {
			s.t.Error("forgotten before its time")
		}
		_, err := db.ExecContext(ctx, `UPDATE task SET forget_at = forget_at - $1 WHERE forget_at > 0`, (store.ForgetAfter - time.Minute).Microseconds())
		s.must(err)
		s.must(s.Sweep(ctx))
		if s.openTasks()[0].Args["type.mail"] == "" {
			s.t.Error("forgotten a minute before its time")
		}
		_, err = db.ExecContext(ctx, `UPDATE task SET forget_at = forget_at - $1 WHERE forget_at > 0`, (2 * time.Minute).Microseconds())
		s.must(err)
		s.must(s.Sweep(ctx))
		forgotten("late", late.ID)
	})
}

// TestListMerged: what lists have of two customers who become one is asked about as
// that one's.
func TestListMerged(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.customer("cus_b")
		s.register(mailings, "cus_a", "12")
		s.must(s.EndContactPoint(ctx, ws, "cus_a", "cp_cus_a"))
		s.wantAsked("before", fmt.Sprintf(remove, "ended"))
		_, err := s.Merge(ctx, store.Merge{Workspace: ws, Into: "cus_b", From: "cus_a", Narrow: func(_, _ []engawa.Consent, _ time.Time) []engawa.Consent { return nil }})
		s.must(err)
		s.wantAsked("merged into one who has an address",
			"listform.change ×1 acc_list changed mail=cus_a@customer.example mail_new=cus_b@customer.example name=田中　cus_a name_new=田中 cus_b plan=12")
		_, err = s.Erase(ctx, ws, "cus_b")
		s.must(err)
		s.wantAsked("erased", "listform.remove ×1 acc_list erased mail=cus_a@customer.example, cus_b@customer.example name=田中　cus_a, 田中 cus_b plan=12")
	})
}

// TestListErasedMeanwhile: whom the form took while the customer was erased is asked
// to be taken out at once.
func TestListErasedMeanwhile(t *testing.T) {
	mailingLists(t, func(s *shop) {
		s.customer("cus_a")
		s.enter(mailings, "cus_a", func(c *store.Claimed) store.Result {
			_, err := s.Erase(s.t.Context(), ws, "cus_a")
			s.must(err)
			s.wantAsked("before the form has answered")
			return accepted(c)
		}, "12")
		s.wantAsked("after", fmt.Sprintf(remove, "erased"))
	})
}

// TestListTogether: whoever changes a customer, tells of the customer and finishes what
// is asked about the customer at the same moment waits for the others, and nobody fails.
func TestListTogether(t *testing.T) {
	mailingLists(t, func(s *shop) {
		ctx := s.t.Context()
		s.customer("cus_a")
		s.register(mailings, "cus_a", "12", "34")
		told := s.byHandOf("member.updated", `{"m":{"email":"new@customer.example"}}`)
		told.Kind = "listform.change"
		s.must(s.Raise(ctx, told))
		var work sync.WaitGroup
		for n := range 12 {
			work.Go(func() {
				id := fmt.Sprintf("cp_%d", n)
				now := time.Now()
				if err := s.AddContactPoint(ctx, engawa.ContactPoint{Workspace: ws, ID: id, Customer: "cus_a", Kind: "mail", Address: engawa.Address(id + "@customer.example"), VerifiedAt: now, CreatedAt: now}); err != nil {
					s.t.Errorf("add: %v", err)
				}
				if err := s.Choose(ctx, ws, "cus_a", id, []engawa.Purpose{engawa.Service}); err != nil {
					s.t.Errorf("choose: %v", err)
				}
				if err := s.EndContactPoint(ctx, ws, "cus_a", id); err != nil {
					s.t.Errorf("end: %v", err)
				}
			})
			work.Go(func() {
				k := told
				k.Args = maps.Clone(told.Args)
				if err := s.Raise(ctx, k); err != nil {
					s.t.Errorf("raise: %v", err)
				}
			})
			work.Go(func() {
				ks, err := s.TaskPage(ctx, ws, store.TaskFilter{State: "open"}, store.Page{Limit: 1})
				if err == nil && len(ks) > 0 {
					err = s.FinishTask(ctx, ws, ks[0].ID, "")
				}
				if err != nil && code(err) != engawa.CodeNotFound { // another was quicker
					s.t.Errorf("finish: %v", err)
				}
			})
		}
		work.Wait()
	})
}
