//go:build race

package fault

const wantKills = 20 // in flight, over both engines
