package partner

import (
	"testing"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// TestStand: both sides of each limit, the least sample, and what stays.
func TestStand(t *testing.T) {
	for _, x := range []struct {
		sent, complaints int64
		now, want        engawa.Repute
	}{
		{0, 0, "", ""},
		{499, 499, "", ""}, // too few to say anything
		{500, 0, "", ""},
		{500, 1, "", "slowed"}, // 0.2 %
		{500, 2, "", "stopped"},
		{100_000, 99, "", ""},
		{100_000, 100, "", "warned"},
		{100_000, 199, "", "warned"},
		{100_000, 200, "", "slowed"},
		{100_000, 299, "", "slowed"},
		{100_000, 300, "", "stopped"},
		{1_001, 1, "", ""}, // 0.0999 %
		{1_000, 1, "", "warned"},
		{100_000, 99, "warned", ""}, // it goes back with the numbers
		{100_000, 150, "slowed", "warned"},
		{100_000, 0, "stopped", "stopped"}, // until a person lifts it
		{10, 0, "stopped", "stopped"},
	} {
		if got := Stand(store.Complained{Sent: x.sent, Complaints: x.complaints, Level: x.now}); got != x.want {
			t.Errorf("%d of %d, %q before: %q, not %q", x.complaints, x.sent, x.now, got, x.want)
		}
	}
}
