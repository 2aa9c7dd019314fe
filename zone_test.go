package engawa_test

import (
	"testing"

	"github.com/engawa/engawa"
)

// TestZone: a zone is read once, and what names none is an error each time.
func TestZone(t *testing.T) {
	first, err := engawa.Zone("Asia/Seoul")
	again, err2 := engawa.Zone("Asia/Seoul")
	if err != nil || err2 != nil || first != again || first.String() != "Asia/Seoul" {
		t.Errorf("%v, then another %v: %v, %v", first, again, err, err2)
	}
	for range 2 {
		if zone, err := engawa.Zone("Asia/Atlantis"); err == nil {
			t.Errorf("Asia/Atlantis is %v", zone)
		}
	}
}
