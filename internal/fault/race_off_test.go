//go:build !race

package fault

const (
	wantKills  = 50 // in flight, of webhooks, over both engines
	wantOthers = 8  // in flight, of mail and of Chatwork each, on SQLite
)
