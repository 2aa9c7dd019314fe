package channeltest

import (
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/rule"
	"github.com/engawa/engawa/internal/verdict"
)

// Account is the id of the account that Run opens.
const Account = "acc_under_test"

// Parcel returns a service message to the address to on Account, with words in
// more than one script, ready to be cleared.
func Parcel(to engawa.Address) engawa.Parcel {
	return engawa.Parcel{
		Workspace:  "ws_test",
		Message:    "msg_01",
		Delivery:   "dlv_0123456789abcdefghjkmnpqrs",
		Account:    Account,
		Attempt:    1,
		Key:        "8f2f4d1e-4a3c-4a55-9d0e-6c1f6f6b2a10",
		To:         to,
		ToName:     "管理者",
		SenderName: "ひなた珈琲",
		Purpose:    engawa.Service,
		Locale:     engawa.Japanese,
		Content:    engawa.Content{Subject: "定期決済に失敗しました", Text: "契約: 456\n금액: ¥1,980\nPlan: yearly"},
		CreatedAt:  time.Now().UTC(),
	}
}

// Cleared returns p cleared now by a verdict on permissive facts: a service
// message of the workspace itself to one of its destinations.
func Cleared(t testing.TB, p engawa.Parcel) verdict.Cleared {
	t.Helper()
	rules, err := rule.Load()
	if err != nil {
		t.Fatalf("load rules: %v", err)
	}
	now := time.Now()
	c, v := verdict.Clear(engawa.Facts{
		Workspace:     p.Workspace,
		Account:       p.Account,
		Channel:       "test",
		ToDestination: true,
		Contact:       &engawa.ContactFacts{ID: "dst_1", Verified: true, Serves: true},
		Purpose:       engawa.Service,
		Trigger:       engawa.ByAutomatic,
		Controller:    engawa.ControllerWorkspace,
		Content:       engawa.ContentFacts{Subject: p.Content.Subject, Text: p.Content.Text},
		Sender:        engawa.SenderProfile{Name: p.SenderName, Postal: "金沢市", Phone: "076-000-0000", Mail: "hello@example.jp", Contact: "https://example.jp"},
		OneClick:      true,
		CreatedAt:     now,
	}, rules, now, p, now.Add(2*verdict.MaxAge))
	if v.Outcome != engawa.Send {
		t.Fatalf("the verdict on permissive facts is %s at gate %s: %+v", v.Outcome, v.Decided, v.Gates)
	}
	return c
}
