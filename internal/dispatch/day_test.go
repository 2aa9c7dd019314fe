//go:build !race

// A day takes seconds, and minutes under the race detector: make test runs it by itself.

package dispatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/channeltest"
)

// dayRooms are the rooms of the four event groups.
var dayRooms = map[string]int64{"member.registered": 21, "application.completed": 22, "payment.recurring.failed": 23, "contract.terminated": 24}

var dayTypes = []string{"member.registered", "application.completed", "payment.recurring.failed", "contract.terminated"}

// TestDay plays 24 hours against Chatwork's own limits, unscaled: 300 calls in 5
// minutes and 10 posts in 10 seconds to a room, by both readings of what the
// manual means by 5 minutes. The bursts are such as break a steady rate, two of
// them meet at the end of a window, one goes to a single room, and other programs
// use the token too. The network takes between nothing and 0.3 s each way,
// so that calls come closer together than they left. Chatwork never has to refuse
// a call, nothing is lost, and nothing comes twice or by mail.
func TestDay(t *testing.T) {
	for name, fixed := range map[string]bool{"any 5 minutes": false, "5 minutes from the first call": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *hub) {
				h.room.Fixed = fixed
				h.http = channeltest.Client(slow(h.room))
				ctx := context.Background()
				for i, typ := range dayTypes {
					id := typ
					h.room.AddRoom(dayRooms[typ], id, "group")
					h.must(h.st.AddDestination(ctx, engawa.Destination{
						Workspace: ws, ID: fmt.Sprint("dst_day_", i), Name: id, Account: "acc_chat", Address: engawa.Address(fmt.Sprint(dayRooms[typ])), Locale: engawa.Japanese, CreatedAt: time.Now(),
					}))
					h.must(h.st.SaveRoute(ctx, routeOf(fmt.Sprint("rte_day_", i), typ,
						engawa.Step{To: fmt.Sprint("dst_day_", i), Template: "tpl_notice", Purpose: engawa.Service, Via: []engawa.Via{
							{Account: "acc_chat", Within: time.Hour}, {Account: "acc_mail", Destination: "dst_staff"},
						}})))
				}
				h.run("n1", time.Minute)
				sent := h.day()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				h.complete(sent)
			})
		})
	}
}

// slow is a network that takes its time, there and back.
func slow(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(rand.N(300)) * time.Millisecond)
		to.ServeHTTP(w, r)
		time.Sleep(time.Duration(rand.N(300)) * time.Millisecond)
	})
}

// day has 24 hours of events happen and returns how many of each type.
func (h *hub) day() map[string]int {
	start, sent := time.Now(), map[string]int{}
	happen := func(n int, types ...string) {
		h.t.Helper()
		var evs []engawa.Event
		for i := range n {
			typ := types[i%len(types)]
			sent[typ]++
			id := fmt.Sprintf("%s-%d", typ, sent[typ])
			evs = append(evs, engawa.Event{
				Workspace: ws, ID: engawa.NewOrderedID(engawa.PrefixEvent, time.Now()), Account: engawa.SourceAPI, Type: typ, DedupKey: id,
				OccurredAt: time.Now(), ReceivedAt: time.Now(), Known: true, Data: []byte(`{"contract":"` + id + `"}`),
			})
		}
		_, err := h.st.Journal(context.Background(), evs)
		h.must(err)
	}
	at := func(hours, minutes, seconds int) {
		time.Sleep(time.Until(start.Add(time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second)))
	}
	happen(400, dayTypes...) // more than a window at once
	at(2, 0, 0)
	happen(300, dayTypes...) // a full window
	at(2, 4, 59)
	happen(300, dayTypes...) // and another one second before it ends
	at(5, 0, 0)
	happen(95, dayTypes[0]) // one room alone: 10 in 10 seconds
	at(8, 0, 0)
	h.room.UseElsewhere(120) // another program with the token, of which only answers tell
	happen(300, dayTypes...)
	at(8, 5, 1)
	h.room.UseElsewhere(60)
	happen(200, dayTypes...)
	at(12, 0, 0)
	for minute := range 120 { // little by little
		happen(3, dayTypes[minute%4])
		at(12, minute+1, 0)
	}
	at(16, 0, 0)
	for second := range 20 { // 12 in each 10 seconds for a while
		happen(12, dayTypes[2], dayTypes[3])
		at(16, 0, 10*(second+1))
	}
	at(23, 50, 0)
	happen(350, dayTypes...)
	at(24, 0, 0)
	return sent
}

var dayID = regexp.MustCompile(`契約 (\S+) の`)

// complete holds that each event is in its room once, and that no call was refused.
func (h *hub) complete(sent map[string]int) {
	h.t.Helper()
	for typ, n := range sent {
		seen := map[string]int{}
		for _, m := range h.room.Messages(dayRooms[typ]) {
			if id := dayID.FindStringSubmatch(m.Body); id != nil {
				seen[id[1]]++
			}
		}
		for i := range n {
			if id := fmt.Sprintf("%s-%d", typ, i+1); seen[id] != 1 {
				h.t.Errorf("%s is in its room %d times", id, seen[id])
			}
		}
	}
	if n := h.room.Refused(); n > 0 {
		h.t.Errorf("Chatwork refused %d calls", n)
	}
	for _, v := range h.room.Violations() {
		h.t.Error(v)
	}
	if n := len(h.inbox.Mails()); n > 0 {
		h.t.Errorf("%d went by mail", n)
	}
}
