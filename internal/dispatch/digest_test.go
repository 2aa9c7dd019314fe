package dispatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
)

// TestDigest: the events of ten minutes go as one notice, five together at once,
// those of another customer's cause apart; what is muted waits for the morning.
func TestDigest(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		step := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: &engawa.Digest{Within: 10 * time.Minute, Count: 5}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_digest", "payment.*", step)))
		h.run("n1", time.Minute)
		for i := range 3 {
			h.event(fmt.Sprint("P-", i), "payment.recurring.failed", "cus_no")
		}
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 0 {
			t.Fatalf("told before its time: %+v", posts)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		posts := h.room.Messages(11)
		if len(posts) != 1 || strings.Count(posts[0].Body, "cus_no") != 3 || !strings.Contains(posts[0].Body, "3件") || strings.Contains(posts[0].Body, "田中") {
			t.Fatalf("after its time: %+v", posts)
		}
		for i := range 5 {
			h.event(fmt.Sprint("Q-", i), "payment.recurring.failed", "cus_no")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 2 || !strings.Contains(posts[1].Body, "5件") {
			t.Fatalf("five are enough: %+v", posts)
		}
		if rows := h.messages(); len(rows) != 2 {
			t.Errorf("%d messages", len(rows))
		}
	})
}

// TestDigestBy: with a field by which events differ each value has its own digest.
func TestDigestBy(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		step := engawa.Step{To: "dst_room", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Digest: &engawa.Digest{Within: time.Minute, By: "contract"}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_digest", "*", step)))
		h.run("n1", time.Minute)
		for i, typ := range []string{"payment.recurring.failed", "contract.suspended"} {
			for _, contract := range []string{"A", "B"} {
				_, err := h.st.Journal(context.Background(), []engawa.Event{{
					Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: typ, DedupKey: fmt.Sprint(i, contract),
					OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"contract":"` + contract + `"}`),
				}})
				h.must(err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		posts := h.room.Messages(11)
		if len(posts) != 2 || !strings.Contains(posts[0].Body, "2件") || !strings.Contains(posts[1].Body, "2件") {
			t.Fatalf("one failed card each: %+v", posts)
		}
	})
}

// TestMute: at night nothing goes to the room, and in the morning all of it does.
func TestMute(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) { // it is 21:00 in Tokyo
		step := engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}, Mute: []engawa.Window{{From: "21:00", To: "07:30"}}}
		h.must(h.st.SaveRoute(context.Background(), routeOf("rte_quiet", "contract.*", step)))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "cus_no")
		time.Sleep(10*time.Hour + 29*time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 0 {
			t.Fatalf("told at night: %+v", posts)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 1 {
			t.Fatalf("in the morning: %+v", posts)
		}
		h.event("A-2", "contract.suspended", "cus_no")
		time.Sleep(time.Second)
		synctest.Wait()
		if posts := h.room.Messages(11); len(posts) != 2 {
			t.Errorf("by day: %+v", posts)
		}
	})
}

// TestUnopened: an account whose settings cannot be used asks a person, once, and
// what it cannot take in time goes by its fallback.
func TestUnopened(t *testing.T) {
	bubble(t, func(t *testing.T, h *hub) {
		ctx := context.Background()
		a, err := h.st.Account(ctx, ws, "acc_chat")
		h.must(err)
		a.Settings = map[string]string{"token": ""}
		h.must(h.st.ChangeAccount(ctx, a))
		h.must(h.st.SaveRoute(ctx, routeOf("rte_room", "contract.*", engawa.Step{To: "dst_room", Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_chat"}}})))
		h.run("n1", time.Minute)
		h.event("A-1", "contract.suspended", "cus_no")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		tasks, err := h.st.Tasks(ctx, ws, 10)
		h.must(err)
		if len(tasks) != 1 || tasks[0].Kind != "account.closed" || tasks[0].Ref != "acc_chat" || tasks[0].Count != 1 {
			t.Errorf("tasks: %+v", tasks)
		}
	})
}
