//go:build !race

package fault

const wantKills = 50 // in flight, over both engines
