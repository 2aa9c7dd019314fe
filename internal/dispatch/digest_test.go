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
