package demo

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestQuick plays the main job as `engawa demo --quick` does.
func TestQuick(t *testing.T) {
	var out strings.Builder
	err := Run(context.Background(), Options{Addr: "127.0.0.1:0", Data: t.TempDir(), Quick: true, Out: &out, LogFile: os.Stderr})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"verified and answered 200", "journaled store.did_change_renewal_status.auto_renew_disabled", "verdict send", "verdict refuse at gate consent", "one notice is in the Chatwork room", "went by mail to the staff"} {
		if !strings.Contains(out.String(), step) {
			t.Errorf("step not printed: %q", step)
		}
	}
}
