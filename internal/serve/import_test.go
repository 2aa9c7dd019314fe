package serve

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/channel/builtin"
	"github.com/engawa/engawa/internal/intake"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
)

// TestUploadedFileIsTold: what an uploaded file changes is applied by the hub
// itself, and goes by a route to a staff place.
func TestUploadedFileIsTold(t *testing.T) {
	o := working(t)
	ctx, now := t.Context(), time.Now()
	text, err := csv.Mapping{Columns: map[string]csv.Field{"会員番号": csv.Number, "契約ID": csv.ID, "プラン": csv.Plan}}.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		o.Store.AddDestination(ctx, engawa.Destination{Workspace: "ws_1", ID: "dst_staff", Name: "店長", Account: "acc_mail", Address: "staff@hinata.example", Locale: engawa.Japanese, CreatedAt: now}),
		o.Store.SaveRoute(ctx, engawa.Route{
			Workspace: "ws_1", ID: "rte_contracts", Name: "契約", Enabled: true, Events: []string{"contract.*"}, UpdatedAt: now,
			Then: []engawa.Step{{To: "dst_staff", Purpose: engawa.Service, Via: []engawa.Via{{Account: "acc_mail"}}}},
		}),
		o.Store.AddAccount(ctx, engawa.Account{Workspace: "ws_1", ID: "acc_files", Kind: "csv", Name: "Luxliner", Enabled: true, CreatedAt: now, Settings: map[string]string{"mapping": text}}),
		o.Store.AddImport(ctx, engawa.Import{Workspace: "ws_1", ID: "imp_1", Account: "acc_files", CreatedAt: now}, []byte("会員番号,契約ID,プラン\n1,456,月額プラン\n")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	reader := &intake.Imports{Store: o.Store, Kinds: builtin.Kinds()}
	r, err := reader.Open(ctx, "ws_1", "imp_1")
	if err == nil {
		err = reader.Start(ctx, o.Store, r, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	told := func() string {
		rows, err := o.Store.Messages(ctx, "ws_1", store.MessageFilter{}, store.Page{})
		if err != nil || len(rows) == 0 {
			return ""
		}
		said, err := o.Store.Message(ctx, "ws_1", rows[0].Message.ID)
		if err != nil {
			t.Fatal(err)
		}
		return said.Message.Content.Subject + said.Message.Content.Text
	}
	end, stop := context.WithTimeout(ctx, 90*time.Second)
	defer stop()
	for told() == "" && end.Err() == nil {
		time.Sleep(50 * time.Millisecond) // the hub works by itself beside us
	}
	if said := told(); !strings.Contains(said, "月額プラン") || !strings.Contains(said, "契約が始まりました") {
		t.Errorf("the staff is told %q", said)
	}
}
