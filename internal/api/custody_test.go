package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/store/storetest"
)

// TestCustody: the ledger tells the risk of each entry and what is to be done first;
// what the provider answers and what somebody remarked stays in the console.
func TestCustody(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	s.must(s.st.AddCustody(t.Context(), engawa.Custody{Workspace: "ws_one", ID: "cst_line", Kind: "line", Name: "公式", CreatedAt: time.Now()}))
	_, err := s.st.WriteCustody(t.Context(), store.CustodyEntry{Workspace: "ws_one", Custody: "cst_line", Line: engawa.CustodyLine{Stated: &engawa.CustodyStatement{
		Owner: engawa.OwnerWorkspace, Note: "remark-canary", Holders: []engawa.CustodyHolder{
			{Name: "店長", Side: engawa.SideOwn, Rights: []string{"oa_admin"}}, {Name: "B社", Side: engawa.SideOutside, Rights: []string{"oa_admin"}},
		},
	}}})
	s.must(err)
	status, _, text := s.do("GET", "/v1/custody", s.key, "")
	for _, want := range []string{`"risk":"part"`, `{"key":"remove","holder":"B社","right":"oa_admin","urgent":true}`, `"account":"acc_mail","risk":"unstated"`} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("%d, without %s: %s", status, want, text)
		}
	}
	if strings.Contains(text, "canary") {
		t.Error("it tells a remark")
	}
}
