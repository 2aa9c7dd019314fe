package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/line"
	linesim "github.com/engawa/engawa/internal/channel/line/sim"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
	"github.com/engawa/engawa/internal/vault"
)

// TestFullWebhook: what LINE sends at most at once, 50 events of ten people whom nobody
// knew, is durable well within the two seconds after which LINE gives up, however
// often it comes.
func TestFullWebhook(t *testing.T) {
	const secret = "8c570fa6dd201bb328f1c1eac23a96d8"
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		st, err := store.Open(ctx, url, vault.New(vault.Generate(time.Now())))
		must(err)
		defer st.Close()
		must(st.AddWorkspace(ctx, engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now()}))
		must(st.AddAccount(ctx, engawa.Account{
			Workspace: "ws_1", ID: "acc_line", Kind: "line", Name: "LINE", Environment: engawa.Production, Owner: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(),
			Settings: map[string]string{"channel_id": "1657000001", "channel_secret": secret},
		}))
		in := &intake.Intake{Store: st, Kinds: []channel.Kind{line.Kind}, Env: channel.Env{Log: slog.New(slog.DiscardHandler)}}
		var events []map[string]any
		for n := range 50 {
			events = append(events, map[string]any{
				"type": "message", "mode": "active", "timestamp": time.Now().UnixMilli() + int64(n), "webhookEventId": fmt.Sprintf("01%024d", n),
				"source": map[string]any{"type": "user", "userId": fmt.Sprintf("U%032d", n%10)}, "message": map[string]any{"id": fmt.Sprint(9000 + n), "type": "text", "text": "こんにちは"},
			})
		}
		body, err := json.Marshal(map[string]any{"destination": "U8e742f61d673b39c7fff3cecb7536ef0", "events": events})
		must(err)
		for range 3 {
			began := time.Now()
			must(in.Accept(ctx, "acc_line", http.Header{"X-Line-Signature": {linesim.Sign(secret, body)}}, body))
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
		}
		evs, err := st.Events(ctx, "ws_1", store.EventFilter{Type: "line.message"}, store.Page{Limit: 200})
		must(err)
		people := map[string]int{}
		for _, e := range evs {
			people[e.Customer]++
		}
		if len(evs) != 50 || len(people) != 10 || people[""] != 0 {
			t.Errorf("%d events of %v", len(evs), people)
		}
	})
}
