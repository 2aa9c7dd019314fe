package receipt

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// TestCertificate: a certificate says what is still there before the purge and what
// was destroyed after it; it verifies by the published keys, is no receipt, and
// names no customer.
func TestCertificate(t *testing.T) {
	v := vault.New(vault.Generate(time.Now()))
	day := time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)
	e := store.Ending{
		Workspace: "ws_1", ID: "end_1", Partner: "ptn_1", Subscription: "sbs_1", Customer: "cus_hana", App: "app_1", StartedAt: day, EndedAt: day.AddDate(1, 0, 0), PurgeAt: day.AddDate(1, 1, 0),
		Shared: []store.Shared{{Partner: "ptn_1", App: "app_1", Handles: 3, Addresses: 1, Messages: 9}}, Left: store.Destroyed{Texts: 9, Replies: 2, Handles: 3, Customers: 2}, Decisions: 4,
	}
	before := NewCertificate("https://hub.example", "みどり農園", e, day)
	if before.Complete || before.DestroyedAt != nil || *before.Left != (Erased{9, 2, 3, 2}) || before.Destroyed != (Erased{}) || before.DestroyAt != e.PurgeAt {
		t.Errorf("%+v", before)
	}
	e.PurgedAt, e.Destroyed, e.Left = e.PurgeAt.Add(time.Minute), store.Destroyed{Texts: 9, Replies: 2, Handles: 3, Customers: 2, Kept: 1}, store.Destroyed{}
	after := NewCertificate("https://hub.example", "みどり農園", e, day)
	if !after.Complete || !after.DestroyedAt.Equal(e.PurgedAt) || after.Left != nil || after.Destroyed != (Erased{9, 2, 3, 2}) || after.Kept != (Kept{1, 4}) {
		t.Errorf("%+v", after)
	}
	for _, c := range []Certificate{before, after} {
		signed, err := SignCertificate(v, c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := CheckCertificate(signed, KeysOf(v))
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := Check(signed, KeysOf(v)); err == nil {
			t.Error("it passes as a receipt")
		}
		if _, err := CheckCertificate(signed, KeysOf(vault.New(vault.Generate(day)))); err == nil {
			t.Error("another hub's keys pass it")
		}
		if body, err := json.Marshal(c); err != nil || strings.Contains(string(body), "cus_") {
			t.Errorf("%s names a customer, %v", body, err)
		}
	}
	receipt, err := Sign(v, New("i", "sub_1", "app", decision(), day, veil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckCertificate(receipt, KeysOf(v)); err == nil {
		t.Error("a receipt passes as a certificate")
	}
}
