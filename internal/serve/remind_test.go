package serve

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

func TestUntilNext(t *testing.T) {
	now := time.Now()
	for left, want := range map[time.Duration]time.Duration{
		-time.Hour: remindLeast, 0: remindLeast, 20 * time.Second: 20 * time.Second, time.Hour: remindMost,
	} {
		if got := untilNext(now.Add(left), now); got != want {
			t.Errorf("%v before it is due it sleeps %v", left, got)
		}
	}
	if got := untilNext(time.Time{}, now); got != remindMost {
		t.Errorf("with nothing due it sleeps %v", got)
	}
}

// TestRemindersReachARoom: a task that is raised and overdue goes by a route to a
// staff place, in words, with a link; once each.
func TestRemindersReachARoom(t *testing.T) {
	o := working(t)
	ctx, now := t.Context(), time.Now()
	for _, err := range []error{
		o.Store.AddDestination(ctx, engawa.Destination{Workspace: "ws_1", ID: "dst_staff", Name: "店長", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: now}),
		o.Store.SaveRoute(ctx, engawa.Route{
			Workspace: "ws_1", ID: "rte_tasks", Name: "やること", Enabled: true, Events: []string{"task.*"}, UpdatedAt: now,
			Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}},
		}),
		o.Store.Raise(ctx, engawa.Task{Workspace: "ws_1", ID: "tsk_late", Kind: "route.broken", Ref: "rte_1", DueAt: now.Add(-time.Second)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Store.Remind(ctx); err != nil { // as another node, beside the hub's own watch
		t.Fatal(err)
	}
	want := map[string]bool{"人の手が要ることがあります": true, "期限が近づいています": true, "期限が過ぎました": true}
	told := func() (texts []string) {
		rows, err := o.Store.Messages(ctx, "ws_1", store.MessageFilter{}, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			said, err := o.Store.Message(ctx, "ws_1", r.Message.ID)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(said.Message.Content.Text, "tsk_late") {
				texts = append(texts, said.Message.Content.Text)
			}
		}
		return texts
	}
	end, stop := context.WithTimeout(ctx, 90*time.Second)
	defer stop()
	for len(told()) < len(want) && end.Err() == nil {
		time.Sleep(50 * time.Millisecond) // the hub works by itself beside us
	}
	texts := strings.Join(told(), "\n")
	if len(told()) != len(want) {
		t.Errorf("told %d times", len(told()))
	}
	for line := range want {
		if !strings.Contains(texts, line) || !strings.Contains(texts, "行き先の設定を直してください") || !strings.Contains(texts, "/tasks/tsk_late") {
			t.Errorf("nobody is told %q: %s", line, texts)
		}
	}
}

// TestUpkeepAsks: an upkeep that is behind asks a person, once however long it is.
func TestUpkeepAsks(t *testing.T) {
	o := working(t)
	o.askForUpkeep(t.Context())
	o.askForUpkeep(t.Context())
	ks, err := o.Store.TaskPage(t.Context(), "ws_1", store.TaskFilter{Kind: "hub.upkeep"}, store.Page{})
	if err != nil || len(ks) != 1 || ks[0].Count != 2 || ks[0].DueAt.IsZero() {
		t.Errorf("%+v, %v", ks, err)
	}
}
